"""How long a command takes is told by its first steps: on standard error, and only if it is long."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quantumlink import progress
from quantumlink.cli import app

METRO = str(Path(__file__).parents[2] / "notebooks" / "networks" / "metro.toml")
ENDS = ("--from", "vienna", "--to", "bratislava")
STEP_S = 3.0
COMMANDS = {
    "purifying links": ("network", "routes", METRO, *ENDS, "--purify-rounds", "1"),
    "counting pairs of purified links": (
        *("network", "capacity", METRO, "--demands", "traffic.csv", "--purify-rounds", "1"),
    ),
    "sets of failures": ("network", "resilience", METRO, "--failures", "1"),
    "choosing settings": ("qkd", "bb84", "--km", "5", "--rounds", "3e4", "--seed", "7"),
}


def invoke(*arguments):
    return CliRunner(env={"NO_COLOR": "1", "TERM": "dumb"}).invoke(app, arguments)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traffic.csv").write_text("a,b,kind,rate_hz,min_fidelity\nvienna,bratislava,pairs,20,0.9\n")


@pytest.mark.parametrize("work", COMMANDS)
def test_long_work_is_told_once_and_not_under_the_json(work, monkeypatch, request):
    quiet = invoke(*COMMANDS[work], "--json")
    assert not quiet.stderr
    request.getfixturevalue("impatient")
    ticks = iter(range(10**9))
    monkeypatch.setattr(progress, "monotonic", lambda: STEP_S * next(ticks))  # every look at the clock takes long
    told = invoke(*COMMANDS[work], "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout).keys() == json.loads(quiet.stdout).keys()
    lines = [line for line in told.stderr.splitlines() if line.startswith(f"{work}: ")]
    assert len(lines) == 1
    assert ": this will take about " in lines[0]


def test_a_part_that_is_short_itself_is_told_of(impatient, monkeypatch):
    """The key is made after that, which is told apart: neither may be long, and both be."""
    ticks = iter(range(10**9))
    monkeypatch.setattr(progress, "monotonic", lambda: 0.015 * next(ticks))  # 240 steps at most
    monkeypatch.setattr(progress, "DELAY_S", 0.0)
    told = invoke(*COMMANDS["choosing settings"])
    assert told.stderr.splitlines() == ["choosing settings: this will take about 4 s"]
