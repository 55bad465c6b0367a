"""All the ways in which a transaction ends: COMMIT with what it still runs, ROLLBACK, errors, procedures, chains,
PREPARE TRANSACTION."""

from harness import ANN, BEN, CUSTOMERS, NOBODY, VIC, WEB, marks, reset_operators, superuser

DENIED, NO_TRANSACTION = "42501", "25P01"

TRIGGERS = """
CREATE SCHEMA endings;
GRANT USAGE ON SCHEMA endings TO PUBLIC;
CREATE TABLE endings.orders (name text, fault text, writes text);
GRANT ALL ON endings.orders TO PUBLIC;
CREATE FUNCTION endings.late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.fault IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = NEW.fault;
    END IF;
    PERFORM public.mark('late ' || NEW.name);
    IF NEW.writes IS NOT NULL THEN
        INSERT INTO public.customers (user_name) VALUES (NEW.writes);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON endings.orders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION endings.late();
CREATE FUNCTION endings.late_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.mark('customer ' || NEW.user_name);
    RETURN NULL;
END $$;
CREATE PROCEDURE endings.acts() LANGUAGE plpgsql AS $$ BEGIN PERFORM customer_import.act_as('ann'); END $$;
CREATE PROCEDURE endings.acts_after_commit() LANGUAGE plpgsql AS $$
BEGIN
    COMMIT;
    PERFORM customer_import.act_as('ann');
END $$;
-- The server does not tell in a subtransaction whether there is a transaction block around it: so act_as may act here.
CREATE PROCEDURE endings.acts_and_commits(how text) LANGUAGE plpgsql AS $$
BEGIN
    FOR turn IN 1..3 LOOP
        BEGIN
            PERFORM customer_import.act_as(CASE turn WHEN 2 THEN 'ben' ELSE 'ann' END);
            PERFORM public.mark('acted');
        EXCEPTION WHEN no_active_sql_transaction THEN
            NULL;
        END;
        IF how = 'COMMIT' THEN
            COMMIT;
        ELSIF how = 'COMMIT AND CHAIN' THEN
            COMMIT AND CHAIN;
        ELSE
            ROLLBACK;
        END IF;
        PERFORM public.mark('after');
    END LOOP;
END $$;
CREATE PROCEDURE endings.marks_only() LANGUAGE plpgsql AS $$ BEGIN PERFORM public.mark('in procedure'); END $$;
CREATE PROCEDURE endings.commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; PERFORM public.mark('committed'); END $$;
"""


def set_up(_report, _bouncer):
    with superuser() as session:
        session.rows(TRIGGERS)


def deferred_triggers(report, bouncer):
    """What waits for COMMIT still runs as the acted operator."""
    insert = "INSERT INTO endings.orders VALUES (%s, %s, %s)"
    with bouncer.client() as web, superuser() as session:
        with web.transaction("ann"):
            web.rows(insert, ["one", None, None])
            web.rows(insert, ["two", None, "late-customer"])
        report.equal(marks(session), [("late one", "ann", True), ("late two", "ann", True)],
                     "deferred constraint triggers at COMMIT see the acted operator")
        report.equal(session.rows("DELETE FROM public.customers WHERE user_name = 'late-customer' RETURNING 1"), [(1,)],
                     "and write under its rights")
        report.equal(web.view(), NOBODY, "after COMMIT it is gone")
        with web.transaction():
            web.rows(insert, ["three", None, None])
            web.act_as("vic")
            web.rows(insert, ["four", None, None])
        report.equal(marks(session), [("late three", "vic", False), ("late four", "vic", False)],
                     "they see the operator at COMMIT, also what was queued before act_as")
        web.rows("BEGIN; SAVEPOINT s")
        web.act_as("ann")
        web.rows("ROLLBACK TO s")
        web.rows(insert, ["five", None, None])
        web.rows("COMMIT")
        report.equal(marks(session), [("late five", None, False)], "and nobody, when a savepoint has undone it")
        for name, writes in (("vic", "by-vic"), (None, "by-nobody")):
            web.rows("BEGIN")
            if name is not None:
                web.act_as(name)
            web.rows(insert, ["six", None, writes])
            report.equal(web.error("COMMIT"), DENIED, f"what they may not write fails the COMMIT ({name})")
            report.equal((web.view(), marks(session)), (NOBODY, []), f"and leaves nobody and nothing ({name})")
        for fault in ("23514", "40001", "XX000"):
            web.rows("BEGIN")
            web.act_as("ann")
            web.rows(insert, ["seven", None, None])
            web.rows(insert, ["eight", fault, None])
            report.equal((web.error("COMMIT"), web.view(), web.view_as("vic"), marks(session)), (fault, NOBODY, VIC, []),
                         f"a trigger that fails the COMMIT with {fault} leaves nobody and nothing")
        with web.transaction("ann"):
            web.rows(insert, ["nine", None, None])
            web.rows("SET CONSTRAINTS ALL IMMEDIATE")
            early = session.rows("TABLE public.marks")
        report.equal((early, marks(session)), ([], [("late nine", "ann", True)]), "SET CONSTRAINTS IMMEDIATE sees it, too")


def deferred_on_customers(report, bouncer):
    """The same on the customers table itself, where an import leaves triggers for COMMIT."""
    with superuser() as session:
        session.rows("CREATE CONSTRAINT TRIGGER late_customer AFTER INSERT OR UPDATE ON public.customers DEFERRABLE INITIALLY"
                     " DEFERRED FOR EACH ROW EXECUTE FUNCTION endings.late_customer()")
    with bouncer.client() as web, superuser() as session:
        with web.transaction("ann"):
            web.rows("INSERT INTO public.customers (user_name) VALUES ('by-hand')")
            state = web.value("SELECT state FROM customer_import.import_customers(%s, 'Create Only')",
                              ["userName,addRoles\nby-import,buyer\n"])
            web.rows("UPDATE public.customers SET company = 'X' WHERE user_name = 'by-hand'")
        report.equal((state, marks(session)),
                     ("completed", [(f"customer {name}", "ann", True) for name in ("by-hand", "by-import", "by-hand")]),
                     "deferred triggers of the customers table see the acted operator, in an import and at COMMIT")
        session.rows("DROP TRIGGER late_customer ON public.customers")
        reset_operators(session)


def errors(report, bouncer):
    for text, statement in (("an error", "SELECT 1 / 0"), ("a syntax error", "SELEC"), ("a missing table", "TABLE missing"),
                            ("a refused act_as", "SELECT customer_import.act_as('ben')"),
                            ("a refused file", "SELECT customer_import.import_customers('', 'Create Only')"),
                            ("a failed assertion", "DO $$ BEGIN ASSERT false; END $$"),
                            ("a statement_timeout", "SET LOCAL statement_timeout = 1; SELECT pg_sleep(60)"),
                            ("a missing right", "SELECT customer_import.add_role_codes('{x}')")):
        with bouncer.client() as first, bouncer.client() as second:
            first.rows("BEGIN")
            first.act_as("ann")
            failed = first.error(statement)
            in_failed = first.error("SELECT customer_import.current_operator()")
            first.rows("ROLLBACK")
            seen = [first.view(), second.view(), second.view_as("vic"), second.view()]
            report.equal((failed is None, in_failed, seen), (False, "25P02", [NOBODY, NOBODY, VIC, NOBODY]),
                         f"after {text} in the transaction nobody is left to this client and the next")
            first.rows("BEGIN")
            first.act_as("ann")
            first.error(statement)
            first.rows("COMMIT")
            report.equal((first.view(), second.view()), (NOBODY, NOBODY), f"nor after {text} and COMMIT")


def chains(report, bouncer):
    """AND CHAIN begins another transaction, in which no operator acts."""
    with bouncer.client() as web:
        for ending in ("COMMIT AND CHAIN", "ROLLBACK AND CHAIN"):
            web.rows("BEGIN")
            web.act_as("ann")
            web.rows(ending)
            seen = [web.view()]
            web.act_as("ben")
            seen.append(web.view())
            web.rows("COMMIT")
            seen.append(web.view())
            report.equal(seen, [NOBODY, BEN, NOBODY], f"{ending}: nobody, and another operator can be taken")
        web.rows("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        web.act_as("ann")
        seen = web.view()
        web.rows("COMMIT")
        report.equal((seen, web.view()), (ANN, NOBODY), "acting in a transaction that is READ ONLY")
        web.rows("BEGIN ISOLATION LEVEL SERIALIZABLE")
        web.act_as("ann")
        seen = web.view()
        web.rows("COMMIT")
        report.equal((seen, web.view()), (ANN, NOBODY), "acting in a transaction that is SERIALIZABLE")


def many_statements(report, bouncer):
    """Several statements in one message are one transaction."""
    with bouncer.client() as web, superuser() as session:
        web.error("SELECT customer_import.act_as('ann'); SELECT public.mark('message')")
        report.line(marks(session) in ([], [("message", "ann", True)]), "act_as at the head of a message is refused or acts")
        report.equal((web.view(), web.view_as("vic")), (NOBODY, VIC), "and after the message nobody is left")
        web.rows("BEGIN; SELECT customer_import.act_as('ann'); SELECT public.mark('one'); COMMIT;"
                 " BEGIN; SELECT public.mark('two'); COMMIT;"
                 " BEGIN; SELECT customer_import.act_as('vic'); SELECT public.mark('three'); ROLLBACK;"
                 " BEGIN; SELECT customer_import.act_as('ben'); SELECT public.mark('four'); COMMIT; SELECT public.mark('five')")
        report.equal(marks(session), [("one", "ann", True), ("two", None, False), ("four", "ben", True), ("five", None, False)],
                     "transactions inside of one message are apart")
        failed = web.error("BEGIN; SELECT customer_import.act_as('ann'); SELECT 1 / 0; COMMIT")
        web.rows("ROLLBACK")
        report.equal((failed, web.view()), ("22012", NOBODY), "a message that fails in the middle leaves nobody")


def procedures(report, bouncer):
    with bouncer.client() as web, superuser() as session:
        for procedure in ("acts", "acts_after_commit"):
            report.equal((web.error(f"CALL endings.{procedure}()"), web.view()), (NO_TRANSACTION, NOBODY),
                         f"a procedure is in no transaction block: act_as is refused in {procedure}()")
        for how in ("COMMIT", "COMMIT AND CHAIN", "ROLLBACK"):
            web.rows("CALL endings.acts_and_commits(%s)", [how])
            left = [mark for mark in marks(session) if mark[0] == "after"]
            expected = [("after", None, False)] * (1 if how == "ROLLBACK" else 3)
            report.equal((left, web.view()), (expected, NOBODY), f"{how} in a procedure leaves nobody to what follows in it")
        with web.transaction("ann"):
            web.rows("CALL endings.marks_only()")
        report.equal(marks(session), [("in procedure", "ann", True)], "a procedure in a transaction sees the acted operator")
        web.rows("BEGIN")
        web.act_as("ann")
        report.equal(web.error("CALL endings.commits()"), "2D000", "one that commits is refused in a transaction block")
        web.rows("ROLLBACK")
        report.equal((web.view(), marks(session)), (NOBODY, []), "and leaves nobody and nothing")
        web.error("SELECT customer_import.act_as('ann'); CALL endings.commits()")
        seen = web.view()
        report.line(seen == NOBODY and marks(session) in ([], [("committed", None, False)]),
                    "nor does a message of act_as and a procedure that commits carry the operator over", seen)


def driver_transactions(report, bouncer):
    """The driver's own transactions, as an application uses them."""
    with bouncer.client() as one, bouncer.client() as two:
        for client, expected in ((one, ANN), (two, VIC), (one, BEN)):
            client.connection.autocommit = False
            with client.connection:
                client.act_as(expected[0])
                inside = client.view()
            report.equal((inside, client.view()), (expected, NOBODY), f"a transaction of the driver as {expected[0]}")
            client.connection.rollback()
            try:
                with client.connection:
                    client.act_as(expected[0])
                    client.rows("SELECT 1 / 0")
            except Exception:  # pylint: disable=broad-except
                pass
            report.equal(client.view(), NOBODY, f"an exception in a transaction of the driver as {expected[0]}")
            client.connection.rollback()
            client.connection.autocommit = True


def two_phases(report, bouncer):
    try:
        prepared_transactions(report, bouncer)
    finally:
        with superuser() as session:
            for (name,) in session.rows("SELECT gid FROM pg_prepared_xacts"):
                session.rows("ROLLBACK PREPARED %s", [name])
            reset_operators(session)


def prepared_transactions(report, bouncer):
    """PREPARE TRANSACTION, on a server that lets it."""
    with bouncer.client() as first, bouncer.client() as second, superuser() as session:
        first.rows("BEGIN")
        first.act_as("ann")
        first.rows("INSERT INTO public.customers (user_name) VALUES ('two-phases')")
        first.rows("INSERT INTO endings.orders VALUES ('prepared')")
        first.rows("PREPARE TRANSACTION 'regress_pooling'")
        seen = [first.view(), second.view(), second.view_as("vic"), first.view_as("ben"), second.view()]
        report.equal(seen, [NOBODY, NOBODY, VIC, BEN, NOBODY], "after PREPARE TRANSACTION nobody is left")
        with second.transaction("vic"):
            hidden = second.value("SELECT count(*) FROM public.customers")
        second.rows("COMMIT PREPARED 'regress_pooling'")
        report.equal((hidden, second.view(), marks(session)), (CUSTOMERS, NOBODY, [("late prepared", "ann", True)]),
                     "COMMIT PREPARED by another client gives nobody; triggers ran as the operator of the transaction")
        report.equal(second.view_as("vic")[-1], CUSTOMERS + 1, "what it did is there")
        first.rows("BEGIN")
        first.act_as("ann")
        first.rows("SAVEPOINT s; DELETE FROM public.customers; RELEASE s; PREPARE TRANSACTION 'regress_pooling'")
        seen = [first.view(), second.view_as("ben")]
        second.rows("ROLLBACK PREPARED 'regress_pooling'")
        report.equal((seen, second.view_as("vic")), ([NOBODY, (*BEN[:-1], CUSTOMERS + 1)], (*VIC[:-1], CUSTOMERS + 1)),
                     "ROLLBACK PREPARED: nobody, and nothing was done")
        first.rows("BEGIN")
        first.act_as("ann")
        first.rows("INSERT INTO endings.orders VALUES ('fault', '23514')")
        failed = first.error("PREPARE TRANSACTION 'regress_pooling'")
        report.equal((failed, first.view(), second.view_as("vic")[0]), ("23514", NOBODY, "vic"),
                     "a trigger that fails PREPARE TRANSACTION leaves nobody")
        report.equal(session.rows("TABLE pg_prepared_xacts"), [], "no prepared transaction is left")
        report.equal(session.value("SELECT current_setting('max_prepared_transactions')::int > 0"), True,
                     f"the server keeps prepared transactions of {WEB}")


def tear_down(_report, _bouncer):
    with superuser() as session:
        session.rows("DROP SCHEMA endings CASCADE")


PARTS = (set_up, deferred_triggers, deferred_on_customers, errors, chains, many_statements, procedures,
         driver_transactions, tear_down)
TWO_PHASE_PARTS = (set_up, two_phases, tear_down)
