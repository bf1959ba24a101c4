"""The commands, gathered."""

from __future__ import annotations

import typer

from quantumlink.cli import circuits, run

app = typer.Typer(
    name="quantumlink",
    help="Gate-level quantum networks on Qiskit: build, predict and run the circuits of a quantum link.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(name="run")(run.run)
app.add_typer(circuits.app, name="circuits")
