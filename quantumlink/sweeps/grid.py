"""Grids: what a user writes down, as a list of points."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from numbers import Number
from typing import Any

import numpy as np

from quantumlink import validation
from quantumlink.sweeps.identity import encode, sha256

Point = dict[str, Any]
"""The arguments of one call, by name."""

Grid = Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]]
"""Values by parameter name, for all their combinations; or the points one by one."""

SEED_BITS = 31
"""Bits of a derived seed: what every generator takes, also those that keep seeds in a C int."""


def points_of(grid: Grid) -> tuple[tuple[str, ...], list[Point]]:
    """The parameter names, and the points in grid order: the last parameter runs fastest.

    NumPy scalars become Python's, so that a point is the same however its values were made.

    Raises:
        TypeError: if the grid is neither a mapping of 1-D values nor a sequence of mappings.
        ValueError: if it names no parameter, or its points name different ones.

    >>> points_of({"hops": [2, 3], "fidelity": [0.9]})
    (('hops', 'fidelity'), [{'hops': 2, 'fidelity': 0.9}, {'hops': 3, 'fidelity': 0.9}])
    """
    if isinstance(grid, Mapping):
        if not grid:
            raise ValueError("grid must name at least one parameter, got an empty mapping")
        names = tuple(_name(name) for name in grid)
        axes = [_axis(name, values) for name, values in grid.items()]
        return names, [dict(zip(names, row, strict=True)) for row in itertools.product(*axes)]
    if isinstance(grid, str | bytes | Number) or not isinstance(grid, Iterable):
        raise TypeError(_rule(grid))
    points = []
    for i, point in enumerate(grid):
        if not isinstance(point, Mapping):
            raise TypeError(f"grid[{i}] must be a mapping of parameter names to values, got {point!r}")
        points.append({_name(name): _plain(value) for name, value in point.items()})
    names = tuple(points[0]) if points else ()
    for i, point in enumerate(points):
        if set(point) != set(names):
            raise ValueError(
                f"all points must name the same parameters: grid[0] has {names}, grid[{i}] {tuple(point)}"
            )
    return names, [{name: point[name] for name in names} for point in points]


def check_parameters(function: Callable[..., Any], names: Sequence[str], seed: int | None, empty: bool) -> bool:
    """See to it that the function takes exactly these arguments; whether it is to be given a derived seed.

    Raises:
        TypeError: if it does not take one of the names, or takes a required one that the grid does not have.
        ValueError: if a seed is given that nothing would use, or is missing.
    """
    label = name_of(function)
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins do not tell
        return seed is not None
    named = {name: p for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name in names:
        if name not in named and not takes_all:
            near = validation.did_you_mean(name, named)
            raise TypeError(f"the grid has {name!r}, but {label} takes {', '.join(named) or 'nothing'}{near}")
    seeded = seed is not None
    if seeded and "seed" in names:
        raise ValueError(f"seed={seed} has no use: the grid has a 'seed' of its own")
    if seeded and "seed" not in named and not takes_all:
        raise ValueError(f"seed={seed} has no use: {label} takes no argument named seed")
    for name, p in parameters.items():
        required = p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        if not required or name in names or empty:
            continue
        if name == "seed" and name in named:
            if not seeded:
                raise ValueError(f"{label} takes a seed: give the sweep one (seed=7), or put 'seed' in the grid")
        else:
            raise TypeError(f"{label} needs {name!r}, and the grid has only {', '.join(names)}")
    return seeded


def derived_seed(seed: int, point: Point) -> int:
    """The seed of one point: of the sweep's seed and the point's content alone, in [0, 2³¹).

    Neither the order of the points nor who runs them matters; a point keeps its seed in a larger grid.
    """
    digest = sha256(b"seed of a point", encode(seed), encode(sorted(point.items())))
    return int.from_bytes(digest[:8], "big") >> (64 - SEED_BITS)


def name_of(function: Any) -> str:
    """What to call a function in an error text."""
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__)


def describe(function: Any, point: Point) -> str:
    """A call as one would write it, long values cut short."""
    values = (f"{name}={value!r}" for name, value in point.items())
    return f"{name_of(function)}({', '.join(v if len(v) < 200 else v[:197] + '...' for v in values)})"


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"grid must name its parameters with strings, got {name!r}")
    return name


def _axis(name: str, values: Any) -> list[Any]:
    rule = f"grid[{name!r}] must be a list, a range or a 1-D array of values"
    if isinstance(values, str | bytes | Number | Mapping) or not isinstance(values, Iterable):
        raise TypeError(f"{rule}; got {values!r} (for a single value, [{values!r}])")
    if isinstance(values, Set):
        raise TypeError(f"{rule}, and a set has no order; got {values!r}")
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise TypeError(f"{rule}; got an array of shape {values.shape}")
    return [_plain(value) for value in values]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _rule(grid: object) -> str:
    return f"grid must be a mapping of parameter names to values, or a sequence of such points; got {grid!r}"
