"""A pgbouncer of our own in transaction mode, with one server connection for each database and login."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg2

from driver import Client
from waits import wait_until

# The program refuses to run as root.
SERVER_USER = "postgres"
CONSOLE = "regress_console"

CONFIGURATION = """
[databases]
{database} = host={host} port={port}

[pgbouncer]
unix_socket_dir = {folder}
unix_socket_mode = 0777
listen_port = {port_of_pool}
logfile = {folder}/pgbouncer.log
auth_type = trust
auth_file = {folder}/users
admin_users = {console}
pool_mode = transaction
default_pool_size = 1
reserve_pool_size = 0
max_client_conn = 200
server_idle_timeout = 0
server_lifetime = 86400
query_wait_timeout = 120
"""


class Bouncer:
    """The pool, for one database. As a context it runs from the beginning to the end. Clients connect to `host`, `port`."""

    port = 6432

    def __init__(self, database, logins):
        self.folder = Path(tempfile.mkdtemp(prefix="pooling.", dir="/tmp"))  # a path to a socket must be short
        (self.folder / "pgbouncer.ini").write_text(CONFIGURATION.format(
            database=database, host=os.environ["PGHOST"], port=os.environ.get("PGPORT", "5432"), folder=self.folder,
            port_of_pool=self.port, console=CONSOLE))
        (self.folder / "users").write_text("".join(f'"{role}" ""\n' for role in (*logins, CONSOLE)))
        self.host = str(self.folder)
        self.options = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(SERVER_USER)
            self.options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, user.pw_uid, user.pw_gid)
        self.process = None

    def __enter__(self):
        program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        try:
            self.process = subprocess.Popen([program, "--quiet", self.folder / "pgbouncer.ini"], cwd="/",
                                            stdin=subprocess.DEVNULL, **self.options)
            wait_until(self._is_up, "pgbouncer is up")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"pgbouncer ended:\n{(self.folder / 'pgbouncer.log').read_text()}")
        try:
            self.console().close()
        except psycopg2.OperationalError:
            return False
        return True

    def console(self):
        """A new connection to the pool's own console."""
        return Client("pgbouncer", host=self.host, port=self.port, user=CONSOLE)
