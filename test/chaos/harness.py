"""What the suites of hostile use share: sessions, databases made from one template, and the watch over the server."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "lib"))

import client  # noqa: E402
from client import Lost, ServerError  # noqa: E402,F401
from databases import create_database, create_roles, drop_database, psql  # noqa: E402,F401
from report import Report  # noqa: E402,F401
from waits import wait_until  # noqa: E402

TEMPLATE = "regress_chaos_template"
DATABASE = "regress_chaos"
ROLES = re.findall(r"CREATE ROLE (\w+)", (HERE / "roles.sql").read_text(encoding="utf-8"))
PROCESSES = "backend_type LIKE 'customer_import %'"
# An error of these classes says that the server, or we, met what cannot be.
INTERNAL = re.compile(r"^XX")
LOG_INTERNAL = re.compile(r"(?:ERROR|FATAL|PANIC):  XX\d\d\d: ")
CRASH_WORDS = ("terminated by signal", "was terminated", "all server processes terminated", "PANIC:", "TRAP:", "you don't own a lock",
               "still referenced", "non-empty SPI stack")


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


def remove_all():
    """Roles outlive a database: those of an earlier run that was broken off go first."""
    for name in (DATABASE, TEMPLATE):
        drop_database(name)
    with client.Session() as admin:
        for (name,) in admin.rows("SELECT rolname FROM pg_roles WHERE rolname LIKE 'regress\\_chaos\\_%'"):
            admin.rows(f"DROP ROLE {name}")


@contextmanager
def template():
    """The roles, and the database of which each case gets a copy."""
    remove_all()
    try:
        psql("postgres", f"--file={HERE / 'roles.sql'}")
        create_database(TEMPLATE)
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
    drop_database(DATABASE)
    create_roles(ROLES)  # those that are missing: a case may have dropped some
    with client.Session() as server:
        server.rows("DROP ROLE IF EXISTS regress_chaos_victor")  # a case may have ended with this name of the other one
        server.rows(f"CREATE DATABASE {DATABASE} TEMPLATE {TEMPLATE}")
        server.rows(f"ALTER DATABASE {DATABASE} SET log_error_verbosity = 'verbose'")
        server.rows(f"ALTER DATABASE {DATABASE} SET deadlock_timeout = '100ms'")
    with Session() as admin:
        # Not in the template: a role that holds grants there cannot be dropped.
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
