"""NetQASM text, run by a machine of its own in `tests/oracles`."""

from itertools import combinations

import numpy as np
import pytest
from oracles.netqasm_machine import run
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Statevector, random_unitary

import quantumlink as ql
from quantumlink.distributed.netqasm import rotations
from quantumlink.exact import UnsupportedOperation


def network(nodes, qubits, communication=None):
    parts = [ql.Node(f"n{i}", qubits=qubits, communication=communication) for i in range(nodes)]
    return ql.Network(parts, [ql.ElementaryLink(a, b) for a, b in combinations(parts, 2)])


def final_state(d, rng):
    """The state of the circuit's qubits after all nodes ran, the first the least significant; and the machines."""
    numbers = {node.name: i for i, node in enumerate(d.machine.nodes)}
    world, nodes = run(d.netqasm(), numbers, rng)
    ends = [d.candidate.scheduled.end[wire] for wire in d.candidate.tasks.wire_of_qubit]
    for end in ends:
        if (end.node, end.number) not in world.axes:
            world.add([(end.node, end.number)], [1, 0])  # a node that does nothing
    axes = [world.axes.index((end.node, end.number)) for end in reversed(ends)]
    others = [i for i in range(len(world.axes)) if i not in axes]
    return world.state.transpose([*others, *axes]).reshape(-1, 2 ** len(ends)), nodes


def random_gates(rng, circuit, count):
    for q in range(circuit.num_qubits):
        circuit.u(*rng.uniform(0, 6, 3), q)
    for _ in range(count):
        a, b, c = rng.permutation(circuit.num_qubits)[:3].tolist()
        kind = rng.choice(["h", "sdg", "rx", "cx", "cy", "cp", "ccx", "swap", "su4"])
        if kind in ("h", "sdg"):
            getattr(circuit, kind)(a)
        elif kind == "rx":
            circuit.rx(rng.uniform(-9, 9), a)
        elif kind in ("cx", "cy", "swap"):
            getattr(circuit, kind)(a, b)
        elif kind == "cp":
            circuit.cp(rng.uniform(0, 6), a, b)
        elif kind == "ccx":
            circuit.ccx(a, b, c)
        else:
            circuit.append(UnitaryGate(random_unitary(4, seed=int(rng.integers(2**31)))), [a, b])


@pytest.mark.parametrize(("nodes", "qubits", "communication"), [(2, 2, 1), (2, 3, None), (3, 2, 2)])
@pytest.mark.parametrize("case", range(3))
def test_nodes_that_run_it_do_what_the_circuit_does(rng, nodes, qubits, communication, case):
    circuit = QuantumCircuit(4)
    random_gates(rng, circuit, 10)
    d = ql.distribute(circuit, network(nodes, qubits, communication), budget_s=0, seed=case)
    assert d.ebits > 0
    for _ in range(3):  # other outcomes
        found, _ = final_state(d, rng)
        overlap = np.linalg.norm(found @ Statevector(circuit).data.conj())
        assert overlap == pytest.approx(1, abs=1e-7)


def test_conditions_on_bits_of_other_nodes(rng):
    before = QuantumCircuit(4)
    random_gates(rng, before, 5)
    circuit = QuantumCircuit(4, 2)
    circuit.compose(before, inplace=True)
    circuit.measure(0, 0)
    circuit.measure(1, 1)
    with circuit.if_test((circuit.cregs[0], 2)) as otherwise:
        circuit.ry(0.4, 3)
    with otherwise:
        circuit.h(3)
        circuit.cx(3, 2)
    with circuit.if_test((circuit.clbits[0], 0)):
        circuit.x(2)
    d = ql.distribute(circuit, network(2, 2), placement={i: f"n{i // 2}" for i in range(4)}, budget_s=0)
    seen = set()
    for _ in range(12):
        found, nodes = final_state(d, rng)
        bits = nodes["n0"].arrays[0][:2]
        seen.add(tuple(bits))
        state = Statevector(before).data.reshape((2,) * 4).copy()
        state[:, :, 1 - bits[1], :] = 0
        state[:, :, :, 1 - bits[0]] = 0
        after = QuantumCircuit(4)
        if bits == [0, 1]:
            after.ry(0.4, 3)
        else:
            after.h(3)
            after.cx(3, 2)
        if bits[0] == 0:
            after.x(2)
        wanted = Statevector(state.ravel() / np.linalg.norm(state)).evolve(after).data
        assert np.linalg.norm(found @ wanted.conj()) == pytest.approx(1, abs=1e-7)
    assert len(seen) > 1


def test_angles_are_told_by_few_rotations(rng):
    for angle in [0.0, np.pi, 2 * np.pi, -np.pi / 1024, *rng.uniform(-20, 20, 50)]:
        found = rotations(angle)
        assert len(found) <= 4
        assert all(0 < n < 256 and 0 <= d <= 30 for n, d in found)
        total = sum(n * np.pi / 2**d for n, d in found)
        assert np.exp(1j * total) == pytest.approx(np.exp(1j * angle), abs=3e-9)


def test_a_forgotten_correction_is_noticed(rng):
    """The machine would see it: what is told to the other node matters."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    d = ql.distribute(circuit, network(2, 1), placement={0: "n0", 1: "n1"}, budget_s=0)
    programs = d.netqasm()
    first = programs["n1"].subroutines[1]
    assert first.receives == ("from_n0_0",)
    wrong = first.text.replace("\nx Q0", "\nz Q0")
    assert wrong != first.text
    object.__setattr__(first, "text", wrong)
    worst = 1.0
    for _ in range(20):
        world, _ = run(programs, {"n0": 0, "n1": 1}, rng)
        order = [world.axes.index((1, 0)), world.axes.index((0, 0))]
        rest = [i for i in range(len(world.axes)) if i not in order]
        found = world.state.transpose([*rest, *order]).reshape(-1, 4)
        worst = min(worst, float(np.linalg.norm(found @ Statevector(circuit).data.conj())))
    assert worst < 0.9


def test_what_it_cannot_tell_is_refused():
    circuit = QuantumCircuit(2)
    circuit.crz(Parameter("theta"), 0, 1)
    with pytest.raises(ValueError, match="assign theta before distributing"):
        ql.distribute(circuit, network(2, 1), budget_s=0).netqasm()
    from qiskit.circuit.classical import expr

    counted = QuantumCircuit(2, 2)
    counted.measure([0, 1], [0, 1])
    with counted.if_test(expr.less(counted.cregs[0], 2)):
        counted.x(0)
    with pytest.raises(UnsupportedOperation, match="is not told in NetQASM"):
        ql.distribute(counted, network(2, 1), budget_s=0).netqasm()
