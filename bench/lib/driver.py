"""What contenders share that call the engine as a driver does, with parameters, instead of by psql: they print the same
lines as the scripts of psql, and stay connected until their standard input ends."""
import os
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test", "lib"))

from client import Session                                               # noqa: E402

COUNTS = "created, updated, unchanged, skipped, rejected"
CHUNK = 1024 * 1024


def say(text):
    print(text, flush=True)


def send(session, file, begin="customer_import.begin_upload()"):
    """Uploads the file in chunks of 1 MiB, and returns the number of the upload."""
    upload = session.value(f"SELECT {begin}")
    with open(file, "rb") as content:
        place = 0
        while chunk := content.read(CHUNK):
            place = session.value("SELECT customer_import.append_upload($1, $2, $3)", [upload, chunk, place])
    return upload


def by_sql(sql):
    """A call that is one statement: `sql` gives the counts, its parameters are what was uploaded and the mode."""
    return lambda session, uploaded, mode: session.rows(sql, [uploaded, mode])[0]


def run(upload, call):
    """upload(session, file) returns the first parameter of call(session, parameter, mode), which returns the counts."""
    database, file, mode = sys.argv[1:]
    with Session(database) as session:
        say(f"@pid {session.pid}")
        say("@step upload")
        uploaded = upload(session, file)
        say(f"@uploaded {session.value('SELECT pg_current_wal_insert_lsn() - $1', ['0/0'])}")
        say("@step import")
        counts = call(session, uploaded, mode)
        say(f"@counts {' '.join(counts)}")
        say("@done")
        sys.stdin.read()
