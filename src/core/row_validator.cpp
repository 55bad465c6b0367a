#include "core/row_validator.h"

#include "core/format.h"
#include "core/own_columns.h"
#include "core/spreadsheet_guard.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/code_finder.h"
#include "core/damaged_text.h"
#include "core/record_faults.h"
#include "core/role_set.h"
#include "core/user_name.h"
#include "core/visible_text.h"

namespace customer_import {

namespace {

constexpr std::size_t kMaxCachedCells = 4096;
constexpr std::size_t kMaxCachedBytes = 1024 * 1024;

Issue cannot_be_cleared(const Field& field) {
    return make_issue(IssueCode::invalid_value, field.name, kEmptyValue,
                      format("\"{}\" cannot be cleared", field.name));
}

// Addresses have no blanks around them.
bool is_email(std::string_view name) { return name == "email" || name == "mail"; }

// An address that a customer holds with blanks around it is not changed by a file that has them, too.
void note_lost_blanks(std::string_view whole, Cell& value) {
    constexpr std::size_t kMostKept = 255;
    const auto before = static_cast<std::size_t>(value.text.data() - whole.data());
    const std::size_t after = whole.size() - before - value.text.size();
    if (before <= kMostKept && after <= kMostKept) {
        value.lost_before = static_cast<std::uint8_t>(before);
        value.lost_after = static_cast<std::uint8_t>(after);
    }
}

// Where `part` begins in `text`, of which it is a view; npos for a text of its own.
std::size_t place_in(std::string_view text, std::string_view part) {
    const auto begin = reinterpret_cast<std::uintptr_t>(text.data());
    const auto place = reinterpret_cast<std::uintptr_t>(part.data());
    const bool is_inside = !part.empty() && place >= begin && place - begin < text.size() &&
                           part.size() <= text.size() - (place - begin);
    return is_inside ? place - begin : std::string_view::npos;
}

// Whether an import may add the code to the catalog.
bool is_creatable(std::string_view code) { return is_role_code(code) && !stands_for_no_role(code); }

Issue conflicting_code(std::string_view code) {
    return make_issue(IssueCode::conflicting_roles, "removeRoles", code,
                      format("role code \"{}\" is both added and removed", shown_value(code)));
}

// Where it came from, a broken record is in that cell as a whole.
Issue not_corrected() {
    return make_issue(IssueCode::malformed_record, kBrokenColumn, {},
                      format("the record is marked as broken in the column \"{}\"", kBrokenColumn),
                      format("Correct its cells, then empty the cell \"{}\".", kBrokenColumn));
}

}  // namespace

RowValidator::RowValidator(const HeaderMap& header, const RoleCatalog& catalog, const ValidatorOptions& options)
    : header_(header), catalog_(catalog), options_(options) {}

Status RowValidator::validate(const CsvRecord& record, Batch& batch, std::vector<Issue>& issues) {
    issues.clear();
    user_name_.clear();
    check_shape(record, issues);
    if (issues.empty() && !trim(own_cell(record, header_.broken_column())).empty()) {
        issues.push_back(not_corrected());
    }
    if (!issues.empty()) {
        return {};
    }
    start_record(record);
    const std::string_view escaped = own_cell(record, header_.escaped_column());
    for (const HeaderMap::Feed& feed : header_.feeds()) {
        const Field& field = header_.fields()[static_cast<std::size_t>(feed.field)];
        std::string_view cell = record.fields[feed.column];
        if (!escaped.empty()) {
            cell = unguarded_cell(escaped, feed.column, cell);
        }
        if (feed.is_united) {
            unite_roles(feed, field, cell, record.line, issues);
        } else if (Status refusal = read_field(field, cell, record.line, issues)) {
            return refusal;
        }
    }
    if (Status refusal = read_united_roles(record.line, issues)) {
        return refusal;
    }
    check_conflicts(issues);
    // What an export gives must come back: only the customer's row can tell whether these codes are held, and whether
    // there is a customer of this name.
    if (issues.size() == open_issues_) {
        issues.clear();
    }
    suggest_codes(issues);
    if (issues.empty()) {
        add_to(batch, record);
    }
    return {};
}

// A cell of a column that is none of the fields; empty where there is no such column.
std::string_view RowValidator::own_cell(const CsvRecord& record, int column) const {
    const auto place = static_cast<std::size_t>(column);
    return column == HeaderMap::kIgnored || place >= record.fields.size() ? std::string_view() : record.fields[place];
}

std::string_view RowValidator::unguarded_cell(std::string_view escaped, std::size_t column, std::string_view cell) {
    const Guard guard = listed_guard(escaped, header_.escape_names()[column]);
    return unguarded(cell, guard, guard == Guard::coded ? decoded_.emplace_back() : user_name_);
}

void RowValidator::check_shape(const CsvRecord& record, std::vector<Issue>& issues) const {
    if (record.malformed) {
        issues.push_back(malformed_record_issue(record));
        return;
    }
    const std::size_t invalid = find_invalid_utf8(record.raw);
    if (invalid != std::string_view::npos) {
        const std::string sequence = options_.describe_invalid ? options_.describe_invalid(record.raw, invalid)
                                                               : describe_invalid_utf8(record.raw, invalid);
        issues.push_back(make_issue(IssueCode::invalid_encoding, {}, {},
                                    format("invalid byte sequence in {} text: {}", options_.encoding, sequence)));
        return;
    }
    if (record.raw.find('\0') != std::string_view::npos) {
        issues.push_back(make_issue(IssueCode::invalid_encoding, {}, {}, "the record contains a NUL byte"));
        return;
    }
    const std::size_t wanted = header_.columns().size();
    if (record.too_many_fields || record.fields.size() != wanted) {
        issues.push_back(wrong_field_count_issue(record, wanted));
    }
}

void RowValidator::start_record(const CsvRecord& record) {
    if (role_cell_bytes_ > kMaxCachedBytes || catalog_size_ != catalog_.size()) {
        role_cells_.clear();
        role_cell_bytes_ = 0;
        catalog_size_ = catalog_.size();
    }
    add_roles_ = remove_roles_ = replace_roles_ = nullptr;
    clears_roles_ = false;
    open_issues_ = 0;
    doubtful_name_ = {};
    has_doubtful_cells_ = false;
    may_be_damaged_ = record.raw.find(kReplacementCharacter.front()) != std::string_view::npos;
    unknown_issues_.clear();
    cells_.clear();
    united_.clear();
    decoded_.clear();
}

Status RowValidator::read_field(const Field& field, std::string_view cell, std::int64_t line,
                                std::vector<Issue>& issues) {
    switch (field.kind) {
        case FieldKind::user_name: read_user_name(field, cell, issues); return {};
        case FieldKind::add_roles:
        case FieldKind::remove_roles:
        case FieldKind::roles: return read_roles(field, cell, line, issues);
        case FieldKind::text:
        case FieldKind::boolean:
        case FieldKind::other: read_value(field, cell, line, issues); return {};
    }
    return {};
}

void RowValidator::read_user_name(const Field& field, std::string_view cell, std::vector<Issue>& issues) {
    std::string_view name;
    if (read_cell(trim_cell(cell), name) == CellMeaning::clear) {
        issues.push_back(cannot_be_cleared(field));
        return;
    }
    if (options_.fold_user_names) {
        fold_user_name(name, user_name_);
    } else {
        user_name_ = name;
    }
    switch (check_user_name(user_name_)) {
        case UserNameFault::none: doubt_user_name(name, issues); break;
        case UserNameFault::missing:
            issues.push_back(make_issue(IssueCode::missing_user_name, field.name, {}, "the user name is empty",
                                        format("Fill \"{}\", or remove the record.", field.name)));
            break;
        case UserNameFault::too_long:
            issues.push_back(make_issue(IssueCode::invalid_user_name, field.name, cell,
                                        format("the user name is longer than {} bytes", kMaxUserNameBytes)));
            break;
        case UserNameFault::control_character:
            issues.push_back(make_issue(IssueCode::invalid_user_name, field.name, cell,
                                        "the user name contains a control character"));
            break;
    }
}

void RowValidator::doubt_user_name(std::string_view name, std::vector<Issue>& issues) {
    if (is_doubtful_name(name, options_.keep_damaged)) {
        doubtful_name_ = name;
        issues.push_back(doubtful_name_issue(name));
        ++open_issues_;
    }
}

Status RowValidator::read_roles(const Field& field, std::string_view cell, std::int64_t line,
                                std::vector<Issue>& issues) {
    std::string_view text;
    const CellMeaning meaning = read_cell(trim(cell), text);
    if (meaning == CellMeaning::keep || trim_cell(text).empty()) {
        return {};
    }
    if (meaning == CellMeaning::clear) {
        if (field.kind == FieldKind::roles) {
            clears_roles_ = true;
        } else {
            issues.push_back(cannot_be_cleared(field));
        }
        return {};
    }
    return names_no_role(field, trim_cell(text), line) ? Status() : read_codes(field, text, line, issues);
}

// A program's word for a missing or wrong value, in a column that adds or removes roles: neither happens. To replace all
// roles by such a word would be another matter.
bool RowValidator::names_no_role(const Field& field, std::string_view text, std::int64_t line) {
    if (options_.keep_damaged || (field.kind != FieldKind::add_roles && field.kind != FieldKind::remove_roles)) {
        return false;
    }
    const Damage damage = find_damage(text);
    if ((damage != Damage::missing_value && damage != Damage::error_value) || !catalog_.find(text).empty()) {
        return false;
    }
    if (options_.warnings != nullptr) {
        options_.warnings->add(FileWarnings::Kind::damaged_cell, line, field.name, text);
    }
    return true;
}

// The cell of one of several columns whose codes are added up.
void RowValidator::unite_roles(const HeaderMap::Feed& feed, const Field& field, std::string_view cell,
                               std::int64_t line, std::vector<Issue>& issues) {
    std::string_view text;
    const CellMeaning meaning = read_cell(trim(cell), text);
    if (meaning == CellMeaning::keep) {
        return;
    }
    if (feed.role == HeaderMap::kNoRole) {
        if (meaning == CellMeaning::clear) {
            issues.push_back(cannot_be_cleared(field));
        } else if (!names_no_role(field, trim_cell(text), line)) {
            united_.add(field.kind, text);
        }
        return;
    }
    const std::string& code = header_.role_codes()[static_cast<std::size_t>(feed.role)];
    const std::optional<bool> is_added = meaning == CellMeaning::clear ? std::nullopt : parse_role_choice(text);
    if (!is_added) {
        issues.push_back(make_issue(
            IssueCode::invalid_value, code, cell, format("the cell of role code \"{}\" says neither yes nor no", code),
            "Use x, yes, true or 1 to add the role; no, false, 0 and an empty cell change nothing."));
    } else if (*is_added) {
        united_.add(field.kind, code);
    }
}

Status RowValidator::read_united_roles(std::int64_t line, std::vector<Issue>& issues) {
    if (!header_.has_united()) {
        return {};
    }
    for (const Field& field : header_.fields()) {
        if (!is_united(field.kind) || united_.text(field.kind).empty()) {
            continue;
        }
        if (Status refusal = read_codes(field, united_.text(field.kind), line, issues)) {
            return refusal;
        }
    }
    return {};
}

Status RowValidator::read_codes(const Field& field, std::string_view text, std::int64_t line,
                                std::vector<Issue>& issues) {
    RoleCell& roles = find_role_cell(field.kind, text);
    if (roles.too_many_codes) {
        return broken_file(
            format("the cell \"{}\" at line {} has more than {} role codes", field.name, line, kMaxCodesPerCell));
    }
    if (roles.empty()) {
        return {};
    }
    if (field.kind == FieldKind::remove_roles) {
        remove_roles_ = &roles;
        list_unknown_codes(field, roles, issues, false);
        open_issues_ += roles.unknown.size();
        return {};
    }
    list_unknown_codes(field, roles, issues, options_.collect_unknown_codes);
    if (field.kind == FieldKind::roles) {
        replace_roles_ = &roles;
        // No customer holds a code that the catalog could never have had; what is to be created is no issue.
        open_issues_ += static_cast<std::size_t>(
            std::count_if(roles.unknown.begin(), roles.unknown.end(), [&](std::string_view code) {
                return is_role_code(code) && !(options_.collect_unknown_codes && is_creatable(code));
            }));
    } else {
        add_roles_ = &roles;
    }
    return {};
}

void RowValidator::list_unknown_codes(const Field& field, const RoleCell& roles, std::vector<Issue>& issues,
                                      bool may_be_created) {
    for (const std::string_view unknown : roles.unknown) {
        options_.check_interrupts();
        if (may_be_created && is_creatable(unknown)) {
            continue;
        }
        unknown_issues_.push_back({issues.size(), unknown, may_be_created});
        issues.push_back(unknown_role_issue(field.name, unknown, {}));
    }
}

void RowValidator::suggest_codes(std::vector<Issue>& issues) const {
    for (std::size_t i = 0; i < unknown_issues_.size() && !issues.empty(); ++i) {
        options_.check_interrupts();
        const auto& [index, code, may_be_created] = unknown_issues_[i];
        const std::string nearest(catalog_.suggest(code, i, options_.check_interrupts));
        issues[index] = may_be_created ? uncreatable_role_issue(issues[index].column, code, nearest)
                                       : unknown_role_issue(issues[index].column, code, nearest);
    }
}

void RowValidator::read_value(const Field& field, std::string_view cell, std::int64_t line,
                              std::vector<Issue>& issues) {
    Cell& value = cells_.emplace_back();
    const std::string_view trimmed = trim_cell(cell);
    const std::string_view whole = cell;
    // A customer may hold the word for an empty value, escaped or not, with blanks around it: that is text.
    if (trimmed.empty() || field.kind == FieldKind::boolean || (is_email(field.name) && !needs_escape(trimmed))) {
        cell = trimmed;
    }
    switch (read_cell(cell, value.text)) {
        case CellMeaning::keep: return;
        case CellMeaning::clear:
            if (!field.clearable) {
                issues.push_back(cannot_be_cleared(field));
            }
            value.action = Cell::Action::clear;
            return;
        case CellMeaning::text: value.action = Cell::Action::set; break;
    }
    if (field.kind != FieldKind::boolean) {
        if (whole.size() != cell.size()) {
            note_lost_blanks(whole, value);
        }
        if (!options_.keep_damaged) {
            doubt_value(field, cell, line);
        }
        return;
    }
    value.text = parse_boolean(value.text);
    if (value.text.empty()) {
        const bool is_near = is_near_empty_value(cell);
        issues.push_back(is_near ? doubtful_text_issue(field.name, cell)
                                 : make_issue(IssueCode::invalid_value, field.name, cell,
                                              format("\"{}\" must be true or false", field.name),
                                              std::string(kBooleanHint)));
    }
}

// Whether the cell may be written is known once its customer is. A column of another type than text may hold any word.
void RowValidator::doubt_value(const Field& field, std::string_view cell, std::int64_t line) {
    has_doubtful_cells_ = has_doubtful_cells_ || is_near_empty_value(cell) ||
                          (may_be_damaged_ && has_replacement_character(cell));
    const std::string_view trimmed = trim_cell(cell);
    const Damage damage = find_damage(trimmed);
    if (damage == Damage::none || options_.warnings == nullptr ||
        (field.kind == FieldKind::other && damage != Damage::error_value)) {
        return;
    }
    if (damage == Damage::shortened_number) {
        options_.warnings->add(FileWarnings::Kind::shortened_number, line, field.name);
    } else {
        options_.warnings->add(FileWarnings::Kind::damaged_cell, line, field.name, trimmed);
    }
}

void RowValidator::check_conflicts(std::vector<Issue>& issues) const {
    const bool replaces = replace_roles_ != nullptr || clears_roles_;
    if (replaces && (add_roles_ != nullptr || remove_roles_ != nullptr)) {
        issues.push_back(make_issue(IssueCode::conflicting_roles, "roles", {},
                                    "\"roles\" cannot be combined with \"addRoles\" or \"removeRoles\""));
    }
    if (add_roles_ == nullptr || remove_roles_ == nullptr) {
        return;
    }
    std::vector<std::string_view> both;
    std::set_intersection(add_roles_->known.begin(), add_roles_->known.end(), remove_roles_->known.begin(),
                          remove_roles_->known.end(), std::back_inserter(both));
    const CodeFinder removed(remove_roles_->unknown, options_.check_interrupts);
    for (const std::string_view added : add_roles_->unknown) {
        options_.check_interrupts();
        if (removed.contains(added)) {
            both.push_back(added);
        }
    }
    for (const std::string_view code : both) {
        issues.push_back(conflicting_code(code));
    }
}

RowValidator::RoleCell& RowValidator::find_role_cell(FieldKind kind, std::string_view text) {
    const auto cached = role_cells_.find(text);
    if (cached != role_cells_.end()) {
        return cached->second;
    }
    if (role_cells_.size() >= kMaxCachedCells) {
        RoleCell& roles = kind == FieldKind::add_roles      ? uncached_.add_roles
                          : kind == FieldKind::remove_roles ? uncached_.remove_roles
                                                            : uncached_.roles;
        parse_role_cell(text, roles);
        return roles;
    }
    const auto [place, added] = role_cells_.try_emplace(std::string(text));
    RoleCell& roles = place->second;
    parse_role_cell(place->first, roles);
    role_cell_bytes_ += text.size() + roles.known.size() * sizeof(std::string_view) +
                        roles.unknown.size() * sizeof(std::string_view);
    return roles;
}

void RowValidator::parse_role_cell(std::string_view text, RoleCell& roles) const {
    roles.known.clear();
    roles.unknown.clear();
    const std::vector<std::string_view> codes = split_role_cell(text, options_.check_interrupts);
    roles.too_many_codes = codes.size() > kMaxCodesPerCell;
    if (roles.too_many_codes) {
        return;
    }
    TextMap<bool> seen;  // the unknown ones in lower case
    for (const std::string_view code : codes) {
        const std::string_view spelling = catalog_.find(code);
        if (!spelling.empty()) {
            roles.known.push_back(spelling);
            continue;
        }
        options_.check_interrupts();
        if (seen.try_emplace(ascii_lower(code), true).second) {
            roles.unknown.push_back(code);
        }
    }
    std::sort(roles.known.begin(), roles.known.end());
    roles.known.erase(std::unique(roles.known.begin(), roles.known.end()), roles.known.end());
}

void RowValidator::collect_unknown_codes(const RoleCell& roles) {
    if (!options_.collect_unknown_codes) {
        return;
    }
    for (const std::string_view unknown : roles.unknown) {
        if (!is_creatable(unknown)) {  // one that the customer may hold
            continue;
        }
        const bool is_new = collected_.try_emplace(ascii_lower(unknown), true).second;
        if (is_new) {
            unknown_codes_.emplace_back(unknown);
        }
    }
}

std::span<const std::string_view> RowValidator::keep_lost_roles(Batch& batch, const RoleCell& roles) {
    lost_roles_.clear();
    for (const std::string_view lost : roles.unknown) {
        lost_roles_.push_back(batch.keep(lost));
    }
    return batch.keep_codes(lost_roles_);
}

void RowValidator::add_to(Batch& batch, const CsvRecord& record) {
    Record checked;
    checked.line = record.line;
    checked.raw = batch.keep(record.raw);
    checked.user_name = batch.keep(user_name_);
    checked.doubtful_name = batch.keep(doubtful_name_);
    checked.has_doubtful_cells = has_doubtful_cells_;
    if (add_roles_ != nullptr) {
        collect_unknown_codes(*add_roles_);
        checked.add_roles = batch.keep_codes(add_roles_->known);
    }
    if (remove_roles_ != nullptr) {
        checked.remove_roles = batch.keep_codes(remove_roles_->known);
        checked.lost_roles = keep_lost_roles(batch, *remove_roles_);
    }
    if (replace_roles_ != nullptr) {
        collect_unknown_codes(*replace_roles_);
        checked.replace_roles = batch.keep_codes(replace_roles_->known);
        checked.lost_roles = keep_lost_roles(batch, *replace_roles_);
    }
    checked.replaces_roles = replace_roles_ != nullptr || clears_roles_;
    const std::span<Cell> cells = batch.make_cells(cells_.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (cells_[i].action != Cell::Action::set) {
            cells[i].action = cells_[i].action;
        } else if (const std::size_t place = place_in(record.raw, cells_[i].whole()); place != std::string_view::npos) {
            cells[i] = cells_[i];
            cells[i].text = checked.raw.substr(place + cells_[i].lost_before, cells_[i].text.size());
        } else {
            batch.keep(cells_[i], cells[i]);
        }
    }
    checked.cells = cells;
    batch.add(checked);
}

}  // namespace customer_import
