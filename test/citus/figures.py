"""What imports cost where Citus distributes the table, beside the same table in the same coordinator without it."""

import time

FIRST = 1000000


def measure(suite, databases, csv, workers):
    """Returns for each database seconds, and seconds of processor time by node. No workers: in the foreground."""
    used = {}
    for database in databases:
        before = [node.seconds_of_cpu() for node in suite.nodes.nodes]
        began = time.monotonic()
        with suite.session(database) as session:  # no other one, since each costs the coordinator some milliseconds
            if workers:
                session.rows(f"ALTER DATABASE {database} SET customer_import.workers_per_import = {workers}")
                number = session.value("SELECT import_id FROM customer_import.import_customers($1::text, 'Create & Update',"
                                       " background => true)", [csv])
                session.rows(f"CALL customer_import.wait_for_import({number})")
            else:
                session.rows("SELECT FROM customer_import.import_customers($1::text, 'Create & Update')", [csv])
        took = time.monotonic() - began
        used[database] = took, [node.seconds_of_cpu() - was for node, was in zip(suite.nodes.nodes, before)]
    return used


def figures(report, suite, databases, records, workers=(0,)):
    plain, distributed = databases
    for database in databases:
        with suite.session(database) as session:
            session.rows(f"ALTER DATABASE {database} SET customer_import.batch_rows = 50000")
    nodes = len(suite.nodes.workers)
    for number, count in enumerate(workers):
        first = FIRST + number * records
        by = f"{nodes} worker node(s), {count or 'no'} import worker(s)"
        for mode, csv in (("C", suite.file(first, first + records)),
                          ("U", suite.file(first, first + records, "approver", "buyer", "Umbrella"))):
            used = measure(suite, databases, csv, count)
            for database, (took, seconds) in used.items():
                report.note(f"{mode}, {records} records, {by}, {database}: {took:.1f} s, {records / took:.0f} records/s,"
                            f" CPU seconds by node {' '.join(f'{second:.2f}' for second in seconds)}")
            report.note(f"{mode}, {by}: {sum(used[distributed][1]) / max(sum(used[plain][1]), 0.01):.2f} times the CPU of the ordinary table")
            with suite.session(distributed) as session:
                sizes = session.rows("SELECT pg_total_relation_size('customer_import._shadow'), pg_table_size('customer_import._shadow'),"
                                     " citus_total_relation_size('customer_import._stage')")[0]
                report.note(f"{mode}, {by}: bytes of the shadow {sizes[0]} (without its index {sizes[1]}), of the stage {sizes[2]}")
