"""What is set in a session neither keeps an acted operator, nor gives one, nor passes one on."""

import psycopg2

from harness import ANN, BEN, CUSTOMERS, DAVE, NOBODY, OTHER, SHOP, VIC, WEB, superuser

DENIED = "42501"

# Statements that must not change which operator the gateway acts as, while its transaction continues.
HARMLESS = (
    "RESET ROLE", "SET ROLE NONE", "SET LOCAL ROLE NONE", f"SET ROLE {WEB}", "RESET SESSION AUTHORIZATION",
    "SET SESSION AUTHORIZATION DEFAULT", f"SET SESSION AUTHORIZATION {WEB}", "RESET ALL", "DISCARD PLANS", "DISCARD TEMP",
    "DISCARD SEQUENCES", "DEALLOCATE ALL", "UNLISTEN *", "CLOSE ALL", "SET CONSTRAINTS ALL IMMEDIATE",
    "SELECT pg_advisory_unlock_all()", "SET search_path = pg_temp", "SET LOCAL application_name = 'ben'",
    "SELECT set_config('app.operator', 'ben', true)",
)

# Statements that must leave no acted operator behind, between two transactions.
BETWEEN = HARMLESS + ("DISCARD ALL", "COMMIT", "ROLLBACK", "SELECT 1", "BEGIN; COMMIT", "BEGIN; ROLLBACK")


def inside(report, bouncer):
    for statement in HARMLESS:
        with bouncer.client() as web:
            web.rows("BEGIN")
            web.act_as("ann")
            error = web.error(statement)
            seen = None if error else web.view()
            web.rows("COMMIT")
            after = web.view()
            web.rows("DISCARD ALL")
            report.equal((error, seen, after), (None, ANN, NOBODY), f"in the transaction, {statement} changes nothing")
    with bouncer.client() as web, web.transaction("ann"):
        web.rows("SAVEPOINT s")
        report.equal(web.error("DISCARD ALL"), "25001", "DISCARD ALL is no statement for a transaction")
        web.rows("ROLLBACK TO s")
        report.equal(web.error(f"SET SESSION AUTHORIZATION {OTHER}"), DENIED,
                     "a gateway cannot take another session authorization")
        web.rows("ROLLBACK TO s")
        report.equal(web.view(), ANN, "and after both it acts as before")


def between(report, bouncer):
    for statement in BETWEEN:
        with bouncer.client() as first, bouncer.client() as second:
            first.view_as("ann")
            first.rows(statement)
            seen = [first.view(), second.view(), second.view_as("vic"), second.view(), first.view()]
            second.rows("DISCARD ALL")
            report.equal(seen, [NOBODY, NOBODY, VIC, NOBODY, NOBODY],
                         f"after the transaction, {statement} leaves nobody to this client and the next")


def other_roles(report, bouncer):
    """The acted name counts only while current_user is the gateway that called."""
    itself = (DAVE, *ANN[1:])
    with bouncer.client() as web:
        for how in ("SET ROLE", "SET LOCAL ROLE"):
            with web.transaction("ann"):
                web.rows(f"{how} {OTHER}")
                seen = [web.row("SELECT customer_import.current_operator(), customer_import.may_view_customers(),"
                                " customer_import.is_admin()"), web.error("SAVEPOINT s; TABLE public.customers")]
                web.rows(f"ROLLBACK TO s; {how} {DAVE}")
                seen.append(web.view())
                web.rows("RESET ROLE")
                seen.append(web.view())
            seen.append(web.view())
            report.equal(seen, [(None, False, False), DENIED, itself, ANN, NOBODY],
                         f"{how}: another role is who it is itself, back in the gateway it acts again")
        with web.transaction("vic"):
            web.rows(f"SET ROLE {OTHER}; SAVEPOINT s")
            refused = web.act_error("ann")
            web.rows("ROLLBACK TO s; RESET ROLE")
            seen = web.view()
        report.equal((refused, seen), (DENIED, VIC), "another role cannot act, even where the gateway has called before")
        with web.transaction("ann"):
            web.rows(f"SAVEPOINT s; SET LOCAL ROLE {DAVE}")
            seen = [web.view()]
            web.rows("ROLLBACK TO s")
            seen.append(web.view())
        report.equal(seen, [itself, ANN], "a SET LOCAL ROLE that a savepoint rolls back gives the acted operator back")
        with web.transaction():
            web.rows(f"SET ROLE {DAVE}")
            seen = [web.view()]
            web.rows("RESET ROLE")
            web.act_as("ann")
            seen.append(web.view())
            web.rows(f"SET ROLE {DAVE}")
            seen.append(web.view())
            web.rows("RESET ROLE")
        report.equal((seen, web.view()), ([itself, ANN, itself], NOBODY), "an operator's own role before and after acting")


def left_role(report, bouncer):
    """A pool in transaction mode hands a role that was SET to the next client. No client gets more rights by that."""
    with bouncer.client() as first, bouncer.client() as second:
        first.rows(f"SET ROLE {OTHER}")
        left = second.value("SELECT current_user")
        second.rows("BEGIN")
        refused = second.act_error("ann")
        second.rows("ROLLBACK")
        seen = second.error("TABLE public.customers")
        second.rows("RESET ROLE")
        report.equal((left, refused, seen), (OTHER, DENIED, DENIED), "a role that a client left can neither act nor see")
        report.equal((second.view_as("ben"), first.view()), (BEN, NOBODY), "after RESET ROLE all is well")
        with first.transaction("ann"):
            first.rows(f"SET ROLE {OTHER}")
        refused = second.error("TABLE public.customers")
        second.rows("RESET ROLE")
        report.equal((refused, second.view()), (DENIED, NOBODY),
                     "a role that was SET while acting, and left: the operator is gone, too")


def definer_functions(report, bouncer):
    """Within a SECURITY DEFINER function current_user is its owner."""
    with superuser() as session:
        session.rows(f"""
            CREATE SCHEMA definers;
            GRANT USAGE, CREATE ON SCHEMA definers TO PUBLIC;
            SET ROLE {OTHER};
            CREATE FUNCTION definers.of_other() RETURNS text LANGUAGE sql SECURITY DEFINER
                AS $$ SELECT current_user || ' ' || COALESCE(customer_import.current_operator(), '-') $$;
            CREATE FUNCTION definers.act_as_other(name text) RETURNS void LANGUAGE sql SECURITY DEFINER
                AS $$ SELECT customer_import.act_as(name) $$;
            RESET ROLE;
            SET ROLE {DAVE};
            CREATE FUNCTION definers.of_dave() RETURNS text LANGUAGE sql SECURITY DEFINER
                AS $$ SELECT current_user || ' ' || COALESCE(customer_import.current_operator(), '-') $$;
            RESET ROLE;
            SET ROLE {SHOP};
            CREATE FUNCTION definers.act_as_shop(name text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
                AS $$ BEGIN PERFORM customer_import.act_as(name);
                            RETURN customer_import.current_operator(); END $$;
            RESET ROLE;
            SET ROLE {WEB};
            CREATE FUNCTION definers.of_web() RETURNS text LANGUAGE sql SECURITY DEFINER
                AS $$ SELECT current_user || ' ' || COALESCE(customer_import.current_operator(), '-') $$;
            RESET ROLE""")
    with bouncer.client() as web:
        with web.transaction("ann"):
            seen = web.row("SELECT definers.of_other(), customer_import.current_operator(), definers.of_dave(),"
                           " customer_import.current_operator(), definers.of_web()")
        report.equal(seen, (f"{OTHER} -", "ann", f"{DAVE} {DAVE}", "ann", f"{WEB} ann"),
                     "a SECURITY DEFINER function is its owner, and the gateway acts before and after it")
        web.rows("BEGIN")
        refused = web.error("SELECT definers.act_as_other('ann')")
        web.rows("ROLLBACK")
        report.equal((refused, web.view()), (DENIED, NOBODY), "the owner of such a function has to be a gateway to act")
        web.rows("BEGIN")
        acted = web.value("SELECT definers.act_as_shop('ann')")
        outside = web.view()
        web.rows("SAVEPOINT s")
        web.error("SELECT customer_import.act_as('ben')")
        web.rows("ROLLBACK TO s")
        still = web.view()
        web.rows("COMMIT")
        report.equal((acted, outside, still, web.view()), ("ann", NOBODY, NOBODY, NOBODY),
                     "who acted as owner of such a function acts there only")
    with bouncer.client(OTHER) as client:
        client.rows("BEGIN")
        seen = client.row("SELECT definers.act_as_shop('ann'), customer_import.current_operator(),"
                          " customer_import.may_view_customers(), definers.of_web()")
        client.rows("COMMIT")
        report.equal(seen, ("ann", None, False, f"{WEB} -"), "nor does it make its caller or another gateway anybody")
    with superuser() as session:
        session.rows("DROP SCHEMA definers CASCADE")


def forged_settings(report, bouncer):
    """No setting gives an operator."""
    with bouncer.client() as web:
        for name in ("operator", "current_operator", "acted_as", "act_as", "gateway"):
            error = web.error(f"SET customer_import.{name} = 'ann'")
            config = web.error(f"SELECT set_config('customer_import.{name}', 'ann', false)")
            seen = web.view()
            web.rows("DISCARD ALL")
            report.line(error and config and seen == NOBODY, f"SET customer_import.{name} is refused", error, config, seen)
        for name in ("app.operator", "app.current_operator", "jwt.claims.user", "application_name"):
            web.rows("SELECT set_config(%s, 'ann', false)", [name])
            report.equal(web.view(), NOBODY, f"{name} means nothing")
            web.rows("DISCARD ALL")
        report.equal(web.error("SET customer_import.batch_rows = 1"), DENIED,
                     "nor does a gateway change the settings there are")


def hostile_leftovers(report, bouncer):
    """Temporary objects, paths and row_security that a client leaves make the next one nothing more."""
    with bouncer.client() as first, bouncer.client() as second:
        for name in ("operators", "gateways", "role_codes", "customers", "customers_table"):
            first.rows(f"CREATE TEMP TABLE {name} AS SELECT 'ben'::text AS name, true AS may_act_as_admin, true AS active,"
                       " '{administrator}'::text[] AS roles, true AS database_role, 'ben'::text AS user_name")
        first.rows("CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'ben' $$")
        first.rows("SET search_path = pg_temp, pg_catalog, public")
        seen = [second.view(), second.view_as("vic"), second.view()]
        with second.transaction("ann", "ROLLBACK"):
            result = second.row("SELECT state, created FROM customer_import.import_customers(%s, 'Create Only')",
                                ["userName,addRoles\nleftover,buyer\n"])
            count = second.value("SELECT count(*) FROM public.customers")
        first.rows("DISCARD ALL")
        report.equal((seen, result, count), ([NOBODY, VIC, NOBODY], ("completed", 1), CUSTOMERS + 1),
                     "temporary tables and functions in front of the path that a client left change nothing")
        first.rows("SET row_security = off")
        seen = second.error("TABLE public.customers")
        second.rows("BEGIN")
        second.act_as("ann")
        rights = second.row("SELECT customer_import.current_operator(), customer_import.may_view_customers()")
        second.rows("SAVEPOINT s")
        refused = second.error("TABLE public.customers")
        second.rows("ROLLBACK")
        first.rows("DISCARD ALL")
        report.equal((seen, rights, refused), (DENIED, ("ann", True), DENIED),
                     "row_security = off that a client left shows nothing and takes no right")
        first.rows("SET row_security = off")
        second.rows("BEGIN")
        second.act_as("ann")
        try:
            rejected, error = second.value("SELECT rejected FROM customer_import.import_customers(%s, 'Create Only')",
                                           ["userName,addRoles\nleftover,buyer\n"]), None
        except psycopg2.Error as failure:
            rejected, error = None, failure.pgcode
        second.rows("ROLLBACK")
        first.rows("DISCARD ALL")
        report.line(error == DENIED or rejected == 0, "and an import under it is done or fails; it is no fault of a record",
                    error, rejected)


PARTS = (inside, between, other_roles, left_role, definer_functions, forged_settings, hostile_leftovers)
