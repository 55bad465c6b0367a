"""resume_import(): an import that ended early continues from its last batch, as the same import, and does nothing twice."""

from harness import (DATABASE, OPEN_STATES, Session, adds_up, call_import, counts_of, create_database, csv, drop_database, fresh, gate, new_customers,
                     record, run_in_background, settings, state, status, submit, wait_ended, wait_idle, wait_until)
from passing import clear, raise_while

RESUME = "SELECT customer_import.resume_import($1)"
FOUR = "'{customerView,customerEdit,importView,importEdit}'"


def names(*names_):
    return csv(f"{name},buyer" for name in names_)


def refused(report, session, number, message, what):
    error = session.error(RESUME, [number])
    report.line(error and error.sqlstate == "55000" and message in error.message, what, error and error.message)


def not_offered(report, session, number, message, what):
    refused(report, session, number, message, what)
    report.equal(offer(session, number), None, f"{what}: its report does not offer it")


def offer(session, number):
    return session.json("SELECT customer_import.import_report($1) -> 'resume'", [number])


def stopped(admin, session, content, at, **options):
    """An import that has applied what comes before the record of this customer, and then failed."""
    raise_while(admin, "0A000", f"NEW.user_name = '{at}'")
    row = wait_ended(admin, submit(session, content, **options))
    clear(admin)
    wait_idle(admin)
    return row


def test_failed(report):
    """It continues where it stopped: all records once, with the issues of the check, as in one go."""
    with fresh(batch_rows=3) as admin, Session("regress_ann") as ann:
        content = csv([*(f"n{index:02d},buyer" for index in range(10)), "bad,nonsense"])
        row = stopped(admin, ann, content, "n05")
        number = row["id"]
        report.equal((row["state"], counts_of(row)), ("failed", (5, 0, 0, 0, 1, 5)), "it failed after half of it")
        report.matches(row["message"], rf"Resume it with SELECT customer_import\.resume_import\({number}\), take it back with SELECT \* FROM"
                                       rf" customer_import\.undo_import\({number}\), or leave it\.", "its message says what can be done")
        report.equal(offer(ann, number), f"SELECT customer_import.resume_import({number});", "its report, too")
        ann.rows("BEGIN")
        report.equal(ann.value(RESUME, [number]), f"Import {number} resumes. Follow it: SELECT * FROM customer_import.import_status WHERE id = {number}",
                     "the call says how to follow it")
        report.equal((ann.value("SELECT state FROM customer_import.imports WHERE id = $1", [number]), status(ann, number)["records_done"]),
                     ("running", 6), "import_status counts what is done")
        ann.rows("ROLLBACK")
        report.equal(record(admin, number), row, "a ROLLBACK leaves it as it was")
        ann.rows(RESUME, [number])
        row = wait_ended(admin, number)
        report.equal((row["state"], counts_of(row)), ("completed", (10, 0, 0, 0, 1, 0)), "it completes as the same import")
        report.equal(admin.value("SELECT count(*) || ' ' || count(DISTINCT line) FROM customer_import.import_changes"), "10 10", "each record is applied once")
        report.equal(admin.value("SELECT count(*) FROM customer_import.import_issues"), "1", "what was rejected is listed once")
        report.equal(admin.rows("SELECT report_number FROM customer_import.email_outbox ORDER BY 1"), [("1",)],
                     "the first report was not on its way yet: there is one, of the end")
        not_offered(report, ann, number, "has nothing left to apply", "completed, it cannot be resumed")
        undo = ann.value("SELECT state FROM customer_import.undo_import($1)", [number])
        report.equal((undo, admin.value("SELECT count(*) FROM customers")), ("completed", "0"), "an undo takes all of it back")


def test_attached_again(report):
    """A created table that was detached is attached again, under the rule for user names that it had."""
    attach = "SELECT customer_import.detach_customers_table(); SELECT customer_import.attach_customers_table('customers', 'user_name', 'roles', ignore_case => {})"
    other = f"{DATABASE}_other"
    create_database(other)
    try:
        with Session(database=other) as admin, Session("regress_ann", other) as ann:
            admin.rows("LOAD 'customer_import'")
            admin.rows(f"ALTER DATABASE {other} SET customer_import.batch_rows = 1")
            row = stopped(admin, ann, names("a", "b", "c"), "b")
            admin.rows(attach.format("false"))
            report.refused(ann.error(RESUME, [row["id"]]), "55000", "under another one it is refused, and the detail says why", "are told apart by case otherwise than then")
            admin.rows(attach.format("true"))
            ann.rows(RESUME, [row["id"]])
            row = wait_ended(admin, row["id"])
            report.equal((row["state"], counts_of(row)), ("completed", (3, 0, 0, 0, 0, 0)), "under the same one it continues")
    finally:
        drop_database(other)


def test_second_report(report):
    """A report that was sent is followed by a second one, which says so."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann:
        row = stopped(admin, ann, names("a", "b"), "b")
        admin.rows("UPDATE customer_import.email_outbox SET state = 'sent', sent_at = now()")
        ann.rows(RESUME, [row["id"]])
        wait_ended(admin, row["id"])
        message = admin.json("SELECT report FROM customer_import.claim_message()")
        report.equal((message["state"], message["report_number"]), ("completed", 2), "it is report 2")


def test_canceled(report):
    """In several slices, canceled while both are under way: they keep their number, their place and their records."""
    with fresh(batch_rows=500) as admin, Session("regress_ann") as ann, Session() as holder:
        holder.rows("BEGIN; INSERT INTO customers (user_name) VALUES ('user0015000'), ('user0015001'), ('user0015002'), ('user0015003')")
        number = submit(ann, new_customers(20_000))
        wait_until(lambda: int(admin.value("SELECT sum(position) FROM customer_import._import_slices WHERE import_id = $1", [number])) > 5000, "it runs")
        ann.rows("SELECT customer_import.cancel_import($1)", [number])
        row = wait_ended(admin, number)
        before = admin.rows("SELECT slice, records, position, pages FROM customer_import._import_slices ORDER BY 1")
        report.line(row["state"] == "canceled" and row["unprocessed"] > 0 and len(before) == 2, "it was canceled in two slices", row)
        holder.rows("ROLLBACK")
        ann.rows(RESUME, [number])
        row = wait_ended(admin, number)
        after = admin.rows("SELECT slice, records, position, pages FROM customer_import._import_slices ORDER BY 1")
        report.equal((row["state"], counts_of(row)), ("completed", (20_000, 0, 0, 0, 0, 0)), "it completes")
        report.equal([part[:2] for part in after], [part[:2] for part in before], "slices keep their number and records")
        report.equal(admin.value("SELECT count(*) || ' ' || count(DISTINCT line) FROM customer_import.import_changes"), "20000 20000", "each record once")
    with fresh() as admin, Session("regress_ann") as ann, gate(admin) as other:
        admin.rows("ALTER DATABASE regress_background SET customer_import.max_running_imports = 1")
        first = submit(ann, names("wait1"))
        other.wait()
        number = submit(ann, names("a"))
        ann.rows("SELECT customer_import.cancel_import($1)", [number])
        ann.rows(RESUME, [number])
        report.equal(state(admin, number), "queued", "one that had not begun is queued again")
        other.open()
        admin.rows("ALTER DATABASE regress_background RESET customer_import.max_running_imports")
        report.equal((wait_ended(admin, first)["created"], wait_ended(admin, number)["created"]), (1, 1), "and completes")


def test_begins_anew(report):
    """What has applied nothing begins with its check: against the table and the codes of today."""
    with fresh() as admin, Session("regress_ann") as ann:
        raise_while(admin, "0A000")
        row = wait_ended(admin, submit(ann, csv(["a,buyer", "b,late"])))
        clear(admin)
        report.equal((row["state"], counts_of(row)), ("failed", (0, 0, 0, 0, 1, 1)), "it failed, and applied nothing")
        report.matches(row["message"], r"Nothing was applied\. Put that right and resume it with SELECT customer_import\.resume_import", "and says what to do")
        admin.rows("SELECT customer_import.add_role_codes('{late}')")
        ann.rows(RESUME, [row["id"]])
        row = wait_ended(admin, row["id"])
        report.equal((row["state"], counts_of(row)), ("completed", (2, 0, 0, 0, 0, 0)), "it is checked again")
        report.equal(admin.value("SELECT count(*) FROM customer_import.import_issues"), "0", "without the issues of the first check")


def test_limit_of_the_check(report):
    """A limit that was passed before anything was applied counts anew: it may have been for codes that the catalog has by now."""
    with fresh() as admin, Session("regress_ann") as ann:
        row = wait_ended(admin, submit(ann, csv(["a,buyer", "b,late"]), reject_limit=0))
        report.equal((row["state"], counts_of(row)), ("failed", (0, 0, 0, 0, 1, 1)), "reject_limit 0: it failed in the check")
        report.equal(offer(ann, row["id"]), None, "to resume it is not offered: mostly that would be in vain")
        ann.rows(RESUME, [row["id"]])
        report.equal(wait_ended(admin, row["id"])["state"], "failed", "resumed with the same catalog it fails again")
        admin.rows("SELECT customer_import.add_role_codes('{late}')")
        ann.rows(RESUME, [row["id"]])
        row = wait_ended(admin, row["id"])
        report.equal((row["state"], counts_of(row)), ("completed", (2, 0, 0, 0, 0, 0)), "with the code it completes")


def test_amended(report):
    """A check that is made anew would not know what has been amended."""
    with fresh() as admin, Session("regress_ann") as ann:
        raise_while(admin, "0A000")
        row = wait_ended(admin, submit(ann, csv(["a,buyer", "b,nonsense"])))
        clear(admin)
        ann.rows("SELECT customer_import.amend_record($1, 3, 'b,buyer')", [row["id"]])
        not_offered(report, ann, row["id"], "have been amended", "it is refused")


def test_warnings(report):
    """What is told at the end is told once."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann:
        row = stopped(admin, ann, names("a", "a", "b", "c"), "b")
        report.equal(row["warnings"], [], "not before it is complete")
        ann.rows(RESUME, [row["id"]])
        report.equal(wait_ended(admin, row["id"])["warnings"], ["the record at line 3 repeats a user name of an earlier line"], "repeated names")
    with fresh(batch_rows=1) as admin, Session("regress_adm") as adm:
        row = stopped(admin, adm, csv(["a,new1", "b,buyer"]), "b", unknown_roles="create")
        report.equal(row["warnings"], ['role code "new1" was added to the catalog'], "codes that were added")
        adm.rows(RESUME, [row["id"]])
        report.equal(wait_ended(admin, row["id"])["warnings"], row["warnings"], "also after it was resumed")


def test_later_imports(report):
    """What others have imported since it began stays, as in a retry; codes are those of the check, and one that is gone rejects its record."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben:
        admin.rows("SELECT customer_import.add_role_codes('{late,gone}')")
        admin.rows("INSERT INTO customers (user_name) VALUES ('c')")
        content = "userName,addRoles,company\na,buyer,first\nb,buyer,first\nc,buyer,first\nd,gone,first\n"
        row = stopped(admin, ann, content, "b")
        ben.rows(call_import(), ["userName,addRoles,company\nc,approver,second\n", "Create & Update"])
        admin.rows("SELECT customer_import.remove_role_codes('{gone}')")
        ann.rows(RESUME, [row["id"]])
        row = wait_ended(admin, row["id"])
        report.equal((row["state"], counts_of(row)), ("completed", (2, 1, 0, 0, 1, 0)), "it completes")
        report.equal(admin.rows("SELECT user_name, company, roles::text FROM customers ORDER BY 1"),
                     [("a", "first", "{buyer}"), ("b", "first", "{buyer}"), ("c", "second", "{approver,buyer}")], "a later import has the last word")
        report.equal(admin.rows("SELECT line, code FROM customer_import.import_issues WHERE import_id = $1 ORDER BY 1, 2", [row["id"]]),
                     [("4", "superseded"), ("5", "database_error")], "and issues say so")


def test_refused(report):
    """What cannot be resumed: 55000, and nothing has changed."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, Session("regress_adm") as adm:
        for number in (4711, None):
            error = ann.error(RESUME, [number])
            report.equal(error and error.sqlstate, "42704" if number else "22004", f"{number}: there is no such import")
        ann.rows(call_import(), [names("x"), "Create & Update"])
        not_offered(report, ann, admin.value("SELECT max(id) FROM customer_import.imports"), "has nothing left to apply", "a complete one of the foreground")
        raise_while(admin, "0A000", "NEW.user_name = 'y'")
        ann.error(call_import(), [names("y"), "Create & Update"])
        ann.rows(call_import(reject_limit=0), [csv(["y,nonsense"]), "Create & Update"])
        clear(admin)
        not_offered(report, ann, admin.value("SELECT max(id) FROM customer_import.imports"), "ran in the foreground", "one of the foreground that failed")
        row = stopped(admin, ann, names("a", "b", "c"), "b")
        number = row["id"]
        error = ben.error(RESUME, [number])
        report.equal(error and error.sqlstate, "42704", "that of another operator")
        adm.rows("BEGIN")
        adm.rows(RESUME, [number])
        adm.rows("ROLLBACK")
        report.line(True, "administrators resume those of others")
        admin.rows("BEGIN; ALTER TABLE customers ALTER phone TYPE varchar(10)")
        admin.rows("COMMIT")
        ann.rows("BEGIN")
        report.equal(ann.error(RESUME, [number]), None, "a column that it does not write makes no difference")
        ann.rows("ROLLBACK")
        admin.rows("ALTER TABLE customers ALTER phone TYPE text")
        admin.rows("UPDATE customer_import.imports SET emptied_at = now() WHERE id = $1", [number])
        not_offered(report, ann, number, "are not kept any more", "one that was emptied")
        admin.rows("UPDATE customer_import.imports SET emptied_at = NULL WHERE id = $1", [number])
        report.equal(record(admin, number), row, "nothing has changed")
        ann.rows("SELECT customer_import.undo_import($1)", [number])
        not_offered(report, ann, number, "was undone by import", "one that was undone")
        ann.rows("SELECT customer_import.undo_import($1)", [admin.value("SELECT max(id) FROM customer_import.imports")])
        not_offered(report, ann, number, "an undo of import", "one whose undo was undone")
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann:
        content = "userName,phone\na,1\nb,2\nc,3\n"
        row = stopped(admin, ann, content, "b")
        admin.rows("ALTER TABLE customers ALTER phone TYPE varchar(10)")
        refused(report, ann, row["id"], "are not as they were", "a column that it writes has another type")
        admin.rows("ALTER TABLE customers ALTER phone TYPE text")
        limited = wait_ended(admin, submit(ann, csv(["e,buyer", "f,nonsense", "g,nonsense"]), reject_limit=1))
        report.matches(limited["message"], r"^Import \d+ failed: .*See why: SELECT", "too many rejected records: its message offers no resume")
        broken = wait_ended(admin, submit(ann, 'userName,addRoles\ne,buyer\n"f,buyer\n'))
        report.matches(broken["message"], r"^Import \d+ failed: .*Nothing was applied\.", "a file with an unclosed quote is refused")
        not_offered(report, ann, broken["id"], "was refused, and would be again", "a refused file")
        with settings(admin, max_queued_imports=0), Session("regress_ann") as full:
            error = full.error(RESUME, [row["id"]])
            report.equal(error and error.sqlstate, "53400", "a full queue refuses it")
        ann.rows(RESUME, [row["id"]])
        wait_ended(admin, row["id"])


def test_offered(report):
    """What cannot be resumed, or would end in the same way, is offered neither by its message nor by its report."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, Session("regress_adm") as adm:
        row = stopped(admin, ann, names("a", "b", "c"), "b")
        report.equal(offer(adm, row["id"]), f"SELECT customer_import.resume_import({row['id']});", "administrators are offered those of others")
        admin.rows("SELECT customer_import.alter_operator('regress_ann', roles => '{customerView,importView}')")
        report.equal(offer(ann, row["id"]), None, "without the right to import it is not offered")
        admin.rows(f"SELECT customer_import.alter_operator('regress_ann', roles => {FOUR})")
        ann.rows("SELECT customer_import.undo_import($1)", [row["id"]])
        ann.rows("SELECT customer_import.undo_import($1)", [admin.value("SELECT max(id) FROM customer_import.imports")])
        again = record(admin, row["id"])
        report.line(again["state"] == "failed" and again["message"].startswith(row["message"].split(" Resume it")[0])
                    and "resume_import" not in again["message"], "the undo of its undo brings its message back, without the offer", again["message"])
        limited = stopped(admin, ann, csv(["e,nonsense", "f,buyer", "g,buyer"]), "g")
        ann.rows("SELECT customer_import.amend_record($1, 2, 'e,buyer')", [limited["id"]])
        ann.rows("SELECT customer_import.retry_rejects($1)", [limited["id"]])
        report.line("resume_import" not in record(admin, limited["id"])["message"], "nor does the message of one that was retried")
        passed = wait_ended(admin, submit(ann, csv(["h,nonsense", "i,nonsense"]), reject_limit=1))
        report.line(passed["state"] == "failed" and "resume_import" not in passed["message"], "too many rejected records", passed["message"])
        report.equal(offer(ann, passed["id"]), None, "its report does not offer it either")
        emptied = stopped(admin, ann, names("j", "k"), "k")
        admin.rows("UPDATE customer_import.imports SET state = 'canceled', message = replace(message, 'failed', 'canceled'), finished_at = now() - interval '1 day'"
                   " WHERE id = $1", [emptied["id"]])
        with settings(admin, retention="1h"):
            submit(ann, names("l"))
            wait_until(lambda: record(admin, emptied["id"])["emptied_at"], "it is emptied")
        emptied = record(admin, emptied["id"])
        report.line(emptied["message"].startswith(f"Import {emptied['id']} canceled") and "resume_import" not in emptied["message"],
                    "one that was emptied says no more how to resume it", emptied["message"])


def test_at_once(report):
    """Two sessions resume, or one resumes and one undoes: the second one waits, and is refused."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, Session("regress_adm") as adm:
        row = stopped(admin, ann, names("a", "b", "c"), "b")
        for statement in (RESUME, "SELECT customer_import.undo_import($1)"):
            ann.rows("BEGIN")
            ann.rows(RESUME, [row["id"]])
            adm.start(statement, [row["id"]])
            wait_until(lambda: admin.value(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {adm.pid}") == "Lock", "the other one waits")
            ann.rows("ROLLBACK" if statement != RESUME else "COMMIT")
            try:
                adm.finish()
                error = None
            except Exception as caught:  # pylint: disable=broad-except
                error = caught
            if statement == RESUME:
                report.equal(getattr(error, "sqlstate", None), "55000", "the second one to resume is refused")
                row = wait_ended(admin, row["id"])
                report.equal((row["state"], row["created"]), ("completed", 3), "it is applied once")
                row = stopped(admin, ann, names("d", "e", "f"), "e")
            else:
                report.equal((error, state(admin, row["id"])), (None, "undone"), "after a ROLLBACK the undo runs")


def test_right_lost(report):
    """denied: once the right is back, it continues; the rights are those of the time when it does."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, Session("regress_adm") as adm, gate(admin) as holder:
        number = submit(ann, names("a", "wait1", "z"))
        holder.wait()
        admin.rows("SELECT customer_import.alter_operator('regress_ann', roles => '{customerView}')")
        holder.open()
        report.equal(wait_ended(admin, number)["state"], "denied", "it was denied")
        error = ann.error(RESUME, [number])
        report.equal(error and error.sqlstate, "42501", "the operator may not resume it without the right")
        adm.rows(RESUME, [number])
        report.equal(wait_ended(admin, number)["state"], "denied", "resumed by an administrator it is denied again: it is the operator's")
        admin.rows(f"SELECT customer_import.alter_operator('regress_ann', roles => {FOUR})")
        ann.rows(RESUME, [number])
        row = wait_ended(admin, number)
        report.equal((row["state"], row["created"]), ("completed", 3), "with the right it completes")


def test_undo_and_retry(report):
    """An undo and a retry that ended early are resumed like an import; not when their source was undone or retried again."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann:
        first = run_in_background(admin, ann, names("a", "b", "c"))
        admin.rows("CREATE FUNCTION v_keeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.user_name = 'b' THEN"
                   " RAISE EXCEPTION 'no' USING ERRCODE = '0A000'; END IF; RETURN OLD; END $$;"
                   "CREATE TRIGGER v_keeps BEFORE DELETE ON customers FOR EACH ROW EXECUTE FUNCTION v_keeps()")
        number = int(ann.value("SELECT import_id FROM customer_import.undo_import($1, background => true)", [first["id"]]))
        row = wait_ended(admin, number)
        report.line(row["state"] == "failed" and 0 < row["deleted"] < 3, "an undo has failed", row)
        report.equal((state(admin, first["id"]), record(admin, first["id"])["undone_in_part"]), ("undone", True), "its source is undone in part")
        admin.rows("DROP FUNCTION v_keeps() CASCADE")
        admin.rows("UPDATE customer_import.imports SET emptied_at = now() WHERE id = $1", [first["id"]])
        not_offered(report, ann, number, f"the records of import {first['id']} are not kept any more", "an undo whose source was emptied")
        admin.rows("UPDATE customer_import.imports SET emptied_at = NULL WHERE id = $1", [first["id"]])
        ann.rows(RESUME, [number])
        row = wait_ended(admin, number)
        report.equal((row["state"], row["deleted"], admin.value("SELECT count(*) FROM customers")), ("completed", 3, "0"), "resumed it takes all back")
        report.equal((state(admin, first["id"]), record(admin, first["id"])["undone_in_part"]), ("undone", False), "its source is undone")
        first = run_in_background(admin, ann, csv(["d,late", "e,late", "f,late"]))
        admin.rows("SELECT customer_import.add_role_codes('{late}')")
        raise_while(admin, "0A000", "NEW.user_name = 'e'")
        number = int(ann.value("SELECT import_id FROM customer_import.retry_rejects($1, background => true)", [first["id"]]))
        wait_ended(admin, number)
        clear(admin)
        ann.rows("BEGIN; SELECT customer_import.amend_record($1, 4, 'a,buyer')".replace("$1", str(first["id"])))
        refused(report, ann, number, "are not as they were", "a record that is amended meanwhile may come at another place")
        ann.rows("ROLLBACK")
        admin.rows("BEGIN; UPDATE customer_import.imports SET emptied_at = now(), header = NULL WHERE id = $1".replace("$1", str(first["id"])))
        admin.rows("COMMIT")
        not_offered(report, ann, number, f"the records of import {first['id']} are not kept any more", "a retry whose source was emptied")
        admin.rows("UPDATE customer_import.imports SET emptied_at = NULL, header = 'userName,addRoles' WHERE id = $1", [first["id"]])
        ann.rows(RESUME, [number])
        report.equal(counts_of(wait_ended(admin, number)), (3, 0, 0, 0, 0, 0), "a retry that was resumed has retried all")
        report.equal(admin.value("SELECT count(*) FROM customer_import.import_issues WHERE import_id = $1 AND retried_by = $2", [first["id"], number]), "3",
                     "each record is marked")
        raise_while(admin, "0A000", "NEW.user_name = 'h'")
        first = run_in_background(admin, ann, csv(["g,other", "h,other"]))
        admin.rows("SELECT customer_import.add_role_codes('{other}')")
        number = int(ann.value("SELECT import_id FROM customer_import.retry_rejects($1, background => true)", [first["id"]]))
        wait_ended(admin, number)
        clear(admin)
        ann.rows("SELECT customer_import.retry_rejects($1)", [first["id"]])
        not_offered(report, ann, number, "was undone or retried again", "a retry after which its source was retried again")


def test_created_codes(report):
    """unknown_roles => 'create': codes that went with the first end are there again."""
    with fresh(batch_rows=1) as admin, Session("regress_adm") as adm:
        row = stopped(admin, adm, csv(["a,new1", "b,new2", "c,new3"]), "b", unknown_roles="create")
        report.equal(admin.value("SELECT string_agg(code, ',' ORDER BY code) FROM customer_import.role_codes WHERE code LIKE 'new%'"), "new1",
                     "only what was given is left")
        adm.rows(RESUME, [row["id"]])
        row = wait_ended(admin, row["id"])
        report.equal((row["state"], counts_of(row)), ("completed", (3, 0, 0, 0, 0, 0)), "it completes")
        report.equal(admin.rows("SELECT user_name, roles::text FROM customers ORDER BY 1"), [("a", "{new1}"), ("b", "{new2}"), ("c", "{new3}")],
                     "with the codes of its file")


def test_import_timeout(report):
    """import_timeout counts anew."""
    with fresh(batch_rows=1, import_timeout="1h") as admin, Session("regress_ann") as ann:
        row = stopped(admin, ann, names("a", "b", "c"), "b")
        admin.rows("UPDATE customer_import.imports SET started_at = now() - interval '2 hours' WHERE id = $1", [row["id"]])
        ann.rows(RESUME, [row["id"]])
        row = wait_ended(admin, row["id"])
        report.line(row["state"] == "completed" and row["state"] not in OPEN_STATES and adds_up(row), "it completes", row)
