"""A distributed circuit on one device that is cut into virtual processors.

`quantumlink.execution.preparation.slice_device` cuts the coupling map; here each qubit of a distributed circuit
gets its physical one: halves of pairs stand at edges that were cut, computing qubits behind them. With
``prepare(..., medium="play")`` the noise of the network's links is played on the pairs that are made there. Where a
half serves links to several processors, or an edge is missing, the device's router brings qubits together, and may
cross a cut for it: `crossings` counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

from qiskit.circuit import QuantumCircuit

from quantumlink import validation
from quantumlink.distributed.distribution import Distribution
from quantumlink.distributed.events import Place
from quantumlink.execution.preparation.slicing import VirtualProcessor


def layout_on(distribution: Distribution, processors: Mapping[str, VirtualProcessor]) -> list[int]:
    """The physical qubit of each qubit of a distributed circuit, as ``initial_layout`` of `quantumlink.prepare`.

    Halves of a pair are put at both ends of an edge between the two processors, where one is free; computing
    qubits as near to them as may be, those first that meet them most often.

    Args:
        distribution: the distributed circuit.
        processors: the processor of each node that has a qubit, by the node's name.

    Raises:
        ValueError: if a node has no processor, or one with too few qubits.
        TypeError: if these are no distribution and no processors.

    >>> import quantumlink as ql
    >>> from qiskit.providers.fake_provider import GenericBackendV2
    >>> from quantumlink.execution.preparation import slice_device
    >>> backend = GenericBackendV2(4, coupling_map=[[0, 1], [1, 2], [2, 3]], seed=1)
    >>> a, b = (ql.Node(name, qubits=1, communication=1) for name in "ab")
    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.cx(0, 1)
    >>> d = ql.distribute(circuit, ql.Network([a, b], [ql.ElementaryLink(a, b)]), placement={0: "a", 1: "b"})
    >>> layout = layout_on(d, slice_device(backend, {"a": 2, "b": 2}))
    >>> [register.name for register in d.circuit.qregs], layout
    (['a', 'a_link', 'b', 'b_link'], [0, 1, 3, 2])
    """
    validation.instance("distribution", distribution, Distribution, "what distribute returned")
    return _Laying(distribution, _checked(processors)).laid()


def crossings(circuit: QuantumCircuit, processors: Mapping[str, VirtualProcessor]) -> Counter[tuple[str, str]]:
    """How many gates of a prepared circuit join two processors, by their names.

    Raises:
        TypeError: if these are no circuit and no processors.
    """
    validation.instance("circuit", circuit, QuantumCircuit, "a prepared circuit")
    owner = {q: name for name, part in _checked(processors).items() for q in part.qubits}
    found: Counter[tuple[str, str]] = Counter()
    for step in circuit.data:
        names = sorted({owner[i] for i in (circuit.find_bit(q).index for q in step.qubits) if i in owner})
        if len(names) == 2 and step.name != "barrier" and not getattr(step.operation, "blocks", None):
            found[names[0], names[1]] += 1
    return found


def _checked(processors: Any) -> Mapping[str, VirtualProcessor]:
    validation.instance(
        "processors", processors, Mapping, "a mapping from nodes' names to what slice_device returns"
    )
    for name, part in processors.items():
        validation.instance(f"processors[{name!r}]", part, VirtualProcessor, "a VirtualProcessor of slice_device's")
    return cast("Mapping[str, VirtualProcessor]", processors)


class _Laying:
    def __init__(self, distribution: Distribution, processors: Mapping[str, VirtualProcessor]) -> None:
        self._circuit = distribution.circuit
        self._place: dict[int, Place] = {i: place for place, i in distribution.built.qubit_of.items()}
        self._name = [node.name for node in distribution.machine.nodes]
        self._processors = processors
        self._at: dict[int, int] = {}
        self._check()
        self._free = {name: list(part.qubits) for name, part in processors.items()}
        self._met: dict[int, Counter[int]] = {i: Counter() for i in self._place}
        self._pairs: Counter[tuple[int, int]] = Counter()
        for step in self._circuit.data:
            if len(step.qubits) == 2:
                a, b = (self._circuit.find_bit(q).index for q in step.qubits)
                self._met[a][b] += 1
                self._met[b][a] += 1
                if step.name == "bell_pair":
                    self._pairs[a, b] += 1

    def laid(self) -> list[int]:
        """All of them."""
        for (a, b), _ in self._pairs.most_common():
            self._put_pair(a, b)
        halves = [i for i, place in self._place.items() if place.holds_pairs]
        for i in halves:
            self._put_near(i, ())
        others = [i for i in self._place if i not in self._at]
        for i in sorted(others, key=lambda i: (-sum(self._met[i][h] for h in halves), i)):
            self._put_near(i, [other for other in self._met[i] if other in self._at] or halves)
        return [self._at[i] for i in range(self._circuit.num_qubits)]

    def _check(self) -> None:
        needed = Counter(self._name[place.node] for place in self._place.values())
        for name, count in needed.items():
            if name not in self._processors:
                raise ValueError(
                    f"processors must have one for node {name!r}, it has {', '.join(self._processors) or 'none'}"
                )
            have = len(self._processors[name].qubits)
            if have < count:
                raise ValueError(
                    f"node {name!r} needs {count} qubits with those for pairs, its processor has {have}"
                )

    def _node(self, qubit: int) -> str:
        return self._name[self._place[qubit].node]

    def _put_pair(self, a: int, b: int) -> None:
        """Both halves at an edge that was cut, where one is left."""
        edges = self._processors[self._node(a)].neighbors.get(self._node(b), ())
        for own, other in edges:
            if all(self._may(i, physical) for i, physical in ((a, own), (b, other))):
                self._put(a, own)
                self._put(b, other)
                return

    def _may(self, qubit: int, physical: int) -> bool:
        return self._at.get(qubit) == physical or (
            qubit not in self._at and physical in self._free[self._node(qubit)]
        )

    def _put(self, qubit: int, physical: int) -> None:
        if qubit not in self._at:
            self._at[qubit] = physical
            self._free[self._node(qubit)].remove(physical)

    def _put_near(self, qubit: int, others: Any) -> None:
        if qubit in self._at:
            return
        part = self._processors[self._node(qubit)]
        local = {physical: i for i, physical in enumerate(part.qubits)}
        distance = part.target.build_coupling_map()
        near = [local[self._at[o]] for o in others if self._node(o) == self._node(qubit)]

        def far(physical: int) -> float:
            return sum(distance.distance(local[physical], o) for o in near) if distance is not None else 0.0

        self._put(qubit, min(self._free[self._node(qubit)], key=lambda physical: (far(physical), physical)))
