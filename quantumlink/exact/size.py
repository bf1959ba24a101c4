"""How much a circuit asks of the interpreter, told without running it.

Each qubit is followed as what is known of it: in a certain state of its own, in a basis state that differs from
branch to branch, in some state of its own, or entangled. So what is certain is one branch, and what is not
entangled takes no tensor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from qiskit.circuit import QuantumCircuit

from quantumlink.exact.classical import Assignment, Reading
from quantumlink.exact.lives import independent_parts, used_by
from quantumlink.exact.lowering import steps_of
from quantumlink.exact.states import ACTIVE, effect_on
from quantumlink.exact.steps import (
    Assign,
    Block,
    Choose,
    Jump,
    Measure,
    Operate,
    Repeat,
    Reset,
    Step,
    Steps,
    While,
)
from quantumlink.exact.transfer import Transfer, UnsupportedOperation

MAX_PLAYED_ROUNDS = 64
"""Most rounds of a loop that are looked at one by one; what changes in a longer one is taken as not certain."""

_RANDOM: Final = "random"
"""Of a cell: its value differs between branches. Of a qubit: it is in a basis state that does."""
_LONELY: Final = "lonely"
"""Of a qubit: in some state of its own."""

_Known = tuple[list[Any], list[Any]]
"""What is known of some qubits and cells."""


@dataclass(frozen=True)
class Size:
    """The most that a circuit needs at one time, as upper bounds."""

    qubits: int
    """Qubits in the state tensor: 4^qubits coefficients a branch."""
    bits: int
    """Classical bits that are still to be read and are not certain: up to 2^bits branches."""
    place: int = field(default=-1, compare=False, repr=False)
    """The index in ``circuit.data`` at which most qubits are entangled, or if none are most bits kept."""

    @property
    def coefficients(self) -> int:
        """Coefficients over all branches, 4^qubits · 2^bits."""
        return int(4**self.qubits * 2**self.bits)


def interpreter_size(
    circuit: QuantumCircuit, keep: Iterable[int] | None = None, *, misread: Collection[int] = ()
) -> Size:
    """What following a circuit exactly takes, from what is known of its qubits and bits while they are used.

    A qubit that is entangled counts until it is measured or reset, or not used any more; a bit that is not
    certain from its measurement to its last reading, or to the end if it is kept.

    Args:
        circuit: any circuit; its parameters may be unbound.
        keep: classical bits wanted at the end, all if None.
        misread: the qubits whose readout errs at random.

    Raises:
        UnsupportedOperation: on an operation without a rule, by name.

    >>> from quantumlink.circuits import entanglement_swap
    >>> interpreter_size(entanglement_swap(prepare_pairs=True), keep=[])
    Size(qubits=3, bits=2)
    """
    steps = steps_of(circuit, (), range(circuit.num_clbits) if keep is None else keep)
    survey = _Survey(steps, circuit.num_clbits, misread)
    survey.follow(steps.block)
    return Size(survey.most_qubits, survey.most_bits, survey.place)


def sampling_size(
    circuit: QuantumCircuit, keep: Iterable[int] | None = None, *, misread: Collection[int] = ()
) -> Size:
    """As `interpreter_size`, of the largest part: what shares no qubit and no bit is drawn on its own.

    >>> circuit = QuantumCircuit(38)
    >>> _ = circuit.h(range(38)), circuit.measure_all()
    >>> interpreter_size(circuit), sampling_size(circuit)
    (Size(qubits=0, bits=38), Size(qubits=0, bits=1))
    """
    wanted = set(range(circuit.num_clbits) if keep is None else keep)
    steps = steps_of(circuit, (), wanted)
    sizes = []
    for part in independent_parts(steps.block, wanted):
        survey = _Survey(steps, circuit.num_clbits, misread)
        survey.follow(part)
        sizes.append(Size(survey.most_qubits, survey.most_bits, survey.place))
    return max(sizes, key=lambda size: size.coefficients, default=Size(0, 0))


class _Survey:
    def __init__(self, steps: Steps, num_bits: int, misread: Collection[int]) -> None:
        self._qubits: list[Any] = [0] * steps.num_qubits
        self._cells: list[Any] = [0] * num_bits + [None] * (steps.num_cells - num_bits)
        self._widths, self._misread = steps.widths, misread
        self._active = self._random = 0
        self._jumped: dict[bool, list[_Known]] = {True: [], False: []}
        self._loop: tuple[list[int], list[int]] = ([], [])
        """The qubits and cells that the innermost loop touches."""
        self._place = self.place = -1
        self.most_qubits = self.most_bits = 0

    def _set_qubit(self, qubit: int, value: Any) -> None:
        self._active += (value == ACTIVE) - (self._qubits[qubit] == ACTIVE)
        self._qubits[qubit] = value

    def _set_cell(self, cell: int, value: Any) -> None:
        self._random += self._widths[cell] * ((value is _RANDOM) - (self._cells[cell] is _RANDOM))
        self._cells[cell] = value

    def follow(self, block: Block) -> None:
        for step in block:
            self._place = step.place
            self._block((step,))

    def _block(self, block: Block) -> bool:
        """Follow some steps; whether they come to their end."""
        for step in block:
            goes_on = self._step(step)
            if self._active > self.most_qubits or (self._random > self.most_bits and not self.most_qubits):
                self.place = self._place
            self.most_qubits = max(self.most_qubits, self._active)
            self.most_bits = max(self.most_bits, self._random)
            if not goes_on:
                return False
            for qubit in step.done_qubits:
                self._set_qubit(qubit, 0)
            for cell in step.done_cells:
                self._set_cell(cell, 0)
        return True

    def _step(self, step: Step) -> bool:
        if isinstance(step, Operate):
            self._operate(step)
        elif isinstance(step, Measure):
            value = self._qubits[step.qubit]
            certain = value if isinstance(value, int) and value != ACTIVE else _RANDOM
            self._set_qubit(step.qubit, certain)
            self._set_cell(step.cell, _RANDOM if step.qubit in self._misread else certain)
        elif isinstance(step, Reset):
            self._set_qubit(step.qubit, 0)
        elif isinstance(step, Assign):
            self._assign(step.assignment)
        elif isinstance(step, Choose):
            return self._choose(step)
        elif isinstance(step, Jump):
            self._jumped[step.out].append(self._saved(*self._loop))
            return False
        else:
            return self._repeat(step)
        return True

    def _operate(self, step: Operate) -> None:
        pattern = [self._qubits[q] for q in step.qubits]
        if all(value == ACTIVE for value in pattern):
            return
        try:
            matrix = step.matrix
        except UnsupportedOperation:  # its parameters are unbound
            matrix = None
        if matrix is None:
            alone = len(pattern) == 1 and pattern[0] != _RANDOM
            found: list[Any] = [_LONELY if alone else ACTIVE] * len(pattern)
        elif len(pattern) == 1 and pattern[0] == _RANDOM:
            found = [_RANDOM if _keeps_basis(matrix) else ACTIVE]
        else:
            found = list(effect_on(matrix, tuple(v if isinstance(v, int | tuple) else ACTIVE for v in pattern)))
            if [f == ACTIVE for f in found].count(True) == 1:
                found = [v if f == ACTIVE and v == _LONELY else f for v, f in zip(pattern, found, strict=True)]
        for qubit, value in zip(step.qubits, found, strict=True):
            self._set_qubit(qubit, value)

    def _read(self, reading: Reading) -> Any:
        pattern = tuple(self._cells[cell] for cell in reading.cells)
        return _RANDOM if _RANDOM in pattern else reading.of_pattern(pattern)

    def _assign(self, given: Assignment) -> None:
        values = self._read(given.values)
        for i, cell in enumerate(given.cells):
            self._set_cell(cell, _RANDOM if values is _RANDOM else values[i])

    def _choose(self, step: Choose) -> bool:
        number = self._read(step.choice)
        if number is not _RANDOM:
            return number >= len(step.blocks) or self._block(step.blocks[number])
        touched = used_by(step)
        start, ends = self._saved(*touched), []
        for block in (*step.blocks, ()):
            self._restore(*touched, start)
            if self._block(block):
                ends.append(self._saved(*touched))
        self._join(*touched, ends)
        return bool(ends)

    def _repeat(self, step: Repeat | While) -> bool:
        touched = used_by(step)
        outer, self._jumped = self._jumped, {True: [], False: []}
        outer_loop, self._loop = self._loop, touched
        rounds = step.rounds if isinstance(step, Repeat) else ((None, step.block),) * (MAX_PLAYED_ROUNDS + 1)
        ends: list[_Known] = []
        for i, (given, block) in enumerate(rounds):
            if i == MAX_PLAYED_ROUNDS:
                self._blur(touched)
                ends.append(self._saved(*touched))
            if i > MAX_PLAYED_ROUNDS + 1:
                break
            before = self._saved(*touched)
            if isinstance(step, While):
                goes_in = self._read(step.condition)
                if goes_in is _RANDOM or not goes_in:
                    ends.append(before)
                if goes_in is not _RANDOM and not goes_in:
                    break
            if given is not None:
                self._assign(given)
            tops = [self._saved(*touched)] if self._block(block) else []
            tops += self._jumped[False]
            self._jumped[False] = []
            if not tops:
                break
            self._join(*touched, tops)
            if isinstance(step, While) and self._saved(*touched) == before:
                break
            if isinstance(step, Repeat) and i + 1 == len(rounds):
                ends.append(self._saved(*touched))
        ends += self._jumped[True]
        self._jumped, self._loop = outer, outer_loop
        self._join(*touched, ends)
        return bool(ends)

    # --- what is known in several cases

    def _saved(self, qubits: list[int], cells: list[int]) -> _Known:
        return [self._qubits[q] for q in qubits], [self._cells[c] for c in cells]

    def _restore(self, qubits: list[int], cells: list[int], known: _Known) -> None:
        for qubit, value in zip(qubits, known[0], strict=True):
            self._set_qubit(qubit, value)
        for cell, value in zip(cells, known[1], strict=True):
            self._set_cell(cell, value)

    def _join(self, qubits: list[int], cells: list[int], cases: list[_Known]) -> None:
        for i, qubit in enumerate(qubits):
            values = [case[0][i] for case in cases]
            if values:
                self._set_qubit(qubit, _common(values))
        for i, cell in enumerate(cells):
            values = [case[1][i] for case in cases]
            if values:
                self._set_cell(cell, values[0] if all(v == values[0] for v in values) else _RANDOM)

    def _blur(self, touched: tuple[list[int], list[int]]) -> None:
        for qubit in touched[0]:
            self._set_qubit(qubit, ACTIVE)
        for cell in touched[1]:
            self._set_cell(cell, _RANDOM)


def _common(values: list[Any]) -> Any:
    if all(value == values[0] for value in values):
        return values[0]
    basis = all(value is _RANDOM or (isinstance(value, int) and value != ACTIVE) for value in values)
    return _RANDOM if basis else ACTIVE


def _keeps_basis(matrix: Transfer) -> bool:
    return all(effect_on(matrix, (value,))[0] in (0, 1) for value in (0, 1))
