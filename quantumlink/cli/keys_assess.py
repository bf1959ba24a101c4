"""``quantumlink keys assess``: what of an inventory falls to a quantum computer, and what to change first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantumlink.cli.result import NOT_KNOWN, Cell, Column, Result, Table

if TYPE_CHECKING:
    from quantumlink.keys.migration import Assessment


def assess(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="INVENTORY", help="TOML: systems, their algorithms and lifetimes.", show_default=False
        ),
    ],
) -> Result:
    """Which systems fall to a quantum computer, which are late by Mosca's inequality, and what to change first."""
    from quantumlink.keys.migration import Inventory
    from quantumlink.keys.migration import assess as assessed

    found = assessed(Inventory.read(file))
    assumed = found.inventory
    notes = (
        f"Assumed: a quantum computer that runs Shor's algorithm on today's keys in {assumed.machine_planned:g}, "
        f"in {assumed.machine_early:g} at the earliest; nobody knows. "
        "Late: years beyond x + y = z, planned (early).",
        "A QKD key is no replacement: it stands beside ML-KEM, and signatures are still needed.",
    )
    return Result(tables=(_order(found), _attacks(found)), notes=notes, data=found.as_dict())


def _order(found: Assessment) -> Table:
    rows = []
    for place, each in enumerate(found.findings, 1):
        begin, late = Cell(None, NOT_KNOWN), Cell(None, NOT_KNOWN)
        if each.start_by is not None:
            begin = Cell(each.start_by, f"{each.start_by:.4g}")
            late = Cell(each.excess_years, f"{each.excess_years:+.3g} ({each.excess_early_years:+.3g})")
        rows.append((place, each.system.name, each.urgency, each.reason, begin, late))
    columns = (
        Column("", "place"),
        Column("system", left=True),
        Column("urgency", left=True),
        Column("why", left=True),
        Column("begin by", "begin_by"),
        Column("late", "late_years"),
    )
    return Table("Migration order", columns, tuple(rows), "order")


def _attacks(found: Assessment) -> Table:
    from quantumlink.keys.migration import estimates_of

    known = {each.name: each for finding in found.findings for each in finding.system.algorithms}
    rows = []
    for each in known.values():
        takes = "; ".join(f"{estimate.text}. {estimate.source}" for estimate in estimates_of(each)) or NOT_KNOWN
        today, then = (Cell(bits, f"{bits:g}") for bits in (each.classical_bits, each.quantum_bits))
        rows.append((each.name, each.verdict, today, then, takes, each.replacement))
    columns = (
        Column("algorithm", left=True),
        Column("verdict", left=True),
        Column("bits today"),
        Column("bits then"),
        Column("what it takes, and who says so", left=True),
        Column("instead", left=True),
    )
    return Table("Algorithms", columns, tuple(rows), "algorithms")
