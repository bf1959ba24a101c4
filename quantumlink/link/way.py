"""The way of a link or a route in words: its nodes in turn, those that stand in a line by their number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from quantumlink.hardware import Node

MOST_LETTERS = 160
"""Letters of a way in a short text: two lines of a terminal. A longer one is told by its beginning and its end."""


def numbered_in_line(nodes: Iterable[Node], near: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The numbered repeaters and trusted nodes with two neighbors that stand in a row, two or more.

    Their names differ in the number at the end alone, as hamburg-berlin-1 and hamburg-berlin-2; users are none.

    Args:
        nodes: all nodes.
        near: for each name the names of its neighbors, as often as there are links.
    """
    stem = {
        node.name: node.name.rstrip("0123456789")
        for node in nodes
        if node.role in ("repeater", "trusted") and not node.is_user and node.name[-1].isdecimal()
        if len(near[node.name]) == len(set(near[node.name])) == 2
    }
    return frozenset(name for name in stem if any(stem.get(other) == stem[name] for other in near[name]))


def way_text(names: Sequence[str], hidden: frozenset[str], *, most_letters: int | None = None) -> str:
    """A way in words, with the hidden nodes of a line as their number.

    Args:
        names: of the nodes in turn.
        hidden: those that are told by their number.
        most_letters: where it would be longer, nodes in the middle are told by their number, too; the first
            and the last never.

    >>> way_text(["a", "x", "y", "b", "c"], frozenset("xy"))
    'a –2– b – c'
    >>> way_text([f"node {i}" for i in range(99)], frozenset(), most_letters=40)
    'node 0 – node 1 – … 95 nodes … – node 97 – node 98'
    """
    places = [i for i, name in enumerate(names) if i in (0, len(names) - 1) or name not in hidden]
    text = _joined(names, places)
    if most_letters is None or len(text) <= most_letters or len(places) < 4:
        return text
    head, tail = places[:1], places[-1:]
    inner = places[1:-1]
    while inner and len(_joined(names, [*head, inner[0]])) <= most_letters / 2:
        head.append(inner.pop(0))
    while inner and len(_joined(names, [inner[-1], *tail])) <= most_letters / 2:
        tail.insert(0, inner.pop())
    left_out = tail[0] - head[-1] - 1
    return f"{_joined(names, head)} – … {left_out} node{'s' * (left_out != 1)} … – {_joined(names, tail)}"


def _joined(names: Sequence[str], places: Sequence[int]) -> str:
    text = ""
    for n, place in enumerate(places):
        between = place - places[n - 1] - 1 if n else 0
        text += (f" –{between}– " if between else " – " if n else "") + names[place]
    return text
