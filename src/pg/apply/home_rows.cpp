// A statement about the table runs through SPI, and may be executed in many servers: so what it is to do comes by the
// stage. One about the shadow alone is executed here, without the guard, since it decides nothing.
#include "pg/apply/home_rows.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/format.h"
#include "pg/server/lookup.h"
#include "pg/server/test_point.h"
#include "pg/server/text_array.h"
#include "pg/table/bulk_insert.h"
#include "pg/table/removal_marks.h"
#include "pg/table/shadow.h"

namespace customer_import::pg {

namespace {

constexpr const char* kNameTable = "customer_import_names";
constexpr const char* kRowTable = "customer_import_rows";
constexpr const char* kWrittenTable = "customer_import_written";
constexpr int kNameTableKilobytes = 1024;
constexpr int kRowTableKilobytes = 16 * 1024;

// The columns of the row table before those of the customers table.
constexpr int kVersionColumns = 2;

// Server code. No trigger of the shadow fires: what is written was judged when it was written to the table.
void run_without_triggers(QueryDesc* query, const void*) {
    const List* relations = query->estate->es_opened_result_relations;
    for (int index = 0; index < list_length(relations); ++index) {
        static_cast<ResultRelInfo*>(list_nth(relations, index))->ri_TrigDesc = nullptr;
    }
    if (!insert_in_bulk(query)) {
        ExecutorRun(query, ForwardScanDirection, 0);
    }
}

Parameter names_parameter(std::span<const std::string_view> names) {
    return {TEXTARRAYOID, make_text_array(names), false};
}

// Puts customers into the stage, with their versions; and with values that are selected.
std::string stage_sql(const std::string& stage, const std::string& columns, const std::string& values,
                      const std::string& join) {
    return format(
        "INSERT INTO {} (slice, user_name, home_tid, home_xmin{})"
        " SELECT $1, n.u, n.t, n.x{} FROM unnest($2, $3::tid[], $4::xid[]) AS n (u, t, x){}",
        stage, columns, values, join);
}

// How the statements about the table run: as its owner, planned for a few rows of it.
class HomeScope {
public:
    HomeScope(Oid table, bool is_distributed)
        : owner_(call([&] { return relation_owner(table); })), join_(JoinMethod::nested_loop) {
        if (is_distributed) {
            // Else a statement waits until the transaction of each other one that writes the table has ended, whatever
            // rows they write.
            settings_.set("citus.all_modifications_commutative", "on");
            // Citus keeps one connection to each node from one transaction to the next. Each other one would be a new
            // session there in each batch, which costs as much as what it does.
            settings_.set("citus.max_adaptive_executor_pool_size", "1");
        }
    }

private:
    LookupScope owner_;
    JoinScope join_;
    SettingsScope settings_;
};

// Nothing can be copied into a table whose policies hold for its owner. On the nodes they do in each scope.
bool can_be_copied_into(const Target& target) {
    return !target.is_distributed || call([&] {
        const Oid table = target.home->relation;
        return check_enable_rls(table, relation_owner(table), true) != RLS_ENABLED;
    });
}

// The value at a place of the row that the table has refused, as the detail of the server's errors has it in whatever
// language: (value, value, …). A value with ", " in it, or one that was cut off, gives another one.
std::optional<std::string> value_of_refused(const ErrorData* error, std::size_t place) {
    if (error->detail == nullptr ||
        (error->sqlerrcode != ERRCODE_CHECK_VIOLATION && error->sqlerrcode != ERRCODE_NOT_NULL_VIOLATION)) {
        return std::nullopt;
    }
    std::string_view rest = error->detail;
    const std::size_t begin = rest.find('(');
    const std::size_t end = rest.rfind(')');
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) {
        return std::nullopt;
    }
    rest = rest.substr(begin + 1, end - begin - 1);
    constexpr std::string_view kSeparator = ", ";
    for (; place > 0; --place) {
        const std::size_t next = rest.find(kSeparator);
        if (next == std::string_view::npos) {
            return std::nullopt;
        }
        rest.remove_prefix(next + kSeparator.size());
    }
    return std::string(rest.substr(0, rest.find(kSeparator)));
}

// Whether an error tells less than the statement that asks of each row would: a customer is there after all; and what a
// node says of a copied row comes without SQLSTATE.
bool tells_too_little(const PgError& error) {
    return error.sqlstate() == ERRCODE_UNIQUE_VIOLATION || error.sqlstate() == ERRCODE_FEATURE_NOT_SUPPORTED ||
           error.sqlstate() == ERRCODE_INTERNAL_ERROR;
}

}  // namespace

void HomeRows::Step::add(std::string_view name, const Version& version) {
    names.push_back(name);
    tids.emplace_back(version.tid);
    xmins.emplace_back(version.xmin);
}

HomeRows::HomeRows(const Target& target, MemoryContext context)
    : target_(target),
      home_(*target.home),
      context_(context),
      home_key_("c." + target.user_name.name),
      staged_key_(home_.columns[place_of_key()].staged),
      copies_(can_be_copied_into(target)),
      texts_(make_texts()),
      names_(kNameTable, name_columns(), kNameTableKilobytes),
      written_(kWrittenTable, name_columns(), kNameTableKilobytes),
      rows_(kRowTable, row_columns(), kRowTableKilobytes),
      take_out_(
          format("DELETE FROM {} AS s USING {} AS n WHERE s.{} = n.u", kShadow, kNameTable, target.user_name.name)),
      bring_(bring_sql()) {}

std::size_t HomeRows::place_of_key() const {
    const auto key = std::find_if(home_.columns.begin(), home_.columns.end(),
                                  [&](const Home::Column& column) { return column.name == target_.user_name.name; });
    return static_cast<std::size_t>(key - home_.columns.begin());
}

TupleDesc HomeRows::name_columns() const {
    return call([&] {
        MemoryContext before = MemoryContextSwitchTo(context_);
        TupleDesc columns = CreateTemplateTupleDesc(1);
        TupleDescInitEntry(columns, 1, "u", TEXTOID, -1, 0);
        TupleDescInitEntryCollation(columns, 1, target_.user_name.collation);
        MemoryContextSwitchTo(before);
        return columns;
    });
}

// The version and the columns of the customers table, by the names that they have in the stage.
TupleDesc HomeRows::row_columns() const {
    return call([&] {
        MemoryContext before = MemoryContextSwitchTo(context_);
        const auto count = static_cast<int>(home_.columns.size());
        TupleDesc columns = CreateTemplateTupleDesc(kVersionColumns + count);
        TupleDescInitEntry(columns, 1, "home_tid", TIDOID, -1, 0);
        TupleDescInitEntry(columns, 2, "home_xmin", XIDOID, -1, 0);
        Relation table = table_open(home_.relation, NoLock);
        AttrNumber number = 0;
        for (int index = 0; index < count; ++index) {
            Form_pg_attribute attribute = nullptr;
            do {
                attribute = TupleDescAttr(RelationGetDescr(table), number++);
            } while (attribute->attisdropped);
            const auto place = static_cast<AttrNumber>(kVersionColumns + 1 + index);
            TupleDescInitEntry(columns, place, home_.columns[static_cast<std::size_t>(index)].staged.c_str(),
                               attribute->atttypid, attribute->atttypmod, 0);
            TupleDescInitEntryCollation(columns, place, attribute->attcollation);
        }
        table_close(table, NoLock);
        MemoryContextSwitchTo(before);
        return columns;
    });
}

HomeRows::Texts HomeRows::make_texts() const {
    std::vector<std::string> written{target_.roles.name, target_.touched_column};
    for (const TargetColumn& column : target_.values) {
        written.push_back(column.name);
    }
    std::string of_home, of_shadow, staged, assignments, names, values;
    for (const Home::Column& column : home_.columns) {
        of_home += ", c." + column.name;
        if (std::find(written.begin(), written.end(), column.name) != written.end()) {
            assignments += format("{}{} = b.{}", assignments.empty() ? "" : ", ", column.name, column.staged);
            of_shadow += ", s." + column.name;
            staged += ", " + column.staged;
        }
        if (!column.is_made) {
            names += (names.empty() ? "" : ", ") + column.name;
            values += (values.empty() ? "s." : ", s.") + column.name;
        }
    }
    // Each name is looked up by the index, however few rows the shadow seems to have.
    const std::string of_named = format(" CROSS JOIN LATERAL (SELECT s.* FROM {} AS s WHERE s.{} = n.u OFFSET 0) AS s",
                                        kShadow, target_.user_name.name);
    const std::string same_version = format(
        "b.slice = $1 AND {} = b.user_name AND c.ctid = b.home_tid AND c.xmin = b.home_xmin", home_key_);
    const std::string create = format("INSERT INTO {} AS c ({}) SELECT {} FROM unnest($1) AS n (u){}", home_.name,
                                      names, values, of_named);
    return {
        .name_customers = format("INSERT INTO {} (slice, user_name) SELECT $1, n FROM unnest($2) AS n", home_.stage),
        .read = format("SELECT c.ctid, c.xmin{} FROM {} AS c JOIN {} AS b ON {} = b.user_name WHERE b.slice = $1",
                       of_home, home_.name, home_.stage, home_key_),
        .versions = format(
            "SELECT {0}, c.ctid, c.xmin FROM {1} AS c JOIN {2} AS b ON {0} = b.user_name WHERE b.slice = $1", home_key_,
            home_.name, home_.stage),
        .name_fetched = format("SELECT r.{}, r.home_tid, r.home_xmin FROM {} AS r", staged_key_, kRowTable),
        .stage_names = stage_sql(home_.stage, "", "", ""),
        .stage_rows = stage_sql(home_.stage, staged, of_shadow, of_named),
        .update = format("UPDATE {} AS c SET {} FROM {} AS b WHERE {} RETURNING {}", home_.name, assignments,
                         home_.stage, same_version, home_key_),
        .create = create,
        .create_unless_exists = format("{} ON CONFLICT ({}) DO NOTHING RETURNING {}", create, target_.user_name.name,
                                       home_key_),
        .remove = format("DELETE FROM {} AS c USING {} AS b WHERE {} RETURNING {}", home_.name, home_.stage,
                         same_version, home_key_),
        .clear_stage = format("DELETE FROM {} WHERE slice = ANY ($1::bigint[])", home_.stage)};
}

// In the order of the names, so that two imports that have customers in common wait for each other, and no more.
std::string HomeRows::bring_sql() const {
    std::string names, values;
    for (const Home::Column& column : home_.columns) {
        names += column.name + ", ";
        values += format("r.{}, ", column.staged);
    }
    return format("INSERT INTO {} ({}_fetched) SELECT {}true FROM {} AS r ORDER BY r.{}", kShadow, names, values,
                  kRowTable, staged_key_);
}

// A number for rows of the stage that no others have had: where dead ones had the same, each statement would meet them.
std::int64_t HomeRows::start_slice() {
    std::int64_t slice = 0;
    if (!pg_strong_random(&slice, sizeof slice)) {
        throw ImportError(ERRCODE_INTERNAL_ERROR, "could not generate a random number");
    }
    slices_.push_back(std::to_string(slice));
    return slice;
}

void HomeRows::take_out() { take_out_.run_by(run_without_triggers, nullptr, names_, nullptr, {}); }

void HomeRows::fetch(std::vector<std::string_view> names) {
    fetched_names_ = std::move(names);
    refused_.reset();
    slices_.clear();
    const HomeScope scope(home_.relation, target_.is_distributed);
    fill_names();
    const std::int64_t slice = start_slice();
    execute(texts_.name_customers, {parameter(slice), names_parameter(fetched_names_)}, Plan::once);
    bring(slice);
    if (!snapshot_.is_latest() && have_changed(slice)) {
        // It has waited for another import that has the same customers: what that one has done to them since they were
        // read would be missed where their records change nothing. From now on other imports wait for this one.
        take_out();
        bring(slice);
    }
    test_point("fetched");
}

void HomeRows::take_for_new(std::vector<std::string_view> names) {
    fetched_names_ = std::move(names);
    refused_.reset();
    slices_.clear();
    fetched_.clear();
    fill_names();
}

DestReceiver* HomeRows::receiver_of(const EphemeralTable& table) const {
    return call([&] {
        DestReceiver* created = CreateTuplestoreDestReceiver();
        SetTuplestoreDestReceiverParams(created, table.rows(), context_, true, nullptr, nullptr);
        return created;
    });
}

void HomeRows::fill_names() {
    names_.clear(context_);
    for (const std::string_view name : fetched_names_) {
        Datum text = text_datum(name);
        bool is_null = false;
        call([&] {
            tuplestore_putvalues(names_.rows(), names_.relation()->md.tupdesc, &text, &is_null);
            pfree(DatumGetPointer(text));
        });
    }
}

// Reads the rows of the customers that the slice names, and puts them into the shadow.
void HomeRows::bring(std::int64_t slice) {
    rows_.clear(context_);
    snapshot_.take();
    execute_into(texts_.read, {parameter(slice)}, receiver_of(rows_));
    bring_.run_by(run_without_triggers, nullptr, rows_, nullptr, {});
    fetched_.clear();
    for (Row& row : query(texts_.name_fetched, {}, Plan::once)) {
        fetched_.emplace(*std::move(row[0]), Version{*std::move(row[1]), *std::move(row[2])});
    }
}

// Whether the rows of these customers are others than those that were brought.
bool HomeRows::have_changed(std::int64_t slice) const {
    const std::vector<Row> rows = query(texts_.versions, {parameter(slice)}, Plan::once);
    return rows.size() != fetched_.size() || std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
               const auto found = fetched_.find(*row[0]);
               return found == fetched_.end() || found->second.tid != *row[1] || found->second.xmin != *row[2];
           });
}

std::set<std::string_view> HomeRows::ship(std::span<const Change> changes, bool& expect_created) {
    std::set<std::string_view> stale;
    {
        const HomeScope scope(home_.relation, target_.is_distributed);
        try {
            write(changes, stale, expect_created);
        } catch (const PgError& error) {
            refused_ = value_of_refused(error.data(), place_of_key());
            if (target_.has_policies) {
                error.data()->detail = nullptr;
            }
            throw;
        }
        if (!slices_.empty()) {
            execute(texts_.clear_stage, {text_array_parameter(slices_)}, Plan::once);
        }
        take_out();
    }
    test_point("shipped");
    return stale;
}

// What counts is what became of a customer in the end.
void HomeRows::write(std::span<const Change> changes, std::set<std::string_view>& stale, bool& expect_created) {
    std::map<std::string_view, bool> is_gone;
    for (const Change& change : changes) {
        is_gone[change.user_name] = change.deleted;
    }
    const Version kNoVersion{"(0,0)", "0"};
    Step updated, created, deleted;
    for (const auto& [name, gone] : is_gone) {
        const auto found = fetched_.find(name);
        if (found != fetched_.end()) {
            (gone ? deleted : updated).add(name, found->second);
        } else if (!gone) {
            created.add(name, kNoVersion);
        }
    }
    if (!updated.names.empty()) {
        run(texts_.update, parameter(stage(updated, true)), updated, stale);
    }
    if (!created.names.empty()) {
        create(created, stale, expect_created);
    }
    if (!deleted.names.empty()) {
        run(texts_.remove, parameter(stage(deleted, false)), deleted, stale);
    }
}

// Where nothing is asked of each row, Citus writes them as COPY does, by the one connection to a node. Otherwise they go
// into a file first, by a new connection for each shard.
void HomeRows::create(const Step& created, std::set<std::string_view>& stale, bool& expect_created) {
    const Parameter names = names_parameter(created.names);
    if (copies_ && expect_created && created.names.size() > 1) {  // one alone is not worth a subtransaction
        const EngineStatement engine;
        contained_in_ = call([] { return GetCurrentSubTransactionId(); });
        const std::optional<PgError> error = in_subtransaction([&] {
            if (execute(texts_.create, {names}, Plan::once) != created.names.size()) {
                call([] {
                    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("not all rows were written")));
                });
            }
        });
        if (!error) {
            return;
        }
        if (!tells_too_little(*error)) {
            throw PgError(*error);
        }
        forget(*error);
        expect_created = false;
    }
    const std::size_t known = stale.size();
    run(texts_.create_unless_exists, names, created, stale);
    expect_created = stale.size() == known;
}

// Puts the customers of a step into the stage, with their values as the shadow has them. Returns the slice.
std::int64_t HomeRows::stage(const Step& step, bool with_values) {
    const std::int64_t slice = start_slice();
    execute(with_values ? texts_.stage_rows : texts_.stage_names,
            {parameter(slice), names_parameter(step.names), names_parameter(step.tids), names_parameter(step.xmins)},
            Plan::once);
    return slice;
}

// Runs a statement that returns the names of the customers that it has written; the others of the step are stale. Its
// rows do not go through SPI, which wants as many as it is told were processed: Citus counts those, too, that ON CONFLICT
// has left alone.
void HomeRows::run(const std::string& statement, const Parameter& which, const Step& step,
                   std::set<std::string_view>& stale) {
    const EngineStatement engine;
    written_.clear(context_);
    const auto write = [&] { execute_into(statement, {which}, receiver_of(written_)); };
    if (contained_in_ != call([] { return GetCurrentSubTransactionId(); })) {
        write();
    } else if (const std::optional<PgError> error = in_subtransaction(write)) {
        throw PgError(*error);
    }
    std::set<std::string, std::less<>> written;
    for (Row& row : query(format("SELECT u FROM {}", kWrittenTable), {}, Plan::once)) {
        written.insert(*std::move(row[0]));
    }
    for (const std::string_view name : step.names) {
        if (written.count(name) == 0) {
            stale.insert(name);
        }
    }
}

}  // namespace customer_import::pg
