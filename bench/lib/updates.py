"""Updates of single rows beside what is measured: how long those take that other sessions make meanwhile."""
import glob
import os
import subprocess
import tempfile
import time

from . import results

# Customers other1, other2, ... of the table.
OTHERS = 10_000
INSERT_OTHERS = f"INSERT INTO public.customers (user_name) SELECT 'other' || g FROM generate_series(1, {OTHERS}) AS g"
UPDATE = f"""\\set number random(1, {OTHERS})
UPDATE public.customers SET phone = :client_id::text WHERE user_name = 'other' || :number;
"""
CLIENTS, RATE = 2, 200  # updates a second, of all clients together
LIMIT = 600  # seconds for the first update of each client, and for those that are late at the end


class Updates:
    """pgbench with clients that update random other customers, from start() to stop().

    They come at random moments at a fixed rate, alone as well as beside a load, and the time of each counts from the moment
    when it was to begin. As fast as possible, pgbench would keep the processors busy by itself; and while its clients wait it would
    begin none, so that the longest wait of all would count as one update a client.
    """

    def __init__(self, binaries, environment, database):
        self.pgbench, self.environment, self.database = os.path.join(binaries, "pgbench"), environment, database
        self.times = []  # of the updates between start() and stop(): milliseconds, sorted

    def start(self):
        """Returns when each client has made its first update: it is slow, and does not count."""
        self.folder = tempfile.TemporaryDirectory()
        script = os.path.join(self.folder.name, "update.sql")
        with open(script, "w") as out:
            out.write(UPDATE)
        self.process = subprocess.Popen([self.pgbench, "-n", "-f", script, "-T", "1000000", f"--client={CLIENTS}", f"--rate={RATE}",
                                         "--log", f"--log-prefix={self.folder.name}/log", self.database],
                                        env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait_until_all_have(lambda scheduled: True)
        self.began = time.time()

    def stop(self):
        """Waits for the updates that are late."""
        ended = time.time()
        try:
            done = self._wait_until_all_have(lambda scheduled: scheduled > ended)
        finally:
            self.process.terminate()
            self.process.wait()
            self.folder.cleanup()
        self.times = sorted(milliseconds for _, scheduled, milliseconds in done if self.began <= scheduled <= ended)

    def percentile(self, percent):
        """The milliseconds that so many percent of the updates do not pass."""
        return results.percentile(self.times, percent)

    def _wait_until_all_have(self, is_wanted):
        """Until each client has made an update whose scheduled moment is wanted; returns all so far."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline and self.process.poll() is None:
            done = self._done()
            if len({client for client, scheduled, _ in done if is_wanted(scheduled)}) == CLIENTS:
                return done
            time.sleep(0.1)
        raise RuntimeError("pgbench has ended" if self.process.poll() is not None else "pgbench does not get on")

    def _done(self):
        """The client, the moment for which it was scheduled, and the milliseconds, of each update in the log."""
        done = []
        for path in glob.glob(f"{self.folder.name}/log.*"):
            with open(path) as log:
                complete, _, _ = log.read().rpartition("\n")
            for line in complete.splitlines():
                client, _, took, _, seconds, microseconds, _ = map(int, line.split())  # took: from the scheduled moment on
                done.append((client, seconds + (microseconds - took) / 1e6, took / 1000))
        return done
