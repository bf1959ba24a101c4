"""Gates between nodes: each Bell pair that is spent, with two classical bits, carries one controlled operation.

The *cat entangler* copies a control qubit, as seen in Z, to another node: α|0⟩ + β|1⟩ becomes α|00⟩ + β|11⟩ on the
control and the far half of a pair. What the copy controls there, the control controls. The *cat disentangler*
takes the copy away again. ``"pairs"`` in a circuit's metadata lists the ports (qubit indices) on which a Bell pair
Φ⁺ is expected to arrive: the half at the copied qubit's node, then the far one. There are no heralds: nothing is
refused.

An error Z of the pair leaves Z on the control; an error X flips the copy, so that the gate acts as if the control
were the opposite; Y does both.

References:
    J. Eisert, K. Jacobs, P. Papadopoulos, M. B. Plenio, Phys. Rev. A 62, 052317 (2000): one pair and two bits do.
    A. Yimsiriwattana, S. J. Lomonaco Jr., AMS Contemporary Mathematics 381, 131 (2005), arXiv:quant-ph/0402148.
    C. H. Bennett et al., Phys. Rev. Lett. 70, 1895 (1993): teleportation, two of which make a swap.
"""

from __future__ import annotations

from typing import Literal

from qiskit.circuit import ClassicalRegister, Clbit, Gate, QuantumCircuit, QuantumRegister, Qubit
from qiskit.circuit.library import CXGate, CZGate, PhaseGate

from quantumlink_circuits.arguments import angle, whole_number
from quantumlink_circuits.bell import bell_measurement
from quantumlink_circuits.conditions import odd_parity


def cat_entangler(remotes: int = 1) -> QuantumCircuit:
    """Copy a qubit, as seen in Z, to other nodes: α|0⟩ + β|1⟩ ↦ α|0…0⟩ + β|1…1⟩ on ``control`` and ``far``.

    One pair for each remote node: CNOT from the control to the near half, which is measured; X on the far half
    if the outcome is 1.

    ```
    control: ──■───────────────────
             ┌─┴─┐┌─┐
       near: ┤ X ├┤M├──────────────
             └───┘└╥┘
        far: ──────╫──[X if copied]─
                copied
    ```

    Ports:
        ``control``: the qubit to copy. ``near``, ``far``: the halves of the pairs, one qubit a remote node, near
        ones with the control; the far ones carry the copies afterwards. ``copied``: the outcomes.

    Args:
        remotes: number of remote nodes, at least 1.

    Raises:
        TypeError: if the number is not whole.
        ValueError: if it is below 1.

    >>> cat_entangler(remotes=2).metadata
    {'pairs': [[1, 3], [2, 4]]}
    """
    remotes = whole_number("remotes", remotes)
    control, near, far = (
        QuantumRegister(size, name) for name, size in (("control", 1), ("near", remotes), ("far", remotes))
    )
    copied = ClassicalRegister(remotes, "copied")
    pairs = [[1 + i, 1 + remotes + i] for i in range(remotes)]
    circuit = QuantumCircuit(control, near, far, copied, name="cat_entangler", metadata={"pairs": pairs})
    for here, there, bit in zip(near, far, copied, strict=True):
        _entangle(circuit, control[0], (here, there), bit)
    return circuit


def cat_disentangler(remotes: int = 1) -> QuantumCircuit:
    """Undo `cat_entangler`: α|0…0⟩ + β|1…1⟩ on ``control`` and ``far`` ↦ α|0⟩ + β|1⟩ on ``control``.

    Each copy is measured in X; Z on the control if an odd number of outcomes is 1.

    ```
    control: ──────────[Z if odd]─
             ┌───┐┌─┐
        far: ┤ H ├┤M├─────────────
             └───┘└╥┘
                removed
    ```

    Ports:
        ``control``: the qubit that was copied. ``far``: the copies, one qubit a remote node. ``removed``: the
        outcomes.

    Args:
        remotes: number of remote nodes, at least 1.

    Raises:
        TypeError: if the number is not whole.
        ValueError: if it is below 1.

    >>> cat_disentangler().num_clbits
    1
    """
    remotes = whole_number("remotes", remotes)
    control, far = QuantumRegister(1, "control"), QuantumRegister(remotes, "far")
    removed = ClassicalRegister(remotes, "removed")
    circuit = QuantumCircuit(control, far, removed, name="cat_disentangler")
    circuit.h(far)
    circuit.measure(far, removed)
    with circuit.if_test(odd_parity([*removed])):
        circuit.z(control)
    return circuit


def remote_cnot() -> QuantumCircuit:
    """CNOT between two nodes, through one pair.

    Through a Bell-diagonal pair (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻) the gate is followed by nothing, Z on the control, X on the
    target, or both: process fidelity F = Φ⁺, average fidelity (4F + 1)/5.

    ```
    control: ──■───────────────────────────────────[Z if removed]─
             ┌─┴─┐┌─┐
       near: ┤ X ├┤M├─────────────────────────────────────────────
             └───┘└╥┘                   ┌───┐┌─┐
        far: ──────╫──[X if copied]──■──┤ H ├┤M├──────────────────
                copied             ┌─┴─┐└───┘└╥┘
     target: ──────────────────────┤ X ├──────╫───────────────────
                                   └───┘   removed
    ```

    Ports:
        ``control``, ``near``: the control and its half of the pair, at one node. ``far``, ``target``: the other
        half and the target, at the other node. ``copied``, ``removed``: one classical bit each, sent to the other
        node.

    >>> remote_cnot().metadata
    {'pairs': [[1, 2]]}
    """
    return _remote(CXGate(), "remote_cnot")


def remote_cz() -> QuantumCircuit:
    """CZ between two nodes, through one pair; see `remote_cnot`, with Z in place of X on the target.

    ```
    control: ──■───────────────────────────────────[Z if removed]─
             ┌─┴─┐┌─┐
       near: ┤ X ├┤M├─────────────────────────────────────────────
             └───┘└╥┘                   ┌───┐┌─┐
        far: ──────╫──[X if copied]──■──┤ H ├┤M├──────────────────
                copied               │  └───┘└╥┘
     target: ────────────────────────■────────╫───────────────────
                                           removed
    ```

    Ports:
        as `remote_cnot`.

    >>> remote_cz().count_ops()["cz"]
    1
    """
    return _remote(CZGate(), "remote_cz")


def remote_controlled(gate: Gate | None = None) -> QuantumCircuit:
    """Any one-qubit gate U on a target, controlled from another node, through one pair.

    Through a Bell-diagonal pair (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻) the process fidelity is
    Φ⁺ + Ψ⁺·(Re Tr U)²/4 + Ψ⁻·(Im Tr U)²/4: a flipped copy does little harm if U is close to the identity.

    ```
    control: ──■───────────────────────────────────[Z if removed]─
             ┌─┴─┐┌─┐
       near: ┤ X ├┤M├─────────────────────────────────────────────
             └───┘└╥┘                   ┌───┐┌─┐
        far: ──────╫──[X if copied]──■──┤ H ├┤M├──────────────────
                copied             ┌─┴─┐└───┘└╥┘
     target: ──────────────────────┤ U ├──────╫───────────────────
                                   └───┘   removed
    ```

    Ports:
        as `remote_cnot`.

    Args:
        gate: U, a gate on one qubit, whose angles may be parameters. If None, the phase gate diag(1, e^{iθ}) with
            a fresh parameter ``theta``: the controlled phase of the quantum Fourier transform. Qiskit exports a
            controlled ``UnitaryGate`` to OpenQASM 3 only after transpiling.

    Raises:
        TypeError: if it is not a gate.
        ValueError: if it acts on another number of qubits than one.

    >>> from qiskit.circuit.library import RYGate
    >>> remote_controlled(RYGate(0.3)).count_ops()["cry"]
    1
    >>> [parameter.name for parameter in remote_controlled().parameters]
    ['theta']
    """
    if gate is None:
        gate = PhaseGate(angle("theta", None))
    if not isinstance(gate, Gate):
        raise TypeError(f"gate must be a Qiskit Gate on one qubit, got {gate!r}")
    if gate.num_qubits != 1:
        raise ValueError(f"gate must act on one qubit, got {gate.name!r} on {gate.num_qubits}")
    return _remote(gate.control(1), "remote_controlled")


def remote_toffoli(nodes: Literal[2, 3] = 3) -> QuantumCircuit:
    """Toffoli gate between three nodes (two pairs), or between two that hold controls and target (one pair).

    Three nodes: each control is copied to the target's node, where the gate is done. Two nodes: CCZ does not tell
    its qubits apart, so it is the target, between two H, that is copied to the node of both controls.

    ```
    nodes=3                                nodes=2
    control_0: ─┤ C0 ├───────┤ D0 ├─       control_0: ─────────────■─────────────
        far_0: ─┤ C0 ├───■───┤ D0 ├─                               │
    control_1: ─┤ C1 ├───┼───┤ D1 ├─       control_1: ─────────────■─────────────
        far_1: ─┤ C1 ├───■───┤ D1 ├─                               │
                       ┌─┴─┐                     far: ─────┤ C ├───■───┤ D ├─────
       target: ────────┤ X ├────────          target: ─┤H├─┤ C ├───────┤ D ├─┤H├─
                       └───┘
    C: cat entangler through (near, far), D: cat disentangler
    ```

    Ports:
        ``control``: two qubits, ``target``: one. ``near``, ``far``: the halves of the pairs, ``far`` where the gate
        is done. Three nodes: pair i joins the node of ``control[i]`` (near) and that of the target (far). Two
        nodes: the pair joins the target's node (near) and that of both controls (far). ``copied``, ``removed``:
        one classical bit a pair.

    Args:
        nodes: 3, every qubit at a node of its own; or 2, both controls at one.

    Raises:
        ValueError: if it is neither 2 nor 3.

    >>> [remote_toffoli(nodes).metadata["pairs"] for nodes in (2, 3)]
    [[[2, 3]], [[2, 4], [3, 5]]]
    """
    if nodes not in (2, 3):
        raise ValueError(f"nodes must be 2 or 3, got {nodes!r}")
    return _toffoli_of_three_nodes() if nodes == 3 else _toffoli_of_two_nodes()


def teleported_swap() -> QuantumCircuit:
    """Exchange two qubits of two nodes by teleporting each, through two pairs.

    Three remote CNOTs would take three pairs. Each direction is a teleportation; what arrives is then swapped
    locally to the port that has become free. Through Bell-diagonal pairs of fidelity F₁ and F₂ the process fidelity
    is F₁·F₂, the average fidelity (4F₁F₂ + 1)/5.

    ```
            ┌──────┐
         a: ┤      ├──────────────────────────────────────╳─
            │ Bell │                                      │
     out_a: ┤      ├─ out_phase, out_parity               │
            └──────┘                                      │
    back_a: ─────────[X if back_parity]─[Z if back_phase]─╳─
            ┌──────┐
    back_b: ┤      ├─ back_phase, back_parity
            │      │
     out_b: ┼ Bell ┼─[X if out_parity]─[Z if out_phase]───╳─
            │      │                                      │
         b: ┤      ├──────────────────────────────────────╳─
            └──────┘
    ```

    Ports:
        ``a``, ``b``: the qubits that change places, one at each node. ``out_a``, ``out_b``: the pair that carries a
        to b; ``back_a``, ``back_b``: the pair that carries b to a. ``out_phase``, ``out_parity``, ``back_phase``,
        ``back_parity``: the outcomes of the Bell measurements.

    Note:
        As an operation on links, what it delivers is no pair: ``Operation(teleported_swap()).verify()`` fails, for
        it asks for Φ⁺ where the data qubits ``a`` and ``b``, which no link brings, start in |0⟩. The exchange is
        seen where they are inputs: in the channel of `quantumlink.wire`, with ``inputs`` and ``outputs`` both
        ``["a", "b"]``.

    >>> teleported_swap().metadata
    {'pairs': [[1, 4], [2, 3]]}
    """
    names = ("a", "out_a", "back_a", "back_b", "out_b", "b")
    a, out_a, back_a, back_b, out_b, b = (QuantumRegister(1, name) for name in names)
    bits = [ClassicalRegister(1, name) for name in ("out_phase", "out_parity", "back_phase", "back_parity")]
    registers = (a, out_a, back_a, back_b, out_b, b, *bits)
    circuit = QuantumCircuit(*registers, name="teleported_swap", metadata={"pairs": [[1, 4], [2, 3]]})
    for sent, here, there, phase, parity in ((a, out_a, out_b, *bits[:2]), (b, back_b, back_a, *bits[2:])):
        circuit.compose(bell_measurement(), [*sent, *here], [*phase, *parity], inplace=True)
        with circuit.if_test((parity[0], 1)):
            circuit.x(there)
        with circuit.if_test((phase[0], 1)):
            circuit.z(there)
    circuit.swap(a, back_a)
    circuit.swap(b, out_b)
    return circuit


def _remote(controlled: Gate, name: str) -> QuantumCircuit:
    control, near, far, target = (QuantumRegister(1, port) for port in ("control", "near", "far", "target"))
    copied, removed = ClassicalRegister(1, "copied"), ClassicalRegister(1, "removed")
    circuit = QuantumCircuit(control, near, far, target, copied, removed, name=name, metadata={"pairs": [[1, 2]]})
    _entangle(circuit, control[0], (near[0], far[0]), copied[0])
    circuit.append(controlled, [*far, *target])
    _disentangle(circuit, control[0], far[0], removed[0])
    return circuit


def _toffoli_of_three_nodes() -> QuantumCircuit:
    circuit = _toffoli_ports(pairs=2)
    control, near, far, target = circuit.qregs
    copied, removed = circuit.cregs
    for i in range(2):
        _entangle(circuit, control[i], (near[i], far[i]), copied[i])
    circuit.ccx(*far, *target)
    for i in range(2):
        _disentangle(circuit, control[i], far[i], removed[i])
    return circuit


def _toffoli_of_two_nodes() -> QuantumCircuit:
    circuit = _toffoli_ports(pairs=1)
    control, (near,), (far,), (target,) = circuit.qregs
    (copied,), (removed,) = circuit.cregs
    circuit.h(target)
    _entangle(circuit, target, (near, far), copied)
    circuit.ccz(*control, far)
    _disentangle(circuit, target, far, removed)
    circuit.h(target)
    return circuit


def _toffoli_ports(pairs: int) -> QuantumCircuit:
    sizes = {"control": 2, "near": pairs, "far": pairs, "target": 1}
    qubits = [QuantumRegister(size, port) for port, size in sizes.items()]
    bits = [ClassicalRegister(pairs, port) for port in ("copied", "removed")]
    metadata = {"pairs": [[2 + i, 2 + pairs + i] for i in range(pairs)]}
    return QuantumCircuit(*qubits, *bits, name="remote_toffoli", metadata=metadata)


def _entangle(circuit: QuantumCircuit, control: Qubit, pair: tuple[Qubit, Qubit], bit: Clbit) -> None:
    near, far = pair
    circuit.cx(control, near)
    circuit.measure(near, bit)
    with circuit.if_test((bit, 1)):
        circuit.x(far)


def _disentangle(circuit: QuantumCircuit, control: Qubit, far: Qubit, bit: Clbit) -> None:
    circuit.h(far)
    circuit.measure(far, bit)
    with circuit.if_test((bit, 1)):
        circuit.z(control)
