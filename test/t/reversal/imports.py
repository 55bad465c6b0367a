"""Imports and retries as the contract has them: one record after another."""

from ledger import Event, Ledger
from table import FIELDS, Refused, not_permitted

CLEAR = "_EMPTY_VALUE_"
EXISTENCE = ("existence",)
DEFAULTS = dict({f: None for f in FIELDS}, active="true", roles=frozenset())


class Import:
    def __init__(self, number, actor, mode, source=None, columns=(), records=()):
        self.number, self.actor, self.mode, self.source = number, actor, mode, source
        self.columns, self.records = columns, dict(records)  # records: by line
        self.state, self.undone_by = "completed", None
        self.before_undo = None
        self.outcomes, self.issues, self.events = {}, [], []  # issues: (line, outcome, code, column, value, sqlstate)
        self.roles = {}                                       # line -> roles before and after
        self.unprocessed = 0
        self.creates_codes, self.removed_codes = False, []    # removed: that it had added, and an undo took away
        self.retried = {}                                     # line -> by which import
        self.amended = {}                                     # line -> the operator

    def rejected_lines(self):
        return sorted({i[0] for i in self.issues if i[1] == "rejected"})

    def counts(self):
        values = list(self.outcomes.values())
        kinds = ["created", "updated", "unchanged", "skipped", "rejected", "deleted"]
        counts = {kind: values.count(kind) for kind in kinds}
        counts.update(records=len(values) + self.unprocessed, unprocessed=self.unprocessed)
        return counts


class LimitPassed(Exception):
    pass


def split(cell):
    return list(dict.fromkeys(c.strip() for c in cell.split(";") if c.strip()))


def check_record(table, cells, creates_codes=False):
    """Returns the faults of a record that need no look at its customer, as (code, column, value)."""
    if "extra" in cells:
        return [("wrong_field_count", None, None)]
    faults = []
    if not cells["userName"].strip():
        faults.append(("missing_user_name", "userName", None))
    for column in ("addRoles", "roles"):
        cell = cells.get(column, "")
        if cell == CLEAR:
            if column == "addRoles":
                faults.append(("invalid_value", column, CLEAR))
        elif not creates_codes:
            faults += [("unknown_role", column, c) for c in split(cell) if not table.find_code(c)]
    faults += [("unknown_role", "removeRoles", c) for c in split(cells.get("removeRoles", "")) if not table.find_code(c)]
    added, removed = ([c.lower() for c in split(cells.get(column, ""))] for column in ("addRoles", "removeRoles"))
    if cells.get("roles", "") and (added or removed):
        faults.append(("conflicting_roles", "roles", None))
    faults += [("conflicting_roles", "removeRoles", table.find_code(c) or c) for c in added if c in removed]
    if cells.get("active", "") not in ("", "true", "false"):
        faults.append(("invalid_value", "active", cells["active"]))
    # Of these alone: the customer may hold what the catalog has lost.
    return [] if all(fault[0] == "unknown_role" and fault[1] != "addRoles" for fault in faults) else faults


class Record:
    """A record without faults."""

    def __init__(self, table, line, cells):
        def known(column):
            return {table.find_code(c) for c in split(cells.get(column, "")) if table.find_code(c)}
        self.line, self.name = line, cells["userName"].strip().lower()
        self.replaces = bool(cells.get("roles", ""))
        self.replace = set() if cells.get("roles") == CLEAR else known("roles")
        self.add, self.remove = known("addRoles"), known("removeRoles")
        self.settled = set()  # codes in lower case that `roles` leaves as the customer has them
        lost = "" if cells.get("roles") == CLEAR else cells.get("roles") or cells.get("removeRoles", "")
        self.lost = [c for c in split(lost) if not table.find_code(c)]
        self.fields = {f: None if cells[f] == CLEAR else cells[f] for f in FIELDS if cells.get(f, "")}

    def says_nothing(self):
        return not (self.replaces or self.add or self.remove or self.lost or self.fields)


class Importer:
    """Applies records to a table and keeps the ledgers."""

    def __init__(self, table):
        self.table = table
        self.imports = {}
        self.ledgers = {}
        self.written = set()  # whose row was written in this step

    def ledger(self, name):
        return self.ledgers.setdefault(name, Ledger())

    def log(self, import_, line, name, before, after):
        source = import_.source.number if import_.mode == "undo" else None
        event = Event(import_.number, source, line, name, before, after)
        self.ledger(name).events.append(event)
        import_.events.append(event)

    def settle(self, import_, line, outcome, issues=()):
        import_.outcomes[line] = outcome
        kind = "rejected" if outcome == "rejected" else "skipped"
        import_.issues += [(line, kind, *(tuple(i) + (None,) * 4)[:4]) for i in issues]

    def run_file(self, import_, creates_codes=False, reject_limit=None, superseded=None):
        """Imports the records of the import. Raises LimitPassed when the import fails; the caller takes everything back."""
        table, known = self.table, set(self.table.catalog)
        if creates_codes:
            for cells in import_.records.values():
                if not check_record(table, cells, True):
                    for code in split(cells.get("addRoles", "")) + [c for c in split(cells.get("roles", "")) if c != CLEAR]:
                        if not table.find_code(code):
                            table.add_code(code, creator=import_.number)
        valid = []
        for line, cells in import_.records.items():
            faults = check_record(table, cells, creates_codes)
            if faults:
                self.settle(import_, line, "rejected", faults)
            else:
                valid.append(Record(table, line, cells))
        if not table.one_by_one:
            valid.sort(key=lambda r: (r.name.encode(), r.line))
        rejected = len(import_.outcomes)
        if reject_limit is not None and rejected > reject_limit:
            raise LimitPassed
        for record in valid:
            issues = superseded(record) if superseded else []
            if issues and record.says_nothing():
                self.settle(import_, record.line, "skipped", issues)
                continue
            self.apply_record(import_, record)
            if issues and import_.outcomes[record.line] == "unchanged":
                import_.outcomes[record.line] = "skipped"
            if import_.outcomes[record.line] == "rejected":
                rejected += 1
                if reject_limit is not None and rejected > reject_limit:
                    raise LimitPassed
            elif issues:
                import_.issues += [(record.line, "skipped", *(tuple(i) + (None,) * 4)[:4]) for i in issues]

        self.remove_ungiven(import_, set(table.catalog) - known)

    def preparer(self, import_, line):
        """Whose record it is that a retry applies or an undo brings back."""
        link = import_.source
        if import_.mode == "undo":
            brings_back = False
            while link.mode == "undo":
                link, brings_back = link.source, not brings_back
            if not brings_back:
                return import_.actor
            link = link.source if link.mode == "retry" else link
        elif import_.mode != "retry":
            return import_.actor
        while line not in link.amended and link.mode == "retry":
            link = link.source
        return link.amended.get(line, link.actor)

    def judged(self, import_, line):
        """Whose grant ceiling applies: the lower one of the caller's and the preparer's."""
        return "ann" if "ann" in (import_.actor, self.preparer(import_, line)) else import_.actor

    def remove_ungiven(self, import_, added):
        """Of the codes that the import has added to the catalog, those that no customer was given or holds."""
        given = {code for event in import_.events for code in event.added}
        self.table.remove_unheld([self.table.find_code(c) for c in sorted(added) if self.table.find_code(c) not in given])

    def apply_record(self, import_, record):
        table, actor, mode = self.table, import_.actor, import_.root_mode
        before = table.visible(actor, record.name)
        held = before["roles"] if before else frozenset()
        if before:
            import_.roles[record.line] = (held, held)
        lost = {h for h in held if h.lower() in {c.lower() for c in record.lost}}
        strangers = [c for c in record.lost if c.lower() not in {h.lower() for h in held}]
        column = "roles" if record.replaces else "removeRoles"
        faults = [("unknown_role", column, c) for c in strangers]
        if faults and (before is None) == (mode == "Update Only") and mode != "Create & Update":
            self.settle(import_, record.line, "rejected", faults)
        elif before and mode == "Create Only":
            self.settle(import_, record.line, "skipped", [("already_exists", "userName", record.name)])
        elif before is None and mode == "Update Only":
            self.settle(import_, record.line, "skipped", [("not_found", "userName", record.name)])
        else:
            self.merge(import_, record, before, held, lost, faults)

    def merge(self, import_, record, before, held, lost, faults):
        table, actor = self.table, import_.actor
        if record.replaces:
            roles = set(record.replace) | lost | {h for h in held if h.lower() in record.settled}
        else:
            named = {c.lower(): c for c in record.add | record.remove}
            respelled = {h for h in held if h.lower() in named and named[h.lower()] != h}
            roles = held - lost - respelled - record.remove | record.add
        roles = frozenset(roles)
        row = dict(before or DEFAULTS, roles=roles, **record.fields)
        if before is None or roles != held:
            for code, is_added in table.violation(self.judged(import_, record.line), record.name, held, roles, arrives=before is None):
                column = "roles" if record.replaces else "addRoles" if is_added else "removeRoles"
                faults.append(("role_not_grantable", column, code) if code else ("role_not_grantable", "userName", record.name))
        if faults:
            self.settle(import_, record.line, "rejected", faults)
            return
        if row == before:
            self.settle(import_, record.line, "unchanged")
            return
        if before and not table.opens(actor, before):
            self.settle(import_, record.line, "rejected", [not_permitted(record.name)])
            return
        try:
            after = table.write(actor, record.name, row)
        except Refused as refusal:
            self.settle(import_, record.line, "rejected", [refusal.args[0]])
            return
        self.written.add(record.name)
        import_.roles[record.line] = (held if before else None, after["roles"])
        self.log(import_, record.line, record.name, before, after)
        self.settle(import_, record.line, "updated" if before else "created")

    def retry(self, import_):
        """The rejected records of import_.source; what others changed later stays. `import_.chain` are the imports they come from,
        `import_.since` the number of events there were when the first one began."""
        def superseded(record):
            ledger = self.ledger(record.name)

            def is_later(event):
                return event.order >= import_.since and (event.import_id not in import_.chain or event.line > record.line)

            def stays(key):
                return ledger.superseded_without(key, is_later)
            issues = []
            if record.replaces:
                codes = {}  # as they are spelled, by lower case
                for event in ledger.events:
                    if event.order >= import_.since:
                        codes.update((c.lower(), c) for c in [*event.removed, *event.added])
                codes.update((c.lower(), c) for c in [*record.replace, *record.lost])
                record.settled = {c for c in codes if stays(("role", c))}
                issues = [("superseded", "roles", codes[c]) for c in record.settled]
                if stays(EXISTENCE):  # all codes, named or not
                    issues = issues or [("superseded", "roles", None)]
                    record.replaces, record.replace, record.lost = False, set(), []
                record.replace = {c for c in record.replace if c.lower() not in record.settled}
                record.lost = [c for c in record.lost if c.lower() not in record.settled]
            for part in (record.add, record.remove):
                for code in sorted(part):
                    if stays(("role", code)):
                        issues.append(("superseded", "roles", code))
                        part.discard(code)
            for code in [] if record.replaces else list(record.lost):
                if stays(("role", code)):
                    issues.append(("superseded", "roles", code))
                    record.lost.remove(code)
            for field, value in list(record.fields.items()):
                if stays(("field", field)):
                    issues.append(("superseded", field, value or None))
                    del record.fields[field]
            return issues
        self.run_file(import_, import_.creates_codes, superseded=superseded)
