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

import numpy as np
from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.stages import Between

from quantumlink import validation
from quantumlink.circuits import b92_round, b92_settings
from quantumlink.qkd.bounds.contract import KeyBound
from quantumlink.qkd.protocols.bb84 import between_zero_and_one
from quantumlink.qkd.protocols.playing import Counts
from quantumlink.qkd.protocols.prepare_and_measure import KeyCell, Label, PrepareAndMeasure, laid_out
from quantumlink.qkd.protocols.session import Session, Sifted


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
    count_replies: ClassVar[bool] = True
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

    def _bound(self, sifted: Sifted) -> KeyBound:
        return two_state_bound(self, sifted, angle=self.angle)

    def _sift_counts(self, counts: Counts, rng: np.random.Generator) -> Sifted:
        found = counts.sum(axis=0)
        cells = [(bit, tested, int(found[i, 1])) for i, (bit, tested) in enumerate(self.settings())]
        rows = [(bit, np.array([n if tested == 1 else 0, n if tested == 0 else 0])) for bit, tested, n in cells]
        return split(*laid_out(rows, rng), self.test_fraction, accepted=int(counts.sum()))


def two_state_bound(session: Session, sifted: Sifted, *, angle: float | None) -> KeyBound:
    """The bound for rounds in which Bob excludes a state; the angle between the two of B92, None for SARG04."""
    from quantumlink.qkd.bounds.two_state import TwoStateBound

    return TwoStateBound(
        rounds=session.rounds,
        detected=sifted.accepted,
        conclusive=len(sifted.key_alice) + len(sifted.test_alice),
        tested=len(sifted.test_alice),
        errors=sifted.test_errors,
        eps_sec=session.eps_sec,
        eps_cor=session.eps_cor,
        angle=angle,
    )


def split(
    alice: np.ndarray[tuple[int], np.dtype[np.uint8]],
    bob: np.ndarray[tuple[int], np.dtype[np.uint8]],
    test_fraction: float,
    *,
    accepted: int,
) -> Sifted:
    """Sifted bits in random order, of which the first share is compared in public."""
    tested = round(test_fraction * len(alice))
    return Sifted(alice[tested:], bob[tested:], alice[:tested], bob[:tested], accepted=accepted)
