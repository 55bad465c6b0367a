"""Each allocation of an import, and of the other functions, fails once: the server's own ones and those of C++. Runs in a
cluster of its own, with failing_malloc preloaded."""

from client import Lost, ServerError
from harness import csv, open_session, usable
from own_server import OOM, place_of, wait_for_server

PREPARE = """
ALTER TABLE customers ADD CONSTRAINT not_odd CHECK (email <> 'odd');
CREATE TABLE files AS SELECT convert_to($1, 'LATIN1') AS bytes
"""

# A file with all kinds of outcomes: customers created, updated and unchanged, records rejected by rule and by the database.
FILE = csv(["old,new@example.com,buyer,"]
           + [f"m\xfcller{index},{'odd' if index == 3 else 'even'},{'nosuch' if index > 3 else 'buyer'},approver"
              for index in range(6)]
           + [f"new{index},{'odd' if index == 4 else 'even'},buyer,approver" for index in range(12)]
           + ['"broken"x,,,', ",,buyer,", "old,,approver,buyer", "old,,approver,"], "userName,email,addRoles,removeRoles")

IMPORT_FILE = ("SELECT probe_fail_allocations($1, $2), customer_import.import_customers(bytes, 'Create & Update',"
               " encoding => 'LATIN1') FROM files")

# The other ways into C++. Sub-SELECTs keep calls from being folded when the query is planned.
ENTRY_POINTS = (
    "customer_import.role_set((SELECT '{buyer,approver,buyer}'::text[]))",
    "customer_import.is_role_set((SELECT '{approver,buyer}'::text[]))",
    "customer_import.parse_role_set((SELECT 'buyer, approver; companyAdmin'))",
    "customer_import.role_set_union((SELECT '{a_long_role_code_1,b}'::text[]), (SELECT '{b,c}'::text[]))",
    "customer_import.role_set_difference((SELECT '{a_long_role_code_1,b}'::text[]), (SELECT '{b,c}'::text[]))",
    "customer_import.role_set_intersection((SELECT '{a_long_role_code_1,b}'::text[]), (SELECT '{b,c}'::text[]))",
    "customer_import.fold_user_name((SELECT '  M\u00dcLLER the Second of that Name '))",
    "customer_import.is_user_name((SELECT 'm\u00fcller the second of that name'))",
    "customer_import.import_template()",
    "customer_import.import_report((SELECT max(id) FROM customer_import.imports))",
    "customer_import.rejected_csv((SELECT max(id) FROM customer_import.imports))",
    "customer_import.rejected_csv_bytes((SELECT max(id) FROM customer_import.imports))",
    "customer_import.skipped_csv((SELECT max(id) FROM customer_import.imports))",
    "customer_import.rejected_lines((SELECT max(id) FROM customer_import.imports))",
    "(SELECT array_agg(c) FROM customer_import.import_changes AS c WHERE import_id ="
    " (SELECT max(id) FROM customer_import.imports))",
    "(SELECT array_agg(c) FROM customer_import.customer_export AS c)",
    "(SELECT array_agg(c) FROM customer_import.customer_export_spreadsheet AS c)",
    "(SELECT array_agg(c) FROM customer_import.search_customers((SELECT 'e'), 20) AS c)",
    "(SELECT array_agg(c) FROM customer_import.search_customers((SELECT '\u00fcller'), 20) AS c)",
    "(SELECT array_agg(c) FROM customer_import.customers_with_roles((SELECT '{BUYER}'::text[])) AS c)",
    "(SELECT array_agg(c) FROM (SELECT user_name FROM customers ORDER BY user_name LIMIT 5) AS u,"
    " customer_import.customer_roles(u.user_name) AS c)",
    "(SELECT array_agg(c) FROM customer_import.customer_history((SELECT min(user_name) FROM customers)) AS c)",
    "customer_import._search_text('A', (SELECT 'm\u00dcLLER'), NULL, 'b', 'c')",
    "customer_import.add_role_codes('{new_code_1,new_code_2}')",
    "customer_import.alter_role_code('buyer', description => 'buys')",
    "customer_import.remove_role_codes('{approver}')",
    "customer_import.edit_customer('someone', '{\"email\": \"new@x\", \"addRoles\": [\"BUYER\"], \"removeRoles\": [\"approver\"]}')",
    "hand_written('by hand', '{BUYER,approver}')",
    "hand_written('by hand', '{nosuch,approver}')",
    "customer_import.import_customers('not a file', 'Create Only')",
)

HAND_WRITTEN = """
CREATE FUNCTION hand_written(text, text[]) RETURNS text LANGUAGE sql AS
    'INSERT INTO customers (user_name, roles) VALUES ($1, $2) RETURNING roles::text'
"""


def disarm(session):
    """No allocation fails from now on; those that were left to fail may hit this query itself."""
    for _ in range(50):
        error = session.error("SELECT probe_fail_allocations(0, 0)")
        if error is None:
            return
        if error.sqlstate != OOM:
            raise error
    raise TimeoutError("allocations do not stop to fail")


def is_lack_of_memory(error):
    """The server's regular expressions have no SQLSTATE of their own for it."""
    return error is not None and (error.sqlstate == OOM or
                                  error.message in ("regular expression failed: out of memory",
                                                    "invalid regular expression: out of memory"))


class Failing:
    """Runs a query again and again while allocations fail."""

    def __init__(self, sql, prepare, result):
        self.sql, self.prepare, self.result = sql, prepare, result
        self.wrong, self.places, self.failed, self.tried = [], {}, 0, 0

    def start(self, session):
        """Learns what the query does when nothing fails: how many allocations it takes, its effect and its error."""
        disarm(session)
        self.prepare(session)
        self.nothing = self.result(session)
        error = session.error(self.sql, [1 << 40, 1])
        self.allocations = int(session.value("SELECT probe_allocations()"))
        self.own_state = error and error.sqlstate
        disarm(session)
        self.effect = self.result(session)

    def try_one(self, session, first, count):
        self.tried += 1
        disarm(session)
        self.prepare(session)
        error = session.error(self.sql, [first, count])
        disarm(session)
        if is_lack_of_memory(error):
            self.failed += 1
            self.places[place_of(error)] = self.places.get(place_of(error), 0) + 1
            expected = self.nothing
        else:
            expected = self.effect
            if (error and error.sqlstate) != self.own_state:
                self.wrong.append(f"{count} from {first}: {error}")
        got = self.result(session)
        if got != expected:
            self.wrong.append(f"{count} from {first}: {error}, with this effect: {got}")
        if not usable(session):
            self.wrong.append(f"{count} from {first}: the session does not work")

    def run(self, tries, new_sessions=False):
        session = open_session()
        for number, (first, count) in enumerate(tries):
            try:
                if new_sessions:
                    session.close()
                    session = open_session()
                self.try_one(session, first, count)
                if number % 50 == 0:
                    self.try_one(session, 1 << 40, 1)
            except (Lost, ServerError) as trouble:
                self.wrong.append(f"{count} from {first}: {trouble}")
                session.close()
                wait_for_server()
                session = open_session()
        session.close()

    def describe(self):
        return (f"{self.allocations} allocations, {self.tried} tries, {self.failed} failed: {self.places.get('C++', 0)} in C++,"
                f" {self.failed - self.places.get('C++', 0)} in the server")


def customers(session):
    return session.rows("SELECT user_name, email, roles FROM customers ORDER BY user_name")


OLD_CUSTOMER = "INSERT INTO customers (user_name, email) VALUES ('old', 'old@example.com')"


def one_old_customer(session):
    session.rows(f"DELETE FROM customers; {OLD_CUSTOMER}")


def one_old_customer_in_a_changed_table(session):
    """TRUNCATE makes a session forget what it knows of the table."""
    session.rows(f"TRUNCATE customers; {OLD_CUSTOMER}")


def imports(report):
    with open_session() as session:
        alter, create = PREPARE.split(";")
        session.rows(alter)
        session.rows(create, [FILE])
    for kind, prepare, warm in (("a warm session", one_old_customer, True),
                                ("a session that has to look at the table again", one_old_customer_in_a_changed_table, True),
                                ("new sessions", one_old_customer, False)):
        subject = Failing(IMPORT_FILE, prepare, customers)
        with open_session() as session:
            for _ in range(7 if warm else 1):  # after five times the server keeps the plan of a statement
                subject.start(session)
        total = subject.allocations
        if prepare is one_old_customer and warm:  # each of them, and from every fourth on some in a row
            subject.run([(first, 1) for first in range(1, total + 1)]
                        + [(first, (2, 5, 20)[first % 3]) for first in range(2, total, 4)])
        else:
            subject.run([(first, 1) for first in range(1, total, total // (300 if warm else 80))], new_sessions=not warm)
        report.line(not subject.wrong and subject.failed > subject.tried // 4, f"an import whose allocations fail, in {kind}:"
                    " 53200 or no matter, all or nothing applied, the session works", *subject.wrong[:20], subject.describe())
        report.note(f"{kind}: {subject.describe()}")


def entry_points(report):
    with open_session() as session:
        session.rows(HAND_WRITTEN)
        one_old_customer(session)
        session.rows("SELECT customer_import.import_customers(bytes, 'Create & Update', encoding => 'LATIN1') FROM files")

    def prepare(session):
        session.rows("ROLLBACK; DELETE FROM customers WHERE user_name = 'by hand';"
                     " SELECT customer_import.add_role_codes('{buyer,approver}');"
                     " SELECT customer_import.remove_role_codes('{new_code_1,new_code_2}');"
                     " SELECT customer_import.alter_role_code('buyer', description => 'is new')")

    def result(session):
        return session.rows("SELECT code, description FROM customer_import.role_codes ORDER BY code"), customers(session)

    for call in ENTRY_POINTS:
        subject = Failing(f"SELECT probe_fail_allocations($1, $2), {call}::text", prepare, result)
        with open_session() as session:
            for _ in range(3):
                subject.start(session)
        step = max(1, subject.allocations // 60)
        subject.run([(first, 1) for first in range(1, subject.allocations + 1, step)])
        report.line(not subject.wrong, f"allocations fail in {call.lstrip('(')}: {subject.describe()}",
                    *subject.wrong[:20])


REVERSALS = (
    "(SELECT array_agg(p) FROM customer_import.preview_import((SELECT bytes FROM files), 'Create & Update', encoding => 'LATIN1') AS p)",
    "customer_import.import_customers((SELECT bytes FROM files), 'Create & Update', encoding => 'LATIN1', dry_run => true)",
    "customer_import.undo_import(1)",
    "customer_import.retry_rejects(1)",
    "customer_import.amend_record(1, (SELECT min(line) FROM customer_import.import_issues), 'someone,,buyer,')",
)


def reversals(report):
    """Undo, retry and preview of an import of that file; all of what they do, or nothing."""
    def prepare(session):
        one_old_customer(session)
        session.rows("TRUNCATE customer_import.imports, customer_import.import_issues, customer_import._import_change_pages,"
                     " customer_import._background_imports, customer_import._import_slices RESTART IDENTITY;"
                     " SELECT customer_import.import_customers(bytes, 'Create & Update', encoding => 'LATIN1') FROM files")

    def result(session):
        return (customers(session), session.rows("SELECT mode, state, undo_import_id IS NULL FROM customer_import.imports ORDER BY id"),
                session.rows("SELECT line, retried_by IS NULL, amended_record FROM customer_import.import_issues"
                             " ORDER BY import_id, line, issue_number"))

    for call in REVERSALS:
        subject = Failing(f"SELECT probe_fail_allocations($1, $2), {call}::text", prepare, result)
        with open_session() as session:
            for _ in range(2):
                subject.start(session)
        step = max(1, subject.allocations // 80)
        subject.run([(first, 1) for first in range(1, subject.allocations + 1, step)])
        report.line(not subject.wrong, f"allocations fail in {call.lstrip('(')}: {subject.describe()}", *subject.wrong[:20])


def run_all(report, server, folder):
    if not server.restart(LD_PRELOAD=str(folder / "failing_malloc.so")):
        report.line(False, "the server starts with failing_malloc")
        return
    report.run(imports)
    report.run(entry_points)
    report.run(reversals)
    with open_session() as session:
        session.rows("ALTER TABLE customers DROP CONSTRAINT not_odd; DROP TABLE files; TRUNCATE customers;"
                     " DROP FUNCTION hand_written")
    server.restart()
