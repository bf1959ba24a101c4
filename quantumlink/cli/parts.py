"""``quantumlink parts``: every part that has a name, the library's and those that were registered."""

from __future__ import annotations

from typing import Annotated

import typer
from quantumlink_circuits.known_operations import operation_summary

from quantumlink import validation
from quantumlink.circuits import code_names, known_code, known_operation, operation_names
from quantumlink.cli.result import Column, Result, Table
from quantumlink.codes import as_decoder, decoder_names
from quantumlink.parts import CODING, KINDS, OPERATIONS, parts_of, summary_of


def parts(
    kind: Annotated[str | None, typer.Argument(help="Only parts of this kind.", show_default=False)] = None,
) -> Result:
    """List the parts that network files, sessions, jobs and sweeps know by name."""
    known = (*KINDS, *OPERATIONS, *CODING)
    kinds = known if kind is None else (validation.choice("KIND", kind, known),)
    rows: list[tuple[str, ...]] = []
    for each in kinds:
        if each in OPERATIONS:
            found = [(name, known_operation(name)) for name in operation_names(each)]
            rows += [
                (each, name, f"{len(made.inputs)} links", _plain(operation_summary(name))) for name, made in found
            ]
        elif each == "code":
            sizes = [(name, known_code(name)) for name in code_names()]
            rows += [(each, name, f"{code.qubits} qubits", " ".join(code.stabilizers)) for name, code in sizes]
        elif each == "decoder":
            kinds_of = [(name, type(as_decoder("decoder", name))) for name in decoder_names()]
            rows += [(each, name, cls.__qualname__, _plain(summary_of(cls))) for name, cls in kinds_of]
        else:
            rows += [
                (each, name, part.cls.__qualname__, _plain(part.summary)) for name, part in parts_of(each).items()
            ]
    labels = ("kind", "name", "class or ports", "what it is")
    columns = tuple(Column(label, left=True) for label in labels)
    table = Table("", columns, tuple(rows), key="parts")
    if kind is not None:
        return Result(tables=(table,), shown=(Table("", columns[1:], tuple(row[1:] for row in rows)),))
    names = [(each, ", ".join(name for of, name, *_ in rows if of == each) or "none") for each in kinds]
    shown = Table("", (columns[0], Column("names", left=True)), tuple(names))
    notes = ("quantumlink parts KIND tells what each of a kind is; --csv and --json hold all",)
    return Result(tables=(table,), shown=(shown,), notes=notes)


def _plain(text: str) -> str:
    """A docstring's line without its marks."""
    return text.replace("`", "")
