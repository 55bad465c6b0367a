"""Delivery through a real Postfix: encrypted, after a login, read back from the Maildir."""

from contextlib import contextmanager

from conversations import Attempt, message_id
from harness import ADDRESS, ANN, Client, clear, import_as, message_of, queue_messages, states
from mailer import run_once
from postfix import Postfix, why_not
from received import attachment_bytes, content, faults, parse
from scripted import USER


@contextmanager
def postfix(certificate):
    if reason := why_not():
        raise RuntimeError(reason)
    with Postfix(certificate) as server:
        yield server


def options(around, server, kind="tls", ca=None):
    return ["--smtp-url", server.url(kind), "--ca-file", ca or around.certificates.ca, "--user", USER, "--password-file",
            around.password]


def unix(data):
    return data.replace(b"\r\n", b"\n")


def without_trace(data):
    """The message as it was before the mail server put its lines before it."""
    at = data.index(b"\nDate: ") + 1
    return data[at:]


# Files that make messages of all kinds: name of the file, content, mode, further options.
FILES = (
    ("plain.csv", "userName,addRoles\nmia,buyer\n", {}),
    ("Zürich – ‘März’ 🦆.csv", "userName,addRoles,company\nmia,nonsense,Zoë & <b>Söhne</b>\n", {}),
    (None, "userName,addRoles\nnoa,nonsense\n", {}),
    ("many.csv", "userName,addRoles\n" + "".join(f"u{n},c{n}\n" for n in range(1500)), {}),
    ("dots.csv", "userName,addRoles,company\na,nonsense,.\nb,nonsense,..\nc,nonsense,\"x\n.\ny\"\n", {}),
    ("a long name " + "and so on " * 30 + ".csv", "userName,addRoles\nmia,nonsense\n", {}),
    ("latin.csv", "userName,addRoles,company\nmia,nonsense,Søn & Åse\n".encode("latin-1"), {"encoding": "LATIN1"}),
    ("wide.csv", "userName,addRoles,company\nmia,nonsense," + "w" * 20000 + "\n", {}),
    ("formulas.csv", "userName,addRoles,company\n=1+1,nonsense,\"=cmd|' /C calc'!A0\"\n", {}),
    ("big.csv", "userName,addRoles,company\n" + "".join(f"u{n},nonsense,{'x' * 2000}\n" for n in range(1200)), {}),
)


def test_delivery(report, around):
    with postfix(around.certificates.good) as server:
        deliver_files(report, around, server)
        refuse(report, around, server)


def deliver_files(report, around, server):
    expected = {}
    with Client() as admin:
        clear(admin)
        for name, csv, more in FILES:
            done = import_as(ANN, csv, **({"file_name": name} if name else {}), **more)
            row = message_of(admin, done["import_id"])
            expected[row["id"]] = (name, done)
        status, log = run_once(*options(around, server))
        report.equal((status, states(admin)), (0, {"sent": len(FILES)}),
                     "Postfix takes all messages, encrypted and after a login")
        if status != 0:
            report.note(log + server.log)
        mails = {message_id(mail): mail for mail in server.wait_mails(len(FILES))}
        report.equal((len(server.mails()), len(mails)), (len(FILES), len(FILES)), "each is delivered once")
        for key, (name, done) in expected.items():
            stored = bytes(admin.value("SELECT message FROM customer_import.email_outbox WHERE id = %s", [key]))
            check_mail(report, admin, name or "no name", done, stored, mails.get(message_id(stored)))
        status, log = run_once(*options(around, server, "smtps"))
        queue_messages(1)
        status, log = run_once(*options(around, server, "smtps"))
        report.line(status == 0, "smtps works, too", log)
        server.wait_mails(len(FILES) + 1)
        report.equal(len(server.all_mails()), len(FILES) + 1, "nobody else has got anything")


def check_mail(report, admin, name, done, stored, mail):
    what = name[:40]
    if not report.line(mail is not None, f"{what}: delivered"):
        return
    rejected = done["rejected"] > 0
    report.equal(faults(mail, ADDRESS, rejected), [], f"{what}: no defect")
    report.equal(without_trace(mail), unix(stored), f"{what}: the bytes are those that were stored")
    message = parse(mail)
    report.equal(message["Subject"].startswith(f"Import {done['import_id']} completed"), True,
                 f"{what}: the subject names the import")
    report.equal(message["Return-Path"], "<reports@example.com>", f"{what}: bounces go to the sender")
    plain = content(message, "text/plain")
    report.line(all(line == line.rstrip("\r") for line in plain.split("\n")) and f"Import {done['import_id']}" in plain,
                f"{what}: the text can be read")
    if rejected:
        admin.rows("UPDATE customer_import.email_outbox SET state = 'queued', message = NULL, next_attempt_at = now()"
                   " WHERE import_id = %s", [done["import_id"]])
        attachment = admin.value("SELECT attachment FROM customer_import.claim_message()")
        report.equal(attachment_bytes(message), bytes(attachment), f"{what}: the attachment has the same bytes")
        admin.rows("UPDATE customer_import.email_outbox SET state = 'sent', message = %s WHERE import_id = %s",
                   [stored, done["import_id"]])


def refuse(report, around, server):
    """What Postfix refuses, and what the mailer refuses of it."""
    before = len(server.all_mails())
    with Attempt(options(around, server, ca=around.certificates.other_ca)) as attempt:
        report.equal((attempt.state, attempt.status), ("queued", 1), "Postfix, wrong CA: not sent, tried again later")
        report.matches(attempt.error, "certificate", "Postfix, wrong CA: the error says so")
        attempt.again([option.replace("localhost", "127.0.0.1") if str(option).startswith("smtp") else option
                       for option in map(str, options(around, server))])
        report.equal(attempt.state, "queued", "Postfix, wrong host name: not sent")
        wrong = around.folder / "wrong"
        wrong.write_text("not it\n", encoding="utf-8")
        wrong.chmod(0o600)
        attempt.again([*options(around, server)[:-1], wrong])
        report.equal((attempt.state, "535" in attempt.error), ("queued", True), "Postfix, wrong password: tried again later")
        attempt.again(options(around, server)[:4])
        report.equal((attempt.state, "554" in attempt.error or "530" in attempt.error), ("failed", True),
                     "Postfix, no login: it refuses the recipient, failed")
        attempt.again(options(around, server, "plain"))
        report.equal((attempt.state, attempt.status), ("queued", 1), "Postfix without STARTTLS: not sent, tried again later")
        for address, state, code in (("nobody@example.com", "failed", "550"), ("someone@example.org", "failed", "5")):
            attempt.admin.rows("SELECT customer_import.alter_operator(%s, email => %s)", [ANN, address])
            attempt.again(options(around, server))
            report.line(attempt.state == state and code in attempt.error,
                        f"Postfix refuses {address}: {state}, with its answer",
                        attempt.row, attempt.log, server.log[-2000:])
        attempt.admin.rows("SELECT customer_import.alter_operator(%s, email => %s)", [ANN, ADDRESS])
        server.login.is_down = True
        attempt.again(options(around, server))
        report.equal((attempt.state, "454" in attempt.error), ("queued", True),
                     "Postfix, login not possible now: tried again later")
        report.equal(len(server.all_mails()), before, "none of them was delivered")
        server.login.is_down = False
        for _ in range(3):  # Postfix may notice only at the next login that the connection is gone
            attempt.again(options(around, server))
            if attempt.state == "sent":
                break
        report.equal(attempt.state, "sent", "and at last, with all right, it is sent")
        server.wait_mails(before + 1)
        report.line("password" not in attempt.log.lower(), "nothing in the log about the password", attempt.log)


def test_expired(report, around):
    with postfix(around.certificates.expired) as server, Attempt(options(around, server)) as attempt:
        report.equal((attempt.state, attempt.status, "certificate" in attempt.error, server.all_mails()),
                     ("queued", 1, True, []), "Postfix, expired certificate: not sent, tried again later")
