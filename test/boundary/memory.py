"""Memory: what a long session keeps, and what becomes of a session that gets no more. Runs in a cluster of its own."""

from client import Lost, ServerError
from waits import wait_until
from harness import (IMPORT, created, csv, import_text, new_customers, open_session, status_of, usable)
from own_server import OOM, Limited, place_of

MB = 1024 * 1024

PREPARE = """
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.user_name LIKE 'cancel%' THEN
        PERFORM pg_cancel_backend(pg_backend_pid());
        PERFORM pg_sleep(60);
    ELSIF NEW.user_name LIKE 'boom%' THEN
        RAISE EXCEPTION USING MESSAGE = repeat('boom', 1000), ERRCODE = 'XX000';
    END IF;
    RETURN NEW;
END $$;
"""

ATTRIBUTES = "userName,email,firstName,lastName,company,addRoles"


def wide(count, prefix="user"):
    return csv((f"{prefix}{index},{prefix}{index}@example.com,First name {index},Last name {index},Company {index},buyer"
                for index in range(count)), ATTRIBUTES)


# ---- what a long session keeps -------------------------------------------------------------------------------------

MEASURES = """
SELECT sum(total_bytes)::bigint, count(*) FILTER (WHERE name LIKE 'CachedPlan%' OR name LIKE 'SPI%'),
       (SELECT count(*) FROM pg_ls_tmpdir()), probe_level(), probe_live(),
       (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors WHERE name <> '')
  FROM pg_backend_memory_contexts
"""


class Measure:
    def __init__(self, session):
        row = [int(value) for value in session.rows(MEASURES)[0]]
        self.contexts, self.left = row[0], row[1:]
        self.anonymous = status_of(session.pid, "RssAnon")


def soak(report):
    with open_session() as session:
        session.rows(PREPARE)
        session.rows("CREATE TABLE one_file AS SELECT lo_from_bytea(0, 'userName,addRoles\nlarge,buyer\n') AS large_object")

        def imports(index):
            kind = index % 6
            if kind == 0:
                return IMPORT, [csv([f"user{index % 100},buyer", f"other{index % 100},approver"])]
            if kind == 1:
                return IMPORT, [csv([f"user{index % 100},{index},buyer"], "userName,phone,addRoles")]
            if kind == 2:
                return IMPORT, [csv(["bad,nosuch", ",buyer", "x,y,z", "good,buyer"])]
            if kind == 3:
                return ("SELECT * FROM customer_import.import_customers($1::bytea, 'Create & Update', encoding => 'LATIN1')",
                        [csv(["m\xfcller,M\xfcller"], "userName,lastName").encode("latin-1")])
            if kind == 4:
                return "SELECT customer_import.import_customers(large_object, 'Create & Update') FROM one_file", None
            return ("SELECT customer_import.import_customers($1::text, 'Update Only', unknown_roles => 'create')",
                    [csv([f"user{index % 100},code{index % 50}"])])

        def repeat(name, count, step, allowed=None):
            """Runs a step often, after a warm-up, and compares what the session holds."""
            for index in range(count // 4):
                step(index)
            session.value("SELECT 1")
            before = Measure(session)
            for index in range(count):
                step(index)
            after = Measure(session)
            grown = after.anonymous - before.anonymous
            report.line(grown <= 1024 and after.contexts - before.contexts <= 65536,
                        f"{name}: memory is flat", f"RssAnon {before.anonymous} -> {after.anonymous} kB",
                        f"memory contexts {before.contexts} -> {after.contexts} bytes")
            report.note(f"{name}: RssAnon {before.anonymous} -> {after.anonymous} kB, "
                        f"memory contexts {before.contexts} -> {after.contexts} bytes")
            report.equal(after.left, before.left, f"{name}: no plan, temporary file, subtransaction, object or cursor is left")
            report.line(not allowed and usable(session), f"{name}: every step ended as it should, the session works",
                        *(allowed or [])[:5])

        wrong = []

        def fails_with(state, sql, parameters=None):
            error = session.error(sql, parameters)
            if error is None or error.sqlstate != state:
                wrong.append(f"expected {state}, got {error}")

        repeat("2,000 imports", 2000, lambda index: session.rows(*imports(index)), wrong)
        repeat("500 refused files", 500, lambda index: fails_with("22P04", IMPORT, ["userName,addRoles\na,b\n\"open"]), wrong)
        repeat("500 wrong calls", 500, lambda index: fails_with(
            "22023", "SELECT customer_import.import_customers('a', $1)", ["mode " * 100]), wrong)
        repeat("500 imports in a READ ONLY transaction", 500, lambda index: fails_with(
            "25006", "BEGIN READ ONLY; SELECT customer_import.import_customers(E'userName,email\\na,b\\n', 'Create Only'); COMMIT")
            or session.rows("ROLLBACK"), wrong)
        session.rows("CREATE TRIGGER fails BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION fails()")
        repeat("500 imports that fail in the database", 500,
               lambda index: fails_with("XX000", IMPORT, [csv(["fine,buyer", "boom,buyer"])]), wrong)
        repeat("500 imports that are canceled", 500,
               lambda index: fails_with("57014", IMPORT, [csv(["fine,buyer", "cancel,buyer"])]), wrong)
        failing = "customer_import.import_customers(E'userName,addRoles\\nfine,buyer\\nboom,buyer\\n', 'Create & Update')"
        repeat("500 failures caught by PL/pgSQL in one transaction", 5, lambda index: session.rows(f"""
            DO $$ BEGIN FOR i IN 1..100 LOOP BEGIN PERFORM {failing}; EXCEPTION WHEN internal_error THEN NULL; END; END LOOP;
            END $$"""), wrong)
        session.rows("DROP TRIGGER fails ON customers")
        session.rows("ALTER TABLE customers ADD CONSTRAINT no_odd CHECK (email NOT LIKE 'odd%')")
        halved = csv((f"user{index},{'odd' if index % 20 == 7 else 'even'}{index}" for index in range(200)), "userName,email")
        repeat("100 imports with 10 records each that fail in the database", 100,
               lambda index: session.rows(IMPORT, [halved]), wrong)
        session.rows("SET temp_file_limit = '64kB'")
        many_issues = csv(f"user{index},nosuch{'x' * 100}" for index in range(30000))
        repeat("40 imports that reach temp_file_limit with their issues", 40,
               lambda index: fails_with("53400", IMPORT, [many_issues]), wrong)
        many_records = wide(150000)
        repeat("8 imports that reach temp_file_limit with their records", 8,
               lambda index: fails_with("53400", IMPORT, [many_records]), wrong)
        session.rows("RESET temp_file_limit")
        session.rows("SELECT lo_unlink(large_object) FROM one_file; DROP TABLE one_file;"
                     " ALTER TABLE customers DROP CONSTRAINT no_odd; TRUNCATE customers")
    canceled_with_files(report)
    growth(report)


def canceled_with_files(report):
    """An import that holds temporary files when it is canceled."""
    text = wide(150000)
    wrong = []
    with open_session() as session, open_session() as watcher:
        for _ in range(6):
            session.start(IMPORT, [text])
            try:
                wait_until(lambda: watcher.value("SELECT count(*) FROM pg_ls_tmpdir()") != "0" or not session.busy(),
                           "the import writes a temporary file")
                session.cancel()
                session.finish()
                wrong.append("the import was over before it had a temporary file")
            except ServerError as error:
                if error.sqlstate != "57014":
                    wrong.append(error)
            if watcher.value("SELECT count(*) FROM pg_ls_tmpdir()") != "0" or not usable(session):
                wrong.append("a temporary file is left, or the session does not work")
        report.line(not wrong, "a canceled import leaves no temporary file", *wrong)


def peak_of(sql, parameters, sqlstate=None):
    """The most memory that a new session takes for a query, in kB; with `sqlstate`, for one that ends so."""
    with open_session() as session:
        import_text(session, new_customers(3, "warm"))
        before = status_of(session.pid, "RssAnon")
        session.start(sql, parameters)
        most = before
        while session.busy():
            most = max(most, status_of(session.pid, "RssAnon"))
            session.wait_readable(0.005)
        try:
            session.finish()
            ended = None
        except ServerError as error:
            ended = error.sqlstate
        if ended != sqlstate:
            raise RuntimeError(f"{sql} ended by {ended}")
        session.rows("TRUNCATE customers")
        return most - before


def growth(report):
    """Memory follows the batch, not the file, and not the number of failures in it."""
    from_large_object = "SELECT customer_import.import_customers(large_object, 'Create & Update') FROM large_files WHERE n = $1"
    with open_session() as session:
        session.rows("CREATE TABLE large_files (n int, large_object oid)")
        for count in (100000, 400000):
            session.rows("INSERT INTO large_files SELECT $1, lo_from_bytea(0, convert_to($2, 'UTF8'))", [count, wide(count)])
        session.rows("ALTER TABLE customers ADD CONSTRAINT not_odd CHECK (email NOT LIKE 'odd%')")
    small, large = (peak_of(from_large_object, [count]) for count in (100000, 400000))
    report.note(f"a large object of 100,000 records takes {small} kB, one of 400,000 takes {large} kB")
    report.line(large < small + 16 * 1024, "memory does not grow with the file", f"{small} kB, then {large} kB")
    same = peak_of(IMPORT, [csv(f"same,{('buyer', 'approver')[index % 2]}" for index in range(50000))])
    report.note(f"50,000 records of one customer take {same} kB")
    report.line(same < 128 * 1024, "memory does not grow with the records of one customer", f"{same} kB")
    failing = csv((f"user{index},{'odd' if index % 10 == 7 else 'even'}{index}" for index in range(20000)), "userName,email")
    halved = peak_of(IMPORT, [failing])
    report.note(f"20,000 records of which 2,000 fail take {halved} kB")
    report.line(halved < 128 * 1024, "memory does not grow with the failures of a batch", f"{halved} kB")
    with open_session() as session:
        session.rows("SELECT lo_unlink(large_object) FROM large_files; DROP TABLE large_files;"
                     " ALTER TABLE customers DROP CONSTRAINT not_odd")


def rejected_file(report):
    """How large the file of the rejected records is going to be is known before memory is taken for it."""
    fill = ("INSERT INTO customer_import.import_issues (import_id, line, issue_number, outcome, code, message, record)"
            " SELECT import_id, line + n, 1, outcome, code, message, record"
            "   FROM customer_import.import_issues, generate_series($2::int, $3) AS n WHERE import_id = $1 AND line = 2")
    calls = [f"SELECT octet_length(customer_import.{function}($1))" for function in ("rejected_csv", "rejected_csv_bytes")]
    with open_session() as session:
        import_text(session, "userName,addRoles\nbad,nosuch\n")
        import_id = session.value("SELECT max(id) FROM customer_import.imports")
        session.rows("UPDATE customer_import.import_issues SET record = decode(repeat('61', 1000000), 'hex') WHERE import_id = $1", [import_id])
        session.rows(fill, [import_id, 1, 49])
        wrong = []
        for call in calls:
            size = int(session.value(call, [import_id])) // 1024
            peak = peak_of(call, [import_id])
            report.note(f"{call}: {size} kB, at most {peak} kB in memory")
            if not 48000 < size < 50000 or peak > size + 24 * 1024:
                wrong.append(f"{call}: {size} kB, {peak} kB")
        report.line(not wrong, "the file of rejected records takes little more memory than it is large", *wrong)
        session.rows(fill, [import_id, 50, 1100])
        peaks = [peak_of(call, [import_id], "54000") for call in calls]
        report.line(max(peaks) < 16 * 1024, "one that is too large is refused before memory is taken", peaks)
        session.rows("DELETE FROM customer_import.import_issues WHERE import_id = $1 AND line > 2", [import_id])


# ---- no more memory ------------------------------------------------------------------------------------------------

def too_much(report):
    """Requests that no machine can grant."""
    with open_session() as session:
        for how, size, state, words in (
                ("palloc", 1 << 30, "XX000", "invalid memory alloc request size"),
                ("huge", 1 << 50, OOM, "out of memory"),
                ("vector", 1 << 50, OOM, "out of memory"),
                ("vector", (1 << 63) - 1, OOM, "out of memory"),
                ("palloc", 1 << 20, None, None)):
            error = session.error("SELECT probe_allocate($1, $2)", [how, size])
            report.equal(error and (error.sqlstate, words in error.message), state and (state, True),
                         f"{how} of {size} bytes")
            report.line(usable(session), f"{how} of {size} bytes leaves a session that works")
        limited = Limited(session)
        for how in ("vector", "string", "pieces", "huge", "contexts"):
            wrong = []
            for more in (0, 256 * 1024, MB, 7 * MB, 40 * MB):
                limited.limit(more)
                error = session.error("SELECT probe_allocate($1, $2)", [how, 64 * MB])
                if error is None or error.sqlstate != OOM:
                    wrong.append(f"with {more} bytes: {error}")
                if not usable(session):
                    wrong.append(f"with {more} bytes: the session does not work")
                limited.lift()
            report.line(not wrong, f"{how} of 64 MB under an address-space limit: 53200, and the session goes on", *wrong)


def tight_limits(report):
    """Imports in a session that may grow by so much only: the failure comes at a different place each time."""
    places = {}
    with open_session() as session:
        session.rows("CREATE TABLE files (name text, large_object oid, bytes bytea); ALTER TABLE files ALTER bytes SET STORAGE"
                     " EXTERNAL")
        for name, text in (("wide", wide(60000)), ("issues", csv(f"user{index},nosuch" for index in range(30000)))):
            session.rows("INSERT INTO files SELECT $1, lo_from_bytea(0, convert_to($2, 'UTF8')), convert_to($2, 'UTF8')",
                         [name, text])
    for name, argument, batch_rows in (("wide", "large_object", 50000), ("wide", "bytes", 50000),
                                       ("wide", "large_object", 3000), ("issues", "large_object", 50000)):
        wrong, went_well = [], 0
        failed = 0
        with open_session() as session:
            session.rows(f"TRUNCATE customers; SET customer_import.batch_rows = {batch_rows}")
            import_text(session, csv(["before,buyer", "bad,nosuch"]))
            for step in range(40):
                more = int(32 * 1024 * 1.25 ** step)
                session.rows("TRUNCATE customers")
                limited = Limited(session)
                limited.limit(more)
                try:
                    error = session.error(f"SELECT customer_import.import_customers({argument}, 'Create & Update')"
                                          " FROM files WHERE name = $1", [name])
                    applied = session.value("SELECT count(*) FROM customers")
                    works = usable(session)
                finally:
                    limited.lift()
                if error is None:
                    went_well += 1
                elif error.sqlstate == OOM:
                    failed += 1
                    place = place_of(error)
                    places[place] = places.get(place, 0) + 1
                else:
                    wrong.append(f"with {more} bytes: {error}")
                if (error is not None and applied != "0") or not works:
                    wrong.append(f"with {more} bytes: {applied} customers, the session works: {works}")
                if import_text(session, new_customers(3, "after")) != created(3):
                    wrong.append(f"with {more} bytes: the next import is wrong")
                if went_well > 1:
                    break
        kind = f"{name} as {argument}, {batch_rows} records a batch"
        report.line(not wrong and failed >= 5, f"imports under an address-space limit: {kind}", *wrong, f"{failed} failed")
        report.note(f"{kind}: {failed} limits were too low, {went_well} sufficed")
    with open_session() as session:
        session.rows("SELECT lo_unlink(large_object) FROM files; DROP TABLE files; TRUNCATE customers")
    report.note("memory was missing in: " + ", ".join(f"{place} ({count})" for place, count in sorted(places.items())))
    report.line("C++" in places and len(places) > 1, "memory was missing in C++ and in the server", places)


def limited_server(report, server):
    """The whole server under ulimit -v, so low that an import of a large file cannot have what it needs."""
    with open_session() as session:
        session.rows("CREATE TABLE files (n int, bytes bytea); ALTER TABLE files ALTER bytes SET STORAGE EXTERNAL")
        text = wide(50000)
        session.rows("INSERT INTO files VALUES (1, convert_to($1, 'UTF8'))", [text])
        # 300 MB and more; the header of what is appended is a record like others.
        session.rows("INSERT INTO files SELECT 2, string_agg(bytes, '') FROM files, generate_series(1, $1)",
                     [1 + 300 * MB // len(text)])
        size = int(session.value("SELECT max(length(bytes)) FROM files"))
        idle = status_of(session.pid, "VmSize") * 1024
    wrong, failed = [], 0
    limits = [idle + int(6 * MB * 1.2 ** step) for step in range(20)]
    for limit in limits:
        if not server.restart(address_space=limit):
            wrong.append(f"the server did not start with {limit} bytes")
            continue
        try:
            with open_session() as other, open_session() as session:
                import_text(session, new_customers(3, "before"))
                for number in (1, 2):
                    before = session.value("SELECT count(*) FROM customers")
                    error = session.error("SELECT customer_import.import_customers(bytes, 'Create & Update') FROM files"
                                          " WHERE n = $1", [number])
                    if error is None:
                        session.rows("DELETE FROM customers")
                        continue
                    failed += 1
                    if error.sqlstate != OOM:
                        wrong.append(f"with {limit} bytes: {error}")
                    if session.value("SELECT count(*) FROM customers") != before:
                        wrong.append(f"with {limit} bytes: something was applied")
                    if import_text(session, new_customers(2, f"after{limit}-{number}-")) != created(2):
                        wrong.append(f"with {limit} bytes: the next import of the same session is wrong")
                    if not usable(session) or not usable(other):
                        wrong.append(f"with {limit} bytes: a session does not work")
        except (Lost, ServerError) as error:
            wrong.append(f"with {limit} bytes: {error}")
    server.restart()
    report.line(not wrong and failed >= 20, f"a file of {size >> 20} MB and one of {len(text) >> 20} MB in a server under 20"
                " limits of address space: 53200, the session and the server go on", *wrong, f"{failed} imports failed")
    with open_session() as session:
        session.rows("DROP TABLE files; TRUNCATE customers")


def run_all(report, server):
    report.run(soak)
    report.run(rejected_file)
    report.run(too_much)
    report.run(tight_limits)
    report.run(limited_server, server)
