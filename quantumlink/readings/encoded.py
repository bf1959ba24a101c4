"""What encoded links become under the noise of the nodes that encode and swap them, told of the logical qubits."""

from __future__ import annotations

import numpy as np
from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.encoding import compared_syndromes

from quantumlink.arrays import FloatArray
from quantumlink.codes.faults import Fault, check_pauli, faults_of
from quantumlink.codes.recovery import MAX_EXACT, MAX_EXACT_NOISY, Recovery, compared, delivered
from quantumlink.codes.sampled import SampledRecovery
from quantumlink.hardware.pauli_coefficients import bell_coefficients, bell_populations
from quantumlink.link import LogicalOperation, LogicalSwap


class LogicalSwapping:
    """Takes two logical pairs through a swap in their code, under given noise of the relay.

    Two perfect pairs that the relay swaps tell what befalls each of the n pairs of physical qubits. The relay
    decodes that together with what earlier circuits left on its two sides, as far as it is given: see `residuals`.

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
        pair_of = np.diag(pair.reshape(4, 4))
        self._kept = np.diag(left.reshape(4, 4)) / pair_of * operation.success_probability
        self.disturbed = 1 - float(bell_populations(befallen[None] / befallen[0])[0, 0]) ** operation.code.qubits
        """How often the relay's own errors befall any of the n pairs."""
        self._map, self._operation = perfect, operation
        self._factors = np.array(operation.factors or (1.0,) * 16)
        if isinstance(encoding, Recovery):
            signs = perfect[_SAME, 16 * _SAME + _SAME] * operation.success_probability / pair_of
            self._spread = encoding.spread(befallen) * signs[:, None]
        self.syndromes = 1 << len(operation.code.stabilizers)
        """How many there are."""

    def __call__(self, *links: FloatArray) -> FloatArray:
        """The delivered states, shape (points, 16), of two links' states, shape (points or 1, 16)."""
        first, second = links
        products = (first[:, :, None] * second[:, None, :]).reshape(-1, 256)
        joined = (products @ self._map.T).reshape(len(products), 4, 4) * self._kept
        return np.asarray(joined.reshape(len(products), 16) * self._factors)

    def residuals(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """The same of links that carry what circuits left on them, for codes that are followed exactly.

        The relay sees what is left on both its sides and what the swap adds in one syndrome, and decodes that.

        Args:
            left: shape (2^r, 2^r, points or 1, 16): see `Recovery.residuals`.
            right: likewise.

        Returns:
            The joined links', likewise.
        """
        at_left = left.reshape(*left.shape[:3], 4, 4).transpose(2, 3, 4, 0, 1)
        at_right = right[..., _SAME].transpose(2, 3, 0, 1)
        result = np.zeros((*left.shape[:2], max(left.shape[2], right.shape[2]), 4, 4))
        for p, q in np.argwhere(np.any(at_left, axis=(0, 3, 4))):
            joined = (at_left[:, p, q] * self._spread[q]) @ at_right[:, q]
            result[:, :, :, p, q] = joined.transpose(1, 2, 0)
        return result.reshape(*result.shape[:3], 16)

    def delivered(self, residuals: FloatArray) -> FloatArray:
        """The states that a round without errors finds in the end, shape (points, 16)."""
        return delivered(self._operation.code, self._operation.decoder, residuals)


_SAME = 5 * np.arange(4)
"""Where coefficients of equal letters stand."""


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
    """The faults of an encoding's circuit in bits of the two sides.

    Raises:
        ValueError: if an error is no mixture of Pauli errors.
    """
    n = operation.code.qubits
    data_a, data_b = range(n), range(n + 2, 2 * n + 2)
    return [compared(operation.code, fault, data_a, data_b) for fault in faults_of(noisy)]
