// Reads whole files by the CsvReader and keeps what comes out, for the tests of the reader.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "core/csv_reader.h"

namespace customer_import {

struct ReadRecord {
    std::int64_t line = 0;
    std::string raw;
    bool malformed = false;
    bool too_many_fields = false;
    std::vector<std::string> fields;
    std::int64_t offset = 0;
    bool unterminated = false;
    ShapeFault shape = ShapeFault::none;

    bool operator==(const ReadRecord&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const ReadRecord& record) {
    return out << record.line << (record.malformed ? "!" : ":") << record.raw;
}

struct ReadFile {
    std::vector<ReadRecord> headers;
    std::vector<ReadRecord> records;
    std::vector<std::int64_t> passed_over;  // lines
    bool refused = false;
    std::string message;
    std::string detail;
    std::string hint;
    char delimiter = 0;
    std::int64_t lines = 0;

    bool operator==(const ReadFile&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const ReadFile& file) {
    for (const auto& header : file.headers) {
        out << "header " << header << "\n";
    }
    for (const auto& record : file.records) {
        out << "record " << record << "\n";
    }
    return out << file.lines << " lines, delimiter " << file.delimiter << ", " << file.message << " " << file.detail;
}

// Keeps what the reader hands out.
class KeepingSink : public RecordSink {
public:
    explicit KeepingSink(ReadFile& file) : file_(file) {}

    Status header(const CsvRecord& record) override {
        file_.headers.push_back(copy(record));
        return {};
    }

    Status record(const CsvRecord& record) override {
        file_.records.push_back(copy(record));
        return {};
    }

    void passed_over(std::int64_t line) override { file_.passed_over.push_back(line); }

private:
    static ReadRecord copy(const CsvRecord& record) {
        return {record.line,
                std::string(record.raw),
                record.malformed,
                record.too_many_fields,
                {record.fields.begin(), record.fields.end()},
                record.offset,
                record.unterminated,
                record.shape};
    }

    ReadFile& file_;
};

// Reads the chunks as one file into `sink`, which keeps the records in `file`.
inline void read_chunks_into(ReadFile& file, RecordSink& sink, const std::vector<std::string_view>& chunks,
                             const CsvOptions& options = {}) {
    CsvReader reader(options, sink);
    Status refusal;
    for (const std::string_view chunk : chunks) {
        // A copy of its own: a reader that looks beyond its chunk is found by the sanitizers.
        const std::vector<char> copy(chunk.begin(), chunk.end());
        refusal = reader.feed({copy.data(), copy.size()});
        if (refusal) {
            break;
        }
    }
    if (!refusal) {
        refusal = reader.finish();
    }
    if (refusal) {
        file.refused = true;
        file.message = refusal->message;
        file.detail = refusal->detail;
        file.hint = refusal->hint;
    }
    file.delimiter = reader.delimiter();
    file.lines = reader.lines();
}

// Reads the chunks as one file.
inline ReadFile read_chunks(const std::vector<std::string_view>& chunks, const CsvOptions& options = {}) {
    ReadFile file;
    KeepingSink sink(file);
    read_chunks_into(file, sink, chunks, options);
    return file;
}

inline ReadFile read_file(std::string_view text, const CsvOptions& options = {}) {
    return read_chunks({text}, options);
}

}  // namespace customer_import
