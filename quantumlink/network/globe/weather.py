"""Weather by station: when the sky is clear, drawn from a seed or given as a series.

The sky of a station is clear or covered, hour by hour. From one hour to the next it stays what it is with
probability e^(−1 h/τ), and is else drawn anew, clear with the station's probability p: so it is clear a share p of
the time, and its memory fades as e^(−t/τ). Stations are independent of each other: cities under one storm are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from math import ceil, exp
from zlib import crc32

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray

HOUR_S = 3600.0


@dataclass(frozen=True)
class Weather:
    """How often the sky is clear, and how long it stays so.

    Args:
        clear: the probability that the sky is clear, in [0, 1], for all stations, or by name (1 for those not
            named); or by name a series of the shares of the light that clouds let pass, one an hour from the start.
        correlation_h: the time τ in hours after which a clear sky is remembered to 1/e.
        seed: repeats the draws.

    Raises:
        ValueError: if a probability or a share is out of range, or a series is empty.
        TypeError: if a value is of the wrong kind.

    >>> sky = Weather({"vienna": 0.5}, seed=7)
    >>> sky.passed("vienna", 6.0).tolist(), sky.passed("graz", 3.0).tolist()
    ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    """

    clear: float | Mapping[str, float | Sequence[float]] = 1.0
    """How often it is clear, or what the clouds let pass by the hour."""
    _: KW_ONLY
    correlation_h: float = 6.0
    """After how many hours a clear sky is remembered to 1/e."""
    seed: int | None = None
    """Repeats the draws."""

    def __post_init__(self) -> None:
        validation.plain(self)
        object.__setattr__(self, "correlation_h", validation.positive("correlation_h", self.correlation_h))
        validation.seed("seed", self.seed)
        if not isinstance(self.clear, Mapping):
            validation.probability("clear", self.clear)
            return
        for name, value in self.clear.items():
            if not isinstance(value, (int, float)):
                validation.sequence(f"clear of {name}", value, "shares of the light, one an hour")
                for share in value:
                    validation.probability(f"clear of {name}", share)
                if not len(value):
                    raise ValueError(f"clear of {name} must be a probability or a series, got {value!r}")
            else:
                validation.probability(f"clear of {name}", value)

    def passed(self, station: str, hours: float) -> FloatArray:
        """What the clouds over a station let pass, in [0, 1], hour by hour.

        Args:
            station: its name; every name has draws of its own.
            hours: for how long; a broken hour counts as one.

        Raises:
            ValueError: if a series was given that is shorter.
        """
        length = ceil(validation.positive("hours", hours))
        value = self.clear.get(station, 1.0) if isinstance(self.clear, Mapping) else self.clear
        if not isinstance(value, (int, float)):
            if len(value) < length:
                raise ValueError(f"clear of {station} must have {length} hours, got {len(value)}")
            return np.asarray(value[:length], dtype=np.float64)
        seed = None if self.seed is None else [self.seed, crc32(station.encode())]
        generator = np.random.default_rng(seed)
        drawn, stays = generator.random(length) < value, generator.random(length) < exp(-1 / self.correlation_h)
        stays[0] = False
        last = np.maximum.accumulate(np.where(stays, 0, np.arange(length)))
        return np.asarray(drawn[last], dtype=np.float64)
