"""A newer library comes to a running server, as a package brings it; the catalog follows by ALTER EXTENSION UPDATE."""

import os
import re
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from harness import PATIENCE, ROOT, Session, call_import, counts_of, csv, settings, status, submit, wait_ended, wait_until
from own_server import cluster

NEWER = "9.9.9"
SUPERVISORS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'customer_import supervisor'"
TEMPLATE = "SELECT customer_import.import_template()"


def folder_of(pg_config, name):
    return Path(subprocess.run([pg_config, f"--{name}"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


class OwnInstallation:
    """A PostgreSQL of our own with a copy of the extension that is installed."""

    def __init__(self, place):
        installed = os.environ.get("PG_CONFIG", "pg_config")
        self.pg_config = subprocess.run([ROOT / "test/private_install", place], check=True, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "PG_CONFIG": installed}).stdout.strip()
        self.library = folder_of(self.pg_config, "pkglibdir") / "customer_import.so"
        self.extension = folder_of(self.pg_config, "sharedir") / "extension"
        self.library.write_bytes((folder_of(installed, "pkglibdir") / "customer_import.so").read_bytes())
        for file in (folder_of(installed, "sharedir") / "extension").glob("customer_import*"):
            (self.extension / file.name).write_bytes(file.read_bytes())
        self.version = re.search("^default_version *= *'(.+)'", (self.extension / "customer_import.control").read_text("utf-8"), re.M)[1]

    def upgrade(self):
        """What a package does: a library that says another version, the control file, and a script for the way there."""
        before, after = (f"customer_import library {version}".encode() for version in (self.version, NEWER))
        library = self.library.read_bytes()
        assert library.count(before) == 1 and len(before) == len(after)
        newer = self.library.with_suffix(".new")
        newer.write_bytes(library.replace(before, after))
        newer.rename(self.library)  # processes that have loaded the old one keep it
        control = self.extension / "customer_import.control"
        control.write_text(control.read_text("utf-8").replace(self.version, NEWER), "utf-8")
        (self.extension / f"customer_import--{self.version}--{NEWER}.sql").write_text(
            "COMMENT ON SCHEMA customer_import IS 'Import of role assignments of customers from CSV, newer.';\n", "utf-8")


@contextmanager
def own_installation():
    before = os.environ.get("PG_CONFIG")
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        installation = OwnInstallation(place)
        os.environ["PG_CONFIG"] = installation.pg_config
        try:
            yield installation
        finally:
            if before is None:
                del os.environ["PG_CONFIG"]
            else:
                os.environ["PG_CONFIG"] = before


def test_upgrade(report):
    with own_installation() as installation, cluster(max_worker_processes=12) as server:
        with Session() as admin, Session("regress_ann") as old, Session("regress_ben") as holder, settings(admin, **{PATIENCE: "10min"}):
            admin.rows("INSERT INTO customers (user_name) VALUES ('locked')")
            holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'locked'")
            running = submit(old, csv(["a,buyer", "locked,buyer", "z,buyer"]))
            wait_until(lambda: "has waited" in status(old, running)["message"], "the import waits for the lock")

            installation.upgrade()
            with Session("regress_ann") as ann, Session() as newcomer:
                report.refused(ann.error(TEMPLATE), "55000", "a new session has the newer library, and no catalog for it",
                               "different versions", "ALTER EXTENSION customer_import UPDATE")
                report.refused(ann.error(call_import("text"), [csv(["b,buyer"]), "Create & Update"]), "55000", "it imports nothing")
                report.equal(ann.value("SELECT count(*) FROM customers"), "1", "it sees customers")
                report.equal(ann.error("UPDATE customers SET roles = '{approver}' WHERE user_name = 'none'"), None, "and may change them")
                report.refused(ann.error("INSERT INTO customers (user_name, roles) VALUES ('x', '{administrator}')"), "42501", "the guard holds")
                report.equal(old.error(TEMPLATE), None, "a session that has the old library works")
                report.equal(status(old, running)["state"], "running", "and sees its import")
                report.equal(admin.value(SUPERVISORS), "1", "the old supervisor is there")

                newcomer.rows("ALTER EXTENSION customer_import UPDATE")
                report.equal(newcomer.value("SELECT extversion FROM pg_extension WHERE extname = 'customer_import'"), NEWER, "the catalog is updated")
                report.equal(ann.error(TEMPLATE), None, "then the new session works")
                report.refused(old.error(TEMPLATE), "55000", "and the old one has to reconnect", "different versions", "reconnect")
                wait_until(lambda: admin.value(SUPERVISORS) == "0", "the old supervisor leaves", 120)
                row = wait_ended(newcomer, submit(ann, csv(["c,buyer", "d,buyer"])))
                report.equal((row["state"], counts_of(row)), ("completed", (2, 0, 0, 0, 0, 0)), "an import that is queued then runs")
                holder.rows("COMMIT")
                row = wait_ended(newcomer, running)
                report.equal((row["state"], counts_of(row)), ("completed", (2, 1, 0, 0, 0, 0)), "what ran through it all completes")
        report.equal(server.complaints(), [], "the server does not complain")
