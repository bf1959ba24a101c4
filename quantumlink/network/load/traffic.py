"""Traffic files: demands as a TOML or a CSV file.

TOML has one entry a demand, everything but ``between`` optional::

    [[demands]]
    between = ["vienna", "bratislava"]
    kind = "key"                # or "pairs", or "ghz" between three nodes or more
    rate_hz = 20.0              # pairs or secret bits a second; or count = 50; or requests = [0.0, [1.5, 20]]
    arrivals = "periodic"       # or "poisson", which is meant if it is not said
    min_fidelity = 0.9
    deadline_s = 0.5
    priority = 1

A table ``[matrix]`` has a demand for every two of its nodes that want something of each other; whatever else it
holds is said of every one::

    [matrix]
    nodes = ["vienna", "bratislava", "alice"]
    rate_hz = [[0, 20, 5], [20, 0, 0], [5, 0, 0]]    # symmetric
    kind = "key"

CSV has a line of names, ``a,b`` and any of ``kind``, ``rate_hz``, ``min_fidelity``, ``count``, ``deadline_s``,
``priority`` and ``arrivals``, then one line a demand; what is empty is not given.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import Any

from quantumlink import validation
from quantumlink.network.load.demand import Demand
from quantumlink.network.load.matrices import demands_of_matrix

FIELDS = tuple(field.name for field in fields(Demand))
COLUMNS = tuple(name for name in FIELDS if name not in ("requests", "others"))
KEYS = ("between", *(name for name in FIELDS[2:] if name != "others"))
MATRIX_KEYS = ("nodes", "rate_hz", "kind", "min_fidelity", "deadline_s", "priority", "arrivals")
NUMBERS = ("rate_hz", "min_fidelity", "deadline_s")
WHOLE_NUMBERS = ("count", "priority")


class TrafficFileError(ValueError):
    """A traffic file that cannot be read; file and place are named."""


def load_demands(path: str | Path) -> tuple[Demand, ...]:
    r"""Read demands from a TOML or a CSV file, by its ending (their form: `quantumlink.network.load.traffic`).

    Raises:
        TrafficFileError: if the file is no such file, or something in it is missing, misspelt or out of range.
        FileNotFoundError: if there is no such file.

    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from quantumlink.network import load_demands
    >>> path = Path(mkdtemp()) / "demands.csv"
    >>> _ = path.write_text("a,b,kind,rate_hz\nvienna,graz,key,100\n", encoding="utf-8")
    >>> load_demands(path)
    (Demand('vienna', 'graz', kind='key', rate_hz=100.0),)
    """
    path = Path(path)
    if path.suffix.lower() not in (".toml", ".csv"):
        raise TrafficFileError(f"{path}: a traffic file must end in .toml or .csv")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TrafficFileError(f"{path}: this is not text in UTF-8: {error}") from error
    entries = _from_toml(path, text) if path.suffix.lower() == ".toml" else _from_csv(path, text)
    demands = []
    for where, values in entries:
        try:
            demands.append(Demand(**values))
        except (TypeError, ValueError) as error:
            raise TrafficFileError(f"{path}, {where}: {error}") from error
    if not demands:
        raise TrafficFileError(f"{path}: there is no demand in it")
    return tuple(demands)


def _from_toml(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise TrafficFileError(f"{path}: this is not TOML: {error}") from error
    _known(path, "the file", data, ("demands", "matrix"))
    tables = data.get("demands", [])
    if not isinstance(tables, list):
        raise TrafficFileError(f"{path}, demands: must be a list of tables, each headed [[demands]]")
    entries = []
    for i, table in enumerate(tables, start=1):
        where = f"demand {i}"
        if not isinstance(table, Mapping):
            raise TrafficFileError(f"{path}, {where}: must be a table, got {table!r}")
        _known(path, where, table, KEYS)
        between = table.get("between")
        ghz = table.get("kind") == "ghz"
        if not isinstance(between, list) or not (len(between) > 2 if ghz else len(between) == 2):
            number = "three nodes or more" if ghz else "two nodes"
            raise TrafficFileError(f"{path}, {where}: between must name {number}, got {between!r}")
        values = {key: value for key, value in table.items() if key != "between"}
        others = {"others": tuple(between[2:])} if ghz else {}
        entries.append((where, {"a": between[0], "b": between[1], **others, **values}))
    return [*entries, *_from_matrix(path, data["matrix"])] if "matrix" in data else entries


def _from_matrix(path: Path, table: Any) -> list[tuple[str, dict[str, Any]]]:
    where = "the matrix"
    if not isinstance(table, Mapping):
        raise TrafficFileError(f"{path}, {where}: must be a table, got {table!r}")
    _known(path, where, table, MATRIX_KEYS)
    values = {key: value for key, value in table.items() if key not in ("nodes", "rate_hz")}
    try:
        demands = demands_of_matrix(table.get("nodes"), table.get("rate_hz"), **values)
    except (TypeError, ValueError) as error:
        raise TrafficFileError(f"{path}, {where}: {error}") from error
    return [(where, {name: getattr(demand, name) for name in FIELDS}) for demand in demands]


def _from_csv(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    rows = list(csv.reader(text.splitlines()))
    if not rows:
        return []
    head = [name.strip() for name in rows[0]]
    _known(path, "line 1", dict.fromkeys(head), COLUMNS)
    if len(set(head)) < len(head) or not {"a", "b"} <= set(head):
        raise TrafficFileError(f"{path}, line 1: the columns a and b must be there, and each once; got {head}")
    entries = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        where = f"line {number}"
        if len(row) != len(head):
            raise TrafficFileError(f"{path}, {where}: must have {len(head)} values, got {len(row)}")
        cells = {name: cell.strip() for name, cell in zip(head, row, strict=True)}
        values: dict[str, Any] = {name: cell for name, cell in cells.items() if cell or name in ("a", "b")}
        for name in NUMBERS:
            if name in values:
                values[name] = _number(path, where, name, values[name])
        for name in WHOLE_NUMBERS:
            if name in values:
                number_of = _number(path, where, name, values[name])
                if number_of != round(number_of):
                    raise TrafficFileError(f"{path}, {where}: {name} must be a whole number, got {values[name]!r}")
                values[name] = int(number_of)
        entries.append((where, values))
    return entries


def _number(path: Path, where: str, name: str, text: str) -> float:
    try:
        if isfinite(value := float(text)):
            return value
        raise ValueError("not finite")
    except ValueError as error:
        raise TrafficFileError(f"{path}, {where}: {name} must be a number, got {text!r}") from error


def _known(path: Path, where: str, found: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for key in found:
        if key not in allowed:
            hint = validation.did_you_mean(key, allowed)
            raise TrafficFileError(f"{path}, {where}: unknown {key!r}{hint}; known are {', '.join(allowed)}")
