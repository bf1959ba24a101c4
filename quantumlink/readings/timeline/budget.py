"""The budget: where the time went, and where the fidelity was lost."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.hardware import Memory, Node
from quantumlink.hardware.pauli_coefficients import FIDELITY_SIGNS
from quantumlink.link import ElementaryLink, Join, Link, distinct_links
from quantumlink.progress import track
from quantumlink.readings.perfect import target_of
from quantumlink.readings.timeline.histories import last_waits, replayed
from quantumlink.readings.timeline.planning import make_plan
from quantumlink.readings.timeline.run import Run
from quantumlink.tables import html_table


@dataclass(frozen=True)
class TimeBudget:
    """The mean latency in parts, in seconds, which add up to it.

    Where links are made side by side, their mean time counts, and what they wait on average for the last one is
    ``partner_s``: so the parts say how long it would take if nothing ever waited for
    anything, and what the waiting adds.
    """

    attempts_s: float
    """Attempts of elementary links."""
    partner_s: float
    """Waiting for the other links of an operation (in levels: for all of the level)."""
    messages_s: float
    """Classical messages, the corrections that they bring, and moves into memories."""
    operations_s: float
    """Gates and measurements."""
    retries_s: float
    """Tries of operations that failed, from start to end."""
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
    """Lost to memories: waiting, attempts for others meanwhile, moves into them."""

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
    total, target = np.zeros(len(plans)), target_of(run.link).reshape(-1)
    for number in track(range(run.batches), "budget"):
        pairs = run.batch(number, record=True)
        last = last_waits(pairs)
        total += [fidelities(replayed(plan, pairs.waits, last, pairs.attempts)[0], target).sum() for plan in plans]
    means = total / trials
    waiting, readout, gates, source = np.diff(means).tolist()
    return FidelityBudget(source=source, gates=gates, readout=readout, waiting=waiting)


def fidelities(states: FloatArray, target: FloatArray | None = None) -> FloatArray:
    """The fidelity of each state to a pure one: shapes (4^k, n) and (4^k,) to (n,); of pairs to Φ⁺ if None."""
    if target is None or len(states) == 16:
        return np.asarray(FIDELITY_SIGNS @ states)
    return np.asarray(target @ states / np.sqrt(len(states)))


def without(link: Link, *, source: bool, gates: bool, readout: bool, waiting: bool) -> Link:
    """The same link with perfect sources, gates, readouts or memories; the ways to its pairs stay as they are."""

    def better(node: Node) -> Node:
        processor, memory = node.processor, Memory() if waiting else node.memory
        if gates:
            processor = processor.without_gate_errors()
        if readout:
            processor = replace(processor, readout_error=0.0)
        return replace(node, processor=processor, memory=memory)

    nodes: dict[int, Node] = {}
    made: dict[int, Link] = {}
    for part in distinct_links(link):
        if isinstance(part, Join):
            made[id(part)] = part.with_links([made[id(child)] for child in part.links])
            continue
        left, right = (nodes.setdefault(id(node), better(node)) for node in part.ends)
        made[id(part)] = _better_source(part, left, right, perfect=source)  # type: ignore[arg-type]
    return made[id(link)]


def _better_source(link: ElementaryLink, left: Node, right: Node, *, perfect: bool) -> ElementaryLink:
    attempts = link.attempts
    assert attempts is not None
    probability, time_s = attempts.success_probability, attempts.time_s
    return ElementaryLink(
        left,
        right,
        link.medium,
        state=None if perfect else link.state,
        success_probability=probability,
        attempt_time_s=None if probability is None else time_s,
        rate_hz=1 / time_s if probability is None else None,
        classical_delay_s=link.classical_delay_s,
        heralded_s=link.heralded_s,
    )
