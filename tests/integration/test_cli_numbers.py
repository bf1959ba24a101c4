"""Numbers that cannot be: what is said names the option, the value and what is allowed, whatever the command."""

import re
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.testing import CliRunner

from quantumlink.cli import app

NETWORKS = Path(__file__).parents[2] / "notebooks" / "networks"
METRO, GLOBE = (str(NETWORKS / f"{name}.toml") for name in ("metro", "globe"))
ENDS = ("--from", "vienna", "--to", "bratislava")
BASE = {
    "run": ("run", METRO, *ENDS),
    "plan": ("plan", METRO, *ENDS),
    "build": ("build", "map.toml", "--demands", "wanted.csv", "--costs", "prices.toml"),
    "keys sign": ("keys", "sign", "wanted.csv"),
    "network routes": ("network", "routes", METRO, *ENDS),
    "network simulate": ("network", "simulate", METRO, *ENDS),
    "network capacity": ("network", "capacity", METRO, "--demands", "traffic.csv"),
    "network resilience": ("network", "resilience", METRO),
    "network operate": ("network", "operate", METRO, "--demands", "traffic.csv"),
    "network import": (
        *("network", "import", "map.gml", "--end", "a", "--end", "b", "--output", "out.toml"),
        *("--fidelity", "0.9", "--success-probability", "0.1", "--attempt-time-s", "1e-3"),
    ),
    "satellites passes": ("satellites", "passes", GLOBE, "--start", "2026-03-20", "--station", "graz"),
    "satellites keys": ("satellites", "keys", GLOBE, "--start", "2026-03-20", "--station", "graz"),
    "qkd timetags": ("qkd", "timetags", "clicks.csv", "clicks.csv"),
    "jobs result": ("jobs", "result", "job.json"),
    "keys serve": ("keys", "serve", METRO, "--demo", "--directory", "keys"),
}
"""What a command needs besides; others run as they are."""
LATER = {"keys serve", "jobs result"}
"""Commands that look for files of their own before they look at numbers."""


def kinds(annotation):
    inner = [each for each in get_args(annotation) if each not in (type(None), ...)]
    return set().union(*map(kinds, inner)) if inner else {annotation}


def numeric(command):
    """Each option of numbers: its name, whether they are whole, and how many it takes."""
    hints = command.callback.__annotations__ if hasattr(command.callback, "__annotations__") else {}
    for parameter in command.params:
        described = getattr(parameter, "type_descriptor", None)  # of typer since 0.27
        found = kinds(described.annotation if described is not None else hints.get(parameter.name, str))
        if found in ({int}, {float}):
            yield max(parameter.opts, key=len), found == {int}, max(parameter.nargs, 1)


def leaves(command, *names):
    if not hasattr(command, "commands"):
        yield " ".join(names), command
        return
    for name, each in command.commands.items():
        yield from leaves(each, *names, name)


LEAVES = dict(leaves(typer.main.get_command(app)))
NUMERIC = {name: tuple(numeric(each)) for name, each in LEAVES.items()}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traffic.csv").write_text("a,b,kind,rate_hz,min_fidelity\nvienna,bratislava,pairs,20,0.9\n")
    (tmp_path / "wanted.csv").write_text("a,b\na,b\n")
    (tmp_path / "prices.toml").write_text("repeater = 100\nfibre_per_km = 1\n")
    (tmp_path / "map.toml").write_text(
        "[sites.a]\nhosts = []\n[sites.b]\nhosts = []\n[[fibres]]\nbetween = ['a', 'b']\nlength_km = 20\n"
        "[parts]\nfidelity = 0.98\nsuccess_probability = 0.2\nattempt_time_s = 1e-3\n"
    )
    (tmp_path / "map.gml").write_text(
        'graph [ node [ id 0 label "a" ] node [ id 1 label "b" ] edge [ source 0 target 1 length 9.0 ] ]'
    )


def told(*arguments):
    found = CliRunner(env={"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "300"}).invoke(app, [*map(str, arguments)])
    assert found.exception is None or isinstance(found.exception, SystemExit), (arguments, found.exception)
    return found


def without(arguments, option):
    """The same without an option and its value."""
    place = arguments.index(option) if option in arguments else len(arguments)
    return (*arguments[:place], *arguments[place + 2 :])


def test_there_are_numbers_in_most_commands():
    assert sum(map(len, NUMERIC.values())) > 250
    assert all(NUMERIC[name] for name in BASE)


@pytest.mark.parametrize("name", [name for name, options in NUMERIC.items() if options])
def test_what_is_no_number_is_told(name):
    for option, whole, count in NUMERIC[name]:
        bad = ("many", "1.5", "nan", "inf", "1e-3", "") if whole else ("many", "1.5km", "", "1e400")
        for text in bad:
            with pytest.raises(typer.BadParameter) as wrong:
                LEAVES[name].make_context(name, [option, *[text] * count])
            assert wrong.value.exit_code == 2
            told = wrong.value.format_message()
            allowed = (
                "a whole number such as" if whole else "at most about" if text == "1e400" else "a number such as"
            )
            assert f"'{option}'" in told
            assert f"must be {allowed}" in told
            assert f"got {text!r}" in told


@pytest.mark.parametrize("name", [name for name, options in NUMERIC.items() if options and name not in LATER])
def test_numbers_out_of_range_are_told(name):
    given = BASE.get(name, tuple(name.split()))
    for option, whole, count in NUMERIC[name]:
        text = "-3" if whole else "nan"
        found = told(*without(given, option), option, *[text] * count)
        assert found.exit_code == 1, (option, text, found.output)
        assert option in found.stderr, (option, text, found.stderr)
        assert text in found.stderr, (option, text, found.stderr)


HUGE = {
    "run": ("--purify-rounds",),
    "plan": ("--max-rounds",),
    "build": ("--paths",),
    "network capacity": ("--purify-rounds",),
    "network routes": ("--purify-rounds",),
    "network simulate": ("--purify-rounds", "--trials"),
    "network operate": ("--paths", "--duration-s"),
    "qkd conference": ("--parties",),
    "qkd decoy-mdi": ("--rounds",),
    "qkd twin-field": ("--rounds",),
    "qkd bbm92": ("--rounds", "--km"),
    "qkd monitor": ("--rounds", "--rounds-between-false-alarms", "--km", "--dark-count-rate-hz"),
    "keys sign": ("--rounds",),
}
"""Options of which far too much is said at once: not after minutes, and not by Python."""


@pytest.mark.parametrize(("name", "option"), [(n, o) for n, options in HUGE.items() for o in options])
def test_far_too_much_is_told_at_once(name, option):
    found = told(*BASE.get(name, tuple(name.split())), option, "1e20")
    assert found.exit_code == 1
    assert found.stderr.startswith("error: ")
    assert option in found.stderr


def test_help_says_that_numbers_are_numbers():
    text = told("run", "--help").stdout
    assert "<int>" not in text
    assert "<float>" not in text
    assert re.search("--rounds +<whole>", text)
    for option, spelled in (("--rounds", "1e6"), ("--shots", "2.5e2"), ("--seed", "250")):
        assert "No such option: --no-such-option" in told("run", option, spelled, "--no-such-option").stderr


def test_every_spelling_of_an_option_is_read():
    wrong = "it must be a whole number such as 250000 or 1e6, got '1.5'"
    for given in (("run", "--rounds=1.5"), ("run", "--rounds", "1.5"), ("network", "routes", "-k", "1.5")):
        assert wrong in told(*given).stderr
    found = told("network", "routes", METRO, *ENDS, "-k", "1e0", "--json")
    assert found.exit_code == 0


def test_parts_of_a_message_that_are_told_in_pythons_words_stay_so():
    found = told("qkd", "twin-field", "--depolarization-per-km", "0.1")
    assert "Fiber(length_km=50.0, depolarization_per_km=0.1)" in found.stderr
