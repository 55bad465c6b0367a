#include "pg/server/arguments.h"

#include "core/format.h"
#include "core/text.h"

namespace customer_import::pg {

namespace {

struct NullArgument {
    const char* name;  // nullptr: NULL is allowed
    const char* function;
};

// Whether the default of an argument is NULL, as its declaration has it.
bool is_null_by_default(Oid function, int index) {
    LOCAL_FCINFO(call, 2);
    InitFunctionCallInfoData(*call, nullptr, 2, InvalidOid, nullptr, nullptr);
    call->args[0] = {ObjectIdGetDatum(function), false};
    call->args[1] = {Int32GetDatum(index + 1), false};
    const Datum shown = pg_get_function_arg_default(call);
    return !call->isnull && strncmp(TextDatumGetCString(shown), "NULL::", 6) == 0;
}

NullArgument describe_argument(Oid function, int index) {
    return call([&] {
        NullArgument argument{nullptr, get_func_name(function)};
        if (is_null_by_default(function, index)) {
            return argument;
        }
        HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
        if (!HeapTupleIsValid(tuple)) {
            ereport(ERROR,
                    (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("function with OID %u does not exist", function),
                     errdetail("It has just been dropped.")));
        }
        char** names = nullptr;
        Oid* types = nullptr;
        char* modes = nullptr;
        get_func_arg_info(tuple, &types, &names, &modes);
        argument.name = names[index];
        ReleaseSysCache(tuple);
        return argument;
    });
}

}  // namespace

void refuse_nulls(FunctionCallInfo fcinfo) {
    for (int index = 0; index < fcinfo->nargs; ++index) {
        if (!PG_ARGISNULL(index)) {
            continue;
        }
        const NullArgument argument = describe_argument(fcinfo->flinfo->fn_oid, index);
        if (argument.name != nullptr) {
            throw ImportError(ERRCODE_NULL_VALUE_NOT_ALLOWED,
                              format("argument {} of function {}() is NULL", quoted(argument.name), argument.function));
        }
    }
}

void require_writable() {
    if (RecoveryInProgress()) {
        throw ImportError(ERRCODE_READ_ONLY_SQL_TRANSACTION, "cannot write on a standby server", {},
                          "Connect to the primary server. A standby only shows what has been done there.");
    }
    if (XactReadOnly) {
        throw ImportError(ERRCODE_READ_ONLY_SQL_TRANSACTION, "cannot write in a read-only transaction", {},
                          "Call it in a transaction that is READ WRITE.");
    }
}

std::vector<std::string_view> given_codes(FunctionCallInfo fcinfo, int index) {
    std::vector<std::string_view> codes = codes_argument(fcinfo, index);
    ArrayType* array = detoast_array(PG_GETARG_DATUM(index));
    if (call([&] { return array_contains_nulls(array); })) {
        throw ImportError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "one of the role codes is NULL");
    }
    return codes;
}

Datum result_row(FunctionCallInfo fcinfo, Datum* values, bool* nulls) {
    return call([&] {
        TupleDesc columns;
        if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE) {
            elog(ERROR, "the function does not return a row");
        }
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls));
    });
}

}  // namespace customer_import::pg
