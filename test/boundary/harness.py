"""What all parts of the boundary suite share: the probe library, and databases to test in."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from client import Lost, ServerError, Session
from databases import create_database, drop_database

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "boundary"
DATABASE = "regress_boundary"


def server_directory(option):
    config = os.environ.get("PG_CONFIG", "pg_config")
    return subprocess.run([config, option], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def build():
    """Builds the probe library and failing_malloc; returns nothing, the libraries are in BUILD."""
    BUILD.mkdir(parents=True, exist_ok=True)
    compiler = [os.environ.get("CXX", "g++"), "-std=c++20", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra",
                "-fvisibility=hidden"]
    crossings = [str(ROOT / "src" / name) for name in ("core/format.cpp", "pg/server/guard.cpp", "pg/server/statement.cpp",
                                                       "pg/server/text_array.cpp")]
    subprocess.run([*compiler, "-D_GNU_SOURCE", "-Wno-register", "-Wno-unused-parameter",
                    "-Wno-missing-field-initializers", f"-I{ROOT / 'src'}", "-isystem",
                    server_directory("--includedir-server"), str(HERE / "probe.cpp"), str(HERE / "probe_memory.cpp"), *crossings, "-o",
                    str(BUILD / "probe.so")], check=True)
    subprocess.run([*compiler, str(HERE / "failing_malloc.cpp"), "-o", str(BUILD / "failing_malloc.so"), "-ldl"],
                   check=True)


@contextmanager
def libraries():
    """The libraries where the user that runs the server can read them."""
    folder = Path(tempfile.mkdtemp(prefix="boundary."))
    try:
        folder.chmod(0o755)
        for name in ("probe.so", "failing_malloc.so"):
            shutil.copy(BUILD / name, folder)
            (folder / name).chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def set_up(session, folder):
    """Puts the extension, a customers table and the probe functions into the session's database."""
    session.rows("CREATE EXTENSION customer_import")
    session.rows("SELECT customer_import.create_customers_table()")
    session.rows("SELECT customer_import.add_role_codes('{buyer,approver,companyAdmin}')")
    session.rows("CREATE SCHEMA probe")
    session.rows("SET search_path = probe, public; "
                 + (HERE / "probe.sql").read_text().replace("MODULE", str(folder / "probe.so")))


def open_session(database=DATABASE):
    session = Session(database)
    session.rows("SET search_path = probe, public")
    session.rows("SET client_min_messages = warning")
    return session


@contextmanager
def database(folder, name=DATABASE):
    """A database of our own, dropped at the end."""
    create_database(name)
    try:
        with Session(name) as session:
            set_up(session, folder)
        yield name
    finally:
        try:
            drop_database(name)
        except (Lost, ServerError) as error:
            print(f"# could not drop {name}: {error}")


def csv(records, header="userName,addRoles"):
    return header + "\n" + "".join(record + "\n" for record in records)


def new_customers(count, prefix="user", rest=",buyer;approver"):
    return csv(f"{prefix}{index}{rest}" for index in range(count))


IMPORT = "SELECT * FROM customer_import.import_customers($1::text, 'Create & Update')"


def import_text(session, text):
    """Imports and returns (state, records, created, updated, unchanged, skipped, rejected, unprocessed)."""
    row = session.rows(IMPORT, [text])[0]
    return (row[1], *(int(row[column]) for column in (3, 4, 5, 6, 7, 8, 10)))


def created(count):
    """What import_text() returns when all records created a customer."""
    return ("completed", count, count, 0, 0, 0, 0, 0)


CONTENTS = """
SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM customer_import.imports),
       (SELECT count(*) FROM customer_import.import_issues), (SELECT count(*) FROM customer_import._import_change_pages),
       (SELECT count(*) FROM customer_import.role_codes)
"""


def contents(session):
    """How much there is of everything that an import writes."""
    return session.rows(CONTENTS)


def usable(session):
    """True when the session is in no transaction and C++ and the server still work in it."""
    try:
        return (session.idle() and session.value("SELECT probe_level()") == "1"
                and session.value("SELECT probe_live()") == "0"
                and session.value("SELECT probe_nested(2, ' SELECT 1')") == "no error")
    except (Lost, ServerError):
        return False


def status_of(pid, entry):
    """A value of /proc/PID/status in kB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(entry + ":"):
                return int(line.split()[1])
    raise KeyError(entry)
