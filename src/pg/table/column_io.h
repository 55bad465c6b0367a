// Values of the target's columns: from CSV text and back, and when two are the same.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/table/target.h"

namespace customer_import::pg {

// A value of a column, NULL included. Varlena values are never toasted.
struct Value {
    Datum datum = 0;
    bool is_null = true;
};

class ColumnIo {
public:
    explicit ColumnIo(const TargetColumn& column);

    // The value without compression and out-of-line storage.
    Value flat(const Value& value) const;

    // Whether a text is a value of the column only once it has been read. A text column takes it as it is; a boolean
    // one has words that mean a value at sight, which are all that a checked cell holds, unless the column has got
    // another type since.
    bool needs_reading(std::string_view text) const {
        return kind_ == FieldKind::boolean ? text != "true" && text != "false" : kind_ != FieldKind::text;
    }

    // True when a column that holds `held` has the value of a cell already. `converted` is what read() made of the
    // cell; NULL where that does not need reading.
    bool holds(const Value& held, std::string_view cell, const Value& converted) const;

    // The operator by which holds() compares converted values, as SQL writes it; empty where it compares texts.
    const std::string& equality_sql() const { return equality_sql_; }

    // The text of the value of a cell, as write() gives it once it is stored.
    std::string_view write_cell(std::string_view cell, const Value& converted) const;

    // Converts a validated cell that needs reading, in the current memory context. A server error becomes PgError.
    Value read(std::string_view cell) const;

    // Raises the error of the server (PgError) if the column's type, a domain, does not take a value.
    void require_in_domain(const Value& value) const;

    // The text of a value that is not NULL, as the change log and exports have it: "true" or "false" for a boolean;
    // whatever the session's DateStyle, IntervalStyle and extra_float_digits, so that every session reads it alike.
    // Lives as long as the value and the current memory context.
    std::string_view write(Datum value) const;

    // True when a column that holds `held` has the value that write() wrote as `text`, or both are NULL.
    bool holds_written(const Value& held, const std::optional<std::string_view>& text) const;

    // Reads what write() wrote, of any column. A server error becomes PgError.
    Value read_written(std::string_view text) const;

    // Copies what a tuple slot holds into the current memory context. Server code: raises server errors.
    Datum copy(Datum value) const {
        return type_length_ == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value))
                                  : datumCopy(value, by_value_, type_length_);
    }

private:
    FieldKind kind_;
    Oid type_ = InvalidOid;
    bool by_value_ = false;
    std::int16_t type_length_ = -1;
    Oid io_parameter_ = InvalidOid;
    std::int32_t type_modifier_ = -1;
    Oid collation_ = InvalidOid;
    mutable FmgrInfo input_;
    mutable FmgrInfo output_;
    FmgrInfo* equality_ = nullptr;  // the type cache's; nullptr: compared by text
    std::string equality_sql_;
};

}  // namespace customer_import::pg
