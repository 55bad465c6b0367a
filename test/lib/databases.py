"""Databases and roles of a suite's own."""

import os
import subprocess

from client import Session


def psql(database, *arguments):
    """Runs psql, which must succeed; its output is not shown."""
    subprocess.run(["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=on", "--output=/dev/null", f"--dbname={database}",
                    *arguments], check=True, stdin=subprocess.DEVNULL,
                   env={**os.environ, "PGOPTIONS": "-c client_min_messages=error"})


def drop_database(name):
    with Session() as admin:
        admin.rows(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def create_database(name):
    """Makes an empty database of that name; one that there was is gone."""
    drop_database(name)
    with Session() as admin:
        admin.rows(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")


def create_roles(names):
    """Makes those that are missing; they may log in."""
    with Session() as admin:
        there = {name for (name,) in admin.rows("SELECT rolname FROM pg_roles")}
        for name in names:
            if name not in there:
                admin.rows(f"CREATE ROLE {name} LOGIN")


def drop_roles(names):
    with Session() as admin:
        for name in names:
            admin.rows(f"DROP ROLE IF EXISTS {name}")
