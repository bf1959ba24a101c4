"""From the clicks of both ends to coincidences, and to raw records for a conversation.

What is said before the conversation is when Bob's detections were, and which of them Alice found halves of. Nobody
has told a basis by then, so whoever alters this on its way can choose pairs by what she measured, but not by the
bases of the ends: it is no more than a lossy channel. Bases are told inside the conversation alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantumlink import validation
from quantumlink.arrays import IntArray
from quantumlink.distillation.agreement import Agreement
from quantumlink.distillation.records import Records
from quantumlink.qkd.protocols.key_bases import KeyBases, checked_key_bases, key_recipe, key_sifting
from quantumlink.qkd.timetags.clocks import ClockAlignment, align_clocks
from quantumlink.qkd.timetags.receiver import Detections, Receiver
from quantumlink.qkd.timetags.tags import PS, TimeTags


def match(alice_ps: IntArray, bob_ps: IntArray, window_ps: int) -> tuple[IntArray, IntArray]:
    """Pairs of moments at most half a window apart, each moment in one pair at most, each other's nearest.

    Args:
        alice_ps: rising, shape (n,).
        bob_ps: rising, on the same clock, shape (m,).
        window_ps: full width of the window.

    Returns:
        Indices into both, rising, of one length.

    >>> match(np.array([0, 100, 200]), np.array([3, 96, 104, 250]), 20)
    (array([0, 1]), array([0, 1]))
    """
    if not len(alice_ps) or not len(bob_ps):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    hers = _nearest(alice_ps, bob_ps)
    close = np.flatnonzero(2 * np.abs(bob_ps[hers] - alice_ps) <= window_ps)
    back = _nearest(bob_ps[hers[close]], alice_ps)
    kept = close[back == close]
    return kept, hers[kept]


def _nearest(values: IntArray, others: IntArray) -> IntArray:
    """For each value the index of the nearest of the others, the earlier of two."""
    after = np.minimum(np.searchsorted(others, values), len(others) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(others[before] - values) <= np.abs(others[after] - values)
    place: IntArray = np.where(nearer, before, after)
    # of equal moments the first
    first: IntArray = np.searchsorted(others, others[place])
    return first


@dataclass(frozen=True, eq=False)
class FoundCoincidences:
    """The coincidences of two receivers; each end makes its own records of its own half."""

    alice: Detections
    """Alice's detections."""
    bob: Detections
    """Bob's."""
    alignment: ClockAlignment
    """How the clocks read against each other."""
    window_s: float
    """Full width of the window."""
    alice_indices: IntArray
    """Which of Alice's detections are half of a coincidence, rising."""
    bob_indices: IntArray
    """Bob's half of each."""
    common_s: float
    """How long both receivers counted."""
    accidentals: float
    """How many of the coincidences are expected to be of clicks that have nothing to do with each other."""

    def __len__(self) -> int:
        return len(self.alice_indices)

    @property
    def rate_hz(self) -> float:
        """Coincidences a second."""
        return len(self) / self.common_s

    def records(self, *, seed: int | None = None) -> tuple[Records, Records]:
        """The raw records of Alice and of Bob; ``seed`` as in `Detections.records`."""
        seeds = (None, None) if seed is None else tuple(np.random.default_rng(seed).spawn(2))
        return (
            self.alice.records(self.alice_indices, seed=seeds[0]),
            self.bob.records(self.bob_indices, seed=seeds[1]),
        )

    def agreement(
        self, *, z_probability: float = 0.5, key_bases: KeyBases = "both", **options: object
    ) -> Agreement:
        """What both ends of BBM92 over these coincidences hold alike.

        Args:
            z_probability: with which a photon goes to the Z basis, at both ends, in (0, 1); if the detections
                do not agree with it, the conversation ends without a key.
            key_bases: the bases that make the key, ``"Z"`` or ``"both"``.
            options: other fields of `Agreement`.
        """
        bases = checked_key_bases(key_bases)
        given = {"sifting": key_sifting(bases, z_probability), "recipe": key_recipe(bases)} | options
        return Agreement(protocol="BBM92", rounds=len(self), **given)  # type: ignore[arg-type]


def find_coincidences(
    alice: TimeTags,
    bob: TimeTags,
    *,
    receivers: tuple[Receiver, Receiver],
    window_s: float = 1e-9,
    max_offset_s: float = 1.0,
    max_drift: float = 1e-6,
    false_alarm: float = 1e-9,
) -> FoundCoincidences:
    """Find the pairs in the clicks of two receivers whose clocks know nothing of each other.

    Args:
        alice: Alice's clicks.
        bob: Bob's.
        receivers: which channel is what, at Alice's end and at Bob's.
        window_s: full width of the window of a coincidence; clicks of one end closer together than that are
            one detection.
        max_offset_s: as for `align_clocks`.
        max_drift: likewise.
        false_alarm: likewise.

    Raises:
        NoCommonPeak: if the clicks show no coincidences that chance would not.
        ValueError: if channels are not those of the receivers, or an argument is out of range.
        TypeError: if one is of the wrong kind.
    """
    pair = validation.sequence("receivers", receivers, "two Receiver objects, Alice's and Bob's")
    if len(pair) != 2:
        raise ValueError(f"receivers must be two, Alice's and Bob's; got {len(pair)}")
    for i, receiver in enumerate(pair):
        validation.instance(f"receivers[{i}]", receiver, Receiver, "a Receiver")
    window_ps = max(1, round(validation.positive("window_s", window_s, at_most=1e-3) * PS))
    ends = []
    for name, receiver, tags in (("alice", receivers[0], alice), ("bob", receivers[1], bob)):
        try:
            ends.append(receiver.detections(tags, window_ps))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    hers, his = ends
    alignment = align_clocks(
        hers.times_ps,
        his.times_ps,
        window_s=window_s,
        max_offset_s=max_offset_s,
        max_drift=max_drift,
        false_alarm=false_alarm,
    )
    moved = np.maximum.accumulate(alignment.to_alice(his.times_ps))
    indices = match(hers.times_ps, moved, window_ps)
    start, end = max(hers.times_ps[0], moved[0]), min(hers.times_ps[-1], moved[-1])
    common = max(1, int(end - start)) / PS
    inside = [np.diff(np.searchsorted(times, [start, end]))[0] for times in (hers.times_ps, moved)]
    return FoundCoincidences(
        hers,
        his,
        alignment,
        window_s,
        *indices,
        common_s=common,
        accidentals=float(inside[0]) * float(inside[1]) * window_s / common,
    )
