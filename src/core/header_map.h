// Step 2: header mapping. Says which CSV column feeds which field of the customers table.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/header_names.h"
#include "core/pace.h"
#include "core/result.h"
#include "core/role_catalog.h"

namespace customer_import {

// What the caller says that a header means: fields by name, or nothing where it is to be ignored.
struct ColumnMeaning {
    std::string header;
    std::vector<std::string> fields;
};

// Headers with any begin that are codes of the catalog, as the value of HeaderOptions::role_columns.
inline constexpr std::string_view kAnyRoleColumn = "*";

struct HeaderOptions {
    std::vector<ColumnMeaning> columns;    // headers that are not named keep their meaning
    std::string role_columns;              // headers that are a role code each, or begin with this; empty: none
    const RoleCatalog* catalog = nullptr;  // not nullptr where there may be role columns
    bool may_create_codes = false;         // a role column with a well-formed code needs none in the catalog
    InterruptCheck check_interrupts = ask_nobody;
};

class HeaderMap {
public:
    static constexpr int kIgnored = kNoField;
    static constexpr int kNoRole = -1;

    // What a column does to a field: gives it its cells, or, as a column of one role, adds that role where its cell says so.
    struct Feed {
        std::size_t column = 0;
        int field = kIgnored;    // an index into fields()
        int role = kNoRole;      // an index into role_codes()
        bool is_united = false;  // others feed the same field
    };

    // Maps header cells to `fields` (which must outlive the map) by the rules of doc/csv_file.md: case, blanks, _ and -
    // are ignored, near misses are refused; a refusal names all faults. Cells must be valid UTF-8.
    static std::variant<HeaderMap, Refusal> create(std::span<const std::string_view> header,
                                                   const std::vector<Field>& fields, const HeaderOptions& options = {});

    // By column, and of one column in the order that was asked for.
    const std::vector<Feed>& feeds() const { return feeds_; }
    const std::vector<std::string>& role_codes() const { return role_codes_; }
    // True when any feed is united.
    bool has_united() const { return has_united_; }

    // For each CSV column the index into fields() of the first field that it feeds, or kIgnored.
    const std::vector<int>& columns() const { return columns_; }
    const std::vector<Field>& fields() const { return *fields_; }

    // The fields of kind text, boolean and other that the header names, as indexes into fields(), in header order. A
    // record's cells follow this order.
    const std::vector<int>& value_fields() const { return value_fields_; }

    // True when the header names a field of that kind.
    bool has(FieldKind kind) const;

    // The column `_escaped`, or kIgnored: it says which cells of a record are guarded (core/spreadsheet_guard).
    int escaped_column() const { return escaped_column_; }
    // How `_escaped` names each CSV column: by the field that its header means by itself, or by the header, since the file
    // of rejected records is made without what the caller said of it.
    const std::vector<std::string>& escape_names() const { return escape_names_; }

    // The column `_broken`, or kIgnored: a record is rejected until its cell there is empty (core/own_columns).
    int broken_column() const { return broken_column_; }

    const std::vector<std::string>& warnings() const { return warnings_; }
    // The columns with a name that are not known, and that nobody said to ignore.
    const std::vector<std::string>& ignored() const { return ignored_; }

private:
    friend class HeaderReader;

    const std::vector<Field>* fields_ = nullptr;
    std::vector<Feed> feeds_;
    std::vector<std::string> role_codes_;
    bool has_united_ = false;
    std::vector<int> columns_;
    std::vector<int> value_fields_;
    int escaped_column_ = kIgnored;
    int broken_column_ = kIgnored;
    std::vector<std::string> escape_names_;
    std::vector<std::string> warnings_;
    std::vector<std::string> ignored_;
};

}  // namespace customer_import
