"""What two ends must hold alike before they distill a key; all of it is public."""

from __future__ import annotations

from dataclasses import dataclass

from quantumlink import validation
from quantumlink.distillation.reconciliation import Cascade, Reconciler
from quantumlink.distillation.sifting import BasisSifting, Sifting
from quantumlink.security.contract import Recipe
from quantumlink.security.recipes import TwoBases


def two_bases(z_probability: float = 0.5) -> BasisSifting:
    """The sifting of BB84 and BBM92: settings 0 (Z, the key) and 1 (X, the test), chosen by both ends alike.

    Args:
        z_probability: with which each end chooses Z, in (0, 1).

    Raises:
        ValueError: if it is not within.

    >>> two_bases(0.9).alice["Z"]
    0.9
    """
    chosen = {"Z": validation.tolerance("z_probability", z_probability), "X": 1 - z_probability}
    return BasisSifting(alice=chosen, bob=dict(chosen), key=[("Z", "Z")], compare={"X": [("X", "X")]})


_CASCADE, _BB84, _TWO_BASES = Cascade(), two_bases(), TwoBases()


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What both ends must hold alike before they begin; all of it is public."""

    protocol: str
    """Name of the protocol, for the report."""
    rounds: int
    """Rounds attempted."""
    sifting: Sifting = _BB84
    """Which rounds make the key, and what is said about them; by default those of BB84 with equal bases."""
    recipe: Recipe = _TWO_BASES
    """How the security bound is made of what the ends count; by default that of BB84 and BBM92."""
    sample_fraction: float = 0.05
    """Share of the key-basis bits disclosed to estimate their error rate, in (0, 1)."""
    reconciliation: Reconciler = _CASCADE
    """How the errors are corrected."""
    eps_sec: float = 1e-10
    """Secrecy, in (0, 1)."""
    eps_cor: float = 1e-10
    """Correctness, in (0, 1): that of the verification tag and of the bound."""
    remarks: tuple[str, ...] = ()
    """What else the report must say."""

    def __post_init__(self) -> None:
        validation.plain(self)
        validation.tolerances(self, "sample_fraction", "eps_sec", "eps_cor")
        validation.count("rounds", self.rounds)
        validation.instance("sifting", self.sifting, Sifting, "a Sifting such as two_bases()")
        if isinstance(self.recipe, type) or not callable(getattr(self.recipe, "bound", None)):
            raise TypeError(
                f"recipe must be an object that makes a bound of a tally, such as TwoBases(), got {self.recipe!r}"
            )
        for method in ("alice_end", "bob_end"):
            if isinstance(self.reconciliation, type) or not hasattr(self.reconciliation, method):
                raise TypeError(
                    "reconciliation must be an object with reconcile, alice_end and bob_end, such as Cascade(), "
                    f"got {self.reconciliation!r}"
                )

    def terms(self) -> dict[str, str]:
        """The agreement in words, to be compared."""
        return {name: repr(value) for name, value in self.__dict__.items() if name != "remarks"}
