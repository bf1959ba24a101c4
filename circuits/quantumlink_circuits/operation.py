"""Operations: a circuit with ports, so that links can be wired into it.

An operation consumes links and delivers one. Its circuit says what the nodes do; its ports say which qubits receive
which end of which link, which qubits are delivered and in which order, and at which site each qubit stands. Two
qubits stand at one site if a gate joins them, or if the operation says so: nothing but a link reaches from one
site to another. What the circuit's metadata states (``pairs``, ``heralds``, ``odd_heralds``, ``outputs``,
``twirls``, see `quantumlink_circuits`) need not be said again.
"""

from __future__ import annotations

import pickle
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

from qiskit.circuit import QuantumCircuit

from quantumlink_circuits.acting import (
    acting_qubits,
    busy_qubits,
    conditional_qubits,
    measured_qubits,
    qubits_measured_later,
    waits,
)
from quantumlink_circuits.arguments import probability
from quantumlink_circuits.content import content_of
from quantumlink_circuits.ports import (
    Port,
    Ports,
    delivered_qubits,
    parities_of_bits,
    qubits_of_links,
    qubits_with_data,
    with_corrections,
)
from quantumlink_circuits.promises import proven_stabilizers
from quantumlink_circuits.random_settings import RandomSetting, random_settings_of
from quantumlink_circuits.sites import site_of_each_qubit


class Operation:
    """A circuit with declared ports: what a link's inner node does to the links it consumes.

    Two operations are equal if their circuits are, instruction by instruction, and their ports.

    Args:
        circuit: what is done; dynamic circuits are welcome. It is copied, composite instructions part by part. In a
            delay a qubit waits in its node's memory.
        inputs: for each link that is consumed, the qubits that receive its ends, in the order of its ends. If None,
            what the metadata's ``pairs`` say; with neither, the registers ``kept_a``, ``spent_a``, ``spent_b``,
            ``kept_b`` of a purification, or ``left``, ``relay`` (2), ``right`` of a swap.
        outputs: the qubits that are delivered, in order. If None, what the metadata's ``outputs`` say; else all
            input qubits that are not measured in the end, by index.
        heralds: parities of classical bits that must be even for a run to be accepted; the metadata's if None.
        odd_heralds: parities that must be odd; the metadata's if None.
        frame: of a delivered qubit, the bits (x, z) whose odd parity means that X, or Z, is still to be done
            there; a correction by those bits is appended.
        sites: the site of some qubits, by port or register; qubits that no gate joins to an input need one.
        random_settings: parameters that are drawn in every run; the metadata's ``twirls`` if None.
        success_probability: the probability, in (0, 1], that it works at all and says so, beside what its heralds
            refuse: detectors that click, a probabilistic gate. If it does not, all is started again.
        name: what it is called; the circuit's name if None.

    Raises:
        ValueError: if a port is missing, names no qubit or is used twice, a herald reads a bit that is never
            written, the circuit acts across sites, it has parameters that nothing sets, or classical variables.
        TypeError: if an argument is of the wrong kind.

    >>> from quantumlink_circuits import entanglement_swap
    >>> operation = Operation(entanglement_swap())
    >>> operation
    <Operation entanglement_swap: left–relay[0], relay[1]–right -> left, right>
    """

    _fields: ClassVar[tuple[str, ...]] = (
        "circuit",
        "inputs",
        "outputs",
        "sites",
        "heralds",
        "odd_heralds",
        "random_settings",
        "success_probability",
        "data",
        "memories",
        "name",
    )
    """What an operation is made of, by name."""

    takes_any_link: ClassVar[bool] = True
    """Whether it may be joined to any links that fit its ports."""

    circuit: QuantumCircuit
    """What is done; not to be changed."""
    inputs: tuple[tuple[int, ...], ...]
    """Of each link that is consumed, the qubits (by index) that receive its ends."""
    outputs: tuple[int, ...]
    """The delivered qubits, in order."""
    sites: tuple[str, ...]
    """The site at which each qubit stands."""
    heralds: tuple[tuple[int, ...], ...]
    """Parities of classical bits that must be even."""
    odd_heralds: tuple[tuple[int, ...], ...]
    """Parities of classical bits that must be odd."""
    random_settings: tuple[RandomSetting, ...]
    """Parameters that are drawn anew in every run."""
    success_probability: float
    """The probability that it works at all, beside what its heralds refuse."""
    data: tuple[int, ...]
    """Qubits (by index) that bring a state of their own: see `with_data`; none of an operation on links alone."""
    memories: tuple[Any, ...]
    """What holds the qubits of each site in the delays of its circuit; nothing where that does nothing."""
    name: str
    """What it is called."""

    def __init__(
        self,
        circuit: QuantumCircuit,
        inputs: Sequence[Sequence[Port]] | None = None,
        outputs: Sequence[Port] | None = None,
        *,
        heralds: Sequence[Sequence[Port]] | None = None,
        odd_heralds: Sequence[Sequence[Port]] | None = None,
        frame: Mapping[Port, tuple[Sequence[Port], Sequence[Port]]] | None = None,
        sites: Mapping[Port, str] | None = None,
        random_settings: Sequence[RandomSetting] | None = None,
        success_probability: float = 1.0,
        name: str | None = None,
    ) -> None:
        self._declare(
            circuit,
            inputs,
            outputs,
            heralds=heralds,
            odd_heralds=odd_heralds,
            frame=frame,
            sites=sites,
            random_settings=random_settings,
            success_probability=success_probability,
            name=name,
            data=(),
        )

    @classmethod
    def with_data(
        cls,
        circuit: QuantumCircuit,
        inputs: Sequence[Sequence[Port]],
        outputs: Sequence[Port] | None = None,
        *,
        data: Sequence[Port] | None = None,
        sites: Mapping[Port, str] | None = None,
        called: Mapping[str, str] | None = None,
        like: Operation | None = None,
    ) -> Operation:
        """An operation that also acts on qubits with a state of their own, such as one that is teleported.

        Args:
            circuit: what is done.
            inputs: as of any operation.
            outputs: the qubits that are delivered; all that are not measured in the end if None.
            data: the qubits that bring a state of their own, in order; all that receive no link if None.
            sites: as of any operation; here a site may have no link's end.
            called: what errors are to call ``inputs``, ``data`` and ``sites``, where they were given as others.
            like: an operation of this circuit, whose heralds, random settings, probability and name are taken; of
                the circuit's metadata if None.

        Raises:
            ValueError: as of any operation.
        """
        result = object.__new__(cls)
        stated: dict[str, Any] = {}
        if like is not None:
            kept = "heralds", "odd_heralds", "random_settings", "success_probability", "name"
            stated = {name: getattr(like, name) for name in kept}
        result._declare(circuit, inputs, outputs, sites=sites, data=data, called=called or {}, **stated)
        return result

    def with_data_as_link(self) -> Operation:
        """The same operation, its data told as one more link that it consumes; it still says which they are."""
        if not self.data:
            return self
        result = self._alike()
        result.inputs = (*self.inputs, self.data)
        return result

    def _declare(
        self,
        circuit: QuantumCircuit,
        inputs: Sequence[Sequence[Port]] | None,
        outputs: Sequence[Port] | None,
        *,
        data: Sequence[Port] | None,
        heralds: Sequence[Sequence[Port]] | None = None,
        odd_heralds: Sequence[Sequence[Port]] | None = None,
        frame: Mapping[Port, tuple[Sequence[Port], Sequence[Port]]] | None = None,
        sites: Mapping[Port, str] | None = None,
        random_settings: Sequence[RandomSetting] | None = None,
        success_probability: float = 1.0,
        name: str | None = None,
        called: Mapping[str, str] = {},
    ) -> None:
        if not isinstance(circuit, QuantumCircuit):
            raise TypeError(f"circuit must be a QuantumCircuit, got {circuit!r}")
        metadata = circuit.metadata or {}
        ports = Ports(circuit)
        self.name = str(circuit.name if name is None else name)
        given = metadata.get("pairs") if inputs is None else inputs
        self.inputs = qubits_of_links(ports, given, called.get("inputs", "inputs"))
        self.circuit = with_corrections(circuit, ports, frame)
        self.data = qubits_with_data(ports, self.inputs, data, called.get("data", "data"))
        given = metadata.get("outputs") if outputs is None else outputs
        ours = self.inputs if data == () else (tuple(range(circuit.num_qubits)),)
        self.outputs = delivered_qubits(self.circuit, ports, ours, given)
        stated = metadata.get("heralds", ()) if heralds is None else heralds
        self.heralds = parities_of_bits("heralds", self.circuit, ports, stated)
        stated = metadata.get("odd_heralds", ()) if odd_heralds is None else odd_heralds
        self.odd_heralds = parities_of_bits("odd_heralds", self.circuit, ports, stated)
        self.sites = site_of_each_qubit(
            self.circuit, ports, self.inputs, sites or {}, alone=data != (), argument=called.get("sites", "sites")
        )
        self.random_settings = random_settings_of(self.circuit, metadata, random_settings)
        self.success_probability = _success(success_probability)
        self.memories = ()

    def turned(self, reversed_inputs: Iterable[int]) -> Operation:
        """The same operation, some of the links that it consumes told from their other end."""
        which = frozenset(reversed_inputs)
        if not which:
            return self
        result = self._alike()
        result.inputs = tuple(q[::-1] if i in which else q for i, q in enumerate(self.inputs))
        return result

    def is_turned(self, other: Operation) -> bool:
        """Whether it is another operation, some of whose links are told from their other end; all as there too."""
        if len(self.inputs) != len(other.inputs):
            return False
        which = [
            i for i, (ours, theirs) in enumerate(zip(self.inputs, other.inputs, strict=True)) if ours != theirs
        ]
        return all(self.inputs[i][::-1] == other.inputs[i] for i in which) and self == other.turned(which)

    @cached_property
    def plain(self) -> Operation:
        """The operation itself, without what its nodes' memories make of it."""
        return self

    def at_nodes(self, retrieved: float, memories: Sequence[Any] = ()) -> Operation:
        """The same operation at nodes that find what it reads out with this probability only: else it fails.

        Args:
            retrieved: that probability.
            memories: what holds the qubits of each site while its circuit waits; nothing if that does nothing.

        Raises:
            ValueError: if the probability is not in (0, 1].
        """
        result = self.plain._alike()
        result.success_probability = _success(self.plain.success_probability * retrieved)
        result.memories = tuple(memories)
        result.__dict__["plain"] = self.plain
        return result

    @cached_property
    def waits(self) -> bool:
        """Whether there are delays in its circuit."""
        return waits(self.circuit)

    def _alike(self) -> Self:
        """A copy that may be changed until it is handed out."""
        result = object.__new__(type(self))
        result.__dict__.update({name: getattr(self, name) for name in self._fields})
        return result

    @property
    def may_fail(self) -> bool:
        """Whether there are heralds that may refuse a run."""
        return bool(self.heralds or self.odd_heralds or self.success_probability < 1)

    @cached_property
    def site_names(self) -> tuple[str, ...]:
        """Every site once, in the order of their first qubits."""
        return tuple(dict.fromkeys(self.sites))

    @cached_property
    def site_of_qubit(self) -> tuple[int, ...]:
        """For each qubit, which of `site_names` it stands at."""
        return tuple(self.site_names.index(site) for site in self.sites)

    @cached_property
    def site_ports(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each site, which ends stand there: pairs (which link, which of its ends)."""
        found: list[list[tuple[int, int]]] = [[] for _ in self.site_names]
        for link, qubits in enumerate(self.inputs):
            for end, qubit in enumerate(qubits):
                found[self.site_of_qubit[qubit]].append((link, end))
        return tuple(map(tuple, found))

    @cached_property
    def acting_sites(self) -> frozenset[int]:
        """The sites (by index) at which anything is done."""
        return self._sites_of(busy_qubits(self.circuit))

    @cached_property
    def sites_that_act(self) -> frozenset[int]:
        """The sites (by index) at which anything is done without a condition."""
        return self._sites_of(acting_qubits(self.circuit))

    @cached_property
    def sites_that_measure(self) -> frozenset[int]:
        """The sites (by index) at which anything is measured without a condition."""
        return self._sites_of(measured_qubits(self.circuit))

    @cached_property
    def sites_that_measure_later(self) -> frozenset[int]:
        """The sites (by index) at which anything is measured under a condition."""
        return self._sites_of(qubits_measured_later(self.circuit))

    @cached_property
    def conditional_qubits(self) -> frozenset[int]:
        """The qubits on which something acts under a condition."""
        return conditional_qubits(self.circuit)

    def _sites_of(self, qubits: Iterable[int]) -> frozenset[int]:
        return frozenset(self.site_of_qubit[q] for q in qubits)

    def verify(self, *, delivers: Sequence[str] | None = None) -> tuple[str, ...]:
        """Prove what a Clifford operation delivers when its links are perfect, in every run that is accepted.

        Each link of two ends arrives as Φ⁺, of more as a GHZ state. The delivered state must then be one pure
        state, whatever was measured. Ports were checked when the operation was made; of a circuit that is not
        Clifford that is all that is proven.

        Args:
            delivers: stabilizers that it is to deliver, such as ``["XX", "-YY"]``: a letter for each output, the
                rightmost for the first. ``"+XX"`` and ``"+ZZ"`` (Φ⁺) if None and it makes one pair of two or more.

        Returns:
            Generators of the stabilizers that were proven, the rightmost letter for the first output; nothing if
            the circuit is not Clifford.

        Raises:
            ValueError: if the promise does not hold, naming the ports at which it fails; or a label is none.

        >>> from quantumlink_circuits import multiway_swap
        >>> sorted(Operation(multiway_swap(3)).verify(delivers=["XXX", "IZZ", "ZZI"]))
        ['+IZZ', '+XXX', '+ZIZ']
        """
        return proven_stabilizers(self, delivers)

    def port(self, qubit: int) -> str:
        """How a qubit is called, by its register."""
        return Ports(self.circuit).name(qubit)

    @cached_property
    def _content(self) -> tuple[Hashable, ...]:
        settings = tuple(
            (tuple(p.name for p in setting.parameters), setting.rows, setting.probabilities)
            for setting in self.random_settings
        )
        return (
            content_of(self.circuit),
            self.inputs,
            self.outputs,
            self.sites,
            self.heralds,
            self.odd_heralds,
            self.success_probability,
            self.data,
            self.memories,
            settings,
        )

    @cached_property
    def _hash(self) -> int:
        return hash(self._content)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Operation):
            return NotImplemented
        return self is other or (self._hash == other._hash and self._content == other._content)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        # Without what is cached: hashes of strings differ from process to process. And as bytes, since Qiskit's
        # circuits do not know the oldest protocols.
        told = pickle.dumps([getattr(self, name) for name in self._fields], protocol=5)
        return _restored, (told, type(self), *(() if self.plain is self else (self.plain,)))

    def __repr__(self) -> str:
        ports = Ports(self.circuit)
        links = ", ".join("–".join(map(ports.name, qubits)) for qubits in self.inputs)
        return f"<Operation {self.name}: {links} -> {', '.join(map(ports.name, self.outputs))}>"


def _restored(fields: bytes, kind: type[Operation] = Operation, plain: Operation | None = None) -> Operation:
    result = object.__new__(kind)
    result.__dict__.update(zip(kind._fields, pickle.loads(fields), strict=True))
    if plain is not None:
        result.__dict__["plain"] = plain
    return result


def _success(value: Any) -> float:
    found = probability("success_probability", value, "a number in (0, 1]")
    if not found:
        raise ValueError(f"success_probability must be in (0, 1]: what never works cannot be used; got {value!r}")
    return found
