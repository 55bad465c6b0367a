"""The throwaway cluster of this suite, stopped and started at will: under limits of memory, with libraries preloaded."""

import os
import resource
import subprocess
from pathlib import Path

from client import Lost, Session
from waits import wait_until
from harness import server_directory, status_of

OOM = "53200"

CRASH_WORDS = ("terminated by signal", "all server processes terminated", "PANIC:", "FATAL:", "leak", "non-empty SPI stack")


class OwnServer:
    """The server that test/cluster has started for us: PGDATA names its directory."""

    def __init__(self):
        self.data = os.environ["PGDATA"]
        self.control = os.path.join(server_directory("--bindir"), "pg_ctl")
        self.log = Path(os.environ["PGHOST"]) / "boundary.log"
        self.starts = 0

    def _run(self, *arguments, **options):
        # The server refuses to run as root.
        switch = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
        return subprocess.run([*switch, self.control, "--pgdata", self.data, "--silent", "--wait", *arguments],
                              stdin=subprocess.DEVNULL, cwd="/", check=False, **options).returncode == 0

    def restart(self, address_space=None, **environment):
        """Stops the server and starts it with additions to its environment, at most with so many bytes of memory."""
        self._run("--mode=fast", "stop")

        def limit():
            if address_space is not None:
                resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
        if not self._run("--log", str(self.log), "start", env={**os.environ, **environment}, preexec_fn=limit):
            return False
        self.starts += 1
        return True

    def complaints(self):
        """Lines of the log that no test may cause."""
        if not self.log.exists():
            return []
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if any(word in line for word in CRASH_WORDS) and not self._expected(line)]

    @staticmethod
    def _expected(line):
        return "terminating connection due to administrator command" in line

    def recoveries(self):
        """How often the server has said that it is ready, beyond its starts by us."""
        if not self.log.exists():
            return 0
        return self.log.read_text(errors="replace").count("database system is ready to accept connections") - self.starts


class Limited:
    """A session whose process may take only so much more memory than it has."""

    def __init__(self, session):
        self.session = session

    def limit(self, more):
        now = status_of(self.session.pid, "VmSize") * 1024
        self.session.rows("SELECT probe_limit($1)", [now + more])

    def lift(self):
        self.session.rows("SELECT probe_limit(0)")


def place_of(error):
    """Where memory was missing, as far as the error tells."""
    if error.detail is None:
        return "C++"
    return "server, " + error.detail.rsplit("memory context ", 1)[-1].strip('."')


def is_up():
    try:
        with Session() as session:
            return session.value("SELECT 1") == "1"
    except Lost:
        return False


def wait_for_server():
    wait_until(is_up, "the server is up")
