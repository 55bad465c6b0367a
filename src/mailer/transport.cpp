#include "mailer/transport.h"

#include <utility>

namespace customer_import::mailer {

std::unique_ptr<Transport> make_transport(const Config& config, std::string password, const StopSignal& stop) {
    if (config.smtp) {
        return make_smtp_transport(config, std::move(password), stop);
    }
    if (!config.sendmail.empty()) {
        return make_sendmail_transport(config.sendmail, stop);
    }
    return make_maildir_transport(config.maildir);
}

}  // namespace customer_import::mailer
