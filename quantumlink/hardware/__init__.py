"""Hardware as data: frozen dataclasses with their units in the names. No physics of circuits here."""

from quantumlink.hardware.fiber import Fiber
from quantumlink.hardware.memory import Memory
from quantumlink.hardware.node import Node
from quantumlink.hardware.processor import Processor

__all__ = ["Fiber", "Memory", "Node", "Processor"]
