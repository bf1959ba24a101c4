"""Hardware as data: frozen dataclasses with their units in the names. No physics of circuits here."""

from quantumlink.hardware.fiber import Fiber
from quantumlink.hardware.medium import Medium
from quantumlink.hardware.memory import Memory
from quantumlink.hardware.node import NODE_ROLES, Node, NodeRole
from quantumlink.hardware.processor import Processor

__all__ = ["NODE_ROLES", "Fiber", "Medium", "Memory", "Node", "NodeRole", "Processor"]
