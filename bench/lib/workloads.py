"""The workloads, the contenders, and which script of peers/ belongs to which pair."""
import os
import shutil

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Workload:
    def __init__(self, mode, file, kind):
        self.mode, self.file, self.kind = mode, file, kind


# The kind names the peers' scripts: one import of theirs is written for one kind of file.
WORKLOADS = {
    "U": Workload("Update Only", "update.csv", "update"),
    "C": Workload("Create Only", "create.csv", "create"),
    "M": Workload("Create & Update", "both.csv", "both"),
    "N": Workload("Update Only", "update.csv", "update"),
    "E": Workload("Update Only", "faulty.csv", "faulty"),
}
# Floors of U and N are not the same thing: with nothing to write there is no floor. The slow ones need no second workload.
NOT_RUN = {("f3", "N"), ("p3", "N"), ("p3p", "N"), ("p4", "N"), ("p5", "N")}
# Programs that a contender calls, and that a machine may not have.
PROGRAMS = {"p5": "pgloader"}


class Contender:
    """`name`, or `name:setting=value;setting=value` for the same with other server settings."""

    def __init__(self, text):
        self.label = text.replace("customer_import.", "")
        self.name, _, settings = text.partition(":")
        # Of the database, so that processes in the background have them, too.
        self.settings = [one.strip().split("=", 1) for one in settings.split(";") if one.strip()]
        if not os.path.isdir(os.path.join(BENCH, "peers")) or not self._any_script():
            raise SystemExit(f'contender "{self.name}" has no script in bench/peers')

    def missing_program(self):
        """What this contender calls and this machine does not have, or None."""
        program = PROGRAMS.get(self.name)
        return program if program and shutil.which(program) is None else None

    def _any_script(self):
        return any(file in (f"{self.name}.sql", f"{self.name}.py") or file.startswith(f"{self.name}_")
                   for file in os.listdir(os.path.join(BENCH, "peers")))

    def script(self, workload):
        """Path of the measured script, of psql or of Python, or None when this contender has none for the workload."""
        if (self.name, workload) in NOT_RUN:
            return None
        kind = WORKLOADS[workload].kind
        for file in (f"{self.name}_{kind}.sql", f"{self.name}_{kind}.py", f"{self.name}.sql", f"{self.name}.py"):
            path = os.path.join(BENCH, "peers", file)
            if os.path.exists(path):
                return path
        return None

    def preparation(self, workload):
        """Path of the script that runs before, unmeasured (the floors load their rows there)."""
        path = os.path.splitext(self.script(workload))[0] + ".prepare.sql"
        return path if os.path.exists(path) else None
