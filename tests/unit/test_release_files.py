"""What a release says is one version with one list of dependencies, and its files can be read."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[2]


def test_all_files_name_one_version(monkeypatch):
    monkeypatch.chdir(ROOT)
    versions = runpy.run_path(str(ROOT / ".ci" / "version.py"))["versions"]()
    assert len(versions) == 4
    assert len(set(versions.values())) == 1, versions


def test_the_recipe_needs_what_the_package_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = re.sub(r"\$\{\{.*?\}\}", "x", (ROOT / ".ci" / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    read = yaml.safe_load(text)
    commands = dict(entry.split(" = ") for entry in read["build"]["python"]["entry_points"])
    assert commands == project["scripts"]
    listed = read["requirements"]["run"]
    recipe = {re.sub(r"-base\b", "", entry).replace(" ", "") for entry in listed}
    package = {entry.split(";")[0].replace(" ", "") for entry in project["dependencies"]}
    assert recipe == package | {f"python{project['requires-python']}"}


@pytest.mark.parametrize("path", [".github/ISSUE_TEMPLATE", ".github/workflows", "CITATION.cff"])
def test_yaml_is_read(path):
    files = sorted((ROOT / path).glob("*.yml")) or [ROOT / path]
    for file in files:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        if "ISSUE_TEMPLATE" in path and file.name != "config.yml":
            assert {"name", "description", "body"} <= data.keys()
        if "workflows" in path:
            assert {"name", "jobs"} <= data.keys()
