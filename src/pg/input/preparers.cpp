#include "pg/input/preparers.h"

#include <vector>

#include "core/user_name.h"
#include "pg/input/undo_chain.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

struct Link {
    std::string operator_name, mode;
    std::optional<std::int64_t> source;
};

// Nothing for an import that was purged.
std::optional<Link> read_link(std::int64_t import_id) {
    const std::vector<Row> rows = query(
        "SELECT operator, mode, source_import_id FROM customer_import.imports WHERE id = $1", {parameter(import_id)});
    if (rows.empty()) {
        return std::nullopt;
    }
    const Row& row = rows.front();
    return Link{*row[0], *row[1], row[2] ? std::optional(std::stoll(*row[2])) : std::nullopt};
}

std::string folded(const std::string& name) {
    std::string key;
    fold_user_name(name, key);
    return key;
}

}  // namespace

PreparedRecords::PreparedRecords(const ImportRequest& request) {
    if (request.kind == ImportKind::file) {
        return;
    }
    std::int64_t import_id = request.source_import_id;
    if (request.kind == ImportKind::undo) {
        const UndoRoot root = find_undo_root(import_id);
        if (!root.brings_back) {
            return;
        }
        import_id = root.import_id;
    }
    OwnerScope owner;
    std::optional<Link> link = read_link(import_id);
    if (request.kind == ImportKind::undo && link && link->mode == "retry" && link->source) {
        import_id = *link->source;  // the records of a retry are in the import that it retried
        link = read_link(import_id);
    }
    operator_.emplace();
    for (;;) {  // the latest operator that amended a record counts
        for (const Row& row : query("SELECT line, amended_by FROM customer_import.import_issues"
                                    " WHERE import_id = $1 AND issue_number = 1 AND amended_by IS NOT NULL",
                                    {parameter(import_id)})) {
            amended_by_.try_emplace(std::stoll(*row[0]), *row[1]);
        }
        check_interrupts();
        if (!link || link->mode != "retry" || !link->source) {
            break;
        }
        import_id = *link->source;
        link = read_link(import_id);
    }
    if (link) {
        operator_ = link->operator_name;
    }
}

Preparers PreparedRecords::read(const std::string& caller) const {
    Preparers preparers;
    if (!operator_) {
        return preparers;
    }
    std::map<std::string, Preparer> known;
    std::vector<std::string> names{*operator_};
    for (const auto& [line, name] : amended_by_) {
        if (known.try_emplace(name).second) {
            names.push_back(name);
        }
    }
    OwnerScope owner;
    for (
        const Row& row : query_latest(
            "SELECT n.name, o.email, o.user_name, COALESCE(r.rolsuper, false)"
            "        OR COALESCE(o.active AND o.roles && '{administrator,superuser}', false)"
            "  FROM unnest($1) AS n (name)"
            "  LEFT JOIN customer_import.operators AS o ON o.name = n.name"
            "  LEFT JOIN pg_authid AS r ON r.oid = CASE WHEN o.database_role THEN customer_import._role_of(o.name, o.role_key) END"
            "                           OR r.rolname = n.name AND o.name IS NULL",
            {text_array_parameter(names)})) {
        Preparer& preparer = known[*row[0]];
        preparer.name = *row[0];
        preparer.is_limited = row[3] != "t";
        preparer.own_names = {folded(row[2].value_or(*row[0]))};
        if (row[1] && !row[2]) {
            preparer.own_names.push_back(folded(*row[1]));
        }
    }
    if (*operator_ != caller) {
        preparers.of_others = known[*operator_];
    }
    for (const auto& [line, name] : amended_by_) {
        if (name != caller || preparers.of_others) {
            preparers.by_line.emplace(line, known[name]);
        }
    }
    return preparers;
}

}  // namespace customer_import::pg
