"""The loop for many trials at once, in numpy: its own functions, rewritten so that trials take each step together.

Trials are *lanes* (`quantumlink.network.control.lanes`). A function gets the lanes for which it is called as a last
argument, L. Where lanes part, each way is gone by those that go it, one after the other; where they meet again,
they go on together. So every trial does what it would do by itself, in the same order, and has the same result; no
formula stands here a second time.

What is rewritten: ``if`` and loops part the lanes; ``return``, ``break`` and ``continue`` take them out of what
follows; names become `Local`; ``S.made[pair]`` becomes places in an array with a row for each lane.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from quantumlink.network.control import advancing, fusing, links, pool, rules, states
from quantumlink.network.control.lanes import (
    NOBODY,
    Local,
    Wide,
    as_it_is,
    choose,
    least,
    most,
    placed,
    together,
    whole,
)
from quantumlink.network.control.loop_source import Loop, changes, functions_of
from quantumlink.network.control.rewriting import rewritten
from quantumlink.network.control.tables import State, Tables

MODULES = (pool, states, links, rules, fusing, advancing)
"""Those that the loop is made of."""

USED: dict[str, Any] = {
    "np": np, "NOBODY": NOBODY, "Local": Local, "Wide": Wide, "as_it_is": as_it_is, "choose": choose,
    "least": least, "most": most, "placed": placed, "together": together, "whole": whole,
}  # fmt: skip
"""What rewritten functions use."""


@cache
def lockstep(axes: tuple[tuple[str, str, int], ...]) -> dict[str, Callable[..., Any]]:
    """The functions of the loop by name, for many trials at once.

    Each takes (T, S, [rng,] its arguments, L), where T are the tables, S the arrays of a `Block`, rng its `Draws`,
    and arguments are plain numbers or arrays with an entry for each lane of L; it returns such.

    Args:
        axes: see `axes_of`.
    """
    trees = functions_of(MODULES)
    loop = Loop({(owner, name): number for owner, name, number in axes}, changes(trees))
    names: dict[str, Any] = dict(USED)
    for module in MODULES:
        names.update({k: v for k, v in vars(module).items() if isinstance(v, (int, float)) and k.isupper()})
    for tree in trees:
        source = rewritten(tree, loop)
        exec(compile(source, f"<{tree.name} in lockstep>", "exec"), names)  # our own source, rewritten
    return {tree.name: names[tree.name] for tree in trees}


def axes_of(T: Tables, S: State) -> tuple[tuple[str, str, int], ...]:
    """Of each field of tables and state ("T" or "S", its name, how many axes it has), none for the trials."""
    both: tuple[tuple[str, Any], ...] = (("T", T), ("S", S))
    return tuple((owner, x, np.ndim(y)) for owner, t in both for x, y in zip(t._fields, t, strict=True))
