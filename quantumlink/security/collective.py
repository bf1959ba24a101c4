"""Keys against collective attacks: every round attacked alike, and the quantum memories measured at the end.

For n independent rounds the smooth min-entropy is that of one round, n times, less a term of order √n
(asymptotic equipartition):

    H_min^ε(Z^n|E) ≥ n·H(Z|E) − 4·log₂(2 + √2)·√(n·log₂(2/ε²))

for one bit a round, and n ≥ (8/5)·log₂(2/ε²). Coherent attacks are not covered: where a proof against them exists,
`SinglePhotonBound` is the default.

Failure probabilities: a quarter of ε_sec each for estimation, smoothing (twice) and hashing.

References:
    M. Tomamichel, R. Colbeck, R. Renner, IEEE Trans. Inf. Theory 55, 5840 (2009): equipartition.
    R. Renner, N. Gisin, B. Kraus, Phys. Rev. A 72, 012332 (2005): six states.
    A. Acín et al., Phys. Rev. Lett. 98, 230501 (2007); S. Pironio et al., New J. Phys. 11, 045021 (2009): the
        device-independent entropy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, log2, sqrt
from typing import ClassVar

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.rates import TSIRELSON, binary_entropy
from quantumlink.security.deviations import hoeffding
from quantumlink.security.terms import BoundTerms, hashing_price

_BASES = ("X", "Y", "Z")
_TINY = 1e-15
# How the populations of Φ⁺, and of the states that err not in X, not in Y, not in Z, change with the rates.
_SLOPES = np.array([[-0.5, -0.5, -0.5], [-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]])


def equipartition_loss(n: int, eps: float) -> float:
    """By how much the smooth min-entropy of n rounds falls short of n times the entropy of one, in bits.

    All n bits where n is too small for the theorem.
    """
    scale = log2(2) - 2 * log2(eps)
    return float(n) if n < 1.6 * scale else 4 * log2(2 + sqrt(2)) * sqrt(n * scale)


def _collective_terms(
    n: int, entropy: float, leak: float, eps_sec: float, eps_cor: float, seen: Sequence[tuple[str, str]]
) -> BoundTerms:
    """The bound for n rounds of that entropy each; ``seen`` tells what it was estimated from."""
    part = eps_sec / 4
    loss = equipartition_loss(n, part)
    return BoundTerms(
        n=n,
        entropy_bits=max(0.0, n * entropy - loss),
        leak=leak,
        epsilon_bits=hashing_price(part, eps_cor),
        eps_sec=eps_sec,
        eps_cor=eps_cor,
        details=(
            *seen,
            ("entropy of a round", f"{entropy:.6f} bits, against collective attacks"),
            ("finite number of rounds", f"−{loss:.0f} bits"),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class SixStateBound:
    """Six-state protocol: errors in all three bases, against collective attacks.

    The three error rates fix the Bell-diagonal part λ of the state (twirling costs nothing against a key from one
    basis), and H(Z|E) = 1 + h(Q_Z) − H(λ). The lowest such entropy within the deviations of the sample counts.

    Args:
        tested: bits compared in each basis, by ``"X"``, ``"Y"``, ``"Z"``.
        errors: how many of them differed, likewise.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).

    Raises:
        ValueError: if an argument is out of range or a basis is missing.
    """

    tested: Mapping[str, int]
    """Bits compared in each basis."""
    errors: Mapping[str, int]
    """How many of them differed."""
    eps_sec: float
    """Secrecy."""
    eps_cor: float
    """Correctness."""

    count_replies: ClassVar[bool] = False

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerances(self, "eps_sec", "eps_cor")
        for name, counts in (("tested", self.tested), ("errors", self.errors)):
            if set(counts) != set(_BASES):
                raise ValueError(f"{name} must have the keys X, Y and Z, got {sorted(counts)}")
        for basis in _BASES:
            tested = validation.count(f"tested[{basis!r}]", self.tested[basis])
            if (wrong := validation.count(f"errors[{basis!r}]", self.errors[basis])) > tested:
                raise ValueError(f"errors[{basis!r}] must be at most the {tested} tested bits, got {wrong}")

    def terms(self, *, n: int, leak: float) -> BoundTerms:
        """Evaluate the bound for a raw key of ``n`` bits of which ``leak`` were disclosed."""
        n = validation.count("n", n)
        part = self.eps_sec / 4
        rates = {b: self.errors[b] / self.tested[b] if self.tested[b] else 0.5 for b in _BASES}
        margins = {b: hoeffding(self.tested[b], log(6 / part)) for b in _BASES}  # three rates, two sides each
        entropy = lowest_six_state_entropy(rates, margins)
        seen = [(f"QBER {b}, with its margin", f"{rates[b]:.5f} + {margins[b]:.5f}") for b in _BASES]
        return _collective_terms(n, entropy, leak, self.eps_sec, self.eps_cor, seen)


def six_state_entropy(qber_x: float, qber_y: float, qber_z: float) -> float:
    """H(Z|E) = 1 + h(Q_Z) − H(λ) of the Bell-diagonal state with these error rates; NaN if there is none.

    >>> round(six_state_entropy(0.05, 0.05, 0.05) - binary_entropy(0.05), 6)  # the rate of the six-state protocol
    0.496816
    """
    half = (qber_x + qber_y + qber_z) / 2
    populations = (1 - half, half - qber_x, half - qber_y, half - qber_z)
    if min(populations) < -1e-12:
        return float("nan")
    spread = sum(-p * log2(p) for p in populations if p > 0)
    return 1 + binary_entropy(min(max(qber_z, 0.0), 1.0)) - spread


def lowest_six_state_entropy(rates: Mapping[str, float], margins: Mapping[str, float]) -> float:
    """The lowest H(Z|E) of a Bell-diagonal state whose error rates lie within the margins; 0 if none does.

    H(Z|E) is the relative entropy of the state to itself dephased in Z, so it is convex in the state and in the
    three rates: whatever point the minimization ends at, the tangent plane there bounds the entropy from below
    everywhere.
    """
    from scipy.optimize import linprog, minimize

    box = [(max(0.0, rates[b] - margins[b]), min(1.0, rates[b] + margins[b])) for b in _BASES]
    # Populations (1 − S/2, S/2 − Q_X, …), S the sum of the rates, must not be negative: rows @ rates <= limits.
    rows = np.vstack([np.full(3, 0.5), np.eye(3) - 0.5])
    limits = np.array([1.0, 0.0, 0.0, 0.0])
    start = np.array(box).mean(axis=1)
    if (rows @ start > limits).any():
        feasible = linprog(np.zeros(3), rows, limits, bounds=box)
        if not feasible.success:
            return 0.0  # no state has such rates
        start = feasible.x
    found = minimize(
        _entropy_and_gradient,
        start,
        jac=True,
        bounds=box,
        constraints={"type": "ineq", "fun": lambda q: limits - rows @ q, "jac": lambda _: -rows},
        method="SLSQP",
        options={"maxiter": 200, "ftol": 1e-13},
    )
    value, gradient = _entropy_and_gradient(found.x)
    lowest = linprog(gradient, rows, limits, bounds=box)
    if not lowest.success:
        return 0.0
    return max(0.0, value + min(0.0, float(lowest.fun - gradient @ found.x)))


def six_state_gradient(rates: FloatArray) -> FloatArray:
    """How `six_state_entropy` changes with the error rates of X, Y and Z."""
    return _entropy_and_gradient(rates)[1]


def _entropy_and_gradient(q: FloatArray) -> tuple[float, FloatArray]:
    half = q.sum() / 2
    populations = np.maximum(np.array([1 - half, half - q[0], half - q[1], half - q[2]]), _TINY)
    z = float(np.clip(q[2], _TINY, 1 - _TINY))
    logs = np.log2(populations)
    value = 1 + binary_entropy(z) + float(populations @ logs)
    return value, _SLOPES.T @ logs + np.array([0.0, 0.0, log2((1 - z) / z)])


@dataclass(frozen=True, kw_only=True)
class DeviceIndependentBound:
    """A key that trusts no device, from the CHSH value of the test rounds, against collective attacks.

    H(Z|E) ≥ 1 − h((1 + √((S/2)² − 1))/2) with S lowered by its margin. S comes from the rounds that won the CHSH
    game, S = 4·(2·wins/rounds − 1), the settings being uniform.

    Args:
        tested: CHSH rounds.
        chsh: CHSH value S seen in them, at most 2√2 up to statistics (4 at most).
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).

    Raises:
        ValueError: if an argument is out of range.

    >>> bound = DeviceIndependentBound(tested=10**7, chsh=2.75, eps_sec=1e-9, eps_cor=1e-9)
    >>> bound.terms(n=10**7, leak=1.2e6).length
    6615561
    """

    tested: int
    """CHSH rounds."""
    chsh: float
    """CHSH value seen in them."""
    eps_sec: float
    """Secrecy."""
    eps_cor: float
    """Correctness."""

    count_replies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.count("tested", self.tested)
        validation.tolerances(self, "eps_sec", "eps_cor")
        validation.number("chsh", self.chsh, at_least=-4.0, at_most=4.0)

    def terms(self, *, n: int, leak: float) -> BoundTerms:
        """Evaluate the bound for a raw key of ``n`` bits of which ``leak`` were disclosed."""
        n = validation.count("n", n)
        part = self.eps_sec / 4
        margin = 8 * hoeffding(self.tested, log(1 / part))  # S is eight times the winning probability, less 4
        lowered = min(self.chsh - margin, TSIRELSON)
        entropy = 0.0 if lowered <= 2 else 1 - binary_entropy(min(1.0, (1 + sqrt((lowered / 2) ** 2 - 1)) / 2))
        seen = [("CHSH value, with its margin", f"{self.chsh:.4f} − {margin:.4f}")]
        return _collective_terms(n, entropy, leak, self.eps_sec, self.eps_cor, seen)
