"""``quantumlink circuits``: the library's circuits, listed, shown and exported."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from qiskit.circuit import QuantumCircuit

from quantumlink import validation
from quantumlink.circuits import Operation, added_operations, builders
from quantumlink.cli.printing import print_result
from quantumlink.cli.result import Column, Result, Table, Written
from quantumlink.cli.shell import Shell
from quantumlink.cli.written_files import PICTURES, writable
from quantumlink.parts import load_entry_points

app = Shell(help="List the library's circuits, show or export one.", invoke_without_command=True)


class Format(StrEnum):
    """What `show` can make of a circuit."""

    text = "text"
    png = "png"
    qasm3 = "qasm3"


@app.callback()
def circuits(context: typer.Context) -> None:
    """List the library's circuits, show or export one."""
    if context.invoked_subcommand is None:
        print_result(list_circuits())


@app.command(name="list", examples=["circuits list", "circuits list --csv circuits.csv"])
def list_circuits() -> Result:
    """List the library's circuits."""
    rows = []
    for name, builder in _known().items():
        circuit = builder()
        summary = (inspect.getdoc(builder) or "").partition("\n")[0]
        rows.append((name, circuit.num_qubits, circuit.num_clbits, summary))
    columns = (Column("circuit", left=True), Column("qubits"), Column("bits"), Column("what it does", left=True))
    return Result(tables=(Table("", columns, tuple(rows), key="circuits"),))


@app.command(
    examples=["circuits show teleportation", "circuits show dejmps --format qasm3 --output dejmps.qasm"],
    words={"name": "NAME"},
)
def show(
    name: Annotated[str, typer.Argument(help="A circuit of the list.", show_default=False)],
    style: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.text,
    output: Annotated[
        Path | None, typer.Option(help="Where to write it; a picture needs it.", show_default=False)
    ] = None,
) -> Result:
    """Show one circuit as text, or export it as a picture or as OpenQASM 3."""
    known = _known()
    validation.choice("name", name, known)
    if style is Format.png and output is None:
        raise ValueError("--format png needs --output, the file for the picture")
    if output is not None:
        output = writable("--output", output, PICTURES if style is Format.png else ())
    circuit = known[name]()
    if output is None:
        return Result(text=lambda width: _text(circuit, style, width), data=_data(name, circuit))
    if style is Format.png:
        circuit.draw("mpl", fold=24, style="iqp").savefig(output, dpi=150, bbox_inches="tight")
        return Result(data=_data(name, circuit), written=(Written("picture", output),))
    output.write_text(_text(circuit, style, 116) + "\n", encoding="utf-8")
    return Result(data=_data(name, circuit), written=(Written(style.value, output),))


def _text(circuit: QuantumCircuit, style: Format, width: int) -> str:
    return str(circuit.draw("text", fold=width)) if style is Format.text else _qasm3(circuit)


def _data(name: str, circuit: QuantumCircuit) -> dict[str, object]:
    return {
        "name": name,
        "qubits": circuit.num_qubits,
        "bits": circuit.num_clbits,
        "operations": dict(circuit.count_ops()),
        "qasm3": _qasm3(circuit),
    }


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
