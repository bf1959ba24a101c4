"""Quantum processors: how noisy a node's gates and measurements are, and how long they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quantumlink import validation

Confusion = tuple[tuple[float, float], tuple[float, float]]
"""A readout confusion matrix: ``confusion[true][read]`` is a probability, each row sums to 1."""


@dataclass(frozen=True)
class Processor:
    """The noise and the durations of a node's local operations; ideal and instantaneous unless said otherwise.

    Each gate is followed by a depolarizing channel on its qubits, ρ ↦ (1 − λ)·ρ + λ·𝟙/2ⁿ (Aer's convention;
    from an average gate infidelity r, λ = 2r for one qubit and λ = 4r/3 for two). A correction that does not
    fire makes no noise. A measurement reads the wrong bit with the readout error.

    Args:
        depolarizing_1q: λ of one-qubit gates, in [0, 1].
        depolarizing_2q: λ of two-qubit gates, in [0, 1].
        readout_error: the probability to read the wrong bit, or a 2×2 matrix ``[true][read]`` whose rows
            sum to 1.
        gate_1q_s: duration of a one-qubit gate in seconds.
        gate_2q_s: duration of a two-qubit gate in seconds.
        readout_s: duration of a measurement in seconds.
            The durations are time only: what waiting does to a qubit is its memory's business.

    Raises:
        ValueError: if a value is out of its range, or a row of the matrix does not sum to 1.

    >>> Processor(readout_error=[[0.99, 0.01], [0.03, 0.97]]).confusion
    ((0.99, 0.01), (0.03, 0.97))
    """

    depolarizing_1q: float = 0.0
    """λ of one-qubit gates."""
    depolarizing_2q: float = 0.0
    """λ of two-qubit gates."""
    readout_error: float | Confusion = 0.0
    """Probability of a wrong bit, or the matrix ``[true][read]``."""
    gate_1q_s: float = 0.0
    """Duration of a one-qubit gate in seconds."""
    gate_2q_s: float = 0.0
    """Duration of a two-qubit gate in seconds."""
    readout_s: float = 0.0
    """Duration of a measurement in seconds."""

    def __post_init__(self) -> None:
        for name in ("depolarizing_1q", "depolarizing_2q"):
            object.__setattr__(self, name, validation.probability(name, getattr(self, name)))
        for name in ("gate_1q_s", "gate_2q_s", "readout_s"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name), at_least=0.0))
        object.__setattr__(self, "readout_error", _readout_error(self.readout_error))

    @property
    def confusion(self) -> Confusion:
        """The readout error as a matrix ``[true][read]``."""
        if isinstance(self.readout_error, tuple):
            return self.readout_error
        p = self.readout_error
        return ((1 - p, p), (p, 1 - p))

    @property
    def is_ideal(self) -> bool:
        """Whether gates and measurements are noiseless."""
        return not (self.depolarizing_1q or self.depolarizing_2q) and self.confusion == ((1, 0), (0, 1))


def _readout_error(value: Any) -> float | Confusion:
    if not isinstance(value, Sequence) and not hasattr(value, "__len__"):
        return validation.probability("readout_error", value)
    rule = "readout_error must be a probability, or a 2x2 matrix [true][read] whose rows sum to 1"
    rows = [list(row) if hasattr(row, "__len__") else [row] for row in value]
    if isinstance(value, str) or len(rows) != 2 or any(len(row) != 2 for row in rows):
        raise ValueError(f"{rule}; got {value!r}")
    (a, b), (c, d) = [[validation.probability("readout_error", x) for x in row] for row in rows]
    if abs(a + b - 1) > 1e-9 or abs(c + d - 1) > 1e-9:
        raise ValueError(f"{rule}; got {value!r}")
    return ((a, b), (c, d))
