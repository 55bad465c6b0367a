"""Which roles may act as which operators, and several operators over one server connection."""

import threading

from bouncer import break_off
from harness import (ADA, ADMIN_WEB, ANN, BEN, CUSTOMERS, DAVE, NIA, NOBODY, OPERATOR_CODES, OTHER, SHOP, VIC, VIEWS,
                     WEB, reset_operators, superuser, wait_until)

UNDEFINED, DENIED, NO_TRANSACTION, WRONG_STATE = "42704", "42501", "25P01", "55000"


def views(report, bouncer):
    with bouncer.client() as web:
        report.equal(web.view(), NOBODY, "a gateway by itself is nobody and sees no customer")
        for expected in (ANN, BEN, VIC, NIA):
            report.equal(web.view_as(expected[0]), expected, f"acting as {expected[0]}, it has exactly its rights")
            report.equal(web.view(), NOBODY, f"and it is nobody again after acting as {expected[0]}")
        report.equal(web.error("INSERT INTO public.customers (user_name) VALUES ('by-nobody')"), DENIED,
                     "a gateway by itself writes no customer")
        with web.transaction("vic", "ROLLBACK"):
            report.equal(web.error("INSERT INTO public.customers (user_name) VALUES ('by-vic')"), DENIED,
                         "nor does it as an operator without the right")
        with web.transaction("ann", "ROLLBACK"):
            web.rows("INSERT INTO public.customers (user_name) VALUES ('by-ann')")
            report.equal(web.value("SELECT count(*) FROM public.customers"), CUSTOMERS + 1,
                         "as an operator with the right it does")
            report.equal(web.row("SELECT current_user, session_user"), (WEB, WEB),
                         "acting changes neither current_user nor session_user")
    with bouncer.client(ADMIN_WEB) as web:
        report.equal(web.view_as("ada"), ADA, "a gateway that may act as an administrator is one")
        report.equal(web.view(), NOBODY, "and it is nobody afterwards")


def refusals(report, bouncer):
    with bouncer.client() as web:
        for name, state, why in (("ann", NO_TRANSACTION, "outside of a transaction block"),
                                 ("nobody", NO_TRANSACTION, "outside of a transaction block, whoever it is")):
            report.equal(web.act_error(name), state, f"refused: {why}")
        report.equal(web.view(), NOBODY, "and it has no effect")
        for name, state, why in (("nobody", UNDEFINED, "an unknown operator"), ("", UNDEFINED, "an empty name"),
                                 ("ANN", UNDEFINED, "a name in another case"), ("ann ", UNDEFINED, "a name with a blank"),
                                 ("ina", DENIED, "an operator who is switched off"),
                                 ("ada", DENIED, "an administrator, where the gateway may not act as one"),
                                 (OTHER, UNDEFINED, "a database role that is no operator")):
            web.rows("BEGIN")
            report.equal(web.act_error(name), state, f"refused: {why}")
            web.rows("ROLLBACK")
            report.equal(web.view(), NOBODY, f"and it has no effect: {why}")
        web.rows("BEGIN")
        web.error("SELECT customer_import.act_as(NULL)")
        web.rows("ROLLBACK; BEGIN")
        report.equal(web.view(), NOBODY, "acting as NULL has no effect")
        web.rows("ROLLBACK")
        with web.transaction("ann", "ROLLBACK"):
            web.act_as("ann")
            report.equal(web.view(), ANN, "the same name again has no effect")
            report.equal(web.act_error("ben"), WRONG_STATE, "another name in the same transaction is refused")
        for other in ("nobody", "ina", "ada", "ben"):
            with web.transaction("ann"):
                web.rows("SAVEPOINT s")
                report.line(web.act_error(other) is not None, f"a second operator is refused: {other}")
                web.rows("ROLLBACK TO s")
                report.equal(web.view(), ANN, f"and after ROLLBACK TO SAVEPOINT it still acts as the first: {other}")
        report.equal(web.view_as("ben"), BEN, "in the next transaction the other name is taken")
    for login in (OTHER, DAVE):
        with bouncer.client(login) as client:
            client.rows("BEGIN")
            report.equal(client.act_error("ann"), DENIED, f"refused: {login} is no gateway")
            client.rows("ROLLBACK")
    with superuser() as session:
        session.rows("BEGIN")
        report.equal(session.act_error("ann"), DENIED, "refused: a superuser of the database")
        session.rows("ROLLBACK")
        for attribute in ("SUPERUSER", "BYPASSRLS"):
            try:
                session.rows(f"ALTER ROLE {WEB} {attribute}")
                with bouncer.client() as web:
                    web.rows("BEGIN")
                    report.equal(web.act_error("ann"), DENIED, f"refused: a gateway that has become {attribute}")
                    web.rows("ROLLBACK")
            finally:
                session.rows(f"ALTER ROLE {WEB} NO{attribute}")


def operators_with_roles(report, bouncer):
    with bouncer.client(DAVE) as client:
        report.equal(client.view(), (DAVE, *ANN[1:]), "an operator with a database role is itself over the pool, too")
        report.equal(client.view_as(None), (DAVE, *ANN[1:]), "in a transaction, too")
    with bouncer.client(SHOP) as client:
        itself = (SHOP, *VIC[1:])
        report.equal(client.view(), itself, "a gateway that is an operator is itself as long as it acts as nobody")
        report.equal(client.view_as("ann"), ANN, "and acting it is who it acts as")
        report.equal(client.view_as("nia"), NIA, "without its own rights")
        report.equal(client.view(), itself, "and afterwards it is itself again")


def two_operators(report, bouncer):
    """Two clients take turns; the one waits in the pool while the other is in a transaction."""
    with bouncer.client() as first, bouncer.client() as second:
        report.equal(first.pid(), second.pid(), "two clients share one server connection")
        wrong = []
        for turn in range(20):
            for client, expected in ((first, ANN), (second, VIC), (first, NIA), (second, BEN)):
                seen = (client.view_as(expected[0]), client.view())
                if seen != (expected, NOBODY):
                    wrong.append(f"turn {turn}, {expected[0]}: {seen}")
        report.line(not wrong, "80 transactions of four operators over two clients in turn: each sees what is its own", *wrong)
        for mine, other in ((ANN, VIC), (VIC, ANN), (NIA, ANN), (ANN, ANN)):
            seen = {}

            def run_second(name=other[0], seen=seen):
                try:
                    seen["acting"] = second.view_as(name)
                    seen["after"] = second.view()
                except Exception as error:  # pylint: disable=broad-except
                    seen["error"] = error
            with first.transaction(mine[0]):
                waiting = threading.Thread(target=run_second)
                waiting.start()
                bouncer.wait_for_waiting()
                inside = first.view()
            waiting.join()
            report.equal((inside, seen), (mine, {"acting": other, "after": NOBODY}),
                         f"{other[0]} waits in the pool while {mine[0]} works, and then works as itself")
            report.equal(first.view(), NOBODY, "and nobody is left behind")


def same_connection(report, bouncer):
    """Without this the tests here would show nothing: all transactions were on one server connection."""
    with bouncer.client() as first, bouncer.client() as second:
        pids = set()
        for name in ("ann", "ben", "vic"):
            for client in (first, second):
                with client.transaction(name):
                    pids.add(client.pid())
        report.equal(len(pids), 1, "all of it went over one server connection")


def many_clients(report, bouncer):
    """Clients that do not wait for each other, each with an operator of its own."""
    rounds, wrong, threads = 60, [], []

    def work(expected):
        try:
            with bouncer.client() as client:
                for turn in range(rounds):
                    with client.transaction(expected[0], "ROLLBACK" if turn % 3 == 0 else "COMMIT"):
                        client.rows("INSERT INTO public.marks (step, operator)"
                                    " VALUES (%s, customer_import.current_operator())", [expected[0]])
                        seen = client.view()
                    if seen != expected:
                        wrong.append(f"{expected[0]} saw {seen}")
                    if client.view() != NOBODY:
                        wrong.append(f"somebody was left behind before or after {expected[0]}")
        except Exception as error:  # pylint: disable=broad-except
            wrong.append(repr(error))
    for expected in (ANN, BEN, VIC, NIA) * 2:
        threads.append(threading.Thread(target=work, args=(expected,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report.line(not wrong, f"8 clients at once, {rounds} transactions each: each is the right one", *wrong[:10])
    with superuser() as session:
        report.equal(session.rows("DELETE FROM public.marks WHERE step IS DISTINCT FROM operator RETURNING 1"), [],
                     "and all that they wrote bears the right name")
        report.equal(len(session.rows("DELETE FROM public.marks RETURNING 1")), 8 * rounds * 2 // 3,
                     "all that was committed is there, and nothing else")


class Model:
    """What a transaction is expected to be: the acted operator, with a stack of savepoints. No operator outside."""

    def __init__(self):
        self.open = False
        self.failed = False
        self.operator = None
        self.savepoints = []

    def view(self):
        return VIEWS.get(self.operator, NOBODY)


def random_step(chance, client, model):
    """Does something at random and keeps the model in step. Returns what was done."""
    if not model.open:
        step = chance.choice(["BEGIN", "BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ", "act"])
        if step == "act":
            state = client.act_error("ann")
            return f"act_as in autocommit: {'' if state == NO_TRANSACTION else 'WRONG: '}{state}"
        client.rows(step)
        model.open = True
        return step
    if model.failed:
        step = "ROLLBACK TO" if model.savepoints and chance.random() < 0.6 else chance.choice(["ROLLBACK", "COMMIT"])
    else:
        step = chance.choice(["act"] * 6 + ["SAVEPOINT"] * 4 + ["error"] * 2 + ["ROLLBACK TO", "RELEASE", "ROLLBACK", "COMMIT"])
    if step == "act":
        name = chance.choice(sorted(VIEWS))
        state = client.act_error(name)
        model.failed = state is not None
        if (state is None) != (model.operator in (None, name)):
            return f"act_as({name}) WRONG: {state} while acting as {model.operator}"
        if state is None:
            model.operator = name
        return f"act_as({name}): {state}"
    if step == "SAVEPOINT":
        client.rows(f"SAVEPOINT s{len(model.savepoints)}")
        model.savepoints.append(model.operator)
    elif step == "error":
        client.error("SELECT 1 / 0")
        model.failed = True
    elif step in ("ROLLBACK TO", "RELEASE"):
        if not model.savepoints:
            return "nothing"
        level = chance.randrange(len(model.savepoints))
        client.rows(f"{step} s{level}")
        if step == "RELEASE":
            del model.savepoints[level:]
        else:
            model.operator = model.savepoints[level]
            del model.savepoints[level + 1:]
            model.failed = False
        return f"{step} s{level}"
    else:
        client.rows(step)
        model.__init__()
    return step


def random_histories(report, bouncer):
    """Random transactions with savepoints, errors and all endings over four clients, against a model."""
    chance = report.random_source("POOLING_SEED")
    wrong, steps = [], 0
    with bouncer.client() as one, bouncer.client() as two, bouncer.client() as three:
        for client in (chance.choice([one, two, three]) for _ in range(300)):
            model, history = Model(), []
            while True:
                history.append(random_step(chance, client, model))
                steps += 1
                seen = None if model.failed else client.view()
                if "WRONG" in history[-1] or seen not in (None, model.view()):
                    wrong.append(f"expected {model.view()}, saw {seen} after {history}")
                if not model.open and len(history) > 1:
                    break
    report.line(not wrong, "300 random transactions over three clients: always who the model says", *wrong[:5])
    report.line(steps > 1000, f"they had enough steps ({steps})")


def lost_meanwhile(report, bouncer):
    """What an administrator changes counts at the next statement of a transaction that acts already."""
    with superuser() as admin, bouncer.client() as web:
        for text, sql, expected in (
                ("switched off", "SELECT customer_import.alter_operator('ann', active => false)", NIA[1:]),
                ("removed", "SELECT customer_import.remove_operator('ann')", NIA[1:]),
                ("left with the right to view", "SELECT customer_import.alter_operator('ann', roles => '{customerView}')",
                 VIC[1:]),
                ("made an administrator, which the gateway may not act as",
                 "SELECT customer_import.alter_operator('ann', roles => '{administrator}')", NIA[1:])):
            for mode in ("", "ISOLATION LEVEL REPEATABLE READ"):
                with web.transaction("ann", mode=mode):
                    before = web.view()
                    admin.rows(sql)
                    after = web.view()
                report.equal((before, after[1:]), (ANN, expected), f"an acted operator is {text} {mode}".strip())
                reset_operators(admin)
        for mode in ("", "ISOLATION LEVEL REPEATABLE READ"):
            with web.transaction("vic", mode=mode):
                before = web.view()
                admin.rows("SELECT customer_import.alter_operator('vic', roles => %s)", [list(OPERATOR_CODES)])
                after = web.view()
            report.equal((before, after), (VIC, ("vic", *ANN[1:])), f"an acted operator gets rights {mode}".strip())
            reset_operators(admin)
        try:
            web.rows("BEGIN")
            web.act_as("ann")
            before = web.view()
            admin.rows("SELECT customer_import.revoke_gateway(%s)", [WEB])
            after = web.error("SELECT count(*) FROM public.customers") or web.value("SELECT count(*) FROM public.customers")
            web.rows("ROLLBACK")
            report.line(before == ANN and after in (0, DENIED), "a gateway that is revoked sees no customer any more",
                        (before, after))
            web.rows("BEGIN")
            report.equal(web.act_error("ann"), DENIED, "and cannot act again")
            web.rows("ROLLBACK")
        finally:
            admin.rows("SELECT customer_import.grant_gateway(%s)", [WEB])
        report.equal(web.view_as("ann"), ANN, "granted again, it can")
        admin.rows("SELECT customer_import.grant_gateway(%s, false)", [ADMIN_WEB])
        try:
            with bouncer.client(ADMIN_WEB) as other:
                other.rows("BEGIN")
                report.equal(other.act_error("ada"), DENIED, "a gateway that may no more act as an administrator cannot")
                other.rows("ROLLBACK")
                admin.rows("SELECT customer_import.grant_gateway(%s, true)", [ADMIN_WEB])
                other.rows("BEGIN")
                other.act_as("ada")
                before = other.view()
                admin.rows("SELECT customer_import.grant_gateway(%s, false)", [ADMIN_WEB])
                after = other.view()
                other.rows("ROLLBACK")
                report.equal((before, after[1:]), (ADA, NIA[1:]), "taken away while it acts, it counts at once")
        finally:
            admin.rows("SELECT customer_import.grant_gateway(%s, true)", [ADMIN_WEB])


def own_changes(report, bouncer):
    """What an operator changes on operators counts in its own transaction at once, and is taken back with it."""
    alter = "SELECT customer_import.alter_operator(%s, roles => %s)"
    with bouncer.client(ADMIN_WEB) as web, bouncer.client(ADMIN_WEB) as following:
        web.rows("BEGIN")
        web.act_as("ada")
        web.rows("SAVEPOINT s")
        web.rows(alter, ["ada", ["customerView"]])
        seen = [web.view()]
        refused = web.error(alter, ["ada", ["administrator"]])
        web.rows("ROLLBACK TO s")
        seen.append(web.view())
        web.rows(alter, ["vic", list(OPERATOR_CODES)])
        web.rows("ROLLBACK")
        report.equal((seen, refused), ([("ada", *VIC[1:]), ADA], DENIED),
                     "an administrator who takes its own right has lost it, until it is rolled back")
        report.equal((following.view(), following.view_as("vic"), following.view_as("ada")), (NOBODY, VIC, ADA),
                     "and nothing of it is left to the next client")
        with web.transaction("ada"):
            web.rows(alter, ["ada", []])
            seen = web.view()
        report.equal((seen[1:], following.view_as("ada")[1:]), (NIA[1:], NIA[1:]), "committed, it stays")
    with superuser() as session:
        reset_operators(session)


def wait_for_end(session, pid):
    wait_until(lambda: not session.rows("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state <> 'idle'", [pid]),
               "the transaction of the client that went is gone")


def disconnected(report, bouncer):
    """A client goes away in the middle of its transaction."""
    for text, leave in (("says farewell", lambda client: client.close()), ("breaks off", break_off)):
        client = bouncer.client()
        client.rows("BEGIN")
        client.act_as("ann")
        client.rows("INSERT INTO public.customers (user_name) VALUES ('left-behind')")
        pid = client.pid()
        leave(client)
        with bouncer.client() as following, superuser() as session:
            report.equal(following.view(), NOBODY, f"a client {text} in mid-transaction: the next one is nobody")
            report.equal(following.view_as("vic"), VIC, "and acts as another operator")
            wait_for_end(session, pid)
            report.equal(session.rows("SELECT user_name FROM public.customers WHERE user_name = 'left-behind'"), [],
                         "and nothing of the transaction is left")


def disconnected_while_busy(report, bouncer):
    """A client goes away while the server works for it."""
    with superuser() as session:
        session.rows("SELECT pg_advisory_lock(4711)")
        client = bouncer.client()
        client.rows("BEGIN")
        client.act_as("ann")
        pid = client.pid()
        busy = threading.Thread(target=client.error, args=[
            "INSERT INTO public.customers (user_name) SELECT 'left-behind' FROM pg_advisory_xact_lock(4711)"])
        busy.start()
        wait_until(lambda: session.rows("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", [pid]),
                   "the statement waits for its lock")
        break_off(client)
        busy.join()
        session.rows("SELECT pg_advisory_unlock(4711)")
        wait_for_end(session, pid)
        with bouncer.client() as following:
            report.equal(following.view(), NOBODY, "a client goes while its statement runs: the next one is nobody")
            report.equal(following.view_as("nia"), NIA, "and acts as another operator")
        report.equal(session.rows("SELECT user_name FROM public.customers WHERE user_name = 'left-behind'"), [],
                     "and nothing of the transaction is left")


PARTS = (views, refusals, operators_with_roles, two_operators, same_connection, many_clients, random_histories,
         lost_meanwhile, own_changes, disconnected, disconnected_while_busy)
