"""Nothing is sent but to the server that is meant, encrypted."""

import ssl

from conversations import Attempt, nothing_in_plain, secrets_in
from scripted import PASSWORD, USER

SAID_ENCRYPTED = {"AUTH", "MAIL", "RCPT", "DATA"}


def verbs(conversation):
    return {line.partition(" ")[0].upper() for _, line in conversation.commands}


def check_refused(report, what, server, attempt, pattern):
    report.equal((attempt.state, attempt.status), ("queued", 1), f"{what}: not sent, tried again later")
    report.matches(attempt.error, pattern, f"{what}: the error says why")
    report.line(server.conversations and all(nothing_in_plain(c)
                                             and not verbs(c) & SAID_ENCRYPTED for c in server.conversations)
                and not server.bodies(taken=False), f"{what}: neither login nor message was given away",
                [c.commands for c in server.conversations])


def test_wrong_certificates(report, around):
    certificates = around.certificates
    for implicit in (False, True):
        kind = "smtps" if implicit else "STARTTLS"
        for name, certificate, pattern in (
                ("another CA", certificates.other_issuer, "certificate"),
                                           ("an expired certificate", certificates.expired, "certificate"),
                ("another host's certificate", certificates.other_host, "certificate")):
            with around.server(certificate=certificate, implicit_tls=implicit) as server, \
                    Attempt(around.options(server)) as attempt:
                check_refused(report, f"{kind}, {name}", server, attempt, pattern)
        with around.server(implicit_tls=implicit) as server:
            options = [option for option in around.options(server) if option not in ("--ca-file", certificates.ca)]
            with Attempt(options) as attempt:
                check_refused(report, f"{kind}, a CA that the system does not know", server, attempt, "certificate")
            options = around.options(server)
            options[1] = options[1].replace("localhost", "127.0.0.1")
            with Attempt(options) as attempt:
                check_refused(report, f"{kind}, a name that the certificate does not have", server, attempt, "certificate")
        with around.server(implicit_tls=implicit) as server, Attempt(around.options(server)) as attempt:
            report.equal(attempt.state, "sent", f"{kind}, the right certificate: sent")


def test_missing_ca_file(report, around):
    with around.server() as server, Attempt(["--smtp-url", server.url, "--ca-file", "/nonexistent/ca.pem"]) as attempt:
        report.equal((attempt.state in ("queued",), attempt.status in (1, 2), server.bodies(taken=False)), (True, True, []),
                     "a CA file that is not there: nothing is sent")


def test_no_starttls(report, around):
    for name, script, offers in (
            ("STARTTLS is not offered", {}, False),
            ("EHLO is refused, HELO is not", {"EHLO": "502 5.5.1 EHLO?"}, False),
            ("STARTTLS is said to be unknown", {"STARTTLS": "502 5.5.1 what?"}, True),
            ("the answer to STARTTLS is 250", {"STARTTLS": "250 fine, go on in plain"}, True)):
        with around.server(script, offers_starttls=offers, login_in_plain=True) as server, \
                Attempt(around.options(server)) as attempt:
            what = f"no encryption ({name})"
            check_refused(report, what, server, attempt, ".")
    with around.server(offers_starttls=False, login_in_plain=True) as server, Attempt(around.options(server)) as attempt:
        report.matches(attempt.error, "encryption|STARTTLS|TLS|SSL", "the error speaks of encryption")


def test_injection_after_starttls(report, around):
    """What is said in plain after the answer to STARTTLS must not count as said encrypted."""
    def inject(conversation):
        conversation.send(b"220 go\r\n250-evil.example\r\n250 AUTH PLAIN LOGIN\r\n235 in\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n")

    with around.server({"STARTTLS": inject}) as server, Attempt(around.options(server)) as attempt:
        report.line(attempt.state == "queued" or server.bodies(),
                    "answers injected before encryption are not taken for answers",
                    attempt.row)
        report.line(all(nothing_in_plain(c) for c in server.conversations), "and nothing was said in plain",
                    [c.commands for c in server.conversations])

    def inject_and_stay(conversation):
        inject(conversation)
        conversation.wait_silently()

    with around.server({"STARTTLS": inject_and_stay}) as server, \
            Attempt(around.options(server), env={"LD_PRELOAD": str(around.fast_clock), "FAST_CLOCK": "15"}) as attempt:
        report.line(attempt.state == "queued" and all(nothing_in_plain(c) and c.plain.count(b"\r\n") <= 2
                                                      for c in server.conversations), "also not when encryption never comes",
                    attempt.row, [c.plain for c in server.conversations])


def test_old_protocols(report, around):
    with around.server() as server:
        server.context.minimum_version = ssl.TLSVersion.TLSv1
        server.context.maximum_version = ssl.TLSVersion.TLSv1_1
        server.context.set_ciphers("ALL:@SECLEVEL=0")
        with Attempt(around.options(server)) as attempt:
            report.equal((attempt.state, server.bodies(taken=False)), ("queued", []), "TLS 1.1 is not good enough")


def test_login(report, around):
    for name, mechanisms in (("PLAIN", b"PLAIN"), ("LOGIN", b"LOGIN"), ("both", b"LOGIN PLAIN")):
        with around.server({"encrypted EHLO": b"250-x\r\n250 AUTH " + mechanisms + b"\r\n"}) as server, \
                Attempt(around.options(server)) as attempt:
            report.equal((attempt.state, server.conversations[0].auth), ("sent", (USER, PASSWORD)), f"login by {name}")
    with around.server() as server:
        options = around.options(server)
        wrong = around.folder / "wrong_password"
        wrong.write_text("wrong\n", encoding="utf-8")
        wrong.chmod(0o600)
        options[options.index(around.password)] = wrong
        with Attempt(options) as attempt:
            report.equal((attempt.state, attempt.status, server.bodies(taken=False)), ("queued", 1, []),
                         "a wrong password: not sent, tried again later, for somebody will mend it")
            report.matches(attempt.error, "535", "the error has the server's answer")
            attempt.again(around.options(server))
            report.equal(attempt.state, "sent", "with the right one it goes out")
    with around.server({"encrypted EHLO": b"250 x\r\n"}) as server, Attempt(around.options(server)) as attempt:
        report.line(all(nothing_in_plain(c) for c in server.conversations) and not secrets_in(attempt.log),
                    "a server that takes no login gets no password in plain", attempt.log)


def test_plaintext_on_request(report, around):
    with around.server(certificate=None, login=False) as server:
        with Attempt(["--smtp-url", server.url]) as attempt:
            report.equal((attempt.state, server.bodies(taken=False)), ("queued", []),
                         "without --allow-plaintext nothing is sent")
            attempt.again(["--smtp-url", server.url, "--allow-plaintext"])
            report.equal((attempt.state, server.bodies()), ("sent", [attempt.stored]), "with it, the message is")
