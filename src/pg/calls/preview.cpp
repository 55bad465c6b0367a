// preview_import(): the import itself, rolled back; a row a record, in the order of the file.
#include <memory>
#include <optional>

#include "core/encoding_evidence.h"
#include "core/report.h"
#include "pg/calls/import_run.h"
#include "pg/input/import_arguments.h"
#include "pg/input/upload.h"
#include "pg/server/arguments.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

constexpr int kColumns = 7;
constexpr AttrNumber kLineColumn = 1, kOutcomeColumn = 3, kMessageColumn = kColumns, kSeenColumn = kColumns + 1;
constexpr char kNoUtf8Message[] = "invalid byte sequence in UTF-8 text";
constexpr int kSortKilobytes = 16 * 1024;

// What the import says of its records, sorted by line. Lives outside of the subtransaction that is rolled back.
class PreviewRows final : public RecordWatcher {
public:
    PreviewRows() : owner_(CurrentResourceOwner), context_(CurrentMemoryContext) {
        call([&] {
            columns_ = CreateTemplateTupleDesc(kSeenColumn);
            TupleDescInitEntry(columns_, kLineColumn, "line", INT8OID, -1, 0);
            TupleDescInitEntry(columns_, 2, "user_name", TEXTOID, -1, 0);
            TupleDescInitEntry(columns_, kOutcomeColumn, "outcome", TEXTOID, -1, 0);
            TupleDescInitEntry(columns_, 4, "roles_before", TEXTARRAYOID, -1, 0);
            TupleDescInitEntry(columns_, 5, "roles_after", TEXTARRAYOID, -1, 0);
            TupleDescInitEntry(columns_, 6, "code", TEXTOID, -1, 0);
            TupleDescInitEntry(columns_, kMessageColumn, "message", TEXTOID, -1, 0);
            TupleDescInitEntry(columns_, kSeenColumn, "seen", INT8OID, -1, 0);
            AttrNumber numbers[] = {kLineColumn, kSeenColumn};
            Oid operators[] = {Int8LessOperator, Int8LessOperator};
            Oid collations[] = {InvalidOid, InvalidOid};
            bool nulls_first[] = {false, false};
            sort_ = tuplesort_begin_heap(columns_, 2, numbers, operators, collations, nulls_first, kSortKilobytes,
                                         nullptr, TUPLESORT_NONE);
            row_ = MakeSingleTupleTableSlot(columns_, &TTSOpsVirtual);
            next_ = MakeSingleTupleTableSlot(columns_, &TTSOpsMinimalTuple);
            row_context_ = AllocSetContextCreate(context_, "preview row", ALLOCSET_SMALL_SIZES);
        });
    }
    ~PreviewRows() {
        release([&] {
            ExecDropSingleTupleTableSlot(row_);
            ExecDropSingleTupleTableSlot(next_);
            tuplesort_end(sort_);
        });
    }
    PreviewRows(const PreviewRows&) = delete;
    PreviewRows& operator=(const PreviewRows&) = delete;

    // What is seen of a line later replaces what was seen of it earlier.
    void see(std::int64_t line, std::string_view user_name, const RecordResult* result) override;
    void taken_back() override { taken_back_ = true; }

    // Puts the rows into the result of a function. `encoding_hint`, if not empty, follows the message of those that have
    // bytes that are no UTF-8.
    void give(ReturnSetInfo* result, const std::string& encoding_hint);

private:
    const ResourceOwner owner_;
    const MemoryContext context_;
    MemoryContext row_context_ = nullptr;
    TupleDesc columns_ = nullptr;
    Tuplesortstate* sort_ = nullptr;
    TupleTableSlot* row_ = nullptr;
    TupleTableSlot* next_ = nullptr;
    std::int64_t seen_ = 0;
    bool taken_back_ = false;
};

void PreviewRows::see(std::int64_t line, std::string_view user_name, const RecordResult* result) {
    call([&] { MemoryContextReset(row_context_); });
    ContextScope scope(row_context_);
    const Issue* issue = result != nullptr && !result->issues.empty() ? &result->issues.front() : nullptr;
    const ArrayType* before = result != nullptr ? result->roles_before : nullptr;
    const bool has_changed = result != nullptr &&
                             (result->outcome == Outcome::created || result->outcome == Outcome::updated);
    const ArrayType* after = has_changed && result->roles_after != nullptr ? result->roles_after : before;
    const std::optional<Datum> name = user_name.empty() ? std::nullopt : std::optional(text_datum(user_name));
    const Datum outcome = text_datum(result != nullptr ? outcome_name(result->outcome) : "unprocessed");
    const Datum code = issue != nullptr ? text_datum(issue_code_name(issue->code)) : Datum{0};
    const Datum message = issue != nullptr ? text_datum(issue->message) : Datum{0};
    ++seen_;
    call([&] {
        ExecClearTuple(row_);
        auto set = [&](int column, bool is_null, Datum value) {
            row_->tts_values[column - 1] = value;
            row_->tts_isnull[column - 1] = is_null;
        };
        set(kLineColumn, false, Int64GetDatum(line));
        set(2, !name, name.value_or(0));
        set(kOutcomeColumn, false, outcome);
        set(4, before == nullptr, PointerGetDatum(before));
        set(5, after == nullptr, PointerGetDatum(after));
        set(6, issue == nullptr, code);
        set(kMessageColumn, issue == nullptr, message);
        set(kSeenColumn, false, Int64GetDatum(seen_));
        ExecStoreVirtualTuple(row_);
        // A file that it spills to must outlive the subtransaction.
        ResourceOwner current = CurrentResourceOwner;
        CurrentResourceOwner = owner_;
        tuplesort_puttupleslot(sort_, row_);
        CurrentResourceOwner = current;
    });
}

void PreviewRows::give(ReturnSetInfo* result, const std::string& encoding_hint) {
    call([&] {
        tuplesort_performsort(sort_);
        Datum values[kColumns];
        bool nulls[kColumns];
        bool has_row = false;
        std::int64_t last_line = 0;
        const Datum unprocessed = CStringGetTextDatum("unprocessed");
        MemoryContext before = MemoryContextSwitchTo(row_context_);
        while (tuplesort_gettupleslot(sort_, true, false, next_, nullptr)) {
            CHECK_FOR_INTERRUPTS();
            slot_getallattrs(next_);
            const std::int64_t line = DatumGetInt64(next_->tts_values[kLineColumn - 1]);
            if (has_row && line != last_line) {
                tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
                MemoryContextReset(row_context_);
            }
            for (int column = 0; column < kColumns; ++column) {
                nulls[column] = next_->tts_isnull[column];
                if (!nulls[column]) {
                    const Form_pg_attribute form = TupleDescAttr(columns_, column);
                    values[column] = datumCopy(next_->tts_values[column], form->attbyval, form->attlen);
                }
            }
            if (!encoding_hint.empty() && !nulls[kMessageColumn - 1]) {
                const char* message = TextDatumGetCString(values[kMessageColumn - 1]);
                if (strncmp(message, kNoUtf8Message, sizeof kNoUtf8Message - 1) == 0) {
                    values[kMessageColumn - 1] = CStringGetTextDatum(
                        psprintf("%s. %s", message, encoding_hint.c_str()));
                }
            }
            if (taken_back_) {
                const text* outcome = DatumGetTextPP(values[kOutcomeColumn - 1]);
                const bool is_rejected = VARSIZE_ANY_EXHDR(outcome) == 8 &&
                                         memcmp(VARDATA_ANY(outcome), "rejected", 8) == 0;
                if (!is_rejected) {
                    values[kOutcomeColumn - 1] = unprocessed;
                    values[4] = values[3];
                    nulls[4] = nulls[3];
                }
            }
            has_row = true;
            last_line = line;
        }
        if (has_row) {
            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        }
        MemoryContextSwitchTo(before);
    });
}

// Where the SQL function has its arguments.
constexpr ArgumentPlaces kPreviewPlaces = {.reject_limit = 2,
                                           .delimiter = 3,
                                           .encoding = 4,
                                           .unknown_roles = 5,
                                           .strict = 6,
                                           .damaged = 7,
                                           .columns = 8,
                                           .role_columns = 9,
                                           .reject_percent = 10};

Datum preview(FunctionCallInfo fcinfo, ImportRequest& request, InputSource& source) {
    auto result = (ReturnSetInfo*)fcinfo->resultinfo;
    call([&] { InitMaterializedSRF(fcinfo, 0); });
    request.is_dry_run = true;
    PreviewRows rows;
    std::string encoding_hint;
    for (const std::string& warning : run_import(request, &source, &rows).warnings) {
        if (warning.starts_with(kLikelyEncoding)) {
            encoding_hint = as_sentence(warning);
        }
    }
    rows.give(result, encoding_hint);
    return 0;
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// preview_import(csv text, …) returns setof record. Errors: 22023, 22P04, 42501, 55000.
CI_WRITING_FUNCTION(ci_preview_import_text) {
    return pg::entry([&] {
        pg::ImportRequest request = pg::read_request(fcinfo, pg::kPreviewPlaces, true);
        std::string_view csv = pg::varlena_view(pg::call([&] { return PG_GETARG_TEXT_PP(0); }));
        return pg::preview(fcinfo, request, *pg::memory_source(csv));
    });
}

// preview_import(csv bytea, …).
CI_WRITING_FUNCTION(ci_preview_import_bytea) {
    return pg::entry([&] {
        pg::ImportRequest request = pg::read_request(fcinfo, pg::kPreviewPlaces, false);
        std::string_view csv = pg::varlena_view(pg::call([&] { return PG_GETARG_BYTEA_PP(0); }));
        return pg::preview(fcinfo, request, *pg::memory_source(csv));
    });
}

// preview_import(csv oid, …): a large object, read as a stream.
CI_WRITING_FUNCTION(ci_preview_import_large_object) {
    return pg::entry([&] {
        pg::ImportRequest request = pg::read_request(fcinfo, pg::kPreviewPlaces, false);
        return pg::preview(fcinfo, request, *pg::large_object_source(PG_GETARG_OID(0)));
    });
}

// preview_upload(upload bigint, …): what append_upload() has stored. Errors: as preview_import(), and 42704.
CI_WRITING_FUNCTION(ci_preview_upload) {
    return pg::entry([&] {
        pg::ImportRequest request = pg::read_request(fcinfo, pg::kPreviewPlaces, false);
        return pg::preview(fcinfo, request, *pg::upload_source(PG_GETARG_INT64(0)));
    });
}
