"""Claims of messages: leases, fences, delays, and what administrators see and do."""

import threading

from harness import (ADA, ADDRESS, ANN, MAILER, OTHER, Client, claim, clear, fresh, import_as, make_due, message, message_of,
                     queue_messages, states, wait_until)

FAILED = "SELECT customer_import.message_failed(%s, %s, %s, %s)"


def test_what_a_claim_gives(report):
    with fresh() as admin, Client(MAILER) as mailer:
        report.equal(claim(mailer), None, "an empty outbox has nothing to claim")
        done = import_as(ANN, file_name="März.csv")
        row = message_of(admin, done["import_id"])
        got = claim(mailer)
        report.equal((got["id"], got["fence"], got["recipient"], got["attempts"], got["message"], got["attachment_note"]),
                     (row["id"], 1, "ann@example.com", 1, None, None), "a claim gives id, fence, recipient, attempts")
        report.equal({key: got["report"][key] for key in ("import_id", "operator", "recipient", "file_name", "state")},
                     {"import_id": done["import_id"], "operator": ANN, "recipient": "ann@example.com",
                      "file_name": "März.csv", "state": "completed"}, "it has the report, with operator and recipient")
        text = bytes(got["attachment"]).decode("utf-8-sig")
        report.equal((text.count("noa,nonsense"), text.count("ole,buyre"), text.count("mia")), (1, 1, 0),
                     "and the rejected records as attachment")
        report.equal(claim(mailer), None, "a claimed message is not handed out again")
        row = message(admin, row["id"])
        report.line(row["state"] == "sending" and row["lease_until"] is not None, "it is being sent, on a lease", row)
        done = import_as(ANN, "userName,addRoles\nmia,buyer\n")
        got = claim(mailer)
        report.equal((got["report"]["import_id"], got["attachment"]), (done["import_id"], None),
                     "where nothing was rejected there is no attachment")


def test_stored_bytes(report):
    with fresh() as admin, Client(MAILER) as mailer:
        (message_id,) = queue_messages(1)
        first = claim(mailer)
        store = "SELECT customer_import.store_message(%s, %s, %s)"
        content = bytes(range(256)) * 3
        report.equal(mailer.value(store, [message_id, first["fence"] + 1, b"forged"]), False, "no bytes from a wrong fence")
        report.equal(mailer.value(store, [message_id, first["fence"], content]), True, "the claimer stores the bytes")
        report.equal(mailer.value(store, [message_id, first["fence"], b"other"]), True, "storing again is accepted")
        make_due(admin)
        second = claim(mailer)
        report.equal((bytes(second["message"]), second["report"], second["attachment"]), (content, None, None),
                     "and the first bytes count: later claims get just them")
        report.equal(mailer.value(store, [message_id, first["fence"], b"late"]), False, "the former claimer stores no more")


def test_skip_locked(report):
    with fresh(), Client(MAILER) as one, Client(MAILER) as two:
        ids = queue_messages(2)
        one.rows("BEGIN")
        first = claim(one)
        second = claim(two)
        report.equal([first["id"], second["id"]], ids, "two sessions claim two messages, without waiting, oldest first")
        report.equal(claim(two), None, "and no third")
        one.rows("ROLLBACK")
        report.equal(claim(two)["id"], ids[0], "a claim that is rolled back leaves the message to others")


def test_locks_of_the_table(report):
    """The mailer takes no lock on the customers table: neither an index that is built nor a change of its shape stops it."""
    with fresh() as admin, Client(MAILER) as mailer, Client() as holder:
        for statement in ("LOCK TABLE customers IN SHARE MODE", "LOCK TABLE customers IN ACCESS EXCLUSIVE MODE",
                          "ALTER TABLE customers ADD COLUMN regress_more text", "CREATE INDEX ON customers (company)"):
            queue_messages(1, "userName,addRoles\nx,nonsense\n")
            holder.rows("BEGIN")
            holder.rows(statement)
            mailer.rows("SET lock_timeout = '5s'; BEGIN")
            row = claim(mailer)
            report.line(row and row["attachment"], f"claim_message() beside {statement}", row)
            report.equal(admin.value("SELECT count(*) FROM pg_locks WHERE relation = 'customers'::regclass AND pid <> %s",
                                     [holder.value("SELECT pg_backend_pid()")]), 0, "and without a lock on customers")
            mailer.rows("COMMIT")
            holder.rows("ROLLBACK")


def test_rows_of_others(report):
    """What another mailer has not committed yet is passed over, also where a claim puts rows in order first."""
    with fresh() as admin, Client(MAILER) as one, Client(MAILER) as two:
        ids = queue_messages(3)
        first = claim(one)
        admin.rows("UPDATE customer_import.email_outbox SET attempts = 14, next_attempt_at = now() WHERE id = %s", [first["id"]])
        admin.rows("UPDATE customer_import.email_outbox SET origin = 'elsewhere' WHERE id = %s", [ids[1]])
        admin.rows("BEGIN")
        admin.rows("SELECT FROM customer_import.email_outbox WHERE id = %s FOR UPDATE", [ids[1]])
        one.rows("BEGIN")
        one.rows(FAILED, [first["id"], first["fence"], "450 later", False])
        two.rows("SET lock_timeout = '5s'")
        report.equal(claim(two)["id"], ids[2], "a claim waits for nobody's row")
        one.rows("COMMIT")
        admin.rows("COMMIT")
        claim(two)
        report.equal(states(admin), {"failed": 1, "held": 1, "sending": 1}, "the next one puts in order what was held")


def test_one_whatever_the_plan(report):
    """Statistics of a table with one row make a nested loop that starts from the table as cheap as any other plan."""
    with fresh() as admin, Client(MAILER) as mailer:
        for off in ("", "indexscan bitmapscan", "indexscan bitmapscan hashjoin mergejoin material", "nestloop hashjoin",
                    "nestloop mergejoin"):
            clear(admin)
            ids = queue_messages(1)
            admin.rows("VACUUM ANALYZE customer_import.email_outbox")
            ids += queue_messages(3)
            mailer.rows("RESET ALL")
            for name in off.split():
                mailer.rows(f"SET enable_{name} = off")
            got = [claim(mailer) for _ in ids]
            report.equal([message and message["id"] for message in got], ids,
                         f"a claim takes one message, with {off or 'no way of joining'} switched off")


def test_many_sessions(report):
    with fresh() as admin:
        ids = queue_messages(40)
        got, errors = [], []

        def work():
            try:
                with Client(MAILER) as session:
                    while (row := claim(session)) is not None:
                        got.append(row["id"])
                        if not session.value("SELECT customer_import.message_sent(%s, %s)", [row["id"], row["fence"]]):
                            errors.append(row)
            except Exception as error:  # pylint: disable=broad-except
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        report.equal((sorted(got), errors, states(admin)), (ids, [], {"sent": 40}),
                     "four sessions take forty messages, each exactly once")


def test_lease_and_fence(report):
    with fresh() as admin, Client(MAILER) as one, Client(MAILER) as two:
        (message_id,) = queue_messages(1)
        old = claim(one, "50 milliseconds")
        new = wait_until(lambda: claim(two), "the lease ends")
        report.equal((new["id"], new["fence"], new["attempts"]), (message_id, old["fence"] + 1, 2),
                     "after the lease another one claims it, with a new fence")
        report.equal(one.value("SELECT customer_import.message_sent(%s, %s)", [message_id, old["fence"]]), False,
                     "the old claim cannot report it sent")
        report.equal(one.value(FAILED, [message_id, old["fence"], "late", True]), None, "nor failed")
        report.equal((message(admin, message_id)["state"], message(admin, message_id)["last_error"]), ("sending", None),
                     "and changes nothing")
        report.equal(two.value("SELECT customer_import.message_sent(%s, %s)", [message_id, new["fence"]]), True,
                     "the new claim can")
        row = message(admin, message_id)
        report.line(row["state"] == "sent" and row["sent_at"] and row["lease_until"] is None, "it is sent then", row)
        report.equal(two.value("SELECT customer_import.message_sent(%s, %s)", [message_id, new["fence"]]), False,
                     "once only")
        report.equal(two.value(FAILED, [message_id, new["fence"], "afterwards", False]), None,
                     "what is sent cannot fail any more")
        report.equal(states(admin), {"sent": 1}, "and stays sent")
        report.equal(two.value("SELECT customer_import.message_sent(0, 1)"), False, "a message that is not there: false")


def test_delays(report):
    with fresh() as admin, Client(MAILER) as mailer:
        (message_id,) = queue_messages(1)
        delays, expected = [], [min(60 * 2 ** n, 4 * 3600) for n in range(13)]
        for attempt in range(1, 15):
            row = claim(mailer)
            report.equal((row["id"], row["attempts"]), (message_id, attempt), f"attempt {attempt}")
            at, now = mailer.row("SELECT f.at, clock_timestamp() FROM (SELECT customer_import.message_failed(%s, %s, %s, %s))"
                                 " AS f(at)", [message_id, row["fence"], f"451 try {attempt}", False])
            if at is None:
                break
            delays.append((at - now).total_seconds())
            report.equal(message(admin, message_id)["next_attempt_at"], at, "the time of the next attempt is told")
            report.equal(claim(mailer), None, "and it is not due before")
            make_due(admin)
        report.equal(len(delays), 13, "thirteen failures are followed by another attempt")
        wrong = [(delay, mean) for delay, mean in zip(delays, expected) if not 0.74 * mean < delay < 1.26 * mean]
        report.equal(wrong, [], "the delay doubles from a minute to four hours, give or take a quarter")
        row = message(admin, message_id)
        report.equal((row["state"], row["attempts"], row["last_error"]), ("failed", 14, "451 try 14"),
                     "the fourteenth failure is the last")
        report.line(sum(delays) > 0.75 * 24 * 3600, "temporary failures are tried again for a day", sum(delays))
        make_due(admin)
        report.equal(claim(mailer), None, "a failed message is not handed out")


def test_jitter(report):
    with fresh(), Client(MAILER) as mailer:
        queue_messages(12)
        seconds = []
        while (row := claim(mailer)) is not None:
            seconds.append(mailer.value("SELECT extract(epoch FROM customer_import.message_failed(%s, %s, 'x', false)"
                                        " - clock_timestamp())::float", [row["id"], row["fence"]]))
        report.line(len(seconds) == 12 and max(seconds) - min(seconds) > 2, "delays are spread", seconds)


def test_permanent(report):
    with fresh() as admin, Client(MAILER) as mailer:
        (message_id,) = queue_messages(1)
        row = claim(mailer)
        hostile = "550 5.1.1 No\r\nsuch\x01 user\x7f \x1b[31m" + "é" * 400
        report.equal(mailer.value(FAILED, [message_id, row["fence"], hostile, True]), None, "a permanent failure ends it")
        kept = message(admin, message_id)
        report.equal(kept["state"], "failed", "the message has failed")
        text = kept["last_error"]
        report.line(len(text.removesuffix("…").encode()) <= 500 and text.isprintable() and text.startswith("550 5.1.1 No"),
                    "the server's answer is kept, at most 500 bytes of it, without control characters", repr(text))


def test_retry(report):
    with fresh() as admin, Client(MAILER) as mailer:
        (message_id,) = queue_messages(1)
        row = claim(mailer)
        report.equal(admin.error("SELECT customer_import.retry_message(%s)", [message_id]), "42704",
                     "a message that is being sent is not retried")
        mailer.rows(FAILED, [message_id, row["fence"], "550 no", True])
        for user, error in ((ANN, "42501"), (MAILER, "42501"), (OTHER, "42501"), (ADA, None)):
            with Client(user) as session, Client() as listener:
                listener.rows("LISTEN customer_import_email")
                report.equal(session.error("SELECT customer_import.retry_message(%s)", [message_id]), error,
                             f"retry_message() as {user}: {error or 'allowed'}")
                if error is None:
                    report.equal(wait_until(listener.notifications, "the mailer is woken"),
                                 [("customer_import_email", str(message_id))], "retry_message() wakes the mailer")
        report.equal((states(admin), message(admin, message_id)["attempts"]), ({"queued": 1}, 0), "it starts anew")
        again = claim(mailer)
        report.line(again["fence"] > row["fence"], "with a new fence", again)
        mailer.rows("SELECT customer_import.message_sent(%s, %s)", [message_id, again["fence"]])
        for wrong in (message_id, 0, -1):
            report.equal(admin.error("SELECT customer_import.retry_message(%s)", [wrong]), "42704",
                         "what is sent, or not there, is not retried")


def test_retry_at_a_new_address(report):
    """Once the address was corrected, a retry goes there, with bytes of its own: the stored ones are for the old one."""
    alter = "SELECT customer_import.alter_operator(%s, email => %s)"
    store = "SELECT customer_import.store_message(%s, %s, %s)"
    retry = "SELECT customer_import.retry_message(%s)"

    def failed_again(mailer):
        row = claim(mailer)
        mailer.rows(store, [row["id"], row["fence"], f"To: {row['recipient']}".encode()])
        mailer.rows(FAILED, [row["id"], row["fence"], "550 no", True])
        return row

    with fresh() as admin, Client(MAILER) as mailer:
        (message_id,) = queue_messages(1)
        try:
            failed_again(mailer)
            admin.rows(retry, [message_id])
            report.equal(bytes(failed_again(mailer)["message"]), b"To: ann@example.com", "to the same address a retry sends the same bytes")
            admin.rows(alter, [ANN, "ann@new.example"])
            admin.rows(retry, [message_id])
            row = failed_again(mailer)
            report.equal((row["recipient"], row["report"]["recipient"], row["message"]), ("ann@new.example", "ann@new.example", None),
                         "after alter_operator() the message is made anew, for the new address")
            admin.rows(alter, [ANN, ""])
            admin.rows(retry, [message_id])
            row = claim(mailer)
            report.equal((row["recipient"], bytes(row["message"])), ("ann@new.example", b"To: ann@new.example"),
                         "where the operator has none any more, it goes where it went before")
        finally:
            admin.rows(alter, [ANN, ADDRESS])


def test_status(report):
    with fresh() as admin, Client(MAILER) as mailer:
        report.equal(admin.rows("SELECT * FROM customer_import.mailer_status"), [], "an empty outbox, an empty status")
        queue_messages(4)
        for permanent, text in ((True, "550 no"), (False, "451 later")):
            row = claim(mailer)
            mailer.rows(FAILED, [row["id"], row["fence"], text, permanent])
        row = claim(mailer)
        mailer.rows("SELECT customer_import.message_sent(%s, %s)", [row["id"], row["fence"]])
        with Client(ADA) as session:
            rows = session.rows("SELECT state, messages, last_error, last_sent_at IS NOT NULL, next_attempt_at IS NOT NULL,"
                                " oldest IS NOT NULL FROM customer_import.mailer_status ORDER BY state")
        report.equal(rows, [("failed", 1, "550 no", False, False, True), ("queued", 2, "451 later", False, True, True),
                            ("sent", 1, None, True, False, True)], "the status tells each state apart")
        for user in (ANN, MAILER, OTHER):
            with Client(user) as session:
                report.equal(session.error("SELECT * FROM customer_import.mailer_status"), "42501",
                             f"{user} does not see it")


def test_next_message_at(report):
    with fresh() as admin, Client(MAILER) as mailer:
        ask = "SELECT customer_import.next_message_at()"
        report.equal(mailer.value(ask), None, "nothing is due when nothing is there")
        (message_id,) = queue_messages(1)
        report.equal(mailer.value(ask), message(admin, message_id)["next_attempt_at"], "a new message is due at once")
        row = claim(mailer, "1 hour")
        apart = mailer.value(ask) - message(admin, message_id)["lease_until"]
        report.line(abs(apart.total_seconds()) < 1, "a claimed one when its lease ends", apart)
        at = mailer.value(FAILED, [message_id, row["fence"], "451", False])
        report.equal(mailer.value(ask), at, "a failed attempt when it is tried again")
        make_due(admin)
        row = claim(mailer)
        mailer.rows("SELECT customer_import.message_sent(%s, %s)", [message_id, row["fence"]])
        report.equal(mailer.value(ask), None, "what is sent is not due")


def test_killed_claims(report):
    """A message that ends its mailer each time must not be tried for ever."""
    with fresh() as admin, Client(MAILER) as mailer:
        (message_id,) = queue_messages(1)
        claims = 0
        while claims < 40 and claim(mailer) is not None:
            claims += 1
            make_due(admin)
        report.line(claims <= 15 and message(admin, message_id)["state"] == "failed",
                    "a message whose claims only ever run out fails after fourteen", f"{claims} claims", states(admin))
