"""The two databases: one in which the extension imports, one in which the oracle does. Both have the same names in them,
so that the server's messages are equal to the letter."""

import json
import os
import re
import subprocess
import tempfile

import pools
import variants

HERE = os.path.dirname(os.path.abspath(__file__))
TEMPLATE, ENGINE, ORACLE = "regress_oracle_template", "regress_oracle_engine", "regress_oracle"
OLD = "2001-01-01 00:00:00+00"

# With --attached the customers table is one of an application: other names, columns of its own, a trigger. The scripts
# are renamed; the names of a file's columns are not among them.
ATTACHED = False
PARTITIONS = 0  # of the created table; some with --partitioned
NAMES = {"public.customers": "public.web_users", "user_name": "login_name", "first_name": "given_name",
         "last_name": "family_name", "created_at": "date_joined", "updated_at": "date_changed"}
ATTACHED_TABLE = """
CREATE TABLE public.web_users (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login_name varchar(400) NOT NULL UNIQUE,
    secret text DEFAULT 'none' NOT NULL,
    email text, given_name text, family_name text, phone text, company text,
    active boolean NOT NULL DEFAULT true,
    roles text[] NOT NULL DEFAULT '{}',
    shown_name text GENERATED ALWAYS AS (upper(given_name)) STORED,
    date_joined timestamptz NOT NULL DEFAULT now(),
    date_changed timestamptz NOT NULL DEFAULT now());
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.date_changed := now();
    RETURN NEW;
END $$;
CREATE TRIGGER a_touch BEFORE UPDATE ON public.web_users FOR EACH ROW EXECUTE FUNCTION public.touch();
"""
DETACH = "SELECT 'x 1' FROM (SELECT customer_import.detach_customers_table() FROM customer_import.customers_table) d;"
ATTACH = """
SELECT 'x 1' FROM customer_import.attach_customers_table('public.web_users', 'login_name', 'roles',
    '{"email": "email", "firstName": "given_name", "lastName": "family_name", "phone": "phone", "company": "company",
      "active": "active"}', ignore_case => %s, own_row_triggers => %s);
"""

ORACLE_GUARD = """
DO $$
DECLARE
    x record;
BEGIN
    FOR x IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'public.customers'::regclass AND tgname LIKE '~%' LOOP
        EXECUTE format('DROP TRIGGER %I ON public.customers', x.tgname);
    END LOOP;
END $$;
CREATE TRIGGER "~guard" BEFORE INSERT OR UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION oracle.guard();
"""


def renamed(script):
    """A script about the customers table, by the names of the table that is there."""
    if not ATTACHED:
        return script
    return re.sub(r"\b(%s)\b" % "|".join(map(re.escape, NAMES)), lambda found: NAMES[found[0]], script)


def with_common_names(rows):
    """Rows about customers as if the table had the names of a created one."""
    return [{next((own for own, other in NAMES.items() if other == name), name): value for name, value in row.items()}
            for row in rows]


class SqlError(Exception):
    pass


class Session:
    """A psql that runs one script after another in one session."""

    END = "end of the script"

    def __init__(self, database):
        environment = dict(os.environ, PGCLIENTENCODING="UTF8", PGTZ="UTC", PGOPTIONS="-c client_min_messages=warning",
                           PGDATABASE=database)
        self.script = tempfile.NamedTemporaryFile()
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=environment)

    def run(self, script):
        """Returns the rows that a script printed as `tag JSON`, by tag. After an error the session is at its end."""
        self.script.truncate(0)
        self.script.seek(0)
        self.script.write(script.encode())
        self.script.flush()
        try:
            self.process.stdin.write(("\\i %s\nDISCARD ALL;\n\\echo %s\n" % (self.script.name, self.END)).encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the connection was refused: see below
        rows = {}
        for line in self.process.stdout:
            text = line.decode().rstrip("\n")
            if text == self.END:
                return rows
            tag, _, value = text.partition(" ")
            if tag:
                rows.setdefault(tag, []).append(json.loads(value))
        self.end()
        self.errors.seek(0)
        raise SqlError(self.errors.read().decode(errors="replace")[:2000])

    def end(self):
        self.process.communicate()
        self.script.close()


SESSIONS = {}


def psql(database, script):
    """Runs a script in the one session that there is with a database; returns what Session.run does."""
    session = SESSIONS.pop(database, None) or Session(database)
    rows = session.run(script)
    SESSIONS[database] = session
    return rows


def end_sessions():
    while SESSIONS:
        SESSIONS.popitem()[1].end()


def drop_databases():
    end_sessions()
    for name in (ENGINE, ORACLE, TEMPLATE):
        psql("postgres", 'DROP DATABASE IF EXISTS "%s" WITH (FORCE);' % name)


def make_databases():
    drop_databases()
    # A collation that does not order as bytes do shows where byte order was meant and not said.
    psql("postgres", "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu "
                     "ICU_LOCALE 'en-US';" % TEMPLATE)
    codes = ",".join(variants.literal(c) for c in pools.KNOWN_CODES + pools.LOST_CODES)
    lost = ",".join(variants.literal(c) for c in pools.LOST_CODES)
    psql(TEMPLATE, "CREATE EXTENSION customer_import;" + (
        ATTACHED_TABLE if ATTACHED else
        "SELECT 'x 1' FROM customer_import.create_customers_table(partitions => %d);" % PARTITIONS))
    psql(TEMPLATE, "SELECT 'x 1' FROM customer_import.add_role_codes(ARRAY[%s]);"
                   "SELECT 'x 1' FROM customer_import.remove_role_codes(ARRAY[%s]);" % (codes, lost))
    end_sessions()
    for name in (ENGINE, ORACLE):
        psql("postgres", "CREATE DATABASE %s TEMPLATE %s;" % (name, TEMPLATE))
    for part in ("oracle.sql", "oracle_apply.sql"):
        with open(os.path.join(HERE, part), encoding="utf-8") as file:
            psql(ORACLE, "SET oracle.fold = on;" + renamed(file.read()))
    psql(ORACLE, renamed(ORACLE_GUARD))


# Scripts -------------------------------------------------------------------------------------------------------------

def copy(table, rows):
    """A COPY with its data, as psql reads it."""
    lines = ["COPY %s FROM STDIN;" % table]
    for row in rows:
        lines.append("\t".join("\\N" if v is None else re.sub(
            "[\\\\\n\r\t]", lambda m: {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}[m[0]], str(v)) for v in row))
    return "\n".join(lines) + "\n\\.\n"


def make_customers(file):
    """Empties the customers table and puts the file's customers in, as if they had been there for long: triggers and
    foreign keys do not see them."""
    rows = [[c["userName"]] + [c[f] for f in pools.VALUE_FIELDS] + [c["active"], "{" + ",".join(c["roles"]) + "}"]
            for c in file.customers]
    return ("""
SET synchronous_commit = off;
SET session_replication_role = replica;
TRUNCATE public.customers, v_audit;
CREATE TEMP TABLE old_customer (user_name text, email text, first_name text, last_name text, phone text, company text,
                                active boolean, roles text[]);
""" + copy("old_customer", rows) + """
INSERT INTO public.customers (user_name, email, first_name, last_name, phone, company, active, roles,
                              created_at, updated_at)
SELECT %s, email, first_name, last_name, phone, company, active,
       ARRAY(SELECT r FROM unnest(roles) r ORDER BY r COLLATE "C"), '%s', '%s'
FROM old_customer;
DROP TABLE old_customer;
SET session_replication_role = origin;
""" % ("customer_import.fold_user_name(user_name)" if file.folds else "user_name", OLD, OLD))


# What is in the tables after an import: the same in both databases.
STATE = """
SELECT 'row ' || to_jsonb(s)::text FROM (
    SELECT user_name, email, first_name, last_name, phone, company, active, roles,
           created_at = '%s' AS created_long_ago, updated_at = '%s' AS updated_long_ago
    FROM public.customers ORDER BY user_name COLLATE "C") s;
SELECT 'audit ' || seen::text FROM v_audit ORDER BY id;
""" % (OLD, OLD)


def run_oracle(file):
    """Applies the file's records by the oracle."""
    columns = ["userName", "addRoles", "removeRoles", "roles", "email", "firstName", "lastName", "phone", "company",
               "active"]
    rows = [[r.line] + (list(r.fault) if r.fault else [None] * 3) + [r.cells.get(c) for c in columns]
            for r in file.records]
    script = (renamed(variants.RESET + file.variant_sql + make_customers(file))
              + "SET oracle.fold = %s;" % ("on" if file.folds else "off")
              + "TRUNCATE oracle.record, oracle.header, oracle.catalog;"
              + "INSERT INTO oracle.catalog SELECT code FROM customer_import.role_codes;\n"
              + copy("oracle.header", enumerate(file.columns, 1)) + copy("oracle.record", rows)
              + "BEGIN; SELECT 'x 1' FROM oracle.apply(%s, %s); COMMIT;" % (
                  variants.literal(file.mode), variants.literal(file.unknown_roles or "reject"))
              + renamed(STATE) + """
SELECT 'outcome ' || to_jsonb(o)::text FROM oracle.outcome o ORDER BY line;
SELECT 'issue ' || to_jsonb(s)::text FROM (
    SELECT line, issue_number, outcome, (fault).* FROM oracle.issues ORDER BY line, issue_number) s;
SELECT 'warning ' || to_jsonb(w.warning)::text FROM oracle.warnings() AS w;
SELECT 'change ' || to_jsonb(c)::text FROM oracle.changes c ORDER BY line;
SELECT 'code ' || to_jsonb(code)::text FROM oracle.catalog ORDER BY code COLLATE "C";
""")
    rows = psql(ORACLE, script)
    return {tag: with_common_names(values) if tag in ("row", "change") else values for tag, values in rows.items()}


def prepare_engine(file):
    """Makes the file's variant in the extension's database."""
    if ATTACHED:
        psql(ENGINE, DETACH)  # its shadow, if it has one, has the types of the last variant
    psql(ENGINE, renamed(variants.RESET + file.variant_sql))
    if ATTACHED:
        psql(ENGINE, ATTACH % (file.folds, file.variant not in variants.WITH_TRIGGERS))


def run_engine(file, batch_rows):
    """Imports the file by the extension."""
    data = "'\\x%s'::bytea" % file.data.hex()
    argument = {"bytea": data, "text": "convert_from(%s, 'UTF8')" % data, "oid": "(SELECT id FROM object)"}
    options = "".join(", %s => %s" % (name, variants.literal(value)) for name, value in (
        ("delimiter", file.delimiter_option), ("encoding", "LATIN1" if file.latin else None),
        ("unknown_roles", file.unknown_roles), ("file_name", "random.csv")) if value is not None)
    if file.argument == "oid":
        options += ", unlink => true"
    # A deferred foreign key must be deferred again after the import: a reference to no customer is allowed until the commit.
    probe = ""
    if file.variant == "deferred_fk" and variants.defers(file.variant_sql):
        probe = ("INSERT INTO public.customers (user_name, company) VALUES ('~probe', 'Nowhere');"
                 "DELETE FROM public.customers WHERE user_name = '~probe';")
    script = ("SELECT 'x 1' FROM customer_import.remove_role_codes(ARRAY(SELECT code FROM customer_import.role_codes "
              "WHERE code <> ALL (ARRAY[%s]) AND NOT code IN ('superuser', 'customerEdit', 'importView', 'importEdit')));"
              % ",".join(variants.literal(c) for c in pools.KNOWN_CODES)
              + renamed(make_customers(file))
              + renamed("CREATE TEMP TABLE before AS"
                        " SELECT user_name AS login, ctid AS place, xmin AS writer FROM public.customers;")
              + "SET customer_import.batch_rows = %d; BEGIN;" % batch_rows
              + ("CREATE TEMP TABLE object AS SELECT lo_from_bytea(0, %s) AS id;" % data
                 if file.argument == "oid" else "")
              + "CREATE TEMP TABLE result AS SELECT * FROM customer_import.import_customers(%s, %s%s);" % (
                  argument[file.argument], variants.literal(file.mode), options)
              + renamed(probe) + "COMMIT;" + renamed(STATE) + """
SELECT 'result ' || to_jsonb(r)::text FROM result r;
SELECT 'issue ' || to_jsonb(s)::text FROM (
    SELECT i.line, issue_number, outcome, code, column_name, value, i.message, detail, hint, sqlstate, record
    FROM customer_import.import_issues i WHERE import_id = (SELECT import_id FROM result) ORDER BY line, issue_number) s;
SELECT 'change ' || to_jsonb(s)::text FROM (
    SELECT line, user_name, c.created, added, removed, before, after
    FROM customer_import.import_changes c WHERE import_id = (SELECT import_id FROM result) ORDER BY line) s;
SELECT 'code ' || to_jsonb(code)::text FROM customer_import.role_codes ORDER BY code COLLATE "C";
""" + renamed("""
SELECT 'written ' || to_jsonb(user_name)::text FROM public.customers c
WHERE NOT EXISTS (SELECT FROM before b WHERE b.login = c.user_name AND b.place = c.ctid AND b.writer = c.xmin);
"""))
    rows = psql(ENGINE, script)
    return {tag: with_common_names(values) if tag == "row" else values for tag, values in rows.items()}
