"""The engine, with the file in chunks of 1 MiB."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from lib.driver import COUNTS, by_sql, run, send                         # noqa: E402

run(send, by_sql(f"SELECT {COUNTS} FROM customer_import.import_upload($1, $2)"))
