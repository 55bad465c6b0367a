"""act_as() and subtransactions: what a savepoint rolls back is undone, what was there before it stays."""

from harness import ANN, BEN, NOBODY, VIC, WEB

DENIED, WRONG_STATE = "42501", "55000"

# Each case: statements of one transaction; "act X" acts as X, "is X" checks which operator acts now, "fail" raises an error,
# "refused X" tries to act as X and has to be refused with 55000.
CASES = {
    "act_as inside the savepoint is undone": "SAVEPOINT a; act ann; is ann; ROLLBACK TO a; is -",
    "then another operator can be taken": "SAVEPOINT a; act ann; ROLLBACK TO a; act ben; is ben",
    "then the same operator can be taken again": "SAVEPOINT a; act ann; ROLLBACK TO a; act ann; is ann",
    "act_as before the savepoint stays": "act ann; SAVEPOINT a; is ann; ROLLBACK TO a; is ann",
    "act_as before the savepoint stays, also when said again inside":
        "act ann; SAVEPOINT a; act ann; ROLLBACK TO a; is ann; refused ben",
    "RELEASE keeps it": "SAVEPOINT a; act ann; RELEASE a; is ann; refused ben",
    "released into a savepoint, it is undone with that":
        "SAVEPOINT a; SAVEPOINT b; act ann; RELEASE b; is ann; ROLLBACK TO a; is -",
    "released twice, it stays": "SAVEPOINT a; SAVEPOINT b; act ann; RELEASE b; RELEASE a; is ann",
    "RELEASE of the outer one keeps it, too": "SAVEPOINT a; SAVEPOINT b; act ann; RELEASE a; is ann",
    "ROLLBACK TO the outer one undoes it": "SAVEPOINT a; SAVEPOINT b; act ann; SAVEPOINT c; ROLLBACK TO a; is -",
    "ROLLBACK TO an inner one keeps it":
        "SAVEPOINT a; act ann; SAVEPOINT b; SAVEPOINT c; ROLLBACK TO b; is ann; ROLLBACK TO a; is -",
    "ROLLBACK TO the same savepoint again and again":
        "SAVEPOINT a; act ann; ROLLBACK TO a; is -; act ben; is ben; ROLLBACK TO a; is -; act vic; is vic; ROLLBACK TO a; is -",
    "rolled back and released, the savepoint keeps what came after":
        "SAVEPOINT a; act ann; ROLLBACK TO a; act ben; RELEASE a; is ben",
    "an empty savepoint that is released does not take it away": "act ann; SAVEPOINT a; RELEASE a; is ann",
    "savepoints of one name":
        "SAVEPOINT a; act ann; SAVEPOINT a; ROLLBACK TO a; is ann; RELEASE a; is ann; ROLLBACK TO a; is -",
    "an error inside undoes it": "SAVEPOINT a; act ann; fail; ROLLBACK TO a; is -",
    "an error inside keeps what was before": "act ann; SAVEPOINT a; fail; ROLLBACK TO a; is ann",
    "an error between two savepoints": "SAVEPOINT a; act ann; SAVEPOINT b; fail; ROLLBACK TO b; is ann; ROLLBACK TO a; is -",
    "a refused act_as inside changes nothing": "act ann; SAVEPOINT a; refused ben; is ann; ROLLBACK TO a; is ann",
    "two operators in a row, each in a savepoint that is rolled back":
        "SAVEPOINT a; act ann; is ann; ROLLBACK TO a; SAVEPOINT b; act ben; is ben; ROLLBACK TO b; is -; act vic; is vic",
}


def savepoints(report, bouncer):
    views = {"-": NOBODY, "ann": ANN, "ben": BEN, "vic": VIC}
    with bouncer.client() as web:
        for text, steps in CASES.items():
            for ending in ("COMMIT", "ROLLBACK"):
                wrong = run_case(web, steps, views)
                web.rows(ending)
                if web.view() != NOBODY:
                    wrong.append(f"after {ending}: {web.view()}")
                report.line(not wrong, f"{text} ({ending})", *wrong)


def run_case(web, steps, views):
    wrong = []
    web.rows("BEGIN")
    for step in steps.split("; "):
        word, _, name = step.partition(" ")
        if word == "act":
            web.act_as(name)
        elif word == "fail":
            web.error("SELECT 1 / 0")
        elif word == "refused":
            web.rows("SAVEPOINT refused")
            state = web.act_error(name)
            web.rows("ROLLBACK TO refused; RELEASE refused")
            if state != WRONG_STATE:
                wrong.append(f"{step}: {state}")
        elif word == "is":
            seen = web.view()
            if seen != views[name]:
                wrong.append(f"{step}: {seen}")
        else:
            web.rows(step)
    return wrong


def deep(report, bouncer):
    """More nesting than the server keeps in a cache of a fixed size."""
    depth = 200
    with bouncer.client() as web:
        web.rows("BEGIN")
        for level in range(depth):
            web.rows(f"SAVEPOINT s{level}; INSERT INTO public.marks (step) VALUES ('deep')")
            if level == depth // 2:
                web.act_as("ann")
        seen = [web.view()]
        web.rows(f"ROLLBACK TO s{depth // 2 + 1}")
        seen.append(web.view())
        web.rows(f"ROLLBACK TO s{depth // 2}")
        seen.append(web.view())
        web.act_as("ben")
        web.rows("RELEASE s0")
        seen.append(web.view())
        web.rows("ROLLBACK")
        seen.append(web.view())
        report.equal(seen, [ANN, ANN, NOBODY, BEN, NOBODY], f"{depth} savepoints inside of each other")
        web.rows("BEGIN")
        for level in range(500):
            web.rows("SAVEPOINT s; SELECT customer_import.act_as(%s)", [("ann", "ben", "vic")[level % 3]])
            web.rows("ROLLBACK TO s; RELEASE s")
        seen = [web.view()]
        web.act_as("ann")
        seen.append(web.view())
        web.rows("COMMIT")
        report.equal([*seen, web.view()], [NOBODY, ANN, NOBODY], "500 savepoints that were rolled back, one after another")


def plpgsql_blocks(report, bouncer):
    """BEGIN … EXCEPTION is a subtransaction, too."""
    def block(inside, after="NULL"):
        return (f"DO $$ BEGIN BEGIN PERFORM customer_import.act_as('ann'); {inside} EXCEPTION WHEN OTHERS THEN {after};"
                " END; END $$")
    with bouncer.client() as web:
        for text, statement, expected in (
                ("a block that goes well keeps it", block("NULL;"), ANN),
                ("a block that fails undoes it", block("PERFORM 1 / 0;"), NOBODY),
                ("a block that fails undoes it before its handler runs",
                 block("PERFORM 1 / 0;", "PERFORM customer_import.act_as('ben')"), BEN),
                ("a block that catches the refusal of a second name", block("PERFORM customer_import.act_as('ben');"), NOBODY),
                ("a block inside of a block that fails",
                 block("BEGIN PERFORM customer_import.act_as('ann'); PERFORM 1 / 0; EXCEPTION WHEN OTHERS THEN NULL; END;"),
                 ANN)):
            web.rows("BEGIN")
            web.rows(statement)
            seen = web.view()
            web.rows("COMMIT")
            report.equal((seen, web.view()), (expected, NOBODY), f"PL/pgSQL: {text}")
        with web.transaction("ann"):
            web.rows(block("PERFORM 1 / 0;"))
            seen = web.view()
        report.equal((seen, web.view()), (ANN, NOBODY), "PL/pgSQL: a block that fails keeps what was before it")
        report.equal(web.error("DO $$ BEGIN PERFORM customer_import.act_as('ann'); END $$"), "25P01",
                     "PL/pgSQL: outside of a transaction block it is refused")
        web.rows("DO $$ BEGIN BEGIN PERFORM customer_import.act_as('ann'); EXCEPTION WHEN OTHERS THEN NULL; END; END $$")
        report.equal(web.view(), NOBODY, "PL/pgSQL: and catching that leaves nothing")


def work_in_savepoints(report, bouncer):
    """What was done under the operator of a savepoint goes with it, rights and rows together."""
    insert = "INSERT INTO public.customers (user_name) VALUES (%s)"
    with bouncer.client() as web:
        web.rows("BEGIN; SAVEPOINT a")
        web.act_as("ann")
        web.rows(insert, ["saved-1"])
        web.rows("ROLLBACK TO a")
        refused = web.error(insert, ["saved-2"])
        web.rows("ROLLBACK TO a")
        web.act_as("ben")
        web.rows(insert, ["saved-3"])
        imported = web.row("SELECT state, created FROM customer_import.import_customers(%s, 'Create Only')",
                           ["userName,addRoles\nsaved-4,buyer\n"])
        names = web.value("SELECT array_agg(user_name ORDER BY user_name) FROM public.customers WHERE user_name LIKE 'saved-%'")
        who = web.row("SELECT operator, database_role FROM customer_import.imports ORDER BY id DESC LIMIT 1")
        web.rows("ROLLBACK")
        report.equal((refused, imported, names, who),
                     (DENIED, ("completed", 1), ["saved-3", "saved-4"], ("ben", WEB)),
                     "after ROLLBACK TO SAVEPOINT neither rights nor rows of the first operator are left")


PARTS = (savepoints, deep, plpgsql_blocks, work_in_savepoints)
