"""The customers table as it should be: its rows, its rules, and which operators may do what with them."""

FIELDS = ["email", "firstName", "lastName", "phone", "company", "active"]
NAMES = ["ann", "ben", "cleo", "dora", "ed", "fay"]
OWN_NAME = "ann"  # the customer that the operator Ann is itself
BUILT_IN = {code: True for code in ("administrator", "superuser", "customerView", "customerEdit", "importView", "importEdit")}
ACTORS = {"admin": "postgres", "boss": "regress_boss", "ann": "regress_ann"}

# What a variant puts on the table. Those with a second key, a key to itself or a trigger are imported record by record.
VARIANTS = {
    "plain": [], "touched": ["touch"], "rewriting": ["rewrite"], "unique": ["unique"], "check": ["check"],
    "policy": ["policy"], "self_key": ["self_key"], "generated": ["generated"],
    "mixed": ["touch", "rewrite", "unique", "check", "policy"],
    "attached": ["attach"], "attached_mixed": ["attach", "touch", "rewrite", "unique", "check", "policy"],
}
# Those that a table with a shadow may have: no trigger that changes what is logged, no policies and columns that came later,
# no key to itself.
SHADOW_VARIANTS = ["plain", "touched", "unique", "check", "attached"]
ONE_BY_ONE = {"touch", "rewrite", "unique", "self_key"}
RULES = {
    "attach": """
SELECT customer_import.detach_customers_table();
SELECT customer_import.attach_customers_table('public.customers', 'user_name', 'roles', ignore_case => true, row_security => true,
    columns => '{"email": "email", "firstName": "first_name", "lastName": "last_name", "phone": "phone", "company": "company",
                 "active": "active"}');
""",
    "touch": """
CREATE FUNCTION v_touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END';
CREATE TRIGGER v_touch BEFORE UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION v_touch();
""",
    "rewrite": """
CREATE FUNCTION v_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.company := upper(NEW.company);
    IF NEW.last_name = 'Many' THEN
        NEW.roles := array_append(NEW.roles, 'zeta');
        NEW.phone := '7';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER v_rewrite BEFORE INSERT OR UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION v_rewrite();
""",
    "unique": """
ALTER TABLE public.customers ADD CONSTRAINT v_email UNIQUE (email);
CREATE TABLE public.v_by_email (id int, email text REFERENCES public.customers (email) ON UPDATE CASCADE ON DELETE SET NULL);
""",
    "check": """
ALTER TABLE public.customers ADD CONSTRAINT v_good CHECK (upper(company) <> 'BAD'),
    ADD CONSTRAINT v_reachable CHECK (NOT (phone IS NULL AND upper(company) = 'ACME'));
""",
    "policy": """
CREATE POLICY v_seen ON public.customers AS RESTRICTIVE USING (upper(company) IS DISTINCT FROM 'HIDDEN');
CREATE POLICY v_open ON public.customers AS RESTRICTIVE FOR UPDATE USING (phone IS DISTINCT FROM 'locked');
CREATE POLICY v_kept ON public.customers AS RESTRICTIVE FOR DELETE USING (first_name IS DISTINCT FROM 'Kept');
""",
    "self_key": """
ALTER TABLE public.customers ADD CONSTRAINT v_parent FOREIGN KEY (company) REFERENCES public.customers (user_name);
""",
    "generated": """
ALTER TABLE public.customers ADD COLUMN v_upper text GENERATED ALWAYS AS (upper(company)) STORED;
""",
}
# What refers to customers; only the owner of the last one sees its rows.
REFERENCES = {
    "v_cascade": "ON DELETE CASCADE", "v_set_null": "ON DELETE SET NULL", "v_restrict": "ON DELETE RESTRICT",
    "v_no_action": "ON DELETE NO ACTION", "v_deferred": "DEFERRABLE INITIALLY DEFERRED", "v_hidden": "ON DELETE CASCADE",
}


class Refused(Exception):
    """What the server says about a row that cannot be written: (code, column, value, sqlstate)."""


def refused(code, sqlstate, column=None, value=None):
    return Refused((code, column, value, sqlstate))


def not_permitted(name):
    return ("not_permitted", "userName", name, None)


class Table:
    def __init__(self, variant):
        self.rules = set(VARIANTS[variant])
        self.one_by_one = bool(self.rules & ONE_BY_ONE)
        self.rows = {}
        self.catalog = {}    # lower case -> (spelling, privileged)
        self.creators = {}  # by which import a code was added, by its lower case
        self.references = {}   # (table, name) -> count
        self.by_email = []     # e-mails that are referred to

    # Codes -----------------------------------------------------------------------------------------------------------

    def add_code(self, code, privileged=False, creator=None):
        """`creator`: the import that adds it; None: by hand, and then it is no import's any more."""
        if creator is None:
            self.creators.pop(code.lower(), None)
        elif code.lower() not in self.catalog:
            self.creators[code.lower()] = creator
        self.catalog.setdefault(code.lower(), (code, privileged))

    def remove_code(self, code):
        self.catalog.pop(code.lower(), None)
        self.creators.pop(code.lower(), None)

    def remove_unheld(self, codes):
        """Removes those of the codes that no customer holds. Returns them."""
        unheld = [c for c in codes if not any(c in row["roles"] for row in self.rows.values())]
        for code in unheld:
            self.remove_code(code)
        return unheld

    def find_code(self, code):
        return self.catalog.get(code.lower(), (None, False))[0]

    def is_privileged(self, code):
        return self.catalog.get(code.lower(), (None, False))[1]

    # Rights ----------------------------------------------------------------------------------------------------------

    def sees(self, actor, row):
        return "policy" not in self.rules or actor == "admin" or (row["company"] or "").upper() != "HIDDEN"

    def opens(self, actor, row):
        return "policy" not in self.rules or actor == "admin" or row["phone"] != "locked"

    def may_delete(self, actor, row):
        return "policy" not in self.rules or actor == "admin" or row["firstName"] != "Kept"

    def visible(self, actor, name):
        row = self.rows.get(name)
        return row if row is not None and self.sees(actor, row) else None

    def lockable(self, actor, name):
        row = self.visible(actor, name)
        return row if row is not None and self.opens(actor, row) else None

    def violation(self, actor, name, before, after, departs=False, arrives=False):
        """The grant ceiling: all that it forbids, as (code or None, whether it is added)."""
        if actor != "ann":
            return []
        added = sorted(c for c in after if c.lower() not in {b.lower() for b in before})
        taken = sorted(c for c in before if c.lower() not in {a.lower() for a in after})
        found = [(code, is_added) for codes, is_added in ((added, True), (taken, False)) for code in codes
                 if self.is_privileged(code)]
        if name == OWN_NAME and (added or taken or departs or arrives):
            found.append((None, False))
        return found

    # Rows ------------------------------------------------------------------------------------------------------------

    def rewritten(self, row):
        """What the table's triggers make of a row."""
        row = dict(row)
        if "rewrite" in self.rules:
            row["company"] = row["company"] and row["company"].upper()
            if row["lastName"] == "Many":
                row["roles"] = row["roles"] | {"zeta"}
                row["phone"] = "7"
        return row

    def guarded(self, actor, name, before, row):
        """What the extension's own trigger does: new codes are in the catalog, in its spelling, below the ceiling."""
        held = before["roles"] if before else frozenset()
        if before and row["roles"] == held:
            return row
        roles = set()
        for code in row["roles"]:
            if code not in held:
                known = self.find_code(code)
                if known is None and not ("attach" in self.rules and actor == "admin"):  # judged are operators alone
                    raise refused("database_error", "23514")
                code = known or code
            roles.add(code)
        if self.violation(actor, name, held, roles, arrives=before is None):
            raise refused("role_not_grantable", "42501")
        return dict(row, roles=frozenset(roles))

    def write(self, actor, name, row):
        """Inserts or updates a row; returns it as it is then. Raises Refused."""
        before = self.rows.get(name) if self.visible(actor, name) else None
        row = self.guarded(actor, name, before, self.rewritten(row))
        if not self.sees(actor, row) or before and not self.opens(actor, row):
            raise refused("not_permitted", "42501")
        company = (row["company"] or "").upper()
        if "check" in self.rules and (company == "BAD" or company == "ACME" and row["phone"] is None):
            raise refused("database_error", "23514")
        if before is None and name in self.rows:
            raise Refused(not_permitted(name))
        others = [r for n, r in self.rows.items() if n != name]
        if "unique" in self.rules and row["email"] and any(r["email"] == row["email"] for r in others):
            raise refused("database_error", "23505")
        if "self_key" in self.rules and row["company"] not in [None, name, *self.rows]:
            raise refused("database_error", "23503")
        if before and before["email"] != row["email"]:
            self.by_email = [e if e != before["email"] else row["email"] for e in self.by_email]
        self.rows[name] = row
        return row

    def is_referenced(self, name):
        row = self.rows[name]
        return (any(count and n == name for (_, n), count in self.references.items())
                or row["email"] is not None and row["email"] in self.by_email
                or "self_key" in self.rules and any(r["company"] == name for n, r in self.rows.items() if n != name))

    def delete(self, name):
        del self.rows[name]
