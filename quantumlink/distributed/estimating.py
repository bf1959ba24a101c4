"""How well a distributed circuit does what it is to do; and what cutting would cost, which needs no pairs.

Exactly where it is small, from samples by stim where it is Clifford, else composed of the fidelities of all parts.
Waiting is not part of the circuit, and so not of this estimate: `Distribution.simulate` has it.

Reference:
    C. Piveteau, D. Sutter, IEEE Trans. Inf. Theory 70, 2734 (2024): n Bell pairs simulated by local operations and
    messages cost γ = 2ⁿ⁺¹ − 1, and so γ² times as many samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import acos, cos, exp, log, pi
from typing import Literal

import numpy as np
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quantumlink.arrays import BoolArray
from quantumlink.distributed.bounds import only_gates
from quantumlink.estimation import Estimate, binomial_estimate
from quantumlink.exact import UnsupportedOperation, branches
from quantumlink.execution.clifford import CliffordSampler
from quantumlink.program import Program
from quantumlink.rewrites import add_noise

MAX_EXACT_QUBITS = 4
"""Most qubits whose channel is told exactly."""

MAX_EXACT_STEPS = 400
"""Most instructions that are followed exactly."""


@dataclass(frozen=True)
class DistributedFidelity:
    """The process fidelity of a distributed circuit to the circuit, without waiting."""

    fidelity: Estimate
    """Of the channel, given that all heralds accept: low and high are what is certain, best the estimate."""
    method: Literal["exact", "sampled", "composition"]
    """``"exact"``: of the channel; ``"sampled"``: of the channel too, by stim; ``"composition"``: the product of
    all parts, and the bound for their worst interference, cos²(Σ arccos √F)."""
    success_probability: float
    """The probability that all heralds accept, of a maximally mixed input; 1 where it is not told."""
    lost: Mapping[str, float]
    """−ln of what is left of the fidelity after each cause alone."""

    def __repr__(self) -> str:
        return f"<DistributedFidelity {self.fidelity.best:.6g} ({self.method})>"


def exact_fidelity(
    source: QuantumCircuit, program: Program, start: Sequence[int], end: Sequence[int]
) -> tuple[float, float] | None:
    """The process fidelity and the probability that heralds accept; None where it is too large to be told.

    Of circuits without measurements of their own.
    """
    n = source.num_qubits
    large = n > MAX_EXACT_QUBITS or len(program.circuit.data) > MAX_EXACT_STEPS
    if large or not only_gates(source) or source.parameters or program.random_settings:
        return None
    try:
        noisy = add_noise(program).circuit
        keep = sorted(program.herald_bits)
        wanted = branches(source, inputs=range(n), outputs=range(n), keep=())[()].reshape(4**n, 4**n)
        found = np.zeros((4**n, 4**n))
        bits = np.zeros(program.circuit.num_clbits, dtype=bool)
        for record, tensor in branches(noisy, inputs=start, outputs=end, keep=keep).items():
            bits[keep] = record
            if program.accepted(bits):
                found += tensor.reshape(4**n, 4**n)
    except UnsupportedOperation:
        raise
    except ValueError:
        return None
    success = float(found[0, 0])
    return float((wanted * found).sum()) / 4**n / success, success


def sampled_fidelity(
    source: QuantumCircuit, program: Program, start: Sequence[int], end: Sequence[int], shots: int, seed: int
) -> tuple[Estimate, float] | None:
    """The process fidelity of a Clifford circuit under Pauli noise, from samples, and how often heralds accept.

    Every qubit starts as half of a Bell pair; after the distributed circuit and the inverse of the circuit all
    pairs are measured: the fidelity of the channel is how often all are as they were.

    Args:
        source: the circuit, of gates alone.
        program: the distributed one.
        start: the qubit at which each qubit is in the beginning.
        end: and in the end.
        shots: how many samples.
        seed: makes them repeatable.

    Returns:
        None if a gate is not Clifford, noise is not Pauli, stim is missing, or no sample was accepted.
    """
    n = source.num_qubits
    if source.parameters or program.random_settings or not only_gates(source):
        return None
    try:
        noisy = add_noise(program).circuit
        whole = noisy.copy_empty_like()
        half, outcome = QuantumRegister(n, "half_of_pair"), ClassicalRegister(2 * n, "as_it_was")
        whole.add_register(half, outcome)
        for k in range(n):
            whole.h(half[k])
            whole.cx(half[k], whole.qubits[start[k]])
        whole.compose(noisy, noisy.qubits, noisy.clbits, inplace=True)
        back = source.copy_empty_like()
        for step in source.data:
            if step.name not in ("barrier", "delay"):
                back.append(step)
        whole.compose(back.inverse(), [whole.qubits[q] for q in end], inplace=True)
        for k in range(n):
            whole.cx(half[k], whole.qubits[end[k]])
            whole.h(half[k])
            whole.measure([half[k], whole.qubits[end[k]]], [outcome[2 * k], outcome[2 * k + 1]])
        bits = _sampled_bits(whole, shots, seed)
    except (UnsupportedOperation, ImportError):
        return None
    accepted = program.accepted(bits[:, : noisy.num_clbits])
    good = int((~bits[accepted, noisy.num_clbits :].any(axis=1)).sum())
    total = int(accepted.sum())
    return (binomial_estimate(good, total), total / shots) if total else None


def _sampled_bits(circuit: QuantumCircuit, shots: int, seed: int) -> BoolArray:
    """Shape (shots, clbits): samples of a Clifford circuit all of whose bits are in registers."""
    found = CliffordSampler(seed=seed).run([circuit], shots=shots).result()[0].data
    bits = np.zeros((shots, circuit.num_clbits), dtype=bool)
    for register in circuit.cregs:
        if len(register):
            places = [circuit.find_bit(bit).index for bit in register]
            bits[:, places] = found[register.name].to_bool_array(order="little")
    return bits


@dataclass(frozen=True)
class CuttingOverhead:
    """How many times as many samples a circuit takes whose pairs are replaced by cutting, with messages."""

    ebits: int
    """How many pairs are replaced."""

    @property
    def one_by_one(self) -> int:
        """Each pair by itself: 9 for every one."""
        return int(9**self.ebits)

    @property
    def together(self) -> int:
        """All in one, the least for as many pairs that are needed at one time: (2ⁿ⁺¹ − 1)²."""
        return int((2 ** (self.ebits + 1) - 1) ** 2)

    def __repr__(self) -> str:
        log10 = [log(value, 10) for value in (self.together, self.one_by_one)]
        return f"<CuttingOverhead of {self.ebits} e-bits: 10^{log10[0]:.1f} to 10^{log10[1]:.1f}>"


def composed(parts: Mapping[tuple[str, float], int]) -> Estimate:
    """The product of the fidelities of all parts, and the least that they can make together: cos²(Σ arccos √F).

    The angles between channels add up at most: A. Gilchrist, N. K. Langford, M. A. Nielsen, Phys. Rev. A 71, 062310
    (2005).

    Args:
        parts: how many parts there are of each (cause, −ln of fidelity).

    >>> from math import log
    >>> low, best, high = composed({("gates", -log(0.99)): 2})
    >>> round(low, 6), round(best, 6), high
    (0.9604, 0.9801, 1.0)
    """
    best = exp(-sum(loss * count for (_, loss), count in parts.items()))
    angle = sum(count * acos(exp(-loss / 2)) for (_, loss), count in parts.items())
    return Estimate(min(cos(angle) ** 2, best) if angle < pi / 2 else 0.0, best, 1.0)
