"""``quantumlink parts``: every part that has a name, the library's and those that were registered."""

from __future__ import annotations

from typing import Annotated

import typer

from quantumlink import validation
from quantumlink.circuits import known_operation, operation_names
from quantumlink.cli.result import Column, Result, Table
from quantumlink.parts import KINDS, OPERATIONS, parts_of


def parts(
    kind: Annotated[str | None, typer.Argument(help="Only parts of this kind.", show_default=False)] = None,
) -> Result:
    """List the parts that network files, sessions, jobs and sweeps know by name."""
    kinds = (*KINDS, *OPERATIONS) if kind is None else (validation.choice("KIND", kind, (*KINDS, *OPERATIONS)),)
    rows: list[tuple[str, ...]] = []
    for each in kinds:
        if each in OPERATIONS:
            found = [(name, known_operation(name)) for name in operation_names(each)]
            rows += [(each, name, f"{len(operation.inputs)} links", operation.name) for name, operation in found]
        else:
            rows += [(each, name, part.cls.__qualname__, part.summary) for name, part in parts_of(each).items()]
    labels = ("kind", "name", "class or ports", "what it is")
    columns = tuple(Column(label, left=True) for label in labels)
    return Result(tables=(Table("", columns, tuple(rows), key="parts"),))
