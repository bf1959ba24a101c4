"""The store over a database: every method one transaction, whose books must balance before it is committed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf, isfinite
from typing import Any

from quantumlink.keys.ledger import HELD, Ledger, LedgerError
from quantumlink.keys.material import Block, DeliveredKey, Position, Provenance, Secret
from quantumlink.keys.sealing import Sealer
from quantumlink.keys.store import assignments, trail
from quantumlink.keys.store.assignments import Assignments
from quantumlink.keys.store.checkpoint import Checkpoint
from quantumlink.keys.store.chunks import Chunks
from quantumlink.keys.store.contract import (
    Assignment,
    BlockRefused,
    NotEnoughKeys,
    PoolLevel,
    PoolPolicy,
    Purpose,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from quantumlink.keys.store.database import Database, Transaction
from quantumlink.keys.store.schema import COLUMNS, UNBALANCED, VERSION


class SqlStore:
    """A key store over SQLite or PostgreSQL: see `quantumlink.keys.store.contract.Store`.

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
        self._late_counter: int | None = None
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

    def ingest(self, pool: str, block: Block) -> None:
        """Take a block: see the contract."""
        if block.provenance.is_simulated and not self._simulated_allowed:
            raise BlockRefused(
                f"the block is {block.provenance.origin}: keys of a simulation are not secret, and are taken in a "
                f"demonstration only (--demo)"
            )
        with self._writing() as (tx, chunks):
            self._make_pool(tx, pool)
            level, size = self._level(tx, pool), len(block.secret)
            if level.stored + level.quarantined + size > level.capacity:
                raise StoreFull(
                    f"the pool {pool!r} holds {level.stored} of {level.capacity} bytes, no room for {size}"
                )
            chunks.put(pool, block, is_first=self.kme_id < pool)
            chunks.book(pool, "generated", size)

    def assign(
        self,
        assignment_id: str,
        pool: str,
        master: str,
        slaves: Sequence[str],
        key_ids: Sequence[str],
        key_bytes: int,
    ) -> Assignment:
        """Give key material to keys: see the contract."""
        length = key_bytes * len(key_ids)
        with self._writing() as (tx, chunks):
            available = self._level(tx, pool).available
            if length > available:
                raise NotEnoughKeys(f"{length} bytes were asked for, the pool {pool!r} has {available} to give out")
            secret, positions = chunks.take(pool, length)
            assignment = Assignment(
                assignment_id, pool, master, tuple(slaves), tuple(key_ids), key_bytes, tuple(positions)
            )
            Assignments(tx, self._sealer).give(assignment, secret)
        return assignment

    def accept(self, assignment: Assignment) -> None:
        """Do the same at the other end: see the contract."""
        with self._writing() as (tx, chunks):
            own = Assignments(tx, self._sealer)
            if own.is_known(assignment):
                return
            self._make_pool(tx, assignment.pool)
            own.receive(assignment, chunks.cut(assignment.pool, assignment.positions))

    def assign_here(
        self, assignment_id: str, master: str, slaves: Sequence[str], key_ids: Sequence[str], key_bytes: int
    ) -> list[DeliveredKey]:
        """Keys between applications at this node: see the contract."""
        pool, length = self.kme_id, key_bytes * len(key_ids)
        assignment = Assignment(assignment_id, pool, master, tuple(slaves), tuple(key_ids), key_bytes, ())
        with self._writing() as (tx, chunks):
            self._make_pool(tx, pool)
            secret = assignments.local_secret(length)
            chunks.book(pool, "generated", length)
            Assignments(tx, self._sealer).receive(assignment, secret)
            trail.append(tx, "delivered", sae=master, to=list(slaves), kme=self.kme_id, keys=list(key_ids))
        return assignments.cut(assignment, secret)

    def accept_values(self, pool: str, master: str, slaves: Sequence[str], keys: Sequence[DeliveredKey]) -> None:
        """Keep whole keys that came from another domain, all or none; again with the same ids it does nothing.

        Raises:
            StoreError: if one was given up, or came before for others.
        """
        with self._writing() as (tx, chunks):
            self._make_pool(tx, pool)
            own = Assignments(tx, self._sealer)
            for key in keys:
                one = assignments.of_value(pool, key.key_id, master, slaves, len(key.secret))
                if not own.is_known(one):
                    chunks.book(pool, "generated", len(key.secret))
                    own.receive(one, key.secret)

    def void_values(self, pool: str, key_ids: Sequence[str] | None) -> dict[str, str]:
        """Give up keys of another domain (all if None); what became of each, in the words of the standard."""
        with self._writing() as (tx, chunks):
            self._make_pool(tx, pool)
            own = Assignments(tx, self._sealer)
            found = own.values(pool) if key_ids is None else list(key_ids)
            said = {}
            for key_id in found:
                said[key_id], held = own.give_up_value(pool, key_id)
                chunks.book(pool, "voided", held)
            if found:
                trail.append(tx, "voided", kme=pool, keys=found)
        return said

    def note_sent(self, pool: str, master: str, slaves: Sequence[str], keys: Sequence[DeliveredKey]) -> None:
        """Book keys that were made here, sent to another domain and confirmed: they go to the master now."""
        length = sum(len(key.secret) for key in keys)
        with self._writing() as (tx, chunks):
            self._make_pool(tx, pool)
            chunks.book(pool, "generated", length)
            chunks.book(pool, "delivered", length)
            trail.append(tx, "delivered", sae=master, to=list(slaves), kme=pool, keys=[key.key_id for key in keys])

    def deliver(self, assignment_id: str) -> list[DeliveredKey]:
        """Hand keys over to the master: see the contract."""
        with self._writing() as (tx, chunks):
            assignment, secret = Assignments(tx, self._sealer).hand_over(assignment_id)
            chunks.book(assignment.pool, "delivered", len(secret))
            trail.append(
                tx, "delivered", sae=assignment.master, to=list(assignment.slaves), kme=assignment.pool,
                keys=list(assignment.key_ids),
            )  # fmt: skip
        return assignments.cut(assignment, secret)

    def void(self, assignment: Assignment) -> bool:
        """Give up an assignment: see the contract."""
        with self._writing() as (tx, chunks):
            self._make_pool(tx, assignment.pool)
            held, complete = Assignments(tx, self._sealer).give_up(assignment)
            chunks.book(assignment.pool, "voided", held)
            if not held and complete:  # it never came here: its key material is still among the rest
                chunks.burn(assignment.pool, assignment.positions, into="voided")
            trail.append(tx, "voided", kme=assignment.pool, keys=list(assignment.key_ids))
        return complete

    def collect(self, slave: str, master: str, key_ids: Sequence[str]) -> list[DeliveredKey]:
        """Hand keys over to a slave: see the contract."""
        with self._writing() as (tx, chunks):
            found, used = Assignments(tx, self._sealer).collect(slave, master, key_ids)
            for pool, amount in used.items():
                chunks.book(pool, "delivered", amount)
            trail.append(tx, "collected", sae=slave, to=[master], keys=list(key_ids))
        return found

    def peek(self, assignment_id: str) -> list[DeliveredKey]:
        """The keys of one's own open assignment, which stays: for further nodes, before anybody has them."""
        with self.database.read() as tx:
            return Assignments(tx, self._sealer).peek(assignment_id)

    def pending(self, born_before: float = inf, born_after: float = inf) -> list[Assignment]:
        """One's own assignments that are open."""
        with self.database.read() as tx:
            return Assignments(tx, self._sealer).given("open", born_before, born_after)

    def given_up(self) -> list[Assignment]:
        """One's own assignments that were given up."""
        with self.database.read() as tx:
            return Assignments(tx, self._sealer).given("void", inf)

    def forget(self, assignment_id: str) -> None:
        """The other end knows that an assignment was given up."""
        with self._writing() as (tx, _):
            tx.run("DELETE FROM assignments WHERE id = ? AND role = 'giver' AND state = 'void'", assignment_id)

    def withdraw(self, pool: str, length: int, purpose: Purpose) -> tuple[Secret, tuple[Position, ...]]:
        """Take bytes of one's own half: see the contract."""
        with self._writing() as (tx, chunks):
            level = self._level(tx, pool)
            available = level.own if purpose == "authentication" else level.available
            if length > available:
                raise NotEnoughKeys(
                    f"{length} bytes were asked for, the pool {pool!r} has {available} for {purpose}"
                )
            secret, positions = chunks.take(pool, length)
            chunks.book(pool, purpose, length)
        return secret, tuple(positions)

    def withdraw_at(self, pool: str, positions: Sequence[Position], purpose: Purpose) -> Secret:
        """Take the bytes that the other end has named: see the contract."""
        with self._writing() as (_, chunks):
            secret = chunks.cut(pool, positions)
            chunks.book(pool, purpose, len(secret))
        return secret

    def burn(self, pool: str, positions: Sequence[Position]) -> int:
        """Destroy stretches: see the contract."""
        with self._writing() as (_, chunks):
            return chunks.burn(pool, positions)

    def quarantine(self, pool: str, source: str | None = None, since: int = 0) -> int:
        """Hold back what is stored: see the contract."""
        with self._writing() as (_, chunks):
            return chunks.move(pool, "stored", "quarantined", source, since)

    def release(self, pool: str, *, burn: bool) -> int:
        """End a quarantine: see the contract."""
        with self._writing() as (_, chunks):
            return chunks.move(pool, "quarantined", None if burn else "stored")

    def expire(self, now_s: float | None = None) -> int:
        """Destroy what is too old, by the clock or as of a given time: see the contract."""
        now, expired = time.time() if now_s is None else now_s, 0
        with self._writing() as (tx, chunks):
            for (pool,) in tx.run("SELECT pool FROM ledger"):
                if isfinite(age := self.policy(pool).max_age_s):
                    expired += chunks.expire(pool, now - age)
                    uncollected = Assignments(tx, self._sealer).expire(pool, now - age)
                    chunks.book(pool, "expired", uncollected)
                    expired += uncollected
        return expired

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
        with self.database.transaction() as tx:
            yield tx, Chunks(tx, self._sealer)
            if wrong := tx.run(UNBALANCED):
                raise LedgerError(f"the books of {', '.join(repr(pool) for (pool,) in wrong)} do not balance")
            counter = tx.run("UPDATE meta SET number = number + 1 WHERE name = 'counter' RETURNING number")[0][0]
        if self._late_counter is not None:
            self._late_counter = max(self._late_counter, counter)
        elif self._checkpoint is not None:
            self._checkpoint.advance(counter)

    @contextmanager
    def together(self) -> Iterator[None]:
        """One commit for all that this thread does meanwhile; nothing of it may be told before that."""
        with self.database.together():
            self._late_counter = 0
            try:
                yield
            finally:  # within the lock: others count for themselves again
                counter, self._late_counter = self._late_counter, None
        if self._checkpoint is not None and counter:
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


def _meta(tx: Transaction, name: str) -> int:
    return int(tx.run("SELECT number FROM meta WHERE name = ?", name)[0][0])
