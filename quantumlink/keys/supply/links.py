"""Which nodes of a network hold keys, and over which links they get them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quantumlink import validation
from quantumlink.link import ElementaryLink, Link
from quantumlink.network import Network

NOMINAL_RATE_BIT_S = 1000.0
"""Secret bits per second of a link that does not say how its pairs come."""


@dataclass(frozen=True)
class QkdLink:
    """A link between two nodes that hold keys, entangled from end to end."""

    ends: tuple[str, str]
    """The two nodes, in order of their names."""
    link: Link
    hops: tuple[ElementaryLink, ...]
    """The elementary links that it is made of."""
    rate_bit_s: float
    """Secret bits per second, as forecast; `NOMINAL_RATE_BIT_S` where pairs have no rate."""

    def __post_init__(self) -> None:
        rate = validation.number("rate_bit_s", self.rate_bit_s, at_least=0.0)
        object.__setattr__(self, "rate_bit_s", rate)

    @property
    def name(self) -> str:
        """Such as ``"alice–bob"``."""
        return "–".join(self.ends)

    def nodes(self) -> list[str]:
        """The nodes on its way, ends included."""
        names = [self.hops[0].left.name]
        return names + [hop.right.name for hop in self.hops]


def key_nodes(network: Network, at: Sequence[str] = ()) -> list[str]:
    """The nodes that hold keys: those asked for, else ends and trusted nodes, else where links fork or end."""
    if at:
        found = [validation.choice("at", name, network.nodes) for name in dict.fromkeys(at)]
    else:
        found = [name for name, node in network.nodes.items() if node.role in ("end", "trusted")]
        if len(found) < 2:
            joined = [end.name for link in network.links for end in link.ends]
            found = [name for name in network.nodes if joined.count(name) != 2] or list(network.nodes)
    if len(found) < 2:
        raise ValueError(f"keys need two nodes at least, got {', '.join(found) or 'none'}")
    return found


def qkd_links(network: Network, nodes: Sequence[str]) -> list[QkdLink]:
    """The links between these nodes that have no other of them on their way, and yield a key."""
    pairs = []
    for place, source in enumerate(nodes):
        near = _near(network, source, set(nodes))
        pairs += [(source, target) for target in nodes[place + 1 :] if target in near]
    found = (qkd_link(network, source, target, nodes) for source, target in pairs)
    return [link for link in found if link is not None]


def qkd_link(
    network: Network, source: str, target: str, nodes: Sequence[str], avoid: Sequence[ElementaryLink] = ()
) -> QkdLink | None:
    """The best link between two nodes past all others that hold keys, None if there is none that yields a key."""
    others = [name for name in nodes if name not in (source, target)]
    first, second = sorted((source, target))
    try:
        (route,) = network.routes(first, second, 1, avoid=[*others, *avoid])
    except ValueError:  # no way, or none that yields a key
        return None
    rate = NOMINAL_RATE_BIT_S if route.latency_s is None else route.secret_key_rate_hz
    if not rate:
        return None
    return QkdLink((first, second), route.link, route.hops, rate)


def _near(network: Network, source: str, nodes: set[str]) -> set[str]:
    """Which of the nodes can be reached without passing another of them."""
    beside: dict[str, set[str]] = {}
    for link in network.links:
        beside.setdefault(link.left.name, set()).add(link.right.name)
        beside.setdefault(link.right.name, set()).add(link.left.name)
    found, seen, open_nodes = set(), {source}, [source]
    while open_nodes:
        for name in beside.get(open_nodes.pop(), set()) - seen:
            seen.add(name)
            if name in nodes:
                found.add(name)
            else:
                open_nodes.append(name)
    return found
