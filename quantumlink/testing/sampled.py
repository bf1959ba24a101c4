"""Checks of sampled results, each with a stated probability of a false alarm.

References:
    C. J. Clopper, E. S. Pearson, Biometrika 26, 404 (1934).
    W. Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log
from typing import Any

from quantumlink.estimation import Estimate
from quantumlink.execution import Samples

ROUNDING = 1e-9
"""How far outside [0, 1] a probability may be through rounding."""

FALSE_ALARM = 1e-6
"""How often, at most, a check fails although nothing is wrong."""

SPENT: list[float] = []
"""The false alarms of the checks that were made in this process; pytest's plugin reads and empties it."""


def assert_fidelity(samples: Samples | Estimate, at_least: float, confidence: float = 0.99) -> None:
    """The fidelity is at least that much, with that confidence: a one-sided lower bound lies above it.

    Args:
        samples: samples measured in XX, YY and ZZ, or a fidelity's estimate.
        at_least: the fidelity claimed, in [0, 1].
        confidence: of the bound, in (1/2, 1). For an estimate its own interval's low end counts.

    Raises:
        AssertionError: with the estimate, and how many shots a basis would settle it.
        ValueError: if an argument is out of range.

    >>> import quantumlink as ql
    >>> pair = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.95)
    >>> assert_fidelity(ql.sample(pair, shots=4000, seed=1), at_least=0.9)
    """
    if not 0 <= at_least <= 1:
        raise ValueError(f"at_least must be a fidelity in [0, 1], got {at_least}")
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence must lie in (1/2, 1), got {confidence}")
    # A two-sided interval of confidence 2c − 1 leaves 1 − c below it.
    found = samples if isinstance(samples, Estimate) else samples.fidelity(confidence=2 * confidence - 1)
    if found.low >= at_least:
        return
    gap = found.best - at_least
    if gap <= 0:
        advice = "more shots will not help: the best value itself is below"
    else:
        # Hoeffding for the mean of three correlators, weights 1/4 and range 2 each.
        shots = ceil(3 * log(1 / (1 - confidence)) / (8 * gap**2))
        advice = f"about {shots} shots a basis would settle it, if the best value is right"
    raise AssertionError(
        f"the fidelity is not shown to be at least {at_least} with confidence {confidence}: it is {found}; {advice}"
    )


def assert_counts(
    counts: Mapping[Any, int], probabilities: Mapping[Any, float], false_alarm: float = FALSE_ALARM
) -> None:
    """The counts are what these probabilities give, up to chance.

    Each outcome's count is compared with its binomial distribution, exactly; the false alarm is shared out
    among the outcomes, so that correct counts fail at most that often. An outcome of probability 0 must not
    occur at all.

    Args:
        counts: how often each outcome occurred; bit strings may hold spaces between registers.
        probabilities: the probability of each outcome, summing to 1; a missing one is 0.
        false_alarm: the probability that correct counts fail, in (0, 1).

    Raises:
        AssertionError: naming the offending outcome, and how many shots would settle such a deviation.
        ValueError: if there are no counts, a count is negative, or the probabilities are none.

    >>> assert_counts({"00": 507, "11": 493}, {"00": 0.5, "11": 0.5})
    """
    if not 0 < false_alarm < 1:
        raise ValueError(f"false_alarm must lie in (0, 1), got {false_alarm}")
    expected = _plain(probabilities)
    found = _plain(counts)
    if (
        any(not -ROUNDING <= p <= 1 + ROUNDING for p in expected.values())
        or abs(sum(expected.values()) - 1) > ROUNDING
    ):
        raise ValueError(f"probabilities must lie in [0, 1] and sum to 1, got {dict(probabilities)}")
    expected = {outcome: min(max(p, 0.0), 1.0) for outcome, p in expected.items()}
    if any(n < 0 or n != int(n) for n in found.values()) or not sum(found.values()):
        raise ValueError(f"counts must be whole numbers, not all zero; got {dict(counts)}")
    SPENT.append(false_alarm)
    total = int(sum(found.values()))
    outcomes = sorted({*expected, *found}, key=str)
    share = false_alarm / len(outcomes)
    for outcome in outcomes:
        count, p = int(found.get(outcome, 0)), expected.get(outcome, 0.0)
        if _tail(count, total, p) < share / 2:
            deviation = abs(count / total - p)
            shots = ceil(log(2 * len(outcomes) / false_alarm) / (2 * deviation**2))
            raise AssertionError(
                f"the outcome {outcome} came {count} times in {total}, {count / total:.4g} instead of {p:.4g}: "
                f"chance does that less often than {share:.2g} (about {shots} shots would settle a deviation "
                f"of {deviation:.2g})"
            )


def _tail(count: int, total: int, p: float) -> float:
    """The smaller of P(X ≤ count) and P(X ≥ count) for a binomial X."""
    from scipy.special import bdtr, bdtrc

    at_most = 1.0 if count == total else float(bdtr(count, total, p))
    at_least = 1.0 if count == 0 else float(bdtrc(count - 1, total, p))
    return min(at_most, at_least)


def _plain(table: Mapping[Any, Any]) -> dict[Any, float]:
    plain: dict[Any, float] = {}
    for key, value in table.items():
        name = key.replace(" ", "") if isinstance(key, str) else key
        plain[name] = plain.get(name, 0.0) + value
    return plain
