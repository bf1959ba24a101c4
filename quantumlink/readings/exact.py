"""The exact reading: a link's state, folded from the maps of its primitives."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, QuantumCircuit

from quantumlink import validation
from quantumlink.exact import branches
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink, Link, Purify, Swap, distinct_links
from quantumlink.program import Program
from quantumlink.readings.maps import PairMap, purification_map, swap_map
from quantumlink.readings.state import BELL_SIGNS, PairState
from quantumlink.rewrites import add_noise

FloatArray = npt.NDArray[np.float64]

IMPOSSIBLE = 1e-14
"""A success probability below this is rounding, not physics."""

CHUNK = 8192
"""Pairs of links folded at once: 16 MB of products."""

MAX_SETTINGS = 20_736
"""Most settings (12⁴: two twirling purifications) over which a program is averaged."""


def evaluate(link: Link | Program) -> PairState:
    """The exact two-qubit state of a link, and the probability that it is accepted.

    A link is folded from the maps of its primitives, linear in its length; corrections are applied after
    each swap, and noisy when they fire. A `Program` is followed gate by gate through all its branches
    instead: exact for its own kind of corrections, and for small circuits only.

    Args:
        link: a link, or a composed program.

    Raises:
        ValueError: if two different nodes share a name, a purification can never succeed, or a program is
            too large to follow.

    >>> from quantumlink.link import swap
    >>> a, r, b = Node("alice"), Node("relay"), Node("bob")
    >>> state = evaluate(swap(ElementaryLink(a, r, fidelity=0.9), ElementaryLink(r, b, fidelity=0.8)))
    >>> round(state.fidelity, 6), round(state.qber("Z"), 6)
    (0.726667, 0.182222)
    """
    if isinstance(link, Program):
        return _evaluate_program(link)
    validation.instance("link", link, Link, "a link or a program")
    vectors, _, success = _fold(list(distinct_links(link)))
    return PairState(_read_only(vectors[-1].reshape(4, 4)), float(success[-1]), (link.left.name, link.right.name))


@dataclass(frozen=True, eq=False)
class Folded:
    """What the fold knows of one link of the tree."""

    vector: npt.NDArray[np.float64]
    """Shape (16,): its normalized Pauli coefficients."""
    accepted: float
    """The probability that its own heralds accept, given that its children's did."""
    success_probability: float
    """The probability that all heralds within it accept."""

    @property
    def fidelity(self) -> float:
        """Fidelity to Φ⁺."""
        return float(1 + BELL_SIGNS[0] @ self.vector[[5, 10, 15]]) / 4


def fold(link: Link) -> dict[int, Folded]:
    """The exact state of every distinct link object of a tree, by its ``id``.

    Raises:
        ValueError: if two different nodes share a name, or a purification can never succeed.
    """
    parts = list(distinct_links(link))
    vectors, accepted, success = _fold(parts)
    return {id(p): Folded(vectors[i], float(accepted[i]), float(success[i])) for i, p in enumerate(parts)}


def _fold(parts: list[Link]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Vectors, own acceptance and total success of all parts, which come children before parents.

    Links of one height that need the same map are folded together, so that a balanced tree takes a few
    array operations a level.
    """
    index = {id(part): i for i, part in enumerate(parts)}
    vectors = _arriving(parts)
    accepted, success = np.ones(len(parts)), np.ones(len(parts))
    for group in _groups(parts, index):
        children = np.array([[index[id(child)] for child in parts[i].children] for i in group])
        first, second = children.T
        found = _combined(_map_of(parts[group[0]]), vectors[first], vectors[second])
        worst = int(found[:, 0].argmin())
        if found[worst, 0] < IMPOSSIBLE:
            raise ValueError(f"this purification can never succeed: {parts[group[worst]]!r}")
        accepted[group] = found[:, 0]
        vectors[group] = found / found[:, :1]
        success[group] = success[first] * success[second] * found[:, 0]
    return vectors, accepted, success


def _groups(parts: list[Link], index: dict[int, int]) -> list[list[int]]:
    """Links that can be folded together, lower ones first: of one height in the tree, and of one map."""
    height = [0] * len(parts)
    levels: list[dict[tuple[object, ...], list[int]]] = []
    for i, part in enumerate(parts):
        if not part.children:
            continue
        height[i] = 1 + max(height[index[id(child)]] for child in part.children)
        while len(levels) < height[i]:
            levels.append({})
        levels[height[i] - 1].setdefault(_map_key(part), []).append(i)
    return [group for level in levels for group in level.values()]


def _arriving(parts: list[Link]) -> npt.NDArray[np.float64]:
    """Pauli coefficients, shape (parts, 16), of the elementary links; those of the others are to come."""
    nodes: dict[str, Node] = {}
    populations = np.zeros((len(parts), 4))
    for i, part in enumerate(parts):
        if isinstance(part, ElementaryLink):
            populations[i] = part.bell_diagonal
            for node in part.ends:
                known = nodes.setdefault(node.name, node)
                if known is not node and known != node:
                    raise ValueError(f"two different nodes are named {node.name!r}: {known!r}, {node!r}")
    coefficients = np.zeros((len(parts), 4, 4))
    coefficients[:, 0, 0] = 1.0
    coefficients[:, [1, 2, 3], [1, 2, 3]] = populations @ BELL_SIGNS
    return coefficients.reshape(len(parts), 16)


def _map_key(part: Link) -> tuple[object, ...]:
    # By identity: equal processors that are distinct objects only make one group more.
    if isinstance(part, Swap):
        return ("swap", id(part.left.processor), id(part.relay.processor), id(part.right.processor))
    if isinstance(part, Purify):
        return (part.protocol, id(part.left.processor), id(part.right.processor))
    raise TypeError(f"a link must be an ElementaryLink, a Swap or a Purify, got {type(part).__name__}")


def _map_of(part: Link) -> PairMap:
    if isinstance(part, Swap):
        return swap_map(part.left.processor, part.relay.processor, part.right.processor)
    assert isinstance(part, Purify)
    return purification_map(part.protocol, part.left.processor, part.right.processor)


def _combined(
    matrix: PairMap, first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The map applied to many pairs of vectors: shapes (16, 256), (n, 16), (n, 16) to (n, 16)."""
    found = np.empty_like(first)
    for start in range(0, len(first), CHUNK):
        part = slice(start, start + CHUNK)
        both = first[part, :, None] * second[part, None, :]
        found[part] = both.reshape(-1, 256) @ matrix.T
    return found


def _evaluate_program(program: Program) -> PairState:
    if len(program.ends) != 2:
        raise ValueError(f"a pair's state needs a program with two ends, got {list(program.ends)}")
    random = program.random_settings
    settings = prod(len(setting.rows) for setting in random)
    if settings > MAX_SETTINGS:
        raise ValueError(
            f"this program averages over {settings} settings of its random parameters, at most {MAX_SETTINGS} are "
            f"followed exactly; evaluate the link instead"
        )
    noisy = add_noise(program)
    total = np.zeros((4, 4))
    for choice in product(*(range(len(setting.rows)) for setting in random)):
        values: dict[Parameter, float] = {}
        weight = 1.0
        for setting, row in zip(random, choice, strict=True):
            values.update(zip(setting.parameters, setting.rows[row], strict=True))
            weight *= setting.weights[row]
        total += weight * _accepted_pair(noisy, noisy.circuit.assign_parameters(values))
    success = float(total[0, 0])
    if success < IMPOSSIBLE:
        raise ValueError(f"this program is never accepted: {program!r}")
    left, right = program.ends
    return PairState(_read_only(total / success), success, (left, right))


def _accepted_pair(program: Program, circuit: QuantumCircuit) -> npt.NDArray[np.float64]:
    frames = program.frame.values()
    keep = sorted(
        {bit for herald in program.heralds for bit in herald}
        | {bit for frame in frames for bit in (*frame.x, *frame.z)}
    )
    total = np.zeros((4, 4))
    bits = np.zeros(program.circuit.num_clbits, dtype=bool)
    for record, tensor in branches(circuit, outputs=list(program.ends.values()), keep=keep).items():
        bits[keep] = record
        if program.accepted(bits):
            signs = [_frame_signs(program, bits, end) for end in program.ends]
            total += np.multiply.outer(*signs) * tensor.reshape(4, 4)
    return total


def _frame_signs(program: Program, bits: npt.NDArray[np.bool_], end: str) -> npt.NDArray[np.float64]:
    # The frame's Pauli inverts exactly the coefficients it anticommutes with.
    return np.array([1.0, *(-1.0 if program.flips(bits, end, basis) else 1.0 for basis in "XYZ")])


def _read_only(array: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    array.setflags(write=False)
    return array
