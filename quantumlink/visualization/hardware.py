"""Pictures of runs on hardware: measured beside predicted beside ideal, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quantumlink import validation
from quantumlink.estimation import Estimate
from quantumlink.execution.jobs.comparison import Comparison
from quantumlink.execution.mitigation import Mitigated
from quantumlink.figures import figure_of, letters, palette, picture, points, several_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = {"measured": "o", "measured, mitigated": "D", "predicted": "s"}
_SPACING = 0.22

_Row = tuple[str, Estimate | None, list[tuple[str, Estimate]]]


@picture
def draw_comparison(
    comparison: Comparison,
    *,
    mitigated: Mitigated | None = None,
    ax: Axes | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw every figure of a run as measured, as predicted, and as it would be ideally, with 95 % intervals.

    Probabilities (fidelity, acceptance) and expectation values have an axis each, and what is negative by its
    prediction is drawn with the other sign, −⟨YY⟩: so that no interval hides in the scale of another figure.

    Args:
        comparison: a measurement beside its prediction.
        mitigated: the same measurement with readout errors taken out, drawn beside it and named so.
        ax: one of a grid of subplots, in whose place to draw; in a new figure if None.
        size: width and height of a new figure in inches.

    Raises:
        TypeError: if ``ax`` is no axes.
        ValueError: if the mitigated figures are those of another measurement, a basis is not predicted, ``ax`` is
            not one of a grid, or ``size`` is not two lengths or given beside ``ax``.

    >>> from qiskit.providers.fake_provider import GenericBackendV2
    >>> import quantumlink as ql
    >>> program = ql.compose(ql.ElementaryLink(ql.Node("alice"), ql.Node("bob")))
    >>> prepared = ql.prepare(program, GenericBackendV2(3, seed=1), seed=1)
    >>> result = ql.ExactSampler(seed=1).run(prepared.pubs(1000)).result()
    >>> figure = draw_comparison(Comparison(prepared.samples(result), ql.predict(prepared)))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['probability', 'expectation value']
    """
    validation.instance("comparison", comparison, Comparison, "a Comparison")
    corrected = _corrected(comparison, mitigated)
    shares: list[_Row] = []
    values: list[_Row] = []
    for line in comparison.lines():
        shown = [("measured", line.measured), ("predicted", line.predicted)]
        if line.name in corrected:
            shown.insert(1, ("measured, mitigated", corrected[line.name]))
        if line.name.startswith("⟨"):
            values.append(_upright(line.name, line.ideal, shown))
        else:
            shares.append((line.name, line.ideal, shown))
    height = 1.5 + 0.62 * max(len(shares), len(values))
    canvas = several_axes(ax, size, (10.5, height))
    left, right = canvas.subplots(1, 2)
    _draw_rows(left, shares, "probability")
    _draw_rows(right, values, "expectation value")
    left.set_xlim(right=min(1.0, left.get_xlim()[1]))
    marks, texts = right.get_legend_handles_labels()  # bases are always there, and mitigated if anything is
    canvas.legend(marks, texts, loc="outside lower center", ncols=len(marks), fontsize=letters(9))
    canvas.suptitle(" – ".join(comparison.measured.ends), fontsize=letters(11), parse_math=False)
    return figure_of(canvas)


def _corrected(comparison: Comparison, mitigated: Mitigated | None) -> dict[str, Estimate]:
    if mitigated is None:
        return {}
    validation.instance("mitigated", mitigated, Mitigated, "what job.mitigated() returns, or None")
    if mitigated.raw != comparison.measured:
        raise ValueError(
            f"mitigated must be of the same measurement: its raw counts are {mitigated.raw!r}, compared are "
            f"{comparison.measured!r}"
        )
    return {name: estimate for name, _, estimate in mitigated.lines()}


def _upright(name: str, ideal: Estimate | None, shown: list[tuple[str, Estimate]]) -> _Row:
    if dict(shown)["predicted"].best >= 0:
        return name, ideal, shown
    return f"−{name}", None if ideal is None else -ideal, [(label, -estimate) for label, estimate in shown]


def _draw_rows(axes: Axes, rows: list[_Row], label: str) -> None:
    colors = palette(axes)
    color_of = {"measured": colors.orange, "measured, mitigated": colors.green, "predicted": colors.blue}
    for y, (_, ideal, shown) in enumerate(rows):
        if ideal is not None:
            ends = [y - 0.4, y + 0.4]
            axes.plot(
                [ideal.best] * 2, ends, color=colors.slate, lw=points(2), label=None if y else "ideal", zorder=1
            )
        for i, (name, estimate) in enumerate(shown):
            below, above = estimate.errors
            axes.errorbar(
                estimate.best,
                y + (i - (len(shown) - 1) / 2) * _SPACING,
                xerr=[[below], [above]],
                fmt=_MARKERS[name],
                color=color_of[name],
                markersize=points(5),
                capsize=points(3),
                lw=points(1.4),
                clip_on=False,
                label=None if y else name,
                zorder=2,
            )
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.25)
