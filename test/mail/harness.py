"""What the parts of the mail suite share: sessions, a database with operators, imports and their messages."""

import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "test" / "lib"))

import databases  # noqa: E402
import driver  # noqa: E402
from databases import create_roles, drop_database, drop_roles  # noqa: E402
from report import Report  # noqa: E402,F401
from waits import wait_until  # noqa: E402,F401

DATABASE = "regress_mail"
OPERATOR_CODES = ["customerView", "customerEdit", "importView", "importEdit"]

# Database roles: an operator with an address, one without, an administrator, a pooled login, the mailer's, and one without any rights.
ANN, BEN, ADA = "regress_mail_ann", "regress_mail_ben", "regress_mail_ada"
WEB, MAILER, OTHER = "regress_mail_web", "regress_mail_mailer", "regress_mail_other"
ROLES = (ANN, BEN, ADA, WEB, MAILER, OTHER)
ADDRESS = "ann@example.com"
CHANNEL = "customer_import_email"


class Client(driver.Client):
    """A connection as some role."""

    def __init__(self, user=None, database=DATABASE):
        super().__init__(database, **({"user": user} if user else {}))


# ---- database -----------------------------------------------------------------------------------------------------

SET_UP = f"""
ALTER DATABASE {{database}} SET lock_timeout = '30s';
ALTER DATABASE {{database}} SET statement_timeout = '60s';
CREATE EXTENSION customer_import;
SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes('{{{{buyer,approver,companyAdmin}}}}');
SELECT customer_import.add_operator('{BEN}', roles => '{{{{{','.join(OPERATOR_CODES)}}}}}');
SELECT customer_import.add_operator('{ADA}', email => 'ada@example.com', roles => '{{{{administrator}}}}');
SELECT customer_import.grant_gateway('{WEB}', may_act_as_admin => true);
SELECT customer_import.grant_mailer('{MAILER}');
"""


def create_database(name, extension=True):
    databases.create_database(name)
    if extension:
        with Client(database=name) as session:
            session.rows(SET_UP.format(database=name))
            session.rows("SELECT customer_import.add_operator(%s, email => %s, roles => %s)",
                         [ANN, ADDRESS, OPERATOR_CODES])


def remove_all():
    drop_database(DATABASE)
    drop_roles(ROLES)


@contextmanager
def database():
    """A database and roles of our own, dropped at the end."""
    remove_all()
    try:
        create_roles(ROLES)
        create_database(DATABASE)
        yield
    finally:
        remove_all()


@contextmanager
def fresh():
    """A superuser's session, with an empty outbox."""
    with Client() as admin:
        clear(admin)
        yield admin


def clear(admin):
    admin.rows("DELETE FROM customer_import.email_outbox")


# ---- imports and messages -----------------------------------------------------------------------------------------

GOOD = "userName,addRoles\nmia,buyer\n"
MIXED = "userName,addRoles\nmia,buyer\nnoa,nonsense\nole,buyre\n"


def run_import(session, csv=MIXED, mode="Create & Update", **options):
    """Imports text or bytes and returns the row as a dictionary."""
    named = "".join(f", {name} => %({name})s" for name in options)
    kind = "bytea" if isinstance(csv, bytes) else "text"
    return session.record(f"SELECT * FROM customer_import.import_customers(%(csv)s::{kind}, %(mode)s{named})",
                          {"csv": csv, "mode": mode, **options})


def import_as(user, csv=MIXED, mode="Create & Update", **options):
    with Client(user) as session:
        return run_import(session, csv, mode, **options)


def queue_messages(count, csv=MIXED, user=ANN):
    """Lets that many imports put messages into the outbox and returns the ids of the messages."""
    with Client(user) as session:
        imports = [run_import(session, csv)["import_id"] for _ in range(count)]
    with Client() as admin:
        return [row[0] for row in admin.rows("SELECT id FROM customer_import.email_outbox WHERE import_id = ANY (%s)"
                                             " ORDER BY id", [imports])]


def message_of(admin, import_id):
    """The row of the outbox for an import, None if it has none."""
    return admin.record("SELECT * FROM customer_import.email_outbox WHERE import_id = %s", [import_id])


def message(admin, message_id):
    return admin.record("SELECT * FROM customer_import.email_outbox WHERE id = %s", [message_id])


def states(admin):
    """How many messages are in each state."""
    return dict(admin.rows("SELECT state, count(*) FROM customer_import.email_outbox GROUP BY state"))


def make_due(admin):
    """Lets all waiting messages be due now, also those whose lease has not ended."""
    admin.rows("UPDATE customer_import.email_outbox SET next_attempt_at = clock_timestamp(),"
               " lease_until = CASE WHEN state = 'sending' THEN clock_timestamp() END WHERE state IN ('queued', 'sending')")


def claim(session, lease=None):
    """A claimed message by column names; None when none is due."""
    if lease is None:
        return session.record("SELECT * FROM customer_import.claim_message()")
    return session.record("SELECT * FROM customer_import.claim_message(%s)", [lease])
