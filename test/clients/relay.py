"""A TCP port of this machine that leads to the server's socket, for JDBC, which knows no other. It serves this user alone."""

import os
import socket
import threading
from pathlib import Path


def user_of(port):
    """The user that has opened the other end of a connection from this port of 127.0.0.1; None if there is none."""
    ends = f"0100007F:{port:04X}"  # that of a socket for both protocols has more before it
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text("ascii").splitlines()[1:]:
            _, local, _, _, _, _, _, user, *_ = line.split()
            if local.endswith(ends):
                return int(user)
    return None


def copy(source, target):
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Relay:
    """The port. As a context it is open from the beginning to the end."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self):
        while True:
            try:
                client, (_, port) = self.listener.accept()
            except OSError:
                return
            if user_of(port) != os.getuid():
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{os.environ['PGHOST']}/.s.PGSQL.{os.environ.get('PGPORT', '5432')}")
            for ends in ((client, server), (server, client)):
                threading.Thread(target=copy, args=ends, daemon=True).start()
