"""`distribute`: any circuit over any network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from math import inf
from typing import Any, Literal

import rustworkx as rx
from qiskit.circuit import QuantumCircuit, Qubit

from quantumlink import validation
from quantumlink.distributed.building import qubit_names
from quantumlink.distributed.distribution import Distribution
from quantumlink.distributed.evolutions import synthesized_evolutions
from quantumlink.distributed.machine import SWAPPING, Machine, Weights, machine_of, may_swap
from quantumlink.distributed.pair_circuits import PairCircuits
from quantumlink.distributed.placement import SearchedPlacement
from quantumlink.distributed.planning import Methods, candidates
from quantumlink.distributed.purifying import best_rounds
from quantumlink.link import Link
from quantumlink.network import Network

DEFAULT_SEED = 7
"""What draws start from where no seed is given, so that the same call gives the same circuit."""


def distribute(
    circuit: QuantumCircuit,
    network: Network,
    *,
    placement: Mapping[Any, str] | None = None,
    live_copies: int | None = None,
    migrate: bool = True,
    budget_s: float = 5.0,
    seed: int | None = None,
    weights: Weights = "hops",
    purify_rounds: int | Mapping[tuple[str, str], int] | Literal["best"] = 0,
    methods: Methods | None = None,
    improve: Callable[[Link], Link] | None = None,
) -> Distribution:
    """Distribute a circuit over the nodes of a network: what each does, with how few pairs.

    Gates between nodes are done with copies of qubits along the axis that the gates read (one pair for a whole
    group of gates), or by bringing a qubit over.

    Args:
        circuit: any circuit of gates, measurements, resets, delays, conditions and bounded loops; parameters stay.
            Evolutions under sums of Paulis are the product formulas that they are synthesized by.
        network: nodes with ``qubits`` to compute with and, where limited, ``communication`` qubits for pairs.
        placement: the node of some or all qubits, by qubit, index or name (``"q[3]"``); the others are placed.
        live_copies: most copies at a node at one time; None for as many as fit.
        migrate: whether qubits may move for good.
        budget_s: how long to search, in seconds; the first solution is given in any case.
        seed: makes the search repeatable, as far as the time allows.
        weights: what a link costs: ``"hops"``, ``"fidelity"`` (−ln F) or ``"time"`` (mean seconds a pair).
        purify_rounds: rounds of purification of each hop, or of some by the names of its nodes; or ``"best"``: on
            each hop as many, up to 3, as make the mean fidelity best in time, waiting for them counted.
        methods: how to place, cover and schedule, if not as usual.
        improve: what makes of each hop's link (purified if asked for) the one that is used: a function of a link
            such as ``quantumlink.encode``. Composed circuits need perfect gates where links are encoded.

    Raises:
        ValueError: if the qubits do not fit, a node is unknown, full, or cannot be reached, or an argument is out
            of range.
        TypeError: if an argument is of the wrong kind.
        UnsupportedOperation: on an operation that cannot be distributed, with name and place.

    >>> import quantumlink as ql
    >>> a, b = (ql.Node(name, qubits=2, communication=1) for name in "ab")
    >>> circuit = QuantumCircuit(4)
    >>> _ = circuit.h(0), circuit.cx(0, 1), circuit.cx(0, 2), circuit.cx(0, 3)
    >>> d = ql.distribute(circuit, ql.Network([a, b], [ql.ElementaryLink(a, b, fidelity=0.95)]), budget_s=0.1)
    >>> d.ebits, d.verify()
    (1, <Proof: proven (linear, flows, state, 4 outcome records)>)
    """
    circuit = synthesized_evolutions(validation.instance("circuit", circuit, QuantumCircuit, "a QuantumCircuit"))
    choose = isinstance(purify_rounds, str)
    if choose and purify_rounds != "best":
        raise ValueError(
            f"purify_rounds must be a number, one for some pairs of names, or 'best', got {purify_rounds!r}"
        )
    machine = machine_of(network, weights=weights, purify_rounds=0 if choose else purify_rounds, improve=improve)
    if live_copies is not None:
        live_copies = validation.count("live_copies", live_copies, at_least=1)
    validation.instance("migrate", migrate, bool, "True or False")
    budget_s = validation.number("budget_s", budget_s, at_least=0.0)
    given_seed = DEFAULT_SEED if seed is None else validation.count("seed", seed)
    methods = Methods() if methods is None else validation.instance("methods", methods, Methods, "Methods")
    fixed = _fixed(circuit, machine, placement)
    _check_room(circuit, machine, fixed)
    machine = _usable(machine, fixed, circuit)
    circuits = PairCircuits(machine)
    found = candidates(
        circuit,
        machine,
        circuits,
        fixed,
        methods,
        live_copies=live_copies,
        migrate=migrate,
        seed=given_seed,
        budget_s=budget_s,
    )
    best = min(found, key=lambda candidate: candidate.cost(machine))
    if choose:
        best, machine = best_rounds(best, machine, methods.schedule, live_copies, given_seed)
    conventions: dict[str, Any] = {
        "capacity": ", ".join(str(machine.room[v]) for v in machine.computing),
        "detached gates": "where a third node has both copies",
        "live copies": "as many as fit" if live_copies is None else live_copies,
        "weights": weights,
        "rounds of purification": _told_rounds(machine),
    }
    if isinstance(methods.placement, SearchedPlacement):
        conventions["placements by"] = methods.placement.told
    return Distribution(circuit, machine, best, conventions, given_seed)


def _told_rounds(machine: Machine) -> str:
    """How often each hop is purified, in words."""
    name = [node.name for node in machine.nodes]
    told = [f"{name[a]}–{name[b]}: {rounds}" for (a, b), rounds in sorted(machine.purify_rounds.items()) if rounds]
    return ", ".join(told) or "none"


def _fixed(circuit: QuantumCircuit, machine: Machine, placement: Mapping[Any, str] | None) -> dict[int, int]:
    if placement is None:
        return {}
    if not isinstance(placement, Mapping):
        raise TypeError(f"placement must map qubits to names of nodes, got {placement!r}")
    names = qubit_names(circuit)
    number = {node.name: i for i, node in enumerate(machine.nodes)}
    fixed: dict[int, int] = {}
    for key, node in placement.items():
        name = getattr(node, "name", node)
        validation.choice(f"placement[{key!r}]", name, number)
        qubit = _qubit(circuit, names, key)
        if qubit in fixed:
            raise ValueError(f"placement names qubit {names[qubit]} twice")
        fixed[qubit] = number[name]
    return fixed


def _qubit(circuit: QuantumCircuit, names: list[str], key: Any) -> int:
    if isinstance(key, Qubit) and key in circuit.qubits:
        return int(circuit.find_bit(key).index)
    if isinstance(key, str) and key in names:
        return names.index(key)
    if isinstance(key, int) and not isinstance(key, bool) and 0 <= key < circuit.num_qubits:
        return key
    raise ValueError(
        f"placement must name qubits of the circuit (an index below {circuit.num_qubits}, a Qubit, or a name such "
        f"as {names[0] if names else 'q[0]'!r}); it has no {key!r}"
    )


def _check_room(circuit: QuantumCircuit, machine: Machine, fixed: Mapping[int, int]) -> None:
    room, needed = sum(machine.room), circuit.num_qubits
    if needed > room:
        missing = "1 is missing" if needed - room == 1 else f"{needed - room} are missing"
        raise ValueError(
            f"the circuit has {needed} qubits, the network holds {room}: {missing}; give its nodes more qubits=…"
        )
    for node, count in Counter(fixed.values()).items():
        if count > machine.room[node]:
            raise ValueError(
                f"placement puts {count} qubits at node {machine.nodes[node].name!r}, which holds "
                f"{machine.room[node]}: {count - machine.room[node]} too many"
            )


def _usable(machine: Machine, fixed: Mapping[int, int], circuit: QuantumCircuit) -> Machine:
    """The machine without nodes that could not work with the others.

    Raises:
        ValueError: if they would have to.
    """
    nodes, names, needed = machine.computing, [node.name for node in machine.nodes], circuit.num_qubits
    held = set(fixed.values())
    alone = next((v for v in nodes if machine.room[v] >= needed and held <= {v}), None)
    silent = [v for v in nodes if machine.communication[v] < 1]
    speaking = [v for v in nodes if v not in silent]
    if alone is not None and (alone in silent or len(nodes) == 1 or needed == len(fixed)):
        return machine.only([alone])
    for v in silent:
        if v in held or sum(machine.room[u] for u in speaking) < needed:
            raise ValueError(
                f"node {names[v]!r} has no communication qubit (communication=0), and would need one to compute "
                f"with others"
            )
    if not speaking:
        return machine
    fitting = [p for p in _parts(machine, speaking) if held <= p and sum(machine.room[u] for u in p) >= needed]
    if not fitting and len(fixed) == needed and _all_reach(machine, fixed, circuit):
        return machine.only(sorted(held))
    if not fitting:
        a, b = next((u, v) for u in speaking for v in speaking if machine.distance[u][v] == inf)
        raise ValueError(f"no link joins the nodes {names[a]!r} and {names[b]!r}, {_why_apart(machine, a, b)}")
    return machine.only(sorted(max(fitting, key=lambda p: sum(machine.room[u] for u in p))))


def _why_apart(machine: Machine, a: int, b: int) -> str:
    """Why two nodes cannot have pairs: no way at all, or who on the shortest one does not swap."""
    graph: rx.PyGraph[None, None] = rx.PyGraph()
    graph.add_nodes_from([None] * len(machine.nodes))
    graph.add_edges_from([(u, v, None) for u, v in machine.edges])
    ways = rx.dijkstra_shortest_paths(graph, a, b)
    if b not in ways:
        return "over repeaters neither"
    node = next(node for node in (machine.nodes[v] for v in list(ways[b])[1:-1]) if not may_swap(node))
    if node.role in SWAPPING:
        return (
            f"and {node.name!r} between them cannot swap: that takes two communication qubits, it has "
            f"communication={node.communication}"
        )
    return f"and {node.name!r} between them does not swap: it has role={node.role!r}"


def _all_reach(machine: Machine, fixed: Mapping[int, int], circuit: QuantumCircuit) -> bool:
    """Whether nodes can have pairs wherever a gate has qubits at both: then others need not reach one another."""
    number = {qubit: i for i, qubit in enumerate(circuit.qubits)}
    return all(
        machine.distance[fixed[number[a]]][fixed[number[b]]] < inf
        for instruction in circuit.data
        for a, b in combinations(instruction.qubits, 2)
        if instruction.name != "barrier"
    )


def _parts(machine: Machine, nodes: Sequence[int]) -> Iterator[set[int]]:
    """The largest sets of nodes each of which gets pairs with each other one.

    An end node in the middle has them with both sides, which have none with one another. All maximal cliques:
    C. Bron, J. Kerbosch, Commun. ACM 16, 575 (1973).
    """
    near = {v: {u for u in nodes if u != v and machine.distance[v][u] < inf} for v in nodes}

    def grown(part: set[int], may: set[int], done: set[int]) -> Iterator[set[int]]:
        if not may and not done:
            yield part
            return
        pivot = max(may | done, key=lambda v: len(near[v] & may))
        for v in sorted(may - near[pivot]):
            yield from grown(part | {v}, may & near[v], done & near[v])
            may, done = may - {v}, done | {v}

    yield from grown(set(), set(nodes), set())
