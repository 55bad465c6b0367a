"""The role that a worker works as: the submitter, or a gateway that acts as an operator; and what happens without its rights."""

import re

from harness import (COUNTS, Session, adds_up, counts_of, csv, fresh, gate, import_file, record, run_in_background, submit,
                     submit_error, wait_ended, wait_until)

WHO = "SELECT DISTINCT current_name, session_name, operator, is_superuser FROM seen"
NOTE = "CREATE TRIGGER v_note AFTER INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION note_who()"
FOUR = "array['customerView','customerEdit','importView','importEdit']"


def test_submitter(report):
    with fresh() as admin, Session("regress_ann") as ann:
        admin.rows(NOTE)
        run_in_background(admin, ann, "userName,addRoles\na,buyer\nb,buyer\n")
        report.equal(admin.rows(WHO), [("regress_ann", "regress_ann", "regress_ann", "off")],
                     "a trigger sees the submitter as current_user, session_user and operator")
        admin.rows("TRUNCATE seen")
        run_in_background(admin, admin, "userName,addRoles\nc,buyer\n")
        report.equal(admin.rows(WHO)[0][:2], ("postgres", "postgres"), "a superuser's import runs as it")


def test_set_role(report):
    """The current_user at the call counts, however the session has got it."""
    with fresh() as admin, Session() as root:
        admin.rows(NOTE)
        root.rows("SET ROLE regress_ann")
        row = run_in_background(admin, root, "userName,addRoles\na,buyer\n")
        report.equal((row["operator"], row["database_role"], row["state"]), ("regress_ann", "regress_ann", "completed"),
                     "SET ROLE: the import is the role's")
        report.equal(admin.rows(WHO), [("regress_ann", "regress_ann", "regress_ann", "off")], "and runs as it, in each respect")


def test_gateway(report):
    with fresh() as admin, Session("regress_web") as web:
        admin.rows(NOTE)
        admin.rows("CREATE POLICY v_mine ON customers AS RESTRICTIVE"
                   " USING (company IS NULL OR company = (SELECT customer_import.current_operator()))")
        web.rows("BEGIN; SELECT customer_import.act_as('kim')")
        number = submit(web, "userName,company\na,kim\nb,lee\n")
        web.rows("COMMIT; BEGIN; SELECT customer_import.act_as('lee')")
        other = submit(web, "userName,company\nc,kim\nd,lee\n")
        web.rows("COMMIT")
        row, other_row = wait_ended(admin, number), wait_ended(admin, other)
        report.equal((row["operator"], row["database_role"]), ("kim", "regress_web"), "both names are recorded")
        report.equal(admin.rows(WHO + " ORDER BY operator"),
                     [("regress_web", "regress_web", "kim", "off"), ("regress_web", "regress_web", "lee", "off")],
                     "the worker is the gateway, acting as the operator")
        report.equal((counts_of(row), counts_of(other_row)), ((1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 1, 0)),
                     "a RESTRICTIVE policy sees the operator")
        report.equal(admin.rows("SELECT user_name, company FROM customers ORDER BY 1"), [("a", "kim"), ("d", "lee")],
                     "each has created what is its own")
        report.refused(submit_error(web, "userName,company\na,kim\n"), "42501", "without act_as a gateway is nobody")


def test_gateway_loses(report):
    changes = (("SELECT customer_import.revoke_gateway('regress_web')", "SELECT customer_import.grant_gateway('regress_web')", "gateway revoked"),
               ("SELECT customer_import.alter_operator('kim', active => false)", "SELECT customer_import.alter_operator('kim', active => true)",
                "operator switched off"),
               ("SELECT customer_import.alter_operator('kim', roles => array['administrator'])",
                f"SELECT customer_import.alter_operator('kim', roles => {FOUR})", "operator becomes an administrator, that it may not act as"))
    for change, back, what in changes:
        with fresh(batch_rows=1) as admin, Session("regress_web") as web, gate(admin) as holder:
            web.rows("BEGIN; SELECT customer_import.act_as('kim')")
            number = submit(web, "userName,addRoles\na,buyer\nwait1,buyer\nc,buyer\n")
            web.rows("COMMIT")
            holder.wait()
            admin.rows(change)
            holder.open()
            row = wait_ended(admin, number)
            admin.rows(back)
            report.equal(row["state"], "denied", f"{what} in the middle: denied")
            report.line(row["created"] in (1, 2) and adds_up(row), f"{what}: what was committed is listed", row)


def test_lost_in_the_middle(report):
    changes = (("roles => array['customerView']", "the rights to import"), ("roles => array[]::text[]", "all rights"),
               ("roles => array['customerView','customerEdit','importView']", "importEdit"), ("active => false", "being active"))
    for change, what in changes:
        with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, Session("regress_ben") as ben, gate(admin) as holder:
            number = submit(ann, "userName,addRoles\na,buyer\nb,buyer\nwait1,buyer\nd,buyer\ne,buyer\n")
            holder.wait()
            admin.rows(f"SELECT customer_import.alter_operator('regress_ann', {change})")
            other = submit(ben, "userName,addRoles\nf,buyer\n")
            holder.open()
            row, other_row = wait_ended(admin, number), wait_ended(admin, other)
            admin.rows(f"SELECT customer_import.alter_operator('regress_ann', roles => {FOUR}, active => true)")
            report.equal((row["state"], row["records"], adds_up(row)), ("denied", 5, True), f"without {what}: denied, the counts add up")
            report.equal(admin.value("SELECT count(*) FROM customers WHERE user_name <> 'f'"), str(row["created"]),
                         f"without {what}: what was committed stays")
            report.equal(admin.value("SELECT count(*) FROM customer_import.import_changes WHERE import_id = $1", [number]),
                         str(row["created"]), f"without {what}: and is listed")
            report.line(row["created"] in (2, 3), f"without {what}: it ends at the next batch", row)
            report.matches(row["message"], r"^Import \d+ denied: .*regress_ann.* (See every change|Ask)",
                           f"without {what}: the message says why and what next")
            report.equal(other_row["state"], "completed", f"without {what}: another's import goes on")


def test_lost_before_start(report):
    """Rights are asked for at the submission and at each batch: also at the first one."""
    with fresh(max_running_imports=1) as admin, Session("regress_ben") as ben, Session("regress_ann") as ann, gate(admin, busy=True) as holder:
        first = submit(ben, "userName,addRoles\nwait1,buyer\n")
        holder.wait()
        number = submit(ann, "userName,addRoles\na,buyer\n")
        admin.rows("SELECT customer_import.alter_operator('regress_ann', active => false)")
        holder.open()
        row = wait_ended(admin, number)
        admin.rows("SELECT customer_import.alter_operator('regress_ann', active => true)")
        report.equal((row["state"], counts_of(row)[:5]), ("denied", (0,) * 5), "lost while queued: denied, nothing applied")
        report.line(adds_up(row), "lost while queued: the counts add up", row)
        report.equal(wait_ended(admin, first)["state"], "completed", "the import before it completes")


def test_lost_privilege(report):
    """A DBA takes a privilege that the extension has granted: that is an error of the database, not a loss of rights."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        number = submit(ann, "userName,addRoles\na,buyer\nwait1,buyer\nc,buyer\n")
        holder.wait()
        admin.rows("REVOKE INSERT ON customers FROM regress_ann")
        holder.open()
        row = wait_ended(admin, number)
        admin.rows("GRANT INSERT ON customers TO regress_ann")
        report.line(row["state"] in ("failed", "denied") and re.search("permission|42501", row["message"]) and adds_up(row),
                    "a privilege revoked by hand ends the import in a clear state", row)


def test_ceiling(report):
    """The grant ceiling holds in the background, also for what becomes privileged in the middle."""
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, gate(admin) as holder:
        number = submit(ann, "userName,addRoles\na,buyer\nwait1,buyer\nx,buyer\n,buyer\ny,administrator\nregress_ann,buyer\n")
        holder.wait()
        admin.rows("SELECT customer_import.alter_role_code('buyer', privileged => true)")
        holder.open()
        row = wait_ended(admin, number)
        admin.rows("SELECT customer_import.alter_role_code('buyer', privileged => false)")
        report.equal(row["state"], "completed", "codes that become privileged do not end the import")
        report.line(row["created"] == 2 and row["rejected"] == 4 and adds_up(row), "records after that are rejected",
                    dict((name, row[name]) for name in COUNTS))
        report.equal(admin.rows("SELECT line, code FROM customer_import.import_issues WHERE import_id = $1 ORDER BY line", [number]),
                     [("4", "role_not_grantable"), ("5", "missing_user_name"), ("6", "role_not_grantable")] + [("7", "role_not_grantable")] * 2,
                     "as role_not_grantable, one issue for each fault")


def test_who_may(report):
    with fresh() as admin:
        for user in ("regress_vic", "regress_viv", "regress_out"):
            with Session(user) as session:
                report.refused(submit_error(session, "userName,addRoles\na,buyer\n"), "42501", f"{user} cannot submit")
                report.refused(session.error("CALL customer_import.run_imports()"), "42501", f"{user} cannot run imports")
                report.refused(session.error("SELECT customer_import.cancel_import(1)"), "42501", f"{user} cannot cancel")
                report.refused(session.error("SELECT customer_import.purge_imports('1 day')"), "42501", f"{user} cannot purge")
                report.refused(session.error("SELECT customer_import.release_restored()"), "42501", f"{user} cannot release")
        report.equal(admin.value("SELECT count(*) FROM customer_import.imports"), "0", "nothing was stored")
        with Session("regress_adm") as adm:
            report.refused(adm.error("SELECT customer_import.release_restored()"), "42501", "an administrator of the portal cannot release")
            report.equal(import_file(adm, "userName,addRoles\na,buyer\n", background=True)["state"], "queued", "an administrator can submit")


def test_hidden_customers(report):
    """RESTRICTIVE policies hide customers from the worker as from the submitter."""
    with fresh() as admin, Session("regress_ann") as ann:
        admin.rows("INSERT INTO customers (user_name, company) VALUES ('seen', 'mine'), ('hidden', 'theirs');"
                   "CREATE POLICY v_mine ON customers AS RESTRICTIVE TO regress_ann USING (company = 'mine')")
        content = csv(("seen,buyer,", "hidden,buyer,", "new,buyer,mine", "new2,buyer,theirs"), "userName,addRoles,company")
        row = run_in_background(admin, ann, content)
        report.equal(counts_of(row), (1, 1, 0, 0, 2, 0), "a hidden customer is rejected")
        report.equal(admin.rows("SELECT line, code FROM customer_import.import_issues WHERE import_id = $1 ORDER BY 1", [row["id"]]),
                     [("3", "not_permitted"), ("5", "not_permitted")], "as not_permitted")
        row = run_in_background(admin, ann, content, mode="Update Only")
        report.equal(admin.rows("SELECT line, code FROM customer_import.import_issues WHERE import_id = $1 ORDER BY 1", [row["id"]]),
                     [("3", "not_found"), ("5", "not_found")], "in Update Only as not_found")
        report.equal(admin.value("SELECT roles::text FROM customers WHERE user_name = 'hidden'"), "{}", "it is not touched")


def test_other_imports_go_on(report):
    """Whatever becomes of one import, those of others complete."""
    with fresh(batch_rows=1, max_running_imports=2, longest_wait="2s") as admin, Session("regress_ann") as ann, Session("regress_ben") as ben:
        admin.rows("CREATE FUNCTION v_dies() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.user_name LIKE 'die%' THEN"
                   " PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$;"
                   "CREATE TRIGGER v_dies BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION v_dies()")
        bad = submit(ann, "userName,addRoles\nfirst,buyer\ndie1,buyer\nlast,buyer\n")
        good = [submit(ben, f"userName,addRoles\ngood{index},buyer\n") for index in range(5)]
        report.equal([wait_ended(admin, number)["state"] for number in good], ["completed"] * 5,
                     "a worker that dies again and again does not stop others")
        wait_until(lambda: record(admin, bad)["finished_at"] is not None, "it is given up")
        row = record(admin, bad)
        report.equal((row["state"], row["created"], adds_up(row)), ("failed", 1, True),
                     "it is given up in the end, with what was committed")
        report.matches(row["message"], r"^Import \d+ failed: it has waited longer .*: its worker was ended", "its message says why")
        admin.rows("DROP FUNCTION v_dies() CASCADE")


def test_lost_in_the_last_batch(report):
    """`denied`: the right is asked for again before the end. In the foreground nothing is applied; in the background what was committed before
    stays."""
    content = csv(["a,buyer", "b,buyer", "c,buyer", "wait1,buyer"])
    lose = "SELECT customer_import.alter_operator('regress_ann', roles => '{customerView,importView}')"
    regain = "SELECT customer_import.alter_operator('regress_ann', roles => '{customerView,customerEdit,importView,importEdit}')"
    for background in (False, True):
        with fresh(batch_rows=2) as admin, gate(admin) as holder, Session("regress_ann") as ann:
            try:
                if background:
                    submit(ann, content)
                    holder.wait()
                else:
                    ann.start("SELECT customer_import.import_customers($1::text, 'Create Only')", [content])
                    wait_until(lambda: admin.value(f"SELECT wait_event FROM pg_stat_activity WHERE pid = {ann.pid}") == "advisory", "it waits")
                admin.rows(lose)
                holder.open()
                if not background:
                    ann.finish()
                number = admin.value("SELECT max(id) FROM customer_import.imports")
                row = wait_ended(admin, number)
                committed = 2 if background else 0
                report.equal((row["state"], counts_of(row)), ("denied", (committed, 0, 0, 0, 0, 4 - committed)),
                             f"{'background' if background else 'foreground'}: denied, though the right was lost in the last batch")
                report.equal(admin.value("SELECT count(*) FROM customers"), str(committed), "and the batch is taken back")
            finally:
                admin.rows(regain)
