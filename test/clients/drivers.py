"""The programs in examples/clients: how each is prepared and called."""

import os
import subprocess
from dataclasses import dataclass, field

JDBC_JAR = "/usr/share/java/postgresql.jar"


@dataclass
class Driver:
    """A program. `command` is followed by the file and the file for the rejected records."""

    name: str
    program: str
    command: list
    prepare: list = field(default_factory=list)  # commands that are run first, in its folder
    environment: dict = field(default_factory=dict)

    def arguments(self, file, rejected):
        return [*self.command, str(file), str(rejected)]


class Psql(Driver):
    def arguments(self, file, rejected):
        return [*self.command, "-v", f"file={file}", "-v", f"rejected={rejected}", "-f", self.program]


NPM = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's packages
# The packages are where Debian has them.
GO = ["env", "GO111MODULE=off", "GOPATH=/usr/share/gocode", "GOFLAGS=", "GOCACHE=/tmp/customer_import_go_cache", "go"]

# These run in scripts/check.
COMMON = [
    Psql("psql", "psql.sql", ["psql", "--no-psqlrc"]),
    Driver("customer-import", "shell.sh", ["sh", "shell.sh"]),
    Driver("Node pg", "node_pg.mjs", ["node", "node_pg.mjs"], [NPM]),
    Driver("Node postgres", "node_postgres.mjs", ["node", "node_postgres.mjs"], [NPM]),
    Driver("psycopg 3", "python_psycopg.py", [PYTHON, "python_psycopg.py"]),
    Driver("psycopg2", "python_psycopg2.py", [PYTHON, "python_psycopg2.py"]),
]

# These only in scripts/campaign clients.
OTHERS = [
    # Left alone, a JVM takes a quarter of the machine's memory before it looks for what it no longer needs.
    Driver("JDBC", "Jdbc.java", ["java", "-Xmx64m", "-cp", f"{JDBC_JAR}:.", "Jdbc",
                                 "jdbc:postgresql://127.0.0.1:{port}/{database}?user={user}"],
           [["javac", "Jdbc.java"]]),
    Driver("PHP pgsql", "php.php", ["php", "php.php"]),
    Driver("Ruby pg", "ruby.rb", ["ruby", "ruby.rb"]),
    Driver("Perl DBD::Pg", "perl.pl", ["perl", "perl.pl"]),
    Driver("libpqxx", "libpqxx.cpp", ["./libpqxx"], [["g++", "-std=c++17", "libpqxx.cpp", "-o", "libpqxx", "-lpqxx", "-lpq"]]),
    Driver("Go lib/pq", "golang.go", ["./golang"], [[*GO, "build", "-o", "golang", "golang.go"]]),
]

POOLED = Driver("psycopg 3, pooled", "pooled.py", [PYTHON, "pooled.py"])


def prepare(report, place, drivers):
    """Installs and builds what the programs need; each command runs once."""
    done = {}
    for driver in drivers:
        for command in driver.prepare:
            key = " ".join(command)
            if key not in done:
                run = subprocess.run(command, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True, check=False, env=os.environ)
                done[key] = report.line(run.returncode == 0, f"{driver.name} is prepared: {command[0]}", run.stdout[-3000:])
