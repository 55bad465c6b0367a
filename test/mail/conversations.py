"""What the tests with the scripted server share: one message, one attempt, and what came of it."""

from base64 import b64encode

from harness import ADDRESS, Client, clear, message, queue_messages
from mailer import run_once, secret_file
from received import parse
from scripted import PASSWORD, USER, Scripted


class Surroundings:
    """Certificates and files that all parts use."""

    def __init__(self, folder, certificates, fast_clock):
        self.folder, self.certificates, self.fast_clock = folder, certificates, fast_clock
        self.password = secret_file(folder, PASSWORD + "\n")

    def server(self, script=None, certificate=True, **options):
        """A scripted server, by default with a good certificate and a login."""
        if certificate is True:
            certificate = self.certificates.good
        return Scripted(script, certificate=certificate, **{"login": True, **options})

    def options(self, server):
        options = ["--smtp-url", server.url, "--ca-file", self.certificates.ca]
        return options + (["--user", USER, "--password-file", self.password] if server.login else [])


class Attempt:
    """One message, tried once with each call of again()."""

    def __init__(self, options, **more):
        self.options, self.more = options, more
        self.admin = Client()
        clear(self.admin)
        (self.id,) = queue_messages(1)
        self.status, self.log = run_once(*options, **more)
        self.row = message(self.admin, self.id)

    def again(self, options=None):
        self.admin.rows("SELECT customer_import.retry_message(%s)", [self.id])
        self.status, self.log = run_once(*(options or self.options), **self.more)
        self.row = message(self.admin, self.id)

    @property
    def state(self):
        return self.row["state"]

    @property
    def error(self):
        return self.row["last_error"] or ""

    @property
    def stored(self):
        return bytes(self.row["message"]) if self.row["message"] is not None else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.admin.close()


def secrets_in(text):
    """Whether anything in it gives the password away."""
    forms = (PASSWORD, b64encode(PASSWORD.encode()).decode(), b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode())
    return [form for form in forms if form in text]


def nothing_in_plain(conversation):
    """Before encryption only EHLO, HELO, STARTTLS and QUIT were said."""
    verbs = {line.partition(" ")[0].upper() for encrypted, line in conversation.commands if not encrypted}
    return verbs <= {"EHLO", "HELO", "STARTTLS", "QUIT"} and PASSWORD.encode() not in conversation.plain


def message_id(data):
    return parse(data)["Message-ID"]


def envelope_is_right(conversation):
    return (conversation.sender or "").startswith("FROM:<reports@example.com>") and conversation.recipients == [f"TO:<{ADDRESS}>"]
