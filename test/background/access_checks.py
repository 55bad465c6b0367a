"""Checks of rights that no other part would miss: each was found by test/mutations, which takes them away one by one."""

from harness import Session, call_import, counts_of, fresh, gate, run_in_background, state, submit, wait_ended, wait_until
from own_server import cluster

CALL = "CALL customer_import.run_imports()"
FOUR = "array['customerView','customerEdit','importView','importEdit']"
RUNNING = "SELECT count(*) FROM customer_import._running_imports()"
ISSUES = "SELECT line, code, sqlstate FROM customer_import.import_issues WHERE import_id = $1 ORDER BY line"


def test_ceiling(report):
    """It is looked at before a record is written, and is that of the moment. The guard would refuse, too, by an error."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        number = submit(ann, "userName,addRoles\na,administrator\nwait1,approver\nz,buyer\n")
        holder.wait()
        admin.rows("SELECT customer_import.alter_role_code('buyer', privileged => true)")
        holder.open()
        row = wait_ended(admin, number)
        admin.rows("SELECT customer_import.alter_role_code('buyer', privileged => false)")
        report.equal((row["state"], admin.rows(ISSUES, [number])),
                     ("completed", [("2", "role_not_grantable", None), ("4", "role_not_grantable", None)]),
                     "what the ceiling refuses does not come to the table")
    with fresh() as admin, Session("regress_adm") as adm:
        row = run_in_background(admin, adm, "userName,addRoles\na,administrator\n")
        report.equal((row["state"], counts_of(row)), ("completed", (1, 0, 0, 0, 0, 0)), "an administrator's import knows none")


def test_codes_of_a_file(report):
    """An operator that loses the right to add role codes while its import is queued adds none: the file is not even read."""
    for change, what in (("active => false", "is switched off"), (f"roles => {FOUR}", "is an administrator no more")):
        with (fresh(batch_rows=1, max_running_imports=1) as admin, Session("regress_ben") as ben, Session("regress_adm") as adm,
              gate(admin, busy=True) as holder):
            first = submit(ben, "userName,addRoles\nwait1,buyer\n")
            holder.wait()
            number = submit(adm, "userName,addRoles\na,newCode\n", unknown_roles="create")
            admin.rows(f"SELECT customer_import.alter_operator('regress_adm', {change})")
            holder.open()
            row = wait_ended(admin, number)
            wait_ended(admin, first)
            admin.rows("SELECT customer_import.alter_operator('regress_adm', roles => array['administrator'], active => true)")
            report.equal((row["state"], admin.value("SELECT count(*) FROM customer_import.role_codes WHERE code = 'newCode'"),
                          admin.value("SELECT count(*) FROM customers WHERE user_name = 'a'")), ("denied", "0", "0"),
                         f"who {what} while its import waits makes no role code")


def test_made_codes(report):
    """A file can name role codes, not say that they are privileged."""
    with fresh() as admin, Session("regress_adm") as adm:
        run_in_background(admin, adm, "userName,addRoles\na,madeCode\n", unknown_roles="create")
        report.equal(admin.value("SELECT privileged FROM customer_import.role_codes WHERE code = 'madeCode'"), "f",
                     "a code that a file makes is not privileged")
        report.matches(admin.value("SELECT message || warnings::text FROM customer_import.imports"),
                       'Role code "madeCode" was added to the catalog\\. .*role code .*madeCode.* was added', "it is told")


def test_nothing_to_apply(report):
    """Rights are asked for before the file is read, not only before records are written: here none can be."""
    with (fresh(max_running_imports=1) as admin, Session("regress_ben") as ben, Session("regress_ann") as ann,
          gate(admin, busy=True) as holder):
        first = submit(ben, "userName,addRoles\nwait1,buyer\n")
        holder.wait()
        number = submit(ann, "userName,addRoles\n,buyer\n")
        admin.rows("SELECT customer_import.alter_operator('regress_ann', active => false)")
        holder.open()
        row = wait_ended(admin, number)
        wait_ended(admin, first)
        admin.rows("SELECT customer_import.alter_operator('regress_ann', active => true)")
        report.equal((row["state"], admin.rows(ISSUES, [number])), ("denied", []),
                     "the file of one who is switched off while it waits is not read")


def test_without_import_view(report):
    """An operator that may no longer view imports does not see its own, even while one runs and it may call the function."""
    with (fresh(batch_rows=1) as admin, Session("regress_ann") as ann, Session("regress_ann") as also_ann,
          gate(admin) as holder):
        ann.start(call_import("text"), ["userName,addRoles\nwait1,buyer\n", "Create & Update"])
        wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'") == "1", "it waits")
        seen = [also_ann.value(RUNNING)]
        admin.rows("SELECT customer_import.alter_operator('regress_ann',"
                   " roles => array['customerView','customerEdit','importEdit'])")
        admin.rows("GRANT EXECUTE ON FUNCTION customer_import._running_imports() TO regress_ann")
        seen.append(also_ann.value(RUNNING))
        holder.open()
        ann.finish()
        admin.rows("REVOKE EXECUTE ON FUNCTION customer_import._running_imports() FROM regress_ann")
        admin.rows(f"SELECT customer_import.alter_operator('regress_ann', roles => {FOUR})")
        report.equal(seen, ["1", "0"], "without importView nobody sees what it imports itself")


def test_gateway_that_is_an_operator(report):
    """What its sessions run for others is not shown to other sessions of the same login role."""
    with (fresh() as admin, Session("regress_web") as web, Session("regress_web") as himself, Session("regress_adm") as adm,
          gate(admin) as holder):
        admin.rows("SELECT customer_import.add_operator('regress_web', roles => array['importView'])")
        web.rows("BEGIN; SELECT customer_import.act_as('kim')")
        web.start(call_import("text"), ["userName,addRoles\nwait1,buyer\n", "Create & Update"])
        wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'") == "1", "it waits")
        seen = [session.value(RUNNING) for session in (himself, adm)]
        holder.open()
        web.finish()
        web.rows("ROLLBACK")
        admin.rows("SELECT customer_import.remove_operator('regress_web')")
        report.equal(seen, ["0", "1"], "a gateway's own operator does not see what it runs for others")


def test_of_another_database(report):
    """run_imports() does not do imports that were made in another database."""
    with cluster(max_worker_processes=0), Session() as admin, Session("regress_ann") as ann:
        number = submit(ann, "userName,addRoles\na,buyer\n")
        admin.rows("UPDATE customer_import._background_imports SET origin = '1/1'")
        ann.rows(CALL)
        report.equal((state(admin, number), admin.value("SELECT count(*) FROM customers")), ("queued", "0"),
                     "run_imports() leaves what was made in another database")


def test_renamed(report):
    """A role that was renamed is still the submitter, and a later role of its old name is not."""
    with cluster(max_worker_processes=0), Session() as admin, Session("regress_ben") as ben:
        number = submit(ben, "userName,addRoles\na,buyer\n")
        admin.rows("ALTER ROLE regress_ben RENAME TO regress_benny")
        admin.rows("CREATE ROLE regress_ben LOGIN")
        admin.rows(f"SELECT customer_import.add_operator('other', roles => {FOUR})")
        admin.rows("GRANT EXECUTE ON PROCEDURE customer_import.run_imports() TO regress_ben")
        with Session("regress_ben") as other:
            other.rows(CALL)
        report.equal((state(admin, number), admin.value("SELECT count(*) FROM customers")), ("queued", "0"),
                     "run_imports() leaves what another role of the same name submitted")
        with Session("regress_benny") as benny:
            benny.rows(CALL)
        report.equal((state(admin, number), admin.value("SELECT count(*) FROM customers")), ("completed", "1"),
                     "run_imports() does what a role submitted under another name")
