"""The two databases behind one face: a transaction that one writer at a time has, and rows as tuples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

Row = tuple[Any, ...]


class Transaction(Protocol):
    """Statements with ``?`` for each parameter."""

    def run(self, sql: str, *parameters: Any) -> list[Row]:
        """Run a statement; the rows it returns, if any."""

    def run_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row."""


class Database(Protocol):
    """A database that writers share, one at a time."""

    @property
    def blocks(self) -> bool:
        """Whether a transaction takes so long that an event loop should not wait for it; may change."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A transaction: committed and durable at its end, gone without a trace if an error leaves it."""

    def together(self) -> AbstractContextManager[Transaction]:
        """A transaction around others of this thread, each of which can still be taken back by itself."""

    def is_together(self) -> bool:
        """Whether the transaction around others is still there; a full disk ends it."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent view, only to read."""

    def close(self) -> None:
        """Close it."""


@contextmanager
def rolled_back_on_error(begin: Any, commit: Any, rollback: Any) -> Iterator[None]:
    """Begin, and at the end commit, or roll back."""
    begin()
    try:
        yield
        commit()
    except BaseException:
        rollback()
        raise
