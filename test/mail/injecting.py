"""What comes from files, names and errors never makes a header, a recipient or a part of a message."""

from harness import ADDRESS, ANN, OPERATOR_CODES, WEB, Client, clear, message_of, queue_messages, run_import, states
from mailer import run_once, running
from received import content, faults, parse

EVIL = "evil@example.net"
BREAKS = ("\r\n", "\n", "\r", "\r\n ", "\n\t", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "%0d%0a", "\\r\\n", "&#13;&#10;")
PAYLOADS = tuple(f"x{end}Bcc: {EVIL}" for end in BREAKS) + (
    f"x\r\n\r\n<b>{EVIL}</b>", "x\r\n.\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<evil@example.net>\r\nDATA\r\n", "x\n.\n", ".", "..",
    f"=?utf-8?q?x=0D=0ABcc:_{EVIL.replace('@', '=40')}?=", "=?utf-8?b?eA0KQmNjOiBldmlsQGV4YW1wbGUubmV0?=",
                                                            "=?utf-7?Q?+AA0ACg-Bcc?=",
    f"{EVIL}, ", f"<{EVIL}>", f"\"x\" <{EVIL}>, \"", f"{EVIL};", f"x>, <{EVIL}", "(comment", "\\", "\"", "--=_mixed",
                                                            "x\r\n--=_mixed00\r\n\r\nx",
    "x\"; filename=\"evil.exe", "x; name*=utf-8''evil.exe", "../../etc/passwd", "C:\\evil\\x.csv", "x\u202egpj.exe",
                                                            "\ufeffx", "x\u200b\u2066y",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</title></style><a href='//evil.example'>x</a>",
                                                            "'\"><svg/onload=1>",
    "&lt;script&gt;&amp;", "{{7*7}}${7*7}", "ﷺ" * 60, "Z̴a̵l̷g̸o̶" * 40, "🏳️‍🌈👩‍👩‍👧‍👦", "x" * 3000, "ä" * 400, "a" * 75 + "ä",
                                                            "\t", " ", "=", "From: x")
TRIGGER = """
CREATE FUNCTION public.regress_mail_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = new.company, DETAIL = new.company, HINT = new.company, ERRCODE = 'P0001';
END $$;
CREATE TRIGGER regress_mail_refuse BEFORE INSERT ON public.customers FOR EACH ROW WHEN (new.phone = 'refuse')
    EXECUTE FUNCTION public.regress_mail_refuse()"""


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


PLACES = {
    "file name": lambda p: ("userName,addRoles\nmia,nonsense\n", {"file_name": p}),
    "role code": lambda p: (f"userName,addRoles\nmia,{quoted(p)}\n", {}),
    "user name": lambda p: (f"userName,addRoles\n{quoted(p)},nonsense\n", {}),
    "cell": lambda p: (f"userName,addRoles,company,active\nmia,nonsense,{quoted(p)},{quoted(p)}\n", {}),
    "header": lambda p: (f"userName,addRoles,{quoted(p)}\nmia,nonsense,x\n", {}),
    "error of the database": lambda p: (f"userName,addRoles,company,phone\nmia,nonsense,,\nzoe,,{quoted(p)},refuse\n", {}),
}


def prepare(admin):
    """Imports with a payload in each place; returns what can be told apart of them: place and payload of each message."""
    made, refused = {}, {}
    with Client(ANN) as session:
        for place, build in PLACES.items():
            for number, payload in enumerate(PAYLOADS):
                # What could end a line is tried everywhere, the rest in every second place.
                if number >= len(BREAKS) and (number + list(PLACES).index(place)) % 2:
                    continue
                csv, options = build(payload)
                try:
                    done = run_import(session, csv, **options)
                except Exception as error:  # pylint: disable=broad-except
                    refused.setdefault(place, []).append(str(error).splitlines()[0])
                    continue
                made[message_of(admin, done["import_id"])["id"]] = (place, payload, done["rejected"] > 0)
    for payload in PAYLOADS:
        try:
            admin.rows("SELECT customer_import.add_operator(%s, email => %s, roles => %s, database_role => false)",
                       [payload, ADDRESS, OPERATOR_CODES])
        except Exception as error:  # pylint: disable=broad-except
            refused.setdefault("operator", []).append(str(error).splitlines()[0])
            continue
        with Client(WEB) as session:
            session.rows("BEGIN")
            session.rows("SELECT customer_import.act_as(%s)", [payload])
            done = run_import(session)
            session.rows("COMMIT")
        made[message_of(admin, done["import_id"])["id"]] = ("operator", payload, True)
        admin.rows("SELECT customer_import.remove_operator(%s)", [payload])
    return made, refused


def test_injection(report, around):
    with Client() as admin, around.server(certificate=None, login=False) as server:
        clear(admin)
        admin.rows(TRIGGER)
        try:
            made, refused = prepare(admin)
        finally:
            admin.rows("DROP FUNCTION public.regress_mail_refuse() CASCADE")
        report.note("refused before they reach a message: " + ", ".join(f"{place} {len(errors)}" for place,
                                                                        errors in refused.items()))
        report.line(len(made) >= 200, f"{len(made)} attempts at injection reach the mailer",
                    {key: set(errors) for key, errors in refused.items()})
        status, log = run_once("--smtp-url", server.url, "--allow-plaintext", seconds=120)
        report.line(status == 0 and states(admin) == {"sent": len(made)}, "all messages are sent", states(admin), log[-2000:])
        report.line(all(line.isprintable() for line in log.splitlines()), "the log is clean")
        bodies = {bytes(row[1]): row[0] for row in admin.rows("SELECT id, message FROM customer_import.email_outbox")}
        wrong = {}
        for conversation in server.conversations:
            place, payload, rejected = made.pop(bodies.get(conversation.body), ("unknown", "", True))
            found = faults(conversation.body or b"\n\n", ADDRESS, rejected)
            if conversation.recipients != [f"TO:<{ADDRESS}>"] or place == "unknown":
                found.append(f"recipients {conversation.recipients}")
            if [line.partition(" ")[0] for _, line in conversation.commands] != ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]:
                found.append(f"commands {conversation.commands}")
            message = parse(conversation.body or b"\n\n")
            if any(EVIL in str(message[name]) for name in ("From", "Cc", "Bcc", "Reply-To", "Sender", "Message-ID")) or \
                    [address.addr_spec for address in message["To"].addresses] != [ADDRESS]:
                found.append("an address that is not ours")
            if "<script" in (content(message, "text/html") or "<script").lower():
                found.append("a script")
            if found:
                wrong.setdefault(place, []).append((payload, found))
        for place in (*PLACES, "operator", "unknown"):
            report.line(place not in wrong,
                        f"{place}: no header, recipient or part more than there must be, no defect, nothing hidden",
                        *[f"{payload!r}: {found}" for payload, found in wrong.get(place, [])[:4]])
        report.equal(made, {}, "each attempt was looked at")


ADDRESSES = (f"a@b.c\r\nBcc: {EVIL}", f"a@b.c, {EVIL}", f"a@b.c> NOTIFY=NEVER <{EVIL}", f"<{EVIL}>", "a b@c.d", "a@b c",
             "\"a b\"@c.d", "a@[127.0.0.1]",
             "ä@example.com", "a@exämple.com", f"{EVIL}\n", " a@b.c", "a@b.c ", "a@b.c\0"[:5] + "\x01", "a(x)@b.c", "a@b@c",
             "@b.c", "a@", "a", "", "a..b@c.d",
             ".a@b.c", "a@-b.c", "a@b..c", "a" * 65 + "@b.c", "a@" + "b" * 64 + ".c", "a@" + ".".join(["b" * 60] * 5),
             "a@b.c;x@y.z", "a,b@c.d", "a:b@c.d",
             "-oQ/tmp/x@b.c:", "a@b.c%0d%0a", "a@b.c\u2028", "a\u202e@b.c")


def test_addresses(report, around):
    """Invalid addresses: an operator cannot have them, and if the outbox did, the mailer would not use them."""
    with Client() as admin:
        accepted = [address for address in ADDRESSES
                    if admin.error("SELECT customer_import.alter_operator(%s, email => %s)", [ANN, address]) is None
                    and address.strip()]
        admin.rows("SELECT customer_import.alter_operator(%s, email => %s)", [ANN, ADDRESS])
        report.equal(accepted, [], f"{len(ADDRESSES)} strings are refused as addresses of operators")
        clear(admin)
        ids = queue_messages(len(ADDRESSES))
        for message_id, address in zip(ids, ADDRESSES):
            admin.rows("UPDATE customer_import.email_outbox SET recipient = %s WHERE id = %s", [address, message_id])
        with around.server(certificate=None, login=False) as server, \
                running("--once", "--smtp-url", server.url, "--allow-plaintext") as mailer:
            mailer.wait()
            report.equal((states(admin), len(server.conversations)), ({"failed": len(ADDRESSES)}, 0),
                         "should they stand in the outbox, they fail, and no server hears of them")
