"""What a key store promises, whatever it is made of.

A *pool* is all key material that this node shares with one other node, under the other's id; the pool under the
node's own id serves two applications at this node. Every method is one transaction, and returns after it is
durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, Protocol

from quantumlink import validation
from quantumlink.keys.ledger import Ledger
from quantumlink.keys.material import Block, DeliveredKey, Position, Secret

Purpose = Literal["authentication", "relayed"]
"""What key material is withdrawn for, other than a key of an application."""


class StoreError(Exception):
    """Something that a store refuses or cannot do."""


class StoreFull(StoreError):
    """The pool is at its capacity: try again when keys were used."""


class StoreUnavailable(StoreError):
    """The database cannot write at present, such as on a full disk: nothing was changed."""


class BlockRefused(StoreError):
    """A block that came before, or from a simulation, where only real keys are allowed."""


class NotEnoughKeys(StoreError):
    """There is less key material than asked for."""


class PositionsGone(StoreError):
    """The other end names key material that is not here (any more): it must not be used."""

    def __init__(self, positions: Sequence[Position]) -> None:
        super().__init__(f"{len(positions)} stretches of key material are not here")
        self.positions = tuple(positions)


class HeldBack(StoreError):
    """The key material is in quarantine after an alarm."""


class KeyNotFound(StoreError):
    """No key has that id, or it was handed over, voided or expired."""


class NotNamed(StoreError):
    """The application was not named when the key was made."""


class CheckpointError(StoreError):
    """The database is older than its checkpoint: it was restored, and would hand keys over twice."""


@dataclass(frozen=True, kw_only=True)
class PoolPolicy:
    """How much a pool may hold, for how long, and what it keeps back."""

    capacity_bytes: int = 1 << 26
    """Blocks beyond it are refused."""
    low_water_bytes: int = 0
    """Below it the pool is said to be low."""
    reserve_bytes: int = 0
    """Kept back of one's own half for authentication: applications do not get it."""
    max_age_s: float = inf
    """Older key material expires, and so do keys that nobody collects."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.count("capacity_bytes", self.capacity_bytes, at_least=1)
        validation.count("low_water_bytes", self.low_water_bytes)
        validation.count("reserve_bytes", self.reserve_bytes)
        validation.lifetime("max_age_s", self.max_age_s)


@dataclass(frozen=True)
class PoolLevel:
    """How full a pool is, in bytes."""

    pool: str
    stored: int
    """Free key material, both halves."""
    own: int
    """That of the half that this end gives out."""
    available: int
    """That of the half that applications may get: without the reserve."""
    quarantined: int
    assigned: int
    capacity: int
    is_low: bool
    """Whether the free key material is below the low-water mark."""


@dataclass(frozen=True)
class Assignment:
    """Key material given to keys, by the end that gives them out."""

    assignment_id: str
    pool: str
    master: str
    slaves: tuple[str, ...]
    key_ids: tuple[str, ...]
    key_bytes: int
    """Length of each key."""
    positions: tuple[Position, ...]
    """Where the bytes are, in the order of the keys."""


class Store(Protocol):
    """A key store."""

    kme_id: str

    def ingest(self, pool: str, block: Block) -> None:
        """Take a block. Raises StoreFull, or BlockRefused for one that came before or may not come."""

    def assign(
        self,
        assignment_id: str,
        pool: str,
        master: str,
        slaves: Sequence[str],
        key_ids: Sequence[str],
        key_bytes: int,
    ) -> Assignment:
        """Give key material of one's own half to keys. Raises NotEnoughKeys."""

    def accept(self, assignment: Assignment) -> None:
        """Do the same at the other end. Again with the same id it does nothing. Raises PositionsGone."""

    def deliver(self, assignment_id: str) -> list[DeliveredKey]:
        """Hand the keys of one's own assignment over, once: they leave the store. Raises KeyNotFound."""

    def assign_here(
        self, assignment_id: str, master: str, slaves: Sequence[str], key_ids: Sequence[str], key_bytes: int
    ) -> list[DeliveredKey]:
        """Keys between applications at this node: handed over to the master, kept for the slaves."""

    def void(self, assignment: Assignment) -> bool:
        """Give up an assignment, at either end, known here or not: its key material is never used.

        Returns False if some of its keys were handed over here already.
        """

    def collect(self, slave: str, master: str, key_ids: Sequence[str]) -> list[DeliveredKey]:
        """Hand keys over to a slave: all or nothing. Raises KeyNotFound, NotNamed."""

    def pending(self, born_before: float = inf, born_after: float = inf) -> list[Assignment]:
        """One's own assignments, made before a time or after another, neither delivered nor given up."""

    def given_up(self) -> list[Assignment]:
        """One's own assignments that were given up, and of which the other end may not know yet."""

    def forget(self, assignment_id: str) -> None:
        """The other end knows that this one's own assignment was given up."""

    def withdraw(self, pool: str, length: int, purpose: Purpose) -> tuple[Secret, tuple[Position, ...]]:
        """Take bytes of one's own half, the reserve included for authentication. Raises NotEnoughKeys."""

    def withdraw_at(self, pool: str, positions: Sequence[Position], purpose: Purpose) -> Secret:
        """Take the bytes that the other end has named. Raises PositionsGone."""

    def burn(self, pool: str, positions: Sequence[Position]) -> int:
        """Destroy what is there of these stretches; returns how many bytes."""

    def quarantine(self, pool: str, source: str | None = None, since: int = 0) -> int:
        """Hold back what is stored: all, or of one source from a block on; returns how many bytes."""

    def release(self, pool: str, *, burn: bool) -> int:
        """End a quarantine: the bytes are free again, or burnt; returns how many."""

    def expire(self, now_s: float) -> int:
        """Destroy what is too old; returns how many bytes."""

    def level(self, pool: str) -> PoolLevel:
        """How full a pool is."""

    def pools(self) -> list[str]:
        """The pools that ever held something."""

    def ledger(self, pool: str | None = None) -> Ledger:
        """The books of a pool, or of all."""

    def audit(self) -> None:
        """Count every row and open every record. Raises LedgerError, DamagedRecord."""

    def trail(self, after: int = 0) -> list[dict[str, Any]]:
        """The trail of deliveries: numbered, chained by hashes, without secrets."""

    def close(self) -> None:
        """Close it."""
