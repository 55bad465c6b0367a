"""What the suite of the client programs shares: its database, its file, and the programs while they are watched."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "clients"
sys.path.insert(0, str(ROOT / "test" / "lib"))

from client import Session as AnySession  # noqa: E402
from databases import create_database, create_roles, drop_database, drop_roles, psql  # noqa: E402
from programs import BUILD  # noqa: E402
from waits import LIMIT  # noqa: E402

DATABASE = "regress_clients"
OPERATOR, GATEWAY = "regress_clients_ann", "regress_clients_portal"
ROLES = (OPERATOR, GATEWAY)
# Operators without a database role, as whom the gateway acts.
PEOPLE = ("eve", "ina")
COMPANY = 'O\'Neill & "Söhne" \\000 \\x41 €\t?'  # drivers escape what they send
FAULTY = 100  # each record of so many has an unknown role code


def session():
    """A superuser's."""
    return AnySession(DATABASE)


@contextmanager
def database():
    """A database with a created customers table, an operator with a role, two without one, and a gateway."""
    create_roles(ROLES)
    create_database(DATABASE)
    rights = "roles => '{customerView,customerEdit,importView,importEdit}'"
    psql(DATABASE, "--command=CREATE EXTENSION customer_import; SELECT customer_import.create_customers_table();"
                   " SELECT customer_import.add_role_codes('{approver,buyer}');"
                   + "".join(f" SELECT customer_import.add_operator('{name}', {rights});" for name in (OPERATOR, *PEOPLE))
                   + f" SELECT customer_import.grant_gateway('{GATEWAY}')")
    try:
        yield
    finally:
        drop_database(DATABASE)
        drop_roles(ROLES)


@contextmanager
def workplace():
    """A folder with a copy of the programs, in which what they need may be installed and built."""
    with tempfile.TemporaryDirectory(prefix="customer_import_clients.") as path:
        place = Path(path) / "clients"
        shutil.copytree(EXAMPLES, place, ignore=shutil.ignore_patterns("node_modules"))
        yield place


class File:
    """A file of about so many bytes: customers `prefix`0000000 and on, of whom the first exists already."""

    def __init__(self, path, size, prefix="user"):
        self.path, self.prefix, self.records, self.rejected = path, prefix, 0, 0
        company = COMPANY.replace('"', '""')
        notes = "n" * 400  # a column that imports ignore
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write("userName,addRoles,company,_notes\n")
            while self.records == 0 or file.tell() < size:
                lines = []
                for number in range(self.records, self.records + 1000):
                    code = "byer" if number % FAULTY == FAULTY - 1 else "buyer"
                    lines.append(f'{self.user(number)},{code},"{company}",{notes}\n')
                file.write("".join(lines))
                self.records += 1000
        self.rejected = self.records // FAULTY
        self.size = path.stat().st_size

    def user(self, number):
        return f"{self.prefix}{number:07d}@example.com"


def value_of(path, *names):
    """The sum of values of a /proc/PID/status in kB; 0 when the process is gone."""
    try:
        with open(path, encoding="ascii", errors="replace") as status:
            return sum(int(line.split()[1]) for line in status if line.startswith(names))
    except (OSError, ValueError, IndexError):
        return 0


def children(parent):
    """The processes below a process."""
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            direct = [int(word) for word in task.read_text("ascii").split()]
        except OSError:
            direct = []
        for pid in direct:
            found += [pid, *children(pid)]
    return found


class Watch(threading.Thread):
    """Looks at the memory of a process with its children, and of the server's processes: the largest of each, in MB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        with session() as admin:
            self.postmaster = int(Path(admin.value("SHOW data_directory"), "postmaster.pid").read_text("ascii").split()[0])
        self.pid, self.client, self.server, self.ended = pid, 0, 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.05):
            for pid in [self.pid, *children(self.pid)]:
                self.client = max(self.client, value_of(f"/proc/{pid}/status", "VmHWM") // 1024)
            for pid in children(self.postmaster):
                # What a process has for itself; shared buffers are not its memory.
                self.server = max(self.server, value_of(f"/proc/{pid}/status", "RssAnon") // 1024)

    def stop(self):
        self.ended.set()
        self.join()


class Run:
    """A program that has been started, with its output in a file beside it."""

    def __init__(self, place, command, **environment):
        self.output_file = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
        self.began, self.seconds = time.monotonic(), 0
        path = f"{os.environ['PATH']}:{BUILD}"
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            command, cwd=place, stdin=subprocess.DEVNULL, stdout=self.output_file, stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": path, "PGDATABASE": DATABASE, "PGUSER": OPERATOR, **environment})
        self.watch = Watch(self.process.pid)
        self.watch.start()

    def finish(self):
        """Waits for its end; returns its exit status and what it wrote."""
        try:
            status = self.process.wait(timeout=LIMIT * 6)
        finally:
            self.process.kill()
            self.watch.stop()
        self.seconds = time.monotonic() - self.began
        self.output_file.seek(0)
        output = self.output_file.read().decode(errors="replace")
        self.output_file.close()
        return status, output
