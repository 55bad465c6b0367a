"""README.md, run from top to bottom in one database.

The output of each sql block, and of each sh block that begins with psql, has to be that of the text block behind it; a csv
block is the file roles.csv. The example on top runs in a database of its own, set up like the first import. A block may
fail where the output that is shown has an error.
"""

import re
import tempfile
from pathlib import Path

from newcomer.harness import QUERY, ROOT, Database, check, check_equal, run

README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def readme_blocks():
    """Yields (language, text, line) of the fenced blocks."""
    text = README.read_text("utf-8")
    for match in BLOCK.finditer(text):
        yield match[1], match[2], text.count("\n", 0, match.start()) + 1


def comparable(output):
    """The output without blanks at line ends and without blank lines around it, which nobody sees in a page."""
    return "\n".join(line.rstrip() for line in output.splitlines()).strip("\n") + "\n"


def run_readme(blocks):
    """Runs the blocks in order; yields (index, exit status, output) of each one that can be run."""
    runnable = [index for index, (language, text, _) in enumerate(blocks)
                if language in ("sql", "csv") or text.startswith("psql ")]
    set_up = blocks[runnable[1]][1]
    with Database("readme_example") as database:
        database.psql(set_up)
        result = database.psql(blocks[runnable[0]][1])
        yield runnable[0], result.returncode, result.stdout

    with Database("readme") as database, tempfile.TemporaryDirectory() as folder:
        for index in runnable[1:]:
            language, text, _ = blocks[index]
            if language == "csv":
                Path(folder, "roles.csv").write_text(text, "utf-8")
                continue
            result = database.psql(text) if language == "sql" else database.run(["bash", "-c", text], cwd=folder)
            yield index, result.returncode, re.sub(r"^psql:\S+?:\d+: ", "", result.stdout, flags=re.MULTILINE)
        check_equal(database.large_objects(), "0", "README.md leaves no large object")
    for role in re.findall(r"^CREATE ROLE (\w+)", README.read_text("utf-8"), re.MULTILINE):
        run([*QUERY, "--dbname=postgres", f"--command=DROP ROLE {role}"])


def test_readme():
    blocks = list(readme_blocks())
    shown = 0
    for index, status, output in run_readme(blocks):
        line = blocks[index][2]
        is_shown = index + 1 < len(blocks) and blocks[index + 1][0] == "text"
        fails = is_shown and re.search("^ERROR:", blocks[index + 1][1], re.MULTILINE) is not None
        check((status != 0) == fails, f"README.md line {line}: the block {'fails' if fails else 'runs'}", output)
        if is_shown:
            shown += 1
            check_equal(comparable(output), comparable(blocks[index + 1][1]), f"README.md line {line}: its output is shown")
    check(shown == sum(language == "text" for language, _, _ in blocks), "each text block of README.md is an output", shown)


def accept():
    """Puts the true outputs into the text blocks."""
    blocks = list(readme_blocks())
    outputs = {index + 1: output for index, _, output in run_readme(blocks)}
    numbers = iter(range(len(blocks)))

    def filled(match):
        number = next(numbers)
        return f"```text\n{comparable(outputs[number])}```" if match[1] == "text" else match[0]

    README.write_text(BLOCK.sub(filled, README.read_text("utf-8")), "utf-8")


def test_readme_settings():
    text = README.read_text("utf-8")
    settings = re.findall(r"^\| `(customer_import\.\w+)` \| (\S+) \|", text, re.MULTILINE)
    check(len(settings) >= 1, "README.md lists the settings")
    with Database("settings") as database:
        for setting, default in settings:
            shown = database.query(f"LOAD 'customer_import'; SHOW {setting}")
            check_equal(shown, default, f"README.md: the default of {setting}")


def test_readme_links():
    text = README.read_text("utf-8")
    for target in sorted(set(re.findall(r"\]\(([^)#:]+?)\)", text))):
        check((ROOT / target).exists(), f"README.md names {target}, which exists")
