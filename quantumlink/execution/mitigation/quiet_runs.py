"""Runs in which spectators stayed quiet: those in which one flipped are dropped, openly.

What disturbs several neighboring qubits at once flips spectators too; of a run in which one is read as 1 nobody
knows what else happened. Dropping it takes nothing out of errors that are each qubit's own, and costs the runs in
which a spectator was merely misread. Figures of what is left are conditioned on that, so they stand beside the raw
ones; no key is made of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quantumlink.estimation import Estimate, binomial_estimate
from quantumlink.execution.bases import OF_A_PAIR
from quantumlink.execution.preparation.recipe import Recipe
from quantumlink.execution.samples import Samples


@dataclass(frozen=True, eq=False, repr=False)
class QuietRuns:
    """Figures of all runs, and beside them those of the runs in which no spectator flipped."""

    raw: Samples
    """All runs that the heralds accept."""
    selected: Samples
    """Of these the ones in which all spectators were read as 0."""
    flipped: tuple[Estimate, ...]
    """How often each spectator was read as 1, over all runs."""
    kept: Estimate
    """The share of all runs in which none was."""

    @classmethod
    def of(cls, recipe: Recipe, result: Any) -> QuietRuns:
        """From a result.

        Args:
            recipe: how it is read.
            result: as `Recipe.samples` takes it.

        Raises:
            ValueError: if there are no spectators, or the result is another circuit's.
        """
        if not recipe.spectators:
            raise ValueError("there are no spectators: prepare(..., spectators=True) measures the neighbors too")
        raw = recipe.samples(result)
        names = [recipe.bit_names[bit] for bit in recipe.spectators]
        records = raw.records()
        columns = np.stack([records[name] for name in names])
        runs = columns.shape[1]
        return cls(
            raw,
            raw.where(dict.fromkeys(names, 0)),
            tuple(binomial_estimate(int(column.sum()), runs) for column in columns),
            binomial_estimate(int((~columns.any(axis=0)).sum()), runs),
        )

    def lines(self) -> tuple[tuple[str, Estimate, Estimate], ...]:
        """The figures: name, raw, selected."""
        raw, selected = self.raw, self.selected
        found = [(f"⟨{basis}⟩", raw.expectation(basis), selected.expectation(basis)) for basis in raw.outcomes]
        if len(raw.ends) != 2 or {label for label, _ in OF_A_PAIR} <= set(raw.outcomes):
            found.insert(0, ("fidelity", raw.fidelity(), selected.fidelity()))
        return tuple(found)

    def note(self) -> str:
        """What was done, in a sentence."""
        return (
            f"Selected: runs in which none of {len(self.flipped)} spectators was read as 1, {self.kept} of all. "
            f"Errors of single qubits stay."
        )

    def __str__(self) -> str:
        rows = [("", "raw", "selected"), *((name, str(raw), str(best)) for name, raw, best in self.lines())]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, self.note()])

    def __repr__(self) -> str:
        told = ", ".join(f"{name} raw {raw}, selected {best}" for name, raw, best in self.lines())
        return f"<QuietRuns {'–'.join(self.raw.ends)}: {told}>"
