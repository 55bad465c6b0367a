"""The fenced blocks of a page in Markdown, run in order.

The output of each sql block, and of each sh block that begins with psql, has to be that of the text block behind it; a csv
block is the file roles.csv. A block may fail where the output that is shown has an error. A block `sql signature` is not run.
"""

import re
from pathlib import Path
from typing import NamedTuple

from newcomer.harness import QUERY, check, check_equal, run

BLOCK = re.compile(r"^```(\w*)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    language: str  # of a block with two words behind the fence, the second
    text: str
    line: int


def read_blocks(path):
    text = path.read_text("utf-8")
    return [Block(match[2] or match[1], match[3], text.count("\n", 0, match.start()) + 1) for match in BLOCK.finditer(text)]


def runnable(blocks):
    """The indexes of the blocks that are run, or written into a file."""
    return [index for index, block in enumerate(blocks) if block.language in ("sql", "csv") or block.text.startswith("psql ")]


def run_blocks(database, blocks, indexes, folder):
    """Runs blocks, each in a session of its own; yields (index, exit status, output)."""
    for index in indexes:
        block = blocks[index]
        if block.language == "csv":
            Path(folder, "roles.csv").write_text(block.text, "utf-8")
            continue
        result = database.psql(block.text) if block.language == "sql" else database.run(["bash", "-c", block.text], cwd=folder)
        yield index, result.returncode, re.sub(r"^psql:\S+?:\d+: ", "", result.stdout, flags=re.MULTILINE)


def comparable(output):
    """The output without blanks at line ends and without blank lines around it, which are not visible in a page."""
    return "\n".join(line.rstrip() for line in output.splitlines()).strip("\n") + "\n"


def is_shown(blocks, index):
    return index + 1 < len(blocks) and blocks[index + 1].language == "text"


def check_outputs(name, blocks, results):
    shown = 0
    for index, status, output in results:
        line = blocks[index].line
        fails = is_shown(blocks, index) and re.search("^ERROR:", blocks[index + 1].text, re.MULTILINE) is not None
        check((status != 0) == fails, f"{name} line {line}: the block {'fails' if fails else 'runs'}", output)
        if is_shown(blocks, index):
            shown += 1
            check_equal(comparable(output), comparable(blocks[index + 1].text), f"{name} line {line}: its output is shown")
    check(shown == sum(block.language == "text" for block in blocks), f"each text block of {name} is an output", shown)


def accept_outputs(path, blocks, results):
    """Puts the true outputs into the text blocks."""
    outputs = {index + 1: output for index, _, output in results}
    numbers = iter(range(len(blocks)))

    def filled(match):
        number = next(numbers)
        return f"```text\n{comparable(outputs[number])}```" if match[1] == "text" else match[0]

    path.write_text(BLOCK.sub(filled, path.read_text("utf-8")), "utf-8")


def drop_roles(blocks):
    for block in blocks:
        if block.language == "sql":
            for role in re.findall(r'^CREATE ROLE ("[^"]+"|\w+)', block.text, re.MULTILINE):
                run([*QUERY, "--dbname=postgres", f"--command=DROP ROLE {role}"])
