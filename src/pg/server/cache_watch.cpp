#include "pg/server/cache_watch.h"

namespace customer_import::pg {

CacheWatch* CacheWatch::newest_ = nullptr;

void CacheWatch::start() {
    call([&] {
        if (!is_registered_) {
            // One for all: the server has room for ten, and Citus takes five of them.
            if (newest_ == nullptr) {
                CacheRegisterRelcacheCallback(relation_changed, 0);
            }
            older_ = newest_;
            newest_ = this;
            is_registered_ = true;
            for (const int cache : system_caches_) {
                if (cache >= 0) {
                    CacheRegisterSyscacheCallback(cache, system_cache_changed, PointerGetDatum(this));
                }
            }
        }
        const Oid schema = get_namespace_oid("customer_import", false);
        for (int index = 0; index < kTables && names_[index] != nullptr; ++index) {
            relations_[index] = get_relname_relid(names_[index], schema);
        }
        std::fill(relations_ + kTables, std::end(relations_), InvalidOid);
    });
    is_current_ = true;  // before anything is read: a change that arrives meanwhile unsets it
}

void CacheWatch::add_relation(Oid relation) {
    Oid* const added = relations_ + kTables;
    if (std::find(added, std::end(relations_), relation) == std::end(relations_)) {
        *std::find(added, std::end(relations_) - 1, InvalidOid) = relation;
    }
}

void CacheWatch::add_system_cache(int cache) {
    if (std::find(std::begin(system_caches_), std::end(system_caches_), cache) == std::end(system_caches_)) {
        call([&] { CacheRegisterSyscacheCallback(cache, system_cache_changed, PointerGetDatum(this)); });
        *std::find(std::begin(system_caches_), std::end(system_caches_), -1) = cache;
        forget();  // perhaps a change of it, after it was read
    }
}

void CacheWatch::relation_changed(Datum, Oid relation) {
    for (CacheWatch* watch = newest_; watch != nullptr; watch = watch->older_) {
        Oid* const end = std::end(watch->relations_);
        if (relation == InvalidOid || std::find(std::begin(watch->relations_), end, relation) != end) {
            watch->forget();
        }
    }
}

void CacheWatch::system_cache_changed(Datum self, int, uint32) {
    reinterpret_cast<CacheWatch*>(DatumGetPointer(self))->forget();
}

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// Statement trigger on a table that backends keep in memory: makes all of them read it again.
CI_FUNCTION(ci_announce_change) {
    return pg::entry([&] {
        pg::call([&] {
            if (!CALLED_AS_TRIGGER(fcinfo)) {
                ereport(ERROR,
                        (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("must be called as a trigger")));
            }
            CacheInvalidateRelcache(((TriggerData*)fcinfo->context)->tg_relation);
        });
        return PointerGetDatum(nullptr);
    });
}
