"""An inventory of systems and their algorithms, in TOML.

[assumptions]
today = 2026                     # the year; this one if left out
machine = [2032, 2035]           # years in which a quantum computer may break RSA and curves: early, planned for

[[systems]]
name = "branch VPN"
algorithms = ["ECDHE P-256", "RSA-2048 signature", "AES-128-GCM", "SHA-256"]
secret_years = 10                # how long what it protects must stay secret
trusted_years = 0                # how long its signatures must be trusted
migration_years = 2              # how long it takes to change it
travels = true                   # whether it can be recorded on its way; true if left out
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from quantumlink import validation
from quantumlink.keys.migration.algorithms import Algorithm, algorithm

DISALLOWED: Final = 2035
"""The year after which NIST means to disallow RSA and curves (IR 8547, draft of 2024), and the NCSC's last one."""
DEPRECATED: Final = 2030
"""The year after which NIST means to deprecate those of 112 bits of security; the EU's for high risks."""


class InventoryError(ValueError):
    """Something in an inventory is missing, misspelt or out of range."""


@dataclass(frozen=True, kw_only=True)
class System:
    """One system of an inventory."""

    name: str
    algorithms: tuple[Algorithm, ...]
    secret_years: float = 0.0
    trusted_years: float = 0.0
    migration_years: float = 1.0
    travels: bool = True

    def __post_init__(self) -> None:
        for name in ("secret_years", "trusted_years", "migration_years"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name), at_least=0.0))
        validation.flags(self, "travels")

    @classmethod
    def from_members(cls, members: Mapping[str, Any]) -> System:
        """Read a table of the file."""
        for key in members:
            validation.choice("key of systems", key, [field.name for field in fields(cls)])
        name, listed = members.get("name"), members.get("algorithms")
        if not isinstance(name, str) or not name:
            raise InventoryError("each of systems must have a name")
        if not isinstance(listed, list) or not listed or not all(isinstance(each, str) for each in listed):
            raise InventoryError(f"{name}: algorithms must be a list of names, at least one")
        if not isinstance(members.get("travels", True), bool):
            raise InventoryError(f"{name}: travels must be true or false, got {members['travels']!r}")
        years = {
            key: validation.number(f"{name}: {key}", members[key], at_least=0.0)
            for key in ("secret_years", "trusted_years", "migration_years")
            if key in members
        }
        try:
            found = tuple(algorithm(each) for each in listed)
        except ValueError as error:
            raise InventoryError(f"{name}: {error}") from None
        return cls(name=name, algorithms=found, travels=members.get("travels", True), **years)


@dataclass(frozen=True)
class Inventory:
    """All systems, and the years that are assumed."""

    systems: tuple[System, ...]
    today: float
    machine_early: float
    """The earliest year that is reckoned with."""
    machine_planned: float
    """The year that is planned for."""

    def __post_init__(self) -> None:
        for name in ("today", "machine_early", "machine_planned"):
            object.__setattr__(self, name, validation.number(name, getattr(self, name)))
        if not self.today <= self.machine_early <= self.machine_planned:
            raise InventoryError(
                f"today, machine_early and machine_planned must rise, got {self.today:g}, {self.machine_early:g} "
                f"and {self.machine_planned:g}"
            )

    @classmethod
    def read(cls, path: str | Path) -> Inventory:
        """Read a file.

        Raises:
            InventoryError: if anything in it is not as it must be; the file is named.
            OSError: if it cannot be read.
        """
        try:
            return cls.from_members(tomllib.loads(Path(path).read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, TypeError) as error:
            raise InventoryError(f"{path}: {error}") from error

    @classmethod
    def from_members(cls, content: Mapping[str, Any]) -> Inventory:
        """Read the content of a file."""
        for name in content:
            validation.choice("key", name, ("assumptions", "systems"))
        assumed, listed = content.get("assumptions", {}), content.get("systems")
        if not isinstance(assumed, Mapping):
            raise InventoryError("assumptions must be a table")
        for name in assumed:
            validation.choice("key of assumptions", name, ("today", "machine"))
        if not isinstance(listed, list) or not listed:
            raise InventoryError("systems must be given, at least one")
        today = validation.number("today", assumed.get("today", datetime.now(UTC).year), at_least=1990.0)
        years = assumed.get("machine", [DEPRECATED, DISALLOWED])
        if not isinstance(years, list) or len(years) != 2:
            raise InventoryError(f"machine must be two years, early and planned for, got {years!r}")
        early, planned = (validation.number("machine", year, at_least=today) for year in years)
        if early > planned:
            raise InventoryError(f"machine must be an earlier and a later year, got {years}")
        systems = tuple(System.from_members(each) for each in listed)
        if len({system.name for system in systems}) < len(systems):
            raise InventoryError("systems must have different names")
        return cls(systems, today, early, planned)
