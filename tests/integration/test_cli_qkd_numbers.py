"""Bad numbers on the command line: each command names the option, and the value as it was given."""

import re
from dataclasses import fields
from typing import get_type_hints

import pytest
from typer.testing import CliRunner

from quantumlink.cli import app
from quantumlink.cli.qkd_monitor import MonitorOptions
from quantumlink.cli.qkd_protocols import PROTOCOLS

WIDE = {"COLUMNS": "320", "NO_COLOR": "1", "TERM": "dumb"}
KINDS = {name: kind for name, (kind, _) in PROTOCOLS.items()} | {"monitor": MonitorOptions}
GIVEN = {
    "--intensities": {2: ("0.5", "0.1"), 3: ("0.5", "0.1", "0")},
    "--intensity-probabilities": {2: ("0.7", "0.3"), 3: ("0.7", "0.2", "0.1")},
    "--signal-intensity": {1: ("0.5",)},
    "--sending-probability": {1: ("0.05",)},
    "--z-probability": {1: ("0.8",)},
    "--intensity": {1: ("0.1",)},
}
"""Settings that are searched for, if they are not given."""


def options(kind):
    """(option, how many numbers it takes, whether they are whole) of each option that takes numbers."""
    for name, hint in get_type_hints(kind).items():
        text = str(hint)
        if name in {field.name for field in fields(kind)} and ("int" in text or "float" in text):
            yield f"--{name.replace('_', '-')}", text.count("float") if "tuple" in text else 1, "float" not in text


CASES = [(name, *option) for name, kind in KINDS.items() for option in options(kind)]
BAD = ["-3", "nan", "inf"]


def usually(command, *, but):
    """Arguments with which a command is done soon, without one of them."""
    given = {"--km": ("1",), "--rounds": ("2000",)}
    given |= {o: GIVEN[o][n] for c, o, n, _ in CASES if c == command and o in GIVEN}
    return [word for option, values in given.items() if option != but for word in (option, *values)]


def run(command, *arguments):
    return CliRunner(env=WIDE).invoke(app, ["qkd", command, *map(str, arguments)])


@pytest.mark.parametrize(("command", "option", "count", "whole"), CASES, ids=lambda value: str(value))
def test_a_bad_number_is_told_by_its_option_and_as_it_was_given(command, option, count, whole):
    usual = usually(command, but=option)
    for bad in BAD:
        result = run(command, *usual, option, *[bad] * count)
        said = " ".join(result.output.split())
        usage = whole and bad != "-3"  # the parser's own words
        assert result.exit_code == (2 if usage else 1), said
        assert option in said
        assert usage or re.search(rf"(?<![\w.]){bad}(\.0)?(?![\w.])", said), said
