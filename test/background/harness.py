"""What all parts of the suite share: sessions, databases, and how to submit an import and follow it."""

import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(HERE.parent / "lib"))

import client  # noqa: E402
import databases  # noqa: E402
from client import Lost, ServerError  # noqa: E402,F401
from databases import drop_database, psql  # noqa: E402,F401
from report import Report  # noqa: E402,F401
from waits import LIMIT, wait_until  # noqa: E402

DATABASE = "regress_background"
SHADOW = False  # --shadow: the customers table has a shadow
TABLE = None  # --attached: the customers table is an application's own; --partitioned: it is in partitions
ROLES = re.findall(r"CREATE ROLE (\w+)", (HERE / "roles.sql").read_text(encoding="utf-8"))
RESULT = ("import_id", "state", "message", "records", "created", "updated", "unchanged", "skipped", "rejected", "deleted",
          "unprocessed", "warnings")
COUNTS = ("created", "updated", "unchanged", "skipped", "rejected", "unprocessed")
OPEN_STATES = ("queued", "checking", "running")
# What imports in the background run in. A supervisor ends a second after its last import.
PROCESSES = "backend_type LIKE 'customer_import %'"


PATIENCE = "customer_import.lock_timeout"


class Session(client.Session):
    """A connection as some role."""

    def __init__(self, user=None, database=DATABASE, options=""):
        super().__init__(database + (f" user={user}" if user else ""), options)
        self.user, self.database = user, database


# ---- databases ----------------------------------------------------------------------------------------------------


def create_database(name, fixture=True):
    databases.create_database(name)
    if fixture:
        table = ["--set=own_row_triggers=false", f"--file={HERE.parent / TABLE}.sql"] if TABLE else []
        psql(name, "--single-transaction", "--command=CREATE EXTENSION customer_import", *table, f"--file={HERE / 'fixture.sql'}")


@contextmanager
def database(name=DATABASE):
    """The roles and a database, gone at the end."""
    drop_database(name)
    databases.drop_roles(ROLES)
    psql("postgres", f"--file={HERE / 'roles.sql'}")
    create_database(name)
    try:
        yield name
    finally:
        try:
            drop_database(name)
            databases.drop_roles(ROLES)
        except (Lost, ServerError, subprocess.CalledProcessError) as error:
            print(f"# could not clean up: {error}")


@contextmanager
def settings(admin, scope=f"DATABASE {DATABASE}", **values):
    """Settings of the extension, or others, that new sessions and workers have; as they were at the end."""
    names = {name: name if name in SERVER_SETTINGS or "." in name else f"customer_import.{name}" for name in values}
    for name, value in values.items():
        admin.rows(f"ALTER {scope} SET {names[name]} = '{value}'")
    try:
        yield
    finally:
        for name in values:
            admin.rows(f"ALTER {scope} RESET {names[name]}")


SERVER_SETTINGS = {"statement_timeout", "lock_timeout", "default_transaction_isolation", "default_transaction_read_only",
                   "search_path", "DateStyle", "TimeZone", "deadlock_timeout", "default_transaction_deferrable",
                   "session_replication_role", "row_security", "transaction_timeout", "log_statement", "jit", "work_mem",
                   "temp_file_limit", "temp_tablespaces", "role", "idle_in_transaction_session_timeout", "enable_nestloop"}


@contextmanager
def fresh(**values):
    """A superuser's session in the emptied database of the suite, with settings for the workers: they wait for locks as
    long as the test holds them, unless it says otherwise."""
    values = {PATIENCE: "10min", **values}
    with Session() as admin:
        admin.rows("SET client_min_messages = warning")
        wait_idle(admin)
        admin.rows("CALL reset_all()")
        with settings(admin, **values):
            yield admin
            try:
                if SHADOW:  # that supervisors end by themselves has been seen without one
                    end_idle(admin)
                else:
                    wait_idle(admin)
            except TimeoutError:
                end_imports(admin)
                raise


def end_imports(admin):
    """Gets rid of imports that do not end by themselves, so that the next case is not disturbed."""
    admin.rows("UPDATE customer_import.imports SET state = 'failed', finished_at = now() WHERE finished_at IS NULL")
    admin.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {PROCESSES}")


def end_idle(session):
    """The same as wait_idle(), without the second that the supervisor waits for another import."""
    wait_until(lambda: session.value("SELECT EXISTS (SELECT FROM customer_import.imports WHERE state IN ('queued', 'checking', 'running')) OR EXISTS"
                                     " (SELECT FROM pg_stat_activity WHERE backend_type LIKE 'customer_import worker%'"
                                     "     AND datname = current_database())") == "f", "imports end, and their workers", LIMIT)
    session.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor'"
                 " AND datname = current_database()")
    wait_idle(session)


def wait_idle(session, seconds=LIMIT):
    """Until no import is under way and the processes of imports in this database are gone."""
    wait_until(lambda: session.value(
        "SELECT EXISTS (SELECT FROM customer_import.imports WHERE state IN ('queued', 'checking', 'running')) OR EXISTS"
        f" (SELECT FROM pg_stat_activity WHERE {PROCESSES} AND datname = current_database())") == "f",
               "imports end, and their processes", seconds)


# ---- imports ------------------------------------------------------------------------------------------------------


def call_import(source="text", **options):
    named = "".join(f", {name} => {value}" for name, value in options.items())
    return f"SELECT * FROM customer_import.import_customers($1::{source}, $2{named})"


def literal(value):
    return "'" + str(value).replace("'", "''") + "'" if isinstance(value, str) else str(value).lower()


def import_file(session, content, mode="Create & Update", **options):
    """Calls import_customers() with text or bytes and returns its row as a dictionary."""
    options = {name: literal(value) for name, value in options.items()}
    source = "bytea" if isinstance(content, bytes) else "text"
    row = session.rows(call_import(source, **options), [content, mode])[0]
    return dict(zip(RESULT, row))


def submit(session, content, mode="Create & Update", **options):
    """Puts an import into the queue and returns its id."""
    result = import_file(session, content, mode, background=True, **options)
    return int(result["import_id"])


def submit_error(session, content, mode="Create & Update", **options):
    try:
        submit(session, content, mode, **options)
    except ServerError as error:
        return error
    return None


def record(session, import_id):
    """The row of an import."""
    return session.json("SELECT to_jsonb(i) FROM customer_import.imports AS i WHERE id = $1", [import_id])


def status(session, import_id):
    return session.json("SELECT to_jsonb(i) FROM customer_import.import_status AS i WHERE id = $1", [import_id])


def state(session, import_id):
    return session.value("SELECT state FROM customer_import.imports WHERE id = $1", [import_id])


def wait_state(session, import_id, *states, seconds=LIMIT):
    wait_until(lambda: state(session, import_id) in states, f"import {import_id} is {' or '.join(states)}", seconds)


def wait_ended(session, import_id, seconds=LIMIT):
    """Waits for the end of an import and returns its row."""
    wait_until(lambda: state(session, import_id) not in OPEN_STATES, f"import {import_id} ends", seconds)
    return record(session, import_id)


def run_in_background(admin, session, content, mode="Create & Update", seconds=LIMIT, **options):
    return wait_ended(admin, submit(session, content, mode, **options), seconds)


def counts_of(row):
    """created, updated, unchanged, skipped, rejected, unprocessed"""
    return tuple(int(row[name]) for name in COUNTS)


def adds_up(row):
    return sum(counts_of(row)) == int(row["records"])


def waits_for_lock(session, pattern="%"):
    """Whether a process of an import waits for a lock."""
    return session.value(f"SELECT count(*) FROM pg_stat_activity WHERE {PROCESSES} AND wait_event_type = 'Lock'"
                         "   AND wait_event LIKE $1", [pattern]) != "0"


@contextmanager
def gate(admin, busy=False):
    """Holds workers at customers named wait…, until open() or the end: they wait for a lock, or are busy. Their table is
    written record by record."""
    function, event = ("busy_here", "PgSleep") if busy else ("wait_here", "advisory")
    admin.rows(f"CREATE TRIGGER v_waits BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION {function}()")
    with Session(database=admin.database) as holder:
        holder.rows("SELECT pg_advisory_lock(4711)")
        holder.open = lambda: holder.rows("SELECT pg_advisory_unlock_all()")
        held = f"SELECT count(*) FROM pg_stat_activity WHERE {PROCESSES} AND wait_event = '{event}'"
        holder.wait = lambda: wait_until(lambda: admin.value(held) != "0", "a worker waits at the gate")
        yield holder


# The processes that hold slices of an import: pid and slice.
HOLDERS = ("SELECT a.pid, l.objsubid FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
           " WHERE l.classid = 'customer_import._import_slices'::regclass AND l.objid = $1::bigint AND l.granted"
           "   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())")


def csv(records, header="userName,addRoles"):
    return header + "\n" + "".join(record + "\n" for record in records)


def new_customers(count, prefix="user", rest=",buyer"):
    return csv(f"{prefix}{index:07d}{rest}" for index in range(count))
