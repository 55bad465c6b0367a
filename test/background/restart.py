"""Clean restarts of the server, with and without the library preloaded; processes that are terminated."""

import os
import signal
import time
from contextlib import suppress

from harness import DATABASE, Session, counts_of, csv, gate, import_file, new_customers, state, status, submit, wait_ended, wait_idle, wait_until
from own_server import cluster, is_up, wait_for_server
from passing import clear, raise_while
from waiting import wait_set_aside

CONTENT = csv([*(f"a{index},buyer" for index in range(30)), "wait1,buyer", *(f"z{index},buyer" for index in range(30))])
PROCESSES = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = $1"


def stop_in_the_middle(server):
    """Restarts the server while one import is in the middle, and one is queued. Returns their numbers."""
    with Session() as admin, Session("regress_ann") as ann:
        admin.rows(f"ALTER DATABASE {DATABASE} SET customer_import.batch_rows = 10")
        admin.rows(f"ALTER DATABASE {DATABASE} SET customer_import.max_running_imports = 1")
        with gate(admin) as holder:
            numbers = [submit(ann, CONTENT)]
            holder.wait()
            numbers.append(submit(ann, "userName,addRoles\nlast,buyer\n"))
            server.restart()
    wait_for_server()
    with Session() as admin:
        admin.rows("DROP TRIGGER v_waits ON customers")
    return numbers


def ended(report, what, numbers):
    with Session() as admin:
        rows = [wait_ended(admin, number) for number in numbers]
        report.equal([(row["state"], counts_of(row)) for row in rows],
                     [("completed", (61, 0, 0, 0, 0, 0)), ("completed", (1, 0, 0, 0, 0, 0))], f"{what}: both complete, each record once")
        report.equal(admin.value("SELECT count(*) || ' ' || (SELECT count(DISTINCT line) FROM customer_import.import_changes WHERE import_id = $1)"
                                 " FROM customers", [numbers[0]]), "62 61", f"{what}: nothing is lost or doubled")
        wait_idle(admin)


def test_without_preload(report):
    calls = {
        "a background import": lambda ann: submit(ann, "userName,addRoles\nlast,buyer\n"),
        "a foreground import": lambda ann: import_file(ann, "userName,addRoles\nlast,buyer\n"),
        "a refused cancel": lambda ann: ann.error("SELECT customer_import.cancel_import(4711)"),
    }
    with cluster() as server:
        for what, call in calls.items():
            with Session() as admin:
                admin.rows("CALL reset_all()")
            numbers = stop_in_the_middle(server)
            with Session("regress_ann") as ann, Session() as admin:
                report.equal([state(admin, number) for number in numbers], ["running", "queued"], f"{what}: after a restart they wait")
                report.equal(admin.value(PROCESSES, ["customer_import supervisor"]), "0", f"{what}: nobody works on them")
                report.matches(status(ann, numbers[0])["message"], rf"^Import {numbers[0]} waits for a worker\. .*run_imports\(\)",
                               f"{what}: import_status says what to do")
                call(ann)
                if what == "a refused cancel":
                    ann.rows("SELECT customer_import.import_customers($1::text, 'Create Only')", ["userName,email\na0,x\n"])
                row = wait_ended(admin, numbers[1])
                report.line(row["state"] == "completed" and row["created"] + row["unchanged"] == 1, f"{what} starts what waits", row)
                row = wait_ended(admin, numbers[0])
                report.equal((row["state"], counts_of(row)), ("completed", (61, 0, 0, 0, 0, 0)), f"{what}: the first one goes on where it stopped")
                report.equal(admin.value("SELECT count(*) FROM customers"), "62", f"{what}: nothing is lost or doubled")
                wait_idle(admin)
        report.equal(server.complaints(), [], "the server does not complain")


def test_run_imports_after_restart(report):
    with cluster() as server:
        numbers = stop_in_the_middle(server)
        with Session("regress_ann") as ann:
            ann.rows("CALL customer_import.run_imports()")
        ended(report, "run_imports() after a restart", numbers)


def test_immediate_stop(report):
    """As after a power cut: the server recovers, and whoever looks at an import that is open has it resumed."""
    supervisors = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor'"
    with cluster(synchronous_commit="on") as server:
        with Session() as admin:
            admin.rows(f"ALTER DATABASE {DATABASE} SET customer_import.batch_rows = 1000")
        for what, role, look, values in (("import_status", "regress_ann", "SELECT message FROM customer_import.import_status WHERE id = $1", True),
                                         ("import_health", None, "SELECT supervisor_needed AND NOT supervisor_running FROM customer_import.import_health", False),
                                         ("import_activity", None, "SELECT count(*) FROM customer_import.import_activity", False),
                                         ("wait_for_import", "regress_ann", "CALL customer_import.wait_for_import($1, '0 s')", True)):
            with Session() as admin, Session("regress_ann") as ann:
                admin.rows("TRUNCATE customers")
                number = submit(ann, new_customers(30_000))
                wait_until(lambda: int(admin.value("SELECT COALESCE(sum(position), 0) FROM customer_import._import_slices WHERE import_id = $1", [number])) > 0, "a batch is done")  # pylint: disable=cell-var-from-loop
                server.stop("immediate")
            server.start()
            wait_for_server()
            with Session() as admin, Session(*filter(None, [role])) as onlooker:
                onlooker.rows("BEGIN TRANSACTION READ ONLY")
                onlooker.rows("SELECT count(*) FROM customer_import.import_status")
                onlooker.rows("COMMIT")
                report.equal(admin.value(supervisors), "0", f"an immediate stop: nobody resumes it by itself, nor who only reads ({what})")
                if what == "import_status":
                    for seer, count in (("regress_ben", "0"), ("regress_ann", "1")):  # a lock until the commit, which starts it
                        with Session(seer) as operator:
                            operator.rows("BEGIN; SELECT message FROM customer_import.import_status")
                            report.equal(admin.value("SELECT count(*) FROM pg_locks WHERE pid = $1 AND locktype = 'object'"
                                                     " AND classid = 'customer_import._background_imports'::regclass", [operator.pid]), count,
                                         f"a look of {seer} at what it sees: {count} supervisors to start")
                seen = onlooker.rows(look, [number] if values else [])
                report.line(what != "import_status" or seen[0][0].startswith(f"Import {number} waits for a worker."), f"{what} has it resumed", seen)
                row = wait_ended(admin, number)
                report.equal((row["state"], counts_of(row)), ("completed", (30_000, 0, 0, 0, 0, 0)), f"an immediate stop: each record once ({what})")
                report.equal(admin.value("SELECT count(DISTINCT line) FROM customer_import.import_changes WHERE import_id = $1", [number]), "30000",
                             f"an immediate stop: each change once ({what})")


def test_uploads_after_a_crash(report):
    """A crash takes the chunks of an upload, but not of one for the background."""
    begin = "SELECT customer_import.begin_upload('lost.csv', background => $1::boolean)"
    append = "SELECT customer_import.append_upload($1, $2::bytea, $3)"
    with cluster(synchronous_commit="on") as server:
        with Session("regress_ann") as ann:
            uploads = [ann.value(begin, [background]) for background in ("f", "t")]
            for upload in uploads:
                ann.rows(append, [upload, b"userName,addRoles\n", 0])
            server.stop("immediate")
        server.start()
        wait_for_server()
        with Session("regress_ann") as ann, Session() as admin:
            for upload in uploads:
                report.equal(ann.value(append, [upload, b"u1,buyer\n", 18]), "27", "an upload can be continued after a crash")
            report.refused(ann.error("SELECT customer_import.import_upload($1, 'Create Only')", [uploads[0]]), "55000",
                           "one that has lost its chunks is not imported", "lost")
            number = ann.value("SELECT import_id FROM customer_import.import_upload($1, 'Create Only', background => true)", [uploads[1]])
            row = wait_ended(admin, number)
            report.equal((row["state"], counts_of(row), row["file_bytes"]), ("completed", (1, 0, 0, 0, 0, 0), 27),
                         "one for the background has all of them")
            ann.rows("SELECT customer_import.discard_upload($1)", [uploads[0]])
            report.equal(admin.value("SELECT count(*) FROM customer_import.uploads"), "0", "nothing is left")


def test_preloaded(report):
    """The launcher resumes imports by itself, in the databases of its setting."""
    with cluster(shared_preload_libraries="customer_import", customer_import__databases=f"no_such_database, {DATABASE}") as server:
        with Session() as admin:
            report.equal(admin.value(PROCESSES, ["customer_import launcher"]), "1", "preloaded, there is a launcher")
        numbers = stop_in_the_middle(server)
        ended(report, "with the launcher", numbers)
        with Session() as admin:
            launcher = admin.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'customer_import launcher'")
            admin.rows("SELECT pg_terminate_backend($1)", [launcher])
            wait_until(lambda: admin.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'customer_import launcher'")
                       not in (None, launcher), "it comes back")
            report.line(True, "a terminated launcher comes back")
            report.equal(admin.value("SELECT usename FROM pg_stat_activity WHERE backend_type = 'customer_import launcher'") in (None, "postgres"), True,
                         "it is nobody's")
        server.set(**{"customer_import.databases": ""})
        with Session() as admin:
            admin.rows("CALL reset_all()")
        numbers = stop_in_the_middle(server)
        with Session() as admin, Session("regress_ann") as ann:
            report.equal([state(admin, number) for number in numbers], ["running", "queued"], "a database that is not in the setting is left alone")
            submit(ann, "userName,addRoles\nmore,buyer\n")
            report.equal([wait_ended(admin, number)["state"] for number in numbers], ["completed"] * 2, "until somebody calls")
            wait_idle(admin)
        report.equal(server.complaints(), [], "the server does not complain")


def test_crash_with_few_slots(report):
    """A worker is killed where processes of ours have all slots: the supervisor comes back by itself, and the launcher starts no second one, which would
    take the slot of the worker."""
    values = {"shared_preload_libraries": "customer_import", "customer_import__databases": DATABASE, "customer_import__lock_timeout": "10min",
              "synchronous_commit": "on", "max_prepared_transactions": 1, "log_min_messages": "debug1"}
    worker = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'customer_import worker' AND wait_event_type = 'Lock'"
    with cluster(max_worker_processes=4, **values) as server:
        with Session() as admin, Session("regress_ann") as ann:
            admin.rows("INSERT INTO customers (user_name) VALUES ('a')")
            admin.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'a'; PREPARE TRANSACTION 'outlives'")
            number = submit(ann, csv(["a,buyer"]))
            os.kill(int(wait_until(lambda: admin.value(worker), "the worker waits")), signal.SIGKILL)
            wait_until(lambda: "terminated by signal 9" in server.text(), "it dies, and with it all sessions")
        wait_until(lambda: "database system is ready" in after_kill(server), "the server has recovered")
        wait_for_server()
        with Session() as admin:
            wait_until(lambda: admin.value(worker), "the next worker waits")
            report.equal(admin.value("SELECT customer_import._free_worker_slots()"), "0", "no slot is free")
            wait_until(lambda: admin.value("SELECT backend_start < clock_timestamp() - interval '3 s' FROM pg_stat_activity"
                                           " WHERE backend_type = 'customer_import launcher'") == "t", "the launcher has looked")
            admin.rows("COMMIT PREPARED 'outlives'")
            row = wait_ended(admin, number)
            report.equal((row["state"], row["updated"]), ("completed", 1), "the import completes")
            wait_idle(admin)
        report.equal(after_kill(server).count('starting background worker process "customer_import supervisor"'), 1, "one supervisor was started")
        report.equal([line for line in after_kill(server).splitlines() if "slot is free" in line], [], "the log has no word of a missing slot")


def after_kill(server):
    return server.text().split("terminated by signal 9")[1]


def test_no_slot_for_a_look(report):
    """A launcher that finds no slot does not know whether an import waits; it says once that it cannot look."""
    with cluster(max_worker_processes=2, shared_preload_libraries="customer_import", customer_import__databases="template1, postgres") as server:
        told = "no background worker slot is free to look for imports (max_worker_processes)"
        wait_until(lambda: told in server.text(), "the launcher says so")
        report.equal((server.text().count(told), server.text().count("imports wait")), (1, 0), "in one line, and claims no more")


def wait_for_trouble(admin, session, name):
    """Submits an import that waits for trouble which does not pass, so that its supervisor stays."""
    raise_while(admin, "53100")
    number = submit(session, f"userName,addRoles\n{name},buyer\n")
    wait_set_aside(admin, number)
    return number


def shut_out(outside, database):
    """Closes a database to connections, and ends all that there are."""
    outside.rows(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
    outside.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [database])


def test_closed_database(report):
    """The supervisor comes back to a database that was closed for a while, and renamed meanwhile; not to one that is gone."""
    new_name = f"{DATABASE}_renamed"
    with cluster(log_min_messages="debug1") as server, Session(database="postgres") as outside:
        def logged(text):
            return server.text().count(text)

        with Session() as admin, Session("regress_ann") as ann:
            number = wait_for_trouble(admin, ann, "a")
            shut_out(outside, DATABASE)
        wait_until(lambda: outside.value("SELECT query FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor' AND datname IS NULL"
                                         " AND query ~ 'takes connections'"), "the supervisor was refused: a process that is in no database waits", 60)
        report.equal((logged("is not currently accepting connections"),
                      logged(f'customer_import: imports wait: database "{DATABASE}" takes no connections (ALLOW_CONNECTIONS is false)')), (1, 1),
                     "the log says so, once")
        outside.rows(f"ALTER DATABASE {DATABASE} RENAME TO {new_name}")
        report.line(True, "a closed database can be renamed, though an import waits in it")
        outside.rows(f"ALTER DATABASE {new_name} ALLOW_CONNECTIONS true")
        with Session(database=new_name) as admin:
            clear(admin)
            row = wait_ended(admin, number, 60)
            report.equal((row["state"], row["created"]), ("completed", 1), "open again, its import completes without any call")
            wait_idle(admin)
            with Session("regress_ann", new_name) as ann:
                wait_for_trouble(admin, ann, "b")
            shut_out(outside, new_name)
        wait_until(lambda: logged("takes no connections") == 2, "closed again, a process waits for it")
        ended = logged('unregistering background worker "customer_import supervisor"')
        outside.rows(f"DROP DATABASE {new_name} WITH (FORCE)")
        wait_until(lambda: logged('unregistering background worker "customer_import supervisor"') > ended, "its supervisor is given up", 60)
        report.line(True, "the supervisor of a database that was dropped is not started for ever")
        report.equal(server.complaints(), [], "the server does not complain")


def test_left_over_database(report):
    """A database whose drop was interrupted is given up: no process comes back to it again and again."""
    with cluster() as server, Session(database="postgres") as outside:
        with Session() as admin, Session("regress_ann") as ann:
            wait_for_trouble(admin, ann, "a")
        outside.rows("UPDATE pg_database SET datconnlimit = -2 WHERE datname = $1", [DATABASE])  # as DROP DATABASE leaves it
        outside.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [DATABASE])

        def refused():
            return server.text().count("cannot connect to invalid database")

        def processes():  # a session that owes a supervisor registers it when it ends
            return outside.value(f"SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^customer_import' OR datname = '{DATABASE}'")

        wait_until(lambda: refused() > 0 and processes() == "0", "the supervisor was refused, and is gone", 60)
        before = refused()
        time.sleep(3)
        report.equal((refused(), processes()), (before, "0"), "none comes back")
        outside.close()
        server.stop()
        server.set(**{"shared_preload_libraries": "customer_import", "customer_import.databases": f"postgres, {DATABASE}", "log_min_messages": "debug1"})
        server.start()
        wait_until(lambda: is_up("postgres"), "the server is up")
        wait_until(lambda: "unregistering background worker \"customer_import supervisor\"" in server.text(), "the launcher has looked for imports elsewhere")
        time.sleep(2)
        report.equal(refused(), before, "and a launcher starts nothing in it")


def test_one_watcher(report):
    """Two supervisors are refused by a closed database: one process waits for it, and says so once."""
    with cluster(log_min_messages="debug1") as server, Session(database="postgres") as outside:
        def ends():
            return server.text().count('unregistering background worker "customer_import supervisor"')

        before = ends()
        with Session("regress_ann") as ann, Session("regress_ben") as ben:
            outside.rows(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false")
            numbers = [submit(session, csv([name])) for session, name in ((ann, "a,buyer"), (ben, "b,buyer"))]
            wait_until(lambda: server.text().count("is not currently accepting connections") == 2, "both supervisors are refused")
            with suppress(TimeoutError):
                wait_until(lambda: ends() == before + 3, "they end, and so does one of the two processes that look at the database", seconds=20)
            report.equal((outside.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor'"),
                          server.text().count("takes no connections")), ("1", 1), "one waits, and says so once")
            outside.rows(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true")
        with Session() as admin:
            report.equal([wait_ended(admin, number)["state"] for number in numbers], ["completed"] * 2, "open again, both imports complete")
        report.equal(server.complaints(), [], "the server does not complain")


def test_terminated(report):
    """Worker and supervisor are terminated by an administrator: others take their place."""
    with cluster() as server:
        with Session() as admin, Session("regress_ann") as ann:
            admin.rows(f"ALTER DATABASE {DATABASE} SET customer_import.batch_rows = 10")
            for victims in (("worker",), ("supervisor",), ("supervisor", "worker"), ("worker", "supervisor")):
                admin.rows("CALL reset_all()")
                what = " and ".join(victims)
                with gate(admin) as holder:
                    number = submit(ann, CONTENT)
                    holder.wait()
                    for victim in victims:
                        admin.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = $1", [f"customer_import {victim}"])
                    holder.open()
                    row = wait_ended(admin, number)
                report.equal((row["state"], counts_of(row)), ("completed", (61, 0, 0, 0, 0, 0)), f"{what} terminated: it completes, each record once")
                wait_idle(admin)
        report.equal(server.complaints(), [], "the server does not complain")
