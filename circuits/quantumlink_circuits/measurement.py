"""Measurement of a qubit along any direction: one parameterised circuit for tomography, Bell tests and QKD."""

from __future__ import annotations

from math import pi

from qiskit.circuit import ClassicalRegister, Parameter, ParameterExpression, QuantumCircuit, QuantumRegister

BASIS_ANGLES: dict[str, tuple[float, float]] = {"X": (pi / 2, 0.0), "Y": (pi / 2, pi / 2), "Z": (0.0, 0.0)}
"""The directions (θ, φ) in radians with which `basis_measurement` measures X, Y and Z."""


def basis_measurement(
    theta: float | ParameterExpression | None = None, phi: float | ParameterExpression | None = None
) -> QuantumCircuit:
    """Measure cos φ·sin θ·X + sin φ·sin θ·Y + cos θ·Z: the Bloch direction (θ, φ), by one rotation.

    ```
             ┌────────────┐┌─┐
          q: ┤ U(-θ,0,-φ) ├┤M├
             └────────────┘└╥┘
    outcome: 1/═════════════╩═
    ```

    Ports:
        ``q``: the qubit. ``outcome``: one classical bit, 0 for the eigenvalue +1.

    Args:
        theta: polar angle in radians; a fresh parameter named ``theta`` if None.
        phi: azimuth in radians; a fresh parameter named ``phi`` if None.

    >>> circuit = basis_measurement()
    >>> [parameter.name for parameter in circuit.parameters]
    ['phi', 'theta']
    >>> circuit.assign_parameters(dict(zip(["theta", "phi"], BASIS_ANGLES["X"]))).num_parameters
    0
    """
    theta = Parameter("theta") if theta is None else theta
    phi = Parameter("phi") if phi is None else phi
    q, outcome = QuantumRegister(1, "q"), ClassicalRegister(1, "outcome")
    circuit = QuantumCircuit(q, outcome, name="basis_measurement")
    circuit.u(-theta, 0, -phi, q)
    circuit.measure(q, outcome)
    return circuit
