"""What installed packages add: modules that register parts when they are imported.

A package names them as entry points of the group ``quantumlink.parts``. They are imported as late as possible: when
a name is not known without them, or when all names are told.
"""

from __future__ import annotations

import functools
import warnings
from importlib.metadata import entry_points

GROUP = "quantumlink.parts"
"""The group of entry points: modules that register parts when they are imported."""


@functools.cache
def load_entry_points() -> None:
    """Import, once, what installed packages register; one that fails is told, and left out."""
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # somebody else's module: whatever it raises
            warnings.warn(
                f"the parts of {entry.value!r} are not known: {type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=3,
            )
