"""The reference in doc/ names all there is, as it is: functions with their signatures, settings, SQLSTATEs, issue codes.

Each list is made from the server's catalogs or from the source, and compared with the pages in both directions.
"""

import functools
import os
import re
import subprocess
from pathlib import Path

from newcomer.harness import PSQL, ROOT, Database, check, check_equal
from newcomer.pages import CONTENTS, DOC, FENCED, PAGES

SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
SIGNATURE = re.compile(r"^```sql signature\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```sql\n.*?^```\n+```text\n", re.MULTILINE | re.DOTALL)

# What the server raises because the extension asks it to.
RAISED_FOR_US = {"RequireTransactionBlock": "25P01"}

QUERIES = {
    "functions": "SELECT concat_ws('|', proname, prokind, COALESCE(pg_get_function_result(oid), ''),"
                 "       pg_get_function_arguments(oid))"
                 " FROM pg_proc WHERE pronamespace = 'customer_import'::regnamespace AND proname !~ '^_'",
    "granted": "SELECT DISTINCT substring(object FROM '(\\w+)\\(') FROM customer_import.operator_privileges WHERE object LIKE '%(%'",
    "columns": "SELECT relname, string_agg(attname, ' ') FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
               " WHERE relnamespace = 'customer_import'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 GROUP BY relname",
    "settings": "LOAD 'customer_import'; SELECT name || ' ' || current_setting(name) FROM pg_settings"
                " WHERE name LIKE 'customer\\_import.%'",
}


@functools.cache
def of_server():
    """The rows of all queries, from one database."""
    with Database("reference") as database:
        database.query("CREATE EXTENSION customer_import")
        return {name: database.query(query).splitlines() for name, query in QUERIES.items()}


def one_line(signature):
    text = re.sub(r"\s+", " ", signature).strip()
    return text.replace("( ", "(").replace(" )", ")")


def signatures_of_server():
    """The signatures of all public functions, as the pages write them."""
    signatures = {}
    for row in of_server()["functions"]:
        name, kind, result, arguments = row.split("|", 3)
        arguments = re.sub(r"::[a-z ]+(\[\])?", "", arguments).replace("timestamp with time zone", "timestamptz")
        arguments = re.sub(r"\bIN ", "", arguments)
        given, returned = (re.split(r"(?<!IN)OUT ", arguments, maxsplit=1) + [""])[:2]
        columns = returned.replace("OUT ", "")
        shape = "TABLE" if result.startswith("SETOF ") else "ROW"
        result = result.replace("timestamp with time zone", "timestamptz")
        returns = "" if kind == "p" else f" RETURNS {shape} ({columns})" if columns else f" RETURNS {result}"
        call = "CALL " if kind == "p" else ""
        signatures.setdefault(name, set()).add(f"{call}{name}({given.removesuffix(', ')}){returns}")
    return signatures


def signatures_of_section(name, text):
    """The signatures under a heading; `csv text | bytea` means two functions."""
    found = set()
    for block in SIGNATURE.findall(text):
        for signature in re.split(rf"^(?=(?:CALL )?{name}\()", block, flags=re.MULTILINE):
            if signature.strip():
                alternatives = re.search(r"\w+(?: \| \w+)+", signature)
                for one in alternatives[0].split(" | ") if alternatives else [""]:
                    found.add(one_line(signature.replace(alternatives[0], one) if alternatives else signature))
    return found


def test_functions():
    sections = {}
    for page in PAGES:
        for name, text in SECTION.findall(page.read_text("utf-8")):
            sections.setdefault(name, []).append((page.name, text))
    contents = CONTENTS.read_text("utf-8")
    functions = signatures_of_server()
    check(len(functions) > 50, "the server has public functions", len(functions))
    check({name for name in of_server()["granted"] if not name.startswith("_")} <= set(functions), "what is granted is public, or begins with _")
    documented = set()
    for name, found in sections.items():
        for page, text in found:
            if SIGNATURE.search(text):
                documented.add(name)
                check(len(found) == 1, f"{name} has one heading", [page for page, _ in found])
                check_equal("\n".join(sorted(signatures_of_section(name, text))), "\n".join(sorted(functions.get(name, []))),
                            f"doc/{page}: the signature of {name} is that of the server")
                check(EXAMPLE.search(text), f"doc/{page}: {name} has an example with its output")
                check(f"[{name}]({page}#{name})" in contents, f"doc/README.md leads to {name}")
    check_equal("\n".join(sorted(documented)), "\n".join(sorted(functions)), "each public function has its heading")


def test_views():
    relations = sorted(row.partition("|")[0] for row in of_server()["columns"])
    text = (DOC / "internals.md").read_text("utf-8")
    missing = [relation for relation in relations if f"`{relation}`" not in text]
    check(relations and not missing, "doc/internals.md says where each table and view is described", missing)


def test_columns():
    """Relations that have a heading of their own, or a section: each column is named there."""
    customers_table = (DOC / "customers_table.md").read_text("utf-8")
    sections = {"role_codes": re.search(r"^## Role codes\n(.*?)(?=^## )", customers_table, re.M | re.S)[1]}
    for page in PAGES:
        sections |= dict(re.findall(r"^##+ (\w+)\n(.*?)(?=^##|\Z)", page.read_text("utf-8"), re.M | re.S))
    checked = 0
    for relation, columns in (row.split("|") for row in of_server()["columns"]):
        if relation in sections:
            checked += 1
            prose = FENCED.sub("", sections[relation])
            named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", prose))))
            missing = [column for column in columns.split() if column not in named]
            check(not missing, f"the reference names each column of {relation}", missing)
    check(checked == 10, "it describes the relations that people read", checked)


def test_aliases():
    """The other names of columns, in both directions."""
    source = (ROOT / "src" / "core" / "header_names.cpp").read_text("utf-8")
    of_source = [(name, re.findall(r'"(\w+)"', aliases))
                 for name, aliases in re.findall(r'^ +\{"(\w+)", \{(.*?)\}, FieldKind', source, re.MULTILINE)]
    page = (DOC / "csv_file.md").read_text("utf-8")
    of_page = [(name, re.findall(r"`(\w+)`", aliases))
               for name, aliases in re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", page, re.MULTILINE)]
    check(len(of_source) == 10, "the source has the columns of created tables", of_source)
    check_equal("\n".join(map(str, of_page)), "\n".join(str(entry) for entry in of_source if entry[1]),
                "doc/csv_file.md has each other name of a column")


def test_settings():
    page = (DOC / "settings.md").read_text("utf-8")
    of_page = re.findall(r"^\| `(customer_import\.\w+)` \| (\S*) *\|", page, re.MULTILINE)
    check_equal("\n".join(sorted(f"{name} {default}" for name, default in of_page)),
                "\n".join(sorted(line if line.count(" ") else f"{line} " for line in of_server()["settings"])),
                "doc/settings.md has each setting with its default")


def server_sqlstates():
    """The SQLSTATE of each ERRCODE_ name."""
    config = os.environ.get("PG_CONFIG", "pg_config")
    folder = subprocess.run([config, "--includedir-server"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    header = Path(folder, "utils/errcodes.h").read_text("utf-8")
    return {name: "".join(re.findall("'(.)'", letters))
            for name, letters in re.findall(r"#define ERRCODE_(\w+) MAKE_SQLSTATE\((.*?)\)", header)}


def raised_sqlstates(known):
    """What the source raises: all names of SQLSTATEs but those that it compares an error with."""
    raised = set()
    for path in [*(ROOT / "src").rglob("*.cpp"), *(ROOT / "src").rglob("*.h")]:
        text = path.read_text("utf-8")
        for comparison, name in re.findall(r"((?:[!=]=|\bcase)\s*)?\bERRCODE_(\w+)", text):
            if not comparison and name != "TO_CATEGORY":
                raised.add(known[name])
    for path in (ROOT / "src/sql").rglob("*.sql"):
        raised |= {known[name.upper()] for name in re.findall(r"ERRCODE = '(\w+)'", path.read_text("utf-8"))}
    return raised


def table_under(heading, page):
    """The first cells of the table under a heading."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[1]
    return re.findall(r"^\| `(\w+)` \|.*\|.*\|$", section, re.MULTILINE)


def test_sqlstates():
    page = (DOC / "errors.md").read_text("utf-8")
    known = server_sqlstates()
    of_page = table_under("SQLSTATEs", page)
    check_equal("\n".join(of_page), "\n".join(sorted(raised_sqlstates(known))),
                "doc/errors.md has each SQLSTATE that the extension raises, in order")
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "src/pg").rglob("*.cpp"))
    of_others = table_under("Errors of the server", page)
    check(of_others == sorted(set(of_others) & set(known.values()) - set(of_page)), "what it has of the server is in order", of_others)
    for function, state in RAISED_FOR_US.items():
        check(f"{function}(" in source and state in of_others, f"doc/errors.md has the SQLSTATE that the server raises by {function}")
    for path in PAGES:
        named = {word for word in re.findall(r"\b[0-9A-Z]{5}\b", path.read_text("utf-8")) if word in known.values()}
        missing = sorted(state for state in named if f"`{state}`" not in page)
        check(not missing, f"the SQLSTATEs of doc/{path.name} are in doc/errors.md", missing)


def test_errors_of_functions():
    """What the comment on a C function says that it raises is under the heading of the SQL function."""
    comments = {}
    for path in (ROOT / "src/pg").rglob("*.cpp"):
        for comment, symbol in re.findall(r"((?:^//.*\n)+)^CI_\w+\((\w+)\)", path.read_text("utf-8"), re.MULTILINE):
            comments[symbol] = re.sub(r"\n// ?", " ", comment).partition("Errors:")[2]
    install = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "src/sql").glob("*.sql")))
    symbols = re.findall(r"^CREATE \w+ customer_import\.([a-z]\w+)\((?:(?!^CREATE)(?:.|\n))*?'MODULE_PATHNAME', '(\w+)'", install, re.MULTILINE)
    sections = dict(section for page in PAGES for section in SECTION.findall(page.read_text("utf-8")) if SIGNATURE.search(section[1]))
    compared = 0
    for name, symbol in symbols:
        raised = re.findall(r"\b\d[0-9A-Z]{4}\b", comments.get(symbol, ""))
        compared += bool(raised)
        prose = FENCED.sub("", sections.get(name, ""))
        missing = [state for state in raised if state not in prose]
        check(not missing, f"the reference names the errors of {symbol}", missing)
    check(compared > 30, "most functions say what they raise", compared)


def test_holes_of_servers():
    holes = re.findall(r"\('(CVE-[\d-]+)', '(.*?)', '([\d. ]+)'\)", (ROOT / "src/sql/00_start.sql").read_text("utf-8"))
    of_page = re.findall(r"^\| (CVE-[\d-]+) \| ([\d. ]+) \| (.*?) \|$", (DOC / "installation.md").read_text("utf-8"), re.MULTILINE)
    check(holes, "CREATE EXTENSION knows releases with holes")
    check_equal("\n".join(f"{cve} {hole} {fixed}" for cve, fixed, hole in of_page), "\n".join(map(" ".join, holes)),
                "doc/installation.md has each of them")
    with Database("holes") as database:
        server = divmod(int(database.query("SHOW server_version_num")), 10000)
        output = subprocess.run([*PSQL, "--command=CREATE EXTENSION customer_import"], env=database.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    fixed_in = {cve: dict(map(int, release.split(".")) for release in fixed.split()) for cve, _, fixed in holes}
    open_here = [cve for cve, fixed in fixed_in.items() if server[1] < fixed.get(server[0], 0)]
    check_equal(" ".join(re.findall(r"WARNING: .*(CVE\S+)", output)), " ".join(open_here), "CREATE EXTENSION warns of those of this server")


def test_issue_codes():
    source = (ROOT / "src/core/issue.cpp").read_text("utf-8")
    codes = re.findall(r'case IssueCode::\w+: return "(\w+)";', source)
    check_equal("\n".join(sorted(table_under("Issue codes", (DOC / "errors.md").read_text("utf-8")))), "\n".join(sorted(codes)),
                "doc/errors.md has each issue code")
