"""When requests come: a demand's ``arrivals``.

One of your own has one method, ``times_s(duration_s, rng)``: the moments of its requests, in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.arrays import FloatArray

MOST_REQUESTS = 10**8
"""More requests of one demand within a run are refused."""


class Arrivals(Protocol):
    """How requests come."""

    def times_s(self, duration_s: float, rng: np.random.Generator) -> npt.ArrayLike:
        """The moments in [0, duration_s] at which a request comes, in seconds, in order; one trial each call."""


@dataclass(frozen=True)
class Poisson:
    """Requests at random moments.

    >>> len(Poisson(100.0).times_s(10.0, np.random.default_rng(7)))
    1011
    """

    rate_hz: float
    """Requests a second in the mean."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate_hz", validation.positive("rate_hz", self.rate_hz))

    def times_s(self, duration_s: float, rng: np.random.Generator) -> FloatArray:
        """The moments of the requests."""
        number = rng.poisson(_expected(self.rate_hz, duration_s))
        return np.sort(rng.uniform(0.0, duration_s, number))


@dataclass(frozen=True)
class Periodic:
    """Requests at equal distances.

    >>> Periodic(period_s=0.5, first_s=0.1).times_s(1.2, np.random.default_rng()).tolist()
    [0.1, 0.6, 1.1]
    """

    period_s: float
    """From one request to the next."""
    first_s: float = 0.0
    """When the first one comes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "period_s", validation.positive("period_s", self.period_s))
        object.__setattr__(self, "first_s", validation.number("first_s", self.first_s, at_least=0.0))

    @property
    def rate_hz(self) -> float:
        """Requests a second."""
        return 1 / self.period_s

    def times_s(self, duration_s: float, rng: np.random.Generator) -> FloatArray:
        """The moments of the requests; nothing is drawn."""
        _expected(self.rate_hz, duration_s)
        if self.first_s > duration_s:
            return np.zeros(0)
        number = int(np.floor((duration_s - self.first_s) / self.period_s * (1 + 1e-12))) + 1
        return np.asarray(self.first_s + self.period_s * np.arange(number), dtype=float)


def _expected(rate_hz: float, duration_s: float) -> float:
    expected = rate_hz * duration_s
    if expected > MOST_REQUESTS:
        raise ValueError(
            f"{rate_hz:g} requests a second over {duration_s:g} s are {expected:.3g}, at most "
            f"{MOST_REQUESTS:.0e} are played"
        )
    return expected


def checked_times(arrivals: Any, duration_s: float, rng: np.random.Generator) -> FloatArray:
    """The moments that arrivals give, if they are any.

    Raises:
        ValueError: unless they are in order, finite and at least 0.
    """
    times = np.asarray(arrivals.times_s(duration_s, rng), dtype=float)
    if times.ndim != 1 or (
        len(times) and not (times[0] >= 0 and times[-1] < np.inf and (np.diff(times) >= 0).all())
    ):
        raise ValueError(f"{arrivals!r}.times_s must give times in seconds, in order and at least 0; got {times!r}")
    return times[times <= duration_s]
