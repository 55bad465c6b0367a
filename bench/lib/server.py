"""The server that is measured: a throwaway cluster of our own, or one that is running."""
import os
import shutil
import subprocess
import tempfile

# Everything else is left at its default, fsync and synchronous_commit too.
SETTINGS = {
    "shared_buffers": "2GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    "listen_addresses": "''",
}


def binary_directory():
    config = os.environ.get("PG_CONFIG") or shutil.which("pg_config")
    if not config:
        raise SystemExit("pg_config is not installed (name it in PG_CONFIG)")
    return subprocess.run([config, "--bindir"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


class RunningServer:
    """A server that PGHOST, PGPORT and PGUSER lead to; nothing of it is changed."""

    def __init__(self):
        self.psql_path = shutil.which("psql") or os.path.join(binary_directory(), "psql")
        self.environment = dict(os.environ, PGCLIENTENCODING="UTF8")

    def psql_command(self, database, variables=None):
        command = [self.psql_path, "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", database]
        for name, value in (variables or {}).items():
            command += ["-v", f"{name}={value}"]
        return command

    def query(self, database, sql):
        """Runs statements, one transaction each, and returns what they print."""
        command = self.psql_command(database)
        for statement in [sql] if isinstance(sql, str) else sql:
            command += ["-c", statement]
        return self._run(command)

    def run_file(self, database, path, variables=None):
        return self._run(self.psql_command(database, variables) + ["-f", path])

    def _run(self, command):
        done = subprocess.run(command, env=self.environment, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise RuntimeError(f"psql failed:\n{done.stderr.strip()}")
        return done.stdout.strip()

    def stop(self):
        pass


class OwnServer(RunningServer):
    """A cluster in `directory`, made if it is not there yet and stopped at the end."""

    def __init__(self, directory):
        super().__init__()
        self.binaries = binary_directory()
        self.psql_path = os.path.join(self.binaries, "psql")
        self.data = os.path.join(directory, "cluster")
        # The server refuses to run as root; then it runs as the package's user instead.
        self.prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        # A socket's path may have 107 bytes at most, which `directory` may pass.
        self.sockets = tempfile.mkdtemp(prefix="bench_socket_")
        if self.prefix:
            shutil.chown(self.sockets, "postgres", "postgres")
        self.environment.update(PGHOST=self.sockets, PGPORT="5432", PGUSER="postgres")
        for name in ("PGDATABASE", "PGPASSWORD", "PGSERVICE", "PGOPTIONS", "PGHOSTADDR"):
            self.environment.pop(name, None)
        if not os.path.exists(os.path.join(self.data, "PG_VERSION")):
            self._initialize()
        self._control("start", "-w", "-l", os.path.join(self.data, "log"),
                      "-o", f"-k {self.sockets} -p 5432")

    def touch_buffers(self):
        """Fills the buffers once. On a virtual machine memory that is used for the first time costs much, and whoever is
        measured first would pay for it."""
        self.query("postgres", ["CREATE UNLOGGED TABLE filler (bytes text)",
                                "ALTER TABLE filler ALTER bytes SET STORAGE PLAIN",
                                "INSERT INTO filler SELECT repeat('x', 5000) FROM generate_series(1,"
                                " (SELECT setting::bigint FROM pg_settings WHERE name = 'shared_buffers'))",
                                "DROP TABLE filler"])

    def _initialize(self):
        os.makedirs(self.data)
        if self.prefix:
            shutil.chown(self.data, "postgres", "postgres")
        subprocess.run(self.prefix + [os.path.join(self.binaries, "initdb"), "-D", self.data,
                       "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"],
                       check=True, cwd="/", stdout=subprocess.DEVNULL)
        with open(os.path.join(self.data, "postgresql.conf"), "a") as config:
            for name, value in SETTINGS.items():
                config.write(f"{name} = {value}\n")

    def _control(self, *arguments):
        subprocess.run(self.prefix + [os.path.join(self.binaries, "pg_ctl"), "-D", self.data,
                       *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL)

    def stop(self):
        self._control("stop", "-w", "-m", "fast")
        shutil.rmtree(self.sockets, ignore_errors=True)


