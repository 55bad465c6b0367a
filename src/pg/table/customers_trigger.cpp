// The guard on the customers table: every row that is written holds a canonical role set of codes that exist, and only
// administrators exceed the grant ceiling. What is stored is what was judged: it fires last among the BEFORE row
// triggers (its name begins with "~"), and where another one would fire after it, it lets nothing be written. On an
// attached table all that is for operators and gateways; the application's own roles are never refused anything: of
// what they write, the role set becomes canonical.
#include <optional>
#include <string>
#include <vector>

#include "core/code_finder.h"
#include "core/format.h"
#include "core/grant_ceiling.h"
#include "core/role_set.h"
#include "core/text.h"
#include "core/user_name.h"
#include "pg/access/access.h"
#include "pg/access/identity.h"
#include "pg/access/role_catalog.h"
#include "pg/server/guard.h"
#include "pg/server/text_array.h"
#include "pg/table/removal_marks.h"
#include "pg/table/shadow.h"

namespace customer_import::pg {

namespace {

// A text that is longer than a role code is not one: at most so many bytes of each are looked at, one by one.
constexpr std::size_t kBytesLookedAt = 512;

// A version of the row, as plain data.
struct Version {
    HeapTuple tuple = nullptr;   // nullptr: there is none
    ArrayType* roles = nullptr;  // nullptr: NULL, or none
    Datum user_name = 0;
    bool user_name_is_null = true;
};

// What the trigger needs of its call, as plain data.
struct GuardedRow {
    Version before;
    Version after;
    bool roles_changed = false;
    bool user_name_changed = false;
    TupleDesc columns = nullptr;
    int roles_attribute = 0;      // 0: there is none that holds role codes
    int user_name_attribute = 0;  // 0: there is none
    const char* roles_name = nullptr;
    const char* user_name_name = nullptr;
    bool is_attached = false;
    bool has_policies = false;  // row-level security decides which changes are allowed
    Oid owner = InvalidOid;
    const char* guard = nullptr;     // the name of the trigger
    const char* follower = nullptr;  // that of one that will fire after it and may change the row; nullptr: none
    const char* relation = nullptr;  // quoted for SQL, if there is one
    Oid table = InvalidOid;          // the partition, if it is one
    bool is_partition = false;
};

// Whether a trigger of the relation is going to fire for the row that the call is about, as far as can be told without
// its WHEN condition.
bool fires(const Trigger& other, const TriggerData& call) {
    const bool is_update = TRIGGER_FIRED_BY_UPDATE(call.tg_event);
    const char off = SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA ? TRIGGER_FIRES_ON_ORIGIN
                                                                                : TRIGGER_FIRES_ON_REPLICA;
    if (!TRIGGER_FOR_ROW(other.tgtype) || !TRIGGER_FOR_BEFORE(other.tgtype) ||
        !(is_update ? TRIGGER_FOR_UPDATE(other.tgtype) : TRIGGER_FOR_INSERT(other.tgtype)) ||
        other.tgenabled == TRIGGER_DISABLED || other.tgenabled == off) {
        return false;
    }
    bool names_column = other.tgnattr == 0 || !is_update;
    for (int index = 0; !names_column && index < other.tgnattr; ++index) {
        names_column = bms_is_member(other.tgattr[index] - FirstLowInvalidHeapAttributeNumber, call.tg_updatedcols);
    }
    return names_column;
}

// The server fires triggers in the order of their names, by byte, and keeps them in that order: usually the guard is
// the last one, and this a single comparison. A partition has its own. A trigger that fires before a DELETE cannot
// change what is deleted.
const char* find_follower(const TriggerData& call) {
    const TriggerDesc* triggers = call.tg_relation->trigdesc;
    const Trigger& guard = *call.tg_trigger;
    for (int index = triggers == nullptr ? 0 : triggers->numtriggers; index > 0; --index) {
        const Trigger& other = triggers->triggers[index - 1];
        if (strcmp(other.tgname, guard.tgname) <= 0) {
            break;
        }
        if (other.tgfoid != guard.tgfoid && fires(other, call)) {
            return other.tgname;
        }
    }
    return nullptr;
}

[[noreturn]] void refuse_follower(const GuardedRow& row) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("trigger \"%s\" of table %s fires after the guard trigger", row.follower, row.relation),
                    errdetail("What it makes of a row would be stored without having been checked."),
                    errhint("Give it a name that sorts before \"%s\": ALTER TRIGGER %s ON %s RENAME TO ….", row.guard,
                            quote_identifier(row.follower), row.relation)));
}

// Returns 0 for a column that does not exist.
int find_attribute(TupleDesc columns, const char* name) {
    const int attribute = SPI_fnumber(columns, name);
    return attribute > 0 ? attribute : 0;
}

int find_roles_attribute(TupleDesc columns, const char* name) {
    const int attribute = find_attribute(columns, name);
    return attribute > 0 && getBaseType(TupleDescAttr(columns, attribute - 1)->atttypid) == TEXTARRAYOID ? attribute
                                                                                                         : 0;
}

[[noreturn]] void refuse_shape(const GuardedRow& row) {
    const char* name = row.user_name_attribute == 0 ? row.user_name_name : row.roles_name;
    if (find_attribute(row.columns, name) != 0) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("column \"%s\" of the customers table is not of type text[]", name),
                        errhint("Give the column its type back.")));
    }
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("column \"%s\" of the customers table does not exist", name),
                    errhint("Give the column its name back.")));
}

// True when the column differs between both versions; one that is missing differs.
bool differs(const GuardedRow& row, int attribute) {
    if (attribute == 0 || row.before.tuple == nullptr || row.after.tuple == nullptr) {
        return true;
    }
    bool before_is_null, after_is_null;
    Datum before = heap_getattr(row.before.tuple, attribute, row.columns, &before_is_null);
    Datum after = heap_getattr(row.after.tuple, attribute, row.columns, &after_is_null);
    if (before_is_null || after_is_null) {
        return before_is_null != after_is_null;
    }
    const Form_pg_attribute form = TupleDescAttr(row.columns, attribute - 1);
    return !datum_image_eq(before, after, form->attbyval, form->attlen);
}

void read_version(const GuardedRow& row, Version& version) {
    if (version.tuple == nullptr) {
        return;
    }
    bool is_null;
    if (row.roles_attribute != 0) {
        const Datum roles = heap_getattr(version.tuple, row.roles_attribute, row.columns, &is_null);
        version.roles = is_null ? nullptr : DatumGetArrayTypeP(roles);
    }
    if (row.user_name_attribute != 0) {
        version.user_name = heap_getattr(version.tuple, row.user_name_attribute, row.columns,
                                         &version.user_name_is_null);
    }
}

GuardedRow read_call(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("must be called as a trigger")));
    }
    auto trigger = (TriggerData*)fcinfo->context;
    if (!TRIGGER_FIRED_BEFORE(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
        trigger->tg_trigger->tgnargs < 2 || trigger->tg_trigger->tgnargs > 3) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("must be called as a BEFORE row trigger with two columns as its arguments: "
                               "roles and user name")));
    }
    GuardedRow row;
    row.columns = RelationGetDescr(trigger->tg_relation);
    row.roles_name = trigger->tg_trigger->tgargs[0];
    row.user_name_name = trigger->tg_trigger->tgargs[1];
    row.is_attached = trigger->tg_trigger->tgnargs == 3;
    row.has_policies = trigger->tg_relation->rd_rel->relrowsecurity;
    row.owner = trigger->tg_relation->rd_rel->relowner;
    row.table = RelationGetRelid(trigger->tg_relation);
    row.is_partition = trigger->tg_relation->rd_rel->relispartition;
    if (!TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) {
        row.follower = find_follower(*trigger);
    }
    if (row.follower != nullptr) {
        row.guard = trigger->tg_trigger->tgname;
        row.relation = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(trigger->tg_relation)),
                                                  RelationGetRelationName(trigger->tg_relation));
    }
    row.roles_attribute = find_roles_attribute(row.columns, row.roles_name);
    row.user_name_attribute = find_attribute(row.columns, row.user_name_name);
    if (!row.is_attached && (row.roles_attribute == 0 || row.user_name_attribute == 0)) {
        refuse_shape(row);
    }
    if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event)) {
        row.before.tuple = trigger->tg_trigtuple;
        row.after.tuple = trigger->tg_newtuple;
    } else if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) {
        row.before.tuple = trigger->tg_trigtuple;
    } else {
        row.after.tuple = trigger->tg_trigtuple;
    }
    row.roles_changed = differs(row, row.roles_attribute);
    row.user_name_changed = differs(row, row.user_name_attribute);
    if (row.roles_changed || row.user_name_changed) {
        read_version(row, row.before);
        read_version(row, row.after);
    }
    return row;
}

std::vector<std::string_view> read_codes(const Version& version) {
    std::vector<std::string_view> codes;
    if (version.roles != nullptr) {
        read_text_array(version.roles, codes);
    }
    return codes;
}

// A larger role set is refused where the guard judges, which bounds its work.
void require_size(const Version& version) {
    if (version.roles != nullptr) {
        require_role_set_size(VARSIZE(version.roles));
    }
}

std::string read_user_name(const GuardedRow& row, const Version& version) {
    if (version.user_name_is_null) {
        return {};
    }
    return call([&]() -> const char* {
        Oid output;
        bool is_varlena;
        getTypeOutputInfo(TupleDescAttr(row.columns, row.user_name_attribute - 1)->atttypid, &output, &is_varlena);
        return OidOutputFunctionCall(output, version.user_name);
    });
}

// Replaces each code that the customer does not hold yet by the catalog's spelling. Returns true when any changed. A
// code that the catalog does not have stays as it is held, in whatever case; else it is an error where the guard
// judges.
bool spell_codes(std::vector<std::string_view>& codes, const RoleSet& held, const RoleCatalog& catalog, bool judges) {
    bool changed = false;
    std::optional<CodeFinder> lost;
    Pace pace(check_interrupts);
    for (std::string_view& code : codes) {
        pace.step(kBytesLookedAt + code.size());
        if (held.contains(code)) {
            continue;
        }
        std::string_view spelling = catalog.find(code);
        if (spelling.empty() && !judges) {
            continue;
        }
        if (spelling.empty()) {
            if (!lost) {
                lost.emplace(held.codes(), check_interrupts);
            }
            spelling = lost->find(code);
        }
        if (spelling.empty()) {
            std::string_view nearest = catalog.nearest(code, check_interrupts);
            throw ImportError(ERRCODE_CHECK_VIOLATION, format("role code {} is not in the catalog", quoted(code)), {},
                              nearest.empty() ? "Add it with customer_import.add_role_codes()."
                                              : format("Did you mean \"{}\"?", nearest));
        }
        changed = changed || spelling != code;
        code = spelling;
    }
    return changed;
}

// Makes the codes those that are to be stored. Returns true when they differ from what the row has.
bool canonicalise(const Version& version, std::vector<std::string_view>& codes, const RoleSet& held,
                  const RoleCatalog& catalog, bool judges) {
    const ArrayType* roles = version.roles;
    const bool canonical = !ARR_HASNULL(roles) && ARR_NDIM(roles) <= 1 &&
                           (ARR_NDIM(roles) == 0 || ARR_LBOUND(roles)[0] == 1) &&
                           RoleSet::is_canonical(codes.data(), codes.size(), check_interrupts);
    if (!canonical) {
        codes = RoleSet(std::move(codes), check_interrupts).codes();
    }
    if (!spell_codes(codes, held, catalog, judges)) {
        return !canonical;
    }
    codes = RoleSet(std::move(codes), check_interrupts).codes();
    return true;
}

void check_ceiling(const GuardedRow& row, const std::vector<std::string_view>& held,
                   const std::vector<std::string_view>& codes, const GrantCeiling& ceiling) {
    GrantCeiling::Violations violations;
    if (row.user_name_changed && row.before.tuple != nullptr) {
        violations = ceiling.check_departure(read_user_name(row, row.before), held);
    }
    if (violations.empty() && row.after.tuple != nullptr) {
        const std::string user_name = read_user_name(row, row.after);
        violations = row.user_name_changed ? ceiling.check_arrival(user_name, codes)
                                           : ceiling.check_change(user_name, held, codes);
    }
    if (!violations.empty()) {
        throw ImportError(ERRCODE_INSUFFICIENT_PRIVILEGE, violations.front().message).with_constraint(kGrantCeiling);
    }
}

// The writers that the guard holds to the catalog and the ceiling. On an application's own table they are the roles
// that the extension has given access, not the application's own roles.
bool is_judged(const GuardedRow& row, const Identity& identity) {
    return !row.is_attached || identity.is_operator || identity.role_is_gateway ||
           (holds_operator_privileges() && !call([&] { return has_privs_of_role(GetUserId(), row.owner); }));
}

HeapTuple guard_row(const GuardedRow& row) {
    const HeapTuple unchanged = row.after.tuple != nullptr ? row.after.tuple : row.before.tuple;
    if (row.is_attached && !row.has_policies && is_acting()) {
        require_right(Right::edit_customers, "change customers");  // the gateway may, for others
    }
    if (row.follower == nullptr && !row.roles_changed && !row.user_name_changed) {
        return unchanged;
    }
    const Identity& identity = current_identity();
    const bool judges = is_judged(row, identity);
    if (row.follower != nullptr && judges) {
        call([&] { refuse_follower(row); });
    }
    if (!row.roles_changed && !row.user_name_changed) {
        return unchanged;
    }
    if (row.roles_attribute == 0 || row.user_name_attribute == 0) {  // of an attached table
        if (judges) {
            call([&] { refuse_shape(row); });
        }
        return unchanged;
    }
    const bool is_limited = judges && !identity.rights.has(Right::administer);
    const bool has_new_roles = row.after.roles != nullptr && row.roles_changed;
    if (!is_limited && !has_new_roles) {
        return unchanged;
    }
    hold_catalog();
    const RoleCatalog& catalog = cached_catalog();
    if (judges) {
        require_size(row.before);
        require_size(row.after);
    }
    const RoleSet held(read_codes(row.before), check_interrupts);
    std::vector<std::string_view> codes = read_codes(row.after);
    const bool rewritten = has_new_roles && canonicalise(row.after, codes, held, catalog, judges);
    if (is_limited) {
        check_ceiling(row, held.codes(), codes,
                      GrantCeiling(catalog, identity.own_names, true, nullptr, check_interrupts));
    }
    if (!rewritten) {
        return unchanged;
    }
    Datum roles = make_text_array(codes);
    return call([&] {
        int attribute = row.roles_attribute;
        Datum value = roles;
        bool is_null = false;
        const Oid type = TupleDescAttr(row.columns, attribute - 1)->atttypid;
        if (type != TEXTARRAYOID) {  // a domain, whose rules hold for what is stored
            domain_check(value, false, type, nullptr, CurrentMemoryContext);
        }
        return heap_modify_tuple_by_cols(row.after.tuple, row.columns, 1, &attribute, &value, &is_null);
    });
}

// Whether an import can have written it: nothing else needs a mark, nor could every name that a table of others holds
// be stored in ours.
bool is_importable(std::string_view user_name) {
    return check_user_name(user_name) == UserNameFault::none && find_invalid_utf8(user_name) == std::string_view::npos;
}

// The codes that an import can have given.
std::vector<std::string_view> read_importable_codes(const Version& version) {
    std::vector<std::string_view> codes = read_codes(version);
    Pace pace(check_interrupts);
    std::erase_if(codes, [&](std::string_view code) {
        pace.step(kBytesLookedAt);
        return !is_role_code(code);
    });
    return codes;
}

// What anybody else wrote to the shadow would be lost: it is for the engine, and for edit_customer().
void require_shadow_unused(const GuardedRow& row) {
    if (!is_engine_statement() && !OidIsValid(edited_table()) && row.table == shadow_table()) {
        throw ImportError(ERRCODE_WRONG_OBJECT_TYPE, "cannot change the shadow of the customers table", {},
                          "Change a customer with customer_import.edit_customer().");
    }
}

// Marks what a statement that is not the extension's removes: codes, or with a customer or its name all that it holds.
void mark_by_hand(const GuardedRow& row) {
    if (row.before.tuple == nullptr || row.user_name_attribute == 0 || (!row.roles_changed && !row.user_name_changed) ||
        is_engine_statement()) {
        return;
    }
    const bool has_gone = row.after.tuple == nullptr || row.user_name_changed;
    std::vector<std::string> removed;
    if (!has_gone) {
        removed = codes_without(read_importable_codes(row.before), read_importable_codes(row.after), check_interrupts);
    }
    if (!has_gone && removed.empty()) {
        return;
    }
    const std::string user_name = read_user_name(row, row.before);
    if (!is_importable(user_name)) {
        return;
    }
    const Oid table = !row.is_partition ? row.table : call([&] {
        return DatumGetObjectId(DirectFunctionCall1(pg_partition_root, ObjectIdGetDatum(row.table)));
    });
    mark_removal(
        OidIsValid(edited_table()) ? edited_table() : table, user_name,
        has_gone ? std::nullopt : std::optional(std::vector<std::string_view>(removed.begin(), removed.end())));
}

}  // namespace

}  // namespace customer_import::pg

namespace pg = customer_import::pg;

// _guard_customers() returns trigger; its arguments name the roles and the user name columns; a third one says that the
// table is attached. Errors: 23514 for a code that does not exist, 42501 for what only administrators may do
// (constraint customer_import_grant_ceiling), 42809 for the shadow of the customers table, 55000 where another trigger could
// change the row after it, or a column is missing.
CI_FUNCTION(ci_guard_customers) {
    return pg::entry([&] {
        pg::GuardedRow row = pg::call([&] { return pg::read_call(fcinfo); });
        pg::require_shadow_unused(row);
        HeapTuple stored = pg::guard_row(row);
        pg::mark_by_hand(row);
        return PointerGetDatum(stored);
    });
}
