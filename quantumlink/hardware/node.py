"""Nodes: a name, a memory and a processor."""

from __future__ import annotations

from dataclasses import dataclass, field

from quantumlink import validation
from quantumlink.hardware.memory import Memory
from quantumlink.hardware.processor import Processor


@dataclass(frozen=True)
class Node:
    """A place where qubits are stored and processed: an end node or a repeater.

    Args:
        name: its name, unique in a link.
        memory: what waiting does to a stored qubit; ideal unless said otherwise.
        processor: the noise of its operations; ideal unless said otherwise.

    Raises:
        ValueError: if the name is empty.
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

    def __post_init__(self) -> None:
        validation.instance("name", self.name, str, "a non-empty string")
        if not self.name.strip():
            raise ValueError(f"name must be a non-empty string, got {self.name!r}")
        validation.instance("memory", self.memory, Memory, "a Memory")
        validation.instance("processor", self.processor, Processor, "a Processor")

    def __str__(self) -> str:
        return self.name
