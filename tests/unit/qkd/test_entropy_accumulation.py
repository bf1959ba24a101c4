"""Entropy accumulation: functions below the entropy of a round, lengths settled beforehand, sessions of both kinds.

The numbers of the theorem are recomputed in decimals by ``test_mutants_of_bounds.py``.
"""

from dataclasses import replace
from itertools import product
from math import log, log2, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln

from quantumlink.distillation.reconciliation import Ldpc
from quantumlink.hardware import Detector, Fiber, Node
from quantumlink.link import ElementaryLink
from quantumlink.qkd import E91, SixState, SixStatePairs, expected_key
from quantumlink.rates import device_independent_rate
from quantumlink.security import AccumulationBound
from quantumlink.security.collective import six_state_entropy
from quantumlink.security.entropy_accumulation import (
    Tradeoff,
    Trial,
    accumulation_loss,
    chsh_tradeoff,
    loss_at,
    six_state_tradeoff,
)

EPS = {"eps_sec": 1e-10, "eps_cor": 1e-10}


@pytest.mark.parametrize("qber", [0.001, 0.06, 0.12, 0.2])
def test_the_plane_of_six_states_is_nowhere_above_the_entropy(qber):
    plane = six_state_tradeoff(qber, key=1.0, tests=(0.1, 0.1, 0.1))
    for rates in product(np.linspace(0, 1, 21), repeat=3):
        entropy = six_state_entropy(*rates)
        assert np.isnan(entropy) or plane.mean(rates) <= entropy + 1e-12
    assert plane.mean([qber] * 3) == pytest.approx(six_state_entropy(qber, qber, qber))


@pytest.mark.parametrize("chsh", [2.001, 2.3, 2.64, 2.82])
def test_the_tangent_of_a_bell_test_is_nowhere_above_the_entropy(chsh):
    line = chsh_tradeoff(chsh, key=1.0, test=0.1)
    for s in np.linspace(-2.828, 2.828, 400):
        assert line.mean([(4 - s) / 8]) <= device_independent_rate(0.0, float(s)) + 1e-12
    assert line.mean([(4 - chsh) / 8]) == pytest.approx(device_independent_rate(0.0, chsh))


def test_variance_and_spread_are_those_of_the_worst_rates():
    """By enumeration of the results of a round, for every corner of the rates and inside."""
    trials = (Trial(probability=0.02, slope=3.0), Trial(probability=0.1, slope=-1.0))
    function, worst, means = Tradeoff(base=0.8, tests=trials), 0.0, []
    rest = 0.8 - (3.0 - 1.0) / 2
    values = [rest] + [rest + sign * t.slope / (2 * t.probability) for t in trials for sign in (1, -1)]
    for rates in product(np.linspace(0, 1, 11), repeat=2):
        chances = [1 - 0.12]
        for t, rate in zip(trials, rates, strict=True):
            chances += [t.probability * (1 - rate), t.probability * rate]
        mean = float(np.dot(chances, values))
        assert function.mean(rates) == pytest.approx(mean)
        means.append(mean)
        worst = max(worst, float(np.dot(chances, np.square(values))) - mean**2)
    assert worst <= function.variance * (1 + 1e-9) < 1.2 * worst
    assert function.spread == pytest.approx(max(values) - min(means))


def test_the_loss_is_the_least_of_all_and_falls_as_the_root():
    function = chsh_tradeoff(2.64, key=0.9, test=0.05)
    losses = [accumulation_loss(10**k, function, eps_sec=1e-10) for k in (6, 8, 10)]
    for n, loss in zip((6, 8, 10), losses, strict=True):
        assert all(loss <= loss_at(1 + a, 10**n, function, eps_sec=1e-10) * (1 + 1e-6) for a in (1e-6, 1e-4, 0.1))
    assert losses[2] / losses[1] == pytest.approx(10, rel=0.1)


def test_an_experiment_of_trapped_ions_in_its_own_counts():
    """1.5 million pairs, S ≥ 2.64, 13 of 256 rounds tests, 296,517 bits disclosed, ε_sec = 1e-10: 95,628 bits
    published (D. P. Nadlinger et al., Nature 607, 682 (2022)), where test results were not told but corrected.
    Without two bits for each test this bound gives about as many."""
    n, test = 1_500_000, 13 / 256
    function = chsh_tradeoff(2.64, key=1 - test, test=test)
    left = n * function.mean([(4 - 2.64) / 8]) - accumulation_loss(n, function, eps_sec=1e-10) - 296_517
    assert 95_628 * 0.7 < left < 95_628 * 1.4


# --- lengths settled beforehand

BELL = {
    "rounds": 10**8, "tradeoff": chsh_tradeoff(2.64, key=0.7, test=0.05), "tolerated": ((4 - 2.64) / 8,),
    "seen": ((5_000_000, 800_000),), "comparable": 0.05, "compared": 5_000_000, "leak_limit": 1e7,
}  # fmt: skip


def test_better_results_give_no_longer_key_and_worse_ones_none():
    bound = AccumulationBound(**BELL, **EPS)
    told = bound.terms(n=7 * 10**7, leak=5e6)
    better = replace(bound, seen=((5_000_000, 750_000),)).terms(n=7 * 10**7, leak=1e6)
    assert told.length == better.length > 10**6
    for change, leak, word in (
        ({"seen": ((5_000_000, 900_000),)}, 5e6, "bits a round"),
        ({"compared": 5_100_000}, 5e6, "were compared"),
        ({}, 1.1e7, "were disclosed"),
    ):
        refused = replace(bound, **change).terms(n=7 * 10**7, leak=leak)
        assert refused.length == 0
        assert word in refused.details[0][1]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"eps_sec": 0}, "eps_sec"),
        ({"seen": ((5, 6),)}, "no more failed tests"),
        ({"compared": 10**9}, "compared must be at most rounds"),
        ({"comparable": 0.0}, "comparable"),
        ({"leak_limit": -1.0}, "leak_limit"),
        ({"tolerated": (1.5,)}, "tolerated"),
        ({"tolerated": ()}, "for each of the 1 kinds of tests"),
        ({"seen": (5,)}, "for each of the 1 kinds of tests"),
        ({"seen": ((5, 1), (5, 1))}, "for each of the 1 kinds of tests"),
    ],
)
def test_impossible_counts_are_refused(change, text):
    with pytest.raises(ValueError, match=text):
        AccumulationBound(**BELL | EPS | change)


def test_what_is_no_function_of_tests_is_refused():
    with pytest.raises(TypeError, match="tradeoff must be a function of the test results"):
        AccumulationBound(**BELL | EPS | {"tradeoff": None})


# --- sessions

NOISY = {"medium": Fiber(0), "detector": Detector(misalignment=0.01), "sample_fraction": 0.06}
SIX = {**NOISY, "attacks": "accumulated", "tolerated_qber": 0.02, "z_probability": 0.8}


def test_six_states_against_coherent_attacks_have_a_length_settled_beforehand():
    session = SixState(**SIX, rounds=2_000_000, seed=1)
    key = session.run()
    assert len(key) == pytest.approx(expected_key(session).bits, abs=100)  # whatever was seen
    assert (key.secret_bits == key.peer_bits).all()
    assert sum(bits for _, bits in key.ledger) == len(key) > 10_000
    samples = [SixState(**SIX, rounds=20_000, seed=seed).run() for seed in (1, 2, 3)]
    shares = {key.sampled - round(0.06 * (key.sifted - key.tested)) for key in samples}
    assert len(shares) > 1  # the sample is drawn round by round
    # the terms of second order are those of the theorem that is named
    assert SixState(**SIX, rounds=10).proof.reference.startswith("T. Metger, O. Fawzi, D. Sutter, R. Renner")
    assert SixState(**SIX, rounds=10).proof.attacks == "coherent attacks"


def test_more_errors_than_tolerated_give_no_key():
    key = SixState(**SIX | {"tolerated_qber": 0.008}, rounds=2_000_000, seed=1).run()
    assert not key
    assert "agreed on" in key.reason


def test_three_bases_give_more_than_two_where_there_are_many_errors_and_rounds():
    link = {"medium": Fiber(0), "detector": Detector(misalignment=0.09), "rounds": 10**11, "seed": 1}
    method = {"reconciliation": Ldpc(), "z_probability": 0.95, "sample_fraction": 0.005}
    three = expected_key(SixState(**link, **method, attacks="accumulated", tolerated_qber=0.091))
    two = expected_key(SixState(**link, **method))
    assert three.terms.entropy_bits / three.tally.n > 1.1 * two.terms.entropy_bits / two.tally.n
    pairs = SixStatePairs(link=HOP, rounds=10, attacks="accumulated", seed=1)
    assert pairs.proof.attacks == "coherent attacks"


HOP = ElementaryLink(Node("alice"), Node("bob"), fidelity=0.995)
COHERENT = {"attacks": "coherent", "least_chsh": 2.78, "tolerated_qber": 0.006, "key_probability": 0.95}


def test_keys_that_trust_no_device_against_whatever_they_do(seed):
    session = E91(link=HOP, rounds=4_000_000, seed=seed, **COHERENT, sample_fraction=0.005)
    assert session.proof.attacks == "coherent attacks, whatever the devices do"
    key = session.run()
    expected = expected_key(session)
    assert len(key) == pytest.approx(expected.bits, abs=2)  # settled beforehand
    assert len(key) > 10_000
    assert (key.secret_bits == key.peer_bits).all()
    assert not replace(session, least_chsh=2.825).run()  # more than the link can show


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"least_chsh": 2.0}, "least_chsh must lie between"),
        ({"least_chsh": 2.83}, "least_chsh"),
        ({"tolerated_qber": 0.0}, "tolerated_qber"),
        ({"attacks": "any"}, "attacks"),
    ],
)
def test_impossible_devices_are_refused(change, text):
    with pytest.raises(ValueError, match=text):
        E91(**{"link": HOP, "rounds": 10} | change)
    if change.get("tolerated_qber") == 0.0:
        with pytest.raises(ValueError, match=text):
            SixState(medium=Fiber(0), rounds=10, **change)


def test_what_is_settled_if_nothing_is_said_allows_a_key():
    link = ElementaryLink(Node("alice"), Node("bob"))
    assert expected_key(SixState(medium=Fiber(0), rounds=10**8, seed=1, attacks="accumulated")).bits > 10**7
    assert expected_key(SixStatePairs(link=link, rounds=10**8, seed=1, attacks="accumulated")).bits > 10**7
    session = E91(link=link, rounds=10**8, seed=1, attacks="coherent")
    assert session.key_probability == 0.95
    assert expected_key(session).bits > 10**6
    assert E91(link=link, rounds=10, seed=1).key_probability == 1 / 3


@pytest.mark.parametrize(("z", "qber", "words"), [(0.8, 0.06, "Ldpc"), (0.1, 0.01, "limits settled beforehand")])
def test_what_would_help_where_the_length_was_settled_beforehand(z, qber, words):
    """No fewer errors seen would: only what was agreed on."""
    settled = {"attacks": "accumulated", "tolerated_qber": qber, "z_probability": z}
    session = SixState(medium=Fiber(0), rounds=10**8, seed=1, **settled)
    assert words in expected_key(session).limit


@given(
    alpha=st.floats(1.0001, 1.49),
    slope=st.floats(-20, 20),
    share=st.floats(0.001, 0.9),
    n=st.integers(10**3, 10**12),
)
def test_the_terms_are_no_smaller_than_those_of_dupuis_and_fawzi(alpha, slope, share, n):
    """Theirs, with V² the same: (α − 1) for β, and K with (2 − α)³ below, written down apart."""
    function = Tradeoff(base=0.5, tests=(Trial(probability=share, slope=slope),))
    width = 2 * log2(7) + abs(slope) / (2 * share) + abs(slope) / 2
    if (alpha - 1) / (2 - alpha) * width > 400:
        return
    v = log2(2 * 49 + 1) + sqrt(2 + slope**2 / (4 * share))
    # ln(2^w + e²) ≤ w·ln 2 + e²: any larger one is larger
    third = 2 ** ((alpha - 1) * width) * float(np.logaddexp(width * log(2), 2)) ** 3
    third /= 6 * (2 - alpha) ** 3 * log(2)
    theirs = n * ((alpha - 1) * log(2) / 2 * v**2 + (alpha - 1) ** 2 * third)
    theirs += (log2(2 / (1e-10 / 4) ** 2) + alpha * log2(1e10)) / (alpha - 1)
    assert loss_at(alpha, n, function, eps_sec=1e-10) >= theirs * (1 - 1e-12)


@pytest.mark.parametrize(("p", "n"), [(0.11, 10**4), (0.11, 10**6), (0.01, 10**5), (0.5, 10**5)])
def test_coins_of_no_tests_have_at_least_what_is_claimed(p, n):
    """n biased coins that nobody else knows: their smooth min-entropy, summed exactly.

    Whatever is ε away in purified distance is so in variation: no other smoothing has more.
    """
    entropy = -p * log2(p) - (1 - p) * log2(1 - p)
    k = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    each = k * log(p) + (n - k) * log(1 - p)
    eps, low, high = 1e-10 / 4, -2.0 * n, 0.0
    for _ in range(100):  # the ceiling c with Σ (P − c)₊ = ε
        middle = (low + high) / 2
        over = each > middle
        cut = np.exp(ways[over] + each[over]) * -np.expm1(middle - each[over])
        low, high = (middle, high) if cut.sum() > eps else (low, middle)
    flat = Tradeoff(base=entropy, tests=(Trial(probability=0.5, slope=0.0),))
    claimed = n * entropy - accumulation_loss(n, flat, eps_sec=1e-10)
    assert claimed <= -low / log(2)
