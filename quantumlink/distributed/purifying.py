"""How often each hop is purified: better pairs come later, and qubits wait meanwhile.

The plan stays; the numbers of rounds are tried, first the same for all hops, then hop by hop, each time played in
time with everything else, and the best mean fidelity is kept. It is a search by rule, not an optimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from quantumlink.distributed.events import Copy, Teleport
from quantumlink.distributed.machine import Machine
from quantumlink.distributed.pair_circuits import PairCircuits
from quantumlink.distributed.planning import Candidate
from quantumlink.distributed.plans import DoesNotFit, Schedule
from quantumlink.distributed.playing import play

MAX_ROUNDS = 3
"""Most rounds that are tried: eight pairs for one."""

TRIALS = 200
"""How many runs tell how good a choice is."""

SWEEPS = 2
"""How often all hops are gone through."""


def best_rounds(
    candidate: Candidate, machine: Machine, schedule: Schedule, live_copies: int | None, seed: int
) -> tuple[Candidate, Machine]:
    """The same plan with as many rounds on each hop as serve it best, waiting counted.

    Args:
        candidate: a way to distribute a circuit, without purification.
        machine: the network, likewise.
        schedule: puts tasks and copies in order.
        live_copies: most copies at a node at one time.
        seed: of the runs that are compared, the same for all.
    """
    edges = sorted(set(_hops(candidate, machine)))
    best = (play(candidate, machine, trials=TRIALS, seed=seed).fidelity.best, candidate, machine)

    def tried(rounds: dict[tuple[int, int], int]) -> None:
        nonlocal best
        other = replace(machine, purify_rounds={edge: n for edge, n in rounds.items() if n})
        with suppress(DoesNotFit):
            scheduled = schedule(candidate.plan, other, PairCircuits(other), live_copies)
            found = Candidate(candidate.tasks, candidate.plan, scheduled)
            value = play(found, other, trials=TRIALS, seed=seed).fidelity.best
            if value > best[0]:
                best = (value, found, other)

    for rounds in range(1, MAX_ROUNDS + 1):
        tried(dict.fromkeys(edges, rounds))
    for _ in range(SWEEPS if len(edges) > 1 else 0):
        before = best[0]
        for edge in edges:
            kept = dict(best[2].purify_rounds)
            for rounds in range(MAX_ROUNDS + 1):
                if rounds != kept.get(edge, 0):
                    tried({**kept, edge: rounds})
        if best[0] == before:
            break
    return best[1], best[2]


def _hops(candidate: Candidate, machine: Machine) -> Iterator[tuple[int, int]]:
    """The hops over which pairs are brought."""
    for event in candidate.scheduled.events:
        if isinstance(event, Copy | Teleport):
            for a, b in pairwise(machine.paths[event.near.node, event.far.node]):
                yield min(a, b), max(a, b)
