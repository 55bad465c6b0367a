"""A real Postfix with configuration, queue and ports of its own; nothing can leave it but into a Maildir."""

import base64
import os
import socket
import socketserver
import subprocess
import tempfile
import threading
from pathlib import Path

from harness import wait_until
from scripted import PASSWORD, USER

DOMAIN = "example.com"
# The owner of the Maildirs: we, so that we can read them, but not root, which Postfix refuses.
OWNER = os.getuid() or 65534

MAIN = """compatibility_level = 3.6
config_directory = {dir}/etc
queue_directory = {dir}/queue
data_directory = {dir}/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = localhost
mydestination =
mynetworks =
alias_maps =
local_recipient_maps =
default_transport = error:5.1.2 nothing leaves this server
relay_transport = error:5.1.2 nothing leaves this server
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = texthash:{dir}/etc/mailboxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
virtual_minimum_uid = 1
smtpd_tls_chain_files = {certificate}
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{login_port}
smtpd_sasl_auth_enable = yes
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sender_restrictions = reject_non_fqdn_sender
strict_rfc821_envelopes = yes
message_size_limit = 20000000
maillog_file = /dev/stdout
maillog_file_prefixes = {dir}, /dev/stdout
"""

MASTER = """127.0.0.1:{tls_port} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
127.0.0.1:{smtps_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{plain_port} inet n - n - - smtpd -o smtpd_tls_security_level=none
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 discard
defer unix - - n - 0 discard
trace unix - - n - 0 discard
error unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


SUDO = [] if os.geteuid() == 0 else ["sudo", "-n"]
POSTFIX = "/usr/sbin/postfix"


def why_not():
    """Why Postfix cannot be run here; nothing when it can."""
    if not os.access(POSTFIX, os.X_OK):
        return "the package postfix is not installed"
    if SUDO and subprocess.run([*SUDO, "true"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               check=False).returncode != 0:
        return "Postfix has to be started as root: run this as root, or as a user whom sudo asks for no password"
    return ""


def as_root(*command, check=True):
    subprocess.run([*SUDO, *map(str, command)], check=check, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


class Login(socketserver.StreamRequestHandler):
    """Answers whether a login is right, in the protocol of Dovecot's authentication service."""

    def handle(self):
        self.wfile.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t"
                         b"00112233445566778899aabbccddeeff\nDONE\n")
        waiting = {}
        for line in self.rfile:
            word, *fields = line.decode().rstrip("\n").split("\t")
            if word == "AUTH":
                number, mechanism, *parameters = fields
                waiting[number] = (mechanism, [])
                initial = next((field[5:] for field in parameters if field.startswith("resp=")), None)
                self.answer(waiting, number, initial)
            elif word == "CONT":
                self.answer(waiting, fields[0], fields[1])

    def answer(self, waiting, number, text):
        """Takes what the client says, and asks for what is missing."""
        mechanism, answers = waiting[number]
        if text is not None:
            answers.append(base64.b64decode(text).decode())
        if mechanism == "PLAIN" and answers:
            self.decide(number, answers[0].split("\0")[1:])
        elif len(answers) == 2:
            self.decide(number, answers)
        else:
            question = b"" if mechanism == "PLAIN" else (b"Username:", b"Password:")[len(answers)]
            self.wfile.write(f"CONT\t{number}\t{base64.b64encode(question).decode()}\n".encode())

    def decide(self, number, login):
        if self.server.is_down:
            self.connection.shutdown(socket.SHUT_RDWR)
        elif login == [USER, PASSWORD]:
            self.wfile.write(f"OK\t{number}\tuser={USER}\n".encode())
        else:
            self.wfile.write(f"FAIL\t{number}\tuser={login[0]}\n".encode())


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Postfix:
    """Runs as a child of ours, as root: its programs change to the user postfix by themselves."""

    def __init__(self, certificate, mailboxes=("ann",)):
        # Not below a directory that others may not enter.
        self._temporary = tempfile.TemporaryDirectory(prefix="customer_import_postfix.", dir="/tmp")
        self.dir = Path(self._temporary.name)
        self.dir.chmod(0o755)
        self.ports = {name: free_port() for name in ("tls_port", "smtps_port", "plain_port")}
        self.login = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Login)
        self.login.daemon_threads, self.login.is_down = True, False
        threading.Thread(target=self.login.serve_forever, daemon=True).start()
        for name in ("etc", "data", "mail", "queue"):
            (self.dir / name).mkdir(mode=0o755)
        chain = self.dir / "etc" / "certificate.pem"
        chain.write_bytes(Path(certificate).read_bytes())
        chain.chmod(0o600)
        (self.dir / "etc" / "mailboxes").write_text("".join(f"{name}@{DOMAIN} {name}/\n" for name in mailboxes),
                                                    encoding="ascii")
        (self.dir / "etc" / "main.cf").write_text(
            MAIN.format(dir=self.dir, domain=DOMAIN, uid=OWNER, certificate=chain,
                        login_port=self.login.server_address[1]), encoding="ascii")
        (self.dir / "etc" / "master.cf").write_text(MASTER.format(**self.ports), encoding="ascii")
        as_root("chown", "-R", "root:", self.dir / "etc", self.dir / "queue")
        as_root("chown", "postfix", self.dir / "data")
        as_root("chown", str(OWNER), self.dir / "mail")
        self.log_path = self.dir / "log"
        self.process = None

    def __enter__(self):
        with open(self.log_path, "ab") as log:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen([*SUDO, POSTFIX, "-c", str(self.dir / "etc"), "start-fg"],
                                            stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=subprocess.STDOUT, cwd="/", start_new_session=True)
        try:
            wait_until(self.is_up, "Postfix is up")
        except BaseException:
            print("# " + self.log.replace("\n", "\n# "))
            self.__exit__()
            raise
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(self.log)
        try:
            with socket.create_connection(("127.0.0.1", self.ports["tls_port"]), timeout=5) as connection:
                return connection.recv(100).startswith(b"220")
        except OSError:
            return False

    def __exit__(self, *_):
        if self.process.poll() is None:
            as_root(POSTFIX, "-c", self.dir / "etc", "stop", check=False)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.login.shutdown()
        self.login.server_close()
        as_root("rm", "-rf", "--", self.dir / "queue", self.dir / "data", self.dir / "etc")
        self._temporary.cleanup()

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def mails(self, name="ann"):
        """What has been delivered to a mailbox."""
        return [path.read_bytes() for path in sorted((self.dir / "mail" / name / "new").glob("*"))]

    def all_mails(self):
        return [path for path in (self.dir / "mail").rglob("*") if path.is_file()]

    def wait_mails(self, count, name="ann"):
        wait_until(lambda: len(self.mails(name)) >= count, f"{count} mails for {name}\n{self.log}")
        return self.mails(name)

    def url(self, kind="tls"):
        return f"{'smtps' if kind == 'smtps' else 'smtp'}://localhost:{self.ports[kind + '_port']}"
