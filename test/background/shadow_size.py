"""What rows leave behind in the shadow is given back between batches. For a server where customers tables have one."""

from harness import Session, counts_of, fresh, new_customers, run_in_background

TOTAL = 20_000
BYTES = "SELECT pg_total_relation_size('customer_import._shadow')"


def test_given_back(report):
    with fresh(batch_rows=500) as admin, Session("regress_ann") as ann:
        row = run_in_background(admin, ann, new_customers(TOTAL))
        left = int(admin.value(BYTES))
        report.equal(counts_of(row), (TOTAL, 0, 0, 0, 0, 0), "without a limit")
        report.line(left > 4_000_000, "an import leaves its room behind", left)
    with fresh(batch_rows=500, test_shadow_kilobytes=100) as admin, Session("regress_ann") as ann:
        for workers, prefix in ((1, "one"), (2, "two")):
            admin.rows(f"ALTER DATABASE {admin.database} SET customer_import.workers_per_import = {workers}")
            row = run_in_background(admin, ann, new_customers(TOTAL, prefix))
            left = int(admin.value(BYTES))
            report.equal(counts_of(row), (TOTAL, 0, 0, 0, 0, 0), f"given back by {workers} workers: all are created")
            report.line(left < 1_000_000, "and little is left", left)
        admin.rows(f"ALTER DATABASE {admin.database} RESET customer_import.workers_per_import")
        report.equal(admin.value("SELECT count(*) FROM customers"), str(2 * TOTAL), "and there")


def test_held(report):
    """Who holds the shadow keeps nobody from getting on."""
    # Between two batches alone, since a worker waits five seconds for it.
    with fresh(batch_rows=TOTAL // 2, workers_per_import=1, test_shadow_kilobytes=1000) as admin, Session("regress_ann") as ann, Session() as holder:
        holder.rows("BEGIN; SELECT FROM customer_import._shadow")
        row = run_in_background(admin, ann, new_customers(TOTAL))
        left = int(admin.value(BYTES))
        report.equal(counts_of(row), (TOTAL, 0, 0, 0, 0, 0), "the shadow is held: all are created")
        report.line(left > 4_000_000, "in room that is not given back", left)
        holder.rows("COMMIT")
