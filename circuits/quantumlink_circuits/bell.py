"""Bell pairs and their complete measurement.

Convention used everywhere: the two bits (phase, parity) name a Bell state,

    Φ⁺ = (0, 0)   Φ⁻ = (1, 0)   Ψ⁺ = (0, 1)   Ψ⁻ = (1, 1),

that is, Zᵖʰᵃˢᵉ · Xᵖᵃʳⁱᵗʸ on one half turns Φ⁺ into it (up to a global phase). Kets are written |ab⟩.

Reference:
    M. A. Nielsen, I. L. Chuang, Quantum Computation and Quantum Information (2010), section 1.3.6.
"""

from __future__ import annotations

from math import isfinite
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, ParameterExpression, QuantumCircuit, QuantumRegister

from quantumlink_circuits.arguments import angle

BellState = Literal["phi+", "phi-", "psi+", "psi-"]
"""The four Bell states: Φ⁺, Φ⁻, Ψ⁺, Ψ⁻."""

BELL_STATES: tuple[BellState, ...] = get_args(BellState)


def bell_pair(state: BellState = "phi+", *, theta: float | ParameterExpression | None = None) -> QuantumCircuit:
    r"""Prepare a Bell state, or a partially entangled pair, from |00⟩.

    Without ``theta``: Φ± = (|00⟩ ± |11⟩)/√2, Ψ± = (|01⟩ ± |10⟩)/√2. With it, the amplitudes 1/√2, 1/√2
    become cos(θ/2), sin(θ/2); the concurrence is |sin θ|, and θ = π/2 gives the Bell state.

    ```
         ┌───┐
    a_0: ┤ H ├──■──
         └───┘┌─┴─┐
    b_0: ─────┤ X ├
              └───┘
    ```

    Ports:
        ``a``, ``b``: one qubit each, |0⟩ before, the pair after.

    Args:
        state: one of ``"phi+"``, ``"phi-"``, ``"psi+"``, ``"psi-"``.
        theta: angle in radians (a number or a Qiskit parameter), or None for the maximally entangled pair.

    Returns:
        A unitary circuit named ``bell_pair``.

    Raises:
        ValueError: if the state is unknown or the angle is not finite.

    >>> from qiskit.quantum_info import Statevector
    >>> Statevector(bell_pair("psi-")).to_dict(decimals=3)  # labels read b, a
    {np.str_('01'): np.complex128(-0.707+0j), np.str_('10'): np.complex128(0.707+0j)}
    """
    if state not in BELL_STATES:
        raise ValueError(f"state must be one of {', '.join(BELL_STATES)}; got {state!r}")
    if isinstance(theta, (int, float)) and not isfinite(theta):
        raise ValueError(f"theta must be a finite angle in radians, got {theta}")
    a, b = QuantumRegister(1, "a"), QuantumRegister(1, "b")
    circuit = QuantumCircuit(a, b, name="bell_pair")
    if theta is None:
        circuit.h(a)
    else:
        circuit.ry(theta, a)
    circuit.cx(a, b)
    if state.endswith("-"):
        circuit.z(a)
    if state.startswith("psi"):
        circuit.x(b)
    return circuit


def rotated_pair(
    theta: float | ParameterExpression | None = None, phi: float | ParameterExpression | None = None
) -> QuantumCircuit:
    r"""Prepare cos(θ/2)|00⟩ + e^{iφ}·sin(θ/2)|11⟩ from |00⟩: any pair, up to local rotations.

    The concurrence is |sin θ|; θ = π/2 gives the maximally entangled pairs, Φ⁺ at φ = 0 and Φ⁻ at φ = π.

    ```
         ┌───────┐     ┌──────┐
    a_0: ┤ Ry(θ) ├──■──┤ P(φ) ├
         └───────┘┌─┴─┐└──────┘
    b_0: ─────────┤ X ├────────
                  └───┘
    ```

    Ports:
        ``a``, ``b``: one qubit each, |0⟩ before, the pair after.

    Args:
        theta: angle in radians; a fresh parameter named ``theta`` if None.
        phi: phase in radians; a fresh parameter named ``phi`` if None.

    Returns:
        A unitary circuit named ``rotated_pair``.

    Raises:
        TypeError: if an angle is neither a number nor a parameter.
        ValueError: if an angle is not finite.

    >>> [parameter.name for parameter in rotated_pair().parameters]
    ['phi', 'theta']
    """
    theta, phi = angle("theta", theta), angle("phi", phi)
    a, b = QuantumRegister(1, "a"), QuantumRegister(1, "b")
    circuit = QuantumCircuit(a, b, name="rotated_pair")
    circuit.ry(theta, a)
    circuit.cx(a, b)
    circuit.p(phi, a)
    return circuit


def bell_measurement() -> QuantumCircuit:
    """Measure two qubits in the Bell basis, completely.

    The outcome (phase, parity) names the Bell state found: see the module's convention.

    ```
              ┌───┐┌─┐
         a_0: ─■──┤ H ├┤M├───
             ┌─┴─┐└┬─┬┘└╥┘
         b_0:┤ X ├─┤M├──╫────
             └───┘ └╥┘  ║
     phase: 1/══════╬═══╩════
                    ║   0
    parity: 1/══════╩════════
                    0
    ```

    Ports:
        ``a``, ``b``: the two qubits, one each. ``phase``, ``parity``: the outcome, one classical bit each.

    >>> bell_measurement().count_ops()["measure"]
    2
    """
    a, b = QuantumRegister(1, "a"), QuantumRegister(1, "b")
    phase, parity = ClassicalRegister(1, "phase"), ClassicalRegister(1, "parity")
    circuit = QuantumCircuit(a, b, phase, parity, name="bell_measurement")
    circuit.cx(a, b)
    circuit.h(a)
    circuit.measure(a, phase)
    circuit.measure(b, parity)
    return circuit
