"""Swaps and purifications: links made of links, and chains of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from quantumlink import validation
from quantumlink.circuits import PURIFICATION_PROTOCOLS, PurificationProtocol
from quantumlink.hardware import Node
from quantumlink.link.tree import Link

ChainOrder = Literal["balanced", "sequential"]
"""In which order a chain swaps: as a balanced tree, or from left to right."""

CHAIN_ORDERS: tuple[ChainOrder, ...] = get_args(ChainOrder)


@dataclass(frozen=True, eq=False, repr=False)
class Swap(Link):
    """Two links joined at a relay: see `swap`."""

    left_link: Link
    right_link: Link

    @property
    def relay(self) -> Node:
        """The node where the two links meet."""
        return self.left_link.right

    @property
    def children(self) -> tuple[Link, ...]:
        """The left and the right link."""
        return self.left_link, self.right_link

    def _own_fields(self) -> tuple[object, ...]:
        return ()


@dataclass(frozen=True, eq=False, repr=False)
class Purify(Link):
    """One link improved at the expense of another: see `purify`."""

    kept: Link
    spent: Link
    protocol: PurificationProtocol

    @property
    def children(self) -> tuple[Link, ...]:
        """The kept and the spent link."""
        return self.kept, self.spent

    def _own_fields(self) -> tuple[object, ...]:
        return (self.protocol,)


def swap(left: Link, right: Link) -> Swap:
    """Join two links at the node where the left one ends and the right one begins.

    Raises:
        ValueError: if they do not meet, if that node differs in its hardware between the two, or if the
            outer ends are one node.

    >>> from quantumlink.link import ElementaryLink
    >>> a, b, c = Node("a"), Node("b"), Node("c")
    >>> swap(ElementaryLink(a, b), ElementaryLink(b, c))
    <Swap a–c, 2 elementary pairs>
    """
    validation.instance("left", left, Link, "a link")
    validation.instance("right", right, Link, "a link")
    if left.right.name != right.left.name:
        raise ValueError(
            f"the links do not meet: the left one ({left.left}–{left.right}) ends at {left.right.name!r}, "
            f"the right one ({right.left}–{right.right}) begins at {right.left.name!r}"
        )
    _same_hardware(left.right, right.left)
    if left.left.name == right.right.name:
        raise ValueError(f"a link needs two different ends, this swap would join {left.left.name!r} to itself")
    return Swap(left.left, right.right, left.pairs + right.pairs, left, right)


def purify(kept: Link, spent: Link, protocol: PurificationProtocol = "dejmps") -> Purify:
    """Spend one link to improve another between the same two nodes.

    Args:
        kept: the link that is improved.
        spent: the link that is measured.
        protocol: ``"dejmps"`` or ``"bbpssw"``.

    Raises:
        ValueError: if the links join different nodes, or the protocol is unknown.

    >>> from quantumlink.link import ElementaryLink
    >>> link = ElementaryLink(Node("a"), Node("b"), fidelity=0.8)
    >>> purify(link, link)
    <Purify a–b, 2 elementary pairs>
    """
    validation.instance("kept", kept, Link, "a link")
    validation.instance("spent", spent, Link, "a link")
    validation.choice("protocol", protocol, PURIFICATION_PROTOCOLS)
    for mine, other in zip(kept.ends, spent.ends, strict=True):
        if mine.name != other.name:
            raise ValueError(
                f"purify needs two links between the same nodes, in the same direction: the kept one joins "
                f"{kept.left.name!r} to {kept.right.name!r}, the spent one {spent.left.name!r} to "
                f"{spent.right.name!r}"
            )
        _same_hardware(mine, other)
    return Purify(kept.left, kept.right, kept.pairs + spent.pairs, kept, spent, protocol)


def chain(
    links: Sequence[Link],
    *,
    order: ChainOrder = "balanced",
    purify_rounds: int = 0,
    protocol: PurificationProtocol = "dejmps",
) -> Link:
    """Join links end to end into one, each purified first if asked for.

    Args:
        links: the links in order, at least one.
        order: ``"balanced"`` swaps as a balanced tree, ``"sequential"`` from left to right.
        purify_rounds: rounds of nested purification of each link before any swap; r rounds use 2ʳ pairs.
        protocol: the purification protocol.

    Raises:
        ValueError: if there are no links, two neighbors do not meet, or an option is unknown.

    >>> from quantumlink.link import ElementaryLink
    >>> nodes = [Node(name) for name in "abcd"]
    >>> hops = [ElementaryLink(a, b, fidelity=0.95) for a, b in zip(nodes, nodes[1:])]
    >>> chain(hops, purify_rounds=1)
    <Swap a–d, 6 elementary pairs>
    """
    validation.choice("order", order, CHAIN_ORDERS)
    validation.choice("protocol", protocol, PURIFICATION_PROTOCOLS)
    rounds = validation.count("purify_rounds", purify_rounds)
    validation.sequence("links", links, "links")
    layer = [_nested(validation.instance("links", link, Link, "links"), rounds, protocol) for link in links]
    if not layer:
        raise ValueError("links must hold at least one link, got none")
    if order == "sequential":
        joined = layer[0]
        for link in layer[1:]:
            joined = swap(joined, link)
        return joined
    while len(layer) > 1:
        paired = [swap(layer[i], layer[i + 1]) for i in range(0, len(layer) - 1, 2)]
        layer = [*paired, *layer[2 * len(paired) :]]
    return layer[0]


def _nested(link: Link, rounds: int, protocol: PurificationProtocol) -> Link:
    for _ in range(rounds):
        link = purify(link, link, protocol)
    return link


def _same_hardware(a: Node, b: Node) -> None:
    if a != b:
        raise ValueError(f"two different nodes are named {a.name!r}: {a!r} and {b!r}")
