"""A device cut into virtual processors: connected patches of its coupling map, the nodes of a network on one chip.

Patches grow one after the other, the largest first, each from many beginnings by the best pair that is next to it,
so that good gates stay within a processor and what is cut are bad ones. Each but the first touches one before it,
where such a patch is found: pairs are made at the edges that are cut. A patch that would leave no room for those
that are still to come is not taken. It is a search by rule, not an optimum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import rustworkx as rx
from qiskit.providers import BackendV2
from qiskit.transpiler import QubitProperties, Target

from quantumlink import validation
from quantumlink.execution.preparation.calibration import Calibration

BEGINNINGS = 40
"""Most qubits from which a patch is tried."""

MAX_GROWN = 4_000
"""Patches after which the search is given up."""


@dataclass(frozen=True, eq=False, repr=False)
class VirtualProcessor:
    """A patch of a device."""

    name: str
    """The node's."""
    qubits: tuple[int, ...]
    """Physical qubits, ascending: qubit i of the processor is the i-th."""
    target: Target
    """What the patch can do, on its own numbers."""
    neighbors: Mapping[str, tuple[tuple[int, int], ...]]
    """By the other processors' names the pairs of physical qubits (own, other) that the device joins: over these a
    pair of entangled qubits can be made."""

    def __repr__(self) -> str:
        beside = ", ".join(self.neighbors) or "none"
        return f"<VirtualProcessor {self.name}: qubits {list(self.qubits)}, beside {beside}>"


def slice_device(backend: BackendV2, sizes: Mapping[str, int]) -> dict[str, VirtualProcessor]:
    """Cut a device into processors of given sizes.

    Args:
        backend: the device.
        sizes: how many qubits each node is to have, by name.

    Returns:
        The processors by name, in the order of ``sizes``; they share no qubit.

    Raises:
        TypeError, ValueError: if a size is none, or no such patches were found, naming what is too large.

    >>> from qiskit.providers.fake_provider import GenericBackendV2
    >>> device = GenericBackendV2(6, coupling_map=[[i, i + 1] for i in range(5)], seed=1)
    >>> found = slice_device(device, {"alice": 3, "bob": 3})
    >>> sorted(found["alice"].qubits + found["bob"].qubits), len(found["alice"].neighbors["bob"])
    ([0, 1, 2, 3, 4, 5], 1)
    """
    validation.instance("backend", backend, BackendV2, "a BackendV2")
    validation.instance("sizes", sizes, Mapping, "a mapping from names to numbers of qubits")
    wanted = {str(name): validation.count(f"sizes[{name!r}]", size, at_least=1) for name, size in sizes.items()}
    calibration = Calibration(backend.target)
    if sum(wanted.values()) > calibration.num_qubits:
        raise ValueError(
            f"sizes ask for {sum(wanted.values())} qubits in all, {backend.name} has {calibration.num_qubits}"
        )
    order = sorted(wanted, key=lambda name: -wanted[name])
    found = _Cutter(calibration).cut([wanted[name] for name in order])
    if found is None:
        islands = sorted(map(len, rx.connected_components(calibration.coupling)), reverse=True)
        raise ValueError(
            f"no connected patches of {list(wanted.values())} qubits were found on {backend.name}, whose coupling "
            f"map has islands of {', '.join(map(str, islands))}: ask for smaller ones"
        )
    patches = {name: tuple(sorted(patch)) for name, patch in zip(order, found, strict=True)}
    return {
        name: VirtualProcessor(
            name,
            patches[name],
            sub_target(backend.target, patches[name]),
            _neighbors(name, patches, calibration.coupling),
        )
        for name in wanted
    }


def sub_target(target: Target, qubits: Sequence[int]) -> Target:
    """A device's target for some of its qubits, which are numbered in that order.

    Args:
        target: the device's.
        qubits: physical qubits.
    """
    place = {q: i for i, q in enumerate(qubits)}
    properties = target.qubit_properties
    own = None if properties is None else [properties[q] or QubitProperties() for q in qubits]
    part = Target(
        num_qubits=len(qubits),
        dt=target.dt,
        granularity=target.granularity,
        min_length=target.min_length,
        pulse_alignment=target.pulse_alignment,
        acquire_alignment=target.acquire_alignment,
        qubit_properties=own,
    )
    for name in target.operation_names:
        operation, places = target.operation_from_name(name), target[name]
        if isinstance(operation, type) or places is None or None in places:
            part.add_instruction(operation, None, name=name)
            continue
        told: dict[tuple[int, ...], Any] = {
            tuple(place[q] for q in there): stated for there, stated in places.items() if set(there) <= place.keys()
        }
        if told:
            part.add_instruction(operation, told, name=name)
    return part


def _neighbors(
    name: str, patches: Mapping[str, tuple[int, ...]], coupling: rx.PyGraph[int, float]
) -> dict[str, tuple[tuple[int, int], ...]]:
    found = {}
    for other, patch in patches.items():
        pairs = [(a, b) for a in patches[name] for b in sorted(coupling.neighbors(a)) if b in patch]
        if other != name and pairs:
            found[other] = tuple(pairs)
    return found


class _Cutter:
    def __init__(self, calibration: Calibration) -> None:
        self._coupling = calibration.coupling
        self._left = MAX_GROWN
        self._readout = [log(calibration.readout_fidelity(q)) for q in range(calibration.num_qubits)]

    def cut(self, sizes: Sequence[int]) -> list[frozenset[int]] | None:
        """Disjoint connected patches of these sizes, the largest first; None if none were found."""
        return self._cut(list(sizes), frozenset(self._coupling.node_indices()))

    def _cut(self, sizes: list[int], free: frozenset[int]) -> list[frozenset[int]] | None:
        if not sizes:
            return []
        size, *rest = sizes
        if self._left <= 0:
            return None
        for patch in self._patches(size, free):
            left = free - patch
            if self._fits(rest, left):
                others = self._cut(rest, left)
                if others is not None:
                    return [patch, *others]
        return None

    def _patches(self, size: int, free: frozenset[int]) -> list[frozenset[int]]:
        """Patches that were grown, the best first."""
        grown: dict[frozenset[int], float] = {}
        beside = self._beside(free)
        # From the rim inwards, so that what is left stays in one piece.
        beginnings = sorted(
            free,
            key=lambda q: (
                q not in beside,
                sum(n in free for n in self._coupling.neighbors(q)),
                -self._readout[q],
            ),
        )
        for first in beginnings[:BEGINNINGS]:
            self._left -= 1
            told = self._grown(first, size, free)
            if told is not None:
                grown[told[0]] = told[1]
        # What touches a patch that was cut before comes first: pairs are made at edges that are cut.
        return sorted(grown, key=lambda patch: (bool(beside) and not patch & beside, -grown[patch]))

    def _beside(self, free: frozenset[int]) -> frozenset[int]:
        """The free qubits next to those that are taken."""
        return frozenset(q for q in free if any(n not in free for n in self._coupling.neighbors(q)))

    def _grown(self, first: int, size: int, free: frozenset[int]) -> tuple[frozenset[int], float] | None:
        patch, score = {first}, self._readout[first]
        while len(patch) < size:
            rim = {n for q in patch for n in self._coupling.neighbors(q)} & free - patch
            if not rim:
                return None
            best = max(rim, key=lambda q: (self._gain(q, patch, free), -q))
            score += self._gain(best, patch, free)
            patch.add(best)
        return frozenset(patch), score

    def _gain(self, qubit: int, patch: set[int], free: frozenset[int]) -> float:
        """The best gate that joins it, its readout; a qubit that would be left alone comes first."""
        joins = max(self._coupling.get_edge_data(qubit, n) for n in self._coupling.neighbors(qubit) if n in patch)
        alone = not any(n in free and n not in patch for n in self._coupling.neighbors(qubit))
        return float(joins) + self._readout[qubit] + (1.0 if alone else 0.0)

    def _fits(self, sizes: Sequence[int], free: frozenset[int]) -> bool:
        """Whether the islands that are left have room for the sizes, the largest into the largest."""
        islands = [len(island) for island in rx.connected_components(self._coupling.subgraph(sorted(free)))]
        for size in sizes:
            islands.sort()
            if not islands or islands[-1] < size:
                return False
            islands[-1] -= size
        return True
