// The mailer's side of the outbox: a connection, LISTEN, and the functions of customer_import that hand out messages.
// Each call is one statement, committed by itself: no transaction is ever open while anything else happens.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

namespace customer_import::mailer {

class StopSignal;

struct ClaimedMessage {
    std::int64_t id = 0;
    std::int32_t fence = 0;  // the number of this claim; the database refuses those of older ones
    std::int32_t attempts = 0;
    std::string recipient;
    std::optional<std::string> bytes;  // rendered at an earlier claim: exactly these are sent
    std::string report;                // JSON
    std::optional<std::string> attachment;
    std::string attachment_note;
};

// A failed call leaves its reason in error() and the connection unusable: disconnect() and connect() again.
class OutboxClient {
public:
    OutboxClient(std::string conninfo, const StopSignal& stop);

    // Connects and listens. False: error() says why.
    bool connect();
    void disconnect();
    bool connected() const { return connection_ != nullptr; }
    int socket() const;
    const std::string& error() const { return error_; }

    // Reads what the server has sent and forgets it: a notification says no more than "look". False when it is gone.
    bool drain();

    enum class Claim { none, message, failed };
    Claim claim(ClaimedMessage& message);
    // False in the answer: another mailer has taken over.
    std::optional<bool> store_message(const ClaimedMessage& message, const std::string& bytes);
    std::optional<bool> message_sent(std::int64_t id, std::int32_t fence);
    // True in the answer: there will be another attempt.
    std::optional<bool> message_failed(std::int64_t id, std::int32_t fence, const std::string& reason, bool permanent);
    // How long until a message is due; a negative answer means that none is waiting.
    std::optional<std::chrono::milliseconds> time_to_next_message();
    // Whether this role may call all functions that are needed. Nothing: error() says what is missing.
    bool check_functions();

private:
    struct Parameter {
        const char* text;
        std::size_t binary_length = 0;
        bool binary = false;
    };
    using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;
    Result run(const char* statement, std::initializer_list<Parameter> parameters);
    std::optional<bool> run_boolean(const char* statement, std::initializer_list<Parameter> parameters);
    bool wait_for(short events, std::chrono::steady_clock::time_point end);
    void keep_error(const char* text);

    std::string conninfo_;
    const StopSignal& stop_;
    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, &PQfinish};
    std::string error_;
};

}  // namespace customer_import::mailer
