#include "pg/apply/batch_memory.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "core/role_set.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

std::string_view BatchMemory::keep(std::string_view text) {
    if (text.empty()) {
        return {};
    }
    char* copy = call([&] { return static_cast<char*>(MemoryContextAlloc(context_, text.size())); });
    std::memcpy(copy, text.data(), text.size());
    return {copy, text.size()};
}

const ArrayType* BatchMemory::keep_roles(std::span<const std::string_view> codes) {
    const Size size = text_array_size(codes);
    require_role_set_size(size);
    char* memory = call([&] { return static_cast<char*>(MemoryContextAlloc(context_, size)); });
    return write_text_array(memory, codes);
}

std::optional<std::string_view> BatchMemory::kept_text(std::size_t column, const CustomerRow& row) {
    const Value value = columns_[column].flat(row.values[column]);
    if (value.is_null) {
        return std::nullopt;
    }
    return keep(columns_[column].write(value.datum));
}

RowBefore BatchMemory::keep_before(const CustomerRow& row) {
    RowBefore before;
    read_role_set(row.roles, before.roles);
    for (std::string_view& code : before.roles) {
        code = keep(code);
    }
    for (std::size_t column = 0; column < columns_.size(); ++column) {
        before.values.push_back(kept_text(column, row));
    }
    return before;
}

void read_role_set(const ArrayType* roles, std::vector<std::string_view>& codes) {
    codes.clear();
    if (roles != nullptr) {
        require_role_set_size(VARSIZE(roles));
        read_text_array(roles, codes);
    }
    if (!RoleSet::is_canonical(codes.data(), codes.size(), check_interrupts)) {
        codes = RoleSet(std::move(codes), check_interrupts).codes();
    }
}

void add_difference(std::span<const std::string_view> a, std::span<const std::string_view> b,
                    std::vector<std::string_view>& to) {
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(to));
}

}  // namespace customer_import::pg
