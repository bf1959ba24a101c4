"""The commands, gathered."""

from __future__ import annotations

import typer

from quantumlink.cli import circuits, jobs, network, plan, qkd, run

app = typer.Typer(
    name="quantumlink",
    help="Gate-level quantum networks on Qiskit: build, predict and run the circuits of a quantum link.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(name="run")(run.run)
app.command(name="plan")(plan.plan)
app.add_typer(circuits.app, name="circuits")
app.add_typer(jobs.app, name="jobs")
app.add_typer(network.app, name="network")
app.add_typer(qkd.app, name="qkd")
