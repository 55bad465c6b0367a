// The change log: what an import did to each customer, packed into pages that fit a heap page, so that the log costs an
// import little. import_changes shows them as rows, undo reads them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text.h"

namespace customer_import {

class PackedWriter;

// A value field that a change touched. nullopt is NULL.
struct FieldChange {
    std::string_view field;  // its CSV name, e.g. email
    std::optional<std::string_view> before;
    std::optional<std::string_view> after;
};

struct Change {
    std::int64_t line = 0;
    std::string_view user_name;
    bool created = false;
    std::vector<std::string_view> added;
    std::vector<std::string_view> removed;
    std::vector<FieldChange> fields;
    bool deleted = false;  // by an undo; `removed` and `before` are what the customer had
};

// Bytes of payload after which a page is closed: with its other columns a row still fits one 8 KiB heap page.
inline constexpr std::size_t kChangePageBytes = 7800;

// Packs changes, which come in the order of their user names. Codes and field names are written once a page.
class ChangePageWriter {
public:
    // Appends a change, whose names live until take(). A single change may exceed kChangePageBytes; it then has a page of
    // its own.
    void add(const Change& change);

    bool empty() const { return count_ == 0; }
    std::size_t count() const { return count_; }

    // True when the page should be taken before more is added.
    bool full() const;

    // Returns the payload and starts a new page.
    std::string take();

private:
    // A name and its index in names_.
    struct RecentName {
        std::string_view name;
        std::uint64_t index = 0;
        bool is_known = false;
    };

    std::uint64_t find_name(std::string_view name);
    void put_name(PackedWriter& writer, std::string_view name);
    void put_names(PackedWriter& writer, const std::vector<std::string_view>& names);

    std::string body_;  // its first size_ bytes; the rest is room
    std::size_t size_ = 0;
    TextMap<std::uint64_t> names_;  // codes and field names of this page, by order of appearance
    std::array<RecentName, 256> recent_;
    std::size_t count_ = 0;
    std::int64_t last_line_ = 0;
};

// Whether bytes are text. Raises nothing.
using TextCheck = bool (*)(std::string_view);

// Reads a page. The bytes are not trusted: whatever they are, nothing outside of them is read, no more is kept than a
// fixed multiple of their size, and each text has passed the check before it is handed out. The views of a change live
// as long as `payload` and until next() is called again.
class ChangePageReader {
public:
    ChangePageReader(std::string_view payload, TextCheck is_text);

    // Changes that the page says it has.
    std::uint64_t count() const { return count_; }

    // Reads the next change of a user name from `from` on; what is before it is passed over, and its texts are not checked.
    // Returns false at the end and on damage (another version, an impossible length or number,
    // user names that are not in order, bytes that are not text, bytes after the last change); damaged() tells which.
    bool next(Change& change, std::string_view from = {});
    bool damaged() const { return damaged_; }

private:
    bool read_change(Change& change, std::string_view from);
    bool read_text(std::string_view& text);
    bool read_optional_text(bool present, std::optional<std::string_view>& text);
    bool read_name(std::string_view& name);
    bool read_names(std::vector<std::string_view>& names);
    bool read_fields(std::vector<FieldChange>& fields);
    bool skip_names();
    bool skip_fields();

    std::string_view rest_;
    TextCheck is_text_;
    std::vector<std::string_view> names_;
    std::uint64_t count_ = 0;
    std::uint64_t left_ = 0;
    std::int64_t last_line_ = 0;
    std::string_view last_user_name_;
    bool damaged_ = false;
};

}  // namespace customer_import
