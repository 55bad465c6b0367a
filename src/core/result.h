// Values that the core returns for expected failures. The core raises nothing but out-of-memory.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace customer_import {

// Why a whole file or call is refused. The glue raises it with the SQLSTATE of its fault.
struct Refusal {
    enum class Fault {
        broken_file,   // SQLSTATE 22P04
        bad_argument,  // SQLSTATE 22023
    };
    Fault fault = Fault::broken_file;
    std::string message;
    std::string detail;
    std::string hint;
};

inline Refusal broken_file(std::string message, std::string detail = {}, std::string hint = {}) {
    return {Refusal::Fault::broken_file, std::move(message), std::move(detail), std::move(hint)};
}

// Empty when all went well.
using Status = std::optional<Refusal>;

}  // namespace customer_import
