#include "pg/input/created_codes.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "core/format.h"
#include "pg/input/undo_chain.h"
#include "pg/server/lookup.h"
#include "pg/server/statement.h"
#include "pg/table/target.h"

namespace customer_import::pg {

namespace {

// Takes a lock on the catalog until the end of the transaction, at once or not at all.
bool try_lock_catalog(LOCKMODE mode) {
    return call([&] { return ConditionalLockRelationOid(own_table("role_codes"), mode); });
}

std::int64_t creator_of(std::int64_t import_id, const ImportRequest& request) {
    return request.kind == ImportKind::undo ? find_undo_root(request.source_import_id).import_id : import_id;
}

// A code that may have to go.
struct Candidate {
    std::string code;
    std::int64_t creator = 0;
    bool is_own = false;  // added in this transaction: no other session knows of it
};

using Candidates = std::vector<Candidate>;

std::vector<std::string> codes_of(const Candidates& candidates) {
    std::vector<std::string> codes;
    for (const Candidate& candidate : candidates) {
        codes.push_back(candidate.code);
    }
    return codes;
}

bool is_own_transaction(const std::optional<std::string>& xmin) {
    return TransactionIdIsCurrentTransactionId(static_cast<TransactionId>(std::stoul(xmin.value_or("0"))));
}

Candidates find_candidates(std::int64_t import_id) {
    OwnerScope owner;
    Candidates candidates;
    for (const Row& row : query_latest(
             "SELECT r.code, r.created_by_import, r.xmin, r.created_by_import = $1 FROM customer_import.role_codes AS r"
             " WHERE r.is_provisional OR EXISTS (SELECT FROM customer_import.imports AS u, customer_import.imports AS i"
             "                                    WHERE u.id = $1 AND u.mode = 'undo'"
             "                                      AND i.id = r.created_by_import AND i.state = 'undone')"
             " ORDER BY r.code",
             {parameter(import_id)})) {
        candidates.push_back({*row[0], std::stoll(row[1].value_or("0")), row[3] == "t" && is_own_transaction(row[2])});
    }
    return candidates;
}

// The codes that customers hold, in one scan of their table; nothing when it cannot be read without waiting.
std::optional<std::set<std::string>> find_held(const std::vector<std::string>& codes) {
    const std::optional<RegisteredTable> table = find_registered_table();
    if (!table) {
        return std::set<std::string>();
    }
    if (!call([&] { return ConditionalLockRelationOid(table->relation, AccessShareLock); })) {
        return std::nullopt;
    }
    const std::optional<RegisteredTable> same =
        find_registered_table();  // it may have been renamed before it was locked
    if (!same || same->relation != table->relation) {
        return std::nullopt;
    }
    std::string column;
    {
        OwnerScope owner;
        column = *query_latest("SELECT pg_catalog.quote_ident(roles) FROM customer_import.customers_table").front()[0];
    }
    Target target;
    target.relation = table->relation;
    const TableOwnerScope scope(target);
    std::set<std::string> held;
    for (const Row& row :
         query_latest(format("SELECT DISTINCT h.code FROM {0} AS t"
                             " CROSS JOIN LATERAL pg_catalog.unnest(t.{1}::pg_catalog.text[]) AS h (code)"
                             " WHERE t.{1} OPERATOR(pg_catalog.&&) $1 AND h.code OPERATOR(pg_catalog.=) ANY ($1)",
                             same->name, column),
                      {text_array_parameter(codes)}, Plan::once)) {
        held.insert(*row[0]);
    }
    return held;
}

// Those of the codes that an import in the background may still give: it was checked against them, or will be.
std::set<std::string> find_awaited(const std::vector<std::string>& codes) {
    OwnerScope owner;
    std::set<std::string> awaited;
    for (
        const Row& row : query_latest(
            "SELECT c.code FROM unnest($1) AS c (code)"
            " WHERE EXISTS (SELECT FROM customer_import.imports AS i JOIN customer_import._background_imports AS j ON j.import_id = i.id"
            "                WHERE i.finished_at IS NULL AND (j.role_codes IS NULL OR c.code = ANY (j.role_codes)))",
            {text_array_parameter(codes)})) {
        awaited.insert(*row[0]);
    }
    return awaited;
}

void set_provisional(const std::vector<std::string>& codes, bool is_provisional) {
    if (!codes.empty()) {
        OwnerScope owner;
        execute(
            "UPDATE customer_import.role_codes SET is_provisional = $2 WHERE code = ANY ($1) AND is_provisional <> $2",
            {text_array_parameter(codes), parameter(is_provisional)});
    }
}

// Has the imports that have added the codes record them, since the undo of an undo brings them back. Returns the codes
// that were recorded, or that no import wants back; the others belong to an import that another transaction has locked.
std::vector<std::string> remember(const Candidates& unused) {
    std::vector<std::string> creators;
    for (const Candidate& candidate : unused) {
        creators.push_back(std::to_string(candidate.creator));
    }
    OwnerScope owner;
    std::set<std::string> free;
    for (const Row& row : query("SELECT id FROM customer_import.imports WHERE id = ANY ($1::bigint[])"
                                " FOR NO KEY UPDATE SKIP LOCKED",
                                {text_array_parameter(creators)})) {
        free.insert(*row[0]);
    }
    std::set<std::string> known;
    for (const Row& row : query_latest("SELECT id FROM customer_import.imports WHERE id = ANY ($1::bigint[])",
                                       {text_array_parameter(creators)})) {
        known.insert(*row[0]);
    }
    std::vector<std::string> codes;
    for (const Candidate& candidate : unused) {
        const std::string creator = std::to_string(candidate.creator);
        if (free.count(creator) == 0 && known.count(creator) != 0) {
            continue;
        }
        codes.push_back(candidate.code);
        if (!candidate.is_own) {
            execute(
                "UPDATE customer_import.imports SET removed_role_codes = pg_catalog.array_append("
                "       pg_catalog.array_remove(removed_role_codes, $2), $2) WHERE id = $1",
                {parameter(candidate.creator), parameter(std::string_view(candidate.code))});
        }
    }
    return codes;
}

}  // namespace

void add_codes_of_import(std::int64_t import_id, const ImportRequest& request, const std::vector<std::string>& codes) {
    if (codes.empty()) {
        return;
    }
    const std::int64_t creator = creator_of(import_id, request);
    OwnerScope owner;
    execute(
        "INSERT INTO customer_import.role_codes (code, created_by_import, is_provisional)"
        " SELECT c.code, $2, true FROM unnest($1) AS c (code) ON CONFLICT (pg_catalog.lower(code)) DO NOTHING",
        {text_array_parameter(codes), parameter(creator)});
}

void note_given_codes(std::int64_t import_id, const ImportRequest& request, const std::vector<Change>& changes) {
    std::set<std::string, std::less<>> ungiven;
    {
        const std::int64_t creator = creator_of(import_id, request);
        OwnerScope owner;
        for (const Row& row :
             query_latest("SELECT code FROM customer_import.role_codes WHERE created_by_import = $1 AND is_provisional",
                          {parameter(creator)})) {
            ungiven.insert(*row[0]);
        }
    }
    std::vector<std::string> given;
    if (!ungiven.empty()) {
        for (const Change& change : changes) {
            for (const std::string_view code : change.added) {
                if (const auto found = ungiven.find(code); found != ungiven.end()) {
                    given.push_back(*found);
                    ungiven.erase(found);
                }
            }
        }
    }
    set_provisional(given, false);
}

std::vector<std::string> removed_codes_of(std::int64_t import_id, const ImportRequest& request) {
    const std::int64_t creator = creator_of(import_id, request);
    OwnerScope owner;
    std::vector<std::string> codes;
    for (const Row& row : query_latest("SELECT unnest(removed_role_codes) FROM customer_import.imports WHERE id = $1",
                                       {parameter(creator)})) {
        codes.push_back(*row[0]);
    }
    return codes;
}

std::vector<std::string> codes_added_by(std::int64_t import_id) {
    OwnerScope owner;
    std::vector<std::string> codes;
    for (const Row& row :
         query_latest("SELECT code FROM customer_import.role_codes WHERE created_by_import = $1 AND NOT is_provisional"
                      " ORDER BY code COLLATE \"C\"",
                      {parameter(import_id)})) {
        codes.push_back(*row[0]);
    }
    return codes;
}

std::vector<std::string> codes_to_bring_back(std::int64_t source_import_id) {
    std::vector<std::string> codes;
    const UndoRoot root = find_undo_root(source_import_id);
    if (root.brings_back) {
        OwnerScope owner;
        for (const Row& row : query("SELECT unnest(removed_role_codes) FROM customer_import.imports WHERE id = $1",
                                    {parameter(root.import_id)})) {
            codes.push_back(*row[0]);
        }
    }
    return codes;
}

bool original_creates_codes(std::int64_t import_id) {
    OwnerScope owner;
    return !query(
                "WITH RECURSIVE chain AS ("
                "    SELECT i.* FROM customer_import.imports AS i WHERE i.id = $1"
                "    UNION ALL"
                "    SELECT i.* FROM customer_import.imports AS i JOIN chain AS c ON i.id = c.source_import_id AND c.mode = 'retry')"
                " SELECT FROM chain WHERE mode NOT IN ('retry', 'undo') AND options ->> 'unknown_roles' = 'create'",
                {parameter(import_id)})
                .empty();
}

void remove_unused_codes(std::int64_t import_id) {
    Candidates candidates = find_candidates(import_id);
    if (candidates.empty()) {
        return;
    }
    const auto is_own = [](const Candidate& candidate) { return candidate.is_own; };
    const bool all_own = std::all_of(candidates.begin(), candidates.end(), is_own);
    if (!all_own && !try_lock_catalog(ExclusiveLock)) {
        std::erase_if(candidates, [&](const Candidate& candidate) { return !is_own(candidate); });
    } else if (!all_own) {
        candidates = find_candidates(import_id);  // another one may have had the lock before
    }
    const std::vector<std::string> codes = codes_of(candidates);
    const std::optional<std::set<std::string>> held = codes.empty() ? std::nullopt : find_held(codes);
    if (!held) {
        return;
    }
    const std::set<std::string> awaited = find_awaited(codes);
    std::vector<std::string> used, later;
    Candidates unused;
    for (const Candidate& candidate : candidates) {
        if (held->count(candidate.code) != 0) {
            used.push_back(candidate.code);
        } else if (!candidate.is_own && awaited.count(candidate.code) != 0) {
            later.push_back(candidate.code);
        } else {
            unused.push_back(candidate);
        }
    }
    set_provisional(used, false);
    set_provisional(later, true);
    const std::vector<std::string> removed = unused.empty() ? std::vector<std::string>() : remember(unused);
    if (!removed.empty()) {
        OwnerScope owner;
        execute("DELETE FROM customer_import.role_codes WHERE code = ANY ($1)", {text_array_parameter(removed)});
    }
}

}  // namespace customer_import::pg
