"""On a terminal: progress, and Ctrl-C."""

from contextlib import contextmanager

from harness import OnTerminal, Session, count_of, fresh, wait_until, write

HEADER = "userName,addRoles"


def many(count):
    return (HEADER, *(f"user{number:07d}@example.com,buyer" for number in range(count)))


@contextmanager
def held(name):
    """A customer that another session holds, so that an import waits."""
    with Session() as holder:
        holder.rows("INSERT INTO customers (user_name) VALUES ($1)", [name])
        holder.rows("BEGIN")
        holder.rows("SELECT FROM customers FOR UPDATE")
        try:
            yield holder
        finally:
            holder.rows("ROLLBACK")


def waits(admin):
    return admin.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") != "0"


def last_id(admin):
    return admin.value("SELECT max(id) FROM customer_import.imports")


def test_progress(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *many(40_000))
        with OnTerminal("roles.csv", "--mode", "create-only", place=place) as terminal:
            report.equal(terminal.wait(), 0, "an import on a terminal")
            text = terminal.look()
            report.line("\r" in text and "Uploading roles.csv [####" in text and "100 %" in text, "a bar shows the upload", text)
            report.line("40,000 created" in text, "and the result is shown", text[-500:])
        write(place / "odd.csv", HEADER, "new@example.com,buyer", "bad@example.com,byer")
        with OnTerminal("odd.csv", "--mode", "create-only", "--preview", place=place) as terminal:
            report.equal(terminal.wait(), 3, "a preview on a terminal")
            report.line("\x1b[32m" in terminal.look() and "\x1b[31m" in terminal.look(), "is in color", terminal.look())
        report.equal(count_of(admin, "customer_import.uploads"), "0", "no upload is left")


def test_interrupt_upload(report):
    with fresh() as (admin, _):
        with OnTerminal("-", "--mode", "create-only", pipe=True) as terminal:
            terminal.process.stdin.write(b"x" * 3_000_000)
            terminal.process.stdin.flush()
            wait_until(lambda: int(admin.value("SELECT COALESCE(max(bytes), 0) FROM customer_import.uploads")) > 1_000_000, "chunks arrive")
            terminal.interrupt()
            report.equal(terminal.wait(), 1, "Ctrl-C ends an upload: 1")
            report.line("canceled" in terminal.look(), "and says so", terminal.look())
        report.equal(count_of(admin, "customer_import.uploads"), "0", "it is discarded")


def test_interrupt_import(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *many(3_000))
        with held("user0000001@example.com"), OnTerminal("roles.csv", "--mode", "create-and-update", place=place) as terminal:
            wait_until(lambda: waits(admin), "the import waits")
            terminal.interrupt()
            report.equal(terminal.wait(), 1, "Ctrl-C cancels an import in the foreground: 1")
            report.line("SQLSTATE 57014" in terminal.look(), "as the server says", terminal.look())
        report.equal((count_of(admin), count_of(admin, "customer_import.imports"), count_of(admin, "customer_import.uploads")), ("1", "0", "0"),
                     "nothing of it is left")


def test_interrupt_background(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *many(3_000))
        with held("user0002999@example.com"), \
                OnTerminal("roles.csv", "--mode", "create-and-update", "--background", "--follow", place=place) as terminal:
            wait_until(lambda: waits(admin), "the import waits")
            terminal.interrupt()
            report.equal(terminal.wait(), 1, "Ctrl-C cancels an import in the background: 1")
            report.line(f"Import {last_id(admin)} canceled" in terminal.look(), "it says what it came to", terminal.look())
        with held("user0002998@example.com"), Session() as other, \
                OnTerminal("roles.csv", "--mode", "create-and-update", "--background", "--follow", place=place) as terminal:
            wait_until(lambda: waits(admin), "the import waits")
            other.rows("BEGIN")
            number = last_id(admin)
            other.rows("SELECT FROM customer_import.imports WHERE id = $1 FOR UPDATE", [number])  # what a cancel needs, too
            terminal.interrupt()
            wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%cancel_import%' AND wait_event_type = 'Lock'")
                       != "0", "the cancel waits")
            terminal.interrupt()
            report.equal(terminal.wait(), 4, "the second Ctrl-C lets it run: 4")
            report.line(f"customer-import status {number} --follow" in terminal.look(), "and says how to follow it", terminal.look())
            other.rows("ROLLBACK")
        wait_until(lambda: count_of(admin, "customer_import.imports WHERE finished_at IS NULL") == "0", "it ends")


def test_follow_only(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *many(3_000))
        with held("user0002999@example.com"):
            with OnTerminal("roles.csv", "--mode", "create-and-update", "--background", place=place) as terminal:
                report.equal(terminal.wait(), 0, "it is queued")
            wait_until(lambda: waits(admin), "the import waits")
            number = last_id(admin)
            with OnTerminal("status", number, "--follow") as terminal:
                wait_until(lambda: "Importing" in terminal.look() or "Checking" in terminal.look(), "it is shown")
                terminal.interrupt()
                report.equal(terminal.wait(), 4, "whoever only looks on does not cancel")
            report.equal(admin.value("SELECT finished_at IS NULL FROM customer_import.imports WHERE id = $1", [number]), "t", "it still runs")
        wait_until(lambda: admin.value("SELECT state FROM customer_import.imports WHERE id = $1", [number]) == "completed", "it ends")
        report.line(True, "and ends by itself")
