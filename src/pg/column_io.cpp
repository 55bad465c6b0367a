#include "pg/column_io.h"

#include <cstring>

#include "pg/text_array.h"

namespace customer_import::pg {

ColumnIo::ColumnIo(const TargetColumn& column)
    : kind_(column.kind), type_modifier_(column.type_modifier), collation_(column.collation) {
    call([&] {
        Oid input;
        Oid output;
        bool is_varlena;
        getTypeInputInfo(column.type, &input, &io_parameter_);
        getTypeOutputInfo(column.type, &output, &is_varlena);
        get_typlenbyval(column.type, &type_length_, &by_value_);
        fmgr_info_cxt(input, &input_, CurrentMemoryContext);
        fmgr_info_cxt(output, &output_, CurrentMemoryContext);
        TypeCacheEntry* type = lookup_type_cache(column.type, TYPECACHE_EQ_OPR_FINFO);
        equality_ = OidIsValid(type->eq_opr_finfo.fn_oid) ? &type->eq_opr_finfo : nullptr;
    });
}

Value ColumnIo::read(std::string_view cell) const {
    if (kind_ == FieldKind::boolean) {
        return {BoolGetDatum(cell == "true"), false};
    }
    if (kind_ == FieldKind::text) {
        return {call([&] { return PointerGetDatum(cstring_to_text_with_len(cell.data(), (int)cell.size())); }), false};
    }
    return {call([&] {
                char* text = pnstrdup(cell.data(), cell.size());
                Datum value = InputFunctionCall(&input_, text, io_parameter_, type_modifier_);
                return type_length_ == -1 ? PointerGetDatum(PG_DETOAST_DATUM(value)) : value;
            }),
            false};
}

std::string_view ColumnIo::write(Datum value) const {
    if (kind_ == FieldKind::boolean) {
        return DatumGetBool(value) ? "true" : "false";
    }
    if (kind_ == FieldKind::text) {
        return varlena_view(DatumGetPointer(value));
    }
    return call([&] { return (const char*)OutputFunctionCall(&output_, value); });
}

bool ColumnIo::equal(const Value& a, const Value& b) const {
    if (a.is_null || b.is_null) {
        return a.is_null && b.is_null;
    }
    if (kind_ == FieldKind::boolean || kind_ == FieldKind::text || equality_ == nullptr) {
        return write(a.datum) == write(b.datum);
    }
    return call([&] { return DatumGetBool(FunctionCall2Coll(equality_, collation_, a.datum, b.datum)); });
}

}  // namespace customer_import::pg
