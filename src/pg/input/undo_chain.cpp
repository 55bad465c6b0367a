#include "pg/input/undo_chain.h"

#include "pg/server/statement.h"

namespace customer_import::pg {

UndoRoot find_undo_root(std::int64_t source_import_id) {
    OwnerScope owner;
    UndoRoot root{source_import_id, false};
    for (;;) {
        const std::vector<Row> rows = query(
            "SELECT source_import_id FROM customer_import.imports WHERE id = $1 AND mode = 'undo'",
            {parameter(root.import_id)});
        if (rows.empty() || !rows.front()[0]) {
            return root;
        }
        root = {std::stoll(*rows.front()[0]), !root.brings_back};
        check_interrupts();
    }
}

}  // namespace customer_import::pg
