#include "pg/table/customer_export.h"

#include <memory>
#include <string>
#include <vector>

#include "core/format.h"
#include "core/pace.h"
#include "core/role_set.h"
#include "core/spreadsheet_guard.h"
#include "core/text.h"
#include "core/visible_text.h"
#include "pg/access/access.h"
#include "pg/server/library_version.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"
#include "pg/table/column_io.h"
#include "pg/table/customer_cursor.h"
#include "pg/table/dependents.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

constexpr long kRowsAtOnce = 64;  // a row may have megabytes

// Excel keeps no more characters of a cell; bytes are counted, which are not fewer.
constexpr std::size_t kMaxSpreadsheetBytes = 32767;

// What a file of the export is for.
enum class ExportForm { plain, spreadsheet };

constexpr const char* view_name(ExportForm form) {
    return form == ExportForm::plain ? "customer_export" : "customer_export_spreadsheet";
}

constexpr const char* function_name(ExportForm form) {
    return form == ExportForm::plain ? "_export_customers" : "_export_spreadsheet";
}

// Writes customers as cells that an import reads as what they are: NULL stays NULL, which is an empty cell, "no
// change". For a spreadsheet the cells are guarded, and a last one lists which.
class CellWriter {
public:
    CellWriter(const Target& target, ExportForm form, ReturnSetInfo* result)
        : is_for_spreadsheet_(form == ExportForm::spreadsheet), result_(result) {
        columns_.emplace_back(target.user_name);
        columns_.emplace_back(target.roles);
        for (const TargetColumn& column : target.values) {
            columns_.emplace_back(column);
        }
        for (const Field& field : target.fields()) {
            if (field.kind != FieldKind::add_roles && field.kind != FieldKind::remove_roles) {
                fields_.push_back(field);
            }
        }
        held_.resize(columns_.size());
        is_null_.reset(new bool[columns_.size() + 1]);
        texts_.resize(columns_.size());
        cells_.resize(columns_.size() + 1);
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
        if (is_for_spreadsheet_) {
            guard_cells();
        }
        call([&] {
            for (std::size_t column = 0; column < columns_.size(); ++column) {
                cells_[column] = is_for_spreadsheet_ ? make_datum({}, guarded_[column])
                                                     : make_datum(escape_of(texts_[column]), texts_[column]);
            }
            cells_[columns_.size()] = make_datum({}, list_);
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
    static std::string_view escape_of(std::string_view text) { return needs_escape(text) ? "\\" : ""; }

    void guard_cells() {
        guarded_.resize(columns_.size());
        list_.clear();
        for (std::size_t column = 0; column < columns_.size(); ++column) {
            if (is_null_[column]) {
                continue;
            }
            if (column != kUserName && texts_[column].size() > kMaxSpreadsheetBytes) {
                is_null_[column] = true;  // it would be cut there
                continue;
            }
            if (fields_[column].kind == FieldKind::boolean) {  // each program has its own words for true and false
                guarded_[column] = texts_[column].starts_with('t') ? "yes" : "no";
                continue;
            }
            guarded_[column] = escape_of(texts_[column]);
            guarded_[column] += texts_[column];
            const Guard guard = guard_needed(guarded_[column]);
            note_guard(list_, fields_[column].name, guard);
            guarded_[column] = guarded(guarded_[column], guard);
        }
        // Never empty: Excel leaves out empty cells at the end of records.
        list_ = list_.empty() ? ";" : guard_list_cell(list_);
        is_null_[columns_.size()] = false;
    }

    static Datum make_datum(std::string_view begin, std::string_view text) {
        auto cell = static_cast<varlena*>(palloc(VARHDRSZ + begin.size() + text.size()));
        SET_VARSIZE(cell, VARHDRSZ + begin.size() + text.size());
        memcpy(VARDATA(cell), begin.data(), begin.size());
        memcpy(VARDATA(cell) + begin.size(), text.data(), text.size());
        return PointerGetDatum(cell);
    }

    const bool is_for_spreadsheet_;
    ReturnSetInfo* result_;
    std::vector<ColumnIo> columns_;
    std::vector<Datum> held_;
    std::unique_ptr<bool[]> is_null_;
    std::vector<std::string_view> texts_;
    std::vector<Datum> cells_;
    std::vector<Field> fields_;  // of the columns
    std::vector<std::string> guarded_;
    std::string list_;
    std::vector<std::string_view> codes_;
    std::string joined_;
};

// The view names the columns; a call by hand may name others.
void require_text_columns(const TupleDesc columns, std::size_t count, ExportForm form) {
    bool fits = columns->natts == static_cast<int>(count);
    for (int column = 0; fits && column < columns->natts; ++column) {
        fits = TupleDescAttr(columns, column)->atttypid == TEXTOID;
    }
    if (!fits) {
        throw ImportError(ERRCODE_DATATYPE_MISMATCH,
                          format("{}() returns {} columns of type text", function_name(form), count), {},
                          format("Read the view customer_import.{}.", view_name(form)));
    }
}

void export_customers(ReturnSetInfo* result, ExportForm form) {
    require_right(Right::view_customers, "export customers");
    SpiConnection spi;
    const Target target = load_target(AccessShareLock);
    require_text_columns(result->setDesc, target.values.size() + (form == ExportForm::plain ? 2 : 3), form);
    std::string names = format("{}, {}", target.user_name.name, target.roles.name);
    for (const TargetColumn& column : target.values) {
        names += format(", {}", column.name);
    }
    CellWriter writer(target, form, result);
    MemoryContext rows = call(
        [] { return AllocSetContextCreate(CurrentMemoryContext, "exported customers", ALLOCSET_DEFAULT_SIZES); });
    CustomerCursor customers(target, names, "", {});
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

void comment_on_column(ExportForm form, const std::string& column, const std::string& comment) {
    execute_ddl(format("COMMENT ON COLUMN customer_import.{}.{} IS '{}'", view_name(form), column, comment));
}

void create_view(Oid table, ExportForm form, const std::vector<std::string>& fields, const std::string& comment) {
    std::string columns = "\"userName\" text COLLATE \"C\", roles text";
    std::vector<std::string> values;
    for (const std::string& field : fields) {
        // The header is guarded, too, as long as there is room for it.
        const std::string header = form == ExportForm::plain ? field : guarded_header(field);
        values.push_back(column_name(header.size() < NAMEDATALEN ? header : field));
        columns += format(", {} text", values.back());
    }
    if (form == ExportForm::spreadsheet) {
        columns += format(", {} text", kEscapedColumn);
    }
    execute_ddl(
        format("CREATE VIEW customer_import.{} WITH (security_invoker = true) AS"
               " SELECT * FROM customer_import.{}() AS c ({})",
               view_name(form), function_name(form), columns));
    execute_ddl(format("COMMENT ON VIEW customer_import.{} IS '{}'", view_name(form), comment));
    comment_on_column(form, "\"userName\"", "The user name, as a cell of a CSV file.");
    comment_on_column(form, "roles", "The role codes, separated by commas.");
    for (const std::string& value : values) {
        comment_on_column(form, value,
                          "The value of the column that customers_table_columns names, as a cell of a CSV file.");
    }
    if (form == ExportForm::spreadsheet) {
        comment_on_column(form, std::string(kEscapedColumn),
                          "Which cells are guarded: by it an import reads them back.");
    }
    drop_with(table, call([&] { return own_table(view_name(form)); }));
}

}  // namespace

void create_export_views(Oid table) {
    drop_export_views();
    OwnerScope owner;
    std::vector<std::string> fields;
    for (const Row& row : query_latest("SELECT field FROM customer_import.customers_table_columns ORDER BY position")) {
        fields.push_back(*row[0]);
    }
    create_view(table, ExportForm::plain, fields,
                "All customers as a CSV file that import_customers() reads back without changing anything.");
    create_view(
        table, ExportForm::spreadsheet, fields,
        "All customers as a CSV file that comes through a spreadsheet and that import_customers() reads back without changing anything.");
}

namespace {

// As the extension's owner.
bool has_view(ExportForm form) {
    return !query_latest("SELECT WHERE to_regclass($1) IS NOT NULL",
                         {parameter(std::string_view(format("customer_import.{}", view_name(form))))})
                .empty();
}

}  // namespace

void lock_export_views() {
    OwnerScope owner;
    for (const ExportForm form : {ExportForm::plain, ExportForm::spreadsheet}) {
        if (has_view(form)) {
            execute(format("LOCK TABLE customer_import.{} IN ACCESS EXCLUSIVE MODE", view_name(form)));
        }
    }
}

void drop_export_views() {
    OwnerScope owner;
    for (const ExportForm form : {ExportForm::plain, ExportForm::spreadsheet}) {
        if (has_view(form)) {
            execute_ddl(format("DROP VIEW IF EXISTS customer_import.{}", view_name(form)));
        }
    }
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _export_customers() returns setof record: user name, roles and values of all customers that the caller sees, as text.
// Errors: 42501, 42804 for other columns than the view's, 55000 when there is no customers table.
CI_CATALOG_FUNCTION(ci_export_customers) {
    return pg::entry([&] {
        pg::call([&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
        pg::export_customers((ReturnSetInfo*)fcinfo->resultinfo, pg::ExportForm::plain);
        return Datum{0};
    });
}

// _export_spreadsheet() returns setof record: the same, guarded, and which cells are. Errors: the same.
CI_CATALOG_FUNCTION(ci_export_spreadsheet) {
    return pg::entry([&] {
        pg::call([&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
        pg::export_customers((ReturnSetInfo*)fcinfo->resultinfo, pg::ExportForm::spreadsheet);
        return Datum{0};
    });
}
