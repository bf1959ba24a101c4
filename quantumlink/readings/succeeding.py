"""Whether a link can succeed at all, where that is quickly known."""

from __future__ import annotations

from math import inf

from quantumlink.link import Join, Link, distinct_links
from quantumlink.readings.carrying import Carrier
from quantumlink.readings.folding import NeverSucceeds, fold
from quantumlink.readings.maps import carrier, is_pair_map

ALWAYS_FOLLOWED = 8
"""Qubits up to which an operation is followed first, lest it can never succeed."""

MOST_FOLLOWED = 20
"""Most qubits of one that is followed if little is entangled in it at one time."""

MOST_ENTRIES = 1 << 20
"""How many numbers that may be: as of ten qubits."""

MOST_WORK = 1 << 26
"""Most numbers in all steps of all larger operations of a link together: some 0.2 s."""


def check_succeeds(link: Link) -> None:
    """Refuse what no run would be accepted of, in all parts that are followed.

    Raises:
        NeverSucceeds: if there is such a part.
    """
    followed: set[int] = set()
    roots: dict[int, Join] = {}
    left: float = MOST_WORK
    for part in distinct_links(link):  # children first
        if all(id(child) in followed for child in part.children):
            work = _work(part)
            if work > left:
                continue
            left -= work
            followed.add(id(part))
            for child in part.children:
                roots.pop(id(child), None)
            if isinstance(part, Join):
                roots[id(part)] = part
    for root in roots.values():
        if not any(part.operation.may_fail for part in distinct_links(root) if isinstance(part, Join)):
            continue
        try:
            fold(root)
        except NeverSucceeds:
            raise
        except ValueError:  # what cannot be followed exactly may still be run
            continue


def _work(part: Link) -> float:
    """How much work it is to find a part's state from those of its links: 0 if little, infinite if too much."""
    if not isinstance(part, Join):
        return 0
    operation = part.operation
    qubits = operation.circuit.num_qubits
    if is_pair_map(operation) or qubits <= ALWAYS_FOLLOWED:
        return 0
    if qubits > MOST_FOLLOWED or not operation.takes_any_link:
        return inf
    try:
        found = carrier(operation, [node.processor for node in part.nodes])
    except ValueError:
        return inf
    if not isinstance(found, Carrier) or found.entries > MOST_ENTRIES:
        return inf
    return found.entries * sum(len(steps) for _, steps, _ in found.runs)
