"""Results on standard output: a table for a person, plain columns for a pipe, JSON, CSV.

A table that does not fit the width is broken between words; one that still does not is told row by row, a line for
each of its columns. No cell is cut.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from enum import Enum
from io import StringIO
from textwrap import wrap

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Box
from rich.text import Text

from quantumlink.cli.result import Result, Table, Written

MOST_BOXED = 200
"""Rows of a table that is drawn with lines; drawing more takes longer than finding them."""

PIPED_WIDTH = 100
"""Of reports in words, where nobody says how wide."""


class Form(Enum):
    """How a result is printed."""

    usual = "usual"
    json = "json"
    csv = "csv"


def print_result(result: Result, form: Form = Form.usual) -> None:
    """Print a result: data as they are, tables for whoever reads them."""
    if form is not Form.usual:
        typer.echo(as_json(result) if form is Form.json else as_csv(result), nl=form is Form.json)
        return
    console = Console()
    person = console.is_terminal
    width = console.width if person else None
    blocks = [] if result.text is None else [result.text(min(width or PIPED_WIDTH, PIPED_WIDTH))]
    for table in result.tables if result.shown is None else result.shown:
        if person and len(table.rows) <= MOST_BOXED and (widths := _widths(table, console.width)):
            console.print(_boxed(table, widths))
        elif person and len(table.rows) <= MOST_BOXED:
            _print_lines(console, _row_by_row(table, console.width))
        else:
            _print_lines(console, _columns(table))
    for block in blocks:
        typer.echo(block)
    for note in _last_lines(result):
        for line in note.split("\n"):
            _print_lines(console, [line] if width is None else _wrapped(line, width))


def as_json(result: Result) -> str:
    """A result as JSON."""
    return json.dumps(result.as_data(), indent=2, ensure_ascii=False, allow_nan=False)


def as_csv(result: Result) -> str:
    """A result's first table as CSV; an estimate takes a column for each of its numbers."""
    records = [_spread(record) for record in result.as_records()]
    names = list(dict.fromkeys(name for record in records for name in record))
    names = names or [column.name for table in result.tables[:1] for column in table.columns]
    file = StringIO()
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return file.getvalue()


def written_lines(written: Sequence[Written]) -> list[str]:
    """Which files are there now."""
    return [f"{each.label}: {each.path}" for each in written]


def _last_lines(result: Result) -> list[str]:
    last = [*written_lines(result.written), *([] if result.seed is None else [f"seed: {result.seed}"])]
    return [*result.notes, *last]


def _spread(record: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            found |= {name if key == "best" else f"{name} {key}": each for key, each in value.items()}
        elif isinstance(value, list):
            found[name] = " ".join(map(str, value))
        else:
            found[name] = value
    return found


def _widths(table: Table, limit: int) -> list[int] | None:
    """The widths of the columns if words only are broken; none if that does not do."""
    texts = table.texts()
    wanted, least = [], []
    for i, column in enumerate(table.columns):
        cells = [row[i] for row in texts]
        whole = max(map(cell_len, cells), default=0)
        header = max(map(cell_len, column.label.split()), default=0)
        words = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
        wanted.append(max(whole, cell_len(column.label)))
        least.append(max(words if column.left else whole, header))
    over = sum(wanted) + 3 * len(wanted) + 1 - limit
    while over > 0:
        widest = max((i for i in range(len(wanted)) if wanted[i] > least[i]), key=wanted.__getitem__, default=None)
        if widest is None:
            return None
        wanted[widest] -= 1
        over -= 1
    return wanted


def _boxed(table: Table, widths: Sequence[int]) -> Box:
    headed = any(column.label for column in table.columns)
    box = Box(title=escape(table.title) or None, title_justify="left", show_header=headed)
    for column, width in zip(table.columns, widths, strict=True):
        box.add_column(escape(column.label), justify="left" if column.left else "right", width=width)
    for row in table.texts():
        box.add_row(*map(Text, row))
    return box


def _row_by_row(table: Table, width: int) -> list[str]:
    """Each row as lines of a label and a value; where nothing stands above the columns, the first one labels."""
    lines = [*_wrapped(table.title, width)] if table.title else []
    if len(table.columns) == 2 and not any(column.label for column in table.columns):
        room = max((cell_len(row[0]) for row in table.texts()), default=0)
        for name, value in table.texts():
            label = f"{name}{' ' * (room - cell_len(name))}"
            lines += _labelled("  ", label, value, width)
        return lines
    room = max((cell_len(column.label) for column in table.columns), default=0)
    for row in table.texts():
        for i, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
            label = column.label + " " * (room - cell_len(column.label))
            lines += _labelled("- " if i == 0 else "  ", label, cell, width)
    return lines


def _labelled(mark: str, label: str, value: str, width: int) -> list[str]:
    """A value beside its label, in as many lines as it takes."""
    room = len(mark) + cell_len(label) + 2
    first, *rest = wrap(value, max(width - room, 8), break_long_words=False, break_on_hyphens=False) or [""]
    return [f"{mark}{label}  {first}".rstrip(), *(" " * room + line for line in rest)]


def _columns(table: Table) -> list[str]:
    """As wide as need be: a line a row, its cells parted by two blanks or more."""
    texts = [[cell or "-" for cell in row] for row in table.texts()]
    labels = [column.label for column in table.columns]
    shown = [labels, *texts] if any(labels) else texts
    widths = [max((cell_len(row[i]) for row in shown), default=0) for i in range(len(labels))]
    lines = [table.title] if table.title else []
    for row in shown:
        cells = (
            cell + " " * (size - cell_len(cell)) if column.left else " " * (size - cell_len(cell)) + cell
            for column, cell, size in zip(table.columns, row, widths, strict=True)
        )
        lines.append("  ".join(cells).rstrip())
    return [*lines, ""]


def _wrapped(line: str, width: int) -> list[str]:
    indent = line[: len(line) - len(line.lstrip())]
    found = wrap(line, width, break_long_words=False, break_on_hyphens=False, subsequent_indent=indent)
    return found or [""]


def _print_lines(console: Console, lines: Sequence[str]) -> None:
    if console.is_terminal:
        console.print(Text("\n".join(lines)), soft_wrap=True)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
