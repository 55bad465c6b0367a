// The ways by which a message leaves: SMTP, a sendmail program, a Maildir.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "mailer/config.h"

namespace customer_import::mailer {

class StopSignal;

struct Delivery {
    enum class Outcome {
        sent,
        temporary,  // may work later
        permanent,  // never will, for this message
    };
    Outcome outcome = Outcome::temporary;
    std::string reason;        // safe to be stored and logged
    bool unreachable = false;  // it is not about this message: others would fail alike
};

inline Delivery sent() { return {Delivery::Outcome::sent, {}, false}; }
inline Delivery temporary(std::string reason) { return {Delivery::Outcome::temporary, std::move(reason), false}; }
inline Delivery permanent(std::string reason) { return {Delivery::Outcome::permanent, std::move(reason), false}; }
inline Delivery unreachable(std::string reason) { return {Delivery::Outcome::temporary, std::move(reason), true}; }

class Transport {
public:
    virtual ~Transport() = default;
    // Hands the bytes to one recipient. It returns in less time than the lease of a claim lasts.
    virtual Delivery send(const std::string& recipient, const std::string& bytes) = 0;
    // Looks whether it could be used now, without sending; the reason if not.
    virtual std::optional<std::string> check() = 0;
    // For the log: no secrets.
    virtual std::string name() const = 0;
};

// `password` is empty when no user is configured.
std::unique_ptr<Transport> make_transport(const Config& config, std::string password, const StopSignal& stop);

std::unique_ptr<Transport> make_smtp_transport(const Config& config, std::string password, const StopSignal& stop);
std::unique_ptr<Transport> make_sendmail_transport(std::string path, const StopSignal& stop);
std::unique_ptr<Transport> make_maildir_transport(std::string directory);

}  // namespace customer_import::mailer
