// Any bytes as a page of the change log: reading must stay inside of them, and what is read must survive being written
// and read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/change_page.h"
#include "require.h"

using namespace customer_import;

namespace {

// Returns the changes up to the first damage.
std::vector<Change> read_all(std::string_view payload, bool& damaged) {
    ChangePageReader reader(payload);
    std::vector<Change> changes;
    Change change;
    while (reader.next(change)) changes.push_back(change);
    damaged = reader.damaged();
    return changes;
}

bool same_field(const FieldChange& a, const FieldChange& b) {
    return a.field == b.field && a.before == b.before && a.after == b.after;
}

bool same(const Change& a, const Change& b) {
    return a.line == b.line && a.user_name == b.user_name && a.created == b.created && a.added == b.added &&
           a.removed == b.removed &&
           std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(), same_field);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bool damaged = false;
    const std::vector<Change> changes = read_all({reinterpret_cast<const char*>(data), size}, damaged);

    ChangePageWriter writer;
    for (const Change& change : changes) writer.add(change);
    const std::string payload = writer.take();
    const std::vector<Change> again = read_all(payload, damaged);
    require(!damaged, "a written page can be read");
    require(std::equal(changes.begin(), changes.end(), again.begin(), again.end(), same),
            "a page gives back what was written");
    return 0;
}
