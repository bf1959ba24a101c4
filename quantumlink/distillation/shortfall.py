"""Why nothing is secret: the term of the bound that takes most, and what would change that.

The bound itself is asked again, for blocks that are longer at the same rates. If one of them gives a key, the block
was too short; if none does, the rates are too high, whatever the length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from quantumlink.security.collective import DeviceIndependentBound
from quantumlink.security.contract import Recipe, Tally
from quantumlink.security.decoy import DecoyBound
from quantumlink.security.entropy_accumulation import AccumulationBound
from quantumlink.security.one_decoy import OneDecoyBound
from quantumlink.security.relay_decoy import RelayDecoyBound
from quantumlink.security.sharing import SharingBound
from quantumlink.security.twin_field import PHASES, TwinFieldBound
from quantumlink.security.two_state import TwoStateBound
from quantumlink.security.weak_pulses import WeakPulseBound

LONGEST = 1024
"""How many times as long a block is tried before its rates are blamed, at least."""

AMPLE, FEW, FEW_TESTS = 10**10, 1_000, 30
"""So many raw bits it then has; and of fewer raw bits, or tests, its rates say little."""

CHANCES, SEED, LONG = 20, 1, 10**7
"""Rates are tried that may be the true ones where others were seen: so many, by a seed, of so many raw bits."""

_PHASES = "phase errors (what an eavesdropper may know)"
_RECONCILIATION = "reconciliation"
_MARKING = "marking the test rounds"
_LIMITS = "limits that such a link keeps (more errors tolerated, a lower CHSH value)"
_BETTER: Mapping[type, str] = {
    WeakPulseBound: "weaker pulses or decoys",
    TwoStateBound: "less loss or fewer errors",
    DecoyBound: "less loss, fewer errors or other intensities",
    OneDecoyBound: "less loss, fewer errors or other intensities",
    RelayDecoyBound: "less loss, fewer errors or other intensities",
    TwinFieldBound: "less loss, fewer errors or other intensities",
    DeviceIndependentBound: "a higher CHSH value (fewer errors, less loss where it is counted) or heralded pairs",
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
        _PHASES: sum(part.n - part.entropy_bits for part in parts),
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
    likely: Sequence[float] | None = None,
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
        likely: bits that it rather discloses, if ``leaks`` are the least: by these the length of a block is told
            that would do, by the least it is judged whether any would.
        marking: bits that marking the test rounds takes, more of them for a longer block.
        tags: bits of verification tags that are disclosed besides, however long the block is.
        rates_known: whether the counts are those to be expected, and not a sample of them.
    """
    tolerances = {"eps_sec": eps_sec, "eps_cor": eps_cor}

    def found(factor: int, of: Sequence[float]) -> Any:
        disclosed = [factor * leak + tags for leak in of]
        return _hoped(recipe, longer(tally, factor), disclosed, **tolerances)

    def gives(factor: int, of: Sequence[float]) -> bool:
        return bool(found(factor, of).length > spent + factor * marking)

    longest = max(LONGEST, 1 << (AMPLE // max(1, tally.n)).bit_length())

    try:
        here, far = charges(found(1, leaks)), found(longest, leaks)
        bound = recipe.bound(tally, **tolerances)
    except (AttributeError, ValueError):  # a bound of the user's own, with terms of its own
        return "more rounds may help"
    if (lapse := _lapse(bound, tally, sum(leaks), rates_known)) is not None:
        return lapse
    here |= {"authentication": spent, _MARKING: marking}
    if isinstance(bound, TwoStateBound) and not far.length:
        # Of so long a block rates that chance alone moved would contradict one another: the longest that helps.
        longest = next((2**j for j in range(longest.bit_length() - 1, 0, -1) if gives(2**j, leaks)), longest)
        far = found(longest, leaks)
    if far.length <= spent + longest * marking:
        there = charges(far) | {"authentication": spent, _MARKING: longest * marking}
        if (unknown := _too_little(bound, tally, max(there, key=there.__getitem__), rates_known)) is not None:
            return unknown
        if not rates_known and not isinstance(bound, (TwoStateBound, AccumulationBound)):
            factor = max(2, LONG // tally.n)
            for moved, told in _by_chance(tally, factor, leaks):
                hoped = _hoped(recipe, moved, [leak + tags for leak in told], **tolerances)
                if hoped.length > spent + factor * marking:
                    most = max(there, key=there.__getitem__)
                    return f"most is taken by {most}, but chance may have moved the rates: more rounds may help"
        return _hopeless(bound, longest * tally.n, there, least=likely is not None)
    if likely is None or not gives(longest, likely):
        likely = leaks
    most, low, high = max(here, key=here.__getitem__), 0, longest.bit_length() - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if gives(2**middle, likely) else (middle, high)
    few = not rates_known and (tally.n < FEW or 0 < _tests(bound, tally) < FEW_TESTS)
    doubt = ", which so few bits hardly tell" if few else ""
    return f"most is taken by {most}; a block about {2**high} times as long would give a key at these rates{doubt}"


def _hoped(recipe: Recipe, tally: Tally, leaks: Sequence[float], *, eps_sec: float, eps_cor: float) -> Any:
    """The terms of a block that is not there yet: of such a one all that was agreed on is kept."""
    bound = recipe.bound(tally, eps_sec=eps_sec, eps_cor=eps_cor)
    if isinstance(bound, AccumulationBound):
        return bound.terms_if_kept(n=tally.n, leak=sum(leaks))
    return terms_of(recipe, tally, leaks, eps_sec=eps_sec, eps_cor=eps_cor)


def _lapse(bound: Any, tally: Tally, leak: float, rates_known: bool) -> str | None:
    """What there is to be done where what was agreed on was not kept, or pulses are too strong for their phases."""
    if isinstance(bound, TwinFieldBound) and bound.phase_distance >= bound.eps_sec:
        return (
            f"{PHASES} phases are told from any by more than ε_sec; more rounds will not help, weaker pulses or a "
            "larger ε_sec would"
        )
    if not isinstance(bound, AccumulationBound) or bound.shortfall(leak) is None:
        return None
    if leak <= bound.leak_limit and (bound.by_chance or tally.n < FEW) and not rates_known:
        return "what was agreed on was missed by no more than chance may do: more rounds may help"
    return f"what was agreed on was not kept; more rounds will not help, fewer errors or {_LIMITS} would"


def _by_chance(tally: Tally, factor: int, leaks: Sequence[float]) -> Iterator[tuple[Tally, list[float]]]:
    """Blocks that many times as long, at rates that may be the true ones as well; and what is disclosed of them."""
    rng = np.random.default_rng(SEED)

    def number(count: int) -> int:
        return round(factor * rng.gamma(count + 0.5))

    def pair(bits: int, errors: int) -> tuple[int, int]:
        longer = number(bits)
        return longer, round(longer * rng.beta(errors + 0.5, bits - errors + 0.5))

    for _ in range(CHANCES):
        raw = {name: number(bits) for name, bits in tally.raw.items()}
        sampled, sample_errors = pair(tally.sampled, tally.sample_errors)
        corrected = tally.corrected and {
            name: round(raw[name] * rng.beta(errors + 0.5, tally.raw[name] - errors + 0.5))
            for name, errors in tally.corrected.items()
        }
        moved = replace(
            longer(tally, factor),
            sampled=sampled,
            sample_errors=sample_errors,
            compared={name: pair(*counts) for name, counts in tally.compared.items()},
            raw=raw,
            corrected=corrected,
        )
        yield moved, [leak * moved.n / max(1, tally.n) for leak in leaks]


def _tests(bound: Any, tally: Tally) -> int:
    """Bits that were compared besides the sample."""
    # Of secret sharing the rounds that are no tests are counted as well.
    return min(bound.tested) if isinstance(bound, SharingBound) else sum(n for n, _ in tally.compared.values())


def _too_little(bound: Any, tally: Tally, most: str, rates_known: bool) -> str | None:
    """What there is to be said of so few counts that no length can be told to be hopeless."""
    tests = _tests(bound, tally)
    if tally.compared and not tests:
        return "there are no test rounds, so nothing bounds the phase errors; more rounds, or more tests, may help"
    if tally.n < FEW and not rates_known:
        return f"most is taken by {most}, but the rates of {tally.n} raw bits say little: more rounds may help"
    if tally.compared and tests < FEW_TESTS and not rates_known:
        return f"most is taken by {most}, but {tests} tests say little: more rounds, or more tests, may help"
    return None


def _hopeless(bound: Any, bits: int, there: Mapping[str, float], *, least: bool) -> str:
    """What would help where no length does: as many of the terms as must go, the largest first.

    Args:
        bound: the bound.
        bits: raw bits of a long block.
        there: what is taken from them.
        least: whether reconciliation is taken to disclose no more than it must.
    """
    causes = {
        _PHASES: _BETTER.get(type(bound), "fewer errors in the test"),
        _RECONCILIATION: "fewer errors in the key basis",
        _MARKING: "less loss, or bases chosen independently,",
    }
    if isinstance(bound, AccumulationBound):
        causes[_RECONCILIATION] = (
            "fewer errors tolerated, or a reconciliation that discloses less (without replies, such as Ldpc),"
        )
    elif not least:
        causes[_RECONCILIATION] += ", or a reconciliation that discloses less,"
    left, needed = bits - sum(there.values()), list[str]()
    for term in sorted(causes, key=lambda name: -there[name]):
        needed.append(term)
        if (left := left + there[term]) > 0:
            break
    named = ", then by ".join(needed)
    return f"most is taken by {named}; more rounds will not help, {' and '.join(causes[t] for t in needed)} would"
