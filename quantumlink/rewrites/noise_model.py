"""Aer noise models read as errors in a circuit, so that every engine understands them alike.

Aer's rules: the error of an instruction's label, or name if it has no label, on these very qubits, else its error
on any qubits, acts after the instruction (before a measurement); in a conditional block, only where the block runs.
A ``pauli`` has none: Aer takes it for one of its own errors, and never adds another to it, whatever the model says
of it or of its label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from qiskit.circuit import CircuitInstruction, QuantumCircuit
from qiskit.circuit.library import get_standard_gate_name_mapping

from quantumlink.arrays import FloatArray
from quantumlink.exact import UnsupportedOperation
from quantumlink.exact.transfer import device_operation

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

NEVER_NOISY = frozenset({"barrier", "pauli"})
"""Instructions to which Aer adds no error, whatever the model says."""

_FLOW = {"box", "break_loop", "continue_loop", "for_loop", "if_else", "store", "switch_case", "while_loop"}
_BASIC = {"barrier", "kraus", "pauli_channel", "quantum_channel", "superop", *_FLOW, *NATIVE_GATES}

Confusion = FloatArray
"""Shape (2, 2): the probability to read a bit given the true one, ``[true, read]``."""


def inlined_noise(circuit: QuantumCircuit, noise_model: NoiseModel) -> QuantumCircuit:
    """The circuit with the noise model's quantum errors as instructions; readout errors are left out.

    Qubits are told apart by their index in the circuit, so a model of a device needs a transpiled circuit.

    Raises:
        UnsupportedOperation: if the model has custom passes.
    """
    if noise_model._custom_noise_passes:
        raise UnsupportedOperation("a noise model with custom passes cannot be inlined: apply them to the circuit")
    check_error_sizes(circuit, noise_model)
    return _inlined(circuit, noise_model, range(circuit.num_qubits))


def noise_of(
    instruction: CircuitInstruction, noise_model: NoiseModel, qubits: tuple[int, ...]
) -> tuple[Literal["gate", "readout"], ...]:
    """The kinds of noise that a model adds to an instruction on these qubits."""
    found: list[Literal["gate", "readout"]] = []
    if _error_of(instruction, noise_model, qubits) is not None:
        found.append("gate")
    if instruction.name == "measure" and qubits[0] in readout_errors(noise_model, 1 + qubits[0]):
        found.append("readout")
    return tuple(found)


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
        if getattr(instruction.operation, "blocks", None):
            blocks = [_inlined(block, noise_model, qubits) for block in instruction.operation.blocks]
            operation = instruction.operation.replace_blocks(blocks)
            result.append(operation, instruction.qubits, instruction.clbits)
            continue
        error = _error_of(instruction, noise_model, tuple(qubits))
        measures = device_operation(instruction.operation) in ("measure", "measure_reset")
        if error is not None and measures:
            result.append(error.to_instruction(), instruction.qubits)
        result.append(instruction)
        if error is not None and not measures:
            result.append(error.to_instruction(), instruction.qubits)
    return result


def check_error_sizes(circuit: QuantumCircuit, noise_model: NoiseModel) -> None:
    """Refuse a model that has an error on another number of qubits than an instruction of the circuit.

    Raises:
        UnsupportedOperation: naming the instruction, its qubits, and the error's number of qubits.
    """
    _check_sizes(circuit, noise_model, range(circuit.num_qubits))


def _check_sizes(circuit: QuantumCircuit, noise_model: NoiseModel, outer: Sequence[int]) -> None:
    for instruction in circuit.data:
        qubits = tuple(outer[circuit.find_bit(q).index] for q in instruction.qubits)
        for block in getattr(instruction.operation, "blocks", None) or ():
            _check_sizes(block, noise_model, qubits)
        error = _error_of(instruction, noise_model, qubits)
        if error is not None and error.num_qubits != len(qubits):
            raise UnsupportedOperation(
                f"the noise model's error of {instruction.name!r} is on {error.num_qubits} qubits, the instruction "
                f"on the {len(qubits)} qubits {qubits}: give it an error on as many"
            )


def _check_basic(instruction: CircuitInstruction) -> None:
    known = instruction.name in _BASIC or instruction.name in get_standard_gate_name_mapping()
    if not known and device_operation(instruction.operation) is None:
        raise UnsupportedOperation(
            f"a noise model goes by the names of basic instructions, {instruction.name!r} is composite: "
            f"transpile the circuit first"
        )


def _error_of(
    instruction: CircuitInstruction, noise_model: NoiseModel, qubits: tuple[int, ...]
) -> QuantumError | None:
    if instruction.name in NEVER_NOISY:
        return None
    name = getattr(instruction.operation, "label", None) or instruction.name
    local = noise_model._local_quantum_errors.get(name, {}).get(qubits)
    error = local if local is not None else noise_model._default_quantum_errors.get(name)
    if error is not None and error.num_qubits != len(qubits):
        raise UnsupportedOperation(
            f"the noise model's error of {name!r} is on {error.num_qubits} qubits, the instruction on "
            f"{len(qubits)} ({', '.join(map(str, qubits))}): give it as many"
        )
    return error
