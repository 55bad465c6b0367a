#include "pg/table/bulk_insert.h"

#include <algorithm>

namespace customer_import::pg {

namespace {

// As many rows as COPY collects.
constexpr int kMaxRows = 1000;
constexpr Size kMaxBytes = 65535;
constexpr Size kMaxBytesOfAll = 4 * 1024 * 1024;  // in all partitions together

// Rows that are ready to be written to one table, or one partition.
struct Collected {
    ResultRelInfo* table;
    TupleDesc columns;  // a copy, which nobody counts the uses of: each slot would add to the count
    TupleTableSlot* rows[kMaxRows];
    int places[kMaxRows];  // of the rows, among all of the plan
    int count;
    int made;  // of `rows`, which are used again
    Size bytes;
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

bool can_insert_in_bulk(const ModifyTableState* state, const ResultRelInfo* table, OpenPartition open_partition) {
    const auto plan = reinterpret_cast<const ModifyTable*>(state->ps.plan);
    const List* targets = outerPlanState(state)->plan->targetlist;
    return plan->operation == CMD_INSERT && plan->onConflictAction == ONCONFLICT_NONE && state->mt_nrels == 1 &&
           fires_foreign_keys_alone(table->ri_TrigDesc) && gives_whole_rows(targets, table) &&
           !may_look_at_rows(reinterpret_cast<Node*>(const_cast<List*>(targets))) &&
           !policies_may_look_at_rows(table->ri_WithCheckOptions) &&
           (is_plain_heap(table->ri_RelationDesc) ||
            (state->mt_partition_tuple_routing != nullptr && open_partition != nullptr));
}

// Hands a row that was written to the statement's receiver.
void return_row(const QueryDesc* query, ResultRelInfo* table, TupleTableSlot* row, int place) {
    ExprContext* context = table->ri_projectReturning->pi_exprContext;
    context->ecxt_scantuple = row;
    TupleTableSlot* returned = ExecProject(table->ri_projectReturning);
    returned->tts_values[0] = Int32GetDatum(place);
    returned->tts_isnull[0] = false;
    query->dest->receiveSlot(returned, query->dest);
    ResetExprContext(context);
}

// Writes the rows that were collected, their index entries, and what their foreign keys have to check later.
void write_collected(const QueryDesc* query, Collected& collected, std::uint64_t* reached) {
    EState* state = query->estate;
    ResultRelInfo* table = collected.table;
    MemoryContext before = MemoryContextSwitchTo(GetPerTupleMemoryContext(state));
    table_multi_insert(table->ri_RelationDesc, collected.rows, collected.count, state->es_output_cid, 0, nullptr);
    MemoryContextSwitchTo(before);
    for (int index = 0; index < collected.count; ++index) {
        CHECK_FOR_INTERRUPTS();
        *reached = static_cast<std::uint64_t>(collected.places[index]);
        TupleTableSlot* row = collected.rows[index];
        List* to_check = NIL;
        if (table->ri_NumIndices > 0) {
            to_check = ExecInsertIndexTuples(table, row, state, false, false, nullptr, NIL, false);
        }
        ExecARInsertTriggers(state, table, row, to_check, nullptr);
        list_free(to_check);
        if (table->ri_projectReturning != nullptr) {
            return_row(query, table, row, collected.places[index]);
        }
        ExecClearTuple(row);
    }
    state->es_processed += static_cast<uint64>(collected.count);
    collected.count = 0;
    collected.bytes = 0;
}

// Makes a row ready, or raises what the table has against it. Returns its size in bytes.
Size collect(EState* state, TupleTableSlot* planned, int place, Collected& collected) {
    ResultRelInfo* table = collected.table;
    Relation relation = table->ri_RelationDesc;
    if (collected.count == collected.made) {
        collected.rows[collected.made++] = MakeTupleTableSlot(collected.columns, table_slot_callbacks(relation));
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
    collected.places[collected.count++] = place;
    bool to_free = false;
    const Size bytes = ExecFetchSlotHeapTuple(row, false, &to_free)->t_len;
    collected.bytes += bytes;
    return bytes;
}

Collected* start_collecting(ResultRelInfo* table) {
    auto collected = static_cast<Collected*>(palloc0(sizeof(Collected)));
    collected->table = table;
    collected->columns = CreateTupleDescCopy(RelationGetDescr(table->ri_RelationDesc));
    return collected;
}

// Where rows go: to the table, or each to its partition. Those of a partition are kept where COPY keeps its own.
class Router {
public:
    Router(ModifyTableState* modify, OpenPartition open_partition) : modify_(modify), open_partition_(open_partition) {
        if (modify->mt_partition_tuple_routing == nullptr) {
            ResultRelInfo* table = modify->resultRelInfo;
            if (table->ri_RelationDesc->rd_rel->relhasindex && table->ri_IndexRelationDescs == nullptr) {
                ExecOpenIndices(table, false);
            }
            all_ = list_make1(start_collecting(table));
        }
    }

    // What collects the row; `planned` becomes the row as its partition has it.
    Collected& find(TupleTableSlot*& planned) {
        if (modify_->mt_partition_tuple_routing == nullptr) {
            return *static_cast<Collected*>(linitial(all_));
        }
        EState* state = modify_->ps.state;
        ResultRelInfo* partition = ExecFindPartition(modify_, modify_->resultRelInfo,
                                                     modify_->mt_partition_tuple_routing, planned, state);
        if (partition->ri_CopyMultiInsertBuffer == nullptr) {
            open_partition_(partition, state->es_query_cxt);
            Collected* collected = start_collecting(partition);
            partition->ri_CopyMultiInsertBuffer = reinterpret_cast<CopyMultiInsertBuffer*>(collected);
            all_ = lappend(all_, collected);
        }
        if (const TupleConversionMap* map = ExecGetRootToChildMap(partition, state)) {
            planned = execute_attr_map_slot(map->attrMap, planned, partition->ri_PartitionTupleSlot);
        }
        return *reinterpret_cast<Collected*>(partition->ri_CopyMultiInsertBuffer);
    }

    void write_all(const QueryDesc* query, std::uint64_t* reached) {
        for (int index = 0; index < list_length(all_); ++index) {
            auto collected = static_cast<Collected*>(list_nth(all_, index));
            if (collected->count > 0) {
                write_collected(query, *collected, reached);
            }
        }
    }

private:
    ModifyTableState* modify_;
    OpenPartition open_partition_;
    List* all_ = NIL;  // of Collected
};

}  // namespace

bool is_plain_heap(Relation table) {
    return table->rd_rel->relkind == RELKIND_RELATION && table->rd_tableam == GetHeapamTableAmRoutine() &&
           !has_generated_columns(RelationGetDescr(table)->constr);
}

bool insert_in_bulk(QueryDesc* query, OpenPartition open_partition, std::uint64_t* reached) {
    if (!IsA(query->planstate, ModifyTableState)) {
        return false;
    }
    auto modify = reinterpret_cast<ModifyTableState*>(query->planstate);
    if (!can_insert_in_bulk(modify, modify->resultRelInfo, open_partition)) {
        return false;
    }
    EState* state = query->estate;
    MemoryContext before = MemoryContextSwitchTo(state->es_query_cxt);
    Router router(modify, open_partition);
    std::uint64_t unused;
    reached = reached == nullptr ? &unused : reached;
    Size bytes = 0;  // that wait, in all partitions
    for (int place = 0;; ++place) {
        ResetPerTupleExprContext(state);
        TupleTableSlot* planned = ExecProcNode(outerPlanState(modify));
        if (TupIsNull(planned)) {
            break;
        }
        *reached = static_cast<std::uint64_t>(place);
        Collected& collected = router.find(planned);
        bytes += collect(state, planned, place, collected);
        if (bytes > kMaxBytesOfAll) {
            router.write_all(query, reached);
            bytes = 0;
        } else if (collected.count == kMaxRows || collected.bytes > kMaxBytes) {
            bytes -= collected.bytes;
            write_collected(query, collected, reached);
        }
    }
    router.write_all(query, reached);
    MemoryContextSwitchTo(before);
    return true;
}

}  // namespace customer_import::pg
