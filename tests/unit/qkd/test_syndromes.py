"""LDPC reconciliation: what is disclosed, against linear algebra, and what is corrected."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.qkd import binary_entropy
from quantumlink.qkd.reconciliation import Ldpc, ReconciliationError, sparse_codes
from quantumlink.qkd.reconciliation.sparse_codes import parity_checks

SMALL = Ldpc(frame=2_000)


def pair(n, error_rate, seed=0):
    rng = np.random.default_rng(seed)
    alice = rng.integers(0, 2, n, dtype=np.uint8)
    return alice, alice ^ (rng.random(n) < error_rate)


def conversation(policy, alice, bob, qber, seed=1):
    """(what Alice says she and Bob disclosed, Bob's result, her messages, his)."""
    hers, his = policy.alice_end(alice, qber=qber, seed=seed), policy.bob_end(bob, qber=qber, seed=seed)
    next(his)
    messages, replies = [], []
    try:
        said = next(hers)
        while True:
            messages.append(said)
            replies.append(his.send(said))
            said = hers.send(replies[-1])
    except StopIteration as stopped:
        disclosed = stopped.value
    with pytest.raises(StopIteration) as stopped:
        next(his)
    return disclosed, stopped.value.value, messages, replies


@pytest.mark.parametrize("qber", [0.02, 0.05, 0.1])
def test_corrects_and_counts(qber):
    alice, bob = pair(6_000, qber, 5)
    disclosed, result, messages, replies = conversation(SMALL, alice, bob, qber)
    assert np.array_equal(result.bits, alice)
    assert result.corrected_errors == np.count_nonzero(alice != bob)
    assert disclosed == (result.leaked_bits, result.replied_bits)
    assert 0 <= 8 * sum(map(len, messages)) - result.leaked_bits < 8 * len(messages)
    assert 0 <= 8 * sum(map(len, replies)) - result.replied_bits < 8 * len(replies)
    assert 1.1 < result.efficiency(qber) < 1.8


def test_the_same_together_and_apart():
    alice, bob = pair(3_000, 0.04, 6)
    together = SMALL.reconcile(alice, bob, qber=0.04, seed=9)
    again = SMALL.reconcile(alice, bob, qber=0.04, seed=9)
    assert np.array_equal(together.bits, alice)
    assert (together.leaked_bits, together.passes) == (again.leaked_bits, again.passes)


def test_long_frames_come_near_the_limit():
    """One frame of 16,384 bits with a fixed seed."""
    alice, bob = pair(16_384, 0.05, 7)
    result = Ldpc().reconcile(alice, bob, qber=0.05, seed=7)
    assert np.array_equal(result.bits, alice)
    assert 1.1 < result.efficiency(0.05) < 1.3


def rank(rows):
    rows = [int("".join(map(str, row)), 2) for row in rows]
    found = 0
    while rows:
        pivot = rows.pop()
        if pivot:
            found += 1
            low = pivot & -pivot
            rows = [row ^ pivot if row & low else row for row in rows]
    return found


def test_what_alice_says_is_as_many_linear_functions_of_her_bits():
    """Her messages, tabulated on unit vectors, are linear, and their rank is at most what she counts."""
    n, policy = 200, Ldpc(frame=200, attempts=9)

    def spoken(bits):
        hers, news = policy.alice_end(bits, qber=0.03, seed=3), []
        said = next(hers)
        try:
            while True:
                news.append(said)
                said = hers.send(b"\x80")  # Bob fails, whatever she says
        except StopIteration as stopped:
            return np.unpackbits(np.frombuffer(b"".join(news), dtype=np.uint8)), stopped.value[0]

    zero, counted = spoken(np.zeros(n, dtype=np.uint8))
    assert not zero.any()
    table = np.array([spoken(unit)[0] for unit in np.eye(n, dtype=np.uint8)])
    alice, _ = pair(n, 0.0, 1)
    assert np.array_equal(spoken(alice)[0], alice.astype(int) @ table % 2)
    assert rank(table.T.tolist()) <= counted
    # the first message is as short as its name promises, within the merging of rows and rounding up
    first = len(next(policy.alice_end(alice, qber=0.03, seed=3))) * 8
    assert first <= policy.efficiency * n * binary_entropy(0.03) + 8 + 2


@pytest.mark.parametrize("n", [1, 2, 15, 63, 64, 65, 300])
def test_short_strings_are_corrected_too(n):
    alice, bob = pair(n, 0.1, n)
    result = Ldpc().reconcile(alice, bob, qber=0.1, seed=1)
    assert result.leaked_bits >= 1
    assert np.array_equal(result.bits, alice)


def test_a_wrong_error_rate_costs_bits_but_not_the_key():
    alice, bob = pair(2_000, 0.06, 2)
    right, wrong = (SMALL.reconcile(alice, bob, qber=q, seed=1) for q in (0.06, 0.045))
    assert np.array_equal(wrong.bits, alice)
    assert wrong.passes >= right.passes


def test_giving_up_leaves_errors_and_does_not_hide_it():
    alice, bob = pair(2_000, 0.1, 3)
    result = Ldpc(frame=2_000, attempts=1).reconcile(alice, bob, qber=0.02, seed=1)
    assert not np.array_equal(result.bits, alice)
    assert result.corrected_errors == np.count_nonzero(result.bits != bob)


@given(rows=st.integers(16, 300), more=st.integers(40, 900))
@settings(deadline=None, max_examples=15)
def test_codes_have_the_weights_they_say(rows, more):
    matrix = parity_checks(rows, rows + more)
    assert matrix.shape == (rows, rows + more)
    assert set(np.unique(matrix.data)) == {1}
    weights = np.asarray(matrix.sum(axis=0)).ravel()
    chained = int(0.9 * rows)
    assert (weights[:chained] == 2).all()
    assert (weights[chained:] >= 1).all()
    assert rank(matrix[:, :chained].toarray().T.tolist()) == chained  # the chain closes no cycle


def test_long_codes_have_hardly_any_short_cycles(monkeypatch):
    def cycles():
        parity_checks.cache_clear()
        matrix = parity_checks(2_000, 8_000).astype(int)
        shared = (matrix @ matrix.T).tocoo()
        return np.count_nonzero((shared.row < shared.col) & (shared.data > 1))

    broken_up = cycles()
    monkeypatch.setattr(sparse_codes, "_ROUNDS", 0)
    assert broken_up < 0.03 * cycles()
    parity_checks.cache_clear()


@pytest.mark.parametrize("wrong", [b"", b"x" * 9_999])
def test_messages_of_the_wrong_length_are_refused(wrong):
    his = SMALL.bob_end([0, 1] * 500, qber=0.05, seed=1)
    next(his)
    with pytest.raises(ReconciliationError, match=r"bits come in \d+ bytes"):
        his.send(wrong)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"efficiency": 0.9}, "efficiency must be a finite number of at least 1"),
        ({"attempts": 0}, "attempts must be"),
        ({"frame": 10}, "frame must be"),
        ({"iterations": 0}, "iterations must be"),
    ],
)
def test_bad_policies_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        Ldpc(**change)


@pytest.mark.parametrize("qber", [0.5, -0.1, float("nan")])
def test_bad_error_rates_are_named(qber):
    with pytest.raises(ValueError, match="qber must be"):
        Ldpc().reconcile([0, 1], [0, 1], qber=qber)
