"""The README is true: its snippets run on their own, its figures hold, its commands are the Makefile's."""

import re
from pathlib import Path

import pytest

import quantumlink as ql

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path: (ROOT / path).read_text(encoding="utf-8") for path in ("README.md", "notebooks/index.md")}
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
START = re.findall(
    r"```python\n(.*?)```", (ROOT / "notebooks" / "start.md").read_text(encoding="utf-8"), flags=re.DOTALL
)


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("QUANTUMLINK_JOBS", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.mark.parametrize("block", range(len(BLOCKS)))
def test_each_snippet_runs_on_its_own(block):
    assert len(BLOCKS) >= 3
    exec(compile(BLOCKS[block], f"README.md, Python block {block}", "exec"), {})


def test_the_first_result_is_the_one_that_is_told():
    names: dict[str, object] = {}
    exec(compile(BLOCKS[0], "README.md, first block", "exec"), names)
    link = names["link"]
    sampled = ql.sample(link, shots=20_000, seed=7).fidelity()
    rate = ql.simulate(link, trials=10_000, seed=7).rate_hz
    told = [
        f"{ql.evaluate(link).fidelity:.4f}:",
        f"{sampled.best:.4f} [{sampled.low:.4f}, {sampled.high:.4f}]",
        f"{rate.best:.1f} [{rate.low:.1f}, {rate.high:.1f}]",
        f"{len(ql.qkd.bbm92(link, rounds=1_000_000, seed=7))} secret bits",
    ]
    assert [text for text in told if text not in README] == []
    assert [text for text in told[2:] if text not in PAGES["notebooks/index.md"]] == []


def test_the_first_page_of_the_site_runs_from_top_to_bottom(capsys):
    names: dict[str, object] = {}
    for number, block in enumerate(START):
        exec(compile(block, f"start.md, block {number}", "exec"), names)
    said = capsys.readouterr().out
    told = re.findall(r"^print.*?  # (.*)$", "\n".join(START), flags=re.MULTILINE)
    assert len(told) == 5
    assert [number for text in told for number in re.findall(r"[\d.]+\d", text) if number not in said] == []


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
