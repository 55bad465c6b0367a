"""What the server's log says of imports in the background, and what it must not say; how their processes are named."""

import re
from pathlib import Path

from harness import (DATABASE, PROCESSES, Session, create_database, csv, fresh, gate, new_customers, settings, state, submit, wait_ended, wait_idle, wait_until)
from own_server import cluster

SECRET = "Sigrid-Undset"  # a customer
LOGS_ALL = {"log_line_prefix": "<%b> "}


def lines(server):
    """What the log has of us: the name of the process, the level, and the line."""
    found = []
    for log in Path(server.folder).glob("*.log"):
        found += re.findall(r"^<(.*?)> (\w+):  customer_import: (.*)$", log.read_text(errors="replace"), re.MULTILINE)
    return found


def whole_log(server):
    return "".join(log.read_text(errors="replace") for log in Path(server.folder).glob("*.log"))


def of_import(server, number):
    return [(level, re.sub(r"\d+\.\d s$", "N s", line)) for _, level, line in lines(server) if line.startswith(f"import {number} ")]


def test_life(report):
    """Queued, started, ended: with counts, seconds and SQLSTATE; nothing of a transaction that was rolled back."""
    with cluster(**LOGS_ALL) as server, Session() as admin, Session("regress_ann") as ann:
        good = submit(ann, csv([f"{SECRET},buyer", "b,nonsense"]))
        wait_ended(admin, good)
        wait_idle(admin)  # a line is written after the commit
        report.equal(of_import(server, good),
                     [("LOG", 'import %d of operator "regress_ann" queued: create_and_update, %d bytes' % (good, 49)),
                      ("LOG", f'import {good} of operator "regress_ann" started'),
                      ("LOG", f'import {good} of operator "regress_ann" completed: 1 created, 1 rejected; N s')], "an import that completes")
        refused = submit(ann, csv(["a,buyer", f'"{SECRET} is never closed,buyer']))
        row = wait_ended(admin, refused)
        wait_idle(admin)
        report.equal((row["state"], of_import(server, refused)[2:]),
                     ("failed", [("WARNING", f'import {refused} of operator "regress_ann" failed (SQLSTATE 22P04): no records; N s')]),
                     "a file that is refused: with its SQLSTATE, at WARNING")
        ann.rows("BEGIN")
        lost = submit(ann, csv(["c,buyer"]))
        ann.rows("ROLLBACK; BEGIN; SAVEPOINT s")
        lost_too = submit(ann, csv(["c,buyer"]))
        ann.rows("ROLLBACK TO s; SAVEPOINT t")
        kept = submit(ann, csv(["d,buyer"]))
        ann.rows("RELEASE t")
        report.equal(of_import(server, kept), [], "before the commit there is no line")
        canceled = submit(ann, csv(["e,buyer"]))
        ann.rows(f"SELECT customer_import.cancel_import({canceled}); COMMIT")
        wait_ended(admin, kept)
        wait_idle(admin)
        report.equal(of_import(server, lost) + of_import(server, lost_too), [], "what is rolled back, also to a savepoint, is not in the log")
        report.equal(len(of_import(server, kept)), 3, "what is kept is")
        report.equal([line.split('"')[-1] for _, line in of_import(server, canceled)],
                     [" queued: create_and_update, 26 bytes", " canceled: no records; N s"], "a canceled one ends at LOG")
        report.line(SECRET not in whole_log(server), "no customer and nothing of a file is in the log")
        report.line("STATEMENT" not in whole_log(server) and "CONTEXT" not in whole_log(server), "no line takes its statement along")


def test_retention(report):
    """An import that cannot be emptied: the error that is in the way may quote a customer."""
    with cluster(**LOGS_ALL) as server, Session() as admin, Session("regress_ann") as ann:
        old = submit(ann, csv([f"{SECRET},buyer"]))
        wait_ended(admin, old)
        admin.rows("UPDATE customer_import.imports SET finished_at = now() - interval '1 day'")
        admin.rows("CREATE FUNCTION quotes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no: %', OLD USING DETAIL = OLD::text; END $$;"
                   "CREATE TRIGGER quotes BEFORE UPDATE ON customer_import._import_change_pages FOR EACH ROW EXECUTE FUNCTION quotes()")
        wait_idle(admin)  # the next supervisor has the setting
        with settings(admin, retention="1h"):
            submit(ann, csv(["a,buyer"]))
            wait_until(lambda: "could not empty" in whole_log(server), "the log says that it is not emptied", 60)
        admin.rows("DROP FUNCTION quotes() CASCADE")
        wait_idle(admin)
        report.equal({line[1:] for line in lines(server) if "could not" in line[2]}, {("WARNING", f"could not empty import {old} (SQLSTATE P0001)")},
                     "with its SQLSTATE, at WARNING")
        report.line(SECRET not in whole_log(server) and "no: " not in whole_log(server), "but not with its text")


def test_client(report):
    """A session that wants to see LOG and WARNING sees none of these lines."""
    with fresh() as admin, Session("regress_ann") as ann:
        ann.rows("SET client_min_messages = 'log'")
        number = submit(ann, csv(["a,buyer"]))
        report.equal([notice for notice in ann.notices if "customer_import:" in notice["message"]], [], "the log's lines are for the log alone")
        wait_ended(admin, number)


def test_level(report):
    """customer_import.log_level."""
    with cluster(**LOGS_ALL) as server, Session() as admin, Session("regress_ann") as ann:
        admin.rows("LOAD 'customer_import'")
        report.equal(admin.value("SHOW customer_import.log_level"), "log", "the default is everything")
        ann.rows("SELECT customer_import.is_admin()")  # loads the library
        error = ann.error("SET customer_import.log_level = 'off'")
        report.equal(error and error.sqlstate, "42501", "not for everybody")
        for level, expected in (("warning", ["WARNING"]), ("off", [])):
            with settings(admin, log_level=level):
                with Session("regress_ann") as session:
                    numbers = [submit(session, csv(["a,buyer"])), submit(session, csv(['"a,buyer']))]
                for number in numbers:
                    wait_ended(admin, number)
                wait_idle(admin)
            report.equal([found for number in numbers for found, _ in of_import(server, number)], expected, f"log_level = {level}")


def given_up(server, number):
    """The last line of an import, without its number, operator and seconds."""
    level, line = of_import(server, number)[-1]
    return level, line.split('"')[-1].split(":")[0].strip()


def test_halved(report):
    """A batch that fails is halved until the record is alone: one line for that, then those of the record."""
    with cluster(**LOGS_ALL) as server, Session() as admin, Session("regress_ann") as ann:
        admin.rows("CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '0A000'; END $$;"
                   "CREATE TRIGGER v_fails BEFORE INSERT ON customers FOR EACH ROW WHEN (NEW.user_name = 'user0000013') EXECUTE FUNCTION fails()")
        number = submit(ann, new_customers(20))
        wait_ended(admin, number)
        wait_idle(admin)
        report.equal([line.split(": ", 1)[-1].split(",")[0] for level, line in of_import(server, number) if level == "WARNING"],
                     ["a batch of 20 failed (SQLSTATE 0A000)", "attempt 1 failed (SQLSTATE 0A000)",
                      "13 created"], "three lines")


def test_why_given_up(report):
    """The line of an import that is given up has a SQLSTATE, whoever ends it; where it is the role's fault, the message says what helps."""
    with cluster(**LOGS_ALL) as server, Session() as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, Session() as holder:
        holder.rows("SELECT pg_advisory_lock(4711)")
        admin.rows("CREATE TRIGGER v_waits BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION busy_here()")
        with settings(admin, max_running_imports=1):
            first = submit(ben, csv(["wait1,buyer"]))
            wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1", "it runs")
            late = submit(ben, csv(["b,buyer"]))
            admin.rows("UPDATE customer_import._import_slices SET wait_reason = 'no room', wait_sqlstate = '53100', waiting_since = now() - interval '2 days'"
                       " WHERE import_id = $1", [late])
            refused = submit(ann, csv(["a,buyer"]))
            admin.rows("ALTER ROLE regress_ann NOLOGIN")
            row = wait_ended(admin, refused)
            admin.rows("ALTER ROLE regress_ann LOGIN; REVOKE CONNECT ON DATABASE regress_background FROM PUBLIC")
            apart = submit(ann, csv(["a,buyer"]))
            wait_ended(admin, apart)
            admin.rows("GRANT CONNECT ON DATABASE regress_background TO PUBLIC")
            dead = submit(ben, csv(["c,buyer"]))
            admin.rows("UPDATE customer_import._import_slices SET claims = 3 WHERE import_id = $1", [dead])
            once = submit(ben, csv(["e,buyer"]))
            admin.rows("UPDATE customer_import._import_slices SET claims = 1 WHERE import_id = $1", [once])
            holder.rows("SELECT pg_advisory_unlock_all()")
            for number in (first, late, dead, once):
                wait_ended(admin, number)
        wait_idle(admin)
        report.equal([line.split(": ")[1] for number in (dead, once) for level, line in of_import(server, number) if "died" in line],
                     [f"{who}, while the file was checked" for who in ("3 workers in a row died without getting on with it", "a worker died")], "the log counts the workers that have died")
        report.matches(row["message"], r'denied: database role "regress_ann" may not log in, until ALTER ROLE regress_ann LOGIN\. Nothing was applied\. Put that right and',
                       "a role that may not log in: the message says what helps")
        report.equal([given_up(server, number) for number in (refused, apart, late, dead)],
                     [("WARNING", "denied (SQLSTATE 28000)")] * 2 + [("WARNING", "failed (SQLSTATE 53100)"), ("WARNING", "failed (SQLSTATE 57P02)")],
                     "NOLOGIN, no CONNECT, longest_wait, workers that died")
        ended = {}
        for sqlstate, sql in (("55000", "SELECT customer_import.detach_customers_table(); ALTER TABLE customers RENAME TO detached"), ("42P01", "DROP TABLE customers")):
            admin.rows("CREATE OR REPLACE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$;"
                       "CREATE TRIGGER v_no_room BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION no_room()")
            number = submit(ann, csv(["d,buyer"]))
            wait_until(lambda: admin.rows("UPDATE customer_import._import_slices SET next_attempt_at = now() + interval '1 hour'"
                                          " WHERE import_id = $1 AND wait_sqlstate = '53100' RETURNING slice", [number]), "it is set aside")
            admin.rows(sql)
            admin.rows("UPDATE customer_import._import_slices SET next_attempt_at = now()")
            wait_ended(admin, number)
            wait_idle(admin)
            ended[sqlstate] = given_up(server, number)
            if sqlstate == "55000":
                admin.rows("SELECT customer_import.create_customers_table()")
        report.equal(ended, {sqlstate: ("WARNING", f"failed (SQLSTATE {sqlstate})") for sqlstate in ("55000", "42P01")}, "a table that was detached, or dropped")


def test_names(report):
    """pg_stat_activity and %b say which import and slice a process works on."""
    with fresh() as admin, Session("regress_ann") as ann, gate(admin) as holder:
        number = submit(ann, csv(["wait1,buyer"]))
        holder.wait()
        report.equal(admin.rows(f"SELECT application_name FROM pg_stat_activity WHERE {PROCESSES} ORDER BY backend_type"),
                     [("customer_import supervisor",), (f"customer_import worker, import {number} slice 0",)], "processes have a name")
        holder.open()
        wait_ended(admin, number)


def test_no_slot_for_the_supervisor(report):
    """Whoever submits finds no slot: the log says so, once for each session."""
    with cluster(max_worker_processes=0, **LOGS_ALL) as server, Session() as admin, Session("regress_ann") as ann:
        ann.rows("SET client_min_messages = 'log'")
        numbers = [submit(ann, csv(["a,buyer"])) for _ in range(2)]  # which return when the line is written
        report.equal([(level, line) for _, level, line in lines(server) if "slot" in line],
                     [("WARNING", "imports wait: no background worker slot is free for the supervisor (max_worker_processes)")], "in one line")
        report.equal([notice for notice in ann.notices if "slot" in notice["message"]], [], "which is for the log alone")
        report.line("STATEMENT" not in whole_log(server), "without its statement")
        ann.rows("CALL customer_import.run_imports()")
        report.equal([wait_ended(admin, number)["state"] for number in numbers], ["completed"] * 2, "run_imports() runs them")


LOOKS = ("SELECT message FROM customer_import.import_status WHERE finished_at IS NULL", "SELECT free_worker_slots FROM customer_import.import_health",
         "SELECT activity FROM customer_import.import_activity", "CALL customer_import.wait_for_import(1, '0 s')")


def test_looks_without_slot(report):
    """Who looks while no slot is free, as monitoring does each minute, sees that and leaves no line in the log; who queues an import does."""
    with cluster(max_worker_processes=0, **LOGS_ALL) as server, Session() as admin:
        def lines_of_slots():
            return len([line for _, _, line in lines(server) if "slot is free" in line])

        with Session("regress_ann") as ann:
            number = submit(ann, csv(["a,buyer"]))
        report.equal((number, lines_of_slots()), (1, 1), "who has queued an import leaves a line")
        seen = []
        for look in LOOKS:
            with Session() as onlooker:
                seen.append(onlooker.rows(look)[0][-1])
                onlooker.rows("SELECT 1")
        wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name = 'test'") == "1",
                   "their sessions have ended")
        report.equal(lines_of_slots(), 1, "who looks leaves none")
        report.line("no background worker slot is free" in seen[0] and seen[1] == "0" and seen[2] == "queued" and seen[3] == seen[0], "and sees it", seen)
        with Session("regress_ann") as ann:
            ann.rows("SELECT * FROM customer_import.import_status")
            submit(ann, csv(["b,buyer"]))
        report.equal(lines_of_slots(), 2, "who looks first and then queues one leaves a line")


def test_supervisor_is_there(report):
    """A session that finds no slot for a supervisor which another one has started meanwhile says nothing."""
    with cluster(max_worker_processes=3, **LOGS_ALL) as server, Session() as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, \
            gate(admin) as holder:
        ann.rows("BEGIN")
        late = submit(ann, csv(["a,buyer"]))
        first = submit(ben, csv(["wait1,buyer"]))
        holder.wait()
        report.equal(admin.value("SELECT customer_import._free_worker_slots()"), "0", "supervisor, worker and the server's own have all slots")
        ann.rows("COMMIT")
        holder.open()
        report.equal([wait_ended(admin, number)["state"] for number in (first, late)], ["completed"] * 2, "both imports complete")
        report.equal([line for _, _, line in lines(server) if "for the supervisor" in line], [], "and the log has no word of a missing slot")


def test_slot_comes_free(report):
    """Who submits while no slot is free starts the supervisor when one is: after the next transaction, whatever it does, or at the end of the session.
    When that ended before, whoever looks does."""
    other = f"{DATABASE}_other"
    is_running = f"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor' AND datname = '{DATABASE}'"  # who asks import_health starts one
    for pays, when in ((lambda ann, _: ann.rows("SELECT 1"), "after its next transaction"), (lambda ann, _: ann.close(), "at the end of the session"),
                       (lambda _, admin: admin.rows("SELECT FROM customer_import.import_health"), "when somebody looks")):
        with cluster(max_worker_processes=2, log_min_messages="debug1", **LOGS_ALL) as server, Session() as admin:
            create_database(other)
            with Session("regress_ann", other) as first, Session("regress_ann") as ann:
                submit(first, csv(["a,buyer"]))  # the launcher of logical replication has the other slot
                wait_until(lambda: admin.value("SELECT customer_import._free_worker_slots()") == "0", "the supervisor of another database has the last slot")
                number = submit(ann, csv(["a,buyer"]))
                if when == "when somebody looks":
                    ann.close()
                admin.rows(f"DROP DATABASE {other} WITH (FORCE)")
                wait_until(lambda: 'unregistering background worker "customer_import supervisor"' in whole_log(server), "it is free")
                report.equal((state(admin, number), admin.value(is_running)), ("queued", "0"), "the import waits")
                pays(ann, admin)
                wait_until(lambda: admin.value(is_running) == "1", f"a supervisor is there {when}", 60)
                report.equal(len([line for _, _, line in lines(server) if "slot is free for the supervisor" in line]), 1, f"{when}: one line in the log")


def test_no_slot(report):
    """One line as long as no slot is free for a worker."""
    with cluster(max_worker_processes=2, **LOGS_ALL) as server, Session() as admin, Session("regress_ann") as ann:
        number = submit(ann, csv(["a,buyer"]))
        wait_until(lambda: "no background worker slot" in whole_log(server), "the log says that there is no slot")
        ann.rows("CALL customer_import.run_imports()")
        wait_idle(admin)
        report.equal([(name, level, line) for name, level, line in lines(server) if "slot" in line],
                     [("customer_import supervisor", "WARNING",
                       f"import {number} waits: no background worker slot is free (max_worker_processes)")], "once, with the process's name")
        report.equal(len(of_import(server, number)), 4, "CALL run_imports() writes its lines as well")
