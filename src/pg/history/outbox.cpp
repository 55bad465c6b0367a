#include "pg/history/outbox.h"

#include <optional>
#include <vector>

#include "core/format.h"
#include "core/header_map.h"
#include "core/report.h"
#include "core/spreadsheet_csv.h"
#include "core/text.h"
#include "pg/access/access.h"
#include "pg/access/bound_role.h"
#include "pg/access/identity.h"
#include "pg/history/notification.h"
#include "pg/history/report_functions.h"
#include "pg/input/input_source.h"
#include "pg/server/arguments.h"
#include "pg/server/database_origin.h"
#include "pg/server/statement.h"
#include "pg/table/privileges.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

constexpr std::int64_t kMaxAttempts = 14;
constexpr std::size_t kMaxAttachmentBytes = 5 * 1024 * 1024;
constexpr std::size_t kMaxErrorBytes = 500;

void require_mailer() {
    const Oid role = GetUserId();
    if (call([] { return superuser(); })) {
        return;
    }
    SpiConnection spi;
    OwnerScope owner;
    if (query("SELECT FROM customer_import.mailers WHERE customer_import._role_of(name, role_key) = $1",
              {parameter_oid(role)})
            .empty()) {
        throw ImportError(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to send messages",
                          format("Role {} is not a mailer.", quoted(role_name(role))));
    }
}

struct Attachment {
    std::string csv;
    std::string note;  // what is missing in it
};

std::optional<Attachment> make_attachment(std::int64_t import_id) {
    const RejectedRecords rejected = read_rejected(import_id, kMaxAttachmentBytes);
    if (rejected.records.empty()) {
        return std::nullopt;
    }
    SpreadsheetFile file = make_spreadsheet_csv(rejected.header, rejected.delimiter, registered_fields(),
                                                rejected.records, kMaxAttachmentBytes, check_interrupts);
    Attachment attachment{std::move(file.csv), {}};
    if (static_cast<std::int64_t>(file.records) < rejected.total) {
        attachment.note = format(
            "The attached file holds the first {} of {} rejected records; customer_import.rejected_csv({}) gives all.",
            format_count(static_cast<std::int64_t>(file.records)), format_count(rejected.total), import_id);
    }
    return attachment;
}

void claim_message(FunctionCallInfo fcinfo) {
    require_mailer();
    auto result = (ReturnSetInfo*)fcinfo->resultinfo;
    call([&] { InitMaterializedSRF(fcinfo, 0); });
    SpiConnection spi;
    std::vector<Row> rows;
    std::optional<std::string> message;
    {
        OwnerScope owner;
        const Parameter origin = parameter(database_origin());
        // Nothing here waits for another mailer, or for an administrator that has locked a row.
        execute(
            "UPDATE customer_import.email_outbox SET state = 'held' WHERE id = ANY (ARRAY("
            "SELECT id FROM customer_import.email_outbox WHERE state IN ('queued', 'sending') AND origin <> $1"
            "   FOR UPDATE SKIP LOCKED))",
            {origin});
        execute(
            "UPDATE customer_import.email_outbox SET state = 'failed', lease_until = NULL,"
            "       last_error = 'its mailer ended ' || attempts || ' times without an answer' WHERE id = ANY (ARRAY("
            "SELECT id FROM customer_import.email_outbox"
            " WHERE state = 'sending' AND attempts >= $1 AND next_attempt_at <= clock_timestamp() FOR UPDATE SKIP LOCKED))",
            {parameter(kMaxAttempts)});
        // Two statements: inside the UPDATE, a nested loop would run the SELECT once for each row, and claim many.
        const std::vector<Row> due = query(
            "SELECT id FROM customer_import.email_outbox"
            " WHERE state IN ('queued', 'sending') AND next_attempt_at <= clock_timestamp()"
            " ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED");
        if (due.empty()) {
            return;
        }
        rows = query(
            "UPDATE customer_import.email_outbox"
            "   SET state = 'sending', fence = fence + 1, attempts = attempts + 1,"
            "       lease_until = clock_timestamp() + $1, next_attempt_at = clock_timestamp() + $1"
            " WHERE id = $2"
            " RETURNING id, fence, recipient, attempts, import_id, message IS NOT NULL, report_number",
            {Parameter{INTERVALOID, PG_GETARG_DATUM(0), false}, parameter(std::int64_t{std::stoll(*due.front()[0])})});
        if (rows.front()[5] == "t") {
            message = query_bytes("SELECT message FROM customer_import.email_outbox WHERE id = $1",
                                  {parameter(std::int64_t{std::stoll(*rows.front()[0])})});
        }
    }
    const Row& row = rows.front();
    const std::int64_t import_id = std::stoll(*row[4]);
    std::optional<std::string> report;
    std::optional<Attachment> attachment;
    if (!message) {
        {
            OwnerScope owner;
            report = query(
                         "SELECT customer_import.import_report($1)"
                         "       || jsonb_build_object('recipient', $2, 'report_number', $3::integer)",
                         {parameter(import_id), parameter(std::string_view(*row[2])),
                          parameter(std::string_view(*row[6]))})
                         .front()[0];
        }
        attachment = make_attachment(import_id);
    }
    const bool has_note = attachment && !attachment->note.empty();
    Datum values[] = {Int64GetDatum(std::stoll(*row[0])),
                      Int32GetDatum(std::stoi(*row[1])),
                      text_datum(*row[2]),
                      Int32GetDatum(std::stoi(*row[3])),
                      message ? bytes_datum(*message) : Datum{0},
                      Datum{0},
                      attachment ? bytes_datum(attachment->csv) : Datum{0},
                      has_note ? text_datum(attachment->note) : Datum{0}};
    bool nulls[] = {false, false, false, false, !message, !report, !attachment, !has_note};
    call([&] {
        if (report) {
            values[5] = DirectFunctionCall1(jsonb_in, CStringGetDatum(report->c_str()));
        }
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    });
}

Parameter fence_argument(FunctionCallInfo fcinfo) { return {INT4OID, PG_GETARG_DATUM(1), false}; }

// The answer of a mail server, made safe to be shown: it may be anything.
std::string clean_error(std::string_view error) {
    std::string clean;
    for (const char c : error) {
        clean += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c;
    }
    return shorten(clean, kMaxErrorBytes);
}

void change_mailer(FunctionCallInfo fcinfo, bool grant) {
    require_superuser("change mailers");
    const std::string name = given_text(fcinfo, 0);
    const Oid role = find_role(name);
    if (grant && !OidIsValid(role)) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT, format("role {} does not exist", quoted(name)));
    }
    SpiConnection spi;
    lock_privileges();
    if (grant) {
        register_role("mailers", name, role);
        refresh_privileges(role);
    } else if (!unregister_role("mailers", name)) {
        throw ImportError(ERRCODE_UNDEFINED_OBJECT, format("role {} is not a mailer", quoted(name)));
    }
}

}  // namespace

std::string queue_report(std::int64_t import_id) {
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT o.name, o.email FROM customer_import.imports AS i JOIN customer_import.operators AS o ON o.name = i.operator"
        " WHERE i.id = $1 AND COALESCE((i.options ->> 'send_report')::boolean, true)"
        "   AND NOT EXISTS (SELECT FROM customer_import._background_imports AS j WHERE j.import_id = i.id AND j.origin <> $2)",
        {parameter(import_id), parameter(database_origin())});
    if (rows.empty()) {
        return {};
    }
    const Row& row = rows.front();
    if (!row[1]) {
        return format("No report is sent: operator {} has no e-mail address.", quoted(*row[0]));
    }
    for (const Row& message :
         query("INSERT INTO customer_import.email_outbox (import_id, report_number, operator, recipient, origin)"
               " SELECT $1, 1 + COALESCE(max(o.report_number), 0), $2, $3, $4"
               "  FROM customer_import.email_outbox AS o WHERE o.import_id = $1 RETURNING id",
               {parameter(import_id), parameter(std::string_view(*row[0])), parameter(std::string_view(*row[1])),
                parameter(database_origin())})) {
        announce_message(std::stoll(*message[0]));
    }
    return {};
}

void withdraw_report(std::int64_t import_id) {
    OwnerScope owner;
    execute(
        "DELETE FROM customer_import.email_outbox WHERE id = ANY (ARRAY("
        "SELECT id FROM customer_import.email_outbox WHERE import_id = $1 AND message IS NULL AND state <> 'sent'"
        "   FOR UPDATE SKIP LOCKED))",
        {parameter(import_id)});
}

void release_messages() {
    OwnerScope owner;
    execute(
        "UPDATE customer_import.email_outbox SET origin = $1, state = 'queued', next_attempt_at = clock_timestamp()"
        " WHERE state IN ('queued', 'sending', 'held') AND origin <> $1",
        {parameter(database_origin())});
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// grant_mailer(name text), revoke_mailer(name text) return void. Errors: 42501, 42704.
CI_WRITING_FUNCTION(ci_grant_mailer) {
    return pg::entry([&] {
        pg::change_mailer(fcinfo, true);
        return Datum{0};
    });
}

CI_WRITING_FUNCTION(ci_revoke_mailer) {
    return pg::entry([&] {
        pg::change_mailer(fcinfo, false);
        return Datum{0};
    });
}

// claim_message(lease interval) returns setof record: one row, or none. Errors: 42501.
CI_WRITING_FUNCTION(ci_claim_message) {
    return pg::entry([&] {
        pg::claim_message(fcinfo);
        return Datum{0};
    });
}

// store_message(id bigint, fence integer, message bytea) returns boolean. Errors: 42501.
CI_WRITING_FUNCTION(ci_store_message) {
    return pg::entry([&] {
        pg::require_mailer();
        pg::SpiConnection spi;
        pg::OwnerScope owner;
        return BoolGetDatum(pg::execute("UPDATE customer_import.email_outbox SET message = COALESCE(message, $3)"
                                        " WHERE id = $1 AND fence = $2 AND state = 'sending'",
                                        {pg::parameter(PG_GETARG_INT64(0)), pg::fence_argument(fcinfo),
                                         pg::Parameter{BYTEAOID, PG_GETARG_DATUM(2), false}}) == 1);
    });
}

// message_sent(id bigint, fence integer) returns boolean. Errors: 42501.
CI_WRITING_FUNCTION(ci_message_sent) {
    return pg::entry([&] {
        pg::require_mailer();
        pg::SpiConnection spi;
        pg::OwnerScope owner;
        return BoolGetDatum(pg::execute("UPDATE customer_import.email_outbox SET state = 'sent', last_error = NULL,"
                                        "       lease_until = NULL, sent_at = clock_timestamp()"
                                        " WHERE id = $1 AND fence = $2 AND state = 'sending'",
                                        {pg::parameter(PG_GETARG_INT64(0)), pg::fence_argument(fcinfo)}) == 1);
    });
}

// message_failed(id bigint, fence integer, error text, permanent boolean) returns timestamptz. The delay doubles from a
// minute to four hours, give or take a quarter. Errors: 42501.
CI_WRITING_FUNCTION(ci_message_failed) {
    return pg::entry([&] {
        pg::require_mailer();
        const std::string error = pg::clean_error(pg::given_text(fcinfo, 2));
        pg::SpiConnection spi;
        pg::OwnerScope owner;
        const std::vector<pg::Row> rows = pg::query(
            "UPDATE customer_import.email_outbox"
            "   SET state = CASE WHEN $4 OR attempts >= $5 THEN 'failed' ELSE 'queued' END, last_error = $3,"
            "       lease_until = NULL,"
            "       next_attempt_at = clock_timestamp() + LEAST(interval '1 minute' * 2 ^ LEAST(attempts - 1, 20),"
            "                                                   interval '4 hours') * (0.75 + random() / 2)"
            " WHERE id = $1 AND fence = $2 AND state = 'sending'"
            " RETURNING CASE WHEN state = 'queued' THEN extract(epoch FROM next_attempt_at - '2000-01-01 UTC') * 1000000"
            "           END::bigint",
            {pg::parameter(PG_GETARG_INT64(0)), pg::fence_argument(fcinfo), pg::parameter(std::string_view(error)),
             pg::parameter(static_cast<bool>(PG_GETARG_BOOL(3))), pg::parameter(pg::kMaxAttempts)});
        if (rows.empty() || !rows.front()[0]) {
            fcinfo->isnull = true;
            return Datum{0};
        }
        return TimestampTzGetDatum(std::stoll(*rows.front()[0]));
    });
}

// next_message_at() returns timestamptz. Errors: 42501.
CI_CATALOG_FUNCTION(ci_next_message_at) {
    return pg::entry([&] {
        pg::require_mailer();
        pg::SpiConnection spi;
        pg::OwnerScope owner;
        const std::vector<pg::Row> rows = pg::query(
            "SELECT (extract(epoch FROM min(next_attempt_at) - '2000-01-01 UTC') * 1000000)::bigint"
            "  FROM customer_import.email_outbox WHERE state IN ('queued', 'sending') AND origin = $1",
            {pg::parameter(pg::database_origin())});
        if (!rows.front()[0]) {
            fcinfo->isnull = true;
            return Datum{0};
        }
        return TimestampTzGetDatum(std::stoll(*rows.front()[0]));
    });
}

// retry_message(id bigint) returns void. The message goes to the address that its operator has now, if there is one; for
// another address than before it is made anew. Errors: 42501, 42704 for a message that has not failed.
CI_WRITING_FUNCTION(ci_retry_message) {
    return pg::entry([&] {
        pg::require_right(customer_import::Right::administer, "retry messages");
        const std::int64_t id = PG_GETARG_INT64(0);
        pg::SpiConnection spi;
        pg::OwnerScope owner;
        const std::uint64_t changed = pg::execute(
            "UPDATE customer_import.email_outbox AS m SET state = 'queued', attempts = 0, next_attempt_at = clock_timestamp(),"
            "       recipient = a.recipient, message = CASE WHEN a.recipient = m.recipient THEN m.message END"
            "  FROM (SELECT n.id, COALESCE(o.email, n.recipient) AS recipient FROM customer_import.email_outbox AS n"
            "          LEFT JOIN customer_import.operators AS o ON o.name = n.operator WHERE n.id = $1) AS a"
            " WHERE m.id = a.id AND m.state IN ('failed', 'queued')",
            {pg::parameter(id)});
        if (changed == 0) {
            throw pg::ImportError(ERRCODE_UNDEFINED_OBJECT,
                                  customer_import::format("there is no message {} that waits or has failed", id));
        }
        pg::announce_message(id);
        return Datum{0};
    });
}
