"""Six-state keys by all three error rates: where they gain, what they count, and when they are refused."""

from dataclasses import replace
from math import log, log2, sqrt

import numpy as np
import pytest
from oracles.raw_rounds import distilled

from quantumlink.hardware import Fiber, Node
from quantumlink.link import ElementaryLink
from quantumlink.qkd import (
    BB84,
    InterceptResend,
    PhaseCovariantCloner,
    SixState,
    SixStateBound,
    SixStatePairs,
    UniversalCloner,
    bb84_rate,
    binary_entropy,
    six_state,
    six_state_rate,
)
from quantumlink.security.contract import Tally
from quantumlink.security.recipes import ThreeBases
from quantumlink.security.single_photon import SinglePhotonBound

EPS = {"eps_sec": 1e-10, "eps_cor": 1e-10}


def werner(fidelity):
    return ElementaryLink(Node("alice"), Node("bob"), fidelity=fidelity)


def renner_entropy(x, y, z):
    """The entropy of a key bit by how often X errs where Z does, and where it does not."""
    with_z, without = (x + z - y) / 2 / z, (x + y - z) / 2 / (1 - z)
    return 1 - z * binary_entropy(with_z) - (1 - z) * binary_entropy(without)


@pytest.mark.parametrize("session", [SixState(medium=Fiber(0), rounds=400_000, seed=3, attacks="collective")])
def test_every_term_of_the_report_is_that_of_the_counts(session):
    key = session.run()
    sifted = session.sift()
    assert len(key) > 10_000
    assert sum(bits for _, bits in key.ledger) == len(key)
    counts = {"X": len(sifted.test_alice), "Y": sifted.statistics["Y rounds"], "Z": key.sampled}
    told = dict(key.terms.details)
    for basis, tested in counts.items():  # no errors at all, so the margin is all there is
        margin = sqrt(log(6 / (1e-10 / 4)) / (2 * tested))
        assert told[f"QBER {basis}, with its margin"] == f"0.00000 + {margin:.5f}"
    assert key.terms.n == len(sifted.key_alice) - key.sampled
    assert key.terms.epsilon_bits == pytest.approx(1 - 2 * log2(1e-10 / 4) - log2(1e-10))


def test_the_sample_of_the_key_basis_enters_the_bound():
    counts = {"rounds": 10**8, "detected": 10**7, "compared": {"X": (10**6, 10**4), "Y": (10**6, 10**4)}}
    tally = Tally(**counts, sampled=10**6, sample_errors=10**4, raw={"": 10**6})
    direct = SixStateBound(tested=dict.fromkeys("XYZ", 10**6), errors=dict.fromkeys("XYZ", 10**4), **EPS)
    assert ThreeBases().bound(tally, **EPS) == direct
    with pytest.raises(ValueError, match="errors of sampled must be at most 3, got 4"):
        Tally(**counts, sampled=3, sample_errors=4, raw={"": 1})


@pytest.mark.parametrize(("rates", "seed"), [((0.03, 0.04, 0.05), 1), ((0.01, 0.06, 0.06), 2)])
def test_a_distilled_key_is_as_long_as_the_bound_of_all_its_counts(rates, seed):
    rng = np.random.default_rng(seed)
    n, k = 400_000, 200_000
    x, y, z = rates
    alice, test = rng.integers(0, 2, n, dtype=np.uint8), rng.integers(0, 2, k, dtype=np.uint8)
    bob, seen = alice ^ (rng.random(n) < z), test ^ (rng.random(k) < x)
    wrong = {"X": int(np.count_nonzero(test != seen)), "Y": int(rng.binomial(k, y))}

    class WithY(ThreeBases):
        """The Y rounds were counted elsewhere."""

        def bound(self, tally, **eps):
            compared = {"X": tally.compared["X"], "Y": (k, wrong["Y"])}
            return super().bound(replace(tally, compared=compared), **eps)

    bits = {"key_alice": alice, "key_bob": bob, "test_alice": test, "test_bob": seen}
    key = distilled(**bits, sample_fraction=0.2, recipe=WithY(), rng=rng)
    errors = {**wrong, "Z": round(key.qber * key.sampled)}
    bound = SixStateBound(tested={"X": k, "Y": k, "Z": key.sampled}, errors=errors, **EPS)
    expected = bound.terms(n=key.terms.n, leak=key.disclosed_bits)
    assert len(key) == expected.length - key.authentication_bits > 0
    # Never above the entropy of the true rates, by a formula written apart.
    assert key.terms.entropy_bits < key.terms.n * renner_entropy(x, y, z)


def test_three_rates_tolerate_what_two_do_not():
    """At 10 % two rates leave a twentieth of a bit, which finite statistics and Cascade's excess use up."""
    session = SixStatePairs(link=werner(0.85), rounds=10**8, seed=5, z_probability=0.6, attacks="collective")
    q = 0.1
    sifted = session.sift()
    wrong = int(np.count_nonzero(sifted.key_alice != sifted.key_bob))
    n = len(sifted.key_alice)
    tested = {"X": len(sifted.test_alice), "Y": sifted.statistics["Y rounds"], "Z": n // 20}
    errors = {"X": sifted.test_errors, "Y": sifted.statistics["Y errors"], "Z": wrong // 20}
    bound = SixStateBound(tested=tested, errors=errors, **EPS)
    leak = 1.15 * n * binary_entropy(q)
    ours = bound.terms(n=n, leak=leak).length
    coherent = SinglePhotonBound(
        tested=len(sifted.test_alice), qber=sifted.test_errors / len(sifted.test_alice), **EPS
    )
    assert coherent.terms(n=n, leak=leak).length == 0
    assert bb84_rate(q, 1.15) == 0.0
    assert 0.5 * six_state_rate(q, 1.15) < ours / n < six_state_rate(q, 1.15)


@pytest.mark.parametrize(
    "eve",
    [
        *(InterceptResend(1.0, basis=basis) for basis in ("random", "Z", "X", "Y", "breidbart")),
        UniversalCloner(disturbance=1 / 6),
        PhaseCovariantCloner(disturbance=0.15),
    ],
    ids=repr,
)
def test_full_attacks_leave_nothing(eve):
    session = SixState(medium=Fiber(0), rounds=10**6, seed=7, attacks="collective", eavesdropper=eve)
    assert not session.run()


@pytest.mark.parametrize("pairs", [(0.5, 0.5, 0, 0), (0.5, 0, 0.5, 0), (0.5, 0, 0, 0.5), (0.5, 0.2, 0.2, 0.1)])
def test_separable_pairs_give_no_key(pairs):
    link = ElementaryLink(Node("alice"), Node("bob"), bell_diagonal=pairs)
    assert not six_state(link, 10**6, seed=7, attacks="collective")


def test_coherent_attacks_are_the_default():
    plain, named = (six_state(werner(0.97), 10**5, seed=2, **more) for more in ({}, {"attacks": "coherent"}))
    assert np.array_equal(plain.secret_bits, named.secret_bits)
    assert "collective" not in plain.report()
    assert "against collective attacks" in six_state(werner(0.97), 10**6, seed=2, attacks="collective").report()


@pytest.mark.parametrize("kind", [SixState, SixStatePairs])
def test_the_choice_is_stored_and_checked(kind):
    over = {"medium": Fiber(1)} if kind is SixState else {"link": werner(0.9)}
    session = kind(**over, rounds=10, seed=1, attacks="collective")
    assert kind.from_dict(session.to_dict()) == session
    with pytest.raises(ValueError, match="one of coherent, collective, accumulated; got 'individual'"):
        kind(**over, rounds=10, attacks="individual")
    with pytest.raises(TypeError, match="attacks"):
        BB84(medium=Fiber(1), rounds=10, attacks="collective")
