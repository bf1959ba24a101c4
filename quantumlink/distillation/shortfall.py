"""Why nothing is secret: the term of the bound that takes most, and what would change that.

The bound itself is asked again, for blocks that are longer at the same rates. If one of them gives a key, the block
was too short; if none does, the rates are too high, whatever the length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from quantumlink.security.contract import Recipe, Tally
from quantumlink.security.decoy import DecoyBound
from quantumlink.security.entropy_accumulation import AccumulationBound
from quantumlink.security.one_decoy import OneDecoyBound
from quantumlink.security.relay_decoy import RelayDecoyBound
from quantumlink.security.twin_field import TwinFieldBound
from quantumlink.security.two_state import TwoStateBound
from quantumlink.security.weak_pulses import WeakPulseBound

LONGEST = 1024
"""How many times as long a block is tried before its rates are blamed, at least."""

AMPLE, FEW = 10**10, 1_000
"""So many raw bits it then has; and of fewer than those its rates say little."""

_RECONCILIATION = "reconciliation"
_MARKING = "marking the test rounds"
_BETTER: Mapping[type, str] = {
    WeakPulseBound: "weaker pulses or decoys",
    TwoStateBound: "less loss or fewer errors",
    DecoyBound: "less loss, fewer errors or other intensities",
    OneDecoyBound: "less loss, fewer errors or other intensities",
    RelayDecoyBound: "less loss, fewer errors or other intensities",
    TwinFieldBound: "less loss, fewer errors or other intensities",
    AccumulationBound: "stricter limits settled beforehand (tolerated errors, the CHSH value) or fewer tests",
}
"""What makes up for phase errors, by the bound."""


def longer(tally: Tally, factor: int) -> Tally:
    """The counts of a block that many times as long, at the same rates."""

    def times(counts: Mapping[str, int]) -> dict[str, int]:
        return {name: factor * count for name, count in counts.items()}

    return replace(
        tally,
        rounds=factor * tally.rounds,
        detected=factor * tally.detected,
        sampled=factor * tally.sampled,
        sample_errors=factor * tally.sample_errors,
        compared={name: (factor * bits, factor * errors) for name, (bits, errors) in tally.compared.items()},
        raw=times(tally.raw),
        corrected=None if tally.corrected is None else times(tally.corrected),
    )


def terms_of(recipe: Recipe, tally: Tally, leaks: Sequence[float], *, eps_sec: float, eps_cor: float) -> Any:
    """The terms of a recipe's bound for so many bits disclosed of each block."""
    bound = recipe.bound(tally, eps_sec=eps_sec, eps_cor=eps_cor)
    return bound.terms(n=tally.n, leak=leaks[0] if len(leaks) == 1 else tuple(leaks))  # type: ignore[arg-type]


def charges(terms: Any) -> dict[str, float]:
    """What the bound takes from the raw bits, by the name of the term."""
    parts = [terms.z, terms.x] if hasattr(terms, "z") else [terms]
    return {
        "phase errors (what an eavesdropper may know)": sum(part.n - part.entropy_bits for part in parts),
        _RECONCILIATION: sum(part.leak for part in parts),
        "the price of ε": sum(part.epsilon_bits for part in parts),
    }


def remedy(
    recipe: Recipe,
    tally: Tally,
    leaks: Sequence[float],
    *,
    eps_sec: float,
    eps_cor: float,
    spent: int,
    marking: int = 0,
    tags: int = 0,
    rates_known: bool = False,
) -> str:
    """The term that takes most, and what would change it.

    Args:
        recipe: how the bound is made.
        tally: the counts.
        leaks: bits that reconciliation discloses of each block.
        eps_sec: secrecy.
        eps_cor: correctness.
        spent: bits that authentication takes.
        marking: bits that marking the test rounds takes, more of them for a longer block.
        tags: bits of verification tags that are disclosed besides, however long the block is.
        rates_known: whether the counts are those to be expected, and not a sample of them.
    """
    tolerances = {"eps_sec": eps_sec, "eps_cor": eps_cor}

    def found(factor: int) -> Any:
        return terms_of(recipe, longer(tally, factor), [factor * leak + tags for leak in leaks], **tolerances)

    longest = max(LONGEST, 1 << (AMPLE // max(1, tally.n)).bit_length())

    try:
        here, far = charges(found(1)), found(longest)
        bound = recipe.bound(tally, **tolerances)
    except (AttributeError, ValueError):  # a bound of the user's own, with terms of its own
        return "more rounds may help"
    here |= {"authentication": spent, _MARKING: marking}
    if far.length <= spent + longest * marking:
        there = charges(far) | {_MARKING: longest * marking}
        most = max(there, key=there.__getitem__)
        if tally.n < FEW and not rates_known:
            return f"most is taken by {most}, but the rates of {tally.n} raw bits say little: more rounds may help"
        cause = _BETTER.get(type(bound), "fewer errors in the test")
        if most == _MARKING:
            cause = "less loss, or bases chosen independently,"
        elif most == _RECONCILIATION and isinstance(bound, AccumulationBound):
            cause = (
                "fewer errors tolerated, or a reconciliation that discloses less (without replies, such as Ldpc),"
            )
        elif most == _RECONCILIATION:
            cause = "fewer errors in the key basis, or a reconciliation that discloses less,"
        return f"most is taken by {most}; more rounds will not help, {cause} would"
    most, low, high = max(here, key=here.__getitem__), 0, longest.bit_length() - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(2**middle).length > spent + 2**middle * marking else (middle, high)
    return f"most is taken by {most}; a block about {2**high} times as long would give a key at these rates"
