// Which shapes were chosen and why is measured in bench/.
#include "pg/apply/batch_statements.h"

#include <algorithm>
#include <cstring>

#include "core/format.h"
#include "core/text.h"
#include "pg/server/lookup.h"
#include "pg/server/text_array.h"
#include "pg/table/bulk_insert.h"
#include "pg/table/own_checks.h"
#include "pg/table/removal_marks.h"
#include "pg/table/table_size.h"

namespace customer_import::pg {

namespace {

constexpr const char* kBatchTable = "customer_import_batch";
constexpr int kBatchTableKilobytes = 16 * 1024;

// The columns of the batch table, by position: index, user name, roles, then value and "given" for each cell.
constexpr int kIndexColumn = 0;
constexpr int kUserNameColumn = 1;
constexpr int kRolesColumn = 2;
constexpr int kFirstValueColumn = 3;

std::string value_name(std::size_t cell) { return format("b.v{}", cell); }
std::string given_name(std::size_t cell) { return format("b.g{}", cell); }

std::vector<std::size_t> find_cell_columns(const Target& target, const HeaderMap& header) {
    std::vector<std::size_t> result;
    for (int field : header.value_fields()) {
        const std::string& name = header.fields()[static_cast<std::size_t>(field)].name;
        auto column = std::find_if(target.values.begin(), target.values.end(),
                                   [&](const TargetColumn& value) { return value.field == name; });
        result.push_back(static_cast<std::size_t>(column - target.values.begin()));
    }
    return result;
}

std::vector<bool> mark(std::size_t count, const std::vector<std::size_t>& marked) {
    std::vector<bool> result(count, false);
    for (std::size_t index : marked) {
        result[index] = true;
    }
    return result;
}

std::vector<bool> find_defaults(const Target& target) {
    std::vector<bool> result;
    for (const TargetColumn& column : target.values) {
        result.push_back(!column.default_sql.empty());
    }
    return result;
}

bool any(const std::vector<bool>& flags) { return std::find(flags.begin(), flags.end(), true) != flags.end(); }

bool is_domain(const TargetColumn& column) { return column.type != column.base_type; }

// How a statement that writes is run.
struct WriteRun {
    std::optional<CheckedColumns> trusted;  // what its rows need not be checked by
    std::uint64_t* reached;                 // by an INSERT
};

// Server code. `argument` is a WriteRun.
void run_write(QueryDesc* query, const void* argument) {
    const auto run = static_cast<const WriteRun*>(argument);
    const LeftOut left_out = run->trusted ? leave_out_own_checks(query, *run->trusted) : LeftOut{};
    if (left_out.checks &&
        insert_in_bulk(query, left_out.in_plain_partitions ? leave_out_own_checks_of : nullptr, run->reached)) {
        return;
    }
    PG_TRY();
    ExecutorRun(query, ForwardScanDirection, 0);
    PG_FINALLY();
    if (query->operation == CMD_INSERT) {
        *run->reached = query->estate->es_processed;
    }
    PG_END_TRY();
}

// Texts of one row on their way into the batch table: plain server memory, used inside of call().
struct TextBuffer {
    char* data = nullptr;
    Size size = 0;

    // Makes room for the texts of one row; what was written before is lost.
    void reserve(Size bytes) {
        if (data == nullptr || bytes > size) {
            if (data != nullptr) {
                pfree(data);
            }
            size = bytes + bytes / 2;
            data = static_cast<char*>(MemoryContextAllocHuge(CurrentMemoryContext, size));
        }
    }
};

Size text_bytes(std::string_view text) { return MAXALIGN(VARHDRSZ + text.size()); }

Datum write_text(char*& to, std::string_view text) {
    char* start = to;
    SET_VARSIZE(start, VARHDRSZ + text.size());
    memcpy(VARDATA(start), text.data(), text.size());
    to += text_bytes(text);
    return PointerGetDatum(start);
}

}  // namespace

BatchStatements::BatchStatements(std::int64_t token, std::int64_t records, const Target& target,
                                 const HeaderMap& header, const std::vector<ColumnIo>& columns, MemoryContext context)
    : target_(target),
      columns_(columns),
      context_(context),
      token_(token),
      search_(covers_table(records) ? JoinMethod::merge : JoinMethod::nested_loop),
      writes_roles_(header.has(FieldKind::add_roles) || header.has(FieldKind::remove_roles) ||
                    header.has(FieldKind::roles)),
      cell_columns_(find_cell_columns(target, header)),
      in_file_(mark(target.values.size(), cell_columns_)),
      has_default_(find_defaults(target)),
      converts_(std::any_of(cell_columns_.begin(), cell_columns_.end(),
                            [&](std::size_t column) { return target.values[column].kind == FieldKind::other; })),
      returns_new_rows_(!target.rewritten && any(has_default_)),
      batch_columns_(batch_columns()),
      batch_table_(kBatchTable, batch_columns_, kBatchTableKilobytes),
      customers_(columns),
      ordered_(target.values.size()),
      look_(look_sql(), search_parameter_types(), search_),
      look_in_order_(look_in_order_sql(), {TEXTOID, TEXTOID}, JoinMethod::merge),
      update_(update_sql(search_), search_parameter_types(), search_),
      update_few_(update_sql(JoinMethod::nested_loop), {INT8OID}),
      insert_(insert_sql(false)),
      insert_unless_exists_(insert_sql(true)),
      read_back_(read_back_sql()) {
    ContextScope scope(context_);
    if (is_domain(target_.user_name) || target_.user_name.type_modifier >= 0) {
        user_name_.emplace(target_.user_name);
    }
    if (is_domain(target_.roles)) {
        roles_.emplace(target_.roles);
    }
}

// A file with about as many records as the table has rows meets nearly every row: reading the index along its order is
// cheaper than a descent for each record.
bool BatchStatements::covers_table(std::int64_t records) const {
    constexpr std::int64_t kFewRecords = 1000;
    constexpr int kRowsPerRecord = 2;
    if (target_.one_by_one || records < kFewRecords || target_.user_name.base_type != TEXTOID) {
        return false;
    }
    const double rows = call([&]() -> double {
        // The records come in the order of bytes; an index along another one is not met in order.
        return orders_by_bytes(target_.user_name.collation) ? read_size(target_.relation).rows : -1;
    });
    return rows >= 0 && rows <= static_cast<double>(records) * kRowsPerRecord;
}

// $1: the token; with a merge $2 and $3: the first and the last user name of the batch table.
std::vector<Oid> BatchStatements::search_parameter_types() const {
    if (search_ == JoinMethod::merge) {
        return {INT8OID, TEXTOID, TEXTOID};
    }
    return {INT8OID};
}

std::vector<Datum> BatchStatements::search_parameters() const {
    if (search_ == JoinMethod::merge) {
        return {Int64GetDatum(token_), text_datum(rows_.front().record->user_name),
                text_datum(rows_.back().record->user_name)};
    }
    return {Int64GetDatum(token_)};
}

// The range of user names of a merge, by its first parameter.
std::string BatchStatements::in_range(JoinMethod search, int first) const {
    if (search != JoinMethod::merge) {
        return "true";
    }
    return format("c.{0} OPERATOR(pg_catalog.>=) ${1} AND c.{0} OPERATOR(pg_catalog.<=) ${2}", target_.user_name.name,
                  first, first + 1);
}

TupleDesc BatchStatements::batch_columns() const {
    return call([&] {
        MemoryContext before = MemoryContextSwitchTo(context_);
        TupleDesc columns = CreateTemplateTupleDesc(kFirstValueColumn + 2 * static_cast<int>(cell_columns_.size()));
        AttrNumber number = 0;
        auto add = [&](const char* name, Oid type, Oid collation) {
            TupleDescInitEntry(columns, ++number, name, type, -1, 0);
            if (OidIsValid(collation)) {
                TupleDescInitEntryCollation(columns, number, collation);
            }
        };
        add("o", INT4OID, InvalidOid);
        add("u", TEXTOID, target_.user_name.collation);
        add("r", TEXTARRAYOID, InvalidOid);
        int cell = 0;
        for (std::size_t index : cell_columns_) {
            char name[16];
            snprintf(name, sizeof name, "v%d", cell);
            add(name, target_.values[index].base_type,
                target_.values[index].collation);  // a domain checks at the write
            snprintf(name, sizeof name, "g%d", cell++);
            add(name, BOOLOID, InvalidOid);
        }
        MemoryContextSwitchTo(before);
        return columns;
    });
}

// The columns of a CustomerRow, of the customers table as c; NULL where a value is not wanted. A row that was fetched into
// the shadow is none that this transaction has made: its writer is known to have been seen.
std::string BatchStatements::customer_row(const std::vector<bool>& values) const {
    return format("c.ctid, {}, c.{}{}",
                  target_.home ? "CASE WHEN c._fetched THEN '2'::pg_catalog.xid ELSE c.xmin END" : "c.xmin",
                  target_.roles.name, value_list(values));
}

// The same of a row that an INSERT has just made. A row of a partition cannot tell its place and version then.
std::string BatchStatements::new_row() const {
    return "NULL::pg_catalog.tid, NULL::pg_catalog.xid, NULL::pg_catalog.text[]" + value_list(has_default_);
}

std::string BatchStatements::value_list(const std::vector<bool>& values) const {
    std::string list;
    for (std::size_t column = 0; column < target_.values.size(); ++column) {
        list += values[column] ? format(", c.{}", target_.values[column].name)
                               : format(", NULL::{}", target_.values[column].type_name);
    }
    return list;
}

// What decide() needs of a row: the columns that the file names; all where the row may be rewritten by triggers or the
// server.
std::string BatchStatements::decided_row() const {
    return customer_row(target_.rewritten ? std::vector<bool>(target_.values.size(), true) : in_file_);
}

// It is told whether the row is the record's customer at all, because the server may evaluate conditions in any order. A
// variadic function has one argument at least.
std::string BatchStatements::decide_call() const {
    return format("customer_import._decide($1, b.o, {}, {}{})", same_customer(), decided_row(),
                  target_.values.empty() ? ", NULL::pg_catalog.text" : "");
}

std::string BatchStatements::same_customer() const {
    return format("c.{} OPERATOR(pg_catalog.=) b.u", target_.user_name.name);
}

std::string BatchStatements::look_sql() const {
    return format("SELECT b.o FROM {} AS b JOIN {} AS c ON {} AND {} WHERE {}", kBatchTable, target_.name,
                  same_customer(), in_range(search_, 2), decide_call());
}

std::string BatchStatements::look_in_order_sql() const {
    return format("SELECT c.{0}, {1} FROM {2} AS c WHERE {3} ORDER BY c.{0}", target_.user_name.name, decided_row(),
                  target_.name, in_range(JoinMethod::merge, 1));
}

// One pass finds the customer, asks decide() and writes. When another session has changed the row meanwhile, the server
// asks decide() again with the newest version.
std::string BatchStatements::update_sql(JoinMethod search) const {
    std::string assignments;
    if (writes_roles_) {
        assignments += format(", {0} = COALESCE(customer_import._merged_roles($1, b.o), c.{0})", target_.roles.name);
    }
    for (std::size_t cell = 0; cell < cell_columns_.size(); ++cell) {
        const std::string& name = target_.values[cell_columns_[cell]].name;
        const std::string& equal = columns_[cell_columns_[cell]].equality_sql();
        // What decide() takes for unchanged stays as it is written.
        const std::string unless_equal =
            equal.empty() ? "" : format(" AND NOT COALESCE(c.{}{}{}, false)", name, equal, value_name(cell));
        assignments += format(", {0} = CASE WHEN {1}{2} THEN {3} ELSE c.{0} END", name, given_name(cell), unless_equal,
                              value_name(cell));
    }
    if (!target_.touched_column.empty()) {
        assignments += format(", {} = pg_catalog.now()", target_.touched_column);
    }
    return format("UPDATE {} AS c SET {} FROM {} AS b WHERE {} AND {} AND {} RETURNING b.o", target_.name,
                  assignments.substr(2), kBatchTable, same_customer(), in_range(search, 2), decide_call());
}

std::string BatchStatements::insert_sql(bool unless_exists) const {
    std::string names = format("{}, {}", target_.user_name.name, target_.roles.name);
    std::string values = "b.u, b.r";
    for (std::size_t cell = 0; cell < cell_columns_.size(); ++cell) {
        const TargetColumn& column = target_.values[cell_columns_[cell]];
        names += format(", {}", column.name);
        values += column.default_sql.empty() ? format(", {}", value_name(cell))
                                             : format(", CASE WHEN {} THEN {} ELSE {} END", given_name(cell),
                                                      value_name(cell), column.default_sql);
    }
    const std::string sql = format("INSERT INTO {} AS c ({}) SELECT {} FROM {} AS b", target_.name, names, values,
                                   kBatchTable);
    if (unless_exists) {
        return format("{} ON CONFLICT ({}) DO NOTHING", sql, target_.user_name.name);
    }
    return returns_new_rows_ ? format("{} RETURNING NULL::pg_catalog.int4, {}", sql, new_row()) : sql;
}

std::string BatchStatements::search_sql() const {
    return format(" FROM {} AS b JOIN {} AS c ON {}", kBatchTable, target_.name, same_customer());
}

std::string BatchStatements::read_back_sql() const {
    return format("SELECT b.o, {}{}", customer_row(std::vector<bool>(target_.values.size(), true)), search_sql());
}

void BatchStatements::clear() {
    rows_.clear();
    refused_column_ = nullptr;
}

void BatchStatements::add(const Record& record, const ArrayType* roles) { rows_.push_back({&record, roles}); }

void BatchStatements::require_roles(const ArrayType* roles) {
    if (roles_) {
        read(target_.roles, {}, [&] {
            roles_->require_in_domain({PointerGetDatum(roles), false});
            return true;
        });
    }
}

// A value that no row could hold is a fault of the record, whether or not the customer exists. An undo names customers
// that existed, and codes that `roles` keeps only if they are held are known later.
void BatchStatements::require_keys() {
    for (const Row& row : rows_) {
        reached_ = place_of(row);
        const std::string_view name = row.record->user_name;
        const bool fits = !is_domain(target_.user_name) &&
                          name.size() + VARHDRSZ <= static_cast<std::size_t>(target_.user_name.type_modifier);
        if (user_name_ && !cells_are_written_ && !fits) {
            read(target_.user_name, name, [&] { return user_name_->read(name); });
        }
        if (roles_ && row.roles != nullptr) {
            require_roles(row.roles);
        } else if (roles_ && row.record->replaces_roles && row.record->lost_roles.empty() &&
                   row.record->settled_roles.empty()) {
            const Datum roles = make_text_array(row.record->replace_roles);
            require_roles(reinterpret_cast<const ArrayType*>(DatumGetPointer(roles)));
        }
    }
}

bool BatchStatements::needs_reading(const Cell& cell, std::size_t column) const {
    return cell.action == Cell::Action::set && columns_[column].needs_reading(cell.text);
}

// Booleans need it if the type of their column has been changed since the file was checked, or undone cells were
// written.
bool BatchStatements::any_needs_reading() const {
    return converts_ || std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) {
               for (std::size_t cell = 0; cell < cell_columns_.size(); ++cell) {
                   if (needs_reading(row.record->cells[cell], cell_columns_[cell])) {
                       return true;
                   }
               }
               return false;
           });
}

void BatchStatements::convert_cells() {
    converted_.clear();
    refused_column_ = nullptr;
    require_keys();
    converts_ = any_needs_reading();
    if (!converts_) {
        return;
    }
    for (const Row& row : rows_) {
        reached_ = place_of(row);
        for (std::size_t cell = 0; cell < cell_columns_.size(); ++cell) {
            const Cell& source = row.record->cells[cell];
            const TargetColumn& column = target_.values[cell_columns_[cell]];
            const ColumnIo& io = columns_[cell_columns_[cell]];
            Value value;
            if (needs_reading(source, cell_columns_[cell])) {
                value = read(column, source.text,
                             [&] { return cells_are_written_ ? io.read_written(source.text) : io.read(source.text); });
            } else if (source.action == Cell::Action::clear && is_domain(column)) {
                read(column, kEmptyValue, [&] {
                    io.require_in_domain(Value{});
                    return true;
                });
            }
            converted_.push_back(value);
        }
    }
}

// A plan for a table of a few rows reads all of them, and would still do so when an import has made a million of them.
void BatchStatements::watch_growth() {
    const double blocks = call([&] { return read_size(target_.relation).blocks; });
    if (blocks > 2 * planned_blocks_) {
        planned_blocks_ = blocks;
        for (Statement* statement : {&look_, &look_in_order_, &update_, &update_few_, &read_back_}) {
            statement->forget_plan();
        }
        for (std::optional<Statement>* statement : {&lock_, &lock_to_delete_, &remove_}) {
            if (*statement) {
                (*statement)->forget_plan();
            }
        }
    }
}

void BatchStatements::read_cells() {
    watch_growth();
    convert_cells();
}

void BatchStatements::fill() {
    read_cells();
    batch_table_.clear(context_);
    call([&] {
        const auto count = static_cast<Size>(batch_columns_->natts);
        auto values = static_cast<Datum*>(palloc0(sizeof(Datum) * count));
        auto nulls = static_cast<bool*>(palloc(sizeof(bool) * count));
        TextBuffer texts;
        for (std::size_t index = 0; index < rows_.size(); ++index) {
            const Row& row = rows_[index];
            const Record& record = *row.record;
            Size bytes = text_bytes(record.user_name);
            for (const Cell& cell : record.cells) {
                bytes += text_bytes(cell.text);
            }
            texts.reserve(bytes);
            char* to = texts.data;
            memset(nulls, true, count);
            auto set = [&](Size column, Datum value) {
                values[column] = value;
                nulls[column] = false;
            };
            set(kIndexColumn, Int32GetDatum(static_cast<std::int32_t>(index)));
            set(kUserNameColumn, write_text(to, record.user_name));
            if (row.roles != nullptr) {
                set(kRolesColumn, PointerGetDatum(row.roles));
            }
            Size column = kFirstValueColumn;
            for (std::size_t cell = 0; cell < cell_columns_.size(); ++cell, column += 2) {
                const Cell& source = record.cells[cell];
                set(column + 1, BoolGetDatum(source.action != Cell::Action::keep));
                if (source.action != Cell::Action::set) {
                    continue;
                }
                const Value value = converted(index, cell);
                if (!value.is_null) {
                    set(column, value.datum);
                } else if (target_.values[cell_columns_[cell]].kind == FieldKind::boolean) {
                    set(column, BoolGetDatum(source.text == "true"));
                } else {
                    set(column, write_text(to, source.text));
                }
            }
            tuplestore_putvalues(batch_table_.rows(), batch_columns_, values, nulls);
        }
        if (texts.data != nullptr) {
            pfree(texts.data);
        }
        pfree(nulls);
        pfree(values);
    });
}

void BatchStatements::look() { look_.run(nullptr, search_parameters()); }

std::uint64_t BatchStatements::write(Statement& statement, DestReceiver* receiver, std::span<const Datum> parameters) {
    WriteRun run{std::nullopt, &reached_};
    if (trusted_) {
        run.trusted = CheckedColumns{target_.user_name.name.c_str(), target_.roles.name.c_str()};
    }
    return statement.run_by(run_write, &run, batch_table_, receiver, parameters);
}

void BatchStatements::look_in_order(OrderedRows::See see, void* argument) {
    read_cells();
    names_.clear();
    for (const Row& row : rows_) {
        names_.push_back(row.record->user_name);
    }
    ordered_.expect(names_, see, argument);
    const Datum range[] = {text_datum(names_.front()), text_datum(names_.back())};
    look_in_order_.run(ordered_.receiver(), range);
}

void BatchStatements::update(bool few) {
    written_.assign(rows_.size(), 0);
    marker_.expect(written_.data(), written_.size());
    EngineStatement engine;
    if (few) {
        const Datum token[] = {Int64GetDatum(token_)};
        write(update_few_, marker_.receiver(), token);
    } else {
        write(update_, marker_.receiver(), search_parameters());
    }
}

std::uint64_t BatchStatements::insert(const CustomerRow*& rows) {
    rows = returns_new_rows_ ? customers_.expect(rows_.size()) : nullptr;
    EngineStatement engine;
    return write(insert_, returns_new_rows_ ? customers_.receiver() : nullptr, {});
}

std::uint64_t BatchStatements::insert_unless_exists() {
    EngineStatement engine;
    return write(insert_unless_exists_, nullptr, {});
}

const CustomerRow* BatchStatements::read_back() {
    const CustomerRow* rows = customers_.expect(rows_.size());
    read_back_.run(customers_.receiver());
    return rows;
}

const CustomerRow* BatchStatements::lock(bool to_delete) {
    std::optional<Statement>& statement = to_delete ? lock_to_delete_ : lock_;
    if (!statement) {
        statement.emplace(read_back_sql() + (to_delete ? " FOR UPDATE OF c" : " FOR NO KEY UPDATE OF c"));
    }
    const CustomerRow* rows = customers_.expect(rows_.size());
    statement->run(customers_.receiver());
    return rows;
}

void BatchStatements::remove() {
    if (!remove_) {
        remove_.emplace(format("DELETE FROM {} AS c USING {} AS b WHERE {} AND {} RETURNING b.o", target_.name,
                               kBatchTable, same_customer(), decide_call()),
                        std::vector<Oid>{INT8OID});
    }
    written_.assign(rows_.size(), 0);
    marker_.expect(written_.data(), written_.size());
    const Datum token[] = {Int64GetDatum(token_)};
    EngineStatement engine;
    remove_->run(marker_.receiver(), token);
}

void BatchStatements::read_columns(const std::string& columns, DestReceiver* receiver) {
    Statement(format("SELECT b.o, {}{}", columns, search_sql())).run(receiver);
}

}  // namespace customer_import::pg
