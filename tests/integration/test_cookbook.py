"""The cookbook is true: every recipe runs on its own, and is short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "notebooks" / "guide" / "cookbook.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^### (.*?)\n\n```python\n(.*?)```", TEXT, flags=re.DOTALL | re.MULTILINE))
MOST_LINES = 15
SAID = {  # exact figures that a recipe tells, by its title
    "A link from a measured state": "0.93",
    "States as Qiskit's objects, and back": "\n0.9",
    "A purification of your own": f"{0.64 / 0.68:.6f}",
    "A circuit over two computers": "1 pairs",
    "How often to purify": "0.8382",
    "A circuit of stim's in a link": "0.926396",
    "A GHZ state among three": "0.941000",
}


def test_there_are_many_and_each_is_short():
    assert len(RECIPES) == TEXT.count("\n### ") >= 25
    assert TEXT.count("```python") == len(RECIPES)
    long = [
        title
        for title, code in RECIPES.items()
        if sum(bool(line.strip()) for line in code.splitlines()) >= MOST_LINES
    ]
    assert long == []
    assert SAID.keys() <= RECIPES.keys()


@pytest.mark.parametrize("title", RECIPES)
def test_recipe(title, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("QUANTUMLINK_JOBS", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    exec(compile(RECIPES[title], f"cookbook, {title}", "exec"), {"__name__": "__main__"})
    said = capsys.readouterr().out
    wanted = SAID.get(title, "")
    rounded = " ".join(f"{float(number):.6f}" for number in re.findall(r"\d+\.\d+", said))
    assert wanted in said or wanted in rounded
