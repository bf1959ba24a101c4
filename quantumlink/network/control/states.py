"""What happens to the states of pairs in the loop: waiting, operations, and what is read of them."""

from __future__ import annotations

import numpy as np

from quantumlink.hardware.pauli_coefficients import FIDELITY_SIGNS
from quantumlink.network.control.tables import Floats, State, Tables

PHI_I, PHI_X, PHI_Y, PHI_Z = (float(FIDELITY_SIGNS[5 * pauli]) for pauli in range(4))
"""What II, XX, YY and ZZ count in the fidelity, each a number as compiling takes them."""


def wait(T: Tables, vector: Floats, side: int, node: int, time: float) -> None:
    """One qubit waits: as `quantumlink.hardware.Memory.decay` says."""
    if T.ideal[node] or time <= 0.0:
        return
    t1, t2, depolarizing, gaussian = T.memory[node, 0], T.memory[node, 1], T.memory[node, 2], T.memory[node, 3]
    exponent = time * (t1 + depolarizing)
    coherence = np.exp(-(time * (t2 + depolarizing) + (time * gaussian) ** 2))
    kept = np.exp(-exponent)
    gain = -T.memory[node, 4] * np.expm1(-exponent)
    step, stride = (4, 1) if side == 0 else (1, 4)
    for i in range(4):
        j = i * stride
        vector[j + step] *= coherence
        vector[j + 2 * step] *= coherence
        vector[j + 3 * step] = kept * vector[j + 3 * step] + gain * vector[j]


def turn(S: State, pair: int) -> None:
    """Exchange the ends of a pair."""
    v = S.vector[pair]
    for i in range(4):
        for j in range(i):
            v[4 * i + j], v[4 * j + i] = v[4 * j + i], v[4 * i + j]
    S.since[pair, 0], S.since[pair, 1] = S.since[pair, 1], S.since[pair, 0]
    S.known[pair, 0], S.known[pair, 1] = S.known[pair, 1], S.known[pair, 0]
    S.bank[pair, 0], S.bank[pair, 1] = S.bank[pair, 1], S.bank[pair, 0]
    S.node[pair, 0], S.node[pair, 1] = S.node[pair, 1], S.node[pair, 0]


def operate_on(T: Tables, S: State, number: int, first: int, second: int, out: Floats) -> float:
    """The state that comes of two pairs, written to ``out``; and the probability that the operation succeeds."""
    out[:] = 0.0
    a, b = S.vector[first], S.vector[second]
    for k in range(T.map_from[number], T.map_from[number + 1]):
        out[T.map_out[k]] += T.map_weight[k] * a[T.map_first[k]] * b[T.map_second[k]]
    accepted = out[0]
    if accepted > 0.0:
        for i in range(16):
            out[i] /= accepted
    return float(accepted)


def fidelity_of(vector: Floats) -> float:
    """Fidelity to Φ⁺."""
    return float(PHI_I + PHI_X * vector[5] + PHI_Y * vector[10] + PHI_Z * vector[15])
