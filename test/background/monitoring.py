"""import_health and import_activity while imports run, and the files for Prometheus and for Nagios that read them."""

import os
import re
import subprocess

from harness import DATABASE, HOLDERS, PATIENCE, ROOT, Session, call_import, csv, fresh, gate, status, submit, wait_ended, wait_until
from own_server import cluster

HEALTH = "SELECT to_jsonb(h) FROM customer_import.import_health AS h"
ACTIVITY = "SELECT jsonb_agg(to_jsonb(a) ORDER BY a.id) FROM customer_import.import_activity AS a"
NO_MESSAGES = "DELETE FROM customer_import.email_outbox"  # which other parts leave
CHECK = ROOT / "monitoring/check_customer_import"
PAGE = ROOT / "doc/operations.md"
EXPORTER = ROOT / "monitoring/postgres_exporter.yaml"


def check(*arguments, **environment):
    """The exit status and the line of the check."""
    done = subprocess.run([CHECK, *arguments, f"dbname={DATABASE} user=regress_mon"], env={**os.environ, **environment}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.strip()


def test_blocked(report):
    """An import that waits for another session, as a role sees it that is no superuser."""
    with fresh(**{"batch_rows": 10, PATIENCE: "1h"}) as admin, Session("regress_ann") as ann, Session("regress_ben") as holder, \
            Session("regress_mon") as monitor:
        admin.rows(NO_MESSAGES)
        admin.rows("INSERT INTO customers (user_name) SELECT 'u' || n FROM generate_series(1, 30) AS n")
        holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'u15'")
        number = submit(ann, csv(f"u{index},buyer" for index in range(1, 31)), file_name="secret.csv")
        wait_until(lambda: monitor.json(HEALTH)["blocked"] == 1, "it is blocked")
        health = monitor.json(HEALTH)
        report.equal([health[name] for name in ("queued", "waiting", "running", "blocked", "held", "supervisor_needed", "supervisor_running")],
                     [0, 0, 0, 1, 0, True, True], "the health says so")
        report.line(isinstance(health["xmin_age"], int), "and how old its snapshot is", health)
        row, = monitor.json(ACTIVITY)
        report.equal((row["id"], row["activity"], row["state"], row["workers"], row["blocked_by"]), (number, "blocked", "running", 1, [int(holder.pid)]),
                     "the activity says by whom")
        report.line(row["waiting_since"] and health["oldest_waiting"], "and both since when, also of one that is not set aside", row)
        report.line("secret" not in str(row) and "regress" not in str(row), "and names nobody", row)
        code, line = check()
        report.line(code == 1 and line.startswith("CUSTOMER_IMPORT WARNING - blocked is 1 | "), "the check warns", (code, line))
        code, line = check("--blocked", "1,1")
        report.line(code == 2 and line.startswith("CUSTOMER_IMPORT CRITICAL - blocked is 1 | "), "and alarms, by its threshold", (code, line))
        code, line = check("--blocked", ",")
        report.line(code == 0 and line.startswith("CUSTOMER_IMPORT OK - 1 import has not ended | "), "and is silent without one", (code, line))
        holder.rows("COMMIT")
        wait_ended(admin, number)


# A slice that was set aside for a lock is not to be tried again: how often it was.
PAUSE = ("UPDATE customer_import._import_slices SET next_attempt_at = now() + interval '1 hour' WHERE import_id = $1 AND wait_sqlstate = '55P03'"
         " AND blocker_pids = $2 AND next_attempt_at > now() RETURNING waits")


def test_set_aside(report):
    """Between its attempts an import is blocked as long as the session holds the lock, and tried again when it does not, whatever the pause was."""
    with fresh(**{PATIENCE: "2s"}) as admin, Session("regress_ann") as ann, Session("regress_ben") as holder, Session("regress_eve") as next_one, \
            Session("regress_mon") as monitor:
        admin.rows(NO_MESSAGES)
        admin.rows("INSERT INTO customers (user_name) VALUES ('a'), ('b')")
        holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'a'")
        number = submit(ann, csv(["a,buyer"]))

        def pause(session):
            waits = int(wait_until(lambda: admin.value(PAUSE, [number, "{%s}" % session.pid]), "it is set aside for that session", 60))
            wait_until(lambda: not admin.rows(HOLDERS, [number]), "no worker has it")
            return waits

        def shown():
            health, row = monitor.json(HEALTH), monitor.json(ACTIVITY)[0]
            return [health["blocked"], health["waiting"], row["activity"], row["workers"], row["blocked_by"]]

        waits = pause(holder)
        report.equal(shown(), [1, 0, "blocked", 0, [int(holder.pid)]], "it is blocked while no worker has it")
        report.matches(status(ann, number)["message"], rf"held too long, by session {holder.pid} of role regress_ben", "the message says by whom")
        report.equal(check()[0], 1, "the check warns")
        seen = set()
        admin.rows("UPDATE customer_import._import_slices SET next_attempt_at = now()")
        again = wait_until(lambda: seen.add(monitor.json(HEALTH)["blocked"]) or admin.value(PAUSE, [number, "{%s}" % holder.pid]), "it is set aside again")
        report.equal((int(again) > waits, seen), (True, {1}), "it is blocked all the time until it is set aside again")
        waits = pause(holder)
        next_one.start("BEGIN; UPDATE customers SET company = 'mine' WHERE user_name = 'a'")
        wait_until(lambda: admin.value(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {next_one.pid}") == "Lock", "another one waits for the row")
        holder.rows("COMMIT; BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'b'")
        next_one.finish()
        report.line(pause(next_one) > waits, "it is tried at once, though the session has begun another transaction, and waits for longer the next time")
        report.equal(shown(), [1, 0, "blocked", 0, [int(next_one.pid)]], "for the one that has the lock now")
        monitor_sees = "SELECT count(*) FROM customer_import.import_activity WHERE activity = 'blocked'"
        next_one.rows("COMMIT")
        report.equal(wait_ended(admin, number, 60)["state"], "completed", "it completes when that one has gone, too")
        report.equal(monitor.value(monitor_sees), "0", "and blocks no more")
        holder.rows("ROLLBACK")


def test_wait_grows(report):
    """How long an import has waited for a lock goes on when its slice is set aside: it falls at no look."""
    with fresh(**{PATIENCE: "1500ms"}) as admin, Session("regress_ann") as ann, Session("regress_ben") as holder, Session("regress_mon") as monitor:
        admin.rows("INSERT INTO customers (user_name) VALUES ('a')")
        holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'a'")
        number = submit(ann, csv(["a,buyer"]))
        seen = []

        def look():
            # A worker that gives up is shown neither as waiting nor as set aside for some milliseconds.
            seen.extend(float(row[0]) for row in monitor.rows("SELECT extract(epoch FROM oldest_waiting) FROM customer_import.import_health") if row[0])
            return int(admin.value("SELECT waits FROM customer_import._import_slices WHERE import_id = $1", [number])) == 2

        wait_until(look, "it is set aside for the second time")
        look()
        fallen = [pair for pair in zip(seen, seen[1:]) if pair[1] < pair[0]]
        report.equal((len(seen) > 10, fallen), (True, []), "it grows from look to look, over both attempts")
        report.line(seen[-1] > 3, "and counts both", seen[-1])
        holder.rows("COMMIT")
        wait_ended(admin, number)
        with gate(admin) as wall:
            number = submit(ann, csv(["wait1,buyer"]))
            wall.wait()
            wait_until(lambda: (found := monitor.json(ACTIVITY)[-1])["activity"] == "blocked" and found, "it is blocked")
            since = monitor.json(ACTIVITY)[-1]["waiting_since"]
            admin.rows(f"SELECT pg_terminate_backend(h.pid) FROM ({HOLDERS}) AS h", [number])
            wait_until(lambda: admin.value("SELECT waits FROM customer_import._import_slices WHERE import_id = $1", [number]) == "1", "its worker is ended")
            report.equal(monitor.json(ACTIVITY)[-1]["waiting_since"], since, "one whose worker is ended while it waits has waited since the same moment")
            wall.open()
            wait_ended(admin, number)


def statement_of_page(words):
    """The statement of doc/operations.md that has these words."""
    found = [sql for sql in re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL) if words in sql]
    assert len(found) == 1, found
    return found[0]


def test_end_blockers(report):
    """The statements of the page show who blocks imports, and end all but what imports itself."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, Session("regress_eve") as eve, \
            Session("regress_mon") as monitor, Session() as holder, gate(admin, busy=True) as wall:
        admin.rows("INSERT INTO customers (user_name) VALUES ('a'), ('b')")
        ann.start(call_import("text"), [csv(["a,buyer", "wait1,buyer"]), "Create & Update"])
        wait_until(lambda: (monitor.json(ACTIVITY) or [{}])[0].get("records_done") == 1, "an import in the foreground has a row")
        holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'b'")
        numbers = [submit(ben, csv(["a,approver"])), submit(eve, csv(["b,approver"]))]
        wait_until(lambda: monitor.json(HEALTH)["blocked"] == 2, "two are blocked")
        report.equal(sorted((row[0], row[-1]) for row in admin.rows(statement_of_page("AS imports"))), sorted([(str(ann.pid), "t"), (str(holder.pid), "f")]),
                     "the page shows who blocks them, and which of these imports")
        report.equal(admin.rows(statement_of_page("pg_terminate_backend(s.pid)")), [(str(holder.pid), "t")], "and ends the other one")
        wall.open()
        ann.finish()
        report.equal([wait_ended(admin, number)["state"] for number in numbers], ["completed"] * 2, "the import in the foreground goes on, then both complete")


def test_blocked_foreground(report):
    """An import of a session that waits for another one says since when."""
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_ben") as holder, Session("regress_mon") as monitor:
        admin.rows("INSERT INTO customers (user_name) VALUES ('a')")
        holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'a'")
        ann.start(call_import("text"), [csv(["a,buyer"]), "Create & Update"])
        health = wait_until(lambda: (found := monitor.json(HEALTH))["blocked"] and found, "it is blocked")
        row, = monitor.json(ACTIVITY)
        report.line(row["session_pid"] == int(ann.pid) and row["waiting_since"] and health["oldest_waiting"], "an import in the foreground, too", (row, health))
        holder.rows("COMMIT")
        ann.finish()


def test_no_room(report):
    """One that waits for room, or for anything else but its turn, alarms when it has not got on for long."""
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_mon") as monitor:
        admin.rows(NO_MESSAGES)
        admin.rows("CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$;"
                   "CREATE TRIGGER v_no_room BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION no_room()")
        number = submit(ann, csv(["a,buyer"]))
        wait_until(lambda: admin.rows("UPDATE customer_import._import_slices SET next_attempt_at = now() + interval '1 hour', waiting_since = now() - interval '11 minutes'"
                                      " WHERE import_id = $1 AND wait_sqlstate = '53100' RETURNING slice", [number]), "it is set aside")
        wait_until(lambda: not admin.rows(HOLDERS, [number]), "no worker has it")
        health, row = monitor.json(HEALTH), monitor.json(ACTIVITY)[0]
        report.equal([health["waiting"], health["oldest_queued"], health["oldest_waiting"][:7], row["activity"], row["waiting_since"] is None],
                     [1, None, "00:11:0", "waiting", False], "the health says how long it has waited")
        code, line = check()
        report.line(code == 1 and re.match(r"CUSTOMER_IMPORT WARNING - oldest-waiting is 6\d\d \| ", line), "the check warns", (code, line))
        code, line = check("--oldest-waiting", "60,600")
        report.line(code == 2 and line.startswith("CUSTOMER_IMPORT CRITICAL - oldest-waiting is 6"), "and alarms, by its threshold", (code, line))
        admin.rows("DROP FUNCTION no_room() CASCADE; UPDATE customer_import._import_slices SET next_attempt_at = now()")
        wait_ended(admin, number)
        report.equal(monitor.json(HEALTH)["oldest_waiting"], None, "when it has ended, none waits")


def test_thresholds(report):
    """What cannot be meant is refused before anything is read."""
    with fresh():
        for figure, given, fault in (("failed", "10,5", "WARNING may not be above CRITICAL: 10,5"), ("failed", "9,10", None), ("failed", "5,5", None),
                                     ("notify-queue", "0.9,0.5", "WARNING may not be above CRITICAL: 0.9,0.5"), ("notify-queue", "0.05,0.5", None),
                                     ("free-slots", "0,1", "WARNING may not be below CRITICAL: 0,1"), ("free-slots", "1,0", None),
                                     ("failed", "5,", None), ("failed", ",5", None), ("failed", ",", None), ("failed", "5", "two numbers"), ("failed", "", "two numbers"),
                                     ("failed", "1.2.3,4", "two numbers"), ("failed", ".,.", "two numbers"), ("failed", "-1,5", "two numbers"), ("failed", "a,b", "two numbers")):
            code, line = check(f"--{figure}", given)
            if fault:
                report.line(code == 3 and line.startswith(f"CUSTOMER_IMPORT UNKNOWN - --{figure} needs WARNING,CRITICAL") and fault in line,
                            f"--{figure} {given!r} is refused", (code, line))
            else:
                report.line(code != 3, f"--{figure} {given!r} is taken", (code, line))


def test_foreground(report):
    """What is in no table yet."""
    with fresh(batch_rows=10) as admin, Session("regress_ann") as ann, Session("regress_mon") as monitor, gate(admin, busy=True) as holder:
        ann.rows("BEGIN")
        ann.start(call_import("text"), [csv([*(f"u{index},buyer" for index in range(50)), "wait1,buyer"]), "Create & Update"])
        wait_until(lambda: (monitor.json(ACTIVITY) or [{}])[0].get("records_done") == 50, "it shows")
        row, = monitor.json(ACTIVITY)
        report.equal((row["activity"], row["session_pid"], row["records"], row["records_done"], row["workers"]),
                     ("running", int(ann.pid), 51, 50, 0), "an import in the foreground shows")
        report.equal(monitor.json(HEALTH)["running"], 1, "and counts")
        holder.open()
        ann.finish()
        ann.rows("ROLLBACK")
        report.equal((monitor.json(ACTIVITY), monitor.json(HEALTH)["running"]), (None, 0), "rolled back, it has not been")


def test_no_slots(report):
    """Nothing can start what waits."""
    with cluster(max_worker_processes=0) as server:
        with Session() as admin, Session("regress_ann") as ann, Session("regress_mon") as monitor:
            number = submit(ann, "userName,addRoles\na,buyer\n")
            admin.rows("UPDATE customer_import.imports SET submitted_at = submitted_at - interval '20 minutes'")
            health = monitor.json(HEALTH)
            report.equal([health[name] for name in ("queued", "supervisor_needed", "supervisor_running", "free_worker_slots")], [1, True, False, 0],
                         "the health says what is missing")
            code, line = check()
            report.line(code == 2 and re.match(r"CUSTOMER_IMPORT CRITICAL - oldest-queued is 12\d\d, no-supervisor is 1, free-slots is 0 \| oldest-queued=12", line),
                        "the check alarms", (code, line))
            admin.rows("UPDATE customer_import.imports SET submitted_at = submitted_at - interval '2 hours'")
            ann.rows("CALL customer_import.run_imports()")
            report.equal(status(ann, number)["state"], "completed", "run_imports() does it")
            health = monitor.json(HEALTH)
            report.equal([health[name] for name in ("queued", "supervisor_needed", "oldest_queued")], [0, False, None], "then nothing is missing")
        report.equal(server.complaints(), [], "the server does not complain")


def test_check(report):
    """Its words, figures and ends."""
    with fresh() as admin:
        admin.rows(NO_MESSAGES)
        code, line = check()
        report.line(code == 0 and re.fullmatch(r"CUSTOMER_IMPORT OK - nothing to do \| [a-z-]+=[0-9.]+;[0-9.]*;[0-9.]*( [a-z-]+=[0-9.]+;[0-9.]*;[0-9.]*){12}", line),
                    "all is well: one line, with all figures", (code, line))
        for arguments in (("--nosuch", "1,2"), ("--blocked", "x"), ("--blocked",)):
            code, line = check(*arguments)
            report.line(code == 3 and line.startswith("CUSTOMER_IMPORT UNKNOWN - "), f"{arguments}: unknown", (code, line))
        admin.rows("UPDATE pg_database SET datcollversion = '0' WHERE datname = current_database()")
        try:
            code, line = check()
            report.line(code == 0 and line.startswith("CUSTOMER_IMPORT OK - nothing to do | "), "what the server warns of at the connection does not hide the figures",
                        (code, line))
            code, line = check(PGOPTIONS="-c role=nosuch")
            report.line(code == 3 and re.fullmatch(r'CUSTOMER_IMPORT UNKNOWN - .*FATAL.*"nosuch".*', line), "nor an error", (code, line))
        finally:
            admin.rows("UPDATE pg_database SET datcollversion = NULL WHERE datname = current_database()")
        code, line = check(PGPORT="1")
        report.line(code == 3 and "\n" not in line and line.startswith("CUSTOMER_IMPORT UNKNOWN - "), "no server: unknown", (code, line))
        for option in ("--help", "-h"):
            code, line = check(option)
            report.line(code == 3 and "figures of" not in line and "--FIGURE" in line, f"{option} tells how it is called", line)
        for arguments in (("-x",), ("dbname=other",)):
            code, line = check(*arguments)
            report.line(code == 3 and line.startswith("CUSTOMER_IMPORT UNKNOWN - ") and arguments[0] in line, f"{arguments[0]} beside the connection is refused", (code, line))
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([CHECK, f"dbname={DATABASE} user=regress_mon"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        report.equal((done.returncode, done.stderr), (3, "CUSTOMER_IMPORT UNKNOWN - could not write the result: No space left on device\n"),
                     "a line that cannot be written: unknown, and why")
        admin.rows("REVOKE pg_monitor FROM regress_mon")
        try:
            code, line = check()
            report.line(code == 3 and "permission denied" in line, "a role that may not look: unknown", (code, line))
        finally:
            admin.rows("GRANT pg_monitor TO regress_mon")


def test_exporter(report):
    """The query gives a number for each metric, and for nothing else."""
    text = EXPORTER.read_text(encoding="utf-8")
    query = re.search(r"query: \|\n((?:    .*\n)+)", text)[1]
    metrics = re.findall(r"^    - (\w+):\n        usage: GAUGE\n        description: .+\.$", text, re.MULTILINE)
    with fresh(), Session("regress_mon") as monitor:
        row = monitor.json(f"SELECT to_jsonb(q) FROM ({query}) AS q")
        report.equal(set(row), set(metrics), "each metric has its column")
        report.line(len(metrics) == 21 and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in row.values()),
                    "all are numbers", row)
