"""Sessions of the server through psycopg2, the driver that applications use."""

import psycopg2
import psycopg2.extras


class Client:
    """A connection in autocommit: transactions are opened and closed by the statements that the tests send."""

    def __init__(self, database, **where):
        self.connection = psycopg2.connect(dbname=database, **where)
        self.connection.autocommit = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def rows(self, sql, parameters=None):
        """Runs a query and returns the rows of its last result."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description is not None else []

    def row(self, sql, parameters=None):
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def value(self, sql, parameters=None):
        row = self.row(sql, parameters)
        return row[0] if row else None

    def record(self, sql, parameters=None):
        """The first row by column names; None when there is none."""
        with self.connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(sql, parameters)
            row = cursor.fetchone()
            return dict(row) if row else None

    def error(self, sql, parameters=None):
        """Runs a query that has to fail and returns its SQLSTATE; None if it does not fail."""
        try:
            self.rows(sql, parameters)
        except psycopg2.Error as error:
            return error.pgcode or f"without SQLSTATE: {error}"
        return None

    def notifications(self):
        self.connection.poll()
        found = [(entry.channel, entry.payload) for entry in self.connection.notifies]
        self.connection.notifies.clear()
        return found
