"""The branch interpreter: a dynamic, noisy circuit followed exactly, one branch per classical record.

Every measurement splits a branch in two, what is conditional acts within the branches where it is taken, and
branches whose remaining bits agree are added up again. The state of a branch is not normalized: its trace is the
branch's probability, and everything is linear in the input. So one run on all Pauli inputs at once is the circuit's
exact map; a run without inputs gives exact outcome probabilities.

Only qubits that are entangled with something take memory: one that is in a state of its own is four numbers, and
one that is not used again is traced out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from qiskit.circuit import QuantumCircuit

from quantumlink.exact.classical import Assignment
from quantumlink.exact.lives import independent_parts, used_by
from quantumlink.exact.lowering import MAX_ROUNDS, steps_of
from quantumlink.exact.states import (
    ACTIVE,
    MAX_ACTIVE_QUBITS,
    ROUNDING,
    Array,
    Branch,
    Branches,
    Item,
    Own,
    activated,
    applied,
    applied_unitary,
    forgotten,
    joined,
    measured,
    merged,
    misread,
    traced_out,
    with_values,
)
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
from quantumlink.exact.transfer import unitary_matrix

__all__ = [
    "MAX_ACTIVE_QUBITS",
    "MAX_BRANCHES",
    "MAX_NUMBERS",
    "branches",
    "independent_outcomes",
    "outcome_probabilities",
]

MAX_NUMBERS = 4**13
"""Most coefficients over all branches, the qubits and bits that each branch notes included: half a gigabyte."""

MAX_BRANCHES = 2**16
"""Most branches at one time: an instruction then takes about a second."""


def branches(
    circuit: QuantumCircuit,
    *,
    inputs: Sequence[int] = (),
    outputs: Sequence[int] = (),
    keep: Sequence[int] | None = None,
    readout: Mapping[int, Array] | None = None,
) -> dict[tuple[int, ...], Array]:
    """Follow a circuit through all its branches.

    Gates, Kraus and superoperator instructions, Pauli channels, inlined noise, measurement and reset (also
    ``measure_2``, ``reset_2``, ``measure_reset``), `if_test`, `switch`, `for_loop`, `while_loop` (with
    ``break_loop`` and ``continue_loop``), `box`, classical variables and `store` are understood, in any nesting
    and inside composites. A bare delay and a barrier do nothing. A `while_loop` is followed until what is left
    in it is below the last digit; where each round only scales that, the rest is summed as a geometric series.

    Args:
        circuit: the circuit, all parameters bound.
        inputs: qubits (by index) that carry an input; all others start in |0⟩.
        outputs: qubits (by index) whose final state is wanted; the others are traced out.
        keep: classical bits (by index) whose record is wanted, all of them if None. Branches that differ
            only in other bits are added up.
        readout: confusion matrices ``[true, read]`` by qubit: what is recorded, and drives the feed-forward,
            may differ from what was measured.

    Returns:
        For each record of the kept bits (in the order of ``keep``) an array of shape
        (4,)·len(outputs) + (4^len(inputs),): Pauli coefficients Tr(P·ρ) of the outputs, by those of the
        inputs with the first input as the most significant digit. Records that never occur are missing.

    Raises:
        UnsupportedOperation: on an operation without a rule, by name.
        ValueError: if more than `MAX_ACTIVE_QUBITS` qubits are entangled at one time, the branches become too
            many (`MAX_BRANCHES`) or too large (`MAX_NUMBERS`), or a `while_loop` does not end: with which
            probability it still runs.

    >>> circuit = QuantumCircuit(2, 1)
    >>> _ = circuit.h(0), circuit.cx(0, 1), circuit.measure(0, 0)
    >>> {bits: state.ravel().round(3).tolist() for bits, state in branches(circuit, outputs=[1]).items()}
    {(0,): [0.5, 0.0, 0.0, 0.5], (1,): [0.5, 0.0, 0.0, -0.5]}
    """
    kept = tuple(range(circuit.num_clbits) if keep is None else keep)
    steps = steps_of(circuit, outputs, kept)
    known: list[Own] = [0] * circuit.num_qubits
    for q in inputs:
        known[q] = ACTIVE
    size = 4 ** len(inputs)
    tensor = np.eye(size).reshape((4,) * len(inputs) + (size,))
    order = [int(i) for i in np.argsort(inputs)]  # the tensor keeps its qubits sorted
    tensor = tensor.transpose([*order, len(inputs)])
    memory = (0,) * circuit.num_clbits + (None,) * (steps.num_cells - circuit.num_clbits)
    unused = [q for q in inputs if q not in steps.start[0]]
    start = forgotten({Branch(memory, tuple(known)): tensor}, unused, (), circuit.num_clbits)
    return _collect(_Run(steps, circuit.num_clbits, readout or {}).follow(start), outputs, kept)


def outcome_probabilities(circuit: QuantumCircuit) -> dict[tuple[int, ...], float]:
    """The exact probability of every record of all classical bits, clbit 0 first.

    >>> circuit = QuantumCircuit(1, 1)
    >>> _ = circuit.h(0), circuit.measure(0, 0)
    >>> {bits: round(p, 9) for bits, p in outcome_probabilities(circuit).items()}
    {(0,): 0.5, (1,): 0.5}
    """
    return {bits: float(value.reshape(())) for bits, value in branches(circuit).items()}


def independent_outcomes(
    circuit: QuantumCircuit, keep: Sequence[int], *, readout: Mapping[int, Array] | None = None
) -> list[tuple[tuple[int, ...], dict[tuple[int, ...], float]]]:
    """The outcomes of a circuit, part by part: what shares no qubit and no bit is independent.

    Args:
        circuit: the circuit, all parameters bound.
        keep: the classical bits wanted, by index.
        readout: as in `branches`.

    Returns:
        For each part its kept bits, and the probability of each of their records. Bits that no part writes are 0.

    Raises:
        UnsupportedOperation, ValueError: as `branches`.

    >>> circuit = QuantumCircuit(2, 2)
    >>> _ = circuit.x(0), circuit.measure([0, 1], [1, 0])
    >>> independent_outcomes(circuit, [0, 1])
    [((1,), {(1,): 1.0}), ((0,), {(0,): 1.0})]
    """
    steps = steps_of(circuit, (), keep)
    memory = (0,) * circuit.num_clbits + (None,) * (steps.num_cells - circuit.num_clbits)
    start = {Branch(memory, (0,) * circuit.num_qubits): np.ones(1)}
    wanted = set(keep)
    result = []
    for part in independent_parts(steps.block, wanted):
        cells = {cell for step in part for cell in used_by(step)[1]}
        bits = tuple(sorted(wanted & cells))
        run = _Run(replace(steps, block=part), circuit.num_clbits, readout or {})
        found = _collect(run.follow(start), (), bits)
        result.append((bits, {record: float(value.reshape(())) for record, value in found.items()}))
    return result


class _Run:
    """One walk through a circuit."""

    def __init__(self, steps: Steps, num_bits: int, readout: Mapping[int, Array]) -> None:
        self._steps, self._num_bits, self._readout = steps, num_bits, readout
        self._noted = steps.num_qubits + steps.num_cells
        self._jumped: dict[bool, list[Item]] = {True: [], False: []}
        """The branches that left the round of the innermost loop: out of it, or to its next round."""

    def follow(self, state: Branches) -> Branches:
        return self._block(self._steps.block, state)

    def _block(self, block: Block, state: Branches) -> Branches:
        for step in block:
            if not state:
                break
            state = self._step(step, state)
            state = forgotten(state, step.done_qubits, step.done_cells, self._num_bits)
            self._check_size(state)
        return state

    def _check_size(self, state: Branches) -> None:
        noted = len(state) * self._noted
        if len(state) > MAX_BRANCHES or noted + sum(tensor.size for tensor in state.values()) > MAX_NUMBERS:
            raise ValueError(
                f"the circuit has too many outcomes to follow exactly: {len(state)} different records at one time, "
                f"of {self._num_bits} classical bits"
            )

    def _step(self, step: Step, state: Branches) -> Branches:
        if isinstance(step, Operate):
            return self._operate(step, state)
        if isinstance(step, Measure):
            state = measured(state, step.qubit, step.cell)
            confusion = self._readout.get(step.qubit)
            return state if confusion is None else misread(state, step.cell, confusion)
        if isinstance(step, Reset):
            return merged(traced_out(branch, tensor, step.qubit) for branch, tensor in state.items())
        if isinstance(step, Assign):
            return _assigned(state, step.assignment)
        if isinstance(step, Choose):
            return self._choose(step, state)
        if isinstance(step, Jump):
            self._jumped[step.out] += state.items()
            return {}
        outer, self._jumped = self._jumped, {True: [], False: []}
        try:
            return self._repeat(step, state) if isinstance(step, Repeat) else self._while(step, state)
        finally:
            self._jumped = outer

    def _operate(self, step: Operate, state: Branches) -> Branches:
        matrix, qubits = step.matrix, step.qubits
        if matrix is None:
            unitary = unitary_matrix(step.operation)
            items = [applied_unitary(branch, tensor, unitary, qubits) for branch, tensor in state.items()]
        else:
            items = [applied(branch, tensor, matrix, qubits) for branch, tensor in state.items()]
        return joined(items, qubits)

    def _choose(self, step: Choose, state: Branches) -> Branches:
        groups: dict[int, Branches] = {}
        for branch, tensor in state.items():
            groups.setdefault(step.choice.of(branch.memory), {})[branch] = tensor
        items: list[Item] = []
        for number, group in sorted(groups.items()):
            items += (self._block(step.blocks[number], group) if number < len(step.blocks) else group).items()
        return joined(items, step.touched)

    def _repeat(self, step: Repeat, state: Branches) -> Branches:
        for given, block in step.rounds:
            state = self._block(block, state if given is None else _assigned(state, given))
            state = self._next_round(step, state)
        return joined([*state.items(), *self._jumped[True]], step.touched)

    def _next_round(self, step: Repeat | While, state: Branches) -> Branches:
        on = self._jumped[False]
        if not on:
            return state
        self._jumped[False] = []
        return joined([*state.items(), *on], step.touched)

    def _while(self, step: While, state: Branches) -> Branches:
        """Round by round; once a round only scales what is in the loop, the rest is a geometric series."""
        done: Branches = {}
        entered: Branches = {}
        left: list[Item] = []  # by the last round
        first, rounds = 0.0, 0
        while rounds < MAX_ROUNDS:
            before, entered = entered, {}
            for branch, tensor in state.items():
                if step.condition.of(branch.memory):
                    entered[branch] = tensor
                else:
                    left.append((branch, tensor))
            most = _most(entered)
            first = first or most
            factor = _factor(before, entered)
            if factor is not None and factor >= 1 - 1e-12:
                break
            weight = 1.0 if factor is None else 1 / (1 - factor)
            done = merged([*done.items(), *((branch, weight * tensor) for branch, tensor in left)])
            if factor is not None or most <= ROUNDING / 8 * first:  # or below the last digit of what left
                return joined([*done.items()], step.touched)
            state = self._next_round(step, self._block(step.block, entered))
            left, self._jumped[True] = self._jumped[True], []
            rounds += 1
        raise ValueError(
            f"a while_loop on the qubits {sorted(step.touched)} does not end: with probability "
            f"{_probability(entered):.6g} it still runs after {rounds} rounds"
        )


def _collect(state: Branches, outputs: Sequence[int], kept: tuple[int, ...]) -> dict[tuple[int, ...], Array]:
    result: dict[tuple[int, ...], Array] = {}
    for branch, tensor in state.items():
        branch, tensor = activated(branch, tensor, set(outputs))
        active = branch.active
        tensor = tensor.transpose([*(active.index(q) for q in outputs), len(active)])
        record = tuple(int(branch.memory[c] or 0) for c in kept)
        result[record] = result[record] + tensor if record in result else tensor
    return result


def _assigned(state: Branches, given: Assignment) -> Branches:
    return merged(
        (with_values(branch, given.cells, given.values.of(branch.memory)), tensor)
        for branch, tensor in state.items()
    )


def _most(state: Branches) -> float:
    return max((float(np.abs(tensor).max()) for tensor in state.values()), default=0.0)


def _factor(before: Branches, after: Branches) -> float | None:
    """By what a round multiplied the state, if it did nothing else."""
    if before.keys() != after.keys() or not after:
        return None
    factor = _most(after) / _most(before)
    same = all(np.abs(after[b] - factor * before[b]).max() <= ROUNDING * _most(after) for b in after)
    return factor if same else None


def _probability(state: Branches) -> float:
    """The trace of all branches, of the completely mixed input if there are any."""
    return float(sum(tensor.ravel()[0] for tensor in state.values()))
