"""Maps of networks: places, colors, routes, names that can be read."""

import io
import itertools
from pathlib import Path

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colormaps
from matplotlib.collections import PathCollection
from matplotlib.path import Path as Way
from matplotlib.transforms import Bbox

from quantumlink import ElementaryLink, Fiber, Network, Node, SatellitePass
from quantumlink.figures import palette
from quantumlink.network import Demand, great_circle_km
from quantumlink.visualization import draw_network
from quantumlink.visualization.globe import great_circle, middle, with_moving
from quantumlink.visualization.map_labels import _Drawn

NETWORKS = Path(__file__).parents[2] / "notebooks" / "networks"
SHIPPED = ("metro", "germany", "intercontinental")
A, B, C, D = (
    Node("alice", role="end", position=(48.0, 10.0)),
    Node("b", position=(48.0, 12.0)),
    Node("c", position=(50.0, 12.0), role="trusted"),
    Node("dora", role="end", position=(50.0, 10.0)),
)
AB = ElementaryLink(A, B, fidelity=0.9, rate_hz=10)
BC = ElementaryLink(B, C, fidelity=0.8, rate_hz=1000)
CD = ElementaryLink(C, D, fidelity=0.7)
DA = ElementaryLink(D, A, fidelity=0.95, rate_hz=100)
SQUARE = Network([A, B, C, D], [AB, BC, CD, DA], "square")
LOOK_UP = {"wavelength_nm": 850, "beam_waist_m": 0.15, "receiver_diameter_m": 1.0}
positions = st.tuples(st.floats(-85, 85), st.floats(-179, 179))


@pytest.fixture(scope="module")
def shipped():
    return {name: Network.load(NETWORKS / f"{name}.toml") for name in SHIPPED}


@pytest.fixture(scope="module")
def maps(shipped):
    return {name: draw_network(network, color_by="rate_hz") for name, network in shipped.items()}


def links_of(figure):
    """The drawn links: narrow lines above the bands."""
    return [line for line in figure.axes[0].get_lines() if line.get_zorder() == 2]


def bands_of(figure):
    return [line for line in figure.axes[0].get_lines() if line.get_zorder() == 1]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def scattered(axes):
    """The nodes: what is drawn of coasts and borders are lines."""
    return [drawn for drawn in axes.collections if isinstance(drawn, PathCollection)]


def names_on(figure):
    return {text.get_text(): text for text in figure.axes[0].texts}


def ends(line):
    x, y = line.get_data()
    return {(round(float(x[i]), 6), round(float(y[i]), 6)) for i in (0, -1)}


def link_between(figure, one, other):
    wanted = {tuple(reversed(node.position)) for node in (one, other)}
    (line,) = (line for line in links_of(figure) if ends(line) == wanted)
    return line


# --- the map


def test_title_axes_and_legend():
    figure = draw_network(SQUARE)
    axes, scale = figure.axes
    assert axes.get_title() == "square: 4 nodes, 4 elementary links"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("longitude (°)", "latitude (°)")
    assert scale.get_ylabel() == "fidelity of an elementary pair"
    assert legend(figure) == ["end", "repeater", "trusted"]
    assert set(names_on(figure)) == {"alice", "b", "c", "dora"}


def test_links_lead_from_place_to_place():
    figure = draw_network(SQUARE)
    for link in SQUARE.links:
        assert link_between(figure, *link.ends) is not None
    assert len(links_of(figure)) == len(SQUARE.links)


@pytest.mark.parametrize(
    ("color_by", "shares"),
    [
        ("fidelity", {AB: (0.9 - 0.7) / 0.25, BC: (0.8 - 0.7) / 0.25, CD: 0.0, DA: 1.0}),
        ("rate_hz", {AB: 0.0, BC: 1.0, DA: 0.5}),  # powers of ten: 1, 3 and 2
    ],
)
def test_colors_tell_the_values(color_by, shares):
    figure = draw_network(SQUARE, color_by=color_by)
    for link, share in shares.items():
        assert link_between(figure, *link.ends).get_color() == pytest.approx(colormaps["viridis"](share), abs=0.02)


def test_what_is_not_known_is_gray():
    assert link_between(draw_network(SQUARE, color_by="rate_hz"), C, D).get_color() == palette().slate
    unknown = Network([C, D], [CD])
    figure = draw_network(unknown, color_by="rate_hz")
    assert len(figure.axes) == 1  # no scale without values


def test_a_rate_from_the_medium_is_known():
    fiber = Network([A, B], [ElementaryLink(A, B, Fiber(50))])
    assert link_between(draw_network(fiber, color_by="rate_hz"), A, B).get_color() != palette().slate


def test_colors_tell_how_much_of_every_link_is_used():
    cd, da = ElementaryLink(C, D, rate_hz=40), ElementaryLink(D, A, rate_hz=5)
    c = Node("c", position=(50.0, 12.0))
    links = [AB, ElementaryLink(B, c, rate_hz=1000), ElementaryLink(c, D, rate_hz=40), da]
    network = Network([A, B, c, D], links)
    found = network.capacity([Demand("alice", "c", rate_hz=1)], avoid=[("dora", "alice")])
    figure = draw_network(network, capacity=found)
    viridis = colormaps["viridis"]
    colors = {tuple(np.round(line.get_color(), 6)) for line in figure.axes[0].get_lines() if line.get_zorder() == 2
              and not isinstance(line.get_color(), str)}  # fmt: skip
    assert colors == {tuple(np.round(viridis(x), 6)) for x in (1.0, 0.01, 0.0)}
    assert figure.axes[1].get_ylabel() == "share of the elementary pairs that is used"
    assert figure.axes[1].get_ylim() == (0, 1)
    with pytest.raises(ValueError, match="capacity must be that of"):
        draw_network(Network([C, D], [cd]), capacity=found)


def test_of_parallel_links_the_best_lies_on_top():
    twins = Network([A, B], [ElementaryLink(A, B, fidelity=0.99), ElementaryLink(A, B, fidelity=0.5)])
    assert links_of(draw_network(twins))[-1].get_color() == pytest.approx(colormaps["viridis"](1.0))


def test_kilometres_are_as_long_in_both_directions():
    figure = draw_network(SQUARE)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    (x0, y0), (x1, y1) = axes.transData.transform([(10, 48), (12, 50)])
    east, north = great_circle_km((49, 10), (49, 12)), great_circle_km((48, 10), (50, 10))
    assert (x1 - x0) / (y1 - y0) == pytest.approx(east / north, rel=1e-3)


def test_without_positions_the_graph_is_laid_out():
    bare = [Node(name) for name in "abc"]
    figure = draw_network(Network(bare, [ElementaryLink(one, other) for one, other in itertools.pairwise(bare)]))
    assert not figure.axes[0].axison
    assert set(names_on(figure)) == set("abc")
    assert len(links_of(figure)) == 2


def test_a_line_over_the_date_line_is_drawn_in_two_pieces():
    east, west = Node("fiji", position=(-18, 178)), Node("samoa", position=(-14, -172))
    (line,) = links_of(draw_network(Network([east, west], [ElementaryLink(east, west)])))
    x, _ = line.get_data()
    assert np.isnan(x).sum() == 1
    assert np.nanmax(np.abs(np.diff(x))) < 1


# --- satellites


def test_a_satellite_without_a_position_stands_amid_its_stations():
    star = Node("star", role="satellite")
    up = [ElementaryLink(star, ground, SatellitePass(500, **LOOK_UP)) for ground in (A, B)]
    figure = draw_network(Network([A, B, C, star], [*up, BC], "sky"))
    longitude, latitude = names_on(figure)["star"].xy
    assert 10 < longitude < 12
    assert 48 < latitude < 48.1  # the great circle lies north of the parallel
    assert [line.get_linestyle() for line in links_of(figure)].count("--") == 2
    assert {"satellite", "over a satellite"} <= set(legend(figure))


def test_a_satellite_that_is_a_trusted_node_looks_like_a_satellite():
    star = Node("star", role="trusted")
    network = Network([A, B, star], [AB, ElementaryLink(star, B, SatellitePass(500, **LOOK_UP))])
    assert "satellite (trusted)" in legend(draw_network(network))


def test_a_satellite_over_one_station_does_not_cover_it():
    star = Node("star", role="satellite")
    network = Network([A, B, star], [AB, ElementaryLink(star, B, SatellitePass(500, **LOOK_UP))])
    place = names_on(draw_network(network))["star"].xy
    assert np.hypot(place[0] - 12, place[1] - 48) > 0.05


# --- routes


def test_a_route_is_underlaid():
    link = SQUARE.route("alice", "b", by="fidelity")
    by_link, by_names = draw_network(SQUARE, route=link), draw_network(SQUARE, route=["alice", "b"])
    for figure in (by_link, by_names):
        (band,) = bands_of(figure)
        assert ends(band) == {(10.0, 48.0), (12.0, 48.0)}
        assert band.get_linewidth() > 2 * links_of(figure)[0].get_linewidth()
        assert "route" in legend(figure)


def test_several_routes_are_told_apart():
    nodes = [A, Node("x", position=(49.0, 11.0)), B]
    around = Network(nodes, [AB, ElementaryLink(A, nodes[1]), ElementaryLink(nodes[1], B)])
    routes = around.routes("alice", "b", 2, by="hops")
    assert len(routes) == 2
    figure = draw_network(around, route=routes)
    bands = bands_of(figure)
    assert len(bands) == 3
    assert len({band.get_color() for band in bands}) == 2
    assert len({band.get_linewidth() for band in bands}) == 2
    assert bands[-1].get_linewidth() == min(band.get_linewidth() for band in bands)  # the best is on top
    assert legend(figure)[-2:] == ["route 1", "route 2"]


def test_a_key_route_over_trusted_nodes_is_drawn(shipped):
    route = shipped["intercontinental"].key_route("vienna", "graz")
    assert len(bands_of(draw_network(shipped["intercontinental"], route=route))) == len(route.hops)


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        ({"route": ["alice", "bb"]}, ("route", "'bb'", "did you mean 'b'")),
        ({"route": 3}, ("route", "3")),
        ({"color_by": "fidelty"}, ("color_by", "'fidelty'", "did you mean 'fidelity'")),
    ],
)
def test_what_cannot_be_drawn(arguments, fragments):
    with pytest.raises((TypeError, ValueError)) as refused:
        draw_network(SQUARE, **arguments)
    for fragment in fragments:
        assert fragment in str(refused.value)


# --- the networks that ship


@pytest.mark.parametrize("name", SHIPPED)
def test_names_cover_neither_each_other_nor_nodes(maps, name):
    figure = maps[name]
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) > 5
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    for box in boxes:
        assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1
        assert axes.bbox.y0 <= box.y0 < box.y1 <= axes.bbox.y1
    points = np.concatenate([axes.transData.transform(dots.get_offsets()) for dots in scattered(axes)])
    for box in boxes:
        assert not any(box.contains(*point) for point in points)


def test_in_a_large_network_the_cities_are_named_and_not_what_lies_on_the_way(maps, shipped):
    cities = {name for name in shipped["germany"].nodes if "-" not in name}
    assert len(cities) == 11
    assert set(names_on(maps["germany"])) == cities
    assert "repeater, on the way" in legend(maps["germany"])


def test_the_ends_of_a_route_are_always_named(shipped):
    figure = draw_network(shipped["germany"], route=["hamburg-berlin-1", "hamburg-berlin-2", "hamburg-berlin-3"])
    assert {"hamburg-berlin-1", "hamburg-berlin-3"} <= set(names_on(figure))


@pytest.mark.parametrize("name", SHIPPED)
def test_saved_maps_show_something_and_are_of_a_handy_size(maps, name):
    buffer = io.BytesIO()
    maps[name].savefig(buffer, dpi=60, format="png")
    buffer.seek(0)
    image = matplotlib.image.imread(buffer)[..., :3]
    assert 250 < image.shape[0] < 700
    assert 300 < image.shape[1] < 1_000
    assert image.std() > 0.05


def test_the_scale_has_plain_numbers(maps):
    for figure in maps.values():
        figure.draw_without_rendering()
        labels = [label.get_text() for label in figure.axes[1].get_yticklabels() if label.get_text()]
        assert len(labels) >= 3
        assert all(label.replace(" ", "").replace(".", "").isdigit() for label in labels)


def test_pyplot_is_left_alone():
    before = plt.get_fignums()
    draw_network(SQUARE)
    assert plt.get_fignums() == before


# --- the globe


@given(positions, positions)
def test_a_great_circle_is_the_shortest_way(start, stop):
    whole = great_circle_km(start, stop)
    if 1e-3 < whole < 19_900:
        line = great_circle(start, stop, 25)
        steps = [great_circle_km(tuple(one), tuple(other)) for one, other in itertools.pairwise(line)]
        assert sum(steps) == pytest.approx(whole, rel=1e-6)
        assert steps == pytest.approx([whole / 24] * 24, rel=1e-4)


@given(positions, positions)
def test_the_middle_of_two_is_as_far_from_both(start, stop):
    whole = great_circle_km(start, stop)
    if 1 < whole < 19_000:
        for end in (start, stop):
            assert great_circle_km(middle([start, stop]), end) == pytest.approx(whole / 2, rel=1e-6)


def test_the_middle_of_opposite_places_is_one_of_them():
    assert middle([(0.0, 0.0), (0.0, 180.0)]) == (0.0, 0.0)


def test_moving_nodes_follow_one_another():
    known = {"a": (0.0, 0.0), "b": (0.0, 10.0)}
    neighbors = {"a": ["s"], "b": ["s"], "s": ["a", "b", "t"], "t": ["s"]}
    found = with_moving(known, neighbors)
    assert found["s"] == pytest.approx((0.0, 5.0))
    assert found["t"][1] == pytest.approx(5.0)
    assert abs(found["t"][0]) > 0.3  # not on top of s
    assert with_moving(known, {**neighbors, "lost": []}) is None


def test_what_a_name_would_lie_on_is_what_matplotlib_finds(rng):
    lines = []
    for _ in range(30):
        points = np.cumsum(rng.integers(-3, 4, (12, 2)), axis=0) + rng.integers(0, 20, 2) + 0.25
        points[rng.random(12) < 0.2] = np.nan
        lines.append((points.astype(float), float(rng.choice([0.0, 0.5, 2.0]))))
    drawn = _Drawn.of(lines)
    struck = set()
    for _ in range(200):
        corner = rng.uniform(-5, 25, 2)
        box = np.concatenate([corner, corner + rng.uniform(0.5, 6, 2)])
        pieces = 0
        for line, half in lines:
            for piece in np.split(line, np.flatnonzero(np.isnan(line[:, 0]))):
                way = Way(piece[~np.isnan(piece[:, 0])])
                pieces += len(way) > 1 and way.intersects_bbox(Bbox([box[:2], box[2:]]).padded(half), filled=False)
        assert drawn.crossing(box) == drawn.near(box).crossing(box) == pieces
        struck.add(pieces)
    assert len(struck) > 5
