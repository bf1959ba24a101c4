"""Whether a link can succeed at all, where that is quickly known."""

from __future__ import annotations

from quantumlink.link import Join, Link, distinct_links
from quantumlink.readings.folding import NeverSucceeds, fold
from quantumlink.readings.maps import carrier, is_pair_map

ALWAYS_FOLLOWED = 8
"""Qubits up to which an operation is followed first, lest it can never succeed."""

MOST_FOLLOWED = 20
"""Most qubits of one that is followed if little is entangled in it at one time."""

MOST_ENTRIES = 1 << 20
"""How many numbers that may be: as of ten qubits, some 30 ms."""


def check_succeeds(link: Link) -> None:
    """Refuse what no run would be accepted of, in all parts that are followed.

    Raises:
        NeverSucceeds: if there is such a part.
    """
    followed: set[int] = set()
    roots: dict[int, Join] = {}
    for part in distinct_links(link):  # children first
        if all(id(child) in followed for child in part.children) and _is_quick(part):
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


def _is_quick(part: Link) -> bool:
    """Whether a part's state is found in milliseconds, of those of its links."""
    if not isinstance(part, Join):
        return True
    operation = part.operation
    qubits = operation.circuit.num_qubits
    if is_pair_map(operation) or qubits <= ALWAYS_FOLLOWED:
        return True
    if qubits > MOST_FOLLOWED or not operation.takes_any_link:
        return False
    try:
        found = carrier(operation, [node.processor for node in part.nodes])
    except ValueError:
        return False
    return found.entries <= MOST_ENTRIES
