"""What an import has to come to: the same file, imported in the foreground into an equal table and taken back."""

import re

from client import Session
from data import OPERATOR, REVERSALS, TRIGGERED, import_source, reset

COUNTS = ("records", "created", "updated", "unchanged", "skipped", "rejected", "deleted", "unprocessed")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d")

CUSTOMERS = """
SELECT user_name, email, first_name, last_name, phone, company, active, roles FROM customers ORDER BY user_name
"""
ISSUES = """
SELECT line, issue_number, outcome, code, column_name, value, message, detail, hint, sqlstate, encode(record, 'escape')
  FROM customer_import.import_issues WHERE import_id = $1 ORDER BY line, issue_number
"""
CHANGES = """
SELECT line, user_name, created, added, removed, before, after
  FROM customer_import.import_changes WHERE import_id = $1 ORDER BY line, user_name, created, added, removed
"""
# Of an undo or a retry: what has become of its source.
SOURCE = r"""
SELECT s.state, s.undo_import_id = i.id, regexp_replace(s.message, '(import |undo_import[(])' || i.id || '\y', '\1N', 'g')
  FROM customer_import.imports AS i JOIN customer_import.imports AS s ON s.id = i.source_import_id WHERE i.id = $1
"""
TRIED = """
SELECT s.line, s.issue_number, s.outcome, s.retried_by = i.id
  FROM customer_import.imports AS i JOIN customer_import.import_issues AS s ON s.import_id = i.source_import_id
 WHERE i.id = $1 ORDER BY s.line, s.issue_number
"""
IS_AS_BEFORE = """
SELECT NOT EXISTS (SELECT user_name, email, first_name, last_name, phone, company, active, roles FROM customers
                   EXCEPT TABLE base)
   AND (SELECT count(*) FROM customers) = (SELECT count(*) FROM base)
"""
SEEN = "SELECT operation, user_name, company, roles FROM seen ORDER BY user_name, company, roles, operation"
# What the table has to be if the change log tells the truth: the last word of the log on each field and code.
REPLAYED = """
WITH changes AS (
    SELECT * FROM customer_import.import_changes WHERE import_id = ANY ($1::bigint[])
), created AS (
    SELECT user_name FROM changes WHERE created
), code_changes AS (
    SELECT DISTINCT ON (user_name, code) user_name, code, is_added
      FROM (SELECT line, user_name, unnest(added) AS code, true AS is_added FROM changes
             UNION ALL SELECT line, user_name, unnest(removed), false FROM changes) AS c
     ORDER BY user_name, code, line DESC
), codes AS (
    SELECT user_name, code FROM base CROSS JOIN LATERAL unnest(roles) AS r (code)
     WHERE (user_name, code) NOT IN (SELECT user_name, code FROM code_changes)
     UNION ALL
    SELECT user_name, code FROM code_changes WHERE is_added
), fields AS (
    SELECT DISTINCT ON (c.user_name, f.key) c.user_name, f.key, f.value
      FROM changes AS c CROSS JOIN LATERAL jsonb_each_text(c.after) AS f ORDER BY c.user_name, f.key, c.line DESC
), names AS (
    SELECT user_name FROM base UNION SELECT user_name FROM created
), field AS (
    SELECT user_name, jsonb_object_agg(key, value) AS new FROM fields GROUP BY user_name
)
SELECT n.user_name, COALESCE(f.new ->> 'email', b.email) AS email, COALESCE(f.new ->> 'firstName', b.first_name),
       COALESCE(f.new ->> 'lastName', b.last_name), COALESCE(f.new ->> 'phone', b.phone),
       COALESCE(f.new ->> 'company', b.company), COALESCE(b.active, true),
       ARRAY(SELECT c.code FROM codes AS c WHERE c.user_name = n.user_name ORDER BY c.code COLLATE "C") AS roles
  FROM names AS n LEFT JOIN base AS b USING (user_name) LEFT JOIN field AS f USING (user_name) ORDER BY n.user_name COLLATE "C"
"""


def snapshot(session, database, import_id):
    """All that an import leaves behind, timestamps and its number apart."""
    def apart(rows):
        return [tuple(value if value is None else TIMESTAMP.sub("TIME", value) for value in row) for row in rows]
    row = session.rows(f"SELECT state, message, warnings, {', '.join(COUNTS)} FROM customer_import.imports WHERE id = $1",
                       [import_id])[0]
    return {
        "state": row[0],
        "message": re.sub(rf"(Import|id =) {import_id}\b", r"\1 N", row[1] or ""),
        "warnings": row[2],
        "counts": dict(zip(COUNTS, map(int, row[3:]))),
        "customers": session.rows(CUSTOMERS),
        "issues": apart(session.rows(ISSUES, [import_id])),
        "changes": apart(session.rows(CHANGES, [import_id])),
        "seen": session.rows(SEEN) if database == TRIGGERED else [],
        "source": [(state, undone, re.sub(r"\d+", "S", message or ""))
                   for state, undone, message in session.rows(SOURCE, [import_id])],
        "tried": session.rows(TRIED, [import_id]),
    }


class Oracle:
    def __init__(self):
        self.results = {}

    def result(self, scenario):
        """What the scenario comes to without a kill."""
        if scenario not in self.results:
            with Session(scenario.database) as session:
                session.rows("BEGIN")
                reset(session, scenario.database)
                session.rows(f"SET LOCAL ROLE {OPERATOR}")
                number = import_source(session, scenario)
                if scenario.kind != "import":
                    number = session.value(REVERSALS[scenario.kind], [number, False])
                session.rows("RESET ROLE")
                self.results[scenario] = snapshot(session, scenario.database, number)
                if scenario.kind == "undo" and session.value(IS_AS_BEFORE) != "t":
                    raise AssertionError(f"not all was taken back: {scenario}")
                session.rows("ROLLBACK")
        return self.results[scenario]


def differences(expected, actual):
    """What is not as it should be, in few words; nothing if all is."""
    found = []
    for name, wanted in expected.items():
        got = actual[name]
        if got == wanted:
            continue
        if isinstance(wanted, list):
            only_wanted = [row for row in wanted if row not in set(got)]
            only_got = [row for row in got if row not in set(wanted)]
            found.append(f"{name}: {len(wanted)} rows expected, {len(got)} there; missing {only_wanted[:2]}, "
                         f"not expected {only_got[:2]}")
        else:
            found.append(f"{name}: expected {wanted!r}, there is {got!r}")
    return found


def inconsistencies(session, database, import_id, others=()):
    """Where counts, change log and customers table of an import contradict each other, however it has ended. `others` are
    imports that have changed other customers of the table."""
    result = snapshot(session, database, import_id)
    counts = result["counts"]
    all_ids = "{" + ",".join([import_id, *others]) + "}"
    found = []
    if sum(counts[name] for name in COUNTS[1:]) != counts["records"]:
        found.append(f"the outcomes do not add up: {counts}")
    if sum(row[2] == "t" for row in result["changes"]) != counts["created"]:
        found.append("created customers in the change log and in the counts differ")
    if sum(row[2] == "f" for row in result["changes"]) != counts["updated"]:
        found.append("updated customers in the change log and in the counts differ")
    for outcome in ("skipped", "rejected"):
        if len({row[0] for row in result["issues"] if row[2] == outcome}) != counts[outcome]:
            found.append(f"{outcome} records in the issues and in the counts differ")
    found += differences({"customers": session.rows(REPLAYED, [all_ids])}, {"customers": result["customers"]})
    return found
