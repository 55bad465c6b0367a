"""Files that are imported and previewed, in a pipe."""

from harness import Session, count_of, fresh, run, write

HEADER = "userName,addRoles"
THREE = (HEADER, "ann@example.com,buyer", "bob@example.com,byer", 'cleo@example.com,"approver,buyer"')
GOOD = (HEADER, "ann@example.com,buyer", "dora@example.com,approver")


def test_import(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *THREE)
        done = run("roles.csv", "--mode", "create-and-update", place=place)
        report.equal(done.status, 3, "done, and a record was rejected: 3")
        for words in ("2 created, 1 rejected", "unknown_role", 'Did you mean "buyer"?', "The rejected record is in rejected.csv"):
            report.line(words in done.output, f"it says: {words}", done)
        report.equal(done.errors, "", "nothing on standard error in a short run")
        rejected = (place / "rejected.csv").read_text()
        report.line("bob@example.com,byer" in rejected and "ann@" not in rejected, "the rejected record is beside the file", rejected)
        report.equal(admin.rows("SELECT operator, mode, file_name, state FROM customer_import.imports"),
                     [("regress_client_ann", "create_and_update", "roles.csv", "completed")], "the history has it")
        report.equal(count_of(admin, "customer_import.uploads"), "0", "no upload is left")
        again = run("roles.csv", "--mode", "Create & Update", place=place)
        report.equal((again.status, (place / "rejected.csv").read_text()), (3, rejected), "an older rejected.csv is not overwritten")
        number = admin.value("SELECT max(id) FROM customer_import.imports")
        report.line((place / f"rejected-{number}.csv").exists(), "the new one has the number of the import", list(place.iterdir()))
        named = run("roles.csv", "--mode", "update-only", "--rejected", "mine.csv", place=place)
        report.line(named.status == 3 and (place / "mine.csv").exists(), "it has the name that is asked for", named)
        none = run("roles.csv", "--mode", "update-only", "--rejected", "", place=place)
        report.equal((none.status, sorted(path.name for path in place.iterdir())),
                     (3, ["mine.csv", f"rejected-{number}.csv", "rejected.csv", "roles.csv"]), "or there is none")


def test_good(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *GOOD)
        done = run(place / "roles.csv", "-m", "create_only")
        report.equal((done.status, count_of(admin)), (0, "2"), "done: 0")
        report.line(not (place / "rejected.csv").exists(), "without rejected records there is no such file")
        done = run("-", "--mode", "update-only", text="\n".join(GOOD) + "\n")
        report.line(done.status == 0 and "2 unchanged" in done.output, "standard input", done)
        report.equal(admin.value("SELECT file_name IS NULL FROM customer_import.imports ORDER BY id DESC LIMIT 1"), "t", "has no name")
        done = run("-", "--mode", "update-only", "--file-name", "from a pipe", "--no-report", text="\n".join(GOOD) + "\n")
        report.equal(admin.rows("SELECT file_name, options ->> 'send_report' FROM customer_import.imports ORDER BY id DESC LIMIT 1"),
                     [("from a pipe", "false")], "unless it is given one; no report is sent")
        done = run(write(place / "empty.csv"), "--mode", "update-only")
        report.line(done.status == 1 and "the file is empty" in done.errors, "an empty file is refused: 1", done)


def test_large(report):
    with fresh() as (admin, place):
        count = 60_000
        write(place / "large.csv", HEADER + ",company", *(f"user{number:07d}@example.com,buyer,{'x' * 60}" for number in range(count)))
        done = run("large.csv", "--mode", "create-only", "--quiet", place=place)
        report.equal((done.status, count_of(admin), done.errors), (0, str(count), ""), "a file of several chunks, quietly")
        report.equal(admin.value("SELECT file_bytes FROM customer_import.imports"), str((place / "large.csv").stat().st_size), "all of it came")


def test_forms(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *THREE)
        done = run("roles.csv", "--mode", "create-and-update", "--json", place=place)
        report.equal((done.status, done.json["created"], done.json["rejected"], done.json["rejected_file"], done.json["state"]),
                     (3, 2, 1, "rejected.csv", "completed"), "a result as JSON")
        admin.rows("TRUNCATE customers")
        done = run("roles.csv", "--mode", "create-and-update", "--preview", place=place)
        report.equal((done.status, count_of(admin)), (3, "0"), "a preview changes nothing, and ends like the import")
        for words in ("+buyer", "+approver +buyer", 'role code "byer"', "Nothing was changed."):
            report.line(words in done.output, f"it shows: {words}", done)
        done = run("roles.csv", "--mode", "create-and-update", "--preview", "--limit", "1", place=place)
        report.line("and 2 more rows" in done.output and done.status == 3, "so many rows", done)
        done = run("roles.csv", "--mode", "create-and-update", "--preview", "--json", place=place)
        report.equal((done.status, [(row["user_name"], row["outcome"], row["roles_after"]) for row in done.json]),
                     (3, [("ann@example.com", "created", ["buyer"]), ("bob@example.com", "rejected", None),
                          ("cleo@example.com", "created", ["approver", "buyer"])]), "a preview as JSON")
        done = run("roles.csv", "--mode", "create-and-update", "--preview", "--csv", place=place)
        report.line(done.status == 3 and done.output.startswith('"line","user_name"') and '"{approver,buyer}"' in done.output, "as CSV", done)
        done = run("roles.csv", "--mode", "create-and-update", "--preview", "--reject-limit", "0", place=place)
        report.line(done.status == 1 and "unprocessed" in done.output, "a preview of an import that would fail: 1", done)
        report.equal(count_of(admin, "customer_import.uploads"), "0", "no upload is left")


def test_options(report):
    with fresh() as (admin, place):
        (place / "latin.csv").write_bytes("userName;addRoles;company\nann@example.com;new;M\u00fcller\n".encode("latin-1"))
        done = run("latin.csv", "--mode", "create-only", "--delimiter", ";", "--encoding", "LATIN1", "--unknown-roles", "create", place=place)
        report.equal((done.status, admin.rows("SELECT company, roles FROM customers")), (0, [("M\u00fcller", "{new}")]), "options of the import")
        first = run("latin.csv", "--mode", "update-only", "--encoding", "LATIN1", "--request-id", "once", "--json", place=place)
        second = run("latin.csv", "--mode", "update-only", "--encoding", "LATIN1", "--request-id", "once", "--json", place=place)
        report.equal(first.json["import_id"], second.json["import_id"], "the same request is done once")
        report.line(admin.value("SELECT request_id LIKE 'customer-import-________________________________' FROM customer_import.imports"
                                " ORDER BY id LIMIT 1") == "t", "else each has an id of its own")


def test_refused(report):
    with fresh() as (admin, place):
        write(place / "bad.csv", "userNam,addRoles", "ann@example.com,buyer")
        done = run("bad.csv", "--mode", "update-only", place=place)
        report.line(done.status == 1 and "(SQLSTATE 22P04)" in done.errors and "Hint: " in done.errors and not done.output,
                    "a file that is refused: 1, with the server's hint", done)
        report.equal(count_of(admin, "customer_import.uploads"), "0", "its upload is discarded")
        done = run("bad.csv", "--mode", "update-only", place=place, user="regress_client_portal")
        report.line(done.status == 1 and "(SQLSTATE 42501)" in done.errors, "no operator: 1", done)
        write(place / "good.csv", *THREE)
        done = run("good.csv", "--mode", "create-only", "--reject-limit", "0", place=place)
        report.line(done.status == 1 and "failed" in done.output and count_of(admin) == "0", "an import that fails: 1", done)
        for words, reason in (((), "give a file"), (("good.csv",), "give --mode"), (("good.csv", "--mode", "x"), "unknown mode"),
                              (("good.csv", "--mode", "update-only", "--follow"), "--follow needs"), (("undo",), "id is required"),
                              (("good.csv", "--mode", "update-only", "--json", "--csv"), "only one of"),
                              (("good.csv", "--mode", "update-only", "--no-such"), "--no-such"), (("roles",), "user is required")):
            done = run(*words, place=place)
            report.line(done.status == 2 and reason in done.errors and not done.output, f"wrong usage, 2: {' '.join(words)}", done)
        for words in (("missing.csv", "--mode", "update-only"), (".", "--mode", "update-only")):
            done = run(*words, place=place)
            report.line(done.status == 1 and "cannot" in done.errors, f"cannot be read, 1: {words[0]}", done)
        done = run("good.csv", "--mode", "update-only", "-p", "1", place=place)
        report.line(done.status == 1 and "connection to server" in done.errors, "no server: 1", done)
        done = run("--help")
        report.line(done.status == 0 and "Examples:" in done.output and "Exit status:" in done.output, "the help", done)
        done = run("retry", "--help")
        report.line(done.status == 0 and "--mode MODE" in done.output and "--delimiter" not in done.output, "that of a command", done)
        report.line(run("--version").output.startswith("customer-import "), "the version")


def test_act_as(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *GOOD)
        for name in ("regress_client_ann", "eve"):
            done = run("roles.csv", "--mode", "create-and-update", "--act-as", name, "--unknown-roles", "reject", place=place,
                       user="regress_client_portal")
            report.line(done.status == (0 if name == "eve" else 1), f"a gateway acts as {name}", done)
        report.equal(admin.rows("SELECT operator, database_role FROM customer_import.imports"), [("eve", "regress_client_portal")],
                     "the history has the operator; a gateway acts as no administrator")
        done = run("status", "--act-as", "eve", "--json", user="regress_client_portal")
        report.equal([row["operator"] for row in done.json], ["eve"], "commands, too")
        done = run("status", "--json", user="regress_client_portal")
        report.line(done.json == [], "without an operator there is nothing", done)


def test_strange_texts(report):
    with fresh() as (_, place):
        write(place / "roles.csv", HEADER + ",\x1b[31mred", "a\x1b[2Jb,buyer,x", "bob@example.com,b\x07,x")
        done = run("roles.csv", "--mode", "create-only", place=place)
        report.line(done.status == 3 and "\x1b" not in done.output + done.errors and "\x07" not in done.output, "texts of a file do nothing to a terminal",
                    done)
        with Session() as admin:
            admin.rows("INSERT INTO customers (user_name, roles) VALUES ('w\u200bx', '{buyer}')")
        done = run("roles", "w\u200bx")
        report.line(done.status == 0 and "buyer" in done.output, "a user name of any characters", done)
