"""Searches for moves: what they tell is what is spent, rooms and fixed wires are kept, known optima are found."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import random_unitary

import quantumlink as ql
from quantumlink.distributed.block_annealing import annealed_blocks
from quantumlink.distributed.cover import exact_cover
from quantumlink.distributed.demands import demands_of
from quantumlink.distributed.groups import groups_of
from quantumlink.distributed.machine import machine_of
from quantumlink.distributed.migration import layers_of, with_moves
from quantumlink.distributed.moving import cost_of, moving_plans
from quantumlink.distributed.pair_circuits import PairCircuits
from quantumlink.distributed.planning import Candidate
from quantumlink.distributed.plans import DoesNotFit, Plan, plan_of
from quantumlink.distributed.proof import check_linear
from quantumlink.distributed.schedule import list_schedule
from quantumlink.distributed.segments import segmented
from quantumlink.distributed.tasks import tasks_of


def machine(nodes, qubits):
    parts = [ql.Node(f"n{i}", qubits=qubits) for i in range(nodes)]
    return machine_of(ql.Network(parts, [ql.ElementaryLink(a, b) for a, b in combinations(parts, 2)]))


def blocks(rng, n):
    circuit = QuantumCircuit(n)
    gate = UnitaryGate(random_unitary(4, seed=1))
    for _ in range(n):
        order = rng.permutation(n).tolist()
        for a, b in zip(order[::2], order[1::2], strict=False):
            circuit.append(gate, [a, b])
    return circuit


def counted(tasks, layers, table):
    """Moves, and two pairs for each block whose wires are at two nodes."""
    apart = sum(
        int(table[layer][t.wires[0]] != table[layer][t.wires[1]])
        for t, layer in zip(tasks, layers, strict=True)
        if len(t.wires) == 2
    )
    return int((table[1:] != table[:-1]).sum()) + 2 * apart


def test_annealed_blocks_keep_rooms_and_fixed_wires_and_cost_what_is_spent(rng):
    circuit, where = blocks(rng, 8), machine(2, 5)
    tasks = tasks_of(circuit)
    layers = layers_of(tasks.tasks, 8)
    home = [i // 4 for i in range(8)]
    table = annealed_blocks(tasks.tasks, layers, where, home, {0: 0, 7: 1}, seed=1, budget_s=0.5)
    assert (table[0][0], table[0][7]) == (0, 1)
    assert max(max(Counter(row).values()) for row in table.tolist()) <= 5
    stays = counted(tasks.tasks, layers, np.tile(home, (len(table), 1)))
    cost = counted(tasks.tasks, layers, table)
    assert cost < stays
    plan = plan_of(with_moves(tasks.tasks, layers, table)[0], table[0].tolist(), where, exact_cover)
    assert cost_of(plan, where) == cost
    scheduled = list_schedule(plan, where, PairCircuits(where), None)
    check_linear(plan, scheduled)
    assert Candidate(tasks, plan, scheduled).ebits == cost


def test_nodes_of_odd_room_in_all_are_not_overfull(rng):
    circuit, where = blocks(rng, 5), machine(3, 3)
    tasks = tasks_of(circuit).tasks
    layers = layers_of(tasks, 5)
    for seed in range(3):
        table = annealed_blocks(tasks, layers, where, [0, 0, 0, 1, 1], {}, seed=seed, budget_s=0.02)
        assert max(max(Counter(row).values()) for row in table.tolist()) <= 3
    full = machine(5, 1)
    table = annealed_blocks(tasks, layers, full, list(range(5)), {}, seed=1, budget_s=0.05)
    assert all(sorted(row) == list(range(5)) for row in table.tolist())


def test_a_plan_that_holds_too_many_is_refused():
    tasks, where = tasks_of(goes_over()).tasks, machine(2, 3)
    plan = plan_of(list(tasks), [0, 0, 0, 0], where, exact_cover)
    with pytest.raises(DoesNotFit, match="more qubits at node number 0 than the 3"):
        list_schedule(plan, where, PairCircuits(where), None)


def test_groups_that_move_already_begin_where_and_when_they_did(rng):
    """Full nodes: what leaves must leave in time."""
    circuit = QuantumCircuit(4)
    for _ in range(14):
        a, b = rng.permutation(4)[:2].tolist()
        circuit.cx(a, b), circuit.h(a)
    tasks, where = tasks_of(circuit).tasks, machine(2, 2)
    layers = layers_of(tasks, 4)
    table = np.array([rng.permutation([0, 0, 1, 1]) for _ in range(max(layers) + 1)])
    moved, layers = with_moves(tasks, layers, table)
    plan = plan_of(moved, table[0].tolist(), where, exact_cover)
    demands = demands_of(plan.tasks, plan.groups, 4)
    kept = segmented(moved, plan.groups, demands, layers, where, plan.at, plan.home, {}, seed=1, budget_s=0)
    assert kept is None or (np.sort(kept, axis=1) == [0, 0, 1, 1]).all()
    found = segmented(moved, plan.groups, demands, layers, where, plan.at, plan.home, {}, seed=1, budget_s=0.1)
    if found is not None:
        better = plan_of(with_moves(moved, layers, found)[0], found[0].tolist(), where, exact_cover)
        assert cost_of(better, where) <= cost_of(plan, where)
        check_linear(better, list_schedule(better, where, PairCircuits(where), None))


def test_the_fewest_pairs_of_a_few_blocks_are_found(rng):
    """By enumeration of all tables."""
    circuit = QuantumCircuit(4)
    gate = UnitaryGate(random_unitary(4, seed=1))
    for pairs in (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))):
        for pair in pairs:
            circuit.append(gate, pair)
    tasks, where = tasks_of(circuit).tasks, machine(2, 2)
    layers = layers_of(tasks, 4)
    rows = [row for row in np.ndindex(2, 2, 2, 2) if sum(row) == 2]
    best = min(
        counted(tasks, layers, np.array([rows[i] for i in chosen])) for chosen in np.ndindex(*(len(rows),) * 3)
    )
    found = annealed_blocks(tasks, layers, where, [0, 0, 1, 1], {}, seed=3, budget_s=0.3)
    assert counted(tasks, layers, found) == best


def goes_over():
    """Wire 0 works at one node, then at the other, in gates that no copy serves together: one move does it."""
    circuit = QuantumCircuit(4)
    for partners in ((1,), (2, 3)):
        for _ in range(3):
            for partner in partners:
                circuit.cx(0, partner)
                circuit.h(0)
    circuit.cx(2, 3), circuit.h(2), circuit.cx(2, 3)
    return circuit


@pytest.mark.parametrize("kept", [False, True])
def test_a_wire_moves_between_its_groups(kept):
    tasks, where = tasks_of(goes_over()).tasks, machine(2, 3)
    groups, layers = groups_of(tasks, 4), layers_of(tasks, 4)
    demands, home = demands_of(tasks, groups, 4), [0, 0, 1, 1]
    at = [home[w] for w in groups.wire]
    fixed = dict(enumerate(home)) if kept else {}
    table = segmented(tasks, groups, demands, layers, where, at, home, fixed, seed=1, budget_s=0.5)
    plan = plan_of(with_moves(tasks, layers, table)[0], table[0].tolist(), where, exact_cover)
    assert cost_of(plan, where) == 1
    if kept:
        assert table[0].tolist() == home
        assert table[-1].tolist() == [1, 0, 1, 1]
    assert max(max(Counter(row).values()) for row in table.tolist()) <= 3
    check_linear(plan, list_schedule(plan, where, PairCircuits(where), None))


def test_plans_with_moves_never_cost_more(rng):
    for _ in range(3):
        circuit = QuantumCircuit(6)
        for _ in range(25):
            a, b, c = rng.permutation(6)[:3].tolist()
            kind = rng.choice(["h", "cx", "cz", "ccx", "cu"])
            places = {"h": (a,), "ccx": (a, b, c), "cu": (0.1, 0.2, 0.3, 0.4, a, b)}.get(kind, (a, b))
            getattr(circuit, kind)(*places)
        tasks, where, home = tasks_of(circuit).tasks, machine(3, 3), [0, 0, 1, 1, 2, 2]
        groups = groups_of(tasks, 6)
        at = [home[w] for w in groups.wire]
        plan = Plan(tasks, groups, at, home, exact_cover(demands_of(tasks, groups, 6), where, at))
        for found in moving_plans(plan, where, {0: 0}, exact_cover, seed=1, budget_s=0.3):
            assert cost_of(found, where) <= cost_of(plan, where)
            assert found.home[0] == 0
            check_linear(found, list_schedule(found, where, PairCircuits(where), None))


def test_a_small_search_ends_before_its_time():
    """The Fourier transform of 4 qubits; how long it may take is far above what it needs."""
    circuit = QuantumCircuit(4)
    for i in range(4):
        circuit.h(i)
        for j in range(i + 1, 4):
            circuit.cp(np.pi / 2 ** (j - i), j, i)
    nodes = [ql.Node(name, qubits=3) for name in "ab"]
    network = ql.Network(nodes, [ql.ElementaryLink(*nodes)])
    found = [ql.distribute(circuit, network, budget_s=1e6, seed=s) for s in (3, 3)]
    assert found[0].ebits == 1
    assert found[0].candidate.scheduled.events == found[1].candidate.scheduled.events
