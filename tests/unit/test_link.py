"""Links as expressions: what may be joined, when two are equal, and how deep they may be."""

import pickle
import re
from itertools import pairwise, product
from math import nan

import numpy as np
import pytest

import quantumlink as ql
from quantumlink.hardware import (
    Arms,
    Detector,
    HeraldedPair,
    MidpointBellMeasurement,
    MidpointSource,
    NodeSource,
    SinglePhotonHeralding,
)
from quantumlink.link import Purify, Swap, distinct_links

a, b, c, d = (ql.Node(name) for name in "abcd")
ab, bc, cd = (ql.ElementaryLink(*ends, fidelity=0.9) for ends in ((a, b), (b, c), (c, d)))


def hops(count, **options):
    nodes = [ql.Node(f"n{i}") for i in range(count + 1)]
    return [ql.ElementaryLink(*pair, **options) for pair in pairwise(nodes)]


# --- elementary links


def test_the_state_is_werner_bell_diagonal_or_perfect():
    assert ql.ElementaryLink(a, b).bell_diagonal == (1, 0, 0, 0)
    werner = ql.ElementaryLink(a, b, fidelity=0.7)
    assert werner.bell_diagonal == pytest.approx((0.7, 0.1, 0.1, 0.1), abs=1e-15)
    assert werner.fidelity == 0.7
    populations = (0.4, 0.3, 0.2, 0.1)
    assert ql.ElementaryLink(a, b, bell_diagonal=populations).bell_diagonal == populations
    assert ql.ElementaryLink(a, b, bell_diagonal=np.array(populations)).bell_diagonal == populations


def test_the_ends_of_the_range_are_allowed():
    assert ql.evaluate(ql.ElementaryLink(a, b, fidelity=0.25)).fidelity == pytest.approx(0.25, abs=1e-15)
    assert ql.evaluate(ql.ElementaryLink(a, b, fidelity=1)).fidelity == 1
    assert ql.evaluate(ql.ElementaryLink(a, b, bell_diagonal=(0, 0, 0, 1))).fidelity == 0


@pytest.mark.parametrize(
    "populations",
    [
        (0.0, 0.7, 0.2, 0.1),  # the sum of the last three rounds to 0.9999999999999999
        (0.0, 0.1, 0.2, 0.7),  # and in this order to 1
        (0.0, 1 / 3, 1 / 3, 1 / 3),
        (0.0, 0.6, 0.3, 0.1),
        (0.0, 0.5, 0.5, 5e-10),  # within the tolerance of the sum
        (0.5, 0.25, 0.25, -0.0),
        (1 - 1e-10, 0.0, 0.0, 0.0),
    ],
)
def test_rounding_in_the_populations_is_no_error_anywhere(populations):
    link = ql.ElementaryLink(a, b, bell_diagonal=populations)
    # Tolerated: 1e-9 on the sum (as documented in `validation`), so that much on a population.
    for state in (ql.evaluate(link), ql.evaluate(ql.compose(link))):
        assert state.bell_diagonal == pytest.approx(populations, abs=2e-9)


def test_reversed_is_the_same_link_told_from_the_other_end():
    link = ql.ElementaryLink(a, b, ql.Fiber(5), bell_diagonal=(0.4, 0.3, 0.2, 0.1), rate_hz=7)
    back = link.reversed()
    assert back.ends == (b, a)
    assert (back.medium, back.bell_diagonal, back.rate_hz) == (link.medium, link.bell_diagonal, 7)
    assert back.reversed() == link
    assert back != link


# --- sources

NOISY = Detector(0.8, dark_count_rate_hz=1e6, misalignment=0.02)
SOURCES = [
    NodeSource("right", fidelity=0.95),
    MidpointSource(mean_pairs=0.1, clock_hz=1e8),
    MidpointBellMeasurement(visibility=0.9),
    SinglePhotonHeralding(0.1),
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: type(source).__name__)
def test_a_source_says_what_the_link_is(source):
    fiber = ql.Fiber(20, depolarization_per_km=1e-3)
    link = ql.ElementaryLink(a, b, fiber, source=source, detector=NOISY)
    pair = source.herald(fiber, detector=NOISY)
    assert link.bell_diagonal == pair.bell_diagonal
    assert (link.attempts.success_probability, link.attempts.time_s) == (
        pair.success_probability,
        pair.attempt_time_s,
    )
    assert (link.source, link.detector) == (source, NOISY)
    # The state is the link's own for every reading.
    for state in (ql.evaluate(link), ql.evaluate(ql.compose(link))):
        assert state.bell_diagonal == pytest.approx(pair.bell_diagonal, abs=2e-9)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: type(source).__name__)
def test_a_link_with_a_source_told_from_the_other_end(source):
    two = not isinstance(source, MidpointBellMeasurement | SinglePhotonHeralding)
    detectors = (NOISY, Detector(0.5)) if two else NOISY
    link = ql.ElementaryLink(
        a, b, Arms(ql.Fiber(5), ql.Fiber(20)), source=source, detector=detectors, multiplexing=3
    )
    back = link.reversed()
    assert back.ends == (b, a)
    assert back.medium == Arms(ql.Fiber(20), ql.Fiber(5))
    assert back.bell_diagonal == pytest.approx(link.bell_diagonal, abs=1e-15)
    assert back.success_probability == pytest.approx(link.success_probability, rel=1e-12)
    assert back.attempt_time_s == link.attempt_time_s
    assert back.reversed() == link
    assert pickle.loads(pickle.dumps(link)) == link


def test_links_with_sources_differ_if_anything_in_them_does():
    make = lambda **changes: ql.ElementaryLink(
        a, b, **{"medium": ql.Fiber(5), "source": MidpointSource(), "detector": NOISY, **changes}
    )
    link = make()
    assert make() == link
    assert hash(make()) == hash(link)
    pair = MidpointSource().herald(ql.Fiber(5), detector=NOISY)
    stated = {"success_probability": pair.success_probability, "attempt_time_s": pair.attempt_time_s}
    others = [
        make(detector=(NOISY, NOISY)),
        make(source=MidpointSource(coupling_efficiency=0.5)),
        make(multiplexing=2),
        ql.ElementaryLink(a, b, ql.Fiber(5), bell_diagonal=pair.bell_diagonal, **stated),
    ]
    assert all(other != link for other in others)


def test_any_object_that_heralds_is_a_source():
    class Beacon:
        def herald(self, medium, *, detector=None):
            return HeraldedPair(0.25 * medium.transmittance, 1e-3, (0.9, 0.1, 0.0, 0.0))

    link = ql.ElementaryLink(a, b, ql.Fiber(50), source=Beacon())
    assert (link.success_probability, link.attempt_time_s, link.fidelity) == (pytest.approx(0.025), 1e-3, 0.9)


@pytest.mark.parametrize("modes", [1, 2, 5])
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_multiplexing_tries_several_modes_at_once(modes, p):
    link = ql.ElementaryLink(a, b, success_probability=p, attempt_time_s=1e-3, multiplexing=modes)
    at_least_one = sum(
        np.prod([p if hit else 1 - p for hit in hits]) for hits in product((0, 1), repeat=modes) if any(hits)
    )
    assert link.attempts.success_probability == pytest.approx(at_least_one, rel=1e-12)
    assert link.attempts.time_s == 1e-3
    assert link.success_probability == p
    assert link.reversed().multiplexing == modes


def test_multiplexing_keeps_the_digits_of_rare_successes():
    link = ql.ElementaryLink(a, b, success_probability=1e-18, attempt_time_s=1.0, multiplexing=1000)
    assert link.attempts.success_probability == pytest.approx(1e-15, rel=1e-12)


# --- equality, hash, sharing


def test_links_are_equal_if_their_trees_are():
    again = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.9)
    assert again == ab
    assert hash(again) == hash(ab)
    assert ql.swap(again, bc) == ql.swap(ab, bc)
    assert hash(ql.swap(again, bc)) == hash(ql.swap(ab, bc))
    assert len({ab, again, bc}) == 2


@pytest.mark.parametrize(
    "other",
    [
        ql.ElementaryLink(a, b, fidelity=0.91),
        ql.ElementaryLink(a, b, ql.Fiber(1), fidelity=0.9),
        ql.ElementaryLink(a, b, fidelity=0.9, rate_hz=1),
        ql.ElementaryLink(a, ql.Node("b", ql.Memory(1, 1)), fidelity=0.9),
        ql.ElementaryLink(b, a, fidelity=0.9),
        ql.purify(ab, ab),
        "a-b",
        None,
    ],
)
def test_links_differ_if_anything_in_them_does(other):
    assert ab != other


def test_trees_of_one_kind_differ_by_what_is_in_them():
    better = ql.ElementaryLink(a, b, fidelity=0.95)
    assert ql.purify(ab, better) != ql.purify(better, ab)
    assert ql.purify(ab, ab) != ql.purify(ab, ab, protocol="bbpssw")
    assert ql.swap(ql.swap(ab, bc), cd) != ql.swap(ab, ql.swap(bc, cd))


def test_sharing_changes_neither_equality_nor_the_number_of_pairs():
    again = ql.ElementaryLink(a, b, fidelity=0.9)
    shared, apart = ql.purify(ab, ab), ql.purify(ab, again)
    assert shared == apart
    assert shared.pairs == apart.pairs == 2
    assert len(shared.elementary_links()) == 2
    assert len(list(distinct_links(shared))) == 2
    assert len(list(distinct_links(apart))) == 3


def test_a_link_shared_by_doubling_stays_cheap():
    # Thirty rounds are 2³⁰ pairs, but thirty distinct objects: equality, hash and evaluation must share them.
    first, second = (ql.chain([ql.ElementaryLink(a, b, fidelity=0.9)], purify_rounds=30) for _ in range(2))
    assert first.pairs == 2**30
    assert first == second
    assert hash(first) == hash(second)
    assert ql.evaluate(first).fidelity == pytest.approx(1, abs=1e-9)  # purification converges


def test_links_can_be_pickled():
    link = ql.purify(ql.swap(ab, bc), ql.swap(ab, bc))
    assert pickle.loads(pickle.dumps(link)) == link


def test_links_are_immutable():
    with pytest.raises(AttributeError):
        ab.rate_hz = 5
    with pytest.raises(AttributeError):
        ql.swap(ab, bc).left = d


# --- swap, purify, chain


def test_swap_joins_at_the_relay():
    link = ql.swap(ab, bc)
    assert isinstance(link, Swap)
    assert (link.ends, link.relay, link.pairs, link.children) == ((a, c), b, 2, (ab, bc))


def test_purify_keeps_the_ends():
    link = ql.purify(ab, ab, protocol="bbpssw")
    assert isinstance(link, Purify)
    assert (link.ends, link.pairs, link.protocol) == ((a, b), 2, "bbpssw")


def shape(link):
    if isinstance(link, ql.ElementaryLink):
        return link.left.name[1:]
    return [shape(child) for child in link.children]


def test_chain_orders():
    five = hops(5)
    assert shape(ql.chain(five, order="sequential")) == [[[["0", "1"], "2"], "3"], "4"]
    assert shape(ql.chain(five, order="balanced")) == [[["0", "1"], ["2", "3"]], "4"]
    assert shape(ql.chain(five)) == shape(ql.chain(five, order="balanced"))
    assert ql.chain(five[:1]) is five[0]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 13])
@pytest.mark.parametrize("order", ["balanced", "sequential"])
def test_every_chain_has_its_hops_in_order(count, order):
    links = hops(count)
    chain = ql.chain(links, order=order)
    assert [*chain.elementary_links()] == links
    assert chain.pairs == count
    assert (chain.left, chain.right) == (links[0].left, links[-1].right)


def test_chain_purifies_each_hop_first():
    links = hops(2)
    chain = ql.chain(links, purify_rounds=2, protocol="bbpssw")
    assert chain.pairs == 8
    for child, hop in zip(chain.children, links, strict=True):
        once = ql.purify(hop, hop, protocol="bbpssw")
        assert child == ql.purify(once, once, protocol="bbpssw")


def test_chains_of_any_iterable_of_links():
    links = hops(3)
    assert ql.chain(tuple(links)) == ql.chain(links)


# --- deep trees

DEPTH = 5000
"""Deeper than Python's recursion limit, five times."""


@pytest.fixture(scope="module")
def deep():
    return ql.chain(hops(DEPTH, fidelity=0.99999), order="sequential")


def test_a_deep_chain_is_read_without_recursion(deep):
    again = ql.chain(hops(DEPTH, fidelity=0.99999), order="sequential")
    assert deep == again
    assert hash(deep) == hash(again)
    assert deep.pairs == len(deep.elementary_links()) == DEPTH
    assert f"{DEPTH} elementary pairs" in repr(deep)
    # Ideal swaps of Werner pairs: F = ¼ + ¾·wᴸ, with 5,000 rounded products.
    w = (4 * 0.99999 - 1) / 3
    assert ql.evaluate(deep).fidelity == pytest.approx(0.25 + 0.75 * w**DEPTH, abs=1e-9)


def test_deep_chains_that_differ_at_the_bottom_are_unequal(deep):
    links = hops(DEPTH, fidelity=0.99999)
    links[0] = ql.ElementaryLink(*links[0].ends, fidelity=0.9)
    assert ql.chain(links, order="sequential") != deep


def test_a_chain_of_many_hops_is_composed_without_recursion():
    # 1,100 hops are deeper than the limit of 1,000 and still compose within a second or two.
    links = hops(1100)
    program = ql.compose(ql.chain(links, order="sequential"))
    assert program.circuit.num_qubits == 2200
    assert program.circuit.count_ops()["measure"] == 2 * 1099


# --- refusals


werner_by_hand = {"fidelity": 0.9, "bell_diagonal": (0.9, 0.1, 0, 0)}
other_b = ql.Node("b", processor=ql.Processor(readout_error=0.1))

REFUSED = [
    (ValueError, lambda: ql.ElementaryLink(a, b, fidelity=0.2), ["fidelity", "0.25", "0.2"]),
    (ValueError, lambda: ql.ElementaryLink(a, b, fidelity=1.01), ["fidelity", "1.01"]),
    (ValueError, lambda: ql.ElementaryLink(a, b, fidelity=nan), ["fidelity", "nan"]),
    (TypeError, lambda: ql.ElementaryLink(a, b, fidelity="0.9"), ["fidelity", "'0.9'"]),
    (ValueError, lambda: ql.ElementaryLink(a, b, bell_diagonal=(0.9, 0.2, 0, 0)), ["bell_diagonal", "sum", "1.1"]),
    (ValueError, lambda: ql.ElementaryLink(a, b, bell_diagonal=(1.1, -0.1, 0, 0)), ["bell_diagonal", "-0.1"]),
    (ValueError, lambda: ql.ElementaryLink(a, b, bell_diagonal=(1, 0, 0)), ["bell_diagonal", "four"]),
    (ValueError, lambda: ql.ElementaryLink(a, b, bell_diagonal=(nan, 0, 0, 1)), ["bell_diagonal", "nan"]),
    (TypeError, lambda: ql.ElementaryLink(a, b, bell_diagonal=0.9), ["bell_diagonal", "0.9"]),
    (TypeError, lambda: ql.ElementaryLink(a, b, bell_diagonal="abcd"), ["bell_diagonal", "'abcd'"]),
    (ValueError, lambda: ql.ElementaryLink(a, b, **werner_by_hand), ["fidelity", "bell_diagonal", "not both"]),
    (ValueError, lambda: ql.ElementaryLink(a, b, rate_hz=-1), ["rate_hz", "-1"]),
    (ValueError, lambda: ql.ElementaryLink(a, b, rate_hz=nan), ["rate_hz", "nan"]),
    (TypeError, lambda: ql.ElementaryLink(a, b, rate_hz="fast"), ["rate_hz", "'fast'"]),
    (TypeError, lambda: ql.ElementaryLink("a", b), ["left", "'a'"]),
    (TypeError, lambda: ql.ElementaryLink(a, None), ["right", "None"]),
    (TypeError, lambda: ql.ElementaryLink(a, b, 25), ["medium", "25"]),
    (ValueError, lambda: ql.ElementaryLink(a, a), ["two different nodes", "'a'"]),
    (ValueError, lambda: ql.ElementaryLink(b, other_b), ["two different nodes", "'b'"]),
    (TypeError, lambda: ql.ElementaryLink(a, b, ql.Fiber(1), source="laser"), ["source", "'laser'"]),
    (TypeError, lambda: ql.ElementaryLink(a, b, ql.Fiber(1), source=NodeSource), ["source", "NodeSource"]),
    (TypeError, lambda: ql.ElementaryLink(a, b, ql.Fiber), ["medium", "Fiber"]),
    (ValueError, lambda: ql.ElementaryLink(a, b, source=NodeSource()), ["source", "medium"]),
    (
        ValueError,
        lambda: ql.ElementaryLink(a, b, ql.Fiber(1), source=NodeSource(), fidelity=0.9, rate_hz=5),
        ["not both", "fidelity=0.9", "rate_hz=5"],
    ),
    (
        ValueError,
        lambda: ql.ElementaryLink(a, b, ql.Fiber(1), source=NodeSource(), attempt_time_s=1),
        ["not both", "attempt_time_s=1"],
    ),
    (ValueError, lambda: ql.ElementaryLink(a, b, ql.Fiber(0), source=NodeSource()), ["no time", "clock_hz"]),
    (
        ValueError,
        lambda: ql.ElementaryLink(a, b, ql.Fiber(20_000), source=NodeSource()),
        ["no attempt ever", "20000"],
    ),
    (ValueError, lambda: ql.ElementaryLink(a, b, ql.Fiber(1), detector=Detector()), ["detector", "source"]),
    (
        TypeError,
        lambda: ql.ElementaryLink(a, b, ql.Fiber(1), source=NodeSource(), detector=0.9),
        ["detector", "0.9"],
    ),
    (ValueError, lambda: ql.ElementaryLink(a, b, multiplexing=0), ["multiplexing", "0"]),
    (TypeError, lambda: ql.ElementaryLink(a, b, multiplexing=1.5), ["multiplexing", "1.5"]),
    (ValueError, lambda: ql.ElementaryLink(a, b, rate_hz=5, multiplexing=2), ["multiplexing=2", "rate_hz=5"]),
    (ValueError, lambda: ql.swap(ab, cd), ["do not meet", "'b'", "'c'"]),
    (ValueError, lambda: ql.swap(bc, ab), ["do not meet", "'c'", "'a'"]),
    (ValueError, lambda: ql.swap(ab, ql.ElementaryLink(b, a)), ["'a'", "itself"]),
    (ValueError, lambda: ql.swap(ab, ql.ElementaryLink(other_b, c)), ["two different nodes are named 'b'"]),
    (TypeError, lambda: ql.swap(ab, "bc"), ["right", "'bc'"]),
    (TypeError, lambda: ql.swap(None, bc), ["left", "None"]),
    (ValueError, lambda: ql.purify(ab, bc), ["same nodes", "'a'", "'b'", "'c'"]),
    (ValueError, lambda: ql.purify(ab, ab.reversed()), ["direction", "'a'", "'b'"]),
    (ValueError, lambda: ql.purify(ab, ql.ElementaryLink(a, other_b)), ["two different nodes are named 'b'"]),
    (ValueError, lambda: ql.purify(ab, ab, protocol="dejmp"), ["protocol", "'dejmp'", "bbpssw", "'dejmps'"]),
    (ValueError, lambda: ql.purify(ab, ab, protocol=None), ["protocol", "None"]),
    (TypeError, lambda: ql.purify(ab, 3), ["spent", "3"]),
    (ValueError, lambda: ql.chain([]), ["links", "none"]),
    (ValueError, lambda: ql.chain([ab, cd]), ["do not meet", "'b'", "'c'"]),
    (TypeError, lambda: ql.chain([ab, "bc"]), ["links", "'bc'"]),
    (ValueError, lambda: ql.chain([ab], order="linear"), ["order", "'linear'", "balanced", "sequential"]),
    (ValueError, lambda: ql.chain([ab], purify_rounds=-1), ["purify_rounds", "-1"]),
    (TypeError, lambda: ql.chain([ab], purify_rounds=1.5), ["purify_rounds", "1.5"]),
    (ValueError, lambda: ql.chain([ab], protocol="none"), ["protocol", "'none'"]),
    (TypeError, lambda: ql.evaluate("link"), ["'link'"]),
    (TypeError, lambda: ql.compose(a), ["link", "Node"]),
    (ValueError, lambda: ql.compose(ab, corrections="late"), ["corrections", "'late'", "frame"]),
]


@pytest.mark.parametrize(("kind", "make", "texts"), REFUSED)
def test_what_cannot_be_is_refused_by_name(kind, make, texts):
    with pytest.raises(kind) as refusal:
        make()
    for text in texts:
        assert text in str(refusal.value)


def test_different_hardware_under_one_name_far_apart_in_the_tree_is_refused_when_read():
    # Where the two do not meet at once: the outer ends of three links, joined to one name in the middle.
    left = ql.swap(ql.ElementaryLink(a, b), ql.ElementaryLink(b, c))
    right = ql.swap(ql.ElementaryLink(c, other_b), ql.ElementaryLink(other_b, d))
    link = ql.swap(left, right)
    for read in (ql.evaluate, ql.compose):
        with pytest.raises(ValueError, match="two different nodes are named 'b'"):
            read(link)


def test_a_purification_that_never_succeeds_is_refused_when_it_is_read():
    plus, minus = (ql.ElementaryLink(a, b, bell_diagonal=p) for p in ((1, 0, 0, 0), (0, 1, 0, 0)))
    # DEJMPS compares YY, which is −1 in Φ⁺ and +1 in Φ⁻.
    for read in (ql.evaluate, ql.compose):
        with pytest.raises(ValueError, match="never"):
            read(ql.purify(plus, minus))


# --- the way of a long link


def chained(names, role="repeater"):
    first, *inner, last = names
    nodes = [ql.Node(first, role="end"), *(ql.Node(name, role=role) for name in inner), ql.Node(last, role="end")]
    return [ql.ElementaryLink(*pair, fidelity=0.99) for pair in pairwise(nodes)]


def test_a_long_link_tells_its_way():
    """As routes do: what stands in a line by its number, a place by its name."""
    links = chained(["a", "a-c-1", "a-c-2", "c", "c-d-1", "d-1", "d-2", "d-3", "b"])
    way = "a –2– c – c-d-1 –3– b"
    assert repr(ql.chain(links)) == f"<Swap {way}, 8 elementary pairs>"
    assert repr(ql.chain(links, order="sequential", purify_rounds=1)) == f"<Swap {way}, 16 elementary pairs>"
    assert repr(ql.chain(links[:5])) == "<Swap a–d-1 via a-c-1–a-c-2–c–c-d-1, 5 elementary pairs>"


def test_a_way_of_many_places_is_told_by_its_beginning_its_end_and_their_number():
    names = [f"city {chr(ord('a') + i)}{'x' * (i % 3)}" for i in range(26)]
    told = repr(ql.chain(chained(names)))
    before, after = re.fullmatch(r"<Swap (.+) – … \d+ nodes … – (.+), 25 elementary pairs>", told).groups()
    head, tail = before.split(" – "), after.split(" – ")
    assert names[: len(head)] == head
    assert names[-len(tail) :] == tail
    assert f"… {26 - len(head) - len(tail)} nodes …" in told
    assert 140 < len(told) < 220
    long = repr(ql.chain(chained([name * 30 for name in names])))
    assert long.startswith(f"<Swap {names[0] * 30} – … 24 nodes … – {names[-1] * 30}, ")


def test_what_is_no_way_from_end_to_end_tells_how_many():
    pairs = hops(8)
    joined = ql.join(ql.circuits.fuse_pairs_to_ghz(2), ql.chain(pairs[:4]), ql.chain(pairs[4:]))
    assert repr(joined) == "<Join n0–n8–n4 via 6 nodes, 8 elementary pairs>"
