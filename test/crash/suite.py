"""What all parts of the suite share: the server, the oracle, the results."""

import os
from pathlib import Path

import build
from client import Session
from data import create_databases
from report import Report
from imports import BackgroundImport
from oracle import Oracle, differences, inconsistencies, snapshot
from server import Server

# Seconds, from the moment when the server takes connections again: beside other suites, and in a campaign.
GOES_ON_WITHIN, GOES_ON_WITHIN_ALONE = 10, 5


class Suite:
    def __init__(self, folder):
        self.report = Report()
        self.oracle = Oracle()
        self.folder = folder
        self.pg_config = build.install_test_build(folder / "postgresql")
        self.server = self.new_server(folder, self.pg_config)
        self.server.start()
        create_databases()
        self.times = []   # seconds until an import resumed, since the server took connections again
        self.outages = []  # the same since the kill
        self.faults = {}  # how many of each kind

    @classmethod
    def new_server(cls, folder, pg_config):
        own = folder / "server"
        own.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(own, *cls.server_user())
        return Server(own, Path(pg_config).parent)

    @staticmethod
    def server_user():
        import pwd  # pylint: disable=import-outside-toplevel
        user = pwd.getpwnam("postgres")
        return user.pw_uid, user.pw_gid

    def count_fault(self, kind):
        self.faults[kind] = self.faults.get(kind, 0) + 1

    def measure(self, background, before, clock=None):
        """After a fault: notes how long it takes until the import resumes, from now and from the fault on."""
        self.times.append(background.time_to_go_on(before))
        if clock is not None:
            self.outages.append(clock.seconds())

    def check_result(self, background, text):
        """Waits for the end of the import; it has to have come to the same as without a fault."""
        background.wait_end()
        with Session(background.scenario.database) as session:
            actual = snapshot(session, background.scenario.database, background.number)
        found = differences(self.oracle.result(background.scenario), actual)
        self.report.line(not found, text, *found)

    def check_stopped(self, background, state, reason, text, others=()):
        """Waits for the end of an import that is not to reach its end. What it says it did has to be what it did; `others` have
        changed other customers of the same table."""
        ended = background.wait_end()
        with Session(background.scenario.database) as session:
            found = inconsistencies(session, background.scenario.database, background.number,
                                    [other.number for other in others])
        if ended.state != state or reason not in (ended.message or ""):
            found.append(f"{ended.state}: {ended.message}")
        self.report.line(not found, text, *found)

    def check_next(self, scenario, text):
        """The next import goes well."""
        with BackgroundImport(scenario) as background:
            background.submit()
            self.check_result(background, text)
