"""Template databases, and one clone of a template for each measurement."""
import os
import sys

from .session import run_session
from .workloads import BENCH, WORKLOADS

# Two runs on one server must not take each other's databases away.
TEMPLATE = f"regress_bench_base_{os.getpid()}"
APPLIED = f"regress_bench_applied_{os.getpid()}"
PARTITIONED = f"regress_bench_partitioned_{os.getpid()}"
PARTITIONED_APPLIED = f"regress_bench_partitioned_applied_{os.getpid()}"
CLONE = f"regress_bench_run_{os.getpid()}"
OPERATOR = f"regress_bench_operator_{os.getpid()}"
# The tables that hold the rows: the customers table, or its partitions.
PARTS = """(SELECT oid::regclass AS part FROM pg_class
    WHERE relkind = 'r' AND (oid = 'public.customers'::regclass
        OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.customers'::regclass)))"""
SIZES = f"""SELECT sum(pg_relation_size(part)), sum(pg_indexes_size(part)), pg_current_wal_insert_lsn() - '0/0'
FROM {PARTS} AS parts"""
ENGINE_ISSUES = """SELECT count(DISTINCT line), coalesce(sum(DISTINCT line), 0)
FROM customer_import.import_issues
WHERE outcome IN ('rejected', 'skipped')"""
PEER_ISSUES = """SELECT count(DISTINCT line), coalesce(sum(DISTINCT line), 0)
FROM public.import_rejects"""


def sql_file(name):
    return os.path.join(BENCH, "sql", name)


def drop(server, name):
    server.query("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def make_templates(server, files, fillfactor, applied):
    """Makes the database that U, C, M and E start from, and with `applied` the one of N."""
    drop(server, TEMPLATE)
    server.query("postgres", f"CREATE DATABASE {TEMPLATE} TEMPLATE template0 ENCODING 'UTF8'")
    server.run_file(TEMPLATE, sql_file("prepare.sql"), {"codes": os.path.join(files, "codes.csv"), "operator": OPERATOR})
    variables = {"customers": os.path.join(files, "customers.csv")}
    if fillfactor:
        variables["fillfactor"] = fillfactor
    server.run_file(TEMPLATE, sql_file("load.sql"), variables)
    if applied:
        make_applied(server, files, TEMPLATE, APPLIED)


def make_applied(server, files, template, name):
    clone(server, template, name)
    server.run_file(name, sql_file("apply_update.sql"), {"file": os.path.join(files, WORKLOADS["N"].file)})


def make_partitioned_templates(server, files, partitions):
    """Makes both templates again, with the customers table in partitions."""
    clone(server, TEMPLATE, PARTITIONED)
    server.query(PARTITIONED, ["SELECT customer_import.detach_customers_table()", "DROP TABLE public.customers",
                               f"SELECT customer_import.create_customers_table(partitions => {partitions})"])
    server.run_file(PARTITIONED, sql_file("load.sql"), {"customers": os.path.join(files, "customers.csv")})
    make_applied(server, files, PARTITIONED, PARTITIONED_APPLIED)


def drop_all(server):
    for name in (CLONE, APPLIED, TEMPLATE, PARTITIONED_APPLIED, PARTITIONED):
        drop(server, name)
    server.query("postgres", f"DROP ROLE IF EXISTS {OPERATOR}")


def clone(server, template, name):
    drop(server, name)
    server.query("postgres", f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")


def warm_up(server, name):
    """Reads the customers table and its indexes into memory, and makes a checkpoint."""
    server.query(name, [f"SELECT pg_prewarm(part) FROM {PARTS} AS parts",
                        f"SELECT pg_prewarm(indexrelid) FROM {PARTS} AS parts JOIN pg_index ON indrelid = part",
                        "CHECKPOINT"])


def sizes(server):
    return [int(number) for number in server.query(CLONE, SIZES).split("|")]


def run_contender(server, workload, contender, variables):
    script = contender.script(workload)
    if script.endswith(".py"):
        return run_session([sys.executable, script, CLONE, variables["file"], variables["mode"]], server.environment, "",
                           contender.name == "engine_background")
    with open(script) as text:
        return run_session(server.psql_command(CLONE, variables), server.environment, text.read())


def measure(server, files, workload, contender, template=None, beside=None):
    """Runs one contender on a fresh clone of a template and returns its Measurement. `beside` works in the clone
    from its start() to its stop()."""
    clone(server, template or (APPLIED if workload == "N" else TEMPLATE), CLONE)
    try:
        variables = {"file": os.path.join(files, WORKLOADS[workload].file),
                     "ready": os.path.join(files, "create_ready.csv"),
                     "mode": WORKLOADS[workload].mode,
                     "operator": OPERATOR,
                     "peers": os.path.join(BENCH, "peers")}
        preparation = contender.preparation(workload)
        if preparation:
            server.run_file(CLONE, preparation, variables)
        warm_up(server, CLONE)
        heap, index, wal = sizes(server)
        for name, value in contender.settings:
            server.query("postgres", f"ALTER DATABASE {CLONE} SET {name} = '{value}'")
        if beside:
            beside.start()
        try:
            measured = run_contender(server, workload, contender, variables)
        finally:
            if beside:
                beside.stop()
        heap_after, index_after, wal_after = sizes(server)
        measured.heap_growth, measured.index_growth = heap_after - heap, index_after - index
        measured.wal_bytes = wal_after - wal
        if measured.wal_uploaded is not None:
            measured.call_wal_bytes = wal_after - measured.wal_uploaded
        measured.fingerprint = server.run_file(CLONE, sql_file("fingerprint.sql")).replace("|", " ")
        if measured.counts is not None:
            measured.issues = server.query(
                CLONE, ENGINE_ISSUES if contender.name.startswith("engine") else PEER_ISSUES).replace("|", " ")
        return measured
    finally:
        drop(server, CLONE)
