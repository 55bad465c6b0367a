// Any bytes as a file: they go through the whole core, from the reader to the pages of the change log and back, and
// what the rest of the extension relies on must hold at every step.
//
// The first two bytes of the input are settings, the next one decides about chunks, the rest is the file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/batch.h"
#include "core/blank_text.h"
#include "core/change_page.h"
#include "core/csv_reader.h"
#include "core/damaged_text.h"
#include "core/file_warnings.h"
#include "core/header_map.h"
#include "core/issue.h"
#include "core/record_codec.h"
#include "core/record_shape.h"
#include "core/role_catalog.h"
#include "core/role_set.h"
#include "core/row_validator.h"
#include "core/text.h"
#include "core/user_name.h"
#include "core/visible_text.h"
#include "records.h"
#include "require.h"

using namespace customer_import;

namespace {

constexpr std::size_t kSettingsBytes = 3;

struct Settings {
    CsvOptions csv;
    ValidatorOptions validator;
    bool adds_header = false;
    bool strict = false;
    std::size_t batch_rows = 1;
    unsigned chunks = 0;
};

Settings read_settings(const std::uint8_t* bytes) {
    constexpr std::string_view kDelimiters = ",;\t|";
    Settings settings;
    if ((bytes[0] & 1) != 0) {
        settings.csv.delimiter = kDelimiters[bytes[0] >> 1 & 3];
    }
    settings.validator.fold_user_names = (bytes[0] & 8) == 0;
    settings.validator.collect_unknown_codes = (bytes[0] & 16) != 0;
    settings.adds_header = (bytes[0] & 32) != 0;
    settings.strict = (bytes[0] & 64) != 0;
    settings.validator.keep_damaged = (bytes[0] & 128) != 0;
    settings.batch_rows = 1 + bytes[1] % 64;
    settings.chunks = bytes[2];
    return settings;
}

bool is_clean_text(std::string_view text) {
    return find_invalid_utf8(text) == std::string_view::npos && text.find('\0') == std::string_view::npos;
}

// A CSV record with memory of its own.
struct OwnRecord {
    std::int64_t line = 0;
    std::string raw;
    bool malformed = false;
    bool too_many_fields = false;
    std::vector<std::string> fields;
    std::int64_t offset = 0;
    ShapeFault shape = ShapeFault::none;

    bool operator==(const OwnRecord&) const = default;
};

struct OwnFile {
    std::vector<OwnRecord> records;  // the header is the first one
    std::string refusal;
    std::int64_t lines = 0;
    char delimiter = 0;

    bool operator==(const OwnFile&) const = default;
};

class KeepingSink : public RecordSink {
public:
    explicit KeepingSink(OwnFile& file) : file_(file) {}

    Status header(const CsvRecord& record) override {
        require(file_.records.empty(), "the header comes first, and once");
        require(is_clean_text(record.raw) && !record.malformed && !record.too_many_fields, "a header is clean");
        return keep(record);
    }

    Status record(const CsvRecord& record) override {
        require(!file_.records.empty(), "no record comes before the header");
        return keep(record);
    }

private:
    Status keep(const CsvRecord& record) {
        require(!record.raw.empty() && record.raw.size() <= kMaxRecordBytes + kMaxOwnBytes,
                "a record is neither empty nor too long");
        require(record.malformed == record.fields.empty(), "a malformed record, and no other, has no fields");
        require(file_.records.empty() || record.line > file_.records.back().line, "lines grow");
        file_.records.push_back({record.line,
                                 std::string(record.raw),
                                 record.malformed,
                                 record.too_many_fields,
                                 {record.fields.begin(), record.fields.end()},
                                 record.offset,
                                 record.shape});
        return {};
    }

    OwnFile& file_;
};

// Feeds `text` in chunks of the sizes that next_size gives.
Status feed_all(CsvReader& reader, std::string_view text, const std::function<std::size_t()>& next_size) {
    while (!text.empty()) {
        const std::string chunk(text.substr(0, next_size()));
        text.remove_prefix(chunk.size());
        if (Status refusal = reader.feed(chunk)) {
            return refusal;
        }
    }
    return reader.finish();
}

OwnFile read_file(std::string_view text, const CsvOptions& options, const std::function<std::size_t()>& next_size) {
    OwnFile file;
    KeepingSink sink(file);
    CsvReader reader(options, sink);
    if (const Status refusal = feed_all(reader, text, next_size)) {
        require(!refusal->message.empty(), "a refusal says why");
        file.refusal = refusal->message + refusal->detail + refusal->hint;
    }
    file.lines = reader.lines();
    file.delimiter = reader.delimiter();
    return file;
}

// As read_file, with the cells that records lack.
OwnFile shape_file(std::string_view text, const CsvOptions& options, bool strict,
                   const std::function<std::size_t()>& next_size) {
    OwnFile file;
    KeepingSink sink(file);
    FileWarnings warnings;
    RecordShaper shaper({.strict = strict}, sink, warnings);
    CsvReader reader(options, shaper);
    if (const Status refusal = feed_all(reader, text, next_size)) {
        file.refusal = refusal->message;
    }
    for (const std::string& warning : warnings.texts()) {
        require(is_clean_text(warning), "warnings are clean");
    }
    return file;
}

OwnFile read_whole(std::string_view text, const CsvOptions& options) {
    return read_file(text, options, [&] { return text.size(); });
}

void check_cuts(std::string_view text, const Settings& settings, const OwnFile& whole) {
    std::minstd_rand random(settings.chunks + 1);
    const std::size_t longest = 1 + settings.chunks % 64;
    const OwnFile cut = read_file(text, settings.csv, [&] { return 1 + random() % longest; });
    require(cut == whole, "chunks of any size give the same records");
}

// Every record comes out of the shaper, in order, but for the header once more; its cells are those of the file and as
// many as the header has, or there is an issue of them.
void check_shapes(std::string_view text, const Settings& settings, const OwnFile& file) {
    std::minstd_rand random(settings.chunks + 1);
    const std::size_t longest = 1 + settings.chunks % 64;
    const OwnFile shaped = shape_file(text, settings.csv, settings.strict, [&] { return 1 + random() % longest; });
    require(file.refusal.empty() == shaped.refusal.empty(), "the shaper refuses nothing");
    const std::size_t width = file.records[0].fields.size();
    std::size_t next = 0;
    for (const OwnRecord& record : shaped.records) {
        while (next < file.records.size() && file.records[next].line != record.line) {
            require(next > 0, "the header is handed on");
            ++next;
        }
        require(next < file.records.size(), "records of the file are handed on in order");
        const OwnRecord& read = file.records[next++];
        require(record.raw == read.raw && record.malformed == read.malformed, "a record is handed on as it is");
        require(record.shape == ShapeFault::none || record.fields.size() != width, "a fault is one of the cells");
        if (record.shape != ShapeFault::none || settings.strict) {
            require(record.fields == read.fields, "a record that is not completed stays as it is");
        }
        for (std::size_t i = 0; i < std::max(record.fields.size(), read.fields.size()); ++i) {
            const std::string_view before = i < read.fields.size() ? std::string_view(read.fields[i])
                                                                   : std::string_view();
            const std::string_view after = i < record.fields.size() ? std::string_view(record.fields[i])
                                                                    : std::string_view();
            require(before == after || (after.empty() && is_blank_text(before)), "no text is lost or made");
        }
    }
}

// A record's raw bytes alone, below the header, are read as the same record: retries and the file of rejected records
// rely on it.
void check_raw_bytes(const OwnFile& file) {
    constexpr std::size_t kRecords = 8;
    for (std::size_t i = 0; i < std::min(file.records.size(), kRecords); ++i) {
        // The blank line keeps a header like sep=; from being taken as the line that names the delimiter.
        const OwnFile alone = read_whole("\n" + file.records[0].raw + "\n" + file.records[i].raw + "\n",
                                         {file.delimiter});
        require(alone.records.size() == 2, "a record's raw bytes are one record");
        OwnRecord expected = file.records[i];
        expected.line = alone.records[1].line;
        expected.offset = alone.records[1].offset;
        require(alone.records[1] == expected, "a record's raw bytes are that record");
    }
}

std::vector<Field> fields_to_import() {
    std::vector<Field> fields = standard_fields();
    fields.push_back({"score", {}, FieldKind::other, true});
    return fields;
}

void check_role_set(std::span<const std::string_view> codes, const RoleCatalog& catalog) {
    require(RoleSet::is_canonical(codes.data(), codes.size()), "role sets are canonical");
    for (const std::string_view code : codes) {
        require(catalog.find(code).data() == code.data(), "codes are in the catalog's spelling");
    }
}

void check_cells(const Record& record, const HeaderMap& header) {
    require(record.cells.size() == header.value_fields().size(), "every value field has a cell");
    for (std::size_t i = 0; i < record.cells.size(); ++i) {
        const Cell& cell = record.cells[i];
        const Field& field = header.fields()[static_cast<std::size_t>(header.value_fields()[i])];
        require(is_clean_text(cell.text), "cells are clean text");
        require(is_clean_text(cell.whole()), "they were before they lost blanks");
        require(cell.is_whole() || trim_cell(cell.whole()).size() <= cell.text.size(), "cells lose nothing else");
        require((cell.action == Cell::Action::set) == !cell.text.empty(), "a cell that is set, and no other, has text");
        require(cell.action != Cell::Action::clear || field.clearable, "only clearable fields are cleared");
        if (field.kind == FieldKind::boolean && cell.action == Cell::Action::set) {
            require(cell.text == "true" || cell.text == "false", "booleans are true or false");
        }
    }
}

void check_record(const Record& record, const HeaderMap& header, const RoleCatalog& catalog,
                  const ValidatorOptions& options) {
    require(check_user_name(record.user_name) == UserNameFault::none, "user names are valid");
    require(!options.fold_user_names || is_user_name(record.user_name), "user names are folded");
    require(trim_cell(record.user_name) == record.user_name, "user names have nothing around them");
    require(is_doubtful_name(trim_cell(record.user_name), true) ? !record.doubtful_name.empty() : true,
            "names with invisible characters are doubted");
    check_role_set(record.add_roles, catalog);
    check_role_set(record.remove_roles, catalog);
    check_role_set(record.replace_roles, catalog);
    for (const std::string_view code : record.lost_roles) {
        require(catalog.find(code).empty() && !code.empty() && trim(code) == code, "lost codes are lost");
    }
    for (const std::string_view code : record.add_roles) {
        require(!std::binary_search(record.remove_roles.begin(), record.remove_roles.end(), code),
                "no code is added and removed");
    }
    require(!record.replaces_roles || (record.add_roles.empty() && record.remove_roles.empty()),
            "roles are replaced or changed");
    require(record.replaces_roles || record.replace_roles.empty(), "only who replaces roles has such codes");
    check_cells(record, header);
}

void check_issues(const std::vector<Issue>& issues) {
    for (const Issue& issue : issues) {
        require(!issue.message.empty() && is_clean_text(issue.message), "an issue has a clean message");
        require(!has_invisible(issue.message), "all of its message can be seen");
        require(is_clean_text(issue.value), "its value is clean");
        require(issue.value.size() <= kMaxIssueValueBytes, "its value is short");
        require(is_clean_text(issue.hint), "its hint is clean");
    }
}

void check_rounds(const std::vector<Record>& records, const std::vector<std::vector<std::uint32_t>>& rounds) {
    std::set<std::uint32_t> seen;
    std::vector<std::pair<std::string_view, std::uint32_t>> applied;
    for (const auto& round : rounds) {
        require(!round.empty(), "no round is empty");
        for (std::size_t i = 0; i < round.size(); ++i) {
            require(i == 0 || records[round[i - 1]].user_name < records[round[i]].user_name, "a round is sorted");
            require(seen.insert(round[i]).second, "a record is applied once");
            applied.emplace_back(records[round[i]].user_name, round[i]);
        }
    }
    require(seen.size() == records.size(), "every record is applied");
    std::stable_sort(applied.begin(), applied.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    require(std::is_sorted(applied.begin(), applied.end()), "a customer's records are applied in file order");
}

Change change_of(const Record& record, const HeaderMap& header) {
    Change change;
    change.line = record.line;
    change.user_name = record.user_name;
    change.created = record.line % 3 == 0;
    change.added.assign(record.add_roles.begin(), record.add_roles.end());
    change.removed.assign(record.remove_roles.begin(), record.remove_roles.end());
    for (std::size_t i = 0; i < record.cells.size(); ++i) {
        const Cell& cell = record.cells[i];
        if (cell.action == Cell::Action::keep) {
            continue;
        }
        const Field& field = header.fields()[static_cast<std::size_t>(header.value_fields()[i])];
        FieldChange& value = change.fields.emplace_back();
        value.field = field.name;
        value.before = record.raw;
        if (cell.action == Cell::Action::set) {
            value.after = cell.text;
        }
    }
    return change;
}

void check_page(const std::string& payload, const std::vector<Change>& written) {
    ChangePageReader reader(payload, [](std::string_view) { return true; });  // records may hold any bytes
    Change change;
    for (const Change& expected : written) {
        require(reader.next(change), "a page gives back every change");
        require(change.line == expected.line && change.user_name == expected.user_name &&
                    change.created == expected.created && change.added == expected.added &&
                    change.removed == expected.removed && change.fields.size() == expected.fields.size(),
                "a page gives back the change");
        for (std::size_t i = 0; i < change.fields.size(); ++i) {
            require(change.fields[i].field == expected.fields[i].field &&
                        change.fields[i].before == expected.fields[i].before &&
                        change.fields[i].after == expected.fields[i].after,
                    "a page gives back the values");
        }
    }
    require(!reader.next(change) && !reader.damaged(), "a page ends after the last change");
}

void check_codec(const std::vector<Record>& records, RecordOrder order) {
    std::vector<std::string> encoded(records.size());
    Batch decoded;
    for (std::size_t i = 0; i < records.size(); ++i) {
        encode_record(records[i], order, encoded[i]);
        require(decode_record(encoded[i], order, decoded), "an encoded record can be decoded");
        require(same_record(decoded.records()[i], records[i]), "an encoded record is that record");
    }
    const auto comes_first = [&](const Record& a, const Record& b) {
        if (order == RecordOrder::by_line || a.user_name == b.user_name) {
            return a.line < b.line;
        }
        return a.user_name < b.user_name;
    };
    for (std::size_t i = 1; i < records.size(); ++i) {
        require((encoded[i - 1] < encoded[i]) == comes_first(records[i - 1], records[i]),
                "encoded records sort as they are applied");
    }
}

void check_batch(const Batch& batch, const HeaderMap& header) {
    const std::vector<Record>& records = batch.records();
    check_codec(records, RecordOrder::by_user_name);
    check_codec(records, RecordOrder::by_line);
    const auto rounds = make_rounds(records);
    check_rounds(records, rounds);
    std::vector<Change> changes;
    for (const auto& round : rounds) {
        for (const std::uint32_t index : round) {
            changes.push_back(change_of(records[index], header));
        }
    }
    // As the change log is written.
    std::stable_sort(changes.begin(), changes.end(),
                     [](const Change& a, const Change& b) { return a.user_name < b.user_name; });
    ChangePageWriter writer;
    std::vector<Change> written;
    for (const Change& change : changes) {
        written.push_back(change);
        writer.add(change);
        if (!writer.full()) {
            continue;
        }
        check_page(writer.take(), written);
        written.clear();
    }
    check_page(writer.take(), written);
}

// Validates all records in batches. Returns the lines of the valid ones, or nothing when the file is refused.
std::optional<std::vector<std::int64_t>> validate_all(const OwnFile& file, const HeaderMap& header,
                                                      const RoleCatalog& catalog, const Settings& settings,
                                                      std::vector<std::string>& unknown_codes) {
    RowValidator validator(header, catalog, settings.validator);
    Batch batch;
    std::vector<Issue> issues;
    std::vector<std::int64_t> valid_lines;
    for (std::size_t i = 1; i < file.records.size(); ++i) {
        const OwnRecord& record = file.records[i];
        const std::vector<std::string_view> fields(record.fields.begin(), record.fields.end());
        const CsvRecord csv{.line = record.line,
                            .raw = record.raw,
                            .malformed = record.malformed,
                            .too_many_fields = record.too_many_fields,
                            .fields = fields,
                            .delimiter = file.delimiter == 0 ? ',' : file.delimiter,
                            .shape = record.shape};
        const std::size_t before = batch.size();
        if (validator.validate(csv, batch, issues)) {
            return std::nullopt;
        }
        check_issues(issues);
        require(batch.size() == before + (issues.empty() ? 1 : 0), "a record is valid or has issues");
        if (issues.empty()) {
            require(batch.records().back().raw == record.raw, "a record keeps its raw bytes");
            valid_lines.push_back(record.line);
        }
        if (batch.size() < settings.batch_rows) {
            continue;
        }
        for (const Record& valid : batch.records()) {
            check_record(valid, header, catalog, settings.validator);
        }
        check_batch(batch, header);
        batch.clear();
    }
    for (const Record& valid : batch.records()) {
        check_record(valid, header, catalog, settings.validator);
    }
    check_batch(batch, header);
    unknown_codes = validator.unknown_codes();
    return valid_lines;
}

void check_records(const OwnFile& file, Settings settings) {
    static const std::vector<Field> fields = fields_to_import();
    const std::vector<std::string_view> names(file.records[0].fields.begin(), file.records[0].fields.end());
    auto created = HeaderMap::create(names, fields);
    if (std::holds_alternative<Refusal>(created)) {
        return;
    }
    const HeaderMap& header = std::get<HeaderMap>(created);
    require(header.columns().size() == names.size() && header.has(FieldKind::user_name), "a header map is complete");

    RoleCatalog catalog;
    for (const char* code : {"buyer", "approver", "companyAdmin", "Viewer", "a", "_EMPTY_VALUE_"}) {
        catalog.add(code);
    }
    std::vector<std::string> unknown_codes;
    const auto valid_lines = validate_all(file, header, catalog, settings, unknown_codes);
    require(settings.validator.collect_unknown_codes || unknown_codes.empty(), "codes are collected when asked for");
    if (!valid_lines || !settings.validator.collect_unknown_codes) {
        return;
    }
    for (const std::string& code : unknown_codes) {
        require(is_role_code(code) && catalog.add(code), "collected codes are well-formed, new and distinct");
    }
    settings.validator.collect_unknown_codes = false;
    require(validate_all(file, header, catalog, settings, unknown_codes) == valid_lines,
            "with the collected codes the same records are valid");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < kSettingsBytes) {
        return 0;
    }
    const Settings settings = read_settings(data);
    std::string text;
    if (settings.adds_header) {
        text = "userName,addRoles,removeRoles,roles,email,active,score\n";
    }
    text.append(reinterpret_cast<const char*>(data) + kSettingsBytes, size - kSettingsBytes);

    const OwnFile file = read_whole(text, settings.csv);
    check_cuts(text, settings, file);
    for (const OwnRecord& record : file.records) {
        require(text.compare(static_cast<std::size_t>(record.offset), record.raw.size(), record.raw) == 0,
                "a record begins where it says");
    }
    if (file.records.empty()) {
        return 0;
    }
    check_raw_bytes(file);
    check_shapes(text, settings, file);
    check_records(file, settings);
    check_records(shape_file(text, settings.csv, settings.strict, [&] { return text.size(); }), settings);
    return 0;
}
