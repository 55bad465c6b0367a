// A Maildir: written to tmp/, made durable, then linked into new/.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/format.h"
#include "mailer/mime.h"
#include "mailer/safe_text.h"
#include "mailer/service.h"
#include "mailer/transport.h"

namespace customer_import::mailer {

namespace {

std::string system_reason(std::string_view failure) {
    const int error = errno;
    return visible(format("{}: {}", failure, std::strerror(error)), 400);
}

bool make_directories(const std::string& path) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        if (mkdir(path.substr(0, slash).c_str(), 0700) != 0 && errno != EEXIST) {
            // A directory above may be there without being writable for us.
            struct stat status = {};
            if (stat(path.substr(0, slash).c_str(), &status) != 0) {
                return false;
            }
        }
        if (slash == std::string::npos) {
            return true;
        }
    }
}

bool write_durably(const std::string& path, const std::string& bytes) {
    const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return false;
    }
    bool good = true;
    for (std::size_t done = 0; good && done < bytes.size();) {
        const ssize_t written = write(descriptor, bytes.data() + done, bytes.size() - done);
        if (written > 0) {
            done += static_cast<std::size_t>(written);
        }
        good = written > 0 || errno == EINTR;
    }
    good = good && fsync(descriptor) == 0;
    const int error = errno;
    close(descriptor);
    if (!good) {
        unlink(path.c_str());
    }
    errno = error;
    return good;
}

bool sync_directory(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return false;
    }
    const bool good = fsync(descriptor) == 0;
    close(descriptor);
    return good;
}

// The left side of the Message-ID: a repeated delivery gets the same file name, so it meets the first one.
std::string unique_part(const std::string& bytes) {
    constexpr std::string_view kHeader = "\r\nMessage-ID: <";
    const std::string_view headers = std::string_view(bytes).substr(0, bytes.find("\r\n\r\n"));
    const std::size_t start = headers.find(kHeader);
    if (start == std::string_view::npos) {
        return random_token();
    }
    std::string_view name = headers.substr(start + kHeader.size());
    name = name.substr(0, name.find('@'));
    const bool plain = !name.empty() && name.size() <= 100 && name.front() != '.' &&
                       name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string_view::npos;
    return plain ? std::string(name) : random_token();
}

std::string host_part() {
    std::string name(256, '\0');
    if (gethostname(name.data(), name.size() - 1) != 0) {
        return "localhost";
    }
    name.resize(std::strlen(name.c_str()));
    for (char& c : name) {
        if (c == '/' || c == ':') {
            c = '-';
        }
    }
    return name.empty() ? "localhost" : name;
}

class Maildir final : public Transport {
public:
    explicit Maildir(std::string directory) : directory_(std::move(directory)) {}

    Delivery send(const std::string&, const std::string& bytes) override {
        if (auto fault = check()) {
            return unreachable(std::move(*fault));
        }
        const std::string name = unique_part(bytes) + "." + host_part();
        const std::string temporary_path = directory_ + "/tmp/" + name + "." + random_token();
        const std::string final_path = directory_ + "/new/" + name;
        if (!write_durably(temporary_path, with_unix_line_ends(bytes))) {
            return unreachable(system_reason("could not write a message"));
        }
        // Unlike rename(), link() never replaces; a file that is there already is this very message.
        const bool linked = link(temporary_path.c_str(), final_path.c_str()) == 0 || errno == EEXIST;
        Delivery result = linked ? sent() : unreachable(system_reason("could not deliver a message"));
        unlink(temporary_path.c_str());
        if (linked && !sync_directory(directory_ + "/new")) {
            return unreachable(system_reason("could not make a message durable"));
        }
        return result;
    }

    std::optional<std::string> check() override {
        for (const char* part : {"/tmp", "/new", "/cur"}) {
            const std::string path = directory_ + part;
            if (!make_directories(path)) {
                return system_reason(format("could not create directory \"{}\"", path));
            }
            if (access(path.c_str(), W_OK | X_OK) != 0) {
                return system_reason(format("could not write to directory \"{}\"", path));
            }
        }
        return std::nullopt;
    }

    std::string name() const override { return format("Maildir {}", directory_); }

private:
    std::string directory_;
};

}  // namespace

std::unique_ptr<Transport> make_maildir_transport(std::string directory) {
    return std::make_unique<Maildir>(std::move(directory));
}

}  // namespace customer_import::mailer
