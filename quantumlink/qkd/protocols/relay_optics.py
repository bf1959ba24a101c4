"""A relay of linear optics and what it announces of two coherent pulses.

The pulses meet at a balanced beam splitter; behind each of its two outputs a polarizing one sends horizontal and
vertical light to a detector each. With amplitudes A_p and B_p of polarization p and the phase φ between the pulses
the outputs receive (A_p² + B_p² ± 2·A_p·B_p·cos φ)/2 photons on average, Poisson distributed and each detector on
its own. Announced is what makes exactly two detectors of opposite polarization click: Ψ⁺ if they are of one output,
Ψ⁻ else. Nobody knows φ, so it is averaged over.

References:
    H.-K. Lo, M. Curty, B. Qi, Phys. Rev. Lett. 108, 130503 (2012).
    X. Ma, M. Razavi, Phys. Rev. A 86, 062319 (2012): coherent pulses at the relay.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.circuits import MDI_SETTINGS, PauliChannel

Floats = FloatArray

_PHASES = 16
"""Points between 0 and π of the mean over the phase: of a smooth periodic function, so it is exact to rounding."""
_SAME, _CROSSED = ((0, 1), (2, 3)), ((0, 3), (2, 1))
"""Detectors (output 1 H, V, output 2 H, V) that announce Ψ⁺ and Ψ⁻."""
_POLARIZATION = {
    (0, "Z"): (1.0, 0.0),
    (1, "Z"): (0.0, 1.0),
    (0, "X"): (sqrt(0.5), sqrt(0.5)),
    (1, "X"): (sqrt(0.5), -sqrt(0.5)),
}
"""Horizontal and vertical amplitude of each state."""
_TURNED = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, 1], [-1, 0]], [[1, 0], [0, -1]]], dtype=np.float64)
"""Nothing, X, Y (but for a phase that nobody knows) and Z on the amplitudes."""
_ALICE, _BOB = (
    np.array([_TURNED @ np.array(_POLARIZATION[state]) for state in states])
    for states in (
        [(bit, basis) for bit, basis, _, _ in MDI_SETTINGS],
        [(bit, basis) for _, _, bit, basis in MDI_SETTINGS],
    )
)
"""By setting and turn the amplitudes of each end: shape (16, 4, 2)."""


def pauli_turns(channel: PauliChannel | None, misalignment: float) -> Floats:
    """The probabilities that nothing, X, Y or Z turns the polarization of a whole pulse.

    >>> pauli_turns(PauliChannel(0.1, 0.0, 0.0), 0.0).round(9).tolist()
    [0.9, 0.1, 0.0, 0.0]
    """
    px, py, pz = (0.0, 0.0, 0.0) if channel is None else (float(p) for p in channel.params)
    first = np.array([1 - px - py - pz, px, py, pz])
    # Y after it: what was nothing is Y, what was X is Z, and the other way around.
    return np.asarray((1 - misalignment) * first + misalignment * first[[2, 3, 0, 1]])


def coherent_announcements(means: tuple[float, float], dark: float, turns: tuple[Floats, Floats]) -> Floats:
    """The probability that Ψ⁺ and that Ψ⁻ is announced in each setting.

    Args:
        means: mean photon numbers of Alice's and Bob's pulse as they arrive, the efficiency of detectors included.
        dark: probability of a dark count in one of the four detectors.
        turns: of each arm, as `pauli_turns` gives.

    Returns:
        Shape (16, 2), settings in the order of `MDI_SETTINGS`.

    >>> faint = coherent_announcements((1e-3, 1e-3), 0.0, (pauli_turns(None, 0.0),) * 2)
    >>> (faint[0] * 1e6).round(3).tolist()  # both sent |0⟩: nothing is announced
    [0.0, 0.0]
    >>> (faint[1] * 1e6).round(2).tolist()  # |0⟩ and |1⟩: every pair, as Ψ⁺ or as Ψ⁻
    [0.5, 0.5]
    """
    phases = np.cos(np.pi * (np.arange(_PHASES) + 0.5) / _PHASES)
    turned = [np.flatnonzero(chances) for chances in turns]
    a, b = (
        sqrt(mean) * amplitudes[:, kept]
        for mean, amplitudes, kept in zip(means, (_ALICE, _BOB), turned, strict=True)
    )
    told = _announced(a[:, :, None, None], b[:, None, :, None], dark, phases[:, None])
    return np.asarray(np.einsum("sabt,a,b->st", told, turns[0][turned[0]], turns[1][turned[1]]))


def _announced(a: Floats, b: Floats, dark: float, phases: Floats) -> Floats:
    """Ψ⁺ and Ψ⁻ for amplitudes (H, V) of both pulses, the last axis; the mean over the phases, the one before."""
    both, crossed = a**2 + b**2, 2 * phases * (a * b)
    light = np.concatenate([both + crossed, both - crossed], axis=-1) / 2  # output 1 H, V, output 2 H, V
    silent = (1 - dark) * np.exp(-light)
    clicks = -np.expm1(-light) + dark * np.exp(-light)
    told = []
    for pairs in (_SAME, _CROSSED):
        chances = [
            np.prod([clicks[..., d] if d in pair else silent[..., d] for d in range(4)], axis=0) for pair in pairs
        ]
        told.append(sum(chances).mean(axis=-1))
    return np.stack(told, axis=-1)
