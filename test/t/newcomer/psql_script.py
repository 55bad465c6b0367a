"""scripts/customer_import.psql."""

import tempfile
from pathlib import Path

from newcomer.harness import ROOT, Database, check, check_equal

SCRIPT = ROOT / "scripts/customer_import.psql"


def test_psql_script():
    with Database("psql_script") as database, tempfile.TemporaryDirectory() as folder:
        database.psql("CREATE EXTENSION customer_import; SELECT customer_import.create_customers_table();"
                      "SELECT customer_import.add_role_codes('{buyer,approver}');")

        def import_file(content, *variables, name="my roles.csv", mode="Create & Update"):
            arguments = ["psql", "--no-psqlrc"]
            if content is not None:
                Path(folder, name).write_bytes(content)
                arguments += ["-v", f"file={name}"]
            if mode is not None:
                arguments += ["-v", f"mode={mode}"]
            for variable in variables:
                arguments += ["-v", variable]
            return database.run([*arguments, "-f", SCRIPT], cwd=folder)

        def check_refused(result, message, name):
            check(result.returncode != 0, f"{name}: the exit status tells", result.stdout)
            check(message in result.stdout, f"{name}: the message tells", result.stdout)
            check_equal(database.large_objects(), "0", f"{name}: no large object is left")

        check_refused(import_file(None), "no file is given", "without a file")
        check_refused(import_file(b"userName,addRoles\nann,buyer\n", mode=None), "no import mode is given", "without a mode")
        check_refused(import_file(b"userName,addRoles\nann,buyer\n", mode="Upsert"), "invalid import mode", "with a wrong mode")
        check_refused(import_file(b"userName,adRoles\nann,buyer\n"), 'Did you mean "addRoles"?', "with a refused file")
        check_refused(import_file(b'userName,addRoles\nann,"buyer\n'), "never closed", "with an open quote")
        check_refused(import_file(b"userName,addRoles\nann,buyer\n", "reject_limit=x"), "bigint", "with a wrong reject_limit")
        check_equal(database.query("SELECT count(*) FROM customer_import.imports"), "0", "a refused file leaves no history")
        Path(folder, "my roles.csv").unlink()
        check_refused(database.run(["psql", "--no-psqlrc", "-v", "file=my roles.csv", "-v", "mode=Create Only",
                                    "-f", SCRIPT], cwd=folder), "No such file", "with no such file")

        result = import_file("userName,addRoles,lastName\nann,buyer,Müller\nbob,byer,\n".encode())
        check(result.returncode == 0, "a good file is imported", result.stdout)
        check("created     | 1" in result.stdout and "rejected    | 1" in result.stdout, "its result is shown", result.stdout)
        check('Did you mean "buyer"?' in result.stdout, "its rejected record is shown with the reason", result.stdout)
        check_equal(database.query("SELECT file_name FROM customer_import.imports"), "my roles.csv", "its name is kept")
        check_equal(database.large_objects(), "0", "a good file leaves no large object")

        result = import_file(b"userName,addRoles\ncleo,buyer\n", "dry_run=on")
        check(result.returncode == 0 and "Dry run: 1 created" in result.stdout, "it can be tried", result.stdout)
        check_equal(database.query("SELECT count(*) FROM customers WHERE user_name = 'cleo'"), "0", "nothing is changed then")
        check_equal(database.large_objects(), "0", "nor is a large object left")
        result = import_file(b"userName,addRoles\ncleo,buyer\n", "background=on", "file_name=sheet of Monday")
        check(result.returncode == 0 and "queued" in result.stdout, "it can be left to the background", result.stdout)
        number = database.query("SELECT max(id) FROM customer_import.imports")
        database.psql(f"CALL customer_import.wait_for_import({number});")
        check_equal(database.query(f"SELECT file_name, state, created FROM customer_import.imports WHERE id = {number}"), "sheet of Monday|completed|1",
                    "where it completes, under the name that was given")
        check_equal(database.large_objects(), "0", "and leaves no large object")
        database.psql("DELETE FROM customers WHERE user_name = 'cleo';")

        result = import_file("userName;lastName\nann;M\u00fcnch\n".encode("latin-1"), "delimiter=;", "encoding=LATIN1")
        check(result.returncode == 0, "delimiter and encoding can be given", result.stdout)
        check_equal(database.query("SELECT last_name FROM customers"), "Münch", "and are used")
        result = import_file(b"userName,addRoles\nann,newCode\n", "unknown_roles=create")
        check_equal(database.query("SELECT 'newCode' = ANY (roles) FROM customers"), "t", "unknown_roles can be given")

        result = import_file(b"Who,Tags,role:buyer\nann,newCode,x\n", 'columns={"Who": "userName", "Tags": "addRoles"}', "role_columns=role:",
                             "reject_percent=50")
        check(result.returncode == 0 and "rejected    | 0" in result.stdout, "what headers mean can be given", result.stdout)
        result = import_file(b"userName,addRoles\nann,newCode\nbob,other\n", "reject_percent=49")
        check("more than 49 percent" in result.stdout, "and a share of rejected records", result.stdout)

        many = "".join(f"user{number},nothing\n" for number in range(60))
        result = import_file(f"userName,addRoles\n{many}".encode())
        check("and 10 more: SELECT" in result.stdout, "after 50 issues it says how many more there are", result.stdout)
        check("user49" not in result.stdout and result.stdout.count("unknown_role") == 50, "and shows 50", result.stdout)

        result = import_file(f"userName,addRoles\nnew,buyer\n{many}".encode(), "reject_limit=3")
        check(result.returncode != 0, "a failed import is told by the exit status", result.stdout)
        check("failed" in result.stdout, "and by its state", result.stdout)
        check_equal(database.query("SELECT count(*) FROM customers WHERE user_name = 'new'"), "0", "and nothing is applied")
        check_equal(database.large_objects(), "0", "a failed import leaves no large object")
