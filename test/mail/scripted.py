"""An SMTP server that does what a script says, at each stage of a conversation; a thread a connection."""

import base64
import socket
import ssl
import threading
import time

STAGES = ("connect", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "dot")
USER, PASSWORD = "mailuser", "kEy-7#geheim'ß"


class Closed(Exception):
    """The conversation is over."""


class Conversation:
    """What one connection said, and how it ended."""

    def __init__(self, server, connection, number):
        self.server, self.connection, self.number = server, connection, number
        self.encrypted = False
        self.commands = []        # (encrypted, line) of each command
        self.plain = b""          # all that came before encryption
        self.auth = None          # user and password as they were sent
        self.sender, self.recipients, self.body = None, [], None
        self.taken = False        # the server has said 250 after the body
        self.ended = None
        self.stage = "connect"
        self._buffer = b""

    # ---- bytes

    def receive(self):
        if self.server.stopping:
            raise Closed("the server stops")
        try:
            data = self.connection.recv(65536)
        except socket.timeout:
            raise Closed("nothing was said") from None
        if not data:
            raise Closed("the client has closed")
        if not self.encrypted:
            self.plain += data
        self._buffer += data

    def read_until(self, end):
        while end not in self._buffer:
            self.receive()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def line(self):
        return self.read_until(b"\r\n").decode("utf-8", "surrogateescape")

    def send(self, data):
        self.connection.sendall(data if isinstance(data, bytes) else data.encode() + b"\r\n")

    def close(self):
        raise Closed("closed by the script")

    # ---- what scripts do

    def wait_silently(self):
        """Says nothing until the client gives up."""
        while True:
            self.receive()

    def drip(self, data, seconds):
        """Sends a byte at a time, for ever."""
        while not self.server.stopping:
            for byte in data:
                self.send(bytes([byte]))
                self.server.pause(seconds)
        raise Closed("the server stops")

    def flood(self, data):
        """Sends the same as long as the client takes it."""
        while not self.server.stopping:
            self.send(data)
        raise Closed("the server stops")

    def encrypt(self):
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.encrypted = True
        self._buffer = b""

    # ---- the conversation

    def act(self, stage, reply):
        """Lets the script act at a stage; without one, the reply is sent. Returns false when the client was refused."""
        self.stage = stage
        action = self.server.script.get(stage)
        if isinstance(action, list):  # one for each connection, the last one for all that follow
            action = action[min(self.number, len(action) - 1)]
        if action is None:
            self.send(reply)
            return True
        if callable(action):
            return action(self) is not False
        self.send(action)
        code = action[:1] if isinstance(action, str) else action[:1].decode()
        return code in "23"

    def run(self):
        if self.server.implicit_tls:
            self.encrypt()
        self.act("connect", "220 scripted.example ESMTP")
        while True:
            line = self.line()
            self.commands.append((self.encrypted, line))
            verb, _, rest = line.partition(" ")
            handler = getattr(self, f"do_{verb.lower()}", None)
            if handler is None:
                self.send("502 what?")
            elif handler(rest):
                return

    def do_ehlo(self, _):
        words = ["scripted.example", *self.server.extensions]
        if not self.encrypted and self.server.context is not None and self.server.offers_starttls:
            words.append("STARTTLS")
        if self.server.login and (self.encrypted or self.server.login_in_plain):
            words.append("AUTH PLAIN LOGIN")
        reply = "\r\n".join(f"250{' ' if word == words[-1] else '-'}{word}" for word in words)
        # The script of EHLO goes for the first one; encrypted: for the one after STARTTLS.
        self.act("encrypted EHLO" if self.encrypted else "EHLO", reply)

    def do_helo(self, _):
        self.act("HELO", "250 scripted.example")

    def do_noop(self, _):
        self.send("250 still here")

    def do_vrfy(self, _):
        self.send("252 perhaps")

    do_help = do_noop

    def do_starttls(self, _):
        if self.act("STARTTLS", "220 go ahead") and not self.encrypted:
            self.stage = "handshake"
            if "handshake" in self.server.script:
                self.server.script["handshake"](self)
            self.encrypt()

    def do_auth(self, rest):
        self.stage = "AUTH"
        mechanism, _, initial = rest.partition(" ")
        if mechanism.upper() == "PLAIN":
            if not initial:
                self.send("334 ")
                initial = self.line()
            _, user, password = base64.b64decode(initial).decode().split("\0")
        else:
            answers = [initial] if initial else []
            while len(answers) < 2:
                self.send("334 " + base64.b64encode(b"Password:" if answers else b"Username:").decode())
                answers.append(self.line())
            user, password = (base64.b64decode(text).decode() for text in answers)
        self.auth = (user, password)
        good = self.auth == (USER, PASSWORD)
        self.act("AUTH", "235 welcome" if good else "535 5.7.8 authentication failed")

    def do_mail(self, rest):
        if self.act("MAIL", "250 sender ok"):
            self.sender = rest

    def do_rcpt(self, rest):
        if self.act("RCPT", "250 recipient ok"):
            self.recipients.append(rest)

    def do_data(self, _):
        if not self.act("DATA", "354 go ahead"):
            return
        self.stage = "body"
        if "body" in self.server.script:
            self.server.script["body"](self)
        raw = self.read_until(b"\r\n.\r\n") + b"\r\n"
        self.body = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in raw.split(b"\r\n"))
        self.taken = self.act("dot", "250 taken")

    def do_rset(self, _):
        self.send("250 reset")

    def do_quit(self, _):
        self.act("QUIT", "221 bye")
        return True


class Scripted:
    """Listens on a port of its own. `script` maps stages to what happens there: bytes or text to say, or a function."""

    def __init__(self, script=None, certificate=None, login=False, extensions=("8BITMIME", "SIZE 50000000"),
                 offers_starttls=True, implicit_tls=False, login_in_plain=False):
        self.script, self.login, self.extensions = dict(script or {}), login, extensions
        self.offers_starttls, self.implicit_tls, self.login_in_plain = offers_starttls, implicit_tls, login_in_plain
        self.conversations, self.faults, self.stopping = [], [], False
        self._lock, self._stop = threading.Lock(), threading.Event()
        self.context = None
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    @property
    def url(self):
        return f"{'smtps' if self.implicit_tls else 'smtp'}://localhost:{self.port}"

    def pause(self, seconds):
        self._stop.wait(seconds)

    def _listen(self):
        while not self.stopping:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.settimeout(120)
            with self._lock:
                conversation = Conversation(self, connection, len(self.conversations))
                self.conversations.append(conversation)
            thread = threading.Thread(target=self._serve, args=(conversation,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, conversation):
        try:
            conversation.run()
            conversation.ended = "quit"
        except Closed as end:
            conversation.ended = str(end)
        except (OSError, ssl.SSLError) as error:
            conversation.ended = f"{type(error).__name__}: {error}"
        except Exception as error:  # pylint: disable=broad-except
            conversation.ended = repr(error)
            self.faults.append(repr(error))
        finally:
            try:
                conversation.connection.close()
            except OSError:
                pass

    def bodies(self, taken=True):
        """The messages that came in whole: those that were accepted, or all."""
        return [c.body for c in self.conversations if c.body is not None and (c.taken or not taken)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping = True
        self._stop.set()
        # accept() does not notice that its socket is closed.
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            pass
        self._socket.close()
        for conversation in self.conversations:
            try:
                conversation.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        end = time.monotonic() + 5
        for thread in self._threads:
            thread.join(max(0, end - time.monotonic()))
