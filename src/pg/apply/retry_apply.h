// What a retry does with a batch: as an import, but what a later import has changed of a customer stays as that one
// left it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/change_history.h"
#include "core/text.h"
#include "pg/apply/import_apply.h"
#include "pg/server/read_snapshot.h"

namespace customer_import::pg {

class RetryApplier final : public ImportApplier {
public:
    // As ImportApplier; the records are rejected ones of the source import.
    RetryApplier(std::int64_t source_import_id, std::int64_t retry_import_id, const Target& target,
                 const HeaderMap& header, ImportMode mode, const RoleCatalog& catalog, std::int64_t records,
                 ApplyState& state, MemoryContext context);

    void apply(const Batch& batch, const GrantCeiling* ceiling) override;

private:
    struct History {
        ChangeHistory history;
        std::map<std::string, std::string> codes;  // that it contains, by their lower case
    };

    bool knows(const CustomerRow& customer) const override { return snapshot_.has_seen(customer.version.xmin); }
    bool creates_missing() const override { return false; }  // it knows the histories of what is fetched
    void fetched() override;
    void apply_known(const Batch& batch, const GrantCeiling* ceiling);
    void read_histories(const Batch& batch);
    bool is_superseded(const History& history, const ChangeHistory::Key& key, std::int64_t line) const;
    std::vector<Issue> leave_out_superseded(Record& record, const History& history);
    void settle_superseded_codes(Record& record, const History& history, std::vector<Issue>& issues);
    std::span<const std::string_view> open_codes(std::span<const std::string_view> codes, const History& history,
                                                 std::int64_t line, std::vector<Issue>& issues);

    const HeaderMap& header_;
    std::vector<std::int64_t> chain_;  // the imports that the records come from, the first one last, and the retry
    std::int64_t began_ = 0;           // when the first one began; what others did later is not overwritten

    const Batch* source_ = nullptr;
    TextMap<History> histories_;
    std::size_t entries_ = 0;            // in all of them
    ReadSnapshot snapshot_;              // of the histories
    Batch kept_;                         // what is left of the records
    std::vector<std::uint32_t> origin_;  // for each of them its index in the batch
};

}  // namespace customer_import::pg
