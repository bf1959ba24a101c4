"""The style of all pictures: colors that everybody tells apart, any ground, any axes, true titles and scales."""

import inspect
import itertools
from dataclasses import astuple

import matplotlib
import matplotlib.style
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from oracles.sight import BLINDNESS, lab, linear

import quantumlink as ql
from quantumlink.figures import DARK, color_scale, curve, palette
from quantumlink.figures.figure import LEAST_LETTERS
from quantumlink.figures.style import DARK_GROUND, LIGHT_GROUND
from quantumlink.hardware.orbit import EARTH_RADIUS_KM
from quantumlink.monitoring import Monitor
from quantumlink.visualization import coastlines, draw, draw_error_rate, draw_key_rates, draw_network, draw_timeline
from quantumlink.visualization.network_map import LEAST_RATIO, LEAST_SPAN
from quantumlink.visualization.satellite_tracks import footprint, heading_deg, track
from quantumlink.visualization.timeline import BINS, _bins

GROUNDS = [(LIGHT_GROUND, "#ffffff"), (DARK_GROUND, DARK["axes.facecolor"])]


@pytest.mark.parametrize("sight", BLINDNESS)
@pytest.mark.parametrize(("colors", "ground"), GROUNDS)
def test_everybody_tells_any_two_colors_apart(colors, ground, sight):
    seen = [lab(BLINDNESS[sight] @ linear(color)) for color in astuple(colors)]
    for (i, one), (j, other) in itertools.combinations(enumerate(seen), 2):
        assert np.linalg.norm(one - other) > 20, (astuple(colors)[i], astuple(colors)[j])


def test_red_and_green_of_equal_brightness_would_fail_that():
    red, green = (lab(BLINDNESS["deuteranopia"] @ linear(color)) for color in ("#d62728", "#8c7a1e"))
    assert np.linalg.norm(lab(linear("#d62728")) - lab(linear("#8c7a1e"))) > 50
    assert np.linalg.norm(red - green) < 20


@pytest.mark.parametrize(("colors", "ground"), GROUNDS)
def test_every_color_stands_out_from_its_ground(colors, ground):
    for color in astuple(colors):
        bright = sorted(np.array([0.2126, 0.7152, 0.0722]) @ linear(shade) for shade in (color, ground))
        assert (bright[1] + 0.05) / (bright[0] + 0.05) >= 3, color


def test_curves_differ_in_two_of_color_dash_and_marker():
    looks = [curve(number) for number in range(12)]
    for one, other in itertools.combinations(looks, 2):
        assert sum(one[key] != other[key] for key in ("color", "linestyle", "marker")) >= 2


def test_colors_follow_the_ground():
    assert palette() == LIGHT_GROUND
    with matplotlib.rc_context(DARK):
        assert palette() == DARK_GROUND
        assert draw(LINK).axes[0].get_lines()[0].get_color() in astuple(DARK_GROUND)
    with matplotlib.style.context("dark_background"):
        assert palette() == DARK_GROUND
    assert palette(Figure().add_subplot(facecolor="black")) == DARK_GROUND


def test_key_rates_are_told_apart_without_color():
    lines = draw_key_rates(100).axes[0].get_lines()[1:]
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == len(lines)


# --- where they are drawn

PROCESSOR = ql.Processor(depolarizing_2q=0.01)


def chain(hops, fidelity=0.99):
    nodes = [ql.Node(f"node {i}", processor=PROCESSOR, memory=ql.Memory(t2_s=1)) for i in range(hops + 1)]
    return ql.chain(
        [ql.ElementaryLink(a, b, ql.Fiber(20), fidelity=fidelity) for a, b in itertools.pairwise(nodes)]
    )


LINK = chain(2)
VIENNA, GRAZ = ql.Node("vienna", position=(48.21, 16.37)), ql.Node("graz", position=(47.07, 15.44))


@pytest.fixture(scope="module")
def pictures():
    """Of each picture a function of ``ax`` and ``size``, and how many panels it has."""
    monitor = Monitor(0.02, attack=0.06)
    monitor.update(np.zeros(1000, dtype=int))
    timeline = ql.simulate(LINK, trials=100, seed=1)
    samples = ql.sample(ql.compose(LINK), bases=["XX", "YY", "ZZ"], shots=100, seed=1)
    session = ql.qkd.BB84(medium=ql.Fiber(0), rounds=100_000, seed=7, eavesdropper=ql.qkd.InterceptResend(0.1))
    key = session.run()
    network = ql.Network([VIENNA, GRAZ], [ql.ElementaryLink(VIENNA, GRAZ, ql.Fiber(200), fidelity=0.9)], "austria")
    view = ql.visualization
    return {
        "draw": (lambda **where: draw(LINK, **where), 1),
        "draw_run": (lambda **where: view.draw_run(LINK, samples, **where), 3),
        "draw_timeline": (lambda **where: draw_timeline(timeline, **where), 4),
        "draw_network": (lambda **where: draw_network(network, **where), 2),  # and its scale
        "draw_key_rates": (lambda **where: draw_key_rates(**where), 1),
        "draw_key": (lambda **where: view.draw_key(key, **where), 1),
        "draw_key of a session": (lambda **where: view.draw_key(key, session=session, **where), 2),
        "draw_eve": (lambda **where: view.draw_eve({"a tenth": (session, key)}, **where), 1),
        "draw_error_rate": (lambda **where: draw_error_rate(monitor, **where), 1),
        "Monitor.plot": (lambda **where: monitor.plot(**where), 2),
    }


NAMES = ("draw", "draw_run", "draw_timeline", "draw_network", "draw_key_rates", "draw_key", "draw_key of a session")
NAMES = (*NAMES, "draw_eve", "draw_error_rate", "Monitor.plot")


def test_every_picture_takes_axes_and_a_size():
    from quantumlink.distributed.distribution import Distribution
    from quantumlink.encoding.thresholds import ThresholdScan
    from quantumlink.execution.preparation.prepared import Prepared
    from quantumlink.sweeps.table import Table

    functions = [getattr(ql.visualization, name) for name in ql.visualization.__all__ if name.startswith("draw")]
    for function in [*functions, Prepared.draw, Distribution.draw, Monitor.plot, ThresholdScan.plot, Table.plot]:
        assert {"ax", "size"} <= set(inspect.signature(function).parameters), function


@pytest.mark.parametrize("name", NAMES)
def test_drawn_in_axes_of_the_users(pictures, name):
    make, panels = pictures[name]
    figure = Figure(figsize=(14, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    right.plot([0, 1])
    assert make(ax=left) is figure
    assert len(figure.axes) == panels + 1
    assert all(isinstance(axes, Axes) for axes in figure.axes)
    assert len(right.get_lines()) == 1
    figure.draw_without_rendering()


@pytest.mark.parametrize("name", NAMES)
def test_drawn_in_a_size(pictures, name):
    make, panels = pictures[name]
    before = dict(matplotlib.rcParams)
    figure = make(size=(7, 5))
    assert dict(matplotlib.rcParams) == before
    assert tuple(figure.get_size_inches()) == (7, 5)
    assert len(figure.axes) == panels


@pytest.mark.parametrize("name", ["draw", "draw_key of a session", "draw_eve"])
def test_a_smaller_picture_is_the_large_one_shrunk(pictures, name):
    make, _ = pictures[name]
    before = dict(matplotlib.rcParams)
    large = make()
    small = make(size=tuple(0.7 * large.get_size_inches()))
    assert dict(matplotlib.rcParams) == before
    texts, written = drawn(small), drawn(large)  # laid out once each: that is most of the time
    assert len(texts) == len(written) > 1
    for one, other in zip(texts, written, strict=True):
        assert one.get_text() == other.get_text()
        assert one.get_fontsize() == pytest.approx(0.7 * other.get_fontsize()), one
        inside(one, small)
    widths, wide = (
        [line.get_linewidth() for axes in figure.axes for line in axes.lines] for figure in (small, large)
    )
    assert widths == pytest.approx([0.7 * width for width in wide])


def inside(text, figure):
    (left, bottom), (right, top) = text.get_window_extent().get_points()
    assert -3 < left < right < figure.bbox.width + 3, text  # letters are as wide as whole pixels let them
    assert -3 < bottom < top < figure.bbox.height + 3, text


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_of_one_column_can_be_read(pictures, name):
    make, panels = pictures[name]
    figure = make(size=(3.4, 2.6))
    assert len(figure.axes) == panels
    for text in drawn(figure):
        assert text.get_fontsize() >= LEAST_LETTERS
        inside(text, figure)
    titles = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(titles, 2))


@pytest.mark.parametrize("size", [None, (7, 5), (3.4, 2.6)])
@pytest.mark.parametrize("fidelity", [0.9, 0.99, 0.9999])
def test_numbers_of_a_timeline_do_not_run_into_one_another(size, fidelity):
    timeline = ql.simulate(chain(2, fidelity=fidelity), trials=100, seed=1)
    figure = draw_timeline(timeline, size=size)
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.get_xticklabels() if text.get_text()]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


@pytest.mark.parametrize("hops", [4, 15, 30])
def test_captions_of_a_small_tree_are_read_or_left_out(hops):
    figure = draw(chain(hops), size=(3.4, 2.6))
    captions = [text for text in drawn(figure) if "F =" in text.get_text()]
    assert {text.get_fontsize() for text in captions} <= {LEAST_LETTERS}
    assert 1 <= len(captions) <= 2 * hops - 1
    boxes = [text.get_window_extent() for text in captions]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def drawn(figure):
    """All that is written, but for the numbers on the axes, which may be fewer."""
    figure.draw_without_rendering()
    ticks = [text for axes in figure.axes for text in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    return [text for text in texts if text not in ticks and text.axes is not None]


@pytest.mark.parametrize("name", NAMES)
def test_wrong_places_are_refused(pictures, name):
    make, _ = pictures[name]
    with pytest.raises(TypeError, match="ax must be matplotlib's Axes"):
        make(ax=Figure())
    with pytest.raises(ValueError, match="size is that of a new figure"):
        make(ax=Figure().add_subplot(), size=(3, 4))
    for wrong in ((3,), (3, 4, 5), (0, 1), (3, float("nan"))):
        with pytest.raises(ValueError, match="size must be"):
            make(size=wrong)


def test_several_panels_need_a_place_in_a_grid():
    with pytest.raises(ValueError, match="one of a grid of subplots"):
        ql.simulate(LINK, trials=10, seed=1) and draw_timeline(
            ql.simulate(LINK, trials=10, seed=1), ax=Figure().add_axes((0, 0, 1, 1))
        )


# --- scales and captions


def test_the_lowest_value_is_seen_on_a_dark_ground():
    with matplotlib.rc_context(DARK):
        figure = draw_network(ql.Network([VIENNA, GRAZ], [ql.ElementaryLink(VIENNA, GRAZ, fidelity=0.9)]))
        low, high = figure.axes[0].get_facecolor(), color_scale(figure.axes[0])(0.0)
    bright = [np.array([0.2126, 0.7152, 0.0722]) @ linear(matplotlib.colors.to_hex(color)) for color in (low, high)]
    assert (max(bright) + 0.05) / (min(bright) + 0.05) >= 3


def test_latencies_in_even_steps_leave_no_bar_empty():
    # Attempts of a fixed length: 50 bars over 12 steps left three of four of them empty.
    timeline = ql.simulate(ql.ElementaryLink(ql.Node("a"), ql.Node("b"), ql.Fiber(20)), trials=2000, seed=1)
    bars = [
        bar.get_height() for bar in draw_timeline(timeline, budget=False).axes[0].patches if bar.get_height() < 1
    ]
    assert 5 < len(bars) <= BINS
    assert sum(bars) == pytest.approx(1)
    assert min(bars) > 0


def test_many_even_steps_share_bars_evenly():
    edges = _bins(np.arange(0, 120.0))
    assert np.diff(edges) == pytest.approx(np.full(40, 3.0))
    assert _bins(np.array([0.0, 0.3, 1.0])) == pytest.approx(np.linspace(0, 1, BINS + 1))


def test_one_block_of_rounds_has_its_interval():
    monitor = Monitor(0.02, attack=0.06)
    monitor.update(np.zeros(100, dtype=int))
    band = draw_error_rate(monitor).axes[0].patches[0].get_path().get_extents()
    assert band.x0 == 0
    assert band.x1 == 100
    assert 0.01 < band.y1 < 0.06  # none of 100: up to 3.6 percent


def test_names_keep_off_bands():
    south, north = ql.Node("south of it", position=(47.0, 16.0)), ql.Node("north", position=(48.0, 16.35))
    network = ql.Network([south, north], [ql.ElementaryLink(south, north, ql.Fiber(120), fidelity=0.9)])
    figure = draw_network(network, route=["south of it", "north"])
    figure.draw_without_rendering()
    axes = figure.axes[0]
    bands = [line for line in axes.lines if line.get_linewidth() == 9]
    assert bands
    for name in axes.texts:
        box = name.get_window_extent().padded(4.5 * figure.dpi / 72)
        assert not any(b.get_transform().transform_path(b.get_path()).intersects_bbox(box, False) for b in bands), (
            name
        )


def test_thirty_hops_have_all_their_captions():
    figure = draw(chain(30))
    figure.draw_without_rendering()
    texts = figure.axes[0].texts
    assert sum("F =" in text.get_text() for text in texts) == 59
    names = [text.get_text() for text in texts if "F =" not in text.get_text()]
    assert {name.replace("\n", " ") for name in names} == {f"node {i}" for i in range(31)}
    boxes = [text.get_window_extent() for text in texts if "F =" in text.get_text()]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_no_scale_shows_differences_that_mean_nothing():
    links = [ql.ElementaryLink(VIENNA, GRAZ, fidelity=fidelity, rate_hz=100) for fidelity in (0.99103, 0.9910301)]
    figure = draw_network(ql.Network([VIENNA, GRAZ], links))
    low, high = figure.axes[1].get_ylim()
    assert high - low >= 0.999 * LEAST_SPAN
    assert low <= 0.99103 < 0.9910301 <= high <= 1
    low, high = draw_network(ql.Network([VIENNA, GRAZ], links), color_by="rate_hz").axes[1].get_ylim()
    assert high / low >= 0.999 * LEAST_RATIO


@pytest.mark.parametrize("fidelity", [0.995, 1.0, 0.002, 0.0])
def test_a_scale_of_fidelities_ends_at_one(fidelity):
    link = ql.ElementaryLink(VIENNA, GRAZ, bell_diagonal=(fidelity, 1 - fidelity, 0, 0))
    low, high = draw_network(ql.Network([VIENNA, GRAZ], [link])).axes[1].get_ylim()
    assert low <= fidelity <= high <= 1


def test_no_axis_of_a_fidelity_goes_beyond_one():
    perfect = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), ql.Fiber(10))
    figure = draw_timeline(ql.simulate(perfect, trials=10, seed=1))
    assert figure.axes[1].get_xlim()[1] <= 1
    samples = ql.sample(ql.compose(LINK), bases=["XX", "YY", "ZZ"], shots=100, seed=1)
    assert ql.visualization.draw_run(LINK, samples).axes[1].get_ylim()[1] < 1.001


def test_a_circuit_on_a_dark_ground_has_bright_lines_on_that_ground():
    samples = ql.sample(ql.compose(LINK), bases=["XX", "YY", "ZZ"], shots=100, seed=1)
    with matplotlib.rc_context(DARK):
        image = np.asarray(ql.visualization.draw_run(LINK, samples).axes[0].images[0].get_array())
    shades, counts = np.unique(image[..., :3].reshape(-1, 3), axis=0, return_counts=True)
    ground = shades[counts.argmax()]
    assert tuple(ground) == (0x14, 0x18, 0x1D)
    assert counts.max() > image.shape[0] * image.shape[1] / 2
    black = (shades < 8).all(axis=1)  # names and wires were
    assert counts[black].sum() < 0.002 * counts.sum()


# --- coasts, borders, satellites


def distance_deg(kind, latitude, longitude):
    points = np.concatenate(coastlines.lines(kind))
    return np.hypot((points[:, 0] - longitude) * np.cos(np.radians(latitude)), points[:, 1] - latitude).min()


@pytest.mark.parametrize(
    ("kind", "latitude", "longitude"),
    [
        ("coast", -34.83, 20.00),  # Cape Agulhas
        ("coast", 50.07, -5.71),  # Land's End
        ("coast", 71.17, 25.78),  # North Cape
        ("coast", -34.36, 18.47),  # Cape of Good Hope
        ("border", 48.007, 17.161),  # Austria, Hungary, Slovakia
        ("border", 50.870, 14.823),  # Czechia, Germany, Poland
    ],
)
def test_lines_pass_where_they_are(kind, latitude, longitude):
    assert distance_deg(kind, latitude, longitude) < 0.1


def test_no_line_leaps_over_the_map():
    for kind in ("coast", "border"):
        for line in coastlines.lines(kind):
            assert np.abs(line[:, 0]).max() <= 180
            assert np.abs(line[:, 1]).max() <= 90
            assert np.abs(np.diff(line[:, 0])).max() < 10


def test_borders_do_not_move_a_map():
    figure = draw_network(ql.Network([VIENNA, GRAZ], [ql.ElementaryLink(VIENNA, GRAZ)]))
    low, high = figure.axes[0].get_xlim()
    assert 15 < low < 15.44 < 16.37 < high < 17
    assert sum(len(drawn.get_segments()) for drawn in figure.axes[0].collections[-2:]) > 0


@pytest.mark.parametrize("inclination", [None, 97.4, 53.0])
@pytest.mark.parametrize(("highest", "lowest"), [(90, 10), (60, 10), (25, 20)])
def test_a_track_is_seen_as_the_pass_says(highest, lowest, inclination):
    over = ql.SatellitePass(
        500,
        max_elevation_deg=highest,
        min_elevation_deg=lowest,
        inclination_deg=inclination,
        wavelength_nm=850,
        beam_waist_m=0.15,
        receiver_diameter_m=1.0,
    )
    station = (48.21, 16.37)

    def elevation(below, station=station):
        one, other = (
            np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
            for lat, lon in (np.radians(station), np.radians(below))
        )
        ray = (EARTH_RADIUS_KM + 500) * other - EARTH_RADIUS_KM * one
        return np.degrees(np.arcsin(min(1.0, ray @ one / np.linalg.norm(ray))))

    seen = [elevation(point) for point in track(over, station)]
    assert seen[0] == pytest.approx(lowest, abs=1e-6)
    assert seen[-1] == pytest.approx(lowest, abs=1e-6)
    assert max(seen) == seen[len(seen) // 2] == pytest.approx(highest, abs=1e-5)
    below = track(over, station)[len(seen) // 2]
    # Who stands on the circle sees the satellite as low as is allowed.
    around = [elevation(below, station=place) for place in footprint(over, station)]
    assert around == pytest.approx([lowest] * len(around), abs=1e-6)


def test_a_polar_orbit_leads_a_little_west_of_north():
    # cos i = cos φ sin h: at the equator h = 90° − i.
    assert heading_deg(0, 97.4) == pytest.approx(-7.4)
    assert heading_deg(60, 60) == pytest.approx(90)
    assert heading_deg(80, 60) == pytest.approx(90)
