"""Previews, undo and retry: interrupted, with too little room for temporary files, in the middle of other things."""

import os
import random
import time

from harness import contents, created, csv, import_text, new_customers, open_session, usable
from interrupts import Interrupted

RECORDS = 100_000
PREVIEW = "SELECT count(*), min(outcome), max(outcome), count(DISTINCT line) FROM customer_import.preview_import($1::text, 'Create & Update')"
DRY_RUN = "SELECT created FROM customer_import.import_customers($1::text, 'Create & Update', dry_run => true)"
LAST = "(SELECT max(id) FROM customer_import.imports WHERE mode = 'create_and_update')"
UNDO = f"SELECT * FROM customer_import.undo_import({LAST})"
RETRY = f"SELECT * FROM customer_import.retry_rejects({LAST})"
FILES = "SELECT count(*) FROM pg_ls_tmpdir()"
FAULTY = csv(f"user{index},later" for index in range(RECORDS))


def clean(session):
    session.rows("TRUNCATE customers, customer_import.imports, customer_import.import_issues, customer_import._import_change_pages")


def interrupted(report):
    seed = int(os.environ.get("BOUNDARY_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
    report.note(f"random moments: BOUNDARY_SEED={seed}")
    text = new_customers(RECORDS)
    with open_session() as session, open_session() as watcher:
        subject = Interrupted(session, watcher, seed)

        def before_undo():
            clean(session)
            import_text(session, text)

        def before_retry():
            clean(session)
            session.rows("SELECT customer_import.remove_role_codes('{later}')")
            import_text(session, FAULTY)
            session.rows("SELECT customer_import.add_role_codes('{later}')")
            session.rows("VACUUM ANALYZE customers")  # empty: plans made now do not fit what the retry makes of it

        for name, sql, parameters, prepare in (("a preview", PREVIEW, [text], lambda: clean(session)),
                                               ("a dry run", DRY_RUN, [text], lambda: clean(session)),
                                               ("an undo", UNDO, None, before_undo), ("a retry", RETRY, None, before_retry)):
            prepare()
            session.rows("BEGIN")
            began = time.monotonic()
            session.rows(sql, parameters)
            duration = time.monotonic() - began
            session.rows("ROLLBACK")
            wrong = subject.at_random_moments(sql, parameters, 8, duration, prepare)
            report.line(not wrong and subject.interrupted >= 2, f"{name} of {RECORDS:,} records, interrupted at random moments:"
                        " 57014, nothing applied, the session works", *wrong, f"{subject.interrupted} interrupts came in time")
        prepare()
        row = session.rows(RETRY)[0]
        report.equal((row[1], row[4]), ("completed", str(RECORDS)), "after the interrupts a retry goes well")
        row = session.rows(UNDO.replace("'create_and_update'", "'retry'"))[0]
        report.equal((row[1], row[9]), ("completed", str(RECORDS)), "and an undo")
        clean(session)
        session.rows("SELECT customer_import.remove_role_codes('{later}')")


def spilled(report):
    """200,000 records with long names are more than a preview keeps in memory, whatever work_mem says."""
    text = new_customers(200_000, "a-customer-whose-name-takes-room-in-memory-and-in-temporary-files-")
    with open_session() as session:
        clean(session)
        expected = [("200000", "created", "created", "200000")]
        for work_mem in ("64kB", "256MB"):
            session.rows(f"SET work_mem = '{work_mem}'")
            before, bytes_before = contents(session), temp_bytes(session)
            report.equal((session.rows(PREVIEW, [text]), contents(session) == before, usable(session)), (expected, True, True),
                         f"a preview of 200,000 records, work_mem {work_mem}")
            report.line(temp_bytes(session) > bytes_before, "it has used temporary files")
            report.equal(session.value(FILES), "0", "and has left none")
        session.rows("RESET work_mem")
        session.rows("BEGIN; DECLARE c CURSOR FOR SELECT line, user_name FROM customer_import.preview_import('userName,addRoles"
                     + "".join(f"\nu{index},buyer" for index in range(2000)) + "', 'Create Only'); FETCH 2 FROM c")
        report.equal(import_text(session, new_customers(3)), created(3), "while a cursor on a preview is open, an import goes well")
        report.equal(session.rows("FETCH 2 FROM c"), [("4", "u2"), ("5", "u3")], "and the cursor goes on")
        session.rows("ROLLBACK")
        session.rows("SET temp_file_limit = '512kB'")
        before = contents(session)
        error = session.error(PREVIEW, [text])
        report.equal((error and error.sqlstate, contents(session) == before, usable(session)), ("53400", True, True),
                     "a preview that passes temp_file_limit")
        session.rows("RESET temp_file_limit")
        report.equal(session.value(FILES), "0", "no temporary file is left")
        import_text(session, text)
        session.rows("SET temp_file_limit = '512kB'")
        before = contents(session)
        error = session.error(UNDO)
        report.equal((error and error.sqlstate, contents(session) == before, usable(session)), ("53400", True, True),
                     "an undo that passes temp_file_limit: nothing is undone")
        session.rows("RESET temp_file_limit")
        row = session.rows(UNDO)[0]
        report.equal((row[1], row[9], session.value(FILES)), ("completed", "200000", "0"), "without it, it is done")
        clean(session)


def temp_bytes(session):
    session.rows("SELECT pg_stat_force_next_flush()")
    return int(session.value("SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()"))


def caught(report):
    """PL/pgSQL that catches their errors continues in the same transaction."""
    with open_session() as session:
        clean(session)
        import_text(session, csv(["one,buyer", "two,byer"]))
        for call in ("preview_import('not a file', 'Create Only')", "undo_import(-1)", "retry_rejects(-1)"):
            error = session.error(f"""
                DO $$
                BEGIN
                    FOR round IN 1..50 LOOP
                        BEGIN
                            PERFORM * FROM customer_import.{call};
                            RAISE 'no error';
                        EXCEPTION WHEN undefined_object OR bad_copy_file_format THEN NULL;
                        END;
                    END LOOP;
                    IF (SELECT count(*) FROM customer_import.preview_import(E'userName,addRoles\\nthree,buyer\\n', 'Create Only')) <> 1 THEN
                        RAISE 'no preview';
                    END IF;
                    PERFORM customer_import.retry_rejects({LAST});
                    PERFORM customer_import.undo_import({LAST});
                    PERFORM customer_import.undo_import(max(id)) FROM customer_import.imports;
                    RAISE EXCEPTION USING ERRCODE = 'UNDO1';
                EXCEPTION WHEN SQLSTATE 'UNDO1' THEN NULL;
                END $$""")
            report.line(error is None and usable(session), f"its errors are caught: {call}", error)
        error = session.error(f"DO $$ BEGIN PERFORM customer_import.undo_import({LAST}); COMMIT; PERFORM customer_import.undo_import(max(id))"
                              " FROM customer_import.imports; COMMIT; END $$")
        report.equal((error, session.value("SELECT user_name FROM customers"), usable(session)), (None, "one", True),
                     "undone and done again in a block that commits")
        clean(session)


def run_all(report):
    for part in (interrupted, spilled, caught):
        report.run(part)
