"""Everything that an import depends on is dropped at each moment of it: no session ends, and no error is an internal one."""

from harness import DATABASE, PROCESSES, Lost, ServerError, Session, copy, is_clean, outcome, waits_or_ended, wait_until
from things import DROPS, HELD, MEANWHILE, OLD_SNAPSHOT, VIEWS


class Work:
    """Sessions, each with a statement that runs."""

    def __init__(self, watcher):
        self.watcher = watcher
        self.running = {}

    def start(self, name, role, sql):
        try:
            session = Session(role)
            session.rows("SET client_min_messages = error")
        except (Lost, ServerError):
            return  # a drop may have taken the role away
        self.running[name] = session
        session.start(sql)

    def settle(self):
        """Until each waits for a lock or is over."""
        for name, session in self.running.items():
            wait_until(lambda s=session: waits_or_ended(self.watcher, s), f"{name} waits or ends")

    def finish(self):
        """How each has ended."""
        ends = {}
        for name, session in self.running.items():
            ends[name] = outcome(session)
            session.close()
        self.running = {}
        return ends


def poll(role=None):
    """Reads every table and view of the extension, past those that another session has locked; returns what was not clean."""
    bad = []
    try:
        with Session(role) as reader:
            reader.rows("SET lock_timeout = '20ms'; SET client_min_messages = error")
            for (name,) in reader.rows(VIEWS):
                reader.start(f"SELECT * FROM {name}")
                end = outcome(reader)
                if not is_clean(end):
                    bad.append(f"{name}: {end}")
    except (Lost, ServerError) as error:
        bad.append(str(error))
    return bad


# The server plans a function with a SQL body, and a view, before it waits for a table in it that is being dropped with them.
SERVERS_OWN = {("extension", "template"): "could not open relation with OID"}


def is_servers_own(watch, thing, name, end):
    words = SERVERS_OWN.get((thing, name))
    if words is None or words not in end:
        return False
    watch.expect(words)
    return True


def refuse_unclean(report, watch, thing, what, ends):
    bad = {name: end for name, end in ends.items() if not is_clean(end) and not is_servers_own(watch, thing, name, end)}
    report.line(not bad, f"{what}: {len(ends)} statements meet it, none with an internal error", *[f"{k}: {v}" for k, v in bad.items()])


def drop_before(report, watch, thing, processes):
    """The drop is not committed yet when the others begin, and is when they continue."""
    watch.is_alive()  # after a crash that an earlier case has reported
    with copy() as admin, Session() as dropper:
        work = Work(admin)
        old = {name: Session(role) for name, (role, _) in OLD_SNAPSHOT.items()}
        for session in old.values():
            session.rows("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
        dropper.rows("SET client_min_messages = error; BEGIN")
        dropper.rows(DROPS[thing])
        for name, session in old.items():
            work.running[name] = session
            session.start(OLD_SNAPSHOT[name][1] + "; COMMIT")  # else another one may wait for its locks for ever
        for name, (role, sql) in MEANWHILE.items():
            work.start(name, role, sql)
        work.settle()
        bad = poll()
        dropper.rows("COMMIT")
        refuse_unclean(report, watch, thing, f"{thing}, dropped while they wait for it", work.finish())
        report.equal(bad + poll(), [], f"{thing}, dropped while they wait for it: all views answer")
        report.line(watch.is_alive(), f"{thing}, dropped while they wait for it: the server has not died")
        end_all(report, admin, f"{thing}, dropped while they wait for it", processes)


def drop_during(report, watch, thing, processes):
    """Imports are in the middle of their work when the drop comes; it waits for them or does not."""
    watch.is_alive()
    with copy() as admin, Session() as dropper, Session() as holder:
        dropper.rows("SET client_min_messages = error")
        holder.rows("BEGIN; UPDATE shop.customers SET phone = '1' WHERE user_name = 'wait'")
        work = Work(admin)
        for name in HELD:
            work.start(name, *MEANWHILE[name])
        work.settle()
        dropper.start(DROPS[thing])
        wait_until(lambda: waits_or_ended(admin, dropper), "the drop waits or is done")
        bad = poll() + poll("regress_chaos_ada")
        holder.rows("COMMIT")
        refuse_unclean(report, watch, thing, f"{thing}, dropped while they import", {**work.finish(), "drop": outcome(dropper)})
        report.equal(bad + poll(), [], f"{thing}, dropped while they import: all views answer")
        report.line(watch.is_alive(), f"{thing}, dropped while they import: the server has not died")
        end_all(report, admin, f"{thing}, dropped while they import", processes)


def drop_since(report, watch, thing, _):
    """The drop is committed, and a transaction that meets it has a snapshot of the time before."""
    watch.is_alive()
    with copy(), Session() as dropper:
        statements = {**MEANWHILE, **OLD_SNAPSHOT}
        old = {name: Session(role) for name, (role, _) in statements.items()}
        for session in old.values():
            session.rows("SET client_min_messages = error; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
        dropper.rows("SET client_min_messages = error; BEGIN")
        dropper.rows(DROPS[thing] + "; COMMIT")
        ends = {}
        for name, session in old.items():
            session.start(statements[name][1])
            ends[name] = outcome(session)
            session.close()
        refuse_unclean(report, watch, thing, f"{thing}, dropped since their snapshot", ends)
        report.line(watch.is_alive(), f"{thing}, dropped since their snapshot: the server has not died")


def end_all(report, admin, what, processes=False):
    """Every import ends, and its processes too; to wait for those takes a second or two."""
    def left():
        if admin.value("SELECT to_regclass('customer_import.imports')") and admin.value(
                "SELECT EXISTS (SELECT FROM customer_import.imports WHERE finished_at IS NULL)") == "t":
            return True
        return processes and admin.value(f"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE {PROCESSES} AND datname = $1)", [DATABASE]) == "t"
    try:
        wait_until(lambda: not left(), "imports and their processes end")
        report.line(True, f"{what}: every import ends")
    except TimeoutError as error:
        report.line(False, f"{what}: every import ends", error,
                    *admin.rows("SELECT * FROM customer_import.import_status WHERE finished_at IS NULL"))


# What a short run drops: each of these has brought down something once.
SHORT = ("table", "table exchanged", "schema", "role", "privileges", "extension")


def run(report, watch, wanted, whole=False):
    for thing in wanted or (DROPS if whole else SHORT):
        for case in (drop_before, drop_during, drop_since):
            report.run(case, watch, thing, whole)
