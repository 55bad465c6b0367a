// Sentences with places for values. Each sentence that people read is one literal, so that whoever reads it finds it in
// the source, and could translate it.
//
// {fmt} makes them because g++ 12 has no <format>; what is written is the same, so std::format can take its place.
#pragma once

#include <string>

// What declares the formatting, and no more: from {fmt} 11 on fmt/core.h is all of it.
#if __has_include(<fmt/base.h>)
#include <fmt/base.h>
#else
#include <fmt/core.h>
#endif

namespace customer_import {

// Returns `sentence` with each {} replaced by the next of `values`. The code of the library is in format.cpp alone:
// compiled where it is used, it would cost each room seconds.
std::string format_values(fmt::string_view sentence, fmt::format_args values);

// format(sentence, values...) returns `sentence` with each {} replaced by the next value: a text, a number or a
// character. The compiler refuses a sentence that its values do not fit. Errors: std::bad_alloc. It is an object because
// a function would be ambiguous: texts are of namespace std, so compilers that have std::format would find that, too.
struct Format {
    template <typename... Values>
    std::string operator()(fmt::format_string<Values...> sentence, Values&&... values) const {
        return format_values(sentence, fmt::make_format_args(values...));
    }
};
inline constexpr Format format;

}  // namespace customer_import
