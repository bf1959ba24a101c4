"""`ExactSampler` and `CliffordSampler` given what Qiskit users have: wide gates, operators, labels, odd PUBs."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from qiskit.circuit import (
    AnnotatedOperation,
    ClassicalRegister,
    ControlModifier,
    Duration,
    Gate,
    InverseModifier,
    Parameter,
    QuantumCircuit,
    QuantumRegister,
)
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import MCXGate, QFTGate, SGate, UnitaryGate, XGate
from qiskit.quantum_info import Statevector, random_clifford, random_unitary
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, pauli_error
from qiskit_aer.primitives import SamplerV2 as AerSampler

import quantumlink as ql
from quantumlink import CliffordSampler, ExactSampler
from quantumlink.exact import UnsupportedOperation, outcome_probabilities
from quantumlink.program import Program

SAMPLERS = (ExactSampler, CliffordSampler)


def counts_of(sampler, circuit, shots=400):
    return sampler.run([circuit], shots=shots).result()[0].data.c.get_counts()


def probabilities_by_statevector(circuit):
    """Without its final measurements, by Qiskit: records of all qubits, qubit 0 first."""
    bare = circuit.remove_final_measurements(inplace=False)
    found = Statevector(bare).probabilities()
    bits = range(circuit.num_qubits)
    return {tuple(i >> q & 1 for q in bits): p for i, p in enumerate(found) if p > 1e-14}


def measured(qubits):
    return QuantumCircuit(qubits, qubits)


@pytest.mark.parametrize("width", [4, 5, 6])
@pytest.mark.parametrize("kind", ["unitary", "composite", "qft", "mcx"])
def test_wide_gates_on_qubits_in_any_order(kind, width, rng):
    inner = QuantumCircuit(width)
    inner.h(0)
    for q in range(width - 1):
        inner.cry(0.3 + q, q, q + 1)
    gate = {
        "unitary": lambda: UnitaryGate(random_unitary(2**width, seed=7)),
        "composite": inner.to_gate,
        "qft": lambda: QFTGate(width),
        "mcx": lambda: MCXGate(width - 1),
    }[kind]()
    circuit = measured(6)
    for q in range(6):
        circuit.ry(0.4 + 0.3 * q, q)
    circuit.append(gate, [int(q) for q in rng.permutation(6)[:width]])
    circuit.rx(0.7, range(6))
    circuit.append(gate.inverse(), [int(q) for q in rng.permutation(6)[:width]])
    circuit.measure(range(6), range(6))
    expected, found = probabilities_by_statevector(circuit), outcome_probabilities(circuit)
    for record in expected.keys() | found.keys():
        assert found.get(record, 0.0) == pytest.approx(expected.get(record, 0.0), abs=1e-12)


def test_a_wide_gate_in_a_taken_branch_among_mixed_states():
    """A measured qubit's branch runs the gate: as many records as the gate's own enumeration says."""
    gate = UnitaryGate(random_unitary(16, seed=3))
    circuit = QuantumCircuit(5, 5)
    circuit.ry(1.1, 4)
    circuit.measure(4, 4)
    with circuit.if_test((circuit.clbits[4], 1)):
        circuit.append(gate, [2, 0, 3, 1])
    circuit.measure(range(4), range(4))
    found = outcome_probabilities(circuit)
    taken = np.sin(1.1 / 2) ** 2
    # Column 0 of the unitary: index bit j is the state of the gate's j-th qubit.
    column = np.abs(gate.to_matrix()[:, 0]) ** 2
    places = [2, 0, 3, 1]
    for i, p in enumerate(column):
        record = [0] * 4
        for j, q in enumerate(places):
            record[q] = i >> j & 1
        assert found[(*record, 1)] == pytest.approx(taken * p, abs=1e-12)
    assert found[(0, 0, 0, 0, 0)] == pytest.approx(1 - taken, abs=1e-12)


def test_eight_qubits_of_one_gate_take_no_transfer_matrix():
    """Its transfer matrix would have 4¹⁶ entries."""
    ghz = QuantumCircuit(8)
    ghz.h(0)
    for q in range(7):
        ghz.cx(q, q + 1)
    circuit = QuantumCircuit(8, 1)
    circuit.append(ghz.to_gate(), range(8))
    circuit.append(ghz.to_gate().inverse(), range(8))
    circuit.measure(5, 0)
    assert counts_of(ExactSampler(seed=1), circuit) == {"0": 400}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("qubits", [1, 3, 5])
def test_clifford_objects_are_operations(sampler, qubits, seed):
    """A Clifford and its inverse, also in a conditional block, leave a flipped state as it was."""
    clifford = random_clifford(qubits, seed=seed)
    circuit = measured(qubits)
    circuit.x(0)
    circuit.append(clifford, range(qubits))
    circuit.append(clifford.adjoint(), range(qubits))
    circuit.measure(range(qubits), range(qubits))
    assert counts_of(sampler(seed=1), circuit) == {"1".rjust(qubits, "0"): 400}


def test_a_clifford_object_has_its_own_probabilities(seed):
    circuit = measured(4)
    circuit.append(random_clifford(4, seed=seed), range(4))
    circuit.measure(range(4), range(4))
    expected = probabilities_by_statevector(circuit)
    assert outcome_probabilities(circuit) == pytest.approx(expected, abs=1e-12)
    shots = 100_000
    drawn = counts_of(CliffordSampler(seed=seed), circuit, shots)
    assert {tuple(int(b) for b in reversed(word)) for word in drawn} == set(expected)
    for word, number in drawn.items():  # Hoeffding for at most 16 words: 16·2·exp(−2·1e5·0.0105²) < 1e-8
        assert abs(number / shots - expected[tuple(int(b) for b in reversed(word))]) < 0.0105


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_annotated_operations(sampler):
    circuit = measured(2)
    circuit.x(0)
    circuit.append(AnnotatedOperation(XGate(), [ControlModifier(1)]), [0, 1])
    circuit.h(0)
    circuit.s(0)
    circuit.append(AnnotatedOperation(SGate(), [InverseModifier()]), [0])
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    assert counts_of(sampler(seed=1), circuit) == {"11": 400}


def model(**errors):
    """X with certainty wherever an instruction of that label or name acts."""
    result = NoiseModel()
    for name in errors:
        result.add_all_qubit_quantum_error(pauli_error([("X", 1.0)]), name)
    return result


def labelled(circuit):
    circuit.append(XGate(label="slow"), [0])


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    ("build", "names", "word"),
    [
        (lambda c: c.x(0), ["x"], "0"),
        (labelled, ["x"], "1"),  # a label's errors replace the name's, also where it has none
        (labelled, ["slow"], "0"),
        (labelled, ["x", "slow"], "0"),
        (lambda c: (c.x(0), c.barrier()), ["barrier"], "1"),
        (lambda c: c.pauli("X", [0]), ["x"], "1"),  # what Aer runs whole has no noise of its parts
        (lambda c: c.initialize([0, 1], 0), ["reset", "x"], "1"),
        (lambda c: c.unitary([[0, 1], [1, 0]], [0]), ["x", "u"], "1"),
        (lambda c: c.unitary([[0, 1], [1, 0]], [0]), ["unitary"], "0"),
        (lambda c: (c.x(0), c.reset(0)), ["reset"], "1"),
    ],
)
def test_a_noise_model_goes_by_labels_and_names_as_in_aer(sampler, build, names, word):
    circuit = QuantumCircuit(1, 1)
    build(circuit)
    circuit.measure(0, 0)
    noise = model(**dict.fromkeys(names))
    assert counts_of(sampler(seed=1, noise_model=noise), circuit) == {word: 400}
    aer = AerSampler(seed=1, options={"backend_options": {"noise_model": noise}})
    assert counts_of(aer, circuit) == {word: 400}


def test_no_noise_of_parts_is_lost_for_a_whole_that_is_clifford():
    inner = QuantumCircuit(1, name="two turns")
    inner.rx(0.3, 0)
    inner.rx(np.pi - 0.3, 0)
    circuit = QuantumCircuit(1, 1)
    circuit.append(inner.to_gate(), [0])
    circuit.measure(0, 0)
    assert counts_of(CliffordSampler(seed=1), circuit) == {"1": 400}
    with pytest.raises(UnsupportedOperation, match=r"'rx\(0\.3\)' on qubit 0.*inside 'two turns'"):
        CliffordSampler(seed=1, noise_model=model(rx=None)).run([circuit]).result()
    with pytest.raises(UnsupportedOperation, match="'two turns' is composite: transpile"):
        ExactSampler(seed=1, noise_model=model(rx=None)).run([circuit]).result()


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 2)])
def test_no_settings_give_no_shots(sampler, shape):
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, 9)
    circuit.rx(angle, 0)
    circuit.measure(0, 8)
    array = sampler(seed=1).run([(circuit, np.zeros((*shape, 1)), 5)]).result()[0].data.c
    assert (array.shape, array.num_shots, array.num_bits) == (shape, 5, 9)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_parameter_values_are_finite(sampler):
    circuit = QuantumCircuit(1, 1)
    circuit.rx(Parameter("angle"), 0)
    circuit.measure(0, 0)
    with pytest.raises(
        ValueError, match=r"parameter values of pub 1 must be finite, got nan for one of \('angle',\)"
    ):
        sampler().run([(circuit, [0.0]), (circuit, [[0.0], [np.nan]])])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nothing_to_read_is_told_where_run_was_called(sampler):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        sampler().run([QuantumCircuit(1)]).result()
    (warning,) = [w for w in caught if "without classical registers" in str(w.message)]
    assert warning.filename == __file__


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_empty_register_is_an_empty_array(sampler):
    circuit = QuantumCircuit(QuantumRegister(1), ClassicalRegister(0, "none"), ClassicalRegister(1, "c"))
    circuit.x(0)
    circuit.measure(0, 0)
    data = sampler(seed=1).run([circuit], shots=3).result()[0].data
    assert (data.none.num_bits, data.none.num_shots, data.c.get_counts()) == (0, 3, {"1": 3})


def opaque():
    circuit = QuantumCircuit(1, 1)
    circuit.append(Gate("secret", 1, []), [0])
    return circuit


def test_what_no_sampler_of_ours_knows_is_not_sent_to_the_other():
    for sampler in SAMPLERS:
        with pytest.raises(UnsupportedOperation, match="'secret' on qubit") as caught:
            sampler().run([opaque()]).result()
        assert "circuit.data[0]" in str(caught.value)
        assert "CliffordSampler can if" not in str(caught.value)


def test_many_records_are_refused_before_they_are_followed(monkeypatch):
    circuit = QuantumCircuit(1, 17)
    for bit in range(17):
        circuit.h(0)
        circuit.measure(0, bit)
    with pytest.raises(
        UnsupportedOperation, match=r"17 measured bits are kept.*at most 16 bits.*CliffordSampler can"
    ):
        ExactSampler().run([circuit])
    monkeypatch.setattr("quantumlink.exact.interpreter.MAX_BRANCHES", 2**10)
    with pytest.raises(ValueError, match="too many outcomes to follow exactly: 2048 different records"):
        outcome_probabilities(circuit)


@pytest.mark.parametrize("corrections", ["frame", "feedforward"])
def test_a_long_program_is_no_matter_for_the_interpreter(corrections):
    nodes = [ql.Node(f"n{i}") for i in range(65)]
    chain = ql.chain([ql.ElementaryLink(a, b, fidelity=0.99) for a, b in pairwise(nodes)])
    with pytest.raises(
        ValueError, match="126 measured bits are kept at one time, at most 20 can be; evaluate the link"
    ):
        ql.evaluate(ql.compose(chain, corrections=corrections))


@pytest.mark.parametrize("method", ["automatic", "statevector", "density_matrix", "matrix_product_state"])
def test_gates_that_a_method_of_aer_does_not_know(method):
    """Iswap in any, cswap in some."""
    circuit = QuantumCircuit(3, 1)
    circuit.x(0)
    circuit.x(1)
    circuit.iswap(1, 2)
    circuit.measure(0, 0)
    circuit.reset(0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.iswap(1, 0)
        circuit.reset(0)  # a controlled swap, once it is deferred
    node = ql.Node("laboratory")
    program = Program(circuit, {"alice": 1, "bob": 2}, (node,) * 3)
    sampler = AerSimulator(method=method)
    assert ql.sample(program, ["ZZ"], shots=20, seed=1, sampler=sampler).outcomes["ZZ"] == (0, 0, 20, 0)
    assert ql.sample(program, ["ZZ"], shots=20, seed=1, engine="aer").outcomes["ZZ"] == (0, 0, 20, 0)


TRUTH_VALUES = {
    "the register": (lambda register: expr.cast(register, types.Bool()), {1, 2, 3}),
    "not the register": (expr.logic_not, {0}),
    "the register and a bit": (lambda register: expr.logic_and(register, register[1]), {2, 3}),
    "as a number": (
        lambda register: expr.equal(expr.cast(expr.cast(register, types.Bool()), types.Uint(2)), 0),
        {0},
    ),
}


@pytest.mark.parametrize("name", TRUTH_VALUES)
@pytest.mark.parametrize("loop", [False, True])
def test_a_number_as_a_truth_value_is_not_misread_by_aer(name, loop):
    """Aer by itself gets most of these wrong, without a word."""
    condition, wanted = TRUTH_VALUES[name]
    for value in range(4):
        register = ClassicalRegister(2, "c")
        circuit = QuantumCircuit(QuantumRegister(4, "q"), register)
        for i in range(2):
            circuit.ry(np.pi * (value >> i & 1), i)  # of no Pauli frame, so that the condition is Aer's to read
            circuit.measure(i, i)
        read = condition(register)
        with circuit.while_loop(read) if loop else circuit.if_test(read):
            circuit.ry(np.pi, 2)
            if loop:  # until it no longer holds
                left = next(other for other in range(4) if other not in wanted)
                for i in range(2):
                    circuit.reset(i)
                    circuit.ry(np.pi * (left >> i & 1), i)
                    circuit.measure(i, i)
        node = ql.Node("laboratory")
        program = Program(circuit, {"alice": 2, "bob": 3}, (node,) * 4)
        right = (0, 20, 0, 0) if value in wanted else (20, 0, 0, 0)
        for engine in ({"engine": "exact"}, {"engine": "aer"}, {"sampler": AerSampler()}):
            assert ql.sample(program, ["ZZ"], shots=20, seed=1, **engine).outcomes["ZZ"] == right


def _stored(stored):
    register = ClassicalRegister(2, "c")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), register)
    circuit.x(0)
    circuit.measure(0, 1)
    circuit.store(register, stored(register))
    with circuit.if_test((register[0], 1)):
        circuit.x(1)
    node = ql.Node("laboratory")
    return Program(circuit, {"alice": 0, "bob": 1}, (node,) * 2)


def test_what_aer_cannot_store_is_refused_in_words():
    program = _stored(lambda register: expr.add(register, 1))
    assert ql.sample(program, ["ZZ"], shots=20, seed=1).outcomes["ZZ"] == (0, 0, 0, 20)
    with pytest.raises(ValueError, match=r"ADD in what is stored.*; engine='exact' can"):
        ql.sample(program, ["ZZ"], shots=20, engine="aer")


@pytest.mark.parametrize("engine", [{"engine": "exact"}, {"engine": "aer"}, {"sampler": AerSampler()}])
def test_a_truth_value_that_is_stored_is_compared_with_zero(engine):
    program = _stored(lambda register: expr.cast(expr.cast(register, types.Bool()), types.Uint(2)))
    assert ql.sample(program, ["ZZ"], shots=20, seed=1, **engine).outcomes["ZZ"] == (0, 0, 0, 20)


def test_a_duration_in_a_condition_is_refused_by_all():
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test(expr.less(Duration.ns(500), Duration.us(1))):
        circuit.x(1)
    circuit.measure(1, 1)
    for sampler in SAMPLERS:
        with pytest.raises(UnsupportedOperation, match=r"of the type Duration.*circuit\.data\[1\]"):
            sampler().run([circuit]).result()
    node = ql.Node("laboratory")
    program = Program(circuit, {"alice": 0, "bob": 1}, (node,) * 2)
    for engine in ("exact", "clifford", "aer"):
        with pytest.raises(ValueError, match=r"Duration.*; no other engine here can"):
            ql.sample(program, ["ZZ"], shots=20, engine=engine)
