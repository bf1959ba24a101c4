"""Figures from which readout errors were taken out, each beside the raw one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, get_args

import numpy as np

from quantumlink import validation
from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.estimation import CONFIDENCE, Estimate
from quantumlink.execution.bases import OF_A_PAIR
from quantumlink.execution.mitigation.accounting import PostSelection
from quantumlink.execution.mitigation.bare_record import bare_record
from quantumlink.execution.mitigation.calibration import Calibration, ReadoutErrors, errors_as_array
from quantumlink.execution.mitigation.inversion import (
    Counted,
    accepted_weights,
    both_accept_weights,
    counted,
    offset_and_scale,
)
from quantumlink.execution.mitigation.propagation import Ratio, Uncertain, Weights, propagated
from quantumlink.execution.mitigation.sums import Terms, value_of
from quantumlink.execution.preparation.recipe import Recipe
from quantumlink.execution.samples import Samples
from quantumlink.program import Frame, toggle
from quantumlink.readings.observables import Observable

Scope = Literal["ends", "all"]
"""Whose readout errors are taken out: see `Mitigated`."""

SCOPES: tuple[Scope, ...] = get_args(Scope)

MIN_CONTRAST = 0.2
"""Least 1 − e₀ − e₁ of a bit whose errors are inverted."""

_HEADS = ("", "raw", "mitigated")


@dataclass(frozen=True, eq=False, repr=False)
class Mitigated:
    """Raw figures of a job, and the same with readout errors taken out, under the assumptions of `calibration`.

    The scope says which question is answered:

    - ``"ends"``: how good are the pairs that the link delivers? Only the final measurement of the two ends, which
      is how one looks at a pair and no part of it, is corrected. Heralds and frames count as they were recorded,
      because the pairs were kept and corrected by what was recorded.
    - ``"all"``: how good would they be if every measurement were read rightly, those of swaps and heralds too?
      Where conditions acted on a bit, what they did is undone in the record first (`ConditionalPaulis`), so that a
      correction by a misread bit counts as one by the right bit; exactly, but for errors of the conditional gates
      themselves. Where that is not known (other gates than Paulis are conditional, or an older file), bits that
      conditions read stay as they were recorded.

    An estimate may lie outside of what is physical: it is unbiased, and so is not cut. It has no QBER, and no key
    can be made of it: correcting averages does not correct a key's bits, and what is unknown about the readout
    belongs to the eavesdropper.
    """

    raw: Samples
    """As measured."""
    errors: tuple[ReadoutErrors, ...]
    """What the calibration found for each of its bits."""
    scope: Scope
    """Whose errors are taken out."""
    calibration: Calibration
    """Which bits were calibrated, on which qubits."""
    recipe: Recipe
    """How the bits are read."""
    _counted: Mapping[str, Counted]

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        calibration: Calibration,
        result: Any,
        *,
        scope: Scope = "ends",
        errors: Sequence[ReadoutErrors] | None = None,
    ) -> Mitigated:
        """From the result of three PUBs: the program, all in |0⟩, all in |1⟩.

        Args:
            recipe: how the program's bits are read.
            calibration: which bits need one, on which qubits.
            result: of the three, or of the program alone if errors are given.
            scope: whose errors are taken out.
            errors: of the calibration's bits, from another run of the same qubits.

        Raises:
            ValueError: if the scope is unknown, the program does not have two ends, or heralds that must be odd,
            the result is not theirs, or a qubit's readout is next to random.
        """
        validation.choice("scope", scope, SCOPES)
        if recipe.odd_heralds or len(recipe.ends) != 2:
            raise ValueError(
                "readout mitigation is for programs of two ends whose heralds are even parities; this one has "
                f"{len(recipe.ends)} ends and {len(recipe.odd_heralds)} heralds that must be odd: see the raw "
                f"samples"
            )
        if errors is None:
            if not hasattr(result, "__len__") or len(result) != 3:
                size = len(result) if hasattr(result, "__len__") else type(result).__name__
                raise ValueError(f"the result must be that of the program and two calibration circuits, got {size}")
            errors = calibration.errors(result[1], result[2])
        errors = tuple(errors)
        raw = recipe.samples(result[0])
        found = cls(raw, errors, scope, calibration, recipe, _counted_of(recipe, calibration, result[0]))
        _, contrast = offset_and_scale(found._rates(scope, acted_on=found._undoes))
        if contrast.min(initial=1.0) < MIN_CONTRAST:
            worst = errors[int(contrast.argmin())]
            raise ValueError(
                f"the readout of qubit {worst.qubit} is next to random ({worst!r}): its errors cannot be inverted"
            )
        return found

    def expectation(self, pauli: Observable, *, confidence: float = CONFIDENCE) -> Estimate:
        """The mitigated expectation value of a Pauli label such as ``"ZZ"`` among accepted runs.

        Args:
            pauli: the label, or a Hermitian operator of Qiskit's, see `Samples.expectation`.
            confidence: of the interval.

        Raises:
            ValueError: if no measured basis tells it, no run is accepted, or heralds read too many bits for the
                scope ``"all"``.
        """
        self.raw.expectation(pauli)  # refuses what cannot be told

        def combined(terms: Terms, offset: float) -> Estimate:
            told = [self._term(coefficient, label) for coefficient, label in terms]
            return self._propagated(told, offset, self.scope, confidence, acted_on=self._undoes)

        return value_of(pauli, self.raw, combined, confidence)

    def fidelity(self, *, confidence: float = CONFIDENCE) -> Estimate:
        """The mitigated fidelity to Φ⁺ from its stabilizers, (1 + ⟨XX⟩ − ⟨YY⟩ + ⟨ZZ⟩)/4; not cut to [0, 1].

        Raises:
            ValueError: if one of the bases XX, YY, ZZ was not measured; otherwise as `expectation`.
        """
        self.raw.fidelity()
        terms = [self._term(sign / 4, label) for label, sign in OF_A_PAIR]
        return self._propagated(terms, 0.25, self.scope, confidence, acted_on=self._undoes)

    def post_selection(self, *, confidence: float = CONFIDENCE) -> PostSelection:
        """How many runs were accepted, and how often a herald was misread; whatever the scope.

        Bits that conditions read are taken as they were recorded.

        Raises:
            ValueError: if the program has no heralds, they read too many bits, or no run is accepted.
        """
        if not self.recipe.heralds:
            raise ValueError("the program has no heralds, so every run is accepted")
        heralds = self._heralds()

        def share(numerator: Weights, denominator: Weights, *, of_the_rest: bool = False) -> Estimate:
            sign, offset = (-1.0, 1.0) if of_the_rest else (1.0, 0.0)
            term = Ratio(sign, tuple(self._counted.values()), numerator, denominator, 0.0)
            return self._propagated([term], offset, "all", confidence)

        def recorded(bits: BoolArray, rates: FloatArray) -> FloatArray:
            return accepted_weights(bits, heralds, (), np.zeros_like(rates))

        def truly(bits: BoolArray, rates: FloatArray) -> FloatArray:
            return accepted_weights(bits, heralds, (), rates)

        def both(bits: BoolArray, rates: FloatArray) -> FloatArray:
            return both_accept_weights(bits, heralds, rates)

        return PostSelection(
            self.raw.acceptance,
            share(truly, _each_run),
            share(both, recorded, of_the_rest=True),
            share(both, truly, of_the_rest=True),
            sum(self.raw.shots.values()),
        )

    def lines(self) -> tuple[tuple[str, Estimate, Estimate], ...]:
        """The figures: name, raw, mitigated."""
        found = [
            (f"⟨{basis}⟩", self.raw.expectation(basis), self.expectation(basis)) for basis in self.raw.outcomes
        ]
        if {label for label, _ in OF_A_PAIR} <= set(self.raw.outcomes):
            found.insert(0, ("fidelity to Φ⁺", self.raw.fidelity(), self.fidelity()))
        return tuple(found)

    def note(self) -> str:
        """What was corrected, and on what assumption, in a sentence."""
        what = "of the two ends" if self.scope == "ends" else "of all measurements"
        acted = len(self.calibration.acted_on) if self.scope == "all" else 0
        but = f", {acted} bits that conditions acted on undone in the record" if self._undoes and acted else ""
        but = f" but {acted} bits that conditions read" if acted and not self._undoes else but
        return (
            f"Mitigated: readout errors {what}{but} inverted, as independent of one another; "
            f"{sum(self.errors[0].runs)} runs of {'balanced ' * self.calibration.is_balanced}calibration."
        )

    # --- how

    @property
    def _places(self) -> dict[int, int]:
        return {bit: i for i, bit in enumerate(self.calibration.bits)}

    def _columns(self, bits: Sequence[int]) -> tuple[int, ...]:
        place = self._places
        return tuple(place[bit] for bit in bits)

    @property
    def _undoes(self) -> bool:
        """Whether what conditions did by misread bits is undone."""
        return self.scope == "all" and self.recipe.conditional is not None

    def _heralds(self) -> list[tuple[int, ...]]:
        return [self._columns(herald) for herald in self.recipe.heralds]

    def _corrected(self, scope: Scope, *, acted_on: bool) -> list[bool]:
        """Of each bit whether its errors are taken out; those that conditions acted on are if it is said."""
        ends = {bit for _, bit in self.recipe.ends}
        wanted = ends if scope == "ends" else set(self.calibration.bits)
        wanted = wanted if acted_on else wanted - set(self.calibration.acted_on)
        return [bit in wanted for bit in self.calibration.bits]

    def _rates(self, scope: Scope, *, acted_on: bool) -> FloatArray:
        corrected = np.array(self._corrected(scope, acted_on=acted_on))
        return np.where(corrected[:, None], errors_as_array(self.errors), 0.0)

    def _uncertain(self, scope: Scope, confidence: float, *, acted_on: bool) -> list[Uncertain]:
        columns: dict[int, list[int]] = {}
        for i, corrected in enumerate(self._corrected(scope, acted_on=acted_on)):
            if corrected:
                columns.setdefault(self.errors[i].qubit, []).append(i)
        return [
            Uncertain(tuple(same), side, spread)
            for same in columns.values()
            for side, spread in enumerate(self.errors[same[0]].spread(confidence))
        ]

    def _propagated(
        self,
        terms: Sequence[Ratio],
        offset: float,
        scope: Scope,
        confidence: float,
        *,
        acted_on: bool = False,
    ) -> Estimate:
        uncertain = self._uncertain(scope, confidence, acted_on=acted_on)
        return propagated(terms, offset, self._rates(scope, acted_on=acted_on), uncertain, confidence)

    def _term(self, coefficient: float, pauli: str) -> Ratio:
        fitting = [b for b in self._counted if all(p in ("I", x) for p, x in zip(pauli, b, strict=True))]
        told = self.recipe.conditional if self._undoes else None
        heralds = self._heralds() if told is None else [self._columns(herald) for herald in told.heralds]
        which = self._columns(self._parity(pauli))

        def weights(sign: Sequence[int]) -> Weights:
            def of_patterns(bits: BoolArray, rates: FloatArray) -> FloatArray:
                if told is None:
                    return accepted_weights(bits, heralds, sign, rates)
                bare, turned = bare_record(bits, self.recipe, self._places, pauli)
                return accepted_weights(bare, heralds, sign, rates, turned)

            return of_patterns

        return Ratio(coefficient, tuple(self._counted[b] for b in fitting), weights(which), weights(()), -1.0)

    def _parity(self, pauli: str) -> tuple[int, ...]:
        """The bits whose parity is the outcome of a label: the ends', and those of their frames."""
        told = self.recipe.conditional if self._undoes else None
        frames, found = dict(self.recipe.frame if told is None else told.frame), set[int]()
        for (name, bit), letter in zip(self.recipe.ends, reversed(pauli), strict=True):
            if letter != "I":
                found = toggle(found, {bit})
                found = toggle(found, frames.get(name, Frame()).inverting(letter))
        return tuple(sorted(found))

    def _cells(self) -> list[tuple[str, str, str]]:
        return [(name, str(raw), str(mitigated)) for name, raw, mitigated in self.lines()]

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in _HEADS)
        body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in self._cells())
        caption = escape(f"{' – '.join(self.raw.ends)}. {self.note()}")
        return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def __str__(self) -> str:
        rows = [_HEADS, *self._cells()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADS))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, self.note()])

    def __repr__(self) -> str:
        told = ", ".join(f"{name} raw {raw}, mitigated {best}" for name, raw, best in self.lines())
        return f"<Mitigated {'–'.join(self.raw.ends)} (scope {self.scope!r}): {told}>"


def _each_run(bits: BoolArray, _rates: FloatArray) -> FloatArray:
    return np.ones(len(bits))


def _counted_of(recipe: Recipe, calibration: Calibration, result: Any) -> dict[str, Counted]:
    """The bits that matter, by basis: `Recipe.samples` has checked the result before."""
    place = {bit: i for i, bit in enumerate(calibration.bits)}
    rows: dict[str, list[BoolArray]] = {basis: [] for basis in recipe.bases}
    arrays = {
        name: array.to_bool_array(order="little").reshape(-1, array.num_shots, array.num_bits)
        for name, array in ((name, getattr(result.data, name)) for name, _ in recipe.registers)
    }
    for row, basis in enumerate(recipe.bases):
        shots = next(iter(arrays.values())).shape[1]
        bits = np.zeros((shots, len(place)), dtype=bool)
        for name, there in recipe.registers:
            for i, bit in enumerate(there):
                if bit in place:
                    bits[:, place[bit]] = arrays[name][row][:, i]
        rows[basis].append(bits)
    return {basis: counted(np.concatenate(parts)) for basis, parts in rows.items()}
