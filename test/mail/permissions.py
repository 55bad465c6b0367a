"""Which roles may call the functions of the mailer, and what its role may do besides."""

from harness import ADA, ANN, BEN, MAILER, OTHER, ROLES, WEB, Client, claim, fresh, queue_messages

CALLS = ("SELECT customer_import.claim_message()", "SELECT customer_import.claim_message('1 minute')",
         "SELECT customer_import.store_message(1, 1, 'x')", "SELECT customer_import.message_sent(1, 1)",
         "SELECT customer_import.message_failed(1, 1, 'x', false)", "SELECT customer_import.next_message_at()")
NAMES = ("claim_message", "message_failed", "message_sent", "next_message_at", "store_message")


def test_mailer_may_call(report):
    with fresh(), Client(MAILER) as mailer:
        for call in CALLS:
            report.equal(mailer.error(call), None, f"the mailer may call: {call}")


def test_others_may_not(report):
    with fresh():
        queue_messages(1)
        for role in [role for role in ROLES if role != MAILER]:
            with Client(role) as session:
                wrong = [call for call in CALLS if session.error(call) != "42501"]
                report.equal(wrong, [], f"{role} may call none of them")
        with Client(WEB) as session:
            session.rows("BEGIN")
            session.rows("SELECT customer_import.act_as(%s)", [ADA])
            report.equal(session.error(CALLS[0]), "42501", "nor a gateway that acts as an administrator")
        with Client() as admin:
            wrong = [call for call in CALLS if admin.error(call) is not None]
            report.equal(wrong, [], "superusers may")


def test_mailer_may_do_nothing_else(report):
    with fresh() as admin, Client(MAILER) as mailer:
        queue_messages(1)
        allowed = admin.rows(
            "SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'customer_import'::regnamespace"
            "   AND has_function_privilege(%s, p.oid, 'EXECUTE')"
            "   AND NOT EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a"
            "                    WHERE a.grantee = 0) ORDER BY 1", [MAILER])
        report.equal([row[0] for row in allowed], sorted(NAMES), "of the functions that not all may call, it may call five")
        relations = admin.rows(
            "SELECT c.oid::regclass::text FROM pg_class AS c"
            " WHERE c.relkind IN ('r', 'v', 'm', 'p', 'S', 'f')"
            "   AND c.relnamespace IN ('customer_import'::regnamespace, 'public'::regnamespace)"
            "   AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(%s, c.oid, 'USAGE, SELECT, UPDATE')"
            "            ELSE has_table_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"
            "                 OR has_any_column_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') END",
            [MAILER] * 3)
        others = admin.rows("SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')"
                            "   AND c.relnamespace IN ('customer_import'::regnamespace, 'public'::regnamespace)"
                            "   AND has_table_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, DELETE')", [OTHER])
        report.equal([row for row in relations if row not in others], [],
                     "it has no privilege on any table, view or sequence")
        for name, column in (("public.customers", "*"), ("customer_import.import_status", "*"),
                             ("customer_import.imports", "*"),
                             ("customer_import.import_issues", "*"), ("customer_import.email_outbox", "recipient"),
                             ("customer_import.operators", "*"), ("customer_import.mailers", "*"),
                             ("customer_import._import_files", "*")):
            report.equal(mailer.error(f"SELECT {column} FROM {name}"), "42501", f"the mailer cannot read {name}")
        for call in ("import_report(1)", "rejected_csv(1)", "rejected_csv_bytes(1)", "skipped_csv(1)", "rejected_lines(1)", "skipped_lines(1)", "retry_message(1)", "act_as('x')",
                     "purge_imports('1 day')", f"grant_mailer('{OTHER}')", f"revoke_mailer('{MAILER}')",
                     "import_customers('userName\nx\n', 'Create & Update')", "release_restored()",
                     f"add_operator('{OTHER}')", "cancel_import(1)"):
            report.equal(mailer.error(f"SELECT customer_import.{call}"), "42501", f"nor call {call.splitlines()[0]}")
        for statement in ("DELETE FROM customer_import.email_outbox", "TRUNCATE customer_import.email_outbox",
                          "UPDATE customer_import.email_outbox SET recipient = 'evil@example.net'",
                          "INSERT INTO customer_import.email_outbox (import_id, operator, recipient, origin)"
                          " VALUES (1, 'x', 'evil@example.net', 'x')",
                          f"INSERT INTO customer_import.mailers VALUES ('{OTHER}')"):
            report.equal(mailer.error(statement), "42501", f"nor: {statement[:60]}")
        report.equal(mailer.error("LISTEN customer_import_email"), None, "it may listen")


def test_operators_do_not_see_the_outbox(report):
    with fresh() as admin:
        queue_messages(1)
        for role in (ANN, BEN, OTHER):
            with Client(role) as session:
                report.equal(session.error("SELECT * FROM customer_import.email_outbox"), "42501",
                             f"{role} does not see the outbox")
        with Client(WEB) as session:
            report.equal(session.value("SELECT count(*) FROM customer_import.email_outbox"), 0,
                         "nor does a gateway that acts as nobody")
            session.rows("BEGIN")
            session.rows("SELECT customer_import.act_as(%s)", [ANN])
            report.equal(session.value("SELECT count(*) FROM customer_import.email_outbox"), 0, "or as an operator")
        with Client(ADA) as session:
            report.equal(session.value("SELECT count(*) FROM customer_import.email_outbox"), 1, "an administrator does")
            for statement in ("DELETE FROM customer_import.email_outbox",
                              "UPDATE customer_import.email_outbox SET recipient = 'evil@example.net'",
                              "SELECT customer_import.claim_message()"):
                report.equal(session.error(statement), "42501", f"but it cannot: {statement[:60]}")
        report.equal(admin.value("SELECT count(*) FROM customer_import.email_outbox WHERE recipient <> 'ann@example.com'"), 0,
                     "nobody has changed it")


def test_grant_and_revoke(report):
    with fresh() as admin:
        for role in (ANN, ADA, MAILER, OTHER):
            with Client(role) as session:
                for call in ("grant", "revoke"):
                    report.equal(session.error(f"SELECT customer_import.{call}_mailer(%s)", [OTHER]), "42501",
                                 f"{role} cannot {call} mailers")
        report.equal(admin.error("SELECT customer_import.grant_mailer('regress_mail_nobody')"), "42704",
                     "a role that is not there is no mailer")
        report.equal(admin.error("SELECT customer_import.revoke_mailer(%s)", [OTHER]), "42704",
                     "what was not granted cannot be revoked")
        report.equal(admin.error("SELECT customer_import.grant_mailer(NULL)") is not None, True, "NULL is refused")
        admin.rows("SELECT customer_import.grant_mailer(%s)", [OTHER])
        report.equal(admin.error("SELECT customer_import.grant_mailer(%s)", [OTHER]), None, "granting twice is fine")
        (message_id,) = queue_messages(1)
        with Client(OTHER) as session:
            row = claim(session)
            report.equal(row["id"], message_id, "a granted role claims")
            admin.rows("SELECT customer_import.revoke_mailer(%s)", [OTHER])
            wrong = [call for call in CALLS if session.error(call) != "42501"]
            report.equal(wrong, [], "a revoked one cannot, in the same session")
            report.equal(session.error("SELECT customer_import.message_sent(%s, %s)", [message_id, row["fence"]]), "42501",
                         "nor report back")
        report.equal(admin.value("SELECT has_schema_privilege(%s, 'customer_import', 'USAGE')", [OTHER]),
                     admin.value("SELECT has_schema_privilege('public', 'customer_import', 'USAGE')"),
                     "and has nothing left in the schema")


def test_operator_and_mailer(report):
    """One role may be both; each part goes for itself."""
    with fresh() as admin:
        admin.rows("SELECT customer_import.grant_mailer(%s)", [BEN])
        with Client(BEN) as session:
            report.equal([session.error(call) for call in (CALLS[0], "SELECT count(*) FROM public.customers")], [None, None],
                         "an operator may be a mailer too")
            admin.rows("SELECT customer_import.revoke_mailer(%s)", [BEN])
            report.equal([session.error(call) for call in (CALLS[0], "SELECT count(*) FROM public.customers")],
                         ["42501", None], "and remains an operator when that ends")


def test_hostile_surroundings(report):
    """What the mailer's role brings along does not get into the functions."""
    with fresh() as admin, Client(MAILER) as mailer:
        (message_id,) = queue_messages(1)
        mailer.rows("CREATE TEMP TABLE email_outbox (LIKE pg_class); CREATE TEMP TABLE mailers (name text)")
        mailer.rows("SET search_path = pg_temp, public; SET row_security = off; SET transaction_read_only = off")
        report.equal(claim(mailer)["id"], message_id, "temporary tables and search_path do not lead the functions astray")
        admin.rows("SELECT customer_import.revoke_mailer(%s)", [MAILER])
        try:
            mailer.rows(f"INSERT INTO mailers VALUES ('{MAILER}')")
            report.equal(mailer.error(CALLS[0]), "42501", "nor does a table of mailers of its own")
        finally:
            admin.rows("SELECT customer_import.grant_mailer(%s)", [MAILER])
