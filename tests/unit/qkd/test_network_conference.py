"""A conference over links: error rates by closed forms and by the exact state, on every way of running it."""

import json

import numpy as np
import pytest
from qiskit_aer import AerSimulator
from scipy.stats import binom

import quantumlink as ql
from quantumlink.circuits import fuse_pairs_to_ghz, multiway_swap
from quantumlink.execution import ExactSampler
from quantumlink.execution.clifford import CliffordSampler
from quantumlink.qkd.protocols import NetworkConference

ALARM = 1e-6 / 20
NOISY = ql.Processor(0.004, 0.01, 0.02)


def star(fidelities, *, processor=None, ends=None):
    hub = ql.Node("hub", processor=processor or ql.Processor())
    arms = [ql.Node(f"n{i}", processor=ends or ql.Processor()) for i in range(len(fidelities))]
    pairs = [ql.ElementaryLink(a, hub, fidelity=f) for a, f in zip(arms, fidelities, strict=True)]
    return ql.join(multiway_swap(len(arms)), *pairs)


def assert_binomial(successes, total, probability):
    low, high = binom.cdf(successes, total, probability), binom.sf(successes - 1, total, probability)
    assert 2 * min(low, high) > ALARM, f"{successes} of {total}, not {probability}"


def rates(session):
    """Q_X, and Q_AB of each party, from the exact table that the session draws from."""
    k = session.parties
    z, x = session.probabilities()[:, :-1] / session.probabilities()[:, :-1].sum(axis=1, keepdims=True)
    bits = np.array([[value >> (k - 1 - i) & 1 for i in range(k)] for value in range(2**k)])
    return x @ (bits.sum(axis=1) % 2), [z @ (bits[:, 0] != bits[:, i]) for i in range(1, k)]


@pytest.mark.parametrize("fidelities", [[0.97, 0.9, 0.94], [0.99, 0.95, 0.9, 0.97]])
def test_werner_arms_of_a_star_in_closed_form(fidelities):
    """X of all has the product of all w, Z of two that of their two: a perfect hub copies each pair's errors."""
    session = NetworkConference(link=star(fidelities), rounds=10)
    w = [(4 * f - 1) / 3 for f in fidelities]
    in_x, in_z = rates(session)
    assert in_x == pytest.approx((1 - np.prod(w)) / 2, abs=1e-9)
    assert in_z == pytest.approx([(1 - w[0] * x) / 2 for x in w[1:]], abs=1e-9)


def test_ends_read_with_their_own_processors():
    """Readout errors of ε at each end turn every correlation down by (1 − 2ε) an end."""
    link = star([0.97, 0.9, 0.94], ends=ql.Processor(readout_error=0.02))
    bare, found = (rates(NetworkConference(link=x, rounds=10)) for x in (star([0.97, 0.9, 0.94]), link))
    assert 1 - 2 * found[0] == pytest.approx((1 - 2 * bare[0]) * 0.96**3, abs=1e-9)
    assert [1 - 2 * q for q in found[1]] == pytest.approx([(1 - 2 * q) * 0.96**2 for q in bare[1]], abs=1e-9)


def purified_star():
    hub, *arms = (ql.Node(name, processor=NOISY) for name in ("hub", "a", "b", "c"))
    pairs = [ql.ElementaryLink(arm, hub, fidelity=0.93) for arm in arms]
    return ql.join(fuse_pairs_to_ghz(2), ql.purify(pairs[0], pairs[0]), pairs[1])


@pytest.mark.parametrize("sampler", [None, "program", "aer", "clifford"])
def test_every_way_of_running_has_the_same_errors(sampler, seed):
    link = purified_star()
    session = NetworkConference(link=link, rounds=30_000, seed=seed, z_probability=0.6)
    expected, state = NetworkConference(link=link, rounds=10), ql.evaluate(link)
    program = ql.compose(link)
    if sampler == "program":
        session = NetworkConference(link=program, rounds=30_000, seed=seed, z_probability=0.6)
    samplers = {"aer": AerSimulator(seed_simulator=seed % 2**31), "clifford": CliffordSampler(seed=seed)}
    sifted = session.sift(samplers.get(sampler))
    assert_binomial(sifted.accepted, 30_000, state.success_probability)
    in_x, in_z = rates(expected)
    assert_binomial(sifted.test_errors, len(sifted.test_alice), in_x)
    for bits, rate in zip(sifted.parties[1:], in_z, strict=True):
        assert_binomial(int((bits != sifted.key_alice).sum()), len(bits), rate)


def test_one_key_for_all_over_a_network(seed):
    link = star([0.995] * 4, processor=ql.Processor(0, 1e-3, 1e-3))
    key = ql.qkd.conference(link, 300_000, seed=seed)
    assert (key.parties, len(key) > 50_000) == (4, True)
    for party in range(4):
        assert np.array_equal(key.bits_of(party), key.secret_bits)
    assert sum(bits for _, bits in key.ledger) == len(key)


def test_a_machine_of_ones_own_gets_a_static_circuit_with_its_frame(seed):
    """Perfect pairs, as the medium is not played: no errors, and the heralds all accept."""
    session = NetworkConference(
        link=purified_star(), rounds=2_000, seed=seed, bases="independent", z_probability=0.5
    )
    (circuit, values, _), *others = session.circuits()
    assert not others
    assert values.shape == (2, 1)
    assert not circuit.count_ops().get("if_else")
    key = session.analyse(ExactSampler(seed=seed).run(session.circuits()).result())
    assert [float(rate) for rate in key.error_rates] == [0, 0]
    assert float(key.test_qber) == 0
    one = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.9)
    paired = NetworkConference(link=ql.purify(one, one), rounds=9, seed=1)
    assert NetworkConference.from_dict(json.loads(json.dumps(paired.to_dict()))) == paired


def test_what_is_no_ghz_state_is_refused():
    hub, a, b, c = (ql.Node(name) for name in ("hub", "a", "b", "c"))
    four = ql.join(multiway_swap(3), *(ql.ElementaryLink(x, hub) for x in (a, b, c)))
    turned = ql.circuits.multiway_swap(3)
    turned.h(0)
    other = ql.join(turned, *four.links)
    with pytest.raises(ValueError, match=r"needs a GHZ state.*the correlation of"):
        ql.qkd.conference(other, 100)
    with pytest.raises(ValueError, match="detector is of a source's photons"):
        ql.qkd.conference(four, 100, detector=ql.Detector())
    with pytest.raises(TypeError, match="link must be"):
        NetworkConference(link="star", rounds=10)
