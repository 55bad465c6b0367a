#include "core/change_page.h"

#include <utility>

#include "core/packed.h"

namespace customer_import {

// The payload:
//   page    version (1 byte), number of changes, changes
//   change  line minus the line before (zigzag), 1 if created, 2 if deleted, else 0 (1 byte), user name (text), added
//           (names), removed (names), number of fields, fields
//   field   name, what there is of before and after (1 byte, below), before (text), after (text)
//   names   number of names, each a name
//   name    index into the names of this page; the index after the last known one brings a new name (text) with it
//   text    length, bytes
// All numbers are base 128 varints, lowest bits first.

namespace {

constexpr char kVersion = 1;
constexpr unsigned char kCreated = 1;
constexpr unsigned char kDeleted = 2;
constexpr unsigned char kHasBefore = 1;
constexpr unsigned char kHasAfter = 2;

// Maps small differences of either sign to small numbers. Unsigned arithmetic: lines may be any numbers.
std::uint64_t zigzag(std::uint64_t difference) { return (difference << 1) ^ (0 - (difference >> 63)); }

std::uint64_t unzigzag(std::uint64_t number) { return (number >> 1) ^ (0 - (number & 1)); }

// The fewest bytes that each of them takes.
constexpr std::size_t kLeastChange = 6;
constexpr std::size_t kLeastName = 1;
constexpr std::size_t kLeastField = 2;

// No less than what is written of names, and of a change.
std::size_t most_bytes_of_names(const std::vector<std::string_view>& names) {
    std::size_t bytes = kMostNumberBytes;
    for (const std::string_view name : names) {
        bytes += kMostNumberBytes + most_bytes(name);
    }
    return bytes;
}

std::size_t most_bytes_of_change(const Change& change) {
    std::size_t bytes = kMostNumberBytes + 1 + most_bytes(change.user_name) + most_bytes_of_names(change.added) +
                        most_bytes_of_names(change.removed) + kMostNumberBytes;
    for (const FieldChange& field : change.fields) {
        bytes += kMostNumberBytes + most_bytes(field.field) + 1 + (field.before ? most_bytes(*field.before) : 0) +
                 (field.after ? most_bytes(*field.after) : 0);
    }
    return bytes;
}

}  // namespace

// Returns the index of a name in names_; its size for one that is not there yet.
std::uint64_t ChangePageWriter::find_name(std::string_view name) {
    RecentName& recent = recent_[hash_of_ends(name) % recent_.size()];
    if (!recent.is_known || recent.name != name) {
        const auto known = names_.find(name);
        recent = {name, known != names_.end() ? known->second : names_.size(), true};
    }
    return recent.index;
}

void ChangePageWriter::put_name(PackedWriter& writer, std::string_view name) {
    const std::uint64_t index = find_name(name);
    writer.number(index);
    if (index == names_.size()) {
        writer.text(name);
        names_.emplace(name, index);
    }
}

void ChangePageWriter::put_names(PackedWriter& writer, const std::vector<std::string_view>& names) {
    writer.number(names.size());
    for (const std::string_view name : names) {
        put_name(writer, name);
    }
}

void ChangePageWriter::add(const Change& change) {
    if (const std::size_t bytes = size_ + most_bytes_of_change(change); bytes > body_.size()) {
        body_.resize(2 * bytes);
    }
    PackedWriter writer(body_.data() + size_);
    writer.number(zigzag(static_cast<std::uint64_t>(change.line) - static_cast<std::uint64_t>(last_line_)));
    last_line_ = change.line;
    writer.byte(change.created ? kCreated : change.deleted ? kDeleted : 0);
    writer.text(change.user_name);
    put_names(writer, change.added);
    put_names(writer, change.removed);
    writer.number(change.fields.size());
    for (const FieldChange& field : change.fields) {
        put_name(writer, field.field);
        writer.byte(static_cast<unsigned char>((field.before ? kHasBefore : 0) | (field.after ? kHasAfter : 0)));
        if (field.before) {
            writer.text(*field.before);
        }
        if (field.after) {
            writer.text(*field.after);
        }
    }
    size_ = static_cast<std::size_t>(writer.end() - body_.data());
    ++count_;
}

bool ChangePageWriter::full() const { return size_ >= kChangePageBytes; }

std::string ChangePageWriter::take() {
    std::string payload(1, kVersion);
    put_number(payload, count_);
    payload.append(body_, 0, size_);
    size_ = 0;
    names_.clear();
    recent_.fill({});
    count_ = 0;
    last_line_ = 0;
    return payload;
}

ChangePageReader::ChangePageReader(std::string_view payload, TextCheck is_text) : rest_(payload), is_text_(is_text) {
    unsigned char version = 0;
    damaged_ = !get_byte(rest_, version) || version != kVersion || !get_count(rest_, kLeastChange, count_);
    left_ = damaged_ ? 0 : count_;
}

bool ChangePageReader::next(Change& change, std::string_view from) {
    while (!damaged_ && left_ > 0) {
        --left_;
        damaged_ = !read_change(change, from) || change.user_name < last_user_name_;
        last_user_name_ = change.user_name;
        if (!damaged_ && change.user_name >= from) {
            return true;
        }
    }
    damaged_ = damaged_ || !rest_.empty();
    return false;
}

bool ChangePageReader::read_change(Change& change, std::string_view from) {
    std::uint64_t line_difference = 0;
    unsigned char existence = 0;
    if (!get_number(rest_, line_difference) || !get_byte(rest_, existence) || existence > kDeleted) {
        return false;
    }
    last_line_ = static_cast<std::int64_t>(static_cast<std::uint64_t>(last_line_) + unzigzag(line_difference));
    change.line = last_line_;
    change.created = existence == kCreated;
    change.deleted = existence == kDeleted;
    if (!read_text(change.user_name)) {
        return false;
    }
    return change.user_name < from
               ? skip_names() && skip_names() && skip_fields()
               : read_names(change.added) && read_names(change.removed) && read_fields(change.fields);
}

bool ChangePageReader::read_text(std::string_view& text) { return get_text(rest_, text) && is_text_(text); }

bool ChangePageReader::read_optional_text(bool present, std::optional<std::string_view>& text) {
    text.reset();
    return !present || read_text(text.emplace());
}

bool ChangePageReader::read_name(std::string_view& name) {
    std::uint64_t index = 0;
    if (!get_number(rest_, index) || index > names_.size()) {
        return false;
    }
    if (index < names_.size()) {
        name = names_[index];
        return true;
    }
    if (!read_text(name)) {
        return false;
    }
    names_.push_back(name);
    return true;
}

bool ChangePageReader::read_names(std::vector<std::string_view>& names) {
    std::uint64_t count = 0;
    if (!get_count(rest_, kLeastName, count)) {
        return false;
    }
    names.resize(count);
    for (std::string_view& name : names) {
        if (!read_name(name)) {
            return false;
        }
    }
    return true;
}

bool ChangePageReader::read_fields(std::vector<FieldChange>& fields) {
    std::uint64_t count = 0;
    if (!get_count(rest_, kLeastField, count)) {
        return false;
    }
    fields.resize(count);
    for (FieldChange& field : fields) {
        unsigned char present = 0;
        if (!read_name(field.field) || !get_byte(rest_, present) || present > (kHasBefore | kHasAfter)) {
            return false;
        }
        if (!read_optional_text((present & kHasBefore) != 0, field.before)) {
            return false;
        }
        if (!read_optional_text((present & kHasAfter) != 0, field.after)) {
            return false;
        }
    }
    return true;
}

// Later changes may refer to the names.
bool ChangePageReader::skip_names() {
    std::uint64_t count = 0;
    bool good = get_count(rest_, kLeastName, count);
    for (std::string_view name; good && count > 0; --count) {
        good = read_name(name);
    }
    return good;
}

bool ChangePageReader::skip_fields() {
    std::uint64_t count = 0;
    bool good = get_count(rest_, kLeastField, count);
    for (std::string_view text; good && count > 0; --count) {
        unsigned char present = 0;
        good = read_name(text) && get_byte(rest_, present) && present <= (kHasBefore | kHasAfter) &&
               ((present & kHasBefore) == 0 || get_text(rest_, text)) &&
               ((present & kHasAfter) == 0 || get_text(rest_, text));
    }
    return good;
}

}  // namespace customer_import
