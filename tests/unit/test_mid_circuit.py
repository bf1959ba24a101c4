"""Measurements in the middle of a circuit by a device's faster variant: where, how well, and how it is read."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from qiskit import qpy
from qiskit.circuit import Delay, IfElseOp, Instruction, Measure, Parameter, QuantumCircuit, Reset
from qiskit.circuit.library import CXGate, RZGate, SXGate, XGate
from qiskit.primitives import BackendSamplerV2
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import (
    InstructionProperties,
    PassManager,
    QubitProperties,
    Target,
    generate_preset_pass_manager,
)
from qiskit.transpiler.basepasses import TransformationPass

import quantumlink as ql
from quantumlink.execution.jobs import submit
from quantumlink.execution.mitigation import Calibration, calibration_of
from quantumlink.execution.preparation import NotSubmittable, lint, predict, prepare
from quantumlink.execution.preparation import calibration as figures
from quantumlink.execution.preparation.cost import cost_of
from quantumlink.execution.preparation.mid_circuit import variants_in
from quantumlink.rewrites import reuse_qubits

RELAY = ql.Node("relay")
LINK = ql.swap(ql.ElementaryLink(ql.Node("alice"), RELAY), ql.ElementaryLink(RELAY, ql.Node("bob")))
PLAIN_S, FAST_S = 2e-6, 1e-6


class Device(BackendV2):
    """A target; it runs on Aer with the noise that Aer takes from it."""

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


def line(plain=0.02, fast=0.02, qubits=4, variants=True, durations=(PLAIN_S, FAST_S)):
    """A line of qubits whose readout is slow and certain or fast; ``plain`` and ``fast`` may be lists, by qubit."""
    target = Target(num_qubits=qubits, dt=1e-9, qubit_properties=[QubitProperties(t1=80e-6, t2=60e-6)] * qubits)
    told, every = InstructionProperties, [(q,) for q in range(qubits)]
    plain, fast = (e if isinstance(e, list) else [e] * qubits for e in (plain, fast))
    target.add_instruction(RZGate(Parameter("a")), {q: told(duration=0, error=0) for q in every})
    for gate in (SXGate(), XGate()):
        target.add_instruction(gate, {q: told(duration=3e-8, error=1e-4) for q in every})
    pairs = [way for q in range(qubits - 1) for way in ((q, q + 1), (q + 1, q))]
    target.add_instruction(CXGate(), {p: told(duration=1e-7, error=1e-3) for p in pairs})
    slow, quick = durations
    target.add_instruction(Measure(), {q: told(duration=slow, error=e) for q, e in zip(every, plain, strict=True)})
    target.add_instruction(Reset(), {q: told(duration=1e-6) for q in every})
    target.add_instruction(Delay(Parameter("t")), dict.fromkeys(every))
    target.add_instruction(IfElseOp, name="if_else")
    if variants:
        variant = Instruction("measure_2", 1, 1, [])
        target.add_instruction(
            variant, {q: told(duration=quick, error=e) for q, e in zip(every, fast, strict=True)}
        )
    return Device(target)


def prepared_on(device, **options):
    options = {"corrections": "feedforward", "initial_layout": [0, 1, 2, 3], "seed": 1, **options}
    return prepare(LINK, device, **options)


def test_the_relay_is_read_by_the_faster_one_and_the_ends_are_not():
    prepared = prepared_on(line())
    assert prepared.measured_by == {1: "measure_2", 2: "measure_2"}
    assert prepared.circuit.count_ops()["measure_2"] == prepared.circuit.count_ops()["measure"] == 2
    assert variants_in(prepared.circuit) == prepared.measured_by
    plain = prepared_on(line(), mid_circuit="measure")
    assert plain.measured_by == {}
    assert plain.cost.duration_s - prepared.cost.duration_s == pytest.approx(PLAIN_S - FAST_S)
    assert prepared.cost.log_fidelity > plain.cost.log_fidelity
    assert predict(prepared).fidelity().best > predict(plain).fidelity().best
    assert "measured in the middle by measure_2: qubits 1, 2" in prepared.report()
    assert prepared.again(line()).measured_by == prepared.measured_by


@pytest.mark.parametrize("fast", [0.01, 0.021, 0.1])
def test_it_is_predicted_as_a_device_whose_one_readout_is_that(fast):
    """The same figures on a device without variants, whose relay has the fast readout as its only one."""
    prepared = prepared_on(line(fast=fast))
    chosen = bool(prepared.measured_by)
    assert chosen is (fast < 0.1)
    other = line(plain=[0.02, fast, fast, 0.02], variants=False)
    for qubit in (1, 2):
        properties = InstructionProperties(duration=FAST_S, error=fast)
        other.target.update_instruction_properties("measure", (qubit,), properties)
    alone = prepared_on(other)
    if chosen:
        assert prepared.cost.log_fidelity == pytest.approx(alone.cost.log_fidelity, abs=1e-12)
        for method in ("exact", "sampled"):
            a, b = (predict(p, method=method, seed=3, shots=500) for p in (prepared, alone))
            assert a.fidelity().best == pytest.approx(b.fidelity().best, abs=1e-12)
            assert a.unknown == b.unknown == ("duration of if_else on qubits 3",) or a.unknown == b.unknown
        slow = {"low_frequency_dephasing_s": 20e-6}
        a, b = (predict(p, **slow).fidelity().best for p in (prepared, alone))
        assert a == pytest.approx(b, abs=1e-12)
    else:
        assert prepared.cost.log_fidelity > alone.cost.log_fidelity


def test_each_qubit_is_decided_by_its_own_errors():
    """As long as one of the two is slow nothing is gained in time; the errors alone decide about the other."""
    prepared = prepared_on(line(fast=[0.02, 0.3, 0.005, 0.02]))
    assert prepared.measured_by == {2: "measure_2"}


@pytest.mark.parametrize("corrections", ["frame", "deferred"])
def test_where_nothing_waits_nothing_is_chosen(corrections):
    assert prepared_on(line(fast=0.0), corrections=corrections).measured_by == {}


def test_what_the_program_calls_so_is_told_once():
    program = ql.compose(LINK)
    circuit = program.circuit.copy_empty_like()
    for step in program.circuit.data:
        told = Instruction("measure_2", 1, 1, []) if step.name == "measure" else step.operation
        circuit.append(told, step.qubits, step.clbits)
    program = replace(program, circuit=circuit)
    options = {"corrections": "feedforward", "initial_layout": [0, 1, 2, 3], "seed": 1}
    chosen = prepare(program, line(), **options)
    plain = prepare(program, line(fast=0.4), **options)
    assert (chosen.told_plainly, plain.told_plainly) == ((), ("measure_2",))
    assert chosen.measured_by
    assert not plain.measured_by


def test_a_slower_or_unstated_one_is_never_taken():
    assert prepared_on(line(fast=0.0, durations=(PLAIN_S, PLAIN_S))).measured_by == {}
    assert prepared_on(line(fast=[None] * 4)).measured_by == {}


def test_a_qubit_that_is_used_again_is_measured_in_one_way():
    nodes = [ql.Node(f"n{i}") for i in range(5)]
    program = reuse_qubits(ql.compose(ql.chain([ql.ElementaryLink(*pair) for pair in pairwise(nodes)])))
    prepared = prepare(program, line(qubits=6), corrections="frame", seed=1)
    assert prepared.measured_by
    assert variants_in(prepared.circuit) == prepared.measured_by
    plain = prepare(program, line(qubits=6), corrections="frame", seed=1, mid_circuit="measure")
    assert prepared.cost.log_fidelity > plain.cost.log_fidelity
    assert predict(prepared).fidelity().best > predict(plain).fidelity().best


def test_its_readout_is_calibrated_by_itself():
    prepared = prepared_on(line())
    found = calibration_of(prepared.circuit, prepared.recipe, shots=100, row_shots=100, target=prepared.target)
    assert found.variants == ((1, "measure_2"), (2, "measure_2"))
    for balanced in (False, True):
        found = calibration_of(
            prepared.circuit, prepared.recipe, shots=800, row_shots=100, balanced=balanced, target=prepared.target
        )
        for circuit, _ in found.circuits(4, prepared.target):
            assert variants_in(circuit) == prepared.measured_by
        assert Calibration.from_dict(found.to_dict()) == found
    plain = prepared_on(line(), mid_circuit="measure")
    told = calibration_of(plain.circuit, plain.recipe, shots=1, row_shots=1).to_dict()
    assert "variants" not in told


def test_it_is_exported(tmp_path):
    prepared = prepared_on(line())
    text = prepared.export(tmp_path / "x.qasm")[0].read_text()
    plain = prepared_on(line(), mid_circuit="measure").export(tmp_path / "plain.qasm")[0].read_text()
    assert text.splitlines()[1] == "// told as measurements and resets: measure_2"
    assert [t for t in text.splitlines() if t[:2] != "//"] == [t for t in plain.splitlines() if t[:2] != "//"]
    with prepared.export(tmp_path / "x.qpy")[0].open("rb") as stream:
        assert qpy.load(stream)[0].count_ops()["measure_2"] == 2


class Mixed(TransformationPass):
    """Measures one qubit in both ways."""

    def run(self, dag):
        first = next(iter(dag.op_nodes(Measure)))
        circuit = QuantumCircuit(1, 1)
        circuit.append(Instruction("measure_2", 1, 1, []), [0], [0])
        circuit.measure(0, 0)
        from qiskit.converters import circuit_to_dag

        dag.substitute_node_with_dag(first, circuit_to_dag(circuit))
        return dag


def test_a_qubit_that_is_measured_in_several_ways_is_not_predicted():
    device = line()
    manager = generate_preset_pass_manager(1, backend=device, initial_layout=[0, 1, 2, 3])
    manager.post_optimization = PassManager([Mixed()])
    prepared = prepare(LINK, device, pass_manager=manager, corrections="frame", seed=1)
    with pytest.raises(ValueError, match=r"measured in several ways \(measure, measure_2\)"):
        predict(prepared)


def test_a_variant_of_readout_is_no_gate():
    """A gate whose error is not stated is not held to be as bad as a bad readout."""
    device = line(fast=0.2)
    device.target.add_instruction(SXGate(), {(0,): InstructionProperties(error=1e-4)}, name="other")
    calibration = figures.Calibration(device.target)
    device.target.update_instruction_properties("x", (0,), InstructionProperties(duration=3e-8))
    assert 1 - figures.Calibration(device.target).gate_fidelity("x", [0]) == pytest.approx(1.5 * 2e-4)
    assert calibration.typical == (3e-8, 1e-7, PLAIN_S)
    circuit = QuantumCircuit(1, 1)
    circuit.append(Instruction("measure_2", 1, 1, []), [0], [0])
    assert cost_of(circuit, figures.Calibration(device.target)).expected_fidelity == pytest.approx(0.8)


def test_a_simulation_runs_it_as_the_ordinary_one(tmp_path):
    device = line()
    prepared = prepared_on(device)
    with pytest.warns(UserWarning, match="device is simulated, where measure_2 runs as the ordinary measure"):
        job = submit(prepared, device, shots=200, directory=tmp_path, seed=1, mitigate_readout=True)
    assert job.samples().fidelity().best == 1.0
    assert job.mitigated().fidelity().best == pytest.approx(1.0)
    sampler = BackendSamplerV2(backend=device)
    with pytest.warns(UserWarning, match="measure_2 runs as the ordinary measure"):
        assert submit(prepared, sampler, shots=200, directory=tmp_path).samples().fidelity().best == 1.0


def test_other_words_are_refused():
    with pytest.raises(ValueError, match="mid_circuit must be one of auto, measure"):
        prepared_on(line(), mid_circuit="measure_2")
    assert np.isfinite(prepared_on(line()).cost.log_fidelity)


PLAIN_RESET_S, FAST_RESET_S = 1e-6, 0.4e-6


def with_fast_reset(device, error=None, plain_error=None):
    """The device with a faster reset, whose errors are stated or not."""
    for q in range(device.target.num_qubits):
        properties = InstructionProperties(duration=PLAIN_RESET_S, error=plain_error)
        device.target.update_instruction_properties("reset", (q,), properties)
    told = InstructionProperties(duration=FAST_RESET_S, error=error)
    places = {(q,): told for q in range(device.target.num_qubits)}
    device.target.add_instruction(Instruction("reset_2", 1, 0, []), places)
    return device


def reused(device, **options):
    """Two swaps on four qubits, which are reset and used again."""
    nodes = [ql.Node(f"n{i}") for i in range(4)]
    program = reuse_qubits(ql.compose(ql.chain([ql.ElementaryLink(a, b) for a, b in pairwise(nodes)])))
    return prepare(program, device, corrections="frame", seed=1, **options)


def resets(prepared):
    return {name: n for name, n in prepared.circuit.count_ops().items() if name.startswith("reset")}


def test_qubits_are_reset_by_the_faster_one():
    prepared = reused(with_fast_reset(line(variants=False)))
    plain = reused(with_fast_reset(line(variants=False)), mid_circuit="measure")
    assert set(resets(plain)) == {"reset"}
    assert resets(prepared) == {"reset_2": resets(plain)["reset"]}
    assert set(prepared.reset_by.values()) == {"reset_2"}
    assert plain.reset_by == {} == prepared.measured_by
    assert "reset by reset_2: qubits" in prepared.report()
    saved = plain.cost.duration_s - prepared.cost.duration_s
    times = saved / (PLAIN_RESET_S - FAST_RESET_S)
    assert times > 0.5
    assert times == pytest.approx(round(times))
    assert prepared.cost.log_fidelity > plain.cost.log_fidelity
    assert predict(prepared).fidelity().best > predict(plain).fidelity().best


@pytest.mark.parametrize(
    ("error", "plain_error", "chosen"), [(0.01, None, False), (0.01, 0.02, True), (0.02, 0.01, False)]
)
def test_a_faster_reset_that_errs_more_is_not_taken(error, plain_error, chosen):
    assert bool(reused(with_fast_reset(line(), error, plain_error)).reset_by) is chosen


@pytest.mark.parametrize("error", [None, 0.03])
def test_a_reset_by_a_variant_is_predicted_as_on_a_device_whose_one_reset_is_that(error):
    """Its length and its stated error."""
    prepared = reused(with_fast_reset(line(variants=False), error, error))
    assert prepared.reset_by
    other = line(variants=False)
    for q in range(4):
        other.target.update_instruction_properties(
            "reset", (q,), InstructionProperties(duration=FAST_RESET_S, error=error)
        )
    alone = reused(other)
    assert resets(alone).keys() == {"reset"}
    assert alone.layout == prepared.layout
    assert prepared.cost.log_fidelity == pytest.approx(alone.cost.log_fidelity, abs=1e-12)
    a, b = (predict(p, method="exact") for p in (prepared, alone))
    assert a.fidelity().best == pytest.approx(b.fidelity().best, abs=1e-12)
    assert a.unknown == b.unknown


def test_a_variant_within_a_condition_is_refused():
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.append(Instruction("reset_2", 1, 0, []), [1])
    with pytest.raises(NotSubmittable, match="'reset_2' within a condition"):
        lint([circuit], with_fast_reset(line()).target)


def test_a_local_run_resets_plainly_and_says_so(tmp_path):
    prepared = reused(with_fast_reset(line(0.0, 0.0, variants=False)))
    with pytest.warns(UserWarning, match="reset_2 runs as the ordinary measure or reset"):
        job = submit(prepared, with_fast_reset(line(0.0, 0.0, variants=False)), shots=200, directory=tmp_path)
    assert job.samples().fidelity().best > 0.8
