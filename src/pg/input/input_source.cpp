#include "pg/input/input_source.h"

#include <deque>
#include <utility>

#include "pg/server/statement.h"

namespace customer_import::pg {

namespace {

constexpr std::size_t kChunkBytes = 64 * 1024;

class MemorySource final : public InputSource {
public:
    explicit MemorySource(std::string_view bytes) : all_(bytes) {}
    std::string_view next() override {
        std::string_view chunk = all_.substr(static_cast<std::size_t>(bytes_), kChunkBytes);
        bytes_ += static_cast<std::int64_t>(chunk.size());
        return chunk;
    }
    void rewind() override { bytes_ = 0; }

private:
    std::string_view all_;
};

class LargeObjectSource final : public ChunkedSource {
public:
    explicit LargeObjectSource(Oid large_object) : large_object_(large_object) {}

    bool exists() override {
        return call([&] { return LargeObjectExists(large_object_); });
    }

private:
    void read_chunk(std::string& chunk) override {
        auto data = call([&] {
            return DatumGetByteaPP(OidFunctionCall3(F_LO_GET_OID_INT8_INT4, ObjectIdGetDatum(large_object_),
                                                    Int64GetDatum(bytes_), Int32GetDatum(kBigChunkBytes)));
        });
        chunk.assign(VARDATA_ANY(data), VARSIZE_ANY_EXHDR(data));
        call([&] { pfree(data); });
    }

    Oid large_object_;
};

class StoredFileSource final : public ChunkedSource {
public:
    explicit StoredFileSource(std::int64_t import_id) : import_id_(import_id) {}

private:
    void read_chunk(std::string& chunk) override {
        OwnerScope owner;
        chunk = query_bytes("SELECT bytes FROM customer_import._import_files WHERE import_id = $1 AND begins_at = $2",
                            {parameter(import_id_), parameter(bytes_)})
                    .value_or("");
    }

    std::int64_t import_id_;
};

// The rejected records of an import, or those that it skipped, line by line.
class RetriedRecordsSource final : public InputSource {
public:
    RetriedRecordsSource(std::int64_t import_id, std::string_view outcome, std::int64_t retry_id,
                         std::string line_break)
        : import_id_(import_id), outcome_(outcome), retry_id_(retry_id), line_break_(std::move(line_break)) {}

    std::string_view next() override {
        OwnerScope owner;
        if (!has_header_) {
            has_header_ = true;
            chunk_ = query_bytes("SELECT header FROM customer_import.imports WHERE id = $1", {parameter(import_id_)})
                         .value_or("") +
                     line_break_;
        } else {
            read_records();
        }
        bytes_ += static_cast<std::int64_t>(chunk_.size());
        return chunk_;
    }

    void rewind() override {
        has_header_ = false;
        last_line_ = 0;
        records_.clear();
        bytes_ = 0;
    }

    std::int64_t line_of_next_record(std::int64_t line) override {
        line = next_record().line;
        records_.pop_front();
        return line;
    }

    // Its neighbors here are not those of the file: what was wrong with its cells there, still is.
    std::optional<bool> completes_next_record() const override { return !next_record().has_wrong_field_count; }

private:
    struct RejectedRecord {
        std::int64_t line;
        bool has_wrong_field_count;
    };

    const RejectedRecord& next_record() const {
        if (records_.empty()) {
            throw ImportError(ERRCODE_INTERNAL_ERROR, "a record of a retry is read as more than one");
        }
        return records_.front();
    }

    void read_records() {
        // Of large records no more than there is room for, but at least one.
        const std::vector<Row> rows = query(
            "SELECT line, encode(record, 'hex'), code = 'wrong_field_count' FROM ("
            "    SELECT line, record, code, sum(octet_length(record)) OVER (ORDER BY line) AS bytes FROM ("
            "        SELECT line, COALESCE(amended_record, record) AS record, code FROM customer_import.import_issues"
            "         WHERE import_id = $1 AND line > $2 AND issue_number = 1 AND outcome = $5 AND record IS NOT NULL"
            "           AND (retried_by IS NULL OR retried_by = $3)"
            "         ORDER BY line LIMIT 1000) AS r) AS s"
            " WHERE bytes - octet_length(record) < $4 ORDER BY line",
            {parameter(import_id_), parameter(last_line_), parameter(retry_id_),
             parameter(std::int64_t{kBigChunkBytes}), parameter(outcome_)});
        chunk_.clear();
        for (const Row& row : rows) {
            check_interrupts();
            last_line_ = std::stoll(*row[0]);
            records_.push_back({last_line_, *row[2] == "t"});
            chunk_ += from_hex(*row[1]);
            chunk_ += line_break_;
        }
    }

    const std::int64_t import_id_;
    const std::string_view outcome_;
    const std::int64_t retry_id_;
    const std::string line_break_;
    bool has_header_ = false;
    std::int64_t last_line_ = 0;
    std::deque<RejectedRecord> records_;
    std::string chunk_;
};

}  // namespace

std::string_view ChunkedSource::next() {
    if (taken_ >= chunk_.size()) {
        read_chunk(chunk_);
        taken_ = 0;
    }
    std::string_view piece = std::string_view(chunk_).substr(taken_, kChunkBytes);
    taken_ += piece.size();
    bytes_ += static_cast<std::int64_t>(piece.size());
    return piece;
}

void ChunkedSource::rewind() {
    bytes_ = 0;
    chunk_.clear();
    taken_ = 0;
}

std::unique_ptr<InputSource> memory_source(std::string_view bytes) { return std::make_unique<MemorySource>(bytes); }

std::unique_ptr<InputSource> large_object_source(Oid large_object) {
    return std::make_unique<LargeObjectSource>(large_object);
}

std::unique_ptr<InputSource> stored_file_source(std::int64_t import_id) {
    return std::make_unique<StoredFileSource>(import_id);
}

std::unique_ptr<InputSource> retried_records_source(std::int64_t import_id, std::string_view outcome,
                                                    std::int64_t retry_id, std::string line_break) {
    return std::make_unique<RetriedRecordsSource>(import_id, outcome, retry_id, std::move(line_break));
}

void store_file(std::int64_t import_id, InputSource& source) {
    source.rewind();
    if (source.become_file(import_id)) {
        return;
    }
    std::string chunk;
    std::int64_t stored = 0;
    auto store = [&](std::string_view bytes) {
        OwnerScope owner;
        const Parameter data = bytes_parameter(bytes);
        execute("INSERT INTO customer_import._import_files (import_id, begins_at, bytes) VALUES ($1, $2, $3)",
                {parameter(import_id), parameter(stored), data});
        call([&] { pfree(DatumGetPointer(data.value)); });
        stored += static_cast<std::int64_t>(bytes.size());
    };
    for (std::string_view piece = source.next(); !piece.empty(); piece = source.next()) {
        check_interrupts();
        chunk += piece;
        while (chunk.size() >= kBigChunkBytes) {
            store(std::string_view(chunk).substr(0, kBigChunkBytes));
            chunk.erase(0, kBigChunkBytes);
        }
    }
    if (!chunk.empty()) {
        store(chunk);
    }
}

}  // namespace customer_import::pg
