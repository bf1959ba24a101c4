"""What a notebook shows of links, keys, routes, networks and strategies: a table, with their figures, escaped."""

from itertools import pairwise
from pathlib import Path

import pytest

import quantumlink as ql

METRO = Path(__file__).parents[2] / "notebooks" / "networks" / "metro.toml"
A, B, C = (ql.Node(name) for name in ("a", "<b>", "c"))
LEFT, RIGHT = (ql.ElementaryLink(x, y, ql.Fiber(25), fidelity=0.97, rate_hz=50) for x, y in ((A, B), (B, C)))


def test_a_link_tells_its_ends_steps_and_pairs():
    html = ql.swap(ql.purify(LEFT, LEFT), RIGHT)._repr_html_()
    assert html.startswith("<table>")
    assert html.count("<tr>") == 4  # ends, pairs, two steps
    assert "3 elementary pairs" in html
    assert "swap at &lt;b&gt;" in html
    assert "<b>" not in html


def test_an_elementary_link_tells_its_medium_fidelity_and_rate():
    html = LEFT._repr_html_()
    assert "Fiber" in html
    assert "0.97" in html
    assert ">50<" in html


def test_a_long_chain_is_told_briefly():
    nodes = [ql.Node(f"n{i}") for i in range(101)]
    chain = ql.chain([ql.ElementaryLink(x, y, fidelity=0.999) for x, y in pairwise(nodes)])
    assert "and 87 more steps" in chain._repr_html_()  # of 99 swaps, 12 are told


def test_a_key_shows_its_report_and_no_bit_of_it():
    key = ql.qkd.bb84(ql.Fiber(5), rounds=100_000, seed=1)
    html = key._repr_html_()
    for line in key.report().splitlines()[1:5]:
        assert line.split("  ")[-1].strip() in html
    assert f"{len(key)} secret bits" in html
    assert str(key.secret_bits) not in html


def test_a_refused_key_says_why():
    key = ql.qkd.bb84(ql.Fiber(5), rounds=2_000, seed=1, eavesdropper=ql.qkd.InterceptResend(1.0))
    assert "no secret key" in key._repr_html_()
    assert "refused" in key._repr_html_()


@pytest.mark.parametrize("shown", ["network", "route", "strategy"])
def test_networks(shown):
    net = ql.Network.load(METRO)
    what = {
        "network": net,
        "route": net.routes("alice", "bob")[0],
        "strategy": net.best_strategy("alice", "bob"),
    }[shown]
    html = what._repr_html_()
    assert html.startswith("<table>")
    assert "alice" in html
    assert ("4 ends" in html and f"{len(net.links)} links" in html) == (shown == "network")
