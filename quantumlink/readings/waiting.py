"""Waiting: what memories do to pairs that are held in them, exactly and for many pairs at once.

What a wait does to one qubit is `Memory.decay`'s word; the noise rewrite puts the same after a ``Delay``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quantumlink.arrays import FloatArray
from quantumlink.hardware import Memory


def waited(
    coefficients: npt.ArrayLike,
    left: Memory,
    right: Memory,
    left_s: npt.ArrayLike,
    right_s: npt.ArrayLike,
) -> FloatArray:
    """Pairs after each of their two qubits has waited in a memory for a time of its own.

    Args:
        coefficients: shape (..., 16), Tr(P⊗Q·ρ) with the left qubit's Pauli P as the most significant digit,
            each in the order I, X, Y, Z; normalized or not.
        left: the memory of the left qubit.
        right: the memory of the right qubit.
        left_s: how long the left qubit waits, in seconds, at least 0; an array broadcasts with the leading axes of
            ``coefficients``.
        right_s: how long the right qubit waits, likewise.

    Returns:
        Shape (..., 16), a new array; the leading axes are those that all arguments broadcast to.

    Raises:
        ValueError: if a time is negative or not a number, or the shapes do not fit.

    >>> bell = np.diag([1.0, 1.0, -1.0, 1.0]).reshape(16)
    >>> after = waited(bell, Memory(t1_s=1.0), Memory(), [0.0, 0.5], 0.0)
    >>> [round(float(1 + pair[5] - pair[10] + pair[15]) / 4, 6) for pair in after]
    [1.0, 0.791033]
    """
    pairs = np.asarray(coefficients, dtype=float)
    if not pairs.ndim or pairs.shape[-1] != 16:
        raise ValueError(f"coefficients must have the shape (..., 16), got {pairs.shape}")
    times = _times("left_s", left_s), _times("right_s", right_s)
    shapes = (pairs.shape[:-1], times[0].shape, times[1].shape)
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"coefficients, left_s and right_s must broadcast together, got the leading axes {shapes[0]}, "
            f"{shapes[1]} and {shapes[2]}"
        ) from None
    result = np.array(np.broadcast_to(pairs, (*shape, 16)))
    square = result.reshape(*shape, 4, 4)
    _relax(np.moveaxis(square, -2, 0), left, times[0][..., None])
    _relax(np.moveaxis(square, -1, 0), right, times[1][..., None])
    return result


def qubit_waited(
    coefficients: FloatArray, qubit: int, qubits: int, memory: Memory, time_s: FloatArray
) -> FloatArray:
    """States of any number of qubits after one of them has waited.

    Args:
        coefficients: shape (n, 4^qubits), the first qubit's Pauli as the most significant digit.
        qubit: which one.
        qubits: how many there are.
        memory: its memory.
        time_s: shape (n,): how long it waits, in seconds, at least 0.

    Returns:
        Shape (n, 4^qubits): a new array, or the given one if the memory is ideal.
    """
    if memory.is_ideal:
        return coefficients
    result = coefficients.reshape(len(coefficients), 4**qubit, 4, 4 ** (qubits - 1 - qubit)).copy()
    _relax(np.moveaxis(result, 2, 0), memory, time_s[:, None, None])
    return result.reshape(coefficients.shape)


def qubit_disturbed(
    coefficients: FloatArray, qubit: int, qubits: int, memory: Memory, attempts: FloatArray
) -> FloatArray:
    """States of any number of qubits after one of them was stored through attempts for other pairs.

    Args:
        coefficients: shape (n, 4^qubits), the first qubit's Pauli as the most significant digit.
        qubit: which one.
        qubits: how many there are.
        memory: its memory.
        attempts: shape (n,): how many attempts its node made.

    Returns:
        Shape (n, 4^qubits): a new array, or the given one if attempts do nothing.
    """
    if memory.per_attempt == 0:
        return coefficients
    kept = memory.after_attempts(attempts)
    result = np.repeat(coefficients, len(kept) // len(coefficients) or 1, axis=0)
    result = result.reshape(len(result), 4**qubit, 4, 4 ** (qubits - 1 - qubit))
    result[:, :, 1:3] *= kept[:, None, None, None]
    return result.reshape(len(result), -1)


def _relax(by_pauli: FloatArray, memory: Memory, time_s: FloatArray) -> None:
    """Relax one qubit in place: shape (4, ...), its Pauli first; times broadcast with the other axes."""
    if memory.is_ideal:
        return
    decay = memory.decay(time_s)
    by_pauli[1] *= decay.coherence
    by_pauli[2] *= decay.coherence
    by_pauli[3] *= decay.kept
    if memory.relaxes:
        by_pauli[3] += decay.gain * by_pauli[0]


def _times(name: str, value: npt.ArrayLike) -> FloatArray:
    times = np.asarray(value, dtype=float)
    if times.size and not (times.min() >= 0 and times.max() < np.inf):  # a NaN is neither
        raise ValueError(f"{name} must be finite times in seconds, at least 0; got {_first_bad(times)!r}")
    return times


def _first_bad(times: FloatArray) -> float:
    return float(times[~((times >= 0) & (times < np.inf))][0])
