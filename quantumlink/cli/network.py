"""``quantumlink network show|routes|simulate|operate|capacity|resilience|import FILE``: what a network file gives.

Exit codes: 0, 1 for a mistake in what was asked for, 2 for wrong usage, 130 if interrupted.
"""

from __future__ import annotations

import secrets
import warnings
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from quantumlink import validation
from quantumlink.cli.network_files import import_map, schema
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
)
from quantumlink.cli.network_tables import (
    budget_table,
    links_table,
    nodes_table,
    number,
    routes_table,
    timeline_table,
    way_notes,
)
from quantumlink.cli.pictures import picture_path
from quantumlink.cli.result import Result, Written
from quantumlink.cli.shell import Shell
from quantumlink.network import Network, Route
from quantumlink.network.objectives import OBJECTIVES
from quantumlink.readings.timeline import Timeline

app = Shell(
    help="Show a network, find its routes, play one of them in time, put it under load.", no_args_is_help=True
)
_TRAFFIC = "notebooks/networks/metro.toml --demands notebooks/plans/traffic.csv"
app.command(examples=[f"network capacity {_TRAFFIC}", f"network capacity {_TRAFFIC} --json"])(capacity)
app.command(
    "import", examples=["network import notebooks/plans/valley.gml --end Head --end Mouth --output valley.toml"]
)(import_map)
app.command(examples=["network schema --output network.schema.json"])(schema)
app.command(examples=["network resilience notebooks/networks/germany.toml --failures 1"])(resilience)
app.command(examples=[f"network operate {_TRAFFIC} --duration-s 2 --policy max-weight"])(operate)

Picture = Annotated[
    Path | None, typer.Option(help="Where to write a picture (.png, .pdf, .svg).", show_default=False)
]


@app.command(
    examples=[
        "network show notebooks/networks/germany.toml",
        "network show notebooks/networks/metro.toml --output map.png",
    ]
)
def show(
    file: File,
    every: Annotated[
        bool, typer.Option("--all", help="Every node and link, those in a line on a long way as well.")
    ] = False,
    color_by: Color = "fidelity",
    output: Picture = None,
) -> Result:
    """Show a network: its nodes, its elementary links, and a map."""
    output = None if output is None else picture_path(output)
    network = Network.load(file)
    validation.choice("color_by", color_by, ("fidelity", "rate_hz"))
    _draw_map(network, color_by, None, output)
    groups = [names for names in network.groups() if any(network.nodes[name].orbit is None for name in names)]
    notes = []
    flying = [name for name, node in network.nodes.items() if node.orbit is not None]
    if flying:
        notes.append(f"{len(flying)} satellites pass over: see quantumlink satellites passes")
    if len(groups) > 1:
        parts = " | ".join(", ".join(group) for group in groups)
        notes.append(f"not connected: {len(groups)} parts, {parts}")
    tables = (nodes_table(network, every=every), links_table(network, every=every))
    hidden = len(network.nodes) - len(tables[0].rows)
    if hidden:
        notes.append(f"{hidden} nodes in a line are told by their number alone: a –{{n}}– b; --all lists them")
    whole = {
        "name": network.name,
        "nodes": nodes_table(network, every=True).records(),
        "links": links_table(network, every=True).records(),
        "groups": network.groups(),
    }
    return Result(tables=tables, notes=tuple(notes), data=whole, written=_picture(output))


@app.command(
    examples=[
        "network routes notebooks/networks/germany.toml --from hamburg --to munich",
        "network routes notebooks/networks/metro.toml --from alice --to bob --disjoint",
    ]
)
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
    output: Picture = None,
) -> Result:
    """Find the best routes between two nodes, entangled from end to end, and on a map.

    Where nodes may be trusted, the best route of a key over them is told as well.
    """
    output = None if output is None else picture_path(output)
    network = Network.load(file)
    options: dict[str, Any] = {"purify_rounds": purify_rounds, "protocol": protocol}
    options["avoid"] = avoided(network, avoid)
    validation.count("k", k, at_least=1)
    validation.choice("color_by", color_by, ("fidelity", "rate_hz"))
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
    notes = [*way_notes(found)]
    if refusal is not None:
        notes.append(f"no entanglement from end to end: {refusal}")
    if over_trusted is not None:
        notes.append(f"who must be trusted: {', '.join(over_trusted.trusted_nodes)}")
    notes += [total] if total else []
    table = routes_table(f"{network.name}: {source} – {target}", found)
    ways = {name: route.nodes for name, route in found}
    data: dict[str, Any] = {"routes": [{**record, "nodes": ways[record["route"]]} for record in table.records()]}
    trusted = () if over_trusted is None else over_trusted.trusted_nodes
    data |= {"trusted": [*trusted], "notes": notes}
    return Result(tables=(table,), notes=tuple(notes), data=data, written=_picture(output))


@app.command(
    examples=[
        "network simulate notebooks/networks/metro.toml --from alice --to bob",
        "network simulate notebooks/networks/germany.toml --from berlin --to hamburg --trials 1e5 --json",
    ]
)
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
    output: Picture = None,
) -> Result:
    """Play the best route between two nodes in time: rate, latency, fidelity, and what they were lost to.

    Prints means with intervals and budgets. Ctrl-C keeps what is done.
    """
    from quantumlink.readings.timeline import simulate as play

    seed = secrets.randbelow(2**31) if seed is None else seed
    output = None if output is None else picture_path(output)
    network = Network.load(file)
    options: dict[str, Any] = {"order": order, "purify_rounds": purify_rounds, "protocol": protocol}
    link = network.route(source, target, by=cast(Any, by), avoid=avoided(network, avoid), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an interruption is told below
        timeline = play(link, trials=trials, seed=seed, cutoff_s=cutoff_s, swapping=cast(Any, swapping))
    # Budgets take another run of the same trials, for which somebody who pressed Ctrl-C does not wait.
    tables = (timeline_table(timeline), *(() if timeline.interrupted else (budget_table(timeline),)))
    if output is not None:
        _draw_timeline(timeline, output)
    stopped = f"{timeline.trials} of {trials} trials were done, without budgets" if timeline.interrupted else ""
    return Result(tables=tables, written=_picture(output), seed=seed, interrupted=stopped)


def _picture(output: Path | None) -> tuple[Written, ...]:
    return () if output is None else (Written("picture", output),)


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


def _draw_map(network: Network, color_by: str, found: list[Route] | None, output: Path | None) -> None:
    if output is None:
        return
    from quantumlink.visualization import draw_network

    draw_network(network, color_by=cast(Any, color_by), route=found).savefig(output, dpi=110)


def _draw_timeline(timeline: Timeline, output: Path) -> None:
    from quantumlink.visualization import draw_timeline

    draw_timeline(timeline, budget=not timeline.interrupted).savefig(output, dpi=110)
