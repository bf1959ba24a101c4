"""A pair's way through a link in time: pictures that move, of what `simulate` played."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quantumlink import validation
from quantumlink.figures import figure_of, letters, one_axes, palette, picture, points
from quantumlink.readings.timeline import Timeline
from quantumlink.readings.timeline.plan import Elementary, in_order
from quantumlink.visualization.timeline import time_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRAMES = 60
"""Pictures, unless said otherwise."""

MOST_FRAMES = 1000

DPI = 80


@dataclass(frozen=True)
class Stretch:
    """A pair between two nodes: since when it is there, since when both ends know, and until when."""

    ends: tuple[str, str]
    made_s: float
    known_s: float
    until_s: float
    height: int
    """How many operations are under it, at most: drawn that high."""
    what: str
    """``"pair"`` for an elementary one, else the name of what made it."""


class Animation:
    """Pictures one after the other; a notebook plays them, and ``save`` writes them as GIF or as an HTML page."""

    def __init__(self, gif: bytes, alt: str, stretches: Sequence[Stretch]) -> None:
        self.gif = gif
        """The file's content."""
        self.alt = alt
        """What is to be seen, in words."""
        self.stretches = tuple(stretches)
        """The pairs that are drawn, those under an operation before what it makes."""

    def save(self, path: str | Path) -> None:
        """Write a file that shows it without a network.

        Raises:
            ValueError: if the name ends in neither ``.gif`` nor ``.html``.
        """
        path = Path(path)
        if path.suffix == ".gif":
            path.write_bytes(self.gif)
        elif path.suffix == ".html":
            page = f'<!doctype html><meta charset="utf-8"><title>{escape(self.alt)}</title>{self._repr_html_()}\n'
            path.write_text(page, encoding="utf-8")
        else:
            raise ValueError(f"path must end in .gif or .html, got {str(path)!r}")

    def _repr_html_(self) -> str:
        return f'<img src="data:image/gif;base64,{b64encode(self.gif).decode()}" alt="{escape(self.alt)}">'

    def __repr__(self) -> str:
        return f"<Animation: {self.alt}>"


@picture
def draw_animation(
    timeline: Timeline,
    trial: int = 0,
    *,
    frames: int = FRAMES,
    ax: Axes | None = None,
    size: tuple[float, float] | None = None,
) -> Animation:
    """Play one trial of a timeline: pairs come to be, wait, are purified and swapped, until both ends have theirs.

    Time runs evenly from the trial's start to its latency. An arc is a pair: dotted until both of its ends know of
    it, then drawn out; a thin line is a link that makes attempts. Of what began again the accepted try is shown:
    until then its links make attempts. The run is played again for it.

    Args:
        timeline: what `simulate` found, of a link between two ends whose operations all leave pairs.
        trial: which of its trials.
        frames: how many pictures, 2 to 1,000.
        ax: where to draw; in a new figure if None. Pictures are of its whole figure.
        size: width and height of a new figure in inches.

    Raises:
        TypeError: if it is no timeline, or a number or ``ax`` is of the wrong kind.
        ValueError: if there is no such trial, an operation leaves states of other than two ends, or an argument is
            out of range.

    >>> import quantumlink as ql
    >>> a, r, b = ql.Node("a"), ql.Node("r"), ql.Node("b")
    >>> links = [ql.ElementaryLink(*ends, ql.Fiber(10), success_probability=0.1) for ends in [(a, r), (r, b)]]
    >>> link = ql.swap(*links)
    >>> draw_animation(ql.simulate(link, trials=5, seed=1), trial=2, frames=3)
    <Animation: a – b, trial 2: a–r there after 294 µs, r–b after 490 µs, a–b by entanglement_swap after 539 µs>
    """
    from PIL import Image

    validation.instance("timeline", timeline, Timeline, "a Timeline, which simulate returns")
    trial = validation.count("trial", trial)
    if trial >= timeline.trials:
        raise ValueError(
            f"trial must be one of the {timeline.trials} that were played, 0 being the first, got {trial}"
        )
    frames = validation.count("frames", frames, at_least=2)
    if frames > MOST_FRAMES:
        raise ValueError(f"frames must be at most {MOST_FRAMES}, got {frames}")
    stretches = stretches_of(timeline, trial)
    latency = float(timeline.latencies_s[trial])
    nodes = list(dict.fromkeys(name for s in stretches if s.what == "pair" for name in s.ends))
    axes = one_axes(ax, size, (max(5.0, 1.2 * len(nodes)), 3.4))
    figure: Any = figure_of(axes)
    title = f"{' – '.join(timeline.link.end_labels)}, trial {trial}"
    pictures = []
    for now in np.linspace(0.0, latency, frames):
        axes.clear()
        _draw_moment(axes, stretches, nodes, float(now), latency, title)
        pictures.append(_picture(figure, Image))
    content = BytesIO()
    waits = [80] * (frames - 1) + [2000]
    pictures[0].save(content, format="GIF", save_all=True, append_images=pictures[1:], duration=waits, loop=0)
    return Animation(content.getvalue(), _in_words(title, stretches), stretches)


def stretches_of(timeline: Timeline, trial: int) -> list[Stretch]:
    """The pairs of one trial, each from when it is there until it is used, children before parents."""
    moments = iter(timeline.histories().moments)
    latency = float(timeline.latencies_s[trial])
    found: list[Stretch] = []
    stack: list[int] = []
    for part in in_order(timeline.run.plan):
        if len(part.link.ends) != 2:
            raise ValueError(f"timeline must be of a link all of whose parts are pairs, got {part.link!r}")
        left, right = part.link.end_labels
        if isinstance(part, Elementary):
            stack.append(len(found))
            found.append(Stretch((left, right), latency, latency, latency, 0, "pair"))
            continue
        own = next(moments)
        children = stack[-len(part.children) :]
        del stack[-len(part.children) :]
        begun = float(own.begun_s[trial])
        for place, child in enumerate(children):
            known = own.links_known_s[trial, 2 * place : 2 * place + 2]
            s = found[child]
            made = float(known.min()) if s.what == "pair" else s.made_s
            found[child] = Stretch(s.ends, made, float(known.max()), begun, s.height, s.what)
        height = 1 + max(found[child].height for child in children)
        known_s = float(own.known_s[trial].max())
        stack.append(len(found))
        name = part.link.operation.name
        found.append(Stretch((left, right), float(own.done_s[trial]), known_s, latency, height, name))
    return found


def _draw_moment(
    axes: Axes, stretches: Sequence[Stretch], nodes: Sequence[str], now: float, latency: float, title: str
) -> None:
    colors = palette(axes)
    place = {name: i for i, name in enumerate(nodes)}
    top = 1 + max(s.height for s in stretches)
    axes.plot(range(len(nodes)), [0] * len(nodes), "o", ms=points(11), color=colors.slate, zorder=3)
    for s in stretches:
        a, b = sorted(place[name] for name in s.ends)
        along = np.linspace(0, np.pi, 40)
        x, y = (a + b) / 2 - (b - a) / 2 * np.cos(along), (s.height + 0.75) * np.sin(along)
        if s.what == "pair" and now < s.made_s:
            axes.plot([a, b], [0, 0], color=colors.faint, lw=points(1.2), ls=(0, (2, 2)))
        elif s.made_s <= now and (now < s.until_s or now >= latency == s.until_s):
            done = now >= s.known_s
            last = s.until_s == latency and done and s is stretches[-1]
            color = colors.green if last else colors.blue
            axes.plot(x, y, color=color, lw=points(3 if done else 1.8), ls="-" if done else ":")
    unit, name = time_unit(latency)
    axes.set(xlim=(-0.6, len(nodes) - 0.4), ylim=(-0.6, top), yticks=[], xticks=range(len(nodes)))
    axes.set_xticklabels(nodes, rotation=0 if sum(map(len, nodes)) < 60 else 90)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(f"{title}: {now / unit:.3g} of {latency / unit:.3g} {name}", fontsize=letters(11))


def _picture(figure: Any, image: Any) -> Any:
    content = BytesIO()
    figure.savefig(content, format="png", dpi=DPI)
    return image.open(content).convert("P", palette=image.Palette.ADAPTIVE)


def _in_words(title: str, stretches: Sequence[Stretch]) -> str:
    unit, name = time_unit(stretches[-1].known_s)
    told: list[str] = []
    for s in stretches:
        how, there = ("", " there") if s.what == "pair" else (f" by {s.what}", "")
        told.append(f"{'–'.join(s.ends)}{how}{there if not told else ''} after {s.known_s / unit:.3g} {name}")
    return f"{title}: {', '.join(told)}"
