"""``quantumlink circuits``: the library's circuits, listed, shown and exported."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from qiskit.circuit import QuantumCircuit
from rich.console import Console
from rich.table import Table

from quantumlink import validation
from quantumlink.circuits import Operation, added_operations, builders
from quantumlink.cli.messages import print_error
from quantumlink.parts import load_entry_points

app = typer.Typer(help="List the library's circuits, show or export one.", invoke_without_command=True)


class Format(StrEnum):
    """What `show` can make of a circuit."""

    text = "text"
    png = "png"
    qasm3 = "qasm3"


@app.callback()
def list_circuits(context: typer.Context) -> None:
    """List the library's circuits, or show or export one."""
    if context.invoked_subcommand is not None:
        return
    table = Table()
    for column, justify in (("circuit", "left"), ("qubits", "right"), ("bits", "right"), ("what it does", "left")):
        table.add_column(column, justify="right" if justify == "right" else "left")
    for name, builder in _known().items():
        circuit = builder()
        summary = (inspect.getdoc(builder) or "").partition("\n")[0]
        table.add_row(name, str(circuit.num_qubits), str(circuit.num_clbits), summary)
    Console().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A circuit of the list.", show_default=False)],
    style: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.text,
    output: Annotated[
        Path | None,
        typer.Option(help="Where to write it; a picture goes to NAME.png if not given.", show_default=False),
    ] = None,
) -> None:
    """Show one circuit as text, or export it as a picture or as OpenQASM 3."""
    try:
        known = _known()
        validation.choice("name", name, known)
        circuit = known[name]()
        if style is Format.png:
            output = output or Path(f"{name}.png")
            figure = circuit.draw("mpl", fold=24, style="iqp")
            figure.savefig(output, dpi=150, bbox_inches="tight")
            typer.echo(f"picture: {output}")
            return
        text = str(circuit.draw("text", fold=116)) if style is Format.text else _qasm3(circuit)
        if output is None:
            typer.echo(text)
        else:
            output.write_text(text + "\n", encoding="utf-8")
            typer.echo(f"{style.value}: {output}")
    except (OSError, ValueError) as error:
        print_error(error)
        raise typer.Exit(1) from error


def _known() -> dict[str, Callable[[], QuantumCircuit]]:
    """Builders by name: the library's, and those of operations that were registered."""
    load_entry_points()
    return {**builders(), **{name: _builder(kind, op) for name, (kind, op) in added_operations().items()}}


def _builder(kind: str, operation: Operation) -> Callable[[], QuantumCircuit]:
    def build() -> QuantumCircuit:
        return operation.circuit

    build.__doc__ = f"A {kind} of {len(operation.inputs)} links, registered."
    return build


def _qasm3(circuit: QuantumCircuit) -> str:
    from qiskit import qasm3

    return str(qasm3.dumps(circuit))
