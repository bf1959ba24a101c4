"""Entangled states of many qubits: GHZ and W.

References:
    D. M. Greenberger, M. A. Horne, A. Zeilinger, in Bell's Theorem, Quantum Theory, and Conceptions of the
    Universe (1989), p. 69.
    W. Dür, G. Vidal, J. I. Cirac, Phys. Rev. A 62, 062314 (2000): W states.
    D. Cruz et al., Adv. Quantum Technol. 2, 1900015 (2019): both in logarithmic depth.
    E. Bäumer et al., PRX Quantum 5, 030339 (2024): GHZ in constant depth, by measurement and feed-forward.
"""

from __future__ import annotations

from itertools import pairwise
from math import acos, sqrt
from typing import Literal, get_args

from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quantumlink_circuits.arguments import whole_number
from quantumlink_circuits.conditions import odd_parity
from quantumlink_circuits.measurement import parity_measurement

GHZDepth = Literal["linear", "logarithmic", "constant"]
"""How the depth of a GHZ circuit grows with the number of qubits."""

GHZ_DEPTHS: tuple[GHZDepth, ...] = get_args(GHZDepth)

WDepth = Literal["linear", "logarithmic"]
"""How the depth of a W circuit grows with the number of qubits."""

W_DEPTHS: tuple[WDepth, ...] = get_args(WDepth)


def ghz_state(num_qubits: int = 3, *, depth: GHZDepth = "linear") -> QuantumCircuit:
    """Prepare (|0…0⟩ + |1…1⟩)/√2 from |0…0⟩.

    In linear depth each qubit passes it on to its neighbor (drawn for three qubits); in logarithmic depth every
    qubit that has it passes it on at once. In constant depth pairs are prepared side by side, ancillas measure
    the parity ZZ between neighboring pairs, and a pair is flipped where the xor of all parities before it is
    odd: the layers of gates do not grow with the number of qubits, only the classical xor does.

    ```
         ┌───┐
    q_0: ┤ H ├──■───────
         └───┘┌─┴─┐
    q_1: ─────┤ X ├──■──
              └───┘┌─┴─┐
    q_2: ──────────┤ X ├
                   └───┘
    ```

    Ports:
        ``q``: the qubits, |0⟩ before. In constant depth, for three qubits or more, also ``ancilla``, one fewer
        than there are pairs (the last may be a single qubit), |0⟩ before and |parity⟩ after, and the classical
        ``parity``.

    Args:
        num_qubits: how many qubits, 1 or more.
        depth: ``"linear"``, ``"logarithmic"`` or ``"constant"``.

    Raises:
        TypeError: if the number of qubits is not a whole number.
        ValueError: if it is not positive, or the depth is unknown.

    >>> [ghz_state(64, depth=depth).depth() for depth in ("linear", "logarithmic")]
    [64, 7]
    >>> dict(ghz_state(5, depth="constant").count_ops())["if_else"]
    2
    """
    num_qubits = whole_number("num_qubits", num_qubits)
    if depth not in GHZ_DEPTHS:
        raise ValueError(f"depth must be one of {', '.join(GHZ_DEPTHS)}; got {depth!r}")
    if depth == "constant":
        return _ghz_by_parities(num_qubits)
    q = QuantumRegister(num_qubits, "q")
    circuit = QuantumCircuit(q, name="ghz_state")
    circuit.h(q[0])
    reached = 1
    while reached < num_qubits:
        sources = range(reached) if depth == "logarithmic" else [reached - 1]
        for source, target in zip(sources, range(reached, num_qubits), strict=False):
            circuit.cx(q[source], q[target])
        reached += len(sources)
    return circuit


def w_state(num_qubits: int = 3, *, depth: WDepth = "linear") -> QuantumCircuit:
    """Prepare (|10…0⟩ + |01…0⟩ + … + |00…1⟩)/√n from |0…0⟩.

    One excitation is shared out: from the qubit that has it for m qubits, with probability 1 − k/m to the first
    of the other m − k. In linear depth k = 1 (drawn for three qubits, cos² θ/2 = 1/3), in logarithmic depth the
    halves share alike.

    ```
         ┌───┐         ┌───┐
    q_0: ┤ X ├────■────┤ X ├──────────────────
         └───┘┌───┴───┐└─┬─┘           ┌───┐
    q_1: ─────┤ Ry(θ) ├──■──────■──────┤ X ├──
              └───────┘     ┌───┴─────┐└─┬─┘
    q_2: ───────────────────┤ Ry(π/2) ├──■────
                            └─────────┘
    ```

    Ports:
        ``q``: the qubits, |0⟩ before.

    Args:
        num_qubits: how many qubits, 1 or more.
        depth: ``"linear"`` or ``"logarithmic"``.

    Raises:
        TypeError: if the number of qubits is not a whole number.
        ValueError: if it is not positive, or the depth is unknown.

    >>> from qiskit.quantum_info import Statevector
    >>> [float(p) for p in Statevector(w_state()).probabilities().round(6)]
    [0.0, 0.333333, 0.333333, 0.0, 0.333333, 0.0, 0.0, 0.0]
    """
    num_qubits = whole_number("num_qubits", num_qubits)
    if depth not in W_DEPTHS:
        raise ValueError(f"depth must be one of {', '.join(W_DEPTHS)}; got {depth!r}")
    q = QuantumRegister(num_qubits, "q")
    circuit = QuantumCircuit(q, name="w_state")
    circuit.x(q[0])
    blocks = [(0, num_qubits)]  # (first qubit, size): the first holds the block's excitation
    while blocks:
        first, size = blocks.pop(0)
        if size == 1:
            continue
        kept = 1 if depth == "linear" else (size + 1) // 2
        circuit.cry(2 * acos(sqrt(kept / size)), q[first], q[first + kept])
        circuit.cx(q[first + kept], q[first])
        blocks += [(first, kept), (first + kept, size - kept)]
    return circuit


def _ghz_by_parities(num_qubits: int) -> QuantumCircuit:
    q = QuantumRegister(num_qubits, "q")
    circuit = QuantumCircuit(q, name="ghz_state")
    pairs = [q[i : i + 2] for i in range(0, num_qubits, 2)]
    for pair in pairs:
        circuit.h(pair[0])
        if len(pair) == 2:
            circuit.cx(*pair)
    if len(pairs) == 1:
        return circuit
    ancilla, parity = QuantumRegister(len(pairs) - 1, "ancilla"), ClassicalRegister(len(pairs) - 1, "parity")
    circuit.add_register(ancilla, parity)
    for i, (left, right) in enumerate(pairwise(pairs)):
        circuit.compose(parity_measurement("ZZ"), [left[-1], right[0], ancilla[i]], [parity[i]], inplace=True)
    for i, pair in enumerate(pairs[1:], start=1):
        with circuit.if_test(odd_parity(parity[:i])):
            circuit.x(pair)
    return circuit
