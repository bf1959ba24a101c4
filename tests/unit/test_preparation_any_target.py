"""Devices that are no line of good qubits: all pairs joined, islands, no readout, broken gates, no if_test."""

from itertools import pairwise

import pytest
from qiskit.circuit import IfElseOp, Instruction, Measure, Parameter, QuantumCircuit
from qiskit.circuit.library import CXGate, CZGate, ECRGate, RXGate, RZGate, RZZGate, SXGate
from qiskit.primitives import BackendSamplerV2
from qiskit.providers import BackendV2, Options
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Operator
from qiskit.transpiler import InstructionProperties, Target
from qiskit_aer.noise import NoiseModel

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.jobs import submit
from quantumlink.execution.preparation import compiled, lint, predict, prepare
from quantumlink.execution.preparation.compilation import NoPlace, is_device
from quantumlink.execution.preparation.picture import used_pairs
from quantumlink.qkd.protocols.bb84_session import BB84

RELAY = ql.Node("relay")
LINK = ql.swap(ql.ElementaryLink(ql.Node("alice"), RELAY), ql.ElementaryLink(RELAY, ql.Node("bob")))
PROGRAM = ql.compose(LINK)
PAIR = ql.ElementaryLink(ql.Node("alice"), ql.Node("bob"))


class Device(BackendV2):
    """A device by its target; it runs on Aer without noise."""

    def __init__(self, target):
        super().__init__(name="device")
        self._target = target

    @property
    def target(self):
        return self._target

    @property
    def max_circuits(self):
        return None

    @classmethod
    def _default_options(cls):
        return Options()

    def run(self, circuits, **options):
        from qiskit_aer import AerSimulator

        return AerSimulator().run(circuits, **options)


def ions(size, *, measured=None, pairs=None, everywhere=False):
    """An ion trap: rotations and an Ising gate, no if_test, no reset."""
    pairs = [(a, b) for a in range(size) for b in range(a)] if pairs is None else pairs
    target = Target(num_qubits=size)
    gates = [
        (RXGate(Parameter("t")), [(q,) for q in range(size)], 1e-4),
        (RZGate(Parameter("p")), [(q,) for q in range(size)], 0.0),
        (RZZGate(Parameter("l")), [q for a, b in pairs for q in ((a, b), (b, a))], 1e-3),
        (Measure(), [(q,) for q in (range(size) if measured is None else measured)], 1e-3),
    ]
    for gate, places, error in gates:
        target.add_instruction(
            gate, None if everywhere else {p: InstructionProperties(error=error, duration=1e-5) for p in places}
        )
    return Device(target)


@pytest.mark.parametrize("everywhere", [False, True])
def test_where_every_pair_is_joined(tmp_path, everywhere):
    device = ions(6, everywhere=everywhere)
    assert (device.coupling_map is None) is everywhere
    assert is_device(device)
    job = submit(LINK, device, shots=100, directory=tmp_path, seed=1)
    assert {i.name for c in job.circuits() for i in c.data} <= {"rx", "rz", "rzz", "measure", "barrier"}
    assert job.samples().fidelity().best == 1.0
    with pytest.raises(ValueError, match="it needs 4 qubits, the device has 2"):
        submit(LINK, ions(2, everywhere=everywhere), directory=tmp_path)
    assert ql.sample(LINK, sampler=device, shots=100).fidelity().best == 1.0
    session = BB84(medium=ql.Fiber(0), rounds=500, seed=5)
    lint(
        [(p.circuit, p.table, 1) for p in submit(session, device, directory=tmp_path, seed=1).record.pubs],
        device.target,
    )


def test_simulators_take_any_circuit():
    from qiskit_aer import AerSimulator

    assert not is_device(AerSimulator())
    assert not is_device(BasicSimulator())
    assert is_device(GenericBackendV2(3, seed=1))
    assert is_device(AerSimulator.from_backend(GenericBackendV2(3, seed=1)))


def test_a_simulator_with_a_coupling_map_needs_gates_on_two_qubits():
    aer = pytest.importorskip("qiskit_aer")
    line = [[0, 1], [1, 2], [2, 3]]
    link = ql.ElementaryLink(ql.Node("alice"), ql.Node("bob"))
    with pytest.raises(ValueError, match=r"backend must have gates on one and two qubits.*has ccx.*basis_gates="):
        prepare(link, aer.AerSimulator(coupling_map=line))
    found = prepare(link, aer.AerSimulator(coupling_map=line, basis_gates=["cz", "rz", "sx", "x"]), seed=1)
    assert found.cost.two_qubit_gates == 1


def test_qubits_without_readout_are_avoided():
    prepared = prepare(PROGRAM, ions(7, measured=[1, 2, 4, 6]), seed=1)
    assert set(prepared.layout) == {1, 2, 4, 6}
    with pytest.raises(NoPlace, match="4 qubits that gates join are measured, and the device measures 3"):
        prepare(PROGRAM, ions(7, measured=[1, 2, 4]), seed=1)
    with pytest.raises(NoPlace, match="does not measure 3"):
        prepare(PROGRAM, ions(7, measured=[1, 2, 4, 6]), seed=1, initial_layout=[1, 2, 3, 4])
    circuit = QuantumCircuit(2, 1)
    circuit.rzz(1.0, 0, 1)
    circuit.measure(0, 0)
    found = compiled(circuit, ions(3, measured=[2], pairs=[(0, 1), (1, 2)]), seed=1)
    assert found.layout == (2, 1)


def test_islands():
    joined = [(0, 1), (1, 2), (3, 4), (4, 5), (5, 6)]
    assert set(prepare(PROGRAM, ions(7, pairs=joined), seed=1).layout) == {3, 4, 5, 6}
    with pytest.raises(NoPlace, match=r"join 4 of its qubits, and the largest island .* has 3"):
        prepare(PROGRAM, ions(6, pairs=joined[:-1]), seed=1)
    with pytest.raises(NoPlace, match=r"largest island .* has 1"):
        prepare(ql.compose(PAIR), ions(4, pairs=[]), seed=1)
    with pytest.raises(NoPlace, match="measures 3 that it joins"):
        prepare(PROGRAM, ions(7, measured=[0, 1, 2, 3, 4, 5], pairs=joined), seed=1)


@pytest.mark.parametrize("gates", [[RXGate(Parameter("t")), RZZGate(Parameter("l"))], [SXGate(), CXGate()]])
def test_a_gate_that_is_listed_for_no_pair_is_not_played(gates, tmp_path):
    """Qiskit compiles for it without a word, and a simulator of the device plays the gate where there is none."""
    one, two = gates
    target = Target(num_qubits=4)
    for gate in (one, RZGate(Parameter("p")), Measure()):
        target.add_instruction(gate, {(q,): None for q in range(4)})
    target.add_instruction(two, {})
    device = Device(target)
    for act in (
        lambda: ql.sample(PAIR, sampler=BackendSamplerV2(backend=device), shots=10, seed=1),
        lambda: ql.sample(PAIR, sampler=device, shots=10, seed=1),
        lambda: prepare(PAIR, device, seed=1),
        lambda: submit(PAIR, device, shots=10, directory=tmp_path, seed=1),
    ):
        with pytest.raises(NoPlace, match=r"largest island .* has 1"):
            act()
    with pytest.raises(ValueError, match="no device can take the program"):
        ql.best_backend(PAIR, [device], seed=1)
    assert not list(tmp_path.iterdir())


def test_samples_are_measured_where_the_device_measures():
    sampler = BackendSamplerV2(backend=ions(7, measured=[1, 2, 4, 6]))
    assert ql.sample(PROGRAM, sampler=sampler, shots=100, seed=1).fidelity().best == 1.0
    with pytest.raises(NoPlace, match="the device measures 3"):
        ql.sample(PROGRAM, sampler=BackendSamplerV2(backend=ions(7, measured=[1, 2, 4])), shots=100, seed=1)


def test_a_device_of_one_qubit(tmp_path):
    with pytest.raises(ValueError, match="it needs 2 qubits, the device has 1"):
        prepare(ql.compose(PAIR), ions(1, pairs=[]), seed=1)
    session = BB84(medium=ql.Fiber(0), rounds=500, seed=5)
    assert submit(session, ions(1, pairs=[]), directory=tmp_path, seed=1).key().qber.best == 0.0


def test_a_placement_that_cannot_be_compiled_is_passed_over():
    """A pair that the calibration praises lacks what its other gates need, as one of FakeCairoV2's."""
    pairs = {(0, 1): 1e-5, (1, 0): 1e-5, (2, 3): 1e-2, (3, 2): 1e-2}
    target = Target(num_qubits=4)
    target.add_instruction(RXGate(Parameter("t")), {(q,): InstructionProperties(error=1e-4) for q in (2, 3)})
    target.add_instruction(RZGate(Parameter("p")), {(q,): InstructionProperties(error=0.0) for q in (2, 3)})
    target.add_instruction(CXGate(), {pair: InstructionProperties(error=error) for pair, error in pairs.items()})
    target.add_instruction(Measure(), {(q,): InstructionProperties(error=1e-3) for q in range(4)})
    prepared = prepare(ql.compose(PAIR), Device(target), seed=1)
    assert used_pairs(prepared.circuit) == {(2, 3)}


def one_way(size, gates):
    """A line whose pairs have one gate in one direction each, those of a list in turn."""
    target = Target(num_qubits=size)
    every = [(q,) for q in range(size)]
    for gate in (SXGate(), RZGate(Parameter("p")), Measure()):
        target.add_instruction(gate, {q: InstructionProperties(error=1e-3) for q in every})
    target.add_instruction(IfElseOp, name="if_else")
    pairs = [(q, q + 1) if q % 3 else (q + 1, q) for q in range(size - 1)]
    for i, gate in enumerate(gates):
        target.add_instruction(gate, {p: InstructionProperties(error=1e-2) for p in pairs[i :: len(gates)]})
    return Device(target)


@pytest.mark.parametrize("gates", [[CXGate()], [ECRGate()], [CXGate(), ECRGate()], [ECRGate(), CZGate(), CXGate()]])
@pytest.mark.parametrize("corrections", ["frame", "feedforward"])
def test_pairs_whose_gates_go_in_different_directions(gates, corrections):
    """As one of FakeCairoV2's, where some pairs have cx and others ecr."""
    nodes = [ql.Node(f"n{i}") for i in range(4)]
    program = ql.compose(ql.chain([ql.ElementaryLink(*pair) for pair in pairwise(nodes)]))
    device = one_way(6, gates)
    for level in (0, 1, 3):
        for layout in (range(6), range(5, -1, -1)):
            prepared = prepare(
                program,
                device,
                corrections=corrections,
                initial_layout=list(layout),
                optimization_level=level,
                seed=1,
            )
            lint(prepared.pubs(1), device.target)
            assert prepared.cost.two_qubit_gates == 5
            assert predict(prepared, noise_model=NoiseModel()).fidelity().best == pytest.approx(1.0)
    circuit = QuantumCircuit(6)
    for a, b in pairwise(range(6)):
        circuit.ecr(b, a)
        circuit.ecr(a, b)
    found = compiled(circuit, device, initial_layout=list(range(6)), seed=1).circuit
    assert Operator(circuit).equiv(Operator(found))


def test_a_fake_whose_calibration_is_broken():
    fakes = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    purified = ql.purify(PAIR, PAIR)
    for program in (PROGRAM, purified):
        prepared = prepare(program, fakes.FakeCairoV2(), seed=1)
        lint(prepared.pubs(1), prepared.target)


def test_samplers_of_a_device(tmp_path):
    from qiskit_aer.primitives import SamplerV2

    device = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], seed=1)
    for sampler in (SamplerV2.from_backend(device), BackendSamplerV2(backend=device), device):
        samples = ql.sample(PROGRAM, sampler=sampler, shots=300, seed=1)
        assert samples.fidelity().low > 0.8
        assert submit(LINK, sampler, shots=300, directory=tmp_path, seed=1).samples().fidelity().low > 0.8


def test_without_if_test_there_are_other_ways():
    """A frame where it can be had, deferred where not, and else our words."""
    device = GenericBackendV2(6, coupling_map=[[i, i + 1] for i in range(5)], seed=1)
    assert "if_else" not in device.target.operation_names
    nodes = [ql.Node(f"n{i}") for i in range(6)]
    lean = ql.compose(ql.chain([ql.ElementaryLink(*pair) for pair in pairwise(nodes)]), reuse_qubits=True)
    with pytest.raises(UnsupportedOperation, match="no reset"):
        ql.sample(lean, sampler=ions(6), shots=10)
    assert ql.sample(PROGRAM, sampler=device, shots=200, seed=1).acceptance.best == 1.0


def test_an_operation_that_nobody_can_synthesize_is_named():
    circuit = QuantumCircuit(2, 1)
    circuit.append(Instruction("weird", 1, 1, []), [0], [0])
    with circuit.if_test((0, 1)):
        circuit.x(1)
    program = ql.Program(circuit, {"alice": 0, "bob": 1}, (ql.Node("alice"), ql.Node("bob")))
    device = GenericBackendV2(3, control_flow=True, seed=1)
    for corrections in ("auto", "sequential", "feedforward", "frame"):
        with pytest.raises(UnsupportedOperation, match="'weird'"):
            prepare(program, device, corrections=corrections)
