"""A mail server that refuses, hangs up, or talks nonsense, at each stage of the conversation."""

from base64 import b64encode

from conversations import Attempt, envelope_is_right, message_id, nothing_in_plain, secrets_in
from harness import ADDRESS, Client, clear, message, queue_messages, states
from mailer import run_once
from received import faults
from scripted import PASSWORD, STAGES, USER

TEMPORARY = {"connect": "421 4.3.2 busy", "EHLO": "421 4.3.2 busy", "encrypted EHLO": "421 4.3.2 busy",
             "STARTTLS": "454 4.7.0 no TLS now", "AUTH": "454 4.7.0 no login now", "MAIL": "451 4.3.0 later",
             "RCPT": "450 4.2.1 greylisted", "DATA": "451 4.3.0 later", "dot": "452 4.3.1 disk full"}
PERMANENT = {"connect": "554 5.7.1 go away", "EHLO": "550 5.7.1 go away", "encrypted EHLO": "550 5.7.1 go away",
             "STARTTLS": "502 5.5.1 no TLS", "AUTH": "535 5.7.8 wrong password", "MAIL": "550 5.1.8 bad sender",
             "RCPT": "550 5.1.1 no such user", "DATA": "554 5.5.1 no", "dot": "554 5.7.1 spam"}
# There a refusal is about the message; elsewhere about the server or its settings, which can be corrected.
ABOUT_THE_MESSAGE = ("MAIL", "RCPT", "DATA", "dot")


def hang_up(conversation):
    conversation.close()


def refusal(stage, reply):
    """The script of a server that refuses a stage once. After a refused EHLO, clients try HELO."""
    return {stage: [reply, None], **({"HELO": [reply, None]} if stage.endswith("EHLO") else {})}


def check_repeat(report, what, server, attempt):
    """The attempt after a failure delivers, with the same bytes."""
    before = attempt.stored
    attempt.again()
    taken = server.bodies()
    good = attempt.state == "sent" and taken and taken[-1] == attempt.stored and attempt.status == 0
    report.line(good and before in (None, attempt.stored), f"{what}: the next attempt delivers what was stored", attempt.log,
                attempt.row)
    report.line(all(nothing_in_plain(c) for c in server.conversations), f"{what}: nothing was said in plain",
                [c.commands for c in server.conversations])
    whole = server.bodies(taken=False)
    report.line(len(set(whole)) == 1 and len({message_id(body) for body in whole}) == 1,
                f"{what}: all copies have the same bytes and Message-ID", [message_id(body) for body in whole])


def test_accepted(report, around):
    with around.server() as server, Attempt(around.options(server)) as attempt:
        conversation = server.conversations[0]
        report.equal((attempt.state, attempt.status, server.faults), ("sent", 0, []), "a message goes out by SMTP")
        report.line(nothing_in_plain(conversation) and conversation.auth == (USER, PASSWORD), "encrypted, after a login",
                    conversation.commands)
        report.line(envelope_is_right(conversation), "to one recipient", conversation.sender, conversation.recipients)
        report.equal(conversation.body, attempt.stored, "the bytes are those that were stored")
        report.equal(faults(conversation.body, ADDRESS, True), [], "without a defect")
        status, _ = run_once(*around.options(server))
        report.equal((status, len(server.conversations)), (0, 1),
                     "it goes out once; nothing to send is no error, and no connection")


def test_temporary_refusal(report, around):
    for stage, reply in TEMPORARY.items():
        with around.server(refusal(stage, reply)) as server, Attempt(around.options(server)) as attempt:
            what = f"{reply[:3]} at {stage}"
            report.equal((attempt.state, attempt.status, attempt.row["attempts"]), ("queued", 1, 1),
                         f"{what}: tried again later")
            if stage in ABOUT_THE_MESSAGE:
                report.line(reply in attempt.error, f"{what}: the answer is kept", attempt.error)
            check_repeat(report, what, server, attempt)


def test_permanent_refusal(report, around):
    for stage, reply in PERMANENT.items():
        with around.server(refusal(stage, reply)) as server, Attempt(around.options(server)) as attempt:
            what = f"{reply[:3]} at {stage}"
            expected = "failed" if stage in ABOUT_THE_MESSAGE else "queued"
            report.equal((attempt.state, attempt.status), (expected, 1), f"{what}: {expected}")
            if stage in ABOUT_THE_MESSAGE:
                report.line(reply in attempt.error, f"{what}: the answer is kept", attempt.error)
            report.equal(secrets_in(attempt.log + attempt.error), [], f"{what}: no secret is told")
            check_repeat(report, what, server, attempt)


def test_hanging_up(report, around):
    for stage in ("connect", "EHLO", "STARTTLS", "handshake", "encrypted EHLO", "AUTH", "MAIL", "RCPT", "DATA", "body",
                  "dot"):
        number = {"count": 0}

        def once(conversation, number=number):
            number["count"] += 1
            if number["count"] == 1:
                conversation.close()
            defaults = {"connect": "220 x", "EHLO": "250-x\r\n250-STARTTLS\r\n250 8BITMIME", "STARTTLS": "220 x",
                        "encrypted EHLO": "250-x\r\n250 AUTH PLAIN", "AUTH": "235 x", "DATA": "354 x"}
            if conversation.stage not in ("handshake", "body"):
                conversation.send(defaults.get("encrypted EHLO" if conversation.stage == "encrypted EHLO"
                                               else conversation.stage, "250 x"))

        with around.server({stage: once}) as server, Attempt(around.options(server)) as attempt:
            what = f"hung up at {stage}"
            report.equal((attempt.state, attempt.status), ("queued", 1), f"{what}: tried again later")
            check_repeat(report, what, server, attempt)
            if stage == "dot":
                report.equal(len(server.bodies(taken=False)), 2, f"{what}: it has come twice, then")


def test_last_attempt(report, around):
    with around.server({"RCPT": "450 4.2.1 greylisted for ever"}) as server, Attempt(around.options(server)) as attempt:
        attempt.admin.rows("UPDATE customer_import.email_outbox SET attempts = 13, next_attempt_at = now()")
        status, _ = run_once(*around.options(server))
        row = message(attempt.admin, attempt.id)
        report.equal((status, row["state"], row["attempts"]), (1, "failed", 14),
                     "refused for ever: failed after fourteen attempts")


GARBAGE = {"NULs": b"\0" * 64 + b"\r\n", "no number": b"hello there\r\n", "two digits": b"22 hello\r\n",
           "binary": bytes(range(128, 256)) + b"\r\n",
           "TLS in plain": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", "other number": b"999 what\r\n",
           "preliminary": b"150 wait\r\n",
           "mixed lines": b"250-a\r\n550-b\r\n421-c\r\n554 d\r\n", "empty lines": b"\r\n\r\n\n\n554 5.0.0 gone\r\n"}


def test_garbage(report, around):
    for name, data in GARBAGE.items():
        seen = []
        for stage in STAGES if name == "binary" else ("EHLO", "dot"):
            def talk(conversation, data=data):
                conversation.send(data)
                conversation.close()
            with around.server({stage: talk}) as server, Attempt(around.options(server)) as attempt:
                good = attempt.status == 1 and attempt.state in ("queued", "failed") and attempt.error.isprintable() \
                    and all(nothing_in_plain(c) for c in server.conversations)
                seen.append((stage, attempt.state, good, attempt.error))
        report.line(all(good for _, _, good, _ in seen), f"garbage ({name}) at each stage is survived", *seen)


def test_hostile_answers(report, around):
    echo = f"550 5.1.1 \x1b[31mno\x07 {PASSWORD} <b>\u202e\u2028 x=\x85 " + "long " * 200 + "\r\n"
    lines = "".join(f"550-5.1.1 line {n} of very many\r\n" for n in range(20000)) + "550 5.1.1 end\r\n"
    for name, reply in (("control characters and our password", echo.encode()), ("20,000 lines", lines.encode()),
                        ("invalid UTF-8", b"550 5.1.1 \xff\xfe\xc3\r\n"),
                        ("a line of 1 MB", b"550 " + b"x" * 1000000 + b"\r\n")):
        with around.server({"RCPT": [reply, None]}) as server, Attempt(around.options(server)) as attempt:
            text = attempt.error
            report.line(attempt.status == 1 and attempt.state in ("failed", "queued"), f"an answer with {name} is survived",
                        attempt.row, attempt.log)
            report.line(0 < len(text.encode()) <= 503 and text.isprintable() and not secrets_in(text + attempt.log)
                        and all(line.isprintable() and len(line) < 1200 for line in attempt.log.splitlines()),
                        f"what is kept of {name} is short and clean", repr(text), repr(attempt.log))
    for stage, head in (("AUTH", "535 5.7.8 bad login "), ("AUTH", "454 4.7.0 bad login ")):
        reply = head + b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
        with around.server({stage: [reply, None]}) as server, Attempt(around.options(server)) as attempt:
            report.equal(secrets_in(attempt.error + attempt.log), [], f"a login echoed in a {head[:3]} is not told")


def test_long_welcome(report, around):
    """Many lines where the server is friendly."""
    many = b"".join(b"250-X-EXTENSION-%d some words\r\n" % n for n in range(50))
    script = {"connect": b"220-hello\r\n" * 50 + b"220 hello\r\n", "EHLO": many + b"250-STARTTLS\r\n250 8BITMIME\r\n",
              "encrypted EHLO": many + b"250 AUTH PLAIN\r\n", "dot": b"250-taken\r\n" * 300 + b"250 taken\r\n"}
    with around.server(script) as server, Attempt(around.options(server)) as attempt:
        report.line((attempt.state, attempt.status) == ("sent", 0), "a talkative server is put up with", attempt.log,
                    server.conversations[0].ended)


def test_few_extensions(report, around):
    for extensions in ((), ("PIPELINING", "SMTPUTF8", "CHUNKING", "DSN", "SIZE 0"), ("8BITMIME",)):
        with around.server(extensions=extensions) as server, Attempt(around.options(server)) as attempt:
            body = (server.bodies() or [b""])[-1]
            report.line(attempt.state == "sent" and body and max(body) < 127 and envelope_is_right(server.conversations[0]),
                        f"a server with {extensions or 'no extensions'} gets 7-bit text", attempt.log,
                        server.conversations[0].commands)


def test_log_of_many_failures(report, around):
    """One that cannot be reached: --once ends, does not spin, and leaves the rest alone."""
    with Client() as admin:
        clear(admin)
        queue_messages(5)
        status, log = run_once("--smtp-url", "smtp://localhost:1", "--ca-file", around.certificates.ca)
        attempts = admin.value("SELECT sum(attempts) FROM customer_import.email_outbox")
        report.equal((status, states(admin), attempts), (1, {"queued": 5}, 1), "a server that is not there costs one attempt")
        report.line(len(log.splitlines()) <= 4, "and few words", log)
