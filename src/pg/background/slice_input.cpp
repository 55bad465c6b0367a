#include "pg/background/slice_input.h"

#include <algorithm>

#include "core/format.h"
#include "core/grant_ceiling.h"
#include "core/slices.h"
#include "core/text.h"
#include "pg/access/role_catalog.h"
#include "pg/apply/import_kinds.h"
#include "pg/history/report_store.h"
#include "pg/history/reversal.h"
#include "pg/input/created_codes.h"
#include "pg/input/preparers.h"
#include "pg/server/statement.h"
#include "pg/server/test_point.h"

namespace customer_import::pg {

namespace {

constexpr std::int64_t kStopCheckRecords = 65536;
// What the check of a file takes, of the time to apply its records: measured with one line a customer.
constexpr double kCheckCost = 0.21;
constexpr double kCheckCostOfCreates = 0.45;

}  // namespace

// Another table may have been attached since the import was submitted: the import must not write to that one.
Target load_same_target(const BackgroundImport& import, const std::optional<Target>& before) {
    Target target = load_import_target();
    if (target.table() != import.customers_table) {
        throw Stopped({"failed", "the customers table is another one than when it was submitted",
                       unpack_sql_state(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE)});
    }
    const auto has = [&](const std::string& field) {
        return std::any_of(target.values.begin(), target.values.end(),
                           [&](const TargetColumn& column) { return column.field == field; });
    };
    for (const TargetColumn& column : before ? before->values : std::vector<TargetColumn>()) {
        if (!has(column.field)) {  // the records that were checked may have a cell for it
            throw Stopped({"failed",
                           format("the customers table was attached anew, without the field {}", quoted(column.field)),
                           unpack_sql_state(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE)});
        }
    }
    return target;
}

std::string record_shape(const BackgroundImport& import, const Target& target, const HeaderMap& header) {
    std::string text = format("{} slices, order {}, folded {}", import.slices,
                              static_cast<int>(record_order(import.request, import.by_line)), target.fold_user_names);
    for (const int index : header.value_fields()) {
        const Field& field = header.fields()[static_cast<std::size_t>(index)];
        const auto column = std::find_if(target.values.begin(), target.values.end(),
                                         [&](const TargetColumn& value) { return value.field == field.name; });
        text += format("\n{} {} {} {}", column->type, column->type_modifier, field.clearable, field.name);
    }
    return text;
}

std::string kept_shape(const BackgroundImport& import, const Target& target, const HeaderMap& header) {
    std::string shape = record_shape(import, target, header);
    if (import.request.kind != ImportKind::retry) {
        return shape;
    }
    OwnerScope owner;
    return format(
        "{}\namended {}", shape,
        *query_latest(
             "SELECT count(*) || ' ' || COALESCE(sum(hashtextextended(encode(amended_record, 'hex'), line)), 0)"
             "  FROM customer_import.import_issues WHERE import_id = $1 AND amended_record IS NOT NULL",
             {parameter(import.request.source_import_id)})
             .front()[0]);
}

void mark_retried(const BackgroundImport& import, const std::vector<std::int64_t>& lines) {
    if (import.request.kind == ImportKind::retry) {
        customer_import::pg::mark_retried(import.request, import.id, lines);
    }
}

// Takes the records of the whole file, and keeps those of the slice; all where the slices are cut from the whole.
class SliceInput::Taker final : public RecordTaker {
public:
    // Without an issue store and a trial the check was made before.
    Taker(SliceInput& input, IssueStore* issues, Trial* trial)
        : input_(input),
          issues_(issues),
          trial_(trial),
          takes_all_(trial != nullptr && input.is_sharing_),
          valid_(takes_all_ ? 1 : static_cast<std::size_t>(input.import_.slices), 0) {}

    void valid(const Record& record) override {
        count();
        if (trial_ != nullptr) {
            trial_->add(record);
        }
        const int slice = takes_all_ ? 0 : input_.import_.slice_of(record.user_name);
        ++valid_[static_cast<std::size_t>(slice)];
        if (takes_all_ || slice == input_.slice_.number) {
            input_.spool_->add(record);
        }
    }

    void rejected(std::int64_t line, std::string_view, const std::vector<Issue>& issues,
                  std::string_view raw) override {
        count();
        ++counts_.rejected;
        if (issues_ != nullptr) {
            issues_->add(line, Outcome::rejected, issues, raw);
            if (input_.import_.request.kind == ImportKind::retry) {
                rejected_.push_back(line);
            }
        }
    }

    const std::vector<std::int64_t>& rejected_lines() const { return rejected_; }

    const Counts& counts() const { return counts_; }
    const std::vector<std::int64_t>& valid_records() const { return valid_; }

private:
    void count() {
        ++counts_.records;
        input_.progress_.checked(counts_.records, input_.reader_->bytes());
        if (counts_.records % kStopCheckRecords == 0) {
            input_.check_stop_();
        }
    }

    SliceInput& input_;
    IssueStore* issues_;
    Trial* trial_;
    const bool takes_all_;
    std::vector<std::int64_t> valid_;     // of each slice
    std::vector<std::int64_t> rejected_;  // of a retry
    Counts counts_;
};

SliceInput::SliceInput(BackgroundImport& import, Slice& slice, int slices_wanted, SharedSlices& shared,
                       ProgressReport& progress, std::function<void()> check_stop, MemoryContext context,
                       MemoryContext transaction_context)
    : import_(import),
      slice_(slice),
      slices_wanted_(slices_wanted),
      shared_(shared),
      progress_(progress),
      check_stop_(std::move(check_stop)),
      context_(context),
      transaction_context_(transaction_context),
      may_share_(shared.exists()) {}

bool SliceInput::stop_sharing() {
    may_share_ = false;
    if (is_sharing_) {
        shared_.clear();
    }
    return is_sharing_;
}

void SliceInput::committed() {
    if (is_sharing_) {
        shared_.publish();
    }
}

void SliceInput::read(const Identity& identity) {
    try {
        open();
        if (is_first()) {
            check(identity);
        } else if (!take_shared()) {
            read_again();
        }
        record_repeats(import_.id, slice_, spool_->repeats());
    } catch (...) {
        spool_.reset();  // before the transaction takes its files away
        throw;
    }
}

void SliceInput::open() {
    if (import_.is_resumed && import_.request.create_unknown_roles) {  // those that went when it ended
        add_codes_of_import(import_.id, import_.request, removed_codes_of(import_.id, import_.request));
    }
    target_ = load_same_target(import_, target_);
    if (is_first()) {
        import_.by_line = target_->one_by_one;
    }
    order_ = record_order(import_.request, import_.by_line);
    make_spool();
    ContextScope scope(context_);
    catalog_ = is_first() ? load_held_catalog() : std::make_unique<RoleCatalog>();
    for (const std::string& code : import_.role_codes) {
        catalog_->add(code);
    }
    source_ = import_.request.kind == ImportKind::file ? stored_file_source(import_.id)
                                                       : make_source(import_.request, import_.id);
    reader_ = make_reader(import_.request, source_.get(), *target_, *catalog_);
    progress_.start(target_->relation, import_.id);
}

// How many slices the first one that reads the file cuts it into.
int SliceInput::slices_to_cut() const {
    return target_->one_by_one || import_.file_bytes < kSharedFileBytes ? 1 : slices_wanted_;
}

void SliceInput::make_spool() {
    ContextScope scope(context_);
    RecordSpool::Options options = spool_options(import_.request);
    options.outlives = !is_first() || !is_to_share();
    spool_ = std::make_unique<RecordSpool>(order_, options);
    reads_shared_ = false;
}

// Cuts the slices from all `records`, and keeps the own one. Returns how many records each has.
std::vector<std::int64_t> SliceInput::share_out(std::int64_t records) {
    std::vector<std::int64_t> shares(static_cast<std::size_t>(import_.slices), 0);
    SliceWriter writer(shared_, import_.slices);
    const bool only_creates = import_.request.kind == ImportKind::file && !updates(import_.request.mode);
    SliceCutter cutter(records, import_.slices, only_creates ? kCheckCostOfCreates : kCheckCost);
    spool_->keep(context_, [&](std::string_view record) {
        const int slice = cutter.next(record_key(record, order_).user_name);
        ++shares[static_cast<std::size_t>(slice)];
        writer.add(slice, record);
        return slice == slice_.number;
    });
    import_.slice_names = cutter.names();
    RawRecords& raw = spool_->raw_records();
    raw.for_each_piece([&](std::string_view piece) { writer.add_raw(piece); });
    raw.clear();
    reads_shared_ = true;
    writer.finish(record_shape(import_, *target_, reader_->header()), reader_->header_to_keep());
    return shares;
}

// Takes the records from the worker that has checked the file. Returns false when it has left none, or when the table was
// changed since in a way that changes what a record is: then the file says what that comes to.
bool SliceInput::take_shared() {
    SliceReader stored(shared_, slice_.number);
    if (!stored.exists()) {
        return false;
    }
    reader_->take_header(stored.header());
    if (stored.shape() != record_shape(import_, *target_, reader_->header())) {
        return false;
    }
    std::int64_t taken = 0;
    const std::int64_t records = spool_->keep_sorted(context_, [&] {
        progress_.checked(taken, 0);
        if (++taken % kStopCheckRecords == 0) {
            check_stop_();
        }
        return stored.next();
    });
    if (slice_.records != records) {
        make_spool();
        return false;
    }
    reads_shared_ = true;
    return true;
}

std::string SliceInput::raw_of(const Record& record, SharedRawRecords& shared) const {
    return reads_shared_ && record.raw_place.size != 0 ? shared.read(record.raw_place) : spool_->raw_of(record);
}

// Reads the file as at the check, by the role codes of that time.
void SliceInput::read_again() {
    Taker taker(*this, nullptr, nullptr);
    reader_->read(taker);
    spool_->sort();
    spool_->keep(context_);
    if (slice_.records != taker.valid_records()[static_cast<std::size_t>(slice_.number)]) {
        throw ImportError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "the customers table was changed, and the file reads otherwise than at the check");
    }
}

void SliceInput::check(const Identity& identity) {
    import_.slices = slices_to_cut();
    is_sharing_ = is_to_share();
    import_.is_cut = is_sharing_;
    import_.slice_names.clear();
    if (is_sharing_) {
        shared_.begin();
    }
    Trial trial(import_.request);
    IssueStore issues(transaction_context_, import_.request.encoding);
    if (import_.request.create_unknown_roles) {
        reader_->add_unknown_codes();
    }
    Taker taker(*this, &issues, &trial);
    reader_->read(taker);
    import_.shape = kept_shape(import_, *target_, reader_->header());
    std::vector<std::int64_t> shares = taker.valid_records();
    spool_->sort();
    if (is_sharing_) {
        shares = share_out(shares.front());
    } else {
        spool_->keep(context_);
    }
    const Counts& counts = taker.counts();
    std::optional<std::string> failure = import_.request.reject_limit_passed(counts.rejected, counts.records);
    if (!failure) {
        add_codes_of_import(import_.id, import_.request, reader_->new_codes());
        failure = try_first_records(trial, identity);
    }
    issues.write(import_.id, true, reader_->encoding_hint());
    record_check(import_, counts, shares, catalog_->codes(),
                 import_.request.kind == ImportKind::file ? reader_->warnings() : std::vector<std::string>());
    mark_retried(import_, taker.rejected_lines());
    if (failure) {
        request_stop(import_.id, {"failed", *failure, kFaultOfFile});
    }
    import_.records = counts.records;
    slice_.records = shares[static_cast<std::size_t>(slice_.number)];
}

std::optional<std::string> SliceInput::try_first_records(Trial& trial, const Identity& identity) {
    const RecordCeiling ceiling(*catalog_, identity, PreparedRecords(import_.request));
    return trial.run(import_.id, *target_, reader_->header(), *catalog_, ceiling.get(), transaction_context_);
}

}  // namespace customer_import::pg
