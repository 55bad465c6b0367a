"""A suite that runs some of its parts against a cluster of their own, which may be killed or has other settings."""

import subprocess
import sys
from pathlib import Path

CLUSTER = Path(__file__).resolve().parents[1] / "cluster"


class OwnCluster:
    """The running program once more, with other arguments, against a new cluster. It runs until finish() or end()."""

    def __init__(self, settings, *arguments):
        command = [str(CLUSTER), *[word for setting in settings for word in ("-c", setting)], sys.executable, sys.argv[0],
                   *[str(argument) for argument in arguments]]
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)

    def finish(self, report):
        """Takes its results over when it has ended."""
        last = ""
        for line in self.process.stdout:
            good, _, text = line.rstrip("\n").partition(" - ")
            if good.startswith(("ok ", "not ok ")):
                report.line(good.startswith("ok "), text)
            elif line.startswith("#"):
                print(line, end="", flush=True)
            last = line
        report.line(self.process.wait() in (0, 1) and last.endswith(" failed\n"),
                    "the part in a cluster of its own has come to its end", last)

    def end(self):
        """Stops it if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.process.stdout.close()
