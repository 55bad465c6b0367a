"""Functions of ours that change the catalogs meet another session's statement that changes the same object, and each other."""

from harness import Session, copy, outcome, wait_until, waits_or_ended

ADD_OUT = "SELECT customer_import.add_operator('regress_chaos_out', roles => '{customerView,importView,importEdit}')"
DETACH = "SELECT customer_import.detach_customers_table()"
AGAIN = "40001 another session has changed the same object at the same time"

# What another session has done and not committed, which of our calls then waits for it, and how that ends. GRANT locks
# nothing: a call that meets it is to be repeated; from version 18 on, one that changes more than privileges is not.
AGAIN_BEFORE_18 = "again before 18"
RACES = {
    "detach meets a privilege on the table": ("GRANT REFERENCES ON shop.customers TO regress_chaos_out", DETACH, AGAIN_BEFORE_18),
    "detach meets a privilege on the export": ("GRANT SELECT ON customer_import.customer_export TO regress_chaos_out", DETACH, AGAIN_BEFORE_18),
    "attach meets a privilege on the table":
        ("GRANT REFERENCES ON shop.other TO regress_chaos_out",
         f"{DETACH}; SELECT customer_import.attach_customers_table('shop.other', 'login', 'codes', row_security => true)", AGAIN_BEFORE_18),
    "a new operator meets a privilege on the schema": ("GRANT USAGE ON SCHEMA shop TO regress_chaos_bob", ADD_OUT, AGAIN),
    "a new operator meets a privilege on the table": ("GRANT DELETE ON shop.customers TO regress_chaos_bob", ADD_OUT, AGAIN),
    "two make the search indexes":
        ("SELECT customer_import.create_search_indexes()", "SELECT customer_import.create_search_indexes()", "ok"),
}


def begin(session, sql):
    session.rows(f"SET client_min_messages = error; BEGIN; {sql}")


def start_waiting(watcher, session, sql):
    session.start(sql)
    wait_until(lambda: waits_or_ended(watcher, session), f"{sql} waits")


def meet(report, admin, what, theirs, ours, expected):
    with Session() as other, Session() as session:
        begin(other, theirs)
        begin(session, "")
        start_waiting(admin, session, ours)
        waited = session.busy()
        other.rows("COMMIT")
        end = outcome(session)
        report.line(waited and end == expected, f"{what}: it waits, and ends as it should", f"waited: {waited}", end)
        session.rows("ROLLBACK; BEGIN")
        session.start(ours)
        report.equal(outcome(session), "ok", f"{what}: the next call succeeds")
        session.rows("ROLLBACK")


def meet_rename(report, admin):
    """Another table has the name by then: it is not the one that is let go of."""
    with Session() as other, Session() as session:
        begin(other, "ALTER TABLE shop.customers RENAME TO clients; CREATE TABLE shop.customers (user_name text);"
                     " ALTER TABLE shop.customers ENABLE ROW LEVEL SECURITY")
        begin(session, "")
        start_waiting(admin, session, DETACH)
        other.rows("COMMIT")
        report.equal(outcome(session), "ok", "detach meets a new name: it lets go of the table")
        report.equal(session.rows("SELECT relname, relrowsecurity FROM pg_class WHERE relnamespace = 'shop'::regnamespace"
                                  "   AND relname IN ('clients', 'customers') ORDER BY 1"),
                     [("clients", "f"), ("customers", "t")], "detach meets a new name: it leaves that of the same name alone")
        session.rows("ROLLBACK")
        admin.rows("DROP TABLE shop.customers; ALTER TABLE shop.clients RENAME TO customers")


def meet_reader(report, admin):
    """A reader of the export locks view and table; a detach takes both, in the same order."""
    with Session() as holder, Session() as session, Session("regress_chaos_ann") as reader:
        begin(holder, "LOCK TABLE shop.customers IN ROW EXCLUSIVE MODE")
        begin(session, "")
        start_waiting(admin, session, DETACH)
        start_waiting(admin, reader, "SELECT count(*) FROM customer_import.customer_export")
        holder.rows("COMMIT")
        report.equal(outcome(session), "ok", "detach meets a reader of the export: there is no deadlock")
        session.rows("ROLLBACK")
        report.equal(outcome(reader), "ok", "detach meets a reader of the export: the reader gets it when the table stays")


def meet_new_owner(report, admin):
    admin.rows(f"{DETACH}; ALTER TABLE shop.other OWNER TO regress_chaos_ada; GRANT TRIGGER ON shop.other TO PUBLIC;"
               " GRANT USAGE ON SCHEMA shop TO PUBLIC")
    with Session() as other, Session("regress_chaos_ada") as session:
        begin(other, "ALTER TABLE shop.other OWNER TO regress_chaos_own")
        start_waiting(admin, session, "SELECT customer_import.attach_customers_table('shop.other', 'login', 'codes')")
        other.rows("COMMIT")
        report.equal(outcome(session), "42501 must be owner of table other", "attach meets a new owner: it is not the caller's any more")


def meet_new_table(report, admin):
    """A role that is granted something on a table holds it, also on one that was created while this waited."""
    admin.rows("DROP TABLE shop.customers CASCADE")
    with Session() as other, Session() as session:
        begin(other, "SELECT customer_import.create_customers_table('shop.customers')")
        begin(session, "")
        start_waiting(admin, session, ADD_OUT)
        other.rows("COMMIT")
        report.equal(outcome(session), "ok", "a new operator meets a new table: both are made")
        report.equal(admin.value("SELECT count(*) FROM pg_locks WHERE pid = $1 AND mode = 'AccessShareLock'"
                                 "   AND relation = 'shop.customers'::regclass", [session.pid]), "1",
                     "a new operator meets a new table: nobody detaches it before the operator is there")
        report.equal(session.value("SELECT has_table_privilege('regress_chaos_out', 'shop.customers', 'SELECT')"), "t",
                     "a new operator meets a new table: and it may see the customers")
        session.rows("ROLLBACK")


def races(report, watch):
    watch.is_alive()
    with copy() as admin:
        admin.rows("CREATE EXTENSION pg_trgm")
        for what, (theirs, ours, expected) in RACES.items():
            if expected == AGAIN_BEFORE_18:
                expected = AGAIN if admin.version < 180000 else "ok"
            meet(report, admin, what, theirs, ours, expected)
        for case in (meet_rename, meet_reader, meet_new_owner, meet_new_table):
            report.run(case, admin)
        report.line(watch.is_alive(), "races: the server has not died")


def run(report, watch):
    report.run(races, watch)
