"""Relays: pads, shares, and traffic plans against max-flow and brute force."""

import itertools
import os

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

from quantumlink.keys import Secret
from quantumlink.keys.relay import (
    Consumer,
    PadError,
    authenticated,
    combine_shares,
    opened,
    plan_traffic,
    share_threshold,
    share_xor,
    unshare_xor,
)
from quantumlink.keys.relay.one_time_pad import TAG_BYTES, pad_bytes


def slow_product(a, b):
    """Multiplication in the field of AES, bit by bit."""
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= 0x11B << bit - 8
    return product


def test_the_field_is_that_of_aes():
    from quantumlink.keys.relay import shares

    for a in range(256):
        assert shares._times(np.arange(256, dtype=np.uint8), a).tolist() == [slow_product(a, b) for b in range(256)]
    assert slow_product(0x57, 0x83) == 0xC1  # FIPS 197, section 4.2


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_all_shares_of_xor_are_needed(count):
    secret = Secret(os.urandom(40))
    shares = share_xor(secret, count)
    assert unshare_xor(shares) == secret
    for left_out in range(count):
        rest = [share for place, share in enumerate(shares) if place != left_out]
        assert not rest or unshare_xor(rest) != secret


@pytest.mark.parametrize(("count", "needed"), [(1, 1), (3, 2), (5, 3), (6, 6), (5, 1)])
def test_any_k_shares_give_the_secret(count, needed):
    secret = Secret(os.urandom(33))
    shares = share_threshold(secret, count, needed=needed)
    for size in range(needed, count + 1):
        for chosen in itertools.combinations(shares, size):
            assert combine_shares({number: shares[number] for number in chosen}, needed=needed) == secret
    with pytest.raises(ValueError, match="needed"):
        combine_shares(dict(list(shares.items())[: needed - 1]), needed=needed)


def test_k_minus_1_shares_say_nothing():
    # For any two shares of three, each secret fits exactly one third share: a spy on two paths has seen what fits
    # all 256 secrets alike.
    shares = share_threshold(Secret(b"\x2a"), 3, needed=3)
    fitting = set()
    for third in range(256):
        guess = {1: shares[1], 2: shares[2], 3: Secret(bytes([third]))}
        fitting.add(combine_shares(guess, needed=3).reveal())
    assert len(fitting) == 256


def test_a_wrong_share_among_spare_ones_is_noticed():
    shares = share_threshold(Secret(os.urandom(16)), 5, needed=3)
    shares[4] = Secret(os.urandom(16))
    with pytest.raises(ValueError, match="contradict"):
        combine_shares(shares, needed=3)


def test_a_hop_hides_and_authenticates():
    secret, pad = Secret(os.urandom(32)), Secret(os.urandom(pad_bytes(32)))
    message = authenticated(secret, pad, b"a to b")
    assert len(message) == 32 + TAG_BYTES
    assert opened(message, pad, b"a to b") == secret
    assert bytes(x ^ y for x, y in zip(message, pad.reveal(), strict=False))[:32] == secret.reveal()
    for place in range(8 * len(message)):
        changed = bytearray(message)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(PadError):
            opened(bytes(changed), pad, b"a to b")
    for wrong in (message[:-1], message[1:], b""):
        with pytest.raises(PadError):
            opened(wrong, pad, b"a to b")
    with pytest.raises(PadError):
        opened(message, pad, b"b to a")
    with pytest.raises(PadError):
        authenticated(secret, Secret(os.urandom(32)), b"")


def max_flow(rates, source, target):
    """By cuts: the least capacity that separates the two, over all subsets of the other nodes."""
    names = sorted({name for link in rates for name in link} - {source, target})
    best = float("inf")
    for size in range(len(names) + 1):
        for chosen in itertools.combinations(names, size):
            side = {source, *chosen}
            best = min(best, sum(rate for (a, b), rate in rates.items() if (a in side) != (b in side)))
    return best


def random_rates(rng, nodes=6, chance=0.6):
    names = [f"n{i}" for i in range(nodes)]
    pairs = [pair for pair in itertools.combinations(names, 2) if rng.random() < chance]
    return {pair: float(rng.integers(1, 20)) for pair in (pairs or [("n0", "n1")])} | {("n0", "n5"): 1.0}


def test_one_greedy_consumer_gets_the_max_flow(rng):
    for _ in range(10):
        rates = random_rates(rng)
        plan = plan_traffic(rates, [Consumer(source="n0", target="n5", wanted_bit_s=1e4)])
        flow = max_flow(rates, "n0", "n5")
        assert plan.rates_bit_s[0] == pytest.approx(flow, rel=1e-6)
        names = sorted({name for link in rates for name in link})
        table = np.zeros((len(names), len(names)), dtype=np.int32)
        for (a, b), rate in rates.items():
            table[names.index(a), names.index(b)] = table[names.index(b), names.index(a)] = rate
        other = maximum_flow(csr_matrix(table), names.index("n0"), names.index("n5")).flow_value
        assert other == pytest.approx(flow)


def test_flows_keep_to_capacities_and_arrive(rng):
    for _ in range(5):
        rates = random_rates(rng)
        names = sorted({name for link in rates for name in link})
        consumers = [
            Consumer(source=a, target=b, wanted_bit_s=float(rng.integers(1, 30)), priority=int(rng.integers(2)))
            for a, b in itertools.islice(itertools.combinations(names, 2), 6)
        ]
        plan = plan_traffic(rates, consumers)
        for pair, rate in rates.items():
            load = sum(flows.get(arc, 0.0) for flows in plan.flows_bit_s for arc in (pair, pair[::-1]))
            assert load <= rate * (1 + 1e-6) + 1e-4
        for consumer, rate, flows in zip(consumers, plan.rates_bit_s, plan.flows_bit_s, strict=True):
            assert rate <= consumer.wanted_bit_s * (1 + 1e-9)
            for name in names:
                out = sum(flow for (a, _), flow in flows.items() if a == name)
                into = sum(flow for (_, b), flow in flows.items() if b == name)
                due = {consumer.source: rate, consumer.target: -rate}.get(name, 0.0)
                assert out - into == pytest.approx(due, abs=1e-3)


def test_fairness_priority_and_failure():
    line = {("a", "r"): 10.0, ("r", "b"): 10.0}
    same = [Consumer(source="a", target="b", wanted_bit_s=10), Consumer(source="a", target="r", wanted_bit_s=10)]
    plan = plan_traffic(line, same)
    assert plan.rates_bit_s == pytest.approx((5, 5))
    assert plan.jain == pytest.approx(1)
    assert plan.exposure_bit_s() == pytest.approx({"r": 5})
    first = [Consumer(source="a", target="b", wanted_bit_s=8, priority=1), same[1]]
    assert plan_traffic(line, first).rates_bit_s == pytest.approx((8, 2))
    # Max-min, not only the least: who cannot have more does not hold back the others.
    uneven = {("a", "b"): 2.0, ("c", "d"): 9.0}
    consumers = [
        Consumer(source="a", target="b", wanted_bit_s=10),
        Consumer(source="c", target="d", wanted_bit_s=10),
    ]
    assert plan_traffic(uneven, consumers).rates_bit_s == pytest.approx((2, 9))
    ring = {("a", "b"): 4.0, ("b", "c"): 3.0, ("a", "c"): 3.0}
    one = [Consumer(source="a", target="b", wanted_bit_s=100)]
    assert plan_traffic(ring, one).rates_bit_s == pytest.approx((7,))
    assert plan_traffic(ring, one, failed=[("b", "a")]).rates_bit_s == pytest.approx((3,))
    assert plan_traffic(ring, one, relays=[]).rates_bit_s == pytest.approx((4,))
    assert plan_traffic(ring, one, failed=list(ring)).rates_bit_s == (0,)
