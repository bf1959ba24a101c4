"""Keys against coherent attacks by entropy accumulation: six states, and pairs whose devices nobody trusts.

In each of n rounds the ends draw, apart from everything, whether it makes the key, tests, or is dropped. What they
note of a round is D: a bit of Alice's if it makes the key, the bits of both if it is compared, nothing else. If a
function f that is affine in the frequencies of what tests show is nowhere above the entropy of a round, and the
frequencies seen have f ≥ h, then (for any α in (1, 3/2))

    H_min^ε(Dⁿ|E) ≥ n·h − n·β·(ln 2/2)·V² − (g(ε) + α·log₂(1/p))/(α − 1) − n·β²·K(α),    β = (α − 1)/(2 − α),

but for a probability p that they are seen at all, with

    g(ε) = −log₂(1 − √(1 − ε²)),    V = log₂(2·d² + 1) + √(2 + Var f),    d = 7 values of D,
    K(α) = (2 − α)³/(6·(3 − 2α)³·ln 2)·2^(β·(2·log₂d + Max f − Min f))·ln³(2^(2·log₂d + Max f − Min f) + e²).

That is the form of Metger et al., whose theorem covers theirs. Dupuis and Fawzi have smaller terms: α − 1 in the
place of β, and 1/(2 − α)³ in that of (2 − α)³/(3 − 2α)³.

What is published of D costs its bits, two for each round compared, and so does what reconciliation discloses.

The theorem is of an event settled beforehand. So the *length is settled beforehand* too: from the worst results
that are tolerated, from how many rounds may be compared, and from how much reconciliation may disclose. Worse
results, or more that was said, give no key; better ones give no longer one.

- Six states: the entropy of a round is at least that of `six_state_entropy`, convex in the three error rates; f is
  its tangent plane at the rates tolerated.
- No trust in devices: 1 − h((1 + √((S/2)² − 1))/2), convex in S; f is its tangent at the value tolerated.

Failure: ε_sec bounds the probability p that matters; a quarter of it is ε, which smoothing charges twice; hashing
has the other half.

References:
    F. Dupuis, O. Fawzi, R. Renner, Commun. Math. Phys. 379, 867 (2020): entropy accumulation.
    F. Dupuis, O. Fawzi, IEEE Trans. Inf. Theory 65, 7596 (2019): terms of second order.
    T. Metger, O. Fawzi, D. Sutter, R. Renner, Commun. Math. Phys. 405, 261 (2024): those used here.
    R. Arnon-Friedman, F. Dupuis, O. Fawzi, R. Renner, T. Vidick, Nat. Commun. 9, 459 (2018); R. Arnon-Friedman,
        R. Renner, T. Vidick, SIAM J. Comput. 48, 181 (2019): keys that trust no device.
    I. George, J. Lin, T. van Himbeeck, K. Fang, N. Lütkenhaus, arXiv:2203.06554 (2022): devices that are known.
    S. Pironio et al., New J. Phys. 11, 045021 (2009): the entropy of a violation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, floor, log, log2, sqrt
from typing import ClassVar

import numpy as np

from quantumlink import validation
from quantumlink.rates import TSIRELSON, binary_entropy
from quantumlink.security.collective import six_state_entropy, six_state_gradient
from quantumlink.security.deviations import largest_frequency
from quantumlink.security.terms import BoundTerms, hashing_price

REFERENCE = (
    "T. Metger, O. Fawzi, D. Sutter, R. Renner, Commun. Math. Phys. 405, 261 (2024), generalised entropy "
    "accumulation with testing"
)
"""Where the form above is proven; a session adds where it is led back to the entropy of one round."""

DIMENSION = 7
"""Values of what is noted of a round: a bit of the key, two bits that are compared, or nothing."""

_HUGE = 500
"""An exponent beyond which a loss is no longer told in detail: it exceeds all bits."""

_RARE = log(1e12)
"""An honest run has more rounds compared than are reckoned with once in 10¹²."""

_COMMON = 3.0
"""So many standard deviations are taken for chance."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A kind of test round."""

    probability: float
    """That a round is one."""
    slope: float
    """By how much the entropy of a round falls with the rate of failures; it may rise."""


@dataclass(frozen=True, kw_only=True)
class Tradeoff:
    """An affine function of the frequencies of test results that is nowhere above the entropy of a round.

    A round without a test counts ``base − Σ slope/2``, a test passed half of slope/probability more, a test failed
    as much less: the mean is ``base − Σ slope·rate``, and no other choice has a smaller variance at worst.
    """

    base: float
    """The function where no test fails."""
    tests: tuple[Trial, ...]
    """The kinds of test rounds."""

    def mean(self, rates: Sequence[float]) -> float:
        """The function for these rates of failures."""
        return self.base - sum(t.slope * rate for t, rate in zip(self.tests, rates, strict=True))

    def score(self, n: int, seen: Sequence[tuple[int, int]]) -> float:
        """The function for what was seen: tests of each kind, and how many failed, of n rounds."""
        total = n * (self.base - sum(t.slope for t in self.tests) / 2)
        for test, (bits, failed) in zip(self.tests, seen, strict=True):
            total += (bits - 2 * failed) * test.slope / (2 * test.probability)
        return total / n

    @property
    def variance(self) -> float:
        """At most the variance, whatever the rates."""
        return sum(t.slope**2 / (4 * t.probability) for t in self.tests)

    @property
    def spread(self) -> float:
        """At most the largest value less the least mean."""
        most = max(abs(t.slope) / (2 * t.probability) for t in self.tests)
        return most + sum(abs(t.slope) for t in self.tests) / 2


def six_state_tradeoff(qber: float, *, key: float, tests: Sequence[float]) -> Tradeoff:
    """The tangent plane of the six-state entropy where all three bases have the same error rate.

    Args:
        qber: that error rate, in (0, 1/2).
        key: share of the rounds that make the key.
        tests: shares of the rounds compared in X, Y and Z.
    """
    entropy = six_state_entropy(qber, qber, qber)
    slopes = six_state_gradient(np.full(3, qber))
    base = key * (entropy - qber * float(sum(slopes)))
    return Tradeoff(
        base=base,
        tests=tuple(Trial(probability=p, slope=-key * float(s)) for p, s in zip(tests, slopes, strict=True)),
    )


def chsh_tradeoff(chsh: float, *, key: float, test: float) -> Tradeoff:
    """The tangent of the entropy that a Bell test proves; a test fails if its round of the game is lost.

    Args:
        chsh: where it touches, in (2, 2√2).
        key: share of the rounds that make the key.
        test: share of the rounds of the Bell test, its four settings equally likely.
    """
    root = sqrt((chsh / 2) ** 2 - 1)
    entropy = 1 - float(binary_entropy((1 + root) / 2))
    slope = chsh / (8 * root) * log2((1 + root) / (1 - root))
    # S = 4 − 8·(rate of lost rounds)
    return Tradeoff(
        base=key * (entropy + slope * (4 - chsh)), tests=(Trial(probability=test, slope=8 * key * slope),)
    )


def accumulation_loss(n: int, tradeoff: Tradeoff, *, eps_sec: float, dimension: int = DIMENSION) -> float:
    """By how much the smooth min-entropy of n rounds falls short of n·h, in bits, for the best α.

    Args:
        n: rounds.
        tradeoff: f.
        eps_sec: secrecy of the key, in (0, 1).
        dimension: d.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda x: loss_at(1 + exp(x), n, tradeoff, eps_sec=eps_sec, dimension=dimension),
        bounds=(log(1e-9), log(0.4)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(found.fun)


def loss_at(alpha: float, n: int, tradeoff: Tradeoff, *, eps_sec: float, dimension: int = DIMENSION) -> float:
    """The same for an α in (1, 3/2): any of them is a bound."""
    beta = (alpha - 1) / (2 - alpha)
    deviation = log2(2 * dimension**2 + 1) + sqrt(2 + tradeoff.variance)
    second = beta * log(2) / 2 * deviation**2
    width = 2 * log2(dimension) + tradeoff.spread
    grown = float(np.exp2(min(beta * width, _HUGE))) * float(np.logaddexp(width * log(2), 2)) ** 3
    third = beta**2 * (2 - alpha) ** 3 / (6 * (3 - 2 * alpha) ** 3 * log(2)) * grown
    smoothing = 1 - 2 * log2(eps_sec / 4)  # at least g(ε), as 1 − √(1 − ε²) ≥ ε²/2
    return n * (second + third) + (smoothing - alpha * log2(eps_sec)) / (alpha - 1)


@dataclass(frozen=True, kw_only=True)
class AccumulationBound:
    """A key of a length settled beforehand, by entropy accumulation, against coherent attacks.

    Args:
        rounds: n, rounds that count: detected, or attempted where a silent detector is an outcome.
        tradeoff: the function of the test results.
        tolerated: rates of failures of its tests, at worst.
        seen: tests of each kind, and how many failed.
        comparable: share of the rounds that is compared in public, whatever for.
        compared: how many were.
        leak_limit: bits that reconciliation may disclose.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).

    Raises:
        ValueError: if an argument is out of range.
    """

    rounds: int
    """Rounds that count."""
    tradeoff: Tradeoff
    """The function of the test results."""
    tolerated: tuple[float, ...]
    """Rates of failures of its tests, at worst."""
    seen: tuple[tuple[int, int], ...]
    """Tests of each kind, and how many failed."""
    comparable: float
    """Share of the rounds compared in public."""
    compared: int
    """How many were."""
    leak_limit: float
    """Bits that reconciliation may disclose."""
    eps_sec: float
    """Secrecy."""
    eps_cor: float
    """Correctness."""

    count_replies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerances(self, "eps_sec", "eps_cor")
        validation.count("rounds", self.rounds)
        validation.tolerance("comparable", self.comparable)
        validation.instance("tradeoff", self.tradeoff, Tradeoff, "a function of the test results, Tradeoff(...)")
        validation.number("leak_limit", self.leak_limit, at_least=0.0)
        for rate in self.tolerated:
            validation.probability("tolerated", rate)
        kinds = len(self.tradeoff.tests)
        pairs = all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in self.seen)
        if not pairs or not len(self.tolerated) == len(self.seen) == kinds:
            raise ValueError(
                f"tolerated and seen must hold a rate and a pair of counts for each of the {kinds} kinds of tests, "
                f"got {self.tolerated!r} and {self.seen!r}"
            )
        for bits, failed in self.seen:
            if validation.count("failed tests", failed) > validation.count("tests", bits):
                raise ValueError(f"seen must hold no more failed tests than tests, got {failed} of {bits}")
        if validation.count("compared", self.compared) > self.rounds:
            raise ValueError(f"compared must be at most rounds, {self.rounds}, got {self.compared}")

    @property
    def comparable_most(self) -> int:
        """So many rounds may be compared."""
        return floor(self.rounds * largest_frequency(self.comparable, self.rounds, _RARE))

    @property
    def least_score(self) -> float:
        """The function of the test results at the rates tolerated."""
        return self.tradeoff.mean(self.tolerated)

    def shortfall(self, leak: float) -> str | None:
        """What was agreed on and not kept; None if all was."""
        if not self.rounds:
            return "no round counts"
        if (score := self.tradeoff.score(self.rounds, self.seen)) < self.least_score:
            return f"tests show {score:.6f} bits a round, less than the {self.least_score:.6f} agreed on"
        if self.compared > self.comparable_most:
            return f"{self.compared} rounds were compared, more than the {self.comparable_most} agreed on"
        if leak > self.leak_limit:
            return f"{leak:.0f} bits were disclosed, more than the {self.leak_limit:.0f} agreed on"
        return None

    @property
    def by_chance(self) -> bool:
        """Whether tests within what was agreed on show as little now and then, in so few rounds."""
        if not self.rounds:
            return True
        lacking = self.least_score - self.tradeoff.score(self.rounds, self.seen)
        return lacking <= _COMMON * sqrt(self.tradeoff.variance / self.rounds)

    def terms(self, *, n: int, leak: float) -> BoundTerms:
        """Evaluate the bound for a raw key of ``n`` bits of which ``leak`` were disclosed.

        The terms charge for the bits that might have been disclosed.
        """
        return self._terms(n, leak, self.shortfall(validation.number("leak", leak, at_least=0.0)))

    def terms_if_kept(self, *, n: int, leak: float) -> BoundTerms:
        """The terms of such a block if all that was agreed on is kept, whatever was seen of this one.

        No key is made of these: they tell what another block may give.
        """
        return self._terms(n, leak, None)

    def _terms(self, n: int, leak: float, why: str | None) -> BoundTerms:
        n, leak = validation.count("n", n), validation.number("leak", leak, at_least=0.0)
        entropy = loss = 0.0
        if why is None:
            loss = accumulation_loss(self.rounds, self.tradeoff, eps_sec=self.eps_sec)
            entropy = max(0.0, self.rounds * self.least_score - loss - 2 * self.comparable_most)
        return BoundTerms(
            n=n,
            entropy_bits=entropy,
            leak=max(leak, self.leak_limit),
            epsilon_bits=hashing_price(self.eps_sec, self.eps_cor),
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            details=(
                ("what was agreed on", why or "kept"),
                ("entropy of a round, at least", f"{self.least_score:.6f} bits, as agreed on"),
                ("finite number of rounds", f"−{loss:.0f} bits of {self.rounds} rounds"),
                ("rounds compared, at most", f"{self.comparable_most}, two bits each"),
            ),
        )


def checked_chsh(name: str, value: float) -> float:
    """A CHSH value that proves something.

    Raises:
        ValueError: if it does not lie between 2 and 2√2.
    """
    chsh = validation.number(name, value)
    if not 2 < chsh < TSIRELSON:
        raise ValueError(f"{name} must lie between 2 and 2√2 = {TSIRELSON:.6f}, both excluded, got {value!r}")
    return chsh
