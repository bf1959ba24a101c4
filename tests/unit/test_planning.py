"""Where to build: against every plan there is on small maps, closed forms, and the readings of what is planned."""

from itertools import combinations, pairwise, permutations, product
from math import ceil, inf

import numpy as np
import pytest
from scipy.integrate import quad

from quantumlink import Network, Processor, chain, evaluate
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink
from quantumlink.network import Demand
from quantumlink.network.planning import (
    Costs,
    Counts,
    Equipment,
    Fibre,
    NoPlan,
    Site,
    best_spacing_km,
    pareto_front,
    plan_network,
    roll_out,
)
from quantumlink.rates import secret_fraction

PARTS = Equipment(
    processor=Processor(depolarizing_2q=0.01), fidelity=0.98, success_probability=0.5, attempt_time_s=1e-3
)


def random_map(rng, ends=3, inner=3):
    """A map of sites on a plane: the ends first; enough fibres to join them all."""
    names = [f"e{i}" for i in range(ends)] + [f"s{i}" for i in range(inner)]
    places = rng.uniform(0, 100, (len(names), 2))
    lengths = np.linalg.norm(places[:, None] - places[None], axis=2)
    order = rng.permutation(len(names))
    pairs = {tuple(sorted((order[i], order[rng.integers(i)]))) for i in range(1, len(names))}
    pairs |= {p for p in combinations(range(len(names)), 2) if rng.random() < 0.4}
    fibres = [(names[i], names[j], round(float(lengths[i, j]), 1)) for i, j in sorted(pairs)]
    return names, fibres


def shortest(names, fibres):
    """From each pair of names to the length and the fibres of the shortest way (Floyd and Warshall)."""
    best = {(a, b): (0.0 if a == b else inf, ()) for a in names for b in names}
    for number, (a, b, km) in enumerate(fibres):
        best[a, b] = best[b, a] = min(best[a, b], (km, (number,)))
    for via, a, b in product(names, names, names):
        length = best[a, via][0] + best[via, b][0]
        if length < best[a, b][0] - 1e-9:
            best[a, b] = length, best[a, via][1] + best[via, b][1]
    return best


def ways(demand, names, hosts, best, max_link_km, max_repeaters):
    """Every path of a demand, with what stands on it: names, roles."""
    roles = [r for r in hosts if r != "trusted" or demand.kind == "key"]
    for size in range((len(names) if max_repeaters is None else max_repeaters) + 1):
        for inner in permutations([n for n in names if n.startswith("s")], size):
            path = (demand.a, *inner, demand.b)
            if all(best[a, b][0] <= max_link_km for a, b in pairwise(path)):
                yield from ((path, given) for given in product(roles, repeat=size))


def needs(demand, path, roles, best):
    """Pairs of each hop for a unit delivered; none if it is not good enough."""
    nodes = {n: PARTS.node(Site(n), "repeater") for n in path}
    hops = [PARTS.link(nodes[a], nodes[b], best[a, b][0]) for a, b in pairwise(path)]
    cuts = [0, *(i + 1 for i, role in enumerate(roles) if role == "trusted"), len(hops)]
    found = []
    for first, last in pairwise(cuts):
        state = evaluate(chain(hops[first:last]))
        fraction = secret_fraction(state.qber("Z"), state.qber("X")) if demand.kind == "key" else 1.0
        if state.fidelity < (demand.min_fidelity or 0) - 1e-9 or not fraction:
            return None
        found += [1 / fraction] * (last - first)
    return found


def brute_force(names, fibres, demands, costs, *, hosts, max_link_km, max_repeaters, paths, per_repeater):
    best = shortest(names, fibres)
    choices = []
    for demand in demands:
        own = []
        for path, roles in ways(demand, names, hosts, best, max_link_km, max_repeaters):
            if (each := needs(demand, path, roles, best)) is not None:
                own.append((path, roles, each))
        groups = [
            group
            for group in combinations(own, paths)
            if all(not set(x[0][1:-1]) & set(y[0][1:-1]) and len(x[0]) + len(y[0]) > 4
                   for x, y in combinations(group, 2))
        ]  # fmt: skip
        choices.append(groups)
    return min((cost_of(c, demands, costs, best, fibres, per_repeater) for c in product(*choices)), default=inf)


def cost_of(choice, demands, costs, best, fibres, per_repeater):
    standing, served, loads = {}, {}, {}
    for demand, group in zip(demands, choice, strict=True):
        for path, roles, each in group:
            for name, role in zip(path[1:-1], roles, strict=True):
                if standing.setdefault(name, role) != role:
                    return inf
                served[name] = served.get(name, 0) + 1
            for a, b, need in zip(path, path[1:], each, strict=False):
                key = frozenset((a, b))
                loads[key] = loads.get(key, 0.0) + (demand.rate_hz or 0.0) * need
    if per_repeater is not None and max(served.values(), default=0) > per_repeater:
        return inf
    lit, channels = set(), 0
    for key, load in loads.items():
        length, through = best[tuple(key)]
        lit |= set(through)
        channels += max(1, ceil(load / (500 * 10 ** (-0.02 * length)) - 1e-9))
    ends = {name for demand in demands for name in demand.nodes}
    bought = [*standing.values(), *["source"] * channels]
    each = {what: getattr(costs, what) for what in bought}
    devices = sum(bought_together(price, bought.count(what), costs.learning_rate) for what, price in each.items())
    return devices + costs.node * len(ends | {*standing}) + costs.fibre_per_km * sum(fibres[f][2] for f in lit)


def bought_together(price, number, learning_rate):
    """The n-th costs n^log₂(1 − rate) of the first, added one by one."""
    return sum(price * (1 - learning_rate) ** np.log2(n) for n in range(1, number + 1))


CASES = {
    "devices alone": ({}, Costs(repeater=1), {"hosts": ("repeater",), "max_repeaters": 2}),
    "two paths": ({}, Costs(repeater=1, node=0.1), {"hosts": ("repeater",), "paths": 2, "max_link_km": 120}),
    "few paths a repeater": ({}, Costs(repeater=1), {"hosts": ("repeater",), "per_repeater": 1}),
    "fibres and links": (
        {"rate_hz": 60.0},
        Costs(repeater=20, node=5, source=3, fibre_per_km=0.5),
        {"hosts": ("repeater",)},
    ),
    "floors": (
        {"rate_hz": 30.0, "min_fidelity": 0.94},
        Costs(repeater=10, source=5),
        {"hosts": ("repeater",), "max_link_km": 80},
    ),
    "keys": (
        {"kind": "key", "rate_hz": 40.0},
        Costs(repeater=20, trusted=6, source=5, fibre_per_km=0.1),
        {"hosts": ("repeater", "trusted"), "max_link_km": 60},
    ),
    "prices that fall": (
        {"kind": "key", "rate_hz": 40.0},
        Costs(repeater=14, trusted=10, node=1, source=5, fibre_per_km=0.1, learning_rate=0.3),
        {"hosts": ("repeater", "trusted"), "max_link_km": 60},
    ),
    "channels that get cheaper": (
        {"rate_hz": 300.0},
        Costs(repeater=30, source=8, learning_rate=0.2),
        {"hosts": ("repeater",), "max_link_km": 90},
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("number", range(4))
def test_no_plan_is_cheaper(rng, case, number):
    """Every plan on a map of six sites, costed by itself."""
    names, fibres = random_map(rng)
    wanted, costs, options = CASES[case]
    options = {"max_link_km": 70.0, "max_repeaters": 3, "paths": 1, "per_repeater": None, **options}
    demands = [Demand("e0", "e1", **wanted), Demand("e1", "e2", **wanted)]
    expected = brute_force(names, fibres, demands, costs, **options)
    hosts = options.pop("hosts")
    sites = [Site(n, hosts=hosts if n.startswith("s") else ()) for n in names]
    options["paths_per_repeater"] = options.pop("per_repeater")
    if expected == inf:
        with pytest.raises(NoPlan, match="there is no plan"):
            plan_network(sites, fibres, demands, parts=PARTS, costs=costs, **options)
        return
    plan = plan_network(sites, fibres, demands, parts=PARTS, costs=costs, **options)
    assert plan.cost == pytest.approx(expected)
    assert plan.proven
    assert len(plan.paths) == len(demands) * options["paths"]
    if wanted.get("rate_hz") and options["paths"] == 1:  # what is planned carries what is wanted
        assert plan.network.capacity(demands).scale >= 1 - 1e-6


LINE = ["a", "r", "s", "t", "b"]
LINE_FIBRES = [("a", "r", 40), ("r", "s", 40), ("s", "t", 40), ("t", "b", 40)]


def test_a_plan_is_a_network(tmp_path, seed):
    """It is saved and loaded, and runs with its demands."""
    demands = [Demand("a", "b", rate_hz=40), Demand("a", "s", rate_hz=10)]
    costs = Costs(node=1, repeater=10, source=4, fibre_per_km=0.1, opex_per_year=0.1)
    plan = plan_network(LINE, LINE_FIBRES, demands, parts=PARTS, costs=costs, use=0.5, name="line")
    plan.network.save(tmp_path / "plan.toml")
    assert Network.load(tmp_path / "plan.toml") == plan.network
    assert plan.network.nodes["a"].role == "end"
    assert {name for name, node in plan.network.nodes.items() if node.role == "repeater"} == set(plan.built)
    assert sum(link.channels for link in plan.links) == len(plan.network.links) == plan.counts.source
    assert plan.network.capacity(demands).scale >= 2 - 1e-6  # half of the pairs are planned with
    assert plan.cost == pytest.approx(sum(plan.items.values()))
    # What demands pay together is what it costs.
    paid = sum(each * d.rate_hz * 3 * 365.25 * 86400 for d, each in plan.cost_per_unit(3).items())
    assert paid == pytest.approx(plan.total(3)) == pytest.approx(plan.cost * 1.3)
    low, high = plan.sensitivity(0.5)["repeater"]
    assert high - plan.cost == pytest.approx(plan.cost - low) == pytest.approx(0.5 * plan.items["repeater"])
    again = plan.sensitivity(0.5, replan=True)
    assert all(again[price][end] <= fixed[end] + 1e-9 for price, fixed in plan.sensitivity(0.5).items()
               for end in (0, 1))  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_link_km": 30}, "max_link_km is 30, 40 would do"),
        (
            {"max_link_km": 50, "max_repeaters": 1},
            "max_link_km is 50, 80 would do; or max_repeaters is 1, 3",
        ),
        ({"budget": 2, "max_link_km": 50}, "budget is 2, the cheapest plan found without it costs 3"),
        ({"paths": 2, "max_link_km": 50}, "paths is 2, 1 would do"),
        ({"min_fidelity": 0.95, "max_link_km": 50}, "min_fidelity is 0.95"),
        ({"budget": 0.5, "max_link_km": 50, "max_repeaters": 1, "paths": 2}, "together: .*paths=2"),
    ],
)
def test_what_is_in_the_way_is_told(options, said):
    demand = Demand("a", "b", min_fidelity=options.pop("min_fidelity", None))
    with pytest.raises(NoPlan, match=said):
        plan_network(LINE, LINE_FIBRES, [demand], parts=PARTS, costs=Costs(repeater=1), **options)


def test_a_budget_is_compared_with_what_a_plan_costs_when_prices_fall():
    """Three repeaters and four sources: 3 + .8 … and not 43 at the prices of the first; less is refused."""
    costs, options = Costs(source=10, repeater=1, learning_rate=0.2), {"parts": PARTS, "max_link_km": 50}
    least = bought_together(10, 4, 0.2) + bought_together(1, 3, 0.2)
    for budget in (None, least + 0.01):
        plan = plan_network(LINE, LINE_FIBRES, [Demand("a", "b")], costs=costs, budget=budget, **options)
        assert plan.cost == pytest.approx(least) == pytest.approx(plan.at_least)
        assert plan.proven
    with pytest.raises(NoPlan, match=f"budget is .*, the cheapest plan found without it costs {least:.6g}$"):
        plan_network(LINE, LINE_FIBRES, [Demand("a", "b")], costs=costs, budget=least - 0.01, **options)
    with pytest.raises(ValueError, match=r"fibres\[1\]: length_km .* got -5"):
        plan_network(LINE, [*LINE_FIBRES[:1], ("a", "b", -5)], [Demand("a", "b")], costs=costs)


def test_the_best_that_can_be_had_is_told():
    """The floor that would do is the fidelity of the best path, rounded down to three digits."""
    options = {"parts": PARTS, "costs": Costs(repeater=1), "max_link_km": 50}
    reached = plan_network(LINE, LINE_FIBRES, [Demand("a", "b")], **options).paths[0].fidelity
    with pytest.raises(NoPlan) as told:
        plan_network(LINE, LINE_FIBRES, [Demand("a", "b", min_fidelity=0.95)], **options)
    floor = float(str(told.value).rsplit(", ", 1)[1].split()[0])
    assert floor <= reached < floor + 0.0010001


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"costs": {"repeater": -1}}, "repeater must be a finite number, at least 0"),
        ({"costs": {}}, "at least one price above zero"),
        ({"fibres": [("a", "x", 3)]}, "a site must be one of"),
        ({"fibres": [("a", "b")]}, "must be a Fibre"),
        ({"fibres": [("a", "b", 0)]}, "length_km must be above zero"),
        ({"demands": [Demand("a", "z")]}, "a node must be one of"),
        (
            {"demands": [Demand("a", "b", rate_hz=1)], "fibres": [ElementaryLink(Node("a"), Node("b"))]},
            "does not say how its pairs come",
        ),
        ({"demands": [Demand("a", "b", count=3)]}, "must say what it wants by rate_hz"),
        ({"fibres": LINE_FIBRES[:-1]}, "cannot be served even alone"),
        ({"sites": ["a", "a", "b"]}, "two sites are named"),
        ({"parts": 7}, "have a method"),
        ({"paths": 0}, "paths must be a whole number"),
        ({"name": None}, "name must be the name of the network, got None"),
    ],
)
def test_refusals(change, said):
    given = {"sites": LINE, "fibres": LINE_FIBRES, "demands": [Demand("a", "b")], "parts": PARTS,
             "costs": {"repeater": 1}, **change}  # fmt: skip
    with pytest.raises((ValueError, TypeError), match=said):
        plan_network(
            given.pop("sites"), given.pop("fibres"), given.pop("demands"),
            **{**given, "costs": Costs(**given["costs"])},
        )  # fmt: skip


def test_wavelengths_and_learning():
    """Five channels need two pairs of fibres of four wavelengths; the second of two devices costs a fifth less."""
    parts = Equipment(success_probability=1.0, attempt_time_s=1e-2)  # 100 pairs a second, less the fibre's loss
    costs = Costs(source=1, fibre_per_km=1)
    rate = 100 * 10 ** (-0.02 * 50)
    demand = [Demand("a", "b", rate_hz=4.5 * rate)]
    plan = plan_network(["a", "b"], [("a", "b", 50)], demand, parts=parts, costs=costs, wavelengths=4)
    assert plan.counts == Counts(node=2, source=5, fibre_km=100.0)
    assert plan.lit == {Fibre("a", "b", 50): 2}
    assert Costs(repeater=10, learning_rate=0.2).of("repeater", 4) == pytest.approx(
        10 * (1 + 0.8 + 0.8 ** np.log2(3) + 0.64)
    )


@pytest.mark.parametrize("rate", [1e-3, 0.2, 0.5, 0.5 + 1e-15, 0.9])
def test_many_pieces_are_added_by_a_formula(rate):
    """Term by term, and where that would fill the memory, between the integrals that bound a falling sum."""
    costs, power = Costs(source=3, learning_rate=rate), np.log2(1 - rate)
    for number in (999, 1001, 30_000):
        each = 3 * np.arange(1, number + 1, dtype=np.longdouble) ** power
        assert costs.of("source", number) == pytest.approx(float(each.sum()), rel=1e-13)
    number = 10**12
    beyond = 3 * quad(lambda u: np.exp((power + 1) * u), np.log(1001), np.log(number))[0]
    first = costs.of("source", 1000)
    assert first + beyond < costs.of("source", number) < first + beyond + 3 * 1001.0**power


def test_a_satellite_is_built_where_it_pays():
    """A double downlink that is given joins two islands of fibre; its stations are counted."""
    parts = Equipment(success_probability=1.0, attempt_time_s=1e-3)
    nodes = {name: Node(name) for name in ("x", "y")}
    space = Node("sat", role="satellite")
    down = [ElementaryLink(nodes[n], space, success_probability=0.5, attempt_time_s=1e-3) for n in ("x", "y")]
    sites = ["a", Site("x", hosts=("repeater",)), Site("y", hosts=("repeater",)), "b", space]
    fibres = [("a", "x", 20), ("y", "b", 20), ("x", "y", 2000), *down]
    costs = Costs(repeater=1, satellite=50, ground_station=5, source=1, fibre_per_km=0.1)
    plan = plan_network(sites, fibres, [Demand("a", "b", rate_hz=1)], parts=parts, costs=costs)
    assert plan.paths[0].sites == ("a", "x", "sat", "y", "b")
    assert (plan.counts.satellite, plan.counts.ground_station, plan.counts.repeater) == (1, 2, 2)
    assert plan.cost == pytest.approx(50 + 10 + 2 + 4 + 4)
    assert plan.network.nodes["sat"] == space


def test_spacing_is_where_a_kilometer_costs_least():
    costs = Costs(source=2, repeater=30, node=10)
    lengths = np.linspace(5, 150, 20_001)
    per_km = (2 * 8 * 10 ** (0.02 * lengths) + 40) / lengths
    assert best_spacing_km(costs, rate_hz=80, channel_hz=10) == pytest.approx(lengths[per_km.argmin()], abs=0.02)
    with pytest.raises(ValueError, match="price of a source"):
        best_spacing_km(Costs(repeater=1), rate_hz=1, channel_hz=1)
    with pytest.raises(TypeError, match="costs must be Costs, got None"):
        best_spacing_km(None, rate_hz=1, channel_hz=1)


@pytest.mark.parametrize(
    "numbers", [{"rate_hz": 1e-320}, {"attenuation_db_per_km": 1e-320}, {"attenuation_db_per_km": 1e308}]
)
def test_a_spacing_that_no_float_holds_is_refused(numbers):
    with pytest.raises(ValueError, match="too large or too small"):
        best_spacing_km(Costs(source=1, repeater=5), **{"rate_hz": 10, "channel_hz": 10, **numbers})


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda costs: costs.of("repeaters", 2), "price must be one of .*got 'repeaters' .did you mean 'repeater'"),
        (lambda costs: costs.of("repeater", -1), "number must be a finite number, at least 0, got -1"),
        (lambda costs: costs.of("repeater", inf), "number must be a finite number"),
        (lambda costs: costs.items(3), "counts must be Counts, got 3"),
        (lambda costs: costs.total(Counts(repeater=1), -1), "years must be a finite number, at least 0, got -1"),
        (lambda costs: costs.total(Counts(repeater=1), "3"), "years must be a finite number, at least 0, got '3'"),
    ],
)
def test_costs_refuse_what_is_no_number_of_anything(ask, said):
    with pytest.raises((ValueError, TypeError), match=said):
        ask(Costs(repeater=1, learning_rate=0.1))


@pytest.mark.parametrize("node", [0, 400])
def test_a_line_is_planned_at_the_best_spacing(node):
    """Sites every 10 km of 240 km: as many hops as cost least at equal distances, which is near the closed form."""
    sites = [f"n{i}" for i in range(25)]
    fibres = [(a, b, 10) for a, b in pairwise(sites)]
    parts = Equipment(success_probability=1.0, attempt_time_s=1.0)
    costs = Costs(source=1, repeater=node or 1e-6)
    plan = plan_network(sites, fibres, [Demand("n0", "n24", rate_hz=1000)], parts=parts, costs=costs)
    least = min(
        sum(ceil(1000 * 10 ** (0.02 * 10 * hop) - 1e-9) for hop in hops) + (len(hops) - 1) * costs.repeater
        for hops in ([24 // n + (i < 24 % n) for i in range(n)] for n in range(1, 25))
    )
    assert plan.cost == pytest.approx(least)
    spacing = 240 / len(plan.paths[0].links)
    assert abs(spacing - best_spacing_km(costs, rate_hz=1000, channel_hz=1)) < 5


def test_front_holds_what_nothing_beats():
    demands = [Demand("a", "b", rate_hz=20)]
    options = {"parts": PARTS, "costs": Costs(repeater=10, source=4), "max_link_km": 80}
    front = pareto_front(LINE, LINE_FIBRES, demands, scales=(1, 4), fidelities=(None, 0.92, 0.99), **options)
    assert [point.scale for point in front] == sorted(point.scale for point in front)
    assert all(x.plan.cost < y.plan.cost for x, y in pairwise(front))
    with pytest.raises(NoPlan):
        pareto_front(LINE, LINE_FIBRES, demands, fidelities=(0.99,), **options)


def test_a_lower_floor_for_all_beats_no_higher_one_of_a_demand_by_itself():
    options = {"parts": PARTS, "costs": Costs(repeater=10, source=4), "max_link_km": 80, "scales": (1,)}
    strict = [Demand("a", "b", rate_hz=20, min_fidelity=0.9)]
    (point,) = pareto_front(LINE, LINE_FIBRES, strict, fidelities=(0.5, None, 0.5), **options)
    assert (point.min_fidelity, point.plan.paths[0].demand.min_fidelity) == (None, 0.9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scales": []}, "scales must hold at least one value"),
        ({"scales": [1, -2]}, "scales.1. must be a finite number, at least 0, got -2"),
        ({"fidelities": []}, "fidelities must hold at least one value"),
        ({"fidelities": 0.9}, "fidelities must be a list of numbers in .0, 1., or None, got 0.9"),
        ({"fidelities": [0.9, True]}, "fidelities.1. must be a number in .0, 1., got True"),
        ({"demands": None}, "demands must be a list of Demand objects, got None"),
        ({"demands": [1]}, "demands.0. must be a Demand, got 1"),
    ],
)
def test_fronts_refuse(change, said):
    given = {"demands": [Demand("a", "b", rate_hz=20)], "parts": PARTS, "costs": Costs(source=4), **change}
    with pytest.raises((ValueError, TypeError), match=said):
        pareto_front(LINE, LINE_FIBRES, given.pop("demands"), **given)


@pytest.mark.parametrize("objects", [1, 2])
def test_a_demand_that_is_listed_twice_is_two(objects):
    """Each of them pays for its own half, and none is served before it is built."""
    demand = Demand("a", "b", rate_hz=20)
    demands = [demand, demand] if objects == 1 else [demand, Demand("a", "b", rate_hz=20)]
    costs = Costs(repeater=10, source=4)
    plan = plan_network(LINE, LINE_FIBRES, demands, parts=PARTS, costs=costs, max_link_km=80)
    (each,) = plan.cost_per_unit(years=1).values()
    assert each * 40 * 365.25 * 86400 == pytest.approx(plan.cost)
    assert [len(year.served) for year in roll_out(plan, budget_per_year=plan.cost / 10, years=1)] == [0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"plan": None}, "plan must be a NetworkPlan"),
        ({"weights": 3}, "weights must be a mapping from the plan's demands to numbers, got 3"),
        ({"weights": {}}, "Demand.'a', 'b', rate_hz=20.0. has none"),
        ({"weights": {Demand("a", "b", rate_hz=20): 1, Demand("a", "r"): 1}}, "Demand.'a', 'r'. is not among them"),
        ({"weights": {Demand("a", "b", rate_hz=20): "1"}}, "must be a finite number, at least 0, got '1'"),
        ({"time_limit_s": -1}, "time_limit_s must be a finite number, at least 0, got -1"),
        ({"time_limit_s": "3"}, "time_limit_s must be a finite number, at least 0, got '3'"),
    ],
)
def test_roll_out_refuses(change, said):
    demands = [Demand("a", "b", rate_hz=20)]
    plan = plan_network(LINE, LINE_FIBRES, demands, parts=PARTS, costs=Costs(source=4), max_link_km=80)
    given = {"plan": plan, "budget_per_year": 10, "years": 2, **change}
    with pytest.raises((ValueError, TypeError), match=said):
        roll_out(given.pop("plan"), **given)


@pytest.mark.parametrize("budget", [25.0, 40.0, 1000.0])
def test_roll_out_serves_as_much_as_any_order(budget):
    """Every choice of whom to serve by each year, with what that costs at least."""
    demands = [Demand("a", "r", rate_hz=5), Demand("a", "s", rate_hz=5), Demand("s", "b", rate_hz=60)]
    costs = Costs(node=2, repeater=5, source=3, fibre_per_km=0.1)
    sites = [Site(name, hosts=() if name in "ab" else ("repeater",)) for name in LINE]
    plan = plan_network(sites, LINE_FIBRES, demands, parts=PARTS, costs=costs, max_link_km=50)
    years = roll_out(plan, budget_per_year=budget, years=3)
    pieces = plan.pieces()

    def price(served):
        things, loads = set(), {}
        for path in plan.paths:
            if path.demand in served:
                things |= {x for x in plan.pieces_of(path) if x[0] != "link"}
                for link, takes in zip(path.links, path.takes_hz, strict=True):
                    loads[link] = loads.get(link, 0) + takes
        channels = sum(max(1, ceil(load / plan.links[i].rate_hz - 1e-9)) for i, load in loads.items())
        return sum(pieces[x] for x in things) + 3 * channels

    sets = [set(s) for n in range(4) for s in combinations(demands, n)]
    best = max(
        len(x) + len(y) + len(z)
        for x, y, z in product(sets, repeat=3)
        if x <= y <= z and all(price(s) <= budget * (i + 1) + 1e-9 for i, s in enumerate((x, y, z)))
    )
    assert sum(len(year.served) for year in years) == best
    spent = np.cumsum([year.spent for year in years])
    assert all(spent <= budget * np.arange(1, 4) + 1e-6)
    assert spent[-1] == pytest.approx(price(set(years[-1].served)))
    if budget == 1000:
        assert set(years[0].served) == set(demands)
        assert spent[-1] == pytest.approx(plan.cost)
