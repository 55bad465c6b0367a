// The views customer_export and customer_export_spreadsheet: all customers as a CSV file that imports back without
// changing anything, the second one also when it was opened and saved in a spreadsheet program.
#pragma once

#include "pg/server/guard.h"

namespace customer_import::pg {

// Makes the views of the registered customers table, which is `table`. They belong to the extension's owner and are not
// part of the extension: so pg_dump saves them. They are dropped with the table. Needs an SPI connection, and the register
// to be written. refresh_all_privileges() grants access to them, afterwards.
void create_export_views(Oid table);

// Waits for readers of the views, and keeps new ones out: before the table is locked, as readers lock it afterwards.
// Needs an SPI connection.
void lock_export_views();

// Drops the views. Needs an SPI connection.
void drop_export_views();

}  // namespace customer_import::pg
