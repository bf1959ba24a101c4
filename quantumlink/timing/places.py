"""Memories shared out: which pairs are made side by side, and how many attempts run at once.

``Node.memories`` is how many qubits a node can hold for each of its links; the places that one node has for its
link to one neighbor are a *bank*. Every elementary pair takes one place in the bank at each of its ends; a swap
gives back the relay's two places, a purification the two of the spent pair.

A node with ``Node.storage`` has two more banks, for all of its links together: its storage qubits, of which every
pair takes one, and its communication qubits, which are needed only while attempts are made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink, Join, Link, distinct_links

Bank = tuple[str, str]
"""A node's name and its neighbor's: the places that the node has for its link to that neighbor."""

STORAGE, COMMUNICATION = "", " "
"""In place of a neighbor's name, which has letters: the qubits that all of a node's links share."""

Places = Mapping[Bank, int]
"""Places by bank; of a bank that is missing there are as many as needed."""


def _capacities(link: Link) -> dict[Bank, int]:
    """The places of every bank whose node says how many it has."""
    found: dict[Bank, int] = {}
    for part in distinct_links(link):
        if not isinstance(part, ElementaryLink):
            continue
        for node, neighbor in (part.ends, part.ends[::-1]):
            if node.memories:  # a node without any is at the end of a single link, if at all
                found[node.name, neighbor.name] = node.memories
            if node.storage is not None:
                found[node.name, STORAGE] = node.storage
                if node.communication is not None:
                    found[node.name, COMMUNICATION] = node.communication
    return found


def _taken(node: Node, neighbor: Node) -> tuple[Bank, Bank]:
    """The banks in which a half of a pair takes a place for as long as it is held."""
    return (node.name, neighbor.name), (node.name, STORAGE)


class Sharing:
    """How the parts of a link share its places: what each takes with all its pairs side by side, what it keeps."""

    all_places: Places
    """The places of every bank whose node says how many it has."""

    def __init__(self, link: Link) -> None:
        self.all_places = limited = _capacities(link)
        self._all: dict[int, dict[Bank, int]] = {}
        self._ends: dict[int, tuple[tuple[Bank, ...], ...]] = {}
        for part in distinct_links(link):
            if isinstance(part, ElementaryLink):
                self._ends[id(part)] = ends = (_taken(*part.ends), _taken(*part.ends[::-1]))
                talking = tuple((node.name, COMMUNICATION) for node in part.ends)
                self._all[id(part)] = {bank: 1 for bank in (*ends[0], *ends[1], *talking) if bank in limited}
                continue
            if not isinstance(part, Join):
                raise TypeError(f"nothing is known of links of the kind {type(part).__name__}: {part!r}")
            total: dict[Bank, int] = {}
            for child in part.children:
                for bank, places in self._all[id(child)].items():
                    total[bank] = total.get(bank, 0) + places
            self._all[id(part)] = total
            # What is delivered stands where the links brought it; a qubit that none brought takes no place.
            where = {
                qubit: banks
                for child, qubits in zip(part.links, part.operation.inputs, strict=True)
                for qubit, banks in zip(qubits, self._ends[id(child)], strict=True)
            }
            self._ends[id(part)] = tuple(where.get(qubit, ()) for qubit in part.operation.outputs)

    def of(self, link: Link, places: Places) -> tuple[bool, list[dict[Bank, int]]]:
        """Whether all links below are made side by side, else one after the other; and the places of each."""
        needs = [self._all[id(child)] for child in link.children]
        takers = Counter(bank for need in needs for bank in need)
        shared = [bank for bank, count in takers.items() if count > 1]
        if all(sum(need.get(bank, 0) for need in needs) <= places[bank] for bank in shared):
            return True, self._split(needs, places)
        return False, self._one_by_one(link, places)

    def _split(self, needs: Sequence[Mapping[Bank, int]], places: Places) -> list[dict[Bank, int]]:
        """The places of links that are made side by side, in proportion to what they need."""
        shares: list[dict[Bank, int]] = [{} for _ in needs]
        for bank in set().union(*needs):
            mine = [(need[bank], share) for need, share in zip(needs, shares, strict=True) if bank in need]
            wanted, free = sum(need for need, _ in mine), places[bank]
            for need, share in mine:  # whole shares: what one of them leaves, the others get
                share[bank] = free if need == wanted else max(free * need // wanted, need)
                free, wanted = free - share[bank], wanted - need
        return shares

    def _one_by_one(self, link: Link, places: Places) -> list[dict[Bank, int]]:
        """The places of links that are made in turn, while the pairs before are held."""
        shares, held = [], Counter[Bank]()
        for child in link.children:
            shares.append({bank: places[bank] - held[bank] for bank in self._all[id(child)]})
            held.update(bank for banks in self._ends[id(child)] for bank in banks)
        return shares

    @staticmethod
    def attempts_at_once(link: ElementaryLink, places: Places) -> int:
        """How many attempts an elementary link makes at once: as many as it has places, one if nobody says."""
        return Sharing.places_of(link, places) or 1

    @staticmethod
    def places_of(link: ElementaryLink, places: Places) -> int | None:
        """In how many places an elementary link makes attempts: as many as the smallest of its banks has.

        Storage qubits are none that make attempts. None if neither end says how many it has.

        Raises:
            ValueError: if a bank has no place left.
        """
        found: list[int] = []
        for node, neighbor in (link.ends, link.ends[::-1]):
            for other in (neighbor.name, STORAGE, COMMUNICATION):
                free = places.get((node.name, other))
                if free is None:
                    continue
                if free < 1:
                    raise ValueError(_too_few(node, neighbor, other))
                if other != STORAGE:
                    found.append(free)
        return min(found, default=None)


def _too_few(node: Node, neighbor: Node, other: str) -> str:
    if other == COMMUNICATION:
        return (
            f"node {node.name!r} has communication={node.communication} beside its storage, and needs at least one "
            f"qubit to make attempts with for its link to {neighbor.name!r}"
        )
    if other == STORAGE:
        return (
            f"node {node.name!r} has storage={node.storage} for all of its links, too few for the halves of pairs "
            f"that it must hold at one time, even if they are made one after the other: a swap or a purification "
            f"takes at least two"
        )
    return (
        f"node {node.name!r} has memories={node.memories} for its link to {neighbor.name!r}, too few for the pairs "
        f"that it must hold there at one time, even if they are made one after the other: purifying takes at "
        f"least two"
    )
