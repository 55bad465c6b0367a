"""Random CSV files, together with what is in their cells: the file is for the extension, the cells for the oracle."""

import re

import pools
import variants
import writer

CLEAR = "_EMPTY_VALUE_"
COLUMNS = {"userName": "user_name", "addRoles": "add_roles", "removeRoles": "remove_roles", "firstName": "first_name",
           "lastName": "last_name"}
EXISTING_SHARE = {"Create & Update": 0.5, "Create Only": 0.15, "Update Only": 0.85}


class Record:
    """One record: its cells by field, or the fault that makes it unreadable; `raw` are its bytes, `line` its line."""

    def __init__(self, cells):
        self.cells = cells
        self.fault = None  # (code, message, hint)
        self.texts = None  # of all cells of the file, unless a stray quote keeps them from being told apart
        self.line = 0
        self.raw = b""


class File(writer.Writer):
    """A file for one variant and mode, its options, and the customers that are there before."""

    def __init__(self, random, variant, mode):
        self.random = random
        self.variant = variant
        self.mode = mode
        self.latin = random.random() < 0.06
        self.encoding = "latin-1" if self.latin else "utf-8"
        self.count = random.choice([random.randint(50, 200)] * 5 + [random.randint(200, 800)] * 4
                                   + [random.randint(800, 3000)])
        self.make_pools()
        self.variant_sql = variants.make_sql(variant, random, len(self.people))
        self.make_customers()
        self.make_columns()
        self.records = self.make_records()
        self.write()

    # What the file is about ------------------------------------------------------------------------------------------

    def usable(self, texts):
        return [t for t in texts if not self.latin or self.encodable(t)]

    @staticmethod
    def encodable(text):
        try:
            text.encode("latin-1")
            return True
        except UnicodeEncodeError:
            return False

    def make_pools(self):
        random = self.random
        repeats = random.choice([0.1, 0.3, 0.6])
        if self.mode == "Create Only":  # or nearly all records would be skipped
            repeats = max(repeats, 0.4)
        people = [self.usable(person) for person in pools.PEOPLE if random.random() < 0.6]
        wanted = max(5, int(self.count * repeats))
        while len(people) < wanted:
            name = "user%d@example.com" % len(people)
            people.append([name, name.upper(), name.title()])
        self.people = [p for p in random.sample(people, min(len(people), wanted)) if p]
        self.emails = ["%s%d@Example.com" % (random.choice(["m", "M", "ä"]), i)
                       for i in range(max(4, int(len(self.people) * random.choice([0.5, 1.0, 2.0]))))]
        if self.variant == "unique":  # more collisions
            self.emails = self.emails[:max(4, len(self.people) // 2)]
        self.companies = self.usable(variants.COMPANIES)
        if self.variant == "types":  # blanks past the length are cut off, without a word
            self.companies = [c[:12] for c in self.companies] + ["Initech        "]
        if self.variant == "self_fk":
            self.companies = [p[0] for p in self.people if re.fullmatch("[a-z0-9@.]+", p[0])] or ["nobody"]
        if self.variant in ("raise", "all"):  # many to one company: the rule about full companies comes into play
            self.companies = self.companies[:3] * 3 + self.companies
        self.fails = variants.FAILS[self.variant]
        self.unknown_roles = random.choice([None] * 6 + ["reject", "create"])

    def texts(self, field):
        """The values that `field` usually has; they break no rule of the variant."""
        if field == "email":
            return self.emails
        if field == "company":
            return self.companies
        if field == "phone" and self.variant == "types":
            return [t for t in pools.TEXTS[field] if len(t) < 100]
        return self.usable(pools.TEXTS[field])

    def make_customers(self):
        """The rows that are there before the import. They break no rule of the variant."""
        random = self.random
        self.customers = []
        free_emails = list(self.emails)
        random.shuffle(free_emails)
        persons = [p for p in self.people if random.random() < EXISTING_SHARE[self.mode]]
        names = {p[0] for p in persons}
        for person in persons:
            row = {"userName": person[0]}
            for field in pools.VALUE_FIELDS:
                must = field in ("lastName", "phone") and "SET NOT NULL" in self.variant_sql
                row[field] = random.choice(self.texts(field)) if must or random.random() < 0.7 else None
            row["email"] = free_emails.pop() if free_emails and random.random() < 0.8 else None
            if self.variant == "self_fk" and row["company"] not in names:
                row["company"] = None
            row["active"] = random.random() < 0.8
            row["roles"] = sorted(set(random.sample(pools.KNOWN_CODES, random.choice([0, 1, 2, 3, 5])))
                                  | set(random.sample(pools.LOST_CODES, random.choice([0, 0, 1, 2]))))
            self.customers.append(row)

    def make_columns(self):
        random = self.random
        optional = list(pools.HEADERS)[1:]
        if random.random() < 0.6:
            chosen = [c for c in optional if random.random() < 0.5]
            if "roles" in chosen and random.random() < 0.5:
                chosen.remove("roles")
        else:
            chosen = optional
        chosen = sorted(set(chosen) | set(variants.NEEDS[self.variant])) or [random.choice(optional)]
        self.columns = ["userName"] + chosen
        random.shuffle(self.columns)
        # Field names; those of columns that are not for the import begin with a question mark.
        self.layout = list(self.columns)
        for text in random.sample(self.usable(pools.UNKNOWN_HEADERS) + ["_note", "_", ""], random.choice([0, 0, 1, 2])):
            position = random.randint(0, len(self.layout))
            self.layout.insert(position, "?" + text)

    # Records ---------------------------------------------------------------------------------------------------------

    def make_records(self):
        random = self.random
        last = {}  # of each person
        held = {c["userName"]: c for c in self.customers}
        fault_share = random.choice([0.02, 0.1, 0.2])
        records = []
        for _ in range(self.count):
            person = random.choice(self.people)
            key = person[0]
            dice = random.random()
            if dice < 0.1 and key in last:
                cells = dict(last[key])  # once more, word by word
            elif dice < 0.3 and key in held:
                cells = self.echo(held[key])
            else:
                cells = self.random_cells()
            cells["userName"] = random.choice(person)
            if self.fails and random.random() < 0.25:
                field = random.choice(sorted(self.fails))
                if self.variant == "types":  # the order in which cells are converted is not part of the contract
                    cells.update({other: "" for other in self.fails})
                cells[field] = random.choice(self.usable(self.fails[field]))
            last[key] = cells
            if random.random() < fault_share:
                cells = dict(cells)
                for _ in range(random.choice([1, 1, 1, 2, 3])):
                    self.spoil(cells)
            records.append(Record({c: cells[c] for c in self.columns}))
        return records

    def echo(self, customer):
        """Cells that say what the customer has already."""
        random = self.random
        cells = {c: "" for c in pools.HEADERS}
        for field in pools.VALUE_FIELDS:
            if random.random() < 0.7:
                value = customer[field]
                cells[field] = CLEAR if value is None else value
        cells["active"] = random.choice(pools.TRUE_CELLS[:3] if customer["active"] else pools.FALSE_CELLS[:3])
        known = [r for r in customer["roles"] if r not in pools.LOST_CODES]
        if "roles" in self.columns and len(known) == len(customer["roles"]) and random.random() < 0.5:
            cells["roles"] = self.role_cell(known) if known else CLEAR
        elif known:
            cells["addRoles"] = self.role_cell(random.sample(known, random.randint(0, len(known))))
        return cells

    def random_cells(self):
        random = self.random
        cells = {}
        for field in pools.VALUE_FIELDS:
            dice = random.random()
            if dice < 0.3:
                cells[field] = ""
            elif dice < 0.4:
                cells[field] = CLEAR
            elif dice < 0.45 and field not in ("email", "company"):
                cells[field] = random.choice(self.usable(pools.ODD_TEXTS))
            else:
                cells[field] = random.choice(self.texts(field))
        cells["active"] = random.choice(["", "", " "] + self.usable(pools.TRUE_CELLS) + self.usable(pools.FALSE_CELLS))
        codes = random.sample(pools.KNOWN_CODES, random.choice([0, 1, 1, 2, 4, 8]))
        cut = random.randint(0, len(codes))
        cells["addRoles"] = cells["removeRoles"] = cells["roles"] = self.role_cell([])
        if "roles" in self.columns and random.random() < 0.4:
            lost = random.sample(pools.LOST_CODES, 1) if random.random() < 0.15 else []
            cells["roles"] = (random.choice([CLEAR, " %s " % CLEAR]) if random.random() < 0.2
                              else self.role_cell(codes + lost))
        else:
            cells["addRoles"] = self.role_cell(codes[:cut])
            lost = random.sample(pools.LOST_CODES, 1) if random.random() < 0.08 else []
            cells["removeRoles"] = self.role_cell(codes[cut:] + lost)
        return cells

    def role_cell(self, codes):
        """Codes as people write them."""
        random = self.random
        codes = [random.choice([c, c, c, c.lower(), c.upper()]) for c in codes]
        if codes == [CLEAR]:  # alone it would be the sentinel
            return random.choice(["\\" + CLEAR, CLEAR + ","])
        if codes and random.random() < 0.15:
            codes.insert(random.randint(0, len(codes)), random.choice(codes + [""]))
        separator = random.choice([",", ",", ";", "|", "\n", "\r\n", ", ", " ; "])
        text = separator.join(random.choice(self.usable(pools.BLANKS)) + c + random.choice(self.usable(pools.BLANKS))
                              for c in codes)
        if not codes and random.random() < 0.1:
            text = random.choice([" ", ",", ";;", "\n", " | "])
        return text + (separator if codes and random.random() < 0.1 else "")

    def spoil(self, cells):
        """Makes one cell faulty, if the column is in the file."""
        random = self.random
        field = random.choice(self.columns)
        if field == "userName":
            # One fault a cell: the contract does not say which of two is named.
            cells[field] = random.choice(["", "  ", "\u00a0", CLEAR, " %s " % CLEAR, "tab\tinside", "new\nline",
                                          "nel\x85x", "del\x7f", "y" * 321, "é" * 161, "q" * 1200])
        elif field in ("addRoles", "roles"):
            unknown = random.sample(pools.NEAR_CODES + pools.FAR_CODES + self.usable(pools.ILL_CODES)
                                    + pools.LOST_CODES, random.choice([1, 1, 2, 4]))
            known = random.sample(pools.KNOWN_CODES, random.choice([0, 1]))
            cells[field] = self.role_cell(unknown + known)
            if field == "addRoles" and random.random() < 0.2:
                cells[field] = CLEAR
                cells["roles"] = ""
        elif field == "removeRoles":
            dice = random.random()
            if dice < 0.2:
                cells[field] = CLEAR
                cells["roles"] = ""
            elif dice < 0.6:
                cells[field] = self.role_cell(random.sample(pools.NEAR_CODES + pools.FAR_CODES + pools.LOST_CODES
                                                            + self.usable(pools.ILL_CODES), random.choice([1, 2])))
            else:
                both = self.role_cell(random.sample(pools.KNOWN_CODES, 2))
                cells[field] = both
                cells["addRoles"] = both
        elif field == "active":
            cells[field] = random.choice(pools.BAD_BOOLEANS)
