// User names: the key of every record. Folded so that what people take for one name is one key.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace customer_import {

inline constexpr std::size_t kMaxUserNameBytes = 320;

enum class UserNameFault { none, missing, too_long, control_character };

// Trims, case folds (full folding) and composes (NFC) valid UTF-8 into `out`. Idempotent: folding the result again
// changes nothing. Text beyond ASCII that is longer than a user name may be is only trimmed.
// Sources: Unicode Standard 3.13 (caseless matching), UAX #15; done by utf8proc.
void fold_user_name(std::string_view name, std::string& out);

// The user name as an import reads it from a cell: trimmed, and folded where the customers table has folded ones.
std::string user_name_key(std::string_view cell, bool fold);

// Says what is wrong with an already trimmed or folded name.
UserNameFault check_user_name(std::string_view name);

// True when `name` is a folded, valid user name: what a created customers table may hold.
bool is_user_name(std::string_view name);

}  // namespace customer_import
