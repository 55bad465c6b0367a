"""What can be handed over: text, bytes, large objects, encodings, options; and what is stored of it."""

from harness import (ServerError, Session, adds_up, counts_of, csv, fresh, import_file, new_customers, record,
                     run_in_background, submit, submit_error, wait_ended, wait_idle, wait_until)

STORED = ("SELECT string_agg(bytes, ''::bytea ORDER BY begins_at) = $2::bytea, count(*), max(length(bytes)), min(begins_at), max(begins_at)"
          "  FROM customer_import._import_files WHERE import_id = $1")


def large_object(session, content):
    return int(session.value("SELECT lo_from_bytea(0, $1::bytea)", [content]))


def test_stored_file(report):
    with fresh() as admin, Session("regress_ann") as ann:
        mebibyte = 1 << 20
        for size, chunks in ((100, 1), (mebibyte - 1, 1), (mebibyte, 1), (mebibyte + 1, 2), (3 * mebibyte + 17, 4)):
            head, line = b"userName,company\r\n", b"one,%s\n"
            content = head
            while len(content) + 60_000 < size:
                content += line % (b"\xc3\xa4" * 25_000)
            content += line % (b"x" * (size - len(content) - len(line) + 2))
            for source, stored in (("bytea", content), ("oid", large_object(ann, content)), ("text", content.decode())):
                number = int(ann.value("SELECT import_id FROM customer_import.import_customers($1::" + source
                                       + ", 'Create & Update', background => true)", [stored]))
                row = wait_ended(admin, number)
                report.equal(admin.rows(STORED, [number, content])[0][:3], ("t", str(chunks), str(min(size, mebibyte))),
                             f"{size} bytes as {source} are stored in {chunks} chunks, byte for byte")
                report.equal((row["state"], row["file_bytes"]), ("completed", size), f"{size} bytes as {source} are imported")


def test_large_object(report):
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_ben") as ben:
        content = b"userName,addRoles\na,buyer\n"
        call = ("SELECT import_id FROM customer_import.import_customers($1::oid, 'Create & Update', background => true,"
                " unlink => $2::boolean)")
        objects = "SELECT count(*) FROM pg_largeobject_metadata WHERE oid = $1"
        kept, gone = large_object(ann, content), large_object(ann, content)
        number = int(ann.value(call, [kept, "f"]))
        report.equal(wait_ended(admin, number)["state"], "completed", "a large object is imported")
        report.equal(admin.value(objects, [kept]), "1", "it stays without unlink")
        ann.rows("BEGIN")
        number = int(ann.value(call, [gone, "t"]))
        ann.rows("ROLLBACK")
        report.equal(admin.value(objects, [gone]), "1", "a roll-back brings an unlinked one back")
        number = int(ann.value(call, [gone, "t"]))
        report.equal(admin.value(objects, [gone]), "0", "unlink removes it in the call")
        report.equal(wait_ended(admin, number)["state"], "completed", "the import does not need it any more")
        report.refused(ben.error(call, [kept, "f"]), "42501", "another's large object cannot be submitted")
        report.refused(ann.error(call, [gone, "f"]), "42704", "one that does not exist is an error of the call")
        bad = large_object(ann, b"nonsense\n")
        report.line(ann.error(call, [bad, "t"]) is not None and admin.value(objects, [bad]) == "1",
                    "a refused file stays though unlink was asked for")
        ann.rows("SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE pg_get_userbyid(lomowner) = current_user")


def test_uploads(report):
    """One call at a time appends; a large file is stored as it was sent; an old one goes with what else is old."""
    append = "SELECT customer_import.append_upload($1, $2::bytea, $3)"
    content = b"userName,company\n" + b"".join(b"up%d,%s\n" % (index, b"x" * 9000) for index in range(400))
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_ann") as other:
        for background in ("f", "t"):
            upload = ann.value("SELECT customer_import.begin_upload('up.csv', $1::boolean)", [background])
            sessions = (ann, other)
            for number, begin in enumerate(range(0, len(content), 300_000)):
                sessions[number % 2].rows(append, [upload, content[begin:begin + 300_000], begin])
            number = int(other.value("SELECT import_id FROM customer_import.import_upload($1, 'Create & Update', background => true)", [upload]))
            row = wait_ended(admin, number)
            report.equal((row["state"], counts_of(row)[:3], row["file_bytes"], row["file_name"]),
                         ("completed", (400, 0, 0) if background == "f" else (0, 0, 400), len(content), "up.csv"),
                         f"sent by two sessions and imported, background {background}")
            report.equal(admin.rows(STORED, [number, content])[0][0], "t", "its file is stored byte for byte")
        upload = ann.value("SELECT customer_import.begin_upload()")
        ann.rows("BEGIN")
        ann.rows(append, [upload, b"userName\n", 0])
        other.start(append, [upload, b"userName\na", 0])
        wait_until(lambda: admin.value("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1", [other.pid]) == "Lock", "the other one waits")
        ann.rows("COMMIT")
        try:
            error = other.finish()
        except ServerError as failure:
            error = failure
        report.refused(error, "22023", "a chunk that was sent at the same time does not fit any more", "does not fit")
        admin.rows("UPDATE customer_import.uploads SET touched_at = now() - interval '2 days'")
        run_in_background(admin, ann, csv(["x,buyer"]))
        wait_idle(admin)
        report.equal(admin.value("SELECT count(*) FROM customer_import.uploads"), "0", "an upload that is too old goes after an import")


def test_encodings(report):
    with fresh() as admin, Session("regress_ann") as ann:
        for encoding, text in (("LATIN1", "Müller"), ("WIN1252", "Löwe €"), ("SJIS", "日本"), ("UTF8", "Ünïcode")):
            codec = {"LATIN1": "latin-1", "WIN1252": "cp1252", "SJIS": "shift-jis", "UTF8": "utf-8"}[encoding]
            content = f"userName,company\nenc{encoding},{text}\n".encode(codec)
            row = run_in_background(admin, ann, content, encoding=encoding)
            found = admin.value("SELECT company FROM customers WHERE user_name = $1", [f"enc{encoding.lower()}"])
            report.equal((row["state"], found), ("completed", text), f"bytes in {encoding} are read as such")
        row = run_in_background(admin, ann, "userName\tcompany\nwide,one\tMüller 日本\nbad,one\tx\ty\n".encode("utf-16"))
        report.equal((row["state"], counts_of(row), row["encoding"], admin.value("SELECT company FROM customers WHERE user_name = 'wide,one'")),
                     ("completed", (1, 0, 0, 0, 1, 0), "UTF-16LE", "Müller 日本"), "UTF-16 is read by its byte order mark")
        row = run_in_background(admin, ann, b"userName,addRoles,company\ncodes,nonsense,\x87\x90\x81\xe0\n", encoding="SJIS")
        kept = "SELECT encode(record, 'escape') FROM customer_import.import_issues WHERE import_id = $1"
        report.equal(admin.value(kept, [row["id"]]), "codes,nonsense,\\207\\220\\201\\340", "the codes of a character are kept as they came")
        ann.rows("SELECT customer_import.retry_rejects($1, true)", [row["id"]])
        wait_idle(admin)
        report.equal(admin.value(kept, [int(row["id"]) + 1]), "codes,nonsense,\\207\\220\\201\\340", "also by a retry")
        row = run_in_background(admin, ann, b"userName,company\nlooks1,M\xfcller\n" + b"looks2,x\n" * 20000)
        report.equal((row["state"], "The file looks like WIN1252 (Excel): import it with encoding => 'WIN1252'." in row["message"],
                      admin.value("SELECT hint FROM customer_import.import_issues WHERE import_id = $1", [row["id"]])),
                     ("completed", True, "The file looks like WIN1252 (Excel): import it with encoding => 'WIN1252'."),
                     "a file in another encoding than UTF-8 is told so")
        row = run_in_background(admin, ann, "userName,company\n".encode() + b"x,y\n" * 20000 + "late,Müller\n".encode(), encoding="WIN1252")
        report.equal((row["state"], row["message"], admin.value("SELECT count(*) FROM customers WHERE user_name = 'x'")),
                     ("failed", f"Import {row['id']} failed: the file is UTF-8, not WIN1252. Nothing was applied. Put that right and try again.", "0"),
                     "a UTF-8 file that is read in another encoding fails before anything is applied")
        row = run_in_background(admin, ann, b"\xef\xbb\xbfuserName,company\nbom,x\n")
        report.equal(counts_of(row)[0], 1, "a byte order mark is dropped")
        row = run_in_background(admin, ann, b"userName,company\nbad\xff,x\ngood,y\nnul\0,z\n")
        report.equal((row["state"], counts_of(row)), ("completed", (1, 0, 0, 0, 2, 0)), "invalid bytes reject their record")
        report.equal(admin.rows("SELECT line, code, encode(record, 'escape') FROM customer_import.import_issues WHERE import_id = $1"
                                " ORDER BY line", [row["id"]]),
                     [("2", "invalid_encoding", "bad\\377,x"), ("4", "invalid_encoding", "nul\\000,z")],
                     "and are kept as they came")


def test_delimiters(report):
    with fresh() as admin, Session("regress_ann") as ann:
        for index, (content, options) in enumerate((
                ("userName;company\nd0;x,y\n", {}), ("userName\tcompany\nd1\tx,y\n", {}), ("userName|company\nd2|x,y\n", {}),
                ("sep=;\nuserName;company\nd3;x,y\n", {}), ("userName;company\nd4;x,y\n", {"delimiter": ";"}))):
            row = run_in_background(admin, ann, content, **options)
            found = admin.value("SELECT company FROM customers WHERE user_name = $1", [f"d{index}"])
            report.equal((row["state"], found), ("completed", "x,y"), f"delimiter of {content[:12]!r} {options}")


def test_unknown_roles(report):
    with fresh() as admin, Session("regress_ann") as ann, Session("regress_adm") as adm:
        content = "userName,addRoles\na,brandNew;buyer\nb,BRANDNEW\n"
        report.refused(submit_error(ann, content, unknown_roles="create"), "42501", "only administrators add role codes", "role codes")
        row = run_in_background(admin, adm, content, unknown_roles="create")
        report.equal((row["state"], counts_of(row)), ("completed", (2, 0, 0, 0, 0, 0)), "an administrator's import adds them")
        report.equal(admin.rows("SELECT user_name, roles::text FROM customers ORDER BY 1"),
                     [("a", "{brandNew,buyer}"), ("b", "{brandNew}")], "and gives them")
        report.equal(admin.value("SELECT count(*) FROM customer_import.role_codes WHERE lower(code) = 'brandnew'"), "1",
                     "the catalog has the code once")
        row = run_in_background(admin, ann, "userName,addRoles\nc,noSuchCode\n")
        report.equal(counts_of(row), (0, 0, 0, 0, 1, 0), "without the option an unknown code rejects its record")


def test_unknown_roles_in_batches(report):
    """Codes made by the check hold for each batch, and another import's are not lost."""
    with fresh(batch_rows=10) as admin, Session("regress_adm") as adm:
        content = csv(f"u{index},code{index % 7}" for index in range(100))
        row = run_in_background(admin, adm, content, unknown_roles="create")
        report.equal((row["state"], counts_of(row)[0]), ("completed", 100), "new codes in many batches")
        row = run_in_background(admin, adm, content, unknown_roles="create", reject_limit=0)
        report.equal((row["state"], counts_of(row)[2]), ("completed", 100), "the same again is unchanged")
        row = run_in_background(admin, adm, "userName,addRoles\n,x\nz,otherCode\n", unknown_roles="create", reject_limit=0)
        report.equal((row["state"], admin.value("SELECT count(*) FROM customer_import.role_codes WHERE code = 'otherCode'")),
                     ("failed", "0"), "an import that fails at the check adds no code")


def test_codes_that_nobody_got(report):
    """"A code that the import has then given to nobody … goes when the import ends", unless another import was checked against it."""
    made = "SELECT string_agg(code, ' ' ORDER BY code) FROM customer_import.role_codes WHERE created_by_import IS NOT NULL"
    with fresh(batch_rows=10) as admin, Session("regress_adm") as adm:
        run_in_background(admin, adm, "userName,addRoles\na,buyer\n")
        row = run_in_background(admin, adm, "userName,addRoles\na,skipped1\nb,given1\n", mode="Create Only", unknown_roles="create")
        report.equal((row["state"], admin.value(made)), ("completed", "given1"), "a code whose record was skipped is gone")
        row = run_in_background(admin, adm, csv(f"u{index},code{index}" for index in range(30)), unknown_roles="create", reject_limit=0)
        undo = admin.rows("SELECT import_id FROM customer_import.undo_import($1, background => true)", [row["id"]])[0][0]
        report.equal((wait_ended(admin, undo)["state"], admin.value(made)), ("completed", "given1"), "an undo takes the codes away")
        again = admin.rows("SELECT import_id FROM customer_import.undo_import($1, background => true)", [undo])[0][0]
        report.equal((wait_ended(admin, again)["state"], admin.value(f"SELECT count(*) FROM ({made.replace('string_agg(code, %s ORDER BY code)' % repr(' '), 'code')}) AS c")),
                     ("completed", "31"), "its undo brings them back")


def test_reject_limit(report):
    with fresh(batch_rows=100) as admin, Session("regress_ann") as ann:
        good = [f"u{index:05d},ok" for index in range(1000)]
        bad = [",x"] * 10
        row = run_in_background(admin, ann, csv(good + bad, "userName,company"), reject_limit=9)
        report.equal((row["state"], counts_of(row)), ("failed", (0, 0, 0, 0, 10, 1000)),
                     "passed while checking: failed, nothing applied")
        report.matches(row["message"], r"reject limit of 9 .*Nothing was applied", "its message says so")
        report.equal(admin.value("SELECT count(*) FROM customer_import.import_issues WHERE import_id = $1", [row["id"]]), "10",
                     "its issues are there")
        row = run_in_background(admin, ann, csv(good + bad, "userName,company"), reject_limit=10)
        report.equal((row["state"], counts_of(row)), ("completed", (1000, 0, 0, 0, 10, 0)), "not passed: completed")

        admin.rows("TRUNCATE customers; ALTER TABLE customers ADD CONSTRAINT v_company CHECK (company <> 'bad')")
        mixed = [f"u{index:05d},{'bad' if index >= 250 else 'ok'}" for index in range(1000)]
        row = run_in_background(admin, ann, csv(mixed, "userName,company"), reject_limit=60)
        report.equal((row["state"], counts_of(row)), ("failed", (250, 0, 0, 0, 150, 600)),
                     "passed while applying: it stops after the batch")
        report.line(adds_up(row) and row["records"] == 1000, "the counts add up", row)
        report.equal(admin.value("SELECT count(*) FROM customers"), "250", "what was committed stays")
        report.matches(row["message"], r"^Import \d+ failed: the reject limit of 60 .*250 created, 150 rejected, 600 unprocessed.*See every change",
                       "its message says what was committed")
        report.equal(ann.value("SELECT count(*) FROM customer_import.import_changes WHERE import_id = $1", [row["id"]]), "250",
                     "it is listed")


def test_reject_percent(report):
    with fresh(batch_rows=100) as admin, Session("regress_ann") as ann:
        good = [f"u{index:05d},ok" for index in range(990)]
        row = run_in_background(admin, ann, csv(good + [",x"] * 10, "userName,company"), reject_percent=0.999)
        report.equal((row["state"], counts_of(row)), ("failed", (0, 0, 0, 0, 10, 990)), "passed while checking: failed, nothing applied")
        report.matches(row["message"], r"more than 0\.999 percent of the records were rejected\. Nothing was applied", "its message says so")
        row = run_in_background(admin, ann, csv(good + [",x"] * 10, "userName,company"), reject_percent=1)
        report.equal((row["state"], counts_of(row)), ("completed", (990, 0, 0, 0, 10, 0)), "not passed: completed")
        admin.rows("TRUNCATE customers; ALTER TABLE customers ADD CONSTRAINT v_company CHECK (company <> 'bad')")
        mixed = [f"u{index:05d},{'bad' if index >= 250 else 'ok'}" for index in range(1000)]
        row = run_in_background(admin, ann, csv(mixed, "userName,company"), reject_percent=6)
        report.equal((row["state"], counts_of(row)), ("failed", (250, 0, 0, 0, 150, 600)), "passed while applying: it stops after the batch")


def test_columns(report):
    with fresh() as admin, Session("regress_ann") as ann:
        admin.rows("SELECT customer_import.add_role_codes('{vip}')")
        options = {"columns": '{"Login": ["userName", "email"], "Tags": "addRoles", "Note": null}', "role_columns": "role:"}
        result = import_file(ann, "Login,Tags,Note,Place,role:approver\na@b.c,buyer,n,p,x\nd@e.f,nobody,n,p,\n", background=True, **options)
        report.matches(result["message"], r"queued\. 1 column ignored: Place\. Follow it", "an ignored column is named when it is queued")
        row = wait_ended(admin, int(result["import_id"]))
        report.equal(counts_of(row), (1, 0, 0, 0, 1, 0), "the background knows what the headers mean")
        report.equal(admin.rows("SELECT user_name, roles::text, email FROM customers"), [("a@b.c", "{approver,buyer}", "a@b.c")],
                     "two fields from one column, and a role of a column of its own")
        report.matches(row["message"], r"1 column ignored: Place\.", "it is named at its end")
        admin.rows("SELECT customer_import.add_role_codes('{nobody}')")
        retry = wait_ended(admin, int(ann.value("SELECT import_id FROM customer_import.retry_rejects($1, background => true)", [row["id"]])))
        report.equal((retry["state"], retry["created"], retry["options"].get("role_columns")), ("completed", 1, "role:"), "a retry in the background, too")
        for wrong in ('{"Nobody": "email"}', "[]", '{"Tags": "x"}'):
            report.refused(submit_error(ann, "userName,Tags\na,b\n", columns=wrong), "22023", f"columns {wrong} are an error of the call")


def test_all_fail(report):
    with fresh(batch_rows=300) as admin, Session("regress_ann") as ann:
        admin.rows("ALTER TABLE customers ADD CONSTRAINT v_company CHECK (company <> 'bad')")
        row = run_in_background(admin, ann, csv((f"u{index},bad" for index in range(3000)), "userName,company"))
        report.equal((row["state"], counts_of(row)[:4], admin.value("SELECT count(*) FROM customers")), ("failed", (0, 0, 0, 0), "0"),
                     "the first 1,000 records fail with one SQLSTATE: failed")
        report.line(adds_up(row) and row["unprocessed"] >= 1000, "what was not reached is unprocessed", row)
        report.matches(row["message"], "23514", "its message names the SQLSTATE")


def test_little(report):
    with fresh() as admin, Session("regress_ann") as ann:
        for content, what in (("userName,addRoles\n", "header only"), ("userName,addRoles", "header without line end"),
                              ("userName,addRoles\n\n\n", "header and blank lines")):
            row = run_in_background(admin, ann, content)
            report.equal((row["state"], row["records"], counts_of(row)), ("completed", 0, (0,) * 6), f"{what}: completed, no records")
            report.matches(row["message"], "completed: no records", f"{what}: its message")
        row = run_in_background(admin, ann, "userName,addRoles\n,buyer\nx,nonsense\n")
        report.equal((row["state"], row["records"], counts_of(row)), ("completed", 2, (0, 0, 0, 0, 2, 0)),
                     "only rejected records: completed")
        report.equal(ann.value("SELECT customer_import.rejected_csv($1)", [row["id"]]).splitlines()[0],
                     "userName,addRoles,_line,_error", "they can be fetched")


def test_null_arguments(report):
    with fresh() as admin, Session("regress_ann") as ann:
        for sql, what in (("SELECT customer_import.import_customers(NULL::text, 'Create Only', background => true)", "a NULL file"),
                          ("SELECT customer_import.import_customers('userName,email'::text, NULL, background => true)", "a NULL mode")):
            report.line(ann.error(sql) is not None, f"{what} is an error of the call")
        report.refused(ann.error("SELECT customer_import.import_customers(E'userName,email\\nx,y\\n'::text, 'Create Only', background => NULL)"),
                       "22004", "background => NULL is an error, as NULL is where a value is needed")
        report.equal(admin.value("SELECT count(*) FROM customer_import._background_imports"), "0", "no import is left")


def test_options_are_kept(report):
    with fresh() as admin, Session("regress_ann") as ann:
        number = submit(ann, "userName;company\na;b\n", mode="update-only", file_name="x.csv", delimiter=";", reject_limit=7,
                        send_report=False, request_id="q")
        wait_ended(admin, number)
        row = record(admin, number)
        report.equal((row["mode"], row["file_name"], row["delimiter"], row["options"].get("reject_limit"),
                      row["options"].get("send_report"), row["request_id"], row["encoding"]),
                     ("update_only", "x.csv", ";", 7, False, "q", "UTF8"), "the options are in the history")
        number = submit(ann, new_customers(10), mode="CREATE_ONLY")
        report.equal(counts_of(wait_ended(admin, number)), (10, 0, 0, 0, 0, 0), "mode in any spelling")
        try:
            import_file(ann, "userName,company\na,b\n", background=True, unknown_roles="maybe")
            report.line(False, "a wrong unknown_roles is an error of the call")
        except ServerError as error:
            report.refused(error, "22023", "a wrong unknown_roles is an error of the call")
