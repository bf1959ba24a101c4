"""Prices that fall with the number bought, in an integer programme: chords below a concave cost.

What n pieces cost, f(n) = price · Σ_{i ≤ n} i^log₂(1 − rate), grows by less and less. Between two numbers its
chord lies below it, so a programme with chords in the place of f has no dearer optimum; at the numbers between
which chords are drawn it is exact. An answer that costs more than its chords say adds its own number, and is looked
for anew: as numbers are whole, that ends, and what is left then is the optimum of the true cost. A concave line of
pieces is the least of its lines, so one binary for each piece chooses among them.

References:
    H. Tuy, Concave programming under linear constraints, Soviet Math. 5, 1437 (1964): outer approximation.
    A. S. Manne, H. M. Markowitz, Econometrica 25, 84 (1957): a binary for each piece.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from math import inf

from quantumlink.network.planning.costs import Costs
from quantumlink.network.planning.mixed_integer import MixedInteger

GROWTH = 1.5
"""Numbers between which chords are drawn at first grow by this factor."""


@dataclass
class Curve:
    """The cost of everything of one kind, from below.

    Args:
        costs: the prices.
        price: which of them.
        columns: the variables whose sum is the number.
        most: the largest number that there can be.
    """

    costs: Costs
    price: str
    columns: tuple[int, ...]
    most: int
    numbers: list[int] = field(init=False)
    """Where it is exact."""

    def __post_init__(self) -> None:
        self.numbers = [0]
        while self.numbers[-1] < self.most:
            self.numbers.append(min(max(self.numbers[-1] + 1, int(self.numbers[-1] * GROWTH)), self.most))

    def refine(self, number: int) -> bool:
        """Make it exact at a number; says whether it was not."""
        place = bisect_left(self.numbers, number)
        if place < len(self.numbers) and self.numbers[place] == number:
            return False
        insort(self.numbers, number)
        return True

    def lines(self, most: int) -> list[tuple[float, float, int]]:
        """Each chord as a line: its value at 0, its slope, and up to which number it is the least."""
        numbers = [*(n for n in self.numbers if n < most), most]
        values = [self.costs.of(self.price, number) for number in numbers]
        found = []
        for i in range(1, len(numbers)):
            slope = (values[i] - values[i - 1]) / (numbers[i] - numbers[i - 1])
            found.append((max(values[i] - slope * numbers[i], 0.0), slope, numbers[i]))
        return found

    def affordable(self, at_most: float) -> int:
        """The largest number that costs no more."""
        if at_most == inf:
            return self.most
        return bisect_right(range(1, self.most + 1), at_most, key=lambda n: self.costs.of(self.price, n))

    def draw(self, programme: MixedInteger, at_most: float) -> None:
        """Its cost as columns and rows of a programme, in which nothing costs more than so much."""
        chosen, counted = [], []
        for start, slope, upto in self.lines(self.affordable(at_most)):
            line, number = programme.column(start), programme.column(slope, upto, whole=False)
            programme.row([(number, 1.0), (line, -float(upto))], -inf, 0)
            chosen.append((line, 1.0))
            counted.append((number, -1.0))
        programme.row(chosen, 0, 1)
        programme.row([*((column, 1.0) for column in self.columns), *counted], -inf, 0)
