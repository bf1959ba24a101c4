"""What two ends must hold alike before they distill a key; all of it is public."""

from __future__ import annotations

from dataclasses import dataclass

from quantumlink.qkd.arguments import as_count, as_tolerance
from quantumlink.qkd.bounds.contract import KeyBound
from quantumlink.qkd.reconciliation import Cascade, Reconciler

_CASCADE = Cascade()


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What both ends must hold alike before they begin; all of it is public."""

    protocol: str
    """Name of the protocol, for the report."""
    rounds: int
    """Rounds attempted, for the report."""
    accepted: int
    """Rounds in which both ends got a bit, for the report."""
    sample_fraction: float = 0.05
    """Share of the key-basis bits disclosed to estimate their error rate, in (0, 1)."""
    reconciliation: Reconciler = _CASCADE
    """How the errors are corrected."""
    bound: KeyBound | None = None
    """The security bound; None for that of BB84 and BBM92, from the test bits."""
    count_replies: bool = False
    """Count Bob's replies in the reconciliation as disclosed too (see ``quantumlink.qkd.reconciliation``)."""
    eps_sec: float = 1e-10
    """Secrecy, in (0, 1)."""
    eps_cor: float = 1e-10
    """Correctness, in (0, 1)."""
    remarks: tuple[str, ...] = ()
    """What else the report must say."""

    def __post_init__(self) -> None:
        for name in ("sample_fraction", "eps_sec", "eps_cor"):
            as_tolerance(name, getattr(self, name))
        if as_count("accepted", self.accepted) > as_count("rounds", self.rounds):
            raise ValueError(f"accepted must be at most rounds, {self.rounds}, got {self.accepted}")
        for method in ("alice_end", "bob_end"):
            if isinstance(self.reconciliation, type) or not hasattr(self.reconciliation, method):
                raise TypeError(
                    "reconciliation must be an object with reconcile, alice_end and bob_end, such as Cascade(), "
                    f"got {self.reconciliation!r}"
                )

    def terms(self) -> dict[str, str]:
        """The agreement in words, to be compared."""
        return {name: repr(value) for name, value in self.__dict__.items() if name != "remarks"}
