"""The connection, or the server, goes away in the middle."""

from harness import OnTerminal, Session, count_of, fresh, run, wait_until, write
from terminals import HEADER, held, many, waits

# Sessions of the program, but not those that only watch.
ITS_SESSIONS = "datname = current_database() AND application_name = 'customer-import'"


def end_sessions(admin):
    return admin.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ITS_SESSIONS}")


def test_upload(report):
    with fresh() as (admin, _):
        content = "\n".join((HEADER + ",company", *(f"user{number:07d}@example.com,buyer,{'x' * 50}" for number in range(50_000)))) + "\n"
        half = len(content) // 2
        with OnTerminal("-", "--mode", "create-only", pipe=True) as terminal:
            terminal.process.stdin.write(content[:half].encode())
            terminal.process.stdin.flush()
            wait_until(lambda: int(admin.value("SELECT COALESCE(max(bytes), 0) FROM customer_import.uploads")) > 1_000_000, "chunks arrive")
            end_sessions(admin)
            terminal.process.stdin.write(content[half:].encode())
            terminal.process.stdin.close()
            terminal.process.stdin = None
            report.equal(terminal.wait(), 0, "an upload resumes after the connection was lost")
            report.line("The connection was lost" in terminal.look(), "and says so", terminal.look()[-800:])
        report.equal((count_of(admin), admin.value("SELECT file_bytes FROM customer_import.imports")), ("50000", str(len(content))),
                     "every byte came once")


def test_import(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *many(2_000))
        with held("user0000001@example.com") as holder, OnTerminal("roles.csv", "--mode", "create-and-update", place=place) as terminal:
            wait_until(lambda: waits(admin), "the import waits")
            end_sessions(admin)
            holder.rows("ROLLBACK")
            report.equal(terminal.wait(), 0, "an import is asked for again after the connection was lost")
            report.line("asking for the outcome" in terminal.look(), "and says so", terminal.look()[-800:])
        report.equal((count_of(admin), count_of(admin, "customer_import.imports"), count_of(admin, "customer_import.uploads")),
                     ("2000", "1", "0"), "it is done once")


def test_unknown(report):
    """The server does not come back in time: nobody knows whether it was done."""
    with fresh() as (admin, place), Session(database="postgres") as other:
        write(place / "roles.csv", *many(2_000))
        with held("user0000001@example.com"), \
                OnTerminal("roles.csv", "--mode", "create-and-update", "--patience", "1", place=place) as terminal:
            wait_until(lambda: waits(admin), "the import waits")
            other.rows("ALTER ROLE regress_client_ann NOLOGIN")
            try:
                end_sessions(admin)
                report.equal(terminal.wait(), 4, "the outcome is not known: 4")
            finally:
                other.rows("ALTER ROLE regress_client_ann LOGIN")
            text = terminal.look()
            report.line("The outcome of the import is not known." in text and "--request-id customer-import-" in text, "it says what to do", text[-800:])
        request = text.split("--request-id ")[1].split(":")[0].strip()
        done = run("roles.csv", "--mode", "create-and-update", "--request-id", request, place=place)
        report.equal((done.status, count_of(admin), count_of(admin, "customer_import.imports")), (0, "2000", "1"), "doing it does it once")


def test_follow(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *many(2_000))
        with held("user0001999@example.com") as holder, \
                OnTerminal("roles.csv", "--mode", "create-and-update", "--background", "--follow", place=place) as terminal:
            wait_until(lambda: waits(admin), "the import waits")
            end_sessions(admin)
            wait_until(lambda: "connecting again" in terminal.look(), "it connects again")
            holder.rows("ROLLBACK")
            report.equal(terminal.wait(), 0, "following goes on after the connection was lost")
        report.equal(count_of(admin), "2000", "all is done")
