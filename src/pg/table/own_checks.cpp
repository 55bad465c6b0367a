#include "pg/table/own_checks.h"

#include "pg/server/lookup.h"

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

int count_checks(const ResultRelInfo* table) {
    const TupleConstr* constraints = RelationGetDescr(table->ri_RelationDesc)->constr;
    return constraints != nullptr ? constraints->num_check : 0;
}

bool has_own_checks_alone(const ResultRelInfo* table, const CheckedColumns& keys) {
    const int checks = count_checks(table);
    TupleDesc columns = RelationGetDescr(table->ri_RelationDesc);
    return has_guard_alone(table->ri_TrigDesc, keys) && checks <= 1 &&
           (checks == 0 || is_own_check(columns->constr->check[0], columns, keys));
}

void leave_out(ResultRelInfo* table, MemoryContext context) {
    // Both are the executor's own copies.
    table->ri_TrigDesc->trig_insert_before_row = false;
    table->ri_TrigDesc->trig_update_before_row = false;
    if (count_checks(table) == 1) {  // a state that is not there is a CHECK that holds
        table->ri_CheckConstraintExprs = static_cast<ExprState**>(MemoryContextAllocZero(context, sizeof(ExprState*)));
    }
}

}  // namespace

// An UPDATE has opened the partitions that it may write. The engine changes no user name, so that no row moves to
// another one. An INSERT opens each partition with its first row, after this.
bool leave_out_own_checks(EState* state, const CheckedColumns& keys) {
    const List* opened = state->es_opened_result_relations;
    bool holds_rows = false;
    for (int index = 0; index < list_length(opened); ++index) {
        const auto table = static_cast<const ResultRelInfo*>(list_nth(opened, index));
        const char kind = table->ri_RelationDesc->rd_rel->relkind;
        if ((kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) || !has_own_checks_alone(table, keys)) {
            return false;
        }
        holds_rows = holds_rows || kind == RELKIND_RELATION;
    }
    if (!holds_rows) {
        return false;
    }
    for (int index = 0; index < list_length(opened); ++index) {
        leave_out(static_cast<ResultRelInfo*>(list_nth(opened, index)), state->es_query_cxt);
    }
    return true;
}

}  // namespace customer_import::pg
