// The configuration of the mailer: options, a TOML file of the same names, and what follows from both. No I/O: the
// caller reads the files and hands over their text.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace customer_import::mailer {

inline constexpr std::string_view kPasswordVariable = "CUSTOMER_IMPORT_SMTP_PASSWORD";

// What the command line or the file says; nothing where it is silent.
struct Options {
    std::optional<std::string> database;
    std::optional<std::string> from;
    std::optional<std::string> smtp_url;
    std::optional<std::string> user;
    std::optional<std::string> password_file;
    std::optional<std::string> ca_file;
    std::optional<std::string> maildir;
    std::optional<std::string> sendmail;
    std::optional<bool> allow_plaintext;
};

struct CommandLine {
    Options options;
    std::string config_file;
    bool once = false;
    bool check_config = false;
};

// The process is to end now: after --help, --version or a usage error.
struct EndNow {
    int status = 0;
    std::string text;
};

struct ConfigFault {
    std::string reason;
    std::vector<std::string> more = {};  // what else is wrong
};

// What a configuration file says, as far as it can be read.
struct ConfigFile {
    Options options;
    std::vector<std::string> faults;   // unknown keys, and values of another type
    std::set<std::string> unreadable;  // the options with such a value: they are not missing
};

struct SmtpServer {
    bool implicit_tls = false;
    std::string host;  // a name or an address, IPv6 in brackets
    int port = 0;
};

struct Config {
    std::string database;
    std::string from;
    std::optional<SmtpServer> smtp;
    bool allow_plaintext = false;
    std::string user;
    std::string password_file;
    std::string ca_file;
    std::string maildir;   // empty: not this transport
    std::string sendmail;  // empty: not this transport
};

// Reads the arguments after the program's name.
std::variant<CommandLine, EndNow> parse_command_line(const std::vector<std::string>& arguments,
                                                     std::string_view version);

// Reads the text of a configuration file. Keys are the names of the options. A fault is one of its syntax: nothing can be
// read then.
std::variant<ConfigFile, ConfigFault> parse_config_file(std::string_view text);

// Takes each option from the first of the two that has it.
Options merged(const Options& first, const Options& second);

// Checks all options and chooses the transport; all that is wrong, in the file too, comes in one fault. Without a
// transport, a Maildir in the state directory that `environment` names (STATE_DIRECTORY of systemd, XDG_STATE_HOME, HOME).
std::variant<Config, ConfigFault> make_config(const Options& options,
                                              const std::map<std::string, std::string>& environment,
                                              const ConfigFile& file = {});

// Reads smtp://host, smtp://host:25, smtps://host, smtps://[::1]:465; nothing else, no user and no path.
std::optional<SmtpServer> parse_smtp_url(std::string_view url);

// A password from the text of a file: without the one line break at its end; nothing when it cannot be a password.
std::optional<std::string> password_from_file(std::string_view content);

}  // namespace customer_import::mailer
