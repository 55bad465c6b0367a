// Where the records of an import come from: a file, the rejected records of an earlier import, or what an import has
// changed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/batch.h"
#include "core/header_map.h"
#include "core/issue.h"

namespace customer_import::pg {

// Takes the records in their order.
class RecordTaker {
public:
    virtual ~RecordTaker() = default;
    virtual void valid(const Record& record) = 0;
    // `user_name` is empty when there is none that can be used.
    virtual void rejected(std::int64_t line, std::string_view user_name, const std::vector<Issue>& issues,
                          std::string_view raw) = 0;
};

class RecordReader {
public:
    virtual ~RecordReader() = default;

    // Reads no further than a file's header. Errors: 22P04.
    virtual void read_header() {}

    // What another process needs to know the header without reading all, and how it takes that.
    virtual std::string header_to_keep() const { return {}; }
    virtual void take_header(std::string_view) { read_header(); }

    // Reads all and hands out the records. Errors: 22P04 when a file is refused.
    virtual void read(RecordTaker& taker) = 0;

    // Reads all and finds the role codes that are to be added to the catalog.
    virtual void add_unknown_codes() = 0;
    virtual const std::vector<std::string>& new_codes() const = 0;

    // Which columns the records write. Known when they have been read.
    virtual const HeaderMap& header() const = 0;

    // Of a file: its header as it came, and its delimiter.
    virtual const std::string& raw_header() const = 0;
    virtual char delimiter() const = 0;
    // What to tell the user of it beside its records: of its header when that has been read, of all when all has.
    virtual std::vector<std::string> warnings() const { return {}; }

    // When all has been read: what to do about bytes that are no UTF-8; empty if nothing is known.
    virtual std::string encoding_hint() const { return {}; }

    // How much has been read.
    virtual std::int64_t bytes() const = 0;
};

}  // namespace customer_import::pg
