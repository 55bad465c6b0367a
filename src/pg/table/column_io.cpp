#include "pg/table/column_io.h"

#include <cstring>

#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

// Texts that mean the same in every session, for as long as it lives. The server reads these variables when it
// converts.
class PortableTexts {
public:
    PortableTexts()
        : date_style_(DateStyle),
          date_order_(DateOrder),
          interval_style_(IntervalStyle),
          extra_float_digits_(extra_float_digits) {
        DateStyle = USE_ISO_DATES;
        DateOrder = DATEORDER_YMD;
        IntervalStyle = INTSTYLE_POSTGRES;
        extra_float_digits = 1;
    }
    ~PortableTexts() {
        DateStyle = date_style_;
        DateOrder = date_order_;
        IntervalStyle = interval_style_;
        extra_float_digits = extra_float_digits_;
    }
    PortableTexts(const PortableTexts&) = delete;
    PortableTexts& operator=(const PortableTexts&) = delete;

private:
    const int date_style_, date_order_, interval_style_, extra_float_digits_;
};

// Returns nullptr for an operator that has been dropped meanwhile: the type is one without equality then.
const char* operator_sql(Oid oid) {
    HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(oid));
    if (!HeapTupleIsValid(tuple)) {
        return nullptr;
    }
    auto form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
    const char* schema = get_namespace_name(form->oprnamespace);
    const char* text = schema == nullptr
                           ? nullptr
                           : psprintf(" OPERATOR(%s.%s) ", quote_identifier(schema), NameStr(form->oprname));
    ReleaseSysCache(tuple);
    return text;
}

}  // namespace

ColumnIo::ColumnIo(const TargetColumn& column)
    : kind_(column.kind), type_(column.type), type_modifier_(column.type_modifier), collation_(column.collation) {
    Oid equality = InvalidOid;
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
        equality = type->eq_opr;
    });
    if (kind_ == FieldKind::other && equality_ != nullptr) {
        const char* text = call([&] { return operator_sql(equality); });
        if (text == nullptr) {
            equality_ = nullptr;
        } else {
            equality_sql_ = text;
        }
    }
}

Value ColumnIo::flat(const Value& value) const {
    if (value.is_null || type_length_ != -1) {
        return value;
    }
    // A pointer to a value that is stored out of line looks like a short one, too.
    const char* data = DatumGetPointer(value.datum);
    if (!VARATT_IS_EXTERNAL(data) && (!VARATT_IS_EXTENDED(data) || VARATT_IS_SHORT(data))) {
        return value;
    }
    return {call([&] { return PointerGetDatum(PG_DETOAST_DATUM(value.datum)); }), false};
}

bool ColumnIo::holds(const Value& held, std::string_view cell, const Value& converted) const {
    if (held.is_null) {
        return false;
    }
    if (converted.is_null || equality_ == nullptr) {
        return write(held.datum) == write_cell(cell, converted);
    }
    return call([&] { return DatumGetBool(FunctionCall2Coll(equality_, collation_, held.datum, converted.datum)); });
}

bool ColumnIo::holds_written(const Value& held, const std::optional<std::string_view>& text) const {
    if (held.is_null || !text) {
        return held.is_null == !text;
    }
    // A time with a zone is the same time in any zone, and has many texts.
    return write(held.datum) == *text ||
           (needs_reading(*text) && equality_ != nullptr && holds(held, *text, read_written(*text)));
}

std::string_view ColumnIo::write_cell(std::string_view cell, const Value& converted) const {
    return converted.is_null ? cell : write(converted.datum);
}

Value ColumnIo::read(std::string_view cell) const {
    return {call([&] {
                char* text = pnstrdup(cell.data(), cell.size());
                return InputFunctionCall(&input_, text, io_parameter_, type_modifier_);
            }),
            false};
}

void ColumnIo::require_in_domain(const Value& value) const {
    call([&] {
        if (get_typtype(type_) == TYPTYPE_DOMAIN) {
            domain_check(value.datum, value.is_null, type_, nullptr, CurrentMemoryContext);
        }
    });
}

std::string_view ColumnIo::write(Datum value) const {
    if (kind_ == FieldKind::boolean) {
        return DatumGetBool(value) ? "true" : "false";
    }
    if (kind_ == FieldKind::text) {
        return varlena_view(DatumGetPointer(value));
    }
    const PortableTexts portable;
    return call([&] { return (const char*)OutputFunctionCall(&output_, value); });
}

Value ColumnIo::read_written(std::string_view text) const {
    const PortableTexts portable;
    return read(text);
}

}  // namespace customer_import::pg
