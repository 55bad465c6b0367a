"""A queue that was restored into another database does nothing until a superuser releases it."""

import os
import subprocess
import tempfile

import databases
import harness
from harness import (DATABASE, Session, adds_up, counts_of, create_database, csv, drop_database, fresh, gate, new_customers, record, state, status,
                     submit, submit_error, wait_ended, wait_idle, wait_until)
from own_server import cluster, wait_for_server
from standby import copy_of

COPY = "regress_background_copy"
CONTENT = csv([*(f"a{index},buyer" for index in range(30)), "wait1,buyer", *(f"z{index},buyer" for index in range(30))])


def restore(dump, *options, check=True):
    create_database(COPY, fixture=False)
    subprocess.run(["pg_restore", *options, f"--dbname={COPY}", dump], check=check, stdin=subprocess.DEVNULL,
                   stderr=None if check else subprocess.DEVNULL)


def dump_and_restore(parallel):
    with tempfile.TemporaryDirectory(prefix="regress.") as folder:
        dump = os.path.join(folder, "dump")
        subprocess.run(["pg_dump", "--format=directory", f"--file={dump}", DATABASE], check=True, stdin=subprocess.DEVNULL)
        restore(dump, "--exit-on-error", *(["--jobs=4"] if parallel else []))
    with Session(database=COPY) as admin:
        admin.rows(f"ALTER DATABASE {COPY} SET customer_import.batch_rows = 10")


def test_held(report):
    for parallel in (False, True):
        what = "restored in parallel" if parallel else "restored"
        with fresh(batch_rows=10, max_running_imports=1) as admin, Session("regress_ann") as ann, gate(admin) as holder:
            done = submit(ann, "userName,addRoles\nfirst,buyer\n")
            wait_ended(admin, done)
            half, queued = submit(ann, CONTENT), None
            holder.wait()
            queued = submit(ann, "userName,addRoles\nlast,buyer\nbad,nonsense\n")
            dropped = submit(ann, "userName,addRoles\nnever,buyer\n")
            try:
                dump_and_restore(parallel)
                held(report, what, (done, half, queued, dropped))
            finally:
                drop_database(COPY)
            holder.open()
            report.equal([wait_ended(admin, number)["state"] for number in (half, queued, dropped)], ["completed"] * 3,
                         f"{what}: where it came from, all goes on")


def held(report, what, numbers):
    done, half, queued, dropped = numbers
    with Session(database=COPY) as admin, Session("regress_ann", COPY) as ann, Session("regress_adm", COPY) as adm:
        admin.rows("DROP TRIGGER v_waits ON customers")
        report.equal([state(admin, number) for number in numbers], ["completed", "running", "queued", "queued"], f"{what}: the history is there")
        mine = submit(ann, "userName,addRoles\nmine,buyer\n")
        report.equal(wait_ended(admin, mine)["state"], "completed", f"{what}: what is submitted there runs")
        wait_idle_of(admin)
        report.equal([state(admin, number) for number in numbers], ["completed", "held", "held", "held"], f"{what}: the others are held")
        report.equal(admin.value("SELECT count(*) FROM customers WHERE user_name ~ '^(z|last)'"), "0", f"{what}: nothing of them is applied")
        report.matches(status(ann, half)["message"], r"^Import \d+ is held: .*When that is out of use, a superuser .*release_restored\(\)",
                       f"{what}: import_status says what to do, and when")
        ann.rows("CALL customer_import.run_imports()")
        report.equal(state(admin, half), "held", f"{what}: run_imports() leaves them")
        for session in (ann, adm):
            report.refused(session.error("SELECT customer_import.release_restored()"), "42501", f"{what}: only superusers release")
        report.matches(ann.value("SELECT customer_import.cancel_import($1)", [dropped]), "canceled", f"{what}: a held one can be canceled")
        report.equal(state(admin, dropped), "canceled", f"{what}: it ends")
        report.equal(admin.value("SELECT count(*) FROM customer_import.email_outbox WHERE import_id = $1", [dropped]), "0",
                     f"{what}: without a report to its operator, who works elsewhere")
        report.equal(admin.value("SELECT customer_import.release_restored()"), "2", f"{what}: release_restored() says how many")
        row, other = wait_ended(admin, half), wait_ended(admin, queued)
        report.equal((row["state"], counts_of(row)), ("completed", (61, 0, 0, 0, 0, 0)), f"{what}: released, the half-done one goes on")
        report.equal((other["state"], counts_of(other)), ("completed", (1, 0, 0, 0, 1, 0)), f"{what}: and the queued one")
        report.line(adds_up(row) and adds_up(other), f"{what}: their counts add up")
        report.equal(admin.value("SELECT count(*) FROM customers"), "64", f"{what}: no customer is lost or doubled")
        report.equal(admin.value("SELECT count(DISTINCT line) FROM customer_import.import_changes WHERE import_id = $1", [half]), "61",
                     f"{what}: no change either")
        report.equal(admin.value("SELECT customer_import.release_restored()"), "0", f"{what}: a second call finds nothing")
        wait_idle_of(admin)


def test_released_at_once(report):
    """Right after a restore, before any supervisor has looked."""
    with fresh(max_running_imports=1) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        half = submit(ann, CONTENT)
        holder.wait()
        queued = submit(ann, "userName,addRoles\nlast,buyer\n")
        try:
            dump_and_restore(False)
            with Session(database=COPY) as copy, Session("regress_ann", COPY) as reader, Session("regress_ben", COPY) as ben:
                copy.rows("DROP TRIGGER v_waits ON customers")
                for number in (half, queued):
                    row = status(reader, number)
                    report.equal(row["state"], "held", "import_status says that it is held, though nobody has marked it yet")
                    report.matches(row["message"], rf"^Import {number} is held: .*release_restored\(\)\.$", "and what to do")
                report.equal([session.value("SELECT is_restored FROM customer_import._open_import($1)", [half]) for session in (reader, ben)], ["t", None],
                             "who does not see the import hears nothing")
                reader.rows("CALL customer_import.run_imports()")
                report.equal([state(copy, number) for number in (half, queued)], ["running", "queued"], "run_imports() leaves them")
                copy.rows("BEGIN")
                report.equal(copy.value("SELECT customer_import.release_restored()"), "2", "release_restored() counts them")
                report.equal(copy.value("SELECT sum(claims) FROM customer_import._import_slices"), "0",
                             "the worker that had one of them where it comes from has not died here")
                copy.rows("COMMIT")
                report.equal([wait_ended(copy, number)["state"] for number in (half, queued)], ["completed"] * 2, "and starts them")
                report.equal(copy.value("SELECT count(*) FROM customers"), "62", "all records are there")
                report.equal(copy.value("SELECT customer_import.release_restored()"), "0", "then there is nothing more")
                wait_idle_of(copy)
        finally:
            drop_database(COPY)
        report.equal(status(ann, half)["state"], "running", "where it came from, it is not held")
        holder.open()
        for number in (half, queued):
            wait_ended(admin, number)


# What doc/operations.md has for a copy that shall import and send nothing.
DISCARD = ("SELECT customer_import.cancel_import(id) FROM customer_import.imports WHERE finished_at IS NULL",
           "DELETE FROM customer_import.email_outbox WHERE state <> 'sent'")
LEFT = "SELECT held, messages_held, queued, waiting, messages_waiting, messages_failed, supervisor_needed FROM customer_import.import_health"
NOTHING = ("0", "0", "0", "0", "0", "0", "f")


def discarded(report, admin, what, numbers):
    for statement in DISCARD:
        admin.rows(statement)
    report.equal([state(admin, number) for number in numbers], ["canceled"] * len(numbers), f"{what}: what was open is canceled")
    report.equal(admin.rows(LEFT), [NOTHING], f"{what}: nothing rings any more, and no report is on its way")
    report.equal(admin.value("SELECT count(*) FROM customers WHERE user_name ~ '^z'"), "0", f"{what}: nothing more was applied")


def test_discarded(report):
    """A test system, from a dump: what was restored ends, and no operator hears of it."""
    with fresh(batch_rows=10, max_running_imports=1) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        wait_ended(admin, submit(ann, "userName,addRoles\nfirst,buyer\n"))
        half = submit(ann, CONTENT)
        holder.wait()
        queued = submit(ann, "userName,addRoles\nlast,buyer\n")
        try:
            dump_and_restore(False)
            with Session(database=COPY) as copy:
                report.equal(copy.rows(LEFT)[0][:2], ("2", "1"), "before, import_health tells that imports and a message are held")
                discarded(report, copy, "a test system", (half, queued))
                wait_idle_of(copy)
        finally:
            drop_database(COPY)
        holder.open()
        report.equal([wait_ended(admin, number)["state"] for number in (half, queued)], ["completed"] * 2, "where it came from, all goes on")


def test_clone(report):
    """A clone of the whole server looks like the original: it is started without workers, and its imports are ended."""
    values = {"shared_preload_libraries": "customer_import", "customer_import__databases": DATABASE}
    with cluster(wal_level="replica", max_wal_senders=4, customer_import__batch_rows=10, customer_import__max_running_imports=1, **values) as primary:
        with Session() as admin, Session("regress_ann") as ann, gate(admin) as holder:
            wait_ended(admin, submit(ann, "userName,addRoles\nfirst,buyer\n"))
            half = submit(ann, CONTENT)
            holder.wait()
            queued = submit(ann, "userName,addRoles\nlast,buyer\n")
            with copy_of(primary, False, max_worker_processes=0) as clone:
                with Session() as copy:
                    copy.rows("DROP TRIGGER v_waits ON customers")
                    report.equal(copy.rows(LEFT)[0][0], "0", "nothing is held in a clone")
                    discarded(report, copy, "a clone", (half, queued))
                clone.set(max_worker_processes=8)
                clone.restart()
                wait_for_server()
                with Session() as copy, Session("regress_ann") as reader:
                    report.equal(wait_ended(copy, submit(reader, "userName,addRoles\nmine,buyer\n"))["state"], "completed", "started as usual, it imports")
                    report.equal([state(copy, number) for number in (half, queued)], ["canceled"] * 2, "and not what was canceled")
                    report.equal(clone.complaints(), [], "the clone does not complain")
            holder.open()
            report.equal([wait_ended(admin, number)["state"] for number in (half, queued)], ["completed"] * 2, "in the original all goes on")


# What doc/operations.md has for roles that were missing during a restore.
GRANT = ("SELECT customer_import.alter_operator(name) FROM customer_import.operators",
         "SELECT customer_import.grant_gateway(name, may_act_as_admin) FROM customer_import.gateways",
         "SELECT customer_import.grant_mailer(name) FROM customer_import.mailers")


def test_roles_restored_later(report):
    """Roles that come after the data have lost what the extension had granted to them; it grants that anew."""
    with cluster(), tempfile.TemporaryDirectory(prefix="regress.") as folder:
        dump = os.path.join(folder, "dump")
        with Session() as admin:
            admin.rows("SELECT customer_import.grant_mailer('regress_ben')")
        subprocess.run(["pg_dump", "--format=directory", f"--file={dump}", DATABASE], check=True, stdin=subprocess.DEVNULL)
        drop_database(DATABASE)
        databases.drop_roles(harness.ROLES)
        restore(dump, check=False)
        with Session(database=COPY) as admin:
            report.equal(admin.error(GRANT[0]), None, "while the roles are missing, nothing is granted")
        harness.psql("postgres", f"--file={harness.HERE / 'roles.sql'}")
        with Session("regress_ann", COPY) as ann:
            report.refused(ann.error("SELECT count(*) FROM customers"), "42501", "a role that came later lacks its privileges", "permission denied")
        with Session(database=COPY) as admin:
            for statement in GRANT:
                admin.rows(statement)
        with Session("regress_ann", COPY) as ann, Session("regress_ben", COPY) as ben:
            report.equal(ann.error("SELECT count(*) FROM customers"), None, "granted anew, it sees the customers")
            row = wait_ended(ann, submit(ann, "userName,addRoles\na,buyer\n"))
            report.equal((row["state"], row["created"]), ("completed", 1), "and imports")
            report.equal(ben.error("SELECT customer_import.next_message_at()"), None, "and a mailer sends")


def wait_idle_of(admin):
    wait_until(lambda: admin.value(f"SELECT count(*) FROM pg_stat_activity WHERE {harness.PROCESSES} AND datname = current_database()") == "0",
               "its processes end")


def test_limit_counts_held(report):
    """Held imports count for the limit of their operator."""
    with fresh() as admin, Session("regress_ann") as ann:
        number = submit(ann, new_customers(10))
        wait_ended(admin, number)
        wait_idle(admin)
        admin.rows("UPDATE customer_import.imports SET state = 'held', finished_at = NULL; UPDATE customer_import._background_imports SET origin = '1/1'")
        with harness.settings(admin, max_queued_imports=1):
            with Session("regress_ann") as again:
                report.refused(submit_error(again, new_customers(10)), "53400", "held imports count as unfinished")
        report.equal(record(admin, number)["state"], "held", "nothing has let it go on")


def test_template_copy(report):
    """CREATE DATABASE … TEMPLATE makes another database too."""
    with fresh() as admin, Session("regress_ann") as ann:
        number = submit(ann, "userName,addRoles\na,buyer\n")
        wait_ended(admin, number)
    drop_database(COPY)
    try:
        # As if it had just been submitted. No session may be in the database while it is copied, and none starts a worker there.
        with Session() as admin:
            admin.rows("UPDATE customer_import.imports SET state = 'queued', finished_at = NULL, started_at = NULL;"
                       "UPDATE customer_import._import_slices SET ended = false, position = 0, created = 0, records = NULL;"
                       "UPDATE customer_import._background_imports SET slices = 0; DELETE FROM customers; DELETE FROM customer_import._import_change_pages")
        harness.psql("postgres", f"--command=CREATE DATABASE {COPY} TEMPLATE {DATABASE}")
        with Session("regress_ann", COPY) as ann, Session(database=COPY) as admin:
            wait_ended(admin, submit(ann, "userName,addRoles\nb,buyer\n"))
            wait_idle_of(admin)
            report.equal((state(admin, number), admin.value("SELECT count(*) FROM customers WHERE user_name = 'a'")), ("held", "0"),
                         "in a copy of the database the import is held")
    finally:
        drop_database(COPY)
        with Session() as admin:
            harness.end_imports(admin)
