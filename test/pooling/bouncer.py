"""A pgbouncer of our own in transaction mode, with one server connection for each database and login."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg2

from harness import DATABASE, ROLES, WEB, Client, wait_until

# The program refuses to run as root.
SERVER_USER = "postgres"
CONSOLE = "regress_console"

CONFIGURATION = """
[databases]
{database} = host={host} port={port}

[pgbouncer]
unix_socket_dir = {folder}
unix_socket_mode = 0777
listen_port = 6432
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
    """The pool. As a context it runs from the beginning to the end."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pooling.", dir="/tmp"))  # a path to a socket must be short
        (self.folder / "pgbouncer.ini").write_text(CONFIGURATION.format(
            database=DATABASE, host=os.environ["PGHOST"], port=os.environ.get("PGPORT", "5432"), folder=self.folder,
            console=CONSOLE))
        (self.folder / "users").write_text("".join(f'"{role}" ""\n' for role in (*ROLES, CONSOLE)))
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
            self.client(CONSOLE, "pgbouncer").close()
        except psycopg2.OperationalError:
            return False
        return True

    def client(self, login=WEB, database=DATABASE):
        """A new client connection."""
        return Client(database, host=str(self.folder), port=6432, user=login)

    def clean(self):
        for login in ROLES:
            with self.client(login) as client:
                client.rows("DISCARD ALL")

    def pool(self, login=WEB):
        """What SHOW POOLS tells of the pool of a login, by column."""
        with self.client(CONSOLE, "pgbouncer") as console, console.connection.cursor() as cursor:
            cursor.execute("SHOW POOLS")
            names = [column.name for column in cursor.description]
            for row in cursor.fetchall():
                pool = dict(zip(names, row))
                if (pool["database"], pool["user"]) == (DATABASE, login):
                    return pool
        return {}

    def wait_for_waiting(self, count=1):
        """Waits until so many clients wait for the server connection."""
        wait_until(lambda: self.pool().get("cl_waiting") == count, f"{count} clients wait in the pool")


def break_off(client):
    """Ends a client's connection as a crash of its machine does, without a word of farewell."""
    with socket.socket(fileno=os.dup(client.connection.fileno())) as link:
        link.shutdown(socket.SHUT_RDWR)
    client.close()
