#include "pg/history/report_store.h"

#include <algorithm>

namespace customer_import::pg {

namespace {

struct ColumnDefinition {
    const char* name;
    Oid type;
};

TupleDesc make_columns(MemoryContext context, std::initializer_list<ColumnDefinition> definitions) {
    return call([&] {
        MemoryContext before = MemoryContextSwitchTo(context);
        TupleDesc columns = CreateTemplateTupleDesc(static_cast<int>(definitions.size()));
        AttrNumber number = 0;
        for (const ColumnDefinition& definition : definitions) {
            TupleDescInitEntry(columns, ++number, definition.name, definition.type, -1, 0);
        }
        MemoryContextSwitchTo(before);
        return columns;
    });
}

constexpr int kIssueStoreKilobytes = 4 * 1024;
constexpr int kPageStoreKilobytes = 8 * 1024;

constexpr int kIssueColumns = 11;

Datum varlena_datum(std::string_view bytes) {
    return PointerGetDatum(cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size())));
}

// Whether the record would be applied in another mode.
constexpr bool is_of_mode(IssueCode code) { return code == IssueCode::not_found || code == IssueCode::already_exists; }

}  // namespace

IssueStore::IssueStore(MemoryContext context, const FileEncoding& encoding)
    : encoding_(encoding),
      columns_(make_columns(context, {{"line", INT8OID},
                                      {"issue_number", INT4OID},
                                      {"outcome", TEXTOID},
                                      {"code", TEXTOID},
                                      {"column_name", TEXTOID},
                                      {"value", TEXTOID},
                                      {"message", TEXTOID},
                                      {"detail", TEXTOID},
                                      {"hint", TEXTOID},
                                      {"sqlstate", TEXTOID},
                                      {"record", BYTEAOID}})),
      table_("customer_import_new_issues", columns_, kIssueStoreKilobytes),
      row_context_(call([&] { return AllocSetContextCreate(context, "issue row", ALLOCSET_DEFAULT_SIZES); })) {
    table_.clear(context);
}

void IssueStore::add(std::int64_t line, Outcome outcome, const std::vector<Issue>& issues, std::string_view raw) {
    // What an undo or a retry leaves out of a record that it applies otherwise is skipped.
    const bool is_rejected = outcome == Outcome::rejected;
    const bool is_passed_over = outcome == Outcome::skipped && !issues.empty() && is_of_mode(issues.front().code);
    const std::string record = is_rejected || is_passed_over ? encoding_.encode(raw) : std::string();
    int number = 0;
    for (const Issue& issue : issues) {
        ++number;
        call([&] {
            CHECK_FOR_INTERRUPTS();
            MemoryContextReset(row_context_);
            MemoryContext before = MemoryContextSwitchTo(row_context_);
            Datum values[kIssueColumns];
            bool nulls[kIssueColumns];
            int column = 0;
            auto put = [&](Datum value, bool is_null) {
                values[column] = value;
                nulls[column++] = is_null;
            };
            auto put_text = [&](std::string_view text, bool is_null) {
                pg_verify_mbstr(PG_UTF8, text.data(), static_cast<int>(text.size()), false);
                put(is_null ? Datum{0} : varlena_datum(text), is_null);
            };
            put(Int64GetDatum(line), false);
            put(Int32GetDatum(number), false);
            put_text(outcome_name(is_rejected ? Outcome::rejected : Outcome::skipped), false);
            put_text(issue_code_name(issue.code), false);
            put_text(issue.column, issue.column.empty());
            put_text(issue.value, !issue.has_value);
            put_text(issue.message, false);
            put_text(issue.detail, issue.detail.empty());
            put_text(issue.hint, issue.hint.empty());
            put_text(issue.sqlstate, issue.sqlstate.empty());
            const bool has_record = !record.empty() && number == 1;
            put(has_record ? varlena_datum(record) : Datum{0}, !has_record);
            tuplestore_putvalues(table_.rows(), columns_, values, nulls);
            MemoryContextSwitchTo(before);
        });
    }
}

void IssueStore::write(std::int64_t import_id, bool only_rejected, std::string_view encoding_hint) {
    OwnerScope owner;
    execute(
        "INSERT INTO customer_import.import_issues (import_id, line, issue_number, outcome, code, column_name, value,"
        "       message, detail, hint, sqlstate, record)"
        " SELECT $1, i.line, i.issue_number, i.outcome, i.code, i.column_name, i.value,"
        "        i.message, i.detail,"
        "        CASE WHEN $3 OPERATOR(pg_catalog.<>) '' AND i.code OPERATOR(pg_catalog.=) 'invalid_encoding'"
        "                  AND i.message OPERATOR(pg_catalog.~~) 'invalid byte sequence in UTF-8 text%' THEN $3"
        "             ELSE i.hint END,"
        "        i.sqlstate, i.record"
        "  FROM customer_import_new_issues AS i"
        " WHERE NOT $2 OR i.outcome OPERATOR(pg_catalog.=) 'rejected'",
        {parameter(import_id), parameter(only_rejected), parameter(encoding_hint)});
}

bool has_issues(std::int64_t import_id) {
    OwnerScope owner;
    return !query("SELECT FROM customer_import.import_issues WHERE import_id = $1 LIMIT 1", {parameter(import_id)})
                .empty();
}

ChangeLog::ChangeLog(MemoryContext context, std::int64_t import_id, int slice, std::int64_t pages)
    : context_(context),
      import_id_(import_id),
      first_page_(std::int64_t{slice} << 32),
      pages_(pages),
      columns_(make_columns(context, {{"page", INT8OID},
                                      {"first_user_name", TEXTOID},
                                      {"last_user_name", TEXTOID},
                                      {"changes", INT4OID},
                                      {"payload", BYTEAOID}})),
      table_("customer_import_new_pages", columns_, kPageStoreKilobytes) {}

void ChangeLog::write(std::vector<Change>& changes) {
    if (changes.empty()) {
        return;
    }
    const auto by_user_name = [](const Change& a, const Change& b) { return a.user_name < b.user_name; };
    if (!std::is_sorted(changes.begin(), changes.end(), by_user_name)) {
        std::stable_sort(changes.begin(), changes.end(), by_user_name);
    }
    table_.clear(context_);
    ChangePageWriter writer;
    std::string_view first;
    for (std::size_t index = 0; index < changes.size(); ++index) {
        check_interrupts();
        if (writer.empty()) {
            first = changes[index].user_name;
        }
        writer.add(changes[index]);
        if (!writer.full() && index + 1 < changes.size()) {
            continue;
        }
        std::string_view last = changes[index].user_name;
        auto count = static_cast<std::int32_t>(writer.count());
        const std::string payload = writer.take();
        call([&] {
            Datum values[] = {Int64GetDatum(first_page_ + pages_ + 1), varlena_datum(first), varlena_datum(last),
                              Int32GetDatum(count), varlena_datum(payload)};
            bool nulls[] = {false, false, false, false, false};
            tuplestore_putvalues(table_.rows(), columns_, values, nulls);
            for (int column : {1, 2, 4}) {
                pfree(DatumGetPointer(values[column]));
            }
        });
        ++pages_;
    }
    {
        OwnerScope owner;
        execute(
            "INSERT INTO customer_import._import_change_pages"
            " (import_id, page, first_user_name, last_user_name, changes, payload)"
            " SELECT $1, p.page, p.first_user_name, p.last_user_name, p.changes, p.payload"
            "  FROM customer_import_new_pages AS p",
            {parameter(import_id_)});
    }
    table_.clear(context_);
}

}  // namespace customer_import::pg
