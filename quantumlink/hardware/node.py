"""Nodes: a name, a memory and a processor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from quantumlink import validation
from quantumlink.hardware.astronomy import Orbit
from quantumlink.hardware.downlink import DecoyDownlink, PairDownlink
from quantumlink.hardware.memory import Memory
from quantumlink.hardware.processor import Processor

NodeRole = Literal["end", "repeater", "trusted", "satellite"]
"""What a node does for others: an end node nothing, a repeater swaps, a trusted relay hands keys on, a
satellite does what its links say (it may swap, or distribute pairs)."""

NODE_ROLES: tuple[NodeRole, ...] = get_args(NodeRole)


@dataclass(frozen=True)
class Node:
    """A place where qubits are stored and processed: an end node or a repeater.

    Args:
        name: its name, unique in a link.
        memory: what waiting does to a stored qubit; ideal unless said otherwise.
        processor: the noise of its operations; ideal unless said otherwise.
        role: ``"end"``, ``"repeater"``, ``"trusted"`` or ``"satellite"``: whether routes may lead through it.
        memories: how many qubits it can hold for each of its links at one time; None for as many as needed, 0
            for a node that measures photons as they arrive: it cannot swap, purify or wait for those who do.
        position: latitude and longitude in degrees (north and east positive), or None.
        qubits: how many qubits it computes with, beside those that hold halves of pairs; 0 for a node that does not
            compute: see `quantumlink.distribute`.
        communication: how many qubits it has for halves of pairs while it computes with others; None for as many
            as needed. With ``storage``, how many it makes attempts with: see there.
        storage: how many qubits it has to store halves of pairs in, for all of its links together; None if halves
            stay where they were made. Every heralded half is moved into one (`Memory.move_s`,
            `Memory.move_depolarizing`), and the communication qubits go on: with ``communication=1``, links at this
            node are made one after the other.
        orbit: of a satellite, such as `CircularOrbit` or `TleOrbit`; it has no position then.
        downlink: what a satellite sends to the stations that it passes, see `quantumlink.network.satellite_keys`.
        user: whether somebody there wants pairs or keys: traffic and failures are counted between users. None for
            an end node to be one and others not; a repeater in a city may serve others and be a user.

    Raises:
        ValueError: if the name is empty, the role unknown, or a number out of range.
        TypeError: if a part is of the wrong kind.

    >>> Node("relay", processor=Processor(depolarizing_2q=2e-3)).memory.is_ideal
    True
    """

    name: str
    """Its name."""
    memory: Memory = field(default_factory=Memory)
    """What waiting does to a stored qubit."""
    processor: Processor = field(default_factory=Processor)
    """The noise of its operations."""
    role: NodeRole = "repeater"
    """What it does for others."""
    memories: int | None = None
    """Qubits it can hold for each of its links at one time; None for as many as needed, 0 for none at all."""
    position: tuple[float, float] | None = None
    """Latitude and longitude in degrees, or None."""
    qubits: int = 0
    """Qubits it computes with."""
    communication: int | None = None
    """Qubits it has for halves of pairs while it computes; None for as many as needed."""
    storage: int | None = None
    """Qubits it stores halves of pairs in; None if they stay where they were made."""
    orbit: Orbit | None = None
    """The orbit of a satellite."""
    downlink: DecoyDownlink | PairDownlink | None = None
    """What a satellite sends to the stations that it passes."""
    user: bool | None = None
    """Whether somebody there wants pairs or keys; None for an end node to be a user and others not."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.instance("name", self.name, str, "a non-empty string")
        if not self.name.strip():
            raise ValueError(f"name must be a non-empty string, got {self.name!r}")
        validation.instance("memory", self.memory, Memory, "a Memory")
        validation.instance("processor", self.processor, Processor, "a Processor")
        validation.choice("role", self.role, NODE_ROLES)
        if self.memories is not None:
            validation.count("memories", self.memories)
        object.__setattr__(self, "qubits", validation.count("qubits", self.qubits))
        if self.communication is not None:
            object.__setattr__(self, "communication", validation.count("communication", self.communication))
        if self.storage is not None:
            object.__setattr__(self, "storage", validation.count("storage", self.storage, at_least=1))
        moves = self.memory.move_s > 0 or self.memory.move_depolarizing > 0
        if self.memories == 0 and (moves or self.storage is not None):
            raise ValueError(
                f"a node without memory (memories=0) has nothing to move halves of pairs into, got "
                f"storage={self.storage!r} and {self.memory!r}"
            )
        if self.user is not None:
            validation.instance("user", self.user, bool, "True, False or None")
        self._check_satellite()
        if self.position is not None:
            object.__setattr__(self, "position", _position(self.position))

    def _check_satellite(self) -> None:
        for name, value, kinds, what in (
            ("orbit", self.orbit, Orbit, "an orbit such as CircularOrbit(500, 97.4)"),
            ("downlink", self.downlink, (DecoyDownlink, PairDownlink), "a DecoyDownlink or a PairDownlink"),
        ):
            if value is not None and (isinstance(value, type) or not isinstance(value, kinds)):
                raise TypeError(f"{name} must be {what}, or None; got {value!r}")
        if self.orbit is not None and self.position is not None:
            raise ValueError(f"{self.name!r} moves: give an orbit or a position, not both; got {self.position!r}")
        if self.downlink is not None and self.orbit is None:
            raise ValueError(f"downlink needs an orbit, which says when it passes; {self.name!r} has none")

    @property
    def is_user(self) -> bool:
        """Whether somebody there wants pairs or keys: what ``user`` says, else whether it is an end node."""
        return self.role == "end" if self.user is None else self.user

    @property
    def stores_apart(self) -> bool:
        """Whether halves are stored apart from where attempts are made, or disturbed by these."""
        return self.storage is not None or self.memory.per_attempt > 0

    def __str__(self) -> str:
        return self.name


def _position(value: Any) -> tuple[float, float]:
    pair = validation.sequence("position", value, "a latitude and a longitude in degrees")
    if len(pair) != 2:
        raise ValueError(f"position must be a latitude and a longitude in degrees, got {value!r}")
    latitude = validation.number("position's latitude", pair[0], at_least=-90.0, at_most=90.0)
    return latitude, validation.number("position's longitude", pair[1], at_least=-180.0, at_most=180.0)
