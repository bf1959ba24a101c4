"""Parts by name: one registry of everything that can be stored, submitted, swept and named on the command line.

A class of your own joins the library's by `register`, once.
"""

from quantumlink.circuits import load_entry_points
from quantumlink.parts.codecs import from_data, to_data
from quantumlink.parts.kinds import CODING, IN_TABLES, KINDS, OPERATIONS, Kind
from quantumlink.parts.registry import (
    Part,
    UnknownPart,
    find_part,
    forget,
    named_part,
    part_at,
    part_of,
    parts_of,
    place_of,
    register,
    summary_of,
)

__all__ = [
    "CODING",
    "IN_TABLES",
    "KINDS",
    "OPERATIONS",
    "Kind",
    "Part",
    "UnknownPart",
    "find_part",
    "forget",
    "from_data",
    "load_entry_points",
    "named_part",
    "part_at",
    "part_of",
    "parts_of",
    "place_of",
    "register",
    "summary_of",
    "to_data",
]
