// Tells whether what this backend keeps from tables of the extension is still what they hold: every change of them is
// announced to all sessions by a statement trigger (_announce_change).
#pragma once

#include <algorithm>
#include <initializer_list>

#include "pg/server/guard.h"
#include "pg/server/server.h"

namespace customer_import::pg {

// To be a global object: the server keeps a pointer to it for as long as the process lives.
class CacheWatch {
public:
    // The names of up to three tables of the extension, and up to three system caches whose changes count, too.
    constexpr explicit CacheWatch(std::initializer_list<const char*> tables,
                                  std::initializer_list<int> system_caches = {}) {
        int index = 0;
        for (const char* table : tables) {
            names_[index++] = table;
        }
        index = 0;
        for (const int cache : system_caches) {
            system_caches_[index++] = cache;
        }
    }

    bool is_current() const { return is_current_; }
    void forget() { is_current_ = false; }

    // From now on changes of this table count, too, until the next read(): of a user's, and of its shadow.
    void add_relation(Oid relation);

    // From now on changes of this system cache count, too: what is read next stays.
    void add_system_cache(int cache);

    // Runs `body`, which reads the tables and keeps what it finds. A change that arrives meanwhile is noticed.
    template <typename Body>
    void read(Body&& body) {
        start();
        try {
            body();
        } catch (...) {
            forget();
            throw;
        }
    }

private:
    void start();

    static constexpr int kTables = 3, kAddedTables = 2, kSystemCaches = 4;

    const char* names_[kTables] = {};
    int system_caches_[kSystemCaches] = {-1, -1, -1, -1};
    Oid relations_[kTables + kAddedTables] = {};
    bool is_registered_ = false;
    bool is_current_ = false;

    static CacheWatch* newest_;  // of those that are registered
    CacheWatch* older_ = nullptr;

    static void relation_changed(Datum, Oid relation);
    static void system_cache_changed(Datum self, int cache, uint32 hash);
};

}  // namespace customer_import::pg
