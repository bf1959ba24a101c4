"""`operate`: a network under load."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import Executor, wait
from math import ceil, inf
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from quantumlink import validation
from quantumlink.interrupts import between_parts
from quantumlink.network.control.block import Block, begun
from quantumlink.network.control.compiling import has_numba
from quantumlink.network.control.flows import ANY_ORDER, Routing
from quantumlink.network.control.ghz import check_arms, fusion_tables, fusions_of
from quantumlink.network.control.options import Options, Swapping, Taking
from quantumlink.network.control.pace import Pace
from quantumlink.network.control.policies import Policy, TimeSlots
from quantumlink.network.control.result import Performance
from quantumlink.network.control.schedule import RequestsOf, timed_changes
from quantumlink.network.control.slots import slot_of
from quantumlink.network.control.tables import Floats, Tables
from quantumlink.network.control.tabulating import Layout, link_tables, route_tables, support_among
from quantumlink.network.control.tags import recipe_of
from quantumlink.network.control.trial import Setting, Trial, TrialResult, Way, ready
from quantumlink.network.load.demand import DEMAND_KINDS, Demand, checked_demands
from quantumlink.progress import in_words, say, track

if TYPE_CHECKING:
    from quantumlink.network.graph import Avoid
    from quantumlink.network.network import Network

BATCHES = 32
"""Parts of a trial of which means are kept, so that one trial has intervals too."""

MOST_EVENTS = 3e9
"""More pairs, requests and slots together are refused: they would take hours."""

PARTS = 200
"""Steps in which progress is shown."""

SHORT_S = 5.0
"""Of runs that take less, it is not said how long."""

SHARES = 8
"""Into how many parts trials that are played together are divided on an executor: smaller ones are no faster."""

LAST_S = 1.0
"""How long an interrupted run waits for trials of other processes."""

WORTH_COMPILING = 2e6
"""Events below which compiling, which may take a minute (once: it is kept), would take longer than the run."""


def operate(
    network: Network,
    demands: Sequence[Demand],
    *,
    policy: Policy | None = None,
    duration_s: float,
    trials: int = 1,
    seed: int | None = None,
    slot_s: float | None = None,
    swapping: Swapping = "asap",
    take: Taking = "newest",
    purify_rounds: int | Literal["best"] = 0,
    protocol: Any = "dejmps",
    cutoff_s: float | None = None,
    buffer: int = 16,
    in_flight: int | None = None,
    warm_up_s: float = 0.0,
    happenings: Sequence[Any] = (),
    records: int = 100_000,
    avoid: Avoid = (),
    executor: Executor | None = None,
) -> Performance:
    """Run a network with all its demands at once, slot by slot, each pair with its exact state.

    See `quantumlink.network.control` for what happens when, to the letter.

    Args: network: the network. demands: what is wanted, at least one `Demand`. policy: who is served first, and
        over how many paths; `FirstComeFirstServed` if None. duration_s: how long each trial is, in seconds. trials:
        how many independent trials. seed: makes the result repeatable. slot_s: the duration of a slot: decisions
        are made at its beginning. The shortest attempt of a link if None. swapping: ``"asap"``, ``"balanced"``,
        ``"sequential"`` or ``"fidelity"``, see `Swapping`. take: of several pairs that would do, the ``"newest"``
        or the ``"oldest"``. purify_rounds: rounds of purification of each hop; ``"best"`` for what `best_strategy`
        does on each path. protocol: the purification, whatever `purify` takes. cutoff_s: age at which a pair that
        waits is thrown away; None for never. buffer: most pairs that a link keeps in stock where its nodes do not
        count their memories. in_flight: most requests of a demand that are worked on at once; None for 64, or for 1
        if paths are reserved. warm_up_s: what happens before is not counted in rates, latencies and fidelities.
        happenings: any of `Outage`, `RandomFailures`, `Attack` and `Watch`. records: of how many deliveries of each
        trial every single one is kept. avoid: nodes and links that nobody uses. executor: where trials run side by
        side; in this process, one after the other, if None.

    Returns:
        An `Performance`. If interrupted by Ctrl-C, one of what was done, with a warning.

    Raises:
        ValueError: if an argument is out of range, a demand's nodes are unknown or not connected, no path is good
            enough for it, or the run would take too long.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> from quantumlink.network import Network
    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> half = {"success_probability": 0.5, "attempt_time_s": 1e-3}
    >>> network = Network([a, r, b], [ElementaryLink(a, r, **half), ElementaryLink(r, b, **half)])
    >>> operate(network, [Demand("a", "b", rate_hz=100)], duration_s=2, seed=7)
    <Performance of 1 demand over 2 s: 213 delivered, fairness 1>
    """
    wanted = checked_demands(network, demands, DEMAND_KINDS)
    if executor is not None:
        validation.instance("executor", executor, Executor, "a concurrent.futures.Executor or None")
    options = Options(policy, duration_s, trials, slot_s, swapping, take, purify_rounds, protocol, cutoff_s,
                       buffer, in_flight, warm_up_s, records)  # fmt: skip
    seed = validation.seed("seed", seed)
    entropy = np.random.SeedSequence(seed).entropy
    assert isinstance(entropy, int)
    layout, setting = prepared(network, wanted, options, happenings, avoid, entropy)
    results, interrupted = _play_all(setting, options.trials, executor)
    found = Performance(layout, wanted, options, tuple(results), interrupted=interrupted)
    if interrupted:
        warnings.warn(
            f"interrupted: the result holds {found.played_s:.4g} of {trials * options.duration_s:.4g} s",
            UserWarning,
            stacklevel=2,
        )
    return found


def prepared(
    network: Network,
    demands: tuple[Demand, ...],
    options: Options,
    happenings: Sequence[Any],
    avoid: Avoid,
    entropy: int,
) -> tuple[Layout, Setting]:
    """All that every trial has in common."""
    strategy = options.purify_rounds == "best"
    flows = Routing(network, options.policy, options.plan, strategy=strategy, avoid=avoid).flows(demands)
    slot_s = slot_of(network, flows, options.duration_s, options.slot_s)
    any_order = options.swapping in ANY_ORDER
    recipes = [[recipe_of(r, options.plan, slot_s, any_order=any_order) for r in flow.routes] for flow in flows]
    layout = Layout.of(network, slot_s, flows, recipes, fusions_of(demands, flows, slot_s))
    _check_nodes(layout)
    if options.policy.reserving:
        check_arms(layout)
    changes = timed_changes(layout, happenings, options.duration_s)
    way = way_of(_events(layout, demands, options), options.trials, len(layout.flows))
    tables = _tables(layout, demands, options, changes)
    _check_cutoff(layout, options)
    requests = RequestsOf(demands, tuple((f.demand, f.secret_fraction) for f in flows), options.duration_s, slot_s)
    setting = Setting(
        tables, options.policy, len(demands), entropy, requests, changes.changes, slot_s,
        way, options.records, layout.fusions,
    )  # fmt: skip
    return layout, setting


def _check_nodes(layout: Layout) -> None:
    """Refuse what the loop does not play."""
    for name in layout.nodes:
        node = layout.network.nodes[name]
        if node.stores_apart or node.memory.move_s or node.memory.move_depolarizing:
            raise ValueError(
                f"operate plays halves of pairs that stay where they were made and are not disturbed by attempts, "
                f"got storage={node.storage!r} and {node.memory!r} at the node {name!r}: `simulate` plays them for "
                f"one demand"
            )


def _events(layout: Layout, demands: tuple[Demand, ...], options: Options) -> float:
    """About how much is to be done.

    Raises:
        ValueError: if it is too much.
    """
    pairs_hz = sum(a.rate_hz for n in layout.links if (a := layout.network.links[n].attempts) is not None)
    requests_hz = sum(demand.rate_hz or 0.0 for demand in demands)
    once = sum(demand.count or 0 for demand in demands)
    events = options.trials * (options.duration_s * (pairs_hz + requests_hz) + once)
    if options.policy.code == Policy.code:
        events += options.trials * options.duration_s / (options.policy.every_s or layout.slot_s)
    if events > MOST_EVENTS:
        raise ValueError(
            f"duration_s={options.duration_s:g} with trials={options.trials} makes some {events:.2g} events, which "
            f"would take hours; at most {MOST_EVENTS:.0e} are played: choose a shorter duration_s or fewer trials"
        )
    return events


def worth_together(flows: int) -> int:
    """From how many trials on they are played faster together: of few flows, more of them do the same at once."""
    return 60 + 10 * flows


def way_of(events: float, trials: int, flows: int) -> Way:
    """How a run of some events in all is played fastest; the result is the same."""
    if events > WORTH_COMPILING and has_numba():
        return "compiled"
    together = trials >= worth_together(flows)
    if events > WORTH_COMPILING:
        times = "ten to forty" if together else "many"
        warnings.warn(
            f"some {events:.2g} events take {times} times longer without numba: pip install quantumlink[load]",
            stacklevel=4,
        )
    return "together" if together else "alone"


def _tables(layout: Layout, demands: tuple[Demand, ...], options: Options, changes: Any) -> Tables:
    links = link_tables(layout, changes.states, options.buffer)
    own = [demands[flow.demand] for flow in layout.flows]
    slot_s, policy = layout.slot_s, options.policy
    window = options.in_flight or (1 if policy.reserving else 64)
    none: Floats = np.zeros(0)
    return Tables(
        **links,
        **route_tables(layout, support_among(layout, links["link_vector"])),
        **changes.watched,
        **fusion_tables(layout),
        flow_paths=np.full(len(own), policy.paths, dtype=np.int64),
        flow_demand=np.array([flow.demand for flow in layout.flows], dtype=np.int64),
        flow_priority=np.array([d.priority for d in own], dtype=np.int64),
        flow_saturated=np.array([d.is_saturated for d in own]),
        flow_deadline=np.array([inf if d.deadline_s is None else d.deadline_s / slot_s for d in own]),
        flow_floor=np.array([d.min_fidelity or 0.0 for d in own]),
        requests_from=np.zeros(len(own) + 1, dtype=np.int64),
        requests=none,
        changes_at=none,
        changes_kind=none.astype(np.int64),
        changes_what=none.astype(np.int64),
        changes_state=none.astype(np.int64),
        cutoff=inf if options.cutoff_s is None else options.cutoff_s / slot_s,
        newest=options.take == "newest",
        early=options.swapping == "fidelity",
        reserving=bool(policy.reserving),
        setup=bool(getattr(policy, "setup", False)),
        wanted_only=bool(policy.reserving),
        window=window,
        policy=policy.code,
        turn=policy.turn_s / slot_s if isinstance(policy, TimeSlots) else 1.0,
        horizon=options.duration_s / slot_s,
        warm_up=options.warm_up_s / slot_s,
        batches=BATCHES,
    )


def _check_cutoff(layout: Layout, options: Options) -> None:
    """Refuse a cut-off that throws away every pair before both its ends know of it."""
    if options.cutoff_s is None:
        return
    for recipe in layout.all_recipes:
        for rule in recipe.rules:
            message_s = rule.course.message * layout.slot_s
            if rule.result != recipe.root and message_s > options.cutoff_s * (1 + 1e-9):
                raise ValueError(
                    f"cutoff_s must not be shorter than the messages of any pair that is to be used further: "
                    f"{rule.join!r} is known at both its ends {message_s:.6g} s after it was made, so that a "
                    f"cut-off of {options.cutoff_s:.6g} s would throw away every one"
                )


def _play_all(setting: Setting, trials: int, executor: Executor | None) -> tuple[list[TrialResult], bool]:
    if executor is not None:
        return _side_by_side(setting, trials, executor)
    results: list[TrialResult] = []
    ready(setting)
    with between_parts() as interrupted:
        playing, pace = begun(setting, 0, trials), Pace(trials)
        for part in track(range(PARTS), "operating"):
            while _played(results, playing) * PARTS < (part + 1) * trials and not interrupted():
                playing.go_on()
                seconds = pace.note(_played(results, playing))
                if seconds is not None and seconds > SHORT_S:
                    say(f"operating takes about {in_words(seconds)}")
                if playing.done == 1.0 and len(results) + playing.trials < trials:
                    results += playing.results()
                    playing = begun(setting, len(results), trials - len(results))
            if interrupted():
                break
    whole = playing.done == 1.0
    if playing.done:
        results += playing.results()
    if not results:
        raise KeyboardInterrupt
    return results, len(results) < trials or not whole


def _played(results: list[TrialResult], playing: Trial | Block) -> float:
    """How many trials are played, parts of them included."""
    return len(results) + playing.done * playing.trials


def played(setting: Setting, first: int, trials: int) -> list[TrialResult]:
    """Some trials, as another process plays them; interrupted, what was done of them."""
    ready(setting)
    results: list[TrialResult] = []
    with between_parts() as interrupted:
        while len(results) < trials and not interrupted():
            playing = begun(setting, first + len(results), trials - len(results))
            while playing.done < 1.0 and not interrupted():
                playing.go_on()
            results += playing.results()
    return results


def _side_by_side(setting: Setting, trials: int, executor: Executor) -> tuple[list[TrialResult], bool]:
    least = worth_together(len(setting.tables.flow_demand))
    size = max(least, ceil(trials / SHARES)) if setting.way == "together" else 1
    shares = [(first, min(size, trials - first)) for first in range(0, trials, size)]
    futures = [executor.submit(played, setting, *share) for share in shares]
    try:
        found = [future.result() for future in track(futures, "operating")]
    except KeyboardInterrupt:
        for future in futures:
            future.cancel()
        wait(futures, timeout=LAST_S)  # trials of this terminal's processes were interrupted too
        kept = [f for f in futures if f.done() and not f.cancelled() and f.exception() is None]
        results = [result for future in kept for result in future.result() if result.slots]
        if not results:
            raise
        return results, True
    results = [result for share in found for result in share if result.slots]
    return results, len(results) < trials or any(result.slots < setting.tables.horizon for result in results)
