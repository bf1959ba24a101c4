"""A node's database and its books: opened under its key-encryption key, counted, and balanced in every commit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from quantumlink.keys.ledger import HELD, Ledger, LedgerError
from quantumlink.keys.material import Provenance, Secret
from quantumlink.keys.sealing import Sealer
from quantumlink.keys.store import trail
from quantumlink.keys.store.assignments import Assignments
from quantumlink.keys.store.checkpoint import Checkpoint
from quantumlink.keys.store.chunks import Chunks
from quantumlink.keys.store.contract import PoolLevel, PoolPolicy, StoreError, StoreUnavailable
from quantumlink.keys.store.database import Database, Transaction
from quantumlink.keys.store.schema import COLUMNS, UNBALANCED, VERSION


class Books:
    """A node's database of keys, opened: its pools, its books, its trail; what moves is in `SqlStore`.

    Args:
        database: where.
        kme_id: id of this node; it and the other's id say which half of a pool is one's own.
        kek: the key-encryption key; a new store remembers it, an old one opens with the same one only.
        checkpoint: the counter outside the database; None does without, and then a restored old database goes
            unnoticed.
        policy: of pools without one of their own.
        policies: by pool.
        simulated_allowed: whether key material of simulations may come in.

    Raises:
        WrongKeyEncryptionKey: if the store was made with another one.
        CheckpointError: if the database is older than its checkpoint.
        LedgerError: if what is there does not add up.
    """

    def __init__(
        self,
        database: Database,
        *,
        kme_id: str,
        kek: Secret,
        checkpoint: Checkpoint | None = None,
        policy: PoolPolicy | None = None,
        policies: Mapping[str, PoolPolicy] | None = None,
        simulated_allowed: bool = False,
    ) -> None:
        self.kme_id = kme_id
        self.database = database
        self._policy, self._policies = policy or PoolPolicy(), dict(policies or {})
        self._simulated_allowed = simulated_allowed
        self._checkpoint = checkpoint
        self._is_together = self._has_written = False
        with database.transaction() as tx:
            self._sealer = self._opened(tx, kek)
            if checkpoint is not None:
                checkpoint.check(_meta(tx, "counter"))
        self._count_rows()

    def _opened(self, tx: Transaction, kek: Secret) -> Sealer:
        found = tx.run("SELECT number, content FROM meta WHERE name = 'data key'")
        if not found:
            sealer = Sealer.create()
            tx.run(
                "INSERT INTO meta (name, number, content) VALUES ('data key', ?, ?)", VERSION, sealer.wrapped(kek)
            )
            tx.run("INSERT INTO meta (name, number) VALUES ('counter', 0)")
            tx.run("INSERT INTO meta (name, content) VALUES ('node', ?)", self.kme_id.encode())
            return sealer
        if found[0][0] != VERSION:
            raise StoreError(f"this store has version {found[0][0]}, this program reads version {VERSION}")
        sealer = Sealer.unwrap(found[0][1], kek)
        node = bytes(tx.run("SELECT content FROM meta WHERE name = 'node'")[0][0]).decode()
        if node != self.kme_id:
            raise StoreError(f"this store belongs to the node {node!r}, not to {self.kme_id!r}")
        return sealer

    def policy(self, pool: str) -> PoolPolicy:
        """What a pool may hold."""
        return self._policies.get(pool, self._policy)

    def level(self, pool: str) -> PoolLevel:
        """How full a pool is."""
        with self.database.read() as tx:
            return self._level(tx, pool)

    def accounts(self, pool: str) -> list[Provenance]:
        """The provenance of the last block of each source of a pool."""
        with self.database.read() as tx:
            rows = tx.run("SELECT account FROM sources WHERE pool = ? ORDER BY source", pool)
        return [Provenance(**json.loads(account)) for (account,) in rows]

    def next_block(self, pool: str, source: str) -> int:
        """Number of the next block that a source may bring."""
        with self.database.read() as tx:
            found = tx.run("SELECT next FROM sources WHERE pool = ? AND source = ?", pool, source)
        return int(found[0][0]) if found else 0

    def pools(self) -> list[str]:
        """The pools that ever held something."""
        with self.database.read() as tx:
            return [pool for (pool,) in tx.run("SELECT pool FROM ledger ORDER BY pool")]

    def ledger(self, pool: str | None = None) -> Ledger:
        """The books of a pool, or of all."""
        with self.database.read() as tx:
            rows = tx.run(f"SELECT pool, {', '.join(COLUMNS)} FROM ledger")
        books = {name: Ledger(**dict(zip(COLUMNS, map(int, numbers), strict=True))) for name, *numbers in rows}
        return sum(books.values(), Ledger()) if pool is None else books.get(pool, Ledger())

    def audit(self) -> None:
        """Count every row and open every record: see the contract."""
        self._count_rows()
        with self.database.read() as tx:
            for pool, chunk, start, size, state, sealed in tx.run(
                "SELECT pool, chunk, start, size, state, sealed FROM chunks"
            ):
                self._sealer.open(sealed, pool, chunk, start, size, state)
            Assignments(tx, self._sealer).audit()

    def trail(self, after: int = 0) -> list[dict[str, Any]]:
        """The trail of deliveries."""
        with self.database.read() as tx:
            return trail.read(tx, after)

    def rewrap(self, kek: Secret) -> None:
        """Change the key-encryption key."""
        with self._writing() as (tx, _):
            tx.run("UPDATE meta SET content = ? WHERE name = 'data key'", self._sealer.wrapped(kek))

    def close(self) -> None:
        """Close it."""
        self.database.close()
        if self._checkpoint is not None:
            self._checkpoint.close()

    @contextmanager
    def _writing(self) -> Iterator[tuple[Transaction, Chunks]]:
        counter = None
        with self.database.transaction() as tx:
            yield tx, Chunks(tx, self._sealer)
            if wrong := tx.run(UNBALANCED):
                raise LedgerError(f"the books of {', '.join(repr(pool) for (pool,) in wrong)} do not balance")
            if self._is_together:
                self._has_written = True
            else:
                counter = _counted(tx)
        self._advance(counter)

    @contextmanager
    def together(self) -> Iterator[None]:
        """One commit for all that this thread does meanwhile; nothing of it may be told before that."""
        counter = None
        with self.database.together() as tx:
            self._is_together, self._has_written = True, False
            try:
                yield
            finally:  # within the lock: others count for themselves again
                self._is_together = False
            if self._has_written:
                counter = _counted(tx)
        self._advance(counter)

    def _advance(self, counter: int | None) -> None:
        if self._checkpoint is not None and counter is not None:
            self._checkpoint.advance(counter)

    def check_together(self) -> None:
        """Raise if the commit for all can no longer be.

        Raises:
            StoreUnavailable: if the database has taken everything back, as on a full disk.
        """
        if not self.database.is_together():
            raise StoreUnavailable("the database has taken back what was done together")

    def _make_pool(self, tx: Transaction, pool: str) -> None:
        tx.run("INSERT INTO ledger (pool) VALUES (?) ON CONFLICT (pool) DO NOTHING", pool)

    def _level(self, tx: Transaction, pool: str) -> PoolLevel:
        found = tx.run("SELECT stored, own, quarantined, assigned FROM ledger WHERE pool = ?", pool)
        stored, own, quarantined, assigned = map(int, found[0]) if found else (0, 0, 0, 0)
        policy = self.policy(pool)
        available = max(0, own - policy.reserve_bytes)
        low = stored < policy.low_water_bytes
        return PoolLevel(pool, stored, own, available, quarantined, assigned, policy.capacity_bytes, low)

    def _count_rows(self) -> None:
        with self.database.read() as tx:
            counted: dict[str, dict[str, int]] = {}
            for sql in (
                "SELECT pool, state, SUM(size) FROM chunks GROUP BY pool, state",
                "SELECT pool, 'assigned', SUM(size) FROM keys GROUP BY pool",
                "SELECT pool, 'assigned', SUM(size) FROM assignments GROUP BY pool",
            ):
                for pool, column, size in tx.run(sql):
                    books = counted.setdefault(pool, dict.fromkeys(HELD, 0))
                    books[column] += int(size)
            booked = {
                pool: dict(zip(HELD, map(int, numbers), strict=True))
                for pool, *numbers in tx.run(f"SELECT pool, {', '.join(HELD)} FROM ledger")
            }
        for pool in counted | booked:
            if counted.get(pool, dict.fromkeys(HELD, 0)) != booked.get(pool):
                raise LedgerError(
                    f"the rows of {pool!r} add up to {counted.get(pool)}, the books say {booked.get(pool)}"
                )
        self.ledger().check()


def _counted(tx: Transaction) -> int:
    """One commit more."""
    return int(tx.run("UPDATE meta SET number = number + 1 WHERE name = 'counter' RETURNING number")[0][0])


def _meta(tx: Transaction, name: str) -> int:
    return int(tx.run("SELECT number FROM meta WHERE name = ?", name)[0][0])
