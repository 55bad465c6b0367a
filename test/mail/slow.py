"""A mail server that says nothing, or very slowly, or does not stop: the mailer gives up by itself, and holds no transaction."""

import time
from contextlib import ExitStack

from conversations import nothing_in_plain
from harness import ANN, Client, clear, import_as, make_due, queue_messages, states, wait_until
from mailer import Mailer, run_once

FACTOR = 20
# A mailer's own limit for a message is 300 s, of its steady clock.
LIMIT = 300 / FACTOR + 10
SILENT = ("connect", "EHLO", "STARTTLS", "handshake", "AUTH", "MAIL", "RCPT", "DATA", "dot")


def silent(conversation):
    conversation.wait_silently()


def dripping(conversation):
    conversation.drip(b"250-still thinking\r\n", 0.05)


def endless_line(conversation):
    conversation.send(b"250-")
    conversation.flood(b"x" * 4096)


def endless_reply(conversation):
    conversation.flood(b"250-one more line\r\n" * 200)


def not_reading(conversation):
    while not conversation.server.stopping:
        conversation.server.pause(1)
    conversation.close()


def scripts():
    yield "does not read the body", "body", not_reading
    for stage in SILENT:
        yield f"says nothing at {stage}", stage, silent
    for stage in ("connect", "EHLO", "MAIL", "dot"):
        yield f"drips at {stage}", stage, dripping
    yield "sends an endless line at RCPT", "RCPT", endless_line
    yield "sends an endless line at EHLO", "EHLO", endless_line
    yield "sends an endless reply at EHLO", "EHLO", endless_reply
    yield "sends an endless reply after the dot", "dot", endless_reply


def memory(pid):
    """The peak of a process, in MB."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024
    except (OSError, StopIteration):
        return 0


def test_slow_servers(report, around):
    cases = list(scripts())
    with Client() as admin, ExitStack() as stack:
        clear(admin)
        big = "userName,addRoles,company\n" + "".join(f"u{n},nonsense,{'x' * 3000}\n" for n in range(1500))
        import_as(ANN, big)
        queue_messages(len(cases) - 1)
        began = time.monotonic()
        started = []
        for what, stage, action in cases:
            server = stack.enter_context(around.server({stage: action}))
            mailer = Mailer("--once", *around.options(server),
                            env={"LD_PRELOAD": str(around.fast_clock), "FAST_CLOCK": str(FACTOR)})
            stack.callback(mailer.kill)
            started.append((what, stage, server, mailer, time.monotonic()))
            # One after the other, so that each has a server that answers in time up to that stage.
            wait_until(lambda s=server, g=stage, m=mailer: not m.is_running() or
                       (s.conversations and s.conversations[0].stage == g), what)
        idle = admin.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'customer-import-mailer'"
                           " AND state LIKE 'idle in transaction%'")
        report.equal(idle, 0, "no mailer is idle in a transaction")
        peaks = {}
        for what, stage, server, mailer, since in started:
            try:
                while mailer.is_running() and time.monotonic() < since + LIMIT:
                    peaks[what] = max(peaks.get(what, 0), memory(mailer.pid))
                    time.sleep(0.05)
                took = time.monotonic() - since
                report.line(not mailer.is_running() and mailer.wait() == 1 and server.conversations[0].stage == stage,
                            f"a server that {what} is given up", f"{took:.1f} s", mailer.log,
                            server.conversations[0].commands)
                report.line(all(nothing_in_plain(c) for c in server.conversations) and not server.bodies(),
                            f"a server that {what} gets nothing in plain")
            finally:
                mailer.kill()
        report.equal(states(admin), {"queued": len(cases)}, "all of them are tried again later")
        report.line(max(peaks.values()) < 150, "none of it costs much memory", peaks)
        report.note(f"slow servers: {time.monotonic() - began:.1f} s; peak {max(peaks.values())} MB")
        stack.close()
        check_next_attempt(report, around, admin, len(cases))


def check_next_attempt(report, around, admin, count):
    stored = {bytes(row[0]) for row in admin.rows("SELECT message FROM customer_import.email_outbox")}
    make_due(admin)
    with around.server() as server:
        status, log = run_once(*around.options(server))
        report.line(status == 0 and len(server.bodies()) == count and set(server.bodies()) == stored,
                    "the next attempt sends all, as they were stored", log)


def check_sessions(report, admin):
    """While mailers talk to servers, their sessions have no transaction open and hold nothing up."""
    wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'customer-import-mailer'") == 1,
               "only one mailer is connected")
    rows = admin.rows("SELECT state, xact_start IS NULL, backend_xmin IS NULL, backend_xid IS NULL, query FROM pg_stat_activity"
                      " WHERE application_name = 'customer-import-mailer'")
    wrong = [row for row in rows if row[:4] != ("idle", True, True, True)]
    report.line(len(rows) == 1 and not wrong, "no transaction is open while a mailer talks to a server", len(rows), *wrong)
    locks = admin.value("SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
                        " WHERE a.application_name = 'customer-import-mailer'")
    report.equal(locks, 0, "and no lock is held")
    report.equal(admin.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'customer-import-mailer'"
                             " AND usename <> 'regress_mail_mailer'"), 0, "it works by its own role")


def test_stop_while_waiting(report, around):
    """SIGTERM in the middle of a conversation ends the mailer soon, and the message is sent later."""
    with Client() as admin:
        clear(admin)
        queue_messages(1)
        with around.server({"dot": [silent, None]}) as server:
            mailer = Mailer(*around.options(server), env={"LD_PRELOAD": str(around.fast_clock), "FAST_CLOCK": str(FACTOR)})
            try:
                wait_until(lambda: server.conversations and server.conversations[0].stage == "dot", "the body is there")
                check_sessions(report, admin)
                began = time.monotonic()
                status = mailer.stop()
                report.line(status == 0 and time.monotonic() - began < 10, "a stop does not wait for a silent server",
                            status, mailer.log)
            finally:
                mailer.kill()
            make_due(admin)
            status, log = run_once(*around.options(server))
            bodies = server.bodies(taken=False)
            report.line(status == 0 and len(bodies) == 2 and bodies[0] == bodies[1], "the message comes again, the same", log)
