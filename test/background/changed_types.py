"""Columns that get another type, or are filled by the server, between the batches of an import."""

from harness import Session, counts_of, csv, fresh, gate, submit, wait_ended, wait_until

# The first batch ends with the customer at which the worker is held; the second has words for each type.
RECORDS = [f"a{index},yes" for index in range(99)] + ["wait1,yes", "b1,yes", "b2,7", "b3,no", "b4,maybe"]
CONTENT = csv(RECORDS, header="userName,phone")


def in_between(admin, ann, change):
    """Imports, and changes the table after the first batch. Returns the row of the import."""
    with gate(admin) as holder, Session() as other:
        number = submit(ann, CONTENT)
        holder.wait()
        other.start(change)
        wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query = $1", [change]) == "1",
                   "the change waits for the batch")
        holder.open()
        other.finish()
        return number, wait_ended(admin, number)


def issues(admin, number):
    return admin.rows("SELECT line, code, column_name, value FROM customer_import.import_issues WHERE import_id = $1 ORDER BY line", [number])


def second_batch(admin):
    return admin.value("SELECT string_agg(user_name || ' ' || COALESCE(phone::text, '-'), ', ' ORDER BY user_name) FROM customers WHERE user_name ~ '^b'")


def test_other_types(report):
    """A mapped column may get another type: what is imported from then on is read by it."""
    for change, expected, rejected in (
            ("ALTER TABLE customers ALTER COLUMN phone TYPE integer USING NULL", "b2 7", ("102", "104", "105")),
            ("ALTER TABLE customers ALTER COLUMN phone TYPE boolean USING NULL", "b1 true, b3 false", ("103", "105"))):
        with fresh(batch_rows=100) as admin, Session("regress_ann") as ann:
            number, row = in_between(admin, ann, change)
            report.equal((row["state"], counts_of(row)), ("completed", (100 + expected.count("b"), 0, 0, 0, len(rejected), 0)), change)
            report.equal(second_batch(admin), expected, "what is a value of the type is there")
            report.equal([(line, code, column) for line, code, column, _ in issues(admin, number)],
                         [(line, "invalid_value", "phone") for line in rejected], "what is none is invalid_value of the column")


def test_filled_by_the_server(report):
    """A column that becomes generated or an identity column is a clear 55000; what was committed stays."""
    for added, words in (("text GENERATED ALWAYS AS (user_name) STORED", "is generated"), ("integer GENERATED ALWAYS AS IDENTITY", "is an identity column")):
        with fresh(batch_rows=100) as admin, Session("regress_ann") as ann:
            _, row = in_between(admin, ann, f"ALTER TABLE customers DROP COLUMN phone, ADD COLUMN phone {added}")
            report.equal((row["state"], counts_of(row)), ("failed", (100, 0, 0, 0, 0, 4)), f"phone {words}")
            report.matches(row["message"], "the customers table has changed", "the import says why")
