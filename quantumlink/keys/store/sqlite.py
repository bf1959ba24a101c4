"""SQLite: embedded, durable (write-ahead log, full synchronisation), for one or several processes of a machine."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from quantumlink.keys.store.contract import StoreError, StoreUnavailable
from quantumlink.keys.store.database import Row, Transaction, rolled_back_on_error
from quantumlink.keys.store.schema import counting_rules, tables

SLOW_S: Final = 0.0015
"""Where commits, or waits for another writer, usually take longer, an event loop should not wait for them."""
_WEIGHT: Final = 0.2
"""Of the last one among what is usual: a single slow one changes nothing."""


class SqliteDatabase:
    """One file.

    Args:
        path: the file; made if missing, readable by its owner only.
        busy_s: how long to wait for another writer.
    """

    def __init__(self, path: str | Path, *, busy_s: float = 10.0) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
        self._lock = threading.RLock()
        self._together = False
        self._begun_s = self._usual_s = 0.0
        with self._failures_named():
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
                self._connection.execute(f"PRAGMA {pragma}")
            with self._written():
                for statement in tables("BLOB", "INTEGER PRIMARY KEY", clustered=" WITHOUT ROWID"):
                    self._connection.execute(statement)
                for name, table, event, update in counting_rules():
                    self._connection.execute(
                        f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON {table} BEGIN {update}; END"
                    )

    @property
    def blocks(self) -> bool:
        """Whether a transaction usually takes long."""
        return self._usual_s > SLOW_S

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that excludes other writers from its beginning."""
        with self._lock, self._failures_named(), self._part() if self._together else self._written():
            yield self

    @contextmanager
    def together(self) -> Iterator[Transaction]:
        """A transaction around others of this thread."""
        with self._lock, self._failures_named(), self._written():
            self._together = True
            try:
                yield self
            finally:
                self._together = False

    def is_together(self) -> bool:
        """Whether the transaction around others is still there."""
        return self._connection.in_transaction

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view."""
        with self._lock, self._failures_named():
            if self._together:
                yield self
                return
            begin = "BEGIN"
            with rolled_back_on_error(lambda: self._connection.execute(begin), self._commit, self._roll_back):
                yield self

    def run(self, sql: str, *parameters: Any) -> list[Row]:
        """Run a statement."""
        return self._connection.execute(sql, parameters).fetchall()

    def run_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row."""
        self._connection.executemany(sql, rows)

    def close(self) -> None:
        """Empty the log into the file, and close it."""
        with self._lock:
            with suppress(sqlite3.Error):  # another process reads: the log stays, and nothing is lost
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()

    def _written(self) -> Any:
        return rolled_back_on_error(self._begin, self._commit_timed, self._roll_back)

    def _part(self) -> Any:
        """A part of a transaction that is taken back by itself."""

        def undo() -> None:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO part")
                self._connection.execute("RELEASE part")

        def begin() -> None:
            self._connection.execute("SAVEPOINT part")

        return rolled_back_on_error(begin, lambda: self._connection.execute("RELEASE part"), undo)

    def _begin(self) -> None:
        began = time.perf_counter()
        self._connection.execute("BEGIN IMMEDIATE")
        self._begun_s = time.perf_counter() - began

    def _commit_timed(self) -> None:
        began = time.perf_counter()
        self._commit()
        took = self._begun_s + time.perf_counter() - began
        self._usual_s += _WEIGHT * (min(took, 4 * SLOW_S) - self._usual_s)

    def _commit(self) -> None:
        self._connection.execute("COMMIT")

    def _roll_back(self) -> None:
        # On a full disk SQLite has rolled back by itself.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise StoreError(f"this contradicts what is stored: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreUnavailable(f"the database cannot be used at present: {error}") from error
