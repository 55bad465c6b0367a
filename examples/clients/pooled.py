#!/usr/bin/python3
"""Imports a file through a pooler in transaction mode: pooled.py OPERATOR FILE REJECTED_FILE, with psycopg 3.
PGHOST and its like name the pooler, PGUSER the gateway. Each call is a transaction that first says who acts.
"""
import sys
import time
import uuid

import psycopg

operator, file_name, rejected_name, MODE = *sys.argv[1:], "Create & Update"
# Prepared statements would belong to one connection of the pooler, and to all of its clients.
db = psycopg.connect(prepare_threshold=None)


def rows(sql, *parameters):
    with db.transaction():
        db.execute("SELECT customer_import.act_as(%s)", [operator])
        return db.execute(sql, parameters).fetchall()


[[upload]] = rows("SELECT customer_import.begin_upload(%s, background => true)", file_name)
with open(file_name, "rb") as file:
    at = 0  # the place of a chunk: with it a chunk may be sent again
    while chunk := file.read(1 << 20):
        [[at]] = rows("SELECT customer_import.append_upload(%s, %s, %s)", upload, chunk, at)
print("Preview:", dict(rows("SELECT outcome, count(*) FROM customer_import.preview_upload(%s, %s) GROUP BY outcome",
                            upload, MODE)))
[[number]] = rows("SELECT import_id FROM customer_import.import_upload(%s, %s, background => true, request_id => %s)",
                  upload, MODE, str(uuid.uuid4()))
ended = None
while not ended:
    time.sleep(1)  # a pooler passes no notifications on
    [[message, ended]] = rows("SELECT message, finished_at FROM customer_import.import_status WHERE id = %s", number)
    print(message)
print(*rows("SELECT line, message FROM customer_import.import_issues WHERE import_id = %s"
            " ORDER BY line, issue_number LIMIT 5", number), sep="\n")
with open(rejected_name, "wb") as file:
    file.write(rows("SELECT customer_import.rejected_csv_bytes(%s)", number)[0][0])
print(rows("SELECT message FROM customer_import.undo_import(%s)", number)[0][0])
