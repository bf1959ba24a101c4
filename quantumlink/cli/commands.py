"""The commands, gathered."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from quantumlink import __version__
from quantumlink.cli import build, circuits, jobs, keys, network, parts, plan, qkd, run
from quantumlink.cli.plain_text import degrade_output
from quantumlink.cli.shell import Shell


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"quantumlink {__version__}")
        raise typer.Exit


class _App(Shell):
    """The commands, for any terminal: help and wrong usage are told before a command is reached."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        degrade_output()
        return super().__call__(*args, **options)


app = _App(
    name="quantumlink",
    help="Gate-level quantum networks on Qiskit: build, predict and run the circuits of a quantum link.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def quantumlink(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """Gate-level quantum networks on Qiskit: build, predict and run the circuits of a quantum link."""
    degrade_output()


_METRO = "notebooks/networks/metro.toml --from alice --to bob"
app.command(
    name="run",
    examples=[
        f"run {_METRO}",
        f"run {_METRO} --purify-rounds 1 --rounds 1e6 --output run.png",
        f"run {_METRO} --json",
    ],
)(run.run)
app.command(
    name="plan",
    examples=["plan notebooks/networks/germany.toml --from frankfurt --to munich --min-fidelity 0.96"],
    words={"protocols": "--protocol", "routes": "--paths"},
)(plan.plan)
app.command(
    name="build", examples=["build fibres.toml --demands traffic.csv --costs prices.toml --network planned.toml"]
)(build.build)
app.command(name="parts", examples=["parts", "parts eavesdropper --csv"])(parts.parts)
app.add_typer(circuits.app, name="circuits")
app.add_typer(jobs.app, name="jobs")
app.add_typer(keys.app, name="keys")
app.add_typer(network.app, name="network")
app.add_typer(qkd.app, name="qkd")
