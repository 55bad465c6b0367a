"""A dump of the coordinator, restored into a new database of all nodes: there the table is distributed and attached anew."""

import subprocess


def restoring(report, suite, attach, owner="postgres", first=80000):
    """`owner`: the role that owns the table; `first`: the number of the first of a hundred customers that there are not yet."""
    restored, text = f"regress_restored_{owner}", f"a table of {owner}: "
    nodes, coordinator = suite.nodes.nodes, suite.nodes.coordinator
    connection = ["-h", nodes[0].folder, "-p", str(coordinator.port), "-U", "postgres"]
    dump = suite.nodes.folder / "dump.sql"
    with suite.session() as session:
        session.rows("SELECT FROM customer_import.import_customers($1::text, 'Create & Update')", [suite.file(first, first + 100)])
        number = session.value("SELECT max(id) FROM customer_import.imports")
        session.rows("CREATE POLICY mine ON customer_import._shadow AS RESTRICTIVE USING (true)")
    made = subprocess.run([suite.nodes.programs / "pg_dump", *connection, "-d", suite.database, "-f", dump], capture_output=True, text=True, check=False)
    report.equal((made.returncode, made.stderr), (0, ""), f"{text}the coordinator is dumped")
    for node in nodes:
        with node.session("postgres") as session:
            session.rows(f"CREATE DATABASE {restored}")
        with node.session(restored) as session:
            session.rows("CREATE EXTENSION citus")
    with coordinator.session(restored) as session:
        session.rows(f"SELECT citus_set_coordinator_host('127.0.0.1', {coordinator.port})")
        for node in suite.nodes.workers:
            session.rows(f"SELECT citus_add_node('127.0.0.1', {node.port})")
    made = subprocess.run(["psql", "-qX", *connection, "-d", restored, "-o", "/dev/null", "-f", dump], capture_output=True, text=True, check=False)
    report.equal((made.returncode, made.stderr), (0, ""), f"{text}and restored")
    counts = f"SELECT count(*), count(*) FILTER (WHERE login ~ '^user{first // 100}[0-9]{{2}}@') FROM users"
    with suite.session() as before, coordinator.session(restored) as session:
        report.equal(session.rows(counts), before.rows(counts), f"{text}all customers are there, in a local table")
        session.rows("SELECT FROM customer_import.import_customers($1::text, 'Create & Update')", [suite.file(first, first + 10, "viewer")])
        report.equal(session.value(f"SELECT count(*) FROM users WHERE roles = '{{buyer,viewer}}' AND login ~ '^user{first // 100}'"), "10", f"{text}imports write it")
        session.notices.clear()
        session.rows("SELECT customer_import.detach_customers_table()")
        report.equal([notice["message"] for notice in session.notices], ["policies of the shadow are dropped with it: mine"],
                     f"{text}detaching tells which policies are to be made again")
        report.equal(session.value("SELECT count(*) FROM pg_class WHERE relname ~ '_stage$|^_shadow'"), "0", f"{text}and leaves nothing")
        session.rows("SET client_min_messages = warning")
        for statement in ("BEGIN", f"SET LOCAL ROLE {owner}", "SELECT create_distributed_table('users', 'login')", "RESET ROLE", attach,
                          "COMMIT"):
            session.rows(statement)
        report.equal(session.rows(counts), before.rows(counts), f"{text}it is distributed and attached anew")
        report.equal(session.rows(f"SELECT deleted, skipped FROM customer_import.undo_import({number})"), [("90", "10")],
                     f"{text}an import from before the dump is undone")
