"""The mailer as a service: one pass, signals, and the ways in which it wakes up, loses its database and finds it again."""

import re
import signal
import socket
import time
from contextlib import suppress

from harness import ADDRESS, ANN, DATABASE, MAILER, clear, fresh, import_as, make_due, queue_messages, states, wait_until
from mailer import SENDER, run_once, running, scratch
from running import maildir_mails, plain


def test_once(report, around):
    with fresh() as admin, scratch() as folder:
        report.equal(run_once("--maildir", folder / "a")[0], 0, "--once with nothing to send: 0")
        queue_messages(3)
        report.equal((run_once("--maildir", folder / "a")[0], states(admin)), (0, {"sent": 3}),
                     "--once sends all that is due: 0")
        with around.server({"RCPT": ["550 5.1.1 no", None]}) as server:
            clear(admin)
            queue_messages(3)
            status, _ = run_once(*around.options(server))
            report.equal((status, states(admin)), (1, {"failed": 1, "sent": 2}),
                         "--once goes on after a failure, and ends with 1")
        status, output = plain("--once", "--database", f"dbname=regress_mail_nowhere user={MAILER}", "--from", SENDER,
                               "--maildir", folder / "a")
        report.line(status == 1 and "regress_mail_nowhere" in output, "--once without its database: 1", output)
        status, output = plain("--once", "--database", f"dbname={DATABASE} user={ANN}", "--from", SENDER, "--maildir",
                               folder / "a")
        report.line(status == 1 and "permission denied" in output, "--once by a role that is no mailer: 1", output)


def test_signals(report, _):
    with fresh(), scratch() as folder:
        for number in (signal.SIGTERM, signal.SIGINT):
            with running("--maildir", folder / "a") as mailer:
                mailer.wait_log("ready")
                began = time.monotonic()
                status = mailer.stop(number)
                report.line(status == 0 and time.monotonic() - began < 3,
                            f"{number.name} ends an idle mailer at once, with 0", status, mailer.log)
        with running("--maildir", folder / "a", "--database", "host=/nonexistent", "--from", SENDER, plain=True) as mailer:
            mailer.wait_log("next attempt")
            report.equal(mailer.stop(), 0, "SIGTERM ends one that waits for its database")


def test_service_manager(report, _):
    with fresh(), scratch() as folder:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(folder / "notify"))
            manager.settimeout(10)
            with running("--maildir", folder / "a", env={"NOTIFY_SOCKET": str(folder / "notify")}) as mailer:
                report.matches(manager.recv(1000).decode(), r"^READY=1",
                               "the service manager is told when the mailer is ready")
                mailer.stop()
                words = ""
                while "STOPPING=1" not in words:
                    words = manager.recv(1000).decode()
                report.line(True, "and when it stops")


class Manager:
    """A service manager that a mailer tells its status."""

    def __init__(self, folder):
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(self.path))
        self.told = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def status(self):
        with suppress(BlockingIOError):
            while words := self.socket.recv(1000).decode():
                self.told += [line.partition("=")[2] for line in words.splitlines() if line.startswith("STATUS=")]
        return self.told[-1] if self.told else ""

    def wait(self, pattern):
        wait_until(lambda: re.fullmatch(pattern, self.status()), f"the status is {pattern!r}", 30)
        return True


def test_status(report, around):
    """The service manager is told what the mailer waits for, until when and why; the journal also that the database is back."""
    clock = r"\d\d:\d\d:\d\d"
    with fresh() as admin, scratch() as folder, Manager(folder) as manager:
        env = {"NOTIFY_SOCKET": str(manager.path)}
        with around.server({"RCPT": [f"450 4.2.1 <{ADDRESS}> is full", None]}) as server, running(*around.options(server), env=env) as mailer:
            report.line(manager.wait("waiting for messages"), "at first for messages")
            (number,) = queue_messages(1)
            report.line(manager.wait(rf"waiting to try again at {clock}: message {number} could not be sent: see the journal"),
                        "after a refusal that passes, to try again")
            report.line(f"could not be sent, will be tried again: {server.url}: 450 4.2.1 <{ADDRESS}>" in mailer.log and ADDRESS not in str(manager.told),
                        "the journal says why; the status, which all users can read, does not have the answer", mailer.log, manager.told)
            make_due(admin)
            queue_messages(1)  # which also wakes it
            wait_until(lambda: states(admin) == {"sent": 2}, "both are sent")
            report.line(manager.wait("waiting for messages") and "sending messages" in manager.told, "then for messages again, after it has sent some")
            admin.rows(f"ALTER ROLE {MAILER} NOLOGIN")
            try:
                admin.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'customer-import-mailer'")
                report.line(manager.wait(rf'waiting for the database, next attempt at {clock}: .*role "{MAILER}" is not permitted to log in'),
                            "without its database, for that, and why")
                report.line("the database is back" not in mailer.log, "it is not back yet", mailer.log)
            finally:
                admin.rows(f"ALTER ROLE {MAILER} LOGIN")
            mailer.wait_log("the database is back after")
            report.line(manager.wait("waiting for messages"), "when it is back, for messages")
            report.equal(len([line for line in mailer.lines if re.fullmatch(r"customer-import-mailer: the database is back after \d+ s", line)]), 1,
                         "and one line of the journal says so")
        clear(admin)
        (number,) = queue_messages(1)
        with running("--smtp-url", "smtp://localhost:1", env=env):
            report.line(manager.wait(rf"waiting for the mail server, next attempt at {clock}: smtp://localhost:1: .*"), "for a mail server that is not there")
            report.line(manager.wait(rf"waiting to try again at {clock}: message {number} could not be sent: smtp://localhost:1: .*"),
                        "then to try again, and why")
        with running("--smtp-url", "smtp://localhost:1", env=env):
            report.line(manager.wait(rf"waiting for messages; the next one is due at {clock}"), "one that has just started does not know why, but when")


def test_waking(report, _):
    with fresh() as admin, scratch() as folder:
        box = folder / "box"
        with running("--maildir", box) as mailer:
            mailer.wait_log("ready")
            began = time.monotonic()
            import_as(ANN)
            wait_until(lambda: len(maildir_mails(box)) == 1, "a mail after a notification", 20)
            report.line(time.monotonic() - began < 3, "a notification wakes the mailer", f"{time.monotonic() - began:.1f} s")
            wait_until(lambda: states(admin) == {"sent": 1}, "it is marked as sent")
            import_as(ANN, background=True)
            wait_until(lambda: len(maildir_mails(box)) == 2, "a mail of an import in the background", 20)
            report.line(True, "also for an import in the background")
            wait_until(lambda: states(admin) == {"sent": 2}, "it is marked as sent")
        queue_messages(2)
        with running("--maildir", box):
            wait_until(lambda: len(maildir_mails(box)) == 4, "mails of before the start", 20)
            report.line(True, "what was queued while it was down is sent at the start")


def test_lost_notification(report, around):
    """Nothing wakes the mailer: its own poll finds the message, and a time that has come."""
    with fresh() as admin, scratch() as folder:
        box = folder / "box"
        fast = {"LD_PRELOAD": str(around.fast_clock), "FAST_CLOCK": "10"}
        with running("--maildir", box, env=fast) as mailer:
            mailer.wait_log("ready")
            wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'customer-import-mailer'"
                                           " AND state = 'idle' AND query LIKE '%next_message_at%'"), "the mailer waits")
            done = import_as(ANN, send_report=False)
            began = time.monotonic()
            admin.rows("INSERT INTO customer_import.email_outbox (import_id, operator, recipient, origin)"
                       " SELECT %s, %s, %s, origin FROM (SELECT (SELECT system_identifier FROM pg_control_system()) || '/' ||"
                       " (SELECT oid FROM pg_database WHERE datname = current_database()) AS origin) AS o",
                       [done["import_id"], ANN, ADDRESS])
            wait_until(lambda: maildir_mails(box), "a mail without a notification", 45)
            # 30 s of a poll at the longest.
            report.line(time.monotonic() - began < 20, "a message without a notification is found by the poll",
                        f"{time.monotonic() - began:.1f} s")
            queue_messages(1)
            wait_until(lambda: len(maildir_mails(box)) == 2, "the mailer goes on")
        queue_messages(1)
        admin.rows("UPDATE customer_import.email_outbox SET next_attempt_at = clock_timestamp() + interval '1500 ms'"
                   " WHERE state = 'queued'")
        began = time.monotonic()
        with running("--maildir", box):
            wait_until(lambda: len(maildir_mails(box)) == 3, "a mail whose time has come", 20)
            report.line(1.2 < time.monotonic() - began < 6,
                        "a message is sent when its time has come, not before and not much later",
                        f"{time.monotonic() - began:.1f} s")


def test_lost_connection(report, _):
    with fresh() as admin, scratch() as folder:
        box = folder / "box"
        with running("--maildir", box) as mailer:
            mailer.wait_log("ready")
            for number in range(1, 4):
                killed = admin.value("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'customer-import-mailer'")
                queue_messages(1)
                wait_until(lambda n=number: len(maildir_mails(box)) == n, "a mail after the connection was lost", 20)
                report.line(killed == 1, f"it connects again, {number}", killed)
            admin.rows(f"ALTER ROLE {MAILER} NOLOGIN")
            try:
                admin.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'customer-import-mailer'")
                wait_until(lambda: "not permitted to log in" in mailer.log, "the mailer cannot log in")
                lines = len(mailer.lines)
            finally:
                admin.rows(f"ALTER ROLE {MAILER} LOGIN")
            queue_messages(1)
            wait_until(lambda: len(maildir_mails(box)) == 4, "a mail after all", 30)
            report.line(len(mailer.lines) - lines < 10, "it waits between its attempts, and then goes on", mailer.log)
            admin.rows("SELECT customer_import.revoke_mailer(%s)", [MAILER])
            try:
                queue_messages(1)
                wait_until(lambda: "permission denied" in mailer.log, "the mailer may not claim", 20)
            finally:
                admin.rows("SELECT customer_import.grant_mailer(%s)", [MAILER])
            wait_until(lambda: len(maildir_mails(box)) == 5, "a mail after the right was given back", 30)
            report.line(mailer.is_running(), "a right that is taken and given back does not end it")


def test_two_mailers(report, around):
    """Two share the work: each sends some, none is sent twice."""
    with fresh() as admin, around.server() as server:
        met = []

        def wait_for_other(conversation):
            met.append(conversation.number)
            if len(met) <= 2:
                wait_until(lambda: len(met) >= 2, "both mailers are sending", 20)
            conversation.send("250 taken")

        server.script["dot"] = wait_for_other
        queue_messages(20)
        with running(*around.options(server)) as one, running(*around.options(server)) as two:
            wait_until(lambda: states(admin) == {"sent": 20}, "all are sent", 40)
            counts = [mailer.log.count(": sent") for mailer in (one, two)]
            report.line(min(counts) > 0 and sum(counts) == 20, f"two mailers share the work ({counts[0]} and {counts[1]})",
                        one.log, two.log)
        bodies = server.bodies()
        report.equal((len(bodies), len(set(bodies))), (20, 20), "and no message is sent twice")
