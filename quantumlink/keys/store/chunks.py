"""Rows of key material: put in, cut out, held back, burnt; each record sealed to its name, place and state."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from quantumlink.keys.material import Block, Position, Secret
from quantumlink.keys.sealing import DamagedRecord, Sealer
from quantumlink.keys.store.contract import BlockRefused, HeldBack, NotEnoughKeys, PositionsGone
from quantumlink.keys.store.database import Transaction

State = Literal["stored", "quarantined"]

_INSERT = "INSERT INTO chunks (pool, chunk, start, size, own, state, born, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_AT = (
    "INSERT INTO chunks (n, pool, chunk, start, size, own, state, born, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SHORTEN = "UPDATE chunks SET start = ?, size = ?, sealed = ? WHERE n = ?"
_BATCH = 64


@dataclass(frozen=True)
class Chunks:
    """The chunks of one transaction.

    Args:
        tx: the transaction.
        sealer: seals the records.
    """

    tx: Transaction
    sealer: Sealer

    def put(self, pool: str, block: Block, *, is_first: bool) -> None:
        """Put a block in; ``is_first`` says whether this end's id is the first of the two.

        Raises:
            BlockRefused: if its number came before.
        """
        found = self.tx.run("SELECT next FROM sources WHERE pool = ? AND source = ?", pool, block.source)
        if found and block.number < found[0][0]:
            raise BlockRefused(
                f"block {block.number} of {block.source!r} came before: the next one is {found[0][0]} or later"
            )
        account = json.dumps(block.provenance.as_dict())
        self.tx.run(
            "INSERT INTO sources (pool, source, next, account) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (pool, source) DO UPDATE SET next = excluded.next, account = excluded.account",
            pool, block.source, block.number + 1, account,
        )  # fmt: skip
        born = time.time()
        self.tx.run_many(
            _INSERT,
            [
                self._row(pool, chunk, 0, secret, int(of_first == is_first), "stored", born)
                for chunk, of_first, secret in block.chunks()
            ],
        )

    def take(self, pool: str, length: int) -> tuple[Secret, list[Position]]:
        """Cut that many bytes out of one's own half, oldest first; damaged records are burnt on the way.

        Raises:
            NotEnoughKeys: if there are fewer.
        """
        parts: list[bytes] = []
        positions: list[Position] = []
        missing = length
        while missing:
            rows = self.tx.run(
                "SELECT n, chunk, start, size, sealed FROM chunks WHERE pool = ? AND state = 'stored' "
                "AND own = 1 ORDER BY n LIMIT ?", pool, min(_BATCH, 1 + missing // 512),
            )  # fmt: skip
            if not rows:
                raise NotEnoughKeys(f"the pool {pool!r} holds {length - missing} bytes to give out, not {length}")
            for n, chunk, start, size, sealed in rows:
                try:
                    secret = self.sealer.open(sealed, pool, chunk, start, size, "stored")
                except DamagedRecord:
                    self.tx.run("DELETE FROM chunks WHERE n = ?", n)
                    self.book(pool, "burnt", size)
                    continue
                used = min(size, missing)
                parts.append(secret.cut(0, used).reveal())
                positions.append(Position(chunk, start, used))
                missing -= used
                self._keep(n, pool, chunk, start + used, secret.cut(used, size - used))
                if not missing:
                    break
        return Secret(b"".join(parts)), positions

    def cut(self, pool: str, positions: Sequence[Position], *, own: bool | None = False) -> Secret:
        """Cut out the bytes at these positions (of the other end's half, of one's own, or either if None).

        Raises:
            PositionsGone: if some of them are not here: then nothing may be used.
            HeldBack: if some of them are in quarantine.
        """
        parts, gone = [], []
        for position in positions:
            part = self._cut_one(pool, position, own)
            if part is None:
                gone.append(position)
            else:
                parts.append(part.reveal())
        if gone:
            raise PositionsGone(gone)
        return Secret(b"".join(parts))

    def burn(self, pool: str, positions: Sequence[Position], into: str = "burnt") -> int:
        """Destroy what is there of these stretches, whatever its state; returns how many bytes."""
        burnt = 0
        for wanted in positions:
            stop = wanted.start + wanted.length
            rows = self.tx.run(
                "SELECT n, start, size, own, state, born, sealed FROM chunks WHERE pool = ? AND chunk = ? "
                "AND start < ? AND start + size > ?", pool, wanted.chunk, stop, wanted.start,
            )  # fmt: skip
            for n, start, size, own, state, born, sealed in rows:
                self.tx.run("DELETE FROM chunks WHERE n = ?", n)
                burnt += size
                kept = [(start, wanted.start), (stop, start + size)]
                try:
                    secret = self.sealer.open(sealed, pool, wanted.chunk, start, size, state)
                except DamagedRecord:
                    kept = []
                for left, right in kept:
                    if left < right:
                        piece = secret.cut(left - start, right - left)
                        self.tx.run(_INSERT, *self._row(pool, wanted.chunk, left, piece, own, state, born))
                        burnt -= right - left
        self.book(pool, into, burnt)
        return burnt

    def move(self, pool: str, before: State, after: State | None, source: str | None = None, since: int = 0) -> int:
        """Change the state of chunks (all, or of one source from a block on), or burn them if ``after`` is None."""
        sql = "SELECT n, chunk, start, size, own, born, sealed FROM chunks WHERE pool = ? AND state = ?"
        moved = 0
        for n, chunk, start, size, own, born, sealed in self.tx.run(sql, pool, before):
            name, number, _ = chunk.split("/")
            if source is not None and (name != source or int(number) < since):
                continue
            self.tx.run("DELETE FROM chunks WHERE n = ?", n)
            moved += size
            try:
                secret = None if after is None else self.sealer.open(sealed, pool, chunk, start, size, before)
            except DamagedRecord:
                secret = None
            if secret is None or after is None:
                self.book(pool, "burnt", size)
            else:
                self._insert_at(n, self._row(pool, chunk, start, secret, own, after, born))
        return moved

    def expire(self, pool: str, born_before: float) -> int:
        """Destroy chunks that are too old; returns how many bytes."""
        rows = self.tx.run("DELETE FROM chunks WHERE pool = ? AND born < ? RETURNING size", pool, born_before)
        expired = sum(int(size) for (size,) in rows)
        self.book(pool, "expired", expired)
        return expired

    def book(self, pool: str, column: str, amount: int) -> None:
        """Book bytes in the ledger."""
        if amount:
            self.tx.run(f"UPDATE ledger SET {column} = {column} + ? WHERE pool = ?", amount, pool)

    def _cut_one(self, pool: str, wanted: Position, own: bool | None) -> Secret | None:
        rows = self.tx.run(
            "SELECT n, start, size, own, state, born, sealed FROM chunks WHERE pool = ? AND chunk = ? "
            "AND start <= ? ORDER BY start DESC LIMIT 1", pool, wanted.chunk, wanted.start,
        )  # fmt: skip
        if not rows:
            return None
        n, start, size, is_own, state, born, sealed = rows[0]
        offset = wanted.start - start
        if offset + wanted.length > size or (own is not None and bool(is_own) is not own):
            return None
        if state != "stored":
            raise HeldBack("key material of this pool is held back after an alarm")
        try:
            secret = self.sealer.open(sealed, pool, wanted.chunk, start, size, "stored")
        except DamagedRecord:
            return None
        after = offset + wanted.length
        self._keep(n, pool, wanted.chunk, start + after, secret.cut(after, size - after))
        if offset:
            self.tx.run(
                _INSERT, *self._row(pool, wanted.chunk, start, secret.cut(0, offset), is_own, "stored", born)
            )
        return secret.cut(offset, wanted.length)

    def _keep(self, n: int, pool: str, chunk: str, start: int, rest: Secret) -> None:
        """Leave the rest of a stored record in its place, in the order of age, or nothing of it."""
        if size := len(rest):
            sealed = self.sealer.seal(rest, pool, chunk, start, size, "stored")
            self.tx.run(_SHORTEN, start, size, sealed, n)
        else:
            self.tx.run("DELETE FROM chunks WHERE n = ?", n)

    def _row(
        self, pool: str, chunk: str, start: int, secret: Secret, own: int, state: State, born: float
    ) -> tuple[str, str, int, int, int, str, float, bytes]:
        size = len(secret)
        return (
            pool,
            chunk,
            start,
            size,
            own,
            state,
            born,
            self.sealer.seal(secret, pool, chunk, start, size, state),
        )

    def _insert_at(self, n: int, row: tuple[str, str, int, int, int, str, float, bytes]) -> None:
        """Insert a row in the place of one that was there: the order stays that of age."""
        self.tx.run(_INSERT_AT, n, *row)
