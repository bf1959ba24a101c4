"""Which bases make the key: Z alone, with X for the test, or both, each the other's test."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from quantumlink import validation
from quantumlink.distillation.agreement import two_bases
from quantumlink.distillation.sifting import BasisSifting
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import Proof
from quantumlink.security.recipes import BothBases, TwoBases

KeyBases = Literal["Z", "both"]
"""The bases that make the key."""


def checked_key_bases(value: object) -> KeyBases:
    """One of `KeyBases`.

    Raises:
        ValueError: if it is another one.
    """
    validation.choice("key_bases", value, get_args(KeyBases))
    return value  # type: ignore[return-value]


def key_sifting(key_bases: KeyBases, z_probability: float) -> BasisSifting:
    """Z makes the key and X tests it; or both make a block of the key each, and nothing is compared."""
    usual = two_bases(z_probability)
    return usual if key_bases == "Z" else replace(usual, key=[("Z", "Z"), ("X", "X")], compare={}, apart=True)


def key_recipe(key_bases: KeyBases) -> Recipe:
    """The bound of two bases, or that of both."""
    return TwoBases() if key_bases == "Z" else BothBases()


def both_bases_proof(proof: Proof) -> Proof:
    """The proof of two keys from two bases, with the assumptions of another one."""
    return replace(
        proof,
        reference="D. Tupkary, S. Nahar, P. Sinha, N. Lütkenhaus, arXiv:2408.17349 (2024), theorem 1, once for the "
        "key of each basis",
    )
