"""Wrong schedules: the linear check refuses every mutant, unless the whole still does what the circuit does."""

from dataclasses import replace

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit

import quantumlink as ql
from quantumlink.distributed.building import Building
from quantumlink.distributed.events import Copy, Do, Teleport, Uncopy
from quantumlink.distributed.pair_circuits import PairCircuits
from quantumlink.distributed.proof import NotTheSame, check_linear
from quantumlink.exact import branches


def distributed():
    """Copies along all axes, one flipped on the way, a gate that none serves, at two nodes."""
    circuit = QuantumCircuit(3)
    circuit.ry(0.3, 0), circuit.rx(0.4, 1), circuit.ry(0.5, 2)
    circuit.cz(0, 1)
    circuit.x(0)
    circuit.cz(0, 2)
    circuit.rx(0.2, 0)
    circuit.h([1, 2])
    circuit.cx(1, 0), circuit.cy(2, 0)
    circuit.iswap(0, 1)
    nodes = [ql.Node("a", qubits=2), ql.Node("b", qubits=3)]
    network = ql.Network(nodes, [ql.ElementaryLink(*nodes)])
    return ql.distribute(circuit, network, placement={0: "a", 1: "b", 2: "b"}, migrate=False, budget_s=0)


def mutants(events):
    """Each event left out, twice, later, and with each of its parts wrong."""
    for i, event in enumerate(events):
        rest = (*events[:i], *events[i + 1 :])
        yield f"without {i}", rest
        yield f"twice {i}", (*events[: i + 1], *events[i:])
        for j in range(i + 1, len(events)):
            yield f"{i} after {j}", (*events[:i], *events[i + 1 : j + 1], event, *events[j + 1 :])
        for name, wrong in parts(event, events):
            yield f"{name} of {i}", (*events[:i], wrong, *events[i + 1 :])


def parts(event, events):
    places = sorted({p for e in events if isinstance(e, Do) for p in e.places})
    if isinstance(event, Copy | Uncopy):
        yield from (("axis", event._replace(axis=axis)) for axis in "XYZ" if axis != event.axis)
        yield from (("wire", event._replace(wire=wire)) for wire in range(3) if wire != event.wire)
    if isinstance(event, Copy):
        yield from (("source", event._replace(source=place)) for place in places if place != event.source)
    if isinstance(event, Uncopy):
        yield from (("root", event._replace(root=place)) for place in places if place != event.root)
    if isinstance(event, Teleport):
        yield "target", event._replace(target=None if event.target else event.near)
        yield from (("wire", event._replace(wire=wire)) for wire in range(3) if wire != event.wire)
    if isinstance(event, Do):
        yield "turned", event._replace(places=event.places[::-1])
        for place in places:
            yield "flips", event._replace(flipped=(("Z", place),))
        if event.flipped:
            yield "no flips", event._replace(flipped=())
        for other in places:
            yield "place", event._replace(places=(other, *event.places[1:]))


def does(d, events):
    """Whether a schedule does what the circuit does; False where it cannot even be built or followed."""
    candidate, machine = d.candidate, d.machine
    scheduled = replace(candidate.scheduled, events=tuple(events))
    wanted = branches(d.source, inputs=range(3), outputs=range(3))[()]
    try:
        built = Building(candidate.tasks, candidate.plan.tasks, scheduled, machine, PairCircuits(machine)).built()
        wires = candidate.tasks.wire_of_qubit
        start = [built.qubit_of[place] for place in scheduled.start]
        end = [built.qubit_of[scheduled.end[wire]] for wire in wires]
        found = branches(built.program.circuit, inputs=start, outputs=end, keep=())[()]
    except Exception:
        return False
    return bool(np.abs(found - wanted).max() < 1e-9)


def test_wrong_schedules_are_refused():
    d = distributed()
    events = d.candidate.scheduled.events
    assert does(d, events)
    assert any(isinstance(event, Do) and event.flipped for event in events)
    refused, passed = 0, []
    for name, wrong in mutants(events):
        if wrong == events:
            continue
        try:
            check_linear(d.candidate.plan, replace(d.candidate.scheduled, events=tuple(wrong)))
        except NotTheSame:
            refused += 1
        else:
            passed.append((name, wrong))
    assert refused > 150
    assert passed  # what commutes may be exchanged
    assert [name for name, wrong in passed if not does(d, wrong)] == []


def test_wrong_circuits_lack_flows_and_states():
    """Single instructions left out of the built circuit: the other tiers see them."""
    from quantumlink.distributed.flows import has_all_flows

    circuit = QuantumCircuit(2)
    circuit.h(0), circuit.cx(0, 1), circuit.s(1), circuit.cz(1, 0)
    nodes = [ql.Node(name, qubits=1) for name in "ab"]
    d = ql.distribute(circuit, ql.Network(nodes, [ql.ElementaryLink(*nodes)]), budget_s=0)
    start, end = d._start_and_end(d.built)
    whole = d.circuit
    assert has_all_flows(circuit, whole, start, end)
    for left_out, instruction in enumerate(whole.data):
        if instruction.name in ("measure", "reset"):
            continue  # not the same circuit without it, which has no bit to correct by
        broken = whole.copy_empty_like()
        for i, other in enumerate(whole.data):
            if i != left_out:
                broken.append(other)
        assert not has_all_flows(circuit, broken, start, end), (left_out, instruction.name)
    with pytest.raises(NotTheSame):
        check_linear(d.candidate.plan, replace(d.candidate.scheduled, events=()))
