#include "pg/batch_apply.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string_view>

#include "core/text.h"
#include "pg/text_array.h"

namespace customer_import::pg {

namespace {

constexpr int kBatchTableKilobytes = 64 * 1024;
constexpr int kMaxAttempts = 10;          // against writers that change a customer between search and update
constexpr std::size_t kWindowRecords = 1000;

std::vector<std::size_t> cell_columns(const Target& target, const HeaderMap& header) {
    std::vector<std::size_t> result;
    for (int field : header.value_fields()) {
        const std::string& name = header.fields()[static_cast<std::size_t>(field)].name;
        auto column = std::find_if(target.values.begin(), target.values.end(),
                                   [&](const TargetColumn& value) { return value.field == name; });
        result.push_back(static_cast<std::size_t>(column - target.values.begin()));
    }
    return result;
}

std::vector<bool> in_file(const Target& target, const std::vector<std::size_t>& cell_columns) {
    std::vector<bool> result(target.values.size(), false);
    for (std::size_t column : cell_columns) {
        result[column] = true;
    }
    return result;
}

std::vector<ColumnIo> make_columns(const Target& target, MemoryContext context) {
    MemoryContext before = MemoryContextSwitchTo(context);
    std::vector<ColumnIo> result;
    for (const TargetColumn& column : target.values) {
        result.emplace_back(column);
    }
    MemoryContextSwitchTo(before);
    return result;
}

// Says for each value column whether a new row may hold something else than what the record names.
std::vector<bool> returned_by_insert(const Target& target) {
    std::vector<bool> result;
    for (const TargetColumn& column : target.values) {
        result.push_back(target.rewritten || !column.default_sql.empty());
    }
    return result;
}

RoleSet read_roles(const ArrayType* roles) {
    std::vector<std::string_view> codes;
    if (roles != nullptr) {
        read_text_array(roles, codes);
    }
    return RoleSet(std::move(codes));
}

RoleSet role_set(std::span<const std::string_view> codes) {
    RoleSet result;
    result.assign(codes.data(), codes.size());
    return result;
}

// True for errors that are the record's fault: spec section 4.
bool rejects_record(const PgError& error) {
    switch (ERRCODE_TO_CATEGORY(error.sqlstate())) {
        case MAKE_SQLSTATE('2', '2', '0', '0', '0'):
        case MAKE_SQLSTATE('2', '3', '0', '0', '0'):
        case MAKE_SQLSTATE('4', '4', '0', '0', '0'):
        case MAKE_SQLSTATE('P', '0', '0', '0', '0'):
            return true;
        default:
            return false;
    }
}

bool same_place(const ItemPointerData& a, const ItemPointerData& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

// The columns of the batch table, by position.
constexpr std::size_t kIndexColumn = 0;
constexpr std::size_t kUserNameColumn = 1;
constexpr std::size_t kTidColumn = 2;
constexpr std::size_t kXminColumn = 3;
constexpr std::size_t kRolesColumn = 4;
constexpr std::size_t kFirstValueColumn = 5;

// One row on its way into the batch table. Plain server memory: it is used inside of call().
struct RowBuffer {
    explicit RowBuffer(TupleDesc columns) {
        const Size count = static_cast<Size>(columns->natts);
        values = static_cast<Datum*>(palloc0(sizeof(Datum) * count));
        nulls = static_cast<bool*>(palloc(sizeof(bool) * count));
        memset(nulls, true, count);
    }
    // Makes room for the longest user name and roles of the rows to come.
    void reserve(Size user_name_bytes, Size roles_bytes) {
        user_name = static_cast<char*>(palloc(VARHDRSZ + user_name_bytes));
        roles = static_cast<char*>(palloc(Max(roles_bytes, 1)));
    }
    void set(std::size_t column, Datum value) {
        values[column] = value;
        nulls[column] = false;
    }
    void set_user_name(std::string_view name) {
        SET_VARSIZE(user_name, VARHDRSZ + name.size());
        memcpy(VARDATA(user_name), name.data(), name.size());
        set(kUserNameColumn, PointerGetDatum(user_name));
    }
    void set_roles(std::span<const std::string_view> codes) {
        set(kRolesColumn, PointerGetDatum(write_text_array(roles, codes)));
    }

    Datum* values;
    bool* nulls;
    char* user_name = nullptr;
    char* roles = nullptr;
};

std::string_view or_empty(const char* text) { return text == nullptr ? std::string_view() : std::string_view(text); }

}  // namespace

BatchApplier::BatchApplier(const Target& target, const HeaderMap& header, ImportMode mode,
                           const RoleCatalogue& catalogue, MemoryContext context)
    : target_(target),
      mode_(mode),
      catalogue_(catalogue),
      context_(context),
      writes_roles_(header.has(FieldKind::add_roles) || header.has(FieldKind::remove_roles) ||
                    header.has(FieldKind::roles)),
      cell_columns_(cell_columns(target, header)),
      in_file_(in_file(target, cell_columns_)),
      columns_(make_columns(target, context)),
      returned_by_insert_(returned_by_insert(target)),
      insert_returns_(std::find(returned_by_insert_.begin(), returned_by_insert_.end(), true) !=
                      returned_by_insert_.end()),
      batch_columns_(batch_columns()),
      batch_table_("customer_import_batch", batch_columns_, kBatchTableKilobytes),
      receiver_(columns_),
      find_((batch_table_.clear(context), find_sql())),
      update_(update_sql()),
      insert_(insert_sql(false)),
      insert_unless_exists_(insert_sql(true)),
      batch_context_(call([&] { return AllocSetContextCreate(context, "batch", ALLOCSET_DEFAULT_SIZES); })) {}

void BatchApplier::apply(const Batch& batch) {
    batch_ = &batch;
    changes_.clear();
    failed_context_ = nullptr;
    call([&] { MemoryContextReset(batch_context_); });
    results_.assign(batch.size(), {});
    if (target_.one_by_one) {
        std::vector<std::uint32_t> all(batch.size());
        std::iota(all.begin(), all.end(), 0);
        apply_in_order(all);
        return;
    }
    for (const std::vector<std::uint32_t>& round : make_rounds(batch.records())) {
        apply_halving(round);
    }
}

// Applies records of different customers; a failure is narrowed down to the records that cause it.
void BatchApplier::apply_halving(Indexes records) {
    std::size_t reached = 0;
    std::optional<PgError> error = try_apply(records, reached);
    if (error && retry_unless_exists(*error)) {
        error = try_apply(records, reached);
    }
    if (!error) {
        return;
    }
    if (!rejects_record(*error)) {
        throw PgError(*error);
    }
    if (records.size() == 1) {
        reject(records.front(), *error);
        return;
    }
    apply_halving(records.first(records.size() / 2));
    apply_halving(records.subspan(records.size() / 2));
}

// Applies each record by its own statements, in file order. Those that go well share a subtransaction: many small ones
// would slow down the whole server.
void BatchApplier::apply_in_order(Indexes records) {
    std::size_t window = kWindowRecords;
    while (!records.empty()) {
        std::size_t reached = 0;
        std::optional<PgError> error = try_apply(records.first(std::min(window, records.size())), reached);
        if (!error) {
            records = records.subspan(std::min(window, records.size()));
            window = kWindowRecords;
            continue;
        }
        if (retry_unless_exists(*error)) {
            continue;
        }
        if (!rejects_record(*error)) {
            throw PgError(*error);
        }
        if (reached > 0) {
            window = reached;  // what went well is applied again without the one that failed
            continue;
        }
        reject(records.front(), *error);
        records = records.subspan(1);
        window = kWindowRecords;
    }
}

// Applies the records in a subtransaction of their own; on failure nothing of it remains, and `reached` is the record
// that failed where records are applied one by one.
std::optional<PgError> BatchApplier::try_apply(Indexes records, std::size_t& reached) {
    const std::size_t changes = changes_.size();
    MemoryContext before = CurrentMemoryContext;
    MemoryContext context = call([&] {
        if (failed_context_ != nullptr) {
            MemoryContext failed = failed_context_;
            failed_context_ = nullptr;
            MemoryContextDelete(failed);
        }
        MemoryContext created = AllocSetContextCreate(batch_context_, "applied records", ALLOCSET_DEFAULT_SIZES);
        MemoryContextSwitchTo(created);
        return created;
    });
    std::optional<PgError> error;
    try {
        error = in_subtransaction([&] {
            if (!target_.one_by_one) {
                apply_records(records);
                return;
            }
            for (reached = 0; reached < records.size(); ++reached) {
                apply_records(records.subspan(reached, 1));
            }
        });
    } catch (...) {
        MemoryContextSwitchTo(before);
        throw;
    }
    MemoryContextSwitchTo(before);
    if (error) {
        changes_.resize(changes);
        failed_context_ = context;  // holds the error until the next try
    } else {
        any_applied_ = any_applied_ || std::any_of(records.begin(), records.end(), [&](std::uint32_t record) {
                           return results_[record].outcome != Outcome::rejected;
                       });
    }
    return error;
}

// A create that met an existing customer: one that another session has just made, or that policies hide. From now on
// creates leave such customers alone, and they are looked at again.
bool BatchApplier::retry_unless_exists(const PgError& error) {
    if (unless_exists_ || error.sqlstate() != ERRCODE_UNIQUE_VIOLATION) {
        return false;
    }
    unless_exists_ = true;
    return true;
}

void BatchApplier::reject(std::uint32_t record, const PgError& error) {
    const ErrorData* data = error.data();
    Issue issue = make_issue(IssueCode::database_error, "", "", std::string(or_empty(data->message)),
                             std::string(or_empty(data->hint)));
    issue.has_value = false;
    issue.detail = or_empty(data->detail);
    issue.sqlstate = unpack_sql_state(data->sqlerrcode);
    for (const TargetColumn& column : target_.values) {
        if (data->column_name != nullptr && column.name == data->column_name) {
            issue.column = column.field;
        }
    }
    if (!any_applied_) {
        failures_ = issue.sqlstate == failure_sqlstate_ ? failures_ + 1 : 1;
        failure_sqlstate_ = issue.sqlstate;
        if (failures_ >= kHopelessRecords) {
            throw ImportFailed("the first 1,000 records applied all failed with SQLSTATE " + issue.sqlstate + ": " +
                               issue.message);
        }
    }
    set_result(record, Outcome::rejected, {std::move(issue)});
}

// Searches, decides and writes, again for customers that others changed in between.
void BatchApplier::apply_records(Indexes records) {
    std::vector<Attempt> todo;
    todo.reserve(records.size());
    for (std::uint32_t record : records) {
        todo.push_back({record, nullptr});
    }
    for (int attempts = 0; !todo.empty(); ++attempts) {
        if (attempts == kMaxAttempts) {
            throw ImportError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                              "could not apply a record because its customer keeps changing", {},
                              "Import the file again.");
        }
        const CustomerRow* customers = find_customers(todo);
        updates_.clear();
        creates_.clear();
        values_.clear();
        given_.clear();
        for (std::size_t index = 0; index < todo.size(); ++index) {
            decide(todo[index], customers[index]);
        }
        check_interrupts();
        todo.clear();
        run_updates(todo);
        if (unless_exists_) {
            create_unless_exists(todo);
        } else {
            run_creates();
        }
    }
}

const CustomerRow* BatchApplier::find_customers(std::span<const Attempt> attempts) {
    const std::vector<Record>& records = batch_->records();
    batch_table_.clear(context_);
    call([&] {
        RowBuffer row(batch_columns_);
        Size longest = 0;
        for (const Attempt& attempt : attempts) {
            longest = Max(longest, records[attempt.record].user_name.size());
        }
        row.reserve(longest, 0);
        std::int32_t index = 0;
        for (const Attempt& attempt : attempts) {
            row.set(kIndexColumn, Int32GetDatum(index++));
            row.set_user_name(records[attempt.record].user_name);
            tuplestore_putvalues(batch_table_.rows(), batch_columns_, row.values, row.nulls);
        }
    });
    CustomerRow* rows = receiver_.expect(attempts.size(), CurrentMemoryContext);
    find_.run(receiver_.receiver());
    return rows;
}

// Decides what a record does to its customer: a result at once, or a row in updates_ or creates_.
void BatchApplier::decide(const Attempt& attempt, const CustomerRow& customer) {
    const Record& record = batch_->records()[attempt.record];
    if (attempt.customer != nullptr && customer.found && customer.xmin == attempt.customer->xmin &&
        same_place(customer.tid, attempt.customer->tid)) {
        // Nobody else changed the row, and yet it was not written: a policy or a trigger did not let it.
        set_result(attempt.record, Outcome::rejected, {not_permitted_issue(record.user_name)});
        return;
    }
    const RoleSet held = read_roles(customer.found ? customer.roles : nullptr);
    std::vector<std::string_view> lost;  // held codes that the catalogue does not have and the record removes
    std::vector<Issue> issues;
    for (std::string_view code : record.lost_roles) {
        const std::size_t before = lost.size();
        std::copy_if(held.codes().begin(), held.codes().end(), std::back_inserter(lost),
                     [&](std::string_view candidate) { return equal_ignoring_ascii_case(candidate, code); });
        if (lost.size() == before) {
            issues.push_back(unknown_role_issue("removeRoles", code, catalogue_.nearest(code)));
        }
    }
    if (!issues.empty()) {
        set_result(attempt.record, Outcome::rejected, std::move(issues));
        return;
    }
    if (customer.found && mode_ == ImportMode::create_only) {
        set_result(attempt.record, Outcome::skipped, {already_exists_issue(record.user_name)});
        return;
    }
    if (!customer.found && mode_ == ImportMode::update_only) {
        set_result(attempt.record, Outcome::skipped, {not_found_issue(record.user_name)});
        return;
    }
    Write write;
    write.record = attempt.record;
    write.customer = customer.found ? &customer : nullptr;
    write.values = values_.size();
    write.roles = ((record.replaces_roles ? role_set(record.replace_roles) : held) - role_set(record.remove_roles) -
                   RoleSet(std::move(lost))) |
                  role_set(record.add_roles);
    bool changed = decide_values(record, customer) || !(write.roles == held);
    if (!customer.found) {
        creates_.push_back(std::move(write));
    } else if (changed) {
        updates_.push_back(std::move(write));
    } else {
        values_.resize(write.values);
        given_.resize(write.values);
        set_result(attempt.record, Outcome::unchanged);
    }
}

// Appends the value of every column that the file names; returns true when one differs from what the customer has.
bool BatchApplier::decide_values(const Record& record, const CustomerRow& customer) {
    bool changed = false;
    for (std::size_t cell = 0; cell < cell_columns_.size(); ++cell) {
        const std::size_t column = cell_columns_[cell];
        const Value held = customer.found ? customer.values[column] : Value{};
        Value value = held;
        switch (record.cells[cell].action) {
            case Cell::Action::keep:
                break;
            case Cell::Action::clear:
                value = Value{};
                break;
            case Cell::Action::set:
                value = columns_[column].read(record.cells[cell].text);
                break;
        }
        given_.push_back(record.cells[cell].action != Cell::Action::keep);
        values_.push_back(value);
        changed = changed || (given_.back() && !columns_[column].equal(value, held));
    }
    return changed;
}

// Puts the rows to be written into the batch table.
void BatchApplier::fill(const std::vector<Write>& writes) {
    const std::vector<Record>& records = batch_->records();
    batch_table_.clear(context_);
    call([&] {
        RowBuffer row(batch_columns_);
        Size longest_name = 0;
        Size longest_roles = 0;
        for (const Write& write : writes) {
            longest_name = Max(longest_name, records[write.record].user_name.size());
            longest_roles = Max(longest_roles, text_array_size(write.roles.codes()));
        }
        row.reserve(longest_name, longest_roles);
        std::int32_t index = 0;
        for (const Write& write : writes) {
            row.set(kIndexColumn, Int32GetDatum(index++));
            row.set_user_name(records[write.record].user_name);
            if (write.customer != nullptr) {
                row.set(kTidColumn, PointerGetDatum(&write.customer->tid));
                row.set(kXminColumn, TransactionIdGetDatum(write.customer->xmin));
            }
            row.set_roles(write.roles.codes());
            for (std::size_t cell = 0; cell < cell_columns_.size(); ++cell) {
                const Value& value = values_[write.values + cell];
                const std::size_t column = kFirstValueColumn + 2 * cell;
                row.values[column] = value.datum;
                row.nulls[column] = value.is_null;
                row.set(column + 1, BoolGetDatum(given_[write.values + cell] != 0));
            }
            tuplestore_putvalues(batch_table_.rows(), batch_columns_, row.values, row.nulls);
        }
    });
}

void BatchApplier::run_updates(std::vector<Attempt>& again) {
    if (updates_.empty()) {
        return;
    }
    fill(updates_);
    const CustomerRow* after = receiver_.expect(updates_.size(), CurrentMemoryContext);
    update_.run(receiver_.receiver());
    for (std::size_t index = 0; index < updates_.size(); ++index) {
        const Write& write = updates_[index];
        if (after[index].found) {
            finish_update(write, after[index]);
        } else {
            again.push_back({write.record, write.customer});
        }
    }
}

void BatchApplier::run_creates() {
    if (creates_.empty()) {
        return;
    }
    fill(creates_);
    const CustomerRow* after = receiver_.expect(creates_.size(), CurrentMemoryContext);
    const std::uint64_t created = insert_.run(insert_returns_ ? receiver_.receiver() : nullptr);
    if (created == 0 && creates_.size() == 1) {  // a trigger did not let the row be written
        const std::uint32_t record = creates_.front().record;
        set_result(record, Outcome::rejected, {not_permitted_issue(batch_->records()[record].user_name)});
        return;
    }
    if (created != creates_.size()) {
        throw ImportError(ERRCODE_INTERNAL_ERROR, "an insert of a batch wrote fewer rows than it was given");
    }
    for (std::size_t index = 0; index < creates_.size(); ++index) {
        finish_create(creates_[index], insert_returns_ ? &after[index] : nullptr);
    }
}

// Creates the customers that nobody else has. The statement does not tell which those are: the search does.
void BatchApplier::create_unless_exists(std::vector<Attempt>& again) {
    if (creates_.empty()) {
        return;
    }
    fill(creates_);
    insert_unless_exists_.run();
    std::vector<Attempt> created;
    for (const Write& write : creates_) {
        created.push_back({write.record, nullptr});
    }
    const CustomerRow* after = find_customers(created);
    for (std::size_t index = 0; index < creates_.size(); ++index) {
        const std::uint32_t record = creates_[index].record;
        if (!after[index].found) {
            set_result(record, Outcome::rejected, {not_permitted_issue(batch_->records()[record].user_name)});
        } else if (TransactionIdIsCurrentTransactionId(after[index].xmin)) {
            finish_create(creates_[index], &after[index]);
        } else {
            again.push_back({record, nullptr});
        }
    }
}

void BatchApplier::finish_update(const Write& write, const CustomerRow& after) {
    const Record& record = batch_->records()[write.record];
    const RoleSet held = read_roles(write.customer->roles);
    const RoleSet roles = target_.rewritten ? read_roles(after.roles) : write.roles;
    Change change;
    change.line = record.line;
    change.user_name = record.user_name;
    change.added = (roles - held).codes();
    change.removed = (held - roles).codes();
    if (target_.rewritten) {
        for (std::size_t column = 0; column < columns_.size(); ++column) {
            log_field(change, column, write.customer->values[column], after.values[column]);
        }
    } else {
        for (std::size_t cell = 0; cell < cell_columns_.size(); ++cell) {
            log_field(change, cell_columns_[cell], write.customer->values[cell_columns_[cell]],
                      values_[write.values + cell]);
        }
    }
    changes_.push_back(std::move(change));
    set_result(write.record, Outcome::updated);
}

// `after` is the row as the table has it; nullptr: just as it was written.
void BatchApplier::finish_create(const Write& write, const CustomerRow* after) {
    const Record& record = batch_->records()[write.record];
    Change change;
    change.line = record.line;
    change.user_name = record.user_name;
    change.created = true;
    change.added = target_.rewritten ? read_roles(after->roles).codes() : write.roles.codes();
    for (std::size_t cell = 0; cell < cell_columns_.size(); ++cell) {
        if (!returned_by_insert_[cell_columns_[cell]]) {
            log_field(change, cell_columns_[cell], Value{}, values_[write.values + cell]);
        }
    }
    for (std::size_t column = 0; column < columns_.size(); ++column) {
        if (returned_by_insert_[column]) {
            log_field(change, column, Value{}, after->values[column]);
        }
    }
    changes_.push_back(std::move(change));
    set_result(write.record, Outcome::created);
}

void BatchApplier::log_field(Change& change, std::size_t column, const Value& before, const Value& after) const {
    if (columns_[column].equal(before, after)) {
        return;
    }
    FieldChange field;
    field.field = target_.values[column].field;
    if (!before.is_null) {
        field.before = columns_[column].write(before.datum);
    }
    if (!after.is_null) {
        field.after = columns_[column].write(after.datum);
    }
    change.fields.push_back(field);
}

void BatchApplier::set_result(std::uint32_t record, Outcome outcome, std::vector<Issue> issues) {
    results_[record].outcome = outcome;
    results_[record].issues = std::move(issues);
}

}  // namespace customer_import::pg
