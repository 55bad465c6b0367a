"""A worker's memory does not grow with the file."""

import os

import harness
from harness import (HOLDERS, PATIENCE, Session, adds_up, call_import, csv, end_imports, fresh, record, state, submit, wait_until,
                     waits_for_lock)

LIMIT = 16 * 1024  # kB


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
                                                  " JOIN customer_import.import_slices AS s ON s.import_id = $1 AND s.slice = h.objsubid",
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


def test_size_of_the_file(report):
    """Nor does it take more for a larger file: not while the file is checked either."""
    if not os.path.exists("/proc/self/status"):
        report.line(True, "no /proc: memory cannot be looked at")
        return
    peaks = {}
    for size in (10, 60):
        with fresh() as admin, Session("regress_ann") as ann:
            lines = (f"u{index:06d},{'x' * 4990}" for index in range(size * 1024 * 1024 // 5000))
            number = submit(ann, "userName,company\n" + "\n".join(lines) + "\n")
            seen = follow(admin, number)
            peaks[size] = max(memory for values in seen.values() for _, memory in values)
            report.equal(record(admin, number)["state"], "completed", f"a file of {size} MiB is imported")
            report.note(f"a worker's private memory, file of {size} MiB: {peaks[size]} kB at most")
    report.line(peaks[60] - peaks[10] < LIMIT, "a file of 60 MiB takes less than 16 MiB more than one of 10 MiB", peaks)


def test_calls_in_vain(report):
    """1,000 calls that fail or are canceled leave a session as large as the first of them."""
    update = csv(f"u{index},buyer" for index in range(1, 31))
    with fresh(**{"max_running_imports": 1, PATIENCE: "1h"}) as admin, Session() as holder, Session() as caller:
        admin.rows("INSERT INTO customers (user_name) SELECT 'u' || n FROM generate_series(1, 30) AS n")
        holder.rows("BEGIN; UPDATE customers SET company = 'theirs' WHERE user_name = 'u5'")
        with Session("regress_ben") as ben:
            submit(ben, update)  # has the only slot
        wait_until(lambda: waits_for_lock(admin), "its worker waits")
        number = submit(caller, update)
        calls = (("waits for a lock", "lock_timeout = '1ms'", 300, call_import(), [update, "Update Only"], "55P03"),
                 ("is refused", "lock_timeout = 0", 300, call_import(), ['userName,addRoles\na,"b\n', "Update Only"], "22P04"),
                 ("is denied", "customer_import.batch_rows = 1", 300, call_import(), [update, "no mode"], "22023"),
                 ("is canceled", "statement_timeout = '30ms'", 100, "CALL customer_import.run_imports()", None, "57014"))
        for what, setting, count, sql, parameters, sqlstate in calls:
            caller.rows(f"SET {setting}")
            sizes = []
            for calls_made in range(count + 11):
                if calls_made in (10, count + 10):
                    size = caller.value("SELECT sum(total_bytes) FROM pg_backend_memory_contexts")
                    sizes.append((int(size) // 1024, private_memory(caller.pid) or 0))
                error = caller.error(sql, parameters)
                if error is None or error.sqlstate != sqlstate:
                    report.refused(error, sqlstate, f"a call that {what}")
            caller.rows("RESET ALL")
            growth = max(after - before for before, after in zip(*sizes))
            report.line(growth < 512, f"{count} calls more, each of which {what}: no memory is left behind", f"(contexts, private) kB: {sizes}")
        report.equal(state(admin, number), "running", "a call that is canceled leaves its import open, however often")
        end_imports(admin)
        holder.rows("ROLLBACK")
