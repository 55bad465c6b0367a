"""What becomes of an import when its database role is switched off, renamed or dropped."""

from contextlib import contextmanager

from harness import Session, adds_up, counts_of, fresh, gate, record, submit, wait_ended, wait_until

FOUR = "'{customerView,customerEdit,importView,importEdit}'"
ROLE = "regress_gone"


@contextmanager
def operator(admin):
    """An operator of our own, whatever has become of it at the end."""
    admin.rows(f"CREATE ROLE {ROLE} LOGIN; SELECT customer_import.add_operator('{ROLE}', roles => {FOUR})")
    try:
        with Session(ROLE) as session:
            yield session
    finally:
        for name in (ROLE, "regress_renamed"):
            if admin.rows("SELECT FROM pg_roles WHERE rolname = $1", [name]):
                admin.rows(f"DROP OWNED BY {name}; DROP ROLE {name}")
        admin.rows(f"DELETE FROM customer_import.operators WHERE name IN ('{ROLE}', 'regress_renamed');"
                   "DELETE FROM customer_import.granted_privileges WHERE role IN ('regress_gone', 'regress_renamed')")


CHANGES = {
    "NOLOGIN": f"ALTER ROLE {ROLE} NOLOGIN",
    "renamed": f"ALTER ROLE {ROLE} RENAME TO regress_renamed",
    "dropped": f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}",
    "dropped and made anew": f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}; CREATE ROLE {ROLE} LOGIN;"
                             f"SELECT customer_import.alter_operator('{ROLE}', roles => {FOUR}, database_role => true)",
}
GOES_ON = "renamed"  # it is still the same role


def test_while_queued(report):
    """The import waits behind another one; then its role is no more what it was."""
    for what, change in CHANGES.items():
        with (fresh(max_running_imports=1) as admin, operator(admin) as gone, Session("regress_ben") as ben, gate(admin, busy=True) as holder):
            first = submit(ben, "userName,addRoles\nwait1,buyer\n")
            holder.wait()
            number = submit(gone, "userName,addRoles\na,buyer\n")
            last = submit(ben, "userName,addRoles\nlast,buyer\n")
            gone.close()
            admin.rows(change)
            holder.open()
            row = wait_ended(admin, number)
            if what == GOES_ON:
                report.equal((row["state"], row["created"], row["operator"]), ("completed", 1, ROLE), f"{what}, while queued: it completes")
            else:
                report.equal((row["state"], counts_of(row)[:5], adds_up(row)), ("denied", (0,) * 5, True), f"{what}, while queued: denied")
                report.matches(row["message"], rf'^Import \d+ denied: .*"{ROLE}"', f"{what}, while queued: the message names the role")
            report.equal((wait_ended(admin, first)["state"], wait_ended(admin, last)["state"]), ("completed", "completed"),
                         f"{what}, while queued: imports before and after it complete")


def test_while_running(report):
    """The worker is at work, and dies afterwards: no other takes its place."""
    for what, change in CHANGES.items():
        with fresh(batch_rows=1) as admin, operator(admin) as gone, Session("regress_ben") as ben, gate(admin) as holder:
            number = submit(gone, "userName,addRoles\na,buyer\nwait1,buyer\nc,buyer\n")
            holder.wait()
            gone.close()
            worker = admin.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'customer_import worker'")
            admin.rows("BEGIN; SET LOCAL statement_timeout = '10s';" + change + "; COMMIT")
            admin.rows("SELECT pg_terminate_backend($1)", [worker])
            holder.open()
            other = submit(ben, "userName,addRoles\nother,buyer\n")
            row = wait_ended(admin, number)
            report.equal((row["state"], row["created"], row["unprocessed"]), ("completed", 3, 0) if what == GOES_ON else ("denied", 1, 2),
                         f"{what}, worker lost: it goes on if the role is the same, or is denied with what was committed")
            report.equal(wait_ended(admin, other)["state"], "completed", f"{what}, worker lost: others go on")


def test_while_worker_lives(report):
    """A worker that is connected notices by itself, at its next batch."""
    for what in ("NOLOGIN", "renamed", "dropped"):
        with fresh(batch_rows=1) as admin, operator(admin) as gone, gate(admin) as holder:
            number = submit(gone, "userName,addRoles\na,buyer\nwait1,buyer\nc,buyer\n")
            holder.wait()
            gone.close()
            admin.rows(CHANGES[what])
            holder.open()
            row = wait_ended(admin, number)
            report.line(row["state"] == ("denied" if what == "dropped" else "completed") or (what == "NOLOGIN" and row["state"] == "denied"),
                        f"{what}, worker alive: a clear state", row)
            report.line(adds_up(row) and row["created"] >= 1, f"{what}, worker alive: the counts add up", row)


def test_operator_and_role(report):
    """The operator is removed and its role dropped: denied, with a sentence, whether the worker notices or the supervisor."""
    for is_worker_lost in (False, True):
        with fresh(batch_rows=1) as admin, operator(admin) as gone, gate(admin) as holder:
            number = submit(gone, "userName,addRoles\na,buyer\nwait1,buyer\nc,buyer\n")
            holder.wait()
            gone.close()
            admin.rows(f"SELECT customer_import.remove_operator('{ROLE}'); DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")
            if is_worker_lost:
                admin.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'customer_import worker'")
            holder.open()
            row = wait_ended(admin, number)
            report.equal((row["state"], adds_up(row)), ("denied", True), "operator and role gone: denied")
            report.matches(row["message"], rf'^Import \d+ denied: database role "{ROLE}" does not exist any more\. ', "and a sentence says why")


def test_connection_limit(report):
    """Limits for connections do not apply to workers, or end in a clear state; other imports continue."""
    with fresh() as admin, operator(admin) as gone:
        admin.rows(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
        row = wait_ended(admin, submit(gone, "userName,addRoles\na,buyer\n"))
        report.equal(row["state"], "completed", "CONNECTION LIMIT 0 does not stop a worker")
        admin.rows(f"ALTER ROLE {ROLE} VALID UNTIL '2001-01-01'")
        row = wait_ended(admin, submit(gone, "userName,addRoles\nb,buyer\n"))
        report.line(row["state"] in ("completed", "denied"), "an expired password ends in a clear state", row)
        admin.rows("REVOKE CONNECT ON DATABASE regress_background FROM PUBLIC")
        number = submit(gone, "userName,addRoles\nc,buyer\n")
        wait_until(lambda: record(admin, number)["finished_at"] is not None, "the import ends")
        row = record(admin, number)
        admin.rows("GRANT CONNECT ON DATABASE regress_background TO PUBLIC")
        report.line(row["state"] in ("completed", "denied", "failed") and row["message"],
                    "a role that may not connect to the database ends in a clear state", row)
        with Session("regress_ben") as ben:
            report.equal(wait_ended(admin, submit(ben, "userName,addRoles\nd,buyer\n"))["state"], "completed", "others go on")
