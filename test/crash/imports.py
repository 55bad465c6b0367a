"""One import in the background, as an onlooker sees it: how far it is, which processes work on it, how it resumes after a fault."""

import time
from dataclasses import dataclass

from client import Lost, ServerError, Session
from waits import wait_until
from data import OPERATOR, REVERSALS, configure, csv_of, import_source, reset

SUBMIT = ("SELECT import_id FROM customer_import.import_customers($1::text, $2, background => true,"
          " request_id => $3)")
PROGRESS = """
SELECT i.state, i.finished_at IS NOT NULL, COALESCE(sum(s.position), 0), COALESCE(sum(s.records), 0), sum(s.fence),
       COALESCE(sum(s.claims), 0), count(*) FILTER (WHERE NOT s.ended), i.message
  FROM customer_import.imports AS i LEFT JOIN customer_import._import_slices AS s ON s.import_id = i.id
 WHERE i.id = $1 GROUP BY i.id
"""
PROCESSES = """
SELECT pid FROM pg_stat_activity
 WHERE backend_type = 'customer_import ' || $1 AND datname = current_database()
    OR backend_type = $1 OR $1 = 'session' AND pid = pg_backend_pid() ORDER BY backend_start
"""
LONGEST_IMPORT = 90  # seconds
FOREGROUND = "SELECT state FROM customer_import.import_customers(E'userName,addRoles\\nnobody\\n', 'Update Only')"


@dataclass(frozen=True)
class Progress:
    state: str
    has_ended: bool
    position: int
    records: int
    fences: int
    claims: int
    open_slices: int
    message: str

    @classmethod
    def read(cls, row):
        return cls(row[0], row[1] == "t", *(int(value or 0) for value in row[2:7]), row[7])

    def is_between_commits(self, after):
        """Whether a fault between this look and the look `after` it came after the first commit of the import and before
        the last one."""
        return self.position > 0 and not after.has_ended and after.position < after.records


class Onlooker:
    """Looks at one database; connects again when the server has thrown it out."""

    def __init__(self, database):
        self.database = database
        self.session = None

    def rows(self, sql, parameters=None):
        if self.session is None:
            self.session = Session(self.database)
        try:
            return self.session.rows(sql, parameters)
        except (Lost, ServerError):
            self.close()
            raise

    def close(self):
        if self.session is not None:
            self.session.close()
            self.session = None

    def processes(self, kind):
        """Process numbers of the workers, the supervisor, a process of the server, or the session of this onlooker."""
        return [int(row[0]) for row in self.rows(PROCESSES, [kind])]


class BackgroundImport:
    def __init__(self, scenario, csv=None, operator=OPERATOR, prepare=True):
        self.scenario = scenario
        self.csv = csv_of(scenario) if csv is None else csv
        self.operator = operator
        self.onlooker = Onlooker(scenario.database)
        self.number = None
        self.source = None  # of an undo or a retry
        self.is_prepared = not prepare

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.onlooker.close()

    def prepare(self):
        """The table and the settings of the scenario."""
        configure(self.scenario.database, batch_rows=self.scenario.batch_rows, workers_per_import=self.scenario.workers)
        with Session(self.scenario.database) as session:
            reset(session, self.scenario.database)
            if self.scenario.kind != "import":
                session.rows(f"SET ROLE {self.operator}")
                self.source = import_source(session, self.scenario)
        self.is_prepared = True

    def submit(self, request_id=None):
        """Submits, and remembers the number of the import."""
        if not self.is_prepared:
            self.prepare()
        with Session(self.scenario.database) as session:
            session.rows(f"SET ROLE {self.operator}")
            if self.scenario.kind == "import":
                self.number = session.value(SUBMIT, [self.csv, self.scenario.mode, request_id])
            else:
                self.number = session.value(REVERSALS[self.scenario.kind], [self.source, True])

    def submit_anyway(self, request_id):
        """Submits again and again while the server is being restarted, as a careful client does."""
        def is_submitted():
            try:
                self.submit(request_id)
                return True
            except (Lost, ServerError):
                return False
        wait_until(is_submitted, "the import is submitted", every=0.02)

    def progress(self):
        return Progress.read(self.onlooker.rows(PROGRESS, [self.number])[0])

    def wait_position(self, share):
        """Waits until such a share of the records is applied. Returns how far it is by then."""
        seen = []

        def is_reached():
            seen[:] = [self.progress()]
            now = seen[0]
            return now.has_ended or now.records > 0 and now.position > 0 and now.position >= share * now.records
        wait_until(is_reached, f"import {self.number} gets on", LONGEST_IMPORT, every=0.001)
        return seen[0]

    def wait_end(self):
        """Waits for the end, whatever becomes of the server meanwhile. Returns the last progress."""
        seen = []

        def has_ended():
            try:
                seen[:] = [self.progress()]
                return seen[0].has_ended
            except (Lost, ServerError):
                return False
        try:
            wait_until(has_ended, f"import {self.number} ends", LONGEST_IMPORT, every=0.005)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; {seen}") from None
        return seen[0]

    def time_to_go_on(self, before):
        """Seconds until a worker claims a slice again, from now on; `before` is how far it was before the fault."""
        began = time.monotonic()

        def goes_on():
            now = self.progress()
            return now.has_ended or now.fences > before.fences
        wait_until(goes_on, f"import {self.number} goes on", LONGEST_IMPORT, every=0.005)
        return time.monotonic() - began


def call_import_function(database, operator=OPERATOR):
    """What any user may do next: an import in the foreground, which has nothing to do here."""
    with Session(database) as session:
        session.rows(f"SET ROLE {operator}")
        return session.value(FOREGROUND)
