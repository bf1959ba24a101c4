"""Tables of networks, routes, timelines and strategies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from math import log10
from typing import Any

from quantumlink.cli.result import NOT_KNOWN, Cell, Column, Table
from quantumlink.hardware import Medium, Memory, Node
from quantumlink.link import pairs_text
from quantumlink.link.way import way_text
from quantumlink.network import Network, Route, Strategy
from quantumlink.network.inline_repeaters import in_line, stretches
from quantumlink.readings import evaluate
from quantumlink.readings.timeline import Timeline


def four(value: float) -> str:
    """A fidelity, to four places."""
    return f"{value:.4f}"


def nodes_table(network: Network, *, every: bool = False) -> Table:
    """The nodes, their roles, memories and neighbors; those in a line only if every node is wanted."""
    degree = dict.fromkeys(network.nodes, 0)
    for link in network.links:
        for end in link.ends:
            degree[end.name] += 1
    hidden = frozenset() if every else in_line(network)
    rows = []
    for name, node in network.nodes.items():
        if name in hidden:
            continue
        times = ("ideal", "ideal") if node.memory.is_ideal else _lifetimes(node.memory)
        t1, t2 = (
            Cell(value, text) for value, text in zip((node.memory.t1_s, node.memory.t2_s), times, strict=True)
        )
        place = Cell(None if node.position is None else [*node.position], _place(node))
        role = Cell(node.role, f"{node.role}, user" if node.is_user and node.role != "end" else node.role)
        rows.append((name, role, place, t1, t2, node.memories, degree[name]))
    columns = (
        Column("node", left=True), Column("role", left=True), Column("place", "position", left=True),
        Column("T1", "t1_s"), Column("T2", "t2_s"), Column("qubits a link", "memories"), Column("links"),
    )  # fmt: skip
    return Table(f"{network.name}: nodes", columns, tuple(rows), "nodes")


def links_table(network: Network, *, every: bool = False) -> Table:
    """The elementary links: medium, loss, fidelity and rate of their pairs.

    Links along nodes in a line are told together: length and loss of all, the worst fidelity and rate of one.
    """
    from quantumlink.network.objectives import length_km

    rows = []
    hidden = frozenset() if every else in_line(network)
    for names, links in stretches(network, hidden):
        media = list(dict.fromkeys("" if x.medium is None else type(x.medium).__name__ for x in links))
        losses = [_loss_db(x.medium) for x in links]
        loss = None if None in losses else sum(each for each in losses if each is not None)
        rates = [None if x.attempts is None else x.attempts.rate_hz for x in links]
        slowest = None if None in rates else min(rate for rate in rates if rate is not None)
        worst = min(x.fidelity for x in links)
        rows.append(
            (way_text(names, hidden), ", ".join(media), sum(map(length_km, links)) or None, loss, worst, slowest)
        )
    one = "{:.1f}".format
    columns = (
        Column("between", left=True), Column("medium", left=True),
        Column("km", "length_km", form=lambda x: NOT_KNOWN if x is None else one(x)),
        Column("loss (dB)", "loss_db", form=lambda x: NOT_KNOWN if x is None else one(x + 0.0)),
        Column("fidelity", form=four), Column("pairs/s", "rate_hz"),
    )  # fmt: skip
    return Table(f"{network.name}: elementary links", columns, tuple(rows), "links")


def routes_table(title: str, routes: Sequence[tuple[str, Route]]) -> Table:
    """Routes under their names, and what each delivers; which way they lead stands below, see `way_notes`."""
    rows = []
    for name, route in routes:
        trusted = len(route.trusted_nodes)
        rows.append(
            (
                name, len(route.hops), route.length_km, route.fidelity, route.latency_s, route.rate_hz,
                route.secret_key_rate_hz, Cell(trusted, str(trusted) if trusted else "nobody"), route.proven,
            )
        )  # fmt: skip
    columns = (
        Column("", "route", left=True), Column("hops"), Column("km", "length_km", form=lambda x: f"{x:.0f}"),
        Column("fidelity", form=four),
        Column("latency", "latency_s", form=lambda x: NOT_KNOWN if x is None else seconds(x)),
        Column("pairs/s", "rate_hz"), Column("secret bits/s", "secret_key_rate_hz"), Column("trusted"),
        Column("proven"),
    )  # fmt: skip
    return Table(title, columns, tuple(rows), "routes")


def way_notes(routes: Sequence[tuple[str, Route]]) -> list[str]:
    """Which way each route leads."""
    return [f"{name}: {route.way}" for name, route in routes]


def timeline_table(timeline: Timeline) -> Table:
    """What trials found, each with its interval, beside the state if nothing had to wait."""
    from quantumlink.visualization.timeline import time_unit

    link, exact = timeline.link, evaluate(timeline.link)
    stopped = f" of {timeline.run.trials}" if timeline.interrupted else ""
    trials = f"{timeline.trials}{stopped} trial" + ("" if timeline.trials == 1 else "s")
    quantiles = [timeline.latency_quantile_s(share) for share in (0.05, 0.5, 0.95)]
    unit, name = time_unit(timeline.latency_s.best)
    latency = Cell(timeline.latency_s, f"{timeline.latency_s * (1 / unit):.4g} {name}")
    worst, best = timeline.fidelity_quantile(0.05), timeline.fidelity_quantile(0.95)
    key_rate = timeline.secret_key_rate_hz()
    nothing = Cell(None, "")
    rows: list[tuple[Any, ...]] = [
        ("pairs a second", Cell(timeline.rate_hz, f"{timeline.rate_hz:.4g}"), nothing),
        ("latency, mean", latency, nothing),
        ("latency, 5 %, 50 %, 95 % of trials", Cell(quantiles, ", ".join(map(seconds, quantiles))), nothing),
        ("fidelity to Φ⁺", timeline.fidelity, Cell(exact.fidelity, four(exact.fidelity))),
        ("fidelity, 5 %, 95 % of trials", Cell([worst, best], f"{worst:.4f}, {best:.4f}"), nothing),
        *((f"QBER {b}", timeline.qber(b), Cell(exact.qber(b), four(exact.qber(b)))) for b in "ZX"),
        ("secret bits a second", Cell(key_rate, f"{key_rate:.4g}"), nothing),
    ]
    columns = (Column("", "name", left=True), Column("simulated [95 %]", "simulated"), Column("without waiting"))
    title = f"{link.left} – {link.right}: {pairs_text(link.pairs)}, {trials}"
    return Table(title, columns, tuple(rows), "simulated")


def budget_table(timeline: Timeline) -> Table:
    """Where the time went, and where the fidelity was lost."""
    budget = timeline.budget
    rows: list[tuple[Any, ...]] = []
    for field in fields(budget.time):
        value = getattr(budget.time, field.name)
        share = Cell(
            value / budget.time.total_s if budget.time.total_s else None, _share(value, budget.time.total_s)
        )
        rows.append((f"time: {field.name.removesuffix('_s')}", Cell(value, seconds(value)), share))
    for field in fields(budget.fidelity):
        value, total = getattr(budget.fidelity, field.name), budget.fidelity.total
        share = Cell(value / total if total else None, _share(value, total))
        rows.append((f"infidelity: {field.name}", value, share))
    columns = (Column("", "name", left=True), Column("mean"), Column("share"))
    return Table("where time and fidelity went", columns, tuple(rows), "budget")


def strategy_table(strategy: Strategy, simulated: Timeline | None) -> Table:
    """The best strategy beside its alternatives, and what a simulation of it found."""
    title = f"{strategy.nodes[0]} – {strategy.nodes[-1]}: best {strategy.objective.replace('_', ' ')}"
    if strategy.min_fidelity is not None:
        title += f" at a fidelity of at least {strategy.min_fidelity:g}"
    ways = [("the best strategy", strategy.link, strategy.forecast)]
    ways += [(other.name, other.link, other.forecast) for other in strategy.alternatives]
    rows: list[tuple[Any, ...]] = [
        (name, str(link.pairs), found.fidelity, found.latency_s, found.rate_hz, found.secret_key_rate_hz)
        for name, link, found in ways
    ]
    if simulated is not None:
        found = (simulated.fidelity, simulated.latency_s, simulated.rate_hz, simulated.secret_key_rate_hz())
        name = f"the same, simulated ({simulated.trials} trials)"
        rows.insert(1, (name, "", *(each.best for each in found)))
    columns = (
        Column("way", left=True), Column("pairs used", "pairs"), Column("fidelity", form=four),
        Column("latency", "latency_s", form=lambda x: NOT_KNOWN if x is None else seconds(x)),
        Column("pairs/s", "rate_hz"), Column("secret bits/s", "secret_key_rate_hz"),
    )  # fmt: skip
    return Table(title, columns, tuple(rows), "ways")


def seconds(value: float) -> str:
    """A time in a handy unit.

    >>> seconds(0.00123), seconds(5400), seconds(0)
    ('1.23 ms', '1.5 h', '0 s')
    """
    from quantumlink.visualization.timeline import time_unit

    unit, name = time_unit(value)
    return f"{value / unit:.4g} {name}"


def number(value: float | None) -> str:
    """Four digits, or a dash for what is not known."""
    return NOT_KNOWN if value is None else f"{value:.4g}"


def _lifetimes(memory: Memory) -> tuple[str, str]:
    t1, t2 = ("∞" if time == float("inf") else seconds(time) for time in (memory.t1_s, memory.t2_s))
    others = {"depolarizing": memory.depolarizing_s, "Gaussian": memory.gaussian_s}
    told = [f"{name} {seconds(time)}" for name, time in others.items() if time < float("inf")]
    return t1, ", ".join([t2, *told])


def _place(node: Node) -> str:
    if node.position is None:
        return "" if node.orbit is None else _way(node.orbit)
    latitude, longitude = node.position
    return (
        f"{abs(latitude):.2f}°{'N' if latitude >= 0 else 'S'} {abs(longitude):.2f}°{'E' if longitude >= 0 else 'W'}"
    )


def _way(orbit: Any) -> str:
    """An orbit in a few words."""
    return f"{orbit.period_s / 60:.0f} min, {orbit.inclination_deg:.1f}°"


def _loss_db(medium: Medium | None) -> float | None:
    if medium is None or not medium.transmittance > 0:
        return None
    return -10 * log10(medium.transmittance)


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else NOT_KNOWN
