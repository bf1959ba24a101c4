"""Entropies and asymptotic secret-key rates: plain functions of plain numbers, for every floor above.

A rate is secret bits per sifted bit, for infinitely many rounds.

Every function takes plain numbers or numpy arrays, which broadcast; plain numbers give a plain ``float``.
A rate is never negative: 0 means that no key can be distilled. An error rate above one half gives 0 as well,
although the entropies are symmetric about one half: more errors than agreement is a broken link (or a
swapped convention), and flipping every bit to rescue it is for whoever knows why.

Assumptions: perfect single-photon or entangled-pair sources, one-way post-processing, no preprocessing noise.

References:
    C. H. Bennett, G. Brassard, Proc. IEEE Int. Conf. Computers, Systems and Signal Processing, 175 (1984).
    P. W. Shor, J. Preskill, Phys. Rev. Lett. 85, 441 (2000), the rate of BB84.
    H.-K. Lo, Quantum Inf. Comput. 1, 81 (2001), the rate of the six-state protocol.
    A. Acín et al., Phys. Rev. Lett. 98, 230501 (2007), the device-independent rate.
    C.-H. F. Fung, K. Tamaki, H.-K. Lo, Phys. Rev. A 73, 012337 (2006), SARG04.
    H.-K. Lo, M. Curty, B. Qi, Phys. Rev. Lett. 108, 130503 (2012), measurement-device-independent keys.
    M. Epping, H. Kampermann, C. Macchiavello, D. Bruß, New J. Phys. 19, 093012 (2017), conference keys.
    S. Pirandola, R. Laurenza, C. Ottaviani, L. Banchi, Nat. Commun. 8, 15043 (2017), the PLOB bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log2, sqrt
from typing import overload

import numpy as np

from quantumlink.arrays import FloatArray

TSIRELSON = 2 * sqrt(2)
"""The largest CHSH value quantum mechanics allows."""

_ROUNDING = 1e-9


@overload
def binary_entropy(p: float) -> float: ...
@overload
def binary_entropy(p: FloatArray) -> FloatArray: ...
def binary_entropy(p: float | FloatArray) -> float | FloatArray:
    """Entropy of a coin, ``h(p) = −p·log₂p − (1−p)·log₂(1−p)``, in bits.

    Args:
        p: probability of one side, in [0, 1]; a number or an array.

    Raises:
        ValueError: if ``p`` lies outside [0, 1] or is NaN.

    >>> binary_entropy(0.5), round(binary_entropy(0.11), 4)
    (1.0, 0.4999)
    """
    if type(p) is float and 0 <= p <= 1:  # twenty times as quick
        return _coin(p)
    return _plain(entropies(_within("p", p, 0, 1)))


def entropies(p: FloatArray) -> FloatArray:
    """`binary_entropy` of an array that is known to hold probabilities (nothing is checked)."""
    return _surprise(p) + _surprise(1 - p)


def _coin(p: float) -> float:
    return -p * log2(p) - (1 - p) * log2(1 - p) if 0 < p < 1 else 0.0


def secret_fraction(qber_z: float, qber_x: float) -> float:
    """Secret bits per pair of a key made in the Z basis, ``max(0, 1 − h(Q_X) − h(Q_Z))``: asymptotic BBM92.

    Nearly all rounds are measured in Z, reconciliation is perfect. An error rate above one half gives nothing.
    This is `bb84_rate` for two numbers, without its checks: searches ask it often.

    >>> round(secret_fraction(0.05, 0.05), 6), secret_fraction(0.0, 0.6)
    (0.427206, 0.0)
    """
    return 0.0 if max(qber_z, qber_x) > 0.5 else max(0.0, 1 - _coin(qber_z) - _coin(qber_x))


def secret_fractions(qber_z: FloatArray, qber_x: FloatArray) -> FloatArray:
    """``max(0, 1 − h(Q_Z) − h(Q_X))``, 0 where a rate exceeds one half; `secret_fraction` of arrays.

    >>> secret_fractions(np.array([0.0, 0.05, 0.6]), np.array([0.0, 0.05, 0.0])).round(6).tolist()
    [1.0, 0.427206, 0.0]
    """
    left = 1 - entropies(np.clip(qber_z, 0.0, 1.0)) - entropies(np.clip(qber_x, 0.0, 1.0))
    return np.where(np.maximum(qber_z, qber_x) > 0.5, 0.0, np.maximum(left, 0.0))


@overload
def plob_rate(transmittance: float) -> float: ...
@overload
def plob_rate(transmittance: Sequence[float] | FloatArray) -> FloatArray: ...
def plob_rate(transmittance: float | Sequence[float] | FloatArray) -> float | FloatArray:
    """The most that no repeater can beat, ``−log₂(1 − η)`` bits per use (infinite at η = 1; Pirandola et al. 2017).

    Args:
        transmittance: η, the fraction of photons that arrive, in [0, 1]; a number or an array.

    Raises:
        ValueError: if it lies outside [0, 1] or is NaN.

    >>> round(plob_rate(0.1), 6), plob_rate([0.1]).round(6).tolist()
    (0.152003, [0.152003])
    """
    given = transmittance if isinstance(transmittance, float | int) else np.asarray(transmittance, dtype=float)
    eta = _within("transmittance", given, 0, 1)
    with np.errstate(divide="ignore"):
        return _plain(np.asarray(0.0 - np.log1p(-eta) / np.log(2)))


@overload
def bb84_rate(qber: float, efficiency: float = 1.0, *, phase_error: float | None = None) -> float: ...
@overload
def bb84_rate(
    qber: FloatArray, efficiency: float | FloatArray = 1.0, *, phase_error: float | FloatArray | None = None
) -> FloatArray: ...
@overload
def bb84_rate(
    qber: float, efficiency: FloatArray, *, phase_error: float | FloatArray | None = None
) -> FloatArray: ...
def bb84_rate(
    qber: float | FloatArray, efficiency: float | FloatArray = 1.0, *, phase_error: float | FloatArray | None = None
) -> float | FloatArray:
    """Rate of BB84 and BBM92, ``1 − h(Q_phase) − f·h(Q)``.

    ``h(Q_phase)`` bounds what an eavesdropper knows, ``f·h(Q)`` is what reconciliation discloses. With equal
    error rates and perfect reconciliation the rate vanishes at Q = 0.1100.

    Args:
        qber: error rate of the sifted bits of the key basis, in [0, 1].
        efficiency: ``f``, bits disclosed over Shannon's limit ``n·h(Q)``; 1 is perfect, 1.1 to 1.2 is usual.
        phase_error: error rate of the other basis, in [0, 1]; the same as ``qber`` if None. They differ on a
            purified link.

    Returns:
        Secret bits per sifted bit.

    Raises:
        ValueError: if an error rate lies outside [0, 1] or ``efficiency`` is below 1, infinite or NaN.

    >>> round(bb84_rate(qber=0.05, efficiency=1.16), 6), bb84_rate(qber=0.12)
    (0.381383, 0.0)
    """
    q, f = _within("qber", qber, 0, 1), _within("efficiency", efficiency, 1, inf)
    p = q if phase_error is None else _within("phase_error", phase_error, 0, 1)
    return _rate(1 - entropies(p) - f * entropies(q), np.maximum(p, q))


@overload
def six_state_rate(qber: float, efficiency: float = 1.0) -> float: ...
@overload
def six_state_rate(qber: FloatArray, efficiency: float | FloatArray = 1.0) -> FloatArray: ...
@overload
def six_state_rate(qber: float, efficiency: FloatArray) -> FloatArray: ...
def six_state_rate(qber: float | FloatArray, efficiency: float | FloatArray = 1.0) -> float | FloatArray:
    """Rate of the six-state protocol on a depolarizing link, ``1 + Σλ·log₂λ − (f−1)·h(Q)``.

    Three bases with the one error rate Q fix the shared state to be Bell-diagonal with
    ``λ = (1 − 3Q/2, Q/2, Q/2, Q/2)``. Its entropy ``−Σλ·log₂λ`` already holds the ``h(Q)`` that perfect
    reconciliation discloses, so real reconciliation costs ``(f−1)·h(Q)`` more. With f = 1 this is the
    textbook formula, which vanishes at Q = 0.1262.

    Args:
        qber: error rate of the sifted bits, the same in all three bases, in [0, 1].
        efficiency: ``f``, bits disclosed over Shannon's limit ``n·h(Q)``.

    Returns:
        Secret bits per sifted bit.

    Raises:
        ValueError: if ``qber`` lies outside [0, 1] or ``efficiency`` is below 1, infinite or NaN.

    >>> round(six_state_rate(qber=0.05), 6), six_state_rate(qber=0.127)
    (0.496816, 0.0)
    """
    q, f = _within("qber", qber, 0, 1), _within("efficiency", efficiency, 1, inf)
    errors = np.minimum(q, 0.5)  # beyond one half λ₀ would turn negative; _rate answers 0 there anyway
    entropy = _surprise(1 - 1.5 * errors) + 3 * _surprise(errors / 2)
    return _rate(1 - entropy - (f - 1) * entropies(q), q)


@overload
def device_independent_rate(qber: float, chsh: float) -> float: ...
@overload
def device_independent_rate(qber: FloatArray, chsh: float | FloatArray) -> FloatArray: ...
@overload
def device_independent_rate(qber: float, chsh: FloatArray) -> FloatArray: ...
def device_independent_rate(qber: float | FloatArray, chsh: float | FloatArray) -> float | FloatArray:
    """Rate that trusts no device, only a Bell test: ``1 − h(Q) − h((1 + √((S/2)² − 1))/2)``.

    Proven for collective attacks in the reference; without a violation (S ≤ 2) nothing is secret.

    Args:
        qber: error rate of the key bits, in [0, 1].
        chsh: CHSH value S of the test rounds, at most 2√2.

    Returns:
        Secret bits per key bit.

    Raises:
        ValueError: if ``qber`` lies outside [0, 1], or ``chsh`` is NaN or beyond ±2√2 (which no experiment
            can reach, so the number is wrong).

    >>> round(device_independent_rate(qber=0.03, chsh=2.66), 4), device_independent_rate(qber=0.0, chsh=2.0)
    (0.472, 0.0)
    """
    q = _within("qber", qber, 0, 1)
    s = np.clip(_within("chsh", chsh, -TSIRELSON - _ROUNDING, TSIRELSON + _ROUNDING), 2, TSIRELSON)
    # at S = 2 the guess of an eavesdropper is certain, h(1/2) = 1, and the clipped rate comes out as 0
    known = entropies((1 + np.sqrt(np.minimum((s / 2) ** 2 - 1, 1))) / 2)
    return _rate(1 - entropies(q) - known, q)


def sarg04_rate(qber: float | FloatArray, efficiency: float | FloatArray = 1.0) -> float | FloatArray:
    """Rate of SARG04 with single photons, ``1 − h(3Q/2) − f·h(Q)``.

    Its phase error rate is at most 3/2 of its bit error rate Q (Fung, Tamaki, Lo 2006). What the two errors have in
    common is not used; with it the threshold would be 0.0968 instead of the 0.0890 here (Tamaki and Lo 2006).

    Args:
        qber: error rate of the sifted bits, in [0, 1].
        efficiency: ``f``, bits disclosed over Shannon's limit.

    Returns:
        Secret bits per sifted bit.

    Raises:
        ValueError: if ``qber`` lies outside [0, 1] or ``efficiency`` is below 1, infinite or NaN.

    >>> round(sarg04_rate(0.03), 4), sarg04_rate(0.0895)
    (0.5408, 0.0)
    """
    q, f = _within("qber", qber, 0, 1), _within("efficiency", efficiency, 1, inf)
    phase = np.minimum(1.5 * q, 0.5)
    return _rate(1 - entropies(phase) - f * entropies(q), q)


def mdi_rate(
    gain: float | FloatArray,
    qber: float | FloatArray,
    *,
    single_photon_gain: float | FloatArray,
    single_photon_error: float | FloatArray,
    efficiency: float | FloatArray = 1.0,
) -> float | FloatArray:
    """Rate of measurement-device-independent keys, ``Q₁₁·(1 − h(e₁₁)) − Q·f·h(E)`` (Lo, Curty, Qi 2012).

    Args:
        gain: Q, probability that a pair of pulses is announced.
        qber: E, error rate of the announced bits in the key basis.
        single_photon_gain: Q₁₁, probability that both pulses hold one photon and are announced.
        single_photon_error: e₁₁, phase error rate of those.
        efficiency: ``f``, bits disclosed over Shannon's limit.

    Returns:
        Secret bits per pair of pulses in the key basis.

    Raises:
        ValueError: if a probability lies outside [0, 1], or ``efficiency`` is below 1.

    >>> round(mdi_rate(1e-4, 0.02, single_photon_gain=5e-5, single_photon_error=0.03), 8)
    2.614e-05
    """
    q, e = _within("gain", gain, 0, 1), _within("qber", qber, 0, 1)
    q11 = _within("single_photon_gain", single_photon_gain, 0, 1)
    e11 = _within("single_photon_error", single_photon_error, 0, 1)
    f = _within("efficiency", efficiency, 1, inf)
    return _rate(q11 * (1 - entropies(np.minimum(e11, 0.5))) - q * f * entropies(e), np.maximum(e, e11))


def conference_rate(
    qber_x: float | FloatArray, qber_ab: float | FloatArray, efficiency: float | FloatArray = 1.0
) -> float | FloatArray:
    """Rate of a conference key from GHZ states, ``1 − h(Q_X) − f·max h(Q_AB)`` (Epping et al. 2017).

    Args:
        qber_x: rate of odd parities when all parties measure X, in [0, 1].
        qber_ab: error rate in Z between Alice and the receiver whose bits differ most, in [0, 1].
        efficiency: ``f``, bits disclosed over Shannon's limit.

    Returns:
        Secret bits per key round.

    Raises:
        ValueError: if a rate lies outside [0, 1], or ``efficiency`` is below 1.

    >>> p = 0.98  # GHZ of three, each qubit depolarized to p
    >>> round(conference_rate((1 - p**3) / 2, (1 - p**2) / 2), 4)
    0.6683
    """
    x, ab = _within("qber_x", qber_x, 0, 1), _within("qber_ab", qber_ab, 0, 1)
    f = _within("efficiency", efficiency, 1, inf)
    return _rate(1 - entropies(x) - f * entropies(ab), np.maximum(x, ab))


def _within(name: str, values: float | FloatArray, low: float, high: float) -> FloatArray:
    """``values`` as an array of floats, all of them finite and in [low, high]."""
    try:
        array = np.asarray(values if isinstance(values, np.ndarray) else float(values), dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be a number or an array of numbers in [{low:.6g}, {high:.6g}], got {values!r}"
        ) from None
    wrong = array[~((array >= low) & (array <= high) & np.isfinite(array))]
    if wrong.size:
        raise ValueError(f"{name} must be a finite number in [{low:.6g}, {high:.6g}], got {wrong[0]}")
    return array


def _surprise(p: FloatArray) -> FloatArray:
    """``−p·log₂p``, which is 0 at p = 0."""
    return 0.0 - p * np.log2(np.where(p > 0, p, 1.0))  # not -p·…, which would be a negative zero


def _rate(rate: FloatArray, qber: FloatArray) -> float | FloatArray:
    return _plain(np.where(qber > 0.5, 0.0, np.maximum(rate, 0.0)))


def _plain(values: FloatArray) -> float | FloatArray:
    return values if np.ndim(values) else float(values)
