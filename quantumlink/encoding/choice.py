"""Distill or encode? What a link and a budget of its pairs are worth, either way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from quantumlink import validation
from quantumlink.circuits import Code
from quantumlink.link import Encoded, Link, encode, purify
from quantumlink.link.encoded import as_code
from quantumlink.link.expression import purification
from quantumlink.readings import PairState, evaluate, highest_rate_hz, pairs_spent
from quantumlink.readings.forecasting import Forecast, forecast
from quantumlink.tables import html_table

CODES = ("five_qubit", "steane", "surface:3")
"""The codes that are tried if none are named: exact, and without an extra."""


@dataclass(frozen=True, eq=False, repr=False)
class Option:
    """One way to spend pairs on a better one."""

    name: str
    """What is done, in words."""
    link: Link
    """The link that it makes."""
    pairs: int
    """How many copies of the given link one try takes."""
    spent: float
    """How many copies one delivered pair costs on average, failed tries included."""
    state: PairState
    """What is delivered if nothing ever waits; of an encoded link, the logical pair."""
    in_time: Forecast | None
    """The same in time, with waiting memories and messages; None if the link does not say how its pairs come."""

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺, in time if that is known."""
        return self.state.fidelity if self.in_time is None else self.in_time.fidelity

    @property
    def rate_hz(self) -> float | None:
        """Delivered pairs a second; None if the link does not say how its pairs come."""
        return None if self.in_time is None else self.in_time.rate_hz

    @property
    def success_probability(self) -> float:
        """The probability that a try delivers, relative to the given link's own."""
        return self.pairs / self.spent

    @property
    def encodes(self) -> bool:
        """Whether it delivers a logical pair."""
        return isinstance(self.link, Encoded)

    def __repr__(self) -> str:
        rate = "" if self.rate_hz is None else f", {self.rate_hz:.4g} pairs/s"
        return f"<Option {self.name}: fidelity {self.fidelity:.6f}, {self.spent:.4g} pairs each{rate}>"


@dataclass(frozen=True, eq=False, repr=False)
class Options:
    """What a budget buys, by distillation and by encoding."""

    distilled: tuple[Option, ...]
    """By rounds of purification, the link as it is first."""
    encoded: tuple[Option, ...]
    """By a code, of the link as it is or purified."""

    @property
    def best_distilled(self) -> Option:
        """The most faithful one that is only purified."""
        return max(self.distilled, key=lambda option: option.fidelity)

    @property
    def best_encoded(self) -> Option | None:
        """The most faithful one that is encoded, None if the budget does not suffice for a code."""
        return max(self.encoded, key=lambda option: option.fidelity, default=None)

    @property
    def best(self) -> Option:
        """The most faithful one of all."""
        return max((*self.distilled, *self.encoded), key=lambda option: option.fidelity)

    @property
    def answer(self) -> str:
        """``"distill"``, ``"encode"``, or ``"neither"`` if the link as it is is best."""
        if self.best is self.distilled[0]:
            return "neither"
        return "encode" if self.best.encodes else "distill"

    def __iter__(self) -> Iterator[Option]:
        return iter((*self.distilled, *self.encoded))

    def _repr_html_(self) -> str:
        rows = [(option.name, f"fidelity {option.fidelity:.6f}, {option.spent:.4g} pairs each") for option in self]
        return html_table(f"distill or encode: {self.answer}", rows)

    def __repr__(self) -> str:
        return f"<Options: {self.answer}; " + "; ".join(repr(option) for option in self) + ">"


def distill_or_encode(
    link: Link,
    budget: int,
    *,
    codes: Sequence[str | Code | Sequence[str]] = CODES,
    decode: Any = "lookup",
    protocol: Any = "dejmps",
) -> Options:
    """Fidelity and rate of what a number of pairs is worth: purified, encoded, or purified and then encoded.

    Purification waits for messages in every round and refuses tries; a code waits for one message and refuses none.
    With perfect gates and memories purification wins but for its rate; what waiting costs is told where the link
    says how its pairs come (a medium, attempts, or ``rate_hz``): then fidelity and rate are those of `forecast`.
    Stabilizers are measured once, and what waits afterwards decays as a bare qubit: both are against the code.

    Args:
        link: a link of two ends.
        budget: how many of its pairs one try may take, at least 1.
        codes: what to encode in, as `encode` takes it.
        decode: how, as `encode` takes it.
        protocol: the purification, of two pairs or more, nested in rounds.

    Returns:
        Every way that the budget suffices for; purification refuses some tries, which ``spent`` and the rate count;
        correction refuses none.

    Raises:
        ValueError: if the budget is below 1, or as `encode` and `purify`.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> options = distill_or_encode(ElementaryLink(Node("a"), Node("b"), fidelity=0.99), budget=16)
    >>> options.answer, options.best.name
    ('distill', 'dejmps ×4')
    """
    validation.instance("link", link, Link, "a link")
    budget = validation.count("budget", budget, at_least=1)
    found = [as_code(code) for code in validation.sequence("codes", codes, "codes")]
    distilled = [(_words(protocol, rounds), better) for rounds, better in _purified(link, budget, protocol)]
    encoded = []
    for words, better in distilled:
        for code in found:
            if better.pairs * code.qubits <= budget * link.pairs:
                name = code.name if better is link else f"{words}, then {code.name}"
                encoded.append((name, encode(better, code, decode)))
    cost = sum(pairs_spent(link).values())
    return Options(
        tuple(_option(name, made, link, cost) for name, made in distilled),
        tuple(_option(name, made, link, cost) for name, made in encoded),
    )


def _purified(link: Link, budget: int, protocol: Any) -> Iterator[tuple[int, Link]]:
    copies = len(purification("protocol", protocol).inputs)
    better, rounds = link, 0
    while better.pairs <= budget * link.pairs:
        yield rounds, better
        better, rounds = purify(*(better,) * copies, by=protocol), rounds + 1


def _words(protocol: Any, rounds: int) -> str:
    return f"{purification('protocol', protocol).name} ×{rounds}" if rounds else "as it is"


def _option(name: str, made: Link, link: Link, cost: float) -> Option:
    spent = sum(pairs_spent(made).values()) / cost
    timed = highest_rate_hz(made) is not None
    return Option(name, made, made.pairs // link.pairs, spent, evaluate(made), forecast(made) if timed else None)
