"""What the parts of the pooling suite share: a database with operators, gateways and customers."""

import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1] / "lib"))

import driver  # noqa: E402
import report  # noqa: E402
from databases import create_database, create_roles, drop_database, drop_roles  # noqa: E402
from waits import wait_until  # noqa: E402,F401

DATABASE = "regress_pooling"
OPERATOR_CODES = ("customerView", "customerEdit", "importView", "importEdit")

# Pooled logins. WEB is what nearly all tests use.
WEB, ADMIN_WEB, OTHER = "regress_web", "regress_admin_web", "regress_other"
# An operator with a database role of its own, and a gateway that is an operator itself.
DAVE, SHOP = "regress_dave", "regress_shop"
ROLES = (WEB, ADMIN_WEB, OTHER, DAVE, SHOP)

CUSTOMERS = 5

# What view_of() of an operator is: name, the rights (view, edit, import, view imports, admin), customers that it sees.
NOBODY = (None, False, False, False, False, False, 0)
ANN = ("ann", True, True, True, True, False, CUSTOMERS)
BEN = ("ben", True, True, True, True, False, CUSTOMERS)
VIC = ("vic", True, False, False, False, False, CUSTOMERS)
NIA = ("nia", False, False, False, False, False, 0)
ADA = ("ada", True, True, True, True, True, CUSTOMERS)
VIEWS = {view[0]: view for view in (ANN, BEN, VIC, NIA)}

IDENTITY = """customer_import.current_operator(), customer_import.may_view_customers(),
    customer_import.may_edit_customers(), customer_import.may_import_customers(), customer_import.may_view_imports(),
    customer_import.is_admin()"""
VIEW = f"SELECT {IDENTITY}, (SELECT count(*) FROM public.customers)"


class Report(report.Report):
    """Runs the parts of a module one after another in what PgBouncer pools."""

    def run_all(self, module, bouncer):
        for part in module.PARTS:
            self.run(part, bouncer)
            bouncer.clean()  # what a part that ended early has left in the session must not fail the next one


class Client(driver.Client):
    """A connection of the driver. Transactions are opened and closed by the statements that the tests send."""

    def __init__(self, database=DATABASE, **where):
        super().__init__(database, **where)

    def view(self):
        """The operator that acts in the session, and what it may do."""
        return self.row(VIEW)

    def act_as(self, name):
        self.rows("SELECT customer_import.act_as(%s)", [name])

    def act_error(self, name):
        return self.error("SELECT customer_import.act_as(%s)", [name])

    def pid(self):
        return self.value("SELECT pg_backend_pid()")

    @contextmanager
    def transaction(self, operator=None, ending="COMMIT", mode=""):
        """A transaction, at choice as an operator. It is rolled back when the test fails in it."""
        self.rows(f"BEGIN {mode}")
        try:
            if operator is not None:
                self.act_as(operator)
            yield self
        except BaseException:
            with suppress(psycopg2.Error):  # what ended the test matters
                self.rows("ROLLBACK")
            raise
        self.rows(ending)

    def view_as(self, operator):
        with self.transaction(operator):
            return self.view()


def superuser(database=DATABASE):
    """A connection of the superuser, past the pool."""
    return Client(database)


# The timeouts are for an engine that is so broken that a test would wait for ever.
SET_UP = f"""
ALTER DATABASE {DATABASE} SET lock_timeout = '60s';
ALTER DATABASE {DATABASE} SET statement_timeout = '120s';
CREATE EXTENSION customer_import;
SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes('{{buyer,approver,companyAdmin}}');
SELECT customer_import.grant_gateway('{WEB}');
SELECT customer_import.grant_gateway('{ADMIN_WEB}', may_act_as_admin => true);
SELECT customer_import.grant_gateway('{SHOP}');
GRANT {OTHER}, {DAVE} TO {WEB};

-- What happened under which operator; everybody may write here.
CREATE TABLE public.marks (number bigint GENERATED ALWAYS AS IDENTITY, step text, operator text, may_edit boolean);
GRANT SELECT, INSERT ON public.marks TO PUBLIC;
CREATE FUNCTION public.mark(step text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO public.marks (step, operator, may_edit)
    VALUES (step, customer_import.current_operator(), customer_import.may_edit_customers());
$$;
"""


def reset_operators(session):
    """Puts operators and customers back to where each part of the suite starts."""
    for (name,) in session.rows("SELECT name FROM customer_import.operators"):
        session.rows("SELECT customer_import.remove_operator(%s)", [name])
    for name, codes in (("ann", OPERATOR_CODES), ("ben", OPERATOR_CODES), ("vic", ("customerView",)), ("nia", ()),
                        ("ada", ("administrator",)), ("ina", OPERATOR_CODES), (DAVE, OPERATOR_CODES),
                        (SHOP, ("customerView",))):
        session.rows("SELECT customer_import.add_operator(%s, roles => %s, database_role => %s)",
                     [name, list(codes), name in ROLES])
    session.rows("SELECT customer_import.alter_operator('ina', active => false)")
    session.rows("TRUNCATE public.customers, public.marks")
    session.rows("INSERT INTO public.customers (user_name, roles)"
                 " SELECT 'customer' || n, '{buyer}' FROM generate_series(1, %s) AS n", [CUSTOMERS])


def marks(session):
    """The marks that were left since the last call, in their order."""
    return session.rows("WITH gone AS (DELETE FROM public.marks RETURNING *)"
                        " SELECT step, operator, may_edit FROM gone ORDER BY number")


def remove_all():
    drop_database(DATABASE)
    drop_roles(ROLES)


@contextmanager
def database():
    """A database and roles of our own, dropped at the end."""
    remove_all()
    try:
        create_database(DATABASE)
        create_roles(ROLES)
        with superuser() as session:
            session.rows(SET_UP)
            reset_operators(session)
        yield
    finally:
        remove_all()
