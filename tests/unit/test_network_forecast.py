"""The forecast of a link: closed forms of waiting, and the exact reading without it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quantumlink import Fiber, Memory, Node, Processor, chain, evaluate, purify, swap
from quantumlink.link import ElementaryLink
from quantumlink.network import forecast
from quantumlink.readings import highest_rate_hz
from quantumlink.timing import arrivals
from quantumlink.timing.attempts import Rounds

NOISY = Processor(depolarizing_1q=1e-3, depolarizing_2q=5e-3, readout_error=4e-3)


def path(links, memory=None, processor=None, medium=None):
    """Hops of the given keywords, one after the other."""
    nodes = [Node(f"n{i}", memory or Memory(), processor or Processor()) for i in range(len(links) + 1)]
    return [ElementaryLink(a, b, medium, **given) for (a, b), given in zip(pairwise(nodes), links, strict=True)]


# --- moments


@pytest.mark.parametrize("number", [1, 2, 3, 8, 40])
def test_the_slowest_of_equal_exponentials_takes_a_harmonic_number(number):
    found = forecast(chain(path([{"rate_hz": 50.0}] * number)))
    assert found.latency_s == pytest.approx(sum(1 / k for k in range(1, number + 1)) / 50, rel=1e-4)


@pytest.mark.parametrize("rates", [(1, 1), (3, 200), (1e-4, 1e4)])
def test_the_slower_of_two_exponentials(rates):
    a, b = rates
    found = forecast(chain(path([{"rate_hz": a}, {"rate_hz": b}])))
    assert found.latency_s == pytest.approx(1 / a + 1 / b - 1 / (a + b), rel=1e-3)


@pytest.mark.parametrize(("p", "tolerance"), [(1e-4, 1e-3), (0.05, 1e-3), (0.3, 1e-3), (0.9, 1e-3), (1.0, 1e-12)])
def test_the_slower_of_two_geometric_times(p, tolerance):
    """E[max] = (3 − 2p)/(p(2 − p)) attempts."""
    hop = {"success_probability": p, "attempt_time_s": 1e-3}
    assert forecast(path([hop])[0]).latency_s == pytest.approx(1e-3 / p, rel=1e-12)
    expected = 1e-3 * (3 - 2 * p) / (p * (2 - p))
    assert forecast(chain(path([hop, hop]))).latency_s == pytest.approx(expected, rel=tolerance)


@settings(max_examples=50, deadline=None)
@given(
    p=st.one_of(st.none(), st.floats(1e-9, 1)),
    time_s=st.floats(1e-9, 10),
    delay_s=st.sampled_from([0.0, 1e-6, 1.0]),
)
@example(p=0.5, time_s=0.09375, delay_s=1.0)
def test_a_single_time_keeps_its_mean(p, time_s, delay_s):
    rounds = Rounds(p, time_s, delay_s)
    found = arrivals.of_rounds(rounds)
    assert found.masses.sum() == pytest.approx(1, rel=1e-12)
    assert (found.masses >= 0).all()
    mean_s = rounds.mean_s - rounds.herald_s  # the way of the herald is common to all
    assert (found.masses * found.points_s).sum() == pytest.approx(mean_s, rel=1e-9)
    variance = time_s**2 * (1.0 if p is None else (1 - p) / p**2)
    second = (found.masses * found.points_s**2).sum()
    cells = arrivals.EDGES_S[found.first : found.first + found.masses.shape[1] + 1]
    # What is within a cell is at its mean: its own variance, at most (width / 2)², is missing.
    missing = variance - (second - mean_s**2)
    rounding = 1e-9 * second
    assert -rounding <= missing <= (found.masses * (np.diff(cells) / 2) ** 2).sum() + rounding
    inner = found.masses[0, 1:-1] > 0
    assert (found.points_s[0, 1:-1] >= cells[1:-2] * (1 - 1e-12))[inner].all()
    assert (found.points_s[0, 1:-1] <= cells[2:-1] * (1 + 1e-12))[inner].all()


@settings(max_examples=50, deadline=None)
@given(
    earliest=st.sampled_from([0.0, 0.1, 3.0]),
    excess=st.floats(1e-3, 10),
    shape=st.sampled_from([0.1, 0.7, 2.0, 50.0]),
)
def test_a_gamma_distribution_keeps_mean_and_variance(earliest, excess, shape):
    variance = excess**2 / shape
    found = arrivals.later_gamma(*(np.array([x]) for x in (earliest, earliest + excess, variance)))
    mean = (found.masses * found.points_s).sum()
    assert mean == pytest.approx(earliest + excess, rel=1e-9)
    second = (found.masses * found.points_s**2).sum()
    # Within a cell all is at its point: a cell's width is a tenth of the time.
    assert second - mean**2 == pytest.approx(variance, rel=0.01, abs=1e-3 * mean**2)


def test_messages_take_their_time():
    """Attempts of 5 ms; the middle of the last swap hears of the first one, and the far end of the last."""
    medium = Fiber(100)
    hops = path([{"success_probability": 1.0, "attempt_time_s": 5e-3}] * 3, medium=medium)
    assert forecast(chain(hops)).latency_s == pytest.approx(5e-3 + 3 * medium.delay_s, rel=1e-9)
    assert forecast(hops[0]).latency_s == pytest.approx(5e-3)
    both = purify(hops[0], hops[0])  # ideal pairs always pass, and each end hears of it
    assert forecast(both).latency_s == pytest.approx(5e-3 + medium.delay_s, rel=1e-9)


def test_gates_and_corrections_take_their_time():
    """A CNOT, a rotation and a readout, then two corrections at the right end: 2 + 1 + 3 + 2·1 ms."""
    slow = Processor(gate_1q_s=1e-3, gate_2q_s=2e-3, readout_s=3e-3)
    hops = path([{"success_probability": 1.0, "attempt_time_s": 1.0}] * 2, processor=slow)
    assert forecast(chain(hops)).latency_s == pytest.approx(1.008, rel=1e-9)


# --- states


@st.composite
def links(draw):
    number = draw(st.integers(1, 4))
    fidelities = st.floats(0.8, 1)
    hops = path([{"fidelity": draw(fidelities), "rate_hz": draw(st.floats(1, 1e4))} for _ in range(number)])
    hops = [ElementaryLink(Node(h.left.name, processor=NOISY), Node(h.right.name, processor=NOISY),
                           bell_diagonal=h.bell_diagonal, rate_hz=h.rate_hz) for h in hops]  # fmt: skip
    protocol = draw(st.sampled_from(["dejmps", "bbpssw"]))
    order = draw(st.sampled_from(["balanced", "sequential"]))
    link = chain(hops, order=order, purify_rounds=draw(st.integers(0, 2)), protocol=protocol)
    return purify(link, link, protocol) if draw(st.booleans()) else link


@settings(max_examples=30, deadline=None)
@given(link=links())
def test_without_memories_to_wait_in_the_state_is_the_exact_one(link):
    found, exact = forecast(link), evaluate(link)
    assert found.state.coefficients == pytest.approx(exact.coefficients, abs=1e-10)
    assert found.state.success_probability == pytest.approx(exact.success_probability, rel=1e-9)
    assert found.state.ends == exact.ends


@settings(max_examples=30, deadline=None)
@given(number=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_a_chain_is_never_faster_than_its_scarcest_link(number, seed):
    rng = np.random.default_rng(seed)
    link = chain(path([{"rate_hz": float(r)} for r in 10 ** rng.uniform(-2, 4, number)]))
    assert forecast(link).rate_hz <= highest_rate_hz(link) * (1 + 1e-9)


@pytest.mark.parametrize("t2", [1e-3, 0.01, 1.0])
@pytest.mark.parametrize("p", [0.001, 0.02, 0.3, 0.9, 1.0])
def test_waiting_is_integrated(p, t2):
    """Pure dephasing: XX falls by E[exp(−x|N₁ − N₂|)], x = two memories' 1/T2, known in closed form."""
    step = 1e-3
    hop = {"success_probability": p, "attempt_time_s": step}
    found = forecast(chain(path([hop, hop], memory=Memory(t2_s=t2))))
    q, z = 1 - p, np.exp(-2 * step / t2)
    exact = p / (2 - p) * (1 + 2 * q * z / (1 - q * z))
    assert 1 - found.state.expectation("XX") == pytest.approx(1 - exact, rel=4e-3, abs=1e-12)
    assert found.state.expectation("ZZ") == pytest.approx(1)


def test_both_users_wait_for_the_corrections():
    medium, memory = Fiber(1000), Memory(t2_s=0.1)
    hops = path([{"success_probability": 1.0, "attempt_time_s": 1.0}] * 2, memory=memory, medium=medium)
    # nobody waits for a partner; both ends wait for one delay
    assert forecast(chain(hops)).state.expectation("XX") == pytest.approx(
        np.exp(-2 * medium.delay_s / 0.1), rel=1e-3
    )


# --- memories, and what is refused


def test_few_memories_take_longer():
    def purified(memories):
        a, b = (Node(name, memories=memories) for name in "ab")
        link = ElementaryLink(a, b, fidelity=0.9, success_probability=1e-3, attempt_time_s=1e-3)
        return forecast(purify(link, link))

    success = purified(None).state.success_probability
    assert purified(None).latency_s * success == pytest.approx(1.5, rel=3e-3)  # side by side
    assert purified(2).latency_s * success == pytest.approx(1.5, rel=3e-3)  # two places are enough for that
    # eleven places: five attempts at a time for one pair, six for the other
    assert purified(11).latency_s * success == pytest.approx(1 / 5 + 1 / 6 - 1 / 11, rel=0.01)
    with pytest.raises(ValueError, match=r"'a' has memories=1 for its link to 'b', too few"):
        purified(1)


def test_a_third_pair_waits_for_its_place():
    """Two places and three pairs: the last one is begun when the first two are one; without places, at once."""

    def nested(memories):
        a, b = (Node(name, memories=memories) for name in "ab")
        link = ElementaryLink(a, b, success_probability=1e-3, attempt_time_s=1e-3)  # ideal: no purification fails
        return forecast(purify(purify(link, link), link)).latency_s

    assert nested(2) == pytest.approx(1.5 + 1, rel=3e-3)
    assert nested(None) == pytest.approx(1 + 1 / 2 + 1 / 3, rel=3e-3)


def test_what_is_not_known_is_not_told():
    hops = path([{"fidelity": 0.95}, {"fidelity": 0.9}], memory=Memory(t2_s=1e-6))
    found = forecast(chain(hops, purify_rounds=1))
    assert (found.latency_s, found.rate_hz, found.secret_key_rate_hz) == (None, None, None)
    assert found.fidelity == pytest.approx(evaluate(chain(hops, purify_rounds=1)).fidelity)
    assert repr(found) == f"<Forecast n0–n2: fidelity {found.fidelity:.4f}>"


def test_a_purification_that_never_succeeds():
    hops = path([{"bell_diagonal": (1, 0, 0, 0), "rate_hz": 1}, {"bell_diagonal": (1, 0, 0, 0), "rate_hz": 1}])
    wrong = ElementaryLink(*hops[0].ends, bell_diagonal=(0, 0, 1, 0), rate_hz=1)
    with pytest.raises(ValueError, match="never succeed"):
        forecast(swap(purify(hops[0], wrong), hops[1]))


@pytest.mark.parametrize("value", [None, "a link", Node("a")])
def test_no_link(value):
    with pytest.raises(TypeError, match="link must be a link"):
        forecast(value)
