"""A job that is too large for one is several: fewer shots in each, or fewer rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quantumlink import validation
from quantumlink.execution.preparation.documented_limits import MAX_BROADCAST_BITS, MAX_EXECUTIONS


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one job of a machine may hold."""

    shots: int | None = None
    """Most shots of a row; None if only `executions` limits them."""
    executions: int = MAX_EXECUTIONS
    """Most executions: rows times shots."""
    broadcast_bits: int = MAX_BROADCAST_BITS
    """Most bits that its conditions read."""

    def __post_init__(self) -> None:
        if self.shots is not None:
            object.__setattr__(self, "shots", validation.many("shots", self.shots))
        object.__setattr__(self, "executions", validation.many("executions", self.executions))
        object.__setattr__(
            self, "broadcast_bits", validation.many("broadcast_bits", self.broadcast_bits, at_least=0)
        )

    @property
    def row_shots(self) -> int:
        """Most shots of a row that fit."""
        return self.executions if self.shots is None else min(self.shots, self.executions)


@dataclass(frozen=True)
class Piece:
    """Some rows of a PUB."""

    pub: int
    """Which PUB."""
    start: int
    """The first row."""
    stop: int
    """The row after the last."""

    @property
    def rows(self) -> int:
        """How many."""
        return self.stop - self.start


@dataclass(frozen=True)
class Load:
    """What one job runs: pieces, each with the same shots."""

    pieces: tuple[Piece, ...]
    shots: int


def split(rows: Sequence[int], bits: Sequence[int], shots: int, limits: Limits) -> list[Load]:
    """Divide PUBs into as few jobs as the limits allow, in order.

    Args:
        rows: of each PUB how many rows it has.
        bits: of each PUB how many bits its conditions read.
        shots: of every row.
        limits: of one job.

    Raises:
        ValueError: if one circuit alone is over the limit.

    >>> for load in split([3], [0], 1000, Limits(executions=2000)):
    ...     print(load.shots, load.pieces)
    1000 (Piece(pub=0, start=0, stop=2),)
    1000 (Piece(pub=0, start=2, stop=3),)
    >>> [load.shots for load in split([1], [0], 1000, Limits(shots=400))]
    [334, 333, 333]
    """
    for number, wanted in enumerate(bits):
        if wanted > limits.broadcast_bits:
            raise ValueError(
                f"the conditions of circuit {number} read {wanted} bits, one job can broadcast at most "
                f"{limits.broadcast_bits}"
            )
    jobs = -(-shots // limits.row_shots)
    least, larger = divmod(shots, jobs)
    loads = []
    for number in range(jobs):
        each = least + (number < larger)
        loads += [Load(tuple(pieces), each) for pieces in _packed(rows, bits, each, limits)]
    return loads


def _packed(rows: Sequence[int], bits: Sequence[int], shots: int, limits: Limits) -> list[list[Piece]]:
    """Greedily, so that each job is as full as the order allows."""
    packed: list[list[Piece]] = [[]]
    room, bits_room = limits.executions // shots, limits.broadcast_bits
    for pub, (total, wanted) in enumerate(zip(rows, bits, strict=True)):
        start = 0
        while start < total:
            if room == 0 or wanted > bits_room:
                packed.append([])
                room, bits_room = limits.executions // shots, limits.broadcast_bits
            stop = min(total, start + room)
            packed[-1].append(Piece(pub, start, stop))
            room, bits_room, start = room - (stop - start), bits_room - wanted, stop
    return packed


def pieces_to_list(pieces: Sequence[Piece]) -> list[list[int]]:
    """For JSON."""
    return [[piece.pub, piece.start, piece.stop] for piece in pieces]


def pieces_from_list(told: Any) -> tuple[Piece, ...]:
    """From JSON.

    Raises:
        ValueError, TypeError: if it is no list of whole numbers, three each.
    """
    return tuple(Piece(*(validation.count("pieces", n) for n in (pub, start, stop))) for pub, start, stop in told)


def check_pieces(parts: Sequence[Sequence[Piece]], rows: Sequence[int]) -> None:
    """See whether pieces are of PUBs that there are, and together are all of them.

    Args:
        parts: of each part its pieces.
        rows: of each PUB how many rows it has.

    Raises:
        ValueError: if they are not.
    """
    pieces = [piece for part in parts for piece in part]
    for piece in pieces:
        if piece.pub >= len(rows) or not piece.start < piece.stop <= rows[piece.pub]:
            raise ValueError(f"{piece} is not of the {len(rows)} PUBs that there are")
    for pub, there in enumerate(rows):
        reached = 0
        for piece in sorted((p for p in pieces if p.pub == pub), key=lambda p: p.start):
            if piece.start > reached:
                break
            reached = max(reached, piece.stop)
        if reached != there:
            raise ValueError(f"no part runs row {reached} of PUB {pub}")
