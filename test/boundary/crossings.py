"""The two crossings and the subtransactions between C++ and the server, tried with the probe library."""

from harness import open_session, usable

XX000, OOM = "XX000", "53200"

THROWN = {  # kind: SQLSTATE, message (None: any), detail, hint
    "runtime_error": (XX000, "runtime trouble", None, None),
    "logic_error": (XX000, "logic trouble", None, None),
    "length_error": (XX000, None, None, None),
    "out_of_range": (XX000, None, None, None),
    "bad_optional_access": (XX000, "bad optional access", None, None),
    "bad_alloc": (OOM, "out of memory", None, None),
    "bad_array_new_length": (OOM, "out of memory", None, None),
    "import_error": ("22P04", "first line", "some detail", "some hint"),
    "import_error_bare": ("42501", "only a message", None, None),
    "refused_file": ("22P04", "a file", "a detail", "a hint"),
    "refused_argument": ("22023", "an argument", None, None),
    "number": (XX000, "exception of a type that is not known", None, None),
    "text": (XX000, "exception of a type that is not known", None, None),
    "foreign": (XX000, "exception of a type that is not known", None, None),
    "shared": (XX000, "exception of a type that is not known", None, None),
}

# Errors of the server, of every shape that a record can have.
FAILING_SQL = {
    "a division by zero": "SELECT 1 / 0",
    "a syntax error": "SELECT 1 FORM pg_class",
    "a missing column": "SELECT nosuch FROM marks",
    "an unfinished literal": "SELECT 'abc",
    "a bad literal": "SELECT 'ä€😀'::int",
    "a NOT NULL violation": "INSERT INTO strict_marks VALUES (NULL, 1)",
    "a unique violation": "INSERT INTO strict_marks VALUES ('a', 1), ('a', 2)",
    "a CHECK violation": "INSERT INTO strict_marks VALUES ('b', -1)",
    "a foreign key violation": "INSERT INTO strict_marks VALUES ('c', 1, 'nowhere')",
    "a domain violation": "SELECT (-1)::positive",
    "an error with all fields": "SELECT full_error()",
    "an error inside two functions": "SELECT outer_error()",
    "an error in a query with parameters": "SELECT length(repeat('x', 2000000000))",
    "a transaction command": "COMMIT",
    "COPY from the client": "COPY marks FROM STDIN",
    "a long error": "SELECT long_error()",
}

PREPARE = """
CREATE TABLE places (place text PRIMARY KEY);
CREATE TABLE strict_marks (mark text NOT NULL CONSTRAINT mark_once UNIQUE, n int CONSTRAINT not_less CHECK (n >= 0),
    place text REFERENCES places);
CREATE DOMAIN positive AS int CONSTRAINT above CHECK (VALUE > 0);
CREATE FUNCTION full_error() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the message' USING DETAIL = 'the detail', HINT = 'the hint', ERRCODE = 'P9X9Z',
        COLUMN = 'the column', CONSTRAINT = 'the constraint', DATATYPE = 'the type', TABLE = 'the table',
        SCHEMA = 'the schema';
END $$;
CREATE FUNCTION outer_error() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT generate_series(1, 10) LOOP
        PERFORM full_error();
    END LOOP;
END $$;
CREATE FUNCTION long_error() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = repeat('m€', 100000), DETAIL = repeat('ä', 300000), HINT = repeat('😀', 100000);
END $$;
"""

OF_CONTEXT = ("context",)


def thrown(report):
    with open_session() as session:
        for kind, (sqlstate, message, detail, hint) in THROWN.items():
            error = session.error("SELECT probe_throw($1)", [kind])
            got = error and (error.sqlstate, error.message if message or not error.message else None, error.detail,
                             error.hint, error.severity)
            report.equal(got, (sqlstate, message, detail, hint, "ERROR"), f"{kind}: thrown in C++, raised in SQL")
            left = session.rows("SELECT probe_live_when_raised(), probe_live()")
            report.equal(left, [("0", "0")], f"{kind}: all objects are gone before the server takes over")
            report.line(usable(session), f"{kind}: the session goes on")
        for kind in ("runtime_error", "bad_alloc", "import_error", "foreign"):
            failures = [session.error("SELECT probe_throw($1)", [kind]) for _ in range(1000)]
            report.line(all(failures) and usable(session), f"{kind}: 1,000 times in one session")
            session.rows("BEGIN; SAVEPOINT s")
            session.error("SELECT probe_throw($1)", [kind])
            session.rows("ROLLBACK TO s")
            level = session.value("SELECT probe_level()")
            session.rows("ROLLBACK")
            report.equal(level, "2", f"{kind}: a savepoint of the caller survives it")


def same_record(expected, actual):
    """Differences of two errors, but for the outer lines of their contexts."""
    if actual is None:
        return ["no error"]
    differences = [f"{name}: expected {str(expected.fields[name])[:200]}, got {str(actual.fields[name])[:200]}"
                   for name in expected.fields
                   if name not in OF_CONTEXT and expected.fields[name] != actual.fields[name]]
    inner = (expected.context or "").split("PL/pgSQL function inline_code_block")[0].strip()
    if not (actual.context or "").startswith(inner):
        differences.append(f"context: expected {inner} …, got {actual.context}")
    return differences


def server_errors(report):
    with open_session() as session:
        session.rows(PREPARE)
        for name, sql in FAILING_SQL.items():
            statement = "COMMIT AND CHAIN" if sql == "COMMIT" else sql
            expected = session.error("DO $do$ BEGIN EXECUTE $sql$" + statement + "$sql$; END $do$")
            for function in ("probe_run", "probe_rethrow"):
                actual = session.error(f"SELECT {function}($1)", [sql])
                if sql.startswith("COPY") or sql == "COMMIT":  # worded by the caller of SPI
                    report.line(actual is not None and actual.sqlstate == XX000 and actual.message.startswith("SPI_"),
                                f"{function}: {name} is an error")
                else:
                    differences = same_record(expected, actual)
                    report.line(not differences, f"{function}: {name} keeps its whole record", *differences)
                report.line(usable(session), f"{function}: {name} leaves no object and a session that works")
        error = session.error("SELECT probe_direct('full')")
        report.equal((error.sqlstate, error.message, error.detail, error.hint, error.position, error.internal_position,
                      error.internal_query, error.context.splitlines()[0]),
                     ("22023", "a message with 100", "a detail", "a hint", "7", "3", "a query", "a context"),
                     "an error without SPI keeps its whole record, positions too")
        error = session.error("SELECT probe_direct('elog')")
        report.equal((error.sqlstate, error.message, error.source_file), (XX000, "cannot happen", "probe.cpp"),
                     "elog keeps its text and place")
        error = session.error("SELECT probe_direct('cache')")
        report.equal((error.sqlstate, error.message), ("42704", "invalid role OID: 0"), "an error from deep in the server")
        report.line(usable(session), "and the session goes on")


def nested(report):
    with open_session() as session:
        for levels in (2, 3, 10, 40):
            for kind in ("runtime_error", "bad_alloc", "import_error", "foreign"):
                error = session.error("SELECT probe_nested($1, $2)", [levels, kind])
                expected = THROWN[kind]
                report.equal(error and (error.sqlstate, error.message, error.detail, error.hint), expected,
                             f"{kind} passes {levels} crossings of C++ and SPI")
                report.line(usable(session), f"{kind} through {levels} crossings leaves nothing")
            error = session.error("SELECT probe_nested($1, ' SELECT full_error()')", [levels])
            report.equal(error and (error.sqlstate, error.message, error.detail, error.hint, error.constraint),
                         ("P9X9Z", "the message", "the detail", "the hint", "the constraint"),
                         f"a server error passes {levels} crossings with its record")
            report.equal(session.value("SELECT probe_nested($1, ' SELECT 1')", [levels]), "no error",
                         f"{levels} crossings without an error")
            report.line(usable(session), f"a server error through {levels} crossings leaves nothing")
        for _ in range(3):
            error = session.error("SELECT probe_recurse()")
        report.equal(error and error.sqlstate, "54001", "endless recursion through C++ meets the server's stack limit")
        report.line(usable(session), "endless recursion leaves nothing")


def marks(session):
    return [row[0] for row in session.rows("SELECT mark FROM marks ORDER BY ctid")]


def subtransactions(report):
    with open_session() as session:
        def run(sql, parameters, result, left, text):
            session.rows("TRUNCATE marks")
            try:
                got = session.value(sql, parameters)
            except Exception as error:  # pylint: disable=broad-except
                got = str(error)
            report.equal((got, marks(session)), (result, left), text)
            report.line(usable(session), f"{text}: all is as before")

        run("SELECT probe_subtransaction($1)", ["SELECT 1"], "released", ["inside", "after"], "a subtransaction that goes well")
        for name, sql, result in (
                ("division", "SELECT 1 / 0", "22012 division by zero"),
                ("error with all fields", "SELECT full_error()", "P9X9Z the message"),
                ("error in a loop of PL/pgSQL", "SELECT outer_error()", "P9X9Z the message"),
                ("cancel", "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(60)",
                 "57014 canceling statement due to user request"),
                ("open cursor", "DO $$ DECLARE c refcursor; BEGIN OPEN c FOR SELECT 1; PERFORM 1 / 0; END $$",
                 "22012 division by zero"),
                ("caught error", "DO $$ BEGIN BEGIN PERFORM 1 / 0; EXCEPTION WHEN OTHERS THEN PERFORM full_error(); END; "
                 "END $$", "P9X9Z the message"),
                ("nested C++", "SELECT probe_nested(3, 'runtime_error')", "XX000 runtime trouble")):
            run("SELECT probe_subtransaction($1)", [sql], result, ["after"], f"a subtransaction rolled back: {name}")
        for kind in THROWN:
            if kind.startswith("refused") or THROWN[kind][1] is None:
                continue
            words = {"import_error": "ImportError first line", "import_error_bare": "ImportError only a message",
                     "bad_alloc": "std::bad_alloc", "bad_array_new_length": "std::bad_array_new_length", "number": "other",
                     "text": "other", "foreign": "other", "shared": "other"}.get(kind, THROWN[kind][1])
            run("SELECT probe_subtransaction_throw($1)", [kind], words, ["after"],
                f"{kind} passes a subtransaction after the roll-back")
        run("SELECT probe_nest(3, 0, false)", None, " released; released; released;",
            ["level 1", "level 2", "level 3", "level 3 again", "level 2 again", "level 1 again"], "three levels go well")
        failed = " rolled back 22012 division by zero;"
        run("SELECT probe_nest(3, 3, false)", None, f"{failed} released; released;",
            ["level 1", "level 2", "level 2 again", "level 1 again"], "three levels, the innermost fails")
        run("SELECT probe_nest(3, 2, false)", None, f" released;{failed} released;", ["level 1", "level 1 again"],
            "three levels, the middle one fails")
        run("SELECT probe_nest(3, 1, false)", None, f" released; released;{failed}", [], "three levels, the outermost fails")
        for level in (1, 2, 3):
            run(f"SELECT probe_nest(3, {level}, true)", None, f"XX000: thrown at level {level}", [],
                f"three levels, an exception of C++ at level {level} ends the statement")
        for levels in (1, 3, 70):
            run("SELECT probe_pass_through($1, 'SELECT full_error()')", [levels], "P9X9Z the message", [],
                f"a server error passes {levels} subtransactions")
        run("SELECT probe_many_subtransactions(3000, 'SELECT 1 / 0')", None, "3000", [], "3,000 subtransactions that fail")
        run("SELECT probe_many_subtransactions(100, 'INSERT INTO marks VALUES (1)')", None, "0", ["1"] * 100,
            "100 subtransactions that go well")
        run("SELECT probe_tuplestore(20000, 'SELECT n FROM probe_rows')", None,
            "20000 rows;22012 division by zero;20000 rows;", [], "an ephemeral table with a spilled file survives a roll-back")
        session.rows("DROP ROLE IF EXISTS regress_boundary_user; CREATE ROLE regress_boundary_user; "
                     "GRANT USAGE ON SCHEMA probe TO regress_boundary_user; GRANT ALL ON marks TO regress_boundary_user; "
                     "SET ROLE regress_boundary_user")
        try:
            run("SELECT probe_owner('SELECT 1 / 0')", None, "22012 division by zero", [],
                "an error while acting as the owner gives the role back")
            run("SELECT probe_owner('SELECT count(*) FROM customer_import.imports')", None, "released", [],
                "acting as the owner gives the role back")
            error = session.error("SELECT count(*) FROM customer_import.imports")
            report.equal(error and error.sqlstate, "42501", "acting as the owner does not change what the caller may")
        finally:
            session.rows("RESET ROLE; DROP OWNED BY regress_boundary_user; DROP ROLE regress_boundary_user")
        error = session.error("SELECT probe_spi_context('SELECT 1')")
        report.line(error is None, "the memory context after statements and connections is the one before", error)


def spills(report):
    """Files that C++ objects hold are closed while the error of writing them is on its way."""
    for limit, rows, state in (("-1", 200000, None), ("0", 100, None), ("0", 20000, "53400"),
                               ("64kB", 20000, "53400"), ("1MB", 200000, "53400")):
        with open_session() as session:
            session.rows(f"SET temp_file_limit = '{limit}'")
            error = session.error("SELECT probe_spill($1)", [rows])
            session.rows("RESET temp_file_limit")
            report.equal(error and error.sqlstate, state, f"{rows} rows in an ephemeral table, temp_file_limit {limit}")
            report.line(usable(session), f"{rows} rows, temp_file_limit {limit}: no object is left",
                        session.rows("SELECT probe_live(), probe_level()"))


LIMITS = {"message": 1023, "what": 1023, "detail": 4095, "hint": 1023}


def long_texts(report):
    """The texts of a C++ error go through buffers; what does not fit is cut between two characters."""
    with open_session() as session:
        for kind, limit in LIMITS.items():
            field = "message" if kind == "what" else kind
            for letter in "xä€😀":
                wide = len(letter.encode())
                wrong = []
                for size in (*range(limit - 9, limit + 10), 2 * limit, 100000):
                    for lead in range(wide):  # puts the cut at every byte of a character
                        text = "a" * lead + letter * max(0, (size - lead) // wide)
                        error = session.error("SELECT probe_throw_text($1, $2)", [kind, text])
                        got = error.fields[field] or ""
                        fits = len(text.encode()) <= limit
                        if (got != text) if fits else not (text.startswith(got) and
                                                           limit - wide < len(got.encode()) <= limit):
                            wrong.append(f"{len(text.encode())} bytes: {len(got.encode())} bytes came back")
                report.line(not wrong, f"{kind}: text of {wide}-byte characters around the limit", *wrong[:5])
        error = session.error("SELECT probe_throw_text('what', '')")
        report.equal((error.sqlstate, error.message), (XX000, ""), "an exception without text")
        error = session.error("SELECT probe_throw_text('message', '100%s %d %n')")
        report.equal(error.message, "100%s %d %n", "a text with % is no format")
        error = session.error("SELECT probe_throw_text('hint', '100%s %d %n')")
        report.equal(error.hint, "100%s %d %n", "a hint with % is no format")
        error = session.error("SELECT long_error()")
        again = session.error("SELECT probe_nested(5, ' SELECT long_error()')")
        report.line(all(error.fields[name] == again.fields[name] for name in ("message", "detail", "hint")),
                    "texts of the server of any length pass as they are")
        report.line(usable(session), "long texts leave a session that works")


def run_all(report):
    for part in (thrown, server_errors, nested, subtransactions, spills, long_texts):
        report.run(part)
