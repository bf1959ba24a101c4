"""Logical error rates of stim circuits by matching: from which strength on larger patches no longer help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.codes.decoders import matching_module
from quantumlink.encoding.patches import seam_memory
from quantumlink.estimation import Estimate, binomial_estimate
from quantumlink.progress import track

if TYPE_CHECKING:
    import stim  # type: ignore[import-untyped]
    from matplotlib.axes import Axes


AT_ONCE = 20_000
"""Tries that are decoded at once."""


def logical_error_rate(circuit: stim.Circuit, *, shots: int = 20_000, seed: int | None = None) -> Estimate:
    """How often an observable of a circuit is wrong after decoding: sampled, with an interval of 95 %.

    Each try is decoded by minimum-weight matching of the circuit's own error model.

    Args:
        circuit: a stim circuit with detectors and observables, such as `seam_memory`.
        shots: how many tries.
        seed: makes it repeatable.

    Raises:
        ValueError: if an argument is out of range.
        ModuleNotFoundError: without PyMatching (extra ``qec``).

    >>> from quantumlink.encoding import logical_error_rate, seam_memory
    >>> logical_error_rate(seam_memory(3, local=0.0, remote=0.0), shots=100, seed=1).best
    0.0
    """
    shots = validation.many("shots", shots)
    model = circuit.detector_error_model(decompose_errors=True)
    matching = matching_module("logical_error_rate", instead="").Matching.from_detector_error_model(model)
    sampler = circuit.compile_detector_sampler(seed=validation.seed("seed", seed))
    wrong = 0
    for start in range(0, shots, AT_ONCE):
        seen, flips = sampler.sample(min(AT_ONCE, shots - start), separate_observables=True)
        wrong += int((matching.decode_batch(seen) != flips).any(axis=1).sum())
    return binomial_estimate(wrong, shots)


@dataclass(frozen=True, eq=False)
class ThresholdScan:
    """Logical error rates over distances and strengths of remote gates; all sampled."""

    local: float
    """Strength of local errors."""
    distances: tuple[int, ...]
    """Distances, ascending."""
    remote: FloatArray
    """Shape (points,): strengths of remote gates, ascending."""
    rates: tuple[tuple[Estimate, ...], ...]
    """Of each distance, of each strength, the error rate with its interval."""
    shots: int
    """Tries of each."""

    @property
    def crossings(self) -> tuple[tuple[float, float] | None, ...]:
        """Between which two strengths each distance and the next one change places, None if nowhere.

        The last strength at which the larger patch is certainly better, and the first at which it is certainly
        worse (their intervals do not overlap).
        """
        return tuple(self._crossing(small, large) for small, large in zip(self.rates, self.rates[1:], strict=False))

    def _crossing(self, small: Sequence[Estimate], large: Sequence[Estimate]) -> tuple[float, float] | None:
        better = [q for q, a, b in zip(self.remote, small, large, strict=True) if b.high < a.low]
        worse = [q for q, a, b in zip(self.remote, small, large, strict=True) if b.low > a.high]
        if not better or not worse or max(better) > min(worse):
            return None
        return float(max(better)), float(min(worse))

    def plot(self, ax: Axes | None = None, size: tuple[float, float] | None = None) -> Axes:
        """Error rates over strengths, a line with its interval for each distance; the axes.

        Args:
            ax: where to draw; in a new figure if None.
            size: width and height of a new figure in inches.

        Raises:
            TypeError: if ``ax`` is no axes.
            ValueError: if ``size`` is not two lengths or given beside ``ax``.
        """
        from quantumlink.figures import picture

        return picture(self._drawn)(ax, size)

    def _drawn(self, ax: Axes | None, size: tuple[float, float] | None) -> Axes:
        from quantumlink.figures import curve, one_axes

        axes = one_axes(ax, size, (6, 4))
        for number, (distance, rates) in enumerate(zip(self.distances, self.rates, strict=True)):
            best = np.array([rate.best for rate in rates])
            low, high = (np.array([getattr(rate, end) for rate in rates]) for end in ("low", "high"))
            error = [best - low, high - best]
            label = f"distance {distance}"
            axes.errorbar(self.remote, best, error, capsize=2, label=label, **curve(number, axes))
        axes.set(xscale="log", yscale="log", xlabel="depolarizing of remote gates", ylabel="logical error rate")
        axes.set_title(f"sampled, {self.shots} tries each; local errors {self.local:g}", fontsize="medium")
        axes.legend()
        return axes

    def __repr__(self) -> str:
        strengths = f"{self.remote[0]:g} to {self.remote[-1]:g}"
        return f"<ThresholdScan of distances {self.distances}, remote {strengths}, local {self.local:g}, sampled>"


def threshold_scan(
    distances: Sequence[int] = (3, 5, 7),
    remote: Sequence[float] = (0.02, 0.05, 0.1, 0.15, 0.2),
    *,
    local: float = 1e-3,
    shots: int = 10_000,
    seed: int | None = None,
    experiment: Callable[..., stim.Circuit] = seam_memory,
) -> ThresholdScan:
    """Logical error rates of an experiment over distances and strengths of remote gates.

    Args:
        distances: odd, at least 3.
        remote: strengths of the depolarizing error of remote CX.
        local: strength of every other error.
        shots: tries of each.
        seed: makes it repeatable.
        experiment: what makes the circuit of a ``distance``, ``local`` and ``remote``: `seam_memory`,
            `lattice_surgery`, or a function of your own.

    Raises:
        ValueError: if an argument is out of range.
        ModuleNotFoundError: without stim or PyMatching (extra ``qec``).

    >>> from quantumlink.encoding import threshold_scan
    >>> scan = threshold_scan((3,), (0.01, 0.2), shots=200, seed=1)
    >>> scan.rates[0][0].best < scan.rates[0][1].best
    True
    """
    validation.sequence("distances", distances, "odd whole numbers")
    shots = validation.many("shots", shots)
    strengths = np.unique(np.array(remote, dtype=float))
    if not len(distances) or not len(strengths):
        raise ValueError(f"distances and remote must not be empty, got {distances!r} and {remote!r}")
    ordered = tuple(sorted(set(distances)))
    seeds = iter(
        np.random.SeedSequence(validation.seed("seed", seed)).generate_state(len(ordered) * len(strengths))
    )
    found = []
    for distance in track(ordered, "sampling"):
        circuits = [experiment(distance, local=local, remote=float(q)) for q in strengths]
        rates = [logical_error_rate(circuit, shots=shots, seed=int(next(seeds))) for circuit in circuits]
        found.append(tuple(rates))
    return ThresholdScan(local, ordered, strengths, tuple(found), shots)
