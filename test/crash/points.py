"""Kills and errors at the named points of a worker: the first time it comes there, later, and at the last batch."""

from contextlib import contextmanager

from client import Lost, ServerError, Session
from waits import wait_until
from data import OPERATOR, PLAIN, TRIGGERED, Scenario, reset
from imports import BackgroundImport
from kills import MODES

BATCH_POINTS = ("batch_begin", "batch_applied", "batch_end", "batch_committed")
SHADOW_POINTS = ("fetched", "shipped")  # where the table has a shadow
SUPERVISOR_POINTS = ("supervisor_looked", "workers_started")
ONE, TWO = {"workers": 1}, {"workers": 2, "records": 4000, "batch_rows": 100}


def batches(suite, scenario):
    """How many batches the one worker of the scenario commits."""
    with BackgroundImport(scenario) as background:
        background.submit()
        return -(-background.wait_end().records // scenario.batch_rows)


def kill_at(suite, point, scenario):
    """Submits an import whose worker is killed at the point, and takes the point away at once."""
    suite.oracle.result(scenario)
    suite.server.set_point(point)
    suite.server.wait_point(scenario.database, point)
    kills = suite.server.kills()
    with BackgroundImport(scenario) as background:
        background.submit()
        try:
            wait_until(lambda: suite.server.kills() > kills or background.progress().has_ended, "the worker is killed")
        except (Lost, ServerError):
            pass  # the server throws us out
        suite.server.set_point()
        background.onlooker.close()
        suite.server.wait_ready()
        is_killed = suite.server.kills() > kills
        suite.count_fault("kill at a point")
        suite.check_result(background, f"killed at {point}, the same as without: {scenario}")
        if not is_killed:
            suite.report.line(False, f"nobody was killed at {point}")


def kills_at_points(report, suite):
    last = batches(suite, Scenario()) - 1
    report.note(f"{last + 1} batches of one worker")
    for number, point in enumerate(("claimed", "check", *BATCH_POINTS)):
        kill_at(suite, f"{point}:kill:0", Scenario(mode=MODES[number % 3], **TWO))
    for number, point in enumerate(BATCH_POINTS):
        kill_at(suite, f"{point}:kill:5", Scenario(mode=MODES[(number + 1) % 3], **TWO))
        # Behind the last commit the import has ended: the test might take the point away before it is reached.
        late = last - 1 if point == "batch_committed" else last
        kill_at(suite, f"{point}:kill:{late}", Scenario(mode=MODES[(number + 2) % 3], **ONE))


def kills_at_shadow_points(report, suite):
    """Where imports write a shadow: after rows were fetched, and after what was done to them was shipped."""
    for number, point in enumerate(SHADOW_POINTS):
        kill_at(suite, f"{point}:kill:0", Scenario(mode=MODES[number % 3], **TWO))
        kill_at(suite, f"{point}:kill:5", Scenario(mode=MODES[(number + 1) % 3], **TWO))


def reversals_at_points(report, suite):
    """The same of undo and retry."""
    two = {"workers": 2, "records": 6000, "batch_rows": 100}
    for kind in ("undo", "retry"):
        for number, point in enumerate(("claimed", "check", *BATCH_POINTS)):
            shape = two if number % 3 == 0 else {"database": TRIGGERED, "batch_rows": 20} if number % 3 == 1 else ONE
            kill_at(suite, f"{point}:kill:0", Scenario(mode=MODES[number % 3], kind=kind, **shape))
        for number, point in enumerate(BATCH_POINTS):
            kill_at(suite, f"{point}:kill:4", Scenario(mode=MODES[(number + 1) % 3], kind=kind, **two))
        last = batches(suite, Scenario(mode="Update Only", kind=kind)) - 1
        for point in BATCH_POINTS[:-1]:
            kill_at(suite, f"{point}:kill:{last}", Scenario(mode="Update Only", kind=kind))


def supervisor_at_points(report, suite):
    """The supervisor dies, or fails, between its look at the queue and the start of workers, behind it, and while it leaves."""
    for number, point in enumerate(SUPERVISOR_POINTS):
        kill_at(suite, f"{point}:kill:0", Scenario(mode=MODES[number], **ONE))
        kill_at(suite, f"{point}:kill:2", Scenario(mode=MODES[number + 1], **TWO))
        with at_point(suite, Scenario(mode=MODES[number], **TWO), f"{point}:error:0") as background:
            errors = suite.server.count("test point")
            wait_until(lambda: suite.server.count("test point") > errors or background.progress().has_ended,
                       "the supervisor has failed")  # pylint: disable=cell-var-from-loop
            suite.server.set_point()
            suite.check_result(background, f"the supervisor fails at {point}, the same as without")
    for action in ("kill", "error"):
        point = f"supervisor_leaves:{action}:0"
        suite.oracle.result(Scenario(mode="Update Only"))
        # The server starts a supervisor that has died or failed again after a second: that one would leave here, too, and
        # take with it the session that submits.
        suite.server.stop()
        suite.server.start()
        with BackgroundImport(Scenario(mode="Update Only")) as background:
            background.prepare()
            wait_until(lambda: not background.onlooker.rows("SELECT FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor'"),
                       "the supervisor has left")  # pylint: disable=cell-var-from-loop
            suite.server.set_point(point)
            suite.server.wait_point(PLAIN, point)
            kills, errors = suite.server.kills(), suite.server.count("test point")
            background.submit()
            wait_until(lambda: suite.server.kills() > kills or suite.server.count("test point") > errors,
                       "the supervisor leaves")  # pylint: disable=cell-var-from-loop
            suite.server.set_point()
            background.onlooker.close()
            suite.server.wait_ready()
            suite.count_fault(f"{action} at a point")
            suite.check_result(background, f"the import before {point} is the same as without")
        suite.check_next(Scenario(mode="Create Only"), f"after {point} the next import goes well")


def kills_of_run_imports(report, suite):
    """The session that calls run_imports() is the worker, of one import after another: the points come again."""
    suite.server.stop()
    suite.server.start(max_worker_processes=0)  # no other worker can start
    scenario = Scenario()
    suite.oracle.result(scenario)
    for point in ("claimed:kill:1", "check:kill:1", "batch_applied:kill:3", "batch_committed:kill:3"):
        is_in_second = point.startswith("c")
        with BackgroundImport(scenario) as first, BackgroundImport(scenario, prepare=False) as second:
            first.submit()
            second.submit()
            suite.server.set_point(point)
            suite.server.wait_point(PLAIN, point)
            kills = suite.server.kills()
            report.line(not run_imports(), f"run_imports() is killed at {point}")
            suite.server.set_point()
            wait_until(lambda: suite.server.kills() > kills, "the server has noticed")  # pylint: disable=cell-var-from-loop
            suite.server.wait_ready()
            suite.count_fault("kill at a point")
            if is_in_second:
                suite.check_result(first, f"the import before the one killed at {point} is the same as without")
                with Session(PLAIN) as session:
                    reset(session, PLAIN)
            else:
                cancel(second)
            report.line(run_imports(), "run_imports() called again comes to its end")
            suite.check_result(second if is_in_second else first, f"killed in run_imports() at {point}, the same as without")
    suite.server.stop()
    suite.server.start()


def run_imports():
    """Returns false when the session is lost."""
    with Session(PLAIN) as session:
        session.rows(f"SET ROLE {OPERATOR}")
        try:
            session.rows("CALL customer_import.run_imports()")
        except (Lost, ServerError):
            return False
    return True


def cancel(background):
    with Session(background.scenario.database) as session:
        session.rows(f"SET ROLE {OPERATOR}")
        session.rows("SELECT customer_import.cancel_import($1)", [background.number])


def errors_at_points(report, suite):
    """An error that is not the fault of a record ends the import as failed, and all it says is true."""
    last = batches(suite, Scenario()) - 1
    for number, point in enumerate(("check:error:0", "batch_begin:error:0", "batch_begin:error:7", "batch_applied:error:0",
                                    "batch_applied:error:7", "batch_end:error:7", f"batch_end:error:{last}",
                                    "batch_committed:error:7")):
        shape = TWO if number % 2 and not point.endswith(str(last)) else ONE
        scenario = Scenario(mode=MODES[number % 3], **shape)
        with at_point(suite, scenario, point) as background:
            suite.check_stopped(background, "failed", f'test point "{point.split(":")[0]}"',
                                f"an error at {point} ends the import as failed, and its report is true: {scenario}")
    with at_point(suite, Scenario(), f"batch_committed:error:{last}") as background:
        suite.check_result(background, "an error after the last commit of an import changes nothing about it")
    with at_point(suite, Scenario(), "claimed:error:0") as background:
        wait_until(lambda: background.progress().fences >= 2, "a second worker has claimed the slice")
        suite.server.set_point()
        suite.check_result(background, "errors right after the claim, the same as without")
    suite.check_next(Scenario(), "after all these errors the next import goes well")


@contextmanager
def at_point(suite, scenario, point):
    """An import whose worker meets an error at a point; the point stays as long as this lasts."""
    suite.oracle.result(scenario)
    suite.server.set_point(point)
    suite.server.wait_point(scenario.database, point)
    try:
        with BackgroundImport(scenario) as background:
            background.submit()
            suite.count_fault("error at a point")
            yield background
    finally:
        suite.server.set_point()
        suite.server.wait_point(scenario.database, "")
