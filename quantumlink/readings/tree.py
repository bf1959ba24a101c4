"""A link's tree, laid flat: its distinct parts, children before parents, and whose processors act in each."""

from __future__ import annotations

from collections.abc import Iterable

from quantumlink.hardware import Node, Processor
from quantumlink.link import ElementaryLink, Link, Purify, Swap

MapKey = tuple[str, int, int, int]
"""A primitive and the numbers of the processors at its left end, its relay (or left end) and its right end."""


class Tree:
    """The distinct link objects of a tree in lists, children before parents: shared subtrees stand once.

    Raises:
        ValueError: if two different nodes share a name.
        TypeError: if a part is no elementary link, swap or purification.
    """

    parts: list[Link]
    """The links; the last one is the whole."""
    first: list[int]
    """Where the first child of each part stands: the left or kept link; −1 for elementary links."""
    second: list[int]
    """Where the second child of each part stands: the right or spent link; −1 for elementary links."""
    keys: list[MapKey | None]
    """Which map makes each part of its children; None for elementary links."""
    processors: list[Processor]
    """Distinct processors, by number: equal ones are one."""

    def __init__(self, link: Link) -> None:
        self.parts, self.first, self.second, self.keys, self.processors = [], [], [], [], []
        self._of_node: dict[int, int] = {}
        self._by_name: dict[str, Node] = {}
        self._by_content: dict[Processor, int] = {}
        self._lay_flat(link)
        self._name_maps()

    def _lay_flat(self, link: Link) -> None:
        # Plain loops and local names, here and below: this is most of the time that a long chain takes.
        parts, firsts, seconds = self.parts, self.first, self.second
        place: dict[int, int] = {}
        stack = [link]
        while stack:
            part = stack[-1]
            if id(part) in place:
                stack.pop()
                continue
            i = j = -1
            if not isinstance(part, ElementaryLink):
                if isinstance(part, Swap):
                    a, b = part.left_link, part.right_link
                elif isinstance(part, Purify):
                    a, b = part.kept, part.spent
                else:
                    raise TypeError(f"a link must be elementary, a swap or a purification, got {part!r}")
                i, j = place.get(id(a), -1), place.get(id(b), -1)
                if i < 0 or j < 0:
                    stack.append(b)
                    stack.append(a)
                    continue
            stack.pop()
            place[id(part)] = len(parts)
            parts.append(part)
            firsts.append(i)
            seconds.append(j)

    def _name_maps(self) -> None:
        number, keys = self._number, self.keys
        for part in self.parts:
            left, right = number(part.left), number(part.right)
            if isinstance(part, Swap):
                keys.append(("swap", left, number(part.left_link.right), right))
            elif isinstance(part, Purify):
                keys.append((part.protocol, left, left, right))
            else:
                keys.append(None)

    def _number(self, node: Node) -> int:
        """The number of a node's processor."""
        found = self._of_node.get(id(node))
        if found is None:
            known = self._by_name.setdefault(node.name, node)
            if known is not node and known != node:
                raise ValueError(f"two different nodes are named {node.name!r}: {known!r}, {node!r}")
            found = self._by_content.setdefault(node.processor, len(self.processors))
            if found == len(self.processors):
                self.processors.append(node.processor)
            self._of_node[id(node)] = found
        return found

    def elementary(self) -> list[int]:
        """Where the elementary links stand, from left to right at their first occurrence."""
        return [k for k, child in enumerate(self.first) if child < 0]

    def places(self, links: Iterable[Link]) -> list[list[int]]:
        """Where each of some links stands: of equal ones, all of them; an empty list if nowhere."""
        near: dict[tuple[type, str, str, int], list[int]] = {}
        for k, part in enumerate(self.parts):
            near.setdefault(_looks(part), []).append(k)
        return [[k for k in near.get(_looks(link), ()) if self.parts[k] == link] for link in links]


def _looks(link: Link) -> tuple[type, str, str, int]:
    # Much cheaper than a link's hash, which goes into all hardware.
    return type(link), link.left.name, link.right.name, link.pairs
