"""From steps to stages: records are counted, qubits get their places, corrections become feedback."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.exact import UnsupportedOperation
from quantumlink.execution.clifford.compiled import (
    Branch,
    Chunk,
    Compiled,
    Corrections,
    Flips,
    Misread,
    Mixed,
    Stage,
)
from quantumlink.execution.clifford.conditions import Parity
from quantumlink.execution.clifford.gates import refusal
from quantumlink.execution.clifford.steps import (
    ANY_METHOD,
    GateStep,
    IfStep,
    MeasureStep,
    NoiseStep,
    RefusedStep,
    ResetStep,
    RotationStep,
    Step,
    touched,
)

MAX_CACHED = 256
"""How many circuits, with their parameters bound, are kept ready to be sampled again."""

_FLIPS = {"I": "", "X": "X", "Y": "XZ", "Z": "Z"}
# Tuples, as a union of classes would be made anew for each step.
_ENDINGS = (MeasureStep, ResetStep)
_MORE_THAN_GATES = (NoiseStep, IfStep)


@lru_cache(maxsize=MAX_CACHED)
def compiled(steps: tuple[Step, ...], num_clbits: int) -> Compiled:
    """The stages of a circuit whose parameters are bound.

    Raises:
        RefusedStep: if something else than Paulis is conditional, or a reset that happens at random
            stands elsewhere than before a measurement.
    """
    return _Compiler(steps, num_clbits).run()


class _Uses:
    """What becomes of each step's qubits afterwards."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.last: list[tuple[int, ...]] = [()] * len(steps)
        """The qubits that no later step touches."""
        self.next: list[str] = [""] * len(steps)
        """For each noise step what its qubit is used for next: ``"measure"``, ``"nothing"`` or ``"gate"``."""
        following: dict[int, str] = {}
        for i in range(len(steps) - 1, -1, -1):
            step = steps[i]
            if isinstance(step, _ENDINGS):
                self.last[i] = () if step.qubit in following else (step.qubit,)
                following[step.qubit] = "measure" if isinstance(step, MeasureStep) else "nothing"
                continue
            qubits = set(touched(step)) if isinstance(step, IfStep) else step.qubits
            self.last[i] = tuple([q for q in qubits if q not in following])
            if isinstance(step, NoiseStep) and len(qubits) == 1:
                self.next[i] = following.setdefault(step.qubits[0], "nothing")
            else:
                for qubit in qubits:
                    following[qubit] = "gate"
                self.next[i] = "gate"


class _Compiler:
    def __init__(self, steps: tuple[Step, ...], num_clbits: int) -> None:
        self._steps = steps
        self._clbits: list[tuple[int, ...]] = [()] * num_clbits
        self._records = 0
        self._lines: list[str] = []
        self._stages: list[Stage] = []
        self._reference: list[str] = []
        self._place: dict[int, int] = {}
        self._free: list[int] = []
        self._places = 0
        self._pending: dict[int, FloatArray] = {}
        self._branches: list[Branch] = []
        """Conditional steps that follow one another, to be worked out in one stage."""
        self._rows: dict[tuple[int, str], int] = {}
        """The rows that they toggle, by qubit and letter."""
        self._mixed: dict[tuple[Any, ...], tuple[Mixed, int | None, int | None]] = {}
        """Mixtures on one qubit that were told already, and the rows of its X and Z afterwards."""

    def run(self) -> Compiled:
        import stim  # type: ignore[import-untyped]

        uses = _Uses(self._steps)
        for i, (step, last, following) in enumerate(zip(self._steps, uses.last, uses.next, strict=True)):
            try:
                self._add(step, following)
            except UnsupportedOperation as error:
                raise RefusedStep(str(error), i) from error
            if last:
                self._close_branches()
            for qubit in last:
                place = self._place.pop(qubit, None)
                if place is not None:
                    self._free.append(place)
        self._close_branches()
        self._close_chunk()
        reference = stim.Circuit("\n".join(self._reference)).reference_sample()
        return Compiled(tuple(self._stages), self._places, reference, tuple(self._clbits))

    def _add(self, step: Step, following: str) -> None:
        if self._branches and not isinstance(step, IfStep):
            self._close_branches()
        if isinstance(step, GateStep):
            self._lines += step.gate.lines(self._at(step.qubits))
        elif isinstance(step, NoiseStep):
            self._noise(step, following)
        elif isinstance(step, MeasureStep):
            self._measure(step)
        elif isinstance(step, ResetStep):
            self._pending.pop(step.qubit, None)
            if step.qubit in self._place:
                self._lines.append(f"R {self._place[step.qubit]}")
        elif isinstance(step, IfStep):
            self._if(step)
        else:
            raise AssertionError(f"an unbound step: {step}")

    def _at(self, qubits: Iterable[int]) -> list[int]:
        """The places of some qubits in stim; a qubit's first use takes the place of one that is done with."""
        places = []
        for qubit in qubits:
            if qubit not in self._place:
                if self._free:
                    self._place[qubit] = self._free.pop()
                    self._lines.append(f"R {self._place[qubit]}")
                else:
                    self._place[qubit] = self._places
                    self._places += 1
            places.append(self._place[qubit])
        return places

    def _noise(self, step: NoiseStep, following: str) -> None:
        if following == "nothing":
            return
        if step.mixture.resets and following != "measure":
            raise refusal(
                "noise that resets at random",
                step.qubits,
                "it is no mixture of Paulis, and only directly before a measurement a flip of that bit's value",
                ANY_METHOD,
            )
        if step.mixture.resets or (len(step.qubits) == 1 and step.qubits[0] in self._pending):
            (qubit,) = step.qubits
            self._pending[qubit] = self._pending.get(qubit, np.eye(2)) @ step.mixture.bit_map()
            return
        self._lines += step.mixture.lines(self._at(step.qubits))

    def _measure(self, step: MeasureStep) -> None:
        (place,) = self._at([step.qubit])
        up, down = step.readout
        settle = self._pending.pop(step.qubit, None)
        symmetric = settle is None and up == down
        self._lines.append(f"M({up!r}) {place}" if symmetric and up else f"M {place}")
        value: tuple[int, ...] = (self._new_records(1),)
        if settle is not None:  # a reset before a measurement is one after it, and of the record
            value = self._misread(value, float(settle[0, 1]), float(settle[1, 0]))
            self._lines += [f"CX rec[{r - self._records}] {place}" for r in value[1:]]
        if not symmetric:
            value = self._misread(value, up, down)
        self._clbits[step.clbit] = value

    def _misread(self, value: tuple[int, ...], up: float, down: float) -> tuple[int, ...]:
        if not (up or down):
            return value
        self._close_chunk()
        self._stages.append(Misread(value, up, down))
        return (*value, self._appended(1))

    def _if(self, step: IfStep) -> None:
        if isinstance(step.condition, Parity) and _only_gates(step.body) and _only_gates(step.other):
            self._close_branches()
            odd, even = (step.body, step.other) if step.condition.odd else (step.other, step.body)
            records = self._parity(step.condition.bits)
            self._feedback(even, None)  # always, and undone where the parity is odd
            self._feedback((*odd, *even), records)
            return
        self._branches.append(self._branch(step, self._rows))

    def _close_branches(self) -> None:
        if not self._branches:
            return
        branches, rows = tuple(self._branches), self._rows
        self._branches, self._rows = [], {}
        if not rows:
            return
        targets = [(*self._at([qubit]), letter) for qubit, letter in rows]
        self._close_chunk()
        self._stages.append(Corrections(branches, len(rows)))
        first = self._appended(len(rows))
        for row, (place, letter) in enumerate(targets, start=first):
            self._lines.append(f"C{letter} rec[{row - self._records}] {place}")

    def _parity(self, bits: Iterable[int]) -> tuple[int, ...]:
        odd: set[int] = set()
        for bit in bits:
            odd ^= set(self._clbits[bit])
        return tuple(sorted(odd))

    def _feedback(self, steps: Iterable[Step], records: Sequence[int] | None) -> None:
        """Paulis where the parity of some records is odd; always, if that is None."""
        for step in steps:
            pauli, qubits = _pauli(step)
            for place, letter in zip(self._at(qubits), pauli, strict=True):
                if letter != "I" and records is None:
                    self._lines.append(f"{letter} {place}")
                elif letter != "I" and records:
                    targets = " ".join(f"rec[{r - self._records}] {place}" for r in records)
                    self._lines.append(f"C{letter} {targets}")

    def _branch(self, step: IfStep, rows: dict[tuple[int, str], int]) -> Branch:
        records = tuple(self._clbits[bit] for bit in step.condition.bits)
        body, other = (tuple(self._flips(s, rows) for s in steps) for steps in (step.body, step.other))
        return Branch(step.condition, records, body, other)

    def _flips(self, step: Step, rows: dict[tuple[int, str], int]) -> Flips | Mixed | Branch:
        if isinstance(step, IfStep):
            return self._branch(step, rows)
        if not isinstance(step, NoiseStep):
            return _toggles(*_pauli(step), rows)
        if step.mixture.resets:
            raise refusal(
                "conditional noise that resets at random", step.qubits, "it is no mixture of Paulis", ANY_METHOD
            )
        return self._mixture(step, rows)

    def _mixture(self, step: NoiseStep, rows: dict[tuple[int, str], int]) -> Mixed:
        """The flips of a conditional mixture: corrections of a chain differ in their qubits alone."""
        if len(step.qubits) != 1:
            return Mixed(tuple([(p, _toggles(word, step.qubits, rows)) for p, word in step.mixture.terms]))
        x, z = (step.qubits[0], "X"), (step.qubits[0], "Z")
        key = step.mixture, rows.get(x), rows.get(z), len(rows)
        known = self._mixed.get(key)
        if known is None:
            mixed = Mixed(tuple([(p, _toggles(word, step.qubits, rows)) for p, word in step.mixture.terms]))
            known = self._mixed[key] = mixed, rows.get(x), rows.get(z)
        mixed, of_x, of_z = known
        rows.update({place: row for place, row in ((x, of_x), (z, of_z)) if row is not None})
        return mixed

    def _new_records(self, count: int) -> int:
        first = self._records
        self._records += count
        return first

    def _appended(self, count: int) -> int:
        """Count rows that a stage appends, and keep their places in the reference."""
        if count:
            self._reference.append(f"MPAD {' '.join('0' * count)}")
        return self._new_records(count)

    def _close_chunk(self) -> None:
        import stim

        if self._lines:
            text = "\n".join(self._lines)
            self._stages.append(Chunk(stim.Circuit(text)))
            self._reference.append(text)
            self._lines = []


def _only_gates(steps: Iterable[Step]) -> bool:
    return not any(isinstance(step, _MORE_THAN_GATES) for step in steps)


def _toggles(word: str, qubits: Sequence[int], rows: dict[tuple[int, str], int]) -> Flips:
    found: list[int] = []
    for qubit, pauli in zip(qubits, word, strict=True):
        found += [rows.setdefault((qubit, letter), len(rows)) for letter in _FLIPS[pauli]]
    return Flips(tuple(found))


def _pauli(step: Step) -> tuple[str, tuple[int, ...]]:
    """The Paulis of a conditional step, and their qubits.

    Raises:
        UnsupportedOperation: if it is something else.
    """
    if isinstance(step, GateStep) and step.gate.pauli is not None:
        return step.gate.pauli, step.qubits
    if isinstance(step, GateStep):
        what = f"a conditional {' '.join(name for name, _ in step.gate.parts)} (stim's name)"
    else:
        what = "a conditional measurement" if isinstance(step, MeasureStep) else "a conditional reset"
    if isinstance(step, RotationStep | IfStep | NoiseStep):
        raise UnsupportedOperation(f"no rule for {step}")
    raise refusal(what, list(touched(step)), "only Paulis may be conditional here", ANY_METHOD)
