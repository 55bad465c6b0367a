#include "pg/table/customer_export.h"

#include <memory>
#include <string>
#include <vector>

#include "core/format.h"
#include "core/pace.h"
#include "core/role_set.h"
#include "core/text.h"
#include "core/visible_text.h"
#include "pg/access/access.h"
#include "pg/server/library_version.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"
#include "pg/table/column_io.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

constexpr long kRowsAtOnce = 64;  // a row may have megabytes

// Writes customers as cells that an import reads as what they are: NULL stays NULL, which is an empty cell, "no
// change".
class CellWriter {
public:
    CellWriter(const Target& target, ReturnSetInfo* result) : result_(result) {
        columns_.emplace_back(target.user_name);
        columns_.emplace_back(target.roles);
        for (const TargetColumn& column : target.values) {
            columns_.emplace_back(column);
        }
        held_.resize(columns_.size());
        is_null_.reset(new bool[columns_.size()]);
        texts_.resize(columns_.size());
        cells_.resize(columns_.size());
    }

    // Adds a row that a statement returned: user name, roles, values. What it takes belongs to the current memory
    // context.
    void write(HeapTuple row, TupleDesc row_columns) {
        check_interrupts();
        call([&] { heap_deform_tuple(row, row_columns, held_.data(), is_null_.get()); });
        for (std::size_t column = 0; column < columns_.size(); ++column) {
            if (is_null_[column]) {
                texts_[column] = {};
                continue;
            }
            texts_[column] = column == kRoles ? join_roles(held_[column]) : value_text(column);
        }
        // A file cannot name this customer: an import would take the name without the blanks and invisible characters
        // at its ends, which may be another customer's.
        is_null_[kUserName] = is_null_[kUserName] || trim_cell(texts_[kUserName]) != texts_[kUserName];
        call([&] {
            for (std::size_t column = 0; column < columns_.size(); ++column) {
                cells_[column] = make_cell(texts_[column]);
            }
            tuplestore_putvalues(result_->setResult, result_->setDesc, cells_.data(), is_null_.get());
        });
    }

private:
    static constexpr const char* kNoCode = "\uFFFD";
    static constexpr std::size_t kUserName = 0;
    static constexpr std::size_t kRoles = 1;

    std::string_view value_text(std::size_t column) const {
        const ColumnIo& io = columns_[column];
        return io.write(io.flat({held_[column], false}).datum);
    }

    std::string_view join_roles(Datum roles) {
        codes_.clear();
        read_text_array(detoast_array(roles), codes_);
        joined_.clear();
        Pace pace(check_interrupts);
        for (const std::string_view code : codes_) {
            pace.step(16 * code.size());
            if (!joined_.empty()) {
                joined_ += ',';
            }
            add_code(code);
        }
        return joined_;
    }

    // What an import would take for other codes than this one becomes a code that no customer has, so that it is
    // rejected.
    void add_code(std::string_view code) {
        const bool is_trimmed = !code.empty() && trim(code) == code;
        joined_ += is_trimmed ? "" : kNoCode;
        for (const char c : code) {
            if (kRoleSeparators.find(c) != std::string_view::npos) {
                joined_ += kNoCode;
            } else {
                joined_ += c;
            }
        }
        joined_ += is_trimmed ? "" : kNoCode;
    }

    // A text that would say "clear" to an import gets a backslash; see read_cell().
    static Datum make_cell(std::string_view text) {
        const std::size_t escape = needs_escape(text) ? 1 : 0;
        auto cell = static_cast<varlena*>(palloc(VARHDRSZ + escape + text.size()));
        SET_VARSIZE(cell, VARHDRSZ + escape + text.size());
        if (escape != 0) {
            *VARDATA(cell) = '\\';
        }
        memcpy(VARDATA(cell) + escape, text.data(), text.size());
        return PointerGetDatum(cell);
    }

    ReturnSetInfo* result_;
    std::vector<ColumnIo> columns_;
    std::vector<Datum> held_;
    std::unique_ptr<bool[]> is_null_;
    std::vector<std::string_view> texts_;
    std::vector<Datum> cells_;
    std::vector<std::string_view> codes_;
    std::string joined_;
};

// The view names the columns; a call by hand may name others.
void require_text_columns(const TupleDesc columns, std::size_t count) {
    bool fits = columns->natts == static_cast<int>(count);
    for (int column = 0; fits && column < columns->natts; ++column) {
        fits = TupleDescAttr(columns, column)->atttypid == TEXTOID;
    }
    if (!fits) {
        throw ImportError(ERRCODE_DATATYPE_MISMATCH,
                          format("_export_customers() returns {} columns of type text", count), {},
                          "Read the view customer_import.customer_export.");
    }
}

void export_customers(ReturnSetInfo* result) {
    require_right(Right::view_customers, "export customers");
    SpiConnection spi;
    const Target target = load_target(AccessShareLock);
    require_text_columns(result->setDesc, target.values.size() + 2);
    std::string names = format("{}, {}", target.user_name.name, target.roles.name);
    for (const TargetColumn& column : target.values) {
        names += format(", {}", column.name);
    }
    CellWriter writer(target, result);
    MemoryContext rows = call(
        [] { return AllocSetContextCreate(CurrentMemoryContext, "exported customers", ALLOCSET_DEFAULT_SIZES); });
    // As the caller, so that the table's policies hold.
    Cursor customers(format("SELECT {} FROM {}", names, target.name), {}, Cursor::Snapshot::calling);
    for (customers.fetch(kRowsAtOnce); customers.count() > 0; customers.fetch(kRowsAtOnce)) {
        {
            ContextScope scope(rows);
            for (std::uint64_t index = 0; index < customers.count(); ++index) {
                writer.write(customers.row(index), customers.columns());
            }
        }
        call([&] { MemoryContextReset(rows); });
    }
}

// The name of a CSV field as that of a column.
std::string column_name(const std::string& field) {
    if (field.size() >= NAMEDATALEN) {
        throw ImportError(ERRCODE_NAME_TOO_LONG,
                          format("the CSV header {} is longer than {} bytes", quoted(field), NAMEDATALEN - 1),
                          "The view customer_export has a column of that name.");
    }
    return quote_name(field);
}

void comment_on_column(const std::string& column, const std::string& comment) {
    execute_ddl(format("COMMENT ON COLUMN customer_import.customer_export.{} IS '{}'", column, comment));
}

// Has the view dropped with the table, as a sequence is with its column: otherwise it would block DROP EXTENSION.
void go_with(Oid table) {
    call([&] {
        const Oid schema = get_namespace_oid("customer_import", false);
        ObjectAddress view;
        ObjectAddressSet(view, RelationRelationId, get_relname_relid("customer_export", schema));
        ObjectAddress owner;
        ObjectAddressSet(owner, RelationRelationId, table);
        recordDependencyOn(&view, &owner, DEPENDENCY_AUTO);
    });
}

}  // namespace

void create_export_view(Oid table) {
    drop_export_view();
    OwnerScope owner;
    std::string columns = "\"userName\" text COLLATE \"C\", roles text";
    std::vector<std::string> values;
    for (const Row& row : query_latest("SELECT field FROM customer_import.customers_table_columns ORDER BY position")) {
        values.push_back(column_name(*row[0]));
        columns += format(", {} text", values.back());
    }
    execute_ddl(
        format("CREATE VIEW customer_import.customer_export WITH (security_invoker = true) AS"
               " SELECT * FROM customer_import._export_customers() AS c ({})",
               columns));
    execute_ddl(
        "COMMENT ON VIEW customer_import.customer_export IS"
        " 'All customers as a CSV file that import_customers() reads back without changing anything.'");
    comment_on_column("\"userName\"", "The user name, as a cell of a CSV file.");
    comment_on_column("roles", "The role codes, separated by commas.");
    for (const std::string& value : values) {
        comment_on_column(value,
                          "The value of the column that customers_table_columns names, as a cell of a CSV file.");
    }
    go_with(table);
}

namespace {

// As the extension's owner.
bool has_export_view() {
    return !query_latest("SELECT WHERE to_regclass('customer_import.customer_export') IS NOT NULL").empty();
}

}  // namespace

void lock_export_view() {
    OwnerScope owner;
    if (has_export_view()) {
        execute("LOCK TABLE customer_import.customer_export IN ACCESS EXCLUSIVE MODE");
    }
}

void drop_export_view() {
    OwnerScope owner;
    if (has_export_view()) {
        execute_ddl("DROP VIEW IF EXISTS customer_import.customer_export");
    }
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _export_customers() returns setof record: user name, roles and values of all customers that the caller sees, as text.
// Errors: 42501, 42804 for other columns than the view's, 55000 when there is no customers table.
CI_CATALOG_FUNCTION(ci_export_customers) {
    return pg::entry([&] {
        pg::call([&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
        pg::export_customers((ReturnSetInfo*)fcinfo->resultinfo);
        return Datum{0};
    });
}
