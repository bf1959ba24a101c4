"""``quantumlink network capacity|resilience FILE``: what many demands can have at once, what failures take away."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from quantumlink import validation
from quantumlink.cli.network_options import Avoided, File, Protocol, PurifyRounds, avoided
from quantumlink.cli.network_tables import four, number
from quantumlink.cli.result import Cell, Column, Result, Table
from quantumlink.network import Capacity, Failure, Network, Resilience, load_demands
from quantumlink.network.load.failures import failure_data

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
) -> Result:
    """How much of all demands a network can carry at once, over which paths, and which links hold it up.

    Every demand gets the same multiple of what it wants. It is a limit: no schedule gives more.
    """
    network = Network.load(file)
    options: dict[str, Any] = {"purify_rounds": purify_rounds, "protocol": protocol}
    found = network.capacity(load_demands(demands), avoid=avoided(network, avoid), **options)
    limit = "proven" if found.proven else f"at most {number(found.at_most)}"
    note = f"all at once: {number(found.scale)} times what is wanted ({limit})"
    tables = (_supplies(network, found), _busiest(network, found))
    return Result(tables=tables, notes=(note,), data=found.as_dict())


def resilience(
    file: File,
    demands: Annotated[
        Path | None,
        typer.Option(
            help="A traffic file (TOML or CSV). Without, pairs between any two users.", show_default=False
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
) -> Result:
    """Which failures of nodes and links cut off whom: single points of failure, and sets of several."""
    if region is not None:
        validation.number("latitude of --region", region[0], at_least=-90.0, at_most=90.0)
        validation.number("longitude of --region", region[1], at_least=-180.0, at_most=180.0)
        validation.positive("radius of --region", region[2])
    network = Network.load(file)
    wanted = None if demands is None else load_demands(demands)
    options: dict[str, Any] = {"purify_rounds": purify_rounds, "protocol": protocol}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "interrupted", UserWarning)  # it is told below
        found = network.resilience(failures, demands=wanted, avoid=avoided(network, avoid), **options)
    disaster = None if region is None else found.region(region[:2], region[2])
    data = found.as_dict()
    notes = _resilience_notes(found, data["harmless"], disaster)
    if disaster is not None:
        data["region"] = failure_data(disaster)
    stopped = f"sets of up to {found.failures} were looked at" if found.interrupted else ""
    return Result(tables=(_cuts(network, found),), notes=tuple(notes), data=data, interrupted=stopped)


def _supplies(network: Network, found: Capacity) -> Table:
    rows = []
    for supply in found.supplies:
        demand = supply.demand
        wants = Cell(demand.rate_hz, "any" if demand.rate_hz is None else number(demand.rate_hz))
        what = "secret bits" if demand.kind == "key" else "pairs"
        ends = f"{demand.a} – {demand.b}"
        rows.append((ends, what, wants, supply.rate_hz, supply.fidelity, len(supply.shares)))
    columns = (
        Column("demand", left=True), Column("what", left=True), Column("wants /s", "wants_hz"),
        Column("gets /s", "gets_hz"), Column("fidelity", form=four), Column("paths"),
    )  # fmt: skip
    return Table(f"{network.name}: capacity", columns, tuple(rows), "demands")


def _busiest(network: Network, found: Capacity) -> Table:
    busiest = sorted(range(len(found.links)), key=lambda i: (-found.use[i], -found.prices[i]))
    rows = tuple(
        (f"{found.links[i].left} – {found.links[i].right}", found.use[i], found.prices[i]) for i in busiest[:10]
    )
    columns = (
        Column("between", left=True), Column("used", form=lambda x: f"{100 * x:.1f} %"),
        Column("more of all for 1 pair/s", "price"),
    )  # fmt: skip
    return Table(f"{network.name}: the busiest links", columns, rows, "links")


def _cuts(network: Network, found: Resilience) -> Table:
    rows = tuple((cut.name, len(cut.cut_off), _some(cut)) for cut in found.cuts[:MOST_CUTS])
    columns = (
        Column("failure of", left=True), Column("demands cut off"), Column("among them", left=True),
    )  # fmt: skip
    return Table(f"{network.name}: failures that cut somebody off", columns, rows, "cuts")


def _resilience_notes(found: Resilience, harmless: dict[str, float], disaster: Failure | None) -> list[str]:
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
    return lines


def _some(cut: Failure) -> str:
    names = [f"{demand.a}–{demand.b}" for demand in cut.cut_off[:3]]
    more = len(cut.cut_off) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
