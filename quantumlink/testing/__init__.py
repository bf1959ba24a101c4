"""Checks for people's own test suites: exact ones for circuits, statistical ones for samples.

>>> from quantumlink import testing
>>> from quantumlink.circuits import teleportation
>>> testing.assert_channel(teleportation(), "I", inputs="message", outputs="receiver")
"""

from quantumlink.testing.devices import RestrictedDevice, restricted_device
from quantumlink.testing.exact import assert_channel, assert_outcomes, assert_prepares
from quantumlink.testing.failure import CheckFailed
from quantumlink.testing.flows import assert_detects, assert_flow
from quantumlink.testing.sampled import assert_counts, assert_fidelity

__all__ = [
    "CheckFailed",
    "RestrictedDevice",
    "assert_channel",
    "assert_counts",
    "assert_detects",
    "assert_fidelity",
    "assert_flow",
    "assert_outcomes",
    "assert_prepares",
    "restricted_device",
]
