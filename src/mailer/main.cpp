// customer-import-mailer: sends the reports of imports. Reads the options and secrets, then hands over to Mailer.
#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

#include "core/format.h"
#include "mailer/config.h"
#include "mailer/mailer.h"
#include "mailer/safe_text.h"
#include "mailer/service.h"
#include "mailer/transport.h"

#ifndef CUSTOMER_IMPORT_VERSION
#define CUSTOMER_IMPORT_VERSION "unknown"
#endif

namespace customer_import::mailer {
namespace {

constexpr int kUsageError = 2;
constexpr std::size_t kMaxFileBytes = 1 << 20;

struct FileText {
    std::string text;
    bool world_readable = false;
};

std::variant<FileText, ConfigFault> read_file(const std::string& path) {
    const auto fault = [&path] { return ConfigFault{format("could not read \"{}\": {}", path, std::strerror(errno))}; };
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return fault();
    }
    struct stat status = {};
    fstat(descriptor, &status);
    FileText file;
    file.world_readable = (status.st_mode & S_IROTH) != 0;
    std::array<char, 4096> buffer{};
    ssize_t length = 0;
    while (file.text.size() < kMaxFileBytes && (length = read(descriptor, buffer.data(), buffer.size())) > 0) {
        file.text.append(buffer.data(), static_cast<std::size_t>(length));
    }
    close(descriptor);
    if (length < 0) {
        return fault();
    }
    return file;
}

std::map<std::string, std::string> environment_of(std::initializer_list<const char*> names) {
    std::map<std::string, std::string> environment;
    for (const char* name : names) {
        if (const char* value = std::getenv(name)) {
            environment[name] = value;
        }
    }
    return environment;
}

std::variant<std::string, ConfigFault> password_in(const std::string& path) {
    auto read = read_file(path);
    if (auto* fault = std::get_if<ConfigFault>(&read)) {
        return std::move(*fault);
    }
    const FileText& file = std::get<FileText>(read);
    if (file.world_readable) {
        return ConfigFault{format("password file \"{}\" can be read by all users; chmod 600 it", path)};
    }
    auto password = password_from_file(file.text);
    if (!password) {
        return ConfigFault{format("password file \"{}\" does not hold one line of text", path)};
    }
    return std::move(*password);
}

// The named file, otherwise the environment, otherwise the credential that systemd passes.
std::variant<std::string, ConfigFault> read_password(const std::string& password_file,
                                                     const std::map<std::string, std::string>& environment) {
    if (!password_file.empty()) {
        return password_in(password_file);
    }
    if (const auto found = environment.find(std::string(kPasswordVariable)); found != environment.end()) {
        auto password = password_from_file(found->second);
        if (password) {
            return std::move(*password);
        }
        return ConfigFault{format("the password in {} is not one line of text", kPasswordVariable)};
    }
    if (const auto found = environment.find("CREDENTIALS_DIRECTORY"); found != environment.end()) {
        return password_in(found->second + "/smtp-password");
    }
    return ConfigFault{format("no password for the SMTP user; give --password-file or {}", kPasswordVariable)};
}

// The password of the SMTP user, if there is a user.
std::variant<std::string, ConfigFault> find_password(const Options& options,
                                                     const std::map<std::string, std::string>& environment) {
    if (!options.smtp_url || options.user.value_or("").empty()) {
        return std::string();
    }
    auto password = read_password(options.password_file.value_or(""), environment);
    if (const auto* text = std::get_if<std::string>(&password); text != nullptr && text->empty()) {
        return ConfigFault{"the password of the SMTP user is empty"};
    }
    return password;
}

// Whether the certificates can be read. A mail server that offers no encryption would not show it.
std::optional<ConfigFault> check_certificates(const Options& options) {
    const std::string path = options.ca_file.value_or("");
    if (!options.smtp_url || path.empty()) {
        return std::nullopt;
    }
    auto read = read_file(path);
    auto* fault = std::get_if<ConfigFault>(&read);
    return fault != nullptr ? std::optional<ConfigFault>(std::move(*fault)) : std::nullopt;
}

// What the options, the file and the secrets come to.
struct Settings {
    Config config;
    std::string password;
};

// Reads the configuration file, the password and the certificates, if there are any. All that is wrong comes in one fault.
std::variant<Settings, ConfigFault> load(const CommandLine& line,
                                         const std::map<std::string, std::string>& environment) {
    ConfigFile file;
    if (!line.config_file.empty()) {
        auto read = read_file(line.config_file);
        if (auto* fault = std::get_if<ConfigFault>(&read)) {
            return std::move(*fault);
        }
        auto from_file = parse_config_file(std::get<FileText>(read).text);
        if (auto* fault = std::get_if<ConfigFault>(&from_file)) {
            return std::move(*fault);
        }
        file = std::move(std::get<ConfigFile>(from_file));
    }
    const Options options = merged(line.options, file.options);
    auto made = make_config(options, environment, file);
    auto password = file.unreadable.count("password-file") > 0 ? std::string() : find_password(options, environment);
    auto certificate_fault = check_certificates(options);
    std::optional<ConfigFault> all;
    for (ConfigFault* fault : {std::get_if<ConfigFault>(&made), std::get_if<ConfigFault>(&password),
                               certificate_fault ? &*certificate_fault : nullptr}) {
        if (fault != nullptr && all) {
            all->more.push_back(std::move(fault->reason));
        } else if (fault != nullptr) {
            all = std::move(*fault);
        }
    }
    if (all) {
        return *std::move(all);
    }
    return Settings{std::move(std::get<Config>(made)), std::move(std::get<std::string>(password))};
}

void log_fault(const ConfigFault& fault) {
    log_line(Severity::error, fault.reason);
    for (const std::string& reason : fault.more) {
        log_line(Severity::error, reason);
    }
}

// Runs until it is stopped. What is asked for by SIGHUP is done between two messages, with connections of its own. A
// configuration that has a fault by then does not end what works.
int run_service(const CommandLine& line, const std::map<std::string, std::string>& environment, Settings settings,
                const StopSignal& stop) {
    for (;;) {
        const auto transport = make_transport(settings.config, settings.password, stop);
        if (Mailer(settings.config, *transport, stop).run() == Mailer::End::stopped) {
            return 0;
        }
        notify_service_manager("RELOADING=1");
        stop.reloaded();
        auto loaded = load(line, environment);
        if (const auto* fault = std::get_if<ConfigFault>(&loaded)) {
            log_fault(*fault);
            log_line(Severity::error, "not reloaded: the configuration that was in force stays");
        } else {
            settings = std::move(std::get<Settings>(loaded));
            log_line(Severity::information, "reloaded");
        }
    }
}

int run(const std::vector<std::string>& arguments) {
    forbid_core_files();
    auto parsed = parse_command_line(arguments, CUSTOMER_IMPORT_VERSION);
    if (const auto* end = std::get_if<EndNow>(&parsed)) {
        std::fputs(end->text.c_str(), end->status == 0 ? stdout : stderr);
        return end->status;
    }
    const CommandLine& line = std::get<CommandLine>(parsed);
    const auto environment = environment_of(
        {"STATE_DIRECTORY", "XDG_STATE_HOME", "HOME", "CREDENTIALS_DIRECTORY", kPasswordVariable.data()});
    // Programs that we start have no use for it.
    unsetenv(kPasswordVariable.data());
    auto loaded = load(line, environment);
    if (const auto* fault = std::get_if<ConfigFault>(&loaded)) {
        log_fault(*fault);
        return kUsageError;
    }
    Settings& settings = std::get<Settings>(loaded);
    const StopSignal stop;
    if (!line.check_config && !line.once) {
        return run_service(line, environment, std::move(settings), stop);
    }
    const auto transport = make_transport(settings.config, settings.password, stop);
    Mailer mailer(settings.config, *transport, stop);
    return line.check_config ? mailer.check() : mailer.run_once();
}

}  // namespace
}  // namespace customer_import::mailer

int main(int count, char** arguments) {
    try {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
            return 1;
        }
        const int status = customer_import::mailer::run({arguments + 1, arguments + count});
        curl_global_cleanup();
        return status;
    } catch (const std::exception& error) {
        customer_import::mailer::log_line(customer_import::mailer::Severity::error, error.what());
        return 1;
    }
}
