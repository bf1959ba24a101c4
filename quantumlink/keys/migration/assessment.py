"""Mosca's inequality for each system, and the order in which to change them.

With x the years that something must stay secret (or a signature be trusted), y the years that the change takes and
z the years until a quantum computer: x + y > z means that what is protected in the last year before the change is
read (or forged) in its lifetime (M. Mosca, IEEE Security & Privacy 16(5), 38 (2018)). x > z means that this holds
for what is sent today already: recorded now, decrypted later. A signature that only has to hold at the moment (x =
0) is in danger if y > z; nothing recorded helps against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from quantumlink.keys.migration.algorithms import Algorithm, Use
from quantumlink.keys.migration.inventory import DEPRECATED, DISALLOWED, Inventory, System
from quantumlink.keys.migration.resources import estimates_of

Urgency = Literal["broken today", "exposed already", "too late by plan", "to be migrated", "weakened", "stands"]
ORDER: Final[tuple[Urgency, ...]] = (
    "broken today", "exposed already", "too late by plan", "to be migrated", "weakened", "stands",
)  # fmt: skip
"""From what comes first to what may stay."""


@dataclass(frozen=True)
class Finding:
    """What holds for one system."""

    system: System
    urgency: Urgency
    """By its worst algorithm, with the year that is planned for."""
    excess_years: float
    """x + y − z by the planned year, of what falls to Shor: positive is too late; minus infinity if none."""
    excess_early_years: float
    """The same by the early year."""
    start_by: float | None
    """The year in which the change must begin at the latest, None if nothing falls to Shor."""
    weak: tuple[Algorithm, ...]
    """Its algorithms that do not stand, worst first."""

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        names = ", ".join(each.name for each in self.weak)
        match self.urgency:
            case "broken today":
                return f"{names}: below 112 bits of security against computers as they are"
            case "exposed already":
                forged = all(each.use == "signature" for each in self.weak)
                what = "what is signed today can be forged" if forged else "what is recorded today can be read"
                return f"{what} within its lifetime ({names})"
            case "too late by plan":
                return f"{self.excess_years:.3g} years too late if begun today ({names})"
            case "to be migrated":
                return f"{-self.excess_years:.3g} years to spare ({names})"
            case "weakened":
                return f"{names}: half the bits against Grover's search, which stays out of reach"
        return "no algorithm falls"

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "system": self.system.name,
            "urgency": self.urgency,
            "reason": self.reason,
            "start_by": self.start_by,
            "excess_years": None if self.start_by is None else self.excess_years,
            "excess_early_years": None if self.start_by is None else self.excess_early_years,
            "algorithms": [_described(each) for each in self.system.algorithms],
        }


@dataclass(frozen=True)
class Assessment:
    """All findings, in the order of migration."""

    inventory: Inventory
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for a file."""
        return {
            "assumptions": {
                "today": self.inventory.today,
                "machine_early": self.inventory.machine_early,
                "machine_planned": self.inventory.machine_planned,
                "deprecated_after": DEPRECATED,
                "disallowed_after": DISALLOWED,
            },
            "findings": [finding.as_dict() for finding in self.findings],
        }


def assess(inventory: Inventory) -> Assessment:
    """Assess an inventory: what is worst first; among equals, what is later by more years, then by name."""
    found = [_finding(system, inventory) for system in inventory.systems]
    found.sort(key=lambda each: (ORDER.index(each.urgency), -each.excess_years, each.system.name))
    return Assessment(inventory, tuple(found))


def _finding(system: System, inventory: Inventory) -> Finding:
    z, early = (_rounded(year - inventory.today) for year in (inventory.machine_planned, inventory.machine_early))
    fallen = [each for each in system.algorithms if each.verdict == "falls to Shor"]
    x = max((_lifetime(system, each.use) for each in fallen), default=0.0)
    excess, excess_early = (
        _rounded(x + system.migration_years - years) if fallen else float("-inf") for years in (z, early)
    )
    verdicts = {each.verdict for each in system.algorithms}
    urgency: Urgency
    if "broken today" in verdicts:
        urgency = "broken today"
    elif fallen and _rounded(x) > z:
        urgency = "exposed already"
    elif fallen:
        urgency = "too late by plan" if excess > 0 else "to be migrated"
    else:
        urgency = "weakened" if "weakened by Grover" in verdicts else "stands"
    start_by = inventory.machine_planned - x - system.migration_years if fallen else None
    return Finding(system, urgency, excess, excess_early, start_by, _worst(system.algorithms))


def _rounded(years: float) -> float:
    """To half a minute: 2005.1 − 2000 falls short of 5.1 in floating point, and equal years must compare equal."""
    return round(years, 6)


def _lifetime(system: System, use: Use) -> float:
    """x: of secrets for what agrees on keys, and only if they can be recorded; of trust for what signs."""
    if use == "signature":
        return system.trusted_years
    return system.secret_years if system.travels else 0.0


def _worst(algorithms: Sequence[Algorithm]) -> tuple[Algorithm, ...]:
    """Those of the worst verdict that there is, unless all stand."""
    for verdict in ("broken today", "falls to Shor", "weakened by Grover"):
        if found := tuple(each for each in algorithms if each.verdict == verdict):
            return found
    return ()


def _described(algorithm: Algorithm) -> dict[str, Any]:
    return {
        "name": algorithm.name,
        "verdict": algorithm.verdict,
        "classical_bits": algorithm.classical_bits,
        "quantum_bits": algorithm.quantum_bits,
        "replacement": algorithm.replacement,
        "estimates": [
            {"text": each.text, "source": each.source, "logical_qubits": each.logical_qubits,
             "toffoli_gates": each.toffoli_gates} for each in estimates_of(algorithm)
        ],
    }  # fmt: skip
