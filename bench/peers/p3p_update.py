"""P3P: a prepared UPDATE for each record, pipelined, in one transaction."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from lib.driver import run                                               # noqa: E402
from lib.prepared import read_records, run_pipelined, update_by               # noqa: E402

run(read_records, update_by(run_pipelined))
