// The change log as rows: what a change did, as the columns of import_changes and customer_history().
#pragma once

#include "core/change_page.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// created, added, removed, before, after.
inline constexpr int kEffectColumns = 5;

// Puts what a change did into that many columns; sets those of `nulls` that are NULL, and clears none.
void put_effect(const Change& change, Datum* values, bool* nulls);

}  // namespace customer_import::pg
