// SMTP by libcurl: one connection, one recipient, one message. The server is trusted with nothing: its certificate is
// verified, its replies are bounded and made safe, and all of it ends within a fixed time.
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/email_address.h"
#include "core/format.h"
#include "mailer/safe_text.h"
#include "mailer/service.h"
#include "mailer/smtp_reply.h"
#include "mailer/transport.h"

namespace customer_import::mailer {

namespace {

// Less than the lease of a claim, which is 10 minutes.
constexpr long kSendSeconds = 300;
constexpr long kConnectSeconds = 30;
constexpr long kCheckSeconds = 45;
// Slower than this for so long: given up.
constexpr long kMinBytesPerSecond = 16;
constexpr long kStallSeconds = 120;

using Curl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using List = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

struct Conversation {
    std::string_view unread;
    bool body_taken = false;
    SmtpReplies replies;
    const StopSignal* stop = nullptr;
    bool stopped = false;
};

std::size_t read_body(char* to, std::size_t size, std::size_t count, void* data) noexcept {
    auto& conversation = *static_cast<Conversation*>(data);
    const std::size_t length = std::min(size * count, conversation.unread.size());
    std::memcpy(to, conversation.unread.data(), length);
    conversation.unread.remove_prefix(length);
    conversation.body_taken = true;
    return length;
}

std::size_t read_reply(char* line, std::size_t size, std::size_t count, void* data) noexcept {
    try {
        static_cast<Conversation*>(data)->replies.add_line({line, size * count});
    } catch (...) {
        return 0;
    }
    return size * count;
}

std::size_t ignore_reply(char*, std::size_t size, std::size_t count, void*) noexcept { return size * count; }

// Ends a conversation that outlives a stop.
int watch_stop(void* data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    auto& conversation = *static_cast<Conversation*>(data);
    conversation.stopped = conversation.stopped || conversation.stop->overdue();
    return conversation.stopped ? 1 : 0;
}

class Smtp final : public Transport {
public:
    Smtp(const Config& config, std::string password, const StopSignal& stop)
        : config_(config),
          password_(std::move(password)),
          secrets_(smtp_secrets(config.user, password_)),
          stop_(stop) {}

    Delivery send(const std::string& recipient, const std::string& bytes) override {
        // The addresses become arguments of SMTP commands.
        if (!is_email_address(recipient)) {
            return permanent("recipient is no valid e-mail address");
        }
        Conversation conversation;
        conversation.unread = bytes;
        const Curl curl = prepared(conversation, kSendSeconds);
        const List recipients(curl_slist_append(nullptr, ("<" + recipient + ">").c_str()), &curl_slist_free_all);
        if (!curl || !recipients) {
            return unreachable("out of memory");
        }
        const std::string sender = "<" + config_.from + ">";
        curl_easy_setopt(curl.get(), CURLOPT_MAIL_FROM, sender.c_str());
        curl_easy_setopt(curl.get(), CURLOPT_MAIL_RCPT, recipients.get());
        curl_easy_setopt(curl.get(), CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl.get(), CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(bytes.size()));
        return judge(curl_easy_perform(curl.get()), conversation);
    }

    std::optional<std::string> check() override {
        Conversation conversation;
        const Curl curl = prepared(conversation, kCheckSeconds);
        if (!curl) {
            return "out of memory";
        }
        curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, "NOOP");
        curl_easy_setopt(curl.get(), CURLOPT_NOBODY, 1L);
        const CURLcode code = curl_easy_perform(curl.get());
        if (code == CURLE_OK) {
            return std::nullopt;
        }
        return judge(code, conversation).reason;
    }

    std::string name() const override {
        const SmtpServer& server = *config_.smtp;
        return format("{}://{}:{}", server.implicit_tls ? "smtps" : "smtp", server.host, server.port);
    }

private:
    Curl prepared(Conversation& conversation, long seconds) const {
        Curl curl(curl_easy_init(), &curl_easy_cleanup);
        if (!curl) {
            return curl;
        }
        conversation.stop = &stop_;
        CURL* const handle = curl.get();
        curl_easy_setopt(handle, CURLOPT_URL, name().c_str());
        curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
        curl_easy_setopt(handle, CURLOPT_PROXY, "");
        curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle, CURLOPT_VERBOSE, 0L);
        curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
        curl_easy_setopt(handle, CURLOPT_TIMEOUT, seconds);
        curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, kMinBytesPerSecond);
        curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
        // All: no STARTTLS, no conversation. None: so that what --allow-plaintext means does not depend on the server.
        const long encryption = config_.allow_plaintext ? CURLUSESSL_NONE : CURLUSESSL_ALL;
        curl_easy_setopt(handle, CURLOPT_USE_SSL, encryption);
        curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
        if (!config_.ca_file.empty()) {
            curl_easy_setopt(handle, CURLOPT_CAINFO, config_.ca_file.c_str());
            curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
        }
        if (!config_.user.empty()) {
            curl_easy_setopt(handle, CURLOPT_USERNAME, config_.user.c_str());
            curl_easy_setopt(handle, CURLOPT_PASSWORD, password_.c_str());
        }
        curl_easy_setopt(handle, CURLOPT_READFUNCTION, read_body);
        curl_easy_setopt(handle, CURLOPT_READDATA, &conversation);
        curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, read_reply);
        curl_easy_setopt(handle, CURLOPT_HEADERDATA, &conversation);
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, ignore_reply);
        curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, watch_stop);
        curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &conversation);
        curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
        return curl;
    }

    Delivery judge(CURLcode code, const Conversation& conversation) const {
        if (code == CURLE_OK) {
            return sent();
        }
        if (conversation.stopped) {
            return unreachable("stopped while the server was being waited for");
        }
        const std::string reply = conversation.replies.text(secrets_);
        const std::string server = name();
        switch (code) {
            case CURLE_USE_SSL_FAILED:
                return unreachable(format("{}: the server offers no encryption (STARTTLS); nothing was sent", server));
            case CURLE_PEER_FAILED_VERIFICATION:
                return unreachable(
                    format("{}: the certificate of the server is not valid: {}", server, curl_easy_strerror(code)));
            case CURLE_LOGIN_DENIED:
                return unreachable(reply.empty() ? format("{}: could not log in", server)
                                                 : format("{}: could not log in: {}", server, reply));
            default: break;
        }
        if (reply.empty()) {
            return unreachable(format("{}: {}", server, curl_easy_strerror(code)));
        }
        std::string refusal = format("{}: {}", server, reply);
        // RCPT, MAIL and DATA are refused with a send error; a refusal after the body comes as a strange reply. Before
        // that, at the greeting, a refusal is not about this message.
        const bool about_message = code == CURLE_SEND_ERROR || conversation.body_taken;
        if (!about_message) {
            return unreachable(std::move(refusal));
        }
        const bool final = is_permanent_reply(conversation.replies.code());
        return final ? permanent(std::move(refusal)) : temporary(std::move(refusal));
    }

    Config config_;
    std::string password_;
    std::vector<std::string> secrets_;
    const StopSignal& stop_;
};

}  // namespace

std::unique_ptr<Transport> make_smtp_transport(const Config& config, std::string password, const StopSignal& stop) {
    return std::make_unique<Smtp>(config, std::move(password), stop);
}

}  // namespace customer_import::mailer
