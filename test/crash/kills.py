"""kill -9 at random moments, between the first and the last commit of an import."""

import os
import random
import time
from contextlib import ExitStack, contextmanager

from client import Session
from data import OTHER, PLAIN, TRIGGERED, Scenario
from imports import BackgroundImport, call_import_function
from server import Stopwatch

KINDS = ("import", "undo", "retry")
MODES = ("Create & Update", "Create Only", "Update Only")
# The session is the one that follows the import.
DECK = ("worker",) * 4 + ("all workers",) * 3 + ("supervisor",) * 2 + ("postmaster", "session", "checkpointer", "walwriter")
NEIGHBORS = 0.4  # how many imports have another one beside them
NEIGHBOR_RECORDS = 3000
LEAST_BETWEEN_COMMITS = 0.8


def random_scenario(rng):
    shape = rng.choice(({"workers": 2, "records": 6000, "batch_rows": 10}, {"workers": 1, "records": 5000, "batch_rows": 10},
                        {"database": TRIGGERED, "records": 2000, "batch_rows": 5}))
    kind = rng.choice(os.environ.get("CRASH_KINDS", " ".join(KINDS)).split())
    return Scenario(**{"mode": rng.choice(MODES), "kind": kind, "database": PLAIN, **shape})


def kinds(rng):
    """One kind after another, in random order, but each as often as the deck says."""
    while True:
        yield from rng.sample(DECK, len(DECK))


SERVER_PROCESSES = ("supervisor", "session", "checkpointer", "walwriter")


@contextmanager
def neighbor(suite, rng, scenario):
    """At times another import in the same database: it looks for customers that do not exist, so that the table stays as the
    import under test makes it. In the end each of its records has to have been skipped once."""
    if rng.random() >= NEIGHBORS:
        yield None
        return
    names = "".join(f"nobody{number},buyer\n" for number in range(NEIGHBOR_RECORDS))
    with BackgroundImport(Scenario(mode="Update Only", database=scenario.database), "userName,addRoles\n" + names, OTHER, prepare=False) as other:
        other.submit()
        yield other
        other.wait_end()
        with Session(scenario.database) as session:
            found = session.rows("SELECT i.state, i.skipped, count(*), count(DISTINCT s.line) FROM customer_import.imports AS i"
                                 "  JOIN customer_import.import_issues AS s ON s.import_id = i.id WHERE i.id = $1 GROUP BY i.id", [other.number])
    suite.report.equal(found, [("completed", *[str(NEIGHBOR_RECORDS)] * 3)], "the import beside it: each record once")


def kill(suite, background, kind, rng):
    """Kills, and brings the server up again. Returns false when there was nothing to kill any more."""
    if kind == "postmaster":
        suite.server.kill()
        suite.server.start()
        call_import_function(background.scenario.database)
        return True
    pids = background.onlooker.processes(kind if kind in SERVER_PROCESSES else "worker")
    if kind == "worker":
        rng.shuffle(pids)
        pids = pids[:1]
    killed = bool(pids) and suite.server.kill_processes(pids)
    if killed:
        suite.server.wait_ready()
    return killed


def random_kills(report, suite, wanted):
    seed = int(os.environ.get("CRASH_SEED", str(time.time_ns() % 1000000)))
    report.note(f"CRASH_SEED={seed}")
    rng = random.Random(seed)
    deck = kinds(rng)
    kills = between = 0
    while kills < wanted:
        scenario = random_scenario(rng)
        suite.oracle.result(scenario)
        done = []
        with BackgroundImport(scenario) as background, ExitStack() as beside:
            background.prepare()
            other = beside.enter_context(neighbor(suite, rng, scenario))
            background.submit()
            # A third death without progress would end the import: it is resumable then, and that is right.
            for share in sorted(rng.uniform(0, 0.85) for _ in range(min(rng.randint(1, 2), wanted - kills))):
                before = background.wait_position(share)
                if before.has_ended:
                    break
                kind, clock = next(deck), Stopwatch()
                if not kill(suite, background, kind, rng):
                    break
                background.onlooker.close()
                suite.measure(background, before, clock)
                after = background.progress()
                is_between = before.is_between_commits(after)
                kills += 1
                between += is_between
                suite.count_fault(f"kill -9 of {kind}")
                done.append(f"{kind} at {before.position} of {before.records}")
            suite.check_result(background, f"the same as without a kill: {scenario}{'; two at once' if other else ''}; {', '.join(done) or 'no kill'}")
    report.line(between >= LEAST_BETWEEN_COMMITS * kills,
                f"{between} of {kills} kills came between the first and the last commit of their import")
