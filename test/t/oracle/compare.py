"""Compares what the extension did with what the oracle says."""

import collections
import re

TIMESTAMP = re.compile(r"\b(\d{4})-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d\b")
FAILING_NUMBER = re.compile(r"Failing row contains \(\d+,")  # an attached table numbers its rows
COUNTS = ["created", "updated", "unchanged", "skipped", "rejected"]


def without_times(text):
    """Replaces the timestamps of a failing row; those of before the import stay recognisable."""
    if text is None:
        return None
    text = FAILING_NUMBER.sub("Failing row contains (ID,", text)
    return TIMESTAMP.sub(lambda m: "OLD" if m[1] == "2001" else "NOW", text)


def issues(rows):
    result = []
    for row in rows:
        row = {k: v for k, v in row.items() if k != "record"}
        row["detail"] = without_times(row["detail"])
        row["message"] = without_times(row["message"])
        result.append(row)
    return result


def outcomes_of_engine(file, engine):
    """What became of each record: the issues and changes say it, the rest is unchanged."""
    outcomes = {record.line: "unchanged" for record in file.records}
    for row in engine.get("change", []):
        outcomes[row["line"]] = "created" if row["created"] else "updated"
    for row in engine.get("issue", []):
        outcomes[row["line"]] = row["outcome"]
    return outcomes


def differences(file, oracle, engine):
    """The first difference of each kind, as texts. None: all is the same."""
    result = []

    def check(what, expected, got):
        if expected == got:
            return
        if isinstance(expected, list) and isinstance(got, list):
            number = next((i for i, (e, g) in enumerate(zip(expected, got)) if e != g), min(len(expected), len(got)))
            what += " (number %d; %d expected, %d got)" % (number + 1, len(expected), len(got))
            expected, got = expected[number:number + 1], got[number:number + 1]
        result.append("%s\n    expected %s\n    got      %s" % (what, expected, got))

    outcomes = {row["line"]: row["outcome"] for row in oracle["outcome"]}
    check("outcomes", sorted(outcomes.items()), sorted(outcomes_of_engine(file, engine).items()))
    check("issues", issues(oracle.get("issue", [])), issues(engine.get("issue", [])))
    check("changes", oracle.get("change", []), engine.get("change", []))
    check("customers", oracle.get("row", []), engine.get("row", []))
    check("what an audit trigger saw", oracle.get("audit", []), engine.get("audit", []))
    check("role codes", oracle["code"], engine["code"])

    # The one-row result.
    counts = collections.Counter(outcomes.values())
    expected = {name: counts[name] for name in COUNTS}
    expected.update(state="completed", records=len(file.records), deleted=0, unprocessed=0)
    row = engine["result"][0]
    check("result", expected, {name: row[name] for name in expected})
    check("warnings", file.warnings + oracle.get("warning", []), row["warnings"] or [])

    # Records as they came, with the first issue of each.
    raw = {record.line: record.raw for record in file.records}
    check("stored records",
          [(i["line"], "\\x" + raw[i["line"]].hex() if i["issue_number"] == 1 else None)
           for i in engine.get("issue", []) if i["line"] in raw],
          [(i["line"], i["record"]) for i in engine.get("issue", []) if i["line"] in raw])

    if file.variant == "cascade":  # there a trigger writes rows too
        return result
    # Rows are written by created and updated records, and by no other.
    check("written rows", sorted({c["user_name"] for c in oracle.get("change", [])}), sorted(engine.get("written", [])))
    check("moved updated_at", sorted({c["user_name"] for c in engine.get("change", [])}),
          sorted(r["user_name"] for r in engine.get("row", []) if not r["updated_long_ago"]))
    return result


def database_failures(oracle):
    """The number of records that failed in the database."""
    return len({i["line"] for i in oracle.get("issue", []) 
                if i["code"] in ("database_error", "not_permitted") or i["sqlstate"] is not None})
