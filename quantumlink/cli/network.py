"""``quantumlink network show|routes|simulate|operate|capacity|resilience FILE``: what a network file gives.

Exit codes: 0, 1 for a mistake in what was asked for, 2 for wrong usage, 130 if interrupted.
"""

from __future__ import annotations

import secrets
import warnings
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.text import Text

from quantumlink import validation
from quantumlink.cli.network_load import capacity, resilience
from quantumlink.cli.network_operate import operate
from quantumlink.cli.network_options import (
    Avoided,
    By,
    Color,
    File,
    Protocol,
    PurifyRounds,
    Seed,
    Source,
    Target,
    avoided,
    failures_told,
)
from quantumlink.cli.network_tables import (
    budget_table,
    links_table,
    nodes_table,
    number,
    routes_table,
    timeline_table,
)
from quantumlink.cli.pictures import picture_path
from quantumlink.network import Network, Route
from quantumlink.network.objectives import OBJECTIVES
from quantumlink.readings.timeline import Timeline

app = typer.Typer(
    help="Show a network, find its routes, play one of them in time, put it under load.", no_args_is_help=True
)
app.command()(capacity)
app.command()(resilience)
app.command()(operate)


@app.command()
def show(
    file: File,
    color_by: Color = "fidelity",
    output: Annotated[Path, typer.Option(help="Where to write the map.")] = Path("quantumlink-network.png"),
) -> None:
    """Show a network: its nodes, its elementary links, and a map."""
    with failures_told():
        output = picture_path(output)
        network = Network.load(file)
        _draw_map(network, color_by, None, output)
    console = Console()
    console.print(nodes_table(network))
    console.print(links_table(network))
    groups = network.groups()
    if len(groups) > 1:
        parts = " | ".join(", ".join(group) for group in groups)
        console.print(Text(f"not connected: {len(groups)} parts, {parts}"), soft_wrap=True)
    console.print(Text(f"picture: {output}"), soft_wrap=True)


@app.command()
def routes(
    file: File,
    source: Source,
    target: Target,
    k: Annotated[int, typer.Option("--k", "-k", help="How many routes.")] = 3,
    by: By = None,
    purify_rounds: PurifyRounds = 0,
    protocol: Protocol = "dejmps",
    avoid: Avoided = None,
    disjoint: Annotated[
        bool, typer.Option("--disjoint", help="Routes that share no link, and their total.")
    ] = False,
    color_by: Color = "rate_hz",
    output: Annotated[Path, typer.Option(help="Where to write the map.")] = Path("quantumlink-routes.png"),
) -> None:
    """Find the best routes between two nodes, entangled from end to end, and on a map.

    Where nodes may be trusted, the best route of a key over them is told as well.
    """
    with failures_told():
        output = picture_path(output)
        network = Network.load(file)
        options: dict[str, Any] = {"purify_rounds": purify_rounds, "protocol": protocol}
        options["avoid"] = avoided(network, avoid)
        validation.count("k", k, at_least=1)
        if by is not None:
            validation.choice("by", by, OBJECTIVES)
        entangled, total, refusal = _entangled(network, source, target, k, by, options, disjoint=disjoint)
        over_trusted = None
        if any(node.role == "trusted" for node in network.nodes.values()):
            over_trusted = _key_route(network, source, target, options)
        if refusal is not None and over_trusted is None:
            raise refusal
        found = [(str(i), route) for i, route in enumerate(entangled, start=1)]
        found += [] if over_trusted is None else [("key", over_trusted)]
        _draw_map(network, color_by, [route for _, route in found], output)
    console = Console()
    console.print(routes_table(f"{network.name}: {source} – {target}", found))
    if refusal is not None:
        console.print(Text(f"no entanglement from end to end: {refusal}"), soft_wrap=True)
    if over_trusted is not None:
        console.print(Text(f"who must be trusted: {', '.join(over_trusted.trusted_nodes)}"), soft_wrap=True)
    if total:
        console.print(Text(total), soft_wrap=True)
    console.print(Text(f"picture: {output}"), soft_wrap=True)


@app.command()
def simulate(
    file: File,
    source: Source,
    target: Target,
    trials: Annotated[int, typer.Option(help="How many pairs are made.")] = 10_000,
    seed: Seed = None,
    by: By = None,
    purify_rounds: PurifyRounds = 0,
    protocol: Protocol = "dejmps",
    order: Annotated[str, typer.Option(help="In which order it swaps: balanced or sequential.")] = "balanced",
    swapping: Annotated[str, typer.Option(help="When it swaps: asap, or in levels.")] = "asap",
    cutoff_s: Annotated[
        float | None,
        typer.Option(help="Age in seconds at which a waiting pair is thrown away.", show_default=False),
    ] = None,
    avoid: Avoided = None,
    output: Annotated[Path, typer.Option(help="Where to write the picture.")] = Path("quantumlink-timeline.png"),
) -> None:
    """Play the best route between two nodes in time: rate, latency, fidelity, and what they were lost to.

    Prints means with intervals and budgets, and writes a picture of the distributions. Ctrl-C keeps what is done.
    """
    from quantumlink.readings.timeline import simulate as play

    seed = secrets.randbelow(2**31) if seed is None else seed
    with failures_told():
        output = picture_path(output)
        network = Network.load(file)
        options: dict[str, Any] = {"order": order, "purify_rounds": purify_rounds, "protocol": protocol}
        link = network.route(source, target, by=cast(Any, by), avoid=avoided(network, avoid), **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an interruption is told below
            timeline = play(link, trials=trials, seed=seed, cutoff_s=cutoff_s, swapping=cast(Any, swapping))
        tables = (timeline_table(timeline), budget_table(timeline))
        _draw_timeline(timeline, output)
    console = Console()
    for table in tables:
        console.print(table)
    console.print(Text(f"picture: {output}    seed: {seed}"), soft_wrap=True)
    if timeline.interrupted:
        Console(stderr=True).print(f"interrupted: {timeline.trials} of {trials} trials were done")
        raise typer.Exit(130)


def _entangled(
    network: Network, source: str, target: str, k: int, by: str | None, options: dict[str, Any], *, disjoint: bool
) -> tuple[tuple[Route, ...], str, ValueError | None]:
    """The routes entangled from end to end, what is to be said of them together, and why there are none."""
    try:
        if not disjoint:
            return network.routes(source, target, k, by=cast(Any, by), **options), "", None
        multipath = network.disjoint_routes(source, target, k, by=cast(Any, by), **options)
    except ValueError as error:
        return (), "", error
    routes = "1 such route" if multipath.possible == 1 else f"{multipath.possible} such routes"
    rates = f"{number(multipath.rate_hz)} pairs/s, {number(multipath.secret_key_rate_hz)} secret bits/s"
    return multipath.routes, f"at once: {rates}; there are {routes} in all", None


def _key_route(network: Network, source: str, target: str, options: dict[str, Any]) -> Route | None:
    """The best route of a key, if it leads over trusted nodes; what it is without is among the others."""
    try:
        route = network.key_route(source, target, **options)
    except ValueError:
        return None
    return route if route.trusted_nodes else None


def _draw_map(network: Network, color_by: str, found: list[Route] | None, output: Path) -> None:
    from quantumlink.visualization import draw_network

    draw_network(network, color_by=cast(Any, color_by), route=found).savefig(output, dpi=110)


def _draw_timeline(timeline: Timeline, output: Path) -> None:
    from quantumlink.visualization import draw_timeline

    draw_timeline(timeline).savefig(output, dpi=110)
