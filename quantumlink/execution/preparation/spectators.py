"""Spectators: qubits beside those in use, measured when all is done, whose flips betray what disturbed a run.

A spectator stays in |0⟩ all the while. What flips it, such as crosstalk, leakage from beside, heat or an impact,
may have disturbed its neighbors too; errors that touch one qubit alone are not seen in it. Runs in which one is
read as 1 can be dropped (`quantumlink.execution.mitigation.QuietRuns`). Spectators are measured after everything
else, behind a barrier: nothing that is asked for waits for them, or is read while they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from qiskit.circuit import ClassicalRegister, QuantumCircuit

from quantumlink import validation
from quantumlink.execution.preparation.calibration import Calibration
from quantumlink.execution.preparation.prepared import used_qubits
from quantumlink.rewrites.classical_bits import fresh_name

MAX_READOUT_ERROR = 0.05
"""Largest readout error of a spectator that is chosen here: worse ones drop more good runs than disturbed ones."""

REGISTER = "spectators"


def spectators_of(
    circuit: QuantumCircuit, calibration: Calibration, wanted: bool | Sequence[int]
) -> tuple[int, ...]:
    """The physical qubits that watch an ISA circuit.

    Args:
        circuit: an ISA circuit.
        calibration: the device's figures.
        wanted: True for all neighbors of qubits in use that are read well (`MAX_READOUT_ERROR`); or which.

    Raises:
        TypeError, ValueError: if one is no qubit of the device, in use, or cannot be measured.
    """
    used = set(used_qubits(circuit))
    if wanted is False:
        return ()
    if wanted is True:
        beside = {near for q in used for near in calibration.coupling.neighbors(q)} - used
        return tuple(q for q in sorted(beside) if _watches(q, calibration))
    qubits = [validation.count("spectators", q) for q in wanted]
    for qubit in qubits:
        if qubit in used or qubit >= calibration.num_qubits or qubits.count(qubit) > 1:
            raise ValueError(
                f"spectators must be different qubits below {calibration.num_qubits} that are not in use; got "
                f"{qubit}"
            )
        if not calibration.serves(qubit, measured=True, is_reset=False):
            raise ValueError(f"spectators must be qubits that the device measures, it does not measure {qubit}")
    return tuple(sorted(qubits))


def with_spectators(circuit: QuantumCircuit, qubits: Sequence[int]) -> tuple[QuantumCircuit, tuple[int, ...]]:
    """The circuit that measures these qubits too, after everything else, and the bits that tell of them."""
    if not qubits:
        return circuit, ()
    result = circuit.copy()
    register = ClassicalRegister(len(qubits), fresh_name(REGISTER, circuit))
    result.add_register(register)
    result.barrier(sorted({*used_qubits(circuit), *qubits}))
    result.measure(list(qubits), register)
    return result, tuple(result.find_bit(bit).index for bit in register)


def without_spectators(circuit: QuantumCircuit, bits: Collection[int]) -> QuantumCircuit:
    """The circuit without the measurements into these bits, which stay and are 0."""
    if not bits:
        return circuit
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        written = {circuit.find_bit(bit).index for bit in instruction.clbits}
        if not written or not written <= set(bits):
            result.append(instruction)
    return result


def _watches(qubit: int, calibration: Calibration) -> bool:
    reads = calibration.serves(qubit, measured=True, is_reset=False)
    return reads and 1 - calibration.readout_fidelity(qubit) <= MAX_READOUT_ERROR
