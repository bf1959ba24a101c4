"""Whose noise acts under which sampler, and that what is dropped is told; numbers of any type.

Tolerances are Hoeffding's: the fidelity of 3 bases of n runs each strays from its expectation by more than
√(3·ln(2/1e-6)/(8n)) with probability 1e-6 at most, as it is half the sum of three proportions.
"""

import json
import warnings
from dataclasses import replace
from math import log, sqrt

import numpy as np
import pytest
from qiskit.circuit import Delay, Instruction, QuantumCircuit
from qiskit.circuit.library import UGate, UnitaryGate
from qiskit.primitives import BitArray, StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error, pauli_error
from qiskit_ibm_runtime import Batch, Session

import quantumlink as ql
from quantumlink.circuits import bell_pair
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution import ExactSampler
from quantumlink.execution.clifford import CliffordSampler
from quantumlink.execution.preparation import prepare
from quantumlink.execution.preparation.recipe import Recipe
from quantumlink.program import Program

SHOTS = 20_000
TOLERANCE = sqrt(3 * log(2 / 1e-6) / (8 * SHOTS))
NOISY = ql.Processor(0.01, 0.02, 0.01)
A, R, B = ql.Node("a"), ql.Node("r", processor=NOISY), ql.Node("b")
LINK = ql.swap(ql.ElementaryLink(A, R, fidelity=0.95), ql.ElementaryLink(R, B, fidelity=0.94))


def own_samplers(seed, **options):
    return [ExactSampler(seed=seed, **options), CliffordSampler(seed=seed, **options)]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("model", [None, NoiseModel()])
def test_own_samplers_play_the_noise_of_the_program(which, model, seed):
    link = LINK if which == 0 else ql.compose(LINK, corrections="frame")  # stim takes no noisy feed-forward gate
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        samples = ql.sample(link, shots=SHOTS, sampler=own_samplers(seed, noise_model=model)[which])
    assert samples.noise == "program"
    assert samples.dropped == ()
    assert samples.fidelity().best == pytest.approx(ql.evaluate(link).fidelity, abs=TOLERANCE)


@pytest.mark.parametrize("which", [0, 1])
def test_a_noise_model_of_own_samplers_acts_besides(which, seed):
    """As on Aer, which has an implementation of its own of both; and less than by the program's noise alone."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), ["h"])
    program = ql.compose(LINK, corrections="frame")
    found = ql.sample(program, shots=SHOTS, sampler=own_samplers(seed, noise_model=model)[which]).fidelity()
    wanted = ql.sample(program, shots=SHOTS, seed=seed, sampler=AerSimulator(noise_model=model)).fidelity()
    assert found.best == pytest.approx(wanted.best, abs=2 * TOLERANCE)
    assert found.best < ql.evaluate(program).fidelity - 0.1


def test_noise_that_is_dropped_is_told_in_the_samples_and_once():
    with pytest.warns(UserWarning, match="StatevectorSampler plays its own noise") as told:
        samples = ql.sample(ql.compose(LINK, corrections="frame"), shots=200, sampler=StatevectorSampler(seed=1))
    assert len([w for w in told if "plays its own noise" in str(w.message)]) == 1
    assert samples.dropped == ("the Pauli channels of its links", "the errors of its processors")
    assert "dropped: the Pauli channels" in repr(samples)
    assert "the errors of its processors" in samples._repr_html_()
    assert (samples + samples).dropped == samples.dropped
    assert samples.fidelity().best == 1


def test_memories_that_do_not_relax_are_told():
    relay = ql.Node("r", memory=ql.Memory(t1_s=1.0, t2_s=1.0))
    link = ql.swap(
        ql.ElementaryLink(A, relay, ql.Fiber(10)), ql.ElementaryLink(relay, B, ql.Fiber(10), fidelity=0.9)
    )
    program = ql.compose(link, timeline=ql.simulate(link, trials=3, seed=1), corrections="frame")
    samples = ql.sample(program, shots=5, seed=1, sampler=AerSimulator(), noise="sampler")
    assert "the relaxation of its memories" in samples.dropped


@pytest.mark.parametrize("medium", ["drop", "play"])
def test_what_a_device_does_not_play_is_told_in_what_was_prepared_for_it(medium):
    prepared = prepare(LINK, GenericBackendV2(6, seed=1, control_flow=True), medium=medium, seed=1)
    wanted = ("the Pauli channels of its links",) * (medium == "drop") + ("the errors of its processors",)
    assert prepared.recipe.dropped == wanted
    recipe = Recipe.from_dict(json.loads(json.dumps(prepared.recipe.to_dict())))
    assert recipe == prepared.recipe
    shots = prepared.settings().shape[0]
    data = {
        name: BitArray(np.zeros((shots, 10, -(-len(b) // 8)), np.uint8), len(b)) for name, b in recipe.registers
    }
    assert recipe.samples(data).dropped == prepared.samples(data).dropped == wanted


def test_a_job_of_a_sampler_without_a_target_tells_what_it_drops(tmp_path):
    samples = ql.submit(LINK, StatevectorSampler(seed=1), shots=20, directory=tmp_path, seed=1).samples()
    assert samples.dropped == ("the Pauli channels of its links", "the errors of its processors")


def test_a_user_who_says_so_is_not_warned():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        samples = ql.sample(LINK, shots=50, sampler=AerSimulator(), noise="sampler", seed=1)
    assert samples.dropped


def test_an_ideal_program_has_nothing_to_drop():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        samples = ql.sample(ql.ElementaryLink(A, B), shots=50, sampler=StatevectorSampler(seed=1))
    assert samples.dropped == ()


# --- sessions around simulators


@pytest.mark.parametrize("kind", [Session, Batch])
def test_a_session_around_a_simulator_samples_as_the_simulator_does(kind, seed):
    samples = ql.sample(LINK, shots=2000, seed=seed, sampler=kind(backend=AerSimulator()))
    assert samples.outcomes == ql.sample(LINK, shots=2000, seed=seed, sampler=AerSimulator()).outcomes


@pytest.mark.parametrize("kind", [Session, Batch, lambda backend: backend])
def test_jobs_run_in_a_session_around_a_simulator(kind, tmp_path):
    samples = ql.submit(LINK, kind(backend=AerSimulator()), shots=200, directory=tmp_path, seed=1).samples()
    assert samples.fidelity().best == 1


@pytest.mark.parametrize("corrections", ["frame", "feedforward", "sequential", "deferred"])
def test_what_is_prepared_for_a_device_runs_on_its_simulator(corrections, tmp_path):
    device = GenericBackendV2(5, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], control_flow=True, seed=1)
    prepared = prepare(ql.compose(LINK), device, corrections=corrections, seed=1)
    simulator = AerSimulator.from_backend(device)
    for machine in (simulator, Session(backend=simulator)):
        assert ql.submit(prepared, machine, shots=200, directory=tmp_path, seed=1).samples().fidelity() > 0.9
    with pytest.raises(ValueError, match="prepared for"):
        ql.submit(prepared, AerSimulator.from_backend(Other()), shots=10, directory=tmp_path)


class Other(GenericBackendV2):
    def __init__(self):
        super().__init__(5, seed=2)
        self.name = "another"


# --- numbers of any type


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
def test_populations_in_any_type_of_float(kind):
    wanted = (0.9, 0.05, 0.03, 0.02)
    for given in (np.array(wanted, dtype=kind), [kind(p) for p in wanted]):
        found = ql.ElementaryLink(A, B, bell_diagonal=given).bell_diagonal
        assert found == pytest.approx(wanted, abs=4 * float(np.finfo(kind).eps))
        assert sum(found) == pytest.approx(1, abs=1e-9)
        assert all(type(p) is float for p in found)
    assert ql.evaluate(ql.ElementaryLink(A, B, fidelity=kind(0.9))).fidelity == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_confusions_in_any_type_of_float(kind):
    matrix = np.array([[0.97, 0.03], [0.1, 0.9]], dtype=kind)
    (a, b), (c, d) = ql.Processor(readout_error=matrix).confusion
    assert (a + b, c + d) == pytest.approx((1, 1), abs=1e-9)
    assert (b, c) == pytest.approx((0.03, 0.1), abs=4 * float(np.finfo(kind).eps))


@pytest.mark.parametrize("kind", [float, np.float32])
def test_populations_that_do_not_sum_to_one_are_refused_in_any_type(kind):
    with pytest.raises(ValueError, match="sum to 1"):
        ql.ElementaryLink(A, B, bell_diagonal=[kind(p) for p in (0.9, 0.05, 0.03, 0.021)])


# --- errors by the names of instructions


def pair_and(gate, processor=None):
    """A perfect pair, and one gate at Bob's end."""
    circuit = QuantumCircuit(2)
    circuit.append(bell_pair().to_gate(), [0, 1])
    circuit.append(gate, [1])
    alice, bob = ql.Node("alice"), ql.Node("bob", processor=processor or ql.Processor())
    return Program(circuit, {"alice": 0, "bob": 1}, (alice, bob))


def flipping(name):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 1.0)]), [name])
    return model


def samplers_of(model):
    return ExactSampler(noise_model=model), CliffordSampler(noise_model=model), AerSimulator(noise_model=model)


@pytest.mark.parametrize("gate", [UnitaryGate(np.eye(2)), UGate(0, 0, 0)], ids=["unitary", "u"])
def test_an_error_on_a_gate_of_the_program_acts_in_every_sampler(gate, seed):
    program = pair_and(gate)
    for sampler in samplers_of(flipping(gate.name)):
        assert ql.sample(program, shots=50, seed=seed, sampler=sampler).fidelity() == 0
    for engine in ("exact", "clifford", "aer"):
        assert ql.sample(program, shots=50, seed=seed, engine=engine).fidelity() == 1


def test_an_error_on_what_the_programs_noise_takes_apart_is_refused(seed):
    program = pair_and(UnitaryGate(np.eye(2)), ql.Processor(depolarizing_1q=0.01))
    for sampler in samplers_of(flipping("unitary")):
        with pytest.raises(ValueError, match="errors on 'unitary'"):
            ql.sample(program, shots=50, seed=seed, sampler=sampler)
        assert ql.sample(program, shots=50, seed=seed, sampler=sampler, noise="sampler").fidelity() == 0


def test_a_delay_in_any_unit_does_nothing_to_an_ideal_memory(seed):
    program = pair_and(Delay(100, "dt"))
    for engine in ("exact", "clifford", "aer"):
        assert ql.sample(program, shots=50, seed=seed, engine=engine).fidelity() == 1
    waiting = replace(program, nodes=(program.nodes[0], ql.Node("bob", memory=ql.Memory(t2_s=1.0))))
    with pytest.raises(UnsupportedOperation, match="100 dt"):
        ql.sample(waiting, shots=50, seed=seed)
    waiting = replace(pair_and(Delay(0, "dt")), nodes=waiting.nodes)
    assert ql.sample(waiting, shots=50, seed=seed).fidelity() == 1


def test_a_devices_own_measurements_that_run_as_plain_ones_are_told():
    circuit = QuantumCircuit(3, 1)
    circuit.append(Instruction("reset_2", 1, 0, []), [0])
    circuit.append(bell_pair(), [0, 1])
    inner = QuantumCircuit(1, 1)
    inner.append(Instruction("measure_2", 1, 1, []), [0], [0])
    circuit.append(inner.to_instruction(), [2], [0])
    program = Program(circuit, {"a": 0, "b": 1}, (A, B, B))
    prepared = prepare(program, GenericBackendV2(4, seed=1, control_flow=True), bases=["ZZ"], seed=1)
    assert prepared.told_plainly == ("measure_2", "reset_2")
    assert "run as plain measurements and resets: measure_2, reset_2" in prepared.report()
    assert (
        "plain measurements" not in prepare(LINK, GenericBackendV2(4, seed=1, control_flow=True), seed=1).report()
    )


def test_a_submitted_links_own_noise_is_not_dropped_without_a_word(seed, tmp_path):
    device = GenericBackendV2(4, seed=1, control_flow=True)
    for machine, words in ((ExactSampler(seed=seed), "sample plays all of it"), (device, "medium='play'")):
        with pytest.warns(UserWarning, match="what the program has of its own is dropped") as told:
            ql.submit(LINK, machine, shots=50, directory=tmp_path, seed=seed)
        assert any(words in str(each.message) and each.filename == __file__ for each in told)
    ideal = ql.ElementaryLink(ql.Node("a"), ql.Node("b"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        ql.submit(ideal, ExactSampler(seed=seed), shots=50, directory=tmp_path)
        ql.submit(prepare(LINK, device, seed=1, medium="drop"), device, shots=50, directory=tmp_path)
