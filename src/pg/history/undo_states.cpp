#include "pg/history/undo_states.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/change_history.h"
#include "core/text.h"
#include "core/undo_states.h"
#include "pg/history/change_reader.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

std::optional<std::int64_t> number_of(const std::optional<std::string>& text) {
    return text ? std::optional(std::stoll(*text)) : std::nullopt;
}

// Returns the import that an undo undoes; nothing for every other mode, and when that one was purged.
std::optional<std::int64_t> undone_source(std::int64_t import_id) {
    const std::vector<Row> rows = query(
        "SELECT source_import_id FROM customer_import.imports WHERE id = $1 AND mode = 'undo'", {parameter(import_id)});
    return rows.empty() ? std::nullopt : number_of(rows.front()[0]);
}

// Locks what the undo undoes, what that one undoes if it is an undo itself, and so on, and returns the last of these.
// All sessions lock in this order, and one that undoes an import has locked it before, so there are no deadlocks.
std::optional<std::int64_t> lock_sources(std::int64_t undo_import_id) {
    std::optional<std::int64_t> root;
    for (std::optional<std::int64_t> next = undone_source(undo_import_id); next;) {
        const std::vector<Row> rows = query(
            "SELECT CASE WHEN mode = 'undo' THEN source_import_id END"
            "  FROM customer_import.imports WHERE id = $1 FOR NO KEY UPDATE",
            {parameter(*next)});
        if (rows.empty()) {
            break;
        }
        root = next;
        next = number_of(rows.front()[0]);
    }
    return root;
}

// The members of a family that have ended.
std::vector<FamilyMember> read_family(std::int64_t root) {
    std::vector<FamilyMember> family;
    for (
        const Row& row : query_latest(
            "WITH RECURSIVE family AS ("
            "    SELECT i.* FROM customer_import.imports AS i WHERE i.id = $1"
            "    UNION ALL"
            "    SELECT u.* FROM customer_import.imports AS u JOIN family AS f ON f.id = u.source_import_id"
            "     WHERE u.mode = 'undo' AND u.finished_at IS NOT NULL)"
            " SELECT f.id, CASE WHEN f.mode = 'undo' THEN f.source_import_id END,"
            "        (extract(epoch FROM f.started_at) * 1000000)::bigint, (extract(epoch FROM f.finished_at) * 1000000)::bigint,"
            "        f.created + f.updated + f.deleted > 0,"
            "        f.unprocessed > 0 OR EXISTS (SELECT FROM customer_import.import_issues AS s WHERE s.import_id = f.id)"
            "   FROM family AS f ORDER BY f.id",
            {parameter(root)})) {
        family.push_back({std::stoll(*row[0]), number_of(row[1]), number_of(row[2]).value_or(0),
                          number_of(row[3]).value_or(0), *row[4] == "t", *row[5] == "t"});
    }
    return family;
}

// Writes the states that have changed.
void write_states(const std::vector<FamilyMember>& family, const std::vector<UndoState>& states) {
    std::vector<std::string> ids, undos, parts;
    for (std::size_t index = 0; index < family.size(); ++index) {
        ids.push_back(std::to_string(family[index].id));
        undos.push_back(std::to_string(states[index].undone_by.value_or(0)));
        parts.push_back(states[index].in_part ? "true" : "false");
    }
    execute(
        "UPDATE customer_import.imports AS i"
        "   SET state = CASE WHEN n.undo > 0 THEN 'undone' ELSE i.state_before_undo END,"
        "       message = CASE WHEN n.undo = 0 THEN i.message_before_undo"
        "                      ELSE format('Import %s was undone %sby import %s.%s To bring it back: "
        "SELECT * FROM customer_import.undo_import(%s)', i.id, CASE WHEN n.part THEN 'in part ' END, n.undo,"
        "                          CASE WHEN n.part THEN format(' To undo the rest: "
        "SELECT * FROM customer_import.undo_import(%s).', i.id) END, n.undo) END,"
        "       undo_import_id = nullif(n.undo, 0), undone_in_part = n.part,"
        "       state_before_undo = CASE WHEN n.undo > 0 THEN COALESCE(i.state_before_undo, i.state) END,"
        "       message_before_undo = CASE WHEN n.undo > 0 AND i.state_before_undo IS NULL THEN i.message"
        "                                  WHEN n.undo > 0 THEN i.message_before_undo END"
        "  FROM unnest($1::bigint[], $2::bigint[], $3::boolean[]) AS n (id, undo, part)"
        " WHERE i.id = n.id AND (COALESCE(i.undo_import_id, 0), i.undone_in_part) IS DISTINCT FROM (n.undo, n.part)",
        {text_array_parameter(ids), text_array_parameter(undos), text_array_parameter(parts)});
}

// Whether the history of a customer has a change of the import that counts.
bool has_counting(const ChangeHistory& history, std::int64_t import_id) {
    const auto entries = history.entries();
    for (std::size_t entry = 0; entry < entries.size(); ++entry) {
        if (entries[entry].import_id == import_id && history.anything_counts(entry)) {
            return true;
        }
    }
    return false;
}

}  // namespace

void settle_undo(std::int64_t undo_import_id) {
    OwnerScope owner;
    if (const std::optional<std::int64_t> root = lock_sources(undo_import_id)) {
        const std::vector<FamilyMember> family = read_family(*root);
        write_states(family, find_undo_states(family));
    }
}

bool is_in_force(std::int64_t import_id) {
    const std::int64_t since = import_began(import_id).value_or(0);
    std::int64_t last_page = -1;
    for (;;) {
        std::vector<std::string> names;
        {
            OwnerScope owner;
            const std::vector<Row> rows = query_latest(
                "SELECT DISTINCT c.user_name, max(p.page) OVER ()"
                "  FROM (SELECT import_id, page FROM customer_import._import_change_pages"
                "         WHERE import_id = $1 AND page > $2 ORDER BY page LIMIT 64) AS p"
                " CROSS JOIN LATERAL customer_import._read_change_page(p.import_id, p.page) AS c",
                {parameter(import_id), parameter(last_page)});
            for (const Row& row : rows) {
                names.push_back(*row[0]);
                last_page = std::stoll(*row[1]);
            }
        }
        if (names.empty()) {
            return false;
        }
        TextMap<ChangeHistory> histories;
        read_changes(names, since, [&](const LoggedChange& logged) {
            histories.try_emplace(std::string(logged.change.user_name))
                .first->second.add(logged.import_id, logged.source, logged.change.line, logged.change,
                                   logged.applied_at);
        });
        for (const auto& [name, history] : histories) {
            if (has_counting(history, import_id)) {
                return true;
            }
        }
    }
}

}  // namespace customer_import::pg
