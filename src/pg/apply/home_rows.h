// Brings rows of the customers table into its shadow, and what the engine did there back to the table: with all
// customers of a set in each statement, as the owner of the table. Decides nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/change_page.h"
#include "core/text.h"
#include "pg/server/guard.h"
#include "pg/server/read_snapshot.h"
#include "pg/server/server.h"
#include "pg/server/statement.h"
#include "pg/table/target.h"

namespace customer_import::pg {

class HomeRows {
public:
    // `target` has a home, and must outlive the object, as `context`. Needs an SPI connection, in which there is no
    // other.
    HomeRows(const Target& target, MemoryContext context);

    // Puts the rows of these customers, all different, into the shadow, as they are now. The names must live until
    // ship(). The shadow is empty before, since nobody else writes it.
    void fetch(std::vector<std::string_view> names);
    // Whether any of them had one.
    bool has_found_any() const { return !fetched_.empty(); }

    // In place of fetch(): leaves the shadow empty. Those of them that have a row are stale when they are shipped as new.
    void take_for_new(std::vector<std::string_view> names);

    // Writes what has become of those customers that `changes` name to the table, and takes all out of the shadow.
    // Returns those whose rows others have changed since fetch(): of these nothing is written. Errors: those of the
    // table; where its policies restrict the caller, without the detail, which may have values of hidden columns.
    // `expect_created`: whether new customers had no row lately; it is told whether they had.
    std::set<std::string_view> ship(std::span<const Change> changes, bool& expect_created);

    // The customer whose row the table has refused, so that ship() has failed, if its error tells. It may be wrong.
    const std::optional<std::string>& refused() const { return refused_; }

private:
    // Identifies the version of a row as it was fetched. As text: that of a row in another server is of no use here.
    struct Version {
        std::string tid, xmin;
    };
    // Customers of one step of ship(), with their versions.
    struct Step {
        std::vector<std::string_view> names, tids, xmins;
        void add(std::string_view name, const Version& version);
    };

    // The statements, with all columns of the table.
    struct Texts {
        std::string name_customers, read, versions, name_fetched;  // of a fetch
        std::string stage_names, stage_rows;
        std::string update;                // of a ship: it returns whom it has written
        std::string create;                // writes all or none
        std::string create_unless_exists;  // returns whom it has written
        std::string remove;                // returns whom it has written
        std::string clear_stage;
    };

    std::size_t place_of_key() const;  // of the user name among the columns
    TupleDesc name_columns() const;
    TupleDesc row_columns() const;
    std::string bring_sql() const;
    Texts make_texts() const;
    DestReceiver* receiver_of(const EphemeralTable& table) const;
    void fill_names();
    void bring(std::int64_t slice);
    bool have_changed(std::int64_t slice) const;
    std::int64_t start_slice();
    void take_out();
    void write(std::span<const Change> changes, std::set<std::string_view>& stale, bool& expect_created);
    void create(const Step& created, std::set<std::string_view>& stale, bool& expect_created);
    std::int64_t stage(const Step& step, bool with_values);
    void run(const std::string& statement, const Parameter& which, const Step& step, std::set<std::string_view>& stale);

    const Target& target_;
    const Home& home_;
    const MemoryContext context_;
    const std::string home_key_;    // the user name of the table, as c
    const std::string staged_key_;  // and its name in the stage
    const bool copies_;             // new customers, where Citus may
    const Texts texts_;
    EphemeralTable names_;    // of the customers that were fetched
    EphemeralTable written_;  // those that a statement has written
    EphemeralTable rows_;     // with their versions
    Statement take_out_;
    Statement bring_;

    std::vector<std::string> slices_;  // of the stage, since fetch()
    std::vector<std::string_view> fetched_names_;
    std::optional<std::string> refused_;  // since fetch()
    TextMap<Version> fetched_;            // those that there were
    ReadSnapshot snapshot_;               // from before they were read

    // The subtransaction in which there was one of ours. There Citus does not recover from an error of a node any more,
    // unless that comes in another one of its own.
    SubTransactionId contained_in_ = InvalidSubTransactionId;
};

}  // namespace customer_import::pg
