// What differs between the server's versions, under one name each: that of the newest version. server.h includes it last,
// and nothing else does.
#pragma once

extern "C" {
// The server's own pg_locale.h wants ICU's headers, which its development package does not bring.
#pragma push_macro("USE_ICU")
#undef USE_ICU
#include "utils/pg_locale.h"
#pragma pop_macro("USE_ICU")
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 170000
#include "utils/wait_event.h"
#endif
}

#if PG_VERSION_NUM < 160000
inline List* ExecInsertIndexTuples(ResultRelInfo* table, TupleTableSlot* row, EState* state, bool update,
                                   bool no_duplicate_error, bool* conflict, List* arbiters, bool /*only_summarizing*/) {
    return ExecInsertIndexTuples(table, row, state, update, no_duplicate_error, conflict, arbiters);
}

inline TupleConversionMap* ExecGetRootToChildMap(ResultRelInfo* table, EState* /*state*/) {
    return table->ri_RootToPartitionMap;
}

// The server does not say yet that an exported symbol is visible, and ours are hidden by default.
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))

inline AclResult object_aclcheck(Oid catalog, Oid object, Oid role, AclMode mode) {
    return catalog == NamespaceRelationId ? pg_namespace_aclcheck(object, role, mode)
                                          : pg_class_aclcheck(object, role, mode);
}

inline bool object_ownercheck(Oid /*RelationRelationId*/, Oid relation, Oid role) {
    return pg_class_ownercheck(relation, role);
}

inline LocalPgBackendStatus* pgstat_get_local_beentry_by_index(int index) {
    return pgstat_fetch_stat_local_beentry(index);
}
#endif

#if PG_VERSION_NUM < 170000
inline bool LockHeldByMe(const LOCKTAG* tag, LOCKMODE mode, bool /*or_stronger*/) { return LockHeldByMe(tag, mode); }

// All waits of extensions have one name.
inline uint32 WaitEventExtensionNew(const char* /*name*/) { return PG_WAIT_EXTENSION; }
#endif

#if PG_VERSION_NUM < 180000
// The library tells the server its name and version (pg_get_loaded_modules).
#define PG_MODULE_MAGIC_EXT(...) PG_MODULE_MAGIC

#define ri_CheckConstraintExprs ri_ConstraintExprs

inline void ExecutorRun(QueryDesc* query, ScanDirection direction, uint64 count) {
    ExecutorRun(query, direction, count, true);
}
#endif

// Whether the server itself knows that the collation compares bytes.
inline bool collation_is_c(Oid collation) {
#if PG_VERSION_NUM >= 180000
    return pg_newlocale_from_collation(collation)->collate_is_c;
#else
    return lc_collate_is_c(collation);
#endif
}
