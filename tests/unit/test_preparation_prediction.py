"""The prediction for a device: against Aer's own model of it, closed forms, and one method against another."""

from itertools import pairwise
from math import exp, isclose

import numpy as np
import pytest
from qiskit.circuit import (
    ClassicalRegister,
    Delay,
    IfElseOp,
    Measure,
    Parameter,
    QuantumCircuit,
    QuantumRegister,
    Reset,
)
from qiskit.circuit.library import CXGate, RZGate, SXGate, XGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import DensityMatrix, Pauli, SuperOp, average_gate_fidelity
from qiskit.transpiler import CouplingMap, InstructionProperties, QubitProperties, Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, amplitude_damping_error, depolarizing_error, thermal_relaxation_error

import quantumlink as ql
from quantumlink.exact import branches, interpreter_size, outcome_probabilities, transfer_matrix
from quantumlink.execution.preparation import Probabilities, predict, prepare
from quantumlink.execution.preparation import prediction as predicting
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.device_noise import noisy_isa_circuit, target_noise
from quantumlink.execution.preparation.evaluation_order import measured_early
from quantumlink.execution.preparation.twirled import pauli_twirl, twirled_errors
from quantumlink.execution.preparation.waits import stratified
from quantumlink.program import Program, RandomSetting


def chain_program(hops, corrections="sequential", **of_links):
    nodes = [ql.Node(f"n{i}") for i in range(hops + 1)]
    return ql.compose(
        ql.chain([ql.ElementaryLink(a, b, **of_links) for a, b in pairwise(nodes)]), corrections=corrections
    )


def device(n=6, seed=1, **options):
    return GenericBackendV2(n, coupling_map=CouplingMap.from_line(n), control_flow=True, seed=seed, **options)


def test_gates_and_readout_are_aers_model_of_the_backend(seed):
    """Beside `NoiseModel.from_backend` on Aer's density matrix, for a circuit in which nothing waits."""
    backend = device(2, seed=seed)
    circuit = QuantumCircuit(2, 2)
    circuit.sx(0)
    circuit.cx(0, 1)
    noisy = noisy_isa_circuit(circuit, backend.target, latency_s=0.0)
    ours = branches(noisy.circuit, outputs=[0, 1])[(0, 0)].reshape(4, 4)
    aer_circuit = circuit.copy()
    aer_circuit.save_density_matrix()
    simulator = AerSimulator(method="density_matrix", noise_model=NoiseModel.from_backend(backend))
    rho = DensityMatrix(simulator.run(aer_circuit).result().data()["density_matrix"])
    for i, p in enumerate("IXYZ"):
        for j, q in enumerate("IXYZ"):
            # Aer leaves out Kraus operators of weight below 1e-8.
            assert ours[i, j] == pytest.approx(rho.expectation_value(Pauli(q + p)).real, abs=5e-8)
    full = NoiseModel.from_backend(backend)
    circuit.measure([0, 1], [0, 1])
    readout = noisy_isa_circuit(circuit, backend.target, latency_s=0.0).readout
    assert set(readout) == {0, 1}
    for q, confusion in readout.items():
        np.testing.assert_allclose(confusion, full._local_readout_errors[(q,)].probabilities, atol=1e-12)


def test_the_restricted_model_is_a_part_of_the_full_one():
    backend = device(5, seed=3)
    circuit = QuantumCircuit(5, 1)
    circuit.sx(1)
    circuit.cx(1, 2)
    circuit.measure(2, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(4)
    part, full = target_noise(circuit, backend.target), NoiseModel.from_backend(backend)
    assert {name: set(errors) for name, errors in part._local_quantum_errors.items()} == {
        "sx": {(1,)},
        "cx": {(1, 2)},
        "x": {(4,)},
    }
    assert set(part._local_readout_errors) == {(2,)}
    for name, errors in part._local_quantum_errors.items():
        for qubits, error in errors.items():
            np.testing.assert_allclose(
                SuperOp(error).data, SuperOp(full._local_quantum_errors[name][qubits]).data, atol=1e-12
            )


def quiet_target(t1, t2):
    """Two qubits that only decay: gates and readout without error, and of no duration."""
    target = Target(num_qubits=2, dt=1e-9, qubit_properties=[QubitProperties(t1=t1, t2=t2)] * 2)

    def perfect(*places):
        return {place: InstructionProperties(error=0.0, duration=0.0) for place in places}

    target.add_instruction(CXGate(), perfect((0, 1)))
    for operation in (SXGate(), XGate(), RZGate(Parameter("a")), Measure()):
        target.add_instruction(operation, perfect((0,), (1,)))
    target.add_instruction(Delay(Parameter("t")), {(0,): None, (1,): None})
    target.add_instruction(IfElseOp, name="if_else")
    return target


class _Device(GenericBackendV2):
    """A backend with a target of the test's own."""

    def __init__(self, target):
        super().__init__(target.num_qubits, seed=1)
        self._target = target

    @property
    def target(self):
        return self._target


def test_a_pair_that_waits_decays_as_the_closed_form_says():
    t1, t2, wait = 100e-6, 70e-6, 20e-6
    program = chain_program(1)
    circuit = program.circuit.copy()
    for q in (0, 1):
        circuit.delay(wait, q, unit="s")
    waiting = Program(circuit, program.ends, program.nodes)
    prediction = predict(prepare(waiting, _Device(quiet_target(t1, t2)), seed=1))
    gamma = 1 - exp(-wait / t1)
    # Both ends of a pair decay (density matrix, by hand).
    expected = (1 + gamma**2 + (1 - gamma) ** 2) / 4 + exp(-2 * wait / t2) / 2
    assert prediction.method == "exact"
    assert prediction.fidelity().best == pytest.approx(expected, abs=1e-9)
    assert prediction.ideal.fidelity().best == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("fires", [False, True])
def test_the_feed_forward_latency_is_waited_out(fires):
    """Qubit 1 is excited while qubit 0 is measured and the controller thinks: e^(−t/T1) is left of it."""
    t1, latency, length = 50e-6, 4e-6, 2e-6
    target = quiet_target(t1, t1)
    target["measure"][(0,)].duration = length
    circuit = QuantumCircuit(QuantumRegister(2, "q"), c := ClassicalRegister(2, "c"))
    if fires:
        circuit.x(0)
    circuit.x(1)
    circuit.barrier()
    circuit.measure(0, 0)
    with circuit.if_test((c[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    noisy = noisy_isa_circuit(circuit, target, latency_s=latency)
    found = outcome_probabilities(noisy.circuit)
    left = exp(-(length + latency) / t1)
    one = 1 - left if fires else left
    assert sum(p for bits, p in found.items() if bits[1] == 1) == pytest.approx(one, abs=1e-9)


def test_a_block_that_does_not_run_waits_as_long():
    t1, length = 50e-6, 5e-6
    target = quiet_target(t1, t1)
    target["x"][(0,)].duration = length
    circuit = QuantumCircuit(QuantumRegister(2, "q"), c := ClassicalRegister(2, "c"))
    circuit.x(1)
    circuit.measure(0, 0)
    with circuit.if_test((c[0], 1)):
        circuit.x(0)
        circuit.x(1)
    circuit.measure(1, 1)
    found = outcome_probabilities(noisy_isa_circuit(circuit, target, latency_s=0.0).circuit)
    assert sum(p for bits, p in found.items() if bits[1] == 1) == pytest.approx(exp(-length / t1), abs=1e-9)


@pytest.mark.parametrize("corrections", ["frame", "feedforward", "sequential", "deferred"])
def test_methods_agree(corrections, seed):
    """Exact against Aer's trajectories, readout errors, waits and feed-forward included."""
    prepared = prepare(chain_program(2), device(6, seed=2), corrections=corrections, seed=1)
    exact = predict(prepared, method="exact")
    sampled = predict(prepared, method="sampled", shots=6_000, seed=seed)
    assert (exact.method, sampled.method) == ("exact", "sampled")
    for basis in ("XX", "YY", "ZZ"):
        # Hoeffding for 6,000 shots of ±1: ±0.0696 at 1e-6.
        assert abs(exact.expectation(basis) - sampled.expectation(basis).best) < 0.0696
    assert exact.ideal.fidelity().best == pytest.approx(1.0, abs=1e-9)


def test_lowerings_share_their_ideal_and_differ_in_their_noise():
    fidelities = {}
    for corrections in ("frame", "feedforward", "deferred"):
        prediction = predict(prepare(chain_program(2), device(6, seed=2), corrections=corrections, seed=1))
        fidelities[corrections] = prediction.fidelity().best
    assert fidelities["frame"] > fidelities["feedforward"] > 0.5
    assert fidelities["frame"] > fidelities["deferred"] > 0.5


def test_a_given_model_acts_alone():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.08, 2), ["cx"])
    prepared = prepare(chain_program(3), device(6, seed=4), corrections="frame", seed=1)
    cx = prepared.cost.two_qubit_gates
    assert cx == 5
    prediction = predict(prepared, noise_model=model)
    # Links are pairs through one depolarized gate, and so is each swap: a Werner parameter of 0.92⁵.
    assert prediction.fidelity().best == pytest.approx((1 + 3 * 0.92**cx) / 4, abs=1e-9)


def test_a_model_of_a_backend_relaxes_delays_only():
    backend = device(2, seed=3)
    program = chain_program(1)
    told = {}
    for wait in (0.0, 40e-6):
        circuit = program.circuit.copy()
        if wait:
            circuit.delay(wait, 0, unit="s")
        prepared = prepare(Program(circuit, program.ends, program.nodes), backend, initial_layout=[0, 1], seed=1)
        told[wait] = predict(prepared, noise_model=NoiseModel.from_backend(backend))
    t1, t2 = Calibration(backend.target).lifetimes(0)
    ratio = told[40e-6].expectation("XX") / told[0.0].expectation("XX")
    assert ratio == pytest.approx(exp(-40e-6 / t2), rel=2e-3)  # but for what the gates after it do
    assert t2 < 2 * t1


def test_the_medium_is_played(seed):
    """On a perfect device what is played is what `evaluate` says of the link."""
    program = chain_program(2, bell_diagonal=(0.85, 0.08, 0.05, 0.02))
    backend = device(4, seed=1)
    played = prepare(program, backend, medium="play", randomizations=400, seed=seed)
    dropped = prepare(program, backend, seed=seed)
    ideal = predict(played, noise_model=NoiseModel()).ideal
    expected = ql.evaluate(program)
    for pauli in ("XX", "YY", "ZZ"):
        assert ideal.expectation(pauli).best == pytest.approx(expected.expectation(pauli), abs=1e-9)
        assert abs(predict(dropped, noise_model=NoiseModel()).predicted.expectation(pauli)) == pytest.approx(1.0)
    assert "dropped: 2 Pauli channels" in dropped.report()
    assert played.settings().shape == (1200, played.circuit.num_parameters)


def test_draws_are_stratified_and_complete(rng):
    setting = RandomSetting((Parameter("drawn"),), tuple((float(i),) for i in range(4)), (0.85, 0.08, 0.05, 0.02))
    for _ in range(50):
        counts = np.bincount(stratified(setting.weights, 1000, rng), minlength=4)
        assert np.abs(counts - np.array([850, 80, 50, 20])).max() <= 1
    # One row at a time the draw has the setting's probabilities. Hoeffding for 20,000: ±0.0191 at 1e-6.
    first = [int(stratified(setting.weights, 1, rng)[0]) for _ in range(20_000)]
    np.testing.assert_allclose(np.bincount(first, minlength=4) / 20_000, setting.weights, atol=0.0191)


def test_purification_is_predicted_with_its_acceptance():
    a, b = ql.Node("a"), ql.Node("b")
    link = ql.ElementaryLink(a, b, fidelity=0.8)
    program = ql.compose(ql.purify(link, link))
    prepared = prepare(program, device(4, seed=1), medium="play", seed=1)
    prediction = predict(prepared)
    expected = ql.evaluate(program)
    assert prediction.ideal.acceptance.best == pytest.approx(expected.success_probability, abs=1e-9)
    assert prediction.ideal.fidelity().best == pytest.approx(expected.fidelity, abs=1e-9)
    assert prediction.fidelity() < prediction.ideal.fidelity()


def test_many_random_parameters_are_predicted_for_the_rows_submitted():
    a, b = ql.Node("a"), ql.Node("b")
    link = ql.ElementaryLink(a, b, fidelity=0.8)
    program = ql.compose(ql.purify(link, link, protocol="bbpssw"))
    prepared = prepare(program, device(4, seed=1), medium="play", randomizations=20, bases=["ZZ"], seed=1)
    prediction = predict(prepared)
    assert prediction.method == "exact"
    assert "random parameters as drawn for the rows" in prediction.included
    assert len({tuple(row) for row in prepared.settings()}) > 10


def test_twirling_keeps_gate_fidelities_and_the_diagonal():
    for error in (
        amplitude_damping_error(0.2),
        thermal_relaxation_error(50e-6, 70e-6, 10e-6),
        depolarizing_error(0.1, 2),
        depolarizing_error(0.05, 2).compose(
            thermal_relaxation_error(1.0, 0.5, 0.2).expand(amplitude_damping_error(0.1))
        ),
    ):
        instruction = error.to_instruction()
        twirled = pauli_twirl(instruction)
        before, after = transfer_matrix(instruction), transfer_matrix(twirled.to_instruction())
        np.testing.assert_allclose(after, np.diag(np.diag(before)), atol=1e-12)
        assert isclose(
            average_gate_fidelity(SuperOp(twirled)), average_gate_fidelity(SuperOp(error)), abs_tol=1e-12
        )


def test_twirled_prediction_agrees_with_its_own_exact_one(seed):
    prepared = prepare(chain_program(3), device(6, seed=5), corrections="feedforward", seed=1)
    noisy = noisy_isa_circuit(prepared.circuit, prepared.target, latency_s=prepared.latency_s)
    circuit = twirled_errors(noisy.circuit)
    found = predict(prepared, method="twirled", shots=40_000, seed=seed)
    assert found.method == "twirled"
    table = dict(zip(prepared.recipe.bases, prepared.settings(), strict=True))
    for basis, row in table.items():
        there = dict(zip(prepared.circuit.parameters, row, strict=True))
        keep = [bit for _, bit in prepared.recipe.ends]
        outcomes = branches(circuit.assign_parameters(there), keep=keep, readout=noisy.readout)
        exact = sum((-1) ** (sum(bits)) * float(p.reshape(())) for bits, p in outcomes.items())
        # Hoeffding for 40,000 shots of ±1: ±0.027 at 1e-6.
        assert abs(exact - found.expectation(basis).best) < 0.027


def random_dynamic_circuit(rng, n=5, steps=40):
    circuit = QuantumCircuit(QuantumRegister(n, "q"), c := ClassicalRegister(8, "c"))
    measured = 0
    for _ in range(steps):
        a, b = (int(q) for q in rng.choice(n, 2, replace=False))
        kind = rng.integers(5)
        if kind == 0:
            circuit.ry(float(rng.uniform(0, 6)), a)
        elif kind == 1:
            circuit.cx(a, b)
        elif kind == 2:
            circuit.rx(float(rng.uniform(0, 6)), a)
        elif kind == 3 and measured < 8:
            circuit.measure(a, measured)
            measured += 1
        elif kind == 4 and measured:
            with circuit.if_test((c[int(rng.integers(measured))], 1)):
                circuit.ry(0.7, a)
                circuit.cz(a, b)
    return circuit


def test_another_order_measures_the_same(rng):
    for _ in range(6):
        circuit = random_dynamic_circuit(rng)
        before, after = outcome_probabilities(circuit), outcome_probabilities(measured_early(circuit))
        for bits in before.keys() | after.keys():
            assert before.get(bits, 0.0) == pytest.approx(after.get(bits, 0.0), abs=1e-10)


def test_another_order_lets_few_qubits_live():
    prepared = prepare(chain_program(10), device(20, seed=1), corrections="frame", seed=1)
    noisy = noisy_isa_circuit(prepared.circuit, prepared.target, latency_s=0.0)
    assert interpreter_size(measured_early(noisy.circuit), []).qubits <= 4
    assert predict(prepared).method == "exact"


def test_probabilities_read_as_samples_do(rng):
    counts = {basis: tuple(int(c) for c in rng.integers(1, 500, 4)) for basis in ("XX", "YY", "ZZ", "XZ")}
    samples = ql.Samples(("a", "b"), counts, dict.fromkeys(counts, 2000))
    exact = Probabilities(("a", "b"), {b: tuple(c / 2000 for c in found) for b, found in counts.items()})
    for pauli in ("XX", "YY", "ZZ", "XZ", "IZ", "IX", "XI", "ZI"):
        assert exact.expectation(pauli).best == pytest.approx(samples.expectation(pauli).best, abs=1e-12)
    # Counts at random may be of no state at all; those of samples are clipped to what is physical.
    assert np.clip(exact.fidelity().best, 0, 1) == pytest.approx(samples.fidelity().best, abs=1e-12)
    assert exact.qber("Y").best == pytest.approx(samples.qber("Y").best, abs=1e-12)
    assert exact.acceptance.best == pytest.approx(samples.acceptance.best, abs=1e-12)
    with pytest.raises(ValueError, match="YX is not predicted"):
        exact.expectation("YX")
    with pytest.raises(ValueError, match="no run is accepted"):
        Probabilities(("a", "b"), {"ZZ": (0.0, 0.0, 0.0, 0.0)}).expectation("ZZ")


def test_too_large_for_exact_is_said(monkeypatch):
    monkeypatch.setattr(predicting, "MAX_COEFFICIENTS", 4)
    prepared = prepare(chain_program(2), device(6), corrections="frame", seed=1)
    with pytest.raises(ValueError, match="method='sampled' or 'twirled'"):
        predict(prepared, method="exact")
    found = predict(prepared, shots=200, seed=1)
    assert found.method == "sampled"
    assert found.ideal is None
    assert predict(prepared, shots=200, seed=1).predicted == found.predicted


def test_arguments_of_predict():
    prepared = prepare(chain_program(1), device(2), seed=1)
    with pytest.raises(TypeError, match="what prepare returned"):
        predict(chain_program(1))
    with pytest.raises(ValueError, match="method must be one of"):
        predict(prepared, method="guess")
    with pytest.raises(ValueError, match="shots"):
        predict(prepared, shots=0)


def test_draws_of_two_settings_are_independent(rng):
    setting = RandomSetting((Parameter("drawn"),), ((0.0,), (1.0,)), None)
    first, second = (stratified(setting.weights, 1000, rng) for _ in range(2))
    # Hoeffding (drawing without replacement included) for 1,000 rows: ±0.0852 at 1e-6.
    assert abs(np.mean(first == second) - 0.5) < 0.0852


@pytest.mark.parametrize("conditional", [False, True])
def test_a_label_takes_no_noise_away(conditional):
    """Aer's rule that a label stands for the name is for models that were made for it."""
    target = device().target

    def ways(label):
        circuit = QuantumCircuit(2, 1)
        circuit.sx(0, label=label)
        circuit.cx(0, 1, label=label)
        circuit.measure(0, 0)
        if conditional:
            with circuit.if_test((circuit.clbits[0], 1)):
                circuit.x(1, label=label)
        return noisy_isa_circuit(circuit, target, latency_s=0.0).circuit

    def errors(circuit):
        blocks = [b for i in circuit.data for b in getattr(i.operation, "blocks", ())]
        return circuit.count_ops().get("quantum_channel", 0) + sum(map(errors, blocks))

    assert errors(ways("mine")) == errors(ways(None)) >= 2 + conditional


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("before", ["none", "x", "sx"])
def test_a_stated_error_of_a_reset_is_its_average_error(timed, before):
    """What is left is |1⟩ with its probability, whatever was there; of two resets only one has a stated error."""
    told = 1e-6 if timed else None
    target = Target(num_qubits=2, qubit_properties=[QubitProperties(t1=3e-6, t2=2e-6)] * 2)
    for gate in (XGate(), SXGate()):
        target.add_instruction(gate, {(q,): InstructionProperties(error=0.0, duration=0.0) for q in range(2)})
    resets = {
        (0,): InstructionProperties(error=0.04, duration=told),
        (1,): InstructionProperties(error=None, duration=told),
    }
    target.add_instruction(Reset(), resets)
    target.add_instruction(Measure(), {(q,): InstructionProperties(error=0.0, duration=0.0) for q in range(2)})
    circuit = QuantumCircuit(2, 2)
    for qubit in range(2):
        if before != "none":
            getattr(circuit, before)(qubit)
        circuit.reset(qubit)
    circuit.measure([0, 1], [0, 1])
    noisy = noisy_isa_circuit(circuit, target, latency_s=0.0)
    found = outcome_probabilities(noisy.circuit)
    assert found[1, 0] == pytest.approx(0.04, abs=1e-12)
    assert found[0, 0] == pytest.approx(0.96, abs=1e-12)
    assert "reset errors where stated" in noisy.stated.included
    assert "error of reset on qubit 1" in noisy.stated.unknown
    calibration = Calibration(target)
    assert calibration.reset_fidelity(0) == pytest.approx(0.96)
    assert calibration.reset_fidelity(1) == 1.0
