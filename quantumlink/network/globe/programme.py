"""The linear programme of `serve_keys`: pools of key, ways over them, and slices that fill them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_array

from quantumlink.arrays import FloatArray
from quantumlink.network.integer_programme import IntegerProgramme

Pool = tuple[str, ...]
"""What a key is shared by: a satellite and a station, a satellite and two, or two ends of a segment of fibre."""


@dataclass(frozen=True)
class Way:
    """How a demand may be served: it draws on all of its pools alike."""

    demand: int
    pools: tuple[Pool, ...]


@dataclass(frozen=True)
class Choice:
    """A slice that fills a pool with so many bits if all of it is used, and whom it takes up."""

    pool: Pool
    bits: float
    takes: tuple[tuple[str, int], ...]
    """The satellite and its stations, each with the number of the slice of time."""


@dataclass(frozen=True)
class Answer:
    """An optimum."""

    used: FloatArray
    """The share of each slice that is used."""
    flows: FloatArray
    """Bits over each way."""
    reached: frozenset[int]
    """Numbers of the demands that have a way at all."""
    share: float
    """The multiple of what is wanted that every demand gets."""
    stations: frozenset[str] | None
    """Those that were chosen, if that was asked."""
    proven: bool
    """Whether it is the optimum."""


@dataclass
class Programme:
    """The programme; solved several times with other aims."""

    ways: Sequence[Way]
    wanted: Sequence[float | None]
    """Bits that each demand wants; None for as many as there can be."""
    stored: Mapping[Pool, float]
    """Bits that are there whatever is looked at."""
    choices: Sequence[Choice] = ()
    telescopes: int = 1
    stations: Sequence[str] = ()
    choose: int | None = None
    _rows: list[tuple[dict[int, float], float, float]] = field(default_factory=list)

    def solve(self, *, fair: bool, time_limit_s: float) -> Answer:
        """The optimum: the largest common share, then the most bits; or the most bits at once.

        What time is left then fills the pools: longer blocks of key cost less.
        """
        slices, ways = len(self.choices), len(self.ways)
        if not self.reached:
            nobody = None if self.choose is None else frozenset[str]()
            return Answer(np.zeros(slices), np.zeros(ways), self.reached, 0.0, nobody, True)
        share = slices + ways
        opened = {name: share + 1 + i for i, name in enumerate(self.stations if self.choose is not None else ())}
        size = share + 1 + len(opened)
        self._constrain(share, opened)
        total = np.zeros(size)
        total[slices:share] = -1.0
        upper = np.full(size, np.inf)
        upper[:slices], upper[share + 1 :] = 1.0, 1.0
        whole = np.zeros(size)
        whole[share + 1 :] = 1
        lower = np.zeros(size)
        proven = True
        if fair:
            aim = np.zeros(size)
            aim[share] = -1.0
            x, _, proven = self._run(aim, whole, lower, upper, time_limit_s)
            lower[share] = max(0.0, x[share] * (1 - 1e-7))
        else:
            upper[share] = 0.0
        x, value, optimal = self._run(total, whole, lower, upper, time_limit_s)
        proven = proven and optimal
        if slices:
            lower[share + 1 :] = upper[share + 1 :] = np.rint(x[share + 1 :])
            self._rows.append((dict.fromkeys(range(slices, share), 1.0), -(1 - 1e-9) * value, np.inf))
            spare = np.zeros(size)
            spare[:slices] = [-choice.bits for choice in self.choices]
            x, _, _ = self._run(spare, np.zeros(size), lower, upper, time_limit_s)
        x = np.maximum(x, 0.0)
        chosen = frozenset(name for name, i in opened.items() if x[i] > 0.5) if opened else None
        return Answer(x[:slices], x[slices:share], self.reached, float(x[share]), chosen, proven)

    @property
    def reached(self) -> frozenset[int]:
        """Numbers of the demands that have a way at all."""
        filled = {choice.pool for choice in self.choices if choice.bits > 0}
        filled |= {pool for pool, bits in self.stored.items() if bits > 0}
        return frozenset(way.demand for way in self.ways if filled.issuperset(way.pools))

    def _constrain(self, share: int, opened: Mapping[str, int]) -> None:
        slices = len(self.choices)
        self._rows = rows = []
        drawn: dict[Pool, dict[int, float]] = {}
        for i, way in enumerate(self.ways):
            for pool in way.pools:
                drawn.setdefault(pool, {})[slices + i] = 1.0
        taken: dict[tuple[str, int], dict[int, float]] = {}
        for j, choice in enumerate(self.choices):
            if choice.pool in drawn:
                drawn[choice.pool][j] = -choice.bits
            for who in choice.takes:
                taken.setdefault(who, {})[j] = 1.0
        rows += [(row, -np.inf, self.stored.get(pool, 0.0)) for pool, row in drawn.items()]
        on_ground = set(self.stations)
        for (name, _), row in taken.items():
            most = float(self.telescopes) if name in on_ground else 1.0
            if name in opened:
                rows.append(({**row, opened[name]: -most}, -np.inf, 0.0))
            elif len(row) > most:
                rows.append((row, -np.inf, most))
        for d, wanted in enumerate(self.wanted):
            row = {slices + i: 1.0 for i, way in enumerate(self.ways) if way.demand == d}
            if d in self.reached:
                rows.append(({**row, share: -(1.0 if wanted is None else wanted)}, 0.0, np.inf))
            if row and wanted is not None:
                rows.append((row, -np.inf, wanted))
        if self.choose is not None:
            rows.append((dict.fromkeys(opened.values(), 1.0), -np.inf, float(self.choose)))

    def _run(
        self, aim: FloatArray, whole: FloatArray, lower: FloatArray, upper: FloatArray, time_limit_s: float
    ) -> tuple[FloatArray, float, bool]:
        """The variables, what they cost, and whether none cost less."""
        entries = [(i, j, value) for i, (row, _, _) in enumerate(self._rows) for j, value in row.items()]
        rows, columns, values = (np.array(column) for column in zip(*entries, strict=True))
        matrix = coo_array((values, (rows, columns)), shape=(len(self._rows), len(aim))).tocsr()
        low, high = np.array([each for _, each, _ in self._rows]), np.array([each for _, _, each in self._rows])
        found = IntegerProgramme(aim, whole, (lower, upper), matrix, low, high).solve(time_limit_s)
        if found.interrupted:
            raise KeyboardInterrupt
        if found.x is None:
            raise ValueError(f"time_limit_s={time_limit_s:g} is too short: no plan was found in it")
        return found.x, found.value, found.optimal
