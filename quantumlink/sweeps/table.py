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

_PARAMETERS = "quantumlink parameters"
"""Under which attribute a data frame notes which columns are the grid's."""


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Columns of equal length, parameters first.

    ``len(table)`` is the number of rows, ``table["fidelity"]`` a column, and a table yields its rows as
    dictionaries.

    >>> import quantumlink as ql
    >>> table = ql.sweep(lambda length_km: {"loss_db": 0.2 * length_km}, {"length_km": [10, 50]}, progress=False)
    >>> table["loss_db"].tolist(), table.parameters, len(table)
    ([2.0, 10.0], ('length_km',), 2)
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
        frame = DataFrame({name: column.copy() for name, column in self.columns.items()})
        frame.attrs[_PARAMETERS] = list(self.parameters)
        return frame

    @classmethod
    def from_pandas(cls, frame: DataFrame, parameters: Sequence[str] | None = None) -> Table:
        """A pandas data frame as a table, a copy; levels of its index that have names are columns, too.

        Args:
            frame: the data frame.
            parameters: the columns that are the grid's; if None, those that `to_pandas` noted in the frame, if any.

        Raises:
            TypeError: if it is no data frame, or a column's name is no text.
            ValueError: if two columns have one name, or a parameter is none of them.
        """
        if not hasattr(frame, "reset_index") or not hasattr(frame, "columns"):
            raise TypeError(f"frame must be a pandas DataFrame, got {type(frame).__name__}")
        whole = frame.reset_index([level for level in frame.index.names if level is not None])
        names = list(whole.columns)
        for name in names:
            validation.instance("the name of a column", name, str, "text")
        noted = [name for name in frame.attrs.get(_PARAMETERS, ()) if name in names]
        return cls._of_columns(
            names,
            [whole.iloc[:, i].tolist() for i in range(len(names))],
            noted if parameters is None else parameters,
        )

    @classmethod
    def from_csv(cls, path: str | PathLike[str], parameters: Sequence[str] = ()) -> Table:
        """Read what `to_csv` wrote, or another CSV file with a line of names.

        A column of whole numbers, numbers, complex numbers or of True and False is read as such, any other one as
        text; a cell that is empty is None, but in a column of text.

        Args:
            path: the file, in UTF-8.
            parameters: the columns that are the grid's.

        Raises:
            OSError: if the file cannot be read.
            ValueError: if it is no CSV in UTF-8, a line has another number of cells than there are names, two
                columns have one name, or a parameter is none of them.
        """
        text = StringIO(Path(path).read_bytes().decode("utf-8-sig"), newline="")  # line ends in cells stay
        try:
            lines = list(csv.reader(text, strict=True))
        except csv.Error as error:
            raise ValueError(f"{path}: this is not CSV: {error}") from error
        names, rows = (lines[0], [line for line in lines[1:] if line or len(lines[0]) == 1]) if lines else ([], [])
        for number, row in enumerate(rows, start=2):
            if len(row or [""]) != len(names):
                raise ValueError(f"{path}: row {number} has {len(row)} cells, where there are {len(names)} names")
        columns = [_read([(row or [""])[i] for row in rows]) for i in range(len(names))]
        return cls._of_columns(names, columns, parameters)

    @classmethod
    def _of_columns(cls, names: Sequence[str], columns: Sequence[list[Any]], parameters: Sequence[str]) -> Table:
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(f"the columns of a table must have different names, got {min(repeated)!r} twice")
        for name in validation.sequence("parameters", parameters, "names of columns"):
            validation.choice("parameters", name, names)
        return cls(dict(zip(names, map(column_of, columns), strict=True)), tuple(parameters))

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


def _read(cells: list[str]) -> list[Any]:
    """The cells of a column of CSV: the first kind of value that all of them are which are not empty."""
    there = [cell for cell in cells if cell]
    if any("_" in cell for cell in there):  # Python's own numbers may have them, nobody else's
        return list(cells)
    for kind in (_truth, int, float, complex):
        try:
            [kind(cell) for cell in there]
        except ValueError:
            continue
        return [kind(cell) if cell else None for cell in cells] if there else cells
    return list(cells)


def _truth(cell: str) -> bool:
    if cell not in ("True", "False"):
        raise ValueError(cell)
    return cell == "True"


def _text(cell: Any) -> str:
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
