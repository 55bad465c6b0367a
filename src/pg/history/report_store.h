// Steps 6 and before: what an import leaves behind. Issues and changes are collected here and written by the
// extension's own statements, as its owner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/change_page.h"
#include "core/issue.h"
#include "core/report.h"
#include "pg/input/file_encoding.h"
#include "pg/server/guard.h"
#include "pg/server/server.h"
#include "pg/server/statement.h"

namespace customer_import::pg {

// The issues of an import, kept outside of all subtransactions (beyond a few megabytes in a temporary file) until they
// are written: they survive when what was applied is taken back.
class IssueStore {
public:
    // Needs an SPI connection, in the transaction that will write.
    IssueStore(MemoryContext context, const FileEncoding& encoding);

    // Adds the issues of one record; `raw` is kept when it is rejected.
    void add(std::int64_t line, Outcome outcome, const std::vector<Issue>& issues, std::string_view raw);
    // Writes the issues of an import; with `only_rejected` those of skipped records are left out. `encoding_hint` is that
    // of bytes that are no UTF-8, if the file as a whole has one.
    void write(std::int64_t import_id, bool only_rejected, std::string_view encoding_hint = {});

private:
    const FileEncoding& encoding_;
    TupleDesc columns_;
    EphemeralTable table_;
    MemoryContext row_context_;
};

// Whether issues of the import have been written.
bool has_issues(std::int64_t import_id);

// The change log of an import, or of a slice of it that has written `pages` pages before.
class ChangeLog {
public:
    ChangeLog(MemoryContext context, std::int64_t import_id, int slice = 0, std::int64_t pages = 0);

    // Writes the changes of one batch, ordered by user name, those of one customer as they were applied, as pages.
    void write(std::vector<Change>& changes);

    // How many there are by now.
    std::int64_t pages() const { return pages_; }

private:
    MemoryContext context_;
    std::int64_t import_id_;
    std::int64_t first_page_;  // of the slice, less one
    std::int64_t pages_;
    TupleDesc columns_;
    EphemeralTable table_;
};

}  // namespace customer_import::pg
