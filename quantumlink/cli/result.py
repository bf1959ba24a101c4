"""What a command found: tables, remarks and data. `quantumlink.cli.printing` shows it, whatever the form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from quantumlink.estimation import Estimate

NOT_KNOWN = "–"


def as_text(value: Any) -> str:
    """A value as a person reads it: four digits, a dash for what is not known.

    >>> as_text(None), as_text(True), as_text(0.123456), as_text("x")
    ('–', 'yes', '0.1235', 'x')
    """
    if value is None:
        return NOT_KNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    is_plain = isinstance(value, float) and not isinstance(value, Estimate)
    return f"{value:.4g}" if is_plain else str(value)


@dataclass(frozen=True)
class Cell:
    """A value with a text of its own."""

    value: Any
    text: str


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    label: str
    """What stands above it."""
    key: str = ""
    """Its name in JSON and CSV, with its unit; the label if empty."""
    left: bool = False
    """Whether it holds words, which may be broken into lines."""
    form: Callable[[Any], str] = as_text
    """How a value is told."""

    @property
    def name(self) -> str:
        """Its name in data."""
        return self.key or self.label


@dataclass(frozen=True)
class Table:
    """Rows of values under columns."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    key: str = ""
    """Its name in JSON; the title if empty."""

    def texts(self) -> list[list[str]]:
        """The rows as a person reads them."""
        return [
            [
                _on_one_line(cell.text if isinstance(cell, Cell) else column.form(cell))
                for column, cell in zip(self.columns, row, strict=True)
            ]
            for row in self.rows
        ]

    def records(self) -> list[dict[str, Any]]:
        """The rows as data, by the names of the columns."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, map(plain_data, row), strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Written:
    """A file that was asked for and is there now."""

    label: str
    path: Path


@dataclass(frozen=True)
class Result:
    """What a command has to say."""

    tables: tuple[Table, ...] = ()
    shown: tuple[Table, ...] | None = None
    """What a person reads in place of tables that are too long; the data hold the tables."""
    notes: tuple[str, ...] = ()
    """Lines below the tables."""
    data: Mapping[str, Any] | None = None
    """All of it for JSON; the tables if None."""
    text: Callable[[int], str] | None = None
    """A report of its own for a person, in place of tables, at most so wide."""
    written: tuple[Written, ...] = ()
    seed: int | None = None
    """Told if what was found depends on it."""
    exit_code: int = 0
    interrupted: str = ""
    """What was done until Ctrl-C; said on standard error."""

    def as_data(self) -> dict[str, Any]:
        """Everything, for JSON."""
        if self.data is not None:
            data: dict[str, Any] = plain_data(self.data)
        else:
            data = {table.key or table.title: table.records() for table in self.tables}
            data |= {"notes": list(self.notes)} if self.notes else {}
        data |= {"interrupted": self.interrupted} if self.interrupted else {}
        return {"seed": self.seed, **data} if self.seed is not None and "seed" not in data else data

    def as_records(self) -> list[dict[str, Any]]:
        """The first table, or what the data say, a name and a value a row: for CSV."""
        if self.tables:
            return self.tables[0].records()
        return [{"name": name, "value": value} for name, value in _flat("", self.as_data())]


def pairs_table(title: str, rows: Iterable[tuple[str, Any]], *, key: str = "", words: bool = False) -> Table:
    """A table of names and values, which are numbers or words."""
    return Table(title, (Column("", "name", left=True), Column("", "value", left=words)), tuple(rows), key)


def plain_data(value: Any) -> Any:
    """A value for JSON, which has no infinity and no classes of ours."""
    if isinstance(value, Cell):
        return plain_data(value.value)
    if isinstance(value, Estimate):
        return {"best": value.best, "low": value.low, "high": value.high, "confidence": value.confidence}
    if isinstance(value, Mapping):
        return {str(name): plain_data(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(each) for each in value]
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain_data(getattr(value, field.name)) for field in fields(value)}
    return str(value)


def _flat(name: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), each)
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from _flat(f"{name}.{i}", each)
    else:
        yield name, value


def _on_one_line(text: str) -> str:
    """Without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
