"""Exact readings of a circuit: transfer matrices, and the interpreter that follows every branch."""

from quantumlink.exact.interpreter import (
    MAX_ACTIVE_QUBITS,
    MAX_BRANCHES,
    branches,
    independent_outcomes,
    outcome_probabilities,
)
from quantumlink.exact.size import Size, interpreter_size, sampling_size
from quantumlink.exact.transfer import (
    PAULI_MATRICES,
    Transfer,
    UnsupportedOperation,
    instruction_of,
    transfer_matrix,
    transfer_of_superoperator,
)

__all__ = [
    "MAX_ACTIVE_QUBITS",
    "MAX_BRANCHES",
    "PAULI_MATRICES",
    "Size",
    "Transfer",
    "UnsupportedOperation",
    "branches",
    "independent_outcomes",
    "instruction_of",
    "interpreter_size",
    "outcome_probabilities",
    "sampling_size",
    "transfer_matrix",
    "transfer_of_superoperator",
]
