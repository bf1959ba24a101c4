"""How long `operate` will take on this machine, told before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from quantumlink.network.control.block import begun
from quantumlink.network.control.operating import SHORT_S, operate, prepared
from quantumlink.network.control.options import Options
from quantumlink.network.control.pace import Pace
from quantumlink.network.control.trial import ready
from quantumlink.network.load.demand import DEMAND_KINDS, Demand, checked_demands

if TYPE_CHECKING:
    from quantumlink.network.network import Network


def expected_duration_s(network: Network, demands: Sequence[Demand], **options: Any) -> float | None:
    """Seconds that ``operate(network, demands, **options)`` will take here from its first slot on; None if few.

    The beginning of the first trial, or of those that are played together first, is played for about half a second;
    it is to be right within a factor of two.
    Choosing routes and compiling come before, and are done here too. Trials on an executor share the time among its
    workers.

    Raises:
        ValueError: as `operate` does.

    >>> from quantumlink.hardware import Node
    >>> from quantumlink.link import ElementaryLink
    >>> from quantumlink.network import Network
    >>> link = ElementaryLink(Node("a"), Node("b"), success_probability=0.5, attempt_time_s=1e-3)
    >>> expected_duration_s(Network(link.ends, [link]), [Demand("a", "b")], duration_s=0.1) is None
    True
    """
    given = signature(operate).bind(network, demands, **options)
    given.apply_defaults()
    asked = given.arguments
    own = Options(**{field.name: asked[field.name] for field in fields(Options)})
    wanted = checked_demands(network, demands, DEMAND_KINDS)
    entropy = np.random.SeedSequence(asked["seed"]).entropy
    assert isinstance(entropy, int)
    _, setting = prepared(network, wanted, own, asked["happenings"], asked["avoid"], entropy)
    ready(setting)
    number, playing, pace, seconds = 0, begun(setting, 0, own.trials), Pace(own.trials), None
    while seconds is None and number + playing.done * playing.trials < own.trials:
        playing.go_on()
        seconds = pace.note(number + playing.done * playing.trials)
        if playing.done == 1.0 and number + playing.trials < own.trials:
            number += playing.trials
            playing = begun(setting, number, own.trials - number)
    return seconds if seconds is not None and seconds > SHORT_S else None
