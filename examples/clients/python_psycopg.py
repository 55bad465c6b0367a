#!/usr/bin/python3
"""Imports a file with psycopg 3: python_psycopg.py FILE REJECTED_FILE. PGHOST and its like name the server."""
import sys
import time
import uuid

import psycopg

MODE = "Create & Update"
file_name, rejected_name = sys.argv[1:]

with psycopg.connect(autocommit=True) as db:  # each call is a transaction of its own

    def one(sql, *parameters):
        return db.execute(sql, parameters).fetchone()

    upload, = one("SELECT customer_import.begin_upload(%s, background => true)", file_name)
    with open(file_name, "rb") as file:
        at = 0  # the place of a chunk: with it a chunk may be sent again
        while chunk := file.read(1 << 20):
            at, = one("SELECT customer_import.append_upload(%s, %s, %s)", upload, chunk, at)
    print("Preview:", dict(db.execute("SELECT outcome, count(*) FROM customer_import.preview_upload(%s, %s)"
                                      " GROUP BY outcome", [upload, MODE])))
    number, = one("SELECT import_id FROM customer_import.import_upload(%s, %s, background => true, request_id => %s)",
                  upload, MODE, str(uuid.uuid4()))
    finished = None
    while not finished:
        time.sleep(1)
        message, state, bar, finished = one("SELECT message, state, bar, finished_at"
                                            " FROM customer_import.import_status WHERE id = %s", number)
        print(state, bar or "")
    print(message)  # with the counts
    for line, text in db.execute("SELECT line, message FROM customer_import.import_issues WHERE import_id = %s"
                                 " ORDER BY line, issue_number LIMIT 5", [number]):
        print(f"line {line}: {text}")
    with open(rejected_name, "wb") as file:
        file.write(one("SELECT customer_import.rejected_csv_bytes(%s)", number)[0])
    print(one("SELECT message FROM customer_import.undo_import(%s)", number)[0])
