"""The file is checked once: the worker that does it hands the records of all slices on. Where what it has left is gone, or does not fit
the table any more, the file is read again."""

from contextlib import contextmanager

from harness import (OPEN_STATES, PATIENCE, PROCESSES, Session, counts_of, create_database, csv, drop_database, fresh, import_file, record, settings, state, submit,
                     wait_ended, wait_idle, wait_until)

OTHER = "regress_background_other"
RECORDS = 20_000
HELD = (*range(4_000, 7_000, 250), *range(12_000, RECORDS, 250))  # of both slices, behind their first batches
CONTENT = csv((f"user{index:07d},buyer,of {index}" for index in range(RECORDS)), "userName,addRoles,company")
# What the workers share, in the temporary files of the server.
FILES = ("SELECT d || '/' || f FROM pg_ls_dir($1, true, false) AS d CROSS JOIN LATERAL pg_ls_dir($1 || '/' || d, true, false) AS f"
         f" WHERE d IN (SELECT format('pgsql_tmp%s.%s.fileset', pid, n) FROM pg_stat_activity, generate_series(0, 99) AS n WHERE {PROCESSES}"
         "                 AND datname = current_database()) ORDER BY 1")
TEMPORARY = "base/pgsql_tmp"


def files(admin, directory=TEMPORARY):
    return [name for (name,) in admin.rows(FILES, [directory])]


def are_gone(admin, names, directory=TEMPORARY):
    """Waits until files that were seen are gone, with their directory; not for ever, because other tests need no such files."""
    wait_until(lambda: not admin.rows("SELECT FROM pg_ls_dir($1, true, false) AS d WHERE d = ANY ($2)",
                                      [directory, "{" + ",".join({name.split('/')[0] for name in names}) + "}"]), "the files are gone", 60)
    return bool(names)


@contextmanager
def aside(admin, submit_import, slices="2", held=HELD):
    """All slices of an import that has applied some batches wait for customers that a session holds, and have no worker. Gives back
    the import and the session."""
    admin.rows("INSERT INTO customers (user_name) SELECT 'user' || lpad(unnest($1::text[]), 7, '0') ON CONFLICT DO NOTHING", ["{" + ",".join(map(str, HELD)) + "}"])
    with Session(database=admin.database) as holder:
        holder.rows("BEGIN")
        holder.rows("SELECT FROM customers WHERE user_name IN (SELECT 'user' || lpad(unnest($1::text[]), 7, '0')) FOR SHARE",
                    ["{" + ",".join(map(str, held)) + "}"])
        number = submit_import()
        # A worker that tries again makes it NULL meanwhile.
        wait_until(lambda: state(admin, number) not in OPEN_STATES or admin.rows("SELECT count(*) FROM customer_import._import_slices WHERE import_id = $1 AND wait_reason IS NOT NULL"
                                      "   AND position > 0 AND NOT ended", [number]) == [(slices,)], "the slices are set aside")
        if state(admin, number) not in OPEN_STATES:
            raise RuntimeError(record(admin, number)["message"])
        yield number, holder
        holder.rows("ROLLBACK")


def empty(admin, name):
    """Has a temporary file lose its content."""
    admin.rows(f"COPY (SELECT WHERE false) TO '{admin.value('SHOW data_directory')}/{TEMPORARY}/{name}'")


def cut(admin, number):
    """Has the stored file of an import lose its records."""
    admin.rows("UPDATE customer_import._import_files SET bytes = substring(bytes FOR position('\\x0a'::bytea IN bytes)) WHERE import_id = $1",
               [number])


def patient(**values):
    return fresh(batch_rows=1000, **{PATIENCE: "100ms", **values})


def all_there(report, admin, number, what):
    row = wait_ended(admin, number)
    report.equal((row["state"], counts_of(row)), ("completed", (RECORDS - len(HELD), len(HELD), 0, 0, 0, 0)), what)
    report.equal(admin.value("SELECT count(DISTINCT line) FROM customer_import.import_changes WHERE import_id = $1", [number]), str(RECORDS),
                 "each record is applied once")


def end_processes(admin):
    pids = [pid for (pid,) in admin.rows(f"SELECT pid FROM pg_stat_activity WHERE {PROCESSES} AND datname = current_database()")]
    for pid in pids:
        admin.rows("SELECT pg_terminate_backend($1)", [pid])
    wait_until(lambda: not admin.rows("SELECT FROM pg_stat_activity WHERE pid = ANY ($1)", ["{" + ",".join(pids) + "}"]), "the processes end")


def test_taken_over(report):
    """Workers that take slices over do not need the file."""
    with patient() as admin, Session("regress_ann") as ann:
        with aside(admin, lambda: submit(ann, CONTENT)) as (number, _):
            left = files(admin)
            report.equal([name.split("/")[1] for name in left], ["head.0", "raw.0", "slice0.0", "slice1.0"], "there is a file for each slice")
            cut(admin, number)
        all_there(report, admin, number, "the import completes without its file")
        report.line(are_gone(admin, left), "nothing is left of the files")


def test_ended_slice(report):
    """The file of a slice that has ended is not kept for the rest of the import."""
    with patient() as admin, Session("regress_ann") as ann, Session() as holder:
        admin.rows("INSERT INTO customers (user_name) VALUES ('user0015000')")
        holder.rows("BEGIN; SELECT FROM customers FOR UPDATE")
        number = submit(ann, CONTENT)
        wait_until(lambda: admin.rows("SELECT count(*) FILTER (WHERE ended), count(wait_reason) FROM customer_import._import_slices"
                                      " WHERE import_id = $1", [number]) == [("1", "1")], "one slice ends, the other one waits")
        open_slice = admin.value("SELECT slice FROM customer_import._import_slices WHERE import_id = $1 AND NOT ended", [number])
        wait_until(lambda: [name.split("/")[1] for name in files(admin)] == ["head.0", "raw.0", f"slice{open_slice}.0"], "its file is gone", 60)
        report.line(True, "the file of the slice that waits is left")
        holder.rows("ROLLBACK")
        report.equal(wait_ended(admin, number)["state"], "completed", "the import completes")


def test_damaged(report):
    """What is not there as it was written is not taken."""
    with patient() as admin, Session("regress_ann") as ann:
        for damaged in ("slice0.0", "head.0"):
            admin.rows("TRUNCATE customers")
            with aside(admin, lambda: submit(ann, CONTENT)) as (number, _):
                empty(admin, next(name for name in files(admin) if name.endswith(damaged)))
            all_there(report, admin, number, f"with an empty {damaged} the file is read again")


def test_rejected_records(report):
    """Records that the table rejects are reported with their own bytes, by each worker, by one that takes over, and by a call."""
    header, lines = "userName,addRoles,company", [f'user{index:07d},"buyer;  approver",{"of " * 50}{index}' for index in range(RECORDS)]
    content = csv(lines, header)
    rejected = [line for index, line in enumerate(lines) if index % 20 == 17]
    held = [index for index in HELD if index % 20 != 17]

    def reported(number):
        row = wait_ended(admin, number)
        found = admin.rows("SELECT convert_from(record, 'UTF8') FROM customer_import.import_issues WHERE import_id = $1 AND issue_number = 1 ORDER BY line", [number])
        report.equal((row["state"], counts_of(row)[-2], [text for (text,) in found] == rejected), ("completed", len(rejected), True), "the rejected records are as they came")

    with patient() as admin, Session("regress_ann") as ann:
        admin.rows("ALTER TABLE customers ADD CONSTRAINT rejects CHECK (company !~ '[13579]7$')")
        with aside(admin, lambda: submit(ann, content), held=held) as (number, _):
            end_processes(admin)
        reported(number)
        admin.rows("TRUNCATE customers")
        reported(submit(ann, content))
        admin.rows("TRUNCATE customers")
        reported(int(import_file(ann, content, "Create & Update")["import_id"]))
        admin.rows("ALTER TABLE customers DROP CONSTRAINT rejects")


def test_read_once(report):
    """The chunks of a file that four workers apply are fetched once, and their first one for the header."""
    content = csv((f"user{index:07d},{'x' * 200}" for index in range(RECORDS)), "userName,company")
    def fetched():
        admin.rows("SELECT pg_stat_force_next_flush()")
        return int(admin.value("SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_all_tables WHERE relid = 'customer_import._import_files'::regclass"))
    with fresh(workers_per_import=4) as admin, Session("regress_ann") as ann:
        before = fetched()
        row = wait_ended(admin, submit(ann, content))
        wait_idle(admin)
        times = fetched() - before
        chunks = int(admin.value("SELECT count(*) FROM customer_import._import_files WHERE import_id = $1", [row["id"]]))
        report.equal((row["state"], counts_of(row)), ("completed", (RECORDS, 0, 0, 0, 0, 0)), "a large file is imported")
        report.line(chunks > 3 and chunks <= times <= chunks + 3, "its chunks are read once, and the first one by each other worker", chunks, times)


def test_processes_are_gone(report):
    """Without the processes that share them there are no files: the file is read again."""
    with patient() as admin, Session("regress_ann") as ann:
        with aside(admin, lambda: submit(ann, CONTENT)) as (number, _):
            left = files(admin)
            end_processes(admin)
            report.line(are_gone(admin, left), "the files go with the processes")
        all_there(report, admin, number, "new workers complete the import")
    with patient() as admin, Session("regress_ann") as ann:
        with aside(admin, lambda: submit(ann, CONTENT)) as (number, _):
            cut(admin, number)
            end_processes(admin)
        row = wait_ended(admin, number)
        report.equal(row["state"], "failed", "they need the file")
        report.matches(row["message"], "the file reads otherwise than at the check", "the import says why")


def test_changed_table(report):
    """A record that was checked for other columns is not taken."""
    change = "ALTER TABLE customers ALTER COLUMN company TYPE varchar(200)"
    with patient() as admin, Session("regress_ann") as ann:
        for is_cut in (False, True):
            admin.rows("TRUNCATE customers; ALTER TABLE customers ALTER COLUMN company TYPE text")
            with aside(admin, lambda: submit(ann, CONTENT)) as (number, holder):
                if is_cut:
                    cut(admin, number)
                # No worker gets between the end of the wait and the change.
                holder.rows("SET lock_timeout = '1min'")
                holder.rows(change)
                holder.rows("COMMIT")
            if is_cut:
                report.equal(wait_ended(admin, number)["state"], "failed", "when a column has another type the file is read again")
            else:
                all_there(report, admin, number, "with it the import completes")
        admin.rows("TRUNCATE customers; ALTER TABLE customers ALTER COLUMN company TYPE text")


def test_order_stays(report):
    """A trigger that comes or goes asks for another order of records: what has begun resumes in the order of its check."""
    trigger = "CREATE TRIGGER looks_on AFTER INSERT ON customers FOR EACH ROW EXECUTE FUNCTION wait_here()"
    head, *records = CONTENT.splitlines()
    content = "\n".join([head, *reversed(records), ""])
    with patient() as admin, Session("regress_ann") as ann:
        for is_read_again in (False, True):
            admin.rows("TRUNCATE customers")
            with aside(admin, lambda: submit(ann, content)) as (number, holder):
                if is_read_again:
                    end_processes(admin)
                holder.rows("SET lock_timeout = '1min'")
                holder.rows(trigger)
                holder.rows("COMMIT")
            all_there(report, admin, number, "by user name, after a trigger has come")
            admin.rows("DROP TRIGGER looks_on ON customers")
        admin.rows("TRUNCATE customers")
        admin.rows(trigger)
        with aside(admin, lambda: submit(ann, content), "1", HELD[:1]) as (number, holder):
            holder.rows("SET lock_timeout = '1min'")
            holder.rows("DROP TRIGGER looks_on ON customers")
            holder.rows("COMMIT")
        all_there(report, admin, number, "by line, after it has gone")


def test_canceled(report):
    """The files of an import that has ended go, also while the supervisor has others to look after."""
    with patient() as admin, Session("regress_ann") as ann, Session("regress_ben") as ben:
        with aside(admin, lambda: submit(ann, CONTENT)) as (number, _):
            left = files(admin)
            with aside(admin, lambda: submit(ben, CONTENT)) as (other, _):
                report.equal(len(files(admin)), 2 * len(left), "another import has files of its own")
                ann.rows("SELECT customer_import.cancel_import($1)", [number])
                report.equal(wait_ended(admin, number)["state"], "canceled", "an import is canceled")
                report.line(are_gone(admin, left) and len(files(admin)) == len(left), "its files are gone, the others are there")
                ben.rows("SELECT customer_import.cancel_import($1)", [other])
                wait_ended(admin, other)


def test_no_room(report):
    """Where temp_file_limit has no room for the records of all slices, each worker reads the file."""
    with patient(temp_file_limit="200kB") as admin, Session("regress_ann") as ann:
        with aside(admin, lambda: submit(ann, CONTENT)) as (number, _):
            report.equal(files(admin), [], "without room there are no files")
            report.equal(admin.value("SELECT slice_names FROM customer_import._background_imports WHERE slice_hash IS NOT NULL AND import_id = $1", [number]),
                         "{}", "a hash decides about the slice")
        all_there(report, admin, number, "the import completes")


def test_temporary_tablespaces(report):
    """Files are where the submitter's temporary files go."""
    with patient() as admin, Session("regress_ann") as ann:
        admin.rows("SET allow_in_place_tablespaces = on")
        admin.rows("CREATE TABLESPACE regress_background LOCATION ''")
        try:
            admin.rows("GRANT CREATE ON TABLESPACE regress_background TO regress_ann")
            with settings(admin, "ROLE regress_ann", temp_tablespaces="regress_background"):
                with aside(admin, lambda: submit(ann, CONTENT)) as (number, _):
                    directory = admin.value("SELECT format('pg_tblspc/%s/%s/pgsql_tmp', t.oid, d) FROM pg_tablespace AS t"
                                            " CROSS JOIN LATERAL pg_ls_dir('pg_tblspc/' || t.oid) AS d WHERE spcname = 'regress_background'")
                    left = files(admin, directory)
                    report.equal((len(left), files(admin)), (4, []), "they are in the temporary tablespace of the role")
                    cut(admin, number)
            all_there(report, admin, number, "they are found there")
            report.line(are_gone(admin, left, directory), "and gone at the end")
        finally:
            admin.rows("REVOKE CREATE ON TABLESPACE regress_background FROM regress_ann")
            wait_until(lambda: admin.error("DROP TABLESPACE regress_background") is None, "the tablespace is empty")


def test_undo_and_retry(report):
    """What is undone or tried again is read once, too."""
    with patient() as admin, Session("regress_ann") as ann:
        content = CONTENT.replace("user0000007,buyer", "user0000007,buyer;late").replace(",buyer,", ",late,")
        first = wait_ended(admin, submit(ann, content))
        report.equal(first["rejected"], RECORDS, "all records are rejected")
        admin.rows("SELECT customer_import.add_role_codes('{late}')")

        def call(function):
            return lambda: int(ann.value(f"SELECT import_id FROM customer_import.{function}($1, background => true)", [first["id"]]))
        with aside(admin, call("retry_rejects")) as (number, _):
            # Those that are left are hidden from a second reading.
            admin.rows("UPDATE customer_import.import_issues SET retried_by = 0 WHERE import_id = $1 AND retried_by IS NULL", [first["id"]])
        all_there(report, admin, number, "a retry completes without its source")
        first = {"id": number}
        with aside(admin, call("undo_import")) as (number, _):
            report.equal(len(files(admin)), 4, "an undo has files, too")
        row = wait_ended(admin, number)
        report.equal((row["state"], row["deleted"], row["updated"]), ("completed", RECORDS - len(HELD), len(HELD)), "an undo completes")
        report.equal(admin.rows("SELECT count(*), count(company), sum(cardinality(roles)) FROM customers"), [(str(len(HELD)), "0", "0")],
                     "with all columns")
        admin.rows("DELETE FROM customer_import.role_codes WHERE code = 'late'")


def test_dropped(report):
    """The files go with the extension, and with the database."""
    gone = "SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp', true, false) AS d WHERE d = ANY ($1)"
    for drop in ("DROP EXTENSION customer_import CASCADE", f"DROP DATABASE {OTHER} WITH (FORCE)"):
        create_database(OTHER)
        try:
            with Session(database="postgres") as after:
                with Session(database=OTHER) as admin:
                    with settings(admin, f"DATABASE {OTHER}", batch_rows=1000, **{PATIENCE: "100ms"}):
                        with Session("regress_ann", OTHER) as ann, aside(admin, lambda: submit(ann, CONTENT)) as (_, holder):
                            left = files(admin)
                            holder.rows("ROLLBACK")
                    if drop.startswith("DROP EXTENSION"):
                        admin.rows(drop)
                if drop.startswith("DROP DATABASE"):
                    after.rows(drop)
                wait_until(lambda: after.value(gone, ["{" + ",".join({name.split("/")[0] for name in left}) + "}"]) == "0", "the files are gone")
                report.line(bool(left), drop.replace(OTHER, "…"), left)
        finally:
            drop_database(OTHER)
