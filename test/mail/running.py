"""The mailer as a program: transports besides SMTP, options, configuration file, secrets."""

import os
import re
import signal

from conversations import Attempt, secrets_in
from harness import (ADDRESS, ANN, DATABASE, MAILER, Client, clear, fresh, message, queue_messages, run_import, states,
                     wait_until)
from mailer import CONNINFO, PASSWORD_VARIABLE, SENDER, run_once, running, scratch, secret_file
from received import faults, parse
from scripted import PASSWORD, USER


def maildir_mails(path):
    return [file.read_bytes() for file in sorted((path / "new").glob("*"))]


def plain(*arguments, **options):
    """Exit status and output of the mailer with just these arguments."""
    with running(*arguments, plain=True, **options) as mailer:
        return mailer.wait(), mailer.log


# ---- transports ---------------------------------------------------------------------------------------------------


def test_maildir(report, _):
    with fresh() as admin, scratch() as folder:
        ids = queue_messages(3)
        box = folder / "deep" / "Maildir"
        status, log = run_once("--maildir", box)
        mails = maildir_mails(box)
        stored = {bytes(message(admin, i)["message"]).replace(b"\r\n", b"\n") for i in ids}
        report.equal((status, len(mails), states(admin)), (0, 3, {"sent": 3}),
                     "a Maildir that is not there is made and filled")
        report.line(set(mails) == stored, "with the bytes that were stored, with the line ends of this machine", log)
        report.equal([fault for mail in mails for fault in faults(mail, ADDRESS, True)], [], "without a defect")
        report.equal((list((box / "tmp").iterdir()), sorted(p.name for p in box.iterdir())), ([], ["cur", "new", "tmp"]),
                     "and nothing else is left there")
        report.line(all(file.stat().st_mode & 0o077 == 0 for file in (box / "new").iterdir())
                    and box.stat().st_mode & 0o077 == 0,
                    "nobody else may read it")
        admin.rows("UPDATE customer_import.email_outbox SET state = 'queued', next_attempt_at = now() WHERE id = %s",
                   [ids[0]])
        run_once("--maildir", box)
        report.equal((len(maildir_mails(box)), states(admin)), (3, {"sent": 3}), "what comes again meets itself there")
        (box / "new" / "x").mkdir()
        os.rename(box / "new", box / "gone")
        (box / "new").write_text("no directory", encoding="ascii")
        queue_messages(1)
        status, log = run_once("--maildir", box)
        report.equal((status, states(admin)), (1, {"sent": 3, "queued": 1}), "a Maildir that cannot be written: later")


UNDONE = "userName,addRoles\nundone,buyer\nfaulty,nonsense\n"


def test_undo_and_retry(report, _):
    """The mails of an import, its retry and its undo: each says what it is, and what can be called next."""
    with fresh(), scratch() as folder, Client(ANN) as session:
        source = run_import(session, UNDONE)["import_id"]
        retry = session.value("SELECT import_id FROM customer_import.retry_rejects(%s)", [source])
        undo = session.value("SELECT import_id FROM customer_import.undo_import(%s)", [source])
        run_once("--maildir", folder / "box")
        texts = {}
        for mail in maildir_mails(folder / "box"):
            parsed = parse(mail)
            body = parsed.get_body(("plain",)).get_content()
            texts[str(parsed["Subject"]).split(" completed")[0]] = body + parsed.get_body(("html",)).get_content()
            report.equal(faults(mail, ADDRESS, "Undo" not in parsed["Subject"]), [], f"without a defect: {parsed['Subject']}")
        was_undone = f"Import {source} was undone by import {undo}"
        report.equal(set(texts), {was_undone, f"Retry of import {source}", f"Undo of import {source}"}, "each is named")
        report.line(f"undo_import({undo});" in texts[was_undone] and f"undo_import({source})" not in texts[was_undone],
                    "what was undone meanwhile can be brought back", texts[was_undone])
        report.line(f"retry_rejects({retry})" in texts[f"Retry of import {source}"], "a retry can be retried")
        report.line(texts[f"Undo of import {source}"].count(f"undo_import({undo})") == 2
                    and texts[f"Undo of import {source}"].count(f"Undo of import {source} (import {undo})") == 2,
                    "an undo can be undone, in text and HTML", texts[f"Undo of import {source}"])
    with fresh(), scratch() as folder, Client(ANN) as session:
        source = run_import(session, UNDONE)["import_id"]
        run_once("--maildir", folder / "box")
        body = parse(maildir_mails(folder / "box")[0]).get_body(("plain",)).get_content()
        report.line(f"undo_import({source});" in body and f"retry_rejects({source});" in body,
                    "an import says how to undo it and how to retry what it rejected", body)


def test_default_transport(report, _):
    for variable, place in (("STATE_DIRECTORY", "Maildir"), ("XDG_STATE_HOME", "customer-import-mailer/Maildir"),
                            ("HOME", ".local/state/customer-import-mailer/Maildir")):
        with fresh() as admin, scratch() as folder:
            queue_messages(1)
            status, log = run_once(env={variable: str(folder)})
            report.line(status == 0 and len(maildir_mails(folder / place)) == 1 and states(admin) == {"sent": 1},
                        f"without a transport: a Maildir in {variable}", log)
    with fresh() as admin:
        queue_messages(1)
        status, log = run_once(env={"HOME": ""})
        report.equal((status, states(admin)), (2, {"queued": 1}), "and where there is no such directory, an error")


SENDMAIL = """#!/bin/sh
printf '%s\\n' "$@" >{folder}/arguments
env >{folder}/environment
cat >{folder}/mail
echo "what it says" >&2
exit {status}
"""


def test_sendmail(report, _):
    for status, state in ((0, "sent"), (75, "queued"), (64, "queued"), (67, "failed"), (65, "failed"), (69, "queued"),
                          (1, "queued"),
                          (127, "queued")):
        with scratch() as folder:
            program = folder / "sendmail"
            program.write_text(SENDMAIL.format(folder=folder, status=status), encoding="ascii")
            program.chmod(0o755)
            with Attempt(["--sendmail", program], env={PASSWORD_VARIABLE: PASSWORD}) as attempt:
                report.equal((attempt.state, attempt.status), (state, 0 if state == "sent" else 1),
                             f"sendmail, exit status {status}: {state}")
                report.equal((folder / "arguments").read_text(encoding="ascii"), "-t\n-i\n", "sendmail -t -i")
                mail = (folder / "mail").read_bytes()
                report.equal((mail, faults(mail, ADDRESS, True)), (attempt.stored.replace(b"\r\n", b"\n"), []),
                             "with the bytes that were stored")
                report.line(PASSWORD not in (folder / "environment").read_text(encoding="utf-8"),
                            "and no password in its environment")
                if status not in (0,):
                    report.matches(attempt.error, f"exit status {status}.*what it says", "the error has status and words")
    for name, text, mode in (("is not there", None, 0), ("may not be run", "#!/bin/sh\n", 0o644),
                             ("is no program", "\0\0", 0o755),
                             ("is killed", "#!/bin/sh\nkill -9 $$\n", 0o755),
                             ("does not read", "#!/bin/sh\nexit 75\n", 0o755),
                             ("says much", "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' 'x'\nexit 75\n", 0o755)):
        with scratch() as folder:
            program = folder / "sendmail"
            if text is not None:
                program.write_text(text, encoding="ascii")
                program.chmod(mode)
            with Attempt(["--sendmail", program]) as attempt:
                report.line(attempt.state == "queued" and attempt.status == 1 and len(attempt.error) <= 500,
                            f"a sendmail that {name}: later", attempt.row, attempt.log)


# ---- options ------------------------------------------------------------------------------------------------------


def test_options(report, _):
    good = ["--database", CONNINFO, "--from", SENDER]
    status, output = plain("--help")
    report.equal((status, all(word in output for word in (
        "--database", "--from", "--smtp-url", "--user", "--password-file", "--ca-file", "--allow-plaintext", "--maildir",
                                                          "--sendmail",
        "--once", "--check-config", "--config"))), (0, True), "--help names all options")
    status, output = plain("--version")
    report.equal((status, bool(re.fullmatch(r"customer-import-mailer \d+\.\d+\.\d+", output))), (0, True), "--version")
    for name, arguments in (
            ("an unknown option", [*good, "--nonsense"]), ("no sender", ["--database", CONNINFO]),
            ("a sender that is no address", ["--database", CONNINFO, "--from", "x"]),
            ("a sender with a line break", ["--database", CONNINFO, "--from", "a@b.c\r\nBcc: d@e.f"]),
            ("two transports", [*good, "--maildir", "/tmp/x", "--sendmail", "/bin/true"]),
            ("a URL with a password", [*good, "--smtp-url", f"smtp://u:{PASSWORD}@localhost"]),
            ("a URL with a path", [*good, "--smtp-url", "smtp://localhost/x"]),
                            ("another scheme", [*good, "--smtp-url", "http://localhost"]),
            ("a URL with a line break", [*good, "--smtp-url", "smtp://localhost\r\nx"]),
                            ("a port too high", [*good, "--smtp-url", "smtp://localhost:99999"]),
            ("a relative sendmail", [*good, "--sendmail", "sendmail"]),
                            ("a user without a password", [*good, "--smtp-url", "smtp://localhost", "--user", "u"]),
            ("a password option", [*good, "--smtp-url", "smtp://localhost", "--user", "u", "--password", PASSWORD]),
            ("a password in the connection string", ["--database", f"dbname=x password={PASSWORD}", "--from", SENDER]),
            ("a broken connection string", ["--database", "dbname='x", "--from", SENDER]),
            ("no such configuration file", [*good, "--config", "/nonexistent/file"]),
            ("no such password file", [*good, "--smtp-url", "smtp://localhost", "--user", "u", "--password-file",
                                       "/nonexistent/file"])):
        status, output = plain(*arguments)
        report.line(status == 2 and output and PASSWORD not in output, f"{name} is refused, without telling a password",
                    status, output)


def test_check_config(report, around):
    with fresh() as admin, scratch() as folder, around.server() as server:
        queue_messages(1)
        for name, arguments, env, expected in (
                ("SMTP", around.options(server), {}, 0), ("a Maildir", ["--maildir", folder / "box"], {}, 0),
                                               ("sendmail", ["--sendmail", "/bin/true"], {}, 0),
                ("an SMTP server that is not there", ["--smtp-url", "smtp://localhost:1"], {}, 1),
                ("a CA that is not the server's", ["--smtp-url", server.url, "--ca-file", around.certificates.other_ca], {},
                 1),
                ("a sendmail that is not there", ["--sendmail", "/nonexistent/sendmail"], {}, 1)):
            with running("--check-config", *arguments, env=env) as mailer:
                status = mailer.wait()
                report.line(status == expected and mailer.log, f"--check-config, {name}: {expected}", status, mailer.log)
        for name, conninfo, words in (("a database that is not there", f"dbname=regress_mail_nowhere user={MAILER}", "does not exist"),
                                      ("a database without the extension", f"dbname=postgres user={MAILER}",
                                       'there is no extension customer_import in database "postgres"'),
                                      ("a role that is no mailer", f"dbname={DATABASE} user={ANN}", f'database role "{ANN}" is no mailer')):
            status, output = plain("--check-config", "--database", conninfo, "--from", SENDER, "--maildir", folder / "box")
            report.line(status == 1 and words in output, f"--check-config, {name}: 1", status, output)
        version = admin.value("SELECT extversion FROM pg_extension WHERE extname = 'customer_import'")
        admin.rows("UPDATE pg_extension SET extversion = '9.9.9' WHERE extname = 'customer_import'")
        status, output = plain("--check-config", "--database", CONNINFO, "--from", SENDER, "--maildir", folder / "box")
        admin.rows(f"UPDATE pg_extension SET extversion = '{version}' WHERE extname = 'customer_import'")
        report.line(status == 1 and "are of different versions" in output and "ALTER EXTENSION customer_import UPDATE" in output,
                    "--check-config, a catalog of another version: 1, with what to do", status, output)
        report.equal((states(admin), server.bodies(taken=False),
                      message(admin, admin.value("SELECT id FROM customer_import.email_outbox"))["attempts"]),
                     ({"queued": 1}, [], 0), "--check-config sends and claims nothing")
        wrong = secret_file(folder, "wrong\n", "wrong")
        status, log = plain("--check-config", "--database", CONNINFO, "--from", SENDER, *around.options(server)[:-1], wrong)
        report.line(status == 1 and "535" in log, "--check-config tries the login", status, log)


def test_config_file(report, around):
    with fresh() as admin, scratch() as folder, around.server() as server:
        file = folder / "mailer.toml"
        lines = [f'database = "{CONNINFO}"', f'from = "{SENDER}"', f'smtp-url = "{server.url}"',
                 f'ca-file = "{around.certificates.ca}"',
                 f'user = "{USER}"', f'password-file = "{around.password}"']
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        queue_messages(1)
        status, log = plain("--once", "--config", file)
        report.line(status == 0 and states(admin) == {"sent": 1}, "all options may stand in a TOML file", log)
        queue_messages(1)
        status, log = plain("--once", "--config", file, "--from", "other@example.net")
        report.line(status == 0 and b"From: Customer import <other@example.net>" in server.bodies()[-1],
                    "the command line goes first", log)
        for name, text, word in (("a misspelt key", "smtp-ulr = 'x'\n", "smtp-url"),
                                 ("a password", f"password = \"{PASSWORD}\"\n", "password-file"),
                                 ("no TOML", "from = = x\n", "line 1"), ("another type", "from = 1\n", "from"),
                                 ("a flag as text", "allow-plaintext = 'yes'\n", "true or false")):
            file.write_text(text, encoding="utf-8")
            status, log = plain("--check-config", "--config", file)
            report.line(status == 2 and word in log and PASSWORD not in log, f"a file with {name} is refused", status, log)


def test_all_faults(report, around):  # pylint: disable=unused-argument
    """--check-config, and a start, say all that is wrong at once."""
    with scratch() as folder:
        file = folder / "mailer.toml"
        for name, text, words in (
                ("the file", "smtp-ulr = 'x'\nfrom = 1\nallow-plaintext = 'yes'\n", ('unknown key "smtp-ulr"', "from must be a text", "must be true or false")),
                ("what it says", "from = 'x'\nsmtp-url = 'http://x'\nsendmail = 'y'\ndatabase = \"dbname='x\"\n",
                 ("invalid connection string", 'invalid sender "x"', "only one of smtp-url, maildir and sendmail", "invalid smtp-url", "absolute path")),
                ("both, and no password", "smtp-ulr = 'x'\nfrom = 'x'\nsmtp-url = 'smtp://x'\nuser = 'u'\npassword-file = '/nonexistent'\nca-file = '/no/ca'\n",
                 ('unknown key "smtp-ulr"', 'invalid sender "x"', 'could not read "/nonexistent"', 'could not read "/no/ca"'))):
            file.write_text(text, encoding="utf-8")
            for arguments in (("--check-config",), ()):
                status, log = plain(*arguments, "--config", file)
                report.line(status == 2 and all(word in log for word in words) and len(log.splitlines()) == len(words),
                            f"all faults of {name} are told, {' '.join(arguments) or 'at the start'}", status, log)


def test_reload(report, around):  # pylint: disable=unused-argument
    """SIGHUP reads the configuration again; one that has faults leaves the old one in force."""
    with fresh() as admin, scratch() as folder:
        file = folder / "mailer.toml"

        def configure(text):
            file.write_text(text, encoding="utf-8")

        def arrived(box):
            return len(list((folder / box / "new").glob("*"))) if (folder / box).exists() else 0
        configure(f"maildir = '{folder}/first'\n")
        with running("--config", file) as mailer:
            report.line(mailer.wait_log("ready; sending"), "it is ready", mailer.log)
            queue_messages(1)
            wait_until(lambda: arrived("first") == 1, "the first message")
            configure(f"maildir = '{folder}/second'\n")
            mailer.send_signal(signal.SIGHUP)
            report.line(mailer.wait_log("reloaded"), "SIGHUP reloads", mailer.log)
            queue_messages(1)
            wait_until(lambda: arrived("second") == 1, "the second message")
            report.equal(arrived("first"), 1, "the new configuration is in force")
            configure("maildir = 1\nmaildri = 'x'\n")
            mailer.send_signal(signal.SIGHUP)
            report.line(mailer.wait_log("not reloaded: the configuration that was in force stays") and 'unknown key "maildri"' in mailer.log
                        and "maildir must be a text" in mailer.log, "a faulty one is refused, with all its faults", mailer.log)
            queue_messages(1)
            wait_until(lambda: arrived("second") == 2, "the third message")
            wait_until(lambda: states(admin) == {"sent": 3}, "the server knows that all are sent")
            report.equal(states(admin), {"sent": 3}, "all are sent")
            mailer.stop()
            report.line(mailer.log.endswith("stopped"), "it still ends by SIGTERM", mailer.log)


def test_secrets(report, around):
    with fresh() as admin, scratch() as folder:
        for name in ("file", "environment"):
            with around.server({"MAIL": "451 4.3.0 later"}) as server:
                queue_messages(1)
                options = around.options(server)[:-2]
                env = {}
                if name == "file":
                    options += ["--password-file", secret_file(folder, PASSWORD + "\n", name)]
                else:
                    env = {PASSWORD_VARIABLE: PASSWORD}
                with running(*options, env=env) as mailer:
                    wait_until(lambda s=server: s.conversations and s.conversations[0].auth, "a login")
                    report.equal(server.conversations[0].auth, (USER, PASSWORD), f"the password of the {name} is used")
                    with open(f"/proc/{mailer.pid}/cmdline", "rb") as cmdline:
                        report.line(PASSWORD.encode() not in cmdline.read(), f"{name}: it is not on the command line")
                    with open(f"/proc/{mailer.pid}/limits", encoding="ascii") as limits:
                        core = next(line for line in limits if line.startswith("Max core file size")).split()
                    report.equal(core[4:6], ["0", "0"], f"{name}: no core file is written")
                    owner = os.stat(f"/proc/{mailer.pid}/environ").st_uid
                    report.equal(owner, 0, f"{name}: the environment can be read by root only")
                    mailer.stop()
                    rows = admin.rows("SELECT to_jsonb(o)::text FROM customer_import.email_outbox AS o")
                    report.equal(secrets_in(mailer.log + str(rows)), [], f"{name}: neither log nor database knows it")
        with around.server() as server:
            options = around.options(server)[:-1]
            for mode, expected in ((0o644, 2), (0o640, 0), (0o600, 0)):
                clear(admin)
                with running("--once", *options, secret_file(folder, PASSWORD, "f", mode)) as mailer:
                    status = mailer.wait()
                    report.line(status == expected and not secrets_in(mailer.log),
                                f"a password file of mode {mode:o}: {expected}", mailer.log)
            for name, text in (("an empty password", "\n"), ("two lines", "a\nb\n"), ("a NUL", "a\0b")):
                with running("--once", *options, secret_file(folder, text, "f")) as mailer:
                    report.line(mailer.wait() == 2, f"{name} in the file is refused", mailer.log)
