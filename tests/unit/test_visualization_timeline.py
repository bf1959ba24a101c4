"""Pictures of a timeline: what stands in them is what was simulated."""

import io
from dataclasses import fields, replace
from itertools import pairwise

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest

import quantumlink as ql
from quantumlink.visualization import draw_timeline
from quantumlink.visualization.timeline import BINS, TAIL, time_unit


@pytest.fixture(scope="module")
def timeline():
    memory, processor = ql.Memory(t2_s=0.05), ql.Processor(depolarizing_2q=5e-3, readout_error=2e-3)
    nodes = [ql.Node(name, memory=memory, processor=processor) for name in ("alice", "r", "s", "bob")]
    links = [ql.ElementaryLink(a, b, ql.Fiber(30), fidelity=0.95) for a, b in pairwise(nodes)]
    return ql.simulate(ql.chain(links, purify_rounds=1), trials=3_000, seed=7)


@pytest.fixture(scope="module")
def figure(timeline):
    return draw_timeline(timeline)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_four_panels(figure):
    assert figure.get_suptitle() == "alice – bob: 3000 trials, waiting included"
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "latency (ms)",
        "fidelity to Φ⁺",
        "mean latency (ms)",
        "mean infidelity",
    ]


def test_the_bars_are_the_distribution_of_latencies(figure, timeline):
    axes = figure.axes[0]
    *bars, _ = axes.patches  # and the span that holds nine of ten
    assert 1 < len(bars) <= BINS
    shown = np.cumsum([bar.get_height() for bar in bars])
    for bar, below in zip(bars[:-1], shown[:-1], strict=True):
        # Attempts come in steps: what lies on an edge, but for rounding, may count to either side.
        edge = 1e-3 * (bar.get_x() + bar.get_width())
        least, most = (np.mean(timeline.latencies_s < edge * (1 + slack)) for slack in (-1e-9, 1e-9))
        assert least - 1e-9 <= below <= most + 1e-9
    assert shown[-1] == pytest.approx(1.0)
    last = np.quantile(timeline.latencies_s, TAIL)
    beyond = int((timeline.latencies_s > last).sum())
    assert 0 < beyond <= 0.005 * timeline.trials + 1
    assert f"last bar: {beyond} up to" in axes.get_title()


def test_the_bars_are_the_distribution_of_fidelities(figure, timeline):
    bars = figure.axes[1].patches
    assert len(bars) == BINS
    centers = np.array([bar.get_x() + bar.get_width() / 2 for bar in bars])
    shares = np.array([bar.get_height() for bar in bars])
    assert shares.sum() == pytest.approx(1.0)
    assert centers @ shares == pytest.approx(timeline.fidelity.best, abs=bars[0].get_width() / 2)


def test_means_with_intervals_and_quantiles_are_told(figure, timeline):
    low, best, high = (1e3 * value for value in timeline.latency_s)
    mean, quantiles = legend(figure.axes[0])
    assert mean == f"mean {best:.5g} [{low:.5g}, {high:.5g}] ms"
    assert quantiles.endswith(f"{1e3 * timeline.latency_quantile_s(0.95):.4g} ms")
    low, best, high = timeline.fidelity
    assert legend(figure.axes[1]) == [f"mean {best:.5g} [{low:.5g}, {high:.5g}]"]


def test_the_budgets_are_those_of_the_timeline(figure, timeline):
    time, lost = timeline.budget.time, timeline.budget.fidelity
    for axes, parts, unit in ((figure.axes[2], time, 1e-3), (figure.axes[3], lost, 1.0)):
        widths = [bar.get_width() * unit for bar in axes.patches]
        assert widths == pytest.approx([getattr(parts, field.name) for field in fields(parts)])
        names = [label.get_text() for label in axes.get_yticklabels()]
        assert names == [field.name.removesuffix("_s") for field in fields(parts)]
        assert axes.yaxis_inverted()  # the first part on top
    assert sum(bar.get_width() for bar in figure.axes[2].patches) == pytest.approx(1e3 * timeline.latency_s.best)
    labels = [text.get_text() for text in figure.axes[3].texts]
    assert labels[0].startswith(f"{lost.source:.3g}, ")
    shares = [float(text.split(", ")[1].removesuffix(" %")) for text in labels]
    assert sum(shares) == pytest.approx(100, abs=0.3)


def test_labels_stay_within_their_panels(figure):
    figure.draw_without_rendering()
    for axes in figure.axes[2:]:
        for text in axes.texts:
            assert text.get_window_extent().x1 <= axes.bbox.x1


def test_without_budgets(timeline):
    assert len(draw_timeline(timeline, budget=False).axes) == 2


def test_what_never_varies_is_one_bar():
    link = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=1.0, success_probability=1, attempt_time_s=1e-4)
    figure = draw_timeline(ql.simulate(link, trials=1, seed=1))
    assert figure.get_suptitle() == "a – b: 1 trial, waiting included"
    assert legend(figure.axes[0])[0] == "mean 100 µs"  # one trial has no interval
    for axes in figure.axes[:2]:
        low, high = axes.get_xlim()
        assert low < axes.patches[0].get_x() < high
    assert all(text.get_text() == "0" for text in figure.axes[3].texts)


def test_an_interrupted_timeline_says_so(timeline):
    stopped = replace(timeline, run=replace(timeline.run, trials=9_000), interrupted=True)
    assert (
        draw_timeline(stopped, budget=False).get_suptitle()
        == "alice – bob: 3000 trials of 9000, interrupted, waiting included"
    )


def test_a_saved_picture_shows_something_and_leaves_pyplot_alone(timeline):
    before = plt.get_fignums()  # other tests may have drawn with pyplot
    figure = draw_timeline(timeline)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=60, format="png")
    buffer.seek(0)
    image = matplotlib.image.imread(buffer)[..., :3]
    assert image.std() > 0.05
    assert plt.get_fignums() == before


def test_only_a_timeline_is_drawn():
    with pytest.raises(TypeError, match="timeline must be a Timeline"):
        draw_timeline([1, 2, 3])


@pytest.mark.parametrize(
    ("value", "unit"), [(3e-7, "µs"), (2e-6, "µs"), (0.5, "ms"), (1.0, "s"), (90, "min"), (1e5, "days"), (0, "s")]
)
def test_units(value, unit):
    assert time_unit(value)[1] == unit


def test_three_ends_are_drawn_with_their_budget():
    hub, *ends = (ql.Node(name, memory=ql.Memory(t2_s=0.1)) for name in "habc")
    arms = [ql.ElementaryLink(end, hub, ql.Fiber(10), fidelity=0.9) for end in ends]
    link = ql.join(ql.circuits.multiway_swap(3), *arms)
    figure = draw_timeline(ql.simulate(link, trials=50, seed=1))
    assert figure.axes[1].get_xlabel() == "fidelity to what perfect links would give"
    assert figure.get_suptitle() == "a – b – c: 50 trials, waiting included"
    assert ql.draw(link) is not None
