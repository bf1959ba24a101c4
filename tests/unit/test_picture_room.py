"""Pictures with much in them: names, numbers and legends each have room; threads do not see each other's sizes."""

import itertools
import threading

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from oracles.sight import BLINDNESS, lab, linear
from qiskit import QuantumCircuit
from qiskit.transpiler import CouplingMap, Target

import quantumlink as ql
from quantumlink.distributed.drawing import nodes_and_pairs
from quantumlink.execution.preparation.picture import _look, _readable_on, draw_on_device
from quantumlink.figures import one_axes, picture
from quantumlink.figures.figure import LEAST_LETTERS
from quantumlink.figures.style import DARK_GROUND, LIGHT_GROUND
from quantumlink.monitoring import Monitor
from quantumlink.sweeps.plot import LEAST_SHARE, draw_table
from quantumlink.sweeps.table import Table


def boxes(texts):
    return [text.get_window_extent() for text in texts]


def overlapping(found):
    return [(one, other) for one, other in itertools.combinations(found, 2) if one.overlaps(other)]


def test_twelve_long_names_of_a_distribution_do_not_overlap():
    names = [f"data-center-of-city-{i}" for i in range(12)]
    pairs = {(names[i], names[(i + 6) % 12]): i for i in range(6)}  # all of them across
    figure = nodes_and_pairs(dict.fromkeys(names, (8, 2)), pairs, None, None)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert len(axes.texts) == 18
    assert not overlapping([*boxes(axes.texts), axes.title.get_window_extent()])
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for box in boxes(axes.texts))


def chain(names):
    nodes = [ql.Node(name) for name in names]
    return ql.chain([ql.ElementaryLink(a, b, ql.Fiber(20), fidelity=0.98) for a, b in itertools.pairwise(nodes)])


def test_long_names_of_nodes_are_written_in_lines():
    names = [f"research laboratory of the university of {city}" for city in ("Vienna", "Graz", "Linz")]
    figure = ql.draw(chain(names))
    figure.draw_without_rendering()
    written = [text for text in figure.axes[0].texts if "F =" not in text.get_text()]
    assert [text.get_text().replace("\n", " ") for text in written] == names
    assert {text.get_rotation() for text in written} == {0.0}
    assert not overlapping(boxes(written))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for box in boxes(written))


def test_captions_have_room_in_narrow_axes():
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots(1, 2)[0]
    ql.draw(chain("abcdefg"), ax=axes)
    figure.draw_without_rendering()
    assert not overlapping(boxes(text for text in axes.texts if "F =" in text.get_text()))


def test_a_monitors_legend_lies_above_its_thresholds():
    monitor = Monitor(0.02, attack=0.06)
    monitor.update(np.zeros(100, dtype=int))
    figure = monitor.plot()
    figure.draw_without_rendering()
    above = figure.axes[0]
    (threshold,) = {line.get_ydata()[0] for line in above.lines if line.get_linestyle() == "--"}
    assert above.transData.transform((0, threshold))[1] < above.get_legend().get_window_extent().y0


# --- a prepared link


def test_a_prepared_links_legend_covers_no_qubit():
    size = 9
    target = Target.from_configuration(["cx", "x"], size, CouplingMap.from_grid(3, 3))
    circuit = QuantumCircuit(size)
    circuit.cx(0, 1)
    figure = draw_on_device(target, circuit, {0: "a", 1: "b"}, "a – b", ax=None, size=None)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    legend = axes.get_legend().get_window_extent()
    assert axes.bbox.x1 <= legend.x0 < legend.x1 <= figure.bbox.width


@pytest.mark.parametrize("ink", [LIGHT_GROUND, DARK_GROUND])
def test_everybody_tells_prepared_nodes_apart_and_reads_their_numbers(ink):
    looks = [_look(number, ink) for number in range(21)]
    for (color, marker), (other, another) in itertools.combinations(looks, 2):
        for sight in BLINDNESS.values() if marker == another else ():
            assert np.linalg.norm(lab(sight @ linear(color)) - lab(sight @ linear(other))) > 20
    for color, _ in looks:
        bright = sorted(np.array([0.2126, 0.7152, 0.0722]) @ linear(one) for one in (color, _readable_on(color)))
        assert (bright[1] + 0.05) / (bright[0] + 0.05) > 4.5  # WCAG 2.2, 1.4.3


# --- heat maps


def heat_map(values):
    places = list(itertools.product([1, 2], [3, 4]))
    columns = {"a": [a for a, _ in places], "b": [b for _, b in places], "value": values}
    table = Table({name: np.array(column) for name, column in columns.items()}, ("a", "b"))
    return draw_table(table, None, None, None, None, None)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([0.99, 0.99 + 1e-9, 0.99, 0.99], 0.99 * (1 - LEAST_SHARE / 2), 0.99 * (1 + LEAST_SHARE / 2)),
        ([1.0, 1 - 1e-9, 1.0, 1.0], 1 - LEAST_SHARE, 1.0),  # no fidelity goes beyond 1
        ([1e-4, 1e-3, 2e-4, 5e-4], 1e-4, 1e-3),  # small, and different
        ([-5.0, -5.0, -5.0, -5.001], -5.0 - 0.0005 - LEAST_SHARE * 2.5, -5.0 - 0.0005 + LEAST_SHARE * 2.5),
        ([1.0, float("nan"), 3.0, float("inf")], 1.0, 3.0),
    ],
)
def test_colors_of_a_table_show_no_differences_that_mean_nothing(values, low, high):
    assert heat_map(values).axes[0].collections[0].get_clim() == pytest.approx((low, high), rel=1e-5)


def test_the_lowest_cell_is_seen_on_a_dark_ground():
    with matplotlib.rc_context(ql.visualization.DARK):
        figure = heat_map([1.0, 2.0, 3.0, 4.0])
    color = figure.axes[0].collections[0].cmap(0.0)
    low, high = (
        np.array([0.2126, 0.7152, 0.0722]) @ linear(matplotlib.colors.to_hex(one))
        for one in (figure.axes[0].get_facecolor(), color)
    )
    assert (high + 0.05) / (low + 0.05) >= 3


# --- matplotlib's settings


def test_settings_are_given_back_after_an_exception():
    @picture
    def fails():
        one_axes(None, (1, 1), (10, 10))
        assert matplotlib.rcParams["font.size"] == LEAST_LETTERS < 10
        raise KeyError

    before = dict(matplotlib.rcParams)
    with pytest.raises(KeyError):
        fails()
    assert dict(matplotlib.rcParams) == before


def test_threads_do_not_see_each_others_sizes():
    inside, leave = threading.Event(), threading.Event()
    seen = []

    @picture
    def small():
        one_axes(None, (1, 1), (10, 10))
        inside.set()
        leave.wait(5)

    @picture
    def large():
        seen.append(matplotlib.rcParams["font.size"])

    before = dict(matplotlib.rcParams)
    threads = [threading.Thread(target=small), threading.Thread(target=large)]
    threads[0].start()
    assert inside.wait(5)
    threads[1].start()
    threads[1].join(0.05)  # it waits for the first one
    leave.set()
    for thread in threads:
        thread.join(5)
    assert seen == [before["font.size"]]
    assert dict(matplotlib.rcParams) == before
