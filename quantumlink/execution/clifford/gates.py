"""Qiskit's gates as stim's: whatever is Clifford at its angles, found from what it does to Paulis.

A gate is Clifford if it maps each Pauli to one Pauli, up to a sign. Its images of X and Z on each qubit are a
tableau, for which stim has a name or a short circuit.

Reference:
    S. Aaronson, D. Gottesman, Phys. Rev. A 70, 052328 (2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from qiskit.circuit import Gate
from qiskit.circuit.library import get_standard_gate_name_mapping

from quantumlink.exact import Transfer, UnsupportedOperation, transfer_matrix

TOLERANCE = 1e-8
"""How far an entry of a gate's Pauli transfer matrix may be from −1, 0 or 1; an angle's error is at most that."""

MAX_MATRIX_QUBITS = 3
"""Most qubits of a gate that is looked at as a whole; a larger one is looked at part by part."""

_LETTERS = {(False, False): "I", (True, False): "X", (True, True): "Y", (False, True): "Z"}

STATEVECTOR = "Aer's SamplerV2 can, with method='statevector' or 'matrix_product_state'"
"""What could take an operation that is not Clifford."""


def refusal(what: str, qubits: Sequence[int], why: str, instead: str) -> UnsupportedOperation:
    """The error that names an operation, where it is, why it is refused and what could take it."""
    where = f" on qubit{'s' if len(qubits) > 1 else ''} {', '.join(map(str, qubits))}" if qubits else ""
    return UnsupportedOperation(f"CliffordSampler cannot run {what}{where}: {why}; {instead}")


@dataclass(frozen=True, eq=False)
class CliffordGate:
    """A Clifford gate in stim's terms. Equal gates are one object, so that they compare by identity."""

    parts: tuple[tuple[str, tuple[int, ...]], ...]
    """stim's gates and their targets, as positions among the gate's own qubits."""
    pauli: str | None
    """One of I, X, Y, Z for each qubit, the first first, if it is a Pauli up to a phase."""

    def lines(self, targets: Sequence[int]) -> list[str]:
        """The text for stim of the gate on these targets, without what does nothing."""
        return [f"{name} {' '.join(str(targets[i]) for i in own)}" for name, own in self.parts]


@lru_cache(maxsize=4096)
def standard_gate(name: str, params: tuple[float, ...] = ()) -> CliffordGate | None:
    """The standard gate of that name as a Clifford gate, or None if it is none at these parameters.

    >>> standard_gate("rz", (np.pi / 2,)).lines([3])
    ['S 3']
    >>> standard_gate("t") is None
    True
    """
    known = get_standard_gate_name_mapping()[name]
    return clifford_gate(known.base_class(*params) if params else known)


def clifford_gate(operation: Gate) -> CliffordGate | None:
    """A gate as a Clifford gate, or None if it is none, or is on more than `MAX_MATRIX_QUBITS` qubits."""
    if not isinstance(operation, Gate) or not 1 <= operation.num_qubits <= MAX_MATRIX_QUBITS:
        return None
    try:
        matrix = transfer_matrix(operation)
    except UnsupportedOperation:
        raise
    except Exception:  # whatever Qiskit raises for a gate that has no matrix
        return None
    return None if matrix is None else _from_transfer(matrix)


def _from_transfer(matrix: Transfer) -> CliffordGate | None:
    rounded = np.rint(matrix)
    one_image = (np.abs(rounded).sum(axis=0) == 1).all()
    if not one_image or np.abs(matrix - rounded).max() > TOLERANCE:
        return None
    k = matrix.shape[0].bit_length() // 2
    images = [_image(rounded[:, letter * 4 ** (k - 1 - q)], k) for letter in (1, 3) for q in range(k)]
    signs = tuple(image.startswith("-") for image in images)
    is_pauli = np.array_equal(np.abs(rounded), np.eye(4**k))
    # X is inverted by what holds a Z, and Z by what holds an X.
    pauli = "".join(_LETTERS[signs[k + q], signs[q]] for q in range(k)) if is_pauli else None
    return _interned(tuple(images[:k]), tuple(images[k:]), pauli)


def _image(column: Transfer, k: int) -> str:
    row = int(np.flatnonzero(column)[0])
    letters = "".join("IXYZ"[row // 4 ** (k - 1 - q) % 4] for q in range(k))
    return ("-" if column[row] < 0 else "+") + letters


@lru_cache(maxsize=4096)
def _interned(xs: tuple[str, ...], zs: tuple[str, ...], pauli: str | None) -> CliffordGate:
    import stim  # type: ignore[import-untyped]

    if pauli is not None:
        return CliffordGate(tuple((p, (q,)) for q, p in enumerate(pauli) if p != "I"), pauli)
    tableau = stim.Tableau.from_conjugated_generators(
        xs=[stim.PauliString(x) for x in xs], zs=[stim.PauliString(z) for z in zs]
    )
    name = _named_tableaus().get(str(tableau))
    if name is not None:
        return CliffordGate(((name, tuple(range(len(xs)))),), None)
    parts = (
        (part.name, tuple(target.value for target in group))
        for part in tableau.to_circuit("elimination")
        for group in part.target_groups()
    )
    return CliffordGate(tuple(parts), None)


@lru_cache(maxsize=1)
def _named_tableaus() -> dict[str, str]:
    import stim

    names: dict[str, str] = {}
    for name, data in stim.gate_data().items():
        if data.is_unitary and (data.is_single_qubit_gate or data.is_two_qubit_gate):
            names.setdefault(str(data.tableau), name)
    return names
