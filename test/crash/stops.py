"""Processes that are asked to go, servers that are stopped: the import resumes, by itself or with the next call."""

import signal

from client import Session
from waits import wait_until
from data import OPERATOR, PLAIN, TRIGGERED, Scenario, reset
from imports import SUBMIT, BackgroundImport, Onlooker, call_import_function
from points import run_imports

LONG = Scenario(records=6000, batch_rows=10, workers=2)


def terminations(report, suite):
    for number, kind in enumerate(("worker", "worker", "supervisor", "supervisor")):
        scenario = LONG if number % 2 else Scenario(database=TRIGGERED, records=2000, batch_rows=5)
        suite.oracle.result(scenario)
        starts = suite.server.count("ready to accept connections")
        with BackgroundImport(scenario) as background:
            background.submit()
            before = background.wait_position(0.2)
            pids = background.onlooker.processes(kind)
            for pid in pids:
                background.onlooker.rows("SELECT pg_terminate_backend($1)", [pid])
            suite.count_fault(f"pg_terminate_backend of {kind}")
            if kind == "worker":
                suite.measure(background, before)
            report.line(bool(pids) and not before.has_ended, f"there was a {kind} to terminate")
            suite.check_result(background, f"{kind} terminated, the same as without: {scenario}")
        report.equal(suite.server.count("ready to accept connections"), starts, f"a terminated {kind} restarts no server")
        suite.check_next(Scenario(database=scenario.database), f"after a terminated {kind} the next import goes well")


def restarts(report, suite):
    """Without preload the next call resumes it; until then import_status says what there is to do."""
    for name, how in (("an immediate stop", signal.SIGQUIT), ("a fast stop", signal.SIGINT), ("a smart stop", signal.SIGTERM)):
        scenario = Scenario(records=6000, batch_rows=10, workers=2 if how != signal.SIGINT else 1)
        suite.oracle.result(scenario)
        with BackgroundImport(scenario) as background:
            background.submit()
            before = background.wait_position(0.3)
            background.onlooker.close()
            suite.server.stop(how)
            suite.count_fault(name)
            suite.server.start()
            after = background.progress()
            report.line(before.is_between_commits(after), f"{name} came between the first and the last commit", before, after)
            message = background.onlooker.rows("SELECT message FROM customer_import.import_status WHERE id = $1",
                                               [background.number])[0][0]
            report.line("waits for a worker" in message, f"after {name} import_status says that the import waits", message)
            call_import_function(scenario.database)
            suite.measure(background, after)
            suite.check_result(background, f"{name} and a start, then the next call: the same as without")


def preloaded(report, suite):
    """With the library preloaded, the launcher resumes imports by itself."""
    for name, stop in (("a fast stop", suite.server.stop), ("a kill -9 of the postmaster", suite.server.kill)):
        suite.oracle.result(LONG)
        with BackgroundImport(LONG) as background:
            background.submit()
            before = background.wait_position(0.3)
            background.onlooker.close()
            stop()
            suite.server.start(**{"shared_preload_libraries": "customer_import", "customer_import.databases": PLAIN})
            suite.count_fault(f"{name}, preloaded")
            suite.measure(background, before)
            report.line(not before.has_ended, f"{name} came in the middle, preloaded")
            suite.check_result(background, f"{name} and a start with the launcher: the same as without, and no call")
        suite.server.stop()
        suite.server.start()


def calling_session_killed(report, suite):
    """run_imports() after a restart; its session is killed, and the next one continues."""
    scenario = Scenario(records=6000, batch_rows=10)
    suite.oracle.result(scenario)
    with BackgroundImport(scenario) as background:
        background.submit()
        background.wait_position(0.1)
        background.onlooker.close()
        suite.server.stop(signal.SIGQUIT)
        suite.server.start()
        after = background.progress()
        with Session(PLAIN) as session:
            session.rows(f"SET ROLE {OPERATOR}")
            session.start("CALL customer_import.run_imports()")
            wait_until(lambda: background.progress().position > after.position, "run_imports() gets on")
            suite.server.kill_processes([session.pid])
        background.onlooker.close()
        suite.server.wait_ready()
        suite.count_fault("kill -9 of run_imports()")
        report.line(not background.progress().has_ended, "run_imports() was killed in the middle")
        report.line(run_imports(), "run_imports() called again comes to its end")
        suite.check_result(background, "run_imports() killed and called again: the same as without")


def submitters_killed(report, suite):
    """A submission is there as a whole or not at all, and is not doubled when it is sent again."""
    onlooker = Onlooker(PLAIN)
    with Session(PLAIN) as session:
        csv = BackgroundImport(Scenario()).csv
        number = int(session.value("SELECT COALESCE(max(id), 0) FROM customer_import.imports"))
        session.rows(f"SET ROLE {OPERATOR}")
        session.rows("BEGIN")
        session.rows(SUBMIT, [csv, "Update Only", None])
        suite.server.kill_processes([session.pid])
    suite.server.wait_ready()
    report.equal(onlooker.rows("SELECT count(*) FROM customer_import.imports AS i WHERE id > $1", [number]), [("0",)],
                 "a submission that was killed before its COMMIT is not there")
    report.equal(onlooker.rows("SELECT count(*) FROM customer_import._import_files WHERE import_id > $1", [number]), [("0",)],
                 "nor is its file")
    for attempt in range(3):
        background = BackgroundImport(Scenario(seed=10 + attempt))
        suite.oracle.result(background.scenario)
        with Session(PLAIN) as session:
            reset(session, PLAIN)
            session.rows(f"SET ROLE {OPERATOR}")
            session.start(SUBMIT, [background.csv, background.scenario.mode, f"request {attempt}"])
            if attempt > 0:
                wait_until(lambda: not session.busy(), "the server answers")
            suite.server.kill_processes([session.pid])
        suite.count_fault("kill -9 of a submitter")
        onlooker.close()
        suite.server.wait_ready()
        background.is_prepared = True
        background.submit(f"request {attempt}")
        suite.check_result(background, f"submitted, killed, submitted again ({attempt}): applied once")
        report.equal(onlooker.rows("SELECT count(*) FROM customer_import.imports WHERE request_id = $1",
                                   [f"request {attempt}"]), [("1",)], "there is one import of that request")
        background.onlooker.close()
    onlooker.close()


def supervisor_replaced(report, suite):
    """A new supervisor does not know the workers of the old one: it neither disturbs them nor gives up on their import."""
    for workers in (1, 2):
        scenario = Scenario(records=6000, batch_rows=100, workers=workers)
        with BackgroundImport(scenario) as background, Session(PLAIN) as blocker:
            background.prepare()
            blocker.rows("BEGIN")
            blocker.rows("SELECT FROM customers WHERE user_name = $1 FOR UPDATE", [late_customer(suite, scenario)])
            background.submit()
            wait_until(lambda: is_blocked(background), "the last worker waits for the lock")
            worker = blocked_workers(background)
            supervisor = background.onlooker.processes("supervisor")
            background.onlooker.rows("SELECT pg_terminate_backend($1)", supervisor)
            suite.count_fault("pg_terminate_backend of supervisor")
            wait_until(lambda: background.onlooker.processes("supervisor") not in ([], supervisor),
                       "there is a new supervisor")
            starts = watch_starts(background, worker)
            report.note(f"{starts} workers were seen that found nothing to do")
            report.line(is_blocked(background), f"the worker of the old supervisor goes on ({workers})", background.progress())
            before = background.progress()
            background.onlooker.rows("SELECT pg_terminate_backend($1)", worker)
            suite.count_fault("pg_terminate_backend of worker")
            wait_until(lambda: worker[0] not in background.onlooker.processes("worker"), "the worker has gone")
            blocker.rows("ROLLBACK")
            suite.measure(background, before)
            suite.check_result(background, f"supervisor and then worker terminated: the same as without ({workers})")


def late_customer(suite, scenario):
    """One of the last customers that the last slice changes."""
    return sorted(row[1] for row in suite.oracle.result(scenario)["changes"] if row[2] == "f")[-20]


def blocked_workers(background):
    return [int(row[0]) for row in background.onlooker.rows(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'customer_import worker' AND wait_event_type = 'Lock'")]


def is_blocked(background):
    """Whether one slice is left, and its worker waits for a lock."""
    return background.progress().open_slices == 1 and len(blocked_workers(background)) == 1


def watch_starts(background, known, most=20, seconds=2):
    """Counts the workers that come and go; until there were so many, or for so long."""
    seen = set()

    def are_many():
        seen.update(background.onlooker.processes("worker"))
        return len(seen - set(known)) >= most
    try:
        wait_until(are_many, "workers", seconds)
    except TimeoutError:
        pass
    return len(seen - set(known))
