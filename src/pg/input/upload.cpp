#include "pg/input/upload.h"

#include <algorithm>

#include "core/format.h"
#include "core/text.h"
#include "pg/access/identity.h"
#include "pg/server/settings.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

struct Upload {
    std::int64_t bytes = 0;
    bool background = false;
};

// Where the chunks of an upload are, and the number that they have there.
struct ChunkPlace {
    ChunkPlace(std::int64_t upload, bool background)
        : table(background ? "customer_import._import_files" : "customer_import._upload_chunks"),
          column(background ? "import_id" : "upload"),
          number(background ? -upload : upload) {}

    const char* table;
    const char* column;
    std::int64_t number;
};

// Finds an upload of the current operator and locks it until the end of the transaction.
std::optional<Upload> lock_upload(std::int64_t upload) {
    const Parameter operator_name = parameter(std::string_view(current_identity().name));
    OwnerScope owner;
    const std::vector<Row> rows = query(
        "SELECT bytes, background FROM customer_import.uploads WHERE id = $1 AND operator = $2 FOR UPDATE",
        {parameter(upload), operator_name});
    if (rows.empty()) {
        return std::nullopt;
    }
    return Upload{std::stoll(*rows.front()[0]), rows.front()[1] == "t"};
}

Upload require_upload(std::int64_t upload) {
    const std::optional<Upload> found = lock_upload(upload);
    if (!found) {
        refuse_unknown_upload(upload);
    }
    return *found;
}

[[noreturn]] void refuse_more(const std::string& what, const char* setting) {
    throw ImportError(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, what, format("The limit is the setting {}.", setting),
                      "Import some of them, or discard them: see customer_import.uploads.");
}

[[noreturn]] void refuse_place(std::int64_t upload, std::int64_t at, std::int64_t bytes) {
    throw ImportError(
        ERRCODE_INVALID_PARAMETER_VALUE, format("the chunk at {} does not fit into upload {}", at, upload),
        format("The upload has {} bytes.", bytes), "Continue at its size, or send a chunk again with the same bytes.");
}

// Bytes of an upload from `at` on, as many as the chunk that holds them has; empty where there are none.
std::string read_from(const ChunkPlace& place, std::int64_t at) {
    OwnerScope owner;
    return query_bytes(format("SELECT substr(bytes, ($2 - begins_at + 1)::integer) FROM {}"
                              " WHERE {} = $1 AND begins_at <= $2 ORDER BY begins_at DESC LIMIT 1",
                              place.table, place.column),
                       {parameter(place.number), parameter(at)})
        .value_or("");
}

bool has_bytes(const ChunkPlace& place, std::int64_t at, std::string_view bytes) {
    while (!bytes.empty()) {
        check_interrupts();
        const std::string stored = read_from(place, at);
        const std::size_t size = std::min(stored.size(), bytes.size());
        if (size == 0 || bytes.substr(0, size) != std::string_view(stored).substr(0, size)) {
            return false;
        }
        bytes.remove_prefix(size);
        at += static_cast<std::int64_t>(size);
    }
    return true;
}

void require_room(std::int64_t added) {
    const std::string& operator_name = current_identity().name;
    const Parameter name = parameter(std::string_view(operator_name));
    OwnerScope owner;
    const std::int64_t bytes = std::stoll(
        *query("SELECT COALESCE(sum(bytes), 0)::bigint FROM customer_import.uploads WHERE operator = $1", {name})
             .front()[0]);
    if (bytes + added > std::int64_t{max_upload_megabytes} * 1024 * 1024) {
        refuse_more(format("the uploads of operator {} are too large", quoted(operator_name)),
                    "customer_import.max_upload_bytes");
    }
}

void store(const ChunkPlace& place, std::int64_t at, std::string_view bytes) {
    const std::string sql = format("INSERT INTO {} ({}, begins_at, bytes) VALUES ($1, $2, $3)", place.table,
                                   place.column);
    OwnerScope owner;
    while (!bytes.empty()) {
        check_interrupts();
        const std::string_view piece = bytes.substr(0, kBigChunkBytes);
        const Parameter data = bytes_parameter(piece);
        execute(sql, {parameter(place.number), parameter(at), data});
        call([&] { pfree(DatumGetPointer(data.value)); });
        bytes.remove_prefix(piece.size());
        at += static_cast<std::int64_t>(piece.size());
    }
}

// Removes uploads that fulfil a condition, with their chunks. Returns how many.
std::size_t remove_uploads(const std::string& condition, std::initializer_list<Parameter> parameters) {
    OwnerScope owner;
    const std::vector<Row> removed = query(
        format("DELETE FROM customer_import.uploads WHERE {} RETURNING id, background", condition), parameters);
    for (const Row& row : removed) {
        const ChunkPlace place(std::stoll(*row[0]), row[1] == "t");
        execute(format("DELETE FROM {} WHERE {} = $1", place.table, place.column), {parameter(place.number)});
    }
    return removed.size();
}

class UploadSource final : public ChunkedSource {
public:
    explicit UploadSource(std::int64_t upload) : upload_(upload) {}

    bool exists() override {
        const Parameter name = parameter(std::string_view(current_identity().name));
        OwnerScope owner;
        return !query("SELECT FROM customer_import.uploads WHERE id = $1 AND operator = $2", {parameter(upload_), name})
                    .empty();
    }

    bool become_file(std::int64_t import_id) override {
        open();
        if (!found_->background) {
            return false;
        }
        OwnerScope owner;
        execute("UPDATE customer_import._import_files SET import_id = $1 WHERE import_id = $2",
                {parameter(import_id), parameter(-upload_)});
        bytes_ = found_->bytes;
        return true;
    }

private:
    void open() {
        if (!found_) {
            found_ = require_upload(upload_);
        }
    }

    void read_chunk(std::string& chunk) override {
        open();
        chunk = read_from(ChunkPlace(upload_, found_->background), bytes_);
        if (chunk.empty() && bytes_ < found_->bytes) {
            throw ImportError(
                ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, format("the content of upload {} is lost", upload_),
                "The server has crashed since, or was restored.", "Discard it, and upload the file again.");
        }
    }

    const std::int64_t upload_;
    std::optional<Upload> found_;
};

constexpr const char* kOld = "touched_at < (SELECT clock_timestamp() - make_interval(secs => $1))";

Parameter lifetime_parameter() { return {FLOAT8OID, Float8GetDatum(upload_lifetime), false}; }

}  // namespace

std::int64_t begin_upload(const std::optional<std::string>& file_name, bool background) {
    remove_old_uploads();
    const std::string& operator_name = current_identity().name;
    const Parameter name = parameter(std::string_view(operator_name));
    OwnerScope owner;
    const std::int64_t uploads = std::stoll(
        *query("SELECT count(*) FROM customer_import.uploads WHERE operator = $1", {name}).front()[0]);
    if (uploads >= max_uploads) {
        refuse_more(format("operator {} has {} uploads", quoted(operator_name), uploads),
                    "customer_import.max_uploads");
    }
    return std::stoll(*query("INSERT INTO customer_import.uploads (operator, file_name, background) VALUES ($1, $2, $3)"
                             " RETURNING id",
                             {name, optional_parameter(file_name), parameter(background)})
                           .front()[0]);
}

std::int64_t append_upload(std::int64_t upload, std::string_view chunk, std::optional<std::int64_t> at) {
    const Upload found = require_upload(upload);
    const ChunkPlace place(upload, found.background);
    if (at && *at != found.bytes) {
        const auto size = static_cast<std::int64_t>(chunk.size());
        if (*at < 0 || *at > found.bytes - size || !has_bytes(place, *at, chunk)) {
            refuse_place(upload, *at, found.bytes);
        }
        return found.bytes;
    }
    require_room(static_cast<std::int64_t>(chunk.size()));
    store(place, found.bytes, chunk);
    OwnerScope owner;
    return std::stoll(*query("UPDATE customer_import.uploads SET bytes = bytes + $2, touched_at = clock_timestamp()"
                             " WHERE id = $1 RETURNING bytes",
                             {parameter(upload), parameter(static_cast<std::int64_t>(chunk.size()))})
                           .front()[0]);
}

bool remove_upload(std::int64_t upload) {
    const Parameter name = parameter(std::string_view(current_identity().name));
    return remove_uploads("id = $1 AND operator = $2", {parameter(upload), name}) > 0;
}

void refuse_unknown_upload(std::int64_t upload) {
    throw ImportError(ERRCODE_UNDEFINED_OBJECT, format("upload {} does not exist", upload));
}

std::optional<std::string> upload_file_name(std::int64_t upload) {
    const Parameter name = parameter(std::string_view(current_identity().name));
    OwnerScope owner;
    const std::vector<Row> rows = query("SELECT file_name FROM customer_import.uploads WHERE id = $1 AND operator = $2",
                                        {parameter(upload), name});
    return rows.empty() ? std::nullopt : rows.front()[0];
}

std::unique_ptr<InputSource> upload_source(std::int64_t upload) { return std::make_unique<UploadSource>(upload); }

bool old_uploads_are_due() {
    OwnerScope owner;
    return upload_lifetime > 0 &&
           !query(format("SELECT FROM customer_import.uploads WHERE {} LIMIT 1", kOld), {lifetime_parameter()}).empty();
}

void remove_old_uploads() {
    if (upload_lifetime > 0) {
        remove_uploads(format("id IN (SELECT id FROM customer_import.uploads WHERE {} FOR UPDATE SKIP LOCKED)", kOld),
                       {lifetime_parameter()});
    }
}

}  // namespace customer_import::pg
