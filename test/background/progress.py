"""import_status while imports run, and the notifications of their states."""

import re
import time
from pathlib import Path

from harness import (Session, call_import, csv, fresh, gate, import_file, new_customers, run_in_background, status, submit, wait_ended,
                     wait_until)
from own_server import cluster

BAR = r"^\[(#*)(-*)\] (\d+) %$"


def watch(session, busy, seconds=60):
    """The different rows of import_status that a session sees while an import runs."""
    rows, end = [], time.monotonic() + seconds
    while busy() and time.monotonic() < end:
        row = session.json("SELECT jsonb_agg(to_jsonb(s) ORDER BY s.id) FROM customer_import.import_status AS s WHERE finished_at IS NULL")
        if row and (not rows or row[0]["records_done"] != rows[-1]["records_done"] or row[0]["state"] != rows[-1]["state"]):
            rows.append(row[0])
        time.sleep(0.002)
    return rows


def plausible(report, rows, total, what):
    running = [row for row in rows if row["state"] == "running" and row["records"]]
    done = [row["records_done"] for row in running if row["records_done"]]
    report.line(len(set(done)) >= 3 and done == sorted(done), f"{what}: another session sees at least three rising values", done)
    report.line(all(0 < value <= total for value in done), f"{what}: none beyond the records of the file", done)
    bars = [re.match(BAR, row["bar"]) for row in running]
    report.line(all(bars), f"{what}: bars look like bars", [row["bar"] for row in running])
    report.line(all(len(bar[1]) + len(bar[2]) == 10 and len(bar[1]) == int(bar[3]) // 10
                    and int(bar[3]) == (row["records_done"] or 0) * 100 // row["records"] for bar, row in zip(bars, running) if bar),
                f"{what}: and say how much is done", [(row["bar"], row["records_done"], row["records"]) for row in running])
    rated = [row for row in running if row["records_done"]]
    report.line(all(row["records_per_second"] and row["records_per_second"] > 0 for row in rated), f"{what}: there is a rate",
                [row["records_per_second"] for row in rated])
    report.line(all(row["time_left"] is not None and re.match(r"^\d\d:\d\d:\d\d", row["time_left"]) for row in rated),
                f"{what}: and a time that is left", [row["time_left"] for row in rated])


def test_background(report):
    total = 60_000
    with fresh(batch_rows=1000) as admin, Session("regress_ann") as ann, Session("regress_ann") as watcher:
        number = submit(ann, new_customers(total))
        rows = watch(watcher, lambda: status(admin, number)["finished_at"] is None)
        plausible(report, rows, total, "background")
        last = status(watcher, number)
        report.equal((last["state"], last["bar"], last["records_done"], last["records"], last["time_left"], last["created"]),
                     ("completed", "[##########] 100 %", total, total, None, total), "at the end all is done")
        report.line(last["records_per_second"] > 0, "with a rate", last)


def test_checking(report):
    """While a worker checks, the import has its number, the bytes of its file, and a bar of them; nothing else appears."""
    rows = []
    with fresh(batch_rows=1000) as admin, Session("regress_ann") as ann, Session("regress_adm") as adm:
        number = submit(ann, new_customers(600_000))
        size = int(admin.value("SELECT file_bytes FROM customer_import.imports"))

        end = time.monotonic() + 60
        while not (rows and rows[-1]["state"] == "running") and time.monotonic() < end:
            rows.extend(adm.json("SELECT jsonb_agg(to_jsonb(s)) FROM customer_import.import_status AS s"))
            time.sleep(0.002)
        checking = [row for row in rows if row["state"] == "checking" and row["bytes_read"]]
        report.line(checking and all(0 < row["bytes_read"] <= size == row["file_bytes"] for row in checking), "the bytes show", checking)
        report.line(all(re.match(BAR, row["bar"]) and int(re.match(BAR, row["bar"])[3]) == row["bytes_read"] * 100 // size for row in checking),
                    "with a bar", checking)
        report.line(all(re.match(rf"^Import {number} is being checked: \d+ (bytes|kB|MB) of \d+ (kB|MB)\.$", row["message"]) for row in checking),
                    "and the message says so", checking)
        running = [row for row in rows if row["state"] == "running"]
        report.line(all(re.match(rf"^Import {number} (is running(, with \d workers)?\.$|waits)", row["message"]) and row["bytes_read"] is None
                        for row in running), "a running import is not queued", running)
        report.equal({row["id"] for row in rows}, {number}, "no row but that of the import")
        ann.rows("SELECT customer_import.cancel_import($1)", [number])
        wait_ended(admin, number)


def test_values_in_the_middle(report):
    """Held at a record, everything is known exactly."""
    with fresh(batch_rows=10) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        number = submit(ann, csv([*(f"u{index},buyer" for index in range(60)), ",x", *(f"v{index},buyer" for index in range(8)),
                                  "wait1,buyer", *(f"z{index},buyer" for index in range(30))]), file_name="middle.csv")
        holder.wait()
        wait_until(lambda: "has waited" in status(ann, number)["message"], "it has waited long enough to say so")
        time_left = []
        for _ in range(2):
            row = status(ann, number)
            time_left.append(row["time_left"])
        report.equal((row["state"], row["operator"], row["file_name"], row["mode"], row["records"], row["records_done"], row["created"],
                      row["rejected"], row["bar"]),
                     ("running", "regress_ann", "middle.csv", "create_and_update", 100, 61, 60, 1, "[######----] 61 %"),
                     "committed batches and rejected records are done")
        seconds = float(admin.value("SELECT extract(epoch FROM clock_timestamp() - started_at) FROM customer_import.imports"))
        report.line(row["records_per_second"] >= 61 / (seconds + 0.001) / 2, "the rate is that of the whole time", row["records_per_second"])
        report.equal(time_left, [None, None], "while it waits for a lock, nobody knows how long it will take")
        holder.open()
        wait_ended(admin, number)


def test_bar_of_what_never_began(report):
    with fresh(max_running_imports=1) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        begun = submit(ann, "userName,addRoles\nwait1,buyer\n")
        holder.wait()
        number = submit(ann, "userName,addRoles\na,buyer\n")
        ann.rows("SELECT customer_import.cancel_import($1)", [number])
        row = status(ann, number)
        report.equal((row["state"], row["bar"]), ("canceled", "[----------] 0 %"), "a canceled import that never began has done nothing")
        holder.open()
        wait_ended(admin, begun)
        refused = run_in_background(admin, ann, 'userName,addRoles\na,"b\n')
        report.equal((refused["state"], status(ann, refused["id"])["bar"]), ("failed", "[----------] 0 %"), "nor has a refused file")
        report.matches(refused["message"], r"never closed\. Nothing was applied\. Put that right and try again\.$",
                       "it has no issues, and its message does not send there")
        empty = run_in_background(admin, ann, "userName,addRoles\n")
        report.equal((empty["state"], status(ann, empty["id"])["bar"]), ("completed", "[##########] 100 %"), "a file without records is done")


def test_who_sees(report):
    with fresh() as admin, Session("regress_ann") as ann, gate(admin) as holder, Session("regress_web") as web:
        number = submit(ann, "userName,addRoles\nwait1,buyer\n")
        holder.wait()
        web.rows("BEGIN; SELECT customer_import.act_as('kim')")
        acted = submit(web, "userName,addRoles\nwait2,buyer\n")
        web.rows("COMMIT")
        wait_until(lambda: status(admin, acted)["state"] == "running", "the second import runs")
        for user, expected in (("regress_ann", [number]), ("regress_ben", []), ("regress_adm", [number, acted]), ("regress_viv", []),
                               ("regress_web", [])):
            with Session(user) as session:
                report.equal([int(row[0]) for row in session.rows("SELECT id FROM customer_import.import_status ORDER BY id")], expected,
                             f"{user} sees what it may see")
                seen = session.rows("SELECT import_id FROM customer_import._running_imports() ORDER BY 1")
                report.line(len(seen) == len(expected), f"{user}: also beside the view", seen)
        for user in ("regress_vic", "regress_out"):
            with Session(user) as session:
                report.refused(session.error("SELECT * FROM customer_import.import_status"), "42501", f"{user} cannot look")
        for name, expected in (("kim", [acted]), ("lee", [])):
            web.rows(f"BEGIN; SELECT customer_import.act_as('{name}')")
            report.equal([int(row[0]) for row in web.rows("SELECT id FROM customer_import.import_status")], expected,
                         f"acting as {name} the gateway sees its imports")
            web.rows("COMMIT")
        holder.open()


def test_foreground(report):
    total = 60_000
    with fresh(batch_rows=1000) as admin, Session("regress_ann") as ann, Session("regress_ann") as watcher, Session("regress_ben") as ben:
        admin.rows("ALTER TABLE customers ALTER COLUMN phone SET DEFAULT ''")
        ann.start(call_import("text"), [new_customers(total), "Create & Update"])
        rows, others = [], 0
        rows = watch(watcher, ann.busy)
        ann.finish()
        plausible(report, rows, total, "foreground")
        checking = [row for row in rows if row["state"] == "checking"]
        report.line(all(row["id"] is None and row["records"] is None for row in checking), "while it checks there is no id", checking[:1])
        report.line(all(row[name] is None for row in rows for name in ("operator", "file_name", "created", "submitted_at", "finished_at")),
                    "fields that are not committed are NULL", rows[:1])
        running = [row for row in rows if row["state"] == "running"]
        report.line(running and all(row["id"] == 1 and row["started_at"] for row in running), "while it applies, the id is there", running[:1])
        report.matches(running[0]["message"], r"^regress_ann imports in session \d+\.$", "the message says who and where, and nothing of a wait")
        ann.start(call_import("text"), [new_customers(total, rest=",approver"), "Create & Update"])
        while ann.busy():
            others += int(ben.value("SELECT count(*) FROM customer_import.import_status"))
            time.sleep(0.005)
        ann.finish()
        report.equal(others, 0, "another operator does not see it")


def test_foreground_values(report):
    """Held at a record; an administrator and the operator see it, a rolled-back one leaves nothing."""
    with (fresh(batch_rows=10) as admin, Session("regress_ann") as ann, Session("regress_adm") as adm, gate(admin) as holder):
        ann.rows("BEGIN")
        ann.start(call_import("text"), [csv([*(f"u{index},buyer" for index in range(50)), "wait1,buyer", "z,buyer"]), "Create & Update"])
        wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'") == "1", "it waits")
        rows = adm.json("SELECT jsonb_agg(to_jsonb(s)) FROM customer_import.import_status AS s")
        report.equal([(row["state"], row["records"], row["records_done"], row["bar"]) for row in rows], [("running", 52, 50, "[#########-] 96 %")],
                     "an administrator sees what is applied but not committed")
        report.equal(adm.value("SELECT count(*) FROM customer_import.imports"), "0", "the history has nothing yet")
        report.line("customers" in admin.value("SELECT relid::regclass::text FROM pg_stat_progress_copy"), "pg_stat_progress_copy shows it too")
        holder.open()
        ann.finish()
        ann.rows("ROLLBACK")
        report.equal(adm.value("SELECT count(*) FROM customer_import.import_status"), "0", "after the roll-back there is nothing")
        report.line(ann.error("SELECT customer_import.import_customers('userName'::text, 'x')") is not None
                    and adm.value("SELECT count(*) FROM customer_import.import_status") == "0", "nor after an error")


def test_foreground_before_its_first_batch(report):
    """One that waits is shown, also when a subtransaction was rolled back before: that of the trial, or of a record that failed."""
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_adm") as adm, Session() as holder:
        admin.rows("ALTER TABLE customers ADD CONSTRAINT v_phone CHECK (phone <> 'bad'); INSERT INTO customers (user_name) VALUES ('a'), ('user0000500')")
        for what, content in (("the trial", new_customers(1000, rest=",555").replace("addRoles", "phone")),
                              ("a record that failed", csv(["a,bad", "user0000500,556"], "userName,phone"))):
            holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'user0000500'")
            ann.start(call_import("text"), [content, "Create & Update"])
            wait_until(lambda: admin.value(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {ann.pid}") == "Lock", "it waits")
            rows = adm.json("SELECT jsonb_agg(to_jsonb(s)) FROM customer_import.import_status AS s WHERE finished_at IS NULL") or []
            report.equal([(row["state"], row["session_pid"], row["records_done"]) for row in rows], [("running", int(ann.pid), 0)], f"it is shown after {what}")
            activity = "SELECT blocked_by::text FROM customer_import.import_activity WHERE finished_at IS NULL AND activity = 'blocked'"
            if rows:
                wait_until(lambda: adm.rows(activity), "it counts as blocked")
            report.equal(adm.rows(activity), [("{%s}" % holder.pid,)], f"with the session that it waits for, after {what}")
            holder.rows("COMMIT")
            ann.finish()


def take(session, collected, wanted="customer_import"):
    collected.extend(payload for channel, payload in session.notifications() if channel == wanted)
    return collected


def heard(listener, count):
    got = []
    wait_until(lambda: len(take(listener, got)) >= count, f"{count} notifications come")
    return got


def told(number, *states):
    return [f'{{"import_id": {number}, "state": "{state}"}}' for state in states]


def test_notifications(report):
    """`{"import_id": 7, "state": "completed"}`: nothing else, since every role that may connect hears it."""
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_out") as listener:
        listener.rows("LISTEN customer_import")
        ann.rows("BEGIN")
        submit(ann, "userName,addRoles\na,buyer\n")
        ann.rows("ROLLBACK")
        number = submit(ann, "userName,addRoles\na,buyer\nb,nonsense\n")
        wait_ended(admin, number)
        report.equal(heard(listener, 3), told(number, "queued", "checking", "completed"),
                     "one when it is queued, starts, ends; none for what was rolled back")
        failed = run_in_background(admin, ann, 'userName,addRoles\na,"b\n')
        report.equal(heard(listener, 3)[-1], told(failed["id"], "failed")[0], "a failure is told")
        import_file(ann, "userName,addRoles\nc,buyer\n")
        last = admin.value("SELECT max(id) FROM customer_import.imports")
        report.equal(heard(listener, 1), told(last, "completed"), "the foreground tells too")


def test_long_error(report):
    """An error text of any length ends the import under its own reason, and is not sent to listeners."""
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_out") as listener:
        admin.rows("CREATE FUNCTION v_fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                   " RAISE EXCEPTION 'secret of % %', NEW.user_name, repeat('x', 10000) USING ERRCODE = '0A000'; END $$;"
                   "CREATE TRIGGER v_fails BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_fails()")
        listener.rows("LISTEN customer_import")
        row = run_in_background(admin, ann, csv(["a,buyer"]))
        report.equal(row["state"], "failed", "an error of 10,000 bytes ends the import")
        report.matches(row["message"], r"secret of a x{10000} \(SQLSTATE 0A000\)", "under its own reason")
        report.equal(heard(listener, 3), told(row["id"], "queued", "checking", "failed"), "listeners do not hear of it")
        admin.rows("DROP FUNCTION v_fails() CASCADE")


def test_long_history(report):
    """What the planner expects of a long history does not make it compile the query, which takes longer than to run it."""
    with fresh() as admin, Session("regress_ann") as ann:
        admin.rows("INSERT INTO customer_import.imports (operator, database_role, mode, state, finished_at, records, created)"
                   " SELECT 'regress_ann', 'regress_ann', 'create_only', 'completed', now(), 10, 10 FROM generate_series(1, 10000);"
                   "INSERT INTO customer_import._import_slices (import_id, slice, ended) SELECT id, 0, true FROM customer_import.imports;"
                   "DELETE FROM pg_statistic WHERE starelid IN ('customer_import.imports'::regclass, 'customer_import._import_slices'::regclass)")
        limit = float(ann.value("SHOW jit_above_cost"))
        for analyzed in (False, True):
            if analyzed:
                admin.rows("ANALYZE customer_import.imports; ANALYZE customer_import._import_slices")
            for condition, most in (("", limit / 10), (" WHERE id = 7", limit / 100)):
                plan = ann.json(f"EXPLAIN (FORMAT JSON) SELECT * FROM customer_import.import_status{condition}")
                cost = plan[0]["Plan"]["Total Cost"]
                report.line(cost < most, f"10,000 imports, {'with' if analyzed else 'without'} statistics: import_status{condition} is cheap",
                            f"{cost} >= {most}", plan)
        report.equal(ann.value("SELECT count(*) FROM customer_import.import_status WHERE state = 'completed'"), "10000", "all are seen")


USAGE = "CREATE OR REPLACE FUNCTION pg_catalog.pg_notification_queue_usage() RETURNS double precision"


def test_full_queue(report):
    """Above a usage of 0.9 nothing is sent, so that no COMMIT fails for it: one line in the server's log each."""
    with cluster() as server, Session() as admin, Session("regress_ann") as ann, Session() as listener:
        listener.rows("LISTEN customer_import; LISTEN customer_import_email")
        admin.rows(f"{USAGE} LANGUAGE sql AS 'SELECT 0.91::float8'")  # of this database; to fill the queue takes 7 GB
        background = run_in_background(admin, ann, csv(["a,buyer"]))
        foreground = import_file(ann, csv(["b,buyer"]))
        report.equal((background["state"], foreground["state"]), ("completed", "completed"), "imports complete")
        admin.rows("SELECT customer_import.retry_message(min(id)) FROM customer_import.email_outbox")
        listener.rows("SELECT 1")
        report.equal(listener.notifications(), [], "nobody is told")
        lines = [line for log in Path(server.folder).glob("*.log") for line in log.read_text(errors="replace").splitlines()
                 if "is left out" in line]
        report.equal([line.split("LOG:  ")[-1].split('"')[1] for line in lines].count("customer_import"), 4, "a line in the log for each")
        report.equal(len(lines), 7, "also for each message of the outbox")
        report.equal(admin.value("SELECT count(*) FROM customer_import.email_outbox WHERE state = 'queued'"), "2", "messages wait for the mailer's poll")
        admin.rows(f"{USAGE} LANGUAGE sql AS 'SELECT 0.9::float8'")
        import_file(ann, csv(["c,buyer"]))
        got = []
        wait_until(lambda: got.extend(listener.notifications()) or len(got) >= 2, "the notifications come")
        report.equal(sorted(channel for channel, _ in got), ["customer_import", "customer_import_email"], "below it they are sent")
