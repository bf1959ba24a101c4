"""What a run measured: accepted outcomes per basis, and the estimates they support."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from quantumlink.estimation import (
    CONFIDENCE,
    Estimate,
    affine_estimate,
    binomial_estimate,
    proportions_estimate,
    weighted_estimate,
)
from quantumlink.execution.bases import sign_of
from quantumlink.execution.records import Keep, Recorded, Records
from quantumlink.execution.told_by_bases import ToldByBases
from quantumlink.readings.observables import Observable, PauliSum, is_label, pauli_sum_of
from quantumlink.tables import html_table

if TYPE_CHECKING:
    from quantumlink.execution.tomography import Method, Tomography

Outcomes = tuple[int, ...]
"""Accepted counts of the outcomes 00, 01, 10, 11, written right end, left end; of k ends, of all 2ᵏ."""

NoiseSource = Literal["program", "sampler"]
"""Whose noise acted: the program's own processors and media, or that of the sampler it ran on."""

_PARITY = np.array([1, -1, -1, 1])


@dataclass(frozen=True)
class Samples(ToldByBases):
    """Measured outcomes of a program's ends, post-selected by its heralds and corrected by its frame.

    A basis label reads as Qiskit's: its rightmost letter belongs to the first, left end (qubit 0). Samples of the
    same program add up with ``+``.
    """

    ends: tuple[str, ...]
    """What the ends are called: the names of the left and the right end node, or of all ends."""
    outcomes: Mapping[str, Outcomes]
    """For each basis the accepted counts of 00, 01, 10, 11; of k ends, of all 2ᵏ outcomes."""
    shots: Mapping[str, int]
    """For each basis the number of runs, accepted or not."""
    noise: NoiseSource = "program"
    """Whose noise acted."""
    engine: str = ""
    """What ran the circuits, and why it was chosen."""
    twirled_relaxation: bool = False
    """Whether memories relaxed by a Pauli twirl, an approximation that was asked for."""
    stabilizers: tuple[tuple[str, int], ...] = ()
    """Where there are not two ends: the stabilizers, and their signs, of the state that is to be delivered."""
    dropped: tuple[str, ...] = ()
    """Noise of the program's own that did not act, as the sampler played its own or none."""
    selected: bool = False
    """Whether the user post-selected the runs besides: see `where`."""
    recorded: Recorded | None = field(default=None, repr=False, compare=False)
    """The single runs, for `records`; None if they were not kept."""

    _absent: ClassVar[str] = "was not measured"
    _remedy: ClassVar[str] = "; sample with it in bases"

    @property
    def acceptance(self) -> Estimate:
        """The probability that all heralds accept."""
        return binomial_estimate(sum(map(sum, self.outcomes.values())), sum(self.shots.values()))

    def expectation(self, pauli: Observable, *, confidence: float = CONFIDENCE) -> Estimate:
        """The expectation value of a Pauli label such as ``"ZZ"`` or ``"IX"``, or of a sum of them.

        Args:
            pauli: a letter of I, X, Y, Z for each end; the rightmost belongs to the first, left one. Or a Hermitian
                operator of Qiskit's, such as a `SparsePauliOp`, the first end as qubit 0.
            confidence: of the interval.

        Raises:
            ValueError: if the label is not one, the operator is not Hermitian or not on the ends, or no measured
                basis tells a label.
        """
        if not is_label(pauli):
            return self._expectation_of_sum(pauli_sum_of(pauli, self.ends), confidence)
        self._checked_telling(pauli)
        even = binomial_estimate(*self._counted(pauli, 1), confidence)
        return affine_estimate([(2.0, even)], offset=-1.0)

    def _expectation_of_sum(self, told: PauliSum, confidence: float) -> Estimate:
        """What the Paulis add up to in a run, by basis; each is told by all runs that tell it, as if alone."""
        if len(told.terms) < 2:
            known = [(c, self.expectation(label, confidence=confidence)) for c, label in told.terms]
            known = known or [(0.0, Estimate(0.0, 0.0, 0.0, confidence))]
            return affine_estimate(known, offset=told.constant)
        size = 2 ** len(self.ends)
        values = {basis: np.zeros(size) for basis in self.outcomes}
        for coefficient, label in told.terms:
            fitting = self._checked_telling(label)
            runs = {basis: sum(self.outcomes[basis]) for basis in fitting}
            signs = np.array([sign_of(label, outcome) for outcome in range(size)], dtype=float)
            for basis in fitting:
                share = runs[basis] / total if (total := sum(runs.values())) else 1 / len(fitting)
                values[basis] += coefficient * share * signs
        terms, offset = [], told.constant
        for basis, value in values.items():
            counts, least, width = np.array(self.outcomes[basis]), float(value.min()), float(np.ptp(value))
            offset += least
            if width:
                terms.append((width, float(counts @ (value - least)) / width, int(counts.sum())))
        bounds = told.constant - told.size, told.constant + told.size
        return weighted_estimate(terms, offset=offset, bounds=bounds, confidence=confidence)

    def _counted(self, pauli: str, sign: int) -> tuple[int, int]:
        """In how many accepted runs that tell a Pauli label it came out with this sign, and how many there are."""
        fitting = self._telling(pauli)
        counts = np.sum([self.outcomes[basis] for basis in fitting], axis=0)
        signs = np.array([sign_of(pauli, outcome) for outcome in range(2 ** len(self.ends))])
        return int(counts[signs == sign].sum()), int(counts.sum())

    def fidelity(self, *, confidence: float = CONFIDENCE) -> Estimate:
        """Fidelity to what the link is to deliver, from its stabilizers: to Φ⁺, (1 + ⟨XX⟩ − ⟨YY⟩ + ⟨ZZ⟩)/4.

        Of k ends it is the mean of all 2ᵏ stabilizers of the state that perfect links would give.

        Raises:
            ValueError: if one of the bases XX, YY, ZZ was not measured, or one that tells a stabilizer.
        """
        terms = self._checked_fidelity_terms()
        if len(self.ends) != 2:
            return self._mean_of_stabilizers(confidence)
        agreeing = [self._counted(label, sign) for label, sign in terms]
        return proportions_estimate(agreeing, scale=0.5, offset=-0.5, bounds=(0.0, 1.0), confidence=confidence)

    def _mean_of_stabilizers(self, confidence: float) -> Estimate:
        """(1 + Σ ⟨s⟩)/2ᵏ over all stabilizers s, each told by one of the bases.

        Those of one basis are read in the same runs. So each basis gives a mean of numbers in [0, 1], the share
        of its stabilizers that came out right in a run.
        """
        told_by: dict[str, list[tuple[str, int]]] = {}
        for label, sign in self.stabilizers:
            told_by.setdefault(self._telling(label)[0], []).append((label, sign))
        scale = 1 / 2 ** len(self.ends)
        terms = []
        for basis, stabilizers in told_by.items():
            counts = np.array(self.outcomes[basis])
            right = [[sign_of(label, o) == sign for o in range(len(counts))] for label, sign in stabilizers]
            terms.append((2 * len(stabilizers) * scale, float(counts @ np.mean(right, axis=0)), int(counts.sum())))
        offset = scale * (1 - len(self.stabilizers))
        return weighted_estimate(terms, offset=offset, bounds=(0.0, 1.0), confidence=confidence)

    def qber(self, basis: str, *, confidence: float = CONFIDENCE) -> Estimate:
        """The quantum bit error rate in a basis: how often the ends disagree with Φ⁺.

        Unequal bits are errors for Z and X, equal ones for Y.

        Raises:
            ValueError: if the basis is not X, Y or Z, was not measured at both ends, or there are not two ends.
        """
        counts = np.array(self.outcomes[self._checked_at_both(basis)])
        wrong = _PARITY > 0 if basis == "Y" else _PARITY < 0
        return binomial_estimate(int(counts[wrong].sum()), int(counts.sum()), confidence)

    def records(
        self, basis: str | None = None, *, accepted: bool | None = None, corrected: bool = False
    ) -> Records:
        """The single runs, every bit by its name.

        Args:
            basis: of one basis; of all in turn if None (``records.basis`` tells that of each run).
            accepted: only those that are accepted, or only those that are refused; all if None.
            corrected: whether the frame is applied to the ends' bits.

        Raises:
            ValueError: if the basis was not measured, or the runs were not kept: those of samples that were made of
                counts, or that ran in forms with different bits.

        >>> from quantumlink.execution import sample
        >>> from quantumlink.hardware import Node
        >>> from quantumlink.link import ElementaryLink, purify
        >>> pair = ElementaryLink(Node("alice"), Node("bob"), fidelity=0.8)
        >>> samples = sample(purify(pair, pair), ["ZZ"], shots=100, seed=1)
        >>> records = samples.records(accepted=True)
        >>> records.names, bool((records["purify_0[0]"] == records["purify_0[1]"]).all())
        (('purify_0[0]', 'purify_0[1]', 'alice', 'bob'), True)
        """
        return self._kept_runs().records(basis, accepted, corrected=corrected)

    def where(self, keep: Keep, *, heralds: bool = True) -> Samples:
        """The samples with a post-selection of the user's own.

        Args:
            keep: values of bits by their names, such as ``{"swap_0[1]": 0}``, or a function that is given `Records`
                (bits as they were measured) and tells for each run whether it is kept. A selection by what the ends
                measured is no herald: estimates of what was selected by itself mean nothing.
            heralds: whether the program's heralds must accept as well.

        Raises:
            ValueError: if a bit is unknown or an end's, what the function gives does not fit, or the runs were not
                kept.
        """
        found = self._kept_runs().where(keep, heralds=heralds)
        return replace(self, outcomes=found.outcomes(), recorded=found, selected=True)

    def tomography(self, *, method: Method = "maximum_likelihood", confidence: float = CONFIDENCE) -> Tomography:
        """The state of the pair, from all nine bases.

        Args:
            method: ``"maximum_likelihood"``: the state under which what was measured is most probable; or
                ``"linear"``: the matrix with the measured expectation values, unbiased, and perhaps no state.
            confidence: of the intervals.

        Raises:
            ValueError: if there are not two ends, a basis was not measured, or it has no accepted run.
        """
        from quantumlink.execution.tomography import pair_tomography

        return pair_tomography(self, method, confidence)

    def _kept_runs(self) -> Recorded:
        if self.recorded is None:
            raise ValueError(
                "the single runs of these samples were not kept: they were made of counts, or ran in forms with "
                "different bits"
            )
        return self.recorded

    def __add__(self, other: Samples) -> Samples:
        if not isinstance(other, Samples):
            return NotImplemented
        if self._origin != other._origin:
            raise ValueError(f"only samples of one program add up, got {self._origin} and {other._origin}")
        bases = [*self.outcomes, *(b for b in other.outcomes if b not in self.outcomes)]
        nothing: Outcomes = (0,) * 2 ** len(self.ends)
        total: dict[str, Outcomes] = {}
        for basis in bases:
            total[basis] = tuple(
                np.add(self.outcomes.get(basis, nothing), other.outcomes.get(basis, nothing)).tolist()
            )
        shots = {basis: self.shots.get(basis, 0) + other.shots.get(basis, 0) for basis in bases}
        engines = "; ".join(dict.fromkeys(e for e in (self.engine, other.engine) if e))
        records = None
        if self.recorded is not None and other.recorded is not None:
            records = self.recorded + other.recorded
        return replace(self, outcomes=total, shots=shots, engine=engines, recorded=records)

    @property
    def _origin(self) -> str:
        twirled = ", its relaxation twirled" * self.twirled_relaxation
        dropped = f", without {', '.join(self.dropped)}" if self.dropped else ""
        selected = ", selected by the user" * self.selected
        return f"{'–'.join(self.ends)} under the noise of the {self.noise}{twirled}{dropped}{selected}"

    def _repr_html_(self) -> str:
        rows = [(f"⟨{basis}⟩", str(self.expectation(basis))) for basis in self.outcomes]
        if self._fidelity_terms and all(self._telling(label) for label, _ in self._fidelity_terms):
            rows.insert(0, ("fidelity to Φ⁺" if len(self.ends) == 2 else "fidelity", str(self.fidelity())))
        rows += [("acceptance", str(self.acceptance)), ("runs", f"{sum(self.shots.values())}")]
        rows += [("noise of the", self.noise), ("engine", self.engine)]
        rows += [("dropped", ", ".join(self.dropped))] if self.dropped else []
        rows += [("post-selection", "the user's own")] * self.selected
        rows += [("relaxation", "Pauli-twirled, as asked for")] * self.twirled_relaxation
        return html_table(" – ".join(self.ends), rows)

    def __repr__(self) -> str:
        runs = ", ".join(f"{basis}: {sum(self.outcomes[basis])}/{self.shots[basis]}" for basis in self.outcomes)
        twirled = ", relaxation Pauli-twirled" * self.twirled_relaxation
        dropped = f", dropped: {', '.join(self.dropped)}" if self.dropped else ""
        return f"<Samples {'–'.join(self.ends)}, accepted/runs {runs}, noise of the {self.noise}{twirled}{dropped}>"
