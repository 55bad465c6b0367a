"""A coordinator and workers of Citus on loopback, each a server of our own that is gone at the end."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from client import Lost, Session
from waits import wait_until

FIRST_PORT = int(os.environ.get("CITUS_FIRST_PORT", "9810"))
SETTINGS = {
    "listen_addresses": "127.0.0.1", "shared_preload_libraries": "citus,customer_import", "max_prepared_transactions": "200",
    "wal_level": "logical", "fsync": "off", "shared_buffers": "128MB", "max_worker_processes": "32", "max_connections": "200",
    "autovacuum": "off", "citus.shard_count": "8", "citus.recover_2pc_interval": "1s", "jit": "off",
}


class Node:
    """One server: number 0 is the coordinator."""

    def __init__(self, folder, programs, number, database):
        self.folder, self.programs, self.port = folder, programs, FIRST_PORT + number
        self.data, self.log = folder / f"data_{number}", folder / f"server_{number}.log"
        # The server refuses to run as root.
        self.switch = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
        subprocess.run([*self.switch, programs / "initdb", "--pgdata", self.data, "--username=postgres", "--auth=trust",
                        "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"], cwd="/", check=True, stdout=subprocess.DEVNULL)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(f"unix_socket_directories = '{folder}'\nport = {self.port}\n")
            if number == 0:  # there imports resume by themselves
                conf.write(f"customer_import.databases = '{database}'\n")
            conf.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.switch, self.programs / "postgres", "-D", self.data], cwd="/",
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            # Nodes are clients of each other: libpq would look for certificates of ours.
                                            env={**os.environ, "HOME": str(self.folder)})
        wait_until(self.is_ready, f"the server on port {self.port} starts")

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError("the server has ended:\n" + self.log.read_text(encoding="utf-8")[-2000:])
        try:
            self.session("postgres").close()
            return True
        except Lost:
            return False

    def session(self, database, user="postgres"):
        return Session(f"{database} host={self.folder} port={self.port} user={user}")

    def kill(self):
        """As in a power cut, but for what is on the disk already."""
        children = [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and self._is_child(int(entry))]
        for pid in [self.process.pid, *children]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _is_child(self, pid):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            return int(fields[1]) == self.process.pid
        except (OSError, IndexError):
            return False

    def seconds_of_cpu(self):
        """User and system time of all its processes, those that have ended included: one that ends meanwhile is counted
        nowhere, so it is read until it is the same twice."""
        ticks, before = self._ticks(), None
        while ticks != before:
            ticks, before = self._ticks(), ticks
        return ticks / os.sysconf("SC_CLK_TCK")

    def _ticks(self):
        ticks = 0
        for entry in os.listdir("/proc"):
            if entry.isdigit() and (int(entry) == self.process.pid or self._is_child(int(entry))):
                try:
                    fields = Path(f"/proc/{entry}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                except OSError:
                    continue
                own = sum(map(int, fields[11:13]))
                ticks += own + (sum(map(int, fields[13:15])) if int(entry) == self.process.pid else 0)
        return ticks

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()


class Nodes:
    """All of them, with a database in which they know of each other."""

    def __init__(self, pg_config, database, workers=2):
        self.database, self.programs = database, Path(pg_config).parent
        # Not TMPDIR: a path to a socket must be short, and the user postgres must be able to reach it.
        self.folder = Path(tempfile.mkdtemp(prefix="customer_import.citus.", dir="/tmp"))
        self.folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.nodes = []
        try:
            for _ in range(1 + workers):
                self.add()
        except BaseException:
            self.end()
            raise

    def add(self):
        """Starts one more, the coordinator first, and has it known to that."""
        node = Node(self.folder, self.programs, len(self.nodes), self.database)
        self.nodes.append(node)
        node.start()
        with node.session("postgres") as session:
            session.rows(f"CREATE DATABASE {self.database}")
        with node.session(self.database) as session:
            session.rows("CREATE EXTENSION citus")
        with self.admin() as session:
            session.rows(f"SELECT citus_set_coordinator_host('127.0.0.1', {node.port})" if node is self.coordinator else
                         f"SELECT citus_add_node('127.0.0.1', {node.port})")
        return node

    @property
    def coordinator(self):
        return self.nodes[0]

    @property
    def workers(self):
        return self.nodes[1:]

    def admin(self, user="postgres"):
        return self.coordinator.session(self.database, user)

    def end(self):
        for node in self.nodes:
            node.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
