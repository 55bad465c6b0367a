"""The commands beside the import."""

from harness import count_of, fresh, run, wait_until, write

FILE = ("userName,addRoles", "ann@example.com,buyer", "bob@example.com,byer", "cleo@example.com,approver")


def test_commands(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *FILE)
        number = run("roles.csv", "--mode", "create-and-update", "--json", "--rejected", "", place=place).json["import_id"]
        done = run("status", number)
        report.line(done.status == 0 and "completed" in done.output and "create_and_update" in done.output, "status of one", done)
        report.equal([row["id"] for row in run("status", "--json").json], [number], "of all, as JSON")
        done = run("status", 999999)
        report.line(done.status == 1 and "does not exist" in done.errors, "of one that does not exist: 1", done)
        done = run("rejected", number)
        report.line(done.status == 0 and "bob@example.com,byer" in done.output, "the rejected records", done)
        done = run("rejected", number, "-o", "out.csv", place=place)
        report.line(done.status == 0 and not done.output and "bob@" in (place / "out.csv").read_text(), "in a file", done)
        done = run("rejected", number, "-o", "no/such.csv", place=place)
        report.line(done.status == 1 and "cannot write" in done.errors, "that cannot be written: 1", done)
        done = run("roles", "ann@example.com")
        report.line(done.status == 0 and "buyer" in done.output and str(number) in done.output, "who gave a role", done)
        report.equal([row["code"] for row in run("roles", "cleo@example.com", "--json").json], ["approver"], "as JSON")
        done = run("export", "-o", "all.csv", place=place)
        report.line(done.status == 0 and len((place / "all.csv").read_text().splitlines()) == 3, "the export", done)
        report.line("2 unchanged" in run("all.csv", "--mode", "update-only", place=place).output, "comes back unchanged")
        done = run("export", "--spreadsheet")
        report.line(done.status == 0 and "_escaped" in done.output.splitlines()[0], "an export for spreadsheets", done)
        write(place / "again.csv", *FILE)
        number_of_skipped = run("again.csv", "--mode", "create-only", "--json", "--rejected", "", place=place).json["import_id"]
        done = run("skipped", number_of_skipped)
        report.line(done.status == 0 and "ann@example.com" in done.output and "bob@" not in done.output, "the skipped records", done)
        done = run("retry", number_of_skipped, "--mode", "update-only", "--json")
        report.equal((done.status, done.json["unchanged"], done.json["skipped"]), (0, 2, 0), "are tried in another mode")
        done = run("retry", number_of_skipped, "--mode", "update")
        report.line(done.status == 2 and "unknown mode" in done.errors, "in one that there is", done)
        done = run("retry", number)
        report.line(done.status == 3 and "1 rejected" in done.output, "a retry that rejects again: 3", done)
        done = run("undo", number)
        report.line(done.status == 0 and count_of(admin) == "0", "an undo", done)
        done = run("undo", number)
        report.line(done.status == 1 and "SQLSTATE 55000" in done.errors, "which can be done once: 1", done)


def test_background(report):
    with fresh() as (admin, place):
        write(place / "roles.csv", *FILE)
        done = run("roles.csv", "--mode", "create-only", "--background", "--json", place=place)
        report.equal((done.status, done.json["state"]), (0, "queued"), "it is queued")
        number = done.json["import_id"]
        wait_until(lambda: admin.value("SELECT state FROM customer_import.imports WHERE id = $1", [number]) == "completed", "it is done")
        done = run("status", number, "--follow")
        report.line(done.status == 3 and "2 created, 1 rejected" in done.output, "following one that has ended gives its result", done)
        done = run("roles.csv", "--mode", "update-only", "--background", "--follow", place=place)
        report.line(done.status == 3 and "2 unchanged, 1 rejected" in done.output and (place / "rejected.csv").exists(),
                    "followed to its end, the result is that of the foreground", done)
        done = run("undo", number, "--background", "--follow")
        report.line(done.status == 0 and "2 deleted" in done.output, "an undo in the background", done)
        done = run("cancel", number)
        report.line(done.status == 1 and "SQLSTATE 55000" in done.errors, "what has ended cannot be canceled: 1", done)
        done = run("resume", number)
        report.line(done.status == 1 and "SQLSTATE 55000" in done.errors, "what is complete cannot be resumed: 1", done)
        admin.rows("BEGIN; LOCK TABLE customers IN SHARE ROW EXCLUSIVE MODE")
        number = run("roles.csv", "--mode", "create-only", "--background", "--json", place=place).json["import_id"]
        done = run("cancel", number)
        report.line(done.status == 0 and str(number) in done.output, "one that runs can be canceled", done)
        wait_until(lambda: admin.value("SELECT state FROM customer_import.imports WHERE id = $1", [number]) == "canceled", "it has ended")
        admin.rows("ROLLBACK")
        done = run("resume", number)
        report.line(done.status == 0 and str(number) in done.output, "and resumed", done)
        wait_until(lambda: admin.value("SELECT state FROM customer_import.imports WHERE id = $1", [number]) == "completed", "it is done then")
        report.equal(count_of(admin), "2", "with all records")
