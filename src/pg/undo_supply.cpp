#include "pg/undo_supply.h"

#include "core/text.h"
#include "pg/statement.h"
#include "pg/text_array.h"

namespace customer_import::pg {

namespace {

[[noreturn]] void complain_of_damage() {
    throw ImportError(ERRCODE_DATA_CORRUPTED, "a page of the change log is damaged");
}

}  // namespace

UndoSupply::UndoSupply(std::int64_t source_import_id, const Target& target)
    : source_import_id_(source_import_id), fields_(target.fields()) {}

void UndoSupply::read(RecordTaker& taker) {
    TextMap<bool> seen;
    std::vector<std::string> names;
    bool has_roles = false;
    bool has_deletions = false;
    bytes_ = 0;
    std::int64_t last_page = -1;
    for (;;) {
        check_interrupts();
        std::optional<std::int64_t> page;
        std::string payload;
        {
            OwnerScope owner;
            const std::vector<Row> rows =
                query("SELECT page, encode(payload, 'hex') FROM customer_import.import_change_pages"
                      " WHERE import_id = $1 AND page > $2 ORDER BY page LIMIT 1",
                      {parameter(source_import_id_), parameter(last_page)});
            if (!rows.empty()) {
                page = std::stoll(*rows.front()[0]);
                payload = from_hex(rows.front()[1]);
            }
        }
        if (!page) {
            break;
        }
        last_page = *page;
        bytes_ += static_cast<std::int64_t>(payload.size());
        ChangePageReader reader(payload);
        ChangePageWriter writer;
        Change change;
        while (reader.next(change)) {
            has_roles = has_roles || !change.added.empty() || !change.removed.empty();
            has_deletions = has_deletions || change.deleted;
            for (const FieldChange& field : change.fields) {
                if (seen.emplace(field.field, true).second) {
                    names.emplace_back(field.field);
                }
            }
            writer.add(change);
            const std::string raw = writer.take();
            Record record;
            record.line = change.line;
            record.user_name = change.user_name;
            record.raw = raw;
            taker.valid(record);
        }
        if (reader.damaged()) {
            complain_of_damage();
        }
    }
    find_columns(names, has_roles, has_deletions);
}

// The columns that are written at all: triggers may look at those alone. Who comes back after a deletion gets all.
void UndoSupply::find_columns(const std::vector<std::string>& names, bool has_roles, bool has_deletions) {
    std::vector<std::string_view> header = {"userName"};
    for (const Field& field : fields_) {
        const bool is_value =
            field.kind == FieldKind::text || field.kind == FieldKind::boolean || field.kind == FieldKind::other;
        bool is_written = has_deletions;
        for (const std::string& name : names) {
            is_written = is_written || name == field.name;
        }
        if (is_value && is_written) {
            header.push_back(field.name);
        }
    }
    if (has_roles || has_deletions || header.size() == 1) {
        header.push_back("roles");
    }
    auto map = HeaderMap::create(header, fields_);
    if (const auto* refusal = std::get_if<Refusal>(&map)) {
        throw ImportError(*refusal);
    }
    header_ = std::get<HeaderMap>(std::move(map));
}

Change undo_change(const Record& record) {
    // The views of a change live as long as its page, the lists of names as the change.
    ChangePageReader reader(record.raw);
    Change change;
    if (!reader.next(change)) {
        complain_of_damage();
    }
    return change;
}

}  // namespace customer_import::pg
