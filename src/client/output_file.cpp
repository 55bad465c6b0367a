#include "client/output_file.h"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "core/format.h"

namespace customer_import::client {

namespace {

[[noreturn]] void fail_to_write(const std::string& path) {
    throw std::system_error(errno, std::generic_category(), format("cannot write \"{}\"", path));
}

}  // namespace

OutputFile::OutputFile(const std::optional<std::string>& path)
    : path_(path.value_or("standard output")), file_(path ? std::fopen(path->c_str(), "we") : stdout) {
    if (file_ == nullptr) {
        fail_to_write(path_);
    }
}

OutputFile::~OutputFile() {
    if (file_ != nullptr && file_ != stdout) {
        std::fclose(file_);
    }
}

void OutputFile::write(std::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
        fail_to_write(path_);
    }
}

void OutputFile::close() {
    const bool good = std::fflush(file_) == 0;
    if (file_ != stdout) {
        const bool closed = std::fclose(file_) == 0;
        file_ = nullptr;
        if (!closed) {
            fail_to_write(path_);
        }
    }
    if (!good) {
        fail_to_write(path_);
    }
}

}  // namespace customer_import::client
