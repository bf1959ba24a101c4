"""A network under load: against exact Markov chains, the timeline, linear programmes, and its own books."""

import json
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from quantumlink import Memory, Network, Node, operate, simulate
from quantumlink.hardware import Processor
from quantumlink.link import ElementaryLink
from quantumlink.link.operations import as_operation
from quantumlink.network import (
    Attack,
    Demand,
    FirstComeFirstServed,
    ManyPaths,
    MaxWeight,
    Outage,
    Policy,
    ProportionalFairness,
    RandomFailures,
    Reservation,
    TimeSlots,
    TrafficFileError,
    Watch,
    demands_of_matrix,
    gravity_demands,
    load_demands,
    uniform_demands,
)
from quantumlink.network.control import advancing, compiling, operating, rules, trial
from quantumlink.parts import forget, from_data, register

P = 1e-6
"""A test that is right fails by chance this often."""


def balanced(operation):
    """Pairs made are all accounted for."""
    books = dict(vars(operation.pairs))
    made = books.pop("made")
    assert made == sum(books.values())
    return operation.pairs


def star(arms, p, memories):
    hub = Node("hub", memories=memories)
    users = [Node(f"u{i}", memories=memories) for i in range(arms)]
    links = [ElementaryLink(u, hub, success_probability=p, attempt_time_s=1.0) for u in users]
    return Network([hub, *users], links), [Demand(a.name, b.name) for a, b in combinations(users, 2)]


@pytest.mark.parametrize("memories", [1, None])
def test_switch_serves_as_its_markov_chain(seed, memories):
    """Of the arms that have a pair, two and two are matched: with one memory an arm is left over or none is."""
    arms, p, slots = 5, 0.1, 1500
    network, demands = star(arms, p, memories)
    operation = operate(network, demands, policy=MaxWeight(recovery=0), duration_s=slots, seed=seed)
    pairs = balanced(operation)
    if memories is None:
        expected = arms * p / 2  # nothing is lost and no link stops: Vardoyan et al., C = qµk/2
    else:
        chances = [stats.binom.pmf(np.arange(arms + 1), arms - left, p) for left in (0, 1)]
        odd = [sum(chance[(1 - left) :: 2]) for left, chance in enumerate(chances)]  # an arm is left over after
        share = odd[0] / (1 - odd[1] + odd[0])
        expected = (arms - share) * p / 2
    # Two pairs a match; successes scatter no more than those of arms that are always free.
    assert abs(pairs.delivered - expected * slots) < stats.norm.isf(P / 2) * np.sqrt(arms * p * slots) / 2 + arms


def test_switch_of_rare_pairs_has_the_published_capacity():
    """Vardoyan et al.: 2.2222 of k = 5 links of rate 1 with one memory each; the slotted chain tends to it."""
    arms, p = 5, 1e-6
    chances = [stats.binom.pmf(np.arange(arms + 1), arms - left, p) for left in (0, 1)]
    odd = [sum(chance[(1 - left) :: 2]) for left, chance in enumerate(chances)]
    share = odd[0] / (1 - odd[1] + odd[0])
    assert (arms - share) / 2 == pytest.approx(20 / 9, rel=1e-5)


def test_switch_of_rare_pairs_keeps_as_many_as_its_markov_chain(seed):
    """Vardoyan et al.: k = 5 links of rate 1 and long buffers hold k / (2 (k - 2)) = 0.83 pairs in the mean, all of
    one link: the next comes there at rate 1, its partner at k - 1."""
    arms, p, mean_times, states = 5, 1e-3, 1000, 40
    rates = np.diag([1.0 * arms] + [1.0] * (states - 2), 1) + np.diag([arms - 1.0] * (states - 1), -1)
    generator = rates - np.diag(rates.sum(axis=1))
    shares = np.linalg.lstsq(
        np.vstack([generator.T, np.ones(states)]), np.append(np.zeros(states), 1.0), rcond=None
    )[0]
    held = np.arange(states)
    expected = float(shares @ held)
    assert expected == pytest.approx(arms / (2 * (arms - 2)), rel=1e-9)
    # The variance of a mean over time, by Poisson's equation.
    relative = np.linalg.solve(generator - shares, expected - held)
    scatter = np.sqrt(2 * float(shares @ ((held - expected) * relative)) / mean_times)
    network, demands = star(arms, p, None)
    duration_s = mean_times / p
    operation = operate(network, demands, policy=MaxWeight(recovery=0), duration_s=duration_s, seed=seed)
    stored = sum(link.made * link.use * link.waiting_s for link in operation.links) / duration_s
    # Slots in which two pairs come are left out above: a share of about arms · p.
    assert abs(stored - expected) < stats.norm.isf(P / 2) * scatter + 2 * arms * p * expected


@dataclass(frozen=True)
class Wire:
    """A medium of a given delay."""

    delay_s: float
    transmittance: float = 1.0
    channel = None


def line(hops, memories=None):
    memory = Memory(t1_s=0.3, t2_s=0.1)
    processor = Processor(depolarizing_2q=0.01, readout_error=0.01)
    nodes = [Node(f"n{i}", memory=memory, processor=processor, memories=memories) for i in range(hops + 1)]
    attempts = {"success_probability": 0.3, "attempt_time_s": 2e-3, "fidelity": 0.97}
    links = [ElementaryLink(nodes[i], nodes[i + 1], Wire(1e-3 * (1 + i % 2)), **attempts) for i in range(hops)]
    return Network(nodes, links)


@pytest.mark.parametrize(
    ("hops", "order", "rounds", "cutoff_s", "memories"),
    [
        (1, "balanced", 0, None, None),
        (2, "balanced", 0, None, 1),
        (3, "sequential", 0, None, None),
        (2, "balanced", 1, None, 2),
        (3, "balanced", 0, 8e-3, None),
    ],
)
def test_one_request_at_a_time_is_the_timeline(seed, hops, order, rounds, cutoff_s, memories):
    """On a path that is held, from empty memories: the distributions are those of `simulate`."""
    network, number = line(hops, memories), 300
    operation = operate(
        network,
        [Demand("n0", f"n{hops}", count=number)],
        policy=Reservation(setup=False),
        duration_s=100,
        slot_s=1e-3,
        seed=seed,
        swapping=order,
        purify_rounds=rounds,
        cutoff_s=cutoff_s,
    )
    balanced(operation)
    found = operation.deliveries
    assert len(found.time_s) == number
    link = network.route("n0", f"n{hops}", order=order, purify_rounds=rounds)
    timeline = simulate(link, trials=20_000, seed=seed, cutoff_s=cutoff_s)
    latencies = np.diff(found.time_s, prepend=0.0)
    assert stats.ks_2samp(latencies.round(6), timeline.latencies_s.round(6)).pvalue > P
    assert stats.ks_2samp(found.fidelity.round(9), timeline.fidelities.round(9)).pvalue > P
    (result,) = operation.results
    assert result.fidelity == pytest.approx(found.fidelity.mean())
    assert result.state.fidelity == pytest.approx(found.fidelity.mean())
    assert result.latency_s == pytest.approx(found.time_s.mean())


@pytest.mark.parametrize("kind", [{"depolarizing_s": 0.08}, {"gaussian_s": 0.05}, {"retrieval": 0.8, "t1_s": 0.05}])
def test_every_memory_waits_as_in_the_timeline(seed, kind):
    """Gates that take time, messages over a detour, and pairs that wait about as long as memories last."""
    processor = Processor(0.003, 0.01, 0.01, gate_1q_s=1e-3, gate_2q_s=2e-3, readout_s=3e-3)
    nodes = [Node(f"n{i}", Memory(**kind), processor, memories=1) for i in range(4)]
    links = [
        ElementaryLink(
            a, b, Wire(1e-3), fidelity=0.97, success_probability=p, attempt_time_s=4e-3, classical_delay_s=d
        )
        for a, b, p, d in zip(nodes, nodes[1:], (0.3, 0.6, 0.4), (7e-3, None, 1e-3), strict=False)
    ]
    network, number = Network(nodes, links), 1500
    operation = operate(
        network,
        [Demand("n0", "n3", count=number)],
        policy=Reservation(setup=False),
        duration_s=400,
        slot_s=1e-3,
        seed=seed,
        swapping="sequential",
    )
    found = operation.deliveries
    assert len(found.time_s) == number
    timeline = simulate(network.route("n0", "n3", order="sequential"), trials=20_000, seed=seed)
    latencies = np.diff(found.time_s, prepend=0.0)
    assert stats.ks_2samp(latencies.round(6), timeline.latencies_s.round(6)).pvalue > P
    assert stats.ks_2samp(found.fidelity.round(9), timeline.fidelities.round(9)).pvalue > P
    scatter = np.hypot(found.fidelity.std() / np.sqrt(number), timeline.fidelities.std() / np.sqrt(20_000))
    assert abs(found.fidelity.mean() - timeline.fidelities.mean()) < stats.norm.isf(P / 2) * scatter


def random_network(rng, nodes=6, links=9):
    memory = Memory(t1_s=1.0, t2_s=float(rng.uniform(0.05, 0.2)))
    made = [
        Node(f"n{i}", memory=memory, memories=rng.choice([None, 2, 4]),
             processor=Processor(depolarizing_2q=0.002))
        for i in range(nodes)
    ]  # fmt: skip
    pairs = [(i, i + 1) for i in range(nodes - 1)]
    pairs += [tuple(rng.choice(nodes, 2, replace=False)) for _ in range(links - len(pairs))]
    return Network(made, [
        ElementaryLink(made[i], made[j], Wire(float(rng.choice([0, 1e-3, 2.5e-3]))),
                       fidelity=float(rng.uniform(0.95, 1)), success_probability=float(rng.uniform(0.05, 1)),
                       attempt_time_s=float(rng.choice([1e-3, 1.7e-3])))
        for i, j in pairs
    ])  # fmt: skip


POLICIES = (
    FirstComeFirstServed(),
    MaxWeight(recovery=2),
    ProportionalFairness(),
    ManyPaths(),
    Reservation(),
    Reservation(paths=2),
    TimeSlots(turn_s=0.01),
)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy).__name__)
def test_books_are_kept_whatever_happens(rng, seed, policy):
    """Pairs are all accounted for, and no more is delivered than links make or was asked for."""
    network = random_network(rng)
    demands = [
        Demand("n0", "n5", rate_hz=30, deadline_s=0.1),
        Demand("n1", "n4", min_fidelity=0.5),
        Demand("n2", "n5", count=40, priority=1),
        Demand("n3", "n0", requests=[0.05, (0.2, 5)]),
    ]
    happenings = [
        Outage("n2", 0.1, 0.2),
        Outage(("n3", "n4"), 0.15, 0.3),
        RandomFailures(0.2, 0.05),
        Attack(("n0", "n1"), 0.1, 0.3),
        Watch(share=0.2, threshold=4, repair_s=0.1),
    ]
    for swapping, rounds, cutoff_s in (("asap", 0, 0.03), ("balanced", 1, None), ("fidelity", 0, None)):
        operation = operate(
            network, demands, policy=policy, duration_s=0.5, seed=seed, swapping=swapping,
            purify_rounds=rounds, cutoff_s=cutoff_s, happenings=happenings, trials=2,
        )  # fmt: skip
        pairs = balanced(operation)
        assert sum(use.made for use in operation.links) == pairs.made
        for demand, result in zip(demands, operation.results, strict=True):
            if demand.is_saturated:
                assert result.requested == result.waiting == 0
            else:
                assert result.served + result.blocked + result.waiting == result.requested
        assert sum(result.served for result in operation.results) == pairs.delivered
        for node in operation.nodes:
            places = network.nodes[node.name].memories
            ends = sum(node.name in (link.left.name, link.right.name) for link in network.links)
            assert node.occupied >= -1e-9
            assert places is None or node.occupied <= places * ends + 1e-9


@pytest.mark.parametrize("swapping", ["asap", "fidelity", "balanced"])
def test_operations_are_those_that_a_look_at_every_rule_finds(seed, monkeypatch, swapping):
    """Only pairs that are there are looked at; the first of all rules that can be applied is the same."""
    quick, found = rules.possible, []

    def compared(T, S, route, now):
        own = np.flatnonzero(T.tag_route[T.rule_first] == route)
        slow = next((rule for rule in own if rules.can_apply(T, S, route, rule, now)), rules.NONE)
        found.append(slow)
        assert quick(T, S, route, now) == slow
        return slow

    monkeypatch.setattr(advancing, "possible", compared)
    network = line(5, memories=3)
    demands = [Demand("n0", "n5", min_fidelity=0.6), Demand("n4", "n1"), Demand("n0", "n1")]
    happenings = [Outage("n3", 0.2, 0.3)]
    options = {"policy": MaxWeight(), "duration_s": 1.0, "cutoff_s": 0.05, "purify_rounds": 1}
    balanced(operate(network, demands, seed=seed, swapping=swapping, happenings=happenings, **options))
    assert sum(rule != rules.NONE for rule in found) > 50


@pytest.mark.parametrize("load", [0.3, None])
def test_no_more_than_the_linear_programme_and_nearly_all_of_a_light_load(rng, seed, load):
    """Each demand's share of what `Network.capacity` gives is served at a light load, and never exceeded
    together."""
    names = ["a", "b", "c", "r", "s"]
    nodes = {name: Node(name, role="repeater" if name in "rs" else "end") for name in names}
    ends = [("a", "r"), ("b", "r"), ("r", "s"), ("s", "c"), ("a", "s")]
    links = [
        ElementaryLink(nodes[x], nodes[y], success_probability=float(rng.uniform(0.1, 0.4)), attempt_time_s=1e-3)
        for x, y in ends
    ]
    network, duration_s = Network(nodes.values(), links), 3.0
    pairs = [("a", "c"), ("b", "c"), ("a", "b")]
    scale = network.capacity([Demand(a, b, rate_hz=1) for a, b in pairs]).scale
    demands = [Demand(a, b, rate_hz=None if load is None else load * scale) for a, b in pairs]
    operation = operate(network, demands, policy=ProportionalFairness(), duration_s=duration_s, seed=seed)
    balanced(operation)
    rates = [result.served / duration_s for result in operation.results]
    if load is None:  # what is served is a flow: no link gives more than it makes
        made = {use.link: use.made / duration_s for use in operation.links}
        real = [ElementaryLink(x.left, x.right, rate_hz=made[x]) for x in links]
        bound = Network(nodes.values(), real).capacity([Demand(a, b, rate_hz=1) for a, b in pairs])
        assert min(rates) <= bound.at_most * (1 + 1e-9)  # of the pairs that were made in this run
        for use in operation.links:
            slots = duration_s / 1e-3
            p = use.link.success_probability
            assert made[use.link] * duration_s <= stats.binom.isf(P, round(slots), p)
            assert 0 <= use.use <= 1
    else:
        for result in operation.results:
            assert result.served >= 0.98 * result.requested - 8


def test_a_policy_of_ones_own_is_one_method(seed):
    """It sees the queues; whom it forbids gets nothing; who comes first by priority comes first whatever it
    says."""
    network, _ = star(3, 0.5, None)

    @dataclass(frozen=True)
    class OnlyTheSecond(Policy):
        def weights(self, load):
            assert load.waiting.shape == load.oldest_s.shape == load.served.shape == (2,)
            return np.where(np.arange(2) == 1, load.waiting, -np.inf)

    demands = [Demand("u0", "u1", rate_hz=0.2), Demand("u0", "u2", rate_hz=0.2)]
    operation = operate(network, demands, policy=OnlyTheSecond(), duration_s=300, seed=seed)
    first, second = operation.results
    assert first.served == 0
    assert first.waiting == first.requested > 0
    assert second.served >= second.requested - 3
    scarce, _ = star(3, 0.1, None)
    demands = [Demand("u0", "u1"), Demand("u0", "u2", priority=1)]
    for policy in (MaxWeight(), ProportionalFairness(), FirstComeFirstServed()):
        first, second = operate(scarce, demands, policy=policy, duration_s=300, seed=seed).results
        assert second.served > first.served

    class Wrong(Policy):
        def weights(self, load):
            return 1.0

    with pytest.raises(ValueError, match="one number for each of the 2 demands"):
        operate(network, demands, policy=Wrong(), duration_s=1, seed=seed)


def test_failures_move_to_the_spare_path_and_an_attack_is_noticed(seed):
    a, b, r, s = (Node(name, role="end" if name in "ab" else "repeater") for name in "abrs")
    attempts = {"success_probability": 0.5, "attempt_time_s": 1e-3}
    ways = (a, r, 0.98), (r, b, 0.98), (a, s, 0.97), (s, b, 0.97)
    links = [ElementaryLink(x, y, fidelity=fidelity, **attempts) for x, y, fidelity in ways]
    network = Network([a, b, r, s], links)
    demand = [Demand("a", "b", requests=[(0.0, 400)])]
    whole = operate(network, demand, duration_s=2, seed=seed, happenings=[Outage("r", 0.2, 0.4)])
    assert set(whole.deliveries.path[(whole.deliveries.time_s > 0.21) & (whole.deliveries.time_s < 0.4)]) == {1}
    assert set(whole.deliveries.path[whole.deliveries.time_s < 0.2]) == {0}
    cut = operate(network, demand, duration_s=2, seed=seed, happenings=[Outage("r", 0.2), Outage("s", 0.2)])
    assert cut.deliveries.time_s.max() <= 0.2 + 1e-3
    watched = operate(
        network, [Demand("a", "b")], duration_s=2, seed=seed,
        happenings=[Attack(("a", "r"), 0.5), Watch(share=0.2, attack=0.2)],
    )  # fmt: skip
    alarms = {use.link.right.name: use.alarms for use in watched.links if use.link.left.name == "a"}
    assert alarms["r"] == 1
    late = watched.deliveries.fidelity[watched.deliveries.time_s > 1.0]
    assert late == pytest.approx(0.97**2 + 0.03**2 / 3)  # Werner pairs by the other path


def test_attacks_at_one_time_act_on_each_other(seed):
    """The end of one is not the end of the other."""
    a, b = Node("a"), Node("b")
    link = ElementaryLink(a, b, success_probability=1.0, attempt_time_s=1e-3, fidelity=1.0)
    attacks = [Attack(("a", "b"), 0.1, 0.5), Attack(("a", "b"), 0.3, 0.4), Attack(("a", "b"), 0.45)]
    found = operate(Network([a, b], [link]), [Demand("a", "b")], duration_s=1, seed=seed, happenings=attacks)
    once, twice = (1 + 0.5 + 0.5) / 4, (1 + 0.25 + 0.25) / 4
    time_s, fidelity = found.deliveries.time_s, found.deliveries.fidelity
    told = {
        (0, 0.1): 1.0,
        (0.1, 0.3): once,
        (0.3, 0.4): twice,
        (0.4, 0.45): once,
        (0.45, 0.5): twice,
        (0.5, 1): once,
    }
    for (start_s, end_s), wanted in told.items():
        within = (time_s > start_s + 2e-3) & (time_s < end_s - 2e-3)
        assert within.sum() > 20
        assert fidelity[within] == pytest.approx(wanted)


@dataclass(frozen=True)
class Powerful(Policy):
    """One of one's own, with a setting."""

    power: float = 2.0

    def weights(self, load):
        return load.waiting**self.power


@pytest.mark.parametrize("policy", [*POLICIES, Reservation(setup=False, paths=3, recovery=0), Powerful(power=3.5)])
def test_plain_data_tell_the_policy_with_its_settings_and_how_it_was_played(seed, policy):
    options = {"duration_s": 0.05, "cutoff_s": 0.02, "take": "oldest", "swapping": "balanced", "buffer": 3}
    register("powerful", Powerful, kind="policy")
    try:
        found = operate(line(2), [Demand("n0", "n2", rate_hz=20)], policy=policy, seed=seed, **options)
        told = json.loads(json.dumps(found.as_dict()))
        assert from_data(told["policy"]) == policy
    finally:
        forget("policy", "powerful")
    assert told["duration_s"] == options.pop("duration_s")
    assert {name: told["options"][name] for name in options} == options
    assert told["options"]["protocol"] == "dejmps"


def test_plain_data_tell_policies_and_protocols_without_a_name():
    cutoff_s = float("inf")
    protocol = as_operation("protocol", "dejmps")
    options = {"duration_s": 0.05, "seed": 1, "policy": Powerful(power=3.5), "protocol": protocol}
    found = operate(line(2), [Demand("n0", "n2")], cutoff_s=cutoff_s, **options).as_dict()
    told = json.loads(json.dumps(found, allow_nan=False))
    assert told["policy"]["class"].endswith(":Powerful")
    assert told["policy"]["settings"] == repr(Powerful(power=3.5))
    assert told["options"]["protocol"] == protocol.name
    with pytest.raises(ValueError, match="has to be registered"):
        from_data(told["policy"])


def test_a_policy_is_asked_as_often_as_it_says(seed):
    """Three slots of 0.1 s are 0.3 s, whatever 0.3 / 0.1 is."""
    network, _ = star(3, 0.5, None)
    asked = []

    class Now(Policy):
        every_s = 0.3

        def weights(self, load):
            asked.append(load.time_s)
            return load.waiting

    operate(network, [Demand("u0", "u1", rate_hz=1)], policy=Now(), duration_s=3, slot_s=0.1, seed=seed)
    assert asked == pytest.approx(np.arange(11) * 0.3)


def test_a_policy_may_be_asked_in_thousands_of_slots(seed):
    """With one demand, whatever it says is as good as any."""
    network, _ = star(3, 0.5, None)

    class Any(Policy):
        def weights(self, load):
            return load.waiting

    run = {"demands": [Demand("u0", "u1", rate_hz=0.3)], "duration_s": 3000, "seed": seed}
    own, built_in = (operate(network, policy=policy, **run) for policy in (Any(), MaxWeight()))
    assert own.deliveries.time_s.tolist() == built_in.deliveries.time_s.tolist()
    assert own.pairs.delivered > 700


def test_attack_halves_two_correlations():
    """Measured in Z or X and resent, by density matrices."""
    link = ElementaryLink(Node("a"), Node("b"), fidelity=0.9)
    pauli = {"Z": np.diag([1.0, -1.0]), "X": np.array([[0.0, 1.0], [1.0, 0.0]])}
    rho = np.asarray(link.state.data)
    found = np.zeros_like(rho)
    for basis in "ZX":
        for sign in (1, -1):
            projector = np.kron((np.eye(2) + sign * pauli[basis]) / 2, np.eye(2))  # the right end is qubit 1
            found += projector @ rho @ projector / 2
    expected = ElementaryLink(link.left, link.right, state=found).coefficients
    assert Attack(("a", "b")).attacked(link.coefficients) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"duration_s": 1e15}, "shorter duration_s"),
        ({"duration_s": 0}, "duration_s must be above zero"),
        ({"demands": [Demand("u0", "u9")]}, "must be one of"),
        ({"demands": [Demand("u0", "u1", min_fidelity=0.999)]}, "has fidelity 0.9"),
        ({"policy": FirstComeFirstServed}, "call it"),
        ({"swapping": "soon"}, "swapping must be one of"),
        ({"happenings": [Outage("u7")]}, "what must be one of"),
        ({"warm_up_s": 10}, "warm_up_s must be shorter"),
        ({"slot_s": 1e-320}, "slot_s must be at least .* slots, got 1e-320"),
        ({"slot_s": 1e300}, "slot_s must be at most .*, got 1e.300"),
        ({"network": [1]}, "network must be a Network, got .1."),
        ({"executor": "here"}, "executor must be a concurrent.futures.Executor or None, got 'here'"),
        ({"avoid": None}, "avoid must be a list of avoid, got None"),
    ],
)
def test_refusals_say_what_is_wrong(change, said):
    hub, *users = (Node(name) for name in ("hub", "u0", "u1", "u2"))
    links = [
        ElementaryLink(u, hub, Wire(1e-3), success_probability=0.5, attempt_time_s=1e-3, fidelity=0.97)
        for u in users
    ]
    network = Network([hub, *users], links)
    arguments = {"demands": [Demand("u0", "u1"), Demand("u0", "hub")], "duration_s": 1.0, **change}
    with pytest.raises((ValueError, TypeError), match=said):
        operate(arguments.pop("network", network), **arguments)


def test_a_cutoff_shorter_than_messages_is_refused():
    with pytest.raises(ValueError, match="cutoff_s must not be shorter than the messages"):
        operate(line(4), [Demand("n0", "n4")], duration_s=1.0, swapping="balanced", cutoff_s=0.5e-3)


def test_demands_say_when_units_are_wanted(rng):
    times = Demand("a", "b", requests=[(2.0, 2), 1.0, 50.0]).times_s(10.0, rng)
    assert times.tolist() == [1.0, 2.0, 2.0]
    assert Demand("a", "b", rate_hz=4, arrivals="periodic").times_s(1.0, rng).tolist() == [0, 0.25, 0.5, 0.75, 1.0]
    drawn = Demand("a", "b", rate_hz=1000).times_s(10.0, rng)
    assert abs(len(drawn) - 10_000) < stats.norm.isf(P / 2) * 100 + 10
    assert stats.kstest(drawn / 10, "uniform").pvalue > P
    for wrong in (
        {"count": 0}, {"rate_hz": 1, "count": 2}, {"deadline_s": 1}, {"arrivals": "often", "rate_hz": 1},
        {"arrivals": "poisson"}, {"requests": []}, {"requests": [-1]}, {"kind": "ghz"}, {"others": ("c",)},
        {"kind": "ghz", "others": ("a",)},
    ):  # fmt: skip
        with pytest.raises(ValueError):  # noqa: PT011
            Demand("a", "b", **wrong)
    with pytest.raises(TypeError, match="times_s"):
        Demand("a", "b", arrivals=7)


def test_matrices_keep_their_total_and_their_law():
    places = {"a": (50.0, 8.0), "b": (51.0, 8.0), "c": (53.0, 8.0)}
    nodes = [Node(name, position=place) for name, place in places.items()]
    network = Network(nodes, [ElementaryLink(nodes[0], nodes[1]), ElementaryLink(nodes[1], nodes[2])])
    near, far, middle = gravity_demands(network, 60.0, sizes={"a": 1, "b": 2, "c": 4}, exponent=2, kind="key")
    assert near.rate_hz + far.rate_hz + middle.rate_hz == pytest.approx(60)
    assert far.rate_hz / near.rate_hz == pytest.approx(2 / 3**2)  # twice the size, three times as far
    assert middle.rate_hz / near.rate_hz == pytest.approx(4 / 2**2)
    assert {demand.kind for demand in (near, far, middle)} == {"key"}
    assert [demand.rate_hz for demand in uniform_demands(network, 60.0)] == [20.0] * 3
    rates = [[0, near.rate_hz, far.rate_hz], [near.rate_hz, 0, 0], [far.rate_hz, 0, 0]]
    assert demands_of_matrix(["a", "b", "c"], rates, kind="key") == (near, far)
    with pytest.raises(ValueError, match="symmetric"):
        demands_of_matrix(["a", "b"], [[0, 1], [2, 0]])


def test_traffic_files_say_all_of_a_demand(tmp_path):
    path = tmp_path / "traffic.toml"
    path.write_text(
        '[[demands]]\nbetween = ["a", "b"]\nrequests = [0.5, [1.0, 3]]\ndeadline_s = 2.0\npriority = 3\n'
        '[[demands]]\nbetween = ["a", "b", "c"]\nkind = "ghz"\ncount = 4\n'
        '[matrix]\nnodes = ["a", "b"]\nrate_hz = [[0, 5], [5, 0]]\narrivals = "periodic"\n'
    )
    assert load_demands(path) == (
        Demand("a", "b", requests=[0.5, (1.0, 3)], deadline_s=2.0, priority=3),
        Demand("a", "b", kind="ghz", others=("c",), count=4),
        Demand("a", "b", rate_hz=5.0, arrivals="periodic"),
    )
    table = tmp_path / "traffic.csv"
    table.write_text("a,b,count,priority,deadline_s\na,b,7,2,0.5\n")
    assert load_demands(table) == (Demand("a", "b", count=7, priority=2, deadline_s=0.5),)
    table.write_text("a,b,count\na,b,1.5\n")
    with pytest.raises(TrafficFileError, match="count must be a whole number"):
        load_demands(table)


def test_trials_side_by_side_are_those_one_after_the_other(seed):
    network, demands = star(3, 0.3, 2)
    one = operate(network, demands, duration_s=60, trials=4, seed=seed)
    with ThreadPoolExecutor(2) as executor:
        other = operate(network, demands, duration_s=60, trials=4, seed=seed, executor=executor)
    assert one.as_dict() == other.as_dict()
    assert pickle.loads(pickle.dumps(prepared_setting(network, demands))).tables.horizon == 60


def prepared_setting(network, demands):
    """What is sent to other processes."""
    options = operating.Options(
        None, 60, 1, None, "asap", "newest", 0, "dejmps", None, 16, None, 0.0, 0
    )  # fmt: skip
    return operating.prepared(network, tuple(demands), options, (), (), 7)[1]


def interrupting(monkeypatch, at):
    """Ctrl-C is pressed while the loop goes on for so many-th time; parts are a slot long."""
    calls = iter(range(10_000))

    def advance(*arguments):
        if next(calls) == at:
            signal.raise_signal(signal.SIGINT)
        return advancing.advance(*arguments)

    monkeypatch.setattr(trial, "advance", advance)
    monkeypatch.setattr(trial, "PART_S", 1e-9)


def test_interrupted_runs_keep_what_was_done(seed, monkeypatch):
    network, demands = star(3, 0.3, 2)
    interrupting(monkeypatch, 400)
    with pytest.warns(UserWarning, match="interrupted"):
        found = operate(network, demands, duration_s=300, trials=3, seed=seed)
    assert found.interrupted
    assert found.played_s == 401 - 1  # slots 0 to 300, and 0 to 99: what was under way is finished
    balanced(found)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    whole = operate(network, demands, duration_s=99, trials=2, seed=seed)
    assert vars(whole.trials[1])["served"].sum() == found.trials[1].served.sum()


def test_ctrl_c_twice_stops_at_once(seed, monkeypatch):
    network, demands = star(3, 0.3, 2)

    def advance(*arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(trial, "advance", advance)
    with pytest.raises(KeyboardInterrupt):
        operate(network, demands, duration_s=300, seed=seed)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_compiling_needs_no_folder_to_write_to(monkeypatch):
    """A read-only installation compiles anew in each process, where numba would refuse."""
    caching = pytest.importorskip("numba.core.caching")
    for kind in vars(caching).values():
        if isinstance(kind, type) and hasattr(kind, "_locator_classes"):
            monkeypatch.setattr(kind, "_locator_classes", [])
    assert compiling._jitted(lambda x: x + 1, {"cache": True})(2) == 3
