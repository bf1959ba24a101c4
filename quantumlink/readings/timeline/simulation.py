"""`simulate`: many trials of a link in time."""

from __future__ import annotations

import warnings

import numpy as np

from quantumlink import validation
from quantumlink.link import Link
from quantumlink.progress import track
from quantumlink.readings.timeline.histories import delivered_states
from quantumlink.readings.timeline.pairs import Pairs
from quantumlink.readings.timeline.result import Timeline
from quantumlink.readings.timeline.run import STORED, SWAPPINGS, Run, Stored, Swapping


def simulate(
    link: Link,
    *,
    trials: int = 10_000,
    seed: int | None = None,
    cutoff_s: float | None = None,
    swapping: Swapping = "asap",
    stored: Stored = "herald",
) -> Timeline:
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
            ``"attempt"``, it is that at the start of the attempt, and both memories hold it meanwhile.

    Returns:
        A `Timeline`. If interrupted by Ctrl-C, one of the trials that were done, with a warning; if none were, the
        interrupt goes on.

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
    """
    validation.instance("link", link, Link, "a link")
    trials = validation.count("trials", trials, at_least=1)
    seed = validation.seed("seed", seed)
    validation.choice("swapping", swapping, SWAPPINGS)
    validation.choice("stored", stored, STORED)
    if cutoff_s is not None:
        cutoff_s = validation.lifetime("cutoff_s", cutoff_s)
        if swapping == "levels":
            raise ValueError(
                f"cutoff_s={cutoff_s!r} goes with swapping='asap' only: in levels, every pair waits for all others "
                f"of its level, and one that starts again would hold up the rest until they are too old as well"
            )
    entropy = np.random.SeedSequence(seed).entropy
    assert isinstance(entropy, int)
    run = Run(link, trials, entropy, cutoff_s, swapping, stored)
    plan = run.plan
    done: list[Pairs] = []
    interrupted = False
    try:
        for number in track(range(run.batches), "trials"):
            pairs = run.batch(number)
            pairs.states = delivered_states(plan, pairs)
            done.append(pairs)
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = True
    timeline = _timeline(run, done, interrupted=interrupted)
    if interrupted:
        warnings.warn(
            f"interrupted: the timeline holds {timeline.trials} of {trials} trials", UserWarning, stacklevel=2
        )
    return timeline


def _timeline(run: Run, batches: list[Pairs], *, interrupted: bool) -> Timeline:
    latencies = np.concatenate([pairs.ready for pairs in batches])
    states = np.concatenate([pairs.states.T for pairs in batches])
    spent = np.concatenate([pairs.spent_until(pairs.ready).T for pairs in batches])
    for column in (latencies, states, spent):
        column.setflags(write=False)
    return Timeline(run, latencies, states, spent, interrupted=interrupted)
