"""Random histories: lists of steps, as plain data. A step that speaks of an import names the step that made it, so that
steps can be left out and the rest still makes sense."""

import random

import table

CODES = ["buyer", "approver", "Viewer", "zeta", "vip"]
LOSABLE = ["buyer", "approver", "Viewer", "vip"]
# How often a theme sets a trap instead of making a single step.
TRAPS = {"all": 0.1, "undo": 0.2, "undos": 0.5, "retry": 0.3, "references": 0.3, "codes": 0, "spelling": 0}
UNKNOWN = ["unknown", "nobody"]
VALUES = {
    "email": ["a@x", "b@x", "c@x", "d@x"], "firstName": ["Kept", "Eva", "Tom"], "lastName": ["Many", "Lee", "Roe"],
    "phone": ["1", "2", "locked"], "company": ["Acme", "Globex", "Bad", "hidden", "globex"], "active": ["true", "false"],
}
MODES = ["Create & Update"] * 3 + ["Create Only", "Update Only"]
CLEAR = "_EMPTY_VALUE_"


# How often each kind of step comes, by what a history is about.
KINDS = ["import", "undo", "retry", "amend", "by_hand", "codes", "preview", "dry_run", "reference", "round_trip"]
THEMES = {
    "all": [30, 34, 7, 7, 14, 5, 5, 2, 5, 3],
    "undo": [25, 60, 0, 0, 10, 2, 1, 0, 1, 1],
    "undos": [15, 60, 0, 0, 15, 1, 0, 0, 1, 1],
    "retry": [35, 15, 25, 15, 5, 5, 0, 0, 0, 0],
    "references": [30, 40, 0, 0, 8, 0, 0, 0, 22, 0],
    "codes": [35, 35, 5, 3, 8, 14, 0, 0, 0, 0],
    "spelling": [35, 35, 5, 0, 8, 17, 0, 0, 0, 0],
}


class History:
    """`steps`: dicts with `step` (its number), `do` (what), and what belongs to it."""

    def __init__(self, seed):
        self.seed = seed
        self.random = random.Random("reversal %s" % seed)
        choice = self.random.choice
        self.variant = choice(list(table.VARIANTS))
        self.batch_rows = choice([1, 2, 7, 10000])
        self.names = table.NAMES[:choice([2, 3, 4, 6])]
        self.actors = choice([["admin"], ["admin"], ["boss"], ["ann"], ["admin", "boss", "ann"], ["boss", "ann"]])
        self.theme = choice(list(THEMES))
        share = 0.15 if self.theme == "references" else 0.6
        self.customers = {name: self.make_row() for name in self.names if self.random.random() < share}
        self.background = self.random.random() < 0.04
        self.in_one_transaction = not self.background and self.random.random() < 0.15
        self.reversible = []
        self.steps = []
        count = choice([3, 5, 8, 12])
        while len(self.steps) < count:
            if self.random.random() < TRAPS[self.theme]:
                self.set_trap()
            else:
                self.add(self.make_step(len(self.steps)))

    def add(self, step, actor=None):
        self.steps.append(dict(step, step=len(self.steps), actor=actor or self.random.choice(self.actors)))
        return self.steps[-1]

    def set_trap(self):
        """An import, something that its undo will stumble over, and the undo."""
        random = self.random
        if self.theme == "retry":
            self.set_retry_trap()
            return
        if self.theme == "undos":
            self.set_undos_trap()
            return
        kind = random.choice(["referenced", "referenced", "taken", "needed", "locked"])
        name, other = random.sample(self.names, 2)
        row = self.customers.get(name, {})
        field = {"referenced": "email", "taken": "email", "needed": "phone", "locked": "lastName"}[kind]
        value = random.choice(VALUES[field])
        step = self.add({"do": "import", "mode": "Create & Update", "columns": ["userName", field, "addRoles"], "background": False,
                         "records": [{"userName": name, field: value, "addRoles": random.choice(["", "buyer", "zeta"])}]})
        self.reversible.append(step["step"])
        if kind == "referenced":
            self.add({"do": "reference", "table": random.choice([*table.REFERENCES, "v_by_email"]), "name": name, "add": True})
        elif kind == "taken":
            self.add({"do": "by_hand", "change": {"kind": "field", "name": other, "field": field, "value": row.get(field)}})
        else:
            field, value = ("company", "Acme") if kind == "needed" else ("phone", "locked")
            self.add({"do": "by_hand", "change": {"kind": "field", "name": name, "field": field, "value": value}})
        self.reversible.append(len(self.steps))
        self.add({"do": "undo", "of": step["step"], "background": False}, step["actor"])

    def set_undos_trap(self):
        """An import, undos that leave something, and undos of any of them, while a value goes and comes back."""
        random = self.random
        name, field = random.choice(self.names), random.choice(["firstName", "email", "phone"])
        value, other = random.sample(VALUES[field], 2)
        first = self.add({"do": "import", "mode": "Create & Update", "columns": ["userName", field, "addRoles"], "background": False,
                          "records": [{"userName": name, field: value, "addRoles": random.choice(["", "buyer", "zeta"])}]})
        family = [first["step"]]
        for _ in range(random.choice([2, 3, 4, 6])):
            if random.random() < 0.6:
                self.add({"do": "by_hand", "change": {"kind": "field", "name": name, "field": field, "value": random.choice([value, other])}})
            of = random.choice([family[0], random.choice(family), family[-1]])
            family.append(self.add({"do": "undo", "of": of, "background": False}, first["actor"])["step"])
        self.reversible += family

    def set_retry_trap(self):
        """A record that is rejected, what others do to its customer meanwhile, the missing code, and the retry."""
        random = self.random
        name, unknown = random.choice(self.names), random.choice(UNKNOWN)
        field, code = random.choice(["firstName", "phone"]), random.choice(["buyer", "zeta"])

        def add_import(*roles):
            step = self.add({"do": "import", "mode": random.choice(MODES[2:]), "columns": ["userName", field, roles[0]], "background": False,
                             "records": [{"userName": name, field: random.choice(VALUES[field]), roles[0]: cell} for cell in roles[1:]]})
            self.reversible.append(step["step"])
            return step
        column = random.choice(["addRoles", "roles"])
        first = add_import(column, "%s;%s" % (code, unknown), *random.choice([[], [], [code], ["approver"]]))
        while random.random() < 0.5:
            later = add_import(random.choice(["addRoles", "removeRoles", "roles"]), random.choice([code, code, "approver"]))
            if random.random() < 0.5:
                self.reversible.append(len(self.steps))
                self.add({"do": "undo", "of": later["step"], "background": False})
        self.add({"do": "codes", "remove": False, "code": unknown})
        for do, of in (("retry", first["step"]), ("undo", len(self.steps))):
            self.reversible.append(len(self.steps))
            self.add({"do": do, "of": of, "background": False}, first["actor"])

    def make_step(self, number):
        random = self.random
        kind = random.choices(KINDS, THEMES[self.theme])[0]
        if kind in ("undo", "retry", "amend") and not self.reversible:
            kind = "import"
        if kind == "by_hand":
            return {"do": kind, "change": self.by_hand()}
        if kind == "codes":
            code = random.choice(LOSABLE + UNKNOWN * (3 if self.theme == "retry" else 0))
            if self.theme == "spelling":  # comes back as another spelling
                return {"do": kind, "remove": True, "code": code, "then_add": random.choice([code, code.upper(), code.lower()])}
            return {"do": kind, "remove": code not in UNKNOWN and random.random() < 0.6, "code": code}
        if kind == "reference":
            return {"do": kind, "table": random.choice([*table.REFERENCES, "v_by_email"]), "name": random.choice(self.names),
                    "add": random.random() < 0.6}
        step = {"do": kind}
        if kind in ("undo", "retry", "amend"):
            step["of"] = self.reversible[-1] if random.random() < 0.4 else random.choice(self.reversible)
        if kind == "amend":
            step["nth"], step["cells"] = random.randrange(4), self.make_cells(
                table.FIELDS + random.choice([["addRoles", "removeRoles"], ["roles"]]), 0.1)
            step["retries"] = random.random() < 0.7
            self.reversible.append(number)
        if kind in ("import", "preview", "dry_run", "round_trip"):
            step.update(self.make_file())
        if kind in ("import", "undo", "retry"):
            self.reversible.append(number)
            step["background"] = self.background and random.random() < 0.5
            if step["background"]:
                step.pop("reject_limit", None)
        return step

    def by_hand(self):
        random = self.random
        name = random.choice(self.names)
        kind = random.choice(["insert", "delete", "roles", "roles", "field", "field"])
        if kind in ("insert", "delete"):
            return {"kind": kind, "name": name, "row": self.make_row()}
        if kind == "roles":
            return {"kind": kind, "name": name, "add": random.sample(CODES, random.choice([0, 1, 2])),
                    "remove": random.sample(CODES, random.choice([0, 1, 2]))}
        field = random.choice(table.FIELDS)
        return {"kind": kind, "name": name, "field": field, "value": self.make_value(field)}

    def make_value(self, field):
        if field != "active" and self.random.random() < 0.3:
            return None
        if field == "company" and self.variant == "self_key":
            return self.random.choice(self.names)
        return self.random.choice(VALUES[field])

    def make_row(self):
        row = {field: self.make_value(field) if self.random.random() < 0.5 else None for field in table.FIELDS}
        row["active"] = row["active"] or "true"
        row["roles"] = sorted(self.random.sample(CODES, self.random.choice([0, 0, 1, 2])))
        return row

    # Files -----------------------------------------------------------------------------------------------------------

    def make_file(self):
        random = self.random
        columns = [c for c in table.FIELDS if random.random() < 0.4]
        if random.random() < 0.85:
            columns += random.choice([["addRoles"], ["addRoles", "removeRoles"], ["roles"], ["addRoles", "removeRoles", "roles"]])
        columns = columns or ["addRoles"]
        creates = random.random() < (0.2 if self.theme in ("codes", "retry", "undo") else 0.05)
        faults = 0.5 if self.theme == "retry" or creates else random.choice([0, 0, 0.1, 0.3])
        file = {"mode": random.choice(MODES), "columns": ["userName", *columns],
                "records": [self.make_cells(columns, faults) for _ in range(random.choice([1, 1, 2, 3, 5, 8]))]}
        if random.random() < 0.06:
            file["reject_limit"] = random.choice([0, 1])
        if creates:
            file["creates_codes"] = True
        return file

    def make_cells(self, columns, faults):
        random = self.random
        cells = {"userName": random.choice(self.names)}
        for column in columns:
            if column in table.FIELDS:
                value = self.make_value(column) if random.random() < 0.7 else ""
                cells[column] = CLEAR if value is None else value
        codes = random.sample(CODES, random.choice([0, 1, 1, 2, 3]))
        cut = random.randint(0, len(codes))
        cells.update({c: "" for c in ("addRoles", "removeRoles", "roles") if c in columns})
        if "roles" in columns and ("addRoles" not in columns or random.random() < 0.5):
            cells["roles"] = ";".join(codes) or CLEAR
        elif "addRoles" in columns:
            cells["addRoles"] = ";".join(codes[:cut])
            if "removeRoles" in columns:
                cells["removeRoles"] = ";".join(codes[cut:])
        if random.random() < 0.2:
            cells["userName"] = cells["userName"].upper() + " "
        if random.random() < faults:
            self.spoil(cells)
        return cells

    def spoil(self, cells):
        kind = self.random.choice(["code", "active", "name", "extra", "conflict"])
        if kind == "name":
            cells["userName"] = ""
        elif kind == "extra":
            cells["extra"] = "x"
        elif kind == "active" and "active" in cells:
            cells["active"] = "maybe"
        elif kind == "conflict" and "removeRoles" in cells:
            cells["addRoles"] = cells["removeRoles"] = "zeta"
        elif "addRoles" in cells:
            cells["addRoles"] += ";" + self.random.choice(UNKNOWN)
        elif "roles" in cells:
            cells["roles"] = "unknown"
