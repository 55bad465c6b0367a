#include "pg/table/bulk_insert.h"

#include <algorithm>

namespace customer_import::pg {

namespace {

// As many rows as COPY collects.
constexpr int kMaxRows = 1000;
constexpr Size kMaxBytes = 65535;

// Rows that are ready to be written.
struct Collected {
    TupleTableSlot* rows[kMaxRows];
    int count = 0;
    int made = 0;  // of `rows`, which are used again
    Size bytes = 0;
};

bool fires_foreign_keys_alone(const TriggerDesc* triggers) {
    if (triggers == nullptr) {
        return true;
    }
    return !triggers->trig_insert_before_row && !triggers->trig_insert_instead_row &&
           !triggers->trig_insert_before_statement && !triggers->trig_insert_after_statement &&
           !triggers->trig_insert_new_table &&
           std::all_of(triggers->triggers, triggers->triggers + triggers->numtriggers, [](const Trigger& trigger) {
               return trigger.tgisinternal || !TRIGGER_FOR_AFTER(trigger.tgtype) || !TRIGGER_FOR_INSERT(trigger.tgtype);
           });
}

// Whether evaluating it for one row could depend on the rows before: a sub-select that is not evaluated once for all
// rows, and a volatile function.
bool may_look_at_rows(Node* expressions) {
    return contain_subplans(expressions) || contain_volatile_functions_not_nextval(expressions);
}

bool policies_may_look_at_rows(const List* checks) {
    for (int index = 0; index < list_length(checks); ++index) {
        if (may_look_at_rows(static_cast<WithCheckOption*>(list_nth(checks, index))->qual)) {
            return true;
        }
    }
    return false;
}

// Whether the rows that the plan gives are those of the table, column by column.
bool gives_whole_rows(const List* targets, const ResultRelInfo* table) {
    return list_length(targets) == RelationGetNumberOfAttributes(table->ri_RelationDesc) &&
           std::all_of(targets->elements, targets->elements + targets->length,
                       [](const ListCell& cell) { return !static_cast<TargetEntry*>(lfirst(&cell))->resjunk; });
}

bool has_generated_columns(const TupleConstr* constraints) {
    return constraints != nullptr && constraints->has_generated_stored;
}

bool can_insert_in_bulk(const ModifyTableState* state, const ResultRelInfo* table) {
    const auto plan = reinterpret_cast<const ModifyTable*>(state->ps.plan);
    const List* targets = outerPlanState(state)->plan->targetlist;
    return plan->operation == CMD_INSERT && plan->onConflictAction == ONCONFLICT_NONE && state->mt_nrels == 1 &&
           table->ri_RelationDesc->rd_rel->relkind == RELKIND_RELATION &&
           table->ri_RelationDesc->rd_tableam == GetHeapamTableAmRoutine() &&
           !has_generated_columns(RelationGetDescr(table->ri_RelationDesc)->constr) &&
           fires_foreign_keys_alone(table->ri_TrigDesc) && gives_whole_rows(targets, table) &&
           !may_look_at_rows(reinterpret_cast<Node*>(const_cast<List*>(targets))) &&
           !policies_may_look_at_rows(table->ri_WithCheckOptions);
}

// Hands a row that was written to the statement's receiver.
void return_row(const QueryDesc* query, ResultRelInfo* table, TupleTableSlot* row) {
    ExprContext* context = table->ri_projectReturning->pi_exprContext;
    context->ecxt_scantuple = row;
    query->dest->receiveSlot(ExecProject(table->ri_projectReturning), query->dest);
    ResetExprContext(context);
}

// Writes the rows that were collected, their index entries, and what their foreign keys have to check later.
void write_collected(const QueryDesc* query, ResultRelInfo* table, Collected& collected) {
    EState* state = query->estate;
    MemoryContext before = MemoryContextSwitchTo(GetPerTupleMemoryContext(state));
    table_multi_insert(table->ri_RelationDesc, collected.rows, collected.count, state->es_output_cid, 0, nullptr);
    MemoryContextSwitchTo(before);
    for (int index = 0; index < collected.count; ++index) {
        CHECK_FOR_INTERRUPTS();
        TupleTableSlot* row = collected.rows[index];
        List* to_check = NIL;
        if (table->ri_NumIndices > 0) {
            to_check = ExecInsertIndexTuples(table, row, state, false, false, nullptr, NIL, false);
        }
        ExecARInsertTriggers(state, table, row, to_check, nullptr);
        list_free(to_check);
        if (table->ri_projectReturning != nullptr) {
            return_row(query, table, row);
        }
        ExecClearTuple(row);
    }
    state->es_processed += static_cast<uint64>(collected.count);
    collected.count = 0;
    collected.bytes = 0;
}

// Makes a row ready, or raises what the table has against it.
void collect(EState* state, ResultRelInfo* table, TupleTableSlot* planned, Collected& collected) {
    Relation relation = table->ri_RelationDesc;
    if (collected.count == collected.made) {
        collected.rows[collected.made++] = table_slot_create(relation, &state->es_tupleTable);
    }
    TupleTableSlot* row = collected.rows[collected.count];
    ExecCopySlot(row, planned);
    row->tts_tableOid = RelationGetRelid(relation);
    const TupleConstr* constraints = RelationGetDescr(relation)->constr;
    if (table->ri_WithCheckOptions != NIL) {
        ExecWithCheckOptions(WCO_RLS_INSERT_CHECK, table, row, state);
    }
    if (constraints !=
        nullptr) {  // NOT NULL alone is left: the plan has the values at hand, a row would be taken apart
        ExecConstraints(table, planned, state);
    }
    ++collected.count;
    bool to_free = false;
    collected.bytes += ExecFetchSlotHeapTuple(row, false, &to_free)->t_len;
}

}  // namespace

bool insert_in_bulk(QueryDesc* query) {
    if (!IsA(query->planstate, ModifyTableState)) {
        return false;
    }
    auto modify = reinterpret_cast<ModifyTableState*>(query->planstate);
    ResultRelInfo* table = modify->resultRelInfo;
    if (!can_insert_in_bulk(modify, table)) {
        return false;
    }
    EState* state = query->estate;
    MemoryContext before = MemoryContextSwitchTo(state->es_query_cxt);
    if (table->ri_RelationDesc->rd_rel->relhasindex && table->ri_IndexRelationDescs == nullptr) {
        ExecOpenIndices(table, false);
    }
    auto collected = static_cast<Collected*>(palloc0(sizeof(Collected)));
    for (;;) {
        ResetPerTupleExprContext(state);
        TupleTableSlot* planned = ExecProcNode(outerPlanState(modify));
        if (TupIsNull(planned)) {
            break;
        }
        collect(state, table, planned, *collected);
        if (collected->count == kMaxRows || collected->bytes > kMaxBytes) {
            write_collected(query, table, *collected);
        }
    }
    if (collected->count > 0) {
        write_collected(query, table, *collected);
    }
    MemoryContextSwitchTo(before);
    return true;
}

}  // namespace customer_import::pg
