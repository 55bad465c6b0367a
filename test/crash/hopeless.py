"""Imports that kill the process that applies them: they end with a reason, and other imports continue."""

from client import Session
from data import OTHER, TRIGGERED, Scenario, configure, reset
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


def narrowed_down(report, suite):
    """A record far inside of a batch that kills the server: three deaths, and the message, the report and the log have its line,
    but nothing of it. All before it in the batch is applied, once; resumed, it is one death after another again."""
    for records, batch_rows, place in ((900, 1000, 571), (900, 1000, 1), (900, 1000, 900), (2, 1000, 2), (60, 20, 33)):
        lines = [f"user{number:04},{'Poison' if number == place else 'Good'}" for number in range(1, records + 1)]
        kills, what = suite.server.kills(), f"record {place} of {records}, {batch_rows} a batch"
        configure(TRIGGERED, batch_rows=batch_rows, workers_per_import=1)
        with Session(TRIGGERED) as session:
            reset(session, TRIGGERED)
        with BackgroundImport(Scenario(database=TRIGGERED), "userName,company\n" + "\n".join(lines) + "\n", prepare=False) as poison:
            poison.submit()
            suite.check_stopped(poison, "failed", f"3 workers in a row died without getting on with it, the last one at the record in line {place + 1},"
                                " which was applied alone", f"the message has the line: {what}")
            ended = poison.progress()
            report.equal((ended.position, suite.server.kills() - kills), (place - 1, 3), f"all before it is applied, in three deaths: {what}")
            with Session(TRIGGERED) as session:
                report.equal(session.rows("SELECT count(*), count(DISTINCT user_name), max(user_name) FROM seen WHERE company = 'Good'"),
                             [(str(place - 1), str(place - 1), f"user{place - 1:04}" if place > 1 else None)], f"once, and nothing behind it: {what}")
                written = session.value("SELECT customer_import.import_report($1) ->> 'message'", [poison.number])
                report.line(f"at the record in line {place + 1}," in written, f"the report has the line: {what}", written)
            # A worker that is set aside is followed by one that says the same again.
            logged = list(dict.fromkeys(line.partition("slice 0: ")[2] for line in suite.server.lines() if f"import {poison.number} slice 0: " in line and " died" in line))
            report.equal([" in line" in line for line in logged], [False, True, True],
                         f"the log says it after each death but the first: {what}")
            report.line(f" in line {place + 1}," in logged[-1], f"and has the line in the end: {what}", *logged)
            report.line(not any("user0" in line or "Poison" in line for line in logged), f"and quotes nothing: {what}", *logged)


def crowd(report, suite):
    """Records that kill the server only when several are in one batch: the slice gets on in parts, but not for ever."""
    configure(TRIGGERED, batch_rows=16, workers_per_import=1)
    kills = suite.server.kills()
    with Session(TRIGGERED) as session:
        reset(session, TRIGGERED)
    lines = "".join(f"user{number:04},Crowd\n" for number in range(1, 201))
    with BackgroundImport(Scenario(database=TRIGGERED), "userName,company\n" + lines, prepare=False) as background:
        background.submit()
        suite.check_stopped(background, "failed", "6 of its workers died, though what the others died at went well in smaller parts;"
                            " customer_import.batch_rows may be too large", "an import whose batches kill the server, but no record")
        report.equal((background.progress().position, suite.server.kills() - kills), (5 * 16, 6), "six deaths in all; five batches went well in parts")
        configure(TRIGGERED, batch_rows=4)
        with Session(TRIGGERED) as session:
            session.rows("SELECT customer_import.resume_import($1)", [background.number])
        report.equal(background.wait_end().state, "completed", "resumed with smaller batches it completes")
        with Session(TRIGGERED) as session:
            report.equal(session.rows("SELECT count(*), count(DISTINCT user_name) FROM seen"), [("200", "200")], "each record once")
    configure(TRIGGERED, batch_rows=16)
    kills = suite.server.kills()
    with Session(TRIGGERED) as session:
        reset(session, TRIGGERED)
    lines = "".join(f"user{number:04},{'Crowd' if number // 16 % 2 else 'Good'}\n" for number in range(14 * 16))
    with BackgroundImport(Scenario(database=TRIGGERED), "userName,company\n" + lines, prepare=False) as background:
        background.submit()
        report.equal((background.wait_end().state, suite.server.kills() - kills), ("completed", 7),
                     "seven deaths end nothing when a whole batch goes well after each of them")


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
