"""Pictures of runs on hardware: measured beside predicted beside ideal, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quantumlink import validation
from quantumlink.estimation import Estimate
from quantumlink.execution.jobs.comparison import Comparison
from quantumlink.execution.mitigation import Mitigated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLES = {"measured": ("#1f4e79", "o"), "measured, mitigated": ("#2e7d4f", "D"), "predicted": ("#d1651a", "s")}
_IDEAL = "#8a949e"
_SPACING = 0.22

_Row = tuple[str, Estimate | None, list[tuple[str, Estimate]]]


def draw_comparison(comparison: Comparison, *, mitigated: Mitigated | None = None) -> Figure:
    """Draw every figure of a run as measured, as predicted, and as it would be ideally, with 95 % intervals.

    Probabilities (fidelity, acceptance) and expectation values have an axis each, and what is negative by its
    prediction is drawn with the other sign, −⟨YY⟩: so that no interval hides in the scale of another figure.

    Args:
        comparison: a measurement beside its prediction.
        mitigated: the same measurement with readout errors taken out, drawn beside it and named so.

    Raises:
        ValueError: if the mitigated figures are those of another measurement, or a basis is not predicted.

    >>> from qiskit.providers.fake_provider import GenericBackendV2
    >>> import quantumlink as ql
    >>> program = ql.compose(ql.ElementaryLink(ql.Node("alice"), ql.Node("bob")))
    >>> prepared = ql.prepare(program, GenericBackendV2(3, seed=1), seed=1)
    >>> result = ql.ExactSampler(seed=1).run(prepared.pubs(1000)).result()
    >>> figure = draw_comparison(Comparison(prepared.samples(result), ql.predict(prepared)))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['probability', 'expectation value']
    """
    from quantumlink.figures import Figure

    validation.instance("comparison", comparison, Comparison, "a Comparison")
    corrected = _corrected(comparison, mitigated)
    shares: list[_Row] = []
    values: list[_Row] = []
    for line in comparison.lines():
        points = [("measured", line.measured), ("predicted", line.predicted)]
        if line.name in corrected:
            points.insert(1, ("measured, mitigated", corrected[line.name]))
        if line.name.startswith("⟨"):
            values.append(_upright(line.name, line.ideal, points))
        else:
            shares.append((line.name, line.ideal, points))
    height = 1.5 + 0.62 * max(len(shares), len(values))
    figure = Figure(figsize=(10.5, height), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_rows(left, shares, "probability")
    _draw_rows(right, values, "expectation value")
    marks, texts = right.get_legend_handles_labels()  # bases are always there, and mitigated if anything is
    figure.legend(marks, texts, loc="outside lower center", ncols=len(marks), fontsize=9)
    figure.suptitle(" – ".join(comparison.measured.ends), fontsize=11)
    return figure


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


def _upright(name: str, ideal: Estimate | None, points: list[tuple[str, Estimate]]) -> _Row:
    if dict(points)["predicted"].best >= 0:
        return name, ideal, points
    return f"−{name}", None if ideal is None else -ideal, [(label, -estimate) for label, estimate in points]


def _draw_rows(axes: Axes, rows: list[_Row], label: str) -> None:
    for y, (_, ideal, points) in enumerate(rows):
        if ideal is not None:
            ends = [y - 0.4, y + 0.4]
            axes.plot([ideal.best] * 2, ends, color=_IDEAL, lw=2, label=None if y else "ideal", zorder=1)
        for i, (name, estimate) in enumerate(points):
            color, marker = _STYLES[name]
            below, above = estimate.errors
            axes.errorbar(
                estimate.best,
                y + (i - (len(points) - 1) / 2) * _SPACING,
                xerr=[[below], [above]],
                fmt=marker,
                color=color,
                markersize=5,
                capsize=3,
                lw=1.4,
                label=None if y else name,
                zorder=2,
            )
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.25)
