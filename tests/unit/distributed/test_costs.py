"""Counts of pairs that are known, and what is refused at once."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest
from qiskit.circuit import Gate, QuantumCircuit

import quantumlink as ql
from quantumlink.distributed import single_paths
from quantumlink.distributed.cover import exact_cover, smallest_cover
from quantumlink.distributed.cover_cost import CoverCost
from quantumlink.distributed.demands import demands_of
from quantumlink.distributed.groups import groups_of
from quantumlink.distributed.machine import machine_of
from quantumlink.distributed.placement import SearchedPlacement
from quantumlink.distributed.proof import check_linear
from quantumlink.distributed.tasks import tasks_of
from quantumlink.exact import UnsupportedOperation
from quantumlink.sweeps import identity


def network(nodes, qubits, communication=None):
    parts = [ql.Node(f"n{i}", qubits=qubits, communication=communication) for i in range(nodes)]
    return ql.Network(parts, [ql.ElementaryLink(a, b) for a, b in combinations(parts, 2)])


def qft(n):
    circuit = QuantumCircuit(n)
    for i in range(n):
        circuit.h(i)
        for j in range(i + 1, n):
            circuit.cp(np.pi / 2 ** (j - i), j, i)
    return circuit


@pytest.mark.parametrize(
    ("sizes", "published"), [((9, 7), 7), ((6, 9, 9), 21), ((9, 9, 6), 21), ((3, 7, 7, 7), 30), ((7, 7, 7, 3), 30)]
)
def test_the_fourier_transform_costs_what_is_published_or_less(sizes, published):
    """In blocks of neighbors that fill all nodes but one."""
    n, k = sum(sizes), len(sizes)
    names = [f"n{node}" for node, size in enumerate(sizes) for _ in range(size)]
    d = ql.distribute(qft(n), network(k, n // k + 1), placement=dict(enumerate(names)), budget_s=0)
    assert d.ebits <= published
    check_linear(d.candidate.plan, d.candidate.scheduled)


def test_equal_blocks_of_the_fourier_transform():
    d = ql.distribute(qft(24), network(4, 6), placement={i: f"n{i // 6}" for i in range(24)}, budget_s=0)
    assert d.ebits == 24 * 3 // 2


def test_smallest_covers_are_as_enumerated(rng):
    for _ in range(40):
        size = int(rng.integers(1, 9))
        edges = np.unique(np.stack([rng.integers(0, 4, size), rng.integers(10, 14, size)], axis=1), axis=0)
        left, right = smallest_cover(edges)
        assert all(a in left or b in right for a, b in edges.tolist())
        vertices = sorted({*edges[:, 0].tolist(), *edges[:, 1].tolist()})
        best = next(
            count
            for count in range(len(vertices) + 1)
            if any(
                all(a in c or b in c for a, b in edges.tolist()) for c in map(set, combinations(vertices, count))
            )
        )
        assert len(left) + len(right) == best


def fewest_copies(demands, at):
    """By enumeration: each joint pair done at one of its two nodes."""
    joint = [(a, b) for a, b in demands.pairs.tolist() if at[a] != at[b]]
    best = len(joint)
    for choice in product((0, 1), repeat=len(joint)):
        copies = {(a, at[b]) if c else (b, at[a]) for c, (a, b) in zip(choice, joint, strict=True)}
        best = min(best, len(copies))
    return best


def test_the_cost_of_groups_at_nodes_is_as_enumerated(rng):
    """After each change, and after it was taken back; wires may be elsewhere in each of their groups."""
    for _ in range(15):
        circuit = QuantumCircuit(5)
        for _ in range(9):
            a, b = rng.permutation(5)[:2].tolist()
            getattr(circuit, rng.choice(["cx", "cz"]))(a, b)
            circuit.h(int(rng.integers(5)))
        tasks = tasks_of(circuit).tasks
        demands = demands_of(tasks, groups_of(tasks, 5), 5)
        machine = machine_of(network(3, 5))
        at = rng.integers(0, 3, len(demands.wire)).tolist()
        cost = CoverCost(demands, machine, at)
        assert cost.total == fewest_copies(demands, at)
        for _ in range(3):
            moves = {int(g): int(rng.integers(3)) for g in rng.permutation(len(at))[:3]}
            before = cost.total
            at = [moves.get(g, node) for g, node in enumerate(cost.at)]
            assert cost.change(moves.items()) == fewest_copies(demands, at)
            if rng.random() < 0.5:
                cost.undo()
                assert cost.total == before
        where = exact_cover(demands, machine, cost.at)
        copies = {(g, node) for key, node in where.items() for g in key if cost.at[g] != node}
        assert len(copies) <= cost.total


def test_costs_after_many_changes_are_those_from_nothing(rng):
    """With gates that read one wire, none, or three."""
    circuit = QuantumCircuit(8)
    for _ in range(60):
        a, b, c = rng.permutation(8)[:3].tolist()
        kind = rng.choice(["h", "cx", "cz", "ccx", "cu", "iswap"])
        places = {"h": (a,), "ccx": (a, b, c), "cu": (0.1, 0.2, 0.3, 0.4, a, b)}.get(kind, (a, b))
        getattr(circuit, kind)(*places)
    tasks = tasks_of(circuit).tasks
    demands = demands_of(tasks, groups_of(tasks, 8), 8)
    assert demands.wide
    assert len(demands.held)
    assert len(demands.blocks)
    machine = machine_of(network(4, 8))
    cost = CoverCost(demands, machine, [0] * len(demands.wire))
    assert cost.total == 0
    for _ in range(200):
        before, at = cost.total, list(cost.at)
        cost.change([(int(g), int(rng.integers(4))) for g in rng.permutation(len(at))[: rng.integers(1, 6)]])
        assert cost.total == pytest.approx(CoverCost(demands, machine, cost.at).total)
        if rng.random() < 0.4:
            cost.undo()
            assert (cost.total, cost.at) == (before, at)


def test_one_pair_does_a_whole_toffoli_and_a_run_of_gates():
    circuit = QuantumCircuit(4)
    circuit.ccx(0, 2, 3)
    circuit.cx(0, 1)
    d = ql.distribute(circuit, network(2, 3), placement={0: "n0", 1: "n1", 2: "n1", 3: "n1"}, budget_s=0)
    assert d.ebits == 1


def test_a_swap_costs_nothing():
    circuit = QuantumCircuit(2)
    circuit.x(0)
    circuit.swap(0, 1)
    d = ql.distribute(circuit, network(2, 1), budget_s=0)
    assert d.ebits == 0
    assert d.placement == {"q[0]": "n0", "q[1]": "n1"}
    assert d.final_placement == {"q[0]": "n1", "q[1]": "n0"}


def test_pairs_over_repeaters_are_counted_by_hop():
    a, r, b = ql.Node("a", qubits=1, communication=1), ql.Node("r"), ql.Node("b", qubits=1, communication=1)
    line = ql.Network([a, r, b], [ql.ElementaryLink(x, y) for x, y in pairwise([a, r, b])])
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    d = ql.distribute(circuit, line, budget_s=0)
    assert (d.ebits, d.pairs, d.ebits_between) == (1, 2, {("a", "b"): 1})


def test_few_live_copies_are_paid_for_again():
    circuit = QuantumCircuit(4)
    circuit.cz(0, 2), circuit.cz(1, 3)
    circuit.h([2, 3])
    circuit.cx(2, 3)  # waits for both copies, and both are used afterwards
    circuit.cz(0, 3), circuit.cz(1, 2)
    place = {i: f"n{i // 2}" for i in range(4)}
    many = ql.distribute(circuit, network(2, 2), placement=place, budget_s=0)
    one = ql.distribute(circuit, network(2, 2), placement=place, live_copies=1, budget_s=0)
    few = ql.distribute(circuit, network(2, 2, communication=1), placement=place, budget_s=0)
    assert (many.ebits, one.ebits, few.ebits) == (2, 3, 3)
    assert few.candidate.scheduled.communicating == (1, 1)
    assert few.verify().word == "proven"


NODES = [ql.Node("a", qubits=2), ql.Node("b", qubits=2), ql.Node("c", qubits=1, communication=0)]
JOINED = ql.Network(NODES, [ql.ElementaryLink(NODES[0], NODES[1]), ql.ElementaryLink(NODES[1], NODES[2])])
APART = ql.Network(NODES, [ql.ElementaryLink(NODES[0], NODES[1])])


def looping():
    circuit = QuantumCircuit(1, 1)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "given", "told"),
    [
        (QuantumCircuit(8), JOINED, "8 qubits, the network holds 5: 3 are missing"),
        (QuantumCircuit(6), JOINED, "6 qubits, the network holds 5: 1 is missing"),
        (QuantumCircuit(5), JOINED, "'c' has no communication qubit"),
        (QuantumCircuit(5), ql.Network([*NODES[:2], ql.Node("d", qubits=2)], APART.links), "no link joins"),
        (looping(), JOINED, "'while_loop' .instruction 0"),
    ],
)
def test_what_cannot_be_is_refused_at_once(circuit, given, told):
    with pytest.raises(ValueError, match=told):
        ql.distribute(circuit, given)


def test_what_is_too_large_to_be_followed_says_which_proof_it_has():
    large = ql.distribute(qft(30), network(2, 15), budget_s=0).verify()
    assert large.tiers == ("linear",)
    assert large.left_out == (
        "flows: the circuit has more than Clifford gates",
        "state: 30 qubits and its pairs are too large to be followed",
    )


def test_what_has_no_smaller_gates_is_refused_by_name_and_place():
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.append(Gate("mystery", 3, []), [0, 1, 2])
    with pytest.raises(UnsupportedOperation, match=r"'mystery' .instruction 1"):
        ql.distribute(circuit, JOINED)


@pytest.mark.parametrize(
    ("placement", "told"),
    [
        ({7: "a"}, "it has no 7"),
        ({0: "z"}, "must be one of a, b, c"),
        ({0: "a", 1: "a", 2: "a"}, "1 too many"),
        ({0: "a", "q[0]": "b"}, "names qubit q.0. twice"),
    ],
)
def test_bad_placements(placement, told):
    with pytest.raises(ValueError, match=told):
        ql.distribute(QuantumCircuit(3), JOINED, placement=placement)


def test_a_placement_is_kept_in_part():
    d = ql.distribute(qft(4), JOINED.without(nodes=["c"]), placement={"q[0]": "b", 3: "b"}, budget_s=0.1)
    assert (d.placement["q[0]"], d.placement["q[3]"]) == ("b", "b")


def test_own_methods_are_used_and_checked():
    class All:
        def __call__(self, demands, machine, fixed, *, seed, budget_s):
            return (0,) * demands.num_wires

    with pytest.raises(ValueError, match="puts 4 wires at node 'n0'"):
        ql.distribute(qft(4), network(2, 3), methods=ql.distributed.Methods(placement=All()))
    assert ql.distribute(qft(3), network(2, 3), methods=ql.distributed.Methods(placement=All())).ebits == 0


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ({"placement": 3}, "placement must be a method"),
        ({"schedule": "list"}, "schedule must be a method"),
        ({"trees": SearchedPlacement}, "trees must be a method"),
        ({"placement": lambda *_, **__: None}, "a node for each of 4 wires, got None"),
        ({"placement": lambda *_, **__: "0011"}, "a node for each of 4 wires, got '0011'"),
        ({"cover": lambda *_: None}, "cover method must return a mapping from groups to nodes, got None"),
        ({"schedule": lambda *_: None}, "schedule method must return a .*Scheduled, got None"),
    ],
)
def test_what_is_no_method_is_told(methods, said):
    with pytest.raises((TypeError, ValueError), match=said):
        ql.distribute(qft(4), network(2, 3), methods=ql.distributed.Methods(**methods), budget_s=0)


def test_own_methods_are_swept_over_as_ours():
    own = [ql.distributed.Methods(placement=SearchedPlacement()), ql.distributed.Methods(trees=single_paths)]
    assert len({identity.encode(each) for each in (*own, ql.distributed.Methods())}) == 2


def test_nodes_that_cannot_help_are_left_out():
    everything = ql.Network([*NODES, ql.Node("d", qubits=3)], JOINED.links)
    d = ql.distribute(qft(4), everything, budget_s=0)
    assert set(d.placement.values()) == {"a", "b"}
    alone = ql.distribute(qft(3), everything, placement={0: "d"}, budget_s=0)
    assert (alone.ebits, set(alone.placement.values())) == (0, {"d"})
    with pytest.raises(ValueError, match="no link joins the nodes"):
        ql.distribute(qft(4), everything, placement={0: "d"})
    with pytest.raises(ValueError, match="'c' has no communication qubit"):
        ql.distribute(qft(4), everything, placement={0: "c"})


def test_empty_and_classical_circuits():
    for circuit in (QuantumCircuit(), QuantumCircuit(0, 2), QuantumCircuit(2, 1)):
        d = ql.distribute(circuit, JOINED, budget_s=0)
        assert (d.ebits, d.lower_bound) == (0, 0)
        assert d.verify()
        assert d.evaluate().fidelity.best == 1
