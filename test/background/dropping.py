"""What goes away under an import: another database, the extension, the customers table, the database itself."""

import subprocess
import time

from harness import (DATABASE, PROCESSES, Session, adds_up, counts_of, create_database, drop_database, fresh, gate, new_customers, psql,
                     record, submit, wait_ended, wait_idle, wait_until)

OTHER = "regress_background_other"


def processes(database):
    with Session(database="postgres") as admin:
        return admin.rows(f"SELECT pid, backend_type FROM pg_stat_activity WHERE {PROCESSES} AND datname = $1", [database])


def in_other_database(report, drop, what):
    """Begins an import in a database of its own, lets `drop` do its work while a worker waits, and looks on."""
    create_database(OTHER)
    try:
        with Session("regress_ann", OTHER) as ann, Session(database=OTHER) as admin:
            admin.rows("ALTER DATABASE regress_background_other SET customer_import.batch_rows = 100")
            with gate(admin) as holder:
                submit(ann, new_customers(500) + "wait1,buyer\n" + new_customers(500, prefix="x").split("\n", 1)[1])
                holder.wait()
                submit(ann, "userName,addRoles\nwait2,buyer\n")
                ann.close()
                drop(admin, holder)
        wait_until(lambda: not processes(OTHER), "its processes end")
        report.line(True, f"{what}: no process of the import is left")
        with Session(database="postgres") as after:
            # A process that ends leaves pg_stat_activity before it gives up its locks.
            wait_until(lambda: after.value("SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND database ="
                                           " (SELECT oid FROM pg_database WHERE datname = $1)", [OTHER]) == "0", "no lock is left")
            report.line(True, f"{what}: nor a lock")
    finally:
        drop_database(OTHER)


def test_drop_other_database(report):
    """DROP DATABASE of another one waits for all processes to take notice (ProcSignalBarrier)."""
    with fresh(batch_rows=100) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        psql("postgres", f"--command=CREATE DATABASE {OTHER} TEMPLATE template0")
        number = submit(ann, new_customers(500) + "wait1,buyer\n")
        holder.wait()
        began = time.monotonic()
        psql("postgres", f"--command=DROP DATABASE {OTHER}")
        took = time.monotonic() - began
        report.note(f"DROP DATABASE elsewhere while a worker waits: {took:.2f} s")
        report.line(took < 5, "while a worker waits, another database is dropped within 5 s", took)
        holder.open()
        report.equal(wait_ended(admin, number)["state"], "completed", "the import completes")
        admin.rows("DROP TRIGGER v_waits ON customers")
        psql("postgres", f"--command=CREATE DATABASE {OTHER} TEMPLATE template0")
        number = submit(ann, new_customers(100_000, prefix="busy"))
        wait_until(lambda: record(admin, number)["state"] != "queued", "it starts")
        began = time.monotonic()
        psql("postgres", f"--command=DROP DATABASE {OTHER}")
        took = time.monotonic() - began
        report.line(took < 5, "while one is busy too", took)
        report.note(f"DROP DATABASE elsewhere while workers are busy: {took:.2f} s, import {record(admin, number)['state']}")
        report.equal(wait_ended(admin, number)["state"], "completed", "that one completes")


def test_drop_extension(report):
    def drop(admin, holder):
        admin.start("DROP EXTENSION customer_import CASCADE")
        wait_until(lambda: holder.value(f"SELECT count(*) FROM pg_locks WHERE pid = {admin.pid} AND NOT granted") == "1" or not admin.busy(),
                   "DROP waits or ends")
        holder.open()
        began = time.monotonic()
        admin.finish()
        report.line(time.monotonic() - began < 10, "DROP EXTENSION is not held up by an import that goes on")
        report.line(admin.value("SELECT count(*) FROM customers") >= "0", "the customers are still there")
    in_other_database(report, drop, "DROP EXTENSION CASCADE")


def test_drop_extension_and_again(report):
    """The extension comes back at once: nothing of the old one disturbs it."""
    def drop(admin, holder):
        admin.start("DROP EXTENSION customer_import CASCADE")
        wait_until(lambda: holder.value(f"SELECT count(*) FROM pg_locks WHERE pid = {admin.pid} AND NOT granted") == "1" or not admin.busy(),
                   "DROP waits or ends")
        holder.open()
        admin.finish()
        admin.rows("DROP TABLE customers; CREATE EXTENSION customer_import; SELECT customer_import.create_customers_table();"
                   "SELECT customer_import.add_role_codes('{buyer}');"
                   "SELECT customer_import.add_operator('regress_ann', roles => '{administrator}')")
        with Session("regress_ann", OTHER) as ann:
            report.equal(wait_ended(admin, submit(ann, "userName,addRoles\nnew,buyer\n"))["state"], "completed",
                         "after DROP and CREATE EXTENSION the next import completes")
        wait_idle(admin)
    in_other_database(report, drop, "DROP and CREATE EXTENSION")


def test_other_table(report):
    """An import goes into the table for which it was submitted, or nowhere."""
    create_database(OTHER)
    try:
        with Session(database=OTHER) as admin:
            admin.rows("BEGIN")
            number = submit(admin, "userName,addRoles\na,buyer\n")
            admin.rows("SELECT customer_import.detach_customers_table(); CREATE TABLE v_other (u text PRIMARY KEY, r text[]);"
                       "SELECT customer_import.attach_customers_table('v_other', 'u', 'r'); COMMIT")
            row = wait_ended(admin, number)
            report.equal((row["state"], row["created"]), ("failed", 0), "another table than when it was submitted: it fails")
            report.matches(row["message"], "another one than when it was submitted", "and says why")
            report.equal(admin.value("SELECT count(*) FROM v_other"), "0", "nothing goes into that one")
            wait_idle(admin)
    finally:
        drop_database(OTHER)


def test_drop_table(report):
    def drop(admin, holder):
        admin.start("DROP TABLE customers CASCADE")
        wait_until(lambda: holder.value(f"SELECT count(*) FROM pg_locks WHERE pid = {admin.pid} AND NOT granted") == "1" or not admin.busy(),
                   "DROP waits or ends")
        holder.open()
        try:
            admin.finish()
        except Exception as error:  # pylint: disable=broad-except
            report.note(f"DROP TABLE customers: {error}")
        wait_until(lambda: admin.value("SELECT count(*) FROM customer_import.imports WHERE finished_at IS NULL") == "0", "both imports end")
        rows = admin.json("SELECT jsonb_agg(to_jsonb(i) ORDER BY id) FROM customer_import.imports AS i")
        report.equal([row["state"] for row in rows], ["failed", "failed"], "DROP TABLE: the imports fail")
        report.line(all(adds_up(row) and " failed: the customers table was dropped. " in row["message"] for row in rows),
                    "DROP TABLE: with counts, and a sentence", [row["message"] for row in rows])
        report.line(rows[0]["created"] > 0 and not any(word in row["message"] for row in rows for word in ("resume", "undo", "Put that right")),
                    "DROP TABLE: they offer nothing that cannot be done", [row["message"] for row in rows])
    in_other_database(report, drop, "DROP TABLE")


def test_detach(report):
    def drop(admin, holder):
        admin.start("SELECT customer_import.detach_customers_table()")
        wait_until(lambda: holder.value(f"SELECT count(*) FROM pg_locks WHERE pid = {admin.pid} AND NOT granted") == "1" or not admin.busy(),
                   "detach waits or ends")
        holder.open()
        admin.finish()
        wait_until(lambda: admin.value("SELECT count(*) FROM customer_import.imports WHERE finished_at IS NULL") == "0", "both imports end")
        rows = admin.json("SELECT jsonb_agg(to_jsonb(i) ORDER BY id) FROM customer_import.imports AS i")
        report.line(all(row["state"] == "failed" and " failed: the customers table was detached. " in row["message"] and adds_up(row) for row in rows),
                    "detach: the imports fail, and a sentence says why", [(row["state"], row["message"]) for row in rows])
    in_other_database(report, drop, "detach_customers_table")


def test_drop_own_database(report):
    def drop(admin, _):
        admin.close()
        began = time.monotonic()
        subprocess.run(["psql", "--no-psqlrc", "--quiet", "--dbname=postgres", f"--command=DROP DATABASE {OTHER} WITH (FORCE)"], check=True,
                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        report.line(time.monotonic() - began < 10, "DROP DATABASE WITH (FORCE) ends the database with its imports")
    try:
        in_other_database(report, drop, "DROP DATABASE")
    except Exception as error:  # pylint: disable=broad-except  # the gate's own session went too
        report.note(f"sessions of the dropped database: {type(error).__name__}")
    wait_until(lambda: not processes(OTHER), "its processes end")
    with fresh() as admin, Session("regress_ann") as ann:
        row = wait_ended(admin, submit(ann, "userName,addRoles\na,buyer\n"))
        report.equal((row["state"], counts_of(row)[0]), ("completed", 1), f"imports in {DATABASE} are not concerned")
