"""Imports inside of other things: errors of the user's own triggers, PL/pgSQL that catches them and continues, procedures,
cursors, triggers, isolation levels."""

from waits import wait_until
from harness import IMPORT, contents, created, csv, import_text, new_customers, open_session, usable

PROPAGATE = ("XX000", "XX001", "40001", "40P01", "53100", "53200", "54001", "55P03", "57014", "58030", "0A000", "08006", "55000")
REJECT = ("22003", "22P02", "23503", "23514", "23P01", "44000", "P0001", "P0002", "P0004", "P0ABC")

ONE = "E'userName,addRoles\\none,buyer\\n'"
TWO = "E'userName,addRoles\\ntwo,buyer\\n'"
REFUSED = "'not a file'"
FAILS = "E'userName,addRoles\\nok,buyer\\nboom,buyer\\n'"


def call(text, options=""):
    return f"customer_import.import_customers({text}, 'Create & Update'{options})"


PREPARE = """
CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT generate_series(1, 3) LOOP
        IF NEW.user_name LIKE 'boom%' THEN
            RAISE EXCEPTION USING MESSAGE = repeat('boom€', TG_ARGV[1]::int), DETAIL = 'the detail', HINT = 'the hint',
                ERRCODE = TG_ARGV[0], CONSTRAINT = 'the constraint', COLUMN = 'the column', TABLE = 'the table',
                SCHEMA = 'the schema', DATATYPE = 'the type';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
CREATE FUNCTION set_boom(sqlstate text, times int DEFAULT 1, timing text DEFAULT 'BEFORE') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TRIGGER IF EXISTS boom ON customers;
    IF timing = 'DEFERRED' THEN
        EXECUTE format('CREATE CONSTRAINT TRIGGER boom AFTER INSERT ON customers DEFERRABLE INITIALLY DEFERRED'
                       ' FOR EACH ROW EXECUTE FUNCTION boom(%L, %L)', sqlstate, times);
    ELSIF sqlstate IS NOT NULL THEN
        EXECUTE format('CREATE TRIGGER boom %s INSERT ON customers FOR EACH ROW EXECUTE FUNCTION boom(%L, %L)', timing,
                       sqlstate, times);
    END IF;
END $$;
"""


def clean(session):
    session.rows("SELECT set_boom(NULL)")
    session.rows("TRUNCATE customers")


def users(session):
    return [row[0] for row in session.rows("SELECT user_name FROM customers ORDER BY user_name")]


def prepare(_):
    with open_session() as session:
        session.rows(PREPARE)


def trigger_errors(report):
    with open_session() as session:
        for timing in ("BEFORE", "AFTER", "DEFERRED"):
            wrong = []
            for state in PROPAGATE:
                clean(session)
                session.rows("SELECT set_boom($1, 1, $2)", [state, timing])
                before = contents(session)
                error = session.error(f"SELECT {call(FAILS)}")
                got = error and (error.sqlstate, error.message, error.detail, error.hint, error.constraint, error.column,
                                 error.table, error.schema, error.datatype)
                if got != (state, "boom€", "the detail", "the hint", "the constraint", "the column", "the table",
                           "the schema", "the type"):
                    wrong.append(f"{state}: {got}")
                if error and "function boom() line 7 at RAISE" not in (error.context or ""):
                    wrong.append(f"{state}: its context is {error.context}")
                if contents(session) != before or not usable(session):
                    wrong.append(f"{state}: something was applied, or the session does not work")
            report.line(not wrong, f"a trigger's error that is no record's fault propagates with its record: {timing}", *wrong)
            wrong = []
            for state in REJECT:
                clean(session)
                session.rows("SELECT set_boom($1, 1, $2)", [state, timing])
                row = session.rows(f"SELECT * FROM {call(FAILS)}")[0]
                issue = session.rows("SELECT sqlstate, message, detail, hint, line FROM customer_import.import_issues"
                                     " WHERE import_id = $1", [row[0]])
                if issue != [(state, "boom€", "the detail", "the hint", "3")] or users(session) != ["ok"]:
                    wrong.append(f"{state}: {issue}, {users(session)}")
                if not usable(session):
                    wrong.append(f"{state}: the session does not work")
            report.line(not wrong, f"a trigger's error that is a record's fault rejects the record: {timing}", *wrong)
        for times in (1000, 40000, 400000):
            clean(session)
            session.rows("SELECT set_boom('XX000', $1)", [times])
            with open_session() as fresh:  # whose memory nothing has been through yet
                error = fresh.error(f"SELECT {call(FAILS)}")
                report.line(error and error.message == "boom€" * times and error.hint == "the hint" and usable(fresh),
                            f"an error of {7 * times:,} bytes comes through whole")
        clean(session)
        session.rows("SELECT set_boom('23514', 100000)")
        row = session.rows(f"SELECT * FROM {call(FAILS)}")[0]
        report.equal((row[1], row[8]), ("completed", "1"), "a record is rejected with an error of 700,000 bytes")
        pending_constraint(report, session)
        clean(session)


def pending_constraint(report, session):
    """The caller's own fault, waiting in a deferred trigger, is raised where the import fires it: outside of all
    subtransactions of the import, below an SPI connection of PL/pgSQL."""
    for times in (1, 100000):
        clean(session)
        session.rows("SELECT set_boom('P0001', $1, 'DEFERRED')", [times])
        session.rows("BEGIN; INSERT INTO customers (user_name) VALUES ('boom')")
        error = session.error(f"SELECT {call(ONE)}")
        session.rows("ROLLBACK")
        report.line(error and error.sqlstate == "P0001" and error.message == "boom€" * times and error.hint == "the hint",
                    f"a pending fault of the caller propagates whole ({7 * times:,} bytes)", error)
        report.line(usable(session), "and leaves a session that works")
    session.rows("SELECT set_boom('P0001', 1, 'DEFERRED')")
    got = session.error(f"""
        DO $$
        DECLARE
            one record;
        BEGIN
            FOR round IN 1..50 LOOP
                BEGIN
                    INSERT INTO customers (user_name) VALUES ('boom');
                    PERFORM {call(ONE)};
                    RAISE EXCEPTION 'the import has not failed';
                EXCEPTION WHEN raise_exception THEN
                    IF SQLERRM <> 'boom€' THEN RAISE; END IF;
                END;
                SELECT * INTO one FROM {call(ONE)};
                IF one.state <> 'completed' THEN RAISE EXCEPTION 'wrong result: %', one; END IF;
            END LOOP;
        END $$""")
    report.line(got is None and users(session) == ["one"] and usable(session),
                "PL/pgSQL catches the pending fault 50 times and imports on in the same transaction", got)


def caught(report):
    """PL/pgSQL that catches the error of an import has a sound SPI stack."""
    with open_session() as session:
        clean(session)
        for name, text, state in (("refused file", REFUSED, None), ("broken file", "E'userName,addRoles\\na,\"b'", None),
                                  ("trigger's XX000", FAILS, "XX000"), ("trigger's 40001", FAILS, "40001"),
                                  ("wrong mode", "E'userName,addRoles\\na,b', mode => 'no'", None)):
            clean(session)
            session.rows("SELECT set_boom($1)", [state])
            failing = call(text) if "mode" not in text else f"customer_import.import_customers({text})"
            error = session.error(f"""
                DO $$
                DECLARE
                    one record;
                    cursor CURSOR FOR SELECT generate_series(1, 50) AS round;
                    failures int := 0;
                BEGIN
                    FOR step IN cursor LOOP
                        BEGIN
                            PERFORM {failing};
                        EXCEPTION WHEN OTHERS THEN
                            failures := failures + 1;
                        END;
                        SELECT * INTO one
                          FROM customer_import.import_customers(E'userName,addRoles\\nround' || step.round || ',buyer',
                               'Create Only');
                        IF one.created <> 1 THEN RAISE EXCEPTION 'wrong result: %', one; END IF;
                    END LOOP;
                    IF failures <> 50 THEN RAISE EXCEPTION 'only % failures', failures; END IF;
                END $$""")
            report.line(error is None and len(users(session)) == 50 and usable(session),
                        f"PL/pgSQL catches it 50 times and imports on in the same transaction: {name}", error)
            error = session.error(f"BEGIN; SAVEPOINT s; SELECT {failing}")
            report.equal((error is None, session.error("SELECT 1").sqlstate), (False, "25P02"),
                         f"a failed import fails the transaction: {name}")
            session.rows("ROLLBACK TO s")
            again = import_text(session, new_customers(3, "again"))
            session.rows("COMMIT")
            report.equal((again, len(users(session)), usable(session)), (created(3), 53, True),
                         f"after ROLLBACK TO the transaction imports and commits: {name}")
        clean(session)


def places(report):
    with open_session() as session:
        clean(session)

        def check(text, sql, expected, query="SELECT array_agg(user_name ORDER BY user_name) FROM customers"):
            session.rows("TRUNCATE customers")
            try:
                session.rows(sql)
                got = session.value(query)
            except Exception as error:  # pylint: disable=broad-except
                got = str(error)
                if not session.idle():
                    session.rows("ROLLBACK")
            report.equal((got, usable(session)), (expected, True), text)

        session.rows(f"""
            CREATE FUNCTION in_function(text) RETURNS bigint LANGUAGE plpgsql AS $$
            DECLARE one record; BEGIN SELECT * INTO one FROM {call('$1')}; RETURN one.created; END $$;
            CREATE FUNCTION in_sql(text) RETURNS bigint LANGUAGE sql AS $$ SELECT created FROM {call('$1')} $$;
            CREATE TABLE uploads (file text, created bigint);
            CREATE FUNCTION in_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.created := (SELECT created FROM {call('NEW.file')}); RETURN NEW; END $$;
            CREATE TRIGGER upload BEFORE INSERT ON uploads FOR EACH ROW EXECUTE FUNCTION in_trigger();
            CREATE TABLE late_uploads (file text);
            CREATE FUNCTION in_deferred_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM {call('NEW.file')}; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER late_upload AFTER INSERT ON late_uploads DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION in_deferred_trigger();
            CREATE PROCEDURE in_procedure() LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM {call(ONE)};
                COMMIT;
                PERFORM {call(TWO)};
                ROLLBACK;
                FOR round IN 1..5 LOOP
                    PERFORM customer_import.import_customers(E'userName,addRoles\\nround' || round || ',buyer', 'Create Only');
                    COMMIT;
                END LOOP;
            END $$;""")
        check("inside a PL/pgSQL function", f"SELECT in_function({ONE})", "{one}")
        check("inside a SQL function", f"SELECT in_sql({ONE})", "{one}")
        check("inside a trigger", f"INSERT INTO uploads VALUES ({ONE}), ({TWO})", "{one,two}")
        check("inside a trigger that fires at COMMIT", f"INSERT INTO late_uploads VALUES ({ONE}), ({TWO})", "{one,two}")
        check("inside a trigger that fires at COMMIT and fails", f"INSERT INTO late_uploads VALUES ({ONE}), ({REFUSED})",
              '22P04: the header has no column "userName"')
        check("nothing of that transaction is left", "SELECT 1", None)
        check("inside a procedure that commits and rolls back around it", "CALL in_procedure()",
              "{one,round1,round2,round3,round4,round5}")
        check("inside DO with COMMIT in a loop over a cursor", f"""DO $$ DECLARE one record; BEGIN
            FOR one IN SELECT unnest(ARRAY[{ONE}, {TWO}]) AS file LOOP PERFORM {call('one.file')}; COMMIT; END LOOP; END $$""",
              "{one,two}")
        check("from a cursor", f"BEGIN; DECLARE c CURSOR FOR SELECT {call(ONE)}; FETCH 1 FROM c; FETCH 1 FROM c; CLOSE c;"
              " COMMIT", "{one}")
        check("from a cursor that is left open", f"BEGIN; DECLARE c CURSOR FOR SELECT {call(ONE)} UNION ALL"
              f" SELECT {call(TWO)}; FETCH 1 FROM c; COMMIT", "{one}")
        check("from a cursor WITH HOLD", f"BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT {call(ONE)}; COMMIT; FETCH c; CLOSE c",
              "{one}")
        check("from a loop over its own rows", f"DO $$ DECLARE one record; BEGIN FOR one IN SELECT * FROM {call(ONE)} LOOP"
              f" PERFORM {call(TWO)}; END LOOP; END $$", "{one,two}")
        check("from a prepared statement, ten times", f"PREPARE i AS SELECT {call('$1')};"
              + "".join(f"EXECUTE i(E'userName,addRoles\\nround{n},buyer');" for n in range(10)) + "DEALLOCATE i",
              "{" + ",".join(f"round{n}" for n in range(10)) + "}")
        check("for every row of a query", "SELECT customer_import.import_customers(E'userName,addRoles\\nround' || n ||"
              " ',buyer', 'Create & Update') FROM generate_series(1, 3) AS n", "{round1,round2,round3}")
        check("joined by LATERAL", f"SELECT count(*) FROM unnest(ARRAY[{ONE}, {TWO}]) AS file, LATERAL {call('file')}",
              "{one,two}")
        check("under EXPLAIN ANALYZE", f"EXPLAIN ANALYZE SELECT {call(ONE)}", "{one}")
        check("into a new table", f"CREATE TEMP TABLE result AS SELECT * FROM {call(ONE)}; DROP TABLE result", "{one}")
        check("its row kept while a query takes much memory", f"CREATE TEMP TABLE kept AS SELECT i.state, max(i.message) AS"
              f" message, length(string_agg(repeat('x', g), '')) FROM {call(ONE)} AS i, generate_series(1, 5000) AS g"
              " GROUP BY i.state", "completed 1 created", "SELECT state || ' ' || substring(message FROM '1 created') FROM kept")
        check("in a savepoint that is rolled back", f"BEGIN; SAVEPOINT s; SELECT {call(ONE)}; ROLLBACK TO s;"
              f" SELECT {call(TWO)}; COMMIT", "{two}")
        check("in a transaction that is rolled back", f"BEGIN; SELECT {call(ONE)}; ROLLBACK", None)
        for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
            check(f"under {level}, twice", f"BEGIN ISOLATION LEVEL {level}; SELECT {call(ONE)}; SELECT {call(TWO)};"
                  f" SELECT {call(ONE)}; COMMIT", "{one,two}")
        check("READ ONLY", f"BEGIN READ ONLY; SELECT {call(ONE)}; COMMIT",
              "25006: cannot write in a read-only transaction")
        check("READ ONLY with a refused file", f"BEGIN READ ONLY; SELECT {call(REFUSED)}; COMMIT",
              "25006: cannot write in a read-only transaction")
        for function, arguments in (("_decide", "1, 0, true, '(0,1)'::tid, '1'::xid, '{}', 1"), ("_merged_roles", "1, 0"),
                                    ("_decide", "NULL, NULL, true, NULL, NULL, NULL, NULL::text"), ("_merged_roles", "NULL, NULL")):
            error = session.error(f"SELECT customer_import.{function}({arguments})")
            report.equal((error and error.sqlstate, usable(session)), ("55000", True),
                         f"{function}({arguments}) outside of an import is refused")
        nested_imports(report, session, check)


def nested_imports(report, session, check):
    session.rows(f"""
        CREATE FUNCTION imports_more() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF pg_trigger_depth() < TG_ARGV[0]::int THEN
                PERFORM customer_import.import_customers(E'userName,addRoles\\n' || NEW.user_name || E'x,buyer\\n',
                        'Create & Update');
            END IF;
            RETURN NEW;
        END $$;
        CREATE FUNCTION swallows() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            BEGIN
                PERFORM {call(REFUSED)};
            EXCEPTION WHEN OTHERS THEN
                INSERT INTO marks VALUES (SQLSTATE);
            END;
            RETURN NEW;
        END $$;
        CREATE FUNCTION calls_engine() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM customer_import._merged_roles(4711, 0);
            RETURN NEW;
        END $$;
        CREATE FUNCTION leaves_cursor() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE left_open refcursor;
        BEGIN
            OPEN left_open FOR SELECT generate_series(1, 10);
            MOVE 3 FROM left_open;
            RETURN NEW;
        END $$;""")

    def trigger(timing, function):
        return f"CREATE TRIGGER t {timing} INSERT ON customers FOR EACH ROW EXECUTE FUNCTION {function};"

    drop = "; DROP TRIGGER t ON customers"
    for timing in ("BEFORE", "AFTER"):
        check(f"an import inside the customers table's own {timing} trigger",
              trigger(timing, "imports_more('4')") + f"SELECT {call(ONE)}" + drop, "{one,onex,onexx,onexxx}")
    session.rows("TRUNCATE customers")
    session.rows(trigger("AFTER", "imports_more('1000000')"))
    before = contents(session)
    error = session.error(f"SELECT {call(ONE)}")
    report.equal((error and error.sqlstate, contents(session) == before, usable(session)), ("54001", True, True),
                 "an import that causes itself without end meets the stack limit; nothing applied")
    session.rows("DROP TRIGGER t ON customers; TRUNCATE marks")
    check("a trigger that catches the error of an import of its own",
          trigger("BEFORE", "swallows()") + f"SELECT {call(ONE)}; SELECT {call(TWO)}" + drop, "{one,two}")
    report.equal(session.rows("SELECT mark FROM marks"), [("22P04",), ("22P04",)], "it has seen the SQLSTATE")
    check("a trigger that calls the engine's own functions", trigger("BEFORE", "calls_engine()") + f"SELECT {call(ONE)}",
          "55000: no import is running here")
    check("a trigger that leaves a cursor open", trigger("BEFORE", "leaves_cursor()") + f"SELECT {call(ONE)}" + drop, "{one}")


# What no sane trigger does while its own table is imported into. An error or not: nothing may crash or stay behind.
NASTY = (
    "DROP EXTENSION customer_import CASCADE", "DROP TABLE customers CASCADE", "TRUNCATE customers", "DELETE FROM customers",
    "UPDATE customers SET phone = 'z'", "ALTER TABLE customers ADD COLUMN more int", "CREATE INDEX ON customers (email)",
    "ANALYZE customers", "CLUSTER customers USING customers_pkey", "SET LOCAL search_path = nowhere",
    "SET LOCAL ROLE pg_monitor", "RESET ALL", "DISCARD PLANS", "SET CONSTRAINTS ALL DEFERRED", "COMMIT", "SAVEPOINT s",
    "DISCARD ALL", "DECLARE left_open CURSOR FOR SELECT 1", "CLOSE ALL", "LISTEN nothing", "SET LOCAL work_mem = '64kB'",
    "SET LOCAL customer_import.batch_rows = 1", "CREATE TEMP TABLE customer_import_batch (o int)",
    "SELECT customer_import.detach_customers_table()", "DELETE FROM customer_import.role_codes",
    "SELECT customer_import.add_role_codes('{from_trigger}')", "DELETE FROM customer_import.imports",
    "TRUNCATE customer_import.imports", "ALTER TABLE customer_import.import_issues RENAME TO gone",
)


def nasty_triggers(report):
    with open_session() as session:
        clean(session)
        session.rows("""
            CREATE FUNCTION nasty() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.user_name = 'second' AND pg_trigger_depth() = 1 THEN EXECUTE TG_ARGV[0]; END IF;
                RETURN NEW;
            END $$;
            INSERT INTO customers (user_name) VALUES ('first'), ('second'), ('third')""")
        text = csv(["first,1,buyer", "second,2,buyer", "third,3,buyer", "fourth,4,approver"], "userName,phone,addRoles")
        before = contents(session)
        for timing in ("BEFORE", "AFTER"):
            wrong, failed = [], 0
            for command in NASTY:
                session.rows(f"BEGIN; CREATE TRIGGER nasty {timing} UPDATE ON customers FOR EACH ROW"
                             f" EXECUTE FUNCTION nasty($argument${command}$argument$)")
                failed += session.error(IMPORT, [text]) is not None
                session.rows("ROLLBACK")
                if contents(session) != before or not usable(session):
                    wrong.append(command)
            report.line(not wrong and 0 < failed < len(NASTY), f"{len(NASTY)} things that no {timing} trigger ought to do,"
                        " rolled back: nothing is left, the session works", *wrong, f"{failed} of them are errors")
        session.rows("DROP FUNCTION nasty()")
        clean(session)


def other_sessions(report):
    with open_session() as session, open_session() as other:
        clean(session)
        import_text(session, new_customers(3))
        other.rows("BEGIN; UPDATE customers SET phone = '1' WHERE user_name = 'user1'")
        session.rows("SET lock_timeout = '20ms'")
        before = contents(session)
        error = session.error(IMPORT, [csv(["new,buyer", "user1,companyAdmin"])])
        report.equal((error and error.sqlstate, contents(session) == before, usable(session)), ("55P03", True, True),
                     "a lock timeout propagates; nothing applied")
        session.rows("RESET lock_timeout")
        session.start(IMPORT, [csv(["new,buyer", "user1,companyAdmin"])])
        waits = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1"
        wait_until(lambda: other.value(waits, [session.pid]) == "Lock", "the import waits")
        session.cancel()
        error = failure(session)
        report.equal((error and error.sqlstate, contents(session) == before, usable(session)), ("57014", True, True),
                     "cancel while the import waits for a lock; nothing applied")
        session.start(IMPORT, [csv(["new,buyer", "user1,companyAdmin"])])
        wait_until(lambda: other.value(waits, [session.pid]) == "Lock", "the import waits")
        other.rows("COMMIT")
        row = session.finish()[0]
        report.equal((row[1], row[4], row[5]), ("completed", "1", "1"), "when the lock is given up the import goes on")
        session.rows("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        other.rows("UPDATE customers SET phone = '2' WHERE user_name = 'user2'")
        before = contents(other)
        error = session.error(IMPORT, [csv(["user2,companyAdmin"])])
        session.rows("ROLLBACK")
        report.equal((error and error.sqlstate, contents(session) == before, usable(session)), ("40001", True, True),
                     "a serialization failure propagates; nothing applied")
        session.rows("SET client_encoding = LATIN1")
        error = session.error("SELECT customer_import.import_customers(E'userName,\\u0434\\u0430\\n', 'Create & Update')")
        session.rows("SET client_encoding = UTF8")
        report.line(error is not None and usable(session), "an error that the client's encoding cannot express")
        clean(session)


def failure(session):
    try:
        session.finish()
    except Exception as error:  # pylint: disable=broad-except
        return error
    return None


def catalog(report):
    """The catalog that a session keeps, while other sessions change it."""
    with open_session() as session, open_session() as other:
        clean(session)
        session.rows("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM customers")
        other.rows("SELECT customer_import.add_role_codes('{late}')")
        session.rows("INSERT INTO customers (user_name, roles) VALUES ('early', '{buyer}'); COMMIT")
        error = session.error("INSERT INTO customers (user_name, roles) VALUES ('late', '{late}')")
        report.line(error is None, "a catalog read in an old snapshot is not kept beyond its transaction", error)
        session.rows("BEGIN; SELECT customer_import.add_role_codes('{never}');"
                     " INSERT INTO customers (user_name, roles) VALUES ('never', '{never}'); ROLLBACK")
        error = session.error("INSERT INTO customers (user_name, roles) VALUES ('never', '{never}')")
        report.equal(error and error.sqlstate, "23514", "a code that was rolled back is not in the kept catalog")
    with open_session() as session, open_session() as other:
        # The guard reads the catalog for the first time in the session's life while the news of a change arrives.
        session.rows("TRUNCATE customers; SELECT count(*) FROM customer_import.role_codes")  # its name is looked up already
        session.rows("""
            CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.user_name = 'second' THEN PERFORM pg_advisory_xact_lock(4713); END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER a_waits BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION waits();""")
        codes = [f"a{index}_LongEnoughForMemoryOfItsOwn" for index in range(200)]
        other.rows("SELECT customer_import.add_role_codes($1)", ["{" + ",".join(codes) + "}"])
        other.rows("SELECT pg_advisory_lock(4713)")
        wanted = sorted(codes[:60])
        session.start("INSERT INTO customers (user_name, roles) VALUES ('first', '{}'), ('second', $1)",
                      ["{" + ",".join(code.upper() for code in wanted) + "}"])
        waits = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1"
        wait_until(lambda: other.value(waits, [session.pid]) == "Lock", "the row waits")
        other.rows("SELECT customer_import.add_role_codes('{news}')")
        other.rows("SELECT pg_advisory_unlock(4713)")
        session.finish()
        got = session.value("SELECT array_to_string(roles, ',') FROM customers WHERE user_name = 'second'")
        report.equal(got, ",".join(wanted), "codes are spelled right while the catalog changes")
        session.rows("DROP TRIGGER a_waits ON customers; DROP FUNCTION waits(); TRUNCATE customers")
        session.rows("SELECT customer_import.remove_role_codes($1)", ["{" + ",".join([*codes, "late", "news"]) + "}"])


def run_all(report):
    for part in (prepare, trigger_errors, caught, places, nasty_triggers, other_sessions, catalog):
        report.run(part)
