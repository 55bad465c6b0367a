"""What the suites of hostile use share: results, sessions, databases made from one template, and the watch over the server."""

import os
import re
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "boundary"))

import client  # noqa: E402
from client import Lost, ServerError, wait_until  # noqa: E402,F401

TEMPLATE = "regress_chaos_template"
DATABASE = "regress_chaos"
ROLES = re.findall(r"CREATE ROLE (\w+)", (HERE / "roles.sql").read_text(encoding="utf-8"))
PROCESSES = "backend_type LIKE 'customer_import %'"
# An error of these classes says that the server, or we, met what cannot be.
INTERNAL = re.compile(r"^XX")
LOG_INTERNAL = re.compile(r"(?:ERROR|FATAL|PANIC):  XX\d\d\d: ")
CRASH_WORDS = ("terminated by signal", "was terminated", "all server processes terminated", "PANIC:", "TRAP:", "you don't own a lock",
               "still referenced", "non-empty SPI stack")


class Report:
    """Prints a line a case and counts them."""

    def __init__(self):
        self.passed = self.failed = 0

    def line(self, good, text, *details):
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.passed + self.failed} - {text}")
        for detail in details if not good else ():
            for line in str(detail).splitlines() or [""]:
                print(f"#   {line[:600]}")
        sys.stdout.flush()

    def equal(self, actual, expected, text):
        self.line(actual == expected, text, f"expected: {expected!r}", f"actual:   {actual!r}")

    @staticmethod
    def note(text):
        print(f"# {text}", flush=True)

    def run(self, case, *arguments):
        """Runs one case; when it ends early, that is a failure, and the next one runs."""
        began = time.monotonic()
        try:
            case(self, *arguments)
        except Exception:  # pylint: disable=broad-except
            self.line(False, f"{case.__name__} {' '.join(str(a) for a in arguments if isinstance(a, str))} runs to its end",
                      traceback.format_exc())
        return time.monotonic() - began

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


class Session(client.Session):
    """A connection as some role."""

    def __init__(self, user=None, database=DATABASE):
        super().__init__(database + (f" user={user}" if user else ""))
        self.user = user


class Watch:
    """Notices when the server has died and come back, and reads what it has logged since."""

    def __init__(self):
        self.log = Path(os.environ.get("PGHOST", "")) / "server.log"
        self.offset = self.log.stat().st_size if self.log.exists() else 0
        self.sentinel = client.Session()
        self.crashes = 0
        self.expected = []

    def close(self):
        self.sentinel.close()

    def is_alive(self):
        """False once for each time that the server has ended all its processes."""
        try:
            self.sentinel.rows("SELECT")
            return True
        except (Lost, ServerError):
            self.crashes += 1
            self.sentinel.close()
            wait_until(self._connects, "the server is up again")
            return False

    def _connects(self):
        try:
            self.sentinel = client.Session()
            return True
        except Lost:
            return False

    def logged(self):
        """The lines of the server's log since the start; none where it is not at hand."""
        if not self.log.exists():
            return []
        with open(self.log, "rb") as file:
            file.seek(self.offset)
            return file.read().decode("utf-8", "replace").splitlines()

    def expect(self, words):
        """One line of the log with these words is no complaint."""
        self.expected.append(words)

    def complaints(self):
        """Lines that tell of a crash, or of an error that cannot be."""
        left = list(self.expected)
        found = []
        for line in self.logged():
            if any(word in line for word in CRASH_WORDS) or LOG_INTERNAL.search(line):
                words = next((words for words in left if words in line), None)
                if words is None:
                    found.append(line)
                else:
                    left.remove(words)
        return found


def psql(database, *arguments):
    subprocess.run(["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=on", "--output=/dev/null", f"--dbname={database}",
                    *arguments], check=True, stdin=subprocess.DEVNULL,
                   env={**os.environ, "PGOPTIONS": "-c client_min_messages=error"})


def remove_all():
    """Roles outlive a database: those of an earlier run that was broken off go first."""
    for name in (DATABASE, TEMPLATE):
        psql("postgres", f"--command=DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    with client.Session() as admin:
        for (name,) in admin.rows("SELECT rolname FROM pg_roles WHERE rolname LIKE 'regress\\_chaos\\_%'"):
            admin.rows(f"DROP ROLE {name}")


def make_roles():
    """Makes those that are missing: a case may have dropped some."""
    with client.Session() as admin:
        have = {name for (name,) in admin.rows("SELECT rolname FROM pg_roles")}
        for role in ROLES:
            if role not in have:
                admin.rows(f"CREATE ROLE {role} LOGIN")


@contextmanager
def template():
    """The roles, and the database of which each case gets a copy."""
    remove_all()
    try:
        psql("postgres", f"--file={HERE / 'roles.sql'}")
        psql("postgres", f"--command=CREATE DATABASE {TEMPLATE} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
        psql(TEMPLATE, f"--file={HERE / 'fixture.sql'}")
        yield
    finally:
        try:
            remove_all()
        except (Lost, ServerError, subprocess.CalledProcessError) as error:
            print(f"# could not clean up: {error}")


@contextmanager
def copy():
    """A superuser's session in a new copy of the template. The log has the SQLSTATE of each of its errors."""
    with client.Session() as server:
        server.rows(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    make_roles()
    with client.Session() as server:
        server.rows(f"CREATE DATABASE {DATABASE} TEMPLATE {TEMPLATE}")
        server.rows(f"ALTER DATABASE {DATABASE} SET log_error_verbosity = 'verbose'")
        server.rows(f"ALTER DATABASE {DATABASE} SET deadlock_timeout = '100ms'")
    with Session() as admin:
        # Not in the template: whom it grants something cannot be dropped.
        admin.rows("SELECT customer_import.add_operator('regress_chaos_vic', 'vic@example.com',"
                   " '{customerView,customerEdit,importView,importEdit}'); SELECT customer_import.grant_gateway('regress_chaos_web')")
        yield admin


def waits_or_ended(watcher, session):
    """Whether the statement of a session waits for a lock, or is over."""
    return (not session.busy()
            or watcher.value("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1", [session.pid]) == "Lock")


def outcome(session):
    """Waits for the end of a statement: its SQLSTATE with the message, or "ok"; "lost" when the process has died."""
    try:
        session.finish()
        return "ok"
    except ServerError as error:
        where = f" ({error.source_function}, {error.source_file}:{error.source_line}, in {error.context or 'no function'})"
        return f"{error.sqlstate} {error.message}" + (where if INTERNAL.match(error.sqlstate or "") else "")
    except Lost as error:
        return f"lost {error}"


def is_clean(text):
    return not text.startswith(("XX", "lost"))
