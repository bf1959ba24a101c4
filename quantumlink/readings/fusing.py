"""Fusing: gates and channels that follow one another on the same qubits become one.

A gate is mostly followed by its noise, and one-qubit gates stand beside two-qubit ones: as one matrix, they go
through a state once in place of several times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.readings.steps import Step


def fused(steps: Sequence[Step]) -> list[Step]:
    """The same steps, gates fused into ones on the same or more qubits as far as nothing stands between."""
    found: list[Step | None] = []
    last: dict[tuple[str, int], int] = {}
    for step in steps:
        if _is_matrix(step):
            before = {last.get(("q", q)) for q in step.qubits}
            place = next(iter(before))
            if len(before) == 1 and place is not None and _holds(found[place], step):
                found[place] = _one(found[place], step)  # type: ignore[arg-type]
                continue
            for place in {place for place in before if place is not None}:
                earlier = found[place]
                if earlier is None or not _is_matrix(earlier) or not set(earlier.qubits) < set(step.qubits):
                    continue
                if all(last["q", q] == place for q in earlier.qubits):
                    step = _one(earlier, step)
                    found[place] = None
        for wire in step.wires:
            last[wire] = len(found)
        found.append(step)
    return [step for step in found if step is not None]


def _is_matrix(step: Step) -> bool:
    return step.kind == "gate" and step.matrix is not None


def _holds(earlier: Step | None, step: Step) -> bool:
    """Whether a step is of matrices, and on all qubits of another one."""
    return earlier is not None and _is_matrix(earlier) and set(step.qubits) <= set(earlier.qubits)


def _one(first: Step, second: Step) -> Step:
    """Both as one, on the qubits of the one that has more."""
    qubits = max(first.qubits, second.qubits, key=len)
    matrix = _on(qubits, second) @ _on(qubits, first)
    return replace(second, qubits=qubits, matrix=matrix)


def _on(qubits: tuple[int, ...], step: Step) -> FloatArray:
    """A step's transfer matrix on these qubits, of which it leaves some alone."""
    k, n = len(step.qubits), len(qubits)
    if step.qubits == qubits:
        return step.transfer
    axes = [qubits.index(q) for q in step.qubits]
    whole = np.eye(4**n).reshape((4,) * n + (4**n,))
    moved = np.tensordot(step.transfer.reshape((4,) * (2 * k)), whole, axes=(range(k, 2 * k), axes))
    return np.moveaxis(moved, range(k), axes).reshape(4**n, 4**n)
