"""The plan: a link as the timeline plays it, with all that is the same in every trial worked out once.

A plan is a tree like the link's: `Elementary` for an elementary link, `Joining` for a swap or a purification. What
is refused is refused here, before anything is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from qiskit.circuit import IfElseOp, QuantumCircuit

from quantumlink.circuits import PurificationProtocol, entanglement_swap, purification
from quantumlink.hardware import Memory, Processor
from quantumlink.link import ElementaryLink, Link, Purify, Swap, distinct_links
from quantumlink.link.tree import check_memories
from quantumlink.readings.exact import fold
from quantumlink.readings.maps import purification_map, swap_map
from quantumlink.readings.state import BELL_SIGNS
from quantumlink.readings.timeline.memories import Needs, Places, attempts_at_once, capacities

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]

LEAST_PROBABILITY = 1e-12
"""An attempt that succeeds more rarely is refused: trials would never end."""

MOST_TRIES = 1e6
"""A protocol that takes more tries of one purification than that, on average, is refused."""

DEEPEST = 200
"""Most purifications (with a cut-off, also swaps) one within the other."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Elementary:
    """An elementary link as the timeline plays it."""

    link: ElementaryLink
    """The elementary link."""
    success_probability: float | None
    """The probability that one round of attempts delivers a pair; None for pairs at random moments."""
    time_s: float
    """The duration of a round; of pairs at random moments, the mean time to the next."""
    herald_s: float
    """How much later than its round's end a pair is heralded: messages may be slower than attempts."""
    stored_s: float
    """How long both qubits have been stored when the pair is heralded."""
    coefficients: FloatArray
    """Shape (16,): the Pauli coefficients of the state in which a pair arrives."""
    delay_s: float
    """How long a message takes from one end to the other."""
    operations = 0
    nesting = 0

    @property
    def support(self) -> IndexArray:
        """The coefficients that may differ from zero."""
        return np.flatnonzero(self.coefficients)

    @property
    def message_s(self) -> float:
        """How long after it was made both ends know of a pair: a herald arrives with it."""
        return 0.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Joining:
    """A swap or a purification as the timeline plays it."""

    link: Swap | Purify
    """The link that it makes."""
    first: Plan
    """The left link of a swap, the kept one of a purification."""
    second: Plan
    """The right or the spent one."""
    side_by_side: bool
    """Whether both are made at the same time, or the second once the first is there."""
    memories: tuple[Memory, Memory, Memory, Memory]
    """Those of the first pair's left and right qubit and the second pair's."""
    durations_s: tuple[float, float]
    """How long the local operations take: at the relay for a swap (twice the same), at each end else."""
    corrections_s: tuple[float, float]
    """How long the corrections take at each end."""
    delays_s: tuple[float, float]
    """How long the message to each end takes: from the relay, or from the other end."""
    delay_s: float
    """How long a message takes from one end to the other."""
    operations: int
    """How many swaps and purifications there are in it, with itself."""
    nesting: int
    """How many parts that may have to start again there are within each other, with itself."""
    map: ReducedMap
    """What it does to states."""

    @property
    def is_swap(self) -> bool:
        """Whether it is a swap."""
        return isinstance(self.link, Swap)

    @property
    def support(self) -> IndexArray:
        """The coefficients that may differ from zero."""
        return self.map.outputs

    @property
    def message_s(self) -> float:
        """How long after it was made both ends know of a pair."""
        return max(delay + correction for delay, correction in zip(self.delays_s, self.corrections_s, strict=True))


Plan = Elementary | Joining


@dataclass(frozen=True, eq=False)
class ReducedMap:
    """A map of two pairs to one, without the coefficients that vanish in every trial.

    Perfect memories or pure dephasing leave 4 of 16 coefficients, relaxation 6: products of two are then 16 or
    36 in place of 256.
    """

    matrix: FloatArray
    """Shape (outputs, first inputs · second inputs)."""
    first: IndexArray
    """The coefficients of the first pair that may differ from zero."""
    second: IndexArray
    """Those of the second pair."""
    outputs: IndexArray
    """Those of the joined pair."""

    @classmethod
    def of(cls, matrix: FloatArray, first: IndexArray, second: IndexArray) -> ReducedMap:
        """The part of a (16, 256) map that matters for inputs with that support."""
        part = matrix.reshape(16, 16, 16)[:, first[:, None], second].reshape(16, -1)
        outputs = np.flatnonzero(np.any(part != 0, axis=1))
        return cls(np.ascontiguousarray(part[outputs]), first, second, outputs)

    def __call__(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Shapes (16, n), (16, n) to (16, n), unnormalized."""
        trials = first.shape[1]
        products = (first[self.first][:, None, :] * second[self.second]).reshape(-1, trials)
        joined = np.zeros((16, trials))
        joined[self.outputs] = self.matrix @ products
        return joined


def make_plan(link: Link, *, cutoff_s: float | None = None, stored_at_start: bool = False) -> Plan:
    """The plan of a link.

    Args:
        link: the link.
        cutoff_s: the age at which a pair is thrown away, or None.
        stored_at_start: whether qubits are stored since the start of the attempt, or since its herald.

    Raises:
        ValueError: if two different nodes share a name, an elementary link does not say how its attempts go, one
            succeeds too rarely, a purification can never succeed or too rarely, the memories are too few, or
            the cut-off is shorter than a message.
    """
    check_memories(link)
    _check_tries(link)
    needs, cut = Needs(link), cutoff_s is not None
    known: dict[tuple[int, tuple[tuple[object, int], ...]], Plan] = {}
    done: list[Plan] = []
    # A chain may be far deeper than Python's recursion limit: an explicit stack. Equal parts share one plan.
    stack: list[tuple[Link, Places, bool]] = [(link, capacities(link), False)]
    while stack:
        current, free, ready = stack.pop()
        key = (id(current), tuple(sorted(free.items())))
        if ready:
            second, first = done.pop(), done.pop()
            assert isinstance(current, Swap | Purify)
            together = needs.fit_together(current.children[0], current.children[1], free)
            known[key] = _joining(current, first, second, side_by_side=together, cut=cut)
            done.append(known[key])
        elif key in known:
            done.append(known[key])
        elif isinstance(current, ElementaryLink):
            known[key] = _elementary(current, attempts_at_once(current, free), stored_at_start)
            done.append(known[key])
        else:
            first_link, second_link = current.children
            together = needs.fit_together(first_link, second_link, free)
            share = needs.split if together else needs.one_by_one
            for_first, for_second = share(first_link, second_link, free)
            stack.extend([(current, free, True), (second_link, for_second, False), (first_link, for_first, False)])
        if (depth := done[-1].nesting if done else 0) > DEEPEST:
            raise ValueError(
                f"link must not have more than {DEEPEST} purifications (with a cut-off: or swaps) one within the "
                f"other to be simulated, got {depth}: join in a balanced order"
            )
    plan = done.pop()
    if cutoff_s is not None:
        _check_cutoff(plan, cutoff_s)
    return plan


def in_order(plan: Plan) -> Iterator[Plan]:
    """Every occurrence in the tree, children before parents, the first child first."""
    stack = [(plan, False)]
    while stack:
        current, expanded = stack.pop()
        if expanded or isinstance(current, Elementary):
            yield current
        else:
            stack.extend([(current, True), (current.second, False), (current.first, False)])


def _check_tries(link: Link) -> None:
    """Refuse a protocol whose purifications fail too often, even if nothing ever waited."""
    folded = fold(link)  # refuses nodes of one name, and what can never succeed
    tries = {id(link): 1.0}
    for part in reversed(list(distinct_links(link))):  # parents before children
        needed = tries[id(part)]
        if isinstance(part, Purify):
            needed /= folded[id(part)].accepted
            if needed > MOST_TRIES:
                raise ValueError(
                    f"{part!r} would be tried {needed:.3g} times on average for one pair of {link!r}, at most "
                    f"{MOST_TRIES:.0e} are simulated: start from better pairs, or purify less"
                )
        for child in part.children:
            # The busiest occurrence counts: occurrences of one part are tried in parallel lives.
            tries[id(child)] = max(tries.get(id(child), 0.0), needed)


def _check_cutoff(plan: Plan, cutoff_s: float) -> None:
    for part in in_order(plan):
        if isinstance(part, Elementary):
            continue
        for child in (part.first, part.second):
            if child.message_s > cutoff_s:
                raise ValueError(
                    f"cutoff_s must not be shorter than the messages of any pair that is to be used further: "
                    f"{child.link!r} is known at both its ends {child.message_s:.6g} s after it was made, so that "
                    f"a cut-off of {cutoff_s:.6g} s would throw away every one"
                )
    for part in in_order(plan):
        if isinstance(part, Elementary) and part is not plan:
            _check_attempts(part, cutoff_s)


def _check_attempts(part: Elementary, cutoff_s: float) -> None:
    """Refuse pairs that are too old before their other end is told of it; a clock need not wait for that."""
    waits_for_messages = part.success_probability is not None and part.time_s >= part.delay_s
    if waits_for_messages and part.delay_s > cutoff_s:
        raise ValueError(
            f"cutoff_s must not be shorter than the messages of any pair that is to be used further: "
            f"{part.link!r} tells its other end in {part.delay_s:.6g} s, as long as its attempts last or less, and "
            f"a cut-off of {cutoff_s:.6g} s would throw pairs away before the next attempt could end"
        )


def _elementary(link: ElementaryLink, at_once: int, stored_at_start: bool) -> Elementary:
    attempts = link.attempts
    if attempts is None:
        raise ValueError(
            f"{link!r} does not say how its attempts go: give it success_probability and attempt_time_s, or "
            f"rate_hz, or a medium that takes time (a longer Fiber)"
        )
    probability, time_s = attempts.success_probability, attempts.time_s
    if probability is None:
        time_s /= at_once
    else:
        if probability < 1:
            probability = float(-np.expm1(at_once * np.log1p(-probability)))
        if probability < LEAST_PROBABILITY:
            raise ValueError(
                f"{link!r} succeeds with a probability of {probability:.3g} an attempt, too rarely for a trial to "
                f"end: at least {LEAST_PROBABILITY:g} is simulated"
            )
    delay_s = link.medium.delay_s if link.medium is not None else 0.0
    herald_s = max(delay_s - time_s, 0.0) if probability is not None else 0.0
    coefficients = np.zeros((4, 4))
    coefficients[[0, 1, 2, 3], [0, 1, 2, 3]] = 1.0, *(np.array(link.bell_diagonal) @ BELL_SIGNS)
    return Elementary(
        link=link,
        success_probability=probability,
        time_s=time_s,
        herald_s=herald_s,
        stored_s=time_s + herald_s if stored_at_start and probability is not None else 0.0,
        coefficients=coefficients.reshape(16),
        delay_s=delay_s,
    )


def _joining(link: Swap | Purify, first: Plan, second: Plan, *, side_by_side: bool, cut: bool) -> Joining:
    memories = tuple(node.memory for child in (first, second) for node in child.link.ends)
    assert len(memories) == 4
    if isinstance(link, Swap):
        processors = link.left.processor, link.relay.processor, link.right.processor
        matrix = swap_map(*processors)
        duration, *corrections = _swap_durations(*processors)
        durations = duration, duration
        delays, delay = (first.delay_s, second.delay_s), first.delay_s + second.delay_s
    else:
        matrix = purification_map(link.protocol, link.left.processor, link.right.processor)
        durations = _purification_durations(link.protocol, link.left.processor, link.right.processor)
        corrections = [0.0, 0.0]
        # The parties talk along the quicker of the two ways.
        delay = min(first.delay_s, second.delay_s)
        delays = delay, delay
    may_restart = cut or not side_by_side or isinstance(link, Purify)
    return Joining(
        link=link,
        first=first,
        second=second,
        side_by_side=side_by_side,
        memories=memories,
        durations_s=durations,
        corrections_s=(corrections[0], corrections[1]),
        delays_s=delays,
        delay_s=delay,
        operations=first.operations + second.operations + 1,
        nesting=max(first.nesting, second.nesting) + may_restart,
        map=ReducedMap.of(matrix, waited_support(first, *memories[:2]), waited_support(second, *memories[2:])),
    )


def waited_support(plan: Plan, left: Memory, right: Memory) -> IndexArray:
    """The coefficients that may differ from zero once a pair has waited: relaxation turns part of I into Z."""
    present = np.zeros((4, 4), dtype=bool)
    present.reshape(16)[plan.support] = True
    if left.t1_s < np.inf:
        present[3] |= present[0]
    if right.t1_s < np.inf:
        present[:, 3] |= present[:, 0]
    return np.flatnonzero(present)


@lru_cache(maxsize=1024)
def _swap_durations(left: Processor, relay: Processor, right: Processor) -> tuple[float, float, float]:
    """Of a swap: the relay's operations, the left end's corrections, the right end's."""
    until, corrections = _durations(entanglement_swap(), (left, relay, relay, right))
    return max(until[1:3]), corrections[0], corrections[3]


@lru_cache(maxsize=1024)
def _purification_durations(
    protocol: PurificationProtocol, left: Processor, right: Processor
) -> tuple[float, float]:
    until, _ = _durations(purification(protocol), (left, left, right, right))
    return max(until[:2]), max(until[2:])


def _durations(circuit: QuantumCircuit, processors: tuple[Processor, ...]) -> tuple[list[float], list[float]]:
    """When each qubit's operations are done, and how long its conditional ones take after that.

    Operations start as soon as their qubits are free; conditional ones keep their place if they do not fire.
    """
    until, corrections = [0.0] * circuit.num_qubits, [0.0] * circuit.num_qubits
    for instruction in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        processor = processors[qubits[0]]
        if isinstance(instruction.operation, IfElseOp):
            (qubit,) = qubits
            gates = max(len(block.data) for block in instruction.operation.blocks)
            corrections[qubit] += gates * processor.gate_1q_s
            continue
        if instruction.name == "measure":
            took = processor.readout_s
        else:
            took = processor.gate_1q_s if len(qubits) == 1 else processor.gate_2q_s
        done = max(until[qubit] for qubit in qubits) + took
        for qubit in qubits:
            until[qubit] = done
    return until, corrections
