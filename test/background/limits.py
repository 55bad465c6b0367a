"""How much may wait, how much may run, and what happens when the server has no process to spare."""

import re

from harness import (DATABASE, Session, counts_of, create_database, csv, fresh, gate, import_file, new_customers, settings, state, status, submit, submit_error,
                     wait_ended, wait_until)
from own_server import cluster, wait_for_server

RUNNING = "SELECT count(*) FROM customer_import.imports WHERE state IN ('checking', 'running')"


def test_queued_imports(report):
    with fresh(max_queued_imports=3) as admin, Session("regress_ben") as ben, gate(admin) as holder:
        with Session("regress_ann") as ann:
            numbers = [submit(ann, f"userName,addRoles\nwait{index},buyer\n") for index in range(3)]
            error = submit_error(ann, "userName,addRoles\nx,buyer\n")
            report.refused(error, "53400", "a fourth unfinished import is refused", r"regress_ann.*3 .*customer_import\.max_queued_imports",
                           "cancel")
            other = submit(ben, "userName,addRoles\nother,buyer\n")
            report.line(other, "another operator has a limit of its own")
            report.equal(import_file(ann, "userName,addRoles\nfore,buyer\n")["state"], "completed", "the foreground is not limited")
            holder.wait()
            ann.rows("SELECT customer_import.cancel_import($1)", [numbers[2]])
            wait_until(lambda: state(admin, numbers[2]) == "canceled", "the third one ends")
            number = submit(ann, "userName,addRoles\nx,buyer\n")
            report.line(number, "one that has ended makes room")
            holder.open()
            report.equal([wait_ended(admin, each)["state"] for each in (*numbers[:2], number, other)], ["completed"] * 4, "all complete")
            ann.rows("BEGIN")
            for index in range(3):
                submit(ann, f"userName,addRoles\ny{index},buyer\n")
            report.refused(submit_error(ann, "userName,addRoles\nz,buyer\n"), "53400", "those of the same transaction count")
            ann.rows("ROLLBACK")


def test_queued_imports_of_a_gateway(report):
    """The limit is the operator's, not the database role's."""
    with fresh(max_queued_imports=1) as admin, Session("regress_web") as web, gate(admin) as holder:
        for name in ("kim", "lee"):
            web.rows(f"BEGIN; SELECT customer_import.act_as('{name}')")
            submit(web, f"userName,addRoles\nwait{name},buyer\n")
            web.rows(f"COMMIT; BEGIN; SELECT customer_import.act_as('{name}')")
            report.refused(submit_error(web, "userName,addRoles\nx,buyer\n"), "53400", f"{name} has a limit of its own", name)
            web.rows("ROLLBACK")
        holder.open()


def test_none(report):
    with fresh(max_queued_imports=0), Session("regress_ann") as ann:
        report.refused(submit_error(ann, "userName,addRoles\nx,buyer\n"), "53400", "a limit of 0 forbids imports in the background")


def test_queued_bytes(report):
    with fresh(max_queued_bytes="2MB") as admin, gate(admin) as holder:
        with Session("regress_ann") as ann:
            megabyte = csv([f"w{index},{'x' * 4000}" for index in range(250)] + ["wait1,x"], "userName,company")
            first = submit(ann, megabyte)
            error = submit_error(ann, megabyte + megabyte)
            report.refused(error, "53400", "more than max_queued_bytes is refused", r"customer_import\.max_queued_bytes", "cancel")
            report.equal(admin.value("SELECT count(DISTINCT import_id) FROM customer_import._import_files"), "1", "nothing of it is stored")
            second = submit(ann, "userName,company\nsmall,x\n")
            holder.open()
            report.equal([wait_ended(admin, number)["state"] for number in (first, second)], ["completed"] * 2, "what fits is done")
            report.refused(submit_error(ann, megabyte * 3), "53400", "so is a single file that is too large")


def test_running(report):
    """No more than max_running_imports at a time, oldest first."""
    with fresh(max_running_imports=2) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        numbers = [submit(ann, f"userName,addRoles\nwait{index},buyer\n") for index in range(5)]
        wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND backend_type LIKE"
                                       " 'customer_import %'") == "2", "two wait at the gate")
        report.equal([state(admin, number) for number in numbers], ["running"] * 2 + ["queued"] * 3, "two run, the oldest ones")
        waiting = status(ann, numbers[4])
        report.matches(waiting["message"], "queued|waits", "the others say that they wait")
        holder.open()
        report.equal([wait_ended(admin, number)["state"] for number in numbers], ["completed"] * 5, "all complete")


def test_in_turn(report):
    """max_running_imports = 1: imports of one operator are applied in the order they came in."""
    with fresh(max_running_imports=1) as admin, Session("regress_ann") as ann:
        numbers = [submit(ann, f"userName,company\nsame,turn {index}\n") for index in range(10)]
        for number in numbers:
            wait_ended(admin, number)
        report.equal(admin.value("SELECT company FROM customers"), "turn 9", "the last one that was submitted has the last word")
        report.equal(admin.value("SELECT array_agg(id ORDER BY started_at)::text FROM customer_import.imports"),
                     "{" + ",".join(map(str, numbers)) + "}", "they have run in their order")


def test_many(report):
    """Many imports of several operators, each in two slices."""
    with fresh(max_running_imports=4, batch_rows=2000) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben:
        numbers = [submit(session, new_customers(13_000, prefix=f"{name}{index}x"))
                   for index in range(5) for name, session in (("a", ann), ("b", ben))]
        rows = [wait_ended(admin, number, 90) for number in numbers]
        report.equal([(row["state"], counts_of(row)) for row in rows], [("completed", (13_000, 0, 0, 0, 0, 0))] * 10, "ten imports complete")
        report.equal(admin.value("SELECT count(*) FROM customers"), "130000", "nothing is lost")


def test_few_slots(report):
    """The server has few slots for workers, and others take some: everything still ends."""
    for slots in (3, 4):  # one is that of logical replication
        with cluster(max_worker_processes=slots) as server:
            with Session() as admin, Session("regress_ann") as ann, Session("regress_ben") as ben:
                with settings(admin, max_running_imports=5, batch_rows=1000):
                    numbers = [submit(session, new_customers(13_000 if index == 0 else 50, prefix=f"{name}{index}x"))
                               for index in range(4) for name, session in (("a", ann), ("b", ben))]
                    rows = [wait_ended(admin, number, 60) for number in numbers]
                report.equal([row["state"] for row in rows], ["completed"] * 8, f"with {slots} slots eight imports complete")
                report.equal(admin.value("SELECT count(*) FROM customers"), "26300", f"with {slots} slots nothing is lost")
            report.equal(server.complaints(), [], f"with {slots} slots the server does not complain")


def test_one_slot(report):
    """One slot is the supervisor's; no worker finds room. Neither an error nor a loop that cannot be ended."""
    with cluster(max_worker_processes=2) as server:
        with Session() as admin, Session("regress_ann") as ann:
            number = submit(ann, "userName,addRoles\na,buyer\n")
            wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor'") == "1",
                       "the supervisor is there")
            report.equal(state(admin, number), "queued", "without a slot for a worker the import is queued")
            wait_until(lambda: "run_imports()" in status(ann, number)["message"], "import_status says what can be done")
            report.matches(status(ann, number)["message"], r"waits: no background worker slot is free \(max_worker_processes.*\)\. .*run_imports\(\)",
                           "import_status says why, and what can be done")
            ann.rows("CALL customer_import.run_imports()")
            report.equal(state(admin, number), "completed", "run_imports() does it")
            number = submit(ann, "userName,addRoles\nb,buyer\n")
            report.matches(ann.value("SELECT customer_import.cancel_import($1)", [number]), "canceled", "one that waits can be canceled")
            wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor'") == "0",
                       "the supervisor goes when the queue is empty")
        report.equal(server.complaints(), [], "the server does not complain")


def test_supervisors_with_all_slots(report):
    """The supervisors of two databases have all slots: the younger one leaves its own, and comes back by itself."""
    other = f"{DATABASE}_other"
    workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'customer_import worker'"
    without = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'customer_import supervisor without a slot'"
    with cluster(max_worker_processes=3, customer_import__lock_timeout="100ms") as server:  # one is that of logical replication
        create_database(other)
        with (Session() as admin, Session("regress_ann") as ann, Session("regress_ann", other) as elsewhere,
              Session(database=other) as there, Session(database=other) as holder):
            holder.rows("BEGIN; LOCK TABLE customers IN SHARE MODE")
            first = submit(elsewhere, new_customers(10))
            wait_until(lambda: there.rows("UPDATE customer_import._import_slices SET next_attempt_at = now() + interval '1 hour'"
                                          " WHERE next_attempt_at IS NOT NULL RETURNING slice"), "the import in the other database is set aside")
            wait_until(lambda: there.value(workers) == "0", "its worker has gone")
            second = submit(ann, new_customers(10))
            wait_until(lambda: admin.value(without) == "1", "the supervisor of this database finds no slot for a worker")
            holder.rows("COMMIT")
            there.rows("UPDATE customer_import._import_slices SET next_attempt_at = now()")
            report.equal([wait_ended(session, number, 60)["state"] for session, number in ((there, first), (admin, second))], ["completed"] * 2,
                         "both imports complete, and nobody has looked at them")
        report.equal(len(re.findall("have all background worker slots", server.text())), 1, "the log says once who has left")
        report.equal(server.complaints(), [], "the server does not complain")


def test_launcher_with_few_slots(report):
    """More databases than slots: each gets its turn after a start of the server, and nobody looks."""
    names = [DATABASE, *(f"{DATABASE}_{index}" for index in range(3))]
    with cluster(max_worker_processes=0, shared_preload_libraries="customer_import", customer_import__databases=",".join(names)) as server:
        for name in names[1:]:
            create_database(name)
        for name in names:
            with Session("regress_ann", name) as ann:
                submit(ann, new_customers(10))
        server.set(max_worker_processes=4)  # one is that of logical replication, one the launcher's
        server.restart()
        wait_for_server()
        for name in names:
            with Session(database=name) as admin:
                report.equal(wait_ended(admin, 1, 30)["state"], "completed", f"{name}: its import completes")
        report.equal(server.complaints(), [], "the server does not complain")
