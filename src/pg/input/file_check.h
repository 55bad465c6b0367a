// Steps 1 to 4 as one: reads a file and checks it whole. What is done with each record is the caller's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/file_warnings.h"
#include "core/header_map.h"
#include "core/role_catalog.h"
#include "pg/input/import_request.h"
#include "pg/input/input_source.h"
#include "pg/input/record_reader.h"
#include "pg/server/guard.h"
#include "pg/table/target.h"

namespace customer_import::pg {

class FileCheck final : public RecordReader {
public:
    // All arguments must outlive the object. `request` says how to read; its encoding's state is used.
    FileCheck(ImportRequest& request, InputSource& source, const Target& target, RoleCatalog& catalog);

    void read_header() override;

    // Reads the file and adds the codes that the catalog lacks to `catalog`: they are in new_codes() then. The server's
    // catalog gets them when the import has passed its check. Errors: 22P04.
    void add_unknown_codes() override;
    const std::vector<std::string>& new_codes() const override { return new_codes_; }

    void read(RecordTaker& taker) override;

    // Known when the header has been read.
    const HeaderMap& header() const override { return *header_; }
    const std::string& raw_header() const override { return raw_header_; }
    char delimiter() const override { return delimiter_; }
    std::vector<std::string> warnings() const override;
    std::string encoding_hint() const override;
    std::int64_t bytes() const override { return source_.bytes(); }

private:
    class Sink;

    void run(Sink& sink);

    ImportRequest& request_;
    InputSource& source_;
    const Target& target_;
    RoleCatalog& catalog_;
    const std::vector<Field> fields_;
    std::optional<HeaderMap> header_;
    std::string raw_header_;
    char delimiter_ = ',';
    std::vector<std::string> new_codes_;
    FileWarnings warnings_;        // of what was read last
    std::string encoding_advice_;  // that, too
};

}  // namespace customer_import::pg
