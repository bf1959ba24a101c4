"""The door to the circuits floor: ``from quantumlink.circuits import teleportation``."""

from quantumlink_circuits import *  # noqa: F403
from quantumlink_circuits import __all__ as __all__
