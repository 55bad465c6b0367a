"""The file in examples/, what scripts/demo runs on it, the shops in examples/attach/, and the files in examples/exports/."""

import csv
import re
import subprocess

from newcomer.harness import PSQL, ROOT, Database, check, check_equal

EXAMPLES = ROOT / "examples"
PRINTED = EXAMPLES / "role_assignments.out"
SHOPS = ["saleor", "solidus"]
OUTCOMES = ["created", "updated", "unchanged", "skipped", "rejected"]


def test_example_file():
    made = subprocess.run([EXAMPLES / "make_role_assignments"], stdout=subprocess.PIPE, check=True).stdout
    check(made == (EXAMPLES / "role_assignments.csv").read_bytes(), "make_role_assignments makes role_assignments.csv")
    lines = made.decode("latin-1").splitlines()
    check(len(lines) - 1 >= 10_000, "it has at least 10,000 records", len(lines) - 1)


def run_demo(database):
    """Runs the SQL of the demo, with psql as scripts/demo calls it."""
    return database.run([*PSQL, "--echo-all", "--quiet", "--pset=footer=off", "--file=role_assignments.sql"], cwd=EXAMPLES)


def run_shop(database, shop):
    """Runs an example of a shop whose own table is attached."""
    return database.run([*PSQL, "--echo-all", "--quiet", "--pset=footer=off", f"--file={shop}.sql"], cwd=EXAMPLES / "attach")


def run_exports(database):
    """Runs the example of files that other systems export."""
    return database.run([*PSQL, "--echo-all", "--quiet", "--pset=footer=off", "--file=exports.sql"], cwd=EXAMPLES / "exports")


def accept():
    with Database("demo") as database:
        PRINTED.write_text(run_demo(database).stdout, "utf-8")
    with Database("demo") as database:
        (EXAMPLES / "exports" / "exports.out").write_text(run_exports(database).stdout, "utf-8")
    for shop in SHOPS:
        with Database("demo") as database:
            (EXAMPLES / "attach" / f"{shop}.out").write_text(run_shop(database, shop).stdout, "utf-8")


def test_exports():
    script = (EXAMPLES / "exports" / "exports.sql").read_text("utf-8")
    files = {path.name for path in (EXAMPLES / "exports").glob("*.csv")}
    check(files == set(re.findall(r"\\lo_import (\S+)", script)) and len(files) == 7, "every exported file is imported", files)
    with Database("demo") as database:
        result = run_exports(database)
        check(result.returncode == 0, "the example of exported files runs to its end", result.stdout)
        check_equal(result.stdout, (EXAMPLES / "exports" / "exports.out").read_text("utf-8"), "it prints examples/exports/exports.out")
        check_equal(database.query("SELECT count(*), sum(rejected + skipped) FROM customer_import.imports"), "7|0",
                    "all their records are applied")


def test_shops():
    check({path.stem for path in (EXAMPLES / "attach").glob("*.sql")} == set(SHOPS), "every shop is run")
    for shop in SHOPS:
        with Database("demo") as database:
            result = run_shop(database, shop)
            check(result.returncode == 0, f"the example {shop} runs to its end", result.stdout)
            check_equal(result.stdout, (EXAMPLES / "attach" / f"{shop}.out").read_text("utf-8"), f"it prints examples/attach/{shop}.out")


def test_demo():
    with Database("demo") as database:
        result = run_demo(database)
        check(result.returncode == 0, "the demo runs to its end", result.stdout)
        check_equal(result.stdout, PRINTED.read_text("utf-8"), "the demo prints examples/role_assignments.out")
        lines = result.stdout.count("\n")
        check(lines <= 100, "its output is short", lines)

        for outcome in OUTCOMES:
            count = database.query(f"SELECT sum({outcome}) FROM customer_import.imports")
            check(count.isdigit() and int(count) > 0, f"some records are {outcome}", count)
        check_equal(database.query(f"SELECT count(*) FROM customer_import.imports WHERE records = {' + '.join(OUTCOMES)}"),
                    "2", "the outcomes of both imports add up to their records")
        codes = database.query("SELECT count(DISTINCT code) FROM customer_import.import_issues WHERE outcome = 'rejected'")
        check(codes.isdigit() and int(codes) >= 6, "records are rejected for many reasons", codes)
        check_equal(database.large_objects(), "0", "no large object is left")
        check_demo_against_python(database)


def check_demo_against_python(database):
    """Reads the good records in Python, and compares the roles that customers should have now."""
    before = [set(), {"buyer"}, {"approver", "buyer"}, {"buyer", "quoteRequest"}]
    roles = {f"user{number:05d}@example.com": set(before[number % 4]) for number in range(1, 9801)}
    spelling = {code.lower(): code for code in ["approver", "buyer", "companyAdmin", "invoiceView", "orderView", "quoteRequest"]}
    faulty = {int(line) for line in database.query(
        "SELECT DISTINCT line FROM customer_import.import_issues WHERE import_id = 2 AND outcome = 'rejected'").split()}

    def codes(cell):
        return {spelling[code.strip().lower()] for code in re.split("[,;|]", cell) if code.strip()}

    lines = (EXAMPLES / "role_assignments.csv").read_text("latin-1").splitlines()
    for number, line in enumerate(lines, 1):
        if number > 1 and number not in faulty:
            name, add, remove, *_ = next(csv.reader([line]))
            held = roles.setdefault(name.strip().lower(), set())
            held -= codes(remove)
            held |= codes(add)
    expected = "\n".join(f"{name} {','.join(sorted(held))}" for name, held in sorted(roles.items()))
    actual = database.query("SELECT user_name || ' ' || array_to_string(roles, ',') FROM customers ORDER BY user_name")
    check([line.strip() for line in actual.splitlines()] == [line.strip() for line in expected.splitlines()],
          "every customer has the roles that Python gives it")
