"""``quantumlink keys assess``: what of an inventory falls to a quantum computer, and what to change first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from quantumlink.cli.messages import print_error

if TYPE_CHECKING:
    from quantumlink.keys.migration import Assessment


def assess(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="INVENTORY", help="TOML: systems, their algorithms and lifetimes.", show_default=False
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Which systems fall to a quantum computer, which are late by Mosca's inequality, and what to change first."""
    try:
        from quantumlink.keys.migration import Inventory
        from quantumlink.keys.migration import assess as assessed

        found = assessed(Inventory.read(file))
    except (ImportError, OSError, ValueError) as error:
        print_error(error)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
        return
    console = Console()
    console.print(_order(found))
    console.print(_attacks(found))
    assumed = found.inventory
    console.print(
        f"Assumed: a quantum computer that runs Shor's algorithm on today's keys in {assumed.machine_planned:g}, "
        f"in {assumed.machine_early:g} at the earliest; nobody knows. "
        "Late: years beyond x + y = z, planned (early).\n"
        "A QKD key is no replacement: it stands beside ML-KEM, and signatures are still needed.",
        highlight=False,
    )


def _order(found: Assessment) -> Table:
    table = Table(title="Migration order", title_justify="left")
    for name in ("", "system", "urgency", "why", "begin by", "late"):
        table.add_column(name, justify="right" if name in ("", "begin by", "late") else "left", overflow="fold")
    for place, each in enumerate(found.findings, 1):
        begin, late = "–", "–"
        if each.start_by is not None:
            begin, late = f"{each.start_by:.4g}", f"{each.excess_years:+.3g} ({each.excess_early_years:+.3g})"
        table.add_row(str(place), escape(each.system.name), each.urgency, escape(each.reason), begin, late)
    return table


def _attacks(found: Assessment) -> Table:
    from quantumlink.keys.migration import estimates_of

    table = Table(title="Algorithms", title_justify="left")
    for name in ("algorithm", "verdict", "bits today", "bits then", "what it takes, and who says so", "instead"):
        table.add_column(name, justify="right" if name.startswith("bits") else "left", overflow="fold")
    known = {each.name: each for finding in found.findings for each in finding.system.algorithms}
    for each in known.values():
        takes = "\n".join(f"{estimate.text}. {estimate.source}" for estimate in estimates_of(each)) or "–"
        row = (each.verdict, f"{each.classical_bits:g}", f"{each.quantum_bits:g}", escape(takes), each.replacement)
        table.add_row(escape(each.name), *row)
    return table
