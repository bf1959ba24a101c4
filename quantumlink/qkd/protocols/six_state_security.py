"""Which attacks a six-state key is secure against, and the bound that follows.

The three error rates together say more than two of them, but the proof that uses all three covers attackers who
treat every round alike (collective attacks); against coherent ones the bound of two bases stands.
"""

from __future__ import annotations

from typing import Literal, get_args

from quantumlink import validation
from quantumlink.qkd.bounds.contract import KeyBound
from quantumlink.qkd.protocols.session import Session, Sifted

Attacks = Literal["coherent", "collective"]
"""What an attacker may do: anything to all rounds together, or the same to every round."""

ATTACKS: tuple[Attacks, ...] = get_args(Attacks)


def checked_attacks(value: object) -> Attacks:
    """A choice of `ATTACKS`.

    Raises:
        ValueError: if it is another one.
    """
    validation.choice("attacks", value, ATTACKS)
    return value  # type: ignore[return-value]


def six_state_bound(session: Session, sifted: Sifted, attacks: Attacks) -> KeyBound | None:
    """The bound for the attacks; None for the default one of `distill`, which covers coherent attacks.

    Args:
        session: whose tolerances hold.
        sifted: its sifted bits; ``"Y rounds"`` and ``"Y errors"`` are among their statistics.
        attacks: one of `ATTACKS`.
    """
    if attacks == "coherent":
        return None
    from quantumlink.qkd.bounds.collective import SixStateBound

    # The sample of the Z bits comes later: distillation adds what it shows.
    return SixStateBound(
        tested={"X": len(sifted.test_alice), "Y": sifted.statistics["Y rounds"], "Z": 0},
        errors={"X": sifted.test_errors, "Y": sifted.statistics["Y errors"], "Z": 0},
        eps_sec=session.eps_sec,
        eps_cor=session.eps_cor,
    )
