#!/usr/bin/python3
"""Makes the files that are too big or too dull to check in: a .gen file is one Python expression over the names below.

    generate.py FILE.gen > FILE.csv
"""
import sys

KIB = 1024
MIB = 1024 * 1024


def at_edge(before, after, edge=64 * KIB, header=b"userName,addRoles,email,_pad\n"):
    """A file whose byte `edge` lies between `before` and `after`; a record of ann (line 2) fills the room up to them."""
    start = header + b"ann,viewer,,"
    return start + b"x" * (edge - len(start) - 1 - len(before)) + b"\n" + before + after


def codes(count, separator=b";", first=1):
    """`count` different role codes: c0001;c0002;…"""
    return separator.join(b"c%04d" % number for number in range(first, first + count))


def columns(count):
    """A header of `count` columns, of which userName and addRoles count."""
    return b",".join([b"userName", b"addRoles"] + [b"_%d" % number for number in range(3, count + 1)])


def make(expression):
    """The bytes that an expression denotes."""
    names = {name: value for name, value in globals().items() if name in ("KIB", "MIB", "at_edge", "codes", "columns")}
    return eval(expression, {"__builtins__": {"bytes": bytes, "range": range}, **names})


if __name__ == "__main__":
    with open(sys.argv[1], encoding="ascii") as file:
        sys.stdout.buffer.write(make(file.read()))
