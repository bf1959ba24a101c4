"""What every link is: a node of an immutable tree, with its ends and its children.

Trees may be far deeper than Python's recursion limit, and share subtrees: everything here walks them with a stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

from quantumlink.hardware import Node

if TYPE_CHECKING:
    from quantumlink.link.elementary import ElementaryLink


@dataclass(frozen=True, eq=False, repr=False)
class Link:
    """A pair of entangled qubits between two nodes, to be read by `compose`, `evaluate` and others.

    Two links are equal if their trees are. Links are immutable and may be shared freely.
    """

    left: Node
    """The left end node."""
    right: Node
    """The right end node."""
    pairs: int
    """How many elementary pairs one run uses."""

    @property
    def ends(self) -> tuple[Node, Node]:
        """The two end nodes, left and right."""
        return self.left, self.right

    @property
    def children(self) -> tuple[Link, ...]:
        """The links this one is made of."""
        return ()

    def elementary_links(self) -> tuple[ElementaryLink, ...]:
        """The leaves of the tree in order, each as often as it occurs."""
        leaves, stack = [], [self]
        while stack:
            link = stack.pop()
            if not link.children:
                leaves.append(link)
            stack.extend(reversed(link.children))
        return cast("tuple[ElementaryLink, ...]", tuple(leaves))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Link):
            return NotImplemented
        # A chain may be far deeper than Python's recursion limit, and share subtrees: an explicit stack.
        stack, seen = [(self, other)], set()
        while stack:
            a, b = stack.pop()
            if a is b or (id(a), id(b)) in seen:
                continue
            seen.add((id(a), id(b)))
            if type(a) is not type(b) or a._own_fields() != b._own_fields():
                return False
            stack.extend(zip(a.children, b.children, strict=True))
        return True

    def __hash__(self) -> int:
        return hash((type(self), self.left, self.right, self.pairs))

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        # Pickle and copy.deepcopy go down a tree by recursion: hand them a flat list instead.
        return (_from_flat, (_flat(self),)) if self.children else super().__reduce_ex__(protocol)

    def _own_fields(self) -> tuple[object, ...]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.left}–{self.right}, {pairs_text(self.pairs)}>"


def pairs_text(pairs: int) -> str:
    """A number of elementary pairs, in words."""
    return f"{pairs} elementary pair" + ("" if pairs == 1 else "s")


def distinct_links(link: Link) -> Iterator[Link]:
    """Every distinct link object of the tree, children before parents, shared subtrees once."""
    seen: set[int] = set()
    stack = [(link, False)]
    while stack:
        current, expanded = stack.pop()
        if expanded:
            yield current
        elif id(current) not in seen:
            seen.add(id(current))
            stack.append((current, True))
            stack.extend((child, False) for child in reversed(current.children))


def check_memories(link: Link) -> None:
    """Refuse a node without memory where a qubit must be held: anywhere but at the ends of a pair used as it is.

    Raises:
        ValueError: if such a node takes part in a swap or a purification.
    """
    if not link.children:
        return
    for part in distinct_links(link):
        for node, other in () if part.children else (part.ends, part.ends[::-1]):
            if node.memories == 0:
                raise ValueError(
                    f"node {node.name!r} has no memory (memories=0) to hold its qubit of {node.name}–{other.name} "
                    f"while {link.left}–{link.right} is made: such a node can only end a single elementary link"
                )


def _flat(link: Link) -> list[Any]:
    """The distinct links of a tree, children before parents.

    A leaf stands as it is, another one as its kind and its fields, with children as places in the list.
    """
    place: dict[int, int] = {}
    records: list[Any] = []
    for part in distinct_links(link):
        place[id(part)] = len(records)
        if not part.children:
            records.append(part)
            continue
        # A place is told from a field's value by a list around it: no field of a link is a list.
        own = {name: [place[id(v)]] if isinstance(v, Link) else v for name, v in vars(part).items()}
        records.append((type(part), own))
    return records


def _from_flat(records: list[Any]) -> Link:
    """The link that `_flat` was given: what was shared in its tree is shared again."""
    links: list[Link] = []
    for record in records:
        if isinstance(record, Link):
            links.append(record)
            continue
        kind, own = record
        part: Link = object.__new__(kind)
        for name, value in own.items():
            object.__setattr__(part, name, links[value[0]] if isinstance(value, list) else value)
        links.append(part)
    return links[-1]
