// Part of step 3: what to tell of a record that could not be split into the cells of the header, and what to do about it.
#pragma once

#include <cstddef>

#include "core/csv_reader.h"
#include "core/issue.h"

namespace customer_import {

// The issue of a record that has not as many fields as the header.
Issue wrong_field_count_issue(const CsvRecord& record, std::size_t wanted);

// The issue of a record with a stray quote.
Issue malformed_record_issue(const CsvRecord& record);

}  // namespace customer_import
