"""The pool of this suite: a pgbouncer in transaction mode, with one server connection for each login."""

import os
import socket

import own_bouncer

from harness import DATABASE, ROLES, WEB, Client, wait_until


class Bouncer(own_bouncer.Bouncer):
    """The pool. As a context it runs from the beginning to the end."""

    def __init__(self):
        super().__init__(DATABASE, ROLES)

    def client(self, login=WEB, database=DATABASE):
        """A new client connection."""
        return Client(database, host=self.host, port=self.port, user=login)

    def clean(self):
        for login in ROLES:
            with self.client(login) as client:
                client.rows("DISCARD ALL")

    def pool(self, login=WEB):
        """What SHOW POOLS tells of the pool of a login, by column."""
        with self.console() as console, console.connection.cursor() as cursor:
            cursor.execute("SHOW POOLS")
            names = [column.name for column in cursor.description]
            for row in cursor.fetchall():
                pool = dict(zip(names, row))
                if (pool["database"], pool["user"]) == (DATABASE, login):
                    return pool
        return {}

    def wait_for_waiting(self, count=1):
        """Waits until so many clients wait for the server connection."""
        wait_until(lambda: self.pool().get("cl_waiting") == count, f"{count} clients wait in the pool")


def break_off(client):
    """Ends a client's connection as a crash of its machine does, without a word of farewell."""
    with socket.socket(fileno=os.dup(client.connection.fileno())) as link:
        link.shutdown(socket.SHUT_RDWR)
    client.close()
