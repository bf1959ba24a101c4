"""Measurements beyond the computational basis: along a direction, of a Pauli string, of half the Bell states.

Outcomes are 0 for the eigenvalue +1 and 1 for −1.

References:
    J. Calsamiglia, N. Lütkenhaus, Appl. Phys. B 72, 67 (2001): by linear optics alone, half of the time at most.
    K. Mattle, H. Weinfurter, P. G. Kwiat, A. Zeilinger, Phys. Rev. Lett. 76, 4656 (1996): the analyzer.
    M. A. Nielsen, I. L. Chuang, Quantum Computation and Quantum Information (2010), section 10.5: a Pauli string,
    measured with one ancilla.
"""

from __future__ import annotations

from math import pi

from qiskit.circuit import (
    ClassicalRegister,
    ParameterExpression,
    QuantumCircuit,
    QuantumRegister,
)

from quantumlink_circuits.arguments import angle

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

    Raises:
        ValueError: if an angle is not finite.

    >>> circuit = basis_measurement()
    >>> [parameter.name for parameter in circuit.parameters]
    ['phi', 'theta']
    >>> circuit.assign_parameters(dict(zip(["theta", "phi"], BASIS_ANGLES["X"]))).num_parameters
    0
    """
    theta, phi = angle("theta", theta), angle("phi", phi)
    q, outcome = QuantumRegister(1, "q"), ClassicalRegister(1, "outcome")
    circuit = QuantumCircuit(q, outcome, name="basis_measurement")
    circuit.u(-theta, 0, -phi, q)
    circuit.measure(q, outcome)
    return circuit


def partial_bell_measurement() -> QuantumCircuit:
    """Measure two qubits as a linear-optics Bell analyzer does: Ψ⁺ and Ψ⁻ are told, Φ⁺ and Φ⁻ are not.

    The outcomes, with (phase, success) in the order of the bits, are the projections onto Ψ⁺ = (0, 1),
    Ψ⁻ = (1, 1) and, without
    success, |00⟩ = (0, 0) and |11⟩ = (0, 1): when both photons have the same polarization the detectors
    see which one, and the sign of |00⟩ ± |11⟩ is lost. Only where the parity ZZ is odd is the phase measured.
    On half of all maximally mixed inputs it succeeds; runs without success are refused by the metadata
    ``{"odd_heralds": [[1]]}``.

    ```
                                   ┌─┐
          a: ──■──[H if success]───┤M├
             ┌─┴─┐┌─┐              └╥┘
          b: ┤ X ├┤M├───────────────╫─
             └───┘└╥┘               ║
      phase: 1/════╬════════════════╩═
                   ║                0
    success: 1/════╩══════════════════
                   0
    ```

    Ports:
        ``a``, ``b``: the two qubits, one each. ``phase``: which of the two. ``success``: 1 for Ψ⁺ or Ψ⁻.

    >>> partial_bell_measurement().metadata
    {'odd_heralds': [[1]]}
    """
    a, b = QuantumRegister(1, "a"), QuantumRegister(1, "b")
    phase, success = ClassicalRegister(1, "phase"), ClassicalRegister(1, "success")
    metadata = {"odd_heralds": [[1]]}
    circuit = QuantumCircuit(a, b, phase, success, name="partial_bell_measurement", metadata=metadata)
    circuit.cx(a, b)
    circuit.measure(b, success)
    # Without the H the same measurement reads Z of both, as two bunched photons give it away.
    with circuit.if_test((success[0], 1)):
        circuit.h(a)
    circuit.measure(a, phase)
    return circuit


def parity_measurement(pauli: str = "ZZ") -> QuantumCircuit:
    """Measure a Pauli string P, such as the parity ZZ, without disturbing what commutes with it.

    An ancilla in |+⟩ controls each letter of P; its X is then measured. Outcome m leaves the qubits in
    (1 + (−1)ᵐP)/2 of what they were, and the ancilla in |m⟩.

    ```
        q_0: ──────■──────────────
                   │
        q_1: ──────┼──■───────────
             ┌───┐ │  │ ┌───┐┌─┐
    ancilla: ┤ H ├─■──■─┤ H ├┤M├
             └───┘      └───┘└╥┘
     parity: 1/═══════════════╩═
                              0
    ```

    Ports:
        ``q``: as many qubits as letters. ``ancilla``: one qubit, |0⟩ before. ``parity``: one classical bit, 0
        for the eigenvalue +1.

    Args:
        pauli: letters I, X, Y, Z, not all I; the first belongs to ``q[0]``, the second to ``q[1]``, and so on.

    Raises:
        TypeError: if the Pauli string is not a text.
        ValueError: if it has other letters, or nothing but I.

    >>> dict(parity_measurement("XIY").count_ops())
    {'h': 2, 'cx': 1, 'cy': 1, 'measure': 1}
    """
    if not isinstance(pauli, str):
        raise TypeError(f"pauli must be a text such as 'ZZ', got {pauli!r}")
    if set(pauli) - set("IXYZ") or not set(pauli) - {"I"}:
        raise ValueError(f"pauli must consist of the letters I, X, Y, Z and not of I alone, got {pauli!r}")
    q, ancilla, parity = (
        QuantumRegister(len(pauli), "q"),
        QuantumRegister(1, "ancilla"),
        ClassicalRegister(1, "parity"),
    )
    circuit = QuantumCircuit(q, ancilla, parity, name="parity_measurement")
    circuit.h(ancilla)
    for qubit, letter in zip(q, pauli, strict=True):
        if letter != "I":
            getattr(circuit, f"c{letter.lower()}")(ancilla, qubit)
    circuit.h(ancilla)
    circuit.measure(ancilla, parity)
    return circuit
