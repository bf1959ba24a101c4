"""What a network under load delivered: of each demand, each node and each link, and all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from quantumlink.arrays import FloatArray, IntArray
from quantumlink.estimation import CONFIDENCE, Estimate
from quantumlink.link import ElementaryLink
from quantumlink.network.control.plain_data import demand_data, options_data, policy_data
from quantumlink.network.control.tables import (
    DELIVERED,
    EXPIRED,
    FAILED,
    FUSED,
    LOST,
    MADE,
    PURIFIED,
    REJECTED,
    RELEASED,
    SWAPPED,
    TESTED,
)
from quantumlink.network.control.tabulating import Layout
from quantumlink.network.control.trial import TrialResult
from quantumlink.network.load.demand import Demand
from quantumlink.rates import secret_fraction
from quantumlink.readings.shared_state import SharedState
from quantumlink.readings.state import PairState
from quantumlink.tables import html_table

if TYPE_CHECKING:
    from quantumlink.network.control.options import Options


@dataclass(frozen=True, eq=False)
class Pairs:
    """What became of all pairs, over all trials. Made is the sum of all that follows."""

    made: int
    """Pairs of links that were heralded."""
    delivered: int
    swapped: int
    """Swaps that succeeded: of two pairs, each leaves one."""
    purified: int
    """Pairs that were spent on others, successfully."""
    failed: int
    """Pairs that were lost to swaps and purifications that failed."""
    expired: int
    """Thrown away at the cut-off."""
    lost: int
    """Held by a node that failed, or by a link that an alarm took out."""
    released: int
    """Dropped because their path was given up or let go."""
    tested: int
    """Measured to see whether a link is attacked."""
    fused: int
    """Pairs that went into GHZ states."""
    rejected: int
    """Not good enough for the demand that they were made for."""
    left: int
    """Still there at the end."""


@dataclass(frozen=True, eq=False)
class DemandResult:
    """What one demand got, with intervals."""

    demand: Demand
    requested: int
    """Requests that came, of pairs (of a key: of its slowest segment); 0 if as much is wanted as there can be."""
    served: int
    """Pairs or GHZ states that were delivered; of a key, over its slowest segment."""
    blocked: int
    """Requests that were given up at their deadline."""
    waiting: int
    """Requests that still wait at the end, of all trials; 0 if as much is wanted as there can be."""
    rate_hz: Estimate
    """Pairs or GHZ states a second."""
    fidelity: Estimate | None
    """Mean fidelity of what was delivered, of GHZ states to the GHZ state; of the worst segment of a key. None if
    nothing was."""
    latency_s: Estimate | None
    """Mean time from a request to its pair. None if nothing was delivered, or as much is wanted as there can be."""
    key_rate_hz: Estimate
    """Secret bits a second that the pairs give, asymptotically: of the slowest segment of a key; 0 for GHZ
    states."""
    state: PairState | SharedState | None
    """The mean state of what was delivered, of the first segment of a key; None if nothing was."""


@dataclass(frozen=True, eq=False)
class LinkUse:
    """How one link was used."""

    link: ElementaryLink
    made: int
    """Pairs that it made."""
    use: float
    """Which part of them a demand took."""
    trying: float
    """Which part of the time it made attempts (of several memories: their number in the mean)."""
    waiting_s: float
    """How long its pairs lay in stock in the mean before a demand took them; NaN if none did."""
    expired: int
    """Pairs that grew too old in stock."""
    alarms: int
    """How often it was taken out because somebody seemed to attack it."""


@dataclass(frozen=True, eq=False)
class NodeUse:
    """How one node was used."""

    name: str
    occupied: float
    """How many of its memories were occupied in the mean, attempts included."""
    swaps: int
    """Swaps that it began."""
    purifications: int
    """Purifications that it took part in."""
    fusions: int
    """Fusions of pairs into GHZ states that it began."""


@dataclass(frozen=True, eq=False)
class Deliveries:
    """Every single delivery, as far as it was kept: arrays of one length, trial after trial in order of time."""

    trial: IntArray
    demand: IntArray
    """The number of the demand."""
    segment: IntArray
    """Which segment of the demand's key; 0 for pairs and GHZ states."""
    path: IntArray
    """Which of the segment's paths, 0 for the preferred one; of a GHZ state, that of its first arm."""
    asked_s: FloatArray
    """When it was asked for."""
    time_s: FloatArray
    """When both ends knew of it."""
    fidelity: FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class Performance:
    """A network under load: see `quantumlink.network.operate`.

    >>> import quantumlink as ql
    >>> from quantumlink.network import Demand
    >>> a, b = ql.Node("a"), ql.Node("b")
    >>> link = ql.ElementaryLink(a, b, fidelity=0.9, success_probability=1.0, attempt_time_s=0.01)
    >>> net = ql.Network([a, b], [link])
    >>> run = ql.operate(net, [Demand("a", "b", rate_hz=20)], duration_s=1.0, seed=1)
    >>> run.results[0].served == run.pairs.delivered, round(run.results[0].fidelity.best, 6)
    (True, 0.9)
    """

    layout: Layout
    demands: tuple[Demand, ...]
    options: Options
    trials: tuple[TrialResult, ...]
    """What each trial counted."""
    interrupted: bool = False
    """Whether Ctrl-C stopped it before all was done."""

    @property
    def played_s(self) -> float:
        """How much time was played, over all trials."""
        return sum(trial.slots for trial in self.trials) * self.layout.slot_s

    @cached_property
    def pairs(self) -> Pairs:
        """What became of all pairs."""
        c = self._total("counted")
        left = sum(trial.left for trial in self.trials)
        order = (MADE, DELIVERED, SWAPPED, PURIFIED, FAILED, EXPIRED, LOST, RELEASED, TESTED, FUSED, REJECTED)
        return Pairs(*[*(int(c[i]) for i in order), left])

    @cached_property
    def results(self) -> tuple[DemandResult, ...]:
        """What each demand got, in order."""
        return tuple(self._result(i) for i in range(len(self.demands)))

    @cached_property
    def links(self) -> tuple[LinkUse, ...]:
        """How the links were used that a route leads over."""
        counts = self._total("link_counts")
        waits = self._total("link_waits")
        slots = sum(trial.slots for trial in self.trials)
        found = []
        for i, number in enumerate(self.layout.links):
            made, taken, expired, alarms = (int(x) for x in counts[i])
            waited = float(waits[i, 0]) * self.layout.slot_s / taken if taken else nan
            use = taken / made if made else 0.0
            trying = float(waits[i, 1]) / slots
            found.append(LinkUse(self.layout.network.links[number], made, use, trying, waited, expired, alarms))
        return tuple(found)

    @cached_property
    def nodes(self) -> tuple[NodeUse, ...]:
        """How the nodes were used that a route leads over."""
        counts = self._total("node_counts")
        time = self._total("node_time")
        slots = sum(trial.slots for trial in self.trials)
        return tuple(
            NodeUse(name, float(time[i]) / slots, *(int(n) for n in counts[i]))
            for i, name in enumerate(self.layout.nodes)
        )

    @property
    def fairness(self) -> float:
        """Jain's index of what demands got of what they want: 1 if all get the same share, 1/n if one has all.

        A demand that wants as much as there can be counts with its rate; shares of the two kinds are compared only
        among all demands of a rate, or all without.
        """
        shares = np.array([self._share(result) for result in self.results])
        if not shares.any():
            return nan
        return float(shares.sum() ** 2 / (len(shares) * (shares**2).sum()))

    @cached_property
    def deliveries(self) -> Deliveries:
        """Every single delivery that was kept: the first ones of each trial, see ``records``."""
        slot_s, flows = self.layout.slot_s, self.layout.flows
        demand = np.array([flow.demand for flow in flows])
        first = np.array([next(i for i, f in enumerate(flows) if f.demand == flow.demand) for flow in flows])
        starts = np.concatenate([np.arange(len(own)) for own in self.layout.recipes])
        flow = np.concatenate([trial.record_flow for trial in self.trials])
        route = np.concatenate([trial.record_route for trial in self.trials])
        times = np.concatenate([trial.record_times for trial in self.trials]) * slot_s
        number = np.repeat(np.arange(len(self.trials)), [len(trial.record_flow) for trial in self.trials])
        return Deliveries(
            number, demand[flow], flow - first[flow], starts[route], times[:, 0], times[:, 1],
            np.concatenate([trial.record_fidelity for trial in self.trials]),
        )  # fmt: skip

    def _flows_of(self, demand: int) -> list[int]:
        return [i for i, flow in enumerate(self.layout.flows) if flow.demand == demand]

    def _share(self, result: DemandResult) -> float:
        demand = result.demand
        got = result.key_rate_hz if demand.kind == "key" else result.rate_hz
        if demand.rate_hz is not None:
            return float(got) / demand.rate_hz
        return float(result.served / result.requested) if result.requested else float(got)

    def _total(self, name: str) -> FloatArray:
        """What was counted in all trials."""
        return np.asarray(np.sum([getattr(trial, name) for trial in self.trials], axis=0))

    def _counted(self, name: str) -> FloatArray:
        """Shape (trials, batches, flows, ...), of what was counted batch by batch."""
        return np.array([getattr(trial, name) for trial in self.trials], dtype=float)

    @cached_property
    def _batch_s(self) -> FloatArray:
        """Shape (trials, batches): how long each batch was played."""
        options, slot_s = self.options, self.layout.slot_s
        batches = self.trials[0].served.shape[0]
        edges = np.linspace(options.warm_up_s, options.duration_s, batches + 1)
        played = np.array([trial.slots * slot_s for trial in self.trials])[:, None]
        return np.asarray(np.clip(np.minimum(played, edges[1:]) - edges[:-1], 0.0, None))

    def _result(self, number: int) -> DemandResult:
        demand, flows = self.demands[number], self._flows_of(number)
        served, long = self._counted("served")[..., flows], self._batch_s
        slowest = int(served.sum(axis=(0, 1)).argmin())
        own = served[..., slowest]
        whole = [self._segment(flow) for flow in flows]
        requested = [sum(int(trial.asked[flow]) for trial in self.trials) for flow in flows]
        fidelities = [fidelity for _, fidelity, _, _ in whole if fidelity is not None]
        complete = len(fidelities) == len(flows)
        latency = None if demand.is_saturated else whole[slowest][0]
        keys = [key for _, _, key, _ in whole]
        fidelity = min(fidelities, key=float) if complete else None
        state: PairState | SharedState | None = whole[0][3]
        if demand.kind == "ghz" and complete:
            fidelity, state = self._fused(number)
        return DemandResult(
            demand,
            requested[slowest],
            int(own.sum()),
            int(self._counted("blocked")[..., flows[slowest]].sum()),
            0 if demand.is_saturated else sum(int(trial.waiting[flows[slowest]]) for trial in self.trials),
            ratio_estimate(own, long),
            fidelity,
            latency,
            min(keys, key=float) if demand.kind != "ghz" else Estimate(0.0, 0.0, 0.0),
            state,
        )

    def _fused(self, demand: int) -> tuple[Estimate, SharedState]:
        """Mean fidelity and mean state of a demand's GHZ states."""
        number = next(i for i, fusion in enumerate(self.layout.fusions) if fusion.demand == demand)
        fusion, totals = self.layout.fusions[number], [trial.ghz[number] for trial in self.trials]
        served = self._counted("served")[..., fusion.first]
        fidelity = ratio_estimate(np.array([total.fidelity for total in totals]), served, at_most=1.0)
        mean = np.sum([total.state for total in totals], axis=0) / served.sum()
        mean.setflags(write=False)
        return fidelity, SharedState(mean.reshape(fusion.target.shape), 1.0, fusion.ends, fusion.target)

    def _segment(self, flow: int) -> tuple[Estimate | None, Estimate | None, Estimate, PairState | None]:
        """Latency, fidelity, key rate and mean state of one flow."""
        served = self._counted("served")[..., flow]
        total = served.sum()
        if not total:
            return None, None, Estimate(0.0, 0.0, 0.0), None
        slot_s, own = self.layout.slot_s, self.layout.flows[flow]
        latency = ratio_estimate(self._counted("latency")[..., flow] * slot_s, served)
        fidelity = ratio_estimate(self._counted("fidelity")[..., flow], served, at_most=1.0)
        states = self._counted("states")[..., flow, :]
        mean = (states.sum(axis=(0, 1)) / total).reshape(4, 4)
        mean.setflags(write=False)
        state = PairState(mean, 1.0, (own.source, own.target))
        fraction = secret_fraction(state.qber("Z"), state.qber("X"))
        low, best, high = (fraction * x for x in ratio_estimate(served, self._batch_s))
        return latency, fidelity, Estimate(low, best, high, CONFIDENCE), state

    def as_dict(self) -> dict[str, Any]:
        """Everything but single deliveries as plain data, as ``quantumlink network operate --json`` prints it.

        `quantumlink.parts.from_data` makes the policy of what stands under ``"policy"``.
        """
        return {
            "duration_s": self.options.duration_s,
            "trials": len(self.trials),
            "slot_s": self.layout.slot_s,
            "policy": policy_data(self.options.policy),
            "options": options_data(self.options),
            "interrupted": self.interrupted,
            "fairness": None if self.fairness != self.fairness else self.fairness,
            "pairs": vars(self.pairs),
            "demands": [demand_data(result) for result in self.results],
            "links": [
                {"between": [u.link.left.name, u.link.right.name], "made": u.made, "use": u.use, "trying": u.trying,
                 "waiting_s": None if u.waiting_s != u.waiting_s else u.waiting_s, "expired": u.expired,
                 "alarms": u.alarms}
                for u in self.links
            ],
            "nodes": [vars(node) for node in self.nodes],
        }  # fmt: skip

    def _repr_html_(self) -> str:
        rows = [
            (
                result.demand.name,
                f"{result.rate_hz:.4g} {_unit(result.demand)}/s, fidelity {_text(result.fidelity)}",
            )
            for result in self.results
        ]
        return html_table(f"{self.layout.network.name}: {self.options.duration_s:g} s under load", rows)

    def __repr__(self) -> str:
        demands = f"{len(self.demands)} demand{'' if len(self.demands) == 1 else 's'}"
        trials = f"{len(self.trials)} × " if len(self.trials) > 1 else ""
        stopped = ", interrupted" if self.interrupted else ""
        delivered = self.pairs.delivered + sum(r.served for r in self.results if r.demand.kind == "ghz")
        return (
            f"<Performance of {demands} over {trials}{self.options.duration_s:g} s{stopped}: "
            f"{delivered} delivered, fairness {self.fairness:.3g}>"
        )


def ratio_estimate(amounts: FloatArray, per: FloatArray, *, at_most: float = inf) -> Estimate:
    """Σ amounts / Σ per, with Student's interval from how much the batches scatter about it (the delta method).

    Batches that follow one another are taken to be independent: those of a trial should be longer than what it
    remembers. Of several trials, each counts as one batch if there are eight or more.
    """
    from scipy.special import stdtrit

    if len(amounts) >= 8:
        amounts, per = amounts.sum(axis=1), per.sum(axis=1)
    amounts, per = amounts.ravel(), per.ravel()
    used = per > 0
    amounts, per = amounts[used], per[used]
    total = float(per.sum())
    best = float(amounts.sum()) / total
    n = len(amounts)
    if n < 2:
        return Estimate(0.0, min(best, at_most), at_most, CONFIDENCE)
    spread = amounts - best * per
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * sqrt(n * float((spread**2).sum()) / (n - 1)) / total
    low, best, high = (min(max(value, 0.0), at_most) for value in (best - half, best, best + half))
    return Estimate(low, best, high, CONFIDENCE)


def _unit(demand: Demand) -> str:
    return "GHZ states" if demand.kind == "ghz" else "pairs"


def _text(value: Sequence[float] | Estimate | None) -> str:
    return "–" if value is None else f"{value:.4f}"
