"""BBM92 and the six-state protocol over entangled pairs: both ends measure in Z, X (or Y) at random.

Rounds where both chose Z give the key, rounds where both chose X test it, the others are dropped; of six states
the Y rounds are counted besides.

References:
    C. H. Bennett, G. Brassard, N. D. Mermin, Phys. Rev. Lett. 68, 557 (1992).
    D. Bruß, Phys. Rev. Lett. 81, 3018 (1998).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2
from quantumlink_circuits.qkd_pairs import six_state_measurement

from quantumlink.circuits import (
    BBM92_SETTINGS,
    SIX_STATE_PAIR_SETTINGS,
    bbm92_measurement,
)
from quantumlink.distillation.key import Key
from quantumlink.distillation.reconciliation import Reconciler
from quantumlink.distillation.sifting import Sifting
from quantumlink.execution.engine import Engine
from quantumlink.link import Link
from quantumlink.program import Program
from quantumlink.qkd.protocols.bb84_session import between_zero_and_one
from quantumlink.qkd.protocols.key_bases import (
    KeyBases,
    both_bases_proof,
    checked_key_bases,
    key_recipe,
    key_sifting,
)
from quantumlink.qkd.protocols.pairs import PairLabel, PairSession
from quantumlink.qkd.protocols.six_state_security import (
    Attacks,
    checked_attacks,
    checked_tolerance,
    proof_of,
    six_state_recipe,
    six_state_sifting,
)
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import EQUAL_DETECTION, HERALDED, TOMAMICHEL, Proof


@dataclass(frozen=True, kw_only=True)
class BBM92(PairSession):
    """A session of BBM92.

    Args:
        link: the link, or a program composed from it. Alice is at its left end, Bob at its right one.
        rounds: how often the link is run, at least 1; rounds whose heralds refuse are lost.
        z_probability: probability with which each end chooses Z, in (0, 1), independently.
        key_bases: ``"Z"`` or ``"both"``, as in `BB84`.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> session = BBM92(link=ElementaryLink(Node("alice"), Node("bob"), fidelity=0.97), rounds=1000, seed=7)
    >>> session.probabilities()["Z", "Z"].round(3).tolist()
    [[0.49, 0.01], [0.01, 0.49]]
    """

    z_probability: float = 0.8
    """Probability with which each end chooses Z."""
    key_bases: KeyBases = "Z"
    """The bases that make the key."""

    protocol: ClassVar[str] = "BBM92"
    proof: ClassVar[Proof] = Proof(TOMAMICHEL, "coherent attacks", (HERALDED, EQUAL_DETECTION))

    def __post_init__(self) -> None:
        self._set(z_probability=between_zero_and_one("z_probability", self.z_probability))
        self._set(key_bases=checked_key_bases(self.key_bases))
        if self.key_bases == "both":
            self._set(proof=both_bases_proof(type(self).proof))
        super().__post_init__()

    def measurement(self) -> QuantumCircuit:
        """See `bbm92_measurement`."""
        return bbm92_measurement()

    def settings(self) -> Mapping[PairLabel, tuple[tuple[float, ...], float]]:
        """(Alice's basis, Bob's basis), as in `BBM92_SETTINGS`."""
        chosen = {"Z": self.z_probability, "X": 1 - self.z_probability}
        return {(a, b): (row, chosen[a] * chosen[b]) for (a, b), row in BBM92_SETTINGS.items()}

    def sifting(self) -> Sifting:
        """Z on both sides makes the key, X on both sides tests it or makes a key too."""
        return key_sifting(self.key_bases, self.z_probability)

    def recipe(self) -> Recipe:
        """The bound of two bases."""
        return key_recipe(self.key_bases)


@dataclass(frozen=True, kw_only=True)
class SixStatePairs(BBM92):
    """A session of the six-state protocol over pairs; X and Y are equally likely.

    Args:
        z_probability: probability with which each end chooses Z, in (0, 1); ⅓ is the original protocol.
        attacks: what the key is secure against, and by which proof; see `SixState`.
        tolerated_qber: error rate of all bases at worst, where the attacks are ``"accumulated"``.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> link = ElementaryLink(Node("alice"), Node("bob"), bell_diagonal=(0.9, 0.1, 0, 0))  # Z errors alone
    >>> sifted = SixStatePairs(link=link, rounds=100_000, seed=7).sift()
    >>> abs(sifted.statistics["Y errors"] / sifted.statistics["Y rounds"] - 0.1) < 0.05
    True
    """

    attacks: Attacks = "coherent"
    """What the key is secure against."""
    tolerated_qber: float = 0.02
    """Error rate at worst, of which the length of an accumulated key is made."""

    protocol: ClassVar[str] = "six-state (entangled)"

    def __post_init__(self) -> None:
        if self.key_bases != "Z":
            raise ValueError(
                f"key_bases must be 'Z' for six states, whose key is of one basis, got {self.key_bases!r}"
            )
        self._set(attacks=checked_attacks(self.attacks))
        self._set(tolerated_qber=checked_tolerance(self.tolerated_qber))
        self._set(proof=proof_of(self.attacks, type(self).proof))
        super().__post_init__()

    def measurement(self) -> QuantumCircuit:
        """See `six_state_measurement`."""
        return six_state_measurement()

    def settings(self) -> Mapping[PairLabel, tuple[tuple[float, ...], float]]:
        """(Alice's basis, Bob's basis), as in `SIX_STATE_PAIR_SETTINGS`."""
        rest = (1 - self.z_probability) / 2
        chosen = {"Z": self.z_probability, "X": rest, "Y": rest}
        return {(a, b): (row, chosen[a] * chosen[b]) for (a, b), row in SIX_STATE_PAIR_SETTINGS.items()}

    def sifting(self) -> Sifting:
        """Z on both sides makes the key; X rounds and Y rounds are compared."""
        return six_state_sifting(self.z_probability, self.attacks)

    def recipe(self) -> Recipe:
        """The bound for the attacks."""
        return six_state_recipe(
            self.attacks,
            tolerated_qber=self.tolerated_qber,
            z_probability=self.z_probability,
            sample_fraction=self.sample_fraction,
            reconciliation=self.reconciliation,
        )


def bbm92(
    link: Link | Program,
    rounds: int,
    *,
    seed: int | None = None,
    z_probability: float = 0.8,
    sample_fraction: float = 0.05,
    reconciliation: Reconciler | None = None,
    eps_sec: float = 1e-10,
    eps_cor: float = 1e-10,
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    **options: Any,
) -> Key:
    """Distribute a key over a link.

    The ends' own processors take part: their rotation and their readout error count, as in any real round.

    Args:
        link: the link, or a program composed from it. Alice is at its left end, Bob at its right one.
        rounds: how often the link is run, at least 1; rounds whose heralds refuse are lost.
        seed: makes outcomes, choices and hash functions repeatable.
        z_probability: probability with which each end chooses Z, in (0, 1), independently.
        sample_fraction: share of the Z bits disclosed to estimate their error rate, in (0, 1).
        reconciliation: how errors are corrected; `Cascade` if None.
        eps_sec: secrecy of the key, in (0, 1).
        eps_cor: correctness of the key, in (0, 1).
        sampler: what the rounds run on; if None, the outcomes are drawn from the exact state that `evaluate`
            gives and the exact map of the measurement circuits.
        options: the other fields of `BBM92`.

    Returns:
        The key. One in which nothing is secret is refused: it says why, and reading its bits raises
        `NoSecretKey`.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if the link, the rounds or the sampler is of the wrong kind.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> key = bbm92(ElementaryLink(Node("alice"), Node("bob"), fidelity=0.97), rounds=200_000, seed=7)
    >>> len(key) > 50_000, bool((key.secret_bits == key.peer_bits).all())
    (True, True)
    """
    session = BBM92(
        link=link,
        rounds=rounds,
        seed=seed,  # type: ignore[arg-type]
        z_probability=z_probability,
        sample_fraction=sample_fraction,
        reconciliation=reconciliation,  # type: ignore[arg-type]
        eps_sec=eps_sec,
        eps_cor=eps_cor,
        **options,
    )
    return session.run(sampler)
