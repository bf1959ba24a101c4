"""Pictures of passes: a bar a pass, tracks where the satellite is, and where they are drawn."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from quantumlink.hardware import CircularOrbit, Node, walker
from quantumlink.network import find_overpasses
from quantumlink.visualization import draw_overpasses, draw_tracks

STATIONS = [Node("vienna", position=(48.2, 16.4)), Node("suva", position=(-18.1, 178.4))]
FEW = [Node(f"s{i}", orbit=orbit) for i, orbit in enumerate(walker(3, 3, 1, altitude_km=500, inclination_deg=60))]


@pytest.fixture(scope="module")
def day():
    return find_overpasses(FEW, STATIONS, start="2026-03-20", min_elevation_deg=10)


def test_every_pass_has_its_bar(day):
    axes = draw_overpasses(day).axes[0]
    assert len(axes.patches) == len(day)
    heights = sorted(bar.get_height() / 0.9 * 90 for bar in axes.patches)
    assert heights == pytest.approx(sorted(one.max_elevation_deg for one in day))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["suva", "vienna"]
    dark = sum(bar.get_facecolor()[3] > 0 for bar in axes.patches)
    assert 0 < dark < len(day)


def test_long_times_show_their_beginning():
    week = find_overpasses(FEW[:1], STATIONS[:1], start="2026-03-20", duration_s=7 * 86_400)
    axes = draw_overpasses(week).axes[0]
    assert axes.get_xlim() == (0, 72)
    assert len(axes.patches) == sum(one.rise_s < week.start_s + 3 * 86_400 for one in week)


def test_tracks_stay_within_the_inclination_and_circles_within_reach(day):
    figure = draw_tracks(day)
    axes = figure.axes[0]
    ways = axes.get_lines()
    assert len(ways) >= len(FEW) + len(day) + 2 * len(STATIONS)
    for line in ways[: len(FEW)]:
        assert np.nanmax(np.abs(line.get_ydata())) <= 60.0 + 1e-6
        assert np.nanmax(np.abs(np.diff(line.get_xdata()))) < 180
    # A circle is as large as the central angle at which the satellite stands 10° high.
    reach = np.degrees(np.arccos(6371 / 6871 * np.cos(np.radians(10)))) - 10
    assert {text.get_text() for text in axes.texts} == {"vienna", "suva"}
    circle = next(line for line in ways if len(line.get_xdata()) >= 120 and line.get_linewidth() == 0.9)
    assert np.nanmax(circle.get_ydata()) == pytest.approx(48.2 + reach, abs=0.15)
    assert np.nanmin(circle.get_ydata()) == pytest.approx(48.2 - reach, abs=0.15)
    figure.draw_without_rendering()


@pytest.mark.parametrize("draw", [draw_overpasses, draw_tracks])
def test_they_are_drawn_where_they_are_told_to(day, draw):
    axes = Figure().subplots(2)[1]
    assert draw(day, ax=axes) is axes.figure
    assert axes.get_title()
    assert draw(day, size=(4, 3)).get_size_inches().tolist() == [4, 3]
    with pytest.raises(ValueError, match="size"):
        draw(day, ax=axes, size=(4, 3))
    with pytest.raises(TypeError, match="find_overpasses"):
        draw(CircularOrbit(500, 60))
