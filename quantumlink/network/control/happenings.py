"""What happens to a network from outside: outages, random failures with their repair, attacks; and who watches."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from quantumlink import validation

What = Any
"""The name of a node, an elementary link of the network, or a pair of names for all links between two nodes."""


@dataclass(frozen=True)
class Outage:
    """A node or link that is down for a while. A link makes no pairs then; a node loses the qubits that it holds.

    Args:
        what: the name of a node, an elementary link, or a pair of names for all links between two nodes.
        start_s: when it begins.
        end_s: when it is repaired; infinity for never.

    >>> import quantumlink as ql
    >>> from quantumlink.network import Demand, Outage
    >>> a, b = ql.Node("a"), ql.Node("b")
    >>> net = ql.Network([a, b], [ql.ElementaryLink(a, b, success_probability=1.0, attempt_time_s=0.01)])
    >>> wanted = [Demand("a", "b", rate_hz=20)]
    >>> run = ql.operate(net, wanted, duration_s=1.0, happenings=[Outage("b", 0.0, 1.0)], seed=1)
    >>> run.pairs.delivered
    0
    """

    what: What
    start_s: float = 0.0
    end_s: float = inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "start_s", validation.number("start_s", self.start_s, at_least=0.0))
        end_s = validation.lifetime("end_s", self.end_s)
        if end_s <= self.start_s:
            raise ValueError(f"end_s must be after start_s={self.start_s:g}, got {self.end_s!r}")
        object.__setattr__(self, "end_s", end_s)


@dataclass(frozen=True)
class RandomFailures:
    """Failures at random moments, and repair: exponential times to either.

    Args:
        mean_up_s: from a repair to the next failure.
        mean_down_s: from a failure to its repair.
        what: which nodes and links may fail, each by itself; None for every link.
    """

    mean_up_s: float
    mean_down_s: float
    what: tuple[What, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("mean_up_s", "mean_down_s"):
            object.__setattr__(self, name, validation.positive(name, getattr(self, name)))
        if self.what is not None:
            object.__setattr__(self, "what", tuple(validation.sequence("what", self.what, "nodes and links")))

    def outages(self, what: What, duration_s: float, rng: np.random.Generator) -> list[Outage]:
        """The outages of one node or link in one trial."""
        found, now = [], rng.exponential(self.mean_up_s)
        while now < duration_s:
            again = now + max(rng.exponential(self.mean_down_s), 1e-12 * duration_s)
            found.append(Outage(what, now, again))
            now = again + rng.exponential(self.mean_up_s)
        return found


@dataclass(frozen=True)
class Attack:
    """Somebody measures pairs of a link and sends others on: pairs arrive with more errors.

    Each pair is, with probability ``fraction``, measured in Z or X at random and replaced by what was seen
    (intercept and resend): its correlations ⟨XX⟩ and ⟨ZZ⟩ are halved, ⟨YY⟩ is gone.

    Args:
        what: an elementary link, or a pair of names for all links between two nodes.
        start_s: when it begins.
        end_s: when it ends; infinity for never.
        fraction: of the pairs, in (0, 1].

    >>> import quantumlink as ql
    >>> from quantumlink.network import Attack, Demand
    >>> a, b = ql.Node("a"), ql.Node("b")
    >>> link = ql.ElementaryLink(a, b, success_probability=1.0, attempt_time_s=0.01)
    >>> wanted = [Demand("a", "b", rate_hz=40)]
    >>> run = ql.operate(ql.Network([a, b], [link]), wanted, duration_s=1.0, happenings=[Attack(link, 0.0)], seed=1)
    >>> round(run.results[0].fidelity.best, 2)  # measured in a random basis and sent on: separable
    0.5
    """

    what: What
    start_s: float = 0.0
    end_s: float = inf
    fraction: float = 1.0

    def __post_init__(self) -> None:
        validation.plain(self)
        Outage(self.what, self.start_s, self.end_s)
        object.__setattr__(self, "fraction", validation.positive("fraction", self.fraction, at_most=1.0))

    def attacked(self, coefficients: np.ndarray) -> np.ndarray:
        """The Pauli coefficients, shape (16,), of pairs that were attacked on their way to the right end."""
        kept = np.array([1.0, 0.5, 0.0, 0.5])  # measured and resent in Z or X, each in half of the cases
        share = 1 - self.fraction + self.fraction * kept
        found: np.ndarray = (coefficients.reshape(4, 4) * share).reshape(16)
        return found


@dataclass(frozen=True)
class Watch:
    """Links are watched: some pairs are measured and compared, and an alarm takes the link out for some time.

    Errors are scored by a cumulative sum (see `quantumlink.monitoring.CusumChart`).

    Args:
        share: of each link's pairs that are measured, in (0, 1).
        attack: the error rate that is to be told from what the link has without an attack.
        threshold: the score, in nats, at which the alarm is raised.
        repair_s: how long a link is out.
        what: which links, each watched by itself; None for every link.
    """

    share: float = 0.05
    attack: float = 0.15
    threshold: float = 10.0
    repair_s: float = inf
    what: tuple[What, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", validation.tolerance("share", self.share))
        object.__setattr__(self, "attack", validation.positive("attack", self.attack, at_most=0.5))
        object.__setattr__(self, "threshold", validation.positive("threshold", self.threshold))
        object.__setattr__(self, "repair_s", validation.lifetime("repair_s", self.repair_s))
        if self.what is not None:
            object.__setattr__(self, "what", tuple(validation.sequence("what", self.what, "links")))
