// The options of an import as `imports.options` keeps them: written and read here alone.
#pragma once

#include <string>

#include "core/header_map.h"
#include "core/role_catalog.h"
#include "pg/input/import_request.h"

namespace customer_import::pg {

// What is kept of the options of a request, as JSON. Needs an SPI connection.
std::string options_json(const ImportRequest& request);

// Reads what options_json() has written, but for send_report, which the row alone is asked for. Needs an SPI connection.
void read_options(const std::string& json, ImportRequest& request);

// Reads those that say how a file is read: a retry reads its records as its import has. Needs an SPI connection.
void read_reading_options(const std::string& json, ImportRequest& request);

// Reads a number from 0 to 100, as numeric writes it. Errors: 22023.
Percent read_percent(const std::string& text);

// What the request says of the header. `catalog` must outlive it. Needs an SPI connection. Errors: 22023.
HeaderOptions header_options(const ImportRequest& request, const RoleCatalog& catalog);

}  // namespace customer_import::pg
