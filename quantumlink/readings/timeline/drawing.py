"""Drawing: how a link's pairs come about in many trials at once, each from its own zero.

What a part of a link does is independent of when it starts. So a part that may have to start again is drawn as one
long row of independent tries, which is cut after each success: as exact as playing try by try, without a step for
each.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from math import sqrt

import numpy as np

from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.readings.timeline.disturbing import SideBySide
from quantumlink.readings.timeline.pairs import CUTOFFS, RETRIES, Pairs, begins, operated
from quantumlink.readings.timeline.plan import Elementary, Joining, Plan
from quantumlink.readings.timeline.planning import MOST_TRIES

Step = tuple[int, Joining, list[int]]
"""An operation's name, itself, and the names of what it consumes."""

_KINDS = 6
"""Of what time is spent on: see `quantumlink.readings.timeline.pairs`."""

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
        cutoff_s: the age in seconds at which a pair that is still waiting is thrown away, or None.
        levels: whether all operations of one level wait for each other.
        record: whether pairs remember how long all their qubits waited.
        optimistic: whether ends go on with what may still fail, and all begins again if it did.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        cutoff_s: float | None = None,
        levels: bool = False,
        record: bool = False,
        optimistic: bool = False,
    ) -> None:
        self._rng = rng
        self._cutoff_s = cutoff_s
        self._levels = levels
        self._record = record
        self._optimistic = optimistic
        self._rounds = 0
        self._plain: dict[int, bool] = {}
        """Of each part of the plan, which lives longer, see `is_plain`."""

    def pairs(self, plan: Plan, trials: int) -> Pairs:
        """One accepted pair in each of so many trials, begun at time 0.

        Raises:
            ValueError: if pairs are accepted too rarely.
        """
        if isinstance(plan, Elementary):
            return self._heralded(plan, trials)
        if self._optimistic and self.is_plain(plan) and plan.fallible:
            return self._first_successes(plan, trials)
        return self._together(plan, trials) if self.is_plain(plan) else self._first_successes(plan, trials)

    def is_plain(self, plan: Plan) -> bool:
        """Whether this is what an operation makes whenever its links are there."""
        found = self._plain.get(id(plan))
        if found is None:
            found = self._cutoff_s is None and isinstance(plan, Joining) and plan.side_by_side
            if isinstance(plan, Joining) and plan.may_fail and not self._optimistic:
                found = False
            self._plain[id(plan)] = found
        return found

    def _heralded(self, link: Elementary, trials: int) -> Pairs:
        if link.success_probability is None:
            made: FloatArray = np.asarray(self._rng.exponential(link.time, trials))
        else:
            made = link.time * np.asarray(self._rng.geometric(link.success_probability, trials), dtype=np.float64)
        return Pairs.heralded(link, made + link.herald)

    def _together(self, plan: Plan, trials: int) -> Pairs:
        """What plain operations make of links that all begin at time 0."""
        leaves = self._leaves(plan, trials)
        return self._assembled(plan, leaves, SideBySide(leaves))

    def _leaves(self, plan: Plan, trials: int) -> list[tuple[Plan, Pairs]]:
        """What the plain operations on top of a plan join, drawn in order."""
        return [(part, self.pairs(part, trials)) for part in self.region(plan) if not self.is_plain(part)]

    def _assembled(self, plan: Plan, leaves: list[tuple[Plan, Pairs]], others: SideBySide) -> Pairs:
        names, groups = self.groups(plan)
        made = dict(zip(names, (pairs for _, pairs in leaves), strict=True))
        for steps in groups:
            at = reduce(np.maximum, [begins(step, [made[child] for child in below]) for _, step, below in steps])
            for name, step, below in steps:
                made[name] = self._operated(step, [made.pop(child) for child in below], at, others)
        (whole,) = made.values()
        return whole

    def groups(self, plan: Plan) -> tuple[list[int], list[list[Step]]]:
        """The plain operations on top of a plan: those that begin together, one group after the other.

        In levels, every operation of a level begins when the last of that level could; else each stands alone.

        Returns:
            The names of what is joined, in the order of `region`, and the groups.
        """
        leaves: list[int] = []
        below: list[tuple[int, int]] = []  # the level and the name of what is not joined yet
        groups: list[list[Step]] = []
        for name, part in enumerate(self.region(plan)):
            if not self.is_plain(part):
                below.append((0, name))
                leaves.append(name)
                continue
            assert isinstance(part, Joining)
            count = len(part.children)
            level = max(height for height, _ in below[-count:]) if self._levels else len(groups)
            if level == len(groups):
                groups.append([])
            groups[level].append((name, part, [child for _, child in below[-count:]]))
            del below[-count:]
            below.append((level + 1, name))
        return leaves, groups

    def region(self, plan: Plan) -> Iterator[Plan]:
        """The plain operations on top of a plan and what they join, children before parents."""
        stack = [(plan, False)]
        while stack:
            part, expanded = stack.pop()
            if expanded or not self.is_plain(part):
                yield part
            else:
                assert isinstance(part, Joining)
                stack.append((part, True))
                stack.extend((child, False) for child in reversed(part.children))

    def _first_successes(self, step: Joining, trials: int) -> Pairs:
        """Tries of one part, begun again where one fails, until each trial has its pair."""
        found: list[Pairs] = []
        have, tries = 0, 0
        carried = np.zeros(_KINDS + step.disturbed)  # spent by tries whose trial has no success yet
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
                spent, tried_before = before[:_KINDS], before[_KINDS:]
                found.append(pairs.take(winners).later(spent.sum(axis=0), spent, tried_before))
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
        """Independent tries: pairs, which of them succeeded, and, shape (6 + nodes, count), what the others spent.

        That is time, and the attempts of nodes whose memories these disturb.
        """
        if self._optimistic:
            return self._all_at_once(step, count)
        success, lost = np.ones(count, dtype=bool), np.zeros((_KINDS + step.disturbed, count))
        cutoff_s, others = self._cutoff_s, None
        if step.side_by_side and cutoff_s is None:
            leaves = [self._leaves(child, count) for child in step.children]
            others = SideBySide([leaf for own in leaves for leaf in own])
            parts = [self._assembled(child, own, others) for child, own in zip(step.children, leaves, strict=True)]
        else:
            parts = [self.pairs(child, count) for child in step.children]
        if not step.side_by_side:
            for i in range(1, len(parts)):
                before = parts[i - 1]
                parts[i] = parts[i].later(before.ready, before.spent_until(before.ready))
        elif cutoff_s is not None:
            self._meet(step, parts, cutoff_s)
        at = begins(step, parts)
        if cutoff_s is not None and not step.side_by_side:
            # Those before the last can be too old, as the last one is used at once.
            ages = step.ticks.count(cutoff_s)
            expiry = np.array([part.made + ages for part in parts[:-1]])
            success = at <= expiry.min(axis=0) + step.ticks.slack
            told = expiry + np.array([child.delay for child in step.children[:-1]])[:, None]
            oldest = np.take_along_axis(told, expiry.argmin(axis=0)[None], axis=0)[0]
            lost[CUTOFFS] = np.where(success, 0.0, oldest)
        pairs = self._operated(step, parts, at, others)
        if step.may_fail:
            failed = success & (self._rng.random(count) >= pairs.accepted)
            pairs.accepted[:] = 1.0
            lost[RETRIES] = np.where(failed, pairs.ready, 0.0)
            success = success & ~failed
        lost[_KINDS:] = np.where(success, 0.0, pairs.tried)
        return pairs, success, lost

    def _all_at_once(self, step: Joining, count: int) -> tuple[Pairs, BoolArray, FloatArray]:
        """Tries in which nobody waits for word of a success until the end: then all know whether there is one."""
        pairs = self._together(step, count)
        np.maximum(pairs.known, pairs.heard, out=pairs.known)
        success = self._rng.random(count) < pairs.accepted
        pairs.accepted[:] = 1.0
        lost = np.zeros((_KINDS + step.disturbed, count))
        lost[RETRIES] = np.where(success, 0.0, pairs.ready)
        lost[_KINDS:] = np.where(success, 0.0, pairs.tried)
        return pairs, success, lost

    def _operated(
        self, step: Joining, parts: list[Pairs], at: FloatArray, others: SideBySide | None = None
    ) -> Pairs:
        return operated(step, parts, at, record=self._record, optimistic=self._optimistic, others=others)

    def _meet(self, step: Joining, parts: list[Pairs], cutoff_s: float) -> None:
        """Replace those that grow too old for their partners, until in every trial all are fresh."""
        trials = len(parts[0].made)
        fresh = [_Stock(self, child, trials) for child in step.children]
        sides = [(p, child.delay, stock) for p, child, stock in zip(parts, step.children, fresh, strict=True)]
        cutoff, slack = step.ticks.count(cutoff_s), step.ticks.slack
        open_trials = np.arange(trials)
        met, missed = 0, 0
        while open_trials.size:
            at = begins(step, [part.take(open_trials) for part in parts])
            again = np.zeros(open_trials.size, dtype=bool)
            for pairs, delay, stock in sides:
                old = at > pairs.made[open_trials] + (cutoff + slack)
                which = open_trials[old]
                if which.size:
                    # The other end hears that the pair is gone; then its part starts again.
                    start = pairs.made[which] + cutoff + delay
                    before = np.zeros((6, which.size))
                    before[CUTOFFS] = start
                    pairs.replace(which, stock.take(which.size).later(start, before, pairs.tried[:, which]))
                again |= old
            open_trials = open_trials[again]
            met, missed = trials - open_trials.size, missed + open_trials.size
            self._rounds += 1
            if missed > MOST_IN_VAIN * (met + FEWEST_MET):
                raise ValueError(
                    f"cutoff_s={cutoff_s:.6g} is too short for {step.link!r}: {missed} times a pair grew too old "
                    f"for its partner, while {met} pairs of {trials} met; trials would hardly end"
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
