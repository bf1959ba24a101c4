"""Routes through nodes that store halves of pairs apart, or whose attempts disturb them: every path by itself.

How such nodes share their qubits among their links is known of a whole link, not hop by hop as a search goes. So
where there are few paths each one's link is forecast, and the best are taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from quantumlink.link import ElementaryLink
from quantumlink.network.objectives import TIMED, Objective
from quantumlink.network.search import Hops

MOST_PATHS = 32
"""More paths are not forecast one by one."""


def paths_between(
    links: Sequence[ElementaryLink], source: str, target: str, passable: Collection[str], by: Objective
) -> list[Hops]:
    """All paths between two nodes that meet no node twice, each link told in its direction; at most one too many.

    Args:
        links: those that may be used.
        source: name of the first node.
        target: name of the last node.
        passable: names of nodes that a path may lead through.
        by: what is best; what needs to know how pairs come leaves out links that do not say it.
    """
    leading: dict[str, list[ElementaryLink]] = {}
    for link in links:
        held = all(node.memories != 0 for node in link.ends) or {node.name for node in link.ends} <= {
            source,
            target,
        }
        if held and not (by in TIMED and link.attempts is None):
            for told in (link, link.reversed()):
                leading.setdefault(told.left.name, []).append(told)
    found: list[Hops] = []
    for path in _grown(leading, (), source, target, passable):
        found.append(path)
        if len(found) > MOST_PATHS:
            break
    return found


def _grown(
    leading: dict[str, list[ElementaryLink]], hops: Hops, at: str, target: str, passable: Collection[str]
) -> Iterator[Hops]:
    """What paths that begin with some hops can become."""
    met = {hop.left.name for hop in hops}
    for link in leading.get(at, ()):
        end = link.right.name
        if end == target:
            yield (*hops, link)
        elif end in passable and end not in met and end != at:
            yield from _grown(leading, (*hops, link), end, target, passable)
