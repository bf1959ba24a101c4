"""The table: what a sweep found, one row a point in grid order, one array a column."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.sweeps.grid import Point, describe, name_of
from quantumlink.sweeps.values import Values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

SHOWN_ROWS = 20
"""Rows that a notebook shows."""

Column = npt.NDArray[Any]


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Columns of equal length, parameters first.

    ``len(table)`` is the number of rows, ``table["fidelity"]`` a column, and a table yields its rows as
    dictionaries.
    """

    columns: dict[str, Column]
    """The columns by name, each of shape (rows,) and read-only; values that are no numbers have dtype object."""
    parameters: tuple[str, ...]
    """The columns that are the grid's; the others are results (and the seeds, if there were any)."""

    def __post_init__(self) -> None:
        lengths = {len(column) for column in self.columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"the columns of a table must have one length, got {sorted(lengths)}")
        for column in self.columns.values():
            column.setflags(write=False)

    @classmethod
    def from_rows(
        cls, function: Callable[..., Any], names: Sequence[str], calls: Sequence[Point], values: Sequence[Values]
    ) -> Table:
        """The table of a sweep.

        Args:
            function: the function, to be named in errors.
            names: the grid's parameters.
            calls: the arguments of each row: those parameters and perhaps a seed.
            values: the results of each row.

        Raises:
            ValueError: if rows differ in their results' names, or a result has a parameter's name.
        """
        results = list(values[0]) if values else []
        given = list(calls[0]) if calls else list(names)
        for call, row in zip(calls, values, strict=True):
            if set(row) != set(results):
                raise ValueError(
                    f"the function must return the same names everywhere: {describe(function, calls[0])} gave "
                    f"{results}, {describe(function, call)} gave {list(row)}"
                )
        for name in set(results) & set(given):
            raise ValueError(
                f"{name_of(function)} returns {name!r}, which is also one of its arguments; call the argument "
                f"something else (for example {'link_' + name!r})"
            )
        columns = {name: column_of([call[name] for call in calls]) for name in given}
        columns |= {name: column_of([row[name] for row in values]) for name in results}
        return cls(columns, tuple(names))

    @property
    def results(self) -> tuple[str, ...]:
        """The names of the columns that are not parameters."""
        return tuple(name for name in self.columns if name not in self.parameters)

    def __len__(self) -> int:
        return next((len(column) for column in self.columns.values()), 0)

    def __getitem__(self, name: str) -> Column:
        if name not in self.columns:
            near = validation.did_you_mean(name, self.columns)
            raise KeyError(f"the table has {', '.join(self.columns) or 'no columns'}; got {name!r}{near}")
        return self.columns[name]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        lists = [column.tolist() for column in self.columns.values()]
        return (dict(zip(self.columns, row, strict=True)) for row in zip(*lists, strict=True))

    def to_pandas(self) -> DataFrame:
        """The table as a pandas data frame, a copy.

        Raises:
            ImportError: if pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise ImportError("to_pandas needs pandas, which is not installed: pip install pandas") from error
        return DataFrame({name: column.copy() for name, column in self.columns.items()})

    def to_csv(self, path: str | PathLike[str] | None = None) -> str:
        """The table as CSV: a line of names, then a line a row, numbers with all their digits.

        Args:
            path: a file to write it to as well, in UTF-8.

        Returns:
            The text.

        Raises:
            OSError: if the file cannot be written.
        """
        lines = StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*(column.tolist() for column in self.columns.values()), strict=True))
        text = lines.getvalue()
        if path is not None:
            Path(path).write_text(text, encoding="utf-8", newline="")
        return text

    def plot(
        self,
        x: str | None = None,
        y: str | None = None,
        by: str | None = None,
        *,
        ax: Axes | None = None,
        size: tuple[float, float] | None = None,
    ) -> Figure:
        """A picture: lines, or a heat map of a grid of two numbers.

        Args:
            x: the column along the horizontal axis; if None, the first parameter that varies.
            y: the column shown; if None, the first result.
            by: the parameter with one line a value; if None, every other parameter that varies. With neither
                ``x`` nor ``by``, and exactly two parameters that vary and are numbers, the picture is a heat map.
            ax: where to draw; in a new figure if None.
            size: width and height of a new figure in inches.

        Returns:
            A matplotlib figure, made without pyplot. Columns ``<y>_low`` and ``<y>_high`` become a band.

        Raises:
            KeyError: if there is no such column.
            ValueError: if there is nothing to plot, too much for one picture, or several values for one place,
                or if ``size`` is not two lengths or given beside ``ax``.
            TypeError: if ``ax`` is no axes.
        """
        from quantumlink.sweeps.plot import draw_table

        return draw_table(self, x, y, by, ax, size)

    def __repr__(self) -> str:
        rows = f"{len(self)} row{'' if len(self) == 1 else 's'}"
        return f"<Table {rows}: {', '.join(self.parameters) or 'nothing'} → {', '.join(self.results) or 'nothing'}>"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_text(cell))}</td>" for cell in row) + "</tr>"
            for row in zip(*(column[:SHOWN_ROWS].tolist() for column in self.columns.values()), strict=True)
        )
        more = f"<p>… {len(self) - SHOWN_ROWS} more rows</p>" if len(self) > SHOWN_ROWS else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def column_of(values: Sequence[Any]) -> Column:
    """Values as an array that loses nothing: bool, int64, float64, complex128, text, else objects.

    >>> column_of([1, 2.5]).dtype, column_of([True, 2]).dtype, column_of([2**80]).dtype
    (dtype('float64'), dtype('O'), dtype('O'))
    """
    kinds = {type(value) for value in values}
    exact = all(abs(value) <= 2**53 for value in values if type(value) is int)
    if kinds == {bool} or kinds == {float} or kinds == {str} or not kinds:
        return np.array(values)
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in values):
        return np.array(values, dtype=np.int64)
    if kinds <= {int, float} and exact:
        return np.array(values, dtype=np.float64)
    if kinds <= {int, float, complex} and exact:
        return np.array(values, dtype=np.complex128)
    column = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        column[i] = value
    return column


def _text(cell: Any) -> str:
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
