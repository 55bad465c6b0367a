// For a file of which the customers table holds most already: one scan of the table finds the records that change
// nothing, and they are not applied. Looked for are records that add roles and do nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/batch.h"
#include "core/record_codec.h"
#include "core/unchanged_records.h"
#include "pg/input/import_request.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/table/target.h"

namespace customer_import::pg {

class UnchangedFinder {
public:
    // `target` must outlive the object. Where what a record does depends on more than its customer it does nothing.
    UnchangedFinder(const ImportRequest& request, const Target& target);

    // Takes the valid records of the file, in any order. Looks some customers up after a while, and gives up where many
    // records change something.
    void add(const Record& record);

    // Looks at all customers that the caller may see, if that pays.
    void find();

    // How many records it has found.
    std::int64_t found() const { return static_cast<std::int64_t>(records_.found()); }

    // Whether it has found this record. To be asked of all records, in the order of user names and lines.
    bool contains(const RecordKey& record);

private:
    enum class State { waiting, sampling, adding, off };

    // Customers that were read and not looked at yet.
    struct RowAhead {
        bool is_there = false;
        UnchangedRecords::Key key{};
        std::vector<char> roles;  // of the array; none: NULL
    };

    UnchangedRecords::Key key_of(std::string_view user_name) const;
    bool may_pay();
    void take_sample();
    void scan(const std::string& condition, const std::vector<Oid>& types, std::span<const Datum> parameters);
    void see(std::string_view user_name, const ArrayType* roles);
    void look_at_oldest();
    void give_up();

    const Target& target_;
    State state_;
    double rows_ = 0;        // of the table
    std::int64_t seen_ = 0;  // records
    std::array<std::uint64_t, 2> seeds_{};
    UnchangedRecords records_;
    std::vector<std::string> sample_;  // user names
    std::array<RowAhead, 16> rows_ahead_;
    std::size_t newest_ = 0;
    std::vector<std::string_view> held_;
    std::string last_;  // the customer of the record before, unless it was found; no user name is empty
};

}  // namespace customer_import::pg
