"""Single runs, post-selections of the user's own, and tomography of the pair, beside counts and exact states."""

from itertools import pairwise, product
from math import log, sqrt

import numpy as np
import pytest
from qiskit.primitives import BackendSamplerV2, BitArray
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import DensityMatrix, SparsePauliOp
from qiskit_aer import AerSimulator

import quantumlink as ql
from quantumlink.execution import Samples
from quantumlink.execution.preparation import prepare

A, R, B = ql.Node("alice"), ql.Node("relay", processor=ql.Processor(0.01, 0.03, 0.02)), ql.Node("bob")
LEFT = ql.ElementaryLink(A, R, bell_diagonal=(0.8, 0.1, 0.07, 0.03))
RIGHT = ql.ElementaryLink(R, B, bell_diagonal=(0.85, 0.03, 0.04, 0.08))
LINK = ql.swap(ql.purify(LEFT, LEFT), RIGHT)
BASES = ["".join(pair) for pair in product("XYZ", repeat=2)]


def engines():
    return {"exact": {"engine": "exact"}, "clifford": {"engine": "clifford"}, "aer": {"sampler": AerSimulator()}}


def recounted(samples, program):
    """The outcomes, from the raw records by the program's own parities of bits, one run after the other."""
    found = {}
    names = {name: i for i, name in enumerate(samples.records().names)}
    registers = {
        i: f"{register.name}[{k}]"
        for register in program.circuit.cregs
        for k, bit in enumerate(register)
        for i in [program.circuit.find_bit(bit).index]
    }
    for basis in samples.outcomes:
        table = samples.records(basis).to_bool_array(order="little")
        counts = [0, 0, 0, 0]
        for row in table:
            parity = lambda bits, row=row: sum(row[names[registers[b]]] for b in bits) % 2
            if any(parity(herald) for herald in program.heralds):
                continue
            value = 0
            for i, (end, letter) in enumerate(zip(program.ends, reversed(basis), strict=True)):
                frame = program.frame[end]
                bits = (*(frame.x if letter != "X" else ()), *(frame.z if letter != "Z" else ()))
                value += (int(row[names[end]]) ^ parity(bits)) << i
            counts[value] += 1
        found[basis] = tuple(counts)
    return found


@pytest.mark.parametrize("name", engines())
def test_records_hold_every_run_with_names(name, seed):
    program = ql.compose(LINK, corrections="frame")
    samples = ql.sample(program, ["XX", "ZY"], shots=400, seed=seed, **engines()[name])
    records = samples.records()
    assert isinstance(records, BitArray)
    assert records.num_shots == 800
    assert set(records.names) == {"purify_0[0]", "purify_0[1]", "swap_0[0]", "swap_0[1]", "alice", "bob"}
    assert list(records.basis) == ["XX"] * 400 + ["ZY"] * 400
    assert recounted(samples, program) == samples.outcomes


@pytest.mark.parametrize("name", engines())
def test_accepted_and_refused_records_and_the_frame(name, seed):
    program = ql.compose(LINK, corrections="frame")
    samples = ql.sample(program, ["XX", "ZY"], shots=400, seed=seed, **engines()[name])
    accepted, refused = samples.records("ZY", accepted=True), samples.records("ZY", accepted=False)
    assert accepted.num_shots == sum(samples.outcomes["ZY"])
    assert accepted.num_shots + refused.num_shots == 400
    assert (accepted["purify_0[0]"] == accepted["purify_0[1]"]).all()
    assert (refused["purify_0[0]"] != refused["purify_0[1]"]).all()
    corrected = samples.records("ZY", accepted=True, corrected=True)
    values = corrected["alice"] + 2 * corrected["bob"].astype(int)
    assert tuple(np.bincount(values, minlength=4)) == samples.outcomes["ZY"]
    assert (accepted["alice"] != corrected["alice"]).any() or (accepted["bob"] != corrected["bob"]).any()
    with pytest.raises(ValueError, match="one of"):
        accepted["nobody"]


def test_records_of_a_prepared_program(seed):
    device = GenericBackendV2(6, control_flow=True, seed=1)
    program = ql.compose(ql.purify(ql.ElementaryLink(A, B), ql.ElementaryLink(A, B)), corrections="frame")
    prepared = prepare(program, device, bases=["XX", "ZZ"], seed=1)
    samples = prepared.samples(BackendSamplerV2(backend=device).run(prepared.pubs(300)).result())
    records = samples.records(accepted=False)
    assert {"purify_0[0]", "purify_0[1]", "alice", "bob"} == set(records.names)
    assert (records["purify_0[0]"] != records["purify_0[1]"]).all()
    assert samples.records("ZZ").num_shots == 300


def test_samples_that_add_up_keep_their_records(seed):
    one, two = (ql.sample(LINK, ["ZZ"], shots=100, seed=seed + i) for i in range(2))
    assert (one + two).records().num_shots == 200
    assert (one + two).records(accepted=True).num_shots == sum((one + two).outcomes["ZZ"])


def test_samples_of_counts_have_no_records():
    with pytest.raises(ValueError, match="not kept"):
        Samples(("a", "b"), {"ZZ": (1, 0, 0, 0)}, {"ZZ": 1}).records()


# --- the user's own post-selection


def test_a_post_selection_of_ones_own(seed):
    """The heralds of DEJMPS chosen by hand are the program's own; the others are its complement."""
    program = ql.compose(LINK, corrections="frame")
    samples = ql.sample(program, ["ZZ", "XX"], shots=500, seed=seed, engine="clifford")
    equal = samples.where(lambda r: r["purify_0[0]"] == r["purify_0[1]"], heralds=False)
    assert equal.outcomes == samples.outcomes
    assert equal.shots == samples.shots
    refused = samples.where(lambda r: r["purify_0[0]"] != r["purify_0[1]"], heralds=False)
    assert sum(refused.outcomes["ZZ"]) == 500 - sum(samples.outcomes["ZZ"])
    parts = [samples.where({"swap_0[0]": a, "swap_0[1]": b}) for a, b in product((0, 1), repeat=2)]
    for basis in samples.outcomes:
        assert np.sum([part.outcomes[basis] for part in parts], axis=0).tolist() == list(samples.outcomes[basis])
    assert not parts[0].records(accepted=True)["swap_0[0]"].any()
    assert parts[0].acceptance < samples.acceptance
    with pytest.raises(ValueError, match="selected by the user"):
        parts[0] + samples


@pytest.mark.parametrize(
    ("keep", "text"),
    [
        ({"nothing": 0}, "nothing"),
        ({"alice": 0}, "no herald"),
        ({"swap_0[0]": 2}, "0 or 1"),
        (lambda r: [1, 0], "True or False"),
        (lambda r: np.array([True]), "True or False"),
    ],
)
def test_impossible_post_selections_are_refused(keep, text):
    samples = ql.sample(ql.compose(LINK, corrections="frame"), ["ZZ"], shots=50, seed=1)
    with pytest.raises(ValueError, match=text):
        samples.where(keep)
    with pytest.raises(TypeError, match="keep"):
        samples.where("swap_0[0]")


@pytest.mark.parametrize("corrections", ["sequential", "feedforward", "frame"])
@pytest.mark.parametrize("relaxes", [False, True])
def test_the_exact_engine_keeps_the_bits_that_are_asked_for(corrections, relaxes, seed):
    """Two outcomes of swaps that nothing else reads: the runs with one of them, beside all of them and by hand."""
    memory = ql.Memory(t1_s=1.0) if relaxes else ql.Memory()
    nodes = [ql.Node(name, memory, ql.Processor(readout_error=0.1)) for name in "abcd"]
    pair = {"bell_diagonal": (0.7, 0.3, 0.0, 0.0)}
    chain = ql.chain([ql.ElementaryLink(*ends, **pair) for ends in pairwise(nodes)])
    program = ql.compose(chain, corrections=corrections)
    shots = 20_000
    samples = ql.sample(program, ["ZZ"], shots=shots, seed=seed, engine="exact", keep=["swap_0[1]", "swap_1[0]"])
    assert set(samples.records().names) >= {"swap_0[1]", "swap_1[0]", "a", "d"}
    kept = samples.where({"swap_0[1]": 1})
    # Readout errors alone disturb ZZ, twice: and each bit is an even coin. Hoeffding at 1e-6.
    bound = sqrt(log(2e6) / (2 * shots))
    assert kept.acceptance.best == pytest.approx(0.5, abs=bound)
    assert kept.expectation("ZZ").best == pytest.approx(0.8**2, abs=4 * bound)


def test_bits_that_were_not_kept_are_told_with_the_remedy():
    samples = ql.sample(ql.compose(LINK), ["ZZ"], shots=50, seed=1, engine="exact")
    with pytest.raises(ValueError, match=r"'swap_0\[0\]' was not kept: .* keep=\['swap_0\[0\]'\]"):
        samples.where({"swap_0[0]": 0})
    with pytest.raises(ValueError, match="keep must be one of"):
        ql.sample(ql.compose(LINK), ["ZZ"], shots=50, keep=["swap_7[0]"])


# --- tomography


def exact_samples(state, shots):
    """Counts as near to the exact probabilities as whole numbers can be."""
    outcomes = {}
    for basis in BASES:
        p = [
            np.real(np.trace(state.data @ projector(basis, right, left)))
            for right, left in product((1, -1), repeat=2)
        ]
        outcomes[basis] = tuple(np.rint(shots * np.clip(p, 0, 1)).astype(int).tolist())
    return Samples(("a", "b"), outcomes, dict.fromkeys(outcomes, shots))


def projector(basis, right, left):
    identity = np.eye(2)
    first, second = (SparsePauliOp(letter).to_matrix() for letter in basis)
    return np.kron((identity + right * first) / 2, (identity + left * second) / 2)


def random_state(rng, rank):
    root = rng.normal(size=(4, rank)) + 1j * rng.normal(size=(4, rank))
    matrix = root @ root.conj().T
    return DensityMatrix(matrix / np.trace(matrix))


@pytest.mark.parametrize("method", ["linear", "maximum_likelihood"])
@pytest.mark.parametrize("rank", [1, 2, 4])
def test_tomography_of_exact_counts_is_the_state(rank, method, rng):
    """No shot noise is left but that of rounding to whole numbers; states at random know left from right."""
    state = random_state(rng, rank)
    found = exact_samples(state, 10**9).tomography(method=method)
    np.testing.assert_allclose(found.matrix, state.data, rtol=0, atol=3e-4 if rank < 4 else 1e-5)
    assert np.trace(found.matrix) == pytest.approx(1, abs=1e-9)
    for label, value in found.expectations.items():
        assert value.best == pytest.approx(state.expectation_value(SparsePauliOp(label)).real, abs=1e-3)


def test_the_most_likely_state_is_a_state_and_more_likely_than_any_near(rng):
    outcomes = {basis: tuple(rng.multinomial(30, [0.45, 0.05, 0.05, 0.45]).tolist()) for basis in BASES}
    samples = Samples(("a", "b"), outcomes, dict.fromkeys(BASES, 30))
    found = samples.tomography()
    assert found.is_physical
    assert not samples.tomography(method="linear").is_physical

    def likelihood(matrix):
        total = 0.0
        for basis, counts in outcomes.items():
            for count, signs in zip(counts, product((1, -1), repeat=2), strict=True):
                p = np.real(np.trace(matrix @ projector(basis, *signs)))
                total += count * np.log(max(p, 1e-300)) if count else 0.0
        return total

    best = likelihood(found.matrix)
    for _ in range(300):
        other = random_state(rng, int(rng.integers(1, 5))).data
        step = 10 ** rng.uniform(-6, 0)
        assert likelihood((1 - step) * found.matrix + step * other) <= best + 1e-3


@pytest.mark.parametrize("method", ["linear", "maximum_likelihood"])
def test_tomography_of_a_link_holds_its_exact_state(method, seed):
    """23 intervals at a confidence of 1 − 1e-6/23 each: a false alarm once in a million runs of this test."""
    samples = ql.sample(LINK, BASES, shots=20_000, seed=seed)
    state = ql.evaluate(LINK)
    exact = state.density_matrix
    found = samples.tomography(method=method, confidence=1 - 1e-6 / 23)
    assert found.fidelity().covers(state.fidelity)
    for label, value in found.expectations.items():
        assert value.covers(state.expectation(label))
    for i, j in [(0, 0), (0, 3), (1, 2), (1, 1), (0, 1), (2, 3), (3, 3)]:
        unit = np.zeros((4, 4), dtype=complex)
        unit[i, j] = 0.5
        element = found.expectation(unit + unit.conj().T)
        assert element.covers(exact.data[i, j].real)
        assert element.best == pytest.approx(found.matrix[i, j].real, abs=1e-9)
    # Hoeffding: 36 shares of 20,000 runs, each within 0.0212; every element is a sum of at most 9 halves of them.
    np.testing.assert_allclose(found.matrix, exact.data, rtol=0, atol=9 * sqrt(log(2 * 36 / 1e-6) / 40_000))


def test_tomography_needs_all_bases_and_two_ends():
    with pytest.raises(ValueError, match="nine bases"):
        ql.sample(LINK, ["XX", "YY", "ZZ"], shots=50, seed=1).tomography()
    samples = ql.sample(LINK, BASES, shots=50, seed=1)
    with pytest.raises(ValueError, match="method"):
        samples.tomography(method="bayes")
    with pytest.raises(ValueError, match="Hermitian"):
        samples.tomography().expectation(np.triu(np.ones((4, 4))))


def test_a_label_where_an_observable_belongs_is_told_where_its_value_is(seed):
    told = ql.sample(
        ql.ElementaryLink(ql.Node("a"), ql.Node("b")),
        bases=[*map("".join, product("XYZ", repeat=2))],
        shots=50,
        seed=seed,
    ).tomography()
    with pytest.raises(TypeError, match=r"expectations\['XY'\]"):
        told.expectation("XY")
