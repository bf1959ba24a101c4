"""Boxes and stretches: taken with their meaning, or refused in words; by engines, rewrites, preparation, lint."""

from dataclasses import replace

import pytest
from qiskit.circuit import Duration, QuantumCircuit
from qiskit.circuit.classical import expr
from qiskit.providers.fake_provider import GenericBackendV2

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.jobs import submit
from quantumlink.execution.preparation import NotSubmittable, compiled, lint, prepare
from quantumlink.rewrites import add_noise, deferred_measurement, expanded_circuit, pauli_frame, reuse_qubits

MEMORY = ql.Memory(t1_s=1e-3, t2_s=5e-4)
WAIT_S = 2e-4
RELAY = ql.Node("relay", memory=MEMORY)
LINK = ql.swap(
    ql.ElementaryLink(ql.Node("alice", memory=MEMORY), RELAY, fidelity=0.95),
    ql.ElementaryLink(RELAY, ql.Node("bob", memory=MEMORY), fidelity=0.95),
)
PROGRAM = ql.compose(LINK, corrections="sequential")
DEVICE = GenericBackendV2(5, control_flow=True, seed=1)
REWRITES = [add_noise, pauli_frame, deferred_measurement, reuse_qubits]


def boxed(stretch=False, **arguments):
    circuit = PROGRAM.circuit.copy_empty_like()
    if stretch:
        arguments["duration"] = circuit.add_stretch("pause")
    with circuit.box(**arguments):
        for instruction in PROGRAM.circuit.data:
            circuit.append(instruction)
    return replace(PROGRAM, circuit=circuit)


def waiting(duration, unit=None):
    """Alice waits at the end."""
    circuit = PROGRAM.circuit.copy()
    circuit.delay(duration(circuit) if callable(duration) else duration, 0, unit=unit)
    return replace(PROGRAM, circuit=circuit)


STRETCHES = [
    lambda circuit: circuit.add_stretch("pause"),
    lambda circuit: expr.add(circuit.add_stretch("pause"), Duration.us(1)),
]


@pytest.mark.parametrize("engine", ["exact", "clifford", "aer"])
def test_a_box_is_its_body(engine):
    plain, found = (ql.sample(p, shots=300, seed=3, engine=engine) for p in (PROGRAM, boxed()))
    assert found.outcomes == plain.outcomes


def test_a_box_is_prepared_as_its_body():
    plain, found = (prepare(p, DEVICE, initial_layout=[0, 1, 2, 3], seed=1) for p in (PROGRAM, boxed()))
    assert found.cost == plain.cost
    assert [step.name for step in found.circuit.data] == [step.name for step in plain.circuit.data]


@pytest.mark.parametrize("arguments", [{"duration": 200.0, "unit": "us"}, {"stretch": True}])
def test_a_box_with_a_duration_is_refused(arguments, tmp_path):
    """Memories would decay in it, and nobody says which qubit waits when."""
    program = boxed(**arguments)
    told = r"a 'box' with a duration, (200\.0 us|the stretch 'pause').*put delays in its place"
    for engine in ("exact", "clifford", "aer", None):
        with pytest.raises(UnsupportedOperation, match=told):
            ql.sample(program, shots=10, seed=1, engine=engine)
    for rewrite in REWRITES:
        with pytest.raises(UnsupportedOperation, match=told):
            rewrite(program)
    with pytest.raises(UnsupportedOperation, match=told):
        prepare(program, DEVICE, seed=1)
    with pytest.raises(UnsupportedOperation, match=told):
        submit(program, ql.ExactSampler(seed=1), shots=10, directory=tmp_path)


def test_a_time_told_as_an_expression_is_that_time():
    """It decays as the plain delay does, and takes as long on a device."""
    plain = waiting(200.0, "us")
    told = waiting(expr.lift(Duration.us(200.0)))
    engines = [ql.sample(p, shots=300, seed=3, engine="exact").outcomes for p in (plain, told)]
    assert engines[0] == engines[1]
    assert engines[0] != ql.sample(PROGRAM, shots=300, seed=3, engine="exact").outcomes
    lengths = [prepare(p, DEVICE, seed=1).cost.duration_s for p in (plain, told)]
    assert lengths[0] == lengths[1] > WAIT_S


@pytest.mark.parametrize("stretch", STRETCHES)
def test_a_stretch_is_refused_where_its_length_matters(stretch):
    program = waiting(stretch)
    told = "the stretch 'pause', whose length is known to the compiler of a device only"
    for engine in ("exact", "clifford", "aer", None):
        with pytest.raises(UnsupportedOperation, match=told):
            ql.sample(program, shots=10, seed=1, engine=engine)
    with pytest.raises(ValueError, match=told):
        prepare(program, DEVICE, seed=1)
    with pytest.raises(ValueError, match=told):
        compiled(program.circuit, DEVICE, seed=1)


def test_a_stretch_is_nothing_to_an_ideal_memory():
    nodes = tuple(replace(node, memory=ql.Memory()) for node in PROGRAM.nodes)
    program = replace(waiting(STRETCHES[0]), nodes=nodes)
    assert ql.sample(program, shots=3000, seed=1, engine="exact").fidelity().low > 0.85


def test_lint_names_them():
    circuit = QuantumCircuit(1, 1)
    circuit.delay(circuit.add_stretch("pause"), 0)
    with circuit.box():
        circuit.measure(0, 0)
    with pytest.raises(NotSubmittable) as caught:
        lint([circuit], DEVICE.target)
    findings = caught.value.findings
    assert len(findings) == 2
    assert any("a delay is the stretch 'pause'" in finding for finding in findings)
    assert any("a 'box', which devices do not know: quantumlink.rewrites.expanded_circuit" in f for f in findings)
    plain = QuantumCircuit(1, 1)
    plain.delay(expr.lift(Duration.us(2)), 0)
    with plain.box():
        plain.measure(0, 0)
    lint([expanded_circuit(plain)], DEVICE.target)


def left_early(circuit):
    with circuit.for_loop(range(2)):
        circuit.measure(1, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.break_loop()


def without_end(circuit):
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.measure(1, 0)


def too_many(circuit):
    with circuit.for_loop(range(10_001)):
        circuit.h(1)


@pytest.mark.parametrize(
    ("add", "told"),
    [
        (left_early, "'for_loop' within a box .*it may be left early"),
        (without_end, "'while_loop' within a box .*its end is not known beforehand"),
        (too_many, "'for_loop' within a box .*it has 10001 rounds, more than 10000"),
    ],
)
def test_why_a_loop_in_a_box_is_refused(add, told):
    boxed_loop, alone = QuantumCircuit(3, 1), QuantumCircuit(3, 1)
    add(alone)
    with boxed_loop.box():
        add(boxed_loop)
    assert expanded_circuit(alone).data[0].name in told  # in the circuit itself it stays as it is
    with pytest.raises(UnsupportedOperation, match=told):
        expanded_circuit(boxed_loop)
