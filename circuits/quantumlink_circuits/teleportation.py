"""Teleportation of a qubit through a Bell pair.

Reference:
    C. H. Bennett et al., Phys. Rev. Lett. 70, 1895 (1993).
"""

from __future__ import annotations

from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quantumlink_circuits.bell import bell_measurement, bell_pair


def teleportation(*, prepare_pair: bool = True) -> QuantumCircuit:
    """Move the state of ``message`` to ``receiver``.

    A Bell measurement of the message and the sender's half, then X on the receiver's half if the parity
    was odd and Z if the phase was. Through a pair of fidelity F the average fidelity is (2F + 1)/3.

    ```
                              ┌───┐┌─┐
    message: ──────────────■──┤ H ├┤M├────────────[Z if phase]─
              ┌───┐      ┌─┴─┐└┬─┬┘└╥┘
     sender: ─┤ H ├──■───┤ X ├─┤M├──╫──────────────────────────
              └───┘┌─┴─┐ └───┘ └╥┘  ║
    receiver: ─────┤ X ├────────╫───╫─[X if parity]─[Z if phase]─
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
    circuit.compose(bell_measurement(), [*message, *sender], [*phase, *parity], inplace=True)
    with circuit.if_test((parity[0], 1)):
        circuit.x(receiver)
    with circuit.if_test((phase[0], 1)):
        circuit.z(receiver)
    return circuit
