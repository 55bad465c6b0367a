#include "pg/input/undo_reader.h"

#include "core/packed.h"
#include "pg/input/created_codes.h"
#include "pg/input/stored_changes.h"
#include "pg/server/statement.h"
#include "pg/server/text_array.h"

namespace customer_import::pg {

namespace {

constexpr long kPagesAtOnce = 64;  // half a megabyte

Cursor open_pages(std::int64_t import_id) {
    OwnerScope owner;
    return Cursor(
        "SELECT payload, changes FROM customer_import._import_change_pages WHERE import_id = $1 ORDER BY page",
        {parameter(import_id)}, Cursor::Snapshot::latest);
}

}  // namespace

UndoReader::UndoReader(std::int64_t source_import_id, const Target& target, RoleCatalog& catalog)
    : source_import_id_(source_import_id),
      catalog_(catalog),
      fields_(target.fields()),
      field_names_(todays_fields(source_import_id)) {}

void UndoReader::Written::add(const Change& change) {
    roles = roles || !change.added.empty() || !change.removed.empty();
    deletions = deletions || change.deleted;
    for (const FieldChange& field : change.fields) {
        fields.emplace(field.field, true);
    }
}

void UndoReader::add_unknown_codes() {
    new_codes_ = codes_to_bring_back(source_import_id_);
    for (const std::string& code : new_codes_) {
        catalog_.add(code);
    }
}

void UndoReader::read(RecordTaker& taker) {
    Written written;
    bytes_ = 0;
    Cursor pages = open_pages(source_import_id_);
    const auto fetch = [&] {
        OwnerScope owner;
        pages.fetch(kPagesAtOnce);
    };
    for (fetch(); pages.count() > 0; fetch()) {
        for (std::uint64_t index = 0; index < pages.count(); ++index) {
            std::int64_t changes = 0;
            Datum stored = 0;
            varlena* page = call([&] {
                bool is_null;
                changes = DatumGetInt32(SPI_getbinval(pages.row(index), pages.columns(), 2, &is_null));
                stored = SPI_getbinval(pages.row(index), pages.columns(), 1, &is_null);
                return PG_DETOAST_DATUM_PACKED(stored);
            });
            read_page(varlena_view(page), changes, written, taker);
            if (page != (varlena*)DatumGetPointer(stored)) {
                release([&] { pfree(page); });
            }
        }
    }
    find_columns(written);
}

void UndoReader::read_page(std::string_view page, std::int64_t count, Written& written, RecordTaker& taker) {
    bytes_ += static_cast<std::int64_t>(page.size());
    StoredChanges changes(page, count);
    ChangePageWriter writer;
    Change change;
    while (changes.next(change)) {
        check_interrupts();  // reading it is as much work as handing it on: it may be as large as a record
        written.add(change);
        writer.add(change);
        const std::string raw = writer.take();
        Record record;
        record.line = change.line;
        record.user_name = change.user_name;
        record.raw = raw;
        taker.valid(record);
    }
}

// The columns that are written at all: triggers may look at those alone. A customer that comes back after a deletion
// gets all.
void UndoReader::find_columns(const Written& written) {
    TextMap<bool> fields;
    for (const auto& [field, is_written] : written.fields) {
        const auto today = field_names_.find(field);
        fields.emplace(today == field_names_.end() ? field : today->second, is_written);
    }
    std::vector<std::string_view> header = {"userName"};
    for (const Field& field : fields_) {
        if (is_value(field.kind) && (written.deletions || fields.find(field.name) != fields.end())) {
            header.push_back(field.name);
        }
    }
    if (written.roles || written.deletions || header.size() == 1) {
        header.push_back("roles");
    }
    make_header(header);
}

void UndoReader::make_header(const std::vector<std::string_view>& columns) {
    columns_.assign(columns.begin(), columns.end());
    auto map = HeaderMap::create(columns, fields_);
    if (const auto* refusal = std::get_if<Refusal>(&map)) {
        throw ImportError(*refusal);
    }
    header_ = std::get<HeaderMap>(std::move(map));
}

std::string UndoReader::header_to_keep() const {
    std::string kept;
    for (const std::string& column : columns_) {
        put_text(kept, column);
    }
    return kept;
}

void UndoReader::take_header(std::string_view kept) {
    std::vector<std::string_view> columns;
    std::string_view column;
    while (get_text(kept, column)) {
        columns.push_back(column);
    }
    make_header(columns);
}

TextMap<std::string> todays_fields(std::int64_t import_id) {
    OwnerScope owner;
    TextMap<std::string> fields;
    for (const Row& row : query("SELECT w.key, c.field FROM customer_import.imports AS i"
                                " CROSS JOIN jsonb_each_text(i.columns) AS w"
                                "  LEFT JOIN customer_import.customers_table_columns AS c ON c.column_name = w.value"
                                " WHERE i.id = $1",
                                {parameter(import_id)})) {
        fields.emplace(*row[0], row[1].value_or(""));
    }
    return fields;
}

Change undo_change(const Record& record) {
    // The views of a change live as long as its page, the lists of names as the change.
    StoredChanges changes(record.raw, 1);
    Change change;
    changes.next(change);
    return change;
}

}  // namespace customer_import::pg
