"""A session that holds what one import needs delays no other: lock_timeout, turns, what supervisors skip, cancels that end a wait."""

import re

from harness import (HOLDERS, PATIENCE, Session, call_import, counts_of, csv, fresh, gate, new_customers, run_in_background, state, status, submit, wait_ended,
                     wait_idle, wait_state, wait_until, waits_for_lock)

SEED = "INSERT INTO customers (user_name) SELECT 'u' || n FROM generate_series(1, 30) AS n"
CONTENT = csv(f"u{index},buyer" for index in range(1, 31))
HOLD = "BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'u5'"
WAITS = "SELECT sum(waits) FROM customer_import._import_slices WHERE import_id = $1"
DUE = ("UPDATE customer_import._import_slices SET next_attempt_at = now() WHERE next_attempt_at > now();"
       "SELECT pg_reload_conf()")  # which also wakes the supervisor


def wait_set_aside(admin, number):
    wait_until(lambda: int(admin.value(WAITS, [number])) > 0, f"import {number} is set aside")


def blocked(admin):
    """The imports whose workers have waited for locks for half a second."""
    return {int(row[0]) for row in admin.rows(
        "SELECT h.objid::bigint FROM pg_locks AS h JOIN pg_locks AS w ON w.pid = h.pid AND NOT w.granted"
        " WHERE h.classid = 'customer_import._import_slices'::regclass AND h.granted AND w.waitstart < clock_timestamp() - interval '0.5 seconds'"
        "   AND h.database = (SELECT oid FROM pg_database WHERE datname = current_database())")}


def wait_looked(admin, *numbers):
    """Until the supervisor has looked again and again at imports that are blocked (it notes by whom): what it would start is there."""
    for _ in range(30):
        admin.rows("UPDATE customer_import._import_slices SET blocked_by = NULL")
        admin.rows("SELECT pg_reload_conf()")  # which wakes it
        wait_until(lambda: all(admin.value("SELECT max(blocked_by) FROM customer_import._import_slices WHERE import_id = $1", [number]) for number in numbers),
                   "the supervisor looks")


def test_blocked_gives_its_place(report):
    """One whose worker waits for a row leaves its place to other operators, long before the worker gives up; not to its own operator."""
    with fresh(**{"max_running_imports": 1, PATIENCE: "1min"}) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, Session() as holder:
        admin.rows(SEED)
        holder.rows(HOLD)
        first, own = submit(ann, CONTENT), submit(ann, csv(["a,buyer"]))
        others = [submit(ben, csv([f"b{index},buyer"])) for index in range(3)]
        report.equal([wait_ended(admin, number)["state"] for number in others], ["completed"] * 3, "imports of another operator complete")
        wait_looked(admin, first)
        report.equal((admin.value(WAITS, [first]), state(admin, first), state(admin, own)), ("0", "running", "queued"),
                     "while its worker still waits, and the operator's next one for its turn")
        holder.rows("COMMIT")
        report.equal([wait_ended(admin, number)["state"] for number in (first, own)], ["completed"] * 2, "both complete in the end")
        report.equal(admin.value("SELECT array_agg(id ORDER BY started_at)::text FROM customer_import.imports WHERE operator = 'regress_ann'"),
                     "{%d,%d}" % (first, own), "in their order")


def test_one_lock_blocks_all(report):
    """Where all wait for one lock, only as many more start as there are places; one of several slices is blocked when all its workers are."""
    with fresh(max_running_imports=1) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, Session("regress_eve") as eve, \
            Session() as holder:
        admin.rows(SEED)
        holder.rows(HOLD)
        numbers = [submit(session, CONTENT) for session in (ann, ben, eve)]
        wait_until(lambda: blocked(admin) == set(numbers[:2]), "two are blocked")
        wait_looked(admin, *numbers[:2])
        report.equal((state(admin, numbers[2]), admin.value("SELECT fence FROM customer_import._import_slices WHERE import_id = $1", [numbers[2]])),
                     ("queued", "0"), "a third one does not start")
        holder.rows("COMMIT")
        report.equal([wait_ended(admin, number)["state"] for number in numbers], ["completed"] * 3, "all complete in the end")


def test_half_blocked(report):
    """One of whose two workers only one waits has its place."""
    with fresh(max_running_imports=1) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, \
            Session() as busy, Session() as holder:
        # By a policy: with a trigger, which gate() has, a large file has only one worker.
        admin.rows("CREATE OR REPLACE FUNCTION v_passes(user_name text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
                   " WHILE user_name LIKE 'wait%' AND NOT pg_try_advisory_xact_lock_shared(4711) LOOP PERFORM pg_sleep(0.01); END LOOP;"
                   " RETURN true; END $$; CREATE POLICY v_waits ON customers AS RESTRICTIVE FOR INSERT WITH CHECK (v_passes(user_name));"
                   "INSERT INTO customers (user_name) VALUES ('a')")
        busy.rows("SELECT pg_advisory_lock(4711)")
        holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'a'")
        large = submit(ann, csv([*(f"b{index:06d},buyer" for index in range(20_000)), "a,buyer", "wait1,buyer"]))
        wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1", "one of its workers is busy")
        wait_until(lambda: blocked(admin) == {large}, "the other waits for a row")
        number = submit(ben, new_customers(20_000))
        wait_looked(admin, large)
        report.equal(state(admin, number), "queued", "the next import waits for its turn")
        busy.rows("SELECT pg_advisory_unlock_all()")
        report.equal(wait_ended(admin, number)["state"], "completed", "and runs when only that worker is left")
        report.equal((state(admin, large), admin.value(WAITS, [large])), ("running", "0"), "which still waits")
        holder.rows("COMMIT")
        report.equal(wait_ended(admin, large)["created"], 20_001, "both complete in the end")
        admin.rows("DROP FUNCTION v_passes(text) CASCADE")


def test_beside_large_files(report):
    """Large files that take all places leave one for a small file; of an operator of whom nothing runs, and one at a time."""
    with fresh(max_running_imports=1) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, Session("regress_eve") as eve, \
            Session("regress_adm") as adm, gate(admin, busy=True) as holder:
        large = submit(ann, new_customers(20_000, "a") + "wait1,buyer\n")
        wait_state(admin, large, "running")
        waiting = [submit(ann, csv(["a,buyer"])), submit(eve, new_customers(20_000, "e"))]
        small = [submit(ben, csv([f"b{index},buyer"])) for index in range(3)]
        report.equal([wait_ended(admin, number, 60)["state"] for number in small], ["completed"] * 3, "small files of another operator complete")
        held = submit(ben, csv(["wait2,buyer"]))
        wait_state(admin, held, "running")
        waiting.append(submit(eve, csv(["e,buyer"])))
        for _ in range(2):  # the supervisor looks twice
            gone = submit(adm, csv(["never,buyer"]))
            admin.rows("ALTER ROLE regress_adm NOLOGIN; SELECT pg_reload_conf()")
            report.equal(wait_ended(admin, gone)["state"], "denied", "the supervisor ends one that cannot run")
            admin.rows("ALTER ROLE regress_adm LOGIN")
        holder.open()
        report.equal([wait_ended(admin, number)["state"] for number in (large, held, *waiting)], ["completed"] * 5, "all complete in the end")
        report.equal(admin.value("SELECT count(*) FROM customer_import.imports WHERE id = ANY ($1) AND started_at > (SELECT min(finished_at)"
                                 " FROM customer_import.imports WHERE id = ANY ($2))",
                                 ["{%d,%d,%d}" % tuple(waiting), "{%d,%d}" % (large, held)]), "3",
                     "one of the same operator, a large one, and a second small one have waited for their turn")


def test_slots_are_free(report):
    """An operator locks a row and queues imports that need it: the imports of others run."""
    with fresh(**{"batch_rows": 10, "max_running_imports": 2, PATIENCE: "50ms"}) as admin, Session("regress_ann") as ann, \
            Session("regress_ben") as ben, Session("regress_ann") as holder:
        admin.rows(SEED)
        holder.rows(HOLD)
        held = [submit(ann, CONTENT) for _ in range(2)]
        for number in held:
            wait_set_aside(admin, number)
        for index in range(3):
            row = run_in_background(admin, ben, csv([f"new{index},buyer"]))
            report.equal(row["state"], "completed", f"import {index} of another operator completes")
        report.equal([state(admin, number) for number in held], ["running"] * 2, "those that wait have not ended")
        # Not while it is being tried once more.
        wait_until(lambda: status(ann, held[0])["message"].startswith(f"Import {held[0]} waits: a lock that it needs was held too long"),
                   "import_status says so")
        report.line(True, "and say so")
        holder.rows("COMMIT")
        rows = [wait_ended(admin, number) for number in held]
        report.equal([row["state"] for row in rows], ["completed"] * 2, "when the lock is free they complete")
        report.equal(sum(row["updated"] for row in rows), 30, "and each change is made once")
        report.equal(admin.value("SELECT count(*) FROM customer_import.import_changes"), "33", "and listed once")
        report.equal(admin.rows("SELECT company, roles::text FROM customers WHERE user_name = 'u5'"), [("theirs", "{buyer}")],
                     "what the other session wrote is not lost")


def test_blocker(report):
    """import_status names the session that holds the lock, while a worker waits and when it has given up, and for what."""
    with fresh(**{"batch_rows": 10, PATIENCE: "2s"}) as admin, Session("regress_ann") as ann, Session("regress_ben") as holder:
        admin.rows(SEED)
        holder.rows(HOLD)
        number = submit(ann, CONTENT)
        blocker = rf"session {holder.pid} of role regress_ben"
        time = r"\d\d:\d\d:\d\d"
        waits = rf"^Import {number} has waited since {time} for a row of table (public\.)?customers, held by {blocker}"
        wait_until(lambda: re.match(waits + r"\.$", status(ann, number)["message"]), "import_status names the blocker")
        wait_until(lambda: re.match(waits + rf" in a transaction since {time}\.$", status(admin, number)["message"]),
                   "and who may know it since when it is in a transaction")
        wait_until(lambda: (row := status(ann, number))["message"].startswith(f"Import {number} has waited") and row["time_left"] is None,
                   "nobody knows then how long it will take")
        wait_until(lambda: re.search(rf"held too long, by {blocker} in a transaction since {time}\. It is tried again at", status(ann, number)["message"]),
                   "import_status names it afterwards")
        report.line(True, "import_status names the blocker")
        holder.rows("COMMIT")
        report.equal(counts_of(wait_ended(admin, number)), (0, 30, 0, 0, 0, 0), "the import completes")


def test_as_long_as_it_takes(report):
    """No number of waits ends an import, nor does it make it a suspect of killing its workers."""
    with fresh(**{"batch_rows": 10, PATIENCE: "1ms"}) as admin, Session("regress_ann") as ann, Session() as holder:
        admin.rows(SEED)
        holder.rows(HOLD)
        number = submit(ann, CONTENT)

        def waited():
            admin.rows(DUE)
            return int(admin.value(WAITS, [number])) > 20
        wait_until(waited, "it has waited more often than workers may die or start")
        report.equal((state(admin, number), admin.value("SELECT claims FROM customer_import._import_slices WHERE import_id = $1", [number])),
                     ("running", "0"), "after 20 waits it still runs")
        holder.rows("COMMIT")
        admin.rows(DUE)
        report.equal(counts_of(wait_ended(admin, number, 70)), (0, 30, 0, 0, 0, 0), "and completes when the lock is free")


def test_table_lock(report):
    """The whole table is locked before the file has been read: the same."""
    with fresh(**{PATIENCE: "20ms"}) as admin, Session("regress_ann") as ann, Session() as holder:
        admin.rows(SEED)
        holder.rows("BEGIN; LOCK TABLE customers IN SHARE ROW EXCLUSIVE MODE")
        number = submit(ann, CONTENT)
        wait_set_aside(admin, number)
        report.equal(state(admin, number), "checking", "it waits before its check")
        holder.rows("COMMIT")
        report.equal(counts_of(wait_ended(admin, number)), (0, 30, 0, 0, 0, 0), "and completes")


def test_timeout(report):
    """import_timeout ends what waits."""
    with fresh(**{"batch_rows": 10, PATIENCE: "20ms", "import_timeout": "1s"}) as admin, Session("regress_ann") as ann, Session() as holder:
        admin.rows(SEED)
        holder.rows(HOLD)
        row = wait_ended(admin, submit(ann, CONTENT))
        report.equal(row["state"], "failed", "import_timeout ends an import that waits")
        report.matches(row["message"], "import_timeout", "and it says so")
        holder.rows("COMMIT")


def test_turns(report):
    """An operator with a running import comes after those without one; then the one that has waited longest."""
    with fresh(max_running_imports=1) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, Session("regress_eve") as eve, \
            gate(admin, busy=True) as holder:
        mine = [submit(ann, f"userName,addRoles\nwait{index},buyer\n") for index in range(3)]
        holder.wait()
        others = [submit(ben, csv(["b1,buyer"])), submit(eve, csv(["e1,buyer"])), submit(ben, csv(["b2,buyer"]))]
        holder.open()
        for number in mine + others:
            wait_ended(admin, number)
        order = [int(row[0]) for row in admin.rows("SELECT id FROM customer_import.imports ORDER BY started_at")]
        report.equal(order, [mine[0], others[0], others[1], mine[1], others[2], mine[2]], "operators take turns")
    with fresh(max_running_imports=2) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, gate(admin, busy=True) as holder:
        first = submit(ann, "userName,addRoles\nwait1,buyer\n")
        holder.wait()
        wait_state(admin, first, "running")
        with Session("regress_eve") as eve:
            other = submit(eve, "userName,addRoles\nwait2,buyer\n")
        wait_state(admin, other, "running")
        second, third = submit(ann, csv(["a2,buyer"])), submit(ben, csv(["b,buyer"]))
        admin.rows("SELECT customer_import.cancel_import($1)", [other])
        admin.rows(f"SELECT pg_cancel_backend(h.pid) FROM ({HOLDERS}) AS h", [other])
        wait_ended(admin, second)
        started = admin.rows("SELECT id FROM customer_import.imports WHERE id = ANY ($1) ORDER BY started_at", ["{%d,%d}" % (second, third)])
        report.equal([int(row[0]) for row in started], [third, second], "whoever has none that runs comes first, though queued later")
        holder.open()


def test_cancel_ends_a_wait(report):
    """A worker that waits for a lock hears of it, whichever session cancels; so does the session of CALL run_imports()."""
    with fresh(batch_rows=10, max_running_imports=1) as admin, Session("regress_ann") as ann, Session("regress_adm") as adm, \
            Session("regress_ben") as ben, Session() as holder:
        admin.rows(SEED)
        holder.rows(HOLD)
        for session in (ann, adm):
            number = submit(ann, CONTENT)
            wait_until(lambda: waits_for_lock(admin), "the worker waits")
            session.rows("SELECT customer_import.cancel_import($1)", [number])
            row = wait_ended(admin, number)
            report.line(row["state"] == "canceled" and row["unprocessed"] > 0, f"canceled by {session.user} while its worker waits", row)
        blocking = [submit(session, CONTENT) for session in (adm, ben)]  # no more run beside one that is blocked
        wait_until(lambda: len(blocked(admin)) == 2, "their workers wait")
        number = submit(ann, CONTENT)
        with Session("regress_ann") as caller:
            caller.start("CALL customer_import.run_imports()")
            wait_until(lambda: admin.value(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {caller.pid}") == "Lock", "the call waits")
            ann.rows("SELECT customer_import.cancel_import($1)", [number])
            report.equal(wait_ended(admin, number)["state"], "canceled", "a call that waits hears of it, too")
            caller.finish()
            report.line(True, "and goes on")
        for each in blocking:
            adm.rows("SELECT customer_import.cancel_import($1)", [each])
            wait_ended(admin, each)
        holder.rows("ROLLBACK")


def test_open_cancel(report):
    """A session that cancels and does not end its transaction has no slot, and delays no other."""
    with fresh(max_running_imports=1) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, gate(admin, busy=True) as holder:
        first = submit(ben, "userName,addRoles\nwait1,buyer\n")
        holder.wait()
        number = submit(ann, csv(["a,buyer"]))
        ann.rows("BEGIN")
        ann.rows("SELECT customer_import.cancel_import($1)", [number])
        holder.open()
        wait_ended(admin, first)
        report.equal(run_in_background(admin, ben, csv(["b,buyer"]))["state"], "completed", "others run while a cancel is not committed")
        report.equal(admin.value("SELECT fence FROM customer_import._import_slices WHERE import_id = $1", [number]), "0", "no worker has claimed it")
        ann.rows("ROLLBACK")
        report.equal(wait_ended(admin, number)["state"], "completed", "rolled back, it is none")


def test_supervisor_passes_over(report):
    """An import that the supervisor is to end while its operator holds the row: it is passed over until the row is free."""
    with fresh(max_running_imports=2) as admin, Session("regress_eve") as eve, Session("regress_ben") as ben, gate(admin) as holder:
        number = submit(eve, "userName,addRoles\nwait1,buyer\n")
        holder.wait()
        eve.rows("BEGIN")
        eve.rows("SELECT customer_import.cancel_import($1)", [number])
        admin.rows("ALTER ROLE regress_eve NOLOGIN")
        try:
            admin.rows("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'customer_import worker'")
            holder.open()
            for index in range(2):
                report.equal(run_in_background(admin, ben, csv([f"b{index},buyer"]))["state"], "completed", "imports of others complete")
            report.equal(state(admin, number), "running", "the row is held: it has not ended")
            eve.rows("ROLLBACK")
            row = wait_ended(admin, number)
            report.equal(row["state"], "denied", "then it ends")
        finally:
            admin.rows("ALTER ROLE regress_eve LOGIN")


OLD = "UPDATE customer_import.imports SET finished_at = now() - interval '100 days' WHERE id = ANY ($1)"


def test_retention_passes_over(report):
    """An operator holds an old import: it is emptied later, the others now, and nothing waits."""
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_ben") as ben:
        old = []
        for _ in range(3):
            ann.rows(call_import(), [csv(["a,nonsense"]), "Create Only"])
            old.append(int(admin.value("SELECT max(id) FROM customer_import.imports")))
        admin.rows(OLD, ["{%d,%d,%d}" % tuple(old)])
        ann.rows("BEGIN")
        ann.rows("SELECT customer_import.amend_record($1, 2, 'b,buyer')", [old[1]])
        report.equal(run_in_background(admin, ben, csv(["b,buyer"]))["state"], "completed", "imports run")
        wait_idle(admin)  # the supervisor goes, though the row is held
        emptied = "SELECT array_agg(id ORDER BY id)::text FROM customer_import.imports WHERE emptied_at IS NOT NULL"
        report.equal(admin.value(emptied), "{%d,%d}" % (old[0], old[2]), "what is not held is emptied, without a wait for the rest")
        ann.rows("COMMIT")
        run_in_background(admin, ben, csv(["c,buyer"]))
        wait_idle(admin)
        report.equal(admin.value(emptied), "{%d,%d,%d}" % tuple(old), "the rest is emptied when it is free")


MODES = ("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE")


def test_table_locks(report):
    """Locks that operators can take on the extension's tables delay nothing; those of a superuser, no longer than they are held."""
    with fresh(**{PATIENCE: "50ms"}) as admin, Session("regress_adm") as adm, Session("regress_ben") as ben:
        tables = [row[0] for row in admin.rows("SELECT oid::regclass FROM pg_class WHERE relnamespace = 'customer_import'::regnamespace"
                                               " AND relkind IN ('r', 'v') ORDER BY 1")]
        adm.rows("BEGIN")
        taken = set()
        for table in tables:
            for mode in MODES:
                adm.rows("SAVEPOINT s")
                if adm.error(f"LOCK TABLE {table} IN {mode} MODE NOWAIT") is None:
                    taken.add(mode)
                else:
                    adm.rows("ROLLBACK TO s")
        report.equal(taken, {"ACCESS SHARE"}, "even administrators lock the extension's tables against nothing but DROP")
        report.equal(run_in_background(admin, ben, csv(["a,buyer"]))["state"], "completed", "imports run meanwhile")
        adm.rows("ROLLBACK")
        for table in ("imports", "_background_imports", "_import_slices", "email_outbox"):
            with Session() as holder:
                holder.rows("BEGIN")
                number = submit(ben, csv([f"{table},buyer"]))
                holder.rows(f"LOCK TABLE customer_import.{table} IN ACCESS EXCLUSIVE MODE")
                seen = set()
                wait_until(lambda: seen.update(row[0] for row in admin.rows(  # its waits end: there is more than one
                    "SELECT waitstart FROM pg_locks WHERE NOT granted AND database ="
                    " (SELECT oid FROM pg_database WHERE datname = current_database())")) or len(seen) > 2
                           or table == "email_outbox", f"waits for {table} begin and end")
                holder.rows("COMMIT")
            report.equal(wait_ended(admin, number, 90)["state"], "completed", f"when {table} is free again, the import completes")
