#include "core/role_catalogue.h"

#include <algorithm>

#include "core/text.h"

namespace customer_import {

bool RoleCatalogue::add(std::string_view code) {
    return spelling_.try_emplace(ascii_lower(code), code).second;
}

std::string_view RoleCatalogue::find(std::string_view code) const {
    const auto found = spelling_.find(ascii_lower(code));
    return found == spelling_.end() ? std::string_view() : std::string_view(found->second);
}

std::string_view RoleCatalogue::nearest(std::string_view code) const {
    std::size_t nearest_distance = std::max<std::size_t>(1, code.size() / 3);
    std::string_view nearest;
    for (const auto& [lower_case, spelling] : spelling_) {
        const std::size_t distance = edit_distance(code, spelling, nearest_distance);
        if (distance > nearest_distance) continue;
        if (nearest.empty() || distance < nearest_distance || spelling < nearest) nearest = spelling;
        nearest_distance = distance;
    }
    return nearest;
}

}  // namespace customer_import
