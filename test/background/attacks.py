"""What ordinary users must not be able to do to the machinery of imports in the background."""

from harness import HOLDERS, Session, counts_of, fresh, gate, run_in_background, submit, wait_ended

TABLES = ("_import_files", "_background_imports", "_import_slices", "imports", "import_issues", "_import_change_pages", "_removal_marks")


def test_tables(report):
    """Only superusers write the queue; an operator reads only its own."""
    with fresh() as admin, Session("regress_ann") as ann, gate(admin) as holder:
        number = submit(ann, "userName,addRoles\nwait1,buyer\n")
        holder.wait()
        for user in ("regress_ann", "regress_adm", "regress_web", "regress_viv", "regress_out"):
            with Session(user) as session:
                for table in TABLES:
                    for sql in (f"INSERT INTO customer_import.{table} DEFAULT VALUES", f"DELETE FROM customer_import.{table}",
                                f"TRUNCATE customer_import.{table}",
                                f"DO 'BEGIN LOCK TABLE customer_import.{table} IN ACCESS EXCLUSIVE MODE; END'",
                                f"DO 'BEGIN LOCK TABLE customer_import.{table} IN SHARE MODE; END'"):
                        report.refused(session.error(sql), "42501", f"{user}: {sql}")
                for sql in ("UPDATE customer_import.imports SET state = 'completed'", "UPDATE customer_import._background_imports SET role_oid = 10",
                            "UPDATE customer_import._background_imports SET acts = true", "UPDATE customer_import._import_slices SET position = 0",
                            "UPDATE customer_import._import_files SET bytes = ''", "SELECT * FROM customer_import._import_files",
                            "SELECT settings FROM customer_import._background_imports",
                            "SELECT * FROM customer_import.imports FOR UPDATE", "SELECT * FROM customer_import._import_slices FOR SHARE"):
                    report.refused(session.error(sql), "42501", f"{user}: {sql}")
                seen = session.error("SELECT * FROM customer_import._import_slices")
                slices = session.value("SELECT count(*) FROM customer_import._import_slices") if seen is None else None
                expected = {"regress_ann": ("1",), "regress_adm": ("1",), "regress_web": ("0",), "regress_viv": ("0",), "regress_out": (None,)}
                report.line(slices in expected[user], f"{user} sees the slices of its own imports only", slices)
        holder.open()
        report.equal(wait_ended(admin, number)["state"], "completed", "the import is untouched")


def test_functions(report):
    """Functions that are for the extension alone cannot be called, but for those that imports need, which then answer nothing."""
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_out") as out:
        internal = [row[0] for row in admin.rows(
            "SELECT p.oid::regprocedure::text FROM pg_proc AS p WHERE p.pronamespace = 'customer_import'::regnamespace AND proname LIKE '\\_%'"
            " ORDER BY 1")]
        report.line(len(internal) >= 6, "there are internal functions", internal)
        for user, session in (("regress_ann", ann), ("regress_out", out)):
            allowed = [row[0] for row in admin.rows("SELECT f FROM unnest($1::text[]) AS f WHERE has_function_privilege($2, f, 'EXECUTE')",
                                                    ["{" + ",".join('"' + name.replace('"', '\\"') + '"' for name in internal) + "}", user])]
            names = sorted(name.split("(")[0].split(".")[-1] for name in allowed)
            expected = {"regress_out": ["_search_text"],
                        "regress_ann": ["_blockers", "_decide", "_export_customers", "_export_spreadsheet", "_free_worker_slots", "_may_resume", "_may_reverse",
                                        "_merged_roles", "_open_import", "_progress_bar", "_read_change_page", "_remaining_blockers", "_running_imports", "_search_text", "_visible_import", "_waits"]}
            report.equal(names, expected[user], f"internal functions that {user} may call")
        report.line(ann.error("SELECT customer_import._decide(1, 0, true, '(0,0)'::tid, '1'::xid, '{}'::text[], 'x'::text)") is not None,
                    "_decide() answers nobody without a running import")
        report.line(ann.error("SELECT customer_import._merged_roles(1, 0)") is not None, "nor does _merged_roles()")
        for name in ("ci_worker_main", "ci_supervisor_main", "ci_launcher_main", "ci_watcher_main"):
            for sql in (f"CREATE FUNCTION public.regress_evil() RETURNS void LANGUAGE c AS '$libdir/customer_import', '{name}'",):
                report.refused(ann.error(sql), "42501", f"{name} cannot be made a function")


def test_locks(report):
    """Locks of workers and supervisors cannot be taken by what users have: advisory locks, LOCK TABLE, COMMENT, row locks."""
    with fresh() as admin, Session("regress_eve") as eve, Session("regress_ann") as ann:
        eve.rows("BEGIN")
        # The same numbers in every kind of advisory lock
        eve.rows("SELECT pg_advisory_lock(c.oid::bigint), pg_advisory_lock(c.oid::int, 0), pg_advisory_lock(c.oid::int, 1),"
                 " pg_advisory_lock(0), pg_advisory_lock(1), pg_advisory_lock(1, 0)"
                 " FROM pg_class AS c WHERE relname IN ('_background_imports', '_import_slices')")
        eve.rows("SELECT * FROM customer_import.imports; SELECT * FROM customer_import._import_slices")
        row = run_in_background(admin, ann, "userName,addRoles\na,buyer\n")
        report.equal(row["state"], "completed", "advisory locks hold up nothing")
        eve.rows("ROLLBACK; SELECT pg_advisory_unlock_all()")
        for sql in ("COMMENT ON TABLE customer_import._background_imports IS 'x'", "COMMENT ON COLUMN customer_import._import_slices.slice IS 'x'",
                    "ALTER TABLE customer_import._background_imports SET (fillfactor = 50)",
                    "CREATE TRIGGER x BEFORE UPDATE ON customer_import.imports FOR EACH ROW EXECUTE FUNCTION note_who()"):
            report.refused(eve.error(sql), "42501", f"an operator cannot: {sql}")


def test_unlock_all(report):
    """A user's trigger lets go of all advisory locks: the worker's own ones stay."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        admin.rows("CREATE FUNCTION v_lets_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_unlock_all(); RETURN NEW; END $$;"
                   "CREATE TRIGGER v_lets_go BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_lets_go()")
        number = submit(ann, "userName,addRoles\na,buyer\nwait1,buyer\nc,buyer\n")
        holder.wait()
        report.equal(len(admin.rows(HOLDERS, [number])), 1, "pg_advisory_unlock_all() in a trigger does not free the slice for others")
        ann.rows("SET statement_timeout = '2s'")
        error = ann.error("CALL customer_import.run_imports()")
        report.line(error is None, "nor does another session take it over", error)
        report.matches(ann.value("SELECT customer_import.cancel_import($1)", [number]), "stops after its batch", "nor for a cancel")
        holder.open()
        row = wait_ended(admin, number)
        report.equal(admin.value("SELECT count(*) FROM customers"), str(row["created"]), "what is counted is what was done")
        admin.rows("DROP FUNCTION v_lets_go() CASCADE")


def test_foreign_processes(report):
    """A worker of one operator cannot be signalled by another one; the supervisor by none."""
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_eve") as eve, gate(admin) as holder:
        number = submit(ann, "userName,addRoles\nwait1,buyer\n")
        holder.wait()
        pids = admin.rows("SELECT pid, backend_type FROM pg_stat_activity WHERE backend_type LIKE 'customer_import %'")
        report.equal(sorted(kind for _, kind in pids), ["customer_import supervisor", "customer_import worker"],
                     "pg_stat_activity shows a supervisor and a worker")
        for pid, kind in pids:
            for function in ("pg_terminate_backend", "pg_cancel_backend"):
                report.refused(eve.error(f"SELECT {function}({pid})"), "42501", f"another operator cannot {function} the {kind}")
        report.equal(eve.value("SELECT count(*) FROM customer_import.import_status"), "0", "nor see the import")
        holder.open()
        report.equal(wait_ended(admin, number)["state"], "completed", "it completes")


def test_canceled_statement(report):
    """pg_cancel_backend() of a worker's statement neither loses nor repeats anything."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        number = submit(ann, "userName,addRoles\na,buyer\nwait1,buyer\nc,buyer\n")
        holder.wait()
        ann.rows("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'customer_import worker'")
        holder.open()
        row = wait_ended(admin, number)
        report.line(row["state"] in ("completed", "failed", "canceled") and sum(counts_of(row)) == 3,
                    "a worker whose statement is canceled ends in a clear state", row)
        report.equal(admin.value("SELECT count(*) FROM customers"), str(row["created"]), "with what it has counted")


def test_deferred_trigger(report):
    """What an operator defers to the commit runs with its rights: nothing runs as the supervisor."""
    with fresh(batch_rows=1) as admin, Session("regress_eve") as eve:
        admin.rows("CREATE FUNCTION v_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                   " INSERT INTO seen (user_name, current_name, session_name, operator, is_superuser) VALUES (NEW.user_name, current_user,"
                   " session_user, customer_import.current_operator(), current_setting('is_superuser'));"
                   " BEGIN EXECUTE 'ALTER ROLE regress_eve SUPERUSER'; EXCEPTION WHEN OTHERS THEN UPDATE seen SET more = SQLSTATE"
                   " WHERE user_name = NEW.user_name; END; RETURN NULL; END $$;"
                   "GRANT UPDATE ON seen TO regress_eve;"
                   "CREATE CONSTRAINT TRIGGER v_late AFTER INSERT ON customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION v_late()")
        row = run_in_background(admin, eve, "userName,addRoles\na,buyer\nb,buyer\n")
        report.equal(row["state"], "completed", "the import completes")
        report.equal(admin.rows("SELECT current_name, session_name, operator, is_superuser, more FROM seen"),
                     [("regress_eve", "regress_eve", "regress_eve", "off", "42501")] * 2, "deferred triggers run as the submitter, in vain")
        report.equal(admin.value("SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_eve'"), "f", "it is no superuser")
        admin.rows("DROP FUNCTION v_late() CASCADE")


def test_role_changes_in_triggers(report):
    """A trigger that resets the role, changes settings or tries to write the queue still runs as the submitter."""
    with fresh(batch_rows=1) as admin, Session("regress_eve") as eve:
        admin.rows("GRANT CREATE ON SCHEMA public TO regress_eve")
        admin.rows("CREATE FUNCTION v_tries() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE statement text; found text := ''; BEGIN"
                   " FOREACH statement IN ARRAY ARRAY['SET ROLE NONE', 'SET SESSION AUTHORIZATION DEFAULT', 'SET ROLE postgres',"
                   " 'SET customer_import.batch_rows = 7', 'UPDATE customer_import.imports SET state = ''completed''',"
                   " 'UPDATE customer_import._background_imports SET role_oid = 10', 'SELECT customer_import.act_as(''kim'')'] LOOP"
                   "  BEGIN EXECUTE statement; found := found || 'ok '; EXCEPTION WHEN OTHERS THEN found := found || SQLSTATE || ' '; END;"
                   " END LOOP; INSERT INTO seen (user_name, current_name, is_superuser, more) VALUES (NEW.user_name, current_user,"
                   " current_setting('is_superuser'), found); RETURN NEW; END $$;"
                   "CREATE TRIGGER v_tries BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_tries()")
        row = run_in_background(admin, eve, "userName,addRoles\na,buyer\nb,buyer\n")
        report.equal((row["state"], row["created"]), ("completed", 2), "the import completes")
        for name, super_user, found in admin.rows("SELECT current_name, is_superuser, more FROM seen"):
            report.equal((name, super_user, found.split()[2:]), ("regress_eve", "off", ["42501"] * 5), "it wins nothing")
        admin.rows("REVOKE CREATE ON SCHEMA public FROM regress_eve; DROP FUNCTION v_tries() CASCADE")
