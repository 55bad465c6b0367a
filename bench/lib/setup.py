"""What each program of the benchmark begins with: a folder, files of the generator, and a server with the templates."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from . import database
from .server import OwnServer, RunningServer
from .workloads import BENCH


def add_options(parser, customers=1_000_000, records=None):
    parser.add_argument("--customers", type=int, default=customers)
    parser.add_argument("--records", type=int, default=records, help="records a file (default: as many as customers)")
    parser.add_argument("--names", choices=("ascii", "latin"), default="ascii",
                        help="latin: a quarter of the user names have letters that are not ASCII")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", help="keep the cluster and the files here and use them again (default: a temporary folder)")


def make_files(arguments, directory):
    """Generates the files, or takes those of an earlier run with the same numbers."""
    records = arguments.records or arguments.customers
    files = os.path.join(directory, f"files_{arguments.customers}_{records}_{arguments.names}_{arguments.seed}")
    if not os.path.exists(os.path.join(files, "expected.json")):
        subprocess.run([sys.executable, os.path.join(BENCH, "generate"), files, "--customers", str(arguments.customers),
                        "--records", str(records), "--names", arguments.names, "--seed", str(arguments.seed)], check=True)
    with open(os.path.join(files, "expected.json")) as expected:
        return files, json.load(expected)


@contextlib.contextmanager
def prepared(arguments, fillfactor=None, applied=False, use_running=False, touch_buffers=False):
    """Yields the server, the folder of the files, and what they must lead to."""
    directory = os.path.abspath(arguments.dir or tempfile.mkdtemp(prefix="bench_"))
    os.makedirs(directory, exist_ok=True)
    if not arguments.dir:
        os.chmod(directory, 0o755)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    server = None
    try:
        files, expected = make_files(arguments, directory)
        server = RunningServer() if use_running else OwnServer(directory)
        if touch_buffers:
            server.touch_buffers()
        database.make_templates(server, files, fillfactor, applied)
        yield server, files, expected
    finally:
        if server:
            try:
                database.drop_all(server)
            finally:
                server.stop()
        if not arguments.dir:
            shutil.rmtree(directory, ignore_errors=True)


def size_line(arguments):
    return (f"{arguments.customers} customers, {arguments.records or arguments.customers} records a file, "
            f"{arguments.names} names, seed {arguments.seed}")


def machine_line(server):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    version = server.query("postgres", "SELECT split_part(version(), ' on ', 1)")
    return f"{os.cpu_count()} processors, {memory:.0f} GiB; {version}"
