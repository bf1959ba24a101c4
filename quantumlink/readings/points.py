"""Points: arrays of fidelities, populations and hold times for a tree's links, checked and broadcast together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.link import ElementaryLink, Link
from quantumlink.readings.tree import Tree

Values = npt.NDArray[Any] | Sequence[Any]
"""Numbers in an array, or in (nested) lists."""

# Mappings are invariant in their keys: a dict of swaps alone is to be welcome, too.
ByLink = Mapping[Any, Any]
"""Values for some links of the tree."""


@dataclass(frozen=True, eq=False)
class Arrival:
    """In which states some elementary links' pairs arrive."""

    parts: list[int]
    """Where the links stand in the tree."""
    values: FloatArray
    """Shape (...): fidelities of Werner states; or (..., 4): populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻)."""
    werner: bool
    """Which of the two."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes of points."""
        return self.values.shape if self.werner else self.values.shape[:-1]

    def populations(self, values: FloatArray) -> FloatArray:
        """Shape (..., 4) of some of the values."""
        if not self.werner:
            return values
        rest = (1 - values) / 3
        return np.stack([values, rest, rest, rest], axis=-1)


@dataclass(frozen=True, eq=False)
class Hold:
    """How long some links' states are held at their ends, or through how many attempts for other pairs."""

    parts: list[int]
    amounts: tuple[FloatArray, ...]
    """Of each end: times in seconds, or numbers of attempts."""
    attempts: bool = False
    """Which of the two."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes of points."""
        return np.broadcast_shapes(*(amounts.shape for amounts in self.amounts))


@dataclass(frozen=True, eq=False)
class Points:
    """The points at which a tree is evaluated."""

    shape: tuple[int, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    holds: tuple[Hold, ...] = ()


def read_points(
    tree: Tree,
    *,
    fidelity: Any = None,
    bell_diagonal: Any = None,
    hold_s: Any = None,
    hold_attempts: Any = None,
) -> Points:
    """The points that `evaluate` was asked for: see there for what each argument may be.

    Raises:
        ValueError: if a key is not in the tree, a value is out of range, or shapes do not broadcast.
        TypeError: if a value is of the wrong kind.
    """
    shapes = _Shapes()
    arrivals = []
    stated: dict[int, str] = {}
    for name, value, check in (("fidelity", fidelity, _fidelities), ("bell_diagonal", bell_diagonal, _populations)):
        for label, parts, given in _by_link(tree, name, value, elementary=True):
            arrival = Arrival(parts, check(label, given), werner=name == "fidelity")
            for k in parts:
                if stated.setdefault(k, name) != name:
                    raise ValueError(f"give fidelity or bell_diagonal, not both, for {tree.parts[k]!r}")
            shapes.add(label, arrival.shape)
            arrivals.append(arrival)
    holds = []
    for name, value, read in (("hold_s", hold_s, _times), ("hold_attempts", hold_attempts, _attempts)):
        for label, parts, given in _by_link(tree, name, value, elementary=False):
            amounts = _ends(label, given, tree.parts[parts[0]], shapes, read)
            holds.append(Hold(parts, amounts, attempts=read is _attempts))
    return Points(shapes.all, tuple(arrivals), tuple(holds))


class _Shapes:
    """Shapes that must broadcast together, and where each comes from."""

    def __init__(self) -> None:
        self.all: tuple[int, ...] = ()
        self._labels: dict[tuple[int, ...], str] = {}

    def add(self, label: str, shape: tuple[int, ...]) -> None:
        if shape in self._labels:
            return
        if not _fit(shape, self.all):
            other = next(other for other in self._labels if not _fit(shape, other))
            raise ValueError(
                f"the points of all arguments must broadcast together as numpy's arrays do: {self._labels[other]} "
                f"has the shape {other}, {label} has {shape}"
            )
        self._labels[shape] = label
        self.all = np.broadcast_shapes(self.all, shape)


def _fit(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(x == y or x == 1 or y == 1 for x, y in zip(reversed(a), reversed(b), strict=False))


def _by_link(tree: Tree, name: str, value: Any, *, elementary: bool) -> list[tuple[str, list[int], Any]]:
    """Label, places and value of each entry; one value stands for all elementary links."""
    if value is None:
        return []
    if not isinstance(value, Mapping):
        return [(name, tree.elementary, value)]
    for link in value:
        kind, what = (ElementaryLink, "an elementary link") if elementary else (Link, "a link")
        validation.instance(f"a key of {name}", link, kind, f"{what} of the tree")
    places = tree.places(value)
    for link, found in zip(value, places, strict=True):
        if not found:
            raise ValueError(
                f"{name} has a key that is not in this tree: {link!r}; a key must equal one of its "
                f"{'elementary ' if elementary else ''}links"
            )
    return [(f"{name} of {link!r}", found, value[link]) for link, found in zip(value, places, strict=True)]


def _numbers(label: str, value: Any, rule: str) -> FloatArray:
    try:
        array = np.asarray(value)
    except ValueError:  # lists of unequal lengths
        raise ValueError(f"{label} must be {rule}, got {value!r}") from None
    if array.dtype.kind not in "iuf" and array.size:
        raise TypeError(f"{label} must be {rule}, got {value!r}")
    return array.astype(float)  # a copy: nobody else's changes show later


def _all_good(label: str, array: FloatArray, good: Callable[[FloatArray], Any], rule: str) -> FloatArray:
    bad = ~np.asarray(good(array))  # what is not a number is not good, either
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        at = f" at index {where}" if where else ""
        raise ValueError(f"{label} must be {rule}, got {array[where].tolist()!r}{at}")
    return array


def _fidelities(label: str, value: Any) -> FloatArray:
    rule = "numbers in [0.25, 1]"
    return _all_good(label, _numbers(label, value, rule), lambda f: (f >= 0.25) & (f <= 1), rule)


def _populations(label: str, value: Any) -> FloatArray:
    rule = "arrays of shape (..., 4): probabilities (Φ+, Φ−, Ψ+, Ψ−) that sum to 1"
    array = _numbers(label, value, rule)
    if not array.ndim or array.shape[-1] != 4:
        raise ValueError(f"{label} must be {rule}, got the shape {array.shape}")
    _all_good(label, array, lambda p: (p >= 0) & (p <= 1), rule)
    return _all_good(label, array, lambda p: abs(p.sum(axis=-1) - 1) <= validation.BELL_SUM_TOLERANCE, rule)


def _ends(
    label: str, value: Any, link: Link, shapes: _Shapes, read: Callable[[str, Any], FloatArray]
) -> tuple[FloatArray, ...]:
    """Times, or numbers of attempts, of every end: a tuple tells them apart."""
    ends, what = len(link.ends), "times" if read is _times else "numbers"
    if not isinstance(value, tuple):
        amounts = read(label, value)
        shapes.add(label, amounts.shape)
        return (amounts,) * ends
    if len(value) != ends:
        two = "(left_s, right_s)" if read is _times else "(left, right)"
        told = two if ends == 2 else f"one for each of {', '.join(link.end_labels)}"
        both = "both" if ends == 2 else "all"
        raise ValueError(f"{label} must be {what} of {both} ends, or a tuple {told}; got a tuple of {len(value)}")
    names = ("left end", "right end") if ends == 2 else link.end_labels
    found = []
    for name, given in zip(names, value, strict=True):
        found.append(read(f"{label} ({name})", given))
        shapes.add(f"{label} ({name})", found[-1].shape)
    return tuple(found)


def _times(label: str, value: Any) -> FloatArray:
    rule = "finite times in seconds, at least 0"
    return _all_good(label, _numbers(label, value, rule), lambda t: (t >= 0) & (t < np.inf), rule)


def _attempts(label: str, value: Any) -> FloatArray:
    rule = "whole numbers of attempts, at least 0"
    return _all_good(
        label, _numbers(label, value, rule), lambda n: (n >= 0) & (n < np.inf) & (n == np.floor(n)), rule
    )
