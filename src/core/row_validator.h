// Step 3: row validation. A CSV record becomes a record of a batch, or a list of issues.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/batch.h"
#include "core/boolean_cell.h"
#include "core/csv_reader.h"
#include "core/file_warnings.h"
#include "core/header_map.h"
#include "core/issue.h"
#include "core/pace.h"
#include "core/result.h"
#include "core/role_catalog.h"
#include "core/text.h"
#include "core/united_roles.h"

namespace customer_import {

inline constexpr std::size_t kMaxCodesPerCell = 1000;

struct ValidatorOptions {
    bool fold_user_names = true;         // false: the user name is trimmed only
    bool collect_unknown_codes = false;  // unknown well-formed codes are no issue but kept for unknown_codes()
    bool keep_damaged = false;           // text that was damaged before it came here is taken as it is
    FileWarnings* warnings = nullptr;    // told of damaged cells; must outlive the validator
    std::string encoding = "UTF-8";      // of the file, as invalid_encoding names it
    // Describes the bytes of the file that an invalid sequence comes from, of a record that was converted from another
    // encoding.
    std::function<std::string(std::string_view record, std::size_t offset)> describe_invalid;
    InterruptCheck check_interrupts = ask_nobody;
};

class RowValidator {
public:
    // Both must outlive the validator. The catalog may grow while it is used.
    RowValidator(const HeaderMap& header, const RoleCatalog& catalog, const ValidatorOptions& options);

    // Checks one record. Without issues it is added to `batch` and `issues` stays empty; otherwise `issues` says all
    // that is wrong with it. A refusal (too many codes in a cell) is of the whole file.
    Status validate(const CsvRecord& record, Batch& batch, std::vector<Issue>& issues);

    // The user name of the record that was validated last; empty when it has none that can be used.
    std::string_view user_name() const { return user_name_; }

    // With collect_unknown_codes: the codes of addRoles and roles that the catalog lacks, of records without issues,
    // in order of appearance, the first spelling each.
    const std::vector<std::string>& unknown_codes() const { return unknown_codes_; }

private:
    // What a role cell says, by the catalog.
    struct RoleCell {
        std::vector<std::string_view> known;  // a canonical role set in the catalog's spelling
        std::vector<std::string_view>
            unknown;  // as written, in order of appearance, distinct ignoring case; views of the cache's key
        bool too_many_codes = false;

        bool empty() const { return known.empty() && unknown.empty(); }
    };

    void start_record(const CsvRecord& record);
    std::string_view own_cell(const CsvRecord& record, int column) const;
    std::string_view unguarded_cell(std::string_view escaped, std::size_t column, std::string_view cell);
    void check_shape(const CsvRecord& record, std::vector<Issue>& issues) const;
    Status read_field(const Field& field, std::string_view cell, std::int64_t line, std::vector<Issue>& issues);
    void read_user_name(const Field& field, std::string_view cell, std::vector<Issue>& issues);
    void doubt_user_name(std::string_view name, std::vector<Issue>& issues);
    Status read_roles(const Field& field, std::string_view cell, std::int64_t line, std::vector<Issue>& issues);
    Status read_codes(const Field& field, std::string_view text, std::int64_t line, std::vector<Issue>& issues);
    bool names_no_role(const Field& field, std::string_view text, std::int64_t line);
    void unite_roles(const HeaderMap::Feed& feed, const Field& field, std::string_view cell, std::int64_t line,
                     std::vector<Issue>& issues);
    Status read_united_roles(std::int64_t line, std::vector<Issue>& issues);
    void read_value(const Field& field, std::string_view cell, std::int64_t line, std::vector<Issue>& issues);
    void doubt_value(const Field& field, std::string_view cell, std::int64_t line);
    void list_unknown_codes(const Field& field, const RoleCell& roles, std::vector<Issue>& issues, bool may_be_created);
    void suggest_codes(std::vector<Issue>& issues) const;
    void check_conflicts(std::vector<Issue>& issues) const;
    RoleCell& find_role_cell(FieldKind kind, std::string_view text);
    void parse_role_cell(std::string_view text, RoleCell& roles) const;
    void collect_unknown_codes(const RoleCell& roles);
    std::span<const std::string_view> keep_lost_roles(Batch& batch, const RoleCell& roles);
    void add_to(Batch& batch, const CsvRecord& record);

    const HeaderMap& header_;
    const RoleCatalog& catalog_;
    ValidatorOptions options_;
    std::vector<std::string> unknown_codes_;
    TextMap<bool> collected_;  // unknown_codes_ in lower case

    // Files repeat few role cells very often. The cache is emptied between records when it takes too much memory, and when
    // the catalog has grown, since unknown codes may be known then. A file with many different ones gains nothing from
    // more of them there.
    TextMap<RoleCell> role_cells_;
    struct {
        RoleCell add_roles, remove_roles, roles;
    } uncached_;
    std::size_t role_cell_bytes_ = 0;
    std::size_t catalog_size_ = 0;

    // The record in progress; its role cells are those above.
    std::string user_name_;
    const RoleCell* add_roles_ = nullptr;
    const RoleCell* remove_roles_ = nullptr;
    const RoleCell* replace_roles_ = nullptr;
    bool clears_roles_ = false;
    std::size_t open_issues_ = 0;      // those that only the customer's row can tell to be faults
    std::string_view doubtful_name_;   // see Record
    bool has_doubtful_cells_ = false;  // see Record
    bool may_be_damaged_ = false;      // it has the first byte of U+FFFD
    struct UnknownCode {
        std::size_t issue;  // its place among the issues
        std::string_view code;
        bool may_be_created;  // were it a code that can be
    };
    std::vector<UnknownCode> unknown_issues_;
    std::vector<Cell> cells_;
    UnitedRoles united_;
    std::deque<std::string> decoded_;  // cells that were coded; they never move
    std::vector<std::string_view> lost_roles_;
};

}  // namespace customer_import
