"""Protocols over pairs: error rates and CHSH values against closed forms and density matrices.

Sampled checks fail by chance with a probability of at most 1e-7 each.
"""

from math import cos, log, log2, pi, sin, sqrt

import numpy as np
import pytest
from scipy.stats import binom

from quantumlink import Detector, ElementaryLink, Fiber, Node, Processor, compose, evaluate, security, swap
from quantumlink.hardware import MidpointSource, NodeSource
from quantumlink.qkd.protocols import BBM92, E91, SixStatePairs, e91, six_state
from quantumlink.qkd.protocols.e91_session import COMPARED_SETTING, KEY_SETTING

ALARM = 1e-7
A, B = Node("alice"), Node("bob")
NOISY_A = Node("alice", processor=Processor(depolarizing_1q=0.02, readout_error=0.03))
NOISY_B = Node("bob", processor=Processor(depolarizing_1q=0.05, readout_error=[[0.98, 0.02], [0.07, 0.93]]))
RELAY = Node("relay", processor=Processor(depolarizing_2q=0.02, readout_error=0.01))
SKEW = (0.85, 0.08, 0.05, 0.02)


def assert_binomial(successes, total, probability):
    low, high = binom.cdf(successes, total, probability), binom.sf(successes - 1, total, probability)
    assert 2 * min(low, high) > ALARM, f"{successes} of {total} = {successes / total}, not {probability}"


def error(table):
    return table[0, 1] + table[1, 0]


@pytest.mark.parametrize("fidelity", [1.0, 0.9, 0.5, 0.25])
def test_werner_pairs_err_alike_in_every_basis(fidelity):
    link = ElementaryLink(A, B, fidelity=fidelity)
    w = (4 * fidelity - 1) / 3
    for kind, bases in ((BBM92, "ZX"), (SixStatePairs, "ZXY")):
        found = kind(link=link, rounds=10).probabilities()
        for basis in bases:
            assert error(found[basis, basis]) == pytest.approx((1 - w) / 2, abs=1e-9)
            assert found[basis, basis].sum() == pytest.approx(1, abs=1e-9)


def test_bell_diagonal_pairs_err_by_their_populations():
    _, phi_minus, psi_plus, psi_minus = SKEW
    found = SixStatePairs(link=ElementaryLink(A, B, bell_diagonal=SKEW), rounds=10).probabilities()
    expected = {"Z": psi_plus + psi_minus, "X": phi_minus + psi_minus, "Y": phi_minus + psi_plus}
    for basis, rate in expected.items():
        assert error(found[basis, basis]) == pytest.approx(rate, abs=1e-9)
    assert found["Z", "X"] == pytest.approx(np.full((2, 2), 0.25), abs=1e-9)


def by_density_matrix(link, theta_a, theta_b):
    """P(a, b) along two directions of the X–Z plane, ends' noise by hand: shrink the Bloch vector, then misread."""
    rho = evaluate(link).density_matrix.data
    pauli = {"X": np.array([[0, 1], [1, 0]]), "Z": np.diag([1.0, -1.0])}
    effects = []
    for node, theta in ((link.left, theta_a), (link.right, theta_b)):
        shrink = 1 - node.processor.depolarizing_1q
        direction = shrink * (sin(theta) * pauli["X"] + cos(theta) * pauli["Z"])
        ideal = [(np.eye(2) + sign * direction) / 2 for sign in (1, -1)]
        read = node.processor.confusion
        effects.append([sum(read[true][bit] * ideal[true] for true in (0, 1)) for bit in (0, 1)])
    # The left end is qubit 0, the last factor of the kron.
    return np.array([[np.trace(np.kron(effects[1][b], effects[0][a]) @ rho).real for b in (0, 1)] for a in (0, 1)])


@pytest.mark.parametrize(
    "link",
    [
        ElementaryLink(A, B, bell_diagonal=SKEW),
        ElementaryLink(NOISY_A, NOISY_B, bell_diagonal=SKEW),
        swap(ElementaryLink(NOISY_A, RELAY, fidelity=0.95), ElementaryLink(RELAY, NOISY_B, bell_diagonal=SKEW)),
    ],
    ids=["pair", "noisy ends", "swapped"],
)
def test_every_setting_of_e91_is_that_of_the_density_matrix(link):
    session = E91(link=link, rounds=10)
    for (i, j), found in session.probabilities().items():
        assert found == pytest.approx(by_density_matrix(link, (i - 1) * pi / 4, j * pi / 4), abs=1e-9)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_chsh_under_intercept_resend(fraction):
    """Half a pair measured in Z or X and resent: Φ⁺ with 1 − ξ/2, Φ⁻ and Ψ⁺ with ξ/4 each; S = 2√2(1 − ξ/2)."""
    link = ElementaryLink(A, B, bell_diagonal=(1 - fraction / 2, fraction / 4, fraction / 4, 0.0))
    assert E91(link=link, rounds=10).exact_chsh == pytest.approx(2 * sqrt(2) * (1 - fraction / 2), abs=1e-9)


@pytest.mark.parametrize("fidelity", [1.0, 0.92, 0.7])
def test_chsh_of_werner_pairs(fidelity):
    session = E91(link=ElementaryLink(A, B, fidelity=fidelity), rounds=10)
    assert session.exact_chsh == pytest.approx(2 * sqrt(2) * (4 * fidelity - 1) / 3, abs=1e-9)
    assert session.exact_chsh == pytest.approx(evaluate(session.link).chsh, abs=1e-9)


def received(efficiency, km=0.0, fidelity=1.0, **more):
    source = MidpointSource(fidelity=fidelity, clock_hz=1e6, **more)
    return ElementaryLink(A, B, Fiber(km), source=source, detector=Detector(efficiency))


@pytest.mark.parametrize("efficiency", [1.0, 0.97, 0.9, 0.5])
def test_a_silent_detector_is_an_outcome_of_the_bell_test(efficiency, seed):
    """With no click for 0: S = η²·2√2·F' + 2·(1 − η)², and neither end ever drops a round."""
    session = E91(link=received(efficiency, fidelity=0.98), rounds=200_000, seed=seed)
    werner = (4 * 0.98 - 1) / 3
    expected = efficiency**2 * 2 * np.sqrt(2) * werner + 2 * (1 - efficiency) ** 2
    assert session.exact_chsh == pytest.approx(expected, abs=1e-12)
    sifted = session.sift()
    assert sifted.accepted == 200_000
    estimate = session.chsh(sifted)
    assert abs(estimate.best - expected) < 6 * (estimate.high - estimate.low) / 2 / 1.96
    # A key bit errs if both click and err, or one is silent and the other, which is random, says 1.
    wrong = int(np.count_nonzero(sifted.key_alice != sifted.key_bob))
    single = efficiency * (1 - efficiency)
    assert_binomial(wrong, len(sifted.key_alice), efficiency**2 * (1 - werner) / 2 + single)
    if efficiency <= 0.9:
        assert not session.run()


def test_the_marginals_of_a_source_are_those_of_its_photons():
    """By enumeration: pairs thermal in each polarization, photons lost one by one, noise counts."""
    detector = Detector(0.6, dark_count_rate_hz=2e6, window_s=1e-9)
    noise, eta = detector.noise_probability, 0.6 * Fiber(10).transmittance
    lam = 0.3 / 2
    silent = sum((n + 1) * lam**n / (1 + lam) ** (n + 2) * (1 - eta) ** n for n in range(400))
    both, left, right = MidpointSource(mean_pairs=0.3).clicks(Fiber(20), detector)
    assert left == right == pytest.approx(1 - (1 - noise) * silent, abs=1e-12)
    assert left**2 < both < left
    one = MidpointSource(pair_probability=0.3).clicks(Fiber(20), detector)
    seen = 1 - (1 - noise) * (1 - eta)
    assert one == pytest.approx((0.3 * seen**2 + 0.7 * noise**2, *[0.3 * seen + 0.7 * noise] * 2), abs=1e-15)
    near, far = Detector(0.9), Detector(0.5)
    for at, expected in (("left", (0.9, 0.5)), ("right", (0.9, 0.5))):
        _, left, right = NodeSource(at=at).clicks(Fiber(0), (near, far))
        assert (left, right) == pytest.approx(expected)


def test_whatever_the_devices_do_is_said_of_heralded_pairs_only():
    heralded = E91(link=ElementaryLink(A, B, fidelity=0.98), rounds=10, seed=1)
    measured = E91(link=received(0.9), rounds=10, seed=1)
    assert "whatever the devices do" in heralded.proof.attacks
    assert "whatever the devices do" not in measured.proof.attacks
    blind = Node("middle"), Node("far", memories=0)
    chain = swap(received(0.9), ElementaryLink(B, blind[1], Fiber(0), source=MidpointSource(clock_hz=1e6)))
    with pytest.raises(ValueError, match="heralded before they are measured"):
        E91(link=chain, rounds=10)


def test_chsh_by_counts_covers_the_exact_one(seed):
    session = E91(link=ElementaryLink(A, B, fidelity=0.95), rounds=200_000, seed=seed)
    sifted = session.sift()
    estimate = session.chsh(sifted)
    # Interval of 95 %, so widened: 1.96σ becomes 6σ, beyond 1e-8.
    width = (estimate.high - estimate.low) / 2 / 1.96
    assert abs(estimate.best - session.exact_chsh) < 6 * width
    names = ("11", "13", "31", "33")
    for name in names:
        assert_binomial(sifted.statistics[f"{name} rounds"], 200_000, 1 / 9)
    assert_binomial(len(sifted.key_alice), 200_000, 1 / 9)
    assert KEY_SETTING == (3, 2)
    assert COMPARED_SETTING == (2, 1)


@pytest.mark.parametrize("key_probability", [1 / 3, 0.6])
def test_all_settings_of_the_bell_test_are_equally_likely(key_probability):
    chosen = E91(link=ElementaryLink(A, B), rounds=10, key_probability=key_probability).settings()
    assert sum(p for _, p in chosen.values()) == pytest.approx(1)
    tests = [chosen[setting][1] for setting in ((1, 1), (1, 3), (3, 1), (3, 3))]
    assert tests == pytest.approx([(1 - key_probability) / 6] * 4)


def test_e91_gives_a_key_only_from_a_violation(seed):
    good = e91(ElementaryLink(A, B, fidelity=0.995), 3_000_000, seed=seed)
    assert len(good) > 50_000
    assert np.array_equal(good.secret_bits, good.peer_bits)
    assert "local models are excluded" in good.report()
    local = e91(ElementaryLink(A, B, fidelity=0.75), 300_000, seed=seed)  # S = 1.886
    assert not local
    assert "no violation" in local.report()


def test_a_program_with_a_frame_is_refused_by_e91():
    link = swap(ElementaryLink(A, RELAY), ElementaryLink(RELAY, B))
    with pytest.raises(ValueError, match="link must be a program without a frame"):
        E91(link=compose(link, corrections="frame"), rounds=10)
    with pytest.raises(TypeError, match="link must be a link or a program"):
        E91(link="link", rounds=10)
    with pytest.raises(ValueError, match="key_probability must lie between"):
        E91(link=link, rounds=10, key_probability=1.0)


def test_six_state_takes_a_link_or_a_medium():
    from quantumlink import Fiber

    assert six_state(ElementaryLink(A, B), 10_000, seed=1).protocol == "six-state (entangled)"
    assert six_state(Fiber(1), 10_000, seed=1).protocol == "six-state"
    with pytest.raises(TypeError, match="over must be a medium, a link or a program"):
        six_state("fiber", 10)


@pytest.mark.parametrize("kind", [BBM92, SixStatePairs])
def test_drawn_rounds_follow_the_exact_table(kind, seed):
    session = kind(link=ElementaryLink(NOISY_A, NOISY_B, bell_diagonal=SKEW), rounds=100_000, seed=seed)
    sifted, found = session.sift(), session.probabilities()
    assert_binomial(int((sifted.key_alice != sifted.key_bob).sum()), len(sifted.key_alice), error(found["Z", "Z"]))
    assert_binomial(sifted.test_errors, len(sifted.test_alice), error(found["X", "X"]))
    if kind is SixStatePairs:
        assert_binomial(sifted.statistics["Y errors"], sifted.statistics["Y rounds"], error(found["Y", "Y"]))


def test_a_key_of_untrusted_devices_pays_for_what_bob_replies():
    """Written apart from the counts of the session and what Cascade disclosed on both sides."""
    session = E91(link=ElementaryLink(A, B, fidelity=0.98), rounds=1_000_000, seed=7)
    counts, key = session.sift().statistics, session.run()
    won = tested = 0
    for setting, wins_alike in (("11", 1), ("13", 0), ("31", 1), ("33", 1)):
        rounds, different = counts[f"{setting} rounds"], counts[f"{setting} errors"]
        tested, won = tested + rounds, won + (rounds - different if wins_alike else different)
    part = 1e-10 / 4
    s = 8 * won / tested - 4 - 8 * sqrt(log(1 / part) / (2 * tested))
    p = (1 + sqrt(s * s / 4 - 1)) / 2
    entropy = 1 + p * log2(p) + (1 - p) * log2(1 - p)
    loss = 4 * log2(2 + sqrt(2)) * sqrt(key.terms.n * (1 - 2 * log2(part)))
    price = 1 - 2 * log2(part) - log2(1e-10)
    told = dict(key.ledger)
    assert told["disclosed by Bob's replies"] == told["disclosed by reconciliation"] == -key.disclosed_bits < -5000
    granted = key.terms.n * entropy - loss - 2 * key.disclosed_bits - price
    assert len(key) == pytest.approx(granted - 512, abs=1)


def test_bounds_that_use_more_than_symmetric_error_rates_count_replies():
    counted = {
        kind.__name__: kind.count_replies
        for kind in vars(security).values()
        if isinstance(kind, type) and hasattr(kind, "count_replies") and not getattr(kind, "_is_protocol", False)
    }
    free = {"SinglePhotonBound", "BothBasesBound", "SixStateBound", "TwinFieldBound"}
    assert counted["DeviceIndependentBound"]
    assert {name for name, counts in counted.items() if not counts} == free
