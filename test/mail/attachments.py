"""The attachment is safe in a spreadsheet program, bounded, and imports exactly as the rejected records do."""

import csv
import io

from harness import ANN, Client, claim, fresh, import_as, run_import

FIELDS = ("userName", "addRoles", "email", "firstName", "lastName", "phone", "company")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
PIECES = ("=1+1", "+49 30 1234", "-", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "'", "''", "'=1", "'+", "\t=1", " =1", "\ufeff",
          "\"", "\"\"", ",",
          ";", "|", "\t", "\n", "\r\n", "\r", "line\nbreak", "＝1", "＋1", "＠x", "ä", "Łódź", "🦆", "\u202e", "<b>", "a" * 300,
          "_escaped", "_line", "NULL", "\\N", "0", " ", "x", "\\", "%", "{}", "$1", "Bcc: x@y.z", "\u2028", "\x01")
LATIN_PIECES = tuple(piece for piece in PIECES if piece.isascii()) + ("ä", "ß", "Ñ", "\xa0", "ÿ")
SEPARATORS = (",", ";", "\t", "|")

# Records come back with other line numbers and after each other: what matters is what became of each.
OUTCOME = """SELECT s.outcome, s.code, s.column_name, s.value, s.message, s.sqlstate
    FROM customer_import.import_issues AS s WHERE s.import_id = %s ORDER BY s.line, s.issue_number"""
SHOWN = "userName", "email", "first_name", "last_name", "phone", "company"


def write(records, delimiter=",", header=FIELDS, end="\n", bom=False):
    def cell(text):
        plain = not any(special in text for special in "\"\r\n" + delimiter)
        return text if plain else '"' + text.replace('"', '""') + '"'
    return ("\ufeff" if bom else "") + "".join(delimiter.join(map(cell, row)) + end for row in (header, *records))


def random_cell(chance, pieces):
    return "".join(chance.choice(pieces) for _ in range(chance.choice((0, 1, 1, 1, 2, 3))))


def random_records(chance, count, pieces):
    """Records that are all rejected, for an unknown role; some for more than that."""
    records = []
    for index in range(count):
        cells = [random_cell(chance, pieces) for _ in FIELDS]
        cells[0] = f"u{index}" if chance.random() < 0.8 else random_cell(chance, pieces)
        cells[1] = "nonsense" if chance.random() < 0.7 else random_cell(chance, pieces) + ";nonsense"
        records.append(cells)
    return records


def attachment_of(mailer):
    row = claim(mailer)
    return (bytes(row["attachment"]) if row["attachment"] is not None else None), row["attachment_note"], row["report"]


def parts_read(session):
    """How many pages of large records were read so far."""
    session.rows("SELECT pg_stat_force_next_flush()")
    return session.value("SELECT toast_blks_read + toast_blks_hit FROM pg_statio_all_tables"
                         " WHERE relid = 'customer_import.import_issues'::regclass")


def unsafe_cells(content, delimiter):
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter))
    return [cell for row in rows for cell in row if cell.startswith(FORMULA_STARTS)], rows


def result(session, data, mode, **options):
    """What an import of these bytes does: issues and the customers after it. All is undone."""
    session.rows("BEGIN")
    try:
        done = run_import(session, data, mode, send_report=False, **options)
        issues = session.rows(OUTCOME, [done["import_id"]])
        customers = session.rows("SELECT to_jsonb(c) - 'created_at' - 'updated_at' FROM public.customers AS c"
                                 " ORDER BY user_name")
        return done["records"], done["created"], done["updated"], done["rejected"], issues, customers
    finally:
        session.rows("ROLLBACK")


def is_utf8(data):
    """Whether bytes that are not all ASCII are UTF-8."""
    try:
        return not data.decode("utf-8").isascii()
    except UnicodeDecodeError:
        return False


def test_property(report):
    chance = report.random_source("MAIL_SEED")
    equal = unsafe = imported = total = 0
    wrong = []
    with fresh() as admin, Client("regress_mail_mailer") as mailer, Client(ANN) as session:
        for number in range(24):
            latin = number % 3 == 2
            delimiter = chance.choice(SEPARATORS)
            encoding = "latin-1" if latin else "utf-8"
            data = b""
            while not data or latin and is_utf8(data):  # by chance; it would be refused as that
                records = random_records(chance, chance.choice((1, 3, 20, 40)), LATIN_PIECES if latin else PIECES)
                content = write(records, delimiter, end=chance.choice(("\n", "\r\n")), bom=not latin and chance.random() < 0.3)
                data = content.encode(encoding)
            options = {"delimiter": delimiter, **({"encoding": "LATIN1"} if latin else {})}
            done = run_import(session, data, "Create & Update", **options)
            total += done["records"]
            attachment, note, _ = attachment_of(mailer)
            if attachment is None:
                wrong.append(f"no attachment: {data!r}")
                continue
            found, rows = unsafe_cells(attachment, delimiter)
            unsafe += len(found)
            plain = bytes(session.value("SELECT customer_import.rejected_csv_bytes(%s)", [done["import_id"]]))
            text = session.value("SELECT customer_import.rejected_csv(%s)", [done["import_id"]]).encode()
            # What was refused is now known, so that the records reach the table.
            admin.rows("SELECT customer_import.add_role_codes('{nonsense}')")
            try:
                expected = result(session, plain, "Create & Update", **options)
                actual = result(session, attachment, "Create & Update", delimiter=delimiter)
                # So does the file for people, whose records are not marked: what is no text in the one is none in the other.
                file = result(session, text, "Create & Update", delimiter=delimiter)
            finally:
                admin.rows("SELECT customer_import.remove_role_codes('{nonsense}')")
            imported += expected[1]
            equal += expected == actual == file
            if file != actual:
                wrong.append(first_difference(actual, file) + f"\nfile: {data!r}\nrejected_csv: {text!r}")
            if expected != actual:
                wrong.append(first_difference(expected, actual) + f"\nfile: {data!r}\nattachment: {attachment!r}")
            if note is not None or len(rows) != done["rejected"] + 1:
                wrong.append(f"{len(rows) - 1} rows of {done['rejected']}, note {note}")
        report.line(equal == 24 and not wrong,
                    f"{equal} of 24 files of {total} records: the attachment does what the rejected"
                    f" records do ({imported} customers)", *wrong[:4])
        report.equal(unsafe, 0, "no cell of an attachment begins as a formula")
        report.line(total > 200 and imported > 100, "the files were not too easy", total, imported)


def first_difference(expected, actual):
    for one, other in zip(expected[:4], actual[:4]):
        if one != other:
            return f"counts {expected[:4]} {actual[:4]}"
    for one, other in zip(expected[4] + expected[5], actual[4] + actual[5]):
        if one != other:
            return f"{one!r} <> {other!r}"
    return "lengths differ"


def test_again_and_again(report):
    """The attachment of an imported attachment is the same again but for the lines' numbers."""
    with fresh(), Client("regress_mail_mailer") as mailer, Client(ANN) as session:
        data = write([["=a", "nonsense", "'b", "'=c", "''=d", "+1", "@x"], ["u2", "nonsense", "\t1", "-", "'", "＝", ""]])
        made = []
        for _ in range(3):
            run_import(session, data)
            data = attachment_of(mailer)[0]
            made.append([[row[:8] for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))]])
        report.equal(made[1:], made[:1] * 2, "escapes do not pile up")
        report.equal(made[0][0][1][0], "'=a", "a formula is escaped by one apostrophe")
        report.equal(made[0][0][1][3], "'=c", "a cell that begins with an apostrophe is left alone")


def test_without_escapes(report):
    with fresh(), Client("regress_mail_mailer") as mailer, Client(ANN) as session:
        run_import(session, "userName;addRoles\nö;nonsense\n", delimiter=";")
        content = attachment_of(mailer)[0]
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
        report.line(content.startswith(b"\xef\xbb\xbf"),
                    "the attachment begins with a BOM: spreadsheet programs read UTF-8 then")
        report.equal((rows[0], rows[1][:4]), (["userName", "addRoles", "_escaped", "_line", "_error"],
                                                           ["ö", "nonsense", "", "2"]), "columns for line, error and escapes")


def test_broken_records(report):
    """Records that are no CSV, or have too many fields or too few, or invalid bytes, stay refused."""
    data = (b"userName,addRoles\n=a,nonsense,x,y\nb,\"c\"d,nonsense\n\xff\xfe=,nonsense\n+onlyone\n-a,\"b\"c\n@x,\n"
            b"\"=q\"\"\",nonsense\nr\r'=s\rt,buyer,\ru\n")
    with fresh(), Client("regress_mail_mailer") as mailer, Client(ANN) as session:
        done = run_import(session, data)
        content = attachment_of(mailer)[0]
        found, rows = unsafe_cells(content, ",")
        report.equal((found, len(rows)), ([], done["rejected"] + 1), "records that are no CSV are attached safely, each once")
        plain = bytes(session.value("SELECT customer_import.rejected_csv_bytes(%s)", [done["import_id"]]))
        expected, actual = (result(session, file, "Create & Update") for file in (plain, content))
        report.equal((actual[:4], actual[5]), (expected[:4], expected[5]),
                     "imported as they are, they are refused once more, and make no customers")


def test_header_formula(report):
    with fresh(), Client("regress_mail_mailer") as mailer:
        import_as(ANN, "userName,addRoles,=evil()\na,nonsense,x\n")
        content = attachment_of(mailer)[0]
        report.equal(unsafe_cells(content, ",")[0], [], "nor is a header a formula")


def test_size(report):
    limit = 5 * 1024 * 1024
    with fresh() as admin, Client("regress_mail_mailer") as mailer, Client(ANN) as session:
        filler = "x" * 3000
        data = "userName,addRoles,company\n" + "".join(f"u{n},nonsense,{n} {filler}\n" for n in range(2000))
        done = run_import(session, data)
        content, note, _ = attachment_of(mailer)
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
        report.line(0.9 * limit < len(content) <= limit, "a large attachment is cut at 5 MB", len(content))
        report.equal([row[0] for row in rows[1:]], [f"u{n}" for n in range(len(rows) - 1)], "between records, in file order")
        report.matches(note, rf"first {len(rows) - 1:,} of 2,000 rejected records.*rejected_csv\({done['import_id']}\)",
                       "and the note says how many are in it and where all are")
        filler = "x" * 1000000
        done = run_import(session, "userName,addRoles,company\n" + "".join(f"u{n},nonsense,{filler}{n}\n" for n in range(9)))
        admin.rows("INSERT INTO customer_import.import_issues (import_id, line, issue_number, outcome, code, message, record)"
                   " SELECT import_id, line + 1000 * n, 1, outcome, code, message, record"
                   "   FROM customer_import.import_issues, generate_series(1, 50) AS n WHERE import_id = %s", [done["import_id"]])
        before = parts_read(mailer)
        content, note, _ = attachment_of(mailer)
        read = parts_read(mailer) - before
        report.line(len(content) <= limit and content.count(b",nonsense,") in (4, 5) and "of 459 rejected" in note,
                    "so is one of few records", len(content), note)
        report.line(0 < read < 9 * 50, "records that are not attached are not read", read)
