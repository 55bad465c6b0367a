// A connection to the database, as psql makes it, and statements on it. Each statement is a transaction of its own; with
// an operator to act as, it is a transaction that first calls act_as(): so a pooler may give each another connection.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "client/interrupts.h"

namespace customer_import::client {

// What psql's options of the same names say; nothing where the environment and libpq's own defaults decide.
struct ConnectionOptions {
    std::optional<std::string> database;  // a name, a connection string or a URI
    std::optional<std::string> host;
    std::optional<std::string> port;
    std::optional<std::string> user;
    bool never_ask = false;                    // for a password
    bool ask = false;                          // for a password, before the first attempt
    std::optional<std::string> operator_name;  // to act as
    std::chrono::seconds patience{60};         // for a lost connection
};

// An error of the server.
class ServerError : public std::runtime_error {
public:
    ServerError(const PGresult* result);
    const std::string& sqlstate() const { return sqlstate_; }
    const std::string& detail() const { return detail_; }
    const std::string& hint() const { return hint_; }

private:
    std::string sqlstate_, detail_, hint_;
};

// There is no connection, or none any more: what the last statement did is not known.
class ConnectionLost : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// The connection was lost, or left, while a request was under way that may have been done.
class OutcomeUnknown : public std::runtime_error {
public:
    OutcomeUnknown(std::string request_id, const std::string& reason)
        : std::runtime_error(reason), request_id_(std::move(request_id)) {}
    const std::string& request_id() const { return request_id_; }

private:
    std::string request_id_;
};

using Value = std::optional<std::string>;
using Row = std::vector<Value>;

class Session {
public:
    // Both must outlive the object.
    Session(const ConnectionOptions& options, const Interrupts& interrupts);

    // Connects; again, if there was a connection. Asks for a password on the terminal where one is needed. Throws
    // ConnectionLost, Interrupted.
    void connect();

    // Connects again after the connection was lost, with pauses, until it succeeds; gives up when that has
    // taken longer than options().patience. Throws the
    // last ConnectionLost then, and Interrupted.
    void reconnect();

    // Runs a statement and returns its rows. An interrupt cancels it on the server, and a second one leaves it alone:
    // throws ServerError (57014 for a canceled one), ConnectionLost, Interrupted.
    std::vector<Row> query(const std::string& statement, const std::vector<Value>& parameters = {});

    // The same for many rows: hands each to `take` when it arrives.
    void stream(const std::string& statement, const std::vector<Value>& parameters,
                const std::function<void(const Row&)>& take);

    // The names of the columns of the statement that runs, once its first row has come, or that ran last.
    const std::vector<std::string>& columns() const { return columns_; }

    // Runs COPY … TO STDOUT and hands over what comes.
    void copy_out(const std::string& statement, const std::function<void(std::string_view)>& take);

    // While a statement runs, `look` is called this often; an empty function ends that.
    void while_waiting(std::chrono::milliseconds every, std::function<void()> look);

    // What is sent before and after a statement, so that it is a transaction as the operator.
    bool acts() const { return options_.operator_name.has_value(); }
    const ConnectionOptions& options() const { return options_; }

    std::string literal(std::string_view text) const;
    int process_id() const { return PQbackendPID(connection_.get()); }
    PGconn* connection() const { return connection_.get(); }
    const Interrupts& interrupts() const { return interrupts_; }

    // Waits until the socket can be read, for at most that long; takes in what came. Returns whether something may have.
    bool wait(std::chrono::milliseconds time);

    // Waits until libpq has a result, and returns it; nullptr at the end of a statement's results.
    std::unique_ptr<PGresult, decltype(&PQclear)> next_result();

private:
    using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

    void send(const std::string& statement, const std::vector<Value>& parameters);
    void run_simple(const char* statement);
    void begin();
    void end(bool good);
    void conclude(const ServerError* error);
    void finish_results();
    void note_columns(const PGresult* result);
    [[noreturn]] void lost() const;

    const ConnectionOptions& options_;
    const Interrupts& interrupts_;
    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, &PQfinish};
    std::string password_;
    std::vector<std::string> columns_;
    int interrupts_before_ = 0;  // when the statement was sent
    std::chrono::milliseconds look_every_{1000};
    std::function<void()> look_;
};

}  // namespace customer_import::client
