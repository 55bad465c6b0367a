#include "pg/apply/unchanged_finder.h"

#include "core/format.h"
#include "core/import_mode.h"
#include "pg/apply/batch_apply.h"
#include "pg/apply/batch_memory.h"
#include "pg/apply/customer_rows.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"
#include "pg/table/table_size.h"

namespace customer_import::pg {

namespace {

constexpr std::int64_t kSmallFile = 5000;  // records that are applied before anything else would pay
constexpr double kFirstPart = 1.0 / 16;    // of the rows of the table: a file with so many records may be large enough
constexpr double kRowsPerRecord = 2;       // a scan of a larger table costs more than it saves
constexpr std::size_t kSampleSize = 100;   // of every kSampleStep-th record
constexpr std::int64_t kSampleStep = 7;
constexpr std::size_t kManyUnchanged = 75;  // of the sample

bool only_adds_roles(const Record& record) {
    return record.cells.empty() && !record.replaces_roles && record.remove_roles.empty() && record.lost_roles.empty() &&
           record.settled_roles.empty() && record.doubtful_name.empty() && !record.has_doubtful_cells;
}

// Whether what a record does depends on nothing but its customer.
bool judges_by_customer(const ImportRequest& request, const Target& target) {
    return request.kind == ImportKind::file && updates(request.mode) && !target.one_by_one && !target.home &&
           target.user_name.base_type == TEXTOID;
}

}  // namespace

UnchangedFinder::UnchangedFinder(const ImportRequest& request, const Target& target)
    : target_(target), state_(judges_by_customer(request, target) ? State::waiting : State::off) {}

UnchangedRecords::Key UnchangedFinder::key_of(std::string_view user_name) const {
    const auto bytes = reinterpret_cast<const unsigned char*>(user_name.data());
    const auto size = static_cast<int>(user_name.size());
    const std::uint64_t first = hash_bytes_extended(bytes, size, seeds_[0]),
                        second = hash_bytes_extended(bytes, size, seeds_[1]);
    return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(first >> 32),
            static_cast<std::uint32_t>(second)};
}

void UnchangedFinder::give_up() {
    state_ = State::off;
    records_ = {};
    sample_ = {};
    rows_ahead_ = {};
}

// Whether the table is not too large for any file.
bool UnchangedFinder::may_pay() {
    rows_ = call([&] { return read_size(target_.relation).rows; });
    return rows_ <= kRowsPerRecord * UnchangedRecords::kMaxRecords && pg_strong_random(seeds_.data(), sizeof seeds_);
}

void UnchangedFinder::add(const Record& record) {
    if (state_ == State::off || ++seen_ < kSmallFile) {
        return;
    }
    if (state_ == State::waiting) {
        state_ = may_pay() ? State::sampling : State::off;
    }
    // The first records are applied in any case: as many as a file has that is too small, which so costs nothing here.
    if (state_ == State::off || static_cast<double>(seen_) < kFirstPart * rows_ || !only_adds_roles(record)) {
        return;
    }
    records_.add(record.line, key_of(record.user_name), record.add_roles);
    if (state_ == State::sampling && seen_ % kSampleStep == 0) {
        sample_.emplace_back(record.user_name);
        if (sample_.size() == kSampleSize) {
            take_sample();
        }
    }
}

void UnchangedFinder::take_sample() {
    records_.index(check_interrupts);
    const SpiConnection spi;
    const std::vector<std::string_view> names(sample_.begin(), sample_.end());
    const Datum parameter = call([&] { return make_text_array(names); });
    scan(format(" WHERE c.{} OPERATOR(pg_catalog.=) ANY ($1)", target_.user_name.name), {TEXTARRAYOID},
         {&parameter, 1});
    if (records_.found() < kManyUnchanged) {
        give_up();
    } else {
        state_ = State::adding;
        sample_ = {};
    }
}

void UnchangedFinder::find() {
    if (state_ != State::adding || static_cast<double>(records_.size()) * kRowsPerRecord < rows_) {
        give_up();
        return;
    }
    records_.index(check_interrupts);
    scan({}, {}, {});
    records_.forget_customers();
}

// An error of a policy is for those records to meet that it rejects.
void UnchangedFinder::scan(const std::string& condition, const std::vector<Oid>& types,
                           std::span<const Datum> parameters) {
    const std::optional<PgError> error = in_subtransaction([&] {
        ScannedRows rows([](void* self, std::string_view user_name,
                            const ArrayType* roles) { static_cast<UnchangedFinder*>(self)->see(user_name, roles); },
                         this);
        Statement(format("SELECT c.{}, c.{} FROM {} AS c{}", target_.user_name.name, target_.roles.name, target_.name,
                         condition),
                  types)
            .run(rows.receiver(), parameters);
        for (std::size_t row = 0; row < rows_ahead_.size(); ++row) {
            look_at_oldest();
        }
    });
    if (error && !rejects_record(*error, true)) {
        throw PgError(*error);
    }
    if (error) {
        give_up();
    }
}

// The hash table is larger than a processor's cache: what is needed for a row is fetched while others are looked at.
void UnchangedFinder::see(std::string_view user_name, const ArrayType* roles) {
    look_at_oldest();
    RowAhead& row = rows_ahead_[newest_];
    row.is_there = true;
    row.key = key_of(user_name);
    const auto bytes = reinterpret_cast<const char*>(roles);
    row.roles.assign(bytes, bytes + (roles != nullptr ? VARSIZE(roles) : 0));
    records_.fetch_place(row.key);
    const RowAhead& earlier = rows_ahead_[(newest_ + rows_ahead_.size() / 2) % rows_ahead_.size()];
    if (earlier.is_there) {
        records_.fetch_entry(earlier.key);
    }
}

void UnchangedFinder::look_at_oldest() {
    newest_ = (newest_ + 1) % rows_ahead_.size();
    RowAhead& row = rows_ahead_[newest_];
    if (row.is_there) {
        row.is_there = false;
        read_role_set(row.roles.empty() ? nullptr : reinterpret_cast<const ArrayType*>(row.roles.data()), held_);
        records_.see(row.key, held_);
    }
}

// What a record does depends on those of the same customer before it, which may be applied.
bool UnchangedFinder::contains(const RecordKey& record) {
    if (record.user_name != last_ && records_.contains(record.line)) {
        return true;
    }
    last_ = record.user_name;
    return false;
}

}  // namespace customer_import::pg
