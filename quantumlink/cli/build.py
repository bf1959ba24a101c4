"""``quantumlink build FILE --demands … --costs …``: what to build, where, and what it costs.

Exit codes: 0, 3 if there is no plan, 1 for a mistake in what was asked for, 2 for wrong usage, 130 if interrupted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from quantumlink.cli.messages import print_error
from quantumlink.cli.network_options import NO_STRATEGY, failures_told
from quantumlink.cli.network_tables import number, table_of
from quantumlink.cli.pictures import picture_path
from quantumlink.cli.written_files import writable
from quantumlink.network import NetworkPlan, NoPlan, load_demands, plan_network
from quantumlink.network.planning import FibreMap, load_costs

NO_PLAN = NO_STRATEGY
"""Exit code where there is no plan."""

AsJson = Annotated[bool, typer.Option("--json", help="Everything as JSON.")]


def build(
    file: Annotated[Path, typer.Argument(help="A fibre map (TOML or GraphML).", show_default=False)],
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
    as_json: AsJson = False,
) -> None:
    """Plan the cheapest network that serves all demands: what stands where, which fibres are lit, what it costs."""
    options: dict[str, Any] = {
        "max_link_km": max_link_km, "max_repeaters": max_repeaters, "paths": paths, "wavelengths": wavelengths,
        "paths_per_repeater": paths_per_repeater, "most_channels": most_channels, "budget": budget, "use": use,
        "time_limit_s": time_limit_s,
    }  # fmt: skip
    with failures_told():
        picture = None if output is None else picture_path(output)
        toml = None if network is None else writable("network", network, (".toml",))
        fibre_map = FibreMap.load(file)
        wanted, prices = load_demands(demands), load_costs(costs)
        try:
            plan = plan_network(fibre_map.sites, fibre_map.fibres, wanted, parts=fibre_map.parts, costs=prices,
                                name=fibre_map.name, **options)  # fmt: skip
        except NoPlan as error:
            print_error(error)
            raise typer.Exit(NO_PLAN) from error
        units = plan.cost_per_unit(years)
        if toml is not None:
            plan.network.save(toml)
        if picture is not None:
            from quantumlink.visualization import draw_network

            draw_network(plan.network).savefig(picture, dpi=110)
    if as_json:
        data = plan.as_dict()
        each = [{"a": d.a, "b": d.b, "kind": d.kind, "cost": cost} for d, cost in units.items()]
        data |= {"years": years, "total": plan.total(years), "per_unit": each}
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
        return
    _tell(plan, units, years)
    for name, path in (("network", toml), ("picture", picture)):
        if path is not None:
            Console().print(Text(f"{name}: {path}"), soft_wrap=True)


def _tell(plan: NetworkPlan, units: dict[Any, float], years: float) -> None:
    console, name = Console(), plan.problem.name
    table = table_of(f"{name}: what it costs to build", ("what", "number", "cost", "±20 % of its price"))
    swing = plan.sensitivity(0.2)
    for item, cost in plan.items.items():
        low, high = swing.get(item, (0.0, 0.0))
        count = "" if item == "sites" else number(plan.counts.of(item))
        table.add_row(item, count, number(cost), f"± {number((high - low) / 2)}")
    console.print(table)
    table = table_of(f"{name}: what stands where", ("site", "what"), left=2)
    for site, role in plan.built.items():
        table.add_row(escape(site), role)
    console.print(table)
    columns = ("demand", "over", "what", "wants /s", "km", "fidelity", f"cost a unit, {years:g} years")
    table = table_of(f"{name}: who is served how", columns, left=3)
    for path in plan.paths:
        demand = path.demand
        table.add_row(
            escape(f"{demand.a} – {demand.b}"),
            escape(", ".join(path.sites[1:-1])),
            "secret bits" if demand.kind == "key" else "pairs",
            "any" if demand.rate_hz is None else number(demand.rate_hz),
            number(path.length_km),
            f"{path.fidelity:.4f}",
            "–" if demand not in units else number(units[demand]),
        )
    console.print(table)
    limit = "proven to be the least" if plan.proven else f"at least {plan.at_least:.6g}, {plan.gap:.2%} less"
    console.print(
        Text(f"in all: {plan.cost:.6g} ({limit}); {plan.total(years):.6g} over {years:g} years"), soft_wrap=True
    )
