"""Check that package, metadata, citation and recipe name one version, and that of the argument if any."""

import re
import sys
import tomllib
from pathlib import Path


def versions() -> dict[str, str]:
    """The version that each file names."""
    found = {
        "pyproject.toml": tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    }
    for path, pattern in (
        ("quantumlink/__init__.py", r'^__version__ = "(.+)"$'),
        ("CITATION.cff", r"^version: (.+)$"),
        (".ci/conda/recipe.yaml", r'^  version: "(.+)"$'),
    ):
        match = re.search(pattern, Path(path).read_text(encoding="utf-8"), re.MULTILINE)
        found[path] = match.group(1) if match else "none"
    return found


if __name__ == "__main__":
    named = versions() | ({"the tag": sys.argv[1]} if len(sys.argv) > 1 else {})
    if len(set(named.values())) != 1:
        sys.exit(
            f"these versions must be one: {', '.join(f'{where} {version}' for where, version in named.items())}"
        )
