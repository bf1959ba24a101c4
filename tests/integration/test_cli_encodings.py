"""Every report comes out on terminals that cannot write all of its characters."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quantumlink.cli.plain_text import degrade_output, plain

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


def closed(number):
    """What a child does to a standard stream before it runs, as ``<&-`` of a shell."""
    return lambda: os.close(number)


@pytest.mark.skipif(os.name == "nt", reason="streams are closed as POSIX does")
@pytest.mark.parametrize("number", [0, 1, 2])
def test_closed_streams(number, tmp_path):
    """Sockets took the places that were left free, and the watch of Ctrl-C lost its own."""
    found = subprocess.run(
        [sys.executable, "-c", "from quantumlink.cli import app; app()", "network", "show", METRO],
        cwd=tmp_path,
        capture_output=True,
        preexec_fn=closed(number),
    )
    assert found.stderr == b""
    assert found.returncode == 0
    assert (b"metro: nodes" in found.stdout) == (number != 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("form", [["--json"], []])
def test_what_cannot_be_written_is_told_once(form, tmp_path):
    code = "from quantumlink.cli import app; app()"
    with open("/dev/full", "wb") as full:
        found = subprocess.run(
            [sys.executable, "-c", code, "parts", *form], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE
        )
    assert found.returncode == 1
    assert found.stderr == b"error: No space left on device\n"


@pytest.mark.skipif(os.name == "nt", reason="locales of POSIX")
def test_without_a_locale(tmp_path):
    told = dict(os.environ, LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    told.pop("PYTHONIOENCODING", None)
    command = [sys.executable, "-c", "from quantumlink.cli import app; app()", *COMMANDS["network routes"]]
    found = subprocess.run(command, env=told, cwd=tmp_path, capture_output=True)
    assert (found.returncode, found.stderr) == (0, b"")
    assert b"vienna -" in found.stdout


def test_names_of_files_that_are_no_text_are_told_as_they_are():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="surrogateescape")
    before = sys.stdout
    try:
        sys.stdout = stream
        degrade_output()
    finally:
        sys.stdout = before
    stream.write("n\udcff – x")
    stream.flush()
    assert stream.buffer.getvalue() == b"n\xff - x"


@pytest.mark.skipif(os.name == "nt", reason="a pipe of POSIX")
def test_who_had_enough_is_told_nothing(tmp_path):
    code = "from quantumlink.cli import app; app()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "parts", "--csv"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) != 0
