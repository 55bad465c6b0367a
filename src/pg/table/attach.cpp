// Makes a table of an application the customers table. Everything is checked before anything is changed, and all that
// is added is recorded, so that detach can take away exactly that.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/format.h"
#include "core/header_map.h"
#include "core/role_set.h"
#include "core/text.h"
#include "pg/access/access.h"
#include "pg/access/role_catalog.h"
#include "pg/server/arguments.h"
#include "pg/server/guard.h"
#include "pg/server/statement.h"
#include "pg/table/customer_export.h"
#include "pg/table/customers_table.h"
#include "pg/table/privileges.h"
#include "pg/table/table_shape.h"

namespace customer_import::pg {

namespace {

constexpr std::size_t kMaxColumns = 90;      // the engine hands them to a function of at most 100 arguments
constexpr std::size_t kMaxHeaderBytes = 63;  // they name the columns of customer_export
constexpr std::size_t kMaxListed = 10;

struct AttachRequest {
    Oid relation;
    std::string user_name;
    std::string roles;
    Parameter columns;
    bool ignore_case;
    bool row_security;
    bool own_row_triggers;
};

// A column that a header names.
struct MappedColumn {
    std::string header;
    std::string column;
    AttrNumber number = 0;
};

// The first few of a list, and how many more there are.
std::string list_some(const std::vector<std::string>& items) {
    std::string list;
    for (std::size_t index = 0; index < std::min(items.size(), kMaxListed); ++index) {
        list += (index == 0 ? "" : ", ") + quoted(items[index]);
    }
    return items.size() > kMaxListed ? format("{} and {} more", list, items.size() - kMaxListed) : list;
}

class Attachment {
public:
    explicit Attachment(const AttachRequest& request) : request_(request) {}

    void run() {
        lock();
        find_kind_faults(request_.relation, faults_);
        find_location_faults(request_.relation, request_.user_name, faults_);
        if (is_distributed_) {
            find_distributed_faults(request_.relation, faults_);
        }
        refuse_faults();
        find_trigger_faults(request_.relation, faults_);
        find_user_name_faults(request_.relation, request_.user_name, faults_);
        find_roles_faults(request_.relation, request_.roles, faults_);
        read_columns();
        refuse_faults();
        read_codes();
        check_user_names();
        refuse_faults();
        change();
    }

private:
    struct RowSecurity {
        bool enabled;
        bool forced;
    };

    void add_fault(std::string text, std::string hint = {}, int sqlstate = ERRCODE_INVALID_PARAMETER_VALUE) {
        faults_.push_back({sqlstate, std::move(text), std::move(hint)});
    }

    void refuse_faults() const {
        if (!faults_.empty()) {
            refuse_for(faults_, format("cannot attach table {}", table_));
        }
    }

    // In the mode of the strongest change that will follow: to ask for more later would risk a deadlock.
    void lock();
    void read_columns();
    MappedColumn read_column(const std::string& header, const Row& entry);
    void check_header(const MappedColumn& column, std::map<std::string, std::string>& taken);
    void read_codes();
    void check_user_names() const;
    void change();
    void enter();
    void warn_of_missing_defaults() const;

    const AttachRequest& request_;
    std::string table_;  // quoted for SQL
    Oid owner_ = InvalidOid;
    bool is_distributed_ = false;
    RowSecurity before_{};
    std::vector<MappedColumn> columns_;
    std::vector<std::string> codes_;
    std::vector<Fault> faults_;
};

void Attachment::lock() {
    lock_owned_tree(request_.relation,
                    request_.row_security || request_.ignore_case ? AccessExclusiveLock : ShareRowExclusiveLock);
    const CatalogPath path;
    const std::vector<Row> rows = query_latest(
        "SELECT format('%I.%I', n.nspname, c.relname), c.relrowsecurity, c.relforcerowsecurity, c.relowner"
        "  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = $1",
        {parameter_oid(request_.relation)});
    if (rows.empty()) {
        throw ImportError(ERRCODE_UNDEFINED_TABLE, "the table has just been dropped");
    }
    table_ = *rows.front()[0];
    before_ = {rows.front()[1] == "t", rows.front()[2] == "t"};
    owner_ = static_cast<Oid>(std::stoul(*rows.front()[3]));
    is_distributed_ = is_distributed(request_.relation);
}

// The columns in the order of the table, not of the argument.
void Attachment::read_columns() {
    const CatalogPath path;
    if (query("SELECT jsonb_typeof($1)", {request_.columns}).front()[0] != "object") {
        add_fault("\"columns\" is no JSON object.", "Give header and column name: '{\"email\": \"email_address\"}'.");
        return;
    }
    std::map<std::string, std::string> taken;
    for (const Field& field : standard_fields()) {
        if (!is_value(field.kind)) {
            taken.emplace(header_key(field.name), field.name);  // an alias gives way: Target::unused_aliases()
        }
    }
    for (const Row& entry :
         query("SELECT key, value #>> '{}', jsonb_typeof(value) FROM jsonb_each($1)", {request_.columns})) {
        columns_.push_back(read_column(*entry[0], entry));
        check_header(columns_.back(), taken);
    }
    std::sort(columns_.begin(), columns_.end(), [](const MappedColumn& a, const MappedColumn& b) {
        return std::pair(a.number, std::string_view(a.header)) < std::pair(b.number, std::string_view(b.header));
    });
    for (std::size_t first = 0, end = 0; first < columns_.size(); first = end) {
        std::vector<std::string> headers;
        while (end < columns_.size() && columns_[end].number == columns_[first].number) {
            headers.push_back(columns_[end++].header);
        }
        if (columns_[first].number != 0 && headers.size() > 1) {
            add_fault(format("Column {} is named under {} headers: {}.", quoted(columns_[first].column), headers.size(),
                             list_some(headers)));
        }
    }
    if (columns_.size() > kMaxColumns) {
        add_fault(format("There are {} columns; {} are the most.", columns_.size(), kMaxColumns), {},
                  ERRCODE_TOO_MANY_COLUMNS);
    }
}

MappedColumn Attachment::read_column(const std::string& header, const Row& entry) {
    MappedColumn result{header, entry[1].value_or(""), 0};
    const std::string shown_header = quoted(header);
    if (entry[2] != "string") {
        add_fault(format("The value for header {} is not a text.", shown_header), "Give the name of a column.");
        return result;
    }
    const ColumnShape shape = read_column_shape(request_.relation, result.column);
    result.number = shape.number;
    const std::string column = quoted(result.column);
    if (shape.number == 0) {
        add_fault(format("Column {} for header {} does not exist.", column, shown_header), {},
                  ERRCODE_UNDEFINED_COLUMN);
    } else if (result.column == request_.user_name || result.column == request_.roles) {
        add_fault(format("Column {} for header {} is that of the user names or the roles.", column, shown_header),
                  "Files name it by headers of its own.");
    } else if (shape.is_generated) {
        add_fault(format("Column {} for header {} is generated: the server makes its values.", column, shown_header),
                  "Leave it out.");
    } else if (shape.is_identity) {
        add_fault(
            format("Column {} for header {} is an identity column: the server makes its values.", column, shown_header),
            "Leave it out.");
    }
    return result;
}

// `taken`: by header_key(), the headers that there are.
void Attachment::check_header(const MappedColumn& column, std::map<std::string, std::string>& taken) {
    const std::string& header = column.header;
    const std::string shown = quoted(header);
    const std::string key = header_key(header);
    if (key.empty()) {
        add_fault(format("Header {} has no letter or digit.", shown));
    } else if (header.starts_with('_')) {
        add_fault(format("Header {} begins with \"_\": such columns of a file are ignored.", shown));
    } else if (trim(header) != header) {
        add_fault(format("Header {} begins or ends with a blank.", shown));
    } else if (header.size() > kMaxHeaderBytes) {
        add_fault(format("Header {} is longer than {} bytes.", shown, kMaxHeaderBytes));
    } else if (std::any_of(header.begin(), header.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; })) {
        add_fault(format("Header {} has a control character.", shown));
    } else if (const auto [entry, is_new] = taken.emplace(key, header); !is_new) {
        add_fault(format("Header {} is the same as {} to a file.", shown, quoted(entry->second)),
                  "Case, blanks, \"_\" and \"-\" do not count in a header.");
    }
}

// The codes that customers hold go into the catalog: each must be one, and there must be no other spelling of it.
void Attachment::read_codes() {
    {
        const LookupScope owner(owner_);
        for (Row& row :
             query_latest(format("SELECT DISTINCT c.code COLLATE \"C\" FROM {} AS t, unnest(t.{}) AS c (code)"
                                 " WHERE c.code <> '' ORDER BY 1",
                                 table_, quote_name(request_.roles)),
                          {}, Plan::once)) {
            codes_.push_back(*std::move(row[0]));
        }
    }
    std::vector<std::string> invalid;
    std::vector<std::string> clashing;
    const std::unique_ptr<RoleCatalog> catalog = load_catalog();
    for (const std::string& code : codes_) {
        if (!is_role_code(code)) {
            invalid.push_back(code);
        } else if (!catalog->add(code) && catalog->find(code) != code) {
            clashing.push_back(code);
        }
    }
    const std::string roles = quote_name(request_.roles);
    if (!invalid.empty()) {
        add_fault(format("Customers hold what is no role code: {}.", list_some(invalid)),
                  format("A role code has 1 to 63 letters, digits or characters of \"_.:-\". To change one: "
                         "UPDATE {0} SET {1} = array_replace({1}, 'old code', 'new_code').",
                         table_, roles));
    }
    if (!clashing.empty()) {
        std::string list;
        for (std::size_t index = 0; index < std::min(clashing.size(), kMaxListed); ++index) {
            list += format("{}{} and {}", index == 0 ? "" : ", ", quoted(clashing[index]),
                           quoted(catalog->find(clashing[index])));
        }
        add_fault(format("Role codes differ only in case ({}): {}.", clashing.size(), list),
                  format("Use one spelling: UPDATE {0} SET {1} = array_replace({1}, '{2}', '{3}').", table_, roles,
                         clashing.front(), catalog->find(clashing.front())));
    }
}

void Attachment::check_user_names() const {
    if (!request_.ignore_case) {
        return;
    }
    const std::string column = quote_name(request_.user_name);
    const std::string fault = format("FROM {} WHERE NOT customer_import.is_user_name({})", table_, column);
    std::vector<std::string> names;
    std::string count;
    {
        const LookupScope owner(owner_);
        for (const Row& row : query_latest(
                 format("SELECT {}::text COLLATE \"C\" {} ORDER BY 1 LIMIT 10", column, fault), {}, Plan::once)) {
            names.push_back(*row[0]);
        }
        if (names.empty()) {
            return;
        }
        count = *query_latest(format("SELECT count(*) {}", fault), {}, Plan::once).front()[0];
    }
    throw ImportError(ERRCODE_INVALID_PARAMETER_VALUE,
                      format("cannot attach table {} with ignore_case: not all user names are folded", table_),
                      format("Not folded: {}, the first of them: {}.", count, list_some(names)),
                      format("Fold them, and make one customer of those that then are the same: UPDATE {0} SET {1} = "
                             "customer_import.fold_user_name({1}); or attach without ignore_case.",
                             table_, column))
        .with_private_detail();
}

void Attachment::change() {
    add_role_codes(codes_, false);
    if (request_.row_security && !is_distributed_) {
        add_policies(table_);
    }
    if (request_.ignore_case) {
        const DistributedScope scope(request_.relation);
        execute_ddl(format("ALTER TABLE {} ADD CONSTRAINT {} CHECK (customer_import.is_user_name({}))", table_,
                           kUserNameCheck, quote_name(request_.user_name)));
    }
    const std::string arguments = call([&] {
        return psprintf("%s, %s, 'attached'", quote_literal_cstr(request_.roles.c_str()),
                        quote_literal_cstr(request_.user_name.c_str()));
    });
    if (!is_distributed_) {
        add_guard(table_, arguments);
    }
    enter();
    add_shadow(request_.relation, table_, quote_name(request_.user_name), arguments, request_.row_security);
    create_export_views(request_.relation);
    refresh_all_privileges();
    warn_of_missing_defaults();
}

// Many applications fill their columns themselves and leave the table without defaults: then imports only update.
void Attachment::warn_of_missing_defaults() const {
    std::vector<std::string> mapped{request_.user_name, request_.roles};
    for (const MappedColumn& column : columns_) {
        mapped.push_back(column.column);
    }
    const CatalogPath path;
    std::vector<std::string> missing;
    for (Row& row :
         query_latest("SELECT a.attname FROM pg_catalog.pg_attribute AS a"
                      " WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull"
                      "   AND NOT a.atthasdef AND a.attidentity = '' AND a.attname::pg_catalog.text <> ALL ($2)"
                      " ORDER BY a.attnum",
                      {parameter_oid(request_.relation), text_array_parameter(mapped)})) {
        missing.push_back(*std::move(row[0]));
    }
    if (missing.empty()) {
        return;
    }
    const std::string list = list_some(missing);
    call([&] {
        ereport(WARNING,
                (errmsg("imports cannot create customers in table %s", table_.c_str()),
                 errdetail("Columns that must not be NULL have neither a default nor a header: %s.", list.c_str()),
                 errhint("For imports that create customers, give them a default.")));
    });
}

void Attachment::enter() {
    OwnerScope owner;
    execute(
        "INSERT INTO customer_import.customers_table"
        " (relation, created, user_name, roles, fold_user_names, own_row_triggers, row_security, was_enabled,"
        "  was_forced)"
        " VALUES ($1::pg_catalog.regclass, false, $2, $3, $4, $5, $6, $7, $8)",
        {parameter_oid(request_.relation), parameter(std::string_view(request_.user_name)),
         parameter(std::string_view(request_.roles)), parameter(request_.ignore_case),
         parameter(request_.own_row_triggers), parameter(request_.row_security), parameter(before_.enabled),
         parameter(before_.forced)});
    std::int64_t position = 0;
    for (const MappedColumn& column : columns_) {
        execute(
            "INSERT INTO customer_import.customers_table_columns (position, field, column_name)"
            " VALUES ($1::pg_catalog.int4, $2, $3)",
            {parameter(++position), parameter(std::string_view(column.header)),
             parameter(std::string_view(column.column))});
    }
}

Oid attach_customers_table(FunctionCallInfo fcinfo) {
    require_right(Right::administer, "attach a customers table");
    const AttachRequest request{PG_GETARG_OID(0),
                                NameStr(*PG_GETARG_NAME(1)),
                                NameStr(*PG_GETARG_NAME(2)),
                                {JSONBOID, PG_GETARG_DATUM(3), false},
                                PG_GETARG_BOOL(4),
                                PG_GETARG_BOOL(5),
                                PG_GETARG_BOOL(6)};
    if (call([&] { return get_rel_name(request.relation) == nullptr; })) {
        throw ImportError(ERRCODE_UNDEFINED_TABLE, format("there is no table with OID {}", request.relation));
    }
    require_owner(request.relation);
    SpiConnection spi;
    require_no_customers_table();
    Attachment(request).run();
    return request.relation;
}

}  // namespace

}  // namespace customer_import::pg

// attach_customers_table(target regclass, user_name name, roles name, columns jsonb, ignore_case boolean, row_security
// boolean, own_row_triggers boolean) returns regclass. Errors: 42501; 55000 when there is a customers table, or when
// there is no usable index; 22023, 42703, 42804, 42809 and 428C9 for a table that cannot be attached, all reasons in
// the detail; 42P01 when it is dropped meanwhile; 40001.
CI_WRITING_FUNCTION(ci_attach_customers_table) {
    return customer_import::pg::entry(
        [&] { return ObjectIdGetDatum(customer_import::pg::attach_customers_table(fcinfo)); });
}
