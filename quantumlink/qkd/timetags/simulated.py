"""Clicks of two receivers of a continuous source, drawn one by one, with the truth beside them.

The same source, media and detectors as in `ContinuousSource.coincidences`, whose closed form the counts approach;
nothing of that form is used here. Pairs are made at random moments; of each pair either photon arrives or not, goes
to a basis by chance, and is counted with its jitter; noise counts come besides; a dead detector misses clicks.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from quantumlink import validation
from quantumlink.arrays import BoolArray, FloatArray, IntArray
from quantumlink.hardware.arms import arms_of
from quantumlink.hardware.bell_diagonal import combined, through, werner
from quantumlink.hardware.continuous_source import ContinuousSource
from quantumlink.hardware.detector import Detector
from quantumlink.hardware.medium import Medium
from quantumlink.hardware.source import Detectors, detector_pair
from quantumlink.qkd.timetags.tags import PS, TimeTags

_WIDTH = 2 * sqrt(2 * log(2))
_CHANNELS = np.array([[1, 2], [3, 4]])


@dataclass(frozen=True, eq=False)
class SimulatedTags:
    """Clicks of both ends: channels 1 and 2 are bits 0 and 1 in Z, 3 and 4 in X."""

    alice: TimeTags
    """Alice's, on her clock."""
    bob: TimeTags
    """Bob's, on his."""
    true_pairs: int
    """Pairs of which both photons were counted."""


def simulate_tags(
    source: ContinuousSource,
    medium: Medium,
    *,
    duration_s: float,
    seed: int,
    detector: Detectors = None,
    offset_s: float = 0.0,
    drift: float = 0.0,
    wander: float = 0.0,
    intercepted: float = 0.0,
) -> SimulatedTags:
    """Draw the clicks of two receivers.

    Args:
        source: what makes the pairs.
        medium: what lies between the two ends; `Arms` where the ways from the middle differ.
        duration_s: how long, above 0.
        seed: repeats the clicks.
        detector: one for both ends, or one each; four elements each, as their channels are.
        offset_s: Bob's clock less Alice's at the start.
        drift: how much faster Bob's clock runs, at the start.
        wander: by how much that grows a second.
        intercepted: share of Bob's photons that Eve measures in Z or X by chance and sends on as she found them.

    Raises:
        ValueError: if an argument is out of range, or detectors have not four elements.
        TypeError: if the source is none.
    """
    validation.instance("source", source, ContinuousSource, "a ContinuousSource")
    for name, value in (("offset_s", offset_s), ("drift", drift), ("wander", wander)):
        validation.number(name, value)
    validation.seed("seed", seed)
    duration = validation.positive("duration_s", duration_s)
    share = validation.probability("intercepted", intercepted)
    given = detector_pair(detector)
    ends = (given, given) if isinstance(given, Detector) else given
    if any(end.dead_time_s and end.elements != 4 for end in ends):
        raise ValueError(f"detectors that are dead after a click must have 4 elements, got {ends}")
    rng = np.random.default_rng(seed)
    pairs = int(rng.poisson(source.pair_rate_hz * duration))
    made = np.sort(rng.random(pairs)) * duration * PS
    arms = arms_of(medium)
    state = combined(werner(source.fidelity), combined(through(arms.left.channel), through(arms.right.channel)))
    bases, bits = _measured(rng, pairs, np.array(state), share)
    late = [np.zeros(pairs), rng.normal(0, source.correlation_time_s / _WIDTH * PS, pairs)]
    found, counted = [], []
    for end, arm, basis, bit, extra in zip(ends, (arms.left, arms.right), bases, bits, late, strict=True):
        lit = end.beside(arm)
        eta = source.coupling_efficiency * arm.transmittance * lit.efficiency
        arrived = rng.random(pairs) < eta
        bit = bit ^ (rng.random(pairs) < end.misalignment)
        noise = int(rng.poisson((lit.dark_count_rate_hz + lit.background_rate_hz) * duration))
        times = np.concatenate([(made + extra)[arrived], rng.random(noise) * duration * PS])
        times += rng.normal(0, end.jitter_s / _WIDTH * PS, len(times))
        channels = np.concatenate([_CHANNELS[basis, bit][arrived], rng.integers(1, 5, noise)])
        origin = np.concatenate([np.flatnonzero(arrived), np.full(noise, -1)])
        order = np.argsort(times, kind="stable")
        times, channels, origin = times[order], channels[order], origin[order]
        alive = _alive(times, channels, end.dead_time_s * PS)
        found.append((times[alive], channels[alive]))
        counted.append(np.isin(np.arange(pairs), origin[alive], assume_unique=True))
    (hers, her_channels), (his, his_channels) = found
    clock = his + offset_s * PS + drift * his + 0.5 * wander / PS * his**2
    return SimulatedTags(
        TimeTags.sorted(np.rint(hers).astype(np.int64), her_channels, simulated=True),
        TimeTags.sorted(np.rint(clock).astype(np.int64), his_channels, simulated=True),
        int(np.count_nonzero(counted[0] & counted[1])),
    )


def _measured(
    rng: np.random.Generator,
    pairs: int,
    state: FloatArray,
    share: float,
) -> tuple[tuple[IntArray, IntArray], tuple[IntArray, IntArray]]:
    """Bases (0 is Z) and bits of both ends; a pair is one of the Bell states (index phase + 2·parity)."""
    alice, bob = rng.integers(0, 2, (2, pairs))
    hers = rng.integers(0, 2, pairs)
    kind = rng.choice(4, pairs, p=state / state.sum())
    spied = rng.random(pairs) < share
    eve = rng.integers(0, 2, pairs)
    partner = np.where(spied, eve, bob)  # the basis in which the other half is first measured
    differs = np.where(partner == 0, kind >> 1, kind & 1)
    seen = np.where(partner == alice, hers ^ differs, rng.integers(0, 2, pairs))
    his = np.where(~spied | (eve == bob), seen, rng.integers(0, 2, pairs))
    return (alice, bob), (hers, his)


def _alive(times: FloatArray, channels: IntArray, dead_ps: float) -> BoolArray:
    """Which clicks find their detector ready: a click that is missed prolongs nothing."""
    alive = np.ones(len(times), dtype=np.bool_)
    if not dead_ps:
        return alive
    for channel in np.unique(channels):
        places = np.flatnonzero(channels == channel)
        mine = times[places]
        after = np.searchsorted(mine, mine + dead_ps).tolist()
        heard, at = np.zeros(len(mine), dtype=np.bool_), 0
        while at < len(mine):
            heard[at] = True
            at = after[at]
        alive[places] = heard
    return alive
