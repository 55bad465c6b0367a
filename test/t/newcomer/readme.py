"""README.md, run from top to bottom in one database; the example on top in one of its own, set up like the first import."""

import tempfile

from newcomer.blocks import accept_outputs, check_outputs, drop_roles, read_blocks, run_blocks, runnable
from newcomer.harness import ROOT, Database, check, check_equal

README = ROOT / "README.md"


def run_readme(blocks):
    """Runs the blocks in order; yields (index, exit status, output) of each one that can be run."""
    first, set_up, *others = runnable(blocks)
    with tempfile.TemporaryDirectory() as folder:
        with Database("readme_example") as database:
            database.psql(blocks[set_up].text)
            yield from run_blocks(database, blocks, [first], folder)
        with Database("readme") as database:
            yield from run_blocks(database, blocks, [set_up, *others], folder)
            check_equal(database.large_objects(), "0", "README.md leaves no large object")
    drop_roles(blocks)


def test_readme():
    blocks = read_blocks(README)
    check_outputs("README.md", blocks, run_readme(blocks))


def accept():
    blocks = read_blocks(README)
    accept_outputs(README, blocks, run_readme(blocks))


def test_size():
    lines = README.read_text("utf-8").splitlines()
    check(len(lines) <= 350, "README.md can be read in ten minutes", len(lines))
