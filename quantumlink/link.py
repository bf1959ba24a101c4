"""The expression: a link is an immutable tree of elementary links, swaps and purifications.

An `ElementaryLink` joins two nodes through a medium; `swap` joins two links that meet at a relay; `purify`
spends one link to improve another between the same two nodes. Everything else reads this tree.

Every occurrence of a link in the tree is a pair of its own: ``purify(left, left)`` uses two pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from quantumlink import validation
from quantumlink.circuits import PURIFICATION_PROTOCOLS, PurificationProtocol
from quantumlink.hardware import Medium, Node

ChainOrder = Literal["balanced", "sequential"]
"""In which order a chain swaps: as a balanced tree, or from left to right."""

CHAIN_ORDERS: tuple[ChainOrder, ...] = get_args(ChainOrder)


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
            if isinstance(link, ElementaryLink):
                leaves.append(link)
            stack.extend(reversed(link.children))
        return tuple(leaves)

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

    def _own_fields(self) -> tuple[object, ...]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.left}–{self.right}, {pairs_text(self.pairs)}>"


@dataclass(frozen=True)
class Attempts:
    """How pairs of an elementary link come about: independent attempts, one after the other."""

    success_probability: float | None
    """Probability that an attempt delivers a pair, in (0, 1]; None for pairs at random moments (exponential)."""
    time_s: float
    """Duration of one attempt in seconds; of pairs at random moments, the mean time from one to the next."""

    @property
    def rate_hz(self) -> float:
        """Pairs per second, if attempts never pause."""
        return (self.success_probability or 1.0) / self.time_s


@dataclass(frozen=True, eq=False, repr=False)
class ElementaryLink(Link):
    """Two nodes and the medium between them; the pair arrives in its stated state.

    The state is Werner of the given fidelity, or Bell-diagonal; with neither, a perfect Φ⁺.

    Args:
        left: one node.
        right: the other node.
        medium: what lies between them, or None.
        fidelity: fidelity F to Φ⁺ of a Werner state, in [1/4, 1].
        bell_diagonal: populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻), summing to 1.
        rate_hz: pairs delivered per second, if known.
        success_probability: probability that one attempt delivers a pair, in (0, 1]; see `attempts`.
        attempt_time_s: duration of one attempt in seconds, above zero; see `attempts`.

    Raises:
        ValueError: if a value is out of range, both states are given, or the nodes have one name.
        TypeError: if an argument is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> link = ElementaryLink(Node("alice"), Node("bob"), Fiber(25), fidelity=0.97)
    >>> [round(population, 4) for population in link.bell_diagonal]
    [0.97, 0.01, 0.01, 0.01]
    """

    medium: Medium | None
    """What lies between the nodes, or None."""
    bell_diagonal: tuple[float, float, float, float]
    """Populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻)."""
    rate_hz: float | None
    """Pairs delivered per second, if known."""
    success_probability: float | None
    """Probability that one attempt delivers a pair, if stated."""
    attempt_time_s: float | None
    """Duration of one attempt in seconds, if stated."""

    def __init__(
        self,
        left: Node,
        right: Node,
        medium: Medium | None = None,
        *,
        fidelity: float | None = None,
        bell_diagonal: Sequence[float] | None = None,
        rate_hz: float | None = None,
        success_probability: float | None = None,
        attempt_time_s: float | None = None,
    ) -> None:
        validation.instance("left", left, Node, "a Node")
        validation.instance("right", right, Node, "a Node")
        if left.name == right.name:
            raise ValueError(f"a link needs two different nodes, got {left.name!r} twice")
        if medium is not None:
            validation.instance("medium", medium, Medium, "a medium such as Fiber, or None")
        if fidelity is not None and bell_diagonal is not None:
            raise ValueError(
                f"give fidelity or bell_diagonal, not both; got fidelity={fidelity!r}, "
                f"bell_diagonal={bell_diagonal!r}"
            )
        if bell_diagonal is None:
            f = 1.0 if fidelity is None else validation.number("fidelity", fidelity, at_least=0.25, at_most=1.0)
            populations = (f, (1 - f) / 3, (1 - f) / 3, (1 - f) / 3)
        else:
            populations = validation.populations("bell_diagonal", bell_diagonal)
        if rate_hz is not None:
            rate_hz = validation.number("rate_hz", rate_hz, at_least=0.0)
        if success_probability is not None:
            success_probability = _positive("success_probability", success_probability, at_most=1.0)
        if attempt_time_s is not None:
            attempt_time_s = _positive("attempt_time_s", attempt_time_s)
        for name, value in (
            ("left", left),
            ("right", right),
            ("pairs", 1),
            ("medium", medium),
            ("bell_diagonal", populations),
            ("rate_hz", rate_hz),
            ("success_probability", success_probability),
            ("attempt_time_s", attempt_time_s),
        ):
            object.__setattr__(self, name, value)

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺ with which the pair arrives."""
        return self.bell_diagonal[0]

    def reversed(self) -> ElementaryLink:
        """The same link, told from the other end."""
        return ElementaryLink(
            self.right,
            self.left,
            self.medium,
            bell_diagonal=self.bell_diagonal,
            rate_hz=self.rate_hz,
            success_probability=self.success_probability,
            attempt_time_s=self.attempt_time_s,
        )

    @property
    def attempts(self) -> Attempts | None:
        """How pairs come about, None if nothing is known of it.

        What is stated holds. Of what is not: the probability is the medium's transmittance (a photon from the
        middle of the link, or two that meet there, arrive with it), or what ``rate_hz`` makes of the attempt
        time; the time is the medium's delay (photons go half of the way, messages the other half). A
        ``rate_hz`` alone, or one that a single attempt cannot reach, is a stream of pairs at random moments.
        """
        probability, time_s = self.success_probability, self.attempt_time_s
        if time_s is None and self.medium is not None and self.medium.delay_s > 0:
            time_s = self.medium.delay_s
        if probability is None and self.rate_hz is not None:
            if time_s is None or self.rate_hz * time_s > 1:
                return Attempts(None, 1 / self.rate_hz) if self.rate_hz else None
            probability = self.rate_hz * time_s
        if probability is None and self.medium is not None:
            probability = self.medium.transmittance
        if time_s is None and probability is not None and self.rate_hz:
            time_s = probability / self.rate_hz
        if not probability or time_s is None:
            return None
        return Attempts(probability, time_s)

    def _own_fields(self) -> tuple[object, ...]:
        return (
            self.left,
            self.right,
            self.medium,
            self.bell_diagonal,
            self.rate_hz,
            self.success_probability,
            self.attempt_time_s,
        )

    def __repr__(self) -> str:
        return f"<ElementaryLink {self.left}–{self.right}, fidelity {self.fidelity:.6g}>"


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


def _nested(link: Link, rounds: int, protocol: PurificationProtocol) -> Link:
    for _ in range(rounds):
        link = purify(link, link, protocol)
    return link


def _positive(name: str, value: float, *, at_most: float | None = None) -> float:
    result = validation.number(name, value, at_least=0.0, at_most=at_most)
    if not result:
        raise ValueError(f"{name} must be above zero, got {value!r}")
    return result


def _same_hardware(a: Node, b: Node) -> None:
    if a != b:
        raise ValueError(f"two different nodes are named {a.name!r}: {a!r} and {b!r}")
