"""A throwaway server that is a direct child of the test, so that it can be killed, and is started again by us alone."""

import os
import signal
import subprocess
import time
from pathlib import Path

from client import Lost, Session
from waits import wait_until

SETTINGS = {
    "listen_addresses": "", "max_connections": "30", "shared_buffers": "32MB", "jit": "off", "autovacuum": "off",
    # What a killed process has written stays with the operating system: only a power cut needs the disk.
    "fsync": "off", "full_page_writes": "off",
    "max_wal_senders": "0", "wal_level": "minimal", "checkpoint_timeout": "1h", "log_line_prefix": "%m [%p] %b ",
    "include_if_exists": "test_point.conf",
}
KILLED = "was terminated by signal 9"
READY = "database system is ready to accept connections"


def children_of(pid):
    """The processes that `pid` has started, with their start times, so that no other process is taken for one of them."""
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = stat_of(int(entry))
            if fields and int(fields[1]) == pid:
                found.add((int(entry), fields[19]))
    return found


def stat_of(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None


def is_alive(process):
    pid, born = process
    fields = stat_of(pid)
    return fields is not None and fields[19] == born and fields[0] != "Z"


class Server:
    """Its directory is `folder`, where sessions find it by PGHOST."""

    def __init__(self, folder, programs):
        self.folder, self.programs = folder, programs
        self.data, self.log = folder / "data", folder / "server.log"
        self.process = None
        # The server refuses to run as root.
        self.switch = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
        made = subprocess.run([*self.switch, programs / "initdb", "--pgdata", self.data, "--username=postgres",
                               "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"], cwd="/", check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode != 0:
            raise RuntimeError(made.stdout)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(f"unix_socket_directories = '{folder}'\n")
            conf.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        os.environ.update(PGHOST=str(folder), PGPORT="5432", PGUSER="postgres")

    # ---- start and stop

    def start(self, **settings):
        """Starts the server; returns when it takes connections."""
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.switch, self.programs / "postgres", "-D", self.data, *options], cwd="/",
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.wait_ready()

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError("the server has ended:\n" + "\n".join(self.lines()[-20:]))
        try:
            Session("template1").close()
        except Lost:
            return False
        return True

    def wait_ready(self):
        wait_until(self.is_ready, "the server takes connections", every=0.01)

    def stop(self, how=signal.SIGINT):
        """SIGINT: a fast stop, SIGQUIT: an immediate one."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def kill(self):
        """kill -9 of the postmaster. Returns when also the processes have gone that it has left behind."""
        orphans = children_of(self.process.pid)
        self.process.kill()
        self.process.wait(60)
        self.wait_gone(orphans)

    @staticmethod
    def wait_gone(processes):
        wait_until(lambda: not any(is_alive(process) for process in processes), "the processes left behind have ended")

    # ---- processes

    def kill_processes(self, pids):
        """kill -9 of server processes. Returns true when the server has noticed and is on its way up again, false when they
        had ended by themselves."""
        before = self.kills()
        processes = [(pid, fields[19]) for pid in pids if (fields := stat_of(pid))]
        for pid, _ in processes:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.wait_gone(processes)
        try:
            wait_until(lambda: self.kills() > before, "the server has noticed", seconds=1)
        except TimeoutError:
            return False
        return True

    # ---- test points

    def set_point(self, point=""):
        """Sets a test point for all processes that start from now on, and for those that read their settings again."""
        with open(self.data / "test_point.conf", "w", encoding="utf-8") as conf:
            conf.write(f"customer_import.test_point = '{point}'\n")
        self.process.send_signal(signal.SIGHUP)

    def wait_point(self, database, point):
        def is_set():
            with Session(database) as session:
                return session.value("SELECT current_setting('customer_import.test_point', true)") == point
        wait_until(is_set, f"new sessions have the test point {point!r}", every=0.005)

    # ---- the log

    def lines(self):
        return self.log.read_text(errors="replace").splitlines() if self.log.exists() else []

    def count(self, text):
        return self.log.read_text(errors="replace").count(text) if self.log.exists() else 0

    def kills(self):
        return self.count(KILLED)


class Stopwatch:
    def __init__(self):
        self.began = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.began
