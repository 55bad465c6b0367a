"""Updates of single rows beside what is measured: how long those take that other sessions make meanwhile."""
import glob
import os
import subprocess

# Customers other1, other2, ... of the table.
UPDATE = """\\set number random(1, {others})
UPDATE public.customers SET phone = :client_id::text WHERE user_name = 'other' || :number;
"""


class Updates:
    """pgbench with one client that updates random other customers, until it is stopped."""

    def __init__(self, binaries, environment, database, folder, others):
        self.log = os.path.join(folder, "pgbench")
        self.psql = [os.path.join(binaries, "psql"), "-X", "-q", "-d", database, "-c"]
        self.environment = environment
        script = os.path.join(folder, "update.sql")
        with open(script, "w") as out:
            out.write(UPDATE.format(others=others))
        self.process = subprocess.Popen([os.path.join(binaries, "pgbench"), "-n", "-f", script, "-T", "100000", "--log",
                                         f"--log-prefix={self.log}", database],
                                        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        """Returns the milliseconds of all updates, sorted."""
        # When its session ends pgbench writes the rest of its log; a signal would lose that.
        subprocess.run([*self.psql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgbench'"],
                       env=self.environment, check=True, stdout=subprocess.DEVNULL)
        self.process.wait()
        times = []
        for path in glob.glob(self.log + ".*"):
            with open(path) as log:
                times += [int(line.split()[2]) / 1000 for line in log if len(line.split()) > 3]
        return sorted(times)
