#include "mailer/outbox_client.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "core/format.h"
#include "mailer/safe_text.h"
#include "mailer/service.h"

namespace customer_import::mailer {

namespace {

constexpr std::chrono::seconds kStatementTimeout{60};
constexpr std::size_t kMaxErrorBytes = 500;

bool is_null(const PGresult* result, int column) { return PQgetisnull(result, 0, column) != 0; }

std::string text_at(const PGresult* result, int column) {
    return {PQgetvalue(result, 0, column), static_cast<std::size_t>(PQgetlength(result, 0, column))};
}

std::optional<std::string> bytes_at(const PGresult* result, int column) {
    if (is_null(result, column)) {
        return std::nullopt;
    }
    std::size_t length = 0;
    const std::unique_ptr<unsigned char, decltype(&PQfreemem)> bytes(
        PQunescapeBytea(reinterpret_cast<const unsigned char*>(PQgetvalue(result, 0, column)), &length), &PQfreemem);
    if (!bytes) {
        return std::nullopt;
    }
    return std::string(reinterpret_cast<const char*>(bytes.get()), length);
}

}  // namespace

OutboxClient::OutboxClient(std::string conninfo, const StopSignal& stop)
    : conninfo_(std::move(conninfo)), stop_(stop) {}

void OutboxClient::disconnect() { connection_.reset(); }

int OutboxClient::socket() const { return connection_ ? PQsocket(connection_.get()) : -1; }

void OutboxClient::keep_error(const char* text) { error_ = one_line(text, kMaxErrorBytes); }

bool OutboxClient::connect() {
    // The settings before dbname are defaults: the connection string may say otherwise.
    const std::array<const char*, 7> names = {"connect_timeout",
                                              "tcp_user_timeout",
                                              "keepalives_idle",
                                              "application_name",
                                              "dbname",
                                              "client_encoding",
                                              nullptr};
    const std::array<const char*, 7> values = {"10",   "60000", "60", "customer-import-mailer", conninfo_.c_str(),
                                               "UTF8", nullptr};
    connection_.reset(PQconnectdbParams(names.data(), values.data(), 1));
    if (!connection_ || PQstatus(connection_.get()) != CONNECTION_OK) {
        keep_error(connection_ ? PQerrorMessage(connection_.get()) : "out of memory");
        disconnect();
        return false;
    }
    // Notices could hold anything, and standard error is the log.
    const auto ignore = [](void*, const PGresult*) {};
    PQsetNoticeReceiver(connection_.get(), ignore, nullptr);
    // Listening comes before the first look: what is queued in between is announced.
    if (!run("LISTEN customer_import_email", {})) {
        disconnect();
        return false;
    }
    return true;
}

bool OutboxClient::drain() {
    if (!connection_ || PQconsumeInput(connection_.get()) == 0) {
        keep_error(connection_ ? PQerrorMessage(connection_.get()) : "not connected");
        return false;
    }
    while (PGnotify* notification = PQnotifies(connection_.get())) {
        PQfreemem(notification);
    }
    if (PQstatus(connection_.get()) == CONNECTION_OK) {
        return true;
    }
    keep_error("connection lost");
    return false;
}

bool OutboxClient::wait_for(short events, std::chrono::steady_clock::time_point end) {
    while (std::chrono::steady_clock::now() < end) {
        // A stop does not interrupt a statement at once; wait() would return at once, so poll in short steps then.
        if (stop_.requested()) {
            if (stop_.overdue()) {
                return false;
            }
            pollfd descriptor = {socket(), events, 0};
            if (poll(&descriptor, 1, 200) > 0) {
                return true;
            }
            continue;
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (stop_.wait(socket(), events, left) == StopSignal::Woken::by_socket) {
            return true;
        }
    }
    return false;
}

OutboxClient::Result OutboxClient::run(const char* statement, std::initializer_list<Parameter> parameters) {
    Result result(nullptr, &PQclear);
    PGconn* const connection = connection_.get();
    if (connection == nullptr) {
        error_ = "not connected";
        return result;
    }
    std::vector<const char*> values;
    std::vector<int> lengths, formats;
    for (const Parameter& parameter : parameters) {
        values.push_back(parameter.text);
        lengths.push_back(static_cast<int>(parameter.binary_length));
        formats.push_back(parameter.binary ? 1 : 0);
    }
    const auto end = std::chrono::steady_clock::now() + kStatementTimeout;
    if (PQsetnonblocking(connection, 1) != 0 ||
        PQsendQueryParams(connection, statement, static_cast<int>(values.size()), nullptr, values.data(),
                          lengths.data(), formats.data(), 0) == 0) {
        keep_error(PQerrorMessage(connection));
        return result;
    }
    for (int unsent = PQflush(connection); unsent != 0; unsent = PQflush(connection)) {
        if (unsent < 0 || !wait_for(POLLIN | POLLOUT, end) || PQconsumeInput(connection) == 0) {
            keep_error(unsent < 0 ? PQerrorMessage(connection) : "the database does not answer");
            return result;
        }
    }
    for (;;) {
        while (PQisBusy(connection) != 0) {
            if (!wait_for(POLLIN, end)) {
                error_ = "the database does not answer";
                result.reset();
                return result;
            }
            if (PQconsumeInput(connection) == 0) {
                keep_error(PQerrorMessage(connection));
                result.reset();
                return result;
            }
        }
        PGresult* const next = PQgetResult(connection);
        if (next == nullptr) {
            break;
        }
        if (!result || PQresultStatus(next) == PGRES_FATAL_ERROR) {
            result.reset(next);
        } else {
            PQclear(next);
        }
    }
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        // Without the position in our own statement.
        const char* const primary = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY);
        const char* const hint = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_HINT);
        keep_error(primary == nullptr ? PQresultErrorMessage(result.get())
                   : hint == nullptr  ? primary
                                      : format("{}. {}", primary, hint).c_str());
        result.reset();
    }
    return result;
}

std::optional<bool> OutboxClient::run_boolean(const char* statement, std::initializer_list<Parameter> parameters) {
    const Result result = run(statement, parameters);
    if (!result) {
        return std::nullopt;
    }
    return PQntuples(result.get()) == 1 && text_at(result.get(), 0) == "t";
}

OutboxClient::Claim OutboxClient::claim(ClaimedMessage& message) {
    const Result result = run(
        "SELECT id, fence, recipient, attempts, message, report, attachment, attachment_note"
        "  FROM customer_import.claim_message()",
        {});
    if (!result) {
        return Claim::failed;
    }
    if (PQntuples(result.get()) == 0) {
        return Claim::none;
    }
    message = {};
    message.id = std::strtoll(text_at(result.get(), 0).c_str(), nullptr, 10);
    message.fence = static_cast<std::int32_t>(std::strtol(text_at(result.get(), 1).c_str(), nullptr, 10));
    message.recipient = text_at(result.get(), 2);
    message.attempts = static_cast<std::int32_t>(std::strtol(text_at(result.get(), 3).c_str(), nullptr, 10));
    message.bytes = bytes_at(result.get(), 4);
    message.report = text_at(result.get(), 5);
    message.attachment = bytes_at(result.get(), 6);
    message.attachment_note = text_at(result.get(), 7);
    return Claim::message;
}

std::optional<bool> OutboxClient::store_message(const ClaimedMessage& message, const std::string& bytes) {
    const std::string id = std::to_string(message.id), fence = std::to_string(message.fence);
    return run_boolean("SELECT customer_import.store_message($1::bigint, $2::integer, $3::bytea)",
                       {{id.c_str()}, {fence.c_str()}, {bytes.data(), bytes.size(), true}});
}

std::optional<bool> OutboxClient::message_sent(std::int64_t message_id, std::int32_t message_fence) {
    const std::string id = std::to_string(message_id), fence = std::to_string(message_fence);
    return run_boolean("SELECT customer_import.message_sent($1::bigint, $2::integer)", {{id.c_str()}, {fence.c_str()}});
}

std::optional<bool> OutboxClient::message_failed(std::int64_t message_id, std::int32_t message_fence,
                                                 const std::string& reason, bool permanent) {
    const std::string id = std::to_string(message_id), fence = std::to_string(message_fence);
    const std::string text = visible(reason, kMaxErrorBytes - 10);
    return run_boolean(
        "SELECT customer_import.message_failed($1::bigint, $2::integer, $3::text, $4::boolean) IS NOT NULL",
        {{id.c_str()}, {fence.c_str()}, {text.c_str()}, {permanent ? "true" : "false"}});
}

std::optional<std::chrono::milliseconds> OutboxClient::time_to_next_message() {
    const Result result = run(  // greatest() and least() pass over NULL
        "SELECT CASE WHEN n.at IS NOT NULL"
        "            THEN greatest(0, least(86400000, ceil(extract(epoch FROM n.at - pg_catalog.clock_timestamp()) * 1000)))::bigint END"
        "  FROM (SELECT customer_import.next_message_at() AS at) AS n",
        {});
    if (!result || PQntuples(result.get()) != 1) {
        return std::nullopt;
    }
    if (is_null(result.get(), 0)) {
        return std::chrono::milliseconds(-1);
    }
    return std::chrono::milliseconds(std::strtoll(text_at(result.get(), 0).c_str(), nullptr, 10));
}

bool OutboxClient::check_functions() {
    const Result result = run(
        "SELECT pg_catalog.string_agg(f.name, ', ' ORDER BY f.name), current_database(), current_user,"
        "       EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'customer_import')"
        "  FROM pg_catalog.unnest(ARRAY["
        "           'claim_message(interval)', 'store_message(bigint,integer,bytea)', 'message_sent(bigint,integer)',"
        "           'message_failed(bigint,integer,text,boolean)', 'next_message_at()']) AS f(name)"
        " WHERE CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'customer_import') THEN true"
        "            WHEN NOT pg_catalog.has_schema_privilege('customer_import', 'USAGE') THEN true"
        "            ELSE NOT COALESCE(pg_catalog.has_function_privilege("
        "                     pg_catalog.to_regprocedure('customer_import.' || f.name)::oid, 'EXECUTE'), false) END",
        {});
    if (!result) {
        return false;
    }
    if (PQntuples(result.get()) == 1 && is_null(result.get(), 0)) {
        return true;
    }
    constexpr std::size_t kMaxName = 100;
    error_ = text_at(result.get(), 3) == "t"
                 ? format(
                       "database role \"{}\" is no mailer; a superuser grants it with customer_import.grant_mailer()",
                       visible(text_at(result.get(), 2), kMaxName))
                 : format("there is no extension customer_import in database \"{}\"",
                          visible(text_at(result.get(), 1), kMaxName));
    return false;
}

}  // namespace customer_import::mailer
