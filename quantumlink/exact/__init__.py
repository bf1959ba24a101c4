"""Exact readings of a circuit: transfer matrices, and the interpreter that follows every branch."""

from quantumlink.exact.interpreter import MAX_ACTIVE_QUBITS, branches, outcome_probabilities
from quantumlink.exact.transfer import (
    PAULI_MATRICES,
    Transfer,
    UnsupportedOperation,
    transfer_matrix,
    transfer_of_superoperator,
)

__all__ = [
    "MAX_ACTIVE_QUBITS",
    "PAULI_MATRICES",
    "Transfer",
    "UnsupportedOperation",
    "branches",
    "outcome_probabilities",
    "transfer_matrix",
    "transfer_of_superoperator",
]
