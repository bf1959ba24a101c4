"""The exact reading: a link's state, folded from the maps of its primitives."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from math import prod
from typing import Any, overload

import numpy as np
from qiskit.circuit import QuantumCircuit
from quantumlink_circuits.random_settings import choices_of

from quantumlink import validation
from quantumlink.arrays import BoolArray, FloatArray
from quantumlink.exact import branches, interpreter_size
from quantumlink.link import Link
from quantumlink.program import Program
from quantumlink.readings.folding import IMPOSSIBLE, Folded, fold, fold_points
from quantumlink.readings.perfect import target_of
from quantumlink.readings.points import ByLink, Values, read_points
from quantumlink.readings.sampled_parts import SampledParts
from quantumlink.readings.shared_state import MAX_ENDS, SharedState
from quantumlink.readings.spine import spine_state
from quantumlink.readings.state import PairState
from quantumlink.readings.states import PairStates
from quantumlink.readings.tree import Tree
from quantumlink.rewrites import add_noise

__all__ = ["Folded", "evaluate", "fold"]

MAX_SETTINGS = 20_736
"""Most settings (12⁴: two twirling purifications) over which a program is averaged."""

MAX_RECORDS = 20
"""Most measured bits that a program may keep at one time: 2²⁰ branches if all of them occur, which are refused."""


@overload
def evaluate(
    link: Link | Program,
    *,
    fidelity: float | None = ...,
    bell_diagonal: tuple[float, float, float, float] | None = ...,
    hold_s: float | tuple[float, float] | None = ...,
    hold_attempts: int | tuple[int, int] | None = ...,
) -> PairState | Any: ...


@overload
def evaluate(
    link: Link,
    *,
    fidelity: float | Values | ByLink | None = ...,
    bell_diagonal: Values | ByLink | None = ...,
    hold_s: float | Values | ByLink | None = ...,
    hold_attempts: int | Values | ByLink | None = ...,
) -> PairStates | Any: ...


def evaluate(
    link: Link | Program,
    *,
    fidelity: Any = None,
    bell_diagonal: Any = None,
    hold_s: Any = None,
    hold_attempts: Any = None,
) -> PairState | PairStates | SharedState:
    """The exact state of a link, and the probability that it is accepted; at many points if asked for.

    A link is folded from the maps of its primitives, linear in its length; corrections are applied after
    each swap, and noisy when they fire. A `Program` is followed gate by gate through all its branches
    instead: exact for its own kind of corrections, and for small circuits only.

    Arrays of parameters are evaluated all at once. Each is either one array, for all elementary links alike, or a
    mapping from links of the tree to arrays; a key stands for every link that equals it. The arrays' shapes
    broadcast together as numpy's do, and the result has that shape.

    Args:
        link: a link, or a composed program.
        fidelity: fidelities of Werner states, in [1/4, 1], in place of the elementary links' own states.
        bell_diagonal: shape (..., 4), likewise: populations of (Φ⁺, Φ⁻, Ψ⁺, Ψ⁻) that sum to 1.
        hold_s: how long a pair waits in the memories of its two nodes after it was made (arrived, or was purified
            or swapped) and before it is used or read, in seconds, at least 0. A tuple ``(left_s, right_s)`` tells
            the two ends apart, or a time for each of more ends. In a mapping any link of the tree may be a key, not
            only elementary ones.
        hold_attempts: likewise, how many attempts the nodes at its ends make for other pairs meanwhile: what these
            do to it is their memories' ``per_attempt``.

    Returns:
        A `PairState`, or `PairStates` if any parameter is an array (of one axis or more). Of a link that does not
        have two ends, a `SharedState`, of up to 8 ends. Where a link is encoded in a code that is too large to be
        followed exactly, the state is sampled: a `SampledWarning` says so, and ``.off_by`` by how much.

    Raises:
        ValueError: if two different nodes share a name, a purification can never succeed, a program is
            too large to follow, a key is not in the tree, a value is out of range, or shapes do not broadcast.
        TypeError: if an argument is of the wrong kind.

    >>> from quantumlink.hardware import Memory, Node
    >>> from quantumlink.link import ElementaryLink, swap
    >>> a, r, b = Node("alice"), Node("relay", memory=Memory(t2_s=1)), Node("bob")
    >>> left, right = ElementaryLink(a, r, fidelity=0.9), ElementaryLink(r, b, fidelity=0.8)
    >>> state = evaluate(swap(left, right))
    >>> round(state.fidelity, 6), round(state.qber("Z"), 6)
    (0.726667, 0.182222)

    Two fidelities of the left pair, and three times for which it waits:

    >>> states = evaluate(swap(left, right), fidelity={left: [[0.9], [1.0]]}, hold_s={left: [0.0, 0.1, 1.0]})
    >>> states.fidelity.round(4).tolist()
    [[0.7267, 0.6964, 0.5258], [0.8, 0.7651, 0.5682]]
    """
    given = {
        "fidelity": fidelity,
        "bell_diagonal": bell_diagonal,
        "hold_s": hold_s,
        "hold_attempts": hold_attempts,
    }
    if isinstance(link, Program):
        for name, value in given.items():
            if value is not None:
                raise ValueError(f"{name} is for links: a program's circuit is what it is; got {value!r}")
        return _evaluate_program(link)
    validation.instance("link", link, Link, "a link or a program")
    if len(link.ends) > MAX_ENDS:
        raise ValueError(
            f"the state of at most {MAX_ENDS} ends is told exactly, got {len(link.ends)}: compose and sample still "
            f"take {link!r}"
        )
    if all(value is None for value in given.values()) and (vector := spine_state(link)) is not None:
        left, right = link.end_labels
        return PairState(_read_only(vector.reshape(4, 4)), 1.0, (left, right))
    tree = Tree(link)
    points = read_points(tree, **given)
    sampled = SampledParts(tree)
    vectors, success = fold_points(tree, points)
    ends = link.end_labels
    coefficients = _read_only(vectors.reshape(*points.shape, *(4,) * len(ends)))
    if len(ends) != 2:
        told = _read_only(success) if points.shape else float(success)
        return SharedState(coefficients, told, ends, target_of(link))
    if not points.shape:
        return PairState(coefficients, float(success), ends, sampled.off_by)
    return PairStates(coefficients, _read_only(success), ends, sampled.off_by)


def _evaluate_program(program: Program) -> PairState | SharedState:
    ends = tuple(program.ends)
    if not 1 <= len(ends) <= MAX_ENDS:
        raise ValueError(f"the state of 1 to {MAX_ENDS} ends is told exactly, got {len(ends)}: sample still can")
    random = program.random_settings
    settings = prod(len(setting.rows) for setting in random)
    if settings > MAX_SETTINGS:
        raise ValueError(
            f"this program averages over {settings} settings of its random parameters, at most {MAX_SETTINGS} are "
            f"followed exactly; evaluate the link instead"
        )
    size = interpreter_size(program.circuit, sorted(program.bits_read))
    if size.bits > MAX_RECORDS:
        raise ValueError(
            f"this program is too large to follow gate by gate: {size.bits} measured bits are kept at one time, at "
            f"most {MAX_RECORDS} can be; evaluate the link instead, or sample the program"
        )
    # What a wait does depends on how long it is: where that is drawn, each choice gets its own noise.
    waits = bool(program.waiting_parameters)
    noisy = program if waits else add_noise(program)
    total = np.zeros((4,) * len(ends))
    for weight, values in choices_of(random):
        bound = noisy.circuit.assign_parameters(values)
        if waits:
            bound = add_noise(replace(program, circuit=bound)).circuit
        total += weight * _accepted_pair(noisy, bound)
    success = float(total.flat[0])
    if success < IMPOSSIBLE:
        raise ValueError(f"this program is never accepted: {program!r}")
    coefficients = _read_only(total / success)
    if len(ends) != 2:
        return SharedState(coefficients, success, ends, _target_of(program))
    return PairState(coefficients, success, (ends[0], ends[1]))


def _target_of(program: Program) -> FloatArray:
    """The coefficients of the state that a program's stabilizers say; else of the maximally mixed one."""
    target = np.zeros((4,) * len(program.ends))
    target.flat[0] = 1.0
    for label, sign in program.stabilizers:
        target[tuple("IXYZ".index(letter) for letter in reversed(label))] = sign
    return target


def _accepted_pair(program: Program, circuit: QuantumCircuit) -> FloatArray:
    keep = sorted(program.bits_read)
    total = np.zeros((4,) * len(program.ends))
    bits = np.zeros(program.circuit.num_clbits, dtype=bool)
    for record, tensor in branches(circuit, outputs=list(program.ends.values()), keep=keep).items():
        bits[keep] = record
        if program.accepted(bits):
            signs = [_frame_signs(program, bits, end) for end in program.ends]
            total += reduce(np.multiply.outer, signs) * tensor.reshape(total.shape)
    return total


def _frame_signs(program: Program, bits: BoolArray, end: str) -> FloatArray:
    # The frame's Pauli inverts exactly the coefficients it anticommutes with.
    return np.array([1.0, *(-1.0 if program.flips(bits, end, basis) else 1.0 for basis in "XYZ")])


def _read_only(array: FloatArray) -> FloatArray:
    array.setflags(write=False)
    return array
