"""Secret sharing: the bound in whole numbers, shares that tell nothing alone, noise that ends the key."""

from decimal import Decimal, getcontext
from math import comb

import numpy as np
import pytest
from scipy.stats import binom

from quantumlink.hardware import Detector, Fiber
from quantumlink.qkd import Cascade, Ldpc, SecretSharing, secret_sharing
from quantumlink.security import SharingBound

getcontext().prec = 60
COUNTS = {"tested": (900, 800), "errors": (9, 16), "population": (6000, 5900), "eps_sec": 1e-6, "eps_cor": 1e-8}


def most_errors(seen, k, n):
    """By the hypergeometric distribution in whole numbers, to (ε_sec/4)²."""
    price, whole = Decimal("1e-12") / 16, comb(n + k, k)

    def chance(errors):
        return Decimal(sum(comb(errors, i) * comb(n + k - errors, k - i) for i in range(seen + 1))) / whole

    low, high = seen, n + seen
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if chance(middle) > price else (low, middle)
    return low - seen


def h(p):
    log2 = lambda x: x.ln() / Decimal(2).ln()
    return -p * log2(p) - (1 - p) * log2(1 - p)


def test_the_bound_in_whole_numbers():
    bound, n = SharingBound(**COUNTS), 5000
    most = [most_errors(*given) for given in ((9, 900, 6000), (16, 800, 5900))]
    assert [bound.phase_error(i, n) for i in (0, 1)] == [e / n for e in most]
    worst = Decimal(max(most)) / n
    price = 1 - 2 * Decimal("1e-6").ln() / Decimal(2).ln() - Decimal("1e-8").ln() / Decimal(2).ln()
    told = bound.terms(n=n, leak=700)
    assert told.length == int(n * (1 - h(worst)) - 700 - price) > 100
    assert SharingBound(**COUNTS | {"errors": (16, 17)}).terms(n=n, leak=700).length < told.length
    # All of them make the key: no phase error can have been kept back.
    assert bound.phase_error(0, 6000) == pytest.approx(most[0] / 6000)
    assert bound.phase_error(0, 100) == 0.5


@pytest.mark.parametrize(
    ("change", "n", "text"),
    [
        ({"errors": (901, 0)}, 1, "errors must be at most tested"),
        ({"tested": (1, 2, 3)}, 1, "tested must hold two counts"),
        ({"eps_cor": 1.0}, 1, "eps_cor"),
        ({}, 5901, "n must be at most the 5900"),
    ],
)
def test_impossible_counts_are_refused(change, n, text):
    with pytest.raises(ValueError, match=text):
        SharingBound(**COUNTS | change).terms(n=n, leak=0)


def test_shares_give_the_key_together_and_nothing_alone(seed):
    """The share of equal bits is half but for six deviations."""
    key = secret_sharing([Fiber(1)] * 3, 300_000, seed=seed, detector=Detector(0.9, misalignment=0.002))
    dealer, bob, charlie = (key.bits_of(i) for i in range(3))
    assert len(key) > 10_000
    assert (bob ^ charlie == dealer).all()
    assert (key.peer_bits == dealer).all()
    for one, other in ((bob, dealer), (charlie, dealer), (bob, charlie)):
        assert abs(np.mean(one == other) - 0.5) < 3 / len(key) ** 0.5
    assert sum(bits for _, bits in key.ledger) == len(key)
    assert key.authentication_bits == 2 * 512  # a line to each player


def test_what_the_three_say_is_authenticated(seed):
    key = secret_sharing([Fiber(0)] * 3, 100_000, seed=seed)
    assert key.marks == ("simulated", "seeded")
    assert 0 < key.forgery_probability < 1e-30
    assert key.epsilon == pytest.approx(2e-10)
    assert "1024 bits of shared secret, deducted" in key.report()


@pytest.mark.parametrize("method", [Cascade(), Ldpc()])
def test_all_that_is_said_of_the_strings_counts(method, seed):
    """The dealer's parities, Charlie's and Bob's replies: with syndromes, too, two of the three tell theirs."""
    media, detector = [Fiber(0)] * 3, Detector(1.0, misalignment=0.002)
    key = secret_sharing(media, 100_000, seed=seed, detector=detector, reconciliation=method)
    found = dict(key.ledger)
    asked, replied = -found["disclosed by reconciliation"], -found["disclosed by Bob's replies"]
    n = key.sifted - key.tested - key.sampled
    assert asked > 2 * n * float(h(Decimal(key.corrected_errors) / n))
    assert (2 * replied == asked) if isinstance(method, Cascade) else (replied < 50)
    assert (key.peer_bits == key.secret_bits).all()
    tags = -found["verification tags beyond the first"]
    assert key.terms.leak == asked + replied + tags
    assert (key.tag_bits, tags) == (68, 68 - 33)


def test_counts_are_those_of_the_bases(seed):
    session = SecretSharing(media=[Fiber(0), Fiber(1), Fiber(4)], rounds=400_000, seed=seed, z_probability=0.3)
    sifted, all_three = session.sift(), session.reaching_all
    for seen, share in (
        (sifted.tested[0], 0.09), (sifted.tested[1], 0.09), (len(sifted.key_alice), 0.343),
        (sifted.population[0], 0.49), (sifted.population[1], 0.49),
    ):  # fmt: skip
        tails = binom.cdf(seen, 400_000, share * all_three), binom.sf(seen - 1, 400_000, share * all_three)
        assert 2 * min(tails) > 1e-7
    assert sifted.wrong == (0, 0)
    assert (sifted.key_alice == sifted.key_bob).all()


def test_errors_in_z_between_dealer_and_charlie_tell_of_a_dishonest_bob(seed):
    """A channel to Charlie that turns bits of Z spoils the bound against Bob, not that against Charlie."""
    from quantumlink.circuits import PauliChannel

    class Turning(Fiber):
        @property
        def channel(self):
            return PauliChannel(0.1, 0.0, 0.0)

    session = SecretSharing(media=[Fiber(0), Fiber(0), Turning(0)], rounds=200_000, seed=seed)
    key = session.run()
    against_bob, against_charlie = (float(text.split(",")[0]) for _, text in key.terms.details)
    assert against_bob > 0.1 > 3 * against_charlie
    assert key.qber == 0  # no error in X


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"media": [Fiber(0)] * 4}, "three media"),
        ({"bases": "marked"}, "bases must be 'independent'"),
        ({"reconciliation": type("Own", (), {"reconcile": lambda *_: None})()}, r"must be Cascade\(\) or Ldpc\(\)"),
    ],
)
def test_other_forms_are_refused(change, text):
    with pytest.raises((ValueError, TypeError), match=text):
        SecretSharing(**{"media": [Fiber(0)] * 3, "rounds": 10} | change)
