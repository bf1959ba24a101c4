"""The page "Extend it" is true: its Python runs as it stands, and nothing of it stays registered."""

import re
import sys
from pathlib import Path
from types import ModuleType

from quantumlink.parts import OPERATIONS, forget

PAGE = Path(__file__).parents[2] / "notebooks" / "guide" / "extend_it.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
NAMES = [
    ("purification", "phases_first"),
    ("medium", "hollow_fiber"),
    ("source", "color_center"),
    ("memory", "cryostat"),
    ("eavesdropper", "tilted"),
    ("policy", "oldest-and-longest"),
    ("protocol", "equator"),
    ("engine", "poor_readout"),
]


def test_every_kind_has_its_chapter_and_is_registered():
    chapters = re.findall(r"^## An? (\w+)", TEXT, flags=re.MULTILINE)
    assert chapters == ["operation", "medium", "source", "memory", "eavesdropper", "policy", "protocol", "engine"]
    for kind, name in NAMES:
        told = f'register("{name}", phases_first, kind="{kind}")' if kind in OPERATIONS else f'@register("{name}")'
        assert told in TEXT


def test_python_runs_as_it_stands_from_top_to_bottom(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    page = ModuleType("extend_it")
    monkeypatch.setitem(sys.modules, "extend_it", page)
    try:
        for number, block in enumerate(BLOCKS):
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), page.__dict__)
    finally:
        for kind, name in NAMES:
            forget(kind, name)
    out = capsys.readouterr().out
    assert "('+XX', '+ZZ')" in out or "('+ZZ', '+XX')" in out
    assert "hollow_fiber = {" in out
    assert 'source = { kind = "color_center"' in out
    assert "SECRET KEY of" in out
    assert {path.suffix for path in (tmp_path / "own_parts").rglob("*")} >= {".toml", ".json", ".jsonl"}
