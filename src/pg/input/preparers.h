// The operators that have prepared the records that an import applies: for a retry, and for an undo that brings
// something back, that need not be the caller. Each record is then subject to the lower of two ceilings:
// core/grant_ceiling.
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
    // The operator whose file it is, or that amended a record last. A file is the caller's; so is an undo that takes
    // back: it writes nothing but what there was. Needs an SPI connection.
    explicit PreparedRecords(const ImportRequest& request);

    // What the preparers other than `caller` may do, by the current operators. One that is no longer an operator, or
    // not active, is not an administrator. Needs an SPI connection.
    Preparers read(const std::string& caller) const;

private:
    std::optional<std::string> operator_;             // of the file; nullopt: it is the caller's own
    std::map<std::int64_t, std::string> amended_by_;  // line by line
};

// The ceiling of a batch: that of the acting operator, and those of the preparers of its records.
class RecordCeiling {
public:
    // `catalog` and `identity` must outlive the object. Needs an SPI connection.
    RecordCeiling(const RoleCatalog& catalog, const Identity& identity, const PreparedRecords& prepared)
        : preparers_(prepared.read(identity.name)),
          is_limited_(!identity.rights.has(Right::administer)),
          ceiling_(catalog, identity.own_names, is_limited_, &preparers_, check_interrupts) {}
    RecordCeiling(const RecordCeiling&) = delete;
    RecordCeiling& operator=(const RecordCeiling&) = delete;

    // nullptr: there is no limit.
    const GrantCeiling* get() const { return is_limited_ || preparers_.limit_somebody() ? &ceiling_ : nullptr; }

private:
    const Preparers preparers_;
    const bool is_limited_;
    const GrantCeiling ceiling_;
};

}  // namespace customer_import::pg
