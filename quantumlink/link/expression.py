"""Swaps and purifications: links made of links, and chains of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from quantumlink import validation
from quantumlink.circuits import Operation, known_operation
from quantumlink.hardware import Node
from quantumlink.link.elementary import ElementaryLink
from quantumlink.link.encoded import logical_swap
from quantumlink.link.joins import Join, Purify, Swap, delivered, joined, retrieved, same_hardware
from quantumlink.link.operations import as_operation
from quantumlink.link.tree import Link

ChainOrder = Literal["balanced", "sequential"]
"""In which order a chain swaps: as a balanced tree, or from left to right."""

MOST_PURIFY_ROUNDS = 64
"""Most nested rounds of purification: each at least doubles the pairs."""

CHAIN_ORDERS: tuple[ChainOrder, ...] = get_args(ChainOrder)


def swap(left: Link, right: Link, *, by: Any = "entanglement_swap") -> Swap:
    """Join two links at the node where the left one ends and the right one begins.

    Args:
        left: the left link.
        right: the right link.
        by: how: a name of the library's (``"entanglement_swap"``, ``"linear_optics_swap"``), a builder of a
            circuit, a circuit, or an `Operation`. Its first input takes the left link, its second the right one.
            By default, links that were encoded (see `encode`) are joined in their code.

    Raises:
        ValueError: if they do not meet, if that node differs in its hardware between the two, if the outer ends are
            one node, or if the operation does not fit.

    >>> from quantumlink.link import ElementaryLink
    >>> a, b, c = Node("a"), Node("b"), Node("c")
    >>> swap(ElementaryLink(a, b), ElementaryLink(b, c))
    <Swap a–c via b, 2 elementary pairs>
    """
    validation.instance("left", left, Link, "a link")
    validation.instance("right", right, Link, "a link")
    _of_two_ends(left, right)
    if left.right.name != right.left.name:
        raise ValueError(
            f"the links do not meet: the left one ({left.left}–{left.right}) ends at {left.right.name!r}, "
            f"the right one ({right.left}–{right.right}) begins at {right.left.name!r}"
        )
    same_hardware(left.right, right.left)
    if left.left.name == right.right.name:
        raise ValueError(f"a link needs two different ends, this swap would join {left.left.name!r} to itself")
    if by is _ENTANGLEMENT_SWAP or (isinstance(by, str) and by == _ENTANGLEMENT_SWAP):  # most: nothing can go wrong
        nodes = left.left, left.right, right.right
        how = logical_swap(left, right) or _SWAP
        operation = how if left.right.memory.retrieval == 1.0 else retrieved(how, nodes)
        return Swap(left.left, right.right, left.pairs + right.pairs, operation, (left, right), nodes)
    made = joined(Swap, as_operation("by", by, "swap"), (left, right))
    _delivers(made, left.left, right.right)
    assert isinstance(made, Swap)
    return made


_ENTANGLEMENT_SWAP = "entanglement_swap"
_SWAP = known_operation(_ENTANGLEMENT_SWAP)


def purify(kept: Link, *spent: Any, by: Any = "dejmps", protocol: Any = ...) -> Purify:
    """Spend links to improve another between the same two nodes.

    Args:
        kept: the link that is improved.
        spent: the links that are measured: as many as the purification takes, one link as often as need be.
        by: how: one of the library's names (``"dejmps"``, ``"bbpssw"``, ``"epl"``, ``"double_selection"``,
            ``"single_selection_3to1"``, ``"expedient"``, ``"stringent"``), a builder of a circuit, a circuit, or an
            `Operation`. Its first input takes the kept link, the others the spent ones in turn. ``"epl"`` takes
            pairs as one photon heralds them, Ψ⁺ mixed with |11⟩ or, turned by X at one end, Φ⁺ mixed with
            |01⟩ or |10⟩, and delivers Φ⁺: where the kept link comes from pairs of odd parity, X at the right
            end is part of it.
        protocol: another word for ``by``.

    Raises:
        ValueError: if the links join different nodes, the purification is unknown, or it takes another number of
            links.

    >>> from quantumlink.link import ElementaryLink
    >>> link = ElementaryLink(Node("a"), Node("b"), fidelity=0.8)
    >>> purify(link, link)
    <Purify a–b, 2 elementary pairs>
    >>> purify(link, link, link, by="double_selection")
    <Purify a–b, 3 elementary pairs>
    """
    argument = "by" if protocol is ... else "protocol"
    default = isinstance(by, str) and by == "dejmps"
    if len(spent) > 1 and not isinstance(spent[-1], Link) and default and protocol is ...:
        *links, protocol = spent  # as it was called when there was but one spent link
        spent, argument = tuple(links), "protocol"
    if protocol is not ...:
        if not default:
            raise ValueError(f"give by or protocol, which mean the same, not both; got {by!r} and {protocol!r}")
        by = protocol
    validation.instance("kept", kept, Link, "a link")
    for link in spent:
        validation.instance("spent", link, Link, "a link")
    _of_two_ends(kept, *spent)
    operation = purification(argument, by, odd=is_odd(kept))
    for link in spent:
        for mine, other in zip(kept.ends, link.ends, strict=True):
            if mine.name != other.name:
                raise ValueError(
                    f"purify needs links between the same nodes, in the same direction: the kept one joins "
                    f"{kept.left.name!r} to {kept.right.name!r}, a spent one {link.left.name!r} to "
                    f"{link.right.name!r}"
                )
            same_hardware(mine, other)
    wanted = len(operation.inputs) - 1
    if len(spent) != wanted:
        raise ValueError(
            f"{operation.name} spends {wanted} link{'s' * (wanted != 1)} on the kept one, got {len(spent)}"
        )
    made = joined(Purify, operation, (kept, *spent))
    _delivers(made, kept.left, kept.right)
    assert isinstance(made, Purify)
    return made


def chain(
    links: Sequence[Link],
    *,
    order: ChainOrder = "balanced",
    purify_rounds: int = 0,
    protocol: Any = "dejmps",
    by: Any = "entanglement_swap",
) -> Link:
    """Join links end to end into one, each purified first if asked for.

    Args:
        links: the links in order, at least one.
        order: ``"balanced"`` swaps as a balanced tree, ``"sequential"`` from left to right.
        purify_rounds: rounds of nested purification of each link before any swap, up to 64; r rounds of a
            purification that takes n pairs use nʳ pairs.
        protocol: the purification, whatever `purify` takes.
        by: how links are swapped, whatever `swap` takes.

    Raises:
        ValueError: if there are no links, two neighbors do not meet, or an option is unknown.

    >>> from quantumlink.link import ElementaryLink
    >>> nodes = [Node(name) for name in "abcd"]
    >>> hops = [ElementaryLink(a, b, fidelity=0.95) for a, b in zip(nodes, nodes[1:])]
    >>> chain(hops, purify_rounds=1)
    <Swap a–d via b–c, 6 elementary pairs>
    """
    validation.choice("order", order, CHAIN_ORDERS)
    purified_by: Any = as_operation("protocol", protocol, "purification")
    if isinstance(protocol, str) and protocol == "epl":
        purified_by = protocol  # its form depends on the link
    if not (isinstance(by, str) and by == _ENTANGLEMENT_SWAP):
        by = as_operation("by", by, "swap")
    rounds = validation.count("purify_rounds", purify_rounds, at_most=MOST_PURIFY_ROUNDS)
    validation.sequence("links", links, "links")
    layer = [_nested(validation.instance("links", link, Link, "links"), rounds, purified_by) for link in links]
    if not layer:
        raise ValueError("links must hold at least one link, got none")
    if order == "sequential":
        joined = layer[0]
        for link in layer[1:]:
            joined = swap(joined, link, by=by)
        return joined
    while len(layer) > 1:
        paired = [swap(layer[i], layer[i + 1], by=by) for i in range(0, len(layer) - 1, 2)]
        layer = [*paired, *layer[2 * len(paired) :]]
    return layer[0]


def _nested(link: Link, rounds: int, protocol: Any) -> Link:
    for _ in range(rounds):
        copies = len(purification("protocol", protocol).inputs)
        link = purify(*(link,) * copies, by=protocol)
    return link


def purification(argument: str, by: Any, *, odd: bool = False) -> Operation:
    """The operation that `purify` uses.

    Args:
        argument: what it was given as.
        by: what was given: see `purify`.
        odd: whether the kept link comes from pairs of odd parity: ``"epl"`` has a form of its own for them.

    Raises:
        ValueError: as `purify`.
    """
    operation = as_operation(argument, by, "purification")
    return _EPL_OF_ODD if odd and isinstance(by, str) and by == "epl" else operation


def _epl_of_odd() -> Operation:
    circuit = known_operation("epl").circuit.copy()
    circuit.x(circuit.qubits[-1])
    return Operation(circuit, known_operation("epl").inputs, name="epl")


_EPL_OF_ODD = _epl_of_odd()


def is_odd(link: Link) -> bool:
    """Whether the pairs that a kept link comes from are rather |01⟩ and |10⟩ than |00⟩ and |11⟩."""
    while isinstance(link, Purify):
        if link.protocol == "epl":
            return False
        link = link.kept
    if not isinstance(link, ElementaryLink):
        return False  # swaps deliver Φ⁺
    phi_plus, phi_minus, psi_plus, psi_minus = link.bell_diagonal
    return psi_plus + psi_minus > phi_plus + phi_minus


def _of_two_ends(*links: Link) -> None:
    for link in links:
        if len(link.ends) != 2:
            raise ValueError(f"swap and purify take links of two ends, got {link!r}: see join for others")


def _delivers(made: Join, left: Node, right: Node) -> None:
    ends = [node.name for node in delivered(made.operation, made.nodes)]
    if ends != [left.name, right.name]:
        raise ValueError(
            f"{made.operation.name} must deliver a pair from {left.name!r} to {right.name!r}, it delivers "
            f"qubits at "
            f"{', '.join(map(repr, ends))}: see its outputs, or use join"
        )
