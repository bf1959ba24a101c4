"""``quantumlink parts``: every part that has a name, the library's and those that were registered."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from quantumlink import validation
from quantumlink.circuits import known_operation, operation_names
from quantumlink.cli.messages import print_error
from quantumlink.parts import KINDS, OPERATIONS, parts_of


def parts(
    kind: Annotated[str | None, typer.Argument(help="Only parts of this kind.", show_default=False)] = None,
) -> None:
    """List the parts that network files, sessions, jobs and sweeps know by name."""
    try:
        kinds = (*KINDS, *OPERATIONS) if kind is None else (validation.choice("KIND", kind, (*KINDS, *OPERATIONS)),)
    except ValueError as error:
        print_error(error)
        raise typer.Exit(1) from error
    table = Table()
    for column in ("kind", "name", "class or ports", "what it is"):
        table.add_column(column, overflow="fold")
    for each in kinds:
        if each in OPERATIONS:
            for name in operation_names(each):
                table.add_row(each, name, f"{len(known_operation(name).inputs)} links", known_operation(name).name)
        else:
            for name, part in parts_of(each).items():
                table.add_row(each, name, part.cls.__qualname__, part.summary)
    Console().print(table)
