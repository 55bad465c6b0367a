"""What the parts of the mail suite share: results, sessions, a database with operators, imports and their messages."""

import os
import random
import re
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import psycopg2.extras

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "regress_mail"
OPERATOR_CODES = ["customerView", "customerEdit", "importView", "importEdit"]

# Database roles: an operator with an address, one without, an administrator, a pooled login, the mailer's, and nobody's.
ANN, BEN, ADA = "regress_mail_ann", "regress_mail_ben", "regress_mail_ada"
WEB, MAILER, OTHER = "regress_mail_web", "regress_mail_mailer", "regress_mail_other"
ROLES = (ANN, BEN, ADA, WEB, MAILER, OTHER)
ADDRESS = "ann@example.com"
CHANNEL = "customer_import_email"


class Report:
    """Prints a line a case and counts them."""

    def __init__(self):
        self.passed = self.failed = 0

    def line(self, good, text, *details):
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.passed + self.failed} - {text}")
        for detail in details if not good else ():
            for line in str(detail).splitlines() or [""]:
                print(f"#   {line[:600]}")
        sys.stdout.flush()
        return bool(good)

    def equal(self, actual, expected, text):
        return self.line(actual == expected, text, f"expected: {expected!r}", f"actual:   {actual!r}")

    def matches(self, actual, pattern, text):
        return self.line(actual is not None and re.search(pattern, str(actual), re.S), text, f"pattern: {pattern}",
                         f"actual:  {actual!r}")

    @staticmethod
    def note(text):
        print(f"# {text}", flush=True)

    def run(self, case, *arguments):
        """Runs one case; when it ends early, that is a failure, and the next one runs."""
        began = time.monotonic()
        try:
            case(self, *arguments)
        except Exception:  # pylint: disable=broad-except
            self.line(False, f"{case.__module__}.{case.__name__} runs to its end", traceback.format_exc())
        self.note(f"{case.__module__}.{case.__name__}: {time.monotonic() - began:.1f} s")

    def run_all(self, module, *arguments):
        for case in [value for name, value in vars(module).items() if name.startswith("test_")]:
            self.run(case, *arguments)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


class Client:
    """A connection of the driver, in autocommit."""

    def __init__(self, user=None, database=DATABASE):
        self.connection = psycopg2.connect(dbname=database, **({"user": user} if user else {}))
        self.connection.autocommit = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def close(self):
        self.connection.close()

    def rows(self, sql, parameters=None):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description is not None else []

    def row(self, sql, parameters=None):
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def value(self, sql, parameters=None):
        row = self.row(sql, parameters)
        return row[0] if row else None

    def record(self, sql, parameters=None):
        """The first row by column names; None when there is none."""
        with self.connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(sql, parameters)
            row = cursor.fetchone()
            return dict(row) if row else None

    def error(self, sql, parameters=None):
        """Runs a statement that has to fail and returns its SQLSTATE; None if it does not fail."""
        try:
            self.rows(sql, parameters)
        except psycopg2.Error as error:
            return error.pgcode or f"without SQLSTATE: {error}"
        return None

    def notifications(self):
        self.connection.poll()
        found = [(entry.channel, entry.payload) for entry in self.connection.notifies]
        self.connection.notifies.clear()
        return found


def wait_until(condition, what, seconds=30, every=0.01):
    """Waits for a condition and returns its value, with a limit that is a failure."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s in vain: {what}")
        time.sleep(every)
    return value


def random_source(report):
    """A source of chance that MAIL_SEED repeats."""
    seed = int(os.environ.get("MAIL_SEED") or random.SystemRandom().randrange(1 << 32))
    report.note(f"MAIL_SEED={seed}")
    return random.Random(seed)


# ---- database -----------------------------------------------------------------------------------------------------

SET_UP = f"""
ALTER DATABASE {{database}} SET lock_timeout = '30s';
ALTER DATABASE {{database}} SET statement_timeout = '60s';
CREATE EXTENSION customer_import;
SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes('{{{{buyer,approver,companyAdmin}}}}');
SELECT customer_import.add_operator('{BEN}', roles => '{{{{{','.join(OPERATOR_CODES)}}}}}');
SELECT customer_import.add_operator('{ADA}', email => 'ada@example.com', roles => '{{{{administrator}}}}');
SELECT customer_import.grant_gateway('{WEB}', may_act_as_admin => true);
SELECT customer_import.grant_mailer('{MAILER}');
"""


def drop_database(name):
    with Client(database="postgres") as session:
        session.rows(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def create_database(name, extension=True):
    drop_database(name)
    with Client(database="postgres") as session:
        session.rows(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
    if extension:
        with Client(database=name) as session:
            session.rows(SET_UP.format(database=name))
            session.rows("SELECT customer_import.add_operator(%s, email => %s, roles => %s)",
                         [ANN, ADDRESS, OPERATOR_CODES])


def create_roles():
    with Client(database="postgres") as session:
        for role in ROLES:
            if not session.value("SELECT true FROM pg_roles WHERE rolname = %s", [role]):
                session.rows(f"CREATE ROLE {role} LOGIN")


def remove_all():
    drop_database(DATABASE)
    with Client(database="postgres") as session:
        for role in ROLES:
            session.rows(f"DROP ROLE IF EXISTS {role}")


@contextmanager
def database():
    """A database and roles of our own, dropped at the end."""
    remove_all()
    try:
        create_roles()
        create_database(DATABASE)
        yield
    finally:
        remove_all()


@contextmanager
def fresh():
    """A superuser's session, with an empty outbox."""
    with Client() as admin:
        clear(admin)
        yield admin


def clear(admin):
    admin.rows("DELETE FROM customer_import.email_outbox")


# ---- imports and messages -----------------------------------------------------------------------------------------

GOOD = "userName,addRoles\nmia,buyer\n"
MIXED = "userName,addRoles\nmia,buyer\nnoa,nonsense\nole,buyre\n"


def run_import(session, csv=MIXED, mode="Create & Update", **options):
    """Imports text or bytes and returns the row as a dictionary."""
    named = "".join(f", {name} => %({name})s" for name in options)
    kind = "bytea" if isinstance(csv, bytes) else "text"
    return session.record(f"SELECT * FROM customer_import.import_customers(%(csv)s::{kind}, %(mode)s{named})",
                          {"csv": csv, "mode": mode, **options})


def import_as(user, csv=MIXED, mode="Create & Update", **options):
    with Client(user) as session:
        return run_import(session, csv, mode, **options)


def queue_messages(count, csv=MIXED, user=ANN):
    """Lets that many imports put messages into the outbox and returns the ids of the messages."""
    with Client(user) as session:
        imports = [run_import(session, csv)["import_id"] for _ in range(count)]
    with Client() as admin:
        return [row[0] for row in admin.rows("SELECT id FROM customer_import.email_outbox WHERE import_id = ANY (%s)"
                                             " ORDER BY id", [imports])]


def message_of(admin, import_id):
    """The row of the outbox for an import, None if it has none."""
    return admin.record("SELECT * FROM customer_import.email_outbox WHERE import_id = %s", [import_id])


def message(admin, message_id):
    return admin.record("SELECT * FROM customer_import.email_outbox WHERE id = %s", [message_id])


def states(admin):
    """How many messages are in each state."""
    return dict(admin.rows("SELECT state, count(*) FROM customer_import.email_outbox GROUP BY state"))


def make_due(admin):
    """Lets all waiting messages be due now, also those whose lease has not ended."""
    admin.rows("UPDATE customer_import.email_outbox SET next_attempt_at = clock_timestamp(),"
               " lease_until = CASE WHEN state = 'sending' THEN clock_timestamp() END WHERE state IN ('queued', 'sending')")


def claim(session, lease=None):
    """A claimed message by column names; None when none is due."""
    if lease is None:
        return session.record("SELECT * FROM customer_import.claim_message()")
    return session.record("SELECT * FROM customer_import.claim_message(%s)", [lease])
