"""An operation as few products of its links' coefficients, where its gates are Clifford and its noise is Pauli.

Such an operation makes of most products of its links' Pauli coefficients nothing: of eight links' 4⁸ products, 256
matter for a GHZ state of eight ends. They are found by taking only what differs from zero through the circuit: a
table of rows, one for each Pauli of the qubits, value of the bits and choice of one coefficient of each link. The
steps and when a qubit or a bit leaves are those of `quantumlink.readings.carrying`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantumlink.arrays import BoolArray, FloatArray, IndexArray
from quantumlink.circuits import Operation
from quantumlink.exact.transfer import PROJECTORS, ZERO
from quantumlink.readings.carrying import Carrier
from quantumlink.readings.contraction import ROUNDING
from quantumlink.readings.steps import Step, Wire
from quantumlink.readings.tape import Lives, Tape, holding

MOST_ROWS = 1 << 18
"""More rows than that are not followed: carrying states as a whole is then no slower."""

CANCELLED = 1e-14
"""A sum below this part of what its terms would add up to, were all of one sign, is rounding of zero."""


@dataclass(frozen=True, eq=False)
class Products:
    """What an operation makes of products of its links' coefficients."""

    outputs: IndexArray
    """Shape (K,): which coefficient of what is delivered."""
    choices: tuple[IndexArray, ...]
    """Of each link, shape (K,): which of its coefficients is in the product."""
    weights: FloatArray
    """Shape (K,): how much of the product."""


def products_of(carrier: Carrier, operation: Operation, supports: Sequence[Sequence[int]]) -> Products | None:
    """The products that matter; None if there are too many of them.

    Args:
        carrier: the operation under its noise.
        operation: the operation.
        supports: of each link, which of its coefficients may differ from zero.
    """
    tables = []
    for weight, steps, lives in carrier.runs:
        tape = _Rows(operation, lives, supports)
        try:
            tape.play(steps)
        except _TooManyRows:
            return None
        tables.append(
            (tape.columns([("s", i) for i in range(len(supports))]), tape.delivered(), tape.values * weight)
        )
    choices, outputs, weights = (np.concatenate(parts, axis=-1) for parts in zip(*tables, strict=True))
    keys, values = _merged(np.vstack([choices, outputs]), weights)
    return Products(keys[-1], tuple(keys[:-1]), values)


def _merged(keys: IndexArray, values: FloatArray) -> tuple[IndexArray, FloatArray]:
    """Equal columns of the keys as one, their values added; without what vanishes."""
    if not keys.size:
        return keys, values
    order = np.lexsort(keys)
    keys, values = keys[:, order], values[order]
    first = np.flatnonzero(np.concatenate([[True], (keys[:, 1:] != keys[:, :-1]).any(axis=0)]))
    sums = np.add.reduceat(values, first)
    kept = np.abs(sums) > CANCELLED * np.add.reduceat(np.abs(values), first)
    return keys[:, first[kept]], sums[kept]


def _projections() -> FloatArray:
    """Shape (2, 4, 4): what finding a qubit in |0⟩ or |1⟩ does to its coefficients."""
    found = [ZERO, ZERO * [1, 1, 1, -1]]
    return np.array([np.outer(state, functional) for state, functional in zip(found, PROJECTORS, strict=True)])


class _TooManyRows(Exception):
    """More rows than are followed."""


class _Rows(Tape):
    """What differs from zero at one moment: rows, each with what its wires are and a value."""

    def __init__(self, operation: Operation, lives: Lives, supports: Sequence[Sequence[int]]) -> None:
        super().__init__(operation, lives)
        self._supports = supports
        self._of: dict[Wire, IndexArray] = {}
        """Of each qubit its Pauli, of each bit its value, of each link ("s", number) the chosen coefficient."""
        self.values: FloatArray = np.ones(1)

    def play(self, steps: Sequence[Step]) -> None:
        """All steps in turn.

        Raises:
            _TooManyRows: if there are too many.
        """
        for place, step in enumerate(steps):
            self.do(step)
            over = [wire for wire in self._of if wire[0] != "s" and self._lives.over(wire, place)]
            for wire in over:
                self._drop(wire)
            if over or step.kind == "gate":
                self._merge()
        self._admit_rest()
        for wire in [w for w in self._of if w[0] == "c" or (w[0] == "q" and w[1] not in self._operation.outputs)]:
            self._drop(wire)
        self._merge()
        self._measure_up()

    def delivered(self) -> IndexArray:
        """Shape (rows,): the number of the outputs' Pauli, the first one's as the most significant digit."""
        found = np.zeros(len(self.values), dtype=np.intp)
        for q in self._operation.outputs:
            found = 4 * found + self._of["q", q]
        return found

    def columns(self, wires: Sequence[Wire]) -> IndexArray:
        """Shape (wires, rows)."""
        return np.array([self._of[wire] for wire in wires])

    def do(self, step: Step) -> None:
        """Play one step; what enters for it is counted first."""
        for q in step.qubits:
            self._admit(q)
        self._measure_up()
        super().do(step)

    def _measure_up(self) -> None:
        if len(self.values) > MOST_ROWS:
            raise _TooManyRows

    def _ensure(self, bit: int) -> None:
        if ("c", bit) not in self._of:
            self._of["c", bit] = np.zeros(len(self.values), dtype=np.intp)

    def _accept(self, step: Step) -> None:
        self._keep(self._where(step))

    def _spread(self, counts: IndexArray | int) -> IndexArray:
        """Repeat rows; returns the place of each among those that come of one."""
        many = np.broadcast_to(np.asarray(counts), self.values.shape)
        self._of = {wire: np.repeat(column, many) for wire, column in self._of.items()}
        self.values = np.repeat(self.values, many)
        starts = np.cumsum(many) - many
        return np.asarray(np.arange(len(self.values)) - np.repeat(starts, many))

    def _keep(self, which: BoolArray) -> None:
        self._of = {wire: column[which] for wire, column in self._of.items()}
        self.values = self.values[which]

    def _admit(self, qubit: int) -> None:
        if ("q", qubit) in self._of:
            return
        link = self._link_of.get(qubit)
        if link is not None and link not in self._entered:
            self._entered.add(link)
            qubits, support = self._operation.inputs[link], np.asarray(self._supports[link], dtype=np.intp)
            chosen = support[self._spread(len(support))]
            self._of["s", link] = chosen
            for place, q in enumerate(qubits):
                self._of["q", q] = chosen // 4 ** (len(qubits) - 1 - place) % 4
            return
        paulis = np.flatnonzero(ZERO)
        chosen = paulis[self._spread(len(paulis))]
        self._of["q", qubit] = chosen
        self.values = self.values * ZERO[chosen]

    def _apply(self, matrix: FloatArray, qubits: Sequence[int]) -> None:
        code = np.zeros(len(self.values), dtype=np.intp)
        for q in qubits:
            code = 4 * code + self._of["q", q]
        columns, rows = np.nonzero(np.abs(matrix.T) > ROUNDING)
        counts = np.bincount(columns, minlength=len(matrix))
        first = np.repeat((np.cumsum(counts) - counts)[code], counts[code])
        entries = first + self._spread(counts[code])
        self.values = self.values * matrix[rows[entries], columns[entries]]
        for place, q in enumerate(qubits):
            self._of["q", q] = rows[entries] // 4 ** (len(qubits) - 1 - place) % 4

    def _read_out(self, qubit: int, bit: int) -> None:
        if ("c", bit) in self._of:  # written again: what it was is forgotten
            self._drop(("c", bit))
        self._of["c", bit] = self._spread(2)
        # A projection by the bit, as a gate of the qubit.
        values, outcomes = self.values, self._of["c", bit]
        parts = []
        for outcome, matrix in enumerate(_projections()):
            part = self._copy()
            part.values = values
            part._keep(outcomes == outcome)
            part._apply(matrix, (qubit,))
            parts.append(part)
        self._join(parts)

    def _copy(self) -> _Rows:
        found = _Rows(self._operation, self._lives, self._supports)
        found._entered, found._of, found.values = self._entered, dict(self._of), self.values
        return found

    def _join(self, parts: Sequence[_Rows]) -> None:
        self._of = {wire: np.concatenate([part._of[wire] for part in parts]) for wire in parts[0]._of}
        self.values = np.concatenate([part.values for part in parts])
        self._merge()

    def _where(self, step: Step) -> BoolArray:
        """Of each row, whether a step's condition holds, or its herald accepts."""
        bits = step.decides
        holds = np.array(holding(step), dtype=bool)
        code = np.zeros(len(self.values), dtype=np.intp)
        for bit in bits:
            code = 2 * code + self._of["c", bit]
        return np.asarray(holds[code])

    def _branch(self, step: Step) -> None:
        where = self._where(step)
        parts = []
        for block, which in zip(step.blocks, (where, ~where), strict=True):
            part = self._copy()
            part._keep(which)
            for inner in block:
                part.do(inner)
            parts.append(part)
        self._join(parts)

    def _drop(self, wire: Wire) -> None:
        column = self._of.pop(wire)
        if wire[0] == "q":  # of its Paulis, only I has a trace
            self._keep(column == 0)

    def _merge(self) -> None:
        if not self._of:
            self.values = self.values.sum(keepdims=True)
            return
        keys, self.values = _merged(np.array(list(self._of.values())), self.values)
        self._of = dict(zip(self._of, keys, strict=True))
