"""Every kind of call at once: sessions import, undo, retry, search and change operators, others drop what these depend on,
end processes and kill them, and one reads all views. At the end of each round everything has to add up."""

import os
import re
import random as randoms
import signal
import threading
import time
from collections import Counter

from harness import (DATABASE, PROCESSES, ROLES, Lost, ServerError, Session, client, copy, create_roles, is_clean, outcome, wait_until)
from things import DROPS, HELD, MEANWHILE, OLD_SNAPSHOT, VIEWS

ROUND_SECONDS = 30
WORKERS = 8

# The server locks nothing for these when two sessions change one object at a time, and calls the error internal. Only where the
# statement is the server's own: not for our functions.
SERVERS_OWN = ("tuple concurrently updated", "tuple concurrently deleted", "cache lookup failed", "could not open relation with OID",
               "could not find tuple for", "unexpected", "could not find trigger", "could not find pg_class", "could not find rule")

# Makes again what a drop has taken away. Each by itself; those that are not needed fail.
HEALING = (
    "ALTER ROLE regress_chaos_victor RENAME TO regress_chaos_vic",
    "ALTER SCHEMA mall RENAME TO shop", "CREATE SCHEMA shop AUTHORIZATION regress_chaos_own",
    "ALTER TABLE shop.clients RENAME TO customers",
    "CREATE DOMAIN shop.short AS text CHECK (length(VALUE) < 100)", "CREATE SEQUENCE shop.numbers",
    "GRANT USAGE ON SEQUENCE shop.numbers TO PUBLIC",
    "CREATE FUNCTION shop.is_short(text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN length($1) < 200",
    "CREATE FUNCTION shop.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TABLE shop.other (login text PRIMARY KEY, codes text[] NOT NULL DEFAULT '{}')",
    "SELECT customer_import.add_role_codes('{buyer,approver,companyAdmin}')",
    "SELECT customer_import.create_customers_table('shop.customers')",
    "DROP TABLE shop.customers CASCADE; SELECT customer_import.create_customers_table('shop.customers')",
    "SELECT customer_import.detach_customers_table(); DROP TABLE shop.customers CASCADE;"
    " SELECT customer_import.create_customers_table('shop.customers')",
    "ALTER TABLE shop.customers ADD COLUMN number bigint DEFAULT nextval('shop.numbers')",
    "CREATE TRIGGER note BEFORE INSERT OR UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.note()",
    "CREATE POLICY somebody ON shop.customers AS RESTRICTIVE USING (shop.is_short(user_name))",
    "CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY, customer text REFERENCES shop.customers)",
    "INSERT INTO shop.customers (user_name) VALUES ('wait'), ('old1'), ('old2')",
    "SELECT customer_import.add_operator('regress_chaos_ann', roles => '{customerView,customerEdit,importView,importEdit}')",
    "SELECT customer_import.add_operator('regress_chaos_vic', roles => '{customerView,customerEdit,importView,importEdit}')",
    "SELECT customer_import.add_operator('regress_chaos_ada', roles => '{administrator}')",
    "SELECT customer_import.add_operator('regress_chaos_bob', roles => '{customerView,importView}')",
    "SELECT customer_import.add_operator('kim', roles => '{customerView,customerEdit,importView,importEdit}', database_role => false)",
    "SELECT customer_import.grant_gateway('regress_chaos_web')", "SELECT customer_import.grant_mailer('regress_chaos_mia')",
    "SELECT lo_from_bytea(4711, E'userName,addRoles\\\\012wait,companyAdmin\\\\012lo1,buyer\\\\012')",
    "GRANT SELECT, UPDATE ON LARGE OBJECT 4711 TO PUBLIC",
)

# Registered, and with what an import needs.
IS_WHOLE = ("SELECT EXISTS (SELECT FROM customer_import.customers_table AS t JOIN pg_trigger AS g ON g.tgrelid = t.relation"
            " WHERE g.tgname LIKE '~customer_import%') AND to_regclass('shop.customers') IS NOT NULL AND 4 = (SELECT count(*)"
            "  FROM pg_attribute WHERE attrelid = to_regclass('shop.customers') AND NOT attisdropped"
            "   AND attname IN ('user_name', 'roles', 'company', 'number'))")

MORE = (
    ("regress_chaos_ann", "SELECT * FROM customer_import.import_customers(%(many)s, 'Create & Update', background => %(flag)s)"),
    ("regress_chaos_vic", "SELECT * FROM customer_import.import_customers(%(many)s, 'Create & Update', background => %(flag)s)"),
    (None, "SELECT * FROM customer_import.import_customers(%(many)s, 'Create Only', background => true, unknown_roles => 'create')"),
    ("regress_chaos_ann", "CALL customer_import.run_imports()"),
    ("regress_chaos_ada", "SELECT customer_import.cancel_import(%(id)s)"),
    ("regress_chaos_ada", "SELECT customer_import.resume_import(%(id)s)"),
    ("regress_chaos_ada", "SELECT * FROM customer_import.undo_import(%(id)s, %(flag)s)"),
    ("regress_chaos_ada", "SELECT * FROM customer_import.retry_rejects(%(id)s, %(flag)s)"),
    ("regress_chaos_ann", "SELECT * FROM customer_import.undo_import(%(id)s)"),
    ("regress_chaos_ada", "SELECT customer_import.import_report(%(id)s), customer_import.rejected_csv(%(id)s)"),
    ("regress_chaos_ann", "BEGIN; SAVEPOINT s; SELECT * FROM customer_import.import_customers(%(many)s, 'Create & Update');"
                          " ROLLBACK TO s; SELECT * FROM customer_import.undo_import(%(id)s); COMMIT"),
    ("regress_chaos_ada", "DELETE FROM shop.customers WHERE user_name LIKE 'u%'"),
    ("regress_chaos_ada", "SELECT customer_import.purge_imports('%(id)s seconds')"),
    (None, "SELECT customer_import.remove_operator('regress_chaos_ann')"),
    (None, "SELECT customer_import.alter_operator('regress_chaos_ann', active => %(flag)s)"),
    (None, "SELECT customer_import.remove_role_codes('{approver}')"),
    (None, "SELECT customer_import.release_restored()"),
    (None, "SELECT customer_import.create_search_indexes()"),
    ("regress_chaos_mia", "SELECT customer_import.message_sent(id, fence) FROM customer_import.claim_message('1 second')"),
    (None, f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"),
    (None, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}' AND pid <> pg_backend_pid()"
           " ORDER BY random() LIMIT 1"),
    (None, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {PROCESSES} ORDER BY random() LIMIT 1"),
    (None, f"ALTER DATABASE {DATABASE} SET customer_import.batch_rows = %(rows)s"),
    (None, f"ALTER DATABASE {DATABASE} SET customer_import.workers_per_import = %(few)s"),
)


# The extension goes at the end of a round; without history and operators there would be little to see.
NOT_AGAIN = ("extension", "history", "operators")


def calls_ours(statement):
    return re.search(r"customer_import\.\w+\(", statement) is not None


class Shared:
    """What the threads of a round know of each other."""

    def __init__(self, watch):
        self.watch = watch
        self.lock = threading.Lock()
        self.stops = threading.Event()
        self.states = Counter()
        self.bad = []
        self.servers_own = []
        self.kills = 0
        self.extension_goes = False

    def note(self, statement, end, is_ours):
        with self.lock:
            self.states[end.split(" ", 1)[0]] += 1
            if end.startswith("XX"):
                words = next((words for words in SERVERS_OWN if words in end), None)
                # While the extension goes, the server may miss a function between its parser and the call, and a table between
                # the start of a function with a SQL body and the lock on the table.
                is_gone = self.extension_goes and (
                    "cache lookup failed for function" in end and end.endswith("in no function)")
                    or "could not open relation with OID" in end and end.endswith("during startup)"))
                if words and (not is_ours or is_gone):
                    self.watch.expect(words)
                    self.servers_own.append(f"{statement[:200]} -> {end}")
                else:
                    self.bad.append(f"{statement[:1500]} -> {end}")


class Actor(threading.Thread):
    """A session that does one thing after another, as any role."""

    def __init__(self, shared, seed):
        super().__init__(daemon=True)
        self.shared, self.random = shared, randoms.Random(seed)
        self.problem = None

    def run(self):
        while not self.shared.stops.is_set():
            try:
                self.act()
            except (Lost, ServerError):
                time.sleep(0.05)  # ended by another one, or the server starts again
            except Exception as error:  # pylint: disable=broad-except
                self.problem = error
                return

    def act(self):
        pick = self.random.random()
        if pick < 0.15:
            self.do(*MEANWHILE[self.random.choice(HELD)])
        elif pick < 0.45:
            self.do(*self.random.choice(list(MEANWHILE.values())))
        elif pick < 0.92:
            role, sql = self.random.choice(MORE)
            for name, value in self.fill().items():
                sql = sql.replace(f"%({name})s", str(value))
            self.do(role, sql)
            if "_operator(" in sql:
                self.do(None, "SELECT customer_import.alter_operator('regress_chaos_ann', active => true)")
                self.heal()
        elif pick < 0.96:
            role, sql = self.random.choice([*OLD_SNAPSHOT.values(), *MEANWHILE.values()])
            self.do(role, f"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class; SELECT pg_sleep(0.2); {sql}; COMMIT")
        else:
            thing = self.random.choice([name for name in DROPS if name not in NOT_AGAIN])
            self.do(None, f"BEGIN; {DROPS[thing]}; COMMIT", is_ours=calls_ours(DROPS[thing]))
            self.heal()

    def fill(self):
        first = self.random.randrange(5000)
        return {"many": f"(SELECT E'userName,addRoles,company\\n' || string_agg(format('u%s,buyer,c%s', n, n), E'\\n')"
                        f" FROM generate_series({first}, {first + self.random.choice((10, 300, 3000))}) AS n)::text",
                "id": self.random.randint(1, 60), "flag": self.random.choice(("true", "false")),
                "rows": self.random.choice((10, 100, 1000)), "few": self.random.choice((1, 2, 3))}

    def do(self, role, statement, is_ours=True):
        with Session(role) as session:
            session.rows(f"SET client_min_messages = error; SET statement_timeout = '{self.random.choice((100, 2000, 8000))}ms';"
                         f" SET lock_timeout = '{self.random.choice((50, 1000, 5000))}ms'")
            session.start(statement)
            if self.random.random() < 0.05:
                session.wait_readable(self.random.random() / 2)
                session.cancel()
            self.shared.note(f"{role}: {statement}", outcome(session), is_ours)

    def heal(self):
        create_roles(ROLES)
        with Session() as session:
            session.rows("SET client_min_messages = error; SET statement_timeout = '10s'; SET lock_timeout = '5s'")
            for statement in HEALING:
                if "customers_table(" in statement and session.value(IS_WHOLE) == "t":
                    continue
                session.start(statement)
                self.shared.note(statement, outcome(session), calls_ours(statement))


class Poller(threading.Thread):
    """Reads all views and tables of the extension, again and again."""

    def __init__(self, shared):
        super().__init__(daemon=True)
        self.shared = shared
        self.polls = 0

    def run(self):
        while not self.shared.stops.is_set():
            for role in (None, "regress_chaos_ada", "regress_chaos_vic"):
                try:
                    with Session(role) as session:
                        session.rows("SET lock_timeout = '100ms'; SET client_min_messages = error; SET statement_timeout = '10s'")
                        for (name,) in session.rows(VIEWS):
                            session.start(f"SELECT * FROM {name}")
                            self.shared.note(f"{role}: SELECT * FROM {name}", outcome(session), True)
                            self.polls += 1
                except (Lost, ServerError):
                    time.sleep(0.05)


def kill_one(shared, random):
    """kill -9: the server ends all its processes and starts again."""
    try:
        with client.Session() as admin:
            pids = admin.rows(f"SELECT pid FROM pg_stat_activity WHERE datname = '{DATABASE}' OR {PROCESSES}")
            if pids:
                os.kill(int(random.choice(pids)[0]), signal.SIGKILL)
                shared.kills += 1
    except (Lost, ServerError, ProcessLookupError):
        return
    wait_until(lambda: not shared.watch.is_alive(), "the server notices that a process of its has been killed")


INVARIANTS = {
    "the outcomes of each import add up to its records":
        "SELECT id, state, records, message FROM customer_import.imports WHERE finished_at IS NOT NULL AND records IS NOT NULL"
        "   AND records <> created + updated + unchanged + skipped + rejected + deleted + unprocessed",
    "each change is in the change log":
        "SELECT i.id, i.mode, i.state, i.created + i.updated + i.deleted, count(c.line) FROM customer_import.imports AS i"
        "  LEFT JOIN customer_import.import_changes AS c ON c.import_id = i.id WHERE i.finished_at IS NOT NULL AND i.emptied_at IS NULL"
        " GROUP BY i.id HAVING i.created + i.updated + i.deleted <> count(c.line)",
    # What an undo or a retry leaves of a record that it applies otherwise is an issue, too: of a record that is in the change log.
    "each rejected or skipped record has an issue":
        "SELECT i.id, i.mode, i.state, i.rejected, r.lines, i.skipped, s.lines FROM customer_import.imports AS i"
        " CROSS JOIN LATERAL (SELECT count(DISTINCT n.line) AS lines FROM customer_import.import_issues AS n"
        "                      WHERE n.import_id = i.id AND n.outcome = 'rejected') AS r"
        " CROSS JOIN LATERAL (SELECT count(*) AS lines FROM (SELECT n.line FROM customer_import.import_issues AS n"
        "                                                     WHERE n.import_id = i.id AND n.outcome = 'skipped'"
        "                                                    EXCEPT SELECT c.line FROM customer_import.import_changes AS c"
        "                                                            WHERE c.import_id = i.id) AS l) AS s"
        " WHERE i.finished_at IS NOT NULL AND i.emptied_at IS NULL AND (i.rejected, i.skipped) <> (r.lines, s.lines)",
    "no issue but of an undo or a retry is of a record that was applied":
        "SELECT i.id, i.mode, n.line, n.outcome, n.code FROM customer_import.imports AS i"
        "  JOIN customer_import.import_issues AS n ON n.import_id = i.id"
        "  JOIN customer_import.import_changes AS c ON c.import_id = i.id AND c.line = n.line"
        " WHERE n.outcome = 'rejected' OR i.mode NOT IN ('undo', 'retry')",
    "every import has a state that it can end in":
        "SELECT id, state FROM customer_import.imports WHERE finished_at IS NOT NULL"
        "   AND state NOT IN ('completed', 'failed', 'denied', 'canceled', 'undone')",
}


def drain(report, admin, what):
    """Every import ends and no process or lock is left."""
    def open_imports():
        # Any call that imports starts a supervisor, if one has been killed.
        admin.error("SELECT customer_import.import_customers(E'userName,addRoles\\nwait,\\n', 'Update Only', background => true,"
                    " request_id => 'drain')")
        return admin.rows("SELECT id, state, message FROM customer_import.imports WHERE finished_at IS NULL AND state <> 'held'")
    try:
        wait_until(lambda: not open_imports(), "the queue drains", 120, 0.5)
        report.line(True, f"{what}: the queue drains")
    except TimeoutError:
        report.line(False, f"{what}: the queue drains", *open_imports())
    try:
        wait_until(lambda: admin.value(f"SELECT count(*) FROM pg_stat_activity WHERE {PROCESSES} AND datname = '{DATABASE}'") == "0",
                   "its processes end")
        report.line(True, f"{what}: no process is left")
    except TimeoutError:
        report.line(False, f"{what}: no process is left", *admin.rows(f"SELECT * FROM pg_stat_activity WHERE {PROCESSES}"))
    report.equal(admin.rows("SELECT l.* FROM pg_locks AS l WHERE l.locktype = 'object' AND l.objsubid >= 0 AND l.pid <> pg_backend_pid()"
                            f"   AND l.database = (SELECT oid FROM pg_database WHERE datname = '{DATABASE}')"), [], f"{what}: nor a lock")


def one_round(report, watch, number, seed):
    what = f"round {number}"
    random = randoms.Random(seed)
    shared = Shared(watch)
    watch.is_alive()
    crashes = watch.crashes
    with copy() as admin:
        admin.rows(f"ALTER DATABASE {DATABASE} SET customer_import.batch_rows = 100")
        actors = [Actor(shared, random.random()) for _ in range(WORKERS)]
        poller = Poller(shared)
        for thread in [*actors, poller]:
            thread.start()
        end = time.monotonic() + ROUND_SECONDS
        kill_at = time.monotonic() + random.uniform(5, ROUND_SECONDS) if number % 2 == 0 else end + 1
        while time.monotonic() < end:
            time.sleep(0.2)
            if time.monotonic() > kill_at:
                kill_one(shared, random)
                kill_at = end + 1
        shared.stops.set()
        for thread in [*actors, poller]:
            thread.join(200)
        report.line(not any(thread.is_alive() for thread in [*actors, poller]), f"{what}: each statement ends")
        report.equal([actor.problem for actor in actors if actor.problem], [], f"{what}: the actors have come to their end")
    with Session() as admin:  # that of before may have been terminated
        Actor(shared, 0).heal()
        drain(report, admin, what)
        for name, query in INVARIANTS.items():
            report.equal(admin.rows(query), [], f"{what}: {name}")
        if admin.value(IS_WHOLE) == "t":
            report.equal(admin.value("SELECT count(*) FROM shop.customers WHERE NOT customer_import.is_role_set(roles)"), "0",
                         f"{what}: what customers hold are role sets")
        states = admin.rows("SELECT mode = 'undo', state, count(*) FROM customer_import.imports GROUP BY 1, 2 ORDER BY 1, 2")
        drop_extension(report, shared, admin, what, random)
    report.equal(shared.bad, [], f"{what}: no statement met an internal error")
    report.line(watch.is_alive() and watch.crashes - crashes == shared.kills, f"{what}: the server has died only where it was killed",
                f"{watch.crashes - crashes} times, {shared.kills} kills")
    for own in shared.servers_own:
        report.note(f"{what}: the server's own: {own}")
    report.note(f"{what}: " + ", ".join(f"{state} {count}" for state, count in shared.states.most_common())
                + f"; {poller.polls} views read; {shared.kills} kills; imports: "
                + ", ".join(f"{'undo ' if undo == 't' else ''}{state} {count}" for undo, state, count in states))
    return shared.kills


def drop_extension(report, shared, admin, what, random):
    """At last the extension is dropped while all sessions are at work."""
    shared.stops.clear()
    shared.extension_goes = True
    actors = [Actor(shared, random.random()) for _ in range(WORKERS)]
    for actor in actors:
        actor.start()
    time.sleep(2)
    end = ""
    for _ in range(20):
        try:
            admin.start("DROP EXTENSION IF EXISTS customer_import CASCADE")
            end = outcome(admin)
        except Lost:
            end = "lost"
        if end == "ok":
            break
        if end.startswith("lost"):
            admin = Session()
    shared.stops.set()
    for actor in actors:
        actor.join(200)
    report.equal(end, "ok", f"{what}: the extension can be dropped under all of it")
    with client.Session() as server:
        wait_until(lambda: server.value(f"SELECT count(*) FROM pg_stat_activity WHERE {PROCESSES} AND datname = '{DATABASE}'") == "0",
                   "its processes end")
    report.line(is_clean(end), f"{what}: and no process is left")


def run(report, watch, seconds, seed):
    report.note(f"seed {seed}")
    random = randoms.Random(seed)
    end = time.monotonic() + seconds
    number = kills = 0
    while time.monotonic() < end or not number:
        number += 1
        began = watch.crashes
        report.run(one_round, watch, number, random.random())
        kills += watch.crashes - began
    report.note(f"{number} rounds, {watch.crashes} restarts of the server")
    for _ in range(kills):  # by ourselves
        for words in ("was terminated by signal 9", "all server processes terminated"):
            watch.expect(words)
