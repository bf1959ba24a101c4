"""Targets that state only part of their calibration: what is missing is not perfect, no crash, and told."""

from itertools import product
from math import inf, nan

import numpy as np
import pytest
from qiskit.circuit import Delay, IfElseOp, Measure, Parameter, QuantumCircuit, Reset
from qiskit.circuit.library import CXGate, CZGate, RZGate, SXGate, XGate
from qiskit.primitives import BackendSamplerV2
from qiskit.providers import BackendV2, Options
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import CouplingMap, InstructionProperties, QubitProperties, Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error, pauli_error

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution import ExactSampler
from quantumlink.execution.clifford import CliffordSampler
from quantumlink.execution.preparation import predict, prepare
from quantumlink.execution.preparation.calibration import Calibration

A, R, B = (ql.Node(name) for name in ("alice", "relay", "bob"))
PAIR = ql.ElementaryLink(A, B)
SWAP = ql.swap(ql.ElementaryLink(A, R), ql.ElementaryLink(R, B))


class Device(BackendV2):
    """A target and nothing else."""

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

    def run(self, *args, **options):
        raise NotImplementedError


def line(
    cx=0.01,
    sx=1e-4,
    readout=0.02,
    t1=1e-4,
    t2=1e-4,
    properties=True,
    times=(3e-8, 3e-7, 1e-6),
    qubits=4,
    coupling=None,
):
    """A line of qubits; ``cx`` and ``readout`` may be mappings from places, others than which are 0.01 and 0.02."""
    lifetimes = [QubitProperties(t1=t1, t2=t2)] * qubits if properties else None
    target = Target(num_qubits=qubits, qubit_properties=lifetimes)
    single, double, measure = times
    every = [(q,) for q in range(qubits)]
    told = InstructionProperties
    pairs = [(q, q + 1) for q in range(qubits - 1)] if coupling is None else coupling
    cx_of = cx if isinstance(cx, dict) else dict.fromkeys(pairs, cx)
    readout_of = readout if isinstance(readout, dict) else dict.fromkeys(every, readout)
    target.add_instruction(RZGate(Parameter("a")), {q: told(duration=0, error=0) for q in every})
    target.add_instruction(SXGate(), {q: told(duration=single, error=sx) for q in every})
    target.add_instruction(XGate(), {q: told(duration=single, error=sx) for q in every})
    target.add_instruction(CXGate(), {p: told(duration=double, error=cx_of.get(p, 0.01)) for p in pairs})
    target.add_instruction(Measure(), {q: told(duration=measure, error=readout_of.get(q, 0.02)) for q in every})
    target.add_instruction(Reset(), {q: told(duration=measure) for q in every})
    target.add_instruction(Delay(Parameter("t")), dict.fromkeys(every))
    target.add_instruction(IfElseOp, name="if_else")
    return target


MISSING = (None, nan)
PARTLY = {
    "no measure error": {"readout": None},
    "NaN measure error": {"readout": nan},
    "no qubit properties": {"properties": False},
    "T1 of 0": {"t1": 0.0},
    "NaN T1": {"t1": nan},
    "no T1": {"t1": None},
    "negative T1": {"t1": -1.0},
    "T2 of 0": {"t2": 0.0},
    "NaN T2": {"t2": nan},
    "NaN lifetimes": {"t1": nan, "t2": nan},
    "no gate error": {"cx": None},
    "NaN gate error": {"cx": nan, "sx": nan},
    "an error above 1": {"cx": 7.0},
    "no durations": {"times": (None, None, None)},
    "NaN durations": {"times": (nan, nan, nan)},
    "nothing": {"cx": None, "sx": None, "readout": None, "properties": False, "times": (None,) * 3},
}


@pytest.mark.parametrize("corrections", ["frame", "sequential"])
@pytest.mark.parametrize("name", PARTLY)
def test_whatever_is_missing_a_prediction_comes_and_says_so(name, corrections):
    prepared = prepare(ql.compose(SWAP), Device(line(**PARTLY[name])), corrections=corrections, seed=1)
    prediction = predict(prepared)
    assert 0 < prediction.fidelity() <= 1
    assert prediction.unknown
    assert "not stated" in repr(prediction) + prediction._repr_html_()
    assert "not stated by the target" in prepared.report()


def test_a_target_that_states_everything_has_nothing_unknown():
    prediction = predict(prepare(ql.compose(SWAP), Device(line()), seed=1))
    assert prediction.unknown == ()
    assert [text.split(" (")[0] for text in prediction.included] == [
        "gate errors",
        "readout errors",
        "relaxation of waiting qubits",
        "no medium",
    ]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"readout": None}, "readout"),
        ({"readout": nan}, "readout"),
        ({"cx": None, "sx": nan, "properties": False}, "gate errors of all"),
        ({"properties": False}, "relaxation"),
        ({"t1": nan, "t2": 0.0}, "relaxation"),
        ({"times": (None, nan, None)}, "relaxation"),
    ],
)
def test_what_was_not_found_is_never_listed_as_included(given, kind):
    prediction = predict(prepare(ql.compose(SWAP), Device(line(**given)), seed=1))
    assert not any(text.startswith(kind) for text in prediction.included)
    if kind.startswith("gate"):
        assert "gate errors" not in prediction.included  # but "where stated": those of rz are


def test_a_missing_figure_is_left_out_of_a_prediction_and_the_others_are_not():
    """Without its readout error a device is predicted as one that reads perfectly, and so on for each figure."""
    for missing, perfect in [
        ({"readout": nan}, {"readout": 0.0}),
        ({"cx": None, "properties": False}, {"cx": 0.0, "t1": inf, "t2": inf}),
        ({"t1": 0.0, "t2": nan}, {"t1": inf, "t2": inf}),
        ({"t1": nan, "t2": 1e-4}, {"t1": inf, "t2": 1e-4}),
        ({"t1": 1e-4, "t2": None}, {"t1": 1e-4, "t2": 2e-4}),
    ]:
        found, wanted = (
            predict(prepare(ql.compose(SWAP), Device(line(**given)), initial_layout=[0, 1, 2, 3], seed=1))
            for given in (missing, perfect)
        )
        for basis in ("XX", "YY", "ZZ"):
            np.testing.assert_allclose(
                found.predicted.outcomes[basis], wanted.predicted.outcomes[basis], rtol=0, atol=1e-12
            )


@pytest.mark.parametrize("error", MISSING)
def test_the_search_does_not_prefer_edges_without_a_calibration(error):
    # Of a line of eight pairs, all but one without an error; the one that has one has a poor one.
    for good in (0, 3, 7):
        cx = {(q, q + 1): error for q in range(8)} | {(good, good + 1): 0.04}
        prepared = prepare(ql.compose(PAIR), Device(line(cx=cx, qubits=9)), seed=1)
        assert set(prepared.layout) == {good, good + 1}
        assert predict(prepared).unknown == ()


@pytest.mark.parametrize("error", MISSING)
def test_equal_edges_with_a_calibration_go_before_those_without(error):
    cx = {(q, q + 1): 0.01 if q == 2 else error for q in range(5)}
    readout = {(q,): 0.02 if q in (2, 3) else error for q in range(6)}
    prepared = prepare(ql.compose(PAIR), Device(line(cx=cx, readout=readout, qubits=6)), seed=1)
    assert set(prepared.layout) == {2, 3}


@pytest.mark.parametrize("error", MISSING)
def test_the_search_does_not_prefer_qubits_without_a_readout_error(error):
    readout = {(q,): error if q not in (4, 5) else 0.05 for q in range(9)}
    prepared = prepare(ql.compose(PAIR), Device(line(readout=readout, qubits=9)), seed=1)
    assert set(prepared.layout) == {4, 5}


def test_a_broken_edge_is_worse_than_one_without_a_calibration():
    cx = {(0, 1): 1.0, (1, 2): None}
    readout = {(0,): 0.02, (1,): 0.02, (2,): 0.02}
    prepared = prepare(ql.compose(PAIR), Device(line(cx=cx, readout=readout, qubits=3)), seed=1)
    assert set(prepared.layout) == {1, 2}


@pytest.mark.parametrize("missing", MISSING)
def test_nothing_that_is_missing_is_better_than_the_worst_that_is_stated(missing):
    target = line(cx={(0, 1): 0.03, (1, 2): 0.01, (2, 3): missing}, readout={(3,): missing, (0,): 0.1})
    target.add_instruction(CZGate(), {(0, 1): InstructionProperties(error=missing)})
    calibration = Calibration(target)
    assert calibration.gate_fidelity("cx", (2, 3)) < calibration.gate_fidelity("cx", (0, 1))
    assert calibration.gate_fidelity("cz", (0, 1)) < calibration.gate_fidelity("cx", (0, 1))
    assert calibration.readout_fidelity(3) < calibration.readout_fidelity(0)
    properties = [QubitProperties(t1=1e-4, t2=5e-5), QubitProperties(t1=missing, t2=missing)]
    waiting = Calibration(Target(num_qubits=2, qubit_properties=properties))
    assert waiting.waiting_fidelity(1, 1e-5) < waiting.waiting_fidelity(0, 1e-5)


# --- simulators that play a noise model of their own


def noise_model():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    model.add_quantum_error(depolarizing_error(0.02, 1), ["sx"], [1])
    model.add_all_qubit_readout_error(ReadoutError([[0.95, 0.05], [0.1, 0.9]]))
    return model


def simulator(model, **options):
    return AerSimulator(
        noise_model=model, coupling_map=CouplingMap.from_line(4), basis_gates=["cx", "rz", "sx", "x"], **options
    )


# Hoeffding: parities of 3 bases in 72,544 runs each, ±0.0105 with a false alarm of 1e-6.
MANY, TOLERANCE = 72_544, 0.0105 * 2


@pytest.mark.parametrize(
    "build", [lambda: simulator(noise_model()), lambda: from_device()], ids=["model", "device"]
)
def test_a_simulator_is_predicted_by_the_noise_model_that_it_plays(build, seed):
    backend = build()
    prepared = prepare(ql.compose(SWAP), backend, corrections="frame", seed=1)
    prediction = predict(prepared)
    job = BackendSamplerV2(backend=backend, options={"seed_simulator": seed}).run(prepared.pubs(MANY))
    samples = prepared.samples(job.result())
    for basis in ("XX", "YY", "ZZ"):
        assert prediction.expectation(basis) == pytest.approx(samples.expectation(basis), abs=TOLERANCE)
    assert prediction.fidelity() < 0.99
    assert "gate errors of the noise model" in prediction.included
    assert "readout errors of the noise model" in prediction.included


def from_device():
    return AerSimulator.from_backend(GenericBackendV2(4, coupling_map=CouplingMap.from_line(4), seed=2))


@pytest.mark.parametrize("model", [None, NoiseModel()])
def test_a_simulator_without_noise_is_predicted_without_any(model):
    prediction = predict(prepare(ql.compose(SWAP), simulator(model), seed=1))
    assert prediction.fidelity().best == pytest.approx(1, abs=1e-9)
    assert prediction.included == ("no medium",)


def test_a_model_says_only_what_it_has():
    readout = NoiseModel()
    readout.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.1, 0.9]]))
    prepared = prepare(ql.compose(SWAP), simulator(readout), seed=1)
    assert predict(prepared).included == ("readout errors of the noise model", "no medium")
    elsewhere = NoiseModel()
    elsewhere.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["ecr"])
    assert predict(prepared, noise_model=elsewhere).included == ("no medium",)
    with pytest.raises(TypeError, match="noise_model"):
        predict(prepared, noise_model="depolarizing")


# --- one rule for the noise of a model


def test_a_pauli_never_has_an_error_as_on_aer():
    """Nor by its label or by its parts; a gate beside it has its own. All outcomes are certain."""
    flip, both = pauli_error([("X", 1.0)]), pauli_error([("XX", 1.0)])
    model = NoiseModel()
    model.add_all_qubit_quantum_error(flip, ["pauli", "named", "z", "x"])
    pair = NoiseModel()
    pair.add_all_qubit_quantum_error(both, ["pauli"])
    one = QuantumCircuit(1, 1)
    one.pauli("Z", [0])
    one.data[0].operation.label = "named"
    two = QuantumCircuit(2, 2)
    two.pauli("ZX", [0, 1])
    beside = QuantumCircuit(1, 1)
    beside.pauli("X", [0])
    beside.z(0)
    for circuit, noise in product((one, two, beside), (model, pair)):
        measured = circuit.copy()
        measured.measure(range(circuit.num_qubits), range(circuit.num_qubits))
        wanted = AerSimulator(noise_model=noise).run(measured, shots=10, seed_simulator=1).result().get_counts()
        assert len(wanted) == 1
        for sampler in (ExactSampler(noise_model=noise, seed=1), CliffordSampler(noise_model=noise, seed=1)):
            assert sampler.run([measured], shots=10).result()[0].data.c.get_counts() == wanted


def test_an_error_of_another_width_is_refused_by_name():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 1.0)]), ["unitary"])
    circuit = QuantumCircuit(2, 2)
    circuit.unitary(np.eye(4), [0, 1])
    circuit.measure([0, 1], [0, 1])
    for sampler in (ExactSampler(noise_model=model, seed=1), CliffordSampler(noise_model=model, seed=1)):
        with pytest.raises(UnsupportedOperation, match=r"unitary.* on 1 qubits"):
            sampler.run([circuit], shots=10).result()
