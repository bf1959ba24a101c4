"""Moments of a timeline, and pictures that move: what they show is what was simulated."""

import io
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import quantumlink as ql
from quantumlink.visualization import draw_animation


def nodes(*names):
    return [ql.Node(name, memory=ql.Memory(t2_s=0.5)) for name in names]


def links(names, **options):
    return [
        ql.ElementaryLink(a, b, ql.Fiber(30), fidelity=0.95, **{"success_probability": 0.1, **options})
        for a, b in pairwise(nodes(*names))
    ]


@pytest.fixture(scope="module")
def timeline():
    return ql.simulate(ql.chain(links("arsb"), purify_rounds=1), trials=300, seed=3)


@pytest.mark.parametrize(
    "options", [{}, {"cutoff_s": 2e-3}, {"swapping": "levels"}, {"stored": "attempt"}], ids=lambda o: str(list(o))
)
@pytest.mark.parametrize("rounds", [0, 1])
def test_moments_are_those_of_the_run(options, rounds):
    if rounds and "cutoff_s" in options:
        options = {"cutoff_s": 0.05}
    played = ql.simulate(ql.chain(links("arsb"), purify_rounds=rounds), trials=200, seed=5, **options)
    history = played.histories()
    assert len(history.moments) == len(history.by_operation)
    last = history.moments[-1]
    assert last.known_s.max(axis=1) == pytest.approx(played.latencies_s, rel=1e-12)
    for waits, moments in zip(history.by_operation, history.moments, strict=True):
        assert moments.links_known_s.shape == waits.shape
        assert (moments.done_s >= moments.begun_s).all()
        assert (moments.done_s - 1e-15 <= moments.known_s.T).all()
        inner = moments.links_known_s[:, 1:3].max(axis=1)  # a swap's relay, and one end of a purification
        assert (moments.begun_s >= inner - 1e-12).all()
    if "swapping" not in options:
        assert last.begun_s == pytest.approx(last.links_known_s[:, 1:3].max(axis=1), rel=1e-12)


def test_two_links_without_noise_by_hand():
    """Links that succeed at once: both heralds at the round trip, then half of the way for the message."""
    left, right = links("arb", success_probability=1.0)
    played = ql.simulate(ql.swap(left, right), trials=1, seed=1)
    (moments,) = played.histories().moments
    herald, way = left.attempt_time_s, left.medium.delay_s
    herald = 2 * way if herald is None else herald
    assert moments.links_known_s[0] == pytest.approx([moments.begun_s[0]] * 4)
    assert moments.known_s[0] == pytest.approx([moments.begun_s[0] + way] * 2)


def test_a_picture_for_each_moment(timeline):
    film = draw_animation(timeline, 1, frames=7)
    image = Image.open(io.BytesIO(film.gif))
    assert image.n_frames >= 5  # GIFs leave out pictures that equal the one before, which then stand longer
    seen = set()
    for number in range(image.n_frames):
        image.seek(number)
        seen.add(image.convert("RGB").tobytes())
    assert len(seen) == image.n_frames
    assert film.alt.startswith("a – b, trial 1: a–r there after ")
    assert f"a–b by {timeline.link.operation.name} after " in film.alt


def test_stretches_meet(timeline):
    for trial in range(5):
        stretches = draw_animation(timeline, trial, frames=2).stretches
        assert sum(s.what == "pair" for s in stretches) == 6
        assert stretches[-1].ends == ("a", "b")
        assert stretches[-1].known_s == pytest.approx(timeline.latencies_s[trial])
        for s in stretches:
            assert 0 < s.made_s <= s.known_s <= s.until_s + 1e-15
        begins = {s.until_s for s in stretches[:-1]}
        assert all(any(s.made_s >= begin - 1e-15 for begin in begins) for s in stretches if s.what != "pair")


def test_files_need_no_network(timeline, tmp_path):
    film = draw_animation(timeline, frames=3)
    film.save(tmp_path / "pair.gif")
    film.save(tmp_path / "pair.html")
    assert (tmp_path / "pair.gif").read_bytes() == film.gif
    page = (tmp_path / "pair.html").read_text(encoding="utf-8")
    assert 'alt="a – b, trial 0' in page
    assert "http" not in page
    with pytest.raises(ValueError, match=r"path must end in \.gif or \.html"):
        film.save(tmp_path / "pair.mp4")


def test_axes_and_size(timeline):
    figure, (left, right) = plt.subplots(1, 2)
    draw_animation(timeline, frames=2, ax=right)
    assert left.lines[:] == []
    assert len(right.lines) > 0
    plt.close(figure)
    film = draw_animation(timeline, frames=2, size=(4, 2))
    assert Image.open(io.BytesIO(film.gif)).size == (320, 160)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trial": 300}, "trial must be one of the 300"),
        ({"frames": 1}, "frames must be"),
        ({"frames": 1001}, "frames must be at most 1000"),
        ({"size": 3}, "size must be"),
    ],
)
def test_refusals(timeline, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        draw_animation(timeline, **options)


def test_a_single_link_is_a_pair():
    (link,) = links("ab")
    film = draw_animation(ql.simulate(link, trials=2, seed=1), frames=2)
    assert [s.what for s in film.stretches] == ["pair"]
    assert np.isfinite(film.stretches[0].made_s)
