"""Defaults and templates of network files, and files that are written whole or not at all."""

import errno
import hashlib
import json
import os
import tomllib
from pathlib import Path

import pytest

from quantumlink import Fiber, Memory, Network, Node
from quantumlink.hardware import Detector, FreeSpace, MidpointSource, NodeSource
from quantumlink.link import ElementaryLink
from quantumlink.network import NetworkFileError
from quantumlink.network.templates import STATES, Common

GERMANY = Path(__file__).parents[2] / "notebooks" / "networks" / "germany.toml"

FILE = """
name = "line"
[defaults.node]
memory = { t1_s = 10.0, t2_s = 1.0 }
[defaults.link]
fiber = { connectors = 2, group_index = 1.45 }
fidelity = 0.9
rate_hz = 5.0
[templates.city]
role = "end"
memory = { t2_s = 2.0 }
[templates.span]
source = { kind = "midpoint", fidelity = 0.98, clock_hz = 1e6 }
detector = { efficiency = 0.9 }
[templates.dark]
detector = { dark_count_rate_hz = 7.0 }
multiplexing = 3
[nodes.a]
use = "city"
[nodes.r]
[nodes.b]
use = "city"
memory = { t1_s = 20.0 }
[[links]]
between = ["a", "r"]
fiber = { length_km = 10.0, connectors = 4 }
[[links]]
between = ["r", "b"]
use = ["span", "dark"]
fiber = { length_km = 20.0 }
"""


def read(folder, text):
    (folder / "net.toml").write_text(text)
    return Network.load(folder / "net.toml")


def test_the_closer_word_counts(tmp_path):
    network = read(tmp_path, FILE)
    a, r = Node("a", Memory(10, 2), role="end"), Node("r", Memory(10, 1))
    b = Node("b", Memory(20, 2), role="end")
    first = ElementaryLink(a, r, Fiber(10, connectors=4, group_index=1.45), fidelity=0.9, rate_hz=5.0)
    second = ElementaryLink(
        r,
        b,
        Fiber(20, connectors=2, group_index=1.45),
        source=MidpointSource(fidelity=0.98, clock_hz=1e6),
        detector=Detector(0.9, dark_count_rate_hz=7.0),
        multiplexing=3,
    )
    assert network == Network([a, r, b], [first, second], "line")
    network.save(tmp_path / "again.toml")
    assert Network.load(tmp_path / "again.toml") == network


def changed(tmp_path, old, new):
    assert FILE.count(old) == 1
    return read(tmp_path, FILE.replace(old, new)).links[1]


def test_what_contradicts_is_replaced(tmp_path):
    span = 'use = ["span", "dark"]\nfiber = { length_km = 20.0 }'
    beam = 'wavelength_nm = 810.0, receiver_diameter_m = 1.2, divergence_rad = 1e-5, divergence_angle = "full"'
    air = f"free_space = {{ distance_km = 3.0, {beam} }}"
    link = changed(tmp_path, span, air)
    assert type(link.medium) is FreeSpace  # and no fibre of the defaults
    own = "use = 'span'\nfiber = { length_km = 20.0 }\n"
    link = changed(tmp_path, span, own + "bell_diagonal = [0.7, 0.1, 0.1, 0.1]\nrate_hz = 2.0")
    assert (link.source, link.detector, link.bell_diagonal[0], link.rate_hz) == (None, None, 0.7, 2.0)
    link = changed(tmp_path, span, own + "source = { kind = 'node' }")
    assert link.source == NodeSource()  # nothing of the midpoint's
    assert link.detector == Detector(0.9)
    link = changed(tmp_path, span, own + "source = { kind = 'midpoint', clock_hz = 2e6 }")
    assert link.source == MidpointSource(fidelity=0.98, clock_hz=2e6)
    plain = "fiber = { length_km = 20.0 }\nsuccess_probability = 0.5\nattempt_time_s = 1e-3"
    link = changed(tmp_path, span, plain)
    assert (link.rate_hz, link.success_probability, link.attempt_time_s) == (None, 0.5, 1e-3)


@pytest.mark.parametrize("far", STATES)
@pytest.mark.parametrize("near", STATES)
def test_one_state_is_left(far, near):
    common = Common({"link": {far: "far", "detector": 1, "rate_hz": 1}}, {}, ["fiber"])
    left = common.completed("link", {near: "near"}, ())
    assert [key for key in left if key in STATES] == [near]
    assert left[near] == "near"
    assert ("rate_hz" in left) == (near != "source")
    assert ("detector" in left) == (near == "source" or far != "source")


def test_a_rate_takes_the_place_of_attempts():
    common = Common({"link": {"success_probability": 1, "attempt_time_s": 1}}, {"t": {"rate_hz": 2}}, [])
    assert common.completed("link", {"use": "t"}, ["t"]) == {"rate_hz": 2}
    assert common.completed("link", {"success_probability": 0.5}, ["t"]) == {"success_probability": 0.5}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[defaults.link]", "[defaults.links]", r"\[defaults\]: unknown key 'links'.*did you mean 'link'"),
        (
            "fidelity = 0.9\n",
            "fidelty = 0.9\n",
            r"\[defaults.link\]: unknown key 'fidelty'.*did you mean 'fidelity'",
        ),
        ("connectors = 2", "connector = 2", r"\[defaults.link\] fiber: unknown key 'connector'.*did you mean"),
        ("fidelity = 0.9\n", 'between = ["a", "b"]\n', r"\[defaults.link\]: unknown key 'between'"),
        ("[defaults.node]", "[defaults.node]\nposition = [1.0, 2.0]", r"\[defaults.node\]: unknown key 'position'"),
        ('role = "end"', 'rule = "end"', r"\[templates.city\]: unknown key 'rule'.*did you mean 'role'"),
        ("t2_s = 2.0", "t3_s = 2.0", r"\[templates.city\] memory: unknown key 't3_s'.*did you mean"),
        ("clock_hz", "clock", r"\[templates.span\] source: unknown key 'clock'.*did you mean 'clock_hz'"),
        ('kind = "midpoint"', 'kind = "midpint"', r"\[templates.span\] source: kind must be one of .*midpint"),
        ("multiplexing = 3", "multiplex = 3", r"\[templates.dark\]: unknown key 'multiplex'"),
        ("multiplexing = 3", 'use = "span"', r"\[templates.dark\]: unknown key 'use'"),
        ("multiplexing = 3", 'role = "end"', r"\[templates.dark\]: unknown key"),
        ('["span", "dark"]', '"spam"', r"\[\[links\]\] number 2: use must be one of .*'spam'"),
        ('["span", "dark"]', "3", r"\[\[links\]\] number 2: use must be the name of a template, or a list"),
        ('["span", "dark"]', "[3]", r"\[\[links\]\] number 2: use must be the name of a template, or a list"),
        ('["span", "dark"]', '"city"', r"number 2: use names \[templates.city\], whose 'role' is no key of a link"),
        ("length_km = 20.0", "", r"\[\[links\]\] number 2 \(r–b\) fiber: length_km is missing"),
        ("dark_count_rate_hz = 7.0", "dark_count_rate_hz = -7.0", r"number 2 \(r–b\) detector: dark_count_rate_hz"),
        (
            "[templates.dark]\n",
            "[templates]\nx = 3\n[templates.dark]\n",
            r"\[templates.x\]: must be a table, got 3",
        ),
    ],
)
def test_mistakes_name_their_table(tmp_path, old, new, said):
    assert FILE.count(old) == 1
    with pytest.raises(NetworkFileError, match=said):
        read(tmp_path, FILE.replace(old, new))


@pytest.mark.parametrize("text", ["defaults = 3\n", "templates = [1]\n", "[defaults]\nnode = 3\n"])
def test_what_is_no_table_is_refused(tmp_path, text):
    with pytest.raises(NetworkFileError, match="must be a table"):
        read(tmp_path, text)


GERMANY_WRITTEN_OUT = "183bdeb24c540805c1072022f8e6cf04040b1666f31f7e1acd0c82952b96cf80"
"""Of the file's data as JSON, when each node and link said everything itself, and nobody who the users are."""


def digest(data):
    for node in data["nodes"].values():
        node.pop("user", None)
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def test_the_backbone_is_what_it_was_without_defaults():
    """Written out by dictionaries alone; and by what the loaded network is saved as."""
    data = tomllib.loads(GERMANY.read_text(encoding="utf-8"))
    defaults = data.pop("defaults")
    data["nodes"] = {name: {**defaults["node"], **node} for name, node in data["nodes"].items()}
    data["links"] = [
        {**defaults["link"], **link, "fiber": {**defaults["link"]["fiber"], **link["fiber"]}}
        for link in data["links"]
    ]
    assert digest(data) == GERMANY_WRITTEN_OUT
    saved = tomllib.loads(Network.load(GERMANY).to_toml())
    assert digest(saved) == GERMANY_WRITTEN_OUT


# --- whole or not at all


def network():
    return Network([Node("a"), Node("b")], [ElementaryLink(Node("a"), Node("b"), fidelity=0.9)], "two")


def test_a_file_is_replaced_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "net.toml"
    path.write_text("old")

    def fail(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"No space left .*net\.toml'$"):
        network().save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    network().save(path)
    assert Network.load(path) == network()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_the_mode_and_a_link_to_the_file_stay(tmp_path):
    path, link = tmp_path / "net.toml", tmp_path / "link.toml"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    network().save(link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert Network.load(path) == network()


def test_a_new_file_is_as_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    network().save(tmp_path / "net.toml")
    assert (tmp_path / "net.toml").stat().st_mode == (tmp_path / "plain").stat().st_mode
