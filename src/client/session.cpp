#include "client/session.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "client/terminal.h"
#include "core/format.h"

namespace customer_import::client {

namespace {

constexpr std::chrono::milliseconds kPause{500};  // before the connection is tried again; doubles
constexpr std::chrono::milliseconds kLook{1000};  // between two looks at what a statement does
constexpr std::chrono::milliseconds kLongestPause{8000};

std::string field_of(const PGresult* result, int field) {
    const char* text = PQresultErrorField(result, field);
    return text == nullptr ? std::string() : text;
}

std::string message_of(const PGresult* result) {
    std::string message = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty()) {
        message = PQresultErrorMessage(result);
    }
    return message;
}

std::string without_line_break(std::string text) {
    while (!text.empty() && text.back() == '\n') {
        text.pop_back();
    }
    return text;
}

Row row_of(const PGresult* result, int number) {
    Row row;
    for (int column = 0; column < PQnfields(result); ++column) {
        row.push_back(PQgetisnull(result, number, column) != 0
                          ? Value()
                          : Value(std::string(PQgetvalue(result, number, column),
                                              static_cast<std::size_t>(PQgetlength(result, number, column)))));
    }
    return row;
}

void show_notice(void*, const PGresult* result) {
    if (field_of(result, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING") {
        print_error(message_of(result), field_of(result, PG_DIAG_MESSAGE_DETAIL),
                    field_of(result, PG_DIAG_MESSAGE_HINT));
    }
}

}  // namespace

ServerError::ServerError(const PGresult* result)
    : std::runtime_error(without_line_break(message_of(result))),
      sqlstate_(field_of(result, PG_DIAG_SQLSTATE)),
      detail_(field_of(result, PG_DIAG_MESSAGE_DETAIL)),
      hint_(field_of(result, PG_DIAG_MESSAGE_HINT)) {}

Session::Session(const ConnectionOptions& options, const Interrupts& interrupts)
    : options_(options), interrupts_(interrupts) {}

void Session::connect() {
    if (options_.ask && password_.empty()) {
        password_ = ask_for_password();
    }
    for (;;) {
        // The settings before dbname are defaults: a connection string may say otherwise.
        std::vector<const char*> names = {"application_name", "connect_timeout", "tcp_user_timeout"};
        std::vector<const char*> values = {"customer-import", "10", "60000"};
        const auto add = [&](const char* name, const std::optional<std::string>& value) {
            if (value) {
                names.push_back(name);
                values.push_back(value->c_str());
            }
        };
        add("dbname", options_.database);
        add("host", options_.host);
        add("port", options_.port);
        add("user", options_.user);
        if (!password_.empty()) {
            names.push_back("password");
            values.push_back(password_.c_str());
        }
        names.insert(names.end(), {"client_encoding", nullptr});
        values.insert(values.end(), {"UTF8", nullptr});
        connection_.reset();
        connection_.reset(PQconnectdbParams(names.data(), values.data(), 1));
        if (connection_ && PQstatus(connection_.get()) == CONNECTION_OK) {
            break;
        }
        if (connection_ && password_.empty() && !options_.never_ask &&
            PQconnectionNeedsPassword(connection_.get()) != 0 && has_terminal()) {
            password_ = ask_for_password();
            continue;
        }
        lost();
    }
    PQsetNoticeReceiver(connection_.get(), show_notice, nullptr);
}

void Session::reconnect() {
    const auto end = std::chrono::steady_clock::now() + options_.patience;
    const int before = interrupts_.count();
    for (std::chrono::milliseconds pause = kPause;; pause = std::min(2 * pause, kLongestPause)) {
        interrupts_.wait(-1, 0, pause);
        interrupts_.check(before);
        try {
            connect();
            return;
        } catch (const ConnectionLost&) {
            if (std::chrono::steady_clock::now() > end) {
                throw;
            }
        }
    }
}

void Session::lost() const {
    throw ConnectionLost(connection_ ? without_line_break(PQerrorMessage(connection_.get())) : "out of memory");
}

std::string Session::literal(std::string_view text) const {
    const std::unique_ptr<char, decltype(&PQfreemem)> quoted(
        PQescapeLiteral(connection_.get(), text.data(), text.size()), &PQfreemem);
    if (!quoted) {
        throw std::runtime_error(without_line_break(PQerrorMessage(connection_.get())));
    }
    return quoted.get();
}

bool Session::wait(std::chrono::milliseconds time) {
    const bool ready = interrupts_.wait(PQsocket(connection_.get()), POLLIN, time);
    if (PQconsumeInput(connection_.get()) == 0) {
        lost();
    }
    return ready;
}

Session::Result Session::next_result() {
    bool canceled = false;
    while (PQisBusy(connection_.get()) != 0) {
        const int count = interrupts_.count() - interrupts_before_;
        if (count > 1) {
            throw Interrupted();
        }
        if (count == 1 && !canceled) {
            canceled = true;
            const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(connection_.get()),
                                                                            &PQfreeCancel);
            std::array<char, 256> error{};
            if (cancel && PQcancel(cancel.get(), error.data(), error.size()) == 0) {
                print_error(error.data());
            }
        }
        if (!wait(look_every_) && look_) {
            look_();
        }
    }
    return {PQgetResult(connection_.get()), &PQclear};
}

void Session::while_waiting(std::chrono::milliseconds every, std::function<void()> look) {
    look_every_ = look ? every : kLook;
    look_ = std::move(look);
}

void Session::send(const std::string& statement, const std::vector<Value>& parameters) {
    interrupts_before_ = interrupts_.count();
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const Value& value : parameters) {
        values.push_back(value ? value->c_str() : nullptr);
    }
    if (PQsendQueryParams(connection_.get(), statement.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                          nullptr, nullptr, 0) == 0) {
        lost();
    }
}

void Session::note_columns(const PGresult* result) {
    for (int column = static_cast<int>(columns_.size()); column < PQnfields(result); ++column) {
        columns_.emplace_back(PQfname(result, column));
    }
}

void Session::finish_results() {
    while (next_result()) {
    }
}

// Without a ServerError that is to be told: the connection is as after an error, or lost.
void Session::run_simple(const char* statement) {
    send(statement, {});
    finish_results();
}

void Session::begin() {
    if (!acts()) {
        return;
    }
    run_simple("BEGIN");
    send("SELECT customer_import.act_as($1)", {options_.operator_name});
    const Result result = next_result();
    const bool good = PQresultStatus(result.get()) == PGRES_TUPLES_OK;
    finish_results();
    if (!good) {
        run_simple("ROLLBACK");
        throw ServerError(result.get());
    }
}

void Session::end(bool good) {
    if (!acts()) {
        return;
    }
    send(good ? "COMMIT" : "ROLLBACK", {});
    const Result result = next_result();
    const bool has_failed = PQresultStatus(result.get()) != PGRES_COMMAND_OK;
    finish_results();
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
        lost();
    }
    if (has_failed) {
        throw ServerError(result.get());
    }
}

// After the last result of a statement.
void Session::conclude(const ServerError* error) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
        lost();
    }
    end(error == nullptr);
    if (error != nullptr) {
        throw ServerError(*error);
    }
}

std::vector<Row> Session::query(const std::string& statement, const std::vector<Value>& parameters) {
    std::vector<Row> rows;
    stream(statement, parameters, [&](const Row& row) { rows.push_back(row); });
    return rows;
}

void Session::stream(const std::string& statement, const std::vector<Value>& parameters,
                     const std::function<void(const Row&)>& take) {
    begin();
    columns_.clear();
    send(statement, parameters);
    PQsetSingleRowMode(connection_.get());
    std::unique_ptr<ServerError> error;
    for (Result result = next_result(); result; result = next_result()) {
        switch (PQresultStatus(result.get())) {
            case PGRES_SINGLE_TUPLE:
                note_columns(result.get());
                take(row_of(result.get(), 0));
                break;
            case PGRES_TUPLES_OK: note_columns(result.get()); break;
            case PGRES_COMMAND_OK:
            case PGRES_EMPTY_QUERY: break;
            default: error = std::make_unique<ServerError>(result.get());
        }
    }
    conclude(error.get());
}

void Session::copy_out(const std::string& statement, const std::function<void(std::string_view)>& take) {
    begin();
    send(statement, {});
    std::unique_ptr<ServerError> error;
    for (Result result = next_result(); result; result = next_result()) {
        if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) {
            error = std::make_unique<ServerError>(result.get());
        }
        if (PQresultStatus(result.get()) != PGRES_COPY_OUT) {
            continue;
        }
        for (;;) {
            char* bytes = nullptr;
            const int size = PQgetCopyData(connection_.get(), &bytes, 1);
            const std::unique_ptr<char, decltype(&PQfreemem)> owner(bytes, &PQfreemem);
            if (size > 0) {
                take({bytes, static_cast<std::size_t>(size)});
            } else if (size == 0) {
                interrupts_.check(interrupts_before_);
                wait(kLook);
            } else {
                break;
            }
        }
    }
    conclude(error.get());
}

}  // namespace customer_import::client
