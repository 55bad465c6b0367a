"""The pages in doc/: their examples, their links, and that they name all there is."""

import os
import re
import tempfile
from pathlib import Path

from newcomer.blocks import accept_outputs, check_outputs, drop_roles, read_blocks, run_blocks, runnable
from newcomer.harness import ROOT, Database, check, check_equal, run

DOC = ROOT / "doc"
CONTENTS = DOC / "README.md"
PAGES = sorted(DOC.glob("*.md"))
LONGEST = 120
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def run_page(blocks):
    """Runs the examples of a page in a database that is set up as doc/README.md says. Its shell commands are not run."""
    set_up = read_blocks(CONTENTS)
    with Database("page") as database, tempfile.TemporaryDirectory() as folder:
        for _, status, output in run_blocks(database, set_up, runnable(set_up), folder):
            check(status == 0, "the database of the examples is set up", output)
        yield from run_blocks(database, blocks, [index for index in runnable(blocks) if blocks[index].language == "sql"], folder)
    drop_roles(set_up + blocks)


def pages_with_examples():
    for page in PAGES:
        blocks = read_blocks(page)
        if page != CONTENTS and any(block.language == "sql" for block in blocks):
            yield page, blocks


def test_examples():
    for page, blocks in pages_with_examples():
        check_outputs(f"doc/{page.name}", blocks, run_page(blocks))


def accept():
    for page, blocks in pages_with_examples():
        accept_outputs(page, blocks, run_page(blocks))


def anchors(path):
    """The anchors that GitHub gives to the headings of a page."""
    text = FENCED.sub("", path.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def check_links(path, root, name):
    """Checks that each link of a page leads to a file below `root`, and to a heading of it."""
    broken = []
    for target in re.findall(r"\]\(\s*([^)\s]+)\s*\)", path.read_text("utf-8")):
        file, _, anchor = target.partition("#")
        if re.match(r"https?:", file):
            continue
        leads_to = (path.parent / file).resolve() if file else path
        if not leads_to.is_relative_to(root) or not leads_to.exists():
            broken.append(f"{target}: there is no such file")
        elif anchor and anchor not in anchors(leads_to):
            broken.append(f"{target}: there is no such heading")
    check(not broken, f"the links of {name} lead somewhere", "\n".join(broken))


def test_links():
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]:
        check_links(path, ROOT, path.relative_to(ROOT))
    contents = CONTENTS.read_text("utf-8")
    for page in PAGES:
        check(page == CONTENTS or f"]({page.name})" in contents, f"doc/README.md leads to {page.name}")


def make(folder, target):
    return run(["make", "-s", target, f"DESTDIR={folder}", f"PG_CONFIG={os.environ.get('PG_CONFIG', 'pg_config')}"], cwd=ROOT)


def test_installed():
    """Installs into a folder: what is installed has names of ours, its links lead to what is installed, and it goes again."""
    with tempfile.TemporaryDirectory() as folder:
        result = make(folder, "install")
        check(result.returncode == 0, "make install installs into DESTDIR", result.stdout)
        installed = [path for path in Path(folder).resolve().rglob("*") if path.is_file()]
        own = re.compile(r"/customer_import(/[^/]+|[.-][^/]+)$")
        strange = [str(path) for path in installed if not own.search(str(path))]
        check(not strange, "what is installed is in a folder of ours or has a prefix of ours", "\n".join(strange))
        pages = [path for path in installed if path.suffix == ".md"]
        check_equal("\n".join(sorted(path.name for path in pages)), "\n".join(page.name for page in PAGES), "all pages are installed")
        monitoring = sorted(path.name for path in (ROOT / "monitoring").iterdir())
        check_equal("\n".join(monitoring), "\n".join(sorted(path.name for path in installed if path.name in monitoring)),
                    "so is what monitoring needs")
        for path in sorted(pages):
            check_links(path, path.parent, f"{path.name}, as installed,")
        result = make(folder, "uninstall")
        left = [str(path) for path in Path(folder).rglob("*customer_import*")]
        check(result.returncode == 0 and not left, "make uninstall leaves nothing", result.stdout, "\n".join(left))


def test_lines():
    """Lines of prose are short enough for a terminal. A row of a table is one line, whatever it says."""
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]:
        text = path.read_text("utf-8")
        if path.name != "README.md" or path == CONTENTS:
            text = re.sub(r"^```text$.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        long = [line for line in text.splitlines() if len(line) > LONGEST and not line.startswith("|")]
        check(not long, f"the lines of {path.relative_to(ROOT)} have at most {LONGEST} characters", "\n".join(long))
