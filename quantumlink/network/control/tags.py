"""Tags and rules: what a route makes on the way from its links' pairs to one from end to end, as tables.

A tag is one kind of pair on one route; a rule makes one of two. With a schedule, they are the parts of the route's
link; where any node may swap first, the stretches between any two of its nodes, and a rule for every way to join
two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quantumlink.link import ElementaryLink, Join, Link, distinct_links, swap
from quantumlink.network.control.flows import FlowRoute, interval_links
from quantumlink.network.routing import Plan
from quantumlink.readings.maps import is_pair_map
from quantumlink.timing.course import Course

MOST_HOPS = 40
"""On a longer path, swaps in any order are refused: there are n³/6 ways to join two stretches."""


@dataclass(eq=False)
class Tag:
    """A kind of pair on a route."""

    hop: int | None
    """Which hop's pairs, of the route; None for what an operation makes."""
    ends: tuple[str, str]
    delay: float
    """Slots that a message takes from end to end."""
    takes: dict[int, int]
    """How many pairs of each hop are in one."""


@dataclass(eq=False)
class Rule:
    """An operation that makes one pair of two."""

    first: int
    second: int
    result: int
    join: Join
    course: Course


@dataclass(eq=False)
class Recipe:
    """All tags and rules of a route; the numbers of tags are its own."""

    route: FlowRoute
    slot_s: float
    tags: list[Tag] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    root: int = 0

    def leaf(self, hop: int) -> int:
        """A tag for the pairs of a hop."""
        link = self.route.hops[hop]
        self.tags.append(Tag(hop, (link.left.name, link.right.name), link.delay_s / self.slot_s, {hop: 1}))
        return len(self.tags) - 1

    def joined(self, join: Join, first: int, second: int, result: int | None = None) -> int:
        """A rule; and a tag for what it makes, if that is a new kind of pair."""
        course = self._course(join, first, second)
        if result is None:
            takes = dict(self.tags[first].takes)
            for hop, number in self.tags[second].takes.items():
                takes[hop] = takes.get(hop, 0) + number
            delay = float(course.delays[0, 1])
            self.tags.append(Tag(None, (join.left.name, join.right.name), delay, takes))
            result = len(self.tags) - 1
        self.rules.append(Rule(first, second, result, join, course))
        return result

    def _course(self, join: Join, first: int, second: int) -> Course:
        operation = join.operation
        swapping = join.links[0].left.name != join.links[-1].left.name
        (a, b), (_, d) = _two_pairs(join)
        outputs = (a, d) if swapping else (a, b)
        if tuple(operation.outputs) != outputs or operation.sites_that_measure_later:
            raise ValueError(
                f"operate plays swaps and purifications of two pairs, got {operation.name!r} for {join!r}"
            )
        delays = [np.array([[0.0, x], [x, 0.0]]) for x in (self.tags[first].delay, self.tags[second].delay)]
        slot_s = self.slot_s
        processors = [node.processor for node in join.nodes]
        return Course.of(operation, processors, delays, lambda time_s: time_s / slot_s)

    def tree(self, link: Link) -> int:
        """The tags and rules of a link's parts; the number of its own tag."""
        hops = {(hop.left.name, hop.right.name): i for i, hop in enumerate(self.route.hops)}
        found: dict[int, int] = {}
        for part in distinct_links(link):
            if isinstance(part, ElementaryLink):
                found[id(part)] = self.leaf(hops[part.left.name, part.right.name])
            else:
                assert isinstance(part, Join)
                _two_pairs(part)
                first, second = (found[id(child)] for child in part.links)
                found[id(part)] = self.joined(part, first, second)
        return found[id(link)]

    def intervals(self, plan: Plan) -> int:
        """Those of swaps in any order; the number of the tag from end to end."""
        n = len(self.route.hops)
        if n > MOST_HOPS:
            raise ValueError(
                f"swapping='asap' and 'fidelity' are for paths of up to {MOST_HOPS} hops, got one of {n} "
                f"({self.route.nodes[0]}–{self.route.nodes[-1]}): choose 'balanced' or 'sequential'"
            )
        links: dict[tuple[int, int], Link] = {}
        tag: dict[tuple[int, int], int] = {}
        for i, link in enumerate(interval_links(self.route.hops, plan)):
            links[i, i + 1], tag[i, i + 1] = link, self.tree(link)
        hop_rules = len(self.rules)
        for length in range(2, n + 1):
            for i in range(n - length + 1):
                j = i + length
                for m in range(i + 1, j):
                    join = swap(links[i, m], links[m, j])
                    links.setdefault((i, j), join)
                    tag[i, j] = self.joined(join, tag[i, m], tag[m, j], tag.get((i, j)))
        # The longest stretches first: they have waited, and hold memories at far ends.
        self.rules[hop_rules:] = self.rules[hop_rules:][::-1]
        return tag[0, n]


def recipe_of(route: FlowRoute, plan: Plan, slot_s: float, *, any_order: bool) -> Recipe:
    """The tags and rules of a route.

    Args:
        route: the route.
        plan: how its hops are purified, where any node may swap first.
        slot_s: the duration of a slot.
        any_order: whether any node may swap first, or as the route's link says.
    """
    recipe = Recipe(route, slot_s)
    recipe.root = recipe.intervals(plan) if any_order else recipe.tree(route.link)
    return recipe


def _two_pairs(join: Join) -> Any:
    if not is_pair_map(join.operation):
        raise ValueError(
            f"operate plays operations that make one pair of two, got {join.operation.name!r} on "
            f"{len(join.links)} links for {join!r}"
        )
    return join.operation.inputs
