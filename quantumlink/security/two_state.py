"""B92 and SARG04: keys from non-orthogonal states, by phase errors after Bob's filter.

Alice's bit is which of two states φ₀, φ₁ she sent; Bob's is conclusive if his outcome is orthogonal to one of them.
That is the same as: she keeps one half of Σⱼ|j⟩|φⱼ⟩/√2, he filters with Σ_b |b⟩⟨m_b|, ⟨m_b|φ_{1−b}⟩ = 0, and both
measure Z. Phase errors are what they would see in X. They are bounded from the conclusive rounds, the errors, the
detections, and Alice's half, which no attacker touches (`quantumlink.security.phase_error`).

For SARG04 the bound is 3/2 of the error rate, whatever the loss. For B92 it grows with the loss: who discriminates
the two states without error, and blocks what stays ambiguous, must pass for loss.

Assumptions: single photons, collective attacks (each round alike), detection that does not depend on the basis.

References:
    K. Tamaki, M. Koashi, N. Imoto, Phys. Rev. Lett. 90, 167904 (2003); K. Tamaki, N. Lütkenhaus, Phys. Rev. A 69,
        032316 (2004): B92 without and with loss.
    C.-H. F. Fung, K. Tamaki, H.-K. Lo, Phys. Rev. A 73, 012337 (2006): SARG04.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import log, pi
from typing import ClassVar

import numpy as np

from quantumlink import validation
from quantumlink.arrays import ComplexArray
from quantumlink.rates import binary_entropy
from quantumlink.security.deviations import chernoff_high, chernoff_low, largest_frequency
from quantumlink.security.phase_error import Observed, Operator, largest_expectation
from quantumlink.security.terms import BoundTerms, hashing_price

_PAULI_X = np.array([[0, 1], [1, 0]], dtype=complex)
_PAULI_Z = np.array([[1, 0], [0, -1]], dtype=complex)
_MINUS = np.array([[1, -1], [-1, 1]], dtype=complex) / 2
_PLUS = np.array([[1, 1], [1, 1]], dtype=complex) / 2


@dataclass(frozen=True)
class FilteredOperators:
    """Probabilities of a round as operators on Alice's half and what reaches Bob: a qubit, or nothing.

    Shape (6, 6): the first four levels are Alice's qubit (as the more significant one) and Bob's, the last two
    Alice's qubit where nothing arrived.
    """

    conclusive: Operator
    """A detection that gives Bob a bit."""
    wrong: Operator
    """A detection that gives him the wrong one."""
    phase_error: Operator
    """A conclusive round that would err in X."""


@dataclass(frozen=True, kw_only=True)
class TwoStateBound:
    """The bound for B92, or for SARG04, against collective attacks.

    Args:
        rounds: pulses sent.
        detected: rounds in which Bob's detector fired.
        conclusive: rounds that gave Bob a bit (after sifting, tested ones included).
        tested: conclusive rounds compared in public.
        errors: how many of these differed.
        eps_sec: secrecy, in (0, 1).
        eps_cor: correctness, in (0, 1).
        angle: angle between the two states of B92 on the Bloch sphere, in radians, in (0, π); None for SARG04.

    Raises:
        ValueError: if an argument is out of range.
    """

    rounds: int
    """Pulses sent."""
    detected: int
    """Rounds in which Bob's detector fired."""
    conclusive: int
    """Rounds that gave Bob a bit."""
    tested: int
    """Conclusive rounds compared in public."""
    errors: int
    """How many of these differed."""
    eps_sec: float
    """Secrecy."""
    eps_cor: float
    """Correctness."""
    angle: float | None = pi / 2
    """Angle between the two states of B92 on the Bloch sphere; None for SARG04."""

    count_replies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerances(self, "eps_sec", "eps_cor")
        for name, limit in (
            ("rounds", None),
            ("detected", "rounds"),
            ("conclusive", "detected"),
            ("tested", "conclusive"),
            ("errors", "tested"),
        ):
            value = validation.count(name, getattr(self, name))
            if limit is not None and value > getattr(self, limit):
                raise ValueError(f"{name} must not exceed {limit} = {getattr(self, limit)}, got {value}")
        if self.angle is not None:
            validation.number("angle", self.angle, at_least=1e-6, at_most=pi - 1e-6)

    @property
    def phase_error(self) -> float:
        """Upper bound on the phase error rate of the conclusive rounds, at most 1/2."""
        return _phase_error(self)

    def _searched(self) -> float:
        if not (self.conclusive and self.tested):
            return 0.5
        # Six deviations, each with that failure probability: together (ε_sec/4)², as in Tomamichel et al.
        price = log(6) + 2 * (log(4) - log(self.eps_sec))
        sent = self.rounds
        low = chernoff_low(self.conclusive, sent, price)
        high = chernoff_high(self.conclusive, sent, price)
        error = chernoff_high(self.errors, self.tested, price)
        sarg04 = self.angle is None
        operators = sarg04_operators() if sarg04 else b92_operators(self.angle or 0.0)
        scale = self.conclusive / sent  # so that the numbers are of order 1
        observed = [
            # Among the conclusive rounds the wrong ones are at most a share `error`.
            Observed((operators.wrong - error * operators.conclusive) / scale, -np.inf, 0.0),
            Observed(operators.conclusive / scale, -np.inf if sarg04 else low / scale, high / scale),
            *_untouched(0.0 if sarg04 else float(np.cos((self.angle or 0.0) / 2))),
        ]
        if not sarg04:  # there, the bound is the same without detections
            arriving = [chernoff(self.detected, sent, price) / scale for chernoff in (chernoff_low, chernoff_high)]
            observed.append(Observed(_arrives() / scale, *arriving))
        share = min(1.0, largest_expectation(operators.phase_error / scale, observed))
        return min(0.5, largest_frequency(share * scale, sent, price) / scale)

    def terms(self, *, n: int, leak: float) -> BoundTerms:
        """Evaluate the bound for a raw key of ``n`` bits of which ``leak`` were disclosed.

        Of the conclusive rounds outside the raw key none is credited with a phase error.
        """
        n = validation.count("n", n)
        if n > self.conclusive:
            raise ValueError(
                f"the raw key cannot be longer than the {self.conclusive} conclusive rounds, got n={n}"
            )
        phase = min(0.5, self.phase_error * self.conclusive / n) if n else 0.5
        return BoundTerms(
            n=n,
            entropy_bits=n * (1 - binary_entropy(phase)),
            leak=leak,
            epsilon_bits=hashing_price(self.eps_sec, self.eps_cor),
            eps_sec=self.eps_sec,
            eps_cor=self.eps_cor,
            details=(("phase-error bound", f"{phase:.6f}, against collective attacks"),),
        )


@lru_cache(maxsize=64)  # both ends of a conversation ask, more than once
def _phase_error(bound: TwoStateBound) -> float:
    return bound._searched()


def b92_operators(angle: float) -> FilteredOperators:
    """The operators of B92, states at ``±angle/2`` from |0⟩ on the Bloch sphere; Alice's qubit holds her bit."""
    bits = np.eye(2, dtype=complex)
    return _filtered([(bits, [_real_state(angle / 2), _real_state(-angle / 2)])])


def sarg04_operators() -> FilteredOperators:
    """The operators of SARG04: the mean over its four sets of one Z and one X state.

    Alice's qubit is half of Φ⁺; that she sent a (real) state is that she found it.
    """
    sets = []
    for z, x in product((0.0, pi), (pi / 2, -pi / 2)):
        states = [_real_state(z), _real_state(x)]
        sets.append((np.array(states), states))
    return _filtered(sets)


def _real_state(angle: float) -> ComplexArray:
    return np.array([np.cos(angle / 2), np.sin(angle / 2)], dtype=complex)


def _filtered(
    sets: list[tuple[ComplexArray, list[ComplexArray]]],
) -> FilteredOperators:
    """The mean over sets, each given as Alice's map to her bit, rows ⟨j|, and the states of bits 0 and 1."""
    odd_z = np.diag([0, 1, 1, 0]).astype(complex)
    odd_x = np.kron(_PLUS, _MINUS) + np.kron(_MINUS, _PLUS)
    parts = []
    for alice, states in sets:
        # m_b is orthogonal to the other state, and real positive on its own.
        rows = [np.array([-states[1 - b][1], states[1 - b][0]]) for b in (0, 1)]
        rows = [row * np.sign((row @ states[b]).real) / np.sqrt(2) for b, row in enumerate(rows)]
        both = np.kron(alice, np.array(rows))
        parts.append([both.conj().T @ middle @ both for middle in (np.eye(4), odd_z, odd_x)])
    conclusive, wrong, phase = (_with_nothing(np.mean(part, axis=0)) for part in zip(*parts, strict=True))
    return FilteredOperators(conclusive, wrong, phase)


def _with_nothing(qubits: ComplexArray, nothing: ComplexArray | None = None) -> Operator:
    whole = np.zeros((6, 6), dtype=complex)
    whole[:4, :4] = qubits
    if nothing is not None:
        whole[4:, 4:] = nothing
    return whole


def _arrives() -> Operator:
    return _with_nothing(np.eye(4, dtype=complex))


def _untouched(along_x: float) -> list[Observed]:
    """Alice's half of the state, which nobody touches: its three Bloch components."""
    known = []
    for pauli, value in ((_PAULI_X, along_x), (_PAULI_Z, 0.0), (1j * _PAULI_X @ _PAULI_Z, 0.0)):
        whole = _with_nothing(np.kron(pauli, np.eye(2)), pauli)
        known.append(Observed(whole, value, value))
    return known
