"""Sessions of the server through libpq: every field of an error, notices, cancel, and queries that run while the test
continues. PGHOST, PGPORT and PGUSER name the server."""

import ctypes
import json
import os
import select
import time

from waits import LIMIT

# Field codes of an error or a notice: see the protocol's "Error and Notice Message Fields".
FIELDS = {
    "severity": "V", "sqlstate": "C", "message": "M", "detail": "D", "hint": "H", "position": "P",
    "internal_position": "p", "internal_query": "q", "context": "W", "schema": "s", "table": "t", "column": "c",
    "datatype": "d", "constraint": "n", "source_file": "F", "source_line": "L", "source_function": "R",
}
LONGEST_QUERY = LIMIT  # seconds; what takes longer hears no interrupt or hangs
COMMAND_OK, TUPLES_OK = 1, 2
CONNECTION_OK = 0
# What the server says when a transaction that went well has not given back all it took.
LEAK_WORDS = (b"leak", b"transaction left non-empty SPI stack", b"subtransaction left non-empty SPI stack",
              b"not closed", b"still referenced")


class Notification(ctypes.Structure):
    _fields_ = [("channel", ctypes.c_char_p), ("pid", ctypes.c_int), ("payload", ctypes.c_char_p)]


def load_libpq():
    library = ctypes.CDLL("libpq.so.5")
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, arguments in (
            ("PQconnectdb", pointer, [text]), ("PQstatus", number, [pointer]), ("PQerrorMessage", text, [pointer]),
            ("PQfinish", None, [pointer]), ("PQbackendPID", number, [pointer]), ("PQserverVersion", number, [pointer]),
            ("PQsocket", number, [pointer]),
            ("PQsendQuery", number, [pointer, text]),
            ("PQsendQueryParams", number, [pointer, text, number, pointer, ctypes.POINTER(text),
                                           ctypes.POINTER(number), ctypes.POINTER(number), number]),
            ("PQconsumeInput", number, [pointer]), ("PQisBusy", number, [pointer]), ("PQgetResult", pointer, [pointer]),
            ("PQresultStatus", number, [pointer]), ("PQresultErrorField", text, [pointer, number]),
            ("PQntuples", number, [pointer]), ("PQnfields", number, [pointer]),
            ("PQgetvalue", pointer, [pointer, number, number]), ("PQgetlength", number, [pointer, number, number]),
            ("PQgetisnull", number, [pointer, number, number]), ("PQclear", None, [pointer]),
            ("PQgetCancel", pointer, [pointer]), ("PQcancel", number, [pointer, text, number]),
            ("PQfreeCancel", None, [pointer]), ("PQtransactionStatus", number, [pointer]),
            ("PQnotifies", ctypes.POINTER(Notification), [pointer]), ("PQfreemem", None, [pointer])):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


PQ = load_libpq()
RECEIVER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
PQ.PQsetNoticeReceiver.argtypes = [ctypes.c_void_p, RECEIVER, ctypes.c_void_p]
PQ.PQsetNoticeReceiver.restype = ctypes.c_void_p


class ServerError(Exception):
    """An error of the server. Its fields are attributes, None where the server sent none."""

    def __init__(self, fields):
        super().__init__(f"{fields.get('sqlstate')}: {fields.get('message')}")
        self.fields = fields

    def __getattr__(self, name):
        if name in FIELDS:
            return self.fields[name]
        raise AttributeError(name)


class Lost(Exception):
    """The connection is gone."""


def fields_of(result):
    fields = {}
    for name, code in FIELDS.items():
        value = PQ.PQresultErrorField(result, ord(code))
        fields[name] = None if value is None else value.decode("utf-8", "surrogateescape")
    return fields


class Session:
    """A connection. `leaks` collects, over all sessions, the warnings about what a transaction did not give back."""

    leaks = []

    def __init__(self, database="postgres", options=""):
        self.notices = []
        self._connection = PQ.PQconnectdb(
            f"dbname={database} client_encoding=UTF8 application_name=test options='{options}'".encode())
        if PQ.PQstatus(self._connection) != CONNECTION_OK:
            message = PQ.PQerrorMessage(self._connection).decode(errors="replace")
            PQ.PQfinish(self._connection)
            raise Lost(message)
        self._receiver = RECEIVER(self._receive)
        PQ.PQsetNoticeReceiver(self._connection, self._receiver, None)
        self.pid = PQ.PQbackendPID(self._connection)
        self.version = PQ.PQserverVersion(self._connection)  # 180006 is 18.6

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def connection(self):
        """What libpq takes for the connection, for those of its functions that nothing here calls."""
        return self._connection

    def close(self):
        if self._connection:
            PQ.PQfinish(self._connection)
            self._connection = None

    def _receive(self, _, result):
        notice = fields_of(result)
        self.notices.append(notice)
        if notice["severity"] == "WARNING" and any(word in notice["message"].encode() for word in LEAK_WORDS):
            Session.leaks.append(notice["message"])

    def start(self, sql, parameters=None):
        """Sends a query. Parameters are text, or bytes for bytea in binary."""
        if parameters is None:
            sent = PQ.PQsendQuery(self._connection, sql.encode())
        else:
            count = len(parameters)
            values = [None if p is None else p if isinstance(p, bytes) else str(p).encode() for p in parameters]
            sent = PQ.PQsendQueryParams(
                self._connection, sql.encode(), count, None, (ctypes.c_char_p * count)(*values),
                (ctypes.c_int * count)(*[0 if v is None else len(v) for v in values]),
                (ctypes.c_int * count)(*[1 if isinstance(p, bytes) else 0 for p in parameters]), 0)
        if not sent:
            raise Lost(PQ.PQerrorMessage(self._connection).decode(errors="replace"))

    def busy(self):
        PQ.PQconsumeInput(self._connection)
        return bool(PQ.PQisBusy(self._connection))

    def wait_readable(self, seconds):
        select.select([PQ.PQsocket(self._connection)], [], [], seconds)

    def finish(self):
        """Waits for the end of the query. Returns the rows of its last result; raises its error."""
        rows, error = [], None
        end = time.monotonic() + LONGEST_QUERY
        while True:
            while self.busy():
                if time.monotonic() > end:
                    raise Lost(f"no answer within {LONGEST_QUERY} s")
                self.wait_readable(1)
            result = PQ.PQgetResult(self._connection)
            if not result:
                break
            status = PQ.PQresultStatus(result)
            if status == TUPLES_OK:
                rows = self._rows(result)
            elif status != COMMAND_OK and error is None:
                error = ServerError(fields_of(result))
            PQ.PQclear(result)
        if PQ.PQstatus(self._connection) != CONNECTION_OK:
            if error is not None and error.sqlstate is not None:
                raise error
            raise Lost(PQ.PQerrorMessage(self._connection).decode(errors="replace"))
        if error is not None:
            raise error
        return rows

    @staticmethod
    def _rows(result):
        def value(row, column):
            if PQ.PQgetisnull(result, row, column):
                return None
            at = PQ.PQgetvalue(result, row, column)
            return ctypes.string_at(at, PQ.PQgetlength(result, row, column)).decode("utf-8", "replace")
        return [tuple(value(row, column) for column in range(PQ.PQnfields(result)))
                for row in range(PQ.PQntuples(result))]

    def rows(self, sql, parameters=None):
        self.start(sql, parameters)
        return self.finish()

    def value(self, sql, parameters=None):
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    def json(self, sql, parameters=None):
        text = self.value(sql, parameters)
        return None if text is None else json.loads(text)

    def notifications(self):
        """The notifications that have come in: channel and payload."""
        PQ.PQconsumeInput(self._connection)
        found = []
        while entry := PQ.PQnotifies(self._connection):
            found.append((entry.contents.channel.decode(), entry.contents.payload.decode()))
            PQ.PQfreemem(entry)
        return found

    def error(self, sql, parameters=None):
        """Runs a query that has to fail and returns its error, None if it does not."""
        try:
            self.rows(sql, parameters)
        except ServerError as error:
            return error
        return None

    def cancel(self):
        """Asks the server to cancel the query that runs. Returns when the request was sent."""
        cancel = PQ.PQgetCancel(self._connection)
        buffer = ctypes.create_string_buffer(256)
        sent = PQ.PQcancel(cancel, buffer, len(buffer))
        PQ.PQfreeCancel(cancel)
        if not sent:
            raise Lost(buffer.value.decode(errors="replace"))

    def idle(self):
        """True when no transaction is open."""
        return PQ.PQtransactionStatus(self._connection) == 0


def server_is_local(pid):
    return os.path.exists(f"/proc/{pid}/status")
