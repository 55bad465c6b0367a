"""Imports over the pool: both names are recorded, rights are those of the acted operator."""

from harness import (ADMIN_WEB, ANN, CUSTOMERS, DAVE, NOBODY, SHOP, WEB, reset_operators, superuser)

DENIED = "42501"
IMPORT = "SELECT state, created, updated, unchanged, skipped, rejected FROM customer_import.import_customers(%s, %s)"
NEWEST = "SELECT operator, database_role, state FROM customer_import.imports ORDER BY id DESC LIMIT 1"


def file_of(*records, header="userName,addRoles"):
    return "\n".join((header, *records, ""))


def recorded(report, bouncer):
    with superuser() as session, bouncer.client() as web, bouncer.client() as other:
        before = session.value("SELECT count(*) FROM customer_import.imports")
        for client, name in ((web, "ann"), (other, "ben"), (web, "ben"), (other, "ann")):
            with client.transaction(name):
                result = client.row(IMPORT, [file_of("customer1,approver", f"of-{name},buyer"), "Create & Update"])
            report.equal((result[0], result[-1], session.row(NEWEST)), ("completed", 0, (name, WEB, "completed")),
                         f"an import as {name} records the operator and the gateway")
        with bouncer.client(ADMIN_WEB) as client, client.transaction("ada"):
            client.row(IMPORT, [file_of("of-ada,buyer"), "Create Only"])
        report.equal(session.row(NEWEST), ("ada", ADMIN_WEB, "completed"), "an administrator's, too")
        with bouncer.client(DAVE) as client:
            client.row(IMPORT, [file_of("of-dave,buyer"), "Create Only"])
        report.equal(session.row(NEWEST), (DAVE, DAVE, "completed"), "with a role of its own the operator is both names")
        with bouncer.client(SHOP) as client, client.transaction("ann"):
            client.row(IMPORT, [file_of("of-shop,buyer"), "Create Only"])
        report.equal(session.row(NEWEST), ("ann", SHOP, "completed"), "a gateway that is an operator records who it acts as")
        with web.transaction("ann", "ROLLBACK"):
            web.row(IMPORT, [file_of("gone,buyer"), "Create Only"])
        report.equal(session.value("SELECT count(*) FROM customer_import.imports") - before, 7,
                     "an import that is rolled back leaves no history")
        reset_operators(session)


def refused(report, bouncer):
    with superuser() as session, bouncer.client() as web:
        before = session.value("SELECT count(*) FROM customer_import.imports")
        for name in (None, "vic", "nia"):
            web.rows("BEGIN")
            if name is not None:
                web.act_as(name)
            report.equal(web.error(IMPORT, [file_of("x,buyer"), "Create Only"]), DENIED,
                         f"no import by a gateway that acts as {name or 'nobody'}")
            web.rows("ROLLBACK")
        report.equal(web.error(IMPORT, [file_of("x,buyer"), "Create Only"]), DENIED, "nor in autocommit")
        for codes in (("customerView", "customerEdit", "importView"), ("customerView", "customerEdit", "importEdit"),
                      ("customerView", "importView", "importEdit"), ("customerEdit", "importView", "importEdit")):
            session.rows("SELECT customer_import.alter_operator('vic', roles => %s)", [list(codes)])
            web.rows("BEGIN")
            web.act_as("vic")
            report.equal(web.error(IMPORT, [file_of("x,buyer"), "Create Only"]), DENIED, f"nor with {', '.join(codes)} only")
            web.rows("ROLLBACK")
        report.equal(session.value("SELECT count(*) FROM customer_import.imports"), before, "none of them is in the history")
        reset_operators(session)


def who_sees_what(report, bouncer):
    """The history of one pooled login is that of several operators: each sees its own."""
    sees = "SELECT DISTINCT operator FROM customer_import.imports ORDER BY operator"
    with superuser() as session, bouncer.client() as web, bouncer.client() as other:
        session.rows("TRUNCATE customer_import.imports, customer_import.import_issues, customer_import._import_change_pages")
        for client, name in ((web, "ann"), (other, "ben")):
            with client.transaction(name):
                client.row(IMPORT, [file_of("customer1,approver", "customer2,nonsense", f"of-{name},buyer"), "Create & Update"])
        for client, name in ((other, "ann"), (web, "ben")):
            with client.transaction(name):
                mine = client.rows(sees)
                issues = client.value("SELECT count(*) FROM customer_import.import_issues")
                changes = client.rows("SELECT DISTINCT user_name FROM customer_import.import_changes WHERE created")
                ids = [row[0] for row in client.rows("SELECT id FROM customer_import.imports")]
            report.equal((mine, issues, changes), ([(name,)], 1, [(f"of-{name}",)]), f"{name} sees its own imports only")
            alien = session.value("SELECT id FROM customer_import.imports WHERE operator <> %s", [name])
            with client.transaction(name, "ROLLBACK"):
                report_of_own = client.value("SELECT customer_import.import_report(%s)", ids)
                rejected = client.value("SELECT customer_import.rejected_csv(%s)", ids)
                state = client.error("SELECT customer_import.rejected_csv(%s)", [alien])
            with client.transaction(name, "ROLLBACK"):
                state_of_report = client.error("SELECT customer_import.import_report(%s)", [alien])
            report.equal((report_of_own is not None, "customer2" in rejected, state, state_of_report), (True, True, "42704", "42704"),
                         f"and reports of its own only: {name}")
        for name in ("nia", "vic"):
            with web.transaction(name):
                report.equal(web.rows(sees), [], f"{name} sees none")
        report.equal(web.rows(sees), [], "nor does a gateway that acts as nobody")
        with bouncer.client(ADMIN_WEB) as client, client.transaction("ada"):
            report.equal(client.rows(sees), [("ann",), ("ben",)], "an administrator sees all")
        reset_operators(session)


def request_ids(report, bouncer):
    """The same id of two operators over one login is two requests."""
    request = "SELECT import_id, created FROM customer_import.import_customers(%s, 'Create Only', request_id => 'r1')"
    with superuser() as session, bouncer.client() as web:
        ids = []
        for name in ("ann", "ben", "ann", "ben"):
            with web.transaction(name):
                ids.append(web.row(request, [file_of(f"request-of-{name},buyer")]))
        report.line(ids[0] == ids[2] and ids[1] == ids[3] and ids[0] != ids[1] and [one[1] for one in ids] == [1] * 4,
                    "a request id belongs to the acted operator, not to the gateway", ids)
        reset_operators(session)


def uploads(report, bouncer):
    """Each chunk comes on another connection of the pool; to whom an upload belongs follows the acted operator."""
    append = "SELECT customer_import.append_upload(%s, %s::bytea, %s)"
    content = file_of("upload1,buyer", "upload2,buyer").encode()
    with superuser() as session, bouncer.client() as web, bouncer.client() as other:
        begun = {}
        for client, name in ((web, "ann"), (other, "ben")):
            with client.transaction(name):
                begun[name] = client.value("SELECT customer_import.begin_upload(%s)", [f"{name}.csv"])
        for begin in range(0, len(content), 10):
            for client, name in ((other, "ann"), (web, "ben")):
                with client.transaction(name):
                    client.value(append, [begun[name], content[begin:begin + 10], begin])
                web, other = other, web
        for name, alien in (("ann", "ben"), ("ben", "ann")):
            with web.transaction(name, "ROLLBACK"):
                mine = web.rows("SELECT operator, bytes FROM customer_import.uploads")
                error = web.error("SELECT customer_import.import_upload(%s, 'Create Only')", [begun[alien]])
            report.equal((mine, error), ([(name, len(content))], "42704"), f"{name} sees its own upload only")
        for client, name, created in ((web, "ann", 2), (other, "ben", 0)):
            with client.transaction(name):
                result = client.row("SELECT state, created, created + skipped FROM customer_import.import_upload(%s, 'Create Only')", [begun[name]])
            report.equal((result, session.row("SELECT operator, file_name FROM customer_import.imports ORDER BY id DESC LIMIT 1")),
                         (("completed", created, 2), (name, f"{name}.csv")), f"{name} imports it")
        for name in (None, "vic", "nia"):
            with web.transaction(name, "ROLLBACK"):
                report.equal(web.error("SELECT customer_import.begin_upload()"), DENIED, f"no upload by a gateway that acts as {name or 'nobody'}")
        reset_operators(session)


def grant_ceiling(report, bouncer):
    """Which customer an operator is itself, and what it may grant, follow the acted operator."""
    with superuser() as session, bouncer.client() as web:
        session.rows("INSERT INTO public.customers (user_name, roles)"
                     " VALUES ('ann', '{}'), ('ben', '{}'), ('boss', '{administrator}')")
        for name, other in (("ann", "ben"), ("ben", "ann")):
            with web.transaction(name, "ROLLBACK"):
                result = web.row(IMPORT, [file_of(f"{name},buyer", f"{other},buyer", "boss,buyer", "customer1,administrator"),
                                          "Create & Update"])
                issues = web.rows("SELECT line, code FROM customer_import.import_issues WHERE import_id ="
                                  " (SELECT max(id) FROM customer_import.imports) ORDER BY line")
                by_hand = []
                for statement in (f"UPDATE public.customers SET roles = '{{approver}}' WHERE user_name = '{name}'",
                                  f"UPDATE public.customers SET roles = '{{approver}}' WHERE user_name = '{other}'",
                                  "UPDATE public.customers SET roles = '{}' WHERE user_name = 'boss'",
                                  f"DELETE FROM public.customers WHERE user_name = '{name}'",
                                  f"UPDATE public.customers SET company = 'X' WHERE user_name = '{name}'"):
                    web.rows("SAVEPOINT s")
                    by_hand.append(web.error(statement))
                    web.rows("ROLLBACK TO s")
            report.equal((result, issues),
                         (("completed", 0, 2, 0, 0, 2), [(2, "role_not_grantable"), (5, "role_not_grantable")]),
                         f"acting as {name}, its own roles and privileged codes are refused in an import")
            report.equal(by_hand, [DENIED, None, DENIED, DENIED, None], f"and by hand: {name}")
        with bouncer.client(ADMIN_WEB) as client:
            with client.transaction("ada", "ROLLBACK"):
                result = client.row(IMPORT, [file_of("customer1,administrator", "ada,superuser"), "Create & Update"])
            report.equal(result, ("completed", 1, 1, 0, 0, 0), "acting as an administrator, nothing is refused")
            with client.transaction("ann", "ROLLBACK"):
                result = client.row(IMPORT, [file_of("customer1,administrator", "customer2,approver"), "Create & Update"])
            report.equal(result, ("completed", 0, 1, 0, 0, 1), "the same gateway acting as ann is bound by her rights")
            with client.transaction(ending="ROLLBACK"):
                report.equal((client.view(), client.error(IMPORT, [file_of("x,buyer"), "Create Only"])), (NOBODY, DENIED),
                             "and by itself it imports nothing")
        reset_operators(session)


def restricted_further(report, bouncer):
    """A policy of the database's owner by current_operator() holds for each operator of the pool."""
    with superuser() as session, bouncer.client() as web:
        session.rows("UPDATE public.customers SET company = CASE WHEN user_name < 'customer3' THEN 'ann' ELSE 'ben' END")
        session.rows("CREATE POLICY own_company ON public.customers AS RESTRICTIVE"
                     " USING (company = (SELECT customer_import.current_operator()))")
        seen = []
        for name in ("ann", "ben", "vic", "ann"):
            with web.transaction(name):
                seen.append(web.value("SELECT count(*) FROM public.customers"))
        report.equal(seen, [2, CUSTOMERS - 2, 0, 2], "each operator sees the customers of its company")
        for name, result in (("ann", ("completed", 0, 2, 0, 1, 0)), ("ben", ("completed", 0, 1, 0, 2, 0))):
            with web.transaction(name, "ROLLBACK"):
                report.equal(web.row(IMPORT, [file_of("customer1,approver", "customer2,approver", "customer5,approver"),
                                              "Update Only"]), result, f"and imports change those only: {name}")
        session.rows("DROP POLICY own_company ON public.customers")
        reset_operators(session)


def large_objects(report, bouncer):
    """A file that the driver sends as a large object, in the transaction of its operator."""
    with superuser() as session, bouncer.client() as web:
        web.connection.autocommit = False
        with web.connection:
            web.act_as("ann")
            large = web.connection.lobject(0, "wb")
            large.write(file_of(*(f"lob{number},buyer" for number in range(2000))).encode())
            oid = large.oid
            large.close()
            result = web.row("SELECT state, created FROM customer_import.import_customers(%s::oid, 'Create Only',"
                             " unlink => true)", [oid])
        report.equal((result, session.row(NEWEST), session.value("SELECT count(*) FROM pg_largeobject WHERE loid = %s", [oid])),
                     (("completed", 2000), ("ann", WEB, "completed"), 0), "a large object is imported over the pool")
        web.connection.autocommit = True
        report.equal((web.view(), ANN[0]), (NOBODY, "ann"), "and nobody is left")
        reset_operators(session)


PARTS = (recorded, refused, who_sees_what, request_ids, uploads, grant_ceiling, restricted_further, large_objects)
