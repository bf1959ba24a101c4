"""From sifted bits to a key: never longer than the bound, equal at both ends, or refused with a reason."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.raw_rounds import distilled as distill

from quantumlink.distillation import ends
from quantumlink.distillation.party import AUTHENTICATION_BITS
from quantumlink.distillation.reconciliation import Ldpc, Reconciliation, cascade
from quantumlink.qkd import Cascade, Key, NoSecretKey, finite_key_length
from quantumlink.security import SinglePhotonBound


def sifted(n, k, q_key, q_test, seed=0):
    """Arguments of ``distill`` for n bits of the key basis and k of the test basis."""
    rng = np.random.default_rng(seed)
    key, test = rng.integers(0, 2, n, dtype=np.uint8), rng.integers(0, 2, k, dtype=np.uint8)
    return {
        "key_alice": key,
        "key_bob": key ^ (rng.random(n) < q_key),
        "test_alice": test,
        "test_bob": test ^ (rng.random(k) < q_test),
        "rng": rng,
    }


class Unused:
    """A reconciliation that must not be reached."""

    def reconcile(self, alice_bits, bob_bits, *, qber, seed=None):
        raise AssertionError("reconciliation disclosed bits although no key was possible")

    def alice_end(self, bits, *, qber, seed):
        raise AssertionError("reconciliation disclosed bits although no key was possible")

    bob_end = alice_end


@given(
    n=st.integers(0, 6_000),
    k=st.integers(0, 6_000),
    q_key=st.floats(0, 0.6),
    q_test=st.floats(0, 0.2),
    fraction=st.floats(0.01, 0.5),
    eps=st.sampled_from([1e-2, 1e-6, 1e-10]),
    cascade=st.sampled_from([Cascade(), Cascade(passes=1, confirmations=0), Cascade(passes=2, growth=8)]),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=60)
def test_a_key_keeps_the_bound_and_its_promise(n, k, q_key, q_test, fraction, eps, cascade, seed):
    """Unequal keys may pass verification with probability eps_cor = 1e-10 per example: false alarm 1e-8."""
    arguments = sifted(n, k, q_key, q_test, seed)
    key = distill(**arguments, sample_fraction=fraction, reconciliation=cascade, eps_sec=eps, eps_cor=1e-10)
    assert isinstance(key, Key)
    assert (len(key) == 0) == (key.reason is not None)
    if not key:
        with pytest.raises(NoSecretKey) as caught:
            _ = key.secret_bits
        assert caught.value.reason == key.reason
        return
    assert np.array_equal(key.secret_bits, key.peer_bits)
    observed = np.count_nonzero(arguments["test_alice"] != arguments["test_bob"]) / k
    leak = -dict(key.ledger)["disclosed by reconciliation"]
    bound = finite_key_length(n=n - key.sampled, k=k, qber=observed, leak=leak, eps_sec=eps, eps_cor=1e-10)
    assert 0 < len(key) == bound - key.authentication_bits == bound - AUTHENTICATION_BITS
    assert all(np.cumsum([bits for _, bits in key.ledger]) > 0)
    assert sum(bits for _, bits in key.ledger) == len(key)


# a steady supply of keys that are given, where the test above mostly meets refusals
@given(
    n=st.integers(8_000, 30_000),
    q_key=st.floats(0, 0.03),
    q_test=st.floats(0, 0.02),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=25)
def test_good_links_give_keys(n, q_key, q_test, seed):
    key = distill(**sifted(n, n, q_key, q_test, seed))
    assert key
    assert np.array_equal(key.secret_bits, key.peer_bits)
    assert sum(bits for _, bits in key.ledger) == len(key) == key.terms.length - AUTHENTICATION_BITS


def test_the_whole_leak_counts(monkeypatch):
    """Recounted at the oracle: every parity answered is a bit less of key."""
    answered = []

    class Counting(cascade.ParitySource):
        def answer(self, question):
            answers = super().answer(question)
            answered.extend(answers)
            return answers

    monkeypatch.setattr(cascade, "ParitySource", Counting)
    key = distill(**sifted(20_000, 20_000, 0.02, 0.02, 3))
    leak = len(answered) // 2  # each end answers every question
    assert key.terms.leak == key.disclosed_bits == leak > 0
    assert len(key) == int(key.terms.entropy_bits - leak - key.terms.epsilon_bits) - AUTHENTICATION_BITS


def test_replies_count_where_the_bound_asks_for_it():
    """That is the bound's to say, not the session's; one that does not say counts them."""

    class Asking(SinglePhotonBound):
        count_replies = True

    class Silent:
        def __init__(self, bound):
            self.terms = bound.terms

    facts = sifted(20_000, 20_000, 0.02, 0.02, 3)
    errors = int(np.count_nonzero(facts["test_alice"] != facts["test_bob"]))
    told = {"tested": 20_000, "qber": errors / 20_000, "eps_sec": 1e-10, "eps_cor": 1e-10}
    bounds = [SinglePhotonBound(**told), Asking(**told), Silent(SinglePhotonBound(**told))]
    once, twice, thrice = (distill(**sifted(20_000, 20_000, 0.02, 0.02, 3), bound=bound) for bound in bounds)
    assert twice.terms.leak == thrice.terms.leak == 2 * once.terms.leak
    assert len(twice) == pytest.approx(len(once) - once.terms.leak, abs=1)
    assert sum(bits for _, bits in twice.ledger) == len(twice)


def test_ldpc_reconciles_as_well():
    key = distill(**sifted(20_000, 20_000, 0.02, 0.02, 3), reconciliation=Ldpc(frame=5_000))
    assert len(key) > 500
    assert np.array_equal(key.secret_bits, key.peer_bits)


class Terms:
    """A bound of the user's own."""

    eps_sec = eps_cor = 1e-10

    def __init__(self, length):
        self.length = length

    def lines(self):
        return [("my bound", f"{self.length} bits")]


class Half:
    """Half of the raw key is secret."""

    count_replies = False

    def terms(self, *, n, leak):
        return Terms(max(0, int(n / 2 - leak)))

    def __repr__(self):
        return "Half()"


def test_another_bound_decides_and_is_reported():
    key = distill(**sifted(20_000, 0, 0.02, 0.0, 3), bound=Half())
    assert len(key) == 9_500 - key.disclosed_bits - AUTHENTICATION_BITS
    assert sum(bits for _, bits in key.ledger) == len(key)
    assert "my bound" in key.report()
    assert "my bound: 0 bits" in distill(**sifted(20_000, 0, 0.2, 0.0, 3), bound=Half()).reason


def test_a_bound_that_grants_what_was_disclosed_is_refused():
    class Generous(Half):
        def terms(self, *, n, leak):
            return Terms(n + 1)

    with pytest.raises(ValueError, match="bound must grant at most the 19000 bits"):
        distill(**sifted(20_000, 0, 0.02, 0.0, 3), bound=Generous())


@pytest.mark.parametrize("name", ["eps_sec", "eps_cor"])
def test_a_bound_for_other_tolerances_than_agreed_is_refused(name):
    """It would charge for one tag while another is said in public."""
    loose = {"eps_sec": 1e-10, "eps_cor": 1e-10} | {name: 0.5}
    bound = SinglePhotonBound(tested=20_000, qber=0.0, **loose)
    with pytest.raises(ValueError, match=f"bound must be for the {name} that the ends agreed on, 1e-10, got 0.5"):
        distill(**sifted(20_000, 20_000, 0.0, 0.0, 3), bound=bound)


def test_a_reconciliation_that_needs_both_strings_will_do_for_study():
    class Together:
        def reconcile(self, alice_bits, bob_bits, *, qber, seed=None):
            return Cascade().reconcile(alice_bits, bob_bits, qber=qber, seed=seed)

    given = distill(**sifted(20_000, 20_000, 0.02, 0.02, 3), reconciliation=Together())
    assert len(given) == len(distill(**sifted(20_000, 20_000, 0.02, 0.02, 3)))
    assert np.array_equal(given.secret_bits, given.peer_bits)


@pytest.mark.parametrize("wrong", [Cascade, None, "cascade", object()])
def test_what_is_no_reconciliation_is_refused(wrong):
    with pytest.raises(TypeError, match="reconciliation must be an object with"):
        distill(**sifted(100, 100, 0, 0), reconciliation=wrong)


def test_the_phase_errors_come_from_the_test_basis_alone():
    noisy_test = distill(**sifted(20_000, 20_000, 0.0, 0.05, 1))
    noisy_key = distill(**sifted(20_000, 20_000, 0.05, 0.0, 1))
    assert noisy_test.terms.qber == pytest.approx(0.05, abs=0.012)  # 1e-6 interval of 20,000 bits
    assert noisy_key.terms.qber == 0
    assert noisy_test.qber == 0 == noisy_key.test_qber
    assert noisy_test.terms.leak < noisy_key.terms.leak


def test_the_sample_is_disclosed_and_so_not_in_the_key():
    """Errors in the sampled bits only: they are seen in the sample, and reconciliation finds none."""
    arguments = sifted(20_000, 20_000, 0.0, 0.0, 2)
    sizes = []

    class Listening(Cascade):
        def alice_end(self, bits, *, qber, seed):
            sizes.append((len(bits), qber))
            return super().alice_end(bits, qber=qber, seed=seed)

    key = distill(**arguments, sample_fraction=0.1, reconciliation=Listening())
    assert key.sampled == 2_000
    assert sizes == [(18_000, pytest.approx(1 / 2_002))]
    assert key.terms.n == 18_000


def test_sample_is_spread_over_the_key():
    """Errors in the first half only: a sample of 1,000 sees 0.4 ± 0.085 of them (Hoeffding, 1e-6)."""
    arguments = sifted(20_000, 20_000, 0.0, 0.0, 4)
    arguments["key_bob"][:10_000] ^= np.arange(10_000) % 5 != 0
    key = distill(**arguments, reconciliation=Unused())
    assert key.qber == pytest.approx(0.4, abs=0.085)
    assert key.qber.low < 0.4 < key.qber.high
    assert not key


@pytest.mark.parametrize(
    ("n", "k", "q_key", "q_test", "text"),
    [
        (0, 0, 0, 0, r"0 sifted bits in the key basis \(Z\) are too few"),
        (0, 1_000, 0, 0, r"0 sifted bits in the key basis \(Z\) are too few"),
        (1, 1_000, 0, 0, r"1 sifted bits in the key basis \(Z\) are too few"),
        (1_000, 0, 0, 0, r"no sifted bits in the test basis \(X\)"),
        (2, 2, 0, 0, "nothing is secret at error rates of"),
        (100, 100, 0, 0, "from 100 test bits, the 95 raw bits hold 0.0 bits of entropy"),
        (20_000, 20_000, 0.0, 0.47, "nothing is secret at error rates of 0.0000 .* and 0.4"),
        (20_000, 20_000, 0.25, 0.25, "nothing is secret at error rates of 0.2"),
        (20_000, 20_000, 0.45, 0.0, "reconciliation must disclose at least"),
        (20_000, 20_000, 1.0, 0.0, r"the error rate in the key basis \(Z\) is 1.0000 .* must be below 0.5"),
        (20_000, 20_000, 0.0, 1.0, "nothing is secret at error rates of 0.0000 .* and 1.0000"),
    ],
)
def test_hopeless_inputs_are_refused_before_anything_more_is_disclosed(n, k, q_key, q_test, text):
    key = distill(**sifted(n, k, q_key, q_test, 6), reconciliation=Unused())
    assert not key
    with pytest.raises(NoSecretKey, match=text):
        _ = key.secret_bits
    assert key.reason in key.report()
    assert key.corrected_errors is None
    assert key.tag_bits is None


def test_what_reconciliation_really_disclosed_may_still_be_too_much():
    """Shannon's limit would leave a key here, Cascade with absurdly small blocks does not."""
    arguments = sifted(20_000, 20_000, 0.03, 0.03, 8)
    key = distill(**arguments, reconciliation=Cascade(first_block=0.03))
    assert re.match(r"reconciliation asks for \d+ bits or more, while more than \d+ leave no key", key.reason)
    assert key.tag_bits is None  # no tag was spent on it
    assert len(distill(**sifted(20_000, 20_000, 0.03, 0.03, 8))) > 1_000


def test_errors_left_by_reconciliation_refuse_the_key():
    """A tag of 34 bits misses them with probability 1e-10."""
    arguments = sifted(20_000, 20_000, 0.02, 0.02, 9)
    key = distill(**arguments, reconciliation=Cascade(passes=1, confirmations=0))
    assert key.reason == "the verification tags of 34 bits differ: reconciliation left errors"
    assert key.tag_bits == 34
    assert len(key) == 0
    assert key.corrected_errors > 0


class AlmostPerfect:
    """A reconciliation that leaves one error."""

    def reconcile(self, alice_bits, bob_bits, *, qber, seed=None):
        raise AssertionError("the ends are asked each for itself")

    def alice_end(self, bits, *, qber, seed):
        yield b"ten"
        return 10, 0

    def bob_end(self, bits, *, qber, seed):
        wrong = bits.copy()
        wrong[-1] ^= 1
        assert (yield b"") == b"ten"
        yield b""
        return Reconciliation(bits=wrong, leaked_bits=10, corrected_errors=0, passes=1)

    def __repr__(self):
        return "AlmostPerfect()"


def test_a_single_error_left_refuses_the_key():
    key = distill(**sifted(20_000, 20_000, 0.0, 0.0, 9), reconciliation=AlmostPerfect())
    assert "tags of 34 bits differ" in key.reason


def test_each_end_amplifies_its_own_bits(monkeypatch):
    """Were verification to miss an error, the keys of the two ends would really differ, by about half."""
    honest = ends.toeplitz_hash
    blind = lambda bits, *, seed, length: honest(bits, seed=seed, length=length) * (length != 34)
    monkeypatch.setattr(ends, "toeplitz_hash", blind)
    key = distill(**sifted(20_000, 20_000, 0.0, 0.0, 9), reconciliation=AlmostPerfect())
    # more than 10,000 bits: within ±0.027 of one half but for 1e-6 (Hoeffding)
    assert len(key) > 10_000
    assert np.mean(key.secret_bits != key.peer_bits) == pytest.approx(0.5, abs=0.027)


def test_a_small_sample_alone_is_no_reason_to_refuse():
    """Twenty bits without an error say Q < 0.17, at which nothing would be left; but Q may be 0, and is."""
    key = distill(**sifted(20_000, 20_000, 0.0, 0.12, 9), sample_fraction=0.001)
    assert key.sampled == 20
    assert len(key) > 1_000


def test_same_generator_same_key_and_other_generator_other_key():
    keys = [distill(**sifted(20_000, 20_000, 0.02, 0.02, 5)) for _ in range(2)]
    assert np.array_equal(keys[0].secret_bits, keys[1].secret_bits)
    arguments = sifted(20_000, 20_000, 0.02, 0.02, 5) | {"rng": np.random.default_rng(99)}
    other = distill(**arguments)
    shorter = min(len(other), len(keys[0]))
    assert not np.array_equal(other.secret_bits[:shorter], keys[0].secret_bits[:shorter])


def test_inputs_stay_as_they_were_and_may_be_lists():
    arguments = sifted(3_000, 3_000, 0.0, 0.0, 5)
    before = {name: arguments[name].copy() for name in ("key_alice", "key_bob", "test_alice", "test_bob")}
    distill(**arguments)
    assert all(np.array_equal(arguments[name], bits) for name, bits in before.items())
    as_lists = {name: bits.tolist() for name, bits in before.items()}
    assert distill(**arguments | as_lists)


def test_the_key_looks_random():
    """Ones in 15,000 bits or more: within ±0.022 of one half but for 1e-6 (Hoeffding)."""
    arguments = sifted(40_000, 40_000, 0.0, 0.0, 5)
    arguments["key_alice"][:] = arguments["key_bob"][:] = np.arange(40_000) // 7 % 2  # as regular as can be
    key = distill(**arguments)
    assert len(key) > 15_000
    assert np.mean(key.secret_bits) == pytest.approx(0.5, abs=0.022)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sample_fraction": 0}, "sample_fraction must be a number strictly between 0 and 1, got 0"),
        ({"sample_fraction": 1}, "sample_fraction must be a number strictly between 0 and 1, got 1"),
        ({"eps_sec": 0}, "eps_sec must be a number strictly between 0 and 1, got 0"),
        ({"eps_cor": float("nan")}, "eps_cor must be a number strictly between 0 and 1, got nan"),
    ],
)
def test_bad_arguments_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        distill(**sifted(100, 100, 0.0, 0.0) | change)
