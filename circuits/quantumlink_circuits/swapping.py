"""Entanglement swapping: two links that meet at a relay become one.

References:
    M. Żukowski, A. Zeilinger, M. A. Horne, A. K. Ekert, Phys. Rev. Lett. 71, 4287 (1993).
    H.-J. Briegel, W. Dür, J. I. Cirac, P. Zoller, Phys. Rev. Lett. 81, 5932 (1998).
"""

from __future__ import annotations

from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quantumlink_circuits.bell import bell_measurement, bell_pair


def entanglement_swap(*, prepare_pairs: bool = False) -> QuantumCircuit:
    """Join the pairs (left, relay[0]) and (relay[1], right) into a pair (left, right).

    A Bell measurement at the relay, then X on the right end if the parity was odd and Z if the phase was:
    teleportation of the relay's half of the left pair through the right pair. Two Werner pairs of
    w₁, w₂ = (4F − 1)/3 give F = ¼ + ¾·w₁w₂; Bell-diagonal ones the XOR-convolution of their populations.

    ```
       left: ───────────────────────────────────────
                      ┌───┐┌─┐
    relay_0: ──────■──┤ H ├┤M├──────────────────────
                 ┌─┴─┐└┬─┬┘└╥┘
    relay_1: ────┤ X ├─┤M├──╫───────────────────────
                 └───┘ └╥┘  ║
      right: ───────────╫───╫─[X if parity]─[Z if phase]─
                     parity phase
    ```

    Ports:
        ``left``, ``right``: the ends, one qubit each. ``relay``: two qubits, [0] entangled with the left
        end, [1] with the right one. ``phase``, ``parity``: the outcome of the Bell measurement.

    Args:
        prepare_pairs: whether the circuit first prepares both pairs as Φ⁺ from |0000⟩.

    >>> [register.name for register in entanglement_swap().qregs]
    ['left', 'relay', 'right']
    """
    left, relay, right = QuantumRegister(1, "left"), QuantumRegister(2, "relay"), QuantumRegister(1, "right")
    phase, parity = ClassicalRegister(1, "phase"), ClassicalRegister(1, "parity")
    circuit = QuantumCircuit(left, relay, right, phase, parity, name="entanglement_swap")
    if prepare_pairs:
        circuit.compose(bell_pair(), [left[0], relay[0]], inplace=True)
        circuit.compose(bell_pair(), [relay[1], right[0]], inplace=True)
    circuit.compose(bell_measurement(), [*relay], [*phase, *parity], inplace=True)
    with circuit.if_test((parity[0], 1)):
        circuit.x(right)
    with circuit.if_test((phase[0], 1)):
        circuit.z(right)
    return circuit
