"""Errors of gates by name, as plain data: what an Aer `QuantumError` does to Pauli coefficients.

Kept so, errors compare by what they do, have a hash and can be stored; Aer's own object is made of them again where
one is needed, as a mixture of Paulis if it is one (which a stabilizer simulator can run).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qiskit.circuit import Gate
from qiskit.circuit.library import get_standard_gate_name_mapping

from quantumlink import validation

if TYPE_CHECKING:
    from qiskit_aer.noise import QuantumError

Rows = tuple[tuple[float, ...], ...]
"""A Pauli transfer matrix, in Qiskit's order."""

ROUNDING = 1e-15
"""An entry of a transfer matrix below this is rounding of zero."""

TOLERANCE = 1e-9
"""How far a matrix that is given may be from a channel."""


class GateErrors(NamedTuple):
    """Errors of gates, each on as many qubits as its gate; and of ``"measure"`` and ``"reset"``."""

    entries: tuple[tuple[str, Rows], ...] = ()
    """Names in order, and what happens after a gate or a reset of that name, or before a measurement."""

    @property
    def names(self) -> frozenset[str]:
        """Which have an error of their own."""
        return frozenset(name for name, _ in self.entries)

    def error(self, name: str) -> QuantumError | None:
        """The error of a gate of that name, None if it has none of its own."""
        for known, rows in self.entries:
            if known == name:
                return quantum_error(rows)
        return None


def read_errors(name: str, value: Any) -> tuple[GateErrors, Any]:
    """Errors by name, of what a user gives: and the readout error that an Aer noise model brings, or None.

    Args:
        name: what the argument is called.
        value: a mapping of names to `QuantumError` (or to whatever Qiskit's ``PTM`` takes), an Aer `NoiseModel` for
            all qubits alike, entries as a `GateErrors` holds them, or None.

    Raises:
        TypeError: if it is nothing of the kind.
        ValueError: if a name is no gate's, an error is on another number of qubits than its gate or no channel, or
            the model has errors of some qubits only or custom passes.
    """
    if value is None:
        return GateErrors(), None
    readout = None
    if hasattr(value, "noise_instructions"):
        value, readout = _of_model(name, value)
    if isinstance(value, GateErrors):
        value = value.entries
    given: Iterable[tuple[str, Any]]
    if isinstance(value, Mapping):
        given = value.items()
    else:
        rule = "errors by the names of gates, or an Aer NoiseModel"
        given = [tuple(entry) for entry in validation.sequence(name, value, rule)]
        if any(len(entry) != 2 for entry in given):
            raise TypeError(f"{name} must be {rule}, got {value!r}")
    entries = [(gate, _rows(f"{name}[{gate!r}]", _qubits(name, gate), error)) for gate, error in given]
    if len({gate for gate, _ in entries}) != len(entries):
        raise ValueError(f"{name} must name each gate once, got {[gate for gate, _ in entries]}")
    return GateErrors(tuple(sorted(entries))), readout


def mean_error(errors: Iterable[Any]) -> Any:
    """The mean of several errors on as many qubits: one of them at random."""
    from qiskit.quantum_info import PTM

    return PTM(np.mean([np.asarray(PTM(error).data) for error in errors], axis=0))


@lru_cache(maxsize=1024)
def quantum_error(rows: Rows) -> QuantumError | None:
    """Aer's error of a transfer matrix, None if it does nothing: one object for one matrix."""
    from qiskit.quantum_info import PTM, Chi, SuperOp, pauli_basis
    from qiskit_aer.noise import QuantumError, pauli_error

    matrix = np.array(rows)
    if not np.abs(matrix - np.eye(len(matrix))).max() > ROUNDING:
        return None
    channel = PTM(matrix)
    if not np.abs(matrix - np.diag(np.diag(matrix))).max() > ROUNDING:
        qubits = channel.num_qubits
        weights = np.diag(np.asarray(Chi(channel).data)).real / 2**qubits
        weights = np.where(weights > ROUNDING, weights, 0.0)
        labels = pauli_basis(qubits).to_labels()
        return pauli_error([(label, p) for label, p in zip(labels, weights / weights.sum(), strict=True) if p])
    return QuantumError(SuperOp(channel))


def _qubits(name: str, gate: Any) -> int:
    known = get_standard_gate_name_mapping()
    if (
        not isinstance(gate, str)
        or gate not in known
        or not (isinstance(known[gate], Gate) or gate in ("measure", "reset"))
    ):
        hint = validation.did_you_mean(gate, known)
        raise ValueError(
            f"{name} must go by names of gates such as 'cx', 'h', 'measure', 'reset'; got {gate!r}{hint}"
        )
    return int(known[gate].num_qubits)


def _rows(name: str, qubits: int, error: Any) -> Rows:
    from qiskit.quantum_info import PTM, Choi

    rule = f"{name} must be a QuantumError on {qubits} qubit" + "s" * (qubits != 1)
    try:
        channel = PTM(np.asarray(error, dtype=float)) if isinstance(error, list | tuple) else PTM(error)
        matrix = np.asarray(channel.data)
    except Exception as wrong:  # whatever Qiskit says of what is no channel
        raise TypeError(f"{rule}, got {error!r}: {wrong}") from wrong
    if matrix.shape != (4**qubits, 4**qubits):
        raise ValueError(f"{rule}, got one on {channel.num_qubits}")
    least = float(np.linalg.eigvalsh(np.asarray(Choi(channel).data))[0])
    if not (np.abs(matrix.imag).max() <= TOLERANCE and channel.is_tp(atol=TOLERANCE) and least > -TOLERANCE):
        raise ValueError(
            f"{rule}: it must keep the trace and be completely positive (least eigenvalue {least:.3g})"
        )
    found = np.where(np.abs(matrix.real) > ROUNDING, matrix.real, 0.0)
    return tuple(map(tuple, found.tolist()))


def _of_model(name: str, model: Any) -> tuple[dict[str, Any], Any]:
    some = sorted(model._local_quantum_errors) + ["measure"] * bool(model._local_readout_errors)
    if some:
        raise ValueError(
            f"{name} must be the same for all of a node's qubits, got a NoiseModel with errors of some qubits only "
            f"({', '.join(some)}): see Processor.from_backend, or give each node its own"
        )
    if model._custom_noise_passes:
        raise ValueError(f"{name} must have no custom passes, got {model!r}")
    readout = model._default_readout_error
    return dict(model._default_quantum_errors), None if readout is None else np.asarray(readout.probabilities)
