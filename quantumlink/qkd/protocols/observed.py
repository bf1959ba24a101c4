"""Observed rounds: what both ends noted, for a simulation that counts kinds of rounds and then lays them out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import BoolArray, IndexArray, IntArray
from quantumlink.distillation.bits import Bits, looked_up, occurrences, random_bits
from quantumlink.distillation.records import RawRounds, Records, Symbols
from quantumlink.distillation.sifting import COMPARED, KEY, Sifting
from quantumlink.progress import track
from quantumlink.qkd.protocols.drawable import check_detected
from quantumlink.qkd.protocols.random_places import random_places
from quantumlink.qkd.protocols.sifted import Sifted

_AT_ONCE = 20_000_000
"""Most rounds whose places are looked up while they are put in order: it takes up to eight bytes a round."""
_MOST_DEALT = 10**9
"""From so many rounds on numpy does not deal out parts of them; they are shuffled, which is slow."""


class Kind(NamedTuple):
    """A kind of detected round, and how many there were."""

    alice_setting: int
    alice_bit: int
    bob_setting: int
    bob_bit: int
    number: int
    rounds_class: int = 0


@dataclass(frozen=True, eq=False)
class ObservedRounds:
    """What both ends noted of the rounds that were detected, in the order of time."""

    rounds: int
    """Rounds attempted."""
    kinds: npt.NDArray[np.uint8]
    """Alice's setting and bit, Bob's setting and bit, and the class, of every kind of round: shape (5, kinds)."""
    order: npt.NDArray[np.uint8]
    """The kind of each round."""

    @classmethod
    def of_kinds(cls, kinds: Sequence[Kind], rounds: int, rng: np.random.Generator) -> ObservedRounds:
        """Counted rounds in random order."""
        found: dict[tuple[int, ...], int] = {}
        for kind in kinds:
            noted = (kind.alice_setting, kind.alice_bit, kind.bob_setting, kind.bob_bit, kind.rounds_class)
            found[noted] = found.get(noted, 0) + kind.number
        if len(found) > 256:
            raise ValueError(f"at most 256 kinds of rounds can be told apart, got {len(found)}")
        check_detected(rounds, sum(found.values()))
        noted_by_kind = np.array(list(found), dtype=np.uint8).reshape(-1, 5).T
        return cls(rounds, noted_by_kind, _in_random_order(list(found.values()), rng))

    def __len__(self) -> int:
        return len(self.order)

    def _column(self, which: int, order: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        return looked_up(self.kinds[which], self.order if order is None else order)

    @property
    def alice_settings(self) -> Symbols:
        """Alice's setting in each round."""
        return self._column(0)

    @property
    def alice_bits(self) -> Bits:
        """Her bit."""
        return self._column(1)

    @property
    def bob_settings(self) -> Symbols:
        """Bob's setting."""
        return self._column(2)

    @property
    def bob_bits(self) -> Bits:
        """His bit."""
        return self._column(3)

    @property
    def classes(self) -> Symbols:
        """The class of each round, which Alice knows."""
        return self._column(4)

    def records(self, rng: np.random.Generator, *, simulated: bool) -> tuple[Records, Records]:
        """Alice's raw records and Bob's, the detected rounds anywhere among all rounds.

        They are seeded: whatever measures, the settings and Alice's bits are drawn by a seed.
        """
        places = random_places(self.rounds, len(self), rng)
        common: dict[str, Any] = {
            "rounds": self.rounds,
            "positions": places,
            "simulated": simulated,
            "seeded": True,
        }
        alice, bob = self._noted(rng)
        return (
            Records(settings=alice[0], bits=alice[1], classes=self.classes, **common),
            Records(settings=bob[0], bits=bob[1], **common),
        )

    def _noted(self, rng: np.random.Generator) -> tuple[tuple[Symbols, Bits], tuple[Symbols, Bits]]:
        """Setting and bit of each round, Alice's and Bob's."""
        return (self.alice_settings, self.alice_bits), (self.bob_settings, self.bob_bits)

    def sifted(self, sifting: Sifting, rng: np.random.Generator) -> Sifted:
        """The sifted bits, by what the ends would say of their rounds."""
        if sifting.answered:  # what Alice says is drawn round by round
            rows, order = np.stack([self._column(i) for i in range(5)]), None
        else:
            rows, order = self.kinds, self.order
        alice, bob = (RawRounds(None, rows[2 * i + 1], rows[2 * i], rows[4]) for i in (0, 1))
        others: Bits = np.zeros(rows.shape[1], dtype=np.uint8)
        if sifting.answered:
            others = random_bits(rng, len(self))
        hers, his = sifting.alice_says(alice, others), sifting.bob_says(bob)
        kept = sifting.bob_keeps(bob, hers) if sifting.answered else np.ones(rows.shape[1], dtype=np.uint8)
        streams, bits = sifting.streams(hers, his, kept), (sifting.alice_bits(alice), sifting.bob_bits(bob, hers))
        if order is not None and not sifting.compared_fraction:
            counts = np.array(occurrences(order, rows.shape[1]))
            statistics = _statistics(sifting, streams, rows[4], bits[0] != bits[1], counts)
            per_round = looked_up(streams, order)
            # By places, not by a mask: branches that nobody can foresee make that six times as slow.
            key, test = (order[np.flatnonzero(per_round == stream)] for stream in (KEY, COMPARED))
            a, b = bits
            return Sifted(
                looked_up(a, key),
                looked_up(b, key),
                looked_up(a, test),
                looked_up(b, test),
                accepted=len(self),
                statistics=statistics,
            )
        if order is not None:
            streams, *columns = (looked_up(row, order) for row in (streams, *bits, rows[4]))
            bits, rows = (columns[0], columns[1]), np.stack([columns[2]] * 5)
        if sifting.compared_fraction:
            keys = np.flatnonzero(streams == KEY)
            streams = streams.copy()
            size = round(sifting.compared_fraction * len(keys))
            streams[rng.choice(keys, size, replace=False)] = COMPARED
        (a, b), kept_at, test_at = bits, np.flatnonzero(streams == KEY), np.flatnonzero(streams == COMPARED)
        ones = np.ones(len(streams), dtype=np.int64)
        statistics = _statistics(sifting, streams, rows[4], bits[0] != bits[1], ones)
        return Sifted(a[kept_at], b[kept_at], a[test_at], b[test_at], accepted=len(self), statistics=statistics)


def _statistics(
    sifting: Sifting,
    streams: Symbols,
    classes: Symbols,
    errors: BoolArray,
    counts: IntArray,
) -> dict[str, int]:
    """Public counts of rounds, each kind so often. How many errors the key basis has is not among them."""
    found = {}
    for k, name in enumerate(sifting.classes):
        mine = classes == k
        if name:
            found[f"Z {name}"] = int(counts[mine & (streams == KEY)].sum())
        for s, stream in enumerate(sifting.compared, start=COMPARED):
            here = mine & (streams == s)
            found[f"{stream} {name or 'rounds'}"] = int(counts[here].sum())
            found[f"{stream} errors {name}".rstrip()] = int(counts[here & errors].sum())
    return found


def _in_random_order(counts: Sequence[int], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Every kind as often as counted, all orders equally likely; of very many part by part."""
    total = sum(counts)
    if not _AT_ONCE < total < _MOST_DEALT:
        return _mixed(counts, rng)
    order, left = np.empty(total, dtype=np.uint8), np.array(counts)
    for start in track(range(0, total, _AT_ONCE), "drawing the order of the rounds"):
        size = min(_AT_ONCE, total - start)
        here = rng.multivariate_hypergeometric(left, size, method="marginals")  # of each kind, in this part
        order[start : start + size] = _mixed(here.tolist(), rng)
        left -= here
    return order


def _mixed(counts: Sequence[int], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """The same all at once.

    Rounds are drawn one by one, from a table of about the right shares. Then rounds of kinds that came too often,
    chosen at random, become such as are missing, in random order. No step treats one round unlike another, so all
    orders are equally likely; and it takes a fraction of the time of a shuffle.
    """
    kinds, total = np.arange(len(counts), dtype=np.uint8), sum(counts)
    if not 0 < total <= _AT_ONCE:
        order = np.repeat(kinds, counts)
        rng.shuffle(order)
        return order
    until = np.rint(np.cumsum(counts) * (256 / total)).astype(np.int64)
    table = np.searchsorted(until, np.arange(256), side="right").astype(np.uint8)
    drawn = rng.bytes(total).translate(table.tobytes())
    order = np.frombuffer(bytearray(drawn), dtype=np.uint8)
    came = np.array(occurrences(order, len(counts)))
    order[_some_of_each(order, came, np.maximum(came - counts, 0), rng)] = rng.permutation(
        np.repeat(kinds, np.maximum(counts - came, 0))
    )
    return order


def _some_of_each(
    order: npt.NDArray[np.uint8], came: IndexArray, wanted: IndexArray, rng: np.random.Generator
) -> IndexArray:
    """The places of so many rounds of each kind, chosen at random: the first ones in a random order of places."""
    chosen = np.flatnonzero(wanted)
    # So many places have enough of every kind, nearly always; if not, all are gone through in another order.
    enough = math.ceil(1.5 * len(order) * float(np.max(wanted[chosen] / came[chosen], initial=0.0))) + 1000
    for size in (min(enough, len(order)), len(order)):
        places = rng.choice(len(order), size, replace=False)
        kinds = order[places]
        found = [places[kinds == kind][: wanted[kind]] for kind in chosen]
        if [len(some) for some in found] == wanted[chosen].tolist():
            break
    return np.concatenate([np.empty(0, dtype=np.intp), *found])
