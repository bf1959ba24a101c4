"""Print the lowest version of each dependency that pyproject.toml admits, as requirements for pip."""

import re
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
wanted = [*project["dependencies"]]
for extra in sys.argv[1:]:
    wanted += project["optional-dependencies"][extra]
for requirement in wanted:
    name, lowest, marker = re.fullmatch(r"([\w.\[\]-]+)>=([\d.]+)[^;]*(;.*)?", requirement).groups()
    sys.stdout.write(f"{name}=={lowest}{marker or ''}\n")
