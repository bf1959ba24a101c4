"""Events: what the nodes do, in order. Qubits are named by node and place; see `Place`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias


class Place(NamedTuple):
    """A qubit of a node."""

    node: int
    """The node, by number."""
    number: int
    """Which of its qubits."""
    holds_pairs: bool
    """Whether it is one of those for halves of pairs."""


class Do(NamedTuple):
    """A task is done."""

    task: int
    """The task, by number."""
    places: tuple[Place, ...]
    """The qubits it acts on, in the order of its wires."""
    flipped: tuple[tuple[str, Place], ...] = ()
    """Copies that are flipped with it, each with its axis."""


class Copy(NamedTuple):
    """An e-bit is spent to copy a qubit along an axis to another node."""

    number: int
    """Which copy it is."""
    axis: str
    """The axis."""
    source: Place
    """The qubit that is copied."""
    pair: tuple[Place, ...]
    """All qubits of the link's circuit, in its order."""
    ends: tuple[int, int]
    """Which of them are the near and the far half."""
    wire: int
    """The wire whose copy it is."""
    relay: bool = False
    """Whether no task uses it: other copies are made of it, and then it is measured away."""

    @property
    def near(self) -> Place:
        """The half at the source."""
        return self.pair[self.ends[0]]

    @property
    def far(self) -> Place:
        """The half that becomes the copy."""
        return self.pair[self.ends[1]]


class Uncopy(NamedTuple):
    """A copy is taken away again."""

    number: int
    """Which copy."""
    axis: str
    """Its axis."""
    place: Place
    """Where it is."""
    root: Place
    """The wire's own qubit, which is corrected."""
    wire: int
    """The wire."""


class TakeOver(NamedTuple):
    """A copy becomes the wire: the wire's own qubit is measured, and its place is empty then."""

    number: int
    """Which copy."""
    axis: str
    """Its axis."""
    place: Place
    """Where it is, and the wire from now on."""
    root: Place
    """The wire's own qubit until now."""
    wire: int
    """The wire."""


class Teleport(NamedTuple):
    """An e-bit is spent to bring a qubit to another node, into a place that is empty."""

    wire: int
    """The wire."""
    source: Place
    """Where it is."""
    pair: tuple[Place, ...]
    """All qubits of the link's circuit, in its order."""
    ends: tuple[int, int]
    """Which of them are the near and the far half."""
    target: Place | None
    """A computing qubit at the other node; None if it stays on the far half."""

    @property
    def near(self) -> Place:
        """The half at the source."""
        return self.pair[self.ends[0]]

    @property
    def far(self) -> Place:
        """The half at the other node."""
        return self.pair[self.ends[1]]


class Settle(NamedTuple):
    """A qubit that came to a node's qubits for pairs goes on to a computing one."""

    wire: int
    """The wire."""
    source: Place
    """Where it is."""
    target: Place
    """Where it goes, a place that is empty."""


Event: TypeAlias = Do | Copy | Uncopy | TakeOver | Teleport | Settle


def cost_of_pairs(events: Iterable[Event], distance: Sequence[Sequence[float]]) -> float:
    """What the pairs of some events cost, by the nodes they join."""
    pairs = Counter((e.near.node, e.far.node) for e in events if isinstance(e, Copy | Teleport))
    return float(sum(distance[a][b] * count for (a, b), count in pairs.items()))
