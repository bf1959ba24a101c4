"""Plain data from a file that anybody may have written: each value is of its kind, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quantumlink import validation

_SHOWN = 80
"""Letters of a foreign text that are repeated in an error."""


def short(value: Any) -> str:
    """A foreign value as text, cut where it is long."""
    text = str(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def text_of(name: str, value: Any) -> str:
    """A text.

    Raises:
        TypeError: if it is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, got {type(value).__name__}")
    return value


def list_of(name: str, value: Any) -> list[Any]:
    """A list.

    Raises:
        TypeError: if it is none.
    """
    if not isinstance(value, list):
        raise TypeError(f"{name} must be a list, got {type(value).__name__}")
    return value


def mapping_of(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """What stands under a name, a mapping.

    Raises:
        KeyError, TypeError: if there is none.
    """
    value = told[name]
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a mapping, got {type(value).__name__}")
    return value


def later_fields(told: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that older job files lack: what is there of them.

    Raises:
        TypeError, ValueError: if one is of the wrong kind.
    """
    found: dict[str, Any] = {}
    if told.get("estimate_s") is not None:
        found["estimate_s"] = validation.number("estimate_s", told["estimate_s"], at_least=0.0)
    if "usage_s" in told:
        usage = mapping_of("usage_s", told)
        found["usage_s"] = {tag: validation.number("usage_s", used, at_least=0.0) for tag, used in usage.items()}
    if "dry_run" in told:
        found["dry_run"] = validation.instance("dry_run", told["dry_run"], bool, "true or false")
    for name in ("timing", "calibration", "assumed"):
        if told.get(name) is not None:
            found[name] = mapping_of(name, told)
    return found


def checked_reader(told: dict[str, Any]) -> dict[str, Any]:
    """How a result is read, if that is known.

    Raises:
        ValueError: if it is not.
    """
    if told.get("kind") not in ("recipe", "analyst"):
        raise ValueError(f"reader must be a recipe or an analyst, got {short(told.get('kind'))}")
    return told
