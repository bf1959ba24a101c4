"""Readout errors inverted: exact against enumeration and the branches of the circuit, intervals by Monte Carlo."""

import json
from dataclasses import replace
from itertools import combinations, product
from math import sqrt

import numpy as np
import pytest
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Pauli, SparsePauliOp
from scipy.stats import binom

import quantumlink as ql
from quantumlink.circuits import PauliChannel
from quantumlink.exact import branches
from quantumlink.execution.mitigation import Calibration, Mitigated, ReadoutErrors, calibration_of
from quantumlink.execution.mitigation.balanced_states import balanced_states, columns_apart
from quantumlink.execution.mitigation.inversion import (
    Counted,
    accepted_weights,
    all_values,
    both_accept_weights,
    counted,
    numbered,
    parity_weights,
)
from quantumlink.execution.mitigation.propagation import Ratio, Uncertain, propagated
from quantumlink.execution.preparation import prepare
from quantumlink.execution.preparation.linting import lint

A, R, B, E = ql.Node("alice"), ql.Node("relay"), ql.Node("bob"), ql.Node("eve")
SKEW = (0.85, 0.08, 0.05, 0.02)
SWAPPED = ql.swap(ql.ElementaryLink(A, R, fidelity=0.9), ql.ElementaryLink(R, B, bell_diagonal=SKEW))
PURIFIED = ql.purify(ql.ElementaryLink(A, B, fidelity=0.85), ql.ElementaryLink(A, B, bell_diagonal=SKEW))
PROGRAMS = {  # link, corrections
    "a pair": (ql.ElementaryLink(A, B, bell_diagonal=SKEW), "frame"),
    "a swap with a frame": (SWAPPED, "frame"),
    "a swap with conditions": (SWAPPED, "feedforward"),
    "a purified pair": (PURIFIED, "frame"),
    "a purified pair, swapped": (ql.swap(PURIFIED, ql.ElementaryLink(B, R, fidelity=0.95)), "frame"),
    "two swaps, corrected at once": (ql.swap(SWAPPED, ql.ElementaryLink(B, E, fidelity=0.95)), "sequential"),
    "a purified swap, corrected at once": (ql.purify(SWAPPED, ql.ElementaryLink(A, B, fidelity=0.9)), "sequential"),
}
CONDITIONED = [name for name, (_, corrections) in PROGRAMS.items() if corrections != "frame"]
RATES = ((0.03, 0.07), (0.02, 0.05), (0.06, 0.04), (0.01, 0.08), (0.05, 0.03), (0.04, 0.09))
MILLION = 1_000_000


def probability_of_reading(true, read, rates):
    """P(read | true), bit by bit."""
    found = 1.0
    for b, m, (zero, one) in zip(true, read, rates, strict=True):
        wrong = one if b else zero
        found *= wrong if b != m else 1 - wrong
    return found


# --- the weights, by enumeration


@pytest.mark.parametrize("which", [(), (1,), (0, 2), (0, 1, 2, 3)])
def test_parity_weights_are_unbiased(which, rng):
    rates = rng.uniform(0, 0.3, (4, 2))
    values = all_values(4)
    weights = parity_weights(values, which, rates)
    for true in values:
        mean = sum(w * probability_of_reading(true, m, rates) for m, w in zip(values, weights, strict=True))
        assert mean == pytest.approx((-1) ** int(true[list(which)].sum()), abs=1e-12)


@pytest.mark.parametrize("heralds", [[(0, 1)], [(0, 1), (1, 2, 3)], [(4,), (0, 3)]])
def test_post_selected_weights_are_unbiased(heralds, rng):
    rates = rng.uniform(0, 0.3, (5, 2))
    values, sign = all_values(5), (1, 4)
    weights = accepted_weights(values, heralds, sign, rates)
    both = both_accept_weights(values, heralds, rates)

    def accepts(bits):
        return all(sum(bits[list(herald)]) % 2 == 0 for herald in heralds)

    for true in values:
        read = [probability_of_reading(true, m, rates) for m in values]
        assert weights @ read == pytest.approx(accepts(true) * (-1) ** (int(true[1]) + int(true[4])), abs=1e-12)
        read_as_even = sum(p for m, p in zip(values, read, strict=True) if accepts(m))
        assert both @ read == pytest.approx(accepts(true) * read_as_even, abs=1e-12)


@pytest.mark.parametrize("heralds", [[], [(0, 1)], [(0, 1), (1, 2, 3)]])
def test_bits_that_were_read_as_their_opposites(heralds, rng):
    """Of a qubit that a correction has flipped, 1 is read for what would have been 0, and errs as 1 does."""
    rates = rng.uniform(0, 0.3, (4, 2))
    values, sign = all_values(4), (1, 3)
    for turn in all_values(4):
        turned = np.tile(turn, (len(values), 1))
        weights = accepted_weights(values, heralds, sign, rates, turned)
        for bare in values:
            read = [probability_of_reading(bare ^ turn, m ^ turn, rates) for m in values]
            accepted = all(sum(bare[list(herald)]) % 2 == 0 for herald in heralds)
            assert weights @ read == pytest.approx(accepted * (-1) ** (int(bare[1]) + int(bare[3])), abs=1e-12)


def test_each_pattern_has_its_own_turns(rng):
    rates = rng.uniform(0, 0.3, (4, 2))
    values, heralds = all_values(4), [(0, 1)]
    turned = rng.random(values.shape) < 0.5
    together = accepted_weights(values, heralds, (1, 3), rates, turned)
    for i in range(len(values)):
        alone = accepted_weights(values[[i]], heralds, (1, 3), rates, turned[[i]])
        assert together[i] == pytest.approx(alone[0])


def test_heralds_as_recorded_only_select(rng):
    rates = np.zeros((3, 2))
    rates[2] = 0.1, 0.2
    values = all_values(3)
    weights = accepted_weights(values, [(0, 1)], (2,), rates)
    kept = values[:, 0] == values[:, 1]
    assert weights[~kept] == pytest.approx(0)
    assert weights[kept] == pytest.approx(parity_weights(values, (2,), rates)[kept])


def test_too_many_herald_bits():
    rates = np.full((16, 2), 0.1)
    with pytest.raises(ValueError, match="scope='ends'"):
        accepted_weights(np.zeros((1, 16), dtype=bool), [tuple(range(15))], (), rates)


# --- a whole program, in all its branches


@pytest.fixture(scope="module")
def device():
    line = [[i, i + 1] for i in range(5)]
    return GenericBackendV2(6, coupling_map=line, control_flow=True, seed=3)


def exact_patterns(prepared, calibration, readout):
    """For each basis the patterns of the calibration's bits and their probabilities, times a million."""
    found = {}
    for basis, row in zip(prepared.recipe.bases, prepared.settings(), strict=True):
        bound = prepared.circuit.assign_parameters(row)
        records = branches(bound, keep=list(calibration.bits), readout=readout)
        bits = np.array(list(records), dtype=bool).reshape(len(records), -1)
        weights = np.array([float(tensor.reshape(())) for tensor in records.values()])
        found[basis] = Counted(bits, MILLION * weights)
    return found


def confusion_of(qubits):
    return {q: np.array([[1 - z, z], [o, 1 - o]]) for q in qubits for z, o in [RATES[q]]}


def exactly_mitigated(prepared, scope):
    calibration = calibration_of(prepared.circuit, prepared.recipe, shots=100, row_shots=100)
    errors = tuple(
        ReadoutErrors(q, (round(RATES[q][0] * MILLION), round(RATES[q][1] * MILLION)), (MILLION, MILLION))
        for q in calibration.qubits
    )
    shots = dict.fromkeys(prepared.recipe.bases, MILLION)
    raw = ql.Samples(("alice", "bob"), dict.fromkeys(shots, (10, 10, 10, 10)), shots)
    patterns = exact_patterns(prepared, calibration, confusion_of(range(6)))
    return Mitigated(raw, errors, scope, calibration, prepared.recipe, patterns)


def expected(prepared, calibration, still_wrong):
    """Expectation values with readout errors on those qubits alone: the recipe on every branch."""
    found, accepted = {}, {}
    for basis, row in zip(prepared.recipe.bases, prepared.settings(), strict=True):
        bound = prepared.circuit.assign_parameters(row)
        records = branches(bound, keep=range(bound.num_clbits), readout=confusion_of(still_wrong))
        kept, value = prepared.recipe.read(np.array(list(records), dtype=bool), basis)
        weights = np.array([float(tensor.reshape(())) for tensor in records.values()])
        totals = np.bincount(value[kept], weights[kept], minlength=4)
        found[basis] = totals @ [1, -1, -1, 1] / totals.sum()
        accepted[basis] = totals.sum()
    return found, np.mean(list(accepted.values()))


def dirtied(circuit):
    """The circuit with an error after each gate on two qubits, so that no figure is at the end of its range."""
    found = circuit.copy_empty_like()
    for instruction in circuit.data:
        found.append(instruction)
        if instruction.name == "cx":
            for qubit in instruction.qubits:
                found.append(PauliChannel(0.02, 0.01, 0.03), [qubit])
    return found


def prepared_case(name, device):
    link, corrections = PROGRAMS[name]
    return prepare(ql.compose(link), device, corrections=corrections, optimization_level=1, seed=1)


def dirty_case(name, device):
    prepared = prepared_case(name, device)
    return replace(prepared, circuit=dirtied(prepared.circuit))


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("scope", ["ends", "all"])
def test_what_is_left_is_what_was_not_mitigated(name, scope, device):
    """Nothing sampled: with the errors of the scope taken out stands what a device without them measures."""
    prepared = dirty_case(name, device)
    mitigated = exactly_mitigated(prepared, scope)
    calibration = mitigated.calibration
    qubit_of = dict(zip(calibration.bits, calibration.qubits, strict=True))
    ends = {qubit_of[bit] for _, bit in prepared.recipe.ends}
    still_wrong = set(calibration.qubits) - ends if scope == "ends" else ()
    assert bool(calibration.acted_on) == (name in CONDITIONED)  # and what they made wrong is undone
    values, _ = expected(prepared, calibration, still_wrong)
    raw, _ = expected(prepared, calibration, set(range(6)))
    for basis, value in values.items():
        found = mitigated.expectation(basis)
        assert found.best == pytest.approx(value, abs=1e-9)
        assert abs(raw[basis] - value) > 0.03  # there was something to mitigate
        assert abs(value) < 0.98
    fidelity = (1 + values["XX"] - values["YY"] + values["ZZ"]) / 4
    assert mitigated.fidelity().best == pytest.approx(fidelity, abs=1e-9)


@pytest.mark.parametrize("name", CONDITIONED)
def test_bits_that_conditions_read_stay_where_nothing_tells_what_they_did(name, device):
    """As in a file from before: what is left is what the conditions acted on."""
    prepared = dirty_case(name, device)
    calibration = calibration_of(prepared.circuit, prepared.recipe, shots=100, row_shots=100)
    acted_on = {
        q for bit, q in zip(calibration.bits, calibration.qubits, strict=True) if bit in calibration.acted_on
    }
    bare = replace(prepared, recipe=replace(prepared.recipe, conditional=None))
    found = exactly_mitigated(bare, "all")
    values, _ = expected(prepared, calibration, acted_on)
    for basis, value in values.items():
        assert found.expectation(basis).best == pytest.approx(value, abs=1e-9)
        assert abs(value - exactly_mitigated(prepared, "all").expectation(basis).best) > 0.01


@pytest.mark.parametrize("name", ["a purified pair", "a purified pair, swapped"])
def test_the_account_of_post_selection(name, device):
    """Against the joint probabilities of true and recorded heralds, enumerated."""
    prepared = dirty_case(name, device)
    mitigated = exactly_mitigated(prepared, "ends")
    calibration, heralds = mitigated.calibration, prepared.recipe.heralds
    bits = sorted({bit for herald in heralds for bit in herald})
    rates = [RATES[calibration.qubits[calibration.bits.index(bit)]] for bit in bits]
    joint = np.zeros((2, 2))
    for row in prepared.settings():
        for true, tensor in branches(prepared.circuit.assign_parameters(row), keep=bits).items():
            for read in product((0, 1), repeat=len(bits)):
                fine = [
                    all(sum(record[bits.index(b)] for b in herald) % 2 == 0 for herald in heralds)
                    for record in (true, read)
                ]
                p = float(tensor.reshape(())) * probability_of_reading(true, read, rates)
                joint[int(fine[0]), int(fine[1])] += p / len(prepared.settings())
    account = mitigated.post_selection()
    assert account.acceptable.best == pytest.approx(joint[1].sum(), abs=1e-9)
    assert account.wrongly_accepted.best == pytest.approx(joint[0, 1] / joint[:, 1].sum(), abs=1e-9)
    assert account.wrongly_refused.best == pytest.approx(joint[1, 0] / joint[1].sum(), abs=1e-9)
    assert min(account.wrongly_refused, account.wrongly_accepted) > 0.01
    assert "wrongly accepted" in str(account)
    assert "mitigated" in account._repr_html_()


# --- calibration


@pytest.mark.parametrize("rows", [1, 7])
def test_the_calibration_circuits_measure_the_confusion(rows, device):
    calibration = Calibration((0, 1, 4), (2, 5, 2), (), rows)
    for prepared, (circuit, table) in enumerate(calibration.circuits(6, device.target)):
        lint([(circuit, table, 10)], device.target)
        assert circuit.num_qubits == 6
        assert (table is None) == (rows == 1)
        bound = circuit if table is None else circuit.assign_parameters(table[0])
        found = branches(bound, keep=[0, 1], readout=confusion_of(range(6)))
        for record, tensor in found.items():
            wanted = probability_of_reading((prepared, prepared), record, [RATES[2], RATES[5]])
            assert float(tensor.reshape(())) == pytest.approx(wanted, abs=1e-12)


def test_the_counts_of_a_calibration():
    calibration = Calibration((0, 1, 4), (2, 5, 2), (), 1)
    zeros = bits_of(np.array([[0, 0], [1, 0], [0, 0], [0, 0]], dtype=bool))
    ones = bits_of(np.array([[1, 1], [1, 0], [1, 0]], dtype=bool))
    errors = calibration.errors(zeros, ones)
    assert [(e.qubit, e.wrong, e.runs) for e in errors] == [
        (2, (1, 0), (4, 3)),
        (5, (0, 2), (4, 3)),
        (2, (1, 0), (4, 3)),
    ]
    assert Calibration.from_dict(calibration.to_dict()) == calibration
    with pytest.raises(ValueError, match="no calibration"):
        Calibration.from_dict({"bits": [0]})
    with pytest.raises(ValueError, match="register 'calibration'"):
        calibration.errors(zeros, bits_of(np.zeros((3, 5), dtype=bool)))


def test_balanced_states():
    """Each column is 0 as often as 1; any two have all four pairs equally often, in 8 rows and in 24."""
    for rows in (8, 24):
        states = balanced_states(range(7), rows)
        assert (states.sum(axis=0) == rows // 2).all()
        for a, b in combinations(range(7), 2):
            assert np.unique(2 * states[:, a] + states[:, b], return_counts=True)[1].tolist() == [rows // 4] * 4


def test_qubits_with_the_same_column_are_apart():
    torus = [[i, (i + step) % 25] for i in range(25) for step in (1, 5)]
    target = GenericBackendV2(25, coupling_map=[*torus, *(pair[::-1] for pair in torus)], seed=1).target
    columns = columns_apart(list(range(25)), target)
    assert all(columns[a] != columns[b] for a, b in torus)
    assert set(columns_apart([5, 3, 9], None)) == {0, 1, 2}


@pytest.mark.parametrize("rows", [1, 9])
def test_a_balanced_calibration_is_over_the_states_of_the_neighbor(rows, device):
    """Qubit 3's readout errs more when qubit 2, beside it, is in 1: what is found is the mean over both."""
    prepared = prepared_case("a pair", device)
    calibration = calibration_of(
        prepared.circuit, prepared.recipe, shots=10 * rows, row_shots=10, balanced=True, target=device.target
    )
    assert calibration.is_balanced
    assert calibration.rows == 8 * -(-rows // 8)
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration
    results = []
    for circuit, table in calibration.circuits(6, device.target):
        lint([(circuit, table, 10)], device.target)
        read = []
        for row in table:
            [(record, tensor)] = branches(circuit.assign_parameters(row), keep=[0, 1]).items()
            assert float(tensor.reshape(())) == pytest.approx(1)
            one, two = record
            wrong = np.arange(100) < (30 if one else 10)  # of 100 shots, by the state of the other
            read.append(np.stack([np.full(100, one, bool), np.full(100, two, bool) ^ wrong], axis=-1))
        results.append(bits_of(np.array(read), shape=(len(table),)))
    first, second = calibration.errors(*results)
    half = 100 * calibration.rows
    assert (first.wrong, first.runs) == ((0, 0), (half, half))
    assert (second.wrong, second.runs) == ((half // 5, half // 5), (half, half))
    with pytest.raises(ValueError, match="rows of the register"):
        calibration.errors(bits_of(np.zeros((3, 2), dtype=bool)), results[1])
    with pytest.raises(ValueError, match="no calibration"):
        Calibration.from_dict({**calibration.to_dict(), "columns": [0, 7]})


def bits_of(bits, name="calibration", shape=()):
    return SamplerPubResult(DataBin(**{name: BitArray.from_bool_array(bits, order="little")}, shape=shape))


def test_bits_that_conditions_read_are_known(device):
    """A herald that is read by a condition too stays as it was recorded."""
    prepared = prepared_case("a swap with conditions", device)
    conditioned = {
        prepared.circuit.find_bit(c).index for i in prepared.circuit.data if i.name == "if_else" for c in i.clbits
    }
    recipe = replace(prepared.recipe, heralds=(tuple(sorted(conditioned)),))
    calibration = calibration_of(prepared.circuit, recipe, shots=100, row_shots=30)
    assert set(calibration.acted_on) == conditioned
    assert calibration.rows == 4
    with pytest.raises(ValueError, match="not measured"):
        calibration_of(prepared.circuit.copy_empty_like(), recipe, shots=1, row_shots=1)


# --- intervals


@pytest.mark.parametrize(
    ("error", "rates", "shots", "runs"),
    [
        (0.1, (0.03, 0.08), 400, 400),
        (0.1, (0.03, 0.08), 2000, 200),  # the calibration's share dominates
        (0.002, (0.002, 0.003), 400, 400),  # often no error at all is seen
    ],
)
def test_the_intervals_cover(error, rates, shots, runs, rng):
    """⟨ZZ⟩ of a pair that differs with probability `error`: drawn and estimated anew 1500 times.

    The interval states 95 %; that it covers 93 % is refused wrongly with a probability below 1e-6 if it does.
    """
    trials, bits = 1500, all_values(2)
    truth = 1 - 2 * error
    pair = np.where(bits[:, 0] == bits[:, 1], (1 - error) / 2, error / 2)
    read = np.array([[probability_of_reading(t, m, [rates, rates]) for m in bits] for t in bits])
    counts = rng.multinomial(shots, pair @ read, size=trials)
    wrong = rng.binomial(runs, np.array([rates, rates]), size=(trials, 2, 2))
    covered = 0
    for number, seen in zip(counts, wrong, strict=True):
        errors = [ReadoutErrors(q, tuple(map(int, seen[q])), (runs, runs)) for q in (0, 1)]
        uncertain = [Uncertain((q,), side, s) for q in (0, 1) for side, s in enumerate(errors[q].spread())]
        runs_seen = Counted(bits, number.astype(float))
        ratio = Ratio(1.0, (runs_seen,), _zz, _one, -1.0)
        covered += propagated([ratio], 0.0, seen / runs, uncertain, 0.95).covers(truth)
    assert covered >= binom.ppf(1e-6, trials, 0.93)


def _zz(bits, rates):
    return parity_weights(bits, (0, 1), rates)


def _one(bits, _):
    return np.ones(len(bits))


def test_equal_runs_are_counted_together(rng):
    bits = rng.integers(0, 2, (200, 3)).astype(bool)
    found = counted(bits)
    assert found.runs == 200
    again = np.bincount(numbered(bits), minlength=8)
    assert again[numbered(found.bits)] == pytest.approx(found.counts)


# --- refusals and texts


@pytest.fixture(scope="module")
def sampled(device):
    prepared = prepared_case("a purified pair", device)
    calibration = calibration_of(prepared.circuit, prepared.recipe, shots=200, row_shots=200)
    pubs = [*prepared.pubs(200), *((c, t, 200) for c, t in calibration.circuits(6, device.target))]
    return prepared, calibration, ql.ExactSampler(seed=1).run(pubs).result()


def test_without_errors_nothing_changes(sampled):
    prepared, calibration, result = sampled
    for scope in ("ends", "all"):
        mitigated = Mitigated.of(prepared.recipe, calibration, result, scope=scope)
        assert mitigated.raw == prepared.samples(result[0])
        for name, raw, best in mitigated.lines():
            assert best.best == pytest.approx(raw.best, abs=1e-12), name
            assert best.low < raw.best < best.high
        assert mitigated.post_selection().wrongly_accepted.best == pytest.approx(0, abs=1e-12)
    assert "Mitigated: readout errors of all measurements inverted" in str(mitigated)
    assert "<th>raw</th><th>mitigated</th>" in mitigated._repr_html_()
    assert "raw" in repr(mitigated)


def test_one_letter_labels_are_mitigated_over_all_bases(sampled):
    prepared, calibration, result = sampled
    mitigated = Mitigated.of(prepared.recipe, calibration, result)
    assert mitigated.expectation("IZ").best == pytest.approx(mitigated.raw.expectation("IZ").best, abs=1e-12)


FIDELITY = SparsePauliOp.from_list([("II", 0.25), ("XX", 0.25), ("YY", -0.25), ("ZZ", 0.25)])


def test_operators_of_qiskit_are_mitigated(sampled):
    prepared, calibration, result = sampled
    mitigated = Mitigated.of(prepared.recipe, calibration, result)
    found, told = mitigated.expectation(FIDELITY), mitigated.fidelity()
    assert (found.low, found.best, found.high) == pytest.approx((told.low, told.best, told.high), abs=1e-12)
    assert mitigated.expectation(Pauli("-ZZ")).best == pytest.approx(-mitigated.expectation("ZZ").best)


def test_paulis_that_the_same_runs_tell_add_up_to_no_narrower_an_interval(sampled):
    """Nobody says how they depend on one another: whatever that is, the interval is wide enough."""
    prepared, calibration, result = sampled
    mitigated = Mitigated.of(prepared.recipe, calibration, result)
    one = [mitigated.expectation(label) for label in ("IZ", "ZI", "ZZ")]
    sum_of_all = mitigated.expectation(SparsePauliOp(["IZ", "ZI", "ZZ"]))
    assert sum_of_all.best == pytest.approx(sum(each.best for each in one), abs=1e-12)
    largest = max(each.high - each.best for each in one)
    assert sum_of_all.high - sum_of_all.best >= sqrt(3) * largest


def test_what_is_refused(sampled):
    prepared, calibration, result = sampled
    with pytest.raises(ValueError, match="scope must be one of"):
        Mitigated.of(prepared.recipe, calibration, result, scope="some")
    with pytest.raises(ValueError, match="two calibration circuits"):
        Mitigated.of(prepared.recipe, calibration, result[0])
    turned = PrimitiveResult([result[0], result[2], result[1]])
    with pytest.raises(ValueError, match="next to random"):
        Mitigated.of(prepared.recipe, calibration, turned)
    mitigated = Mitigated.of(prepared.recipe, calibration, result)
    with pytest.raises(ValueError, match="XY was not measured"):
        mitigated.expectation("XY")
    assert not hasattr(mitigated, "qber")
    bare = replace(mitigated, recipe=replace(prepared.recipe, heralds=()))
    with pytest.raises(ValueError, match="no heralds"):
        bare.post_selection()
