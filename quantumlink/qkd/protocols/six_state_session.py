"""The six-state protocol with single photons: BB84 with Y as a third basis.

Rounds where both chose Z give the key. Rounds where both chose X or both Y test it: the X rounds bound the phase
errors, the Y rounds are counted for the bound that takes all three error rates (``attacks="collective"``).

Reference:
    D. Bruß, Phys. Rev. Lett. 81, 3018 (1998).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit.providers import BackendV2
from quantumlink_circuits.stages import Between

from quantumlink.circuits import SIX_STATE_SETTINGS, six_state_round
from quantumlink.distillation.key import Key
from quantumlink.distillation.sifting import Sifting
from quantumlink.execution.engine import Engine
from quantumlink.hardware import Medium
from quantumlink.link import Link
from quantumlink.program import Program
from quantumlink.qkd.protocols.bb84_session import BB84, between_zero_and_one
from quantumlink.qkd.protocols.bbm92_session import SixStatePairs
from quantumlink.qkd.protocols.prepare_and_measure import KeyCell, Label, PrepareAndMeasure
from quantumlink.qkd.protocols.six_state_security import (
    Attacks,
    checked_attacks,
    checked_tolerance,
    proof_of,
    six_state_recipe,
    six_state_sifting,
)
from quantumlink.security.contract import Recipe
from quantumlink.security.proof import Proof


@dataclass(frozen=True, kw_only=True)
class SixState(PrepareAndMeasure):
    """A session of the six-state protocol; X and Y are equally likely. The other fields are those of `BB84`.

    Args:
        z_probability: probability with which each end chooses Z, in (0, 1); ⅓ is the original protocol.
        attacks: ``"coherent"``: the key is secure whatever an attacker does, by the X and the Z rounds;
            ``"collective"``: against attacks that treat every round alike, by the error rates of all three
            bases, which tolerate more errors. It gains only in keys of some 10⁶ bits and more;
            ``"accumulated"``: the same against coherent attacks, by entropy accumulation. The length is settled
            beforehand, of ``tolerated_qber``. It gains only in keys of some 10⁷ bits and more.
        tolerated_qber: error rate of all bases at worst, where the attacks are ``"accumulated"``.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> from quantumlink.hardware import Fiber
    >>> sifted = SixState(medium=Fiber(0), rounds=90_000, seed=7, z_probability=1 / 3).sift()
    >>> sifted.statistics["Y errors"], abs(len(sifted.key_alice) - 10_000) < 1_000
    (0, True)
    """

    z_probability: float = 0.8
    """Probability with which each end chooses Z."""
    attacks: Attacks = "coherent"
    """What the key is secure against."""
    tolerated_qber: float = 0.02
    """Error rate at worst, of which the length of an accumulated key is made."""

    protocol: ClassVar[str] = "six-state"
    proof: ClassVar[Proof] = BB84.proof

    def __post_init__(self) -> None:
        self._set(z_probability=between_zero_and_one("z_probability", self.z_probability))
        self._set(attacks=checked_attacks(self.attacks))
        self._set(tolerated_qber=checked_tolerance(self.tolerated_qber))
        self._set(proof=proof_of(self.attacks, type(self).proof))
        super().__post_init__()

    def round_circuit(self, between: Between = ()) -> QuantumCircuit:
        """See `six_state_round`."""
        return six_state_round(between)

    def settings(self) -> Mapping[Label, tuple[tuple[float, ...], float]]:
        """(bit, Alice's basis, Bob's basis), as in `SIX_STATE_SETTINGS`."""
        rest = (1 - self.z_probability) / 2
        chosen = {"Z": self.z_probability, "X": rest, "Y": rest}
        return {
            (bit, sent, measured): (row, chosen[sent] * chosen[measured] / 2)
            for (bit, sent, measured), row in SIX_STATE_SETTINGS.items()
        }

    def key_cells(self) -> Sequence[KeyCell]:
        """Z on both sides."""
        return [KeyCell((bit, "Z", "Z"), (0, 1), bit) for bit in (0, 1)]

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


def six_state(
    over: Medium | Link | Program,
    rounds: int,
    *,
    seed: int | None = None,
    z_probability: float = 0.8,
    attacks: Attacks = "coherent",
    sampler: BaseSamplerV2 | BackendV2 | Engine | None = None,
    **options: Any,
) -> Key:
    """Distribute a key by the six-state protocol.

    Args:
        over: a medium (prepare and measure), or a link or program (entangled pairs).
        rounds: qubits sent, or runs of the link; at least 1.
        seed: makes everything repeatable.
        z_probability: probability with which each end chooses Z, in (0, 1); ⅓ is the original protocol.
        attacks: what the key is secure against, and by which proof; see `SixState`.
        sampler: what the rounds run on; see `Session.run`.
        options: the other fields of `SixState` or `SixStatePairs`.

    Returns:
        The key, or a refused one that says why.

    Raises:
        ValueError: if an argument is out of range.
        TypeError: if one is of the wrong kind.

    >>> import quantumlink as ql
    >>> key = ql.qkd.six_state(ql.Fiber(10), rounds=100_000, seed=7)
    >>> len(key) > 10_000, float(key.qber)
    (True, 0.0)
    """
    chosen = {"z_probability": z_probability, "attacks": attacks}
    common: dict[str, Any] = {"rounds": rounds, "seed": seed, **chosen, **options}
    if isinstance(over, (Link, Program)):
        return SixStatePairs(link=over, **common).run(sampler)
    if not isinstance(over, Medium):
        raise TypeError(f"over must be a medium, a link or a program, got {over!r} ({type(over).__name__})")
    return SixState(medium=over, **common).run(sampler)
