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

}  // namespace

bool leave_out_own_checks(EState* state, const CheckedColumns& keys) {
    if (list_length(state->es_opened_result_relations) != 1) {
        return false;
    }
    auto table = static_cast<ResultRelInfo*>(linitial(state->es_opened_result_relations));
    Relation relation = table->ri_RelationDesc;
    const TupleConstr* constraints = RelationGetDescr(relation)->constr;
    const int checks = constraints != nullptr ? constraints->num_check : 0;
    if (relation->rd_rel->relkind != RELKIND_RELATION || !has_guard_alone(table->ri_TrigDesc, keys) || checks > 1 ||
        (checks == 1 && !is_own_check(constraints->check[0], RelationGetDescr(relation), keys))) {
        return false;
    }
    // Both are the executor's own copies.
    table->ri_TrigDesc->trig_insert_before_row = false;
    table->ri_TrigDesc->trig_update_before_row = false;
    if (checks == 1) {  // a state that is not there is a CHECK that holds
        MemoryContext before = MemoryContextSwitchTo(state->es_query_cxt);
        table->ri_CheckConstraintExprs = static_cast<ExprState**>(palloc0(sizeof(ExprState*)));
        MemoryContextSwitchTo(before);
    }
    return true;
}

}  // namespace customer_import::pg
