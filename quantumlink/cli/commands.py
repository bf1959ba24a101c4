"""The commands, gathered; each is loaded when it is named, so that none waits for what another one needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from quantumlink import __version__
from quantumlink.cli.interruption import INTERRUPTED, answered
from quantumlink.cli.loading import loading
from quantumlink.cli.messages import answering
from quantumlink.cli.plain_text import degrade_output
from quantumlink.cli.shell import Shell, failures_told


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"quantumlink {__version__}")
        raise typer.Exit


_PLANS = "notebooks/plans"
_METRO = "notebooks/networks/metro.toml --from alice --to bob"
_COMMANDS: dict[str, dict[str, Any] | None] = {
    "run": {
        "examples": [
            f"run {_METRO}",
            f"run {_METRO} --purify-rounds 1 --rounds 1e6 --output run.png",
            f"run {_METRO} --json",
        ]
    },
    "plan": {
        "examples": [
            "plan notebooks/networks/germany.toml --from frankfurt --to munich --min-fidelity 0.96 --paths 1"
        ],
        "words": {"protocols": "--protocol", "routes": "--paths"},
    },
    "build": {
        "examples": [
            f"build {_PLANS}/fibres.toml --demands {_PLANS}/wanted.csv --costs {_PLANS}/prices.toml "
            "--max-link-km 60 --network planned.toml"
        ],
    },
    "parts": {"examples": ["parts", "parts eavesdropper --csv"]},
    **dict.fromkeys(("circuits", "jobs", "keys", "network", "qkd", "satellites")),
}
"""By name what `Shell.command` is told of the function of that name in the module of that name; None for a module
whose ``app`` has commands of its own."""


class _Commands(Mapping[str, Any]):
    """The commands by name."""

    def __getitem__(self, name: str) -> Any:
        if name not in _COMMANDS:
            raise KeyError(name)
        return _loaded(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)

    def __contains__(self, name: object) -> bool:
        return name in _COMMANDS


class _Group(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "commands": {}})
        self.commands: Any = _Commands()

    def main(self, args: Sequence[str] | None = None, *given: Any, **options: Any) -> Any:
        """Call what was asked for; what is wrong with it is told as JSON if that was asked for."""
        with answering(sys.argv[1:] if args is None else args):
            return super().main(args, *given, **options)

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read the options before a command."""
        with failures_told():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Call what was asked for; Ctrl-C is answered from when it is looked for."""
        with failures_told(), answered():
            return super().invoke(ctx)


@cache
def _loaded(name: str) -> Any:
    with loading():
        module, told = import_module(f"quantumlink.cli.{name}"), _COMMANDS[name]
    shell = Shell(add_completion=False)
    if told is None:
        shell.add_typer(module.app, name=name)
    else:
        shell.command(name=name, **told)(getattr(module, name))
    return typer.main.get_group(shell).commands[name]


class _App(Shell):
    """The commands, for any terminal: help and wrong usage are told before a command is reached."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        degrade_output()
        try:
            return super().__call__(*args, **options)
        except SystemExit as end:
            if end.code == INTERRUPTED:  # nobody waits for all that was loaded to be taken down
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(INTERRUPTED)
            raise


app = _App(
    name="quantumlink",
    cls=_Group,
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
