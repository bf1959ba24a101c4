"""`simulate`: many trials of a link in time."""

from __future__ import annotations

import warnings
from math import inf
from typing import overload

import numpy as np

from quantumlink import validation
from quantumlink.arrays import IndexArray
from quantumlink.interrupts import keep
from quantumlink.link import Link
from quantumlink.progress import track
from quantumlink.readings.timeline.histories import delivered_states
from quantumlink.readings.timeline.pairs import Pairs
from quantumlink.readings.timeline.plan import Joining, Plan, in_order
from quantumlink.readings.timeline.planning import waited_support
from quantumlink.readings.timeline.result import Timeline
from quantumlink.readings.timeline.run import PURIFYINGS, STORED, SWAPPINGS, Purifying, Run, Stored, Swapping
from quantumlink.readings.timeline.stream import Stream


@overload
def simulate(
    link: Link,
    *,
    trials: int = ...,
    seed: int | None = ...,
    cutoff_s: float | None = ...,
    swapping: Swapping = ...,
    stored: Stored = ...,
    purifying: Purifying = ...,
    pairs: None = ...,
) -> Timeline: ...


@overload
def simulate(
    link: Link,
    *,
    trials: int = ...,
    seed: int | None = ...,
    cutoff_s: float | None = ...,
    swapping: Swapping = ...,
    stored: Stored = ...,
    purifying: Purifying = ...,
    pairs: int,
) -> Stream: ...


def simulate(
    link: Link,
    *,
    trials: int = 10_000,
    seed: int | None = None,
    cutoff_s: float | None = None,
    swapping: Swapping = "asap",
    stored: Stored = "herald",
    purifying: Purifying = "wait",
    pairs: int | None = None,
) -> Timeline | Stream:
    """Play a link in time, many trials at once: attempts, waiting, messages, retries.

    Every trial makes one pair between the link's ends, beginning with nothing, and carries its exact state. See
    `quantumlink.readings.timeline` for what happens when, to the letter.

    Args:
        link: the link; each of its elementary links must say how its attempts go.
        trials: how many trials, at least 1.
        seed: makes the result repeatable.
        cutoff_s: a pair that is older than that when its partner is there is thrown away, and what made it starts
            again; None for never.
        swapping: ``"asap"``: a swap happens as soon as both its pairs are there; ``"levels"``: when all pairs of
            its level are.
        stored: since when an elementary pair's qubits wait: ``"herald"``, the stated state is that at the herald;
            ``"attempt"``, it is that at the start of the attempt, and both memories hold it meanwhile, as the
            states of sources are, in which no memory decays.
        purifying: ``"wait"``: what a purification (or any operation that may fail) made is used when its ends know
            that it succeeded; ``"optimistic"``: as soon as their gates are done. Whether all succeeded is known in
            the end; if not, all begins again.
        pairs: how many pairs each trial delivers in turn, at least 2, while its links go on making more as far as
            memories allow: see `quantumlink.readings.timeline.streaming`. None: each trial makes one pair,
            beginning with nothing.

    Returns:
        A `Timeline`; with ``pairs``, a `Stream`. If interrupted by Ctrl-C, a timeline of the trials that were done,
        with a warning; if none were, the interrupt goes on.

    Raises:
        ValueError: if an option is out of range, an elementary link does not say how its attempts go, an attempt or
            a purification succeeds too rarely for a trial to end, a node has too few memories, or the cut-off is
            shorter than a message.

    >>> from quantumlink.hardware import Fiber, Memory, Node
    >>> from quantumlink.link import ElementaryLink, swap
    >>> a, r, b = (Node(name, memory=Memory(t2_s=0.1)) for name in ("alice", "relay", "bob"))
    >>> link = swap(ElementaryLink(a, r, Fiber(50), fidelity=0.98), ElementaryLink(r, b, Fiber(50), fidelity=0.98))
    >>> timeline = simulate(link, trials=2000, seed=7)
    >>> timeline
    <Timeline alice–bob: 2000 trials, 261 pairs/s, fidelity 0.937, latency 0.00384 s>

    The next attempts need not wait for the swap before:

    >>> simulate(link, trials=200, pairs=50, seed=7).rate_hz.best > timeline.rate_hz.high
    True
    """
    validation.instance("link", link, Link, "a link")
    trials = validation.many("trials", trials)
    seed = validation.seed("seed", seed)
    validation.choice("swapping", swapping, SWAPPINGS)
    validation.choice("stored", stored, STORED)
    validation.choice("purifying", purifying, PURIFYINGS)
    pairs = None if pairs is None else validation.many("pairs", pairs, at_least=2)
    if cutoff_s is not None:
        cutoff_s = validation.lifetime("cutoff_s", cutoff_s)
        cutoff_s = None if cutoff_s == inf else cutoff_s
    if cutoff_s is not None and swapping == "levels":
        raise ValueError(
            f"cutoff_s={cutoff_s!r} goes with swapping='asap' only: in levels, every pair waits for all others "
            f"of its level, and one that starts again would hold up the rest until they are too old as well"
        )
    if cutoff_s is not None and purifying != "wait":
        raise ValueError(
            f"cutoff_s={cutoff_s!r} goes with purifying='wait' only: what is thrown away begins again by itself, "
            f"which ends that went on cannot know yet"
        )
    entropy = np.random.SeedSequence(seed).entropy
    assert isinstance(entropy, int)
    run = Run(link, trials, entropy, cutoff_s, swapping, stored, purifying)
    plan = run.plan
    present = waited_support(plan, [node.memory for node in link.ends])
    kept = len(present) if pairs is None else pairs * 4 ** len(link.ends)
    numbers = 2 * (kept + (2 * len(link.ends) + 9) * (pairs or 1))  # of each trial and its copy
    validation.in_memory("trials", trials, 8 * numbers, "their states")
    if purifying != "wait":
        _check_side_by_side(plan)
    if pairs is not None:
        return _streamed(run, pairs)
    done: list[Pairs] = []
    interrupted = False
    try:
        for number in track(range(run.batches), "trials"):
            batch = run.batch(number)
            batch.states = delivered_states(plan, batch)[present]
            done.append(batch)
    except KeyboardInterrupt:
        if not done:
            raise
        keep()
        interrupted = True
    timeline = _timeline(run, done, present, interrupted=interrupted)
    if interrupted:
        warnings.warn(
            f"interrupted: the timeline holds {timeline.trials} of {trials} trials", UserWarning, stacklevel=2
        )
    return timeline


def _streamed(run: Run, pairs: int) -> Stream:
    """A stream, of what streams know."""
    for node in (node for leaf in run.link.elementary_links() for node in leaf.ends):
        if node.stores_apart and not run.one_after_the_other:
            raise ValueError(
                f"pairs={pairs}: streams do not know how node {node.name!r} shares storage={node.storage!r} among "
                f"its links while they go on, nor when its attempts then disturb what it stores "
                f"(per_attempt={node.memory.per_attempt:g}); without pairs, simulate does, and so do streams of "
                f"what is made one pair after the other (communication=1)"
            )
    times, states = zip(*(run.streamed(number, pairs) for number in range(run.batches)), strict=True)
    found = Stream(run, np.concatenate(times), np.concatenate(states))
    for column in (found.delivered_s, found.states):
        column.setflags(write=False)
    return found


def _check_side_by_side(plan: Plan) -> None:
    """Refuse links made in turn where nobody waits to hear whether the one before succeeded."""
    for part in in_order(plan):
        if isinstance(part, Joining) and not part.side_by_side:
            raise ValueError(
                f"purifying='optimistic' needs memories for all pairs of {part.link!r} side by side: made in turn, "
                f"one would begin before it is known whether the other is any good"
            )


def _timeline(run: Run, batches: list[Pairs], present: IndexArray, *, interrupted: bool) -> Timeline:
    latencies = np.concatenate([pairs.ready for pairs in batches])
    states = np.concatenate([pairs.states for pairs in batches], axis=1).T
    spent = np.concatenate([pairs.spent_until(pairs.ready).T for pairs in batches])
    for column in (latencies, present, states, spent):
        column.setflags(write=False)
    return Timeline(run, latencies, present, states, spent, interrupted=interrupted)
