"""Results of a suite: a line for each case, in the form of TAP, and at the end "N passed, N failed"."""

import os
import random
import re
import sys
import time
import traceback


class Report:
    """Prints a line a case and counts them."""

    def __init__(self):
        self.passed = self.failed = 0

    def line(self, good, text, *details):
        """Notes a case; the details are printed when it failed. Returns whether it was good."""
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.passed + self.failed} - {text}")
        for detail in details if not good else ():
            for line in str(detail).splitlines() or [""]:
                print(f"#   {line[:600]}")
        sys.stdout.flush()
        return bool(good)

    def equal(self, actual, expected, text):
        return self.line(actual == expected, text, f"expected: {expected!r}", f"actual:   {actual!r}")

    def matches(self, actual, pattern, text):
        return self.line(actual is not None and re.search(pattern, str(actual), re.S), text, f"pattern: {pattern}",
                         f"actual:  {actual!r}")

    def refused(self, error, sqlstate, text, pattern="", hint=""):
        """A statement failed with this SQLSTATE (error: a ServerError or None), and message, detail and hint match."""
        good = (error is not None and error.sqlstate == sqlstate
                and re.search(pattern, f"{error.message} {error.detail or ''}") and re.search(hint, error.hint or ""))
        return self.line(good, text, f"expected: {sqlstate} {pattern} {hint}",
                         "no error" if error is None else f"{error} | {error.detail} | {error.hint}")

    @staticmethod
    def note(text):
        print(f"# {text}", flush=True)

    def run(self, case, *arguments):
        """Runs one case; when it ends early, that is a failure, and the next one runs."""
        began = time.monotonic()
        name = f"{case.__module__}.{case.__name__}"
        try:
            case(self, *arguments)
        except Exception:  # pylint: disable=broad-except
            told = " ".join(argument for argument in arguments if isinstance(argument, str))
            self.line(False, f"{name} {told} runs to its end", traceback.format_exc())
        self.note(f"{name}: {time.monotonic() - began:.1f} s")

    def run_all(self, module, *arguments):
        """Runs each case of a module: what is called test_…"""
        for case in [value for name, value in vars(module).items() if name.startswith("test_")]:
            self.run(case, *arguments)

    def random_source(self, variable):
        """A source of chance whose seed is printed, and repeated when that environment variable names it."""
        seed = int(os.environ.get(variable) or random.SystemRandom().randrange(1 << 32))
        self.note(f"{variable}={seed}")
        return random.Random(seed)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0
