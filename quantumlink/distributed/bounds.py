"""Lower bounds: what any protocol has to spend, whatever its placement within a node and its messages.

Local operations and messages cannot raise the Schmidt rank of an operator between two parts by more than the pairs
that cross the cut: log₂ of the rank is a bound for every cut, and the least sum over pairs of nodes that respects
them all a linear programme. Parameters are taken at generic values.

Reference:
    M. A. Nielsen, Ph.D. thesis, quant-ph/0011036 (2000): the operator Schmidt decomposition; D. Stahlke, R. B.
    Griffiths, Phys. Rev. A 84, 032316 (2011): Schmidt rank of operators by local operations and shared pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import ceil, log2
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from qiskit.circuit import AnnotatedOperation, CircuitInstruction, Gate, QuantumCircuit
from qiskit.quantum_info import Clifford, Operator, Statevector

from quantumlink.distributed.flows import CLIFFORD_GATES

Rank: TypeAlias = Callable[[Sequence[int], Sequence[int]], float]
"""log₂ of the Schmidt rank, by the inputs and the outputs on one side of a cut."""

MAX_OPERATOR_QUBITS = 10
"""Most qubits whose operator Schmidt rank is computed."""

MAX_STATE_QUBITS = 20
"""Most qubits of which at least the Schmidt rank of one output state is computed."""

MAX_STATE_GATES = 4000
"""Most gates for that."""

MAX_NODES = 10
"""Most nodes all of whose cuts are looked at."""

RANK = 1e-9
"""A singular value counts if it is larger than that times the largest (rounding stays far below)."""


def lower_bound(circuit: QuantumCircuit, start: Sequence[int], end: Sequence[int], seed: int) -> float:
    """The fewest pairs between two nodes that could do; 0 where nothing is known.

    Args:
        circuit: the circuit.
        start: the node of each qubit in the beginning.
        end: and in the end.
        seed: draws a state where the operator is too large.
    """
    nodes = sorted({*start, *end})
    if len(nodes) < 2 or len(nodes) > MAX_NODES:
        return 0.0
    rank = _rank_of(circuit, seed)
    if rank is None:
        return 0.0
    cuts = [
        (part, rank([q for q, v in enumerate(start) if v in part], [q for q, v in enumerate(end) if v in part]))
        for size in range(1, len(nodes) // 2 + 1)
        for part in combinations(nodes, size)
    ]
    return _least_sum(nodes, cuts)


def _least_sum(nodes: Sequence[int], cuts: Sequence[tuple[tuple[int, ...], float]]) -> float:
    from scipy.optimize import linprog

    pairs = list(combinations(nodes, 2))
    rows = [[-float((a in part) != (b in part)) for a, b in pairs] for part, _ in cuts]
    found = linprog(np.ones(len(pairs)), A_ub=rows, b_ub=[-bound for _, bound in cuts])
    return float(ceil(found.fun - 1e-6))


def only_gates(circuit: QuantumCircuit) -> bool:
    """Whether a circuit is unitary: without measurements and resets, within what it is made of too."""

    def is_unitary(instruction: CircuitInstruction) -> bool:
        operation = instruction.operation
        if isinstance(operation, Gate | AnnotatedOperation) or instruction.name in ("barrier", "delay"):
            return True
        within = getattr(operation, "definition", None)
        return within is not None and not instruction.clbits and only_gates(within)

    return all(map(is_unitary, circuit.data))


def _rank_of(circuit: QuantumCircuit, seed: int) -> Rank | None:
    """A function of the inputs and the outputs on one side of a cut, or None."""
    if not only_gates(circuit):
        return None
    n = circuit.num_qubits
    plain = circuit.copy_empty_like()
    for instruction in circuit.data:
        if instruction.name not in ("barrier", "delay"):
            plain.append(instruction)
    if not plain.parameters and all(i.name in CLIFFORD_GATES for i in plain.data):
        return _clifford_rank(Clifford(plain))
    if n > MAX_STATE_QUBITS or (n > MAX_OPERATOR_QUBITS and len(plain.data) > MAX_STATE_GATES):
        return None
    rng = np.random.default_rng([seed, 5])
    bound = plain.assign_parameters({p: rng.uniform(0, 2 * np.pi) for p in plain.parameters})
    if n <= MAX_OPERATOR_QUBITS:
        tensor = np.asarray(Operator(bound).data).reshape((2,) * (2 * n))
        return lambda inputs, outputs: _tensor_rank(
            tensor, [n - 1 - q for q in outputs] + [2 * n - 1 - q for q in inputs]
        )
    angles = rng.uniform(0, 2 * np.pi, (n, 2))
    before = QuantumCircuit(n)
    for q, (theta, phi) in enumerate(angles):
        before.u(theta, phi, 0, q)
    state = np.asarray(Statevector(before).evolve(bound).data).reshape((2,) * n)
    return lambda _, outputs: _tensor_rank(state, [n - 1 - q for q in outputs])


def _tensor_rank(tensor: npt.NDArray[Any], axes: Sequence[int]) -> float:
    others = [axis for axis in range(tensor.ndim) if axis not in axes]
    matrix = tensor.transpose([*axes, *others]).reshape(2 ** len(axes), -1)
    singular = np.linalg.svd(matrix, compute_uv=False)
    return log2(max(1, int((singular > RANK * singular[0]).sum())))


def _clifford_rank(clifford: Clifford) -> Rank:
    n = clifford.num_qubits
    # The state of the operator: stabilizers P ⊗ U P U†, inputs as qubits 0..n−1 and outputs as n..2n−1.
    inputs = np.eye(2 * n, dtype=bool)
    rows = np.concatenate(
        [inputs[:, :n], clifford.tableau[:, :n], inputs[:, n:], clifford.tableau[:, n : 2 * n]], axis=1
    )

    def rank(before: Sequence[int], after: Sequence[int]) -> float:
        side = [*before, *(n + q for q in after)]
        columns = [*side, *(2 * n + q for q in side)]
        return float(_binary_rank(rows[:, columns]) - len(side))

    return rank


def _binary_rank(matrix: npt.NDArray[Any]) -> int:
    work, rank = matrix.copy(), 0
    for column in range(work.shape[1]):
        pivots = np.flatnonzero(work[rank:, column])
        if not pivots.size:
            continue
        pivot = rank + int(pivots[0])
        work[[rank, pivot]] = work[[pivot, rank]]
        below = np.flatnonzero(work[:, column])
        work[below[below != rank]] ^= work[rank]
        rank += 1
        if rank == len(work):
            break
    return rank
