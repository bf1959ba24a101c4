"""Network files: what a TOML file says, and which part of the library each key stands for.

One table a node, one entry a link, everything but ``between`` and a link's state optional::

    name = "metro"

    [nodes.relay]
    role = "repeater"                # or "end", "trusted", "satellite"
    position = [48.21, 16.37]        # latitude, longitude in degrees
    memories = 4                     # qubits for each of its links; 0 for none
    qubits = 16                      # qubits to compute with, beside
    communication = 2                # those for halves of pairs
    storage = 3                      # those that halves of pairs are moved into
    user = true                      # somebody there wants keys: an end is a user unless it says false, others not
    memory = { t1_s = 10.0, t2_s = 1.0 }
    processor = { depolarizing_1q = 1e-4, depolarizing_2q = 2e-3, readout_error = 1e-3 }

    [nodes.alice]

    [nodes.leo]                      # a satellite: its way, and what it sends down
    role = "satellite"
    memories = 0
    orbit = { kind = "circular", altitude_km = 500.0, inclination_deg = 97.4, node_deg = 10.0 }
    downlink = { kind = "decoy_downlink", detector = { efficiency = 0.5 }, optics = {
      wavelength_nm = 850.0, receiver_diameter_m = 1.0, beam_waist_m = 0.15 } }

    [[links]]                        # a link in a state that is given
    between = ["alice", "relay"]
    fiber = { length_km = 25.0 }
    fidelity = 0.97                  # Werner; or bell_diagonal = [0.97, 0.01, 0.01, 0.01],
                                     # or state = 4 rows of 4 entries [real, imaginary]
    rate_hz = 500.0                  # pairs a second; or success_probability and attempt_time_s

    [[links]]                        # a link whose source says how its pairs come, and in which state
    between = ["relay", "bob"]
    fiber = { length_km = 25.0 }
    source = { kind = "midpoint", fidelity = 0.98, clock_hz = 1e6 }
    detector = { efficiency = 0.9 }  # or two tables in brackets, the left and the right one

What many nodes or links share may be said once, for all of them or for those that name a template::

    [defaults.node]
    memory = { t1_s = 10.0, t2_s = 1.0 }

    [defaults.link]
    fiber = { connectors = 2 }       # joined with the fiber of each link

    [templates.span]                 # for links (or nodes) that say use = "span", or use = ["span", "long"]
    source = { kind = "bell_measurement", visibility = 0.99 }
    multiplexing = 200

The closer word counts, a link's own before its templates', theirs before the defaults; see
`quantumlink.network.templates` for how they are joined.

An ``orbit`` is ``circular``, or ``tle`` with ``line1`` and ``line2``; a ``downlink`` a ``decoy_downlink`` or a
``pair_downlink``. A network of satellites with orbits and of stations needs no links.

The media are ``fiber``, ``free_space``, ``satellite`` (a pass), ``dual_downlink`` (a pass seen from both ends),
``inter_satellite`` and ``arms`` (one medium for each half of the way); the kinds of source are ``midpoint``,
``node``, ``continuous``, ``bell_measurement``, ``time_bin``, ``single_photon`` and ``barrett_kok``. Those of one's
own are called as they were registered (`quantumlink.parts.register`); one that does not say what it is from the
other end of its link is ``turned`` there, with itself as its ``source``. The keys within ``memory``, ``processor``,
a medium, a source and a detector are the fields of the class of that name; those of a link are the arguments of
`ElementaryLink`. A field that holds a part is a table again, such as ``left`` and ``right`` of a
``dual_downlink``; where several classes will do, as in ``arms``, its ``kind`` names one; the ``traffic`` of a
``fiber`` is a list of tables of ``kind = "classical_signal"``, the ``readout_error`` of a ``processor`` may be of
``kind = "per_qubit"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any, get_type_hints

from quantumlink.hardware import Memory, Processor
from quantumlink.link import ElementaryLink
from quantumlink.parts import parts_of

FILE_KEYS = ("name", "nodes", "links", "defaults", "templates")
"""Keys and tables of a file."""

NODE_PARTS: Mapping[str, type] = {"memory": Memory, "processor": Processor}
"""Tables of a node: what they are, if they name no ``kind``."""

NODE_CHOICES = ("orbit", "downlink")
"""Tables of a node that say their ``kind``; a node has none of them unless it is said."""

NODE_VALUES = ("role", "memories", "position", "qubits", "communication", "storage", "user")
"""Plain values of a node."""

LINK_VALUES = tuple(
    name
    for name in signature(ElementaryLink.__init__).parameters
    if name not in ("self", "left", "right", "medium", "source", "detector")
)
"""Plain values of a link."""

STATED = ("fidelity", "bell_diagonal", "state")
"""Those that say in which state pairs arrive."""

NODE_KEYS = (*NODE_PARTS, *NODE_CHOICES, *NODE_VALUES)


def link_keys() -> tuple[str, ...]:
    """The keys of a link: every medium that is known is one."""
    return ("between", *parts_of("medium"), *LINK_VALUES, "source", "detector")


class NetworkFileError(ValueError):
    """A network file that cannot be read; the text names the file, the table and the key."""


def field_types(cls: type[Any]) -> Mapping[str, Any]:
    """What the fields of a class are said to be; nothing of a class within a function, which cannot be told."""
    try:
        return get_type_hints(cls)
    except NameError:
        return {}
