// Tells whether what this backend keeps from tables of the extension is still what they hold: every change of them is
// announced to all sessions by a statement trigger (_announce_change).
#pragma once

#include "pg/guard.h"
#include "pg/server.h"

namespace customer_import::pg {

// To be a global object: the server keeps a pointer to it for as long as the process lives.
class CacheWatch {
public:
    // The names of one or two tables of the extension, and a system cache whose changes count too (-1: none).
    constexpr explicit CacheWatch(const char* first, const char* second = nullptr, int system_cache = -1)
        : names_{first, second}, system_cache_(system_cache) {}

    bool is_current() const { return is_current_; }
    void forget() { is_current_ = false; }

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

    const char* names_[2];
    int system_cache_;
    Oid relations_[2] = {InvalidOid, InvalidOid};
    bool is_registered_ = false;
    bool is_current_ = false;

    static void relation_changed(Datum self, Oid relation);
    static void system_cache_changed(Datum self, int cache, uint32 hash);
};

}  // namespace customer_import::pg
