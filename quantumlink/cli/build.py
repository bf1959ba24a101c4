"""``quantumlink build FILE --demands … --costs …``: what to build, where, and what it costs.

Exit codes: 0, 3 if there is no plan, 1 for a mistake in what was asked for, 2 for wrong usage, 130 if interrupted.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from quantumlink.cli.compiled_output import dropped
from quantumlink.cli.foretelling import told_limit
from quantumlink.cli.network_tables import four, number
from quantumlink.cli.pictures import picture_path
from quantumlink.cli.result import Cell, Column, Result, Table, Written
from quantumlink.cli.written_files import writable
from quantumlink.network import NetworkPlan, load_demands, plan_network
from quantumlink.network.planning import FibreMap, load_costs


def build(
    file: Annotated[Path, typer.Argument(help="A fibre map (TOML, GraphML or GML).", show_default=False)],
    demands: Annotated[Path, typer.Option(help="A traffic file (TOML or CSV).", show_default=False)],
    costs: Annotated[Path, typer.Option(help="Prices (TOML): repeater = 100, …", show_default=False)],
    max_link_km: Annotated[
        float | None, typer.Option(help="The longest elementary link.", show_default=False)
    ] = None,
    max_repeaters: Annotated[int | None, typer.Option(help="Most devices on a path.", show_default=False)] = None,
    paths: Annotated[int, typer.Option(help="Paths of each demand without a common device.")] = 1,
    paths_per_repeater: Annotated[
        int | None, typer.Option(help="Most paths that a device serves.", show_default=False)
    ] = None,
    wavelengths: Annotated[
        int | None, typer.Option(help="Channels that a pair of fibres holds.", show_default=False)
    ] = None,
    most_channels: Annotated[int | None, typer.Option(help="Most channels of a link.", show_default=False)] = None,
    budget: Annotated[
        float | None, typer.Option(help="The most that building may cost.", show_default=False)
    ] = None,
    use: Annotated[float, typer.Option(help="Share of the links' pairs that is planned with.")] = 1.0,
    years: Annotated[float, typer.Option(help="Over how many years a pair or bit is paid for.")] = 10.0,
    time_limit_s: Annotated[float, typer.Option(help="How long to look for the best.")] = 60.0,
    network: Annotated[
        Path | None, typer.Option(help="Where to write the planned network (TOML).", show_default=False)
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Where to write a map of it.", show_default=False)] = None,
) -> Result:
    """Plan the cheapest network that serves all demands: what stands where, which fibres are lit, what it costs."""
    options: dict[str, Any] = {
        "max_link_km": max_link_km, "max_repeaters": max_repeaters, "paths": paths, "wavelengths": wavelengths,
        "paths_per_repeater": paths_per_repeater, "most_channels": most_channels, "budget": budget, "use": use,
        "time_limit_s": time_limit_s,
    }  # fmt: skip
    picture = None if output is None else picture_path(output)
    toml = None if network is None else writable("network", network, (".toml",))
    fibre_map = FibreMap.load(file)
    wanted, prices = load_demands(demands), load_costs(costs)
    with told_limit(time_limit_s, "--time-limit-s"), dropped(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "interrupted", UserWarning)  # it is told below
        plan = plan_network(fibre_map.sites, fibre_map.fibres, wanted, parts=fibre_map.parts, costs=prices,
                            name=fibre_map.name, **options)  # fmt: skip
    units = plan.cost_per_unit(years)
    if toml is not None:
        plan.network.save(toml)
    if picture is not None:
        from quantumlink.visualization import draw_network

        draw_network(plan.network).savefig(picture, dpi=110)
    each = [{"a": d.a, "b": d.b, "kind": d.kind, "cost": cost} for d, cost in units.items()]
    data = plan.as_dict() | {"years": years, "total": plan.total(years), "per_unit": each}
    limit = "proven to be the least" if plan.proven else f"at least {plan.at_least:.6g}, {plan.gap:.2%} less"
    note = f"in all: {plan.cost:.6g} ({limit}); {plan.total(years):.6g} over {years:g} years"
    files = (("network", toml), ("picture", picture))
    return Result(
        tables=(_costs(plan), _built(plan), _served(plan, units, years)),
        notes=(note,),
        data=data,
        written=tuple(Written(name, path) for name, path in files if path is not None),
        interrupted="this is the cheapest plan found so far" if plan.interrupted else "",
    )


def _costs(plan: NetworkPlan) -> Table:
    swing = plan.sensitivity(0.2)
    rows = []
    for item, cost in plan.items.items():
        low, high = swing.get(item, (0.0, 0.0))
        count = None if item == "sites" else plan.counts.of(item)
        half = (high - low) / 2
        rows.append(
            (item, Cell(count, "" if count is None else number(count)), cost, Cell(half, f"± {number(half)}"))
        )
    columns = (
        Column("what", left=True), Column("number"), Column("cost"), Column("±20 % of its price", "swing"),
    )  # fmt: skip
    return Table(f"{plan.problem.name}: what it costs to build", columns, tuple(rows), "costs")


def _built(plan: NetworkPlan) -> Table:
    columns = (Column("site", left=True), Column("what", left=True))
    return Table(f"{plan.problem.name}: what stands where", columns, tuple(plan.built.items()), "built")


def _served(plan: NetworkPlan, units: dict[Any, float], years: float) -> Table:
    rows = []
    for path in plan.paths:
        demand = path.demand
        what = "secret bits" if demand.kind == "key" else "pairs"
        wants = Cell(demand.rate_hz, "any" if demand.rate_hz is None else number(demand.rate_hz))
        over = ", ".join(path.sites[1:-1])
        ends = f"{demand.a} – {demand.b}"
        rows.append((ends, over, what, wants, path.length_km, path.fidelity, units.get(demand)))
    columns = (
        Column("demand", left=True), Column("over", left=True), Column("what", left=True),
        Column("wants /s", "wants_hz"), Column("km", "length_km"), Column("fidelity", form=four),
        Column(f"cost a unit, {years:g} years", "cost_per_unit"),
    )  # fmt: skip
    return Table(f"{plan.problem.name}: who is served how", columns, tuple(rows), "served")
