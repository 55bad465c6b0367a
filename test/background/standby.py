"""A hot standby starts nothing and blocks nothing; once promoted, it resumes imports."""

import os
import shutil
import time
from contextlib import contextmanager

from harness import DATABASE, Session, counts_of, csv, fresh, gate, state, status, submit, wait_ended, wait_until
from own_server import Server, as_server, cluster, is_up, server_program, wait_for_server

CONTENT = csv([*(f"a{index},buyer" for index in range(30)), "wait1,buyer", *(f"z{index},buyer" for index in range(30))])
FUNCTIONS = (
    "SELECT customer_import.import_customers(E'userName,email\\na,b\\n'::text, 'Create Only', background => true)",
    "SELECT customer_import.import_customers(E'userName,email\\na,b\\n'::text, 'Create Only')",
    "SELECT customer_import.cancel_import(1)", "CALL customer_import.run_imports()",
)
ADMIN_FUNCTIONS = ("SELECT customer_import.purge_imports('1 day')", "SELECT customer_import.release_restored()")
# A call of each function in C, with arguments of the right types, and whether it is one of those that only read.
CALLS = """
SELECT p.proname, format(CASE p.prokind WHEN 'p' THEN 'CALL %1$s(%2$s)' ELSE 'SELECT %1$s(%2$s)' END, p.oid::regproc, (
           SELECT string_agg(format('%L::%s', CASE WHEN t.typcategory = 'A' THEN '{}' ELSE
                      ('{"text": "x", "bytea": "x", "bigint": "1", "integer": "1", "boolean": "true", "interval": "1 day", "jsonb": "{}",
                         "oid": "1", "regclass": "pg_class", "name": "x", "numeric": "1"}'::jsonb) ->> a.type::text END, a.type), ', ' ORDER BY a.place)
             FROM unnest(p.proargtypes::regtype[]) WITH ORDINALITY AS a (type, place) JOIN pg_type AS t ON t.oid = a.type))
  FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
 WHERE p.pronamespace = 'customer_import'::regnamespace AND l.lanname = 'c' AND p.provolatile = 'v' AND p.prorettype <> 'trigger'::regtype
   AND p.proname NOT LIKE '\\_%' ORDER BY 1, 2
"""
# Those of them that write nothing.
READERS = {"act_as", "next_message_at", "wait_for_import"}
STANDBY = ("25006", "cannot write on a standby server", "Connect to the primary server. A standby only shows what has been done there.", None)
READ_ONLY = ("25006", "cannot write in a read-only transaction", "Call it in a transaction that is READ WRITE.", None)


def what_is_said(error):
    """All that a client shows of an error."""
    return error and (error.sqlstate, error.message, error.hint, error.context)


def writes_nowhere(report, session, what, begin, expected):
    """Every function that writes says in one sentence that it cannot, and where it can, and nothing of what it would have run."""
    calls = session.rows(CALLS)
    report.line(len(calls) > 40, f"{what}: there are such functions", calls)
    for name, sql in calls:
        session.rows(begin)
        error = what_is_said(session.error(sql))
        session.rows("ROLLBACK")
        if name in READERS:
            report.line(error is None or error[0] != "25006", f"{what}: {name} only reads", sql, error)
        else:
            report.equal(error, expected, f"{what}: {sql}")


@contextmanager
def copy_of(primary, follows, **values):
    """A copy of a running server, with settings of its own: one that follows it, or one that goes its own way."""
    folder = os.path.join(primary.folder, "copy")
    if not as_server("mkdir", "-p", f"{folder}/socket"):
        raise OSError(f"cannot make {folder}")
    data = f"{folder}/data"
    if not as_server(server_program("pg_basebackup"), "--pgdata", data, "--host", primary.folder, "--username=postgres", *(["--write-recovery-conf"] if follows else []),
                     "--wal-method=stream", "--checkpoint=fast", "--no-sync"):
        raise OSError("pg_basebackup has failed")
    with open(f"{data}/postgresql.conf", "a", encoding="utf-8") as file:
        file.write(f"unix_socket_directories = '{folder}/socket'\nhot_standby = on\n")
    server = Server(data, f"{folder}/socket")
    server.set(**values)
    before = os.environ["PGHOST"]
    try:
        if not server.start():
            raise OSError("the copy does not start: " + server.log.read_text(errors="replace")[-1000:])
        os.environ["PGHOST"] = server.folder
        wait_until(is_up, "the copy is up")
        yield server
    finally:
        os.environ["PGHOST"] = before
        server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def standby_of(primary):
    return copy_of(primary, True)


def on_standby(report, numbers):
    """What can and what cannot be done on a standby."""
    with Session("regress_ann") as ann, Session("regress_adm") as adm, Session() as admin:
        report.equal(admin.value("SELECT pg_is_in_recovery()"), "t", "it is a standby")
        for session, statements in ((ann, FUNCTIONS), (adm, ADMIN_FUNCTIONS[:1]), (admin, (*FUNCTIONS, *ADMIN_FUNCTIONS))):
            session.rows("SET statement_timeout = '10s'")
            for sql in statements:
                began = time.monotonic()
                error = session.error(sql)
                report.line(what_is_said(error) == STANDBY and time.monotonic() - began < 5,
                            f"on a standby, at once, {session.user or 'a superuser'}: {sql}", what_is_said(error))
        writes_nowhere(report, admin, "on a standby", "BEGIN", STANDBY)
        report.equal([state(ann, number) for number in numbers], ["running", "queued"], "the history can be read")
        row = status(ann, numbers[0])
        report.line(row["state"] == "running" and row["records_done"] == 30 and row["time_left"] is None,
                    "import_status too, as far as it has come over", row)
        for number, name in zip(numbers, ("running", "queued")):
            report.matches(status(ann, number)["message"], rf"^Import {number} is {name} on the primary server, as of (\d\d:\d\d:\d\d|the backup that it was made from)\. This is a standby",
                           f"it says of the {name} one where it runs")
        report.equal(admin.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('customer_import worker', 'customer_import supervisor')"),
                     "0", "nothing runs there")


def begin(ann, holder):
    numbers = [submit(ann, CONTENT)]
    holder.wait()
    numbers.append(submit(ann, "userName,addRoles\nlast,buyer\n"))
    return numbers


def promoted(report, server, launcher):
    what = "promoted, with the launcher" if launcher else "promoted, without preload"
    report.line(server.promote(), f"{what}: it becomes a primary")
    wait_for_server()
    with Session() as admin, Session("regress_ann") as ann:
        if not launcher:
            admin.rows("DROP TRIGGER IF EXISTS v_waits ON customers")
            report.equal(state(admin, 1), "running", f"{what}: the import waits")
            submit(ann, "userName,addRoles\nmore,buyer\n")
        rows = [wait_ended(admin, number, 90) for number in (1, 2)]
        report.equal([(row["state"], counts_of(row)) for row in rows],
                     [("completed", (61, 0, 0, 0, 0, 0)), ("completed", (1, 0, 0, 0, 0, 0))], f"{what}: it goes on, each record once")
        report.equal(admin.value("SELECT count(*) FROM customers WHERE user_name <> 'more'"), "62", f"{what}: nothing is lost or doubled")
    report.equal(server.complaints(), [], f"{what}: the server does not complain")


def test_read_only(report):
    """The same in a transaction that is READ ONLY."""
    with fresh() as admin:
        writes_nowhere(report, admin, "READ ONLY", "BEGIN READ ONLY", READ_ONLY)


def test_standby(report):
    # Settings of the server: one of a database would come too late for a supervisor that a launcher has started at once.
    limits = {"customer_import__batch_rows": 10, "customer_import__max_running_imports": 1}
    for launcher in (False, True):
        more = {"shared_preload_libraries": "customer_import", "customer_import__databases": DATABASE} if launcher else {}
        with cluster(wal_level="replica", max_wal_senders=4, **limits, **more) as primary:
            with Session() as admin, Session("regress_ann") as ann, gate(admin) as holder:
                numbers = begin(ann, holder)
                with standby_of(primary) as server:
                    wait_until(lambda: holder.value("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()") == "1",
                               "the standby has caught up")
                    on_standby(report, numbers)
                    primary.stop("immediate")
                    promoted(report, server, launcher)
