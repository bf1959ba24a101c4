"""How a pair in any stated state arrives in a circuit: prepared, in one of its state's eigenvectors at random.

An eigenvector is √λ₀|00⟩ + √λ₁|11⟩ up to rotations of either qubit (Schmidt): one angle for the first part, three
for each rotation. So one circuit with seven parameters plays every state, on hardware too. Like a ``bell_pair`` it
is the medium's business: no node's gates make it, and no node's noise acts in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import atan2

import numpy as np
from qiskit.circuit import Gate, Parameter, QuantumCircuit

from quantumlink.arrays import ComplexArray
from quantumlink.hardware.pauli_coefficients import mixture

STATED_PAIR = "stated_pair"
"""The name of the gate that prepares a stated state."""

ARRIVALS = frozenset({"bell_pair", STATED_PAIR})
"""The gates as which pairs arrive: between two nodes, and without their noise."""

PREPARATION_ANGLES = 7
"""How many parameters a preparation has."""


class StatedPair(Gate):  # type: ignore[misc]
    """Any pure state of two qubits from |00⟩, by seven angles; see the module.

    Args:
        angles: θ of cos(θ/2)|00⟩ + sin(θ/2)|11⟩, then θ, φ, λ of a U gate on the left and on the right qubit.
    """

    def __init__(self, angles: Sequence[float | Parameter]) -> None:
        super().__init__(STATED_PAIR, 2, list(angles), label="pair")

    def _define(self) -> None:
        schmidt, *rotations = self.params
        circuit = QuantumCircuit(2, name=STATED_PAIR)
        circuit.u(schmidt, 0, 0, 0)
        circuit.cx(0, 1)
        circuit.u(*rotations[:3], 0)
        circuit.u(*rotations[3:], 1)
        self.definition = circuit


def preparations(density: ComplexArray) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
    """The angles that prepare each eigenvector of a state, and its probability.

    >>> rows, weights = preparations(np.diag([0.25, 0, 0, 0.75]))
    >>> [[round(angle, 6) for angle in row[:1]] for row in rows], weights
    ([[0.0], [0.0]], (0.75, 0.25))
    """
    weights, vectors = mixture(density)
    return tuple(map(_angles, vectors)), tuple(weights.tolist())


def _angles(amplitudes: ComplexArray) -> tuple[float, ...]:
    from qiskit.synthesis import OneQubitEulerDecomposer

    # The left qubit is the least significant: rows are the right one's.
    left, schmidt, right = np.linalg.svd(amplitudes.reshape(2, 2).T)
    euler = OneQubitEulerDecomposer("U")
    rotations = (*euler.angles(left), *euler.angles(right.T))
    return (2 * atan2(schmidt[1], schmidt[0]), *map(float, rotations))
