"""Encoded links: what is left of n pairs that are corrected, by enumeration, by circuits and by stim."""

from itertools import pairwise, product

import numpy as np
import pytest
import stim
from qiskit.quantum_info import random_density_matrix
from quantumlink_circuits import Code, known_code

import quantumlink as ql
from quantumlink.codes import BpOsd, Lookup, Matching
from quantumlink.codes.decoders import Decoder
from quantumlink.codes.sampled import SampledRecovery, SampledWarning
from quantumlink.hardware.pauli_coefficients import bell_populations
from quantumlink.link import LogicalSwap
from quantumlink.readings.maps import _noisy
from quantumlink.sweeps import identity

A, B, C = ql.Node("a"), ql.Node("b"), ql.Node("c")
QEC_NEEDED = "needs the extra qec"


def infidelity(link):
    return 1 - ql.evaluate(link).fidelity


# --- perfect circuits: every error of seven pairs, one by one


def enumerated(stabilizers, x, z, p, choose):
    """The failure probability by all 4ⁿ errors, in numpy alone; ``choose`` picks a class for each syndrome."""
    n = len(x)
    errors = np.array(list(product(range(4), repeat=n)))  # I X Y Z

    def clashes(string):
        letters = np.array(["IXYZ".index(c) for c in string])
        return ((errors > 0) & (letters > 0) & (errors != letters)).sum(axis=1) % 2

    syndromes = sum(clashes(s) << i for i, s in enumerate(stabilizers))
    classes = clashes(x) + 2 * clashes(z)
    weights = (errors > 0).sum(axis=1)
    probability = (p / 3) ** weights * (1 - p) ** (n - weights)
    table = np.zeros((1 << len(stabilizers), 4))
    np.add.at(table, (syndromes, classes), probability)
    lightest = np.full((1 << len(stabilizers), 4), n + 1)
    np.minimum.at(lightest, (syndromes, classes), weights)
    return 1 - choose(table, lightest)


STEANE = known_code("steane")


@pytest.mark.parametrize("p", [0.001, 0.01, 0.05, 0.1])
def test_steane_is_what_all_errors_add_up_to(p):
    # Any class of the least weight is as likely as any other, at this code: by symmetry, the best as well.
    def best(table, lightest):
        return table.max(axis=1).sum()

    link = ql.encode(ql.ElementaryLink(A, B, fidelity=1 - p), "steane")
    expected = enumerated(STEANE.stabilizers, "XXXXXXX", "ZZZZZZZ", p, best)
    assert infidelity(link) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("p", "published", "shots"),
    [(0.001, 1.80e-5, 10**6), (0.01, 1.56e-3, 10**6), (0.05, 3.46e-2, 10**6), (0.1, 0.115, 10**6)],
)
def test_steane_meets_the_sampled_figures(p, published, shots):
    # They were sampled: of a million tries, by five standard deviations and half of their last digit.
    found = infidelity(ql.encode(ql.ElementaryLink(A, B, fidelity=1 - p)))
    last_digit = 10 ** (np.floor(np.log10(published)) - 2) / 2
    assert abs(found - published) < 5 * np.sqrt(found / shots) + last_digit


def test_steane_fails_as_147_ninths_p_squared():
    # Of the 189 errors on two pairs 42 are corrected: one for each syndrome that no single error has.
    p = 1e-5
    found = infidelity(ql.encode(ql.ElementaryLink(A, B, fidelity=1 - p)))
    assert found / p**2 == pytest.approx(147 / 9, rel=1e-3)


def test_steane_breaks_even_just_above_five_percent():
    gains = [infidelity(ql.encode(ql.ElementaryLink(A, B, fidelity=1 - p))) < p for p in (0.05, 0.07, 0.08, 0.09)]
    assert gains == [True, True, True, False]


def test_five_qubit_code_is_what_all_errors_add_up_to():
    # Perfect: every syndrome belongs to one error of at most one letter.
    for p in (0.01, 0.1):
        link = ql.encode(ql.ElementaryLink(A, B, fidelity=1 - p), "five_qubit")
        q = p / 3
        assert ql.evaluate(link).fidelity == pytest.approx(
            (1 - p) ** 5 + 15 * q * (1 - p) ** 4 + (15 * q**4 * (1 - p)) + _five_by_weight(q, 1 - p), rel=1e-12
        )


def _five_by_weight(q, f):
    """Errors on two to five pairs that are a stabilizer times an error of at most one letter, besides A₄ = 15."""
    code = known_code("five_qubit")
    group = ["IIIII"]
    for s in code.stabilizers:
        group += [_product(s, g) for g in group]
    singles = ["I" * i + c + "I" * (4 - i) for i in range(5) for c in "XYZ"]
    total = 0.0
    for g in group[1:]:
        for e in singles:
            w = 5 - _product(g, e).count("I")
            total += q**w * f ** (5 - w)
    return total


def _product(a, b):
    """Of two Pauli strings, signs left out."""
    letters = "IXZY"
    return "".join(letters[letters.index(x) ^ letters.index(y)] for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(("p", "published"), [(0.06, 0.048), (0.15, 0.215)])
def test_surface_code_of_nine_meets_the_published_figures(p, published):
    pytest.importorskip("pymatching", reason=QEC_NEEDED)
    link = ql.encode(ql.ElementaryLink(A, B, fidelity=1 - p), "surface:3", "matching")
    assert infidelity(link) == pytest.approx(published, abs=0.0015)  # sampled, three digits


def test_detection_refuses_and_meets_the_published_figures():
    state = ql.evaluate(ql.encode(ql.ElementaryLink(A, B, fidelity=0.95), "steane", "detect"))
    assert 1 - state.fidelity == pytest.approx(1.1e-4, abs=5e-6)
    assert 1 - state.success_probability == pytest.approx(0.30, abs=0.005)
    # As n pairs are joined by the circuit that detects.
    f, q = 0.95, 0.05 / 3
    accepted = f**7 + 21 * q**3 * f**4 + 21 * q**4 * f**3 + 126 * q**5 * f**2 + 42 * q**6 * f + 45 * q**7
    right = f**7 + 21 * q**4 * f**3 + 42 * q**6 * f
    assert state.success_probability == pytest.approx(accepted, rel=1e-12)
    assert state.fidelity == pytest.approx(right / accepted, rel=1e-12)


# --- any state: the same as the circuit, gate by gate


@pytest.mark.parametrize("code", ["repetition_x:2", ["YX"], ["ZYI", "IYZ"]])
def test_any_state_is_as_the_circuit_makes_it(code, seed):
    # All sixteen coefficients of a state in general position, signs of conjugate stabilizers included.
    link = ql.encode(ql.ElementaryLink(A, B, state=random_density_matrix([2, 2], seed=seed)), code)
    exact, played = ql.evaluate(link), ql.evaluate(ql.compose(link))
    assert abs(exact.coefficients - played.coefficients).max() < 1e-12
    assert abs(exact.coefficients).min() > 1e-12


@pytest.mark.parametrize("code", ["repetition_x:2", "repetition_z:3", ["YX"], ["ZYI", "IYZ"]])
@pytest.mark.parametrize("corrections", ["sequential", "feedforward", "frame"])
def test_what_is_detected_is_refused_in_the_circuit_too(code, corrections, seed):
    # What both sides find is random: a circuit that compares other bits refuses other runs.
    link = ql.encode(ql.ElementaryLink(A, B, state=random_density_matrix([2, 2], seed=seed)), code, "detect")
    exact = ql.evaluate(link)
    played = ql.evaluate(ql.compose(link, corrections=corrections))
    assert played.success_probability == pytest.approx(exact.success_probability, rel=1e-12)
    assert exact.success_probability < 0.9
    assert abs(exact.coefficients - played.coefficients).max() < 1e-12


def test_swap_in_the_code_is_as_the_circuit_makes_it(seed):
    left = ql.encode(ql.ElementaryLink(A, B, fidelity=0.9), ["ZZ"])
    right = ql.encode(ql.ElementaryLink(B, C, bell_diagonal=(0.8, 0.1, 0.07, 0.03)), ["ZZ"])
    link = ql.swap(left, right)
    assert isinstance(link.operation, LogicalSwap)
    exact, played = ql.evaluate(link), ql.evaluate(ql.compose(link))
    assert abs(exact.coefficients - played.coefficients).max() < 1e-12


# --- noisy circuits: stim plays every gate


NOISY = ql.Processor(depolarizing_1q=2e-3, depolarizing_2q=1e-2, readout_error=2e-2, reset_error=1e-2)


def stim_infidelity(code, p, processor, shots, seed):
    """Both sides measure with errors, correct by the lightest error, and are looked at without errors."""
    n, stabilizers = code.qubits, code.stabilizers
    r = len(stabilizers)
    a, b, check_a, check_b = range(n), range(n, 2 * n), 2 * n, 2 * n + 1
    circuit = stim.Circuit()
    one, two = 3 / 4 * processor.depolarizing_1q, 15 / 16 * processor.depolarizing_2q
    for i in range(n):
        circuit.append("H", [a[i]])
        circuit.append("CX", [a[i], b[i]])
        circuit.append("DEPOLARIZE1", [b[i]], p)
    for place, s in enumerate(stabilizers):
        for check in (check_a, check_b):
            if place:
                circuit.append("R", [check])
                circuit.append("X_ERROR", [check], processor.reset_error)
        for data, check in ((a, check_a), (b, check_b)):
            if check == check_b and s.count("Y") % 2:
                circuit.append("X", [check])
                circuit.append("DEPOLARIZE1", [check], one)
            circuit.append("H", [check])
            circuit.append("DEPOLARIZE1", [check], one)
            for i, letter in enumerate(s):
                if letter != "I":
                    circuit.append(f"C{letter}", [check, data[i]])
                    circuit.append("DEPOLARIZE2", [check, data[i]], two)
            circuit.append("H", [check])
            circuit.append("DEPOLARIZE1", [check], one)
            circuit.append("M", [check], processor.readout_error)
    for s in (*stabilizers, *code.logical_x, *code.logical_z):
        both = [stim.target_pauli(q, c) for side in (a, b) for q, c in zip(side, s, strict=True) if c != "I"]
        circuit.append(
            "MPP", [t for pair in zip(both, [stim.target_combiner()] * len(both), strict=True) for t in pair][:-1]
        )
    records = circuit.compile_sampler(seed=seed).sample(shots).astype(np.uint8)
    rounds = records[:, : 2 * r]
    seen, last = rounds[:, ::2] ^ rounds[:, 1::2], records[:, 2 * r : 3 * r]
    # A stabilizer with an odd number of Y's is −1 on the other side, and so are logical operators.
    for i, s in enumerate(stabilizers):
        last[:, i] ^= s.count("Y") % 2
    flips = records[:, 3 * r :].copy()
    for i, s in enumerate((*code.logical_x, *code.logical_z)):
        flips[:, i] ^= s.count("Y") % 2
    first = Lookup().corrections(code, seen)
    then = Lookup().corrections(code, last ^ code.syndromes(first))
    return (flips ^ code.logical_flips(first) ^ code.logical_flips(then)).any(axis=1).mean()


@pytest.mark.parametrize("code", ["steane", "five_qubit", ["ZYI", "IYZ"]])
def test_errors_of_gates_resets_and_readout_are_as_stim_plays_them(code, seed):
    nodes = [ql.Node(name, processor=NOISY) for name in "ab"]
    link = ql.encode(ql.ElementaryLink(*nodes, fidelity=0.95), code)
    # Hoeffding at 1e-6: 290,178 shots for ±0.005.
    sampled = stim_infidelity(link.code, 0.05, NOISY, 290_178, seed)
    assert infidelity(link) == pytest.approx(sampled, abs=0.005)
    assert infidelity(link) > 0.01 + infidelity(ql.encode(ql.ElementaryLink(A, B, fidelity=0.95), code))


def test_wrong_bits_alone_make_wrong_corrections_which_the_next_round_takes_back():
    def at(error, fidelity):
        nodes = [ql.Node(name, processor=ql.Processor(readout_error=error)) for name in "ab"]
        return infidelity(ql.encode(ql.ElementaryLink(*nodes, fidelity=fidelity)))

    assert at(0.1, 1.0) == pytest.approx(0, abs=1e-12)
    assert at(0.1, 0.99) > 0.01 + at(0.0, 0.99)


def test_errors_that_are_no_pauli_errors_are_refused():
    uneven = ql.Processor(readout_error=[[0.99, 0.01], [0.03, 0.97]])
    link = ql.encode(ql.ElementaryLink(ql.Node("a", processor=uneven), B), "five_qubit")
    with pytest.raises(ValueError, match="no mixture of Pauli errors"):
        ql.evaluate(link)


def test_a_swap_in_the_code_corrects_what_the_relay_does():
    relay = ql.Node("b", processor=ql.Processor(depolarizing_2q=0.001, readout_error=0.001))
    left, right = ql.ElementaryLink(A, relay), ql.ElementaryLink(relay, C)
    bare = infidelity(ql.swap(left, right))
    coded = ql.swap(ql.encode(left, "five_qubit"), ql.encode(right, "five_qubit"))
    # Perfect links, but the relay encodes with errors: those of the swap add something in second order only.
    spoilt = infidelity(coded)
    parts = [infidelity(ql.encode(link, "five_qubit")) for link in (left, right)]
    assert spoilt < sum(parts) + bare**2 * 40
    assert bare > 0.0025 > bare**2 * 40


# --- the link in use


def test_every_reading_takes_an_encoded_link(seed):
    fiber = ql.Fiber(20)
    left, right = (
        ql.encode(ql.ElementaryLink(x, y, fiber, fidelity=0.97), "five_qubit") for x, y in ((A, B), (B, C))
    )
    link = ql.swap(left, right)
    state = ql.evaluate(link)
    assert state.fidelity > 0.97**2
    assert ql.forecast(link).fidelity == pytest.approx(state.fidelity, abs=1e-9)
    timeline = ql.simulate(link, trials=200, seed=seed)
    assert timeline.fidelity.best == pytest.approx(state.fidelity, abs=1e-9)
    key = ql.qkd.bbm92(link, rounds=20_000, seed=seed)
    assert len(key.secret_bits) > 0


def test_a_repeater_of_the_second_generation_beats_bare_swaps():
    nodes = [ql.Node(f"n{i}") for i in range(9)]
    hops = [ql.ElementaryLink(a, b, fidelity=0.99) for a, b in pairwise(nodes)]
    bare, coded = ql.chain(hops), ql.chain([ql.encode(hop) for hop in hops])
    assert infidelity(bare) > 0.07
    assert infidelity(coded) == pytest.approx(8 * infidelity(ql.encode(hops[0])), rel=0.02)


def test_points_are_evaluated_at_once():
    hop = ql.ElementaryLink(A, B, fidelity=0.9)
    link = ql.encode(hop)
    states = ql.evaluate(link, fidelity=[0.9, 0.95, 0.999])
    assert states.fidelity == pytest.approx(
        [ql.evaluate(ql.encode(ql.ElementaryLink(A, B, fidelity=f))).fidelity for f in (0.9, 0.95, 0.999)],
        rel=1e-12,
    )


def test_composing_between_noisy_nodes_is_refused():
    link = ql.encode(ql.ElementaryLink(ql.Node("a", processor=NOISY), B), "five_qubit")
    with pytest.raises(ValueError, match="errors of 'a' would then act on bare qubits"):
        ql.compose(link)


# --- what is refused


LINK = ql.ElementaryLink(A, B, fidelity=0.95)


@pytest.mark.parametrize(
    ("code", "decode", "error", "words"),
    [
        ("stean", "lookup", ValueError, "did you mean 'steane'"),
        ("surface:4", "matching", ValueError, "odd whole number"),
        (["XX", "ZI"], "lookup", ValueError, "must commute"),
        (["XX", "ZZI"], "lookup", ValueError, "2 letters"),
        (["XX", "ZZ"], "lookup", ValueError, "no logical qubit"),
        ("four_two_two", "lookup", ValueError, "has 2 logical qubits"),
        (5, "lookup", TypeError, "sequence of texts"),
        ("steane", "look-up", ValueError, "did you mean 'lookup'"),
        ("steane", 3, TypeError, "decode must be one of lookup, matching, bposd"),
        ("steane", Lookup, TypeError, "decode must be one of"),
        ("surface:5", "lookup", ValueError, "at most 16 stabilizers"),
    ],
)
def test_bad_codes_and_decoders_are_refused(code, decode, error, words):
    with pytest.raises(error, match=words):
        ql.encode(LINK, code, decode)


@pytest.mark.parametrize("name", ["repetition_z:5", "five_qubit"])
def test_tables_hold_the_lightest_string_of_each_syndrome(name):
    code = known_code(name)
    n, r = code.qubits, len(code.stabilizers)
    strings = np.array(list(product((0, 1), repeat=2 * n)), dtype=np.uint8)
    number = code.syndromes(strings).astype(np.int64) @ (1 << np.arange(r))
    weight = (strings[:, :n] | strings[:, n:]).sum(axis=1)
    lightest = np.full(1 << r, 99)
    np.minimum.at(lightest, number, weight)
    syndromes = np.arange(1 << r)[:, None] >> np.arange(r) & 1
    found = Lookup().corrections(code, syndromes)
    assert (code.syndromes(found) == syndromes).all()
    assert (found[:, :n] | found[:, n:]).sum(axis=1).tolist() == lightest.tolist()


def test_a_table_of_65536_syndromes_takes_no_time(monkeypatch):
    from quantumlink.codes import decoders

    calls = []
    monkeypatch.setattr(decoders, "_cost", lambda *args, cost=decoders._cost: calls.append(args) or cost(*args))
    code = known_code("repetition_z:17")
    decoders._table.cache_clear()
    found = Lookup().corrections(code, [[1] + [0] * 15, [0] * 7 + [1] + [0] * 8])
    assert found[:, :17].sum(axis=1).tolist() == [1, 8]
    assert len(calls) <= 2 * 3 * 17  # steps over all syndromes at once


@pytest.mark.parametrize(
    ("code", "words"),
    [("steane", "at most two Z stabilizers on each qubit"), ("five_qubit", "of X alone or of Z alone")],
)
def test_matching_says_what_it_does_not_fit(code, words):
    pytest.importorskip("pymatching", reason=QEC_NEEDED)
    with pytest.raises(ValueError, match=words):
        ql.encode(LINK, code, "matching")


class Idle:
    """Never does anything."""

    name = "idle"

    def corrections(self, code, syndromes):
        return np.zeros((len(syndromes), 2 * code.qubits), dtype=np.uint8)


def test_a_decoder_of_ones_own_must_explain_the_syndrome():
    assert isinstance(Idle(), Decoder)
    with pytest.raises(ValueError, match="does not fit"):
        ql.encode(LINK, "five_qubit", Idle())


class Answers:
    """The table's answer, spoilt."""

    name = "answers"

    def __init__(self, spoil):
        self.spoil = spoil

    def corrections(self, code, syndromes):
        return self.spoil(Lookup().corrections(code, syndromes), syndromes)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found, asked: None,
        lambda found, asked: "garbage",
        lambda found, asked: found + 0.5,
        lambda found, asked: found.astype(int) + 256,
        lambda found, asked: -found.astype(int),
        lambda found, asked: found * np.nan,
        lambda found, asked: found + 0j,
        lambda found, asked: found[:-1],
        lambda found, asked: [[1], [1, 0]],
    ],
)
def test_corrections_that_are_no_bits_are_refused(spoil):
    with pytest.raises(ValueError, match=r"'answers' must give corrections of 0 and 1 in the shape \(11, 10\)"):
        ql.encode(LINK, "five_qubit", Answers(spoil))


@pytest.mark.parametrize(
    "form", [lambda found: found.astype(bool), lambda found: found.tolist(), lambda found: found * 1.0]
)
def test_corrections_may_be_bits_of_any_type(form):
    link = ql.encode(LINK, "five_qubit", Answers(lambda found, asked: form(found)))
    assert infidelity(link) == infidelity(ql.encode(LINK, "five_qubit"))


def test_a_decoder_that_works_in_place_does_not_change_the_question():
    def forgets(found, asked):
        asked[:] = 0
        return np.zeros_like(found)

    with pytest.raises(ValueError, match="does not fit"):
        ql.encode(LINK, "five_qubit", Answers(forgets))


def test_a_decoder_has_a_name_that_is_a_text():
    decoder = Answers(lambda found, asked: found)
    decoder.name = 3
    with pytest.raises(TypeError, match="decode must be one of"):
        ql.encode(LINK, "five_qubit", decoder)


@pytest.mark.parametrize("decoder", [Lookup(), Matching(), BpOsd()])
@pytest.mark.parametrize(
    "syndromes", [np.ones((1, 3)), np.ones((1, 9)), np.ones(8), np.full((1, 8), 2), [["1"] * 8]]
)
def test_syndromes_of_another_code_are_refused(decoder, syndromes):
    if decoder.name != "lookup":
        pytest.importorskip({"matching": "pymatching", "bposd": "ldpc"}[decoder.name], reason=QEC_NEEDED)
    with pytest.raises(ValueError, match=r"must be 0 and 1 in the shape \(syndromes, 8\)"):
        decoder.corrections(known_code("surface:3"), syndromes)


def test_codes_of_many_logical_qubits_are_refused_before_their_operators_are_looked_for(monkeypatch):
    from quantumlink_circuits import codes

    monkeypatch.setattr(codes, "_logical_operators", None)  # takes half a minute
    with pytest.raises(ValueError, match="has 999 logical qubits"):
        ql.encode(LINK, ["Z" * 1000])
    with pytest.raises(ValueError, match="must be independent"):
        ql.encode(LINK, ["ZZII", "IIZZ", "ZZZZ", "XXXX"])


@pytest.mark.parametrize(("decode", "module"), [("matching", "pymatching"), ("bposd", "ldpc")])
def test_a_missing_extra_is_named(decode, module, monkeypatch):
    import sys

    from quantumlink.codes import decoders

    monkeypatch.setitem(sys.modules, module, None)
    decoders._matchings.cache_clear()
    decoders._bposd.cache_clear()
    with pytest.raises(ModuleNotFoundError, match=r"extra 'qec'"):
        ql.encode(LINK, Code(["ZZI", "IZZ"], name=f"without {module}"), decode)


def test_links_in_different_codes_are_not_swapped():
    left, right = ql.encode(LINK, "steane"), ql.encode(ql.ElementaryLink(B, C), "five_qubit")
    with pytest.raises(ValueError, match="must be encoded alike"):
        ql.swap(left, right)


@pytest.mark.parametrize("code", ["steane", "five_qubit", "surface:3"])
def test_belief_propagation_corrects_every_single_error(code):
    pytest.importorskip("ldpc", reason=QEC_NEEDED)
    p = 1e-4
    assert infidelity(ql.encode(ql.ElementaryLink(A, B, fidelity=1 - p), code, "bposd")) < 40 * p**2


def test_matching_agrees_with_the_table_on_one_kind_of_error():
    pytest.importorskip("pymatching", reason=QEC_NEEDED)
    # Flips of one kind only: both find the fewest.
    link = ql.ElementaryLink(A, B, bell_diagonal=(0.9, 0.1, 0, 0))
    table, matched = (ql.evaluate(ql.encode(link, "repetition_x:5", d)).fidelity for d in (Lookup(), Matching()))
    exact = sum(c * 0.1**k * 0.9 ** (5 - k) for k, c in ((0, 1), (1, 5), (2, 10)))
    assert table == pytest.approx(exact, rel=1e-12)
    assert matched == pytest.approx(exact, rel=1e-12)


# --- larger codes: sampled, and said to be


@pytest.mark.parametrize(("distance", "p", "published"), [(5, 0.06, 0.027), (5, 0.15, 0.226), (7, 0.06, 0.015)])
def test_larger_surface_codes_meet_the_published_figures(distance, p, published):
    pytest.importorskip("pymatching", reason=QEC_NEEDED)
    link = ql.encode(ql.ElementaryLink(A, B, fidelity=1 - p), f"surface:{distance}", "matching")
    with pytest.warns(SampledWarning, match="sampled, not exact: 100000 tries"):
        state = ql.evaluate(link)
    assert 0 < state.off_by < 0.01
    assert state.fidelity_estimate.low < state.fidelity < state.fidelity_estimate.high
    assert "sampled, off by at most" in repr(state)
    # Both are sampled; theirs has three digits.
    assert abs(1 - state.fidelity - published) < 1.5 * state.off_by + 0.0005


@pytest.mark.parametrize("detects", [False, True])
def test_samples_agree_with_what_is_exact(detects):
    nodes = [ql.Node(name, processor=NOISY) for name in "ab"]
    populations = (0.9, 0.05, 0.03, 0.02)
    link = ql.encode(
        ql.ElementaryLink(*nodes, bell_diagonal=populations), "five_qubit", "detect" if detects else "lookup"
    )
    noisy = _noisy(link.operation, (NOISY, NOISY))
    tries = SampledRecovery(link.code, link.decoder, noisy, detects=detects)
    state = link.links[0].coefficients[None]
    with pytest.warns(SampledWarning):
        found = tries(*(state,) * 5)[0]
    exact = ql.evaluate(link)
    assert found[0] == pytest.approx(exact.success_probability, abs=0.01)
    sampled = bell_populations(found / found[0])
    # Twice what is told at 95 %, for each of the four.
    assert sampled == pytest.approx(np.array(exact.bell_diagonal), abs=2 * tries.off_by)
    assert not detects or exact.success_probability < 0.9


def test_a_chain_of_sampled_links_adds_up_by_how_much_it_may_be_off():
    pytest.importorskip("pymatching", reason=QEC_NEEDED)
    left, right = (
        ql.encode(ql.ElementaryLink(x, y, fidelity=0.94), "surface:5", "matching") for x, y in ((A, B), (B, C))
    )
    with pytest.warns(SampledWarning):
        one, two = ql.evaluate(left), ql.evaluate(ql.swap(left, right))
    assert two.off_by >= 2 * one.off_by
    assert 1 - two.fidelity == pytest.approx(2 * (1 - one.fidelity), rel=0.05)
    assert ql.forecast(left).fidelity == pytest.approx(one.fidelity, abs=1e-12)  # the same tries


def test_sampled_codes_take_bell_diagonal_pairs_only(seed):
    pytest.importorskip("pymatching", reason=QEC_NEEDED)
    link = ql.encode(
        ql.ElementaryLink(A, B, state=random_density_matrix([2, 2], seed=seed)), "surface:5", "matching"
    )
    with pytest.raises(ValueError, match="Bell-diagonal states only"):
        ql.evaluate(link)


def test_forecasts_of_sampled_codes_are_refused_where_pairs_wait(monkeypatch):
    pytest.importorskip("pymatching", reason=QEC_NEEDED)
    monkeypatch.setattr(SampledRecovery, "_one", None)  # minutes of tries
    nodes = [ql.Node(name, memory=ql.Memory(t2_s=1)) for name in "ab"]
    link = ql.encode(ql.ElementaryLink(*nodes, ql.Fiber(20), fidelity=0.95), "surface:5", "matching")
    with pytest.raises(ValueError, match="at most 64 different states at once"):
        ql.forecast(link)


def test_exact_states_are_off_by_nothing():
    state = ql.evaluate(ql.encode(LINK))
    assert state.off_by == 0
    assert state.fidelity_estimate.low == state.fidelity_estimate.high == state.fidelity
    assert "sampled" not in repr(state)


# --- stored, and of one's own


class FirstOfItsKind:
    """A table in other hands."""

    name = "first_of_its_kind"

    def corrections(self, code, syndromes):
        return Lookup().corrections(code, syndromes)


def test_encoded_links_are_stored_and_come_back():
    import json

    other = ql.encode(ql.ElementaryLink(B, C, fidelity=0.9), ["ZYI", "IYZ"])
    swapped = ql.swap(ql.encode(LINK, ["ZYI", "IYZ"]), other)
    for link in (ql.encode(LINK), ql.encode(LINK, "five_qubit", "detect"), other, swapped):
        again = ql.parts.from_data(json.loads(json.dumps(ql.parts.to_data(link))))
        assert again == link
        assert type(again) is type(link)
        assert type(again.operation) is type(link.operation)
        assert (ql.evaluate(again).coefficients == ql.evaluate(link).coefficients).all()


def test_codes_and_decoders_of_ones_own_are_parts():
    import pickle

    code, decoder = Code(["XXXX", "ZZII", "IIZZ"], name="mine"), FirstOfItsKind()
    ql.parts.register("mine", code, kind="code")
    ql.parts.register("first", decoder, kind="decoder")
    try:
        link = ql.encode(LINK, "mine", "first")
        assert link.code == code
        assert infidelity(link) == infidelity(ql.encode(LINK, code))
        assert ql.parts.from_data(ql.parts.to_data(link)) == link
        with pytest.raises(ValueError, match="already"):
            ql.parts.register("mine", Code(["XX"]), kind="code")
        told = identity.encode(link)  # so that a sweep over it goes on where it stopped
        assert told == identity.encode(ql.encode(LINK, "mine", decoder)) != identity.encode(ql.encode(LINK, code))
        assert identity.encode(decoder) != identity.encode(Lookup())
    finally:
        ql.parts.forget("code", "mine")
        ql.parts.forget("decoder", "first")
    with pytest.raises(ValueError, match="has no name"):
        ql.parts.to_data(link)
    with pytest.raises(identity.NoIdentity, match="not registered"):
        identity.encode(link)
    coded = ql.encode(LINK, code)
    again = pickle.loads(pickle.dumps(coded))
    assert again == coded
    assert type(again.operation) is type(coded.operation)
    assert infidelity(again) == infidelity(coded)
    with pytest.raises(TypeError, match="must be a Code"):
        ql.parts.register("no", ["XX"], kind="code")
