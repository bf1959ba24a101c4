"""Classical bits that several nodes write, and conditions within conditions."""

from itertools import combinations

import numpy as np
import pytest
from oracles.netqasm_machine import run
from qiskit.circuit import AnnotatedOperation, ControlModifier, InverseModifier, QuantumCircuit
from qiskit.circuit.classical import expr
from qiskit.circuit.library import PauliGate, PermutationGate, RXGate, UnitaryGate
from qiskit.quantum_info import Operator

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation, branches


def network(nodes, qubits):
    parts = [ql.Node(f"n{i}", qubits=qubits) for i in range(nodes)]
    return ql.Network(parts, [ql.ElementaryLink(a, b) for a, b in combinations(parts, 2)])


def assert_same(d, source=None):
    """The same instrument, by density matrices."""
    keep, n = range(d.source.num_clbits), d.source.num_qubits
    wanted = branches(d.source if source is None else source, inputs=range(n), outputs=range(n), keep=keep)
    ends = list(d.program.ends.values())
    found = branches(d.circuit, inputs=list(d.inputs.values()), outputs=ends, keep=keep)
    for record in wanted.keys() | found.keys():
        assert np.abs(wanted.get(record, 0.0) - found.get(record, 0.0)).max() < 1e-9, record


def placed(circuit, where, **options):
    return ql.distribute(circuit, network(3, 2), placement=where, budget_s=0, migrate=False, **options)


def perhaps_written_elsewhere():
    """Bit 1 is written by the first node, and by the second one only if it is told to; the third reads it."""
    circuit = QuantumCircuit(3, 2)
    circuit.x(0), circuit.measure(0, 1), circuit.h(0), circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.measure(1, 1)
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(2)
    return circuit


def test_a_bit_that_is_perhaps_written_keeps_what_another_node_wrote(rng):
    circuit = perhaps_written_elsewhere()
    d = placed(circuit, {0: "n0", 1: "n1", 2: "n2"})
    assert_same(d)
    assert "c[1] = from_n0_" in d.programs["n1"]
    ends = [d.candidate.scheduled.end[wire] for wire in d.candidate.tasks.wire_of_qubit]
    seen = set()
    for _ in range(12):
        world, nodes = run(d.netqasm(), {f"n{i}": i for i in range(3)}, rng)
        told = nodes["n0"].arrays[0][0]
        seen.add(told)
        # The second node's qubit is 0: the third one's is turned unless that was measured.
        axes = [world.axes.index((end.node, end.number)) for end in reversed(ends)]
        state = world.state.transpose(axes).ravel()
        assert abs(state[0b100 * (1 - told) + told]) == pytest.approx(1)
    assert seen == {0, 1}


def test_a_condition_within_a_whole_one_waits_for_its_bit():
    circuit = QuantumCircuit(4, 2)
    circuit.h(range(4)), circuit.measure(0, 0), circuit.ry(0.3, 1)
    circuit.cx(2, 3), circuit.h(3), circuit.measure(3, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.swap(0, 1)
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.ry(0.7, 0)
    d = placed(circuit, {0: "n0", 1: "n0", 2: "n1", 3: "n2"})
    assert_same(d)
    assert d.verify().word == "proven"
    assert [m.bit for m in d.programs["n0"].receives if m.source == "n2"] == [1]


def test_a_condition_within_another_may_write_what_it_reads():
    circuit = QuantumCircuit(3, 2)
    circuit.h(range(3)), circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.h(0)
    with otherwise, circuit.if_test((circuit.clbits[1], 1)):
        circuit.measure(2, 1)
        circuit.cx(2, 0)
    d = placed(circuit, {0: "n0", 1: "n1", 2: "n2"})
    assert_same(d)
    assert len(d.programs) == 3


def test_gates_without_a_definition_are_synthesized():
    """A permutation is told by swaps, which cost nothing."""
    circuit = QuantumCircuit(3)
    circuit.h(0), circuit.ry(0.4, 1)
    circuit.append(PermutationGate([2, 0, 1]), [0, 1, 2])
    d = placed(circuit, {0: "n0", 1: "n1", 2: "n2"})
    assert d.ebits == 0
    assert_same(d)
    turned = AnnotatedOperation(RXGate(0.4), [ControlModifier(1, 0), InverseModifier()])
    plain = circuit.copy()
    circuit.append(turned, [0, 2])
    plain.append(UnitaryGate(Operator(turned)), [0, 2])
    d = placed(circuit, {0: "n0", 1: "n1", 2: "n2"})
    assert_same(d, plain)
    assert d.verify().word == "proven"


def test_gates_told_by_letters_are_told_by_their_parts():
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    circuit.append(PauliGate("XYZ"), [0, 1, 2])
    circuit.append(PauliGate("ZZ"), [0, 1])
    d = ql.distribute(circuit, network(2, 3), placement=dict.fromkeys(range(3), "n0"), budget_s=0)
    assert "pauli" not in d.programs["n0"]
    assert "y data[1]" in d.programs["n0"]


def test_a_cover_of_ones_own_that_leaves_a_task_out_is_refused_by_name():
    circuit = QuantumCircuit(3)
    circuit.h(0), circuit.cx(0, 1)
    for cover in (lambda *_: {}, lambda *_: {(1, 2): 7}):
        with pytest.raises(ValueError, match=r"cover method must give a node for the groups .* of 'cx' \(task 1\)"):
            placed(circuit, {0: "n0", 1: "n1"}, methods=ql.distributed.Methods(cover=cover))


def looping(rounds, *, left=False):
    def made(circuit):
        with circuit.for_loop(rounds):
            circuit.h(0)
            if left:
                with circuit.if_test((circuit.clbits[0], 1)):
                    circuit.break_loop()

    return made


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (
            lambda c: c.store(c.add_var("v", expr.lift(c.clbits[0])), expr.lift(True)),
            "'store' .* no classical variables",
        ),
        (lambda c: c.while_loop((c.clbits[0], 1), QuantumCircuit(3), c.qubits, []), "'while_loop' .* unroll it"),
        (looping(range(10_001)), "'for_loop' .*: it has 10001 rounds, more than 10000; unroll it"),
        (looping(range(3), left=True), "'for_loop' .*: it may be left early; unroll it"),
    ],
)
def test_a_refusal_says_why(made, why):
    circuit = QuantumCircuit(3, 1)
    made(circuit)
    with pytest.raises(UnsupportedOperation, match=why):
        placed(circuit, {0: "n0"})
