"""B92 with single photons: two states that are not orthogonal, and Bob keeps what excludes one of them.

A random share of the conclusive rounds is compared in public.

Reference:
    C. H. Bennett, Phys. Rev. Lett. 68, 3121 (1992).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi
from typing import ClassVar

from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.stages import Between

from quantumlink import validation
from quantumlink.circuits import b92_round, b92_settings
from quantumlink.distillation.sifting import ConclusiveSifting, Sifting
from quantumlink.qkd.protocols.bb84_session import between_zero_and_one
from quantumlink.qkd.protocols.prepare_and_measure import KeyCell, Label, PrepareAndMeasure
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import EQUAL_DETECTION, SINGLE_PHOTONS, Proof
from quantumlink.security.recipes import TwoStates


@dataclass(frozen=True, kw_only=True)
class B92(PrepareAndMeasure):
    """A session of B92. The other fields are those of `BB84`.

    Args:
        angle: of the two states on the Bloch sphere, in radians, in (0, π).
        test_fraction: share of the conclusive rounds compared in public, in (0, 1).

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> sifted = B92(medium=Fiber(0), rounds=40_000, seed=7).sift()
    >>> sifted.test_errors, abs(len(sifted.key_alice) + len(sifted.test_alice) - 10_000) < 1_000
    (0, True)
    """

    angle: float = pi / 2
    """Between the two states on the Bloch sphere, in radians."""
    test_fraction: float = 0.2
    """Share of the conclusive rounds compared in public."""

    protocol: ClassVar[str] = "B92"
    proof: ClassVar[Proof] = Proof(
        "K. Tamaki, N. Lütkenhaus, Phys. Rev. A 69, 032316 (2004)",
        "collective attacks",
        (SINGLE_PHOTONS, EQUAL_DETECTION),
    )
    names_bases: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self._set(angle=validation.number("angle", self.angle))
        b92_settings(self.angle)  # refuses what is out of range
        self._set(test_fraction=between_zero_and_one("test_fraction", self.test_fraction))
        super().__post_init__()

    def round_circuit(self, between: Between = ()) -> QuantumCircuit:
        """See `b92_round`."""
        return b92_round(between)

    def settings(self) -> Mapping[Label, tuple[tuple[float, ...], float]]:
        """(Alice's bit, the bit Bob tests against), all equally likely."""
        return {label: (row, 1 / 4) for label, row in b92_settings(self.angle).items()}

    def measured_basis(self, setting: Label) -> str | None:
        """None: Bob's directions are those of the two states."""
        return None

    def key_cells(self) -> Sequence[KeyCell]:
        """Result 1, which excludes a state; Bob's bit is the other one."""
        return [KeyCell(label, (1,), label[0]) for label in self.settings()]

    def noted(self, setting: Label, result: int) -> tuple[int, int, int, int]:
        """Bob's setting holds whether the round was conclusive, his bit which state he did not exclude."""
        bit, tested = setting
        return 0, bit, result, 1 - tested

    def sifting(self) -> Sifting:
        """Bob tells the conclusive rounds; a random share of them is compared."""
        return ConclusiveSifting(fraction=self.test_fraction)

    def recipe(self) -> Recipe:
        """The bound of two states."""
        return TwoStates(self.angle)
