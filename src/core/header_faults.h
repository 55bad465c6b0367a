// What is wrong with a header, all of it in one refusal: nobody should have to import a file once for each fault.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/header_names.h"
#include "core/result.h"

namespace customer_import {

class HeaderFaults {
public:
    // Both must outlive the object.
    HeaderFaults(std::span<const std::string_view> header, const std::vector<Field>& fields)
        : header_(header), fields_(fields) {}

    // Faults of the file.
    void misspelled(std::string_view name, std::string_view meant);
    void named_twice(std::string_view field, std::size_t first, std::size_t second);
    void unknown_code(std::string_view name, std::string_view nearest);
    void no_user_name(std::string_view field);
    void nothing_to_import(std::string_view user_name);

    // Faults of what the caller says of the header.
    void unknown_header(std::string_view name);
    void unknown_field(std::string_view name, std::string_view field, std::string_view nearest);
    void mapped_twice(std::string_view field, std::size_t first, std::size_t second);
    void no_role_column(std::string_view role_columns);

    bool empty() const { return of_file_.empty() && of_call_.empty(); }

    // The message of the first fault; where there are several, the detail lists them all. Faults of the call come before
    // those of the file. Not where it is empty.
    Refusal refusal() const;

private:
    struct Fault {
        Refusal refusal;
        std::string listed;  // as it is listed beside others
        std::string hint;    // for that list
    };

    static Fault as_it_is(Refusal refusal);
    static Refusal list(const std::vector<Fault>& faults);
    const std::string& columns_found();
    std::string known_fields(bool with_user_name) const;

    std::span<const std::string_view> header_;
    const std::vector<Field>& fields_;
    std::string columns_found_;
    std::vector<Fault> of_file_;
    std::vector<Fault> of_call_;
};

}  // namespace customer_import
