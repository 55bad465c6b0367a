// What an import has changed, as the records of its undo: the last change of a customer first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/change_page.h"
#include "core/role_catalog.h"
#include "core/text.h"
#include "pg/input/record_reader.h"
#include "pg/server/guard.h"
#include "pg/table/target.h"

namespace customer_import::pg {

class UndoReader final : public RecordReader {
public:
    // `target` and `catalog` must outlive the object. Needs an SPI connection when it is used.
    UndoReader(std::int64_t source_import_id, const Target& target, RoleCatalog& catalog);

    // Each record has the line of the change, its user name, and as `raw` the change: undo_change() reads it.
    void read(RecordTaker& taker) override;

    std::string header_to_keep() const override;
    void take_header(std::string_view kept) override;

    // An undo that brings an import back has to have the codes that went with it.
    void add_unknown_codes() override;
    const std::vector<std::string>& new_codes() const override { return new_codes_; }
    const HeaderMap& header() const override { return *header_; }
    const std::string& raw_header() const override { return no_header_; }
    char delimiter() const override { return ','; }
    std::int64_t bytes() const override { return bytes_; }

private:
    // What the source has written at all.
    struct Written {
        TextMap<bool> fields;
        bool roles = false;
        bool deletions = false;
        void add(const Change& change);
    };

    void read_page(std::string_view page, std::int64_t count, Written& written, RecordTaker& taker);
    void find_columns(const Written& written);
    void make_header(const std::vector<std::string_view>& columns);

    const std::int64_t source_import_id_;
    RoleCatalog& catalog_;
    const std::vector<Field> fields_;
    const TextMap<std::string> field_names_;
    std::vector<std::string> columns_;  // as a header names them
    std::optional<HeaderMap> header_;
    std::int64_t bytes_ = 0;
    std::vector<std::string> new_codes_;
    const std::string no_header_;
};

// The fields of an import, and what the field of the same column is called by now; "" where there is none any more. A
// field that is not among them has kept its name. Needs an SPI connection.
TextMap<std::string> todays_fields(std::int64_t import_id);

// Reads the change of a record of an undo; its views live as long as the record.
Change undo_change(const Record& record);

}  // namespace customer_import::pg
