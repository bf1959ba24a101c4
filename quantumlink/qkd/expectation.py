"""What a session may expect before it runs: the counts, the terms of its bound and the length of its key.

The counts are the means of what a run draws. A run fluctuates about them, so near the end of a link's reach an
expected key may turn out to be none.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.distillation.group.agreement import differing
from quantumlink.distillation.party import AUTHENTICATION_BITS
from quantumlink.distillation.reconciliation import Cascade, Ldpc
from quantumlink.distillation.records import RawRounds
from quantumlink.distillation.shortfall import charges, remedy, terms_of
from quantumlink.distillation.sifting import COMPARED, KEY
from quantumlink.qkd.protocols.conference_rounds import ConferenceSession
from quantumlink.qkd.protocols.mdi_session import MDI
from quantumlink.qkd.protocols.pairs import PairSession
from quantumlink.qkd.protocols.prepare_and_measure import PrepareAndMeasure
from quantumlink.qkd.protocols.session import Session
from quantumlink.qkd.protocols.twin_field_session import TwinField
from quantumlink.rates import binary_entropy
from quantumlink.security.contract import KeyTerms, Tally

Floats = FloatArray

_CASCADE_OVER_SHANNON, _CASCADE_FRAME_BITS = 1.05, 44
"""What `Cascade` discloses on long strings, and what a frame of 2¹⁶ bits costs besides (its confirmations)."""
_LDPC_OVER_AIM, _LDPC_SHORT, _LDPC_LEAST, _LDPC_FEW_ERRORS = 0.02, 1000.0, 1.16, 0.015
"""What `Ldpc` discloses, over Shannon's limit: its ``efficiency`` and this, so much over the length more on short
strings, and below that error rate the third at least. Upper ends of what was measured on 10⁴ to 10⁶ bits at 1 % to
8 % (see notebooks/measured.md)."""
_OTHERS_OVER_SHANNON = 1.2


@dataclass(frozen=True, kw_only=True)
class ExpectedKey:
    """What a session may expect.

    >>> import quantumlink as ql
    >>> session = ql.qkd.BB84(medium=ql.Fiber(20), rounds=10**6)
    >>> expected = ql.qkd.expected_key(session)
    >>> expected.bits > 100_000
    True
    """

    session: Session
    """The session."""
    tally: Tally
    """The counts, rounded to the safe side."""
    leaks: tuple[float, ...]
    """Bits that reconciliation is expected to disclose, block by block, Bob's replies included where they count."""
    qber: float
    """Error rate of the key basis."""
    terms: KeyTerms
    """The terms of the bound."""
    authentication_bits: int = AUTHENTICATION_BITS
    """Bits that the tags of all lines take."""
    marking_bits: int = 0
    """Bits of a common key that marks the test rounds of a conference."""
    further_tag_bits: int = 0
    """Bits of verification tags beyond the one that the bound pays for."""

    @property
    def bits(self) -> int:
        """Secret bits to expect, authentication and marking deducted; 0 if none."""
        return max(0, self.terms.length - self.authentication_bits - self.marking_bits)

    @property
    def bits_per_round(self) -> float:
        """Of the rounds attempted."""
        return self.bits / self.tally.rounds

    @property
    def margin(self) -> float:
        """Entropy less all charges, in bits; negative by as much as a key is out of reach."""
        parts: Any = self.terms
        parts = [parts.z, parts.x] if hasattr(parts, "z") else [parts]
        left = sum(part.entropy_bits - part.leak - part.epsilon_bits for part in parts)
        return float(left) - self.authentication_bits - self.marking_bits

    @property
    def limit(self) -> str:
        """The term that takes most, and what would change it."""
        session = self.session
        if self.bits:
            taken = charges(self.terms)
            return f"most is taken by {max(taken, key=taken.__getitem__)}"
        return remedy(
            session.recipe(),
            self.tally,
            self.leaks,
            eps_sec=session.eps_sec,
            eps_cor=session.eps_cor,
            spent=self.authentication_bits,
            marking=self.marking_bits,
            tags=self.further_tag_bits,
            rates_known=True,
        )

    def __repr__(self) -> str:
        return f"ExpectedKey({self.bits} bits of {self.tally.rounds} rounds, {self.limit})"


def expected_key(session: Session, *, sample_fraction: float | None = None, seen: Any = None) -> ExpectedKey:
    """The counts, terms and length that a session may expect.

    Args:
        session: prepare and measure, pairs measured in bases, photons or pulses sent to a relay, or GHZ states.
        sample_fraction: in the place of the session's own.
        seen: what detectors see of its photons, if it is known already; see its ``expected_rounds``.

    Raises:
        TypeError: for a session that does not say what to expect of its rounds.

    >>> from quantumlink.hardware import Fiber
    >>> from quantumlink.qkd.protocols import BB84
    >>> session = BB84(medium=Fiber(50), rounds=1_000_000, seed=7)
    >>> abs(expected_key(session).bits / len(session.run()) - 1) < 0.05
    True
    """
    if isinstance(session, ConferenceSession):
        share = session.sample_fraction if sample_fraction is None else sample_fraction
        return _expected_of_several(session, share, seen)
    rounds = _rounds(session, seen)
    share = session.sample_fraction if sample_fraction is None else sample_fraction
    tally, errors, sizes = _counted(session, rounds, share)
    tolerances = {"eps_sec": session.eps_sec, "eps_cor": session.eps_cor}
    bound = session.recipe().bound(tally, **tolerances)
    both = bool(getattr(bound, "count_replies", True))
    leaks = tuple(
        _disclosed(session.reconciliation, floor(size), min(0.5, wrong / size) if size else 0.0, replies=both)
        for size, wrong in zip(sizes, errors, strict=True)
    )
    return ExpectedKey(
        session=session,
        tally=tally,
        leaks=leaks,
        qber=sum(errors) / sum(sizes) if sum(sizes) else 0.0,
        terms=terms_of(session.recipe(), tally, leaks, **tolerances),
    )


def expected_key_bits(session: Session, *, seen: Any = None) -> int:
    """How many bits of the key basis to expect, those of the sample included; arguments as for `expected_key`."""
    if isinstance(session, ConferenceSession):
        return _counted_by_several(session, 0.0, seen)[0].n
    return _counted(session, _rounds(session, seen), 0.0)[0].n


def _rounds(session: Session, seen: Any) -> Floats:
    if isinstance(session, (PrepareAndMeasure, MDI)):
        return session.expected_rounds(seen)
    if isinstance(session, (PairSession, TwinField)):
        return session.expected_rounds()
    raise TypeError(
        "session must prepare and measure, measure pairs, send to a relay, or share GHZ states, got "
        f"{type(session).__name__}"
    )


def _counted(session: Session, rounds: Floats, share: float) -> tuple[Tally, list[float], list[float]]:
    """The tally; and of each block of the raw key the expected errors and bits."""
    sifting = session.sifting()
    kinds, numbers = rounds[:5].astype(np.uint8), np.maximum(rounds[5], 0.0)
    if sifting.answered:  # what Alice says besides is a fair coin
        kinds, numbers = np.repeat(kinds, 2, axis=1), np.repeat(numbers / 2, 2)
    others = (np.arange(len(numbers)) % 2).astype(np.uint8)
    alice, bob = (RawRounds(None, kinds[2 * i + 1], kinds[2 * i], kinds[4]) for i in (0, 1))
    hers, his = sifting.alice_says(alice, others), sifting.bob_says(bob)
    kept = sifting.bob_keeps(bob, hers) if sifting.answered else np.ones(len(numbers), dtype=np.uint8)
    streams = sifting.streams(hers, his, kept)
    wrong = sifting.alice_bits(alice) != sifting.bob_bits(bob, hers)
    blocks = sifting.block_of(hers, his) if len(sifting.blocks) > 1 else kinds[4]
    groups = sifting.classes if len(sifting.blocks) == 1 else sifting.blocks

    def total(stream: int, group: int, errors: bool) -> float:
        here = (streams == stream) & (blocks == group)
        return float(numbers[here & wrong if errors else here].sum())

    compared = {}
    for s, stream in enumerate(sifting.compared, start=COMPARED):
        for g, name in enumerate(groups):
            bits, differing = (
                total(s, g, e) + (sifting.compared_fraction * total(KEY, g, e) if s == COMPARED else 0.0)
                for e in (False, True)
            )
            compared[f"{stream} {name}".rstrip()] = (floor(bits), min(floor(bits), ceil(differing - 1e-9)))
    left = (1 - sifting.compared_fraction) * (1 - share)
    raw = [left * total(KEY, g, False) for g in range(len(groups))]
    errors = [left * total(KEY, g, True) for g in range(len(groups))]
    sampled = share / (1 - share) * sum(raw)
    tally = Tally(
        rounds=session.rounds,
        detected=min(session.rounds, ceil(numbers.sum())),
        sampled=floor(sampled),
        sample_errors=floor(sampled * sum(errors) / sum(raw)) if sum(raw) else 0,
        compared=compared,
        raw={name: floor(bits) for name, bits in zip(groups, raw, strict=True)},
        corrected={name: min(floor(b), round(e)) for name, b, e in zip(groups, raw, errors, strict=True)},
    )
    if len(sifting.blocks) == 1:
        return tally, [sum(errors)], [float(sum(floor(bits) for bits in raw))]
    return tally, errors, raw


def _expected_of_several(session: ConferenceSession, share: float, seen: FloatArray | None) -> ExpectedKey:
    """What several parties may expect: they pay for all strings and lines, and for marking the test rounds."""
    agreed, tolerances = session.agreement(), {"eps_sec": session.eps_sec, "eps_cor": session.eps_cor}
    tally, errors = _counted_by_several(session, share, seen)
    replies = bool(getattr(agreed.recipe.bound(tally, **tolerances), "count_replies", True))
    leak = 0.0
    for wrong in errors:
        rate = min(0.5, wrong / tally.n) if tally.n else 0.0
        hers, all_told = (_disclosed(session.reconciliation, tally.n, rate, replies=r) for r in (False, replies))
        leak += (agreed.answering - 1) * hers + all_told
    account = agreed.account(tally, (0,) * len(errors), inherited=0.0, simulated=False, seeded=False)
    return ExpectedKey(
        session=session,
        tally=tally,
        leaks=(leak,),
        qber=max(errors) / tally.n if tally.n else 0.0,
        terms=account.evaluate([leak]),  # type: ignore[list-item]
        authentication_bits=account.authentication_bits,
        marking_bits=account.marking_bits,
        further_tag_bits=account.further_tag_bits,
    )


def _counted_by_several(
    session: ConferenceSession, share: float, seen: FloatArray | None
) -> tuple[Tally, list[float]]:
    """The tally; and of each string that is reconciled with Alice's the expected errors."""
    agreed = session.agreement()
    settings, bits, numbers = session.expected_rounds(seen)
    streams = agreed.streams(settings)

    def total(which: tuple[int, ...], parties: tuple[int, ...]) -> tuple[float, float]:
        here = np.isin(streams, which)
        wrong = here & (differing(bits[0], list(bits[1:]), parties) == 1)
        return float(numbers[here].sum()), float(numbers[wrong].sum()) if parties else 0.0

    compared = {}
    for name, (which, parties) in agreed.tests.items():
        rounds, wrong = total(which, parties)
        compared[name] = floor(rounds), min(floor(rounds), ceil(wrong - 1e-9))
    strings = [total((KEY,), parties) for parties in agreed.strings]
    keys, errors = strings[0][0], [(1 - share) * wrong for _, wrong in strings]
    tally = Tally(
        rounds=session.rounds,
        detected=min(session.rounds, ceil(numbers.sum())),
        sampled=floor(share * keys),
        sample_errors=floor(share * max(wrong for _, wrong in strings)),
        compared=compared,
        raw={"": floor((1 - share) * keys)},
    )
    return tally, errors


def _disclosed(method: Any, n: int, qber: float, *, replies: bool) -> float:
    """Bits that a reconciliation is expected to disclose of so many."""
    limit = n * float(binary_entropy(qber))
    if isinstance(method, Cascade):
        hers = _CASCADE_OVER_SHANNON * limit + _CASCADE_FRAME_BITS * ceil(n / method.frame)
        return hers * (2 if replies else 1)
    if not isinstance(method, Ldpc):
        return _OTHERS_OVER_SHANNON * limit
    aim = max(method.efficiency, _LDPC_LEAST) if qber < _LDPC_FEW_ERRORS else method.efficiency
    return min(float(n), (aim + _LDPC_OVER_AIM + _LDPC_SHORT / max(n, 1)) * limit)
