"""``quantumlink plan FILE --from NODE --to NODE``: where to swap, and where and how often to purify.

Exit codes: 0, 3 if no strategy is good enough, 1 for a mistake in what was asked for, 2 for wrong usage, 130 if
interrupted.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from quantumlink.circuits import operation_names
from quantumlink.cli.network_options import Avoided, File, Seed, Source, Target, avoided, failures_told
from quantumlink.cli.network_tables import strategy_table
from quantumlink.cli.pictures import picture_path
from quantumlink.network import Network


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
) -> None:
    """Plan the link between two nodes: the best strategy beside simpler ones and other paths, and why.

    Rates and fidelities are forecasts; the best strategy is also played in time.
    """
    seed = secrets.randbelow(2**31) if seed is None else seed
    with failures_told():
        picture = None if output is None else picture_path(output)
        _check(trials, seed)
        network = Network.load(file)
        options: dict[str, Any] = {"objective": objective, "min_fidelity": min_fidelity, "max_rounds": max_rounds}
        options |= {"protocols": tuple(protocol or ("dejmps",)), "routes": paths}
        strategy = network.best_strategy(source, target, avoid=avoided(network, avoid), **options)
        timeline = None
        if trials:
            from quantumlink.readings.timeline import simulate

            timeline = simulate(strategy.link, trials=trials, seed=seed)
        table = strategy_table(strategy, timeline)
        if picture is not None:
            from quantumlink.visualization import draw

            draw(strategy.link).savefig(picture, dpi=110)
    console = Console()
    console.print(table)
    console.print(Text(strategy.explanation), soft_wrap=True)
    told = [] if picture is None else [f"picture: {picture}"]
    told += [f"seed: {seed}"] if trials else []
    if told:
        console.print(Text("    ".join(told)), soft_wrap=True)


def _check(trials: int, seed: int) -> None:
    """What is wrong with the check in time is said before the search."""
    from quantumlink import validation

    validation.count("trials", trials)
    validation.seed("seed", seed)
