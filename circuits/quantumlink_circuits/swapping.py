"""Entanglement swapping: links that meet at a relay become one, or one state of many ends.

References:
    M. Żukowski, A. Zeilinger, M. A. Horne, A. K. Ekert, Phys. Rev. Lett. 71, 4287 (1993).
    S. Bose, V. Vedral, P. L. Knight, Phys. Rev. A 57, 822 (1998): many links at one center.
    H.-J. Briegel, W. Dür, J. I. Cirac, P. Zoller, Phys. Rev. Lett. 81, 5932 (1998): chains.
"""

from __future__ import annotations

from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quantumlink_circuits.arguments import whole_number
from quantumlink_circuits.bell import bell_measurement, bell_pair
from quantumlink_circuits.teleporting import teleport_along


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
    else:
        circuit.metadata = {"pairs": [[0, 1], [2, 3]]}
    circuit.compose(bell_measurement(), [*relay], [*phase, *parity], inplace=True)
    with circuit.if_test((parity[0], 1)):
        circuit.x(right)
    with circuit.if_test((phase[0], 1)):
        circuit.z(right)
    return circuit


def linear_optics_swap() -> QuantumCircuit:
    """Join two pairs by what linear optics can measure: only Ψ⁺ and Ψ⁻ are told apart, and half of all runs fail.

    The Bell measurement of `entanglement_swap`, of which a run is accepted if the parity is odd; what beam
    splitters would do in the other runs (see `partial_bell_measurement`) does not matter, as they are refused.
    From pairs of any states whose relay qubits are maximally mixed it succeeds with probability 1/2, with the
    fidelity of `entanglement_swap`.

    ```
       left: ───────────────────────────────────────
                      ┌───┐┌─┐
    relay_0: ──────■──┤ H ├┤M├──────────────────────
                 ┌─┴─┐└┬─┬┘└╥┘
    relay_1: ────┤ X ├─┤M├──╫───────────────────────
                 └───┘ └╥┘  ║
      right: ───────────╫───╫─[X if parity]─[Z if phase]─
                     parity phase, kept if the parity is 1
    ```

    Ports:
        as `entanglement_swap`.

    References:
        N. Lütkenhaus, J. Calsamiglia, K.-A. Suominen, Phys. Rev. A 59, 3295 (1999): no more than half.

    >>> linear_optics_swap().metadata["odd_heralds"]
    [[1]]
    """
    circuit = entanglement_swap()
    circuit.name = "linear_optics_swap"
    circuit.metadata["odd_heralds"] = [[1]]
    return circuit


def chain_swap(num_relays: int = 2, *, prepare_pairs: bool = False) -> QuantumCircuit:
    """Join a whole chain of pairs into a pair (left, right) in one step.

    All r relays make their Bell measurement at once; the right end gathers the outcomes: X if the xor of the
    parities is odd, Z if that of the phases is. It is teleportation of the first relay's half of the left pair
    along the others. Werner pairs w_i = (4F_i − 1)/3 give F = ¼ + ¾·∏w_i. Drawn for two relays; BM is a
    Bell measurement.

    ```
       left: ────────────────────────────────────────────────────────────
             ┌────┐
    relay_0: ┤    ├──────────────────────────────────────────────────────
             │ BM │phase_0, parity_0
    relay_1: ┤    ├──────────────────────────────────────────────────────
             ├────┤
    relay_2: ┤    ├──────────────────────────────────────────────────────
             │ BM │phase_1, parity_1
    relay_3: ┤    ├──────────────────────────────────────────────────────
             └────┘
      right: ───────[X if parity_0 ^ parity_1]─[Z if phase_0 ^ phase_1]──
    ```

    Ports:
        ``left``, ``right``: the ends, one qubit each. ``relay``: 2r qubits, two at each relay, the nearer to the
        left end first. The pairs are (left, relay[0]), (relay[1], relay[2]), …, (relay[−1], right), in the
        metadata's ``pairs`` if they arrive. ``phase``, ``parity``: r bits each.

    Args:
        num_relays: r, 1 or more; 1 is `entanglement_swap`.
        prepare_pairs: whether the circuit first prepares the pairs as Φ⁺, |0⟩ before.

    Raises:
        TypeError: if the number of relays is not a whole number.
        ValueError: if it is not positive.

    >>> chain_swap(2).metadata
    {'pairs': [[0, 1], [2, 3], [4, 5]]}
    """
    r = whole_number("num_relays", num_relays)
    left, relay, right = QuantumRegister(1, "left"), QuantumRegister(2 * r, "relay"), QuantumRegister(1, "right")
    phase, parity = ClassicalRegister(r, "phase"), ClassicalRegister(r, "parity")
    circuit = QuantumCircuit(left, relay, right, phase, parity, name="chain_swap")
    pairs = [[2 * k, 2 * k + 1] for k in range(r + 1)]
    if prepare_pairs:
        for pair in pairs:
            circuit.compose(bell_pair(), pair, inplace=True)
    else:
        circuit.metadata = {"pairs": pairs}
    teleport_along(circuit, [*relay, *right], phase, parity)
    return circuit


def multiway_swap(num_links: int = 3, *, prepare_pairs: bool = False) -> QuantumCircuit:
    """Join n links that meet at a center into a GHZ state of the n ends.

    The center measures its n qubits in the GHZ basis: the parity of the first with each other one, and the
    phase. An odd parity is corrected by X at that end, the phase by Z at the last one. Werner links
    w_i = (4F_i − 1)/3 give F = ½·[∏(1 + w_i)/2 + ∏(1 − w_i)/2 + ∏w_i]. Two links are an `entanglement_swap`.

    ```
       end_0: ─────────────────────────────────────────────────
       end_1: ──────────────────────[X if parity_0]────────────
       end_2: ──────────────────────[X if parity_1]─[Z if phase]
                        ┌───┐┌─┐
    center_0: ──■────■──┤ H ├┤M├───────────────────────────────
              ┌─┴─┐  │  └┬─┬┘└╥┘
    center_1: ┤ X ├──┼───┤M├──╫────────────────────────────────
              └───┘┌─┴─┐ └╥┘  ║ ┌─┐
    center_2: ─────┤ X ├──╫───╫─┤M├────────────────────────────
                   └───┘  ║   ║ └╥┘
                   parity_0 phase parity_1
    ```

    Ports:
        ``end``, ``center``: n qubits each, ``end[k]`` entangled with ``center[k]`` (the metadata's ``pairs`` if
        they arrive). ``phase``: one bit; ``parity``: n − 1 bits, ``parity[k − 1]`` for the link k.

    Args:
        num_links: n, 2 or more.
        prepare_pairs: whether the circuit first prepares the pairs as Φ⁺, |0⟩ before.

    Raises:
        TypeError: if the number of links is not a whole number.
        ValueError: if it is less than 2.

    >>> multiway_swap(3).metadata
    {'pairs': [[0, 3], [1, 4], [2, 5]]}
    """
    n = whole_number("num_links", num_links, at_least=2)
    end, center = QuantumRegister(n, "end"), QuantumRegister(n, "center")
    phase, parity = ClassicalRegister(1, "phase"), ClassicalRegister(n - 1, "parity")
    circuit = QuantumCircuit(end, center, phase, parity, name="multiway_swap")
    pairs = [[k, n + k] for k in range(n)]
    if prepare_pairs:
        for pair in pairs:
            circuit.compose(bell_pair(), pair, inplace=True)
    else:
        circuit.metadata = {"pairs": pairs}
    for k in range(1, n):
        circuit.cx(center[0], center[k])
    circuit.h(center[0])
    circuit.measure(center, [*phase, *parity])
    for k in range(1, n):
        with circuit.if_test((parity[k - 1], 1)):
            circuit.x(end[k])
    with circuit.if_test((phase[0], 1)):
        circuit.z(end[-1])
    return circuit
