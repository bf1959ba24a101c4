"""Secret bits per pulse over a lossy channel: every protocol as a function of the transmittance.

Asymptotic rates for infinitely many pulses, for curves of rate against distance. η is the transmittance of the
whole channel from Alice to Bob, the efficiency of the detectors comes on top; basis choices are biased, so that
sifting costs nothing but in SARG04 and B92, where it belongs to the protocol.

- Pairs (BBM92, E91) come from a source in the middle, a relay (MDI, twin-field) stands there: each photon goes half
  of the way, and arrives with √η.
- Coherent pulses carry the best mean photon number of a grid, decoys are infinitely many (Ma et al. 2005): yields
  and error rates of photon numbers are known.
- Nothing without a repeater beats PLOB; twin-field keys may, for their relay measures.

References:
    X. Ma, B. Qi, Y. Zhao, H.-K. Lo, Phys. Rev. A 72, 012326 (2005): decoy states.
    H.-K. Lo, M. Curty, B. Qi, Phys. Rev. Lett. 108, 130503 (2012): measurement-device-independent keys.
    M. Lucamarini, Z. L. Yuan, J. F. Dynes, A. J. Shields, Nature 557, 400 (2018): twin fields.
    M. Curty, K. Azuma, H.-K. Lo, npj Quantum Inf. 5, 64 (2019): the twin-field protocol and rate used here.
    S. Pirandola et al., Nat. Commun. 8, 15043 (2017): PLOB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import comb, factorial
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.hardware import Detector
from quantumlink.hardware.interference import lit_alone
from quantumlink.rates import bb84_rate, binary_entropy, device_independent_rate, six_state_rate

Numbers = FloatArray

_INTENSITIES = np.concatenate([np.geomspace(0.02, 0.2, 8), np.linspace(0.25, 1.0, 16)])
_AMPLITUDES_SQUARED = np.geomspace(0.001, 0.3, 40)
_MAX_PHOTONS = 10


def bb84_channel_rate(
    transmittance: npt.ArrayLike, detector: Detector | None = None, *, f: float = 1.16
) -> Numbers:
    """BB84 with single photons: Q·(1 − h(e) − f·h(e))."""
    gain, qber = _received(transmittance, detector)
    return gain * bb84_rate(qber, f)


def six_state_channel_rate(
    transmittance: npt.ArrayLike, detector: Detector | None = None, *, f: float = 1.16
) -> Numbers:
    """Six states with single photons."""
    gain, qber = _received(transmittance, detector)
    return gain * six_state_rate(qber, f)


def sarg04_channel_rate(
    transmittance: npt.ArrayLike, detector: Detector | None = None, *, f: float = 1.16
) -> Numbers:
    """SARG04 with single photons; phase errors are 3/2 of the bit errors (Fung, Tamaki, Lo 2006).

    Detected with visibility V = 1 − 2e, a share (2 − V)/4 is conclusive, with error rate (1 − V)/(2 − V).
    """
    gain, qber = _received(transmittance, detector)
    visibility = 1 - 2 * qber
    errors = (1 - visibility) / (2 - visibility)
    return gain * (2 - visibility) / 4 * bb84_rate(errors, f, phase_error=np.minimum(1.5 * errors, 0.5))


def bbm92_channel_rate(
    transmittance: npt.ArrayLike, detector: Detector | None = None, *, f: float = 1.16
) -> Numbers:
    """BBM92 with one pair a pulse from the middle, both photons detected."""
    gain, qber = _pairs(transmittance, detector)
    return gain * bb84_rate(qber, f)


def device_independent_channel_rate(
    transmittance: npt.ArrayLike, detector: Detector | None = None, *, f: float = 1.0
) -> Numbers:
    """A device-independent key from pairs: undetected photons count as outcomes, so little loss ends it.

    A photon that is lost gives outcome 0 (Alice's and Bob's devices must always answer), so with both arriving
    with probability a, S = a²·2√2·(1 − 2e) + 2·(1 − a)², and the key bits differ with a²·e + a·(1 − a).
    """
    del f  # the textbook rate counts perfect reconciliation
    eta, receiver = _checked(transmittance), detector or Detector()
    arm = np.asarray(receiver.gain(np.sqrt(eta)))
    qber = _pair_error(np.asarray(receiver.qber(np.sqrt(eta))))
    chsh = arm**2 * 2 * np.sqrt(2) * (1 - 2 * qber) + 2 * (1 - arm) ** 2
    errors = arm**2 * qber + arm * (1 - arm)
    return np.asarray(device_independent_rate(errors, np.minimum(chsh, 2 * np.sqrt(2))))


def decoy_bb84_channel_rate(
    transmittance: npt.ArrayLike, detector: Detector | None = None, *, f: float = 1.16
) -> Numbers:
    """BB84 with coherent pulses and infinitely many decoys: −Q·f·h(E) + Q₁·(1 − h(e₁)), at the best intensity."""
    eta, receiver = _checked(transmittance)[..., None], detector or Detector()
    mean = _INTENSITIES
    gain, errors = receiver.pulse_clicks(eta, mean)
    y1, e1 = np.asarray(receiver.gain(eta)), np.asarray(receiver.qber(eta))
    rate = -gain * f * _h(errors, gain) + mean * np.exp(-mean) * y1 * (1 - binary_entropy(np.minimum(e1, 0.5)))
    return np.asarray(np.maximum(rate, 0).max(axis=-1))


def mdi_channel_rate(transmittance: npt.ArrayLike, detector: Detector | None = None, *, f: float = 1.16) -> Numbers:
    """MDI with single photons: Q₁₁·(1 − h(e₁₁)) − Q·f·h(E), linear optics announcing half of the Bell states.

    Two photons that arrive are announced with probability 1/2. A photon that meets a noise count instead of its
    partner is announced as well, and its bit is random.
    """
    eta, receiver = _checked(transmittance), detector or Detector()
    arm = np.sqrt(eta) * receiver.efficiency
    noise = receiver.noise_probability_each(4)
    true = arm**2 / 2 * (1 - noise) ** 2
    # One photon and one noise count among the two detectors that make a Bell state with it; or two noise counts.
    false = 2 * arm * (1 - arm) * 2 * noise * (1 - noise) ** 2 + (1 - arm) ** 2 * 4 * noise**2 * (1 - noise) ** 2
    # Two photons that leave together by one port, and a noise count: announced, and always wrong.
    bunched = arm**2 * noise * (1 - noise) ** 2
    gain = true + false + bunched
    wrong = _pair_error(np.full_like(eta, receiver.misalignment))
    errors = np.divide(true * wrong + false / 2 + bunched, gain, out=np.full_like(gain, 0.5), where=gain > 0)
    return gain * bb84_rate(errors, f)


def twin_field_channel_rate(
    transmittance: npt.ArrayLike, detector: Detector | None = None, *, f: float = 1.16
) -> Numbers:
    """The twin-field protocol of Curty, Azuma and Lo with infinitely many decoys, at the best amplitude.

    Both send ±α; the relay's beam splitter sends equal phases to one detector and unequal ones to the other. Bits
    err where fields are misaligned; phase errors follow from the yields of photon-number states, that is from what
    one detector clicks when n and m photons were sent. Scales as √η.
    """
    eta, receiver = _checked(transmittance), detector or Detector()
    arm = np.sqrt(eta) * receiver.efficiency
    noise = receiver.noise_probability_each(2)
    return np.array([_twin_field(float(a), noise, receiver.misalignment, f) for a in arm.ravel()]).reshape(
        arm.shape
    )


def _twin_field(arm: float, noise: float, misalignment: float, f: float) -> float:
    """The rate for arms of transmittance ``arm``, both announcements together."""
    energy = _AMPLITUDES_SQUARED
    gamma = arm * energy
    # Misaligned by an angle: a share e_d of the light leaves by the wrong port.
    right, wrong = (found / 2 for found in lit_alone(gamma, gamma, 1.0, contrast=1 - 2 * misalignment, noise=noise))
    only_one = right + wrong
    yields = _number_yields(arm, noise)
    phase = np.zeros_like(energy)
    for even_or_odd in (0, 1):
        numbers = np.arange(even_or_odd, _MAX_PHOTONS + 1, 2)
        weights = [np.exp(-energy / 2) * energy ** (n / 2) / np.sqrt(factorial(n)) for n in numbers]
        total = np.zeros_like(energy)
        for n, of_alice in zip(numbers, weights, strict=True):
            for m, of_bob in zip(numbers, weights, strict=True):
                total += of_alice * of_bob * np.sqrt(yields[n, m])
        # Photon numbers beyond the table count with yield 1.
        rest = _tail(energy, even_or_odd)
        table = sum(weights)
        total += 2 * table * rest + rest**2
        phase += total**2
    share = np.divide(phase, only_one, out=np.full_like(phase, 0.5), where=only_one > 0)
    phase = np.minimum(share, 0.5)
    secret = only_one * (1 - f * _h(wrong, only_one) - np.asarray(binary_entropy(phase)))
    return 2 * max(0.0, float(secret.max()))


def _tail(energy: Numbers, even_or_odd: int) -> Numbers:
    """Σ e^{−α²/2}·αⁿ/√n! over n of one parity beyond the table (a dozen terms are all there is)."""
    first = _MAX_PHOTONS + 1 + (_MAX_PHOTONS + 1 - even_or_odd) % 2
    numbers = range(first, first + 24, 2)
    return np.asarray(sum(np.exp(-energy / 2) * energy ** (n / 2) / np.sqrt(float(factorial(n))) for n in numbers))


def _number_yields(arm: float, noise: float) -> Numbers:
    """Probability that one given detector clicks, and the other not, when n and m photons were sent: [n, m].

    Of photons that arrive, all must leave by one port of the beam splitter: C(n+m, n)/2^(n+m) for n on one side
    and m on the other.
    """
    size = _MAX_PHOTONS + 1
    survive = np.array([[comb(n, k) * arm**k * (1 - arm) ** (n - k) if k <= n else 0.0 for k in range(size)]
                        for n in range(size)])  # fmt: skip
    bunched = np.array([[comb(j + k, j) / 2 ** (j + k) for k in range(size)] for j in range(size)])
    bunched[0, 0] = noise
    return np.asarray((1 - noise) * survive @ bunched @ survive.T)


CHANNEL_RATES: Mapping[str, Callable[..., Numbers]] = MappingProxyType(
    {
        "bb84": bb84_channel_rate,
        "six-state": six_state_channel_rate,
        "sarg04": sarg04_channel_rate,
        "decoy-bb84": decoy_bb84_channel_rate,
        "bbm92": bbm92_channel_rate,
        "mdi": mdi_channel_rate,
        "twin-field": twin_field_channel_rate,
        "device-independent": device_independent_channel_rate,
    }
)
"""Every protocol's rate as a function of transmittance and detector, secret bits per pulse."""


def _checked(transmittance: npt.ArrayLike) -> Numbers:
    eta = np.asarray(transmittance, dtype=np.float64)
    if not np.all((eta >= 0) & (eta <= 1)):
        raise ValueError(f"transmittance must lie in [0, 1], got {transmittance!r}")
    return eta


def _received(transmittance: npt.ArrayLike, detector: Detector | None) -> tuple[Numbers, Numbers]:
    eta, receiver = _checked(transmittance), detector or Detector()
    validation.instance("detector", receiver, Detector, "a Detector or None")
    return np.asarray(receiver.gain(eta)), np.asarray(receiver.qber(eta))


def _pairs(transmittance: npt.ArrayLike, detector: Detector | None) -> tuple[Numbers, Numbers]:
    gain, qber = _received(np.sqrt(_checked(transmittance)), detector)
    return gain**2, _pair_error(qber)


def _pair_error(qber: Numbers) -> Numbers:
    """The two bits of a pair differ if one of them is wrong, not both."""
    return 2 * qber * (1 - qber)


def _h(errors: Numbers, gain: Numbers) -> Numbers:
    share = np.divide(errors, gain, out=np.full(np.broadcast(errors, gain).shape, 0.5), where=gain > 0)
    return np.asarray(binary_entropy(np.clip(share, 0.0, 0.5)))
