"""Reception: photons that arrive, dark counts and dead time, and the bit that two detectors make of them.

The receiver has a detector for each of the two outcomes. A dark count in one of them comes with the probability
p, so that an empty window clicks with Y₀ = 1 − (1 − p)²; a `Detector` states Y₀, the whole receiver's. If both
click, the bit is chosen at random (dropping such rounds would let an eavesdropper choose which ones are kept).
While one recovers from a click both are gated off: dead time then costs rounds, and tells nobody anything.

References:
    N. Lütkenhaus, Phys. Rev. A 59, 3301 (1999): random bits for double clicks.
    X. Ma, B. Qi, Y. Zhao, H.-K. Lo, Phys. Rev. A 72, 012326 (2005): gains and error rates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, expm1, log1p
from typing import Any

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray, IntArray
from quantumlink.hardware import Detector

Floats = FloatArray

NO_PHOTON, ONLY_ZERO, ONLY_ONE, BOTH = range(4)
"""What the photons alone would make click."""

DARK = ((0, 0), (1, 0), (0, 1), (1, 1))
"""The dark counts of the detectors of 0 and 1, in the order in which they are counted."""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Bob's two detectors, by the numbers that matter for a round.

    >>> Receiver(dark_probability=0.19).dark_probabilities.round(4).tolist()
    [0.81, 0.09, 0.09, 0.01]
    """

    efficiency: float = 1.0
    """Probability that an arriving photon is seen."""
    dark_probability: float = 0.0
    """Y₀: probability that anything clicks in an empty window."""
    misalignment: float = 0.0
    """Probability that a photon goes to the wrong detector."""
    dead_time_s: float = 0.0
    """Seconds after a click in which nothing clicks."""

    @property
    def dark_probabilities(self) -> Floats:
        """The probabilities of the four `DARK` patterns."""
        p = self.dark_probability_each(2)
        return np.array([(1 - p) ** 2, p * (1 - p), p * (1 - p), p * p])

    def dark_probability_each(self, detectors: int) -> float:
        """D of one of several detectors that share them equally: 1 − Y₀ = (1 − d)ⁿ."""
        if self.dark_probability == 1:
            return 1.0
        return -expm1(log1p(-self.dark_probability) / detectors)

    def flipped(self, one: Floats) -> Floats:
        """The probability of outcome 1 after misalignment."""
        return one * (1 - self.misalignment) + (1 - one) * self.misalignment


def receiver_of(detector: Any, *media: Any, counts_dead_time: bool = False) -> Receiver:
    """Read a `Detector`, or anything with (some of) its attributes; None is an ideal one.

    Media that end there bring their background along (see `quantumlink.hardware.Fiber`).

    The probability of a click in an empty window is 1 − exp(−(dark + background rate)·window).

    Args:
        detector: what is read.
        media: what ends there.
        counts_dead_time: whether the session counts rounds in which detectors are dead.

    Raises:
        ValueError: if a value is out of its range, or is one that nobody would reckon with.
    """
    brought = sum(getattr(medium, "background_hz", 0.0) for medium in media)
    if detector is None and brought:
        detector = Detector()
    if detector is None or isinstance(detector, Receiver):
        return detector or Receiver()

    def value(name: str) -> float:
        found = getattr(detector, name, None)
        return 0.0 if found is None else validation.number(f"detector.{name}", found, at_least=0.0)

    _check_reckoned_with(value, getattr(detector, "elements", 1), counts_dead_time)
    efficiency = getattr(detector, "efficiency", None)
    if efficiency is None:
        raise TypeError(f"detector must be a Detector (with efficiency, dark_count_rate_hz, …), got {detector!r}")
    efficiency = validation.probability("detector.efficiency", efficiency)
    rate = value("dark_count_rate_hz") + value("background_rate_hz") + efficiency * brought
    return Receiver(
        efficiency=efficiency,
        dark_probability=-expm1(-rate * value("window_s")),
        misalignment=validation.probability("detector.misalignment", getattr(detector, "misalignment", 0.0)),
        dead_time_s=value("dead_time_s"),
    )


def _check_reckoned_with(value: Callable[[str], float], elements: int, counts_dead_time: bool) -> None:
    """Refuse what rounds of one window each leave out: times within the window, and most dead times."""
    if value("jitter_s"):
        raise ValueError(
            f"jitter_s of the detector must be 0 where a round has one window, got {value('jitter_s'):g}: what "
            "comes too early or too late is not reckoned with (take it off the efficiency)"
        )
    if not value("dead_time_s"):
        return
    if not counts_dead_time:
        raise ValueError(
            f"dead_time_s of the detector must be 0 in this session, got {value('dead_time_s'):g}: its detectors "
            "are taken to be ready"
        )
    if elements != 1:
        raise ValueError(
            f"elements of the detector must be 1 where it has a dead time, got {elements}: after a click of one "
            "all are gated off, for else the dead time would tell which it was"
        )


def clicks_in(rounds: int, probability: float, blind: int, rng: np.random.Generator) -> int:
    """How many of the rounds click, each with a probability, if the next few rounds after a click are blind.

    Exact, and as quick for any number of rounds: there are k clicks or more if, of the rounds that are left when
    those blind after k − 1 of them are taken out, k would click. The number is that of which this is as probable as
    a number drawn from [0, 1).

    >>> clicks_in(1000, 1.0, 9, np.random.default_rng(1))
    100
    """
    if probability <= 0:
        return 0
    if not blind:
        return int(rng.binomial(rounds, probability))
    from scipy.stats import binom

    drawn = rng.random()
    few, many = 0, -(-rounds // (blind + 1))  # so many click for certain, and so many at most
    while few < many:
        k = (few + many + 1) // 2
        if binom.sf(k - 1, rounds - (k - 1) * blind, probability) > drawn:
            few = k
        else:
            many = k - 1
    return few


def blind_rounds(dead_time_s: float, repetition_rate_hz: float) -> int:
    """Rounds after a click that lie within the dead time.

    >>> blind_rounds(1e-6, 1e7), blind_rounds(0.0, 1e9)
    (9, 0)
    """
    return max(0, ceil(round(dead_time_s * repetition_rate_hz, 6)) - 1)


def bits_of_patterns(patterns: IntArray, rng: np.random.Generator) -> IntArray:
    """The bits that clicks give.

    Args:
        patterns: counts by what the photons do and by dark counts, shape (..., 4, 4).
        rng: source of the bits of double clicks.

    Returns:
        Counts of the bits 0 and 1, shape (..., 2); windows without any click are left out.
    """
    zeros = np.zeros(patterns.shape[:-2], dtype=np.int64)
    ones, double = zeros.copy(), zeros.copy()
    for photon in (NO_PHOTON, ONLY_ZERO, ONLY_ONE, BOTH):
        for d, (dark0, dark1) in enumerate(DARK):
            zero = photon in (ONLY_ZERO, BOTH) or bool(dark0)
            one = photon in (ONLY_ONE, BOTH) or bool(dark1)
            count = patterns[..., photon, d]
            if zero and one:
                double += count
            elif zero:
                zeros += count
            elif one:
                ones += count
    heads = rng.binomial(double, 0.5)
    return np.stack([zeros + heads, ones + double - heads], axis=-1)
