"""Disturbing: how many attempts a node makes for other pairs while it stores a qubit.

An attempt counts if it begins while the qubit is stored: from its pair's herald on, or after the operation that
made it, and until it is operated on. Attempts go on until their own herald is there; modes that one attempt tries
at once are one, attempts that several communication qubits make at once are several. Of links that are made in
turn, all that is attempted for the later ones counts, tries that failed included. Of links that are made side by
side, attempts follow one another from the zero that all have in common; where one of them may have to begin again
meanwhile, that is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.readings.timeline.plan import Elementary, Joining, Plan, in_order
from quantumlink.timing.attempts import whole_attempts


class Stored(Protocol):
    """Pairs, as far as it matters here: see `quantumlink.readings.timeline.pairs`."""

    made: FloatArray
    """Shape (n,): when each was made."""
    since: FloatArray
    """Shape (k, n): since when each end waits."""
    tried: FloatArray
    """Shape (nodes, n): how many attempts were made for it."""


def tried(link: Elementary, made: FloatArray) -> FloatArray:
    """Shape (nodes, n): how many attempts each node that they disturb has made until a pair is heralded."""
    found = np.zeros((link.disturbed, len(made)))
    rows = [row for row in link.rows if row is not None]
    if rows and link.success_probability is not None:
        found[rows] = link.at_once * whole_attempts(made / link.time)
    return found


class SideBySide:
    """Attempts for elementary links that all begin at time 0.

    Args:
        leaves: the links, and their pairs.
    """

    def __init__(self, leaves: Sequence[tuple[Plan, Stored]]) -> None:
        self._of: dict[int, list[tuple[float, int, FloatArray]]] = {}
        for link, pairs in leaves:
            for row in set(getattr(link, "rows", ())) - {None} if not link.operations else ():
                self._of.setdefault(row, []).append((link.time, link.at_once, pairs.made))  # type: ignore[union-attr]

    def between(self, row: int, since: FloatArray, until: FloatArray) -> FloatArray:
        """Shape (n,): how many a node begins from one moment to another."""
        total = np.zeros(len(since))
        for time, at_once, made in self._of.get(row, ()):
            begun = [whole_attempts(np.minimum(moment, made) / time) for moment in (since, until)]
            total += at_once * np.maximum(begun[1] - begun[0], 0.0)
        return total


def attempts_meanwhile(
    step: Joining, parts: Sequence[Stored], until: FloatArray, others: SideBySide | None
) -> FloatArray | None:
    """Shape (qubits, n): how many attempts each qubit was stored through; None if they disturb none.

    Args:
        step: the operation.
        parts: what it consumes.
        until: shape (qubits, n), until when each qubit waits.
        others: the attempts that are made side by side, if any.
    """
    if all(row is None for row in step.rows):
        return None
    found, place = np.zeros(until.shape), 0
    for i, (child, part) in enumerate(zip(step.children, parts, strict=True)):
        for moment in part.since if child.operations else [part.made] * len(part.since):
            row = step.rows[place]
            if row is not None and not step.side_by_side:
                found[place] = sum((later.tried[row] for later in parts[i + 1 :]), np.zeros(1))
            elif row is not None and others is not None:
                found[place] = others.between(row, moment, until[place])
            place += 1
    return found


def check_known(plan: Plan, names: Sequence[str], *, cut: bool, optimistic: bool) -> None:
    """Refuse attempts that disturb stored qubits where it is not known when they are made.

    Args:
        plan: the plan.
        names: the nodes whose memories attempts disturb.
        cut: whether there is a cut-off.
        optimistic: whether nothing begins again before the end.

    Raises:
        ValueError: in that case.
    """
    if not names:
        return
    # Of each part, the nodes that make attempts for it, and whether these go on evenly from the part's beginning.
    even: dict[int, dict[int, bool]] = {}
    for part in in_order(plan):
        if id(part) in even:
            continue
        if isinstance(part, Elementary):
            clocked = part.success_probability is not None
            even[id(part)] = {row: clocked for row in part.rows if row is not None}
            continue
        again = cut or not part.side_by_side or (part.may_fail and not optimistic)
        found: dict[int, list[bool]] = {}
        for child in part.children:
            for row, evenly in even[id(child)].items():
                found.setdefault(row, []).append(evenly)
        for row, each in found.items():
            together = part.side_by_side and (cut or not all(each))
            if len(each) > 1 and (together or _streams(part, row)):
                raise ValueError(
                    f"node {names[row]!r} stores qubits that each of its attempts disturbs (per_attempt), and it "
                    f"is not known when it makes those for {part.link!r}: pairs come at random moments, or begin "
                    f"again side by side. With storage= and communication=1 it makes them in turn; a "
                    f"success_probability and an attempt_time_s say when"
                )
        even[id(part)] = {row: all(each) and not again for row, each in found.items()}


def _streams(plan: Joining, row: int) -> bool:
    """Whether pairs come at random moments to a node."""
    leaves = (part for part in in_order(plan) if isinstance(part, Elementary))
    return any(row in leaf.rows and leaf.success_probability is None for leaf in leaves)
