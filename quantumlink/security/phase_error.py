"""Phase errors that no statistics show directly: bounded from those that were seen, by linear-program duality.

In each round a source emits half of a known state and an attacker turns the other half into whatever reaches Bob:
an unknown state ρ. Observed probabilities are Tr(G·ρ), the phase error probability is Tr(P·ρ). Whenever

    Σ λᵢ·Gᵢ − P ≥ 0    (no negative eigenvalue),

it follows that Tr(P·ρ) ≤ Σ λᵢ·gᵢ, for *every* ρ. The best multipliers λ are found by cutting planes (each negative
eigenvector is one linear condition more), and what remains negative is lifted by the identity: so the bound holds
however well the search went.

References:
    M. Koashi, New J. Phys. 11, 045018 (2009): keys from phase-error bounds.
    K. Tamaki, M. Koashi, N. Imoto, Phys. Rev. Lett. 90, 167904 (2003): B92 as filtered entanglement.
    K. Tamaki, H.-K. Lo, Phys. Rev. A 73, 010302 (2006); C.-H. F. Fung, K. Tamaki, H.-K. Lo, Phys. Rev. A 73, 012337
        (2006): SARG04.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantumlink.arrays import ComplexArray

Operator = ComplexArray

_ROUNDS = 200
_REACH = 1e5
_RESIDUE = 1e-12
_GAP = 1e-7  # the linear programs are no more accurate than that; the bound holds at any gap
_CONTRADICTION = 1e-6


@dataclass(frozen=True)
class Observed:
    """An operator whose expectation is known to lie in an interval."""

    operator: Operator
    """A Hermitian matrix."""
    low: float
    """Its expectation is at least this (−∞ if nothing is known),"""
    high: float
    """and at most this (∞ likewise)."""


def largest_expectation(target: Operator, observed: Sequence[Observed]) -> float:
    """An upper bound on Tr(P·ρ) over all states ρ that are compatible with what was observed.

    Args:
        target: P, Hermitian.
        observed: operators and intervals of their expectations.

    Returns:
        A bound that holds for every compatible ρ; the least there is, up to the accuracy of the search. Where no ρ
        is compatible, so that nothing is known, the largest eigenvalue of P.
    """
    from scipy.optimize import linprog

    operators = [np.eye(len(target), dtype=complex), *(item.operator for item in observed)]
    low = np.array([1.0, *(item.low for item in observed)])
    high = np.array([1.0, *(item.high for item in observed)])
    stack = np.stack(operators)
    # Each multiplier is a difference of two that are not negative: the positive part pays the upper end.
    prices = np.concatenate([high, -low])
    bounds = [(0.0, _REACH if np.isfinite(price) else 0.0) for price in prices]
    cost = np.where(np.isfinite(prices), prices, 0.0)
    fresh = list(np.eye(len(target), dtype=complex))
    rows, wanted = np.empty((0, len(stack))), np.empty(0)
    eigenvalues = np.linalg.eigvalsh(target)
    best = worst = float(eigenvalues[-1])
    lowest = np.inf
    for _ in range(_ROUNDS):
        rows = np.vstack([rows, [[np.vdot(v, g @ v).real for g in stack] for v in fresh]])
        wanted = np.append(wanted, [np.vdot(v, target @ v).real for v in fresh])
        found = linprog(cost, -np.hstack([rows, -rows]), -wanted, bounds=bounds)
        if not found.success:
            break
        lowest = float(found.fun)
        multipliers = found.x[: len(stack)] - found.x[len(stack) :]
        values, vectors = np.linalg.eigh(np.tensordot(multipliers, stack, axes=1) - target)
        # Lifted by the identity, whose expectation is 1, the multipliers are feasible.
        best = min(best, float(found.fun) + max(0.0, -float(values[0])))
        if values[0] > -_RESIDUE or best - lowest < _GAP:
            break
        fresh = [vectors[:, i] for i in range(len(values)) if values[i] < -_RESIDUE]
    # Below what any state has: what was observed contradicts itself.
    return worst if lowest < float(eigenvalues[0]) - _CONTRADICTION else best
