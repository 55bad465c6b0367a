"""A worker's memory does not grow with the file."""

import os
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as imported_or_not

import harness
from harness import (HOLDERS, PATIENCE, Session, adds_up, call_import, csv, end_imports, fresh, record, state, submit, wait_until,
                     waits_for_lock)

LIMIT = 16 * 1024  # kB
SESSION_LIMIT = 64 * 1000


def private_memory(pid):
    """RssAnon of a process in kB, None when it has gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return None


def follow(admin, number):
    """Memory of each worker of an import: [(records committed by itself, kB)], from its first look to its end."""
    seen = {}

    def ended():
        for pid, slice_number, done in admin.rows(f"SELECT h.pid, h.objsubid, s.position FROM ({HOLDERS}) AS h"
                                                  " JOIN customer_import._import_slices AS s ON s.import_id = $1 AND s.slice = h.objsubid",
                                                  [number]):
            memory = private_memory(pid)
            if memory is not None:
                seen.setdefault((int(slice_number), pid), []).append((int(done), memory))
        return harness.state(admin, number) not in harness.OPEN_STATES
    wait_until(ended, "the import ends")
    return seen


def grows(report, seen, what):
    for (number, _), values in sorted(seen.items()):
        applying = [memory for done, memory in values if done > 0]
        if not applying:
            report.line(False, f"{what}: the worker of slice {number} was seen at work", values)
            continue
        growth = max(applying) - applying[0]
        report.note(f"{what}: slice {number}: {applying[0]} kB after the first commit, at most {max(applying)} kB after it, {applying[-1]} kB"
                    f" at the end; {max(memory for _, memory in values)} kB at most in all")
        report.line(growth < LIMIT, f"{what}: slice {number} grows by less than 16 MiB", f"{growth} kB", values[:3], values[-3:])


def content(total, kind):
    lines = ["userName,addRoles,email,company"]
    for index in range(total):
        rejected = kind == "rejected" and index % 3 == 0
        lines.append(f"user{index * 7919 % total:08d},{'noSuchRole' if rejected else 'buyer;approver'},user{index}@example.com,Company {index % 100}")
    return "\n".join(lines) + "\n"


def test_growth(report):
    total = 1_000_000 if harness.SLOW else 200_000
    if not os.path.exists("/proc/self/status"):
        report.line(True, "no /proc: memory cannot be looked at")
        return
    for kind, expected in (("created", (total, 0)), ("updated", (0, total)), ("rejected", None)):
        with fresh() as admin, Session("regress_ann") as ann:
            if kind == "updated":
                admin.rows("INSERT INTO customers (user_name) SELECT 'user' || lpad(n::text, 8, '0') FROM generate_series(0, $1 - 1) AS n",
                           [total])
                admin.rows("ANALYZE customers")
            number = submit(ann, content(total, kind))
            seen = follow(admin, number)
            row = record(admin, number)
            what = f"{total} records {kind}"
            report.line(row["state"] == "completed" and adds_up(row) and expected in (None, (row["created"], row["updated"])),
                        f"{what}: completed", row)
            report.equal(len(seen), 2, f"{what}: two workers were seen")
            grows(report, seen, what)


def large_file(session, megabytes):
    """A large object of the session's role: a file of so many MiB, each with ten records of 100 kB."""
    number = session.value("SELECT lo_from_bytea(0, E'userName,company\\n'::bytea)")
    session.rows("DO $$ BEGIN FOR part IN 0 .. " + str(megabytes - 1) + " LOOP PERFORM lo_put(" + number + ", 17 + part * 1048580::bigint,"
                 " (SELECT convert_to(string_agg(format(E'u%s,%s\\n', lpad((part * 10 + i)::text, 6, '0'), repeat('x', 104849)), ''), 'UTF8')"
                 " FROM generate_series(1, 10) AS i)); END LOOP; END $$")
    return number


def test_size_of_the_file(report):
    """A file of 300 MiB takes less than 64 MB of a session's or a worker's memory."""
    if not os.path.exists("/proc/self/status"):
        report.line(True, "no /proc: memory cannot be looked at")
        return
    call = "SELECT state FROM customer_import.import_customers({}::oid, 'Create & Update', background => {})"
    with fresh() as admin, Session("regress_ann") as ann:
        number = large_file(ann, 300)
        with ThreadPoolExecutor(1) as pool:
            imported = pool.submit(ann.value, call.format(number, False))
            peak = 0
            while not imported.done():
                peak = max(peak, private_memory(ann.pid))
                imported_or_not([imported], timeout=0.01)
        report.equal((imported.result(), admin.value("SELECT count(*) FROM customers")), ("completed", "3000"), "a file of 300 MiB is imported")
        report.line(0 < peak < SESSION_LIMIT, "the session takes less than 64 MB", f"{peak} kB")
        admin.rows("TRUNCATE customers")
        ann.rows(call.format(number, True))
        seen = follow(admin, admin.value("SELECT max(id) FROM customer_import.imports"))
        peak = max(memory for values in seen.values() for _, memory in values)
        report.equal(admin.value("SELECT count(*) FROM customers"), "3000", "and in the background")
        report.line(0 < peak < SESSION_LIMIT, "a worker takes less than 64 MB", f"{peak} kB")
        admin.rows("TRUNCATE customers")
        upload = ann.value("SELECT customer_import.begin_upload()")
        peak = 0
        for part in range(301):
            ann.rows(f"SELECT customer_import.append_upload({upload}, lo_get({number}, {part} * 1048576::bigint, 1048576), {part} * 1048576::bigint)")
            peak = max(peak, private_memory(ann.pid))
        report.line(0 < peak < SESSION_LIMIT, "an upload of it takes less than 64 MB", f"{peak} kB")
        with ThreadPoolExecutor(1) as pool:
            imported = pool.submit(ann.value, f"SELECT state FROM customer_import.import_upload({upload}, 'Create & Update')")
            while not imported.done():
                peak = max(peak, private_memory(ann.pid))
                imported_or_not([imported], timeout=0.01)
        report.equal((imported.result(), admin.value("SELECT count(*) FROM customers")), ("completed", "3000"), "it is imported")
        report.line(0 < peak < SESSION_LIMIT, "for less than 64 MB, too", f"{peak} kB")
        ann.rows(f"SELECT lo_unlink({number})")


def test_calls_in_vain(report):
    """1,000 calls that fail or are canceled leave a session as large as the first of them."""
    update = csv(f"u{index},buyer" for index in range(1, 31))
    with fresh(**{"max_running_imports": 1, PATIENCE: "1h"}) as admin, Session() as holder, Session() as caller:
        admin.rows("INSERT INTO customers (user_name) SELECT 'u' || n FROM generate_series(1, 30) AS n")
        holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'u5'")
        for user in ("regress_ben", "regress_eve"):  # no more run beside one that is blocked
            with Session(user) as session:
                submit(session, update)
        wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'customer_import worker%'"
                                       " AND wait_event_type = 'Lock'") == "2", "their workers wait")
        number = submit(caller, update)
        calls = (("waits for a lock", "lock_timeout = '1ms'", 300, call_import(), [update, "Update Only"], "55P03"),
                 ("is refused", "lock_timeout = 0", 300, call_import(), ['userName,addRoles\na,"b\n', "Update Only"], "22P04"),
                 ("is denied", "customer_import.batch_rows = 1", 300, call_import(), [update, "no mode"], "22023"),
                 ("is canceled", "statement_timeout = '30ms'", 100, "CALL customer_import.run_imports()", None, "57014"))
        for what, setting, count, sql, parameters, sqlstate in calls:
            caller.rows(f"SET {setting}")
            sizes = []
            # A call that comes farther than those before it leaves what it has kept for the next one: a leak grows all the time.
            for calls_made in range(2 * count + 11):
                if calls_made in (10, count + 10, 2 * count + 10):
                    size = caller.value("SELECT sum(total_bytes) FROM pg_backend_memory_contexts")
                    sizes.append((int(size) // 1024, private_memory(caller.pid) or 0))
                error = caller.error(sql, parameters)
                if error is None or error.sqlstate != sqlstate:
                    report.refused(error, sqlstate, f"a call that {what}")
            caller.rows("RESET ALL")
            growth = max(min(second - first, third - second) for first, second, third in zip(*sizes))
            report.line(growth < 512, f"{count} calls more, each of which {what}: no memory is left behind", f"(contexts, private) kB: {sizes}")
        report.line(state(admin, number) in harness.OPEN_STATES, "a call that is canceled leaves its import open, however often",
                    state(admin, number))
        end_imports(admin)
        holder.rows("ROLLBACK")
