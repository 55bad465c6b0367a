"""Arguments for any function of the extension, as SQL expressions: NULL, odd, huge and hostile ones for each type."""

HEADERS = ("userName,addRoles", "userName;removeRoles;company", "userName\troles", "user name|email", "userName,roles,active",
           "username,username", "addRoles", "userName,add roles,nonsense", '"userName","addRoles', "_x,userName,phone", "")
NAMES = ("ann", "wait", "old1", "new1", "ANN", " old2 ", "zoë", "Ωmega", "e\u0301", "\u00e9", "\U0001f600", "a" * 63, "a" * 64, "ß" * 200,
         "x\u202ey", "\ufeffbom", "a@b.c", "=1+1", "_EMPTY_VALUE_", "", " ", "\u00a0", "\t", "'", '"', "\\", "%s%n", "$1", "NULL", "null", "{}")
CELLS = ("buyer", "buyer;approver", "administrator", "nobody", "_EMPTY_VALUE_", "", "yes", "0", "true", ",", "buyer,,buyer", "\"a", "a\"b",
         "\"line\nbreak\"", "superuser", "BUYER", "buyer|approver", "\u0130", "x" * 300)
ROLES = ("regress_chaos_ann", "regress_chaos_bob", "regress_chaos_web", "regress_chaos_out", "regress_chaos_mia", "kim", "nobody", "postgres",
         "pg_monitor", "public", "none", "current_user")
CODES = ("buyer", "approver", "companyAdmin", "administrator", "customerView", "importEdit", "x y", "a,b", "", "new1", "BUYER", "é", "_EMPTY_VALUE_")
TABLES = ("shop.customers", "shop.other", "shop.orders", "pg_class", "customer_import.imports", "information_schema.tables", "pg_temp.x",
          "shop.new_customers", "nowhere.x", "a.b.c.d", "\"", "", "customer_import.import_status")
PATTERNS = ("a", "'", ",", "\"", "\n", "\r", "\\", ";", "\t", "buyer,", "\"\"", "e\u0301", "\U0001f600", "a\n", "\"a\n", "{", "x,y\n")

# What an argument of a certain name rather is.
BY_NAME = {
    "mode": ("Create & Update", "Create Only", "Update Only", "create & update", "undo", "retry", "", "Delete"),
    "encoding": ("UTF8", "LATIN1", "WIN1252", "SJIS", "GB18030", "EUC_JP", "SQL_ASCII", "MULE_INTERNAL", "nonsense", "", "UTF-16"),
    "delimiter": (",", ";", "\t", "|", "", ",,", "\"", "\n", "\\", "é", "a", " "),
    "unknown_roles": ("reject", "create", "ignore", "", "CREATE"),
    "request_id": ("r1", "r2", "", "x" * 5000, "\n"),
    "older_than": ("0 seconds", "1 day", "-1 day", "1000000 years", "100 years", "178000000 years"),
    "lease": ("10 minutes", "0", "-1 hour", "178000000 years"),
    "target": TABLES, "operator": ROLES, "code": CODES, "codes": CODES, "roles": CODES,
}


class Values:
    """Draws arguments from a random source."""

    def __init__(self, random):
        self.random = random
        self.other_call = None  # gives a call of some function, for the value of an argument
        self.is_nested = False

    def text(self):
        pick = self.random.random()
        if pick < 0.35:
            return self.random.choice(NAMES + CELLS + ROLES + CODES + TABLES)
        if pick < 0.7:
            return self.file()
        return "".join(self.random.choice(PATTERNS + NAMES) for _ in range(self.random.randint(0, 12)))

    def file(self):
        header = self.random.choice(HEADERS)
        separator = next((s for s in ",;\t|" if s in header), ",")
        end = self.random.choice(("\n", "\r\n", "\r", "\n\n"))
        lines = [header]
        for _ in range(self.random.randint(0, 8)):
            cells = [self.random.choice(NAMES)] + [self.random.choice(CELLS) for _ in range(self.random.choice((0, 1, 1, 1, 2, 5)))]
            lines.append(separator.join(cells))
        return end.join(lines) + self.random.choice(("", end))

    def literal(self, text):
        """As SQL; what a text cannot hold is left out."""
        return "'" + text.replace("\0", "").replace("'", "''") + "'"

    def huge_text(self):
        piece = self.literal(self.random.choice(PATTERNS))
        return f"repeat({piece}, {self.random.choice((1000, 70000, 1100000, 5000000))})"

    def huge_file(self):
        return (f"(SELECT 'userName,addRoles' || E'\\n' || string_agg(format('%s%s,buyer', {self.literal(self.random.choice(NAMES))}, n), E'\\n')"
                f" FROM generate_series(1, {self.random.choice((300, 3000, 30000))}) AS n)")

    def made_text(self):
        """What another function makes of its arguments: if that is no text, what stores it cannot be restored."""
        if self.other_call is None or self.is_nested:
            return self.literal(self.text()) + "::text"
        self.is_nested = True
        call = self.other_call()
        self.is_nested = False
        return f"(SELECT made::text FROM {call} AS made LIMIT 1)"

    def page(self):
        """A page of the change log, damaged in some place or not."""
        return (f"(SELECT overlay(payload placing '\\x{self.random.randbytes(self.random.randint(0, 2)).hex()}'::bytea"
                f" FROM {self.random.randint(1, 60)}) FROM customer_import._import_change_pages LIMIT 1)")

    def number(self, largest):
        return self.random.choice((0, 1, 2, 3, 4, 5, 7, -1, 4711, 16384, 1000000, largest, -largest - 1, self.random.randint(-9, 99)))

    def argument(self, name, type_name):
        """An argument of this name and type as an SQL expression."""
        if self.random.random() < 0.08:
            return f"NULL::{type_name}"
        by_name = BY_NAME.get(name)
        if type_name in ("text", "name", "regclass", "interval") and by_name and self.random.random() < 0.75:
            return f"{self.literal(self.random.choice(by_name))}::{type_name}"
        return self.by_type(name, type_name)

    def by_type(self, name, type_name):
        if type_name == "text":
            pick = self.random.random()
            if pick < 0.06:
                return self.huge_text()
            if pick < (0.25 if name in ("file_name", "request_id") else 0.1):
                return self.made_text()
            if name in ("csv", "record") and pick < 0.75:
                return self.huge_file() if pick < 0.16 else self.literal(self.file()) + "::text"
            return self.literal(self.text()) + "::text"
        if type_name == "name":
            return self.literal(self.random.choice(NAMES + ("login", "codes", "user_name", "roles", "email"))) + "::name"
        if type_name == "bytea":
            return self.bytes()
        if type_name in ("text[]", "name[]"):
            return self.array(name)
        if type_name in ("bigint", "integer", "smallint", "oid"):
            largest = {"bigint": 2**63 - 1, "integer": 2**31 - 1, "smallint": 2**15 - 1, "oid": 2**32 - 1}[type_name]
            return f"({abs(self.number(largest)) if type_name == 'oid' else self.number(largest)})::{type_name}"
        if type_name == "boolean":
            return self.random.choice(("true", "false"))
        if type_name in ("double precision", "real", "numeric"):
            return self.random.choice(("0", "1", "0.5", "-1", "1e300", "'NaN'", "'Infinity'", "'-Infinity'", "1e9")) + f"::{type_name}"
        if type_name == "interval":
            return self.literal(self.random.choice(BY_NAME["older_than"])) + "::interval"
        if type_name == "jsonb":
            return self.literal(self.random.choice((
                "{}", "[]", "null", "1", "\"x\"", '{"email": "login"}', '{"email": 1}', '{"": ""}', '{"a": null}', '{"userName": "login"}',
                '{"Login": "login", "login": "codes"}', '{"' + "x" * 100 + '": "login"}', '{"e-mail": "nowhere"}'))) + "::jsonb"
        if type_name == "regclass":
            return self.random.choice((self.literal(self.random.choice(TABLES)), f"{self.number(2**31)}".lstrip("-"))) + "::regclass"
        return f"NULL::{type_name}"

    def bytes(self):
        pick = self.random.random()
        if pick < 0.1:
            return f"convert_to({self.huge_text()}, 'UTF8')"
        if pick < 0.55:
            return f"convert_to({self.literal(self.file())}, '{self.random.choice(('UTF8', 'UTF8', 'UTF8', 'LATIN1'))}')"
        if pick < 0.75:
            return self.page()
        return "'\\x" + self.random.randbytes(self.random.choice((0, 1, 3, 40, 3000))).hex() + "'::bytea"

    def array(self, name):
        pick = self.random.random()
        if pick < 0.03:
            return f"array_fill({self.literal(self.random.choice(CODES))}::text, ARRAY[{self.random.choice((1001, 100000, 1000000))}])"
        if pick < 0.06:
            return f"(SELECT array_agg('c' || n) FROM generate_series(1, {self.random.choice((900, 2000, 200000))}) AS n)"
        if pick < 0.2:
            return self.random.choice(("'{}'::text[]", "'{{a,b},{c,d}}'::text[]", "'[5:6]={a,b}'::text[]", "'{NULL}'::text[]", "'{a,NULL,a}'::text[]"))
        of = BY_NAME.get(name, CODES) if self.random.random() < 0.8 else NAMES
        return "ARRAY[" + ", ".join(self.literal(self.random.choice(of)) for _ in range(self.random.randint(0, 5))) + "]::text[]"
