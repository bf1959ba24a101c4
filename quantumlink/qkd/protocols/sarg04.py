"""SARG04 with single photons: the states of BB84, but the bit is the basis.

Alice announces two states, hers and a random one of the other basis; Bob keeps the round if his result
excludes one of them. A random share of the kept rounds is compared in public.

Reference:
    V. Scarani, A. Acín, G. Ribordy, N. Gisin, Phys. Rev. Lett. 92, 057901 (2004).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.stages import Between

from quantumlink.circuits import SARG04_SETTINGS, sarg04_round
from quantumlink.distillation.sifting import Sifting, StateSifting
from quantumlink.qkd.protocols.bb84_session import between_zero_and_one
from quantumlink.qkd.protocols.prepare_and_measure import KeyCell, Label, PrepareAndMeasure
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import EQUAL_DETECTION, SINGLE_PHOTONS, Proof
from quantumlink.security.recipes import TwoStates

_BIT = {"Z": 0, "X": 1}
_OTHER = {"Z": "X", "X": "Z"}


@dataclass(frozen=True, kw_only=True)
class SARG04(PrepareAndMeasure):
    """A session of SARG04. The other fields are those of `BB84`; both bases are equally likely.

    Args:
        test_fraction: share of the kept rounds compared in public, in (0, 1).

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> sifted = SARG04(medium=Fiber(0), rounds=40_000, seed=7).sift()
    >>> sifted.test_errors, abs(len(sifted.key_alice) + len(sifted.test_alice) - 10_000) < 1_000
    (0, True)
    """

    test_fraction: float = 0.2
    """Share of the kept rounds compared in public."""

    protocol: ClassVar[str] = "SARG04"
    proof: ClassVar[Proof] = Proof(
        "C.-H. F. Fung, K. Tamaki, H.-K. Lo, Phys. Rev. A 73, 012337 (2006)",
        "collective attacks",
        (SINGLE_PHOTONS, EQUAL_DETECTION),
    )

    def __post_init__(self) -> None:
        self._set(test_fraction=between_zero_and_one("test_fraction", self.test_fraction))
        super().__post_init__()

    def round_circuit(self, between: Between = ()) -> QuantumCircuit:
        """See `sarg04_round`."""
        return sarg04_round(between)

    def settings(self) -> Mapping[Label, tuple[tuple[float, ...], float]]:
        """(bit of the state, its basis, Bob's basis), all equally likely."""
        return {label: (row, 1 / 8) for label, row in SARG04_SETTINGS.items()}

    def key_cells(self) -> Sequence[KeyCell]:
        """Bob's result is orthogonal to the announced state of the basis he measured."""
        cells = []
        for (bit, basis, measured), other in product(self.settings(), (0, 1)):
            announced = {basis: bit, _OTHER[basis]: other}
            said = (announced["Z"], announced["X"])
            result = 1 - announced[measured]
            cells.append(KeyCell((bit, basis, measured), (result,), _BIT[basis], announced=said, weight=0.5))
        return cells

    def sifting(self) -> Sifting:
        """Alice tells two states, Bob keeps what excludes one; a random share of that is compared."""
        return StateSifting(fraction=self.test_fraction)

    def recipe(self) -> Recipe:
        """The bound of SARG04."""
        return TwoStates(None)
