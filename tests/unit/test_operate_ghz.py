"""GHZ states under load: against the timeline of the same fusion, closed forms, and a network's own books."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from quantumlink import Memory, Network, Node, evaluate, join, operate, simulate
from quantumlink.circuits import Operation, fuse_pairs_to_ghz
from quantumlink.hardware import Processor
from quantumlink.link import ElementaryLink, chain
from quantumlink.network import (
    Demand,
    FirstComeFirstServed,
    ManyPaths,
    MaxWeight,
    Outage,
    ProportionalFairness,
    RandomFailures,
    Reservation,
    TimeSlots,
)
from quantumlink.network.control import operating

P = 1e-6
"""A test that is right fails by chance this often."""


@dataclass(frozen=True)
class Wire:
    """A medium of a given delay."""

    delay_s: float
    transmittance: float = 1.0
    channel = None


def balanced(operation):
    books = dict(vars(operation.pairs))
    made = books.pop("made")
    assert made == sum(books.values())
    return operation.pairs


def spider(hops, memories=None, *, memory=None, processor=None, p=0.3):
    """A center "c" with arms of so many hops each, to "e0", "e1", …; slots of 1 ms."""
    memory = memory or Memory(t1_s=0.3, t2_s=0.1)
    processor = processor or Processor(depolarizing_1q=2e-3, depolarizing_2q=0.01, readout_error=0.01)
    nodes = {"c": Node("c", memory=memory, processor=processor, memories=memories)}
    links, arms = [], []
    for arm, length in enumerate(hops):
        names = ["c", *(f"r{arm}.{i}" for i in range(length - 1)), f"e{arm}"]
        for name in names[1:]:
            nodes[name] = Node(name, memory=memory, processor=processor, memories=memories)
        own = [
            ElementaryLink(nodes[a], nodes[b], Wire(1e-3 * (1 + (arm + i) % 2)), success_probability=p,
                           attempt_time_s=2e-3, fidelity=0.97)
            for i, (a, b) in enumerate(pairwise(names))
        ]  # fmt: skip
        links += own
        arms.append(chain(own))
    demand = {"a": "c", "b": "e0", "kind": "ghz", "others": [f"e{i}" for i in range(1, len(hops))]}
    return Network(nodes.values(), links), demand, arms


def fused(arms):
    n = len(arms)
    inputs = [(n + k, k) for k in range(n)]
    return join(Operation(fuse_pairs_to_ghz(n), inputs=inputs, outputs=[n, *range(n)]), *arms)


@pytest.mark.parametrize(
    ("hops", "cutoff_s", "memories"),
    [((1, 1), None, None), ((1, 2), None, 1), ((2, 1, 1), None, None), ((1, 2), 8e-3, None)],
)
def test_one_request_at_a_time_is_the_timeline(seed, hops, cutoff_s, memories):
    """With all arms held, from empty memories: the distributions are those of `simulate`."""
    network, demand, arms = spider(hops, memories)
    number = 300
    operation = operate(
        network, [Demand(**demand, count=number)], policy=Reservation(setup=False), duration_s=100, slot_s=1e-3,
        seed=seed, swapping="balanced", cutoff_s=cutoff_s,
    )  # fmt: skip
    pairs = balanced(operation)
    assert pairs.fused == number * len(hops)
    found = operation.deliveries
    assert len(found.time_s) == number
    timeline = simulate(fused(arms), trials=20_000, seed=seed, cutoff_s=cutoff_s)
    latencies = np.diff(found.time_s, prepend=0.0)
    assert stats.ks_2samp(latencies.round(6), timeline.latencies_s.round(6)).pvalue > P
    assert stats.ks_2samp(found.fidelity.round(9), timeline.fidelities.round(9)).pvalue > P
    (result,) = operation.results
    assert result.served == number
    assert result.fidelity == pytest.approx(found.fidelity.mean())
    assert result.state.fidelity == pytest.approx(found.fidelity.mean())
    assert result.state.ends == ("c", *(f"e{i}" for i in range(len(hops))))


@pytest.mark.parametrize("arms", [2, 3, 5])
def test_perfect_timing_gives_the_exact_state(seed, arms):
    """Pairs that come at every attempt wait for nobody: the state of `evaluate`, by Werner's closed form."""
    network, demand, links = spider((1,) * arms, memory=Memory(), processor=Processor(), p=1.0)
    operation = operate(network, [Demand(**demand)], duration_s=0.1, seed=seed)
    (result,) = operation.results
    w = (4 * 0.97 - 1) / 3
    assert operation.deliveries.fidelity == pytest.approx(((1 + w) ** arms / 2**arms + w**arms) / 2)
    expected = evaluate(fused(links))
    assert result.state.coefficients == pytest.approx(expected.coefficients)
    assert result.state.ends == expected.ends


def test_rate_is_that_of_the_slowest_arm(seed):
    """With one memory at either end, a state takes as long as the largest of the arms' geometric numbers."""
    arms, p, slots = 3, 0.2, 4000
    network, demand, _ = spider((1,) * arms, 1, memory=Memory(), p=p)
    still = [
        ElementaryLink(link.left, link.right, success_probability=p, attempt_time_s=1.0) for link in network.links
    ]
    network = Network(network.nodes.values(), still)
    (result,) = operate(network, [Demand(**demand)], duration_s=slots, seed=seed).results
    k = np.arange(400)
    over = 1 - (1 - (1 - p) ** k) ** arms
    mean, square = over.sum(), (2 * k * over).sum() + over.sum()
    scatter = np.sqrt(square - mean**2) * np.sqrt(slots / mean**3)  # renewals
    assert abs(result.served - slots / mean) < stats.norm.isf(P / 2) * scatter + 2


POLICIES = (
    FirstComeFirstServed(),
    MaxWeight(recovery=2),
    ProportionalFairness(),
    ManyPaths(),
    Reservation(),
    TimeSlots(turn_s=0.01),
)


def ring(rng, memories):
    """Six nodes in a ring with a chord, so that arms have ways in reserve."""
    processor, memory = Processor(depolarizing_2q=0.002), Memory(t2_s=0.1)
    nodes = [Node(f"n{i}", memory=memory, processor=processor, memories=memories) for i in range(6)]
    return Network(nodes, [
        ElementaryLink(nodes[i], nodes[j], Wire(float(rng.choice([0, 1e-3, 2.5e-3]))), fidelity=0.98,
                       success_probability=float(rng.uniform(0.2, 1)), attempt_time_s=1e-3)
        for i, j in [*((i, (i + 1) % 6) for i in range(6)), (0, 3)]
    ])  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy).__name__)
@pytest.mark.parametrize("memories", [None, 2])
def test_books_are_kept_whatever_happens(rng, seed, policy, memories):
    """Beside demands of pairs, with failures of nodes and links, floors, deadlines and cut-offs."""
    network = ring(rng, memories)
    demands = [
        Demand("n0", "n1", kind="ghz", others=["n5"], rate_hz=90, deadline_s=0.1),
        Demand("n3", "n2", kind="ghz", others=["n4", "n0"], min_fidelity=0.9),
        Demand("n1", "n4", rate_hz=50),
    ]
    happenings = [Outage("n4", 0.1, 0.15), Outage("n1", 0.2, 0.21), RandomFailures(0.2, 0.05)]
    for swapping, cutoff_s in (("asap", 0.03), ("balanced", None), ("fidelity", 0.05)):
        operation = operate(
            network, demands, policy=policy, duration_s=0.25, seed=seed, swapping=swapping, cutoff_s=cutoff_s,
            happenings=happenings,
        )  # fmt: skip
        pairs = balanced(operation)
        first, second, third = operation.results
        assert first.served + first.blocked + first.waiting == first.requested
        assert third.served == pairs.delivered
        fused_pairs = 2 * first.served + 3 * second.served
        assert fused_pairs <= pairs.fused <= fused_pairs + 64 * 5  # some are on their way at the end
        starts = sum(node.fusions for node in operation.nodes)
        assert starts >= first.served + second.served > 0
        for node in operation.nodes:
            ends = sum(node.name in (link.left.name, link.right.name) for link in network.links)
            assert node.occupied >= -1e-9
            assert memories is None or node.occupied <= memories * ends + 1e-9


def test_a_node_that_fails_spoils_what_is_not_known_yet(seed):
    """States that are fused but not known when a node fails are lost, and asked for again."""
    network, demand, _ = spider((1, 1), 4, p=1.0)
    wanted = [Demand(**demand, count=40)]
    whole = operate(network, wanted, duration_s=1.0, slot_s=1e-3, seed=seed)
    cut = operate(network, wanted, duration_s=1.0, slot_s=1e-3, seed=seed, happenings=[Outage("e1", 0.007, 0.02)])
    balanced(cut)
    assert whole.pairs.lost == 0
    assert cut.pairs.lost > 0
    assert [one.results[0].served for one in (whole, cut)] == [40, 40]
    late = cut.deliveries.time_s
    assert not ((late > 0.007) & (late < 0.02)).any()


def test_a_state_below_the_floor_is_made_again(seed):
    network, demand, _ = spider((1, 1), p=0.3)
    loose = operate(network, [Demand(**demand)], duration_s=2.0, seed=seed)
    floor = operate(network, [Demand(**demand, min_fidelity=0.94)], duration_s=2.0, seed=seed)
    balanced(floor)
    assert floor.pairs.rejected > 0
    assert floor.results[0].fidelity.best > loose.results[0].fidelity.best
    assert floor.results[0].served < loose.results[0].served


def test_states_are_the_same_in_whatever_parts_they_are_worked_out(seed, monkeypatch):
    network, demand, _ = spider((1, 2))
    found = [operate(network, [Demand(**demand)], duration_s=1.0, seed=seed)]
    monkeypatch.setattr("quantumlink.network.control.beginning.ARMS_AT_ONCE", 100)
    monkeypatch.setattr("quantumlink.network.control.ghz.NUMBERS_AT_ONCE", 256)
    found.append(operate(network, [Demand(**demand)], duration_s=1.0, seed=seed))
    one, other = (each.results[0] for each in found)
    assert one.served == other.served > 60
    assert one.fidelity == pytest.approx(other.fidelity)
    assert one.state.coefficients == pytest.approx(other.state.coefficients)
    assert found[0].deliveries.fidelity == pytest.approx(found[1].deliveries.fidelity)
    assert found[0].deliveries.fidelity.mean() == pytest.approx(one.fidelity.best)


def test_compiled_is_the_same(seed, monkeypatch):
    pytest.importorskip("numba")
    network = ring(np.random.default_rng(7), 2)
    demands = [Demand("n0", "n1", kind="ghz", others=["n5"], rate_hz=60), Demand("n1", "n4")]
    options = {"duration_s": 0.3, "cutoff_s": 0.02, "happenings": [Outage("n4", 0.1, 0.2)], "seed": seed}
    plain = operate(network, demands, **options)
    monkeypatch.setattr(operating, "WORTH_COMPILING", 0)
    compiled = operate(network, demands, **options)
    assert vars(plain.pairs) == vars(compiled.pairs)
    assert plain.deliveries.time_s == pytest.approx(compiled.deliveries.time_s)
    assert plain.deliveries.fidelity == pytest.approx(compiled.deliveries.fidelity)


def test_refusals():
    network, demand, _ = spider((1, 1))
    with pytest.raises(ValueError, match="must be of the kind pairs or key here"):
        network.capacity([Demand(**demand)])
    with pytest.raises(ValueError, match="others must be one of"):
        operate(network, [Demand("c", "e0", kind="ghz", others=["x"])], duration_s=1)
    through = Demand("e0", "c", kind="ghz", others=["e1"])
    with pytest.raises(ValueError, match="two arms of e0–c–e1 lead over the link c–e0"):
        operate(network, [through], duration_s=1, policy=Reservation())
    large, ten, _ = spider((1,) * 8)
    with pytest.raises(ValueError, match="at most 8 nodes here, got 9"):
        operate(large, [Demand(**ten)], duration_s=1)
