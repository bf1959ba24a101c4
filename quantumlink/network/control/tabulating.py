"""From flows and recipes to the arrays of the loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from quantumlink.hardware import Memory, Node
from quantumlink.hardware.pauli_coefficients import key_errors
from quantumlink.network.control.flows import Flow
from quantumlink.network.control.tables import NONE, Floats, Ints
from quantumlink.network.control.tags import Recipe, Rule
from quantumlink.readings.contraction import ROUNDING, relaxed_support, support_of
from quantumlink.readings.maps import pair_map
from quantumlink.timing.attempts import rounds_of

if TYPE_CHECKING:
    from quantumlink.network.control.ghz import Fusion
    from quantumlink.network.network import Network


@dataclass(frozen=True, eq=False)
class Layout:
    """What is numbered in the tables, and how."""

    network: Network
    slot_s: float
    flows: tuple[Flow, ...]
    recipes: tuple[tuple[Recipe, ...], ...]
    """Of each flow, those of its routes."""
    nodes: tuple[str, ...]
    """Names of the nodes that play a part."""
    links: tuple[int, ...]
    """The positions in ``Network.links`` of the links that do."""
    fusions: tuple[Fusion, ...] = ()
    """The GHZ states of demands."""

    @classmethod
    def of(
        cls,
        network: Network,
        slot_s: float,
        flows: Sequence[Flow],
        recipes: Sequence[Sequence[Recipe]],
        fusions: Sequence[Fusion] = (),
    ) -> Layout:
        """The layout for some flows."""
        links = sorted({n for flow in flows for route in flow.routes for n in route.numbers})
        ends = {end.name for n in links for end in network.links[n].ends}
        nodes = tuple(name for name in network.nodes if name in ends)
        own = tuple(tuple(r) for r in recipes)
        return cls(network, slot_s, tuple(flows), own, nodes, tuple(links), tuple(fusions))

    @property
    def all_recipes(self) -> list[Recipe]:
        """Those of all routes, in the order in which routes are numbered."""
        return [recipe for own in self.recipes for recipe in own]


def link_tables(layout: Layout, attacked: Sequence[Sequence[Floats]], buffer: int) -> dict[str, Any]:
    """The tables of links, banks and memories.

    Args:
        layout: what is numbered.
        attacked: of each link, further states in which its pairs may arrive.
        buffer: most pairs in stock of a link whose memories are not counted.
    """
    network, slot_s = layout.network, layout.slot_s
    links = [network.links[i] for i in layout.links]
    for name in layout.nodes:
        _check_stored(network.nodes[name])
    place = {name: i for i, name in enumerate(layout.nodes)}
    rounds = [rounds_of(link) for link in links]
    most = 1 + max((len(states) for states in attacked), default=0)
    vectors = np.zeros((len(links), most, 16))
    for i, link in enumerate(links):
        vectors[i] = link.coefficients
        for k, state in enumerate(attacked[i], start=1):
            vectors[i, k] = state
    banks = [end.memories for link in links for end in link.ends]
    memories = [network.nodes[name].memory for name in layout.nodes]
    uses = _uses(layout)
    return {
        "link_probability": _floats([r.success_probability or 0.0 for r in rounds if r is not None]),
        "link_time": _floats([r.time_s / slot_s for r in rounds if r is not None]),
        "link_herald": _floats([r.herald_s / slot_s for r in rounds if r is not None]),
        "link_delay": _floats([link.delay_s / slot_s for link in links]),
        "link_node": np.array([[place[end.name] for end in link.ends] for link in links], dtype=np.int64),
        "link_place": _ints([buffer if all(e.memories is None for e in link.ends) else NONE for link in links]),
        "link_vector": vectors,
        "link_error": key_errors(vectors),
        "link_routes": _ints([route for own in uses for route, _ in own]),
        "link_hops": _ints([hop for own in uses for _, hop in own]),
        "link_routes_from": _starts(uses),
        "bank_places": _ints([NONE if places is None else places for places in banks]),
        "memory": np.array([_rates(memory, slot_s) for memory in memories]),
        "ideal": np.array([memory.is_ideal for memory in memories]),
    }


def route_tables(layout: Layout, support: int) -> dict[str, Any]:
    """The tables of tags, rules, maps, routes and hops."""
    recipes = layout.all_recipes
    place = {name: i for i, name in enumerate(layout.nodes)}
    number = {link: i for i, link in enumerate(layout.links)}
    tags_from = list(accumulate((len(r.tags) for r in recipes), initial=0))
    hops_from = list(accumulate((len(r.route.hops) for r in recipes), initial=0))
    tags = [(k, tag) for k, r in enumerate(recipes) for tag in r.tags]
    rules = [(k, rule) for k, r in enumerate(recipes) for rule in r.rules]
    stored = [recipes[k].route.numbers[tag.hop] if tag.hop is not None else NONE for k, tag in tags]
    first_of = _ints([tags_from[k] + rule.first for k, rule in rules])
    maps = _Maps(support)
    tables: dict[str, Any] = {
        "tag_link": _ints([NONE if n == NONE else number[n] for n in stored]),
        "tag_turned": np.array(
            [
                n != NONE and layout.network.links[n].left.name != t.ends[0]
                for n, (_, t) in zip(stored, tags, strict=True)
            ]
        ),
        "tag_route": _ints([k for k, _ in tags]),
        "tag_delay": _floats([tag.delay for _, tag in tags]),
        "tag_hops_from": _starts([tag.takes for _, tag in tags]),
        "tag_hops": _ints([hops_from[k] + hop for k, tag in tags for hop in tag.takes]),
        "tag_takes": _ints([count for _, tag in tags for count in tag.takes.values()]),
        "tag_list": _ints([i if n == NONE else len(tags) + number[n] for i, n in enumerate(stored)]),
        "tag_rules": np.argsort(first_of, kind="stable"),
        "tag_rules_from": np.searchsorted(np.sort(first_of), np.arange(len(tags) + 1)),
        "rule_first": first_of,
        "rule_second": _ints([tags_from[k] + rule.second for k, rule in rules]),
        "rule_result": _ints([tags_from[k] + rule.result for k, rule in rules]),
        "rule_node": _ints([_relay(rule, place) for _, rule in rules]),
        "rule_map": _ints([maps.number(rule) for _, rule in rules]),
        **_timings([rule for _, rule in rules]),
        **maps.tables(),
        "route_flow": _ints([f for f, own in enumerate(layout.recipes) for _ in own]),
        "route_root": _ints([tags_from[k] + r.root for k, r in enumerate(recipes)]),
        "route_tags_from": _ints(tags_from),
        "route_hops_from": _ints(hops_from),
        "hop_link": _ints([number[n] for r in recipes for n in r.route.numbers]),
        "hop_need": _ints([r.tags[r.root].takes[hop] for r in recipes for hop in range(len(r.route.hops))]),
        "route_nodes": _ints([place[name] for r in recipes for name in r.route.nodes]),
        "route_nodes_from": _starts([r.route.nodes for r in recipes]),
        "route_delay": _floats([sum(t.delay for t in r.tags if t.hop is not None) for r in recipes]),
        "flow_routes_from": _starts(layout.recipes),
    }
    return tables


class _Maps:
    """The maps of rules, each kept once, as sums over the products that matter."""

    def __init__(self, support: int) -> None:
        self._met = np.array([support >> i & 1 for i in range(16)], dtype=bool)
        self._met = np.outer(self._met, self._met).reshape(256)
        self._numbers: dict[int, int] = {}
        self._matrices: list[Floats] = []

    def number(self, rule: Rule) -> int:
        matrix = pair_map(rule.join.operation, tuple(node.processor for node in rule.join.nodes))
        if id(matrix) not in self._numbers:
            self._numbers[id(matrix)] = len(self._matrices)
            self._matrices.append(matrix)
        return self._numbers[id(matrix)]

    def tables(self) -> dict[str, Any]:
        entries = [np.argwhere((np.abs(m) > ROUNDING) & self._met) for m in self._matrices]
        out = [place[:, 0] for place in entries]
        both = [place[:, 1] for place in entries]
        weights = [m[tuple(place.T)] for m, place in zip(self._matrices, entries, strict=True)]
        return {
            "map_from": _starts(entries),
            "map_out": _joined(out, np.int64),
            "map_first": _joined(both, np.int64) // 16,
            "map_second": _joined(both, np.int64) % 16,
            "map_weight": _joined(weights, np.float64),
        }


def support_among(layout: Layout, vectors: Floats) -> int:
    """What any pair of a run can hold: see `quantumlink.readings.contraction`."""
    both = np.concatenate([vectors.reshape(-1, 16), vectors.reshape(-1, 4, 4).transpose(0, 2, 1).reshape(-1, 16)])
    support = support_of(np.abs(both).max(axis=0))
    memories = [layout.network.nodes[name].memory for name in layout.nodes]
    relaxing = next((memory for memory in memories if memory.relaxes), Memory())
    matrices = {
        id(m): m
        for recipe in layout.all_recipes
        for rule in recipe.rules
        for m in [pair_map(rule.join.operation, tuple(node.processor for node in rule.join.nodes))]
    }
    while True:
        grown = relaxed_support(support, relaxing, relaxing)
        bits = np.array([grown >> i & 1 for i in range(16)], dtype=bool)
        met = np.outer(bits, bits).reshape(256)
        for matrix in matrices.values():
            grown |= support_of(np.asarray((np.abs(matrix) > ROUNDING)[:, met].any(axis=1)))
        if grown == support:
            return support
        support = grown


def _timings(rules: Sequence[Rule]) -> dict[str, Any]:
    needs, until_known = np.zeros((len(rules), 4), dtype=bool), np.zeros((len(rules), 4), dtype=bool)
    times, done = np.zeros((len(rules), 4)), np.zeros((len(rules), 4))
    for i, rule in enumerate(rules):
        course, operation = rule.course, rule.join.operation
        qubits = [q for pair in operation.inputs for q in pair]
        site = [operation.site_of_qubit[q] for q in qubits]
        needs[i] = [s in course.acting for s in site]
        done[i] = [course.done[s] for s in site]
        until_known[i] = [course.until_known[q] for q in qubits]
        for side, end in enumerate(course.ends):
            times[i, side] = course.told[end]
            times[i, 2 + side] = course.corrections[end]
    return {
        "rule_needs": needs,
        "rule_times": times,
        "rule_until_known": until_known,
        "rule_done": done,
        "rule_fails": np.array([rule.join.operation.may_fail for rule in rules], dtype=bool),
    }


def _relay(rule: Rule, place: dict[str, int]) -> int:
    first, second = rule.join.links
    return NONE if first.left.name == second.left.name else place[first.right.name]


def _uses(layout: Layout) -> list[list[tuple[int, int]]]:
    """Of each link, the routes that use it, and at which of all hops."""
    number = {link: i for i, link in enumerate(layout.links)}
    uses: list[list[tuple[int, int]]] = [[] for _ in layout.links]
    hop = 0
    for route, recipe in enumerate(layout.all_recipes):
        for n in recipe.route.numbers:
            uses[number[n]].append((route, hop))
            hop += 1
    return uses


def _check_stored(node: Node) -> None:
    """Refuse nodes that move halves of pairs into a storage, or disturb them by attempts."""
    memory = node.memory
    if node.stores_apart or memory.move_s > 0 or memory.move_depolarizing > 0:
        raise ValueError(
            f"a network under load does not know how node {node.name!r} moves halves of pairs into its storage, "
            f"nor how its attempts disturb them: got storage={node.storage!r} and {memory!r}"
        )


def _rates(memory: Memory, slot_s: float) -> list[float]:
    times = (memory.t1_s, memory.t2_s, memory.depolarizing_s, memory.gaussian_s)
    share = 1 / (1 + memory.t1_s / memory.depolarizing_s) if memory.relaxes else 0.0
    return [*(slot_s / time for time in times), share]


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)


def _starts(rows: Sequence[Any]) -> Ints:
    return np.array(list(accumulate((len(row) for row in rows), initial=0)), dtype=np.int64)


def _joined(parts: Sequence[Any], kind: Any) -> Any:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, dtype=kind)
