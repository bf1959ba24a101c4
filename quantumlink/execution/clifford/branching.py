"""Any control flow around Clifford gates: shots are split where they go different ways.

Shots that have had the same Clifford gates, resets and measurements form a group. A group has one stabilizer state,
the *reference*, and each shot the Pauli by which it differs from that, its frame. So Paulis, conditional or random,
cost nothing but a flip of the frame; where anything else is conditional the group is split, and each part goes on
with a copy of the reference. Groups whose references have become equal up to a Pauli are one again. It is exact: no
shot is dropped, and a loop runs until its last shot has left it.

Reference:
    C. Gidney, Quantum 5, 497 (2021), section 4: Pauli frames beside a reference sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit

from quantumlink.arrays import BoolArray, IndexArray
from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.classical import Assignment, Reading
from quantumlink.exact.lowering import MAX_ROUNDS, steps_of
from quantumlink.exact.steps import Assign, Block, Choose, Jump, Measure, Operate, Repeat, Reset, Step, Steps, While
from quantumlink.execution.aer_limits import unknown_to_aer
from quantumlink.execution.clifford.gates import STATEVECTOR
from quantumlink.execution.clifford.leaves import Applied, Leaves, Term
from quantumlink.execution.clifford.noise import DENSITY_MATRIX
from quantumlink.execution.clifford.steps import ANY_METHOD, place_of
from quantumlink.rewrites.noise_model import inlined_noise, readout_errors

if TYPE_CHECKING:
    import stim  # type: ignore[import-untyped]
    from qiskit_aer.noise import NoiseModel

MAX_MERGED_QUBITS = 128
"""Most qubits of references that are compared: it takes some of their number cubed."""

BATCH_BITS = 1 << 26
"""Most frames and bits, a byte each, of one batch: more shots are drawn in several."""

Indices = IndexArray
Bools = BoolArray


@dataclass(eq=False)
class _Group:
    """Shots with one reference."""

    reference: stim.TableauSimulator
    shots: Indices


@dataclass(frozen=True, eq=False)
class Branching:
    """A circuit with any control flow, ready to be sampled."""

    steps: Steps
    leaves: Leaves
    """What each gate, channel and measurement does to references and frames."""
    num_clbits: int

    def sample(self, shots: int, seed: np.random.SeedSequence) -> npt.NDArray[np.uint8]:
        """Draw all classical bits, clbit 0 first: a row of bits for each, shape (clbits, ⌈shots/8⌉)."""
        size = 2 * self.steps.num_qubits + self.steps.num_cells + 1
        batch = max(64, BATCH_BITS // size // 64 * 64)  # whole bytes, so that rows can be joined
        sizes = [min(batch, shots - start) for start in range(0, shots, batch)]
        rows = [
            _Run(self, number, np.random.default_rng(child)).bits()
            for number, child in zip(sizes, seed.spawn(len(sizes)), strict=True)
        ]
        return np.concatenate([np.packbits(bits, axis=1, bitorder="little") for bits in rows], axis=1)


def branching(circuit: QuantumCircuit, model: NoiseModel | None, otherwise: UnsupportedOperation) -> Branching:
    """A circuit whose shots are followed in groups.

    Args:
        circuit: the circuit, its parameters bound.
        model: an Aer noise model, or None.
        otherwise: why it has no faster form; raised where that is because of what this one cannot take either.

    Raises:
        UnsupportedOperation: on what is not Clifford, or has no rule.
    """
    source = circuit
    try:
        readout: dict[int, tuple[float, float]] = {}
        if model is not None:
            errors = readout_errors(model, circuit.num_qubits)
            readout = {q: (float(m[0, 1]), float(m[1, 0])) for q, m in errors.items()}
            circuit = inlined_noise(circuit, model)
        steps = steps_of(circuit, (), range(circuit.num_clbits))
        leaves = Leaves(readout)
        _check(steps.block, leaves, source if model is None else None)
    except UnsupportedOperation as error:
        without_rule = "rules exist" in str(otherwise) and not str(error).startswith("no rule")
        raise _honest(error if without_rule else otherwise, source) from error
    return Branching(steps, leaves, circuit.num_clbits)


def _check(block: Block, leaves: Leaves, circuit: QuantumCircuit | None) -> None:
    """Refuse what has no rule, with its place in the circuit if that is given."""
    for step in block:
        try:
            leaves.check((step,))
        except UnsupportedOperation as error:
            if circuit is None:
                raise
            raise UnsupportedOperation(f"{error}{place_of(circuit, step.place)}") from error


def _honest(error: UnsupportedOperation, circuit: QuantumCircuit) -> UnsupportedOperation:
    """The error without the advice to go to Aer, where Aer cannot take the circuit."""
    unknown = unknown_to_aer(circuit)
    if not unknown:
        return error
    text = str(error)
    for advice in (STATEVECTOR, DENSITY_MATRIX, ANY_METHOD):
        text = text.replace(advice, f"ExactSampler may, Aer's SamplerV2 cannot take {unknown}")
    return UnsupportedOperation(text)


class _Run:
    def __init__(self, plan: Branching, shots: int, rng: np.random.Generator) -> None:
        self._plan, self._rng, self._total = plan, rng, shots
        n = plan.steps.num_qubits
        self._x: Bools = np.zeros((n, shots), dtype=bool)
        self._z: Bools = rng.random((n, shots)) < 0.5  # a Z on |0⟩ does nothing, and makes outcomes random
        number = plan.num_clbits
        self._bits: Bools = np.zeros((number, shots), dtype=bool)
        self._variables = {cell: np.full(shots, None, dtype=object) for cell in range(number, plan.steps.num_cells)}
        self._jumped: dict[bool, list[_Group]] = {True: [], False: []}

    def bits(self) -> Bools:
        import stim

        reference = stim.TableauSimulator(seed=int(self._rng.integers(2**62)))
        reference.set_num_qubits(self._plan.steps.num_qubits)
        self._block(self._plan.steps.block, [_Group(reference, np.arange(self._total))])
        return self._bits

    def _block(self, block: Block, groups: list[_Group]) -> list[_Group]:
        for step in block:
            if not groups:
                break
            if isinstance(step, Repeat | While):
                groups = self._loop(step, groups)
            else:
                groups = [after for group in groups for after in self._step(step, group)]
            if len(groups) > 1 and isinstance(step, Reset | Choose):
                groups = self._merged(groups)
        return groups

    def _step(self, step: Step, group: _Group) -> list[_Group]:
        if isinstance(step, Operate):
            return self._operate(self._plan.leaves.of(step), group)
        if isinstance(step, Measure):
            self._measure(step.qubit, step.cell, group)
        elif isinstance(step, Reset):
            self._reset(step.qubit, group)
        elif isinstance(step, Assign):
            self._assign(step.assignment, group.shots)
        elif isinstance(step, Jump):
            self._jumped[step.out].append(group)
            return []
        elif isinstance(step, Choose):
            return self._choose(step, group)
        return [group]

    def _operate(self, applied: Applied, group: _Group) -> list[_Group]:
        if isinstance(applied, tuple):
            groups = [group]
            for part in applied:
                groups = [after for g in groups for after in self._operate(part, g)]
            return groups
        if applied.gate is not None:
            self._gate(applied.gate, applied.qubits, group)
            return [group]
        return self._noise(applied.terms, group)

    def _noise(self, terms: Sequence[Term], group: _Group) -> list[_Group]:
        edges = np.cumsum([term.probability for term in terms])
        which = np.searchsorted(edges, self._rng.random(len(group.shots)), side="right")
        apart: list[tuple[Term, Indices]] = []
        stay = np.ones(len(group.shots), dtype=bool)
        for number, term in enumerate(terms):
            hit = which == number
            if not hit.any():
                continue
            if all(part.is_pauli for part in term.parts):
                for part in term.parts:
                    self._flip(part.pauli, part.qubits, group.shots[hit])
            else:
                apart.append((term, group.shots[hit]))
                stay &= ~hit
        groups = [_Group(group.reference, group.shots[stay])] if apart and stay.any() else []
        for term, shots in apart:
            part_group = _Group(self._copy(group.reference), shots)
            for part in term.parts:
                if part.gate is None:
                    self._reset(part.qubits[0], part_group)
                else:
                    self._gate(part.gate, part.qubits, part_group)
            groups.append(part_group)
        return groups if apart else [group]

    def _gate(self, gate: Any, qubits: Sequence[int], group: _Group) -> None:
        if gate.pauli is not None:
            self._flip(gate.pauli, qubits, group.shots)
            return
        shots, k = self._columns(group.shots), len(qubits)
        group.reference.do(self._plan.leaves.circuit(gate, qubits))
        rows = [(self._x if i < k else self._z)[qubits[i % k], shots].copy() for i in range(2 * k)]
        for i, sources in enumerate(self._plan.leaves.images(gate)):
            target = self._x if i < k else self._z
            target[qubits[i % k], shots] = np.logical_xor.reduce([rows[j] for j in sources], axis=0)

    def _flip(self, pauli: str, qubits: Sequence[int], shots: Indices) -> None:
        columns = self._columns(shots)
        for qubit, letter in zip(qubits, pauli, strict=True):
            if letter in "XY":
                self._x[qubit, columns] ^= True
            if letter in "YZ":
                self._z[qubit, columns] ^= True

    def _columns(self, shots: Indices) -> Any:
        return slice(None) if len(shots) == self._total else shots

    def _measure(self, qubit: int, cell: int, group: _Group) -> None:
        shots = self._columns(group.shots)
        found = self._x[qubit, shots] ^ group.reference.measure(qubit)
        self._z[qubit, shots] = self._rng.random(len(group.shots)) < 0.5
        up, down = self._plan.leaves.readout.get(qubit, (0.0, 0.0))
        if up or down:
            found = found ^ (self._rng.random(len(group.shots)) < np.where(found, down, up))
        self._bits[cell, shots] = found

    def _reset(self, qubit: int, group: _Group) -> None:
        shots = self._columns(group.shots)
        group.reference.reset(qubit)
        self._x[qubit, shots] = False
        self._z[qubit, shots] = self._rng.random(len(group.shots)) < 0.5

    # --- what is classical

    def _patterns(self, reading: Reading, shots: Indices) -> tuple[list[Any], Indices]:
        """What is read in each pattern of values that occurs, and which of them each shot has."""
        if not reading.cells:
            return [reading.of_pattern(())], np.zeros(len(shots), dtype=np.intp)
        if max(reading.cells) < self._plan.num_clbits and len(reading.cells) <= 62:
            rows = self._bits[list(reading.cells)][:, self._columns(shots)]
            found, places = np.unique((1 << np.arange(len(rows))) @ rows, return_inverse=True)
            patterns = [tuple(int(f) >> i & 1 for i in range(len(rows))) for f in found]
            return [reading.of_pattern(pattern) for pattern in patterns], places.ravel()
        number: dict[tuple[Any, ...], int] = {}
        columns = [self._column(cell, shots) for cell in reading.cells]
        which = np.array([number.setdefault(p, len(number)) for p in zip(*columns, strict=True)], dtype=np.intp)
        return [reading.of_pattern(pattern) for pattern in number], which

    def _column(self, cell: int, shots: Indices) -> list[Any]:
        found = self._bits[cell, shots] if cell < self._plan.num_clbits else self._variables[cell][shots]
        return list(found.tolist())

    def _assign(self, given: Assignment, shots: Indices) -> None:
        values, which = self._patterns(given.values, shots)
        for number, row in enumerate(values):
            where = shots[which == number]
            for cell, value in zip(given.cells, row, strict=True):
                if cell < self._plan.num_clbits:
                    self._bits[cell, where] = bool(value)
                else:
                    self._variables[cell][where] = value

    def _choose(self, step: Choose, group: _Group) -> list[_Group]:
        values, which = self._patterns(step.choice, group.shots)
        chosen = np.array(values)[which]
        groups: list[_Group] = []
        numbers = np.unique(chosen)
        for number in numbers:
            block = step.blocks[number] if number < len(step.blocks) else ()
            # Frames and bits alone do not need a reference of their own.
            shared = len(numbers) == 1 or self._plan.leaves.leaves_reference(block)
            reference = group.reference if shared else self._copy(group.reference)
            groups += self._block(block, [_Group(reference, group.shots[chosen == number])])
        return _joined(groups)

    def _loop(self, step: Repeat | While, groups: list[_Group]) -> list[_Group]:
        outer, self._jumped = self._jumped, {True: [], False: []}
        left: list[_Group] = []
        if isinstance(step, Repeat):
            for given, block in step.rounds:
                if given is not None:
                    for group in groups:
                        self._assign(given, group.shots)
                groups = self._round(block, groups)
            left = groups
        else:
            rounds = 0
            while groups := self._entering(step, groups, left):
                if rounds == MAX_ROUNDS:
                    shots = sum(len(group.shots) for group in groups)
                    raise ValueError(
                        f"a while_loop still runs in {shots} of {self._total} shots after {rounds} rounds, and no "
                        f"shot is dropped: give it a bound"
                    )
                groups = self._round(step.block, groups)
                rounds += 1
        left = [*left, *self._jumped[True]]
        self._jumped = outer
        return self._merged(_joined(left))

    def _round(self, block: Block, groups: list[_Group]) -> list[_Group]:
        groups = self._block(block, groups)
        on, self._jumped[False] = self._jumped[False], []
        return self._merged(_joined([*groups, *on])) if on else groups

    def _entering(self, step: While, groups: list[_Group], left: list[_Group]) -> list[_Group]:
        entering = []
        for group in groups:
            values, which = self._patterns(step.condition, group.shots)
            goes_in = np.array(values, dtype=bool)[which]
            if goes_in.all():
                entering.append(group)
            elif not goes_in.any():
                left.append(group)
            else:
                left.append(_Group(self._copy(group.reference), group.shots[~goes_in]))
                entering.append(_Group(group.reference, group.shots[goes_in]))
        return entering

    # --- references

    def _copy(self, reference: stim.TableauSimulator) -> stim.TableauSimulator:
        return reference.copy(copy_rng=False, seed=int(self._rng.integers(2**62)))

    def _merged(self, groups: list[_Group]) -> list[_Group]:
        """The groups, those joined whose references are equal up to a Pauli."""
        if len(groups) < 2 or self._plan.steps.num_qubits > MAX_MERGED_QUBITS:
            return groups
        found: dict[tuple[str, ...], tuple[_Group, list[Any]]] = {}
        for group in groups:
            stabilizers = group.reference.canonical_stabilizers()
            key = tuple(str(s)[1:] for s in stabilizers)
            if key not in found:
                found[key] = (group, stabilizers)
                continue
            first, wanted = found[key]
            self._rebase(group.shots, stabilizers, wanted)
            found[key] = (_Group(first.reference, _union(first.shots, group.shots)), wanted)
        return [group for group, _ in found.values()]

    def _rebase(self, shots: Indices, old: list[Any], new: list[Any]) -> None:
        """Frames on another reference: times the Pauli between the two, which is read from their signs."""
        import stim

        differing = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a.sign != b.sign]
        if not differing:
            return
        tableau = stim.Tableau.from_stabilizers(new)
        pauli = stim.PauliString(len(tableau))
        for i in differing:
            pauli *= tableau.x_output(i)
        letters = str(pauli).lstrip("+-i").replace("_", "I")
        self._flip(letters, range(len(letters)), shots)


def _joined(groups: Sequence[_Group]) -> list[_Group]:
    """The groups, those with the very same reference in one."""
    found: dict[int, _Group] = {}
    for group in groups:
        known = found.get(id(group.reference))
        shots = group.shots if known is None else _union(known.shots, group.shots)
        found[id(group.reference)] = _Group(group.reference, shots)
    return list(found.values())


def _union(first: Indices, second: Indices) -> Indices:
    return np.sort(np.concatenate([first, second]))  # in order, as all shots are looked at as a slice
