"""Drawing: how a link's pairs come about in many trials at once, each from its own zero.

What a part of a link does is independent of when it starts. So a part that may have to start again is drawn as one
long row of independent tries, which is cut after each success: as exact as playing try by try, without a step for
each.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np
import numpy.typing as npt

from quantumlink.readings.timeline.pairs import ATTEMPTS, CUTOFFS, MESSAGES, RETRIES, Pairs, purified, swapped
from quantumlink.readings.timeline.plan import MOST_TRIES, Elementary, Joining, Plan

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]

MOST_AT_ONCE = 8192
"""Tries drawn at once: they fit into a processor's cache."""

MOST_IN_VAIN = 5000
"""Partners that miss each other more often than that, on average, before they meet are refused."""

FEWEST_MET = 4
"""What is missing of this many meetings is forgiven: partners that miss each other ten times less often than
`MOST_IN_VAIN` are refused in one case of 10¹⁷."""

MOST_ROUNDS = 200_000
"""So many rounds of replacing pairs that grew too old, in all parts of one batch, are enough: minutes."""


class Drawing:
    """Draws pairs by a plan.

    Args:
        rng: where randomness comes from.
        cutoff_s: the age at which a pair that is still waiting is thrown away, or None.
        levels: whether all swaps of one level wait for each other.
        record: whether pairs remember how long all their qubits waited.
    """

    def __init__(
        self, rng: np.random.Generator, *, cutoff_s: float | None = None, levels: bool = False, record: bool = False
    ) -> None:
        self._rng = rng
        self._cutoff_s = cutoff_s
        self._levels = levels
        self._record = record
        self._rounds = 0

    def pairs(self, plan: Plan, trials: int) -> Pairs:
        """One accepted pair in each of so many trials, begun at time 0.

        Raises:
            ValueError: if pairs are accepted too rarely.
        """
        if isinstance(plan, Elementary):
            return self._heralded(plan, trials)
        if self._is_plain(plan):
            return self._in_levels(plan, trials) if self._levels else self._as_soon_as_possible(plan, trials)
        return self._first_successes(plan, trials)

    def _is_plain(self, plan: Plan) -> bool:
        """Whether this is a swap that happens whenever its two pairs are there."""
        return isinstance(plan, Joining) and plan.is_swap and plan.side_by_side and self._cutoff_s is None

    def _heralded(self, link: Elementary, trials: int) -> Pairs:
        if link.success_probability is None:
            made: FloatArray = np.asarray(self._rng.exponential(link.time_s, trials))
        else:
            made = link.time_s * np.asarray(self._rng.geometric(link.success_probability, trials), dtype=np.float64)
        spent = np.zeros((6, trials))
        spent[ATTEMPTS] = made
        spent[MESSAGES] = link.herald_s
        made = made + link.herald_s
        stored = made - link.stored_s
        states = np.repeat(link.coefficients[:, None], trials, axis=1)
        return Pairs(made, made.copy(), made.copy(), stored, stored.copy(), states, spent, ())

    def _as_soon_as_possible(self, plan: Plan, trials: int) -> Pairs:
        # Left-deep chains would exceed Python's recursion limit: an explicit stack.
        done: list[Pairs] = []
        for part in self._region(plan):
            if not self._is_plain(part):
                done.append(self.pairs(part, trials))
                continue
            assert isinstance(part, Joining)
            right, left = done.pop(), done.pop()
            at = np.maximum(left.right_ready, right.left_ready)
            done.append(swapped(part, left, right, at, record=self._record))
        return done.pop()

    def _in_levels(self, plan: Plan, trials: int) -> Pairs:
        """Every swap of a level begins when the last of that level could."""
        below: list[tuple[int, int]] = []  # the level and the name of what is not joined yet
        levels: list[list[tuple[int, Joining, int, int]]] = []
        made: dict[int, Pairs] = {}
        for name, part in enumerate(self._region(plan)):
            if not self._is_plain(part):
                below.append((0, name))
                made[name] = self.pairs(part, trials)
                continue
            assert isinstance(part, Joining)
            right, left = below.pop(), below.pop()
            level = max(left[0], right[0])
            if level == len(levels):
                levels.append([])
            levels[level].append((name, part, left[1], right[1]))
            below.append((level + 1, name))
        for steps in levels:
            at = np.zeros(trials)
            for _, _, left_name, right_name in steps:
                np.maximum.reduce([at, made[left_name].right_ready, made[right_name].left_ready], out=at)
            for name, step, left_name, right_name in steps:
                pair = made.pop(left_name), made.pop(right_name)
                made[name] = swapped(step, *pair, at, record=self._record)
        return made[below[0][1]]

    def _region(self, plan: Plan) -> Iterator[Plan]:
        """The plain swaps on top of a plan and what they join, children before parents."""
        stack = [(plan, False)]
        while stack:
            part, expanded = stack.pop()
            if expanded or not self._is_plain(part):
                yield part
            else:
                assert isinstance(part, Joining)
                stack.extend([(part, True), (part.second, False), (part.first, False)])

    def _first_successes(self, step: Joining, trials: int) -> Pairs:
        """Tries of one part, begun again where one fails, until each trial has its pair."""
        found: list[Pairs] = []
        have, tries = 0, 0
        carried = np.zeros(6)  # spent by tries whose trial has no success yet
        while have < trials:
            # The likely number of tries and a margin: too many are only thrown away.
            rate = max(have, 0.5) / tries if tries else 1.0
            missing = trials - have
            wanted = missing / rate + 2 * sqrt(missing * (1 - rate)) / rate + 1 if rate < 1 else missing
            count = int(min(wanted, max(MOST_AT_ONCE, trials)))
            pairs, success, lost = self._tries(step, count)
            winners = np.flatnonzero(success)[:missing]
            tries += count
            if winners.size:
                total = np.cumsum(lost, axis=1)[:, winners]
                before = np.diff(total, axis=1, prepend=-carried[:, None])
                carried = lost[:, winners[-1] + 1 :].sum(axis=1)
                found.append(pairs.take(winners).later(before.sum(axis=0), before))
            else:
                carried = carried + lost.sum(axis=1)
            have += winners.size
            if tries > MOST_TRIES * (have + 1):
                raise ValueError(
                    f"{step.link!r} succeeded {have} times in {tries} tries, less than once in {MOST_TRIES:.0e}: "
                    f"trials would hardly end"
                )
        return Pairs.joined(found)

    def _tries(self, step: Joining, count: int) -> tuple[Pairs, BoolArray, FloatArray]:
        """Independent tries: pairs, which of them succeeded, and, shape (6, count), the time lost by the others."""
        first, second = self.pairs(step.first, count), self.pairs(step.second, count)
        success, lost = np.ones(count, dtype=bool), np.zeros((6, count))
        cutoff_s = self._cutoff_s
        if not step.side_by_side:
            second = second.later(first.ready, first.spent_until(first.ready))
        elif cutoff_s is not None:
            self._meet(step, first, second, cutoff_s)
        at = np.maximum(*_there(step, first, second))
        if cutoff_s is not None and not step.side_by_side:
            # The first pair alone can be too old, as the second one is used at once.
            expiry = first.made + cutoff_s
            success = at <= expiry
            lost[CUTOFFS] = np.where(success, 0.0, expiry + step.first.delay_s)
        if step.is_swap:
            return swapped(step, first, second, at, record=self._record), success, lost
        pairs, accepted = purified(step, first, second, at, record=self._record)
        failed = success & (self._rng.random(count) >= accepted)
        lost[RETRIES] = np.where(failed, pairs.ready, 0.0)
        return pairs, success & ~failed, lost

    def _meet(self, step: Joining, first: Pairs, second: Pairs, cutoff_s: float) -> None:
        """Replace pairs that grow too old for their partner, until in every trial both are fresh."""
        fresh = [_Stock(self, part, len(first.made)) for part in (step.first, step.second)]
        sides = ((first, step.first.delay_s, fresh[0]), (second, step.second.delay_s, fresh[1]))
        open_trials = np.arange(len(first.made))
        met, missed = 0, 0
        while open_trials.size:
            at = np.maximum(*_there(step, first.take(open_trials), second.take(open_trials)))
            again = np.zeros(open_trials.size, dtype=bool)
            for pairs, delay_s, stock in sides:
                old = at > pairs.made[open_trials] + cutoff_s
                which = open_trials[old]
                if which.size:
                    # The other end hears that the pair is gone; then its part starts again.
                    start = pairs.made[which] + cutoff_s + delay_s
                    before = np.zeros((6, which.size))
                    before[CUTOFFS] = start
                    pairs.replace(which, stock.take(which.size).later(start, before))
                again |= old
            open_trials = open_trials[again]
            met, missed = len(first.made) - open_trials.size, missed + open_trials.size
            self._rounds += 1
            if missed > MOST_IN_VAIN * (met + FEWEST_MET):
                raise ValueError(
                    f"cutoff_s={cutoff_s:.6g} is too short for {step.link!r}: {missed} times a pair grew too old "
                    f"for its partner, while {met} pairs of {len(first.made)} met; trials would hardly end"
                )
            if self._rounds > MOST_ROUNDS:
                raise ValueError(
                    f"cutoff_s={cutoff_s:.6g} is too short: pairs that grew too old were replaced in {MOST_ROUNDS} "
                    f"rounds, last for {step.link!r}, without an end to a batch of trials"
                )


class _Stock:
    """Pairs drawn ahead, so that few at a time cost little."""

    def __init__(self, drawing: Drawing, plan: Plan, trials: int) -> None:
        self._drawing, self._plan = drawing, plan
        self._least = min(trials, 512)
        self._left: Pairs | None = None

    def take(self, count: int) -> Pairs:
        """The next pairs."""
        stock = self._left
        have = 0 if stock is None else len(stock.made)
        if stock is None or have < count:
            more = self._drawing.pairs(self._plan, max(count - have, self._least))
            stock = more if stock is None else Pairs.joined([stock, more])
        self._left = stock.take(slice(count, None))
        return stock.take(slice(count))


def _there(step: Joining, first: Pairs, second: Pairs) -> tuple[FloatArray, FloatArray]:
    """When each pair is known where it is needed: at the relay of a swap, at both ends for a purification."""
    if step.is_swap:
        return first.right_ready, second.left_ready
    return first.ready, second.ready
