"""``quantumlink plan FILE --from NODE --to NODE``: where to swap, and where and how often to purify.

Exit codes: 0, 3 if no strategy is good enough, 1 for a mistake in what was asked for, 2 for wrong usage, 130 if
interrupted.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from quantumlink.circuits import operation_names
from quantumlink.cli.network_options import Avoided, File, Seed, Source, Target, avoided
from quantumlink.cli.network_tables import four, strategy_table
from quantumlink.cli.pictures import picture_path
from quantumlink.cli.result import Column, Result, Table, Written
from quantumlink.network import Network, Strategy

_STREAM = (
    "a link alone makes a stream of pairs: in the forecast attempts go on while heralds travel; "
    "simulated pairs follow one another, at one over the latency"
)


def plan(
    file: File,
    source: Source,
    target: Target,
    min_fidelity: Annotated[
        float | None, typer.Option(help="Least fidelity that is wanted.", show_default=False)
    ] = None,
    objective: Annotated[
        str, typer.Option(help="What is best: secret_key_rate, rate or fidelity.")
    ] = "secret_key_rate",
    max_rounds: Annotated[int, typer.Option(help="Most rounds of purification of one stretch.")] = 2,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help=f"To choose from (repeat it; DEJMPS if not given): {', '.join(operation_names('purification'))}.",
            show_default=False,
        ),
    ] = None,
    paths: Annotated[int, typer.Option(help="How many of the best paths are tried.")] = 3,
    avoid: Avoided = None,
    trials: Annotated[int, typer.Option(help="Trials that check the best strategy in time; 0 for none.")] = 2_000,
    seed: Seed = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to write a picture of the strategy.", show_default=False)
    ] = None,
) -> Result:
    """Plan the link between two nodes: the best strategy beside simpler ones and other paths, and why.

    Rates and fidelities are forecasts; the best strategy is also played in time. Where only trusted nodes lead from
    one to the other, each segment between them is planned.
    """
    seed = secrets.randbelow(2**31) if seed is None else seed
    picture = None if output is None else picture_path(output)
    _check(trials, seed)
    network = Network.load(file)
    options: dict[str, Any] = {"objective": objective, "min_fidelity": min_fidelity, "max_rounds": max_rounds}
    options |= {"protocols": tuple(protocol or ("dejmps",)), "routes": paths, "avoid": avoided(network, avoid)}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "interrupted", UserWarning)  # it is told below
        parts = planned(network, source, target, options)
    stopped = parts[0].interrupted
    trials = 0 if stopped else trials
    tables, notes = [], []
    for number, strategy in enumerate(parts):
        timeline = None
        if trials:
            from quantumlink.readings.timeline import simulate

            timeline = simulate(strategy.link, trials=trials, seed=seed + number)
        table = strategy_table(strategy, timeline)
        tables.append(table if len(parts) == 1 else replace(table, key=f"segment {number + 1}"))
        notes.append(strategy.explanation)
    if len(parts) > 1:
        tables.insert(0, _segments(f"{source} – {target}: a key over trusted nodes", parts))
        trusted = ", ".join(strategy.nodes[-1] for strategy in parts[:-1])
        rate = min(strategy.secret_key_rate_hz for strategy in parts)
        notes = [f"who must be trusted: {trusted}", f"secret bits/s of the slowest segment: {rate:.4g}", *notes]
    if trials and any(each.forecast.interval_s != each.forecast.latency_s for each in parts):
        notes.append(_STREAM)
    if picture is not None:
        from quantumlink.visualization import draw

        if len(parts) > 1:
            raise ValueError("--output shows one link; over trusted nodes there are several: plan each of them")
        figure = draw(parts[0].link)
        title = figure.axes[0].title
        title.set_text(f"{title.get_text()}\n{_delivered(parts[0])}")
        figure.savefig(picture, dpi=110)
    written = () if picture is None else (Written("picture", picture),)
    return Result(
        tables=tuple(tables), notes=tuple(notes), written=written, seed=seed if trials else None,
        interrupted=stopped.removeprefix("interrupted: "),
    )  # fmt: skip


def _delivered(strategy: Strategy) -> str:
    """What stands in the table as well: the picture alone knows no waiting."""
    return f"forecast, waiting included: fidelity {strategy.fidelity:.4f}, {strategy.rate_hz:.4g} pairs/s"


def planned(network: Network, source: str, target: str, options: dict[str, Any]) -> list[Strategy]:
    """The best strategy from end to end, or one for each segment between trusted nodes where there is none.

    Raises:
        ValueError: if there is neither.
    """
    try:
        return [network.best_strategy(source, target, **options)]
    except ValueError as refusal:
        if not any(node.role == "trusted" for node in network.nodes.values()):
            raise
        try:
            ways = network.key_route(source, target, avoid=options["avoid"])
        except ValueError:
            raise refusal from None
        if not ways.trusted_nodes:
            raise
    ends = [source, *ways.trusted_nodes, target]
    segments = []
    for one, other in pairwise(ends):
        segments.append(network.best_strategy(one, other, **options))
        if segments[-1].interrupted:
            raise KeyboardInterrupt  # a part of a way is none
    return segments


def _segments(title: str, parts: Sequence[Strategy]) -> Table:
    rows = [
        (
            f"{part.nodes[0]} – {part.nodes[-1]}",
            part.link.pairs,
            part.fidelity,
            part.rate_hz,
            part.secret_key_rate_hz,
        )
        for part in parts
    ]
    columns = (
        Column("segment", left=True), Column("pairs used", "pairs"), Column("fidelity", form=four),
        Column("pairs/s", "rate_hz"), Column("secret bits/s", "secret_key_rate_hz"),
    )  # fmt: skip
    return Table(title, columns, tuple(rows), "segments")


def _check(trials: int, seed: int) -> None:
    """What is wrong with the check in time is said before the search."""
    from quantumlink import validation

    validation.count("trials", trials)
    validation.seed("seed", seed)
