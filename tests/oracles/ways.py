"""All ways through small random networks by plain recursion, and the flows over them by one linear programme."""

import numpy as np
from scipy.optimize import linprog

from quantumlink import Network, Node, Processor, chain, evaluate, purify
from quantumlink.link import ElementaryLink
from quantumlink.network import Demand
from quantumlink.rates import secret_fraction

ROLES = ("repeater", "repeater", "trusted", "end")


def random_network(rng, nodes=7, links=11, roles=("repeater",), noisy=True, decades=(0, 3)):
    """Random links, parallel ones among them, over nodes with gate errors; the first two are ends."""
    errors = [Processor(), Processor(depolarizing_2q=0.01, readout_error=0.005)] if noisy else [Processor()]
    parts = [
        Node(f"n{i}", processor=errors[i % len(errors)], role="end" if i < 2 else str(rng.choice(roles)))
        for i in range(nodes)
    ]
    made = []
    for _ in range(links):
        a, b = rng.choice(nodes, 2, replace=False)
        weights = rng.dirichlet([60, 1, 1, 1])
        state = (weights / weights.sum()).tolist()
        made.append(
            ElementaryLink(parts[a], parts[b], bell_diagonal=state, rate_hz=float(10 ** rng.uniform(*decades)))
        )
    return Network(parts, made)


def listed_ways(network, demand, rounds=0):
    """Every simple path that serves a demand, as pairs of each link that a unit takes."""
    inner = ("repeater", "satellite", "trusted") if demand.kind == "key" else ("repeater", "satellite")

    def extended(numbers, here, seen):
        if here == demand.b:
            yield numbers
            return
        if numbers and network.nodes[here].role not in inner:
            return
        for i, link in enumerate(network.links):
            for one, other in (link.ends, link.ends[::-1]):
                if one.name == here and other.name not in seen:
                    yield from extended([*numbers, i], other.name, seen | {other.name})

    ways = []
    for numbers in extended([], demand.a, {demand.a}):
        here, segments, hops = demand.a, [], []
        for i in numbers:
            link = network.links[i]
            hops.append(link if link.left.name == here else link.reversed())
            here = hops[-1].right.name
            if here == demand.b or (demand.kind == "key" and network.nodes[here].role == "trusted"):
                segments.append(hops)
                hops = []
        states = [evaluate(chain(segment, purify_rounds=rounds)) for segment in segments]
        if min(state.fidelity for state in states) < (demand.min_fidelity or 0):
            continue
        worth = [secret_fraction(s.qber("Z"), s.qber("X")) if demand.kind == "key" else 1.0 for s in states]
        if min(worth) <= 0:
            continue
        needs = np.zeros(len(network.links))
        place = 0
        for segment, value in zip(segments, worth, strict=True):
            for hop in segment:
                pair = 1.0 if not rounds else 2 / evaluate(purify(hop, hop)).success_probability
                needs[numbers[place]] += pair / value
                place += 1
        ways.append(needs)
    return ways


def listed_scale(network, demands, rounds=0):
    """The concurrent flow by one linear programme over all ways; None if a demand has none."""
    owners, columns = [], []
    for i, demand in enumerate(demands):
        ways = listed_ways(network, demand, rounds)
        if not ways:
            return None
        columns += ways
        owners += [i] * len(ways)
    n = len(columns)
    rates = [link.attempts.rate_hz for link in network.links]
    top = np.zeros((len(demands), n + 1))
    for j, owner in enumerate(owners):
        top[owner, j] = -1
    top[:, n] = [demand.rate_hz or 1.0 for demand in demands]
    below = np.hstack([np.array(columns).T, np.zeros((len(rates), 1))])
    goal = np.append(np.zeros(n), -1.0)
    found = linprog(goal, A_ub=np.vstack([top, below]), b_ub=np.append(np.zeros(len(demands)), rates))
    return -found.fun


def some_demands(rng, network, number=4, kinds=("pairs",), floors=(None,)):
    made = []
    for _ in range(number):
        a, b = rng.choice(len(network.nodes), 2, replace=False)
        floor = floors[rng.integers(len(floors))]
        made.append(
            Demand(f"n{a}", f"n{b}", str(rng.choice(kinds)), rate_hz=float(rng.uniform(1, 50)), min_fidelity=floor)
        )
    return made
