"""Queries with parallel workers: the acting operator is known to the leader alone, and the results are those without workers."""

import json

from harness import ANN, CUSTOMERS, DAVE, NIA, NOBODY, VIC, VIEW, WEB, superuser

ROWS = 20000

SET_UP = f"""
CREATE SCHEMA parallel;
GRANT USAGE ON SCHEMA parallel TO PUBLIC;
CREATE TABLE parallel.visits (user_name text COLLATE "C", pages int);
ALTER TABLE parallel.visits SET (parallel_workers = 2);
INSERT INTO parallel.visits SELECT 'customer' || n % {4 * CUSTOMERS} + 1, n % 7 FROM generate_series(1, {ROWS}) AS n;
GRANT SELECT ON parallel.visits TO PUBLIC;
CREATE TABLE parallel.protected AS TABLE parallel.visits;
ALTER TABLE parallel.protected SET (parallel_workers = 2);
ALTER TABLE parallel.protected ENABLE ROW LEVEL SECURITY;
CREATE POLICY protected ON parallel.protected USING ((SELECT customer_import.may_view_customers()));
GRANT SELECT ON parallel.protected TO PUBLIC;
ANALYZE parallel.visits, parallel.protected, public.customers;
CREATE VIEW parallel.invoker WITH (security_invoker = true) AS
    SELECT c.user_name, c.roles, v.pages FROM public.customers AS c JOIN parallel.visits AS v USING (user_name);
GRANT SELECT ON parallel.invoker TO PUBLIC;
CREATE FUNCTION parallel.counts() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint;
BEGIN
    SELECT count(*) INTO result FROM parallel.visits AS v JOIN public.customers AS c USING (user_name);
    RETURN result;
END $$;
-- Wrong on purpose: it may not be called in a worker, and says that it may.
CREATE FUNCTION parallel.wrongly_safe() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN COALESCE(customer_import.current_operator(), 'nobody') || ' ' || customer_import.may_view_customers()::text;
END $$;
"""

SETTINGS = """
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL min_parallel_index_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
"""

QUERIES = {
    "a join": "SELECT count(*), sum(pages) FROM parallel.visits JOIN public.customers USING (user_name)",
    "a join from the other side": "SELECT count(*), sum(pages) FROM public.customers JOIN parallel.visits USING (user_name)",
    "an outer join": "SELECT count(*), count(c.user_name) FROM parallel.visits AS v LEFT JOIN public.customers AS c"
                     " ON c.user_name = v.user_name",
    "IN": "SELECT count(*), sum(pages) FROM parallel.visits WHERE user_name IN (SELECT user_name FROM public.customers)",
    "NOT IN": "SELECT count(*), sum(pages) FROM parallel.visits"
              " WHERE user_name NOT IN (SELECT user_name FROM public.customers)",
    "EXISTS": "SELECT count(*) FROM parallel.visits AS v WHERE EXISTS (SELECT FROM public.customers AS c"
              " WHERE c.user_name = v.user_name)",
    "groups": "SELECT user_name, count(*), customer_import.role_set_agg(roles) FROM parallel.visits"
              " JOIN public.customers USING (user_name) GROUP BY user_name ORDER BY user_name",
    "role sets": "SELECT count(*) FROM parallel.visits JOIN public.customers USING (user_name)"
                 " WHERE customer_import.role_set_union(roles, '{approver}') @> '{buyer}'",
    "a CTE": "WITH seen AS MATERIALIZED (SELECT user_name FROM public.customers)"
             " SELECT count(*) FROM parallel.visits JOIN seen USING (user_name)",
    "a view": "SELECT count(*), sum(pages) FROM parallel.invoker",
    "a big table with such a policy": "SELECT count(*), sum(pages) FROM parallel.protected",
    "a big table with such a policy in a join":
        "SELECT count(*), sum(p.pages) FROM parallel.protected AS p JOIN public.customers AS c ON c.user_name = p.user_name",
    "a right as a condition": "SELECT count(*) FROM parallel.visits WHERE customer_import.may_view_customers()",
    "a right as a condition, once": "SELECT count(*) FROM parallel.visits WHERE (SELECT customer_import.may_view_customers())",
    "the operator in every row": "SELECT customer_import.current_operator(), count(*) FROM parallel.visits GROUP BY 1",
    "the operator in a condition": "SELECT count(*) FROM parallel.visits WHERE customer_import.current_operator() = 'ann'",
    "a PL/pgSQL function": "SELECT parallel.counts()",
}


def set_up(_report, _bouncer):
    with superuser() as session:
        session.rows(SET_UP)


def workers_of(plan):
    """How many workers a plan of EXPLAIN (ANALYZE, FORMAT JSON) had."""
    if isinstance(plan, list):
        return sum(workers_of(part) for part in plan)
    if isinstance(plan, dict):
        return plan.get("Workers Launched", 0) + sum(workers_of(part) for part in plan.values())
    return 0


def force_setting(session):
    """PostgreSQL 16 has given force_parallel_mode another name."""
    names = session.rows("SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')")
    return f"SET LOCAL {names[0][0]} = on;"


def right_results(report, bouncer):
    with superuser() as session, bouncer.client() as web, bouncer.client(DAVE) as dave:
        force = force_setting(session)
        workers = {}
        for client, name, kind in ((web, "ann", "acted"), (web, "vic", "acted"), (web, "nia", "acted"),
                                   (web, None, "nobody"), (dave, None, "database role")):
            for text, query in QUERIES.items():
                with client.transaction(name):
                    client.rows("SET LOCAL max_parallel_workers_per_gather = 0")
                    alone = client.rows(query)
                    client.rows(SETTINGS)
                    parallel = client.rows(query)
                    plan = client.value(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
                    client.rows(force)
                    forced = client.rows(query)
                    forced_plan = client.value(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
                used = workers_of(plan if not isinstance(plan, str) else json.loads(plan))
                used_forced = workers_of(forced_plan if not isinstance(forced_plan, str) else json.loads(forced_plan))
                workers[text] = workers.get(text, 0) + used
                workers["forced"] = workers.get("forced", 0) + used_forced
                report.line(parallel == alone and forced == alone,
                            f"{text}, {kind} {name or ''}: as without workers ({used} workers, {used_forced} forced)",
                            f"alone {alone}", f"parallel {parallel}", f"forced {forced}")
        report.line(workers["forced"] > 0 and workers["a join"] > 0, "workers took part in them", workers)


def expected_results(report, bouncer):
    """The numbers themselves, so that "as without workers" is not the same fault twice."""
    share = ROWS // 4
    with superuser() as session, bouncer.client() as web, bouncer.client(DAVE) as dave:
        force = force_setting(session)
        for client, name, seen in ((web, "ann", share), (web, "vic", share), (web, "nia", 0), (web, None, 0),
                                   (dave, None, share)):
            with client.transaction(name):
                client.rows(SETTINGS + force)
                counts = [client.row(QUERIES[text])[0] for text in ("a join", "IN", "NOT IN", "a view", "a PL/pgSQL function",
                                                                    "a big table with such a policy")]
            report.equal(counts, [seen, seen, ROWS - seen, seen, seen, ROWS if seen else 0],
                         f"counts of a parallel query: {name or ('himself' if client is dave else 'nobody')}")


def interleaved(report, bouncer):
    """Workers start anew for each query: nothing of the operator before is in them."""
    with superuser() as session, bouncer.client() as first, bouncer.client() as second:
        force = force_setting(session)
        first.rows(f"PREPARE counted AS {QUERIES['a join']}; PREPARE identity AS {VIEW}")
        wrong, views = [], {"ann": ANN, "vic": VIC, "nia": NIA, None: NOBODY}
        for turn in range(6):
            for name, expected in views.items():
                client = (first, second)[turn % 2]
                with client.transaction(name):
                    client.rows(SETTINGS + force)
                    seen = (client.value("EXECUTE counted"), client.row("EXECUTE identity"))
                if seen != (ROWS // 4 if expected[-1] else 0, expected):
                    wrong.append(f"turn {turn} as {name}: {seen}")
        second.rows("DEALLOCATE ALL")
        report.line(not wrong, "prepared parallel queries of four identities in turn", *wrong)
        with first.transaction():
            first.rows(SETTINGS + force)
            seen = [first.row(QUERIES["a join"])[0]]
            first.rows("SAVEPOINT s")
            first.act_as("ann")
            seen.append(first.row(QUERIES["a join"])[0])
            first.rows("ROLLBACK TO s")
            seen.append(first.row(QUERIES["a join"])[0])
        report.equal(seen, [0, ROWS // 4, 0], "before, in and after a savepoint in which it acted")


def in_workers(report, bouncer):
    """What a worker itself is told of the operator is at most what the leader is."""
    with superuser() as session, bouncer.client() as web, bouncer.client(DAVE) as dave:
        force = force_setting(session)
        query = "SELECT DISTINCT parallel.wrongly_safe() FROM parallel.visits"
        for client, name, allowed in ((web, "ann", {"ann true", "nobody false"}), (web, "nia", {"nia false", "nobody false"}),
                                      (web, None, {"nobody false"}), (dave, None, {f"{DAVE} true", "nobody false"})):
            with client.transaction(name, "ROLLBACK"):
                client.rows(SETTINGS + force)
                plan = client.value(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
                seen = {row[0] for row in client.rows(query)}
            report.line(seen and seen <= allowed and workers_of(plan) > 0,
                        f"a function that is wrongly PARALLEL SAFE: {name or client.value('SELECT current_user')}", seen, plan)
        for function in ("current_operator", "is_admin", "may_view_customers", "may_edit_customers", "may_import_customers",
                         "may_view_imports"):
            report.equal(session.row("SELECT proparallel, provolatile FROM pg_proc WHERE pronamespace ="
                                     " 'customer_import'::regnamespace AND proname = %s", [function]), ("r", "s"),
                         f"{function}() is STABLE and PARALLEL RESTRICTED")


def imports(report, bouncer):
    """An import under the same settings."""
    with superuser() as session, bouncer.client() as web:
        force = force_setting(session)
        with web.transaction("ann", "ROLLBACK"):
            web.rows(SETTINGS + force)
            file = "userName,addRoles\n" + "".join(f"customer{n},approver\n" for n in range(1, 1001))
            result = web.row("SELECT state, created, updated, rejected FROM customer_import.import_customers(%s,"
                             " 'Create & Update')", [file])
            names = web.row("SELECT operator, database_role FROM customer_import.imports ORDER BY id DESC LIMIT 1")
        report.equal((result, names, web.view()), (("completed", 1000 - CUSTOMERS, CUSTOMERS, 0), ("ann", WEB), NOBODY),
                     "an import where all queries are forced to be parallel")


def tear_down(_report, _bouncer):
    with superuser() as session:
        session.rows("DROP SCHEMA parallel CASCADE")


PARTS = (set_up, right_results, expected_results, interleaved, in_workers, imports, tear_down)
