"""BB84 with single photons; with unequal bases it is the efficient variant.

Rounds where both chose Z give the key, rounds where both chose X test it, the others are dropped. With both bases
equally likely that is the original choice of bases (of 1984), of which half of the sifted bits is compared here.

References:
    C. H. Bennett, G. Brassard, Proc. IEEE Int. Conf. Computers, Systems and Signal Processing, 175 (1984).
    H.-K. Lo, H. F. Chau, M. Ardehali, J. Cryptology 18, 133 (2005): unequal bases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2
from quantumlink_circuits.stages import Between

from quantumlink import validation
from quantumlink.circuits import BB84_SETTINGS, bb84_round
from quantumlink.distillation.key import Key
from quantumlink.distillation.sifting import Sifting
from quantumlink.execution.engine import Engine
from quantumlink.hardware import Medium
from quantumlink.qkd.eavesdropping.eavesdropper import Eavesdropper
from quantumlink.qkd.protocols.key_bases import (
    KeyBases,
    both_bases_proof,
    checked_key_bases,
    key_recipe,
    key_sifting,
)
from quantumlink.qkd.protocols.prepare_and_measure import KeyCell, Label, PrepareAndMeasure
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import EQUAL_DETECTION, SINGLE_PHOTONS, TOMAMICHEL, Proof


def between_zero_and_one(name: str, value: Any) -> float:
    """A probability that leaves something over.

    Raises:
        ValueError: if it is 0 or 1, or outside.
    """
    number = validation.probability(name, value)
    if number in (0.0, 1.0):
        raise ValueError(f"{name} must lie between 0 and 1, both excluded; got {value!r}")
    return number


@dataclass(frozen=True, kw_only=True)
class BB84(PrepareAndMeasure):
    """A session of BB84.

    Args:
        medium: what lies between Alice and Bob.
        rounds: qubits sent, at least 1.
        seed: makes everything repeatable; drawn anew if None.
        z_probability: probability with which each end chooses Z, in (0, 1), independently.
        key_bases: ``"Z"``: Z makes the key, X tests it; ``"both"``: each makes a key and tests the other, which
            suits short blocks of equal bases. Bob then tells how many errors there were, and that is charged.
        detector: Bob's receiver; ideal if None.
        eavesdropper: who stands between.
        repetition_rate_hz: rounds in a second; only dead time asks for it.
        sample_fraction: share of the Z bits disclosed to estimate their error rate, in (0, 1).
        reconciliation: how errors are corrected; `Cascade` if None.
        eps_sec: secrecy of the key, in (0, 1).
        eps_cor: correctness of the key, in (0, 1).
        play_medium: whether a machine with noise of its own plays the medium's channel.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> session = BB84(medium=Fiber(50), rounds=200_000, seed=7)
    >>> [(circuit.name, table.shape) for circuit, table, shots in session.circuits()]
    [('bb84_round', (8, 2))]
    >>> session.run().accepted
    19758
    """

    z_probability: float = 0.8
    """Probability with which each end chooses Z."""
    key_bases: KeyBases = "Z"
    """The bases that make the key."""

    protocol: ClassVar[str] = "BB84"
    proof: ClassVar[Proof] = Proof(TOMAMICHEL, "coherent attacks", (SINGLE_PHOTONS, EQUAL_DETECTION))

    def __post_init__(self) -> None:
        self._set(z_probability=between_zero_and_one("z_probability", self.z_probability))
        self._set(key_bases=checked_key_bases(self.key_bases))
        if self.key_bases == "both":
            self._set(proof=both_bases_proof(type(self).proof))
        super().__post_init__()

    def round_circuit(self, between: Between = ()) -> QuantumCircuit:
        """See `bb84_round`."""
        return bb84_round(between)

    def settings(self) -> Mapping[Label, tuple[tuple[float, ...], float]]:
        """(bit, Alice's basis, Bob's basis), as in `BB84_SETTINGS`."""
        chosen = {"Z": self.z_probability, "X": 1 - self.z_probability}
        return {
            (bit, sent, measured): (row, chosen[sent] * chosen[measured] / 2)
            for (bit, sent, measured), row in BB84_SETTINGS.items()
        }

    def key_cells(self) -> Sequence[KeyCell]:
        """Z on both sides, or the same basis on both."""
        bases = "Z" if self.key_bases == "Z" else "ZX"
        return [KeyCell((bit, basis, basis), (0, 1), bit) for basis in bases for bit in (0, 1)]

    def sifting(self) -> Sifting:
        """Z on both sides makes the key, X on both sides tests it or makes a key too."""
        return key_sifting(self.key_bases, self.z_probability)

    def recipe(self) -> Recipe:
        """The bound of two bases."""
        return key_recipe(self.key_bases)


def bb84(
    medium: Medium,
    rounds: int,
    *,
    seed: int | None = None,
    z_probability: float = 0.8,
    detector: Any = None,
    eavesdropper: Eavesdropper | None = None,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    **options: Any,
) -> Key:
    """Distribute a key by BB84.

    Args:
        medium: what lies between Alice and Bob.
        rounds: qubits sent, at least 1.
        seed: makes everything repeatable.
        z_probability: probability with which each end chooses Z, in (0, 1); ½ is the original protocol.
        detector: Bob's receiver; ideal if None.
        eavesdropper: who stands between.
        sampler: what the rounds run on; see `Session.run`.
        options: the other fields of `BB84`.

    Returns:
        The key. One in which nothing is secret is refused: it says why, and reading its bits raises
        `NoSecretKey`.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> from quantumlink.qkd.eavesdropping import InterceptResend
    >>> len(bb84(Fiber(50), rounds=1_000_000, seed=7)) > 30_000
    True
    >>> bool(bb84(Fiber(50), rounds=1_000_000, seed=7, eavesdropper=InterceptResend(1.0)))
    False
    """
    session = BB84(
        medium=medium,
        rounds=rounds,
        seed=seed,  # type: ignore[arg-type]
        z_probability=z_probability,
        detector=detector,
        eavesdropper=eavesdropper,
        **options,
    )
    return session.run(sampler)
