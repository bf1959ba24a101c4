"""Tables of networks, routes, timelines and strategies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from rich.markup import escape
from rich.table import Table

from quantumlink.hardware import Medium, Memory, Node
from quantumlink.link import ElementaryLink, pairs_text
from quantumlink.network import Forecast, Network, Route, Strategy
from quantumlink.readings import evaluate
from quantumlink.readings.timeline import Timeline

NOT_KNOWN = "–"


def table_of(title: str, columns: Sequence[str], *, left: int = 1) -> Table:
    """An empty table; the first columns hold text, the others numbers."""
    table = Table(title=escape(title), title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < left else "right", overflow="fold")
    return table


def nodes_table(network: Network) -> Table:
    """The nodes, their roles, memories and neighbors."""
    degree = dict.fromkeys(network.nodes, 0)
    for link in network.links:
        for end in link.ends:
            degree[end.name] += 1
    table = table_of(
        f"{network.name}: nodes", ("node", "role", "place", "T1", "T2", "qubits a link", "links"), left=3
    )
    for name, node in network.nodes.items():
        times = ("ideal", "ideal") if node.memory.is_ideal else _lifetimes(node.memory)
        qubits = NOT_KNOWN if node.memories is None else str(node.memories)
        table.add_row(escape(name), node.role, _place(node), *times, qubits, str(degree[name]))
    return table


def links_table(network: Network) -> Table:
    """The elementary links: medium, loss, fidelity and rate of their pairs."""
    columns = ("between", "medium", "km", "loss (dB)", "fidelity", "pairs/s")
    table = table_of(f"{network.name}: elementary links", columns, left=2)
    for link in network.links:
        rate = None if link.attempts is None else link.attempts.rate_hz
        medium = "" if link.medium is None else type(link.medium).__name__
        table.add_row(
            escape(f"{link.left} – {link.right}"),
            medium,
            _length(link),
            _loss(link.medium),
            f"{link.fidelity:.4f}",
            number(rate),
        )
    return table


def routes_table(title: str, routes: Sequence[tuple[str, Route]]) -> Table:
    """Routes under their names, and what each delivers."""
    columns = (
        "",
        "by way of",
        "hops",
        "km",
        "fidelity",
        "latency",
        "pairs/s",
        "secret bits/s",
        "trusted",
        "proven",
    )
    table = table_of(title, columns, left=2)
    for name, route in routes:
        table.add_row(
            name,
            escape(" – ".join(route.nodes[1:-1])) or "directly",
            str(len(route.hops)),
            f"{route.length_km:.0f}",
            f"{route.fidelity:.4f}",
            NOT_KNOWN if route.latency_s is None else seconds(route.latency_s),
            number(route.rate_hz),
            number(route.secret_key_rate_hz),
            str(len(route.trusted_nodes)) if route.trusted_nodes else "nobody",
            "yes" if route.proven else "no",
        )
    return table


def timeline_table(timeline: Timeline) -> Table:
    """What trials found, each with its interval, beside the state if nothing had to wait."""
    from quantumlink.visualization.timeline import time_unit

    link, exact = timeline.link, evaluate(timeline.link)
    stopped = f" of {timeline.run.trials}" if timeline.interrupted else ""
    trials = f"{timeline.trials}{stopped} trial" + ("" if timeline.trials == 1 else "s")
    table = table_of(
        f"{link.left} – {link.right}: {pairs_text(link.pairs)}, {trials}",
        ("", "simulated [95 %]", "without waiting"),
    )
    low, middle, high = (seconds(timeline.latency_quantile_s(share)) for share in (0.05, 0.5, 0.95))
    table.add_row("pairs a second", f"{timeline.rate_hz:.4g}", "")
    unit, name = time_unit(timeline.latency_s.best)
    table.add_row("latency, mean", f"{timeline.latency_s * (1 / unit):.4g} {name}", "")
    table.add_row("latency, 5 %, 50 %, 95 % of trials", f"{low}, {middle}, {high}", "")
    table.add_row("fidelity to Φ⁺", str(timeline.fidelity), f"{exact.fidelity:.4f}")
    worst, best = timeline.fidelity_quantile(0.05), timeline.fidelity_quantile(0.95)
    table.add_row("fidelity, 5 %, 95 % of trials", f"{worst:.4f}, {best:.4f}", "")
    for basis in "ZX":
        table.add_row(f"QBER {basis}", str(timeline.qber(basis)), f"{exact.qber(basis):.4f}")
    table.add_row("secret bits a second", f"{timeline.secret_key_rate_hz():.4g}", "")
    return table


def budget_table(timeline: Timeline) -> Table:
    """Where the time went, and where the fidelity was lost."""
    budget = timeline.budget
    table = table_of("where time and fidelity went", ("", "mean", "share"))
    for field in fields(budget.time):
        value = getattr(budget.time, field.name)
        table.add_row(f"time: {field.name.removesuffix('_s')}", seconds(value), _share(value, budget.time.total_s))
    table.add_section()
    for field in fields(budget.fidelity):
        value = getattr(budget.fidelity, field.name)
        table.add_row(f"infidelity: {field.name}", f"{value:.4g}", _share(value, budget.fidelity.total))
    return table


def strategy_table(strategy: Strategy, simulated: Timeline | None) -> Table:
    """The best strategy beside its alternatives, and what a simulation of it found."""
    title = f"{strategy.nodes[0]} – {strategy.nodes[-1]}: best {strategy.objective.replace('_', ' ')}"
    if strategy.min_fidelity is not None:
        title += f" at a fidelity of at least {strategy.min_fidelity:g}"
    table = table_of(title, ("way", "pairs used", "fidelity", "latency", "pairs/s", "secret bits/s"))
    ways = [("the best strategy", strategy.link, strategy.forecast)]
    ways += [(other.name, other.link, other.forecast) for other in strategy.alternatives]
    for i, (name, link, found) in enumerate(ways):
        table.add_row(escape(name), str(link.pairs), *_delivers(found), style="bold" if i == 0 else None)
        if i == 0 and simulated is not None:
            table.add_row(
                f"the same, simulated ({simulated.trials} trials)",
                "",
                f"{simulated.fidelity.best:.4f}",
                seconds(simulated.latency_s.best),
                number(simulated.rate_hz.best),
                number(simulated.secret_key_rate_hz().best),
            )
            table.add_section()
    return table


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


def _delivers(found: Forecast) -> tuple[str, ...]:
    latency = NOT_KNOWN if found.latency_s is None else seconds(found.latency_s)
    return f"{found.fidelity:.4f}", latency, number(found.rate_hz), number(found.secret_key_rate_hz)


def _lifetimes(memory: Memory) -> tuple[str, str]:
    t1, t2 = ("∞" if time == float("inf") else seconds(time) for time in (memory.t1_s, memory.t2_s))
    others = {"depolarizing": memory.depolarizing_s, "Gaussian": memory.gaussian_s}
    told = [f"{name} {seconds(time)}" for name, time in others.items() if time < float("inf")]
    return t1, ", ".join([t2, *told])


def _place(node: Node) -> str:
    if node.position is None:
        return ""
    latitude, longitude = node.position
    return (
        f"{abs(latitude):.2f}°{'N' if latitude >= 0 else 'S'} {abs(longitude):.2f}°{'E' if longitude >= 0 else 'W'}"
    )


def _length(link: ElementaryLink) -> str:
    from quantumlink.network.objectives import length_km

    length = length_km(link)
    return f"{length:.1f}" if length else NOT_KNOWN


def _loss(medium: Medium | None) -> str:
    from math import log10

    if medium is None or not medium.transmittance > 0:
        return NOT_KNOWN
    return f"{-10 * log10(medium.transmittance) + 0.0:.1f}"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else NOT_KNOWN
