"""What is wrong: one line on standard error, an object under --json, and the exit code that the guide tells."""

import errno
import json
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from quantumlink.cli import app

NETWORKS = Path(__file__).parents[2] / "notebooks" / "networks"
METRO, GLOBE = (str(NETWORKS / f"{name}.toml") for name in ("metro", "globe"))
ENDS = ("--from", "vienna", "--to", "bratislava")
SERVICE = ("--kme", "https://localhost:1", "--cert", "missing", "--key", "missing", "--ca", "missing")
FILES = ("--cert", "traffic.csv", "--key", "traffic.csv", "--ca", "traffic.csv")
WRONG = {
    "run": ("run", METRO, *ENDS, "--shots", "0"),
    "plan": ("plan", METRO, *ENDS, "--paths", "0"),
    "build": ("build", "missing.toml", "--demands", "missing.csv", "--costs", "missing.toml"),
    "parts": ("parts", "mediun"),
    "circuits show": ("circuits", "show", "teleport"),
    "jobs list": ("jobs", "list", "--directory", "missing"),
    "jobs show": ("jobs", "show", "nosuchjob", "--directory", "."),
    "jobs result": ("jobs", "result", "nosuchjob", "--directory", "."),
    "jobs cancel": ("jobs", "cancel", "nosuchjob", "--directory", "."),
    "keys assess": ("keys", "assess", "missing.toml"),
    "keys sign": ("keys", "sign", "traffic.csv", "--eps", "2"),
    "keys recipient": ("keys", "recipient", "missing/bob"),
    "keys protect": ("keys", "protect", "traffic.csv", *SERVICE, "--from", "alice", "--to", "bob"),
    "keys open": ("keys", "open", "traffic.csv", "out", *SERVICE, "--to", "bob"),
    "keys trail export": ("keys", "trail", "export", METRO, "trail.jsonl"),
    "keys trail verify": ("keys", "trail", "verify", "traffic.csv"),
    "network show": ("network", "show", METRO, "--color-by", "rate"),
    "network routes": ("network", "routes", METRO, "--from", "viena", "--to", "bratislava"),
    "network simulate": ("network", "simulate", METRO, *ENDS, "--cutoff-s", "nan"),
    "network capacity": ("network", "capacity", METRO, "--demands", "missing.csv"),
    "network resilience": ("network", "resilience", METRO, "--region", "91", "0", "1"),
    "network operate": ("network", "operate", METRO, "--demands", "traffic.csv", "--fail", "vienna@3-1"),
    "network import": ("network", "import", "missing.gml", "--output", "out.toml"),
    "network schema": ("network", "schema", "--output", "missing/schema.json"),
    "satellites passes": ("satellites", "passes", GLOBE, "--start", "2026-13-01"),
    "satellites keys": ("satellites", "keys", GLOBE, "--start", "2026-13-01"),
    "qkd rates": ("qkd", "rates", "--detector-efficiency", "2"),
    "qkd monitor": ("qkd", "monitor", "--attack", "intercept-resend:2"),
    "qkd timetags": ("qkd", "timetags", "missing.csv", "missing.csv"),
    "no strategy": ("plan", METRO, *ENDS, "--min-fidelity", "0.999999", "--max-rounds", "0", "--paths", "1"),
}


def leaves(command, *names):
    if not hasattr(command, "commands"):
        yield names, command
        return
    for name, each in command.commands.items():
        yield from leaves(each, *names, name)


LEAVES = {" ".join(names): command for names, command in leaves(typer.main.get_command(app))}
TELLING = [name for name, each in LEAVES.items() if "json_file" in {p.name for p in each.params}]
FREE = ("keys openapi", "circuits list")
"""Commands that nothing can be wrong with but their usage."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traffic.csv").write_text("a,b,kind,rate_hz,min_fidelity\nvienna,bratislava,pairs,20,0.9\n")


def invoke(*arguments):
    return CliRunner(env={"NO_COLOR": "1", "TERM": "dumb"}).invoke(app, [*map(str, arguments)])


def wrong(name):
    return WRONG.get(name) or (*name.split(), "--seed", "-1")


def test_every_command_but_servers_gives_json():
    assert {name for name in LEAVES if name not in TELLING} == {"keys serve"}


@pytest.mark.parametrize("name", [*(name for name in TELLING if name not in FREE), "no strategy"])
def test_what_is_wrong_is_told_as_json_on_standard_output(name, tmp_path):
    before = sorted(tmp_path.iterdir())
    told = invoke(*wrong(name), "--json")
    assert told.exit_code == (3 if name == "no strategy" else 1), told.output
    found = json.loads(told.stdout)
    assert list(found) == ["error", "exit_code"]
    assert found["exit_code"] == told.exit_code
    assert told.stderr == f"error: {found['error']}\n"
    assert "Errno" not in told.stderr
    assert sorted(tmp_path.iterdir()) == before
    quiet = invoke(*wrong(name), "--json", "out.json")
    assert (quiet.exit_code, quiet.stdout) == (told.exit_code, "")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", TELLING)
def test_wrong_usage_is_told_as_json_on_standard_output(name):
    told = invoke(*name.split(), "--json", "--no-such-option")
    assert told.exit_code == 2
    found = json.loads(told.stdout)
    assert found["exit_code"] == 2
    assert "--no-such-option" in found["error"]


def test_a_command_that_is_not_there_is_told_as_json():
    told = invoke("pln", "--json")
    assert told.exit_code == 2
    assert "Did you mean 'plan'" in json.loads(told.stdout)["error"]
    assert not invoke("pln").stdout


def test_who_stops_waiting_for_a_job_loses_nothing(monkeypatch):
    def waiting(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("quantumlink.execution.jobs.resume", waiting)
    told = invoke("jobs", "result", "traffic.csv", "--json")
    assert told.exit_code == 130
    assert told.stderr == "interrupted: nothing is lost, the job goes on\n"
    assert json.loads(told.stdout) == {"job": "traffic.csv", "interrupted": "nothing is lost, the job goes on"}


NAMED = {
    "nobody's name": (("keys", "recipient", ""), "NAME must name somebody"),
    "a root": (("keys", "recipient", "/"), "NAME must name somebody"),
    "no address": (
        ("keys", "protect", "traffic.csv", "--kme", "alice", *FILES, "--from", "a", "--to", "b"),
        "--kme must be",
    ),
    "no certificate": (
        ("keys", "protect", "traffic.csv", "--kme", "https://localhost:1", *FILES, "--from", "a", "--to", "b"),
        "--cert, --key and --ca must be PEM files",
    ),
    "bytes for a node": (("keys", "serve", "bytes.toml"), "bytes.toml: "),
    "bytes for a trail": (("keys", "trail", "verify", "bytes.toml"), "bytes.toml: "),
    "a file for a folder": (
        ("keys", "serve", METRO, "--demo", "--directory", "traffic.csv"),
        "--directory must be a folder, got 'traffic.csv'",
    ),
    "a signature that is there": (
        ("keys", "sign", "traffic.csv", "--output", "bytes.toml"),
        "--output must be a new file; 'bytes.toml' exists",
    ),
    "a link to nowhere": (
        ("network", "routes", METRO, *ENDS, "--avoid", "alice:nobody"),
        "a node of --avoid alice:nobody must be one of",
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_what_is_told_names_what_is_wrong(name, tmp_path):
    words, said = NAMED[name]
    (tmp_path / "bytes.toml").write_bytes(bytes(range(256)))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    found = invoke(*words)
    assert found.exit_code == 1
    assert found.stderr.startswith(f"error: {said}")
    assert len(found.stderr.splitlines()) == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


class Full:
    """A file on a disk that is full."""

    def __init__(self, file):
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *told):
        self._file.close()

    def write(self, text):
        self._file.write(text[:10])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("option", ["--csv", "--key-file"])
def test_a_full_disk_leaves_no_part_of_a_file(option, tmp_path, monkeypatch):
    plain, handled = Path.write_text, os.fdopen
    full = OSError(errno.ENOSPC, "No space left on device")

    def write_text(path, text, **options):
        plain(path, text[:10], **options)
        raise full

    monkeypatch.setattr(Path, "write_text", write_text)
    monkeypatch.setattr(os, "fdopen", lambda *given, **options: Full(handled(*given, **options)))
    command = ("parts",) if option == "--csv" else ("qkd", "bb84", "--km", "5", "--rounds", "1e5", "--seed", "1")
    told = invoke(*command, option, "new.csv")
    assert (told.exit_code, told.stderr) == (1, "error: new.csv: No space left on device\n")
    assert not (tmp_path / "new.csv").exists()
