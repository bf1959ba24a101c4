"""What happens to the states of pairs in the loop: waiting, operations, and what is read of them."""

from __future__ import annotations

import numpy as np

from quantumlink.hardware.pauli_coefficients import FIDELITY_SIGNS
from quantumlink.network.control.tables import RESULT, State, Tables

PHI_I, PHI_X, PHI_Y, PHI_Z = (float(FIDELITY_SIGNS[5 * pauli]) for pauli in range(4))
"""What II, XX, YY and ZZ count in the fidelity, each a number as compiling takes them."""


def wait(T: Tables, S: State, pair: int, side: int, node: int, time: float) -> None:
    """One qubit of a pair waits: as `quantumlink.hardware.Memory.decay` says."""
    if T.ideal[node] or time <= 0.0:
        return
    t1, t2, depolarizing, gaussian = T.memory[node, 0], T.memory[node, 1], T.memory[node, 2], T.memory[node, 3]
    exponent = time * (t1 + depolarizing)
    coherence = np.exp(-(time * (t2 + depolarizing) + (time * gaussian) ** 2))
    kept = np.exp(-exponent)
    gain = -T.memory[node, 4] * np.expm1(-exponent)
    step = 4 if side == 0 else 1
    stride = 5 - step
    for i in range(4):
        j = i * stride
        S.vector[pair, j + step] *= coherence
        S.vector[pair, j + 2 * step] *= coherence
        S.vector[pair, j + 3 * step] = kept * S.vector[pair, j + 3 * step] + gain * S.vector[pair, j]


def turn(S: State, pair: int) -> None:
    """Exchange the ends of a pair."""
    for i in range(4):
        for j in range(i):
            k, turned = 4 * i + j, 4 * j + i
            S.vector[pair, k], S.vector[pair, turned] = S.vector[pair, turned], S.vector[pair, k]
    S.since[pair, 0], S.since[pair, 1] = S.since[pair, 1], S.since[pair, 0]
    S.known[pair, 0], S.known[pair, 1] = S.known[pair, 1], S.known[pair, 0]
    S.bank[pair, 0], S.bank[pair, 1] = S.bank[pair, 1], S.bank[pair, 0]
    S.node[pair, 0], S.node[pair, 1] = S.node[pair, 1], S.node[pair, 0]


def operate_on(T: Tables, S: State, number: int, first: int, second: int) -> float:
    """The state that comes of two pairs, put into the place RESULT; the probability that the operation succeeds."""
    for i in range(16):
        S.vector[RESULT, i] = 0.0
    for k in range(T.map_from[number], T.map_from[number + 1]):
        S.vector[RESULT, T.map_out[k]] += (
            T.map_weight[k] * S.vector[first, T.map_first[k]] * S.vector[second, T.map_second[k]]
        )
    accepted = S.vector[RESULT, 0]
    if accepted > 0.0:
        for i in range(16):
            S.vector[RESULT, i] /= accepted
    return float(accepted)


def fidelity_of(S: State, pair: int) -> float:
    """Fidelity to Φ⁺."""
    return float(PHI_I + PHI_X * S.vector[pair, 5] + PHI_Y * S.vector[pair, 10] + PHI_Z * S.vector[pair, 15])
