"""Parts by name: one registry of everything that can be stored, submitted, swept and named on the command line.

A class of your own joins the library's by `register`, once.
"""

from quantumlink.parts.codecs import from_data, to_data
from quantumlink.parts.kinds import IN_TABLES, KINDS, OPERATIONS, Kind
from quantumlink.parts.registry import (
    Part,
    UnknownPart,
    find_part,
    forget,
    load_entry_points,
    named_part,
    part_at,
    part_of,
    parts_of,
    place_of,
    register,
)

__all__ = [
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
    "to_data",
]
