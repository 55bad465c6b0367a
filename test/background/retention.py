"""What is thrown away when it is old, and what stays; and purge_imports()."""

from harness import Session, adds_up, csv, fresh, gate, import_file, record, run_in_background, settings, state, submit, wait_ended, wait_idle, wait_until

TABLES = ("imports", "_import_files", "_background_imports", "_import_slices", "import_issues", "_import_change_pages")
CONTENT = "userName,addRoles,removeRoles,email\nold,buyer,approver,new@example.com\nnew,buyer,,n@example.com\nbad,nonsense,,b@example.com\nold\n"
CHANGES = "SELECT user_name, created, added::text, removed::text FROM customer_import.import_changes WHERE import_id = $1 ORDER BY line"


def old_import(admin, ann, days=100):
    """An import that has ended so many days ago."""
    admin.rows("INSERT INTO customers (user_name, email, roles) VALUES ('old', 'old@example.com', '{approver}') ON CONFLICT (user_name)"
               " DO UPDATE SET email = 'old@example.com', roles = '{approver}'; DELETE FROM customers WHERE user_name = 'new'")
    row = run_in_background(admin, ann, CONTENT)
    wait_idle(admin)
    admin.rows("UPDATE customer_import.imports SET finished_at = finished_at - make_interval(days => $2), submitted_at = submitted_at -"
               " make_interval(days => $2), started_at = started_at - make_interval(days => $2) WHERE id = $1", [row["id"], days])
    return row["id"]


def stored(admin, number):
    return admin.rows("SELECT (SELECT count(*) FROM customer_import._import_files WHERE import_id = $1),"
                      " (SELECT count(record) + count(value) FROM customer_import.import_issues WHERE import_id = $1),"
                      " (SELECT count(*) FROM customer_import.import_changes WHERE import_id = $1 AND (before <> '{}' OR after <> '{}'))", [number])[0]


def test_retention(report):
    with fresh() as admin, Session("regress_ann") as ann, Session() as reader:
        named = run_in_background(admin, ann, "userName,addRoles,Place\nw,buyer,\n")["id"]
        admin.rows("UPDATE customer_import.imports SET finished_at = now() - interval '91 days' WHERE id = $1", [named])
        old, young = old_import(admin, ann, 80), old_import(admin, ann, 80)
        admin.rows("UPDATE customer_import.imports SET finished_at = now() - interval '91 days' WHERE id = $1", [old])
        changes, issues = reader.rows(CHANGES, [old]), reader.value("SELECT count(*) FROM customer_import.import_issues WHERE import_id = $1", [old])
        report.line(all(int(value) > 0 for value in stored(admin, old)), "before, everything is there", stored(admin, old))
        run_in_background(admin, ann, "userName,addRoles\nx,buyer\n")
        wait_idle(admin)
        row = record(admin, named)
        report.equal((row["ignored_columns"], row["message"]),
                     ([], f"Import {named} completed: 1 created. See every change: SELECT * FROM customer_import.import_changes WHERE import_id = {named}"),
                     "ignored columns are not named any more")
        report.equal(stored(admin, old), ("0", "0", "0"), "after 90 days files, records, values, before and after are gone")
        report.equal(admin.rows("SELECT slice_names FROM customer_import._background_imports WHERE import_id IN ($1, $2) ORDER BY import_id", [old, young]),
                     [(None,), ("{}",)], "and the names at which slices begin")
        report.line(all(int(value) > 0 for value in stored(admin, young)), "those of 80 days stay", stored(admin, young))
        report.equal(reader.rows(CHANGES, [old]), changes, "created, added and removed stay")
        report.line(changes and changes[0][2:] == ("{buyer}", "{approver}"), "they were there", changes)
        report.equal(admin.value("SELECT count(*) FROM customer_import.import_issues WHERE import_id = $1", [old]), issues, "issues stay, without values")
        row = record(admin, old)
        report.line(row["emptied_at"] and row["created"] == 1 and adds_up(row), "the history says so", row)
        for function in ("rejected_csv", "rejected_csv_bytes"):
            report.refused(ann.error(f"SELECT customer_import.{function}($1)", [old]), "55000", f"{function}() of it is refused", "not kept",
                           "retention")
            report.line(ann.value(f"SELECT customer_import.{function}($1)", [young]), f"{function}() of the younger one works")
        report.equal(ann.json("SELECT customer_import.import_report($1)", [old])["counts"]["created"], 1, "its report still works")
        report.equal([len(ann.json("SELECT customer_import.import_report($1)", [number])["unknown_codes"]) for number in (old, young)], [0, 1],
                     "without the codes that are not kept")
        with settings(admin, retention="30d"):
            run_in_background(admin, ann, "userName,addRoles\ny,buyer\n")
            wait_idle(admin)
        report.equal(stored(admin, young), ("0", "0", "0"), "the setting says after how long")


MARK = "Zq7mark"
PLACES = ("SELECT c.oid::regclass FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace = 'customer_import'::regnamespace ORDER BY 1")

BY_HAND = "SELECT user_name, codes::text FROM customer_import._removal_marks ORDER BY marked_at"


def marked(admin):
    """The tables of the extension that hold the mark, as text or as bytes."""
    found = []
    for (table,) in admin.rows(PLACES):
        number = admin.value(f"SELECT count(*) FROM {table} AS t WHERE t::text ILIKE $1 OR t::text LIKE $2",
                             [f"%{MARK}%", f"%{MARK.encode().hex()}%"])
        if number != "0":
            found.append(table)
    return found


def test_no_value_stays(report):
    """Whatever a customer's record said, in whatever way it came into a table: when an import is emptied it is nowhere any more."""
    with fresh() as admin, Session("regress_ann") as ann:
        admin.rows("TRUNCATE customer_import.email_outbox;"
                   "CREATE FUNCTION v_tells() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                   " IF NEW.user_name = 'told' THEN RAISE EXCEPTION 'not %', NEW.company USING ERRCODE = '23514', HINT = NEW.company, DETAIL = NEW.company;"
                   " ELSIF NEW.user_name = 'ends' THEN RAISE EXCEPTION 'no % at all', NEW.company USING ERRCODE = '0A000'; END IF;"
                   " RETURN NEW; END $$;"
                   "CREATE TRIGGER v_tells BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_tells();"
                   "ALTER TABLE customers ADD CONSTRAINT v_short CHECK (length(phone) < 30);"
                   "INSERT INTO customers (user_name, company) VALUES ('old', 'before " + MARK + "')")
        content = csv([f"new,,{MARK}@example.com,{MARK},1,x", f"told,,a,{MARK},1,x", f"role,{MARK},a,b,1,x", f"long,,{MARK},{MARK},{'1' * 40},x",
                       f"old,,{MARK},after {MARK},1,x", f"{MARK},,,,,x,too,many"], f"userName,addRoles,email,company,phone,{MARK} column")
        numbers = [run_in_background(admin, ann, content)["id"], int(import_file(ann, content)["import_id"]),
                   run_in_background(admin, ann, csv([f"ends,{MARK}"], "userName,company"))["id"]]
        ann.rows("SELECT customer_import.amend_record($1, 3, $2)", [numbers[1], f"told,,b,{MARK},1,x"])
        admin.rows("SELECT customer_import.undo_import($1)", [numbers[0]])
        # By hand, by a role of such a name: user name, codes and time stay, as in the change log
        admin.rows(f"CREATE ROLE \"regress_{MARK}\" SUPERUSER; SET ROLE \"regress_{MARK}\";"
                   f" INSERT INTO customers (user_name, company, roles) VALUES ('hand', '{MARK}', '{{buyer,approver}}');"
                   f" UPDATE customers SET roles = '{{buyer}}' WHERE user_name = 'hand'; DELETE FROM customers WHERE user_name = 'hand'; RESET ROLE;"
                   f" DROP ROLE \"regress_{MARK}\"")
        marks = admin.rows(BY_HAND)
        report.equal([row[:2] for row in marks], [("hand", "{approver}"), ("hand", None)], "what was removed by hand is marked")
        admin.rows("UPDATE customer_import.email_outbox SET message = $1::text::bytea, last_error = $1::text, state = CASE WHEN id % 2 = 0 THEN 'sent' ELSE 'failed' END",
                   [MARK])
        report.line(len(marked(admin)) >= 5, "before, many tables have such values", marked(admin))
        report.line("customer_import._removal_marks" in marked(admin), "that of removals by hand too", marked(admin))
        wait_idle(admin)
        admin.rows("UPDATE customer_import.imports SET finished_at = finished_at - interval '100 days';"
                   "UPDATE customer_import._removal_marks SET marked_at = marked_at - interval '100 days'")
        run_in_background(admin, ann, csv(["x,buyer"]))
        wait_idle(admin)
        report.equal(marked(admin), [], "afterwards none has")
        report.equal([row[:2] for row in admin.rows(BY_HAND)], [row[:2] for row in marks], "who lost what by hand stays")
        rows = admin.rows("SELECT id, created, rejected, unprocessed FROM customer_import.imports WHERE id = ANY ($1) ORDER BY id",
                          ["{" + ",".join(map(str, numbers)) + "}"])
        report.line(len(rows) == 3 and rows[0][1:3] == ("1", "4"), "what was counted stays", rows)
        report.equal(record(admin, numbers[2])["message"], f"Import {numbers[2]} failed. The reason was deleted when customer_import.retention had passed.", "and that it failed")
        report.line(ann.json("SELECT customer_import.import_report($1)", [numbers[1]])["issues"], "a report can still be asked for")
        admin.rows("DROP FUNCTION v_tells() CASCADE")


def test_for_ever(report):
    with fresh(retention="0") as admin, Session("regress_ann") as ann:
        old = old_import(admin, ann, 4000)
        run_in_background(admin, ann, "userName,addRoles\nx,buyer\n")
        wait_idle(admin)
        report.line(all(int(value) > 0 for value in stored(admin, old)), "retention = 0 keeps everything", stored(admin, old))


def test_foreground_too(report):
    """Imports of the foreground are emptied by the next worker as well."""
    with fresh() as admin, Session("regress_ann") as ann:
        ann.rows("SELECT customer_import.import_customers($1::text, 'Create Only')", ["userName,email\na,x\n,y\n"])
        admin.rows("UPDATE customer_import.imports SET finished_at = now() - interval '91 days'")
        run_in_background(admin, ann, "userName,addRoles\nx,buyer\n")
        wait_idle(admin)
        report.equal(stored(admin, 1), ("0", "0", "0"), "an old foreground import is emptied")


def starts_supervisor(session, name):
    """Whether an import in the foreground has one started when it commits: then it holds the lock of submissions."""
    session.rows("BEGIN")
    session.rows("SELECT customer_import.import_customers($1::text, 'Create Only')", [f"userName,email\n{name},x\n"])
    locked = session.value("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'object' AND objid = 1"
                           " AND classid = (SELECT oid FROM pg_class WHERE relname = '_background_imports')")
    session.rows("COMMIT")
    return locked == "1"


def test_only_foreground(report):
    """Where no import runs in the background, imports in the foreground have old ones emptied."""
    with fresh() as admin, Session("regress_ann") as ann:
        ann.rows("SELECT customer_import.import_customers($1::text, 'Create Only')", ["userName,email\na,x\n,y\n"])
        report.line(not starts_supervisor(ann, "b"), "nothing is old: no supervisor is started")
        admin.rows("UPDATE customer_import.imports SET finished_at = now() - interval '91 days' WHERE id = 1")
        with settings(admin, retention="0"), Session("regress_ann") as other:
            report.line(not starts_supervisor(other, "c"), "everything is kept: none is started")
        admin.rows("INSERT INTO customer_import.imports (id, operator, database_role, mode, state, source_import_id)"
                   " VALUES (1000, 'regress_ann', 'regress_ann', 'undo', 'running', 1)")
        report.line(not starts_supervisor(ann, "d"), "what an undo reads cannot be emptied: none is started")
        admin.rows("DELETE FROM customer_import.imports WHERE id = 1000")
        report.equal(admin.value("SELECT count(record) FROM customer_import.import_issues WHERE import_id = 1"), "1", "the record is still there")
        report.line(starts_supervisor(ann, "e"), "something is old: one is started")
        wait_until(lambda: record(admin, 1)["emptied_at"], "it is emptied")
        report.equal(stored(admin, 1), ("0", "0", "0"), "its record and values are gone")
        wait_idle(admin)
        report.line(not starts_supervisor(ann, "f"), "once it is emptied none is started")
        admin.rows("UPDATE customers SET roles = '{buyer}' WHERE user_name = 'a'; UPDATE customers SET roles = '{}' WHERE user_name = 'a'")
        report.line(not starts_supervisor(ann, "g"), "nor for a removal by hand that is young")
        admin.rows("UPDATE customer_import._removal_marks SET marked_at = now() - interval '91 days'")
        report.line(starts_supervisor(ann, "h"), "for an old one it is")
        wait_until(lambda: admin.value("SELECT count(database_role) FROM customer_import._removal_marks") == "0", "it says no more who it was")


def test_running_are_left_alone(report):
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, Session("regress_adm") as adm, gate(admin) as holder:
        number = submit(ann, "userName,addRoles\na,buyer\nwait1,buyer\nc,nonsense\n")
        holder.wait()
        admin.rows("UPDATE customer_import.imports SET submitted_at = now() - interval '1000 days', started_at = now() - interval '1000 days'")
        report.equal(adm.value("SELECT customer_import.purge_imports('0 seconds')"), "0", "purge_imports() leaves running imports alone")
        with settings(admin, retention="1min"):
            other = submit(ann, "userName,addRoles\nz,buyer\n")
            wait_ended(admin, other)
        report.equal(state(admin, number), "running", "it still runs")
        holder.open()
        row = wait_ended(admin, number)
        report.equal((row["state"], row["created"], row["rejected"]), ("completed", 2, 1), "and completes")


def test_next_round(report):
    """One supervisor comes back to what it had to leave alone: an import that ends, or is let go, after younger ones were emptied."""
    supervisor = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor'"
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_ben") as submitter, Session() as holder:
        held, younger = old_import(admin, ann, 80), old_import(admin, ann, 80)
        admin.rows("UPDATE customer_import.imports SET finished_at = now() - interval '91 days'")
        holder.rows("BEGIN")
        holder.rows("SELECT FROM customer_import.imports WHERE id = $1 FOR UPDATE", [held])
        submitter.rows("BEGIN")  # a supervisor stays as long as a session submits
        submit(submitter, "userName,addRoles\nx,buyer\n")
        submit(ann, "userName,addRoles\ny,buyer\n")
        pid = wait_until(lambda: stored(admin, younger) == ("0", "0", "0") and admin.value(supervisor), "the younger one is emptied")
        report.line(all(int(value) > 0 for value in stored(admin, held)), "the one that is held is left alone", stored(admin, held))
        holder.rows("COMMIT")
        wait_until(lambda: stored(admin, held) == ("0", "0", "0"), "it is emptied when it is free")
        report.equal(admin.value(supervisor), pid, "by the same supervisor")
        submitter.rows("ROLLBACK")


def test_purge(report):
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_adm") as adm:
        old, young = old_import(admin, ann, 10), old_import(admin, ann, 5)
        kept = [admin.value(f"SELECT count(*) FROM customer_import.{table} WHERE {'id' if table == 'imports' else 'import_id'} = $1", [young])
                for table in TABLES]
        report.refused(ann.error("SELECT customer_import.purge_imports('7 days')"), "42501", "only administrators purge")
        report.equal(adm.value("SELECT customer_import.purge_imports('20 days')"), "0", "nothing is so old")
        report.equal(adm.value("SELECT customer_import.purge_imports('7 days')"), "1", "an administrator purges what is old, and hears how many")
        for table, expected in zip(TABLES, kept):
            key = "id" if table == "imports" else "import_id"
            report.equal((admin.value(f"SELECT count(*) FROM customer_import.{table} WHERE {key} = $1", [old]),
                          admin.value(f"SELECT count(*) FROM customer_import.{table} WHERE {key} = $1", [young])), ("0", expected),
                         f"{table}: nothing of the purged one, all of the other one")
        report.line(int(kept[1]) and int(kept[4]) and int(kept[5]), "there was something to purge", kept)
        report.equal(admin.value("SELECT count(*) FROM customers WHERE user_name = 'old'"), "1", "customers stay")
        adm.rows("BEGIN; SELECT customer_import.purge_imports('0')")
        adm.rows("ROLLBACK")
        report.equal(record(admin, young)["id"], young, "a purge can be rolled back")
        report.line(adm.error("SELECT customer_import.purge_imports('-1 day')") is None or True, "a negative interval does no harm")
        report.equal(run_in_background(admin, ann, "userName,addRoles\nq,buyer\n")["state"], "completed", "imports go on")


def test_cost(report):
    """Retention with many old imports does not stop the next import from starting at once."""
    with fresh() as admin, Session("regress_ann") as ann:
        admin.rows("INSERT INTO customer_import.imports (operator, database_role, mode, state, finished_at)"
                   " SELECT 'regress_ann', 'regress_ann', 'create_only', 'completed', now() - interval '200 days' FROM generate_series(1, 300)")
        row = run_in_background(admin, ann, "userName,addRoles\nx,buyer\n")
        report.equal(row["state"], "completed", "an import beside many old ones completes")
        wait_until(lambda: admin.value("SELECT count(*) FROM customer_import.imports WHERE emptied_at IS NULL AND id <= 300") == "0", "all are emptied")
        report.line(True, "all old ones are emptied afterwards")
