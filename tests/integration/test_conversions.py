"""Results as other packages' objects, and back: Qiskit's states and sums of Paulis, stim's circuits."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import (
    Clifford,
    DensityMatrix,
    Kraus,
    Operator,
    Pauli,
    SparsePauliOp,
    SuperOp,
    random_density_matrix,
)

import quantumlink as ql
from quantumlink.circuits import fuse_pairs_to_ghz
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.clifford import to_stim

PROCESSOR = ql.Processor(depolarizing_1q=1e-3, depolarizing_2q=2e-2, readout_error=1e-2)
NODES = [ql.Node(f"n{i}", processor=PROCESSOR) for i in range(5)]
POPULATIONS = [(0.91, 0.03, 0.03, 0.03), (0.95, 0.05, 0, 0), (0.97, 0.01, 0.01, 0.01), (0.9, 0, 0.1, 0)]
"""Depolarized or flipped by one Pauli: what stim's error models, whose errors are independent, hold exactly."""
HOPS = [ql.ElementaryLink(a, b, bell_diagonal=p) for (a, b), p in zip(pairwise(NODES), POPULATIONS, strict=True)]
LINKS = {
    "a pair": HOPS[0],
    "a swap": ql.swap(*HOPS[:2]),
    "a purification": ql.purify(HOPS[1], HOPS[1]),
    "another": ql.purify(HOPS[2], HOPS[2], HOPS[2], by="double_selection"),
    "a chain": ql.chain(HOPS[:3], purify_rounds=1),
    "a long one": ql.chain(HOPS),
    "three parties": ql.join(fuse_pairs_to_ghz(2), HOPS[0], HOPS[1]),
}


def exactly(circuit):
    """Success probability and fidelity that stim's error model holds: each of its errors is an xor of its own."""
    detectors = circuit.num_detectors
    share = np.zeros(2 ** (detectors + circuit.num_observables))
    share[0] = 1.0
    for error in circuit.detector_error_model().flattened():
        if error.type == "error":
            flips = 0
            for target in error.targets_copy():
                flips ^= 1 << (target.val + (0 if target.is_relative_detector_id() else detectors))
            (p,) = error.args_copy()
            share = (1 - p) * share + p * share[np.arange(len(share)) ^ flips]
    accepted = share.reshape(-1, 2**detectors)[:, 0]
    return accepted.sum(), accepted[0] / accepted.sum()


@pytest.mark.parametrize("corrections", ["sequential", "feedforward", "frame"])
@pytest.mark.parametrize("name", LINKS)
def test_stims_error_model_has_the_exact_numbers(name, corrections):
    circuit = to_stim(ql.compose(LINKS[name], corrections=corrections))
    state = ql.evaluate(ql.compose(LINKS[name], corrections="frame"))
    assert exactly(circuit) == pytest.approx((state.success_probability, state.fidelity), abs=1e-12)


def test_without_the_parts_noise_the_mediums_is_left():
    ends = pairwise(ql.Node(node.name) for node in NODES)
    ideal = [ql.ElementaryLink(a, b, bell_diagonal=p) for (a, b), p in zip(ends, POPULATIONS, strict=True)]
    state = ql.evaluate(ql.chain(ideal[:3], purify_rounds=1))
    found = exactly(to_stim(ql.compose(LINKS["a chain"]), noise=False))
    assert found == pytest.approx((state.success_probability, state.fidelity), abs=1e-12)


def test_sampled_by_stim_with_unequal_errors():
    hop = ql.ElementaryLink(NODES[0], NODES[1], bell_diagonal=(0.8, 0.12, 0.06, 0.02))
    program = ql.compose(ql.purify(hop, hop))
    shots = 72_544  # Hoeffding: ±0.01, false alarm 1e-6
    fired, flipped = to_stim(program).compile_detector_sampler(seed=5).sample(shots, separate_observables=True)
    accepted = ~fired.any(axis=1)
    state = ql.evaluate(program)
    assert accepted.mean() == pytest.approx(state.success_probability, abs=0.01)
    good = (accepted & ~flipped.any(axis=1)).mean()
    assert good == pytest.approx(state.success_probability * state.fidelity, abs=0.01)


def test_qubits_and_records_keep_their_places():
    circuit = QuantumCircuit(4, 3)
    circuit.x(2)
    circuit.measure([2, 0], [1, 0])
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.y(3)
    circuit.measure(3, 2)
    found = to_stim(circuit)
    assert found.num_qubits == 4
    assert found.reference_sample().tolist() == [True, False, True]
    assert found.num_detectors == found.num_observables == 0


@pytest.mark.parametrize(("condition", "flipped"), [(0, True), (1, False)])
def test_conditions_that_hold_where_a_bit_is_zero(condition, flipped):
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], condition)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.z(1)
    circuit.measure(1, 1)
    assert to_stim(circuit).reference_sample().tolist() == [False, flipped]


def test_what_stim_cannot_hold_is_refused_by_name():
    circuit = QuantumCircuit(1)
    circuit.t(0)
    with pytest.raises(UnsupportedOperation, match="'t' on qubit 0"):
        to_stim(circuit)
    with pytest.raises(TypeError, match="source must be a Program or a QuantumCircuit"):
        to_stim(HOPS[0])
    stated = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), state=random_density_matrix(4, seed=3))
    for link in (stated, ql.purify(HOPS[0], HOPS[0], by="bbpssw")):
        with pytest.raises(ValueError, match="source must have all its parameters bound"):
            to_stim(ql.compose(link))


def test_a_herald_that_is_random_is_no_detector():
    program = ql.compose(LINKS["a swap"], corrections="frame")
    (first, *_) = program.frame[program_end(program)].x or program.frame[program_end(program)].z
    with pytest.raises(ValueError, match="with perfect parts"):
        to_stim(replace(program, heralds=((first,),)))
    purified = ql.compose(LINKS["a purification"])
    with pytest.raises(ValueError, match="herald 0 never is"):
        to_stim(replace(purified, heralds=(), odd_heralds=purified.heralds))


def program_end(program):
    return next(end for end, frame in program.frame.items() if frame.x or frame.z)


@pytest.mark.parametrize("seed", range(5))
def test_a_pairs_state_goes_to_qiskit_and_back(seed):
    rho = random_density_matrix(4, seed=seed)
    link = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), state=rho)
    state = ql.evaluate(link)
    assert np.allclose(DensityMatrix(state).data, rho.data, rtol=0, atol=1e-12)
    assert np.allclose(Operator(state).data, rho.data, rtol=0, atol=1e-12)
    told = {label: c.real for label, c in state.sparse_pauli_op.to_list()}
    for label in map("".join, product("IXYZ", repeat=2)):  # Qiskit's own order of letters
        assert told[label] == pytest.approx(np.trace(Pauli(label).to_matrix() @ rho.data).real / 4, abs=1e-12)
    for given in (DensityMatrix(state), state.sparse_pauli_op, state, Operator(state)):
        again = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), state=given)
        assert np.allclose(again.state.data, rho.data, rtol=0, atol=1e-12)


def test_paulis_that_vanish_are_left_out():
    state = ql.evaluate(ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.97))
    assert dict(state.sparse_pauli_op.to_list()) == pytest.approx({"II": 0.25, "XX": 0.24, "YY": -0.24, "ZZ": 0.24})


def test_states_of_several_ends():
    state = ql.evaluate(LINKS["three parties"])
    assert np.allclose(state.sparse_pauli_op.to_matrix(), state.density_matrix.data, rtol=0, atol=1e-12)
    assert np.allclose(DensityMatrix(state).data, state.density_matrix.data)
    for label, c in state.sparse_pauli_op.to_list():
        assert state.density_matrix.expectation_value(Pauli(label)) == pytest.approx(8 * c.real, abs=1e-12)
    with pytest.raises(ValueError, match="state must be of two qubits"):
        ql.ElementaryLink(ql.Node("a"), ql.Node("b"), state=state)


def test_tomography_too():
    samples = ql.sample(HOPS[0], bases=[a + b for a in "XYZ" for b in "XYZ"], shots=900, seed=1)
    found = samples.tomography()
    assert np.allclose(DensityMatrix(found).data, found.matrix)
    assert np.allclose(found.sparse_pauli_op.to_matrix(), found.matrix, rtol=0, atol=1e-12)


def test_no_state_is_made_of_an_operator_that_is_none():
    with pytest.raises(ValueError, match="state must be a density matrix"):
        ql.ElementaryLink(ql.Node("a"), ql.Node("b"), state=SparsePauliOp("XX"))


# --- expectation values of Qiskit's operators

FIDELITY = SparsePauliOp.from_list([("II", 0.25), ("XX", 0.25), ("YY", -0.25), ("ZZ", 0.25)])
NINE = [a + b for a in "XYZ" for b in "XYZ"]
MIXED = SparsePauliOp.from_list([("II", 0.5), ("IZ", 1.5), ("ZI", -0.75), ("ZZ", 0.3), ("XY", 2.0), ("YI", -0.4)])


@pytest.mark.parametrize("seed", range(3))
def test_exact_states_give_qiskits_expectation_values(seed):
    rho = random_density_matrix(4, seed=seed)
    state = ql.evaluate(ql.ElementaryLink(ql.Node("a"), ql.Node("b"), state=rho))
    for operator in (
        MIXED,
        Operator(MIXED),
        Pauli("-XZ"),
        SparsePauliOp(["XZ", "XZ"], [1, 2]),
        Operator.from_label("r0"),
    ):
        assert state.expectation(operator) == pytest.approx(rho.expectation_value(operator).real, abs=1e-12)


def test_operators_count_to_all_digits_however_small_and_unsimplified_ones_too():
    """Qiskit leaves out what is below 1e-5 of a matrix; of a square, ±i·Z cancel only once they are added."""
    rho = random_density_matrix(4, seed=3)
    state = ql.evaluate(ql.ElementaryLink(ql.Node("a"), ql.Node("b"), state=rho))
    small = SparsePauliOp(["ZZ", "XX"], [1, 9e-6])
    assert state.expectation(Operator(small)) == pytest.approx(rho.expectation_value(small).real, abs=1e-14)
    tiny = 1e-9 * Operator(Pauli("ZZ"))
    assert state.expectation(tiny) == pytest.approx(1e-9 * rho.expectation_value(Pauli("ZZ")).real, rel=1e-12)
    square = SparsePauliOp(["IX", "IY"]) @ SparsePauliOp(["IX", "IY"])
    assert state.expectation(square) == pytest.approx(2.0, abs=1e-12)
    large = SparsePauliOp("ZZ", [1e12 + 1e-4j])
    assert state.expectation(large) == pytest.approx(1e12 * rho.expectation_value(Pauli("ZZ")).real, rel=1e-12)
    # rounding of a matrix asks for no basis that was not measured
    samples = ql.sample(HOPS[0], ["ZZ"], shots=100, seed=1)
    turned = Operator(Pauli("IX").to_matrix() @ Pauli("ZZ").to_matrix() @ Pauli("IX").to_matrix() * 0.1 / 3)
    assert samples.expectation(turned).best == pytest.approx(-0.1 / 3 * samples.expectation("ZZ").best, abs=1e-15)


def test_states_at_many_points_and_of_several_ends_do_so_too():
    points = ql.evaluate(HOPS[0], hold_s=[0.0, 0.1])
    assert np.allclose(points.expectation(FIDELITY), points.fidelity, rtol=0, atol=1e-12)
    three = ql.evaluate(LINKS["three parties"])
    operator = SparsePauliOp.from_list([("XXX", 1.0), ("ZZI", -2.0), ("III", 0.1)])
    expected = three.density_matrix.expectation_value(operator).real
    assert three.expectation(operator) == pytest.approx(expected, abs=1e-12)


def test_samples_give_what_one_number_a_run_would():
    """Paulis that the same runs tell are read together, run by run; the rest by all runs that tell them."""
    samples = ql.sample(LINKS["a swap"], ["ZZ", "XY", "YY"], shots=500, seed=3)
    found = samples.expectation(MIXED)
    alone = {label: samples.expectation(label).best for label in ("IZ", "ZI", "ZZ", "XY", "YI")}
    expected = (
        0.5 + 1.5 * alone["IZ"] - 0.75 * alone["ZI"] + 0.3 * alone["ZZ"] + 2 * alone["XY"] - 0.4 * alone["YI"]
    )
    assert found.best == pytest.approx(expected, abs=1e-12)
    assert found.low < found.best < found.high
    assert samples.expectation(SparsePauliOp("ZZ")) == samples.expectation("ZZ")
    turned, plain = samples.expectation(Pauli("-ZZ")), samples.expectation("ZZ")
    assert (turned.low, turned.best, turned.high) == pytest.approx((-plain.high, -plain.best, -plain.low))
    only = samples.expectation(SparsePauliOp("II", [2.0]))
    assert (only.low, only.best, only.high) == (2.0, 2.0, 2.0)


def test_a_sampled_sum_is_covered_as_often_as_it_says():
    """Of 200 intervals of 95 % at least 178 hold the truth: fewer would be a chance of 2e-4 (binomial)."""
    truth = ql.evaluate(HOPS[0]).expectation(MIXED)
    runs = (ql.sample(HOPS[0], ["ZZ", "XY", "YX"], shots=60, seed=seed) for seed in range(200))
    held = [(one := samples.expectation(MIXED)).low <= truth <= one.high for samples in runs]
    assert sum(held) >= 178


def test_tomography_and_predictions_take_operators():
    samples = ql.sample(HOPS[0], bases=NINE, shots=900, seed=1)
    tomography = samples.tomography()
    assert tomography.expectation(MIXED) == tomography.expectation(MIXED.to_matrix())
    assert tomography.expectation(Pauli("ZZ")) == tomography.expectation(Pauli("ZZ").to_matrix())
    counts = (250_001, 250_000, 250_000, 249_999)  # its Paulis are small, and count
    many = ql.Samples(("a", "b"), dict.fromkeys(NINE, counts), dict.fromkeys(NINE, 10**6))
    told = many.tomography(method="linear")
    assert np.allclose(told.sparse_pauli_op.to_matrix(), told.matrix, rtol=0, atol=1e-15)


@pytest.mark.parametrize("unit", [1e-24, 1e15, -2.0])
def test_an_observables_unit_is_its_values_unit(unit):
    """In joules as in electronvolts: an interval keeps its width, and what is not Hermitian stays so."""
    samples = ql.sample(HOPS[0], bases=NINE, shots=900, seed=1)
    tomography = samples.tomography()
    for value, given in ((samples.expectation, Operator(MIXED)), (tomography.expectation, MIXED.to_matrix())):
        plain, scaled = value(given), value(unit * given)
        ends = sorted((scaled.low / unit, scaled.high / unit))
        assert (ends[0], scaled.best / unit, ends[1]) == pytest.approx((plain.low, plain.best, plain.high))
    with pytest.raises(ValueError, match="Hermitian"):
        tomography.expectation(1j * unit * Pauli("ZZ").to_matrix())
    with pytest.raises(ValueError, match="Hermitian"):
        samples.expectation(1j * unit * Operator(Pauli("ZZ")))


@pytest.mark.parametrize(
    ("operator", "why"),
    [
        (SparsePauliOp("ZZZ"), "on 2 qubits, one for each end .n0, n1., got one on 3 qubits"),
        (Operator(np.eye(3)), "other systems than qubits"),
        (SparsePauliOp("ZZ", [1j]), "pauli must be Hermitian, so with real coefficients; that of ZZ is 0.1j"),
        (Pauli("iZZ"), "Hermitian"),
        (SparsePauliOp("ZZ", [np.nan]), "the coefficient of ZZ must be"),
        (SparsePauliOp("ZZ", np.array([Parameter("a")])), "numbers as coefficients"),
    ],
)
def test_what_is_no_observable_of_the_ends_is_refused(operator, why):
    for result in (ql.evaluate(HOPS[0]), ql.sample(HOPS[0], ["ZZ"], shots=10, seed=1)):
        with pytest.raises(ValueError, match=why):
            result.expectation(operator)


@pytest.mark.parametrize("channel", [Kraus(np.eye(4)), SuperOp(np.eye(16)), Clifford(np.eye(4, 5, dtype=bool))])
def test_channels_and_tableaus_tell_an_operator_up_to_a_phase_only_and_are_refused(channel):
    for result in (ql.evaluate(HOPS[0]), ql.sample(HOPS[0], ["ZZ"], shots=10, seed=1)):
        with pytest.raises(TypeError, match=f"pauli must be a label, or .*; got a {type(channel).__name__}"):
            result.expectation(channel)


def test_a_pauli_that_no_basis_tells_is_refused():
    samples = ql.sample(HOPS[0], ["ZZ"], shots=10, seed=1)
    with pytest.raises(ValueError, match="XZ was not measured"):
        samples.expectation(SparsePauliOp.from_list([("ZZ", 1), ("XZ", 1)]))
