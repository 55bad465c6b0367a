#include "pg/table/own_checks.h"

#include "pg/server/lookup.h"
#include "pg/table/bulk_insert.h"

namespace customer_import::pg {

namespace {

bool has_name(const char* name, const char* quoted) { return strcmp(quote_identifier(name), quoted) == 0; }

bool is_guard(const Trigger& trigger, Oid function, const CheckedColumns& keys) {
    return trigger.tgfoid == function && trigger.tgnargs >= 2 && has_name(trigger.tgargs[0], keys.roles) &&
           has_name(trigger.tgargs[1], keys.user_name);
}

// Beside it there may be what the server itself has made for a foreign key: that fires after the row is written.
bool has_guard_alone(const TriggerDesc* triggers, const CheckedColumns& keys) {
    const Oid function = own_function("_guard_customers", {});
    bool found = false;
    for (int index = 0; triggers != nullptr && index < triggers->numtriggers; ++index) {
        const Trigger& trigger = triggers->triggers[index];
        if (is_guard(trigger, function, keys)) {
            found = true;
        } else if (!trigger.tgisinternal) {
            return false;
        }
    }
    return found;
}

// Whether the expression is is_user_name(column) of the user name column, and nothing else.
bool is_own_check(const ConstrCheck& check, TupleDesc columns, const CheckedColumns& keys) {
    auto call = static_cast<FuncExpr*>(stringToNode(check.ccbin));
    if (!IsA(call, FuncExpr) || call->funcid != own_function("is_user_name", {TEXTOID}) ||
        list_length(call->args) != 1 || !IsA(linitial(call->args), Var)) {
        return false;
    }
    const AttrNumber column = linitial_node(Var, call->args)->varattno;
    return column > 0 && has_name(NameStr(TupleDescAttr(columns, column - 1)->attname), keys.user_name);
}

int count_checks(Relation table) {
    const TupleConstr* constraints = RelationGetDescr(table)->constr;
    return constraints != nullptr ? constraints->num_check : 0;
}

bool has_own_checks_alone(Relation table, const TriggerDesc* triggers, const CheckedColumns& keys) {
    const char kind = table->rd_rel->relkind;
    const int checks = count_checks(table);
    TupleDesc columns = RelationGetDescr(table);
    return (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) && has_guard_alone(triggers, keys) &&
           checks <= 1 && (checks == 0 || is_own_check(columns->constr->check[0], columns, keys));
}

bool have_own_checks_alone(const List* tables, const CheckedColumns& keys) {
    for (int index = 0; index < list_length(tables); ++index) {
        const auto table = static_cast<const ResultRelInfo*>(list_nth(tables, index));
        if (!has_own_checks_alone(table->ri_RelationDesc, table->ri_TrigDesc, keys)) {
            return false;
        }
    }
    return true;
}

// What is known of the partitions of a table. Locks them as the statement does when it opens them, so that none changes
// before.
LeftOut look_at_partitions(Oid table, const CheckedColumns& keys) {
    const List* partitions = find_all_inheritors(table, RowExclusiveLock, nullptr);
    LeftOut found{true, true};
    for (int index = 0; index < list_length(partitions) && found.checks; ++index) {
        Relation partition = table_open(list_nth_oid(partitions, index), NoLock);
        found.checks = has_own_checks_alone(partition, partition->trigdesc, keys);
        found.in_plain_partitions = found.in_plain_partitions &&
                                    (partition->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
                                     is_plain_heap(partition));
        table_close(partition, NoLock);
    }
    return found;
}

}  // namespace

void leave_out_own_checks_of(ResultRelInfo* partition, MemoryContext context) {
    // Both are the executor's own copies.
    partition->ri_TrigDesc->trig_insert_before_row = false;
    partition->ri_TrigDesc->trig_update_before_row = false;
    if (count_checks(partition->ri_RelationDesc) == 1) {  // a state that is not there is a CHECK that holds
        partition->ri_CheckConstraintExprs = static_cast<ExprState**>(
            MemoryContextAllocZero(context, sizeof(ExprState*)));
    }
}

// An UPDATE has opened the partitions that it may write. The engine changes no user name, so that no row moves to
// another one.
LeftOut leave_out_own_checks(QueryDesc* query, const CheckedColumns& keys) {
    const List* opened = query->estate->es_opened_result_relations;
    if (opened == NIL || !have_own_checks_alone(opened, keys)) {
        return {};
    }
    LeftOut result{true, false};
    Relation first = static_cast<const ResultRelInfo*>(linitial(opened))->ri_RelationDesc;
    if (query->operation == CMD_INSERT && first->rd_rel->relkind == RELKIND_PARTITIONED_TABLE) {
        result = look_at_partitions(RelationGetRelid(first), keys);
        if (!result.checks) {
            return {};
        }
    }
    for (int index = 0; index < list_length(opened); ++index) {
        leave_out_own_checks_of(static_cast<ResultRelInfo*>(list_nth(opened, index)), query->estate->es_query_cxt);
    }
    return result;
}

}  // namespace customer_import::pg
