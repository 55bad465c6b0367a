#include "pg/server/statement.h"

#include <unordered_map>

#include "core/format.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

void require_spi(int result, const char* what) {
    if (result < 0) {
        elog(ERROR, "%s failed: %s", what, SPI_result_code_string(result));
    }
}

Oid extension_owner() {
    return call([] {
        Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
        ScanKeyData key;
        ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
                    CStringGetDatum("customer_import"));
        SysScanDesc scan = systable_beginscan(extensions, ExtensionNameIndexId, true, nullptr, 1, &key);
        HeapTuple tuple = systable_getnext(scan);
        if (!HeapTupleIsValid(tuple)) {
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"customer_import\" does not exist"),
                            errhint("Use CREATE EXTENSION customer_import.")));
        }
        Oid owner = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extowner;
        systable_endscan(scan);
        table_close(extensions, AccessShareLock);
        return owner;
    });
}

SpiConnection::SpiConnection() {
    call([] { require_spi(SPI_connect(), "SPI_connect"); });
}

SpiConnection::~SpiConnection() {
    // Frees memory only. It would complain about a connection that a rolled back subtransaction has taken with it, but
    // connections are opened outside of the subtransactions that run inside them.
    const MemoryContext context = CurrentMemoryContext;
    SPI_finish();
    MemoryContextSwitchTo(context);
}

SettingsScope::SettingsScope() : level_(call([] { return NewGUCNestLevel(); })) {}

SettingsScope::~SettingsScope() {
    // Puts variables back; raises nothing. After an error the end of the (sub)transaction would do the same.
    AtEOXact_GUC(false, level_);
}

void SettingsScope::set(const char* setting, const char* value) {
    call([&] { set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false); });
}

namespace {

int role_scopes = 0;  // that are open

}  // namespace

RoleScope::RoleScope(Oid role, int context) {
    GetUserIdAndSecContext(&saved_user_, &saved_context_);
    SetUserIdAndSecContext(role, saved_context_ | SECURITY_LOCAL_USERID_CHANGE | context);
    ++role_scopes;
}

RoleScope::~RoleScope() {
    SetUserIdAndSecContext(saved_user_, saved_context_);
    --role_scopes;
}

LookupScope::LookupScope(Oid owner) : role_(owner, SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS) {}

bool lock_extension() {
    return call([] {
        for (;;) {
            const Oid extension = get_extension_oid("customer_import", true);
            if (!OidIsValid(extension)) {
                return false;
            }
            LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
            if (get_extension_oid("customer_import", true) == extension) {
                return true;
            }
        }
    });
}

OwnerScope::OwnerScope() : role_(extension_owner()) {}

EphemeralTable::EphemeralTable(const char* name, TupleDesc columns, int kilobytes)
    : kilobytes_(kilobytes), owner_(CurrentResourceOwner) {
    relation_ = call([&] {
        auto relation = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
        relation->md.name = const_cast<char*>(name);
        relation->md.reliddesc = InvalidOid;
        relation->md.tupdesc = columns;
        relation->md.enrtype = ENR_NAMED_TUPLESTORE;
        relation->md.enrtuples = 1;  // small: the plan is a nested loop from here to an index
        require_spi(SPI_register_relation(relation), "SPI_register_relation");
        return relation;
    });
}

EphemeralTable::~EphemeralTable() {
    release([&] {
        SPI_unregister_relation(relation_->md.name);
        if (own_ != nullptr) {
            tuplestore_end(own_);
        }
    });
}

void EphemeralTable::clear(MemoryContext context) {
    relation_->reldata = own_ = call([&] {
        if (own_ != nullptr) {
            Tuplestorestate* old = own_;
            own_ = nullptr;
            tuplestore_end(old);
        }
        MemoryContext before = MemoryContextSwitchTo(context);
        ResourceOwner before_owner = CurrentResourceOwner;
        CurrentResourceOwner = owner_;
        Tuplestorestate* rows = tuplestore_begin_heap(false, false, kilobytes_);
        CurrentResourceOwner = before_owner;
        MemoryContextSwitchTo(before);
        return rows;
    });
}

namespace {

// Prepares a statement for longer than a transaction. `options` are those of cursors.
SPIPlanPtr keep_plan(const std::string& text, const std::vector<Oid>& parameter_types, int options) {
    return call([&] {
        SPIPlanPtr plan = SPI_prepare_cursor(text.c_str(), static_cast<int>(parameter_types.size()),
                                             const_cast<Oid*>(parameter_types.data()), options);
        if (plan == nullptr) {
            require_spi(SPI_result, "SPI_prepare");
        }
        require_spi(SPI_keepplan(plan), "SPI_keepplan");
        return plan;
    });
}

}  // namespace

Statement::Statement(std::string text, std::vector<Oid> parameter_types, JoinMethod join)
    : text_(std::move(text)), parameter_types_(std::move(parameter_types)), join_(join) {}

Statement::~Statement() { forget_plan(); }

void Statement::forget_plan() {
    if (plan_ != nullptr) {
        SPI_freeplan(plan_);
        plan_ = nullptr;
    }
}

namespace {

int open_nested_loops = 0;
get_relation_info_hook_type next_relation_info_hook = nullptr;

bool reads_ephemeral_table(const Query* query) {
    ListCell* cell;
    foreach (cell, query->rtable) {
        if (lfirst_node(RangeTblEntry, cell)->rtekind == RTE_NAMEDTUPLESTORE) {
            return true;
        }
    }
    return false;
}

// Server code. A table that was nearly empty when it was last analyzed, or vacuumed, seems to have a row or two. To read
// all of its index then seems to cost no more than to look one name up in it, and to compare each row with each name to
// cost next to nothing: a batch of 2,000 took minutes. What the statement joins to an ephemeral table is taken for large
// instead, but not what policies read.
void expect_many_rows(PlannerInfo* root, Oid relation, bool is_parent, RelOptInfo* info) {
    constexpr double kManyRows = 1e6;
    if (next_relation_info_hook != nullptr) {
        next_relation_info_hook(root, relation, is_parent, info);
    }
    if (open_nested_loops == 0 || !reads_ephemeral_table(root->parse)) {
        return;
    }
    info->tuples = Max(info->tuples, kManyRows);
    ListCell* cell;
    foreach (cell, info->indexlist) {
        auto index = lfirst_node(IndexOptInfo, cell);
        index->tuples = index->indpred == NIL ? info->tuples : index->tuples;
    }
}

// Once in a process: a library that was loaded later may hold on to what it found.
void hook_into_planner() {
    static bool is_done = false;
    if (!is_done) {
        next_relation_info_hook = get_relation_info_hook;
        get_relation_info_hook = expect_many_rows;
        is_done = true;
    }
}

}  // namespace

JoinScope::JoinScope(JoinMethod join) : join_(join) {
    const char* other_join = join == JoinMethod::merge ? "enable_nestloop" : "enable_mergejoin";
    // What is off costs so much where a policy leaves no other way that the server would compile the plan, at each import.
    for (const char* setting : {"enable_seqscan", "enable_hashjoin", "enable_bitmapscan", other_join, "jit"}) {
        settings_.set(setting, "off");
    }
    hook_into_planner();
    open_nested_loops += join_ == JoinMethod::nested_loop ? 1 : 0;
}

JoinScope::~JoinScope() { open_nested_loops -= join_ == JoinMethod::nested_loop ? 1 : 0; }

void Statement::plan() {
    const JoinScope scope(join_);
    call([&] {
        CachedPlan* cached = SPI_plan_get_cached_plan(plan_);
        if (cached != nullptr) {
            ReleaseCachedPlan(cached, CurrentResourceOwner);
        }
    });
}

void Statement::require_plan() {
    if (plan_ == nullptr) {
        plan_ = keep_plan(text_, parameter_types_, CURSOR_OPT_GENERIC_PLAN);
        planned_ = false;
    }
    if (!planned_ || !call([&] { return SPI_plan_is_valid(plan_); })) {
        plan();
        planned_ = true;
    }
}

// Server code. Returns nullptr for a statement without parameters.
ParamListInfo Statement::make_parameters(std::span<const Datum> values) const {
    if (values.empty()) {
        return nullptr;
    }
    ParamListInfo parameters = makeParamList(static_cast<int>(values.size()));
    for (std::size_t index = 0; index < values.size(); ++index) {
        parameters->params[index] = {values[index], false, PARAM_FLAG_CONST, parameter_types_[index]};
    }
    return parameters;
}

std::uint64_t Statement::run(DestReceiver* receiver, std::span<const Datum> parameters) {
    check_interrupts();
    require_plan();
    return call([&]() -> std::uint64_t {
        SPIExecuteOptions options;
        memset(&options, 0, sizeof options);
        options.dest = receiver != nullptr ? receiver : None_Receiver;
        options.params = make_parameters(parameters);
        require_spi(SPI_execute_plan_extended(plan_, &options), "SPI_execute_plan");
        if (options.params != nullptr) {
            pfree(options.params);
        }
        return SPI_processed;
    });
}

// After an error the end of the (sub)transaction releases what is held here, its memory last.
std::uint64_t Statement::run_by(Run run, const void* argument, const EphemeralTable& table, DestReceiver* receiver,
                                std::span<const Datum> parameters) {
    check_interrupts();
    require_plan();
    return call([&]() -> std::uint64_t {
        MemoryContext memory = AllocSetContextCreate(CurTransactionContext, "customer_import statement",
                                                     ALLOCSET_DEFAULT_SIZES);
        MemoryContext before = MemoryContextSwitchTo(memory);
        QueryEnvironment* environment = create_queryEnv();
        register_ENR(environment, table.relation());
        CachedPlan* plan = SPI_plan_get_cached_plan(plan_);
        CommandCounterIncrement();
        PushActiveSnapshot(GetTransactionSnapshot());
        QueryDesc* query = CreateQueryDesc(
            linitial_node(PlannedStmt, plan->stmt_list), text_.c_str(), GetActiveSnapshot(), InvalidSnapshot,
            receiver != nullptr ? receiver : None_Receiver, make_parameters(parameters), environment, 0);
        ExecutorStart(query, 0);
        run(query, argument);
        const std::uint64_t processed = query->estate->es_processed;
        ExecutorFinish(query);
        ExecutorEnd(query);
        FreeQueryDesc(query);
        PopActiveSnapshot();
        ReleaseCachedPlan(plan, CurrentResourceOwner);
        CommandCounterIncrement();
        MemoryContextSwitchTo(before);
        MemoryContextDelete(memory);
        return processed;
    });
}

namespace {

// Parameters as SPI takes them.
struct ParameterLists {
    explicit ParameterLists(std::initializer_list<Parameter> parameters) {
        for (const Parameter& parameter : parameters) {
            types.push_back(parameter.type);
            values.push_back(parameter.value);
            nulls.push_back(parameter.is_null ? 'n' : ' ');
        }
    }
    int count() const { return static_cast<int>(types.size()); }

    std::vector<Oid> types;
    std::vector<Datum> values;
    std::string nulls;
};

// The plan of a statement that has run in this session before, or will again, as the same role: each is parsed once, and
// the server itself notices when it has to be planned anew.
SPIPlanPtr find_kept_plan(const std::string& text, const std::vector<Oid>& parameter_types) {
    // Process memory that lives as long as the backend.
    static auto* const plans = new std::unordered_map<std::string, SPIPlanPtr>;
    std::vector<Oid> numbers = parameter_types;
    numbers.push_back(GetUserId());
    std::string key = text;
    key.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Oid));
    SPIPlanPtr& plan = (*plans)[std::move(key)];
    if (plan == nullptr) {
        plan = keep_plan(text, parameter_types, 0);
    }
    return plan;
}

// Runs the statement as the last thing SPI did: its rows are in SPI_tuptable.
std::uint64_t run_parameters(const std::string& text, std::initializer_list<Parameter> parameters, Plan plan,
                             bool latest_snapshot = false) {
    check_interrupts();
    ParameterLists lists(parameters);
    SPIPlanPtr kept = plan == Plan::kept && role_scopes > 0 ? find_kept_plan(text, lists.types) : nullptr;
    return call([&]() -> std::uint64_t {
        if (latest_snapshot) {
            PushActiveSnapshot(GetLatestSnapshot());
        }
        if (kept != nullptr) {
            require_spi(SPI_execute_plan(kept, lists.values.data(), lists.nulls.data(), latest_snapshot, 0),
                        "SPI_execute_plan");
        } else {
            require_spi(SPI_execute_with_args(text.c_str(), lists.count(), lists.types.data(), lists.values.data(),
                                              lists.nulls.data(), latest_snapshot, 0),
                        "SPI_execute_with_args");
        }
        if (latest_snapshot) {
            PopActiveSnapshot();
        }
        return SPI_processed;
    });
}

}  // namespace

Parameter parameter(std::string_view text) { return {TEXTOID, text_datum(text), false}; }

Parameter optional_parameter(const std::optional<std::string>& text) {
    return text ? parameter(std::string_view(*text)) : Parameter{TEXTOID, 0, true};
}

Parameter parameter(std::int64_t number) { return {INT8OID, Int64GetDatum(number), false}; }

Parameter parameter(bool flag) { return {BOOLOID, BoolGetDatum(flag), false}; }

Parameter parameter_oid(Oid oid) { return {OIDOID, ObjectIdGetDatum(oid), false}; }

Parameter text_array_parameter(const std::vector<std::string>& texts) {
    check_interrupts();
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    return {TEXTARRAYOID, make_text_array(views), false};
}

std::uint64_t execute(const std::string& text, std::initializer_list<Parameter> parameters, Plan plan) {
    return run_parameters(text, parameters, plan);
}

void execute_ddl(const std::string& statement) {
    try {
        execute(statement, {}, Plan::once);
    } catch (const PgError& error) {
        if (error.sqlstate() == ERRCODE_INTERNAL_ERROR) {
            throw ImportError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                              "another session has changed the same object at the same time",
                              format("The server says: {}.", error.what()), "Call the function once more.");
        }
        throw;
    }
}

namespace {

std::vector<Row> read_texts(const SPITupleTable* table, std::uint64_t count) {
    std::vector<Row> rows;
    for (std::uint64_t index = 0; index < count; ++index) {
        check_interrupts();
        Row row;
        for (int column = 1; column <= table->tupdesc->natts; ++column) {
            char* value = call([&] { return SPI_getvalue(table->vals[index], table->tupdesc, column); });
            row.push_back(value != nullptr ? std::optional<std::string>(value) : std::nullopt);
            if (value != nullptr) {
                pfree(value);
            }
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

// Takes the rows that SPI has just returned.
std::vector<Row> take_rows(std::uint64_t count) {
    SPITupleTable* table = SPI_tuptable;
    std::vector<Row> rows = read_texts(table, count);
    call([&] { SPI_freetuptable(table); });
    return rows;
}

}  // namespace

std::vector<Row> query(const std::string& text, std::initializer_list<Parameter> parameters, Plan plan) {
    return take_rows(run_parameters(text, parameters, plan));
}

std::vector<Row> query_latest(const std::string& text, std::initializer_list<Parameter> parameters, Plan plan) {
    // A parallel operation allows no further snapshot; the one it has is that of its statement.
    return take_rows(run_parameters(text, parameters, plan, !IsInParallelMode()));
}

void execute_into(const std::string& text, std::initializer_list<Parameter> parameters, DestReceiver* receiver) {
    check_interrupts();
    call([&] {
        ParamListInfo list = makeParamList(static_cast<int>(parameters.size()));
        int index = 0;
        for (const Parameter& parameter : parameters) {
            list->params[index++] = {parameter.value, parameter.is_null, PARAM_FLAG_CONST, parameter.type};
        }
        SPIExecuteOptions options;
        memset(&options, 0, sizeof options);
        options.params = list;
        options.dest = receiver;
        require_spi(SPI_execute_extended(text.c_str(), &options), "SPI_execute_extended");
    });
}

std::optional<std::string> query_bytes(const std::string& text, std::initializer_list<Parameter> parameters) {
    if (run_parameters(text, parameters, Plan::kept) == 0) {
        return std::nullopt;
    }
    SPITupleTable* table = SPI_tuptable;
    Datum stored = 0;
    varlena* value = call([&]() -> varlena* {
        bool is_null;
        stored = SPI_getbinval(table->vals[0], table->tupdesc, 1, &is_null);
        return is_null ? nullptr : PG_DETOAST_DATUM_PACKED(stored);
    });
    if (value == nullptr) {
        return std::nullopt;
    }
    std::string bytes(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
    call([&] {
        if (PointerGetDatum(value) != stored) {
            pfree(value);  // a copy of ours: up to a chunk of a file each time
        }
        SPI_freetuptable(table);
    });
    return bytes;
}

Cursor::Cursor(const std::string& text, std::initializer_list<Parameter> parameters, Snapshot snapshot) {
    ParameterLists lists(parameters);
    portal_ = call([&] {
        Portal portal = SPI_cursor_open_with_args(nullptr, text.c_str(), lists.count(), lists.types.data(),
                                                  lists.values.data(), lists.nulls.data(),
                                                  snapshot == Snapshot::calling, CURSOR_OPT_NO_SCROLL);
        PinPortal(portal);  // no CLOSE in a policy takes it away
        return portal;
    });
}

void Cursor::fetch(long count) {
    check_interrupts();
    call([&] {
        if (table_ != nullptr) {
            SPITupleTable* before = table_;
            table_ = nullptr;
            SPI_freetuptable(before);
        }
        SPI_cursor_fetch(portal_, true, count);
    });
    table_ = SPI_tuptable;
    count_ = SPI_processed;
    if (count_ == 0) {
        close();
    }
}

std::int64_t Cursor::number(std::uint64_t index, int column) const {
    return call([&] {
        bool is_null;
        const Datum value = SPI_getbinval(row(index), columns(), column, &is_null);
        return is_null ? std::int64_t{0} : DatumGetInt64(value);
    });
}

std::string_view Cursor::bytes(std::uint64_t index, int column) const {
    return call([&]() -> std::string_view {
        bool is_null;
        const Datum value = SPI_getbinval(row(index), columns(), column, &is_null);
        MemoryContextSwitchTo(table_->tuptabcxt);  // what is unpacked is freed with the rows
        return is_null ? std::string_view() : varlena_view(PG_DETOAST_DATUM_PACKED(value));
    });
}

std::vector<Row> Cursor::texts() const { return read_texts(table_, count_); }

void Cursor::close() {
    call([&] {
        SPI_freetuptable(table_);
        UnpinPortal(portal_);
        SPI_cursor_close(portal_);
    });
    table_ = nullptr;
    count_ = 0;
}

std::string quote_name(const std::string& name) {
    return std::string(call([&] { return quote_identifier(name.c_str()); }));
}

Parameter bytes_parameter(std::string_view bytes) { return {BYTEAOID, bytes_datum(bytes), false}; }

std::string from_hex(const std::optional<std::string>& hex) {
    std::string bytes;
    auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (std::size_t at = 0; hex && at + 1 < hex->size(); at += 2) {
        bytes.push_back(static_cast<char>(digit((*hex)[at]) * 16 + digit((*hex)[at + 1])));
    }
    return bytes;
}

Datum text_datum(std::string_view text) {
    const Datum datum = bytes_datum(text);
    call([&] { pg_verify_mbstr(PG_UTF8, text.data(), static_cast<int>(text.size()), false); });
    return datum;
}

Datum bytes_datum(std::string_view bytes) {
    if (bytes.size() > MaxAllocSize - VARHDRSZ) {
        throw ImportError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "a value is larger than the server can hold",
                          format("It has {} bytes, a value has at most 1 GB.", bytes.size()));
    }
    return call(
        [&] { return PointerGetDatum(cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size()))); });
}

}  // namespace customer_import::pg
