// What people see: errors, progress, and tables, with colors where there is a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace customer_import::client {

// Whether standard error is one, and standard output.
bool has_terminal();
bool shows_colors();

// Writes a line to standard error, with what belongs to it below. Texts are made safe to be shown here.
void print_error(std::string_view message, std::string_view detail = {}, std::string_view hint = {});

// Asks on the terminal, without showing what is typed. Throws std::runtime_error without a terminal.
std::string ask_for_password();

// How far something is, on standard error: a line that is written over on a terminal, else a line from time to time.
class Progress {
public:
    // `quiet`: nothing is shown.
    explicit Progress(bool quiet);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    // Begins to show something else: "Uploading roles.csv". `unit` is what is counted.
    void start(std::string what, std::string unit);
    // `total` is 0 when it is not known.
    void show(std::int64_t done, std::int64_t total);
    // Leaves what is shown, and begins a new line.
    void finish();
    // A line of its own.
    void note(std::string_view text);

private:
    const bool quiet_;
    const bool on_terminal_;
    bool is_open_ = false;
    std::string what_, unit_;
    std::chrono::steady_clock::time_point began_, shown_;
    std::int64_t shown_done_ = -1, done_ = 0, total_ = 0;

    std::string line() const;
    void draw();
};

// 12,345,678 bytes as "12.3 MB".
std::string format_bytes(std::int64_t bytes);

// A table on standard output, as psql draws it. Widths are those of the first rows; later ones may be wider.
class Table {
public:
    explicit Table(std::vector<std::string> columns);
    // `color`: an SGR parameter such as "31", or empty.
    void add(std::vector<std::string> cells, std::string_view color = {});
    void finish();

private:
    struct Line {
        std::vector<std::string> cells;
        std::string color;
    };

    void print(const Line& line) const;
    void begin();

    std::vector<std::string> columns_;
    std::vector<std::size_t> widths_;
    std::vector<Line> first_;
    bool has_begun_ = false;
};

}  // namespace customer_import::client
