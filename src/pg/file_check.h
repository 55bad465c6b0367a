// Steps 1 to 4 as one: reads a file and checks it whole. What is done with each record is the caller's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/header_map.h"
#include "core/issue.h"
#include "core/role_catalogue.h"
#include "pg/guard.h"
#include "pg/import_request.h"
#include "pg/input_source.h"
#include "pg/target.h"

namespace customer_import::pg {

// Takes the records of a file in their order.
class RecordTaker {
public:
    virtual ~RecordTaker() = default;
    virtual void valid(const Record& record) = 0;
    virtual void rejected(std::int64_t line, const std::vector<Issue>& issues, std::string_view raw) = 0;
};

class FileCheck {
public:
    // All arguments must outlive the object. `request` says how to read; its encoding's state is used.
    FileCheck(ImportRequest& request, InputSource& source, const Target& target, RoleCatalogue& catalogue);

    // Reads no further than the header. Errors: 22P04.
    void read_header();

    // Reads the file and adds the codes that the catalogue lacks to it, unless more records than the reject limit are
    // rejected. They are in new_codes() then. Errors: 22P04.
    void add_unknown_codes();

    // Reads the whole file and hands out its records. Errors: 22P04 when the file is refused.
    void read(RecordTaker& taker);

    // Known when the header has been read.
    const HeaderMap& header() const { return *header_; }
    const std::string& raw_header() const { return raw_header_; }
    char delimiter() const { return delimiter_; }

    const std::vector<std::string>& new_codes() const { return new_codes_; }

private:
    class Sink;

    void run(Sink& sink);

    ImportRequest& request_;
    InputSource& source_;
    const Target& target_;
    RoleCatalogue& catalogue_;
    const std::vector<Field> fields_;
    std::optional<HeaderMap> header_;
    std::string raw_header_;
    char delimiter_ = ',';
    std::vector<std::string> new_codes_;
};

}  // namespace customer_import::pg
