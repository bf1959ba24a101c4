"""Settings written behind a name, as in ``--attack intercept-resend:0.2,basis=Z``: fields of a part by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def read_settings(option: str, known: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """The values of settings, each of the kind of its default.

    Args:
        option: what it is called in an error, with the name that was given: ``"--attack intercept-resend"``.
        known: the settings that there are, and their defaults; a number where a default is no text.
        texts: what was given, ``"setting=value"`` each.

    Raises:
        ValueError: if there is no such setting, it is given twice, or its value is of another kind.

    >>> read_settings("--policy mine", {"power": 1.0, "turns": 3, "fair": True}, ["turns=4", "fair=no"])
    {'turns': 4, 'fair': False}
    """
    given: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key not in known:
            allowed = ", ".join(f"{each}=…" for each in known) or "none"
            raise ValueError(f"the settings of {option} are {allowed}; got {text!r}")
        if key in given:
            raise ValueError(f"{key} of {option} must be given once, got {text!r} besides")
        given[key] = _value(f"{key} of {option}", value, known[key])
    return given


def read_number(name: str, text: str) -> float:
    """A number.

    Raises:
        ValueError: if it is none.
    """
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} must be a number, got {text!r}") from None


def _value(name: str, text: str, default: Any) -> Any:
    if isinstance(default, str):
        return text
    if isinstance(default, bool):
        if text.casefold() not in _TRUTH:
            raise ValueError(f"{name} must be true or false, got {text!r}")
        return _TRUTH[text.casefold()]
    number = read_number(name, text)
    if isinstance(default, int):
        if not number.is_integer():
            raise ValueError(f"{name} must be a whole number, got {text!r}")
        return int(number)
    return number
