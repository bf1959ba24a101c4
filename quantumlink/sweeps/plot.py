"""Pictures of a table: lines, and heat maps of two parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import FloatArray
from quantumlink.figures import color_scale, curve, figure_of, letters, one_axes, picture, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_LINES = 12
"""More lines than this tell nobody anything."""

LEAST_SHARE = 0.01
"""The colors of a heat map span such a share of its largest value at least: smaller differences mean nothing."""


class Columns(Protocol):
    """What is drawn: columns by name."""

    @property
    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """All of them."""
        ...

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those that were chosen."""
        ...

    @property
    def results(self) -> tuple[str, ...]:
        """Those that were found."""
        ...

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """A column."""
        ...

    def __len__(self) -> int:
        """The number of rows."""
        ...


@picture
def draw_table(
    table: Columns,
    x: str | None,
    y: str | None,
    by: str | None,
    ax: Axes | None,
    size: tuple[float, float] | None,
) -> Figure:
    """The picture of a table: see `Table.plot`."""
    if len(table) == 0:
        raise ValueError("there is nothing to plot: the table has no rows")
    numbers = [name for name in table.results if name != "seed"]
    if y is None and not numbers:
        raise ValueError("there is nothing to plot: the table has no results")
    y = numbers[0] if y is None else y
    if not _is_number(table[y]):
        raise ValueError(f"y must be a column of real numbers, {y!r} has dtype {table[y].dtype}")
    varying = [name for name in table.parameters if len(_levels(table[name])) > 1 and name not in (x, y)]
    axes = one_axes(ax, size, (7.0, 4.5))
    if x is None and by is None and len(varying) == 2 and all(_is_number(table[name]) for name in varying):
        _heat_map(axes, table, varying[0], varying[1], y)
        return figure_of(axes)
    if x is None:
        candidates = [name for name in varying if name != by] or [n for n in table.parameters if n not in (y, by)]
        if not candidates:
            raise ValueError("x must be named: the table has no parameter left for the horizontal axis")
        x = candidates[0]
        varying = [name for name in varying if name != x]
    _lines(axes, table, x, y, varying if by is None else [by])
    return figure_of(axes)


def _lines(axes: Axes, table: Columns, x: str, y: str, by: list[str]) -> None:
    groups: dict[tuple[int, ...], list[int]] = {}
    levels = {name: _levels(table[name]) for name in by}
    for row in range(len(table)):
        key = tuple(_place(levels[name], table[name][row]) for name in by)
        groups.setdefault(key, []).append(row)
    if len(groups) > MAX_LINES:
        raise ValueError(
            f"{len(groups)} lines ({' × '.join(by)}) are too many for one picture, at most {MAX_LINES}: name x and "
            "by, or sweep less"
        )
    ticks = None if _is_number(table[x]) else _levels(table[x])
    for number, (key, rows) in enumerate(sorted(groups.items())):
        places = table[x][rows] if ticks is None else np.array([_place(ticks, table[x][row]) for row in rows])
        order = np.argsort(places, kind="stable")
        if len(np.unique(places)) < len(places):
            raise ValueError(
                f"several rows have one {x}" + (f" and one {', '.join(by)}" if by else "") + ": name x and by"
            )
        chosen = np.array(rows)[order]
        label = ", ".join(f"{name} = {_label(levels[name][i])}" for name, i in zip(by, key, strict=True))
        line = axes.plot(
            places[order], table[y][chosen], **curve(number, axes), markersize=points(4), label=label or None
        )[0]
        if f"{y}_low" in table.columns and f"{y}_high" in table.columns:
            low, high = table[f"{y}_low"][chosen], table[f"{y}_high"][chosen]
            axes.fill_between(places[order], low, high, alpha=0.2, color=line.get_color(), linewidth=0)
    if ticks is not None:
        axes.set_xticks(range(len(ticks)), [_label(tick) for tick in ticks])
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    band = f", {y}_low to {y}_high shaded" if f"{y}_low" in table.columns and f"{y}_high" in table.columns else ""
    axes.set_title(f"{y} against {x}{band}", fontsize=letters(11), wrap=True)
    axes.grid(alpha=0.3)
    if by:
        axes.legend()


def _heat_map(axes: Axes, table: Columns, x: str, y: str, value: str) -> None:
    columns, rows = np.unique(table[x]), np.unique(table[y])
    field = np.full((len(rows), len(columns)), np.nan)
    seen: set[tuple[int, int]] = set()
    places = zip(np.searchsorted(rows, table[y]), np.searchsorted(columns, table[x]), strict=True)
    for place, number in zip(places, table[value], strict=True):
        if place in seen:
            raise ValueError(f"several rows have one {x} and one {y}: name x and by")
        seen.add(place)
        field[place] = number
    low, high = _span(field)
    mesh = axes.pcolormesh(columns, rows, field, shading="nearest", cmap=color_scale(axes), vmin=low, vmax=high)
    if len(columns) <= MAX_LINES:
        axes.set_xticks(columns)
    if len(rows) <= MAX_LINES:
        axes.set_yticks(rows)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(f"{value} against {x} and {y}", fontsize=letters(11), wrap=True)
    axes.figure.colorbar(mesh, ax=axes, label=value)


def _span(field: FloatArray) -> tuple[float | None, float | None]:
    """Where the colors begin and end; shares up to 1 do not end above it. None where no value is finite."""
    known = field[np.isfinite(field)]
    if not len(known):
        return None, None
    low, high = float(known.min()), float(known.max())
    least = LEAST_SHARE * max(abs(low), abs(high))
    if high - low >= least:
        return low, high
    end = high + (least - (high - low)) / 2
    end = min(end, 1.0) if high <= 1 else end
    return end - least, end


def _is_number(column: npt.NDArray[Any]) -> bool:
    return column.dtype.kind in "biuf"


def _levels(column: npt.NDArray[Any]) -> list[Any]:
    """The different values in order of appearance; not all are hashable."""
    if column.dtype.kind != "O":
        return list(dict.fromkeys(column.tolist()))
    levels: list[Any] = []
    for value in column:
        if not any(_same(value, level) for level in levels):
            levels.append(value)
    return levels


def _place(levels: list[Any], value: Any) -> int:
    return next(i for i, level in enumerate(levels) if _same(level, value))


def _same(a: Any, b: Any) -> bool:
    return a is b or bool(np.all(a == b))


def _label(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 30 else text[:29] + "…"
