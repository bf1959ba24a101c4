"""What is given without an option has one name: in the line of usage, in the list below it, and in messages."""

import re

import pytest
from typer.testing import CliRunner

from quantumlink.cli import app

TAKES_FILES = {
    ("run",): ["FILE"],
    ("parts",): ["KIND"],
    ("circuits", "show"): ["NAME"],
    ("jobs", "show"): ["JOB"],
    ("keys", "open"): ["FILE", "OUTPUT"],
    ("keys", "trail", "export"): ["NODE", "OUTPUT"],
    ("qkd", "timetags"): ["ALICE", "BOB"],
}


@pytest.mark.parametrize("width", ["80", "120"])
@pytest.mark.parametrize("command", TAKES_FILES)
def test_one_spelling(command, width):
    runner, names = CliRunner(env={"NO_COLOR": "1", "COLUMNS": width}), TAKES_FILES[command]
    told = runner.invoke(app, [*command, "--help"]).stdout
    usage = re.search(r"Usage: .*", told)[0]
    assert usage.split("[OPTIONS] ")[1].replace("[", "").replace("]", "").split() == names
    for name in names:
        assert re.search(rf"^[ │*]*{name}\s+<\w+>", told, re.M), told
        assert name.lower() not in re.findall(r"[\w{}]+(?= +<)", told)
    if "[" not in usage.split("[OPTIONS] ")[1]:
        assert f"Missing argument '{names[0]}'" in runner.invoke(app, [*command]).stderr
