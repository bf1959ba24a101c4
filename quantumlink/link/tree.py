"""What every link is: a node of an immutable tree, with its ends and its children.

Trees may be far deeper than Python's recursion limit, and share subtrees: everything here walks them with a stack.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

from quantumlink.hardware import Node
from quantumlink.link.way import MOST_LETTERS, numbered_in_line, way_text
from quantumlink.tables import html_table

if TYPE_CHECKING:
    from quantumlink.link.elementary import ElementaryLink


MOST_STEPS = 12
"""Most steps that the table of a link tells."""


@dataclass(frozen=True, eq=False, repr=False)
class Link:
    """Entangled qubits between nodes, mostly a pair between two, to be read by `compose`, `evaluate` and others.

    Two links are equal if their trees are. Links are immutable and may be shared freely.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink, Link, swap
    >>> a, m, b = Node("a"), Node("m"), Node("b")
    >>> link = swap(ElementaryLink(a, m), ElementaryLink(m, b))
    >>> isinstance(link, Link), link.pairs, link.end_labels
    (True, 2, ('a', 'b'))
    """

    left: Node
    """The left end node; of more than two, the first."""
    right: Node
    """The right end node; of more than two, the last."""
    pairs: int
    """How many elementary pairs one run uses."""

    @property
    def ends(self) -> tuple[Node, ...]:
        """The end nodes: left and right, or the node of each qubit that is delivered, in order."""
        return self.left, self.right

    @property
    def end_labels(self) -> tuple[str, ...]:
        """What the ends are called: their nodes' names; where a node holds several, with a number in brackets."""
        names = [node.name for node in self.ends]
        if len(set(names)) == len(names):
            return tuple(names)
        seen: Counter[str] = Counter()
        labels = []
        for name in names:
            labels.append(name if names.count(name) == 1 else f"{name}[{seen[name]}]")
            seen[name] += 1
        return tuple(labels)

    @property
    def does(self) -> str | None:
        """What is done to make it of other links, in words; None for an elementary link."""
        return None

    @property
    def caption(self) -> str:
        """What is done, as briefly as a picture has room for.

        Raises:
            TypeError: if nothing is known of this kind of link.
        """
        raise TypeError(f"nothing is known of links of the kind {type(self).__name__}: {self!r}")

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
            if len(a.children) != len(b.children):
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
        return f"<{type(self).__name__} {way_of(self)}, {pairs_text(self.pairs)}>"

    def _repr_html_(self) -> str:
        told = [part.does for part in distinct_links(self)]
        steps = [step for step in told if step is not None]
        rows = [("ends", " – ".join(self.end_labels)), ("made of", pairs_text(self.pairs)), *self._facts()]
        rows += [(f"step {i}", step) for i, step in enumerate(steps[:MOST_STEPS], start=1)]
        if len(steps) > MOST_STEPS:
            rows.append(("…", f"and {len(steps) - MOST_STEPS} more steps"))
        return html_table(f"{type(self).__name__} {' – '.join(self.end_labels)}", rows)

    def _facts(self) -> list[tuple[str, str]]:
        """What a table tells of this kind of link."""
        return []


MOST_VIA = 4
"""Nodes on the way that a link's short text names one by one."""


def way_of(link: Link) -> str:
    """The ends and the nodes on the way, in words: of a long way all in turn, those in a line by their number.

    What is no way from one end to the other, such as pairs joined to a state of several ends, tells how many.
    """
    ends = {node.name for node in link.ends}
    hops = list(dict.fromkeys(part.ends for part in distinct_links(link) if not part.children))
    inner = {node.name: None for hop in hops for node in hop if node.name not in ends}
    whole = "–".join(link.end_labels)
    if not inner:
        return whole
    if len(inner) <= MOST_VIA:
        return f"{whole} via {'–'.join(inner)}"
    nodes = [hops[0][0], *(hop[-1] for hop in hops)]
    if len(link.ends) != 2 or list(pairwise(nodes)) != hops or (nodes[0], nodes[-1]) != link.ends:
        return f"{whole} via {len(inner)} nodes"
    names = [node.name for node in nodes]
    near = {b: (a, c) for a, b, c in zip(names, names[1:], names[2:], strict=False)}
    hidden = numbered_in_line(nodes[1:-1], near)
    return way_text(names, hidden, most_letters=MOST_LETTERS)


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
        left, right = part.left, part.right
        for node, other in () if part.children else ((left, right), (right, left)):
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
        own = {name: _places(place, value) for name, value in vars(part).items()}
        records.append((type(part), own))
    return records


def _places(place: dict[int, int], value: Any) -> Any:
    links = isinstance(value, tuple) and value and all(isinstance(each, Link) for each in value)
    return [place[id(each)] for each in value] if links else value


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
            told = tuple(links[place] for place in value) if isinstance(value, list) else value
            object.__setattr__(part, name, told)
        links.append(part)
    return links[-1]
