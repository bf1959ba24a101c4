"""The README is true: its Python runs as it stands, and the Makefile does what its commands do."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_there_is_something_to_run():
    assert len(BLOCKS) >= 2


def test_python_runs_as_it_stands_from_top_to_bottom(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("QUANTUMLINK_JOBS", str(tmp_path))
    names: dict[str, object] = {}
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"README.md, Python block {number}", "exec"), names)
    out = capsys.readouterr().out
    assert "secret key" in out
    assert "purif" in out


def test_commands_are_those_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    makefile = makefile.replace("--quiet ", "").replace("$(PYTHON)", "python3")
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    for command in commands:
        for step in command.split(" && "):
            assert step in makefile, step


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()
