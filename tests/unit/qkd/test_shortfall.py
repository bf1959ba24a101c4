"""Why there is no key, and what would change that: what is said is then done."""

import re

import pytest

from quantumlink.distillation.shortfall import longer, remedy
from quantumlink.hardware import Detector, Fiber
from quantumlink.qkd import BB84, DecoyBB84, InterceptResend, OneDecoyBB84, SecretSharing, Tally, WeakPulseBB84
from quantumlink.security.recipes import TwoBases

NOISY = Detector(0.8, dark_count_rate_hz=100, misalignment=0.01)
SHORT = {
    "BB84": lambda rounds: BB84(medium=Fiber(50), rounds=rounds, seed=1, detector=NOISY),
    "decoys": lambda rounds: DecoyBB84(medium=Fiber(80), rounds=rounds * 300, seed=1, detector=NOISY),
    "one decoy": lambda rounds: OneDecoyBB84(medium=Fiber(80), rounds=rounds * 300, seed=1, detector=NOISY),
}


@pytest.mark.parametrize("name", SHORT)
def test_a_block_as_long_as_was_advised_gives_a_key(name):
    key = SHORT[name](30_000).run()
    assert not key
    factor = int(re.search(r"a block about (\d+) times as long would give a key", key.reason)[1])
    assert factor > 1
    assert SHORT[name](30_000 * 2 * factor).run()
    assert not SHORT[name](30_000 * factor // 4).run()


def test_where_no_length_helps_the_rates_are_blamed():
    taken = BB84(medium=Fiber(1), rounds=40_000, seed=1, eavesdropper=InterceptResend(1.0)).run()
    assert "more rounds will not help, fewer errors in the test would" in taken.reason
    strong = WeakPulseBB84(medium=Fiber(80), rounds=3 * 10**6, seed=1, intensities=(0.5,)).run()
    assert "more rounds will not help, weaker pulses or decoys would" in strong.reason


def test_longer_blocks_have_the_same_rates():
    tally = Tally(rounds=100, detected=60, sampled=4, sample_errors=1, compared={"X": (10, 1)}, raw={"": 18},
                  corrected={"": 2})  # fmt: skip
    assert longer(tally, 3) == Tally(rounds=300, detected=180, sampled=12, sample_errors=3, compared={"X": (30, 3)},
                                     raw={"": 54}, corrected={"": 6})  # fmt: skip


@pytest.mark.parametrize(
    ("bits", "errors", "leak", "eps", "term"),
    [
        (1000, 100, 0, 1e-10, "phase errors"),
        (10**6, 0, 999_000, 1e-10, "reconciliation"),
        (400, 0, 0, 1e-150, "the price of ε|phase"),
    ],
)
def test_the_term_that_takes_most_is_named(bits, errors, leak, eps, term):
    tally = Tally(rounds=10**7, detected=10**7, sampled=100, sample_errors=0, compared={"X": (bits, errors)},
                  raw={"": bits})  # fmt: skip
    said = remedy(TwoBases(), tally, [leak], eps_sec=eps, eps_cor=1e-10, spent=512)
    assert re.search(f"most is taken by ({term})", said), said


def test_a_recipe_with_terms_of_its_own_gets_no_advice_that_was_not_computed():
    class Own:
        def bound(self, tally, *, eps_sec, eps_cor):
            return self

        def terms(self, *, n, leak):
            return self

    tally = Tally(rounds=9, detected=9, sampled=1, sample_errors=0, compared={}, raw={"": 5})
    assert remedy(Own(), tally, [0], eps_sec=1e-9, eps_cor=1e-9, spent=0) == "more rounds may help"


@pytest.mark.parametrize("rounds", [1, 3, 8, 20])
def test_of_next_to_nothing_it_is_said_what_would_bring_more(rounds):
    """Without a bit in one of the bases there is no term to name."""
    for km in (0, 50):
        key = BB84(medium=Fiber(km), rounds=rounds, seed=3).run()
        assert re.search(
            r"(are too few|there are no sifted bits in the test basis).*; more rounds, or .* would bring",
            key.reason,
        )


def test_few_bits_do_not_prove_that_no_length_helps():
    """Rates of some hundred detections: ten thousand times as many give a key."""
    session = lambda rounds: DecoyBB84(medium=Fiber(80), rounds=rounds, seed=1)
    assert re.search(r"the rates of \d+ raw bits say little: more rounds may help", session(30_000).run().reason)
    assert session(300_000_000).run()


def test_tags_are_as_long_in_a_longer_block():
    """Three shares of sixty rounds: of the tags' 35 bits alone a thousandfold would be more than all raw bits."""
    key = SecretSharing(media=[Fiber(0)] * 3, rounds=60, seed=1, z_probability=0.3).run()
    factor = int(re.search(r"a block about (\d+) times as long would give a key", key.reason)[1])
    assert SecretSharing(media=[Fiber(0)] * 3, rounds=60 * 2 * factor, seed=1, z_probability=0.3).run()
