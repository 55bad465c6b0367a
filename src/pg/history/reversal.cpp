#include "pg/history/reversal.h"

#include <optional>

#include "core/format.h"
#include "core/report.h"
#include "pg/history/import_lookup.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

void refuse_other_table(std::int64_t import_id) {
    throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                      format("import {} went into another customers table than today's", import_id), {},
                      "Attach the table that it went into; see customers_table in customer_import.imports.");
}

void require_same_table(std::int64_t import_id, Oid table) {
    OwnerScope owner;
    if (query("SELECT FROM customer_import.imports WHERE id = $1 AND customers_table = $2",
              {parameter(import_id), parameter_oid(table)})
            .empty()) {
        refuse_other_table(import_id);
    }
}

ImportMode original_mode(std::int64_t import_id) {
    OwnerScope owner;
    for (std::int64_t next = import_id;;) {
        const std::vector<Row> rows = query(
            "SELECT mode, source_import_id, options ->> 'mode' FROM customer_import.imports WHERE id = $1",
            {parameter(next)});
        if (rows.empty()) {
            refuse_missing_import(next);
        }
        if (const std::optional<ImportMode> mode = parse_import_mode(rows.front()[2].value_or(*rows.front()[0]))) {
            return *mode;
        }
        if (!rows.front()[1] || *rows.front()[0] != "retry") {
            return ImportMode::create_and_update;  // an undo has none
        }
        next = std::stoll(*rows.front()[1]);
    }
}

void withdraw_resume_offer(std::int64_t import_id) {
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT message, message_before_undo FROM customer_import.imports WHERE id = $1", {parameter(import_id)});
    if (rows.empty()) {
        return;
    }
    Row messages = rows.front();
    for (std::optional<std::string>& message : messages) {
        if (message) {
            message = without_resume_offer(*message, import_id);
        }
    }
    if (messages != rows.front()) {
        execute("UPDATE customer_import.imports SET message = $2, message_before_undo = $3 WHERE id = $1",
                {parameter(import_id), optional_parameter(messages[0]), optional_parameter(messages[1])});
    }
}

void mark_retried(const ImportRequest& request, std::int64_t retry_import_id, const std::vector<std::int64_t>& lines) {
    if (lines.empty()) {
        return;
    }
    std::vector<std::string> list;
    list.reserve(lines.size());
    for (const std::int64_t line : lines) {
        list.push_back(std::to_string(line));
    }
    OwnerScope owner;
    execute(
        "UPDATE customer_import.import_issues SET retried_by = $2"
        " WHERE import_id = $1 AND line = ANY ($3::bigint[]) AND outcome = $4",
        {parameter(request.source_import_id), parameter(retry_import_id), text_array_parameter(list),
         parameter(request.retried_outcome())});
}

void mark_all_retried(const ImportRequest& request, std::int64_t retry_import_id) {
    OwnerScope owner;
    execute(
        "UPDATE customer_import.import_issues SET retried_by = $2"
        " WHERE import_id = $1 AND outcome = $3 AND retried_by IS NULL",
        {parameter(request.source_import_id), parameter(retry_import_id), parameter(request.retried_outcome())});
}

}  // namespace customer_import::pg
