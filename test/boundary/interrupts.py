"""Cancel, timeouts and terminated sessions: in loops of C++, and at random moments of real imports."""

import os
import random
import statistics
import time

from client import Lost, ServerError
from waits import wait_until
from harness import IMPORT, contents, created, csv, import_text, new_customers, open_session, usable

USER_CANCEL = ("57014", "canceling statement due to user request")
TIMEOUT = ("57014", "canceling statement due to statement timeout")
LOCK_TIMEOUT = "55P03"
FILE = 60_000  # records of a large file

RUNS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND granted AND pid = $1"


def wait_for_loop(watcher, session):
    wait_until(lambda: watcher.value(RUNS, [session.pid]) == "1", "the loop runs")


def outcome(session):
    """The SQLSTATE and message of the query that runs, None if it goes well."""
    try:
        session.finish()
    except ServerError as error:
        return error.sqlstate, error.message
    return None


def loops(report):
    with open_session() as session, open_session() as watcher:
        for kind in ("plain", "subtransactions", "server"):
            for _ in range(5):
                session.start("SELECT probe_loop($1)", [kind])
                wait_for_loop(watcher, session)
                session.cancel()
                got = outcome(session)
                if got != USER_CANCEL or not usable(session):
                    break
            report.equal(got, USER_CANCEL, f"cancel ends the loop: {kind}")
            report.line(usable(session), f"cancel of the loop leaves nothing: {kind}")

            session.rows("SET statement_timeout = '50ms'")
            got = [outcome_of(session, "SELECT probe_loop($1)", [kind]) for _ in range(3)]
            session.rows("RESET statement_timeout")
            report.equal(got, [TIMEOUT] * 3, f"statement_timeout ends the loop: {kind}")
            report.line(usable(session), f"statement_timeout of the loop leaves nothing: {kind}")

            session.rows("BEGIN; SAVEPOINT s")
            session.start("SELECT probe_loop($1)", [kind])
            wait_for_loop(watcher, session)
            session.cancel()
            got = outcome(session)
            session.rows("ROLLBACK TO s; SELECT probe_nested(2, ' SELECT 1')")
            session.rows("COMMIT")
            report.line(got == USER_CANCEL and usable(session), f"cancel of the loop inside a savepoint: {kind}")

            victim = open_session()
            victim.start("SELECT probe_loop($1)", [kind])
            wait_for_loop(watcher, victim)
            watcher.rows("SELECT pg_terminate_backend($1)", [victim.pid])
            report.line(was_terminated(victim), f"pg_terminate_backend ends the loop: {kind}")
            gone = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
            wait_until(lambda: watcher.value(gone, [victim.pid]) == "0", "the session is gone")
            report.line(usable(watcher), f"a terminated session takes no other with it: {kind}")

        session.start("SELECT probe_many_subtransactions(2000000000, 'SELECT 1 / 0')")
        wait_until(lambda: watcher.value("SELECT state FROM pg_stat_activity WHERE pid = $1", [session.pid]) == "active",
                   "the session is busy")
        session.wait_readable(0.05)  # somewhere in the subtransactions
        session.cancel()
        report.equal(outcome(session), USER_CANCEL, "cancel in a loop of subtransactions whose errors are looked at")
        report.line(usable(session), "cancel in a loop of subtransactions leaves nothing")

        watcher.rows("SELECT pg_advisory_lock(4712)")
        session.rows("SET lock_timeout = '20ms'")
        got = session.error("SELECT probe_run('SELECT pg_advisory_lock(4712)')")
        session.rows("RESET lock_timeout")
        watcher.rows("SELECT pg_advisory_unlock(4712)")
        report.line(got and got.sqlstate == LOCK_TIMEOUT and usable(session), "lock_timeout below C++ frames", got)


def outcome_of(session, sql, parameters=None):
    session.start(sql, parameters)
    return outcome(session)


def was_terminated(session):
    try:
        session.finish()
    except ServerError as error:
        return error.sqlstate == "57P01"
    except Lost as error:
        return "terminating connection due to administrator command" in str(error)
    return False


# ---- real imports --------------------------------------------------------------------------------------------------

def failing_values(count, every):
    """Records of which each n-th fails in the database, so that batches are halved."""
    return csv((f"user{index},{'bad' if index % every == 0 else 'good'}" for index in range(count)), "userName,email")


class Interrupted:
    """An import that is interrupted at random moments."""

    def __init__(self, session, watcher, seed):
        self.session, self.watcher = session, watcher
        self.random = random.Random(seed)
        self.interrupted = 0
        self.delays = []  # between a cancel request and the answer

    def at_random_moments(self, sql, parameters, moments, duration, clean):
        """Returns what went wrong. Interrupts spread over the whole duration; the ways alternate."""
        wrong = []
        self.interrupted, self.delays = 0, []
        before = contents(self.session)
        for moment in range(moments):
            after = duration * (moment + self.random.random()) / moments
            by_timeout = moment % 2 == 1
            if by_timeout:
                self.session.rows(f"SET statement_timeout = {max(1, round(after * 1000))}")
            self.session.start(sql, parameters)
            began = time.monotonic()
            if not by_timeout:
                while self.session.busy() and time.monotonic() - began < after:
                    self.session.wait_readable(max(0.0, after - (time.monotonic() - began)))
                asked = time.monotonic()
                self.session.cancel()
            got = outcome(self.session)
            ended = time.monotonic()
            self.session.rows("RESET statement_timeout")
            if got is None:  # it was over before the interrupt came
                clean()
                before = contents(self.session)
                continue
            self.interrupted += 1
            if not by_timeout:
                self.delays.append(ended - asked)
            if got != (TIMEOUT if by_timeout else USER_CANCEL):
                wrong.append(f"after {after:.3f} s: {got}")
            now = contents(self.session)
            if now != before:
                wrong.append(f"after {after:.3f} s: something was applied: {before} -> {now}")
            if not usable(self.session):
                wrong.append(f"after {after:.3f} s: the session does not work")
        return wrong


def imports(report):
    seed = int(os.environ.get("BOUNDARY_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
    report.note(f"random moments: BOUNDARY_SEED={seed}")
    watchdog = open_session()
    with open_session() as session, open_session() as watcher:
        subject = Interrupted(session, watcher, seed)

        def clean():
            session.rows("DROP TRIGGER IF EXISTS looks ON customers; DROP TRIGGER IF EXISTS looks_deferred ON customers")
            session.rows("TRUNCATE customers")

        def interrupt(name, sql, parameters, moments, prepare=None):
            clean()
            if prepare:
                session.rows(prepare)
            began = time.monotonic()
            session.rows(sql, parameters)
            duration = time.monotonic() - began
            session.rows("TRUNCATE customers")
            wrong = subject.at_random_moments(sql, parameters, moments, duration, lambda: session.rows("TRUNCATE customers"))
            report.line(not wrong and subject.interrupted * 4 >= moments,
                        f"interrupted at random moments: {name}: 57014, nothing applied, the session works", *wrong,
                        f"{subject.interrupted} of {moments} interrupts came in time")
            if subject.delays:
                report.note(f"{name}: the whole import takes {duration:.2f} s; {len(subject.delays)} cancels were answered after "
                            f"{statistics.median(subject.delays) * 1000:.0f} ms (median), "
                            f"{max(subject.delays) * 1000:.0f} ms (longest)")
            report.equal(import_text(session, new_customers(3, "after")), created(3),
                         f"after the interrupts an import goes well: {name}")

        session.rows("ALTER TABLE customers ADD CONSTRAINT not_bad CHECK (email <> 'bad')")
        session.rows("CREATE FUNCTION looks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; RETURN NEW; END $$")
        session.rows("CREATE TABLE files AS SELECT lo_from_bytea(0, convert_to($1, 'UTF8')) AS large_object,"
                     " convert_to($1, 'LATIN1') AS bytes", [new_customers(FILE)])
        interrupt("a file of customers is created", IMPORT, [new_customers(FILE)], 24)
        # The reject limit is passed while the file is checked: nothing but the first reading.
        interrupt("the check of a file", "SELECT * FROM customer_import.import_customers($1::text,"
                  " 'Create & Update', reject_limit => 0)", [new_customers(FILE) + "a,nosuch\n"], 16)
        interrupt("a batch of 20,000 halved for 2,000 faults", IMPORT, [failing_values(20000, 10)], 16)
        interrupt("20,000 records one by one for a trigger", IMPORT, [new_customers(20000)], 10,
                  "CREATE TRIGGER looks BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION looks()")
        interrupt("a large object", "SELECT customer_import.import_customers(large_object,"
                  " 'Create & Update') FROM files", None, 8)
        interrupt("bytes in LATIN1", "SELECT customer_import.import_customers(bytes,"
                  " 'Create & Update', encoding => 'LATIN1') FROM files", None, 8)
        session.rows("SELECT customer_import.import_customers(large_object, 'Create & Update') FROM files")
        interrupt_updates(report, subject)
        terminated(report, watcher)
        suggestions(report, session)
        clean()
        session.rows("DROP TABLE files; ALTER TABLE customers DROP CONSTRAINT not_bad; DROP FUNCTION looks()")
    report.line(usable(watchdog), "a session that was open all the time has lived through it")
    watchdog.close()


def rolled_back_duration(session, sql, parameters):
    """How long an import takes whose effect is not wanted."""
    session.rows("BEGIN")
    began = time.monotonic()
    session.rows(sql, parameters)
    duration = time.monotonic() - began
    session.rows("ROLLBACK")
    return duration


def interrupt_updates(report, subject):
    session = subject.session
    text = new_customers(FILE, "user", ",companyAdmin")
    duration = rolled_back_duration(session, IMPORT, [text])
    wrong = subject.at_random_moments(IMPORT, [text], 6, duration, lambda: None)
    changed = session.value("SELECT count(*) FROM customers WHERE roles && '{companyAdmin}'")
    report.line(not wrong and changed in ("0", str(FILE)), "interrupted at random moments: customers are updated",
                *wrong, f"{changed} are updated")


def suggestions(report, session):
    """40 records of 50 unknown codes: each is compared with the whole catalog. A record gets no more than 50 suggestions."""
    session.rows("SELECT customer_import.add_role_codes(ARRAY(SELECT 'code_' || md5(n::text) FROM generate_series(1, 5000) n))")
    text = csv("u," + ";".join(f"code_of_nobody_that_is_as_long_{record}_{index}" for index in range(50)) for record in range(40))
    began = time.monotonic()
    session.rows(IMPORT, [text])
    duration = time.monotonic() - began
    session.start(IMPORT, [text])
    session.wait_readable(duration / 4)
    asked = time.monotonic()
    session.cancel()
    got = outcome(session)
    report.note(f"2,000 unknown codes, a catalog of 5,000: {duration:.2f} s; a cancel was answered after "
                f"{(time.monotonic() - asked) * 1000:.0f} ms")
    report.line(got == USER_CANCEL and usable(session), "cancel while suggestions for unknown codes are searched", got)
    session.rows("SELECT customer_import.remove_role_codes(ARRAY(SELECT code FROM customer_import.role_codes"
                 " WHERE code ~ '^code_'))")


def terminated(report, watcher):
    wrong = []
    for text in (new_customers(FILE, "new"), failing_values(20000, 2)):
        duration = rolled_back_duration(watcher, IMPORT, [text])
        before = contents(watcher)
        for share in (0.05, 0.3):
            victim = open_session()
            victim.start(IMPORT, [text])
            victim.wait_readable(share * duration)
            watcher.rows("SELECT pg_terminate_backend($1)", [victim.pid])
            if not was_terminated(victim):
                wrong.append(f"an import was not terminated after {share} of its time")
            gone = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
            wait_until(lambda: watcher.value(gone, [victim.pid]) == "0", "the session is gone")  # pylint: disable=W0640
            if contents(watcher) != before:
                wrong.append(f"something was applied: {before} -> {contents(watcher)}")
    report.line(not wrong, "a session terminated in an import: nothing applied, no other session lost", *wrong)


def run_all(report):
    report.run(loops)
    report.run(imports)
    with open_session() as session:
        report.equal(session.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
                                   " (SELECT oid FROM pg_database WHERE datname = current_database())"), "0",
                     "no lock is left")
