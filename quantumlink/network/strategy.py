"""The best strategy: where to swap, where and how often to purify, by search over expressions, and explained."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.circuits import Operation
from quantumlink.hardware.pauli_coefficients import bell_populations
from quantumlink.interrupts import keep
from quantumlink.link import ElementaryLink, Link, chain, distinct_links, pairs_text, purify
from quantumlink.link.expression import MOST_PURIFY_ROUNDS, purification
from quantumlink.link.tree import check_memories
from quantumlink.link.way import MOST_LETTERS, way_text
from quantumlink.network.alternatives import (
    Alternatives,
    Stretch,
    alternatives,
    link_of,
    rounded,
    secret_fractions,
    work,
)
from quantumlink.network.graph import Avoid, Graph
from quantumlink.network.inline_repeaters import in_line
from quantumlink.network.routing import Plan, best_routes, check_searched
from quantumlink.progress import steps
from quantumlink.readings.forecasting import Forecast, forecast, forecasts, stage_of
from quantumlink.readings.forecasting.stages import Stage, delivered
from quantumlink.tables import html_table

StrategyObjective = Literal["secret_key_rate", "rate", "fidelity"]
"""What is best; ``"rate"`` makes sense with a least fidelity."""

STRATEGY_OBJECTIVES: tuple[StrategyObjective, ...] = get_args(StrategyObjective)

UNITS = {"secret_key_rate": "secret bits/s", "rate": "pairs/s", "fidelity": "fidelity"}

ROUNDING = 1e-12
"""A fidelity that is short of what is asked for by less than this is not short."""

BREADTH = 64
"""Alternatives of a stretch that are kept on long paths."""

FINALISTS = 16
"""Candidates that are forecast again as links before the winner is named."""


class NoStrategy(ValueError):
    """No strategy reaches the fidelity or yields a key; the text says what is possible.

    >>> import quantumlink as ql
    >>> from quantumlink.network import best_strategy
    >>> hop = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.6, rate_hz=100)
    >>> best_strategy([hop], min_fidelity=0.999, max_rounds=1)
    Traceback (most recent call last):
        ...
    quantumlink.network.strategy.NoStrategy: no strategy for a–b reaches the fidelity 0.999; ...
    """


@dataclass(frozen=True, eq=False)
class Alternative:
    """Another way, for comparison."""

    name: str
    """What it is, in words."""
    link: Link
    forecast: Forecast


@dataclass(frozen=True, eq=False, repr=False)
class Strategy:
    """A way to use a path, what it delivers, and what simpler ways would.

    >>> import quantumlink as ql
    >>> from quantumlink.network import best_strategy
    >>> a, r, b = ql.Node("a"), ql.Node("r"), ql.Node("b")
    >>> hops = [ql.ElementaryLink(x, y, fidelity=0.95, rate_hz=100) for x, y in ((a, r), (r, b))]
    >>> strategy = best_strategy(hops, objective="rate")
    >>> strategy.link.pairs, round(strategy.fidelity, 4), [way.name for way in strategy.alternatives][:1]
    (2, 0.9033, ['swapping without purification'])
    """

    link: Link
    """The expression to compose, evaluate or simulate."""
    forecast: Forecast
    """What it delivers, waiting and messages included."""
    nodes: tuple[str, ...]
    """Names of the nodes of the path in turn."""
    objective: StrategyObjective
    min_fidelity: float | None
    alternatives: tuple[Alternative, ...]
    """Simpler ways on the same path, and the winners of other paths."""
    complete: bool
    """Whether all expressions on this path were compared; otherwise the search kept the most promising."""
    interrupted: str = ""
    """What was compared until Ctrl-C was pressed, if it was."""
    in_line: frozenset[str] = frozenset()
    """Nodes of the network that stand in a line: `way` tells them by their number."""

    @property
    def way(self) -> str:
        """The nodes of the path in turn, see `Route.way`."""
        return way_text(self.nodes, self.in_line)

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺."""
        return self.forecast.fidelity

    @property
    def rate_hz(self) -> float:
        """Pairs per second."""
        assert self.forecast.rate_hz is not None  # refused before the search
        return self.forecast.rate_hz

    @property
    def secret_key_rate_hz(self) -> float:
        """Secret bits per second."""
        assert self.forecast.secret_key_rate_hz is not None
        return self.forecast.secret_key_rate_hz

    @property
    def steps(self) -> tuple[str, ...]:
        """What is done, in an order in which it can be done; equal parts are told once."""
        told = [part.does for part in distinct_links(self.link)]
        return tuple(step for step in told if step is not None) or (
            f"use {self.link.left}–{self.link.right} as it is",
        )

    @property
    def explanation(self) -> str:
        """What was chosen and why, and what the alternatives give, as text."""
        goal = f"the best {UNITS[self.objective]}"
        if self.min_fidelity is not None:
            goal += f" at a fidelity of at least {self.min_fidelity:g}"
        searched = f"{'all' if self.complete else 'the most promising'} ways on this path were compared"
        lines = [
            f"Along {self.way}, {pairs_text(self.link.pairs)} for each attempt at the whole:",
            *(f"  {i}. {step}" for i, step in enumerate(self.steps, start=1)),
            f"This gives {_words(self.forecast)}: {goal} ({self.interrupted or searched}).",
            *(f"Instead, {other.name}: {self._verdict(other)}." for other in self.alternatives),
        ]
        return "\n".join(lines)

    def _verdict(self, other: Alternative) -> str:
        text = _words(other.forecast)
        if self.min_fidelity is not None and other.forecast.fidelity < self.min_fidelity:
            return f"{text}, which is below the fidelity that is asked for"
        mine, its = (_value(self.objective, found) for found in (self.forecast, other.forecast))
        if its <= 0:
            return f"{text}, no key at all" if self.objective == "secret_key_rate" else text
        return f"{text}, {mine / its:.3g} times less" if mine > its * (1 + 1e-9) else f"{text}, as good"

    def __repr__(self) -> str:
        way = way_text(self.nodes, self.in_line, most_letters=MOST_LETTERS)
        return f"<Strategy {way}: {_words(self.forecast)}, {pairs_text(self.link.pairs)}>"

    def _repr_html_(self) -> str:
        rows = [("chosen", _words(self.forecast))]
        rows += [(other.name, _words(other.forecast)) for other in self.alternatives]
        return html_table(f"strategy {self.nodes[0]} – {self.nodes[-1]}", rows)


def best_strategy(
    network: Graph | Sequence[ElementaryLink],
    source: str | None = None,
    target: str | None = None,
    *,
    objective: StrategyObjective = "secret_key_rate",
    min_fidelity: float | None = None,
    max_rounds: int = 2,
    protocols: Sequence[Any] = ("dejmps",),
    routes: int = 3,
    breadth: int = BREADTH,
    avoid: Avoid = (),
) -> Strategy:
    """Where to swap, and where and how often to purify, for the most secret bits, pairs, or the best fidelity.

    On each path all swap orders with 0 to ``max_rounds`` nested rounds of purification at every stretch are
    compared by the exact maps and the timing of `forecast`; see `alternatives` for what is left out on long paths.

    Args:
        network: a network, of which the best paths are tried; or the hops of one path, in turn.
        source: name of the first node; not with hops.
        target: name of the last node; not with hops.
        objective: ``"secret_key_rate"``, ``"rate"`` or ``"fidelity"``.
        min_fidelity: least fidelity to Φ⁺ that is wanted, in [0, 1].
        max_rounds: most rounds of purification of one stretch, at least 0; the work grows quickly with it.
        protocols: the purifications to choose from, each whatever `purify` takes: a name, a builder of a circuit, a
            circuit or an `Operation`, of any number of pairs.
        routes: how many of a network's best paths are tried: those of the most secret bits and pairs unpurified.
        breadth: how many alternatives of a stretch are kept where not all can be.
        avoid: nodes and links that no path may use, see `Network.route`.

    Raises:
        NoStrategy: if no strategy reaches ``min_fidelity`` or, where that is the objective, yields a key.
        KeyboardInterrupt: if it was interrupted before there was one that is good enough; else the best so far is
            given back, with a warning.
        ValueError: if an argument is out of range, there is no path, or a link does not say how its pairs come.

    >>> from quantumlink.hardware import Node
    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> hops = [ElementaryLink(a, r, fidelity=0.9, rate_hz=100), ElementaryLink(r, b, fidelity=0.9, rate_hz=100)]
    >>> strategy = best_strategy(hops, objective="rate", min_fidelity=0.85)
    >>> strategy.steps
    ('purify a–r by dejmps', 'purify r–b by dejmps', 'swap at r: a–b')
    """
    validation.choice("objective", objective, STRATEGY_OBJECTIVES)
    if min_fidelity is not None:
        min_fidelity = validation.probability("min_fidelity", min_fidelity)
    validation.count("max_rounds", max_rounds, at_most=MOST_PURIFY_ROUNDS)
    validation.count("breadth", breadth, at_least=4)
    kinds = _purifications(protocols)
    if max_rounds and not kinds:
        raise ValueError("protocols must hold at least one protocol if max_rounds is above 0, got none")
    paths = _paths(network, source, target, routes, avoid)
    for kind in kinds if max_rounds else ():  # what is no purification of a link is refused in its own words
        purify(*(paths[0][0],) * len(purification("protocols", kind).inputs), by=kind)
    known: dict[Stretch, Alternatives] = {}  # good paths have much in common
    found: list[_Best] = []
    beside: list[Alternative] = []
    interrupted = ""
    options: dict[str, Any] = {"rounds": max_rounds, "protocols": kinds, "breadth": breadth}
    try:
        with steps(work(paths), "comparing strategies") as step:
            for path in paths:
                ways, complete = alternatives(path, known=known, step=step, **options)
                simple = [] if complete else _simple_ways(path, max_rounds, kinds)  # these are never left out
                found.append(_best_way(path, ways, simple, objective, min_fidelity, complete=complete))
    except KeyboardInterrupt:
        keep()
        interrupted = f"interrupted: {len(found)} of {len(paths)} paths were compared"
        if not found:
            interrupted = "interrupted: only simple ways on the first path were compared"
            beside = _simple_ways(paths[0], max_rounds, kinds)
            found = [_best_of(paths[0], [(way.forecast, way.link) for way in beside], objective, min_fidelity)]
    try:
        winner, *others = _ranked(found, objective, min_fidelity)
    except NoStrategy:
        if interrupted:
            raise KeyboardInterrupt from None  # what was not looked at may be good enough
        raise
    if interrupted:
        warnings.warn(interrupted, UserWarning, stacklevel=2)
    hidden = in_line(network) if isinstance(network, Graph) else frozenset()
    beside = beside or _simple_ways(winner.hops, max_rounds, kinds)
    beside += [Alternative(f"the path {way_text(b.nodes, hidden)}", b.link, b.forecast) for b in others]
    return Strategy(
        winner.link, winner.forecast, winner.nodes, objective, min_fidelity, tuple(beside),
        complete=winner.complete, interrupted=interrupted, in_line=hidden,
    )  # fmt: skip


def _purifications(protocols: Sequence[Any]) -> tuple[Any, ...]:
    """Each purification once, as an operation; EPL as its name, since its form depends on the link."""
    found: dict[Operation, Any] = {}
    for protocol in validation.sequence("protocols", protocols, "purifications"):
        operation = purification("protocols", protocol)
        found.setdefault(operation, protocol if isinstance(protocol, str) else operation)
    return tuple(found.values())


@dataclass(frozen=True, eq=False)
class _Best:
    """The best on one path."""

    hops: tuple[ElementaryLink, ...]
    link: Link
    forecast: Forecast
    complete: bool

    @property
    def nodes(self) -> tuple[str, ...]:
        return (self.hops[0].left.name, *(hop.right.name for hop in self.hops))


def _paths(
    network: Graph | Sequence[ElementaryLink], source: str | None, target: str | None, routes: int, avoid: Avoid
) -> list[tuple[ElementaryLink, ...]]:
    if isinstance(network, Graph):
        if source is None or target is None:
            raise ValueError(f"source and target must name two nodes of {network!r}, got {source!r} and {target!r}")
        validation.count("routes", routes, at_least=1)
        # Before purification a good path may have no key yet: its rate tells it then.
        best = [
            *best_routes(network, source, target, routes, by="secret_key_rate", plan=Plan(), avoid=avoid),
            *best_routes(network, source, target, routes, by="rate", plan=Plan(), avoid=avoid),
        ]
        return list(dict.fromkeys(route.hops for route in best))
    if source is not None or target is not None:
        raise ValueError(f"source and target belong to a network, not to hops; got {source!r} and {target!r}")
    hops = tuple(validation.sequence("network", network, "elementary links, or a Network"))
    for hop in hops:
        validation.instance("network", hop, ElementaryLink, "a Network or the elementary links of a path")
        if hop.attempts is None:
            raise ValueError(
                f"a strategy needs to know how pairs come, and {hop!r} does not say: give it a rate_hz, a "
                f"success_probability with an attempt_time_s, a medium or a source"
            )
    check_memories(chain(hops))  # `chain` refuses hops that do not meet
    check_searched(hops)
    return [hops]


def _best_way(
    hops: tuple[ElementaryLink, ...],
    ways: Alternatives,
    simple: Sequence[Alternative],
    objective: StrategyObjective,
    min_fidelity: float | None,
    *,
    complete: bool,
) -> _Best:
    order = np.lexsort(_keys(objective, min_fidelity, ways.stage))[::-1][:FINALISTS]
    results = [(way.forecast, way.link) for way in simple]
    for link in (link_of(ways.recipes[i]) for i in order):
        try:
            results.append((forecasts(stage_of(link))[0], link))
        except ValueError:  # memories too few for it
            continue
    return _best_of(hops, results, objective, min_fidelity, complete=complete)


def _best_of(
    hops: tuple[ElementaryLink, ...],
    results: Sequence[tuple[Forecast, Link]],
    objective: StrategyObjective,
    min_fidelity: float | None,
    *,
    complete: bool = False,
) -> _Best:
    found, link = max(results, key=lambda pair: _rank(objective, min_fidelity, pair[0]))
    return _Best(hops, link, found, complete)


def _keys(objective: StrategyObjective, min_fidelity: float | None, stage: Stage) -> tuple[FloatArray, ...]:
    """Keys for `lexsort`, the last one first: many at once what `_rank` is for one."""
    vectors, latency = delivered(stage)
    rate = 1 / (latency - stage.overlap_s)
    fidelity = bell_populations(vectors)[:, 0]
    value = {"secret_key_rate": secret_fractions(vectors) * rate, "rate": rate, "fidelity": fidelity}[objective]
    short = np.minimum(fidelity - (min_fidelity or 0.0) + ROUNDING, 0.0)
    return rounded(rate), rounded(fidelity), rounded(value), short


def _rank(objective: StrategyObjective, min_fidelity: float | None, found: Forecast) -> tuple[float, ...]:
    """First whatever comes nearest to the least fidelity, then the objective, then fidelity and rate."""
    short = min(found.fidelity - (min_fidelity or 0.0) + ROUNDING, 0.0)
    told = rounded(np.array([_value(objective, found), found.fidelity, found.rate_hz or 0.0]))
    return short, *told.tolist()


def _value(objective: StrategyObjective, found: Forecast) -> float:
    if objective == "fidelity":
        return found.fidelity
    return (found.rate_hz if objective == "rate" else found.secret_key_rate_hz) or 0.0


def _ranked(found: list[_Best], objective: StrategyObjective, min_fidelity: float | None) -> list[_Best]:
    """The best on each path, the winner first; refused if it is not good enough."""
    ranked = sorted(found, key=lambda best: _rank(objective, min_fidelity, best.forecast), reverse=True)
    best = ranked[0]
    ends = f"{best.hops[0].left}–{best.hops[-1].right}"
    if min_fidelity is not None and best.forecast.fidelity < min_fidelity - ROUNDING:
        raise NoStrategy(
            f"no strategy for {ends} reaches the fidelity {min_fidelity:g}; the best found has "
            f"{_words(best.forecast)}. More rounds (max_rounds), other protocols or better links may"
        )
    if objective == "secret_key_rate" and not best.forecast.secret_fraction:
        raise NoStrategy(
            f"no strategy for {ends} yields a key; the best found has {_words(best.forecast)}. More rounds "
            f"(max_rounds), other protocols or better links may"
        )
    if any(node.memories for hop in best.hops for node in hop.ends):
        forecast(best.link)  # which warns where it cannot follow pairs in turn: once, of what is chosen
    return ranked


def _simple_ways(hops: tuple[ElementaryLink, ...], rounds: int, protocols: Sequence[Any]) -> list[Alternative]:
    """What one would try first: no purification, and the same number of rounds for every hop."""
    ways = [("swapping without purification", chain(hops))]
    for number in range(1, rounds + 1):
        text = "one round" if number == 1 else f"{number} rounds"
        link = chain(hops, purify_rounds=number, protocol=protocols[0])
        name = purification("protocols", protocols[0]).name
        ways.append((f"{text} of {name} for every hop", link))
    result = []
    for name, link in ways:
        try:
            result.append(Alternative(name, link, forecasts(stage_of(link))[0]))
        except ValueError:  # memories too few for it
            continue
    return result


def _words(found: Forecast) -> str:
    rate, secret = found.rate_hz or 0.0, found.secret_key_rate_hz or 0.0
    return f"fidelity {found.fidelity:.4f}, {rate:.4g} pairs/s, {secret:.4g} secret bits/s"
