"""LDPC reconciliation: what is disclosed, against linear algebra, and what is corrected."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.distillation.reconciliation import Ldpc, ReconciliationError, belief_propagation, lifted_codes
from quantumlink.distillation.reconciliation.belief_propagation import decode
from quantumlink.distillation.reconciliation.degree_distributions import degrees
from quantumlink.distillation.reconciliation.lifted_codes import LiftedCode, lifted_code
from quantumlink.distillation.reconciliation.odds import SURE
from quantumlink.qkd import binary_entropy

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
    assert 1.1 <= result.efficiency(qber) < 1.8


def test_the_same_together_and_apart():
    alice, bob = pair(3_000, 0.04, 6)
    together = SMALL.reconcile(alice, bob, qber=0.04, seed=9)
    again = SMALL.reconcile(alice, bob, qber=0.04, seed=9)
    assert np.array_equal(together.bits, alice)
    assert (together.leaked_bits, together.passes) == (again.leaked_bits, again.passes)


def test_long_frames_come_near_the_limit():
    """One frame of 131,072 bits with a fixed seed."""
    alice, bob = pair(1 << 17, 0.05, 7)
    result = Ldpc().reconcile(alice, bob, qber=0.05, seed=7)
    assert np.array_equal(result.bits, alice)
    assert 1.1 <= result.efficiency(0.05) < 1.12


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
    n, policy = 400, Ldpc(frame=400, attempts=9)

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
    # the first message is as short as its name promises, with 16 bits to check the word and rounding up
    first = len(next(policy.alice_end(alice, qber=0.03, seed=3))) * 8
    assert first <= policy.efficiency * n * binary_entropy(0.03) + 16 + 8 + 2


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


def matrix(code):
    """The code as a dense matrix, punctured blocks included, element by element from the definition."""
    dense = np.zeros((code.rows * code.lift, (code.blocks + len(code.pairs)) * code.lift), dtype=int)
    for row in range(code.rows):
        for edge in range(code.starts[row], code.starts[row + 1]):
            for z in range(code.lift):
                bit = code.columns[edge] * code.lift + (z + code.shifts[edge]) % code.lift
                dense[row * code.lift + z, bit] += 1
    return dense


@given(rows=st.integers(4, 20), more=st.integers(10, 60), lift=st.integers(1, 9), data=st.data())
@settings(deadline=None, max_examples=25)
def test_codes_are_what_they_say(rows, more, lift, data):
    joined = data.draw(st.integers(0, rows // 2))
    code = lifted_code(rows + more, lift, rows, joined)
    dense = matrix(code)
    assert dense.max() == 1  # no bit is in a parity twice
    bits = np.random.default_rng(rows).integers(0, 2, (code.blocks, lift), dtype=np.uint8)
    parities = dense[:, : bits.size] @ bits.ravel() % 2
    assert np.array_equal(code.parities(bits).ravel(), parities)
    # punctured bits are the parities of the first row of each pair: what is told first leaves none of them open
    told = code.joined(code.parities(bits))
    assert told.size == (rows - joined) * lift
    word = np.concatenate([bits, code.parities(bits)[code.pairs[:, 0]]])
    assert np.array_equal(dense @ word.ravel() % 2, code.targets(told).ravel())
    chained = min(int(np.count_nonzero(code_degrees(code) == 2)), rows - 1)
    assert rank(dense[:, : chained * lift].T.tolist()) == chained * lift  # the chain closes no cycle


def code_degrees(code):
    return np.bincount(code.columns, minlength=code.blocks)[: code.blocks]


def test_degrees_are_those_published():
    """Rate 1/2 of the table, against its own edge shares: the mean degree is 1/Σλ/i."""
    many = degrees(100_000, rate=0.55, most=100)
    assert np.mean(many) == pytest.approx(
        1
        / (
            0.1688 / 2
            + 0.20994 / 3
            + 0.18095 / 6
            + 0.03846 / 15
            + 0.02635 / 16
            + 0.23454 / 18
            + 0.05815 / 19
            + 0.0828 / 31
        ),
        rel=1e-3,
    )
    assert np.count_nonzero(many == 2) * 2 / many.sum() == pytest.approx(0.1688, rel=1e-3)


def test_long_codes_have_no_short_cycles(monkeypatch):
    def shared(code):
        turns = {}
        row = np.repeat(np.arange(code.rows), np.diff(code.starts))
        count = 0
        for column in range(code.blocks):
            mine = np.flatnonzero(code.columns == column)
            for a in mine:
                for b in mine[mine > a]:
                    key = row[a], row[b], (code.shifts[a] - code.shifts[b]) % code.lift
                    count += turns.setdefault(key, column) != column
        return count

    assert shared(lifted_code.__wrapped__(128, 256, 40, 3)) == 0
    monkeypatch.setattr(lifted_codes, "_TRIES", 1)
    assert shared(lifted_code.__wrapped__(128, 256, 40, 3)) > 0


def tree():
    """Bits 0-1-2 in parity 0 and 2-3-4 in parity 1, each block of one bit: no cycle."""
    empty = np.zeros((0, 2), dtype=np.int64)
    return LiftedCode(1, 5, empty, np.array([0, 3, 6]), np.array([0, 1, 2, 2, 3, 4]), np.zeros(6, dtype=np.int64))


@pytest.mark.parametrize("compiled", [True, False])
def test_on_a_tree_the_odds_are_those_of_an_enumeration(compiled):
    code, rng = tree(), np.random.default_rng(1)
    prior = rng.uniform(0.2, 5.0, (5, 1)).astype(np.float32)
    run = belief_propagation._run
    if compiled:
        run = pytest.importorskip("quantumlink.distillation.reconciliation.compiled_propagation").run
    signs = np.array([[1], [-1]], dtype=np.float32)
    odds, _ = run(code.starts, code.columns, code.shifts, signs, prior, 12)
    weight = np.zeros((5, 2))
    for word in np.ndindex(2, 2, 2, 2, 2):
        if (word[0] ^ word[1] ^ word[2], word[2] ^ word[3] ^ word[4]) == (0, 1):
            chance = np.prod([prior[i, 0] ** (bit == 0) for i, bit in enumerate(word)])
            for i, bit in enumerate(word):
                weight[i, bit] += chance
    assert odds[:, 0] == pytest.approx(weight[:, 0] / weight[:, 1], rel=1e-3)


def test_compiled_and_plain_loops_find_the_same(monkeypatch):
    pytest.importorskip("numba")
    code, rng = lifted_code(64, 32, 24, 2), np.random.default_rng(2)
    errors = (rng.random((64, 32)) < 0.04).astype(np.uint8)
    odds = np.full((66, 32), 24, dtype=np.float32)
    odds[64:], odds[3, 5:9] = 1, np.where(errors[3, 5:9], 1 / SURE, SURE)
    wanted = code.targets(code.joined(code.parities(errors)))
    quick = decode(code, wanted, odds, iterations=40)
    monkeypatch.setattr(lifted_codes, "compiled", lambda: None)
    monkeypatch.setattr(belief_propagation, "compiled", lambda: None)
    plain = decode(code, wanted, odds, iterations=40)
    assert quick[1]
    assert plain[1]
    assert np.array_equal(quick[0], plain[0])
    assert np.array_equal(quick[0][:64], errors)


def test_it_works_without_numba_and_says_so(monkeypatch):
    import sys

    name = "quantumlink.distillation.reconciliation.compiled_propagation"
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delattr("quantumlink.distillation.reconciliation.compiled_propagation", raising=False)
    lifted_codes.compiled.cache_clear()
    alice, bob = pair(3_000, 0.03, 8)
    try:
        with pytest.warns(UserWarning, match=r"slower without numba: pip install quantumlink\[ldpc\]"):
            result = SMALL.reconcile(alice, bob, qber=0.03, seed=8)
    finally:
        lifted_codes.compiled.cache_clear()
    assert np.array_equal(result.bits, alice)


@pytest.mark.parametrize("wrong", [b"", b"x" * 9_999])
def test_messages_of_the_wrong_length_are_refused(wrong):
    his = SMALL.bob_end([0, 1] * 500, qber=0.05, seed=1)
    next(his)
    with pytest.raises(ReconciliationError, match=r"bits come in \d+ bytes"):
        his.send(wrong)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"efficiency": 0.9}, "efficiency must be a finite number, at least 1"),
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
