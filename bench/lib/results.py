"""Checks of equal results, ratios, and the text that is printed and kept."""
import os
import statistics

OUTCOMES = ("created", "updated", "unchanged", "skipped", "rejected")


class Checks:
    """One fact for each workload and contender; the run fails when one does not hold."""

    def __init__(self):
        self.facts = {}

    def add(self, workload, contender, measurement, expected):
        """Compares one measurement with what the generator knows."""
        faults = []
        if measurement.fingerprint != expected["fingerprint"]:
            faults.append(f"fingerprint {measurement.fingerprint}, not {expected['fingerprint']}")
        # The floors only write: they neither count outcomes nor keep rejects.
        if measurement.counts is not None:
            wanted = [expected["counts"][outcome] for outcome in OUTCOMES]
            if measurement.counts != wanted:
                faults.append(f"counts {measurement.counts}, not {wanted}")
            if measurement.issues != expected["issues"]:
                faults.append(f"lines with issues {measurement.issues}, not {expected['issues']}")
        self.facts.setdefault((workload, contender), []).extend(faults)

    def fail(self, workload, contender, text):
        self.facts.setdefault((workload, contender), []).append(text)

    def print(self):
        """Prints a line for each fact and the final one; returns the number of failures."""
        failed = 0
        for (workload, contender), faults in self.facts.items():
            failed += bool(faults)
            print(f"{'not ok' if faults else 'ok'} - {workload} {contender}: same final table, "
                  "same outcomes, same lines with issues")
            for fault in dict.fromkeys(faults):
                print(f"#   {fault}")
        print(f"{len(self.facts) - failed} passed, {failed} failed")
        return failed


def megabytes(count):
    return "-" if count is None else f"{count / 1e6:.1f}"


def seconds(value):
    return "-" if value is None else f"{value:.2f}"


COLUMNS = (
    ("w", 2, lambda workload, *_: workload),
    ("run", 3, lambda _, number, *__: str(number)),
    ("contender", -24, lambda _, __, contender, ___: contender),
    ("wall s", 8, lambda *row: seconds(row[3].seconds)),
    ("call s", 8, lambda *row: seconds(row[3].call_seconds)),
    ("server s", 8, lambda *row: seconds(row[3].server_cpu)),
    ("chain s", 8, lambda *row: seconds(row[3].chain_cpu)),
    ("other s", 8, lambda *row: seconds(row[3].other_cpu)),
    ("WAL MB", 8, lambda *row: megabytes(row[3].wal_bytes)),
    ("call WAL", 8, lambda *row: megabytes(row[3].call_wal_bytes)),
    ("heap MB", 8, lambda *row: megabytes(row[3].heap_growth)),
    ("index MB", 8, lambda *row: megabytes(row[3].index_growth)),
    ("mem MB", 8, lambda *row: megabytes(row[3].private_bytes)),
)


def in_columns(cells):
    return " ".join(f"{cell:<{-width}}" if width < 0 else f"{cell:>{width}}"
                    for cell, (_, width, _) in zip(cells, COLUMNS))


def measurement_head():
    return in_columns([name for name, _, _ in COLUMNS]) + "  steps, s"


def measurement_line(workload, number, contender, measured):
    steps = " ".join(f"{name} {value:.2f}" for name, value in measured.steps.items())
    return in_columns([text(workload, number, contender, measured)
                       for _, _, text in COLUMNS]) + "  " + steps


def median_of(values):
    """Median, least and greatest as text."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def percentile(values, percent):
    """The value, of sorted ones, that so many percent do not pass."""
    return values[min(len(values) - 1, len(values) * percent // 100)]


def spread(pairs, first, other):
    """Median, least and greatest of the ratios of one number to another, or None."""
    ratios = [first(a) / other(b) for a, b in pairs if first(a) is not None and other(b)]
    return median_of(ratios) if ratios else None


RATIOS = (
    ("wall", lambda m: m.seconds, lambda m: m.seconds),
    ("call/wall", lambda m: m.call_seconds, lambda m: m.seconds),
    ("server", lambda m: m.server_cpu, lambda m: m.server_cpu),
    ("chain", lambda m: m.chain_cpu, lambda m: m.server_cpu),
    ("WAL", lambda m: m.wal_bytes, lambda m: m.wal_bytes),
)


def ratio_lines(rounds):
    """`rounds`: workload -> list of {contender: measurement}; the first contender is compared."""
    lines = []
    for workload, measured in rounds.items():
        contenders = list(dict.fromkeys(name for one in measured for name in one))
        for other in contenders[1:]:
            first = contenders[0]
            pairs = [(one[first], one[other]) for one in measured if first in one and other in one]
            if not pairs:
                continue
            found = [(label, spread(pairs, one, two)) for label, one, two in RATIOS]
            lines.append(f"{workload:<2} {first} / {other}: "
                         + "".join(f" {label} {text}" for label, text in found if text)
                         + f"  n={len(pairs)}")
    return lines


def write(path, lines):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as out:
        out.writelines(line + "\n" for line in lines)
