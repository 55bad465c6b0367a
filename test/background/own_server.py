"""Throwaway clusters with settings of their own (test/cluster), stopped, started and copied at will."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import harness
from harness import HERE, ROOT, Lost, Session, create_database, psql, wait_until

CRASH_WORDS = ("terminated by signal", "all server processes terminated", "PANIC:", "you don't own a lock", "leak", "non-empty SPI stack",
               "not closed", "TRAP:")


def server_program(name):
    config = os.environ.get("PG_CONFIG", "pg_config")
    folder = subprocess.run([config, "--bindir"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return os.path.join(folder, name)


def as_server(*command, **options):
    """Runs a program as the user that runs the server: it refuses to be root."""
    switch = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    return subprocess.run([*switch, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                          check=False, **options).returncode == 0


class Server:
    """A server by its data directory, with its socket in another one."""

    def __init__(self, data, folder):
        self.data, self.folder = data, folder
        self.log = Path(folder) / f"{Path(data).name}.log"

    def _control(self, *arguments):
        return as_server(server_program("pg_ctl"), "--pgdata", self.data, "--silent", "--wait", "--timeout=60", *arguments)

    def stop(self, mode="fast"):
        return self._control(f"--mode={mode}", "stop")

    def start(self):
        return self._control("--log", str(self.log), "start")

    def restart(self, mode="fast"):
        return self.stop(mode) and self.start()

    def promote(self):
        return self._control("promote")

    def set(self, **values):
        """Settings that hold from the next start on, or a reload."""
        with open(Path(self.data) / "postgresql.auto.conf", "a", encoding="utf-8") as file:
            for name, value in values.items():
                file.write(f"{name} = '{value}'\n")

    def text(self):
        """Its logs."""
        return "".join(log.read_text(errors="replace") for log in Path(self.folder).glob("*.log"))

    def complaints(self):
        """Lines of its logs that no test may cause."""
        return [line for line in self.text().splitlines() if any(word in line for word in CRASH_WORDS)]


@contextmanager
def cluster(roles=True, **values):
    """A new server with these settings, which all sessions then lead to; with the roles and the database of the suite."""
    arguments = []
    for name, value in {"fsync": "off", "synchronous_commit": "off", **values}.items():
        arguments += ["-c", f"{name.replace('__', '.')}={value}"]
    process = subprocess.Popen([str(ROOT / "test" / "cluster"), *arguments, "sh", "-c",  # pylint: disable=consider-using-with
                                'echo "$PGHOST" "$PGPORT" "$PGUSER" "$PGDATA"; cat >/dev/null'],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    before = {name: os.environ.get(name) for name in ("PGHOST", "PGPORT", "PGUSER")}
    try:
        words = process.stdout.readline().split()
        if len(words) != 4:
            raise Lost("test/cluster has started no server")
        os.environ.update(zip(("PGHOST", "PGPORT", "PGUSER"), words))
        if roles:
            psql("postgres", f"--file={HERE / 'roles.sql'}")
            create_database(harness.DATABASE)
        yield Server(words[3], words[0])
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        process.stdin.close()
        process.stdout.close()
        process.wait(60)


def is_up(database=harness.DATABASE):
    try:
        with Session(database=database) as session:
            return session.value("SELECT 1") == "1"
    except Lost:
        return False


def wait_for_server():
    wait_until(is_up, "the server is up")
