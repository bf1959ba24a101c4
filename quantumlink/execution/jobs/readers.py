"""How a result is read, by kinds: the recipe of a program, or a session that analyses its own rounds.

What a session is, this floor does not know: any object with ``circuits()``, ``analyse(result)``, ``to_dict()`` and
a class method ``from_dict``. Its class goes by name into the job file. Classes of the library are found by that
name; others have to be registered before their job is resumed, as a file must not choose what code is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from quantumlink.execution.jobs.errors import JobFileError

_OWN = "quantumlink."


@runtime_checkable
class Analyst(Protocol):
    """What submits circuits of its own, and knows what to make of their result."""

    def circuits(self) -> Any:
        """PUBs, all with equal shots."""

    def analyse(self, result: Any) -> Any:
        """What the result says, such as a key."""

    def to_dict(self) -> Mapping[str, Any]:
        """Everything of it, as plain data."""


_registered: dict[str, type[Any]] = {}


def register_reader(cls: type[Any]) -> type[Any]:
    """Let jobs of a class be resumed; usable as a decorator.

    Args:
        cls: a class with ``analyse``, ``to_dict`` and the class method ``from_dict``.

    Raises:
        TypeError: if it lacks one of them.
    """
    missing = [name for name in ("circuits", "analyse", "to_dict", "from_dict") if not hasattr(cls, name)]
    if not isinstance(cls, type) or missing:
        raise TypeError(f"a reader must be a class with analyse, to_dict, from_dict …; {cls!r} lacks {missing}")
    _registered[_name(cls)] = cls
    return cls


def told_analyst(analyst: Any) -> dict[str, Any]:
    """How to read a job of this object, for its file.

    Raises:
        TypeError: if it could not be rebuilt.
    """
    cls = type(analyst)
    if not hasattr(cls, "from_dict"):
        raise TypeError(f"{cls.__name__} has no from_dict, so its job could not be resumed")
    if not cls.__module__.startswith(_OWN):
        register_reader(cls)
    return {"kind": "analyst", "class": _name(cls), "data": dict(analyst.to_dict())}


def rebuilt_analyst(reader: Mapping[str, Any]) -> Any:
    """The object that a job file describes.

    Raises:
        JobFileError: if its class is not known here.
    """
    name = str(reader["class"])
    cls = _registered.get(name) or _own_class(name)
    if cls is None:
        raise JobFileError(
            f"the job is read by a {name}, which is not known here: import it, and call "
            f"quantumlink.execution.jobs.register_reader with it"
        )
    return cls.from_dict(reader["data"])


def _name(cls: type[Any]) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _own_class(name: str) -> type[Any] | None:
    module, _, path = name.partition(":")
    if not module.startswith(_OWN):
        return None
    try:
        found: Any = import_module(module)
        for step in path.split("."):
            found = getattr(found, step)
    except (ImportError, AttributeError):
        return None
    return found if isinstance(found, type) and hasattr(found, "from_dict") and hasattr(found, "analyse") else None
