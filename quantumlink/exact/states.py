"""Branches: a classical record, what is known of each qubit, and a tensor of those that are entangled.

A qubit that is not entangled takes no memory: it is in a basis state, or in a state of its own, until it meets
another one in a way that no product describes. What a gate does to some qubits in known states is worked out once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from quantumlink.arrays import ComplexArray, FloatArray
from quantumlink.exact.classical import Memory
from quantumlink.exact.transfer import PAULI_MATRICES, PROJECTORS, ZERO, Transfer

MAX_ACTIVE_QUBITS = 12
"""Most qubits that may be entangled at one time: 4¹² real coefficients are 134 MB a branch."""

Array = FloatArray

ACTIVE = -1
"""Stands for a qubit that is an axis of the tensor."""

Own: TypeAlias = int | tuple[float, ...]
"""0 or 1 for a basis state, `ACTIVE`, or the Pauli coefficients of a qubit's own state."""

ROUNDING = 1e-15
"""What products of matrices of entries up to 1 are wrong by."""

MAX_KNOWN = 4096
"""How many effects of gates on known states are kept."""

_ENTRIES = PAULI_MATRICES.reshape(4, 4).T / 2
"""From the Pauli coefficients of a qubit to its matrix entries ρ₀₀, ρ₀₁, ρ₁₀, ρ₁₁."""
_COEFFICIENTS = PAULI_MATRICES.transpose(0, 2, 1).reshape(4, 4)
"""And back: Tr(P·ρ)."""
_BASIS = (ZERO, ZERO * [1, 1, 1, -1])


class Branch(NamedTuple):
    """What tells a branch from the others."""

    memory: tuple[bool | int | float | None, ...]
    """Classical bits, then variables; 0 and None where they are not read again."""
    known: tuple[Own, ...]
    """The state of each qubit."""

    @property
    def active(self) -> list[int]:
        """The qubits in the tensor, in its order."""
        return [q for q, value in enumerate(self.known) if value == ACTIVE]


Branches: TypeAlias = dict[Branch, Array]
"""Tensors of shape (4,)·active + (4^inputs,)."""

Item: TypeAlias = tuple[Branch, Array]


class TooManyQubits(ValueError):
    """More qubits are entangled at one time than are followed."""


def merged(items: Iterable[Item]) -> Branches:
    """Branches that have become equal are added up."""
    state: Branches = {}
    for branch, tensor in items:
        state[branch] = state[branch] + tensor if branch in state else tensor
    return state


def joined(items: Sequence[Item], qubits: Iterable[int]) -> Branches:
    """As `merged`; a qubit of these that is not in a basis state everywhere, nor in one state, becomes active."""
    if len(items) > 1:
        differing = set()
        for q in qubits:
            values = {branch.known[q] for branch, _ in items}
            if len(values) > 1 and not values <= {0, 1}:
                differing.add(q)
        if differing:
            return merged(activated(branch, tensor, differing) for branch, tensor in items)
    return merged(items)


def activated(branch: Branch, tensor: Array, qubits: Iterable[int]) -> Item:
    """The branch with these qubits in its tensor.

    Raises:
        TooManyQubits: if those are more than `MAX_ACTIVE_QUBITS`.
    """
    for q in sorted(qubits):
        value = branch.known[q]
        if value == ACTIVE:
            continue
        axis = sum(1 for other in branch.known[:q] if other == ACTIVE)
        check_active(tensor.ndim)
        shape = [1] * (tensor.ndim + 1)
        shape[axis] = 4
        tensor = np.expand_dims(tensor, axis) * _vector(value).reshape(shape)
        branch = with_known(branch, q, ACTIVE)
    return branch, tensor


def check_active(number: int) -> None:
    """Refuse more qubits in the tensor than are followed."""
    if number > MAX_ACTIVE_QUBITS:
        raise TooManyQubits(
            f"the circuit entangles more than {MAX_ACTIVE_QUBITS} qubits at once: too many to follow exactly"
        )


def applied(branch: Branch, tensor: Array, matrix: Transfer, qubits: Sequence[int]) -> Item:
    """A transfer matrix on some qubits."""
    known = branch.known
    pattern = tuple([known[q] for q in qubits])
    if pattern.count(ACTIVE) == len(pattern):
        active = branch.active
        axes = [active.index(q) for q in qubits]
        k = len(axes)
        moved = np.tensordot(matrix.reshape((4,) * (2 * k)), tensor, axes=(list(range(k, 2 * k)), axes))
        return branch, np.moveaxis(moved, range(k), axes)
    effect = _effect(matrix, pattern)
    values = list(known)
    for q, value in zip(qubits, effect.known, strict=True):
        values[q] = value
    found = Branch(branch.memory, tuple(values))
    if effect.matrix is None:
        return found, tensor if effect.scale == 1.0 else tensor * effect.scale
    before = branch.active
    inner = [before.index(q) for q, value in zip(qubits, pattern, strict=True) if value == ACTIVE]
    outer = [q for q, value in zip(qubits, effect.known, strict=True) if value == ACTIVE]
    k = len(outer)
    moved = np.tensordot(effect.matrix, tensor, axes=(list(range(k, k + len(inner))), inner))
    labels = [*outer, *(q for i, q in enumerate(before) if i not in inner)]
    check_active(len(labels))
    return found, moved.transpose([*np.argsort(labels).tolist(), len(labels)])


def effect_on(matrix: Transfer, pattern: tuple[Own, ...]) -> tuple[Own, ...]:
    """What a transfer matrix makes of the states of its qubits, `ACTIVE` where they are entangled."""
    return pattern if ACTIVE in pattern and set(pattern) == {ACTIVE} else _effect(matrix, pattern).known


class _Effect(NamedTuple):
    """What a transfer matrix does where some of its qubits have states of their own."""

    known: tuple[Own, ...]
    """Their states afterwards, `ACTIVE` where they are entangled."""
    matrix: Array | None
    """On the others: shape (4,)·(active afterwards) + (4,)·(active before)."""
    scale: float


_effects: dict[tuple[int, tuple[Own, ...]], tuple[Transfer, _Effect]] = {}


def _effect(matrix: Transfer, pattern: tuple[Own, ...]) -> _Effect:
    key = (id(matrix), pattern)
    found = _effects.get(key)
    if found is None:
        if len(_effects) >= MAX_KNOWN:
            _effects.clear()
        # The matrix is kept beside its effect, so that its identity cannot pass to another one.
        found = _effects[key] = (matrix, _worked_out(matrix, pattern))
    return found[1]


def _worked_out(matrix: Transfer, pattern: tuple[Own, ...]) -> _Effect:
    k = len(pattern)
    tensor = matrix.reshape((4,) * (2 * k))
    for i in reversed(range(k)):
        if pattern[i] != ACTIVE:
            tensor = np.tensordot(tensor, _vector(pattern[i]), axes=([k + i], [0]))
    known: list[Own] = list(pattern)
    entangled = 0  # of the axes left of the one that is looked at
    for i, value in enumerate(pattern):
        factor = None if value == ACTIVE else _factor(tensor, entangled)
        if factor is None:
            known[i] = ACTIVE
            entangled += 1
        else:
            known[i], tensor = factor
    if tensor.ndim == 0:
        return _Effect(tuple(known), None, float(tensor))
    return _Effect(tuple(known), np.ascontiguousarray(tensor), 1.0)


def _factor(tensor: Array, axis: int) -> tuple[Own, Array] | None:
    """A qubit's own state, and the rest, if the tensor is their product."""
    rows = np.moveaxis(tensor, axis, 0).reshape(4, -1)
    column = int(np.abs(rows[0]).argmax())
    if rows[0, column] == 0:
        return None
    own = rows[:, column] / rows[0, column]
    if np.abs(rows - np.outer(own, rows[0])).max() > ROUNDING:
        return None
    return _named(own), rows[0].reshape(np.delete(tensor.shape, axis))


def _named(own: Array) -> Own:
    for value, vector in enumerate(_BASIS):
        if np.abs(own - vector).max() <= ROUNDING:
            return value
    return tuple(own.tolist())


def _vector(value: Own) -> Array:
    return _BASIS[value] if isinstance(value, int) else np.array(value)


def applied_unitary(branch: Branch, tensor: Array, unitary: ComplexArray, qubits: Sequence[int]) -> Item:
    """U·ρ·U†, for gates whose transfer matrix would be too large."""
    branch, tensor = activated(branch, tensor, set(qubits))
    axes, k = [branch.active.index(q) for q in qubits], len(qubits)
    entries: ComplexArray = np.moveaxis(tensor, axes, range(k)).astype(complex)
    shape = entries.shape
    for axis in range(k):  # each qubit's coefficients become entries [row, column]
        entries = np.moveaxis(np.tensordot(_ENTRIES, entries, axes=(1, axis)), 0, axis)
    rows_first = [*range(0, 2 * k, 2), *range(1, 2 * k, 2), 2 * k]
    entries = entries.reshape((2,) * (2 * k) + (-1,)).transpose(rows_first).reshape(*unitary.shape, -1)
    entries = np.tensordot(unitary, entries, axes=(1, 0))
    entries = np.moveaxis(np.tensordot(entries, unitary.conj(), axes=(1, 1)), -1, 1)
    entries = entries.reshape((2,) * (2 * k) + (-1,)).transpose(np.argsort(rows_first)).reshape(shape)
    for axis in range(k):
        entries = np.moveaxis(np.tensordot(_COEFFICIENTS, entries, axes=(1, axis)), 0, axis)
    return branch, np.moveaxis(entries.real, range(k), axes)


def measured(state: Branches, qubit: int, cell: int) -> Branches:
    """Each branch split by what is found."""
    return merged(item for branch, tensor in state.items() for item in _outcomes(branch, tensor, qubit, cell))


def _outcomes(branch: Branch, tensor: Array, qubit: int, cell: int) -> Iterator[Item]:
    own = branch.known[qubit]
    if own != ACTIVE and isinstance(own, int):
        yield with_value(branch, cell, own), tensor
        return
    for value, projector in enumerate(PROJECTORS):
        if isinstance(own, tuple):
            part = tensor * float(projector @ own)
        else:
            part = np.tensordot(projector, tensor, axes=(0, branch.active.index(qubit)))
        if part.any():
            yield with_value(with_known(branch, qubit, value), cell, value), part


def misread(state: Branches, cell: int, confusion: Array) -> Branches:
    """Each branch split by what is recorded in place of what was found."""
    return merged(
        (with_value(branch, cell, read), confusion[int(branch.memory[cell] or 0), read] * tensor)
        for branch, tensor in state.items()
        for read in (0, 1)
        if confusion[int(branch.memory[cell] or 0), read] > 0
    )


def traced_out(branch: Branch, tensor: Array, qubit: int) -> Item:
    """The qubit in |0⟩, whatever it was."""
    if branch.known[qubit] == ACTIVE:
        axis = branch.active.index(qubit)
        tensor = np.take(tensor, [0], axis=axis).squeeze(axis)  # Tr over a qubit: its coefficient of I
    return with_known(branch, qubit, 0), tensor


def forgotten(state: Branches, qubits: Sequence[int], cells: Sequence[int], num_bits: int) -> Branches:
    """Without what is not used again."""
    if not qubits and not cells:
        return state
    return merged(_without(branch, tensor, qubits, cells, num_bits) for branch, tensor in state.items())


def _without(branch: Branch, tensor: Array, qubits: Sequence[int], cells: Sequence[int], num_bits: int) -> Item:
    for q in qubits:
        if branch.known[q] != 0:
            branch, tensor = traced_out(branch, tensor, q)
    if cells:
        branch = with_values(branch, cells, [0 if cell < num_bits else None for cell in cells])
    return branch, tensor


def with_known(branch: Branch, qubit: int, value: Own) -> Branch:
    """The branch with another state of a qubit."""
    known = branch.known
    return Branch(branch.memory, (*known[:qubit], value, *known[qubit + 1 :]))


def with_value(branch: Branch, cell: int, value: bool | int | float | None) -> Branch:
    """The branch with another value in a cell."""
    memory = branch.memory
    return Branch((*memory[:cell], value, *memory[cell + 1 :]), branch.known)


def with_values(branch: Branch, cells: Sequence[int], values: Memory) -> Branch:
    """The branch with other values in some cells."""
    memory = list(branch.memory)
    for cell, value in zip(cells, values, strict=True):
        memory[cell] = value
    return Branch(tuple(memory), branch.known)
