"""All functions, tables and views of the extension's schema, as the catalog has them, with any arguments, by any caller."""

import random as randoms
import re
import subprocess
import time
from collections import Counter

from harness import DATABASE, PROCESSES, Session, copy, create_database, drop_database, is_clean, outcome, wait_until
from values import Values

RESTORED = "regress_chaos_restored"

FUNCTIONS = """
SELECT p.proname, p.prokind, p.provariadic <> 0, format('%I.%I', n.nspname, p.proname),
       COALESCE((SELECT string_agg(COALESCE(p.proargnames[a.place], '') || ':' || format_type(a.type, NULL), E'\\x1f' ORDER BY a.place)
                   FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, place)), '')
  FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
 WHERE n.nspname = 'customer_import' ORDER BY p.oid::regprocedure::text"""
RELATIONS = ("SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'customer_import'::regnamespace AND relkind IN ('r', 'v')"
             " ORDER BY 1")

# Callers: the role, and what it does first in each transaction. None: the superuser.
CALLERS = {
    "superuser": (None, ""), "administrator": ("regress_chaos_ada", ""), "operator": ("regress_chaos_ann", ""),
    "viewer": ("regress_chaos_bob", ""), "mailer": ("regress_chaos_mia", ""), "gateway": ("regress_chaos_web", ""),
    "gateway that acts": ("regress_chaos_web", "SELECT customer_import.act_as('kim')"), "stranger": ("regress_chaos_out", ""),
}

# What is committed, most of the time: the rest would soon leave nothing to try the others on.
COMMITTED = ("import_customers", "undo_import", "retry_rejects", "retry_skipped", "amend_record", "add_role_codes", "claim_message", "store_message", "edit_customer",
             "message_sent", "message_failed", "cancel_import", "add_operator", "alter_role_code")

# They need a list of columns.
EXPORTS = ("_export_customers", "_export_spreadsheet")

# Where a session keeps what it has allocated, without the caches that the server fills with what it has looked up.
MEMORY = """
WITH contexts AS MATERIALIZED (SELECT * FROM pg_backend_memory_contexts)
SELECT sum(total_bytes)::bigint FROM contexts AS c
 WHERE name <> 'CacheMemoryContext' AND {parent} IS DISTINCT FROM 'CacheMemoryContext'
   AND name NOT IN ('index info', 'relation rules', 'CachedPlan', 'CachedPlanSource', 'CachedPlanQuery', 'SPI Plan', 'partition key')"""
PARENT = "parent"
PARENT_FROM_18 = "(SELECT p.name FROM contexts AS p WHERE p.path = c.path[:cardinality(c.path) - 1])"


class Caller:
    """A session of a superuser that has taken a caller's role: so that its memory can be looked at."""

    def __init__(self, name, report):
        self.name, self.report = name, report
        self.role, self.prelude = CALLERS[name]
        self.calls = 0
        self.open()

    def open(self):
        self.session = Session()
        self.session.rows("SET client_min_messages = error")
        self.become()
        self.bytes = None

    def become(self):
        if self.role:
            self.session.rows(f"SET SESSION AUTHORIZATION {self.role}")

    def insist(self, statement):
        """Runs what the short limit of the statement before may cut off, until it is through."""
        while (error := self.session.error(statement)) is not None and error.sqlstate == "57014":
            pass

    def memory(self):
        self.session.rows("RESET SESSION AUTHORIZATION; DISCARD PLANS")
        memory = MEMORY.format(parent=PARENT if self.session.version < 180000 else PARENT_FROM_18)
        self.session.rows(memory)
        size = int(self.session.value(memory))
        self.become()
        return size


class Fuzzer:
    def __init__(self, report, watch, seed, admin):
        self.report, self.watch, self.admin = report, watch, admin
        self.random = randoms.Random(seed)
        self.values = Values(self.random)
        self.functions = admin.rows(FUNCTIONS)
        plain = [function for function in self.functions if function[1] == "f" and function[0] not in EXPORTS]
        self.values.other_call = lambda: self.listed(self.random.choice(plain))
        self.relations = [name for (name,) in admin.rows(RELATIONS)]
        self.states = Counter()
        self.called = Counter()
        self.canceled = 0
        self.overrun, self.slowest = 0.0, ""
        self.bad = []

    def listed(self, function):
        """A function with arguments."""
        _, _, is_variadic, qualified, columns = function
        arguments = []
        for column in filter(None, columns.split("\x1f")):
            argument_name, _, type_name = column.partition(":")
            arguments.append(self.values.argument(argument_name, type_name))
        if is_variadic == "t":
            arguments[-1] = f"VARIADIC {arguments[-1]}"
        return f"{qualified}({', '.join(arguments)})"

    def call(self, function):
        """The same in one of the ways a function can be called."""
        name, kind = function[:2]
        listed = self.listed(function)
        if kind == "p":
            return name, f"CALL {listed}"
        if kind == "a":
            return name, f"SELECT {listed} FROM generate_series(1, {self.random.choice((0, 1, 100))})"
        way = self.random.random()
        if name in EXPORTS:
            return name, f"SELECT * FROM {listed} AS c (a text, b text)"
        if way < 0.7:
            return name, f"SELECT * FROM {listed}"
        if way < 0.8:
            return name, f"SELECT {listed} FROM generate_series(1, 3)"
        if way < 0.9:
            return name, (f"DO $do$ BEGIN PERFORM {listed}; EXCEPTION WHEN OTHERS THEN"
                          " IF SQLSTATE LIKE 'XX%' THEN RAISE; END IF; PERFORM 1 / 1; END $do$")
        return name, f"DECLARE c CURSOR FOR SELECT * FROM {listed}; FETCH 1 FROM c; FETCH 5 FROM c; CLOSE c"

    def touch(self, caller):
        """A statement on a table or view. Superusers only read: what they write by hand is theirs."""
        name = self.random.choice(self.relations)
        if caller.role is None or self.random.random() < 0.7:
            return "read", f"SELECT * FROM {name} LIMIT 1000"
        return "write", self.random.choice((f"DELETE FROM {name}", f"INSERT INTO {name} DEFAULT VALUES", f"TRUNCATE {name}",
                                            f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE NOWAIT"))

    def once(self, caller):
        if self.random.random() < 0.9:
            name, statement = self.call(self.random.choice(self.functions))
        else:
            name, statement = self.touch(caller)
        timeout = self.random.choice((5000, 5000, 5000, 5000, 1, 3, 10, 30, 100))
        block = not statement.startswith("CALL") or self.random.random() < 0.3
        if block:
            mode = self.random.choice(("", "", "", "", " ISOLATION LEVEL REPEATABLE READ", " ISOLATION LEVEL SERIALIZABLE", " READ ONLY"))
            caller.insist(f"BEGIN{mode}")  # a limit that has just passed may hit it
            if caller.prelude:
                caller.session.rows(caller.prelude)
        session = caller.session
        session.rows(f"SET statement_timeout = {timeout}")
        began = time.monotonic()
        session.start(statement)
        end = outcome(session)
        seconds = time.monotonic() - began
        self.called[name] += 1
        self.states[end.split(" ", 1)[0]] += 1
        if end.startswith("57014"):
            self.canceled += 1
            if seconds - timeout / 1000 > self.overrun:
                self.overrun, self.slowest = seconds - timeout / 1000, f"{caller.name}: {statement}"
        if not is_clean(end) and not self.is_damage(statement, end):
            self.bad.append(f"{caller.name}: {statement[:2000]} -> {end}")
        if end.startswith("lost"):
            self.watch.is_alive()
            caller.open()
            return
        if block:
            caller.insist("COMMIT" if name in COMMITTED and self.random.random() < 0.8 else "ROLLBACK")
        caller.insist("SET statement_timeout = 0")

    def is_damage(self, statement, end):
        """Bytes that are not a page are distinguished from a good page, and reported."""
        if end.startswith("XX001") and "_strip_change_page(" in statement:
            self.watch.expect("a page of the change log is damaged")
            return True
        return False

    def run(self, seconds):
        callers = [Caller(name, self.report) for name in CALLERS]
        began = time.monotonic()
        total = 0
        while time.monotonic() - began < seconds and len(self.bad) < 20:
            caller = self.random.choice(callers)
            self.once(caller)
            total += 1
            caller.calls += 1
            if caller.bytes is None and time.monotonic() - began > seconds / 3:
                caller.bytes = caller.memory()
        growth = {caller.name: caller.memory() - caller.bytes for caller in callers if caller.bytes is not None}
        for caller in callers:
            caller.session.close()
        return total, growth


def dump(database, path):
    return subprocess.run(["pg_dump", f"--dbname={database}", f"--file={path}"], check=False, stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)


def dump_parts(path):
    """What a dump has of each object, sorted: their order follows object identifiers, which are others after a restore."""
    # Newer ones protect a dump by a random key: psql's \\restrict.
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").split("\n")
             if not line.startswith(("\\restrict", "\\unrestrict"))]
    # What a role is bound by, and a schema, is bound anew where it is restored: system, extension and object.
    keyless = re.sub(r"\b\d+/\d+/\d+\b", "KEY", "\n".join(lines))
    return sorted(keyless.split("\n--\n-- "))


def dump_and_restore(report, folder):
    """What was stored can be dumped, restored, and is the same again."""
    first, second = folder / "first.sql", folder / "second.sql"
    done = dump(DATABASE, first)
    report.line(done.returncode == 0, "the database can be dumped", done.stderr)
    create_database(RESTORED)
    try:
        restored = subprocess.run(["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=on", "--output=/dev/null", f"--dbname={RESTORED}",
                                   f"--file={first}"], check=False, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        report.line(restored.returncode == 0, "the dump can be restored into a new database", restored.stderr[-3000:])
        done = dump(RESTORED, second)
        parts = [dump_parts(path) for path in (first, second)]
        different = sorted(set(parts[0]) ^ set(parts[1]))
        report.line(done.returncode == 0 and parts[0] == parts[1], "what was restored is dumped as the same", done.stderr,
                    f"{len(parts[0])} and {len(parts[1])} parts", *different[:4])
    finally:
        drop_database(RESTORED)


def run(report, watch, seconds, seed, folder):
    report.note(f"seed {seed}")
    with copy() as admin:
        fuzzer = Fuzzer(report, watch, seed, admin)
        total, growth = fuzzer.run(seconds)
        report.note(f"{total} statements on {len(fuzzer.functions)} functions and {len(fuzzer.relations)} relations by {len(CALLERS)} callers")
        report.note("SQLSTATE: " + ", ".join(f"{state} {count}" for state, count in fuzzer.states.most_common()))
        report.note(f"{fuzzer.canceled} were canceled by statement_timeout; the last of them took {fuzzer.overrun * 1000:.0f} ms longer than it"
                    f" allows: {fuzzer.slowest[:300]}")
        report.note("memory of sessions since a third of the time: " + ", ".join(f"{name} {size:+,} bytes" for name, size in growth.items()))
        missed = [function[0] for function in fuzzer.functions if function[0] not in fuzzer.called]
        report.line(seconds < 30 or not missed, "each function was called", missed)
        report.line(fuzzer.states["ok"] > total / 10, "a good part of the calls does something", fuzzer.states)
        report.equal(fuzzer.bad, [], "no statement ended its session or met an internal error")
        report.line(watch.is_alive() and watch.crashes == 0, "the server has not died")
        report.line(all(size < 8 << 20 for size in growth.values()), "the sessions do not grow", growth)
        wait_until(lambda: admin.value("SELECT NOT EXISTS (SELECT FROM customer_import.imports WHERE finished_at IS NULL AND state <> 'held')"
                                       f" AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE {PROCESSES} AND datname = current_database())")
                   == "t", "imports in the background end")
        report.line(True, "the queue drains")
        dump_and_restore(report, folder)
