"""The order in which a circuit is followed: the same instructions, with as few qubits living at one time as found.

A transpiler leaves independent instructions in any order. Following them exactly takes memory for every qubit
between its first use and its measurement, so they are sorted by the rule of qubit reuse, which finishes lives
before it begins new ones. Where it begins matters: tried are the order as given, and sweeps from both ends.
"""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush

import rustworkx as rx
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import Reset

from quantumlink.exact import interpreter_size
from quantumlink.program import HANDED_ON
from quantumlink.rewrites import reused_circuit


def measured_early(circuit: QuantumCircuit) -> QuantumCircuit:
    """The same circuit in another order of independent instructions; barriers are dropped.

    >>> circuit = QuantumCircuit(3, 3)
    >>> _ = circuit.h([0, 1, 2]), circuit.measure([0, 1, 2], [0, 1, 2])
    >>> [instruction.name for instruction in measured_early(circuit).data]
    ['h', 'measure', 'h', 'measure', 'h', 'measure']
    """
    circuit = _without_labels(circuit)
    tried = [_by_reuse(circuit)]
    tried += [_by_reuse(_swept(circuit, steps)) for steps in _steps_from_ends(circuit)]

    def size(candidate: QuantumCircuit) -> int:
        return interpreter_size(candidate, []).coefficients

    return min(tried, key=size)


def _without_labels(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with plain resets: those of an earlier reuse would be taken for the new ones."""
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = Reset() if instruction.name == "reset" else instruction.operation
        result.append(operation, instruction.qubits, instruction.clbits)
    return result


def _by_reuse(circuit: QuantumCircuit) -> QuantumCircuit:
    """In the order of qubit reuse, every qubit its own again."""
    lean = reused_circuit(circuit)
    turns = [deque(tenants) for tenants in lean.tenants]
    place = {q: i for i, q in enumerate(lean.circuit.qubits)}
    now = [circuit.qubits[turn.popleft()] for turn in turns]
    result = circuit.copy_empty_like()
    for instruction in lean.circuit.data:
        places = [place[q] for q in instruction.qubits]
        if instruction.name == "reset" and instruction.operation.label == HANDED_ON:
            now[places[0]] = circuit.qubits[turns[places[0]].popleft()]
        else:
            result.append(instruction.operation, [now[i] for i in places], instruction.clbits)
    return result


def _steps_from_ends(circuit: QuantumCircuit) -> list[list[float]]:
    """How far each qubit is from one end of the circuit, and from the other, in steps along common gates."""
    graph: rx.PyGraph[int, None] = rx.PyGraph(multigraph=False)
    graph.add_nodes_from(list(range(circuit.num_qubits)))
    qubit_of = {q: i for i, q in enumerate(circuit.qubits)}
    for instruction in circuit.data:
        first, *others = [qubit_of[q] for q in instruction.qubits] or [0]
        graph.add_edges_from([(first, other, None) for other in others])
    if not circuit.num_qubits:
        return []
    steps = rx.graph_distance_matrix(graph, null_value=float(circuit.num_qubits))
    one = int(steps[0].argmax())
    other = int(steps[one].argmax())
    return [steps[end].tolist() for end in (one, other)]


def _swept(circuit: QuantumCircuit, steps: list[float]) -> QuantumCircuit:
    """In a topological order that prefers what is near one end."""
    qubit_of = {q: i for i, q in enumerate(circuit.qubits)}
    last: dict[object, int] = {}
    after: list[set[int]] = [set() for _ in circuit.data]
    waits_for: list[int] = []
    rank: list[float] = []
    for i, instruction in enumerate(circuit.data):
        bits = (*instruction.qubits, *instruction.clbits)
        before = {last[bit] for bit in bits if bit in last}
        for earlier in before:
            after[earlier].add(i)
        waits_for.append(len(before))
        rank.append(max((steps[qubit_of[q]] for q in instruction.qubits), default=0.0))
        last.update(dict.fromkeys(bits, i))
    ready = [(rank[i], i) for i, count in enumerate(waits_for) if not count]
    heapify(ready)
    result = circuit.copy_empty_like()
    while ready:
        _, chosen = heappop(ready)
        result.append(circuit.data[chosen])
        for later in after[chosen]:
            waits_for[later] -= 1
            if not waits_for[later]:
                heappush(ready, (rank[later], later))
    return result
