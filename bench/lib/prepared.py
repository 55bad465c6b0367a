"""A prepared statement that is run for each record, as programs do, through libpq: one after the other, or pipelined."""
import csv
import ctypes

from client import COMMAND_OK, PQ, Lost, ServerError, fields_of

PIPELINE_SYNC, PIPELINE_ABORTED = 10, 11
IN_FLIGHT = 1000  # records that are sent before their results are read

UPDATE = """UPDATE public.customers SET roles = roles || string_to_array($2, ','), updated_at = now()
WHERE user_name = $1 AND NOT roles @> string_to_array($2, ',')"""


def read_records(_, file):
    with open(file, encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))[1:]


def update_by(run):
    """A call (see lib/driver) that updates the customer of each record."""
    def call(session, records, _):
        session.rows("CREATE TABLE public.import_rejects (line bigint NOT NULL)")  # none is rejected
        updated = write_all(session, UPDATE, records, run)
        return ["0", str(updated), str(len(records) - updated), "0", "0"]
    return call


for name, arguments in (("PQprepare", [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]),
                        ("PQexecPrepared", [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p),
                                            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int])):
    getattr(PQ, name).argtypes, getattr(PQ, name).restype = arguments, ctypes.c_void_p
PQ.PQsendQueryPrepared.argtypes = PQ.PQexecPrepared.argtypes
for name in ("PQenterPipelineMode", "PQexitPipelineMode", "PQpipelineSync"):
    getattr(PQ, name).argtypes = [ctypes.c_void_p]
PQ.PQcmdTuples.argtypes, PQ.PQcmdTuples.restype = [ctypes.c_void_p], ctypes.c_char_p


def take(result):
    """How many rows a statement has written. Raises its error."""
    try:
        if PQ.PQresultStatus(result) != COMMAND_OK:
            raise ServerError(fields_of(result))
        return int(PQ.PQcmdTuples(result) or 0)
    finally:
        PQ.PQclear(result)


def parameters_of(record):
    return (ctypes.c_char_p * len(record))(*(value.encode() for value in record))


def run_one_by_one(connection, records):
    return sum(take(PQ.PQexecPrepared(connection, b"one", len(record), parameters_of(record), None, None, 0))
               for record in records)


def read_results(connection, count):
    written = 0
    for _ in range(count):
        written += take(PQ.PQgetResult(connection))
        PQ.PQgetResult(connection)  # the end of that statement
    result = PQ.PQgetResult(connection)
    if PQ.PQresultStatus(result) != PIPELINE_SYNC:
        raise Lost("the pipeline is out of step")
    PQ.PQclear(result)
    return written


def run_pipelined(connection, records):
    written = 0
    PQ.PQenterPipelineMode(connection)
    for first in range(0, len(records), IN_FLIGHT):
        some = records[first:first + IN_FLIGHT]
        for record in some:
            PQ.PQsendQueryPrepared(connection, b"one", len(record), parameters_of(record), None, None, 0)
        PQ.PQpipelineSync(connection)
        written += read_results(connection, len(some))
    PQ.PQexitPipelineMode(connection)
    return written


def write_all(session, sql, records, run):
    """Runs `sql` for each record, in one transaction. Returns how many rows were written."""
    connection = session.connection
    session.rows("BEGIN")
    take(PQ.PQprepare(connection, b"one", sql.encode(), 0, None))
    written = run(connection, records)
    session.rows("COMMIT")
    return written
