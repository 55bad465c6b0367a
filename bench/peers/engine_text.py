"""The engine, with the file as a parameter of type text."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from lib.driver import COUNTS, by_sql, run                               # noqa: E402


def read(_, file):
    with open(file, encoding="utf-8", newline="") as lines:
        return lines.read()


run(read, by_sql(f"SELECT {COUNTS} FROM customer_import.import_customers($1::text, $2)"))
