"""A link's tree, laid flat: its distinct parts, children before parents, and whose processors act in each."""

from __future__ import annotations

from collections.abc import Iterable

from quantumlink.circuits import Operation
from quantumlink.hardware import Node, Processor
from quantumlink.link import ElementaryLink, Join, Link

MapKey = tuple[int, ...]
"""The number of an operation, then the numbers of the processors at its sites."""


class Numbers:
    """Numbers of operations and of nodes' processors: what is equal has one number."""

    operations: list[Operation]
    """Distinct operations, by number."""
    processors: list[Processor]
    """Distinct processors, by number: equal ones are one."""

    def __init__(self) -> None:
        self.operations, self.processors = [], []
        self._of_operation: dict[int, int] = {}
        self._of_node: dict[int, int] = {}
        self._by_name: dict[str, Node] = {}
        self._of_processor: dict[int, int] = {}
        self._by_content: dict[Processor, int] = {}

    def operation(self, operation: Operation) -> int:
        """The number of an operation."""
        found = self._of_operation.get(id(operation))
        if found is None:
            found = self._of_operation[id(operation)] = len(self.operations)
            self.operations.append(operation)
        return found

    def number(self, node: Node) -> int:
        """The number of a node's processor.

        Raises:
            ValueError: if it differs from another node of its name.
        """
        found = self._of_node.get(id(node))
        if found is None:
            known = self._by_name.setdefault(node.name, node)
            if known is not node and known != node:
                raise ValueError(f"two different nodes are named {node.name!r}: {known!r}, {node!r}")
            processor = node.processor
            found = self._of_processor.get(id(processor))  # much cheaper than the hash of its content
            if found is None:
                found = self._of_processor[id(processor)] = self._of_content(processor)
            self._of_node[id(node)] = found
        return found

    def _of_content(self, processor: Processor) -> int:
        found = self._by_content.setdefault(processor, len(self.processors))
        if found == len(self.processors):
            self.processors.append(processor)
        return found


class Tree(Numbers):
    """The distinct link objects of a tree in lists, children before parents: shared subtrees stand once.

    Raises:
        ValueError: if two different nodes share a name.
        TypeError: if a part is neither an `ElementaryLink` nor a `Join`.
    """

    parts: list[Link]
    """The links; the last one is the whole."""
    children: list[tuple[int, ...]]
    """Where the links that each part consumes stand; nothing for elementary links."""
    keys: list[int | None]
    """The number of the map that makes each part of its children; None for elementary links."""
    maps: list[MapKey]
    """Distinct maps, by number."""
    elementary: list[int]
    """Where the elementary links stand, from left to right at their first occurrence."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.parts, self.children, self.elementary = [], [], []
        self.keys, self.maps = [], []
        self._lay_flat(link)
        self._name_maps()

    def _lay_flat(self, link: Link) -> None:
        # Plain loops and local names, here and below: this is most of the time that a long chain takes.
        parts, children, leaves = self.parts, self.children, self.elementary
        place: dict[int, int] = {}
        stack = [link]
        while stack:
            part = stack[-1]
            links = part.links if isinstance(part, Join) else part.children
            found = []
            for child in links:
                k = place.get(id(child))
                if k is None:
                    if type(child) is not ElementaryLink and child.children:
                        stack.append(child)
                        break
                    k = place[id(child)] = len(parts)
                    leaves.append(k)
                    parts.append(child)
                    children.append(())
                found.append(k)
            else:
                stack.pop()
                place[id(part)] = len(parts)
                parts.append(part)
                children.append(tuple(found))
        if not children[-1]:
            leaves.append(0)

    def _name_maps(self) -> None:
        # What joins hold is enough: each was made only where its links' nodes equal those at its sites.
        number, keys, known, numbered = self.number, self.keys, self._of_operation.get, self._of_node.get
        of_map: dict[MapKey, int] = {}
        for part, children in zip(self.parts, self.children, strict=True):
            if not children and isinstance(part, ElementaryLink):
                keys.append(None)
                continue
            if not isinstance(part, Join):
                raise TypeError(f"a link must be an ElementaryLink or a Join of others, got {part!r}")
            sites, operation = part.nodes, known(id(part.operation))
            if operation is None:
                operation = self.operation(part.operation)
            if len(sites) == 3:  # a swap: no calls for nodes that have their number
                a, b, c = sites
                i, j, k = numbered(id(a)), numbered(id(b)), numbered(id(c))
                i = number(a) if i is None else i
                j = number(b) if j is None else j
                k = number(c) if k is None else k
                key: MapKey = (operation, i, j, k)
            else:
                key = (operation, *map(number, sites))
            keys.append(of_map.setdefault(key, len(of_map)))
        self.maps = list(of_map)

    def acting(self, key: int) -> tuple[Operation, list[Processor]]:
        """The operation of a map, by its number, and the processor at each of its sites."""
        operation, *sites = self.maps[key]
        return self.operations[operation], [self.processors[number] for number in sites]

    def places(self, links: Iterable[Link]) -> list[list[int]]:
        """Where each of some links stands: of equal ones, all of them; an empty list if nowhere."""
        near: dict[tuple[type, str, str, int], list[int]] = {}
        for k, part in enumerate(self.parts):
            near.setdefault(_looks(part), []).append(k)
        return [[k for k in near.get(_looks(link), ()) if self.parts[k] == link] for link in links]


def _looks(link: Link) -> tuple[type, str, str, int]:
    # Much cheaper than a link's hash, which goes into all hardware.
    return type(link), link.left.name, link.right.name, link.pairs
