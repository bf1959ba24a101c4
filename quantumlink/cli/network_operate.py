"""``quantumlink network operate FILE``: a network with all its demands at once."""

from __future__ import annotations

import secrets
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from quantumlink import validation
from quantumlink.cli.network_options import Avoided, File, Protocol, Seed, avoided
from quantumlink.cli.network_tables import four, number
from quantumlink.cli.result import NOT_KNOWN, Cell, Column, Result, Table
from quantumlink.cli.settings_text import read_settings
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
            "reservation, time-slots, or one of your own; settings behind it, as in time-slots,turn_s=0.02."
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
) -> Result:
    """Run a network with all its demands at once: what each gets, how links are used, what is lost.

    Every pair has its exact state. Ctrl-C keeps what is done.
    """
    from quantumlink.network.control import operate as run

    seed = secrets.randbelow(2**31) if seed is None else seed
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
    told = [f"{name} {count}" for name, count in vars(found.pairs).items() if count]
    alarms = sum(use.alarms for use in found.links)
    return Result(
        tables=(_results(network, found), _busiest(network, found)),
        notes=(f"pairs: {', '.join(told)}", f"fairness: {found.fairness:.4f}    alarms: {alarms}"),
        data=found.as_dict(),
        seed=seed,
        interrupted=f"{found.played_s:.4g} s were played" if found.interrupted else "",
    )


def _policy(text: str, paths: int | None, recovery: int | None) -> Policy:
    """The policy that ``--policy`` describes, ``NAME[,setting=value…]``: settings are its fields."""
    name, *settings = text.split(",")
    known = parts_of("policy")
    kind = known[validation.choice("policy", name, known)].cls
    given = {key: value for key, value in (("paths", paths), ("recovery", recovery)) if value is not None}
    own = {f.name: f.default for f in fields(kind) if f.init and f.name not in ("paths", "recovery")}
    own_settings = read_settings(f"--policy {name}", own, settings)
    try:
        policy: Policy = kind(**given, **own_settings)
    except ValueError as error:
        if not own_settings:
            raise
        raise ValueError(f"--policy {text}: {error}") from error
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
    for name in (found,) if isinstance(found, str) else found:
        validation.choice("fail", name, network.nodes)
    if not isinstance(found, str) and not any({*found} == {x.name for x in link.ends} for link in network.links):
        raise ValueError(f"fail must name a node or a link of this network, there is no link {what!r}")
    try:
        return Outage(found, *moments)
    except ValueError as error:
        raise ValueError(f"--fail {text}: {error}") from error


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name} must be a whole number or best, got {text!r}") from None


def _results(network: Network, found: Performance) -> Table:
    rows = []
    for result in found.results:
        rate = result.key_rate_hz if result.demand.kind == "key" else result.rate_hz
        fidelity, latency = (None if x is None else x.best for x in (result.fidelity, result.latency_s))
        rows.append(
            (
                " – ".join(result.demand.nodes), result.demand.kind, result.served, result.blocked,
                Cell(rate, _interval(rate)), fidelity, latency,
            )
        )  # fmt: skip
    columns = (
        Column("demand", left=True), Column("what", left=True), Column("served"), Column("blocked"),
        Column("per s", "rate_hz"), Column("fidelity", form=lambda x: NOT_KNOWN if x is None else four(x)),
        Column("latency s", "latency_s"),
    )  # fmt: skip
    return Table(f"{network.name}: {found.options.duration_s:g} s under load", columns, tuple(rows), "demands")


def _busiest(network: Network, found: Performance) -> Table:
    rows = []
    for use in sorted(found.links, key=lambda use: -use.use)[:BUSIEST]:
        waiting = None if use.waiting_s != use.waiting_s else use.waiting_s
        rows.append((f"{use.link.left} – {use.link.right}", use.use, use.trying, waiting, use.expired))

    def percent(share: float) -> str:
        return f"{100 * share:.1f} %"

    columns = (
        Column("between", left=True), Column("used", form=percent), Column("trying", form=percent),
        Column("waiting s", "waiting_s"), Column("too old", "expired"),
    )  # fmt: skip
    return Table(f"{network.name}: the busiest links", columns, tuple(rows), "links")


def _interval(value: Estimate) -> str:
    return f"{value.best:.3g} ± {max(value.errors):.1g}" if max(value.errors) < float("inf") else number(value.best)
