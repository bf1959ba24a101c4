"""Values: what a function returned for a point, as named plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quantumlink.estimation import Estimate
from quantumlink.link import Link
from quantumlink.readings import PairState, evaluate

Number = bool | int | float | complex
Values = dict[str, Number]
"""The numbers of one point by column name: Python's own, so that they are the same fresh and from disk."""


def values_of(result: Any) -> Values:
    """The numbers that a function returned, by name.

    A link gives its exact readings, a single number the column ``value``. An `Estimate` gives three columns: its
    best value under its name, and its interval under ``<name>_low`` and ``<name>_high``.

    Raises:
        TypeError: if it is not a mapping of names to numbers, a number or a link.

    >>> values_of({"rate_hz": 2, "fidelity": Estimate(0.8, 0.9, 0.95)})
    {'rate_hz': 2, 'fidelity': 0.9, 'fidelity_low': 0.8, 'fidelity_high': 0.95}
    """
    if isinstance(result, Link):
        result = evaluate(result)
    if isinstance(result, PairState):
        result = _readings(result)
    if not isinstance(result, Mapping):
        if _number(result) is None and not isinstance(result, Estimate):
            raise TypeError(f"the function must return named numbers, one number or a link; it returned {result!r}")
        result = {"value": result}
    values: Values = {}
    for name, value in result.items():
        if not isinstance(name, str) or not name:
            raise TypeError(f"the function must name its numbers with strings, got the name {name!r}")
        for column, number in _columns(name, value):
            if column in values:
                raise TypeError(f"the function's results give the column {column!r} twice")
            values[column] = number
    return values


def _columns(name: str, value: Any) -> list[tuple[str, Number]]:
    if isinstance(value, Estimate):
        return [(name, value.best), (f"{name}_low", value.low), (f"{name}_high", value.high)]
    number = _number(value)
    if number is None:
        raise TypeError(f"the function's result {name!r} must be a number (or nan), got {value!r}")
    return [(name, number)]


def _number(value: Any) -> Number | None:
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    return value if type(value) in (bool, int, float, complex) else None


def _readings(state: PairState) -> Values:
    return {
        "fidelity": state.fidelity,
        "success_probability": state.success_probability,
        "qber_z": state.qber("Z"),
        "qber_x": state.qber("X"),
        "chsh": state.chsh,
    }
