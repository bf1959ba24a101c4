"""Following a dynamic circuit from one state through all its outcomes, pure state by pure state.

Only qubits that are in use take memory: one that was reset leaves the state. Branches whose remembered bits and
whose states (up to a phase) agree are one; so a circuit that corrects all its own measurements stays one branch,
however many records there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from qiskit.circuit import Clbit, Gate, IfElseOp, QuantumCircuit
from qiskit.quantum_info import Operator

from quantumlink.arrays import ComplexArray
from quantumlink.distributed.axes import standard_classes
from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.conditions import condition_bits, holds
from quantumlink.progress import track
from quantumlink.rewrites.expanded_form import writes

SAME = 1e-9
"""How far states may differ that are taken for one (rounding of some thousands of gates)."""

NEVER = 1e-14
"""The probability below which an outcome does not happen (rounding)."""


MARKED = 1e-3
"""By how much overlaps with one vector differ of states that are taken for two at once."""


class TooManyOutcomes(ValueError):
    """There are more branches than are followed."""


class Following:
    """One walk through a circuit.

    Args:
        circuit: gates, measurements, resets and conditions, all parameters bound; what a medium does is left out.
        start: the qubits that carry the state, in the order of its tensor's axes; all others start in |0⟩.
        state: the state, of shape (2,)·len(start).
        keep: the classical bits whose record is kept.
        most_branches: most branches at one time.
        most_qubits: most qubits in use at one time.
        rng: draws outcomes once there are too many branches; None to refuse then.
    """

    def __init__(
        self,
        circuit: QuantumCircuit,
        start: Sequence[int],
        state: ComplexArray,
        *,
        keep: Iterable[Clbit],
        most_branches: int,
        most_qubits: int,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._circuit, self._most_branches, self._most_qubits = circuit, most_branches, most_qubits
        self._keep = frozenset(keep)
        self._rng = rng
        self._index = {q: i for i, q in enumerate(circuit.qubits)}
        self._axes = list(start)
        self._branches: list[tuple[dict[Clbit, int], ComplexArray]] = [({}, state)]
        self._last = _last_reads(circuit)
        self._matrices: dict[Any, ComplexArray] = {}
        self._depth = 0
        self.records = 1
        """How many outcomes were told apart: 2 to the number of measurements."""
        self.sampled = False
        """Whether some outcomes were left out."""

    def run(self, outputs: Sequence[int]) -> dict[tuple[int, ...], list[ComplexArray]]:
        """Follow to the end.

        Args:
            outputs: the qubits whose state is wanted, all others being in |0⟩ then.

        Returns:
            By the record of the kept bits (in the circuit's order) the states, of shape (2,)·outputs, each with a
            squared norm that is its probability.
        """
        for place, instruction in enumerate(track(self._circuit.data, "following a state")):
            self._step(instruction, place)
            if len(self._axes) > self._most_qubits:
                raise TooManyOutcomes(f"more than {self._most_qubits} qubits are in use at one time")
        kept = [bit for bit in self._circuit.clbits if bit in self._keep]
        found: dict[tuple[int, ...], list[ComplexArray]] = {}
        for q in outputs:
            self._use(q)
        for bits, state in self._branches:
            record = tuple(bits.get(bit, 0) for bit in kept)
            found.setdefault(record, []).append(self._read(state, outputs))
        return found

    def _read(self, state: ComplexArray, outputs: Sequence[int]) -> ComplexArray:
        others = [i for i, q in enumerate(self._axes) if q not in outputs]
        order = [self._axes.index(q) for q in outputs] + others
        moved = state.transpose(order).reshape((2,) * len(outputs) + (-1,))
        rest = float(np.linalg.norm(moved[..., 1:]))
        if rest > SAME:
            raise AssertionError(f"qubits that should be empty in the end are not, by {rest:.3g}")
        result: ComplexArray = moved[..., 0]
        return result

    def _step(self, instruction: Any, place: int) -> None:
        operation, name = instruction.operation, instruction.name
        qubits = [self._index[q] for q in instruction.qubits]
        if name in ("barrier", "delay", "pauli_channel"):
            return
        if name == "measure":
            self._use(qubits[0])
            self._measure(qubits[0], instruction.clbits[0])
        elif name == "reset":
            self._reset(qubits[0])
        elif isinstance(operation, IfElseOp):
            self._condition(instruction)
        elif not isinstance(operation, Gate) and getattr(operation, "definition", None) is not None:
            self._inside(operation.definition, instruction)  # as of initialize
        else:
            for q in qubits:
                self._use(q)
            matrix = self._matrix(operation)
            self._branches = [(bits, self._applied(state, matrix, qubits)) for bits, state in self._branches]
        forgotten = [bit for bit in self._last.get(place, ()) if bit not in self._keep]
        if forgotten:
            for bits, _ in self._branches:
                for bit in forgotten:
                    bits.pop(bit, None)
        if name == "reset" or (forgotten and name != "measure"):  # measured outcomes are told apart until then
            self._merge()

    def _condition(self, instruction: Any) -> None:
        operation = instruction.operation
        for q in instruction.qubits:
            self._use(self._index[q])
        before, results = self._branches, []
        self._depth += 1
        for bits, state in before:
            values = {bit: bits.get(bit, 0) for bit in condition_bits(operation.condition)}
            taken = 0 if holds(operation.condition, values) else 1
            self._branches = [(bits, state)]
            if taken < len(operation.blocks):
                self._inside(operation.blocks[taken], instruction)
            results += self._branches
        self._depth -= 1
        self._branches = results
        self._fewer()

    def _inside(self, block: QuantumCircuit, instruction: Any) -> None:
        qubit = dict(zip(block.qubits, instruction.qubits, strict=True))
        clbit = dict(zip(block.clbits, instruction.clbits, strict=True))
        for inner in block.data:
            moved = inner.replace(
                qubits=tuple(qubit[q] for q in inner.qubits), clbits=tuple(clbit[c] for c in inner.clbits)
            )
            self._step(moved, -1)

    def _use(self, qubit: int) -> None:
        if qubit in self._axes:
            return
        self._axes.append(qubit)
        grown = []
        for bits, state in self._branches:
            larger = np.zeros((*state.shape, 2), dtype=complex)
            larger[..., 0] = state
            grown.append((bits, larger))
        self._branches = grown

    def _matrix(self, operation: Any) -> ComplexArray:
        # Gates of a user's own may share a name, and differ: only standard ones are told by it.
        key = None
        if getattr(operation, "base_class", None) in standard_classes():
            key = (operation.base_class, *map(float, operation.params), getattr(operation, "ctrl_state", None))
        known = self._matrices.get(key) if key else None
        if known is None:
            try:
                known = np.asarray(Operator(operation).data)
            except Exception as error:
                raise UnsupportedOperation(f"{operation.name!r} has no matrix that a state follows") from error
            if key:
                self._matrices[key] = known
        return known

    def _applied(self, state: ComplexArray, matrix: ComplexArray, qubits: Sequence[int]) -> ComplexArray:
        axes = [self._axes.index(q) for q in reversed(qubits)]  # the last qubit is the most significant
        k = len(axes)
        tensor = matrix.reshape((2,) * (2 * k))
        result = np.tensordot(tensor, state, axes=(range(k, 2 * k), axes))
        return np.moveaxis(result, range(k), axes)

    def _measure(self, qubit: int, bit: Clbit) -> None:
        axis = self._axes.index(qubit)
        self.records *= 2
        results = []
        for bits, state in self._branches:
            for value in (0, 1):
                part = np.zeros_like(state)
                where = (slice(None),) * axis + (value,)
                part[where] = state[where]
                if float(np.vdot(part, part).real) > NEVER:
                    results.append(({**bits, bit: value}, part))
        self._branches = results
        self._fewer()

    def _reset(self, qubit: int) -> None:
        if qubit not in self._axes:
            return
        axis = self._axes.index(qubit)
        results = []
        for bits, state in self._branches:
            for value in (0, 1):
                part = np.array(state[(slice(None),) * axis + (value,)])
                if float(np.vdot(part, part).real) > NEVER:
                    if self._depth:  # in the other branches the qubit is still in use
                        part = np.stack([part, np.zeros_like(part)], axis=axis)
                    results.append((dict(bits), part))
        if not self._depth:
            self._axes.pop(axis)
        self._branches = results
        self._fewer()

    def _merge(self) -> None:
        """Branches with the same bits and parallel states are one."""
        if len(self._branches) < 2:
            return
        probe = _probe(self._branches[0][1].size)
        groups: dict[Any, list[int]] = {}
        merged: list[tuple[dict[Clbit, int], ComplexArray]] = []
        for bits, state in self._branches:
            told = tuple(sorted((hash(bit), value) for bit, value in bits.items() if value))
            norm = float(np.vdot(state, state).real)
            mark = int(abs(probe @ state.ravel()) ** 2 / norm / MARKED)
            near = (i for m in (mark, mark - 1, mark + 1) for i in groups.get((told, m), ()))
            same = next((i for i in near if parallel(merged[i][1], state)), None)
            if same is None:
                groups.setdefault((told, mark), []).append(len(merged))
                merged.append((bits, state))
            else:
                other_bits, other = merged[same]
                before = float(np.vdot(other, other).real)
                merged[same] = (other_bits, other * np.sqrt((before + norm) / before))
        self._branches = merged

    def _fewer(self) -> None:
        if len(self._branches) > self._most_branches:
            self._merge()
        if len(self._branches) <= self._most_branches:
            return
        if self._rng is None:
            raise TooManyOutcomes(f"more than {self._most_branches} outcomes are to be told apart at one time")
        self.sampled = True
        weights = np.array([float(np.vdot(state, state).real) for _, state in self._branches])
        chosen = self._rng.choice(len(weights), self._most_branches // 2, replace=False, p=weights / weights.sum())
        self._branches = [self._branches[i] for i in sorted(chosen)]


def amplitudes(circuit: QuantumCircuit, start: Sequence[int]) -> int:
    """How many amplitudes one branch touches on its way through a circuit, as `Following` goes."""
    index = {q: i for i, q in enumerate(circuit.qubits)}
    used, total = set(start), 0
    for instruction in circuit.data:
        if instruction.name in ("barrier", "delay", "pauli_channel"):
            continue
        qubits = [index[q] for q in instruction.qubits]
        if instruction.name == "reset":
            total += 1 << len(used)
            used.discard(qubits[0])
            continue
        used.update(qubits)
        total += 1 << len(used)
    return total


@lru_cache(maxsize=2)
def _probe(size: int) -> ComplexArray:
    """A vector whose overlap tells most states apart, so that few are compared."""
    rng = np.random.default_rng(size)
    result: ComplexArray = rng.normal(size=size) + 1j * rng.normal(size=size)
    return result


def parallel(a: ComplexArray, b: ComplexArray) -> bool:
    """Whether two states are the same but for norm and phase."""
    product = np.vdot(a, b)
    norms = float(np.vdot(a, a).real) * float(np.vdot(b, b).real)
    return bool(abs(norms - abs(product) ** 2) <= SAME * norms)


def _last_reads(circuit: QuantumCircuit) -> dict[int, list[Clbit]]:
    """The bits that are told for the last time by each instruction."""
    last: dict[Clbit, int] = {}
    for place, instruction in enumerate(circuit.data):
        bits = set(instruction.clbits)
        if isinstance(instruction.operation, IfElseOp):
            bits |= condition_bits(instruction.operation.condition) | writes(instruction)
        for bit in bits:
            last[bit] = place
    found: dict[int, list[Clbit]] = {}
    for bit, place in last.items():
        found.setdefault(place, []).append(bit)
    return found
