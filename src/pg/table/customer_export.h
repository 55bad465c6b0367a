// The view customer_export: all customers as a CSV file that imports back without changing anything.
#pragma once

#include "pg/server/guard.h"

namespace customer_import::pg {

// Makes the view customer_import.customer_export of the registered customers table, which is `table`. It belongs to the
// extension's owner and is not part of the extension: so pg_dump saves it. It is dropped with the table. Needs an SPI
// connection, and the register to be written. refresh_all_privileges() grants access to it, afterwards.
void create_export_view(Oid table);

// Waits for readers of the view, and keeps new ones out: before the table is locked, as readers lock it afterwards.
// Needs an SPI connection.
void lock_export_view();

// Drops the view. Needs an SPI connection.
void drop_export_view();

}  // namespace customer_import::pg
