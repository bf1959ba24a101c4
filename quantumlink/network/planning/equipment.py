"""Equipment: which parts a plan is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from quantumlink import validation
from quantumlink.hardware import Detector, Fiber, Memory, Node, Processor, Source
from quantumlink.link import ElementaryLink
from quantumlink.network.planning.places import Site


class Parts(Protocol):
    """What `plan_network` asks for parts; any object with these two methods will do."""

    def node(self, site: Site, role: str) -> Node:
        """What stands at a site."""
        ...

    def link(self, left: Node, right: Node, length_km: float) -> ElementaryLink:
        """One channel of an elementary link along so many kilometers of fibre."""
        ...


@dataclass(frozen=True)
class Equipment:
    """The same parts everywhere; perfect pairs, one photon in the fibre at a time, unless said otherwise.

    Args:
        memory: of every node.
        processor: of every node.
        memories: of every node, for each of its links.
        source: how pairs come about; then ``fidelity``, ``success_probability`` and ``attempt_time_s`` follow.
        detector: the source's.
        fidelity: of the pairs of a link, Werner states.
        success_probability: of an attempt, before the fibre's loss: an attempt over a fibre of transmittance η
            succeeds with this times η.
        attempt_time_s: duration of one attempt.
        attenuation_db_per_km: of the fibre.
        multiplexing: modes in each attempt of one channel.
    """

    memory: Memory = field(default_factory=Memory)
    processor: Processor = field(default_factory=Processor)
    memories: int | None = None
    source: Source | None = None
    detector: Detector | None = None
    fidelity: float = 1.0
    success_probability: float | None = None
    attempt_time_s: float | None = None
    attenuation_db_per_km: float = 0.2
    multiplexing: int = 1

    def __post_init__(self) -> None:
        validation.plain(self)
        self.link(Node("a"), Node("b"), 1.0)  # is refused where a part is out of range
        self.node(Site("a"), "repeater")

    def node(self, site: Site, role: str) -> Node:
        """What stands at a site."""
        return Node(site.name, self.memory, self.processor, role, self.memories, site.position)  # type: ignore[arg-type]

    def link(self, left: Node, right: Node, length_km: float) -> ElementaryLink:
        """One channel of an elementary link."""
        fibre = Fiber(length_km, attenuation_db_per_km=self.attenuation_db_per_km)
        if self.source is not None:
            return ElementaryLink(
                left, right, fibre, source=self.source, detector=self.detector, multiplexing=self.multiplexing
            )
        chance = self.success_probability
        if chance is not None:
            chance = validation.probability("success_probability", chance) * fibre.transmittance
        return ElementaryLink(
            left, right, fibre, fidelity=self.fidelity, success_probability=chance,
            attempt_time_s=self.attempt_time_s, multiplexing=self.multiplexing,
        )  # fmt: skip


def checked_parts(value: Any) -> Parts:
    """Parts: those of the library if None, or the arguments of `Equipment`, or an object of one's own.

    Raises:
        TypeError: if it is none of these.
    """
    if value is None:
        return Equipment()
    if isinstance(value, Mapping):
        return Equipment(**value)
    for name in ("node", "link"):
        if not callable(getattr(value, name, None)):
            raise TypeError(f"parts must be an Equipment, its arguments, or have a method {name!r}, got {value!r}")
    found: Parts = value
    return found
