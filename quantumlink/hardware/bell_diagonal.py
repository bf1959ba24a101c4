"""Bell-diagonal states as four populations (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻), and what Pauli channels at their ends make of them.

The index is phase + 2·parity: a Pauli error at either end adds to it bit by bit, so that errors in a row
are an XOR-convolution.
"""

from __future__ import annotations

from quantumlink.circuits import PauliChannel

Populations = tuple[float, float, float, float]
"""Populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻)."""

PERFECT: Populations = (1.0, 0.0, 0.0, 0.0)
"""Φ⁺ itself."""


def werner(fidelity: float) -> Populations:
    """Φ⁺ with this population, the others equally."""
    rest = (1 - fidelity) / 3
    return fidelity, rest, rest, rest


def combined(first: Populations, second: Populations) -> Populations:
    """The errors of both, one after the other: c_k = Σ_i a_i·b_(i⊕k).

    >>> [round(p, 9) for p in combined((0.9, 0.1, 0, 0), (0.8, 0, 0.2, 0))]  # a phase flip, then a bit flip
    [0.72, 0.08, 0.18, 0.02]
    """
    a, b, c, d = (sum(first[i] * second[i ^ k] for i in range(4)) for k in range(4))
    return a, b, c, d


def through(channel: PauliChannel | None) -> Populations:
    """Φ⁺ after this channel on one of its halves."""
    if channel is None:
        return PERFECT
    px, py, pz = (float(p) for p in channel.params)
    return max(0.0, 1 - px - py - pz), pz, px, py


def with_noise(state: Populations, weight: float, total: float) -> Populations:
    """The state with this weight, and what is left of the total as the maximally mixed state; normalized."""
    noise = max(0.0, total - weight) / 4
    a, b, c, d = ((weight * population + noise) for population in state)
    whole = a + b + c + d
    return (a / whole, b / whole, c / whole, d / whole) if whole else (0.25, 0.25, 0.25, 0.25)
