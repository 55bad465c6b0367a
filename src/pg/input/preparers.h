// Who has prepared the records that an import applies: of a retry, and of an undo that brings something back, that need not be
// whoever calls it. Each record is then under the lower of two ceilings: core/grant_ceiling.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/grant_ceiling.h"
#include "pg/access/identity.h"
#include "pg/input/import_request.h"

namespace customer_import::pg {

class PreparedRecords {
public:
    // Whose file it is, or who amended a record last. A file is its caller's; an undo that takes back is, too: it has no
    // more to say than what there was. Needs an SPI connection.
    explicit PreparedRecords(const ImportRequest& request);

    // What those may do who are not `caller`, by today's operators. Who is none any more, or not active, is no administrator.
    // Needs an SPI connection.
    Preparers read(const std::string& caller) const;

private:
    std::optional<std::string> operator_;             // of the file; nullopt: it is the caller's own
    std::map<std::int64_t, std::string> amended_by_;  // line by line
};

// The ceiling of a batch: of whoever acts, and of those who have prepared its records.
class RecordCeiling {
public:
    // `catalog` and `identity` must outlive the object. Needs an SPI connection.
    RecordCeiling(const RoleCatalog& catalog, const Identity& identity, const PreparedRecords& prepared)
        : preparers_(prepared.read(identity.name)),
          is_limited_(!identity.rights.has(Right::administer)),
          ceiling_(catalog, identity.own_names, is_limited_, &preparers_, check_interrupts) {}
    RecordCeiling(const RecordCeiling&) = delete;
    RecordCeiling& operator=(const RecordCeiling&) = delete;

    // nullptr: nobody is limited.
    const GrantCeiling* get() const { return is_limited_ || preparers_.limit_somebody() ? &ceiling_ : nullptr; }

private:
    const Preparers preparers_;
    const bool is_limited_;
    const GrantCeiling ceiling_;
};

}  // namespace customer_import::pg
