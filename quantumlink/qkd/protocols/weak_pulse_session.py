"""BB84 with weak coherent pulses and no decoys: photon-number splitting breaks it, unless pulses are very weak.

References:
    G. Brassard, N. Lütkenhaus, T. Mor, B. C. Sanders, Phys. Rev. Lett. 85, 1330 (2000).
    D. Gottesman, H.-K. Lo, N. Lütkenhaus, J. Preskill, Quantum Inf. Comput. 4, 325 (2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink.distillation.key import Key
from quantumlink.execution.engine import Engine
from quantumlink.hardware import Medium
from quantumlink.qkd.eavesdropping.eavesdropper import Eavesdropper
from quantumlink.qkd.protocols.pulsed_bb84 import RANDOM_PHASES, PulsedBB84
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import EQUAL_DETECTION, Proof
from quantumlink.security.recipes import INTENSITIES, WeakPulses


@dataclass(frozen=True, kw_only=True)
class WeakPulseBB84(PulsedBB84):
    """A session of BB84 with pulses of one intensity. The other fields are those of `BB84`.

    Over a channel of transmittance η the best intensity is about η.

    Args:
        intensities: the one mean photon number, above 0.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> from quantumlink.qkd.eavesdropping import PhotonNumberSplitting
    >>> len(WeakPulseBB84(medium=Fiber(20), rounds=10**7, intensities=(0.2,), seed=7).run()) > 10_000
    True
    >>> splitting = PhotonNumberSplitting(1.0)  # far away, Bob may see nothing but pulses of several photons
    >>> far = WeakPulseBB84(medium=Fiber(60), rounds=10**7, intensities=(0.8,), seed=7, eavesdropper=splitting)
    >>> bool(far.run())
    False
    """

    intensities: tuple[float] = (0.1,)
    """The mean photon number of a pulse."""
    intensity_probabilities: tuple[float] = (1.0,)
    """With which it is sent: always."""

    protocol: ClassVar[str] = "BB84 with weak pulses"
    proof: ClassVar[Proof] = Proof(
        "D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), theorem 1, with the tagged bits "
        "of D. Gottesman, H.-K. Lo, N. Lütkenhaus, J. Preskill, Quantum Inf. Comput. 4, 325 (2004)",
        "coherent attacks",
        (RANDOM_PHASES, EQUAL_DETECTION),
    )
    names: ClassVar[tuple[str, ...]] = INTENSITIES[:1]

    def check_order(self) -> None:
        """Refuse intensities that are not told in their order."""
        if not self.intensities[0] > 0:
            raise ValueError(f"intensities must be above 0, got {self.intensities}")

    def recipe(self) -> Recipe:
        """The bound without decoys."""
        return WeakPulses(self.intensities[0], self.z_probability)


def weak_pulse_bb84(
    medium: Medium,
    rounds: int,
    *,
    intensity: float = 0.1,
    seed: int | None = None,
    detector: Any = None,
    eavesdropper: Eavesdropper | None = None,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    **options: Any,
) -> Key:
    """Distribute a key by BB84 with weak coherent pulses, without decoys.

    Args:
        medium: what lies between Alice and Bob.
        rounds: pulses sent, at least 1.
        intensity: mean photon number of a pulse, above 0.
        seed: makes everything repeatable.
        detector: Bob's receiver; ideal if None.
        eavesdropper: who stands between.
        sampler: what the photons' rounds run on; see `Session.run`.
        options: the other fields of `WeakPulseBB84`.

    Returns:
        The key, or a refused one that says why.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> import quantumlink as ql
    >>> key = ql.qkd.weak_pulse_bb84(ql.Fiber(1), rounds=10**7, seed=7)
    >>> key.protocol, len(key) > 1_000
    ('BB84 with weak pulses', True)
    """
    session = WeakPulseBB84(
        medium=medium,
        rounds=rounds,
        intensities=(intensity,),
        seed=seed,  # type: ignore[arg-type]
        detector=detector,
        eavesdropper=eavesdropper,
        **options,
    )
    return session.run(sampler)
