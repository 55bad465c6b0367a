"""Kills a node at a step of the commit that Citus makes of a batch: before any worker has prepared it, when all have but the
coordinator has not committed, and when that has but no worker knows. Each step is held by what the servers have for other
purposes, and nothing waits for a time."""

from client import Lost
from waits import wait_until

RECORDS, BATCH = 6000, 500
IMPORT_WORKER = "backend_type LIKE 'customer_import%'"


class Step:
    """A hold at one step. `reached` is asked while batches run into it; `end` lets them pass, if its node lives."""

    name = ""

    def __init__(self, nodes, database):
        self.nodes, self.database = nodes, database

    def count(self, node, sql):
        with node.session(self.database) as session:
            return int(session.value(sql))

    def prepared(self, node):
        return self.count(node, "SELECT count(*) FROM pg_prepared_xacts")


class BeforePrepare(Step):
    """Citus notes each prepared transaction before it asks for it: in a table that is locked here."""

    name = "before PREPARE"

    def begin(self):
        self.session = self.nodes.coordinator.session(self.database)
        self.session.rows("BEGIN; LOCK TABLE pg_dist_transaction IN SHARE MODE")

    def reached(self):
        return self.count(self.nodes.coordinator, f"""SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE NOT granted AND relation = 'pg_dist_transaction'::regclass AND {IMPORT_WORKER}""") > 0

    def end(self):
        self.session.close()


class Waiting(Step):
    """A node whose commits wait for a standby that there is not. What it has written is there, and nobody knows yet."""

    def begin(self):
        self.set_standby(f"SET synchronous_standby_names = 'nobody'", True)

    def set_standby(self, change, reload):
        with self.node.session(self.database) as session:
            session.rows(f"ALTER SYSTEM {change}")
            if reload:
                session.rows("SELECT pg_reload_conf()")

    def waiting(self, condition):
        return self.count(self.node, f"SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND {condition}") > 0

    def before_kill(self):
        """So that the node has no hold when it starts again."""
        self.set_standby("RESET synchronous_standby_names", False)

    def end(self):
        self.set_standby("RESET synchronous_standby_names", True)


class Prepared(Waiting):
    """All workers have prepared; the answer of the last one does not come."""

    name = "between PREPARE and the commit of the coordinator"

    @property
    def node(self):
        return self.nodes.workers[1]

    def reached(self):
        return self.waiting("query LIKE 'PREPARE%'") and self.prepared(self.nodes.workers[0]) > 0


class Committed(Waiting):
    """The coordinator has committed, and has told no worker."""

    name = "between the commit of the coordinator and COMMIT PREPARED"

    @property
    def node(self):
        return self.nodes.coordinator

    def reached(self):
        return self.waiting(IMPORT_WORKER) and self.prepared(self.nodes.workers[0]) > 0


def hold(step):
    """Has batches run into the step. A worker may be held at another commit of its own: then once more."""
    for _ in range(20):
        step.begin()
        try:
            wait_until(step.reached, step.name, 3)
            return
        except TimeoutError:
            step.end()
    raise TimeoutError(f"no batch was met {step.name}")


def kill_at(report, suite, step, node, first):
    """An import by two workers, which meets the kill of a node in the middle."""
    name = "the coordinator" if node is suite.nodes.coordinator else f"worker node {suite.nodes.workers.index(node) + 1}"
    text = f"kill -9 of {name} {step.name}"

    def between():
        hold(step)
        if isinstance(step, Waiting):
            step.before_kill()
        node.kill()
        node.start()
        try:
            step.end()
        except Lost:
            pass  # it was the node's
    number, counts = suite.run_in_background(suite.file(first, first + RECORDS), between)
    report.equal(counts, ("completed", str(RECORDS), str(RECORDS), "0", "0", "0", "0", "0"), f"{text}: nothing lost, nothing twice")
    for other in suite.nodes.workers:
        wait_until(lambda node=other: step.prepared(node) == 0, "what is prepared is ended", 60, 0.1)
    with suite.session() as session:
        report.equal(session.rows(f"""SELECT count(*), count(DISTINCT user_name) FROM customer_import.import_changes
                                       WHERE import_id = {number} AND created"""), [(str(RECORDS), str(RECORDS))], f"{text}: each has one change")
        report.equal(session.value(f"""SELECT count(*) FROM users WHERE roles = '{{buyer}}'
                                          AND login IN (SELECT 'user' || n || '@example.com' FROM generate_series({first}, {first + RECORDS - 1}) AS n)"""),
                     str(RECORDS), f"{text}: all customers are there")


def kills(report, suite):
    first = 200000
    for kind in (BeforePrepare, Prepared, Committed):
        for node in suite.nodes.nodes[:3]:
            kill_at(report, suite, kind(suite.nodes, suite.database), node, first)
            first += RECORDS
