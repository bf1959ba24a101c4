"""Repeaters and trusted nodes that stand in a line, told by their number: ``hamburg –2– hannover``."""

from __future__ import annotations

from quantumlink.link import ElementaryLink
from quantumlink.link.way import numbered_in_line
from quantumlink.network.graph import Graph


def in_line(network: Graph) -> frozenset[str]:
    """The numbered repeaters and trusted nodes with two neighbors that stand in a row, two or more.

    Their names differ in the number at the end alone, as hamburg-berlin-1 and hamburg-berlin-2; users are none.

    >>> from quantumlink.hardware import Node
    >>> nodes = [Node("a"), *(Node(name, role="repeater") for name in ("r1", "r2", "r3")), Node("b")]
    >>> links = [ElementaryLink(one, other) for one, other in zip(nodes, nodes[1:], strict=False)]
    >>> sorted(in_line(Graph(nodes, links)))
    ['r1', 'r2', 'r3']
    """
    near: dict[str, list[str]] = {name: [] for name in network.nodes}
    for link in network.links:
        near[link.left.name].append(link.right.name)
        near[link.right.name].append(link.left.name)
    return numbered_in_line(network.nodes.values(), near)


def stretches(network: Graph, hidden: frozenset[str]) -> list[tuple[tuple[str, ...], list[ElementaryLink]]]:
    """The links, those along hidden repeaters together: the names from end to end, and the links in turn."""
    at: dict[str, list[int]] = {name: [] for name in hidden}
    for number, link in enumerate(network.links):
        for end in link.ends:
            if end.name in hidden:
                at[end.name].append(number)
    found: list[tuple[tuple[str, ...], list[ElementaryLink]]] = []
    seen: set[int] = set()
    for number, link in enumerate(network.links):
        if number in seen:
            continue
        seen.add(number)
        names, links = [link.left.name, link.right.name], [link]
        for forwards in (True, False):
            here = names[-1] if forwards else names[0]
            while here in hidden:
                more = [each for each in at[here] if each not in seen]
                if not more:
                    break  # a ring of nothing but repeaters
                seen.add(more[0])
                other = network.links[more[0]]
                here = other.right.name if other.left.name == here else other.left.name
                if forwards:
                    names.append(here)
                    links.append(other)
                else:
                    names.insert(0, here)
                    links.insert(0, other)
        found.append((tuple(names), links))
    return found
