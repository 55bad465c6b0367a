#include "pg/background/turns.h"

#include <algorithm>
#include <utility>

#include "pg/background/shared_slices.h"
#include "pg/server/settings.h"

namespace customer_import::pg {

namespace {

// Of an undo or a retry it is not known.
bool is_small(const WaitingImport& import) { return import.file_bytes > 0 && import.file_bytes < kSharedFileBytes; }

}  // namespace

void Places::take(const WaitingImport& import, bool is_blocked) {
    for (Running* running : {&all_, &operators_[import.operator_name]}) {
        ++running->imports;
        running->blocked += is_blocked ? 1 : 0;
    }
    small_ += is_small(import) && !is_blocked ? 1 : 0;
}

int Places::count_running(const std::string& operator_name) const {
    const auto found = operators_.find(operator_name);
    return found == operators_.end() ? 0 : found->second.imports;
}

bool Places::has_one_for(const WaitingImport& import) const {
    const auto own = operators_.find(import.operator_name);
    const int own_blocked = own == operators_.end() ? 0 : own->second.blocked;
    const int taken = all_.imports - all_.blocked + std::max(own_blocked, all_.blocked - max_running_imports);
    return taken < max_running_imports ||
           (is_small(import) && small_ == 0 && count_running(import.operator_name) == 0 &&
            all_.imports < 2 * max_running_imports);
}

std::vector<WaitingImport>::iterator Turns::next(std::vector<WaitingImport>& candidates, const Places& places) {
    const auto rank = [&](const WaitingImport& import) {
        const auto last = last_.find(import.operator_name);
        return std::pair(places.count_running(import.operator_name), last == last_.end() ? 0 : last->second);
    };
    auto found = candidates.end();
    for (auto candidate = candidates.begin(); candidate != candidates.end(); ++candidate) {
        if (places.has_one_for(*candidate) && (found == candidates.end() || rank(*candidate) < rank(*found))) {
            found = candidate;
        }
    }
    if (found != candidates.end()) {
        last_[found->operator_name] = ++number_;
    }
    return found;
}

}  // namespace customer_import::pg
