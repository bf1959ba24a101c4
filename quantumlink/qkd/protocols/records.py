"""Sessions as plain data: the library's own frozen dataclasses and links, to JSON values and back.

Only classes of `quantumlink` are named in a record, so that reading one never runs code of somebody else.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from math import isinf
from typing import Any

from quantumlink.link import ElementaryLink, Link, Purify, Swap, purify, swap

_PACKAGE = "quantumlink"


def encoded(value: Any) -> Any:
    """A value as JSON can hold it.

    Raises:
        TypeError: if it is of a class that is not the library's own.

    >>> from quantumlink.hardware import Memory
    >>> decoded(encoded(Memory(t1_s=2.0))) == Memory(t1_s=2.0)
    True
    """
    if isinstance(value, float) and isinf(value):
        return {"float": "inf" if value > 0 else "-inf"}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return {"tuple": [encoded(item) for item in value]}
    if isinstance(value, (Swap, Purify)):
        return _encoded_joint(value)
    if isinstance(value, ElementaryLink):
        return _record(value, _arguments(value))
    if is_dataclass(value) and _is_own(type(value)):
        return _record(value, {f.name: getattr(value, f.name) for f in fields(value) if f.init})
    raise TypeError(
        f"a session can be stored if its parts are the library's own, got {value!r} ({type(value).__name__})"
    )


def decoded(value: Any) -> Any:
    """What `encoded` was given.

    Raises:
        ValueError: if it is no such value.
    """
    if not isinstance(value, Mapping):
        return value
    if "float" in value:
        return float(value["float"])
    if "tuple" in value:
        return tuple(decoded(item) for item in value["tuple"])
    if "swap" in value:
        left, right = (decoded(part) for part in value["swap"])
        return swap(left, right)
    if "purify" in value:
        kept, spent = (decoded(part) for part in value["purify"])
        return purify(kept, spent, value["protocol"])
    try:
        module, name, arguments = value["module"], value["class"], value["arguments"]
    except KeyError as error:
        raise ValueError(f"a stored session's part must name its class, got the keys {sorted(value)}") from error
    kind = getattr(import_module(module), name, None) if module.split(".")[0] == _PACKAGE else None
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise ValueError(f"a stored session may hold data classes of {_PACKAGE} only, got {module}.{name}")
    return kind(**{key: decoded(argument) for key, argument in arguments.items()})


def _is_own(kind: type) -> bool:
    return kind.__module__.split(".")[0] == _PACKAGE


def _record(value: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    kind = type(value)
    return {
        "module": kind.__module__,
        "class": kind.__name__,
        "arguments": {name: encoded(argument) for name, argument in arguments.items()},
    }


def _encoded_joint(link: Swap | Purify) -> dict[str, Any]:
    parts: list[Link] = list(link.children)
    if isinstance(link, Swap):
        return {"swap": [encoded(part) for part in parts]}
    return {"purify": [encoded(part) for part in parts], "protocol": link.protocol}


def _arguments(link: ElementaryLink) -> dict[str, Any]:
    # Its state is always stated by its populations, or by its source, which then decides more than that.
    left_out = {"self", "fidelity"}
    if link.source is not None:
        left_out |= {"bell_diagonal", "rate_hz", "success_probability", "attempt_time_s"}
    names = [name for name in inspect.signature(ElementaryLink.__init__).parameters if name not in left_out]
    return {name: getattr(link, name) for name in names}
