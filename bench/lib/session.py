"""One measured psql session: wall time, processor time of its server processes, memory.

psql gets the script on its standard input and stays connected when it is through, because
the counters of a backend vanish with it. What the script prints is read line by line:
  @step NAME         what follows belongs to this step
  @counts ...        created updated unchanged skipped rejected
  @uploaded WAL      the file is in the server, after so many bytes of WAL
"""
import os
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid):
    """User and system time of a process, or None when it is not on this machine. By the nanosecond: an import of 10,000
    records takes ten ticks."""
    try:
        with open(f"/proc/{pid}/schedstat") as schedule:
            return int(schedule.read().split()[0]) / 1e9
    except OSError:
        return None


def reaped_seconds(pid):
    """The same of its children that have ended, to the tick."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return sum(map(int, stat.read().rpartition(")")[2].split()[13:15])) / TICKS
    except OSError:
        return None


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return int(stat.read().rpartition(")")[2].split()[1])
    except OSError:
        return None


def busy_seconds():
    """Time that all processors together have worked since the machine was started."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, soft, *_ = map(int, stat.readline().split()[1:])
    return (user + nice + system + irq + soft) / TICKS


class MemoryWatch(threading.Thread):
    """Samples the private memory of a backend until it is stopped."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.peak, self.stopped = f"/proc/{pid}/status", 0, threading.Event()

    def run(self):
        while not self.stopped.wait(0.02):
            try:
                with open(self.path) as status:
                    for line in status:
                        if line.startswith("RssAnon:"):
                            self.peak = max(self.peak, int(line.split()[1]))
            except OSError:
                return


class BackgroundWatch(threading.Thread):
    """Samples the processor time of the extension's processes in the background until it is stopped."""

    def __init__(self, postmaster):
        super().__init__(daemon=True)
        self.postmaster, self.seconds, self.stopped = postmaster, {}, threading.Event()

    def run(self):
        while not self.stopped.wait(0.02):
            with open(f"/proc/{self.postmaster}/task/{self.postmaster}/children") as children:
                for pid in children.read().split():
                    self._look_at(pid)

    def _look_at(self, pid):
        try:
            with open(f"/proc/{pid}/cmdline") as command:
                seconds = processor_seconds(pid) if "customer_import" in command.read() else None
        except OSError:
            return
        if seconds is not None:  # else it has ended, and what was seen last counts
            self.seconds[pid] = seconds

    def busiest(self):
        return max(self.seconds.values(), default=0)


class Measurement:
    """What one session cost. Numbers that are not available are None."""

    def __init__(self):
        self.seconds = 0.0
        self.steps = {}
        self.step_cpu = {}  # of the backend
        self.counts = None
        self.server_cpu = self.client_cpu = self.other_cpu = self.private_bytes = None
        self.chain_cpu = None  # of the session and the busiest process in the background together
        self.wal_uploaded = self.call_wal_bytes = None
        self.wal_bytes = self.heap_growth = self.index_growth = None
        self.fingerprint = self.issues = None

    @property
    def call_seconds(self):
        """The import call alone, of a contender that uploads its file before."""
        return self.steps.get("import")


def write_script(pipe, text):
    try:
        pipe.write(text)
        pipe.flush()
    except BrokenPipeError:
        pass  # psql has given up, and says why


def run_session(command, environment, script, in_background=False):
    """Runs `script` in one psql session and returns its Measurement."""
    result = Measurement()
    text = ("SELECT pg_backend_pid() AS pid \\gset\n\\echo @pid :pid\n"
            + script + "\n\\echo @done\n")
    busy = busy_seconds()
    start = time.monotonic()
    psql = subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    errors = []
    error_reader = threading.Thread(target=lambda: errors.extend(psql.stderr), daemon=True)
    error_reader.start()
    # A long script does not fit into the pipe: what psql prints is read while it is written.
    writer = threading.Thread(target=write_script, args=(psql.stdin, text), daemon=True)
    writer.start()
    backend = postmaster = reaped = watch = background = step = None
    done = False

    def end_step():
        if step:
            result.steps[step] = time.monotonic() - step_start
            cpu = processor_seconds(backend)
            result.step_cpu[step] = None if cpu is None else cpu - step_cpu

    for line in psql.stdout:
        if line.startswith("@step "):
            end_step()
            step, step_start, step_cpu = line[6:].strip(), time.monotonic(), processor_seconds(backend)
        elif line.startswith("@counts "):
            result.counts = [int(number or 0) for number in line.split()[1:]]
        elif line.startswith("@uploaded "):
            result.wal_uploaded = int(line.split()[1])
        elif line.startswith("@pid "):
            backend = int(line.split()[1])
            postmaster = parent_of(backend)
            # Parallel workers are counted with the postmaster, which reaps them.
            reaped = reaped_seconds(postmaster) if postmaster else None
            watch = MemoryWatch(backend)
            watch.start()
            if in_background and postmaster:
                background = BackgroundWatch(postmaster)
                background.start()
        elif line.startswith("@done"):
            end_step()
            done = True
            break
    result.seconds = time.monotonic() - start
    if done:
        result.client_cpu = processor_seconds(psql.pid)
        own = processor_seconds(backend)
        if own is not None and reaped is not None:
            result.server_cpu = own + reaped_seconds(postmaster) - reaped
            result.other_cpu = max(0.0, busy_seconds() - busy - result.server_cpu
                                   - result.client_cpu)
        for thread in filter(None, (watch, background)):
            thread.stopped.set()
            thread.join()
        if own is not None and background:
            result.chain_cpu = own + background.busiest()
        result.private_bytes = watch.peak * 1024 or None
        psql.stdin.close()
    psql.wait()
    writer.join()
    error_reader.join()
    if not done or psql.returncode != 0:
        raise RuntimeError("psql failed:\n" + "".join(errors).strip())
    return result
