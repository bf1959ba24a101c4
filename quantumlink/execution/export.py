"""The circuits of a run as files, exactly as they run: every parameter bound, one circuit for each row.

QPY holds all of them in one file, for Qiskit; OpenQASM 3 is text for everybody else, a file for each circuit, with
the device's qubits as ``$0``, ``$1``, … where the circuit has a place on a device. It has one kind of measurement:
where a circuit has variants of its device's, such as ``measure_2``, a comment says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from qiskit import qasm3, qpy
from qiskit.circuit import QuantumCircuit

from quantumlink.arrays import FloatArray
from quantumlink.exact.transfer import device_operation
from quantumlink.rewrites import expanded_circuit

SUFFIXES = (".qpy", ".qasm")


def bound_circuits(
    circuit: QuantumCircuit, table: FloatArray | None, names: Sequence[str] = ()
) -> list[QuantumCircuit]:
    """The circuits that the rows of a table make of one with parameters.

    Args:
        circuit: the circuit.
        table: values of its parameters in their order, shape (rows, parameters); None if it has none.
        names: of each row; the circuit's own name with the row's number if there are none.

    >>> from quantumlink.circuits import basis_measurement
    >>> from qiskit.circuit import Parameter
    >>> measured = basis_measurement(Parameter("theta"), Parameter("phi"))
    >>> [c.name for c in bound_circuits(measured, np.zeros((2, 2)), ["Z", "Z again"])]
    ['Z', 'Z again']
    """
    rows = np.zeros((1, 0)) if table is None else np.asarray(table, dtype=float)
    found = []
    for number, row in enumerate(rows):
        bound = circuit.assign_parameters(row) if circuit.num_parameters else circuit.copy()
        if names:
            bound.name = names[number]
        elif len(rows) > 1:
            bound.name = f"{circuit.name} {number}"
        found.append(bound)
    return found


def export_circuits(circuits: Sequence[QuantumCircuit], path: str | PathLike[str]) -> tuple[Path, ...]:
    """Write circuits as QPY or OpenQASM 3, by the ending of the path; what was there is replaced.

    Args:
        circuits: with all parameters bound.
        path: ends in ``.qpy``, one file for all, or ``.qasm``: of several circuits each has a file of its own,
            numbered from 0 in the order of the circuits.

    Returns:
        The files that were written.

    Raises:
        TypeError: if the path is none.
        ValueError: if it ends otherwise, or there is nothing to write.
        FileNotFoundError: if its folder does not exist.
    """
    if not isinstance(path, str | PathLike):
        raise TypeError(f"path must be that of a file to write, got {path!r} ({type(path).__name__})")
    target = Path(path)
    if target.suffix not in SUFFIXES:
        raise ValueError(f"path must end in {' or '.join(SUFFIXES)}, got {str(target)!r}")
    if not circuits:
        raise ValueError("circuits must hold at least one, got none")
    if target.suffix == ".qpy":
        with target.open("wb") as stream:
            qpy.dump(list(circuits), stream)
        return (target,)
    width = len(str(len(circuits) - 1))
    written = []
    for number, circuit in enumerate(circuits):
        single = target if len(circuits) == 1 else target.with_stem(f"{target.stem}-{number:0{width}d}")
        single.write_text(f"// {circuit.name}\n{_as_text(circuit)}", encoding="utf-8")
        written.append(single)
    return tuple(written)


def _as_text(circuit: QuantumCircuit) -> str:
    names = {i.name for i in circuit.data if device_operation(i.operation) is not None} - {"measure", "reset"}
    if not names:
        return str(qasm3.dumps(circuit))
    told = qasm3.dumps(expanded_circuit(circuit))
    return f"// told as measurements and resets: {', '.join(sorted(names))}\n{told}"
