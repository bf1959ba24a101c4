"""Why there is no key, and what would change that: what is said is then done."""

import re
from dataclasses import replace

import pytest

from quantumlink.distillation.shortfall import longer, remedy
from quantumlink.hardware import Detector, Fiber, MidpointSource, Node
from quantumlink.link import ElementaryLink
from quantumlink.qkd import (
    B92,
    BB84,
    BBM92,
    E91,
    MDI,
    SARG04,
    Conference,
    DecoyBB84,
    DecoyMDI,
    InterceptResend,
    Ldpc,
    OneDecoyBB84,
    SecretSharing,
    SixState,
    SixStatePairs,
    Tally,
    TwinField,
    WeakPulseBB84,
    expected_key,
    optimize_session,
)
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


@pytest.mark.parametrize("seed", [1, 2])
def test_rates_moved_by_chance_alone_do_not_make_a_short_block_of_two_states_hopeless(seed):
    """A block a thousand times as long at these very rates would contradict itself, and prove nothing."""
    key = B92(medium=Fiber(0), rounds=20_000, seed=seed).run()
    assert not key
    factor = int(re.search(r"a block about (\d+) times as long would give a key", key.reason)[1])
    assert B92(medium=Fiber(0), rounds=20_000 * 2 * factor, seed=seed).run()


def test_where_no_length_helps_the_rates_are_blamed():
    taken = BB84(medium=Fiber(1), rounds=40_000, seed=1, eavesdropper=InterceptResend(1.0)).run()
    assert "more rounds will not help, fewer errors in the test would" in taken.reason
    lossy = B92(medium=Fiber(60), rounds=200_000, seed=1).run()
    assert "more rounds will not help, less loss or fewer errors would" in lossy.reason
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


ACCUMULATED = {"seed": 1, "attacks": "accumulated", "reconciliation": Ldpc()}


def test_limits_that_a_link_breaks_are_to_be_wider_not_stricter():
    """Five percent of errors where two were to be tolerated; with 5.6 % a block of thirty million gives a key."""
    link = {"medium": Fiber(5), "detector": Detector(1.0, misalignment=0.05), **ACCUMULATED}
    reason = SixState(**link, rounds=3 * 10**6).run().reason
    assert "what was agreed on was not kept; more rounds will not help, fewer errors or limits that such" in reason
    assert expected_key(SixState(**link, rounds=3 * 10**7, tolerated_qber=0.056)).bits > 10**5


def test_blocks_whose_length_was_settled_are_to_be_longer_where_they_keep_to_it():
    """Chance decides whether a short block keeps to what was agreed on; a longer one is not judged by that."""
    session = lambda rounds: SixState(medium=Fiber(5), rounds=rounds, **ACCUMULATED)
    factor = int(re.search(r"a block about (\d+) times as long would give", session(300_000).run().reason)[1])
    assert expected_key(session(300_000 * 2 * factor)).bits
    assert not expected_key(session(300_000 * factor // 4)).bits
    assert "missed by no more than chance may do: more rounds may help" in session(30_000).run().reason
    hop = ElementaryLink(Node("a"), Node("b"))
    reason = E91(link=hop, rounds=100_000, seed=1, attacks="coherent").run().reason
    assert re.search(r"a block about (128|256|512) times as long would give a key", reason)
    worn = ElementaryLink(Node("a"), Node("b"), fidelity=0.95)
    reason = E91(link=worn, rounds=3 * 10**6, seed=1, attacks="coherent").run().reason
    assert "or limits that such a link keeps (more errors tolerated, a lower CHSH value) would" in reason


RARE = {
    "decoys": lambda z: DecoyBB84(medium=Fiber(5), rounds=10**6, seed=1, z_probability=z),
    "one decoy": lambda z: OneDecoyBB84(medium=Fiber(5), rounds=10**6, seed=1, z_probability=z),
    "weak pulses": lambda z: WeakPulseBB84(medium=Fiber(5), rounds=10**6, seed=1, z_probability=z),
    "a relay": lambda z: DecoyMDI(medium_a=Fiber(2), rounds=10**7, seed=1, z_probability=z),
    "twin fields": lambda z: TwinField(medium_a=Fiber(2), rounds=10**6, seed=1, z_probability=z),
    "six states": lambda z: SixState(medium=Fiber(5), rounds=10**5, seed=1, z_probability=z, attacks="collective"),
    "a shared secret": lambda z: SecretSharing(media=[Fiber(1)] * 3, rounds=10**5, seed=1, z_probability=1 - z),
}


@pytest.mark.parametrize("name", RARE)
def test_without_a_test_the_rates_are_not_blamed(name):
    """A chance of 1e-18 that a round is a test, next to which the other is 1 in double precision."""
    assert "there are no test rounds" in RARE[name](1 - 1e-9).run().reason


def test_few_tests_say_little():
    reason = DecoyBB84(medium=Fiber(5), rounds=10**6, seed=1, z_probability=0.996).run().reason
    assert re.search(r"but \d+ tests say little: more rounds, or more tests, may help", reason)
    assert DecoyBB84(medium=Fiber(5), rounds=10**6, seed=1, z_probability=0.8).run()


def test_phases_that_are_told_apart_are_named():
    session = lambda **how: TwinField(medium_a=Fiber(20), rounds=10**8, seed=1, **how)
    assert "weaker pulses or a larger ε_sec would" in session(eps_sec=1e-60).run().reason
    assert session(eps_sec=1e-15).run()


def test_what_asks_for_too_much_is_told_what_would_help():
    noisy = Detector(1.0, misalignment=0.09)
    reason = BB84(medium=Fiber(5), rounds=600_000, seed=1, detector=noisy, reconciliation=Ldpc(efficiency=1.6))
    reason = reason.run().reason
    assert re.search(r"asks for \d+ bits or more, while more than \d+ leave no key; most is taken by ", reason)


def pulses(kind, misaligned, **more):
    return kind(medium=Fiber(5), rounds=10**6, seed=1, detector=Detector(0.8, misalignment=misaligned), **more)


def photons(kind, km, misaligned, **more):
    return kind(medium=Fiber(km), rounds=3 * 10**5, seed=1, detector=Detector(misalignment=misaligned), **more)


def pairs(kind, fidelity, **more):
    return kind(link=ElementaryLink(Node("a"), Node("b"), fidelity=fidelity), rounds=10**5, seed=1, **more)


def measured_bell_test(efficiency):
    made = {"source": MidpointSource(clock_hz=1e9), "detector": Detector(efficiency)}
    return E91(link=ElementaryLink(Node("a"), Node("b"), Fiber(0), **made), rounds=10**5, seed=1)


def relay(kind, km, misaligned, rounds, **more):
    return kind(medium_a=Fiber(km), rounds=rounds, seed=1, detector=Detector(0.8, misalignment=misaligned), **more)


def many(kind, misaligned, km=2, **more):
    return kind(media=[Fiber(km)] * 3, rounds=10**5, seed=1, detector=Detector(misalignment=misaligned), **more)


FEWER_ERRORS, OTHERWISE = "fewer errors in the test would", "less loss, fewer errors or other intensities would"
HOPELESS = {
    "BB84": (photons(BB84, 20, 0.15), FEWER_ERRORS, photons(BB84, 20, 0.05)),
    "six states": (photons(SixState, 20, 0.15), FEWER_ERRORS, photons(SixState, 20, 0.05)),
    "B92, errors": (photons(B92, 1, 0.1), "less loss or fewer errors would", photons(B92, 1, 0.002)),
    "B92, loss": (photons(B92, 30, 0.002), "less loss or fewer errors would", photons(B92, 1, 0.002)),
    "SARG04": (photons(SARG04, 20, 0.15), "less loss or fewer errors would", photons(SARG04, 20, 0.01)),
    "decoys": (pulses(DecoyBB84, 0.15), OTHERWISE, pulses(DecoyBB84, 0.02)),
    "decoys, intensities": (
        pulses(DecoyBB84, 0.01, intensities=(9.0, 1.0, 0.0)),
        OTHERWISE,
        pulses(DecoyBB84, 0.01, intensities=(0.5, 0.1, 0.0)),
    ),
    "one decoy": (pulses(OneDecoyBB84, 0.15), OTHERWISE, pulses(OneDecoyBB84, 0.002)),
    "weak pulses": (
        pulses(WeakPulseBB84, 0.04, intensities=(1.5,)),
        "weaker pulses or decoys would",
        pulses(WeakPulseBB84, 0.04, intensities=(0.1,)),
    ),
    "BBM92": (pairs(BBM92, 0.7), "fewer errors in the", pairs(BBM92, 0.95)),
    "six states over pairs": (pairs(SixStatePairs, 0.7), FEWER_ERRORS, pairs(SixStatePairs, 0.95)),
    "E91, errors": (pairs(E91, 0.8), "a higher CHSH value", pairs(E91, 0.97)),
    "E91, loss": (
        measured_bell_test(0.8),
        "less loss where it is counted) or heralded pairs",
        measured_bell_test(1.0),
    ),
    "a relay": (relay(MDI, 2, 0.15, 10**5), FEWER_ERRORS, relay(MDI, 2, 0.02, 10**5)),
    "a relay, pulses": (relay(DecoyMDI, 2, 0.1, 10**7), OTHERWISE, relay(DecoyMDI, 5, 0.001, 10**10)),
    "twin fields": (relay(TwinField, 20, 0.45, 10**8), OTHERWISE, relay(TwinField, 20, 0.03, 10**10)),
    "a conference, marking": (
        many(Conference, 0.01, km=15, z_probability=0.7),
        "less loss, or bases chosen independently, would",
        many(Conference, 0.01, km=15, z_probability=0.7, bases="independent"),
    ),
    "a conference": (
        many(Conference, 0.15),
        "fewer errors in the key basis and fewer errors in the test would",
        many(Conference, 0.01, z_probability=0.99),
    ),
    "a shared secret": (
        many(SecretSharing, 0.15),
        "fewer errors in the key basis would",
        many(SecretSharing, 0.01),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOPELESS)
def test_what_is_said_to_help_helps_and_more_rounds_do_not(name):
    session, cause, mended = HOPELESS[name]
    reason = session.run().reason
    assert re.search(r"most is taken by [^;]+; more rounds will not help, .* would$", reason), reason
    assert cause in reason
    assert not expected_key(replace(session, rounds=2**20 * session.rounds)).bits
    assert expected_key(replace(mended, rounds=100 * mended.rounds)).bits


def test_what_chance_may_have_moved_is_not_said_to_be_hopeless():
    """Of some hundred detections of weaker pulses: 512 times as many give a key, which these rates would not."""
    link = {"medium": Fiber(150), "detector": Detector(0.8, dark_count_rate_hz=1000, misalignment=0.01)}
    session = optimize_session(DecoyBB84(**link, rounds=10**7, seed=1), fixed=["sample_fraction"]).session
    assert "but chance may have moved the rates: more rounds may help" in session.run().reason
    assert expected_key(replace(session, rounds=2**9 * 10**7)).bits


def test_a_block_of_a_shared_secret_is_told_by_all_answers():
    """Hers, Charlie's and Bob's: reckoned with hers alone a block twice as long was said to do."""
    session = replace(many(SecretSharing, 0.01, km=20), rounds=10**6)
    for seed in range(3):
        reason = replace(session, seed=seed).run().reason
        times = int(re.search(r"a block about (\d+) times as long would give a key", reason)[1])
        assert not expected_key(replace(session, rounds=times * 10**6 // 4)).bits
        assert expected_key(replace(session, rounds=2 * times * 10**6)).bits


def test_of_few_bits_a_length_is_told_with_a_doubt():
    reason = BB84(medium=Fiber(200), rounds=10**6, seed=1).run().reason
    assert reason.endswith("times as long would give a key at these rates, which so few bits hardly tell")
