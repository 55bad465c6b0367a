#include "pg/table/table_size.h"

namespace customer_import::pg {

TableSize read_size(Oid table) {
    TableSize size{};
    const List* parts = find_all_inheritors(table, AccessShareLock, nullptr);
    for (int index = 0; index < list_length(parts); ++index) {
        Relation part = table_open(list_nth_oid(parts, index), NoLock);
        if (RELKIND_HAS_TABLE_AM(part->rd_rel->relkind)) {
            BlockNumber blocks = 0;
            double rows = 0;
            double all_visible = 0;
            estimate_rel_size(part, nullptr, &blocks, &rows, &all_visible);
            size.rows += rows;
            size.blocks += RelationGetNumberOfBlocks(part);
        }
        table_close(part, NoLock);
    }
    return size;
}

}  // namespace customer_import::pg
