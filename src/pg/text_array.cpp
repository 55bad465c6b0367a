#include "pg/text_array.h"

#include <cstring>

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
    const char* element = ARR_DATA_PTR(array);
    const bits8* nulls = ARR_NULLBITMAP(array);
    for (int index = 0; index < count; ++index) {
        if (nulls != nullptr && (nulls[index / 8] & (1 << (index % 8))) == 0) {
            continue;
        }
        element = reinterpret_cast<const char*>(att_align_pointer(element, TYPALIGN_INT, -1, element));
        out.push_back(varlena_view(element));
        element += VARSIZE_ANY(element);
    }
}

Size text_array_size(std::span<const std::string_view> elements) {
    if (elements.empty()) {
        return sizeof(ArrayType);
    }
    Size size = ARR_OVERHEAD_NONULLS(1);
    for (std::string_view element : elements) {
        size += INTALIGN(VARHDRSZ + element.size());
    }
    return size;
}

ArrayType* write_text_array(char* to, std::span<const std::string_view> elements) {
    const Size size = text_array_size(elements);
    std::memset(to, 0, size);
    auto array = reinterpret_cast<ArrayType*>(to);
    SET_VARSIZE(array, size);
    array->ndim = elements.empty() ? 0 : 1;
    array->dataoffset = 0;
    array->elemtype = TEXTOID;
    if (elements.empty()) {
        return array;
    }
    ARR_DIMS(array)[0] = static_cast<int>(elements.size());
    ARR_LBOUND(array)[0] = 1;
    char* element = ARR_DATA_PTR(array);
    for (std::string_view text : elements) {
        SET_VARSIZE(element, VARHDRSZ + text.size());
        std::memcpy(VARDATA(element), text.data(), text.size());
        element += INTALIGN(VARHDRSZ + text.size());
    }
    return array;
}

Datum make_text_array(std::span<const std::string_view> elements) {
    char* memory = call([&] { return static_cast<char*>(palloc(text_array_size(elements))); });
    return PointerGetDatum(write_text_array(memory, elements));
}

}  // namespace customer_import::pg
