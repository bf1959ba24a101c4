"""The commands on networks under load: what they print is what the library finds, and how they refuse."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quantumlink import Network, operate
from quantumlink.cli import app
from quantumlink.cli.network_operate import _policy
from quantumlink.network import MaxWeight, Outage, Reservation, TimeSlots, load_demands

METRO = Path(__file__).parents[2] / "notebooks" / "networks" / "metro.toml"
WIDE = {"COLUMNS": "250", "NO_COLOR": "1", "TERM": "dumb"}
TRAFFIC = "a,b,kind,rate_hz,min_fidelity\nvienna,bratislava,pairs,20,0.9\nalice,bob,key,5,\n"


def invoke(*arguments):
    return CliRunner(env=WIDE).invoke(app, ["network", *map(str, arguments)])


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


@pytest.fixture
def traffic(tmp_path):
    path = tmp_path / "traffic.csv"
    path.write_text(TRAFFIC)
    return path


def test_capacity_is_that_of_the_network(traffic):
    expected = Network.load(METRO).capacity(load_demands(traffic))
    told = json.loads(invoke("capacity", METRO, "--demands", traffic, "--json").stdout)
    assert told == json.loads(json.dumps(expected.as_dict()))
    assert told["scale"] == pytest.approx(expected.scale)
    assert [demand["gets_hz"] for demand in told["demands"]] == pytest.approx(
        [20 * told["scale"], 5 * told["scale"]]
    )
    result = invoke("capacity", METRO, "--demands", traffic)
    assert result.exit_code == 0
    assert f"all at once: {expected.scale:.4g} times what is wanted (proven)" in plain(result.stdout)
    assert "vienna – bratislava" in result.stdout


def test_resilience_is_that_of_the_network(traffic):
    expected = Network.load(METRO).resilience(2, demands=load_demands(traffic))
    command = ("resilience", METRO, "--demands", traffic, "--region", "48.114", "16.866", "5")
    told = json.loads(invoke(*command, "--json").stdout)
    region = told.pop("region")
    assert told == json.loads(json.dumps(expected.as_dict()))
    assert region["nodes"] == ["relay"]
    # The relay is all that joins alice and bob, the south is there for the others.
    single = [cut["nodes"] for cut in told["cuts"] if len(cut["nodes"]) == 1 and not cut["links"]]
    assert single == [["relay"]]
    result = invoke(*command)
    assert result.exit_code == 0
    assert "the region takes out relay" in plain(result.stdout)
    assert "harmless:" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("capacity", METRO, "--demands", "none.csv"), "No such file"),
        (("capacity", METRO, "--demands", "{bad}"), "must be one of"),
        (("resilience", METRO, "--failures", "5"), "failures must be at most 3, got 5"),
        (("resilience", METRO, "--failures", "1", "--region", "91", "0", "1"), "latitude"),
    ],
)
def test_refusals(tmp_path, arguments, text):
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\nvienna,linz\n")
    result = invoke(*(str(argument).replace("{bad}", str(bad)) for argument in arguments))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert text in plain(result.stderr)
    assert "Traceback" not in result.stderr


def test_operate_tells_what_the_library_finds(traffic):
    options = ("--duration-s", "0.2", "--seed", "7", "--policy", "max-weight", "--cutoff-s", "0.05")
    command = ("operate", METRO, "--demands", traffic, *options, "--fail", "relay@0.1-0.15")
    result = invoke(*command, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told.pop("seed") == 7
    expected = operate(
        Network.load(METRO), load_demands(traffic), policy=MaxWeight(), duration_s=0.2, seed=7, cutoff_s=0.05,
        happenings=[Outage("relay", 0.1, 0.15)],
    )  # fmt: skip
    assert told == json.loads(json.dumps(expected.as_dict()))
    narrow = CliRunner(env={**WIDE, "COLUMNS": "80", "TTY_COMPATIBLE": "1"}).invoke(
        app, ["network", *map(str, command)]
    )
    assert narrow.exit_code == 0
    assert max(len(line) for line in plain(narrow.stdout).splitlines() if "│" in line) <= 80
    assert "seed: 7" in plain(narrow.stdout)


def test_a_policy_has_its_settings_behind_its_name():
    assert _policy("time-slots,turn_s=0.02", 2, None) == TimeSlots(turn_s=0.02, paths=2)
    assert _policy("reservation,setup=no", None, None) == Reservation(setup=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--policy", "max_weight"), "did you mean 'max-weight'"),
        (("--policy", "time-slots,turn=1"), "the settings of --policy time-slots are turn_s=…; got 'turn=1'"),
        (("--policy", "time-slots,turn_s=long"), "turn_s of --policy time-slots must be a number, got 'long'"),
        (("--policy", "time-slots,turn_s=1,turn_s=2"), "must be given once"),
        (("--policy", "reservation,setup=1"), "setup of --policy reservation must be true or false"),
        (("--policy", "max-weight,x=1"), "the settings of --policy max-weight are none"),
        (("--duration-s", "1e12"), "choose a shorter --duration-s"),
        (("--fail", "relay"), "--fail must read NODE@FROM-TO"),
        (("--fail", "nobody@1-2"), "--fail must be one of"),
        (
            ("--fail", "alice:bob@1-2"),
            "--fail must name a node or a link of this network, there is no link 'alice:bob'",
        ),
        (("--purify-rounds", "many"), "a whole number or best"),
    ],
)
def test_operate_refuses_in_one_line(traffic, options, said):
    result = invoke("operate", METRO, "--demands", traffic, *options)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output
