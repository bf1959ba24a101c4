"""Carrying: the states of links taken through an operation's circuit, exactly, for many at once.

The state is one tensor: an axis for the points, one of 4 Pauli coefficients for each qubit, and one of 2 for each
classical bit that is still to be read. A link's qubits enter when the first of them is needed; a qubit leaves
when it is measured or not used again, a bit when it was read for the last time; a herald takes what it refuses
out of the tensor. So five pairs' ten qubits need memory for four or six, and no map is ever written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from qiskit.circuit import QuantumCircuit

from quantumlink.arrays import FloatArray, IndexArray
from quantumlink.circuits import Operation
from quantumlink.exact.transfer import PROJECTORS, ZERO
from quantumlink.readings.fusing import fused
from quantumlink.readings.steps import Step, Wire, averaged_settings, in_good_order, steps_of
from quantumlink.readings.tape import Lives, Tape, holding

MAX_ENTRIES = 1 << 27
"""Most numbers of a state at one point: a gigabyte."""

ENTRIES_AT_ONCE = 1 << 21
"""Most numbers of the states of all points at once: 16 MB; more points go in parts."""

_KNOWN = np.array([ZERO, ZERO * [1, 1, 1, -1]])
"""The coefficients of |0⟩ and |1⟩."""


class Carrier:
    """Takes states of links through one operation, under given noise.

    Args:
        operation: the operation.
        noisy: its circuit under the noise of the nodes at its sites.

    Raises:
        UnsupportedOperation: on an instruction without a rule, by name.
        ValueError: if more is entangled at one time than can be followed.
    """

    def __init__(self, operation: Operation, noisy: QuantumCircuit) -> None:
        self._operation = operation
        self.runs: list[tuple[float, list[Step], Lives]] = []
        """Of each setting of random parameters its weight, its steps, and until when wires are needed."""
        most = 1
        for weight, steps in averaged_settings(steps_of(noisy), operation):
            heralds = [Step.herald(parity, odd=False) for parity in operation.heralds]
            heralds += [Step.herald(parity, odd=True) for parity in operation.odd_heralds]
            ordered = in_good_order([*fused(steps), *heralds], operation)
            self.runs.append((weight * operation.success_probability, ordered, Lives(ordered, operation)))
            if len(self.runs) == 1:  # the settings differ in angles only
                most = _dry_run(operation, *self.runs[0][1:])
        self.entries = most
        """The most numbers that a state takes at one point."""

    def __call__(self, *links: FloatArray) -> FloatArray:
        """The delivered states, not normalized.

        Args:
            links: of each link that is consumed, shape (points or 1, 4^ends): its Pauli coefficients, the first
                end's Pauli as the most significant digit.

        Returns:
            Shape (points, 4^outputs): their trace is the probability that the operation succeeds.
        """
        links, which = _distinct(links)
        points = max(len(link) for link in links)
        step = max(1, ENTRIES_AT_ONCE // self.entries)
        parts = []
        for start in range(0, points, step):
            part = [link if len(link) == 1 else link[start : start + step] for link in links]
            parts.append(self._carry(part, min(step, points - start)))
        return np.concatenate(parts)[which]

    def _carry(self, links: Sequence[FloatArray], points: int) -> FloatArray:
        size = 4 ** len(self._operation.outputs)
        total = np.zeros((points, size))
        for weight, steps, lives in self.runs:
            total += weight * _Tensor(self._operation, lives, links).play(steps)
        return total


def _distinct(links: Sequence[FloatArray]) -> tuple[tuple[FloatArray, ...], IndexArray | slice]:
    """The points that differ from one another, and which of them each point is."""
    points = max(len(link) for link in links)
    rows = [np.ascontiguousarray(link) for link in links]
    known: dict[tuple[bytes, ...], int] = {}
    which = np.zeros(points, dtype=np.intp)
    kept: list[int] = []
    for point in range(points):
        told = tuple(row[point].tobytes() for row in rows if len(row) == points)
        which[point] = known.setdefault(told, len(known))
        if which[point] == len(kept):
            kept.append(point)
    if len(kept) == points:
        return tuple(links), slice(None)
    return tuple(link if len(link) == 1 else link[kept] for link in links), which


def _dry_run(operation: Operation, steps: Sequence[Step], lives: Lives) -> int:
    """The most numbers that a state takes, found without any.

    Raises:
        ValueError: if that is too many.
    """
    tape = _Tensor(operation, lives, None)
    tape.play(steps)
    if tape.most > MAX_ENTRIES:
        raise ValueError(
            f"{operation.name} entangles too much at one time to be followed exactly: {float(tape.most):.3g} "
            f"numbers, "
            f"at most {float(MAX_ENTRIES):.3g}; where gates are Clifford and noise is Pauli, sample still can"
        )
    return tape.most


class _Tensor(Tape):
    """The state at one moment: a tensor and what its axes are. Without links it keeps account of the axes only."""

    def __init__(self, operation: Operation, lives: Lives, links: Sequence[FloatArray] | None) -> None:
        super().__init__(operation, lives)
        self._links = links
        self._axes: list[Wire] = []
        """What each axis of the tensor is, after the first, the points."""
        self._known: dict[int, int] = {}
        """Measured qubits, and the bit that tells their state."""
        self._tensor: FloatArray = np.ones(1)
        self.most = 1
        """The most entries so far."""

    def play(self, steps: Sequence[Step]) -> FloatArray:
        """All steps in turn, and the outputs' states, shape (points, 4^outputs)."""
        for place, step in enumerate(steps):
            self.do(step)
            telling = {bit for q, bit in self._known.items() if not self._lives.over(("q", q), place)}
            for wire in [wire for wire in self._axes if self._lives.over(wire, place)]:
                if wire[0] == "q" or wire[1] not in telling:
                    self._drop(wire)
        return self._delivered()

    def _measure_up(self) -> None:
        self.most = max(self.most, self._entries())

    def _entries(self) -> int:
        return prod(4 if kind == "q" else 2 for kind, _ in self._axes)

    def _admit(self, qubit: int) -> None:
        if ("q", qubit) in self._axes:
            return
        link = self._link_of.get(qubit)
        if link is not None and link not in self._entered:
            self._entered.add(link)
            qubits = self._operation.inputs[link]
            self._axes.extend(("q", q) for q in qubits)
            if self._links is not None:
                state = self._links[link]
                state = state.reshape(len(state), *(1,) * (self._tensor.ndim - 1), *(4,) * len(qubits))
                self._tensor = self._tensor.reshape(*self._tensor.shape, *(1,) * len(qubits)) * state
            return
        bit = self._known.pop(qubit, None)
        if self._links is not None:
            shape = [1] * self._tensor.ndim
            if bit is not None:
                shape[self._axis(("c", bit))] = 2
            self._tensor = self._tensor[..., None] * (ZERO if bit is None else _KNOWN.reshape(*shape, 4))
        self._axes.append(("q", qubit))

    def _ensure(self, bit: int) -> None:
        if ("c", bit) not in self._axes:
            if self._links is not None:
                self._tensor = self._tensor[..., None] * np.array([1.0, 0.0])
            self._axes.append(("c", bit))

    def _axis(self, wire: Wire) -> int:
        return 1 + self._axes.index(wire)

    def _apply(self, matrix: FloatArray, qubits: Sequence[int]) -> None:
        if self._links is None:
            return
        k, axes = len(qubits), [self._axis(("q", q)) for q in qubits]
        moved = np.tensordot(matrix.reshape((4,) * (2 * k)), self._tensor, axes=(range(k, 2 * k), axes))
        self._tensor = np.moveaxis(moved, range(k), axes)

    def _read_out(self, qubit: int, bit: int) -> None:
        if ("c", bit) in self._axes:  # written again: what it was is forgotten, unless it tells a qubit
            for q in [q for q, other in self._known.items() if other == bit]:
                self._admit(q)
            self._drop(("c", bit))
        axis = self._axis(("q", qubit))
        if self._links is not None:
            read = np.tensordot(np.array(PROJECTORS), self._tensor, axes=(1, axis))
            self._tensor = np.moveaxis(read, 0, axis)
        self._axes[axis - 1] = ("c", bit)
        self._known[qubit] = bit

    def _accept(self, step: Step) -> None:
        self._mask(step, 1.0, 0.0)

    def _mask(self, step: Step, there: float, elsewhere: float) -> None:
        """Multiply the tensor where a condition holds, and elsewhere."""
        if self._links is None:
            return
        bits = step.decides
        axes = [self._axis(("c", bit)) for bit in bits]
        factors = np.where(holding(step), there, elsewhere).reshape((2,) * len(bits)).transpose(np.argsort(axes))
        shape = [1] * self._tensor.ndim
        for axis in axes:
            shape[axis] = 2
        self._tensor = self._tensor * factors.reshape(shape)

    def _branch(self, step: Step) -> None:
        order = list(self._axes)
        total: FloatArray | None = None
        for block, factors in zip(step.blocks, ((1.0, 0.0), (0.0, 1.0)), strict=True):
            branch = _Tensor(self._operation, self._lives, self._links)
            branch._entered, branch._axes, branch._tensor = self._entered, list(order), self._tensor
            branch._mask(step, *factors)
            for inner in block:
                branch.do(inner)
                for qubit in [q for q in branch._known if ("q", q) in order]:
                    branch._admit(qubit)
            self.most = max(self.most, branch.most)
            if self._links is not None:
                part = branch._tensor.transpose(0, *(branch._axis(wire) for wire in order))
                total = part if total is None else total + part
        if total is not None:
            self._tensor = total

    def _drop(self, wire: Wire) -> None:
        axis = self._axis(wire)
        if self._links is not None:
            taken = self._tensor.take(0, axis=axis) if wire[0] == "q" else self._tensor.sum(axis=axis)
            self._tensor = np.asarray(taken)
        self._axes.pop(axis - 1)
        if wire[0] == "c":
            self._known = {q: bit for q, bit in self._known.items() if bit != wire[1]}

    def _delivered(self) -> FloatArray:
        outputs = self._operation.outputs
        self._admit_rest()
        self._measure_up()
        for wire in [w for w in self._axes if w[0] == "c" or w[1] not in outputs]:
            self._drop(wire)
        if self._links is None:
            return self._tensor
        order = [self._axis(("q", q)) for q in outputs]
        return np.ascontiguousarray(self._tensor.transpose(0, *order)).reshape(len(self._tensor), -1)
