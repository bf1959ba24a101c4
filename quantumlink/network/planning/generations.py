"""Generations of repeaters, compared by what a secret bit costs on a long line.

A line of 2ᵏ equal hops is built in one of several ways:

- *heralded* (the first generation): each hop's pairs are purified some times, then swapped in a balanced order;
- *encoded* (the second): so many purified pairs as a code has qubits become a logical pair by `quantumlink.encode`,
  logical pairs are swapped in the code and corrected at every swap.

Both are followed by their exact maps, waiting and messages included (`forecast`); a hop of a line is joined with
its like, so that k joins tell of 2ᵏ hops. A hop has as many channels as the way needs pairs at once; what they, the
nodes and the fibre cost, divided by the secret bits a second of BBM92, is the figure by which ways are compared.
One pair is made from end to end after the other: whoever makes more at once pays for each likewise.

The encoding is one round of noisy stabilizer measurements, not fault tolerant: its ways do worse than with better
circuits. Codes against loss, which send without heralds (the third generation), are not compared.

Reference:
    S. Muralidharan et al., Sci. Rep. 6, 20463 (2016), compare three generations by temporal and physical resources
    for a secret bit, with protocols, codes and rates of their own: the question is theirs, no figure is.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.link import Link, chain, encode, swap
from quantumlink.network.planning.costs import Costs, Counts
from quantumlink.network.planning.equipment import Equipment
from quantumlink.network.planning.places import Site
from quantumlink.progress import track
from quantumlink.readings.forecasting import Forecast, forecasts
from quantumlink.readings.forecasting.joins import swapped
from quantumlink.readings.forecasting.reading import stage_of
from quantumlink.readings.residual_swaps import LEAST_TOLD, swaps_of_doubling

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CODES = ("five_qubit", "steane")
ROUNDS = (0, 1, 2, 3)
HOPS = (1, 2, 4, 8, 16, 32, 64)
"""What is compared if nothing else is asked for."""


@dataclass(frozen=True)
class RepeaterLine:
    """A long line built in one way."""

    code: str | None
    """The code in which each hop is encoded; None for heralded pairs as they are."""
    rounds: int
    """How often each hop's pairs are purified (before they are encoded)."""
    hops: int
    channels: int
    """Pairs that a hop needs at once."""
    forecast: Forecast
    """What is delivered from end to end."""
    counts: Counts
    """How much of everything it needs."""
    cost: float
    """What building it costs."""

    @property
    def way(self) -> str:
        """How it is built, in words."""
        purified = f", {self.rounds} rounds of purification" if self.rounds > 1 else ", purified" * self.rounds
        return f"{'heralded' if self.code is None else self.code}{purified}"

    @property
    def cost_per_secret_hz(self) -> float:
        """The cost for each secret bit a second; infinite if there is none."""
        rate = self.forecast.secret_key_rate_hz
        return self.cost / rate if rate else inf

    def __repr__(self) -> str:
        return f"<RepeaterLine {self.way}, {self.hops} hops: {self.cost_per_secret_hz:.4g} a secret bit/s>"


@dataclass(frozen=True, eq=False)
class GenerationMap:
    """The cheapest way for every length and gate error."""

    lengths_km: tuple[float, ...]
    gate_errors: tuple[float, ...]
    lines: tuple[tuple[tuple[RepeaterLine, ...], ...], ...]
    """For each gate error and length, each way's best line, the cheapest first; those without a key last."""

    def best(self, number: int, length: int) -> RepeaterLine | None:
        """The cheapest line at one gate error and one length, by their numbers; None if no way has a key."""
        first = self.lines[number][length][0]
        return first if first.cost_per_secret_hz < inf else None

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways that are the cheapest somewhere."""
        everywhere = [self.best(i, j) for i in range(len(self.gate_errors)) for j in range(len(self.lengths_km))]
        return tuple(sorted({line.way for line in everywhere if line is not None}, key=lambda way: (len(way), way)))

    @property
    def cost_per_secret_hz(self) -> FloatArray:
        """Shape (gate errors, lengths): what the cheapest way costs; infinite where none has a key."""
        return np.array([[cell[0].cost_per_secret_hz for cell in row] for row in self.lines])

    def plot(self, ax: Axes | None = None, size: tuple[float, float] | None = None) -> Axes:
        """Which way is the cheapest where, with the number of hops and the cost for a secret bit a second.

        Args:
            ax: where to draw; in a new figure if None.
            size: width and height of a new figure in inches.

        Raises:
            TypeError: if ``ax`` is no axes.
            ValueError: if ``size`` is not two lengths or given beside ``ax``.
        """
        from quantumlink.figures import picture

        return picture(self._drawn)(ax, size)

    def _drawn(self, ax: Axes | None, size: tuple[float, float] | None) -> Axes:
        from matplotlib.colors import to_rgba
        from matplotlib.patches import Patch

        from quantumlink.figures import curve, one_axes, palette

        axes = one_axes(ax, size, (1.6 + 1.1 * len(self.lengths_km), 1.8 + 0.55 * len(self.gate_errors)))
        colors = {way: to_rgba(curve(k, axes)["color"], 0.45) for k, way in enumerate(self.ways)}
        shape = len(self.gate_errors), len(self.lengths_km)
        cells = np.full((*shape, 4), to_rgba(palette(axes).slate, 0.2))
        for i, j in np.ndindex(*shape):
            line = self.best(i, j)
            told = "no key"
            if line is not None:
                cells[i, j] = colors[line.way]
                told = f"{line.hops} hops\n{line.cost_per_secret_hz:.2g}"
            axes.text(j, i, told, ha="center", va="center", fontsize="small")
        axes.imshow(cells, aspect="auto", origin="lower")
        axes.set_xticks(range(shape[1]), [f"{x:g}" for x in self.lengths_km])
        axes.set_yticks(range(shape[0]), [f"{x:g}" for x in self.gate_errors])
        axes.set(xlabel="length in km", ylabel="gate error", title="the cheapest way; cost for a secret bit/s")
        handles = [Patch(color=color, label=way) for way, color in colors.items()]
        if handles:
            axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False)
        return axes

    def __repr__(self) -> str:
        errors, lengths = len(self.gate_errors), len(self.lengths_km)
        return f"<GenerationMap of {errors} gate errors and {lengths} lengths: {'; '.join(self.ways) or 'no key'}>"


def compare_generations(
    length_km: float,
    gate_error: float,
    *,
    costs: Costs,
    parts: Equipment | None = None,
    codes: Sequence[str] = CODES,
    rounds: Sequence[int] = ROUNDS,
    hops: Sequence[int] = HOPS,
) -> tuple[RepeaterLine, ...]:
    """Each way's best line over a length, the cheapest for a secret bit first; those without a key last.

    Args:
        length_km: from end to end, in km.
        gate_error: of every node, in [0, 1]: depolarizing of two-qubit gates and error of readout.
        costs: the prices: ``node``, ``repeater``, ``source`` (of each channel) and ``fibre_per_km``.
        parts: what nodes and links are made of, but for the gate error.
        codes: in which hops are encoded, whatever `encode` takes; none for heralded lines only.
        rounds: how often hops are purified.
        hops: how many equal hops there may be: powers of two.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if costs or parts are none.

    >>> parts = Equipment(fidelity=0.98, success_probability=0.5)
    >>> compare_generations(200, 1e-3, costs=Costs(source=1, repeater=10), parts=parts, codes=())[0]
    <RepeaterLine heralded, 2 rounds of purification, 8 hops: 0.6076 a secret bit/s>
    """
    lines, told = _compared(
        length_km, gate_error, costs=costs, parts=parts, codes=codes, rounds=rounds, hops=hops
    )  # fmt: skip
    _warn_of_waits(told)
    return lines


def _compared(
    length_km: float,
    gate_error: float,
    *,
    costs: Costs,
    parts: Any = None,
    codes: Any = CODES,
    rounds: Any = ROUNDS,
    hops: Any = HOPS,
) -> tuple[tuple[RepeaterLine, ...], list[tuple[float, str]]]:
    """The lines; and which of those with a key may have too low a fidelity, by how much."""
    validation.instance("costs", costs, Costs, "Costs")
    parts = Equipment() if parts is None else validation.instance("parts", parts, Equipment, "an Equipment")
    length_km = validation.positive("length_km", length_km)
    gate_error = validation.probability("gate_error", gate_error)
    for i, number in enumerate(validation.sequence("hops", hops, "numbers of hops")):
        validation.count(f"hops[{i}]", number, at_least=1)
        if number & (number - 1):
            raise ValueError(f"hops[{i}] must be a power of two, got {number!r}")
    for i, number in enumerate(validation.sequence("rounds", rounds, "numbers of rounds")):
        validation.count(f"rounds[{i}]", number)
    ways = [(code, number) for code in (None, *codes) for number in rounds]
    if not ways or not hops:
        raise ValueError("rounds and hops must each hold at least one number, got none")
    processor = replace(parts.processor, depolarizing_2q=gate_error, readout_error=gate_error)
    equipment = replace(parts, processor=processor)
    best = [
        min((_line(length_km, equipment, costs, code, purified, n) for n in hops), key=lambda made: _rank(made[0]))
        for code, purified in ways
    ]  # fmt: skip
    told = [
        (off_by, f"{line.way} over {line.hops} hops of {length_km / line.hops:g} km")
        for line, off_by in best
        if off_by > LEAST_TOLD and line.cost_per_secret_hz < inf
    ]
    return tuple(sorted((line for line, _ in best), key=_rank)), told


def _warn_of_waits(told: Sequence[tuple[float, str]]) -> None:
    """Say how far lines may be off that lose something in memories before they are encoded: the worst of them."""
    if told:
        off_by, line = max(told)
        more = f", {len(told) - 1} others less" if len(told) > 1 else ""
        warnings.warn(
            f"what noisy circuits leave on encoded hops is decoded as if no pair had lost anything in a memory "
            f"before it was encoded: the fidelity of {line} may come out too low by up to {off_by:.1g}{more}",
            UserWarning,
            stacklevel=3,
        )


def generation_map(
    lengths_km: Sequence[float] = (100, 200, 400, 800),
    gate_errors: Sequence[float] = (1e-5, 1e-4, 1e-3, 3e-3, 1e-2),
    **options: Any,
) -> GenerationMap:
    """`compare_generations` over a grid, as a map.

    Args:
        lengths_km: from end to end, in km.
        gate_errors: of every node.
        options: of `compare_generations`; ``costs`` must be among them.

    Raises:
        ValueError: as `compare_generations` does; also if there is no length or gate error.
    """
    lengths = tuple(float(x) for x in validation.sequence("lengths_km", lengths_km, "lengths in km"))
    errors = tuple(float(x) for x in validation.sequence("gate_errors", gate_errors, "gate errors"))
    if not lengths or not errors:
        raise ValueError("lengths_km and gate_errors must each hold at least one number, got none")
    cells = track([(error, length) for error in errors for length in lengths], "comparing")
    found, told = [], list[tuple[float, str]]()
    for error, length in cells:
        lines, more = _compared(length, error, **options)
        found.append(lines)
        told += more
    _warn_of_waits(told)
    rows = [tuple(found[i : i + len(lengths)]) for i in range(0, len(found), len(lengths))]
    return GenerationMap(lengths, errors, tuple(rows))


def _rank(line: RepeaterLine) -> tuple[float, float, int]:
    return line.cost_per_secret_hz, line.cost, line.hops


def _hop(parts: Equipment, length_km: float, code: str | None, rounds: int, number: int) -> Link:
    """One hop of a line, as it is swapped."""
    left, right = (parts.node(Site(f"n{i}"), "repeater") for i in (number, number + 1))
    made = chain([parts.link(left, right, length_km)], purify_rounds=rounds)
    return made if code is None else encode(made, code)


def _line(
    length_km: float, parts: Equipment, costs: Costs, code: str | None, rounds: int, hops: int
) -> tuple[RepeaterLine, float]:
    """A line, and by how much its fidelity may come out too low."""
    first, second = (_hop(parts, length_km / hops, code, rounds, i) for i in (0, 1))
    stage = stage_of(first)
    operations, off_by = swaps_of_doubling(first, swap(first, second), hops.bit_length() - 1)
    for operation in operations:
        stage = swapped(stage, stage, operation)
    counts = Counts(node=hops + 1, repeater=hops - 1, source=hops * first.pairs, fibre_km=length_km)
    line = RepeaterLine(code, rounds, hops, first.pairs, forecasts(stage)[0], counts, costs.total(counts))
    return line, off_by
