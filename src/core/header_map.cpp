#include "core/header_map.h"

#include <algorithm>
#include <optional>

#include "core/format.h"
#include "core/header_faults.h"
#include "core/own_columns.h"
#include "core/role_set.h"
#include "core/spreadsheet_guard.h"
#include "core/text.h"

namespace customer_import {

// Reads the header column by column.
class HeaderReader {
public:
    HeaderReader(std::span<const std::string_view> header, const std::vector<Field>& fields,
                 const HeaderOptions& options)
        : header_(header),
          fields_(fields),
          options_(options),
          finder_(fields),
          faults_(header, fields),
          fed_by_(fields.size()),
          meets_header_(options.columns.size()) {
        map_.fields_ = &fields;
        for (const ColumnMeaning& meaning : options.columns) {
            meaning_names_.push_back(visible_header(meaning.header));
            meaning_keys_.push_back(header_key(meaning.header));
        }
    }

    std::variant<HeaderMap, Refusal> read();

private:
    struct Fed {
        std::size_t column;
        bool is_mapped;  // by the caller
    };

    void read_column(std::size_t column);
    const ColumnMeaning* find_meaning(const std::string& name);
    void take_meaning(std::size_t column, const ColumnMeaning& meaning);
    bool take_role_column(std::size_t column, const std::string& name);
    bool take_code(std::size_t column, std::string_view code);
    void feed(std::size_t column, int field, bool is_mapped, int role = HeaderMap::kNoRole);
    const Field* field_of(FieldKind kind) const;
    void check_all();
    void mark_united();

    std::span<const std::string_view> header_;
    const std::vector<Field>& fields_;
    const HeaderOptions& options_;
    const FieldFinder finder_;
    HeaderFaults faults_;
    std::vector<std::optional<Fed>> fed_by_;  // by field: what has fed it first
    std::vector<std::string> meaning_names_, meaning_keys_;
    std::vector<bool> meets_header_;
    bool may_miss_user_name_ = false;  // a fault that was found is of that column
    std::size_t looked_up_ = 0;        // headers that were compared with all codes
    HeaderMap map_;
};

std::variant<HeaderMap, Refusal> HeaderReader::read() {
    for (std::size_t column = 0; column < header_.size(); ++column) {
        if (equal_ignoring_ascii_case(trim(header_[column]), kEscapedColumn)) {
            map_.escaped_column_ = static_cast<int>(column);
        }
    }
    for (std::size_t column = 0; column < header_.size(); ++column) {
        options_.check_interrupts();
        map_.columns_.push_back(HeaderMap::kIgnored);
        read_column(column);
    }
    check_all();
    if (!faults_.empty()) {
        return faults_.refusal();
    }
    mark_united();
    return std::move(map_);
}

void HeaderReader::read_column(std::size_t column) {
    std::string name = visible_header(header_[column]);
    std::string storage;
    if (map_.escaped_column_ != HeaderMap::kIgnored && name.starts_with('\'')) {
        name = visible_header(unguarded_header(trim(header_[column]), storage));
    }
    const int field = finder_.find(name);
    map_.escape_names_.push_back(field == kNoField ? name : fields_[static_cast<std::size_t>(field)].name);
    if (const ColumnMeaning* meaning = find_meaning(name)) {
        take_meaning(column, *meaning);
        return;
    }
    if (name.empty()) {
        map_.warnings_.push_back(format("column {} has no name and was ignored", column + 1));
        return;
    }
    if (name.starts_with('_')) {
        if (equal_ignoring_ascii_case(name, kBrokenColumn)) {
            map_.broken_column_ = static_cast<int>(column);
        }
        return;
    }
    if (field != kNoField) {
        feed(column, field, false);
        return;
    }
    if (take_role_column(column, name)) {
        return;
    }
    const int meant = finder_.find_near_miss(name);
    if (meant != kNoField) {
        const Field& field_meant = fields_[static_cast<std::size_t>(meant)];
        may_miss_user_name_ = may_miss_user_name_ || field_meant.kind == FieldKind::user_name;
        faults_.misspelled(name, field_meant.name);
        return;
    }
    map_.warnings_.push_back(format("column {} is not known and was ignored", quoted(name)));
    map_.ignored_.push_back(name);
}

// What the caller says of a header: by its very name before one that is the same ignoring case, blanks, _ and -.
const ColumnMeaning* HeaderReader::find_meaning(const std::string& name) {
    auto found = std::find(meaning_names_.begin(), meaning_names_.end(), name) - meaning_names_.begin();
    if (static_cast<std::size_t>(found) == meaning_names_.size()) {
        const std::string key = meaning_names_.empty() ? std::string() : header_key(name);
        if (key.empty()) {
            return nullptr;
        }
        found = std::find(meaning_keys_.begin(), meaning_keys_.end(), key) - meaning_keys_.begin();
    }
    const auto index = static_cast<std::size_t>(found);
    if (index == options_.columns.size()) {
        return nullptr;
    }
    meets_header_[index] = true;
    return &options_.columns[index];
}

void HeaderReader::take_meaning(std::size_t column, const ColumnMeaning& meaning) {
    for (const std::string& name : meaning.fields) {
        options_.check_interrupts();
        const int field = finder_.find(name);
        if (field != kNoField) {
            feed(column, field, true);
            continue;
        }
        const int meant = finder_.find_near_miss(name);
        faults_.unknown_field(meaning.header, name,
                              meant == kNoField ? std::string_view() : fields_[static_cast<std::size_t>(meant)].name);
    }
}

// Returns true for a column of one role, and for a fault of one.
bool HeaderReader::take_role_column(std::size_t column, const std::string& name) {
    const std::string& begin = options_.role_columns;
    if (begin.empty()) {
        return false;
    }
    if (begin != kAnyRoleColumn) {
        const std::string_view shown = name;
        if (!equal_ignoring_ascii_case(shown.substr(0, begin.size()), begin)) {
            return false;
        }
        const std::string_view code = trim(shown.substr(begin.size()));
        if (!take_code(column, code)) {
            faults_.unknown_code(name, options_.catalog->suggest(code, looked_up_++, options_.check_interrupts));
        }
        return true;
    }
    if (!options_.catalog->find(name).empty()) {
        return take_code(column, name);
    }
    if (finder_.find_near_miss(name) != kNoField) {
        return false;
    }
    // Codes are suggested for what is far from them, too: a column of another system is not to be taken for one.
    const std::string_view nearest = options_.catalog->suggest(name, looked_up_++, options_.check_interrupts);
    const std::size_t limit = near_miss_limit(nearest);
    if (nearest.empty() || edit_distance(name, nearest, limit) > limit) {
        return false;
    }
    faults_.unknown_code(name, nearest);
    return true;
}

// Returns false where there is no such code.
bool HeaderReader::take_code(std::size_t column, std::string_view code) {
    const std::string_view spelling = options_.catalog->find(code);
    if (spelling.empty() && !(options_.may_create_codes && is_role_code(code))) {
        return false;
    }
    map_.role_codes_.emplace_back(spelling.empty() ? code : spelling);
    feed(column, static_cast<int>(field_of(FieldKind::add_roles) - fields_.data()), true,
         static_cast<int>(map_.role_codes_.size()) - 1);
    return true;
}

void HeaderReader::feed(std::size_t column, int field, bool is_mapped, int role) {
    const Field& fed = fields_[static_cast<std::size_t>(field)];
    std::optional<Fed>& first = fed_by_[static_cast<std::size_t>(field)];
    const bool is_repeated_for_column = first && first->column == column;
    if (first && (!is_united(fed.kind) || is_repeated_for_column)) {
        if (is_mapped || first->is_mapped) {
            faults_.mapped_twice(fed.name, first->column, column);
        } else {
            faults_.named_twice(fed.name, first->column, column);
        }
        return;
    }
    first = Fed{column, is_mapped};
    if (map_.columns_[column] == HeaderMap::kIgnored) {
        map_.columns_[column] = field;
    }
    map_.feeds_.push_back({column, field, role});
    if (is_value(fed.kind)) {
        map_.value_fields_.push_back(field);
    }
}

const Field* HeaderReader::field_of(FieldKind kind) const {
    return &*std::find_if(fields_.begin(), fields_.end(), [&](const Field& field) { return field.kind == kind; });
}

// Faults of the header as a whole; those that follow from others are left out.
void HeaderReader::check_all() {
    for (std::size_t i = 0; i < meets_header_.size(); ++i) {
        options_.check_interrupts();
        if (!meets_header_[i]) {
            faults_.unknown_header(options_.columns[i].header);
        }
    }
    if (!options_.role_columns.empty() && map_.role_codes_.empty() && faults_.empty()) {
        faults_.no_role_column(options_.role_columns);
    }
    const std::string& user_name = field_of(FieldKind::user_name)->name;
    const bool is_sound = faults_.empty();
    if (!map_.has(FieldKind::user_name)) {
        if (!may_miss_user_name_) {
            faults_.no_user_name(user_name);
        }
    } else if (is_sound && map_.feeds_.size() == 1) {
        faults_.nothing_to_import(user_name);
    }
}

void HeaderReader::mark_united() {
    for (HeaderMap::Feed& feed : map_.feeds_) {
        const auto feeds_same = [&](const HeaderMap::Feed& other) { return other.field == feed.field; };
        feed.is_united = feed.role != HeaderMap::kNoRole ||
                         (is_united(fields_[static_cast<std::size_t>(feed.field)].kind) &&
                          std::count_if(map_.feeds_.begin(), map_.feeds_.end(), feeds_same) > 1);
        map_.has_united_ = map_.has_united_ || feed.is_united;
    }
}

std::variant<HeaderMap, Refusal> HeaderMap::create(std::span<const std::string_view> header,
                                                   const std::vector<Field>& fields, const HeaderOptions& options) {
    return HeaderReader(header, fields, options).read();
}

bool HeaderMap::has(FieldKind kind) const {
    return std::any_of(feeds_.begin(), feeds_.end(),
                       [&](const Feed& feed) { return (*fields_)[static_cast<std::size_t>(feed.field)].kind == kind; });
}

}  // namespace customer_import
