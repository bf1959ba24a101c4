"""Mitigated values of sums of Paulis, of which several may be told by the same runs.

Var Σxᵢ ≤ g·ΣVar xᵢ for g numbers that may depend on one another however they like (Cauchy and Schwarz): so wide is
the interval of a sum of which g terms hang together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

from quantumlink.estimation import Estimate
from quantumlink.execution.samples import Samples
from quantumlink.readings.observables import is_label, pauli_sum_of

Terms = Sequence[tuple[float, str]]


def value_of(
    observable: Any, raw: Samples, combined: Callable[[Terms, float], Estimate], confidence: float
) -> Estimate:
    """The value of a label, or of an operator of Qiskit's.

    Args:
        observable: what was asked for.
        raw: the samples; they refuse what no basis tells.
        combined: makes a constant and a sum of Paulis, taken for independent, into an estimate.
        confidence: of the interval.

    Raises:
        ValueError: as `Samples.expectation`.
    """
    if is_label(observable):
        return combined([(1.0, observable)], 0.0)
    told = pauli_sum_of(observable, raw.ends)
    if not told.terms:
        return Estimate(told.constant, told.constant, told.constant, confidence)
    found = combined(told.terms, told.constant)
    wider = sqrt(_most_together([label for _, label in told.terms], tuple(raw.outcomes)))
    low, high = (found.best + wider * (end - found.best) for end in (found.low, found.high))
    return Estimate(low, found.best, high, confidence)


def _most_together(labels: Sequence[str], bases: Sequence[str]) -> int:
    """The size of the largest group of labels that runs of the same basis tell, directly or by others."""
    groups: list[tuple[set[str], int]] = []
    for label in labels:
        telling = {b for b in bases if all(p in ("I", x) for p, x in zip(label, b, strict=True))}
        near = [group for group in groups if group[0] & telling]
        groups = [group for group in groups if not group[0] & telling]
        groups.append((telling.union(*(group[0] for group in near)), 1 + sum(size for _, size in near)))
    return max(size for _, size in groups)
