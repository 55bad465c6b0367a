"""A dump of the coordinator, restored into a new database of all nodes: there the table is distributed and attached anew."""

import subprocess

RESTORED = "regress_restored"


def restoring(report, suite, attach):
    nodes, coordinator = suite.nodes.nodes, suite.nodes.coordinator
    connection = ["-h", nodes[0].folder, "-p", str(coordinator.port), "-U", "postgres"]
    dump = suite.nodes.folder / "dump.sql"
    with suite.session() as session:
        session.rows("SELECT FROM customer_import.import_customers($1::text, 'Create & Update')", [suite.file(80000, 80100)])
        number = session.value("SELECT max(id) FROM customer_import.imports")
        session.rows("CREATE POLICY mine ON customer_import._shadow AS RESTRICTIVE USING (true)")
    made = subprocess.run([suite.nodes.programs / "pg_dump", *connection, "-d", suite.database, "-f", dump], capture_output=True, text=True, check=False)
    report.equal((made.returncode, made.stderr), (0, ""), "the coordinator is dumped")
    for node in nodes:
        with node.session("postgres") as session:
            session.rows(f"CREATE DATABASE {RESTORED}")
        with node.session(RESTORED) as session:
            session.rows("CREATE EXTENSION citus")
    with coordinator.session(RESTORED) as session:
        session.rows(f"SELECT citus_set_coordinator_host('127.0.0.1', {coordinator.port})")
        for node in suite.nodes.workers:
            session.rows(f"SELECT citus_add_node('127.0.0.1', {node.port})")
    made = subprocess.run(["psql", "-qX", *connection, "-d", RESTORED, "-o", "/dev/null", "-f", dump], capture_output=True, text=True, check=False)
    report.equal((made.returncode, made.stderr), (0, ""), "and restored")
    counts = "SELECT count(*), count(*) FILTER (WHERE login ~ '^user800[0-9]{2}@') FROM users"
    with suite.session() as before, coordinator.session(RESTORED) as session:
        report.equal(session.rows(counts), before.rows(counts), "all customers are there, in a local table")
        session.rows("SELECT FROM customer_import.import_customers($1::text, 'Create & Update')", [suite.file(80000, 80010, "viewer")])
        report.equal(session.value("SELECT count(*) FROM users WHERE roles = '{buyer,viewer}' AND login ~ '^user800'"), "10", "imports write it")
        session.notices.clear()
        session.rows("SELECT customer_import.detach_customers_table()")
        report.equal([notice["message"] for notice in session.notices], ["policies of the shadow are dropped with it: mine"],
                     "detaching tells which policies are to be made again")
        session.rows("SET client_min_messages = warning; SELECT create_distributed_table('users', 'login')")
        session.rows(attach)
        report.equal(session.rows(counts), before.rows(counts), "it is distributed and attached anew")
        report.equal(session.rows(f"SELECT deleted, skipped FROM customer_import.undo_import({number})"), [("90", "10")],
                     "an import from before the dump is undone")
