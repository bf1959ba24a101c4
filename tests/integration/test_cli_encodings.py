"""Every report comes out on terminals that cannot write all of its characters."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quantumlink.cli.plain_text import plain

METRO = str(Path(__file__).parents[2] / "notebooks" / "networks" / "metro.toml")
BETWEEN = ["--from", "vienna", "--to", "bratislava"]
COMMANDS = {
    "run": ["run", METRO, *BETWEEN, "--shots", "100", "--rounds", "2000", "--seed", "1"],
    "network show": ["network", "show", METRO],
    "network routes": ["network", "routes", METRO, *BETWEEN],
    "network simulate": ["network", "simulate", METRO, *BETWEEN, "--trials", "50", "--seed", "1"],
    "plan": ["plan", METRO, *BETWEEN, "--seed", "1"],
    "qkd bb84": ["qkd", "bb84", "--rounds", "20000", "--seed", "1"],
    "help": ["--help"],
    "wrong usage": ["run", "no such file.toml", "--from", "⟨a⟩", "--to", "b"],
}


def run(command, encoding, folder):
    told = dict(os.environ, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    code = "from quantumlink.cli import app; app()"
    return subprocess.run([sys.executable, "-c", code, *command], env=told, cwd=folder, capture_output=True)


@pytest.mark.parametrize(("name", "encoding"), [*((name, "cp1252") for name in COMMANDS), ("run", "ascii")])
def test_reports_degrade(name, encoding, tmp_path):
    found = run(COMMANDS[name], encoding, tmp_path)
    text = (found.stdout + found.stderr).decode(
        encoding, errors="replace"
    )  # click writes UTF-8 where ASCII is asked for
    assert "UnicodeEncodeError" not in text
    assert "Traceback" not in text
    assert text.strip()
    if name == "run":
        assert "fidelity to Phi+" in text
        assert "<XX>" in text


def test_nothing_degrades_that_can_be_written(tmp_path):
    assert "fidelity to Φ⁺" in run(COMMANDS["run"], "utf-8", tmp_path).stdout.decode("utf-8")


def test_whatever_is_told_in_ascii_can_be_written():
    every = "".join(map(chr, range(0xA0, 0x3000)))
    plain(every).encode("ascii")
    assert plain("⟨ZZ⟩ ≥ 0.5 ± 10⁻³ µs, Φ⁺") == "<ZZ> >= 0.5 +- 10-3 us, Phi+"


def test_a_stream_of_another_kind_is_left_alone(monkeypatch):
    from quantumlink.cli.plain_text import degrade_output

    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    degrade_output()
    print("Φ⁺")  # noqa: T201
    assert stream.getvalue() == "Φ⁺\n"
