"""Pairs as circuits: what brings one between two nodes, with its noise and its heralds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from quantumlink.distributed.machine import Machine
from quantumlink.link import Link
from quantumlink.program import Program, RandomSetting
from quantumlink.readings import compose


@dataclass(frozen=True, eq=False)
class PairCircuit:
    """The circuit of a link, its qubits at nodes by number."""

    link: Link
    """The link."""
    program: Program
    """Its circuit."""
    nodes: tuple[int, ...]
    """The node of each qubit."""
    ends: tuple[int, int]
    """The qubits that are the near and the far half."""

    @cached_property
    def asked(self) -> tuple[tuple[int, int], ...]:
        """The nodes, each with how many of their qubits are in the circuit."""
        return tuple(Counter(self.nodes).items())

    @property
    def random_settings(self) -> tuple[RandomSetting, ...]:
        """Parameters that are drawn anew in every run."""
        return self.program.random_settings


class PairCircuits:
    """The circuits of a machine's links, each made once."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._number = {node.name: i for i, node in enumerate(machine.nodes)}
        self._known: dict[tuple[int, int], PairCircuit] = {}

    def of(self, source: int, target: int) -> PairCircuit:
        """The circuit of a pair whose near half is at the first node."""
        found = self._known.get((source, target))
        if found is None:
            found = self._known[source, target] = self._made(source, target)
        return found

    def _made(self, source: int, target: int) -> PairCircuit:
        link = self._machine.link(source, target)
        program = compose(link)
        ends: list[Any] = list(program.ends.values())
        nodes = tuple(self._number.get(node.name, -1) for node in program.nodes)
        if -1 in nodes:
            raise ValueError(f"the link {link!r} needs a detector's qubit, which stands at no node")
        return PairCircuit(link, program, nodes, (ends[0], ends[1]))
