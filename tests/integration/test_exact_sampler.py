"""`ExactSampler` and the reading of Aer noise models: exact probabilities against Aer's density matrix."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr, types
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Kraus, random_quantum_channel
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    QuantumError,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    thermal_relaxation_error,
)

import quantumlink as ql
from quantumlink.exact import UnsupportedOperation, branches, interpreter_size
from quantumlink.rewrites import inlined_noise, readout_errors
from quantumlink.testing import assert_counts

# Deterministic floating-point work on both sides.
EXACT = 1e-9


def device(rng):
    """Errors by name, some for certain qubits only, Kraus errors among them; readout errors apart."""
    model = NoiseModel(basis_gates=["h", "x", "rx", "rz", "cx", "sx", "t"])
    model.add_all_qubit_quantum_error(depolarizing_error(rng.uniform(0, 0.2), 1), ["h", "x", "rx", "t"])
    model.add_quantum_error(amplitude_damping_error(rng.uniform(0, 0.3)), ["h"], [1])
    model.add_all_qubit_quantum_error(depolarizing_error(rng.uniform(0, 0.2), 2), ["cx"])
    model.add_quantum_error(pauli_error([("XY", 0.1), ("II", 0.9)]), ["cx"], [0, 2])
    model.add_all_qubit_quantum_error(thermal_relaxation_error(50, 70, 10), ["measure"])
    return model


def basic(num_qubits, rng):
    circuit = QuantumCircuit(num_qubits)
    for _ in range(12):
        a, b = rng.choice(num_qubits, 2, replace=False).tolist()
        gate = rng.choice(["h", "x", "t", "sx"])
        getattr(circuit, gate)(a)
        circuit.rx(rng.uniform(0, 6), b)
        circuit.cx(a, b)
    return circuit


def test_probabilities_under_a_noise_model_are_aers(rng):
    """Without readout errors Aer tells probabilities exactly: of the state just before an ideal measurement."""
    model, circuit = device(rng), basic(3, rng)
    reference = circuit.copy()
    reference.save_probabilities()
    simulator = AerSimulator(method="density_matrix", noise_model=model, fusion_enable=False)
    wanted = simulator.run(reference, shots=1).result()
    wanted = np.asarray(wanted.data()["probabilities"])
    noisy = inlined_noise(circuit, model)
    measured = noisy.copy()
    measured.measure_all()  # the error of "measure" is not inlined here
    found = np.zeros(8)
    for record, tensor in branches(measured).items():
        found[sum(bit << i for i, bit in enumerate(record))] = tensor.reshape(())
    np.testing.assert_allclose(found, wanted, rtol=0, atol=EXACT)


def test_errors_of_a_measurement_and_of_readout_act_as_in_aer(seed):
    """A million shots of Aer against the exact distribution: assert_counts, false alarm 1e-6."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.3), ["measure"])
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.25), ("I", 0.75)]), ["reset"])
    model.add_readout_error([[0.9, 0.1], [0.2, 0.8]], [1])
    circuit = QuantumCircuit(2, 2)
    circuit.x([0, 1])
    circuit.reset(0)
    circuit.h(1)
    circuit.measure([0, 1], [0, 1])
    backend = AerSimulator(method="density_matrix", noise_model=model)
    counts = backend.run(circuit, shots=1_000_000, seed_simulator=seed).result().get_counts()
    found = branches(inlined_noise(circuit, model), readout=readout_errors(model, 2))
    assert_counts(counts, {"".join(map(str, r[::-1])): float(t.reshape(())) for r, t in found.items()})


def test_kraus_and_relaxation_of_a_noise_model_are_aers(seed, rng):
    """Aer's exact probabilities before an ideal measurement, the readout applied to them by hand."""
    model = NoiseModel(basis_gates=["h", "x", "rx", "cx", "sx", "t", "delay"])
    kraus = random_quantum_channel(2, 2, rank=3, seed=rng)
    model.add_all_qubit_quantum_error(QuantumError(Kraus(kraus)), ["rx"])
    model.add_all_qubit_quantum_error(thermal_relaxation_error(50, 90, 20), ["h"])  # T2 > T1: Kraus operators
    model.add_all_qubit_quantum_error(thermal_relaxation_error(50, 30, 20), ["x", "sx"])  # else resets
    model.add_quantum_error(thermal_relaxation_error(40, 70, 300, 0.2), ["delay"], [1])
    model.add_quantum_error(thermal_relaxation_error(9, 9, 2).tensor(amplitude_damping_error(0.2)), ["cx"], [0, 1])
    readouts = [np.array([[1 - a, a], [b, 1 - b]]) for a, b in rng.uniform(0, 0.3, (3, 2))]
    circuit = basic(3, rng)
    circuit.delay(10, 1)
    reference = circuit.copy()
    reference.save_probabilities()
    simulator = AerSimulator(method="density_matrix", noise_model=model, fusion_enable=False)
    ideal = simulator.run(reference, shots=1).result()
    before = np.asarray(ideal.data()["probabilities"]).reshape(2, 2, 2)  # qubits 2, 1, 0
    wanted = np.einsum("cba,ax,by,cz->zyx", before, *readouts).ravel()
    for qubit, matrix in enumerate(readouts):
        model.add_readout_error(matrix, [qubit])
    circuit.measure_all()
    found = branches(inlined_noise(circuit, model), readout=readout_errors(model, 3))
    table = np.zeros(8)
    for record, tensor in found.items():
        table[sum(bit << i for i, bit in enumerate(record))] = tensor.reshape(())
    np.testing.assert_allclose(table, wanted, rtol=0, atol=EXACT)
    counts = ql.ExactSampler(seed=seed, noise_model=model).run([circuit], shots=100_000).result()[0].data.meas
    assert_counts(counts.get_counts(), {f"{i:03b}": p for i, p in enumerate(wanted)})


def test_a_reset_in_a_block_and_a_xor_condition(seed):
    """Exact by hand: qubit 1 is 1 unless the two coins differ, where it is reset."""
    circuit = QuantumCircuit(3, 3)
    circuit.h([0, 2])
    circuit.x(1)
    circuit.measure([0, 2], [0, 2])
    with circuit.if_test(expr.bit_xor(circuit.clbits[0], circuit.clbits[2])):
        circuit.reset(1)
    circuit.measure(1, 1)
    result = ql.ExactSampler(seed=seed).run([(circuit, None, 40_000)]).result()[0]
    assert result.metadata == {"shots": 40_000, "circuit_metadata": circuit.metadata}
    assert_counts(result.data.c.get_counts(), {"010": 0.25, "111": 0.25, "001": 0.25, "100": 0.25})


def test_arguments_of_the_wrong_kind_are_refused():
    with pytest.raises(TypeError, match="noise_model must be an Aer NoiseModel or None"):
        ql.ExactSampler(noise_model="thermal")
    with pytest.raises(TypeError, match="seed"):
        ql.ExactSampler(seed=1.5)


def test_readout_errors_drive_the_feed_forward():
    """|0⟩ read as 1 with 0.3: the correction flips the other qubit just as often, and the record says so."""
    model = NoiseModel()
    model.add_readout_error([[0.7, 0.3], [0.0, 1.0]], [0])
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    found = branches(inlined_noise(circuit, model), readout=readout_errors(model, 2))
    assert {record: round(float(t.reshape(())), 12) for record, t in found.items()} == {(0, 0): 0.7, (1, 1): 0.3}


def test_noise_acts_only_where_a_block_runs():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 1.0)]), ["z"])
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.z(1)
    circuit.measure(1, 1)
    found = branches(inlined_noise(circuit, model))
    assert set(found) == {(0, 0), (1, 1)}


@pytest.mark.parametrize("number", range(5))
def test_dynamic_circuits_are_drawn_from_their_exact_distribution(number, rng, seed):
    """Against Aer's statevector method, 20,000 shots each way; two-sample check through the exact table."""
    circuit = random_circuit(3, 4, conditional=False, measure=False, seed=int(rng.integers(2**31)))
    circuit.add_register(ClassicalRegister(3, "c"))
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.h(1)
    circuit.reset(0)
    circuit.measure([1, 2], [1, 2])
    counts = ql.ExactSampler(seed=seed).run([circuit], shots=20_000).result()[0].data.c.get_counts()
    exact = {"".join(map(str, r[::-1])): float(t.reshape(())) for r, t in branches(circuit).items()}
    assert_counts(counts, exact)
    from qiskit import transpile

    backend = AerSimulator()
    aer = backend.run(transpile(circuit, backend, optimization_level=0), shots=20_000, seed_simulator=seed)
    assert_counts(aer.result().get_counts(), exact)


def test_it_is_a_v2_sampler(seed):
    theta = Parameter("θ")
    first = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(1, "left"), ClassicalRegister(1, "right"))
    first.rx(theta, 0)
    first.cx(0, 1)
    first.measure([0, 1], [0, 1])
    second = QuantumCircuit(1)
    second.x(0)
    second.measure_all()
    table = np.array([[0.0, np.pi], [0.0, np.pi], [np.pi, 0.0]])[..., None]
    job = ql.ExactSampler(seed=seed, default_shots=77).run([(first, table, 50), second])
    one, two = job.result()
    assert one.data.left.array.shape[:2] == (3, 2)
    assert (one.data.left.num_shots, two.data.meas.num_shots) == (50, 77)
    wanted = (table[..., 0] > 1)[..., None].repeat(50, axis=-1)
    for name in ("left", "right"):
        np.testing.assert_array_equal(one.data[name].to_bool_array(order="little")[..., 0], wanted)
    assert two.data.meas.get_counts() == {"1": 77}


def test_seeds():
    circuit = QuantumCircuit(6)
    circuit.h(range(6))
    circuit.measure_all()

    def bits(seed):
        one, two = ql.ExactSampler(seed=seed).run([circuit, circuit], shots=200).result()
        return one.data.meas.array, two.data.meas.array

    assert all((a == b).all() for a, b in zip(bits(5), bits(5), strict=True))
    # 1,200 fair bits: that two independent draws agree throughout has probability 2⁻¹²⁰⁰.
    assert (bits(5)[0] != bits(6)[0]).any()
    assert (bits(5)[0] != bits(5)[1]).any()


def test_what_it_cannot_take_is_refused_by_name():
    wide = QuantumCircuit(14)
    wide.h(0)
    for i in range(13):
        wide.cx(i, i + 1)
    wide.measure_all()
    with pytest.raises(ValueError, match="14 qubits are entangled at one time"):
        ql.ExactSampler().run([wide])
    saved = QuantumCircuit(1, 1)
    saved.save_density_matrix()
    with pytest.raises(UnsupportedOperation, match=r"'save_density_matrix' .*circuit.data\[0\].*Aer's SamplerV2"):
        ql.ExactSampler().run([saved])
    with pytest.raises(ValueError, match="shots must be a whole number, at least 1; got 0"):
        ql.ExactSampler().run([saved], shots=0)
    composite = QuantumCircuit(2)
    composite.append(ql.circuits.bell_pair().to_gate(), [0, 1])
    with pytest.raises(UnsupportedOperation, match="'bell_pair' is composite"):
        inlined_noise(composite, NoiseModel())


def test_size_counts_what_lives_at_one_time():
    nodes = [ql.Node(f"n{i}") for i in range(41)]
    hops = [ql.ElementaryLink(a, b, fidelity=0.99) for a, b in pairwise(nodes)]
    program = ql.compose(ql.chain(hops, order="sequential"))
    assert program.circuit.num_qubits == 80
    size = interpreter_size(program.circuit, keep=[])
    # The left end lives on its own; a hop's new pair and the end that waits make three.
    assert (size.qubits, size.bits) == (3, 2)


def test_sample_follows_small_programs_exactly_and_says_so(seed):
    a, r, b = ql.Node("a"), ql.Node("r", processor=ql.Processor(0.01, 0.02, 0.03)), ql.Node("b")
    link = ql.swap(ql.ElementaryLink(a, r, fidelity=0.9), ql.ElementaryLink(r, b, fidelity=0.95))
    samples = ql.sample(link, shots=1_000_000, seed=seed)
    assert samples.engine.startswith("exact:")
    state = ql.evaluate(link)
    # Hoeffding at 1e-6 for each of three correlators: 0.0054 at a million shots; a quarter of each in the fidelity.
    assert abs(samples.fidelity() - state.fidelity) < 3 * 0.0054 / 4
    assert ql.sample(link, shots=200, seed=seed, sampler=AerSimulator()).engine == "aer: given"


def test_the_engine_is_the_first_that_takes_the_circuit(seed):
    nodes = [ql.Node(f"n{i}", processor=ql.Processor(0.001, 0.002, 0.003)) for i in range(41)]
    hops = [ql.ElementaryLink(a, b, fidelity=0.999) for a, b in pairwise(nodes)]
    framed = ql.compose(ql.chain(hops), corrections="frame")
    samples = ql.sample(framed, "ZZ", shots=20_000, seed=seed)
    assert samples.engine.startswith("clifford:")
    # The frame leaves out the corrections' gates and their noise: within 0.02 of the link's.
    # Hoeffding at 1e-6 for 20,000 shots: 0.019.
    assert abs(samples.qber("Z") - ql.evaluate(ql.chain(hops)).qber("Z")) < 0.02 + 0.019

    small = ql.compose(ql.chain(hops[:8]), corrections="frame")
    circuit = small.circuit.copy_empty_like()
    circuit.t(0)  # on |0⟩ it does nothing, but it is no Clifford gate
    for instruction in small.circuit.data:
        circuit.append(instruction)
    samples = ql.sample(replace(small, circuit=circuit), "ZZ", shots=50, seed=seed)
    assert samples.engine.startswith("exact: up to 3 qubits")
    assert "'t'" in samples.engine


def test_what_is_certain_is_one_branch_and_what_is_apart_is_drawn_apart(seed):
    certain = QuantumCircuit(127)
    certain.x(range(0, 127, 3))
    certain.measure_all()
    counts = ql.ExactSampler(seed=seed).run([certain], shots=20).result()[0].data.meas.get_counts()
    assert counts == {"".join("1" if q % 3 == 0 else "0" for q in reversed(range(127))): 20}
    apart = QuantumCircuit(38)
    apart.ry(0.7, range(38))
    apart.measure_all()
    bits = ql.ExactSampler(seed=seed).run([apart], shots=72_544).result()[0].data.meas.to_bool_array(order="little")
    # Hoeffding at 1e-6: ±0.01 for each; 38 qubits and 37 pairs of neighbors, so 75e-6 in all.
    np.testing.assert_allclose(bits.mean(axis=0), np.sin(0.35) ** 2, atol=0.01)
    both = (bits[:, 1:] & bits[:, :-1]).mean(axis=0)
    np.testing.assert_allclose(both, np.sin(0.35) ** 4, atol=0.01)


def test_readout_errors_count_as_random_bits():
    model = NoiseModel()
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.1, 0.9]])
    circuit = QuantumCircuit(1, 17)
    for bit in range(17):
        circuit.measure(0, bit)
    with pytest.raises(UnsupportedOperation, match="17 measured bits are kept"):
        ql.ExactSampler(noise_model=model).run([circuit])
    assert ql.ExactSampler(seed=1).run([circuit], shots=3).result()[0].data.c.get_counts() == {"0" * 17: 3}


def test_loops_and_variables_are_drawn(seed):
    circuit = QuantumCircuit(1, 2)
    tries = circuit.add_var("tries", expr.lift(0, types.Uint(2)))
    with circuit.while_loop(expr.logic_and(expr.logic_not(circuit.clbits[0]), expr.less(tries, 2))):
        circuit.h(0)
        circuit.measure(0, 0)
        circuit.store(tries, expr.add(tries, 1))
    circuit.store(circuit.clbits[1], expr.equal(tries, 2))
    counts = ql.ExactSampler(seed=seed).run([circuit], shots=40_000).result()[0].data.c.get_counts()
    assert_counts(counts, {"01": 0.5, "11": 0.25, "10": 0.25})
