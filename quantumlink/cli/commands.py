"""The commands, gathered."""

from __future__ import annotations

from typing import Any

import typer

from quantumlink.cli import build, circuits, jobs, keys, network, parts, plan, qkd, run
from quantumlink.cli.plain_text import degrade_output


class _App(typer.Typer):
    """The commands, for any terminal: help and wrong usage are told before a command is reached."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        degrade_output()
        return super().__call__(*args, **options)


app = _App(
    name="quantumlink",
    help="Gate-level quantum networks on Qiskit: build, predict and run the circuits of a quantum link.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.callback()(degrade_output)
app.command(name="run")(run.run)
app.command(name="plan")(plan.plan)
app.command(name="build")(build.build)
app.command(name="parts")(parts.parts)
app.add_typer(circuits.app, name="circuits")
app.add_typer(jobs.app, name="jobs")
app.add_typer(keys.app, name="keys")
app.add_typer(network.app, name="network")
app.add_typer(qkd.app, name="qkd")
