// How long the core takes for a record: bytes in, validated records out. Nothing here needs a server.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/batch.h"
#include "core/csv_reader.h"
#include "core/header_map.h"
#include "core/role_catalog.h"
#include "core/row_validator.h"

namespace customer_import {

namespace {

constexpr std::size_t kRecords = 100000;
constexpr std::size_t kChunkBytes = 64 * 1024;
constexpr std::size_t kBatchRows = 1000;

// What the extension does with a file, without the server.
class Pipeline : public RecordSink {
public:
    explicit Pipeline(const RoleCatalog& catalog) : catalog_(catalog) {}

    Status header(const CsvRecord& record) override {
        auto created = HeaderMap::create(record.fields, standard_fields());
        if (auto* refusal = std::get_if<Refusal>(&created)) {
            return std::move(*refusal);
        }
        header_ = std::get<HeaderMap>(std::move(created));
        validator_ = std::make_unique<RowValidator>(*header_, catalog_, ValidatorOptions());
        return {};
    }

    Status record(const CsvRecord& record) override {
        if (Status refusal = validator_->validate(record, batch_, issues_)) {
            return refusal;
        }
        if (issues_.empty()) {
            ++valid_;
        }
        if (batch_.size() == kBatchRows) {
            benchmark::DoNotOptimize(batch_.records().data());
            batch_.clear();
        }
        return {};
    }

    std::size_t valid() const { return valid_; }

private:
    const RoleCatalog& catalog_;
    std::optional<HeaderMap> header_;
    std::unique_ptr<RowValidator> validator_;
    Batch batch_;
    std::vector<Issue> issues_;
    std::size_t valid_ = 0;
};

std::string number(std::size_t n) {
    std::string digits = std::to_string(n);
    return digits.insert(0, 7 - digits.size(), '0');
}

// userName,addRoles with few different role cells, as in most files.
std::string two_columns() {
    constexpr std::string_view kCells[] = {"buyer", "approver", "buyer;approver", "companyAdmin", "approver;viewer"};
    std::string file = "userName,addRoles\n";
    for (std::size_t i = 0; i < kRecords; ++i) {
        file.append("user").append(number(i)).append("@example.com,").append(kCells[i % 5]).append("\n");
    }
    return file;
}

// The same with one to six of 200 codes: few cells are the same.
std::string two_columns_many_cells() {
    std::string file = "userName,addRoles\n";
    std::size_t random = 1;
    for (std::size_t i = 0; i < kRecords; ++i) {
        file.append("user").append(number(i)).append("@example.com,");
        for (std::size_t code = 0; code <= i % 6; ++code) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            file.append(code == 0 ? "" : ";").append("role.code.").append(number((random >> 33) % 200));
        }
        file.append("\n");
    }
    return file;
}

// The same with every cell quoted, CRLF, and upper case.
std::string two_quoted_columns() {
    std::string file = "\"userName\",\"addRoles\"\r\n";
    for (std::size_t i = 0; i < kRecords; ++i) {
        file.append("\"User").append(number(i)).append("@Example.com\",\"buyer, approver\"\r\n");
    }
    return file;
}

// Names that utf8proc must fold.
std::string two_columns_not_ascii() {
    std::string file = "userName,addRoles\n";
    for (std::size_t i = 0; i < kRecords; ++i) {
        file.append("Jörg.Müller").append(number(i)).append("@example.com,buyer\n");
    }
    return file;
}

std::string eight_columns() {
    std::string file = "userName,email,firstName,lastName,phone,company,active,roles\n";
    for (std::size_t i = 0; i < kRecords; ++i) {
        const std::string n = number(i);
        file.append("user").append(n).append(",user").append(n).append("@example.com,Ann,Smith ").append(n);
        file.append(",+44 20 ").append(n).append(",\"Example, Ltd\",true,buyer;approver\n");
    }
    return file;
}

void read_file(benchmark::State& state, const std::string& file) {
    RoleCatalog catalog;
    for (const char* code : {"buyer", "approver", "companyAdmin", "viewer"}) {
        catalog.add(code);
    }
    for (std::size_t code = 0; code < 200; ++code) {
        catalog.add("role.code." + number(code));
    }
    for (auto _ : state) {
        Pipeline pipeline(catalog);
        CsvReader reader({}, pipeline);
        for (std::size_t begin = 0; begin < file.size(); begin += kChunkBytes) {
            if (reader.feed(std::string_view(file).substr(begin, kChunkBytes))) {
                std::abort();
            }
        }
        if (reader.finish() || pipeline.valid() != kRecords) {
            std::abort();
        }
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * file.size()));
    state.counters["record"] = benchmark::Counter(static_cast<double>(state.iterations() * kRecords),
                                                  benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK_CAPTURE(read_file, two_columns, two_columns());
BENCHMARK_CAPTURE(read_file, two_columns_many_cells, two_columns_many_cells());
BENCHMARK_CAPTURE(read_file, two_quoted_columns, two_quoted_columns());
BENCHMARK_CAPTURE(read_file, two_columns_not_ascii, two_columns_not_ascii());
BENCHMARK_CAPTURE(read_file, eight_columns, eight_columns());

}  // namespace

}  // namespace customer_import

BENCHMARK_MAIN();
