"""``quantumlink network operate FILE``: a network with all its demands at once."""

from __future__ import annotations

import json
import secrets
import warnings
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from quantumlink import validation
from quantumlink.cli.network_options import Avoided, File, Protocol, Seed, avoided, failures_told
from quantumlink.cli.network_tables import NOT_KNOWN, number, table_of
from quantumlink.estimation import Estimate
from quantumlink.network import Network, Outage, Performance, Policy, Watch, load_demands
from quantumlink.parts import parts_of

BUSIEST = 8
"""Links in the table; all are in the JSON."""


def operate(
    file: File,
    demands: Annotated[
        Path, typer.Option(help="A traffic file (TOML or CSV): who wants what.", show_default=False)
    ],
    duration_s: Annotated[float, typer.Option(help="How long, in seconds.")] = 10.0,
    trials: Annotated[int, typer.Option(help="How many independent trials.")] = 1,
    policy: Annotated[
        str,
        typer.Option(
            help="Who is first: first-come-first-served, max-weight, proportional-fairness, many-paths, "
            "reservation, time-slots, or one of your own."
        ),
    ] = "first-come-first-served",
    paths: Annotated[int | None, typer.Option(help="Paths of a demand at once.", show_default=False)] = None,
    recovery: Annotated[
        int | None, typer.Option(help="Paths that are ready for failures.", show_default=False)
    ] = None,
    swapping: Annotated[str, typer.Option(help="When it swaps: asap, balanced, sequential or fidelity.")] = "asap",
    purify_rounds: Annotated[str, typer.Option(help="Rounds of purification for each hop, or best.")] = "0",
    protocol: Protocol = "dejmps",
    cutoff_s: Annotated[
        float | None, typer.Option(help="Age at which a waiting pair is thrown away.", show_default=False)
    ] = None,
    slot_s: Annotated[
        float | None, typer.Option(help="A slot; the shortest attempt if not given.", show_default=False)
    ] = None,
    fail: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NODE[:NODE]@FROM-TO",
            help="A node or link that is down for some seconds; may be repeated.",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Test every link; an alarm takes it out.")] = False,
    avoid: Avoided = None,
    seed: Seed = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Run a network with all its demands at once: what each gets, how links are used, what is lost.

    Every pair has its exact state. Ctrl-C keeps what is done.
    """
    from quantumlink.network.control import operate as run

    seed = secrets.randbelow(2**31) if seed is None else seed
    with failures_told():
        network = Network.load(file)
        happenings = [*(_outage(network, text) for text in fail or ()), *([Watch()] if watch else [])]
        rounds: Any = purify_rounds if purify_rounds == "best" else _whole("purify_rounds", purify_rounds)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an interruption is told below
            found = run(
                network, load_demands(demands), policy=_policy(policy, paths, recovery), duration_s=duration_s,
                trials=trials, seed=seed, slot_s=slot_s, swapping=cast(Any, swapping), purify_rounds=rounds,
                protocol=protocol, cutoff_s=cutoff_s, happenings=happenings, records=0,
                avoid=avoided(network, avoid),
            )  # fmt: skip
    if as_json:
        data = {"seed": seed, **found.as_dict()}
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        _tell(network, found, seed)
    if found.interrupted:
        Console(stderr=True).print(f"interrupted: {found.played_s:.4g} s were played")
        raise typer.Exit(130)


def _policy(name: str, paths: int | None, recovery: int | None) -> Policy:
    known = parts_of("policy")
    part = known[validation.choice("policy", name, known)]
    given = {"paths": paths, "recovery": recovery}
    policy: Policy = part.cls(**{key: value for key, value in given.items() if value is not None})
    return policy


def _outage(network: Network, text: str) -> Outage:
    """``NODE@1-2`` or ``NODE:NODE@1-2``; an end may be missing."""
    what, at, times = text.rpartition("@")
    start, dash, end = times.partition("-")
    try:
        moments = float(start or 0.0), float(end or "inf")
    except ValueError:
        at = ""
    if not at or not dash or not what:
        raise ValueError(f"fail must read NODE@FROM-TO or NODE:NODE@FROM-TO, seconds such as 1.5-3; got {text!r}")
    (found,) = avoided(network, [what])
    return Outage(found, *moments)


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name} must be a whole number or best, got {text!r}") from None


def _tell(network: Network, found: Performance, seed: int) -> None:
    console = Console()
    columns = ("demand", "what", "served", "blocked", "per s", "fidelity", "latency s")
    table = table_of(f"{network.name}: {found.options.duration_s:g} s under load", columns, left=2)
    for result in found.results:
        key = result.demand.kind == "key"
        table.add_row(
            escape(" – ".join(result.demand.nodes)),
            result.demand.kind,
            str(result.served),
            str(result.blocked),
            _interval(result.key_rate_hz if key else result.rate_hz),
            NOT_KNOWN if result.fidelity is None else f"{result.fidelity.best:.4f}",
            NOT_KNOWN if result.latency_s is None else number(result.latency_s.best),
        )
    console.print(table)
    table = table_of(f"{network.name}: the busiest links", ("between", "used", "trying", "waiting s", "too old"))
    for use in sorted(found.links, key=lambda use: -use.use)[:BUSIEST]:
        table.add_row(
            escape(f"{use.link.left} – {use.link.right}"),
            f"{100 * use.use:.1f} %",
            f"{100 * use.trying:.1f} %",
            NOT_KNOWN if use.waiting_s != use.waiting_s else number(use.waiting_s),
            str(use.expired),
        )
    console.print(table)
    told = [f"{name} {count}" for name, count in vars(found.pairs).items() if count]
    console.print(Text(f"pairs: {', '.join(told)}"), soft_wrap=True)
    alarms = sum(use.alarms for use in found.links)
    console.print(Text(f"fairness: {found.fairness:.4f}    alarms: {alarms}    seed: {seed}"), soft_wrap=True)


def _interval(value: Estimate) -> str:
    return f"{value.best:.3g} ± {max(value.errors):.1g}" if max(value.errors) < float("inf") else number(value.best)
