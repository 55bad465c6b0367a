"""CALL run_imports(): a server without workers, or a scheduler."""

import re

from harness import (DATABASE, Session, adds_up, counts_of, csv, import_file, new_customers, record, settings, state, status, submit,
                     wait_until)
from own_server import cluster

CALL = "CALL customer_import.run_imports()"
NOTE = "CREATE TRIGGER v_note AFTER INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION note_who()"


def waits(report, admin, ann):
    result = import_file(ann, "userName,addRoles\na,buyer\n", background=True)
    number = int(result["import_id"])
    report.equal((result["state"], state(admin, number)), ("queued", "queued"), "without workers an import is queued")
    row = status(ann, number)
    report.matches(row["message"], rf"^Import {number} waits: no background worker slot is free \(max_worker_processes is 0\)\. As role regress_ann, CALL customer_import\.run_imports\(\) runs it",
                   "import_status says why, and what to do")
    report.equal((row["records_per_second"], row["time_left"]), (None, None), "it has no rate")
    in_handler = f"DO $$ BEGIN BEGIN {CALL}; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$"
    for sql, what in (("BEGIN; " + CALL, "in a transaction block"), (in_handler, "in a block with an exception handler")):
        error = ann.error(sql)
        report.line(error is not None and error.sqlstate in ("25001", "2D000"), f"run_imports() {what} is refused", error)
        ann.error("ROLLBACK")
    error = ann.error("BEGIN; " + CALL)
    report.refused(error, "25001", "in a transaction block: 25001", "transaction block", "CALL")
    ann.rows("ROLLBACK")
    report.equal(state(admin, number), "queued", "nothing has happened")
    ann.rows(CALL)
    row = record(admin, number)
    report.equal((row["state"], counts_of(row)), ("completed", (1, 0, 0, 0, 0, 0)), "run_imports() does it")
    ann.notices.clear()
    ann.rows(CALL)
    report.equal(ann.notices, [], "without anything to do it does nothing")


def own_ones(report, admin, ann, ben):
    admin.rows(NOTE)
    with Session("regress_web") as web:
        web.rows("BEGIN; SELECT customer_import.act_as('kim')")
        acted = submit(web, "userName,addRoles\nk,buyer\n")
        web.rows("COMMIT; BEGIN; SELECT customer_import.act_as('lee')")
        acted_too = submit(web, "userName,addRoles\nl,buyer\n")
        web.rows("COMMIT")
        mine, theirs = submit(ann, "userName,addRoles\nm,buyer\n"), submit(ben, "userName,addRoles\nn,buyer\n")
        ann.rows(CALL)
        report.equal([state(admin, number) for number in (mine, theirs, acted)], ["completed", "queued", "queued"], "it does one's own ones only")
        with Session("regress_adm") as adm:
            adm.rows(CALL)
        admin.notices.clear()
        admin.rows(CALL)
        report.line(len(admin.notices) == 1 and re.fullmatch(r'role "\w+" has no import to run, other roles have', admin.notices[0]["message"])
                    and "SET ROLE" in admin.notices[0]["hint"], "a NOTICE says that those of others wait, and what to do", admin.notices)
        report.equal(state(admin, theirs), "queued", "an administrator's or superuser's call leaves those of others")
        web.rows(CALL)
        report.equal([record(admin, number)["state"] for number in (acted, acted_too)], ["completed"] * 2, "a gateway does all of its own")
        report.equal(web.value("SELECT customer_import.current_operator()"), None, "afterwards it acts as nobody")
    ben.rows(CALL)
    report.equal(admin.rows("SELECT user_name, current_name, session_name, operator FROM seen ORDER BY 1"),
                 [("k", "regress_web", "regress_web", "kim"), ("l", "regress_web", "regress_web", "lee"),
                  ("m", "regress_ann", "regress_ann", "regress_ann"), ("n", "regress_ben", "regress_ben", "regress_ben")],
                 "each ran under its recorded operator")
    admin.rows("DROP TRIGGER v_note ON customers")


def several(report, admin, ann):
    ann.rows("SET DateStyle = 'SQL, DMY'")
    with settings(admin, batch_rows=100):
        contents = (new_customers(1000, prefix="one"), new_customers(300, prefix="bad") + 'x,"buyer\n', new_customers(20_000, prefix="two"),
                    csv(["regress_ann,administrator", "three,buyer"]))
        numbers = [submit(ann, content) for content in contents]
        with Session("regress_ann") as caller:
            caller.rows("SET TimeZone = 'Asia/Tokyo'; SET statement_timeout = '60s'")
            caller.rows(CALL)
            report.equal(caller.rows("SELECT current_setting('TimeZone'), current_setting('DateStyle')"), [("Asia/Tokyo", "ISO, MDY")],
                         "the caller's settings are as before")
            report.line(caller.idle(), "and it is in no transaction")
    rows = [record(admin, number) for number in numbers]
    report.equal([(row["state"], row["created"]) for row in rows], [("completed", 1000), ("failed", 0), ("completed", 20_000), ("completed", 1)],
                 "several, with a failing one among them")
    report.line(all(adds_up(row) for row in rows), "their counts add up", rows)
    report.equal(admin.value("SELECT slices FROM customer_import._background_imports WHERE import_id = $1", [numbers[2]]), "1",
                 "a session has one slice to do")


def canceled(report, admin, ann):
    """The statement is canceled in the middle: what was committed stays, and the next call continues."""
    admin.rows("CREATE TRIGGER v_waits BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION wait_here()")
    with settings(admin, batch_rows=1), Session() as holder, Session("regress_ann") as caller:
        holder.rows("SELECT pg_advisory_lock(4711)")
        number = submit(ann, "userName,addRoles\nca,buyer\nwaitc,buyer\ncb,buyer\n")
        caller.start(CALL)
        wait_until(lambda: admin.value(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {caller.pid} AND wait_event = 'advisory'") == "1",
                   "it waits")
        report.equal((status(ann, number)["state"], status(ann, number)["records_done"]), ("running", 1), "import_status shows how far it is")
        with Session("regress_ann") as second:
            second.rows(CALL)
        report.equal(state(admin, number), "running", "a second call leaves what the first one does")
        caller.cancel()
        error = None
        try:
            caller.finish()
        except Exception as caught:  # pylint: disable=broad-except
            error = caught
        row = record(admin, number)
        report.equal(getattr(error, "sqlstate", None), "57014", "a canceled call ends with an error")
        report.equal((row["state"], row["finished_at"]), ("running", None), "its import has not ended")
        holder.rows("SELECT pg_advisory_unlock_all()")
        caller.rows(CALL)
        row = record(admin, number)
        report.equal((row["state"], counts_of(row)), ("completed", (3, 0, 0, 0, 0, 0)), "the next call goes on where it stopped")
    admin.rows("DROP TRIGGER v_waits ON customers")


def waits_for_a_lock(report, admin, ann):
    """A call waits for a lock as long as a worker would; then it continues with the next import."""
    with settings(admin, **{"customer_import.lock_timeout": "50ms"}), Session() as holder, Session("regress_ann") as caller:
        admin.rows("INSERT INTO customers (user_name) VALUES ('held')")
        holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'held'")
        number, other = submit(ann, "userName,addRoles\nheld,buyer\n"), submit(ann, "userName,addRoles\nlw,buyer\n")
        caller.rows(CALL)
        report.equal((state(admin, number), state(admin, other)), ("running", "completed"), "a call goes on with the next import")
        report.equal(caller.value("SHOW lock_timeout"), "0", "and leaves the session's lock_timeout alone")
        report.matches(status(ann, number)["message"], r"waits: a lock that it needs was held too long\. As role regress_ann, CALL customer_import\.run_imports\(\)",
                       "import_status says what to do")
        holder.rows("COMMIT")
        caller.rows(CALL)
        row = record(admin, number)
        report.equal((row["state"], counts_of(row)), ("completed", (0, 1, 0, 0, 0, 0)), "the next call tries at once")


def rights_lost(report, admin, ann):
    number = submit(ann, "userName,addRoles\nra,buyer\n")
    admin.rows("SELECT customer_import.alter_operator('regress_ann', roles => array['customerView'])")
    report.refused(ann.error(CALL), "42501", "an operator that has lost its rights cannot call it")
    admin.rows("SELECT customer_import.alter_operator('regress_ann', roles => array['customerView','customerEdit','importView','importEdit'])")
    ann.rows(CALL)
    report.equal(state(admin, number), "completed", "with them it can again")


def test_without_workers(report):
    with cluster(max_worker_processes=0) as server, Session() as admin, Session("regress_ann") as ann, Session("regress_ben") as ben:
        for part, sessions in ((waits, (admin, ann)), (own_ones, (admin, ann, ben)), (several, (admin, ann)), (canceled, (admin, ann)), (waits_for_a_lock, (admin, ann)),
                               (rights_lost, (admin, ann))):
            report.run(part, *sessions)
        report.equal(admin.value("SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND classid IN"
                                 " ('customer_import._background_imports'::regclass, 'customer_import._import_slices'::regclass)"), "0", "no lock is left")
        report.equal(admin.value("SELECT current_database()"), DATABASE, "the server lives")
        report.equal(server.complaints(), [], "and does not complain")
