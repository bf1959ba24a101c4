"""A distilled key: the secret bits of both ends, or the reason why there are none, and the account of it.

Bits are used by ``take``, which hands each out once. For study they are read by ``secret_bits`` and ``peer_bits``.
They never appear in ``repr``, ``vars``, ``asdict``, the report, an error text, a copy or a pickle: those hold the
account alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from quantumlink.distillation.bits import Bits
from quantumlink.distillation.vault import KeyBytes, Vault
from quantumlink.rates import binary_entropy
from quantumlink.security.contract import KeyTerms
from quantumlink.tables import html_table

FOR_STUDY = "for study, not for use"
"""What a key says of itself, in reports and files, that nobody should use."""

_LEAK = "leak of reconciliation"
"""How the line of a bound's terms begins that tells what was disclosed."""

_UNAUTHENTICATED = (
    "The classical channel is assumed to be authenticated; the key bits that this spends are not deducted."
)


class NoSecretKey(Exception):
    """Secret bits were asked of a refused key: an outcome of the protocol, not a fault of the program.

    Attributes:
        reason: why it was refused.

    >>> import quantumlink as ql
    >>> pair = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.8)
    >>> key = ql.qkd.bbm92(pair, rounds=10_000, seed=7)
    >>> bool(key)
    False
    >>> try:
    ...     key.secret_bits
    ... except ql.qkd.NoSecretKey:
    ...     print("refused")
    refused
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"there is no secret key: {self.reason}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Key:
    """What a key-distribution protocol ended with.

    ``key.length``, or ``len(key)``, is the number of secret bits, 0 if the key was refused, so ``if key:`` asks
    whether there is one.

    Raises:
        ValueError: if bits and a reason for refusal are both given, or neither, or if there are more bits than
            the finite-key bound allows.

    >>> refused = Key(protocol="bbm92", rounds=10, accepted=4, sifted=2, sampled=0, tested=2,
    ...               qber=0.0, test_qber=0.5, reason="the test bits differ too often")
    >>> len(refused), bool(refused)
    (0, False)
    >>> refused
    Key(protocol='bbm92', length=0, qber=0, test_qber=0.5, reason='the test bits differ too often')
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
    eps_sec: float = 0.0
    """Secrecy that the key was made for."""
    eps_cor: float = 0.0
    """Correctness that it was made for."""
    forgery_probability: float = 0.0
    """At most this probable is it that what the ends heard was forged unnoticed."""
    inherited_epsilon: float = 0.0
    """What the secret that authenticated may lack of a perfect one, that of all keys before it together."""
    simulated: bool = False
    """No quantum channel was there: the key is for study."""
    seeded: bool = False
    """Random choices came from a seed: who has it can compute the key."""
    _vault: Vault | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self._vault is None:
            if self.reason is None:
                raise ValueError("a key needs its bits, or a reason for its refusal")
            return
        if self.reason is not None:
            raise ValueError(f"a key refused for a reason ({self.reason}) holds no bits")
        length = len(self)
        if length < 1 and self._vault.copies:
            raise ValueError("a key needs at least one bit")
        if self.terms is not None and length > (most := self.terms.length - self.authentication_bits):
            raise ValueError(f"a key holds at most {most} secret bits, got {length}")

    @property
    def epsilon(self) -> float:
        """How far the key may be from a perfect one: secrecy, correctness, forgery, and all keys before it.

        Failure probabilities of keys that authenticate one another add up.
        """
        return self.own_epsilon + self.inherited_epsilon

    @property
    def own_epsilon(self) -> float:
        """What this key adds to that of all keys before it: secrecy, correctness and forgery."""
        return self.eps_sec + self.eps_cor + self.forgery_probability

    @property
    def length(self) -> int:
        """How many secret bits it was given, taken or not, as ``len(key)``; 0 if it was refused."""
        return len(self)

    @property
    def left(self) -> int:
        """Secret bits that were not taken yet."""
        return 0 if self._vault is None else self._vault.left

    def take(self, n: int) -> KeyBytes:
        """The next ``n`` bytes of the key, once: they are then gone from it.

        Returns:
            Bytes, with ``hex()``, ``base64()`` and, as an array, ``bits`` (the first bit first). Their text shows
            nothing.

        Raises:
            NoSecretKey: if the key was refused, with the reason.
            KeyTaken: if fewer are left.
            ValueError: if ``n`` is no whole number of at least 1.
        """
        return self.open_vault().take(n)

    @property
    def secret_bits(self) -> Bits:
        """Alice's secret bits (or those of the end that holds this key) that were not taken; read-only.

        Reading leaves them in the key, for study: whoever uses a key takes it.

        Raises:
            NoSecretKey: if the key was refused, with the reason.
        """
        return self.open_vault().read(0)

    @property
    def peer_bits(self) -> Bits:
        """Bob's secret bits, read-only; equal to Alice's but for the probability ``eps_cor``.

        Raises:
            NoSecretKey: if the key was refused, with the reason.
            AttributeError: if only one end is known here, as in a key that a party of its own holds.
        """
        vault = self.open_vault()
        if vault.copies < 2:
            raise AttributeError("this key is held by one end, which does not see the bits of the other")
        return vault.read(1)

    def open_vault(self) -> Vault:
        """Where the bits are: for the library's own use.

        Raises:
            NoSecretKey: if there are none.
        """
        if self._vault is None:
            raise NoSecretKey(self.reason or "")
        if not self._vault.copies:
            raise NoSecretKey("this is a copy of its account: the bits stayed in the process that made them")
        return self._vault

    def __len__(self) -> int:
        return 0 if self._vault is None else self._vault.length

    def __repr__(self) -> str:
        refusal = "" if self.reason is None else f", reason={self.reason!r}"
        return (
            f"{type(self).__name__}(protocol={self.protocol!r}, length={self.length}, "
            f"qber={float(self.qber):.6g}, test_qber={float(self.test_qber):.6g}{refusal})"
        )

    def report(self) -> str:
        """The whole account, step by step, as readable text without any secret."""
        lines = self._lines()
        width = max(len(label) for label, _ in lines)
        remarks = self.remarks
        if not self.authentication_bits:
            remarks = (*remarks, _UNAUTHENTICATED)
        return "\n".join([self._head(), *(f"  {label:<{width}}  {text}" for label, text in lines), *remarks])

    def _repr_html_(self) -> str:
        return html_table(self._head(), self._lines())

    def _head(self) -> str:
        return f"{self.protocol}: {len(self)} secret bits" if self else f"{self.protocol}: no secret key"

    def _lines(self) -> list[tuple[str, str]]:
        return [
            ("rounds", f"{self.rounds}"),
            ("accepted", f"{self.accepted}"),
            ("sifted", f"{self.sifted}, of these {self.tested} in the test basis"),
            ("disclosed for testing", f"{self.tested} test bits and {self.sampled} key bits"),
            ("QBER, key basis (Z)", _with_interval(self.qber, self.sampled)),
            ("QBER, test basis (X)", _with_interval(self.test_qber, self.tested)),
            *self._reconciliation_lines(),
            *self.terms_lines(),
            *self._epsilon_lines(),
            *([("origin", self.origin)] if self.marks else []),
            ("secret key", f"{len(self)} bits" if self.reason is None else f"refused: {self.reason}"),
        ]

    def terms_lines(self) -> list[tuple[str, str]]:
        """The security bound term by term, as labels and readable values; none if it was not reached.

        Where no reconciliation came to its end, the leak is only what is disclosed whatever it takes, as the tags
        that several ends need are: the line says so.
        """
        if self.terms is None:
            return []
        lines = self.terms.lines()
        if self.disclosed_bits is not None:
            return lines
        told = "; the bits that reconciliation would disclose are not in it"
        return [(label, text + told if label.startswith(_LEAK) else text) for label, text in lines]

    @property
    def origin(self) -> str:
        """Where the key comes from, in words."""
        return f"{', '.join(self.marks)}: {FOR_STUDY}" if self.marks else "random choices of the system"

    @property
    def marks(self) -> tuple[str, ...]:
        """Why the key is for study only, in words: none if it is for use."""
        told = (
            ("simulated", self.simulated),
            ("seeded", self.seeded),
        )
        words = tuple(word for word, true in told if true)
        together = self._vault is not None and self.holder is None
        return words or (("both ends in one place",) if together else ())

    def _epsilon_lines(self) -> list[tuple[str, str]]:
        if not self.eps_sec:
            return []
        return [
            (
                "ε in all",
                f"{self.epsilon:.3g} (secrecy {self.eps_sec:.3g}, correctness {self.eps_cor:.3g}, forgery "
                f"{self.forgery_probability:.3g}, "
                f"keys that authenticated {self.inherited_epsilon:.3g})",
            )
        ]

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
