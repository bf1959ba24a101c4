"""Aer noise models read as errors in a circuit, so that every engine understands them alike.

Aer's rules: the error of an instruction's label, or name if it has no label, on these very qubits, else its error
on any qubits, acts after the instruction (before a measurement); in a conditional block, only where the block runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qiskit.circuit import CircuitInstruction, IfElseOp, QuantumCircuit
from qiskit.circuit.library import get_standard_gate_name_mapping

from quantumlink.exact import UnsupportedOperation

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel, QuantumError

_CONTROLLED = (
    "mcp",
    "mcphase",
    "mcr",
    "mcrx",
    "mcry",
    "mcrz",
    "mcswap",
    "mcsx",
    "mcu",
    "mcx",
    "mcx_gray",
    "mcy",
    "mcz",
)

NATIVE_GATES = frozenset({"diagonal", "initialize", "multiplexer", "pauli", "unitary", *_CONTROLLED})
"""Instructions that have parts and that Aer runs whole: noise is theirs by their own name, never that of a part."""

_BASIC = {"barrier", "if_else", "kraus", "pauli_channel", "quantum_channel", "superop", *NATIVE_GATES}

Confusion = npt.NDArray[np.float64]
"""Shape (2, 2): the probability to read a bit given the true one, ``[true, read]``."""


def inlined_noise(circuit: QuantumCircuit, noise_model: NoiseModel) -> QuantumCircuit:
    """The circuit with the noise model's quantum errors as instructions; readout errors are left out.

    Qubits are told apart by their index in the circuit, so a model of a device needs a transpiled circuit.

    Raises:
        UnsupportedOperation: if the model has custom passes.
    """
    if noise_model._custom_noise_passes:
        raise UnsupportedOperation("a noise model with custom passes cannot be inlined: apply them to the circuit")
    return _inlined(circuit, noise_model, range(circuit.num_qubits))


def readout_errors(noise_model: NoiseModel, num_qubits: int) -> dict[int, Confusion]:
    """The confusion matrix of each qubit whose readout is not ideal.

    Raises:
        UnsupportedOperation: if a readout error joins several qubits.
    """
    found: dict[int, Confusion] = {}
    if noise_model._default_readout_error is not None:
        matrix = np.asarray(noise_model._default_readout_error.probabilities, dtype=float)
        found = dict.fromkeys(range(num_qubits), matrix)
    for qubits, error in noise_model._local_readout_errors.items():
        if len(qubits) != 1:
            raise UnsupportedOperation(f"a readout error that joins the qubits {tuple(qubits)} is not supported")
        found[qubits[0]] = np.asarray(error.probabilities, dtype=float)
    return {qubit: matrix for qubit, matrix in found.items() if qubit < num_qubits}


def _inlined(circuit: QuantumCircuit, noise_model: NoiseModel, outer: Sequence[int]) -> QuantumCircuit:
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        _check_basic(instruction)
        qubits = [outer[circuit.find_bit(q).index] for q in instruction.qubits]
        if isinstance(instruction.operation, IfElseOp):
            blocks = [_inlined(block, noise_model, qubits) for block in instruction.operation.blocks]
            operation = instruction.operation.replace_blocks(blocks)
            result.append(operation, instruction.qubits, instruction.clbits)
            continue
        error = _error_of(instruction, noise_model, tuple(qubits))
        if error is not None and instruction.name == "measure":
            result.append(error.to_instruction(), instruction.qubits)
        result.append(instruction)
        if error is not None and instruction.name != "measure":
            result.append(error.to_instruction(), instruction.qubits)
    return result


def _check_basic(instruction: CircuitInstruction) -> None:
    if instruction.name not in _BASIC and instruction.name not in get_standard_gate_name_mapping():
        raise UnsupportedOperation(
            f"a noise model goes by the names of basic instructions, {instruction.name!r} is composite: "
            f"transpile the circuit first"
        )


def _error_of(
    instruction: CircuitInstruction, noise_model: NoiseModel, qubits: tuple[int, ...]
) -> QuantumError | None:
    if instruction.name == "barrier":
        return None
    name = getattr(instruction.operation, "label", None) or instruction.name
    local = noise_model._local_quantum_errors.get(name, {}).get(qubits)
    return local if local is not None else noise_model._default_quantum_errors.get(name)
