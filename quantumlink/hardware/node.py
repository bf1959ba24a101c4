"""Nodes: a name, a memory and a processor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from quantumlink import validation
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

    def __post_init__(self) -> None:
        validation.instance("name", self.name, str, "a non-empty string")
        if not self.name.strip():
            raise ValueError(f"name must be a non-empty string, got {self.name!r}")
        validation.instance("memory", self.memory, Memory, "a Memory")
        validation.instance("processor", self.processor, Processor, "a Processor")
        validation.choice("role", self.role, NODE_ROLES)
        if self.memories is not None:
            validation.count("memories", self.memories)
        if self.position is not None:
            object.__setattr__(self, "position", _position(self.position))

    def __str__(self) -> str:
        return self.name


def _position(value: Any) -> tuple[float, float]:
    pair = validation.sequence("position", value, "a latitude and a longitude in degrees")
    if len(pair) != 2:
        raise ValueError(f"position must be a latitude and a longitude in degrees, got {value!r}")
    latitude = validation.number("position's latitude", pair[0], at_least=-90.0, at_most=90.0)
    return latitude, validation.number("position's longitude", pair[1], at_least=-180.0, at_most=180.0)
