"""Copies along trees: the trees against all there are, what is spent, and what the whole does."""

from itertools import combinations

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit

import quantumlink as ql
from quantumlink.distributed import Methods, single_paths, steiner_tree
from quantumlink.distributed.events import Copy
from quantumlink.distributed.machine import machine_of
from quantumlink.distributed.proof import check_linear
from quantumlink.distributed.trees import _one_by_one, cost_of_tree
from quantumlink.exact import branches


def random_network(rng, count, **node):
    """A network of repeaters and end nodes, and the lengths of its links: ten times −ln of the fidelity."""
    roles = ["repeater" if rng.random() < 0.8 else "end" for _ in range(count)]
    nodes = [ql.Node(f"n{i}", qubits=1, role=role, **node) for i, role in enumerate(roles)]
    pairs = {(int(rng.integers(i)), i) for i in range(1, count)}
    pairs |= {tuple(sorted(rng.permutation(count)[:2].tolist())) for _ in range(int(rng.integers(count)))}
    lengths = {pair: float(rng.choice([1.0, 0.6, 0.9])) for pair in pairs}
    links = [ql.ElementaryLink(nodes[a], nodes[b], fidelity=np.exp(-0.1 * w)) for (a, b), w in lengths.items()]
    return ql.Network(nodes, links), lengths


def cheapest(lengths, machine, roots, targets):
    """By all sets of further nodes, and the cheapest tree on each (Kruskal), nodes with a copy being one."""
    more = sorted(set(machine.relays) - roots - targets)
    best = np.inf
    for size in range(len(more) + 1):
        for chosen in combinations(more, size):
            nodes = roots | targets | set(chosen)
            part = {v: (-1 if v in roots else v) for v in nodes}
            cost = 0.0
            for w, a, b in sorted((w, a, b) for (a, b), w in lengths.items()):
                if {a, b} <= nodes and part[a] != part[b]:
                    old = part[b]
                    part.update({v: part[a] for v in nodes if part[v] == old})
                    cost += w / 10
            if len(set(part.values())) == 1:
                best = min(best, cost)
    return best


def test_trees_are_the_cheapest_of_all(rng):
    shared = 0
    for _ in range(60):
        count = int(rng.integers(4, 9))
        network, lengths = random_network(rng, count)
        machine = machine_of(network, weights="fidelity")
        order = rng.permutation(count).tolist()
        many = int(rng.integers(1, 3))
        roots, targets = frozenset(order[:many]), frozenset(order[many : many + int(rng.integers(2, 5))])
        if any(np.isinf(machine.distance[a][b]) for a in roots | targets for b in roots | targets):
            continue
        tree = steiner_tree(machine, roots, targets)
        reached = set(roots)
        for a, b in tree:
            assert a in reached
            reached.add(b)
        assert targets <= reached
        cost = cost_of_tree(machine, tree)
        assert cost == pytest.approx(cheapest(lengths, machine, roots, targets), abs=1e-9)
        paths = cost_of_tree(machine, single_paths(machine, roots, targets))
        assert cost - 1e-9 <= cost_of_tree(machine, _one_by_one(machine, sorted(roots), sorted(targets)))
        assert cost_of_tree(machine, _one_by_one(machine, sorted(roots), sorted(targets))) <= paths + 1e-9
        shared += cost < paths - 1e-9
    assert shared > 10


def star(ends, fidelity=0.99, **hub):
    nodes = [ql.Node("hub", **hub), *(ql.Node(f"end{i}", qubits=1) for i in range(ends))]
    return ql.Network(nodes, [ql.ElementaryLink(nodes[0], end, fidelity=fidelity) for end in nodes[1:]])


def fan(targets, gate="cx"):
    circuit = QuantumCircuit(targets + 1)
    circuit.ry(0.7, 0)
    for q in range(targets):
        getattr(circuit, gate)(0, q + 1)
    circuit.rx(0.4, 0)
    return circuit


def test_a_copy_for_all_ends_of_a_star_comes_over_its_hub_once():
    circuit = fan(3)
    paths = ql.distribute(circuit, star(4), budget_s=0, methods=Methods(trees=single_paths))
    tree = ql.distribute(circuit, star(4), budget_s=0)
    assert (paths.ebits, paths.pairs) == (3, 6)
    assert (tree.ebits, tree.pairs) == (3, 4)
    assert set(tree.ebits_between.values()) == {1}
    assert len(tree.ebits_between) == len(tree.requests()) == 4
    assert [event.relay for event in tree.candidate.scheduled.events if isinstance(event, Copy)].count(True) == 1
    for d in (paths, tree):
        assert d.verify().word == "proven"
    # Fewer pairs lose less, and the messages go on.
    assert tree.simulate(trials=2, seed=1).fidelity.best > paths.simulate(trials=2, seed=1).fidelity.best
    assert "hub" in tree.programs


@pytest.mark.parametrize("gate", ["cx", "cz", "cy"])
def test_copies_along_a_tree_do_what_the_circuit_does(gate):
    circuit = fan(2, gate)
    circuit.rx(0.3, [1, 2])
    getattr(circuit, gate)(1, 0), getattr(circuit, gate)(2, 0)
    d = ql.distribute(circuit, star(3, fidelity=1.0), budget_s=0)
    assert any(isinstance(event, Copy) and event.relay for event in d.candidate.scheduled.events)
    start, end = list(d.inputs.values()), list(d.program.ends.values())
    wanted = branches(circuit, inputs=range(3), outputs=range(3))[()]
    assert np.abs(branches(d.circuit, inputs=start, outputs=end, keep=())[()] - wanted).max() < 1e-9


def test_a_hub_without_room_passes_pairs_on_only():
    narrow = ql.distribute(fan(3), star(4, communication=2), budget_s=0)
    assert narrow.pairs <= 6
    assert narrow.candidate.scheduled.communicating[0] <= 2
    assert narrow.verify().word == "proven"
    deaf = ql.distribute(fan(3), star(4, role="repeater", communication=3), budget_s=0)
    assert deaf.pairs == 4


def test_trees_never_cost_more(rng):
    """On networks of all kinds, with few communication qubits or many."""
    fewer = 0
    for case in range(15):
        network, _ = random_network(rng, 6, communication=[None, 2, 3][case % 3])
        circuit = QuantumCircuit(6)
        for _ in range(20):
            a, b, c = rng.permutation(6)[:3].tolist()
            kind = rng.choice(["cx", "cz", "cz", "h", "ccx"])
            getattr(circuit, kind)(*{"h": (a,), "ccx": (a, b, c)}.get(kind, (a, b)))
        try:
            paths, trees = (
                ql.distribute(circuit, network, budget_s=0, weights="fidelity", methods=Methods(trees=trees))
                for trees in (single_paths, steiner_tree)
            )
        except ValueError:  # end nodes in between, or a gate too wide for the nodes
            continue
        costs = [d.candidate.cost(d.machine) for d in (paths, trees)]
        assert costs[1] <= costs[0] + 1e-9
        fewer += costs[1] < costs[0] - 1e-9
        check_linear(trees.candidate.plan, trees.candidate.scheduled)
    assert fewer > 0
