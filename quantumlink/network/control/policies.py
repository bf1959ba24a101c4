"""Policies: who is served first where several demands want the same pairs.

A policy gives every demand a weight; whenever a pair can be used, the demand of the largest weight (of those of the
highest priority) has it, of equal ones that which was not served for longest. A policy of your own is one class
with one method::

    from dataclasses import dataclass
    from quantumlink.network import Policy
    from quantumlink.parts import register

    @register("oldest_and_longest", kind="policy")
    @dataclass(frozen=True)
    class OldestAndLongest(Policy):
        def weights(self, load):
            return load.oldest_s * load.waiting

``load`` is a `Load`: arrays with one entry a demand. It is asked before every slot in which something happens, or
every ``every_s`` seconds if the class has that attribute. A weight of minus infinity keeps a demand from taking any
more pairs.

Those of the library here are worked out within the loop, at every decision.

References:
    L. Tassiulas, A. Ephremides, IEEE Trans. Autom. Control 37, 1936 (1992): max-weight.
    F. P. Kelly, A. K. Maulloo, D. K. H. Tan, J. Oper. Res. Soc. 49, 237 (1998): proportional fairness.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from quantumlink import validation
from quantumlink.arrays import FloatArray
from quantumlink.network.control.tables import BY_AGE, BY_QUEUE, BY_SHARE, GIVEN, IN_TURN


@dataclass(frozen=True, eq=False)
class Load:
    """What a policy is told: arrays of shape (demands,)."""

    time_s: float
    """Since the beginning of the trial."""
    waiting: FloatArray
    """Requests that wait; where as much is wanted as there can be, as many as are worked on at once."""
    oldest_s: FloatArray
    """How long the oldest of them has waited; where as much is wanted as there can be, since the last delivery."""
    served: FloatArray
    """What was delivered so far."""
    priority: FloatArray
    """Of each demand."""


MOST_KEPT_PATHS = 2**31
"""Most paths of a demand: more than any network has."""


@dataclass(frozen=True)
class Policy:
    """Who is served first, and over how many paths; the parent of a policy of one's own.

    Args:
        paths: how many paths of a demand are used at once.
        recovery: how many more are ready for when something on these fails.
    """

    _: KW_ONLY
    paths: int = 1
    """How many paths of a demand are used at once."""
    recovery: int = 1
    """How many more are ready for when something on these fails."""

    code: ClassVar[int] = GIVEN
    """How the loop weights."""
    reserving: ClassVar[bool] = False
    """Whether a request holds its path while it is served."""
    every_s: ClassVar[float | None] = None
    """How often `weights` is asked; None for every slot in which something happens."""

    def __post_init__(self) -> None:
        validation.plain(self)
        for name, least in (("paths", 1), ("recovery", 0)):
            value = validation.count(name, getattr(self, name), at_least=least, at_most=MOST_KEPT_PATHS)
            object.__setattr__(self, name, value)

    def weights(self, load: Load) -> npt.ArrayLike:
        """The weight of each demand, shape (demands,)."""
        raise NotImplementedError(f"{type(self).__name__} must have a method weights(self, load)")


@dataclass(frozen=True)
class FirstComeFirstServed(Policy):
    """The request that has waited longest comes first.

    >>> import quantumlink as ql
    >>> from quantumlink.network import Demand, FirstComeFirstServed
    >>> a, b = ql.Node("a"), ql.Node("b")
    >>> net = ql.Network([a, b], [ql.ElementaryLink(a, b, success_probability=1.0, attempt_time_s=0.01)])
    >>> run = ql.operate(net, [Demand("a", "b", rate_hz=20)], policy=FirstComeFirstServed(), duration_s=1.0, seed=1)
    >>> run.results[0].served == run.results[0].requested
    True
    """

    code = BY_AGE

    def weights(self, load: Load) -> npt.ArrayLike:
        """The age of the oldest request."""
        return load.oldest_s


@dataclass(frozen=True)
class MaxWeight(Policy):
    """The demand with most waiting requests comes first: keeps all queues finite wherever that can be."""

    code = BY_QUEUE

    def weights(self, load: Load) -> npt.ArrayLike:
        """The length of the queue."""
        return load.waiting


@dataclass(frozen=True)
class ProportionalFairness(Policy):
    """The demand that was served least comes first: the sum of the rates' logarithms grows most."""

    code = BY_SHARE

    def weights(self, load: Load) -> npt.ArrayLike:
        """What was served, the less the sooner."""
        return -load.served


@dataclass(frozen=True)
class ManyPaths(FirstComeFirstServed):
    """First come, first served, over two paths of each demand at once, with a third one ready."""

    _: KW_ONLY
    paths: int = 2
    recovery: int = 1


@dataclass(frozen=True)
class Reservation(FirstComeFirstServed):
    """A request holds all links of its path until it is served; nobody else has pairs of theirs meanwhile.

    Pairs are made once the path is held, and what is left of them is dropped when it is let go.
    """

    _: KW_ONLY
    setup: bool = True
    """Whether a message goes along the path and back before its links begin."""
    reserving = True

    def __post_init__(self) -> None:
        super().__post_init__()
        validation.flags(self, "setup")


@dataclass(frozen=True)
class TimeSlots(Policy):
    """Demands take turns, each for the same time: in its turn, a demand may take what pairs there are.

    What it has begun when its turn ends stays where it is: where memories are few, others cannot use these in their
    turns, unless ``cutoff_s`` throws it away.
    """

    turn_s: float = 0.01
    """How long a turn is."""
    code = IN_TURN

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "turn_s", validation.positive("turn_s", self.turn_s))

    def weights(self, load: Load) -> npt.ArrayLike:
        """Nothing but that it is one's turn."""
        demands = len(load.waiting)
        return np.where(np.arange(demands) == int(load.time_s / self.turn_s + 1e-9) % demands, 0.0, -np.inf)


def checked_policy(value: Any) -> Policy:
    """A policy; first come, first served if None.

    Raises:
        TypeError: if it is none.
    """
    if value is None:
        return FirstComeFirstServed()
    if isinstance(value, type) and issubclass(value, Policy):
        raise TypeError(f"policy must be a Policy object, got the class {value.__name__}: call it")
    found: Policy = validation.instance("policy", value, Policy, "a Policy, such as MaxWeight(), or None")
    return found
