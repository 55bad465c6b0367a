#include "mailer/config.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <iterator>
#include <memory>
#include <sstream>

#include <toml++/toml.h>
#include <CLI/CLI.hpp>

#include "core/email_address.h"
#include "core/format.h"
#include "core/text.h"
#include "mailer/safe_text.h"

namespace customer_import::mailer {

namespace {

using TextMember = std::optional<std::string> Options::*;

struct TextOption {
    const char* name;
    TextMember member;
    const char* value_name;
    const char* description;
};

constexpr std::array<TextOption, 8> kTextOptions = {{
    {"database", &Options::database, "CONNINFO", "connection string or URI of the database; default: PG… variables"},
    {"from", &Options::from, "ADDRESS", "address of the sender"},
    {"smtp-url", &Options::smtp_url, "URL", "smtp://host:587 (STARTTLS) or smtps://host"},
    {"user", &Options::user, "NAME", "user name at the SMTP server"},
    {"password-file", &Options::password_file, "FILE", "file that holds the password of that user"},
    {"ca-file", &Options::ca_file, "FILE", "certificates that the server's must derive from; default: the system's"},
    {"maildir", &Options::maildir, "DIR", "deliver into this Maildir instead"},
    {"sendmail", &Options::sendmail, "PATH", "hand over to PATH -t -i instead"},
}};
constexpr const char* kAllowPlaintext = "allow-plaintext";

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// What libcurl must never take for syntax of a URL or a command.
bool is_host(std::string_view host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
        return host.find(':') != std::string_view::npos &&
               host.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
    }
    return !host.empty() && host.size() <= 253 && host.front() != '-' && host.front() != '.' &&
           std::all_of(host.begin(), host.end(), [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.'; });
}

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// Every user of the machine can read the command line.
bool holds_password(const std::string& conninfo) {
    char* error = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parts(PQconninfoParse(conninfo.c_str(), &error),
                                                                             &PQconninfoFree);
    PQfreemem(error);
    for (const PQconninfoOption* part = parts.get(); part != nullptr && part->keyword != nullptr; ++part) {
        if (std::strcmp(part->keyword, "password") == 0 && part->val != nullptr && *part->val != '\0') {
            return true;
        }
    }
    return false;
}

// A URI with a scheme or a string of name=value is checked by libpq itself; a plain database name is fine.
std::optional<std::string> conninfo_fault(const std::string& conninfo) {
    if (conninfo.find('=') == std::string::npos && conninfo.find("://") == std::string::npos) {
        return std::nullopt;
    }
    char* error = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parts(PQconninfoParse(conninfo.c_str(), &error),
                                                                             &PQconninfoFree);
    const std::unique_ptr<char, decltype(&PQfreemem)> text(error, &PQfreemem);
    if (parts) {
        return std::nullopt;
    }
    // libpq's text may repeat a part of the string, and with it a password.
    return std::string("invalid connection string for --database");
}

std::string value_of(const std::map<std::string, std::string>& environment, const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
}

std::string default_maildir(const std::map<std::string, std::string>& environment) {
    // systemd may name several directories; the first is ours.
    const std::string state = value_of(environment, "STATE_DIRECTORY");
    if (!state.empty()) {
        return state.substr(0, state.find(':')) + "/Maildir";
    }
    const std::string user_state = value_of(environment, "XDG_STATE_HOME");
    if (!user_state.empty()) {
        return user_state + "/customer-import-mailer/Maildir";
    }
    const std::string home = value_of(environment, "HOME");
    return home.empty() ? std::string() : home + "/.local/state/customer-import-mailer/Maildir";
}

std::string unknown_key(std::string_view key) {
    std::string_view nearest;
    std::size_t distance = 3;
    const auto consider = [&](std::string_view name) {
        const std::size_t d = edit_distance(key, name, 2);
        if (d < distance) {
            distance = d;
            nearest = name;
        }
    };
    for (const TextOption& option : kTextOptions) {
        consider(option.name);
    }
    consider(kAllowPlaintext);
    const std::string name = customer_import::quoted(visible(key, 100));
    if (key == "password") {
        return format(
            "unknown key {} in the configuration file; a password belongs in a file of its own: see password-file",
            name);
    }
    if (!nearest.empty()) {
        return format("unknown key {} in the configuration file; did you mean \"{}\"?", name, nearest);
    }
    return format("unknown key {} in the configuration file", name);
}

// All that is wrong, in the order in which it was found.
class Faults {
public:
    explicit Faults(std::vector<std::string> reasons) : reasons_(std::move(reasons)) {}
    void add(std::string reason) { reasons_.push_back(std::move(reason)); }
    bool any() const { return !reasons_.empty(); }
    ConfigFault take() {
        ConfigFault fault{std::move(reasons_.front())};
        fault.more.assign(std::make_move_iterator(reasons_.begin() + 1), std::make_move_iterator(reasons_.end()));
        return fault;
    }

private:
    std::vector<std::string> reasons_;
};

// Names only options: what is beside an unknown option may be a password.
std::string unexpected_arguments(const std::vector<std::string>& arguments) {
    std::string names;
    for (const std::string& argument : arguments) {
        if (argument.starts_with("-")) {
            names += names.empty() ? "" : " ";
            names += visible(argument.substr(0, argument.find('=')), 100);
        }
    }
    if (names.empty()) {
        return "customer-import-mailer: unexpected arguments\nRun with --help for more information.\n";
    }
    return format("customer-import-mailer: unknown option {}\nRun with --help for more information.\n", names);
}

}  // namespace

std::variant<CommandLine, EndNow> parse_command_line(const std::vector<std::string>& arguments,
                                                     std::string_view version) {
    CommandLine line;
    CLI::App app("Sends the reports of customer_import by e-mail.", "customer-import-mailer");
    app.get_formatter()->column_width(34);
    for (const TextOption& option : kTextOptions) {
        app.add_option_function<std::string>(
               std::string("--") + option.name,
               [&line, &option](const std::string& value) { line.options.*option.member = value; }, option.description)
            ->type_name(option.value_name);
    }
    app.add_flag_callback(
        std::string("--") + kAllowPlaintext, [&line] { line.options.allow_plaintext = true; },
        "talk to an smtp:// server without encryption");
    app.add_option("--config", line.config_file, "TOML file with these options; the command line goes first")
        ->type_name("FILE");
    app.add_flag("--once", line.once, "send what is due, then end");
    app.add_flag("--check-config", line.check_config, "check everything without sending, then end");
    app.set_version_flag("--version", format("customer-import-mailer {}", version));
    try {
        std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
        app.parse(reversed);
    } catch (const CLI::ExtrasError&) {
        return EndNow{2, unexpected_arguments(app.remaining())};
    } catch (const CLI::ParseError& end) {
        std::ostringstream text;
        const int status = app.exit(end, text, text);
        return EndNow{status == 0 ? 0 : 2, text.str()};
    }
    if (line.options.database && holds_password(*line.options.database)) {
        return EndNow{2,
                      "customer-import-mailer: a password in --database could be read by all users of this machine\n"
                      "Use a password file of libpq (passfile), or put it into the file of --config.\n"};
    }
    return line;
}

std::variant<ConfigFile, ConfigFault> parse_config_file(std::string_view text) {
    toml::table table;
    try {
        table = toml::parse(text);
    } catch (const toml::parse_error& error) {
        return ConfigFault{
            format("configuration file, line {}: {}", error.source().begin.line, visible(error.description(), 300))};
    }
    ConfigFile file;
    Options& options = file.options;
    for (const auto& [key, value] : table) {
        const std::string_view name = key.str();
        const auto* const option = std::find_if(kTextOptions.begin(), kTextOptions.end(),
                                                [name](const TextOption& o) { return name == o.name; });
        if (name == kAllowPlaintext) {
            options.allow_plaintext = value.value_exact<bool>();
            if (!options.allow_plaintext) {
                file.faults.emplace_back("allow-plaintext must be true or false");
                file.unreadable.emplace(name);
            }
        } else if (option == kTextOptions.end()) {
            file.faults.push_back(unknown_key(name));
        } else {
            options.*option->member = value.value_exact<std::string>();
            if (!(options.*option->member)) {
                file.faults.push_back(format("{} must be a text in quotes", option->name));
                file.unreadable.emplace(name);
            }
        }
    }
    return file;
}

Options merged(const Options& first, const Options& second) {
    Options result = first;
    for (const TextOption& option : kTextOptions) {
        if (!(result.*option.member)) {
            result.*option.member = second.*option.member;
        }
    }
    if (!result.allow_plaintext) {
        result.allow_plaintext = second.allow_plaintext;
    }
    return result;
}

std::optional<SmtpServer> parse_smtp_url(std::string_view url) {
    SmtpServer server;
    if (url.starts_with("smtps://")) {
        server.implicit_tls = true;
        url.remove_prefix(8);
    } else if (url.starts_with("smtp://")) {
        url.remove_prefix(7);
    } else {
        return std::nullopt;
    }
    if (url.ends_with('/')) {
        url.remove_suffix(1);
    }
    server.port = server.implicit_tls ? 465 : 587;
    const std::size_t colon = url.rfind(':');
    const std::size_t bracket = url.rfind(']');
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
        const std::string_view port = url.substr(colon + 1);
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), server.port);
        if (error != std::errc() || end != port.data() + port.size()) {
            return std::nullopt;
        }
        url = url.substr(0, colon);
    }
    if (server.port < 1 || server.port > 65535 || !is_host(url)) {
        return std::nullopt;
    }
    server.host = url;
    return server;
}

std::optional<std::string> password_from_file(std::string_view content) {
    if (content.ends_with('\n')) {
        content.remove_suffix(1);
    }
    if (content.ends_with('\r')) {
        content.remove_suffix(1);
    }
    if (has_control_character(content) || content.size() > 1000) {
        return std::nullopt;
    }
    return std::string(content);
}

std::variant<Config, ConfigFault> make_config(const Options& options,
                                              const std::map<std::string, std::string>& environment,
                                              const ConfigFile& file) {
    Faults faults(file.faults);
    const auto is_unreadable = [&file](const char* name) { return file.unreadable.count(name) > 0; };
    for (const TextOption& option : kTextOptions) {
        const auto& value = options.*option.member;
        if (value && has_control_character(*value)) {
            faults.add(format("control character in the value of {}", option.name));
        }
    }
    Config config;
    config.database = options.database.value_or("");
    if (auto fault = conninfo_fault(config.database)) {
        faults.add(std::move(*fault));
    }
    config.from = options.from.value_or("");
    if (config.from.empty()) {
        if (!is_unreadable("from")) {
            faults.add("missing sender; give --from ADDRESS");
        }
    } else if (!is_email_address(config.from)) {
        faults.add(format("invalid sender {}; give a plain address in ASCII",
                          customer_import::quoted(visible(config.from, 100))));
    }
    const int transports = static_cast<int>(options.smtp_url.has_value()) +
                           static_cast<int>(options.maildir.has_value()) +
                           static_cast<int>(options.sendmail.has_value());
    if (transports > 1) {
        faults.add("give only one of smtp-url, maildir and sendmail");
    }
    config.allow_plaintext = options.allow_plaintext.value_or(false);
    config.user = options.user.value_or("");
    config.password_file = options.password_file.value_or("");
    config.ca_file = options.ca_file.value_or("");
    if (options.smtp_url) {
        config.smtp = parse_smtp_url(*options.smtp_url);
        // The URL is not repeated: it may contain a password.
        if (!config.smtp) {
            faults.add("invalid smtp-url; give smtp://host:587 or smtps://host, without user and path");
        } else if (config.allow_plaintext && config.smtp->implicit_tls) {
            faults.add("allow-plaintext contradicts an smtps:// URL");
        }
        if (!config.password_file.empty() && config.user.empty() && !is_unreadable("user")) {
            faults.add("password-file without user");
        }
    } else if (!is_unreadable("smtp-url") && (!config.user.empty() || !config.password_file.empty() ||
                                              !config.ca_file.empty() || config.allow_plaintext)) {
        faults.add("user, password-file, ca-file and allow-plaintext need smtp-url");
    }
    if (options.sendmail) {
        config.sendmail = *options.sendmail;
        if (!config.sendmail.starts_with('/')) {
            faults.add("sendmail must be an absolute path");
        }
    } else if (!options.smtp_url) {
        config.maildir = options.maildir ? *options.maildir : default_maildir(environment);
        if (config.maildir.empty() && !is_unreadable("smtp-url") && !is_unreadable("sendmail") &&
            !is_unreadable("maildir")) {
            faults.add("no transport; give --smtp-url, --sendmail or --maildir");
        }
    }
    if (faults.any()) {
        return faults.take();
    }
    return config;
}

}  // namespace customer_import::mailer
