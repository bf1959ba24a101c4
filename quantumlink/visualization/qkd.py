"""Pictures of keys: where their bits went, what Eve knows, and an error rate over time with its alarm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rcParams

from quantumlink import validation
from quantumlink.distillation.key import Key
from quantumlink.figures import (
    figure_of,
    folded,
    inches_of,
    legend_columns,
    letters,
    one_axes,
    palette,
    picture,
    points,
    several_axes,
)
from quantumlink.figures.room import LETTER_INCHES, NARROW_INCHES
from quantumlink.monitoring import Monitor
from quantumlink.qkd.protocols.prepare_and_measure import PrepareAndMeasure, granted_bits
from quantumlink.qkd.protocols.session import Session

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLOCKS = 50
"""Most blocks in which an error rate over time is shown."""

_NAME = 22
"""Most characters of a line of a case's name."""

ROUNDS_A_BLOCK = 200
"""Fewest rounds of a block, if there are more than that."""


@picture
def draw_key(
    key: Key,
    *,
    session: Session | None = None,
    ax: Axes | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw where the bits of a key went, step by step; beside it what Eve knows, if the session had one.

    Args:
        key: the key, given or refused.
        session: what it came from.
        ax: where to draw, and of a session with an eavesdropper one of a grid of subplots; in a new figure if None.
        size: width and height of a new figure in inches.

    Raises:
        TypeError: if ``ax`` is no axes.
        ValueError: if ``size`` is not two lengths, or given beside ``ax``, or ``ax`` is not one of a grid.

    >>> from quantumlink.hardware import Fiber
    >>> from quantumlink.qkd import BB84
    >>> session = BB84(medium=Fiber(10), rounds=100_000, seed=7)
    >>> len(draw_key(session.run(), session=session).axes)
    1
    """
    listened = isinstance(session, PrepareAndMeasure) and session.eavesdropper is not None
    if listened and isinstance(session, PrepareAndMeasure):
        canvas = several_axes(ax, size, (12.5, 4.6))
        width = inches_of(canvas)[0]
        beside = width / points(1.0) >= NARROW_INCHES + 1  # else what Eve knows stands below
        left, right = (
            canvas.subplots(1, 2, width_ratios=[2, 1]) if beside else canvas.subplots(2, 1, height_ratios=[4, 1])
        )
        _draw_ledger(left, key, width * (0.6 if beside else 1))
        eve = {type(session.eavesdropper).__name__: (session, key)}
        _draw_knowledge(right, eve, width * (0.3 if beside else 1), alone=False)
        return figure_of(canvas)
    axes = one_axes(ax, size, (8.5, 4.6))
    _draw_ledger(axes, key, inches_of(figure_of(axes) if ax is None else axes)[0])
    return figure_of(axes)


@picture
def draw_eve(
    cases: Mapping[str, tuple[PrepareAndMeasure, Key]],
    *,
    ax: Axes | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw what Eve knows of a bit of the key, beside what the bound granted her.

    Args:
        cases: for each label a session with an eavesdropper and the key that came of it, given or refused.
        ax: where to draw; in a new figure if None.
        size: width and height of a new figure in inches.

    Raises:
        TypeError: if ``ax`` is no axes.
        ValueError: if there is no case, a session has no eavesdropper, or ``size`` is not two lengths or given
            beside ``ax``.

    >>> from quantumlink.hardware import Fiber
    >>> from quantumlink.qkd import BB84, InterceptResend
    >>> session = BB84(medium=Fiber(0), rounds=100_000, seed=7, eavesdropper=InterceptResend(0.1))
    >>> [text.get_text() for text in draw_eve({"a tenth": (session, session.run())}).axes[0].get_yticklabels()]
    ['a tenth']
    """
    if not cases:
        raise ValueError("cases must hold at least one session with its key, got none")
    axes = one_axes(ax, size, (8.5, 1.6 + 0.75 * len(cases)))
    _draw_knowledge(axes, cases, inches_of(figure_of(axes) if ax is None else axes)[0], alone=True)
    return figure_of(axes)


@picture
def draw_error_rate(
    monitor: Monitor,
    *,
    stream: str | None = None,
    attack_from: int | None = None,
    ax: Axes | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw the error rate over time as a monitor saw it, in blocks with 95 % intervals, and its alarms.

    Args:
        monitor: what watched.
        stream: which of its streams; may be left out if there is only one.
        attack_from: the round from which on somebody really listened, where that is known; shaded.
        ax: where to draw; in a new figure if None.
        size: width and height of a new figure in inches.

    Raises:
        TypeError: if ``ax`` is no axes.
        ValueError: if the stream is unknown, saw no round, the attack began before the first one, or ``size`` is
            not two lengths or given beside ``ax``.

    >>> monitor = Monitor(0.02, attack=0.06)
    >>> _ = monitor.update(np.zeros(1_000, dtype=int))
    >>> draw_error_rate(monitor).axes[0].get_title()
    'no alarm in 1000 compared rounds'
    """
    errors = monitor.errors(stream)
    if not len(errors):
        raise ValueError("monitor must have seen at least one round of the stream, got none")
    axes = one_axes(ax, size, (8.5, 4.4))
    colors = palette(axes)
    if attack_from is not None:
        begin = validation.count("attack_from", attack_from)
        axes.axvspan(
            min(begin, len(errors)), len(errors), color=colors.orange, alpha=0.12, lw=0, label="somebody listens"
        )
    _draw_blocks(axes, errors)
    name = next(iter(monitor.charts)) if stream is None else stream
    baseline = monitor.charts[name].score.baseline
    axes.axhline(baseline, color=colors.slate, ls=":", label=f"baseline, {baseline:.3g}")
    alarms = [alarm for alarm in monitor.alarms if alarm.stream == name]
    for i, alarm in enumerate(alarms):
        text = f"alarm at round {alarm.round}" if len(alarms) == 1 else "alarm"
        axes.axvline(alarm.round, color=colors.wine, lw=points(1.5), label=text if not i else None)
        since = f"rise since round {alarm.change.round}, as the monitor sees it"
        axes.axvline(alarm.change.round, color=colors.wine, ls=":", lw=points(1.2), label=since if not i else None)
    number = {0: "no alarm", 1: "one alarm"}.get(len(alarms), f"{len(alarms)} alarms")
    axes.set_title(f"{number} in {len(errors)} compared round{'' if len(errors) == 1 else 's'}", wrap=True)
    axes.set(xlabel="compared round", ylabel="QBER", xlim=(0, 1.02 * len(errors)))
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", fontsize=letters(8))
    return figure_of(axes)


def _draw_blocks(axes: Axes, errors: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
    from quantumlink.estimation import binomial_estimate

    color = palette(axes).blue
    blocks = min(BLOCKS, max(1, len(errors) // ROUNDS_A_BLOCK))
    edges = np.unique(np.linspace(0, len(errors), blocks + 1).astype(int))
    wrong, sizes = np.add.reduceat(errors.astype(int), edges[:-1]), np.diff(edges)
    found = [binomial_estimate(int(w), int(n)) for w, n in zip(wrong, sizes, strict=True)]
    low, best, high = np.transpose([list(estimate) for estimate in found])
    axes.stairs(high, edges, baseline=low, fill=True, color=color, alpha=0.2, lw=0)
    axes.stairs(best, edges, color=color, lw=points(1.5), label=f"QBER in blocks of {int(np.median(sizes))}, 95 %")


def _draw_ledger(axes: Axes, key: Key, room: float) -> None:
    """A waterfall: what was there, less what each step took."""
    from matplotlib.ticker import MaxNLocator

    colors = palette(axes)
    entries = [(label, bits) for label, bits in key.ledger if bits]
    total, rows = 0, []
    for label, bits in entries:
        rows.append(
            (label, min(total, total + bits), abs(bits), colors.blue if bits > 0 else colors.orange, f"{bits:+,}")
        )
        total += bits
    rows.append(("secret key", 0, len(key), colors.green, f"{len(key):,} bits" if key else "refused"))
    places = np.arange(len(rows))[::-1]
    widest = max((start + size for _, start, size, _, _ in rows), default=0) or 1
    for y, (_, start, size, color, text) in zip(places, rows, strict=True):
        axes.barh(y, size, left=start, color=color, alpha=0.85, height=0.65)
        axes.annotate(
            text,
            (start + size, y),
            xytext=(points(4), 0),
            textcoords="offset points",
            va="center",
            fontsize=letters(9),
        )
    axes.set_yticks(places, [_folded(label) for label, *_ in rows])
    # Names take a third; the number beside the longest bar must end within the axes.
    taken = min(0.6, (len(rows[0][-1]) + 1) * LETTER_INCHES * letters(9) / (0.55 * room))
    axes.set_xlim(0, widest / (1 - max(0.17, taken)))
    axes.xaxis.set_major_locator(MaxNLocator(5 if room >= 3 else 3))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("bits")
    axes.grid(axis="x", alpha=0.25)
    told = f"{key.protocol}: {key.rounds:,} rounds, {key.sifted:,} sifted, QBER {float(key.qber):.4f}"
    title = float(rcParams["font.size"]) * 1.2
    axes.set_title(folded(told, 0.7 * room, title), fontsize=title)


def _folded(text: str, width: int = 34) -> str:
    from textwrap import fill

    return fill(text, width)


def _draw_knowledge(
    axes: Axes, cases: Mapping[str, tuple[PrepareAndMeasure, Key]], room: float, *, alone: bool
) -> None:
    colors = palette(axes)
    names = list(cases)
    places = np.arange(len(names))[::-1]
    for y, (session, key) in zip(places, cases.values(), strict=True):
        if session.eavesdropper is None:
            raise ValueError(f"cases must hold sessions with an eavesdropper, got {session!r}")
        knows, granted = session.eavesdropper.information(session), granted_bits(key)
        bars = [
            (granted or 0.0, 0.0, 0.7, colors.slate, "granted by the bound"),
            (knows.holevo, 0.14, 0.24, colors.orange, "she knows, at most (Holevo)"),
            (knows.mutual, -0.14, 0.24, colors.amber, "she knows, guessing at once"),
        ]
        for bits, above, height, color, label in bars:
            axes.barh(y + above, bits, height=height, color=color, label=label if y == places[0] else None)
        outcome = f"{len(key):,} bits" if key else "no key"
        if granted is None:
            outcome += ", bound not reached"
        end = max(knows.holevo, granted or 0.0)
        axes.annotate(
            outcome, (end, y), xytext=(points(5), 0), textcoords="offset points", va="center", fontsize=letters(9)
        )
    axes.set_yticks(places, [_folded(name, _NAME) for name in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(0, 1.3)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_xlabel("bits, of each bit of the raw key")
    what = "what Eve knows of it, and what the bound grants her" if alone else "what Eve knows"
    axes.set_title(what, fontsize=letters(11), wrap=True)
    axes.grid(axis="x", alpha=0.25)
    # Below the axis and its label, however high the picture is.
    columns = legend_columns([label for *_, label in bars], 0.75 * room, letters(8))
    axes.legend(fontsize=letters(8), loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=5, ncols=columns)
