"""Server and mailers are killed at random while messages flow. Runs in a cluster of its own, which it kills and starts."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg2

from conversations import message_id
from harness import ADDRESS, ANN, Client, clear, make_due, run_import, states, wait_until
from mailer import Mailer
from received import faults

CSV = "userName,addRoles\nmia,buyer\nnoa,nonsense\n"


class Server:
    """The server that test/cluster has started: PGDATA names its directory."""

    def __init__(self):
        self.data = os.environ["PGDATA"]
        self.switch = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []

    def start(self):
        def try_it():
            return subprocess.run([*self.switch, "pg_ctl", "--pgdata", self.data, "--silent", "--wait", "--log",
                                   os.environ["PGHOST"] + "/killing.log", "start"], cwd="/", check=False,
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        wait_until(try_it, "the server starts", 60, every=0.05)

    def processes(self):
        """All whose working directory is the data directory."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd") == os.path.realpath(self.data):
                    found.append(int(entry.name))
            except OSError:
                pass
        return found

    def kill(self):
        """kill -9 of the postmaster; what it leaves behind ends by itself."""
        with open(f"{self.data}/postmaster.pid", encoding="utf-8") as file:
            os.kill(int(file.readline()), signal.SIGKILL)
        wait_until(lambda: not self.processes(), "the processes left behind have ended")
        self.start()

    def kill_backend(self):
        """kill -9 of a mailer's backend: all sessions end, and the server recovers. False when it had ended by itself."""
        with Client() as witness:
            pid = witness.value("SELECT pid FROM pg_stat_activity WHERE application_name = 'customer-import-mailer' LIMIT 1")
            if pid is None or pid not in self.processes():
                return False
            os.kill(pid, signal.SIGKILL)
            try:
                wait_until(lambda: is_lost(witness), "the server has noticed", 3)
            except TimeoutError:
                return False
        wait_until(is_up, "the server has recovered")
        return True


def is_lost(session):
    try:
        session.rows("SELECT 1")
    except psycopg2.Error:
        return True
    return False


def is_up():
    try:
        with Client() as admin:
            return admin.value("SELECT 1") == 1
    except psycopg2.Error:
        return False


class Run:
    def __init__(self, around, server, chance):
        self.around, self.server, self.chance = around, server, chance
        self.database = Server()
        self.mailers = []
        self.kills = {"server": 0, "backend": 0, "mailers": 0, "connections": 0}
        self.killed_mailers = 0

    def start_mailers(self):
        self.mailers = [Mailer(*self.around.options(self.server)) for _ in range(2)]

    def kill_mailers(self):
        for mailer in self.mailers:
            mailer.kill()
        self.killed_mailers += len(self.mailers)
        # No mailer has the messages any more that they had claimed.
        with Client() as admin:
            make_due(admin)
        self.start_mailers()

    def disturb(self):
        kind = self.chance.choice(("mailers", "mailers", "server", "backend", "connections"))
        if kind == "backend" and not self.database.kill_backend():
            return
        self.kills[kind] += 1
        if kind == "mailers":
            self.kill_mailers()
        elif kind == "server":
            self.database.kill()
        elif kind == "connections":
            with Client() as admin:
                admin.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'customer-import-mailer'")

    def wait_all_sent(self, admin):
        """Leases of claims that were lost would last ten minutes: they end when all has been quiet for a while."""
        end = time.monotonic() + 120
        seen, since = None, time.monotonic()
        while (now := states(admin)) != {"sent": sum(now.values())}:
            talking = [c for c in self.server.conversations if c.ended is None]
            if (now, len(self.server.conversations)) != seen or talking:
                seen, since = (now, len(self.server.conversations)), time.monotonic()
            elif time.monotonic() > since + 1.5:
                make_due(admin)
                admin.rows("NOTIFY customer_import_email, '0'")
                since = time.monotonic()
            if time.monotonic() > end:
                raise TimeoutError(f"messages remain: {now}\n" + "\n".join(mailer.log[-1500:] for mailer in self.mailers))
            time.sleep(0.02)


def test_killing(report, around, messages):
    chance = report.random_source("MAIL_SEED")

    def dawdle(conversation):
        conversation.server.pause(chance.random() * 0.05)
        conversation.send("250 ok")

    with around.server({"RCPT": dawdle, "dot": dawdle}) as server:
        with Client() as admin:
            clear(admin)
        run = Run(around, server, chance)
        run.start_mailers()
        try:
            queued = 0
            while queued < messages:
                with Client(ANN) as session:
                    for _ in range(min(chance.randrange(2, 5), messages - queued)):
                        run_import(session, CSV)
                        queued += 1
                time.sleep(chance.random() * 0.3)
                run.disturb()
            with Client() as admin:
                run.wait_all_sent(admin)
                judge(report, admin, run, messages)
            report.line(all(mailer.is_running() for mailer in run.mailers), "the mailers are still running",
                        *[mailer.log for mailer in run.mailers])
            report.line([mailer.stop() for mailer in run.mailers] == [0, 0], "and end well")
        finally:
            for mailer in run.mailers:
                mailer.kill()


def judge(report, admin, run, messages):
    rows = {bytes(row[1]): row[0] for row in admin.rows("SELECT id, message FROM customer_import.email_outbox")}
    taken = run.server.bodies()
    copies = {}
    for body in run.server.bodies(taken=False):
        copies.setdefault(message_id(body), set()).add(body)
    repeats = len(taken) - len(set(taken))
    report.note(f"{messages} messages, kills {run.kills}, {repeats} repeats")
    report.equal(len(rows), messages, "each import has its message, with bytes of its own")
    report.equal(len(set(rows) - set(taken)), 0, "every message arrives at least once")
    report.equal(len(set(taken) - set(rows)), 0, "and nothing else arrives")
    report.line(all(len(bodies) == 1 for bodies in copies.values()) and len(copies) == messages,
                "all copies of a message have the same bytes, and no two messages the same Message-ID",
                {key: len(bodies) for key, bodies in copies.items() if len(bodies) > 1})
    report.line(repeats <= run.killed_mailers, f"no more repeats ({repeats}) than mailers were killed ({run.killed_mailers})")
    report.equal([fault for body in set(taken) for fault in faults(body, ADDRESS, True)], [], "no message has a defect")
    report.equal(run.server.faults, [], "the mail server has met nothing strange")
