"""Searches for moves: what they tell is what is spent, rooms and fixed wires are kept, known optima are found."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import random_unitary

import quantumlink as ql
from quantumlink.distributed import segments
from quantumlink.distributed.block_annealing import annealed_blocks
from quantumlink.distributed.cover import exact_cover
from quantumlink.distributed.demands import demands_of
from quantumlink.distributed.distribution import Distribution
from quantumlink.distributed.events import Copy, TakeOver, Teleport, Uncopy
from quantumlink.distributed.groups import groups_of
from quantumlink.distributed.machine import machine_of
from quantumlink.distributed.migration import layers_of, runs_of, with_moves
from quantumlink.distributed.moving import cost_of, moving_plans
from quantumlink.distributed.pair_circuits import PairCircuits
from quantumlink.distributed.planning import Candidate
from quantumlink.distributed.plans import DoesNotFit, Plan, plan_of
from quantumlink.distributed.proof import NotTheSame, check_linear
from quantumlink.distributed.schedule import list_schedule
from quantumlink.distributed.segments import RunSearch
from quantumlink.distributed.tasks import Move, tasks_of
from quantumlink.exact import branches


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
    plan = plan_of(with_moves(tasks.tasks, layers, table), table[0].tolist(), where, exact_cover)
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


def searched(tasks, where, num_wires, home, fixed, budget_s, seed=1):
    """A search with moves, and the plan of what it found."""
    groups, layers = groups_of(tasks, num_wires), layers_of(tasks, num_wires)
    own, after = runs_of(tasks, groups, layers, num_wires)
    demands = replace(demands_of(tasks, groups, num_wires), after=after)
    at = [home[w] for w in groups.wire]
    search = RunSearch(demands, where, own, at, home, fixed, moving=True, budget_s=budget_s)
    search.run(
        np.random.default_rng(seed), 200 * search.proposals, budget_s, lambda share: 0.6 * (1 - share) + 1e-6
    )
    table = search.table()
    return search, plan_of(with_moves(tasks, layers, table), table[0].tolist(), where, exact_cover)


def test_what_a_search_tells_is_what_is_spent(rng):
    """Full nodes too, and gates of all kinds: copies that become wires are paid for once."""
    for _ in range(12):
        circuit = QuantumCircuit(5, 2)
        for _ in range(24):
            a, b = rng.permutation(5)[:2].tolist()
            kind = rng.choice(["cx", "cz", "cy", "cz", "h", "h", "x", "rz", "measure"])
            if kind == "measure" and rng.random() < 0.3:
                circuit.measure(a, int(rng.integers(2)))
            elif kind == "rz":
                circuit.rz(0.3, a)
            elif kind != "measure":
                getattr(circuit, kind)(*((a, b) if kind[0] == "c" else (a,)))
        tasks, where = tasks_of(circuit).tasks, machine(2, 3)
        search, plan = searched(tasks, where, 5, [0, 0, 0, 1, 1], {}, 1e6)
        assert search.best == cost_of(plan, where) == counted_again(plan, where)
        scheduled = list_schedule(plan, where, PairCircuits(where), None)
        check_linear(plan, scheduled)
        spent = sum(isinstance(e, Copy | Teleport) for e in scheduled.events)
        assert spent <= search.best  # third nodes and gates that wait may save some more


def counted_again(plan, where):
    """Copies by the fewest that serve all pairs at two nodes, enumerated; free ones are those that become wires."""
    demands = demands_of(plan.tasks, plan.groups, len(plan.home))
    free = {(g, plan.at[n]) for g, n in enumerate(demands.after) if n >= 0}
    at = plan.at
    joint = [(a, b) for a, b in demands.pairs.tolist() if at[a] != at[b]]
    joint = [(a, b) for a, b in joint if (a, at[b]) not in free and (b, at[a]) not in free]
    forced = {(a, at[b]) for a, b in demands.held.tolist() if at[a] != at[b]} - free
    joint = [(a, b) for a, b in joint if (a, at[b]) not in forced and (b, at[a]) not in forced]
    moves = sum(
        sum(now != node for now, node in zip(before, task.operation.nodes, strict=True))
        for task, before in moved_from(plan)
    )
    vertices = sorted({(a, at[b]) for a, b in joint} | {(b, at[a]) for a, b in joint})
    for count in range(len(vertices) + 1):
        for chosen in map(set, combinations(vertices, count)):
            if all((a, at[b]) in chosen or (b, at[a]) in chosen for a, b in joint):
                return moves + len(forced) + count
    raise AssertionError


def moved_from(plan):
    now = list(plan.home)
    for task in plan.tasks:
        if isinstance(task.operation, Move):
            yield task, [now[w] for w in task.wires]
            for wire, node in zip(task.wires, task.operation.nodes, strict=True):
                now[wire] = node


@pytest.mark.parametrize("axis", ["cz", "cx", "cy"])
def test_a_copy_becomes_the_wire(axis):
    """Gates of one group at both nodes, then the wire goes over: one pair in all, along each axis."""
    circuit = QuantumCircuit(3)
    circuit.ry(0.7, 0), circuit.rx(0.3, 1), circuit.ry(0.4, 2)
    getattr(circuit, axis)(1, 0)
    getattr(circuit, axis)(2, 0)
    circuit.rz(0.2, 1), circuit.u(0.3, 0.4, 0.5, 0)
    for _ in range(2):
        circuit.iswap(0, 2)
        circuit.u(0.3, 0.4, 0.5, 0)
    nodes = [ql.Node("a", qubits=2), ql.Node("b", qubits=2)]
    where = machine_of(ql.Network(nodes, [ql.ElementaryLink(*nodes)]))
    tasks = tasks_of(circuit)
    layers = layers_of(tasks.tasks, 3)
    table = np.array([[0, 0, 1]] * 2 + [[1, 0, 1]] * 2)
    plan = plan_of(with_moves(tasks.tasks, layers, table), [0, 0, 1], where, exact_cover)
    assert cost_of(plan, where) == 1
    scheduled = list_schedule(plan, where, PairCircuits(where), None)
    assert [type(e) for e in scheduled.events].count(TakeOver) == 1
    d = Distribution(circuit, where, Candidate(tasks, plan, scheduled), {}, 1)
    assert (d.ebits, d.placement["q[0]"], d.final_placement["q[0]"]) == (1, "a", "b")
    wanted = branches(circuit, inputs=range(3), outputs=range(3))[()]
    start, end = list(d.inputs.values()), list(d.program.ends.values())
    assert np.abs(branches(d.circuit, inputs=start, outputs=end, keep=())[()] - wanted).max() < 1e-9
    assert d.verify().word == "proven"
    assert [len(d.programs[name].sends) for name in "ab"] == [2, 0]  # the near half's outcome, and the wire's own
    for i, event in enumerate(scheduled.events):  # and nothing else does
        if isinstance(event, TakeOver):
            for wrong in (
                event._replace(number=7),
                event._replace(wire=1),
                event._replace(axis="Y" if event.axis == "X" else "X"),
                event._replace(root=scheduled.start[1]),
                event._replace(place=scheduled.start[2]),
                Uncopy(*event),
            ):
                events = (*scheduled.events[:i], wrong, *scheduled.events[i + 1 :])
                with pytest.raises(NotTheSame):
                    check_linear(plan, replace(scheduled, events=events))


def test_measurements_between_keep_a_copy_from_becoming_the_wire():
    """The outcome is no phase: a wire that is measured along another axis before it moves has no copy left."""
    circuit = QuantumCircuit(3, 1)
    circuit.cz(0, 1), circuit.cz(0, 2), circuit.h(0), circuit.measure(0, 0)
    circuit.iswap(0, 2)
    tasks = tasks_of(circuit).tasks
    groups = groups_of(tasks, 3)
    _, after = runs_of(tasks, groups, layers_of(tasks, 3), 3)
    first = groups.groups(0)[0]
    assert after[first] == -1
    plain = circuit.copy_empty_like()
    for step in circuit.data:
        if step.name != "measure":
            plain.append(step)
    tasks = tasks_of(plain).tasks
    groups = groups_of(tasks, 3)
    _, after = runs_of(tasks, groups, layers_of(tasks, 3), 3)
    assert after[groups.groups(0)[0]] == groups.groups(3)[0]


def test_compiled_searches_find_what_plain_ones_find(rng, monkeypatch):
    pytest.importorskip("numba", reason="needs the extra distributed")
    circuit = QuantumCircuit(6)
    for _ in range(60):
        a, b, c = rng.permutation(6)[:3].tolist()
        kind = rng.choice(["h", "cx", "cz", "ccx", "cu", "iswap"])
        places = {"h": (a,), "ccx": (a, b, c), "cu": (0.1, 0.2, 0.3, 0.4, a, b)}.get(kind, (a, b))
        getattr(circuit, kind)(*places)
    tasks, where = tasks_of(circuit).tasks, machine(3, 3)
    monkeypatch.setattr(segments, "PLAIN", 256)
    monkeypatch.setattr(segments, "COMPILED", 256)
    found = []
    for compiled in (False, True):
        monkeypatch.setattr(segments, "WORTH_COMPILING", 0 if compiled else 10**9)
        monkeypatch.setattr(segments, "WORTH_COMPILING_S", 0.0)
        search, plan = searched(tasks, where, 6, [0, 0, 1, 1, 2, 2], {0: 0}, 1e6)
        assert search.compiled == compiled
        assert search.best == cost_of(plan, where)
        found.append((search.best, search.found))
    assert found[0] == found[1]


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
    home = [0, 0, 1, 1]
    search, plan = searched(tasks, where, 4, home, dict(enumerate(home)) if kept else {}, 1e6)
    table = search.table()
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
