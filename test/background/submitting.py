"""What the call does: it stores the file, says "queued" and comes back; nothing of it survives a roll-back."""

import harness
from harness import (ServerError, Session, adds_up, counts_of, fresh, gate, import_file, new_customers, record,
                     run_in_background, state, submit, submit_error, wait_ended, wait_until, waits_for_lock)

QUEUE = ("SELECT (SELECT count(*) FROM customer_import.imports), (SELECT count(*) FROM customer_import._background_imports),"
         " (SELECT count(*) FROM customer_import._import_files), (SELECT count(*) FROM customer_import._import_slices),"
         " (SELECT count(*) FROM customer_import.import_issues), (SELECT count(*) FROM customers)")
NOTHING = [("0",) * 6]


def test_states(report):
    with fresh() as admin, Session("regress_ann") as ann, gate(admin) as holder:
        result = import_file(ann, "userName,addRoles\nwait1,buyer\nnew,buyer\n", background=True, file_name="a.csv")
        number = int(result["import_id"])
        report.equal((result["state"], result["records"], result["warnings"]), ("queued", None, "{}"), "the call says queued")
        report.matches(result["message"], rf"^Import {number} queued\. .*import_status WHERE id = {number}$",
                       "its message says what to do next")
        holder.wait()
        row = record(admin, number)
        report.equal((row["state"], row["operator"], row["database_role"], row["file_name"], row["file_bytes"], row["records"]),
                     ("running", "regress_ann", "regress_ann", "a.csv", 40, 2), "while it runs, the history says so")
        report.line(row["submitted_at"] <= row["started_at"] and row["finished_at"] is None, "it has started and not ended", row)
        holder.open()
        row = wait_ended(admin, number)
        report.equal((row["state"], counts_of(row)), ("completed", (2, 0, 0, 0, 0, 0)), "it completes, with its counts")
        report.line(row["started_at"] <= row["finished_at"], "it has ended", row)
        report.matches(row["message"], rf"^Import {number} completed: 2 created\. See every change: ", "its message says so")
        report.equal(ann.rows("SELECT user_name, roles::text FROM customers ORDER BY 1"),
                     [("new", "{buyer}"), ("wait1", "{buyer}")], "the customers are there")


def test_call_does_not_wait(report):
    """The call ends though no worker can work."""
    with fresh() as admin, Session("regress_ann") as ann, Session() as holder:
        holder.rows("BEGIN; LOCK TABLE customers IN SHARE ROW EXCLUSIVE MODE")
        ann.rows("SET statement_timeout = '5s'")
        number = submit(ann, "userName,addRoles\na,buyer\n")
        report.line(number, "a customers table that nobody may write does not hold up the call")
        wait_until(lambda: waits_for_lock(admin, "relation"), "the worker waits for the table")
        report.line(state(admin, number) in ("checking", "running"), "the worker waits for it")
        holder.rows("ROLLBACK")
        report.equal(wait_ended(admin, number)["state"], "completed", "and goes on when it is free")


def test_refused_header(report):
    with fresh() as admin, Session("regress_ann") as ann:
        for content, sqlstate, what in (
                ("userName,addRolse\na,buyer\n", "22P04", "a misspelled header"),
                ("userName\na\n", "22P04", "a header without a second column"),
                ("addRoles\nbuyer\n", "22P04", "a header without user names"),
                ("userName,email,email\na,b,c\n", "22P04", "a field that stands twice"),
                ("", "22P04", "an empty file"),
                (b"PK\x03\x04\x14\0\x06\0", "22P04", "a workbook"),
                ('userName,"addRoles\na,b\n', "22P04", "a header with an unclosed quote")):
            error = submit_error(ann, content)
            foreground = None
            try:
                import_file(ann, content)
            except Exception as caught:  # pylint: disable=broad-except
                foreground = caught
            report.refused(error, sqlstate, f"{what} is refused in the call")
            report.equal(error and (error.message, error.hint), foreground and (foreground.message, foreground.hint),
                         f"{what}: in the words of the foreground")
        report.refused(submit_error(ann, "userName,addRoles\na,b\n", mode="Upsert"), "22023", "a wrong mode is refused in the call")
        report.refused(submit_error(ann, "userName,addRoles\na,b\n", reject_limit=-1), "22023", "so is a negative reject_limit")
        report.refused(submit_error(ann, "userName,addRoles\na,b\n", encoding="LATIN1"), "22023", "so is an encoding with text")
        report.equal(admin.rows(QUEUE), NOTHING, "nothing of refused files is stored")


def test_fault_further_down(report):
    with fresh(batch_rows=100) as admin, Session("regress_ann") as ann:
        for records, where in ((500, "near the header"), (20_000, "far down")):
            for tail, pattern, what in (
                    ('x,"buyer\n', r"quote", "an unclosed quote"),
                    ("x," + ";".join(f"c{i}" for i in range(1001)) + "\n", r"1000 role codes", "too many codes in a cell"),
                    ("x," + "y" * (1 << 20) + "\n", r"1048576|1 MiB", "a record of more than 1 MiB")):
                try:
                    row = run_in_background(admin, ann, new_customers(records) + tail)
                except ServerError as error:
                    report.line(False, f"{what} {where} is no error of the call", error)
                    continue
                report.equal((row["state"], counts_of(row)[:4]), ("failed", (0, 0, 0, 0)), f"{what} {where}: failed")
                report.matches(row["message"], rf"line {records + 2}\b", f"{what} {where}: the message names the line")
                report.matches(row["message"], pattern, f"{what} {where}: it says what it is")
                report.matches(row["message"], r"Nothing was applied\.", f"{what} {where}: it says that nothing was applied")
                report.line(adds_up(row), f"{what} {where}: the counts add up", row)
        report.equal(admin.value("SELECT count(*) FROM customers"), "0", "nothing was applied of files with a fault further down")


def test_roll_back(report):
    with fresh() as admin, Session("regress_ann") as ann:
        ann.rows("BEGIN")
        submit(ann, "userName,addRoles\na,buyer\n")
        report.equal(admin.rows(QUEUE), NOTHING, "nobody sees the import before the commit")
        ann.rows("ROLLBACK")
        report.equal(admin.rows(QUEUE), NOTHING, "nothing stays after ROLLBACK")
        ann.rows("BEGIN; SAVEPOINT s")
        lost = submit(ann, "userName,addRoles\na,buyer\n")
        ann.rows("ROLLBACK TO s")
        kept = submit(ann, "userName,addRoles\nb,buyer\n")
        ann.rows("COMMIT")
        wait_ended(admin, kept)
        report.equal((state(admin, lost), admin.rows("SELECT user_name FROM customers")), (None, [("b",)]),
                     "a roll-back to a savepoint takes back one import and leaves the other")
        ann.rows("BEGIN")
        first = submit(ann, "userName,addRoles\nc,buyer\n")
        report.line(ann.error("SELECT 1/0") is not None, "an error ends the transaction")
        ann.rows("ROLLBACK")
        report.equal(state(admin, first), None, "its import is gone")
        number = submit(ann, "userName,addRoles\nd,buyer\n")
        report.equal(wait_ended(admin, number)["state"], "completed", "the same session submits the next one")


def test_several_in_one_transaction(report):
    with fresh() as admin, Session("regress_ann") as ann:
        ann.rows("BEGIN")
        numbers = [submit(ann, f"userName,email\nsame,{index}@example.com\n") for index in range(5)]
        ann.rows("COMMIT")
        report.equal([wait_ended(admin, number)["state"] for number in numbers], ["completed"] * 5,
                     "five imports of one transaction complete")


def test_prepared(report):
    with fresh() as admin, Session("regress_ann") as ann:
        ann.rows("BEGIN")
        submit(ann, "userName,addRoles\na,buyer\n")
        error = ann.error("PREPARE TRANSACTION 'regress_prepared'")
        report.line(error is not None and error.sqlstate in ("0A000", "55000"),
                    "a transaction with an import cannot be prepared, and says so", error and (error.sqlstate, error.message))
        ann.rows("ROLLBACK")
        report.equal(admin.rows(QUEUE), NOTHING, "nothing of it stays")


def test_read_only(report):
    with fresh() as admin, Session("regress_ann") as ann:
        ann.rows("BEGIN READ ONLY")
        report.refused(submit_error(ann, "userName,addRoles\na,buyer\n"), "25006", "a read-only transaction cannot submit")
        ann.rows("ROLLBACK")
        report.equal(admin.rows(QUEUE), NOTHING, "nothing of it stays")
        ann.rows("BEGIN ISOLATION LEVEL SERIALIZABLE")
        number = submit(ann, "userName,addRoles\na,buyer\n")
        ann.rows("COMMIT")
        report.equal(wait_ended(admin, number)["state"], "completed", "a serializable one can")


def test_request_id(report):
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_ben") as ben:
        first = submit(ann, "userName,addRoles\na,buyer\n", request_id="r1")
        again = import_file(ann, "userName,addRoles\na,buyer\n", background=True, request_id="r1")
        report.equal(int(again["import_id"]), first, "the same request id returns the first import")
        report.line(again["state"] in ("queued", "checking", "running", "completed"), "with its present state", again)
        wait_ended(admin, first)
        again = import_file(ann, "userName,addRoles\na,buyer\n", background=True, request_id="r1")
        report.equal((int(again["import_id"]), again["state"], again["created"]), (first, "completed", "1"),
                     "after its end, with its result")
        foreground = import_file(ann, "userName,addRoles\na,buyer\n", request_id="r1")
        report.equal(int(foreground["import_id"]), first, "the foreground returns the same import")
        for file, options, name in (("b", {}, "file"), ("a", {"mode": "create-only"}, "mode"), ("a", {"strict": True}, "option")):
            report.refused(submit_error(ann, f"userName,addRoles\n{file},buyer\n", request_id="r1", **options), "22023",
                           f"another {name} with the same request id is refused")
        other = submit(ben, "userName,addRoles\nc,buyer\n", request_id="r1")
        report.line(other != first, "another operator's request id is its own")
        wait_ended(admin, other)
        report.equal(admin.rows("SELECT user_name FROM customers ORDER BY 1"), [("a",), ("c",)], "each was applied once")
        refused = submit_error(ann, "nonsense\n", request_id="r2")
        number = submit(ann, "userName,addRoles\nd,buyer\n", request_id="r2")
        report.line(refused is not None and wait_ended(admin, number)["state"] == "completed",
                    "the id of a refused file is free again")


def test_warnings(report):
    with fresh() as admin, Session("regress_ann") as ann:
        result = import_file(ann, "userName,addRoles,favouriteColour\na,buyer,red\n", background=True)
        report.matches(result["warnings"], "favouriteColour", "an unknown column is a warning in the call's row")
        wait_ended(admin, int(result["import_id"]))
        row = record(admin, int(result["import_id"]))
        report.line("favouriteColour" in str(row["warnings"]), "and in the history", row["warnings"])


def test_waiting_for_the_end(report):
    """wait_for_import() returns when the import has ended, or at the timeout, and holds no transaction meanwhile."""
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_out") as out, gate(admin) as holder:
        number = submit(ann, "userName,addRoles\nwait1,buyer\n")
        row = ann.rows("CALL customer_import.wait_for_import($1, '10 milliseconds')", [number])[0]
        report.line(row[0] in harness.OPEN_STATES and str(number) in row[1], "it returns at the timeout", row)
        with Session("regress_ann") as waiting:
            waiting.start("CALL customer_import.wait_for_import($1)", [number])
            wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL customer_import.wait%' AND state = 'active'"
                                           " AND backend_xmin IS NULL AND wait_event_type = 'Extension'") == "1", "it waits without a snapshot")
            holder.open()
            report.equal(waiting.finish()[0][0], "completed", "it returns at the end")
        report.refused(out.error("CALL customer_import.wait_for_import($1)", [number]), "42501", "others may not call it")
        report.refused(ann.error("CALL customer_import.wait_for_import(0)"), "42704", "nor is there an import 0")
        report.refused(ann.error("CALL customer_import.wait_for_import(NULL)"), "22004", "an id is needed")
        report.refused(ann.error("CALL customer_import.wait_for_import($1, '-1 s')", [number]), "22023", "a negative timeout is refused")
        ann.rows("BEGIN")
        report.refused(ann.error("CALL customer_import.wait_for_import($1)", [number]), "25001", "it needs to be called outside of a transaction block")
        ann.rows("ROLLBACK")
