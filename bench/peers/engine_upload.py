"""The engine, with the file in chunks of 1 MiB."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from lib.driver import COUNTS, run                                       # noqa: E402

CHUNK = 1024 * 1024


def send(session, file):
    upload = session.value("SELECT customer_import.begin_upload()")
    with open(file, "rb") as content:
        place = 0
        while chunk := content.read(CHUNK):
            place = session.value("SELECT customer_import.append_upload($1, $2, $3)", [upload, chunk, place])
    return upload


run(send, f"SELECT {COUNTS} FROM customer_import.import_upload($1, $2)")
