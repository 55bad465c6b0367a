// Why an import cannot get on, where its error does not say so: its role, its right or its table has gone meanwhile.
#pragma once

#include <exception>
#include <utility>

#include "pg/access/identity.h"
#include "pg/background/import_queue.h"

namespace customer_import::pg {

// Thrown when the import is to stop; the request and its reason are in the queue or in here.
class Stopped : public std::exception {
public:
    explicit Stopped(Stop stop) : stop_(std::move(stop)) {}
    const Stop& stop() const { return stop_; }

private:
    Stop stop_;
};

// Gives the transaction the submitter's identity, and the settings by which the submitter's texts are read, until its
// end.
void assume_submitter(const BackgroundImport& import);

// Returns the submitter with the rights of this moment. Throws Stopped when the right to import is gone.
Identity require_still_permitted();

// Throws Stopped when the database role, the right to import or the customers table is not there any more. To be called
// in a transaction of its own, after an error that another session may have caused.
void require_preconditions(const BackgroundImport& import);

}  // namespace customer_import::pg
