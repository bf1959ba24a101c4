"""Links that carry what noisy circuits left on them, for as long as they are swapped in their code.

A swap in a code sees in one syndrome what it adds and what was left before, so encoded links whose circuits have
errors are folded with their residuals (`quantumlink.codes.recovery`), beside the states that they would deliver.
Codes that are sampled have none: what is left on them is taken to be corrected before the next swap.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from quantumlink.arrays import FloatArray
from quantumlink.codes import Recovery
from quantumlink.codes.recovery import MAX_EXACT_NOISY
from quantumlink.codes.sampled import SampledRecovery, SampledWarning
from quantumlink.link import Encoding, LogicalOperation, LogicalSwap
from quantumlink.readings.encoded import LogicalSwapping
from quantumlink.readings.maps import Carrying, carrier
from quantumlink.readings.tree import Tree


@dataclass(frozen=True, eq=False)
class Residuals:
    """What takes an encoded link's pairs, or two encoded links, to one that carries what circuits left."""

    carrier: Recovery | LogicalSwapping

    @property
    def vectors(self) -> int:
        """How many pairs' states take as much memory as one such link."""
        entries = self.carrier.entries if isinstance(self.carrier, Recovery) else self.carrier.syndromes
        return entries * entries

    def __call__(self, states: list[FloatArray], carried: list[FloatArray | None]) -> tuple[FloatArray, FloatArray]:
        """What is carried, shape (2^r, 2^r, points, 16), and what would be delivered, shape (points, 16).

        Args:
            states: of each link that enters, shape (points or 1, 16).
            carried: and what it carries; None where nothing was left.
        """
        if isinstance(self.carrier, Recovery):
            found = self.carrier.residuals(*states)
        else:
            size = self.carrier.syndromes
            found = self.carrier.residuals(
                *(
                    np.broadcast_to(state, (size, size, *state.shape)) if left is None else left
                    for state, left in zip(states, carried, strict=True)
                )
            )
        return found, self.carrier.delivered(found)


def residual_parts(tree: Tree) -> dict[int, Residuals]:
    """The parts of a tree that carry residuals: none where nothing is swapped in its code after noisy circuits."""
    logical = [isinstance(operation, LogicalOperation) for operation in tree.operations]
    if not any(isinstance(operation, LogicalSwap) for operation in tree.operations):
        return {}
    made = {key: carrier(*tree.acting(key)) for key, (which, *_) in enumerate(tree.maps) if logical[which]}
    noisy = {
        tree.operations[tree.maps[key][0]].code  # type: ignore[attr-defined]
        for key, one in made.items()
        if isinstance(one, Recovery) and one.is_noisy
    }
    _warn_of_sampled(made.values())
    found: dict[int, Residuals] = {}
    for k, key in enumerate(tree.keys):
        if key is None or key not in made:
            continue
        operation, one = tree.operations[tree.maps[key][0]], made[key]
        assert isinstance(operation, LogicalOperation)
        if operation.code not in noisy or not isinstance(one, (Recovery, LogicalSwapping)):
            continue
        if isinstance(operation, Encoding) or any(child in found for child in tree.children[k]):
            found[k] = Residuals(one)
    return found


def _warn_of_sampled(made: Iterable[Carrying]) -> None:
    """Say that swaps are told as if a round without errors came before, and by how much that may be wrong.

    It matters only where two of these have left something: either side of the two links, and the swap.
    """
    parts = list(made)
    disturbed = max((one.disturbed for one in parts if isinstance(one, LogicalSwapping)), default=0.0)
    sampled = [one for one in parts if isinstance(one, SampledRecovery) and one.is_noisy]
    if sampled:
        one = max(sampled, key=lambda each: each.left_over)
        off_by = min(1.5 * one.left_over**2 + 2 * one.left_over * disturbed, 1.0)
        warnings.warn(
            f"swaps in {one.code.name} are told as if a round of correction without errors came before each: the "
            f"infidelity comes out too small, by up to about {off_by:.1g} for each swap; codes of at most "
            f"{MAX_EXACT_NOISY} stabilizers are followed exactly",
            SampledWarning,
            stacklevel=2,
        )
