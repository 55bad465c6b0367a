"""What the tests of the command line share: the program, a database of the suite's own, and the program on a terminal."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "lib"))

from client import Session as AnySession  # noqa: E402
from programs import BUILD  # noqa: E402
from databases import create_database, create_roles, drop_database, drop_roles, psql  # noqa: E402
from waits import LIMIT, wait_until  # noqa: E402, F401

DATABASE = "regress_client"
ROLES = ("regress_client_ann", "regress_client_portal")
PROGRAM = BUILD / "customer-import"


def Session(database=DATABASE):  # pylint: disable=invalid-name
    """A superuser's."""
    return AnySession(database)


@contextmanager
def database():
    """The suite's database: a created customers table, an administrator with a role, an operator without one, and a gateway."""
    create_roles(ROLES)
    create_database(DATABASE)
    psql(DATABASE, "--command=CREATE EXTENSION customer_import; SELECT customer_import.create_customers_table();"
                   " SELECT customer_import.add_role_codes('{approver,buyer,companyAdmin}');"
                   " SELECT customer_import.add_operator('regress_client_ann', roles => '{superuser}');"
                   " SELECT customer_import.add_operator('eve', roles => '{customerView,customerEdit,importView,importEdit}');"
                   " SELECT customer_import.grant_gateway('regress_client_portal')")
    try:
        yield
    finally:
        drop_database(DATABASE)
        drop_roles(ROLES)


@contextmanager
def folder():
    """A directory to work in, with nothing in it."""
    with tempfile.TemporaryDirectory(prefix="customer_import_client.") as path:
        yield Path(path)


@contextmanager
def fresh():
    """A superuser's session in the emptied database, and a directory."""
    with Session() as admin, folder() as place:
        admin.rows("SET client_min_messages = warning")
        wait_until(lambda: admin.value("SELECT count(*) FROM customer_import.imports WHERE finished_at IS NULL") == "0", "imports end")
        admin.rows("TRUNCATE public.customers, customer_import.imports, customer_import.uploads CASCADE")
        yield admin, place


def arguments(user="regress_client_ann"):
    return ["-d", DATABASE, *(["-U", user] if user else [])]


class Done:
    """What a run of the program came to."""

    def __init__(self, status, output, errors):
        self.status, self.output, self.errors = status, output, errors

    def __repr__(self):
        return f"{self.status}\n{self.output}\n{self.errors}"

    @property
    def json(self):
        return json.loads(self.output)


def run(*words, place=None, text=None, user="regress_client_ann"):
    """Runs the program in a pipe, in the directory `place`, with `text` as its standard input."""
    done = subprocess.run([PROGRAM, *map(str, words), *arguments(user)], input=None if text is None else text.encode(), cwd=place,
                          stdin=subprocess.DEVNULL if text is None else None, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=LIMIT, check=False)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


class OnTerminal:
    """The program on a terminal of its own, while the test goes on."""

    def __init__(self, *words, place=None, user="regress_client_ann", pipe=False):
        master, slave = pty.openpty()
        self.master = master
        self.seen = b""
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen([PROGRAM, *map(str, words), *arguments(user)], cwd=place,
                                        stdin=subprocess.PIPE if pipe else slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)

    def look(self):
        """Takes in what has been written; returns all of it."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                more = os.read(self.master, 65536)
            except OSError:  # the program has ended
                break
            if not more:
                break
            self.seen += more
        return self.seen.decode(errors="replace")

    def interrupt(self):
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def wait(self):
        """Waits for its end; returns the exit status."""
        wait_until(lambda: self.look() is not None and self.process.poll() is not None, "the program ends")
        self.look()
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        os.close(self.master)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def count_of(admin, table="customers"):
    return admin.value(f"SELECT count(*) FROM {table}")
