"""Undo and retry in the background: the same as in the foreground, in slices, canceled, by run_imports(), under lost rights."""

from harness import COUNTS, Session, adds_up, end_idle, fresh, gate, import_file, new_customers, record, state, status, submit, wait_ended, wait_idle, wait_until
from own_server import cluster
from same_result import MODES, STATE, VARIANTS, differences, file_of_all_outcomes, prepare, variants

UNDO = "SELECT import_id FROM customer_import.undo_import($1, $2)"
RETRY = "SELECT import_id FROM customer_import.retry_rejects($1, $2)"
RETRY_SKIPPED = "SELECT import_id FROM customer_import.retry_skipped($1, 'Create & Update', $2)"
CALL = "CALL customer_import.run_imports()"
ALL_COUNTS = (*COUNTS[:5], "deleted", "unprocessed")
CUSTOMERS = "SELECT to_jsonb(c) - '{created_at,updated_at}'::text[] FROM customers AS c ORDER BY user_name"
# What has become of the import that was undone or retried.
SOURCE = """
SELECT jsonb_build_object('state', i.state, 'undone', i.undo_import_id = $2, 'tried',
    (SELECT jsonb_agg(jsonb_build_array(s.line, s.retried_by = $2) ORDER BY s.line, s.issue_number)
       FROM customer_import.import_issues AS s WHERE s.import_id = i.id))
  FROM customer_import.imports AS i WHERE i.id = $1
"""


def counts_of(row):
    return tuple(int(row[name]) for name in ALL_COUNTS)


def reverse(user, sql, source, background):
    with Session(user) as session:
        return int(session.value(sql, [source, background]))


def mend(admin):
    """After an import, some of what it rejected is right."""
    admin.rows("SELECT customer_import.add_role_codes('{noSuchRole,alsoNot}')")
    admin.rows("ALTER TABLE customers DROP CONSTRAINT IF EXISTS v_company")


def result_of(admin, sql, content, variant, mode, background):
    prepare(admin, VARIANTS[variant])
    before = admin.rows(CUSTOMERS)
    with Session("regress_ann") as ann:
        source = int(import_file(ann, content, mode, unknown_roles="reject")["import_id"])
    if sql == RETRY:
        mend(admin)
    number = reverse("regress_ann", sql, source, background)
    row = wait_ended(admin, number, 60)
    end_idle(admin)
    result = admin.json(STATE, [number])
    result["report"] = None  # it names the source
    return row, result, admin.json(SOURCE, [source, number]), admin.rows(CUSTOMERS) == before


def test_same_result(report):
    content = file_of_all_outcomes(2000)
    with fresh(batch_rows=300) as admin:
        for variant, _ in variants():
            for sql, what, mode in ((UNDO, "undo", MODES[0]), (UNDO, "undo", MODES[2]), (RETRY, "retry", MODES[0]),
                                    (RETRY_SKIPPED, "retry of what was skipped", MODES[2])):
                if variant == "restrictive policies" and mode == MODES[2]:
                    continue
                expected = result_of(admin, sql, content, variant, mode, False)
                actual = result_of(admin, sql, content, variant, mode, True)
                text = f"{what} of {mode}, {variant}"
                report.equal((actual[0]["state"], counts_of(actual[0]), actual[2]), ("completed", counts_of(expected[0]), expected[2]),
                             f"{text}: the same counts, and the source is as after one in the foreground")
                different = differences(expected[1], actual[1])
                report.line(not different, f"{text}: the same customers, issues and changes", *different)
                report.line(int(actual[0]["updated"]) + int(actual[0]["created"]) > 0, f"{text}: it does something", actual[0])
                if what == "undo" and variant not in ("user trigger", "restrictive policies"):
                    report.line(expected[3] and actual[3], f"{text}: the customers are as they were", actual[0])


def test_slices(report):
    """Several workers on one undo, and on one retry."""
    with fresh(batch_rows=500, workers_per_import=3) as admin, Session("regress_ann") as ann:
        admin.rows("INSERT INTO customers (user_name, roles, company) SELECT 'user' || lpad(n::text, 7, '0'), '{approver}', 'Old' FROM generate_series(0, 9999) AS n")
        before = admin.rows(CUSTOMERS)
        content = new_customers(20_000, rest=",buyer,approver,Some company").replace("userName,addRoles", "userName,addRoles,removeRoles,company", 1)
        source = int(import_file(ann, content)["import_id"])
        number = reverse("regress_ann", UNDO, source, True)
        row = wait_ended(admin, number, 60)
        slices = admin.rows("SELECT slice, position > 0 FROM customer_import._import_slices WHERE import_id = $1 ORDER BY 1", [number])
        report.equal(slices, [(str(index), "t") for index in range(3)], "a large undo is split, and each slice has its part")
        report.equal((row["state"], counts_of(row)), ("completed", (0, 10_000, 0, 0, 0, 10_000, 0)), "all of it is done once")
        report.line(admin.rows(CUSTOMERS) == before, "the customers are as they were")
        report.equal(admin.rows("SELECT state, undo_import_id FROM customer_import.imports WHERE id = $1", [source]), [("undone", str(number))],
                     "its source is undone")
        wait_idle(admin)
        again = reverse("regress_ann", UNDO, number, True)
        row = wait_ended(admin, again, 60)
        report.equal((row["state"], counts_of(row)), ("completed", (10_000, 10_000, 0, 0, 0, 0, 0)), "so is the undo of it")
        report.equal([state(admin, one) for one in (source, number, again)], ["completed", "undone", "completed"], "and the states say so")
        report.equal(admin.value("SELECT count(*) FROM customers WHERE roles = '{buyer}' AND company = 'Some company'"), "20000", "everything is back")
        wait_idle(admin)
        row = wait_ended(admin, reverse("regress_ann", UNDO, again, True), 60)
        report.equal(([state(admin, one) for one in (source, number, again)], admin.rows(CUSTOMERS) == before), (["undone", "completed", "undone"], True),
                     "and the undo of that")
    with fresh(batch_rows=500, workers_per_import=3) as admin, Session("regress_ann") as ann:
        source = int(import_file(ann, new_customers(20_000, rest=",later," + "x" * 20).replace("userName,addRoles", "userName,addRoles,company", 1))["import_id"])
        admin.rows("SELECT customer_import.add_role_codes('{later}')")
        number = reverse("regress_ann", RETRY, source, True)
        row = wait_ended(admin, number, 60)
        report.equal((admin.value("SELECT count(*) FROM customer_import._import_slices WHERE import_id = $1 AND position > 0", [number]),
                      row["state"], counts_of(row)), ("3", "completed", (20_000, 0, 0, 0, 0, 0, 0)), "a large retry too")
        report.equal(admin.rows("SELECT retried_by, count(*) FROM customer_import.import_issues WHERE import_id = $1 GROUP BY 1", [source]),
                     [(str(number), "20000")], "each record was retried by it")


def test_canceled(report):
    with fresh(batch_rows=100, workers_per_import=2) as admin, Session("regress_ann") as ann, Session() as holder:
        content = new_customers(20_000, rest=",buyer," + "x" * 20).replace("userName,addRoles", "userName,addRoles,company", 1)
        source = int(import_file(ann, content)["import_id"])
        holder.rows("BEGIN; SELECT FROM customers WHERE user_name IN ('user0012000', 'user0012001', 'user0012002', 'user0012003') FOR UPDATE")
        number = reverse("regress_ann", UNDO, source, True)
        wait_until(lambda: int(admin.value("SELECT sum(position) FROM customer_import._import_slices WHERE import_id = $1", [number])) > 1000, "it gets on")
        seen = status(ann, number)
        report.line(seen["mode"] == "undo" and seen["state"] == "running" and seen["records"] == 20_000 and "%" in seen["bar"], "import_status follows it", seen)
        ann.rows("SELECT customer_import.cancel_import($1)", [number])
        holder.rows("ROLLBACK")
        row = wait_ended(admin, number, 60)
        done = int(row["deleted"])
        report.line(row["state"] == "canceled" and 0 < done < 20_000 and done + int(row["unprocessed"]) == 20_000, "it stops in the middle", row)
        report.equal(admin.value("SELECT count(*) FROM customers"), str(20_000 - done), "what it says it has deleted is gone")
        report.equal((state(admin, source), admin.value("SELECT undone_in_part FROM customer_import.imports WHERE id = $1", [source])), ("undone", "t"),
                     "its source is undone in part")
        wait_idle(admin)
        back = wait_ended(admin, reverse("regress_ann", UNDO, number, True), 60)
        report.equal((back["state"], int(back["created"]), admin.value("SELECT count(*) FROM customers"), state(admin, source)),
                     ("completed", done, "20000", "completed"), "what it did can be undone, and its source is not undone any more")
        wait_idle(admin)
        rest = wait_ended(admin, reverse("regress_ann", UNDO, source, True), 60)
        report.equal((rest["state"], int(rest["deleted"]), state(admin, source), admin.value("SELECT count(*) FROM customers")),
                     ("completed", 20_000, "undone", "0"), "and then all")
    with fresh(batch_rows=10) as admin, Session("regress_ann") as ann, gate(admin) as door:
        number = submit(ann, new_customers(30, prefix="a") + "wait1,buyer\n" + "".join(f"z{index},buyer\n" for index in range(30)))
        door.wait()
        report.refused(ann.error("SELECT customer_import.undo_import($1)", [number]), "55000", "an import that runs cannot be undone", "has not ended yet", "cancel_import")
        ann.rows("SELECT customer_import.cancel_import($1)", [number])
        door.open()
        row = wait_ended(admin, number)
        undone = wait_ended(admin, reverse("regress_ann", UNDO, number, True))
        report.equal((row["state"], undone["state"], int(undone["deleted"]), admin.value("SELECT count(*) FROM customers"), state(admin, number)),
                     ("canceled", "completed", int(row["created"]), "0", "undone"), "what a canceled import did can be undone")


def test_retry_canceled(report):
    """Each record is tried once, whatever became of the retry before: what was not reached is tried by the next one."""
    tried = ("SELECT retried_by, count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM customers AS c WHERE c.user_name ="
             " split_part(convert_from(s.record, 'UTF8'), ',', 1)))"
             "  FROM customer_import.import_issues AS s WHERE import_id = $1 AND issue_number = 1 GROUP BY 1 ORDER BY 1")
    with fresh(batch_rows=10) as admin, Session("regress_ann") as ann, gate(admin, busy=True) as door:
        names = [*(f"a{index:02}" for index in range(25)), "wait1", *(f"z{index:02}" for index in range(30))]
        source = int(import_file(ann, "userName,addRoles\n" + "".join(f"{name},later\n" for name in names) + "bad,never\n")["import_id"])
        admin.rows("SELECT customer_import.add_role_codes('{later}')")
        first = reverse("regress_ann", RETRY, source, True)
        door.wait()
        ann.rows("SELECT customer_import.cancel_import($1)", [first])
        door.open()
        row = wait_ended(admin, first)
        # What the check rejects is tried with it.
        report.equal((row["state"], counts_of(row)), ("canceled", (30, 0, 0, 0, 1, 0, 26)), "a retry is canceled in the middle")
        report.equal(admin.rows(tried, [source]), [(str(first), "31", "30"), (None, "26", "0")], "what it has tried is marked, the rest is not")
        second = reverse("regress_ann", RETRY, source, True)
        row = wait_ended(admin, second)
        report.equal((row["state"], counts_of(row)), ("completed", (26, 0, 0, 0, 0, 0, 0)), "the next one tries the rest")
        report.equal(admin.rows(tried, [source]), [(str(first), "31", "30"), (str(second), "26", "26")], "and nothing twice")
        report.refused(ann.error(RETRY, [source, True]), "55000", "then there is nothing to retry", "no rejected records", "retried by its own")
        third = reverse("regress_ann", RETRY, first, True)
        report.equal(counts_of(wait_ended(admin, third)), (0, 0, 0, 0, 1, 0, 0), "what the first one has rejected is its own to retry")


def test_rights_lost(report):
    with fresh(batch_rows=1) as admin, Session("regress_ann") as ann, gate(admin) as door:
        door.open()
        admin.rows("INSERT INTO customers (user_name) VALUES ('a'), ('wait1'), ('z')")
        source = int(import_file(ann, "userName,addRoles\na,buyer\nwait1,buyer\nz,buyer\n")["import_id"])
        door.rows("SELECT pg_advisory_lock(4711)")
        number = reverse("regress_ann", UNDO, source, True)
        door.wait()
        admin.rows("SELECT customer_import.alter_operator('regress_ann', roles => array['customerView','customerEdit','importView'])")
        door.open()
        row = wait_ended(admin, number)
        report.equal((row["state"], counts_of(row)), ("denied", (0, 1, 0, 0, 0, 0, 2)), "rights that are lost in the middle end an undo")
        report.equal(admin.rows("SELECT user_name, roles FROM customers ORDER BY 1"), [("a", "{buyer}"), ("wait1", "{buyer}"), ("z", "{}")], "what was committed stays")
        report.equal(state(admin, source), "undone", "its source is undone in part")
        admin.rows("SELECT customer_import.alter_operator('regress_ann', roles => array['customerView','customerEdit','importView','importEdit'])")
        number = reverse("regress_ann", UNDO, source, True)
        report.equal((wait_ended(admin, number)["state"], state(admin, source), admin.value("SELECT count(*) FROM customers WHERE roles <> '{}'")),
                     ("completed", "undone", "0"), "with them the rest is undone")


def test_gateway(report):
    with fresh(batch_rows=1) as admin, Session("regress_web") as web:
        admin.rows("INSERT INTO customers (user_name) VALUES ('a'), ('b')")
        web.rows("BEGIN; SELECT customer_import.act_as('kim')")
        source = int(import_file(web, "userName,addRoles\na,buyer\nb,byer\n")["import_id"])
        web.rows("SELECT customer_import.amend_record($1, 3, 'b,buyer')", [source])
        number = int(web.value(RETRY, [source, True]))
        web.rows("COMMIT")
        row = wait_ended(admin, number)
        report.equal((row["state"], row["operator"], row["database_role"], counts_of(row)), ("completed", "kim", "regress_web", (0, 1, 0, 0, 0, 0, 0)),
                     "a retry runs as the gateway that acts as it")
        web.rows("BEGIN; SELECT customer_import.act_as('kim')")
        number = int(web.value(UNDO, [source, True]))
        web.rows("COMMIT")
        row = wait_ended(admin, number)
        report.equal((row["state"], row["operator"], counts_of(row)), ("completed", "kim", (0, 1, 0, 0, 0, 0, 0)), "so does an undo")
        web.rows("BEGIN; SELECT customer_import.act_as('lee')")
        report.refused(web.error(UNDO, [number, True]), "42704", "another operator of the gateway cannot undo it")
        web.rows("ROLLBACK")


def run_them(report, admin, ann):
    admin.rows("INSERT INTO customers (user_name) VALUES ('a'), ('b')")
    source = int(import_file(ann, "userName,addRoles\na,buyer\nnew,buyer\nb,byer\n")["import_id"])
    ann.rows("SELECT customer_import.amend_record($1, 4, 'b,buyer')", [source])
    retry = reverse("regress_ann", RETRY, source, True)
    report.refused(ann.error(UNDO, [source, True]), "55000", "a queued retry stands in the way of an undo", "is being retried by", "import_status")
    ann.rows(CALL)
    row = record(admin, retry)
    report.equal((row["state"], counts_of(row)), ("completed", (0, 1, 0, 0, 0, 0, 0)), "run_imports() does a retry")
    undo, other = reverse("regress_ann", UNDO, source, True), reverse("regress_ann", UNDO, retry, True)
    ann.rows(CALL)
    report.equal([(record(admin, one)["state"], counts_of(record(admin, one))) for one in (undo, other)],
                 [("completed", (0, 1, 0, 0, 0, 1, 0)), ("completed", (0, 1, 0, 0, 0, 0, 0))], "and undos, one after another")
    report.equal(admin.rows("SELECT user_name, roles FROM customers ORDER BY 1"), [("a", "{}"), ("b", "{}")], "all is as it was")


def test_run_imports(report):
    with cluster(max_worker_processes=0) as server, Session() as admin, Session("regress_ann") as ann:
        report.run(run_them, admin, ann)
        report.equal(server.complaints(), [], "the server does not complain")


def test_limits(report):
    with fresh(batch_rows=1, max_queued_imports=1) as admin, Session("regress_ann") as ann, gate(admin) as door:
        source = int(import_file(ann, "userName,addRoles\na,buyer\nb,byer\n")["import_id"])
        number = submit(ann, "userName,addRoles\nwait1,buyer\n")
        door.wait()
        for sql in (UNDO, RETRY):
            report.refused(ann.error(sql, [source, True]), "53400", "an undo or retry counts among the queued imports", "unfinished imports", "cancel")
        door.open()
        wait_ended(admin, number)
    with fresh() as admin, Session("regress_ann") as ann:
        source = int(import_file(ann, "userName,addRoles\na,buyer\nb,byer\n")["import_id"])
        admin.rows("UPDATE customer_import.imports SET finished_at = now() - interval '91 days' WHERE id = $1", [source])
        submit(ann, "userName,addRoles\nx,buyer\n")
        wait_idle(admin)
        for call in ("undo_import($1)", "undo_import($1, true)", "retry_rejects($1)", "amend_record($1, 3, 'b,buyer')"):
            report.refused(ann.error(f"SELECT customer_import.{call}", [source]), "55000", f"after the retention: {call}", "not kept any more", "retention")
        report.line(adds_up(record(admin, source)), "its history stays")
