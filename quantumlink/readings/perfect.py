"""The perfect twin of a link: what it is to deliver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink, Join, Link, distinct_links
from quantumlink.readings.folding import NeverSucceeds, fold


def perfect(link: Link) -> Link:
    """The same link with Φ⁺ for every elementary pair, and nodes without noise."""
    nodes: dict[str, Node] = {}
    made: dict[int, Link] = {}
    for part in distinct_links(link):
        if isinstance(part, Join):
            links = tuple(made[id(child)] for child in part.links)
            at = tuple(nodes.setdefault(node.name, Node(node.name)) for node in part.nodes)
            left, right = (nodes[node.name] for node in (part.left, part.right))
            operation = part.operation.plain
            made[id(part)] = replace(part, operation=operation, left=left, right=right, links=links, nodes=at)
        elif isinstance(part, ElementaryLink):
            left, right = (nodes.setdefault(node.name, Node(node.name)) for node in part.ends)
            made[id(part)] = ElementaryLink(left, right)
        else:
            raise TypeError(f"nothing is known of links of the kind {type(part).__name__}: {part!r}")
    return made[id(link)]


def target_of(link: Link) -> FloatArray:
    """The coefficients that a perfect twin delivers, shape (4, …, 4), an axis for each end.

    The maximally mixed state's if perfect pairs are always refused: then nobody knows what is wanted.
    """
    twin = perfect(link)
    try:
        found = fold(twin)[id(twin)].vector
    except NeverSucceeds:
        found = np.zeros(4 ** len(link.ends))
        found[0] = 1.0
    return found.reshape((4,) * len(link.ends))
