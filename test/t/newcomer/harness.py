"""What the parts of the suite share: counting, running commands, databases of their own."""

import difflib
import os
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PSQL = ["psql", "--no-psqlrc", "--set=ON_ERROR_STOP=on", "--pset=pager=off"]
QUERY = [*PSQL, "--quiet", "--no-align", "--tuples-only"]

counts = {"passed": 0, "failed": 0}


def check(condition, name, *details):
    counts["passed" if condition else "failed"] += 1
    print(f"{'ok' if condition else 'not ok'} - {name}")
    if not condition:
        for detail in details:
            print("\n".join(f"    {line}" for line in str(detail).splitlines()))


def check_equal(actual, expected, name):
    difference = difflib.unified_diff(expected.splitlines(), actual.splitlines(), "expected", "actual", lineterm="")
    check(actual == expected, name, "\n".join(difference))


# What CREATE EXTENSION says on some servers only.
OF_SERVER = re.compile(r"^(psql:\S+:\d+: )?WARNING:  row-level security of this server has a known hole: .*\n"
                       r"DETAIL: .*\nHINT: .*\n", re.MULTILINE)


def run(command, **options):
    """Runs a command; standard output and standard error come as one text."""
    result = subprocess.run(command, stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, encoding="utf-8", check=False, **options)
    result.stdout = OF_SERVER.sub("", result.stdout)
    return result


class Database:
    """A new database regress_NAME, dropped at the end; `environment` leads to it."""

    def __init__(self, name):
        self.name = f"regress_{name}"
        self.environment = {**os.environ, "PGDATABASE": self.name, "PGCLIENTENCODING": "UTF8"}

    def __enter__(self):
        self._drop()
        self._administer(f"CREATE DATABASE {self.name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
        return self

    def __exit__(self, *_):
        self._drop()

    def _drop(self):
        self._administer(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def _administer(self, statement):
        subprocess.run([*QUERY, "--dbname=postgres", f"--command={statement}"], check=True,
                       env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"})

    def run(self, command, **options):
        return run(command, env=self.environment, **options)

    def query(self, statement):
        result = self.run([*QUERY, f"--command={statement}"])
        return result.stdout.strip()

    def psql(self, script):
        with tempfile.NamedTemporaryFile("w", suffix=".sql", encoding="utf-8") as file:
            file.write(script)
            file.flush()
            return self.run([*PSQL, f"--file={file.name}"])

    def large_objects(self):
        return self.query("SELECT count(*) FROM pg_largeobject_metadata")
