"""Which qubits are in |1⟩ in which row of a balanced calibration.

All in |0⟩ and all in |1⟩ tell a qubit's errors in the company of equal neighbors only; in a program these are
in any state, and a readout may disturb the one beside it. In the rows of a Hadamard matrix every column is 0 as
often as 1, and any two columns hold each pair of values equally often. So qubits near each other have different
columns: each is calibrated over both states of every other near it, in a handful of rows, whatever the number
of qubits.

Reference:
    A. S. Hedayat, W. D. Wallis, Ann. Stat. 6, 1184 (1978), on Hadamard matrices and orthogonal arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import rustworkx as rx
from qiskit.transpiler import Target

from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.execution.preparation.calibration import Calibration as DeviceCalibration

ROWS = 8
"""Rows of the matrix; it has one column less that is balanced."""


def balanced_states(column_of: Sequence[int], rows: int) -> BoolArray:
    """The states of the qubits, shape (rows, qubits): True for |1⟩.

    Args:
        column_of: for each qubit its column, from 0 to 6.
        rows: a multiple of 8.

    >>> balanced_states([0, 1], 8).astype(int).sum(axis=0)
    array([4, 4])
    """
    matrix = np.array([[(row & column).bit_count() % 2 for column in range(1, ROWS)] for row in range(ROWS)], bool)
    states: BoolArray = np.tile(matrix[:, list(column_of)], (rows // ROWS, 1))
    return states


def columns_apart(qubits: Sequence[int], target: Target | None) -> tuple[int, ...]:
    """A column for each qubit, such that those with the same one are far from each other on the device.

    Args:
        qubits: physical qubits.
        target: of the device; None if there is none: then as if the qubits stood in line.
    """
    distance = _distances(target)
    found: list[int] = []
    for number, qubit in enumerate(qubits):
        nearest = dict.fromkeys(range(ROWS - 1), float("inf"))
        for other, column in zip(qubits[:number], found, strict=True):
            apart = abs(qubit - other) if distance is None else distance[qubit, other]
            nearest[column] = min(nearest[column], float(apart))
        found.append(max(nearest, key=lambda column: (nearest[column], -column)))
    return tuple(found)


def _distances(target: Target | None) -> FloatArray | None:
    if target is None:
        return None
    distances = rx.graph_distance_matrix(DeviceCalibration(target).coupling)
    return np.where(distances == 0, np.inf, distances)  # where there is no way, rustworkx says 0
