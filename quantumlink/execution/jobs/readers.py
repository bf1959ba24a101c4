"""How a result is read, by kinds: the recipe of a program, or a session that analyses its own rounds.

What a session is, this floor does not know: any object with ``circuits()``, ``analyse(result)``, ``to_dict()`` and
a class method ``from_dict``. It goes into the job file by the name under which `quantumlink.parts` knows it: what
is not registered is not found when its job is resumed, as a file must not choose what code is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast, runtime_checkable

from quantumlink.execution.jobs.errors import JobFileError
from quantumlink.parts import Part, UnknownPart, find_part, named_part, part_at, part_of, place_of, register


@runtime_checkable
class Analyst(Protocol):
    """What submits circuits of its own, and knows what to make of their result."""

    def circuits(self) -> Any:
        """PUBs, all with equal shots."""

    def analyse(self, result: Any) -> Any:
        """What the result says, such as a key."""

    def to_dict(self) -> Mapping[str, Any]:
        """Everything of it, as plain data."""


def register_reader(cls: type[Any]) -> type[Any]:
    """Let jobs of a class be resumed: `quantumlink.parts.register` with the class's own place for a name.

    Args:
        cls: a class with ``circuits``, ``analyse``, ``to_dict`` and the class method ``from_dict``.

    Raises:
        TypeError: if it lacks one of them.
    """
    if not isinstance(cls, type):
        raise TypeError(f"a reader must be a class, got {cls!r}: it lacks all of a class")
    known = part_at(place_of(cls))
    if known is None or known.kind == "reader":
        # The part of that class may be an older one, of a module that was loaded anew.
        register(place_of(cls), cls, kind="reader")
    return cls


def told_analyst(analyst: Any) -> dict[str, Any]:
    """How to read a job of this object, for its file.

    Raises:
        TypeError: if it could not be rebuilt.
    """
    cls = type(analyst)
    if not hasattr(cls, "from_dict"):
        raise TypeError(f"{cls.__name__} has no from_dict, so its job could not be resumed")
    part = find_part(analyst)
    if part is None:
        register_reader(cls)
        part = part_of(analyst)
    return {
        "kind": "analyst",
        "part": [part.kind, part.name],
        "class": place_of(cls),
        "data": dict(analyst.to_dict()),
    }


def rebuilt_analyst(reader: Mapping[str, Any]) -> Any:
    """The object that a job file describes.

    Raises:
        JobFileError: if its class is not known here.
    """
    place = str(reader["class"])
    part = _part_named(reader.get("part")) or part_at(place)  # of before parts had names there is the class alone
    if part is None or part.kind not in ("protocol", "reader"):
        raise JobFileError(
            f"the job is read by a {place}, which is not known here: import its module, which must call "
            f"quantumlink.parts.register (or register_reader) with it"
        )
    try:
        return cast(Any, part.cls).from_dict(reader["data"])
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise JobFileError(f"the job's {place} cannot be rebuilt: {type(error).__name__}: {error}") from error


def _part_named(told: Any) -> Part | None:
    if not isinstance(told, list) or len(told) != 2 or not all(isinstance(word, str) for word in told):
        return None
    try:
        return named_part(*told)
    except UnknownPart:
        return None
