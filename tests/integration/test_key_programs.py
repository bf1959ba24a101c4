"""The programs under notebooks/programs: each ends well only if nothing was lost, changed or used twice."""

import importlib.util
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parents[2] / "notebooks" / "programs").glob("*.py"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_loses_nothing(path, capsys):
    pytest.importorskip("aiohttp", reason="the programs need the extra keys")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    program.main()
    said = capsys.readouterr().out
    assert "alarm: " in said
    assert ("rerouted: " in said) or ("relayed: " in said)
    assert said.rstrip().endswith("lost: nothing")


def test_there_are_programs():
    assert {path.stem for path in PROGRAMS} >= {"bank", "government", "hospitals", "laboratories"}
