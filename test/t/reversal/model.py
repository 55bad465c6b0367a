"""What every step of a history has to do: the rules of undo and retry, and which operators may call them."""

import copy

from imports import EXISTENCE, Import, Importer, LimitPassed
from table import FIELDS, Refused, Table, not_permitted


class Error(Exception):
    """The call is refused with this SQLSTATE."""


class Model(Importer):
    def __init__(self, variant):
        super().__init__(Table(variant))
        self.ordered = 0

    # Steps -----------------------------------------------------------------------------------------------------------

    def log(self, import_, line, name, before, after):
        super().log(import_, line, name, before, after)
        import_.events[-1].order = self.ordered
        self.ordered += 1

    def mark(self, name, codes):
        """Codes were removed by hand, or with None the customer."""
        self.ledger(name).marks.append((self.ordered - 0.5, codes))

    def find(self, actor, number):
        """An import that the actor may reverse."""
        import_ = self.imports[number]
        if actor == "ann" and import_.actor != "ann":
            raise Error("42704")
        return import_

    def import_file(self, number, actor, mode, columns, records, creates_codes=False, reject_limit=None):
        import_ = Import(number, actor, mode, None, columns, records)
        import_.root_mode, import_.began, import_.creates_codes = mode, self.ordered, creates_codes
        before = copy.deepcopy(self.table)
        try:
            self.run_file(import_, creates_codes, reject_limit)
        except LimitPassed:
            self.take_all_back(import_, before)
            self.fail(import_)
        self.imports[number] = import_
        return import_

    def take_all_back(self, import_, table):
        self.table = table
        for event in import_.events:
            self.ledger(event.name).events.remove(event)

    def fail(self, import_):
        import_.state = "failed"
        import_.issues = [i for i in import_.issues if i[1] == "rejected"]
        import_.outcomes = {line: o for line, o in import_.outcomes.items() if o == "rejected"}
        import_.unprocessed = len(import_.records) - len(import_.outcomes)
        import_.events, self.written = [], set()

    def preview(self, actor, mode, columns, records, **options):
        """The import that would be, and nothing else."""
        before = copy.deepcopy(self.table)
        import_ = self.import_file(0, actor, mode, columns, records, **options)
        self.take_all_back(import_, before)
        del self.imports[0]
        self.written = set()
        return import_

    def amend(self, actor, number, line, cells):
        import_ = self.find(actor, number)
        if line not in import_.rejected_lines():
            raise Error("42704")
        if line in import_.retried:
            raise Error("55000")
        if "extra" in cells or not any(cells.values()):
            raise Error("22P04")
        import_.records[line] = cells
        import_.amended[line] = actor

    def retry_rejects(self, number, actor, of):
        source = self.find(actor, of)
        lines = [line for line in source.rejected_lines() if line not in source.retried]
        if source.mode == "undo" or source.state == "undone" or not lines:
            raise Error("55000")
        import_ = Import(number, actor, "retry", source, source.columns, {line: source.records[line] for line in lines})
        import_.root_mode, import_.began = source.root_mode, source.began
        import_.chain, root = {number, source.number}, source
        while root.mode == "retry":
            root = root.source
            import_.chain.add(root.number)
        import_.since = root.began
        import_.creates_codes = root.creates_codes and actor != "ann"
        self.retry(import_)
        source.retried.update((line, number) for line in lines)
        self.imports[number] = import_
        return import_

    def undo_import(self, number, actor, of):
        source = self.find(actor, of)
        if source.state == "undone" and not self.undone_in_part(source) and not self.is_in_force(source):
            raise Error("55000")
        import_ = Import(number, actor, "undo", source)
        import_.root_mode = "Create & Update"
        import_.began = self.ordered
        added = self.bring_codes_back(import_)
        events = sorted(source.events, key=lambda e: e.line, reverse=not self.runs_backwards(source))
        for event in events:
            if event.deleted:
                self.create_again(import_, event)
            elif event.created:
                self.remove_created(import_, event)
            else:
                self.take_back(import_, event)
        self.imports[number] = import_
        self.settle_states()
        self.remove_ungiven(import_, added)
        for code, creator in list(self.table.creators.items()):
            if self.imports[creator].state == "undone":
                self.imports[creator].removed_codes += self.table.remove_unheld([self.table.find_code(code)])
        return import_

    def bring_codes_back(self, import_):
        """What an undo that brings an import back adds to the catalog, if its caller may: codes that went with it."""
        root, brings_back = import_.source, False
        while root.mode == "undo":
            root, brings_back = root.source, not brings_back
        added = [c for c in root.removed_codes if not self.table.find_code(c)] if brings_back and import_.actor != "ann" else []
        for code in added:
            self.table.add_code(code, creator=root.number)
        return {code.lower() for code in added}

    # States ----------------------------------------------------------------------------------------------------------

    def undos(self, import_):
        return [undo for undo in self.imports.values() if undo.mode == "undo" and undo.source is import_]

    def settle_states(self):
        """An import is undone as long as an undo of it that took something back has not been undone itself."""
        for import_ in sorted(self.imports.values(), key=lambda j: j.number, reverse=True):
            own = import_.before_undo or import_.state
            in_force = [undo for undo in self.undos(import_) if undo.events and undo.state != "undone"]
            import_.undone_by = max(in_force, key=lambda u: u.number, default=None)
            import_.state, import_.before_undo = ("undone", own) if in_force else (own, None)

    def undone_in_part(self, import_):
        """The newest undo left something, or something that undos took back has been brought back since, and still is."""
        if import_.state != "undone":
            return False

        def last(import_):
            return max([import_.number, *map(last, self.undos(import_))])

        brought_back = [again for undo in self.undos(import_) for again in self.undos(undo)
                        if again.events and last(again) > import_.undone_by.number]
        return bool(import_.undone_by.issues) or any(
            again.state != "undone" or self.undone_in_part(again) for again in brought_back)

    def is_in_force(self, import_):
        """Whether no undo has taken back anything of what the import did, whatever others have made of it."""
        return any(self.ledger(event.name).stands(event, key) for event in import_.events for key in event.keys())

    # Undo ------------------------------------------------------------------------------------------------------------

    def runs_backwards(self, import_):
        return import_.mode == "undo" and not self.runs_backwards(import_.source)

    def unlocked(self, import_, event):
        """A customer that cannot be changed, or is not there."""
        if self.table.visible(import_.actor, event.name):
            self.settle(import_, event.line, "rejected", [not_permitted(event.name)])
        elif event.created and not self.ledger(event.name).stands(event, EXISTENCE):
            self.settle(import_, event.line, "unchanged")  # an earlier undo has deleted it
        else:
            self.settle(import_, event.line, "skipped", [("not_found", "userName", event.name)])

    def ceiling(self, import_, event, violations, faults=()):
        faults = list(faults) + [("role_not_grantable", "roles", code) if code else ("role_not_grantable", "userName", event.name)
                                 for code, _ in violations]
        if faults:
            self.settle(import_, event.line, "rejected", faults)
        return bool(faults)

    def change(self, import_, event, row, outcome, issues=()):
        before = self.rows.get(event.name)
        try:
            after = self.table.write(import_.actor, event.name, row)
        except Refused as refusal:
            self.settle(import_, event.line, "rejected", [refusal.args[0]])
            return
        self.written.add(event.name)
        self.log(import_, event.line, event.name, before, after)
        self.settle(import_, event.line, outcome, issues)

    @property
    def rows(self):
        return self.table.rows

    def take_back(self, import_, event):
        """Roles and values that are still as the source left them, and that nothing later has changed."""
        row = self.table.lockable(import_.actor, event.name)
        if row is None:
            self.unlocked(import_, event)
            return
        ledger, issues, lost = self.ledger(event.name), [], []

        def is_open(key, issue):
            if not ledger.stands(event, key):
                return False  # an undo before has taken it back
            if ledger.superseded_since(event, key):
                issues.append(issue)
                return False
            return True

        roles = set(row["roles"])
        folded = {c.lower() for c in roles}
        for code in sorted(event.added):
            if code.lower() in folded and event.touches(("role", code)):
                if is_open(("role", code), ("superseded", "roles", code)):
                    roles = {c for c in roles if c.lower() != code.lower()}
        for code in sorted(event.removed):
            if code.lower() not in folded and event.touches(("role", code)):
                if is_open(("role", code), ("superseded", "roles", code)):
                    if self.table.find_code(code):
                        roles.add(self.table.find_code(code))
                    else:
                        lost.append(("unknown_role", "roles", code))
        if self.ceiling(import_, event, self.table.violation(self.judged(import_, event.line), event.name, row["roles"], roles), lost):
            return
        values = {}
        for field, (before, after) in event.fields.items():
            now, key = row[field], ("field", field)
            if not ledger.stands(event, key) or now == before:
                continue
            if is_open(key, ("superseded", field, now or None)):
                if now == after:
                    values[field] = before
                else:
                    issues.append(("changed_since", field, now or None))
        if roles == row["roles"] and not values:
            self.settle(import_, event.line, "skipped" if issues else "unchanged", issues)
        else:
            self.change(import_, event, dict(row, roles=frozenset(roles), **values), "updated", issues)

    def remove_created(self, import_, event):
        """A customer is deleted if it is as it was created and nothing refers to it."""
        row = self.table.lockable(import_.actor, event.name)
        ledger, name = self.ledger(event.name), event.name
        if row is None:
            self.unlocked(import_, event)
            return
        if not ledger.stands(event, EXISTENCE):
            self.settle(import_, event.line, "skipped", [("changed_since", "userName", name)])
            return
        issues = []
        same = {c.lower() for c in row["roles"]} & {c.lower() for c in event.after["roles"]}
        keys = [(("role", c), "roles", c) for c in sorted(row["roles"] | event.after["roles"]) if c.lower() not in same]
        keys += [(("field", f), f, row[f] or None) for f in FIELDS if row[f] != event.after[f]]
        for key, column, value in keys:
            code = "superseded" if ledger.superseded_since(event, key) else "changed_since"
            issues.append((code, column, value))
        if issues:
            self.settle(import_, event.line, "skipped", issues)
        elif not self.ceiling(import_, event, self.table.violation(self.judged(import_, event.line), name, row["roles"], frozenset(), departs=True)):
            if self.table.is_referenced(name):
                self.settle(import_, event.line, "skipped", [("still_referenced", "userName", name)])
            elif not self.table.may_delete(import_.actor, row):
                self.settle(import_, event.line, "rejected", [not_permitted(name)])
            else:
                self.log(import_, event.line, name, row, None)
                self.table.delete(name)
                self.settle(import_, event.line, "deleted")

    def create_again(self, import_, event):
        """The source, itself an undo, has deleted it."""
        if not self.ledger(event.name).stands(event, EXISTENCE):
            self.settle(import_, event.line, "unchanged")  # an earlier undo has brought it back
            return
        if self.table.visible(import_.actor, event.name):
            self.settle(import_, event.line, "skipped", [("changed_since", "userName", event.name)])
            return
        lost = [("unknown_role", "roles", c) for c in sorted(event.before["roles"]) if not self.table.find_code(c)]
        violations = self.table.violation(self.judged(import_, event.line), event.name, frozenset(), event.before["roles"], arrives=True)
        if not self.ceiling(import_, event, violations, lost):
            self.change(import_, event, event.before, "created")
