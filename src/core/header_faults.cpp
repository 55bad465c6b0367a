#include "core/header_faults.h"

#include <algorithm>

#include "core/format.h"
#include "core/text.h"
#include "core/visible_text.h"

namespace customer_import {

namespace {

constexpr std::size_t kMaxShownColumns = 1000;
constexpr std::size_t kMaxShownFaults = 20;
constexpr const char* kIgnoreHint = "Correct the names, and begin those that are to be ignored with \"_\".";

Refusal wrong_call(std::string message, std::string detail = {}, std::string hint = {}) {
    return {Refusal::Fault::bad_argument, std::move(message), std::move(detail), std::move(hint)};
}

// A call without types gives `text` what was meant for another function, or another thing.
std::string hint_of_argument(std::string_view csv) {
    constexpr std::size_t kMaxOidDigits = 10;
    const auto has_only = [&](std::string_view characters) {
        return csv.find_first_not_of(characters) == std::string_view::npos;
    };
    if (csv.size() <= kMaxOidDigits && has_only("0123456789")) {
        return "This is a number, not a file. For a large object write its type: $1::oid.";
    }
    if (csv.starts_with("\\x") && csv.size() % 2 == 0 && has_only("\\x0123456789abcdefABCDEF")) {
        return "These are the bytes of a file in hexadecimal. Write their type: $1::bytea.";
    }
    const std::size_t dot = csv.rfind('.');
    const std::string_view ending = dot == std::string_view::npos ? std::string_view() : csv.substr(dot + 1);
    const bool is_file = equal_ignoring_ascii_case(ending, "csv") || equal_ignoring_ascii_case(ending, "txt");
    return is_file ? "This is the name of a file. Pass the content of the file." : "";
}

}  // namespace

void HeaderFaults::misspelled(std::string_view name, std::string_view meant) {
    const std::string message = format("the header column {} is not known", quoted(name));
    of_file_.push_back(
        {broken_file(message, {}, format("Did you mean \"{}\"? Begin its name with \"_\" to have it ignored.", meant)),
         format("{}: did you mean \"{}\"?", message, meant), kIgnoreHint});
}

void HeaderFaults::unknown_code(std::string_view name, std::string_view nearest) {
    const std::string message = format("the header column {} names no role code of the catalog", quoted(name));
    if (nearest.empty()) {
        of_file_.push_back(
            {broken_file(message, {}, "Begin its name with \"_\" to have it ignored."), message, kIgnoreHint});
    } else {
        of_file_.push_back(
            {broken_file(message, {},
                         format("Did you mean \"{}\"? Begin its name with \"_\" to have it ignored.", nearest)),
             format("{}: did you mean \"{}\"?", message, nearest), kIgnoreHint});
    }
}

void HeaderFaults::named_twice(std::string_view field, std::size_t first, std::size_t second) {
    of_file_.push_back(
        as_it_is(broken_file(format("column \"{}\" appears twice in the header", field),
                             format("Columns {} and {} both mean \"{}\".", first + 1, second + 1, field))));
}

void HeaderFaults::no_user_name(std::string_view field) {
    std::string hint = header_.size() == 1 ? hint_of_argument(header_.front()) : std::string();
    if (hint.empty() && header_.size() == 1) {
        hint = format(
            "Name the column with the user names \"{}\". If another character separates the columns, name it with the "
            "option \"delimiter\".",
            field);
    } else if (hint.empty()) {
        hint = format("Name the column with the user names \"{}\".", field);
    }
    of_file_.push_back(
        as_it_is(broken_file(format("the header has no column \"{}\"", field), columns_found(), std::move(hint))));
}

void HeaderFaults::nothing_to_import(std::string_view user_name) {
    of_file_.push_back(as_it_is(broken_file(format("the header has no column to import beside \"{}\"", user_name),
                                            columns_found(), format("Known columns: {}.", known_fields(false)))));
}

void HeaderFaults::unknown_header(std::string_view name) {
    of_call_.push_back(as_it_is(
        wrong_call(format("the option \"columns\" names the column {}, which the file does not have", quoted(name)),
                   columns_found())));
}

void HeaderFaults::unknown_field(std::string_view name, std::string_view field, std::string_view nearest) {
    of_call_.push_back(as_it_is(wrong_call(
        format("the option \"columns\" names the field {}, which does not exist", quoted(field)),
        format("It is named for column {}.", quoted(name)),
        nearest.empty() ? format("Known fields: {}.", known_fields(true)) : format("Did you mean \"{}\"?", nearest))));
}

void HeaderFaults::mapped_twice(std::string_view field, std::size_t first, std::size_t second) {
    of_call_.push_back(
        as_it_is(first == second
                     ? wrong_call(format("the option \"columns\" names the field \"{}\" twice for one column", field))
                     : wrong_call(format("by the option \"columns\" two columns mean \"{}\"", field),
                                  format("They are the columns {} and {} of the header.", first + 1, second + 1),
                                  "Give null there for the one that is to be ignored.")));
}

void HeaderFaults::no_role_column(std::string_view role_columns) {
    of_call_.push_back(as_it_is(wrong_call(
        format("the file has no column for the value {} of role_columns", quoted(role_columns)), columns_found(),
        "Give what the headers begin with that name a role, or '*' where they are codes of the catalog.")));
}

Refusal HeaderFaults::refusal() const { return list(of_call_.empty() ? of_file_ : of_call_); }

HeaderFaults::Fault HeaderFaults::as_it_is(Refusal refusal) {
    std::string listed = refusal.detail.empty() ? refusal.message : format("{}. {}", refusal.message, refusal.detail);
    std::string hint = refusal.hint;
    return {std::move(refusal), std::move(listed), std::move(hint)};
}

Refusal HeaderFaults::list(const std::vector<Fault>& faults) {
    Refusal result = faults.front().refusal;
    if (faults.size() == 1) {
        return result;
    }
    result.detail = format("There are {} faults:", faults.size());
    std::vector<std::string> hints;
    for (std::size_t i = 0; i < faults.size(); ++i) {
        if (i == kMaxShownFaults) {
            result.detail += "\n…";
            break;
        }
        result.detail += format("\n{}. {}", i + 1, faults[i].listed);
        if (!faults[i].hint.empty() && std::find(hints.begin(), hints.end(), faults[i].hint) == hints.end()) {
            hints.push_back(faults[i].hint);
        }
    }
    result.hint.clear();
    for (const std::string& hint : hints) {
        result.hint.append(result.hint.empty() ? "" : "\n").append(hint);
    }
    return result;
}

const std::string& HeaderFaults::columns_found() {
    if (!columns_found_.empty()) {
        return columns_found_;
    }
    std::string list;
    for (const std::string_view cell : header_) {
        if (!list.empty()) {
            list += ", ";
        }
        list += visible(trim(cell));
        if (list.size() > kMaxShownColumns) {
            break;
        }
    }
    columns_found_ = format("Columns found: {}.", shorten(list, kMaxShownColumns));
    return columns_found_;
}

std::string HeaderFaults::known_fields(bool with_user_name) const {
    std::string known;
    for (const Field& field : fields_) {
        if (with_user_name || field.kind != FieldKind::user_name) {
            known.append(known.empty() ? "" : ", ").append(field.name);
        }
    }
    return known;
}

}  // namespace customer_import
