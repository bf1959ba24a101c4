"""Every distributed circuit does what the circuit does: on all inputs at once, for each record of its bits.

The oracle is the branch interpreter on density matrices: it knows nothing of groups, covers or events.
"""

from itertools import pairwise

import numpy as np
import pytest
from qiskit import transpile
from qiskit.circuit import (
    AnnotatedOperation,
    ClassicalRegister,
    Clbit,
    IfElseOp,
    InverseModifier,
    Parameter,
    QuantumCircuit,
)
from qiskit.circuit.library import DiagonalGate, PauliEvolutionGate, UnitaryGate
from qiskit.quantum_info import SparsePauliOp, random_statevector, random_unitary

import quantumlink as ql
from quantumlink.distributed.following import Following
from quantumlink.exact import branches


def network(nodes, qubits, communication=None, shape="all", **link):
    parts = [ql.Node(f"n{i}", qubits=qubits, communication=communication) for i in range(nodes)]
    pairs = [(a, b) for i, a in enumerate(parts) for b in parts[i + 1 :]] if shape == "all" else pairwise(parts)
    return ql.Network(parts, [ql.ElementaryLink(a, b, **link) for a, b in pairs])


def start_and_end(d):
    return list(d.inputs.values()), list(d.program.ends.values())


def assert_same(d, values=None):
    """The same instrument: Pauli coefficients of outputs by those of inputs, for each record of bits."""
    n, start_end = d.source.num_qubits, start_and_end(d)
    keep = range(d.source.num_clbits)
    source, whole = d.source, d.circuit
    if values:
        source, whole = source.assign_parameters(values), whole.assign_parameters(values)
    wanted = branches(source, inputs=range(n), outputs=range(n), keep=keep)
    found = branches(whole, inputs=start_end[0], outputs=start_end[1], keep=keep)
    for record in wanted.keys() | found.keys():  # one that happens by rounding alone may be missing
        difference = wanted.get(record, 0.0) - found.get(record, 0.0)
        assert np.abs(difference).max() < 1e-9, record


def random_circuit(rng, qubits, gates, bits=2):
    """All that a circuit may have, at random."""
    circuit = QuantumCircuit(qubits, bits)
    for _ in range(gates):
        kind = rng.choice(
            [
                "h",
                "x",
                "rz",
                "sx",
                "cx",
                "cz",
                "cp",
                "cy",
                "ryy",
                "cu",
                "swap",
                "iswap",
                "ccx",
                "su4",
                "measure",
                "reset",
                "if",
                "else",
                "y",
            ],
        )
        a, b, c = rng.permutation(qubits)[:3].tolist() if qubits > 2 else [*rng.permutation(2).tolist(), 0]
        bit = int(rng.integers(bits))
        if kind in ("h", "x", "sx", "y", "reset"):
            getattr(circuit, kind)(a)
        elif kind == "rz":
            circuit.rz(rng.uniform(0, 6), a)
        elif kind in ("cx", "cz", "cy", "swap", "iswap"):
            getattr(circuit, kind)(a, b)
        elif kind == "cp":
            circuit.cp(rng.uniform(0, 6), a, b)
        elif kind == "ryy":
            circuit.ryy(rng.uniform(0, 6), a, b)
        elif kind == "cu":
            circuit.cu(*rng.uniform(0, 6, 4), a, b)
        elif kind == "ccx" and qubits > 2:
            circuit.ccx(a, b, c)
        elif kind == "su4":
            circuit.append(UnitaryGate(random_unitary(4, seed=int(rng.integers(2**31)))), [a, b])
        elif kind == "measure":
            circuit.measure(a, bit)
        elif kind in ("if", "else"):
            with circuit.if_test((circuit.clbits[bit], 1)) as otherwise:
                circuit.cx(a, b)
                circuit.x(b)
            if kind == "else":
                with otherwise:
                    circuit.cp(0.7, a, b)
    return circuit


@pytest.mark.parametrize("case", range(12))
@pytest.mark.parametrize(("nodes", "communication"), [(2, None), (2, 1), (3, 2), (3, None)])
def test_random_circuits_are_the_same_instrument(rng, case, nodes, communication):
    circuit = random_circuit(rng, 3, int(rng.integers(4, 14)))
    shape = rng.choice(["all", "line"]) if communication != 1 else "all"
    d = ql.distribute(
        circuit,
        network(nodes, 2 if nodes == 2 else 1, communication, shape),
        live_copies=None if rng.random() < 0.5 else 1 if nodes == 2 else None,
        budget_s=0.05,
        seed=int(rng.integers(1000)),
    )
    assert_same(d)
    assert d.verify()


@pytest.mark.parametrize("case", range(4))
def test_four_qubits_over_two_nodes(rng, case):
    circuit = random_circuit(rng, 4, 8, bits=1)
    d = ql.distribute(circuit, network(2, 2, 2), budget_s=0.05)
    assert_same(d)


def test_parameters_stay(rng):
    theta = Parameter("theta")
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cp(theta, 0, 1)
    circuit.rx(2 * theta, 1)
    circuit.crz(theta, 1, 2)
    d = ql.distribute(circuit, network(3, 1), budget_s=0.05)
    assert list(d.circuit.parameters) == [theta]
    assert_same(d, {theta: rng.uniform(0, 6)})
    assert d.verify()


def without(circuit, dropped):
    """The circuit without its correction of that number."""
    result = circuit.copy_empty_like()
    count = -1
    for instruction in circuit.data:
        count += instruction.name == "if_else"
        if instruction.name != "if_else" or count != dropped:
            result.append(instruction)
    return result


def test_every_correction_matters():
    circuit = QuantumCircuit(2)
    for axis in ("cx", "cz", "cy"):
        circuit.ry(0.3, 0)
        circuit.rx(0.4, 1)
        getattr(circuit, axis)(0, 1)
    d = ql.distribute(circuit, network(2, 1), budget_s=0.05)
    assert_same(d)
    corrections = d.circuit.count_ops()["if_else"]
    assert corrections == 2 * d.ebits > 0
    wanted = branches(circuit, inputs=[0, 1], outputs=[0, 1])[()]
    start, end = start_and_end(d)
    for dropped in range(corrections):
        broken = without(d.circuit, dropped)
        found = branches(broken, inputs=start, outputs=end, keep=())[()]
        assert np.abs(found - wanted).max() > 0.1, dropped


def test_a_copy_along_each_axis_costs_one_pair():
    for gate in ("cx", "cy", "cz"):
        circuit = QuantumCircuit(3)
        getattr(circuit, gate)(1, 0)
        circuit.x(0) if gate == "cz" else circuit.z(0)  # turned around: the copies are flipped too
        getattr(circuit, gate)(2, 0)
        d = ql.distribute(circuit, network(3, 1), budget_s=0)
        assert_same(d)
        both = ql.distribute(circuit, wide_network(), placement={0: "n0", 1: "n1", 2: "n1"}, budget_s=0)
        assert both.ebits == 1
        assert_same(both)


def wide_network():
    parts = [ql.Node("n0", qubits=3), ql.Node("n1", qubits=3)]
    return ql.Network(parts, [ql.ElementaryLink(*parts)])


def blocks(rng, qubits, layers):
    """Layers of any gates on pairs of qubits: no copy serves them."""
    circuit = QuantumCircuit(qubits)
    for _ in range(layers):
        order = rng.permutation(qubits).tolist()
        for a, b in zip(order[::2], order[1::2], strict=False):
            circuit.append(UnitaryGate(random_unitary(4, seed=int(rng.integers(2**31)))), [a, b])
    return circuit


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("case", range(3))
def test_qubits_that_move_are_the_same_instrument(rng, case, full):
    circuit = blocks(rng, 4, 5)
    d = ql.distribute(circuit, network(2, 2 if full else 3), budget_s=0.4, seed=case)
    assert d.verify().word == "proven"
    assert_same(d)


def test_moving_is_cheaper_for_blocks_and_can_be_forbidden(rng):
    circuit = blocks(rng, 8, 8)
    stays = ql.distribute(circuit, network(2, 5), migrate=False, budget_s=0.3)
    moves = ql.distribute(circuit, network(2, 5), budget_s=1.5)
    assert moves.ebits < stays.ebits
    assert moves.verify().word == stays.verify().word == "proven"


def test_full_nodes_exchange_qubits_through_their_halves_of_pairs(rng):
    """Both nodes are full: one qubit waits on a half of a pair until there is room."""
    from quantumlink.distributed.building import Building
    from quantumlink.distributed.events import Settle, TakeOver
    from quantumlink.distributed.machine import machine_of
    from quantumlink.distributed.pair_circuits import PairCircuits
    from quantumlink.distributed.planning import Candidate
    from quantumlink.distributed.plans import plan_of
    from quantumlink.distributed.proof import check_linear
    from quantumlink.distributed.schedule import list_schedule
    from quantumlink.distributed.tasks import Move, Task, tasks_of

    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    circuit.ry(0.4, 1)
    circuit.iswap(0, 1)
    tasks = tasks_of(circuit)
    move = Task(Move((1, 0)), (0, 1), (), ("", ""), ("", ""), None, (), ())
    machine = machine_of(network(2, 1))
    plan = plan_of([tasks.tasks[0], move, *tasks.tasks[1:]], [0, 1], machine, ql.distributed.exact_cover)
    scheduled = list_schedule(plan, machine, PairCircuits(machine), None)
    assert any(isinstance(event, Settle) for event in scheduled.events)
    check_linear(plan, scheduled)
    candidate = Candidate(tasks, plan, scheduled)
    built = Building(tasks, plan.tasks, scheduled, machine, PairCircuits(machine)).built()
    start, end = ([built.qubit_of[p] for p in places] for places in (scheduled.start, scheduled.end))
    wanted = branches(circuit, inputs=[0, 1], outputs=[0, 1])[()]
    assert np.abs(branches(built.program.circuit, inputs=start, outputs=end, keep=())[()] - wanted).max() < 1e-9
    assert candidate.ebits == 2 + 2  # the copy for the first gate becomes its wire
    assert any(isinstance(event, TakeOver) for event in scheduled.events)


def measured():
    circuit = QuantumCircuit(3, 2)
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    return circuit


def by_register():
    circuit = measured()
    with circuit.if_test((circuit.cregs[0], 3)):
        circuit.cx(1, 2)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(2)
            circuit.h(1)
    return circuit


def by_switch():
    circuit = measured()
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0):
            circuit.cx(1, 2)
        with case(1, 2):
            circuit.x(2)
        with case(case.DEFAULT):
            circuit.cz(0, 2)
    return circuit


def by_loop():
    circuit = QuantumCircuit(3)
    circuit.h(0)
    with circuit.for_loop(range(3)):
        circuit.cx(0, 1)
        circuit.ry(0.2, 1)
        circuit.cz(1, 2)
    return circuit


def in_a_box():
    circuit = QuantumCircuit(3)
    with circuit.box():
        circuit.h(0)
        circuit.cx(0, 1)
    circuit.delay(100, 1, unit="ns")
    circuit.barrier()
    circuit.cswap(0, 1, 2)
    return circuit


def writing_its_own_condition():
    circuit = measured()
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.swap(0, 1)
        circuit.measure(2, 0)
    return circuit


@pytest.mark.parametrize(
    "made", [by_register, by_switch, by_loop, in_a_box, writing_its_own_condition], ids=lambda f: f.__name__
)
def test_control_flow_over_three_nodes(made):
    d = ql.distribute(made(), network(3, 1), budget_s=0)
    assert_same(d)
    assert d.verify().word == "proven"
    assert len(d.programs) == 3


def test_gates_of_one_name_are_told_apart():
    """Also those with complex parameters, or with parts that are no gates."""
    first, second = QuantumCircuit(2, name="mine"), QuantumCircuit(2, name="mine")
    first.h(0), first.cx(0, 1), first.ry(0.3, 1)
    second.ry(1.1, 0), second.iswap(0, 1), second.h(0)
    circuit = QuantumCircuit(3)
    circuit.append(first.to_gate(), [0, 1])
    circuit.append(second.to_gate(), [1, 2])
    circuit.append(DiagonalGate([1, 1j, -1, np.exp(0.3j)]), [0, 2])
    state = random_statevector(8, seed=3)
    walk = Following(circuit, range(3), state.data.reshape(2, 2, 2).T, keep=(), most_branches=1, most_qubits=3)
    (found,) = walk.run(range(3))[()]
    assert np.abs(found.T.ravel() - state.evolve(circuit).data).max() < 1e-9
    d = ql.distribute(circuit, network(3, 1), budget_s=0)
    assert d.verify().word == "proven"
    assert_same(d)
    assert len(d.programs) == 3


def test_conditions_within_conditions_are_told_by_parts():
    circuit = measured()
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.measure(2, 0)
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.append(DiagonalGate([1, 1j, -1, np.exp(0.3j)]), [1, 2])
    d = ql.distribute(circuit, network(3, 1), budget_s=0)
    assert_same(d)
    assert len(d.programs) == 3


def test_registers_that_share_bits_are_in_the_programs():
    bits = [Clbit(), Clbit()]
    circuit = QuantumCircuit(3)
    circuit.add_register(ClassicalRegister(bits=bits, name="both"), ClassicalRegister(bits=bits[1:], name="part"))
    circuit.h(0), circuit.cx(0, 1), circuit.measure(0, bits[1])
    with circuit.if_test((circuit.cregs[0], 2)):
        circuit.x(2)
    d = ql.distribute(circuit, network(3, 1), budget_s=0)
    assert_same(d)
    assert all("let part" in program for program in d.programs.values())


def test_an_end_node_between_two_others_joins_them_not():
    left, middle, right = ql.Node("l", qubits=1), ql.Node("m", qubits=1, role="end"), ql.Node("r", qubits=1)
    line = ql.Network([left, middle, right], [ql.ElementaryLink(left, middle), ql.ElementaryLink(middle, right)])
    circuit = QuantumCircuit(2)
    circuit.iswap(0, 1)
    d = ql.distribute(circuit, line, budget_s=0.05)
    assert "m" in d.placement.values()
    with pytest.raises(ValueError, match="no link joins the nodes 'l' and 'r'"):
        ql.distribute(circuit, line, placement={0: "l", 1: "r"})
    with pytest.raises(ValueError, match="no link joins the nodes 'l' and 'r'"):
        ql.distribute(QuantumCircuit(3), line)


@pytest.mark.parametrize(
    ("middle", "told"),
    [
        ({"role": "end"}, "'m' between them does not swap: it has role='end'"),
        ({"communication": 1}, "'m' between them cannot swap: that takes two communication qubits, it has commun"),
        ({}, "over repeaters neither"),
    ],
)
def test_why_no_link_joins_two_nodes_is_told(middle, told):
    nodes = [ql.Node("l", qubits=1), ql.Node("m", qubits=1, **middle), ql.Node("r", qubits=1)]
    links = [ql.ElementaryLink(*nodes[:2]), *([ql.ElementaryLink(*nodes[1:])] if middle else [])]
    circuit = QuantumCircuit(2)
    circuit.cz(0, 1)
    with pytest.raises(ValueError, match=f"no link joins the nodes 'l' and 'r', .*{told}"):
        ql.distribute(circuit, ql.Network(nodes, links), placement={0: "l", 1: "r"})


def test_the_report_tells_what_is_missing(monkeypatch):
    from quantumlink.distributed import placement

    pair = [ql.Node(name, qubits=1) for name in "lr"]
    network = ql.Network(pair, [ql.ElementaryLink(*pair)])
    told = [ql.distribute(QuantumCircuit(2), network, budget_s=0).report()]
    monkeypatch.setattr(placement, "_partitioner", lambda: None)
    monkeypatch.setattr(placement, "has_numba", lambda: False)
    told.append(ql.distribute(QuantumCircuit(2), network, budget_s=0).report())
    missing = "numba is missing); no partitioner (Mt-KaHyPar is missing): pip install quantumlink[distributed]"
    assert [missing in report for report in told] == [False, True]


@pytest.mark.parametrize("leaves", [2, 3, 4])
def test_ends_of_a_star_need_not_reach_one_another_where_no_gate_joins_them(leaves):
    nodes = [ql.Node(f"n{i}", qubits=1, communication=1) for i in range(leaves + 1)]
    star = ql.Network(nodes, [ql.ElementaryLink(nodes[0], node, fidelity=0.9) for node in nodes[1:]])
    place = {i: node.name for i, node in enumerate(nodes)}
    ghz = QuantumCircuit(leaves + 1)
    ghz.h(0)
    for leaf in range(1, leaves + 1):
        ghz.cx(0, leaf)
    ghz.barrier()
    d = ql.distribute(ghz, star, placement=place, budget_s=0)
    assert d.ebits == leaves
    assert d.verify().word == "proven"
    ghz.cx(1, 2)
    with pytest.raises(ValueError, match="no link joins the nodes"):
        ql.distribute(ghz, star, placement=place, budget_s=0)


@pytest.mark.parametrize(
    "made",
    [
        lambda gate: gate,
        lambda gate: gate.control(1),
        lambda gate: AnnotatedOperation(gate, [InverseModifier()]),
        lambda gate: wrapped(gate, within=False),
        lambda gate: wrapped(gate, within=True),
    ],
)
def test_evolutions_are_the_formulas_that_devices_run(made):
    """Told by its matrix a gate of terms that do not commute is another one than what its definition does."""
    gate = made(PauliEvolutionGate(SparsePauliOp(["XXI", "ZZZ", "IYY"], [0.3, 0.4, 0.5]), time=0.7))
    circuit = QuantumCircuit(4, 1)
    circuit.h(range(4))
    circuit.append(gate, range(gate.num_qubits), range(gate.num_clbits))
    d = ql.distribute(circuit, network(2, 4, 2), placement={0: "n0", 1: "n1", 2: "n0"}, budget_s=0)
    assert "proven" in repr(d.verify())
    played = transpile(circuit, basis_gates=["u", "cx", "if_else"], optimization_level=0)
    ours, theirs = (branches(each, outputs=range(4), keep=[0]) for each in (d.source, played))
    assert ours.keys() == theirs.keys()
    for record, state in theirs.items():
        assert ours[record] == pytest.approx(state, abs=1e-9)


def wrapped(gate, *, within):
    """In an instruction of several gates, or under a condition."""
    body = QuantumCircuit(3, within)
    body.append(gate, [2, 0, 1])
    if not within:
        return body.to_gate()
    return IfElseOp((body.clbits[0], 0), body)
