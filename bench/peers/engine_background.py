"""The engine in the background, with the file in chunks of 1 MiB, until the import and its processes have ended. The session
waits as a client does, without a transaction: one that stays open keeps the workers from reusing the room of the rows that
they have replaced."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from lib.driver import COUNTS, run, send                                 # noqa: E402

WAIT = """DO $$
BEGIN
    WHILE EXISTS (SELECT FROM pg_stat_activity
                   WHERE backend_type LIKE 'customer_import %' AND datname = current_database()) LOOP
        PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
    END LOOP;
END $$"""


def call(session, upload, mode):
    number = session.value("SELECT import_id FROM customer_import.import_upload($1, $2, background => true)",
                           [upload, mode])
    session.rows("CALL customer_import.wait_for_import($1, NULL, NULL, NULL)", [number])
    session.rows(WAIT)
    return session.rows(f"SELECT {COUNTS} FROM customer_import.imports WHERE id = $1", [number])[0]


run(lambda session, file: send(session, file, "customer_import.begin_upload(background => true)"), call)
