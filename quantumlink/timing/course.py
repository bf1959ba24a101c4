"""Courses: how an operation goes in time, from when it begins until every site knows of it.

An operation begins at one moment, when every site that acts without a condition knows that it has its qubits. What
is measured travels to every site, along the quickest way that the media make. A site knows of the result when it
has all outcomes and all that its own links need, and has corrected. Its qubits wait until its unconditional gates
and measurements are done; a qubit that is corrected waits for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import inf

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import FloatArray
from quantumlink.circuits import Operation
from quantumlink.hardware import Processor
from quantumlink.timing.durations import operation_durations_s


@dataclass(frozen=True, eq=False)
class Course:
    """How one operation goes in time; times in seconds, or in what its maker counts them in."""

    operation: Operation
    """The operation."""
    acting: tuple[int, ...]
    """The sites that act without a condition: it begins when all of them are ready."""
    telling: tuple[int, ...]
    """The sites that have something to tell when their unconditional operations are done."""
    telling_later: tuple[int, ...]
    """The sites that measure once they know what others measured."""
    done: tuple[float, ...]
    """Of each site, when its unconditional operations are done, after the beginning."""
    corrections: tuple[float, ...]
    """Of each site, how long its conditional operations take."""
    ways: FloatArray
    """Shape (sites, sites): how long a message takes from one to another."""
    until_known: tuple[bool, ...]
    """Of each qubit, whether it waits until its site knows of the result, or until its gates are done."""

    @classmethod
    def of(
        cls,
        operation: Operation,
        processors: Sequence[Processor],
        delays: Sequence[npt.ArrayLike],
        count: Callable[[float], float] = float,
    ) -> Course:
        """The course of an operation.

        Args:
            operation: the operation.
            processors: that of each of its sites.
            delays: of each link that it consumes, shape (ends, ends): how long messages take between its ends.
            count: what turns seconds into the unit of the delays.

        Raises:
            ValueError: if its qubits wait in delays of their own, in memories that decay.
        """
        if operation.memories:
            raise ValueError(
                f"{operation.name} has delays in its circuit at nodes whose memories decay: in time all waiting is "
                f"counted between operations, and would be counted twice; evaluate, compose and sample follow it"
            )
        site = operation.site_of_qubit
        until, corrections = operation_durations_s(operation, tuple(processors))
        qubits_at: list[list[int]] = [[] for _ in operation.site_names]
        for qubit, place in enumerate(site):
            qubits_at[place].append(qubit)
        acting, at_once = operation.sites_that_act, operation.sites_that_measure
        if operation.success_probability < 1:  # whoever acts notices
            at_once |= acting
        return cls(
            operation=operation,
            acting=tuple(sorted(acting)),
            telling=tuple(sorted(at_once)),
            telling_later=tuple(sorted(operation.sites_that_measure_later)),
            done=tuple(count(max(until[q] for q in qubits)) for qubits in qubits_at),
            corrections=tuple(count(max(corrections[q] for q in qubits)) for qubits in qubits_at),
            ways=_ways(operation, [np.asarray(delay, dtype=float) for delay in delays]),
            until_known=tuple(s not in acting or q in operation.conditional_qubits for q, s in enumerate(site)),
        )

    @property
    def ends(self) -> list[int]:
        """The site of each qubit that is delivered."""
        return [self.operation.site_of_qubit[q] for q in self.operation.outputs]

    @property
    def delays(self) -> FloatArray:
        """Shape (ends, ends): how long messages take between the ends of what is delivered."""
        return self.ways[np.ix_(self.ends, self.ends)]

    @property
    def message(self) -> float:
        """How long after the last gate all ends know, where their own links hold nobody up."""
        last = max((self.done[s] for s in self.acting), default=0.0)
        known = self.known([0.0] * len(self.done), 0.0)
        return max(float(known[s]) for s in self.ends) - last

    @cached_property
    def told(self) -> tuple[float, ...]:
        """Of each site, how long after the beginning it has measured and heard what all others measured at once."""
        return tuple(
            max(
                [self.done[other] + float(self.ways[other, s]) for other in self.telling]
                + [self.done[s] if s in self.acting else -inf]
            )
            for s in range(len(self.done))
        )

    def begins(self, own: Sequence[FloatArray | float | None]) -> FloatArray:
        """When it begins, of when each site that acts knows that it has its qubits."""
        return np.asarray(latest([time for s in self.acting if (time := own[s]) is not None]))

    def known(self, own: Sequence[FloatArray | float | None], at: FloatArray | float) -> list[FloatArray]:
        """When each site knows of the result and has corrected.

        Args:
            own: when each site knows that it has its qubits; None for one of which it goes without saying, as the
                beginning waits for it.
            at: when it begins.
        """
        heard = []
        for mine, told in zip(own, self.told, strict=True):
            here = [] if mine is None else [mine]
            heard.append(latest([*here, at + told] if told > -inf else here))
        for _ in self.telling_later:  # each may have to wait for another one
            later = [(other, heard[other] + self.corrections[other]) for other in self.telling_later]
            heard = [
                latest([time, *(told + self.ways[other, s] for other, told in later if other != s)])
                for s, time in enumerate(heard)
            ]
        return [np.asarray(time + took) for time, took in zip(heard, self.corrections, strict=True)]

    def held(self, qubits: Iterable[int], known: Sequence[FloatArray], at: FloatArray) -> FloatArray:
        """Until when some qubits wait, see `held_until`: shape (qubits, n)."""
        found: dict[tuple[int, bool], FloatArray] = {}
        rows = []
        for qubit in qubits:
            kind = self.operation.site_of_qubit[qubit], self.until_known[qubit]
            if kind not in found:
                found[kind] = self.held_until(qubit, known, at)
            rows.append(found[kind])
        return np.array(rows)

    def held_until(self, qubit: int, known: Sequence[FloatArray], at: FloatArray | float) -> FloatArray:
        """Until when a qubit waits, of when each site knows of the result."""
        s = self.operation.site_of_qubit[qubit]
        return known[s] if self.until_known[qubit] else np.asarray(at + self.done[s])


def latest(times: Sequence[FloatArray | float]) -> FloatArray | float:
    """The latest of some times, 0 if there are none."""
    return reduce(np.maximum, times) if times else 0.0


def _ways(operation: Operation, delays: Sequence[FloatArray]) -> FloatArray:
    """How long a message takes from each site to each other one: the quickest way along the links' media."""
    sites, site = len(operation.site_names), operation.site_of_qubit
    ways = np.full((sites, sites), inf)
    np.fill_diagonal(ways, 0.0)
    for delay, qubits in zip(delays, operation.inputs, strict=True):
        for i, a in enumerate(qubits):
            for j, b in enumerate(qubits):
                ways[site[a], site[b]] = min(ways[site[a], site[b]], delay[i, j])
    for middle in range(sites):
        ways = np.minimum(ways, ways[:, middle, None] + ways[middle])
    return np.where(np.isfinite(ways), ways, 0.0)
