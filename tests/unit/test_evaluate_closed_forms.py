"""`evaluate` against the closed forms of the literature, with random parameters.

Each expectation is computed here from the formula. Where a formula holds for noise of one kind, the link has
noise of that kind; the sources are in the project's docstrings. Conventions: populations in the order Φ⁺, Φ⁻,
Ψ⁺, Ψ⁻; w = (4F − 1)/3; p₁, p₂ the probability that a gate is not depolarised; m = 1 − 2·(readout error).
"""

from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.promises import SIGNS, purified_dejmps, swapped

import quantumlink as ql

# Exact up to rounding: products of 16×256 matrices, a few dozen of them at most.
EXACT = 1e-9

fidelities = st.floats(0.25, 1)
good_fidelities = st.floats(0.5, 1)
rates = st.floats(0, 0.5)
given_few = settings(max_examples=25, deadline=None, derandomize=True)


@st.composite
def populations(draw, least=0.0):
    first = draw(st.floats(least, 1))
    weights = draw(st.tuples(*[st.floats(0, 1)] * 3).filter(lambda w: sum(w) > 1e-3))
    return (first, *((1 - first) * w / sum(weights) for w in weights))


def link(left, right, state):
    how = {"bell_diagonal": state} if isinstance(state, tuple) else {"fidelity": state}
    return ql.ElementaryLink(left, right, **how)


def nodes(count, processor=None):
    return [ql.Node(f"n{i}", processor=processor or ql.Processor()) for i in range(count)]


def werner(fidelity):
    return (4 * fidelity - 1) / 3


# --- elementary links and what a state tells


@given_few
@given(state=populations())
def test_an_elementary_link_is_its_state(state):
    found = ql.evaluate(link(*nodes(2), state))
    assert found.bell_diagonal == pytest.approx(state, abs=EXACT)
    assert found.fidelity == pytest.approx(state[0], abs=EXACT)
    assert found.success_probability == 1
    assert found.ends == ("n0", "n1")
    # As a density matrix: the populations on the Bell vectors, written out.
    phi_p, phi_m = np.array([1, 0, 0, 1]) / sqrt(2), np.array([1, 0, 0, -1]) / sqrt(2)
    psi_p, psi_m = np.array([0, 1, 1, 0]) / sqrt(2), np.array([0, 1, -1, 0]) / sqrt(2)
    rho = sum(p * np.outer(v, v) for p, v in zip(state, (phi_p, phi_m, psi_p, psi_m), strict=True))
    np.testing.assert_allclose(np.asarray(found.density_matrix), rho, rtol=0, atol=EXACT)


@given_few
@given(state=populations())
def test_qber_and_expectations_of_a_bell_diagonal_state(state):
    found = ql.evaluate(link(*nodes(2), state))
    _, phi_m, psi_p, psi_m = state
    assert found.qber("Z") == pytest.approx(psi_p + psi_m, abs=EXACT)
    assert found.qber("X") == pytest.approx(phi_m + psi_m, abs=EXACT)
    assert found.qber("Y") == pytest.approx(phi_m + psi_p, abs=EXACT)
    for label, sign in (("XX", 0), ("YY", 1), ("ZZ", 2)):
        assert found.expectation(label) == pytest.approx(float(np.dot(state, SIGNS[:, sign])), abs=EXACT)
    for label in ("XY", "ZI", "IX"):
        assert found.expectation(label) == pytest.approx(0, abs=EXACT)
    assert found.expectation("II") == pytest.approx(1, abs=EXACT)
    # The three error rates tell the fidelity: each population but Φ⁺ is in two of them.
    assert found.fidelity == pytest.approx(1 - sum(map(found.qber, "XYZ")) / 2, abs=EXACT)


@given_few
@given(state=populations())
def test_chsh_is_horodeckis(state):
    first, second = sorted(np.abs(np.asarray(state) @ SIGNS))[:0:-1]
    assert ql.evaluate(link(*nodes(2), state)).chsh == pytest.approx(2 * sqrt(first**2 + second**2), abs=EXACT)


@given_few
@given(fidelity=fidelities)
def test_chsh_of_a_werner_state(fidelity):
    found = ql.evaluate(link(*nodes(2), fidelity))
    assert found.chsh == pytest.approx(2 * sqrt(2) * abs(werner(fidelity)), abs=EXACT)


def test_chsh_is_the_largest_value_over_settings():
    # Not by the formula: S for settings on a grid never exceeds it, and the best comes close. The optimum lies in
    # the plane of the two largest correlations; half a step of 1° beside it, S is (0.5°)²/2 = 4e-5 smaller.
    state = (0.8, 0.12, 0.05, 0.03)
    xx, _, zz = np.asarray(state) @ SIGNS
    found = ql.evaluate(link(*nodes(2), state)).chsh
    angles = np.radians(np.arange(0, 180, 1.0))
    # Alice measures X and Z, Bob cos·X ± sin·Z: S = 2·(cos·xx + sin·zz).
    best = max(2 * (np.cos(angles) * xx + np.sin(angles) * zz))
    assert best <= found + EXACT
    assert best == pytest.approx(found, rel=4e-5)


def test_labels_read_from_the_right_as_qiskits():
    # Links are symmetric in what they tell; a program of one's own is not.
    from qiskit.circuit import QuantumCircuit

    circuit = QuantumCircuit(2)
    circuit.x(0)  # the left end, qubit 0, is |1⟩: ⟨Z⟩ = −1 there
    left, right = nodes(2)
    found = ql.evaluate(ql.Program(circuit, {"left": 0, "right": 1}, (left, right)))
    assert found.expectation("IZ") == pytest.approx(-1, abs=EXACT)
    assert found.expectation("ZI") == pytest.approx(1, abs=EXACT)
    assert found.coefficients[3, 0] == pytest.approx(-1, abs=EXACT)  # rows: the left end
    assert np.asarray(found.density_matrix)[1, 1] == pytest.approx(1, abs=EXACT)  # |right left⟩ = |01⟩


@pytest.mark.parametrize("label", ["Z", "ZZZ", "ZA", "zz", 7, None])
def test_unknown_labels_are_refused(label):
    state = ql.evaluate(link(*nodes(2), 0.9))
    with pytest.raises(ValueError, match="pauli"):
        state.expectation(label)
    with pytest.raises(ValueError, match="basis"):
        state.qber(label if label != "Z" else "W")


# --- swapping


@given_few
@given(first=fidelities, second=fidelities)
def test_swap_of_werner_pairs(first, second):
    a, r, b = nodes(3)
    found = ql.evaluate(ql.swap(link(a, r, first), link(r, b, second)))
    assert found.fidelity == pytest.approx(0.25 + 0.75 * werner(first) * werner(second), abs=EXACT)
    assert found.success_probability == pytest.approx(1, abs=EXACT)


def test_swap_worked_number():
    a, r, b = nodes(3)
    found = ql.evaluate(ql.swap(link(a, r, 0.9), link(r, b, 0.8)))
    assert found.fidelity == pytest.approx(0.726667, abs=5e-7)  # six digits published


@given_few
@given(first=populations(), second=populations(), third=populations())
def test_swaps_of_bell_diagonal_pairs_are_convolutions(first, second, third):
    a, r, s, b = nodes(4)
    links = link(a, r, first), link(r, s, second), link(s, b, third)
    wanted = swapped(swapped(first, second), third)
    for order in ("sequential", "balanced"):
        found = ql.evaluate(ql.chain(links, order=order))
        assert found.bell_diagonal == pytest.approx(tuple(wanted), abs=EXACT)


@given_few
@given(fidelity=fidelities, p1=rates, p2=rates, readout=rates, end=rates)
def test_noisy_swap_gate_by_gate(fidelity, p1, p2, readout, end):
    # λz = w²·p₂·m·pX·pZ, λx = λz·p_H, λy = λx·m. X and Z fire half the time each, and only then are noisy: on
    # average they keep (1 + p)/2. Readout errors are independent of what is to be corrected, so that this holds
    # with them, too.
    relay = ql.Node("relay", processor=ql.Processor(p1, p2, readout))
    a, b = ql.Node("a"), ql.Node("b", processor=ql.Processor(depolarizing_1q=end))
    found = ql.evaluate(ql.swap(link(a, relay, fidelity), link(relay, b, fidelity)))
    m, fires = 1 - 2 * readout, (1 + (1 - end)) / 2
    z = werner(fidelity) ** 2 * (1 - p2) * m * fires**2
    x = z * (1 - p1)
    y = x * m
    assert found.fidelity == pytest.approx((1 + x + y + z) / 4, abs=EXACT)
    assert (found.expectation("XX"), found.expectation("YY"), found.expectation("ZZ")) == pytest.approx(
        (x, -y, z), abs=EXACT
    )


@given_few
@given(first=rates, second=rates)
def test_swap_with_asymmetric_readout_depends_on_the_mean_error_only(first, second):
    # Both outcomes are 0 and 1 equally often whatever the pairs are, so that an outcome is misread with the mean
    # probability, and independently of the pair.
    a, b = nodes(2)
    readouts = [[[1 - first, first], [second, 1 - second]], (first + second) / 2]
    found = [
        ql.evaluate(ql.swap(link(a, r, 0.9), link(r, b, 0.8)))
        for r in (ql.Node("relay", processor=ql.Processor(readout_error=readout)) for readout in readouts)
    ]
    np.testing.assert_allclose(found[0].coefficients, found[1].coefficients, rtol=0, atol=EXACT)


@pytest.mark.parametrize("order", ["balanced", "sequential"])
@pytest.mark.parametrize("hops", [1, 2, 3, 5, 8])
def test_chain_of_equal_werner_links(hops, order, rng):
    # F = ¼[1 + wᴸ·p₂ⁿ·(2mⁿ + m²ⁿ)], n = L − 1, perfect one-qubit gates; the order does not matter.
    fidelity, p2, readout = rng.uniform(0.8, 1), rng.uniform(0, 0.1), rng.uniform(0, 0.05)
    places = nodes(hops + 1, ql.Processor(depolarizing_2q=p2, readout_error=readout))
    found = ql.evaluate(ql.chain([link(*pair, fidelity) for pair in pairwise(places)], order=order))
    n, m = hops - 1, 1 - 2 * readout
    wanted = (1 + werner(fidelity) ** hops * (1 - p2) ** n * (2 * m**n + m ** (2 * n))) / 4
    assert found.fidelity == pytest.approx(wanted, abs=EXACT)


# --- purification: BBPSSW


def bbpssw(fidelity):
    e = (1 - fidelity) / 3
    success = fidelity**2 + 2 * fidelity * e + 5 * e**2
    return (fidelity**2 + e**2) / success, success


@given_few
@given(fidelity=fidelities)
def test_bbpssw_of_werner_pairs(fidelity):
    pair = link(*nodes(2), fidelity)
    found = ql.evaluate(ql.purify(pair, pair, protocol="bbpssw"))
    new, success = bbpssw(fidelity)
    assert found.fidelity == pytest.approx(new, abs=EXACT)
    assert found.success_probability == pytest.approx(success, abs=EXACT)


def test_bbpssw_worked_numbers():
    pair = link(*nodes(2), 0.7)
    found = ql.evaluate(ql.purify(pair, pair, protocol="bbpssw"))
    assert found.success_probability == pytest.approx(0.68, abs=EXACT)
    assert found.fidelity == pytest.approx(0.735294, abs=5e-7)  # six digits published


@given_few
@given(kept=populations(0.3), spent=populations(0.3))
def test_bbpssw_twirls_whatever_comes_in(kept, spent):
    # Only the fidelities matter: with e = (1−F)/3 and f = (1−G)/3, P = FG + Ff + eG + 5ef, F′ = (FG + ef)/P.
    a, b = nodes(2)
    found = ql.evaluate(ql.purify(link(a, b, kept), link(a, b, spent), protocol="bbpssw"))
    (F, G), (e, f) = (kept[0], spent[0]), ((1 - kept[0]) / 3, (1 - spent[0]) / 3)
    success = F * G + F * f + e * G + 5 * e * f
    assert found.success_probability == pytest.approx(success, abs=EXACT)
    assert found.fidelity == pytest.approx((F * G + e * f) / success, abs=EXACT)


@given_few
@given(fidelity=good_fidelities)
def test_nested_bbpssw_is_the_recurrence(fidelity):
    # The output is twirled again by the next round, so that the recurrence on F alone goes on. Three rounds use
    # eight pairs: the success probability is the product over the tree.
    found = ql.evaluate(ql.chain([link(*nodes(2), fidelity)], purify_rounds=3, protocol="bbpssw"))
    state, success = fidelity, 1.0
    for _ in range(3):
        state, accepted = bbpssw(state)
        success = success**2 * accepted
    assert found.fidelity == pytest.approx(state, abs=EXACT)
    assert found.success_probability == pytest.approx(success, abs=EXACT)


def noisy_bbpssw(fidelity, p2, eta):
    """Briegel, Dür et al.: gates and readouts of equal quality on both sides; η is the readout fidelity."""
    e = (1 - fidelity) / 3
    a, b, c = eta**2 + (1 - eta) ** 2, 2 * eta * (1 - eta), (1 - p2**2) / (8 * p2**2)
    numerator = (fidelity**2 + e**2) * a + (fidelity * e + e**2) * b + c
    denominator = (fidelity**2 + 2 * fidelity * e + 5 * e**2) * a + (fidelity * e + e**2) * 4 * b + 4 * c
    return numerator / denominator, denominator * p2**2


@given_few
@given(fidelity=fidelities, p2=st.floats(0.5, 1), eta=st.floats(0.5, 1))
def test_noisy_bbpssw(fidelity, p2, eta):
    pair = link(*nodes(2, ql.Processor(depolarizing_2q=1 - p2, readout_error=1 - eta)), fidelity)
    found = ql.evaluate(ql.purify(pair, pair, protocol="bbpssw"))
    new, success = noisy_bbpssw(fidelity, p2, eta)
    assert found.fidelity == pytest.approx(new, abs=EXACT)
    assert found.success_probability == pytest.approx(success, abs=EXACT)


def test_noisy_bbpssw_worked_numbers():
    pair = link(*nodes(2, ql.Processor(depolarizing_2q=0.01, readout_error=0.01)), 0.7)
    found = ql.evaluate(ql.purify(pair, pair, protocol="bbpssw"))
    assert found.success_probability == pytest.approx(0.669432, abs=5e-7)  # six digits published
    assert found.fidelity == pytest.approx(0.723579, abs=5e-7)


@given_few
@given(fidelity=good_fidelities, p1=rates)
def test_noisy_twirl_depolarises_each_pair_before_it_is_compared(fidelity, p1):
    # One gate on each half: w → w·p². Averaged over the settings nothing else happens.
    pair = link(*nodes(2, ql.Processor(depolarizing_1q=p1)), fidelity)
    found = ql.evaluate(ql.purify(pair, pair, protocol="bbpssw"))
    weaker = 0.25 + 0.75 * werner(fidelity) * (1 - p1) ** 2
    new, success = bbpssw(weaker)
    assert found.fidelity == pytest.approx(new, abs=EXACT)
    assert found.success_probability == pytest.approx(success, abs=EXACT)


# --- purification: DEJMPS


@given_few
@given(kept=populations(0.2), spent=populations(0.2))
def test_dejmps_of_unequal_pairs(kept, spent):
    a, b = nodes(2)
    found = ql.evaluate(ql.purify(link(a, b, kept), link(a, b, spent)))
    state, success = purified_dejmps(kept, spent)
    assert found.bell_diagonal == pytest.approx(tuple(state), abs=EXACT)
    assert found.success_probability == pytest.approx(success, abs=EXACT)


@given_few
@given(state=populations(0.3))
def test_nested_dejmps_is_the_recurrence_without_a_twirl(state):
    found = ql.evaluate(ql.chain([link(*nodes(2), state)], purify_rounds=3))
    wanted, success = np.array(state), 1.0
    for _ in range(3):
        wanted, accepted = purified_dejmps(wanted, wanted)
        success = success**2 * accepted
    assert found.bell_diagonal == pytest.approx(tuple(wanted), abs=EXACT)
    assert found.success_probability == pytest.approx(success, abs=EXACT)


def test_dejmps_worked_numbers():
    places = nodes(2)
    for rounds, wanted in ((1, 0.838150), (2, 0.943639)):
        found = ql.evaluate(ql.chain([link(*places, 0.8)], purify_rounds=rounds))
        assert found.fidelity == pytest.approx(wanted, abs=5e-7)  # six digits published


@given_few
@given(state=populations(0.3), p1=rates)
def test_noisy_dejmps_rotations_depolarise_each_pair_before_it_is_compared(state, p1):
    # √X on each half of each pair: after noise of one gate per half the state is (1 − s)/4 more mixed.
    a, b = nodes(2, ql.Processor(depolarizing_1q=p1))
    found = ql.evaluate(ql.purify(link(a, b, state), link(a, b, state)))
    kept = (1 - p1) ** 2
    weaker = tuple(kept * p + (1 - kept) / 4 for p in state)
    wanted, success = purified_dejmps(weaker, weaker)
    assert found.bell_diagonal == pytest.approx(tuple(wanted), abs=EXACT)
    assert found.success_probability == pytest.approx(success, abs=EXACT)


@given_few
@given(state=populations(0.3), readout=rates)
def test_readout_errors_make_dejmps_accept_what_it_should_not(state, readout):
    # Two wrong readouts cancel; one mixes up accepted and refused: with q = 2ε(1 − ε) the accepted state is
    # (1 − q)·(equal outcomes) + q·(unequal outcomes). The latter come from the pairs whose YY differ.
    a, b = nodes(2, ql.Processor(readout_error=readout))
    found = ql.evaluate(ql.purify(link(a, b, state), link(a, b, state)))
    good, success = purified_dejmps(state, state)
    q = 2 * readout * (1 - readout)
    # YY exchanged on the spent pair by X on one half: Φ⁺↔Ψ⁺, Φ⁻↔Ψ⁻. The X reaches the outcome alone.
    phi_p, phi_m, psi_p, psi_m = state
    bad, unequal = purified_dejmps(state, (psi_p, psi_m, phi_p, phi_m))
    assert unequal == pytest.approx(1 - success, abs=EXACT)
    accepted = (1 - q) * success + q * unequal
    wanted = (1 - q) * success * good / accepted
    if unequal:  # else there is no state after such outcomes
        wanted += q * unequal * bad / accepted
    assert found.success_probability == pytest.approx(accepted, abs=EXACT)
    assert found.bell_diagonal == pytest.approx(tuple(wanted), abs=EXACT)


# --- both


@given_few
@given(first=populations(0.4), second=populations(0.4))
def test_purified_links_swap_as_any_others(first, second):
    a, r, b = nodes(3)
    left, right = link(a, r, first), link(r, b, second)
    found = ql.evaluate(ql.swap(ql.purify(left, left), ql.purify(right, right)))
    (one, p), (two, q) = (purified_dejmps(state, state) for state in (first, second))
    assert found.bell_diagonal == pytest.approx(tuple(swapped(one, two)), abs=EXACT)
    assert found.success_probability == pytest.approx(p * q, abs=EXACT)


def test_the_success_of_a_swap_is_never_in_question():
    a, r, b = nodes(3, ql.Processor(0.1, 0.2, [[0.9, 0.1], [0.3, 0.7]]))
    assert ql.evaluate(ql.swap(link(a, r, 0.7), link(r, b, 0.8))).success_probability == pytest.approx(1, abs=EXACT)


def test_results_cannot_be_changed_and_tell_what_they_are():
    state = ql.evaluate(link(*nodes(2), 0.9))
    with pytest.raises(ValueError, match="read-only"):
        state.coefficients[0, 0] = 2
    with pytest.raises(AttributeError):
        state.success_probability = 0.5
    assert "0.9" in repr(state)
    assert "n0" in repr(state)
