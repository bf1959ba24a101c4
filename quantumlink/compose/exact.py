"""The exact reading: a link's state, folded from the maps of its primitives."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt
from qiskit.circuit import Parameter, QuantumCircuit

from quantumlink import validation
from quantumlink.compose.maps import purification_map, swap_map
from quantumlink.compose.state import PairState, bell_diagonal_coefficients
from quantumlink.exact import branches
from quantumlink.hardware import Node
from quantumlink.link import ElementaryLink, Link, Purify, Swap, distinct_links
from quantumlink.program import Program
from quantumlink.rewrites import add_noise

IMPOSSIBLE = 1e-14
"""A success probability below this is rounding, not physics."""

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
    folded = fold(link)[id(link)]
    return PairState(
        _read_only(folded.vector.reshape(4, 4)), folded.success_probability, (link.left.name, link.right.name)
    )


@dataclass(frozen=True, eq=False)
class Folded:
    """What the fold knows of one link of the tree."""

    vector: npt.NDArray[np.float64]
    """Shape (16,): its normalised Pauli coefficients."""
    accepted: float
    """The probability that its own heralds accept, given that its children's did."""
    success_probability: float
    """The probability that all heralds within it accept."""


def fold(link: Link) -> dict[int, Folded]:
    """The exact state of every distinct link object of a tree, by its ``id``.

    Raises:
        ValueError: if two different nodes share a name, or a purification can never succeed.
    """
    values: dict[int, Folded] = {}
    nodes: dict[str, Node] = {}
    for part in distinct_links(link):
        values[id(part)] = _read(part, values, nodes)
    return values


def _read(link: Link, values: dict[int, Folded], nodes: dict[str, Node]) -> Folded:
    if isinstance(link, ElementaryLink):
        for node in link.ends:
            if nodes.setdefault(node.name, node) != node:
                raise ValueError(f"two different nodes are named {node.name!r}: {nodes[node.name]!r}, {node!r}")
        return Folded(bell_diagonal_coefficients(link.bell_diagonal).ravel(), 1.0, 1.0)
    first, second = (values[id(child)] for child in link.children)
    if isinstance(link, Swap):
        matrix = swap_map(link.left.processor, link.relay.processor, link.right.processor)
    elif isinstance(link, Purify):
        matrix = purification_map(link.protocol, link.left.processor, link.right.processor)
    else:
        raise TypeError(f"a link must be an ElementaryLink, a Swap or a Purify, got {type(link).__name__}")
    vector = matrix @ np.multiply.outer(first.vector, second.vector).ravel()
    accepted = float(vector[0])
    if accepted < IMPOSSIBLE:
        raise ValueError(f"this purification can never succeed: {link!r}")
    return Folded(vector / accepted, accepted, first.success_probability * second.success_probability * accepted)


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
