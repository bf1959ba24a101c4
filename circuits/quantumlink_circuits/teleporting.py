"""Teleportation through Bell pairs: of a qubit, along a chain, of half a state, through a gate; and its dual.

References:
    C. H. Bennett, S. J. Wiesner, Phys. Rev. Lett. 69, 2881 (1992): superdense coding.
    C. H. Bennett et al., Phys. Rev. Lett. 70, 1895 (1993): teleportation.
    D. Gottesman, I. L. Chuang, Nature 402, 390 (1999): teleportation through a gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import numpy as np
from qiskit.circuit import (
    ClassicalRegister,
    Clbit,
    Gate,
    Parameter,
    ParameterExpression,
    QuantumCircuit,
    QuantumRegister,
    Qubit,
)
from qiskit.circuit.library import TGate
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Clifford, Operator

from quantumlink_circuits.arguments import whole_number
from quantumlink_circuits.bell import bell_measurement, bell_pair
from quantumlink_circuits.conditions import odd_parity


def teleportation(*, prepare_pair: bool = True) -> QuantumCircuit:
    """Move the state of ``message`` to ``receiver``.

    A Bell measurement of the message and the sender's half, then X on the receiver's half if the parity
    was odd and Z if the phase was. Through a pair of fidelity F the average fidelity is (2F + 1)/3.

    ```
                              ┌───┐┌─┐
    message: ──────────────■──┤ H ├┤M├────────────────────────────
              ┌───┐      ┌─┴─┐└┬─┬┘└╥┘
     sender: ─┤ H ├──■───┤ X ├─┤M├──╫─────────────────────────────
              └───┘┌─┴─┐ └───┘ └╥┘  ║
    receiver: ─────┤ X ├────────╫───╫─[X if parity]─[Z if phase]──
                   └───┘     parity phase
    ```

    Ports:
        ``message``: the qubit to teleport. ``sender``, ``receiver``: the halves of the pair, |0⟩ before if
        the circuit prepares it. ``phase``, ``parity``: the outcome of the Bell measurement.

    Args:
        prepare_pair: whether the circuit prepares Φ⁺ itself (the textbook's), or is given it on its ports.

    >>> [register.name for register in teleportation().qregs]
    ['message', 'sender', 'receiver']
    """
    message, sender, receiver = (QuantumRegister(1, name) for name in ("message", "sender", "receiver"))
    phase, parity = ClassicalRegister(1, "phase"), ClassicalRegister(1, "parity")
    circuit = QuantumCircuit(message, sender, receiver, phase, parity, name="teleportation")
    if prepare_pair:
        circuit.compose(bell_pair(), [*sender, *receiver], inplace=True)
    else:
        circuit.metadata = {"pairs": [[1, 2]]}
    circuit.compose(bell_measurement(), [*message, *sender], [*phase, *parity], inplace=True)
    with circuit.if_test((parity[0], 1)):
        circuit.x(receiver)
    with circuit.if_test((phase[0], 1)):
        circuit.z(receiver)
    return circuit


def chain_teleportation(num_hops: int = 2, *, prepare_pairs: bool = False) -> QuantumCircuit:
    """Move the state of ``message`` along a chain of n pairs to ``receiver``, in one go.

    The sender and every relay make their Bell measurement at once; nothing is corrected on the way. The receiver
    gathers all outcomes: X if the xor of the parities is odd, Z if that of the phases is. Through Werner pairs
    w_i = (4F_i − 1)/3 the channel is depolarizing with ∏w_i. Drawn for two hops; BM is a Bell measurement.

    ```
              ┌────┐
     message: ┤    ├──────────────────────────────────────────────────────
              │ BM │phase_0, parity_0
      sender: ┤    ├──────────────────────────────────────────────────────
              ├────┤
     relay_0: ┤    ├──────────────────────────────────────────────────────
              │ BM │phase_1, parity_1
     relay_1: ┤    ├──────────────────────────────────────────────────────
              └────┘
    receiver: ───────[X if parity_0 ^ parity_1]─[Z if phase_0 ^ phase_1]──
    ```

    Ports:
        ``message``: the qubit to teleport. ``sender``, ``receiver``: one qubit each. ``relay``, for two hops or
        more: 2(n − 1) qubits, two at each relay, the nearer to the sender first. The pairs are (sender,
        relay[0]), (relay[1], relay[2]), …, (relay[−1], receiver), in the metadata's ``pairs`` if they arrive.
        ``phase``, ``parity``: n bits each.

    Args:
        num_hops: n, the number of pairs, 1 or more; 1 is `teleportation`.
        prepare_pairs: whether the circuit first prepares the pairs as Φ⁺, |0⟩ before.

    Raises:
        TypeError: if the number of hops is not a whole number.
        ValueError: if it is not positive.

    >>> chain_teleportation(3).metadata
    {'pairs': [[1, 2], [3, 4], [5, 6]]}
    """
    n = whole_number("num_hops", num_hops)
    relays = [QuantumRegister(2 * (n - 1), "relay")] if n > 1 else []
    qubits = [QuantumRegister(1, "message"), QuantumRegister(1, "sender"), *relays, QuantumRegister(1, "receiver")]
    phase, parity = ClassicalRegister(n, "phase"), ClassicalRegister(n, "parity")
    circuit = QuantumCircuit(*qubits, phase, parity, name="chain_teleportation")
    pairs = [[2 * k + 1, 2 * k + 2] for k in range(n)]
    if prepare_pairs:
        for pair in pairs:
            circuit.compose(bell_pair(), pair, inplace=True)
    else:
        circuit.metadata = {"pairs": pairs}
    teleport_along(circuit, circuit.qubits, phase, parity)
    return circuit


def teleport_half(num_reference: int = 1, *, prepare_pair: bool = True) -> QuantumCircuit:
    """Teleport one qubit of an entangled state whose other qubits, the reference, stay where they are.

    Whatever (reference, message) held, pure or mixed, (reference, receiver) holds after: the channel is the
    identity on the message *and* on its correlations. With half a Bell pair as the message it is entanglement
    swapping.

    ```
    reference: ─────────────────────────────────────────────────────
                               ┌───┐┌─┐
      message: ─────────────■──┤ H ├┤M├─────────────────────────────
               ┌───┐      ┌─┴─┐└┬─┬┘└╥┘
       sender: ┤ H ├──■───┤ X ├─┤M├──╫──────────────────────────────
               └───┘┌─┴─┐ └───┘ └╥┘  ║
     receiver: ─────┤ X ├────────╫───╫──[X if parity]─[Z if phase]──
                    └───┘     parity phase
    ```

    Ports:
        ``reference``: any number of qubits, untouched. ``message``: the half to teleport. ``sender``,
        ``receiver``: the halves of the pair, |0⟩ before if the circuit prepares it, else the metadata's
        ``pairs``. ``phase``, ``parity``: the outcome of the Bell measurement.

    Args:
        num_reference: how many qubits the reference has, 1 or more.
        prepare_pair: whether the circuit prepares Φ⁺ itself, or is given it on its ports.

    Raises:
        TypeError: if the number of qubits is not a whole number.
        ValueError: if it is not positive.

    >>> [register.name for register in teleport_half().qregs]
    ['reference', 'message', 'sender', 'receiver']
    """
    n = whole_number("num_reference", num_reference)
    reference = QuantumRegister(n, "reference")
    lane = [QuantumRegister(1, name) for name in ("message", "sender", "receiver")]
    phase, parity = ClassicalRegister(1, "phase"), ClassicalRegister(1, "parity")
    circuit = QuantumCircuit(reference, *lane, phase, parity, name="teleport_half")
    if prepare_pair:
        circuit.compose(bell_pair(), [n + 1, n + 2], inplace=True)
    else:
        circuit.metadata = {"pairs": [[n + 1, n + 2]]}
    teleport_along(circuit, circuit.qubits[n:], phase, parity)
    return circuit


def gate_teleportation(gate: Gate | None = None, *, prepare_pairs: bool = True) -> QuantumCircuit:
    """Apply a gate U to ``message`` by teleporting through a resource state, and move the result to ``receiver``.

    The gate acts on the receiver's halves of the pairs *before* the message comes: (1 ⊗ U)|Φ⁺⟩ can be prepared,
    tested and stored. What comes out is U·P·|message⟩ for a Pauli P that the Bell measurements tell; the
    correction is U·P·U†. It must be Clifford, which holds exactly for gates up to the third level of the
    Clifford hierarchy: T, controlled-S, CCZ, Toffoli and all Clifford gates. For T an odd parity needs
    T·X·T† ∝ S·X, an odd phase T·Z·T† = Z.

    ```
                              ┌───┐┌─┐
     message: ─────────────■──┤ H ├┤M├────────────────────────────────
              ┌───┐      ┌─┴─┐└┬─┬┘└╥┘
      sender: ┤ H ├──■───┤ X ├─┤M├──╫─────────────────────────────────
              └───┘┌─┴─┐ ├───┤ └╥┘  ║
    receiver: ─────┤ X ├─┤ T ├──╫───╫──[X, S if parity]─[Z if phase]──
                   └───┘ └───┘parity phase
    ```

    Ports:
        ``message``: as many qubits as the gate has. ``sender``, ``receiver``: as many each, the halves of the
        pairs, |0⟩ before if the circuit prepares them, else the metadata's ``pairs``. ``phase``, ``parity``: the
        outcomes of the Bell measurements.

    Args:
        gate: the gate, parameters bound; T if None.
        prepare_pairs: whether the circuit prepares the pairs itself, or is given them on its ports.

    Raises:
        TypeError: if it is not a gate.
        ValueError: if it acts on no qubit, has unbound parameters or no matrix, or is beyond the third level of
            the Clifford hierarchy.

    >>> from qiskit.circuit.library import CCXGate
    >>> gate_teleportation(CCXGate()).num_qubits
    9
    """
    gate = TGate() if gate is None else gate
    corrections = _pauli_corrections(gate)
    n = gate.num_qubits
    message, sender, receiver = (QuantumRegister(n, name) for name in ("message", "sender", "receiver"))
    phase, parity = ClassicalRegister(n, "phase"), ClassicalRegister(n, "parity")
    circuit = QuantumCircuit(message, sender, receiver, phase, parity, name="gate_teleportation")
    if prepare_pairs:
        for pair in zip(sender, receiver, strict=True):
            circuit.compose(bell_pair(), pair, inplace=True)
    else:
        circuit.metadata = {"pairs": [[n + k, 2 * n + k] for k in range(n)]}
    circuit.append(gate, receiver)
    for k in range(n):
        circuit.compose(bell_measurement(), [message[k], sender[k]], [phase[k], parity[k]], inplace=True)
    for k, (of_x, of_z) in enumerate(corrections):
        for bit, correction in ((parity[k], of_x), (phase[k], of_z)):
            with circuit.if_test((bit, 1)):
                for step in correction.data:
                    circuit.append(step.operation, [receiver[correction.find_bit(q).index] for q in step.qubits])
    return circuit


def superdense_coding(
    phase: int | ParameterExpression | None = None,
    parity: int | ParameterExpression | None = None,
    *,
    prepare_pair: bool = True,
) -> QuantumCircuit:
    """Send two classical bits by one qubit: Zᵖʰᵃˢᵉ·Xᵖᵃʳⁱᵗʸ on half a Bell pair, then the Bell measurement.

    The bits are parameters b ∈ {0, 1}, applied as rotations by π·b: one circuit sends all four messages (one
    broadcast run); in between lies a superposition of messages. Through a Bell-diagonal pair the received bits
    are the message xor the Bell index of the pair.

    ```
              ┌───┐     ┌──────────────────┐┌─────────────────┐     ┌───┐┌─┐
      sender: ┤ H ├──■──┤ Rx(π*parity_bit) ├┤ Rz(π*phase_bit) ├──■──┤ H ├┤M├
              └───┘┌─┴─┐└──────────────────┘└─────────────────┘┌─┴─┐└┬─┬┘└╥┘
    receiver: ─────┤ X ├───────────────────────────────────────┤ X ├─┤M├──╫─
                   └───┘                                       └───┘ └╥┘  ║
     phase: 1/════════════════════════════════════════════════════════╬═══╩═
                                                                      ║   0
    parity: 1/════════════════════════════════════════════════════════╩═════
                                                                      0
    ```

    Ports:
        ``sender``, ``receiver``: the halves of the pair, |0⟩ before if the circuit prepares it, else the metadata's
        ``pairs``. The sender's qubit is the one that travels. ``phase``, ``parity``: the received message.

    Args:
        phase: the first bit, 0 or 1; a fresh parameter named ``phase_bit`` if None.
        parity: the second bit, 0 or 1; a fresh parameter named ``parity_bit`` if None.
        prepare_pair: whether the circuit prepares Φ⁺ itself, or is given it on its ports.

    Raises:
        ValueError: if a bit is neither 0, 1 nor a parameter.

    >>> [parameter.name for parameter in superdense_coding().parameters]
    ['parity_bit', 'phase_bit']
    """
    phase_bit, parity_bit = _bit("phase", phase), _bit("parity", parity)
    sender, receiver = QuantumRegister(1, "sender"), QuantumRegister(1, "receiver")
    received = ClassicalRegister(1, "phase"), ClassicalRegister(1, "parity")
    circuit = QuantumCircuit(sender, receiver, *received, name="superdense_coding")
    if prepare_pair:
        circuit.compose(bell_pair(), [*sender, *receiver], inplace=True)
    else:
        circuit.metadata = {"pairs": [[0, 1]]}
    circuit.rx(pi * parity_bit, sender)
    circuit.rz(pi * phase_bit, sender)
    circuit.compose(bell_measurement(), [*sender, *receiver], circuit.clbits, inplace=True)
    return circuit


def teleport_along(
    circuit: QuantumCircuit, qubits: Sequence[Qubit], phase: Sequence[Clbit], parity: Sequence[Clbit]
) -> None:
    """Append to a circuit the teleportation of the first qubit along pairs to the last.

    Args:
        circuit: the circuit to append to.
        qubits: the message, then both halves of each of the n pairs in order.
        phase: the n bits for the phases; the xor of all of them asks for Z.
        parity: the n bits for the parities; the xor of all of them asks for X.
    """
    for k, bits in enumerate(zip(phase, parity, strict=True)):
        circuit.compose(bell_measurement(), qubits[2 * k : 2 * k + 2], bits, inplace=True)
    # Written here and not composed: Qiskit's drawer needs the blocks of `if_test` to have the circuit's own bits.
    with circuit.if_test(odd_parity(parity)):
        circuit.x(qubits[-1])
    with circuit.if_test(odd_parity(phase)):
        circuit.z(qubits[-1])


def _bit(name: str, value: int | ParameterExpression | None) -> int | ParameterExpression:
    if value is None:
        return Parameter(f"{name}_bit")
    if not isinstance(value, ParameterExpression) and value not in (0, 1):
        raise ValueError(f"{name} must be 0, 1 or a Qiskit parameter, got {value!r}")
    return value


def _pauli_corrections(gate: Gate) -> list[tuple[QuantumCircuit, QuantumCircuit]]:
    """U·X·U† and U·Z·U† of each qubit, as Clifford circuits (up to a global phase)."""
    if not isinstance(gate, Gate):
        raise TypeError(f"gate must be a Qiskit Gate, got {gate!r}")
    if gate.num_qubits == 0:
        raise ValueError(f"gate must act on a qubit, got {gate.name!r}")
    if any(getattr(parameter, "parameters", None) for parameter in gate.params):
        raise ValueError(f"gate must have all parameters bound, got {gate.name!r} with {gate.params}")
    try:
        unitary = Operator(gate)
    except QiskitError:
        raise ValueError(f"gate must have a matrix or a definition, got {gate.name!r}") from None
    corrections = []
    for k in range(gate.num_qubits):
        both = []
        for letter in "XZ":
            pauli = Operator(np.eye(unitary.dim[0])).compose(Operator.from_label(letter), [k])
            try:
                both.append(Clifford.from_operator(unitary @ pauli @ unitary.adjoint()).to_circuit())
            except QiskitError:
                raise ValueError(
                    f"gate must be in the third level of the Clifford hierarchy (such as T, CS, CCZ): "
                    f"{gate.name!r} takes {letter} on its qubit {k} to what is not Clifford"
                ) from None
        corrections.append((both[0], both[1]))
    return corrections
