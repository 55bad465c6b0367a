"""Plans and results that outlive a transaction on the server connection: prepared statements, cached plans of functions,
views, cursors. The next client uses them as another operator."""

from harness import (ANN, BEN, CUSTOMERS, DAVE, IDENTITY, NIA, NOBODY, OTHER, VIC, VIEW, WEB, superuser)

DENIED = "42501"
ALL = (ANN, VIC, NIA, BEN, NOBODY)

FUNCTIONS = f"""
CREATE SCHEMA plans;
GRANT USAGE ON SCHEMA plans TO PUBLIC;
CREATE VIEW plans.invoker WITH (security_invoker = true) AS SELECT * FROM public.customers;
GRANT SELECT ON plans.invoker TO PUBLIC;

CREATE FUNCTION plans.in_plpgsql() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint;
BEGIN
    SELECT count(*) INTO result FROM public.customers;
    RETURN result;
END $$;
CREATE FUNCTION plans.simple_expression() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN customer_import.current_operator();
END $$;
CREATE FUNCTION plans.rights_in_plpgsql() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE result boolean := customer_import.may_view_customers();
BEGIN
    RETURN result;
END $$;
CREATE FUNCTION plans.loops() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint := 0; one record;
BEGIN
    FOR one IN SELECT user_name FROM public.customers LOOP
        result := result + 1;
    END LOOP;
    RETURN result;
END $$;
CREATE FUNCTION plans.in_sql() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM public.customers $$;
CREATE FUNCTION plans.in_stable_sql() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(*) FROM public.customers $$;
CREATE FUNCTION plans.atomic() RETURNS bigint LANGUAGE sql STABLE
    BEGIN ATOMIC SELECT count(*) FROM public.customers; END;
CREATE FUNCTION plans.inlined() RETURNS SETOF public.customers LANGUAGE sql STABLE AS $$ SELECT * FROM public.customers $$;
CREATE FUNCTION plans.writes(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.customers (user_name) VALUES (name);
    DELETE FROM public.customers WHERE user_name = name;
    RETURN 'written';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN 'denied';
END $$;
CREATE FUNCTION plans.imports(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE one record;
BEGIN
    SELECT * INTO one FROM customer_import.import_customers(E'userName,addRoles\\n' || name || ',buyer', 'Update Only');
    RETURN one.state || ' ' || one.skipped;
EXCEPTION WHEN insufficient_privilege THEN
    RETURN 'denied';
END $$;
"""

# The count of customers in many ways. Each is prepared by one client and executed by others.
QUERIES = {
    "the table": "SELECT count(*) FROM public.customers",
    "a CTE": "WITH seen AS MATERIALIZED (SELECT * FROM public.customers) SELECT count(*) FROM seen",
    "a CTE that is folded in": "WITH seen AS NOT MATERIALIZED (SELECT * FROM public.customers) SELECT count(*) FROM seen",
    "a subquery": "SELECT count(*) FROM (SELECT user_name FROM public.customers OFFSET 0) AS seen",
    "a scalar subquery": "SELECT (SELECT count(*) FROM public.customers)",
    "EXISTS": f"SELECT CASE WHEN EXISTS (SELECT FROM public.customers) THEN {CUSTOMERS} ELSE 0 END",
    "a key": f"SELECT {CUSTOMERS} * count(*) FROM public.customers WHERE user_name = 'customer3'",
    "a self-join": "SELECT count(*) FROM public.customers AS a JOIN public.customers AS b USING (user_name)",
    "a security_invoker view": "SELECT count(*) FROM plans.invoker",
    "a PL/pgSQL function": "SELECT plans.in_plpgsql()",
    "a loop in PL/pgSQL": "SELECT plans.loops()",
    "a SQL function": "SELECT plans.in_sql()",
    "a STABLE SQL function": "SELECT plans.in_stable_sql()",
    "a BEGIN ATOMIC function": "SELECT plans.atomic()",
    "an inlined SQL function": "SELECT count(*) FROM plans.inlined()",
}


def set_up(_report, _bouncer):
    with superuser() as session:
        session.rows(FUNCTIONS)


def prepared_counts(report, bouncer):
    for mode in ("auto", "force_generic_plan", "force_custom_plan"):
        for text, query in QUERIES.items():
            with bouncer.client() as first, bouncer.client() as second:
                first.rows(f"SET plan_cache_mode = {mode}; PREPARE seen AS {query}")
                wrong = []
                for _ in range(3):
                    for expected in ALL:
                        for client in (second, first):
                            with client.transaction(expected[0]):
                                count = client.value("EXECUTE seen")
                            if count != expected[-1]:
                                wrong.append(f"as {expected[0]}: {count}")
                second.rows("DISCARD ALL")
                report.line(not wrong, f"prepared by one client, executed 30 times as five others: {text}, {mode}", *wrong)


def prepared_while_acting(report, bouncer):
    """The statement is planned, also generically, while an operator acts; the next one executes the same plan."""
    with bouncer.client() as first, bouncer.client() as second:
        with first.transaction("ann"):
            first.rows(f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE identity AS {VIEW}")
            seen = [first.row("EXECUTE identity")]
        seen += [second.row("EXECUTE identity")]
        for name in ("vic", "nia", "ben"):
            with second.transaction(name):
                seen.append(second.row("EXECUTE identity"))
        seen += [first.row("EXECUTE identity")]
        second.rows("DEALLOCATE identity")
        report.equal(seen, [ANN, NOBODY, VIC, NIA, BEN, NOBODY], "a statement planned under one operator, executed as others")
        with first.transaction():
            first.rows(f"PREPARE identity AS {VIEW}")
            seen = [first.row("EXECUTE identity")]
            first.rows("SAVEPOINT s")
            first.act_as("ann")
            seen.append(first.row("EXECUTE identity"))
            first.rows("ROLLBACK TO s")
            seen.append(first.row("EXECUTE identity"))
            first.act_as("vic")
            seen.append(first.row("EXECUTE identity"))
        seen.append(first.row("EXECUTE identity"))
        first.rows("DEALLOCATE identity")
        report.equal(seen, [NOBODY, ANN, NOBODY, VIC, NOBODY], "one prepared statement before, while and after acting")


def prepared_across_roles(report, bouncer):
    """PREPARE under a role and EXECUTE under another, on one server connection."""
    itself = (DAVE, *ANN[1:])
    with bouncer.client() as web:
        for first in (WEB, DAVE):
            web.rows(f"SET ROLE {first}; PREPARE identity AS {VIEW}; PREPARE count AS SELECT count(*) FROM plans.invoker")
            seen = []
            for _ in range(7):
                web.rows(f"SET ROLE {DAVE}")
                seen.append((web.row("EXECUTE identity"), web.value("EXECUTE count"), web.value("SELECT plans.in_plpgsql()")))
                web.rows("RESET ROLE")
                web.rows(f"BEGIN; SET LOCAL ROLE {OTHER}")
                seen.append(web.error("EXECUTE count"))
                web.rows("ROLLBACK")
                with web.transaction("vic"):
                    seen.append((web.row("EXECUTE identity"), web.value("EXECUTE count"),
                                 web.value("SELECT plans.in_plpgsql()")))
                seen.append((web.row("EXECUTE identity"), web.value("EXECUTE count"), web.value("SELECT plans.in_plpgsql()")))
            web.rows("DISCARD ALL")
            report.equal(seen, [(itself, CUSTOMERS, CUSTOMERS), DENIED, (VIC, CUSTOMERS, CUSTOMERS), (NOBODY, 0, 0)] * 7,
                         f"prepared under {first}, executed under four identities in turn")


def prepared_writes(report, bouncer):
    with bouncer.client() as first, bouncer.client() as second:
        with first.transaction("ann", "ROLLBACK"):
            first.rows("PREPARE writes AS INSERT INTO public.customers (user_name) VALUES ($1) RETURNING user_name;"
                       " PREPARE changes AS UPDATE public.customers SET company = $1 RETURNING 1;"
                       " PREPARE deletes AS DELETE FROM public.customers RETURNING 1;"
                       " PREPARE imports AS SELECT state FROM customer_import.import_customers($1, 'Create & Update')")
            seen = []
            for _ in range(6):
                first.rows("SAVEPOINT s")
                seen.append((first.value("EXECUTE writes('new')"), len(first.rows("EXECUTE changes('A')")),
                             len(first.rows("EXECUTE deletes")),
                             first.value("EXECUTE imports(E'userName,company\\nx,X\\n')")))
                first.rows("ROLLBACK TO s")
        report.equal(seen, [("new", CUSTOMERS + 1, CUSTOMERS + 1, "completed")] * 6, "who may writes by prepared statements")
        for expected in (VIC, NIA, NOBODY):
            with second.transaction(expected[0], "ROLLBACK"):
                seen = []
                for statement in ("EXECUTE writes('new')", "EXECUTE changes('A')", "EXECUTE deletes",
                                  "EXECUTE imports(E'userName,company\\nx,X\\n')"):
                    second.rows("SAVEPOINT s")
                    seen.append(second.error(statement) or f"{len(second.rows(statement))} rows")
                    second.rows("ROLLBACK TO s")
            report.equal(seen, [DENIED, "0 rows", "0 rows", DENIED],
                         f"by the same statements, {expected[0] or 'a gateway that acts as nobody'} writes nothing")
        second.rows("DEALLOCATE ALL")


def cached_in_functions(report, bouncer):
    """Plans that PL/pgSQL keeps for the session."""
    with bouncer.client() as first, bouncer.client() as second:
        wrong = []
        for turn in range(8):
            for expected in ALL:
                client = (first, second)[turn % 2]
                with client.transaction(expected[0], "ROLLBACK"):
                    seen = client.row("SELECT plans.simple_expression(), plans.rights_in_plpgsql(), plans.in_plpgsql(),"
                                      " plans.loops(), plans.in_sql(), plans.writes('plan'), plans.imports('plan')")
                view, imports = expected[1], "completed 1" if expected[3] else "denied"
                if seen != (expected[0], view, expected[-1], expected[-1], expected[-1],
                            "written" if expected[2] else "denied", imports):
                    wrong.append(f"turn {turn} as {expected[0]}: {seen}")
        report.line(not wrong, "cached plans of PL/pgSQL and SQL functions, 40 calls as five identities in turn", *wrong)
        with first.transaction():
            seen = [first.value("SELECT plans.simple_expression()"), first.value("SELECT plans.in_plpgsql()")]
            first.rows("SAVEPOINT s")
            first.act_as("ann")
            seen += [first.value("SELECT plans.simple_expression()"), first.value("SELECT plans.in_plpgsql()")]
            first.rows("ROLLBACK TO s")
            seen += [first.value("SELECT plans.simple_expression()"), first.value("SELECT plans.in_plpgsql()")]
        report.equal(seen, [None, 0, "ann", CUSTOMERS, None, 0], "and within one transaction, before, in and after a savepoint")
        seen = first.rows(f"""
            BEGIN;
            DO $$
            BEGIN
                FOR turn IN 1..20 LOOP
                    BEGIN
                        PERFORM customer_import.act_as(CASE turn % 2 WHEN 0 THEN 'ann' ELSE 'nia' END);
                        PERFORM public.mark(turn || ' ' || plans.in_plpgsql());
                        IF plans.simple_expression() <> (CASE turn % 2 WHEN 0 THEN 'ann' ELSE 'nia' END)
                           OR plans.in_plpgsql() <> (CASE turn % 2 WHEN 0 THEN {CUSTOMERS} ELSE 0 END) THEN
                            RAISE EXCEPTION 'wrong in turn %: %', turn, plans.simple_expression();
                        END IF;
                        RAISE division_by_zero;
                    EXCEPTION WHEN division_by_zero THEN
                        IF plans.simple_expression() IS NOT NULL OR plans.in_plpgsql() <> 0 THEN
                            RAISE EXCEPTION 'left behind in turn %: %', turn, plans.simple_expression();
                        END IF;
                    END;
                END LOOP;
            END $$;
            SELECT {IDENTITY}, (SELECT count(*) FROM public.marks)""")
        first.rows("ROLLBACK")
        report.equal(seen, [(*NOBODY[:-1], 0)], "20 exception blocks of one DO as two operators in turn")


def cursors(report, bouncer):
    """A cursor sees what its operator sees; a name ends with its transaction, rows that were put aside do not."""
    named = "SELECT user_name, customer_import.current_operator() FROM public.customers ORDER BY user_name"
    with bouncer.client() as first, bouncer.client() as second:
        with first.transaction("ann"):
            first.rows(f"DECLARE seen SCROLL CURSOR FOR {named}")
            fetched = [first.rows("FETCH 2 FROM seen"), first.rows("FETCH ALL FROM seen")]
            first.rows("MOVE ABSOLUTE 0 FROM seen")
            again = first.rows("FETCH ALL FROM seen")
        everything = [(f"customer{n}", "ann") for n in range(1, CUSTOMERS + 1)]
        report.equal((sum(fetched, []), again), (everything, everything), "a cursor of an operator shows what is its own")
        report.equal(second.error("FETCH ALL FROM seen"), "34000", "and is gone for the next client")
        with second.transaction("nia"):
            second.rows(f"DECLARE seen CURSOR FOR {named}")
            report.equal(second.rows("FETCH ALL FROM seen"), [], "a cursor of an operator without rights shows nothing")
        with first.transaction():
            first.rows(f"DECLARE seen CURSOR FOR {named}")
            before = first.rows("FETCH ALL FROM seen")
            first.rows("SAVEPOINT s")
            first.act_as("ann")
            first.rows(f"DECLARE inside CURSOR FOR {named}")
            inside = first.rows("FETCH 2 FROM inside")
            first.rows("ROLLBACK TO s")
            gone = first.error("FETCH ALL FROM inside")
            first.rows("ROLLBACK TO s")
            after = first.view()
        report.equal((before, inside, gone, after), ([], everything[:2], "34000", NOBODY),
                     "a cursor that was opened while acting goes with the savepoint")
        for fetch in ("", "FETCH 2 FROM held"):
            first.rows("BEGIN")
            first.act_as("ann")
            first.rows(f"DECLARE held CURSOR WITH HOLD FOR {named}")
            got = first.rows(fetch) if fetch else []
            first.rows("COMMIT")
            after = first.view()
            got += first.rows("FETCH ALL FROM held")
            first.rows("CLOSE held")
            report.equal((after, got), (NOBODY, everything),
                         f"a cursor WITH HOLD keeps rows, read at COMMIT at the latest, not the operator {fetch}".strip())
        with first.transaction():
            first.rows(f"DECLARE held CURSOR WITH HOLD FOR {named}")
        with second.transaction("ann"):
            held = second.rows("FETCH ALL FROM held")
        second.rows("CLOSE held")
        report.equal(held, [], "one of nobody has no rows, whoever fetches them")
        with first.transaction("ann", "ROLLBACK"):
            first.rows(f"DECLARE held CURSOR WITH HOLD FOR {named}")
        report.equal(second.error("FETCH ALL FROM held"), "34000", "one that is rolled back is gone")
        with second.transaction("vic"):
            second.rows(f"DECLARE held CURSOR WITH HOLD FOR {VIEW}")
        with first.transaction("nia"):
            held = (first.row("FETCH held"), first.view())
        first.rows("CLOSE held")
        report.equal(held, (VIC, NIA), "while rows of another operator wait in the session, everyone is itself")


def plpgsql_cursors(report, bouncer):
    with superuser() as session:
        session.rows("""
            CREATE FUNCTION plans.opens() RETURNS refcursor LANGUAGE plpgsql AS $$
            DECLARE opened refcursor := 'opened';
            BEGIN
                OPEN opened FOR SELECT user_name FROM public.customers ORDER BY user_name;
                RETURN opened;
            END $$""")
    with bouncer.client() as web:
        for expected in ALL * 2:
            with web.transaction(expected[0]):
                web.rows("SELECT plans.opens()")
                seen = len(web.rows("FETCH ALL FROM opened"))
            report.equal(seen, expected[-1], f"a cursor that PL/pgSQL opens: {expected[0] or 'nobody'}")


def tear_down(_report, _bouncer):
    with superuser() as session:
        session.rows("DROP SCHEMA plans CASCADE")


PARTS = (set_up, prepared_counts, prepared_while_acting, prepared_across_roles, prepared_writes, cached_in_functions,
         cursors, plpgsql_cursors, tear_down)
