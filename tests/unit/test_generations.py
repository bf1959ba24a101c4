"""Generations of repeaters: each line beside the whole chain of its nodes, and beside closed forms."""

from itertools import pairwise, product

import numpy as np
import pytest
from quantumlink_circuits import known_code

from quantumlink import Memory, Node, Processor, chain, encode, evaluate, forecast, swap
from quantumlink.network.planning import Costs, Equipment, compare_generations, generation_map
from quantumlink.rates import secret_fraction

PARTS = Equipment(
    memory=Memory(t2_s=2.0), processor=Processor(gate_2q_s=1e-5), fidelity=0.97, success_probability=0.4
)
COSTS = Costs(source=1.0, repeater=20.0, node=3.0, fibre_per_km=0.1)


def whole(length_km, error, code, rounds, hops):
    """The line node by node, no hop taken for another."""
    processor = Processor(depolarizing_2q=error, readout_error=error, gate_2q_s=1e-5)
    nodes = [Node(f"x{i}", memory=PARTS.memory, processor=processor) for i in range(hops + 1)]
    layer = [chain([PARTS.link(a, b, length_km / hops)], purify_rounds=rounds) for a, b in pairwise(nodes)]
    layer = layer if code is None else [encode(hop, code) for hop in layer]
    while len(layer) > 1:
        layer = [swap(a, b) for a, b in zip(layer[::2], layer[1::2], strict=True)]
    return layer[0]


@pytest.mark.parametrize("code", [None, "five_qubit"])
def test_lines_are_the_cheapest_of_all_that_are_built_node_by_node(code):
    """Every number of hops and rounds, with the cost counted by hand."""
    length_km, error, rounds, hops = 160.0, 5e-4, (0, 1), (2, 4, 8)
    codes = () if code is None else (code,)
    found = compare_generations(length_km, error, costs=COSTS, parts=PARTS, codes=codes, rounds=rounds, hops=hops)
    for line in found:
        if line.code != code:
            continue
        costs = []
        for n in hops:
            link = whole(length_km, error, code, line.rounds, n)
            price = 1.0 * link.pairs + 20.0 * (n - 1) + 3.0 * (n + 1) + 0.1 * length_km
            costs.append(price / forecast(link).secret_key_rate_hz if forecast(link).secret_key_rate_hz else np.inf)
        assert line.cost_per_secret_hz == pytest.approx(min(costs), rel=1e-9)
        assert line.hops == hops[int(np.argmin(costs))]
    ranked = [line.cost_per_secret_hz for line in found]
    assert ranked == sorted(ranked)


def test_perfect_gates_and_memories_give_the_closed_form():
    """Werner pairs of w = (4F − 1)/3 swapped n times have w^n; one link alone makes p pairs an attempt."""
    parts = Equipment(fidelity=0.98, success_probability=0.4, attempt_time_s=1e-4)
    (line,) = compare_generations(50, 0.0, costs=Costs(source=5), parts=parts, codes=(), rounds=(0,), hops=(1,))
    p, q = 0.4 * 10 ** (-0.2 * 50 / 10), 2 * 0.02 / 3
    assert line.forecast.rate_hz == pytest.approx(p / 1e-4)
    assert line.cost_per_secret_hz == pytest.approx(5 / (p / 1e-4 * secret_fraction(q, q)))
    for hops in (2, 16):
        (line,) = compare_generations(
            50, 0.0, costs=Costs(source=5), parts=parts, codes=(), rounds=(0,), hops=(hops,)
        )
        w = (4 * 0.98 - 1) / 3
        assert line.forecast.fidelity == pytest.approx((1 + 3 * w**hops) / 4)
        assert line.cost == 5 * hops


def test_encoded_lines_have_the_state_that_evaluate_finds_where_nobody_waits():
    parts = Equipment(fidelity=0.96, success_probability=1.0)
    (line, *_) = (
        x
        for x in compare_generations(
            1e-3, 1e-3, costs=Costs(source=1), parts=parts, codes=("five_qubit",), rounds=(0,), hops=(4,)
        )
        if x.code
    )
    nodes = [Node(f"x{i}", processor=Processor(depolarizing_2q=1e-3, readout_error=1e-3)) for i in range(5)]
    hops = [encode(parts.link(a, b, 2.5e-4), "five_qubit") for a, b in pairwise(nodes)]
    state = evaluate(swap(swap(*hops[:2]), swap(*hops[2:])))
    assert line.forecast.fidelity == pytest.approx(state.fidelity, abs=1e-12)
    assert line.channels == 5
    assert line.counts.source == 20


@pytest.mark.parametrize(
    ("name", "hops", "fidelity", "p"), [("five_qubit", 2, 0.97, 0.3), ("steane", 4, 0.98, 0.2)]
)
def test_encoded_lines_with_perfect_gates_by_hand(name, hops, fidelity, p):
    """All 4ⁿ errors of a hop's pairs, then those of the swapped hops; the slowest of all pairs decides."""
    parts, costs = (
        Equipment(fidelity=fidelity, success_probability=p, attempt_time_s=1e-4),
        Costs(source=3, repeater=7),
    )
    found = compare_generations(1e-9, 0.0, costs=costs, parts=parts, codes=(name,), rounds=(0,), hops=(hops,))
    (line,) = (line for line in found if line.code)
    left = hop = logical_errors(known_code(name), fidelity)
    for _ in range(hops - 1):
        left = np.array([sum(left[i] * hop[i ^ k] for i in range(4)) for k in range(4)])
    assert line.forecast.fidelity == pytest.approx(left[0], abs=1e-10)
    n = known_code(name).qubits
    tries = sum(1 - (1 - (1 - p) ** k) ** (n * hops) for k in range(2000))
    assert line.forecast.latency_s == pytest.approx(tries * 1e-4, rel=5e-4)
    cost = (3 * n * hops + 7 * (hops - 1)) * tries * 1e-4 / secret_fraction(left[1] + left[3], left[2] + left[3])
    assert line.cost_per_secret_hz == pytest.approx(cost, rel=5e-4)


def logical_errors(code, fidelity):
    """Probabilities of no logical error, Z, X and both, each syndrome blamed on its lightest error."""
    errors = np.array(list(product(range(4), repeat=code.qubits)))  # none, Z, X, both
    x, z = errors >= 2, errors % 2 == 1

    def turned(string):
        own_x, own_z = (np.array([letter in letters for letter in string]) for letters in ("XY", "ZY"))
        return (x.astype(int) @ own_z + z.astype(int) @ own_x) % 2

    syndromes = sum(turned(string) << i for i, string in enumerate(code.stabilizers))
    lightest = {}
    for k in np.argsort((errors > 0).sum(axis=1), kind="stable"):
        lightest.setdefault(syndromes[k], k)
    blamed = [lightest[s] for s in syndromes]
    classes = sum(w * (t ^ t[blamed]) for w, t in ((2, turned(code.logical_z[0])), (1, turned(code.logical_x[0]))))
    chances = np.where(errors == 0, fidelity, (1 - fidelity) / 3).prod(axis=1)
    return np.bincount(classes, chances, minlength=4)


def test_how_far_encoded_lines_may_be_off_is_told_as_of_the_same_line_node_by_node():
    options = {"costs": COSTS, "parts": PARTS, "codes": ("five_qubit",), "rounds": (0,), "hops": (2,)}
    with pytest.warns(UserWarning, match="five_qubit over 2 hops of 80 km may come out too low by up to 0.002$"):
        compare_generations(160, 3e-3, **options)
    with pytest.warns(UserWarning, match=r"may come out too low by up to 0\.002"):
        forecast(whole(160, 3e-3, "five_qubit", 0, 2))


def test_worse_gates_and_longer_lines_cost_more():
    found = generation_map((50, 200), (1e-4, 1e-2), costs=COSTS, parts=PARTS, codes=(), hops=(1, 2, 4, 8))
    cost = found.cost_per_secret_hz
    assert (np.diff(cost, axis=0) >= 0).all()
    assert (np.diff(cost, axis=1) > 0).all()
    assert set(found.ways) <= {line.way for row in found.lines for cell in row for line in cell}
    axes = found.plot()
    assert len(axes.texts) == 4


def test_where_no_way_has_a_key_the_map_says_so():
    poor = Equipment(fidelity=0.6, success_probability=0.5)
    found = generation_map((100,), (0.1,), costs=COSTS, parts=poor, codes=(), rounds=(0,), hops=(1, 2))
    assert found.best(0, 0) is None
    assert found.ways == ()
    assert found.plot().texts[0].get_text() == "no key"


def test_a_hop_that_makes_hardly_a_pair_in_the_age_of_the_universe_is_followed():
    """800 km of fibre let one photon in 10¹⁶ through: beyond the grid of times, and no reason to fail."""
    (line,) = compare_generations(800, 1e-3, costs=COSTS, parts=PARTS, codes=(), rounds=(1,), hops=(1,))
    assert line.cost_per_secret_hz > 1e12


WRONG = [
    ({"hops": (3,)}, "hops[0] must be a power of two, got 3"),
    ({"hops": ()}, "at least one"),
    ({"rounds": ()}, "at least one"),
    ({"rounds": (-1,)}, "rounds[0]"),
    ({"length_km": -5}, "length_km"),
    ({"gate_error": 1.5}, "gate_error"),
    ({"codes": ("stean",)}, "stean"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_refusals_name_the_argument(change, said):
    options = {"length_km": 100, "gate_error": 1e-3, "costs": COSTS, "parts": PARTS, "codes": (), **change}
    with pytest.raises(ValueError, match=said.replace("[", r"\[").replace("]", r"\]")):
        compare_generations(**options)
