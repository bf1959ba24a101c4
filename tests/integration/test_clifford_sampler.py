"""`CliffordSampler` beside exact probabilities, beside Aer, and as a SamplerV2.

Sampled checks go through `assert_counts`: correct counts fail one in 10⁶ times a check, and with some 200 checks
one in 5,000 sessions. Everything with probabilities 0 and 1 only is compared bit by bit.
"""

from itertools import pairwise

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Clbit, Parameter, QuantumCircuit, QuantumRegister, Qubit
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import Reset, XGate
from qiskit.primitives import BitArray
from qiskit.quantum_info import random_clifford
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    QuantumError,
    ReadoutError,
    RelaxationNoisePass,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    thermal_relaxation_error,
)

import quantumlink as ql
from quantumlink.circuits import PauliChannel, entanglement_swap, teleportation
from quantumlink.exact import UnsupportedOperation, branches, outcome_probabilities
from quantumlink.execution.clifford import CliffordSampler, compiled
from quantumlink.execution.clifford.compiler import compiled as compile_steps
from quantumlink.execution.clifford.noise import ModelNoise
from quantumlink.execution.clifford.steps import bind, read
from quantumlink.rewrites import add_noise, inlined_noise, noisy_circuit, readout_errors
from quantumlink.testing import assert_counts

ASYMMETRIC = [[0.93, 0.07], [0.2, 0.8]]
OTHER_WAY = [[0.75, 0.25], [0.04, 0.96]]
NOISY = ql.Processor(depolarizing_1q=0.15, depolarizing_2q=0.1, readout_error=ASYMMETRIC)


def records(circuit, shots, seed, **options):
    """The bits of one circuit: shape (shots, clbits), clbit 0 first."""
    data = CliffordSampler(seed=seed, **options).run([circuit], shots=shots).result()[0].data
    arrays = [data[register.name].to_bool_array(order="little") for register in circuit.cregs]
    return np.concatenate(arrays, axis=-1)


def counts_of(bits):
    patterns, number = np.unique(bits, axis=0, return_counts=True)
    return {tuple(map(int, p)): int(n) for p, n in zip(patterns, number, strict=True)}


def assert_exact(circuit, seed, shots=20_000, **options):
    """The sampled records are those of the branch interpreter."""
    assert_counts(counts_of(records(circuit, shots, seed, **options)), outcome_probabilities(circuit))


def measured(program):
    circuit = program.circuit.copy()
    ends = ClassicalRegister(len(program.ends), "ends")
    circuit.add_register(ends)
    circuit.measure(list(program.ends.values()), ends)
    return circuit


def chain(hops, processor, corrections="sequential", fidelity=0.9):
    nodes = [ql.Node(f"n{i}", processor=processor) for i in range(hops + 1)]
    links = [ql.ElementaryLink(a, b, fidelity=fidelity) for a, b in pairwise(nodes)]
    return ql.compose(ql.chain(links), corrections=corrections)


# --- a SamplerV2 ---------------------------------------------------------------------------------------------


def test_registers_shapes_shots_and_metadata():
    theta = Parameter("theta")
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "a"), ClassicalRegister(11, "b"))
    circuit.metadata = {"kept": 3}
    circuit.rx(theta, 0)
    circuit.measure(0, circuit.cregs[1][9])
    circuit.x(1)
    circuit.measure(1, circuit.cregs[0][1])
    values = np.pi * np.array([[0, 1, 2], [3, 1, 0]])
    plain = QuantumCircuit(1)
    plain.measure_all()
    job = CliffordSampler(default_shots=5).run([(circuit, {theta: values}), (plain, None, 17), plain], shots=9)
    first, second, third = job.result()
    assert first.data.shape == (2, 3)
    assert (first.data.a.num_bits, first.data.b.num_bits) == (2, 11)
    assert first.data.b.array.shape == (2, 3, 9, 2)
    assert isinstance(first.data.a, BitArray)
    bits = first.data.b.to_bool_array(order="little")
    assert (bits[..., 9] == (np.array([[0, 1, 0], [1, 1, 0]])[..., None])).all()
    assert not np.delete(bits, 9, axis=-1).any()
    assert (first.data.a.to_bool_array(order="little") == [False, True]).all()
    assert (second.data.meas.num_shots, third.data.meas.num_shots) == (17, 9)
    assert CliffordSampler(default_shots=5).run([plain]).result()[0].data.meas.num_shots == 5
    assert first.metadata == {"shots": 9, "circuit_metadata": {"kept": 3}}


def test_shared_and_loose_bits():
    bits = [Clbit() for _ in range(3)]
    circuit = QuantumCircuit([Qubit()], bits)
    circuit.add_register(ClassicalRegister(bits=[bits[2], bits[0]], name="backwards"))
    circuit.add_register(ClassicalRegister(bits=[bits[0]], name="alone"))
    circuit.x(0)
    circuit.measure(0, bits[0])
    data = CliffordSampler().run([circuit], shots=3).result()[0].data
    assert data.backwards.get_counts() == {"10": 3}
    assert data.alone.get_counts() == {"1": 3}


def test_a_circuit_without_bits_warns():
    with pytest.warns(UserWarning, match="measure into one"):
        CliffordSampler().run([QuantumCircuit(1)]).result()


def coins(num=40):
    circuit = QuantumCircuit(num)
    circuit.h(range(num))
    circuit.measure_all()
    return circuit


def test_seeds_repeat_and_streams_differ(seed):
    # 40 coins, 50 times: two equal results by chance once in 2²⁰⁰⁰.
    def draw(seed):
        theta = Parameter("theta")
        turned = QuantumCircuit(40)
        turned.rx(theta, range(40))
        turned.measure_all()
        pubs = [coins(), coins(), (turned, [[np.pi / 2], [-np.pi / 2], [np.pi / 2]])]
        result = CliffordSampler(seed=seed).run(pubs, shots=50).result()
        first, second, swept = (pub.data.meas.array for pub in result)
        return [first, second, *swept]

    once, again, other, unseeded = draw(seed), draw(seed), draw(seed + 1), draw(None)
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)
    drawn = [*once, *other, *unseeded, *draw(None)]
    assert len({array.tobytes() for array in drawn}) == len(drawn)


def test_batches_are_drawn_independently(seed, monkeypatch):
    whole = records(coins(), 1000, seed)
    monkeypatch.setattr(compiled, "BATCH_BITS", 100_000)
    split = records(coins(), 1000, seed)
    assert split.shape == whole.shape
    assert len(np.unique(split, axis=0)) == 1000
    assert_counts({"0": int((~split).sum()), "1": int(split.sum())}, {"0": 0.5, "1": 0.5})


@pytest.mark.parametrize(
    ("options", "error"),
    [({"default_shots": 0}, ValueError), ({"seed": "a"}, TypeError), ({"noise_model": 3}, TypeError)],
)
def test_bad_arguments(options, error):
    with pytest.raises(error, match=next(iter(options))):
        CliffordSampler(**options)


# --- exact probabilities -------------------------------------------------------------------------------------


def random_dynamic(rng, *, noise):
    """A random Clifford circuit of four qubits with measurements, resets, and feed-forward of all kinds."""
    circuit = QuantumCircuit(QuantumRegister(4), ClassicalRegister(3, "a"), ClassicalRegister(2, "b"))
    a, b = circuit.cregs

    def error(num_qubits):
        words = ["I" * num_qubits, *("".join(rng.choice(list("IXYZ"), num_qubits)) for _ in range(3))]
        return pauli_error(list(zip(words, rng.dirichlet([8, 1, 1, 1]), strict=True)))

    def paulis(block, parts):
        for _ in range(parts):
            qubit = int(rng.integers(4))
            getattr(block, str(rng.choice(["x", "y", "z"])))(qubit)
            if noise and rng.random() < 0.5:
                block.append(error(1), [qubit])
            if noise and rng.random() < 0.2:
                block.append(error(2), [qubit, (qubit + 1) % 4])

    def condition():
        i, j = rng.choice(5, 2, replace=False)
        one, two = circuit.clbits[i], circuit.clbits[j]
        return [
            (one, int(rng.integers(2))),
            (a, int(rng.integers(8))),
            expr.bit_xor(one, two),
            expr.logic_not(expr.bit_xor(two, one)),
            expr.logic_or(one, expr.logic_not(two)),
            expr.less(a, 4),
        ][rng.integers(6)]

    for _ in range(12):
        kind = rng.choice(["gate", "gate", "pair", "measure", "measure", "reset", "if", "if", "noise"])
        qubits = [int(q) for q in rng.choice(4, 2, replace=False)]
        if kind == "gate":
            circuit.append(random_clifford(1, seed=rng).to_instruction(), qubits[:1])
        elif kind == "pair":
            circuit.append(random_clifford(2, seed=rng).to_instruction(), qubits)
        elif kind == "measure":
            if noise:
                up, down = rng.random(2) * 0.3
                circuit.append(readout(up, down), qubits[:1])
            circuit.measure(qubits[0], int(rng.integers(5)))
        elif kind == "reset":
            circuit.reset(qubits[0])
        elif kind == "noise" and noise:
            circuit.append(error(2), qubits)
        elif kind == "if":
            with circuit.if_test(condition()) as otherwise:
                paulis(circuit, 2)
                if rng.random() < 0.3:
                    with circuit.if_test(condition()):
                        paulis(circuit, 1)
            if rng.random() < 0.5:
                with otherwise:
                    paulis(circuit, 1)
    circuit.measure([0, 1], b)
    return circuit


def readout(up, down):
    """A readout error as an error before the measurement, as the noise rewrite writes it."""
    settle = [(Reset(), [0])] if down > up else [(Reset(), [0]), (XGate(), [0])]
    rest = QuantumCircuit(1)
    rest.id(0)
    terms = [([(XGate(), [0])], min(up, down)), (settle, abs(up - down)), (rest, 1 - max(up, down))]
    return QuantumError([term for term in terms if term[1] > 0])


@pytest.mark.parametrize("noise", [False, True], ids=["noiseless", "noisy"])
def test_random_dynamic_circuits(noise, rng):
    for _ in range(40):
        assert_exact(random_dynamic(rng, noise=noise), int(rng.integers(2**31)))


@pytest.mark.parametrize("corrections", ["sequential", "feedforward", "frame"])
@pytest.mark.parametrize("processor", [NOISY, ql.Processor(0.1, 0.2, 0.1), ql.Processor(0.2, 0.1, OTHER_WAY)])
@pytest.mark.parametrize("hops", [1, 2, 3, 4])
def test_composed_programs(hops, processor, corrections, seed):
    assert_exact(measured(add_noise(chain(hops, processor, corrections))), seed, shots=50_000)


@pytest.mark.parametrize("corrections", ["sequential", "feedforward", "frame"])
@pytest.mark.parametrize("hops", [1, 2, 3, 4])
def test_composed_programs_are_what_evaluate_says(hops, corrections, seed):
    program = chain(hops, NOISY, corrections, fidelity=0.97)
    exact = ql.evaluate(program)
    samples = ql.sample(
        program,
        shots=40_000,
        seed=seed,
        sampler=CliffordSampler(seed=seed),
        noise="program",
        bases=["XX", "YY", "ZZ"],
    )
    for basis in "XYZ":
        wrong, right = errors_of(samples.outcomes[basis * 2], basis)
        assert_counts(
            {"wrong": wrong, "right": right}, {"wrong": exact.qber(basis), "right": 1 - exact.qber(basis)}
        )


def errors_of(outcomes, basis):
    same, different = outcomes[0] + outcomes[3], outcomes[1] + outcomes[2]
    return (same, different) if basis == "Y" else (different, same)


def test_a_purified_link_with_heralds_and_a_twirl(seed):
    nodes = [ql.Node(n, processor=ql.Processor(0.02, 0.03, ASYMMETRIC)) for n in "ab"]
    pair = ql.ElementaryLink(*nodes, fidelity=0.9)
    for protocol in ("dejmps", "bbpssw"):
        link = ql.purify(pair, pair, protocol=protocol)
        exact = ql.evaluate(link)
        samples = ql.sample(link, shots=30_000, seed=seed, sampler=CliffordSampler(seed=seed), noise="program")
        for basis in "XYZ":
            wrong, right = errors_of(samples.outcomes[basis * 2], basis)
            p, q = exact.success_probability, exact.qber(basis)
            refused = samples.shots[basis * 2] - wrong - right
            assert_counts(
                {"wrong": wrong, "right": right, "refused": refused},
                {"wrong": p * q, "right": p * (1 - q), "refused": 1 - p},
            )


def test_noise_acts_only_where_the_correction_fires(seed):
    # Depolarised fully by a correction: the receiver's bit is a coin where it fired, and 0 where it did not.
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.z(1)
        circuit.append(depolarizing_error(1.0, 1), [1])
    circuit.measure(1, 1)
    assert_counts(counts_of(records(circuit, 20_000, seed)), {(0, 0): 0.5, (1, 0): 0.25, (1, 1): 0.25})


def test_the_noise_rewrite_of_a_library_circuit(seed):
    for circuit in (entanglement_swap(prepare_pairs=True), teleportation()):
        circuit = circuit.copy()
        end = ClassicalRegister(1, "end")
        circuit.add_register(end)
        circuit.measure(circuit.qubits[-1], end[0])
        nodes = (ql.Node("n", processor=NOISY),) * circuit.num_qubits
        assert_exact(noisy_circuit(circuit, nodes), seed)


def test_what_is_certain_comes_bit_by_bit(seed):
    # A GHZ state of 200 qubits measured twice, and undone: agreement, repetition and zeros are certain.
    n = 200
    circuit = QuantumCircuit(n, 3 * n)
    circuit.h(0)
    for q in range(n - 1):
        circuit.cx(q, q + 1)
    circuit.measure(range(n), range(n))
    circuit.measure(range(n), range(n, 2 * n))
    for q in range(n):
        with circuit.if_test((circuit.clbits[q], 1)):
            circuit.x(q)
    circuit.measure(range(n), range(2 * n, 3 * n))
    bits = records(circuit, 300, seed)
    assert (bits[:, :n] == bits[:, :1]).all()
    assert (bits[:, n : 2 * n] == bits[:, :n]).all()
    assert not bits[:, 2 * n :].any()
    assert 0 < bits[:, 0].sum() < 300  # 2⁻²⁹⁹


def test_qubits_make_room_for_one_another(seed):
    # A chain of 300 swaps at a time needs a handful of qubits of stim's, and stays perfect without noise.
    program = chain(300, ql.Processor(), fidelity=1.0)
    circuit = measured(program)
    assert compile_steps(bind(read(circuit, ModelNoise(None)), {}), circuit.num_clbits).num_qubits < 50
    bits = records(circuit, 100, seed)
    assert (bits[:, -1] == bits[:, -2]).all()
    assert 0 < bits[:, -1].sum() < 100


# --- Aer's noise models --------------------------------------------------------------------------------------

CERTAIN = pauli_error([("X", 1.0)])


def certain_models():
    """Noise models with probabilities 0 and 1 only, so that a circuit of bits gives one record."""
    models = {}

    def add(name, *calls):
        models[name] = model = NoiseModel()
        model.add_basis_gates(["x", "cx", "id", "y"])
        for method, *arguments in calls:
            getattr(model, method)(*arguments, warnings=False)

    always_one = ReadoutError([[0, 1], [0, 1]])
    add("default", ("add_all_qubit_quantum_error", CERTAIN, "x"))
    add("local", ("add_quantum_error", CERTAIN, "x", [1]))
    silent = pauli_error([("Z", 1.0)])
    add("local first", ("add_all_qubit_quantum_error", CERTAIN, "x"), ("add_quantum_error", silent, "x", [0]))
    add("order of qubits", ("add_quantum_error", pauli_error([("IX", 1.0)]), "cx", [0, 1]))
    add("second of two", ("add_quantum_error", pauli_error([("XI", 1.0)]), "cx", [0, 1]))
    add("before a measurement", ("add_all_qubit_quantum_error", CERTAIN, "measure"))
    add("after a reset", ("add_all_qubit_quantum_error", CERTAIN, "reset"))
    add("delay", ("add_quantum_error", CERTAIN, "delay", [2]))
    add("label", ("add_all_qubit_quantum_error", CERTAIN, "special"))
    add("readout", ("add_all_qubit_readout_error", always_one))
    add("readout of one", ("add_readout_error", always_one, [2]))
    add("inverted readout", ("add_readout_error", ReadoutError([[0, 1], [1, 0]]), [0]))
    reset = QuantumError([(Reset(), 1.0)])
    add("reset before a measurement", ("add_all_qubit_quantum_error", reset, "measure"))
    return models


def bits_only():
    """X, CX, resets and feed-forward: bits, of which any noise of X changes some."""
    circuit = QuantumCircuit(3, 6)
    circuit.x(0)
    circuit.x(1)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.append(XGate(label="special"), [2])
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(2)
    circuit.delay(10, 2)
    circuit.measure(2, 2)
    circuit.measure(0, 3)
    circuit.reset(1)
    with circuit.if_test((circuit.clbits[2], 0)):
        circuit.x(1)
    circuit.measure([1, 0], [4, 5])
    return circuit


@pytest.mark.parametrize("name", certain_models())
def test_certain_noise_models_are_aers(name):
    model, circuit = certain_models()[name], bits_only()
    backend = AerSimulator(method="stabilizer", noise_model=model)
    expected = backend.run(circuit, shots=20).result().get_counts()
    assert len(expected) == 1
    data = CliffordSampler(noise_model=model).run([circuit], shots=20).result()[0].data
    assert data.c.get_counts() == expected


def test_a_static_noise_model_gives_aers_exact_probabilities(seed, rng):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h", "s"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 2), "cx")
    uneven = pauli_error([("XZ", 0.2), ("IY", 0.1), ("II", 0.7)])
    model.add_quantum_error(uneven, "cx", [1, 2], warnings=False)
    circuit = QuantumCircuit(3)
    for _ in range(3):
        circuit.h([0, 2])
        circuit.cx(0, 1)
        circuit.s(1)
        circuit.cx(1, 2)
        circuit.h(1)
    with_state = circuit.copy()
    with_state.save_probabilities()
    result = AerSimulator(method="density_matrix", noise_model=model).run(with_state).result()
    exact = result.data()["probabilities"]
    circuit.measure_all()
    bits = records(circuit, 100_000, seed, noise_model=model)
    expected = {tuple(i >> q & 1 for q in range(3)): float(p) for i, p in enumerate(exact)}
    assert_counts(counts_of(bits), expected)


def test_asymmetric_readout_drives_the_feed_forward(seed):
    circuit = QuantumCircuit(2, 3)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.measure(0, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 2)
    confusion = {0: np.array(ASYMMETRIC), 1: np.array(OTHER_WAY)}
    model = NoiseModel()
    for qubit, matrix in confusion.items():
        model.add_readout_error(ReadoutError(matrix), [qubit])
    exact = {bits: float(p.reshape(())) for bits, p in branches(circuit, readout=confusion).items()}
    assert_counts(counts_of(records(circuit, 50_000, seed, noise_model=model)), exact)


def test_a_readout_error_on_top_of_a_value_dependent_one(seed):
    # Both at once: the state follows the first, only the record the second.
    circuit = QuantumCircuit(1, 2)
    circuit.h(0)
    circuit.append(readout(0.3, 0.1), [0])
    circuit.append(pauli_error([("X", 0.2), ("I", 0.8)]), [0])
    circuit.measure(0, 0)
    circuit.measure(0, 1)
    model = NoiseModel()
    model.add_readout_error(ReadoutError(ASYMMETRIC), [0])
    exact = {bits: float(p.reshape(())) for bits, p in branches(circuit, readout={0: np.array(ASYMMETRIC)}).items()}
    assert_counts(counts_of(records(circuit, 50_000, seed, noise_model=model)), exact)


# --- refusals ------------------------------------------------------------------------------------------------


def refused(build, **options):
    circuit = QuantumCircuit(3, 2)
    build(circuit)
    with pytest.raises(UnsupportedOperation) as error:
        CliffordSampler(**options).run([circuit]).result()
    return str(error.value)


def conditional(operation):
    def build(circuit):
        with circuit.if_test((circuit.clbits[0], 1)):
            operation(circuit)

    return build


def composite(circuit):
    inner = QuantumCircuit(2, name="inner")
    inner.cx(0, 1)
    inner.t(1)
    circuit.append(inner.to_gate(), [2, 0])


RESETTING = thermal_relaxation_error(1.0, 1.0, 0.1)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda c: c.t(1), ["'t' on qubit 1", "not a Clifford gate", "statevector"]),
        (lambda c: c.rz(0.3, 2), ["'rz(0.3)' on qubit 2", "at these angles"]),
        (lambda c: c.ccx(0, 1, 2), ["'ccx' on qubits 0, 1, 2"]),
        (composite, ["'t' on qubit 0", "inside 'inner'"]),
        (
            lambda c: c.append(amplitude_damping_error(0.1), [1]),
            ["'quantum_channel' on qubit 1", "mixture of Paulis"],
        ),
        (conditional(lambda c: c.t(2)), ["'t' on qubit 2", "circuit.data[0] ('if_else')"]),
        (lambda c: c.initialize([0.6, 0.8], 1), ["on qubit 1", "not a Clifford gate"]),
    ],
)
def test_refusals_are_precise(build, words):
    text = refused(build)
    assert all(word in text for word in words), text


def test_advice_is_true():
    def boxed(circuit):
        with circuit.box():
            circuit.t(0)

    def stored(circuit):
        with circuit.while_loop(expr.less(number, 3)):
            circuit.store(number, expr.add(number, 1))
            circuit.t(0)

    number = expr.Var.new("number", types.Uint(3))
    circuit = QuantumCircuit(3, 2)
    circuit.add_var(number, 0)
    stored(circuit)
    with pytest.raises(UnsupportedOperation) as error:
        CliffordSampler().run([circuit]).result()
    for text, word in ((refused(boxed), "'box'"), (str(error.value), "'store'")):
        assert "'t' on qubit 0" in text
        assert "ExactSampler may, Aer's SamplerV2 cannot take" in text
        assert word in text


def test_noise_models_are_refused_where_they_act():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.1), "h")
    assert "the noise_model's error of 'h' on qubit 1" in refused(lambda c: c.h(1), noise_model=model)
    fine = QuantumCircuit(1, 1)
    fine.measure(0, 0)
    assert CliffordSampler(noise_model=model).run([fine], shots=2).result()[0].data.c.get_counts() == {"0": 2}
    joint = NoiseModel()
    joint.add_readout_error(np.eye(4)[::-1].tolist(), [0, 1])
    with pytest.raises(UnsupportedOperation, match="joint readout"):
        CliffordSampler(noise_model=joint)
    waiting = NoiseModel()
    waiting._custom_noise_passes.append(RelaxationNoisePass([1.0], [1.0], dt=1e-9))
    with pytest.raises(UnsupportedOperation, match="RelaxationNoisePass"):
        CliffordSampler(noise_model=waiting)


def test_one_setting_of_many_may_be_refused():
    theta = Parameter("theta")
    circuit = QuantumCircuit(1, 1)
    circuit.rx(theta, 0)
    circuit.measure(0, 0)
    with pytest.raises(UnsupportedOperation, match=r"'rx\(0.1\)' on qubit 0"):
        CliffordSampler().run([(circuit, [[0.0], [0.1]])]).result()


def test_a_pauli_channel_acts(seed):
    circuit = QuantumCircuit(1, 1)
    circuit.append(PauliChannel(0.1, 0.2, 0.3), [0])
    circuit.measure(0, 0)
    assert_exact(circuit, seed)


def test_a_conditional_rotation_may_be_a_pauli():
    theta = Parameter("theta")
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(2 * theta, 1)
    circuit.measure(1, 1)
    sampler = CliffordSampler()
    data = sampler.run([(circuit, [[0.0], [np.pi / 2]])], shots=4).result()[0].data
    assert [data.c.get_counts(i) for i in range(2)] == [{"01": 4}, {"11": 4}]
    counts = sampler.run([(circuit, [[np.pi / 4]])], shots=40_000).result()[0].data.c.get_counts()
    assert_counts(counts, {"01": 0.5, "11": 0.5})  # half a turn is a Clifford gate, too
    with pytest.raises(UnsupportedOperation, match=r"'rx\(0.2\)' on qubit 1"):
        sampler.run([(circuit, [[0.1]])]).result()


def turned(circuit):
    circuit.rx(Parameter("theta"), 2)


def hidden(circuit):
    circuit.x(0)
    with circuit.if_test((circuit.clbits[0], 1)), circuit.if_test((circuit.clbits[1], 1)):
        circuit.t(2)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda c: [c.x(0), c.barrier(), c.t(1)], ["'t' on qubit 1", "circuit.data[2] ('t')"]),
        (lambda c: [c.x(0), turned(c)], ["'rx(0.1)' on qubit 2", "circuit.data[1] ('rx')"]),
        (lambda c: [c.barrier(), conditional(lambda c: c.t(2))(c)], ["qubit 2", "circuit.data[1] ('if_else')"]),
        (hidden, ["'t'", "qubit 2", "circuit.data[1] ('if_else')"]),
        (lambda c: [c.id(0), composite(c)], ["'t' on qubit 0", "inside 'inner'", "circuit.data[1] ('inner')"]),
    ],
    ids=["as it is read", "at its angle", "in a block", "in a nested block", "in a composite"],
)
def test_refusals_tell_the_place(build, words):
    circuit = QuantumCircuit(3, 2)
    build(circuit)
    values = [0.1] * circuit.num_parameters
    with pytest.raises(UnsupportedOperation) as error:
        CliffordSampler().run([(circuit, values)]).result()
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize("sampler", [CliffordSampler(), ql.ExactSampler()], ids=["clifford", "exact"])
@pytest.mark.parametrize(
    ("values", "shots", "error", "words"),
    [
        ([0.0, 0.0], 0, ValueError, "shots of pub 1 must be a whole number, at least 1; got 0"),
        ([0.0, 0.0], -3, ValueError, "shots of pub 1 must be .* got -3"),
        ([0.0, 0.0], 2.5, TypeError, "shots of pub 1 must be .* got 2.5"),
        (np.zeros((3, 4)), 5, ValueError, r"pub 1 .* inconsistent with last dimension"),
        (None, 5, ValueError, r"pub 1 .* values \(0\) does not match the number of parameters \(2\)"),
        ({"a": [0, 1], "b": [0, 1, 2]}, 5, ValueError, "pub 1 .* consistent shape"),
    ],
)
def test_bad_pubs_are_refused_before_anything_runs(sampler, values, shots, error, words):
    circuit = QuantumCircuit(1, 1)
    circuit.rx(Parameter("a"), 0)
    circuit.rz(Parameter("b"), 0)
    circuit.measure(0, 0)
    fine = QuantumCircuit(1, 1)
    with pytest.raises(error, match=words):
        sampler.run([fine, (circuit, values, shots)])
    with pytest.raises(ValueError, match="shots must be a whole number, at least 1; got 0"):
        sampler.run([fine], shots=0)


def test_a_broadcast_dynamic_circuit_under_a_noise_model_of_ones_own(seed):
    """Twelve settings, two registers, a xor condition, Pauli and readout errors: each against its exact table."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["rz", "h"])
    model.add_all_qubit_quantum_error(pauli_error([("XZ", 0.15), ("II", 0.85)]), ["cx"])
    model.add_quantum_error(pauli_error([("Y", 0.2), ("I", 0.8)]), ["x"], [2])
    model.add_readout_error(ASYMMETRIC, [0])
    model.add_readout_error(OTHER_WAY, [2])
    first, second = Parameter("first"), Parameter("second")
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(2, "a"), ClassicalRegister(1, "b"))
    a, b = circuit.cregs
    circuit.h([0, 1])
    circuit.rz(first, 0)
    circuit.rz(2 * second, 1)
    circuit.h([0, 1])
    circuit.cx(0, 1)
    circuit.measure([0, 1], a)
    with circuit.if_test(expr.bit_xor(a[0], a[1])):
        circuit.x(2)
    circuit.measure(2, b[0])
    table = np.pi / 2 * np.array([[[i, j] for j in range(4)] for i in range(3)])
    plain = coins(3)
    job = CliffordSampler(seed=seed, noise_model=model).run([(circuit, table, 8_000), (plain, None, 77)])
    result = job.result()
    assert result[0].data.shape == (3, 4)
    assert result[1].data.meas.num_shots == 77
    for place in np.ndindex(3, 4):
        bound = circuit.assign_parameters(dict(zip([first, second], table[place], strict=True)))
        noisy, readouts = inlined_noise(bound, model), readout_errors(model, 3)
        exact = {bits: float(p.reshape(())) for bits, p in branches(noisy, readout=readouts).items()}
        drawn = [result[0].data[name][place].to_bool_array(order="little") for name in ("a", "b")]
        assert_counts(counts_of(np.concatenate(drawn, axis=-1)), exact)
