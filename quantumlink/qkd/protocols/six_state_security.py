"""Which attacks a six-state key is secure against, and the bound that follows.

The three error rates together say more than two of them. One proof that uses all three covers attackers who treat
every round alike (collective attacks); against coherent ones the bound of two bases stands, or entropy
accumulation, whose key has a length settled beforehand from the error rate that is tolerated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from quantumlink import validation
from quantumlink.distillation.reconciliation import Reconciler
from quantumlink.distillation.sifting import AccumulatingSifting, BasisSifting, Sifting
from quantumlink.qkd.protocols.leak_limits import leak_share
from quantumlink.security.contract import Recipe
from quantumlink.security.entropy_accumulation import REFERENCE
from quantumlink.security.proof import Proof
from quantumlink.security.recipes import AccumulatedThreeBases, ThreeBases, TwoBases

Attacks = Literal["coherent", "collective", "accumulated"]
"""What an attacker may do: anything to all rounds together, or the same to every round; ``"accumulated"`` is
anything again, with all three error rates, by entropy accumulation."""

ATTACKS: tuple[Attacks, ...] = get_args(Attacks)


def checked_attacks(value: object) -> Attacks:
    """A choice of `ATTACKS`.

    Raises:
        ValueError: if it is another one.
    """
    validation.choice("attacks", value, ATTACKS)
    return value  # type: ignore[return-value]


def six_state_sifting(z_probability: float, attacks: Attacks = "coherent") -> Sifting:
    """Z on both sides makes the key; X rounds and Y rounds are compared."""
    rest = (1 - z_probability) / 2
    chosen = {"Z": z_probability, "X": rest, "Y": rest}
    kind = AccumulatingSifting if attacks == "accumulated" else BasisSifting
    return kind(
        alice=chosen,
        bob=dict(chosen),
        key=[("Z", "Z")],
        compare={basis: [(basis, basis)] for basis in "XY"},
    )


def six_state_recipe(
    attacks: Attacks,
    *,
    tolerated_qber: float,
    z_probability: float,
    sample_fraction: float,
    reconciliation: Reconciler,
) -> Recipe:
    """The recipe of the bound for the attacks: that of two bases, or of all three error rates."""
    if attacks == "accumulated":
        share = leak_share(reconciliation, tolerated_qber)
        return AccumulatedThreeBases(tolerated_qber, z_probability, sample_fraction, share)
    return TwoBases() if attacks == "coherent" else ThreeBases()


def checked_tolerance(value: float) -> float:
    """An error rate that may be tolerated of six states.

    Raises:
        ValueError: if it is not above 0 and below 1/3.
    """
    rate = validation.number("tolerated_qber", value)
    if not 0 < rate < 1 / 3:
        raise ValueError(f"tolerated_qber must be above 0 and below 1/3, got {value!r}")
    return rate


def proof_of(attacks: Attacks, proof: Proof) -> Proof:
    """The proof against the attacks, with the assumptions of that of two bases."""
    if attacks == "coherent":
        return proof
    if attacks == "accumulated":
        return replace(
            proof,
            reference=f"{REFERENCE}, with I. George, J. Lin, T. van Himbeeck, K. Fang, N. Lütkenhaus, "
            "arXiv:2203.06554 (2022)",
        )
    return replace(
        proof,
        reference="R. Renner, N. Gisin, B. Kraus, Phys. Rev. A 72, 012332 (2005), with M. Tomamichel, R. Colbeck, "
        "R. Renner, IEEE Trans. Inf. Theory 55, 5840 (2009)",
        attacks="collective attacks",
    )
