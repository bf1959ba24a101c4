"""The reading itself: a link's tree, folded over stages from its elementary links upwards."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from math import isfinite

import numpy as np

from quantumlink import validation
from quantumlink.circuits import Operation
from quantumlink.link import ElementaryLink, Join, Link, distinct_links
from quantumlink.link.tree import check_memories
from quantumlink.readings.folding import NeverSucceeds
from quantumlink.readings.forecasting.joins import joined
from quantumlink.readings.forecasting.repeating import IMPOSSIBLE
from quantumlink.readings.forecasting.result import Forecast
from quantumlink.readings.forecasting.stages import Stage, delivered, elementary
from quantumlink.readings.residual_swaps import swaps_with_residuals
from quantumlink.readings.state import PairState
from quantumlink.timing.places import Places, Sharing

LEAST_LEFT_OUT = 1e-3
"""What is left out of coherence is told of from there on."""

_Key = tuple[int, tuple[tuple[tuple[str, str], int], ...]]


def forecast(link: Link) -> Forecast:
    """The mean state that a link delivers and how long that takes, without sampling.

    Args:
        link: the link; for an elementary link that says nothing of its attempts, nobody waits.

    Raises:
        NeverSucceeds: if a purification can never succeed.
        ValueError: if a node has fewer memories than are needed.

    Warns:
        UserWarning: if pairs that are made one after the other cannot be followed at every moment, and wait long
            enough that the fidelity may come out too low.

    >>> from quantumlink.hardware import Fiber, Node
    >>> from quantumlink.link import swap
    >>> a, r, b = Node("a"), Node("r"), Node("b")
    >>> hops = ElementaryLink(a, r, fidelity=0.98, rate_hz=100), ElementaryLink(r, b, fidelity=0.98, rate_hz=100)
    >>> forecast(swap(*hops))  # the slower of two exponential times takes 3/2 as long
    <Forecast a–b: fidelity 0.9605, 66.67 pairs/s, 43.26 secret bits/s>

    A clocked source over a long fiber: the first pair takes as long as light and word of it, there and back, the
    next come at the clock's pace.

    >>> from quantumlink.hardware import NodeSource
    >>> far = forecast(ElementaryLink(a, b, Fiber(100), source=NodeSource(clock_hz=1e7)))
    >>> round(far.rate_hz), round(far.latency_s * 1e6)
    (100000, 989)
    """
    not_followed: list[tuple[float, Link]] = []
    stage = stage_of(link, not_followed)
    if not_followed:
        warnings.warn(_too_low(*max(not_followed, key=lambda each: each[0])), UserWarning, stacklevel=2)
    return forecasts(stage)[0]


def _too_low(left_out: float, part: Link) -> str:
    """What a user is told of pairs in turn that were not followed."""
    nodes = " and ".join(repr(node.name) for node in part.ends)
    size = "several per cent" if left_out > 0.02 else "a per cent" if left_out > 5e-3 else "a thousandth"
    return (
        f"the pairs of {part!r} ({part.does}) are made one after the other, as {nodes} have too few places, and "
        f"are followed in the mean only: the fidelity of this forecast is too low, coherences by up to the order "
        f"of {size}; simulate follows every pair"
    )


def stage_of(link: Link, not_followed: list[tuple[float, Link]] | None = None) -> Stage:
    """The one alternative that a link is: see `forecast`.

    Args:
        link: the link.
        not_followed: takes the parts whose pairs in turn are not followed, and by about which part coherences are
            then too low.
    """
    validation.instance("link", link, Link, "a link")
    _check_ends(link)
    check_memories(link)
    sharing, swaps = Sharing(link), swaps_with_residuals(link)
    parents = Counter(id(child) for part in distinct_links(link) for child in part.children)
    known: dict[_Key, Stage] = {}
    done: list[Stage] = []
    # A chain may be far deeper than Python's recursion limit: an explicit stack.
    stack: list[tuple[Link, Places, bool]] = [(link, sharing.all_places, False)]
    while stack:
        part, free, ready = stack.pop()
        key = (id(part), tuple(sorted(free.items())))
        if not ready and key in known:
            done.append(known[key])
            continue
        if part.children and not ready:
            _, shares = sharing.of(part, free)
            stack.append((part, free, True))
            stack.extend(
                (child, share, False) for child, share in zip(part.children[::-1], shares[::-1], strict=True)
            )
            continue
        stage = _made(part, free, sharing, done, swaps)
        if not_followed is not None and stage.left_out > LEAST_LEFT_OUT:
            not_followed.append((stage.left_out, part))
        done.append(stage)
        if parents[id(part)] > 1:  # a long chain needs the memory of a short one
            known[key] = stage
    return done.pop()


def _check_ends(link: Link) -> None:
    """Refuse states of more than two ends: of how they come there is no forecast."""
    for part in distinct_links(link):
        if len(part.ends) != 2:
            raise ValueError(
                f"forecasts are of links of two ends, {part!r} ({part.does}) has {len(part.ends)}: simulate and "
                f"evaluate take it"
            )


def _made(part: Link, free: Places, sharing: Sharing, done: list[Stage], swaps: Mapping[int, Operation]) -> Stage:
    """The stage of one part, whose children's stages are the last ones that were done."""
    if not isinstance(part, Join):
        leaf = validation.instance("link", part, ElementaryLink, "an elementary link or a join")
        return elementary(leaf, sharing.attempts_at_once(leaf, free))
    count = len(part.links)
    stages = done[-count:]
    del done[-count:]
    together, _ = sharing.of(part, free)
    stage = joined(swaps.get(id(part), part.operation), *stages, in_turn=not together)
    if stage.success[0] <= IMPOSSIBLE * np.prod([each.success[0] for each in stages]):
        raise NeverSucceeds(f"{part.does} can never succeed: {part!r}")
    return stage


def forecasts(stage: Stage) -> list[Forecast]:
    """One for each alternative of a stage."""
    vectors, latencies = delivered(stage)
    ends = stage.ends[0].name, stage.ends[1].name
    result = []
    rows = zip(vectors, stage.success, latencies, latencies - stage.overlap_s, strict=True)
    for vector, success, latency, interval in rows:
        coefficients = vector.reshape(4, 4).copy()
        coefficients.setflags(write=False)
        times = (float(latency), float(interval)) if isfinite(latency) else (None, None)
        result.append(Forecast(PairState(coefficients, float(success), ends), *times))
    return result
