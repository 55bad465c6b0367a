"""Runs the programs and checks what they have done."""

from drivers import POOLED
from harness import COMPANY, DATABASE, FAULTY, GATEWAY, OPERATOR, PEOPLE, Run, session

import driver
from waits import wait_until

MOST_LINES, LONGEST_LINE = 40, 120
HEADER = "userName,addRoles,company,_notes,"
# MB that a program, and a process of the server, may take.
MOST_MEMORY = {"client": 160, "server": 64}


def test_length(report, drivers, place):
    """A program is short enough to be read."""
    for driver in drivers:
        lines = (place / driver.program).read_text("utf-8").splitlines()
        report.line(len(lines) <= MOST_LINES, f"{driver.program} has at most {MOST_LINES} lines", len(lines))
        long = [line for line in lines if len(line) > LONGEST_LINE]
        report.line(not long, f"the lines of {driver.program} have at most {LONGEST_LINE} characters", *long)


def start_anew(admin, files):
    """No import, and of each file the first customer."""
    admin.rows("TRUNCATE public.customers, customer_import.imports, customer_import.uploads CASCADE")
    for file in files:
        admin.rows(f"INSERT INTO public.customers (user_name, roles, company) VALUES ('{file.user(0)}', '{{approver}}', 'Before')")


def check_result(report, admin, name, file, operator, output, rejected):
    """What the program was to do has been done, and is undone."""
    imported = report.equal(admin.rows(
        "SELECT mode, state, file_bytes, records, created, updated, rejected FROM customer_import.imports"
        f" WHERE operator = '{operator}' AND source_import_id IS NULL"),
        [("create_and_update", "undone", str(file.size), str(file.records), str(file.records - file.rejected - 1), "1", str(file.rejected))],
        f"{name}: the whole file was imported once, in Create & Update, and undone")
    if not imported:
        return
    report.equal(admin.rows("SELECT mode, state, records, updated, deleted FROM customer_import.imports"
                            f" WHERE operator = '{operator}' AND source_import_id IS NOT NULL"),
                 [("undo", "completed", str(file.records - file.rejected), "1", str(file.records - file.rejected - 1))],
                 f"{name}: the undo took all of it back")
    report.equal(admin.rows(f"SELECT user_name, roles, company FROM public.customers WHERE user_name LIKE '{file.prefix}%'"),
                 [(file.user(0), "{approver}", "Before")], f"{name}: the customers are what they were")
    number = admin.value(f"SELECT id FROM customer_import.imports WHERE operator = '{operator}' AND source_import_id IS NULL")
    report.equal(admin.value(f"SELECT after ->> 'company' FROM customer_import.import_changes WHERE import_id = {number} AND line = 2"),
                 COMPANY, f"{name}: bytes came as they are in the file")
    report.equal(admin.value("SELECT count(*) FROM customer_import.uploads"), "0", f"{name}: no upload is left")
    report.equal(admin.value("SELECT count(*) FROM pg_largeobject_metadata"), "0", f"{name}: no large object is left")
    for words in (f"{file.rejected:,} rejected", f'{FAULTY + 1}', 'role code "byer" is not in the catalog', "deleted"):
        report.line(words in output.replace('\\"', '"'), f"{name} shows: {words}", output[-3000:])
    report.line("warning" not in output.lower(), f"{name} is warned of nothing", output[-3000:])
    written = rejected.read_text("utf-8") if rejected.exists() else ""
    report.line(written.startswith(HEADER) and len(written.splitlines()) == file.rejected + 1,
                f"{name} writes the rejected records into a file", written[:600])
    of_server = admin.rows(f"SELECT customer_import.rejected_csv({number}),"
                           f" convert_from(customer_import.rejected_csv_bytes({number}), 'UTF8')")[0]
    report.line(written in of_server, f"{name}: it is that of the server, character for character", written[:300], *of_server)


def run_driver(report, driver, place, file, port):
    """Runs a program; returns the Run."""
    rejected = place / "rejected.csv"
    rejected.unlink(missing_ok=True)
    with session() as admin:
        start_anew(admin, [file])
        command = [word.format(port=port, database=DATABASE, user=OPERATOR) if word.startswith("jdbc:") else word
                   for word in driver.arguments(file.path, rejected)]
        run = Run(place, command, **driver.environment)
        status, output = run.finish()
        report.equal(status, 0, f"{driver.name} ends well")
        if status != 0:
            report.note(output[-3000:])
        check_result(report, admin, driver.name, file, OPERATOR, output, rejected)
    return run


def run_pooled(report, place, files, bouncer):
    """Two operators at a time through one login and one connection of a pooler; returns the Runs."""
    with session() as admin:
        start_anew(admin, files)
        rejected = [place / f"rejected_of_{person}.csv" for person in PEOPLE]
        runs = [Run(place, [*POOLED.command, person, str(file.path), str(target)], PGHOST=bouncer.host, PGPORT=str(bouncer.port), PGUSER=GATEWAY)
                for person, file, target in zip(PEOPLE, files, rejected)]
        for run, person, file, target in zip(runs, PEOPLE, files, rejected):
            status, output = run.finish()
            report.equal(status, 0, f"{POOLED.name}: ends well for {person}")
            if status != 0:
                report.note(output[-3000:])
            check_result(report, admin, f"{POOLED.name}, {person}", file, person, output, target)
        report.equal(admin.rows("SELECT DISTINCT database_role FROM customer_import.imports"), [(GATEWAY,)],
                     "the gateway acted for both")
    return runs


def test_page(report, bouncer):
    """What doc/clients.md says of calls outside of FROM, and of poolers."""
    file = "E'userName,addRoles\\nnobody@example.com,buyer\\n', 'Update Only'"
    with session() as admin:
        start_anew(admin, [])
        columns = admin.rows(f"SELECT (customer_import.import_customers({file})).*")[0]
        report.equal((len(columns), admin.value("SELECT count(*) FROM customer_import.imports")), (12, "12"),
                     "(import_customers()).* imports twelve times")
        with driver.Client(DATABASE, host=bouncer.host, port=bouncer.port, user=OPERATOR) as pooled, \
                driver.Client(DATABASE, user=OPERATOR) as direct:
            pooled.rows("LISTEN customer_import")
            direct.rows("LISTEN customer_import")
            number = admin.value(f"SELECT import_id FROM customer_import.import_customers({file})")
            heard = []
            wait_until(lambda: heard.extend(direct.notifications()) or heard, "a notification comes")
            report.equal(heard, [("customer_import", f'{{"import_id": {number}, "state": "completed"}}')],
                         "a listener that is connected to the server hears of an import")
            # Two imports, so that the first one has had time to come there. A statement of the client's own would be sent
            # to the server's session, and might bring what waits there.
            admin.rows(f"SELECT import_id FROM customer_import.import_customers({file})")
            wait_until(lambda: heard.extend(direct.notifications()) or len(heard) > 1, "another notification comes")
            report.equal(pooled.notifications(), [], "one behind a pooler in transaction mode does not")


def check_memory(report, name, run):
    for side, used in (("client", run.watch.client), ("server", run.watch.server)):
        report.line(0 < used <= MOST_MEMORY[side], f"{name}: the {side} needs at most {MOST_MEMORY[side]} MB", used)
