"""Network files: what a TOML file says, and which part of the library each key stands for.

One table a node, one entry a link, everything but ``between`` and a link's state optional::

    name = "metro"

    [nodes.relay]
    role = "repeater"                # or "end", "trusted", "satellite"
    position = [48.21, 16.37]        # latitude, longitude in degrees
    memories = 4                     # qubits for each of its links; 0 for none
    memory = { t1_s = 10.0, t2_s = 1.0 }
    processor = { depolarizing_1q = 1e-4, depolarizing_2q = 2e-3, readout_error = 1e-3 }

    [nodes.alice]

    [[links]]                        # a link in a state that is given
    between = ["alice", "relay"]
    fiber = { length_km = 25.0 }
    fidelity = 0.97                  # Werner; or bell_diagonal = [0.97, 0.01, 0.01, 0.01]
    rate_hz = 500.0                  # pairs a second; or success_probability and attempt_time_s

    [[links]]                        # a link whose source says how its pairs come, and in which state
    between = ["relay", "bob"]
    fiber = { length_km = 25.0 }
    source = { kind = "midpoint", fidelity = 0.98, clock_hz = 1e6 }
    detector = { efficiency = 0.9 }  # or two tables in brackets, the left and the right one

The media are ``fiber``, ``free_space``, ``satellite`` (a pass), ``dual_downlink`` (a pass seen from both ends),
``inter_satellite`` and ``arms`` (one medium for each half of the way); the kinds of source are ``midpoint``,
``node``, ``bell_measurement`` and ``single_photon``. The keys within ``memory``, ``processor``, a medium, a
source and a detector are the fields of the class that the tables below name; those of a link are the arguments
of `ElementaryLink`. A field that holds a part is a table again, such as ``left`` and ``right`` of a
``dual_downlink``; where several classes will do, as in ``arms``, its ``kind`` names one.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from quantumlink.hardware import (
    Arms,
    Detector,
    DualDownlink,
    Fiber,
    FreeSpace,
    InterSatelliteLink,
    Memory,
    MidpointBellMeasurement,
    MidpointSource,
    Node,
    NodeSource,
    Processor,
    SatellitePass,
    SinglePhotonHeralding,
)
from quantumlink.link import ElementaryLink

NODE_PARTS: Mapping[str, type] = {"memory": Memory, "processor": Processor}
"""Tables of a node."""

NODE_VALUES = ("role", "memories", "position")
"""Plain values of a node."""

MEDIA: Mapping[str, type] = {
    "fiber": Fiber,
    "free_space": FreeSpace,
    "satellite": SatellitePass,
    "dual_downlink": DualDownlink,
    "inter_satellite": InterSatelliteLink,
    "arms": Arms,
}
"""Media, each a key of a link."""

SOURCES: Mapping[str, type] = {
    "midpoint": MidpointSource,
    "node": NodeSource,
    "bell_measurement": MidpointBellMeasurement,
    "single_photon": SinglePhotonHeralding,
}
"""Sources, by the ``kind`` in a link's ``source``."""

KINDS: Mapping[str, type] = {**MEDIA, **SOURCES, "detector": Detector, **NODE_PARTS}
"""Every part that a file can name."""

LINK_VALUES = tuple(
    name
    for name in signature(ElementaryLink.__init__).parameters
    if name not in ("self", "left", "right", "medium", "source", "detector")
)
"""Plain values of a link."""

LINK_KEYS = ("between", *MEDIA, *LINK_VALUES, "source", "detector")
NODE_KEYS = (*NODE_PARTS, *NODE_VALUES)


class NetworkFileError(ValueError):
    """A network file that cannot be read; the text names the file, the table and the key."""


def kind_of(part: object) -> str:
    """The name that files have for a part's class.

    Raises:
        TypeError: if they have none.
    """
    for name, kind in KINDS.items():
        if type(part) is kind:
            return name
    raise TypeError(
        f"a network file has no name for {part!r} ({type(part).__name__}); it knows "
        f"{', '.join(kind.__name__ for kind in KINDS.values())}"
    )


def node_values(node: Node) -> dict[str, Any]:
    """The plain values of a node that are not the usual ones."""
    usual = Node("usual")
    return {key: getattr(node, key) for key in NODE_VALUES if getattr(node, key) != getattr(usual, key)}
