"""GHZ states of demands: how their fusions go in time, and their exact states of the pairs that went into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from quantumlink.arrays import BoolArray, FloatArray, IntArray
from quantumlink.circuits import Operation, fuse_pairs_to_ghz
from quantumlink.link import Join, join
from quantumlink.network.control.flows import Flow
from quantumlink.network.control.tabulating import Layout
from quantumlink.network.load.demand import Demand
from quantumlink.readings.exact import evaluate
from quantumlink.readings.maps import carrier
from quantumlink.readings.shared_state import MAX_ENDS, SharedState
from quantumlink.readings.waiting import qubit_waited
from quantumlink.timing.course import Course

NUMBERS_AT_ONCE = 1 << 22
"""Most coefficients of states that are worked out at one time: 32 MB."""


@dataclass(frozen=True, eq=False)
class Fusion:
    """The GHZ states of one demand."""

    demand: int
    """The number of the demand."""
    first: int
    """The first of its flows, one for each arm; the others follow."""
    join: Join
    """What the center does, on the links of the preferred routes, each told from the center."""
    slot_s: float

    @property
    def arms(self) -> int:
        """How many there are."""
        return len(self.join.links)

    @property
    def ends(self) -> tuple[str, ...]:
        """The names of the demand's nodes: the center, then the far ends."""
        return tuple(node.name for node in self.join.ends)

    def course(self) -> Course:
        """How it goes in time, in slots; the ways of messages are those of the loop."""
        still = [np.zeros((2, 2))] * self.arms
        processors = [node.processor for node in self.join.nodes]
        return Course.of(self.join.operation, processors, still, lambda time_s: time_s / self.slot_s)

    def states(self, vectors: FloatArray, waits: FloatArray) -> FloatArray:
        """The states that came of pairs.

        Args:
            vectors: shape (states, arms, 16): the Pauli coefficients of the pairs, the center's first.
            waits: shape (states, arms, 2): how many slots the center's qubit and that of each far end then waited.

        Returns:
            Shape (states, 4^(arms + 1)): the center's Pauli as the most significant digit.
        """
        carries: Any = carrier(self.join.operation, [node.processor for node in self.join.nodes])
        found = carries(*vectors.transpose(1, 0, 2))
        found = found / found[:, :1]
        times = np.concatenate([waits[:, :1, 0], waits[:, :, 1]], axis=1) * self.slot_s
        for qubit, node in enumerate(self.join.ends):
            found = qubit_waited(found, qubit, self.arms + 1, node.memory, times[:, qubit])
        return np.asarray(found)

    @cached_property
    def target(self) -> FloatArray:
        """The coefficients of the GHZ state, shape (4, …, 4)."""
        state = evaluate(self.join)
        assert isinstance(state, SharedState)  # of three ends or more
        return state.target


@dataclass(eq=False)
class GhzTotals:
    """Sums over the GHZ states of one demand in one trial."""

    fidelity: FloatArray
    """Shape (batches,)."""
    state: FloatArray
    """Shape (4^ends,): the sum of the states' coefficients."""

    @classmethod
    def none(cls, fusion: Fusion, batches: int) -> GhzTotals:
        """Of no states."""
        return cls(np.zeros(batches), np.zeros(4 ** (fusion.arms + 1)))

    def add(self, fusion: Fusion, batch: IntArray, vectors: FloatArray, waits: FloatArray) -> FloatArray:
        """Add states, see `Fusion.states`; gives the fidelity of each."""
        target = fusion.target.reshape(-1) / 2 ** (fusion.arms + 1)
        step = max(1, NUMBERS_AT_ONCE // len(target))
        fidelities = np.zeros(len(vectors))
        for start in range(0, len(vectors), step):
            part = slice(start, start + step)
            states = fusion.states(vectors[part], waits[part])
            fidelities[part] = states @ target
            self.state += states.sum(axis=0)
        np.add.at(self.fidelity, batch, fidelities)
        return fidelities


def fusions_of(demands: Sequence[Demand], flows: Sequence[Flow], slot_s: float) -> list[Fusion]:
    """The fusions of all demands of GHZ states.

    Raises:
        ValueError: if one has more ends than a state is told of.
    """
    found: list[Fusion] = []
    for number, demand in enumerate(demands):
        if demand.kind != "ghz":
            continue
        own = [i for i, flow in enumerate(flows) if flow.demand == number]
        n = len(own)
        if n + 1 > MAX_ENDS:
            raise ValueError(
                f"demands[{number}] ({demand.name}) must be a GHZ state of at most {MAX_ENDS} nodes here, got "
                f"{n + 1}"
            )
        operation = Operation(fuse_pairs_to_ghz(n), inputs=[(n + k, k) for k in range(n)], outputs=[n, *range(n)])
        links = [flows[i].routes[0].link for i in own]
        found.append(Fusion(number, own[0], join(operation, *links), slot_s))
    return found


def fusion_tables(layout: Layout) -> dict[str, Any]:
    """The tables of flows that are arms of GHZ states."""
    n = len(layout.flows)
    arms: IntArray = np.stack([np.arange(n), np.arange(1, n + 1)], axis=1)
    fuses: BoolArray = np.zeros(n, dtype=bool)
    done, corrects, success = np.zeros(n), np.zeros(n), np.ones(n)
    for fusion in layout.fusions:
        own = slice(fusion.first, fusion.first + fusion.arms)
        course, operation = fusion.course(), fusion.join.operation
        center, *far = (operation.site_of_qubit[qubit] for qubit in operation.outputs)
        arms[own], fuses[own] = (own.start, own.stop), True
        done[own], success[own] = course.done[center], operation.success_probability
        corrects[own] = [course.corrections[site] for site in far]
    return {
        "flow_arms": arms, "flow_fuses": fuses, "fuse_done": done, "fuse_corrects": corrects,
        "fuse_success": success,
    }  # fmt: skip


def check_arms(layout: Layout) -> None:
    """Refuse arms that cannot all be held at once.

    Raises:
        ValueError: if two arms of one GHZ state lead over the same link.
    """
    for fusion in layout.fusions:
        flows = layout.flows[fusion.first : fusion.first + fusion.arms]
        numbers = [n for flow in flows for n in flow.routes[0].numbers]
        for n in numbers:
            if numbers.count(n) > 1:
                link = layout.network.links[n]
                raise ValueError(
                    f"policy holds each link for one path, but two arms of {'–'.join(fusion.ends)} lead over the "
                    f"link {link.left}–{link.right}: choose another policy, or another center"
                )
