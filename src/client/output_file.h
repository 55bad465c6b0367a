// A file that is written, or standard output.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace customer_import::client {

// Without a path: standard output. Its functions throw std::system_error.
class OutputFile {
public:
    explicit OutputFile(const std::optional<std::string>& path);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    void write(std::string_view bytes);
    // Says whether all has been written; to be called at the end.
    void close();

private:
    std::string path_;
    std::FILE* file_;
};

}  // namespace customer_import::client
