"""Planning: the plan of a link is made, and what cannot be played is refused before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from quantumlink.arrays import IndexArray
from quantumlink.circuits import Operation
from quantumlink.hardware import Memory
from quantumlink.link import ElementaryLink, Join, Link, distinct_links
from quantumlink.link.tree import check_memories
from quantumlink.readings.exact import fold
from quantumlink.readings.residual_swaps import swaps_with_residuals
from quantumlink.readings.shared_state import MAX_ENDS
from quantumlink.readings.timeline.disturbing import check_known
from quantumlink.readings.timeline.plan import Elementary, Joining, Plan, in_order
from quantumlink.readings.timeline.reduced_map import ReducedMap, reduced_map
from quantumlink.timing.attempts import rounds_of
from quantumlink.timing.course import Course
from quantumlink.timing.durations import operation_durations_s
from quantumlink.timing.places import Places, Sharing
from quantumlink.timing.ticks import SECONDS, Ticks

MOST_ROUNDED = 1e-6
"""Relative: by how much an attempt may be longer or shorter in ticks. Under a cut-off of so many attempts that it
would be more, ages are compared in seconds: that one is exactly as old has no weight there."""

HORIZON = 256
"""Ages are exact in trials up to so many times as long as the cut-off and all elementary pairs take on average."""

LEAST_PROBABILITY = 1e-12
"""An attempt that succeeds more rarely is refused: trials would never end."""

MOST_TRIES = 1e6
"""A protocol that takes more tries of one purification than that, on average, is refused."""

DEEPEST = 200
"""Most purifications (with a cut-off, also swaps) one within the other."""


def make_plan(
    link: Link, *, cutoff_s: float | None = None, stored_at_start: bool = False, optimistic: bool = False
) -> Plan:
    """The plan of a link.

    Args:
        link: the link.
        cutoff_s: the age at which a pair is thrown away, or None.
        stored_at_start: whether qubits are stored since the start of the attempt, or since its herald.
        optimistic: whether ends go on with what may have failed.

    Raises:
        ValueError: if two different nodes share a name, an elementary link does not say how its attempts go, one
            succeeds too rarely, a purification can never succeed or too rarely, the memories are too few,
            the cut-off is shorter than a message, or it is not known which attempts disturb a stored qubit.
    """
    check_memories(link)
    for part in distinct_links(link):
        if len(part.ends) > MAX_ENDS:
            raise ValueError(
                f"states of at most {MAX_ENDS} ends are played in time, got {part!r} with {len(part.ends)}: "
                f"compose and sample still take it"
            )
    _check_tries(link)
    sharing, cut = Sharing(link), cutoff_s is not None
    ticks = SECONDS if cutoff_s is None else _ticks(link, cutoff_s)
    disturbed = _disturbed(link)
    actions = _Actions(ticks, disturbed, swaps_with_residuals(link))
    known: dict[tuple[int, tuple[tuple[object, int], ...]], Plan] = {}
    done: list[Plan] = []
    # A chain may be far deeper than Python's recursion limit: an explicit stack. Equal parts share one plan.
    stack: list[tuple[Link, Places, bool]] = [(link, sharing.all_places, False)]
    while stack:
        current, free, ready = stack.pop()
        key = (id(current), tuple(sorted(free.items())))
        if ready:
            assert isinstance(current, Join)
            count = len(current.links)
            children = tuple(done[-count:])
            del done[-count:]
            together, _ = sharing.of(current, free)
            known[key] = actions.joining(current, children, side_by_side=together, cut=cut)
            done.append(known[key])
        elif key in known:
            done.append(known[key])
        elif isinstance(current, ElementaryLink):
            places = sharing.places_of(current, free)
            known[key] = _elementary(current, places, stored_at_start, ticks, disturbed)
            done.append(known[key])
        else:
            _, shares = sharing.of(current, free)
            stack.append((current, free, True))
            below = zip(current.children[::-1], shares[::-1], strict=True)
            stack.extend((child, share, False) for child, share in below)
        if (depth := done[-1].nesting if done else 0) > DEEPEST:
            raise ValueError(
                f"link must not have more than {DEEPEST} operations that may fail (with a cut-off: any) one within "
                f"the other to be simulated, got {depth}: join in a balanced order"
            )
    plan = done.pop()
    if cutoff_s is not None:
        _check_cutoff(plan, cutoff_s)
    check_known(plan, list(disturbed), cut=cut, optimistic=optimistic)
    return plan


def _disturbed(link: Link) -> dict[str, int]:
    """Numbers of the nodes whose memories attempts disturb, by name."""
    found: dict[str, int] = {}
    for part in distinct_links(link):
        for node in () if part.children else part.ends:
            if node.memory.per_attempt > 0:
                found.setdefault(node.name, len(found))
    return found


def _check_tries(link: Link) -> None:
    """Refuse a protocol whose purifications fail too often, even if nothing ever waited."""
    folded = fold(link)  # refuses nodes of one name, and what can never succeed
    tries = {id(link): 1.0}
    for part in reversed(list(distinct_links(link))):  # parents before children
        needed = tries[id(part)]
        if isinstance(part, Join) and part.operation.may_fail:
            needed /= folded[id(part)].accepted
            if needed > MOST_TRIES:
                raise ValueError(
                    f"{part!r} would be tried {needed:.3g} times on average for one pair of {link!r}, at most "
                    f"{MOST_TRIES:.0e} are simulated: start from better pairs, or purify less"
                )
        for child in part.children:
            # The busiest occurrence counts: occurrences of one part are tried in parallel lives.
            tries[id(child)] = max(tries.get(id(child), 0.0), needed)


def _ticks(link: Link, cutoff_s: float) -> Ticks:
    """The unit of time in which ages of pairs of a link can be compared with a cut-off."""
    durations: set[float] = set()
    repeated: set[float] = set()
    longest_s = cutoff_s
    for part in distinct_links(link):
        if isinstance(part, ElementaryLink):
            if (attempts := part.attempts) is not None:
                repeated.add(attempts.time_s)
                durations.update((attempts.time_s, *(node.memory.move_s for node in part.ends)))
                longest_s += 1 / attempts.rate_hz
            durations.update((part.delay_s, part.herald_delay_s))
        else:
            assert isinstance(part, Join)
            processors = tuple(node.processor for node in part.nodes)
            durations.update(*operation_durations_s(part.operation, processors))
    ticks = Ticks.of(cutoff_s, durations, HORIZON * longest_s)
    exact = all(abs(ticks.count(time) * ticks.tick_s - time) <= MOST_ROUNDED * time for time in repeated)
    return ticks if exact else SECONDS


def _check_cutoff(plan: Plan, cutoff_s: float) -> None:
    too_long = plan.ticks.count(cutoff_s) + plan.ticks.slack
    for part in in_order(plan):
        if isinstance(part, Elementary):
            continue
        for child in part.children:
            if child.message > too_long:
                message_s = child.message * plan.ticks.tick_s
                raise ValueError(
                    f"cutoff_s must not be shorter than the messages of any pair that is to be used further: "
                    f"{child.link!r} is known at both its ends {message_s:.6g} s after it was made, so that "
                    f"a cut-off of {cutoff_s:.6g} s would throw away every one"
                )
    for part in in_order(plan):
        if isinstance(part, Elementary) and part is not plan:
            _check_attempts(part, cutoff_s, too_long)


def _check_attempts(part: Elementary, cutoff_s: float, too_long: float) -> None:
    """Refuse pairs that are too old before their other end is told of it; a clock need not wait for that."""
    waits_for_messages = part.success_probability is not None and part.time >= part.delay
    if waits_for_messages and part.delay > too_long:
        delay_s = part.delay * part.ticks.tick_s
        raise ValueError(
            f"cutoff_s must not be shorter than the messages of any pair that is to be used further: "
            f"{part.link!r} tells its other end in {delay_s:.6g} s, as long as its attempts last or less, and "
            f"a cut-off of {cutoff_s:.6g} s would throw pairs away before the next attempt could end"
        )


def _elementary(
    link: ElementaryLink, places: int | None, stored_at_start: bool, ticks: Ticks, disturbed: Mapping[str, int]
) -> Elementary:
    rounds = rounds_of(link, places or 1)
    if rounds is None:
        raise ValueError(
            f"{link!r} does not say how its attempts go: give it success_probability and attempt_time_s, or "
            f"rate_hz, or a medium that takes time (a longer Fiber)"
        )
    probability = rounds.success_probability
    if probability is not None and probability < LEAST_PROBABILITY:
        raise ValueError(
            f"{link!r} succeeds with a probability of {probability:.3g} an attempt, too rarely for a trial to "
            f"end: at least {LEAST_PROBABILITY:g} is simulated"
        )
    clocked = probability is not None
    time, delay = ticks.count(rounds.time_s), ticks.count(link.delay_s)
    herald = max(ticks.count(rounds.delay_s) - time, 0.0) if clocked else 0.0
    moves = ticks.count(link.left.memory.move_s), ticks.count(link.right.memory.move_s)
    factors = link.move_factors
    return Elementary(
        link=link,
        success_probability=probability,
        ticks=ticks,
        time=time,
        herald=herald,
        stored=time + herald if stored_at_start and clocked else 0.0,
        coefficients=link.coefficients if factors is None else link.coefficients * factors,
        delay=delay,
        moves=moves,
        places=places,
        rows=tuple(disturbed.get(node.name) for node in link.ends),
        disturbed=len(disturbed),
    )


class _Actions:
    """What operations do, in time and to states: worked out once for all that differ in no noise and no delay."""

    def __init__(self, ticks: Ticks, disturbed: Mapping[str, int], swaps: Mapping[int, Operation]) -> None:
        self._ticks, self._disturbed, self._swaps = ticks, disturbed, swaps
        self._known: dict[tuple[object, ...], tuple[Course, ReducedMap]] = {}

    def joining(self, link: Join, children: tuple[Plan, ...], *, side_by_side: bool, cut: bool) -> Joining:
        """The plan of what an operation makes."""
        memories = tuple(tuple(node.memory for node in child.link.ends) for child in children)
        course, does = self._of(link, children, memories)
        may_restart = cut or not side_by_side or link.operation.may_fail
        return Joining(
            link=link,
            children=children,
            side_by_side=side_by_side,
            memories=memories,
            ticks=self._ticks,
            course=course,
            operations=1 + sum(child.operations for child in children),
            nesting=may_restart + max(child.nesting for child in children),
            map=does,
            rows=tuple(self._disturbed.get(node.name) for child in children for node in child.link.ends),
            disturbed=len(self._disturbed),
        )

    def _of(
        self, link: Join, children: tuple[Plan, ...], memories: tuple[tuple[Memory, ...], ...]
    ) -> tuple[Course, ReducedMap]:
        # The link keeps what is told by its id alive; hashes of all hardware would take longer than the work saved.
        told = [(child.support.tobytes(), child.delays.tobytes()) for child in children]
        relaxes = [memory.relaxes for own in memories for memory in own]
        operation = self._swaps.get(id(link), link.operation)
        key = (id(operation), *(id(node.processor) for node in link.nodes), *told, *relaxes)
        found = self._known.get(key)
        if found is None:
            processors = tuple(node.processor for node in link.nodes)
            supports = [waited_support(child, own) for child, own in zip(children, memories, strict=True)]
            delays = [child.delays for child in children]
            found = self._known[key] = (
                Course.of(operation, processors, delays, self._ticks.count),
                reduced_map(operation, processors, supports),
            )
        return found


def waited_support(plan: Plan, memories: Sequence[Memory]) -> IndexArray:
    """The coefficients that may differ from zero once all ends have waited: relaxation turns part of I into Z."""
    present = np.zeros((4,) * len(memories), dtype=bool)
    present.reshape(-1)[plan.support] = True
    for end, memory in enumerate(memories):
        if memory.relaxes:
            by_pauli = np.moveaxis(present, end, 0)
            by_pauli[3] |= by_pauli[0]
    return np.flatnonzero(present)
