"""The budget: where the time went, and where the fidelity was lost."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from quantumlink.hardware import Memory, Node
from quantumlink.link import ElementaryLink, Link, Purify, Swap, distinct_links
from quantumlink.progress import track
from quantumlink.readings.state import html_table
from quantumlink.readings.timeline.histories import last_waits, replayed
from quantumlink.readings.timeline.plan import make_plan
from quantumlink.readings.timeline.run import BATCH, Run

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TimeBudget:
    """The mean latency in parts, in seconds, which add up to it.

    Where two pairs are made side by side, their times count half each, and what the earlier one then waits for the
    later one is ``partner_s``, half of it: so the parts say how long it would take if nothing ever waited for
    anything, and what the waiting adds.
    """

    attempts_s: float
    """Attempts of elementary links."""
    partner_s: float
    """Waiting for the other pair of a swap or a purification (in levels: for all of the level)."""
    messages_s: float
    """Classical messages, and the corrections that they bring."""
    operations_s: float
    """Gates and measurements."""
    retries_s: float
    """Tries of purifications that failed, from start to end."""
    cutoffs_s: float
    """Pairs that grew too old, until what made them started again."""

    @property
    def total_s(self) -> float:
        """The mean latency."""
        return float(sum(getattr(self, field.name) for field in fields(self)))


@dataclass(frozen=True)
class FidelityBudget:
    """The mean infidelity in parts, which add up to it.

    Along the same histories waiting, readout errors, gate errors and the sources' infidelity are switched off, one
    after the other and in this order; each part is what the fidelity gained by that.
    """

    source: float
    """Lost to the state in which elementary pairs arrive."""
    gates: float
    """Lost to gates."""
    readout: float
    """Lost to readouts."""
    waiting: float
    """Lost to waiting memories."""

    @property
    def total(self) -> float:
        """One minus the mean fidelity."""
        return self.source + self.gates + self.readout + self.waiting


@dataclass(frozen=True)
class Budget:
    """Where the time went, and where the fidelity was lost: means over all trials."""

    time: TimeBudget
    """The mean latency in parts."""
    fidelity: FidelityBudget
    """The mean infidelity in parts."""

    def _repr_html_(self) -> str:
        time, lost = self.time, self.fidelity
        rows = [(f"time: {f.name[:-2]}", f"{getattr(time, f.name):.4g} s") for f in fields(time)]
        rows += [(f"infidelity: {f.name}", f"{getattr(lost, f.name):.4g}") for f in fields(lost)]
        return html_table("budget", rows)


def time_budget(spent_s: FloatArray) -> TimeBudget:
    """The means of times of shape (trials, 6)."""
    return TimeBudget(*(float(part) for part in spent_s.mean(axis=0)))


def fidelity_budget(run: Run, trials: int) -> FidelityBudget:
    """The mean infidelity in parts: the run is played again, its states with less and less noise."""
    off = {"waiting": False, "readout": False, "gates": False, "source": False}
    plans = [run.plan]
    for name in off:
        off[name] = True
        plans.append(make_plan(without(run.link, **off)))
    total = np.zeros(len(plans))
    for number in track(range(-(-trials // BATCH)), "budget"):
        pairs = run.batch(number, record=True)
        last = last_waits(pairs)
        total += [fidelities(replayed(plan, pairs.waits, last)[0]).sum() for plan in plans]
    means = total / trials
    waiting, readout, gates, source = np.diff(means).tolist()
    return FidelityBudget(source=source, gates=gates, readout=readout, waiting=waiting)


def fidelities(states: FloatArray) -> FloatArray:
    """The fidelity to Φ⁺ of each state: shape (16, n) to (n,)."""
    found: FloatArray = (1 + states[5] - states[10] + states[15]) / 4
    return found


def without(link: Link, *, source: bool, gates: bool, readout: bool, waiting: bool) -> Link:
    """The same link with perfect sources, gates, readouts or memories; the ways to its pairs stay as they are."""

    def better(node: Node) -> Node:
        processor, memory = node.processor, Memory() if waiting else node.memory
        if gates:
            processor = replace(processor, depolarizing_1q=0.0, depolarizing_2q=0.0)
        if readout:
            processor = replace(processor, readout_error=0.0)
        return replace(node, processor=processor, memory=memory)

    nodes: dict[int, Node] = {}
    made: dict[int, Link] = {}
    for part in distinct_links(link):
        left, right = (nodes.setdefault(id(node), better(node)) for node in part.ends)
        if isinstance(part, ElementaryLink):
            made[id(part)] = _better_source(part, left, right, perfect=source)
            continue
        first, second = (made[id(child)] for child in part.children)
        if isinstance(part, Swap):
            made[id(part)] = replace(part, left=left, right=right, left_link=first, right_link=second)
        elif isinstance(part, Purify):
            made[id(part)] = replace(part, left=left, right=right, kept=first, spent=second)
    return made[id(link)]


def _better_source(link: ElementaryLink, left: Node, right: Node, *, perfect: bool) -> ElementaryLink:
    attempts = link.attempts
    assert attempts is not None
    probability, time_s = attempts.success_probability, attempts.time_s
    return ElementaryLink(
        left,
        right,
        link.medium,
        bell_diagonal=(1.0, 0.0, 0.0, 0.0) if perfect else link.bell_diagonal,
        success_probability=probability,
        attempt_time_s=None if probability is None else time_s,
        rate_hz=1 / time_s if probability is None else None,
    )
