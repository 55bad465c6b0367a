"""What contenders share that call the engine as a driver does, with parameters, instead of by psql: they print the same
lines as the scripts of psql, and stay connected until their standard input ends."""
import os
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test", "lib"))

from client import Session                                               # noqa: E402

COUNTS = "created, updated, unchanged, skipped, rejected"


def say(text):
    print(text, flush=True)


def run(upload, call):
    """upload(session, file) returns the first parameter of `call`, SQL whose second one is the mode."""
    database, file, mode = sys.argv[1:]
    with Session(database) as session:
        say(f"@pid {session.pid}")
        say("@step upload")
        uploaded = upload(session, file)
        say(f"@uploaded {session.value('SELECT pg_current_wal_insert_lsn() - $1', ['0/0'])}")
        say("@step import")
        counts = session.rows(call, [uploaded, mode])[0]
        say(f"@counts {' '.join(counts)}")
        say("@done")
        sys.stdin.read()
