"""The best settings of a session: intensities, how often each is sent, bases and samples, for a link and a block.

A session says the link, the number of rounds (the block) and the tolerances; everything else is chosen so that the
key to expect is as long as can be. What is searched are the means of the counts, put into the very bound by which
the key will be made. First a block a hundred times as long is optimized, where there is a key to begin with; from
there the search goes on with the true one. Nothing of it enters the security: whatever is chosen, the bound holds.

References:
    C. C. W. Lim et al., Phys. Rev. A 89, 022307 (2014); D. Rusca et al., Appl. Phys. Lett. 112, 171104 (2018):
        settings optimized for each distance and block.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from math import exp, log
from typing import Any

import numpy as np

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.progress import steps
from quantumlink.qkd.expectation import ExpectedKey, expected_key, expected_key_bits
from quantumlink.qkd.protocols.b92 import B92
from quantumlink.qkd.protocols.bb84_session import BB84
from quantumlink.qkd.protocols.bbm92_session import BBM92
from quantumlink.qkd.protocols.conference_rounds import ConferenceSession
from quantumlink.qkd.protocols.conference_session import Conference
from quantumlink.qkd.protocols.decoy import DecoyBB84, OneDecoyBB84
from quantumlink.qkd.protocols.decoy_mdi_session import DecoyMDI
from quantumlink.qkd.protocols.mdi_session import MDI
from quantumlink.qkd.protocols.network_conference import NetworkConference
from quantumlink.qkd.protocols.prepare_and_measure import PrepareAndMeasure
from quantumlink.qkd.protocols.sarg04 import SARG04
from quantumlink.qkd.protocols.session import Session
from quantumlink.qkd.protocols.sharing_session import SecretSharing
from quantumlink.qkd.protocols.six_state_session import SixState
from quantumlink.qkd.protocols.twin_field_session import TwinField
from quantumlink.qkd.protocols.weak_pulse_session import WeakPulseBB84

Vector = FloatArray

_LONGER = 100
"""By what factor the first of the two searches lengthens the block."""
_SAMPLE, _LEAST_SAMPLE = 1000, 0.002
"""Bits that suffice to tell reconciliation what to expect, and the least share of the key bits."""
_STEPS, _FEWER_STEPS, _SLOW_STEPS = 120, 80, 25
"""Evaluations of each search; fewer where nine pairs of intensities count, or the bound itself is searched for."""


_WIDE = 0.35
"""First steps of a search, in free numbers."""


@dataclass(frozen=True)
class _Knob:
    """A setting that is one number in an interval, searched on the scale of ln(x − low) − ln(high − x)."""

    low: float
    high: float

    def free(self, value: float) -> float:
        """As a number without bounds."""
        value = min(max(value, self.low * (1 + 1e-6) + 1e-12), self.high * (1 - 1e-6))
        return log(value - self.low) - log(self.high - value)

    def value(self, free: float) -> float:
        """And back."""
        share = 1 / (1 + exp(-min(max(free, -30.0), 30.0)))
        return self.low + (self.high - self.low) * share


_Z, _SIGNAL, _RATIO, _SHARE = _Knob(0.5, 0.995), _Knob(0.02, 1.5), _Knob(0.03, 0.9), _Knob(0.01, 0.97)
_EITHER, _RARELY, _MOSTLY = _Knob(0.05, 0.95), _Knob(0.001, 0.5), _Knob(0.05, 0.995)
_Z_OF_MANY, _Z_TESTS = _Knob(0.5, 1 - 1e-6), _Knob(1e-4, 0.5)
_ANGLE, _TESTED, _WEAK = _Knob(0.2, 2.9), _Knob(0.01, 0.6), _Knob(log(1e-6), log(1.5))


@dataclass(frozen=True)
class _Search:
    """How the settings of a kind of session are written as free numbers, and read from them."""

    settings: tuple[str, ...]
    write: Callable[[Any], list[float]]
    read: Callable[[Any, Vector], dict[str, Any]]


def _one(name: str, knob: _Knob) -> _Search:
    return _Search((name,), lambda s: [knob.free(getattr(s, name))], lambda _, x: {name: knob.value(float(x[0]))})


def _read_pulses(session: Any, x: Vector) -> dict[str, Any]:
    """Signal, the ratio of the decoy to it, and probabilities; a vacuum stays as weak as it is."""
    signal = _SIGNAL.value(float(x[0]))
    means = [signal, signal * _RATIO.value(float(x[1]))]
    first = _SHARE.value(float(x[2]))
    shares = [first, 1 - first]
    if len(session.intensities) == 3:
        vacuum = session.intensities[2]
        signal = max(signal, 3.1 * vacuum)
        means = [signal, min(max(means[1], 1.05 * vacuum), signal - 1.05 * vacuum), vacuum]
        decoy = _SHARE.value(float(x[3]))
        shares = [first, (1 - first) * decoy, (1 - first) * (1 - decoy)]
    return {"intensities": tuple(means), "intensity_probabilities": tuple(shares)}


def _write_pulses(session: Any) -> list[float]:
    means, shares = session.intensities, session.intensity_probabilities
    found = [_SIGNAL.free(means[0]), _RATIO.free(means[1] / means[0]), _SHARE.free(shares[0])]
    return found + ([_SHARE.free(shares[1] / (1 - shares[0]))] if len(means) == 3 else [])


_BASES = _one("z_probability", _Z)
_PULSES = _Search(("intensities", "intensity_probabilities"), _write_pulses, _read_pulses)
_INTENSITY = _Search(
    ("intensities",),
    lambda s: [_WEAK.free(log(s.intensities[0]) if s.intensities[0] > 1e-6 else log(2e-6))],
    lambda _, x: {"intensities": (exp(_WEAK.value(float(x[0]))),)},
)
_SEARCHES: Mapping[type[Session], tuple[_Search, ...]] = {
    DecoyBB84: (_PULSES, _BASES),
    OneDecoyBB84: (_PULSES, _BASES),
    WeakPulseBB84: (_INTENSITY, _BASES),
    DecoyMDI: (_PULSES, _one("signal_intensity", _SIGNAL), _one("z_probability", _EITHER)),
    TwinField: (
        _PULSES,
        _one("signal_intensity", _SIGNAL),
        _one("sending_probability", _RARELY),
        _one("z_probability", _MOSTLY),
    ),
    MDI: (_BASES,),
    SecretSharing: (_one("z_probability", _Z_TESTS),),
    Conference: (_one("z_probability", _Z_OF_MANY),),
    NetworkConference: (_one("z_probability", _Z_OF_MANY),),
    BB84: (_BASES,),
    SixState: (_BASES,),
    BBM92: (_BASES,),
    B92: (_one("angle", _ANGLE), _one("test_fraction", _TESTED)),
    SARG04: (_one("test_fraction", _TESTED),),
}
"""What is chosen, by the kind of session; the first that fits."""


def searched_settings(session: Session) -> tuple[str, ...]:
    """Names of the settings that are chosen for such a session besides its sample; none for a kind without any."""
    return tuple(name for search in _searches_of(session) for name in search.settings)


def _searches_of(session: Session) -> tuple[_Search, ...]:
    return next((found for kind, found in _SEARCHES.items() if isinstance(session, kind)), ())


def optimize_session(session: Session, *, time_s: float | None = None, fixed: Collection[str] = ()) -> ExpectedKey:
    """The settings of a session with which the longest key is to be expected.

    Args:
        session: says the link, the rounds, the tolerances, and where the search begins. An eavesdropper of a
            simulation is not reckoned with.
        time_s: how long the block lasts, in the place of its rounds, for a sender with a repetition rate.
        fixed: names of settings to be left as they are, such as ``"z_probability"``.

    Returns:
        What to expect; ``.session`` is the session with the settings that were found: those for a longer block
        where this one gives no key. They are the best of those
        tried: the search has several dimensions and no proof that nothing is better.

    Raises:
        TypeError: for a session that has no settings to be chosen.
        ValueError: if a name of ``fixed`` is none of them.

    >>> from quantumlink.hardware import Detector, Fiber
    >>> link = {"medium": Fiber(60), "detector": Detector(0.8, dark_count_rate_hz=100, misalignment=0.01)}
    >>> found = optimize_session(DecoyBB84(**link, rounds=10**9, seed=7))
    >>> found.bits > 1.2 * expected_key(DecoyBB84(**link, rounds=10**9, seed=7)).bits
    True
    """
    searches = _searches_of(session)
    if not searches:
        names = ", ".join(kind.__name__ for kind in _SEARCHES)
        raise TypeError(f"session must be one of {names}, got {type(session).__name__}")
    known = {*searched_settings(session), "sample_fraction"}
    if unknown := set(fixed) - known:
        raise ValueError(f"fixed must be settings that are searched, {sorted(known)}, got {sorted(unknown)}")
    if time_s is not None:
        rate = getattr(session, "repetition_rate_hz", 0.0)
        rounds = int(validation.positive("time_s", time_s) * rate)
        if rounds < 1:
            raise ValueError(f"time_s must be the time of one round at least, at {rate:g} a second; got {time_s}")
        session = replace(session, rounds=rounds)
    chosen = [search for search in searches if not set(search.settings) & set(fixed)]
    return _searched(session, chosen, sample=None if "sample_fraction" in fixed else _SAMPLE)


def _other_beginnings(session: Session) -> list[Session]:
    """Where a search may begin besides, for links on which the settings given may have no key at any length."""
    if isinstance(session, TwinField):
        weak: dict[str, Any] = {"intensities": (0.1, 0.007, 0.0), "intensity_probabilities": (0.03, 0.72, 0.25)}
        return [replace(session, z_probability=0.8, sending_probability=q, **weak) for q in (0.001, 0.007)]
    if isinstance(session, ConferenceSession):  # few tests give nothing at all, and marking costs: no one hill
        shares = (0.5, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
        tests = shares if isinstance(session, SecretSharing) else tuple(1 - share for share in shares)
        return [replace(session, z_probability=z) for z in tests]
    if not isinstance(session, DecoyMDI):
        return []
    vacuum = session.intensities[2]
    return [
        replace(session, intensities=(m + 2 * vacuum, m / 4 + vacuum, vacuum), signal_intensity=m)
        for m in (0.1, 0.25)
    ]


def _climbed(value: Callable[[Vector], float], begin: Vector, most: int, step: Callable[[], None]) -> Vector:
    """Where the value is largest that a search by Nelder and Mead sees in so many evaluations, a step each."""
    from scipy.optimize import minimize

    options = {
        "maxfev": most,
        "xatol": 1e-2,
        "fatol": 1.0,
        "adaptive": len(begin) > 2,
        # Scipy's own first steps are a twentieth of each number, next to nothing of a small one.
        "initial_simplex": np.vstack([begin, begin + _WIDE * np.eye(len(begin))]),
    }

    def loss(x: Vector) -> float:
        found = -value(x)
        step()
        return found

    best: Vector = minimize(loss, begin, method="Nelder-Mead", options=options).x
    return best


def _searched(session: Session, searches: list[_Search], *, sample: int | None) -> ExpectedKey:
    quiet: Any = session
    if isinstance(session, PrepareAndMeasure):
        quiet = replace(session, eavesdropper=None)
    most = _SLOW_STEPS if isinstance(session, (B92, SARG04)) else _STEPS
    most = _FEWER_STEPS if isinstance(session, DecoyMDI) else most
    turned = any("angle" in search.settings for search in searches)  # then the circuit's own angles change
    seen = None
    if isinstance(quiet, (PrepareAndMeasure, MDI)) and not turned:
        seen = quiet.seen_photons()
    elif isinstance(quiet, ConferenceSession):
        seen = quiet.seen_outcomes()
    widths = [len(search.write(quiet)) for search in searches]

    def candidate(x: Vector) -> Any:
        parts = np.split(x, np.cumsum(widths)[:-1]) if searches else []
        given: dict[str, Any] = {}
        for search, part in zip(searches, parts, strict=True):
            given |= search.read(quiet, part)
        return replace(quiet, **given)

    def expected(tried: Any, factor: int = 1) -> ExpectedKey:
        tried = replace(tried, rounds=factor * tried.rounds)
        share = tried.sample_fraction
        if sample is not None:
            share = min(share, max(_LEAST_SAMPLE, sample / max(1, expected_key_bits(tried, seen=seen))))
        return expected_key(replace(tried, sample_fraction=share), seen=seen)

    def written(tried: Any) -> Vector:
        return np.array([value for search in searches for value in search.write(tried)])

    def margin(factor: int, x: Vector) -> float:
        return expected(candidate(x), factor).margin

    x = for_longer = written(quiet)
    begun = [written(tried) for tried in _other_beginnings(quiet)] if searches else []
    if begun:
        x = max([x, *begun], key=partial(margin, _LONGER))
    with steps(2 * most, "choosing settings") as step:
        for factor in (_LONGER, 1) if searches else ():
            if factor == 1 and begun and margin(1, y := max(begun, key=partial(margin, 1))) > max(0, margin(1, x)):
                x = y  # the best for a longer block is on another hill
            found = _climbed(partial(margin, factor), x, most, step)
            # Of where the search began and where it ended, whatever is better for the true block.
            for_longer = found if factor == _LONGER else for_longer
            x = max((x, found), key=lambda y: expected(candidate(y)).margin)
    best = max((expected(quiet), expected(candidate(x))), key=lambda item: item.margin)
    if not best.bits:  # the least loss is that of no rounds at all: rather what a longer block would need
        hopeful = expected(candidate(for_longer), _LONGER)
        use = hopeful.margin > max(0.0, expected(quiet, _LONGER).margin)
        best = expected(candidate(for_longer) if use else quiet)
    names = {f.name for f in fields(session)} - {"eavesdropper"}
    settings = {name: getattr(best.session, name) for name in names}
    return replace(best, session=replace(session, **settings))
