"""Other sessions are in the way: locks, lock timeouts, deadlocks, serialization failures."""

import harness
from harness import (Session, adds_up, counts_of, csv, fresh, gate, record, run_in_background, settings, submit, wait_ended, wait_until,
                     waits_for_lock)

SEED = "INSERT INTO customers (user_name) SELECT 'u' || n FROM generate_series(1, 100) AS n"
CONTENT = csv(f"u{index},buyer" for index in range(1, 101))


def test_row_lock(report):
    with fresh(batch_rows=10) as admin, Session("regress_ann") as ann, Session() as holder:
        admin.rows(SEED)
        holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'u50'")
        number = submit(ann, CONTENT)
        wait_until(lambda: waits_for_lock(admin), "the worker waits")
        holder.rows("COMMIT")
        row = wait_ended(admin, number)
        report.equal((row["state"], counts_of(row)), ("completed", (0, 100, 0, 0, 0, 0)), "a worker waits for a row and goes on")
        report.equal(admin.rows("SELECT company, roles::text FROM customers WHERE user_name = 'u50'"), [("theirs", "{buyer}")],
                     "and loses nothing of what the other session wrote")


def test_lock_timeout(report):
    """A shorter lock_timeout of the role holds: the batch is rolled back, the slice set aside, and tried again."""
    with fresh(batch_rows=10) as admin, Session("regress_ann") as ann, Session() as holder:
        admin.rows(SEED)
        with settings(admin, scope="ROLE regress_ann", lock_timeout="20ms"):
            holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'u50'")
            number = submit(ann, CONTENT)
            waits = "SELECT waits FROM customer_import._import_slices WHERE import_id = $1"
            wait_until(lambda: int(admin.value(waits, [number])) >= 2, "it is tried again")
            row = record(admin, number)
            report.equal((row["state"], admin.value("SELECT position % 10 FROM customer_import._import_slices WHERE import_id = $1", [number])),
                         ("running", "0"), "a lock timeout does not end the import, nor does it leave half a batch")
            holder.rows("COMMIT")
            row = wait_ended(admin, number)
        report.equal((row["state"], counts_of(row)), ("completed", (0, 100, 0, 0, 0, 0)), "the batch is repeated, and applied once")
        report.equal(admin.value("SELECT count(*) FROM customer_import.import_changes"), "100", "each change is listed once")
        report.equal(admin.value(waits, [number]), "0", "once it gets on, its waits are forgotten")


def test_deadlock(report):
    """The worker is the victim of a deadlock, for it is the last one to wait: its batch is repeated."""
    with (fresh(batch_rows=100, deadlock_timeout="10ms") as admin, Session("regress_ann") as ann, gate(admin) as holder,
          Session(options="-c deadlock_timeout=60s") as other):
        admin.rows(SEED)
        other.rows("BEGIN; UPDATE customers SET company = 'x' WHERE user_name = 'u99'")
        number = submit(ann, csv(["u1,buyer", "wait1,buyer", "u99,buyer"]))
        holder.wait()
        other.start("UPDATE customers SET company = 'x' WHERE user_name = 'u1'; COMMIT")
        wait_until(lambda: admin.value(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {other.pid}") == "Lock", "it waits for u1")
        holder.open()
        row = wait_ended(admin, number)
        other.finish()
        report.equal((row["state"], counts_of(row)), ("completed", (1, 2, 0, 0, 0, 0)), "after a deadlock the batch is applied once")
        report.equal(admin.value("SELECT count(*) FROM customers WHERE company = 'x' AND roles = '{buyer}'"), "2", "both have what they wrote")


def test_serialization(report):
    """An error of class 40 from a trigger is repeated like the server's own; until it has waited for too long."""
    with fresh(batch_rows=5, longest_wait="1s") as admin, Session("regress_ann") as ann:
        admin.rows("CREATE SEQUENCE v_attempts; GRANT USAGE ON SEQUENCE v_attempts TO PUBLIC;"
                   "CREATE FUNCTION v_fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                   " IF NEW.company = 'fail' AND nextval('public.v_attempts') < TG_ARGV[0]::int THEN"
                   " RAISE EXCEPTION 'try again' USING ERRCODE = '40001'; END IF; RETURN NEW; END $$;"
                   "CREATE TRIGGER v_fails BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_fails('5')")
        content = csv(["a,", "b,", "c,fail", "d,"], "userName,company")
        row = run_in_background(admin, ann, content)
        report.equal((row["state"], counts_of(row)), ("completed", (4, 0, 0, 0, 0, 0)), "four serialization failures are repeated")
        report.equal(admin.value("SELECT count(*) FROM customer_import.import_issues"), "0", "and leave no issue")
        if harness.SLOW:
            admin.rows("TRUNCATE customers; ALTER SEQUENCE v_attempts RESTART; DROP TRIGGER v_fails ON customers;"
                       "CREATE TRIGGER v_fails BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_fails('10000')")
            row = run_in_background(admin, ann, content)
            report.equal((row["state"], adds_up(row)), ("failed", True), "those that never end are too many")
            report.matches(row["message"], "longest_wait allows: try again.*40001", "the message says what it was")
        admin.rows("DROP FUNCTION v_fails() CASCADE; DROP SEQUENCE v_attempts")


def test_other_errors(report):
    """An error that is neither a record's fault nor passes ends the import, where it comes from one record alone; the next import is
    not concerned."""
    with fresh(batch_rows=2) as admin, Session("regress_ann") as ann:
        admin.rows("CREATE FUNCTION v_fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.company = 'fail' THEN"
                   " RAISE EXCEPTION 'no such thing' USING ERRCODE = '0A000'; END IF; RETURN NEW; END $$;"
                   "CREATE TRIGGER v_fails BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_fails()")
        row = run_in_background(admin, ann, csv(["a,", "b,", "c,", "d,fail", "e,"], "userName,company"))
        report.equal((row["state"], counts_of(row)), ("failed", (3, 0, 0, 0, 0, 2)), "another error: what came before the record is applied")
        report.matches(row["message"], "no such thing.*0A000", "its message says what it was")
        admin.rows("DROP FUNCTION v_fails() CASCADE")
        row = run_in_background(admin, ann, csv(["z,buyer"]))
        report.equal(row["state"], "completed", "the next import completes")


def test_two_imports_of_the_same(report):
    """Two imports at once on the same customers: both complete, each change is there once."""
    with fresh(batch_rows=20) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben:
        names = [f"s{index:04d}" for index in range(2000)]
        first = submit(ann, csv(f"{name},buyer" for name in names))
        second = submit(ben, csv(f"{name},approver" for name in reversed(names)))
        rows = [wait_ended(admin, first, 60), wait_ended(admin, second, 60)]
        report.equal([row["state"] for row in rows], ["completed"] * 2, "both complete")
        report.equal(sum(row["created"] for row in rows), 2000, "each customer is created by one of them")
        report.equal(sum(row["updated"] for row in rows), 2000, "and updated by the other one")
        report.equal(admin.rows("SELECT roles::text, count(*) FROM customers GROUP BY 1"), [("{approver,buyer}", "2000")], "all have both roles")


def test_drop_column(report):
    """The table changes under the import: a clear state."""
    with fresh(batch_rows=10) as admin, Session("regress_ann") as ann, Session() as holder:
        admin.rows(SEED + "; ALTER TABLE customers ADD COLUMN v_more text")
        holder.rows("BEGIN; SELECT FROM customers WHERE user_name = 'u50' FOR UPDATE")
        number = submit(ann, CONTENT)
        wait_until(lambda: waits_for_lock(admin), "the worker waits")
        with Session() as changer:
            changer.start("ALTER TABLE customers DROP COLUMN v_more")
            wait_until(lambda: admin.value(f"SELECT count(*) FROM pg_locks WHERE pid = {changer.pid} AND NOT granted") == "1", "ALTER waits")
            holder.rows("ROLLBACK")
            changer.finish()
        row = wait_ended(admin, number)
        report.equal((row["state"], row["updated"]), ("completed", 100), "a column dropped between two batches")
