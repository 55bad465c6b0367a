// The shadow of a customers table: a local table of the same columns, which the engine writes as the operator, in place
// of a table where it cannot. Before a set of records is applied, the rows of its customers are fetched into the shadow;
// afterwards what the engine did is shipped to the table (pg/apply/home_rows). Outside of a transaction the shadow is
// empty. Beside it is the stage, by which rows get from one to the other in one statement for all of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

// Where the rows of the customers table are, when the engine does not write that table but its shadow.
struct Home {
    struct Column {
        std::string name;      // quoted for SQL
        std::string staged;    // its name in the stage
        bool is_made = false;  // by the server: an identity or generated column
    };

    Oid relation = InvalidOid;
    std::string name;   // schema and table, quoted for SQL
    std::string stage;  // that of the stage
    std::vector<Column> columns;
};

// The names, with their schema. The stage of a table that Citus distributes is in the schema of the table, by the other
// name, where its owner is no superuser.
inline constexpr const char* kShadow = "customer_import._shadow";
inline constexpr const char* kStage = "customer_import._stage";
inline constexpr const char* kStageBeside = "customer_import_stage";

// The shadow; InvalidOid when there is none.
Oid shadow_table();
bool has_shadow();

// The stage, by the register; InvalidOid when there is none. It may have been dropped. Needs an SPI connection.
Oid stage_table();

// How a table and its stage are changed. Citus takes all that a transaction reads and changes there from one role alone:
// for a table that it distributes the scope acts as its owner, or as that of the extension where the stage has been left
// to an earlier one. It changes nothing for others. Needs an SPI connection.
class DistributedScope {
public:
    explicit DistributedScope(Oid table);

private:
    std::optional<LookupScope> owner_;
};

// Makes both for a table, whose name and user name column are quoted for SQL. They belong to the owner of the table and
// go with it; the register, where the table has to be, names the stage. The shadow has neither CHECK nor NOT NULL: the
// table itself has, and its errors name it. Errors: those of Citus, and 42P07 for the name of the stage. Needs an SPI
// connection.
void create_shadow(Oid table, const std::string& name, const std::string& user_name);

// Drops those of a table, if there are any, and warns of policies that others have made there. Needs an SPI connection.
void drop_shadow(Oid table);

// Which customers the policies of the shadow show the current role, which has the right to see customers: a condition that
// names nothing by way of a search_path but pg_catalog, about rows that are called kShadowAlias. Empty: all. Errors: 55000 for
// a policy that reads a table of Citus. Needs an SPI connection, and a shadow.
std::string shown_by_policies();
inline constexpr const char* kShadowAlias = "_shadow";

// Whether the server has loaded Citus. Needs no transaction.
bool is_citus_loaded();

// Has Citus end on each worker what it has committed here and could not say there, since a process or a node died: else
// rows would be read as they were before. Where there is a shadow of a distributed table; it locks what keeps such ends of
// others waiting until the transaction ends. Errors: 08006 for a worker that has died. Needs an SPI connection.
void settle_commits();

// How much room the shadow takes: rows that have left it leave theirs behind. 0 when there is none. Needs an SPI connection.
std::int64_t shadow_bytes();

// Has the shadow take no more than this where imports run in the background.
inline constexpr std::int64_t kMostShadowBytes = std::int64_t{512} * 1024 * 1024;

// Gives back the room that the shadow takes, if it takes more than `above` bytes. Waits some seconds until nobody uses
// it, and keeps others from doing so until the transaction ends: so it is to be called in one of its own. Returns how
// many bytes that is when somebody still uses it, else 0. Needs an SPI connection.
std::int64_t give_back_shadow(std::int64_t above);

// Reads which columns a table has that has a shadow. Errors: 55000 when the shadow does not have them, or has other
// defaults or another owner, or a policy that reads a table of Citus. Needs an SPI connection.
Home read_home(Oid table, const std::string& name);

}  // namespace customer_import::pg
