"""Builds customer-import-mailer and runs it."""

import os
import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

from harness import DATABASE, MAILER, ROOT, wait_until
from programs import BUILD
from waits import LIMIT

PROGRAM = BUILD / "customer-import-mailer"
SENDER = "reports@example.com"
CONNINFO = f"dbname={DATABASE} user={MAILER}"
PASSWORD_VARIABLE = "CUSTOMER_IMPORT_SMTP_PASSWORD"


def build_fast_clock(report, folder):
    """A library that lets a program's steady clock run so many times faster, so that its timeouts can be waited for."""
    library = Path(folder) / "fast_clock.so"
    done = subprocess.run(["c++", "-O1", "-shared", "-fPIC", "-o", library, Path(__file__).with_name("fast_clock.cpp"),
                           "-ldl"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    report.line(done.returncode == 0, "the fast clock is built", done.stdout)
    return library


def environment(**more):
    """Ours, without what could lead the mailer to the user's own files or secrets."""
    kept = {name: value for name, value in os.environ.items()
            if name not in ("HOME", "XDG_STATE_HOME", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", PASSWORD_VARIABLE,
                            "NOTIFY_SOCKET", "JOURNAL_STREAM", "PGUSER", "PGDATABASE", "LD_PRELOAD")}
    return {**kept, "HOME": "/nonexistent", **more}


class Mailer:
    """A running mailer. Its log is collected; `--database` and `--from` are added unless they are given."""

    def __init__(self, *arguments, env=None, start=None, cwd="/", plain=False):
        command = [str(PROGRAM)]
        if not plain:
            command += ["--database", CONNINFO, "--from", SENDER]
        self.command = command + [str(argument) for argument in arguments]
        self.lines = []
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(start or self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=cwd,
                                        stderr=subprocess.STDOUT, text=True, errors="replace", env=environment(**(env or {})))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return "\n".join(self.lines)

    def is_running(self):
        return self.process.poll() is None

    def wait(self, seconds=LIMIT):
        """The exit status, once it has ended."""
        status = self.process.wait(seconds)
        self._reader.join(5)
        return status

    def wait_log(self, text, seconds=LIMIT):
        wait_until(lambda: text in self.log or not self.is_running(), f"{text!r} in the log of the mailer: {self.log}",
                   seconds)
        return text in self.log

    def send_signal(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=LIMIT):
        if self.is_running():
            self.process.send_signal(number)
        return self.wait(seconds)

    def kill(self):
        if self.is_running():
            self.process.kill()
        return self.wait()


@contextmanager
def running(*arguments, **options):
    """A mailer that is killed at the end, if it has not ended before."""
    mailer = Mailer(*arguments, **options)
    try:
        yield mailer
    finally:
        mailer.kill()


def run_once(*arguments, seconds=LIMIT, **options):
    """One pass; the exit status and the log."""
    with running("--once", *arguments, **options) as mailer:
        status = mailer.wait(seconds)
        return status, mailer.log


@contextmanager
def scratch():
    """A directory of our own, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="customer_import_mail.") as name:
        yield Path(name)


def secret_file(folder, text, name="password", mode=0o600):
    path = Path(folder) / name
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path
