"""What encoded links become under the noise of the nodes that encode and swap them, told of the logical qubits."""

from __future__ import annotations

import numpy as np
from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.encoding import compared_syndromes

from quantumlink.arrays import FloatArray
from quantumlink.codes.faults import Fault, check_pauli, faults_of
from quantumlink.codes.recovery import MAX_EXACT, MAX_EXACT_NOISY, Recovery, compared
from quantumlink.codes.sampled import SampledRecovery
from quantumlink.hardware.pauli_coefficients import bell_coefficients
from quantumlink.link import LogicalOperation, LogicalSwap


class LogicalSwapping:
    """Takes two logical pairs through a swap in their code, under given noise of the relay.

    Two perfect pairs that the relay swaps tell what befalls each of the n pairs of physical qubits; that is
    decoded as the error of an arriving pair is, and what remains turns the swapped logical pair.

    Args:
        operation: the swap.
        perfect: shape (16, 256): the map of a swap without errors.
        noisy: shape (16, 256): that of a swap of physical qubits with the relay's errors.
    """

    entries = 256
    """Of two states, as of a `Carrier`."""

    def __init__(self, operation: LogicalSwap, perfect: FloatArray, noisy: FloatArray) -> None:
        pair = bell_coefficients([[1.0, 0.0, 0.0, 0.0]])[0]
        befallen = noisy @ np.outer(pair, pair).reshape(256)
        perfectly = compared_syndromes(operation.code.stabilizers, operation.name)
        encoding = recovery(operation, perfectly)
        left = encoding(*(befallen[None],) * operation.code.qubits)[0]
        self.off_by = encoding.off_by if isinstance(encoding, SampledRecovery) else 0.0
        # What remains of each logical Pauli of the right end: an error there is as one on the left.
        self._kept = np.diag(left.reshape(4, 4)) / np.diag(pair.reshape(4, 4)) * operation.success_probability
        self._map = perfect

    def __call__(self, *links: FloatArray) -> FloatArray:
        """The delivered states, shape (points, 16), of two links' states, shape (points or 1, 16)."""
        first, second = links
        products = (first[:, :, None] * second[:, None, :]).reshape(-1, 256)
        joined = (products @ self._map.T).reshape(len(products), 4, 4) * self._kept
        return np.asarray(joined.reshape(len(products), 16))


def recovery(operation: LogicalOperation, noisy: QuantumCircuit) -> Recovery | SampledRecovery:
    """What n pairs become by an encoding whose circuit has these errors: exact for small codes, else sampled.

    Raises:
        ValueError: if an error is no mixture of Pauli errors.
    """
    code = operation.code
    check_pauli(noisy)
    perfect = not any(hasattr(i.operation, "_quantum_error") for i in noisy.data)
    if len(code.stabilizers) > (MAX_EXACT if perfect else MAX_EXACT_NOISY):
        return SampledRecovery(code, operation.decoder, noisy, detects=operation.detects)
    faults = encoding_faults(operation, noisy)
    return Recovery(code, operation.decoder, detects=operation.detects, faults=faults)


def encoding_faults(operation: LogicalOperation, noisy: QuantumCircuit) -> list[Fault]:
    """The faults of an encoding's circuit in bits of the comparison.

    Raises:
        ValueError: if an error is no mixture of Pauli errors.
    """
    n = operation.code.qubits
    data_a, data_b = range(n), range(n + 2, 2 * n + 2)
    return [compared(operation.code, fault, data_a, data_b) for fault in faults_of(noisy)]
