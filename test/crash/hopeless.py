"""Imports that kill the process that applies them: they end with a reason, and other imports continue."""

from client import Session
from data import OTHER, TRIGGERED, Scenario, configure
from imports import BackgroundImport

DEADLY = "userName,company\nuser1,{}\n"  # kills in its first batch, without any effect
POISON = "userName,company\nuser1,Good\nuser2,Fine\nuser3,{}\nuser4,Never\n"


def poisoned(report, suite):
    """kill -9 by a record, and then an end of the session alone; meanwhile another operator imports into the same table, and
    an import runs in another database."""
    scenario = Scenario(database=TRIGGERED, batch_rows=1)
    other = Scenario(database=TRIGGERED, records=800, batch_rows=1, mode="Create Only")
    beside = Scenario(records=4000, batch_rows=10, workers=2)
    suite.oracle.result(beside)
    for company, what, reason in (("Poison", "kill -9", "3 workers in a row died"), ("End", "pg_terminate_backend", "its worker was ended")):
        configure(TRIGGERED, longest_wait="2s" if company == "End" else "1d")
        kills = suite.server.kills()
        with (BackgroundImport(scenario, POISON.format(company)) as poison,
              BackgroundImport(other, operator=OTHER, prepare=False) as follower, BackgroundImport(beside) as neighbour):
            neighbour.prepare()
            poison.submit()
            follower.submit_anyway(f"follower, {what}")
            neighbour.submit_anyway(f"neighbour, {what}")
            ended, state = poison.wait_end(), follower.wait_end()
            suite.check_stopped(poison, "failed", reason, f"an import whose workers all die ({what}) ends",
                                [follower])
            report.equal((ended.position, ended.records), (2, 4), f"what it did before is done once ({what})")
            with Session(TRIGGERED) as session:
                seen = session.rows("SELECT user_name FROM seen WHERE company IN ('Good', 'Fine', $1)", [company])
            report.equal(sorted(seen), [("user1",), ("user2",)], f"and is seen once ({what})")
            report.equal((state.state, state.position), ("completed", state.records), f"another operator's import goes on ({what})")
            suite.check_result(neighbour, f"the import in another database is the same as without ({what})")
        died = suite.server.kills() - kills
        suite.count_fault(f"{what} by a record")
        report.equal(died, 3 if company == "Poison" else 0, f"the server was restarted that often ({what})")
    configure(TRIGGERED, longest_wait="1d")


def slow_neighbour(report, suite):
    """An import that is still being checked while another one kills the server again and again is not to blame."""
    for slow in (Scenario(database=TRIGGERED, mode="Update Only", records=40000, batch_rows=1000),
                 Scenario(records=60000, batch_rows=1000, workers=2)):
        where = "beside it in the same table" if slow.database == TRIGGERED else "in another database"
        suite.oracle.result(slow)
        with (BackgroundImport(Scenario(database=TRIGGERED), DEADLY.format("Poison"), OTHER, prepare=False) as poison,
              BackgroundImport(slow) as neighbour):
            neighbour.prepare()
            neighbour.submit()
            poison.submit()
            ended = poison.wait_end()
            report.line(ended.state == "failed" and "3 workers in a row died" in ended.message,
                        f"an import that kills the server ends as failed, with a large import {where}", ended)
            suite.check_result(neighbour, f"the large import {where} is the same as without")
    suite.check_next(Scenario(), "and the next import goes well")
    report.note(f"{suite.server.kills()} processes were killed so far")
