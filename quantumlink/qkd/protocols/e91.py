"""E91: three directions on each side, a key where they agree, a Bell test where they do not.

Alice measures along 0, π/4 or π/2 of the X–Z plane, Bob along π/4, π/2 or 3π/4. Four of the nine settings make
the CHSH test. Rounds where both measured along π/2 give the key: Alice's direction there is one of her two in the
test, as the device-independent entropy asks for. Rounds where both measured along π/4 are compared in public.

References:
    A. K. Ekert, Phys. Rev. Lett. 67, 661 (1991).
    A. Acín et al., Phys. Rev. Lett. 98, 230501 (2007).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2
from quantumlink_circuits.qkd_pairs import E91_CHSH

from quantumlink.circuits import E91_SETTINGS, e91_measurement
from quantumlink.estimation import Estimate, affine_estimate, binomial_estimate
from quantumlink.link import Link
from quantumlink.program import Program
from quantumlink.qkd.bounds.contract import KeyBound
from quantumlink.qkd.key import Key
from quantumlink.qkd.protocols.bb84 import between_zero_and_one
from quantumlink.qkd.protocols.pairs import PairLabel, PairSession, cells_of
from quantumlink.qkd.protocols.playing import Counts
from quantumlink.qkd.protocols.prepare_and_measure import laid_out
from quantumlink.qkd.protocols.session import Sifted

KEY_SETTING = (3, 2)
"""Both along π/2: the key."""

COMPARED_SETTING = (2, 1)
"""Both along π/4: compared in public."""


@dataclass(frozen=True, kw_only=True)
class E91(PairSession):
    """A session of E91.

    Args:
        link: the link, or a program composed from it, its corrections in the circuit (not in a frame: a
            direction between Z and X is not just inverted by a Pauli that comes too late).
        rounds: how often the link is run, at least 1.
        key_probability: probability with which Bob chooses his direction of the key, in (0, 1); his other two
            are equally likely, and so are Alice's three. ⅓ is the original protocol.

    Raises:
        ValueError: if an argument is out of range, or a program still needs corrections.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> session = E91(link=ElementaryLink(Node("alice"), Node("bob"), fidelity=0.97), rounds=100_000, seed=7)
    >>> round(session.exact_chsh, 4)  # 2√2·0.96
    2.7153
    >>> session.chsh(session.sift()).covers(session.exact_chsh)
    True
    """

    key_probability: float = 1 / 3
    """Probability with which Bob chooses his direction of the key."""

    protocol: ClassVar[str] = "E91"
    count_replies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._set(key_probability=between_zero_and_one("key_probability", self.key_probability))
        super().__post_init__()
        if isinstance(self.link, Program) and any(frame.x or frame.z for frame in self.link.frame.values()):
            raise ValueError(
                "link must be a program without a frame, as E91 measures between Z and X; compose it with "
                "corrections='feedforward' or 'sequential'"
            )

    def measurement(self) -> QuantumCircuit:
        """See `e91_measurement`."""
        return e91_measurement()

    def settings(self) -> Mapping[PairLabel, tuple[tuple[float, ...], float]]:
        """(Alice's direction, Bob's direction), as in `E91_SETTINGS`."""
        # All four settings of the Bell test are equally likely, as its bound assumes.
        bob = {2: self.key_probability, 1: (1 - self.key_probability) / 2, 3: (1 - self.key_probability) / 2}
        return {(i, j): (row, bob[j] / 3) for (i, j), row in E91_SETTINGS.items()}

    def flips(self, choice: Any, frame: tuple[int, int]) -> int:
        """None: the corrections are in the circuit."""
        return 0

    @property
    def exact_chsh(self) -> float:
        """S of the link's exact state, measured by its own ends."""
        signs, found = np.array([[1, -1], [-1, 1]]), self.probabilities()
        return float(sum(sign * (signs * found[setting]).sum() for setting, sign in E91_CHSH.items()))

    def chsh(self, sifted: Sifted) -> Estimate:
        """S of the test rounds, with its 95 % interval."""
        terms = []
        for i, j in E91_CHSH:
            counts = sifted.statistics
            terms.append(
                (2.0 * E91_CHSH[i, j], binomial_estimate(counts[f"equal {i}{j}"], counts[f"rounds {i}{j}"]))
            )
        return affine_estimate(terms, offset=-float(sum(E91_CHSH.values())), bounds=(-4.0, 4.0))

    def _sift_counts(self, counts: Mapping[PairLabel, Counts], accepted: int, rng: np.random.Generator) -> Sifted:
        key = laid_out(cells_of(counts[KEY_SETTING]), rng)
        test = laid_out(cells_of(counts[COMPARED_SETTING]), rng)
        statistics = {}
        for i, j in E91_CHSH:
            statistics[f"rounds {i}{j}"] = int(counts[i, j].sum())
            statistics[f"equal {i}{j}"] = int(np.trace(counts[i, j]))
        return Sifted(*key, *test, accepted=accepted, statistics=statistics)

    def _bound(self, sifted: Sifted) -> KeyBound:
        from quantumlink.qkd.bounds.collective import DeviceIndependentBound

        counts, tested, won = sifted.statistics, 0, 0
        for (i, j), sign in E91_CHSH.items():
            rounds, equal = counts[f"rounds {i}{j}"], counts[f"equal {i}{j}"]
            tested, won = tested + rounds, won + (equal if sign > 0 else rounds - equal)
        chsh = 4 * (2 * won / tested - 1) if tested else 0.0
        return DeviceIndependentBound(tested=tested, chsh=chsh, eps_sec=self.eps_sec, eps_cor=self.eps_cor)

    def _finished(self, key: Key, sifted: Sifted) -> Key:
        chsh = self.chsh(sifted)
        verdict = "local models are excluded" if chsh.low > 2 else "it is no violation of a Bell inequality"
        remark = f"CHSH test: S = {chsh} (95 % confidence); {verdict}."
        return replace(key, remarks=(*key.remarks, remark))


def e91(
    link: Link | Program,
    rounds: int,
    *,
    seed: int | None = None,
    key_probability: float = 1 / 3,
    sampler: BaseSamplerV2 | BackendV2 | None = None,
    **options: Any,
) -> Key:
    """Distribute a key by E91, whose length follows from the Bell test alone.

    Args:
        link: the link, or a program composed from it. Alice is at its left end, Bob at its right one.
        rounds: how often the link is run, at least 1.
        seed: makes everything repeatable.
        key_probability: probability with which Bob chooses his direction of the key, in (0, 1).
        sampler: what the rounds run on; see `Session.run`.
        options: the other fields of `E91`.

    Returns:
        The key; the report tells S with its interval.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.
    """
    session = E91(link=link, rounds=rounds, seed=seed, key_probability=key_probability, **options)  # type: ignore[arg-type]
    return session.run(sampler)
