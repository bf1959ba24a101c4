"""The plan: a link as the timeline plays it, with all that is the same in every trial worked out once.

A plan is a tree like the link's: `Elementary` for an elementary link, `Joining` for what an operation makes. It is
made by `quantumlink.readings.timeline.planning`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.hardware import Memory
from quantumlink.link import ElementaryLink, Join
from quantumlink.readings.timeline.reduced_map import ReducedMap
from quantumlink.timing.course import Course
from quantumlink.timing.ticks import Ticks

Rows = tuple[int | None, ...]
"""Numbers of nodes, None for others."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Elementary:
    """An elementary link as the timeline plays it; times in ticks."""

    link: ElementaryLink
    """The elementary link."""
    success_probability: float | None
    """The probability that one round of attempts delivers a pair; None for pairs at random moments."""
    ticks: Ticks
    """The unit of all times."""
    time: float
    """The duration of a round; of pairs at random moments, the mean time to the next."""
    herald: float
    """How much later than its round's end a pair is heralded: messages may be slower than attempts."""
    stored: float
    """How long both qubits have been stored when the pair is heralded."""
    coefficients: FloatArray
    """Shape (16,): the Pauli coefficients of the state in which a pair arrives."""
    delay: float
    """How long a message takes from one end to the other."""
    moves: tuple[float, float]
    """How long after the herald each half is in its memory."""
    places: int | None
    """In how many places attempts are made at once; None if nobody says: in one, and places never lack."""
    rows: Rows
    """Of each end, the number of its node among those whose memories attempts disturb."""
    disturbed: int
    """How many such nodes there are in all."""
    operations = 0
    nesting = 0

    @property
    def at_once(self) -> int:
        """How many attempts a round is."""
        return self.places or 1

    @cached_property
    def support(self) -> IndexArray:
        """The coefficients that may differ from zero."""
        return np.flatnonzero(self.coefficients)

    @cached_property
    def delays(self) -> FloatArray:
        """Shape (2, 2): how long messages take between its ends."""
        return np.array([[0.0, self.delay], [self.delay, 0.0]])

    @property
    def message(self) -> float:
        """How long after it was made both ends have a pair: a herald arrives with it."""
        return max(self.moves)


@dataclass(frozen=True, eq=False, kw_only=True)
class Joining:
    """A link that an operation makes, as the timeline plays it; times in ticks."""

    link: Join
    """The link that it makes."""
    children: tuple[Plan, ...]
    """The links that it consumes."""
    side_by_side: bool
    """Whether all are made at the same time, or each once the one before is there."""
    memories: tuple[tuple[Memory, ...], ...]
    """Of each child, those of its ends."""
    ticks: Ticks
    """The unit of all times."""
    course: Course
    """How its operation goes in time."""
    operations: int
    """How many operations there are in it, with itself."""
    nesting: int
    """How many parts that may have to start again there are within each other, with itself."""
    map: ReducedMap
    """What it does to states."""
    rows: Rows
    """Of each qubit that the links bring, the number of its node among those whose memories attempts disturb."""
    disturbed: int
    """How many such nodes there are in all."""

    @property
    def may_fail(self) -> bool:
        """Whether its operation has heralds that may refuse."""
        return self.link.operation.may_fail

    @cached_property
    def fallible(self) -> bool:
        """Whether it, or anything below it, may fail."""
        return any(isinstance(part, Joining) and part.may_fail for part in in_order(self))

    @property
    def support(self) -> IndexArray:
        """The coefficients that may differ from zero."""
        return self.map.outputs

    @cached_property
    def delays(self) -> FloatArray:
        """Shape (ends, ends): how long messages take between its ends."""
        return self.course.delays

    @property
    def delay(self) -> float:
        """How long a message takes from one end to the farthest other one."""
        return float(self.delays.max())

    @property
    def message(self) -> float:
        """How long after it was made all ends know of it."""
        return self.course.message

    @cached_property
    def acts(self) -> tuple[bool, ...]:
        """Of each site, whether it acts without a condition."""
        return tuple(site in self.course.acting for site in range(len(self.course.done)))

    @cached_property
    def qubits(self) -> tuple[int, ...]:
        """The operation's qubits that the links bring, in their order."""
        return tuple(q for ends in self.link.operation.inputs for q in ends)

    @cached_property
    def there(self) -> tuple[tuple[int, ...], ...]:
        """Of each child, the ends that must know of it before the operation begins: all that act, if any."""
        sites = self.link.operation.site_of_qubit
        acting = [[i for i, q in enumerate(ends) if self.acts[sites[q]]] for ends in self.link.operation.inputs]
        everyone = [range(len(ends)) for ends in self.link.operation.inputs]
        return tuple(tuple(some or own) for some, own in zip(acting, everyone, strict=True))


Plan = Elementary | Joining


def in_order(plan: Plan) -> Iterator[Plan]:
    """Every occurrence in the tree, children before parents, in order."""
    stack = [(plan, False)]
    while stack:
        current, expanded = stack.pop()
        if expanded or isinstance(current, Elementary):
            yield current
        else:
            stack.append((current, True))
            stack.extend((child, False) for child in reversed(current.children))
