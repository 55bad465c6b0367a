"""What holds for the whole run: before it, that only a test build has points; after it, that nothing is left behind."""

import re

from build import LIBRARY, directory, normal_libraries
from client import Session
from waits import wait_until
from data import PLAIN, TRIGGERED
from suite import GOES_ON_WITHIN, GOES_ON_WITHIN_ALONE

TRACES = (b"customer_import.test_point", b"test point \"%s\"", b"batch_committed")
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND database <> 0"


def normal_build_has_no_points(report, suite):
    own = (directory(suite.pg_config, "--pkglibdir") / LIBRARY).read_bytes()
    report.equal([trace in own for trace in TRACES], [True] * 3, "the test build has points")
    with Session(PLAIN) as session:
        session.rows("LOAD 'customer_import'")
        report.equal(session.value("SHOW customer_import.test_point"), "", "the test build has their setting")
        session.rows("CREATE ROLE regress_weak")
        session.rows("SET ROLE regress_weak")
        error = session.error("SET customer_import.test_point = 'check:kill'")
        report.equal(error and error.sqlstate, "42501", "which is not for everybody")
        session.rows("RESET ROLE")
        session.rows("DROP ROLE regress_weak")
    libraries = normal_libraries(suite.folder)
    report.line(bool(libraries), "there is a normal build: make, or make install")
    for library in libraries:
        content = library.read_bytes()
        report.equal([trace for trace in TRACES if trace in content], [], "a normal build has no trace of points")
        with Session("template1") as session:
            session.rows(f"LOAD '{library}'")
            errors = [session.error(statement) for statement in ("SHOW customer_import.test_point",
                                                                 "SET customer_import.test_point = 'check:kill'")]
            report.equal([error and error.sqlstate for error in errors], ["42704", "42602"], "nor has it their setting")


def nothing_is_left(report, suite):
    suite.server.wait_ready()
    for database in (PLAIN, TRIGGERED):
        with Session(database) as session:
            open_imports = session.rows("SELECT id, state, message FROM customer_import.imports WHERE finished_at IS NULL")
            report.equal(open_imports, [], f"all imports have ended ({database})")
            try:
                wait_until(lambda: session.value(LOCKS) == "0", "locks", 10, every=0.01)
            except TimeoutError:
                pass
            report.equal(session.value(LOCKS), "0", f"no process of ours is left, and no lock of one ({database})")
            report.equal(session.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'customer_import%'"
                                       " AND datname = current_database()"), "0", f"the supervisor has gone ({database})")
    with Session(PLAIN) as session:
        left = session.rows("SELECT d FROM pg_ls_dir('base/pgsql_tmp', true, false) AS d WHERE d LIKE '%.fileset'")
        report.equal(left, [], "no file is left that workers shared")
    log = suite.server.lines()
    signals = sorted(set(re.findall(r"terminated by signal (\d+)", "\n".join(log))) - {"9"})
    report.equal(signals, [], "no process died of anything but our kill -9")
    report.equal([line for line in log if re.search(r"PANIC|TRAP|non-empty SPI|leak|corrupt", line)][:5], [],
                 "the log tells of no panic and no leak")


def times(report, suite, is_campaign, is_whole):
    if not suite.times and not is_whole:
        report.note("skipped: how soon imports resume was not measured; no part that was chosen (CRASH_PARTS) has a fault after which one does")
        return
    report.note("faults: " + ", ".join(f"{count} {kind}" for kind, count in sorted(suite.faults.items())))
    for what, seconds in (("from the server's recovery", suite.times), ("from the kill", suite.outages)):
        if seconds:
            ordered = sorted(seconds)
            report.note(f"seconds {what} until the import resumes: median {ordered[len(ordered) // 2]:.2f}, 99 % "
                        f"{ordered[int(len(ordered) * 0.99)]:.2f}, longest {ordered[-1]:.2f}, of {len(ordered)}")
    within = GOES_ON_WITHIN_ALONE if is_campaign else GOES_ON_WITHIN
    report.line(bool(suite.times) and max(suite.times) <= within, f"after each fault the import resumed within {within} s")
