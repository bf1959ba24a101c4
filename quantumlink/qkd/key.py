"""A distilled key: the secret bits of both ends, or the reason why there are none, and the account of it.

The secret bits never appear in ``repr``, ``str``, the report or an error text; they are read through
``secret_bits`` and ``peer_bits`` only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from quantumlink.qkd.asymptotic import binary_entropy
from quantumlink.qkd.bits import Bits, as_bit_pair, as_bits, sealed
from quantumlink.qkd.bounds.contract import KeyTerms

_UNAUTHENTICATED = (
    "The classical channel is assumed to be authenticated; the key bits that this spends are not deducted."
)


class NoSecretKey(Exception):
    """Secret bits were asked of a refused key: an outcome of the protocol, not a fault of the program.

    Attributes:
        reason: why it was refused.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"there is no secret key: {self.reason}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Key:
    """What a key-distribution protocol ended with.

    ``len(key)`` is the number of secret bits, 0 if the key was refused, so ``if key:`` asks whether there is
    one.

    Raises:
        ValueError: if bits and a reason for refusal are both given, or neither, if the two ends differ
            in length, or if there are more bits than the finite-key bound allows.

    >>> refused = Key(protocol="bbm92", rounds=10, accepted=4, sifted=2, sampled=0, tested=2,
    ...               qber=0.0, test_qber=0.5, reason="the test bits differ too often")
    >>> len(refused), bool(refused)
    (0, False)
    >>> refused
    Key(protocol='bbm92', secret_bits=0, qber=0, test_qber=0.5, reason='the test bits differ too often')
    """

    protocol: str
    """Name of the protocol."""
    rounds: int
    """Rounds attempted."""
    accepted: int
    """Rounds in which both ends got a bit (and every herald accepted)."""
    sifted: int
    """Rounds left after sifting, key basis and test basis together."""
    sampled: int
    """Bits of the key basis compared in public, and so lost for the key."""
    tested: int
    """Bits of the test basis compared in public."""
    qber: float
    """Error rate in the key basis (Z), from the bits compared; an estimate has ``low`` and ``high`` too."""
    test_qber: float
    """Error rate in the test basis (X), likewise."""
    corrected_errors: int | None = None
    """Errors that reconciliation corrected, None if it never came to that."""
    tag_bits: int | None = None
    """Length of the verification tag, None if it never came to that."""
    disclosed_bits: int | None = None
    """Bits that reconciliation disclosed, None if it never came to that."""
    authentication_bits: int = 0
    """Bits of a shared secret that the tags of the messages used up; they are deducted from the key."""
    terms: KeyTerms | None = None
    """The security bound term by term, None if it was not reached."""
    reason: str | None = None
    """Why the key was refused, None if it was not."""
    ledger: tuple[tuple[str, int], ...] = ()
    """Bits of the key basis gained (+) and spent (−), step by step; for a key that was given they add up to
    its length."""
    remarks: tuple[str, ...] = ()
    """What else the report must say, such as whose noise acted."""
    holder: Literal["alice", "bob"] | None = None
    """The end that holds this key and knows its own bits only; None where both are known."""
    _alice_bits: Bits | None = field(default=None, repr=False)
    _bob_bits: Bits | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self._alice_bits is None or (self._bob_bits is None) is not (self.holder is not None):
            if self.reason is None or self._alice_bits is not self._bob_bits:
                raise ValueError("a key needs the bits of both ends, or none and a reason for its refusal")
            return
        if self.reason is not None:
            raise ValueError(f"a key refused for a reason ({self.reason}) holds no bits")
        alice = as_bits("alice_bits", self._alice_bits, minimum=1)
        if self._bob_bits is not None:
            _, bob = as_bit_pair("alice_bits", alice, "bob_bits", self._bob_bits)
            object.__setattr__(self, "_bob_bits", sealed(bob))
        if self.terms is not None and len(alice) > (most := self.terms.length - self.authentication_bits):
            raise ValueError(f"a key holds at most {most} secret bits, got {len(alice)}")
        object.__setattr__(self, "_alice_bits", sealed(alice))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in ("_alice_bits", "_bob_bits"):  # a pickle forgets that an array is read-only
            if state[name] is not None:
                self.__dict__[name] = sealed(state[name])

    @property
    def secret_bits(self) -> Bits:
        """Alice's secret bits, or those of the end that holds this key; read-only.

        Raises:
            NoSecretKey: if the key was refused, with the reason.
        """
        return self._released(self._alice_bits)

    @property
    def peer_bits(self) -> Bits:
        """Bob's secret bits, read-only; equal to Alice's but for the probability ``eps_cor``.

        Raises:
            NoSecretKey: if the key was refused, with the reason.
            AttributeError: if only one end is known here, as in a key that a party of its own holds.
        """
        if self and self.holder is not None:
            raise AttributeError("this key is held by one end, which does not see the bits of the other")
        return self._released(self._bob_bits)

    def _released(self, bits: Bits | None) -> Bits:
        if bits is None:
            raise NoSecretKey(self.reason or "")
        return bits

    def __len__(self) -> int:
        return 0 if self._alice_bits is None else len(self._alice_bits)

    def __repr__(self) -> str:
        refusal = "" if self.reason is None else f", reason={self.reason!r}"
        return (
            f"Key(protocol={self.protocol!r}, secret_bits={len(self)}, "
            f"qber={float(self.qber):.6g}, test_qber={float(self.test_qber):.6g}{refusal})"
        )

    def report(self) -> str:
        """The whole account, step by step, as readable text without any secret."""
        head = f"{self.protocol}: {len(self)} secret bits" if self else f"{self.protocol}: no secret key"
        lines = [
            ("rounds", f"{self.rounds}"),
            ("accepted", f"{self.accepted}"),
            ("sifted", f"{self.sifted}, of these {self.tested} in the test basis"),
            ("disclosed for testing", f"{self.tested} test bits and {self.sampled} key bits"),
            ("QBER, key basis (Z)", _with_interval(self.qber, self.sampled)),
            ("QBER, test basis (X)", _with_interval(self.test_qber, self.tested)),
            *self._reconciliation_lines(),
            *([] if self.terms is None else self.terms.lines()),
            ("secret key", f"{len(self)} bits" if self.reason is None else f"refused: {self.reason}"),
        ]
        width = max(len(label) for label, _ in lines)
        remarks = self.remarks if self.authentication_bits else (*self.remarks, _UNAUTHENTICATED)
        return "\n".join([head, *(f"  {label:<{width}}  {text}" for label, text in lines), *remarks])

    def _reconciliation_lines(self) -> list[tuple[str, str]]:
        lines = []
        if self.corrected_errors is not None:
            lines.append(("reconciliation", f"{self.corrected_errors} errors corrected{self._efficiency()}"))
        if self.tag_bits is not None:
            lines.append(("verification", f"a tag of {self.tag_bits} bits"))
        if self.authentication_bits:
            lines.append(("authentication", f"{self.authentication_bits} bits of shared secret, deducted"))
        return lines

    def _efficiency(self) -> str:
        n = self.sifted - self.tested - self.sampled
        if not n or self.disclosed_bits is None or self.corrected_errors is None:
            return ""
        limit = n * binary_entropy(min(1.0, self.corrected_errors / n))
        return f", f = {self.disclosed_bits / limit:.3f}" if limit else ""


def _with_interval(rate: float, total: int) -> str:
    if not total:
        return "not measured"
    low, high = getattr(rate, "low", None), getattr(rate, "high", None)
    if low is None or high is None:
        return f"{float(rate):.4f}"
    confidence = getattr(rate, "confidence", None)
    share = "" if confidence is None else f" ({100 * confidence:g} % confidence)"
    return f"{float(rate):.4f} [{low:.4f}, {high:.4f}]{share}"
