"""Settings: the caller's are kept for the worker where texts are read by them, the role's are obeyed, none breaks an import."""


from harness import (DATABASE, Session, adds_up, counts_of, csv, fresh, gate, new_customers, record, run_in_background, settings,
                     submit, wait_ended, wait_until)

NOTE = "CREATE TRIGGER v_note AFTER INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION note_who()"
DEPENDS = ("CREATE OR REPLACE FUNCTION v_day() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.company := NEW.company::date::text || ' ' ||"
           " extract(epoch FROM NEW.phone::timestamptz)::bigint || ' ' || local_name(); RETURN NEW; END $$;"
           "CREATE TRIGGER v_day BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_day()")


def test_caller_settings(report):
    """DateStyle, TimeZone and search_path of the session, of SET LOCAL, and of the role."""
    content = "userName,company,phone\n%s,01/02/2003,2003-01-02 03:04\n"
    with fresh() as admin, Session("regress_ann") as ann:
        admin.rows("CREATE SCHEMA v_one; CREATE SCHEMA v_two; GRANT USAGE ON SCHEMA v_one, v_two TO PUBLIC;"
                   "CREATE FUNCTION v_one.local_name() RETURNS text LANGUAGE sql AS $$SELECT 'one'$$;"
                   "CREATE FUNCTION v_two.local_name() RETURNS text LANGUAGE sql AS $$SELECT 'two'$$;" + DEPENDS + ";" + NOTE)
        ann.rows("SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Tokyo'; SET search_path = v_one, public")
        row = run_in_background(admin, ann, content % "a")
        report.equal(row["state"], "completed", "a trigger that depends on settings works")
        ann.rows("BEGIN; SET LOCAL DateStyle = 'SQL, MDY'; SET LOCAL TimeZone = 'America/New_York'; SET LOCAL search_path = v_two, public")
        number = submit(ann, content % "b")
        ann.rows("COMMIT")
        wait_ended(admin, number)
        admin.rows("ALTER ROLE regress_ann SET TimeZone = 'UTC'")
        ann.rows("SET search_path = v_two, v_one, public; SET DateStyle = 'ISO, DMY'; SET TimeZone = 'Europe/Berlin'")
        run_in_background(admin, ann, content % "c")
        admin.rows("ALTER ROLE regress_ann RESET TimeZone")
        report.equal(admin.rows("SELECT user_name, company FROM customers ORDER BY 1"),
                     [("a", "01/02/2003 1041444240 one"), ("b", "01/02/2003 1041494640 two"), ("c", "2003-02-01 1041473040 two")],
                     "texts are read by DateStyle, TimeZone and search_path of the caller")
        report.equal(admin.rows("SELECT user_name, date_style, time_zone, path FROM seen ORDER BY 1"),
                     [("a", "SQL, DMY", "Asia/Tokyo", "v_one, public"), ("b", "SQL, MDY", "America/New_York", "v_two, public"),
                      ("c", "ISO, DMY", "Europe/Berlin", "v_two, v_one, public")], "a trigger sees them")
        admin.rows("DROP FUNCTION v_day() CASCADE; DROP SCHEMA v_one, v_two CASCADE")


def test_settings_in_each_batch(report):
    """What a trigger sets does not last longer than its transaction."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann:
        admin.rows("CREATE FUNCTION v_sets() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                   " INSERT INTO public.seen (user_name, date_style, path) VALUES (NEW.user_name, current_setting('DateStyle'),"
                   " current_setting('search_path')); PERFORM set_config('DateStyle', 'German', false);"
                   " PERFORM set_config('search_path', 'pg_temp', false); RETURN NEW; END $$;"
                   "CREATE TRIGGER v_sets BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_sets()")
        row = run_in_background(admin, ann, "userName,addRoles\na,buyer\nb,buyer\nc,buyer\n")
        report.equal((row["state"], row["created"]), ("completed", 3), "a trigger that changes settings does not break the next batch")
        report.equal(admin.rows("SELECT DISTINCT date_style, path FROM seen"), [("ISO, MDY", '"$user", public')],
                     "each batch begins with the caller's settings")
        admin.rows("DROP FUNCTION v_sets() CASCADE")


def test_role_settings(report):
    """Settings of the role that stop a naive worker: read only, serializable, deferrable, row_security off, replication role."""
    for name, value in (("default_transaction_isolation", "serializable"), ("default_transaction_isolation", "repeatable read"),
                        ("default_transaction_read_only", "on"), ("default_transaction_deferrable", "on"), ("jit", "off"),
                        ("idle_in_transaction_session_timeout", "10ms"), ("work_mem", "64kB"), ("enable_nestloop", "off")):
        with fresh(batch_rows=50) as admin, Session("regress_ann") as ann:
            with settings(admin, scope="ROLE regress_ann", **{name: value}):
                row = run_in_background(admin, ann, new_customers(200))
                report.equal((row["state"], row["created"]), ("completed", 200), f"{name} = {value} of the role does not break an import")
            with settings(admin, **{name: value}):
                row = run_in_background(admin, ann, new_customers(200, rest=",approver"))
                report.equal((row["state"], row["updated"]), ("completed", 200), f"{name} = {value} of the database neither")
            admin.rows(f"SET {name} = DEFAULT")


def test_row_security_off(report):
    """row_security = off makes statements fail that a policy would filter: as in the foreground, customers do not show up."""
    with fresh() as admin, Session("regress_ann") as ann:
        admin.rows("INSERT INTO customers (user_name, company) VALUES ('x', 'theirs');"
                   "CREATE POLICY v_mine ON customers AS RESTRICTIVE TO regress_ann USING (company = 'mine')")
        with settings(admin, scope="ROLE regress_ann", row_security="off"):
            row = run_in_background(admin, ann, "userName,company\nx,mine\ny,mine\n")
        report.line(row["state"] in ("failed", "completed") and adds_up(row), "row_security = off ends in a clear state", row)
        report.equal(admin.value("SELECT company FROM customers WHERE user_name = 'x'"), "theirs", "what is hidden is not touched")


def test_statement_timeout(report):
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        with settings(admin, scope="ROLE regress_ann", statement_timeout="300ms"):
            number = submit(ann, "userName,addRoles\na,buyer\nwait1,buyer\nc,buyer\n")
            row = wait_ended(admin, number)
            report.equal((row["state"], row["created"], adds_up(row)), ("failed", 1, True),
                         "a batch that takes longer than the role's statement_timeout ends the import")
            report.matches(row["message"], "statement timeout", "its message says so")
            holder.open()
            row = wait_ended(admin, submit(ann, "userName,addRoles\n" + "".join(f"u{n},buyer\n" for n in range(300))))
            report.equal((row["state"], row["created"]), ("completed", 300), "batches that are short enough together take longer")


def test_other_timeouts(report):
    """No other timeout that the server has ends a worker."""
    with Session() as session:
        names = session.value("SELECT string_agg(name, ' ') FROM pg_settings WHERE name LIKE '%timeout' AND context = 'user' AND unit = 'ms'"
                               " AND name NOT IN ('statement_timeout', 'lock_timeout') AND name NOT LIKE 'customer_import.%'").split()
    report.line("idle_session_timeout" in names, "the server has timeouts", names)
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann:
        admin.rows("CREATE FUNCTION v_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$;"
                   "CREATE TRIGGER v_slow BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_slow()")
        for name in names:
            admin.rows(f"ALTER ROLE regress_ann SET {name} = '20ms'")
            try:
                row = run_in_background(admin, ann, new_customers(3, prefix=name))
            finally:
                admin.rows(f"ALTER ROLE regress_ann RESET {name}")
            report.equal((row["state"], row["created"]), ("completed", 3), f"{name} of the role ends no worker")
        admin.rows("DROP FUNCTION v_slow() CASCADE")


def test_statement_timeout_of_the_whole(report):
    """The timeout is for a batch, not for the import."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann:
        admin.rows("CREATE FUNCTION v_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$;"
                   "CREATE TRIGGER v_slow BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_slow()")
        with settings(admin, scope="ROLE regress_ann", statement_timeout="400ms"):
            row = wait_ended(admin, submit(ann, new_customers(20)))
        report.equal((row["state"], row["created"]), ("completed", 20), "an import of 1 s in batches of 50 ms passes a timeout of 400 ms")
        admin.rows("DROP FUNCTION v_slow() CASCADE")


def test_import_timeout(report):
    with fresh(batch_rows=1, import_timeout="400ms") as admin, Session("regress_ann") as ann:
        admin.rows("CREATE FUNCTION v_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$;"
                   "CREATE TRIGGER v_slow BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_slow()")
        row = wait_ended(admin, submit(ann, new_customers(1000)))
        report.line(row["state"] == "failed" and row["created"] < 1000 and adds_up(row), "import_timeout ends an import after a batch",
                    (row["state"], counts_of(row)))
        report.matches(row["message"], r"customer_import\.import_timeout", "its message names the setting")
        report.equal(admin.value("SELECT count(*) FROM customers"), str(row["created"]), "what was committed stays")
        admin.rows("DROP FUNCTION v_slow() CASCADE")
    with fresh(batch_rows=1, import_timeout="1h") as admin, Session("regress_ann") as ann:
        row = wait_ended(admin, submit(ann, new_customers(100, prefix="fast")))
        report.equal(row["state"], "completed", "one that is done in time completes")


def test_import_timeout_while_it_waits(report):
    """An import that hangs in one batch ends too."""
    with fresh(batch_rows=1, import_timeout="500ms") as admin, Session("regress_ann") as ann, gate(admin) as holder:
        number = submit(ann, "userName,addRoles\na,buyer\nwait1,buyer\nc,buyer\n")
        try:
            wait_until(lambda: record(admin, number)["finished_at"] is not None, "it ends")
            row = record(admin, number)
            report.equal((row["state"], row["created"], adds_up(row)), ("failed", 1, True), "one that hangs in a batch is ended by import_timeout")
        except TimeoutError as error:
            report.line(False, "one that hangs in a batch is ended by import_timeout", error)
        holder.open()
        wait_ended(admin, number)


def test_superuser_settings(report):
    """batch_rows and the others are for superusers; an operator's own value in its session or role is refused."""
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_ann") as early:
        ann.rows("SELECT customer_import.current_operator()")  # loads the library
        for name in ("batch_rows", "workers_per_import", "max_running_imports", "max_queued_imports", "max_queued_bytes",
                     "import_timeout", "retention"):
            default = ann.value(f"SHOW customer_import.{name}")
            report.refused(ann.error(f"SET customer_import.{name} = 3"), "42501", f"an operator cannot set {name}")
            report.refused(early.error(f"ALTER ROLE regress_ann SET customer_import.{name} = 3"), "42501", f"nor for its role: {name}")
            with Session("regress_ann") as placeholder:
                placeholder.rows(f"SET customer_import.{name} = 3")
                placeholder.rows("SELECT customer_import.current_operator()")
                report.equal(placeholder.value(f"SHOW customer_import.{name}"), default, f"nor before the library is loaded: {name}")
        report.line(ann.error("SET customer_import.databases = 'x'") is not None, "nor the databases of the launcher")
        admin.rows("SELECT customer_import.current_operator()")
        report.line(admin.error("SET customer_import.batch_rows = 0") is not None, "a batch of no records is refused")
        report.equal(admin.value("SELECT count(*) FROM pg_settings WHERE name LIKE 'customer_import.%' AND context NOT IN ('superuser', 'sighup')"),
                     "0", "no setting is a user's")


def test_activity(report):
    """pg_stat_activity says what the processes are."""
    with fresh() as admin, Session("regress_ann") as ann, gate(admin) as holder:
        submit(ann, "userName,addRoles\nwait1,buyer\n")
        holder.wait()
        rows = admin.rows("SELECT backend_type, usename, datname FROM pg_stat_activity"
                          " WHERE backend_type LIKE 'customer_import %' ORDER BY 1")
        report.equal([row[0] for row in rows], ["customer_import supervisor", "customer_import worker"], "the types of the processes")
        report.equal((rows[1][1:], rows[0][2]), (("regress_ann", DATABASE), DATABASE), "the worker's role and database")
        report.equal(admin.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor'"
                                 " AND backend_xmin IS NOT NULL AND state = 'idle'"), "0", "the supervisor holds no snapshot while it waits")
        event = "CustomerImport" if admin.version >= 170000 else "Extension"
        wait_until(lambda: admin.value("SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor'") == event,
                   "the supervisor's wait has its name")
        report.line(True, "the supervisor's wait has its name")
        activity = admin.rows("SELECT state, query FROM pg_stat_activity WHERE backend_type = 'customer_import worker'")
        report.line(activity[0][0] == "active" and activity[0][1], "the worker reports what it does", activity)
        holder.open()


def test_large_record_order(report):
    """Nothing of the caller's temporary schema or operators leads the worker astray."""
    with fresh() as admin, Session("regress_ann") as ann:
        admin.rows("CREATE SCHEMA v_evil; GRANT ALL ON SCHEMA v_evil TO regress_ann")
        ann.rows("CREATE TABLE v_evil.customers (user_name text, roles text[]); CREATE TABLE v_evil.imports (id bigint);"
                 "CREATE FUNCTION v_evil.sum(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 666::bigint';"
                 "CREATE FUNCTION v_evil.count() RETURNS bigint LANGUAGE sql AS 'SELECT 666::bigint';"
                 "CREATE FUNCTION v_evil.equal(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';"
                 "CREATE OPERATOR v_evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = v_evil.equal);"
                 "SET search_path = v_evil, pg_catalog, public")
        row = run_in_background(admin, ann, csv(("a,buyer", "b,buyer")))
        report.equal((row["state"], counts_of(row)), ("completed", (2, 0, 0, 0, 0, 0)), "objects in front of the caller's path change nothing")
        report.equal(admin.value("SELECT count(*) FROM public.customers"), "2", "the customers are in the true table")
        ann.rows("RESET search_path")
        admin.rows("DROP SCHEMA v_evil CASCADE")
