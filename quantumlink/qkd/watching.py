"""Sessions under watch: rounds run block by block, what each block discloses goes to a monitor.

A block is a session of its own. Its test bits are all compared in public, and so is a sample of its key bits, for
an attack that disturbs the key basis alone shows in no other. After an alarm that pauses or aborts nothing runs any
more: what comes next is for the caller.

>>> from itertools import chain
>>> from quantumlink.hardware import Detector, Fiber
>>> from quantumlink.qkd import BB84, InterceptResend, Monitor
>>> quiet = BB84(medium=Fiber(20), rounds=20_000, seed=7, detector=Detector(misalignment=0.02))
>>> heard = replace(quiet, eavesdropper=InterceptResend(0.5))
>>> monitor = Monitor({"Z": 0.02, "X": 0.02}, attack=0.08, policy="abort")
>>> run = list(watch(chain(blocks_of(quiet, 20), blocks_of(heard, 20, first=20)), monitor))
>>> monitor.state, 20 <= run[-1].index < 25, [bool(block.alarms) for block in run].index(True) == len(run) - 1
('aborted', True, True)

With ``keys=True`` each block is distilled by itself, and what its ends compare in their conversation is watched.
That the watch stops when it sees something then spoils no proof: every key is proven alone, by its own counts,
whichever blocks come after it. To use n planned blocks together costs n times the ε of one (``key.epsilon`` added
up), however many of them ran. Never pour blocks together that were picked by what their errors looked like.

>>> monitor = Monitor({"Z": 0.02, "X": 0.02}, attack=0.08, policy="abort")
>>> [len(block.key) > 0 for block in watch(blocks_of(replace(quiet, rounds=400_000), 2), monitor, keys=True)]
[True, True]

To reroute, let the blocks look at what ``on_alarm`` has noted: they are asked for one at a time.

>>> route, detour = {"now": heard}, replace(quiet, medium=Fiber(60))
>>> rates = {"Z": 0.02, "X": 0.02}
>>> monitor = Monitor(rates, attack=0.08, policy="record", on_alarm=lambda alarm: route.update(now=detour))
>>> run = list(watch((next(blocks_of(route["now"], 1, first=i)) for i in range(10)), monitor))
>>> [block.session.medium.length_km for block in run][:3], any(block.alarms for block in run[1:])
([20.0, 60.0, 60.0], False)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TypeVar

import numpy as np
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2

from quantumlink import validation
from quantumlink.distillation.bits import Bits
from quantumlink.distillation.key import Key
from quantumlink.execution.engine import Engine
from quantumlink.monitoring import Alarm, Monitor
from quantumlink.qkd.protocols.session import Session
from quantumlink.qkd.protocols.sifted import Sifted

AnySession = TypeVar("AnySession", bound=Session)

_STREAMS = ("Z", "X")


@dataclass(frozen=True, eq=False, kw_only=True)
class WatchedBlock:
    """One block: its bits, for study, whether it alarmed, and its key."""

    index: int
    """Its place, from 0."""
    session: Session
    """What ran."""
    sifted: Sifted
    """All its sifted bits, those that were compared included."""
    key_alice: Bits = field(repr=False)
    """Alice's key bits that were not compared."""
    key_bob: Bits = field(repr=False)
    """Bob's."""
    alarms: tuple[Alarm, ...]
    """The alarms it set off."""
    key: Key | None = None
    """Its own key, if keys were asked for."""


def blocks_of(session: AnySession, count: int, *, first: int = 0) -> Iterator[AnySession]:
    """The same session again and again, each time with a seed of its own.

    Args:
        session: what a block is; its seed and the number of a block make the seed of that block.
        count: blocks, at least 0.
        first: number of the first one, so that a changed session can go on where another left off.

    Raises:
        TypeError: if the session is none.
        ValueError: if a number is out of range.

    >>> import quantumlink as ql
    >>> session = ql.qkd.BB84(medium=ql.Fiber(0), rounds=1_000, seed=7)
    >>> blocks = list(ql.qkd.blocks_of(session, 3))
    >>> len(blocks), len({block.seed for block in blocks})
    (3, 3)
    """
    validation.instance("session", session, Session, "a session such as BB84(...)")
    first = validation.count("first", first, at_least=0)
    numbers = range(first, first + validation.count("count", count, at_least=0))
    return (replace(session, seed=_seed_of(session.seed, number)) for number in numbers)


def watch(
    sessions: Iterable[Session],
    monitor: Monitor,
    *,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    keys: bool = False,
) -> Iterator[WatchedBlock]:
    """Run blocks and watch them, until they or the monitor end it.

    Sessions are asked for one by one, and none after an alarm that pauses or aborts. After `Monitor.resume` call
    this again with those that are left.

    Args:
        sessions: the blocks, in the order of time.
        monitor: with the streams ``"Z"`` (the sample of the key bits, ``session.sample_fraction`` of them) and
            ``"X"`` (the test bits), or with a single one for both.
        sampler: what the rounds run on; see `Session.run`.
        keys: distill each block, and watch what its ends compare in their conversation.

    Yields:
        Each block that ran, the one with the alarm included.

    Raises:
        ValueError: if the monitor has other streams.
        RuntimeError: if the monitor is paused or aborted already.

    >>> import quantumlink as ql
    >>> session = ql.qkd.BB84(medium=ql.Fiber(0), rounds=2_000, seed=7, eavesdropper=ql.qkd.InterceptResend(1.0))
    >>> monitor = ql.qkd.Monitor(0.02, attack=0.2)
    >>> ran = list(ql.qkd.watch(ql.qkd.blocks_of(session, 5), monitor))  # nothing is run after an alarm
    >>> len(ran), monitor.state
    (1, 'paused')
    """
    names = tuple(monitor.charts)
    if len(names) > 1 and set(names) != set(_STREAMS):
        raise ValueError(f"monitor must have the streams Z and X, or a single one; got {', '.join(names)}")
    if monitor.state != "running":
        raise RuntimeError(f"monitor must be running, it is {monitor.state}")
    return _watched(sessions, monitor, sampler, keys)


def _watched(
    sessions: Iterable[Session], monitor: Monitor, sampler: BaseSamplerV2 | BackendV2 | Engine | None, keys: bool
) -> Iterator[WatchedBlock]:
    for index, session in enumerate(sessions):
        validation.instance("sessions", session, Session, "sessions such as BB84(...)")
        observed, source, remark, simulated = session.rounds_on(sampler)
        sifted = session.sifted(observed, source)
        rng = np.random.default_rng([session.seed, 4])
        compared = _sample(len(sifted.key_alice), session.sample_fraction, rng)
        key = None
        if keys:
            key, errors = session.key_and_errors(observed, source, remark, simulated)
        else:
            errors = {
                "Z": sifted.key_alice[compared] != sifted.key_bob[compared],
                "X": sifted.test_alice != sifted.test_bob,
            }
        if len(monitor.charts) == 1:  # the two bases alternate at random in time
            errors = {next(iter(monitor.charts)): rng.permutation(np.concatenate(list(errors.values())))}
        alarms: list[Alarm] = []
        for name, stream in errors.items():
            if monitor.state == "running":
                alarms += monitor.update(stream, name)
        yield WatchedBlock(
            index=index,
            session=session,
            sifted=sifted,
            key_alice=sifted.key_alice[~compared],
            key_bob=sifted.key_bob[~compared],
            alarms=tuple(alarms),
            key=key,
        )
        if monitor.state != "running":
            return


def _sample(total: int, fraction: float, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    mask = np.zeros(total, dtype=np.bool_)
    mask[rng.choice(total, ceil(fraction * total), replace=False)] = True
    return mask


def _seed_of(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 2)
