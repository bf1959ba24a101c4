"""Pictures: what stands in them, that they can be written, and that they leave pyplot alone."""

import io
import itertools

import matplotlib
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest

from quantumlink import Fiber, Node, Processor, chain, draw, evaluate, purify, sample, swap
from quantumlink.link import ElementaryLink, pairs_text
from quantumlink.visualization import draw_run

NOISY = Processor(depolarizing_2q=5e-3, readout_error=2e-3)
A, R, S, T, B = (Node(name, processor=NOISY) for name in ("alice", "r", "s", "t", "bob"))
AR = ElementaryLink(A, R, Fiber(25), fidelity=0.97)
RS = ElementaryLink(R, S, Fiber(12.5), fidelity=0.96)
ST = ElementaryLink(S, T, fidelity=0.95)
TB = ElementaryLink(T, B, Fiber(40), bell_diagonal=(0.94, 0.03, 0.02, 0.01))
AR_TOO = ElementaryLink(A, R, Fiber(60), fidelity=0.9)


def many(hops):
    nodes = [Node(f"n{i}") for i in range(hops + 1)]
    return [ElementaryLink(a, b, fidelity=0.999) for a, b in itertools.pairwise(nodes)]


LINKS = {
    "elementary": AR,
    "swapped": swap(AR, RS),
    "purified": purify(AR, AR),
    "purified twice": chain([AR], purify_rounds=2, protocol="bbpssw"),
    "four purified hops": chain([AR, RS, ST, TB], purify_rounds=1),
    "four hops in sequence": chain([AR, RS, ST, TB], order="sequential"),
    "purified after the swap": purify(swap(AR, RS), swap(AR, RS)),
    "twenty hops": chain(many(20)),
    "twelve hops in sequence": chain(many(12), order="sequential"),
}


def texts(figure):
    """The labels within the picture, and its title."""
    (axes,) = figure.get_axes()
    return [text.get_text() for text in axes.texts], axes.get_title()


def pixels(figure, dpi=40):
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=dpi, format="png")
    buffer.seek(0)
    return matplotlib.image.imread(buffer)[..., :3]


def overlapping(figure):
    """Pairs of different labels that cover each other by more than a pixel."""
    figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent()) for axes in figure.get_axes() for text in axes.texts]
    return [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(boxes, 2)
        if one != other and min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]


@pytest.mark.parametrize("name", LINKS)
def test_title_and_nodes(name):
    link = LINKS[name]
    labels, title = texts(draw(link))
    told = f"fidelity {evaluate(link).fidelity:.4f} (exact, waiting not included)"
    assert title == f"{link.left}–{link.right}: {pairs_text(link.pairs)}, {told}"
    nodes = {str(node) for leaf in link.elementary_links() for node in leaf.ends}
    assert nodes <= set(labels)
    assert all(labels.count(node) == 1 for node in nodes)


@pytest.mark.parametrize("name", LINKS)
def test_labels_do_not_cover_each_other(name):
    assert overlapping(draw(LINKS[name])) == []


def test_nodes_stand_from_left_to_right():
    (axes,) = draw(LINKS["four purified hops"]).get_axes()
    places = {text.get_text(): text.xy[0] for text in axes.texts}
    assert places["alice"] < places["r"] < places["s"] < places["t"] < places["bob"]


def test_an_elementary_link_tells_its_length_and_fidelity():
    assert "25 km, F = 0.9700" in texts(draw(AR))[0]
    assert "12.5 km, F = 0.9600" in texts(draw(RS))[0]
    assert "F = 0.9500" in texts(draw(ST))[0]  # no fibre was given


def test_a_swap_names_its_relay():
    labels, _ = texts(draw(LINKS["swapped"]))
    assert f"swap at r: F = {evaluate(LINKS['swapped']).fidelity:.4f}" in labels


@pytest.mark.parametrize("protocol", ["dejmps", "bbpssw"])
def test_a_purification_names_its_protocol(protocol):
    link = purify(AR, AR, protocol)
    labels, _ = texts(draw(link))
    assert f"{protocol}: F = {evaluate(link).fidelity:.4f}" in labels
    assert labels.count("25 km, F = 0.9700") == 1  # one link, used twice


def test_every_part_is_told_with_its_fidelity():
    purified = [purify(hop, hop) for hop in (AR, RS, ST, TB)]
    halves = [swap(*purified[:2]), swap(*purified[2:])]
    whole = swap(*halves)
    labels, _ = texts(draw(LINKS["four purified hops"]))
    for caption, part in [
        *zip(("25 km, ", "12.5 km, ", "", "40 km, "), (AR, RS, ST, TB), strict=True),
        *(("dejmps: ", part) for part in purified),
        ("swap at r: ", halves[0]),
        ("swap at t: ", halves[1]),
        ("swap at s: ", whole),
    ]:
        assert f"{caption}F = {evaluate(part).fidelity:.4f}" in labels


def test_what_is_made_stands_above_what_it_is_made_of():
    (axes,) = draw(LINKS["four purified hops"]).get_axes()
    heights = {text.get_text().split(" F =")[0].rstrip(":"): text.xy[1] for text in axes.texts}
    assert (
        heights["25 km,"] < heights["dejmps"] < heights["swap at r"] == heights["swap at t"] < heights["swap at s"]
    )


def test_two_different_links_between_the_same_nodes_are_both_readable():
    figure = draw(purify(AR, AR_TOO))
    labels, _ = texts(figure)
    assert {"25 km, F = 0.9700", "60 km, F = 0.9000"} <= set(labels)
    assert overlapping(figure) == []


def test_two_ways_between_the_same_ends_are_both_readable():
    upper, lower = (
        swap(ElementaryLink(A, relay, fidelity=f), ElementaryLink(relay, B, fidelity=f))
        for relay, f in ((R, 0.95), (S, 0.93))
    )
    assert overlapping(draw(purify(upper, lower))) == []


@pytest.mark.parametrize("name", LINKS)
def test_saved_pictures_show_something(name):
    image = pixels(draw(LINKS[name]), dpi=20)
    assert image.shape[0] > 20
    assert image.shape[1] > 100
    assert image.std() > 0.02


def test_a_picture_is_written_to_a_file(tmp_path):
    path = tmp_path / "link.png"
    draw(LINKS["four purified hops"]).savefig(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    height, width, _ = matplotlib.image.imread(path).shape
    assert 200 < height < 1_500
    assert 600 < width < 2_000


def test_a_picture_of_a_long_chain_stays_small_enough_to_look_at():
    figure = draw(chain(many(100), order="sequential"))
    width, height = figure.get_size_inches() * figure.dpi
    assert width * height < 50e6  # pixels; a notebook would hold the picture many times over


# --- the picture of a run


@pytest.fixture(scope="module")
def run():
    link = swap(AR, RS)
    samples = sample(link, shots=200, seed=3)
    return link, samples, draw_run(link, samples)


def test_the_panels_of_a_run(run):
    _, _, figure = run
    circuit, along, correlations = figure.get_axes()
    assert figure.get_suptitle() == "alice – s, waiting not included"
    assert "4 qubits" in circuit.get_title()
    assert "alice" in along.get_title()
    assert correlations.get_title() == "correlations of the two ends"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["exact", "measured, 95 %"]


def test_fidelity_along_a_run(run):
    link, _, figure = run
    along = figure.get_axes()[1]
    (line,) = along.get_lines()
    assert line.get_ydata() == pytest.approx([1.0, evaluate(AR).fidelity, evaluate(link).fidelity])
    assert [label.get_text() for label in along.get_xticklabels()] == ["alice", "r", "s"]
    assert [text.get_text() for text in along.texts] == ["0.9700", f"{evaluate(link).fidelity:.4f}"]
    low, high = along.get_ylim()
    assert low < evaluate(link).fidelity < 1 < high


def test_the_correlations_of_a_run_are_those_of_state_and_samples(run):
    link, samples, figure = run
    axes = figure.get_axes()[2]
    state = evaluate(link)
    labels = ("XX", "YY", "ZZ")
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([state.expectation(x) for x in labels])
    (points,) = axes.containers[1:]
    assert points.lines[0].get_ydata() == pytest.approx([samples.expectation(x).best for x in labels])
    spans = [(y0, y1) for (_, y0), (_, y1) in points.lines[2][0].get_segments()]
    expected = [(samples.expectation(x).low, samples.expectation(x).high) for x in labels]
    assert np.asarray(spans) == pytest.approx(np.asarray(expected))
    assert axes.get_ylim()[0] <= -1
    assert axes.get_ylim()[1] >= 1


def test_the_picture_of_a_run_shows_something_in_every_panel(run):
    image = pixels(run[2])
    height, width, _ = image.shape
    for part in (image[: height // 2], image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :]):
        assert part.std() > 0.05


@pytest.mark.parametrize("name", ["elementary", "four purified hops", "purified after the swap"])
def test_runs_of_other_links_are_drawn(name):
    link = LINKS[name]
    figure = draw_run(link, sample(link, shots=20, seed=1))
    assert pixels(figure).std() > 0.05
    end = figure.get_axes()[1].get_lines()[0].get_ydata()[-1]
    assert end == pytest.approx(evaluate(link).fidelity, abs=1e-9)


# --- pyplot


@pytest.fixture
def pyplot():
    plt.close("all")
    yield plt
    plt.close("all")


def test_pyplot_is_left_alone(pyplot):
    mine = pyplot.figure()
    before = (pyplot.get_fignums(), dict(matplotlib.rcParams), matplotlib.get_backend())
    link = swap(AR, RS)
    figure = draw(link)
    pixels(figure)
    pixels(draw_run(link, sample(link, shots=10, seed=1)))
    assert (pyplot.get_fignums(), dict(matplotlib.rcParams), matplotlib.get_backend()) == before
    assert pyplot.gcf() is mine
    assert mine.get_axes() == []


def test_each_picture_is_its_own():
    first, second = draw(AR), draw(AR)
    assert first is not second
    first.get_axes()[0].set_title("changed")
    assert texts(second)[1] != "changed"
