"""What a forecast tells."""

from __future__ import annotations

from dataclasses import dataclass

from quantumlink.rates import secret_fraction
from quantumlink.readings.state import PairState


@dataclass(frozen=True, eq=False, repr=False)
class Forecast:
    """What a link delivers, waiting and messages included."""

    state: PairState
    """The mean pair when both ends know their corrections."""
    latency_s: float | None
    """Mean time to the first accepted pair in seconds, from its first attempt until both ends know of it; None if
    some elementary link does not say how its pairs come."""
    interval_s: float | None
    """Mean time from one pair to the next in steady operation, in seconds; None where the latency is. It is the
    latency, except for a single elementary link: there the way of the heralds does not hold up the next pair."""

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺."""
        return self.state.fidelity

    @property
    def rate_hz(self) -> float | None:
        """Pairs per second in steady operation, 1/``interval_s``; None where the latency is.

        A single elementary link makes a stream: attempts go on while heralds travel, and the rate is that of its
        attempts, however far they go. A swap or a purification needs its pairs at the same time, so that every
        end-to-end pair begins with nothing when the one before is done: 1/latency, as in `simulate`.
        """
        return None if self.interval_s is None else 1 / self.interval_s

    @property
    def secret_fraction(self) -> float:
        """Secret bits per pair: see `quantumlink.rates.secret_fraction`."""
        return secret_fraction(self.state.qber("Z"), self.state.qber("X"))

    @property
    def secret_key_rate_hz(self) -> float | None:
        """Secret bits per second; None where the latency is."""
        return None if self.interval_s is None else self.secret_fraction / self.interval_s

    def __repr__(self) -> str:
        return f"<Forecast {'–'.join(self.state.ends)}: {self._in_words()}>"

    def _in_words(self) -> str:
        text = f"fidelity {self.fidelity:.4f}"
        if self.rate_hz is None:
            return text
        return f"{text}, {self.rate_hz:.4g} pairs/s, {self.secret_key_rate_hz:.4g} secret bits/s"
