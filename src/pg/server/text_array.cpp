#include "pg/server/text_array.h"

#include <cstring>

#include "core/pace.h"
#include "core/role_set.h"

namespace customer_import::pg {

ArrayType* detoast_array(Datum array) {
    return call([&] { return DatumGetArrayTypeP(array); });
}

void read_text_array(const ArrayType* array, std::vector<std::string_view>& out) {
    int count = 1;
    for (int dimension = 0; dimension < ARR_NDIM(array); ++dimension) {
        count *= ARR_DIMS(array)[dimension];
    }
    if (ARR_NDIM(array) == 0) {
        return;
    }
    out.reserve(out.size() + static_cast<std::size_t>(count));
    Pace pace(check_interrupts);
    const char* element = ARR_DATA_PTR(array);
    const bits8* nulls = ARR_NULLBITMAP(array);
    for (int index = 0; index < count; ++index) {
        pace.step();
        if (nulls != nullptr && (nulls[index / 8] & (1 << (index % 8))) == 0) {
            continue;
        }
        element = reinterpret_cast<const char*>(att_align_pointer(element, TYPALIGN_INT, -1, element));
        out.push_back(varlena_view(element));
        element += VARSIZE_ANY(element);
    }
}

void require_role_set_size(Size array) {
    if (array - VARHDRSZ > kMaxRoleSetBytes) {
        call([] {
            ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                            errmsg("the role set is larger than %zu bytes", kMaxRoleSetBytes)));
        });
    }
}

Size text_array_size(std::span<const std::string_view> elements) {
    if (elements.empty()) {
        return sizeof(ArrayType);
    }
    Size size = ARR_OVERHEAD_NONULLS(1);
    Pace pace(check_interrupts);
    for (std::string_view element : elements) {
        pace.step();
        size += INTALIGN(VARHDRSZ + element.size());
    }
    return size;
}

ArrayType* write_text_array(char* to, std::span<const std::string_view> elements) {
    auto array = reinterpret_cast<ArrayType*>(to);
    SET_VARSIZE(array, text_array_size(elements));
    array->ndim = elements.empty() ? 0 : 1;
    array->dataoffset = 0;
    array->elemtype = TEXTOID;
    if (elements.empty()) {
        return array;
    }
    ARR_DIMS(array)[0] = static_cast<int>(elements.size());
    ARR_LBOUND(array)[0] = 1;
    char* element = ARR_DATA_PTR(array);
    Pace pace(check_interrupts);
    for (std::string_view text : elements) {
        pace.step(text.size());
        const Size size = VARHDRSZ + text.size(), room = INTALIGN(size);
        SET_VARSIZE(element, size);
        std::memcpy(VARDATA(element), text.data(), text.size());
        std::memset(element + size, 0, room - size);
        element += room;
    }
    return array;
}

Datum make_text_array(std::span<const std::string_view> elements) {
    const Size size = text_array_size(elements);
    char* memory = call([&] { return static_cast<char*>(palloc(size)); });
    return PointerGetDatum(write_text_array(memory, elements));
}

}  // namespace customer_import::pg
