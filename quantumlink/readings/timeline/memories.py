"""Memories shared out: which pairs are made side by side, and how many attempts run at once.

``Node.memories`` is how many qubits a node can hold for each of its links; the places that one node has for its
link to one neighbor are a *bank*. Every elementary pair takes one place in the bank at each of its ends; a swap
gives back the relay's two places, a purification the two of the spent pair.
"""

from __future__ import annotations

from collections.abc import Mapping

from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink, Link, Swap, distinct_links

Bank = tuple[str, str]
"""A node's name and its neighbor's: the places that the node has for its link to that neighbor."""

Places = Mapping[Bank, int]
"""Places by bank; of a bank that is missing there are as many as needed."""


def capacities(link: Link) -> dict[Bank, int]:
    """The places of every bank whose node says how many it has."""
    found: dict[Bank, int] = {}
    for part in distinct_links(link):
        if isinstance(part, ElementaryLink):
            for node, neighbor in (part.ends, part.ends[::-1]):
                if node.memories:  # a node without any is at the end of a single link, if at all
                    found[node.name, neighbor.name] = node.memories
    return found


class Needs:
    """What every part of a link takes if all its elementary pairs are made side by side, and what it keeps."""

    def __init__(self, link: Link) -> None:
        limited = capacities(link)
        self._all: dict[int, dict[Bank, int]] = {}
        self._ends: dict[int, tuple[Bank, Bank]] = {}
        for part in distinct_links(link):
            if isinstance(part, ElementaryLink):
                left, right = part.ends
                self._ends[id(part)] = ends = ((left.name, right.name), (right.name, left.name))
                self._all[id(part)] = {bank: 1 for bank in ends if bank in limited}
                continue
            first, second = part.children
            total = dict(self._all[id(first)])
            for bank, places in self._all[id(second)].items():
                total[bank] = total.get(bank, 0) + places
            self._all[id(part)] = total
            # A swap keeps the outer qubits, a purification those of the kept pair.
            last = second if isinstance(part, Swap) else first
            self._ends[id(part)] = (self._ends[id(first)][0], self._ends[id(last)][1])

    def fit_together(self, first: Link, second: Link, places: Places) -> bool:
        """Whether all below both links can be made side by side in the banks that they share."""
        mine, other = self._all[id(first)], self._all[id(second)]
        return all(mine[bank] + other[bank] <= places[bank] for bank in mine.keys() & other.keys())

    def split(self, first: Link, second: Link, places: Places) -> tuple[dict[Bank, int], dict[Bank, int]]:
        """The places of two links that are made side by side, in proportion to what they need."""
        mine, other = self._all[id(first)], self._all[id(second)]
        for_first, for_second = {b: places[b] for b in mine}, {b: places[b] for b in other}
        for bank in mine.keys() & other.keys():
            share = places[bank] * mine[bank] // (mine[bank] + other[bank])
            for_first[bank] = max(share, mine[bank])
            for_second[bank] = places[bank] - for_first[bank]
        return for_first, for_second

    def one_by_one(self, first: Link, second: Link, places: Places) -> tuple[dict[Bank, int], dict[Bank, int]]:
        """The places of two links of which the second is made while the first one's pair is held."""
        for_second = {bank: places[bank] for bank in self._all[id(second)]}
        for bank in self._ends[id(first)]:
            if bank in for_second:
                for_second[bank] -= 1
        return {bank: places[bank] for bank in self._all[id(first)]}, for_second


def attempts_at_once(link: ElementaryLink, places: Places) -> int:
    """How many attempts an elementary link makes at once: as many as the smaller of its banks has places.

    One if neither end says how many it has.

    Raises:
        ValueError: if a bank has no place left.
    """
    found: list[int] = []
    for node, neighbor in (link.ends, link.ends[::-1]):
        free = places.get((node.name, neighbor.name))
        if free is None:
            continue
        if free < 1:
            raise ValueError(_too_few(node, neighbor))
        found.append(free)
    return min(found, default=1)


def _too_few(node: Node, neighbor: Node) -> str:
    return (
        f"node {node.name!r} has memories={node.memories} for its link to {neighbor.name!r}, too few for the pairs "
        f"that it must hold there at one time, even if they are made one after the other: purifying takes at "
        f"least two"
    )
