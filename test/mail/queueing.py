"""Which imports put a message into the outbox, to which address, and when."""

from harness import (ADA, ADDRESS, ANN, BEN, CHANNEL, GOOD, MIXED, WEB, Client, create_database, drop_database, fresh,
                     import_as, message_of, run_import, states, wait_until)


def test_one_message_an_import(report):
    with fresh() as admin:
        for csv, mode, what in ((MIXED, "Create & Update", "an import with rejected records"),
                                (GOOD, "Create & Update", "an import without"),
                                ("userName,addRoles\nnobody,buyer\n", "Update Only", "an import that changes nothing")):
            done = import_as(ANN, csv, mode)
            row = message_of(admin, done["import_id"])
            report.equal((row["recipient"], row["operator"], row["state"], row["attempts"], row["fence"], row["message"]),
                         (ADDRESS, ANN, "queued", 0, 0, None), f"{what} puts one message into the outbox")
            report.line("report" not in done["message"], f"{what}: its message does not speak of the report",
                        done["message"])
        report.equal(states(admin), {"queued": 3}, "three imports, three messages")


def test_no_message(report):
    with fresh() as admin:
        done = import_as(ANN, send_report=False)
        report.equal(message_of(admin, done["import_id"]), None, "send_report => false: no message")
        report.line("report" not in done["message"], "send_report => false: nothing is said about it", done["message"])
        done = import_as(BEN)
        report.equal(message_of(admin, done["import_id"]), None, "an operator without an address: no message")
        report.matches(done["message"], "No report is sent: operator .* has no e-mail address", "its import says so")
        report.equal(admin.value("SELECT message FROM customer_import.imports WHERE id = %s", [done["import_id"]]),
                     done["message"], "and so does the history")
        done = run_import(admin)
        report.equal(message_of(admin, done["import_id"]), None, "a superuser who is no operator: no message")
        report.equal("report" in done["message"], False, "nor a word of it: nobody expects one")
        with Client(ANN) as session:
            error = session.error("SELECT customer_import.import_customers(%s, 'No Such Mode')", [GOOD])
        report.equal((error is not None, states(admin)), (True, {}), "a call that is refused leaves no message")


def test_refused_file(report):
    with fresh() as admin:
        with Client(ANN) as session:
            error = session.error("SELECT customer_import.import_customers(%s, 'Create & Update')",
                                  ["userName,addRoles\nmia,\"buyer\n"])
        report.equal((error, states(admin)), ("22P04", {}), "a file that the call refuses leaves no message")
        done = import_as(ANN, "userName,addRoles\na,nonsense\nb,nonsense\n", reject_limit=0, background=True)
        row = wait_until(lambda: message_of(admin, done["import_id"]), "an import over its reject limit is reported")
        state = admin.value("SELECT state FROM customer_import.imports WHERE id = %s", [done["import_id"]])
        report.line(state not in ("queued", "checking", "running", "completed") and row["state"] == "queued",
                    "a failed import in the background is reported too", state)


def test_rolled_back(report):
    with fresh() as admin, Client(ANN) as session, Client() as listener:
        listener.rows(f"LISTEN {CHANNEL}")
        session.rows("BEGIN")
        run_import(session)
        report.equal(states(admin), {}, "a message is not there before its import commits")
        session.rows("ROLLBACK")
        report.equal(states(admin), {}, "a rolled-back import leaves no message")
        session.rows("BEGIN; SAVEPOINT s")
        run_import(session)
        session.rows("ROLLBACK TO SAVEPOINT s; COMMIT")
        listener.rows("SELECT 1")
        report.equal((states(admin), listener.notifications()), ({}, []),
                     "an import in a rolled-back savepoint leaves no message and no notification")


def test_frozen_recipient(report):
    with fresh() as admin:
        done = import_as(ANN)
        admin.rows("SELECT customer_import.alter_operator(%s, email => 'new@example.com')", [ANN])
        try:
            report.equal(message_of(admin, done["import_id"])["recipient"], ADDRESS,
                         "a new address of the operator does not redirect what is in the outbox")
            later = import_as(ANN)
            report.equal(message_of(admin, later["import_id"])["recipient"], "new@example.com",
                         "later imports go to the new one")
        finally:
            admin.rows("SELECT customer_import.alter_operator(%s, email => %s)", [ANN, ADDRESS])
        with Client(ANN) as session:
            session.rows("BEGIN")
            done = run_import(session, "userName,addRoles,email\nmia,buyer,evil@example.net\n")
            session.rows("COMMIT")
        report.equal(message_of(admin, done["import_id"])["recipient"], ADDRESS, "an address in the file is no recipient")


def test_acted_operator(report):
    with fresh() as admin, Client(WEB) as session:
        session.rows("BEGIN")
        session.rows("SELECT customer_import.act_as(%s)", [ADA])
        done = run_import(session)
        session.rows("COMMIT")
        row = message_of(admin, done["import_id"])
        report.equal((row["operator"], row["recipient"]), (ADA, "ada@example.com"),
                     "through a gateway the report goes to the operator who is acted")


def test_background(report):
    with fresh() as admin, Client() as listener:
        listener.rows(f"LISTEN {CHANNEL}")
        done = import_as(ANN, background=True)
        row = wait_until(lambda: message_of(admin, done["import_id"]), "the message of an import in the background")
        state = admin.value("SELECT state FROM customer_import.imports WHERE id = %s", [done["import_id"]])
        report.equal((row["recipient"], state), (ADDRESS, "completed"),
                     "an import in the background puts a message into the outbox, with its end")
        heard = wait_until(listener.notifications, "a notification")
        report.equal(heard, [(CHANNEL, str(row["id"]))], "and wakes the mailer with the id of the message")
        done = import_as(BEN, background=True)
        text = wait_until(lambda: admin.value("SELECT message FROM customer_import.imports WHERE id = %s"
                                              " AND finished_at IS NOT NULL", [done["import_id"]]), "the end of the import")
        report.matches(text, "No report is sent: operator .* has no e-mail address",
                       "in the background, too, an import says that nobody is told")
        report.equal(message_of(admin, done["import_id"]), None, "and makes no message")


def test_canceled_background(report):
    with fresh() as admin, Client(ANN) as session, Client() as blocker:
        run_import(session, GOOD, send_report=False)
        blocker.rows("BEGIN; SELECT FROM public.customers FOR UPDATE")
        admin.rows(f"ALTER ROLE {ANN} SET customer_import.batch_rows = 1")
        with Client(ANN) as other:
            done = run_import(other, "userName,addRoles\nmia,approver\nnoa,buyer\nole,buyer\n", background=True)
        wait_until(lambda: admin.value("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                       " AND backend_type LIKE 'customer_import %')"), "a worker waits for a customer")
        session.rows("SELECT customer_import.cancel_import(%s)", [done["import_id"]])
        blocker.rows("ROLLBACK")
        admin.rows(f"ALTER ROLE {ANN} RESET customer_import.batch_rows")
        state = wait_until(lambda: admin.value("SELECT state FROM customer_import.imports WHERE id = %s"
                                               " AND finished_at IS NOT NULL", [done["import_id"]]),
                           "the canceled import ends")
        row = message_of(admin, done["import_id"])
        report.line(state != "completed" and row is not None and row["recipient"] == ADDRESS,
                    f"an import that was canceled ({state}) is reported", row)


def test_notification(report):
    with fresh() as admin, Client(ANN) as session, Client() as listener:
        listener.rows(f"LISTEN {CHANNEL}")
        session.rows("BEGIN")
        first, second = run_import(session), run_import(session)
        listener.rows("SELECT 1")
        report.equal(listener.notifications(), [], "no notification before the commit")
        session.rows("COMMIT")
        expected = [(CHANNEL, str(message_of(admin, done["import_id"])["id"])) for done in (first, second)]
        heard = []
        wait_until(lambda: heard.extend(listener.notifications()) or len(heard) >= 2, "two notifications")
        report.equal(heard, expected, "after it one for each message, with its id")
        run_import(session, send_report=False)
        listener.rows("SELECT 1")
        report.equal(listener.notifications(), [], "none where there is no message")


def test_dropped_and_detached(report):
    """What has become of operator, table or role codes since does not hold up the queue."""
    name = "regress_mail_detached"
    create_database(name)
    try:
        with Client(database=name) as admin:
            for change in ("SELECT customer_import.alter_operator('{0}', active => false)",
                           "SELECT customer_import.remove_operator('{0}')",
                           "SELECT customer_import.remove_role_codes('{{approver}}')",
                           "SELECT customer_import.detach_customers_table()", "DROP TABLE public.customers CASCADE"):
                if admin.value("SELECT to_regclass('public.customers') IS NOT NULL"
                               " AND EXISTS (SELECT FROM customer_import.operators WHERE name = %s AND active)", [ANN]):
                    with Client(ANN, name) as session:
                        run_import(session)
                else:
                    admin.rows("UPDATE customer_import.email_outbox SET state = 'queued', next_attempt_at = now()")
                error = admin.error(change.format(ANN))
                report.equal(error, None, f"{change.format(ANN)} while a message waits")
                row = admin.record("SELECT * FROM customer_import.claim_message()")
                report.line(row and row["report"] and row["attachment"], "the message can still be claimed", row)
    finally:
        drop_database(name)


def test_retention(report):
    """Records that are not kept any more do not hold up the queue."""
    with fresh() as admin:
        done = import_as(ANN)
        kept = import_as(ANN)
        admin.rows("UPDATE customer_import.imports SET finished_at = now() - interval '9 days' WHERE id = %s",
                   [done["import_id"]])
        with Client() as session:
            session.rows("SET customer_import.retention = '1d'")
            session.rows("CALL customer_import.run_imports()")
        emptied = admin.value("SELECT emptied_at FROM customer_import.imports WHERE id = %s", [done["import_id"]])
        if emptied is None:  # how it is set off is the business of other suites
            admin.rows("UPDATE customer_import.imports SET emptied_at = now() WHERE id = %s;"
                       "UPDATE customer_import.import_issues SET record = NULL, value = NULL WHERE import_id = %s",
                       [done["import_id"]] * 2)
        first, second = (admin.record("SELECT * FROM customer_import.claim_message()") for _ in range(2))
        report.equal([first["report"]["import_id"], second["report"]["import_id"]], [done["import_id"], kept["import_id"]],
                     "an import whose records are gone is reported, and so is the next one")
        report.line(first["attachment"] is None, "it has no attachment then", first["attachment"])
        purged = import_as(ANN)
        admin.rows("UPDATE customer_import.imports SET finished_at = now() - interval '99 days' WHERE id = %s",
                   [purged["import_id"]])
        admin.rows("SELECT customer_import.purge_imports('90 days')")
        report.equal(message_of(admin, purged["import_id"]), None, "purge_imports() takes the message along")
