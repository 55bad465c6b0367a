"""The databases of the suite, and files in which every outcome occurs."""

import random
from dataclasses import dataclass

from client import Session

OPERATOR, OTHER = "regress_ann", "regress_ben"
PLAIN, TRIGGERED = "regress_plain", "regress_triggered"
CUSTOMERS = 3000
CODES = ("buyer", "approver", "companyAdmin", "viewer", "auditor", "regionA", "regionB")

SET_UP = """
CREATE EXTENSION customer_import;
SELECT customer_import.create_customers_table();
SELECT customer_import.add_role_codes('{buyer,approver,companyAdmin,viewer,auditor,regionA,regionB}');
SELECT customer_import.add_operator(name, roles => '{customerView,customerEdit,importView,importEdit}')
  FROM unnest('{regress_ann,regress_ben}'::text[]) AS o (name);
ALTER TABLE customers ADD CONSTRAINT company_is_known CHECK (company <> 'Nobody');
CREATE TABLE base AS
SELECT 'user' || n AS user_name, 'user' || n || '@example.com' AS email, 'First' || n AS first_name,
       NULLIF('Last' || n % 7, 'Last0') AS last_name, NULL AS phone, 'Company ' || n % 40 AS company, n % 11 <> 0 AS active,
       customer_import.role_set(ARRAY[('{buyer,approver,viewer}'::text[])[1 + n % 3], 'auditor']) AS roles
  FROM generate_series(1, 3000) AS n;
"""

# With a user's trigger on it, the records of a file are applied one by one. What it writes shows whether one was applied
# twice or not at all. Records that fit no other test kill the process that applies them: one alone, or five in one
# transaction.
TRIGGER = """
CREATE TABLE seen (operation text, user_name text, company text, roles text[]);
CREATE FUNCTION note_customer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO seen VALUES (TG_OP, NEW.user_name, NEW.company, NEW.roles);
    IF NEW.company = 'Crowd' THEN
        PERFORM set_config('test.crowd', COALESCE(NULLIF(current_setting('test.crowd', true), ''), '0')::int + 1 || '', true);
    END IF;
    IF NEW.company = 'Poison' OR current_setting('test.crowd', true) = '5' THEN
        COPY (SELECT) TO PROGRAM 'kill -9 $PPID';
    ELSIF NEW.company = 'End' THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION note_customer();
"""

RESET = """
SET session_replication_role = replica;
TRUNCATE customers;
INSERT INTO customers (user_name, email, first_name, last_name, phone, company, active, roles) SELECT * FROM base;
RESET session_replication_role;
"""


def create_databases():
    with Session() as session:
        for role in (OPERATOR, OTHER):
            session.rows(f"CREATE ROLE {role} LOGIN")
        for name in (PLAIN, TRIGGERED):
            session.rows(f"CREATE DATABASE {name}")
    for name in (PLAIN, TRIGGERED):
        with Session(name) as session:
            session.rows(SET_UP)
            if name == TRIGGERED:
                session.rows(TRIGGER)


def configure(database, **settings):
    """Settings of the extension for all sessions and workers of the database that start from now on."""
    with Session(database) as session:
        session.rows("LOAD 'customer_import'")
        for name, value in settings.items():
            session.rows(f"ALTER DATABASE {database} SET customer_import.{name} = '{value}'")


def reset(session, database):
    session.rows(RESET + ("TRUNCATE seen;" if database == TRIGGERED else ""))


@dataclass(frozen=True)
class Scenario:
    """What is imported where: equal scenarios have one result. Undo and retry are those of an import in the foreground."""
    mode: str = "Create & Update"
    kind: str = "import"
    database: str = PLAIN
    workers: int = 1
    records: int = 1200
    batch_rows: int = 40
    seed: int = 1

    def __str__(self):
        kind = "" if self.kind == "import" else f"{self.kind} of "
        return (f"{kind}{self.mode}, {self.records} records, {self.batch_rows} a batch, "
                f"{'one by one' if self.database == TRIGGERED else f'{self.workers} workers'}")


def csv_of(scenario):
    """A file in which customers exist or not, change or not, come again, and records have faults that the check or the
    table finds."""
    rng = random.Random(scenario.seed)
    lines = ["userName,addRoles,removeRoles,email,lastName,phone,company"]
    names = []
    for number in range(scenario.records):
        kind = rng.random()
        if names and kind < 0.10:
            name = rng.choice(names)
        elif kind < 0.35:
            name = f"new{number}"
        else:
            name = f"user{rng.randint(1, CUSTOMERS)}"
        names.append(name)
        lines.append(record_of(rng, name, number) if scenario.kind != "retry" or number % 4 == 0
                     else misspelled(rng, name, number))
    return "\n".join(lines) + "\n"


def misspelled(rng, name, number):
    """A record that is rejected, and corrected by amend() unless its line is a multiple of 10."""
    return (f"{name},buyerr;{rng.choice(CODES[2:])},{rng.choice(('', '', 'auditor'))},{name}@example.net,,"
            f"Street {number} {'x' * 60},Company {rng.randint(0, 50)}")


def amend(session, import_id):
    session.rows("SELECT customer_import.amend_record($1, line, replace(convert_from(record, 'UTF8'), 'buyerr', 'buyer'))"
                 "  FROM customer_import.import_issues"
                 " WHERE import_id = $1 AND code = 'unknown_role' AND issue_number = 1 AND line % 10 <> 0", [import_id])


def import_source(session, scenario):
    """The import that an undo or a retry is of, as its operator. Returns its number."""
    number = session.value("SELECT import_id FROM customer_import.import_customers($1::text, $2)",
                           [csv_of(scenario), scenario.mode])
    if scenario.kind == "retry":
        amend(session, number)
    return number


# How an undo or a retry is called: its source, and whether in the background.
REVERSALS = {"undo": "SELECT import_id FROM customer_import.undo_import($1, $2)",
             "retry": "SELECT import_id FROM customer_import.retry_rejects($1, $2)"}


def record_of(rng, name, number):
    kind = rng.random()
    filler = f"Street {number} " + "x" * 40
    if kind < 0.02:
        return f"{name},buyerr,,,,,"
    if kind < 0.04:
        return f"{name},buyer,buyer,,,,"
    if kind < 0.05:
        return f"{name},buyer"
    if kind < 0.07:
        return f"{name},viewer,,,,,Nobody"
    if kind < 0.27:
        return f"{name},auditor,,,,,"
    if kind < 0.35:
        return f"{name},,{rng.choice(CODES)},,,,"
    return (f"{name},{';'.join(rng.sample(CODES, rng.randint(1, 2)))},,{name}@example.org,Last{rng.randint(0, 9)},"
            f"{filler},Company {rng.randint(0, 50)}")
