"""``quantumlink network capacity|resilience FILE``: what many demands can have at once, what failures take away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from quantumlink.cli.network_options import Avoided, File, Protocol, PurifyRounds, avoided, failures_told
from quantumlink.cli.network_tables import number, table_of
from quantumlink.network import Capacity, Failure, Network, Resilience, load_demands
from quantumlink.network.load.failures import failure_data

AsJson = Annotated[bool, typer.Option("--json", help="Everything as JSON.")]

MOST_CUTS = 30
"""Rows of a table of failures; all are in the JSON."""


def capacity(
    file: File,
    demands: Annotated[
        Path, typer.Option(help="A traffic file (TOML or CSV): who wants what.", show_default=False)
    ],
    purify_rounds: PurifyRounds = 0,
    protocol: Protocol = "dejmps",
    avoid: Avoided = None,
    as_json: AsJson = False,
) -> None:
    """How much of all demands a network can carry at once, over which paths, and which links hold it up.

    Every demand gets the same multiple of what it wants. It is a limit: no schedule gives more.
    """
    with failures_told():
        network = Network.load(file)
        options: dict[str, Any] = {"purify_rounds": purify_rounds, "protocol": protocol}
        found = network.capacity(load_demands(demands), avoid=avoided(network, avoid), **options)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False, allow_nan=False))
        return
    _tell_capacity(network, found)


def resilience(
    file: File,
    demands: Annotated[
        Path | None,
        typer.Option(
            help="A traffic file (TOML or CSV). Without, pairs between any two end nodes.", show_default=False
        ),
    ] = None,
    failures: Annotated[int, typer.Option(help="How many failures at once: 1 to 3.")] = 2,
    region: Annotated[
        tuple[float, float, float] | None,
        typer.Option(
            metavar="LATITUDE LONGITUDE KM", help="A disaster: its center, its radius.", show_default=False
        ),
    ] = None,
    purify_rounds: PurifyRounds = 0,
    protocol: Protocol = "dejmps",
    avoid: Avoided = None,
    as_json: AsJson = False,
) -> None:
    """Which failures of nodes and links cut off whom: single points of failure, and sets of several."""
    with failures_told():
        network = Network.load(file)
        wanted = None if demands is None else load_demands(demands)
        options: dict[str, Any] = {"purify_rounds": purify_rounds, "protocol": protocol}
        found = network.resilience(failures, demands=wanted, avoid=avoided(network, avoid), **options)
        disaster = None if region is None else found.region(region[:2], region[2])
        data = found.as_dict()
    if as_json:
        if disaster is not None:
            data["region"] = failure_data(disaster)
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
        return
    _tell_resilience(network, found, data["harmless"], disaster)


def _tell_capacity(network: Network, found: Capacity) -> None:
    console = Console()
    table = table_of(
        f"{network.name}: capacity", ("demand", "what", "wants /s", "gets /s", "fidelity", "paths"), left=2
    )
    for supply in found.supplies:
        demand = supply.demand
        table.add_row(
            escape(f"{demand.a} – {demand.b}"),
            "secret bits" if demand.kind == "key" else "pairs",
            "any" if demand.rate_hz is None else number(demand.rate_hz),
            number(supply.rate_hz),
            f"{supply.fidelity:.4f}",
            str(len(supply.shares)),
        )
    console.print(table)
    table = table_of(f"{network.name}: the busiest links", ("between", "used", "more of all for 1 pair/s"))
    busiest = sorted(range(len(found.links)), key=lambda i: (-found.use[i], -found.prices[i]))
    for i in busiest[:10]:
        link = found.links[i]
        table.add_row(escape(f"{link.left} – {link.right}"), f"{100 * found.use[i]:.1f} %", number(found.prices[i]))
    console.print(table)
    limit = "proven" if found.proven else f"at most {number(found.at_most)}"
    console.print(Text(f"all at once: {number(found.scale)} times what is wanted ({limit})"), soft_wrap=True)


def _tell_resilience(
    network: Network, found: Resilience, harmless: dict[str, float], disaster: Failure | None
) -> None:
    console = Console()
    title = f"{network.name}: failures that cut somebody off"
    table = table_of(title, ("failure of", "demands cut off", "among them"), left=1)
    for cut in found.cuts[:MOST_CUTS]:
        table.add_row(escape(cut.name), str(len(cut.cut_off)), escape(_some(cut)))
    console.print(table)
    lines = []
    if len(found.cuts) > MOST_CUTS:
        lines.append(f"and {len(found.cuts) - MOST_CUTS} more, all with --json")
    lines += [f"harmless: {100 * share:.1f} % of all sets of {size}" for size, share in harmless.items()]
    if found.unserved:
        lines.append(f"not served even without a failure: {len(found.unserved)} of the demands")
    if not found.proven:
        lines.append("a search for paths was given up: there may be other cuts")
    if disaster is not None:
        lines.append(f"the region takes out {disaster.name or 'nothing'}; {len(disaster.cut_off)} cut off")
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _some(cut: Failure) -> str:
    names = [f"{demand.a}–{demand.b}" for demand in cut.cut_off[:3]]
    return ", ".join([*names, "…"] if len(cut.cut_off) > 3 else names)
