"""Several workers on one file."""

import harness
from harness import Session, adds_up, counts_of, csv, fresh, gate, new_customers, submit, wait_ended, wait_until

SLICES = ("SELECT slice, records, position, created + updated + unchanged + skipped + rejected, ended"
          "  FROM customer_import._import_slices WHERE import_id = $1 ORDER BY slice")


def test_threshold(report):
    with fresh() as admin, Session("regress_ann") as ann:
        limit = 256 * 1024
        for size, slices in ((limit - 1, "1"), (limit, "2"), (2 * limit, "2")):
            content = new_customers(size // 21)
            content += "z," + " " * (size - len(content) - 3) + "\n"
            number = submit(ann, content)
            row = wait_ended(admin, number)
            report.equal((row["file_bytes"], admin.value("SELECT slices FROM customer_import._background_imports WHERE import_id = $1", [number]),
                          row["state"]), (size, slices, "completed"), f"{size} bytes: {slices} slices")


def test_shares(report):
    """Each slice of a large import has its share, and workers of their own do it at the same time."""
    total = 1_000_000 if harness.SLOW else 200_000
    with fresh() as admin, Session("regress_ann") as ann:
        number = submit(ann, new_customers(total, rest=",buyer;approver"))
        workers = set()

        def ended():
            workers.update(admin.rows("SELECT pid, usename FROM pg_stat_activity WHERE backend_type = 'customer_import worker' AND usename IS NOT NULL"))
            return harness.state(admin, number) not in harness.OPEN_STATES
        wait_until(ended, "the import ends")
        row = harness.record(admin, number)
        slices = admin.rows(SLICES, [number])
        shares = [int(done) / total for _, _, _, done, _ in slices]
        report.note(f"shares of {total} records: {', '.join(f'{share:.4f}' for share in shares)}; "
                    f"{admin.value('SELECT finished_at - started_at FROM customer_import.imports')}")
        report.equal((row["state"], counts_of(row)), ("completed", (total, 0, 0, 0, 0, 0)), f"{total} records are created")
        report.equal(len(slices), 2, "by two slices")
        report.line(min(shares) >= 0.3, "each applied at least 30 %", shares)
        report.equal(admin.rows("SELECT slice_hash, slice_names FROM customer_import._background_imports WHERE import_id = $1", [number]),
                     [(None, f"{{user{total * 395 // 1000:07d}}}")], "they are ranges of user names, the first one is smaller")
        report.line(all(records == position == done and ended == "t" for _, records, position, done, ended in slices),
                    "each ended at its last record", slices)
        report.line(len(workers) >= 2 and {user for _, user in workers} == {"regress_ann"},
                    "by two processes, connected as the submitter", workers)
        report.equal(admin.value("SELECT count(*) FROM customers WHERE roles = '{approver,buyer}'"), str(total), "all customers are there")
        report.equal(admin.value("SELECT count(DISTINCT line) FROM customer_import.import_changes"), str(total), "all changes are listed")


def test_repeats(report):
    """User names that repeat are counted in each slice, and told once."""
    for rows, warning in ((list(range(20_000)) + [7, 8, 7], "3 records repeat a user name of an earlier line, first at line 20002"),
                          (list(range(20_000)) + [7], "the record at line 20002 repeats a user name of an earlier line"), (range(20_000), None)):
        with fresh() as admin, Session("regress_ann") as ann:
            number = submit(ann, csv((f"user{index:07d},buyer" for index in rows), "userName,addRoles"))
            wait_ended(admin, number)
            report.equal(admin.rows("SELECT state, to_json(warnings)::jsonb FROM customer_import.imports WHERE id = $1", [number]),
                         [("completed", f'["{warning}"]' if warning else "[]")], warning or "no warning without repeats")
            report.equal(admin.value("SELECT count(*) FROM customer_import._import_slices WHERE import_id = $1", [number]), "2", "of two slices")


def test_at_the_same_time(report):
    """While one slice waits for a row, the other one runs to its end."""
    with fresh(batch_rows=1000) as admin, Session("regress_ann") as ann, Session() as holder:
        # Not the first record: that one is tried before there are slices.
        admin.rows("INSERT INTO customers (user_name) VALUES ('user0000001')")
        holder.rows("BEGIN; SELECT FROM customers WHERE user_name = 'user0000001' FOR UPDATE")
        number = submit(ann, new_customers(20_000))
        wait_until(lambda: admin.value("SELECT count(*) FROM customer_import._import_slices WHERE ended AND import_id = $1", [number]) == "1",
                   "one slice ends")
        row = harness.record(admin, number)
        done = admin.rows(SLICES, [number])
        report.line(row["state"] == "running" and sorted(entry[4] for entry in done) == ["f", "t"],
                    "one slice ends while the other waits", row["state"], done)
        holder.rows("ROLLBACK")
        row = wait_ended(admin, number)
        report.equal((row["state"], counts_of(row)), ("completed", (19_999, 1, 0, 0, 0, 0)), "then the import completes, with the counts of both")


def test_frozen(report):
    """The number of slices is that of the first claim, whatever the setting becomes."""
    with fresh(batch_rows=500, workers_per_import=3) as admin, Session("regress_ann") as ann, Session() as holder:
        # Not the first record: that one is tried before there are slices.
        admin.rows("INSERT INTO customers (user_name) VALUES ('user0000001')")
        holder.rows("BEGIN; SELECT FROM customers WHERE user_name = 'user0000001' FOR UPDATE")
        number = submit(ann, new_customers(20_000))
        wait_until(lambda: admin.value("SELECT count(*) FROM customer_import._import_slices WHERE import_id = $1 AND ended", [number]) == "2",
                   "two of three slices end")
        with harness.settings(admin, workers_per_import=1):
            pids = [pid for (pid,) in admin.rows("SELECT pid FROM pg_stat_activity WHERE backend_type = 'customer_import worker'")]
            for pid in pids:
                admin.rows("SELECT pg_terminate_backend($1)", [pid])
            wait_until(lambda: not admin.rows("SELECT FROM pg_stat_activity WHERE pid = ANY ($1)", ["{" + ",".join(pids) + "}"]),
                       "the workers end")
            holder.rows("ROLLBACK")
            row = wait_ended(admin, number)
        report.equal((row["state"], counts_of(row)), ("completed", (19_999, 1, 0, 0, 0, 0)),
                     "a worker that is terminated is replaced, each record is applied once")
        report.equal(admin.value("SELECT slices FROM customer_import._background_imports WHERE import_id = $1", [number]), "3", "the slices stay three")
        report.equal(admin.value("SELECT count(DISTINCT line) FROM customer_import.import_changes"), "20000", "each change is listed once")


def test_empty_slice(report):
    """All records of a large file are one customer's: a slice has nothing to do."""
    with fresh(workers_per_import=4) as admin, Session("regress_ann") as ann:
        number = submit(ann, csv((f"one,{'x' * 400}{index % 3}" for index in range(1000)), "userName,company"))
        row = wait_ended(admin, number)
        report.equal((row["state"], row["created"], row["updated"], adds_up(row)), ("completed", 1, 999, True),
                     "slices without records end too")


def test_one_by_one(report):
    """A table with a user's trigger is written by one worker, record by record."""
    with fresh() as admin, Session("regress_ann") as ann, gate(admin) as holder:
        number = submit(ann, new_customers(15_000) + "wait1,buyer\n")
        holder.wait()
        report.equal(admin.rows("SELECT slices, (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'customer_import worker')"
                                " FROM customer_import._background_imports WHERE import_id = $1", [number]), [("1", "1")],
                     "with a trigger one worker applies a large file")
        holder.open()
        report.equal(counts_of(wait_ended(admin, number)), (15_001, 0, 0, 0, 0, 0), "it completes")
