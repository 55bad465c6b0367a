"""Messages of a dumped database are not sent from its copy."""

import os
import subprocess

from harness import DATABASE, MAILER, Client, claim, create_database, drop_database, fresh, queue_messages

COPY = "regress_mail_copy"


def copy_database():
    """pg_dump of the suite's database into another one."""
    create_database(COPY, extension=False)
    environment = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}
    with subprocess.Popen(["pg_dump", DATABASE], stdout=subprocess.PIPE, env=environment) as dump:
        restored = subprocess.run(["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=on", "--output=/dev/null",
                                   f"--dbname={COPY}"], stdin=dump.stdout, env=environment, check=False, text=True,
                                  stderr=subprocess.PIPE)
    return dump.returncode == 0 and restored.returncode == 0, restored.stderr


def test_restored_messages_are_held(report):
    with fresh() as admin:
        ids = queue_messages(4)
        with Client(MAILER) as mailer:
            sent, failed, open_claim = claim(mailer), claim(mailer), claim(mailer)
            mailer.rows("SELECT customer_import.store_message(%s, %s, 'bytes')", [sent["id"], sent["fence"]])
            mailer.rows("SELECT customer_import.message_sent(%s, %s)", [sent["id"], sent["fence"]])
            mailer.rows("SELECT customer_import.message_failed(%s, %s, '550', true)", [failed["id"], failed["fence"]])
        before = admin.rows("SELECT id, recipient, state, attempts, encode(message, 'hex') FROM customer_import.email_outbox ORDER BY id")
        try:
            good, errors = copy_database()
            report.line(good, "a dump with messages is restored", errors)
            with Client(database=COPY) as copy, Client(MAILER, COPY) as mailer:
                report.equal(copy.value("SELECT count(*) FROM customer_import.email_outbox"), 4,
                             "all messages are in the copy")
                report.equal(copy.rows("SELECT state, messages, next_attempt_at FROM customer_import.mailer_status ORDER BY state"),
                             [("failed", 1, None), ("held", 2, None), ("sent", 1, None)], "the status shows at once what is held")
                report.equal(mailer.value("SELECT customer_import.next_message_at()"), None, "there none is due")
                report.equal(claim(mailer), None, "and none is handed out, to a mailer that still may claim")
                report.equal(dict(copy.rows("SELECT id, state FROM customer_import.email_outbox")),
                             {ids[0]: "sent", ids[1]: "failed", ids[2]: "held", ids[3]: "held"}, "they are held")
                report.equal(copy.value("SELECT messages FROM customer_import.mailer_status WHERE state = 'held'"), 2,
                             "the status shows it")
                report.equal(mailer.value("SELECT customer_import.message_sent(%s, %s)",
                                          [open_claim["id"], open_claim["fence"]]), False,
                             "a claim made in the original means nothing here")
                copy.rows("SELECT customer_import.release_restored()")
                got = [claim(mailer), claim(mailer)]
                report.equal((sorted(row["id"] for row in got), claim(mailer)), (ids[2:], None),
                             "release_restored() has them sent, but not what was sent or has failed")
                report.line(all(row["fence"] >= 1 and row["report"] for row in got), "they can be rendered there", got)
                copy.rows("INSERT INTO customer_import.email_outbox (import_id, operator, recipient, origin)"
                          " VALUES (-1, 'x', 'x@example.com', 'x')")
                report.line(copy.value("SELECT max(id) FROM customer_import.email_outbox WHERE import_id = -1") > ids[-1],
                            "the next message has a new id")
        finally:
            drop_database(COPY)
        after = admin.rows("SELECT id, recipient, state, attempts, encode(message, 'hex') FROM customer_import.email_outbox ORDER BY id")
        report.equal(after, before, "the original is as it was")


def test_released_before_a_mailer_looks(report):
    with fresh():
        ids = queue_messages(2)
        try:
            good, errors = copy_database()
            report.line(good, "a dump with queued messages is restored", errors)
            with Client(database=COPY) as copy, Client(MAILER, COPY) as mailer:
                copy.rows("SELECT customer_import.release_restored()")
                got = [claim(mailer), claim(mailer)]
                report.equal(sorted(row["id"] for row in got if row), ids, "release_restored() has messages sent that no mailer has looked at")
        finally:
            drop_database(COPY)
