"""What a simulation found: distributions over its trials, and their means with intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, sqrt

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.estimation import Estimate
from quantumlink.link import Link
from quantumlink.progress import track
from quantumlink.rates import binary_entropy
from quantumlink.readings.perfect import target_of
from quantumlink.readings.shared_state import SharedState
from quantumlink.readings.state import PairState
from quantumlink.readings.timeline.budget import Budget, fidelities, fidelity_budget, time_budget
from quantumlink.readings.timeline.histories import last_waits, replayed
from quantumlink.readings.timeline.run import Run
from quantumlink.tables import html_table

CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Moments:
    """When one operation happened, in the accepted try of each trial; in seconds from the trial's start."""

    begun_s: FloatArray
    """Shape (trials,): when it began."""
    done_s: FloatArray
    """Shape (trials,): when its last measurement was done."""
    links_known_s: FloatArray
    """Shape (trials, qubits): when each end of its links knew that it had its qubit, the first link's first."""
    known_s: FloatArray
    """Shape (trials, ends): when each end of what is made knows of it, and has corrected its qubit."""


@dataclass(frozen=True, eq=False)
class Histories:
    """How long every qubit waited before every operation, in the accepted try of each trial."""

    by_operation: tuple[FloatArray, ...]
    """Of each operation of the tree, children before parents, shape (trials, qubits), in seconds: the waits of its
    links' ends, the first link's first."""
    attempts_by_operation: tuple[FloatArray, ...]
    """Likewise, how many attempts for other pairs the nodes made meanwhile whose memories these disturb."""
    last_s: FloatArray
    """Shape (trials, ends): the waits of each end's qubit after the last operation."""
    accepted: FloatArray
    """Shape (trials,): the probability that a run with these waits succeeds in all its operations at once."""
    moments: tuple[Moments, ...] = ()
    """Of each operation, in the order of ``by_operation``, when it happened."""

    @property
    def waits_s(self) -> FloatArray:
        """Shape (trials, operations, qubits), in seconds: NaN where an operation has fewer qubits."""
        widest = max((waits.shape[1] for waits in self.by_operation), default=4)
        found = np.full((len(self.accepted), len(self.by_operation), widest), np.nan)
        for i, waits in enumerate(self.by_operation):
            found[:, i, : waits.shape[1]] = waits
        return found


@dataclass(frozen=True, eq=False, repr=False)
class Timeline:
    """Many trials of a link in time: each made one pair, beginning with nothing.

    ``rate_hz`` is one over the mean latency of such independent trials, not the rate of a pipelined stream, in
    which the next attempts go on while heralds travel: see `simulate` with ``pairs`` for that.
    """

    run: Run
    """What was simulated."""
    latencies_s: FloatArray
    """Shape (trials,): when both ends knew that they had the pair, in seconds from the trial's start."""
    present: IndexArray
    """Shape (present,): which of the coefficients of ``states`` may differ from zero."""
    coefficients: FloatArray
    """Shape (trials, present): those."""
    spent_s: FloatArray
    """Shape (trials, 6): what the latency was spent on, in the order of `TimeBudget`."""
    interrupted: bool = False
    """Whether Ctrl-C stopped it before all trials were done."""

    @property
    def link(self) -> Link:
        """The link."""
        return self.run.link

    @property
    def trials(self) -> int:
        """How many trials were done."""
        return len(self.latencies_s)

    @cached_property
    def states(self) -> FloatArray:
        """Shape (trials, 16), or (trials, 4^ends): each trial's state at that moment.

        As Pauli coefficients Tr(P⊗Q·ρ) with the left or first end's P as the most significant digit, each in the
        order I, X, Y, Z.
        """
        states = self._whole(self.coefficients)
        states.setflags(write=False)
        return states

    def _whole(self, coefficients: FloatArray) -> FloatArray:
        """States of shape (..., 4^ends), of what of them may differ from zero."""
        states = np.zeros((*coefficients.shape[:-1], 4 ** len(self.link.ends)))
        states[..., self.present] = coefficients
        return states

    @cached_property
    def fidelities(self) -> FloatArray:
        """Shape (trials,): the fidelity of each trial's state, to Φ⁺ or to what perfect links would give."""
        if len(self.link.ends) == 2:
            return fidelities(self.states.T)
        self._shared(self._whole(self.coefficients[0])).fidelity  # noqa: B018 - refuses where it has no meaning
        target = self._target.reshape(-1)[self.present]
        return np.asarray(self.coefficients @ target / 2 ** len(self.link.ends))

    @property
    def latency_s(self) -> Estimate:
        """The mean latency in seconds."""
        return mean_estimate(self.latencies_s, bounds=(0.0, inf))

    @property
    def rate_hz(self) -> Estimate:
        """Pairs per second if trials follow one another: one over the mean latency; not that of a stream."""
        low, best, high = self.latency_s
        return Estimate(1 / high, 1 / best, 1 / low if low else inf, CONFIDENCE)

    @property
    def fidelity(self) -> Estimate:
        """The mean fidelity, to Φ⁺ or to what perfect links would give."""
        return mean_estimate(self.fidelities, bounds=(0.0, 1.0))

    @cached_property
    def state(self) -> PairState | SharedState:
        """The mean state; as trials go on until they succeed, its success probability is 1."""
        mean = self._whole(self.coefficients.mean(axis=0))
        if len(self.link.ends) != 2:
            return self._shared(mean)
        mean = mean.reshape(4, 4)
        mean.setflags(write=False)
        return PairState(mean, 1.0, (self.link.left.name, self.link.right.name))

    def _shared(self, states: FloatArray) -> SharedState:
        """Of a link that does not have two ends."""
        shape, ends = states.shape[:-1], self.link.end_labels
        success = np.ones(shape) if shape else 1.0
        return SharedState(states.reshape(*shape, *(4,) * len(ends)), success, ends, self._target)

    @cached_property
    def _target(self) -> FloatArray:
        return target_of(self.link)

    def latency_quantile_s(self, fraction: float) -> float:
        """The time in seconds within which that fraction of the trials was done."""
        return float(np.quantile(self.latencies_s, validation.probability("fraction", fraction)))

    def fidelity_quantile(self, fraction: float) -> float:
        """The fidelity below which that fraction of the trials lies."""
        return float(np.quantile(self.fidelities, validation.probability("fraction", fraction)))

    def qber(self, basis: str) -> Estimate:
        """The quantum bit error rate when both ends measure in that basis, as `PairState.qber` defines it.

        Raises:
            ValueError: if the basis is not X, Y or Z.
        """
        return mean_estimate(self._errors(basis), bounds=(0.0, 1.0))

    def secret_key_rate_hz(self, *, efficiency: float = 1.0) -> Estimate:
        """Secret bits per second of BBM92 for infinitely many rounds: rate · (1 − h(Q_X) − f·h(Q_Z)).

        Nearly all pairs are measured in Z, which makes the key. The errors are those of the mean state: keys are
        distilled from all pairs together. Zero where no key can be. The interval is by the delta method.

        Args:
            efficiency: f, bits disclosed by reconciliation over Shannon's limit, at least 1.

        References:
            P. W. Shor, J. Preskill, Phys. Rev. Lett. 85, 441 (2000).
        """
        efficiency = validation.number("efficiency", efficiency, at_least=1.0)
        errors = np.array([self._errors("X"), self._errors("Z")])
        mean = np.clip(errors.mean(axis=1), 0.0, 0.5)
        weights = np.array([1.0, efficiency])
        fraction = float(1 - weights @ [binary_entropy(float(q)) for q in mean])
        latency = float(self.latencies_s.mean())
        rate = fraction / latency
        # What each trial adds to the rate, to first order.
        slopes = weights * [_entropy_slope(q) for q in mean]
        influence = -(slopes @ (errors - mean[:, None])) - fraction * (self.latencies_s / latency - 1)
        half = _half_width(influence / latency)
        low, best, high = (max(value, 0.0) for value in (rate - half, rate, rate + half))
        return Estimate(low, best, high, CONFIDENCE)

    @cached_property
    def budget(self) -> Budget:
        """Where the time went and where the fidelity was lost (plays the run again, with less and less noise)."""
        return Budget(time_budget(self.spent_s), fidelity_budget(self._done, self.trials))

    def histories(self) -> Histories:
        """How long every qubit waited in every trial: the run is played again, and recorded."""
        waits: list[tuple[FloatArray, ...]] = []
        attempts: list[tuple[FloatArray, ...]] = []
        moments: list[tuple[FloatArray, ...]] = []
        last, accepted = [], []
        for number in track(range(self._done.batches), "histories"):
            pairs = self._done.batch(number, record=True)
            waits.append(pairs.waits)
            attempts.append(pairs.attempts)
            moments.append(pairs.moments)
            last.append(last_waits(pairs).T)
            accepted.append(replayed(self.run.plan, pairs.waits, last[-1].T, pairs.attempts)[1])
        by_operation, tried, times = (
            tuple(np.concatenate(rows, axis=1).T for rows in zip(*records, strict=True))
            for records in (waits, attempts, moments)
        )
        when = tuple(
            Moments(rows[:, 0], rows[:, 1], rows[:, 2 : 2 + held.shape[1]], rows[:, 2 + held.shape[1] :])
            for rows, held in zip(times, by_operation, strict=True)
        )
        return Histories(by_operation, tried, np.concatenate(last), np.concatenate(accepted), when)

    @property
    def _done(self) -> Run:
        return replace(self.run, trials=self.trials)

    def _errors(self, basis: str) -> FloatArray:
        validation.choice("basis", basis, ("X", "Y", "Z"))
        if len(self.link.ends) != 2:
            raise ValueError(f"error rates are of two ends, got {self.link!r}: see state.expectation")
        sign, column = {"X": (1, 5), "Y": (-1, 10), "Z": (1, 15)}[basis]
        errors: FloatArray = (1 - sign * self.states[:, column]) / 2
        return errors

    def _repr_html_(self) -> str:
        low, high = self.latency_quantile_s(0.05), self.latency_quantile_s(0.95)
        rows = [
            ("trials", f"{self.trials}" + (f" of {self.run.trials}, interrupted" if self.interrupted else "")),
            ("rate", f"{self.rate_hz:.4g} pairs/s"),
            ("latency", f"{self.latency_s:.4g} s"),
            ("latency, 5 % to 95 % of trials", f"{low:.4g} to {high:.4g} s"),
            ("fidelity", f"{self.fidelity:.6f}"),
        ]
        if len(self.link.ends) == 2:
            rows += [
                ("QBER Z, X", ", ".join(f"{self.qber(basis).best:.6f}" for basis in "ZX")),
                ("secret key, BBM92 asymptotic", f"{self.secret_key_rate_hz():.4g} bits/s"),
            ]
        return html_table(" – ".join(self.link.end_labels), rows)

    def __repr__(self) -> str:
        return (
            f"<Timeline {'–'.join(self.link.end_labels)}: {self.trials} trials"
            f"{', interrupted' if self.interrupted else ''}, {self.rate_hz.best:.3g} pairs/s, "
            f"fidelity {self.fidelity.best:.3g}, latency {self.latency_s.best:.3g} s>"
        )


def mean_estimate(values: FloatArray, *, bounds: tuple[float, float]) -> Estimate:
    """The mean of independent values with Student's interval, clipped into the bounds."""
    best, half = float(values.mean()), _half_width(values)
    low, best, high = (min(max(value, bounds[0]), bounds[1]) for value in (best - half, best, best + half))
    return Estimate(low, best, high, CONFIDENCE)


def _half_width(values: FloatArray) -> float:
    from scipy.special import stdtrit

    if len(values) == 1:
        return inf
    quantile = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))
    return quantile * float(values.std(ddof=1)) / sqrt(len(values))


def _entropy_slope(q: float) -> float:
    return float(np.log2((1 - q) / q)) if 0 < q < 1 else 0.0
