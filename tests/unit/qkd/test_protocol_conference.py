"""A key for several parties: error rates in closed form and by density matrices, copies equal, the account adds up.

Sampled checks fail by chance with a probability of at most 1e-7 each.
"""

import re
from dataclasses import dataclass
from functools import reduce
from math import ceil, log2

import numpy as np
import pytest
from qiskit.quantum_info import DensityMatrix, Kraus, Pauli, Statevector
from qiskit_aer import AerSimulator
from scipy.stats import binom

from quantumlink.circuits import PauliChannel
from quantumlink.hardware import Detector, Fiber
from quantumlink.qkd import NoSecretKey
from quantumlink.qkd.protocols.conference_session import Conference, conference

ALARM = 1e-7


@dataclass(frozen=True)
class Noisy:
    """A medium with a channel of its own."""

    channel: PauliChannel | None = None
    transmittance: float = 1.0
    delay_s: float = 0.0


def depolarizing(p):
    """Keeps a qubit with visibility p."""
    return Noisy(PauliChannel(*[(1 - p) / 4] * 3))


def assert_binomial(successes, total, probability):
    low, high = binom.cdf(successes, total, probability), binom.sf(successes - 1, total, probability)
    assert 2 * min(low, high) > ALARM, f"{successes} of {total} = {successes / total}, not {probability}"


def exact_rates(session):
    """Q_X, and Q_AB of each party, from the exact table the session draws from."""
    play, parties = session.plays()[0], len(session.media)
    z, x = play.probabilities()[:, 0]
    bits = np.array([[value >> (parties - 1 - i) & 1 for i in range(parties)] for value in range(2**parties)])
    return x @ (bits.sum(axis=1) % 2), [z @ (bits[:, 0] != bits[:, i]) for i in range(1, parties)]


@pytest.mark.parametrize("parties", [2, 3, 5])
@pytest.mark.parametrize("p", [1.0, 0.95, 0.6])
def test_error_rates_under_depolarizing_media(parties, p):
    """Q_X = (1 − pⁿ)/2 and Q_AB = (1 − p²)/2, and the same from the density matrix for three."""
    session = Conference(media=[depolarizing(p)] * parties, rounds=10)
    in_x, in_z = exact_rates(session)
    assert in_x == pytest.approx((1 - p**parties) / 2, abs=1e-9)
    assert in_z == pytest.approx([(1 - p**2) / 2] * (parties - 1), abs=1e-9)
    if parties == 3:
        rho = DensityMatrix(Statevector((np.eye(8)[0] + np.eye(8)[7]) / np.sqrt(2)))
        weights = zip("IXYZ", (1 - 3 * (1 - p) / 4, *[(1 - p) / 4] * 3), strict=True)
        noise = Kraus([w**0.5 * Pauli(letter).to_matrix() for letter, w in weights])
        rho = reduce(lambda state, q: state.evolve(noise, [q]), range(3), rho)
        assert in_x == pytest.approx((1 - rho.expectation_value(Pauli("XXX")).real) / 2, abs=1e-9)
        assert in_z[0] == pytest.approx((1 - rho.expectation_value(Pauli("IZZ")).real) / 2, abs=1e-9)


def test_unequal_media_err_unequally():
    in_x, in_z = exact_rates(Conference(media=[Noisy(), depolarizing(0.9), depolarizing(0.8)], rounds=10))
    assert in_x == pytest.approx((1 - 0.72) / 2, abs=1e-9)
    assert in_z == pytest.approx([0.05, 0.1], abs=1e-9)


@pytest.mark.parametrize("sampler", [None, "aer"])
def test_drawn_rounds_follow_the_exact_rates(sampler, seed):
    media = [depolarizing(0.97), depolarizing(0.9), depolarizing(0.8)]
    session = Conference(media=media, rounds=60_000, seed=seed, z_probability=0.6)
    sifted = session.sift(None if sampler is None else AerSimulator(method="density_matrix"))
    in_x, in_z = exact_rates(session)
    assert sifted.accepted == 60_000
    assert_binomial(len(sifted.key_alice), 60_000, 0.6)
    assert_binomial(sifted.test_errors, len(sifted.test_alice), in_x)
    for bits, rate in zip(sifted.parties[1:], in_z, strict=True):
        assert_binomial(int((bits != sifted.key_alice).sum()), len(bits), rate)


def test_loss_and_dark_counts(seed):
    """All must click; a click errs with (1 − contrast)/2 if a photon came, else half of the time."""
    fibers, detector = [Fiber(2), Fiber(5), Fiber(0)], Detector(0.8, dark_count_rate_hz=5e7, misalignment=0.03)
    sifted = Conference(media=fibers, rounds=400_000, seed=seed, detector=detector, z_probability=0.5).sift()
    assert_binomial(sifted.accepted, 400_000, np.prod([detector.gain(fiber.transmittance) for fiber in fibers]))
    turn = [1 - 2 * detector.qber(fiber.transmittance) for fiber in fibers]
    assert_binomial(sifted.test_errors, len(sifted.test_alice), (1 - np.prod(turn)) / 2)
    for i in (1, 2):
        wrong = int((sifted.parties[i] != sifted.key_alice).sum())
        assert_binomial(wrong, len(sifted.key_alice), (1 - turn[0] * turn[i]) / 2)


def test_all_parties_hold_one_key(seed):
    key = conference([depolarizing(0.99)] * 4, 400_000, seed=seed)
    assert key.parties == 4
    assert len(key) > 10_000
    for party in range(4):
        assert np.array_equal(key.bits_of(party), key.secret_bits)
        assert not key.bits_of(party).flags.writeable
    # Its debts: the tags of three conversations, and the key that said which of the rounds are tests.
    z = 0.97
    marking = ceil(-400_000 * (z * log2(z) + (1 - z) * log2(1 - z)))
    assert (key.authentication_bits, key.marking_bits) == (3 * 512, marking)
    assert sum(bits for _, bits in key.ledger) == len(key) == key.terms.length - 3 * 512 - marking
    again = conference([depolarizing(0.99)] * 4, 400_000, seed=seed)
    assert np.array_equal(again.secret_bits, key.secret_bits)
    assert "conference of 4" in key.report()
    with pytest.raises(ValueError, match="party must be 0 to 3"):
        key.bits_of(4)


def test_what_a_conference_says_is_authenticated(seed):
    key = conference([depolarizing(0.99)] * 3, 300_000, seed=seed)
    assert len(key) > 10_000
    assert key.marks == ("simulated", "seeded")
    assert 0 < key.forgery_probability < 1e-30
    assert key.epsilon == pytest.approx(2e-10)
    assert "1024 bits of shared secret, deducted" in key.report()


def test_a_key_that_does_not_pay_for_its_marking_is_refused(seed):
    """A million rounds at z = 0.9 cost 468,996 bits of marking; the key would be shorter."""
    media = [depolarizing(0.98)] * 3
    key = conference(media, 10**6, seed=seed, z_probability=0.9)
    assert len(key) == 0
    # It is seen before anything is disclosed: even Shannon's limit leaves fewer bits than that.
    assert key.disclosed_bits is None
    granted = int(re.search(r"at most (\d+) would be secret", key.reason)[1])
    assert 100_000 < granted < 468_996
    assert "authentication spends 1024 and marking the test rounds 468996" in key.reason
    assert "most is taken by marking the test rounds; more rounds will not help" in key.reason
    chosen = conference(media, 10**6, seed=seed, z_probability=0.9, bases="independent")
    assert chosen.marking_bits == 0
    assert len(chosen) == chosen.terms.length - 1024 > 50_000
    assert not any("marking" in label for label, _ in chosen.ledger)


def test_lost_rounds_are_marked_too(seed):
    """Which rounds are lost shows only after they were marked: at 10 dB a party no key pays for it."""
    key = conference([Fiber(50)] * 3, 10**8, seed=seed)
    assert 10_000 < key.terms.length < key.marking_bits
    assert not key


def test_bases_chosen_independently_agree_now_and_then(seed):
    session = Conference(media=[Fiber(0)] * 3, rounds=300_000, seed=seed, z_probability=0.8, bases="independent")
    sifted = session.sift()
    assert_binomial(len(sifted.key_alice), 300_000, 0.8**3)
    assert_binomial(len(sifted.test_alice), 300_000, 0.2**3)
    with pytest.raises(ValueError, match="bases must be one of marked, independent; got 'random'"):
        Conference(media=[Fiber(0)] * 3, rounds=10, bases="random")


def test_leaks_add_up_with_the_parties(seed):
    """Every party more costs its own reconciliation, about n·h(Q) each."""
    keys = [conference([depolarizing(0.99)] * parties, 300_000, seed=seed) for parties in (2, 3, 5)]
    disclosed = [-bits for key in keys for label, bits in key.ledger if label.startswith("disclosed by")]
    assert disclosed[0] < 0.6 * disclosed[1] < 0.4 * disclosed[2]
    assert [len(key) for key in keys] == sorted((len(key) for key in keys), reverse=True)


def test_a_noisy_conference_is_refused(seed):
    for media in ([depolarizing(0.7)] * 3, [depolarizing(0.0)] * 2, [Fiber(500)] * 3):
        key = conference(media, 50_000, seed=seed)
        assert not key
        with pytest.raises(NoSecretKey):
            key.bits_of(0)


def test_what_no_conference_can_be_is_refused():
    with pytest.raises(ValueError, match="media must hold 2 to 8 media"):
        Conference(media=[Fiber(0)], rounds=10)
    with pytest.raises(TypeError, match="media must be media such as Fiber"):
        Conference(media=[Fiber(0), "fiber"], rounds=10)
    with pytest.raises(ValueError, match="z_probability must lie between"):
        Conference(media=[Fiber(0)] * 2, rounds=10, z_probability=1)
