"""Keys by BBM92, from link to bits: the error rates are the physical ones, the paths agree, nothing leaks.

Sampled checks compare a count with its exact distribution and fail by chance with a probability of at most
ALARM each; there are fewer than 150 of them here, so that one session in 60,000 fails for no reason.
"""

import dataclasses
import logging
import re
import traceback
from bisect import bisect_left
from math import floor, log, log2, sqrt

import numpy as np
import pytest
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2
from scipy.stats import binom, fisher_exact, hypergeom

from quantumlink import Network, Node, Processor, chain, compose, evaluate, purify, swap
from quantumlink.link import ElementaryLink
from quantumlink.qkd import Cascade, NoSecretKey, bbm92, finite_key_length

ALARM = 1e-7


def assert_binomial(successes, total, probability):
    """The count is one that so many trials give; a true probability fails this with at most ALARM."""
    assert 0 <= successes <= total
    assert total > 0
    low, high = binom.cdf(successes, total, probability), binom.sf(successes - 1, total, probability)
    assert 2 * min(low, high) > ALARM, f"{successes} of {total} = {successes / total:.5f}, not {probability:.5f}"


def assert_alike(first, second):
    """Two (successes, total) share one probability, by Fisher's exact test; a false alarm has at most ALARM."""
    table = [[successes, total - successes] for successes, total in (first, second)]
    assert fisher_exact(table).pvalue > ALARM, f"{first} is not like {second}"


def errors(key):
    """Errors and totals in the sample of the key basis (Z) and in the test basis (X)."""
    return (round(key.qber * key.sampled), key.sampled), (round(key.test_qber * key.tested), key.tested)


def expected_qber(state, basis, left, right):
    """The error rate from the state's expectations, the ends' rotation noise and their readout, by hand."""
    shrink = [1 - node.processor.depolarizing_1q for node in (left, right)]
    t_left = shrink[0] * state.expectation("I" + basis)
    t_right = shrink[1] * state.expectation(basis + "I")
    t_both = shrink[0] * shrink[1] * state.expectation(basis * 2)
    read_left, read_right = left.processor.confusion, right.processor.confusion
    wrong = 0.0
    for a in (0, 1):
        for b in (0, 1):
            p = (1 + (-1) ** a * t_left + (-1) ** b * t_right + (-1) ** (a + b) * t_both) / 4
            wrong += p * (read_left[a][0] * read_right[b][1] + read_left[a][1] * read_right[b][0])
    return wrong


IDEAL_A, IDEAL_B = Node("alice"), Node("bob")
A = Node("alice", processor=Processor(depolarizing_1q=0.02, readout_error=0.03))
B = Node("bob", processor=Processor(depolarizing_1q=0.05, readout_error=[[0.98, 0.02], [0.07, 0.93]]))
R = Node("relay", processor=Processor(depolarizing_1q=0.01, depolarizing_2q=0.02, readout_error=0.01))
SKEW = (0.9, 0.06, 0.03, 0.01)

LINKS = {
    "perfect": ElementaryLink(IDEAL_A, IDEAL_B),
    "Werner": ElementaryLink(IDEAL_A, IDEAL_B, fidelity=0.9),
    "Bell-diagonal": ElementaryLink(IDEAL_A, IDEAL_B, bell_diagonal=SKEW),
    "noisy ends": ElementaryLink(A, B, bell_diagonal=SKEW),
    "noisy ends, exchanged": ElementaryLink(B, A, bell_diagonal=SKEW),
    "swapped": swap(ElementaryLink(A, R, fidelity=0.97), ElementaryLink(R, B, bell_diagonal=SKEW)),
    "purified": purify(ElementaryLink(A, B, fidelity=0.9), ElementaryLink(A, B, bell_diagonal=SKEW), "bbpssw"),
    "swapped and purified": chain(
        [ElementaryLink(A, R, fidelity=0.97), ElementaryLink(R, B, bell_diagonal=SKEW)], purify_rounds=1
    ),
}
GOOD = ElementaryLink(IDEAL_A, IDEAL_B, fidelity=0.97)


# --- error rates


@pytest.mark.parametrize("name", LINKS)
def test_error_rates_are_those_of_state_and_readout(name, seed):
    link = LINKS[name]
    state = evaluate(link)
    z, x = (expected_qber(state, basis, link.left, link.right) for basis in "ZX")
    # 200,000 rounds, half of them sifted, half of the Z bits disclosed: ±0.007 in Z and ±0.005 in X at 10 %.
    key = bbm92(link, 200_000, seed=seed, z_probability=0.5, sample_fraction=0.5)
    (z_errors, sampled), (x_errors, tested) = errors(key)
    assert_binomial(z_errors, sampled, z)
    assert_binomial(x_errors, tested, x)
    if key.corrected_errors is not None:
        assert_binomial(key.corrected_errors, key.terms.n, z)
    assert_binomial(key.accepted, key.rounds, state.success_probability)


def test_readout_errors_count_although_the_state_is_perfect(seed):
    a = Node("alice", processor=Processor(readout_error=0.03))
    b = Node("bob", processor=Processor(readout_error=0.01))
    link = ElementaryLink(a, b)
    assert evaluate(link).qber("Z") == pytest.approx(0)
    key = bbm92(link, 100_000, seed=seed, z_probability=0.5)
    expected = 0.03 * 0.99 + 0.97 * 0.01  # one of the two reads wrongly, not both
    for wrong, total in errors(key):
        assert_binomial(wrong, total, expected)


@pytest.mark.parametrize(
    ("populations", "z", "x"),
    [
        ((0.85, 0.0, 0.15, 0.0), 0.15, 0.0),  # X errors, Ψ⁺: seen in Z only
        ((0.85, 0.15, 0.0, 0.0), 0.0, 0.15),  # Z errors, Φ⁻: seen in X only
        ((0.85, 0.0, 0.0, 0.15), 0.15, 0.15),  # Y errors, Ψ⁻: seen in both
    ],
)
def test_each_pauli_error_shows_in_its_bases(populations, z, x, seed):
    link = ElementaryLink(IDEAL_A, IDEAL_B, bell_diagonal=populations)
    key = bbm92(link, 40_000, seed=seed, z_probability=0.5, sample_fraction=0.5)
    for (wrong, total), expected in zip(errors(key), (z, x), strict=True):
        assert_binomial(wrong, total, expected)  # where nothing is expected a single error is refused


def test_phase_errors_alone_take_the_key():
    """Bits without a single error, all of them known to an eavesdropper: only the X rounds tell."""
    link = ElementaryLink(IDEAL_A, IDEAL_B, bell_diagonal=(0.5, 0.5, 0.0, 0.0))
    key = bbm92(link, 100_000, seed=1)
    assert key.qber == 0
    assert not key
    # An intercept-resend attack in Z does exactly this; one in X shows as half the Z bits wrong.
    other = bbm92(ElementaryLink(IDEAL_A, IDEAL_B, bell_diagonal=(0.5, 0.0, 0.5, 0.0)), 100_000, seed=1)
    assert other.test_qber == 0
    assert not other


# --- sifting


@pytest.mark.parametrize("z_probability", [0.5, 0.8, 0.95])
def test_bases_are_chosen_independently(z_probability, seed):
    key = bbm92(GOOD, 50_000, seed=seed, z_probability=z_probability)
    in_z = key.sifted - key.tested
    assert_binomial(in_z, key.rounds, z_probability**2)
    assert_binomial(key.tested, key.rounds, (1 - z_probability) ** 2)


@pytest.mark.parametrize("name", ["purified", "swapped and purified"])
def test_refused_rounds_are_lost(name, seed):
    link = LINKS[name]
    success = evaluate(link).success_probability
    assert success < 0.95
    key = bbm92(link, 50_000, seed=seed, z_probability=0.6)
    assert_binomial(key.accepted, key.rounds, success)
    assert_binomial(key.sifted - key.tested, key.rounds, success * 0.36)
    assert_binomial(key.tested, key.rounds, success * 0.16)


def test_rounds_without_heralds_are_all_accepted(seed):
    key = bbm92(LINKS["swapped"], 1_234, seed=seed)
    assert (key.rounds, key.accepted) == (1_234, 1_234)


def test_the_account_adds_up(seed):
    key = bbm92(GOOD, 100_000, seed=seed)
    assert key.protocol == "BBM92"
    assert len(key) > 0
    assert key.rounds >= key.accepted >= key.sifted == key.tested + key.sampled + key.terms.n
    assert key.terms.k == key.tested
    assert sum(bits for _, bits in key.ledger) == len(key)


# --- the paths agree


def drawn(rounds, **options):
    """Sampling on Aer, with most of the Z bits disclosed, so that there is much to compare."""
    return {"rounds": rounds, "z_probability": 0.5, "sample_fraction": 0.9} | options


@pytest.mark.parametrize(
    ("name", "corrections", "rounds"),
    # The circuit without mid-circuit corrections is the quickest to run, and the others show that it is as good.
    [
        ("swapped", "frame", 40_000),
        ("swapped and purified", "frame", 20_000),
        ("noisy ends", "sequential", 40_000),
        ("swapped", "sequential", 2_000),
        ("swapped", "feedforward", 2_000),
    ],
)
def test_drawing_and_running_agree(name, corrections, rounds, seed):
    program = compose(LINKS[name], corrections=corrections)
    exact = bbm92(program, seed=seed, **drawn(200_000))
    run = bbm92(program, seed=seed, sampler=AerSimulator(), **drawn(rounds))
    assert_alike((exact.accepted, exact.rounds), (run.accepted, run.rounds))
    for ours, theirs in zip(errors(exact), errors(run), strict=True):
        assert_alike(ours, theirs)
    state = evaluate(program)
    left, right = program.node_by_end.values()
    for (wrong, total), basis in zip(errors(run), "ZX", strict=True):
        assert_binomial(wrong, total, expected_qber(state, basis, left, right))


@pytest.mark.parametrize("name", ["noisy ends", "swapped", "swapped and purified"])
def test_a_program_is_as_good_as_its_link(name, seed):
    link = LINKS[name]
    from_link = bbm92(link, 200_000, seed=seed, z_probability=0.5, sample_fraction=0.9)
    from_program = bbm92(compose(link), 200_000, seed=seed + 1, z_probability=0.5, sample_fraction=0.9)
    assert_alike((from_link.accepted, from_link.rounds), (from_program.accepted, from_program.rounds))
    for first, second in zip(errors(from_link), errors(from_program), strict=True):
        assert_alike(first, second)


def test_a_given_sampler_is_used(seed):
    """Aer's own sampler, and Aer as a backend, run the noise of the link."""
    link = LINKS["noisy ends"]
    z, x = (expected_qber(evaluate(link), basis, A, B) for basis in "ZX")
    for sampler in (AerSimulator(), SamplerV2()):
        (z_errors, sampled), (x_errors, tested) = errors(bbm92(link, seed=seed, sampler=sampler, **drawn(4_000)))
        assert_binomial(z_errors, sampled, z)
        assert_binomial(x_errors, tested, x)


# --- seeds


def same(first, second):
    facts = [(k.accepted, k.sifted, k.qber, k.test_qber, k.ledger, k.terms, k.reason) for k in (first, second)]
    return facts[0] == facts[1]


def test_a_seed_repeats_a_key_and_another_does_not(seed):
    key, again, other = (bbm92(GOOD, 100_000, seed=s) for s in (seed, seed, seed + 1))
    assert same(key, again)
    assert np.array_equal(key.secret_bits, again.secret_bits)
    assert np.array_equal(key.peer_bits, again.peer_bits)
    shared = min(len(key), len(other))
    assert shared > 10_000
    # Independent bits agree in half of the places.
    agreeing = int(np.count_nonzero(key.secret_bits[:shared] == other.secret_bits[:shared]))
    assert_binomial(agreeing, shared, 0.5)


def test_a_seed_repeats_a_run_on_aer(seed):
    program = compose(LINKS["swapped"], corrections="frame")
    first, again, other = (
        bbm92(program, 4_000, seed=s, sampler=AerSimulator(), z_probability=0.5) for s in (seed, seed, seed + 1)
    )
    assert same(first, again)
    assert not same(first, other)


def test_without_a_seed_keys_differ():
    keys = [bbm92(GOOD, 50_000, eps_sec=1e-5, eps_cor=1e-5) for _ in range(2)]
    first, second = (key.secret_bits for key in keys)
    shared = min(len(first), len(second))
    assert shared > 1_000  # equal by chance with 2⁻¹⁰⁰⁰
    assert not np.array_equal(first[:shared], second[:shared])


# --- the bits


class Spy:
    """A reconciler that notes the raw bits of both ends before it does its work."""

    def reconcile(self, alice_bits, bob_bits, **options):
        self.alice, self.bob = np.array(alice_bits), np.array(bob_bits)
        return Cascade().reconcile(alice_bits, bob_bits, **options)


@pytest.mark.parametrize("way", ["drawn", "run"])
def test_alice_is_at_the_left_end_and_bob_at_the_right_one(way, seed):
    """An end that reads some of its ones as zeros, and another that does not: each bit is where it was read."""
    forgetful = Node("forgetful", processor=Processor(readout_error=[[1.0, 0.0], [0.02, 0.98]]))
    for link in (ElementaryLink(forgetful, IDEAL_B), ElementaryLink(IDEAL_A, forgetful)):
        spy = Spy()
        bbm92(link, 60_000, seed=seed, reconciliation=spy, sampler=None if way == "drawn" else AerSimulator())
        noisy, good = (spy.alice, spy.bob) if link.left is forgetful else (spy.bob, spy.alice)
        assert_binomial(int(good.sum()), len(good), 0.5)
        assert_binomial(int(noisy[good == 1].sum()), int(good.sum()), 0.98)
        assert not noisy[good == 0].any()


def test_outcomes_come_in_no_order(seed):
    """Ones and errors are spread evenly over the rounds: of each, as many in the first half as chance has it."""
    spy = Spy()
    bbm92(ElementaryLink(IDEAL_A, IDEAL_B, fidelity=0.95), 100_000, seed=seed, reconciliation=spy)
    half = len(spy.alice) // 2
    for marks in (spy.alice, spy.bob, spy.alice ^ spy.bob):
        early, total = int(marks[:half].sum()), int(marks.sum())
        low = hypergeom.cdf(early, len(marks), total, half)
        high = hypergeom.sf(early - 1, len(marks), total, half)
        assert 2 * min(low, high) > ALARM


def test_both_ends_hold_the_same_unbiased_bits(seed):
    for name in ("Werner", "swapped"):
        link = GOOD if name == "Werner" else swap(ElementaryLink(A, R), ElementaryLink(R, IDEAL_B, fidelity=0.99))
        key = bbm92(link, 400_000, seed=seed)
        assert len(key) > 500
        assert np.array_equal(key.secret_bits, key.peer_bits)
        assert_binomial(int(key.secret_bits.sum()), len(key), 0.5)


@pytest.mark.parametrize("fidelity", [1.0, 0.98, 0.95])
@pytest.mark.parametrize("rounds", [20_000, 200_000])
@pytest.mark.parametrize("eps", [1e-6, 1e-10])
def test_never_more_bits_than_the_bound_allows(fidelity, rounds, eps, seed):
    link = ElementaryLink(A if fidelity == 1.0 else IDEAL_A, IDEAL_B, fidelity=fidelity)
    key = bbm92(link, rounds, seed=seed, eps_sec=eps, eps_cor=eps * 10)
    terms = key.terms
    assert (terms.eps_sec, terms.eps_cor) == (eps, eps * 10)
    assert terms.qber == key.test_qber
    allowed = finite_key_length(
        n=terms.n, k=terms.k, qber=terms.qber, leak=terms.leak, eps_sec=terms.eps_sec, eps_cor=terms.eps_cor
    )
    assert len(key) <= allowed
    if not key:
        assert allowed == 0 or key.corrected_errors is None
        return
    n, k = terms.n, key.tested  # the bound once more, written by hand
    seen = round(key.test_qber * k)

    def is_unlikely(unseen):
        return hypergeom.logcdf(seen, n + k, seen + unseen, k) <= 2 * log(eps / 4)

    q = (bisect_left(range(n + 1), True, key=is_unlikely) - 1) / n
    assert q < key.test_qber + sqrt((n + k) / (n * k) * (k + 1) / k * log(4 / eps))  # the published closed form
    entropy = n * (1 + q * log2(q) + (1 - q) * log2(1 - q))
    assert len(key) <= floor(entropy - terms.leak - log2(2 / (eps**2 * eps * 10)))
    # A parity tells at most one bit: what corrects e of n errors must disclose some log₂(n over e).
    e = key.corrected_errors / n
    assert terms.leak > 0.95 * n * (-e * log2(e) - (1 - e) * log2(1 - e))


def test_more_noise_gives_fewer_bits():
    lengths = [len(bbm92(ElementaryLink(IDEAL_A, IDEAL_B, fidelity=f), 400_000, seed=3)) for f in (1.0, 0.97, 0.94)]
    assert lengths[0] > lengths[1] > lengths[2] > 0


def test_options_reach_the_distillation(seed):
    key = bbm92(GOOD, 100_000, seed=seed, sample_fraction=0.25)
    in_z = key.sifted - key.tested
    assert key.sampled == pytest.approx(0.25 * in_z, abs=1)
    wasteful = Cascade(passes=4, first_block=0.3, growth=2, powers_of_two=False)  # too many short blocks
    other = bbm92(GOOD, 100_000, seed=seed, sample_fraction=0.25, reconciliation=wasteful)
    assert (other.sifted, other.sampled) == (key.sifted, key.sampled)
    assert other.terms.leak > 1.2 * key.terms.leak
    assert len(other) < len(key)


# --- refusals


@pytest.mark.parametrize("sampled_on", [None, AerSimulator()])
def test_a_noisy_link_gives_no_key_and_says_why(sampled_on, seed):
    link = ElementaryLink(IDEAL_A, IDEAL_B, fidelity=0.7)  # 20 % errors, above the 11 % that any key allows
    key = bbm92(link, 20_000, seed=seed, sampler=sampled_on)
    assert not key
    assert len(key) == 0
    terms = key.terms
    for number in (
        f"{key.qber.best:.4f} in the key basis (Z)",
        f"{key.test_qber.best:.4f} in the test basis (X)",
        f"{terms.n} raw bits",
        f"{key.tested} test bits",
        f"margin of {terms.mu:.4f}",
        f"{terms.entropy_bits:.1f} bits of entropy",
        f"price of ε is {terms.epsilon_bits:.1f}",
    ):
        assert number in key.reason
    for end in ("secret_bits", "peer_bits"):
        with pytest.raises(NoSecretKey, match="there is no secret key") as caught:
            getattr(key, end)
        assert key.reason in str(caught.value)
        assert caught.value.reason == key.reason
    assert key.reason in key.report()
    assert key.reason in repr(key)


@pytest.mark.parametrize("rounds", [1, 2, 3, 10, 100, 1000])
@pytest.mark.parametrize("name", ["perfect", "swapped and purified"])
def test_few_rounds_give_no_key(name, rounds, seed):
    key = bbm92(LINKS[name], rounds, seed=seed)
    assert not key
    assert key.reason
    assert key.report()
    with pytest.raises(NoSecretKey):
        _ = key.secret_bits


def test_a_round_is_counted_once(seed):
    for rounds in (1, 7):
        key = bbm92(GOOD, rounds, seed=seed, sampler=AerSimulator())
        assert key.rounds == key.accepted == rounds


def test_half_a_state_gives_no_key():
    """A classically correlated, a random, and an orthogonal pair."""
    for populations in ((0.5, 0.5, 0, 0), (0.25, 0.25, 0.25, 0.25), (0, 0, 0, 1)):
        link = ElementaryLink(IDEAL_A, IDEAL_B, bell_diagonal=populations)
        assert not bbm92(link, 50_000, seed=5)


# --- secrets stay secret

BITS_IN_TEXT = re.compile(r"(?<![\w.])[01](?:,?\s+[01](?![\w.])){2,}|[01]{16,}|array\(")
"""Three bits or more one after another, sixteen without a gap, or the print of an array."""


def tellings(key):
    """Everything a key says of itself, and every error it raises when it is misused."""
    yield from (repr(key), str(key), f"{key}", key.report(), repr([key]), repr({"key": key}), str(key.ledger))
    yield from (repr(key.terms), repr(key.qber), repr(key.test_qber))
    misuses = [
        lambda: key.secret_bits.__setitem__(0, 1),
        lambda: key.peer_bits.__setitem__(slice(None), 0),
        lambda: dataclasses.replace(key, reason="because"),
        lambda: dataclasses.replace(key, _bob_bits=key.peer_bits[:-1]),
        lambda: dataclasses.replace(key, _bob_bits=key.peer_bits + 1),
        lambda: dataclasses.replace(key, _bob_bits=None),
        lambda: dataclasses.replace(key, terms=dataclasses.replace(key.terms, length=1)),
        lambda: setattr(key, "reason", "because"),
        lambda: key[0],
        lambda: key + key,
        lambda: int(key),
        lambda: key.bits,
    ]
    for misuse in misuses:
        with pytest.raises(Exception) as caught:  # noqa: PT011  of whatever kind: what counts is its text
            misuse()
        yield from (str(caught.value), repr(caught.value), "".join(traceback.format_exception(caught.value)))


def test_no_text_shows_secret_bits(seed, caplog, capsys):
    with caplog.at_level(logging.DEBUG, logger="quantumlink"):
        key = bbm92(GOOD, 60_000, seed=seed)
        texts = list(tellings(key))
    assert len(key) > 1_000
    printed = capsys.readouterr()
    texts += [
        printed.out,
        printed.err,
        *(r.getMessage() for r in caplog.records if r.name.startswith("quantumlink")),
    ]
    bits = key.secret_bits
    packed = np.packbits(bits).tobytes()
    for text in texts:
        assert not BITS_IN_TEXT.search(text)
        assert packed[:4].hex() not in text
        assert str(int.from_bytes(packed[:6], "big")) not in text
    # the check sees bits where there are some
    for shown in (str(bits), repr(bits), str(bits.tolist()), "".join(map(str, bits)), repr(bits[:4].tolist())):
        assert BITS_IN_TEXT.search(f"the key is {shown}")


def test_nothing_is_printed(capsys):
    bbm92(GOOD, 2_000, seed=1)
    bbm92(GOOD, 200, seed=1, sampler=AerSimulator())
    assert capsys.readouterr() == ("", "")


# --- bad input


BAD_INPUT = [
    ({"rounds": 0}, ValueError, ("rounds", "at least 1", "got 0")),
    ({"rounds": -5}, ValueError, ("rounds", "at least 1", "got -5")),
    ({"rounds": True}, TypeError, ("rounds", "whole number", "got True")),
    ({"rounds": 1.5}, TypeError, ("rounds", "whole number", "got 1.5")),
    ({"rounds": "many"}, TypeError, ("rounds", "whole number", "'many'")),
    ({"rounds": None}, TypeError, ("rounds", "whole number", "None")),
    ({"z_probability": 0}, ValueError, ("z_probability", "between 0 and 1", "got 0")),
    ({"z_probability": 1}, ValueError, ("z_probability", "between 0 and 1", "got 1")),
    ({"z_probability": 1.0}, ValueError, ("z_probability", "between 0 and 1", "got 1.0")),
    ({"z_probability": 80}, ValueError, ("z_probability", "[0, 1]", "got 80")),
    ({"z_probability": -0.1}, ValueError, ("z_probability", "[0, 1]", "got -0.1")),
    ({"z_probability": float("nan")}, ValueError, ("z_probability", "[0, 1]", "nan")),
    ({"z_probability": "half"}, TypeError, ("z_probability", "[0, 1]", "'half'")),
    ({"sample_fraction": 0}, ValueError, ("sample_fraction", "strictly between 0 and 1", "0")),
    ({"sample_fraction": 1}, ValueError, ("sample_fraction", "strictly between 0 and 1", "1")),
    ({"sample_fraction": float("nan")}, ValueError, ("sample_fraction", "strictly between 0 and 1", "nan")),
    ({"eps_sec": 0}, ValueError, ("eps_sec", "strictly between 0 and 1", "0")),
    ({"eps_cor": 2}, ValueError, ("eps_cor", "strictly between 0 and 1", "2")),
    ({"link": "alice-bob"}, TypeError, ("link", "a link or a program", "'alice-bob'")),
    ({"link": IDEAL_A}, TypeError, ("link", "a link or a program", "Node(name='alice'")),
    ({"link": None}, TypeError, ("link", "a link or a program", "None")),
    ({"link": evaluate(GOOD)}, TypeError, ("link", "a link or a program", "<PairState")),
    ({"link": compose(GOOD).circuit}, TypeError, ("link", "a link or a program", "QuantumCircuit")),
    ({"link": [GOOD]}, TypeError, ("link", "a link or a program", "list")),
    ({"sampler": "aer"}, TypeError, ("sampler", "BaseSamplerV2", "BackendV2", "None", "'aer'")),
    ({"sampler": AerSimulator}, TypeError, ("sampler", "BaseSamplerV2", "AerSimulator")),
    ({"sampler": 7}, TypeError, ("sampler", "BaseSamplerV2", "7")),
    ({"reconciliation": "cascade"}, TypeError, ("reconciliation", "Cascade", "'cascade'")),
    ({"reconciliation": Cascade}, TypeError, ("reconciliation", "Cascade")),
    ({"seed": "seven"}, TypeError, ("seed must", "'seven'")),
    ({"seed": -1}, ValueError, ("seed must", "-1")),
]


@pytest.mark.parametrize(
    ("change", "kind", "fragments"),
    BAD_INPUT,
    ids=[" ".join(f"{k}={v!r:.20}" for k, v in row[0].items()) for row in BAD_INPUT],
)
@pytest.mark.parametrize("rounds", [1_000, 100_000])  # too few for a key, and enough
def test_bad_input(change, kind, fragments, rounds):
    arguments = {"link": GOOD, "rounds": rounds, "seed": 1} | change
    with pytest.raises(kind) as caught:
        bbm92(**arguments)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_options_are_keywords_only():
    with pytest.raises(TypeError):
        bbm92(GOOD, 1_000, 7)


def test_over_a_network(seed):
    a, r, b = Node("a"), Node("r"), Node("b")
    network = Network([a, r, b], [ElementaryLink(a, r, fidelity=0.99), ElementaryLink(b, r, fidelity=0.99)])
    there, back = (bbm92(network.route(*ends), 200_000, seed=seed) for ends in (("a", "b"), ("b", "a")))
    assert len(there) > 0
    for first, second in zip(errors(there), errors(back), strict=True):
        assert_alike(first, second)
