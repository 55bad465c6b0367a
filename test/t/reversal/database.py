"""The real thing: a database for each variant, the steps as SQL, and what is in the tables afterwards."""

import contextlib
import csv
import io
import select

import psycopg2
import psycopg2.extensions

import table

TEMPLATE = "regress_reversal_template"
COLUMNS = {"email": "email", "firstName": "first_name", "lastName": "last_name", "phone": "phone", "company": "company",
           "active": "active"}
FAILED = psycopg2.extensions.TRANSACTION_STATUS_INERROR
SECONDS = 60

SET_UP = """
CREATE EXTENSION customer_import;
SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes('{buyer,approver,Viewer,zeta}');
SELECT customer_import.add_role_codes('{vip}', privileged => true);
SELECT customer_import.add_operator('regress_ann', roles => '{customerView,customerEdit,importView,importEdit}',
                                    email => 'ann@example.com', user_name => 'ann');
SELECT customer_import.add_operator('regress_boss', roles => '{administrator}', email => 'boss@example.com');
"""
# The owner of a table that refers to customers, whose rows no other role sees.
OWNED = """
ALTER TABLE public.v_hidden OWNER TO regress_owner;
ALTER TABLE public.v_hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
"""

STATE = """
SELECT json_build_object(
    'customers', (SELECT json_object_agg(user_name, json_build_array(
                      roles, email, first_name, last_name, phone, company, active::text, ctid::text, xmin::text))
                    FROM public.customers),
    'imports', (SELECT json_object_agg(id, json_build_object(
                    'mode', mode, 'state', state, 'source', source_import_id, 'undo', undo_import_id, 'in_part', undone_in_part,
                    'records', records,
                    'created', created, 'updated', updated, 'unchanged', unchanged, 'skipped', skipped, 'rejected', rejected,
                    'deleted', deleted, 'unprocessed', unprocessed, 'ended', finished_at IS NOT NULL))
                  FROM customer_import.imports),
    'issues', (SELECT json_agg(json_build_array(import_id, line, outcome, code, column_name, value, sqlstate, retried_by))
                 FROM customer_import.import_issues),
    'changes', (SELECT json_agg(json_build_array(line, user_name, created, added, removed, before, after))
                  FROM customer_import.import_changes WHERE import_id = %s),
    'codes', (SELECT json_agg(code) FROM customer_import.role_codes))
"""
# Everything that a preview or a dry run might leave behind.
TRACES = """
SELECT md5(concat((SELECT string_agg(c::text || c.ctid || c.xmin, ',' ORDER BY c.ctid) FROM public.customers AS c), %s))
"""
TRACE = ", (SELECT string_agg(t::text, ',' ORDER BY t::text) FROM %s AS t)"


def connect(database):
    connection = psycopg2.connect(dbname=database, options="-c client_min_messages=warning")
    connection.autocommit = True
    return connection


def run(database, script):
    connection = connect(database)
    try:
        connection.cursor().execute(script)
    finally:
        connection.close()


def database_name(variant):
    return "regress_reversal_" + variant


def drop_all():
    connection = connect("postgres")
    cursor = connection.cursor()
    for variant in [*table.VARIANTS, None]:
        cursor.execute('DROP DATABASE IF EXISTS "%s" WITH (FORCE)' % (database_name(variant) if variant else TEMPLATE))
    for role in ("regress_ann", "regress_boss", "regress_owner"):
        cursor.execute("DROP ROLE IF EXISTS %s" % role)
    connection.close()


def make_all():
    drop_all()
    connection = connect("postgres")
    cursor = connection.cursor()
    for role in ("regress_ann", "regress_boss", "regress_owner"):
        cursor.execute("CREATE ROLE %s LOGIN" % role)
    cursor.execute("CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8'" % TEMPLATE)
    run(TEMPLATE, SET_UP + "".join(
        "CREATE TABLE public.%s (id int, user_name text COLLATE \"C\" REFERENCES public.customers %s);" % item
        for item in table.REFERENCES.items()) + OWNED)
    for variant, rules in table.VARIANTS.items():
        cursor.execute("CREATE DATABASE %s TEMPLATE %s" % (database_name(variant), TEMPLATE))
        run(database_name(variant), "".join(table.RULES[rule] for rule in rules) + "SELECT 1")
    connection.close()


class Database:
    """One variant's database."""

    def __init__(self, variant):
        self.variant = variant
        self.connection = connect(database_name(variant))
        self.cursor = self.connection.cursor()
        self.cursor.execute("LISTEN customer_import; LISTEN customer_import_email;")
        self.batch_rows = None
        self.in_transaction = False
        self.cursor.execute(
            "SELECT string_agg(format('%s', oid::regclass), ' ') FROM pg_class"
            " WHERE relnamespace = 'customer_import'::regnamespace AND relkind = 'r'")
        self.traces = TRACES % "".join(TRACE % name for name in self.cursor.fetchone()[0].split())[2:]

    def reset(self, history):
        """Empties the tables, and puts the customers of a history there as if they had been there for long."""
        self.cursor.execute("RESET ROLE; SET customer_import.batch_rows = %s", (history.batch_rows,))
        if history.background and self.batch_rows != history.batch_rows:
            self.cursor.execute("ALTER DATABASE %s SET customer_import.batch_rows = %d"
                                % (database_name(self.variant), history.batch_rows))
            self.batch_rows = history.batch_rows
        self.cursor.execute("SET session_replication_role = replica; DELETE FROM public.customers;"
                            + "".join("DELETE FROM public.%s;" % name for name in table.REFERENCES)
                            + ("DELETE FROM public.v_by_email;" if "unique" in table.VARIANTS[self.variant] else "")
                            + """
DELETE FROM customer_import.imports; DELETE FROM customer_import.import_issues;
DELETE FROM customer_import._import_change_pages; DELETE FROM customer_import.email_outbox; DELETE FROM customer_import._removal_marks;
SET session_replication_role = origin;
SELECT customer_import.remove_role_codes(ARRAY(SELECT code FROM customer_import.role_codes WHERE code <> ALL (%s)));
SELECT customer_import.add_role_codes('{buyer,approver,Viewer,zeta}'), customer_import.add_role_codes('{vip}', privileged => true);
""", (list(table.BUILT_IN),))

    @contextlib.contextmanager
    def savepoint(self):
        """In a transaction: what fails in here leaves it as it was."""
        if not self.in_transaction:
            yield
            return
        self.cursor.execute("SAVEPOINT step")
        try:
            yield
        except psycopg2.Error:
            self.cursor.execute("ROLLBACK TO step")
            raise
        self.cursor.execute("RELEASE step")

    def begin(self):
        self.cursor.execute("BEGIN")
        self.in_transaction = True

    def end(self, commits=True):
        if self.in_transaction:
            self.in_transaction = False
            self.cursor.execute("COMMIT" if commits else "ROLLBACK")

    def insert(self, name, row):
        self.cursor.execute("INSERT INTO public.customers (user_name, roles, %s) VALUES (%s)" % (
            ", ".join(COLUMNS.values()), ", ".join(["%s"] * 8)), [name, sorted(row["roles"])] + [row[f] for f in COLUMNS])

    def update(self, name, values):
        names = {**COLUMNS, "roles": "roles"}
        self.cursor.execute("UPDATE public.customers SET %s WHERE user_name = %%s" % ", ".join(names[f] + " = %s" for f in values),
                            [sorted(v) if f == "roles" else v for f, v in values.items()] + [name])

    def delete(self, name):
        for reference in table.REFERENCES:
            self.cursor.execute("DELETE FROM public.%s WHERE user_name = %%s" % reference, (name,))
        self.cursor.execute("DELETE FROM public.customers WHERE user_name = %s", (name,))

    def refer(self, reference, name, add):
        column = "email" if reference == "v_by_email" else "user_name"
        if add:
            self.cursor.execute("INSERT INTO public.%s (%s) SELECT %s FROM public.customers WHERE user_name = %%s"
                                % (reference, column, column), (name,))
        else:
            self.cursor.execute("DELETE FROM public.%s WHERE %s IN (SELECT %s FROM public.customers WHERE user_name = %%s)"
                                % (reference, column, column), (name,))

    def set_code(self, code, remove):
        self.cursor.execute("SELECT customer_import.%s_role_codes(ARRAY[%%s])" % ("remove" if remove else "add"), (code,))

    # As an operator --------------------------------------------------------------------------------------------------

    def call(self, actor, sql, arguments=()):
        """Returns the rows of a function of the extension, called by the actor."""
        with self.savepoint():
            self.cursor.execute("SET ROLE %s" % table.ACTORS[actor])
            try:
                self.cursor.execute(sql, arguments)
                names = [c.name for c in self.cursor.description]
                return [dict(zip(names, row)) for row in self.cursor.fetchall()]
            finally:
                if not self.in_transaction or self.connection.info.transaction_status != FAILED:
                    self.cursor.execute("RESET ROLE")

    def wait_for(self, number):
        """Until an import in the background has ended."""
        while True:
            heard = len(self.connection.notifies)
            self.cursor.execute("SELECT finished_at IS NOT NULL FROM customer_import.imports WHERE id = %s", (number,))
            if self.cursor.fetchone()[0]:
                return
            self.connection.poll()
            if len(self.connection.notifies) > heard:  # it may speak of the end
                continue
            if not select.select([self.connection], [], [], SECONDS)[0]:
                raise TimeoutError("import %d does not end" % number)
            self.connection.poll()

    def notifications(self):
        self.connection.poll()
        channels = [n.channel for n in self.connection.notifies]
        self.connection.notifies.clear()
        return channels

    def state(self, number):
        self.cursor.execute(STATE, (number,))
        return self.cursor.fetchone()[0]

    def trace(self):
        self.cursor.execute(self.traces)
        return self.cursor.fetchone()[0]

    def origins(self, name):
        self.cursor.execute("SELECT code, import_id, line FROM customer_import.customer_roles(%s)", (name,))
        return {code: (number, line) if number else None for code, number, line in self.cursor.fetchall()}


def write_csv(columns, records):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for cells in records:
        writer.writerow([cells.get(c, "") for c in columns] + (["x"] if "extra" in cells else []))
    return out.getvalue()


def write_record(columns, cells):
    return write_csv(columns, [cells]).split("\n", 1)[1]
