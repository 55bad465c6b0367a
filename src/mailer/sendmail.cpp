// A sendmail program: PATH -t -i, with the message on its standard input. It finds the recipient in the header, where
// there is exactly the one that we wrote.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/email_address.h"
#include "core/format.h"
#include "mailer/mime.h"
#include "mailer/safe_text.h"
#include "mailer/service.h"
#include "mailer/transport.h"

extern char** environ;

namespace customer_import::mailer {

namespace {

constexpr std::chrono::seconds kTimeout{300};
constexpr std::size_t kMaxAnswerBytes = 2000;

struct Pipe {
    int read_end = -1;
    int write_end = -1;
    bool open() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) {
            return false;
        }
        read_end = ends[0];
        write_end = ends[1];
        return true;
    }
    static void shut(int& end) {
        if (end >= 0) {
            close(end);
        }
        end = -1;
    }
    ~Pipe() {
        shut(read_end);
        shut(write_end);
    }
};

class Sendmail final : public Transport {
public:
    Sendmail(std::string path, const StopSignal& stop) : path_(std::move(path)), stop_(stop) {}

    Delivery send(const std::string& recipient, const std::string& bytes) override {
        if (!is_email_address(recipient)) {
            return permanent("recipient is no valid e-mail address");
        }
        Pipe input, output;
        pid_t child = -1;
        if (!input.open() || !output.open()) {
            return unreachable("could not make a pipe");
        }
        if (const int error = start(input, output, child); error != 0) {
            return unreachable(visible(format("could not run \"{}\": {}", path_, std::strerror(error)), 400));
        }
        Pipe::shut(input.read_end);
        Pipe::shut(output.write_end);
        std::string answer;
        const bool in_time = converse(with_unix_line_ends(bytes), input.write_end, output.read_end, answer);
        if (!in_time) {
            kill(-child, SIGKILL);
        }
        int status = 0;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        if (!in_time) {
            return unreachable(format("\"{}\" did not end in time", visible(path_, 200)));
        }
        return judge(status, answer);
    }

    std::optional<std::string> check() override {
        if (access(path_.c_str(), X_OK) == 0) {
            return std::nullopt;
        }
        return visible(format("could not run \"{}\": {}", path_, std::strerror(errno)), 400);
    }

    std::string name() const override { return path_; }

private:
    // A process group of its own, so that a Ctrl-C meant for us does not interrupt a message; signals as by default.
    int start(const Pipe& input, const Pipe& output, pid_t& child) const {
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attributes;
        posix_spawn_file_actions_init(&files);
        posix_spawnattr_init(&attributes);
        posix_spawn_file_actions_adddup2(&files, input.read_end, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, output.write_end, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&files, output.write_end, STDERR_FILENO);
        sigset_t none, defaults;
        sigemptyset(&none);
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &defaults);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        std::string program = path_, from_header = "-t", ignore_dots = "-i";
        const std::array<char*, 4> arguments = {program.data(), from_header.data(), ignore_dots.data(), nullptr};
        const int error = posix_spawn(&child, program.c_str(), &files, &attributes, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attributes);
        return error;
    }

    // Writes the message and reads what the program says until it closes its output. False: not in time.
    bool converse(const std::string& bytes, int& input, int output, std::string& answer) const {
        fcntl(input, F_SETFL, O_NONBLOCK);
        const auto end = std::chrono::steady_clock::now() + kTimeout;
        for (std::size_t done = 0; std::chrono::steady_clock::now() < end && !stop_.overdue();) {
            if (input >= 0 && done == bytes.size()) {
                Pipe::shut(input);
            }
            std::array<pollfd, 2> descriptors = {{{output, POLLIN, 0}, {input, POLLOUT, 0}}};
            if (poll(descriptors.data(), descriptors.size(), 1000) <= 0) {
                continue;
            }
            if (descriptors[1].revents != 0) {
                const ssize_t written = write(input, bytes.data() + done, bytes.size() - done);
                if (written > 0) {
                    done += static_cast<std::size_t>(written);
                }
                // It does not want the rest: its exit status says why.
                if (written < 0 && errno != EAGAIN && errno != EINTR) {
                    Pipe::shut(input);
                }
            }
            if (descriptors[0].revents != 0) {
                std::array<char, 1024> buffer{};
                const ssize_t length = read(output, buffer.data(), buffer.size());
                if (length <= 0) {
                    return true;
                }
                if (answer.size() < kMaxAnswerBytes) {
                    answer.append(buffer.data(), static_cast<std::size_t>(length));
                }
            }
        }
        return false;
    }

    Delivery judge(int status, const std::string& answer) const {
        if (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK) {
            return sent();
        }
        std::string reason = WIFEXITED(status) ? format("{}: exit status {}", path_, WEXITSTATUS(status))
                                               : format("{}: ended by signal {}", path_, WTERMSIG(status));
        if (!answer.empty()) {
            reason = format("{}: {}", reason, answer);
        }
        reason = one_line(reason, 400);
        if (!WIFEXITED(status)) {
            return temporary(std::move(reason));
        }
        switch (WEXITSTATUS(status)) {
            // About the message or its recipient; all else is about the program, its configuration or the moment.
            case EX_DATAERR:
            case EX_NOUSER:
            case EX_NOHOST: return permanent(std::move(reason));
            default: return temporary(std::move(reason));
        }
    }

    std::string path_;
    const StopSignal& stop_;
};

}  // namespace

std::unique_ptr<Transport> make_sendmail_transport(std::string path, const StopSignal& stop) {
    return std::make_unique<Sendmail>(std::move(path), stop);
}

}  // namespace customer_import::mailer
