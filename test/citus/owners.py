"""A table whose owner is an ordinary role, not that of the extension: Citus takes what a transaction does to it from one role."""

from restore import restoring

SHOP, HEIR = "regress_shop", "regress_heir"
DETACH = "SELECT customer_import.detach_customers_table()"
STAGE = "SELECT stage, (SELECT relowner::regrole FROM pg_class WHERE oid = stage) FROM customer_import.customers_table"
# What the role has in the schema of the extension, beside what everybody has.
GAINED = """SELECT has_schema_privilege('{role}', 'customer_import', 'CREATE'),
                   ARRAY (SELECT relname::text FROM pg_class WHERE relnamespace = 'customer_import'::regnamespace
                             AND relowner = '{role}'::regrole AND relkind = 'r')"""


def each(suite, *statements, user="postgres"):
    """In both databases; one by one, since Citus takes DDL in no other way."""
    for statement in statements:
        suite.both(statement, user=user)


def attached_by(report, suite, user, attach):
    each(suite, DETACH, attach, user=user)
    report.equal(suite.both(STAGE)[0], [("customer_import_stage", SHOP)], f"attached by {user}: the stage is beside the table, and its owner's")
    for node in suite.nodes.nodes:
        with node.session(suite.database) as session:
            report.equal(session.rows(GAINED.format(role=SHOP)), [("f", "{_shadow}" if node is suite.nodes.coordinator else "{}")],
                         f"attached by {user}: the owner gains nothing in the schema of the extension")


def all_ways(report, suite, first, text):
    """Imports in the foreground and the background, an undo, a retry, and a change by hand; all the same as in the ordinary table."""
    csv = suite.file(first, first + 1200)
    suite.imports(f"{text}: new customers", csv + "user3@example.com,byer,,,\nuser4@example.com,buyer,,BAD,\n", "Create & Update")
    suite.imports(f"{text}: an operator's", suite.file(first + 1000, first + 1400, "viewer"), "Create & Update", user="regress_ann")
    suite.same_state(text)
    suite.both("SELECT customer_import.retry_rejects((SELECT max(id) - 1 FROM customer_import.imports))")
    suite.both("SELECT customer_import.undo_import((SELECT max(id) - 1 FROM customer_import.imports))")
    suite.both("""SELECT customer_import.edit_customer($1, '{"firstName": "By hand", "addRoles": ["approver"]}')""",
               [f"user{first}@example.com"], "regress_ann")
    for database in suite.databases:
        _, counts = suite.run_in_background(suite.file(first + 100, first + 2100, "companyAdmin"), database=database)
        report.equal(counts, ("completed", "2000", "900", "1100", "0", "0", "0", "0"), f"{text}: in the background, {database}")
    suite.same_state(f"{text}: undone, retried, by hand and in the background")


def move(report, suite):
    """A shard of the table, and that of the stage with it: the owner makes both on the other node."""
    one, other = (node.port for node in suite.nodes.workers[:2])
    at_one = f"SELECT {{}} FROM citus_shards WHERE table_name::text IN ('users', 'customer_import_stage') AND nodeport = {one}"
    with suite.session() as session:
        before = int(session.value(at_one.format("count(*)")))
        shard = session.value(at_one.format("min(shardid)"))
        session.rows(f"SELECT citus_move_shard_placement({shard}, '127.0.0.1', {one}, '127.0.0.1', {other}, 'block_writes')")
        report.equal(int(session.value(at_one.format("count(*)"))), before - 2, "a shard is moved, with that of the stage")


def copies_refused(suite):
    return sum(node.log.read_text(encoding="utf-8").count("COPY FROM not supported with row-level security")
               for node in suite.nodes.nodes)


def owners(report, suite, attach):
    with suite.session() as session:
        session.rows(f"CREATE ROLE {SHOP} LOGIN; CREATE ROLE {HEIR} LOGIN")
    change = "UPDATE users SET secret = secret WHERE login = 'user1@example.com'"
    each(suite, DETACH, f"ALTER TABLE users OWNER TO {SHOP}", f"GRANT CREATE ON SCHEMA public TO {HEIR}")
    with suite.session() as session:
        report.refused(session.error(attach), "42501", "the owner may make no table beside it", "Its owner regress_shop may not create tables",
                       f"GRANT CREATE, USAGE ON SCHEMA public TO {SHOP}")
        session.rows(f"GRANT CREATE ON SCHEMA public TO {SHOP}")
        session.rows(f"BEGIN; {change}")
        report.refused(session.error(attach), "25001", "another role has changed the table in the same transaction")
        session.rows("ROLLBACK")
        session.rows(f"BEGIN; SET LOCAL ROLE {SHOP}; {change}; RESET ROLE")
        session.rows(attach)
        session.rows("COMMIT")
    with suite.session(suite.databases[1]) as session:
        session.rows(attach)
    suite.both("SELECT customer_import.alter_operator('regress_ann', roles => '{customerView,customerEdit,importView,importEdit}')")
    attached_by(report, suite, "postgres", attach)
    all_ways(report, suite, 300000, "another owner")
    suite.both(f"SELECT customer_import.add_operator('{SHOP}', email => 'shop@example.com', roles => '{{administrator}}')")
    attached_by(report, suite, SHOP, attach)
    with suite.session(user=SHOP) as session:
        for statement in ("BEGIN", DETACH, attach, "COMMIT"):
            session.rows(statement)
    move(report, suite)
    suite.imports("attached anew in the transaction that detached", suite.file(310000, 310010), "Create & Update")
    forced(report, suite, attach)
    inherited(report, suite, attach)
    restoring(report, suite, attach, SHOP, 81000)
    each(suite, DETACH, "ALTER TABLE users OWNER TO postgres", attach)
    report.equal(suite.both(STAGE)[0], [("customer_import._stage", "postgres")], "that of a superuser's table is the extension's")


def forced(report, suite, attach):
    """Policies that hold for the owner, too: nothing can be copied, and no batch tries."""
    each(suite, "ALTER TABLE users ENABLE ROW LEVEL SECURITY", "ALTER TABLE users FORCE ROW LEVEL SECURITY",
         "CREATE POLICY all_of_them ON users USING (true)", DETACH, attach)
    all_ways(report, suite, 320000, "policies forced on the owner")
    report.equal(copies_refused(suite), 0, "policies forced on the owner: no batch tries to copy")
    each(suite, "DROP POLICY all_of_them ON users", "ALTER TABLE users NO FORCE ROW LEVEL SECURITY",
         "ALTER TABLE users DISABLE ROW LEVEL SECURITY", DETACH, attach)


def inherited(report, suite, attach):
    each(suite, f"ALTER TABLE users OWNER TO {HEIR}")
    with suite.session() as session:
        report.refused(session.error("SELECT customer_import.import_customers($1::text, 'Create & Update')", [suite.file(310000, 310002, "viewer")]),
                       "55000", "another owner than when it was attached", "another owner", "Detach it")
        session.rows(DETACH)
        report.equal(session.value("SELECT count(*) FROM pg_class WHERE relname ~ '_stage$|^_shadow'"), "0", "detaching drops what was the former owner's")
        session.rows(attach)
        report.equal(session.rows(STAGE), [("customer_import_stage", HEIR)], "attached anew: the stage is the new owner's")
    suite.imports("the new owner's", suite.file(310000, 310020, "viewer"), "Create & Update")
    with suite.session() as session:
        for statement in (DETACH, f"ALTER TABLE users OWNER TO {SHOP}", attach):
            session.rows(statement)
    with suite.session(suite.databases[1]) as session:
        session.rows(f"ALTER TABLE users OWNER TO {SHOP}")
