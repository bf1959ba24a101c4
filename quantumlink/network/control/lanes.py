"""What the loop runs on where many trials are played together: sets of trials, and values of each of them.

A *lane* is a trial's place in the arrays. A value is a plain number where it is the same for all lanes of a set,
else an array with one entry for each, in the set's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quantumlink.arrays import BoolArray, IntArray

DRAWS = 256
"""Random numbers of each trial that are drawn at one time."""


class Lanes:
    """A set of lanes.

    Args:
        which: their numbers, shape (lanes,).
    """

    __slots__ = ("_rows", "size", "which")

    def __init__(self, which: IntArray) -> None:
        self.which, self.size = which, len(which)
        self._rows: dict[int, IntArray] = {}

    def row(self, length: int) -> IntArray:
        """Where each lane's row begins in an array of rows of a length."""
        found = self._rows.get(length)
        if found is None:
            found = self._rows[length] = self.which * length
        return found

    def parts(self, condition: Any) -> tuple[Lanes, Lanes]:
        """Those for which something is so, and the others."""
        if not isinstance(condition, np.ndarray):
            return (self, NOBODY) if condition else (NOBODY, self)
        number = np.count_nonzero(condition)
        if number == self.size:
            return self, NOBODY
        if number == 0:
            return NOBODY, self
        places = condition.nonzero()[0]
        others = np.logical_not(condition).nonzero()[0]
        return Lanes(self.which.take(places)), Lanes(self.which.take(others))

    def where(self, condition: Any) -> Lanes:
        """Those for which something is so."""
        return self.those(condition)[0]

    def those(self, condition: Any) -> tuple[Lanes, IntArray | None]:
        """Those for which something is so, with their places in this set; None for all places."""
        if not isinstance(condition, np.ndarray):
            return (self if condition else NOBODY), None
        places = condition.nonzero()[0]
        if len(places) == self.size:
            return self, None
        if not len(places):
            return NOBODY, places
        return Lanes(self.which.take(places)), places


NOBODY = Lanes(np.zeros(0, dtype=np.int64))


def together(*sets: Lanes) -> Lanes:
    """All lanes of some sets that have none in common."""
    some = [lanes for lanes in sets if lanes.size]
    if len(some) < 2:
        return some[0] if some else NOBODY
    return Lanes(np.concatenate([lanes.which for lanes in some]))


class Local:
    """A name of a function, with a value for each lane.

    What is assigned for a set is kept as it is; it is laid out over all lanes only when another set asks for it. A
    plain number may only be assigned if it is read by nobody but lanes for which it was, see `Wide`.

    Args:
        number: how many lanes there are in all.
    """

    __slots__ = ("_all", "_lanes", "_new", "_number", "_value")

    def __init__(self, number: int) -> None:
        self._number = number
        self._lanes = NOBODY
        self._value: Any = None
        self._all: Any = None
        self._new = False

    def set(self, lanes: Lanes, value: Any) -> None:
        """Assign values for some lanes."""
        self._lanes, self._value, self._new = lanes, value, True

    def at(self, lanes: Lanes) -> Any:
        """The values of some lanes."""
        if self._lanes is lanes or not isinstance(self._value, np.ndarray):
            return self._value
        self._lay_out()
        self._lanes, self._value = lanes, self._all.take(lanes.which)
        return self._value

    def _lay_out(self) -> None:
        if not self._new:
            return
        self._new = False
        value = self._value
        if self._all is None:
            self._all = np.zeros(self._number, dtype=value.dtype)
        elif self._all.dtype != value.dtype:
            self._all = self._all.astype(np.result_type(self._all, value))
        self._all[self._lanes.which] = value


class Wide(Local):
    """A name that is assigned in several places: what other lanes have is kept."""

    __slots__ = ()

    def set(self, lanes: Lanes, value: Any) -> None:
        """Assign values for some lanes."""
        if self._lanes is not lanes and self._new:
            self._lay_out()
        if not isinstance(value, np.ndarray):
            value = np.full(lanes.size, value)
        self._lanes, self._value, self._new = lanes, value, True


def choose(condition: Any, one: Any, other: Any) -> Any:
    """One value where something is so, else the other."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, one, other)
    return one if condition else other


def placed(value: Any, lanes: Lanes, places: IntArray | None, found: Any) -> Any:
    """The truth for a set, of which some lanes had to be looked at more closely."""
    if places is None:
        return found
    whole: BoolArray = np.empty(lanes.size, dtype=bool)
    whole[:] = value
    whole[places] = found
    return whole


def whole(value: Any) -> Any:
    """Values as integers."""
    return value.astype(np.int64) if isinstance(value, np.ndarray) else int(value)


def as_it_is(value: Any) -> Any:
    """What takes a number's type off it where there is but one."""
    return value


def least(*values: Any) -> Any:
    """The least of some values, lane by lane."""
    found = values[0]
    for value in values[1:]:
        found = np.minimum(found, value)
    return found


def most(*values: Any) -> Any:
    """The largest of some values, lane by lane."""
    found = values[0]
    for value in values[1:]:
        found = np.maximum(found, value)
    return found


class Draws:
    """The random numbers of many trials, each from its own generator.

    Args:
        generators: of each lane.
    """

    def __init__(self, generators: Sequence[np.random.Generator]) -> None:
        self._generators = generators
        self._drawn = np.array([rng.random(DRAWS) for rng in generators])
        self._flat = self._drawn.reshape(-1)
        self._next: IntArray = np.zeros(len(generators), dtype=np.int64)

    def random(self, lanes: Lanes) -> Any:
        """The next number in [0, 1) of each lane."""
        place = self._next.take(lanes.which)
        if place.max() == DRAWS:
            for lane in lanes.which[place == DRAWS]:
                self._generators[lane].random(out=self._drawn[lane])
                self._next[lane] = 0
            place = self._next.take(lanes.which)
        self._next[lanes.which] = place + 1
        return self._flat.take(lanes.row(DRAWS) + place)
