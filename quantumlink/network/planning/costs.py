"""Costs: the prices that a plan is weighed by. None are shipped: what nobody gives counts nothing."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import expm1, log, log2

import numpy as np

from quantumlink import validation

DEVICES = ("repeater", "trusted", "satellite", "ground_station", "source")
"""What gets cheaper with the number that is bought."""

PRICES = ("node", *DEVICES, "fibre_per_km")
"""What has a price, as `Costs` names it."""

EXACT_TERMS = 1000
"""Up to how many pieces prices that fall are added one by one; beyond it a formula is exact to 13 digits."""


@dataclass(frozen=True)
class Counts:
    """How much of everything a plan needs."""

    node: int = 0
    """Places at which something stands: the demands' ends, repeaters, trusted nodes."""
    repeater: int = 0
    trusted: int = 0
    satellite: int = 0
    ground_station: int = 0
    """Places at which a link to or by a satellite ends."""
    source: int = 0
    """Channels of elementary links, each with its own source and detectors."""
    fibre_km: float = 0.0
    """Kilometers of fibre that are lit; one that needs two pairs of fibres counts twice."""

    def __post_init__(self) -> None:
        validation.counts(self, "node", "repeater", "trusted", "satellite", "ground_station", "source")
        object.__setattr__(self, "fibre_km", validation.number("fibre_km", self.fibre_km, at_least=0.0))

    def of(self, price: str) -> float:
        """How much there is of what a price is for."""
        return float(self.fibre_km if price == "fibre_per_km" else getattr(self, price))


@dataclass(frozen=True)
class Costs:
    """Prices in any one currency, each for one piece; those that are not given are 0.

    No prices are shipped: none could be trusted.

    Args:
        node: of each place at which something stands, its ends included.
        repeater: of a repeater.
        trusted: of a trusted node.
        satellite: of a satellite.
        ground_station: of each place at which a link to or by a satellite ends.
        source: of each channel of an elementary link: source, detectors, a wavelength.
        fibre_per_km: of a kilometer of fibre that is lit.
        opex_per_year: what running costs a year, as a share of what building cost.
        learning_rate: by what share a device gets cheaper with every doubling of the number that is bought, in
            [0, 1): the n-th costs price · n^log₂(1 − rate) (T. P. Wright, J. Aeronaut. Sci. 3, 122 (1936)).

    Raises:
        ValueError: if a price is negative, or all are 0: there would be nothing to weigh.

    >>> Costs(repeater=100.0, fibre_per_km=2.0).items(Counts(repeater=3, fibre_km=40.0))
    {'repeater': 300.0, 'fibre_per_km': 80.0}
    >>> Costs(repeater=100.0, learning_rate=0.2).of("repeater", 2)
    180.0
    """

    node: float = 0.0
    repeater: float = 0.0
    trusted: float = 0.0
    satellite: float = 0.0
    ground_station: float = 0.0
    source: float = 0.0
    fibre_per_km: float = 0.0
    opex_per_year: float = 0.0
    learning_rate: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = validation.number(field.name, getattr(self, field.name), at_least=0.0)
            object.__setattr__(self, field.name, value)
        if self.learning_rate >= 1:
            raise ValueError(f"learning_rate must be a number in [0, 1), got {self.learning_rate!r}")
        if not any(getattr(self, name) for name in PRICES):
            raise ValueError(
                f"costs must give at least one price above zero, of {', '.join(PRICES)}: none are shipped"
            )

    def of(self, price: str, number: float) -> float:
        """What so many of one thing cost together.

        Raises:
            ValueError: if there is no such price, or the number is negative or not finite.
        """
        validation.choice("price", price, PRICES)
        number = validation.number("number", number, at_least=0.0)
        each = float(getattr(self, price))
        if price in DEVICES and self.learning_rate and each:
            return each * _sum_of_powers(round(number), log2(1 - self.learning_rate))
        return each * number

    def items(self, counts: Counts) -> dict[str, float]:
        """What everything costs to build, of what there is and has a price.

        Raises:
            TypeError: if these are no `Counts`.
        """
        validation.instance("counts", counts, Counts, "Counts")
        found = {price: self.of(price, counts.of(price)) for price in PRICES}
        return {price: cost for price, cost in found.items() if cost}

    def total(self, counts: Counts, years: float = 0.0) -> float:
        """What building costs, and running for some years.

        Raises:
            ValueError: if years are negative or not finite.
        """
        years = validation.number("years", years, at_least=0.0)
        return sum(self.items(counts).values()) * (1 + self.opex_per_year * years)


def _sum_of_powers(number: int, power: float) -> float:
    """Σ_{i ≤ n} i^power, for power ≤ 0: term by term at first, the rest by Euler's and Maclaurin's formula."""
    some = min(number, EXACT_TERMS)
    found = float(np.sum(np.arange(1, some + 1, dtype=float) ** power))
    if number > some:
        low, high = float(some), float(number)
        ratio, grows = log(high / low), power + 1
        rest = low**grows * (expm1(grows * ratio) / grows if grows else ratio)
        found += rest + (high**power - low**power) / 2
        found += power * (high ** (power - 1) - low ** (power - 1)) / 12
    return found
