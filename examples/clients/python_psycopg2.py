#!/usr/bin/python3
"""Imports a file with psycopg2: python_psycopg2.py FILE REJECTED_FILE. PGHOST and its like name the server."""
import sys
import time
import uuid

import psycopg2

file_name, rejected_name, MODE = *sys.argv[1:], "Create & Update"
db = psycopg2.connect("")
db.autocommit = True  # each call is a transaction of its own


def rows(sql, *parameters):
    with db.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


[[upload]] = rows("SELECT customer_import.begin_upload(%s, background => true)", file_name)
with open(file_name, "rb") as file:
    at = 0  # the place of a chunk: with it a chunk may be sent again
    while chunk := file.read(1 << 20):
        [[at]] = rows("SELECT customer_import.append_upload(%s, %s, %s)", upload, chunk, at)
print("Preview:", dict(rows("SELECT outcome, count(*) FROM customer_import.preview_upload(%s, %s) GROUP BY outcome",
                            upload, MODE)))
[[number]] = rows("SELECT import_id FROM customer_import.import_upload(%s, %s, background => true, request_id => %s)",
                  upload, MODE, str(uuid.uuid4()))
finished = None
while not finished:
    time.sleep(1)
    [[message, bar, finished]] = rows(
        "SELECT message, bar, finished_at FROM customer_import.import_status WHERE id = %s", number)
    print(message, bar or "")
for line, text in rows("SELECT line, message FROM customer_import.import_issues WHERE import_id = %s"
                       " ORDER BY line, issue_number LIMIT 5", number):
    print(f"line {line}: {text}")
with open(rejected_name, "wb") as file:
    file.write(rows("SELECT customer_import.rejected_csv_bytes(%s)", number)[0][0])
print(rows("SELECT message FROM customer_import.undo_import(%s)", number)[0][0])
