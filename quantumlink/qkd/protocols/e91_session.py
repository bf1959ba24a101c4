"""E91: three directions on each side, a key where they agree, a Bell test where they do not.

Alice measures along 0, π/4 or π/2 of the X–Z plane, Bob along π/4, π/2 or 3π/4. Four of the nine settings make
the CHSH test. Rounds where both measured along π/2 give the key: Alice's direction there is one of her two in the
test, as the device-independent entropy asks for. Rounds where both measured along π/4 are compared in public.

References:
    A. K. Ekert, Phys. Rev. Lett. 67, 661 (1991).
    A. Acín et al., Phys. Rev. Lett. 98, 230501 (2007).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2
from quantumlink_circuits.qkd_pairs import E91_CHSH

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.circuits import E91_SETTINGS, e91_measurement
from quantumlink.distillation.key import Key
from quantumlink.distillation.sifting import AccumulatingSifting, BasisSifting, Sifting
from quantumlink.estimation import Estimate, proportions_estimate
from quantumlink.execution.engine import Engine
from quantumlink.hardware import ContinuousSource, Detector, MidpointSource, NodeSource
from quantumlink.link import ElementaryLink, Link
from quantumlink.program import Program
from quantumlink.qkd.protocols.bb84_session import between_zero_and_one
from quantumlink.qkd.protocols.leak_limits import leak_share
from quantumlink.qkd.protocols.observed import Kind, ObservedRounds
from quantumlink.qkd.protocols.pairs import PairLabel, PairSession
from quantumlink.qkd.protocols.pools import Pool
from quantumlink.qkd.protocols.session import Allotment
from quantumlink.qkd.protocols.sifted import Sifted
from quantumlink.security.contract import Recipe
from quantumlink.security.entropy_accumulation import REFERENCE, checked_chsh
from quantumlink.security.proof import HERALDED, Proof
from quantumlink.security.recipes import AccumulatedBellTest, BellTest

KEY_SETTING = (3, 2)
"""Both along π/2: the key."""

COMPARED_SETTING = (2, 1)
"""Both along π/4: compared in public."""


_REFERENCE = (
    "A. Acín et al., Phys. Rev. Lett. 98, 230501 (2007), with M. Tomamichel, R. Colbeck, R. Renner, "
    "IEEE Trans. Inf. Theory 55, 5840 (2009)"
)

_ACCUMULATED = (
    f"{REFERENCE}, with R. Arnon-Friedman, F. Dupuis, O. Fawzi, R. Renner, T. Vidick, Nat. Commun. 9, 459 (2018)"
)

DeviceAttacks = Literal["collective", "coherent"]
"""What devices may do: the same in every round, or anything."""

DEVICE_ATTACKS: tuple[DeviceAttacks, ...] = get_args(DeviceAttacks)

_COUNTED = Proof(
    _REFERENCE,
    "collective attacks",
    ("Every attempt is a round: an end whose detectors stay silent notes the bit 0, as if they had said so.",),
)
"""The proof where pairs are found by measuring them."""


_MEASURED = MidpointSource | NodeSource | ContinuousSource
"""Sources whose pairs are found by the detectors at the ends."""


@dataclass(frozen=True, kw_only=True)
class E91(PairSession):
    """A session of E91.

    Args:
        link: the link, or a program composed from it, its corrections in the circuit (not in a frame: a
            direction between Z and X is not just inverted by a Pauli that comes too late).
        rounds: how often the link is run, at least 1; of pairs from a source, which are found by measuring them,
            its attempts.
        attacks: ``"collective"``: devices that treat every round alike, by the CHSH value seen; ``"coherent"``:
            whatever they do, by entropy accumulation. Then the length is settled beforehand, of ``least_chsh`` and
            ``tolerated_qber``, and the key needs some 10⁷ rounds.
        least_chsh: CHSH value at worst, where the attacks are ``"coherent"``.
        tolerated_qber: error rate at worst, of which follows how much reconciliation may disclose then.
        key_probability: probability with which Bob chooses his direction of the key, in (0, 1); his other two
            are equally likely, and so are Alice's three. ⅓ is the original protocol, and taken if None; against
            coherent attacks, where each test costs two bits, it is 0.95 then.

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

    key_probability: float = None  # type: ignore[assignment]
    """Probability with which Bob chooses his direction of the key; if None 1/3, or 0.95 for coherent attacks."""
    attacks: DeviceAttacks = "collective"
    """What the key is secure against."""
    least_chsh: float = 2.75
    """CHSH value at worst, of which the length is made where attacks are coherent."""
    tolerated_qber: float = 0.015
    """Error rate at worst, of which follows what reconciliation may disclose where attacks are coherent."""

    protocol: ClassVar[str] = "E91"
    proof: ClassVar[Proof] = Proof(_REFERENCE, "collective attacks, whatever the devices do", (HERALDED,))

    def __post_init__(self) -> None:
        validation.choice("attacks", self.attacks, DEVICE_ATTACKS)
        usual = 0.95 if self.attacks == "coherent" else 1 / 3
        chosen = usual if self.key_probability is None else self.key_probability
        self._set(key_probability=between_zero_and_one("key_probability", chosen))
        super().__post_init__()
        self._set(least_chsh=checked_chsh("least_chsh", self.least_chsh))
        self._set(tolerated_qber=validation.tolerance("tolerated_qber", self.tolerated_qber))
        if self.clicks is not None or not _all_heralded(self.link):
            self._set(proof=_COUNTED)
        if self.attacks == "coherent":
            words = self.proof.attacks.replace("collective", "coherent")
            self._set(proof=replace(self.proof, reference=_ACCUMULATED, attacks=words))
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
        seen = float(sum(sign * (signs * found[setting]).sum() for setting, sign in E91_CHSH.items()))
        if self.clicks is None:
            return seen
        both, alice, bob = self.clicks
        # Two silent ends note equal bits, of which sum(signs) settings count one way; one silent end tells nothing.
        return both * seen + (1 - alice - bob + both) * sum(E91_CHSH.values())

    def chsh(self, sifted: Sifted) -> Estimate:
        """S of the test rounds, with its 95 % interval."""
        counts, agreed = sifted.statistics, []
        for (i, j), sign in E91_CHSH.items():
            rounds, errors = counts[f"{i}{j} rounds"], counts[f"{i}{j} errors"]
            agreed.append((rounds - errors if sign > 0 else errors, rounds))
        return proportions_estimate(agreed, scale=2.0, offset=-4.0, bounds=(-4.0, 4.0))

    def sifting(self) -> Sifting:
        """One setting makes the key; one with equal directions, and the four of the Bell test, are compared."""
        names = [{str(label[end]): 0.0 for label in self.settings()} for end in (0, 1)]
        for (a, b), (_, probability) in self.settings().items():
            names[0][str(a)] += probability
            names[1][str(b)] += probability
        compare = {"equal directions": [COMPARED_SETTING], **{f"{i}{j}": [(i, j)] for i, j in E91_CHSH}}
        kind = AccumulatingSifting if self.attacks == "coherent" else BasisSifting
        return kind(
            alice=names[0],
            bob=names[1],
            key=[(str(KEY_SETTING[0]), str(KEY_SETTING[1]))],
            compare={name: [(str(a), str(b)) for a, b in pairs] for name, pairs in compare.items()},
        )

    def recipe(self) -> Recipe:
        """The device-independent bound."""
        signs = tuple((f"{i}{j}", sign) for (i, j), sign in E91_CHSH.items())
        if self.attacks == "collective":
            return BellTest(signs)
        shares = {label: probability for label, (_, probability) in self.settings().items()}
        tested = sum(shares[pair] for pair in E91_CHSH)
        sampled = self.sample_fraction * shares[KEY_SETTING]
        return AccumulatedBellTest(
            signs=signs,
            least_chsh=self.least_chsh,
            key=shares[KEY_SETTING] - sampled,
            tested=tested,
            comparable=tested + shares[COMPARED_SETTING] + sampled,
            leak_share=leak_share(self.reconciliation, self.tolerated_qber),
        )

    # --- pairs that are found by measuring them

    @cached_property
    def clicks(self) -> tuple[float, float, float] | None:
        """Of an attempt the probability that both ends click, Alice's, and Bob's; None for heralded pairs.

        A pair that counts because both detectors clicked was chosen by its measurement: a device that answers only
        where that suits it would pass the Bell test. So every attempt is a round there, and no click is the bit 0.
        """
        link = self.link
        if isinstance(link, Program):
            return None
        if isinstance(link, ElementaryLink):
            if not isinstance(link.source, _MEASURED):
                return None
            assert link.medium is not None  # a source needs one
            return link.source.clicks(link.medium, link.detector or Detector())
        for leaf in link.elementary_links():
            ends = {node.name for node in link.ends}
            if isinstance(leaf.source, _MEASURED) and any(
                node.memories == 0 and node.name in ends for node in (leaf.left, leaf.right)
            ):
                raise ValueError(
                    f"link must deliver pairs that are heralded before they are measured, but {leaf!r} ends at a "
                    "node without memory, where a photon is found by measuring it; BBM92 says what it assumes "
                    "of that"
                )
        return None

    def allot(self, rng: np.random.Generator) -> Allotment:
        """How many rounds have each setting, and in how many both ends, one or none of them click."""
        if self.clicks is None:
            return super().allot(rng)
        both, alice, bob = self.clicks
        chosen = np.array([probability for _, probability in self.settings().values()])
        shares = np.clip([both, alice - both, bob - both, 1 - alice - bob + both], 0.0, 1.0)
        table = np.outer(chosen / chosen.sum(), shares / shares.sum())
        rounds = rng.multinomial(self.rounds, table.ravel()).reshape(table.shape)
        return Allotment((rounds[:, :1],), rounds)

    def expected_rounds(self) -> FloatArray:
        """How many rounds of each kind to expect, see `PairSession`; all attempts, where pairs are found so."""
        found = super().expected_rounds()
        if self.clicks is None:
            return found
        both, alice, bob = self.clicks
        found[5] *= both
        for column in found.T:
            a, b = column[1], column[3]
            chosen = self.rounds * self.settings()[int(column[0]) + 1, int(column[2]) + 1][1]
            apart = (alice - both) * (b == 0) / 2 + (bob - both) * (a == 0) / 2
            column[5] += chosen * (apart + (1 - alice - bob + both) * (a == b == 0))
        return found

    def observe(self, allotment: Allotment, pools: Sequence[Pool], rng: np.random.Generator) -> ObservedRounds:
        """What the ends note: all attempts where pairs are found by measuring them."""
        kinds = self._kinds(pools)
        if self.clicks is not None:
            for s, (a, b) in enumerate(self.settings()):
                _, alice, bob, none = (int(n) for n in allotment.rounds[s])
                ones = rng.binomial((alice, bob), 0.5)  # half of a pair has no direction of its own
                counts = {(0, 0): none + alice + bob - int(sum(ones)), (1, 0): int(ones[0]), (0, 1): int(ones[1])}
                kinds += [Kind(a - 1, x, b - 1, y, count) for (x, y), count in counts.items()]
        return ObservedRounds.of_kinds(kinds, self.rounds, rng)

    def finished(self, key: Key, observed: ObservedRounds) -> Key:
        """The key with the Bell test in words."""
        chsh = self.chsh(self.sifted(observed, np.random.default_rng(0)))  # nothing is chosen at random here
        verdict = "local models are excluded" if chsh.low > 2 else "it is no violation of a Bell inequality"
        remark = f"CHSH test: S = {chsh} (95 % confidence); {verdict}."
        return replace(key, remarks=(*key.remarks, remark))


def _all_heralded(link: Link | Program) -> bool:
    """Whether no pair of the link comes about by detectors at its ends."""
    if isinstance(link, Program):
        return True
    return not any(isinstance(leaf.source, _MEASURED) for leaf in link.elementary_links())


def e91(
    link: Link | Program,
    rounds: int,
    *,
    seed: int | None = None,
    key_probability: float | None = None,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    **options: Any,
) -> Key:
    """Distribute a key by E91, whose length follows from the Bell test alone.

    Args:
        link: the link, or a program composed from it. Alice is at its left end, Bob at its right one.
        rounds: how often the link is run, at least 1.
        seed: makes everything repeatable.
        key_probability: probability with which Bob chooses his direction of the key, in (0, 1); see `E91`.
        sampler: what the rounds run on; see `Session.run`.
        options: the other fields of `E91`.

    Returns:
        The key; the report tells S with its interval.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> import quantumlink as ql
    >>> pair = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.99)
    >>> key = ql.qkd.e91(pair, rounds=200_000, seed=7)
    >>> len(key) > 1_000, float(key.qber) < 0.02
    (True, True)
    """
    session = E91(link=link, rounds=rounds, seed=seed, key_probability=key_probability, **options)  # type: ignore[arg-type]
    return session.run(sampler)
