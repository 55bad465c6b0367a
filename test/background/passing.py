"""Trouble that passes ends no import: it waits, tells so, holds nothing, and goes on. What does not pass ends it."""

from harness import (PROCESSES, DATABASE, Session, adds_up, counts_of, csv, fresh, gate, new_customers, settings, state, status, submit, wait_ended,
                     wait_idle, wait_until)
from own_server import cluster
from waiting import DUE, wait_set_aside

WAITING = "SELECT wait_sqlstate, claims FROM customer_import._import_slices WHERE import_id = $1 AND next_attempt_at IS NOT NULL"
PAUSE = ("SELECT round(extract(epoch FROM next_attempt_at - clock_timestamp())) FROM customer_import._import_slices"
         " WHERE import_id = $1 AND waits = $2 AND next_attempt_at IS NOT NULL")


def raise_while(admin, sqlstate, condition="EXISTS (SELECT FROM public.v_trouble)"):
    """Writing a customer fails with this SQLSTATE while the condition holds."""
    admin.rows("DROP TABLE IF EXISTS v_trouble; CREATE TABLE v_trouble (); GRANT SELECT ON v_trouble TO PUBLIC; INSERT INTO v_trouble DEFAULT VALUES;"
               "CREATE OR REPLACE FUNCTION v_fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
               f" IF {condition} THEN RAISE EXCEPTION 'there is trouble' USING ERRCODE = '{sqlstate}'; END IF; RETURN NEW; END $$;"
               "CREATE TRIGGER v_fails BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_fails()")


def clear(admin):
    admin.rows("DROP FUNCTION v_fails() CASCADE; DROP TABLE v_trouble")


def has_worker(admin):
    return admin.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'customer_import worker'") != "0"


def wait_waiting(admin, number):
    """Until the import waits, and no worker has it."""
    wait_until(lambda: admin.rows(WAITING, [number]) and not has_worker(admin), f"import {number} waits")


def test_states_that_pass(report):
    """No room, no memory, an error of the disk: the import waits, and says why; then it completes, everything once."""
    for sqlstate in ("53100", "53200", "58030"):
        with fresh(batch_rows=2) as admin, Session("regress_ann") as ann:
            raise_while(admin, sqlstate, "NEW.user_name = 'c' AND EXISTS (SELECT FROM public.v_trouble)")
            number = submit(ann, csv(["a,buyer", "b,buyer", "c,buyer", "d,buyer"]))
            wait_waiting(admin, number)
            report.equal((state(admin, number), admin.rows(WAITING, [number])), ("running", [(sqlstate, "0")]), f"{sqlstate}: it waits, and no worker has died")
            wait_until(lambda: status(ann, number)["message"].startswith(f"Import {number} waits: there is trouble (SQLSTATE {sqlstate}). It is tried again at "),
                       "import_status says why")
            admin.rows("TRUNCATE v_trouble; " + DUE)
            report.equal(counts_of(wait_ended(admin, number)), (4, 0, 0, 0, 0, 0), f"{sqlstate}: it completes")
            report.equal(admin.value("SELECT count(*) FROM customer_import.import_changes"), "4", f"{sqlstate}: each record once")
            report.equal(admin.rows("SELECT wait_reason, wait_sqlstate, waiting_since FROM customer_import._import_slices"), [(None, None, None)],
                         f"{sqlstate}: nothing is left of it")
            clear(admin)


def test_holds_nothing(report):
    """What waits has no worker, transaction or lock, and after some attempts no temporary file either."""
    with fresh(batch_rows=1000) as admin, Session("regress_ann") as ann:
        raise_while(admin, "53100")
        number = submit(ann, new_customers(20_000))
        wait_set_aside(admin, number)
        wait_waiting(admin, number)
        # The supervisor has one for a moment, whenever it looks.
        wait_until(lambda: admin.value(f"SELECT count(*) FROM pg_stat_activity WHERE {PROCESSES} AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL)") == "0",
                   "no transaction or snapshot is left")
        report.line(True, "no transaction or snapshot")
        wait_until(lambda: admin.value("SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp', true, false)") == "0", "no temporary file is left")
        report.line(True, "no temporary file")
        admin.rows("TRUNCATE v_trouble; " + DUE)
        report.equal(counts_of(wait_ended(admin, number)), (20_000, 0, 0, 0, 0, 0), "it completes")
        clear(admin)


def test_pauses(report):
    """They grow from a second to five minutes; progress makes them short again."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann:
        raise_while(admin, "53100", "NEW.user_name = 'b' AND EXISTS (SELECT FROM public.v_trouble)")
        number = submit(ann, csv(["a,buyer", "b,buyer"]))
        wait_waiting(admin, number)
        admin.rows("UPDATE customer_import._import_slices SET waits = 3, next_attempt_at = now()")
        admin.rows(DUE)
        wait_until(lambda: admin.rows(PAUSE, [number, 4]), "it waits longer")
        report.line(4 < int(admin.value(PAUSE, [number, 4])) <= 8, "the fourth pause has 8 s")
        admin.rows("UPDATE customer_import._import_slices SET waits = 30, next_attempt_at = now()")
        admin.rows(DUE)
        wait_until(lambda: admin.rows(PAUSE, [number, 31]), "it waits longest")
        report.line(290 < int(admin.value(PAUSE, [number, 31])) <= 300, "none has more than five minutes")
        report.matches(ann.value("SELECT customer_import.cancel_import($1)", [number]), "is canceled", "what waits can be canceled at once")
        report.equal(wait_ended(admin, number)["created"], 1, "what it has applied stays")
        clear(admin)


def test_longest_wait(report):
    """customer_import.longest_wait ends what waits, whether its worker or the supervisor sees it; 0: nothing does."""
    with fresh(batch_rows=1, longest_wait="1s") as admin, Session("regress_ann") as ann:
        raise_while(admin, "53100", "NEW.user_name = 'b'")
        row = wait_ended(admin, submit(ann, csv(["a,buyer", "b,buyer"])))
        report.equal((row["state"], row["created"], adds_up(row)), ("failed", 1, True), "it ends as failed")
        report.matches(row["message"], r"longest_wait allows: there is trouble \(SQLSTATE 53100\)", "its message names the setting and the trouble")
        with settings(admin, longest_wait="1h"):
            number = submit(ann, csv(["b,buyer"]))
            wait_waiting(admin, number)
            admin.rows("UPDATE customer_import._import_slices SET waiting_since = now() - interval '2 hours', next_attempt_at = now() + interval '1 hour'"
                       " WHERE import_id = $1", [number])
            report.equal(wait_ended(admin, number)["state"], "failed", "it ends although no worker is due")
        wait_idle(admin)
        with settings(admin, longest_wait="0"):
            number = submit(ann, csv(["b,buyer"]))
            wait_waiting(admin, number)
            admin.rows("UPDATE customer_import._import_slices SET waiting_since = now() - interval '200 hours'")
            before = int(admin.value("SELECT waits FROM customer_import._import_slices WHERE import_id = $1", [number]))
            admin.rows(DUE)
            wait_until(lambda: int(admin.value("SELECT waits FROM customer_import._import_slices WHERE import_id = $1", [number])) > before, "it waits again")
            report.equal(state(admin, number), "running", "0 is no limit")
            ann.rows("SELECT customer_import.cancel_import($1)", [number])
        clear(admin)


def test_behind_a_busy_worker(report):
    """A slice whose time has come has its turn when a worker is free: nobody calls that a wait, and no longest_wait ends it."""
    with cluster(max_worker_processes=3) as _, Session() as admin, Session("regress_ann") as ann, gate(admin, busy=True) as holder:
        admin.rows(f"ALTER DATABASE {DATABASE} SET customer_import.longest_wait = '1h'")
        number = submit(ann, csv(["wait1,buyer", "b,buyer"]))
        holder.wait()
        admin.rows("INSERT INTO customer_import._import_slices (import_id, slice, records, waits, waiting_since, wait_reason, wait_sqlstate, next_attempt_at)"
                   " VALUES ($1, 1, 0, 3, now() - interval '2 hours', 'there was trouble', '53100', now() - interval '1 minute')", [number])
        other = submit(ann, csv(["c,buyer"]))
        wait_until(lambda: admin.value("SELECT wait_reason FROM customer_import._import_slices WHERE import_id = $1", [other]),
                   "the supervisor has looked, and has no slot")
        report.equal(status(ann, number)["message"], f"Import {number} is running.", "what waited and now runs is running")
        admin.rows("UPDATE customer_import._import_slices SET next_attempt_at = now() + interval '1 minute' WHERE import_id = $1 AND slice = 1", [number])
        report.matches(status(ann, number)["message"], rf"^Import {number} waits: there was trouble\. It is tried again at ", "not before its time has come")
        admin.rows(DUE)
        holder.open()
        row = wait_ended(admin, number)
        report.equal((row["state"], row["created"]), ("completed", 2), "it completes")
        wait_ended(admin, other)


def test_nobody_there(report):
    """Time in which no supervisor looks after an import, as when the server is down, is no wait."""
    with fresh(batch_rows=1, longest_wait="1h") as admin, Session("regress_ann") as ann:
        raise_while(admin, "53100", "NEW.user_name = 'b'")
        number = submit(ann, csv(["b,buyer"]))
        wait_waiting(admin, number)
        admin.rows("UPDATE customer_import._import_slices SET next_attempt_at = now() + interval '1 hour'")
        supervisors = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor' AND datname = current_database()"
        wait_until(lambda: admin.value(supervisors) == "0", "there is no supervisor")
        admin.rows("UPDATE customer_import._import_slices SET waiting_since = now() - interval '2 hours'")
        other = submit(ann, csv(["c,buyer"]))
        report.equal((wait_ended(admin, other)["state"], state(admin, number)), ("completed", "running"), "a supervisor that starts lets it wait on")
        report.equal(admin.value("SELECT waiting_since > now() - interval '1 hour' FROM customer_import._import_slices WHERE import_id = $1", [number]), "t",
                     "from now on")
        clear(admin)
        admin.rows("UPDATE customer_import._import_slices SET next_attempt_at = NULL WHERE import_id = $1", [number])
        report.equal(wait_ended(admin, number)["state"], "completed", "and it completes")


def test_worker_ended(report):
    """A worker that is canceled or terminated, by whom it may be: its import waits and goes on."""
    for function in ("pg_cancel_backend", "pg_terminate_backend"):
        with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, gate(admin, busy=True) as holder:
            number = submit(ann, csv(["a,buyer", "wait1,buyer", "c,buyer"]))
            for _ in range(4):
                holder.wait()
                admin.rows(f"SELECT {function}(pid) FROM pg_stat_activity WHERE backend_type = 'customer_import worker'")
                wait_waiting(admin, number)
                report.equal(admin.value("SELECT claims FROM customer_import._import_slices WHERE import_id = $1", [number]), "0", f"{function}: no death")
                admin.rows(DUE)
            holder.open()
            row = wait_ended(admin, number)
            report.equal((row["state"], row["created"]), ("completed", 3), f"{function} four times: it completes")


def test_no_connections(report):
    """ALLOW_CONNECTIONS false: nothing starts, nothing fails, and it says so."""
    with fresh(max_running_imports=1) as admin, Session("regress_ann") as ann, gate(admin) as holder, Session(database="postgres") as other:
        first, second = submit(ann, csv(["wait1,buyer"])), submit(ann, csv(["b,buyer"]))
        holder.wait()
        other.rows(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false")
        try:
            holder.open()
            report.equal(wait_ended(admin, first)["state"], "completed", "what runs completes")
            wait_until(lambda: "ALLOW_CONNECTIONS is false" in status(ann, second)["message"], "import_status says why")
            report.equal(state(admin, second), "queued", "what is queued waits")
        finally:
            other.rows(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true")
        report.equal(wait_ended(admin, second)["state"], "completed", "and completes")


def test_halved(report):
    """Records that fail together, by a deadlock or another error, are applied in smaller parts. One that fails alone ends the import, or waits."""
    together = ("(SELECT count(*) > 2 FROM public.customers WHERE xmin::text::bigint >= pg_current_xact_id()::text::bigint)")
    for sqlstate in ("40P01", "0A000"):
        with fresh(batch_rows=16) as admin, Session("regress_ann") as ann:
            raise_while(admin, sqlstate, together)
            row = wait_ended(admin, submit(ann, new_customers(40)))
            report.equal((row["state"], counts_of(row)), ("completed", (40, 0, 0, 0, 0, 0)), f"{sqlstate}: they are applied in small parts")
            report.equal(admin.value("SELECT count(DISTINCT line) FROM customer_import.import_changes"), "40", f"{sqlstate}: each once")
            clear(admin)
    with fresh(batch_rows=16) as admin, Session("regress_ann") as ann:
        raise_while(admin, "0A000", "NEW.user_name = 'user0000005'")
        row = wait_ended(admin, submit(ann, new_customers(10)))
        report.equal((row["state"], counts_of(row)), ("failed", (5, 0, 0, 0, 0, 5)), "one alone: what came before it is applied")
        report.matches(row["message"], r"^Import \d+ failed: there is trouble \(SQLSTATE 0A000\), at line 7\. It stopped at ", "and its line is named")
        clear(admin)
    with fresh(batch_rows=16) as admin, Session("regress_ann") as ann:
        raise_while(admin, "40P01", "NEW.user_name = 'user0000005' AND EXISTS (SELECT FROM public.v_trouble)")
        number = submit(ann, new_customers(10))
        wait_waiting(admin, number)
        report.equal(admin.value("SELECT position FROM customer_import._import_slices WHERE import_id = $1", [number]), "5", "one that deadlocks alone waits")
        admin.rows("TRUNCATE v_trouble; " + DUE)
        report.equal(counts_of(wait_ended(admin, number)), (10, 0, 0, 0, 0, 0), "and is applied")
        clear(admin)


def test_check_is_not_bounded(report):
    """The statement_timeout of the role is for batches, not for the check of the whole file."""
    with fresh() as admin, Session("regress_ann") as ann, settings(admin, scope="ROLE regress_ann", statement_timeout="20ms"):
        content = new_customers(100_000, rest=",nonsense")
        row = wait_ended(admin, submit(ann, content))
        report.equal((row["state"], counts_of(row)), ("completed", (0, 0, 0, 0, 100_000, 0)), "a check that takes longer completes")


def test_may_not_connect(report):
    """A role that has lost CONNECT is denied, and not tried for a day."""
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, gate(admin, busy=True) as holder:
        admin.rows("ALTER DATABASE regress_background SET customer_import.max_running_imports = 1")
        first = submit(ben, csv(["wait1,buyer"]))
        holder.wait()
        number = submit(ann, csv(["a,buyer"]))
        admin.rows(f"REVOKE CONNECT ON DATABASE {DATABASE} FROM PUBLIC")
        try:
            row = wait_ended(admin, number)
            report.equal(row["state"], "denied", "it is denied")
            report.matches(row["message"], 'database role "regress_ann" may not connect to the database', "and says why")
        finally:
            admin.rows(f"GRANT CONNECT ON DATABASE {DATABASE} TO PUBLIC")
            admin.rows("ALTER DATABASE regress_background RESET customer_import.max_running_imports")
            holder.open()
        report.equal(wait_ended(admin, first)["state"], "completed", "what ran completes")
