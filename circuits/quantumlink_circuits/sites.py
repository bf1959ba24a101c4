"""At which site each qubit of an operation stands: what a gate joins is at one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from qiskit.circuit import QuantumCircuit

from quantumlink_circuits.ports import Port, Ports


def site_of_each_qubit(
    circuit: QuantumCircuit,
    ports: Ports,
    inputs: tuple[tuple[int, ...], ...],
    stated: Mapping[Port, str],
    *,
    alone: bool,
    argument: str = "sites",
) -> tuple[str, ...]:
    """The site of each qubit: what a gate joins is at one place; ``argument`` is what stated sites are given as."""
    group = list(range(circuit.num_qubits))
    joined_by: dict[int, str] = {}

    def find(q: int) -> int:
        while group[q] != q:
            q = group[q]
        return q

    for instruction in circuit.data:
        if instruction.name == "barrier":
            continue
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        for other in _together(instruction, qubits):
            a, b = sorted((find(qubits[0] if other[0] is None else other[0]), find(other[1])))
            if a != b:
                group[b] = a
                joined_by[b] = instruction.name
    names: dict[int, str] = {}
    if not isinstance(stated, Mapping):
        raise TypeError(f"{argument} must map ports to the names of their sites, got {stated!r}")
    for port, site in stated.items():
        if not isinstance(site, str) or not site:
            raise TypeError(f"{argument} must name the site of {port!r}, got {site!r}")
        if isinstance(port, str) and ports.has(site) and not ports.has(port):
            raise ValueError(
                f"{argument} must tell of each port at which site it stands, such as {{{site!r}: {port!r}}}; got "
                f"{{{port!r}: {site!r}}}, and {circuit.name!r} has no port {port!r}"
            )
        for qubit in ports.register(argument, port):
            root = find(qubit)
            if names.setdefault(root, site) != site:
                raise ValueError(
                    f"the circuit {circuit.name!r} acts across sites: {ports.name(qubit)} stands at {site!r}, and "
                    f"gates join it with what stands at {names[root]!r}; only links reach from site to site"
                )
    carrying = {find(qubit) for link in inputs for qubit in link}
    known = {names[root] for root in carrying if root in names}
    for site in set() if alone else set(names.values()) - known:  # it may be called by a port that stands there
        roots = {find(q) for q in ports.register(argument, site)}
        if len(roots) != 1 or not roots <= carrying:
            raise ValueError(f"{argument} names the site {site!r}, at which no link ends")
        names[roots.pop()] = site
    for i, link in enumerate(inputs):
        for a, b in combinations(link, 2):
            if names.get(find(a), find(a)) == names.get(find(b), find(b)):
                raise ValueError(
                    f"the circuit {circuit.name!r} acts across sites: gates join {ports.name(a)} and "
                    f"{ports.name(b)}, which receive two ends of link {i}; only links reach from site to site"
                )
    for qubit in range(circuit.num_qubits):
        root = find(qubit)
        if root not in names:
            if root not in carrying:
                raise ValueError(
                    f"the circuit {circuit.name!r} does not say at which site {ports.name(qubit)} stands, and "
                    f"no gate "
                    f"joins it to a link's end: name its site in {argument}"
                )
            names[root] = ports.name(qubit)
    return tuple(names[find(qubit)] for qubit in range(circuit.num_qubits))


def _together(instruction: Any, qubits: list[int]) -> Iterable[tuple[int | None, int]]:
    """Pairs of qubits that an instruction joins; a condition joins none, only what stands in its blocks."""
    blocks = getattr(instruction.operation, "blocks", None)
    if not blocks:
        yield from ((None, q) for q in qubits[1:])
        return
    for block in blocks:
        for inner in block.data:
            if inner.name == "barrier":
                continue
            places = [qubits[block.find_bit(q).index] for q in inner.qubits]
            for a, b in _together(inner, places):
                yield (places[0] if a is None else a), b
