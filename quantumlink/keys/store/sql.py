"""The store over a database: every method one transaction, whose books must balance before it is committed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import inf, isfinite

from quantumlink.keys.material import Block, DeliveredKey, Position, Secret
from quantumlink.keys.store import assignments, trail
from quantumlink.keys.store.assignments import Assignments
from quantumlink.keys.store.books import Books
from quantumlink.keys.store.contract import (
    Assignment,
    BlockRefused,
    NotEnoughKeys,
    Purpose,
    StoreFull,
)


class SqlStore(Books):
    """A key store over SQLite or PostgreSQL: see `Store` says what it promises, `Books` how it is opened."""

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
