// What nearly every file of src/pg includes. The Makefile compiles it once and includes it before each of them; it says nothing
// that they do not say themselves, so they also compile without it.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "pg/server/server.h"
