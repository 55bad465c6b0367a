"""What every step of a history has to do: the rules of undo and retry, and who may call them."""

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

    def log(self, job, line, name, before, after):
        super().log(job, line, name, before, after)
        job.events[-1].order = self.ordered
        self.ordered += 1

    def mark(self, name, codes):
        """Somebody has removed codes by hand, or with None the customer."""
        self.ledger(name).marks.append((self.ordered - 0.5, codes))

    def find(self, actor, number):
        """An import that the actor may reverse."""
        job = self.imports[number]
        if actor == "ann" and job.actor != "ann":
            raise Error("42704")
        return job

    def import_file(self, number, actor, mode, columns, records, creates_codes=False, reject_limit=None):
        job = Import(number, actor, mode, None, columns, records)
        job.root_mode, job.began, job.creates_codes = mode, self.ordered, creates_codes
        before = copy.deepcopy(self.table)
        try:
            self.run_file(job, creates_codes, reject_limit)
        except LimitPassed:
            self.take_all_back(job, before)
            self.fail(job)
        self.imports[number] = job
        return job

    def take_all_back(self, job, table):
        self.table = table
        for event in job.events:
            self.ledger(event.name).events.remove(event)

    def fail(self, job):
        job.state = "failed"
        job.issues = [i for i in job.issues if i[1] == "rejected"]
        job.outcomes = {line: o for line, o in job.outcomes.items() if o == "rejected"}
        job.unprocessed = len(job.records) - len(job.outcomes)
        job.events, self.written = [], set()

    def preview(self, actor, mode, columns, records, **options):
        """The import that would be, and nothing else."""
        before = copy.deepcopy(self.table)
        job = self.import_file(0, actor, mode, columns, records, **options)
        self.take_all_back(job, before)
        del self.imports[0]
        self.written = set()
        return job

    def amend(self, actor, number, line, cells):
        job = self.find(actor, number)
        if line not in job.rejected_lines():
            raise Error("42704")
        if line in job.retried:
            raise Error("55000")
        if "extra" in cells:
            raise Error("22P04")
        job.records[line] = cells
        job.amended[line] = actor

    def retry_rejects(self, number, actor, of):
        source = self.find(actor, of)
        lines = [line for line in source.rejected_lines() if line not in source.retried]
        if source.mode == "undo" or source.state == "undone" or not lines:
            raise Error("55000")
        job = Import(number, actor, "retry", source, source.columns, {line: source.records[line] for line in lines})
        job.root_mode, job.began = source.root_mode, source.began
        job.chain, root = {number, source.number}, source
        while root.mode == "retry":
            root = root.source
            job.chain.add(root.number)
        job.since = root.began
        job.creates_codes = root.creates_codes and actor != "ann"
        self.retry(job)
        source.retried.update((line, number) for line in lines)
        self.imports[number] = job
        return job

    def undo_import(self, number, actor, of):
        source = self.find(actor, of)
        if source.state == "undone" and not self.undone_in_part(source) and not self.is_in_force(source):
            raise Error("55000")
        job = Import(number, actor, "undo", source)
        job.root_mode = "Create & Update"
        job.began = self.ordered
        added = self.bring_codes_back(job)
        events = sorted(source.events, key=lambda e: e.line, reverse=not self.runs_backwards(source))
        for event in events:
            if event.deleted:
                self.create_again(job, event)
            elif event.created:
                self.remove_created(job, event)
            else:
                self.take_back(job, event)
        self.imports[number] = job
        self.settle_states()
        self.remove_ungiven(job, added)
        for code, creator in list(self.table.creators.items()):
            if self.imports[creator].state == "undone":
                self.imports[creator].removed_codes += self.table.remove_unheld([self.table.find_code(code)])
        return job

    def bring_codes_back(self, job):
        """What an undo that brings an import back adds to the catalogue, if its caller may: codes that went with it."""
        root, brings_back = job.source, False
        while root.mode == "undo":
            root, brings_back = root.source, not brings_back
        added = [c for c in root.removed_codes if not self.table.find_code(c)] if brings_back and job.actor != "ann" else []
        for code in added:
            self.table.add_code(code, creator=root.number)
        return {code.lower() for code in added}

    # States ----------------------------------------------------------------------------------------------------------

    def undos(self, job):
        return [undo for undo in self.imports.values() if undo.mode == "undo" and undo.source is job]

    def settle_states(self):
        """An import is undone as long as an undo of it that took something back has not been undone itself."""
        for job in sorted(self.imports.values(), key=lambda j: j.number, reverse=True):
            own = job.before_undo or job.state
            in_force = [undo for undo in self.undos(job) if undo.events and undo.state != "undone"]
            job.undone_by = max(in_force, key=lambda u: u.number, default=None)
            job.state, job.before_undo = ("undone", own) if in_force else (own, None)

    def undone_in_part(self, job):
        """The newest undo left something, or something that undos took back has been brought back since, and still is."""
        if job.state != "undone":
            return False

        def last(job):
            return max([job.number, *map(last, self.undos(job))])

        brought_back = [again for undo in self.undos(job) for again in self.undos(undo)
                        if again.events and last(again) > job.undone_by.number]
        return bool(job.undone_by.issues) or any(
            again.state != "undone" or self.undone_in_part(again) for again in brought_back)

    def is_in_force(self, job):
        """Whether no undo has taken back anything of what the import did, whatever others have made of it."""
        return any(self.ledger(event.name).stands(event, key) for event in job.events for key in event.keys())

    # Undo ------------------------------------------------------------------------------------------------------------

    def runs_backwards(self, job):
        return job.mode == "undo" and not self.runs_backwards(job.source)

    def unlocked(self, job, event):
        """A customer who cannot be changed, or is not there."""
        if self.table.visible(job.actor, event.name):
            self.settle(job, event.line, "rejected", [not_permitted(event.name)])
        elif event.created and not self.ledger(event.name).stands(event, EXISTENCE):
            self.settle(job, event.line, "unchanged")  # he was deleted by an undo before
        else:
            self.settle(job, event.line, "skipped", [("not_found", "userName", event.name)])

    def ceiling(self, job, event, breaches, faults=()):
        faults = list(faults) + [("role_not_grantable", "roles", code) if code else ("role_not_grantable", "userName", event.name)
                                 for code, _ in breaches]
        if faults:
            self.settle(job, event.line, "rejected", faults)
        return bool(faults)

    def change(self, job, event, row, outcome, issues=()):
        before = self.rows.get(event.name)
        try:
            after = self.table.write(job.actor, event.name, row)
        except Refused as refusal:
            self.settle(job, event.line, "rejected", [refusal.args[0]])
            return
        self.written.add(event.name)
        self.log(job, event.line, event.name, before, after)
        self.settle(job, event.line, outcome, issues)

    @property
    def rows(self):
        return self.table.rows

    def take_back(self, job, event):
        """Roles and values that are still as the source left them, and that nothing later has changed."""
        row = self.table.lockable(job.actor, event.name)
        if row is None:
            self.unlocked(job, event)
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
        if self.ceiling(job, event, self.table.breach(self.judged(job, event.line), event.name, row["roles"], roles), lost):
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
            self.settle(job, event.line, "skipped" if issues else "unchanged", issues)
        else:
            self.change(job, event, dict(row, roles=frozenset(roles), **values), "updated", issues)

    def remove_created(self, job, event):
        """A customer goes if he is as he was created and nobody refers to him."""
        row = self.table.lockable(job.actor, event.name)
        ledger, name = self.ledger(event.name), event.name
        if row is None:
            self.unlocked(job, event)
            return
        if not ledger.stands(event, EXISTENCE):
            self.settle(job, event.line, "skipped", [("changed_since", "userName", name)])
            return
        issues = []
        same = {c.lower() for c in row["roles"]} & {c.lower() for c in event.after["roles"]}
        keys = [(("role", c), "roles", c) for c in sorted(row["roles"] | event.after["roles"]) if c.lower() not in same]
        keys += [(("field", f), f, row[f] or None) for f in FIELDS if row[f] != event.after[f]]
        for key, column, value in keys:
            code = "superseded" if ledger.superseded_since(event, key) else "changed_since"
            issues.append((code, column, value))
        if issues:
            self.settle(job, event.line, "skipped", issues)
        elif not self.ceiling(job, event, self.table.breach(self.judged(job, event.line), name, row["roles"], frozenset(), departs=True)):
            if self.table.is_referenced(name):
                self.settle(job, event.line, "skipped", [("still_referenced", "userName", name)])
            elif not self.table.may_delete(job.actor, row):
                self.settle(job, event.line, "rejected", [not_permitted(name)])
            else:
                self.log(job, event.line, name, row, None)
                self.table.delete(name)
                self.settle(job, event.line, "deleted")

    def create_again(self, job, event):
        """The source, itself an undo, has deleted him."""
        if not self.ledger(event.name).stands(event, EXISTENCE):
            self.settle(job, event.line, "unchanged")  # an undo before has brought him back
            return
        if self.table.visible(job.actor, event.name):
            self.settle(job, event.line, "skipped", [("changed_since", "userName", event.name)])
            return
        lost = [("unknown_role", "roles", c) for c in sorted(event.before["roles"]) if not self.table.find_code(c)]
        breaches = self.table.breach(self.judged(job, event.line), event.name, frozenset(), event.before["roles"], arrives=True)
        if not self.ceiling(job, event, breaches, lost):
            self.change(job, event, event.before, "created")
