// Any bytes as a page of the change log, read as import_changes, undo and retention read it (src/pg/input/stored_changes.cpp): with
// every text verified. Reading must stay inside of the bytes, keep no more than a multiple of them, and hand out nothing but
// texts, in order; what is read must survive being written and read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/change_page.h"
#include "core/text.h"
#include "require.h"

using namespace customer_import;

namespace {

// What the server's verification says.
bool is_text(std::string_view bytes) {
    return find_invalid_utf8(bytes) == std::string_view::npos && bytes.find('\0') == std::string_view::npos;
}

bool is_optional_text(const std::optional<std::string_view>& text) { return !text || is_text(*text); }

// Returns the changes up to the first damage.
std::vector<Change> read_all(std::string_view payload, bool& damaged) {
    ChangePageReader reader(payload, is_text);
    std::vector<Change> changes;
    Change change;
    while (reader.next(change)) {
        require(changes.empty() || changes.back().user_name <= change.user_name,
                "changes come in the order of user names");
        changes.push_back(change);
    }
    damaged = reader.damaged();
    require(damaged || reader.count() == changes.size(), "a page has as many changes as it says");
    return changes;
}

void require_texts(const Change& change, std::size_t bytes) {
    require(is_text(change.user_name), "a user name is text");
    require(std::all_of(change.added.begin(), change.added.end(), is_text), "codes that were added are texts");
    require(std::all_of(change.removed.begin(), change.removed.end(), is_text), "codes that were removed are texts");
    require(std::all_of(change.fields.begin(), change.fields.end(),
                        [](const FieldChange& field) {
                            return is_text(field.field) && is_optional_text(field.before) &&
                                   is_optional_text(field.after);
                        }),
            "fields are texts");
    require(change.added.size() + change.removed.size() + 2 * change.fields.size() <= bytes,
            "nothing is made of no bytes");
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
    for (const Change& change : changes) {
        require_texts(change, size);
        writer.add(change);
    }
    const std::string payload = writer.take();
    const std::vector<Change> again = read_all(payload, damaged);
    require(!damaged, "a written page can be read");
    require(std::equal(changes.begin(), changes.end(), again.begin(), again.end(), same),
            "a page gives back what was written");
    return 0;
}
