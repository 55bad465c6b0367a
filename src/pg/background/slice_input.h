// Where the records of a slice come from: the first worker of an import checks the file and hands the records of the other
// slices on; a later one takes what it has left, or reads the file again. In any case a slice has the same records in the
// same order, so that a number says how far it is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/header_map.h"
#include "core/record_codec.h"
#include "core/role_catalog.h"
#include "pg/access/identity.h"
#include "pg/apply/trial.h"
#include "pg/background/import_queue.h"
#include "pg/background/shared_slices.h"
#include "pg/background/stop_causes.h"
#include "pg/history/progress.h"
#include "pg/input/input_source.h"
#include "pg/input/record_reader.h"
#include "pg/input/record_spool.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/table/target.h"

namespace customer_import::pg {

// Returns the customers table. Throws Stopped when it is another one than when the import was submitted, or has lost
// what it had `before`: at the check.
Target load_same_target(const BackgroundImport& import, const std::optional<Target>& before);

// What has to be as it was at the check, so that a record that was kept means the same, and a position the same record.
std::string record_shape(const BackgroundImport& import, const Target& target, const HeaderMap& header);

// The same for an import that ended and is to be resumed: the records of a retry may have been amended since. Needs an
// SPI connection.
std::string kept_shape(const BackgroundImport& import, const Target& target, const HeaderMap& header);

// Records of a retry are tried once, whatever the result.
void mark_retried(const BackgroundImport& import, const std::vector<std::int64_t>& lines);

class SliceInput {
public:
    // The arguments must outlive the object. `check_stop` is asked again and again. What is read is kept in `context`.
    SliceInput(BackgroundImport& import, Slice& slice, int slices_wanted, SharedSlices& shared,
               ProgressReport& progress, std::function<void()> check_stop, MemoryContext context,
               MemoryContext transaction_context);

    // Has the spool hold the records of the slice, within a transaction. The first one to do so records what the check
    // found.
    void read(const Identity& identity);

    // There is no room for the records of other slices: keeps only its own from now on. Returns false when it has done
    // so before.
    bool stop_sharing();

    // Gives up what is kept of the records.
    void drop() { spool_.reset(); }

    // The transaction of the last read() is committed.
    void committed();

    RecordSpool& spool() { return *spool_; }

    // The bytes of a record of the spool; `shared` are those of the same import.
    std::string raw_of(const Record& record, SharedRawRecords& shared) const;
    const SharedSlices& shared() const { return shared_; }

    const HeaderMap& header() const { return reader_->header(); }
    const RoleCatalog& catalog() const { return *catalog_; }  // of the check
    const std::optional<Target>& target() const { return target_; }

private:
    class Taker;

    bool is_first() const { return import_.state != "running"; }
    int slices_to_cut() const;
    // Whether the first one that reads the file hands records on, and with them all that is kept apart.
    bool is_to_share() const { return may_share_ && slices_to_cut() > 1; }
    void open();
    bool take_shared();
    void read_again();
    void check(const Identity& identity);
    void make_spool();
    std::vector<std::int64_t> share_out(std::int64_t records);
    std::optional<std::string> try_first_records(Trial& trial, const Identity& identity);

    BackgroundImport& import_;
    Slice& slice_;
    const int slices_wanted_;
    SharedSlices& shared_;
    ProgressReport& progress_;
    const std::function<void()> check_stop_;
    const MemoryContext context_;
    const MemoryContext transaction_context_;

    bool may_share_;
    bool is_sharing_ = false;
    bool reads_shared_ = false;  // what the spool keeps apart is in the shared files
    RecordOrder order_ = RecordOrder::by_user_name;
    std::unique_ptr<RoleCatalog> catalog_;
    std::unique_ptr<RecordSpool> spool_;
    std::unique_ptr<RecordReader> reader_;
    std::unique_ptr<InputSource> source_;  // nullptr: an undo
    std::optional<Target> target_;         // at the check; reader_ refers to it
};

}  // namespace customer_import::pg
