"""``quantumlink parts``: every part that has a name, the library's and those that were registered."""

from __future__ import annotations

from typing import Annotated

import typer

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
            rows += [(each, name, f"{len(operation.inputs)} links", operation.name) for name, operation in found]
        elif each == "code":
            sizes = [(name, known_code(name)) for name in code_names()]
            rows += [(each, name, f"{code.qubits} qubits", " ".join(code.stabilizers)) for name, code in sizes]
        elif each == "decoder":
            kinds_of = [(name, type(as_decoder("decoder", name))) for name in decoder_names()]
            rows += [(each, name, cls.__qualname__, summary_of(cls)) for name, cls in kinds_of]
        else:
            rows += [(each, name, part.cls.__qualname__, part.summary) for name, part in parts_of(each).items()]
    labels = ("kind", "name", "class or ports", "what it is")
    columns = tuple(Column(label, left=True) for label in labels)
    return Result(tables=(Table("", columns, tuple(rows), key="parts"),))
