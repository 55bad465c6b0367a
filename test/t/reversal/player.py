"""Plays a history in a database and in the model, step by step, and compares."""

import contextlib
import re

import psycopg2

import database
import imports
import table
from model import Error, Model

COUNTS = ["records", "created", "updated", "unchanged", "skipped", "rejected", "deleted", "unprocessed"]
FIELDS = table.FIELDS
RUN = "customer_import.import_customers(%s, %s, file_name => 'random.csv', reject_limit => %s, unknown_roles => %s"
PREVIEW = "SELECT * FROM customer_import.preview_import(%s, %s, reject_limit => %s, unknown_roles => %s)"


class Difference(Exception):
    pass


def check(what, expected, got):
    if expected == got:
        return
    if isinstance(expected, dict) and isinstance(got, dict):
        keys = [k for k in {**expected, **got} if expected.get(k) != got.get(k)]
        expected, got = {k: expected.get(k) for k in keys}, {k: got.get(k) for k in keys}
    elif isinstance(expected, list) and isinstance(got, list):
        expected, got = [e for e in expected if e not in got] or expected, [g for g in got if g not in expected] or got
    raise Difference("%s\n    expected %s\n    got      %s" % (what, expected, got))


class Player:
    def __init__(self, history, server):
        self.history, self.server = history, server
        self.model = Model(history.variant)
        self.numbers = {}  # step -> id of the import in the database
        self.versions = {}

    def play(self):
        self.begin()
        if self.history.in_one_transaction:
            self.server.begin()
        try:
            for step in self.history.steps:
                self.do(step)
        except Difference:
            self.server.end(commits=False)
            raise
        self.server.end()
        self.compare(None)

    def do(self, step):
        try:
            getattr(self, "do_" + step["do"])(step)
        except Difference as difference:
            raise Difference("step %d, %s: %s" % (step["step"], step["do"], difference)) from None
        except psycopg2.Error as error:
            raise Difference("step %d, %s: SQLSTATE %s, %s" % (step["step"], step["do"], error.pgcode, error)) from None

    def begin(self):
        history, model = self.history, self.model
        self.server.reset(history)
        for code in [*table.BUILT_IN, "buyer", "approver", "Viewer", "zeta", "vip"]:
            model.table.add_code(code, code in table.BUILT_IN or code == "vip")
        for name, row in history.customers.items():
            self.write_by_hand(name, dict(row, roles=frozenset(row["roles"])), None)
        self.compare(None)

    # By hand ---------------------------------------------------------------------------------------------------------

    def expect_error(self, sqlstate, action):
        try:
            with self.server.savepoint():
                action()
        except psycopg2.Error as error:
            check("error", sqlstate, error.pgcode)
        else:
            check("error", sqlstate, None)

    def write_by_hand(self, name, row, values):
        """`values`: what is changed; None: all, the customer is new."""
        def action():
            if values is None:
                self.server.insert(name, row)
            else:
                self.server.update(name, values)
        before = self.model.table.rows.get(name, {}).get("roles", frozenset())
        try:
            after = self.model.table.write("admin", name, row)["roles"]
        except imports.Refused as refusal:
            self.expect_error(refusal.args[0][3], action)
        else:
            action()
            self.model.written.add(name)
            removed = {c.lower() for c in before} - {c.lower() for c in after}
            if removed:
                self.model.mark(name, removed)

    def do_by_hand(self, step):
        change, rows = step["change"], self.model.table.rows
        name, kind = change["name"], change["kind"]
        row = rows.get(name)
        if kind == "insert" and row is None:
            self.write_by_hand(name, dict(change["row"], roles=frozenset(change["row"]["roles"])), None)
        elif kind == "delete" and row is not None:
            self.delete_by_hand(name)
        elif kind == "roles" and row is not None:
            roles = frozenset(row["roles"] - set(change["remove"]) | set(change["add"]))
            self.write_by_hand(name, dict(row, roles=roles), {"roles": roles})
        elif kind == "field" and row is not None:
            self.write_by_hand(name, dict(row, **{change["field"]: change["value"]}), {change["field"]: change["value"]})
        self.compare(None)

    def delete_by_hand(self, name):
        model = self.model.table
        if "self_key" in model.rules and any(r["company"] == name for n, r in model.rows.items() if n != name):
            return
        model.by_email = [e for e in model.by_email if e != model.rows[name]["email"]]
        for key in model.references:
            if key[1] == name:
                model.references[key] = 0
        self.server.delete(name)
        model.delete(name)
        self.model.mark(name, None)

    def do_reference(self, step):
        model, name, reference = self.model.table, step["name"], step["table"]
        row = model.rows.get(name)
        if row is None or reference == "v_by_email" and "unique" not in model.rules:
            return
        self.server.refer(reference, name, step["add"])
        if reference != "v_by_email":
            model.references[reference, name] = step["add"]
        elif step["add"]:
            model.by_email.append(row["email"])
        else:
            model.by_email = [e for e in model.by_email if e != row["email"]]

    def do_codes(self, step):
        if step["remove"]:
            self.server.set_code(step["code"], True)
            self.model.table.remove_code(step["code"])
        added = step.get("then_add") if step["remove"] else step["code"]
        if added:
            self.server.set_code(added, False)
            self.model.table.add_code(added)
        self.compare(None)

    # Imports ---------------------------------------------------------------------------------------------------------

    def call(self, actor, sql, arguments, expected):
        """Calls a function that makes an import; `expected` is the model's doing, given the import's number."""
        try:
            result = self.server.call(actor, sql, arguments)[0]
        except psycopg2.Error as error:
            try:
                expected(None)
            except Error as refusal:
                check("error", str(refusal), error.pgcode)
                return None, None
            raise
        try:
            return result, expected(result["import_id"])
        except Error as refusal:
            raise Difference("error\n    expected %s\n    got      none" % refusal) from None

    def make(self, step, sql, arguments, expected):
        result, import_ = self.call(step["actor"], sql, arguments, expected)
        if import_ is None:
            return None
        number = result["import_id"]
        self.numbers[step["step"]] = number
        if step.get("background"):
            self.server.wait_for(number)
        else:
            check("result", dict(import_.counts(), state=import_.state), {k: result[k] for k in [*COUNTS, "state"]})
        if not self.server.in_transaction and "customer_import" not in self.server.notifications():
            raise Difference("nobody was notified")
        self.compare(import_)
        return import_

    def file(self, step):
        arguments = [database.write_csv(step["columns"], step["records"]), step["mode"], step.get("reject_limit"),
                     "create" if self.creates_codes(step) else "reject"]
        known = {*step["columns"], "extra"}
        records = {line: {c: v for c, v in cells.items() if c in known} for line, cells in enumerate(step["records"], 2)}
        records = {line: cells for line, cells in records.items() if any(cells.values())}  # others are blank lines
        options = {"creates_codes": self.creates_codes(step), "reject_limit": step.get("reject_limit")}
        return arguments, (step["actor"], step["mode"], step["columns"], records), options

    @staticmethod
    def creates_codes(step):
        return step.get("creates_codes", False) and step["actor"] != "ann"

    def expect_import(self, step):
        arguments, file, options = self.file(step)

        def expected(number):
            return self.model.import_file(number, *file, **options)
        background = ", background => true" if step.get("background") else ""
        return self.make(step, "SELECT * FROM " + RUN + background + ")", arguments, expected)

    def do_import(self, step):
        self.compare_preview(step)
        self.expect_import(step)

    def do_undo(self, step):
        self.reverse(step, "undo_import", self.model.undo_import)

    def do_retry(self, step):
        self.reverse(step, "retry_rejects", self.model.retry_rejects)

    def reverse(self, step, function, expected):
        of = self.numbers.get(step["of"])
        if of is None:
            return

        self.make(step, "SELECT * FROM customer_import.%s(%%s, background => %%s)" % function,
                  (of, bool(step.get("background"))), lambda number: expected(number, step["actor"], of))

    def do_amend(self, step):
        of = self.numbers.get(step["of"])
        lines = self.model.imports[of].rejected_lines() if of else []
        if not lines:
            return
        import_, line = self.model.imports[of], lines[step["nth"] % len(lines)]
        if import_.mode == "undo":
            return
        cells = {c: step["cells"].get(c, "") for c in import_.columns}
        if "extra" in step["cells"]:
            cells["extra"] = "x"

        def action():
            self.server.call(step["actor"], "SELECT customer_import.amend_record(%s, %s, %s)",
                             (of, line, database.write_record(import_.columns, cells)))
        try:
            self.model.amend(step["actor"], of, line, cells)
        except Error as refusal:
            self.expect_error(str(refusal), action)
        else:
            action()
            if step["retries"]:
                self.do_retry(step)

    def do_round_trip(self, step):
        """An import and its undo at once: everything is as before, if nothing is listed."""
        before = self.customers
        import_ = self.expect_import(step)
        self.reverse(dict(step, of=step["step"], step=-1), "undo_import", self.model.undo_import)
        undo = self.model.imports[self.numbers[-1]]
        if not undo.issues:
            check("import and undo", before, self.customers)
        elif step["actor"] == "admin" and not self.model.table.rules and not any(
                i[3] == "unknown_role" for i in undo.issues):
            raise Difference("an import that was undone at once left %s of %s" % (undo.issues, import_.events))

    def do_preview(self, step):
        self.compare_preview(step)

    def do_dry_run(self, step):
        arguments, file, options = self.file(step)
        with self.nothing_left():
            result = self.server.call(step["actor"], "SELECT * FROM " + RUN + ", dry_run => true)", arguments)[0]
        import_ = self.model.preview(*file, **options)
        check("dry run", dict(import_.counts(), state=import_.state, import_id=None),
              {k: result[k] for k in [*COUNTS, "state", "import_id"]})

    @contextlib.contextmanager
    def nothing_left(self):
        self.server.notifications()
        before = self.server.trace()
        yield
        check("traces", before, self.server.trace())
        check("notifications", [], self.server.notifications())

    def compare_preview(self, step):
        arguments, file, options = self.file(step)
        with self.nothing_left():
            rows = self.server.call(step["actor"], PREVIEW, arguments)
        import_ = self.model.preview(*file, **options)
        check("lines of the preview", sorted(file[3]), [row["line"] for row in rows])
        issues = {}
        for issue in import_.issues:
            issues.setdefault(issue[0], []).append(issue[2])
        for row in rows:
            line = row["line"]
            what = "preview of line %d" % line
            check(what, import_.outcomes.get(line, "unprocessed"), row["outcome"])
            if import_.state == "failed" and row["outcome"] != "rejected":
                continue
            if row["code"] not in issues.get(line, [None]):
                raise Difference("%s: code\n    expected %s\n    got      %s" % (what, issues.get(line), row["code"]))
            if import_.state != "failed":
                before, after = import_.roles.get(line, (None, None))
                check(what + ": roles", [r if r is None else sorted(r) for r in (before, after)],
                      [row["roles_before"], row["roles_after"]])

    # Comparison ------------------------------------------------------------------------------------------------------

    def compare(self, import_):
        model = self.model
        state = self.server.state(import_.number if import_ else None)
        customers = state["customers"] or {}
        self.customers = {name: dict(zip(["roles", *FIELDS], row)) for name, row in customers.items()}
        check("customers", {n: dict(r, roles=sorted(r["roles"])) for n, r in model.table.rows.items()}, self.customers)
        versions = {name: tuple(row[-2:]) for name, row in customers.items()}
        for name, version in versions.items():
            if self.versions.get(name, version) != version and name not in model.written:
                raise Difference("the row of %s was written for nothing" % name)
        self.versions, model.written = versions, set()
        check("codes", sorted(spelling for spelling, _ in model.table.catalog.values()), sorted(state["codes"]))
        self.compare_imports(state)
        self.compare_issues(state)
        if import_:
            self.compare_changes(import_, state)
        for name, row in model.table.rows.items():
            check("origin of the roles of " + name, {c: model.ledger(name).origin(c) for c in row["roles"]},
                  self.server.origins(name))

    def compare_imports(self, state):
        got = state["imports"] or {}
        expected = {}
        for number, import_ in self.model.imports.items():
            expected[str(number)] = dict(
                import_.counts(), mode=import_.mode.lower().replace(" & ", "_and_").replace(" ", "_"), state=import_.state, source=import_.source and import_.source.number,
                undo=import_.undone_by and import_.undone_by.number, in_part=self.model.undone_in_part(import_), ended=True)
        for number in {**expected, **got}:
            check("import %s" % number, expected.get(number), got.get(number))

    def compare_issues(self, state):
        expected = [[number, *issue, import_.retried.get(issue[0]) if issue[1] == "rejected" else None]
                    for number, import_ in self.model.imports.items() for issue in import_.issues]
        left, missing = list(state["issues"] or []), []
        for row in expected:
            if row in left:
                left.remove(row)
            else:
                missing.append(row)
        if missing or left:
            raise Difference("issues\n    expected %s\n    got      %s" % (missing, left))

    def compare_changes(self, import_, state):
        def fields(event, which):
            row = (event.before, event.after)[which]
            other = (event.after, event.before)[which]
            return {f: row[f] for f in FIELDS if row and (row[f] is not None or other) and (not other or f in event.fields)}
        expected = {event.line: [event.name, event.created, sorted(event.added), sorted(event.removed),
                                 fields(event, 0), fields(event, 1)] for event in import_.events}
        got = {row[0]: row[1:5] + [row[5] or {}, row[6] or {}] for row in state["changes"] or []}
        check("changes", expected, got)


def describe(text):
    return re.sub("^", "#   ", text, flags=re.M)
