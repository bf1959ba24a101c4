"""Twin fields: optics by photon numbers, counts by linear programming, attackers who know what they know.

Sampled checks fail by chance with a probability of at most 1e-7 each.
"""

from itertools import product
from math import comb, cos, exp, factorial, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import binom, poisson

from quantumlink.distillation.records import RawRounds
from quantumlink.distillation.twin_sifting import HALF, STRONG, VACUUM, WEAK, TwinSifting, Z
from quantumlink.hardware import Detector, Fiber
from quantumlink.hardware.interference import lit_alone
from quantumlink.qkd import TwinField, expected_key, optimize_session, twin_field
from quantumlink.qkd.protocols.reception import Receiver
from quantumlink.rates import binary_entropy
from quantumlink.security import TwinFieldBound, channel_rates
from quantumlink.security.photon_numbers import Interval, three_intensity_counts
from quantumlink.security.twin_field import PHASES

EPS = {"eps_sec": 1e-10, "eps_cor": 1e-12}
SETTINGS = {
    "signal": 0.45, "sending": 0.05, "z_probability": 0.6, "intensities": (0.4, 0.08, 0.0),
    "probabilities": (0.2, 0.5, 0.3), "window": 3,
}  # fmt: skip
NONE = {"key_count": 0, "sampled": 0, "single_counts": (0, 0, 0), "tested": 0, "errors": 0}
NOISY = Detector(0.8, dark_count_rate_hz=1e5, misalignment=0.02)


def assert_binomial(successes, total, probability):
    low, high = binom.cdf(successes, total, probability), binom.sf(successes - 1, total, probability)
    assert 2 * min(low, high) > 1e-7, f"{successes} of {total}, not {probability}"


def bound_of(rounds=10**10, **change):
    return TwinFieldBound(**SETTINGS | NONE | EPS | {"rounds": rounds} | change)


# --- optics


def amplitudes(n, m):
    """Of n and m photons at the inputs of a beam splitter: the amplitude that c leave by the first output."""
    found = []
    for c in range(n + m + 1):
        total = 0.0
        for s in range(max(0, c - m), min(n, c) + 1):
            total += comb(n, s) * comb(m, c - s) * (-1) ** (m - c + s)
        found.append(total * sqrt(factorial(c) * factorial(n + m - c) / factorial(n) / factorial(m) / 2 ** (n + m)))
    return np.array(found)


@pytest.mark.parametrize("phase", [0.0, 0.3, pi / 2, 2.5])
def test_what_coherent_pulses_make_click_by_photons_on_a_beam_splitter(phase):
    """Two coherent states, cut at 14 photons together, with no detector noise."""
    a, b = 0.3, 0.5
    only_first = only_second = 0.0
    for total in range(15):
        out = np.zeros(total + 1, dtype=complex)
        for n in range(total + 1):
            m = total - n
            weight = exp(-(a + b) / 2) * sqrt(a**n * b**m / factorial(n) / factorial(m)) * np.exp(1j * m * phase)
            out += weight * amplitudes(n, m)
        if total:
            only_first, only_second = only_first + abs(out[total]) ** 2, only_second + abs(out[0]) ** 2
    found = lit_alone(a, b, cos(phase), contrast=1.0, noise=0.0)
    assert found == pytest.approx((only_first, only_second), abs=1e-9)


def test_every_kind_of_round_by_photon_numbers():
    """What nobody can tell the phase of is a mixture of photon numbers: their yields, from elsewhere."""
    session = TwinField(medium_a=Fiber(5), rounds=10, seed=1, detector=NOISY, sending_probability=0.2)
    arm = Fiber(5).transmittance * 0.8
    noise = 1 - sqrt(1 - session.receiver.dark_probability)
    yields = 2 * channel_rates._number_yields(arm, noise)
    straight = TwinField(medium_a=Fiber(5), rounds=10, seed=1, sending_probability=0.2,
                         detector=Detector(0.8, dark_count_rate_hz=1e5))  # fmt: skip
    numbers = np.arange(len(yields))
    chosen = {
        (Z, 0): (0.9 * 0.8, 0.0), (Z, 1): (0.9 * 0.2, 0.45), (VACUUM, 0): (0.1 * 0.25, 0.0),
        (STRONG, 0): (0.1 * 0.08, 0.3), (WEAK, 0): (0.1 * 0.67 / 2, 0.05), (WEAK, 1): (0.1 * 0.67 / 2, 0.05),
    }  # fmt: skip
    for kinds, mixed in ((straight._kinds, True), (session._kinds, False)):
        assert len({kind[:4] for kind in kinds}) <= 256
        for (hers, (p, a)), (his, (q, b)) in product(chosen.items(), repeat=2):
            both = hers[0] == his[0] == WEAK
            bit = 1 - his[1] if his[0] == Z else his[1]
            found = sum(
                chance for sa, ba, sb, bb, chance in kinds
                if (sa, ba) == hers and min(sb, WEAK) == his[0] and (both or bb == bit)
            )  # fmt: skip
            expected = p * q * poisson.pmf(numbers, a) @ yields @ poisson.pmf(numbers, b)
            if both:  # all bits of Bob's together
                expected *= 2
            if mixed or not (a and b):  # misalignment matters where light meets light
                assert found == pytest.approx(expected, rel=1e-6)


def test_phases_that_agree_make_bits_that_agree():
    session = TwinField(medium_a=Fiber(5), rounds=10, seed=1, detector=Detector(0.8))
    for setting_a, bit_a, setting_b, bit_b, chance in session._kinds:
        if setting_a == setting_b == WEAK:
            assert (chance > 0) == (bit_a == bit_b)


# --- sifting


def rounds_of(settings, bits):
    settings = np.asarray(settings, dtype=np.uint8)
    return RawRounds(None, np.asarray(bits, dtype=np.uint8), settings, np.zeros(len(settings), dtype=np.uint8))


@pytest.mark.parametrize("window", [0, 3, 8])
def test_which_pairs_of_phases_are_compared_and_as_what(window):
    """All 4096 pairs: near 0 as equal, near half a circle as different, others not at all."""
    sifting = TwinSifting(window=window)
    pairs = list(product(range(PHASES), repeat=2))
    hers = rounds_of([WEAK + a % HALF for a, _ in pairs], [a // HALF for a, _ in pairs])
    his = rounds_of([WEAK + b % HALF for _, b in pairs], [b // HALF for _, b in pairs])
    streams = sifting.streams(hers.settings, his.settings, np.ones(len(pairs), dtype=np.uint8))
    wrong = sifting.alice_bits(hers) != sifting.bob_bits(his, hers.settings)
    for (a, b), stream, differs in zip(pairs, streams, wrong, strict=True):
        apart = min((a - b) % PHASES, (b - a) % PHASES)
        if apart <= window or apart >= HALF - window:
            assert stream == 2
            assert differs == (apart > HALF // 2)
        else:
            assert stream == 0
    assert (streams == 2).mean() == 2 * (2 * window + 1) / PHASES


def test_which_settings_make_what():
    sifting, names = TwinSifting(window=0), {Z: "Z", VACUUM: "vacuum", STRONG: "strong", WEAK: "weak"}
    expected = {
        ("Z", "Z"): 1, ("weak", "weak"): 2, ("strong", "vacuum"): 3, ("vacuum", "strong"): 3,
        ("weak", "vacuum"): 4, ("vacuum", "weak"): 4, ("vacuum", "vacuum"): 5,
    }  # fmt: skip
    for a, b in product(names, repeat=2):
        said = np.array([a], np.uint8), np.array([b], np.uint8)
        assert sifting.streams(*said, np.ones(1, np.uint8))[0] == expected.get((names[a], names[b]), 0)


def test_records_hold_phases_that_nothing_foretells(seed):
    session = TwinField(medium_a=Fiber(0), rounds=2_000_000, seed=seed, z_probability=0.1)
    alice, bob = (records.consume() for records in session.records())
    weak = (alice.settings >= WEAK) & (bob.settings >= WEAK)
    for raw in (alice, bob):
        phases = (raw.settings[weak] - WEAK).astype(int) + HALF * raw.bits[weak]
        found, total = np.bincount(phases, minlength=PHASES), int(weak.sum())
        assert total > 10_000
        for count in found:
            assert 2 * PHASES * min(binom.cdf(count, total, 1 / 64), binom.sf(count - 1, total, 1 / 64)) > 1e-7
    sifting = session.sifting()
    streams = sifting.streams(alice.settings, bob.settings, np.ones(len(alice.bits), np.uint8))
    wrong = sifting.alice_bits(alice) != sifting.bob_bits(bob, alice.settings)
    test = streams == 2
    kinds = [k for k in session._kinds if k[0] == WEAK and k[2] >= WEAK
             and min(k[2] - WEAK, HALF - (k[2] - WEAK)) <= 3]  # fmt: skip
    assert_binomial(int(test.sum()), session.rounds, sum(k[4] for k in kinds))
    share = sum(k[4] for k in kinds if (k[1] != k[3]) != (k[2] - WEAK > HALF // 2)) / sum(k[4] for k in kinds)
    assert_binomial(int(wrong[test].sum()), int(test.sum()), share)


# --- the bound


def test_the_chances_of_each_kind_by_enumeration():
    """Choices and photon numbers of both ends, one after the other."""
    found = dict.fromkeys(("key", "alone", "together", "vacuum", "vacuum_wrong"), 0.0)
    ways = [("Z", 0.6 * 0.95, 0.0), ("Z", 0.6 * 0.05, 0.45)]
    ways += [(x, 0.4 * p, m) for x, p, m in zip("SWV", (0.2, 0.5, 0.3), (0.4, 0.08, 0.0), strict=True)]
    for (x, p, a), (y, q, b) in product(ways, repeat=2):
        for n, m in product(range(3), repeat=2):
            chance = p * q * poisson.pmf(n, a) * poisson.pmf(m, b)
            if x == y == "Z" and (a > 0) != (b > 0) and n + m == 1:
                found["key"] += chance
            if {x, y} in ({"S", "V"}, {"W", "V"}) and n + m == 1:
                found["alone"] += chance
            if x == y == "V":
                found["vacuum"] += chance
            if x == y == "W" and n + m < 2:
                near = sum(min(d, abs(d - 32), 64 - d) <= 3 for d in range(64)) / 64
                found["together" if n + m else "vacuum_wrong"] += chance * near * (1 if n + m else 0.5)
    chances = bound_of().chances
    for name, value in found.items():
        assert getattr(chances, name) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("case", range(6))
def test_single_photons_never_exceed_the_truth_nor_what_a_linear_program_allows(case, rng):
    """One end sends strong or weak, the other nothing, twice as often as either; or neither."""
    photons, means, weights = 9, (0.4, 0.08, 0.0), (0.4, 1.0, 0.3)
    table = np.array([[w * poisson.pmf(n, m) for n in range(photons)] for w, m in zip(weights, means, strict=True)])
    shares = table / table.sum(axis=0)
    announced = rng.exponential(1.0, photons) * 10**5
    if case < 3:
        announced = 1e9 * table.sum(axis=0) * (1 - 0.95 ** np.arange(photons) * (1 - 1e-5))
    counts = shares @ announced
    _, found = three_intensity_counts(means, weights, [Interval(float(c), float(c)) for c in counts])
    assert found <= announced[1] * (1 + 1e-9)
    cost = np.eye(photons)[1]
    fewest = linprog(cost, A_eq=shares, b_eq=counts / counts.sum(), bounds=(0, None)).fun * counts.sum()
    assert found <= fewest * (1 + 1e-6) + 1e-6
    if case < 3:
        assert found > 0.8 * announced[1]


def simulated(rng, rounds, relay):
    """Counts of rounds in which the relay holds photons and announces as it likes; and what it really knows.

    Args:
        rounds: so many.
        relay: from the photons of both arms together to the probabilities that it announces the right sign, and
            the wrong one, and that it knows where a single photon came from.

    Returns:
        Counts for the bound; single photons that make the key; how many of these the relay does not know.
    """
    strong, weak, _ = SETTINGS["intensities"]
    p_strong, p_weak, p_vacuum = SETTINGS["probabilities"]
    in_x, in_z, q = 0.4**2, 0.6**2, SETTINGS["sending"]
    pulses = {
        "strong": (2 * in_x * p_strong * p_vacuum, strong), "weak": (2 * in_x * p_weak * p_vacuum, weak),
        "vacuum": (in_x * p_vacuum**2, 0.0), "one sends": (in_z * 2 * q * (1 - q), SETTINGS["signal"]),
        "none sends": (in_z * (1 - q) ** 2, 0.0), "both send": (in_z * q**2, 2 * SETTINGS["signal"]),
        "near": (in_x * p_weak**2 * 14 / 64, 2 * weak),
    }  # fmt: skip
    found = dict.fromkeys(pulses, 0)
    errors = singles = unknown = 0
    for name, (share, mean) in pulses.items():
        for photons in range(7):
            n = rng.binomial(rounds, share * poisson.pmf(photons, mean))
            right, wrong, knows = relay(photons)
            told = rng.multinomial(n, [right, wrong, 1 - right - wrong])[:2]
            found[name] += int(told.sum())
            if name == "near":
                errors += int(told[1])
            if name == "one sends" and photons == 1:
                singles = int(told.sum())
                unknown = singles - rng.binomial(singles, knows)
    counts = {
        "key_count": found["one sends"] + found["none sends"] + found["both send"],
        "single_counts": (found["strong"], found["weak"], found["vacuum"]),
        "tested": found["near"], "errors": errors,
    }  # fmt: skip
    return counts, singles, unknown


def test_a_relay_that_looks_where_the_photon_comes_from_gets_nothing_sold():
    """It knows the bit of a share ξ of the single photons; then the sign is a coin, and errors show it."""
    rng = np.random.default_rng(5)
    for share in (0.0, 0.1, 0.3, 1.0):

        def relay(photons, share=share):
            if photons == 0:
                return 5e-6, 5e-6, 1.0
            seen = 0.02 * min(photons, 2)
            return seen * (1 - share / 2), seen * share / 2, share

        counts, _, unknown = simulated(rng, 10**10, relay)
        found = bound_of(**counts).terms(n=counts["key_count"], leak=0)
        assert found.entropy_bits <= unknown
        if share == 1:
            assert found.length == 0
        if share == 0:
            assert found.entropy_bits > 0.7 * unknown


def test_a_relay_that_announces_pulses_of_several_photons_alone_gets_nothing_sold():
    """It splits them, and knows who sent."""
    counts, singles, _ = simulated(np.random.default_rng(6), 10**10, lambda n: (0.5 * (n > 1) + 1e-7, 1e-7, 1.0))
    found = bound_of(**counts).terms(n=counts["key_count"], leak=0)
    assert found.length == 0
    assert bound_of(**counts).estimate.single_photon <= singles


def test_a_relay_that_announces_at_random_gets_nothing_sold():
    """Half of the tested bits differ; those of Z tell nothing of one another."""
    counts, _, _ = simulated(np.random.default_rng(7), 10**9, lambda n: (0.05, 0.05, 1.0))
    assert bound_of(**counts, rounds=10**9).terms(n=counts["key_count"], leak=0).length == 0


@given(
    vacuum=st.floats(0, 1e-3), one=st.floats(1e-3, 0.3), two=st.floats(0, 0.9), wrong=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_whatever_a_relay_announces_by_photon_numbers_no_more_is_granted(vacuum, one, two, wrong, seed):
    """Numbers of single photons, and their wrong signs by the same chance as in the test."""

    def relay(photons):
        seen = (vacuum, one, two)[min(photons, 2)]
        share = 0.5 if photons == 0 else wrong
        return seen * (1 - share), seen * share, 0.0

    counts, singles, _ = simulated(np.random.default_rng(seed), 10**9, relay)
    found = bound_of(**counts, rounds=10**9)
    estimate = found.estimate
    assert estimate.single_photon <= singles
    if estimate.phase_error < 0.5:
        # of the singles in Z the wrong signs are binomial; 1e-9 below their mean is still more than granted
        fewest = binom.ppf(1e-9, singles, wrong) if singles else 0
        assert estimate.phase_error * singles >= fewest * (1 - 1e-9)
    granted = estimate.single_photon * (1 - float(binary_entropy(estimate.phase_error)))
    assert granted <= singles * (1 - float(binary_entropy(min(0.5, wrong)))) * (1 + 1e-3) + 6 * sqrt(singles) or (
        wrong > 0.5
    )


def test_drawn_counts_stay_within_what_is_claimed(rng):
    """At ε_sec = 0.4 all bounds together fail once in a hundred; 200 runs fail 12 times with a chance of 2e-6."""
    fails, rounds, sampled = 0, 10**8, 2000

    def relay(photons):
        return (1e-5, 1e-5, 0.0) if photons == 0 else (0.2, 0.01, 0.0)

    for _ in range(200):
        counts, singles, _ = simulated(rng, rounds, relay)
        gone = rng.hypergeometric(singles, counts["key_count"] - singles, sampled)
        signs = rng.binomial(singles - gone, 0.01 / 0.21)
        found = bound_of(**counts | {"sampled": sampled}, rounds=rounds, eps_sec=0.4).estimate
        assert found.single_photon > 1000
        fails += found.single_photon > singles - gone or found.phase_error * (singles - gone) < signs
    assert fails < 12


def test_noise_of_the_window_costs_no_more_than_it_shows():
    """The sign of (|10⟩ ± e^{iδ}|01⟩)/√2, a mixture over a symmetric window, is a noisy reading of X."""
    window, plus = 3, {}
    for sign in (1, -1):
        states = [np.array([1, sign * np.exp(2j * pi * d / PHASES)]) / sqrt(2) for d in range(-window, window + 1)]
        plus[sign] = sum(np.outer(s, s.conj()) for s in states) / len(states)
    c = np.mean([cos(2 * pi * d / PHASES) for d in range(-window, window + 1)])
    for sign in (1, -1):
        np.testing.assert_allclose(plus[sign], [[0.5, sign * c / 2], [sign * c / 2, 0.5]], atol=1e-15)
    # half of each is what Z holds where the bit is not looked at; and the overlap of the two readings is a half
    np.testing.assert_allclose((plus[1] + plus[-1]) / 2, np.eye(2) / 2, atol=1e-15)
    for z, sign in product(np.eye(2), (1, -1)):
        assert z @ plus[sign].real @ z == pytest.approx(0.5, abs=1e-15)


def test_how_far_64_phases_are_from_any():
    """The distance between pulses of 64 phases and of any phase, by their density matrices."""
    mean, size = 6.0, 110
    numbers = np.arange(size)
    amplitude = np.exp(0.5 * poisson.logpmf(numbers, mean))
    coherent = np.outer(amplitude, amplitude) * ((numbers[:, None] - numbers) % 64 == 0)
    apart = np.abs(np.linalg.eigvalsh(coherent - np.diag(amplitude**2))).sum() / 2
    claimed = bound_of(rounds=1, signal=3.0).phase_distance
    assert 0 < apart <= claimed
    assert bound_of(rounds=10**12).phase_distance < 1e-30


def test_too_strong_pulses_for_64_phases_make_no_key():
    counts = {"key_count": 10**8, "single_counts": (10**6, 10**6, 0), "tested": 10**5, "errors": 0}
    told = bound_of(**counts, signal=10.0).terms(n=10**8, leak=0)
    assert told.length == 0
    assert told.eps_sec == EPS["eps_sec"]


def test_many_rounds_give_the_rate_of_infinitely_many():
    """Wang, Yu, Hu 2018: 2q(1−q)μe^{−μ}·s₁·(1 − h(e₁)) − f·S·h(E), by yields and errors of single photons."""
    detector = Receiver(efficiency=0.5, dark_probability=2e-10, misalignment=0.03)
    session = TwinField(
        medium_a=Fiber(100), rounds=10**16, seed=1, detector=detector, z_probability=0.99, phase_window=0,
        sending_probability=0.04, intensities=(0.1, 0.005, 0.0), intensity_probabilities=(0.1, 0.6, 0.3),
        sample_fraction=1e-6,
    )  # fmt: skip
    arm, noise, signal, q = Fiber(100).transmittance * 0.5, 1e-10, 0.45, 0.04
    one = (1 - noise) * (arm + (1 - arm) * 2 * noise)
    errors = (1 - noise) * (arm * 0.03 + (1 - arm) * noise) / one
    z = [float(sum(lit_alone(a, b, np.cos(2 * pi * np.arange(64) / 64), contrast=0.94, noise=noise)).mean())
         for a, b in ((0, 0), (arm * signal, 0), (arm * signal,) * 2)]  # fmt: skip
    both, none = q**2 * z[2], (1 - q) ** 2 * z[0]
    total = both + none + 2 * q * (1 - q) * z[1]
    rate = 2 * q * (1 - q) * signal * exp(-signal) * one * (1 - float(binary_entropy(errors)))
    rate -= 1.05 * total * float(binary_entropy((both + none) / total))
    found = expected_key(session)
    assert found.bits < 0.99**2 * rate * 1e16
    assert found.bits > 0.93 * 0.99**2 * rate * 1e16


# --- sessions


def test_counts_of_a_run_are_those_to_expect(seed):
    rounds = 20_000_000
    session = TwinField(medium_a=Fiber(3), medium_b=Fiber(8), rounds=rounds, seed=seed, detector=NOISY,
                        z_probability=0.5, sending_probability=0.2)  # fmt: skip
    kinds = session.expected_rounds()
    sifted = session.sift()
    assert_binomial(sifted.accepted, rounds, kinds[5].sum() / rounds)
    key = (kinds[0] == Z) & (kinds[2] == Z)
    wrong = key & (kinds[1] != kinds[3])
    assert_binomial(len(sifted.key_alice), rounds, kinds[5, key].sum() / rounds)
    errors = int((sifted.key_alice != sifted.key_bob).sum())
    assert_binomial(errors, len(sifted.key_alice), kinds[5, wrong].sum() / kinds[5, key].sum())
    alone = ((kinds[0] == VACUUM) & (kinds[2] >= WEAK)) | ((kinds[0] >= WEAK) & (kinds[2] == VACUUM))
    assert_binomial(sifted.statistics["X weak rounds"], rounds, kinds[5, alone].sum() / rounds)


def test_a_key_of_twin_fields(seed):
    key = twin_field(Fiber(2), 100_000_000, seed=seed, z_probability=0.5, sample_fraction=0.01)
    assert len(key) > 10_000
    assert (key.secret_bits == key.peer_bits).all()
    assert sum(bits for _, bits in key.ledger) == len(key)
    assert not any("replies" in label for label, _ in key.ledger)
    assert key.epsilon == pytest.approx(2e-10, rel=0.1)
    told = str(key.report())
    assert "(ε_sec/4)²" in told


def test_what_bob_replies_follows_from_what_is_given_away():
    """Bits of single photons agree: errors are in rounds of which everybody is taken to know both bits."""
    for sends_a, sends_b in product((0, 1), repeat=2):
        alice, bob = sends_a, 1 - sends_b
        assert (alice == bob) == (sends_a + sends_b == 1)
    assert TwinFieldBound.count_replies is False


def test_a_key_beyond_plob_and_none_where_it_is_too_far():
    """300 km with 10¹² rounds: more than 1.44e-6 bits a round, which no channel without a relay has."""
    link = {"rounds": 10**12, "seed": 7, "detector": Receiver(efficiency=0.5, dark_probability=2e-8)}
    found = optimize_session(TwinField(medium_a=Fiber(150), **link))
    assert found.bits_per_round > 1.443e-6
    far = expected_key(TwinField(medium_a=Fiber(300), **link))
    assert far.bits == 0
    assert "phase errors" in far.limit or "reconciliation" in far.limit


@pytest.mark.parametrize(("misaligned", "km"), [(0.15, 700), (0.25, 600), (0.35, 500)])
def test_the_published_reach_in_spite_of_misalignment(misaligned, km):
    """Wang, Yu, Hu 2018; taken (from memory): detectors of 80 % with 1e-11 dark counts; here 10¹⁷ rounds."""
    receiver = Receiver(efficiency=0.8, dark_probability=2e-11, misalignment=misaligned)
    settings = {
        0.15: (0.59, 0.39, 0.018, (0.12, 0.01, 0.0), (0.025, 0.735, 0.24)),
        0.25: (0.83, 0.42, 0.0068, (0.1, 0.007, 0.0), (0.024, 0.734, 0.242)),
        0.35: (0.7, 0.55, 0.001, (0.04, 0.002, 0.0), (0.027, 0.809, 0.164)),
    }[misaligned]
    z, signal, sending, means, shares = settings
    link = {"rounds": 10**17, "seed": 7, "detector": receiver, "phase_window": 1, "z_probability": z}
    link |= {"signal_intensity": signal, "sending_probability": sending, "sample_fraction": 0.002}
    session = TwinField(medium_a=Fiber(km / 2), intensities=means, intensity_probabilities=shares, **link)
    assert expected_key(session).bits > 0


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"intensities": (0.4, 0.1, 0.01)}, ValueError, "must end with 0"),
        ({"intensities": (0.1, 0.4, 0.0)}, ValueError, "signal > decoy"),
        ({"intensities": (0.5, 0.1)}, ValueError, "intensities must be three numbers"),
        ({"intensity_probabilities": (0.5, 0.5, 0.5)}, ValueError, "sum to 1"),
        ({"sending_probability": 0.0}, ValueError, "sending_probability"),
        ({"signal_intensity": -1.0}, ValueError, "signal_intensity"),
        ({"phase_window": 9}, ValueError, "phase_window must be at most 8"),
        ({"phase_window": 1.5}, (ValueError, TypeError), "phase_window"),
        ({"medium_b": Fiber(1, depolarization_per_km=0.1)}, ValueError, "medium_b must have no channel"),
        ({"medium_b": 3}, TypeError, "medium_b"),
    ],
)
def test_impossible_sessions_are_refused(change, error, text):
    with pytest.raises(error, match=text):
        TwinField(**{"medium_a": Fiber(1), "rounds": 10} | change)


def test_there_is_nothing_to_run_on_a_machine():
    from qiskit_aer.primitives import SamplerV2

    session = TwinField(medium_a=Fiber(1), rounds=10, seed=1)
    assert session.circuits() == []
    with pytest.raises(ValueError, match="sampler must be None"):
        session.run(SamplerV2())
    with pytest.raises(ValueError, match="no result to analyse"):
        session.analyse(None)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sampled": 101}, "sampled must be at most key_count, 100"),
        ({"errors": 11}, "errors must be at most tested, 10"),
        ({"single_counts": (1, 2)}, "three counts"),
        ({"eps_sec": 0.0}, "eps_sec"),
        ({"sending": 1.0}, "sending"),
        ({"signal": 0.0}, "signal"),
        ({"window": 9}, "window"),
        ({"rounds": -1}, "rounds"),
    ],
)
def test_impossible_counts_are_refused(change, text):
    counts = {"key_count": 100, "sampled": 5, "single_counts": (10, 5, 1), "tested": 10}
    with pytest.raises(ValueError, match=text):
        bound_of(**counts | change)
    with pytest.raises(ValueError, match="must be the 95 bits"):
        bound_of(**counts).terms(n=96, leak=0)


@pytest.mark.parametrize("detector", [-1, "3", [], True])
def test_what_is_no_detector_is_refused_at_once(detector):
    with pytest.raises(TypeError, match="detector must be a Detector"):
        TwinField(medium_a=Fiber(50), rounds=10**6, detector=detector)
