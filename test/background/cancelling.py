"""cancel_import(): of imports in each state, of one's own and of others."""

from harness import (Session, adds_up, call_import, counts_of, csv, fresh, gate, new_customers, record, run_in_background, state, status, submit,
                     wait_ended, wait_until, waits_for_lock)

CANCEL = "SELECT customer_import.cancel_import($1)"
CONTENT = csv([*(f"a{index},buyer" for index in range(20)), ",x", "wait1,buyer", *(f"z{index},buyer" for index in range(30))])


def test_running(report):
    with fresh(batch_rows=10) as admin, Session("regress_ann") as ann, gate(admin, busy=True) as holder:
        number = submit(ann, CONTENT)
        holder.wait()
        report.matches(ann.value(CANCEL, [number]), rf"^Import {number} stops after its batch\. .*import_status", "the call says what happens")
        report.equal(state(admin, number), "running", "the batch goes on")
        report.matches(ann.value(CANCEL, [number]), rf"^Import {number} stops after its batch", "a second call says the same")
        holder.open()
        row = wait_ended(admin, number)
        report.equal((row["state"], counts_of(row), row["records"]), ("canceled", (30, 0, 0, 0, 1, 21), 52), "it ends after its batch")
        report.line(adds_up(row), "the counts add up", row)
        report.equal(admin.value("SELECT count(*) FROM customers"), "30", "what was committed stays")
        report.matches(row["message"], rf"^Import {number} canceled\. It stopped at 30 created, 1 rejected, 21 unprocessed\. Resume it with SELECT customer_import\.resume_import",
                       "the message says what was committed")
        report.refused(ann.error(CANCEL, [number]), "55000", "it cannot be canceled again", "ended", "import_status")


def test_in_slices(report):
    with fresh(batch_rows=100) as admin, Session("regress_ann") as ann, Session() as holder:
        # Not the first record: that is tried within the check, which a cancel takes back.
        admin.rows("INSERT INTO customers (user_name) VALUES ('user0010000'), ('user0010001')")
        holder.rows("BEGIN; SELECT FROM customers FOR UPDATE")
        number = submit(ann, new_customers(20_000))
        wait_until(lambda: waits_for_lock(admin), "a worker waits")
        ann.rows(CANCEL, [number])
        holder.rows("ROLLBACK")
        row = wait_ended(admin, number)
        report.line(row["state"] in ("canceled", "completed") and adds_up(row) and row["records"] == 20_000, "an import in two slices stops", row)
        report.equal(admin.value("SELECT count(*) FROM customers WHERE roles = '{buyer}'"), str(row["created"] + row["updated"]),
                     "with the counts of both")
        report.equal(admin.value("SELECT count(*) FROM customer_import.import_changes"), str(row["created"] + row["updated"]),
                     "and the changes")


def test_queued(report):
    with fresh(max_running_imports=1) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, gate(admin, busy=True) as holder:
        first = submit(ben, "userName,addRoles\nwait1,buyer\n")
        holder.wait()
        number = submit(ann, CONTENT)
        report.equal(ann.value(CANCEL, [number]), f"Import {number} is canceled.", "a queued one ends in the call")
        row = record(admin, number)
        report.equal((row["state"], counts_of(row)), ("canceled", (0, 0, 0, 0, 0, 0)), "its state")
        report.line(row["finished_at"] and row["message"] == f"Import {number} canceled. Nothing was applied. Resume it when you want it with SELECT customer_import.resume_import({number})",
                    "its message", row["message"])
        report.refused(ann.error(CANCEL, [number]), "55000", "it cannot be canceled again")
        ann.rows("BEGIN")
        second = submit(ann, CONTENT)
        ann.rows(CANCEL, [second])
        ann.rows("COMMIT")
        report.equal(state(admin, second), "canceled", "submitted and canceled in one transaction")
        third = submit(ann, CONTENT)
        ann.rows("BEGIN")
        ann.rows(CANCEL, [third])
        report.equal(state(admin, third), "queued", "a cancel that is not committed is none")
        ann.rows("ROLLBACK")
        holder.open()
        report.equal((wait_ended(admin, third)["state"], wait_ended(admin, first)["state"]), ("completed", "completed"),
                     "a cancel that was rolled back is none")
        report.equal(admin.value("SELECT count(*) FROM customers WHERE user_name LIKE 'a%'"), "20", "only that import was applied")


def test_checking(report):
    """The worker is held before it reads the file."""
    with fresh() as admin, Session("regress_ann") as ann, Session() as holder:
        ann.rows("BEGIN")
        number = submit(ann, CONTENT)
        holder.start("BEGIN; LOCK TABLE customer_import._import_files IN ACCESS EXCLUSIVE MODE")
        wait_until(lambda: admin.value(f"SELECT count(*) FROM pg_locks WHERE pid = {holder.pid} AND NOT granted") == "1", "the lock is asked for")
        ann.rows("COMMIT")
        holder.finish()
        wait_until(lambda: waits_for_lock(admin, "relation"), "the worker waits for the file")
        report.equal(state(admin, number), "checking", "it is checking")
        report.matches(ann.value(CANCEL, [number]), "stops after its batch", "cancel is accepted")
        holder.rows("COMMIT")
        row = wait_ended(admin, number)
        report.equal((row["state"], counts_of(row)[:4]), ("canceled", (0, 0, 0, 0)), "canceled while checking: nothing is applied")
        report.line(adds_up(row), "the counts add up", row)
        report.equal(admin.value("SELECT count(*) FROM customers"), "0", "no customer is there")


def test_others(report):
    with fresh(batch_rows=10) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, Session("regress_adm") as adm, \
            gate(admin) as holder:
        number = submit(ann, CONTENT)
        holder.wait()
        report.refused(ben.error(CANCEL, [number]), "42704", "another's import does not exist for it", "does not exist")
        report.refused(ben.error(CANCEL, [4711]), "42704", "nor does one that never was", "does not exist")
        with Session("regress_viv") as viv:
            report.refused(viv.error(CANCEL, [number]), "42501", "who only looks on cannot cancel")
        report.line(adm.value(CANCEL, [number]), "an administrator can")
        holder.open()
        row = wait_ended(admin, number)
        report.equal(row["state"], "canceled", "it ends")
        report.matches(row["message"], r"canceled by regress_adm\.", "the message says by whom")
        report.refused(ben.error(CANCEL, [number]), "42704", "it does not exist for others after its end either")


def test_gateway(report):
    with fresh(batch_rows=10) as admin, Session("regress_web") as web, gate(admin) as holder:
        web.rows("BEGIN; SELECT customer_import.act_as('kim')")
        number = submit(web, CONTENT)
        web.rows("COMMIT")
        holder.wait()
        report.refused(web.error(CANCEL, [number]), "42501", "a gateway that acts as nobody cannot cancel")
        web.rows("BEGIN; SELECT customer_import.act_as('lee')")
        report.refused(web.error(CANCEL, [number]), "42704", "nor as another operator")
        web.rows("ROLLBACK; BEGIN; SELECT customer_import.act_as('kim')")
        report.line(web.value(CANCEL, [number]), "as the operator it can")
        web.rows("COMMIT")
        holder.open()
        report.equal(wait_ended(admin, number)["state"], "canceled", "it ends")


def test_foreground(report):
    with fresh(batch_rows=10) as admin, Session("regress_ann") as ann, Session("regress_ann") as other, Session("regress_adm") as adm, \
            Session("regress_ben") as ben, gate(admin) as holder:
        ann.start(call_import("text"), [CONTENT, "Create & Update"])
        wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'") == "1", "it waits")
        number = other.value("SELECT id FROM customer_import.import_status")
        for session, what in ((other, "its own other session"), (adm, "an administrator")):
            report.refused(session.error(CANCEL, [number]), "55000", f"a foreground import cannot be canceled so: {what}", "foreground",
                           rf"pg_cancel_backend\({ann.pid}\)")
        report.refused(ben.error(CANCEL, [number]), "42704", "for another operator it does not exist")
        other.rows(f"SELECT pg_cancel_backend({ann.pid})")
        try:
            ann.finish()
            report.line(False, "pg_cancel_backend() does it")
        except Exception as error:  # pylint: disable=broad-except
            report.equal(getattr(error, "sqlstate", None), "57014", "pg_cancel_backend() does it")
        report.equal(admin.value("SELECT count(*) FROM customer_import.imports"), "0", "it leaves nothing")
        holder.open()
        ann.rows(call_import("text"), ["userName,addRoles\na,buyer\n", "Create & Update"])
        last = ann.value("SELECT max(id) FROM customer_import.imports")
        report.refused(ann.error(CANCEL, [last]), "55000", "one that has ended cannot be canceled", "ended")


def test_too_late(report):
    """Canceled in its last batch: everything was applied, so it has completed."""
    with fresh(batch_rows=10) as admin, Session("regress_ann") as ann, gate(admin, busy=True) as holder:
        number = submit(ann, csv([*(f"a{index},buyer" for index in range(15)), "wait1,buyer"]))
        holder.wait()
        ann.rows(CANCEL, [number])
        holder.open()
        row = wait_ended(admin, number)
        report.equal((row["state"], counts_of(row)), ("completed", (16, 0, 0, 0, 0, 0)), "a cancel in the last batch comes too late")
        report.matches(row["message"], "completed: 16 created", "the message says so")


def test_next_one(report):
    """A canceled import makes room for the next one, and its file can be imported again."""
    with fresh(batch_rows=10, max_running_imports=1) as admin, Session("regress_ann") as ann, gate(admin, busy=True) as holder:
        number = submit(ann, CONTENT)
        holder.wait()
        following = submit(ann, "userName,addRoles\nb,buyer\n")
        ann.rows(CANCEL, [number])
        report.equal(status(ann, number)["message"], f"Import {number} is about to end as canceled: when its batch has ended.", "import_status says so")
        holder.open()
        report.equal((wait_ended(admin, number)["state"], wait_ended(admin, following)["state"]), ("canceled", "completed"), "the next one runs")
        row = run_in_background(admin, ann, CONTENT)
        report.equal((row["state"], row["created"], row["unchanged"]), ("completed", 21, 30), "again, the rest is applied")
