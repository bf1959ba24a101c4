"""What hardware does to qubits, as errors of Aer's: of gates, resets, readout, and waiting.

Depolarizing errors, Pauli channels and readout errors stay within the stabilizer formalism, and twirled relaxation
does.

Reference:
    M. R. Geller, Z. Zhou, Phys. Rev. A 88, 012314 (2013): the Pauli twirl of relaxation.
"""

from __future__ import annotations

from functools import lru_cache
from math import expm1
from typing import TYPE_CHECKING

from quantumlink.hardware import Memory, Processor

if TYPE_CHECKING:
    from qiskit_aer.noise import QuantumError


def gate_error(processor: Processor, name: str, num_qubits: int) -> QuantumError | None:
    """What follows a gate at a processor, or None: the error of its name, or else the depolarizing one."""
    if name in processor.gate_errors.names:
        return processor.gate_errors.error(name)
    return _depolarizing(processor.depolarizing_1q if num_qubits == 1 else processor.depolarizing_2q, num_qubits)


def reset_error(processor: Processor) -> QuantumError | None:
    """What follows a reset at a processor, or None."""
    if "reset" in processor.gate_errors.names:
        return processor.gate_errors.error("reset")
    return pauli_channel_error(processor.reset_error, 0.0, 0.0) if processor.reset_error else None


def readout_flip(processor: Processor) -> QuantumError | None:
    """A processor's readout error as an error on the qubit just before it is measured, or None if ideal.

    0 is read as 1 with probability a and 1 as 0 with b. That is X with probability min(a, b), and a reset
    to the likelier reading for the rest, which every simulation method can carry.
    """
    (_, a), (b, _) = processor.confusion
    if a == b == 0:
        return None
    return _flip_error(a, b)


def relaxation(memory: Memory, time_s: float) -> QuantumError | None:
    """What a memory does to a qubit that waits, or None if nothing."""
    if memory.is_ideal or time_s == 0:
        return None
    return _waiting_error(memory, time_s)


def twirled_relaxation(memory: Memory, time_s: float) -> QuantumError | None:
    """The Pauli twirl of what a memory does to a qubit that waits, or None if it does nothing.

    With `Memory.decay`'s c and k, pX = pY = (1 − k)/4 and pZ = (1 − c)/2 − pX. Each Pauli expectation value shrinks
    as under the memory itself; what is lost is the pull to |0⟩, by which ⟨Z⟩ gains.
    """
    if memory.is_ideal or time_s == 0:
        return None
    return pauli_channel_error(*twirled_weights(memory, time_s))


def twirled_weights(memory: Memory, time_s: float) -> tuple[float, float, float]:
    """The probabilities of X, Y and Z in `twirled_relaxation`."""
    coherence, kept = map(float, memory.exponents(time_s))
    flip = -expm1(-kept) / 4
    phase = -expm1(-coherence) / 2 - flip
    return flip, flip, max(0.0, phase)  # rounding only: T2 ≤ 2·T1


@lru_cache(maxsize=1024)
def _flip_error(a: float, b: float) -> QuantumError:
    from qiskit.circuit.library import IGate, Reset, XGate
    from qiskit_aer.noise import QuantumError

    settle = [(Reset(), [0])] if b > a else [(Reset(), [0]), (XGate(), [0])]
    terms = [([(XGate(), [0])], min(a, b)), (settle, abs(b - a)), ([(IGate(), [0])], 1 - max(a, b))]
    return QuantumError([term for term in terms if term[1] > 0])


@lru_cache(maxsize=1024)
def _waiting_error(memory: Memory, time_s: float) -> QuantumError | None:
    if not memory.relaxes:  # a mixture of Paulis, and so its own twirl
        return twirled_relaxation(memory, time_s)
    # The same map as relaxation with other times, to a state that is not all |0⟩: see `Memory`.
    coherence, kept = map(float, memory.exponents(time_s))
    t1_s, t2_s = time_s / kept, time_s / coherence
    excited = max(0.0, (1 - t1_s / memory.t1_s) / 2)  # rounding only, here and of T2
    return relaxation_error(t1_s, t2_s, time_s, excited)


def relaxation_error(t1_s: float, t2_s: float, time_s: float, excited: float = 0.0) -> QuantumError:
    """Relaxation for some time, to |1⟩ with a probability; a T2 beyond 2·T1 is rounding, or a device's."""
    from qiskit_aer.noise import thermal_relaxation_error

    return thermal_relaxation_error(t1_s, min(t2_s, 2 * t1_s), time_s, excited)


@lru_cache(maxsize=1024)
def _depolarizing(strength: float, num_qubits: int) -> QuantumError | None:
    from qiskit_aer.noise import depolarizing_error

    return depolarizing_error(strength, num_qubits) if strength else None


@lru_cache(maxsize=1024)
def pauli_channel_error(px: float, py: float, pz: float) -> QuantumError:
    """X, Y and Z with these probabilities, and nothing for the rest."""
    from qiskit_aer.noise import pauli_error

    return pauli_error([("X", px), ("Y", py), ("Z", pz), ("I", 1 - px - py - pz)])
