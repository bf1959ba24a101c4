"""Sifting where an untrusted relay announces the rounds: both ends tell their bases and their intensities."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import ClassVar

from quantumlink.distillation.records import Symbols
from quantumlink.distillation.sifting import BasisSifting


@dataclass(frozen=True, kw_only=True)
class RelaySifting(BasisSifting):
    """Sifting by bases and intensities, without a question whether the announced rounds are a fair sample.

    Pulses of several photons tell the relay their basis, so that it announces the bases unequally often even if it
    is honest. The bound asks for no fairness: it counts each basis apart, and a pair of single photons tells
    nothing of its basis.
    """

    equal_detection: ClassVar[bool] = False

    def unfair(self, alice: Symbols, bob: Symbols) -> str | None:
        """Nothing is unfair."""
        return None


def relay_decoy_sifting(
    z_probability: float, intensities: tuple[str, ...], probabilities: tuple[float, ...]
) -> RelaySifting:
    """The sifting of decoy states through a relay: Z makes the key, X is compared.

    The streams of X are named by the two intensities, Alice's first, as in ``"X strong weak"``.

    Args:
        z_probability: with which each end chooses Z.
        intensities: names of the intensities of X.
        probabilities: with which each end sends them, given X.
    """
    settings = {"Z": z_probability}
    for name, share in zip(intensities, probabilities, strict=True):
        settings[f"X {name}"] = (1 - z_probability) * share
    return RelaySifting(
        alice=settings,
        bob=dict(settings),
        key=[("Z", "Z")],
        compare={f"X {a} {b}": [(f"X {a}", f"X {b}")] for a, b in product(intensities, repeat=2)},
    )
