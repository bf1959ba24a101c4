"""Entanglement of many nodes from Bell pairs that meet at a center.

References:
    A. Zeilinger, M. A. Horne, H. Weinfurter, M. Żukowski, Phys. Rev. Lett. 78, 3031 (1997): GHZ from pairs.
    S. Bose, V. Vedral, P. L. Knight, Phys. Rev. A 57, 822 (1998): the center as an exchange.
"""

from __future__ import annotations

from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quantumlink_circuits.arguments import whole_number
from quantumlink_circuits.multipartite import ghz_state
from quantumlink_circuits.teleporting import teleport_along


def fuse_pairs_to_ghz(num_pairs: int = 2) -> QuantumCircuit:
    """Fuse n Bell pairs that meet at a center into a GHZ state of the n ends and the center.

    The center measures the parity ZZ of its half of the first pair with each other half; an odd one is corrected by
    X at that end. From Werner pairs w_i = (4F_i − 1)/3 the fidelity is F = ½·[∏(1 + w_i)/2ⁿ + ∏w_i]: two pairs give
    (1 + w₁ + w₂ + 5w₁w₂)/8.

    ```
       end_0: ────────────────────────

       end_1: ─────────[X if parity]──

    center_0: ──■─────────────────────
              ┌─┴─┐┌─┐
    center_1: ┤ X ├┤M├────────────────
              └───┘└╥┘
      parity: 1/════╩═════════════════
                    0
    ```

    Ports:
        ``end``, ``center``: n qubits each, ``end[k]`` entangled with ``center[k]`` (the metadata's ``pairs``).
        After, ``center[0]`` and all of ``end`` hold the GHZ state. ``parity``: n − 1 classical bits,
        ``parity[k − 1]`` for the pair k.

    Args:
        num_pairs: n, 2 or more.

    Raises:
        TypeError: if the number of pairs is not a whole number.
        ValueError: if it is less than 2.

    >>> fuse_pairs_to_ghz(2).metadata
    {'pairs': [[0, 2], [1, 3]]}
    """
    n = whole_number("num_pairs", num_pairs, at_least=2)
    end, center = QuantumRegister(n, "end"), QuantumRegister(n, "center")
    parity = ClassicalRegister(n - 1, "parity")
    metadata = {"pairs": [[k, n + k] for k in range(n)]}
    circuit = QuantumCircuit(end, center, parity, name="fuse_pairs_to_ghz", metadata=metadata)
    for k in range(1, n):
        circuit.cx(center[0], center[k])
    circuit.measure(center[1:], parity)
    for k in range(1, n):
        with circuit.if_test((parity[k - 1], 1)):
            circuit.x(end[k])
    return circuit


def distribute_ghz(num_ends: int = 3) -> QuantumCircuit:
    """Prepare a GHZ state at a center and teleport its n qubits to n ends, each through its Bell pair.

    Each end corrects its own qubit by its own two bits, so that the ends need not talk to one another. From Werner
    pairs w_i = (4F_i − 1)/3 the fidelity is F = ½·[∏(1 + w_i)/2 + ∏(1 − w_i)/2 + ∏w_i], the GHZ state under
    local depolarizing noise. Drawn for one of the n ends.

    ```
            ┌─────┐     ┌───┐┌─┐
     local: ┤ GHZ ├──■──┤ H ├┤M├─────────────────────────────
            └─────┘┌─┴─┐└┬─┬┘└╥┘
    center: ───────┤ X ├─┤M├──╫──────────────────────────────
                   └───┘ └╥┘  ║
       end: ──────────────╫───╫──[X if parity]─[Z if phase]──
                       parity phase
    ```

    Ports:
        ``local``: n qubits of the center, |0⟩ before. ``center``, ``end``: n qubits each, ``center[k]`` entangled
        with ``end[k]`` (the metadata's ``pairs``); after, ``end`` holds the GHZ state. ``phase``, ``parity``: the
        outcomes of the n Bell measurements.

    Args:
        num_ends: n, 2 or more.

    Raises:
        TypeError: if the number of ends is not a whole number.
        ValueError: if it is less than 2.

    >>> distribute_ghz(3).metadata
    {'pairs': [[3, 6], [4, 7], [5, 8]]}
    """
    n = whole_number("num_ends", num_ends, at_least=2)
    local, center, end = (QuantumRegister(n, name) for name in ("local", "center", "end"))
    phase, parity = ClassicalRegister(n, "phase"), ClassicalRegister(n, "parity")
    metadata = {"pairs": [[n + k, 2 * n + k] for k in range(n)]}
    circuit = QuantumCircuit(local, center, end, phase, parity, name="distribute_ghz", metadata=metadata)
    circuit.compose(ghz_state(n), local, inplace=True)
    for k in range(n):
        teleport_along(circuit, [local[k], center[k], end[k]], [phase[k]], [parity[k]])
    return circuit
