"""An import in the background does what the same import does in the foreground: customers, counts, issues, changes."""

import re
import time

import harness
from harness import COUNTS, Session, end_idle, fresh, import_file, state, wait_ended

MODES = ("Create & Update", "Create Only", "Update Only")
BASE = 3000  # customers that are there before
# What came of an import, timestamps and its number apart.
STATE = """
SELECT jsonb_build_object(
    'customers', (SELECT jsonb_agg(to_jsonb(c) - '{id,created_at,updated_at}'::text[] ORDER BY c.user_name) FROM customers AS c),
    'issues', (SELECT jsonb_agg(to_jsonb(s) - 'import_id' ORDER BY s.line, s.issue_number) FROM customer_import.import_issues AS s
                WHERE import_id = $1),
    'changes', (SELECT jsonb_agg(to_jsonb(s) - 'import_id' ORDER BY s.line) FROM customer_import.import_changes AS s
                WHERE import_id = $1),
    'codes', (SELECT jsonb_agg(code ORDER BY code) FROM customer_import.role_codes),
    'report', (SELECT customer_import.import_report($1) - '{import_id,message,submitted_at,started_at,finished_at,undo,retry,resume}'::text[]),
    'seen', (SELECT jsonb_agg(jsonb_build_array(user_name, more) ORDER BY id) FROM seen))
"""

POPULATE = f"""
INSERT INTO customers (user_name, email, company, roles)
SELECT 'c' || n, 'c' || n || '@example.com', CASE n % 3 WHEN 0 THEN 'mine' ELSE 'theirs' END,
       CASE n % 4 WHEN 0 THEN '{{buyer}}' WHEN 1 THEN '{{approver,buyer}}' WHEN 2 THEN '{{administrator}}' ELSE '{{}}' END::text[]
  FROM generate_series(0, {BASE - 1}) AS n;
ANALYZE customers
"""

VARIANTS = {
    "plain table": "",
    "second key": "ALTER TABLE customers ADD CONSTRAINT v_email UNIQUE (email)",
    "user trigger": """
CREATE OR REPLACE FUNCTION public.v_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen (user_name, more) VALUES (NEW.user_name, TG_OP || (SELECT count(*) FROM public.seen));
    IF NEW.company = 'refused' THEN RAISE EXCEPTION 'no'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER v_count BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION public.v_count()""",
    "deferrable constraints": """
ALTER TABLE customers ADD CONSTRAINT v_phone UNIQUE (phone) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE customers ADD COLUMN v_boss text REFERENCES customers DEFERRABLE INITIALLY DEFERRED""",
    "check constraint": "ALTER TABLE customers ADD CONSTRAINT v_company CHECK (company <> 'refused')",
    "restrictive policies": """
CREATE POLICY v_mine ON customers AS RESTRICTIVE USING (company IS DISTINCT FROM 'theirs')
    WITH CHECK (company IS DISTINCT FROM 'refused')""",
}


def file_of_all_outcomes(records=3000):
    """More than 256 KiB, so that it is split, with each outcome, several faults, and customers that come again."""
    lines = ["userName,addRoles,removeRoles,email,company,phone,active"]
    for index in range(records):
        known, new = f"c{index * 7 % BASE}", f"new{index}"
        again = f"c{index % 50}"
        mail = f"{'x' * 260}{index}@example.com"
        lines.append((
            f"{new},buyer,,{mail},mine,{index},yes", f"{known},approver,,,,,", f"{known},,,,,,", f"{again},buyer,,,c{index},,",
            f"{again},,buyer,,,,", f"{new},noSuchRole;alsoNot,,{mail},,,", f"{known},buyer,buyer,,,,", f"{known},x", f"{known},,,,,,maybe",
            f"{known},administrator,,,,,", f",buyer,,{mail},,,", f"{known},,,_EMPTY_VALUE_,,,no", f"{new},,,{mail},refused,{index},",
            f"{known},,,,refused,,", f"NEW{index - 14},companyAdmin,,,,,", f"{known},,,c{index % 90}@example.com,,{index % 40},",
            f"{known},,,,theirs,,", f'{known},"a"b,,{mail},,,', f"{known},,ADMINISTRATOR,,,,", f"new{index % 300},,,,,,no",
        )[index % 20] + ("," if index % 997 == 0 else ""))
    for name in ("NULL", "1.5E+12", "m\ufffdller", "c\u200b9"):  # taken only if there were such a customer
        lines.append(f"{name},buyer,,,,,")
    lines += ["c11\u200b,approver,,,,,", "c12,,,\ufffd,,,", "c13,,,,EMPTY_VALUE,,", "c14,,,,,#N/A,"]
    return ("\n".join(lines) + "\n").encode() + b"bad\xff,buyer,,,,,\n" + b"c1,,,,last,,\n"


def variants():
    """The tables that are tried: with a shadow those that can have one."""
    return [(name, sql) for name, sql in VARIANTS.items() if not harness.SHADOW or not re.search("UNIQUE|TRIGGER|ADD COLUMN", sql)]


def prepare(admin, variant):
    admin.rows("CALL reset_all()")
    admin.rows(POPULATE)
    if variant:
        admin.rows(variant)


def foreground(admin, user, content, mode):
    with Session(user) as session:
        result = import_file(session, content, mode, unknown_roles="reject")
    return tuple(int(result[name]) for name in COUNTS), admin.json(STATE, [result["import_id"]])


def background(admin, user, content, mode):
    with Session(user) as session:
        number = int(import_file(session, content, mode, background=True)["import_id"])
    row = wait_ended(admin, number, 60)
    end_idle(admin)
    slices = admin.value("SELECT count(*) FROM customer_import._import_slices WHERE import_id = $1", [number])
    return tuple(row[name] for name in COUNTS), admin.json(STATE, [number]), int(slices), row


def differences(expected, actual):
    """The first difference of each part, as texts."""
    found = []
    for part, wanted in expected.items():
        other = actual[part]
        if wanted == other:
            continue
        if isinstance(wanted, list) and isinstance(other, list):
            pair = next(((one, two) for one, two in zip(wanted, other) if one != two), "one is longer")
            found.append(f"{part} ({len(wanted)}, {len(other)}): {pair}")
        else:
            found.append(f"{part}: {str(wanted)[:250]} | {str(other)[:250]}")
    return found


def compare(report, admin, variant, mode, user, workers, content, expected):
    prepare(admin, VARIANTS[variant])
    counts, result, slices, row = background(admin, user, content, mode)
    what = f"{variant}, {mode}, {user}, {workers} slices"
    report.equal((row["state"], counts), ("completed", expected[0]), f"{what}: the same counts")
    different = differences(expected[1], result)
    report.line(not different, f"{what}: the same customers, issues, changes and report", *different)
    return slices


def test_all_outcomes(report):
    content = file_of_all_outcomes()
    with fresh(batch_rows=1000) as admin:
        began = time.monotonic()
        for variant, extra in variants():
            if harness.TABLE == "partitioned" and "UNIQUE" in extra:
                continue  # such a table has no second key
            for mode in MODES:
                for user in ("regress_ann", "regress_adm"):
                    if user == "regress_adm" and (mode != MODES[0] or variant not in ("plain table", "restrictive policies")):
                        continue
                    prepare(admin, extra)
                    expected = foreground(admin, user, content, mode)
                    if mode == MODES[0]:
                        report.line(all(expected[0][index] > 0 for index in (0, 1, 2, 4)), f"{variant}, {user}: all outcomes occur",
                                    expected[0])
                    both = variant == "plain table" or mode == MODES[0]
                    for workers in (1, 2) if both else (2,):
                        admin.rows(f"ALTER DATABASE {admin.value('SELECT current_database()')} SET"
                                   f" customer_import.workers_per_import = {workers}")
                        slices = compare(report, admin, variant, mode, user, workers, content, expected)
                        one_by_one = variant in ("second key", "user trigger", "deferrable constraints")
                        report.equal(slices, 1 if one_by_one else workers,
                                     f"{variant}, {workers} workers: {'order matters, one slice' if one_by_one else 'split'}")
        admin.rows(f"ALTER DATABASE {admin.value('SELECT current_database()')} RESET customer_import.workers_per_import")
        report.note(f"{time.monotonic() - began:.1f} s for {len(content)} bytes each")


def test_file_order(report):
    """Records of one customer are applied in the order of the file, over batches and slices."""
    with fresh(batch_rows=500, workers_per_import=4) as admin, Session("regress_ann") as ann:
        lines = ["userName,addRoles,removeRoles,company"]
        for turn in range(20):
            lines += [f"u{index},{'buyer' if (turn + index) % 3 else ''},{'' if (turn + index) % 3 else 'buyer'},turn {turn} of {index}"
                      for index in range(700)]
        lines += [f"u{index},,,last of {index}" for index in range(0, 700, 2)]
        content = "\n".join(lines) + "\n"
        row = wait_ended(admin, int(import_file(ann, content, background=True)["import_id"]), 60)
        report.equal(admin.value("SELECT count(*) FROM customer_import._import_slices"), "4", "a file of repeats is split into four slices")
        report.equal(row["state"], "completed", "it completes")
        wrong = admin.rows("SELECT user_name, company, roles FROM customers WHERE company IS DISTINCT FROM CASE substr(user_name, 2)::int % 2"
                           " WHEN 0 THEN 'last of ' ELSE 'turn 19 of ' END || substr(user_name, 2) OR roles <> CASE (19 +"
                           " substr(user_name, 2)::int) % 3 WHEN 0 THEN '{}'::text[] ELSE '{buyer}' END ORDER BY 1 LIMIT 3")
        report.equal((wrong, admin.value("SELECT count(*) FROM customers")), ([], "700"),
                     "the last record of each customer has the last word")
        wrong = admin.rows("SELECT user_name, line, before->>'company', previous FROM (SELECT user_name, line, created, before,"
                           " lag(after->>'company') OVER (PARTITION BY user_name ORDER BY line) AS previous"
                           " FROM customer_import.import_changes WHERE import_id = $1) AS c"
                           " WHERE NOT created AND before->>'company' IS DISTINCT FROM previous LIMIT 3", [row["id"]])
        report.equal(wrong, [], "each change begins where the one before has ended")
        report.equal(state(admin, row["id"]), "completed", "the history stays")
