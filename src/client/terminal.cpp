#include "client/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "core/format.h"
#include "core/report.h"
#include "core/visible_text.h"

namespace customer_import::client {

namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kPlainLine{10};
constexpr std::size_t kFirstRows = 200;
constexpr int kBarCells = 24;

// Columns of a terminal that a text takes.
std::size_t width_of(std::string_view text) {
    std::size_t width = 0;
    std::string_view character;
    while (!text.empty()) {
        const std::int32_t code_point = take_character(text, character);
        width += static_cast<std::size_t>(code_point < 0 ? 0 : std::max(0, utf8proc_charwidth(code_point)));
    }
    return width;
}

std::string padded(const std::string& text, std::size_t width) {
    const std::size_t taken = width_of(text);
    return text + std::string(width > taken ? width - taken : 0, ' ');
}

std::string clock_time(std::int64_t seconds) {
    const auto two = [](std::int64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); };
    return seconds >= 3600 ? format("{}:{}:{}", seconds / 3600, two(seconds / 60 % 60), two(seconds % 60))
                           : format("{}:{}", seconds / 60, two(seconds % 60));
}

// Turns the terminal's echo off as long as the object lives.
class NoEcho {
public:
    explicit NoEcho(int descriptor) : descriptor_(descriptor) {
        tcgetattr(descriptor_, &before_);
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(descriptor_, TCSAFLUSH, &silent);
    }
    ~NoEcho() { tcsetattr(descriptor_, TCSAFLUSH, &before_); }
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;

private:
    int descriptor_;
    termios before_{};
};

}  // namespace

bool has_terminal() { return isatty(STDERR_FILENO) != 0; }

bool shows_colors() {
    const char* forbidden = std::getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) != 0 && (forbidden == nullptr || *forbidden == '\0');
}

void print_error(std::string_view message, std::string_view detail, std::string_view hint) {
    std::string text = format("customer-import: {}\n", visible(message));
    if (!detail.empty()) {
        text += format("Detail: {}\n", visible(detail));
    }
    if (!hint.empty()) {
        text += format("Hint: {}\n", visible(hint));
    }
    std::fflush(stdout);
    std::fputs(text.c_str(), stderr);
}

std::string ask_for_password() {
    const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal < 0) {
        throw std::runtime_error("a password is needed, and there is no terminal to ask for it");
    }
    std::string password;
    {
        const NoEcho silent(terminal);
        constexpr std::string_view kPrompt = "Password: ";
        [[maybe_unused]] ssize_t written = write(terminal, kPrompt.data(), kPrompt.size());
        char c = 0;
        while (read(terminal, &c, 1) == 1 && c != '\n') {
            password += c;
        }
        written = write(terminal, "\n", 1);
    }
    close(terminal);
    return password;
}

std::string format_bytes(std::int64_t bytes) {
    if (bytes < 1000000) {
        return format("{} kB", (bytes + 999) / 1000);
    }
    const std::int64_t tenths = bytes / 100000;
    return bytes < 1000000000 ? format("{}.{} MB", tenths / 10, tenths % 10)
                              : format("{}.{} GB", tenths / 10000, tenths / 1000 % 10);
}

Progress::Progress(bool quiet) : quiet_(quiet), on_terminal_(has_terminal()) {}

Progress::~Progress() { finish(); }

void Progress::start(std::string what, std::string unit) {
    finish();
    what_ = std::move(what);
    unit_ = std::move(unit);
    began_ = std::chrono::steady_clock::now();
    shown_ = began_ - kRedraw;
    done_ = total_ = 0;
    shown_done_ = -1;
    is_open_ = true;
    if (!on_terminal_) {
        shown_ = began_;
    }
}

std::string Progress::line() const {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    const auto count = [this](std::int64_t number) {
        return unit_ == "bytes" ? format_bytes(number) : format("{} {}", format_count(number), unit_);
    };
    std::string text = what_;
    if (total_ > 0) {
        const double part = std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
        if (on_terminal_) {
            const int full = static_cast<int>(part * kBarCells);
            text += " [" + std::string(static_cast<std::size_t>(full), '#') +
                    std::string(static_cast<std::size_t>(kBarCells - full), ' ') + "]";
        }
        text += format(" {} %, {} of {}", static_cast<int>(part * 100), count(done_), count(total_));
    } else {
        text += format(" {}", count(done_));
    }
    if (seconds >= 1 && done_ > 0) {
        const double rate = static_cast<double>(done_) / seconds;
        text += format(", {}/s", count(static_cast<std::int64_t>(rate)));
        if (total_ > done_) {
            text += format(", {} left",
                           clock_time(static_cast<std::int64_t>(static_cast<double>(total_ - done_) / rate)));
        }
    }
    return text;
}

void Progress::draw() {
    winsize size{};
    const std::size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    std::string text = line();
    while (!text.empty() && width_of(text) >= columns) {
        text.pop_back();
    }
    // To the begin of the line, and what was there before is erased.
    std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
    std::fflush(stderr);
}

void Progress::show(std::int64_t done, std::int64_t total) {
    done_ = done;
    total_ = total;
    const auto now = std::chrono::steady_clock::now();
    if (quiet_ || !is_open_ || done == shown_done_ ||
        now - shown_ < (on_terminal_ ? std::chrono::steady_clock::duration(kRedraw) : kPlainLine)) {
        return;
    }
    shown_ = now;
    shown_done_ = done;
    if (on_terminal_) {
        draw();
    } else {
        std::fprintf(stderr, "%s\n", line().c_str());
    }
}

void Progress::finish() {
    if (!is_open_) {
        return;
    }
    is_open_ = false;
    if (!quiet_ && on_terminal_ && shown_done_ >= 0) {
        draw();
        std::fputc('\n', stderr);
    }
}

void Progress::note(std::string_view text) {
    finish();
    if (!quiet_) {
        std::fprintf(stderr, "%s\n", visible(text).c_str());
    }
}

Table::Table(std::vector<std::string> columns) : columns_(std::move(columns)) {
    for (const std::string& column : columns_) {
        widths_.push_back(width_of(column));
    }
}

void Table::add(std::vector<std::string> cells, std::string_view color) {
    for (std::string& cell : cells) {
        cell = visible(cell);
    }
    Line line{std::move(cells), std::string(color)};
    if (has_begun_) {
        print(line);
        return;
    }
    for (std::size_t i = 0; i < line.cells.size(); ++i) {
        widths_[i] = std::max(widths_[i], width_of(line.cells[i]));
    }
    first_.push_back(std::move(line));
    if (first_.size() == kFirstRows) {
        begin();
    }
}

void Table::begin() {
    has_begun_ = true;
    print({columns_, {}});
    std::string rule;
    for (const std::size_t width : widths_) {
        rule += (rule.empty() ? "" : "+") + std::string(width + 2, '-');
    }
    std::printf("%s\n", rule.c_str());
    for (const Line& line : first_) {
        print(line);
    }
    first_.clear();
}

void Table::print(const Line& line) const {
    std::string text;
    for (std::size_t i = 0; i < line.cells.size(); ++i) {
        text += i == 0 ? " " : " | ";
        text += i + 1 < line.cells.size() ? padded(line.cells[i], widths_[i]) : line.cells[i];
    }
    if (line.color.empty() || !shows_colors()) {
        std::printf("%s\n", text.c_str());
    } else {
        std::printf("\x1b[%sm%s\x1b[0m\n", line.color.c_str(), text.c_str());
    }
}

void Table::finish() {
    if (!has_begun_) {
        begin();
    }
    std::fflush(stdout);
}

}  // namespace customer_import::client
